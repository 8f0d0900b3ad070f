//! What a set of records means: which rules hold, whose batches count, what does not show.
//!
//! Everything here is a function of the set, so that members who hold the same records decide alike. Where the
//! owner signed two records with one place in the chain, the one with the greater hash stands and what follows
//! the other does not: any choice would do that everybody makes alike. A moderator's bans and erases hold while
//! the owner's last record names that moderator. Beyond the stated limits those with the least (stamp, hash) stay.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::batches::batch::{Batch, Header};
use crate::clock::Stamp;
use crate::id::{Endpoint, Instance, PeerId, RoomId};
use crate::room::rules::proof::Proof;
use crate::room::rules::record::{
    Ban, CHAIN_MAX, EDICTS_MAX, Erase, Limit, Record, RecordHash, Statement, Terms, TermsRecord,
};
use crate::seam::event::Refusal;

/// Proofs of contradictions that are kept. Keys cost nothing, so this must be bounded; where strangers fill it, a
/// list of writers helps, since only those who may write are worth a proof.
pub const PROOFS_MAX: usize = 64;

/// Hashes of everything that a room's members hold in common: below 22 KiB.
pub const RECORD_HASHES_MAX: usize = CHAIN_MAX + EDICTS_MAX + PROOFS_MAX;

/// What digests of a set of records begin with.
const DIGEST_CONTEXT: &str = "meshwork room records digest v1";

/// Whether a batch competes, as far as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Stands,
    /// It names a record that is not in the chain, or not known yet.
    Unknown,
    /// It never will.
    Void(Void),
}

/// Why a batch never competes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// It was written under earlier rules, beyond what later ones let stand.
    Outdated,
    /// Its author was banned.
    Banned,
    /// Its endpoint contradicted itself.
    Contradicted,
}

/// What became of a record that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new and counts. `forked` when it took the place of another of the same number.
    Changed {
        /// Whether the owner contradicted itself.
        forked: bool,
    },
    /// It is there already.
    Known,
    /// It does not count now: what it builds on is not known here, its signer has no say any more, it was lifted,
    /// or it is ahead of room time. An honest neighbour may hold it.
    Idle {
        /// Whether it shows that the owner contradicted itself.
        forked: bool,
    },
    /// Nobody who checks it would hold it.
    Refused(Refusal, String),
}

/// The records of a room and what follows from them.
#[derive(Clone, Debug)]
pub struct Records {
    room: RoomId,
    owner: PeerId,
    /// Records of rules; the one with number n stands at n - 1.
    chain: Vec<Record>,
    /// Bans and erases that hold.
    edicts: BTreeMap<(Stamp, RecordHash), Record>,
    proofs: BTreeMap<Endpoint, Proof>,
    /// For each banned peer the heads of its programs; of others nothing counts.
    bans: BTreeMap<PeerId, BTreeMap<Instance, u64>>,
    no_rules: Terms,
}

impl Records {
    /// Those of a room that has none yet.
    pub fn new(room: RoomId, owner: PeerId) -> Records {
        Records {
            room,
            owner,
            chain: Vec::new(),
            edicts: BTreeMap::new(),
            proofs: BTreeMap::new(),
            bans: BTreeMap::new(),
            no_rules: Terms::default(),
        }
    }

    /// The room's owner.
    pub fn owner(&self) -> PeerId {
        self.owner
    }

    /// The rules that hold now.
    pub fn rules(&self) -> &Terms {
        self.rules_of(self.chain.len())
    }

    /// The record that batches are written under now; `None` for the genesis.
    pub fn current(&self) -> Option<RecordHash> {
        self.chain.last().map(Record::hash)
    }

    /// What the next record names as the one before.
    pub fn last(&self) -> RecordHash {
        self.current().unwrap_or(self.room.0)
    }

    /// The records of rules, oldest first.
    pub fn chain(&self) -> &[Record] {
        &self.chain
    }

    /// Bans and erases that hold.
    pub fn edicts(&self) -> impl Iterator<Item = &Record> {
        self.edicts.values()
    }

    /// Erases that hold, each with the stamp up to which it erases.
    pub fn erases(&self) -> impl Iterator<Item = (Stamp, Erase)> {
        self.edicts.values().filter_map(|record| match record.statement() {
            Statement::Erase(erase) => Some((record.stamp(), *erase)),
            _ => None,
        })
    }

    /// Proofs of contradictions, by endpoint.
    pub fn proofs(&self) -> impl Iterator<Item = (Endpoint, &Proof)> {
        self.proofs.iter().map(|(&endpoint, proof)| (endpoint, proof))
    }

    /// Everything that neighbours must hold too: rules first, in the order of the chain.
    pub fn hashes(&self) -> impl Iterator<Item = RecordHash> {
        let records = self.chain.iter().chain(self.edicts.values()).map(Record::hash);
        records.chain(self.proofs.values().map(Proof::hash))
    }

