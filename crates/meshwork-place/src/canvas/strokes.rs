//! Strokes: painted cells of one tile, which one batch carries.

use super::coding;
use super::colour::Colour;
use super::size::{CanvasSize, TILE_CELLS, cell_of_tile, index_in_tile};
use meshwork_core::clock::Stamp;
use meshwork_core::signed::batch::StampWindow;

/// One painted cell of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileCell {
    /// When it was painted; never [`Stamp::NEVER`].
    pub stamp: Stamp,
    /// With what.
    pub colour: Colour,
    /// Its number within the tile, row by row, below 4096.
    pub index: u16,
}

/// Painted cells of one tile of a canvas, in the order of their indices: what a batch tells the canvas.
///
/// Every value holds for its canvas: the tile exists, the cells are on the canvas, none stands twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strokes {
    size: CanvasSize,
    tile: u32,
    cells: Vec<TileCell>,
}

/// Why cells are no strokes, or bytes no payload of a canvas. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StrokesError {
    /// The payload ends inside a field, or a gap is longer than a tile.
    #[error("the payload breaks off, or has a gap longer than a tile")]
    BreaksOff,
    /// Something is left after the last field.
    #[error("{0} bits are left after the last cell, or not all of them are zero")]
    Trailing(usize),
    /// A coding that this build does not know.
    #[error("{what} are coded in way {coding}, which does not exist")]
    Coding {
        /// Positions, stamps or colours.
        what: &'static str,
        /// Its number as received.
        coding: u64,
    },
    /// The canvas has no such tile.
    #[error("tile {tile} does not exist on a canvas of {size}")]
    Tile {
        /// Its number.
        tile: u32,
        /// The canvas.
        size: CanvasSize,
    },
    /// There is no cell, or more than a tile has.
    #[error("{0} cells are not 1 to 4096")]
    Count(usize),
    /// An index does not follow the one before, or is above 4095: a cell stands twice or nowhere.
    #[error("cell {0} of a tile is not after the one before it and below 4096")]
    Order(u32),
    /// A cell is outside the canvas.
    #[error("cell {x}, {y} is outside the canvas of {size}")]
    OutsideCanvas {
        /// Its column.
        x: u16,
        /// Its row.
        y: u16,
        /// The canvas.
        size: CanvasSize,
    },
    /// A cell has no stamp, or the cells' stamps are not within the batch's window or do not begin with it.
    #[error("a stamp is {stamp:?}, and the batch's window begins at {least:?} and ends at {most:?}")]
    Stamp {
        /// The least stamp when the window begins elsewhere, or the one beyond its end.
        stamp: Stamp,
        /// Where the window begins.
        least: Stamp,
        /// Where it ends.
        most: Stamp,
    },
    /// A palette of stamps or colours has more entries than there are cells, or its entries do not rise.
    #[error("a palette of {what} has {entries} entries for {cells} cells, or they do not rise")]
    Palette {
        /// Stamps or colours.
        what: &'static str,
        /// Entries of the palette.
        entries: usize,
        /// Cells of the strokes.
        cells: usize,
    },
    /// A cell names an entry beyond its palette.
    #[error("a cell names entry {entry} of a palette of {entries}")]
    PaletteEntry {
        /// As received.
        entry: u64,
        /// Entries of the palette.
        entries: usize,
    },
    /// A colour is coded as a difference that two colours cannot have.
    #[error("a colour is coded with the difference {0}, which is beyond 255")]
    Difference(u32),
    /// A stamp is coded with more bits than a stamp has, or beyond the last stamp.
    #[error("a stamp is coded beyond its 48 and 16 bits")]
    StampRange,
}

impl Strokes {
    /// Strokes of these cells.
    ///
    /// # Errors
    /// [`StrokesError`] names the first cell that cannot be.
    pub fn new(size: CanvasSize, tile: u32, cells: Vec<TileCell>) -> Result<Strokes, StrokesError> {
        if let Some(cell) = cells.iter().find(|cell| cell.stamp == Stamp::NEVER) {
            let window = StampWindow::at(cell.stamp);
            return Err(StrokesError::Stamp { stamp: cell.stamp, least: window.least, most: window.most });
        }
        Strokes::checked(size, tile, cells)
    }

