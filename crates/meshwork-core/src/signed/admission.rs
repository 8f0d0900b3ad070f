//! Edit seeds, the keys that follow from them, and admissions: how somebody shows that a link let it write.
//!
//! # How it works
//! Who holds a room's edit seed derives the edit key pair from it and signs its own [`PeerId`] with it. The public half
//! stands in the record in force, so everybody can check the [`Admission`], and nobody learns the seed from it. It
//! travels with its author's batches, once a link.

use core::fmt;
use core::str::FromStr;

use super::verify::{self, Label, SIGNATURE_LEN};
use crate::id::{IdError, Identity, PeerId, RoomId};
use crate::rng::Rng;
use crate::wire::base64_text::{from_base64_into, to_base64};

const KEY_CONTEXT: &str = "meshwork edit key v2";

/// 128 random bits that let whoever has them write where only the admitted may. They stay behind the `#` of a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EditSeed(pub [u8; 16]);

/// The public half of an edit key pair: an Ed25519 key (RFC 8032), as records have it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct EditKey(pub [u8; 32]);

/// Somebody has the seed of this edit key, in one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Who.
    pub peer: PeerId,
    /// Which key.
    pub key: EditKey,
}

/// An admission whose signature holds in the room that it is used in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAdmission {
    admission: Admission,
    signature: [u8; SIGNATURE_LEN],
}

/// Why bytes are not an admission to this room. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// Not as many bytes as an admission has.
    #[error("an admission has 128 bytes, not {0}")]
    Length(usize),
    /// It was not signed with that edit key for this room.
    #[error("the admission of {0} does not hold in this room")]
    Signature(PeerId),
}

impl EditSeed {
    /// A new seed.
    pub fn generate(rng: &mut Rng) -> EditSeed {
        EditSeed(rng.bytes())
    }

    /// The public half of its key pair.
    pub fn key(&self) -> EditKey {
        EditKey(self.pair().peer().0)
    }

    /// Lets `peer` write in `room`.
    pub fn admit(&self, room: &RoomId, peer: PeerId) -> SignedAdmission {
        let admission = Admission { peer, key: self.key() };
        let signature = verify::sign(&self.pair(), Label::Admission, &admission.parts(room));
        SignedAdmission { admission, signature }
    }

    fn pair(&self) -> Identity {
        Identity::from_secret(blake3::derive_key(KEY_CONTEXT, &self.0))
    }
}

impl Admission {
    fn parts<'a>(&'a self, room: &'a RoomId) -> [&'a [u8]; 3] {
        [&room.0, &self.key.0, &self.peer.0]
    }
}

impl SignedAdmission {
    /// Bytes of an admission.
    pub const LEN: usize = 64 + SIGNATURE_LEN;

    /// Who is admitted, by which key.
    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// `peer | edit key | signature`.
    pub fn to_bytes(&self) -> [u8; SignedAdmission::LEN] {
        let mut bytes = [0; SignedAdmission::LEN];
        bytes[..32].copy_from_slice(&self.admission.peer.0);
        bytes[32..64].copy_from_slice(&self.admission.key.0);
        bytes[64..].copy_from_slice(&self.signature);
        bytes
    }

    /// Reads an admission and checks that it holds in `room`.
    ///
    /// # Errors
    /// [`AdmissionError`].
    pub fn decode(room: &RoomId, bytes: &[u8]) -> Result<SignedAdmission, AdmissionError> {
        let bytes: &[u8; SignedAdmission::LEN] =
            bytes.try_into().map_err(|_| AdmissionError::Length(bytes.len()))?;
        let (ids, signature) = bytes.split_first_chunk::<64>().expect("an admission is longer");
        let (peer, key) = ids.split_at(32);
        let half = |bytes: &[u8]| bytes.try_into().expect("half of 64 bytes");
        let admission = Admission { peer: PeerId(half(peer)), key: EditKey(half(key)) };
        let signature = signature.try_into().expect("what is left is a signature");
        if !verify::holds(&PeerId(admission.key.0), Label::Admission, &admission.parts(room), &signature) {
            return Err(AdmissionError::Signature(admission.peer));
        }
        Ok(SignedAdmission { admission, signature })
    }
}

impl fmt::Display for EditSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64(&self.0))
    }
}

impl FromStr for EditSeed {
    type Err = IdError;

    fn from_str(text: &str) -> Result<EditSeed, IdError> {
        let mut bytes = [0; 16];
        if from_base64_into(text, &mut bytes) { Ok(EditSeed(bytes)) } else { Err(IdError::Text(text.into())) }
    }
}

impl fmt::Debug for EditSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EditSeed(..)")
    }
}

impl fmt::Debug for EditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    const ROOM: RoomId = RoomId([3; 32]);

    #[test]
    fn an_admission_holds_for_one_peer_and_room() {
        let seed = EditSeed::generate(&mut Rng::new([1; 32]));
        let peer = Identity::from_secret([1; 32]).peer();
        let signed = seed.admit(&ROOM, peer);
        let bytes = signed.to_bytes();
        assert_eq!(SignedAdmission::decode(&ROOM, &bytes), Ok(signed));
        assert_eq!(signed.admission(), Admission { peer, key: seed.key() });
        let elsewhere = SignedAdmission::decode(&RoomId([4; 32]), &bytes);
        assert_eq!(elsewhere, Err(AdmissionError::Signature(peer)));
        for place in 0..bytes.len() {
            let mut changed = bytes;
            changed[place] ^= 1;
            assert!(SignedAdmission::decode(&ROOM, &changed).is_err(), "byte {place}");
        }
        assert_eq!(SignedAdmission::decode(&ROOM, &bytes[1..]), Err(AdmissionError::Length(127)));
    }

    #[test]
    fn the_seed_stays_hidden() {
        let seed = EditSeed([9; 16]);
        assert_eq!(seed.to_string().parse(), Ok(seed));
        assert_eq!(format!("{seed:?}"), "EditSeed(..)");
        assert!(seed.to_string()[1..].parse::<EditSeed>().is_err());
        assert_ne!(seed.key(), EditSeed([8; 16]).key());
    }
}
