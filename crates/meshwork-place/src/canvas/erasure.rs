//! Which cells the records of a room have read cleared: the four numbers of a retraction's scope are the leftmost
//! column, the uppermost row, the columns and the rows of a rectangle.

use super::size::TILE_SIDE;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::replica::Retraction;

/// Whether it erases a cell that `peer` painted at `stamp`.
pub(super) fn covers(erasure: &Retraction, (x, y): (u16, u16), stamp: Stamp, peer: PeerId) -> bool {
    let within = |value: u16, from: u16, length: u16| value >= from && value - from < length;
    let is_within = |[left, top, width, height]: [u16; 4]| within(x, left, width) && within(y, top, height);
    erasure.is_of(stamp, peer) && erasure.scope.is_none_or(is_within)
}

/// Whether it may erase a cell of the tile with this upper left cell.
pub(super) fn touches(erasure: &Retraction, origin: (u16, u16)) -> bool {
    let overlap = |from: u16, length: u16, tile: u16| {
        u32::from(from) < u32::from(tile) + u32::from(TILE_SIDE)
            && u32::from(tile) < u32::from(from) + u32::from(length)
    };
    erasure.scope.is_none_or(|[left, top, width, height]| {
        overlap(left, width, origin.0) && overlap(top, height, origin.1)
    })
}
