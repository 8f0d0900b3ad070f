//! The people of the room as the page knows them: what they are called, who came and went, the comb's rows.

use std::collections::BTreeSet;
use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::PeerView;
use meshwork_core::overlay::Kind;
use meshwork_place::Place as _;
use meshwork_place::canvas::Canvas;
use meshwork_web::people::{self, Beyond, Row, SORT_INTERVAL};
use meshwork_web::{beads, texts, words};

use super::super::voice::Passing;
use super::{Session, set_if_new};

/// How long it takes until everybody is linked to everybody, in a room that one has just come into or that became small
/// enough for that.
const MESH_SETTLES: Duration = Duration::from_secs(10);

impl Session {
    /// What someone is called, by themselves or by us.
    pub(crate) fn called(self, who: Endpoint) -> String {
        if who == self.me {
            return texts::YOU.to_owned();
        }
        let known = self
            .people
            .with_untracked(|rows| rows.iter().find(|row| row.endpoint == who).map(|row| row.called.clone()));
        known.or_else(|| self.remembered(who.peer)).unwrap_or_else(|| self.bead_name(who.peer))
    }

    /// What the author of a cell is called, as far as one of their endpoints is known.
    pub(crate) fn called_by_peer(self, who: PeerId) -> String {
        if who == self.me.peer {
            return texts::YOU_IN_SENTENCE.to_owned();
        }
        self.name_of(who).unwrap_or_else(|| self.bead_name(who))
    }

    /// What the author of a cell is called where that stands alone.
    pub(crate) fn listed(self, who: PeerId) -> String {
        if who == self.me.peer { texts::YOU.to_owned() } else { self.called_by_peer(who) }
    }

    /// What the room's owner is called, where there is one; tracked.
    pub(crate) fn owner_name(self) -> Option<String> {
        let owner = self.governing.law.with(|law| law.as_ref().and_then(|law| law.owner));
        owner.map(|owner| self.called_by_peer(owner))
    }

    /// The people here who keep the room, and have all that this page has; each once. Tracked.
    pub(crate) fn keepers(self) -> Vec<String> {
        let keeps = |row: &&Row| row.is_linked() && row.stays && row.is_in_step;
        let keepers: BTreeSet<PeerId> =
            self.people.with(|rows| rows.iter().filter(keeps).map(|row| row.endpoint.peer).collect());
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
        let known = self.people.with_untracked(|rows| {
            rows.iter()
                .find(|row| row.endpoint.peer == who && row.letter.is_some())
                .map(|row| row.called.clone())
        });
        known.or_else(|| self.remembered(who))
    }

    pub(super) fn greet(self, who: Endpoint) {
        self.refresh();
        self.invitation.set(None);
        self.reply.set(None);
        self.met.update(|met| *met += 1);
        if !self.tells_coming_of(who) {
            return;
        }
        let detail = |row: &Row| format!("{}{}", words::capital(&row.state.to_string()), time(row));
        self.voice.joined(self.passing(who, detail));
    }

    pub(super) fn see_off(self, who: Endpoint) {
        self.refresh();
        // That they left is said already.
        if let Some(by_me) = self.unlinking(self.row(who).as_ref()) {
            let passing = self.passing(who, |_| String::new());
            return self.voice.unlinked(passing, by_me);
        }
        if !self.tells_coming_of(who) {
            return;
        }
        let reason = |row: &Row| row.beside.clone();
        self.voice.left(self.passing(who, reason));
    }

    /// Whether a link that comes or goes is a person who does: not while members keep some links each, nor when they
    /// have just begun to be linked to everybody, nor of those who were here before oneself. Another tab of one's own is no
    /// news either.
    fn tells_coming_of(self, who: Endpoint) -> bool {
        let now = self.driver.with_value(|driver| driver.with(|_, now| now));
        let is_news = who.peer != self.me.peer && !self.is_muted(who.peer);
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

    pub(super) fn row(self, who: Endpoint) -> Option<Row> {
        self.people.with_untracked(|rows| rows.iter().find(|row| row.endpoint == who).cloned())
    }

    /// A second has passed.
    pub(super) fn refresh_each_second(self) {
        self.read_people(true);
        self.count_painted();
    }

    /// Reads the comb and the count of cells again.
    pub(super) fn refresh(self) {
        self.read_people(false);
    }

    fn read_people(self, is_second: bool) {
        let Some(room) = self.room.get_untracked() else { return };
        let (peers, in_step, overlay, named, painted, now) = self.driver.with_value(|driver| {
            driver.with(|node, now| {
                let painted = node.canvas(room).map_or(0, Canvas::painted);
                let peers: Vec<PeerView> = node.room(room).peers();
                let near = peers.iter().filter(|view| !view.distant).map(|view| view.endpoint);
                let in_step: BTreeSet<_> = near.filter(|who| node.room(room).is_in_step(*who)).collect();
                (peers, in_step, node.room(room).overlay(), node.room(room).others_named(), painted, now)
            })
        });
        self.remember(&peers, is_second);
        self.note_visit(&peers);
        let near = peers.into_iter().filter(|view| !view.distant);
        let row =
            |view: PeerView| Row { is_in_step: in_step.contains(&view.endpoint), ..Row::new(view, now) };
        let mut rows: Vec<Row> = near.map(row).collect();
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
        self.people.with_untracked(|before| people::arrange(&mut rows, before, may_move));
        set_if_new(self.people, rows);
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
        set_if_new(self.painted, painted);
        self.count_reached();
        self.refresh_law();
    }
}

fn time(row: &Row) -> String {
    row.rtt
        .map(meshwork_web::rtt::number)
        .map_or_else(String::new, |(number, unit)| format!(", {number}\u{2009}{unit}"))
}
