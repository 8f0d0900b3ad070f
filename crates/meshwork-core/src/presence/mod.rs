//! Presence: what each endpoint of a room says of itself now, such as where its cursor is.
//!
//! # Problem
//! People who do something together want to see each other's hands. That is worth little a moment later, and must cost
//! batches nothing.
//!
//! # How it works
//! Each endpoint says its own state, to the members that it is linked to and to nobody else, in datagrams that are
//! neither repeated by the channel nor passed on by members. What is said sooner than
//! [`INTERVAL`] after the last is held back, and only the newest of it is said. A sequence number tells newer from
//! older. Since a datagram may be lost, what did not change is said [`REPEATS`] times more, and then nothing until
//! it changes.
//!
//! # Driving it
//! [`Presence::set`] and [`Presence::handle_presented`] take in, [`Presence::take_due`] yields what is to be said,
//! [`Presence::handle_timeout`] forgets. The node writes a datagram only to a link on which nothing else waits.
//!
//! # Invariants
//! - Replicas, records and digests know nothing of it.
//! - While nobody moves, nothing is sent.
//!
//! # Limits
//! One state for each member; [`TAKEN_MAX`] a second from one neighbour.

mod allowance;
mod datagram;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

pub use self::allowance::{PresenceAllowance, TAKEN_MAX};
pub use self::datagram::{Presented, PresentedError};
use crate::id::Endpoint;
use crate::seam::presence::State;
use crate::time::Time;

/// Time between two datagrams about oneself: 20 a second look like a movement, and are 360 bytes.
pub const INTERVAL: Duration = Duration::from_millis(50);
/// How often what did not change is said again: of ten datagrams one is lost on a bad network, of three in a row one
/// in a thousand.
pub const REPEATS: u8 = 2;
/// Time from one repetition to the next: longer than a burst of losses lasts.
pub const REPEAT_AFTER: Duration = Duration::from_millis(250);
/// How long a state that nothing is heard of is remembered: somebody who looks on may hold still for a while, and who went away without a word is known by then as gone.
pub const KEPT: Duration = Duration::from_secs(60);

/// What the endpoints of one room say of themselves.
#[derive(Debug, Default)]
pub struct Presence {
    own: Option<State>,
    sequence: u32,
    /// How often the present state is still to be said; the first time it is news.
    unsaid: u8,
    /// When something was last said.
    said: Option<Time>,
    others: BTreeMap<Endpoint, Other>,
}

#[derive(Clone, Copy, Debug)]
struct Other {
    sequence: u32,
    heard: Time,
    is_shown: bool,
}

impl Presence {
    /// What one says of oneself from now on; `None` for nothing.
    pub fn set(&mut self, state: Option<State>) {
        if state == self.own {
            return;
        }
        self.own = state;
        self.sequence = self.sequence.saturating_add(1);
        self.unsaid = 1 + REPEATS;
    }

    /// Somebody came who has not heard it: it is said again, if there is something to say. That has time until both
    /// ends know each other's numbers for the room.
    pub fn say_again(&mut self, now: Time) {
        if self.own.is_some() {
            self.unsaid = self.unsaid.max(REPEATS);
            self.said = Some(now);
        }
    }

    /// Whether something is to be said now.
    pub fn is_due(&self, now: Time) -> bool {
        self.next().is_some_and(|at| at <= now)
    }

    fn next(&self) -> Option<Time> {
        let is_news = self.unsaid > REPEATS;
        let pause = if is_news { INTERVAL } else { REPEAT_AFTER };
        (self.unsaid > 0).then(|| self.said.map_or(Time(0), |said| said + pause))
    }

    /// What is to be said to all members that take it, in a room with this number.
    pub fn take_due(&mut self, now: Time, room: u32) -> Option<Presented> {
        if !self.is_due(now) {
            return None;
        }
        self.unsaid -= 1;
        self.said = Some(now);
        Some(Presented { room, sequence: self.sequence, state: self.own })
    }

    /// A member says something of itself. Returns what is to be shown, when that is news.
    pub fn handle_presented(
        &mut self,
        now: Time,
        from: Endpoint,
        presented: &Presented,
    ) -> Option<Option<State>> {
        let known = self.others.get(&from);
        if known.is_some_and(|known| known.sequence >= presented.sequence) {
            return None;
        }
        let was_shown = known.is_some_and(|known| known.is_shown);
        let is_shown = presented.state.is_some();
        self.others.insert(from, Other { sequence: presented.sequence, heard: now, is_shown });
        (is_shown || was_shown).then_some(presented.state)
    }

