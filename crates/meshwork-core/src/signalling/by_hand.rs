//! Invitations and replies as texts that people carry: signalling without any server.
//!
//! # Problem
//! Two people who are linked to nobody, with no server between them, can still exchange a text: by a messenger,
//! on paper, or by a picture of it.
//!
//! # How it works
//! The maker of an invitation is the offerer, whoever takes it answers with a reply. Nobody's announced key is
//! known yet, so both texts are sealed under the room's secret alone; in an open room under its id, which
//! whoever has the LINK knows. Each is signed by its maker and carries the maker's announcement. An invitation
//! carries the genesis too, since there is no server to ask for it.
//!
//! The text is a label, a colon and base64url of 16 bytes of salt and the ChaCha20-Poly1305 ciphertext (RFC
//! 8439) under the key HKDF-SHA256 (RFC 5869) gives for salt and secret. As each salt seals one text, the nonce
//! is zero.
//!
//! # Invariants
//! - A text that opens was made by somebody who knows the room's secret, or its id in an open room.
//! - What comes out of [`open`] carries a signature of its maker that holds.
//!
//! # Limits
//! A text has at most [`TEXT_MAX`] characters; with the candidates of one network it has about 600, so that a
//! picture code holds it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::announce;
use super::protocol::PAYLOAD_MAX;
use crate::id::{Endpoint, Identity, RoomId, Secret};
use crate::rng::Rng;
use crate::seam::description::Description;
use crate::signalling::announce::Introduction;
use crate::signed::genesis::GENESIS_MAX;
use crate::wire::base64_text::{from_base64, to_base64};
use crate::wire::{self, Bytes, VersionRange};

/// Begins an invitation.
pub const INVITATION_LABEL: &str = "meshwork-invitation-1";
/// Begins a reply.
pub const REPLY_LABEL: &str = "meshwork-reply-1";
/// Longest text, in characters: a payload in base64 and its label.
pub const TEXT_MAX: usize = PAYLOAD_MAX * 4 / 3 + 64;
/// What a maker signs, before the body.
const SIGN_LABEL: &[u8] = b"meshwork by hand v1";
/// What the key is derived for, before label and room.
const SEAL_LABEL: &[u8] = b"meshwork by hand seal v1";
const SALT_LEN: usize = 16;

/// What two people hand to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ByHand {
    /// The offer, for whoever has the room's LINK.
    Invitation {
        /// Who made it.
        from: Introduction,
        /// The room's signed genesis.
        genesis: Bytes<GENESIS_MAX>,
        /// The link's session.
        session: u64,
        /// Protocol versions that the maker speaks.
        versions: VersionRange,
        /// Randomness for the transcript.
        nonce: [u8; 16],
        /// How to reach the maker.
        description: Description,
    },
    /// The answer, for the invitation's maker alone.
    Reply {
        /// Who made it.
        from: Introduction,
        /// Whose invitation it answers.
        to: Endpoint,
        /// That invitation's session.
        session: u64,
        /// The version that was chosen.
        version: u16,
        /// Randomness for the transcript.
        nonce: [u8; 16],
        /// How to reach the maker.
        description: Description,
    },
}

impl ByHand {
    fn label(&self) -> &'static str {
        match self {
            ByHand::Invitation { .. } => INVITATION_LABEL,
            ByHand::Reply { .. } => REPLY_LABEL,
        }
    }

    fn from(&self) -> &Introduction {
        match self {
            ByHand::Invitation { from, .. } | ByHand::Reply { from, .. } => from,
        }
    }
}

