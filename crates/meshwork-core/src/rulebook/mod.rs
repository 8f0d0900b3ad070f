//! The rules that follow from the records of a room, and the validity of batches.
//!
//! # Problem
//! An owner writes records from several devices that do not always reach each other, so records fork. Members receive
//! records and batches in any order, and equal sets must give equal rooms; a revoked right must not work any more, and
//! nobody else may lose anything.
//!
//! # How it works
//! [`Rulebook::new`] is a function of a set of records with their lists. Records of the owner form a graph: each names
//! those before it. A batch is [judged](Rulebook::judge) for ever by the record that it names:
//! - *Rights* follow from the record and those that it builds on. A right that one branch revoked stays revoked in a
//!   record that joins it, until a record that knows of the revocation grants it again.
//! - *Cuts*: a record that revokes a peer's right lists the staying batches. A batch of the peer that names an earlier
//!   record is valid only if it is on the list. A batch that names the revoking record or a later one is not concerned.
//!   A ban also concerns batches that name another branch. Lifting a moderator's ban undoes it; lifting an owner's ban
//!   grants the right again to batches that name the lifting record or a later one.
//!
//! *Moderators' records* ban and retract. Each names one of the owner's, by which its signer moderates; nothing builds
//! on it. When its signer is dismissed or banned it is treated as its batches are: it counts if it is on the list, or
//! names that record or a later one.
//!
//! # Invariants
//! - The order of arrival of records and batches makes no difference.
//! - The record in force never decides whether a batch counts.
//!
//! # Limits
//! [`OWNED_MAX`] records of the owner and [`EDICTS_MAX`] of moderators, whose lists have [`LISTED_MAX`] items each: the
//! first by number and hash.

mod build;
mod places;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZero;

use self::places::{Place, Places};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::admission::EditKey;
use crate::signed::app::{AppWord, CONVERSATION_SLOT, GIVEN_SLOTS, SLOTS_MAX};
use crate::signed::change::{AppOn, Change, Lifted, Limit, NewSecret, Quota, Retraction, WhoWrites};
use crate::signed::header::{Family, Header, RecordName, ReplicaNumber};
use crate::signed::list::{List, ShortId};
use crate::signed::record::Record;

/// Most valid records of the owner: half of all.
pub const OWNED_MAX: usize = 512;
/// Most valid records of moderators: the other half, so that no moderator can keep the owner from writing one.
pub const EDICTS_MAX: usize = 512;
/// Most items of all lists of the owner's records, and as many of the moderators': 16 MiB, so that nobody makes members
/// fetch a full list for each record.
pub const LISTED_MAX: u32 = 1 << 20;

/// A record, and the list that it names.
pub type WithList = (Record, Option<Arc<List>>);

/// The part of a batch that the rules need.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Its header.
    pub header: &'a Header,
    /// The beginning of its id.
    pub id: ShortId,
    /// The edit keys of its author's admissions, which came with its batches.
    pub admitted: &'a [EditKey],
}

/// The verdict of the rules about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It competes.
    Stands,
    /// It names a record that does not count here, or not yet: it waits.
    Unknown,
    /// A cut erased it. Its carrier may not know the record yet.
    Cut,
    /// Only bans by moderators erased it: it competes again if those fall.
    Suspended,
    /// By the record that it names its slot has an app, but another app has the slot. Its carrier may not know the
    /// record that gave the slot to that app yet.
    Displaced,
    /// Its author had no right to it by the record that it names. Its carrier could have known.
    Refused(Refusal),
}

impl Verdict {
    /// Whether a record erased it, for good or not.
    pub fn is_cut(self) -> bool {
        matches!(self, Verdict::Cut | Verdict::Suspended)
    }
}

/// The missing right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The record has no app in that slot.
    App,
    /// The author is banned.
    Banned,
    /// The author may not write there.
    Writer,
    /// It declares too little or too much use, exceeds the limit, or was not written at one time.
    Limit,
}

/// The rules that follow from a set of records.
#[derive(Clone, Debug)]
pub struct Rulebook {
    owner: Option<PeerId>,
    /// The genesis, then the owner's records in ascending order of number and hash.
    nodes: Vec<Node>,
    names: BTreeMap<RecordName, Place>,
    peers: BTreeMap<PeerId, Journal>,
    /// The record that gave each slot to its app: the first one.
    apps: [Option<Place>; SLOTS_MAX as usize],
    /// All records that gave it to that app: two concurrent devices may both have.
    turned_on: [Places; SLOTS_MAX as usize],
    /// All records that gave it to another one.
    displaced: [Places; SLOTS_MAX as usize],
    /// The valid records of moderators.
    edicts: Vec<WithList>,
    /// The records that lift each ban.
    lifts: BTreeMap<Lifted, Places>,
}

