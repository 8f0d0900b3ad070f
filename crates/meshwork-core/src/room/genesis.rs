//! The signed genesis of a room: what never changes about it.
//!
//! # Problem
//! Whoever finds a room by a code must be able to tell that it is the room in their link, whoever handed it
//! over, and a server must not be able to make up a room in somebody's name.
//!
//! # How it works
//! The creator writes down what never changes, signs it, and [`RoomId`] is the blake3 hash of the signed bytes.
//! The bytes are a postcard body followed by 64 bytes of Ed25519 signature over a label and the body.
//!
//! # Invariants
//! - One [`RoomId`] has one byte string: the body is decoded, checked for left-over bytes, and strict
//!   signature verification admits a single signature form.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{Identity, PeerId, RoomId, Secret};
use crate::rng::Rng;
use crate::signalling::protocol::GENESIS_MAX;
use crate::wire::{self, DecodeError};

/// The format that this build writes and reads.
pub const FORMAT: u16 = 1;
/// What a creator signs, before the body.
const LABEL: &[u8] = b"meshwork room genesis v1";

/// What never changes about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// [`FORMAT`] of the build that made it.
    pub format: u16,
    /// Randomness that makes each room another.
    pub nonce: [u8; 16],
    /// Who made the room, and owns it.
    pub owner: PeerId,
    /// What the room is for.
    pub kind: RoomKind,
    /// Who may enter.
    pub access: Access,
}

/// What a room is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RoomKind {
    /// Place: the two sides of what people share.
    Place {
        /// How wide it is; the app says how wide it may be.
        width: u16,
        /// How high it is; the app says how high it may be.
        height: u16,
    },
}

/// Who may enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Access {
    /// Everybody who knows its code.
    Open,
    /// Everybody who knows the secret with this [commitment](Secret::commitment).
    Secret {
        /// Tells whether a secret is the room's without telling the secret.
        commitment: [u8; 32],
    },
}

/// Why bytes are not a room's genesis. Nothing is kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// Longer than [`GENESIS_MAX`] or shorter than a signature.
    #[error("a genesis of {0} bytes is not 65 to {GENESIS_MAX} long")]
    Length(usize),
    /// Made in a format that this build does not know.
    #[error("genesis format {0} is not known; this build knows {FORMAT}")]
    Format(u16),
    /// The body cannot be decoded.
    #[error("genesis body: {0}")]
    Body(#[from] DecodeError),
    /// The owner did not sign these bytes.
    #[error("the signature of owner {0} does not hold")]
    Signature(PeerId),
}

impl Genesis {
    /// The genesis of a new room owned by `owner`.
    pub fn new(rng: &mut Rng, owner: PeerId, kind: RoomKind, secret: Option<&Secret>) -> Genesis {
        let access = secret.map_or(Access::Open, |secret| Access::Secret { commitment: secret.commitment() });
        Genesis { format: FORMAT, nonce: rng.bytes(), owner, kind, access }
    }

    /// The genesis of an open room, always the same.
    #[cfg(test)]
    pub(crate) fn of_test(owner: PeerId) -> Genesis {
        let kind = RoomKind::Place { width: 64, height: 64 };
        Genesis { format: FORMAT, nonce: [7; 16], owner, kind, access: Access::Open }
    }

    /// The signed bytes, and the room's id.
    pub fn sign(&self, identity: &Identity) -> (Vec<u8>, RoomId) {
        let mut bytes = wire::encode(self);
        let signature = identity.sign(&[LABEL, &bytes].concat());
        bytes.extend_from_slice(&signature);
        let room = room_id(&bytes);
        (bytes, room)
    }

    /// Reads signed bytes and checks everything about them.
    ///
    /// # Errors
    /// [`GenesisError`] names the first thing that is wrong.
    pub fn decode_signed(bytes: &[u8]) -> Result<(Genesis, RoomId), GenesisError> {
        if bytes.len() > GENESIS_MAX {
            return Err(GenesisError::Length(bytes.len()));
        }
        let (body, signature) = bytes.split_last_chunk::<64>().ok_or(GenesisError::Length(bytes.len()))?;
        // The format stands first, so that a later one is told apart from rubbish.
        match postcard::take_from_bytes::<u16>(body) {
            Ok((FORMAT, _)) => {}
            Ok((format, _)) => return Err(GenesisError::Format(format)),
            Err(error) => return Err(GenesisError::Body(DecodeError::Body(error))),
        }
        let genesis: Genesis = wire::decode(body)?;
        if !genesis.owner.verifies(&[LABEL, body].concat(), signature) {
            return Err(GenesisError::Signature(genesis.owner));
        }
        Ok((genesis, room_id(bytes)))
    }

    /// Whether a secret guards the room.
    pub fn is_private(&self) -> bool {
        matches!(self.access, Access::Secret { .. })
    }
}

fn room_id(signed: &[u8]) -> RoomId {
    RoomId(*blake3::hash(signed).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    fn identity() -> Identity {
        Identity::from_secret([5; 32])
    }

    fn signed(width: u16) -> (Vec<u8>, RoomId) {
        let kind = RoomKind::Place { width, height: 100 };
        Genesis::new(&mut Rng::new([1; 32]), identity().peer(), kind, None).sign(&identity())
    }

    #[test]
    fn a_genesis_reads_as_it_was_signed() {
        let (bytes, room) = signed(100);
        let (genesis, read) = Genesis::decode_signed(&bytes).expect("just signed");
        assert_eq!((read, genesis.owner), (room, identity().peer()));
        assert_eq!(genesis.kind, RoomKind::Place { width: 100, height: 100 });
        assert_eq!(room.to_string(), "nHfNsKaNJ60ZWl63FHQaBKsdtBAulHkJPYNHcZH2ec4", "golden");
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (bytes, room) = signed(100);
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert!(Genesis::decode_signed(&changed).is_err(), "byte {index}");
        }
        let mut longer = bytes.clone();
        longer.insert(bytes.len() - 64, 0);
        assert!(Genesis::decode_signed(&longer).is_err());
        assert!(Genesis::decode_signed(&[]).is_err());
        assert_eq!(Genesis::decode_signed(&bytes).expect("unchanged").1, room);
    }

    #[test]
    fn a_later_format_is_told_apart() {
        let mut genesis = Genesis::decode_signed(&signed(9).0).expect("just signed").0;
        genesis.format = 2;
        assert_eq!(Genesis::decode_signed(&genesis.sign(&identity()).0), Err(GenesisError::Format(2)));
    }
}
