//! What a batch of the past painted.

use super::size::cell_of_tile;
use super::{Canvas, Colour, TileCell};
use meshwork_core::clock::Stamp;
use meshwork_core::id::Endpoint;
use meshwork_core::signed::batch::SignedBatch;

/// A batch of the past, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastBatch {
    /// Who painted.
    pub author: Endpoint,
    /// The batch's place in that endpoint's sequence.
    pub sequence: u64,
    /// Its cells.
    pub cells: Vec<PastCell>,
}

/// A cell that was painted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastCell {
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// When it was painted.
    pub stamp: Stamp,
    /// With what; cleared where the room's records erased it.
    pub colour: Colour,
}

impl Canvas {
    /// What a batch of this canvas painted, as it may be shown: erased cells read cleared. `None` when the batch
    /// is none of this canvas.
    pub fn past(&self, batch: &SignedBatch) -> Option<PastBatch> {
        let header = batch.header();
        let strokes = self.read(batch).ok()?;
        let origin = self.size().tile_origin(strokes.tile())?;
        let shown = |cell: &TileCell| {
            let (x, y) = cell_of_tile(origin, cell.index);
            let is_erased = self.is_erased(x, y, cell.stamp, header.author.peer);
            let colour = if is_erased { Colour::CLEARED } else { cell.colour };
            PastCell { x, y, stamp: cell.stamp, colour }
        };
        let cells = strokes.cells().iter().map(shown).collect();
        Some(PastBatch { author: header.author, sequence: header.sequence, cells })
    }
}
