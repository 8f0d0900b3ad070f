//! Lane messages and their bytes: docs/protocol/lanes.md.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::seam::lane::{DATAGRAM_MAX, DATAGRAM_PAYLOAD_MAX, DIRECT_MAX, PRESENCE_MAX, Slot, Topic};
use crate::wire::{self, Bytes, DecodeError};

/// The kind of [`Said`] on the unreliable channel.
pub const PRESENCE_KIND: u8 = 5;
/// The kind of [`Datagram`] on the unreliable channel.
pub const DATAGRAM_KIND: u8 = 6;
/// The kind of [`Passed`] on the unreliable channel.
pub const PASSED_KIND: u8 = 7;

/// A datagram of an app. The fields before the sequence name its stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Datagram {
    /// The sender's number for the room on this link.
    pub room: u32,
    /// The slot of the app.
    pub slot: Slot,
    /// Its topic.
    pub topic: Topic,
    /// Grows by 1 with each datagram of the sender in the room; after the greatest number comes 0.
    pub sequence: u32,
    /// Its content.
    pub bytes: Bytes<DATAGRAM_PAYLOAD_MAX>,
}

/// A datagram to everybody, as forwarded by a neighbour: a signed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The sender's number for the room on this link.
    pub room: u32,
    /// The batch.
    pub batch: Vec<u8>,
}

/// The sender's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The sender's number for the room on this link.
    pub room: u32,
    /// The slot of the app.
    pub slot: Slot,
    /// Grows with each change of the sender's presence in the room, from 1.
    pub sequence: u32,
    /// The presence; empty for none.
    pub state: Bytes<PRESENCE_MAX>,
}

/// The content of a direct message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The sender's number for the room.
    pub room: u32,
    /// The slot of the app.
    pub slot: Slot,
    /// Its topic.
    pub topic: Topic,
    /// Its content.
    pub bytes: Bytes<DIRECT_MAX>,
}

impl Letter {
    /// Its bytes: topic and content.
    pub fn weight(&self) -> usize {
        self.topic.len() + self.bytes.len()
    }
}

/// A lane message on the unreliable channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreliable {
    /// The sender's presence.
    Presence(Said),
    /// A datagram of an app.
    Datagram(Datagram),
    /// A forwarded datagram.
    Passed(Passed),
}

/// Bytes of a batch that name its author: the format, the peer and the instance.
const AUTHOR_LEN: usize = 41;

impl Unreliable {
    /// Whether a datagram on the unreliable channel is a lane's.
    pub fn is_kind(kind: u8) -> bool {
        matches!(kind, PRESENCE_KIND | DATAGRAM_KIND | PASSED_KIND)
    }

    /// Decodes a message of the unreliable channel, its kind included; `None` for another kind.
    ///
    /// # Errors
    /// [`DecodeError`]: nothing of it counts.
    pub fn decode(bytes: &[u8]) -> Result<Option<Unreliable>, DecodeError> {
        Ok(match bytes.split_first() {
            Some((&PRESENCE_KIND, body)) => Some(Unreliable::Presence(wire::decode(body)?)),
            Some((&DATAGRAM_KIND, body)) => Some(Unreliable::Datagram(wire::decode(body)?)),
            Some((&PASSED_KIND, body)) => {
                let (room, batch) = postcard::take_from_bytes(body).map_err(DecodeError::Body)?;
                if batch.len() <= AUTHOR_LEN || bytes.len() > DATAGRAM_MAX {
                    return Err(DecodeError::Body(postcard::Error::DeserializeUnexpectedEnd));
                }
                Some(Unreliable::Passed(Passed { room, batch: batch.to_vec() }))
            }
            _ => None,
        })
    }

    /// The bytes on the unreliable channel, and how many of them name the stream.
    pub fn encode(&self) -> (Vec<u8>, usize) {
        match self {
            Unreliable::Presence(said) => {
                let stream = wire::encode(&(PRESENCE_KIND, said.room, said.slot)).len();
                (wire::encode(&(PRESENCE_KIND, said)), stream)
            }
            Unreliable::Datagram(datagram) => {
                let Datagram { room, slot, topic, .. } = datagram;
                let stream = wire::encode(&(DATAGRAM_KIND, room, slot, topic)).len();
                (wire::encode(&(DATAGRAM_KIND, datagram)), stream)
            }
            // On a full link the newest of an author waits, for any topic.
            Unreliable::Passed(Passed { room, batch }) => {
                let room = wire::encode(&(PASSED_KIND, room));
                ([&room[..], batch].concat(), room.len() + AUTHOR_LEN.min(batch.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::lane::TOPIC_MAX;
    use alloc::vec;

    fn datagram(topic: &str, bytes: usize) -> Datagram {
        let (topic, bytes) =
            (Topic::new(topic).expect("short"), Bytes::new(vec![7; bytes]).expect("short enough"));
        Datagram { room: u32::MAX, slot: Slot::GENESIS, topic, sequence: u32::MAX, bytes }
    }

    #[test]
    fn what_is_said_reads_as_it_is_written() {
        let said = Said {
            room: 3,
            slot: Slot::GENESIS,
            sequence: 300,
            state: Bytes::new(vec![1, 2]).expect("short"),
        };
        let passed = Passed { room: 300, batch: vec![9; 100] };
        let datagram = Unreliable::Datagram(datagram("ball", 9));
        for message in [Unreliable::Presence(said), datagram, Unreliable::Passed(passed)] {
            assert_eq!(Unreliable::decode(&message.encode().0), Ok(Some(message)));
        }
        assert_eq!(Unreliable::decode(&[4, 0]), Ok(None));
    }

    #[test]
    fn the_longest_datagram_fits_a_packet() {
        let longest = datagram(&"t".repeat(TOPIC_MAX), DATAGRAM_PAYLOAD_MAX);
        assert_eq!(Unreliable::Datagram(longest).encode().0.len(), DATAGRAM_MAX);
    }

    #[test]
    fn nonsense_is_refused() {
        let (written, stream) = Unreliable::Datagram(datagram("ball", 9)).encode();
        assert!(Unreliable::decode(&written[..stream]).is_err());
        assert!(Unreliable::decode(&[&written[..], &[0]].concat()).is_err());
        assert!(Unreliable::decode(&[&[PASSED_KIND, 3][..], &[9; AUTHOR_LEN]].concat()).is_err(), "no batch");
        assert!(
            Unreliable::decode(&[&[PASSED_KIND, 3][..], &[9; DATAGRAM_MAX]].concat()).is_err(),
            "too long"
        );
        let later_slot = [&written[..6], &[16], &written[7..]].concat();
        assert!(Unreliable::decode(&later_slot).is_err());
    }
}