/// Why a text that somebody pasted is of no use here. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByHandError {
    /// It is not one of the two texts, or part of it is missing.
    #[error(
        "this is not a whole invitation or reply: copy it again, from {INVITATION_LABEL} or {REPLY_LABEL} on"
    )]
    Text,
    /// It does not decrypt.
    #[error("this text does not open here: it is changed, or of another room, or its maker has another link")]
    Sealed,
    /// What was inside is not what it should be.
    #[error("this text was made by another version of Meshwork: update the older one")]
    Body,
    /// Its maker did not sign it.
    #[error("this text is not signed by {0}, who is said to have made it")]
    Signature(Endpoint),
    /// It answers an invitation that this endpoint did not make or no longer waits for.
    #[error("this reply belongs to an invitation that is no longer open here: make a new one")]
    NotWaiting,
    /// It was made by this very endpoint.
    #[error("this text was made here: it is for somebody else")]
    Own,
    /// Its description is out of its limits.
    #[error("this text describes no connection: {0}")]
    Description(String),
    /// Its maker is linked to this endpoint already.
    #[error("you are linked to whoever made this text already")]
    Linked,
    /// The room has no place for its maker.
    #[error("the room is full")]
    Full,
    /// The genesis in it is not the room's.
    #[error("{0}")]
    Room(String),
    /// The two ends have no protocol version in common.
    #[error("its maker speaks another version of Meshwork: update the older one")]
    Version,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    body: Bytes<PAYLOAD_MAX>,
    signature: Bytes<64>,
}

/// Writes, signs and seals `what` as a text.
pub fn seal(
    what: &ByHand,
    identity: &Identity,
    room: &RoomId,
    secret: Option<&Secret>,
    rng: &mut Rng,
) -> String {
    let body = wire::encode(what);
    let signature = identity.sign(&signed_bytes(room, &body));
    let signed = wire::encode(&Signed {
        body: Bytes::new(body).expect("a genesis and 16 candidates are far below the limit"),
        signature: Bytes::new(signature.to_vec()).expect("64 bytes"),
    });
    let salt: [u8; SALT_LEN] = rng.bytes();
    let cipher = cipher(&salt, what.label(), room, secret);
    let sealed = cipher.encrypt(&Nonce::default(), signed.as_slice()).expect("far below 256 GiB");
    format!("{}:{}", what.label(), to_base64(&[salt.as_slice(), &sealed].concat()))
}

/// Opens a text of `room`, and checks who made it. Spaces and line breaks in it are skipped, as messengers put
/// some in.
///
/// # Errors
/// [`ByHandError`] in words for whoever pasted it.
pub fn open(text: &str, room: &RoomId, secret: Option<&Secret>) -> Result<ByHand, ByHandError> {
    let plain: String = text.chars().filter(|character| !character.is_whitespace()).take(TEXT_MAX).collect();
    let (label, sealed) = plain.split_once(':').ok_or(ByHandError::Text)?;
    let label = [INVITATION_LABEL, REPLY_LABEL].into_iter().find(|known| *known == label);
    let label = label.ok_or(ByHandError::Text)?;
    let sealed = from_base64(sealed).ok_or(ByHandError::Text)?;
    let (salt, sealed) = sealed.split_first_chunk::<SALT_LEN>().ok_or(ByHandError::Text)?;
    let cipher = cipher(salt, label, room, secret);
    let signed = cipher.decrypt(&Nonce::default(), sealed).map_err(|_| ByHandError::Sealed)?;
    let Signed { body, signature } = wire::decode(&signed).map_err(|_| ByHandError::Body)?;
    let what: ByHand = wire::decode(&body).map_err(|_| ByHandError::Body)?;
    let from = what.from();
    let signature = signature.first_chunk::<64>().ok_or(ByHandError::Signature(from.endpoint))?;
    let signed_by_maker = from.endpoint.peer.verifies(&signed_bytes(room, &body), signature);
    if what.label() != label || !signed_by_maker || !announce::verify(&from.announcement()) {
        return Err(ByHandError::Signature(from.endpoint));
    }
    Ok(what)
}

fn signed_bytes(room: &RoomId, body: &[u8]) -> Vec<u8> {
    [SIGN_LABEL, &room.0, body].concat()
}

