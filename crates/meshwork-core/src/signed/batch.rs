//! Batches: what an author says at once to a replica of a room, named by an id and signed.
//!
//! # Problem
//! Everybody must be able to check what somebody said, and to say which batch is meant, without a room's state and often
//! without the payload.
//!
//! # How it works
//! A batch is `header | payload | signature`. Its **id** is blake3 in key derivation mode over the RoomId, the header,
//! the payload's length and the payload's hash; the author signs label and id. So a [`Stub`], which has
//! the payload's hash in its place, proves as much. The RoomId is never sent: it follows from the room that a link is
//! attached to, and a batch of another room has another id, which nobody signed. [`UnverifiedBatch`] is for bytes from
//! outside, [`SignedBatch`] for what replicas take.

use alloc::sync::Arc;
use core::cmp::Ordering;
use core::ops::Deref;
use core::{fmt, iter};

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt as _};

use super::header::RecordName;
pub use super::header::{HEADER_MAX, Header, StampWindow};
use super::list::ShortId;
use super::stub::Stub;
pub use super::verify::SIGNATURE_LEN;
use super::verify::{self, Label};
use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use crate::wire::DecodeError;

/// Longest batch, in bytes: 4096 entries with a stamp and a small value each take 45 KiB, and four such batches fit one
/// message of a link.
pub const BATCH_MAX: usize = 64 * 1024;
/// Longest payload, in bytes.
pub const PAYLOAD_MAX: usize = BATCH_MAX - HEADER_MAX - SIGNATURE_LEN;

/// The key that follows from the context "meshwork batch id v2", so that the context is not hashed for each batch.
const ID_KEY: ContextKey = [
    0xe5, 0xdf, 0x89, 0x29, 0xba, 0x7b, 0x7c, 0x99, 0xef, 0xb2, 0x98, 0x13, 0x20, 0xd3, 0x70, 0xcc, 0x3a,
    0x92, 0xe9, 0xbc, 0x2b, 0x4e, 0x32, 0x77, 0xc6, 0xac, 0x28, 0x63, 0x5c, 0x42, 0x6d, 0x7d,
];
const ID_LEN: usize = 32;

/// Names a batch. Ordered as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub [u8; ID_LEN]);

impl BatchId {
    /// The id that follows from a room, the bytes of a header, and a payload's length and hash.
    pub(super) fn new(room: &RoomId, header: &[u8], length: u32, payload: &[u8; 32]) -> BatchId {
        // Laid together first, since a hasher takes one long text in less time than four short ones.
        let mut all = [0; 32 + HEADER_MAX + 4 + 32];
        let left = lay([&room.0, header, &length.to_le_bytes(), payload], &mut all).len();
        let mut hasher = Hasher::new_from_context_key(&ID_KEY);
        hasher.update(&all[..all.len() - left]);
        BatchId(*hasher.finalize().as_bytes())
    }

    /// As lists of batches have it.
    pub fn short(&self) -> ShortId {
        ShortId::of(&self.0)
    }
}

/// Copies parts one behind the other. Returns what is left of the place; they fit it.
fn lay<'a, const PARTS: usize>(parts: [&[u8]; PARTS], mut place: &'a mut [u8]) -> &'a mut [u8] {
    for part in parts {
        let (here, behind) = place.split_at_mut(part.len());
        here.copy_from_slice(part);
        place = behind;
    }
    place
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.short().fmt(f)
    }
}

/// Where a batch stands in its author's sequence, and which one it is there: an author may give one place twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// The endpoint that wrote it.
    pub author: Endpoint,
    /// Its place in that endpoint's sequence, from 1.
    pub sequence: u64,
    /// The beginning of its id.
    pub id: ShortId,
}

impl BatchKey {
    /// Bytes of a key.
    pub const LEN: usize = Endpoint::LEN + 8 + 16;

    /// The key as stores have it, in the same order: endpoint, sequence, and the beginning of the id.
    pub fn to_bytes(&self) -> [u8; BatchKey::LEN] {
        let mut bytes = [0; BatchKey::LEN];
        let (author, rest) = bytes.split_at_mut(Endpoint::LEN);
        author.copy_from_slice(&self.author.to_bytes());
        rest[..8].copy_from_slice(&self.sequence.to_be_bytes());
        rest[8..].copy_from_slice(&self.id.0);
        bytes
    }

    /// Reads what [`BatchKey::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8; BatchKey::LEN]) -> BatchKey {
        let number = |at: usize| {
            let bytes = bytes[at..].first_chunk().expect("eight bytes before the id");
            u64::from_be_bytes(*bytes)
        };
        let peer = PeerId(*bytes.first_chunk().expect("a peer stands first"));
        let author = Endpoint { peer, instance: Instance(number(32)) };
        let id = ShortId(*bytes.last_chunk().expect("an id stands last"));
        BatchKey { author, sequence: number(Endpoint::LEN), id }
    }
}

