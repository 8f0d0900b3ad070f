//! What members say to everybody in the room and nobody keeps.
//!
//! It is signed and travels like a batch that somebody just wrote, but no replica takes it in: it is heard by the
//! application in its author's order, and repeated for a while to whoever attaches, since a link may have been cut
//! meanwhile.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::num::NonZero;

use super::delivery::Checked;
use super::talking::Talking;
use super::writing::WriteError;
use crate::id::{Endpoint, Identity};
use crate::lanes::{Arrival, Heard, LATE, Saying, Sayings};
use crate::replica::{Content, ContentError};
use crate::seam::event::Event;
use crate::seam::lane::{SAY_MAX, Slot, Topic};
use crate::signed::batch::{Batch, Header, SignedBatch};
use crate::signed::header::Family;
use crate::time::{Now, Time};
use crate::wire::Bytes;

/// Bytes of what one said that are repeated to whoever attaches; the oldest give way.
const REPEATED_BYTES_MAX: usize = 256 * 1024;

/// What is said in a room, by others and by oneself.
#[derive(Debug, Default)]
pub(super) struct Said {
    sayings: Sayings,
    /// How much one has said in each app.
    numbers: BTreeMap<Slot, u64>,
    /// What one said lately.
    own: VecDeque<(Time, SignedBatch)>,
}

impl Said {
    /// Whether a batch says something to everybody that was heard before.
    pub(super) fn is_known(&self, batch: &Batch) -> bool {
        let (header, payload) = (batch.header(), batch.payload());
        let slot = slot_of(&header);
        slot.zip(Saying::decode(payload).ok())
            .is_some_and(|(slot, saying)| self.sayings.is_known(header.author, slot, saying.number))
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.sayings.poll_timeout()
    }

    /// What one said that is young enough to be heard.
    fn lately(&mut self, now: Time) -> impl Iterator<Item = &SignedBatch> {
        let bytes =
            |own: &VecDeque<(Time, SignedBatch)>| own.iter().map(|(_, said)| said.bytes().len()).sum();
        let mut left: usize = bytes(&self.own);
        while let Some((_, old)) =
            self.own.pop_front_if(|(at, _)| now.since(*at) > LATE || left > REPEATED_BYTES_MAX)
        {
            left -= old.bytes().len();
        }
        self.own.iter().map(|(_, said)| said)
    }
}

/// In which app a batch says something to everybody; `None` where it is for a replica.
fn slot_of(header: &Header) -> Option<Slot> {
    Slot::new(header.replica.slot()).filter(|_| header.replica.family() == Family::Say)
}

/// Reads what a batch says to everybody.
///
/// # Errors
/// [`ContentError`]; it is none.
pub(super) fn check(payload: &[u8]) -> Result<Content, ContentError> {
    Saying::decode(payload)
        .map(|saying| Content::new(saying, 0))
        .map_err(|error| ContentError(error.to_string()))
}

impl Talking<'_> {
    /// Says something to everybody in the room in the name of `identity`, who is this endpoint's peer.
    ///
    /// # Errors
    /// [`WriteError::TooLong`], [`WriteError::AppIsOff`], [`WriteError::NotWriter`], [`WriteError::Banned`]; nothing was said.
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
        self.kept.rules.writing_left(slot.number(), self.kept.clock.next(now.wall))?;
        let said = self.kept.said.numbers.entry(slot).or_default();
        *said += 1;
        let number = NonZero::new(*said).expect("it was just counted");
        let payload = Saying { number, topic: topic.clone(), bytes }.encode();
        let batch = self.sign_unkept(now, identity, slot, Family::Say, &payload);
        self.kept.said.own.push_back((now.time, batch.clone()));
        self.send_unkept(now, &batch);
        Ok(())
    }

    /// Takes in what somebody said to everybody, and passes it on.
    pub(super) fn accept_said(&mut self, now: Now, from: Endpoint, checked: &Checked) {
        let (batch, header) = (&checked.batch, checked.batch.header());
        let saying = checked.content.read::<Saying>().cloned();
        let (Some(slot), Some(saying)) = (slot_of(&header), saying) else { return };
        let stamp = header.window.most;
        self.kept.clock.merge(stamp);
        if self.kept.said.sayings.take(now.time, header.author, slot, stamp, saying) == Arrival::New {
            let targets = self.membership.overlay_mut().targets(now, batch, Some(from));
            self.kept.send_live(targets, batch);
        } else {
            self.membership.overlay_mut().handle_known(now, batch);
        }
        self.tell_heard();
    }

    /// Repeats to a member what one said lately.
    pub(super) fn repeat_said(&mut self, now: Now, to: Endpoint) {
        for said in self.kept.said.lately(now.time).cloned().collect::<Vec<_>>() {
            self.kept.send_live(alloc::vec![to], &said);
        }
    }

    /// Waits no longer for what is missing.
    pub(super) fn handle_said_timeout(&mut self, now: Now) {
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
