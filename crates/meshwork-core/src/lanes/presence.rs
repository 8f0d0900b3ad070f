//! Presence of the linked endpoints of a room, in each app: docs/protocol/lanes.md.
//!
//! A short change is sent in a datagram at once, since it may be a moving cursor, and over the reliable channel when it
//! rests: so a movement costs little and waits behind nothing, and a lasting state arrives. Both carry one sequence, so
//! that the newest counts by either way.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::Said;
use super::present::REPEATED_EVERY;
use crate::id::Endpoint;
use crate::seam::lane::{PRESENCE_MAX, Slot};
use crate::time::Time;
use crate::wire::Bytes;

/// Time between two presence datagrams: 20 a second look like a movement, and are 300 bytes.
pub const INTERVAL: Duration = Duration::from_millis(50);
/// Time without a change before the state is sent over the reliable channel: longer than a hand holds still in a
/// movement.
pub const REST: Duration = Duration::from_millis(250);
/// Longest delay of a continually changing state there, after its first change: a receiver without datagrams, or of a
/// state too long for them, is a second behind.
pub const LATEST: Duration = Duration::from_secs(1);
/// Longest state that is sent in datagrams, in bytes: a place and a few flags. Twenty longer ones a second would burden
/// a shared link.
const QUICK_MAX: usize = 64;

/// The presence of the endpoints of one room.
#[derive(Debug, Default)]
pub struct Presence {
    own: BTreeMap<Slot, Own>,
    sequence: u32,
    /// Whether some member may lack the resting state over the reliable channel.
    is_untold: bool,
    others: BTreeMap<(Endpoint, Slot), Other>,
}

/// Our presence in an app.
#[derive(Debug)]
struct Own {
    state: Bytes<PRESENCE_MAX>,
    sequence: u32,
    /// Whether a datagram is due.
    is_quick: bool,
    /// The time of the last one.
    said: Option<Time>,
    /// The first and last change since it rested.
    changed: Option<(Time, Time)>,
    /// The members that received it over the reliable channel.
    told: BTreeSet<Endpoint>,
    /// The time of the last broadcast to members without a link.
    passed: Option<Time>,
}

impl Own {
    fn quick_at(&self) -> Option<Time> {
        self.is_quick.then(|| self.said.map_or(Time(0), |said| said + INTERVAL))
    }

    fn rests_at(&self) -> Option<Time> {
        self.changed.map(|(first, last)| (last + REST).min(first + LATEST))
    }

    /// The time of the next broadcast to members without a link. An empty state is sent once.
    fn passes_at(&self) -> Option<Time> {
        match self.passed {
            None => Some(Time(0)),
            Some(passed) => (!self.state.is_empty()).then_some(passed + REPEATED_EVERY),
        }
    }

    fn said(&self, slot: Slot, room: u32) -> Said {
        Said { room, slot, sequence: self.sequence, state: self.state.clone() }
    }
}

/// The presence of another endpoint in an app, also while its peer is banned: a ban may be lifted without a new
/// message.
#[derive(Debug)]
struct Other {
    sequence: u32,
    state: Bytes<PRESENCE_MAX>,
    is_shown: bool,
}

impl Presence {
    /// Sets our presence in an app; empty for none.
    pub fn set(&mut self, now: Time, slot: Slot, state: Bytes<PRESENCE_MAX>) {
        let known = self.own.remove(&slot);
        if known.as_ref().map_or(state.is_empty(), |known| known.state == state) {
            self.own.extend(known.map(|known| (slot, known)));
            return;
        }
        self.sequence = self.sequence.saturating_add(1);
        let (said, changed) = known.map_or((None, None), |known| (known.said, known.changed));
        let own = Own {
            is_quick: state.len() <= QUICK_MAX,
            state,
            sequence: self.sequence,
            said,
            changed: Some((changed.map_or(now, |(first, _)| first), now)),
            told: BTreeSet::new(),
            passed: None,
        };
        self.own.insert(slot, own);
    }

    /// A member is attached over a new link, on which it has received nothing.
    pub fn tell_again(&mut self, endpoint: Endpoint) {
        if planted!(PresenceUntold) {
            return;
        }
        self.own.values_mut().for_each(|own| own.told.retain(|told| *told != endpoint));
        self.is_untold |= !self.own.is_empty();
    }

    /// Whether a message may be due.
    pub fn is_due(&self, now: Time) -> bool {
        self.is_untold || self.next().is_some_and(|at| at <= now)
    }

    fn next(&self) -> Option<Time> {
        self.own.values().flat_map(|own| [own.quick_at(), own.rests_at()]).flatten().min()
    }

