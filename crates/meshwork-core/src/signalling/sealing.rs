//! Sealed signalling: what travels over a server is readable by its addressee alone, and signed by its sender.
//!
//! # Problem
//! Signalling passes through hands that need not be honest: a server, later other members. They must not learn
//! addresses, must not be able to change a description, and must not speak as somebody else.
//!
//! # How it works
//! Each endpoint announces an X25519 key signed by its peer. A payload is signed by its sender, then encrypted
//! to the addressee: an ephemeral X25519 key, HKDF-SHA256 (RFC 5869) over the shared secret with the room
//! secret as salt, ChaCha20-Poly1305 (RFC 8439). As each key encrypts one payload, the nonce is zero.
//!
//! # Invariants
//! - A payload that opens was made by somebody who knows the room secret, for this addressee and this room.
//! - A [`SignalBody`] that comes out of [`open`] carries a signature of `body.from` that holds.
//!
//! # Limits
//! A sealed payload has at most [`PAYLOAD_MAX`] bytes.

use alloc::vec::Vec;
use core::fmt;

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
#[cfg(not(feature = "memoised-signatures"))]
use x25519_dalek::SharedSecret;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::id::{Endpoint, Identity, RoomId, Secret};
use crate::rng::Rng;
use crate::seam::description::{Candidate, Description};
use crate::signalling::protocol::PAYLOAD_MAX;
use crate::wire::{self, Bytes, DecodeError, VersionRange};

/// What a sender signs, before the body.
const SIGN_LABEL: &[u8] = b"meshwork signal v1";
/// What the sealing key is derived for.
const SEAL_LABEL: &[u8] = b"meshwork seal v1";

/// An endpoint's X25519 secret key; lives as long as the endpoint.
pub struct SealingKey {
    secret: StaticSecret,
    public: [u8; 32],
}

impl SealingKey {
    /// A new key.
    pub fn generate(rng: &mut Rng) -> SealingKey {
        let secret = StaticSecret::from(rng.bytes::<32>());
        let public = PublicKey::from(&secret).to_bytes();
        SealingKey { secret, public }
    }

    /// The public key that is announced.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }
}

impl fmt::Debug for SealingKey {
    /// The secret stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// One thing that an endpoint tells another about a connection attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalBody {
    /// Who says it.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// The room in which they know each other.
    pub room: RoomId,
    /// The link's session: random, chosen by the offerer, the same for all attempts of one link.
    pub session: u64,
    /// Counts the attempts of a session from 1; the higher wins.
    pub epoch: u32,
    /// What is said.
    pub content: SignalContent,
}

/// What can be said about a connection attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignalContent {
    /// The lesser endpoint asks the greater one to offer. Session and epoch are 0.
    Ask,
    /// The greater endpoint's description.
    Offer {
        /// Protocol versions that it speaks.
        versions: VersionRange,
        /// Randomness for the transcript.
        nonce: [u8; 16],
        /// How to reach it.
        description: Description,
    },
    /// The lesser endpoint's description.
    Answer {
        /// The version it chose.
        version: u16,
        /// Randomness for the transcript.
        nonce: [u8; 16],
        /// How to reach it.
        description: Description,
    },
    /// A candidate found after the sender's description was sent.
    Candidate(Candidate),
    /// The attempt ends here.
    Refuse(RefuseReason),
}

/// Why an endpoint ends a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefuseReason {
    /// No protocol version in common.
    Version,
    /// The room is full, or the endpoint keeps as many links as it can.
    Full,
    /// The description was out of its limits.
    Description,
}

#[derive(Serialize, Deserialize)]
struct SignedBody {
    body: Bytes<PAYLOAD_MAX>,
    signature: Bytes<64>,
}

/// Why a sealed payload is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is shorter than an ephemeral key.
    #[error("a sealed payload of {0} bytes is too short")]
    Short(usize),
    /// It does not decrypt: changed on its way, sealed for another key or room, or under another room secret.
    #[error(
        "the payload does not open: it was changed, or sealed with another room secret or for another key"
    )]
    Seal,
    /// What was inside cannot be decoded.
    #[error("{0}")]
    Body(#[from] DecodeError),
    /// The sender did not sign it.
    #[error("the payload is not signed by {0}")]
    Signature(Endpoint),
    /// It is meant for somebody else or for another room.
    #[error("the payload is addressed to {0}")]
    Addressee(Endpoint),
}

