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
//! use meshwork_core::crdt::canvas::{Canvas, CanvasSize, Colour, REPLICA, cells_to_strokes};
//! use meshwork_core::gossip::batch::{Header, SignedBatch};
//! use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
//! use meshwork_core::time::WallTime;
//!
//! let (identity, room) = (Identity::from_secret([1; 32]), RoomId([2; 32]));
//! let author = Endpoint { peer: identity.peer(), instance: Instance(3) };
//! let mut canvas = Canvas::new(CanvasSize { width: 100, height: 100 })?;
//! let stamp = Clock::new().stamp(WallTime::from_millis(1_700_000_000_000));
//! for strokes in cells_to_strokes(canvas.size(), &[(7, 8, Colour::rgb(255, 0, 0))], stamp)? {
//!     let header = Header { author, sequence: 1, replica: REPLICA, record: None, window: strokes.window() };
//!     let batch = SignedBatch::sign(&identity, &room, header, &strokes.encode())?;
//!     assert_eq!(canvas.read(&batch)?, strokes);
//!     assert!(canvas.apply(batch, &strokes).kept);
//! }
//! assert_eq!(canvas.colour(7, 8), Some(Colour::rgb(255, 0, 0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod coding;
mod colour;
mod digest;
mod erasure;
mod picture;
mod predict;
mod size;
mod strokes;
mod tile;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

pub use colour::{Colour, Painted};
pub use digest::EMPTY_TILE_DIGEST;
pub use erasure::{Enforced, Erasure};
pub use size::{CanvasSize, CanvasSizeError, SIDE_MAX, TILE_CELLS, TILE_SIDE, index_in_tile};
pub use strokes::{Strokes, StrokesError, TileCell, cells_to_strokes};

use crate::clock::Stamp;
use crate::gossip::batch::{Batch, SignedBatch, UnverifiedBatch};
use crate::id::PeerId;
use crate::node::io::BatchKey;
use digest::{DigestCache, canvas_digest};
use tile::Tile;

/// The replica number of a room's canvas.
pub const REPLICA: u8 = 0;

/// What a batch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The cells that look different now, in the order of their indices.
    pub changed: Vec<Painted>,
    /// Whether the batch was taken in: it won a cell. A batch that is there already changes nothing and is not
    /// taken in again.
    pub kept: bool,
    /// Batches that win no cell any more and were dropped.
    pub dropped: Vec<BatchKey>,
}

/// A last-writer-wins canvas.
pub struct Canvas {
    size: CanvasSize,
    tiles: Vec<Option<Box<Tile>>>,
    painted: usize,
    batch_count: usize,
    greatest_stamp: Stamp,
    erasures: Vec<Erasure>,
    digest: DigestCache,
}

impl Canvas {
    /// A canvas that nobody has painted on.
    ///
    /// # Errors
    /// [`CanvasSizeError`] when a side is 0 or above [`SIDE_MAX`].
    pub fn new(size: CanvasSize) -> Result<Canvas, CanvasSizeError> {
        size.check()?;
        let mut tiles = vec![];
        tiles.resize_with(size.tile_count() as usize, || None);
        let (painted, batch_count) = (0, 0);
        Ok(Canvas {
            size,
            tiles,
            painted,
            batch_count,
            greatest_stamp: Stamp::NEVER,
            erasures: Vec::new(),
            digest: DigestCache::default(),
        })
    }

    /// Reads the payload of a batch for this canvas. Whether it is meant for [`REPLICA`] is for the caller to see.
    ///
    /// # Errors
    /// [`StrokesError`] names what its author wrote wrongly; such a batch can be forgotten.
    pub fn read(&self, batch: &Batch) -> Result<Strokes, StrokesError> {
        Strokes::decode(self.size, batch.header().window, batch.payload())
    }

    /// Lets the strokes of a batch, as [`Canvas::read`] gave them, compete with what is there.
    pub fn apply(&mut self, batch: SignedBatch, strokes: &Strokes) -> Applied {
        debug_assert_eq!(strokes.size(), self.size, "strokes are read for the canvas they are applied to");
        let origin = self.size.tile_origin(strokes.tile());
        let place = self.tiles.get_mut(strokes.tile() as usize);
        let (Some(origin), Some(place), true) = (origin, place, strokes.size() == self.size) else {
            return Applied::default();
        };
        let tile = place.get_or_insert_with(|| Box::new(Tile::new()));
        let change = tile.apply(batch, strokes.cells(), origin, &self.erasures);
        let kept = change.wins > 0;
        if kept {
            self.painted = self.painted.saturating_add_signed(change.painted);
            self.batch_count = self.batch_count + 1 - change.dropped.len();
            // The greatest stamp ever applied always wins its cell, so losers need no look.
            self.greatest_stamp = self.greatest_stamp.max(strokes.window().most);
            self.digest.clear();
        }
        Applied { changed: change.changed, kept, dropped: change.dropped }
    }