fn cipher(salt: &[u8; SALT_LEN], label: &str, room: &RoomId, secret: Option<&Secret>) -> ChaCha20Poly1305 {
    let material = secret.map_or(room.0.as_slice(), |secret| secret.0.as_slice());
    let info = [SEAL_LABEL, label.as_bytes(), &room.0].concat();
    let mut derived = [0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(salt), material)
        .expand(&info, &mut derived)
        .expect("32 bytes are one block of SHA-256");
    ChaCha20Poly1305::new(&Key::from(derived))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;
    use crate::seam::description::{Fingerprint, Role};
    use crate::wire::{Bounded, BoundedText};

    const ROOM: RoomId = RoomId([7; 32]);

    fn reply(seed: u8) -> (Identity, ByHand) {
        let identity = Identity::from_secret([seed; 32]);
        let from = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let announcement = announce::announce(&identity, from, [5; 32]);
        let description = Description {
            role: Role::Answerer,
            user_fragment: BoundedText::new("abcd").expect("short"),
            password: BoundedText::new("0123456789012345678901").expect("short"),
            fingerprint: Fingerprint([7; 32]),
            candidates: Bounded::default(),
        };
        let from = Introduction::from(&announcement);
        let to = Endpoint { peer: identity.peer(), instance: Instance(2) };
        (identity, ByHand::Reply { from, to, session: 3, version: 1, nonce: [4; 16], description })
    }

    fn text(secret: Option<&Secret>) -> (ByHand, String) {
        let (identity, what) = reply(1);
        let text = seal(&what, &identity, &ROOM, secret, &mut Rng::new([0; 32]));
        (what, text)
    }

    #[test]
    fn texts_open_only_with_their_sealing_secret() {
        let secret = Secret([3; 16]);
        for secret in [None, Some(&secret)] {
            let (what, text) = text(secret);
            assert_eq!(open(&text, &ROOM, secret), Ok(what.clone()));
            let broken: String = text.chars().flat_map(|character| [character, '\n']).collect();
            assert_eq!(open(&broken, &ROOM, secret), Ok(what), "as messengers break lines");
            assert_eq!(open(&text, &RoomId([8; 32]), secret), Err(ByHandError::Sealed));
        }
        let (_, sealed) = text(Some(&secret));
        assert_eq!(open(&sealed, &ROOM, None), Err(ByHandError::Sealed));
        assert_eq!(open(&sealed, &ROOM, Some(&Secret([4; 16]))), Err(ByHandError::Sealed));
    }

    #[test]
    fn cut_and_changed_texts_do_not_open() {
        let (_, text) = text(None);
        for index in 0..text.len() {
            let mut changed: Vec<char> = text.chars().collect();
            changed[index] = if changed[index] == 'A' { 'B' } else { 'A' };
            let changed: String = changed.into_iter().collect();
            assert!(open(&changed, &ROOM, None).is_err(), "character {index}");
            assert!(open(&text[..index], &ROOM, None).is_err(), "cut at {index}");
        }
        let renamed = text.replace(REPLY_LABEL, INVITATION_LABEL);
        assert_eq!(open(&renamed, &ROOM, None), Err(ByHandError::Sealed));
    }

    #[test]
    fn a_text_in_anothers_name_is_refused() {
        let (_, what) = reply(1);
        let (liar, _) = reply(2);
        let forged = seal(&what, &liar, &ROOM, None, &mut Rng::new([0; 32]));
        assert_eq!(open(&forged, &ROOM, None), Err(ByHandError::Signature(what.from().endpoint)));
    }

    #[test]
    fn characters_beyond_the_longest_text_are_not_read() {
        let label = format!("{INVITATION_LABEL}:");
        let filled = |length: usize| format!("{label}{}", "A".repeat(length - label.len()));
        assert_eq!(open(&filled(TEXT_MAX), &ROOM, None), Err(ByHandError::Sealed));
        // A character that stands in no such text shows how far it is read.
        let last = format!("{}!", filled(TEXT_MAX - 1));
        assert_eq!(open(&last, &ROOM, None), Err(ByHandError::Text));
        let beyond = format!("{}!", filled(TEXT_MAX));
        assert_eq!(open(&beyond, &ROOM, None), Err(ByHandError::Sealed));
        let (what, text) = text(None);
        let broken = text.replacen(':', &format!(":{}", "\n".repeat(TEXT_MAX)), 1);
        assert_eq!(open(&broken, &ROOM, None), Ok(what), "line breaks do not count");
    }
}
