//! What follows from the records of a room: which rules are in force, and whether a batch stands.
//!
//! # Problem
//! An owner writes records from several devices that do not always hear of each other, so records fork. Members hear
//! of records and batches in any order, and those who hold the same must come to the same room; a right that was taken
//! must not work any more, and nobody else may lose anything.
//!
//! # How it works
//! [`Rulebook::new`] is a function of a set of records with their lists. Records of the owner form a graph: each names
//! those before it. A batch is [judged](Rulebook::judge) for ever by the record that it names:
//! - *Rights* are as the record and those that it builds on say. A right that one branch took stays taken in a record
//!   that joins it, until it is given again by a record that knows of the taking.
//! - *Cuts*: a batch of somebody who loses a right by a record, which names one that this record builds on, stands only
//!   if it is on the record's list. What names the record itself or a later one is not concerned. A ban concerns what
//!   names another branch, too. What lifts a ban by a moderator undoes it; what lifts one by the owner gives the right
//!   again to what names that record or a later one.
//!
//! *Moderators' records* ban and retract. Each names one of the owner's, by which its signer moderates; nothing builds on
//! it. When its signer is dismissed or banned it stands or falls as its batches do: it is on the list, or names that
//! record or a later one, or falls.
//!
//! # Invariants
//! - The order in which records and batches come makes no difference.
//! - Which record is in force never decides whether a batch counts.
//!
//! # Limits
//! [`OWNED_MAX`] records of the owner and [`EDICTS_MAX`] of moderators, whose lists have [`LISTED_MAX`] items each: those
//! that come first by number and hash.

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

/// Records of the owner that count: half of all.
pub const OWNED_MAX: usize = 512;
/// Records of moderators that count: the other half, so that no moderator can keep the owner from writing one.
pub const EDICTS_MAX: usize = 512;
/// Items of all lists of the owner's records, and as many of the moderators': 16 MiB, so that nobody makes members fetch
/// a full list for each record.
pub const LISTED_MAX: u32 = 1 << 20;

/// A record, and the list that it names.
pub type WithList = (Record, Option<Arc<List>>);

/// What a batch says of itself, as far as rules ask.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Its header.
    pub header: &'a Header,
    /// The beginning of its id.
    pub id: ShortId,
    /// The edit keys by which its author is admitted: those of the admissions that came with its batches.
    pub admitted: &'a [EditKey],
}

/// What the rules say of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It competes.
    Stands,
    /// It names a record that does not count here, or not yet: it waits.
    Unknown,
    /// A cut took it. Whoever passed it on may not know the record yet.
    Cut,
    /// Bans by moderators took it, and nothing else did: it competes again where those fall.
    Suspended,
    /// It names a record by which its slot has an app, and another app has the slot. Whoever passed it on may not know the
    /// record that gave it to that one yet.
    Displaced,
    /// Its author had no right to it by the record that it names. Whoever passed it on could have known.
    Refused(Refusal),
}

impl Verdict {
    /// Whether a record took it, for good or not.
    pub fn is_cut(self) -> bool {
        matches!(self, Verdict::Cut | Verdict::Suspended)
    }
}

/// Which right was missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The record has no app in that slot.
    App,
    /// The author is banned.
    Banned,
    /// The author may not write there.
    Writer,
    /// It says too little or too much of what it used, uses more than the limit, or was not written at one time.
    Limit,
}

/// What follows from a set of records.
#[derive(Clone, Debug)]
pub struct Rulebook {
    owner: Option<PeerId>,
    /// The genesis, then the owner's records in ascending order of number and hash.
    nodes: Vec<Node>,
    names: BTreeMap<RecordName, Place>,
    peers: BTreeMap<PeerId, Journal>,
    /// Which record gave each slot to its app: the first one.
    apps: [Option<Place>; SLOTS_MAX as usize],
    /// All records that gave it to that app: two devices that did not hear of each other may both have.
    turned_on: [Places; SLOTS_MAX as usize],
    /// All records that gave it to another one.
    displaced: [Places; SLOTS_MAX as usize],
    /// Moderators' records that stand.
    edicts: Vec<WithList>,
    /// Which records lift what.
    lifts: BTreeMap<Lifted, Places>,
}

