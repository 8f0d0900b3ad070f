//! Direct messages: what an application says to one endpoint, exactly once and in order, over any number of links.
//!
//! # Problem
//! A link can die with messages on their way, and its sender cannot know which of them arrived.
//!
//! # How it works
//! Each direction of a session numbers its messages from 1. The sender keeps a message until the receiver has
//! acknowledged its number; acknowledgements are cumulative. A new link of the session begins with what each end
//! has received, so the sender drops that and sends the rest again. A message counts as received once the application
//! takes it: one that does not keep up makes the sender wait, and loses nothing.
//!
//! # Invariants
//! - The receiver takes number n + 1 after number n and nothing else.
//! - What is acknowledged was taken by the application.
//! - What is dropped without an acknowledgement is counted and told.
//!
//! # Limits
//! [`RETAINED_MAX`] bytes are kept by either end, [`DIRECT_MAX`] bytes a message.

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
    /// It is the next one: the application hears it when it can.
    Next,
    /// It was received before.
    Known,
    /// One before it is missing, which a reliable link cannot cause: the sender broke the protocol.
    Gap,
    /// More than [`RETAINED_MAX`] bytes are not acknowledged with it: the sender broke the protocol.
    TooMuch,
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
    /// Number of the last message that the application took.
    received: u64,
    /// Whether that was not told yet.
    untold: bool,
    /// The messages after it, which wait for the application.
    arrived: VecDeque<Vec<u8>>,
    arrived_bytes: usize,
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

    /// Whether [`Direct::hand_over`] or [`Direct::take_acknowledgement`] has something.
    pub fn is_waiting(&self) -> bool {
        self.untold || self.handed - self.acknowledged < self.retained.len() as u64
    }

    /// A message with this number arrived; [`Direct::take_arrived`] has it when it is its turn.
    pub fn handle_message(&mut self, number: u64, bytes: Vec<u8>) -> Arrival {
        let last = self.received + self.arrived.len() as u64;
        if number <= last {
            return Arrival::Known;
        }
        if number != last + 1 {
            return Arrival::Gap;
        }
        let after = self.arrived_bytes + bytes.len() + OVERHEAD;
        if after > RETAINED_MAX {
            return Arrival::TooMuch;
        }
        self.arrived_bytes = after;
        self.arrived.push_back(bytes);
        Arrival::Next
    }

    /// The application takes the next message, if one waits: it is received then.
    pub fn take_arrived(&mut self) -> Option<Vec<u8>> {
        let bytes = self.arrived.pop_front()?;
        self.arrived_bytes -= bytes.len() + OVERHEAD;
        self.received += 1;
        self.untold = true;
        Some(bytes)
    }

    /// Forgets what waits for the application: a new link brings it again.
    pub fn forget_arrived(&mut self) {
        self.arrived.clear();
        self.arrived_bytes = 0;
    }

    /// The acknowledgement that is to be sent, if there is a new one.
    pub fn take_acknowledgement(&mut self) -> Option<u64> {
        core::mem::take(&mut self.untold).then_some(self.received)
    }

    /// Number of the last message that the application took.
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
        self.forget_arrived();
        lost
    }

    /// Messages that are not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.retained.len()
    }

    /// Bytes that wait for the application, at most [`RETAINED_MAX`].
    pub fn arrived_bytes(&self) -> usize {
        self.arrived_bytes
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
            match to.handle_message(number, bytes.to_vec()) {
                Arrival::Next => heard.extend(to.take_arrived()),
                Arrival::Known => {}
                other => panic!("number {number} after {} is {other:?}", to.received()),
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
        for number in 1..=2 {
            assert_eq!(other.handle_message(number, vec![number as u8 - 1]), Arrival::Next);
            assert_eq!(other.take_arrived(), Some(vec![number as u8 - 1]));
        }
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
        let mut hear = |number| end.handle_message(number, vec![]);
        assert_eq!(hear(2), Arrival::Gap);
        assert_eq!(hear(1), Arrival::Next);
        assert_eq!(hear(1), Arrival::Known, "also while it waits for the application");
        assert_eq!(hear(0), Arrival::Known);
        assert_eq!(hear(u64::MAX), Arrival::Gap);
    }

    #[test]
    fn what_the_application_has_not_taken_is_not_acknowledged_and_comes_again() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..3u8 {
            one.queue(&[number]).expect("room");
        }
        while let Some((number, bytes)) = one.hand_over() {
            assert_eq!(other.handle_message(number, bytes.to_vec()), Arrival::Next);
        }
        assert_eq!((other.received(), other.take_acknowledgement()), (0, None));
        assert_eq!(other.take_arrived(), Some(vec![0]));
        assert_eq!((other.received(), other.take_acknowledgement()), (1, Some(1)));
        // The link breaks: the next one brings what waits again.
        other.forget_arrived();
        assert!(one.handle_resumed(other.received()));
        assert_eq!(carry(&mut one, &mut other), [[1], [2]]);
    }

    #[test]
    fn who_waits_for_no_acknowledgement_is_refused() {
        let mut end = Direct::default();
        let most = (RETAINED_MAX / OVERHEAD) as u64;
        assert!((1..=most).all(|number| end.handle_message(number, vec![]) == Arrival::Next));
        assert_eq!(end.handle_message(most + 1, vec![]), Arrival::TooMuch);
        assert_eq!(end.arrived_bytes(), RETAINED_MAX);
        end.take_arrived();
        assert_eq!(end.handle_message(most + 1, vec![]), Arrival::Next);
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
        other.handle_message(1, vec![0]);
        one.handle_acknowledgement(1);
        assert_eq!(one.restart(), 1, "the second may have arrived");
        let mut fresh = Direct::default();
        assert_eq!(carry(&mut one, &mut fresh), [[2], [3]], "numbered from 1 again");
    }
}
