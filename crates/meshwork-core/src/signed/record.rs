//! Room records: what may change about a room, in bytes that its owner or a moderator signed.
//!
//! # Problem
//! The owner of a room sets its rules and keeps out who spoils it, from several devices that do not always hear of each
//! other. Everybody must be able to check that alone, and must come to the same room from the same records.
//!
//! # How it works
//! A record is `format | body | signature`; its hash is blake3 of all three. It names by number and 8 bytes of hash the
//! record before, or all heads where two were written at once, and its own number is one above the greatest of them.
//! What takes a right away names a [list](super::list::List), which travels beside the record: the batches that
//! stay of those who lose it. What follows from a set of records is not said here.
//!
//! # Invariants
//! - One record has one byte string: what could be written otherwise is refused.
//! - Whether a record takes a right, and from whom, follows from its bytes alone.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::change::{Change, NewSecret, rises};
use super::header::{RECORDS_MAX, RecordName};
use super::list::{ListKind, ListName, ShortId};
use super::verify::{self, Label, SIGNATURE_LEN};
use crate::clock::Stamp;
use crate::id::{Identity, PeerId, RoomId};
use crate::wire::{self, Bounded, DecodeError};

/// Longest record, in bytes: all lists of peers full, and two rules' worth beside them.
pub const RECORD_MAX: usize = 32 * 1024;
/// Heads that one record joins: devices of one owner that wrote without hearing of each other.
pub const HEADS_MAX: usize = 8;
/// Changes of one record.
pub const CHANGES_MAX: usize = 16;

/// The format that this build writes and reads.
const FORMAT: u8 = 2;
/// The format of Meshwork 0.1.
const FIRST_FORMAT: u8 = 1;

/// Which batches go on to count of those who lose a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Slots, bit by bit from slot 0, in which everybody but the owner loses a right: an edit key or a rule there is
    /// stricter. Peers whom a change names lose theirs in every slot.
    pub slots: u16,
    /// The list of what stays.
    pub stays: ListName,
}

/// The signed part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The owner, or a moderator.
    pub signer: PeerId,
    /// When it was written.
    pub stamp: Stamp,
    /// The record before, or all heads, in ascending order.
    pub before: Bounded<RecordName, HEADS_MAX>,
    /// What changes. A record that joins heads may change nothing.
    pub changes: Bounded<Change, CHANGES_MAX>,
    /// What stays, where a right is taken.
    pub cut: Option<Cut>,
}

/// Why bytes are not a record of this room. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than [`RECORD_MAX`], or too short for a signature.
    #[error("a record of {0} bytes is not 66 to {RECORD_MAX} long")]
    Length(usize),
    /// A record of Meshwork 0.1.
    #[error("the record was written by Meshwork 0.1, whose rooms this version cannot open")]
    First,
    /// Written by a later version.
    #[error("the record was written by a later version of Meshwork (record format {0}): update")]
    Later(u8),
    /// The body cannot be decoded.
    #[error("record body: {0}")]
    Body(#[from] DecodeError),
    /// It says something that cannot be, or not in its one form.
    #[error("a record of a room cannot say this: {0}")]
    Content(&'static str),
    /// The key is not the signer's. Nothing was signed.
    #[error("a record of {said} cannot be signed by {signer}")]
    Signer {
        /// As the body says.
        said: PeerId,
        /// Whose key it is.
        signer: PeerId,
    },
    /// The signer did not sign these bytes for this room.
    #[error("the signature of {0} on a record does not hold in this room")]
    Signature(PeerId),
}

/// A record whose signature holds. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    bytes: Vec<u8>,
    hash: [u8; 32],
    body: Body,
}

impl Record {
    /// Writes and signs a record.
    ///
    /// # Errors
    /// [`RecordError`] says what it cannot say.
    pub fn sign(identity: &Identity, room: &RoomId, body: Body) -> Result<Record, RecordError> {
        let (said, signer) = (body.signer, identity.peer());
        if said != signer {
            return Err(RecordError::Signer { said, signer });
        }
        body.check().map_err(RecordError::Content)?;
        let mut bytes = alloc::vec![FORMAT];
        bytes.extend(wire::encode(&body));
        let signature = verify::sign(identity, Label::Record, &[&room.0, &bytes]);
        bytes.extend_from_slice(&signature);
        if bytes.len() > RECORD_MAX {
            return Err(RecordError::Length(bytes.len()));
        }
        Ok(Record::new(bytes, body))
    }

