//! Direct messages: what an application says to one endpoint, exactly once and in order, over any number of links.
//!
//! # Problem
//! A link can die with messages on their way, and its sender cannot know which of them arrived.
//!
//! # How it works
//! Each direction of a session numbers its messages from 1. The sender keeps a message until the receiver has
//! acknowledged its number; acknowledgements are cumulative. A new link of the session begins with what each end
//! has received, so the sender drops that and sends the rest again.
//!
//! # Invariants
//! - The receiver takes number n + 1 after number n and nothing else.
//! - What is dropped without an acknowledgement is counted and told.
//!
//! # Limits
//! [`RETAINED_MAX`] bytes are kept, [`DIRECT_MAX`] bytes a message.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Longest direct message, in bytes: as long as the longest signed batch, so that neither holds up a link.
pub const DIRECT_MAX: usize = 64 * 1024;
/// Bytes that are kept until they are acknowledged, [`OVERHEAD`] for each message included: a minute of chat and
/// game input many times over.
pub const RETAINED_MAX: usize = 1024 * 1024;
/// Bytes counted for a message beside its content, so that empty ones are bounded too.
pub const OVERHEAD: usize = 64;

/// What becomes of a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next one: the application hears it.
    Next,
    /// It was received before.
    Known,
    /// One before it is missing, which a reliable link cannot cause: the sender broke the protocol.
    Gap,
}

/// Both directions of a session, as one end sees them.
#[derive(Debug, Default)]
pub struct Direct {
    /// Not yet acknowledged, oldest first.
    retained: VecDeque<Vec<u8>>,
    retained_bytes: usize,
    /// Messages that were acknowledged: the first retained one has the number after it.
    acknowledged: u64,
    /// Number of the last message handed to the present link.
    handed: u64,
    /// Number of the last message ever handed to a link.
    sent: u64,
    /// Number of the last message received.
    received: u64,
    /// Whether that was not told yet.
    untold: bool,
}

