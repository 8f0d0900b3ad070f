//! Names: peers, endpoints, rooms, codes and secrets, with the text forms in which people see them.

mod agree;
mod export;
mod sealed;

use alloc::string::{String, ToString as _};
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::rng::Rng;
use crate::wire::base64_text::{from_base64_into, to_base64};
use crate::wire::text_form;
pub use agree::SharedSecret;
pub use export::{IDENTITY_TEXT_MAX, ImportError};
pub use sealed::{SEALED_MAX, SEALING_LEN, UnsealError};

/// An Ed25519 public key (RFC 8032): the name of a peer. Shown short, compared whole.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeerId(#[serde(with = "key_form")] pub [u8; 32]);

impl Ord for PeerId {
    /// Byte by byte. Tables are ordered by it, and of nearly all pairs the first eight bytes differ.
    fn cmp(&self, other: &PeerId) -> Ordering {
        let head = |peer: &PeerId| peer.0.first_chunk().map_or(0, |head| u64::from_be_bytes(*head));
        head(self).cmp(&head(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &PeerId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PeerId {
    /// Whether `signature` is this peer's over `message`, by the strict rules that admit one form only.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let check = || {
            let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        };
        #[cfg(feature = "memoised-signatures")]
        return crate::memo::verified([&self.0, signature, message], check);
        #[cfg(not(feature = "memoised-signatures"))]
        check()
    }

    /// The first eight characters of the text form: enough to recognise, not to prove.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }
}

/// A peer's key pair.
#[derive(Clone)]
pub struct Identity(SigningKey);

impl Identity {
    /// A new key pair.
    pub fn generate(rng: &mut Rng) -> Identity {
        Identity::from_secret(rng.bytes())
    }

    /// The key pair with this RFC 8032 secret key.
    pub fn from_secret(secret: [u8; 32]) -> Identity {
        Identity(SigningKey::from_bytes(&secret))
    }

    /// The secret key, to be stored where only its owner reads.
    pub fn to_secret(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    pub fn peer(&self) -> PeerId {
        PeerId(self.0.verifying_key().to_bytes())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message).to_bytes();
        #[cfg(feature = "memoised-signatures")]
        crate::memo::signed([&self.peer().0, &signature, message]);
        signature
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.peer()).finish()
    }
}

/// A random number that tells one tab, or one process start, from the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instance(pub u64);

/// One running program of a peer: what links, sequences and sessions belong to.
///
/// Ordered by peer, then instance; the greater of two endpoints offers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Whose program.
    pub peer: PeerId,
    /// Which of the peer's programs.
    pub instance: Instance,
}

impl Endpoint {
    /// Length of the binary form.
    pub const LEN: usize = 40;

    /// The binary form in which an endpoint is signed: the key, then the instance, big-endian.
    pub fn to_bytes(&self) -> [u8; Endpoint::LEN] {
        let mut bytes = [0; Endpoint::LEN];
        bytes[..32].copy_from_slice(&self.peer.0);
        bytes[32..].copy_from_slice(&self.instance.0.to_be_bytes());
        bytes
    }
}

/// blake3 of a room's signed genesis: the name of a room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(#[serde(with = "key_form")] pub [u8; 32]);

/// 128 random bits that guard a private room. They stay behind the `#` of its link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

impl Secret {
    /// What a genesis says of the secret without telling it.
    pub fn commitment(&self) -> [u8; 32] {
        blake3::derive_key("meshwork room secret commitment v1", &self.0)
    }

    /// What is shown to a server to be told who else in a room knows the secret. It tells nothing of the secret, and
    /// nothing of the token for another room.
    pub fn join_token(&self, room: &RoomId) -> [u8; 32] {
        let mut secret_and_room = [0; 48];
        secret_and_room[..16].copy_from_slice(&self.0);
        secret_and_room[16..].copy_from_slice(&room.0);
        blake3::derive_key("meshwork room join token v1", &secret_and_room)
    }
}

/// Letters and digits of codes: no 0, 1, O or I, which people confuse.
pub const CODE_ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A six-character handle for finding a room on one server: 30 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u32);

impl Code {
    /// Characters of a code.
    pub const LEN: usize = 6;

    /// The code of the lowest 30 bits of `bits`, the most significant five first.
    pub fn from_bits(bits: u32) -> Code {
        Code(bits & 0x3fff_ffff)
    }
}

/// Why a text is not the id it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Not base64url, or not of the right length.
    #[error("{0:?} is not an id: ids are base64url text of a fixed length")]
    Text(String),
    /// Not six characters of [`CODE_ALPHABET`].
    #[error("{0:?} is not a code: codes have six characters and no 0, 1, O or I")]
    Code(String),
}

