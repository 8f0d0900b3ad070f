//! What is said about a link itself: the kinds of messages, their bodies and their limits.
//!
//! docs/protocol/link.md gives the bytes. What is said inside rooms a link carries unopened.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::resume::Resumption;
use crate::id::RoomId;
use crate::lanes::{Letter, Said};
use crate::wire::{self, Bounded, BoundedText, Bytes, DecodeError};

/// Longest display name, in bytes of UTF-8.
pub const NAME_MAX: usize = 32;

/// A message about the link itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkMessage {
    /// The first message each way: the signature of the transcript.
    Proof(Bytes<64>),
    /// The last message: the sender closes the link.
    Goodbye(GoodbyeReason),
    /// The sender is in a room and calls it by a number of its own from here on.
    Attach(Attach),
    /// The sender left the room that it called by this number, or does not let the other end in.
    Detach(Detach),
    /// The first message after the proof, from version 2 on: what the sender remembers of the session.
    Resumption(Resumption),
    /// What an application says to this endpoint alone.
    Direct(Direct),
    /// All direct messages up to this number were received.
    DirectReceived(u64),
    /// What the sender says of itself in a room.
    Presence(Said),
    /// The person at the sender does not want this link: a goodbye follows. The receiver tries no other of its own
    /// accord.
    Unlinked,
    /// A message inside a room, unopened: of every kind that is none of these.
    Room {
        /// Its kind, which may be one that this build does not know.
        kind: u32,
        /// What is said: as [`RoomMessage::decode`](crate::room::message::RoomMessage::decode) reads it.
        body: Vec<u8>,
    },
}

/// Why a link is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoodbyeReason {
    /// The program or page ends.
    Left,
    /// A newer link to the same endpoint took its place.
    Replaced,
    /// The other end broke the protocol.
    Refused,
    /// No room is shared any more.
    Unused,
}

impl GoodbyeReason {
    /// In words, as seen from the end that hears it.
    pub fn words(self) -> &'static str {
        match self {
            GoodbyeReason::Left => "left",
            GoodbyeReason::Replaced => "opened a newer link",
            GoodbyeReason::Refused => "refused what this end sent",
            GoodbyeReason::Unused => "shares no room any more",
        }
    }
}

/// Proofs of secrets that were put in the place of a room's first.
pub type Renewed = Bounded<[u8; 32], RENEWED_MAX>;

/// Proofs of secrets that an [`Attach`] has at most: whoever was away while a room changed its secret more often than that
/// meets somebody else who was.
pub const RENEWED_MAX: usize = 4;

/// Body of [`LinkMessage::Attach`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attach {
    /// Which room.
    pub room: RoomId,
    /// The sender's number for it on this link.
    pub number: u32,
    /// Proof of the room's secret bound to this link; `None` in an open room.
    pub proof: Option<[u8; 32]>,
    /// The same of the secrets that were put in its place, as far as the sender has them: that in force first.
    pub renewed: Renewed,
    /// What the sender calls itself.
    pub name: BoundedText<NAME_MAX>,
    /// Whether the sender stays in the room and acknowledges batches.
    pub stays: bool,
    /// Whether the sender keeps batches on durable storage.
    pub stores: bool,
    /// Whether it visits: lanes alone are used, and neither end becomes a neighbour.
    pub visits: bool,
}

/// Body of [`LinkMessage::Detach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detach {
    /// Which room.
    pub room: RoomId,
    /// Why.
    pub reason: DetachReason,
}

/// Why an endpoint is no longer attached to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DetachReason {
    /// The sender left the room.
    Left,
    /// The sender's view of the room has no place for another endpoint.
    Full,
    /// The proof of the secret did not hold.
    Proof,
    /// The sender cannot tell yet whether the other one has access, and attaches again once it can. It takes records meanwhile.
    Unsure,
}

/// Body of [`LinkMessage::Direct`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// Its place among the sender's direct messages of the session, from 1.
    pub number: u64,
    /// What it holds.
    pub letter: Letter,
}

mod kind {
    pub(super) const PROOF: u32 = 1;
    pub(super) const GOODBYE: u32 = 2;
    pub(super) const ATTACH: u32 = 3;
    pub(super) const DETACH: u32 = 4;
    pub(super) const RESUMPTION: u32 = 5;
    pub(super) const DIRECT: u32 = 30;
    pub(super) const DIRECT_RECEIVED: u32 = 31;
    pub(super) const PRESENCE: u32 = 32;
    pub(super) const UNLINKED: u32 = 56;
}

