//! Which cells the records of a room have read cleared.

use super::size::TILE_SIDE;
use crate::clock::Stamp;
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
    pub(super) fn touches(&self, origin: (u16, u16)) -> bool {
        let overlap = |from: u16, length: u16, tile: u16| {
            u32::from(from) < u32::from(tile) + u32::from(TILE_SIDE)
                && u32::from(tile) < u32::from(from) + u32::from(length)
        };
        self.region.is_none_or(|(left, top, width, height)| {
            overlap(left, width, origin.0) && overlap(top, height, origin.1)
        })
    }
}
