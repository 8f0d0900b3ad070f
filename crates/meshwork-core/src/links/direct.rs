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
//! - Each message ends once, and its sender is told how: taken, not sent, or unknown.
//!
//! # Limits
//! [`RETAINED_MAX`] bytes are kept by either end, [`DIRECT_MAX`](crate::seam::lane::DIRECT_MAX) bytes a message.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::lanes::Letter;
use crate::seam::event::RoomHandle;
use crate::seam::lane::{DirectEnd, DirectToken};

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

/// A message that is kept until it is acknowledged.
#[derive(Debug)]
struct Retained {
    /// `None` where its end was told already.
    token: Option<DirectToken>,
    letter: Letter,
}

impl Retained {
    fn weight(&self) -> usize {
        self.letter.weight() + OVERHEAD
    }
}

/// The end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The number by which this end calls its room.
    pub room: u32,
    /// Which message.
    pub token: DirectToken,
    /// How.
    pub end: DirectEnd,
}

impl Ended {
    fn of(one: &Retained, end: DirectEnd) -> Option<Ended> {
        one.token.map(|token| Ended { room: one.letter.room, token, end })
    }
}

/// Both directions of a session, as one end sees them.
#[derive(Debug, Default)]
pub struct Direct {
    /// Not yet acknowledged, oldest first.
    retained: VecDeque<Retained>,
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
    arrived: VecDeque<(Option<RoomHandle>, Letter)>,
    arrived_bytes: usize,
}

impl Direct {
    /// Keeps a message until it is acknowledged.
    ///
    /// # Errors
    /// The bytes that are kept, when there is no room for it; nothing changed.
    pub fn queue(&mut self, token: DirectToken, letter: Letter) -> Result<(), usize> {
        let one = Retained { token: Some(token), letter };
        let after = self.retained_bytes + one.weight();
        if after > RETAINED_MAX {
            return Err(self.retained_bytes);
        }
        self.retained_bytes = after;
        self.retained.push_back(one);
        Ok(())
    }

    /// The next message for the present link, with its number.
    pub fn hand_over(&mut self) -> Option<(u64, &Letter)> {
        let index = usize::try_from(self.handed - self.acknowledged).ok()?;
        let one = self.retained.get(index)?;
        self.handed += 1;
        self.sent = self.sent.max(self.handed);
        Some((self.handed, &one.letter))
    }

    /// Whether [`Direct::hand_over`] or [`Direct::take_acknowledgement`] has something.
    pub fn is_waiting(&self) -> bool {
        self.untold || self.handed - self.acknowledged < self.retained.len() as u64
    }

    /// A message with this number arrived, in a room of ours unless we left it; [`Direct::take_arrived`] has it when it
    /// is its turn.
    pub fn handle_message(&mut self, number: u64, room: Option<RoomHandle>, letter: Letter) -> Arrival {
        let last = self.received + self.arrived.len() as u64;
        if number <= last {
            return Arrival::Known;
        }
        if number != last + 1 {
            return Arrival::Gap;
        }
        let after = self.arrived_bytes + letter.weight() + OVERHEAD;
        if after > RETAINED_MAX {
            return Arrival::TooMuch;
        }
        self.arrived_bytes = after;
        self.arrived.push_back((room, letter));
        Arrival::Next
    }