    /// The datagrams that are due to all members, in a room with this number.
    pub fn take_quick(&mut self, now: Time, room: u32) -> Vec<Said> {
        let mut quick = Vec::new();
        for (&slot, own) in &mut self.own {
            if own.quick_at().is_some_and(|at| at <= now) {
                (own.is_quick, own.said) = (false, Some(now));
                quick.push(own.said(slot, room));
            }
        }
        quick
    }

    /// Calls `tell` for each of `members` and each resting state that it lacks. If `tell` fails, it is called again
    /// later.
    pub fn tell_rested(
        &mut self,
        now: Time,
        room: u32,
        members: &[Endpoint],
        mut tell: impl FnMut(Endpoint, Said) -> bool,
    ) {
        self.is_untold = false;
        for (&slot, own) in &mut self.own {
            if own.rests_at().is_some_and(|at| at > now) {
                continue;
            }
            own.changed = None;
            own.told.retain(|endpoint| members.contains(endpoint));
            for &member in members {
                if own.told.contains(&member) {
                    continue;
                }
                if tell(member, own.said(slot, room)) {
                    own.told.insert(member);
                } else {
                    self.is_untold = true;
                }
            }
        }
    }

    /// The states that are due to members without a link: resting states that they lack, and repetitions, in slots where
    /// we `may` write.
    pub fn take_passed(&mut self, now: Time, may: impl Fn(Slot) -> bool) -> Vec<(Slot, Vec<u8>)> {
        let mut passed = Vec::new();
        for (&slot, own) in &mut self.own {
            if own.changed.is_none() && own.passes_at().is_some_and(|at| at <= now) && may(slot) {
                own.passed = Some(now);
                passed.push((slot, own.state.to_vec()));
            }
        }
        passed
    }

    /// The time of the next repetition for members without a link, in slots where we `may` write.
    pub fn poll_passed(&self, may: impl Fn(Slot) -> bool) -> Option<Time> {
        let resting = self.own.iter().filter(|(slot, own)| own.changed.is_none() && may(**slot));
        resting.filter_map(|(_, own)| own.passes_at()).min()
    }

    /// The apps in which we have a presence.
    pub fn shown(&self) -> Vec<Slot> {
        self.own.iter().filter(|(_, own)| !own.state.is_empty()).map(|(slot, _)| *slot).collect()
    }

    /// A member sent its presence; `is_heard` unless it is banned. Returns the state to show, if that is new; empty for
    /// none.
    pub fn handle_said(&mut self, from: Endpoint, said: &Said, is_heard: bool) -> Option<Vec<u8>> {
        let known = self.others.get(&(from, said.slot));
        if known.is_some_and(|known| known.sequence >= said.sequence) {
            return None;
        }
        let was_shown = known.is_some_and(|known| known.is_shown);
        let is_shown = is_heard && !said.state.is_empty();
        let other = Other { sequence: said.sequence, state: said.state.clone(), is_shown };
        self.others.insert((from, said.slot), other);
        (is_shown || was_shown).then(|| if is_shown { said.state.to_vec() } else { Vec::new() })
    }

    /// The rules changed. Returns changed states to show, with their endpoints; empty for none.
    pub fn handle_heard(
        &mut self,
        is_heard: impl Fn(Endpoint, Slot) -> bool,
    ) -> Vec<(Endpoint, Slot, Vec<u8>)> {
        let mut changed = Vec::new();
        for (&(endpoint, slot), other) in &mut self.others {
            let is_shown = is_heard(endpoint, slot) && !other.state.is_empty();
            if core::mem::replace(&mut other.is_shown, is_shown) != is_shown {
                changed.push((endpoint, slot, if is_shown { other.state.to_vec() } else { Vec::new() }));
            }
        }
        changed
    }

    /// Forgets endpoints that left. Returns those that were shown, with their apps.
    pub fn forget(&mut self, is_gone: impl Fn(Endpoint, Slot) -> bool) -> Vec<(Endpoint, Slot)> {
        let gone = self.others.extract_if(.., |&(endpoint, slot), _| is_gone(endpoint, slot));
        gone.filter(|(_, other)| other.is_shown).map(|(name, _)| name).collect()
    }

    /// The time at which a message is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use alloc::vec;

    const LIN: Endpoint = Endpoint { peer: PeerId([1; 32]), instance: Instance(1) };
    const TOM: Endpoint = Endpoint { peer: PeerId([2; 32]), instance: Instance(1) };

    fn state(number: u16) -> Bytes<PRESENCE_MAX> {
        Bytes::new(number.to_be_bytes().to_vec()).expect("short")
    }

    fn ms(millis: u64) -> Time {
        Time(millis * 1000)
    }

    /// The members and numbers of messages over the reliable channel now.
    fn told(presence: &mut Presence, now: Time, members: &[Endpoint]) -> Vec<(Endpoint, u32)> {
        let mut told = Vec::new();
        presence.tell_rested(now, 7, members, |member, said| {
            told.push((member, said.sequence));
            true
        });
        told
    }

