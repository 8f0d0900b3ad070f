//! What is going to happen, the earliest first, and of several at one time the one that was planned first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use meshwork_core::time::Time;

use super::Happening;

/// A heap of small entries. Happenings are large, so they lie still beside it while entries move.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// When, the number in the order of planning, and the place among `happenings`.
    entries: BinaryHeap<Reverse<(Time, u64, usize)>>,
    happenings: Vec<Option<Happening>>,
    free: Vec<usize>,
    planned: u64,
}

impl Queue {
    /// Plans a happening.
    pub(super) fn insert(&mut self, at: Time, happening: Happening) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.happenings.push(None);
            self.happenings.len() - 1
        });
        self.happenings[place] = Some(happening);
        self.planned += 1;
        self.entries.push(Reverse((at, self.planned, place)));
    }

    /// When the next one happens.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.entries.peek().map(|Reverse((at, ..))| *at)
    }

    /// Takes the next one out.
    pub(super) fn pop(&mut self) -> Option<Happening> {
        let Reverse((_, _, place)) = self.entries.pop()?;
        self.take(place)
    }

    fn take(&mut self, place: usize) -> Option<Happening> {
        self.free.push(place);
        self.happenings[place].take()
    }

    /// All that is planned, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Happening> {
        self.happenings.iter().flatten()
    }

    /// Takes out the first `most` of those that `is_meant` names, in their order.
    pub(super) fn take_first(
        &mut self,
        most: usize,
        is_meant: impl Fn(&Happening) -> bool,
    ) -> Vec<Happening> {
        let meant = |place: usize| self.happenings[place].as_ref().is_some_and(&is_meant);
        let mut taken: Vec<_> =
            self.entries.iter().map(|Reverse(entry)| *entry).filter(|entry| meant(entry.2)).collect();
        taken.sort_unstable();
        taken.truncate(most);
        self.entries.retain(|Reverse(entry)| taken.binary_search(entry).is_err());
        taken.into_iter().filter_map(|(_, _, place)| self.take(place)).collect()
    }
}
