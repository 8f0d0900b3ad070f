//! One document: the updates that make it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use meshwork_core::id::PeerId;
use meshwork_core::signed::batch::{BatchId, SignedBatch};

use super::crowds::Crowds;
use super::index::{Index, spans};
use super::place::{Slots, Version};
use super::replica::SLICE_ITEMS;
use super::said::Said;
use super::settled::{Placed, Settled, slots};
use super::update::{Container, Id, Item, Piece, Ranges, Says, slices as cut, write};
use super::upto::Upto;

/// The updates of one document that are kept, by numbers that their replica gives.
#[derive(Debug)]
pub(super) struct Document {
    held: BTreeMap<u32, Held>,
    items: Index,
    deletions: Index,
    /// How many items of one peer are in one place.
    crowds: Crowds,
    /// What is placed, where that is known: something that others have to be placed anew for makes it unknown, until somebody
    /// reads the document.
    settled: OnceLock<Settled>,
    /// Items that records erased.
    erased: Ranges,
}

/// An update that is kept.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) batch: SignedBatch,
    /// Whether it stands, or is kept because others' items hang on its own.
    pub(super) stands: bool,
    /// Whether it has more items in one place than its author has place for. It is kept and compared as if it had not, and
    /// shows like what does not stand.
    pub(super) is_crowd: bool,
    /// Which items it inserts.
    items: Ranges,
    /// Which items it deletes.
    deletions: Ranges,
}

/// An update that may be taken in.
pub(super) struct Met {
    held: Held,
    /// Numbers of those that it contains.
    pub(super) contained: Vec<u32>,
    /// Numbers of the others of the same items.
    beside: Vec<u32>,
}

/// What came of an update.
pub(super) struct Entered {
    /// The updates that make of the document as it was the document as it is; `None` where none do.
    pub(super) added: Option<Vec<Vec<u8>>>,
    /// Whether what does not stand may be needed no longer, or never was.
    pub(super) sweeps: bool,
}

impl Default for Document {
    fn default() -> Document {
        Document {
            held: BTreeMap::new(),
            items: Index::default(),
            deletions: Index::default(),
            crowds: Crowds::default(),
            settled: OnceLock::from(Settled::default()),
            erased: Ranges::default(),
        }
    }
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

    /// What an update meets here; `None` where one of the same peer says all of it already.
    pub(super) fn meet(&self, batch: &SignedBatch, said: &Said<'_>, stands: bool) -> Option<Met> {
        let (items, deletions) = (said.update.inserted(), said.update.deleted());
        let held = Held { batch: batch.clone(), stands, is_crowd: false, items, deletions };
        let mut beside = self.items.meeting(&held.items);
        let contained = self.contained(&held, said, &beside, None)?;
        beside.retain(|other| !contained.contains(other));
        Some(Met { held, contained, beside })
    }

    /// Whether nothing hangs on an update that does not stand, for certain.
    pub(super) fn is_unneeded(&self, met: &Met) -> bool {
        let is_alone = met.contained.is_empty() && met.beside.is_empty();
        is_alone && self.settled().knows_none_of(&self.held, &met.held.items)
    }

    /// Takes an update in; those that it contains are still to be taken out. One that falls is beyond its author's share.
    pub(super) fn enter(&mut self, number: u32, met: Met, said: &Said<'_>, falls: bool) -> Entered {
        let Met { mut held, contained, beside } = met;
        held.stands &= !falls;
        let near = || contained.iter().chain(&beside).map(|other| &self.held[other]);
        let hides = near().any(|other| !other.stands);
        let is_other = hides || near().any(|other| other.is_crowd) || self.contradicts(&held, said, &beside);
        let stands = held.stands;
        self.items.insert(held.items.as_slice(), number);
        self.deletions.insert(&spans(&held.deletions), number);
        self.held.insert(number, held);
        let crowds = if stands {
            self.crowds.insert(&self.held[&number].batch, number, &said.update)
        } else {
            Vec::new()
        };
        let is_crowded = crowds.iter().any(|crowd| *crowd != number);
        for crowd in crowds {
            self.held.get_mut(&crowd).into_iter().for_each(|held| held.is_crowd = true);
        }
        if !stands {
            // A sweep says whether it is kept.
            return Entered { added: None, sweeps: true };
        }
        let added = if is_other || is_crowded { None } else { self.place(number, said) };
        if added.is_none() {
            self.unsettle();
        }
        Entered { added, sweeps: hides }
    }

