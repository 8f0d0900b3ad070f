//! The genesis of a room: what never changes about it, and what its id is the hash of.
//!
//! # Problem
//! Whoever finds a room must be able to tell that it is the room in the link, whoever handed it over, and nobody may
//! make up a room in somebody's name.
//!
//! # How it works
//! The creator writes down what never changes and signs it; [`RoomId`] is blake3 of all these bytes. A *commons* has no
//! owner: its genesis is a name and a number, anybody can write it down, and who writes down the same meets there.
//!
//! # Invariants
//! - One [`RoomId`] has one byte string: what could be written otherwise is refused, and one form of signature holds.
//! - A genesis of the first format is told apart by its first byte, so that it can be named in words.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::app::{AppParameters, AppWord};
use super::verify::{self, Label, SIGNATURE_LEN};
use crate::id::{Identity, PeerId, RoomId, Secret};
use crate::rng::Rng;
use crate::wire::{self, BoundedText, Bytes, DecodeError};

/// Longest genesis, in bytes: every field at its longest takes 696.
pub const GENESIS_MAX: usize = 1024;
/// Bytes that a later version may use to name who follows the owner.
pub const HEIRS_MAX: usize = 256;
/// Longest name of a commons, in bytes.
pub const COMMONS_NAME_MAX: usize = 64;

/// Entries that each peer may have in a table of a commons; removals have the same number of their own.
pub const COMMONS_ENTRIES_MAX: u32 = 1_000;
/// Bytes that each peer's entries may take in a table of a commons: 256 KiB.
pub const COMMONS_BYTES_MAX: u32 = 256 * 1024;
/// Days after which an entry of a commons counts no more: a commons has nobody who clears it.
pub const COMMONS_AGE_DAYS: u16 = 30;

/// The format that this build writes and reads.
const FORMAT: u8 = 2;
/// The format of Meshwork 0.1, whose first byte it is too.
const FIRST_FORMAT: u8 = 1;

/// What never changes about a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Genesis {
    /// Somebody's room.
    Owned(Owned),
    /// Nobody's room.
    Commons(Commons),
}

/// A room that somebody made and owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Random bits that make each room another.
    pub nonce: [u8; 16],
    /// The app that the room opens with.
    pub app: AppWord,
    /// What that app is told.
    pub parameters: AppParameters,
    /// Who made the room, and signs its genesis.
    pub owner: PeerId,
    /// Who may enter.
    pub access: Access,
    /// Empty; a later version may name heirs here. Whatever it is, it is signed and hashed.
    pub heirs: Bytes<HEIRS_MAX>,
}

/// A room without an owner: no rules, no records, no bans, and quotas and ages that the format fixes
/// ([`COMMONS_ENTRIES_MAX`], [`COMMONS_BYTES_MAX`], [`COMMONS_AGE_DAYS`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commons {
    /// What it is called.
    pub name: BoundedText<COMMONS_NAME_MAX>,
    /// Tells commons of one name apart.
    pub nonce: u64,
    /// The app that it opens with.
    pub app: AppWord,
    /// What that app is told.
    pub parameters: AppParameters,
}

/// Who may enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Everybody who knows its id or code.
    Open,
    /// Everybody who knows the secret with this [commitment](Secret::commitment).
    Private([u8; 32]),
}

/// Why bytes are not a genesis. Nothing is kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// More than [`GENESIS_MAX`] bytes, or too few.
    #[error("a genesis of {0} bytes is not 2 to {GENESIS_MAX} long")]
    Length(usize),
    /// A room of Meshwork 0.1: what was written there stays readable by that version alone.
    #[error("the room was made by Meshwork 0.1, whose rooms this version cannot open: make a new one")]
    First,
    /// Made by a later version.
    #[error(
        "the room was made by a later version of Meshwork (genesis format {0}): update, then open it again"
    )]
    Later(u8),
    /// The body cannot be decoded.
    #[error("genesis body: {0}")]
    Body(#[from] DecodeError),
    /// A number is not written in its one form.
    #[error("a number of the genesis is not in its shortest form")]
    NotShortest,
    /// The key is not the owner's. Nothing was signed.
    #[error("a genesis of {owner} cannot be signed by {signer}")]
    Owner {
        /// As the genesis says.
        owner: PeerId,
        /// Whose key it is.
        signer: PeerId,
    },
    /// The owner did not sign these bytes.
    #[error("the signature of owner {0} on a genesis does not hold")]
    Signature(PeerId),
}

impl Owned {
    /// A room of `owner` that opens with `app`; private where there is a secret.
    pub fn new(
        rng: &mut Rng,
        owner: PeerId,
        app: AppWord,
        parameters: AppParameters,
        secret: Option<&Secret>,
    ) -> Owned {
        let access = secret.map_or(Access::Open, |secret| Access::Private(secret.commitment()));
        Owned { nonce: rng.bytes(), app, parameters, owner, access, heirs: Bytes::default() }
    }