/// Signs `body` as its sender and seals it to the key that its addressee announced.
///
/// Returns `None` when the announced key is one of the few that give no secret (RFC 7748 section 6.1).
pub fn seal(
    body: &SignalBody,
    identity: &Identity,
    to_key: &[u8; 32],
    secret: Option<&Secret>,
    rng: &mut Rng,
) -> Option<Vec<u8>> {
    let encoded = wire::encode(body);
    let signature = identity.sign(&[SIGN_LABEL, &encoded].concat());
    let signed = wire::encode(&SignedBody {
        body: Bytes::new(encoded).expect("a body with 16 candidates is far below the limit"),
        signature: Bytes::new(signature.to_vec()).expect("64 bytes"),
    });
    let ephemeral = StaticSecret::from(rng.bytes::<32>());
    let ephemeral_public = PublicKey::from(&ephemeral).to_bytes();
    let shared = shared(&ephemeral, to_key, [&ephemeral_public, to_key])?;
    let cipher = cipher(shared.as_ref(), secret, &body.room, &body.to, &ephemeral_public);
    let sealed = cipher.encrypt(&Nonce::default(), signed.as_slice()).expect("far below 256 GiB");
    Some([ephemeral_public.as_slice(), &sealed].concat())
}

/// Opens a payload sealed to `key` and checks who signed it and for whom.
///
/// # Errors
/// [`OpenError`]; nothing was kept of the payload.
pub fn open(
    sealed: &[u8],
    key: &SealingKey,
    me: Endpoint,
    room: &RoomId,
    secret: Option<&Secret>,
) -> Result<SignalBody, OpenError> {
    let (ephemeral, ciphertext) = sealed.split_first_chunk::<32>().ok_or(OpenError::Short(sealed.len()))?;
    let shared = shared(&key.secret, ephemeral, [ephemeral, &key.public]).ok_or(OpenError::Seal)?;
    let cipher = cipher(shared.as_ref(), secret, room, &me, ephemeral);
    let signed = cipher.decrypt(&Nonce::default(), ciphertext).map_err(|_| OpenError::Seal)?;
    let SignedBody { body: encoded, signature } = wire::decode(&signed)?;
    let body: SignalBody = wire::decode(&encoded)?;
    if body.to != me || body.room != *room {
        return Err(OpenError::Addressee(body.to));
    }
    let signature = signature.first_chunk::<64>().ok_or(OpenError::Signature(body.from))?;
    if !body.from.peer.verifies(&[SIGN_LABEL, &encoded].concat(), signature) {
        return Err(OpenError::Signature(body.from));
    }
    Ok(body)
}

/// The secret of a key of ours and one of theirs; `None` where theirs gives none. `keys` are the payload's own public
/// key and its addressee's.
#[cfg(not(feature = "memoised-signatures"))]
fn shared(own: &StaticSecret, theirs: &[u8; 32], _keys: [&[u8; 32]; 2]) -> Option<SharedSecret> {
    let shared = own.diffie_hellman(&PublicKey::from(*theirs));
    shared.was_contributory().then_some(shared)
}

/// The same, computed once by both ends together.
#[cfg(feature = "memoised-signatures")]
fn shared(own: &StaticSecret, theirs: &[u8; 32], keys: [&[u8; 32]; 2]) -> Option<[u8; 32]> {
    let agree = || own.diffie_hellman(&PublicKey::from(*theirs)).to_bytes();
    let shared = crate::memo::shared(keys.map(|key| key.as_slice()), agree);
    // All zeros is what a key gives that gives no secret.
    (shared != [0; 32]).then_some(shared)
}

