//! The people of a room as the comb lists them: one row for each endpoint, in an order that holds still.

pub mod acquainted;
pub mod beads;
pub mod rail;
pub mod visits;

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::links::rtt::PingOutcomes;
use meshwork_core::node::{LinkState, PeerView};
use meshwork_core::seam::path::LinkPath;
use meshwork_core::time::Time;

use crate::texts;

/// How often linked rows may change places, and their beads where they stand: whoever watches a comb that moves reads nothing, and a
/// phone draws each frame of it.
pub const SORT_INTERVAL: Duration = Duration::from_secs(5);

/// One endpoint as the comb shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who.
    pub endpoint: Endpoint,
    /// What they are called: their name, or their bead's.
    pub called: String,
    /// Whether they were found to have the same as this page, and nothing has come between.
    pub is_in_step: bool,
    /// The letter on their bead; none when they have no name.
    pub letter: Option<char>,
    /// Whether it is another tab or program of one's own.
    pub own: bool,
    /// State of the link.
    pub state: LinkState,
    /// Whether they proved that they may be in the room.
    pub attached: bool,
    /// Whether they are expected to stay: only those acknowledge strokes.
    pub stays: bool,
    /// What follows the state's word, or nothing.
    pub beside: String,
    /// Round-trip time, once measured.
    pub rtt: Option<Duration>,
    /// The round-trip time at which the bead stands: the one there was when it last might move.
    pub stands_at: Option<Duration>,
    /// How packets travel, while there is a link.
    pub path: Option<LinkPath>,
    /// How much round trips differ, once measured.
    pub jitter: Option<Duration>,
    /// What became of the last minute's pings.
    pub pings: PingOutcomes,
    /// Bytes both ways.
    pub bytes: u64,
    /// Bytes from them.
    pub received: u64,
    /// Bytes to them.
    pub sent: u64,
    /// How long ago they were last heard, while there is a link.
    pub heard_ago: Option<Duration>,
    /// How long the link has been in its state.
    pub since_ago: Duration,
    /// Whether one does not want a link to them.
    pub unlinked: bool,
}

/// Where the letters stand that run from right to left.
const RUNNING_LEFT: [std::ops::RangeInclusive<char>; 5] = [
    '\u{590}'..='\u{8ff}',
    '\u{fb1d}'..='\u{fdff}',
    '\u{fe70}'..='\u{feff}',
    '\u{10800}'..='\u{10fff}',
    '\u{1e800}'..='\u{1efff}',
];

/// What somebody or a room is called, to be put into a sentence: a name that runs from right to left does not turn round what
/// stands beside it (Unicode Standard Annex 9, first strong isolates).
pub fn isolated(name: &str) -> String {
    let runs_left = |character| RUNNING_LEFT.iter().any(|range| range.contains(&character));
    match name.chars().any(runs_left) {
        true => format!("\u{2068}{name}\u{2069}"),
        false => name.to_owned(),
    }
}

/// People from whom on the comb lists one's own links alone.
pub const LISTED_MAX: usize = 30;

impl Row {
    /// The row of a peer at time `now`.
    pub fn new(view: PeerView, now: Time) -> Row {
        let called = match view.name.trim() {
            _ if view.own => texts::people::ANOTHER_TAB.to_owned(),
            "" => beads::name(&view.endpoint.peer),
            name => isolated(name),
        };
        let letter = beads::letter(view.name.trim());
        let age = |since: Time| now.since(since).as_secs().max(1);
        let beside = match view.state {
            LinkState::Connecting => texts::people::seconds(age(view.since)),
            LinkState::Stale => texts::people::silent(age(view.heard.unwrap_or(view.since))),
            LinkState::Gone => texts::people::gone(view.reason.unwrap_or_default()),
            LinkState::Relayed => view.relayed_because.map(|because| because.to_string()).unwrap_or_default(),
            _ => String::new(),
        };
        let is_measured = matches!(view.state, LinkState::Direct | LinkState::Relayed);
        let rtt = view.rtt.filter(|_| is_measured);
        Row {
            endpoint: view.endpoint,
            called,
            is_in_step: false,
            letter,
            own: view.own,
            state: view.state,
            attached: view.attached,
            stays: view.stays,
            beside,
            rtt,
            stands_at: rtt,
            path: view.path.filter(|_| is_measured),
            jitter: view.jitter.filter(|_| is_measured),
            pings: view.pings,
            bytes: view.bytes_received.saturating_add(view.bytes_sent),
            received: view.bytes_received,
            sent: view.bytes_sent,
            heard_ago: view.heard.map(|heard| now.since(heard)),
            since_ago: now.since(view.since),
            unlinked: view.unlinked,
        }
    }

