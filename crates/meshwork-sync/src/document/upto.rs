//! Which items have all that comes before them, while updates come in any order.
//!
//! An item is placed once its predecessor of the same client, its origins and the type in which it lies are. So what is placed of
//! a client is a prefix of its items, and one clock for each client says all. Libraries differ in what they do with items that
//! come early; here they wait, so that everybody shows the same.

use std::collections::{BTreeMap, BTreeSet};

use super::place::needs;
use super::update::{Id, Piece, Update};

/// How far each client's items are placed, and which updates wait for what.
#[derive(Debug, Default)]
pub(super) struct Upto {
    clocks: BTreeMap<u64, u64>,
    /// Numbers of updates by the item that one of their items lacks.
    lacking: BTreeMap<Id, BTreeSet<u32>>,
}

impl Upto {
    /// Whether an item is placed.
    pub(super) fn has(&self, id: Id) -> bool {
        self.clocks.get(&id.client).is_some_and(|clock| id.clock < *clock)
    }

    /// Places what can be placed of an update. Returns that; the rest is waited for.
    pub(super) fn place<'a>(&mut self, number: u32, update: &Update<'a>) -> Vec<Piece<'a>> {
        let mut placed = Vec::new();
        let mut pieces: Vec<Piece<'a>> = update.items.iter().map(Piece::of).collect();
        pieces.sort_by_key(|piece| (piece.id.client, piece.id.clock));
        loop {
            let before = placed.len();
            let mut left = Vec::new();
            for piece in pieces {
                let clock = self.clocks.get(&piece.id.client).copied().unwrap_or(0);
                if piece.end() <= clock {
                    continue;
                }
                if needs(&piece).all(|id| self.has(id)) {
                    self.clocks.insert(piece.id.client, piece.end());
                    placed.push(piece);
                } else {
                    left.push(piece);
                }
            }
            pieces = left;
            // Within an update, what lies in one client's items may need another's.
            if pieces.is_empty() || placed.len() == before {
                break;
            }
        }
        for piece in &pieces {
            if let Some(id) = needs(piece).find(|id| !self.has(*id)) {
                self.lacking.entry(id).or_default().insert(number);
            }
        }
        placed
    }

    /// Numbers of updates that waited for an item which is placed now, once each.
    pub(super) fn take_ready(&mut self, placed: &[Piece<'_>]) -> BTreeSet<u32> {
        let mut ready = BTreeSet::new();
        for piece in placed {
            let range = piece.id..Id { clock: piece.end(), ..piece.id };
            let met: Vec<Id> = self.lacking.range(range).map(|(id, _)| *id).collect();
            ready.extend(met.iter().filter_map(|id| self.lacking.remove(id)).flatten());
        }
        ready
    }
}
