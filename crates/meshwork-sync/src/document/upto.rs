//! Which items have all that comes before them, while updates come in any order.
//!
//! An item is placed once its predecessor of the same client, its origins and the type in which it lies are. So what is placed of
//! a client is a prefix of its items, and one clock for each client says all. Libraries differ in what they do with items that
//! come early; here they wait, so that everybody shows the same.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use meshwork_core::planted;

use super::lists::Lists;
use super::update::{Id, Item, Ranges};
use super::visits::visit;

/// How far each client's items are placed, and which updates wait for what.
#[derive(Debug, Default)]
pub(super) struct Upto {
    lists: Lists,
    /// Numbers of updates by the item for which the first that is left of one of their runs waits.
    lacking: BTreeMap<Id, BTreeSet<u32>>,
}

/// What is left of an update: of each client's items, those from a place on. None is placed before the one that its client
/// made before it, so nobody has to look further than the first of a run.
pub(super) fn runs(items: &[Item<'_>]) -> Vec<Range<usize>> {
    let mut end = 0;
    let run = |items: &[Item<'_>]| {
        let start = end;
        end += items.len();
        start..end
    };
    items.chunk_by(|one, other| one.id.client == other.id.client).map(run).collect()
}

impl Upto {
    /// What is placed lies so, and nothing waits.
    pub(super) fn of(lists: Lists) -> Upto {
        Upto { lists, lacking: BTreeMap::new() }
    }

    /// Lets an update wait whose items are placed as far as they can be.
    pub(super) fn wait(&mut self, number: u32, items: &[Item<'_>]) {
        for run in runs(items) {
            let left = items[run].iter().find(|item| item.end() > self.lists.end(item.id.client));
            left.into_iter().for_each(|item| self.wait_for(number, item));
        }
    }

    fn wait_for(&mut self, number: u32, item: &Item<'_>) {
        let lacks = item.needs().find(|id| !self.has(*id));
        // Another update may place the same item.
        let own = Id { clock: item.end() - 1, ..item.id };
        for id in lacks.into_iter().chain([own]) {
            self.lacking.entry(id).or_default().insert(number);
        }
    }

    /// Behind the last item of a client that is placed.
    pub(super) fn end(&self, client: u64) -> u64 {
        self.lists.end(client)
    }

    /// Numbers of the updates that wait.
    pub(super) fn waiting(&self) -> BTreeSet<u32> {
        self.lacking.values().flatten().copied().collect()
    }

    /// Whether an item is placed.
    pub(super) fn has(&self, id: Id) -> bool {
        id.clock < self.lists.end(id.client)
    }

    /// Whether an item that is placed lies in a list.
    pub(super) fn shows(&self, id: Id) -> bool {
        self.lists.shows(id)
    }

    /// Places what can be placed of an update's items. Returns that; in `left` stays what has to wait.
    pub(super) fn place<'a>(
        &mut self,
        number: u32,
        items: &[Item<'a>],
        left: &mut Vec<Range<usize>>,
    ) -> Vec<Item<'a>> {
        let mut placed = Vec::new();
        loop {
            let before = placed.len();
            for run in &mut *left {
                let next = items[run.clone()].iter().take_while(|item| self.place_one(item, &mut placed));
                run.start += next.count();
            }
            left.retain(|run| !run.is_empty());
            // Within an update, what lies in one client's items may need another's.
            if left.is_empty() || placed.len() == before {
                break;
            }
        }
        left.iter().for_each(|run| self.wait_for(number, &items[run.start]));
        placed
    }

    /// Places an item where it can be. Returns whether it is placed now.
    fn place_one<'a>(&mut self, item: &Item<'a>, placed: &mut Vec<Item<'a>>) -> bool {
        if item.end() <= self.lists.end(item.id.client) {
            return true;
        }
        let is_ready = item.needs().all(|id| self.has(id));
        if is_ready {
            visit(1);
            self.lists.place(item);
            placed.push(*item);
        }
        is_ready
    }

    /// Numbers of updates that waited for an item which is placed now, once each.
    pub(super) fn take_ready(&mut self, placed: &[Item<'_>]) -> BTreeSet<u32> {
        if self.lacking.is_empty() || planted!(WaitingForgotten) {
            return BTreeSet::new();
        }
        let mut ready = BTreeSet::new();
        let placed: Ranges = placed.iter().map(Item::range).collect();
        for (client, range) in placed.iter() {
            let id = |clock| Id { client: *client, clock };
            let met: Vec<Id> =
                self.lacking.range(id(range.start)..id(range.end)).map(|(id, _)| *id).collect();
            ready.extend(met.iter().filter_map(|id| self.lacking.remove(id)).flatten());
        }
        ready
    }
}
