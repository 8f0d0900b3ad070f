//! The valid records of a room, and their consequences.
//!
//! The [`Rulebook`] defines the meaning of a set of records. This adds a member's needs: whether an offered record may
//! be new, the digest by which neighbours compare their records, and the terms in force.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::terms::Terms;
use crate::clock::Stamp;
use crate::id::{PeerId, RoomId};
use crate::rulebook::{Rulebook, WithList};
use crate::seam::event::Refusal;
use crate::signed::change::{Change, NewSecret, Retraction};
use crate::signed::header::RecordName;
use crate::signed::list::{List, ListKind, ListName, ShortId};
use crate::signed::record::Record;

/// The beginning of the hashed bytes of digests of records.
const DIGEST_CONTEXT: &str = "meshwork room records digest v2";

/// Names a record: blake3 of its bytes.
pub type RecordHash = [u8; 32];

/// The result of an offered record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new and counts.
    Changed,
    /// It is there already.
    Known,
    /// It may count once its list is here.
    Lacks(ListKind, ListName),
    /// It does not count now: it names something unknown, it was lifted, there is no space for it, or it is ahead of
    /// room time. An honest neighbour may have it.
    Idle,
    /// No honest member would have it.
    Refused(Refusal, String),
}

/// The records of a room and their consequences.
#[derive(Clone, Debug)]
pub struct Records {
    room: RoomId,
    owner: Option<PeerId>,
    book: Rulebook,
    terms: Terms,
    digest: [u8; 32],
}

impl Records {
    /// The records of a room without any; a commons has no owner.
    pub fn new(room: RoomId, owner: Option<PeerId>) -> Records {
        let book = Rulebook::new(owner, []);
        let mut records = Records { room, owner, book, terms: Terms::default(), digest: [0; 32] };
        records.derive();
        records
    }

    /// The room's owner; a commons has none.
    pub fn owner(&self) -> Option<PeerId> {
        self.owner
    }

    /// The rules that follow from the records.
    pub fn book(&self) -> &Rulebook {
        &self.book
    }

    /// The terms in force.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The record that current batches name.
    pub fn in_force(&self) -> RecordName {
        self.book.in_force().map_or(RecordName::GENESIS, Record::name)
    }

    /// The new secret of the record in force; `None` while it is that of the genesis.
    pub fn new_secret(&self) -> Option<(&NewSecret, &List)> {
        self.book.secret(&self.in_force())
    }

    /// All valid records: the owner's in ascending order of number and hash, then the moderators'.
    pub fn all(&self) -> impl Iterator<Item = &WithList> {
        self.book.owned().chain(self.book.edicts())
    }

    /// The hashes of all records, for neighbours.
    pub fn hashes(&self) -> impl Iterator<Item = RecordHash> {
        self.all().map(|(record, _)| record.hash())
    }

    /// Digest of the set: equal if and only if the sets are.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// The list with this hash, of a valid record.
    pub fn list(&self, hash: &[u8; 32]) -> Option<&List> {
        self.all().filter_map(|(_, list)| list.as_deref()).find(|list| list.name().hash == *hash)
    }

    /// The retractions in force, each with its record.
    pub fn retractions(&self) -> impl Iterator<Item = (&Record, &Retraction)> {
        self.book.retractions()
    }

    /// Accepts a record, with its list if it is here. `latest` is the greatest stamp that is not too far ahead of room
    /// time.
    pub fn take(&mut self, record: Record, list: Option<Arc<List>>, latest: Stamp) -> Outcome {
        let hash = record.hash();
        if self.holds(&hash) {
            return Outcome::Known;
        }
        if let Some(detail) = self.overstep(&record) {
            return Outcome::Refused(Refusal::RecordSigner, detail);
        }
        let body = record.body();
        if body.stamp > latest || !body.before.iter().all(|name| self.knows(name)) {
            return Outcome::Idle;
        }
        let list = match body.list() {
            Some((kind, name)) if name.count == 0 => Some(Arc::new(List::empty(kind))),
            Some((kind, name)) if list.is_none() => return Outcome::Lacks(kind, name),
            _ => list,
        };
        let name = record.name();
        let book = Rulebook::new(self.owner, self.all().cloned().chain([(record, list)]));
        let counts = book.owned().chain(book.edicts()).any(|(record, _)| record.hash() == hash);
        if !counts {
            return Outcome::Idle;
        }
        self.book = book;
        self.derive();
        if planted!(TermsByArrival) && self.knows(&name) {
            self.terms = Terms::of(&self.book, &name);
        }
        Outcome::Changed
    }

    /// Accepts stored records with their lists.
    pub fn restore(&mut self, stored: &[WithList]) {
        self.book = Rulebook::new(self.owner, self.all().chain(stored).cloned().collect::<Vec<_>>());
        self.derive();
    }

    /// Whether a record is here and valid.
    pub fn holds(&self, hash: &RecordHash) -> bool {
        self.hashes().any(|known| known == *hash)
    }

    /// Whether `peer` is banned for current writers.
    pub fn is_banned(&self, peer: PeerId) -> bool {
        self.banned().any(|banned| banned == peer)
    }

    /// Whether `peer` may ban and retract now.
    pub fn moderates(&self, peer: PeerId) -> bool {
        self.book.moderates(&self.in_force(), &peer)
    }

    /// Whether `peer` may ban and retract now, or is on the list of writers.
    pub fn names(&self, peer: &PeerId) -> bool {
        let in_force = self.in_force();
        self.book.moderates(&in_force, peer) || self.book.listed(&[in_force]).any(|listed| listed == *peer)
    }

    /// The bans of a peer in force.
    pub fn bans_of(&self, peer: PeerId) -> Vec<ShortId> {
        self.book.bans_of(&self.in_force(), &peer)
    }

    /// The banned peers.
    pub fn banned(&self) -> impl Iterator<Item = PeerId> {
        self.book.banned(self.in_force())
    }

    /// Whether a record is known and valid.
    pub fn knows(&self, name: &RecordName) -> bool {
        self.book.rule(name, crate::signed::app::GENESIS_SLOT).is_some()
    }

    /// A part of the record for which its signer never has the right, with the reason.
    fn overstep(&self, record: &Record) -> Option<String> {
        let body = record.body();
        let signer = body.signer;
        if Some(signer) == self.owner {
            return None;
        }
        let is_edict = body.before.len() == 1 && body.changes.iter().all(Change::is_for_moderators);
        let [before] = &body.before[..] else {
            return Some(format!("{signer} joins what only the owner may"));
        };
        if !is_edict || body.cut.is_some_and(|cut| cut.slots != 0) {
            return Some(format!("{signer} signed rules, which only the owner may"));
        }
        let moderates = !self.knows(before) || self.book.moderates(before, &signer);
        (!moderates).then(|| format!("{signer} is neither owner nor moderator of {:?}", self.room))
    }

    fn derive(&mut self) {
        self.terms = Terms::of(&self.book, &self.in_force());
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        for hash in self.hashes() {
            hasher.update(&hash);
        }
        self.digest = *hasher.finalize().as_bytes();
    }
}
