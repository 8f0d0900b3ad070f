//! The people of the room as the page knows them: what they are called, who came and went, the comb's rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::{LinkState, PeerView};
use meshwork_core::overlay::Kind;
use meshwork_core::time::Time;
use meshwork_web::people::acquainted::{self, Names, Peers, Unnamed};
use meshwork_web::people::beads;
use meshwork_web::people::{self, Beyond, Row, SORT_INTERVAL, isolated};
use meshwork_web::sparkline::History;
use meshwork_web::texts;

use super::super::browser;
use super::super::voice::Passing;
use super::node::PageNode;
use super::set_if_new;
use super::visited::Visited;

const NAMES_KEY: &str = "meshwork-met";
const MUTED_KEY: &str = "meshwork-muted";
const UNLINKED_KEY: &str = "meshwork-unlinked";

/// How long it takes until everybody is linked to everybody, in a room that one has just come into or that became small
/// enough for that.
const MESH_SETTLES: Duration = Duration::from_secs(10);

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct People {
    node: PageNode,
    names: StoredValue<Names>,
    /// Names in profiles.
    profiles: StoredValue<BTreeMap<PeerId, String>>,
    unnamed: StoredValue<Unnamed>,
    unlinked: StoredValue<Peers>,
    sorted: StoredValue<Time>,
    /// From when on a link that comes or goes is a person who does; `None` while members keep some links each, and until
    /// the room is open.
    comings_since: StoredValue<Option<Time>>,
    /// The room's people but ourselves.
    pub(crate) rows: RwSignal<Vec<Row>>,
    /// The names of these people, and whether they said them. It stays the same while round trips change.
    called_here: Memo<Vec<(PeerId, String, bool)>>,
    /// How often the names in profiles changed.
    profile_names: RwSignal<u64>,
    /// How many others the meeting point says are in the room.
    pub(crate) named: RwSignal<u64>,
    /// Who is in the room beyond those.
    pub(crate) beyond: RwSignal<Beyond>,
    /// Whether the rows of the comb must hold still.
    pub(crate) is_comb_touched: RwSignal<bool>,
    /// Whose cursors and announcements are hidden.
    pub(crate) muted: RwSignal<Peers>,
    /// The last minute of each link.
    pub(crate) round_trips: RwSignal<BTreeMap<Endpoint, History>>,
}

impl People {
    pub(super) fn new(node: PageNode) -> People {
        let text = |key: &str| browser::stored(key).unwrap_or_default();
        let rows: RwSignal<Vec<Row>> = RwSignal::new(Vec::new());
        let called_here = Memo::new(move |_| {
            let called = |row: &Row| (row.endpoint.peer, row.called.clone(), row.letter.is_some());
            let mut called: Vec<_> = rows.with(|rows| rows.iter().map(called).collect());
            // Rows are sorted by round trips.
            called.sort_unstable();
            called
        });
        People {
            node,
            called_here,
            profile_names: RwSignal::new(0),
            names: StoredValue::new(Names::read(&text(NAMES_KEY))),
            profiles: StoredValue::new(BTreeMap::new()),
            unnamed: StoredValue::new(Unnamed::default()),
            unlinked: StoredValue::new(Peers::read(&text(UNLINKED_KEY))),
            sorted: StoredValue::new(Time(0)),
            comings_since: StoredValue::new(None),
            rows,
            named: RwSignal::new(0),
            beyond: RwSignal::new(Beyond::default()),
            is_comb_touched: RwSignal::new(false),
            muted: RwSignal::new(Peers::read(&text(MUTED_KEY))),
            round_trips: RwSignal::new(BTreeMap::new()),
        }
    }

    pub(super) fn leave(self) {
        self.rows.set(Vec::new());
        self.beyond.set(Beyond::default());
        self.comings_since.set_value(None);
    }

    /// Nobody is in the room yet: whoever comes has joined.
    pub(super) fn begin_alone(self) {
        self.comings_since.set_value(Some(Time(0)));
    }

    /// Tells the node whom this profile does not want to be linked to.
    pub(super) fn restore_unlinked(self) {
        let unlinked: Vec<PeerId> = self.unlinked.with_value(|peers| peers.iter().collect());
        self.node.with(|node, now| {
            for peer in unlinked {
                // Only one's own key is refused, which was exchanged since then.
                let _ = node.unlink(now, peer);
            }
        });
    }

    pub(super) fn set_unlinked(self, peer: PeerId, is_unlinked: bool) {
        let done = self.node.with(|node, now| {
            if is_unlinked {
                return node.unlink(now, peer).is_ok();
            }
            node.link_again(now, peer);
            true
        });
        if done {
            self.unlinked.update_value(|peers| peers.set(peer, is_unlinked));
            self.unlinked.with_value(|peers| browser::store(UNLINKED_KEY, &peers.write()));
        }
    }

    pub(super) fn set_muted(self, peer: PeerId, is_muted: bool) {
        self.muted.update(|peers| peers.set(peer, is_muted));
        self.muted.with_untracked(|peers| browser::store(MUTED_KEY, &peers.write()));
    }