/// The genesis, or one of the owner's records.
#[derive(Clone, Debug, Default)]
struct Node {
    record: Option<WithList>,
    /// All records that it builds on.
    ancestors: Places,
    /// The rule of each slot, with its record.
    rules: [SlotRule; SLOTS_MAX as usize],
    edit_key: (Place, Option<EditKey>),
    /// Later records that build on this one and cut slots, which bits name.
    cuts: Vec<(u16, Place)>,
    named_by: u32,
}

/// The writers of a slot and their limit, with its records: several if branches met, none for the default.
#[derive(Clone, Debug, Default)]
struct SlotRule {
    limit: Option<Limit>,
    writers: WhoWrites,
    said_by: Vec<Place>,
}

/// The records about one peer.
#[derive(Clone, Debug, Default)]
struct Journal {
    bans: Vec<Ban>,
    moderates: Vec<Step>,
    listed: Vec<Step>,
}

/// A grant or revocation.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: Place,
    gives: bool,
}

#[derive(Clone, Debug)]
struct Ban {
    /// The banning record.
    record: ShortId,
    /// The owner's record that bans, or that a moderator's record names.
    at: Place,
    by_owner: bool,
    stays: Arc<List>,
    /// The records that lift it.
    lifts: Places,
}

impl Rulebook {
    /// Whether a batch is valid. Takes a few hundred nanoseconds unless its author was banned, or slots were cut,
    /// dozens of times.
    pub fn judge(&self, claim: &Claim<'_>) -> Verdict {
        let Header { author, replica, record, .. } = claim.header;
        let Some(&place) = self.names.get(record) else { return Verdict::Unknown };
        let slot = usize::from(replica.slot());
        if slot > usize::from(CONVERSATION_SLOT) && !self.knows_any(place, &self.turned_on[slot]) {
            let is_displaced = self.knows_any(place, &self.displaced[slot]);
            return if is_displaced { Verdict::Displaced } else { Verdict::Refused(Refusal::App) };
        }
        let rule = &self.nodes[usize::from(place)].rules[slot];
        let verdict = if Some(author.peer) == self.owner {
            Verdict::Stands
        } else {
            self.judge_right(place, slot, rule, author.peer, claim)
        };
        // A limit counts stored batches.
        let limit = rule.limit.filter(|_| replica.family().is_kept());
        if verdict == Verdict::Stands && !self.is_within(place, limit, claim.header) {
            return Verdict::Refused(Refusal::Limit);
        }
        verdict
    }

    /// Whether `peer` may ban and retract by this record.
    pub fn moderates(&self, record: &RecordName, peer: &PeerId) -> bool {
        let Some(&place) = self.names.get(record) else { return false };
        Some(*peer) == self.owner || self.has(place, self.peers.get(peer).map(|journal| &*journal.moderates))
    }

    /// The record for new writes: of the owner's records the one with the greatest number, then the lowest hash. `None`
    /// for the genesis.
    pub fn in_force(&self) -> Option<&Record> {
        self.owned().map(|(record, _)| record).max_by_key(|record| record.rank())
    }

    /// The owner's valid records, in ascending order of number and hash.
    pub fn owned(&self) -> impl Iterator<Item = &WithList> {
        self.nodes.iter().filter_map(|node| node.record.as_ref())
    }

    /// The predecessors of the owner's next record.
    pub fn heads(&self) -> Vec<RecordName> {
        let heads = self.nodes.iter().filter(|node| node.named_by == 0);
        heads.map(Node::name).collect()
    }

    /// The rule of a slot in this record: the limit and the writers.
    pub fn rule(&self, record: &RecordName, slot: u8) -> Option<(Option<Limit>, WhoWrites)> {
        let rule = self.node(record)?.rules.get(usize::from(slot))?;
        Some((rule.limit, rule.writers))
    }

    /// The rule of a slot in a record with these predecessors and no changes.
    pub fn joined_rule(&self, before: &[RecordName], slot: u8) -> (Option<Limit>, WhoWrites) {
        let rule = self.merged_rule(&self.places(before), usize::from(slot));
        (rule.limit, rule.writers)
    }

    /// The edit key whose admissions count under this record.
    pub fn edit_key(&self, record: &RecordName) -> Option<EditKey> {
        self.node(record)?.edit_key.1
    }

