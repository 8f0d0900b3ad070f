//! Which items of a document stand, where somebody wrote one item twice or a record took somebody's updates.
//!
//! # How it works
//! The items of all updates are cut wherever one of them begins or ends, so that what two of them say of an item can be held
//! against each other. An item is placed once its predecessor, its origins and the type in which it lies are. Each takes
//! the content of the least update that stands, by id, and then of the least that does not; where nothing goes on, the
//! least item that another content can place takes that, and so on. So what stands depends on the set of updates alone,
//! and nobody can write an item again so that others' items wait for ever.
//!
//! What goes on without such a choice is settled: no further item changes it, unless it is one of the same items. Of the other
//! contradictory items [`Slots::watched`] tells which missing ones might. So an update that meets neither is added to what is
//! placed, and only one that does has everything placed anew.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::ops::Range;

use meshwork_core::signed::batch::BatchId;

use super::lists::Lists;
use super::one::settled;
use super::update::{Id, Piece, Ranges, Update};
use super::visits::visit;

/// An update, and whether it stands or only has others' items hanging on its own.
#[derive(Clone)]
pub(super) struct Version<'a> {
    pub(super) id: BatchId,
    pub(super) update: Update<'a>,
    pub(super) stands: bool,
    /// Whether it has more items in one place than its author has place for: those on which nothing hangs are put aside.
    pub(super) is_crowd: bool,
}

/// Parts of an item that are together in all updates.
struct Slot<'a> {
    id: Id,
    end: u64,
    /// What each of the versions says of them, the first one first.
    said: Vec<(usize, Piece<'a>)>,
}

/// All items of some updates, cut alike.
pub(super) struct Slots<'a> {
    /// In ascending order.
    slots: Vec<Slot<'a>>,
    stands: Vec<bool>,
    are_crowds: Vec<bool>,
}

impl<'a> Slots<'a> {
    pub(super) fn of(mut versions: Vec<Version<'a>>) -> (Slots<'a>, Vec<BatchId>) {
        versions.sort_by_key(|version| (!version.stands, version.id));
        let items = versions.iter().flat_map(|version| &version.update.items);
        let mut cuts: Vec<Id> =
            items.flat_map(|item| [item.id, Id { clock: item.end(), ..item.id }]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces: Vec<(usize, Piece<'a>)> = Vec::with_capacity(cuts.len());
        for (number, version) in versions.iter().enumerate() {
            for item in &version.update.items {
                let mut piece = Piece::of(item);
                let later = &cuts[cuts.partition_point(|cut| *cut <= item.id)..];
                let end = Id { clock: item.end(), ..item.id };
                for cut in later.iter().take_while(|cut| **cut < end) {
                    let rest = piece.split_off(cut.clock);
                    pieces.push((number, std::mem::replace(&mut piece, rest)));
                }
                pieces.push((number, piece));
            }
        }
        pieces.sort_by_key(|(_, piece)| piece.id);
        let mut slots: Vec<Slot<'a>> = Vec::new();
        for (number, piece) in pieces {
            match slots.last_mut().filter(|slot| slot.id == piece.id) {
                Some(slot) => slot.said.push((number, piece)),
                None => slots.push(Slot { id: piece.id, end: piece.end(), said: vec![(number, piece)] }),
            }
        }
        visit(slots.len());
        let stands = versions.iter().map(|version| version.stands).collect();
        let are_crowds = versions.iter().map(|version| version.is_crowd).collect();
        (Slots { slots, stands, are_crowds }, versions.iter().map(|version| version.id).collect())
    }

    /// Which of the versions do not stand and have items that one which does needs, in any number of steps.
    pub(super) fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.stands.len()];
        let mut looked = vec![false; self.slots.len()];
        let said = || self.slots.iter().flat_map(|slot| &slot.said);
        let of_standing = said().filter(|(version, _)| self.stands[*version]);
        let mut wanted: Vec<Id> = of_standing.flat_map(|(_, piece)| piece.needs()).collect();
        let mut of_version: Vec<Vec<Id>> = vec![Vec::new(); self.stands.len()];
        for (version, piece) in said().filter(|(version, _)| !self.stands[*version]) {
            of_version[*version].extend(piece.needs());
        }
        while let Some(id) = wanted.pop() {
            let Some(slot) = self.find(id) else { continue };
            if std::mem::replace(&mut looked[slot], true) {
                continue;
            }
            // Also where one that stands has the item: it may be one that cannot be placed.
            let said = self.slots[slot].said.iter();
            for (version, _) in said.filter(|(version, _)| !self.stands[*version]) {
                needed[*version] = true;
                wanted.append(&mut of_version[*version]);
            }
        }
        needed
    }

