//! Datagrams to everybody in a sparse overlay: signed, and forwarded along the overlay, where they may be lost.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::Talking;
use crate::id::{Endpoint, Identity};
use crate::lanes::ToAll;
use crate::room::outputs::RoomOutput;
use crate::rulebook::Verdict;
use crate::seam::event::{Event, Refusal};
use crate::seam::lane::{Slot, Topic};
use crate::signed::batch::{SignedBatch, UnverifiedBatch};
use crate::signed::header::Family;
use crate::time::Now;
use crate::wire;

impl Talking<'_> {
    /// Sends a datagram to all members without a link to us, as soon as allowed. The room's signer signs it.
    pub fn pass_to_all(&mut self, now: Now, slot: Slot, said: ToAll) {
        if !self.membership.is_full_mesh() {
            self.kept.passing.say(slot, said);
            self.sign_when_due(now);
        }
    }

    /// Requests signatures if something is due.
    pub(in crate::room) fn sign_when_due(&mut self, now: Now) {
        if self.kept.passing.poll_timeout().is_some_and(|at| at <= now.time) {
            self.kept.outputs.sign(now);
        }
    }

    /// Signs due datagrams, if we may use the lane.
    pub(in crate::room) fn sign_passed(&mut self, now: Now, identity: &Identity) {
        let Some((slot, said)) = self.kept.passing.take_due(now.time) else { return };
        if !self.kept.may_be_heard(slot.number(), identity.peer()) {
            return;
        }
        let batch = self.sign_unkept(now, identity, slot, Family::Datagram, &wire::encode(&said));
        self.pass_along(&batch, None);
    }

    /// A neighbour forwards a datagram to everybody.
    pub fn handle_passed(&mut self, from: Endpoint, bytes: &[u8]) {
        let Ok(batch) = UnverifiedBatch::decode(&self.kept.id, bytes) else {
            let detail = format!("{} bytes that are no batch", bytes.len());
            return self.kept.outputs.push_back(RoomOutput::Offence(from, Refusal::Datagram, detail));
        };
        let (header, said) = (batch.header(), wire::decode::<ToAll>(batch.payload()));
        let Ok(said) = said else { return };
        let (author, slot, stamp) = (header.author, Slot::of(header.replica), header.window.most);
        if header.replica.family() != Family::Datagram
            || author == self.kept.me
            || !self.kept.passing.is_news(author, slot, &said.topic, stamp)
            || self.kept.rules.judge(&batch) != Verdict::Stands
        {
            return;
        }
        let batch = match batch.verify() {
            Ok(batch) => batch,
            Err(error) => {
                let offence = RoomOutput::Offence(from, Refusal::BatchSignature, error.to_string());
                return self.kept.outputs.push_back(offence);
            }
        };
        self.kept.passing.note(author, slot, &said.topic, stamp);
        self.pass_along(&batch, Some(from));
        let ToAll { sequence, topic, bytes } = said;
        self.hear(author, slot, topic, sequence, bytes.into_inner());
    }

    /// A datagram arrived, over its author's link or forwarded: reports it unless a newer one was reported.
    pub fn hear(&mut self, from: Endpoint, slot: Slot, topic: Topic, sequence: u32, bytes: Vec<u8>) {
        if self.kept.passing.tells(from, slot, &topic, sequence) {
            let room = self.kept.handle;
            self.kept.event(Event::Datagram { room, from, slot, topic, bytes });
        }
    }

    fn pass_along(&mut self, batch: &SignedBatch, from: Option<Endpoint>) {
        let (author, stamp) = (batch.key().author, batch.header().window.most);
        let ways = self.membership.overlay().ways(author, stamp, from);
        ways.iter().for_each(|to| self.kept.send_admissions(*to, &author.peer));
        self.kept.outputs.push_back(RoomOutput::Pass(ways, batch.clone()));
    }
}
