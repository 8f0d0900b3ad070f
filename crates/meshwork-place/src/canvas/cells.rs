//! The canvas as a family of replicas: a part is a tile, an entry is a cell of it.
use std::cmp::Ordering;

use blake3::Hasher;

use super::colour::{Colour, Painted};
use super::erasure;
use super::size::{CanvasSize, TILE_CELLS, TILE_SIDE, cell_of_tile};
use super::strokes::{Strokes, TileCell};
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::planted;
use meshwork_core::replica::{
    ContentError, Digest, EMPTY_PART_DIGEST, Entries, Family, Fold, PART_BATCHES_MAX, Retraction, Slot,
};
use meshwork_core::signed::batch::{Batch, Header};

/// In a tile's digest, the bit of a colour that says that the author's key follows.
const AUTHOR_FOLLOWS: u32 = 1 << 31;
/// A tile's digest is blake3 in its key derivation mode under this context.
const TILE_CONTEXT: &str = "meshwork canvas tile digest v1";

const _: () = assert!(TILE_CELLS == PART_BATCHES_MAX, "each cell of a tile is one batch's at most");

/// The cells of a tile as a struct of arrays, 14 bytes a cell.
pub struct TileCells {
    /// [`Stamp::NEVER`] where nobody painted.
    stamps: Box<[u64; TILE_CELLS]>,
    /// [`Colour::CLEARED`] where nobody painted.
    colours: Box<[Colour; TILE_CELLS]>,
    /// Without meaning where nobody painted.
    slots: Box<[Slot; TILE_CELLS]>,
    /// Which cells were erased: they show as cleared, but compete with what was painted. `None` while none is.
    erased: Option<Box<[bool; TILE_CELLS]>>,
    /// How many cells show a colour.
    painted: usize,
}

impl Default for TileCells {
    fn default() -> TileCells {
        let colours = filled(Colour::CLEARED);
        TileCells { stamps: filled(0), colours, slots: filled(0), erased: None, painted: 0 }
    }
}

impl TileCells {
    /// The stamp of a cell.
    pub(super) fn stamp(&self, index: u16) -> Stamp {
        Stamp(self.stamps[usize::from(index)])
    }

    /// The winning colour of a cell; cleared where nobody painted.
    pub(super) fn colour(&self, index: u16) -> Colour {
        self.colours[usize::from(index)]
    }

    /// The slot of the batch that painted a cell, if one did.
    pub(super) fn slot(&self, index: u16) -> Option<Slot> {
        let index = usize::from(index);
        (self.stamps[index] != Stamp::NEVER.0).then(|| self.slots[index])
    }

    /// The colours of one row of the tile.
    pub(super) fn row(&self, row: usize) -> &[Colour] {
        let side = usize::from(TILE_SIDE);
        &self.colours[row * side..(row + 1) * side]
    }

    /// How many cells show a colour.
    pub(super) fn painted(&self) -> usize {
        self.painted
    }

    fn is_erased(&self, index: u16) -> bool {
        self.erased.as_ref().is_some_and(|erased| erased[usize::from(index) % TILE_CELLS])
    }

    fn note_erased(&mut self, index: usize, erased: bool) {
        if erased || self.erased.is_some() {
            self.erased.get_or_insert_with(|| filled(false))[index] = erased;
        }
    }
}

impl Entries for TileCells {
    type Write = TileCell;

    fn stamp(cell: &TileCell) -> Stamp {
        cell.stamp
    }

    fn restamped(cell: &TileCell, stamp: Stamp) -> TileCell {
        TileCell { stamp, ..*cell }
    }

    fn holder(&self, cell: &TileCell) -> Option<(Stamp, Slot)> {
        if planted!(ClearedLoses) && cell.colour == Colour::CLEARED {
            return Some((Stamp(u64::MAX), 0));
        }
        let index = usize::from(cell.index) % TILE_CELLS;
        let stamp = Stamp(self.stamps[index]);
        (stamp != Stamp::NEVER).then(|| (stamp, self.slots[index]))
    }

    fn compare(&self, cell: &TileCell, holder: &Batch) -> Ordering {
        let erased = self.is_erased(cell.index).then(|| painted_by(holder, cell.index)).flatten();
        cell.colour.cmp(&erased.unwrap_or(self.colours[usize::from(cell.index) % TILE_CELLS]))
    }

    fn set(&mut self, cell: &TileCell, slot: Slot, is_hidden: bool) -> bool {
        let index = usize::from(cell.index) % TILE_CELLS;
        let colour = if is_hidden { Colour::CLEARED } else { cell.colour };
        let before = self.colours[index];
        (self.stamps[index], self.colours[index], self.slots[index]) = (cell.stamp.0, colour, slot);
        self.note_erased(index, is_hidden);
        self.painted = self.painted + usize::from(shows(colour)) - usize::from(shows(before));
        before != colour
    }

    fn greatest_stamp(&self) -> Stamp {
        Stamp(self.stamps.iter().copied().max().unwrap_or(0))
    }

