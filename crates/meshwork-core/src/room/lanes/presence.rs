//! Presence in a sparse overlay, where it is broadcast: docs/protocol/lanes.md.

use alloc::vec::Vec;

use super::Talking;
use crate::id::{Endpoint, Identity};
use crate::room::delivery::Checked;
use crate::seam::event::Event;
use crate::seam::lane::Slot;
use crate::signed::header::Family;
use crate::time::Now;

impl Talking<'_> {
    /// Broadcasts our presence to members that are not neighbours, if the rules let us write.
    pub fn present(&mut self, now: Now, identity: &Identity, slot: Slot, state: &[u8]) {
        if !self.kept.may_be_heard(slot.number(), identity.peer()) {
            return;
        }
        let batch = self.sign_unkept(now, identity, slot, Family::Presence, state);
        self.send_unkept(now, &batch);
    }

    /// Accepts a presence, and forwards it.
    pub(in crate::room) fn accept_present(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        let (batch, header) = (&checked.batch, checked.batch.header());
        let slot = Slot::of(header.replica);
        let is_news = self.kept.present.is_news(header.author, slot, header.window.most);
        let is_again = self.kept.present.shows(header.author, slot, batch.payload());
        if !is_news || !self.kept.present.take(now.time, slot, batch.clone()) {
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        self.send_along(now, batch, Some(from));
        let state = batch.payload();
        if !is_again {
            self.tell_present(header.author, slot, (!state.is_empty()).then(|| state.to_vec()));
        }
    }

    /// Sends a new member the presence of others that it lacks.
    pub(in crate::room) fn hand_present(&mut self, now: Now, to: Endpoint) {
        if self.membership.is_full_mesh() {
            return;
        }
        let said = [&self.kept.present, self.kept.ring.said()].map(|said| said.to_hand(now.wall));
        for batch in said.concat().into_iter().filter(|batch| batch.header().author != to) {
            self.kept.send_live(alloc::vec![to], &batch);
        }
    }

    /// An endpoint is no longer a neighbour: its presence arrives through others, or ends.
    pub(in crate::room) fn handle_present_detached(&mut self, endpoint: Endpoint, distant: bool) {
        if !distant {
            self.kept.present.handle_left(endpoint);
        }
        for (slot, state) in self.kept.present.of(endpoint) {
            self.tell_present(endpoint, slot, Some(state));
        }
    }

    /// Removes the presence of endpoints that were silent for long.
    pub(in crate::room) fn handle_present_timeout(&mut self, now: Now) {
        let ended = self.kept.present.end_silent(now.time);
        self.tell_absent(ended);
    }

    /// The rules changed: removes the presence of peers that may not write.
    pub(in crate::room) fn handle_present_rules(&mut self) {
        let kept = &mut self.kept;
        let rules = &kept.rules;
        let ended = kept.present.forget(|endpoint, slot| !rules.may_be_heard(slot.number(), endpoint.peer));
        self.tell_absent(ended);
    }

    fn tell_absent(&mut self, ended: Vec<(Endpoint, Slot)>) {
        ended.into_iter().for_each(|(endpoint, slot)| self.tell_present(endpoint, slot, None));
    }

    /// Reports a presence, unless the endpoint is attached: then its link delivers it, and sooner.
    fn tell_present(&mut self, endpoint: Endpoint, slot: Slot, state: Option<Vec<u8>>) {
        if self.membership.member(endpoint).is_none() {
            let room = self.kept.handle;
            self.kept.event(Event::Presence { room, endpoint, slot, state });
        }
    }
}
