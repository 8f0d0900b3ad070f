//! The datagrams between programs on one network, version 1: docs/protocol/lan.md.
//!
//! A datagram is the label [`LABEL`], one byte of kind, and a postcard body. Datagrams of other labels and kinds are not
//! ours: the reader skips them.

use std::net::IpAddr;

use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::signalling::protocol::PAYLOAD_MAX;
use meshwork_core::signed::genesis::GENESIS_MAX;
use meshwork_core::wire::{self, Bounded, Bytes, DecodeError};
use serde::{Deserialize, Serialize};

/// The first bytes of each datagram; the digit is the version.
pub const LABEL: &[u8; 4] = b"mwl1";
/// The beginning of [`LABEL`] in every version.
pub const FAMILY: &[u8] = b"mwl";
/// Longest datagram, in bytes: no network splits it.
pub const DATAGRAM_MAX: usize = 1_200;
/// Rooms that one endpoint announces.
pub const TAGS_MAX: usize = 16;
/// Addresses of others in one announcement.
pub const OTHERS_MAX: usize = 8;
/// Bytes of a sealed payload in one part of a signal.
pub const PIECE_MAX: usize = 1_024;
/// Parts of one signal: a payload of the greatest length fits.
pub const PARTS_MAX: u8 = PAYLOAD_MAX.div_ceil(PIECE_MAX) as u8;

/// The name of a room on the network. Nobody recognises a room by it who does not know the room's id and, of a private
/// room, its secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Tag(pub [u8; 8]);

impl Tag {
    /// The tag under which members that show `token` find each other. Without a token it is the tag of an open room, by
    /// which anybody who knows the id may ask for the genesis.
    pub fn new(room: &RoomId, token: Option<&[u8; 32]>) -> Tag {
        let mut bytes = room.0.to_vec();
        bytes.extend(token.into_iter().flatten());
        let derived = blake3::derive_key("meshwork lan room v1", &bytes);
        Tag(*derived.first_chunk().expect("32 bytes"))
    }
}

/// The code of a room on every local network: 30 bits of its id. Anybody can make a room of the same code, so a code
/// alone proves nothing about the room.
pub fn code(room: &RoomId) -> Code {
    let derived = blake3::derive_key("meshwork lan code v1", &room.0);
    Code::from_bits(u32::from_be_bytes(*derived.first_chunk().expect("32 bytes")))
}

/// One message between two programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// Names an endpoint, its rooms and its port.
    Announce(Announce),
    /// Asks for the genesis of a room.
    Ask(Ask),
    /// The genesis of a room, for an asker alone.
    Genesis(Genesis),
    /// A part of a sealed payload, for its addressee alone.
    Signal(Signal),
    /// The addressee has received a part of a signal.
    Taken(Taken),
}

/// Which answer an announcement wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wants {
    /// None: it is itself an answer, or repeats what is known. Nobody answers it.
    Nothing,
    /// The announcements of some six, since all programs hear it.
    Some,
    /// The announcement of the program that hears it, which was addressed alone.
    Answer,
}

/// Names an endpoint, its rooms and its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announce {
    /// The UDP port at which the endpoint receives signals; 0 if it leaves the network.
    pub port: u16,
    /// The endpoint with its sealing key, signed by its peer. The signature covers no other field.
    pub introduction: Introduction,
    /// Which answer the sender wants.
    pub wants: Wants,
    /// The rooms that the endpoint is in.
    pub tags: Bounded<Tag, TAGS_MAX>,
    /// The TCP port at which the endpoint serves pages.
    pub pages: Option<u16>,
    /// Addresses of others, for a program that hears no broadcast.
    pub others: Bounded<(IpAddr, u16), OTHERS_MAX>,
}

/// Asks for the genesis of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// The room of this tag, made without a token.
    Tag(Tag),
    /// A room of this code.
    Code(Code),
}

/// The genesis of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The genesis in its binary form, at most 1,024 bytes.
    pub genesis: Bytes<GENESIS_MAX>,
}

/// A part of a sealed payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// A random number that the sender gave the signal.
    pub number: u64,
    /// Which part it is, from 0.
    pub part: u8,
    /// Number of parts, 1 to [`PARTS_MAX`].
    pub parts: u8,
    /// The room in which the two endpoints meet.
    pub tag: Tag,
    /// The sender, by its own report. The sealed payload proves it.
    pub from: Endpoint,
    /// The addressee.
    pub to: Endpoint,
    /// Bytes of the payload; every part but the last has [`PIECE_MAX`].
    pub piece: Bytes<PIECE_MAX>,
}

/// The addressee has received a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// The signal.
    pub number: u64,
    /// The part.
    pub part: u8,
}

/// Why bytes are no datagram of ours. Nothing is kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// It is longer than any of ours.
    #[error("datagram of {0} bytes exceeds the limit of {DATAGRAM_MAX}")]
    Long(usize),
    /// It begins otherwise: another program's, or another version's.
    #[error("a datagram of another program or version")]
    Label,
    /// A kind that this build does not know.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// The body cannot be decoded.
    #[error("{0}")]
    Body(#[from] DecodeError),
    /// The part is none of the signal's, or its length is wrong.
    #[error("part {part} of {parts} with {length} bytes")]
    Part {
        /// The part, from 0.
        part: u8,
        /// Number of parts.
        parts: u8,
        /// Bytes of the piece.
        length: usize,
    },
}

impl Datagram {
    /// The bytes of a datagram, at most [`DATAGRAM_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Datagram::Announce(body) => (1, wire::encode(body)),
            Datagram::Ask(body) => (2, wire::encode(body)),
            Datagram::Genesis(body) => (3, wire::encode(body)),
            Datagram::Signal(body) => (4, wire::encode(body)),
            Datagram::Taken(body) => (5, wire::encode(body)),
        };
        [LABEL.as_slice(), &[kind], &body].concat()
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// [`WireError`]; nothing is kept of the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Datagram, WireError> {
        if bytes.len() > DATAGRAM_MAX {
            return Err(WireError::Long(bytes.len()));
        }
        let (&kind, body) =
            bytes.strip_prefix(LABEL).and_then(<[u8]>::split_first).ok_or(WireError::Label)?;
        Ok(match kind {
            1 => Datagram::Announce(wire::decode(body)?),
            2 => Datagram::Ask(wire::decode(body)?),
            3 => Datagram::Genesis(wire::decode(body)?),
            4 => Datagram::Signal(wire::decode::<Signal>(body)?.checked()?),
            5 => Datagram::Taken(wire::decode(body)?),
            kind => return Err(WireError::Kind(kind)),
        })
    }
}

impl Signal {
    /// The signal, if its part and the length of its piece are possible.
    fn checked(self) -> Result<Signal, WireError> {
        let Signal { part, parts, .. } = self;
        let length = self.piece.len();
        let is_last = parts > 0 && part == parts - 1;
        let is_full = length == PIECE_MAX || is_last && length > 0;
        if part < parts && parts <= PARTS_MAX && is_full {
            return Ok(self);
        }
        Err(WireError::Part { part, parts, length })
    }
}