    /// A member is gone. Returns whether something of it was shown.
    pub fn forget(&mut self, endpoint: Endpoint) -> bool {
        self.others.remove(&endpoint).is_some_and(|known| known.is_shown)
    }

    /// Hides states of which nothing was heard for [`KEPT`]. Returns whose.
    pub fn handle_timeout(&mut self, now: Time) -> Vec<Endpoint> {
        let mut silent = Vec::new();
        for (&endpoint, known) in &mut self.others {
            if known.is_shown && known.heard + KEPT <= now {
                // Its sequence stays known, so that what comes late does not bring it back.
                known.is_shown = false;
                silent.push(endpoint);
            }
        }
        silent
    }

    /// When something is to be said or forgotten.
    pub fn poll_timeout(&self) -> Option<Time> {
        let silent = self.others.values().filter(|known| known.is_shown).map(|known| known.heard + KEPT);
        silent.chain(self.next()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};

    const LIN: Endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };

    fn state(number: u16) -> State {
        let [high, low] = number.to_be_bytes();
        State([1, 0, 0, 0, 0, 0, 0, high, low])
    }

    fn ms(millis: u64) -> Time {
        Time(millis * 1000)
    }

    #[test]
    fn the_newest_is_said_twenty_times_a_second_at_most() {
        let mut presence = Presence::default();
        let mut said = Vec::new();
        for millis in 0..1000 {
            presence.set(Some(state(millis as u16)));
            said.extend(presence.take_due(ms(millis), 7));
        }
        assert_eq!(said.len(), 20);
        let last = said.last().and_then(|said| said.state).expect("it says something");
        assert_eq!(last, state(950), "what came between was left out");
    }

    #[test]
    fn what_does_not_change_is_repeated_and_then_nothing_is_sent() {
        let mut presence = Presence::default();
        presence.set(Some(state(3)));
        let mut times = Vec::new();
        while let Some(at) = presence.poll_timeout() {
            presence.set(Some(state(3)));
            if let Some(said) = presence.take_due(at, 7) {
                assert_eq!(said.sequence, 1, "a repetition is the same news");
                times.push(at);
            }
        }
        assert_eq!(times, [ms(0), ms(250), ms(500)]);
        presence.say_again(ms(900));
        assert!(presence.take_due(ms(900), 7).is_none(), "somebody came, but is not ready yet");
        assert!(presence.take_due(ms(1150), 7).is_some());
        assert!(presence.take_due(ms(1400), 7).is_some());
        assert_eq!(presence.poll_timeout(), None);
    }

    #[test]
    fn movement_does_not_wait_for_a_repetition() {
        let mut presence = Presence::default();
        presence.set(Some(state(3)));
        assert!(presence.take_due(ms(0), 7).is_some());
        presence.set(Some(state(4)));
        assert_eq!(presence.poll_timeout(), Some(ms(50)));
    }

    #[test]
    fn the_newest_wins_in_whatever_order_it_comes() {
        let mut presence = Presence::default();
        let said = |sequence, number| Presented { room: 7, sequence, state: Some(state(number)) };
        assert_eq!(presence.handle_presented(ms(0), LIN, &said(2, 2)), Some(Some(state(2))));
        assert_eq!(presence.handle_presented(ms(1), LIN, &said(1, 1)), None);
        assert_eq!(presence.handle_presented(ms(2), LIN, &said(2, 2)), None);
        let left = Presented { room: 7, sequence: 3, state: None };
        assert_eq!(presence.handle_presented(ms(3), LIN, &left), Some(None));
        assert!(!presence.forget(LIN), "it was not shown any more");
    }

    #[test]
    fn silence_hides_a_state_once() {
        let mut presence = Presence::default();
        let said = Presented { room: 7, sequence: 1, state: Some(state(2)) };
        presence.handle_presented(ms(5), LIN, &said);
        assert_eq!(presence.poll_timeout(), Some(ms(5) + KEPT));
        assert!(presence.handle_timeout(ms(5)).is_empty());
        assert_eq!(presence.handle_timeout(ms(5) + KEPT), [LIN]);
        assert_eq!(presence.poll_timeout(), None);
    }
}
