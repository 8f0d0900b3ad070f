//! Messages that no replica stores: broadcasts, searches, presence, extents.
//!
//! All of them are signed like a batch and travel along the overlay. Each kind has a file of this folder.

mod broadcast;
mod datagram;
pub(super) mod extents;
mod presence;
mod search;

use core::time::Duration;

pub(super) use self::broadcast::Spoken;
pub(super) use self::extents::Ring;

use crate::id::{Endpoint, Identity};
use crate::room::delivery::Checked;
use crate::room::kept::Kept;
use crate::room::membership::Membership;
use crate::seam::lane::Slot;
use crate::signed::batch::{SignedBatch, StampWindow};
use crate::signed::header::Family;
use crate::time::Now;

/// Greatest age of a batch that is forwarded without being stored. Members that were away for longer compare with a
/// member that stores it.
const PASSED_ON_WITHIN: Duration = Duration::from_secs(30);

/// The part of a room for messages that no replica stores.
pub struct Talking<'a> {
    pub(super) kept: &'a mut Kept,
    pub(super) membership: &'a mut Membership,
}

impl Talking<'_> {
    /// Accepts such a message, and forwards it.
    pub(super) fn accept(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        match checked.batch.header().replica.family() {
            Family::Say => self.accept_said(now, from, checked),
            Family::Seek => self.accept_sought(now, from, checked),
            Family::Presence => self.accept_present(now, from, checked),
            Family::Holding => self.accept_holding(now, from, checked),
            Family::Own | Family::ByValue | Family::ByTime | Family::Datagram => {}
        }
    }

    /// A member is attached: sends it the recent messages.
    pub(super) fn handle_attached(&mut self, now: Now, endpoint: Endpoint) {
        self.repeat_said(now, endpoint);
        self.hand_present(now, endpoint);
    }

    /// Does due work.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        self.handle_said_timeout(now);
        self.handle_present_timeout(now);
        self.sign_when_due(now);
    }

    /// Forwards a live batch that this program does not store, once, while it is new.
    pub(super) fn pass_on(&mut self, now: Now, from: Endpoint, batch: &SignedBatch) {
        let age = now.wall.as_millis().saturating_sub(batch.header().window.most.millis());
        if u128::from(age) > PASSED_ON_WITHIN.as_millis() {
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        self.kept.delivery.remember(batch.key());
        self.send_along(now, batch, Some(from));
    }

    /// Sends a new batch to the members that the overlay chooses.
    pub(super) fn send_along(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) {
        let targets = self.membership.overlay_mut().targets(now, batch, from);
        self.kept.send_live(targets, batch);
    }

    /// Signs a message in an app that no replica stores, in the name of `identity`; nothing of its `family` is
    /// stored.
    pub(super) fn sign_unkept(
        &mut self,
        now: Now,
        identity: &Identity,
        slot: Slot,
        family: Family,
        payload: &[u8],
    ) -> SignedBatch {
        let stamp = self.membership.overlay().stamped(self.kept.next_stamp(now));
        // A message that nobody receives need not precede later ones.
        if !self.membership.overlay().neighbours().is_empty() {
            self.kept.merge_stamp(self.kept.me.peer, stamp);
        }
        let header = self.kept.header(slot.replica(family), StampWindow::at(stamp));
        self.kept.writing.take_sequence();
        SignedBatch::sign(identity, &self.kept.id, &header, payload)
            .expect("it is shorter than a batch may be and the author is this peer")
    }

    /// Sends a signed message to everybody.
    pub(super) fn send_unkept(&mut self, now: Now, batch: &SignedBatch) {
        self.send_along(now, batch, None);
        self.take_outputs();
    }

    /// Carries out the wishes of members and their overlay.
    pub(super) fn take_outputs(&mut self) {
        while let Some(output) = self.membership.poll_output() {
            self.kept.outputs.push_back(output);
        }
    }
}
