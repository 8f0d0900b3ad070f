//! Which items have all that comes before them, while updates come in any order.
//!
//! An item is placed once its predecessor of the same client, its origins and the type in which it lies are. So what is placed of
//! a client is a prefix of its items, and one clock for each client says all. Libraries differ in what they do with items that
//! come early; here they wait, so that everybody shows the same.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::planted;

use super::lists::Lists;
use super::update::{Id, Item, Ranges};

/// How far each client's items are placed, and which updates wait for what.
#[derive(Debug, Default)]
pub(super) struct Upto {
    lists: Lists,
    /// Numbers of updates by the item that one of their items lacks.
    lacking: BTreeMap<Id, BTreeSet<u32>>,
}

impl Upto {
    /// Whether an item is placed.
    pub(super) fn has(&self, id: Id) -> bool {
        id.clock < self.lists.end(id.client)
    }

    /// Whether an item that is placed lies in a list.
    pub(super) fn shows(&self, id: Id) -> bool {
        self.lists.shows(id)
    }

    /// Places what can be placed of an update. Returns that; in `waiting` is left what has to wait.
    pub(super) fn place<'a>(&mut self, number: u32, waiting: &mut Vec<Item<'a>>) -> Vec<Item<'a>> {
        let mut placed = Vec::with_capacity(waiting.len());
        loop {
            let before = placed.len();
            // Within an update, what lies in one client's items may need another's.
            waiting.retain(|item| {
                let clock = self.lists.end(item.id.client);
                let is_ready = item.end() > clock && item.needs().all(|id| self.has(id));
                if is_ready {
                    self.lists.place(item);
                    placed.push(*item);
                }
                item.end() > clock && !is_ready
            });
            if waiting.is_empty() || placed.len() == before {
                break;
            }
        }
        for item in waiting {
            if let Some(id) = item.needs().find(|id| !self.has(*id)) {
                self.lacking.entry(id).or_default().insert(number);
            }
        }
        placed
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