/// Why bytes are not a batch, or not one of this room. The bytes were dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// More than [`BATCH_MAX`] bytes, or a payload longer than [`PAYLOAD_MAX`].
    #[error("a batch of {0} bytes is above the limit of {BATCH_MAX}")]
    TooLong(usize),
    /// Too few bytes for a signature.
    #[error("{0} bytes are too few for a batch")]
    TooShort(usize),
    /// A format that this build does not know; 01 and 02 are those of Meshwork 0.1.
    #[error("batch format {0:02x} is not known, only 20 to 2f")]
    Format(u8),
    /// A family that this build does not know: written by a later version.
    #[error("a replica of family {0} is not known")]
    Family(u8),
    /// The header breaks off or holds a value that does not exist.
    #[error("batch header: {0}")]
    Header(postcard::Error),
    /// What follows the header of a stub is not a length and a hash.
    #[error("stub: {0}")]
    Stub(DecodeError),
    /// The header is not written in the one form that it has.
    #[error("the batch header is not in its shortest form")]
    NotShortest,
    /// Sequences begin with 1.
    #[error("a batch has the sequence 0")]
    Sequence,
    /// A name that no record can have.
    #[error("no record is named {0:?}")]
    Record(RecordName),
    /// Milliseconds of a stamp take over 48 bits.
    #[error("a stamp of {0} ms takes over 48 bits")]
    Millis(u64),
    /// The window ends beyond [`Stamp::LAST`].
    #[error("a batch's stamps begin at {least:?} and span {span}")]
    Span {
        /// The least stamp.
        least: Stamp,
        /// From the least to the greatest, as an integer.
        span: u64,
    },
    /// The window begins with [`Stamp::NEVER`], or ends before it begins.
    #[error("a batch's stamps begin at {least:?} and end at {most:?}")]
    Window {
        /// The least stamp.
        least: Stamp,
        /// The greatest stamp.
        most: Stamp,
    },
    /// The author is not the peer whose key should sign. Nothing was signed.
    #[error("a batch by {author} cannot be signed by {signer}")]
    Author {
        /// As the header says.
        author: PeerId,
        /// Whose key it is.
        signer: PeerId,
    },
    /// The signature is not the author's over this id in this room. Whoever sent it did not check it.
    #[error("the signature of batch {sequence} by {author} does not hold in this room")]
    Signature {
        /// As the header claims.
        author: Endpoint,
        /// As the header claims.
        sequence: u64,
    },
}

/// The bytes of a batch, which are known to begin with a header, and its id in a room. Cheap to clone.
///
/// Nothing else is kept of it but where its header ends, since a room may keep a batch for each entry of its replicas; the
/// header is read again each time somebody asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch(
    /// The id, the header's length in one byte, then the bytes: one allocation.
    Arc<[u8]>,
);

/// What stands before the bytes.
const BEFORE: usize = ID_LEN + 1;

impl Batch {
    fn new(
        room: &RoomId,
        header: &[u8],
        payload: &[u8],
        signature: impl FnOnce(&BatchId) -> [u8; 64],
    ) -> Batch {
        let id = BatchId::new(room, header, payload.len() as u32, blake3::hash(payload).as_bytes());
        let length = BEFORE + header.len() + payload.len() + SIGNATURE_LEN;
        let mut batch: Arc<[u8]> = iter::repeat_n(0, length).collect();
        let place = Arc::get_mut(&mut batch).expect("nobody else has it yet");
        // A header has at most 92 bytes.
        lay([&id.0, &[header.len() as u8], header, payload, &signature(&id)], place);
        Batch(batch)
    }

    /// Names the batch.
    pub fn id(&self) -> BatchId {
        BatchId(*self.0.first_chunk().expect("the id stands first"))
    }

    /// The header.
    pub fn header(&self) -> Header {
        Header::read(self.parts().0).expect("the header was read when the batch was made").0
    }

    /// Its place in its author's sequence, and its id.
    pub fn key(&self) -> BatchKey {
        let Header { author, sequence, .. } = self.header();
        BatchKey { author, sequence, id: self.id().short() }
    }

    /// Whose batch it is: the header's peer, without reading the rest.
    pub fn peer(&self) -> PeerId {
        PeerId(*self.peer_bytes())
    }

    /// The same where it lies.
    pub(crate) fn peer_bytes(&self) -> &[u8; 32] {
        self.bytes()[1..].first_chunk().expect("the author's key follows the first byte")
    }

    /// Orders batches that hold the very same entry: the greater one keeps it. The one written later is greater, so a
    /// fold replaces what it repeats; of two written at once the ids decide.
    pub fn compare_rank(&self, other: &Batch) -> Ordering {
        let rank = |batch: &Batch| (batch.header().window.most, batch.id());
        rank(self).cmp(&rank(other))
    }