    /// Whether more has to be placed anew than an update that is new.
    fn contradicts(&self, new: &Held, said: &Said<'_>, beside: &[u32]) -> bool {
        let Some(settled) = self.settled.get() else { return true };
        if settled.meets(&new.items) || !self.erased.both(&new.items).is_empty() {
            return true;
        }
        let beside: Vec<Version<'_>> = beside.iter().filter_map(|other| self.held[other].version()).collect();
        if beside.is_empty() {
            return false;
        }
        let (id, update) = (new.batch.id(), said.update.clone());
        let own = Version { id, update, stands: new.stands, is_crowd: false };
        let versions: Vec<Version<'_>> = beside.into_iter().chain([own]).collect();
        let standing = versions.iter().filter(|version| version.stands);
        let deleted = standing.flat_map(|version| version.update.deletions.iter().cloned()).collect();
        !Slots::of(versions).0.contradictory(&deleted).is_empty()
    }

    /// What is placed here is to be found out anew.
    pub(super) fn unsettle(&mut self) {
        self.settled.take();
    }

    fn settled(&self) -> &Settled {
        self.settled.get_or_init(|| Settled::of(&self.held))
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

    /// Places what an update brings, and what waited for that. Returns it as updates, the second after what it needs; `None`
    /// where something has to be placed anew.
    fn place(&mut self, number: u32, said: &Said<'_>) -> Option<Vec<Vec<u8>>> {
        let mut settled = self.settled.take()?;
        let added = self.placed(&mut settled, number, said);
        if added.is_some() {
            self.settled = OnceLock::from(settled);
        }
        added
    }

    fn placed(&self, settled: &mut Settled, number: u32, said: &Said<'_>) -> Option<Vec<Vec<u8>>> {
        let held = &self.held[&number];
        if held.is_crowd {
            if !settled.knows_none_of(&self.held, &held.items) || self.items.meeting(&held.items) != [number]
            {
                return None;
            }
            settled.put_aside(&held.items);
            return Some(Vec::new());
        }
        let Placed { own, waited } = settled.place(&self.held, number, &said.update.items)?;
        let upto = &settled.upto;
        let mut added = Vec::new();
        let all_shown = own.iter().all(|item| upto.shows(item.id));
        if own.len() > SLICE_ITEMS {
            added.extend(cut(pieces(&own, upto), &said.update.deleted(), SLICE_ITEMS, None));
        } else if all_shown && own.len() == said.update.items.len() {
            added.push(said.bytes.to_vec());
        } else {
            // A fold says little that was not said.
            let deletions = said.update.deleted();
            let id = held.batch.id();
            let known = self.deleted_in(&deletions, |other| other.batch.id() != id);
            let deletions = deletions.without(&known);
            if !own.is_empty() || !deletions.is_empty() {
                added.push(write(pieces(&own, upto), &deletions));
            }
        }
        if !waited.is_empty() {
            let waited = shown(pieces(&waited, upto), &self.erased);
            added.extend(cut(waited, &Ranges::default(), SLICE_ITEMS, None));
        }
        Some(added)
    }

    /// What of some items is deleted by updates that stand, those for which `counts` holds.
    pub(super) fn deleted_in(&self, items: &Ranges, counts: impl Fn(&Held) -> bool) -> Ranges {
        let near = self.deletions.meeting(items);
        let near = near.iter().map(|number| &self.held[number]).filter(|held| held.shows() && counts(held));
        let met: Vec<Ranges> = near.map(|held| held.deletions.both(items)).collect();
        met.iter().flat_map(Ranges::iter).cloned().collect()
    }

    pub(super) fn leave(&mut self, number: u32) -> Option<SignedBatch> {
        let held = self.held.remove(&number)?;
        self.items.remove(held.items.as_slice(), number);
        self.deletions.remove(&spans(&held.deletions), number);
        self.uncrowd(number, &held);
        Some(held.batch)
    }

    /// An update does not count in its places any more, so that others may be no crowds.
    fn uncrowd(&mut self, number: u32, held: &Held) {
        let Ok(said) = Said::read(held.batch.payload()) else { return };
        for other in self.crowds.remove(&held.batch, number, &said.update) {
            self.held.get_mut(&other).into_iter().for_each(|other| other.is_crowd = false);
            self.unsettle();
        }
    }

    /// Counts anew how many items each peer has in each place.
    fn recount(&mut self) {
        self.crowds.clear();
        let mut crowds = Vec::new();
        for (number, held) in &mut self.held {
            held.is_crowd = false;
            let said = Said::read(held.batch.payload()).ok().filter(|_| held.stands);
            crowds.extend(
                said.into_iter().flat_map(|said| self.crowds.insert(&held.batch, *number, &said.update)),
            );
        }
        for crowd in crowds {
            self.held.get_mut(&crowd).into_iter().for_each(|held| held.is_crowd = true);
        }
    }

    /// Says anew which updates stand. Returns whether that changed.
    pub(super) fn judge(&mut self, stands: impl Fn(&SignedBatch) -> bool) -> bool {
        let mut changed = false;
        for held in self.held.values_mut() {
            let now = stands(&held.batch);
            changed |= now != held.stands;
            held.stands = now;
        }
        if changed {
            self.recount();
            self.unsettle();
        }
        changed
    }

    /// Says that one does not stand.
    pub(super) fn fell(&mut self, number: u32) {
        if let Some(mut held) = self.held.remove(&number) {
            (held.stands, held.is_crowd) = (false, false);
            self.uncrowd(number, &held);
            self.held.insert(number, held);
            self.unsettle();
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
        // Crowds hold what they need, so that all keep the same, whatever shows.
        let kept =
            self.held.values().filter_map(|held| Some(Version { stands: held.stands, ..held.version()? }));
        let (slots, ids) = Slots::of(kept.collect());
        let needed = slots.needed();
        let mut needed: Vec<BatchId> =
            ids.into_iter().zip(needed).filter_map(|(id, is_needed)| is_needed.then_some(id)).collect();
        needed.sort_unstable();
        let is_gone = |held: &Held| !held.stands && needed.binary_search(&held.batch.id()).is_err();
        let gone: Vec<u32> =
            self.held().filter(|(_, held)| is_gone(held)).map(|(number, _)| number).collect();
        gone.into_iter().filter_map(|number| Some((number, self.leave(number)?))).collect()
    }

    /// The update of Yjs that makes what stands.
    pub(super) fn whole(&self) -> Vec<u8> {
        let (pieces, deletions) = self.pieces();
        write(pieces, &deletions)
    }

    /// The same in updates to be applied one after the other, with what a client made in the first.
    pub(super) fn slices(&self, client: u64) -> Vec<Vec<u8>> {
        let (pieces, deletions) = self.pieces();
        cut(pieces, &deletions, SLICE_ITEMS, Some(client))
    }

    /// All that shows, with what is deleted of it.
    fn pieces(&self) -> (Vec<Piece<'_>>, Ranges) {
        let settled = self.settled();
        let is_plain = settled.is_plain() && self.erased.is_empty() && self.held.values().all(Held::shows);
        let pieces = if is_plain {
            let versions = self.versions();
            let mut pieces =
                Vec::with_capacity(versions.iter().map(|version| version.update.items.len()).sum());
            let items = versions.iter().flat_map(|version| &version.update.items);
            let placed = items.map(Piece::of).filter(|piece| settled.upto.has(piece.id));
            pieces.extend(placed.map(|piece| self::settled(piece, |id| settled.upto.shows(id))));
            pieces
        } else {
            shown(slots(&self.held).0.place(), &self.erased)
        };
        (pieces, self.deleted())
    }

    /// The items of what stands that nobody deleted and no record erased.
    pub(super) fn showing(&self) -> Ranges {
        let gone: Ranges = self.deleted().iter().chain(self.erased.iter()).cloned().collect();
        let standing = self.versions().into_iter().filter(|version| version.stands);
        standing.flat_map(|version| version.update.items).flat_map(|item| left_of(&item, &gone)).collect()
    }

    /// Whether there is one. The latest updates are read first: what was written last was seldom deleted.
    pub(super) fn is_showing(&self) -> bool {
        self.held.values().rev().filter(|held| held.shows()).any(|held| {
            let deleting = self.deletions.meeting(&held.items);
            let standing = deleting.iter().map(|number| &self.held[number]).filter(|other| other.shows());
            let gone = standing.flat_map(|other| other.deletions.iter()).chain(self.erased.iter());
            let gone = gone.cloned().collect();
            let items = held.version().map_or_else(Vec::new, |version| version.update.items);
            items.iter().any(|item| !left_of(item, &gone).is_empty())
        })
    }

    /// What updates that stand delete.
    fn deleted(&self) -> Ranges {
        let standing = self.held.values().filter(|held| held.shows());
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
        if self.end_of(client) == 0 { 0 } else { self.settled().upto.end(client) }
    }

    fn versions(&self) -> Vec<Version<'_>> {
        self.held.values().filter_map(Held::version).collect()
    }
}

impl Held {
    pub(super) fn version(&self) -> Option<Version<'_>> {
        let update = Said::read(self.batch.payload()).ok()?.update;
        Some(Version { id: self.batch.id(), update, stands: self.shows(), is_crowd: self.is_crowd })
    }

    /// Whether what it says shows.
    pub(super) fn shows(&self) -> bool {
        self.stands && !self.is_crowd
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

    /// Which items it deletes.
    pub(super) fn deletions(&self) -> &Ranges {
        &self.deletions
    }
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