    /// The items of which two versions say different things, other than that the content is gone where it is deleted.
    pub(super) fn contradictory(&self, deleted: &Ranges) -> Ranges {
        let contradictory = self.slots.iter().filter(|slot| {
            let (_, first) = &slot.said[0];
            let is_deleted = deleted.has(first.id.client, &(first.id.clock..slot.end));
            let agrees = |piece: &Piece<'_>| {
                let same_place = piece.origin == first.origin && piece.right == first.right;
                let same_parent = piece.parent == first.parent && piece.key == first.key;
                // Others may lie in a type.
                let may_lack = is_deleted && piece.is_type() == first.is_type();
                same_place && same_parent && (may_lack || piece.content == first.content)
            };
            !slot.said.iter().all(|(_, piece)| agrees(piece))
        });
        contradictory.map(Slot::range).collect()
    }

    /// What is placed.
    pub(super) fn place(self) -> Vec<Piece<'a>> {
        let aside = self.aside();
        let (placing, lists) = self.placed(&aside);
        let placed = placing.placed;
        let stands = self.stands;
        let take = |(mut slot, placed): (Slot<'a>, Option<usize>)| {
            let (version, mut piece) = slot.said.swap_remove(placed?);
            if !stands[version] {
                piece.empty();
            }
            Some(settled(piece, |id| lists.shows(id)))
        };
        self.slots.into_iter().zip(placed).filter_map(take).collect()
    }

    /// Where all lies that is placed, which missing items might change what contradictory ones are, and what is put aside.
    pub(super) fn settle(&self, contradictory: &Ranges) -> (Lists, BTreeSet<Id>, Ranges) {
        let aside = self.aside();
        let (placing, lists) = self.placed(&aside);
        let watched = self.watched(&placing, contradictory);
        let aside = self.slots.iter().zip(aside).filter(|(_, is_aside)| *is_aside);
        (lists, watched, aside.map(|(slot, _)| slot.range()).collect())
    }

    fn placed(&self, aside: &[bool]) -> (Placing, Lists) {
        let (mut placing, mut lists) = (Placing::new(self), Lists::default());
        while let Some((slot, number)) = placing.next() {
            visit(1);
            placing.place(slot, number);
            let piece = &self.slots[slot].said[number].1;
            if aside[slot] {
                lists.place_aside(piece);
            } else {
                lists.place_piece(piece);
            }
        }
        (placing, lists)
    }

    /// Of the contents that contradictory items do not have, the first that each of them lacks. Those of items that had their
    /// content before any had to be chosen lack nothing that matters.
    fn watched(&self, placing: &Placing, contradictory: &Ranges) -> BTreeSet<Id> {
        let is_there = |id: Id| self.find(id).is_some_and(|slot| placing.placed[slot].is_some());
        let mut watched = BTreeSet::new();
        for (place, slot) in self.slots.iter().enumerate() {
            let (client, range) = slot.range();
            if placing.is_first[place] || !contradictory.has(client, &range) {
                continue;
            }
            let others =
                slot.said.iter().enumerate().filter(|(number, _)| placing.placed[place] != Some(*number));
            watched.extend(others.filter_map(|(_, (_, piece))| piece.needs().find(|id| !is_there(*id))));
        }
        watched
    }

    /// Which slots only crowds have, where nothing else hangs on them in any number of steps other than as what their client
    /// made before it.
    fn aside(&self) -> Vec<bool> {
        if !self.are_crowds.contains(&true) {
            return vec![false; self.slots.len()];
        }
        let is_crowd = |slot: &Slot<'_>| slot.said.iter().all(|(version, _)| self.are_crowds[*version]);
        let mut aside: Vec<bool> = self.slots.iter().map(is_crowd).collect();
        let beside = |slot: &Slot<'a>| -> Vec<Id> {
            slot.said.iter().flat_map(|(_, piece)| piece.neighbours()).collect()
        };
        let others = self.slots.iter().zip(&aside).filter(|(_, is_crowd)| !**is_crowd);
        let mut wanted: Vec<Id> = others.flat_map(|(slot, _)| beside(slot)).collect();
        while let Some(id) = wanted.pop() {
            if let Some(slot) = self.find(id).filter(|slot| aside[*slot]) {
                aside[slot] = false;
                wanted.extend(beside(&self.slots[slot]));
            }
        }
        aside
    }

    /// Which slot has an item.
    fn find(&self, id: Id) -> Option<usize> {
        let place = self.slots.partition_point(|slot| slot.id <= id).checked_sub(1)?;
        let slot = &self.slots[place];
        (slot.id.client == id.client && id.clock < slot.end).then_some(place)
    }
}