/// The genesis, or one of the owner's records.
#[derive(Clone, Debug, Default)]
struct Node {
    record: Option<WithList>,
    /// All that it builds on.
    ancestors: Places,
    /// The rule of each slot, and which record said so.
    rules: [SlotRule; SLOTS_MAX as usize],
    edit_key: (Place, Option<EditKey>),
    /// Records that build on this one and cut slots, which bits name.
    cuts: Vec<(u16, Place)>,
    named_by: u32,
}

/// Who may write in a slot, how much, and which records say so: several where branches met, none where nothing was said.
#[derive(Clone, Debug, Default)]
struct SlotRule {
    limit: Option<Limit>,
    writers: WhoWrites,
    said_by: Vec<Place>,
}

/// What records say of one peer.
#[derive(Clone, Debug, Default)]
struct Journal {
    bans: Vec<Ban>,
    moderates: Vec<Step>,
    listed: Vec<Step>,
}

/// A right is given or taken.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: Place,
    gives: bool,
}

#[derive(Clone, Debug)]
struct Ban {
    /// The record that bans.
    record: ShortId,
    /// The owner's record that bans, or that a moderator's record names.
    at: Place,
    by_owner: bool,
    stays: Arc<List>,
    /// Records that lift it.
    lifts: Places,
}

