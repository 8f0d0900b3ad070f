//! Which cells the records of a room have read cleared.

use super::replica;
use super::size::TILE_SIDE;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::replica::Retraction;
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::change::SCOPE_MAX;
use meshwork_core::wire::Bytes;

/// A rectangle of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Leftmost column.
    pub x: u16,
    /// Uppermost row.
    pub y: u16,
    /// Columns, from 1.
    pub width: u16,
    /// Rows, from 1.
    pub height: u16,
}

impl Region {
    /// What a retraction has as its scope for these cells: the four numbers, two bytes each, the lesser first.
    pub fn to_scope(self) -> Bytes<SCOPE_MAX> {
        let Region { x, y, width, height } = self;
        let bytes = [x, y, width, height].iter().flat_map(|number| number.to_le_bytes()).collect();
        Bytes::new(bytes).expect("eight bytes are few")
    }

    /// The cells of a scope; `None` where it names none.
    pub fn of_scope(scope: &[u8]) -> Option<Region> {
        let bytes: &[u8; 8] = scope.try_into().ok()?;
        let number = |place: usize| u16::from_le_bytes([bytes[place], bytes[place + 1]]);
        Some(Region { x: number(0), y: number(2), width: number(4), height: number(6) })
    }

    /// Whether a cell is inside.
    pub fn contains(&self, x: u16, y: u16) -> bool {
        let within = |value: u16, from: u16, length: u16| value >= from && value - from < length;
        within(x, self.x, self.width) && within(y, self.y, self.height)
    }
}

/// What is erased of a canvas: whose cells, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erase {
    /// Whose cells; `None` for everybody's.
    pub author: Option<PeerId>,
    /// Where; `None` for the whole canvas.
    pub region: Option<Region>,
}

impl Erase {
    /// What the owner or a moderator has the room retract, of the canvas of an app in this slot.
    pub fn to_retract(self, slot: Slot) -> Retract {
        let scope = self.region.map(Region::to_scope).unwrap_or_default();
        Retract { replica: replica(slot), author: self.author, scope }
    }

    /// What a retraction erases of a canvas; `None` where its scope names no cells.
    pub fn of(retraction: &Retraction) -> Option<Erase> {
        let scope = &retraction.scope;
        let region = if scope.is_empty() { None } else { Some(Region::of_scope(scope)?) };
        Some(Erase { author: retraction.author, region })
    }
}

/// Whether it erases a cell that `peer` painted at `stamp`.
pub(super) fn covers(erasure: &Retraction, (x, y): (u16, u16), stamp: Stamp, peer: PeerId) -> bool {
    erasure.is_of(stamp, peer) && is_within(erasure, |region| region.contains(x, y))
}

/// Whether it may erase a cell of the tile with this upper left cell.
pub(super) fn touches(erasure: &Retraction, origin: (u16, u16)) -> bool {
    let overlap = |from: u16, length: u16, tile: u16| {
        u32::from(from) < u32::from(tile) + u32::from(TILE_SIDE)
            && u32::from(tile) < u32::from(from) + u32::from(length)
    };
    is_within(erasure, |Region { x, y, width, height }| {
        overlap(x, width, origin.0) && overlap(y, height, origin.1)
    })
}

/// An empty scope is the whole canvas.
fn is_within(erasure: &Retraction, holds: impl Fn(Region) -> bool) -> bool {
    erasure.scope.is_empty() || Region::of_scope(&erasure.scope).is_some_and(holds)
}