    /// Reads the payload of a batch that stands in `window`.
    ///
    /// # Errors
    /// [`StrokesError`]; no more memory was taken than 4096 cells need.
    pub fn decode(size: CanvasSize, window: StampWindow, payload: &[u8]) -> Result<Strokes, StrokesError> {
        let (tile, cells) = coding::decode(window, payload)?;
        Strokes::checked(size, tile, cells)
    }

    /// The cells of a payload that was read before.
    pub(super) fn decode_cells(window: StampWindow, payload: &[u8]) -> Result<Vec<TileCell>, StrokesError> {
        coding::decode(window, payload).map(|(_, cells)| cells)
    }

    /// The tile and the number of cells of a payload, without reading the cells; `None` when it breaks off.
    pub fn outline(payload: &[u8]) -> Option<(u32, usize)> {
        coding::outline(payload)
    }

    /// The payload that carries these strokes in a batch whose window begins at their least stamp, in the
    /// cheapest coding.
    pub fn encode(&self) -> Vec<u8> {
        coding::encode(self.tile, &self.cells)
    }

    /// The least and the greatest stamp of the cells. A batch that says something new stands in this window;
    /// one that folds older batches ends its window with the stamp of its writing instead.
    pub fn window(&self) -> StampWindow {
        let stamps = || self.cells.iter().map(|cell| cell.stamp);
        let (least, most) = (stamps().min(), stamps().max());
        least.zip(most).map(|(least, most)| StampWindow { least, most }).expect("strokes have a cell")
    }

    /// The canvas they were checked for.
    pub fn size(&self) -> CanvasSize {
        self.size
    }

    /// The number of the tile.
    pub fn tile(&self) -> u32 {
        self.tile
    }

    /// The cells, in the order of their indices; never empty.
    pub fn cells(&self) -> &[TileCell] {
        &self.cells
    }

    /// The cells, without the rest.
    pub(super) fn into_cells(self) -> Vec<TileCell> {
        self.cells
    }

    fn checked(size: CanvasSize, tile: u32, cells: Vec<TileCell>) -> Result<Strokes, StrokesError> {
        let origin = size.tile_origin(tile).ok_or(StrokesError::Tile { tile, size })?;
        if cells.is_empty() || cells.len() > TILE_CELLS {
            return Err(StrokesError::Count(cells.len()));
        }
        let rising =
            cells.windows(2).position(|pair| pair[0].index >= pair[1].index).map(|before| before + 1);
        let beyond = cells.iter().position(|cell| usize::from(cell.index) >= TILE_CELLS);
        if let Some(wrong) = rising.or(beyond) {
            return Err(StrokesError::Order(u32::from(cells[wrong].index)));
        }
        let place = |cell: &TileCell| cell_of_tile(origin, cell.index);
        let outside = |&(x, y): &(u16, u16)| !size.contains(x, y);
        let (right, bottom) = cell_of_tile(origin, TILE_CELLS as u16 - 1);
        if outside(&(right, bottom))
            && let Some((x, y)) = cells.iter().map(place).find(outside)
        {
            return Err(StrokesError::OutsideCanvas { x, y, size });
        }
        Ok(Strokes { size, tile, cells })
    }
}

