//! One tile of a canvas: what its 4096 cells show, and the batches that say so.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use super::colour::{Colour, Painted};
use super::digest::{AUTHOR_FOLLOWS, DigestCache, EMPTY_TILE_DIGEST, tile_digest};
use super::erasure::Erasure;
use super::size::{TILE_CELLS, TILE_SIDE};
use super::strokes::Strokes;
use super::strokes::TileCell;
use crate::clock::Stamp;
use crate::gossip::batch::SignedBatch;
use crate::id::PeerId;
use crate::node::io::BatchKey;

/// Fewest slots for which it is worth giving memory back.
const COMPACT_LEAST: usize = 64;

/// Cells as a struct of arrays, 14 bytes a cell, with the batches that win them in a slab.
pub(super) struct Tile {
    /// [`Stamp::NEVER`] where nobody painted.
    stamps: Box<[u64; TILE_CELLS]>,
    /// [`Colour::CLEARED`] where nobody painted.
    colours: Box<[Colour; TILE_CELLS]>,
    /// Slots in `batches`; without meaning where nobody painted. Sixteen bits are enough: each batch wins a cell
    /// of its own, and one slot more is taken while a batch is applied.
    slots: Box<[u16; TILE_CELLS]>,
    batches: Vec<Option<SignedBatch>>,
    /// How many cells the batch of each slot wins.
    wins: Vec<u16>,
    free: Vec<u16>,
    /// Which cells were erased: they show as cleared, but compete with what was painted. `None` while none is.
    erased: Option<Box<[bool; TILE_CELLS]>>,
    digest: DigestCache,
}

/// What applying a batch to a tile changed.
pub(super) struct TileChange {
    /// Cells that look different now.
    pub(super) changed: Vec<Painted>,
    /// Cells that the batch wins; it is kept if there is one.
    pub(super) wins: usize,
    /// Batches that win no cell any more.
    pub(super) dropped: Vec<BatchKey>,
    /// How many more cells show a colour, or fewer.
    pub(super) painted: isize,
}

impl Tile {
    pub(super) fn new() -> Tile {
        Tile {
            stamps: filled(0),
            colours: filled(Colour::CLEARED),
            slots: filled(0),
            batches: Vec::new(),
            wins: Vec::new(),
            free: Vec::new(),
            erased: None,
            digest: DigestCache::default(),
        }
    }

    /// Lets the cells of a batch compete. `origin` is the tile's upper left cell on the canvas.
    pub(super) fn apply(
        &mut self,
        batch: SignedBatch,
        cells: &[TileCell],
        origin: (u16, u16),
        erasures: &[Erasure],
    ) -> TileChange {
        let mut change =
            TileChange { changed: Vec::with_capacity(cells.len()), wins: 0, dropped: Vec::new(), painted: 0 };
        let slot = self.reserve_slot();
        let peer = batch.peer();
        for cell in cells {
            if planted!(ClearedLoses) && cell.colour == Colour::CLEARED {
                continue;
            }
            let index = usize::from(cell.index) % TILE_CELLS;
            let present = self.stamps[index];
            if cell.stamp.0 <= present && (cell.stamp.0 < present || !self.wins_tie(&batch, cell)) {
                continue;
            }
            if present != Stamp::NEVER.0 {
                self.lose(self.slots[index], &mut change.dropped);
            }
            let (x, y) = (origin.0 + cell.index % TILE_SIDE, origin.1 + cell.index / TILE_SIDE);
            let erased = erasures.iter().any(|erasure| erasure.covers(x, y, cell.stamp, peer));
            let colour = if erased { Colour::CLEARED } else { cell.colour };
            let before = self.colours[index];
            self.stamps[index] = cell.stamp.0;
            self.colours[index] = colour;
            self.slots[index] = slot;
            self.note_erased(index, erased);
            change.wins += 1;
            if before != colour {
                change.painted += shows(colour) - shows(before);
                change.changed.push(Painted { x, y, colour });
            }
        }
        if change.wins == 0 {
            self.free.push(slot);
        } else {
            self.batches[usize::from(slot)] = Some(batch);
            self.wins[usize::from(slot)] = change.wins as u16;
            self.digest.clear();
            if self.batches.len() > COMPACT_LEAST.max(4 * (self.batches.len() - self.free.len())) {
                self.compact();
            }
        }
        change
    }

