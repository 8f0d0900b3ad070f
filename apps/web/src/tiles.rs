//! Which parts of a canvas must be drawn again: squares of 64 x 64 cells.

use std::collections::BTreeSet;

use meshwork_core::crdt::canvas::{CanvasSize, TILE_SIDE};

/// Tiles that changed since they were last drawn: at most the 4096 of the largest canvas. One takes 16 KiB as
/// pixels, and a stroke touches one or two.
#[derive(Clone, Debug, Default)]
pub struct DirtyTiles(BTreeSet<(u16, u16)>);

/// A part of a canvas, in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Leftmost column.
    pub x: u16,
    /// Topmost row.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl DirtyTiles {
    /// Marks the tile of a cell.
    pub fn mark(&mut self, x: u16, y: u16) {
        self.0.insert((y / TILE_SIDE, x / TILE_SIDE));
    }

    /// Marks everything.
    pub fn mark_all(&mut self, size: CanvasSize) {
        for row in 0..size.height.div_ceil(TILE_SIDE) {
            self.0.extend((0..size.width.div_ceil(TILE_SIDE)).map(|column| (row, column)));
        }
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes at most `count` of the marked tiles, cut at the canvas's edges.
    pub fn take(&mut self, count: usize, size: CanvasSize) -> Vec<Part> {
        let mut parts = Vec::new();
        while parts.len() < count
            && let Some((row, column)) = self.0.pop_first()
        {
            let (x, y) = (column * TILE_SIDE, row * TILE_SIDE);
            if x < size.width && y < size.height {
                parts.push(Part {
                    x,
                    y,
                    width: TILE_SIDE.min(size.width - x),
                    height: TILE_SIDE.min(size.height - y),
                });
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 100, height: 65 };

    #[test]
    fn a_cell_marks_its_tile_once() {
        let mut tiles = DirtyTiles::default();
        tiles.mark(63, 0);
        tiles.mark(0, 63);
        tiles.mark(64, 64);
        let parts = tiles.take(9, SIZE);
        assert_eq!(parts[0], Part { x: 0, y: 0, width: 64, height: 64 });
        assert_eq!(parts[1], Part { x: 64, y: 64, width: 36, height: 1 });
        assert_eq!(parts.len(), 2);
        assert!(tiles.is_empty());
    }

    #[test]
    fn all_is_all_and_may_be_taken_in_slices() {
        let mut tiles = DirtyTiles::default();
        tiles.mark_all(SIZE);
        let mut cells = 0;
        while !tiles.is_empty() {
            cells += tiles
                .take(1, SIZE)
                .iter()
                .map(|part| u32::from(part.width) * u32::from(part.height))
                .sum::<u32>();
        }
        assert_eq!(cells, 6500);
    }
}
