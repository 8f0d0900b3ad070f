//! Batches: what one author says at once in a room, in bytes that only the author can have signed.
//!
//! `header | payload | signature`: the header in postcard, the payload of the replica it is meant for, and 64
//! bytes of Ed25519 over label, RoomId, header and payload. docs/protocol/batches.md has every byte. Nothing
//! may be done with a batch before its signature is checked, so there are two types: [`UnverifiedBatch`] for
//! bytes from outside, [`SignedBatch`] for what replicas take.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::clock::Stamp;
use crate::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use crate::seam::io::BatchKey;

/// Longest batch, in bytes: 4096 entries with a stamp and a small value each take 45 KiB, and four such batches fit one
/// message of a link.
pub const BATCH_MAX: usize = 64 * 1024;
/// Longest header, in bytes: every varint at its longest.
pub const HEADER_MAX: usize = 110;
/// Bytes of the signature at the end.
pub const SIGNATURE_LEN: usize = 64;
/// Longest payload, in bytes.
pub const PAYLOAD_MAX: usize = BATCH_MAX - HEADER_MAX - SIGNATURE_LEN;
/// What a signature begins with, so that it can be of nothing but a batch.
pub const SIGNATURE_LABEL: &[u8] = b"meshwork batch v1";

/// The format of batches where nothing is counted.
const FORMAT: u8 = 1;
/// The format of batches under rules with a limit: the header says what those before cost.
const FORMAT_COUNTED: u8 = 2;

/// Between which stamps a batch stands, so that it can be held back until due before its payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampWindow {
    /// The least stamp of the payload; never [`Stamp::NEVER`].
    pub least: Stamp,
    /// When the batch was written. No stamp of the payload is greater; in a batch that says something new the
    /// greatest one equals it, in one that repeats older entries it may be later than all of them.
    pub most: Stamp,
}

impl StampWindow {
    /// The window of a batch that says one thing at one time.
    pub fn at(stamp: Stamp) -> StampWindow {
        StampWindow { least: stamp, most: stamp }
    }
}

/// What a batch says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Who wrote it; the signature is this peer's.
    pub author: Endpoint,
    /// Its place in the author's sequence, from 1.
    pub sequence: u64,
    /// Which replica of the room it is for.
    pub replica: u8,
    /// The hash of the room record that it is written under; `None` for the genesis, whose hash is the RoomId.
    pub record: Option<[u8; 32]>,
    /// Between which stamps it stands.
    pub window: StampWindow,
}

impl Header {
    /// Names the batch.
    pub fn key(&self) -> BatchKey {
        BatchKey { author: self.author, sequence: self.sequence }
    }

    /// Orders batches of one peer by when they were written; of two that say the same, the greater is kept.
    pub fn rank(&self) -> (Stamp, u64, Instance) {
        (self.window.most, self.sequence, self.author.instance)
    }
}

/// Why bytes are not a batch, or not one of this room. The bytes were dropped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// More than [`BATCH_MAX`] bytes, or a payload longer than [`PAYLOAD_MAX`].
    #[error("a batch of {0} bytes is above the limit of {BATCH_MAX}")]
    TooLong(usize),
    /// Too few bytes for a header and a signature.
    #[error("{0} bytes are too few for a batch")]
    TooShort(usize),
    /// A format that this build does not know: written by a newer version.
    #[error("batch format {0} is not known, only {FORMAT} and {FORMAT_COUNTED}")]
    Format(u8),
    /// The header breaks off or holds a value that does not exist.
    #[error("batch header: {0}")]
    Header(postcard::Error),
    /// The header is not written in the one form that it has.
    #[error("the batch header is not in its shortest form")]
    NotShortest,
    /// Sequences begin with 1.
    #[error("a batch has the sequence 0")]
    Sequence,
    /// The least stamp is [`Stamp::NEVER`], or the window ends before it begins or beyond [`Stamp::LAST`].
    #[error("a batch's stamps begin at {least:?} and span {span}")]
    Window {
        /// The least stamp.
        least: Stamp,
        /// From the least to the greatest, as an integer.
        span: u64,
    },
    /// The author is not the peer whose key should sign. Nothing was signed.
    #[error("a batch by {author} cannot be signed by {signer}")]
    Author {
        /// As the header says.
        author: PeerId,
        /// Whose key it is.
        signer: PeerId,
    },
    /// The signature is not the author's over these bytes in this room. Whoever sent it did not check it.
    #[error("the signature of batch {sequence} by {author} does not hold in this room")]
    Signature {
        /// As the header claims.
        author: Endpoint,
        /// As the header claims.
        sequence: u64,
    },
}

