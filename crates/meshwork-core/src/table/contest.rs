//! Who holds each field of a table: all entries of the batches that are kept, and which of them holds.
//!
//! # How it works
//! Of the entries of a field the greatest holds that its author's quota does not leave out. So the outcome is the one
//! that is found by going through all entries from the latest to the earliest, and letting each hold that finds its
//! field free and fits its author's quota (it is the stable matching of fields and peers, of which there is one, since
//! both prefer what is later). It is found again from whatever changed: an entry that comes takes its field, the one
//! that held it leaves its author's account, which may let an earlier one hold again, and so on, ever earlier.
//!
//! # Invariants
//! - Who holds depends on the batches that are kept, not on how they came.
//! - A batch is kept if and only if an entry of it holds.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;
use core::ops::Bound;

use super::entry::{Entry, InTable, Place, by_field};
use super::payload::{FIRST_FIELD, Field};
use super::quota::{Account, Quota, Used};
use crate::id::PeerId;
use crate::signed::batch::SignedBatch;

/// What became of an entry of a batch that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It holds its field.
    Holds,
    /// No entry that holds is greater, but it is beyond its author's quota.
    Fallen,
    /// A greater one holds its field; or nobody has looked yet.
    Beaten,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    state: State,
    is_hidden: bool,
}

#[derive(Debug)]
struct Kept {
    batch: SignedBatch,
    /// How many of its entries hold.
    wins: u32,
}

/// An entry that holds its field.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) entry: Entry,
    /// Whether it is taken back, and reads as removed.
    pub(super) is_hidden: bool,
}

impl Held {
    /// The entry as an app reads it: nothing where the field was removed or is hidden.
    pub(super) fn shown(self) -> Option<Entry> {
        (!self.is_hidden && self.entry.value().is_some()).then_some(self.entry)
    }

    /// The entry where it removes its field, and is not hidden.
    pub(super) fn removal(&self) -> Option<&Entry> {
        (!self.is_hidden && self.entry.value().is_none()).then_some(&self.entry)
    }
}

/// A field that another entry holds than before, or none.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) before: Option<Held>,
    pub(super) after: Option<Held>,
}

/// What came of batches that came or went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// In the order of fields.
    pub(super) turns: Vec<Turn>,
    /// Batches of which no entry holds, with their numbers.
    pub(super) dropped: Vec<(u32, SignedBatch)>,
}

/// The entries of all batches that are kept.
#[derive(Debug, Default)]
pub(super) struct Contest {
    quota: Quota,
    entries: BTreeMap<InTable, Mark>,
    kept: BTreeMap<u32, Kept>,
    next: u32,
    accounts: BTreeMap<PeerId, Account>,
    /// Entries of whose fields it has to be settled who holds them.
    fields: Vec<Entry>,
    /// Peers of whose entries it has to be settled which hold.
    peers: BTreeSet<PeerId>,
    /// Batches that may have no entry left that holds.
    emptied: BTreeSet<u32>,
    /// In the order in which they came about: an entry holds, or holds no longer.
    steps: Vec<(Held, bool)>,
}

