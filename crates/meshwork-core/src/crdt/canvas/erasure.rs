//! What the records of a room do to a canvas: cells that read cleared, batches that do not compete any more.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::colour::{Colour, Painted};
use super::size::{TILE_CELLS, TILE_SIDE};
use super::strokes::Strokes;
use super::tile::Tile;
use super::{Canvas, CanvasSize};
use crate::clock::Stamp;
use crate::gossip::batch::SignedBatch;
use crate::id::PeerId;

/// Cells of a rectangle that were painted up to a stamp show as cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Erasure {
    /// The last stamp that is erased.
    pub until: Stamp,
    /// Whose cells; `None` for everybody's.
    pub author: Option<PeerId>,
    /// Leftmost column, uppermost row, columns and rows; `None` for the whole canvas.
    pub region: Option<(u16, u16, u16, u16)>,
}

impl Erasure {
    /// Whether it erases a cell that `peer` painted at `stamp`.
    pub fn covers(&self, x: u16, y: u16, stamp: Stamp, peer: PeerId) -> bool {
        let within = |value: u16, from: u16, length: u16| value >= from && value - from < length;
        stamp <= self.until
            && self.author.is_none_or(|author| author == peer)
            && self
                .region
                .is_none_or(|(left, top, width, height)| within(x, left, width) && within(y, top, height))
    }

    /// Whether it may erase a cell of the tile with this upper left cell.
    fn touches(&self, origin: (u16, u16)) -> bool {
        let overlap = |from: u16, length: u16, tile: u16| {
            u32::from(from) < u32::from(tile) + u32::from(TILE_SIDE)
                && u32::from(tile) < u32::from(from) + u32::from(length)
        };
        self.region.is_none_or(|(left, top, width, height)| {
            overlap(left, width, origin.0) && overlap(top, height, origin.1)
        })
    }
}

/// What [`Canvas::enforce`] changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enforced {
    /// The cells that look different now.
    pub changed: Vec<Painted>,
    /// Batches that were kept and do not compete any more.
    pub removed: Vec<SignedBatch>,
    /// Batches that win a cell again.
    pub restored: Vec<SignedBatch>,
}

impl Canvas {
    /// From now on only batches of which `stands` holds compete, and `erasures` alone erase. `beaten` are batches
    /// that win no cell: they compete again where others do not any more.
    pub fn enforce<'a>(
        &mut self,
        stands: impl Fn(&SignedBatch) -> bool,
        mut erasures: Vec<Erasure>,
        beaten: impl Iterator<Item = &'a SignedBatch>,
    ) -> Enforced {
        erasures.sort();
        erasures.dedup();
        let differing: Vec<Erasure> = {
            let lacks = |list: &[Erasure], erasure: &Erasure| list.binary_search(erasure).is_err();
            let gone = self.erasures.iter().filter(|erasure| lacks(&erasures, erasure));
            gone.chain(erasures.iter().filter(|erasure| lacks(&self.erasures, erasure))).copied().collect()
        };
        let mut again: Vec<Vec<SignedBatch>> = Vec::new();
        again.resize_with(self.tiles.len(), Vec::new);
        for batch in beaten.filter(|batch| stands(batch)) {
            let tile = Strokes::outline(batch.payload()).and_then(|(tile, _)| again.get_mut(tile as usize));
            if let Some(tile) = tile {
                tile.push(batch.clone());
            }
        }
        self.erasures = erasures;
        let mut enforced = Enforced::default();
        for (number, again) in again.into_iter().enumerate() {
            let Some(origin) = self.size.tile_origin(number as u32) else { continue };
            let Some(tile) = self.tiles[number].take() else { continue };
            let (standing, removed): (Vec<SignedBatch>, Vec<SignedBatch>) =
                tile.batches().cloned().partition(|batch| stands(batch));
            let repaint = !removed.is_empty() || differing.iter().any(|erasure| erasure.touches(origin));
            if !repaint {
                self.tiles[number] = Some(tile);
                continue;
            }
            let mut fresh = Box::new(Tile::new());
            let restoring = if removed.is_empty() { Vec::new() } else { again };
            for batch in standing.iter().chain(&restoring) {
                apply(&mut fresh, self.size, batch, origin, &self.erasures);
            }
            note_changes(&tile, &fresh, self.size, origin, &mut enforced.changed);
            let back = restoring.into_iter().filter(|batch| fresh.batches().any(|kept| kept == batch));
            enforced.restored.extend(back);
            enforced.removed.extend(removed);
            if fresh.batches().next().is_some() {
                self.tiles[number] = Some(fresh);
            }
        }
        self.recount();
        enforced
    }

    /// Works out anew what is counted over all tiles.
    fn recount(&mut self) {
        self.digest.clear();
        let tiles = || self.tiles.iter().flatten();
        self.batch_count = tiles().map(|tile| tile.batches().count()).sum();
        self.painted = tiles().map(|tile| tile.painted()).sum();
        self.greatest_stamp = tiles().map(|tile| tile.greatest_stamp()).max().unwrap_or(Stamp::NEVER);
    }
}

fn apply(tile: &mut Tile, size: CanvasSize, batch: &SignedBatch, origin: (u16, u16), erasures: &[Erasure]) {
    if let Ok(strokes) = Strokes::decode(size, batch.header().window, batch.payload()) {
        tile.apply(batch.clone(), strokes.cells(), origin, erasures);
    }
}

fn note_changes(
    before: &Tile,
    after: &Tile,
    size: CanvasSize,
    origin: (u16, u16),
    changed: &mut Vec<Painted>,
) {
    for index in 0..TILE_CELLS as u16 {
        let colour: Colour = after.colour(index);
        let (x, y) = (origin.0 + index % TILE_SIDE, origin.1 + index / TILE_SIDE);
        if before.colour(index) != colour && size.contains(x, y) {
            changed.push(Painted { x, y, colour });
        }
    }
}