impl Direct {
    /// Keeps a message until it is acknowledged. Returns its number.
    ///
    /// # Errors
    /// The bytes that are kept, when there is no room for it; nothing changed.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<u64, usize> {
        let after = self.retained_bytes + bytes.len() + OVERHEAD;
        if after > RETAINED_MAX {
            return Err(self.retained_bytes);
        }
        self.retained_bytes = after;
        self.retained.push_back(bytes.to_vec());
        Ok(self.acknowledged + self.retained.len() as u64)
    }

    /// The next message for the present link, with its number.
    pub fn hand_over(&mut self) -> Option<(u64, &[u8])> {
        let index = usize::try_from(self.handed - self.acknowledged).ok()?;
        let bytes = self.retained.get(index)?;
        self.handed += 1;
        self.sent = self.sent.max(self.handed);
        Some((self.handed, bytes))
    }

    /// A message with this number arrived.
    pub fn handle_message(&mut self, number: u64) -> Arrival {
        if number <= self.received {
            Arrival::Known
        } else if number == self.received + 1 {
            self.received = number;
            self.untold = true;
            Arrival::Next
        } else {
            Arrival::Gap
        }
    }

    /// The acknowledgement that is to be sent, if there is a new one.
    pub fn take_acknowledgement(&mut self) -> Option<u64> {
        core::mem::take(&mut self.untold).then_some(self.received)
    }

    /// Number of the last message received.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The other end has received everything up to `number`. Returns whether that can be: it is nothing that was
    /// never sent.
    pub fn handle_acknowledgement(&mut self, number: u64) -> bool {
        if number > self.sent {
            return false;
        }
        while self.acknowledged < number
            && let Some(bytes) = self.retained.pop_front()
        {
            self.retained_bytes -= bytes.len() + OVERHEAD;
            self.acknowledged += 1;
        }
        self.handed = self.handed.max(self.acknowledged);
        true
    }

    /// A new link: the other end has received everything up to `number`, and what follows is sent again. Returns
    /// whether that can be.
    pub fn handle_resumed(&mut self, number: u64) -> bool {
        let possible = number >= self.acknowledged && self.handle_acknowledgement(number);
        self.handed = self.acknowledged;
        // It told what it received, and so did we.
        self.untold = false;
        possible
    }

    /// The other end knows nothing of what was: both directions begin at 1 again. Messages that were never handed
    /// to a link stay. Returns how many may or may not have arrived and are given up.
    pub fn restart(&mut self) -> usize {
        let lost = usize::try_from(self.sent - self.acknowledged).unwrap_or(usize::MAX);
        let lost = lost.min(self.retained.len());
        for bytes in self.retained.drain(..lost) {
            self.retained_bytes -= bytes.len() + OVERHEAD;
        }
        (self.acknowledged, self.handed, self.sent) = (0, 0, 0);
        (self.received, self.untold) = (0, false);
        lost
    }

    /// Messages that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.retained.len()
    }

    /// Bytes that they take, at most [`RETAINED_MAX`].
    pub fn retained_bytes(&self) -> usize {
        self.retained_bytes
    }

    /// Goes on after `number` and forgets without a word what is kept: a fault on purpose.
    #[cfg(feature = "planted-bugs")]
    pub fn forget_retained(&mut self, number: u64) {
        self.retained.clear();
        self.retained_bytes = 0;
        (self.acknowledged, self.handed, self.sent) = (number, number, number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// Hands everything from one end to the other over one link; returns what the application hears.
    fn carry(from: &mut Direct, to: &mut Direct) -> Vec<Vec<u8>> {
        let mut heard = vec![];
        while let Some((number, bytes)) = from.hand_over() {
            match to.handle_message(number) {
                Arrival::Next => heard.push(bytes.to_vec()),
                Arrival::Known => {}
                Arrival::Gap => panic!("number {number} after {}", to.received()),
            }
        }
        heard
    }

    #[test]
    fn what_was_received_is_not_sent_again_and_the_rest_is() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..5u8 {
            assert_eq!(one.queue(&[number]), Ok(u64::from(number) + 1));
        }
        // Three are handed over, two of them arrive, and no acknowledgement comes back.
        for _ in 0..3 {
            one.hand_over();
        }
        assert_eq!((other.handle_message(1), other.handle_message(2)), (Arrival::Next, Arrival::Next));
        assert!(one.handle_resumed(other.received()));
        assert_eq!(one.unacknowledged(), 3);
        assert_eq!(carry(&mut one, &mut other), [[2], [3], [4]]);
        assert_eq!(other.take_acknowledgement(), Some(5));
        assert_eq!(other.take_acknowledgement(), None, "it is told once");
        assert!(one.handle_acknowledgement(5));
        assert_eq!((one.unacknowledged(), one.retained_bytes()), (0, 0));
    }

    #[test]
    fn duplicates_are_known_and_gaps_are_seen() {
        let mut end = Direct::default();
        assert_eq!(end.handle_message(2), Arrival::Gap);
        assert_eq!(end.handle_message(1), Arrival::Next);
        assert_eq!(end.handle_message(1), Arrival::Known);
        assert_eq!(end.handle_message(0), Arrival::Known);
        assert_eq!(end.handle_message(u64::MAX), Arrival::Gap);
    }

    #[test]
    fn nobody_acknowledges_what_was_never_sent() {
        let mut end = Direct::default();
        end.queue(b"one").expect("room");
        assert!(!end.handle_acknowledgement(1), "it is kept, but was not sent");
        end.hand_over();
        assert!(end.handle_acknowledgement(1));
        assert!(!end.handle_resumed(0), "an end does not forget within a session");
        assert!(!end.handle_resumed(u64::MAX));
    }

    #[test]
    fn kept_bytes_are_bounded_empty_messages_included() {
        let mut end = Direct::default();
        let mut count = 0;
        while end.queue(&[]).is_ok() {
            count += 1;
        }
        assert_eq!(count, RETAINED_MAX / OVERHEAD);
        assert_eq!(end.queue(&[]), Err(RETAINED_MAX));
    }

    #[test]
    fn a_forgetful_other_end_costs_what_was_sent_and_nothing_else() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..4u8 {
            one.queue(&[number]).expect("room");
        }
        one.hand_over();
        one.hand_over();
        other.handle_message(1);
        one.handle_acknowledgement(1);
        assert_eq!(one.restart(), 1, "the second may have arrived");
        let mut fresh = Direct::default();
        assert_eq!(carry(&mut one, &mut fresh), [[2], [3]], "numbered from 1 again");
    }
}
