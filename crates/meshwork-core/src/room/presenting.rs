//! What endpoints say of themselves to everybody, where members keep some links each: docs/protocol/lanes.md.

use alloc::format;
use alloc::vec::Vec;

use super::delivery::Checked;
use super::talking::Talking;
use crate::id::{Endpoint, Identity};
use crate::replica::{Content, ContentError};
use crate::seam::event::Event;
use crate::seam::lane::{PRESENCE_MAX, Slot};
use crate::signed::header::Family;
use crate::time::Now;

/// Reads what an endpoint says of itself.
///
/// # Errors
/// [`ContentError`]; it is too much.
pub(super) fn check(payload: &[u8]) -> Result<Content, ContentError> {
    if payload.len() > PRESENCE_MAX {
        return Err(ContentError(format!("{} bytes are above the limit of {PRESENCE_MAX}", payload.len())));
    }
    Ok(Content::new((), 0))
}

impl Talking<'_> {
    /// Says to those to whom there is no link what one says of oneself in an app, if one may be heard there.
    pub fn present(&mut self, now: Now, identity: &Identity, slot: Slot, state: &[u8]) {
        if !self.kept.may_be_heard(slot.number(), identity.peer()) {
            return;
        }
        let batch = self.sign_unkept(now, identity, slot, Family::Presence, state);
        self.send_unkept(now, &batch);
    }

    /// Takes in what an endpoint says of itself, and passes it on.
    pub(super) fn accept_present(&mut self, now: Now, from: Endpoint, checked: &Checked) {
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

    /// Hands a member that attaches what others said of themselves, and that they hold.
    pub(super) fn hand_present(&mut self, now: Now, to: Endpoint) {
        if self.membership.is_full_mesh() {
            return;
        }
        let said = [&self.kept.present, self.kept.ring.said()].map(|said| said.to_hand(now.wall));
        for batch in said.concat().into_iter().filter(|batch| batch.header().author != to) {
            self.kept.send_live(alloc::vec![to], &batch);
        }
    }

    /// A neighbour is one no more: what it says of itself comes through others, or it is gone.
    pub(super) fn handle_present_detached(&mut self, endpoint: Endpoint, distant: bool) {
        if !distant {
            self.kept.present.handle_left(endpoint);
        }
        for (slot, state) in self.kept.present.of(endpoint) {
            self.tell_present(endpoint, slot, Some(state));
        }
    }

    /// Shows nothing any more of who was silent for long.
    pub(super) fn handle_present_timeout(&mut self, now: Now) {
        let ended = self.kept.present.end_silent(now.time);
        self.tell_absent(ended);
    }

    /// The rules changed: shows nothing any more of who may not be heard.
    pub(super) fn handle_present_rules(&mut self) {
        let kept = &mut self.kept;
        let rules = &kept.rules;
        let ended = kept.present.forget(|endpoint, slot| !rules.may_be_heard(slot.number(), endpoint.peer));
        self.tell_absent(ended);
    }

    fn tell_absent(&mut self, ended: Vec<(Endpoint, Slot)>) {
        ended.into_iter().for_each(|(endpoint, slot)| self.tell_present(endpoint, slot, None));
    }

    /// Tells what somebody says of itself, unless it is attached: then it says so itself, and sooner.
    fn tell_present(&mut self, endpoint: Endpoint, slot: Slot, state: Option<Vec<u8>>) {
        if self.membership.member(endpoint).is_none() {
            let room = self.kept.handle;
            self.kept.event(Event::Presence { room, endpoint, slot, state });
        }
    }
}
