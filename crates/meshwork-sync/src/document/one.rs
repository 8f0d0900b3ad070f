//! One document: the updates that make it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use meshwork_core::id::PeerId;
use meshwork_core::signed::batch::{BatchId, SignedBatch};

use super::index::{Index, spans};
use super::place::{Slots, Version};
use super::said::Said;
use super::update::{Container, Id, Item, Piece, Ranges, Says, slices, write};
use super::upto::{Upto, runs};

/// The updates of one document that are kept, by numbers that their replica gives.
#[derive(Debug, Default)]
pub(super) struct Document {
    held: BTreeMap<u32, Held>,
    items: Index,
    deletions: Index,
    /// Of what is held, which items have all that comes before them.
    upto: Upto,
    /// Items that records erased.
    erased: Ranges,
    /// Whether two updates say different things of one item.
    is_contradictory: bool,
}

/// An update that is kept.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) batch: SignedBatch,
    /// Whether it stands, or is kept because others' items hang on its own.
    pub(super) stands: bool,
    /// Which items it inserts.
    items: Ranges,
    /// Which items it deletes.
    deletions: Ranges,
}

/// What came of an update.
pub(super) struct Entered {
    /// Numbers of those that it contains: they are not kept any more.
    pub(super) contained: Vec<u32>,
    /// The updates that make of the document as it was the document as it is; `None` where none do.
    pub(super) added: Option<Vec<Vec<u8>>>,
}

impl Document {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn held(&self) -> impl Iterator<Item = (u32, &Held)> {
        self.held.iter().map(|(number, held)| (*number, held))
    }

    pub(super) fn get(&self, number: u32) -> Option<&Held> {
        self.held.get(&number)
    }

    /// Takes an update in; `None` where one of the same peer says all of it already.
    pub(super) fn enter(
        &mut self,
        number: u32,
        batch: &SignedBatch,
        said: &Said<'_>,
        stands: bool,
    ) -> Option<Entered> {
        let (items, deletions) = (said.update.inserted(), said.update.deleted());
        let held = Held { batch: batch.clone(), stands, items, deletions };
        let beside = self.items.meeting(&held.items);
        let contained = self.contained(&held, said, &beside, None)?;
        let beside: Vec<&Held> =
            beside.iter().filter(|other| !contained.contains(other)).map(|other| &self.held[other]).collect();
        let before = self.is_contradictory;
        if !before && !beside.is_empty() {
            let own = Version { id: batch.id(), update: said.update.clone(), stands };
            let of_held = beside.iter().filter_map(|other| other.version());
            self.is_contradictory = is_contradictory(of_held.chain([own]).collect());
        }
        let mut met = contained.iter().map(|other| &self.held[other]).chain(beside);
        let hides = met.any(|other| !other.stands);
        let erases = !self.erased.both(&held.items).is_empty();
        let is_plain = stands && !before && !self.is_contradictory && !hides && !erases;
        self.items.insert(held.items.as_slice(), number);
        self.deletions.insert(&spans(&held.deletions), number);
        self.held.insert(number, held);
        let added = if is_plain { self.place(number, said) } else { None };
        Some(Entered { contained, added })
    }

    /// Numbers of the updates that one of the same peer contains, where it has items in common with those `beside` it; `None`
    /// where one of them contains it. One that is held already has a number, and is not held against itself.
    fn contained(&self, new: &Held, said: &Said<'_>, beside: &[u32], own: Option<u32>) -> Option<Vec<u32>> {
        let mut contained = Vec::new();
        let mut container = Container::of(&said.update, &new.deletions);
        // Updates that delete the same have to be looked at where one of the two inserts nothing.
        let deleting = self
            .deletions
            .meeting(&new.deletions)
            .into_iter()
            .filter(|number| beside.binary_search(number).is_err());
        for number in beside.iter().copied().chain(deleting) {
            let held = &self.held[&number];
            if Some(number) == own || held.batch.peer() != new.batch.peer() {
                continue;
            }
            let (may_have, may_be_had) = (new.covers(held), held.covers(new));
            if !(may_have || may_be_had) {
                continue;
            }
            let Ok(theirs) = Said::read(held.batch.payload()) else { continue };
            let has = may_have && container.has_items(&theirs.update);
            let is_had = may_be_had && Container::of(&theirs.update, &held.deletions).has_items(&said.update);
            let is_first = || held.batch.id() <= new.batch.id();
            if is_had && held.stands >= new.stands && (!has || is_first()) {
                return None;
            }
            if has && new.stands >= held.stands {
                contained.push(number);
            }
        }
        Some(contained)
    }