    /// The app in a slot from 2 on, if any valid record gave it one.
    pub fn app(&self, slot: u8) -> Option<&AppOn> {
        let place = (*self.apps.get(usize::from(slot))?)?;
        self.nodes[usize::from(place)].app(slot)
    }

    /// The greatest quota of a table in any record; `None` if there is none.
    pub fn quota(&self, replica: ReplicaNumber) -> Option<Quota> {
        let quotas = self.nodes.iter().flat_map(Node::changes).filter_map(|change| match change {
            Change::Quota(quota) if quota.replica == replica => Some(*quota),
            _ => None,
        });
        quotas.reduce(|one, other| Quota {
            replica,
            values: one.values.max(other.values),
            removals: one.removals.max(other.removals),
            bytes: one.bytes.max(other.bytes),
        })
    }

    /// Whole days of room time for which a table by time keeps its rows, by the record in force; `None` for ever.
    pub fn age(&self, replica: ReplicaNumber) -> Option<NonZero<u16>> {
        let in_force = self.in_force().map_or(RecordName::GENESIS, Record::name);
        let said = |change: &Change| match change {
            Change::Age(age) if age.replica == replica => Some(age.days),
            _ => None,
        };
        self.last_said(&in_force, said).flatten()
    }

    /// The retractions of all branches.
    pub fn retractions(&self) -> impl Iterator<Item = (&Record, &Retraction)> {
        let records = self.owned().chain(&self.edicts).map(|(record, _)| record);
        let is_lifted =
            |record: &&Record| self.lifts.contains_key(&Lifted { record: record.id(), peer: None });
        records.filter(move |record| !is_lifted(record)).flat_map(|record| {
            record.body().changes.iter().filter_map(move |change| match change {
                Change::Retract(retraction) => Some((record, retraction)),
                _ => None,
            })
        })
    }

    /// The secret in force by this record, and the peers that keep access; `None` while it is that of the genesis. Of
    /// earlier records the secret of the greatest rank counts.
    pub fn secret(&self, record: &RecordName) -> Option<(&NewSecret, &List)> {
        let &place = self.names.get(record)?;
        let line = self.nodes.iter().enumerate().filter(|(other, _)| self.knows(place, *other as Place));
        let changed = line.filter_map(|(_, node)| {
            let (record, list) = node.record.as_ref()?;
            Some((record.rank(), record.body().secret()?, list.as_deref()?))
        });
        changed.max_by_key(|(rank, ..)| *rank).map(|(_, secret, list)| (secret, list))
    }

    /// The valid records of moderators, in the same order.
    pub fn edicts(&self) -> impl Iterator<Item = &WithList> {
        self.edicts.iter()
    }

    /// The moderators in a record with these predecessors and no changes, without the owner, in ascending order.
    pub fn moderators(&self, before: &[RecordName]) -> impl Iterator<Item = PeerId> {
        self.entitled(before, |journal| &journal.moderates)
    }

    /// The list of writers in such a record, in ascending order.
    pub fn listed(&self, before: &[RecordName]) -> impl Iterator<Item = PeerId> {
        self.entitled(before, |journal| &journal.listed)
    }

    /// The peers that are banned for batches under this record, in ascending order.
    pub fn banned(&self, record: RecordName) -> impl Iterator<Item = PeerId> {
        let place = self.names.get(&record).copied().unwrap_or_default();
        let is_banned = move |journal: &Journal| {
            let moderates = self.has(place, Some(&journal.moderates));
            journal.bans.iter().any(|ban| !self.is_lifted(ban, place) && (ban.by_owner || !moderates))
        };
        self.peers.iter().filter(move |(_, journal)| is_banned(journal)).map(|(peer, _)| *peer)
    }

    /// The bans of a peer that this record does not know to be lifted, by their records.
    pub fn bans_of(&self, record: &RecordName, peer: &PeerId) -> Vec<ShortId> {
        let place = self.names.get(record).copied().unwrap_or_default();
        let bans = self.peers.get(peer).map_or(&[][..], |journal| &journal.bans);
        bans.iter().filter(|ban| !self.is_lifted(ban, place)).map(|ban| ban.record).collect()
    }

