//! The common form of what is stored and sent: postcard with the version as the first byte, bounded, in the shortest form.

use meshwork_core::wire::{DecodeError, decode, encode};
use serde::{Serialize, de::DeserializeOwned};

/// The version of all formats of this crate.
pub const VERSION: u8 = 1;

/// Bytes that are no job, book, message or other value of Compute. Nothing of them was kept.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A newer version of the program wrote it. Show it as such and leave it as it is.
    #[error("version {0} is newer than {VERSION}: update this program to read it")]
    Newer(u8),
    /// Version 0, or no bytes at all.
    #[error("these bytes have no version: they are no value of Compute")]
    NoVersion,
    /// More bytes than the format may have.
    #[error("{length} bytes exceed the limit of {most}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        most: usize,
    },
    /// The bytes break off, exceed a bound, or hold a value that does not exist.
    #[error(transparent)]
    Body(#[from] DecodeError),
    /// The same value has a shorter form.
    #[error("these {0} bytes are not the shortest form of their value")]
    NotShortest(usize),
    /// A number is outside its range.
    #[error("{name} is {value}: it must be {least} to {most}")]
    Range {
        /// The name of the field.
        name: &'static str,
        /// The value.
        value: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// Fields contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
}

/// A value with a version, a limit and conditions beyond its types.
pub(crate) trait Form: Serialize + DeserializeOwned {
    /// Most bytes.
    const MOST: usize;

    /// Checks ranges and conditions.
    fn check(&self) -> Result<(), FormatError>;

    /// The version byte, then postcard.
    fn write(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(encode(self));
        bytes
    }

    /// The reverse of [`Form::write`]; refuses everything else.
    fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > Self::MOST {
            return Err(FormatError::TooLong { length: bytes.len(), most: Self::MOST });
        }
        let body = match bytes.split_first() {
            Some((&VERSION, body)) => body,
            Some((0, _)) | None => return Err(FormatError::NoVersion),
            Some((&version, _)) => return Err(FormatError::Newer(version)),
        };
        let value: Self = decode(body)?;
        if encode(&value) != body {
            return Err(FormatError::NotShortest(bytes.len()));
        }
        value.check()?;
        Ok(value)
    }
}

/// Checks that a number is in its range.
pub(crate) fn within(name: &'static str, value: u64, least: u64, most: u64) -> Result<(), FormatError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(FormatError::Range { name, value, least, most })
    }
}

/// Gives a type `encode` and `decode` by its [`Form`].
macro_rules! form {
    ($type:ident) => {
        impl $type {
            /// The bytes: a version, then postcard.
            pub fn encode(&self) -> Vec<u8> {
                $crate::form::Form::write(self)
            }

            /// Reads bytes of [`Self::encode`].
            ///
            /// # Errors
            /// [`FormatError`](crate::FormatError) for anything else: nothing was kept.
            pub fn decode(bytes: &[u8]) -> Result<$type, $crate::form::FormatError> {
                $crate::form::Form::read(bytes)
            }
        }
    };
}
pub(crate) use form;
