//! Direct messages that wait for a link to be found.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::lanes::Letter;
use crate::links::direct::{Ended, OVERHEAD, RETAINED_MAX};
use crate::seam::lane::{DirectEnd, DirectToken};
use crate::time::Time;

/// How long a message waits for a link: a connection takes some seconds on a bad network, and nobody waits for a later
/// answer.
pub(super) const LINK_WITHIN: Duration = Duration::from_secs(10);

/// The messages that wait for one endpoint, oldest first; at most [`RETAINED_MAX`] bytes, as in a session.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<(Time, DirectToken, Letter)>);

impl Waiting {
    /// Keeps a message until this time.
    ///
    /// # Errors
    /// The bytes that wait, if there is no space for it.
    pub(super) fn queue(&mut self, until: Time, token: DirectToken, letter: Letter) -> Result<(), usize> {
        let bytes = self.0.iter().map(|(_, _, letter)| letter.weight() + OVERHEAD).sum();
        if bytes + letter.weight() + OVERHEAD > RETAINED_MAX {
            return Err(bytes);
        }
        self.0.push_back((until, token, letter));
        Ok(())
    }

    /// Keeps messages until this time that go before all others: a session's messages leave space for them.
    pub(super) fn put_first(&mut self, until: Time, messages: Vec<(DirectToken, Letter)>) {
        for (token, letter) in messages.into_iter().rev() {
            self.0.push_front((until, token, letter));
        }
    }

    /// Removes the messages of a room.
    pub(super) fn take_room(&mut self, room: u32) -> Vec<(DirectToken, Letter)> {
        let (taken, left) =
            core::mem::take(&mut self.0).into_iter().partition(|(_, _, letter)| letter.room == room);
        self.0 = left;
        let taken: VecDeque<(Time, DirectToken, Letter)> = taken;
        taken.into_iter().map(|(_, token, letter)| (token, letter)).collect()
    }

    /// Removes the messages that waited too long.
    pub(super) fn take_late(&mut self, now: Time) -> Vec<Ended> {
        let mut late = Vec::new();
        while let Some((_, token, letter)) = self.0.pop_front_if(|(until, ..)| *until <= now) {
            late.push(Ended { room: letter.room, token, end: DirectEnd::NotSent });
        }
        late
    }

    /// Whether a message of a room waits.
    pub(super) fn has_room(&self, room: u32) -> bool {
        self.0.iter().any(|(_, _, letter)| letter.room == room)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time at which a message has waited too long.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.0.front().map(|(until, ..)| *until)
    }
}