impl Slot<'_> {
    fn range(&self) -> (u64, Range<u64>) {
        (self.id.client, self.id.clock..self.end)
    }
}

/// One of the contents of a slot: which slot, and which of those that it has.
type Content = (usize, usize);

/// Items that are being placed.
struct Placing {
    /// Which of its contents each slot has.
    placed: Vec<Option<usize>>,
    /// Whether it had that before any content but a first one was taken.
    is_first: Vec<bool>,
    chooses: bool,
    /// Contents that can be placed now: first ones, and others.
    ready: Vec<Content>,
    others: BinaryHeap<Reverse<Content>>,
    /// How much each content of a slot still lacks, and who waits for a slot.
    lacks: Vec<Vec<usize>>,
    waiting: Vec<Vec<Content>>,
}

impl Placing {
    fn new(slots: &Slots<'_>) -> Placing {
        let count = slots.slots.len();
        let mut placing = Placing {
            placed: vec![None; count],
            is_first: vec![false; count],
            chooses: false,
            ready: Vec::new(),
            others: BinaryHeap::new(),
            lacks: Vec::with_capacity(count),
            waiting: vec![Vec::new(); count],
        };
        for (place, slot) in slots.slots.iter().enumerate() {
            let mut lacks = vec![0; slot.said.len()];
            for (number, (_, piece)) in slot.said.iter().enumerate() {
                let found: Vec<Option<usize>> = piece.needs().map(|needed| slots.find(needed)).collect();
                if found.is_empty() {
                    placing.offer((place, number));
                } else if found.iter().all(|needed| needed.is_some_and(|needed| needed != place)) {
                    lacks[number] = found.len();
                    found
                        .into_iter()
                        .flatten()
                        .for_each(|needed| placing.waiting[needed].push((place, number)));
                }
            }
            placing.lacks.push(lacks);
        }
        placing
    }

    fn offer(&mut self, content: Content) {
        if content.1 == 0 {
            self.ready.push(content);
        } else {
            self.others.push(Reverse(content));
        }
    }

    fn next(&mut self) -> Option<Content> {
        loop {
            let content = self.ready.pop().or_else(|| self.others.pop().map(|Reverse(content)| content))?;
            if self.placed[content.0].is_none() {
                self.chooses |= content.1 > 0;
                return Some(content);
            }
        }
    }

    fn place(&mut self, slot: usize, number: usize) {
        self.placed[slot] = Some(number);
        self.is_first[slot] = !self.chooses;
        for content in std::mem::take(&mut self.waiting[slot]) {
            let lacks = &mut self.lacks[content.0][content.1];
            *lacks -= 1;
            if *lacks == 0 {
                self.offer(content);
            }
        }
    }
}
