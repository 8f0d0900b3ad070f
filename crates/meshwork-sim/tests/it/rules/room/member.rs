//! An honest member: the records it knows, the batches it keeps, and what it shows.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Rules;
use super::record::{
    Batch, Change, Cut, Device, Endpoint, Entry, Field, Key, Peer, Record, Rights, Stays, Table, table,
};
use crate::rules::harness::hash;

/// What a member thinks of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stands,
    /// It names a record that is unknown, or its author had no right to it there.
    Refused,
    Cut(Change),
}

/// A batch that lost its last entry, and the batches that it lost to.
#[derive(Clone, Debug)]
struct Beaten {
    batch: Rc<Batch>,
    by: Vec<Rc<Batch>>,
}

/// What a digest is over: the content is missing where it is cleared.
pub(super) type View = BTreeMap<Key, (u64, Peer, Option<u64>)>;

#[derive(Debug)]
pub(super) struct Member {
    rules: Rules,
    device: Device,
    instance: u64,
    sequence: u64,
    /// Merged on receipt, so whoever hears nothing falls behind.
    pub(super) clock: u64,
    pub(super) records: BTreeMap<u64, Rc<Record>>,
    /// In order of arrival. Each wins an entry.
    pub(super) held: Vec<Rc<Batch>>,
    /// Kept, but neither shown nor handed on.
    reserve: Vec<Beaten>,
    pub(super) shown: Table,
    /// Whatever stood here once.
    pub(super) taken: BTreeMap<u64, Rc<Batch>>,
    /// Its own batches that a cut took, to be said again.
    unsaid: Vec<Rc<Batch>>,
    /// What it said again: each entry of each batch once.
    repeated: BTreeSet<(u64, Key)>,
}

impl Member {
    pub(super) fn new(rules: Rules, device: Device, first: &Rc<Record>) -> Member {
        Member {
            rules,
            device,
            instance: 0,
            sequence: 0,
            clock: 0,
            records: BTreeMap::from([(first.id, Rc::clone(first))]),
            held: Vec::new(),
            reserve: Vec::new(),
            shown: Table::new(),
            taken: BTreeMap::new(),
            unsaid: Vec::new(),
            repeated: BTreeSet::new(),
        }
    }

    pub(super) fn restart(&mut self) {
        (self.instance, self.sequence) = (self.instance + 1, 0);
        if !self.rules.beaten_batches_outlive_restarts {
            self.reserve.clear();
        }
    }

    /// The records that no other builds on.
    pub(super) fn heads(&self) -> Vec<Rc<Record>> {
        let covered: BTreeSet<u64> =
            self.records.values().flat_map(|record| &record.after).copied().collect();
        self.records.values().filter(|record| !covered.contains(&record.id)).cloned().collect()
    }

    pub(super) fn in_force(&self) -> Rc<Record> {
        let heads = self.heads();
        let greatest = heads.iter().max_by_key(|record| (record.number, !record.id));
        Rc::clone(greatest.expect("the last record that was added is a head"))
    }

    pub(super) fn judge(&self, batch: &Batch) -> Verdict {
        if !self.records.contains_key(&batch.record.id) || !batch.is_allowed() {
            return Verdict::Refused;
        }
        let cuts = self.records.values().flat_map(|record| record.cuts.iter().map(move |cut| (record, cut)));
        cuts.filter(|(record, cut)| {
            cut.change.takes_from(batch.peer()) && self.binds(record, cut.change, batch)
        })
        .find(|(_, cut)| !cut.keeps(batch))
        .map_or(Verdict::Stands, |(_, cut)| Verdict::Cut(cut.change))
    }

    /// Whether a cut of this record is about the batch, given which record the batch names.
    fn binds(&self, record: &Record, change: Change, batch: &Batch) -> bool {
        if record.after.contains(&batch.record.id) {
            true
        } else if record.id == batch.record.id || batch.record.after.contains(&record.id) {
            !self.rules.cuts_spare_later_batches
        } else if change == Change::Ban {
            self.rules.bans_bind_every_branch
        } else {
            !self.rules.other_cuts_spare_other_branches
        }
    }