    /// Reads a record and checks everything that follows from its bytes and the room alone.
    ///
    /// # Errors
    /// [`RecordError`] names the first thing that is wrong.
    pub fn decode(room: &RoomId, bytes: &[u8]) -> Result<Record, RecordError> {
        let wrong_length = || RecordError::Length(bytes.len());
        if bytes.len() > RECORD_MAX {
            return Err(wrong_length());
        }
        let (signed, signature) = bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or_else(wrong_length)?;
        let (&format, written) = signed.split_first().ok_or_else(wrong_length)?;
        match format {
            FORMAT => {}
            FIRST_FORMAT => return Err(RecordError::First),
            later => return Err(RecordError::Later(later)),
        }
        let body: Body = wire::decode(written)?;
        if wire::encode(&body) != written {
            return Err(RecordError::Content("a number is not in its shortest form"));
        }
        body.check().map_err(RecordError::Content)?;
        if !verify::holds(&body.signer, Label::Record, &[&room.0, signed], signature) {
            return Err(RecordError::Signature(body.signer));
        }
        Ok(Record::new(bytes.to_vec(), body))
    }

    fn new(bytes: Vec<u8>, body: Body) -> Record {
        let hash = *blake3::hash(&bytes).as_bytes();
        Record(Arc::new(Inner { bytes, hash, body }))
    }

    /// The record as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// blake3 of its bytes.
    pub fn hash(&self) -> [u8; 32] {
        self.0.hash
    }

    /// As lists and lifts have it.
    pub fn id(&self) -> ShortId {
        ShortId::of(&self.0.hash)
    }

    /// As batches and later records name it.
    pub fn name(&self) -> RecordName {
        let hash = *self.0.hash.first_chunk().expect("a hash is longer");
        RecordName { number: self.number(), hash }
    }

    /// One more than the greatest number before it, from 1 to [`RECORDS_MAX`].
    pub fn number(&self) -> u32 {
        self.0.body.number()
    }

    /// What it says.
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// Of two heads the greater one says which rules are in force: by number, then by the lower hash. Whether a batch
    /// counts never depends on it.
    pub fn rank(&self) -> (u32, Reverse<[u8; 32]>) {
        (self.number(), Reverse(self.0.hash))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("id", &self.id()).field("body", &self.0.body).finish()
    }
}

impl Body {
    /// The list that it names, if any: no record takes a right and changes the secret.
    pub fn list(&self) -> Option<(ListKind, ListName)> {
        let stays = self.cut.map(|cut| (ListKind::Stays, cut.stays));
        stays.or_else(|| self.secret().map(|secret| (ListKind::Access, secret.access)))
    }

    /// The secret that the room has from here on, if it is another.
    pub fn secret(&self) -> Option<&NewSecret> {
        self.changes.iter().find_map(|change| match change {
            Change::Secret(secret) => Some(secret),
            _ => None,
        })
    }

    fn number(&self) -> u32 {
        self.before.last().map_or(0, |last| last.number) + 1
    }

    fn check(&self) -> Result<(), &'static str> {
        let holds = |condition: bool, what: &'static str| if condition { Ok(()) } else { Err(what) };
        holds(self.stamp != Stamp::NEVER, "it has no stamp")?;
        let names = self.before.iter().all(RecordName::is_legal);
        let is_one = self.before.len() == 1;
        holds(
            names && (is_one || !self.before.contains(&RecordName::GENESIS)),
            "what is before it cannot be",
        )?;
        holds(!self.before.is_empty() && rises(&self.before), "what is before it does not rise")?;
        holds(self.number() <= RECORDS_MAX, "its number is above 1024")?;
        holds(!is_one || !self.changes.is_empty(), "it changes nothing")?;
        self.changes.iter().try_for_each(Change::check)?;
        let kind = core::mem::discriminant::<Change>;
        let repeats = |(place, change): (usize, &Change)| {
            !change.may_repeat() && self.changes[..place].iter().any(|other| kind(other) == kind(change))
        };
        holds(!self.changes.iter().enumerate().any(repeats), "it says two things of one kind")?;
        let takes = self.changes.iter().any(Change::takes);
        holds(takes || self.cut.is_none_or(|cut| cut.slots != 0), "it cuts and takes nothing")?;
        holds(!takes || self.cut.is_some(), "it takes a right and does not say what stays")?;
        holds(self.cut.is_none() || self.secret().is_none(), "it takes a right and changes the secret")?;
        let is_short = |(kind, name): (ListKind, ListName)| name.count as usize <= kind.most();
        holds(self.list().is_none_or(is_short), "its list is too long")?;
        holds(!self.gives_what_it_takes(), "it gives and takes one right of one peer")
    }

    fn gives_what_it_takes(&self) -> bool {
        let shares = |given: &[PeerId], taken: &[PeerId]| given.iter().any(|peer| taken.contains(peer));
        self.changes.iter().any(|given| {
            self.changes.iter().any(|taken| match (given, taken) {
                (Change::Appoint(given), Change::Dismiss(taken)) => shares(given, taken),
                (Change::List(given), Change::Unlist(taken)) => shares(given, taken),
                _ => false,
            })
        })
    }
}

#[cfg(test)]
mod tests;