impl Rulebook {
    /// Whether a batch stands. Takes a few hundred nanoseconds unless its author was banned, or slots were cut, dozens
    /// of times.
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
        // A limit counts what is kept.
        let limit = rule.limit.filter(|_| replica.family().is_kept());
        if verdict == Verdict::Stands && !self.is_within(place, limit, claim.header) {
            return Verdict::Refused(Refusal::Limit);
        }
        verdict
    }

    /// Whether `peer` may ban and retract by the record that is so named.
    pub fn moderates(&self, record: &RecordName, peer: &PeerId) -> bool {
        let Some(&place) = self.names.get(record) else { return false };
        Some(*peer) == self.owner || self.has(place, self.peers.get(peer).map(|journal| &*journal.moderates))
    }

    /// The record under which to write: of the owner's records the one with the greatest number, then the lowest hash.
    /// `None` for the genesis.
    pub fn in_force(&self) -> Option<&Record> {
        self.owned().map(|(record, _)| record).max_by_key(|record| record.rank())
    }

    /// The owner's records that count, in ascending order of number and hash.
    pub fn owned(&self) -> impl Iterator<Item = &WithList> {
        self.nodes.iter().filter_map(|node| node.record.as_ref())
    }

    /// What the owner's next record names as before it.
    pub fn heads(&self) -> Vec<RecordName> {
        let heads = self.nodes.iter().filter(|node| node.named_by == 0);
        heads.map(Node::name).collect()
    }

    /// The rule of a slot in the record that is so named: the limit and who may write.
    pub fn rule(&self, record: &RecordName, slot: u8) -> Option<(Option<Limit>, WhoWrites)> {
        let rule = self.node(record)?.rules.get(usize::from(slot))?;
        Some((rule.limit, rule.writers))
    }

    /// The rule of a slot in a record that would name these before it, and change nothing.
    pub fn joined_rule(&self, before: &[RecordName], slot: u8) -> (Option<Limit>, WhoWrites) {
        let rule = self.merged_rule(&self.places(before), usize::from(slot));
        (rule.limit, rule.writers)
    }

    /// The edit key whose admissions count under the record that is so named.
    pub fn edit_key(&self, record: &RecordName) -> Option<EditKey> {
        self.node(record)?.edit_key.1
    }

    /// The app in a slot from 2 on, if any record that counts gave it one.
    pub fn app(&self, slot: u8) -> Option<&AppOn> {
        let place = (*self.apps.get(usize::from(slot))?)?;
        self.nodes[usize::from(place)].app(slot)
    }

    /// The greatest numbers that any record says of a table; `None` where none says any.
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

    /// For how many whole days of room time a table by time keeps its rows, by the record in force; `None` for ever.
    pub fn age(&self, replica: ReplicaNumber) -> Option<NonZero<u16>> {
        let in_force = self.in_force().map_or(RecordName::GENESIS, Record::name);
        let said = |change: &Change| match change {
            Change::Age(age) if age.replica == replica => Some(age.days),
            _ => None,
        };
        self.last_said(&in_force, said).flatten()
    }

    /// What does not show, whichever branch says so.
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

    /// The secret that holds by the record that is so named, and who keeps access; `None` while it is that of the
    /// genesis. Of what records before it say that of the greatest rank counts.
    pub fn secret(&self, record: &RecordName) -> Option<(&NewSecret, &List)> {
        let &place = self.names.get(record)?;
        let line = self.nodes.iter().enumerate().filter(|(other, _)| self.knows(place, *other as Place));
        let changed = line.filter_map(|(_, node)| {
            let (record, list) = node.record.as_ref()?;
            Some((record.rank(), record.body().secret()?, list.as_deref()?))
        });
        changed.max_by_key(|(rank, ..)| *rank).map(|(_, secret, list)| (secret, list))
    }

    /// Moderators' records that stand, and so are worth keeping, in the same order.
    pub fn edicts(&self) -> impl Iterator<Item = &WithList> {
        self.edicts.iter()
    }

    /// Who moderates by a record that would name these before it, and change nothing, besides the owner, in ascending order.
    pub fn moderators(&self, before: &[RecordName]) -> impl Iterator<Item = PeerId> {
        self.entitled(before, |journal| &journal.moderates)
    }

    /// Who is on the list of writers by such a record, in ascending order.
    pub fn listed(&self, before: &[RecordName]) -> impl Iterator<Item = PeerId> {
        self.entitled(before, |journal| &journal.listed)
    }

    /// Who is banned for whoever writes under the record that is so named, in ascending order.
    pub fn banned(&self, record: RecordName) -> impl Iterator<Item = PeerId> {
        let place = self.names.get(&record).copied().unwrap_or_default();
        let is_banned = move |journal: &Journal| {
            let moderates = self.has(place, Some(&journal.moderates));
            journal.bans.iter().any(|ban| !self.is_lifted(ban, place) && (ban.by_owner || !moderates))
        };
        self.peers.iter().filter(move |(_, journal)| is_banned(journal)).map(|(peer, _)| *peer)
    }

    /// The bans of a peer that the record that is so named does not know to be lifted, by their records.
    pub fn bans_of(&self, record: &RecordName, peer: &PeerId) -> Vec<ShortId> {
        let place = self.names.get(record).copied().unwrap_or_default();
        let bans = self.peers.get(peer).map_or(&[][..], |journal| &journal.bans);
        bans.iter().filter(|ban| !self.is_lifted(ban, place)).map(|ban| ban.record).collect()
    }

    /// What the last of its line says that says any such thing: the record that is so named, or one that it builds on.
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

    /// What a record that joins all heads repeats, so that what one branch took binds the others: slots that were cut,
    /// and who was dismissed or taken off the list, in some branches and not in all.
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

    /// Apps that records turned on and whose slot another one has, each in a free slot as far as there are any.
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

    /// Whether an author other than the owner may write this by the record at `place`, and no cut took it.
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
        // Who only looks may speak to somebody all the same, and holds what there is.
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

    /// Whether a record that builds on the one at `place` took a right from a peer, and left not even this.
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

    /// Whether the right of these steps is there at `place`.
    fn has(&self, place: Place, steps: Option<&[Step]>) -> bool {
        steps.is_some_and(|steps| self.joined_has(&[place], steps))
    }

    /// Whether the right of these steps is there where these branches meet: given by a record that knows of all takings.
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

    /// Whether a batch keeps within what the record at `place` limits.
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

/// What a record that joins all heads repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
    /// Slots that were cut, bit by bit.
    pub slots: u16,
    /// Who was dismissed.
    pub dismiss: Vec<PeerId>,
    /// Who was taken off the list of writers.
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