    /// Places what an update brings, and what waited for that. Returns it as updates, the second after what it needs; `None` where
    /// something waited and some updates do not stand, so that what shows of an item is not told by one of them.
    fn place(&mut self, number: u32, said: &Said<'_>) -> Option<Vec<Vec<u8>>> {
        let items = &said.update.items;
        let placed = self.upto.place(number, items, &mut runs(items));
        let ready = self.upto.take_ready(&placed);
        if !ready.is_empty() && self.held.values().any(|held| !held.stands) {
            return None;
        }
        let mut added = Vec::new();
        let all_shown = placed.iter().all(|item| self.upto.shows(item.id));
        if all_shown && placed.len() == said.update.items.len() {
            added.push(said.bytes.to_vec());
        } else {
            // A fold says little that was not said.
            let deletions = said.update.deleted();
            let own = self.held[&number].batch.id();
            let known = self.deleted_in(&deletions, |other| other.batch.id() != own);
            let deletions = deletions.without(&known);
            if !placed.is_empty() || !deletions.is_empty() {
                added.push(write(pieces(&placed, &self.upto), &deletions));
            }
        }
        let Document { held, upto, erased, .. } = self;
        let waited = place_ready(held, upto, ready);
        if !waited.is_empty() {
            added.push(write(shown(pieces(&waited, upto), erased), &Ranges::default()));
        }
        Some(added)
    }

    /// What of some items is deleted by updates that stand, those for which `counts` holds.
    pub(super) fn deleted_in(&self, items: &Ranges, counts: impl Fn(&Held) -> bool) -> Ranges {
        let near = self.deletions.meeting(items);
        let near = near.iter().map(|number| &self.held[number]).filter(|held| held.stands && counts(held));
        let met: Vec<Ranges> = near.map(|held| held.deletions.both(items)).collect();
        met.iter().flat_map(Ranges::iter).cloned().collect()
    }

    pub(super) fn leave(&mut self, number: u32) -> Option<SignedBatch> {
        let held = self.held.remove(&number)?;
        self.items.remove(held.items.as_slice(), number);
        self.deletions.remove(&spans(&held.deletions), number);
        Some(held.batch)
    }

    /// Says anew which updates stand. Returns whether that changed.
    pub(super) fn judge(&mut self, stands: impl Fn(&SignedBatch) -> bool) -> bool {
        let mut changed = false;
        for held in self.held.values_mut() {
            let now = stands(&held.batch);
            changed |= now != held.stands;
            held.stands = now;
        }
        changed
    }

    /// Says that one does not stand.
    pub(super) fn fell(&mut self, number: u32) {
        if let Some(held) = self.held.get_mut(&number) {
            held.stands = false;
        }
    }

    /// Takes out what another one of the same peer contains: where some stand or fell since they came, that may be more.
    pub(super) fn drop_contained(&mut self) -> Vec<(u32, SignedBatch)> {
        let mut dropped = Vec::new();
        for number in self.held.keys().copied().collect::<Vec<u32>>() {
            let Some(held) = self.held.get(&number) else { continue };
            let Ok(said) = Said::read(held.batch.payload()) else { continue };
            let beside = self.items.meeting(&held.items);
            let gone = self.contained(held, &said, &beside, Some(number)).unwrap_or_else(|| vec![number]);
            dropped.extend(gone.into_iter().filter_map(|gone| Some((gone, self.leave(gone)?))));
        }
        dropped
    }

    /// Sets which items records erased. Returns whether that changed.
    pub(super) fn erase(&mut self, erased: Ranges) -> bool {
        std::mem::replace(&mut self.erased, erased) != self.erased
    }

