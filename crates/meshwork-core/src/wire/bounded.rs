//! Sequences, texts and byte strings whose greatest length is part of their type.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value is longer than its type allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("length {length} is above {most}")]
pub struct TooLong {
    /// The length as given.
    pub length: usize,
    /// The most that is allowed.
    pub most: usize,
}

fn check(length: usize, most: usize) -> Result<(), TooLong> {
    if length > most { Err(TooLong { length, most }) } else { Ok(()) }
}

/// A sequence of at most `MAX` items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// Wraps `items`.
    ///
    /// # Errors
    /// [`TooLong`] when there are more than `MAX`; the items are dropped.
    pub fn new(items: Vec<T>) -> Result<Self, TooLong> {
        check(items.len(), MAX).map(|()| Bounded(items))
    }

    /// The items.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Bounded(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for Bounded<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MAX: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
            type Value = Bounded<T, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a sequence of at most {MAX} items")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let hint = access.size_hint().unwrap_or(0);
                check(hint, MAX).map_err(A::Error::custom)?;
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    check(items.len() + 1, MAX).map_err(A::Error::custom)?;
                    items.push(item);
                }
                Ok(Bounded(items))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// A UTF-8 text of at most `MAX` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BoundedText<const MAX: usize>(String);

impl<const MAX: usize> BoundedText<MAX> {
    /// Copies `text`.
    ///
    /// # Errors
    /// [`TooLong`] when it has more than `MAX` bytes.
    pub fn new(text: &str) -> Result<Self, TooLong> {
        check(text.len(), MAX).map(|()| BoundedText(String::from(text)))
    }

    /// Copies as much of `text` as fits, cut at a character.
    pub fn truncated(text: &str) -> Self {
        BoundedText(String::from(&text[..text.floor_char_boundary(MAX)]))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Deref for BoundedText<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for BoundedText<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Text<MAX> {
            type Value = BoundedText<MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {MAX} bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                BoundedText::new(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A string of at most `MAX` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Wraps `bytes`.
    ///
    /// # Errors
    /// [`TooLong`] when there are more than `MAX`; the bytes are dropped.
    pub fn new(bytes: Vec<u8>) -> Result<Self, TooLong> {
        check(bytes.len(), MAX).map(|()| Bytes(bytes))
    }

    /// The bytes.
    pub fn into_inner(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> Deref for Bytes<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> Serialize for Bytes<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Borrowed<MAX> {
            type Value = Bytes<MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX} bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                check(bytes.len(), MAX).map_err(E::custom)?;
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DecodeError, decode, encode};
    use super::*;
    use alloc::vec;

    #[test]
    fn lengths_above_the_bound_are_refused() {
        let encoded = encode(&vec![1u8, 2, 3, 4]);
        assert!(decode::<Bounded<u8, 4>>(&encoded).is_ok());
        assert!(matches!(decode::<Bounded<u8, 3>>(&encoded), Err(DecodeError::Body(_))));
        assert!(matches!(decode::<Bytes<3>>(&encoded), Err(DecodeError::Body(_))));
        assert!(matches!(decode::<BoundedText<3>>(&encode(&"four")), Err(DecodeError::Body(_))));
    }

    #[test]
    fn a_lying_length_takes_no_memory() {
        // A sequence that claims 2^60 items and holds none.
        let lie = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
        assert!(decode::<Bounded<u64, 1000>>(&lie).is_err());
        assert!(decode::<Bytes<1000>>(&lie).is_err());
    }

    #[test]
    fn truncation_keeps_whole_characters() {
        assert_eq!(BoundedText::<4>::truncated("aéé").as_str(), "aé");
    }
}
