//! Broadcasts: in each author's order, each once, with the number of missing ones.
//!
//! A broadcast travels as a signed batch of no replica, along the overlay. An author numbers its broadcasts in an app,
//! so receivers see which are missing. A broadcast that overtook another waits for it a while.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::num::NonZero;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::recent::Recent;
use crate::seam::lane::{SAY_MAX, Slot, Topic};
use crate::time::Time;
use crate::wire::{self, Bytes, DecodeError};

/// How far a broadcast may be behind its author's latest in the app, by the author's own clock: a later one was
/// delayed, and members can no longer tell it from a repetition.
pub const LATE: Duration = Duration::from_secs(30);
/// How long a broadcast waits for earlier ones, since the last such one came. Trees detect a loss within this time.
const ORDER_WITHIN: Duration = Duration::from_secs(2);
/// The same for the first broadcast of an author, who may have sent many before.
const FIRST_WITHIN: Duration = Duration::from_millis(250);
/// Authors tracked per app; evicts the one silent longest.
const STREAMS_MAX: usize = 4096;
/// Most waiting broadcasts of one author in an app: a burst that overtook one message.
const WAITING_MAX: usize = 64;
/// Most bytes of waiting broadcasts.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The payload of a broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// Its number among the broadcasts of its author's endpoint in the app, from 1.
    pub number: NonZero<u64>,
    /// Its topic.
    pub topic: Topic,
    /// Its content.
    pub bytes: Bytes<SAY_MAX>,
}

impl Saying {
    /// Decodes a payload.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(payload: &[u8]) -> Result<Saying, DecodeError> {
        wire::decode(payload)
    }

    /// The number of a broadcast, without decoding the rest; `None` if it has none.
    pub fn number_of(payload: &[u8]) -> Option<NonZero<u64>> {
        postcard::take_from_bytes(payload).ok().map(|(number, _)| number)
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }
}

/// A broadcast for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its author.
    pub from: Endpoint,
    /// Its app.
    pub slot: Slot,
    /// Its topic.
    pub topic: Topic,
    /// Its content.
    pub bytes: Bytes<SAY_MAX>,
    /// Number of missing ones before it, since the last received one.
    pub missed: u64,
}

/// The result of an arriving broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is new: forward it.
    New,
    /// It came before, or a later one was delivered already.
    Known,
    /// It is too far behind its author's clock.
    Late,
}

/// The received broadcasts of all authors.
#[derive(Debug)]
pub struct Sayings {
    streams: Recent<Name, Stream>,
    /// Streams with waiting broadcasts, and their deadlines.
    gaps: BTreeMap<Name, Time>,
    waiting_bytes: usize,
    heard: VecDeque<Heard>,
}

/// An author, and the app of its broadcasts.
type Name = (Endpoint, Slot);

/// The received broadcasts of one author in an app.
#[derive(Debug)]
struct Stream {
    latest: Stamp,
    /// The last delivered number; 0 for none.
    last: u64,
    waiting: BTreeMap<u64, Saying>,
}

impl Stream {
    fn new() -> Stream {
        Stream { latest: Stamp::NEVER, last: 0, waiting: BTreeMap::new() }
    }

    fn is_known(&self, number: u64) -> bool {
        number <= self.last || self.waiting.contains_key(&number)
    }

    /// The next broadcast in order; with `skips`, the first waiting one.
    fn take_next(&mut self, (from, slot): Name, skips: bool) -> Option<Heard> {
        let next = self.waiting.first_entry().filter(|entry| skips || *entry.key() == self.last + 1)?;
        let (number, Saying { topic, bytes, .. }) = next.remove_entry();
        // Broadcasts before the first received one of an author are not missing.
        let missed = if self.last == 0 || planted!(GapUntold) { 0 } else { number - self.last - 1 };
        self.last = number;
        Some(Heard { from, slot, topic, bytes, missed })
    }
}

impl Default for Sayings {
    fn default() -> Sayings {
        let (gaps, heard) = (BTreeMap::new(), VecDeque::new());
        Sayings { streams: Recent::new(STREAMS_MAX), gaps, waiting_bytes: 0, heard }
    }
}

