//! Which parts of a canvas must be drawn again: in each square of 64 x 64 cells one rectangle.

use std::collections::BTreeMap;

use meshwork_place::canvas::{CanvasSize, TILE_SIDE};

/// Cells that are drawn in a frame, so that a large canvas that arrives does not hold up the page: 24 tiles, 384 KiB as
/// pixels, and a canvas of a million cells in 11 frames.
pub const CELLS_A_FRAME: usize = 24 * TILE_SIDE as usize * TILE_SIDE as usize;

/// What changed since it was last drawn, by tile: at most the 4096 of the largest canvas.
#[derive(Clone, Debug, Default)]
pub struct DirtyTiles(BTreeMap<(u16, u16), Rectangle>);

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

/// Columns and rows of a canvas, the last ones included.
#[derive(Clone, Copy, Debug)]
struct Rectangle {
    left: u16,
    top: u16,
    right: u16,
    bottom: u16,
}

impl DirtyTiles {
    /// Marks cells. Those of a batch lie on one tile, so that one look finds the place of them all.
    pub fn mark(&mut self, cells: impl IntoIterator<Item = (u16, u16)>) {
        let mut gathered: Option<((u16, u16), Rectangle)> = None;
        for (x, y) in cells {
            let tile = (y / TILE_SIDE, x / TILE_SIDE);
            let cell = Rectangle { left: x, top: y, right: x, bottom: y };
            match &mut gathered {
                Some((present, rectangle)) if *present == tile => rectangle.include(cell),
                _ => {
                    self.add(gathered.replace((tile, cell)));
                }
            }
        }
        self.add(gathered);
    }

    /// Marks everything.
    pub fn mark_all(&mut self, size: CanvasSize) {
        for row in 0..size.height.div_ceil(TILE_SIDE) {
            for column in 0..size.width.div_ceil(TILE_SIDE) {
                let (left, top) = (column * TILE_SIDE, row * TILE_SIDE);
                let (right, bottom) = (left + (TILE_SIDE - 1), top + (TILE_SIDE - 1));
                self.0.insert((row, column), Rectangle { left, top, right, bottom });
            }
        }
    }

    /// Marks a tile of a canvas.
    pub fn mark_tile(&mut self, tile: u32, size: CanvasSize) {
        if let Some((left, top)) = size.tile_origin(tile) {
            let side = TILE_SIDE - 1;
            self.mark([(left, top), (left + side, top + side)]);
        }
    }

    /// Marks a part that was taken and not drawn.
    pub fn put_back(&mut self, part: Part) {
        self.mark([(part.x, part.y), (part.x + (part.width - 1), part.y + (part.height - 1))]);
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes marked parts of at most `cells` cells together, but one at least, cut at the canvas's edges.
    pub fn take(&mut self, cells: usize, size: CanvasSize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut left = cells;
        while let Some((_, rectangle)) = self.0.first_key_value() {
            let part = rectangle.part(size);
            let area = part.map_or(0, Part::area);
            if area > left && !parts.is_empty() {
                break;
            }
            self.0.pop_first();
            left = left.saturating_sub(area);
            parts.extend(part);
        }
        parts
    }

    fn add(&mut self, gathered: Option<((u16, u16), Rectangle)>) {
        if let Some((tile, rectangle)) = gathered {
            self.0.entry(tile).or_insert(rectangle).include(rectangle);
        }
    }
}

impl Part {
    /// How many cells it has.
    pub fn area(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

impl Rectangle {
    fn include(&mut self, other: Rectangle) {
        self.left = self.left.min(other.left);
        self.top = self.top.min(other.top);
        self.right = self.right.max(other.right);
        self.bottom = self.bottom.max(other.bottom);
    }

    fn part(self, size: CanvasSize) -> Option<Part> {
        let (right, bottom) =
            (self.right.min(size.width.wrapping_sub(1)), self.bottom.min(size.height.wrapping_sub(1)));
        let is_on_canvas = self.left <= right && self.top <= bottom && size.width > 0 && size.height > 0;
        is_on_canvas.then(|| Part {
            x: self.left,
            y: self.top,
            width: right - self.left + 1,
            height: bottom - self.top + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 100, height: 65 };

    #[test]
    fn a_tile_is_drawn_only_where_cells_changed() {
        let mut tiles = DirtyTiles::default();
        tiles.mark([(63, 0), (60, 2)]);
        tiles.mark([(62, 1), (64, 64), (99, 64), (61, 9)]);
        let parts = tiles.take(usize::MAX, SIZE);
        assert_eq!(parts[0], Part { x: 60, y: 0, width: 4, height: 10 });
        assert_eq!(parts[1], Part { x: 64, y: 64, width: 36, height: 1 });
        assert_eq!(parts.len(), 2);
        assert!(tiles.is_empty());
    }

    #[test]
    fn the_whole_canvas_can_be_taken_in_slices() {
        let mut tiles = DirtyTiles::default();
        tiles.mark_all(SIZE);
        let mut cells = 0;
        while !tiles.is_empty() {
            let parts = tiles.take(1, SIZE);
            assert_eq!(parts.len(), 1, "one at least, and no more than is asked for");
            cells += parts[0].area();
        }
        assert_eq!(cells, 6500);
    }

    #[test]
    fn parts_not_drawn_in_time_are_drawn_later() {
        let mut tiles = DirtyTiles::default();
        tiles.mark_tile(1, SIZE);
        tiles.mark([(3, 4), (5, 5)]);
        let parts = tiles.take(usize::MAX, SIZE);
        assert_eq!(parts[1], Part { x: 64, y: 0, width: 36, height: 64 });
        parts.iter().for_each(|part| tiles.put_back(*part));
        assert_eq!(tiles.take(usize::MAX, SIZE), parts);
        tiles.mark_tile(4, SIZE);
        assert!(tiles.is_empty(), "there is no such tile");
    }

    #[test]
    fn a_frame_draws_no_more_than_its_share() {
        let size = CanvasSize { width: 1000, height: 1000 };
        let mut tiles = DirtyTiles::default();
        tiles.mark_all(size);
        let mut frames = 0;
        while !tiles.is_empty() {
            let area: usize = tiles.take(CELLS_A_FRAME, size).into_iter().map(Part::area).sum();
            assert!(area <= CELLS_A_FRAME, "{area}");
            frames += 1;
        }
        assert_eq!(frames, 11);
    }
}
