//! Who speaks: an endpoint's signed sealing key, and the proof with which it enters a signalling server.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::protocol::{Announcement, CHALLENGE_LEN, ENTER_LABEL};
use crate::id::{Endpoint, Identity};
use crate::wire::{Base64, Bytes};

/// What a peer signs to announce a sealing key: this label, the endpoint in its binary form, the key.
pub const ANNOUNCE_LABEL: &[u8] = b"meshwork sealing key v1";

/// A member's announcement as members hand it on: docs/protocol/signalling.md says what is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// Who.
    pub endpoint: Endpoint,
    /// The X25519 key to which payloads for it are sealed.
    pub sealing_key: [u8; 32],
    /// Ed25519 signature of the announcement, 64 bytes.
    pub signature: Bytes<64>,
}

impl Introduction {
    /// The announcement, whose signature may or may not hold.
    pub fn announcement(&self) -> Announcement {
        let signature = Base64::new(self.signature.to_vec()).expect("at most 64 bytes");
        Announcement { endpoint: self.endpoint, sealing_key: self.sealing_key.into(), signature }
    }
}

impl From<&Announcement> for Introduction {
    /// A key that has not its full length is handed on as zeros, with which no signature holds.
    fn from(announcement: &Announcement) -> Introduction {
        Introduction {
            endpoint: announcement.endpoint,
            sealing_key: announcement.sealing_key.array().unwrap_or_default(),
            signature: Bytes::new(announcement.signature.to_vec()).expect("at most 64 bytes"),
        }
    }
}

/// Announces that what is sealed to the X25519 key `sealing_public` reaches `endpoint`.
///
/// `identity` is the key pair of `endpoint.peer`; with another one the announcement will not verify.
pub fn announce(identity: &Identity, endpoint: Endpoint, sealing_public: [u8; 32]) -> Announcement {
    let signature = identity.sign(&announced_bytes(&endpoint, &sealing_public));
    Announcement { endpoint, sealing_key: sealing_public.into(), signature: signature.into() }
}

/// Whether the announced key has its full length and is signed by the peer it is announced for.
pub fn verify(announcement: &Announcement) -> bool {
    let Some(signature) = announcement.signature.array() else { return false };
    let Some(sealing_public) = announcement.sealing_key.array() else { return false };
    let endpoint = &announcement.endpoint;
    endpoint.peer.verifies(&announced_bytes(endpoint, &sealing_public), &signature)
}

/// Proves to the server that made `challenge` that this socket speaks for `endpoint`.
pub fn prove_entry(identity: &Identity, endpoint: Endpoint, challenge: &[u8; CHALLENGE_LEN]) -> [u8; 64] {
    identity.sign(&entry_bytes(&endpoint, challenge))
}

/// Whether `proof` is that of `endpoint` against `challenge`.
pub fn verify_entry(endpoint: &Endpoint, challenge: &[u8; CHALLENGE_LEN], proof: &Base64<64>) -> bool {
    let Some(proof) = proof.array() else { return false };
    endpoint.peer.verifies(&entry_bytes(endpoint, challenge), &proof)
}

fn announced_bytes(endpoint: &Endpoint, sealing_public: &[u8; 32]) -> Vec<u8> {
    [ANNOUNCE_LABEL, &endpoint.to_bytes(), sealing_public].concat()
}

fn entry_bytes(endpoint: &Endpoint, challenge: &[u8; CHALLENGE_LEN]) -> Vec<u8> {
    [ENTER_LABEL, challenge, &endpoint.to_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;

    fn someone(secret: u8) -> (Identity, Endpoint) {
        let identity = Identity::from_secret([secret; 32]);
        let endpoint = Endpoint { peer: identity.peer(), instance: Instance(secret.into()) };
        (identity, endpoint)
    }

    #[test]
    fn announcements_hold_for_their_endpoint_and_key_only() {
        let (identity, endpoint) = someone(1);
        let (other_identity, other) = someone(2);
        let announcement = announce(&identity, endpoint, [5; 32]);
        assert!(verify(&announcement));
        assert!(!verify(&Announcement { endpoint: other, ..announcement.clone() }));
        assert!(!verify(&Announcement { sealing_key: [6; 32].into(), ..announcement.clone() }));
        let another_tab = Endpoint { instance: Instance(9), ..endpoint };
        assert!(!verify(&Announcement { endpoint: another_tab, ..announcement.clone() }));
        assert!(!verify(&announce(&other_identity, endpoint, [5; 32])));
        let short = Base64::new([5; 31]).expect("31 bytes are at most 32");
        assert!(!verify(&Announcement { sealing_key: short, ..announcement }));
    }

    #[test]
    fn entry_proofs_hold_only_for_challenge_and_endpoint() {
        let (identity, endpoint) = someone(1);
        let (_, other) = someone(2);
        let proof = prove_entry(&identity, endpoint, &[7; 32]).into();
        assert!(verify_entry(&endpoint, &[7; 32], &proof));
        assert!(!verify_entry(&endpoint, &[8; 32], &proof), "a proof cannot be used twice");
        assert!(!verify_entry(&other, &[7; 32], &proof));
        assert!(!verify_entry(&endpoint, &[7; 32], &Base64::new([]).expect("nothing is at most 64 bytes")));
    }
}