impl FromStr for Code {
    type Err = IdError;

    /// Reads a code; lower case is accepted.
    fn from_str(text: &str) -> Result<Code, IdError> {
        let wrong = || IdError::Code(String::from(text));
        if text.len() != Code::LEN {
            return Err(wrong());
        }
        let mut bits = 0;
        for byte in text.bytes() {
            let byte = byte.to_ascii_uppercase();
            let value = CODE_ALPHABET.iter().position(|&letter| letter == byte).ok_or_else(wrong)?;
            bits = bits << 5 | value as u32;
        }
        Ok(Code(bits))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..Code::LEN).rev() {
            let letter = CODE_ALPHABET[(self.0 >> (5 * place)) as usize & 31];
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.peer, self.instance)
    }
}

impl FromStr for Endpoint {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Endpoint, IdError> {
        let wrong = || IdError::Text(String::from(text));
        let (peer, instance) = text.split_once('.').ok_or_else(wrong)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if instance.len() != 16 || !instance.bytes().all(lower_hex) {
            return Err(wrong());
        }
        let instance = u64::from_str_radix(instance, 16).map_err(|_| wrong())?;
        Ok(Endpoint { peer: peer.parse()?, instance: Instance(instance) })
    }
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let mut bytes = [0; N];
    if from_base64_into(text, &mut bytes) { Ok(bytes) } else { Err(IdError::Text(String::from(text))) }
}

macro_rules! base64_form {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base64(&self.0))
            }
        }
        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<$type, IdError> {
                fixed(text).map($type)
            }
        }
    };
}
base64_form!(PeerId);
base64_form!(RoomId);
base64_form!(Secret);

macro_rules! debug_as_display {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(PeerId RoomId Instance Endpoint Code);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.peer.0, self.instance.0).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            let (peer, instance) = <([u8; 32], u64)>::deserialize(deserializer)?;
            Ok(Endpoint { peer: PeerId(peer), instance: Instance(instance) })
        }
    }
}

text_form!(Code);

/// 32 bytes: raw on a binary wire, base64url in JSON.
mod key_form {
    use super::*;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&to_base64(bytes))
        } else {
            bytes.serialize(serializer)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        if deserializer.is_human_readable() {
            fixed(&String::deserialize(deserializer)?).map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_in_the_order_of_their_bytes() {
        for (place, byte) in [(0, 1), (7, 255), (8, 1), (31, 128)] {
            let (mut less, mut more) = ([5; 32], [5; 32]);
            (less[place], more[place]) = (0, byte);
            less[31] ^= 255 * u8::from(place < 31);
            assert_eq!(PeerId(less).cmp(&PeerId(more)), less.cmp(&more), "byte {place}");
            assert!(PeerId(less) < PeerId(more) && PeerId(more) <= PeerId(more));
        }
    }

    #[test]
    fn codes_read_as_they_are_written() {
        for bits in [0, 1, 0x3fff_ffff, 0x1234_5678] {
            let code = Code::from_bits(bits);
            assert_eq!(code.to_string().parse(), Ok(code));
            assert_eq!(code.to_string().to_lowercase().parse(), Ok(code));
        }
        assert_eq!(Code::from_bits(0).to_string(), "AAAAAA");
        for wrong in ["ABCDE", "ABCDEFG", "ABCDE0", "ABCDE1", "ABCDEO", "ABCDEI", "ÄBCDE"] {
            assert_eq!(wrong.parse::<Code>(), Err(IdError::Code(wrong.into())));
        }
    }

    #[test]
    fn endpoints_read_as_they_are_written() {
        let peer = Identity::from_secret([3; 32]).peer();
        let endpoint = Endpoint { peer, instance: Instance(0xfe) };
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        for wrong in ["", ".", "abc.0000000000000000"] {
            assert!(wrong.parse::<Endpoint>().is_err());
        }
        let upper = endpoint.to_string().replace("fe", "FE");
        assert!(upper.parse::<Endpoint>().is_err(), "one endpoint has one text");
    }

    #[test]
    fn signatures_verify_for_their_message_and_peer_only() {
        let identity = Identity::from_secret([1; 32]);
        let signature = identity.sign(b"hello");
        assert!(identity.peer().verifies(b"hello", &signature));
        assert!(!identity.peer().verifies(b"hellO", &signature));
        assert!(!Identity::from_secret([2; 32]).peer().verifies(b"hello", &signature));
        assert!(!PeerId([0xff; 32]).verifies(b"hello", &signature));
    }
}
