//! Ghosts: members at a server alone. They offer links from where nobody is, each under a key of its own, and never connect.

use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::seam::description::{
    Candidate, CandidateAddress, CandidateKind, Description, Fingerprint, Role,
};
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::Announcement;
use meshwork_core::signalling::sealing::{self, SignalBody, SignalContent};
use meshwork_core::wire::{Bounded, BoundedText, VersionRange};

/// Versions of the link protocol that any node speaks.
const VERSIONS: VersionRange = VersionRange { least: 1, most: 3 };

/// Where new ghosts come from.
#[derive(Debug)]
pub struct Ghosts {
    room: RoomId,
    rng: Rng,
}

impl Ghosts {
    /// Ghosts of a room, whose keys come from `seed`.
    pub fn new(room: RoomId, seed: u64) -> Ghosts {
        let mut bytes = [0x67; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Ghosts { room, rng: Rng::new(bytes) }
    }

    /// The room that they are in.
    pub fn room(&self) -> RoomId {
        self.room
    }

    /// A new ghost, and what it seals for a member with this sealing key: an offer, or a question for one where the
    /// member's endpoint is the greater.
    pub fn speak(&mut self, to: Endpoint, key: &[u8; 32]) -> (Announcement, Vec<u8>) {
        let identity = Identity::from_secret(self.rng.bytes());
        let from = Endpoint { peer: identity.peer(), instance: Instance(self.rng.next_u64()) };
        let announcement = announce::announce(&identity, from, self.rng.bytes());
        let content = if from > to { self.offer() } else { SignalContent::Ask };
        let (session, epoch) = if from > to { (self.rng.next_u64(), 1) } else { (0, 0) };
        let body = SignalBody { from, to, room: self.room, session, epoch, content };
        let payload = sealing::seal(&body, &identity, key, None, &mut self.rng);
        (announcement, payload.expect("the key is an honest one"))
    }

    fn offer(&mut self) -> SignalContent {
        // TEST-NET-3, where nobody is.
        let candidate = Candidate {
            kind: CandidateKind::Host,
            priority: 1,
            address: CandidateAddress::Ip([203, 0, 113, 5].into()),
            port: 9,
        };
        let description = Description {
            role: Role::Offerer,
            user_fragment: BoundedText::new("nowhere").expect("short"),
            password: BoundedText::new("0123456789012345678901").expect("short"),
            fingerprint: Fingerprint(self.rng.bytes()),
            candidates: Bounded::new(vec![candidate]).expect("one"),
        };
        SignalContent::Offer { versions: VERSIONS, nonce: self.rng.bytes(), description }
    }
}