fn cipher(
    shared: &[u8],
    secret: Option<&Secret>,
    room: &RoomId,
    to: &Endpoint,
    ephemeral: &[u8; 32],
) -> ChaCha20Poly1305 {
    let salt = secret.map(|secret| secret.0.as_slice());
    let info = [SEAL_LABEL, &room.0, &to.to_bytes(), ephemeral].concat();
    let mut derived = [0; 32];
    hkdf::Hkdf::<Sha256>::new(salt, shared)
        .expand(&info, &mut derived)
        .expect("32 bytes are one block of SHA-256");
    ChaCha20Poly1305::new(&Key::from(derived))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;

    struct End {
        identity: Identity,
        endpoint: Endpoint,
        key: SealingKey,
    }

    fn end(seed: u8) -> End {
        let identity = Identity::from_secret([seed; 32]);
        let endpoint = Endpoint { peer: identity.peer(), instance: Instance(seed.into()) };
        End { endpoint, identity, key: SealingKey::generate(&mut Rng::new([seed; 32])) }
    }

    fn body(from: &End, to: &End) -> SignalBody {
        let content = SignalContent::Ask;
        SignalBody {
            from: from.endpoint,
            to: to.endpoint,
            room: RoomId([7; 32]),
            session: 1,
            epoch: 2,
            content,
        }
    }

    fn sealed(from: &End, to: &End, secret: Option<&Secret>) -> Vec<u8> {
        let key = to.key.public();
        seal(&body(from, to), &from.identity, &key, secret, &mut Rng::new([0; 32])).expect("an honest key")
    }

    #[test]
    fn the_addressee_opens_what_was_sealed() {
        let (from, to) = (end(1), end(2));
        let secret = Secret([3; 16]);
        for secret in [None, Some(&secret)] {
            let sealed = sealed(&from, &to, secret);
            assert_eq!(open(&sealed, &to.key, to.endpoint, &RoomId([7; 32]), secret), Ok(body(&from, &to)));
        }
    }

    #[test]
    fn changed_foreign_or_wrongly_keyed_payloads_stay_shut() {
        let (from, to, other) = (end(1), end(2), end(4));
        let payload = sealed(&from, &to, None);
        let room = RoomId([7; 32]);
        for index in 0..payload.len() {
            let mut changed = payload.clone();
            changed[index] ^= 0x10;
            assert!(open(&changed, &to.key, to.endpoint, &room, None).is_err(), "byte {index}");
        }
        let shut = Err(OpenError::Seal);
        assert_eq!(open(&payload, &other.key, to.endpoint, &room, None), shut);
        assert_eq!(open(&payload, &to.key, other.endpoint, &room, None), shut);
        assert_eq!(open(&payload, &to.key, to.endpoint, &RoomId([8; 32]), None), shut);
        assert_eq!(open(&payload, &to.key, to.endpoint, &room, Some(&Secret([1; 16]))), shut);
        assert_eq!(open(&[0; 31], &to.key, to.endpoint, &room, None), Err(OpenError::Short(31)));
    }

    #[test]
    fn a_payload_in_anothers_name_is_refused() {
        let (from, to, liar) = (end(1), end(2), end(9));
        let key = to.key.public();
        let forged = seal(&body(&from, &to), &liar.identity, &key, None, &mut Rng::new([0; 32]));
        let opened = open(&forged.expect("an honest key"), &to.key, to.endpoint, &RoomId([7; 32]), None);
        assert_eq!(opened, Err(OpenError::Signature(from.endpoint)));
    }

    #[test]
    fn nothing_is_sealed_to_keys_giving_no_secret() {
        let (from, to) = (end(1), end(2));
        assert_eq!(seal(&body(&from, &to), &from.identity, &[0; 32], None, &mut Rng::new([0; 32])), None);
    }

    #[test]
    fn an_offer_with_four_candidates_is_small() {
        use crate::seam::description::{CandidateAddress, CandidateKind, Fingerprint, Role};
        use crate::wire::{Bounded, BoundedText};
        let candidate = |last| Candidate {
            kind: CandidateKind::Host,
            priority: u32::MAX >> 1,
            address: CandidateAddress::Ip([192, 168, 100, last].into()),
            port: 65000,
        };
        let description = Description {
            role: Role::Offerer,
            user_fragment: BoundedText::new("abcd").expect("short"),
            password: BoundedText::new("012345678901234567890123").expect("short"),
            fingerprint: Fingerprint([7; 32]),
            candidates: Bounded::new((0..4).map(candidate).collect()).expect("four"),
        };
        let mut offer = body(&end(1), &end(2));
        offer.session = u64::MAX;
        let versions = VersionRange { least: 1, most: 1 };
        offer.content = SignalContent::Offer { versions, nonce: [9; 16], description };
        let length = wire::encode(&offer).len();
        assert!(length < 300, "{length} bytes");
    }
}
