//! One document: the updates that make it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use meshwork_core::id::PeerId;
use meshwork_core::signed::batch::SignedBatch;

use super::index::{Index, spans};
use super::place::{Slots, Version};
use super::said::Said;
use super::update::{Id, Piece, Ranges, Says, Update, write};
use super::upto::Upto;

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
    pub(super) fn enter(&mut self, number: u32, batch: SignedBatch, stands: bool) -> Option<Entered> {
        let said = Said::read(batch.payload()).ok()?;
        let (items, deletions) = (items_of(&said.update), deletions_of(&said.update));
        let near: BTreeSet<u32> =
            self.items.meeting(&items).into_iter().chain(self.deletions.meeting(&deletions)).collect();
        let mut contained = Vec::new();
        for &other in &near {
            let held = &self.held[&other];
            if held.batch.peer() != batch.peer() {
                continue;
            }
            let Ok(theirs) = Said::read(held.batch.payload()) else { continue };
            let (has, is_had) = (said.update.contains(&theirs.update), theirs.update.contains(&said.update));
            if is_had && held.stands >= stands && (!has || held.batch.id() <= batch.id()) {
                return None;
            }
            if has && stands >= held.stands {
                contained.push(other);
            }
        }
        let before = self.is_contradictory;
        let beside: Vec<u32> =
            self.items.meeting(&items).into_iter().filter(|other| !contained.contains(other)).collect();
        if !before && !beside.is_empty() {
            let of_held = beside.iter().filter_map(|other| self.held.get(other)).filter_map(Held::version);
            let own = Version { id: batch.id(), update: said.update.clone(), stands };
            let versions: Vec<Version<'_>> = of_held.chain([own]).collect();
            self.is_contradictory = is_contradictory(versions);
        }
        let hides = contained.iter().chain(&beside).any(|other| !self.held[other].stands);
        let erases = items.iter().any(|(client, range)| self.erased.within(*client, range).next().is_some());
        let is_plain = stands && !before && !self.is_contradictory && !hides && !erases;
        self.items.insert(&items, number);
        self.deletions.insert(&deletions, number);
        self.held.insert(number, Held { batch: batch.clone(), stands });
        let added = if is_plain { self.place(number, &said) } else { None };
        Some(Entered { contained, added })
    }

    /// Places what an update brings, and what waited for that. Returns it as updates, each after what it needs; `None` where
    /// something waited and some updates do not stand, so that what shows of an item is not told by one of them.
    fn place(&mut self, number: u32, said: &Said<'_>) -> Option<Vec<Vec<u8>>> {
        let placed = self.upto.place(number, &said.update);
        let parts: u64 = placed.iter().map(|piece| piece.length).sum();
        let is_whole = parts == said.update.items.iter().map(|item| item.length).sum::<u64>();
        let deletions = Ranges::of(&said.update.deletions);
        let mut ready = self.upto.take_ready(&placed);
        if !ready.is_empty() && self.held.values().any(|held| !held.stands) {
            return None;
        }
        let mut added = vec![if is_whole { said.bytes.to_vec() } else { write(placed, &deletions) }];
        while let Some(number) = ready.pop_first() {
            let Some(held) = self.held.get(&number) else { continue };
            let Ok(said) = Said::read(held.batch.payload()) else { continue };
            let placed = self.upto.place(number, &said.update);
            ready.extend(self.upto.take_ready(&placed));
            if !placed.is_empty() {
                added.push(write(self.shown(placed), &Ranges::default()));
            }
        }
        Some(added)
    }

    pub(super) fn leave(&mut self, number: u32) -> Option<SignedBatch> {
        let held = self.held.remove(&number)?;
        if let Ok(said) = Said::read(held.batch.payload()) {
            self.items.remove(&items_of(&said.update), number);
            self.deletions.remove(&deletions_of(&said.update), number);
        }
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
        let needed: BTreeSet<_> = slots.needed().into_iter().map(|place| ids[place]).collect();
        let is_gone = |held: &Held| !held.stands && !needed.contains(&held.batch.id());
        let gone: Vec<u32> =
            self.held().filter(|(_, held)| is_gone(held)).map(|(number, _)| number).collect();
        gone.into_iter().filter_map(|number| Some((number, self.leave(number)?))).collect()
    }

    /// Finds out anew whether two updates contradict each other, and what is placed.
    pub(super) fn compare(&mut self) {
        self.is_contradictory = is_contradictory(self.versions());
        self.upto = Upto::default();
        let mut waiting: BTreeSet<u32> = self.held.keys().copied().collect();
        while let Some(number) = waiting.pop_first() {
            let held = self.held.get(&number).and_then(|held| Said::read(held.batch.payload()).ok());
            let placed = held.map(|said| self.upto.place(number, &said.update)).unwrap_or_default();
            waiting.extend(self.upto.take_ready(&placed));
        }
    }

    /// The update of Yjs that makes what stands.
    pub(super) fn whole(&self) -> Vec<u8> {
        let versions = self.versions();
        let standing = versions.iter().filter(|version| version.stands);
        let deletions = Ranges::of(standing.flat_map(|version| &version.update.deletions));
        let is_plain =
            !self.is_contradictory && self.erased.is_empty() && self.held.values().all(|held| held.stands);
        let mut pieces: Vec<Piece<'_>> = Vec::new();
        if is_plain {
            let items = versions.iter().flat_map(|version| &version.update.items);
            pieces.extend(items.map(Piece::of).filter(|piece| self.upto.has(piece.id)));
        } else {
            pieces = self.shown(Slots::of(self.versions()).0.place());
        }
        write(pieces, &deletions)
    }

    /// The items of what stands that nobody deleted and no record erased.
    pub(super) fn showing(&self) -> Ranges {
        let versions = self.versions();
        let standing = || versions.iter().filter(|version| version.stands);
        let deleted: Vec<(u64, Range<u64>)> = standing()
            .flat_map(|version| version.update.deletions.iter().cloned())
            .chain(self.erased.clone().into_pairs())
            .collect();
        let deleted = Ranges::of(&deleted);
        let mut showing = Vec::new();
        for item in standing().flat_map(|version| &version.update.items) {
            Piece::of(item).split_by(&deleted, |piece, is_deleted| {
                if !is_deleted && piece.content != Says::Deleted {
                    showing.push((piece.id.client, piece.id.clock..piece.end()));
                }
            });
        }
        Ranges::of(&showing)
    }

    /// Pieces as they show: without content where that was erased.
    fn shown<'a>(&self, pieces: Vec<Piece<'a>>) -> Vec<Piece<'a>> {
        let mut shown = Vec::with_capacity(pieces.len());
        for piece in pieces {
            piece.split_by(&self.erased, |mut piece, is_erased| {
                if is_erased {
                    piece.empty();
                }
                shown.push(piece);
            });
        }
        shown
    }

    /// Who wrote an item: the peer that signed it.
    pub(super) fn author(&self, id: Id) -> Option<PeerId> {
        let span = BTreeMap::from([(id.client, id.clock..id.clock + 1)]);
        let met = self.items.meeting(&span);
        let held = met.into_iter().filter_map(|number| self.held.get(&number));
        let has = |held: &&Held| held.version().is_some_and(|version| version.update.has(id));
        held.filter(has).min_by_key(|held| (!held.stands, held.batch.id())).map(|held| held.batch.peer())
    }

    /// Behind the last item of a client.
    pub(super) fn end_of(&self, client: u64) -> u64 {
        self.items.end_of(client)
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
}

fn is_contradictory(versions: Vec<Version<'_>>) -> bool {
    let standing = versions.iter().filter(|version| version.stands);
    let deleted = Ranges::of(standing.flat_map(|version| &version.update.deletions));
    Slots::of(versions).0.is_contradictory(&deleted)
}

fn items_of(update: &Update<'_>) -> BTreeMap<u64, Range<u64>> {
    spans(update.items.iter().map(|item| (item.id.client, item.id.clock..item.id.clock + item.length)))
}

fn deletions_of(update: &Update<'_>) -> BTreeMap<u64, Range<u64>> {
    spans(update.deletions.iter().cloned())
}
