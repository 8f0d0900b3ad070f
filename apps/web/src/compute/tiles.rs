//! The picture that tiles make.

use meshwork_compute::job::View;

/// Most pixels of a side. Browsers draw no larger canvas.
const SIDE_MAX: u32 = 8192;
/// Most pixels of a picture: 256 MiB of colours.
const PIXELS_MAX: u64 = 64 << 20;

/// The layout of a picture of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Tiles in a row.
    pub columns: u32,
    /// Rows of tiles.
    pub rows: u32,
    /// Width and height of a tile in pixels.
    pub tile: (u32, u32),
}

impl Layout {
    /// The layout of a job; `None` if its results are no tiles, or make a picture that no browser draws.
    pub fn of(view: View, units: u32) -> Option<Layout> {
        let View::Tiles { columns, width, height } = view else { return None };
        let columns = u32::from(columns).min(units).max(1);
        let layout = Layout { columns, rows: units.div_ceil(columns), tile: (width.into(), height.into()) };
        let (width, height) = layout.size_in_full();
        let fits = width <= SIDE_MAX.into() && height <= SIDE_MAX.into() && width * height <= PIXELS_MAX;
        fits.then_some(layout)
    }

    fn size_in_full(&self) -> (u64, u64) {
        let side = |tiles: u32, pixels: u32| u64::from(tiles) * u64::from(pixels);
        (side(self.columns, self.tile.0), side(self.rows, self.tile.1))
    }

    /// Width and height of the picture in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.columns * self.tile.0, self.rows * self.tile.1)
    }

    /// The upper left pixel of a unit's tile.
    pub fn place(&self, unit: u32) -> (u32, u32) {
        (unit % self.columns * self.tile.0, unit / self.columns * self.tile.1)
    }

    /// Bytes of a tile, four a pixel.
    pub fn bytes(&self) -> usize {
        self.tile.0 as usize * self.tile.1 as usize * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(columns: u16, width: u16, height: u16) -> View {
        View::Tiles { columns, width, height }
    }

    #[test]
    fn tiles_stand_row_by_row() {
        let layout = Layout::of(tiles(16, 64, 32), 160).expect("it fits");
        assert_eq!((layout.size(), layout.bytes()), ((1024, 320), 64 * 32 * 4));
        assert_eq!([0, 15, 16, 159].map(|unit| layout.place(unit)), [(0, 0), (960, 0), (0, 32), (960, 288)]);
    }

    #[test]
    fn an_incomplete_row_counts() {
        let layout = Layout::of(tiles(8, 10, 10), 9).expect("it fits");
        assert_eq!((layout.rows, layout.size()), (2, (80, 20)));
        assert_eq!(Layout::of(tiles(8, 10, 10), 3).map(|layout| layout.size()), Some((30, 10)));
    }

    #[test]
    fn pictures_that_no_browser_draws_are_none() {
        assert_eq!(Layout::of(tiles(1000, 1000, 1), 1000), None);
        assert_eq!(Layout::of(tiles(u16::MAX, u16::MAX, u16::MAX), 1_000_000), None);
        assert_eq!(Layout::of(View::File, 4), None);
    }
}