    /// The application takes the next message, if one waits: it is received then.
    pub fn take_arrived(&mut self) -> Option<(Option<RoomHandle>, Letter)> {
        let (room, letter) = self.arrived.pop_front()?;
        self.arrived_bytes -= letter.weight() + OVERHEAD;
        self.received += 1;
        self.untold = true;
        Some((room, letter))
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

    /// The other end has received everything up to `number`. Returns what ended, or `None` where that cannot be: it was
    /// never sent.
    pub fn handle_acknowledgement(&mut self, number: u64) -> Option<Vec<Ended>> {
        if number > self.sent {
            return None;
        }
        let count = usize::try_from(number.saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
        let ended = self.drop_first(count, DirectEnd::Taken);
        self.acknowledged = self.acknowledged.max(number);
        self.handed = self.handed.max(self.acknowledged);
        Some(ended)
    }

    /// A new link: the other end has received everything up to `number`, and what follows is sent again. Returns what
    /// ended, or `None` where that cannot be.
    pub fn handle_resumed(&mut self, number: u64) -> Option<Vec<Ended>> {
        let is_possible = number >= self.acknowledged;
        let ended = self.handle_acknowledgement(number).filter(|_| is_possible);
        self.handed = self.acknowledged;
        // It told what it received, and so did we.
        self.untold = false;
        ended
    }

    /// The other end knows nothing of what was: both directions begin at 1 again. Messages that were never handed
    /// to a link stay. Returns the others, which may or may not have arrived.
    pub fn restart(&mut self) -> Vec<Ended> {
        let lost = usize::try_from(self.sent - self.acknowledged).unwrap_or(usize::MAX);
        let end = if planted!(UnknownNotSent) { DirectEnd::NotSent } else { DirectEnd::Unknown };
        let ended = self.drop_first(lost, end);
        (self.acknowledged, self.handed, self.sent) = (0, 0, 0);
        (self.received, self.untold) = (0, false);
        self.forget_arrived();
        ended
    }

    /// Takes out what was never handed to a link, after [`Direct::restart`].
    pub fn take_unsent(&mut self) -> Vec<(DirectToken, Letter)> {
        self.retained_bytes = 0;
        self.retained.drain(..).filter_map(|one| Some((one.token?, one.letter))).collect()
    }

    /// The session is over. Returns what ended with it.
    pub fn end(&mut self) -> Vec<Ended> {
        let mut ended = self.restart();
        ended.extend(self.drop_first(usize::MAX, DirectEnd::NotSent));
        ended
    }

    /// The other end is in a room no longer. Returns what ended: what was sent there keeps its number, so that the
    /// others keep theirs.
    pub fn end_room(&mut self, room: u32) -> Vec<Ended> {
        let sent = usize::try_from(self.sent - self.acknowledged).unwrap_or(usize::MAX);
        let mut ended = Vec::new();
        for (place, mut one) in core::mem::take(&mut self.retained).into_iter().enumerate() {
            let is_its = one.letter.room == room;
            let end = if place < sent { DirectEnd::Unknown } else { DirectEnd::NotSent };
            if is_its {
                ended.extend(Ended::of(&one, end));
                one.token = None;
            }
            if is_its && end == DirectEnd::NotSent {
                self.retained_bytes -= one.weight();
            } else {
                self.retained.push_back(one);
            }
        }
        ended
    }

    fn drop_first(&mut self, count: usize, end: DirectEnd) -> Vec<Ended> {
        let dropped = self.retained.drain(..count.min(self.retained.len()));
        let mut ended = Vec::new();
        for one in dropped {
            self.retained_bytes -= one.weight();
            ended.extend(Ended::of(&one, end));
        }
        ended
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
    use crate::seam::lane::{Slot, Topic};
    use crate::wire::Bytes;
    use alloc::vec;

    fn letter(bytes: &[u8]) -> Letter {
        let (slot, bytes) = (Slot::GENESIS, Bytes::new(bytes.to_vec()).expect("short"));
        Letter { room: 1, slot, topic: Topic::default(), bytes }
    }

    /// Queues a message whose token is its content.
    fn queue(end: &mut Direct, number: u8) {
        end.queue(DirectToken(number.into()), letter(&[number])).expect("room");
    }

    fn ended(numbers: core::ops::Range<u64>, end: DirectEnd) -> Vec<Ended> {
        numbers.map(|number| Ended { room: 1, token: DirectToken(number), end }).collect()
    }

    fn taken(end: &mut Direct) -> Option<Vec<u8>> {
        end.take_arrived().map(|(_, letter)| letter.bytes.into_inner())
    }

    /// Hands everything from one end to the other over one link; returns what the application hears.
    fn carry(from: &mut Direct, to: &mut Direct) -> Vec<Vec<u8>> {
        let mut heard = vec![];
        while let Some((number, letter)) = from.hand_over() {
            match to.handle_message(number, None, letter.clone()) {
                Arrival::Next => heard.extend(taken(to)),
                Arrival::Known => {}
                other => panic!("number {number} after {} is {other:?}", to.received()),
            }
        }
        heard
    }

    #[test]
    fn only_unreceived_messages_are_sent_again() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..5u8 {
            queue(&mut one, number);
        }
        // Three are handed over, two of them arrive, and no acknowledgement comes back.
        for _ in 0..3 {
            one.hand_over();
        }
        for number in 1..=2 {
            assert_eq!(other.handle_message(number, None, letter(&[number as u8 - 1])), Arrival::Next);
            assert_eq!(taken(&mut other), Some(vec![number as u8 - 1]));
        }
        assert_eq!(one.handle_resumed(other.received()), Some(ended(0..2, DirectEnd::Taken)));
        assert_eq!(one.unacknowledged(), 3);
        assert_eq!(carry(&mut one, &mut other), [[2], [3], [4]]);
        assert_eq!(other.take_acknowledgement(), Some(5));
        assert_eq!(other.take_acknowledgement(), None, "it is told once");
        assert_eq!(one.handle_acknowledgement(5), Some(ended(2..5, DirectEnd::Taken)));
        assert_eq!((one.unacknowledged(), one.retained_bytes()), (0, 0));
    }

    #[test]
    fn duplicates_are_known_and_gaps_are_seen() {
        let mut end = Direct::default();
        let mut hear = |number| end.handle_message(number, None, letter(&[]));
        assert_eq!(hear(2), Arrival::Gap);
        assert_eq!(hear(1), Arrival::Next);
        assert_eq!(hear(1), Arrival::Known, "also while it waits for the application");
        assert_eq!(hear(0), Arrival::Known);
        assert_eq!(hear(u64::MAX), Arrival::Gap);
    }

    #[test]
    fn messages_not_taken_are_unacknowledged_and_come_again() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..3u8 {
            queue(&mut one, number);
        }
        while let Some((number, letter)) = one.hand_over() {
            assert_eq!(other.handle_message(number, None, letter.clone()), Arrival::Next);
        }
        assert_eq!((other.received(), other.take_acknowledgement()), (0, None));
        assert_eq!(taken(&mut other), Some(vec![0]));
        assert_eq!((other.received(), other.take_acknowledgement()), (1, Some(1)));
        // The link breaks: the next one brings what waits again.
        other.forget_arrived();
        assert!(one.handle_resumed(other.received()).is_some());
        assert_eq!(carry(&mut one, &mut other), [[1], [2]]);
    }

    #[test]
    fn who_waits_for_no_acknowledgement_is_refused() {
        let mut end = Direct::default();
        let most = (RETAINED_MAX / OVERHEAD) as u64;
        assert!((1..=most).all(|number| end.handle_message(number, None, letter(&[])) == Arrival::Next));
        assert_eq!(end.handle_message(most + 1, None, letter(&[])), Arrival::TooMuch);
        assert_eq!(end.arrived_bytes(), RETAINED_MAX);
        end.take_arrived();
        assert_eq!(end.handle_message(most + 1, None, letter(&[])), Arrival::Next);
    }

    #[test]
    fn nobody_acknowledges_what_was_never_sent() {
        let mut end = Direct::default();
        queue(&mut end, 1);
        assert_eq!(end.handle_acknowledgement(1), None, "it is kept, but was not sent");
        end.hand_over();
        assert!(end.handle_acknowledgement(1).is_some());
        assert_eq!(end.handle_resumed(0), None, "an end does not forget within a session");
        assert_eq!(end.handle_resumed(u64::MAX), None);
    }

    #[test]
    fn kept_bytes_are_bounded_empty_messages_included() {
        let mut end = Direct::default();
        let mut count = 0;
        while end.queue(DirectToken(0), letter(&[])).is_ok() {
            count += 1;
        }
        assert_eq!(count, RETAINED_MAX / OVERHEAD);
        assert_eq!(end.queue(DirectToken(0), letter(&[])), Err(RETAINED_MAX));
    }

    #[test]
    fn a_forgetful_end_costs_only_what_was_sent() {
        let (mut one, mut other) = (Direct::default(), Direct::default());
        for number in 0..4u8 {
            queue(&mut one, number);
        }
        one.hand_over();
        one.hand_over();
        other.handle_message(1, None, letter(&[0]));
        one.handle_acknowledgement(1);
        assert_eq!(one.restart(), ended(1..2, DirectEnd::Unknown), "the second may have arrived");
        let mut fresh = Direct::default();
        assert_eq!(carry(&mut one, &mut fresh), [[2], [3]], "numbered from 1 again");
        queue(&mut one, 4);
        assert_eq!(one.restart(), ended(2..4, DirectEnd::Unknown));
        assert_eq!(one.take_unsent(), [(DirectToken(4), letter(&[4]))], "another session takes it");
        assert_eq!((one.unacknowledged(), one.retained_bytes()), (0, 0));
    }

    #[test]
    fn every_message_ends_once_with_session_or_room() {
        let mut end = Direct::default();
        for number in 0..4 {
            queue(&mut end, number);
        }
        end.hand_over();
        end.queue(DirectToken(9), Letter { room: 2, ..letter(&[]) }).expect("room");
        let left = end.end_room(1);
        assert_eq!(left, [ended(0..1, DirectEnd::Unknown), ended(1..4, DirectEnd::NotSent)].concat());
        assert_eq!(end.end_room(1), []);
        assert_eq!(end.hand_over().map(|(number, letter)| (number, letter.room)), Some((2, 2)));
        let last = Ended { room: 2, token: DirectToken(9), end: DirectEnd::Taken };
        assert_eq!(end.handle_acknowledgement(2), Some(vec![last]), "the first one's end was told");
        queue(&mut end, 5);
        assert_eq!(end.end(), ended(5..6, DirectEnd::NotSent));
        assert_eq!((end.unacknowledged(), end.retained_bytes()), (0, 0));
    }
}
