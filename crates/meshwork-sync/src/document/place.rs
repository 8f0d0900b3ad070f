//! Which items of a document stand, where somebody wrote one item twice or a record took somebody's updates.
//!
//! # How it works
//! The items of all updates are cut wherever one of them begins or ends, so that what two of them say of an item can be held
//! against each other. An item is placed once its predecessor, its origins and the type in which it lies are. Each takes
//! the content of the least update that stands, by id, and then of the least that does not; where nothing goes on, the
//! least item that another content can place takes that, and so on. So what stands depends on the set of updates alone,
//! and nobody can write an item again so that others' items wait for ever.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::signed::batch::BatchId;

use super::update::{Id, Piece, Ranges, Update};

/// An update, and whether it stands or only has others' items hanging on its own.
pub(super) struct Version<'a> {
    pub(super) id: BatchId,
    pub(super) update: Update<'a>,
    pub(super) stands: bool,
}

/// Parts of an item that are together in all updates.
struct Slot<'a> {
    end: u64,
    /// What each of the versions says of them, the first one first.
    said: Vec<(usize, Piece<'a>)>,
}

/// All items of some updates, cut alike.
pub(super) struct Slots<'a> {
    slots: BTreeMap<Id, Slot<'a>>,
    stands: Vec<bool>,
}

impl<'a> Slots<'a> {
    pub(super) fn of(mut versions: Vec<Version<'a>>) -> (Slots<'a>, Vec<BatchId>) {
        versions.sort_by_key(|version| (!version.stands, version.id));
        let items = || versions.iter().flat_map(|version| &version.update.items);
        let mut cuts: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for item in items() {
            let end = item.id.clock + item.length;
            cuts.entry(item.id.client).or_default().extend([item.id.clock, end]);
        }
        let mut slots: BTreeMap<Id, Slot<'a>> = BTreeMap::new();
        for (number, version) in versions.iter().enumerate() {
            for item in &version.update.items {
                let mut piece = Piece::of(item);
                let cuts = &cuts[&piece.id.client];
                let within: Vec<u64> = cuts.range(piece.id.clock + 1..piece.end()).copied().collect();
                let mut put = |piece: Piece<'a>| {
                    let slot = slots.entry(piece.id);
                    slot.or_insert_with(|| Slot { end: piece.end(), said: Vec::new() })
                        .said
                        .push((number, piece));
                };
                for cut in within {
                    let rest = piece.split_off(cut);
                    put(std::mem::replace(&mut piece, rest));
                }
                put(piece);
            }
        }
        let stands = versions.iter().map(|version| version.stands).collect();
        (Slots { slots, stands }, versions.iter().map(|version| version.id).collect())
    }

    /// Which of the versions that do not stand have items that one which does needs, in any number of steps.
    pub(super) fn needed(&self) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut looked: BTreeSet<Id> = BTreeSet::new();
        let said = self.slots.values().flat_map(|slot| &slot.said);
        let mut wanted: Vec<Id> =
            said.filter(|(version, _)| self.stands[*version]).flat_map(|(_, piece)| piece.needs()).collect();
        let mut of_version: BTreeMap<usize, Vec<&Piece<'a>>> = BTreeMap::new();
        for (version, piece) in self.slots.values().flat_map(|slot| &slot.said) {
            if !self.stands[*version] {
                of_version.entry(*version).or_default().push(piece);
            }
        }
        while let Some(id) = wanted.pop() {
            let Some((first, slot)) = self.find(id) else { continue };
            if !looked.insert(first) {
                continue;
            }
            // Also where one that stands has the item: it may be one that cannot be placed.
            for (version, _) in slot.said.iter().filter(|(version, _)| !self.stands[*version]) {
                if needed.insert(*version) {
                    wanted.extend(of_version[version].iter().flat_map(|piece| piece.needs()));
                }
            }
        }
        needed
    }

    /// Whether two versions say different things of one item, other than that its content is gone where it is deleted.
    pub(super) fn is_contradictory(&self, deleted: &Ranges) -> bool {
        self.slots.values().any(|slot| {
            let (_, first) = &slot.said[0];
            let is_deleted = deleted.has(first.id.client, &(first.id.clock..slot.end));
            let agrees = |piece: &Piece<'_>| {
                let same_place = piece.origin == first.origin && piece.right == first.right;
                let same_parent = piece.parent == first.parent && piece.key == first.key;
                same_place && same_parent && (is_deleted || piece.content == first.content)
            };
            !slot.said.iter().all(|(_, piece)| agrees(piece))
        })
    }

    /// What is placed.
    pub(super) fn place(self) -> Vec<Piece<'a>> {
        let mut placing = Placing::new(&self);
        while let Some((id, number)) = placing.next() {
            placing.place(id, number);
        }
        let placed = placing.placed;
        let stands = self.stands;
        let take = |(id, mut slot): (Id, Slot<'a>)| {
            let (version, mut piece) = slot.said.swap_remove(*placed.get(&id)?);
            if !stands[version] {
                piece.empty();
            }
            Some(piece)
        };
        self.slots.into_iter().filter_map(take).collect()
    }

    fn find(&self, id: Id) -> Option<(Id, &Slot<'a>)> {
        let (first, slot) = self.slots.range(..=id).next_back()?;
        (first.client == id.client && id.clock < slot.end).then_some((*first, slot))
    }
}

/// Items that are being placed.
#[derive(Default)]
struct Placing {
    /// Which of its contents each has.
    placed: BTreeMap<Id, usize>,
    /// Contents that can be placed now: first ones, and others.
    ready: Vec<(Id, usize)>,
    others: BTreeSet<(Id, usize)>,
    /// How much each content still lacks, and who waits for an item.
    lacks: BTreeMap<(Id, usize), usize>,
    waiting: BTreeMap<Id, Vec<(Id, usize)>>,
}

impl Placing {
    fn new(slots: &Slots<'_>) -> Placing {
        let mut placing = Placing::default();
        for (id, slot) in &slots.slots {
            for (number, (_, piece)) in slot.said.iter().enumerate() {
                let content = (*id, number);
                let found: Vec<Option<Id>> =
                    piece.needs().map(|needed| slots.find(needed).map(|(first, _)| first)).collect();
                if found.is_empty() {
                    placing.offer(content);
                } else if found.iter().all(|needed| needed.is_some_and(|needed| needed != *id)) {
                    placing.lacks.insert(content, found.len());
                    let found = found.into_iter().flatten();
                    found.for_each(|needed| placing.waiting.entry(needed).or_default().push(content));
                }
            }
        }
        placing
    }

    fn offer(&mut self, content: (Id, usize)) {
        if content.1 == 0 {
            self.ready.push(content);
        } else {
            self.others.insert(content);
        }
    }

    fn next(&mut self) -> Option<(Id, usize)> {
        loop {
            let (id, number) = self.ready.pop().or_else(|| self.others.pop_first())?;
            if !self.placed.contains_key(&id) {
                return Some((id, number));
            }
        }
    }

    fn place(&mut self, id: Id, number: usize) {
        self.placed.insert(id, number);
        for content in self.waiting.remove(&id).unwrap_or_default() {
            let lacks = self.lacks.get_mut(&content).expect("it waits for something");
            *lacks -= 1;
            if *lacks == 0 {
                self.offer(content);
            }
        }
    }
}