    /// Digest of the set: equal if and only if the sets are.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        for hash in self.hashes() {
            hasher.update(&hash);
        }
        *hasher.finalize().as_bytes()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty() && self.edicts.is_empty() && self.proofs.is_empty()
    }

    /// Takes in a record. `latest` is the greatest stamp that is not too far ahead of room time.
    pub fn take(&mut self, record: Record, latest: Stamp) -> Outcome {
        let number = match record.statement() {
            Statement::Terms(rules) => rules.number as usize,
            _ => return self.take_edict(record, latest),
        };
        if record.signer() != self.owner {
            let detail = format!("{} signed rules, but {} owns the room", record.signer(), self.owner);
            return Outcome::Refused(Refusal::RecordSigner, detail);
        }
        let before = match number {
            1 => self.room.0,
            _ => match self.chain.get(number - 2) {
                Some(before) => before.hash(),
                None => return Outcome::Idle { forked: false },
            },
        };
        if record.before() != before {
            return Outcome::Idle { forked: false };
        }
        let earlier = number.checked_sub(2).and_then(|place| self.chain.get(place)).map(Record::stamp);
        if earlier.is_some_and(|earlier| earlier >= record.stamp()) {
            let detail = format!("record {number} is not later than the one before");
            return Outcome::Refused(Refusal::Record, detail);
        }
        if record.stamp() > latest {
            return Outcome::Idle { forked: false };
        }
        let rival = self.chain.get(number - 1).map(Record::hash);
        match rival {
            Some(hash) if hash == record.hash() => return Outcome::Known,
            Some(hash) if hash > record.hash() => return Outcome::Idle { forked: true },
            _ => {}
        }
        self.chain.truncate(number - 1);
        self.chain.push(record);
        let edicts = core::mem::take(&mut self.edicts);
        self.edicts = edicts.into_iter().filter(|(_, record)| self.authorises(record)).collect();
        self.derive();
        Outcome::Changed { forked: rival.is_some() }
    }

    fn take_edict(&mut self, record: Record, latest: Stamp) -> Outcome {
        let key = (record.stamp(), record.hash());
        if self.edicts.contains_key(&key) {
            return Outcome::Known;
        }
        let Some(number) = self.number(record.before()) else { return Outcome::Idle { forked: false } };
        if let Some(detail) = self.overstep(&record, number) {
            return Outcome::Refused(Refusal::RecordSigner, detail);
        }
        if record.stamp() > latest || !self.authorises(&record) {
            return Outcome::Idle { forked: false };
        }
        self.edicts.insert(key, record);
        if self.edicts.len() > EDICTS_MAX && self.edicts.pop_last().is_some_and(|(last, _)| last == key) {
            return Outcome::Idle { forked: false };
        }
        self.derive();
        Outcome::Changed { forked: false }
    }

    /// Takes in a proof, which was checked. Returns whether it is new and counts.
    pub fn take_proof(&mut self, proof: Proof) -> bool {
        let endpoint = proof.endpoint();
        // Everybody keeps the proof that reaches furthest back, so that all come to the same set.
        let known = self.proofs.get(&endpoint);
        if known.is_some_and(|known| (known.head(), known.hash()) <= (proof.head(), proof.hash())) {
            return false;
        }
        self.proofs.insert(endpoint, proof);
        let dropped = if self.proofs.len() > PROOFS_MAX { self.proofs.pop_last() } else { None };
        dropped.is_none_or(|(last, _)| last != endpoint)
    }

    /// Whether a batch with this header competes.
    pub fn standing(&self, header: &Header) -> Standing {
        let number = match header.record {
            None => 0,
            Some(hash) => match self.number(hash) {
                Some(number) => number,
                None => return Standing::Unknown,
            },
        };
        let Endpoint { peer, instance } = header.author;
        if self.proofs.get(&header.author).is_some_and(|proof| header.sequence > proof.head()) {
            return Standing::Void(Void::Contradicted);
        }
        let banned = self.bans.get(&peer);
        if banned.is_some_and(|heads| header.sequence > heads.get(&instance).copied().unwrap_or(0)) {
            return Standing::Void(Void::Banned);
        }
        for cut in self.chain[number..].iter().filter_map(cut_of) {
            let place = cut.binary_search_by_key(&header.author, |(endpoint, _)| *endpoint);
            let head = place.ok().map_or(0, |place| cut[place].1);
            if header.sequence > head {
                return Standing::Void(Void::Outdated);
            }
        }
        Standing::Stands
    }

    /// Whether a batch with this header stands.
    pub fn lets_stand(&self, header: &Header) -> bool {
        self.standing(header) == Standing::Stands
    }

    /// How a batch of this cost breaks the rules of its record, if it does: provable by its bytes.
    pub fn breach(&self, batch: &Batch, cost: usize) -> Option<String> {
        if planted!(RateRule) {
            return None;
        }
        let header = batch.header();
        let number = header.record.map_or(Some(0), |hash| self.number(hash))?;
        let (rules, author) = (self.rules_of(number), header.author);
        if !may_write(rules, self.owner, author.peer) {
            return Some(format!("{author} is not among those who may write"));
        }
        let Some(limit) = rules.limit else {
            return batch.used().map(|_| String::from("it counts its cost where there is no limit"));
        };
        let Some(used) = batch.used() else {
            return Some(String::from("it does not count its cost where there is a limit"));
        };
        let most = u64::from(limit.cost);
        if u64::from(used) + cost as u64 > most {
            return Some(format!("its cost is {used} to {} of a window of {most}", used as usize + cost));
        }
        if header.window.least != header.window.most {
            return Some(String::from("it has more than one stamp where there is a limit"));
        }
        let since = self.chain[number - 1].stamp();
        let early = header.window.least < since;
        early.then(|| format!("its stamp {:?} is before that of its record, {since:?}", header.window.least))
    }

    /// The limit under which batches with this record were written.
    pub fn limit_of(&self, record: Option<RecordHash>) -> Option<Limit> {
        self.rules_of(self.number(record?)?).limit
    }

    /// Whether `peer` may write under the present rules, bans apart.
    pub fn may_write(&self, peer: PeerId) -> bool {
        may_write(self.rules(), self.owner, peer)
    }

    /// Whether `peer` is banned.
    pub fn is_banned(&self, peer: PeerId) -> bool {
        self.bans.contains_key(&peer)
    }

    /// Whether `endpoint` is proved to have contradicted itself.
    pub fn is_contradicted(&self, endpoint: Endpoint) -> bool {
        self.proofs.contains_key(&endpoint)
    }

    /// Whether `peer` may ban and erase now.
    pub fn moderates(&self, peer: PeerId) -> bool {
        peer == self.owner || self.rules().moderators.binary_search(&peer).is_ok()
    }

    /// The bans of a peer that hold.
    pub fn bans_of(&self, peer: PeerId) -> Vec<RecordHash> {
        let of_peer =
            |record: &&Record| matches!(record.statement(), Statement::Ban(ban) if ban.peer == peer);
        self.edicts().filter(of_peer).map(Record::hash).collect()
    }

    /// Who is banned.
    pub fn banned(&self) -> impl Iterator<Item = PeerId> {
        self.bans.keys().copied()
    }

    /// Place of a record of rules in the chain; 0 for the genesis.
    fn number(&self, hash: RecordHash) -> Option<usize> {
        if hash == self.room.0 {
            return Some(0);
        }
        self.chain.iter().rposition(|record| record.hash() == hash).map(|place| place + 1)
    }

    fn rules_of(&self, number: usize) -> &Terms {
        let record = number.checked_sub(1).and_then(|place| self.chain.get(place));
        record.and_then(rules_in).map_or(&self.no_rules, |record| &record.rules)
    }

    /// What its signer has no say in, under the record of rules with this number.
    fn overstep(&self, record: &Record, number: usize) -> Option<String> {
        let signer = record.signer();
        if signer == self.owner {
            return self.bans_somebody_above(record, number).then(|| String::from("the owner is banned"));
        }
        if self.rules_of(number).moderators.binary_search(&signer).is_err() {
            return Some(format!("{signer} is neither owner nor moderator"));
        }
        let above = self.bans_somebody_above(record, number);
        above.then(|| format!("{signer} bans the owner or another moderator"))
    }

    fn bans_somebody_above(&self, record: &Record, number: usize) -> bool {
        let Statement::Ban(Ban { peer, .. }) = record.statement() else { return false };
        let moderates = self.rules_of(number).moderators.binary_search(peer).is_ok();
        *peer == self.owner || moderates && record.signer() != self.owner
    }

    /// Whether a ban or erase holds under the present rules.
    fn authorises(&self, record: &Record) -> bool {
        let lifted = self.chain.last().and_then(rules_in).map(|rules| &rules.lifted);
        let is_lifted = lifted.is_some_and(|lifted| lifted.binary_search(&record.hash()).is_ok());
        !is_lifted && self.overstep(record, self.chain.len()).is_none()
    }

    /// Works out the least heads of all bans.
    fn derive(&mut self) {
        let mut bans: BTreeMap<PeerId, BTreeMap<Instance, u64>> = BTreeMap::new();
        for record in self.edicts.values() {
            let Statement::Ban(ban) = record.statement() else { continue };
            let heads: BTreeMap<Instance, u64> = ban.heads.iter().copied().collect();
            match bans.get_mut(&ban.peer) {
                None => drop(bans.insert(ban.peer, heads)),
                Some(least) => {
                    least.retain(|instance, _| heads.contains_key(instance));
                    least.iter_mut().for_each(|(instance, head)| *head = (*head).min(heads[instance]));
                }
            }
        }
        self.bans = bans;
        debug_assert!(self.chain.len() <= CHAIN_MAX, "numbers are checked when records are read");
    }
}

fn rules_in(record: &Record) -> Option<&TermsRecord> {
    match record.statement() {
        Statement::Terms(rules) => Some(rules),
        _ => None,
    }
}

fn cut_of(record: &Record) -> Option<&[(Endpoint, u64)]> {
    rules_in(record)?.cut.as_deref()
}

fn may_write(rules: &Terms, owner: PeerId, peer: PeerId) -> bool {
    let named = |writers: &[PeerId]| writers.binary_search(&peer).is_ok();
    peer == owner || rules.writers.as_ref().is_none_or(|writers| named(writers))
}