    /// What the replica is told.
    pub fn payload(&self) -> &[u8] {
        self.parts().1
    }

    /// The whole batch as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0[BEFORE..]
    }

    /// Bytes of memory that it takes beyond its own value.
    pub fn memory(&self) -> usize {
        // The two counts of an Arc stand before its content.
        self.0.len() + 2 * size_of::<usize>()
    }

    /// What stands for it without its payload.
    pub fn stub(&self) -> Stub {
        let (header, payload) = (self.header(), self.payload());
        Stub::new(header, payload.len() as u32, *blake3::hash(payload).as_bytes(), *self.signature())
    }

    fn signature(&self) -> &[u8; SIGNATURE_LEN] {
        self.0.last_chunk().expect("a batch ends with a signature")
    }

    /// The bytes of the header, and the payload.
    fn parts(&self) -> (&[u8], &[u8]) {
        let bytes = self.bytes();
        bytes[..bytes.len() - SIGNATURE_LEN].split_at(self.0[ID_LEN].into())
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut batch = f.debug_struct("Batch");
        batch
            .field("id", &self.id())
            .field("header", &self.header())
            .field("bytes", &self.bytes().len())
            .finish()
    }
}

/// A batch from outside, whose signature is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedBatch(Batch);

impl UnverifiedBatch {
    /// Reads the header of a batch, and finds its id in `room`.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes cannot be a batch; no memory was taken for them.
    pub fn decode(room: &RoomId, bytes: &[u8]) -> Result<UnverifiedBatch, BatchError> {
        if bytes.len() > BATCH_MAX {
            return Err(BatchError::TooLong(bytes.len()));
        }
        let (body, signature) =
            bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(BatchError::TooShort(bytes.len()))?;
        let (_, payload) = Header::read(body)?;
        if payload.len() > PAYLOAD_MAX {
            return Err(BatchError::TooLong(bytes.len()));
        }
        let header = &body[..body.len() - payload.len()];
        Ok(UnverifiedBatch(Batch::new(room, header, payload, |_| *signature)))
    }

    /// Whose batch these bytes are, if they are one.
    pub fn peer_of(bytes: &[u8]) -> Option<PeerId> {
        bytes.get(1..)?.first_chunk().copied().map(PeerId)
    }

    /// Checks that the author signed its id.
    ///
    /// # Errors
    /// [`BatchError::Signature`].
    pub fn verify(self) -> Result<SignedBatch, BatchError> {
        if !planted!(SignatureUnchecked) {
            signed_by_author(&self.header(), &self.id(), self.signature())?;
        }
        Ok(SignedBatch(self.0))
    }
}

impl UnverifiedBatch {
    /// Takes it for signed, to see what it would make of a replica that is thrown away.
    pub(crate) fn assume_signed(self) -> SignedBatch {
        SignedBatch(self.0)
    }
}

/// Checks that the author of a header signed an id.
///
/// # Errors
/// [`BatchError::Signature`].
pub(super) fn signed_by_author(
    header: &Header,
    id: &BatchId,
    signature: &[u8; SIGNATURE_LEN],
) -> Result<(), BatchError> {
    let Header { author, sequence, .. } = *header;
    if verify::holds(&author.peer, Label::Batch, &[&id.0], signature) {
        Ok(())
    } else {
        Err(BatchError::Signature { author, sequence })
    }
}

/// A batch whose author signed it for the room it is used in: made by [`SignedBatch::sign`] or
/// [`UnverifiedBatch::verify`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBatch(Batch);

impl SignedBatch {
    /// Writes and signs a batch.
    ///
    /// # Errors
    /// [`BatchError`] when the header cannot be one or names another author, or the payload is longer than
    /// [`PAYLOAD_MAX`].
    pub fn sign(
        identity: &Identity,
        room: &RoomId,
        header: &Header,
        payload: &[u8],
    ) -> Result<SignedBatch, BatchError> {
        let (author, signer) = (header.author.peer, identity.peer());
        if author != signer {
            return Err(BatchError::Author { author, signer });
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(BatchError::TooLong(payload.len()));
        }
        header.check()?;
        let signature = |id: &BatchId| verify::sign(identity, Label::Batch, &[&id.0]);
        Ok(SignedBatch(Batch::new(room, header.write(&mut [0; HEADER_MAX]), payload, signature)))
    }
}

impl From<SignedBatch> for UnverifiedBatch {
    fn from(signed: SignedBatch) -> UnverifiedBatch {
        UnverifiedBatch(signed.0)
    }
}

impl Deref for UnverifiedBatch {
    type Target = Batch;
    fn deref(&self) -> &Batch {
        &self.0
    }
}

impl Deref for SignedBatch {
    type Target = Batch;
    fn deref(&self) -> &Batch {
        &self.0
    }
}

#[cfg(test)]
mod tests;