    /// Whether strokes reach them and theirs reach us.
    pub fn is_linked(&self) -> bool {
        self.state.is_linked() && self.attached
    }

    /// Whether they do not want a link.
    pub fn is_unwanted(&self) -> bool {
        self.state == LinkState::Gone && self.beside == "unlinked you"
    }

    fn rank(&self) -> u8 {
        match self.state {
            LinkState::Direct | LinkState::Relayed => 0,
            LinkState::Connecting => 1,
            LinkState::Stale => 2,
            LinkState::Gone => 3,
        }
    }
}

/// How many are linked.
pub fn linked(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.is_linked()).count()
}

/// How many people are here, oneself included: those who are listed and not gone, or those who are linked and whoever is
/// beyond them, where that is more.
pub fn here(rows: &[Row], beyond: Beyond) -> usize {
    let others = |is_here: fn(&Row) -> bool| {
        let peers = rows.iter().filter(|row| !row.own && is_here(row)).map(|row| row.endpoint.peer);
        peers.collect::<BTreeSet<_>>().len()
    };
    let listed = others(|row| row.state != LinkState::Gone);
    1 + listed.max(others(Row::is_linked) + beyond.members)
}

/// Which rows the comb lists: all, or of more than [`LISTED_MAX`] those that are linked.
pub fn listed(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let is_few = rows.len() <= LISTED_MAX;
    rows.iter().filter(move |row| is_few || row.is_linked())
}

/// Members to whom one has no link: what they paint comes through those to whom one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// How many.
    pub members: usize,
    /// Whether that is reckoned from samples.
    pub is_estimate: bool,
}

impl Beyond {
    /// How many there are beside the rows that are listed, in words that stand below those; none when there is nobody.
    pub fn words(self, rows: &[Row]) -> Option<String> {
        let unlisted = rows.len() - listed(rows).count();
        let more = self.members.max(unlisted);
        if more == 0 {
            return None;
        }
        Some(texts::people::beyond(more, self.is_estimate, rows.iter().any(Row::is_linked)))
    }
}

