//! Datagrams of a room: what waits to be said to everybody where members keep some links each, and which of others are
//! news.
//!
//! Neighbours hear each as it is said. Others hear the newest, ten times a second at most, signed and passed on. Both
//! ways carry one sequence, so that who stops being a neighbour hears nothing late.

use alloc::collections::VecDeque;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::recent::Recent;
use crate::seam::lane::{DATAGRAM_TO_ALL_MAX, Slot, Topic};
use crate::time::Time;
use crate::wire::Bytes;

/// Time between two that one endpoint has others pass on: everybody in the room pays for each.
const PASSED_EVERY: Duration = Duration::from_millis(100);
/// Streams of one's own of which one waits; beyond it the one that waited longest goes.
const OWN_MAX: usize = 16;
/// Streams of others whose newest is remembered.
const STREAMS_MAX: usize = 4096;

/// The payload of a batch that is passed on as a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToAll {
    /// That of the datagram which neighbours hear.
    pub sequence: u32,
    /// What it is about.
    pub topic: Topic,
    /// What is said.
    pub bytes: Bytes<DATAGRAM_TO_ALL_MAX>,
}

/// Names a stream: its author, app and topic.
type Name = [u8; 16];

/// What an endpoint says and hears in a room.
#[derive(Debug)]
pub struct Passing {
    own: VecDeque<(Slot, ToAll)>,
    /// When the next one may be said.
    next: Time,
    heard: Recent<Name, Stream>,
}

/// What came of a stream.
#[derive(Debug, Default)]
struct Stream {
    /// When the last one was signed that was passed on.
    passed: Option<Stamp>,
    /// The last one that the app was told, whichever way it came.
    told: Option<u32>,
}

impl Default for Passing {
    fn default() -> Passing {
        Passing { own: VecDeque::new(), next: Time(0), heard: Recent::new(STREAMS_MAX) }
    }
}

impl Passing {
    /// Something is to be said in an app, in the place of what waits about the same.
    pub fn say(&mut self, slot: Slot, said: ToAll) {
        let is_older = |(of, older): &&mut (Slot, ToAll)| (*of, &older.topic) == (slot, &said.topic);
        if let Some((_, older)) = self.own.iter_mut().find(is_older) {
            *older = said;
            return;
        }
        if self.own.len() == OWN_MAX {
            self.own.pop_front();
        }
        self.own.push_back((slot, said));
    }

    /// What is to be said now.
    pub fn take_due(&mut self, now: Time) -> Option<(Slot, ToAll)> {
        if self.next > now {
            return None;
        }
        let due = self.own.pop_front()?;
        self.next = now + PASSED_EVERY;
        Some(due)
    }

    /// When something is to be said.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.own.is_empty()).then_some(self.next)
    }

    /// Whether what an author says at `stamp` is newer than what was heard of it about the same.
    pub fn is_news(&self, author: Endpoint, slot: Slot, topic: &Topic, stamp: Stamp) -> bool {
        self.heard.get(&name(author, slot, topic)).is_none_or(|stream| stream.passed < Some(stamp))
    }

    /// It was passed on.
    pub fn note(&mut self, author: Endpoint, slot: Slot, topic: &Topic, stamp: Stamp) {
        self.heard.used(name(author, slot, topic), Stream::default).0.passed = Some(stamp);
    }

    /// Whether what an author says is newer than what the app was told of it about the same, whichever way it came; it
    /// is told now. Sequences are compared as serial numbers (RFC 1982), since they wrap.
    pub fn tells(&mut self, author: Endpoint, slot: Slot, topic: &Topic, sequence: u32) -> bool {
        let (stream, _) = self.heard.used(name(author, slot, topic), Stream::default);
        let ahead = stream.told.map_or(1, |told| sequence.wrapping_sub(told));
        let is_news = ahead != 0 && ahead < 1 << 31 || planted!(DatagramLate);
        if is_news {
            stream.told = Some(sequence);
        }
        is_news
    }
}

fn name(author: Endpoint, slot: Slot, topic: &Topic) -> Name {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&author.to_bytes()).update(&[slot.number()]).update(topic.as_bytes());
    *hasher.finalize().as_bytes().first_chunk().expect("a hash is longer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn said(topic: &str, number: u8) -> ToAll {
        let (topic, bytes) = (Topic::new(topic).expect("short"), Bytes::new(vec![number]).expect("short"));
        ToAll { sequence: number.into(), topic, bytes }
    }

    #[test]
    fn others_hear_the_newest_ten_times_a_second() {
        let mut passing = Passing::default();
        let mut passed = Vec::new();
        for millis in 0..1000u64 {
            let number = (millis / 10) as u8;
            passing.say(Slot::GENESIS, said("ball", number));
            passing.say(Slot::GENESIS, said("bat", number));
            passed.extend(passing.take_due(Time(millis * 1000)));
        }
        let expected = (0..10).map(|turn| (Slot::GENESIS, said(["ball", "bat"][turn % 2], 10 * turn as u8)));
        assert_eq!(passed, expected.collect::<Vec<_>>(), "in turns, and the newest of each");
    }

    #[test]
    fn older_is_no_news_when_numbers_wrap() {
        let mut passing = Passing::default();
        let author = Endpoint { peer: crate::id::PeerId([1; 32]), instance: crate::id::Instance(1) };
        let mut tells = |topic, sequence| {
            passing.tells(author, Slot::GENESIS, &Topic::new(topic).expect("short"), sequence)
        };
        assert!(tells("a", u32::MAX - 1));
        assert!(!tells("a", u32::MAX - 1));
        assert!(tells("a", 3), "it wrapped");
        assert!(!tells("a", u32::MAX), "it comes late");
        assert!(tells("b", 1), "another topic");
        let stamp = Stamp(1);
        let topic = Topic::new("a").expect("short");
        assert!(passing.is_news(author, Slot::GENESIS, &topic, stamp), "who was told of it passes it on");
        passing.note(author, Slot::GENESIS, &topic, stamp);
        assert!(!passing.is_news(author, Slot::GENESIS, &topic, stamp));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut passing = Passing::default();
        for number in 0..=OWN_MAX as u8 {
            passing.say(Slot::GENESIS, said(&alloc::format!("{number}"), number));
        }
        assert_eq!(passing.own.len(), OWN_MAX);
        assert_eq!(passing.take_due(Time(0)), Some((Slot::GENESIS, said("1", 1))));
    }
}