    /// Whether somebody is muted.
    pub(crate) fn is_muted(self, peer: PeerId) -> bool {
        self.muted.with_untracked(|peers| peers.has(peer))
    }

    /// What someone is called, by themselves or by us.
    pub(crate) fn called(self, who: Endpoint) -> String {
        if who == self.node.endpoint() {
            return texts::YOU.to_owned();
        }
        let known = self.row(who).map(|row| row.called);
        known.or_else(|| self.remembered(who.peer)).unwrap_or_else(|| self.bead_name(who.peer))
    }

    /// What the author of a cell is called, as far as one of their endpoints is known.
    pub(crate) fn called_by_peer(self, who: PeerId) -> String {
        if who == self.node.peer() {
            return texts::YOU_IN_SENTENCE.to_owned();
        }
        match self.name_of(who) {
            Some(name) => self.marked(name, who),
            None => self.bead_name(who),
        }
    }

    /// A name, with a mark if oneself or somebody else known here has the same.
    fn marked(self, name: String, who: PeerId) -> String {
        let own = self.node.with(|node, _| (node.endpoint().peer, isolated(node.name().trim())));
        let here = self.rows.with_untracked(|rows| {
            let named = rows.iter().filter(|row| row.letter.is_some());
            named.map(|row| (row.endpoint.peer, row.called.clone())).collect::<Vec<_>>()
        });
        let away = self
            .profiles
            .with_value(|names| names.iter().map(|(peer, name)| (*peer, isolated(name))).collect::<Vec<_>>());
        let others = std::iter::once(own).chain(here).chain(away);
        acquainted::told_apart(name, who, others)
    }

    /// What the author of a cell is called where that stands alone.
    pub(crate) fn listed(self, who: PeerId) -> String {
        if who == self.node.peer() { texts::YOU.to_owned() } else { self.called_by_peer(who) }
    }

    /// The people here who keep the room, and have all that this page has; each once. Tracked.
    pub(crate) fn keepers(self) -> Vec<String> {
        let keeps = |row: &&Row| row.is_linked() && row.stays && row.is_in_step;
        let keepers: BTreeSet<PeerId> =
            self.rows.with(|rows| rows.iter().filter(keeps).map(|row| row.endpoint.peer).collect());
        keepers.into_iter().map(|peer| self.called_by_peer(peer)).collect()
    }

    /// Whether somebody said a name, now or when they were last met.
    pub(crate) fn is_named(self, who: PeerId) -> bool {
        self.name_of(who).is_some()
    }

    /// The letter on somebody's bead; none where no name of theirs is known.
    pub(crate) fn letter_of(self, who: PeerId) -> Option<char> {
        beads::letter(&self.name_of(who)?)
    }

    /// What somebody said to be called, now or when they were last met.
    fn name_of(self, who: PeerId) -> Option<String> {
        let known = self.rows.with_untracked(|rows| {
            rows.iter()
                .find(|row| row.endpoint.peer == who && row.letter.is_some())
                .map(|row| row.called.clone())
        });
        known.or_else(|| self.in_profile(who)).or_else(|| self.remembered(who))
    }

    /// Takes the names that stand in profiles.
    pub(super) fn set_profile_names(self, names: impl Iterator<Item = (PeerId, String)>) {
        let names = names.filter(|(_, name)| !name.is_empty()).collect();
        if self.profiles.with_value(|known| *known != names) {
            self.profiles.set_value(names);
            self.profile_names.update(|count| *count += 1);
        }
    }

    /// From now on the caller runs again when somebody has another name.
    pub(crate) fn track_names(self) {
        self.called_here.track();
        self.profile_names.track();
    }

    fn in_profile(self, who: PeerId) -> Option<String> {
        self.profiles.with_value(|names| names.get(&who).map(|name| isolated(name)))
    }

    /// What somebody was called when they were last met.
    fn remembered(self, peer: PeerId) -> Option<String> {
        self.names.with_value(|names| names.name(peer).map(isolated))
    }

    /// What somebody is called who has no name.
    fn bead_name(self, peer: PeerId) -> String {
        self.unnamed.try_update_value(|unnamed| unnamed.call(peer)).unwrap_or_default()
    }

    /// Everybody who is here, or was met when this browser remembers it.
    pub(crate) fn everybody_known(self) -> Vec<PeerId> {
        let mut peers: Vec<PeerId> =
            self.rows.with_untracked(|rows| rows.iter().map(|row| row.endpoint.peer).collect());
        self.names.with_value(|names| peers.extend(names.peers()));
        peers
    }

    /// The people who can be named: who is here, each once, with what they are called. Tracked.
    pub(crate) fn others(self) -> Vec<(PeerId, String)> {
        let me = self.node.peer();
        let mut others: Vec<(PeerId, String)> = self.rows.with(|rows| {
            let others = rows.iter().filter(|row| row.endpoint.peer != me);
            others.map(|row| (row.endpoint.peer, row.called.clone())).collect()
        });
        others.sort_by(|one, other| one.1.cmp(&other.1).then(one.0.cmp(&other.0)));
        others.dedup_by_key(|other| other.0);
        others
    }