    fn quota(&self) -> Option<usize> {
        if self.rules.quotas_never_fall {
            self.records.values().filter_map(|record| record.rights.quota).max()
        } else {
            self.in_force().rights.quota
        }
    }

    /// Takes batches in and lets all of them compete.
    pub(super) fn settle(&mut self, arriving: &[Rc<Batch>]) {
        self.clock = arriving.iter().map(|batch| batch.stamp).fold(self.clock, u64::max);
        let returning = self.reserve.iter().filter(|beaten| beaten.by.iter().any(|batch| self.frees(batch)));
        let mut candidates: Vec<Rc<Batch>> = Vec::new();
        for batch in self.held.iter().chain(arriving).chain(returning.map(|beaten| &beaten.batch)) {
            if candidates.iter().all(|candidate| candidate.id != batch.id) {
                candidates.push(Rc::clone(batch));
            }
        }
        let (standing, others): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|batch| self.judge(batch) == Verdict::Stands);
        self.taken.extend(standing.iter().map(|batch| (batch.id, Rc::clone(batch))));
        self.shown = table(&standing, self.quota(), self.rules);
        let winning: BTreeSet<u64> = self.shown.values().map(|(_, batch)| batch.id).collect();
        let is_beaten = |id: u64| !winning.contains(&id) && others.iter().all(|other| other.id != id);
        self.reserve.retain(|beaten| is_beaten(beaten.batch.id));
        let is_own = |batch: &Rc<Batch>| batch.endpoint.device == self.device;
        self.unsaid.extend(others.into_iter().filter(|batch| self.rules.authors_say_again && is_own(batch)));
        let (held, losing): (Vec<_>, Vec<_>) =
            standing.into_iter().partition(|batch| winning.contains(&batch.id));
        self.held = held;
        for batch in losing.into_iter().filter(|_| self.rules.beaten_batches_stay) {
            if self.reserve.iter().all(|beaten| beaten.batch.id != batch.id) {
                let winners = batch.entries.iter().filter_map(|(key, _)| self.shown.get(key));
                let by = winners.map(|(_, winner)| Rc::clone(winner)).collect();
                self.reserve.push(Beaten { batch, by });
            }
        }
    }

    /// Whether what this batch beat competes again.
    fn frees(&self, batch: &Batch) -> bool {
        match self.judge(batch) {
            Verdict::Cut(change) => change == Change::Ban || self.rules.every_cut_frees_the_beaten,
            Verdict::Stands | Verdict::Refused => false,
        }
    }

    /// The author's program says again what a cut took from it, verbatim, under the record in force.
    pub(super) fn say_again(&mut self) {
        while let Some(batch) = self.unsaid.pop() {
            let parts = if self.rules.entries_are_said_singly { 1 } else { batch.entries.len() };
            for entries in batch.entries.chunks(parts) {
                let is_idle = |(key, entry): &(Key, Entry)| {
                    self.shown.get(key).is_some_and(|(shown, _)| {
                        shown == entry || (shown > entry && !self.rules.beaten_entries_are_said)
                    })
                };
                if entries.iter().all(is_idle) || !self.repeated.insert((batch.id, entries[0].0)) {
                    continue;
                }
                let again = self.sign(entries.to_vec());
                if self.judge(&again) == Verdict::Stands {
                    self.sequence += 1;
                    self.settle(&[again]);
                }
            }
        }
    }

    /// The next batch, under the record in force.
    fn sign(&self, entries: Vec<(Key, Entry)>) -> Rc<Batch> {
        let endpoint = Endpoint { device: self.device, instance: self.instance };
        Batch::new(endpoint, self.sequence + 1, &self.in_force(), self.clock + 1, entries)
    }

    /// Writes what the record in force allows. Returns the batch.
    fn write(&mut self, entries: Vec<(Key, Entry)>) -> Option<Rc<Batch>> {
        let batch = Some(self.sign(entries)).filter(|batch| batch.is_allowed())?;
        self.sequence += 1;
        self.settle(&[Rc::clone(&batch)]);
        Some(batch)
    }

    /// Writes one content into some fields of a row. Returns whether it counts.
    pub(super) fn put(&mut self, row: char, fields: &[Field], content: u64) -> bool {
        let entry = Entry { stamp: self.clock + 1, peer: self.device.peer(), content };
        let batch = self.write(fields.iter().map(|field| (Key { row, field: *field }, entry)).collect());
        batch.is_some_and(|batch| self.held.iter().any(|held| held.id == batch.id))
    }

    /// Repeats its own winning entries of a row in one batch, verbatim, where they came in several.
    pub(super) fn fold(&mut self, row: char) {
        let own =
            self.shown.iter().filter(|(key, (entry, _))| key.row == row && entry.peer == self.device.peer());
        let (entries, ids): (Vec<_>, BTreeSet<_>) =
            own.map(|(key, (entry, batch))| ((*key, *entry), batch.id)).unzip();
        if ids.len() > 1 {
            self.write(entries);
        }
    }

    fn is_retracted(&self, entry: Entry) -> bool {
        entry.peer == Peer::Hostile
            && self.records.values().any(|record| record.retracts.is_some_and(|until| entry.stamp <= until))
    }

    /// Whether this entry or a greater one is shown. Of what is cleared the content does not matter.
    pub(super) fn shows(&self, key: Key, entry: Entry) -> bool {
        self.shown.get(&key).is_some_and(|(shown, _)| {
            let is_cleared =
                self.is_retracted(entry) && (shown.stamp, shown.peer) == (entry.stamp, entry.peer);
            *shown >= entry || is_cleared
        })
    }

    pub(super) fn view(&self) -> View {
        let content = |entry: Entry| (!self.is_retracted(entry)).then_some(entry.content);
        let shown = self.shown.iter();
        shown.map(|(key, (entry, _))| (*key, (entry.stamp, entry.peer, content(*entry)))).collect()
    }

    /// Writes a record over all heads, given the batches that it and the neighbours that it asked hold.
    pub(super) fn change(&mut self, change: Change, known: &BTreeMap<u64, Rc<Batch>>) {
        let (heads, in_force) = (self.heads(), self.in_force());
        let mut rights = in_force.rights;
        if self.rules.joins_keep_what_was_taken {
            rights = heads.iter().map(|head| head.rights).fold(rights, Rights::join);
        }
        match change {
            Change::Ban => rights.is_banned = true,
            Change::Demote => rights.moderates = false,
            Change::NewKey => rights.edit_key += 1,
            Change::LowerQuota => rights.quota = rights.quota.map(|_| 1),
            Change::Rename | Change::Retract => {}
        }
        let mut cutting = BTreeSet::from([change]);
        if self.rules.joins_repeat_cuts && heads.len() > 1 {
            let cuts = self.records.values().flat_map(|record| &record.cuts);
            cutting.extend(cuts.map(|cut| cut.change));
        }
        let number = in_force.number + 1;
        let after: BTreeSet<u64> = self.records.keys().copied().collect();
        let cuts: Vec<Cut> = cutting.into_iter().map(|change| self.cut(change, known)).collect();
        let retracts = (change == Change::Retract).then_some(self.clock);
        let id = hash(&(self.device, change, number, &after, &cuts, retracts));
        self.records.insert(id, Rc::new(Record { id, number, after, rights, cuts, retracts }));
        self.settle(&[]);
    }

    /// What the change means for these batches.
    fn cut(&self, change: Change, known: &BTreeMap<u64, Rc<Batch>>) -> Cut {
        let losing = known.values().filter(|batch| change.takes_from(batch.peer()));
        let stays = if self.rules.cuts_list_batches {
            let standing = losing.filter(|batch| self.judge(batch) == Verdict::Stands);
            Stays::Listed(standing.map(|batch| batch.id).collect())
        } else {
            let mut heads = BTreeMap::new();
            for batch in losing {
                let head = heads.entry(batch.endpoint).or_insert(0);
                *head = batch.sequence.max(*head);
            }
            Stays::UpTo(heads)
        };
        Cut { change, stays }
    }
}