/// Groups painted cells by tile, all with one stamp. Where a cell stands more than once, the last one counts.
///
/// # Errors
/// [`StrokesError::OutsideCanvas`] names the first cell that is outside; [`StrokesError::Stamp`] when `stamp` is
/// [`Stamp::NEVER`].
pub fn cells_to_strokes(
    size: CanvasSize,
    cells: &[(u16, u16, Colour)],
    stamp: Stamp,
) -> Result<Vec<Strokes>, StrokesError> {
    if let Some(&(x, y, _)) = cells.iter().find(|&&(x, y, _)| !size.contains(x, y)) {
        return Err(StrokesError::OutsideCanvas { x, y, size });
    }
    // Where a cell stands more than once, the later one comes later.
    let mut placed: Vec<(u32, u16, usize)> = { cells.iter().enumerate() }
        .map(|(at, &(x, y, _))| (size.tile_of(x, y), index_in_tile(x, y), at))
        .collect();
    placed.sort();
    let tiles = placed.chunk_by(|one, next| one.0 == next.0);
    tiles
        .map(|tile| {
            // The last write of a cell ends its group.
            let groups = tile.chunk_by(|one, next| one.1 == next.1);
            let last = groups.filter_map(|writes| writes.last());
            let cells = last.map(|&(_, index, at)| TileCell { stamp, colour: cells[at].2, index }).collect();
            Strokes::new(size, tile[0].0, cells)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const SIZE: CanvasSize = CanvasSize { width: 100, height: 70 };
    const RED: Colour = Colour::rgb(255, 0, 0);

    fn cell(index: u16) -> TileCell {
        TileCell { stamp: Stamp(5), colour: RED, index }
    }

    proptest! {
        #[test]
        fn painted_cells_fall_into_tiles_last_write_wins(
            cells in proptest::collection::vec((0..100u16, 0..70u16, 0..4u8), 0..300)
        ) {
            let cells: Vec<_> = cells.into_iter().map(|(x, y, grey)| (x, y, Colour::rgb(grey, grey, grey))).collect();
            let strokes = cells_to_strokes(SIZE, &cells, Stamp(7)).unwrap();
            prop_assert!(strokes.windows(2).all(|pair| pair[0].tile() < pair[1].tile()));
            let mut read = BTreeMap::new();
            for strokes in &strokes {
                let decoded = Strokes::decode(SIZE, StampWindow::at(Stamp(7)), &strokes.encode());
                prop_assert_eq!(decoded.as_ref(), Ok(strokes));
                let (left, top) = SIZE.tile_origin(strokes.tile()).unwrap();
                for cell in strokes.cells() {
                    read.insert((left + cell.index % 64, top + cell.index / 64), cell.colour);
                }
            }
            let written: BTreeMap<_, _> = cells.iter().map(|&(x, y, colour)| ((x, y), colour)).collect();
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn cells_that_cannot_be_are_named() {
        let outside = |x, y| Err(StrokesError::OutsideCanvas { x, y, size: SIZE });
        assert_eq!(Strokes::new(SIZE, 1, vec![cell(35), cell(36)]), outside(100, 0));
        assert_eq!(Strokes::new(SIZE, 2, vec![cell(6 * 64)]), outside(0, 70));
        assert_eq!(Strokes::new(SIZE, 4, vec![cell(0)]), Err(StrokesError::Tile { tile: 4, size: SIZE }));
        assert_eq!(Strokes::new(SIZE, 0, vec![]), Err(StrokesError::Count(0)));
        assert_eq!(Strokes::new(SIZE, 0, vec![cell(1); 4097]), Err(StrokesError::Count(4097)));
        assert_eq!(Strokes::new(SIZE, 0, vec![cell(1), cell(1)]), Err(StrokesError::Order(1)));
        assert_eq!(Strokes::new(SIZE, 0, vec![cell(4096)]), Err(StrokesError::Order(4096)));
        assert_eq!(
            cells_to_strokes(SIZE, &[(0, 0, RED), (100, 3, RED)], Stamp(1)).map(|_| ()),
            Err(StrokesError::OutsideCanvas { x: 100, y: 3, size: SIZE })
        );
        assert!(matches!(
            cells_to_strokes(SIZE, &[(0, 0, RED)], Stamp::NEVER),
            Err(StrokesError::Stamp { .. })
        ));
    }

    #[test]
    fn payloads_for_a_larger_canvas_are_refused() {
        let large = CanvasSize { width: 128, height: 128 };
        let strokes = Strokes::new(large, 1, vec![cell(35), cell(36)]).unwrap();
        let error = StrokesError::OutsideCanvas { x: 100, y: 0, size: SIZE };
        assert_eq!(Strokes::decode(SIZE, strokes.window(), &strokes.encode()), Err(error));
    }
}
