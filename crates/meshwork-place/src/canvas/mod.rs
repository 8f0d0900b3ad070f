//! The shared canvas: a last-writer-wins replica of cells, fed by signed batches.
//!
//! # Problem
//! Everybody paints at once, over links that lose, delay and repeat. All members must come to show the same
//! picture, whatever order batches arrive in, and must be able to prove to a newcomer who painted each cell.
//!
//! # How it works
//! Each cell is a last-writer-wins register (Shapiro et al., "A comprehensive study of Convergent and
//! Commutative Replicated Data Types", 2011, section 3.2.1): of all that was ever written to it, the write with
//! the greatest (stamp, PeerId, colour) shows. A batch is kept while one of its cells wins, so the kept batches
//! are a proof of the whole picture, and no more of them than painted cells. Cells lie in tiles of 64 by 64 that
//! take memory when they are first painted on; a batch speaks of one tile. Tiles and the canvas have digests,
//! so that two members find out where they differ without sending cells.
//!
//! # Driving it
//! [`cells_to_strokes`] turns what somebody painted into [`Strokes`], whose [`encode`](Strokes::encode) is the
//! payload of a batch. [`Canvas::read`] reads a batch, [`Canvas::apply`] lets it compete.
//!
//! # Invariants
//! - The picture, the digest and the kept batches depend on the set of batches applied, not on their order or
//!   repetition, as long as no two different batches have one key.
//! - A batch is kept if and only if it wins a cell.
//! - No bytes of a batch can paint outside the canvas or make it take more memory than its tiles and batches.
//!
//! # Limits
//! [`SIDE_MAX`] cells a side; a tile holds at most 4096 batches. The canvas does not know what time it is: batches
//! ahead of room time are for the caller to hold back.
//!
//! ```
//! use meshwork_core::clock::{Clock, Stamp};
//! use meshwork_place::canvas::{Canvas, CanvasSize, Colour, cells_to_strokes};
//! use meshwork_core::signed::batch::{Header, SignedBatch};
//! use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
//! use meshwork_core::time::WallTime;
//!
//! let (identity, room) = (Identity::from_secret([1; 32]), RoomId([2; 32]));
//! let author = Endpoint { peer: identity.peer(), instance: Instance(3) };
//! let mut canvas = Canvas::new(CanvasSize { width: 100, height: 100 })?;
//! let stamp = Clock::new().stamp(WallTime::from_millis(1_700_000_000_000));
//! for strokes in cells_to_strokes(canvas.size(), &[(7, 8, Colour::rgb(255, 0, 0))], stamp)? {
//!     let header = Header::new(author, 1, strokes.window(), 1);
//!     let batch = SignedBatch::sign(&identity, &room, &header, &strokes.encode())?;
//!     assert_eq!(canvas.read(&batch)?, strokes);
//!     assert!(canvas.apply(batch, &strokes).kept);
//! }
//! assert_eq!(canvas.colour(7, 8), Some(Colour::rgb(255, 0, 0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod cells;
mod coding;
mod colour;
mod erasure;
mod past;
mod picture;
mod predict;
mod size;
mod strokes;

use std::fmt;

use cells::{TileCells, Tiles};
pub use colour::{Colour, Painted};
pub use erasure::{Erase, Region};
pub use past::{PastBatch, PastCell};
pub use size::{CanvasSize, CanvasSizeError, SIDE_MAX, TILE_CELLS, TILE_SIDE, index_in_tile};
pub use strokes::{Strokes, StrokesError, TileCell, cells_to_strokes};

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::replica::{self, MadeOfParts, Parts, ReplicaNumber, Retraction};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::batch::{Batch, SignedBatch};
use meshwork_core::signed::header::Family;

/// The replica number of the canvas of an app in this slot.
pub fn replica(slot: Slot) -> ReplicaNumber {
    slot.replica(Family::Own)
}

/// What a batch changed; cells are in the order of their indices.
pub type Applied = replica::Applied<Vec<Painted>>;
/// What [`Canvas::enforce`] changed.
pub type Enforced = replica::Enforced<Vec<Painted>>;

/// A last-writer-wins canvas.
pub struct Canvas {
    parts: Parts<Tiles>,
}

impl Canvas {
    /// A canvas that nobody has painted on.
    ///
    /// # Errors
    /// [`CanvasSizeError`] when a side is 0 or above [`SIDE_MAX`].
    pub fn new(size: CanvasSize) -> Result<Canvas, CanvasSizeError> {
        size.check()?;
        Ok(Canvas { parts: Parts::new(Tiles(size)) })
    }

    /// Reads the payload of a batch for this canvas. Whether it is meant for its replica is for the caller to see.
    ///
    /// # Errors
    /// [`StrokesError`] names what its author wrote wrongly; such a batch can be forgotten.
    pub fn read(&self, batch: &Batch) -> Result<Strokes, StrokesError> {
        Strokes::decode(self.size(), batch.header().window, batch.payload())
    }