impl Sayings {
    /// Whether the broadcast with this number was delivered, or waits.
    pub fn is_known(&self, from: Endpoint, slot: Slot, number: NonZero<u64>) -> bool {
        let stream = self.streams.get(&(from, slot)).filter(|_| !planted!(SaidTwice));
        stream.is_some_and(|stream| stream.is_known(number.get()))
    }

    /// Accepts a broadcast that was signed at `stamp`.
    pub fn take(&mut self, now: Time, from: Endpoint, slot: Slot, stamp: Stamp, saying: Saying) -> Arrival {
        let name = (from, slot);
        let (stream, silent) = self.streams.used(name, Stream::new);
        // Waiting broadcasts of an evicted author are missing.
        let forgotten = silent.map_or(0, |(silent, stream)| {
            self.gaps.remove(&silent);
            stream.waiting.values().map(|saying| saying.bytes.len()).sum()
        });
        self.waiting_bytes -= forgotten;
        if stream.is_known(saying.number.get()) {
            if planted!(SaidTwice) {
                let Saying { topic, bytes, .. } = saying;
                self.heard.push_back(Heard { from, slot, topic, bytes, missed: 0 });
            }
            return Arrival::Known;
        }
        if u128::from(stream.latest.millis().saturating_sub(stamp.millis())) > LATE.as_millis() {
            return Arrival::Late;
        }
        stream.latest = stream.latest.max(stamp);
        let wait = if stream.last == 0 { FIRST_WITHIN } else { ORDER_WITHIN };
        self.waiting_bytes += saying.bytes.len();
        stream.waiting.insert(saying.number.get(), saying);
        let is_full = stream.waiting.len() > WAITING_MAX || self.waiting_bytes > WAITING_BYTES_MAX;
        let until = now + wait;
        self.gaps.entry(name).or_insert(until);
        if self.hand_over(name, is_full)
            && let Some(gap) = self.gaps.get_mut(&name)
        {
            *gap = until;
        }
        Arrival::New
    }

    /// The next broadcast for the application.
    pub fn poll_heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Stops waiting for late broadcasts.
    pub fn handle_timeout(&mut self, now: Time) {
        let over = self.gaps.iter().filter(|(_, until)| **until <= now);
        for name in over.map(|(name, _)| *name).collect::<Vec<_>>() {
            self.hand_over(name, true);
        }
    }

