//! What is said in a room and kept by no replica: to everybody, to one who is looked for, or of oneself.
//!
//! All of it is signed like a batch and travels along the overlay. Files of the same folder say what each kind is:
//! `saying`, `seeking`, `passing`, `presenting` and `ring`.

use core::time::Duration;

use super::delivery::Checked;
use super::{Kept, Membership, Room};
use crate::id::{Endpoint, Identity};
use crate::seam::lane::Slot;
use crate::signed::batch::{SignedBatch, StampWindow};
use crate::signed::header::Family;
use crate::time::Now;

/// How old a batch may be that is passed on without being kept: who is away for longer compares with a member that
/// keeps it.
const PASSED_ON_WITHIN: Duration = Duration::from_secs(30);

/// A room, as far as it is needed for what nobody keeps.
pub struct Talking<'a> {
    pub(super) kept: &'a mut Kept,
    pub(super) membership: &'a mut Membership,
}

impl Room {
    /// To say something that nobody keeps.
    pub fn talking(&mut self) -> Talking<'_> {
        Talking { kept: &mut self.kept, membership: &mut self.membership }
    }
}

impl Talking<'_> {
    /// Takes in what somebody said, and passes it on.
    pub(super) fn accept(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        match checked.batch.header().replica.family() {
            Family::Say => self.accept_said(now, from, checked),
            Family::Seek => self.accept_sought(now, from, checked),
            Family::Presence => self.accept_present(now, from, checked),
            Family::Holding => self.accept_holding(now, from, checked),
            Family::Own | Family::ByValue | Family::ByTime | Family::Datagram => {}
        }
    }

    /// A member is attached: says to it what was said lately.
    pub(super) fn handle_attached(&mut self, now: Now, endpoint: Endpoint) {
        self.repeat_said(now, endpoint);
        self.hand_present(now, endpoint);
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        self.handle_said_timeout(now);
        self.handle_present_timeout(now);
        self.sign_when_due(now);
    }

    /// Passes on a live batch that this program does not keep, once, while it is news.
    pub(super) fn pass_on(&mut self, now: Now, from: Endpoint, batch: &SignedBatch) {
        let age = now.wall.as_millis().saturating_sub(batch.header().window.most.millis());
        if u128::from(age) > PASSED_ON_WITHIN.as_millis() {
            return self.membership.overlay_mut().handle_known(now, batch);
        }
        self.kept.delivery.remember(batch.key());
        self.send_along(now, batch, Some(from));
    }

    /// Sends a batch that is new to whom the overlay says.
    pub(super) fn send_along(&mut self, now: Now, batch: &SignedBatch, from: Option<Endpoint>) {
        let targets = self.membership.overlay_mut().targets(now, batch, from);
        self.kept.send_live(targets, batch);
    }

    /// Signs what is said in an app now and nobody keeps, in the name of `identity`; `family` is one of which nothing is
    /// kept.
    pub(super) fn sign_unkept(
        &mut self,
        now: Now,
        identity: &Identity,
        slot: Slot,
        family: Family,
        payload: &[u8],
    ) -> SignedBatch {
        let stamp = self.membership.overlay().stamped(self.kept.clock.next(now.wall));
        self.kept.clock.merge(stamp);
        let header = self.kept.header(slot.replica(family), StampWindow::at(stamp));
        self.kept.writing.take_sequence();
        SignedBatch::sign(identity, &self.kept.id, &header, payload)
            .expect("it is shorter than a batch may be and the author is this peer")
    }

    /// Sends everybody what was signed and nobody keeps.
    pub(super) fn send_unkept(&mut self, now: Now, batch: &SignedBatch) {
        self.send_along(now, batch, None);
        self.take_outputs();
    }

    /// Takes over what members and their overlay want done.
    pub(super) fn take_outputs(&mut self) {
        while let Some(output) = self.membership.poll_output() {
            self.kept.outputs.push_back(output);
        }
    }
}