/// Sorts rows: linked ones by RTT, then connecting, stale and gone ones.
///
/// Unless `may_move`, linked rows keep the places they had in `before`, and their beads stand where they stood.
pub fn arrange(rows: &mut [Row], before: &[Row], may_move: bool) {
    let still = if may_move { &[] } else { before };
    let place = |row: &Row| still.iter().position(|other| other.endpoint == row.endpoint);
    for row in rows.iter_mut().filter(|row| row.rtt.is_some()) {
        let stood_at = place(row).and_then(|place| still[place].stands_at);
        row.stands_at = stood_at.or(row.stands_at);
    }
    rows.sort_by_cached_key(|row| {
        let place = place(row).unwrap_or(usize::MAX);
        (row.rank(), place, row.rtt.unwrap_or(Duration::MAX), row.endpoint)
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use meshwork_core::id::{Identity, Instance};

    fn endpoint(seed: u8) -> Endpoint {
        Endpoint { peer: Identity::from_secret([seed; 32]).peer(), instance: Instance(u64::from(seed)) }
    }

    pub(crate) fn view(seed: u8, state: LinkState, rtt_ms: Option<u64>) -> PeerView {
        PeerView {
            endpoint: endpoint(seed),
            name: format!("P{seed}"),
            own: false,
            state,
            since: Time(1_000_000),
            heard: Some(Time(2_000_000)),
            reason: Some("closed the tab".into()),
            rtt: rtt_ms.map(Duration::from_millis),
            path: None,
            relayed_because: None,
            jitter: rtt_ms.map(|rtt| Duration::from_millis(rtt / 10)),
            pings: PingOutcomes::default(),
            sought: false,
            attached: true,
            distant: false,
            stays: true,
            in_step: true,
            bytes_received: 1_900_000,
            bytes_sent: 33_000,
            session: None,
            epoch: 0,
            unacknowledged: 0,
            unlinked: false,
        }
    }

    pub(crate) fn row(seed: u8, state: LinkState, rtt_ms: Option<u64>) -> Row {
        Row::new(view(seed, state, rtt_ms), Time(10_000_000))
    }

    #[test]
    fn names_from_right_to_left_stand_alone() {
        assert_eq!(isolated("Mira"), "Mira");
        assert_eq!(isolated("\u{645}\u{6cc}\u{631}\u{627}"), "\u{2068}\u{645}\u{6cc}\u{631}\u{627}\u{2069}");
        assert_eq!(beads::letter(&isolated("\u{645}\u{6cc}")), Some('\u{645}'), "the bead has its letter");
    }

    #[test]
    fn people_have_names_of_some_kind() {
        let mut nameless = view(1, LinkState::Direct, None);
        nameless.name = "  ".into();
        assert_eq!(Row::new(nameless.clone(), Time(0)).called, beads::name(&endpoint(1).peer));
        nameless.own = true;
        assert_eq!(Row::new(nameless, Time(0)).called, "You, another tab");
    }

    #[test]
    fn near_ones_come_first_and_gone_ones_last() {
        let mut rows = [
            row(1, LinkState::Gone, None),
            row(2, LinkState::Direct, Some(50)),
            row(3, LinkState::Stale, None),
            row(4, LinkState::Connecting, None),
            row(5, LinkState::Relayed, Some(5)),
            row(6, LinkState::Direct, None),
        ];
        arrange(&mut rows, &[], true);
        let order: Vec<u64> = rows.iter().map(|row| row.endpoint.instance.0).collect();
        assert_eq!(order, [5, 2, 6, 4, 3, 1]);
        assert_eq!(linked(&rows), 4);
    }

    #[test]
    fn of_many_people_ones_own_links_are_listed() {
        let state = |seed: u8| if seed < 12 { LinkState::Direct } else { LinkState::Connecting };
        let rows: Vec<Row> = (0..52).map(|seed| row(seed, state(seed), None)).collect();
        assert_eq!([listed(&rows).count(), listed(&rows[..30]).count()], [12, 30]);
        let words = |members, is_estimate, rows| Beyond { members, is_estimate }.words(rows);
        assert_eq!(words(0, false, &rows).as_deref(), Some("and 40 more through them"));
        assert_eq!(words(11, false, &rows[..5]).as_deref(), Some("and 11 more through them"));
        assert_eq!(words(988, true, &rows).as_deref(), Some("and about 988 more through them"));
        assert_eq!(words(3, false, &rows[20..22]).as_deref(), Some("and 3 more"), "nobody is linked");
        assert_eq!(words(0, false, &rows[..30]), None);
    }

    #[test]
    fn everybody_here_is_counted_once() {
        let beyond = |members| Beyond { members, is_estimate: false };
        assert_eq!(here(&[], beyond(0)), 1, "oneself");
        let mut rows = [
            row(1, LinkState::Direct, None),
            row(2, LinkState::Connecting, None),
            row(3, LinkState::Gone, None),
            row(4, LinkState::Direct, None),
        ];
        rows[3].own = true;
        assert_eq!(here(&rows, beyond(0)), 3);
        assert_eq!(here(&rows, beyond(1)), 3, "who is being linked to is the one beyond");
        assert_eq!(here(&rows, beyond(16)), 18);
    }

    #[test]
    fn rows_hold_still_until_they_may_move() {
        let before = [1, 2, 3].map(|seed| row(seed, LinkState::Direct, (seed < 3).then_some(40)));
        let now = || [1, 2, 3].map(|seed| row(seed, LinkState::Direct, Some(60 / u64::from(seed))));
        let seen = |rows: [Row; 3]| {
            rows.map(|row| (row.endpoint.instance.0, row.stands_at.unwrap_or_default().as_millis()))
        };
        let mut rows = now();
        arrange(&mut rows, &before, false);
        assert_eq!(seen(rows), [(1, 40), (2, 40), (3, 20)], "the first time of somebody counts at once");
        let mut rows = now();
        arrange(&mut rows, &before, true);
        assert_eq!(seen(rows), [(3, 20), (2, 30), (1, 60)]);
    }
}
