//! What is placed of a document, kept from one update to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::one::Held;
use super::place::{Slots, Version};
use super::said::Said;
use super::update::{Id, Item, Ranges};
use super::upto::{Upto, runs};

/// Which items are placed, and which further ones would change that. An update that meets none of those is added.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Which items have all that comes before them.
    pub(super) upto: Upto,
    /// Items of which two updates say different things.
    contradictory: Ranges,
    /// Missing items with which a contradictory one might be another.
    watched: BTreeSet<Id>,
    /// Items of crowds on which nothing hangs: some are not placed, others where nobody shows them.
    aside: Ranges,
}

/// What was placed: items of an update, and of those that waited for it.
pub(super) struct Placed<'s, 'h> {
    pub(super) own: Vec<Item<'s>>,
    pub(super) waited: Vec<Item<'h>>,
}

impl Settled {
    /// Places all that is held.
    pub(super) fn of(held: &BTreeMap<u32, Held>) -> Settled {
        let (slots, left_out) = slots(held);
        let shown = held.values().filter(|held| held.shows());
        let deleted = shown.flat_map(|held| held.deletions().iter().cloned()).collect();
        let contradictory = slots.contradictory(&deleted);
        if contradictory.is_empty() && held.values().all(|held| !held.is_crowd) {
            let mut upto = Upto::default();
            place_ready(held, &mut upto, held.keys().copied().collect());
            return Settled { upto, ..Settled::default() };
        }
        let (lists, watched, aside) = slots.settle(&contradictory);
        let mut upto = Upto::of(lists);
        for (number, held) in held.iter().filter(|(number, _)| !left_out.contains(number)) {
            let said = Said::read(held.batch.payload());
            said.iter().for_each(|said| upto.wait(*number, &said.update.items));
        }
        let items = |is_out: bool| -> Ranges {
            let held = held.iter().filter(|(number, _)| left_out.contains(number) == is_out);
            held.flat_map(|(_, held)| held.items().iter()).cloned().collect()
        };
        let left_out = items(true).without(&items(false));
        let aside = aside.iter().chain(left_out.iter()).cloned().collect();
        Settled { upto, contradictory, watched, aside }
    }

    /// Whether an update says something of an item of which two others say different things.
    pub(super) fn meets(&self, items: &Ranges) -> bool {
        !self.contradictory.both(items).is_empty()
    }

    /// Whether all is placed as updates came, save for what waits.
    pub(super) fn is_plain(&self) -> bool {
        self.contradictory.is_empty() && self.aside.is_empty()
    }

    /// Places what an update brings, and what waited for that. `None` where something has to be placed anew.
    pub(super) fn place<'s, 'h>(
        &mut self,
        held: &'h BTreeMap<u32, Held>,
        number: u32,
        items: &[Item<'s>],
    ) -> Option<Placed<'s, 'h>> {
        let own = self.upto.place(number, items, &mut runs(items));
        let ready = self.upto.take_ready(&own);
        let waited = place_ready(held, &mut self.upto, ready)?;
        let hangs = !self.aside.is_empty() && items.iter().any(|item| self.hangs_aside(item));
        let is_met = |item: &Item<'_>| self.is_changed_by(item);
        let is_added = !hangs && !own.iter().any(is_met) && !waited.iter().any(is_met);
        is_added.then_some(Placed { own, waited })
    }

    fn is_changed_by(&self, item: &Item<'_>) -> bool {
        let id = |clock| Id { clock, ..item.id };
        let (client, range) = item.range();
        let is_watched = self.watched.range(id(range.start)..id(range.end)).next().is_some();
        is_watched || self.contradictory.within(client, &range).next().is_some()
    }

    /// Whether an item needs some that are aside to be where they were written.
    fn hangs_aside(&self, item: &Item<'_>) -> bool {
        let is_out = |id: Id| !self.upto.has(id) && has(&self.aside, id);
        item.neighbours().any(|id| has(&self.aside, id)) || item.needs().any(is_out)
    }

    /// Keeps items of a crowd out, on which nothing hangs.
    pub(super) fn put_aside(&mut self, items: &Ranges) {
        self.aside = self.aside.iter().chain(items.iter()).cloned().collect();
    }

    /// Whether none of these items is placed, and nothing waits for one.
    pub(super) fn knows_none_of(&self, held: &BTreeMap<u32, Held>, items: &Ranges) -> bool {
        let mut firsts = items.iter().map(|(client, range)| Id { client: *client, clock: range.start });
        if firsts.any(|id| self.upto.has(id)) {
            return false;
        }
        let waiting = self.upto.waiting();
        let waiting = waiting.iter().filter_map(|number| Said::read(held.get(number)?.batch.payload()).ok());
        let mut needs = waiting.flat_map(|said| said.update.items).flat_map(|item| item.needs());
        !needs.any(|id| has(items, id))
    }
}

fn has(items: &Ranges, id: Id) -> bool {
    items.has(id.client, &(id.clock..id.clock + 1))
}

/// All that is placed, cut alike, and the numbers of the crowds that nothing needs and that are left out.
pub(super) fn slots(held: &BTreeMap<u32, Held>) -> (Slots<'_>, BTreeSet<u32>) {
    let versions: Vec<Version<'_>> = held.values().filter_map(Held::version).collect();
    if held.values().all(|held| !held.is_crowd) {
        return (Slots::of(versions).0, BTreeSet::new());
    }
    let (slots, ids) = Slots::of(versions.clone());
    let mut left_out: Vec<_> = ids
        .into_iter()
        .zip(slots.needed())
        .filter_map(|(id, is_needed)| (!is_needed).then_some(id))
        .collect();
    left_out.sort_unstable();
    let is_out = |version: &Version<'_>| !version.stands && left_out.binary_search(&version.id).is_ok();
    let numbers =
        held.iter().filter(|(_, held)| !held.shows() && left_out.binary_search(&held.batch.id()).is_ok());
    let numbers = numbers.map(|(number, _)| *number).collect();
    (Slots::of(versions.into_iter().filter(|version| !is_out(version)).collect()).0, numbers)
}

/// Places what can be placed of some updates and of those that waited for them, in any number of steps. Returns that; `None`
/// where one of them does not stand, so that what shows of an item is not told by one of them.
fn place_ready<'h>(
    held: &'h BTreeMap<u32, Held>,
    upto: &mut Upto,
    mut ready: BTreeSet<u32>,
) -> Option<Vec<Item<'h>>> {
    // What was read, with what is left of it, since two may wait for each other many times.
    let mut read: BTreeMap<u32, (Vec<Item<'h>>, Vec<Range<usize>>)> = BTreeMap::new();
    let (mut all, mut do_stand) = (Vec::new(), true);
    while let Some(number) = ready.pop_first() {
        let Some(held) = held.get(&number) else { continue };
        let (items, left) = read.entry(number).or_insert_with(|| {
            let items = Said::read(held.batch.payload()).map(|said| said.update.items).unwrap_or_default();
            let left = runs(&items);
            (items, left)
        });
        let placed = upto.place(number, items, left);
        do_stand &= held.shows() || placed.is_empty();
        ready.extend(upto.take_ready(&placed));
        all.extend(placed);
    }
    do_stand.then_some(all)
}