    /// The stamp of a cell.
    pub(super) fn stamp(&self, index: u16) -> Stamp {
        Stamp(self.stamps[usize::from(index)])
    }

    /// The winning colour of a cell; cleared where nobody painted.
    pub(super) fn colour(&self, index: u16) -> Colour {
        self.colours[usize::from(index)]
    }

    /// The colours of one row of the tile.
    pub(super) fn row(&self, row: usize) -> &[Colour] {
        let side = usize::from(TILE_SIDE);
        &self.colours[row * side..(row + 1) * side]
    }

    /// How many cells show a colour.
    pub(super) fn painted(&self) -> usize {
        self.colours.iter().filter(|colour| **colour != Colour::CLEARED).count()
    }

    /// The greatest stamp of all cells.
    pub(super) fn greatest_stamp(&self) -> Stamp {
        Stamp(self.stamps.iter().copied().max().unwrap_or(0))
    }

    /// Who painted a cell.
    pub(super) fn author(&self, index: u16) -> Option<PeerId> {
        let index = usize::from(index);
        let painted = self.stamps[index] != Stamp::NEVER.0;
        painted.then(|| self.batch(self.slots[index]).peer())
    }

    /// The batches that win a cell.
    pub(super) fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.batches.iter().flatten()
    }

    /// All cells that `peer` wins, and by how many batches.
    pub(super) fn cells_of(&self, peer: PeerId) -> (Vec<TileCell>, usize) {
        let own = |slot: &usize| self.batches[*slot].as_ref().is_some_and(|batch| batch.peer() == peer);
        let slots = || (0..self.batches.len()).filter(own);
        let wins: usize = slots().map(|slot| usize::from(self.wins[slot])).sum();
        let mut cells = Vec::with_capacity(wins);
        // What was erased stays in the batch that has it: its colour is not known here.
        let own = |index: &u16| wins > 0 && self.author(*index) == Some(peer) && !self.is_erased(*index);
        for index in (0..TILE_CELLS as u16).filter(own) {
            cells.push(TileCell { stamp: self.stamp(index), colour: self.colour(index), index });
        }
        if planted!(FoldRestamps) {
            let latest = cells.iter().map(|cell| cell.stamp).max().unwrap_or_default();
            cells.iter_mut().for_each(|cell| cell.stamp = latest);
        }
        (cells, slots().count())
    }

    /// The digest of the tile's cells.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.get_or_fill(|| self.compute_digest())
    }

    /// Bytes of memory, those of the batches included.
    pub(super) fn memory(&self) -> usize {
        let cell = size_of::<u64>() + size_of::<Colour>() + size_of::<u16>();
        let slab = self.batches.capacity() * size_of::<Option<SignedBatch>>()
            + (self.wins.capacity() + self.free.capacity()) * size_of::<u16>();
        size_of::<Tile>()
            + TILE_CELLS * cell
            + slab
            + self.batches().map(|batch| batch.memory()).sum::<usize>()
    }

    fn compute_digest(&self) -> [u8; 32] {
        let mut bytes = Vec::with_capacity(TILE_CELLS * 16);
        let mut before: Option<(u16, PeerId)> = None;
        for index in (0..TILE_CELLS).filter(|&index| self.stamps[index] != Stamp::NEVER.0) {
            if planted!(DigestColumn) && index % usize::from(TILE_SIDE) == 3 {
                continue;
            }
            let slot = self.slots[index];
            let same_slot = before.filter(|&(one, _)| one == slot).map(|(_, peer)| peer);
            let peer = same_slot.unwrap_or_else(|| self.batch(slot).peer());
            let follows = before.is_none_or(|(_, one)| one != peer);
            before = Some((slot, peer));
            bytes.extend_from_slice(&(index as u16).to_le_bytes());
            bytes.extend_from_slice(&self.stamps[index].to_le_bytes());
            let colour = self.colours[index].bits() | if follows { AUTHOR_FOLLOWS } else { 0 };
            bytes.extend_from_slice(&colour.to_le_bytes());
            if follows {
                bytes.extend_from_slice(&peer.0);
            }
        }
        if bytes.is_empty() { EMPTY_TILE_DIGEST } else { tile_digest(&bytes) }
    }

    /// Whether a cell wins over the present one with the same stamp: by peer, then colour; and when all three
    /// are equal, the batch written later keeps the cell, so that a fold replaces what it repeats.
    #[cold]
    fn wins_tie(&self, batch: &SignedBatch, cell: &TileCell) -> bool {
        let index = usize::from(cell.index) % TILE_CELLS;
        let present = self.batch(self.slots[index]);
        let erased = self.is_erased(cell.index).then(|| painted_by(present, cell.index)).flatten();
        let colour = erased.unwrap_or(self.colours[index]);
        let order = (batch.peer(), cell.colour).cmp(&(present.peer(), colour));
        planted!(TieByArrival)
            || order.then_with(|| batch.header().rank().cmp(&present.header().rank())).is_gt()
    }

    fn is_erased(&self, index: u16) -> bool {
        self.erased.as_ref().is_some_and(|erased| erased[usize::from(index) % TILE_CELLS])
    }

    fn note_erased(&mut self, index: usize, erased: bool) {
        if erased || self.erased.is_some() {
            self.erased.get_or_insert_with(|| filled(false))[index] = erased;
        }
    }

    fn batch(&self, slot: u16) -> &SignedBatch {
        self.batches[usize::from(slot)].as_ref().expect("a painted cell's batch is kept")
    }

    fn reserve_slot(&mut self) -> u16 {
        self.free.pop().unwrap_or_else(|| {
            self.batches.push(None);
            self.wins.push(0);
            (self.batches.len() - 1) as u16
        })
    }

    /// Takes a cell from the batch in `slot`, and drops the batch with its last one.
    fn lose(&mut self, slot: u16, dropped: &mut Vec<BatchKey>) {
        let wins = &mut self.wins[usize::from(slot)];
        *wins -= 1;
        if *wins == 0 {
            let batch = self.batches[usize::from(slot)].take().expect("a painted cell's batch is kept");
            dropped.push(batch.key());
            self.free.push(slot);
        }
    }

    /// Closes the gaps that dropped batches left, and gives their memory back.
    fn compact(&mut self) {
        let mut moved = vec![0; self.batches.len()];
        let (mut batches, mut wins) = (Vec::new(), Vec::new());
        for (slot, batch) in mem::take(&mut self.batches).into_iter().enumerate() {
            if batch.is_some() {
                moved[slot] = batches.len() as u16;
                batches.push(batch);
                wins.push(self.wins[slot]);
            }
        }
        (self.batches, self.wins, self.free) = (batches, wins, Vec::new());
        for (slot, stamp) in self.slots.iter_mut().zip(self.stamps.iter()) {
            if *stamp != Stamp::NEVER.0 {
                *slot = moved[usize::from(*slot)];
            }
        }
    }
}

/// The colour that a batch gave to a cell.
fn painted_by(batch: &SignedBatch, index: u16) -> Option<Colour> {
    let cells = Strokes::decode_cells(batch.header().window, batch.payload()).ok()?;
    cells.into_iter().find(|cell| cell.index == index).map(|cell| cell.colour)
}

fn shows(colour: Colour) -> isize {
    isize::from(colour != Colour::CLEARED)
}

/// An array on the heap that never stood on the stack.
fn filled<T: Copy>(value: T) -> Box<[T; TILE_CELLS]> {
    let array = vec![value; TILE_CELLS].into_boxed_slice().try_into();
    array.unwrap_or_else(|_| unreachable!("the length is the array's"))
}