/// The exact bytes of a batch, which are known to begin with a header. Cheap to clone.
///
/// Nothing else is kept of it, since a room may keep a batch for each entry of its replica; the header is read
/// again each time somebody asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch(Arc<[u8]>);

impl Batch {
    /// The header.
    pub fn header(&self) -> Header {
        self.parts().0
    }

    /// What its endpoint had written in this window of the rules' limit before had cost; `None` where the batch
    /// does not count.
    pub fn used(&self) -> Option<u32> {
        self.parts().1
    }

    /// Names the batch.
    pub fn key(&self) -> BatchKey {
        self.header().key()
    }

    /// Whose batch it is: the header's peer, without reading the rest.
    pub fn peer(&self) -> PeerId {
        PeerId(*self.0[1..].first_chunk().expect("the author's key follows the format"))
    }

    /// Orders batches of one peer that hold the very same entry: the greater one keeps it. The one written later is
    /// greater, so a fold replaces what it repeats; where an endpoint gave one sequence twice, the bytes decide.
    pub fn compare_rank(&self, other: &Batch) -> Ordering {
        let order = self.header().rank().cmp(&other.header().rank());
        order.then_with(|| self.bytes().cmp(other.bytes()))
    }

    /// What the replica is told.
    pub fn payload(&self) -> &[u8] {
        self.parts().2
    }

    /// The whole batch as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes of memory that it takes beyond its own value.
    pub fn memory(&self) -> usize {
        // The two counts of an Arc stand before its content.
        self.0.len() + 2 * size_of::<usize>()
    }

    fn parts(&self) -> (Header, Option<u32>, &[u8]) {
        read_body(self.body()).expect("the header was read when the batch was made")
    }

    /// What is signed, without the room's id.
    pub fn body(&self) -> &[u8] {
        &self.0[..self.0.len() - SIGNATURE_LEN]
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("header", &self.header()).field("bytes", &self.0.len()).finish()
    }
}

/// A batch from outside, whose signature is not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedBatch(Batch);

impl UnverifiedBatch {
    /// Reads the header of a batch.
    ///
    /// # Errors
    /// [`BatchError`] when the bytes cannot be a batch; no memory was taken for them.
    pub fn decode(bytes: &[u8]) -> Result<UnverifiedBatch, BatchError> {
        if bytes.len() > BATCH_MAX {
            return Err(BatchError::TooLong(bytes.len()));
        }
        let Some(end) = bytes.len().checked_sub(SIGNATURE_LEN) else {
            return Err(BatchError::TooShort(bytes.len()));
        };
        let (header, used, payload) = read_body(&bytes[..end])?;
        if header.write(used, &mut [0; HEADER_MAX]) != &bytes[..end - payload.len()] {
            return Err(BatchError::NotShortest);
        }
        Ok(UnverifiedBatch(Batch(bytes.into())))
    }

    /// Checks that the author signed these bytes for `room`.
    ///
    /// # Errors
    /// [`BatchError::Signature`]; also [`BatchError::NotShortest`] when the record is named as `room`'s genesis
    /// at full length.
    pub fn verify(self, room: &RoomId) -> Result<SignedBatch, BatchError> {
        let Header { author, sequence, record, .. } = self.header();
        if record == Some(room.0) {
            return Err(BatchError::NotShortest);
        }
        let (body, signature) = self.0.0.split_last_chunk().expect("a batch ends with a signature");
        if !planted!(SignatureUnchecked) && !author.peer.verifies(&signed_message(room, body), signature) {
            return Err(BatchError::Signature { author, sequence });
        }
        Ok(SignedBatch(self.0))
    }