impl Contest {
    pub(super) fn new(quota: Quota) -> Contest {
        Contest { quota, ..Contest::default() }
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    /// All batches that are kept, with their numbers, in the order in which they came.
    pub(super) fn batches(&self) -> impl DoubleEndedIterator<Item = (u32, &SignedBatch)> {
        self.kept.iter().map(|(number, kept)| (*number, &kept.batch))
    }

    pub(super) fn batch(&self, number: u32) -> Option<&SignedBatch> {
        self.kept.get(&number).map(|kept| &kept.batch)
    }

    pub(super) fn batch_count(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn used(&self, peer: PeerId) -> Used {
        self.accounts.get(&peer).map(Account::used).unwrap_or_default()
    }

    /// The entry that holds a field, and whether it is hidden.
    pub(super) fn held(&self, row: &[u8], field: Field<'_>) -> Option<(&Entry, bool)> {
        let held = self.held_from(row, field).next();
        held.filter(|(entry, _)| (entry.row(), entry.field()) == (row, field))
    }

    /// All entries that hold, from a field on.
    pub(super) fn held_from(&self, row: &[u8], field: Field<'_>) -> impl Iterator<Item = (&Entry, bool)> {
        let from: &dyn Place = &(row, field);
        let entries = self.entries.range::<dyn Place, _>((Bound::Included(from), Bound::Unbounded));
        let held = entries.filter(|(_, mark)| mark.state == State::Holds);
        held.map(|(entry, mark)| (&entry.0, mark.is_hidden))
    }

    /// All entries that hold in rows before this one, backwards.
    pub(super) fn held_before(&self, row: &[u8]) -> impl Iterator<Item = (&Entry, bool)> {
        let until: &dyn Place = &(row, FIRST_FIELD);
        let entries = self.entries.range::<dyn Place, _>((Bound::Unbounded, Bound::Excluded(until)));
        let held = entries.rev().filter(|(_, mark)| mark.state == State::Holds);
        held.map(|(entry, mark)| (&entry.0, mark.is_hidden))
    }

    /// Raises the quota: what had fallen may hold again once it is settled.
    pub(super) fn raise(&mut self, quota: Quota) {
        self.quota = self.quota.raised(quota);
        let ordered = self.accounts.iter().filter(|(_, account)| account.is_ordered());
        self.peers.extend(ordered.map(|(peer, _)| *peer));
    }

    /// The entries of a batch compete once it is settled. Returns the batch's number; `None` when it is here already.
    pub(super) fn enter(&mut self, batch: SignedBatch, is_hidden: impl Fn(&Entry) -> bool) -> Option<u32> {
        while self.kept.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        for entry in Entry::all_of(&batch, number) {
            let mark = Mark { state: State::Beaten, is_hidden: is_hidden(&entry) };
            if self.entries.contains_key::<dyn Place>(&entry) {
                return None;
            }
            self.fields.push(entry.clone());
            self.entries.insert(InTable(entry), mark);
        }
        self.kept.insert(number, Kept { batch, wins: 0 });
        self.emptied.insert(number);
        Some(number)
    }

    /// Takes a batch out.
    pub(super) fn leave(&mut self, number: u32) -> Option<SignedBatch> {
        let Kept { batch, .. } = self.kept.remove(&number)?;
        for entry in Entry::all_of(&batch, number) {
            let Some(Mark { state, is_hidden }) = self.entries.remove::<dyn Place>(&entry) else { continue };
            if state != State::Beaten {
                self.withdraw(&entry, state);
            }
            if state == State::Holds {
                self.steps.push((Held { entry: entry.clone(), is_hidden }, false));
                self.fields.push(entry);
            }
        }
        Some(batch)
    }

    /// Hides what is to be hidden, and shows the rest. Who holds does not depend on it.
    pub(super) fn hide(&mut self, is_hidden: impl Fn(&Entry) -> bool) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (InTable(entry), mark) in &mut self.entries {
            let was_hidden = mem::replace(&mut mark.is_hidden, is_hidden(entry));
            if was_hidden != mark.is_hidden && mark.state == State::Holds {
                let held = |is_hidden| Some(Held { entry: entry.clone(), is_hidden });
                turns.push(Turn { before: held(was_hidden), after: held(mark.is_hidden) });
            }
        }
        turns
    }

    /// Settles who holds each field after batches came or went.
    pub(super) fn settle(&mut self) -> Outcome {
        while !self.fields.is_empty() || !self.peers.is_empty() {
            let mut fields = mem::take(&mut self.fields);
            fields.sort_by(|one, other| by_field(one, other));
            fields.dedup_by(|one, other| by_field(one, other).is_eq());
            fields.iter().for_each(|entry| self.settle_field(entry));
            if let Some(peer) = self.peers.pop_first() {
                self.settle_peer(peer);
            }
        }
        let mut outcome = Outcome { turns: turns(mem::take(&mut self.steps)), dropped: Vec::new() };
        for number in mem::take(&mut self.emptied) {
            if self.kept.get(&number).is_some_and(|kept| kept.wins == 0) {
                outcome.dropped.extend(self.leave(number).map(|batch| (number, batch)));
            }
        }
        outcome
    }

    /// The first entry of a field that has not fallen holds it; those behind it are beaten.
    fn settle_field(&mut self, of: &Entry) {
        let field = (of.row(), of.field());
        let from: &dyn Place = &field;
        let all = self.entries.range::<dyn Place, _>((Bound::Included(from), Bound::Unbounded));
        let all = all.take_while(|(entry, _)| by_field(&entry.0, of).is_eq());
        let mut is_taken = false;
        let mut changed: Vec<(Entry, State)> = Vec::new();
        for (InTable(entry), Mark { state, .. }) in all {
            match (is_taken, state) {
                (true, State::Holds | State::Fallen) => changed.push((entry.clone(), State::Beaten)),
                (false, State::Beaten) => changed.push((entry.clone(), State::Holds)),
                _ => {}
            }
            is_taken |= *state != State::Fallen;
        }
        for (entry, state) in changed {
            let before = self.set(&entry, state);
            if state == State::Holds {
                self.offer(&entry);
            } else {
                self.withdraw(&entry, before);
            }
        }
    }

    /// The latest entries of a peer hold, as far as its quota goes.
    fn settle_peer(&mut self, peer: PeerId) {
        let Some(account) = self.accounts.get_mut(&peer) else { return };
        if !account.is_ordered() {
            let own = self.entries.iter().filter(|(_, mark)| mark.state != State::Beaten);
            let own = own.map(|(entry, _)| &entry.0).filter(|entry| entry.author() == peer && entry.counts());
            account.set_order(own.cloned());
        }
        for (entry, holds) in account.settle(self.quota) {
            self.set(&entry.0, if holds { State::Holds } else { State::Fallen });
            self.fields.push(entry.0);
        }
    }

    /// Sets the state of an entry. Returns the one before.
    fn set(&mut self, entry: &Entry, state: State) -> State {
        let mark = self.entries.get_mut::<dyn Place>(entry).expect("it is of a batch that is kept");
        let before = mem::replace(&mut mark.state, state);
        let held = Held { entry: entry.clone(), is_hidden: mark.is_hidden };
        let kept = self.kept.get_mut(&entry.number()).expect("its batch is kept");
        match (before == State::Holds, state == State::Holds) {
            (false, true) => {
                kept.wins += 1;
                self.steps.push((held, true));
            }
            (true, false) => {
                kept.wins -= 1;
                if kept.wins == 0 {
                    self.emptied.insert(entry.number());
                }
                self.steps.push((held, false));
            }
            _ => {}
        }
        before
    }

    /// An entry holds its field: its author's account has it.
    fn offer(&mut self, entry: &Entry) {
        if entry.counts() && self.accounts.entry(entry.author()).or_default().insert(entry, self.quota) {
            self.peers.insert(entry.author());
        }
    }

    /// An entry that held or had fallen is beaten or gone: its author's account has it no more.
    fn withdraw(&mut self, entry: &Entry, before: State) {
        let author = entry.author();
        let Some(account) = self.accounts.get_mut(&author).filter(|_| entry.counts()) else { return };
        if account.remove(entry, before == State::Holds) {
            self.peers.insert(author);
        } else if account.is_empty() {
            self.accounts.remove(&author);
        }
    }
}

/// What came of each field after all steps.
fn turns(mut steps: Vec<(Held, bool)>) -> Vec<Turn> {
    steps.sort_by(|(one, _), (other, _)| by_field(&one.entry, &other.entry));
    let same =
        |(one, _): &(Held, bool), (other, _): &(Held, bool)| by_field(&one.entry, &other.entry).is_eq();
    // The entry whose first step is that it holds no longer held before; the one whose last step is that it holds does.
    let turn = |steps: &[(Held, bool)]| {
        let is_of =
            |held: &Held, steps: &[(Held, bool)]| steps.iter().any(|(one, _)| one.entry.is(&held.entry));
        let mut numbered = steps.iter().enumerate();
        let before = numbered.find(|(place, (held, holds))| !holds && !is_of(held, &steps[..*place]));
        let mut numbered = steps.iter().enumerate();
        let after = numbered.find(|(place, (held, holds))| *holds && !is_of(held, &steps[place + 1..]));
        let held = |(_, (held, _)): (usize, &(Held, bool))| held.clone();
        Turn { before: before.map(held), after: after.map(held) }
    };
    let is_other = |Turn { before, after }: &Turn| match (before, after) {
        (Some(before), Some(after)) => !before.entry.is(&after.entry),
        (before, after) => before.is_some() || after.is_some(),
    };
    steps.chunk_by(same).map(turn).filter(is_other).collect()
}