    /// [`People::others`], and after them those of these who are away.
    pub(crate) fn others_and(self, more: impl IntoIterator<Item = PeerId>) -> Vec<(PeerId, String)> {
        let mut people = self.others();
        for peer in more {
            if peer != self.node.peer() && people.iter().all(|(known, _)| *known != peer) {
                people.push((peer, self.called_by_peer(peer)));
            }
        }
        people
    }

    /// Whether a link that comes or goes is a person who does: not while members keep some links each, nor when they
    /// have just begun to be linked to everybody, nor of those who were here before oneself. Another tab of one's own is no
    /// news either.
    pub(super) fn tells_coming_of(self, who: Endpoint) -> bool {
        let now = self.node.with(|_, now| now);
        let is_news = who.peer != self.node.peer() && !self.is_muted(who.peer);
        is_news && self.comings_since.get_value().is_some_and(|since| now >= since)
    }

    pub(super) fn passing(self, who: Endpoint, detail: impl Fn(&Row) -> String) -> Passing {
        let row = self.row(who);
        Passing {
            peer: who.peer,
            called: self.called(who),
            letter: row.as_ref().and_then(|row| row.letter),
            detail: row.as_ref().map(detail).unwrap_or_default(),
        }
    }

    /// Whether a person's link was closed by one of the two, and by whom: `Some(true)` by oneself.
    pub(super) fn unlinking(self, who: Endpoint) -> Option<bool> {
        let row = self.row(who)?;
        (row.unlinked || row.is_unwanted()).then_some(row.unlinked)
    }

    fn row(self, who: Endpoint) -> Option<Row> {
        self.rows.with_untracked(|rows| rows.iter().find(|row| row.endpoint == who).cloned())
    }

    /// Reads again who is here, and notes it of the visit.
    pub(super) fn refresh(self, is_second: bool, visited: Visited) {
        let read = self.node.with_room(|node, now, room| {
            let peers: Vec<PeerView> = node.room(room).peers();
            let near = peers.iter().filter(|view| !view.distant).map(|view| view.endpoint);
            let in_step: BTreeSet<_> = near.filter(|who| node.room(room).is_in_step(*who)).collect();
            (peers, in_step, node.room(room).overlay(), node.room(room).others_named(), now)
        });
        let Some((peers, in_step, overlay, named, now)) = read else { return };
        self.remember(&peers);
        if is_second {
            self.note_round_trips(&peers);
        }
        visited.note(&peers);
        let near = peers.into_iter().filter(|view| !view.distant);
        let row =
            |view: PeerView| Row { is_in_step: in_step.contains(&view.endpoint), ..Row::new(view, now) };
        self.show(near.map(row).collect(), now);
        set_if_new(self.named, named);
        if let Some(overlay) = &overlay {
            let is_mesh = overlay.kind == Kind::FullMesh;
            self.comings_since
                .update_value(|since| *since = is_mesh.then(|| since.unwrap_or(now + MESH_SETTLES)));
        }
        let beyond = overlay
            .map(|overlay| Beyond { members: overlay.beyond(), is_estimate: overlay.is_estimate() })
            .unwrap_or_default();
        set_if_new(self.beyond, beyond);
    }

    /// Remembers what those are called who are here.
    fn remember(self, views: &[PeerView]) {
        let mut is_news = false;
        self.names.update_value(|names| {
            for view in views.iter().filter(|view| view.attached) {
                is_news |= names.meet(view.endpoint.peer, &view.name);
            }
        });
        if is_news {
            self.names.with_value(|names| browser::store(NAMES_KEY, &names.write()));
        }
    }

    /// Notes how long the way to each takes.
    fn note_round_trips(self, views: &[PeerView]) {
        self.round_trips.update(|links| {
            links.retain(|known, _| views.iter().any(|view| view.endpoint == *known));
            for view in views {
                let is_heard = matches!(view.state, LinkState::Direct | LinkState::Relayed);
                links.entry(view.endpoint).or_default().push(view.rtt.filter(|_| is_heard));
            }
        });
    }

    fn show(self, mut rows: Vec<Row>, now: Time) {
        // Whoever has not said what they are called is called what they were called before.
        for row in rows.iter_mut().filter(|row| row.letter.is_none() && !row.own) {
            match self.remembered(row.endpoint.peer) {
                Some(name) => (row.letter, row.called) = (beads::letter(&name), name),
                None => row.called = self.bead_name(row.endpoint.peer),
            }
        }
        let is_due = now.since(self.sorted.get_value()) >= SORT_INTERVAL;
        let may_move = is_due && !self.is_comb_touched.get_untracked();
        if may_move {
            self.sorted.set_value(now);
        }
        self.rows.with_untracked(|before| people::arrange(&mut rows, before, may_move));
        set_if_new(self.rows, rows);
    }
}