    /// Lets the strokes of a batch, as [`Canvas::read`] gave them, compete with what is there.
    pub fn apply(&mut self, batch: SignedBatch, strokes: &Strokes) -> Applied {
        debug_assert_eq!(strokes.size(), self.size(), "strokes are read for the canvas they are applied to");
        if strokes.size() != self.size() {
            return Applied::default();
        }
        self.parts.apply(batch, strokes.tile(), strokes.cells())
    }

    /// From now on only batches of which `stands` holds compete, and `erasures` alone erase. `beaten` are batches
    /// that win no cell: they compete again where others do not any more.
    pub fn enforce<'a>(
        &mut self,
        stands: impl Fn(&SignedBatch) -> bool,
        erasures: Vec<Retraction>,
        beaten: impl Iterator<Item = &'a SignedBatch>,
    ) -> Enforced {
        self.parts.enforce(stands, erasures, beaten)
    }

    /// Its size.
    pub fn size(&self) -> CanvasSize {
        self.parts.family().0
    }

    /// The winning colour of a cell; `None` where nobody ever painted or out of range.
    pub fn colour(&self, x: u16, y: u16) -> Option<Colour> {
        let (tile, index) = self.find(x, y)?;
        (tile.stamp(index) != Stamp::NEVER).then(|| tile.colour(index))
    }

    /// Who painted the winning colour; `None` where nobody ever painted or out of range.
    pub fn author(&self, x: u16, y: u16) -> Option<PeerId> {
        let (tile, index) = self.find(x, y)?;
        let part = self.parts.part(self.size().tile_of(x, y))?;
        tile.slot(index).map(|slot| part.author(slot))
    }

    /// The stamp of the winning colour; [`Stamp::NEVER`] where nobody ever painted or out of range.
    pub fn stamp(&self, x: u16, y: u16) -> Stamp {
        self.find(x, y).map_or(Stamp::NEVER, |(tile, index)| tile.stamp(index))
    }

    /// Whether the room's records erase a cell that `peer` painted at `stamp`.
    pub fn is_erased(&self, x: u16, y: u16, stamp: Stamp, peer: PeerId) -> bool {
        self.parts.retracted().iter().any(|erasure| erasure::covers(erasure, (x, y), stamp, peer))
    }

    /// How many cells show a colour.
    pub fn painted(&self) -> usize {
        self.parts.entries().map(TileCells::painted).sum()
    }

    /// The greatest stamp of all cells; [`Stamp::NEVER`] when nobody has painted.
    pub fn greatest_stamp(&self) -> Stamp {
        self.parts.greatest_stamp()
    }

    /// Tiles of the canvas, numbered from 0.
    pub fn tile_count(&self) -> u32 {
        self.size().tile_count()
    }

    /// The digest over those of tiles: of canvases of one size equal if and only if they are.
    pub fn digest(&self) -> [u8; 32] {
        self.parts.digest()
    }

    /// The batches that win a cell of a tile, in no particular order but the same one for the same history.
    pub fn batches_of_tile(&self, tile: u32) -> impl Iterator<Item = &SignedBatch> {
        self.parts.batches_of(tile)
    }

    /// All batches that win a cell, tile by tile.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.parts.batches()
    }

    /// How many batches win a cell.
    pub fn batch_count(&self) -> usize {
        self.parts.batch_count()
    }

    /// All cells of a tile that `peer` wins, where more than one batch carries them: a batch of these strokes by
    /// the same peer, whose window ends with the stamp of its writing, replaces all those batches.
    pub fn fold(&self, tile: u32, peer: PeerId) -> Option<Strokes> {
        Strokes::new(self.size(), tile, self.parts.fold(tile, peer)?).ok()
    }

    /// Bytes of memory that the canvas takes, with its batches, as far as it knows.
    pub fn memory(&self) -> usize {
        size_of::<Canvas>() + self.parts.memory()
    }

    fn tile(&self, tile: u32) -> Option<&TileCells> {
        self.parts.part(tile).map(|part| part.entries())
    }

    fn find(&self, x: u16, y: u16) -> Option<(&TileCells, u16)> {
        if !self.size().contains(x, y) {
            return None;
        }
        Some((self.tile(self.size().tile_of(x, y))?, index_in_tile(x, y)))
    }
}

impl MadeOfParts for Canvas {
    type Family = Tiles;

    fn made_of(&self) -> &Parts<Tiles> {
        &self.parts
    }

    fn made_of_mut(&mut self) -> &mut Parts<Tiles> {
        &mut self.parts
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut canvas = f.debug_struct("Canvas");
        canvas.field("size", &self.size()).field("painted", &self.painted());
        canvas.field("batches", &self.batch_count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
