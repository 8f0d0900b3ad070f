//! Stubs: batches without their payloads, which prove that somebody said something without saying what.

use alloc::vec::Vec;

use super::batch::{BatchError, BatchId, PAYLOAD_MAX, signed_by_author};
use super::header::{HEADER_MAX, Header};
use super::verify::SIGNATURE_LEN;
use crate::id::RoomId;

/// Longest stub, in bytes: header, length, hash and signature.
pub const STUB_MAX: usize = HEADER_MAX + 3 + 32 + SIGNATURE_LEN;

/// A batch whose payload is named by its length and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    header: Header,
    /// Bytes of the payload, at most [`PAYLOAD_MAX`].
    length: u32,
    /// blake3 of the payload.
    payload: [u8; 32],
    signature: [u8; SIGNATURE_LEN],
}

impl Stub {
    pub(super) fn new(
        header: Header,
        length: u32,
        payload: [u8; 32],
        signature: [u8; SIGNATURE_LEN],
    ) -> Stub {
        Stub { header, length, payload, signature }
    }

    /// What the batch says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// `header | length | hash | signature`.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::from(self.header.write(&mut [0; HEADER_MAX]));
        bytes.extend(crate::wire::encode(&(self.length, self.payload)));
        bytes.extend_from_slice(&self.signature);
        bytes
    }

    /// Reads a stub, whose signature is to be checked by [`Stub::verify`].
    ///
    /// # Errors
    /// [`BatchError`] when the bytes cannot be a stub.
    pub fn decode(bytes: &[u8]) -> Result<Stub, BatchError> {
        if bytes.len() > STUB_MAX {
            return Err(BatchError::TooLong(bytes.len()));
        }
        let (body, signature) =
            bytes.split_last_chunk::<SIGNATURE_LEN>().ok_or(BatchError::TooShort(bytes.len()))?;
        let (header, rest) = Header::read(body)?;
        let (length, payload) = crate::wire::decode(rest).map_err(BatchError::Stub)?;
        let stub = Stub { header, length, payload, signature: *signature };
        if length as usize > PAYLOAD_MAX {
            return Err(BatchError::TooLong(length as usize));
        }
        if stub.encode() != bytes {
            return Err(BatchError::NotShortest);
        }
        Ok(stub)
    }

    /// The id of the batch, when its author signed it in `room`.
    ///
    /// # Errors
    /// [`BatchError::Signature`].
    pub fn verify(&self, room: &RoomId) -> Result<BatchId, BatchError> {
        let mut buffer = [0; HEADER_MAX];
        let id = BatchId::new(room, self.header.write(&mut buffer), self.length, &self.payload);
        signed_by_author(&self.header, &id, &self.signature)?;
        Ok(id)
    }
}