    fn held_by(&self, is_meant: impl Fn(Slot) -> bool) -> Vec<TileCell> {
        let is_held = |index: &u16| self.slot(*index).is_some_and(&is_meant) && !self.is_erased(*index);
        let cell = |index| TileCell { stamp: self.stamp(index), colour: self.colour(index), index };
        let mut cells: Vec<TileCell> = (0..TILE_CELLS as u16).filter(is_held).map(cell).collect();
        if planted!(FoldRestamps) {
            let latest = cells.iter().map(|cell| cell.stamp).max().unwrap_or_default();
            cells.iter_mut().for_each(|cell| cell.stamp = latest);
        }
        cells
    }

    fn digest(&self, author: impl Fn(Slot) -> PeerId) -> Digest {
        let mut bytes = Vec::with_capacity(TILE_CELLS * 16);
        let mut before: Option<(Slot, PeerId)> = None;
        for index in (0..TILE_CELLS).filter(|&index| self.stamps[index] != Stamp::NEVER.0) {
            if planted!(DigestColumn) && index % usize::from(TILE_SIDE) == 3 {
                continue;
            }
            let slot = self.slots[index];
            let same_slot = before.filter(|&(one, _)| one == slot).map(|(_, peer)| peer);
            let peer = same_slot.unwrap_or_else(|| author(slot));
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
        if bytes.is_empty() {
            return EMPTY_PART_DIGEST;
        }
        *Hasher::new_derive_key(TILE_CONTEXT).update(&bytes).finalize().as_bytes()
    }

    fn remap(&mut self, moved: &[Slot]) {
        for (slot, stamp) in self.slots.iter_mut().zip(self.stamps.iter()) {
            if *stamp != Stamp::NEVER.0 {
                *slot = moved[usize::from(*slot)];
            }
        }
    }

    fn memory(&self) -> usize {
        let erased = usize::from(self.erased.is_some());
        TILE_CELLS * (size_of::<u64>() + size_of::<Colour>() + size_of::<Slot>() + erased)
    }
}

/// Canvases of one size.
#[derive(Clone, Copy, Debug)]
pub struct Tiles(pub(super) CanvasSize);

impl Family for Tiles {
    type Entries = TileCells;
    type Change = Painted;
    /// The upper left cell.
    type Place = (u16, u16);

    fn part_count(&self) -> u32 {
        self.0.tile_count()
    }

    fn place(&self, tile: u32) -> Option<(u16, u16)> {
        self.0.tile_origin(tile)
    }

    fn read(&self, header: &Header, payload: &[u8]) -> Result<(u32, Vec<TileCell>), ContentError> {
        let strokes = Strokes::decode(self.0, header.window, payload);
        let strokes = strokes.map_err(|error| ContentError(error.to_string()))?;
        Ok((strokes.tile(), strokes.into_cells()))
    }

    fn outline(payload: &[u8]) -> Option<(u32, usize)> {
        Strokes::outline(payload)
    }

    fn cost(cells: &[TileCell]) -> usize {
        cells.len()
    }

    fn fold(&self, tile: u32, mut cells: Vec<TileCell>) -> Option<Fold> {
        // Of equals the last comes first, and stays.
        cells.reverse();
        cells.sort_by_key(|cell| cell.index);
        cells.dedup_by_key(|cell| cell.index);
        let strokes = Strokes::new(self.0, tile, cells).ok()?;
        let (payload, least) = (strokes.encode(), strokes.window().least);
        Some(Fold { payload, cost: strokes.cells().len(), least })
    }

    fn touches(erasure: &Retraction, origin: (u16, u16)) -> bool {
        erasure::touches(erasure, origin)
    }

    fn covers(erasure: &Retraction, origin: (u16, u16), cell: &TileCell, peer: PeerId) -> bool {
        erasure::covers(erasure, cell_of_tile(origin, cell.index), cell.stamp, peer)
    }

    fn change(origin: (u16, u16), cell: &TileCell, is_hidden: bool) -> Painted {
        let (x, y) = cell_of_tile(origin, cell.index);
        Painted { x, y, colour: if is_hidden { Colour::CLEARED } else { cell.colour } }
    }

    fn differences(
        &self,
        origin: (u16, u16),
        before: &TileCells,
        after: &TileCells,
        changed: &mut Vec<Painted>,
    ) {
        for index in 0..TILE_CELLS as u16 {
            let ((x, y), colour) = (cell_of_tile(origin, index), after.colour(index));
            if before.colour(index) != colour && self.0.contains(x, y) {
                changed.push(Painted { x, y, colour });
            }
        }
    }
}

/// The colour that a batch gave to a cell.
fn painted_by(batch: &Batch, index: u16) -> Option<Colour> {
    let cells = Strokes::decode_cells(batch.header().window, batch.payload()).ok()?;
    cells.into_iter().find(|cell| cell.index == index).map(|cell| cell.colour)
}

fn shows(colour: Colour) -> bool {
    colour != Colour::CLEARED
}

/// An array on the heap that never stood on the stack.
fn filled<T: Copy>(value: T) -> Box<[T; TILE_CELLS]> {
    let array = vec![value; TILE_CELLS].into_boxed_slice().try_into();
    array.unwrap_or_else(|_| unreachable!("the length is the array's"))
}