    /// Takes it for signed, to see what it would make of a replica that is thrown away.
    pub(crate) fn assume_signed(self) -> SignedBatch {
        SignedBatch(self.0)
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
    /// [`BatchError`] when the header names another author, the sequence 0 or no window, or the payload is
    /// longer than [`PAYLOAD_MAX`].
    pub fn sign(
        identity: &Identity,
        room: &RoomId,
        header: Header,
        payload: &[u8],
    ) -> Result<SignedBatch, BatchError> {
        SignedBatch::sign_counted(identity, room, header, None, payload)
    }

    /// Writes and signs a batch that says what those before it in its window of a limit cost.
    ///
    /// # Errors
    /// As [`SignedBatch::sign`].
    pub fn sign_counted(
        identity: &Identity,
        room: &RoomId,
        header: Header,
        used: Option<u32>,
        payload: &[u8],
    ) -> Result<SignedBatch, BatchError> {
        let (author, signer) = (header.author.peer, identity.peer());
        if author != signer {
            return Err(BatchError::Author { author, signer });
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(BatchError::TooLong(payload.len()));
        }
        let header = Header { record: header.record.filter(|record| *record != room.0), ..header };
        WireHeader::from(&header).check()?;
        let mut buffer = [0; HEADER_MAX];
        let written = header.write(used, &mut buffer);
        let mut bytes = Vec::with_capacity(written.len() + payload.len() + SIGNATURE_LEN);
        bytes.extend_from_slice(written);
        bytes.extend_from_slice(payload);
        let signature = identity.sign(&signed_message(room, &bytes));
        bytes.extend_from_slice(&signature);
        Ok(SignedBatch(Batch(bytes.into())))
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

/// Reads format and header, and leaves the payload.
fn read_body(body: &[u8]) -> Result<(Header, Option<u32>, &[u8]), BatchError> {
    let (&format, rest) = body.split_first().ok_or(BatchError::TooShort(SIGNATURE_LEN))?;
    if !matches!(format, FORMAT | FORMAT_COUNTED) {
        return Err(BatchError::Format(format));
    }
    let (wire, rest) = postcard::take_from_bytes::<WireHeader>(rest).map_err(BatchError::Header)?;
    let header = wire.check()?;
    if format == FORMAT {
        return Ok((header, None, rest));
    }
    let (used, payload) = postcard::take_from_bytes(rest).map_err(BatchError::Header)?;
    Ok((header, Some(used), payload))
}

/// What the author signs: so the room's id need not travel.
fn signed_message(room: &RoomId, body: &[u8]) -> Vec<u8> {
    [SIGNATURE_LABEL, &room.0, body].concat()
}

/// The header as it stands after the format byte. The instance is random, so a varint would only lengthen it.
#[derive(Serialize, Deserialize)]
struct WireHeader {
    peer: PeerId,
    instance: [u8; 8],
    sequence: u64,
    replica: u8,
    record: Option<[u8; 32]>,
    least: Stamp,
    span: u64,
}

impl WireHeader {
    fn from(header: &Header) -> WireHeader {
        WireHeader {
            peer: header.author.peer,
            instance: header.author.instance.0.to_be_bytes(),
            sequence: header.sequence,
            replica: header.replica,
            record: header.record,
            least: header.window.least,
            // A window that ends before it begins gets a span that no check lets through.
            span: header.window.most.0.checked_sub(header.window.least.0).unwrap_or(u64::MAX),
        }
    }

    fn check(self) -> Result<Header, BatchError> {
        if self.sequence == 0 {
            return Err(BatchError::Sequence);
        }
        let most = self.least.0.checked_add(self.span).filter(|_| self.least != Stamp::NEVER);
        let most = most.ok_or(BatchError::Window { least: self.least, span: self.span })?;
        Ok(Header {
            author: Endpoint { peer: self.peer, instance: Instance(u64::from_be_bytes(self.instance)) },
            sequence: self.sequence,
            replica: self.replica,
            record: self.record,
            window: StampWindow { least: self.least, most: Stamp(most) },
        })
    }
}

impl Header {
    /// Writes the format, the header, and what those before cost where that counts.
    fn write<'a>(&self, used: Option<u32>, buffer: &'a mut [u8; HEADER_MAX]) -> &'a [u8] {
        buffer[0] = if used.is_some() { FORMAT_COUNTED } else { FORMAT };
        let fits = "the longest header fits its buffer";
        let mut end = 1 + postcard::to_slice(&WireHeader::from(self), &mut buffer[1..]).expect(fits).len();
        if let Some(used) = used {
            end += postcard::to_slice(&used, &mut buffer[end..]).expect(fits).len();
        }
        &buffer[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use proptest::prelude::*;

    const ROOM: RoomId = RoomId([9; 32]);

    fn identity() -> Identity {
        Identity::from_secret([1; 32])
    }

    fn header() -> Header {
        let author = Endpoint { peer: identity().peer(), instance: Instance(0x0102_0304_0506_0708) };
        let stamp = Stamp::new(1_790_000_000_000, 3).unwrap();
        Header { author, sequence: 300, replica: 0, record: None, window: StampWindow::at(stamp) }
    }

    fn sign(header: Header, payload: &[u8]) -> Result<SignedBatch, BatchError> {
        SignedBatch::sign(&identity(), &ROOM, header, payload)
    }

    fn read(bytes: &[u8]) -> Result<SignedBatch, BatchError> {
        UnverifiedBatch::decode(bytes).and_then(|batch| batch.verify(&ROOM))
    }

    proptest! {
        #[test]
        fn batches_read_as_they_are_signed(
            instance: u64, sequence in 1..u64::MAX, replica: u8, record: Option<[u8; 32]>,
            least in 1..u64::MAX, most: u64, payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let author = Endpoint { instance: Instance(instance), ..header().author };
            let window = StampWindow { least: Stamp(least), most: Stamp(most.max(least)) };
            let header = Header { author, sequence, replica, record, window };
            let batch = sign(header, &payload).unwrap();
            let again = read(batch.bytes()).unwrap();
            prop_assert_eq!(&again, &batch);
            prop_assert_eq!((again.header(), again.payload(), again.peer()), (header, &payload[..], author.peer));
            prop_assert_eq!(again.key(), BatchKey { author, sequence });
            prop_assert!(batch.bytes().len() <= HEADER_MAX + payload.len() + SIGNATURE_LEN);
        }

        #[test]
        fn rubbish_is_never_a_batch(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut formatted = bytes.clone();
            prop_assert!(read(&bytes).is_err());
            if let Some(format) = formatted.first_mut() {
                *format = FORMAT;
            }
            prop_assert!(read(&formatted).is_err());
        }

        #[test]
        fn counted_batches_read_as_they_are_signed(used: u32, payload in proptest::collection::vec(any::<u8>(), 0..30)) {
            let batch = SignedBatch::sign_counted(&identity(), &ROOM, header(), Some(used), &payload).unwrap();
            let again = read(batch.bytes()).unwrap();
            prop_assert_eq!((again.header(), again.used(), again.payload()), (header(), Some(used), &payload[..]));
            prop_assert_eq!(sign(header(), &payload).unwrap().used(), None);
        }
    }

    /// docs/protocol/batches.md shows this batch. A failure prints what is written now.
    #[test]
    fn golden_counted_batch() {
        let header = Header { record: Some([7; 32]), ..header() };
        let batch = SignedBatch::sign_counted(&identity(), &ROOM, header, Some(200), b"payload").unwrap();
        let hex: String = batch.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "028a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c0102030405060708ac020001070707070707070707070707070707070707070707070707070707070707070780d8c1a28c340300c8017061796c6f61648a2a9e2fb3623db952086fe3fa4a3e67c9c45980f7ffd54cb1c4ad380d430a76a8a76cf706d97d7cbd35c1c5446a9d1707d1d8cbb6628477fba3320db2f7fc06"
        );
    }

    /// docs/protocol/batches.md shows this batch. A failure prints what is written now.
    #[test]
    fn golden_batch() {
        let batch = sign(header(), b"payload").unwrap();
        let hex: String = batch.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "018a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c0102030405060708ac02000080d8c1a28c3403007061796c6f6164f20ce3855bf9d32f4d7aa79f09099540783f07f2138f4144587b68232b33da094e7d021cb77b0294c9412b1437f8c58dad20dde3aba7d978f6077900a47a7605"
        );
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let batch = sign(header(), b"payload").unwrap();
        for bit in 0..batch.bytes().len() * 8 {
            let mut changed = batch.bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed).is_err(), "bit {bit}");
        }
        for length in 0..batch.bytes().len() {
            assert!(read(&batch.bytes()[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_batch_of_another_room_does_not_hold() {
        let unverified = UnverifiedBatch::decode(sign(header(), b"").unwrap().bytes()).unwrap();
        let Header { author, sequence, .. } = header();
        assert_eq!(unverified.verify(&RoomId([8; 32])), Err(BatchError::Signature { author, sequence }));
    }

    #[test]
    fn one_header_has_one_form() {
        let batch = sign(header(), b"").unwrap();
        let (sequence, replica) = (1 + 32 + 8, 1 + 32 + 8 + 2);
        let mut padded = batch.bytes().to_vec();
        assert_eq!(padded[sequence..replica], [0xac, 0x02], "300 as a varint");
        padded.splice(sequence..replica, [0xac, 0x82, 0x00]);
        assert!(matches!(UnverifiedBatch::decode(&padded), Err(BatchError::NotShortest)));
        let genesis = Header { record: Some(ROOM.0), ..header() };
        assert_eq!(sign(genesis, b"").unwrap(), batch, "the genesis is not written out");
        let elsewhere = SignedBatch::sign(&identity(), &RoomId([8; 32]), genesis, b"").unwrap();
        let unverified = UnverifiedBatch::decode(elsewhere.bytes()).unwrap();
        assert_eq!(unverified.verify(&ROOM), Err(BatchError::NotShortest));
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        let window = |least, most| Header {
            window: StampWindow { least: Stamp(least), most: Stamp(most) },
            ..header()
        };
        assert_eq!(sign(Header { sequence: 0, ..header() }, b""), Err(BatchError::Sequence));
        assert!(matches!(sign(window(0, 5), b""), Err(BatchError::Window { span: 5, .. })));
        assert!(matches!(sign(window(5, 4), b""), Err(BatchError::Window { .. })));
        assert!(sign(window(u64::MAX, u64::MAX), b"").is_ok());
        let other = Identity::from_secret([2; 32]);
        let wrong = SignedBatch::sign(&other, &ROOM, header(), b"");
        assert_eq!(wrong, Err(BatchError::Author { author: identity().peer(), signer: other.peer() }));
    }

    #[test]
    fn lengths_out_of_bounds_are_refused() {
        let longest = sign(header(), &vec![0; PAYLOAD_MAX]).unwrap();
        assert!(longest.bytes().len() <= BATCH_MAX && read(longest.bytes()).is_ok());
        assert_eq!(sign(header(), &vec![0; PAYLOAD_MAX + 1]), Err(BatchError::TooLong(PAYLOAD_MAX + 1)));
        assert_eq!(read(&vec![FORMAT; BATCH_MAX + 1]), Err(BatchError::TooLong(BATCH_MAX + 1)));
        assert_eq!(read(&[FORMAT; 63]), Err(BatchError::TooShort(63)));
        assert_eq!(read(&[FORMAT; 64]), Err(BatchError::TooShort(64)));
        assert_eq!(read(&[3; 200]), Err(BatchError::Format(3)));
    }
}
