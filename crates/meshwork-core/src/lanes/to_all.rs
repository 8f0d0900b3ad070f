//! Datagrams to everybody in a sparse overlay: those that wait for sending, and the newest received ones.
//!
//! Neighbours receive each datagram directly. Others receive the newest, at most ten times a second, signed and
//! forwarded. Both ways carry one sequence, so that a former neighbour receives nothing late.

use alloc::collections::VecDeque;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::recent::Recent;
use crate::seam::lane::{DATAGRAM_TO_ALL_MAX, Slot, Topic};
use crate::time::Time;
use crate::wire::Bytes;

/// Time between two forwarded datagrams of one endpoint: everybody in the room pays for each.
const PASSED_EVERY: Duration = Duration::from_millis(100);
/// Own streams with a waiting datagram. Beyond, the longest waiting one is dropped.
const OWN_MAX: usize = 16;
/// Streams of others whose newest datagram is remembered.
const STREAMS_MAX: usize = 4096;

/// The payload of a batch that is forwarded as a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToAll {
    /// The sequence of the datagram that neighbours receive.
    pub sequence: u32,
    /// Its topic.
    pub topic: Topic,
    /// Its content.
    pub bytes: Bytes<DATAGRAM_TO_ALL_MAX>,
}

/// Names a stream: its author, app and topic.
type Name = [u8; 16];

/// The datagrams of an endpoint in a room, sent and received.
#[derive(Debug)]
pub struct Passing {
    own: VecDeque<(Slot, ToAll)>,
    /// The time at which the next one may be sent.
    next: Time,
    heard: Recent<Name, Stream>,
}

/// The received datagrams of a stream.
#[derive(Debug, Default)]
struct Stream {
    /// The stamp of the last forwarded one.
    passed: Option<Stamp>,
    /// The last one that the app received, by either way.
    told: Option<u32>,
}

impl Default for Passing {
    fn default() -> Passing {
        Passing { own: VecDeque::new(), next: Time(0), heard: Recent::new(STREAMS_MAX) }
    }
}

impl Passing {
    /// A datagram waits for sending in an app. It replaces a waiting one of the same topic.
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

    /// The datagram to send now.
    pub fn take_due(&mut self, now: Time) -> Option<(Slot, ToAll)> {
        if self.next > now {
            return None;
        }
        let due = self.own.pop_front()?;
        self.next = now + PASSED_EVERY;
        Some(due)
    }

    /// The time at which a datagram is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.own.is_empty()).then_some(self.next)
    }

    /// Whether a datagram of an author at `stamp` is newer than the last received one of its topic.
    pub fn is_news(&self, author: Endpoint, slot: Slot, topic: &Topic, stamp: Stamp) -> bool {
        self.heard.get(&name(author, slot, topic)).is_none_or(|stream| stream.passed < Some(stamp))
    }

    /// It was forwarded.
    pub fn note(&mut self, author: Endpoint, slot: Slot, topic: &Topic, stamp: Stamp) {
        self.heard.used(name(author, slot, topic), Stream::default).0.passed = Some(stamp);
    }

    /// Whether a datagram of an author is newer than the last one of its topic that the app received, by either way.
    /// The app receives it now. Sequences are compared as serial numbers (RFC 1982), since they wrap.
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
