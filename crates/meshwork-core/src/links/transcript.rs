//! What both ends of a link sign: everything that makes this connection this one.

use crate::id::{Endpoint, Identity, RoomId, Secret};
use crate::seam::description::{Fingerprint, Fingerprints, Role};

/// Begins every transcript, so that its hash can mean nothing else.
const LABEL: &str = "meshwork link transcript v1";
/// What each end signs, before its role and the transcript.
const PROOF_LABEL: &[u8] = b"meshwork link proof v1";

/// The facts of one connection attempt as both ends must see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Who offered.
    pub offerer: Endpoint,
    /// Who answered.
    pub answerer: Endpoint,
    /// The link's session.
    pub session: u64,
    /// The attempt's number in the session.
    pub epoch: u32,
    /// The offerer's randomness.
    pub offerer_nonce: [u8; 16],
    /// The answerer's randomness.
    pub answerer_nonce: [u8; 16],
    /// Lowest and highest version that the offerer speaks.
    pub offered_versions: (u16, u16),
    /// The version that the answerer chose.
    pub version: u16,
}

impl Facts {
    /// The session and epoch by which the ends speak of the attempt.
    pub(crate) fn session_and_epoch(&self) -> (u64, u32) {
        (self.session, self.epoch)
    }
}

/// The hash of the facts and of both certificates as they were seen on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transcript([u8; 32]);

impl Transcript {
    /// Hashes `facts` and the fingerprints, the offerer's first; `role` is the end that saw them.
    pub fn new(facts: &Facts, role: Role, fingerprints: &Fingerprints) -> Transcript {
        let Fingerprints { local, remote } = *fingerprints;
        let (Fingerprint(offerer), Fingerprint(answerer)) = match role {
            Role::Offerer => (local, remote),
            Role::Answerer => (remote, local),
        };
        let mut hasher = blake3::Hasher::new_derive_key(LABEL);
        hasher.update(&facts.offerer.to_bytes());
        hasher.update(&facts.answerer.to_bytes());
        hasher.update(&facts.session.to_be_bytes());
        hasher.update(&facts.epoch.to_be_bytes());
        hasher.update(&offerer);
        hasher.update(&answerer);
        hasher.update(&facts.offerer_nonce);
        hasher.update(&facts.answerer_nonce);
        for version in [facts.offered_versions.0, facts.offered_versions.1, facts.version] {
            hasher.update(&version.to_be_bytes());
        }
        Transcript(*hasher.finalize().as_bytes())
    }

    /// The signature with which the end that has `role` proves itself.
    pub fn prove(&self, identity: &Identity, role: Role) -> [u8; 64] {
        identity.sign(&self.signed(role))
    }

    /// Whether `signature` proves that `endpoint` is the end that has `role`.
    pub fn verifies(&self, endpoint: &Endpoint, role: Role, signature: &[u8; 64]) -> bool {
        endpoint.peer.verifies(&self.signed(role), signature)
    }

    /// What the end that has `role` shows to prove that it knows the secret of `room`, on this link alone.
    pub fn room_proof(&self, room: &RoomId, secret: &Secret, role: Role) -> [u8; 32] {
        let key = blake3::derive_key("meshwork room proof v1", &secret.0);
        let message = [self.0.as_slice(), &room.0, &[role_byte(role)]].concat();
        *blake3::keyed_hash(&key, &message).as_bytes()
    }

    fn signed(&self, role: Role) -> [u8; PROOF_LABEL.len() + 33] {
        let mut signed = [0; PROOF_LABEL.len() + 33];
        signed[..PROOF_LABEL.len()].copy_from_slice(PROOF_LABEL);
        signed[PROOF_LABEL.len()] = role_byte(role);
        signed[PROOF_LABEL.len() + 1..].copy_from_slice(&self.0);
        signed
    }
}

fn role_byte(role: Role) -> u8 {
    match role {
        Role::Offerer => 0,
        Role::Answerer => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;

    fn facts() -> Facts {
        let endpoint =
            |seed| Endpoint { peer: Identity::from_secret([seed; 32]).peer(), instance: Instance(1) };
        Facts {
            offerer: endpoint(1),
            answerer: endpoint(2),
            session: 3,
            epoch: 1,
            offerer_nonce: [4; 16],
            answerer_nonce: [5; 16],
            offered_versions: (1, 1),
            version: 1,
        }
    }

    const SEEN: Fingerprints = Fingerprints { local: Fingerprint([6; 32]), remote: Fingerprint([7; 32]) };

    #[test]
    fn both_ends_see_one_transcript() {
        let seen_there = Fingerprints { local: SEEN.remote, remote: SEEN.local };
        let here = Transcript::new(&facts(), Role::Offerer, &SEEN);
        assert_eq!(here, Transcript::new(&facts(), Role::Answerer, &seen_there));
        let proof = here.prove(&Identity::from_secret([1; 32]), Role::Offerer);
        assert!(here.verifies(&facts().offerer, Role::Offerer, &proof));
        assert!(!here.verifies(&facts().offerer, Role::Answerer, &proof), "a proof cannot be mirrored");
        assert!(!here.verifies(&facts().answerer, Role::Offerer, &proof));
    }

    #[test]
    fn every_fact_changes_the_transcript() {
        let base = Transcript::new(&facts(), Role::Offerer, &SEEN);
        let changes: [fn(&mut Facts); 8] = [
            |facts| core::mem::swap(&mut facts.offerer, &mut facts.answerer),
            |facts| facts.answerer.instance.0 += 1,
            |facts| facts.session += 1,
            |facts| facts.epoch += 1,
            |facts| facts.offerer_nonce[0] += 1,
            |facts| facts.answerer_nonce[0] += 1,
            |facts| facts.offered_versions.0 = 0,
            |facts| facts.version += 1,
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = facts();
            change(&mut changed);
            assert_ne!(Transcript::new(&changed, Role::Offerer, &SEEN), base, "fact {index}");
        }
        let other = Fingerprints { local: SEEN.local, remote: Fingerprint([8; 32]) };
        assert_ne!(Transcript::new(&facts(), Role::Offerer, &other), base, "a swapped certificate");
    }

    #[test]
    fn room_proofs_differ_by_secret_room_and_role() {
        let transcript = Transcript::new(&facts(), Role::Offerer, &SEEN);
        let proof =
            |room, secret, role| transcript.room_proof(&RoomId([room; 32]), &Secret([secret; 16]), role);
        let base = proof(1, 1, Role::Offerer);
        assert_ne!(proof(2, 1, Role::Offerer), base);
        assert_ne!(proof(1, 2, Role::Offerer), base);
        assert_ne!(proof(1, 1, Role::Answerer), base);
    }
}
