//! Bounded encoding: postcard bodies, lengths checked before anything is reserved, versions as ranges.
//!
//! The wire is [postcard](https://postcard.jamesmunns.com/wire-format). Every sequence and text on it has a
//! most in its type ([`Bounded`], [`BoundedText`], [`Bytes`]), so that a lying length is refused before memory
//! is taken for it. JSON signalling carries bytes as [`Base64`] with the same bounds.

pub(crate) mod base64_text;
mod bounded;
mod kinds;
mod stream;
mod text;

pub use base64_text::Base64;
pub use bounded::{Bounded, BoundedText, Bytes, TooLong};
pub(crate) use kinds::kinds;
pub(crate) use stream::write_varint;
pub use stream::{FRAME_MAX, Frame, MESSAGE_MAX, MessageReader, MessageWriter, StreamError};
pub(crate) use text::text_form;

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

/// Encodes a message body.
///
/// Encoding into memory cannot fail for the types of this crate: none of them has an unsized sequence.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("postcard encodes every sized type into memory")
}

/// Decodes a message body and refuses bytes that are left over.
///
/// # Errors
/// [`DecodeError`]; nothing was kept of the bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(DecodeError::Trailing(rest.len())),
        Err(error) => Err(DecodeError::Body(error)),
    }
}

/// Reads what stands first in `bytes`. Returns the rest too.
///
/// # Errors
/// [`DecodeError::Body`].
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    postcard::take_from_bytes(bytes).map_err(DecodeError::Body)
}

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body breaks off, is out of a stated bound, or holds a value that does not exist.
    #[error("message body: {0}")]
    Body(postcard::Error),
    /// Bytes are left after the body.
    #[error("{0} bytes are left after the message body")]
    Trailing(usize),
}

/// A range of protocol versions that one end speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct VersionRange {
    /// The lowest.
    pub least: u16,
    /// The highest.
    pub most: u16,
}

impl VersionRange {
    /// The highest version that both ends speak, if there is one.
    pub fn agree(self, other: VersionRange) -> Option<u16> {
        let version = self.most.min(other.most);
        (version >= self.least.max(other.least)).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_agree_on_the_highest_common_version() {
        let range = |least, most| VersionRange { least, most };
        assert_eq!(range(1, 3).agree(range(2, 5)), Some(3));
        assert_eq!(range(1, 1).agree(range(2, 5)), None);
        assert_eq!(range(4, 4).agree(range(2, 5)), Some(4));
    }

    #[test]
    fn left_over_bytes_are_refused() {
        assert_eq!(decode::<u8>(&[1]), Ok(1));
        assert_eq!(decode::<u8>(&[1, 2]), Err(DecodeError::Trailing(1)));
        assert!(matches!(decode::<u8>(&[]), Err(DecodeError::Body(_))));
    }
}
