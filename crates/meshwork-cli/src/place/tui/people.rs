//! The people of a room as a list beside the canvas: the nearest first, in the words that the pages use.

use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{LinkState, PeerView};
use meshwork_core::time::Time;

/// One endpoint as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) endpoint: Endpoint,
    /// Their name, or the beginning of their key.
    pub(super) called: String,
    pub(super) state: LinkState,
    /// What stands beside the state: a time, or why it is so.
    pub(super) beside: String,
    /// Whether strokes reach them and theirs reach us.
    pub(super) is_linked: bool,
    rtt: Option<Duration>,
}

/// The rows of everybody to whom there is or was a link, linked ones by distance first; who is in the room without one
/// has none.
pub(super) fn rows(peers: &[PeerView], now: Time) -> Vec<Row> {
    let near = peers.iter().filter(|peer| !peer.distant);
    let mut rows: Vec<_> = near.map(|peer| Row::new(peer, now)).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (rank(row.state), row.rtt.unwrap_or(Duration::MAX));
        key(one).cmp(&key(other)).then_with(|| one.called.cmp(&other.called))
    });
    rows
}

/// The form of a strand, so that a state is told without colour too.
pub(super) fn strand(state: LinkState, is_unicode: bool) -> &'static str {
    match (state, is_unicode) {
        (LinkState::Direct, true) => "────",
        (LinkState::Relayed, true) => "─◇──",
        (LinkState::Connecting, true) => "┄┄┄┄",
        (LinkState::Stale, true) => "~~~~",
        (LinkState::Gone, true) => "─╳ ─",
        (LinkState::Direct, false) => "----",
        (LinkState::Relayed, false) => "-<>-",
        (LinkState::Connecting, false) => "....",
        (LinkState::Stale, false) => "~~~~",
        (LinkState::Gone, false) => "-x -",
    }
}

/// "23 ms", "1.2 s": milliseconds below a second.
pub(super) fn rtt_words(rtt: Duration) -> String {
    match rtt.as_millis() {
        0 => String::from("below 1 ms"),
        millis @ 1..=999 => format!("{millis} ms"),
        _ => format!("{:.1} s", rtt.as_secs_f64()),
    }
}

impl Row {
    fn new(peer: &PeerView, now: Time) -> Row {
        let called = match peer.name.trim() {
            _ if peer.own => "You, elsewhere".to_owned(),
            "" => peer.endpoint.peer.short(),
            name => name.to_owned(),
        };
        let seconds = |since: Time| now.since(since).as_secs().max(1);
        let is_measured = matches!(peer.state, LinkState::Direct | LinkState::Relayed);
        let rtt = peer.rtt.filter(|_| is_measured);
        let beside = match peer.state {
            LinkState::Connecting => format!("{} s", seconds(peer.since)),
            LinkState::Stale => format!("silent {} s", seconds(peer.heard.unwrap_or(peer.since))),
            LinkState::Gone => peer.reason.clone().unwrap_or_default(),
            _ => rtt.map(rtt_words).unwrap_or_default(),
        };
        Row {
            endpoint: peer.endpoint,
            called,
            state: peer.state,
            beside,
            is_linked: peer.attached && peer.state.is_linked(),
            rtt,
        }
    }
}

fn rank(state: LinkState) -> u8 {
    match state {
        LinkState::Direct | LinkState::Relayed => 0,
        LinkState::Connecting => 1,
        LinkState::Stale => 2,
        LinkState::Gone => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;
    use meshwork_core::id::PeerId;

    fn peer(name: &str, state: LinkState, rtt_ms: Option<u64>) -> PeerView {
        PeerView {
            name: name.into(),
            since: Time(1_000_000),
            heard: Some(Time(2_000_000)),
            reason: Some("closed the tab".into()),
            rtt: rtt_ms.map(Duration::from_millis),
            ..example::peer(state)
        }
    }

    #[test]
    fn near_ones_come_first_in_the_pages_words() {
        let peers = [
            peer("Ada", LinkState::Gone, None),
            peer("Ben", LinkState::Direct, Some(50)),
            peer("Cem", LinkState::Stale, None),
            peer("Dag", LinkState::Connecting, None),
            peer("Eva", LinkState::Relayed, Some(5)),
            peer("", LinkState::Direct, None),
        ];
        let rows = rows(&peers, Time(10_000_000));
        let told: Vec<_> = rows.iter().map(|row| (row.called.as_str(), row.beside.as_str())).collect();
        let short = PeerId([1; 32]).short();
        assert_eq!(
            told,
            [
                ("Eva", "5 ms"),
                ("Ben", "50 ms"),
                (short.as_str(), ""),
                ("Dag", "9 s"),
                ("Cem", "silent 8 s"),
                ("Ada", "closed the tab")
            ]
        );
    }

    #[test]
    fn distances_have_units() {
        let words = [0, 23, 999, 1200].map(|millis| rtt_words(Duration::from_millis(millis)));
        assert_eq!(words, ["below 1 ms", "23 ms", "999 ms", "1.2 s"]);
    }

    #[test]
    fn each_state_has_a_form_of_its_own() {
        let states =
            [LinkState::Direct, LinkState::Relayed, LinkState::Connecting, LinkState::Stale, LinkState::Gone];
        for is_unicode in [true, false] {
            let mut forms = states.map(|state| strand(state, is_unicode)).to_vec();
            forms.sort_unstable();
            forms.dedup();
            assert_eq!(forms.len(), states.len());
        }
    }
}