    /// Its size.
    pub fn size(&self) -> CanvasSize {
        self.size
    }

    /// The winning colour of a cell; `None` where nobody ever painted or out of range.
    pub fn colour(&self, x: u16, y: u16) -> Option<Colour> {
        let (tile, index) = self.find(x, y)?;
        (tile.stamp(index) != Stamp::NEVER).then(|| tile.colour(index))
    }

    /// Who painted the winning colour; `None` where nobody ever painted or out of range.
    pub fn author(&self, x: u16, y: u16) -> Option<PeerId> {
        let (tile, index) = self.find(x, y)?;
        tile.author(index)
    }

    /// The stamp of the winning colour; [`Stamp::NEVER`] where nobody ever painted or out of range.
    pub fn stamp(&self, x: u16, y: u16) -> Stamp {
        self.find(x, y).map_or(Stamp::NEVER, |(tile, index)| tile.stamp(index))
    }

    /// Whether the room's records erase a cell that `peer` painted at `stamp`.
    pub fn is_erased(&self, x: u16, y: u16, stamp: Stamp, peer: PeerId) -> bool {
        self.erasures.iter().any(|erasure| erasure.covers(x, y, stamp, peer))
    }

    /// How many cells show a colour.
    pub fn painted(&self) -> usize {
        self.painted
    }

    /// The greatest stamp of all cells; [`Stamp::NEVER`] when nobody has painted.
    pub fn greatest_stamp(&self) -> Stamp {
        self.greatest_stamp
    }

    /// Tiles of the canvas, numbered from 0.
    pub fn tile_count(&self) -> u32 {
        self.size.tile_count()
    }

    /// The digest of a tile's cells: equal if and only if their stamps, authors and colours are.
    /// [`EMPTY_TILE_DIGEST`] where nobody ever painted or out of range.
    pub fn tile_digest(&self, tile: u32) -> [u8; 32] {
        self.tile(tile).map_or(EMPTY_TILE_DIGEST, Tile::digest)
    }

    /// The digest that a tile would have if these batches were all there is, whatever their signatures; `None` when
    /// one of them is no batch of this tile.
    pub fn tile_digest_of(&self, tile: u32, batches: &[UnverifiedBatch]) -> Option<[u8; 32]> {
        let origin = self.size.tile_origin(tile)?;
        let mut scratch = Tile::new();
        for batch in batches {
            let strokes = self.read(batch).ok().filter(|strokes| strokes.tile() == tile)?;
            scratch.apply(batch.clone().assume_signed(), strokes.cells(), origin, &self.erasures);
        }
        Some(scratch.digest())
    }

    /// blake3 over the size and the tile digests: equal if and only if the canvases are.
    pub fn digest(&self) -> [u8; 32] {
        let painted =
            |(number, tile): (usize, &Option<Box<Tile>>)| Some((number as u32, tile.as_ref()?.digest()));
        self.digest
            .get_or_fill(|| canvas_digest(self.size, self.tiles.iter().enumerate().filter_map(painted)))
    }

    /// The batches that win a cell of a tile, in no particular order but the same one for the same history.
    pub fn batches_of_tile(&self, tile: u32) -> impl Iterator<Item = &SignedBatch> {
        self.tile(tile).into_iter().flat_map(Tile::batches)
    }

    /// All batches that win a cell, tile by tile.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.tiles.iter().flatten().flat_map(|tile| tile.batches())
    }

    /// How many batches win a cell.
    pub fn batch_count(&self) -> usize {
        self.batch_count
    }

    /// All cells of a tile that `peer` wins, where more than one batch carries them: a batch of these strokes by
    /// the same peer, whose window ends with the stamp of its writing, replaces all those batches.
    pub fn fold(&self, tile: u32, peer: PeerId) -> Option<Strokes> {
        let (cells, batches) = self.tile(tile)?.cells_of(peer);
        if batches > 1 { Strokes::new(self.size, tile, cells).ok() } else { None }
    }

    /// Bytes of memory that the canvas takes, with its batches, as far as it knows.
    pub fn memory(&self) -> usize {
        let tiles: usize = self.tiles.iter().flatten().map(|tile| tile.memory()).sum();
        size_of::<Canvas>() + self.tiles.capacity() * size_of::<Option<Box<Tile>>>() + tiles
    }

    fn tile(&self, tile: u32) -> Option<&Tile> {
        self.tiles.get(tile as usize)?.as_deref()
    }

    fn find(&self, x: u16, y: u16) -> Option<(&Tile, u16)> {
        if !self.size.contains(x, y) {
            return None;
        }
        Some((self.tile(self.size.tile_of(x, y))?, index_in_tile(x, y)))
    }
}

impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut canvas = f.debug_struct("Canvas");
        canvas.field("size", &self.size).field("painted", &self.painted);
        canvas.field("batches", &self.batch_count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
