//! What members say to each other about blobs: kinds 90 to 95, whose bytes docs/protocol/blobs.md gives.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::outline::{BlobId, GROUP, GroupValue};
use crate::seam::lane::Slot;
use crate::wire::{self, Bounded, Bytes, DecodeError, kinds};

/// Values of an outline in one [`BlobMessage::Values`]: 32 KiB, of 64 MiB of a blob.
pub const VALUES_MAX: usize = 1024;

/// A message about blobs. Each names the app and the blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobMessage {
    /// Asks whether the receiver holds a blob.
    Ask(Slot, BlobId),
    /// The sender holds it whole, and this is its length in bytes.
    Held(Slot, BlobId, u64),
    /// The sender does not hold it, or no longer.
    Lacked(Slot, BlobId),
    /// Asks for a part of it.
    Want(Slot, BlobId, Part),
    /// Values of its outline, from the one with this number on.
    Values(Slot, BlobId, u32, Bounded<GroupValue, VALUES_MAX>),
    /// The group with this number.
    Group(Slot, BlobId, u32, Bytes<GROUP>),
}

/// A part of a blob that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Values of its outline from this one on, as many as a message holds.
    Values(u32),
    /// The group with this number.
    Group(u32),
}

kinds!(BlobMessage {
    90 => Ask(slot, blob),
    91 => Held(slot, blob, size),
    92 => Lacked(slot, blob),
    93 => Want(slot, blob, part),
    94 => Values(slot, blob, first, values),
    95 => Group(slot, blob, number, bytes),
});

/// A message about blobs that is not read yet: a program that has to do with none is without the code for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    kind: u32,
    /// As it stands behind the sender's number for the room.
    body: Vec<u8>,
}

impl Packed {
    /// What is in it; `None` of a kind that this build does not know.
    ///
    /// # Errors
    /// [`DecodeError`] for what is none of these messages.
    pub fn open(&self) -> Result<Option<BlobMessage>, DecodeError> {
        let numbered = [&[0], &self.body[..]].concat();
        Ok(BlobMessage::decode(self.kind, &numbered)?.map(|(_, message)| message))
    }

    /// As [`BlobMessage::encode`].
    pub fn encode(&self, number: u32) -> (u32, Vec<u8>) {
        let mut bytes = wire::encode(&number);
        bytes.extend_from_slice(&self.body);
        (self.kind, bytes)
    }

    /// The sender's number for the room, and the rest; `None` for a kind that is not about blobs.
    ///
    /// # Errors
    /// [`DecodeError`] where there is no number.
    pub fn decode(kind: u32, bytes: &[u8]) -> Result<Option<(u32, Packed)>, DecodeError> {
        if !(90..=95).contains(&kind) {
            return Ok(None);
        }
        let (number, body) = wire::decode_first(bytes)?;
        Ok(Some((number, Packed { kind, body: body.to_vec() })))
    }
}

impl From<&BlobMessage> for Packed {
    fn from(message: &BlobMessage) -> Packed {
        let (kind, mut body) = message.encode(0);
        // The number of the room that it was encoded for.
        body.remove(0);
        Packed { kind, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MESSAGE_MAX;
    use alloc::vec;

    #[test]
    fn messages_read_as_they_are_written() {
        let (slot, blob) = (Slot::GENESIS, BlobId([7; 32]));
        let values = Bounded::new(vec![[1; 32], [2; 32]]).expect("two");
        let messages = [
            BlobMessage::Ask(slot, blob),
            BlobMessage::Held(slot, blob, 70_000),
            BlobMessage::Lacked(slot, blob),
            BlobMessage::Want(slot, blob, Part::Values(1024)),
            BlobMessage::Want(slot, blob, Part::Group(3)),
            BlobMessage::Values(slot, blob, 1024, values),
            BlobMessage::Group(slot, blob, 3, Bytes::new(vec![1, 2]).expect("short")),
        ];
        for message in messages {
            let (kind, body) = message.encode(3);
            assert!((90..=95).contains(&kind));
            let packed = Packed::decode(kind, &body).expect("it has a number").expect("it is about blobs");
            assert_eq!(packed, (3, Packed::from(&message)));
            assert_eq!(packed.1.encode(3), (kind, body.clone()));
            assert_eq!(packed.1.open(), Ok(Some(message.clone())));
            assert_eq!(BlobMessage::decode(kind, &body), Ok(Some((3, message))));
            assert!(BlobMessage::decode(kind, &body[..body.len() - 1]).is_err());
        }
        assert_eq!(BlobMessage::decode(96, &[3]), Ok(None));
    }

    #[test]
    fn the_longest_messages_fit() {
        let (slot, blob) = (Slot::GENESIS, BlobId([7; 32]));
        let group = BlobMessage::Group(slot, blob, u32::MAX, Bytes::new(vec![1; GROUP]).expect("the most"));
        let values = Bounded::new(vec![[1; 32]; VALUES_MAX]).expect("the most");
        for message in [group, BlobMessage::Values(slot, blob, u32::MAX, values)] {
            assert!(message.encode(u32::MAX).1.len() < MESSAGE_MAX);
        }
    }
}