    /// The value from the last record of a line that has one: this record, or one that it builds on.
    pub fn last_said<'a, T: 'a>(
        &'a self,
        record: &RecordName,
        what: impl Fn(&'a Change) -> Option<T>,
    ) -> Option<T> {
        let place = *self.names.get(record)?;
        let line = self.nodes.iter().enumerate().filter(|(other, _)| self.knows(place, *other as Place));
        let said = line.filter_map(|(_, node)| Some((node.rank()?, node.changes().find_map(&what)?)));
        said.max_by_key(|(rank, _)| *rank).map(|(_, said)| said)
    }

    /// Revocations that a merge record must repeat, because only some branches contain them: cut slots, dismissed
    /// moderators and removed writers.
    pub fn repeat(&self) -> Repeat {
        let mut common: Vec<Place> = (0..self.nodes.len() as Place).collect();
        let heads =
            (0..self.nodes.len() as Place).filter(|place| self.nodes[usize::from(*place)].named_by == 0);
        heads.for_each(|head| common.retain(|place| self.knows(head, *place)));
        let mut repeat = Repeat::default();
        let forked = self.nodes.iter().enumerate().filter(|(place, _)| !common.contains(&(*place as Place)));
        for (_, node) in forked {
            repeat.slots |= node.cut_slots();
            for change in node.changes() {
                match change {
                    Change::Dismiss(peers) => repeat.dismiss.extend(peers.iter().copied()),
                    Change::Unlist(peers) => repeat.unlist.extend(peers.iter().copied()),
                    _ => {}
                }
            }
        }
        for peers in [&mut repeat.dismiss, &mut repeat.unlist] {
            peers.sort();
            peers.dedup();
        }
        repeat
    }

    /// Enabled apps whose slot another one has, each in a free slot as far as there are any.
    pub fn displaced_apps(&self) -> Vec<AppOn> {
        let mut free = GIVEN_SLOTS.filter(|slot| self.app(*slot).is_none());
        let mut given: Vec<&AppWord> =
            GIVEN_SLOTS.filter_map(|slot| self.app(slot)).map(|on| &on.app).collect();
        let mut displaced = Vec::new();
        for change in self.nodes.iter().flat_map(Node::changes) {
            if let Change::App(on) = change
                && !given.contains(&&on.app)
                && let Some(slot) = free.next()
            {
                given.push(&on.app);
                displaced.push(AppOn { slot, ..on.clone() });
            }
        }
        displaced
    }

    fn entitled(
        &self,
        before: &[RecordName],
        steps: fn(&Journal) -> &Vec<Step>,
    ) -> impl Iterator<Item = PeerId> {
        let before = self.places(before);
        let has = move |journal: &Journal| self.joined_has(&before, steps(journal));
        self.peers.iter().filter(move |(_, journal)| has(journal)).map(|(peer, _)| *peer)
    }

    /// Whether an author other than the owner may write this by the record at `place`, and no cut erased it.
    fn judge_right(
        &self,
        place: Place,
        slot: usize,
        rule: &SlotRule,
        peer: PeerId,
        claim: &Claim<'_>,
    ) -> Verdict {
        let node = &self.nodes[usize::from(place)];
        let journal = self.peers.get(&peer);
        let moderates = self.has(place, journal.map(|journal| &*journal.moderates));
        let bans = || {
            let bans = journal.map_or(&[][..], |journal| &journal.bans);
            bans.iter().filter(|ban| !self.is_lifted(ban, place) && (ban.by_owner || !moderates))
        };
        if bans().any(|ban| ban.by_owner && self.knows(place, ban.at)) {
            return Verdict::Refused(Refusal::Banned);
        }
        // A peer that can only look may still send direct messages, and store data.
        let may_write = moderates
            || matches!(claim.header.replica.family(), Family::Seek | Family::Holding)
            || match rule.writers {
                WhoWrites::Everybody => true,
                WhoWrites::Listed => self.has(place, journal.map(|journal| &*journal.listed)),
                WhoWrites::Admitted => node.edit_key.1.is_some_and(|key| {
                    claim.admitted.contains(&key) || planted!(OldKeyAdmits) && !claim.admitted.is_empty()
                }),
            };
        if !may_write {
            return Verdict::Refused(Refusal::Writer);
        }
        let cut_slots = node.cuts.iter().filter(|(slots, _)| slots >> slot & 1 == 1).map(|(_, by)| *by);
        let takes = |ban: &Ban| !ban.stays.has_id(&claim.id) && !planted!(UnlistedStands);
        let is_cut = bans().any(|ban| ban.by_owner && takes(ban))
            || journal.is_some_and(|journal| self.is_cut(place, journal, &claim.id))
            || cut_slots.into_iter().any(|by| !self.leaves(by, &claim.id));
        match is_cut {
            true => Verdict::Cut,
            false if bans().any(takes) => Verdict::Suspended,
            false => Verdict::Stands,
        }
    }

    /// Whether a record that builds on the one at `place` revoked a right of a peer, and its list lacks this.
    fn is_cut(&self, place: Place, journal: &Journal, id: &ShortId) -> bool {
        let steps = journal.moderates.iter().chain(&journal.listed);
        let taken =
            steps.filter(|step| !step.gives && self.nodes[usize::from(step.at)].ancestors.contains(place));
        taken.into_iter().any(|step| !self.leaves(step.at, id))
    }

    /// Whether a ban was lifted in the record at `place`, or before it; one by a moderator, anywhere.
    fn is_lifted(&self, ban: &Ban, place: Place) -> bool {
        let is_undone = !ban.by_owner && ban.lifts != Places::default();
        (is_undone || self.knows_any(place, &ban.lifts)) && !planted!(LiftIgnored)
    }

    /// Whether this is on the list of the record at `place`.
    fn leaves(&self, place: Place, id: &ShortId) -> bool {
        let record = self.nodes[usize::from(place)].record.as_ref();
        record.is_some_and(|(_, stays)| stays.as_ref().is_some_and(|stays| stays.has_id(id)))
    }

    /// Whether the right of these steps exists at `place`.
    fn has(&self, place: Place, steps: Option<&[Step]>) -> bool {
        steps.is_some_and(|steps| self.joined_has(&[place], steps))
    }

    /// Whether the right of these steps exists where these branches meet: granted by a record that knows of all
    /// revocations.
    fn joined_has(&self, before: &[Place], steps: &[Step]) -> bool {
        let is_known = |step: &&Step| before.iter().any(|place| self.knows(*place, step.at));
        let known = || steps.iter().filter(is_known);
        known().filter(|step| step.gives).any(|given| {
            let ancestors = &self.nodes[usize::from(given.at)].ancestors;
            known().filter(|step| !step.gives).all(|taken| ancestors.contains(taken.at))
                || planted!(TakingIgnored)
        })
    }

    /// Whether the record at `other` is the one at `place`, or that one builds on it.
    fn knows(&self, place: Place, other: Place) -> bool {
        place == other || self.nodes[usize::from(place)].ancestors.contains(other)
    }

    /// Whether the record at `place` is one of these, or builds on one.
    fn knows_any(&self, place: Place, records: &Places) -> bool {
        records.contains(place) || records.meets(&self.nodes[usize::from(place)].ancestors)
    }

    /// Whether a batch is within the limit of the record at `place`.
    fn is_within(&self, place: Place, limit: Option<Limit>, header: &Header) -> bool {
        let (Some(limit), Some(used)) = (limit, header.used) else {
            return limit.is_none() && header.used.is_none();
        };
        let since = self.nodes[usize::from(place)].record.as_ref();
        let since = since.map_or(Stamp::NEVER, |(record, _)| record.body().stamp);
        let is_at_once = header.window.least == header.window.most && header.window.least >= since;
        is_at_once && used.checked_add(header.cost).is_some_and(|sum| sum <= limit.cost)
    }

    fn places(&self, records: &[RecordName]) -> Vec<Place> {
        records.iter().filter_map(|name| self.names.get(name).copied()).collect()
    }

    fn node(&self, record: &RecordName) -> Option<&Node> {
        Some(&self.nodes[usize::from(*self.names.get(record)?)])
    }
}

/// The content that a merge record must repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
    /// Cut slots, bit by bit.
    pub slots: u16,
    /// Dismissed moderators.
    pub dismiss: Vec<PeerId>,
    /// Removed writers.
    pub unlist: Vec<PeerId>,
}

impl Node {
    fn rank(&self) -> Option<(u32, core::cmp::Reverse<[u8; 32]>)> {
        self.record.as_ref().map(|(record, _)| record.rank())
    }

    fn name(&self) -> RecordName {
        self.record.as_ref().map_or(RecordName::GENESIS, |(record, _)| record.name())
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.record.iter().flat_map(|(record, _)| record.body().changes.iter())
    }

    /// The app to which it gives a slot.
    fn app(&self, slot: u8) -> Option<&AppOn> {
        self.changes().find_map(|change| match change {
            Change::App(on) if on.slot == slot => Some(on),
            _ => None,
        })
    }

    fn cut_slots(&self) -> u16 {
        self.record.as_ref().and_then(|(record, _)| record.body().cut).map_or(0, |cut| cut.slots)
    }
}

#[cfg(test)]
mod tests;
