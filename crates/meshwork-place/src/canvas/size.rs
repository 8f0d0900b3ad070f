//! The size of a canvas, and how its cells fall into tiles of 64 by 64.

use std::fmt;

/// Greatest width and height of a canvas in cells: 4096 tiles, whose cells take 230 MB when all are painted.
pub const SIDE_MAX: u16 = 4096;
/// Width and height of a tile in cells. Tiles at the right and lower edge may reach beyond the canvas.
pub const TILE_SIDE: u16 = 64;
/// Cells of a tile.
pub const TILE_CELLS: usize = TILE_SIDE as usize * TILE_SIDE as usize;

/// Width and height of a canvas in cells, each 1 to [`SIDE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanvasSize {
    /// Cells in a row.
    pub width: u16,
    /// Cells in a column.
    pub height: u16,
}

/// A width or height is 0 or above [`SIDE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a canvas of {0} cells: width and height are 1 to {SIDE_MAX}")]
pub struct CanvasSizeError(pub CanvasSize);

impl CanvasSize {
    /// Whether both sides are legal.
    ///
    /// # Errors
    /// [`CanvasSizeError`] when one is not.
    pub fn check(self) -> Result<(), CanvasSizeError> {
        let legal = 1..=SIDE_MAX;
        let holds = legal.contains(&self.width) && legal.contains(&self.height);
        if holds { Ok(()) } else { Err(CanvasSizeError(self)) }
    }

    /// Whether the cell is on the canvas.
    pub fn contains(self, x: u16, y: u16) -> bool {
        x < self.width && y < self.height
    }

    /// Tiles in a row.
    pub fn tile_columns(self) -> u32 {
        u32::from(self.width.div_ceil(TILE_SIDE))
    }

    /// Tiles of the canvas, at most 4096. They are numbered row by row from the upper left.
    pub fn tile_count(self) -> u32 {
        self.tile_columns() * u32::from(self.height.div_ceil(TILE_SIDE))
    }

    /// The number of the tile that has a cell of the canvas.
    pub fn tile_of(self, x: u16, y: u16) -> u32 {
        u32::from(y / TILE_SIDE) * self.tile_columns() + u32::from(x / TILE_SIDE)
    }

    /// The upper left cell of a tile; `None` when there is no such tile.
    pub fn tile_origin(self, tile: u32) -> Option<(u16, u16)> {
        if tile >= self.tile_count() {
            return None;
        }
        let (column, row) = (tile % self.tile_columns(), tile / self.tile_columns());
        Some((column as u16 * TILE_SIDE, row as u16 * TILE_SIDE))
    }
}

/// The number of a cell within its tile, row by row from the upper left, below [`TILE_CELLS`].
pub fn index_in_tile(x: u16, y: u16) -> u16 {
    y % TILE_SIDE * TILE_SIDE + x % TILE_SIDE
}

/// Where the cell with this number is, of the tile with this upper left cell.
pub(super) fn cell_of_tile((left, top): (u16, u16), index: u16) -> (u16, u16) {
    (left + index % TILE_SIDE, top + index / TILE_SIDE)
}

impl fmt::Display for CanvasSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_one_place_in_one_tile() {
        for size in [(1, 1), (64, 64), (65, 64), (100, 130), (4096, 3)] {
            let size = CanvasSize { width: size.0, height: size.1 };
            for (x, y) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y))) {
                let (left, top) = size.tile_origin(size.tile_of(x, y)).expect("a tile of the canvas");
                let index = index_in_tile(x, y);
                assert_eq!((left + index % TILE_SIDE, top + index / TILE_SIDE), (x, y));
            }
            assert_eq!(size.tile_origin(size.tile_count()), None);
        }
    }

    #[test]
    fn sizes_outside_the_limits_are_refused() {
        for (width, height, legal) in [(1, 1, true), (4096, 4096, true), (0, 1, false), (1, 4097, false)] {
            let size = CanvasSize { width, height };
            assert_eq!(size.check(), if legal { Ok(()) } else { Err(CanvasSizeError(size)) });
        }
    }
}
