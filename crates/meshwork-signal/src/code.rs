//! Codes of rooms: derived from the server's key, so that a restart gives every room its own code again.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use meshwork_core::id::{Code, RoomId};
use meshwork_core::signalling::address::is_reserved;
use sha2::Sha256;

/// Codes that are tried for one room before the server counts as full.
///
/// With a million rooms, one code in a thousand is taken: ten taken ones in a row will not be seen.
pub const ATTEMPTS_MAX: u8 = 10;

/// The 32 bytes that decide the codes on one server. Whoever has them can foretell codes, no more.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey([u8; 32]);

impl ServerKey {
    /// A key of these bytes, which should be random.
    pub fn new(bytes: [u8; 32]) -> ServerKey {
        ServerKey(bytes)
    }

    /// The key that follows from a text which nobody else knows.
    pub fn from_text(text: &[u8]) -> ServerKey {
        ServerKey(blake3::derive_key("meshwork server key from text v1", text))
    }

    /// The bytes, to be stored where only the server reads.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// The codes that `room` may have here, best first: those of the attempts but for pages of the server's own.
    pub fn codes(&self, room: RoomId) -> impl Iterator<Item = Code> {
        (0..ATTEMPTS_MAX).map(move |attempt| self.code(room, attempt)).filter(|code| !is_reserved(*code))
    }

    /// The code of `room` at attempt `attempt`, which counts from 0 to [`ATTEMPTS_MAX`] - 1.
    ///
    /// The lowest 30 bits of the first four bytes, big-endian, of HMAC-SHA256 (RFC 2104) under this key over
    /// the 32 bytes of the room's id and one byte with the attempt.
    pub fn code(&self, room: RoomId, attempt: u8) -> Code {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(&room.0);
        mac.update(&[attempt]);
        let digest = mac.finalize().into_bytes();
        Code::from_bits(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_depend_on_key_room_and_attempt() {
        let key = ServerKey::new([1; 32]);
        let room = RoomId([2; 32]);
        assert_eq!(key.code(room, 0).to_string(), "XFR77D", "the example in docs/protocol/signalling.md");
        assert_eq!(key.code(room, 1).to_string(), "QW3RSL");
        assert_ne!(key.code(room, 0), ServerKey::new([3; 32]).code(room, 0));
        assert_ne!(key.code(room, 0), key.code(RoomId([3; 32]), 0));
    }

    #[test]
    fn server_pages_are_no_codes() {
        let key = ServerKey::new([1; 32]);
        let mut room = RoomId([0; 32]);
        // Found by trying a hundred million ids.
        room.0[..8].copy_from_slice(&141_930_133_u64.to_le_bytes());
        assert_eq!(key.code(room, 0).to_string(), "HEALTH");
        assert_eq!(key.codes(room).next(), Some(key.code(room, 1)));
        assert_eq!(key.codes(room).count(), usize::from(ATTEMPTS_MAX) - 1);
    }
}