    /// The signed bytes, and the room's id.
    ///
    /// # Errors
    /// [`GenesisError::Owner`] when the key is not the owner's.
    pub fn sign(self, identity: &Identity) -> Result<(Vec<u8>, RoomId), GenesisError> {
        let (owner, signer) = (self.owner, identity.peer());
        if owner != signer {
            return Err(GenesisError::Owner { owner, signer });
        }
        let mut bytes = Genesis::Owned(self).body();
        let signature = verify::sign(identity, Label::Genesis, &[&bytes]);
        bytes.extend_from_slice(&signature);
        let room = room_id(&bytes);
        Ok((bytes, room))
    }
}

impl Commons {
    /// The bytes, and the room's id.
    pub fn to_bytes(&self) -> (Vec<u8>, RoomId) {
        let bytes = Genesis::Commons(self.clone()).body();
        let room = room_id(&bytes);
        (bytes, room)
    }
}

impl Genesis {
    /// Reads a genesis and checks everything about it.
    ///
    /// # Errors
    /// [`GenesisError`] names the first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<(Genesis, RoomId), GenesisError> {
        let wrong_length = || GenesisError::Length(bytes.len());
        let body = Genesis::check_format(bytes)?;
        let (genesis, rest) = postcard::take_from_bytes(body).map_err(DecodeError::Body)?;
        let signed = &bytes[..bytes.len() - rest.len()];
        match &genesis {
            Genesis::Commons(_) if !rest.is_empty() => return Err(DecodeError::Trailing(rest.len()).into()),
            Genesis::Commons(_) => {}
            Genesis::Owned(Owned { owner, .. }) => {
                let signature: &[u8; SIGNATURE_LEN] = rest.try_into().map_err(|_| wrong_length())?;
                if !verify::holds(owner, Label::Genesis, &[signed], signature) {
                    return Err(GenesisError::Signature(*owner));
                }
            }
        }
        if genesis.body() != signed {
            return Err(GenesisError::NotShortest);
        }
        Ok((genesis, room_id(bytes)))
    }

    /// Checks the length of a genesis and its format, which tells other versions apart. Returns what follows that.
    ///
    /// # Errors
    /// [`GenesisError::Length`], [`GenesisError::First`], [`GenesisError::Later`].
    pub fn check_format(bytes: &[u8]) -> Result<&[u8], GenesisError> {
        match bytes.split_first() {
            None => Err(GenesisError::Length(0)),
            _ if bytes.len() > GENESIS_MAX => Err(GenesisError::Length(bytes.len())),
            Some((&FORMAT, body)) => Ok(body),
            Some((&FIRST_FORMAT, _)) => Err(GenesisError::First),
            Some((&later, _)) => Err(GenesisError::Later(later)),
        }
    }

    /// An open room of the app `toy`, always the same: its genesis, the signed bytes and its id.
    #[cfg(test)]
    pub(crate) fn of_test(owner: &Identity) -> (Genesis, Vec<u8>, RoomId) {
        let app = "toy".parse().expect("a word");
        let (parameters, heirs) = (Bytes::default(), Bytes::default());
        let owned =
            Owned { nonce: [7; 16], app, parameters, owner: owner.peer(), access: Access::Open, heirs };
        let (bytes, room) = owned.clone().sign(owner).expect("the owner signs");
        (Genesis::Owned(owned), bytes, room)
    }

    /// Format and body, as they are signed.
    fn body(&self) -> Vec<u8> {
        let mut bytes = alloc::vec![FORMAT];
        bytes.extend(wire::encode(self));
        bytes
    }

    /// Who owns the room; nobody owns a commons.
    pub fn owner(&self) -> Option<PeerId> {
        match self {
            Genesis::Owned(owned) => Some(owned.owner),
            Genesis::Commons(_) => None,
        }
    }

    /// The app that the room opens with, and what it is told.
    pub fn app(&self) -> (&AppWord, &AppParameters) {
        match self {
            Genesis::Owned(Owned { app, parameters, .. }) => (app, parameters),
            Genesis::Commons(Commons { app, parameters, .. }) => (app, parameters),
        }
    }

    /// Whether members store the room, if their programs store anything: all do, except a commons without a name. Such a
    /// commons is that of a place, and nothing of it may come along to another place.
    pub fn is_stored(&self) -> bool {
        !matches!(self, Genesis::Commons(Commons { name, .. }) if name.is_empty())
    }

    /// The commitment to the room's first secret, where a secret guards it.
    pub fn commitment(&self) -> Option<[u8; 32]> {
        match self {
            Genesis::Owned(Owned { access: Access::Private(commitment), .. }) => Some(*commitment),
            _ => None,
        }
    }
}

fn room_id(bytes: &[u8]) -> RoomId {
    RoomId(*blake3::hash(bytes).as_bytes())
}

#[cfg(test)]
mod tests;
