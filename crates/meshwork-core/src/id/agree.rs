//! Secrets that two peers share by their long-term keys.
//!
//! # How it works
//! X25519 (RFC 7748) over the keys of two peers: the scalar of one's Ed25519 key, and the other's public key in
//! Montgomery form. Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM"
//! (<https://eprint.iacr.org/2021/509>), shows that a key may serve both. Nothing in the protocol agrees on secrets by
//! long-term keys, so each use is an app's, and names itself in the derivation of its keys.

use core::fmt;

use ed25519_dalek::VerifyingKey;
use sha2::Sha256;

use super::{Identity, PeerId};

/// A secret that two peers share: both compute it without a message, from their own key and the other's id. A peer also
/// shares one with itself, for data that only its own devices read.
///
/// It lasts as long as the keys. A thief of one key computes it, and reads everything that was ever sealed with it.
#[derive(Clone)]
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// A key for one purpose: HKDF-SHA256 (RFC 5869) of the secret with this salt and info. The info begins with a text that
    /// no other purpose has, such as `meshwork direct v1`. Both peers pass the same bytes, so the info names a direction
    /// if each needs a key of its own.
    pub fn key(&self, salt: &[u8], info: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        hkdf::Hkdf::<Sha256>::new(Some(salt), &self.0)
            .expand(info, &mut key)
            .expect("32 bytes are one block of SHA-256");
        key
    }
}

impl fmt::Debug for SharedSecret {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

impl Identity {
    /// The secret that this peer and another one share; `None` if the id is no key, or a key of small order, with which
    /// everybody would share the same secret.
    pub fn agree(&self, peer: PeerId) -> Option<SharedSecret> {
        let key = VerifyingKey::from_bytes(&peer.0).ok().filter(|key| !key.is_weak())?;
        let shared = key.to_montgomery().mul_clamped(self.0.to_scalar_bytes()).to_bytes();
        (shared != [0; 32]).then_some(SharedSecret(shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        core::array::from_fn(|place| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).expect("hex"))
    }

    /// The expected values come from a program of its own that follows RFC 7748, RFC 8032 and RFC 5869.
    #[test]
    fn two_peers_share_one_secret() {
        let (one, two) = (Identity::from_secret([1; 32]), Identity::from_secret([2; 32]));
        let shared = one.agree(two.peer()).expect("it is a key");
        assert_eq!(shared.0, bytes("4181d7302557342bdb6d061c4b1eebea828ecb625c3368b7111680793307220b"));
        assert_eq!(two.agree(one.peer()).expect("it is a key").0, shared.0);
        let own = one.agree(one.peer()).expect("it is a key");
        assert_eq!(own.0, bytes("4150985bdebdc58f3e3c59cc2274570ea847a9812089b835593aeb0f1829d621"));
        let key = shared.key(&[3; 32], b"meshwork test v1");
        assert_eq!(key, bytes("8519f5d716027763d5d2bc7ec3bbcb1ec92cfe8dbb7e1b6a05c5c0f029fe25bd"));
        assert_ne!(shared.key(&[3; 32], b"meshwork test v2"), key);
        assert_ne!(shared.key(&[4; 32], b"meshwork test v1"), key);
        assert_eq!(alloc::format!("{shared:?}"), "SharedSecret(..)");
    }

    #[test]
    fn keys_of_small_order_share_nothing() {
        let identity = Identity::from_secret([1; 32]);
        // The neutral point, the point of order two, one of order four, and two of order eight.
        let order_two = bytes("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let eight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let other = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        for small in [neutral, order_two, [0; 32], bytes(eight), bytes(other)] {
            assert!(identity.agree(PeerId(small)).is_none(), "{small:?}");
        }
        let no_point = core::array::from_fn(|place| u8::from(place == 0) * 2);
        assert!(identity.agree(PeerId(no_point)).is_none());
    }
}