    /// Takes out what does not stand and has nothing hanging on it that does.
    pub(super) fn sweep(&mut self) -> Vec<(u32, SignedBatch)> {
        if self.held.values().all(|held| held.stands) {
            return Vec::new();
        }
        let (slots, ids) = Slots::of(self.versions());
        let needed = slots.needed();
        let mut needed: Vec<BatchId> =
            ids.into_iter().zip(needed).filter_map(|(id, is_needed)| is_needed.then_some(id)).collect();
        needed.sort_unstable();
        let is_gone = |held: &Held| !held.stands && needed.binary_search(&held.batch.id()).is_err();
        let gone: Vec<u32> =
            self.held().filter(|(_, held)| is_gone(held)).map(|(number, _)| number).collect();
        gone.into_iter().filter_map(|number| Some((number, self.leave(number)?))).collect()
    }

    /// Finds out anew whether two updates contradict each other, and what is placed.
    pub(super) fn compare(&mut self) {
        self.is_contradictory = is_contradictory(self.versions());
        self.upto = Upto::default();
        place_ready(&self.held, &mut self.upto, self.held.keys().copied().collect());
    }

    /// The update of Yjs that makes what stands.
    pub(super) fn whole(&self) -> Vec<u8> {
        let (pieces, deletions) = self.pieces();
        write(pieces, &deletions)
    }

    /// The same in updates to be applied one after the other, each of at most so many items.
    pub(super) fn slices(&self, items_max: usize) -> Vec<Vec<u8>> {
        let (pieces, deletions) = self.pieces();
        slices(pieces, &deletions, items_max)
    }

    /// All that shows, with what is deleted of it.
    fn pieces(&self) -> (Vec<Piece<'_>>, Ranges) {
        let versions = self.versions();
        let deletions = self.deleted();
        let is_plain =
            !self.is_contradictory && self.erased.is_empty() && self.held.values().all(|held| held.stands);
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        if is_plain {
            pieces.reserve(versions.iter().map(|version| version.update.items.len()).sum());
            let items = versions.iter().flat_map(|version| &version.update.items);
            let placed = items.map(Piece::of).filter(|piece| self.upto.has(piece.id));
            pieces.extend(placed.map(|piece| settled(piece, |id| self.upto.shows(id))));
        } else {
            pieces = shown(Slots::of(self.versions()).0.place(), &self.erased);
        }
        (pieces, deletions)
    }

    /// The items of what stands that nobody deleted and no record erased.
    pub(super) fn showing(&self) -> Ranges {
        let gone: Ranges = self.deleted().iter().chain(self.erased.iter()).cloned().collect();
        let standing = self.versions().into_iter().filter(|version| version.stands);
        standing.flat_map(|version| version.update.items).flat_map(|item| left_of(&item, &gone)).collect()
    }

    /// Whether there is one. The latest updates are read first: what was written last was seldom deleted.
    pub(super) fn is_showing(&self) -> bool {
        self.held.values().rev().filter(|held| held.stands).any(|held| {
            let deleting = self.deletions.meeting(&held.items);
            let standing = deleting.iter().map(|number| &self.held[number]).filter(|other| other.stands);
            let gone = standing.flat_map(|other| other.deletions.iter()).chain(self.erased.iter());
            let gone = gone.cloned().collect();
            let items = held.version().map_or_else(Vec::new, |version| version.update.items);
            items.iter().any(|item| !left_of(item, &gone).is_empty())
        })
    }

    /// What updates that stand delete.
    fn deleted(&self) -> Ranges {
        let standing = self.held.values().filter(|held| held.stands);
        standing.flat_map(|held| held.deletions.iter().cloned()).collect()
    }

    /// Who wrote an item: the peer that signed it.
    pub(super) fn writer(&self, id: Id) -> Option<&SignedBatch> {
        let met = self.items.meeting(&[(id.client, id.clock..id.clock + 1)].into_iter().collect());
        let held = met.iter().map(|number| &self.held[number]);
        held.min_by_key(|held| (!held.stands, held.batch.id())).map(|held| &held.batch)
    }

    /// What a peer wrote, seeds aside.
    pub(super) fn items_of(&self, peer: PeerId) -> Ranges {
        let own = self.held.values().filter(|held| held.batch.peer() == peer && !held.is_seed());
        own.flat_map(|held| held.items.iter().cloned()).collect()
    }