    /// The time at which a broadcast has waited long enough.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.gaps.values().min().copied()
    }

    /// Delivers the broadcasts that are next in order; with `skips`, all waiting ones. Returns whether there were any.
    fn hand_over(&mut self, name: Name, skips: bool) -> bool {
        let Some(stream) = self.streams.get_mut(&name) else { return false };
        let before = self.heard.len();
        while let Some(heard) = stream.take_next(name, skips) {
            self.waiting_bytes -= heard.bytes.len();
            self.heard.push_back(heard);
        }
        if stream.waiting.is_empty() {
            self.gaps.remove(&name);
        }
        self.heard.len() > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::time::WallTime;
    use alloc::vec;

    const GAME: Slot = Slot::GENESIS;

    fn author(number: u64) -> Endpoint {
        Endpoint { peer: PeerId([1; 32]), instance: Instance(number) }
    }

    fn saying(number: u64) -> Saying {
        let (topic, bytes) = (Topic::new("greeting"), Bytes::new(vec![number as u8]));
        let number = NonZero::new(number).expect("from 1");
        Saying { number, topic: topic.expect("short"), bytes: bytes.expect("short") }
    }

    fn stamp(seconds: u64) -> Stamp {
        Stamp::at(WallTime::from_millis(1_000_000 + seconds * 1000))
    }

    /// The delivered broadcasts: contents and numbers of missing ones before each.
    fn heard(sayings: &mut Sayings, now: u64) -> Vec<(u8, u64)> {
        sayings.handle_timeout(Time(now * 1000));
        core::iter::from_fn(|| sayings.poll_heard()).map(|heard| (heard.bytes[0], heard.missed)).collect()
    }

    fn take(sayings: &mut Sayings, now: u64, number: u64) -> Arrival {
        sayings.take(Time(now * 1000), author(1), GAME, stamp(0), saying(number))
    }

    #[test]
    fn payloads_read_as_they_are_written() {
        let bytes = saying(300).encode();
        assert_eq!(Saying::decode(&bytes), Ok(saying(300)));
        assert_eq!(Saying::number_of(&bytes), NonZero::new(300));
        assert!(Saying::decode(&[&[0], &bytes[2..]].concat()).is_err(), "numbers begin with 1");
        assert!(Saying::decode(&bytes[..bytes.len() - 1]).is_err());
        // docs/protocol/lanes.md
        let golden = [0xac, 2, 4, b'b', b'a', b'l', b'l', 2, b'h', b'i'];
        let (topic, said) = (Topic::new("ball").expect("short"), Bytes::new(b"hi".to_vec()).expect("short"));
        assert_eq!(Saying { topic, bytes: said, ..saying(300) }.encode(), golden);
    }

    #[test]
    fn each_is_heard_once_and_in_order() {
        let mut sayings = Sayings::default();
        for number in [1, 3, 2, 3, 1, 4] {
            take(&mut sayings, 0, number);
        }
        assert_eq!(heard(&mut sayings, 0), [(1, 0), (2, 0), (3, 0), (4, 0)]);
        assert_eq!(take(&mut sayings, 0, 4), Arrival::Known);
        assert_eq!((sayings.waiting_bytes, sayings.poll_timeout()), (0, None));
    }

    #[test]
    fn what_never_came_is_told_after_two_seconds() {
        let mut sayings = Sayings::default();
        for number in [1, 2, 5, 7] {
            assert_eq!(take(&mut sayings, 100, number), Arrival::New);
        }
        assert_eq!(heard(&mut sayings, 2099), [(1, 0), (2, 0)]);
        assert_eq!(heard(&mut sayings, 2100), [(5, 2), (7, 1)]);
        assert_eq!(take(&mut sayings, 2200, 6), Arrival::Known, "what came after it was heard");
    }

    #[test]
    fn the_first_one_heard_may_have_outrun_others() {
        let mut sayings = Sayings::default();
        take(&mut sayings, 0, 41);
        take(&mut sayings, 100, 40);
        assert_eq!(heard(&mut sayings, 249), []);
        assert_eq!(heard(&mut sayings, 250), [(40, 0), (41, 0)], "what was said before is not missed");
    }

    #[test]
    fn half_a_minute_behind_is_late() {
        let mut sayings = Sayings::default();
        let mut take =
            |number, seconds| sayings.take(Time(0), author(1), GAME, stamp(seconds), saying(number));
        assert_eq!([take(2, 31), take(3, 1), take(4, 0)], [Arrival::New, Arrival::New, Arrival::Late]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut sayings = Sayings::default();
        take(&mut sayings, 0, 1);
        for number in 0..=WAITING_MAX as u64 {
            take(&mut sayings, 0, 3 + number);
        }
        assert_eq!(heard(&mut sayings, 0).len(), WAITING_MAX + 2, "a gap is given up for it");

        let longest =
            |number| Saying { bytes: Bytes::new(vec![0; SAY_MAX]).expect("the most"), ..saying(number) };
        for number in 0..STREAMS_MAX as u64 + 2 {
            let arrival = sayings.take(Time(0), author(2 + number), GAME, stamp(0), longest(9));
            assert_eq!(arrival, Arrival::New);
            assert!(sayings.waiting_bytes <= WAITING_BYTES_MAX);
        }
        assert!(!sayings.is_known(author(1), GAME, NonZero::<u64>::MIN), "the longest silent is forgotten");
        sayings.handle_timeout(Time(1_000_000));
        assert_eq!((sayings.waiting_bytes, sayings.gaps.len()), (0, 0));
    }
}
