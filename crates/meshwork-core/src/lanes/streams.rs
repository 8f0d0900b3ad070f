//! Which datagrams of a neighbour are news.

use alloc::collections::VecDeque;

use super::Datagram;
use crate::seam::lane::{Slot, Topic};

/// Streams of one neighbour of which the last datagram is remembered: a few topics in each of its apps.
pub const STREAMS_MAX: usize = 64;

/// The last datagram of each of a neighbour's streams, the one heard of last at the end; at most [`STREAMS_MAX`].
#[derive(Debug, Default)]
pub struct Streams(VecDeque<Stream>);

#[derive(Debug)]
struct Stream {
    room: u32,
    slot: Slot,
    topic: Topic,
    sequence: u32,
}

impl Streams {
    /// A datagram came. Returns whether it is newer than what came before in its stream; sequences are compared as
    /// serial numbers (RFC 1982), since they wrap.
    pub fn is_news(&mut self, datagram: &Datagram) -> bool {
        let Datagram { room, slot, topic, sequence, .. } = datagram;
        let is_it = |one: &Stream| (one.room, one.slot, &one.topic) == (*room, *slot, topic);
        if let Some(place) = self.0.iter().position(is_it)
            && let Some(mut known) = self.0.remove(place)
        {
            let ahead = sequence.wrapping_sub(known.sequence);
            let is_news = ahead != 0 && ahead < 1 << 31;
            if is_news {
                known.sequence = *sequence;
            }
            self.0.push_back(known);
            return is_news;
        }
        if self.0.len() == STREAMS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Stream { room: *room, slot: *slot, topic: topic.clone(), sequence: *sequence });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Bytes;
    use alloc::format;

    fn datagram(topic: &str, sequence: u32) -> Datagram {
        let topic = Topic::new(topic).expect("short");
        Datagram { room: 1, slot: Slot::GENESIS, topic, sequence, bytes: Bytes::default() }
    }

    #[test]
    fn what_is_older_is_no_news_also_when_numbers_wrap() {
        let mut streams = Streams::default();
        let mut news = |topic, sequence| streams.is_news(&datagram(topic, sequence));
        assert!(news("a", u32::MAX - 1));
        assert!(!news("a", u32::MAX - 1));
        assert!(news("a", 3), "it wrapped");
        assert!(!news("a", u32::MAX), "it comes late");
        assert!(news("b", 1), "another topic");
    }

    #[test]
    fn so_many_streams_are_remembered() {
        let mut streams = Streams::default();
        for number in 0..STREAMS_MAX {
            assert!(streams.is_news(&datagram(&format!("{number}"), 9)));
        }
        assert!(!streams.is_news(&datagram("0", 9)), "it was heard of last now");
        assert!(streams.is_news(&datagram("more", 9)));
        assert!(!streams.is_news(&datagram("0", 9)));
        assert!(streams.is_news(&datagram("1", 9)), "the one of which nothing was heard for longest");
        assert_eq!(streams.0.len(), STREAMS_MAX);
    }
}
