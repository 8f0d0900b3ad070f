//! How many items of one peer stand in one place of a document.
//!
//! # Problem
//! A library that places an item passes over all that others put in the same place and the item's author had not seen. So a
//! peer that says N items of each of two clients in one place has everybody walk N times N items, for a few kilobytes.
//!
//! # How it works
//! A place is what an item names as its neighbours, both of them, and the type in which it lies where it names none. Whoever
//! has written in a place has an item of its own between those neighbours from then on, so a session never writes in a place
//! twice: it is behind its own last letter, or before it. That is why prepending, typing at the beginning and pasting any
//! number of lines count once for each place. A peer has [`PLACE_ITEMS_MAX`] in one place; of its updates those with the
//! greatest (stamp, id) that have more are crowds, which do not stand.
//!
//! # Invariants
//! Which updates are crowds depends on the set of those that are kept alone.

use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::signed::batch::SignedBatch;

use super::update::{Id, Item, Parent, Update};
use super::visits::visit;

/// Most items of one peer in one place. One for each session that had not heard of the others is what honest peers have;
/// two clients with so many each cost a library 65,536 steps, which are some milliseconds.
pub const PLACE_ITEMS_MAX: u32 = 256;

/// A place, by a hash of what it is. Whoever finds two places with one hash loses items of its own alone.
type Place = u64;
/// The order in which updates count: those that were begun first stand. Of an id half is enough.
type Order = (Stamp, u128);

/// Items by peer and place.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    peers: BTreeMap<PeerId, BTreeMap<Entry, u32>>,
    /// In how many places each crowd has more than there is place for.
    over: BTreeMap<u32, u32>,
}

/// What one update, by its number, has in a place.
type Entry = (Place, Order, u32);

impl Crowds {
    /// Counts an update that stands. Returns which updates are crowds now and were none; it may be one itself.
    pub(super) fn insert(&mut self, batch: &SignedBatch, number: u32, update: &Update<'_>) -> Vec<u32> {
        let places = places(update);
        if places.is_empty() {
            return Vec::new();
        }
        let (counts, order) = (self.peers.entry(batch.peer()).or_default(), order_of(batch));
        let mut over = Vec::new();
        for (place, count) in places {
            let own = (place, order, number);
            counts.insert(own, count);
            over.extend(passed(counts, own, count));
        }
        over.retain(|number| {
            let places = self.over.entry(*number).or_default();
            *places += 1;
            *places == 1
        });
        over
    }

    /// Takes an update out. Returns which others are no crowds any more.
    pub(super) fn remove(&mut self, batch: &SignedBatch, number: u32, update: &Update<'_>) -> Vec<u32> {
        let Some(counts) = self.peers.get_mut(&batch.peer()) else { return Vec::new() };
        let order = order_of(batch);
        let mut back = Vec::new();
        for (place, count) in places(update) {
            let own = (place, order, number);
            if counts.contains_key(&own) {
                back.extend(passed(counts, own, count));
                counts.remove(&own);
            }
        }
        if counts.is_empty() {
            self.peers.remove(&batch.peer());
        }
        self.over.remove(&number);
        back.retain(|number| {
            let Some(places) = self.over.get_mut(number) else { return false };
            *places -= 1;
            let is_back = *places == 0;
            if is_back {
                self.over.remove(number);
            }
            is_back
        });
        back
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
        self.over.clear();
    }
}

/// Which updates have more in a place than there is place for, with the one that has this entry and not without it.
fn passed(counts: &BTreeMap<Entry, u32>, own: Entry, count: u32) -> Vec<u32> {
    let (first, last) = ((Stamp::NEVER, 0), (Stamp::LAST, u128::MAX));
    let there = counts.range((own.0, first, 0)..=(own.0, last, u32::MAX));
    let (mut sum, mut passed) = (0_u32, Vec::new());
    for (entry, more) in there {
        visit(1);
        sum = sum.saturating_add(*more);
        let without = if *entry >= own { sum - count } else { sum };
        if sum > PLACE_ITEMS_MAX && (without <= PLACE_ITEMS_MAX || *entry == own) {
            passed.push(entry.2);
        }
        // All further ones have more in any case.
        if without > PLACE_ITEMS_MAX && *entry >= own {
            break;
        }
        if without > PLACE_ITEMS_MAX {
            passed.push(own.2);
            break;
        }
    }
    passed
}

fn order_of(batch: &SignedBatch) -> Order {
    let id = batch.id().0;
    let first = id.first_chunk().map_or(0, |first| u128::from_be_bytes(*first));
    (batch.header().window.least, first)
}

/// How many items an update has in each place. Those behind or before what their client made last are left out: no other
/// item of it is in their place.
fn places(update: &Update<'_>) -> BTreeMap<Place, u32> {
    let mut places = BTreeMap::new();
    for item in &update.items {
        let last = item.id.clock.checked_sub(1).map(|clock| Id { clock, ..item.id });
        if last.is_none() || (item.origin != last && item.right != last) {
            *places.entry(place(item)).or_default() += 1;
        }
    }
    places
}

fn place(item: &Item<'_>) -> Place {
    let mut hasher = blake3::Hasher::new();
    let mut add = |id: Option<Id>| {
        let [client, clock] = id.map_or([u64::MAX; 2], |id| [id.client, id.clock]);
        hasher.update(&client.to_le_bytes()).update(&clock.to_le_bytes());
    };
    add(item.origin);
    add(item.right);
    match item.parent {
        Some(Parent::Item(id)) => add(Some(id)),
        Some(Parent::Root(name)) => {
            hasher.update(name.as_bytes());
        }
        Some(Parent::Nowhere(_)) | None => {}
    }
    if let Some(key) = item.key {
        hasher.update(&[0xff]).update(key.as_bytes());
    }
    hasher.finalize().as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
