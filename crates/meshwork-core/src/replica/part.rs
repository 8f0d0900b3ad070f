//! One part of a replica: its entries, and the batches that hold them.

use alloc::vec::Vec;
use core::mem;

use super::family::{Entries, Slot};
use super::{Digest, DigestCache};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;

/// Fewest slots for which it is worth giving memory back.
const COMPACT_LEAST: usize = 64;

/// Entries, with the batches that win them in a slab.
#[derive(Default)]
pub struct Part<E> {
    entries: E,
    batches: Vec<Option<SignedBatch>>,
    /// How many entries the batch of each slot wins.
    wins: Vec<u16>,
    free: Vec<Slot>,
    digest: DigestCache,
}

/// What applying a batch to a part changed.
pub(super) struct PartChange {
    /// Entries that the batch wins; it is kept if there is one.
    pub(super) wins: usize,
    /// The greatest stamp of these.
    pub(super) greatest: Stamp,
    /// Batches that win no entry any more.
    pub(super) dropped: Vec<BatchKey>,
}

impl<E: Entries> Part<E> {
    /// Lets what a batch writes compete. `changed` hears of each entry that looks different now, and whether it is
    /// hidden.
    pub(super) fn apply(
        &mut self,
        batch: SignedBatch,
        writes: &[E::Write],
        is_hidden: impl Fn(&E::Write) -> bool,
        mut changed: impl FnMut(&E::Write, bool),
    ) -> PartChange {
        let (mut wins, mut greatest, mut dropped) = (0, Stamp::NEVER, Vec::new());
        let slot = self.reserve_slot();
        for write in writes {
            let stamp = E::stamp(write);
            if let Some((present, holder)) = self.entries.holder(write) {
                if stamp <= present && (stamp < present || !self.wins_tie(&batch, write, holder)) {
                    continue;
                }
                self.lose(holder, &mut dropped);
            }
            let is_hidden = is_hidden(write);
            wins += 1;
            greatest = greatest.max(stamp);
            if self.entries.set(write, slot, is_hidden) {
                changed(write, is_hidden);
            }
        }
        if wins == 0 {
            self.free.push(slot);
        } else {
            self.batches[usize::from(slot)] = Some(batch);
            self.wins[usize::from(slot)] = wins as u16;
            self.digest.clear();
            if self.batches.len() > COMPACT_LEAST.max(4 * (self.batches.len() - self.free.len())) {
                self.compact();
            }
        }
        PartChange { wins, greatest, dropped }
    }

    /// Its entries.
    pub fn entries(&self) -> &E {
        &self.entries
    }

    /// The batches that win an entry.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.batches.iter().flatten()
    }

    /// The batch that holds an entry, if it is as old as this write of the entry.
    pub(super) fn holder(&self, write: &E::Write) -> Option<&SignedBatch> {
        let (stamp, holder) = self.entries.holder(write)?;
        (stamp == E::stamp(write)).then(|| self.batch(holder))
    }

    /// Who wrote what the batch of a slot holds.
    pub fn author(&self, slot: Slot) -> PeerId {
        self.batch(slot).peer()
    }

    /// All entries that `peer` wins and that are not hidden, and by how many batches. What is hidden stays in the
    /// batch that has it: its content is not known here.
    pub(super) fn entries_of(&self, peer: PeerId) -> (Vec<E::Write>, usize) {
        let is_own = |slot: &usize| self.batches[*slot].as_ref().is_some_and(|batch| batch.peer() == peer);
        let batches = (0..self.batches.len()).filter(is_own).count();
        if batches == 0 {
            return (Vec::new(), 0);
        }
        (self.entries.held_by(|slot| self.author(slot) == peer), batches)
    }

    pub(super) fn digest(&self) -> Digest {
        self.digest.get_or_fill(|| self.entries.digest(|slot| self.author(slot)))
    }

    /// Bytes of memory, those of the batches included.
    pub(super) fn memory(&self) -> usize {
        let slab = self.batches.capacity() * size_of::<Option<SignedBatch>>()
            + (self.wins.capacity() + self.free.capacity()) * size_of::<u16>();
        let batches: usize = self.batches().map(|batch| batch.memory()).sum();
        size_of::<Part<E>>() + self.entries.memory() + slab + batches
    }

    /// Whether an entry wins over the present one with the same stamp: by peer, then content; and when all three are
    /// equal, the batch written later keeps the entry, so that a fold replaces what it repeats.
    #[cold]
    fn wins_tie(&self, batch: &SignedBatch, write: &E::Write, holder: Slot) -> bool {
        let present = self.batch(holder);
        let order = batch.peer().cmp(&present.peer()).then_with(|| self.entries.compare(write, present));
        planted!(TieByArrival) || order.then_with(|| batch.compare_rank(present)).is_gt()
    }

    fn batch(&self, slot: Slot) -> &SignedBatch {
        self.batches[usize::from(slot)].as_ref().expect("an entry's batch is kept")
    }

    fn reserve_slot(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.batches.push(None);
            self.wins.push(0);
            (self.batches.len() - 1) as Slot
        })
    }

    /// Takes an entry from the batch in `slot`, and drops the batch with its last one.
    fn lose(&mut self, slot: Slot, dropped: &mut Vec<BatchKey>) {
        let wins = &mut self.wins[usize::from(slot)];
        *wins -= 1;
        if *wins == 0 {
            let batch = self.batches[usize::from(slot)].take().expect("an entry's batch is kept");
            dropped.push(batch.key());
            self.free.push(slot);
        }
    }

    /// Closes the gaps that dropped batches left, and gives their memory back.
    fn compact(&mut self) {
        let mut moved = alloc::vec![0; self.batches.len()];
        let (mut batches, mut wins) = (Vec::new(), Vec::new());
        for (slot, batch) in mem::take(&mut self.batches).into_iter().enumerate() {
            if batch.is_some() {
                moved[slot] = batches.len() as Slot;
                batches.push(batch);
                wins.push(self.wins[slot]);
            }
        }
        (self.batches, self.wins, self.free) = (batches, wins, Vec::new());
        self.entries.remap(&moved);
    }
}