impl LinkMessage {
    /// The message's kind and body.
    pub fn encode(&self) -> (u32, Vec<u8>) {
        match self {
            LinkMessage::Proof(signature) => (kind::PROOF, wire::encode(signature)),
            LinkMessage::Goodbye(reason) => (kind::GOODBYE, wire::encode(reason)),
            LinkMessage::Attach(attach) => (kind::ATTACH, wire::encode(attach)),
            LinkMessage::Detach(detach) => (kind::DETACH, wire::encode(detach)),
            LinkMessage::Resumption(resumption) => (kind::RESUMPTION, wire::encode(resumption)),
            LinkMessage::Direct(direct) => (kind::DIRECT, wire::encode(direct)),
            LinkMessage::DirectReceived(number) => (kind::DIRECT_RECEIVED, wire::encode(number)),
            LinkMessage::Presence(said) => (kind::PRESENCE, wire::encode(said)),
            LinkMessage::Unlinked => (kind::UNLINKED, Vec::new()),
            LinkMessage::Room { kind, body } => (*kind, body.clone()),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the body of a message about the link is not what it should be.
    pub fn decode(kind: u32, body: &[u8]) -> Result<LinkMessage, DecodeError> {
        Ok(match kind {
            kind::PROOF => LinkMessage::Proof(wire::decode(body)?),
            kind::GOODBYE => LinkMessage::Goodbye(wire::decode(body)?),
            kind::ATTACH => LinkMessage::Attach(wire::decode(body)?),
            kind::DETACH => LinkMessage::Detach(wire::decode(body)?),
            kind::RESUMPTION => LinkMessage::Resumption(wire::decode(body)?),
            kind::DIRECT => LinkMessage::Direct(wire::decode(body)?),
            kind::DIRECT_RECEIVED => LinkMessage::DirectReceived(wire::decode(body)?),
            kind::PRESENCE => LinkMessage::Presence(wire::decode(body)?),
            kind::UNLINKED => {
                wire::decode::<()>(body)?;
                LinkMessage::Unlinked
            }
            kind => LinkMessage::Room { kind, body: body.to_vec() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::lane::Slot;
    use alloc::vec;

    fn direct() -> Direct {
        let (slot, topic) = (Slot::new(1).expect("there is one"), BoundedText::new("a").expect("short"));
        let bytes = Bytes::new(b"hi".to_vec()).expect("short");
        Direct { number: 301, letter: Letter { room: 3, slot, topic, bytes } }
    }

    fn examples() -> Vec<LinkMessage> {
        let room = RoomId([1; 32]);
        let name = BoundedText::new("Mira").expect("short");
        let digest = [9; 32];
        vec![
            LinkMessage::Proof(Bytes::new(vec![7; 64]).expect("64 bytes")),
            LinkMessage::Goodbye(GoodbyeReason::Left),
            LinkMessage::Attach(Attach {
                room,
                number: 3,
                proof: Some(digest),
                renewed: Renewed::default(),
                name,
                stays: true,
                stores: false,
                visits: false,
            }),
            LinkMessage::Detach(Detach { room, reason: DetachReason::Full }),
            LinkMessage::Resumption(Resumption { began: 1, received: 300 }),
            LinkMessage::Direct(direct()),
            LinkMessage::DirectReceived(301),
            LinkMessage::Presence(Said {
                room: 3,
                slot: Slot::GENESIS,
                sequence: 300,
                state: Bytes::new(vec![1, 2]).expect("short"),
            }),
        ]
    }

    #[test]
    fn messages_read_as_they_are_written() {
        for message in examples() {
            let (kind, body) = message.encode();
            assert_eq!(LinkMessage::decode(kind, &body), Ok(message));
        }
    }

    #[test]
    fn the_bytes_of_direct_messages_are_these() {
        let bytes = |message: LinkMessage| message.encode();
        let direct = bytes(LinkMessage::Direct(direct()));
        assert_eq!(direct, (30, vec![0xad, 0x02, 0x03, 0x01, 0x01, b'a', 0x02, b'h', b'i']));
        assert_eq!(bytes(LinkMessage::DirectReceived(301)), (31, vec![0xad, 0x02]));
        let resumption = Resumption { began: 3, received: 301 };
        assert_eq!(bytes(LinkMessage::Resumption(resumption)), (5, vec![0x03, 0xad, 0x02]));
    }

    #[test]
    fn who_unlinks_says_so_in_no_bytes() {
        assert_eq!(LinkMessage::Unlinked.encode(), (56, vec![]));
        assert_eq!(LinkMessage::decode(56, &[]), Ok(LinkMessage::Unlinked));
        assert!(LinkMessage::decode(56, &[0]).is_err());
    }

    #[test]
    fn cut_bodies_are_refused_other_kinds_left_unopened() {
        for message in examples() {
            let (kind, body) = message.encode();
            assert!(LinkMessage::decode(kind, &body[..body.len() - 1]).is_err(), "{message:?}");
        }
        let body = vec![1, 2, 3];
        assert_eq!(LinkMessage::decode(999, &body), Ok(LinkMessage::Room { kind: 999, body }));
    }
}
