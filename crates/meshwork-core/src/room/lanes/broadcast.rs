//! Broadcasts that no replica stores.
//!
//! A broadcast is signed and travels like a new batch, but no replica stores it: the application receives broadcasts in
//! their author's order, and their author repeats them for a while to new members, since a link may have been cut
//! meanwhile.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::num::NonZero;

use super::Talking;
use crate::id::{Endpoint, Identity};
use crate::lanes::{Arrival, Heard, LATE, Saying, Sayings};
use crate::room::delivery::Checked;
use crate::room::writing::WriteError;
use crate::seam::event::Event;
use crate::seam::lane::{SAY_MAX, Slot, Topic};
use crate::signed::batch::{Batch, Header, SignedBatch};
use crate::signed::header::Family;
use crate::time::{Now, Time};
use crate::wire::Bytes;

/// Bytes of our broadcasts that we repeat to new members. The oldest are dropped.
const REPEATED_BYTES_MAX: usize = 256 * 1024;

/// The broadcasts of a room, ours and others'.
#[derive(Debug, Default)]
pub(in crate::room) struct Spoken {
    sayings: Sayings,
    /// Number of our broadcasts in each app.
    numbers: BTreeMap<Slot, u64>,
    /// Our recent broadcasts, and their bytes.
    own: VecDeque<(Time, SignedBatch)>,
    own_bytes: usize,
}

impl Spoken {
    /// Whether a broadcast was received before.
    pub(in crate::room) fn is_known(&self, batch: &Batch) -> bool {
        let Header { author, replica, .. } = batch.header();
        let number = Saying::number_of(batch.payload());
        number.is_some_and(|number| self.sayings.is_known(author, Slot::of(replica), number))
    }

    pub(in crate::room) fn poll_timeout(&self) -> Option<Time> {
        self.sayings.poll_timeout()
    }

    fn note_own(&mut self, now: Time, said: SignedBatch) {
        self.own_bytes += said.bytes().len();
        self.own.push_back((now, said));
        self.forget_old(now);
    }

    /// Forgets our broadcasts that are too old, or too many, for repetition.
    fn forget_old(&mut self, now: Time) {
        while let Some((_, old)) =
            self.own.pop_front_if(|(at, _)| now.since(*at) > LATE || self.own_bytes > REPEATED_BYTES_MAX)
        {
            self.own_bytes -= old.bytes().len();
        }
    }
}

impl Talking<'_> {
    /// Broadcasts a message in the name of `identity`, which is this endpoint's peer.
    ///
    /// # Errors
    /// [`WriteError::TooLong`], [`WriteError::AppIsOff`], [`WriteError::NotWriter`], [`WriteError::Banned`]; nothing
    /// was sent.
    pub fn say(
        &mut self,
        now: Now,
        identity: &Identity,
        slot: Slot,
        topic: &Topic,
        bytes: &[u8],
    ) -> Result<(), WriteError> {
        let bytes = Bytes::new(bytes.to_vec())
            .map_err(|error| WriteError::TooLong { bytes: error.length, most: SAY_MAX })?;
        self.kept.rules.writing_left(slot.number(), self.kept.next_stamp(now))?;
        let said = self.kept.said.numbers.entry(slot).or_default();
        *said += 1;
        let number = NonZero::new(*said).expect("it was just counted");
        let payload = Saying { number, topic: topic.clone(), bytes }.encode();
        let batch = self.sign_unkept(now, identity, slot, Family::Say, &payload);
        self.kept.said.note_own(now.time, batch.clone());
        self.send_unkept(now, &batch);
        Ok(())
    }

    /// Accepts a broadcast, and forwards it.
    pub(in crate::room) fn accept_said(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        let (batch, header) = (&checked.batch, checked.batch.header());
        let Some(saying) = checked.content.read::<Saying>().cloned() else { return };
        let (slot, stamp) = (Slot::of(header.replica), header.window.most);
        self.kept.merge_stamp(header.author.peer, stamp);
        if self.kept.said.sayings.take(now.time, header.author, slot, stamp, saying) == Arrival::New {
            self.send_along(now, batch, Some(from));
        } else {
            self.membership.overlay_mut().handle_known(now, batch);
        }
        self.tell_heard();
    }

    /// Repeats our recent broadcasts to a member.
    pub(in crate::room) fn repeat_said(&mut self, now: Now, to: Endpoint) {
        self.kept.said.forget_old(now.time);
        let own: Vec<SignedBatch> = self.kept.said.own.iter().map(|(_, said)| said.clone()).collect();
        own.iter().for_each(|said| self.kept.send_live(alloc::vec![to], said));
    }

    /// Stops waiting for missing broadcasts.
    pub(in crate::room) fn handle_said_timeout(&mut self, now: Now) {
        self.kept.said.sayings.handle_timeout(now.time);
        self.tell_heard();
    }

    fn tell_heard(&mut self) {
        while let Some(Heard { from, slot, topic, bytes, missed }) = self.kept.said.sayings.poll_heard() {
            let (room, bytes) = (self.kept.handle, bytes.into_inner());
            self.kept.event(Event::Said { room, from, slot, topic, bytes, missed });
        }
    }
}
