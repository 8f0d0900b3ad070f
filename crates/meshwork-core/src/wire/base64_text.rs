//! Bytes of bounded length that JSON carries as base64url without padding (RFC 4648 section 5).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TooLong;

/// At most `MAX` bytes, shown as base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Base64<MAX> {
    /// Wraps `bytes`.
    ///
    /// # Errors
    /// [`TooLong`] when there are more than `MAX`; the bytes are dropped.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, TooLong> {
        let bytes = bytes.into();
        if bytes.len() > MAX { Err(TooLong { length: bytes.len(), most: MAX }) } else { Ok(Base64(bytes)) }
    }

    /// Reads base64url without padding; `None` when `text` is anything else, or longer.
    fn from_text(text: &str) -> Option<Self> {
        // Four characters for three bytes: a longer text is refused undecoded.
        let bytes = if text.len() > MAX.div_ceil(3) * 4 { None } else { from_base64(text) };
        Base64::new(bytes?).ok()
    }

    /// The bytes as base64url without padding.
    fn text(&self) -> String {
        to_base64(&self.0)
    }

    /// The bytes as an array, if there are exactly `N`.
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.0.as_slice().try_into().ok()
    }
}

impl<const N: usize> From<[u8; N]> for Base64<N> {
    fn from(bytes: [u8; N]) -> Self {
        Base64(bytes.to_vec())
    }
}

impl<const MAX: usize> Deref for Base64<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Base64<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<const MAX: usize> Serialize for Base64<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Base64<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Text<MAX> {
            type Value = Base64<MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "base64url of at most {MAX} bytes")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Base64::from_text(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Other("this text"), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Encodes as base64url without padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; `None` when `text` is anything else.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes base64url without padding into exactly these bytes; false when `text` is anything else.
pub(crate) fn from_base64_into(text: &str, bytes: &mut [u8]) -> bool {
    URL_SAFE_NO_PAD.decode_slice(text, bytes) == Ok(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_long_or_wrong_text_is_refused() {
        let read = |text: &str| serde_json::from_str::<Base64<3>>(text);
        assert_eq!(read("\"AQID\"").expect("three bytes").array(), Some([1, 2, 3]));
        assert!(read("\"AQIDBA\"").is_err());
        assert!(read("\"AQ==\"").is_err());
        assert!(read("\"*\"").is_err());
    }
}