    #[test]
    fn movement_goes_by_datagrams_its_resting_place_reliably() {
        let mut presence = Presence::default();
        let (mut quick, mut rested) = (Vec::new(), Vec::new());
        for millis in 0..2000 {
            if millis < 1000 {
                presence.set(ms(millis), Slot::GENESIS, state(millis as u16));
            }
            if presence.is_due(ms(millis)) {
                quick.extend(presence.take_quick(ms(millis), 7));
                rested
                    .extend(told(&mut presence, ms(millis), &[LIN]).iter().map(|&(_, said)| (millis, said)));
            }
        }
        assert_eq!(quick.len(), 21);
        assert_eq!(quick[20].state, state(999), "the last, when its time came");
        assert_eq!(rested, [(1000, 1000)], "after a second, or when it rests");
        assert_eq!(presence.poll_timeout(), None, "who does not move says nothing");
    }

    #[test]
    fn long_states_are_said_reliably_alone() {
        let mut presence = Presence::default();
        let long = Bytes::new(vec![1; PRESENCE_MAX]).expect("the most");
        presence.set(ms(0), Slot::GENESIS, long);
        assert_eq!(presence.poll_timeout(), Some(ms(250)));
        assert!(presence.take_quick(ms(250), 7).is_empty());
        assert_eq!(told(&mut presence, ms(250), &[LIN]), [(LIN, 1)]);
    }

    #[test]
    fn who_comes_later_is_told_and_nobody_twice() {
        let mut presence = Presence::default();
        presence.set(ms(0), Slot::GENESIS, state(3));
        presence.take_quick(ms(0), 7);
        assert_eq!(told(&mut presence, ms(249), &[LIN]), []);
        assert_eq!(told(&mut presence, ms(250), &[LIN]), [(LIN, 1)]);
        presence.tell_again(TOM);
        assert!(presence.is_due(ms(300)));
        assert_eq!(told(&mut presence, ms(300), &[LIN, TOM]), [(TOM, 1)]);
        assert!(!presence.is_due(ms(9000)));
        presence.tell_again(LIN);
        assert_eq!(told(&mut presence, ms(9000), &[LIN, TOM]), [(LIN, 1)], "its link is another");
    }

    #[test]
    fn who_cannot_be_told_is_told_later() {
        let mut presence = Presence::default();
        presence.set(ms(0), Slot::GENESIS, state(3));
        presence.take_quick(ms(0), 7);
        presence.tell_rested(ms(250), 7, &[LIN], |_, _| false);
        assert!(presence.is_due(ms(260)));
        assert_eq!(told(&mut presence, ms(260), &[LIN]), [(LIN, 1)]);
    }

    #[test]
    fn the_newest_wins_however_it_comes() {
        let mut presence = Presence::default();
        let mut hear = |sequence, state| {
            presence.handle_said(LIN, &Said { room: 7, slot: Slot::GENESIS, sequence, state }, true)
        };
        assert_eq!(hear(2, state(2)), Some(state(2).to_vec()));
        assert_eq!(hear(1, state(1)), None);
        assert_eq!(hear(2, state(2)), None);
        assert_eq!(hear(3, Bytes::default()), Some(vec![]));
        assert_eq!(hear(4, Bytes::default()), None, "it was not shown any more");
        assert_eq!(hear(5, state(5)), Some(state(5).to_vec()));
        let gone = |endpoint, _| endpoint == LIN;
        assert_eq!(presence.forget(gone), [(LIN, Slot::GENESIS)]);
        assert_eq!(presence.forget(gone), []);
    }

    #[test]
    fn bans_hide_what_lifting_them_shows() {
        let mut presence = Presence::default();
        let said = |sequence| Said { room: 7, slot: Slot::GENESIS, sequence, state: state(sequence as u16) };
        let shown = |number| vec![(LIN, Slot::GENESIS, state(number).to_vec())];
        assert!(presence.handle_said(LIN, &said(1), true).is_some());
        assert_eq!(presence.handle_heard(|_, _| false), [(LIN, Slot::GENESIS, vec![])]);
        assert_eq!(presence.handle_said(LIN, &said(2), false), None);
        assert_eq!(presence.handle_heard(|_, _| false), []);
        assert_eq!(presence.handle_heard(|_, _| true), shown(2));
        assert_eq!(presence.handle_heard(|_, _| true), []);
        presence.handle_said(LIN, &Said { state: Bytes::default(), ..said(3) }, false);
        presence.handle_heard(|_, _| false);
        assert_eq!(presence.handle_heard(|_, _| true), [], "it said nothing of itself any more");
    }
}