    /// Behind the last item of a client.
    pub(super) fn end_of(&self, client: u64) -> u64 {
        self.items.end_of(client)
    }

    /// Behind the last item of a client that shows, if only as a place.
    pub(super) fn shown_to(&self, client: u64) -> u64 {
        if self.end_of(client) == 0 {
            return 0;
        }
        let (pieces, _) = self.pieces();
        pieces.iter().filter(|piece| piece.id.client == client).map(Piece::end).max().unwrap_or(0)
    }

    fn versions(&self) -> Vec<Version<'_>> {
        self.held.values().filter_map(Held::version).collect()
    }
}

impl Held {
    fn version(&self) -> Option<Version<'_>> {
        let update = Said::read(self.batch.payload()).ok()?.update;
        Some(Version { id: self.batch.id(), update, stands: self.stands })
    }

    fn is_seed(&self) -> bool {
        let author = self.batch.header().author;
        Said::read(self.batch.payload()).is_ok_and(|said| {
            let instances = said.former.iter().copied().chain([author.instance]);
            !said.update.items.is_empty() && said.writers(author.peer, instances).is_empty()
        })
    }

    /// Whether it inserts and deletes all items that `other` does, whatever it says of them.
    fn covers(&self, other: &Held) -> bool {
        self.items.has_all(&other.items) && self.deletions.has_all(&other.deletions)
    }

    /// Which items it inserts.
    pub(super) fn items(&self) -> &Ranges {
        &self.items
    }
}

/// Places what can be placed of some updates and of those that waited for them, in any number of steps. Returns that.
fn place_ready<'h>(
    held: &'h BTreeMap<u32, Held>,
    upto: &mut Upto,
    mut ready: BTreeSet<u32>,
) -> Vec<Item<'h>> {
    // What was read, with what is left of it, since two may wait for each other many times.
    let mut read: BTreeMap<u32, (Vec<Item<'h>>, Vec<Range<usize>>)> = BTreeMap::new();
    let mut all = Vec::new();
    while let Some(number) = ready.pop_first() {
        let Some(held) = held.get(&number) else { continue };
        let (items, left) = read.entry(number).or_insert_with(|| {
            let items = Said::read(held.batch.payload()).map(|said| said.update.items).unwrap_or_default();
            let left = runs(&items);
            (items, left)
        });
        let placed = upto.place(number, items, left);
        ready.extend(upto.take_ready(&placed));
        all.extend(placed);
    }
    all
}

fn pieces<'a>(items: &[Item<'a>], upto: &Upto) -> Vec<Piece<'a>> {
    items.iter().map(|item| settled(Piece::of(item), |id| upto.shows(id))).collect()
}

/// A piece as it stands, where it lies in a list.
pub(super) fn settled<'a>(mut piece: Piece<'a>, shows: impl FnOnce(Id) -> bool) -> Piece<'a> {
    if !shows(piece.id) {
        piece.exile();
    }
    piece
}

/// The ranges of an item that were not deleted, by whomever.
fn left_of(item: &Item<'_>, gone: &Ranges) -> Vec<(u64, Range<u64>)> {
    let mut left = Vec::new();
    Piece::of(item).split_by(gone, |piece, is_gone| {
        if !is_gone && piece.content != Says::Deleted {
            left.push((piece.id.client, piece.id.clock..piece.end()));
        }
    });
    left
}

/// Pieces as they show: without content where that was erased.
fn shown<'a>(pieces: Vec<Piece<'a>>, erased: &Ranges) -> Vec<Piece<'a>> {
    let mut shown = Vec::with_capacity(pieces.len());
    for piece in pieces {
        piece.split_by(erased, |mut piece, is_erased| {
            if is_erased {
                piece.empty();
            }
            shown.push(piece);
        });
    }
    shown
}

fn is_contradictory(versions: Vec<Version<'_>>) -> bool {
    let standing = versions.iter().filter(|version| version.stands);
    let deleted = standing.flat_map(|version| version.update.deletions.iter().cloned()).collect();
    Slots::of(versions).0.is_contradictory(&deleted)
}
