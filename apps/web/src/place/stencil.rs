//! A picture that lies over the canvas: which cells it covers, and which of them are not painted right yet.

use meshwork_place::canvas::{CanvasSize, Colour, TILE_SIDE};
use meshwork_place::picture::{ALPHA_LEAST, Picture};

use crate::place::stroke::Cell;

/// Cells that a picture may have: an area of 512 by 512, which can still be taken back in one step.
pub const PICTURE_MAX: usize = 512 * 512;
/// How much of the canvas a new picture takes at most, as a fraction of its sides.
const FIRST_SHARE: f64 = 0.75;

/// A picture in cells, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stencil {
    /// Column of its left edge; it may stand over the canvas's edges.
    pub x: i32,
    /// Row of its upper edge.
    pub y: i32,
    width: u16,
    height: u16,
    /// Row by row; [`Colour::CLEARED`] where the picture leaves a cell as it is.
    cells: Vec<Colour>,
}

impl Stencil {
    /// The pixels of a picture as cells; one whose sides are longer than a canvas's is cut there.
    pub fn new(picture: &Picture, x: i32, y: i32) -> Stencil {
        let width = u16::try_from(picture.width()).unwrap_or(u16::MAX);
        let height = u16::try_from(picture.height()).unwrap_or(u16::MAX);
        let cell = |pixel: &[u8]| match *pixel {
            [red, green, blue, alpha] if alpha >= ALPHA_LEAST => Colour::rgb(red, green, blue),
            _ => Colour::CLEARED,
        };
        let rows = picture.rgba().chunks_exact(picture.width() as usize * 4).take(height.into());
        let cells = rows.flat_map(|row| row.chunks_exact(4).take(width.into())).map(cell).collect();
        Stencil { x, y, width, height, cells }
    }

    /// Columns.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// Its pixels, four bytes each.
    pub fn rgba(&self) -> Vec<u8> {
        let pixel = |colour: &Colour| match colour.components() {
            Some([red, green, blue]) => [red, green, blue, 255],
            None => [0; 4],
        };
        self.cells.iter().flat_map(pixel).collect()
    }

    /// Whether a cell lies under it.
    pub fn covers(&self, (x, y): (i32, i32)) -> bool {
        let (x, y) = (x.saturating_sub(self.x), y.saturating_sub(self.y));
        (0..i32::from(self.width)).contains(&x) && (0..i32::from(self.height)).contains(&y)
    }

    /// What a cell under it should show; `None` where the picture says nothing about it.
    pub fn colour(&self, (x, y): (u16, u16)) -> Option<Colour> {
        let cell = (i32::from(x), i32::from(y));
        if !self.covers(cell) {
            return None;
        }
        let (column, row) = (cell.0 - self.x, cell.1 - self.y);
        let index = usize::try_from(row * i32::from(self.width) + column).ok()?;
        self.cells.get(index).copied().filter(|colour| colour.components().is_some())
    }

    /// Moves it; some of it stays over the canvas.
    pub fn shift(&mut self, (x, y): (i32, i32), size: CanvasSize) {
        let keep = |start: i32, by: i32, length: u16, all: u16| {
            start.saturating_add(by).clamp(1 - i32::from(length), i32::from(all) - 1)
        };
        self.x = keep(self.x, x, self.width, size.width);
        self.y = keep(self.y, y, self.height, size.height);
    }

    /// What painting it paints, tile by tile so that it goes in few batches: the cells that are on the canvas.
    pub fn cells(&self, size: CanvasSize) -> Vec<Cell> {
        let mut cells: Vec<Cell> = self.on_canvas(size).collect();
        cells.sort_by_key(|&(x, y, _)| (y / TILE_SIDE, x / TILE_SIDE));
        cells
    }

    /// How many cells do not look right, and how many there are.
    pub fn count_wrong(&self, size: CanvasSize, look: impl Fn(u16, u16) -> Colour) -> (usize, usize) {
        self.on_canvas(size)
            .fold((0, 0), |(wrong, all), (x, y, colour)| (wrong + usize::from(look(x, y) != colour), all + 1))
    }

    /// The cells that are on the canvas, row by row.
    fn on_canvas(&self, size: CanvasSize) -> impl Iterator<Item = Cell> + '_ {
        let rows = (0..i32::from(self.height)).filter_map(|row| u16::try_from(self.y + row).ok());
        rows.flat_map(move |y| {
            let columns = (0..i32::from(self.width)).filter_map(|column| u16::try_from(self.x + column).ok());
            columns
                .filter(move |&x| size.contains(x, y))
                .filter_map(move |x| Some((x, y, self.colour((x, y))?)))
        })
    }

    /// The first cell that does not look right after `after`, row by row and round again.
    pub fn next_wrong(
        &self,
        after: Option<(u16, u16)>,
        size: CanvasSize,
        look: impl Fn(u16, u16) -> Colour,
    ) -> Option<(u16, u16)> {
        let mut wrong = self.on_canvas(size).filter(|&(x, y, colour)| look(x, y) != colour);
        let first = wrong.next()?;
        let is_after = |(x, y, _): &Cell| after.is_none_or(|after| (*y, *x) > (after.1, after.0));
        let (x, y, _) = std::iter::once(first).chain(wrong).find(is_after).unwrap_or(first);
        Some((x, y))
    }
}

/// How wide and high a picture of `width` by `height` pixels is in cells when it is laid on a canvas: as it is, or
/// as large as fits well.
pub fn first_size((width, height): (u32, u32), size: CanvasSize) -> (u16, u16) {
    let fits = (f64::from(size.width) * FIRST_SHARE / f64::from(width.max(1)))
        .min(f64::from(size.height) * FIRST_SHARE / f64::from(height.max(1)))
        .min(1.0);
    sized((width, height), (f64::from(width) * fits).round() as u16, size)
}

/// The size in cells of a picture that is to be `columns` wide, with the picture's proportions, no longer than the
/// canvas and no larger than [`PICTURE_MAX`].
pub fn sized((width, height): (u32, u32), columns: u16, size: CanvasSize) -> (u16, u16) {
    let proportion = f64::from(height.max(1)) / f64::from(width.max(1));
    let widest = f64::from(size.width)
        .min(f64::from(size.height) / proportion)
        .min((PICTURE_MAX as f64 / proportion).sqrt());
    let columns = f64::from(columns).min(widest).max(1.0);
    // A float becomes an integer by saturation, and both are at least 1.
    let rows = (columns * proportion).round().clamp(1.0, f64::from(size.height));
    (columns.floor() as u16, rows as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 100, height: 80 };
    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const NOTHING: [u8; 4] = [9, 9, 9, 0];

    fn stencil(x: i32, y: i32) -> Stencil {
        let rgba = [RED, BLUE, NOTHING, RED, RED, BLUE].concat();
        Stencil::new(&Picture::new(3, 2, rgba).expect("it has its length"), x, y)
    }

    fn colour(rgba: [u8; 4]) -> Colour {
        Colour::rgb(rgba[0], rgba[1], rgba[2])
    }

    #[test]
    fn cells_have_the_pictures_colours_where_it_lies() {
        let stencil = stencil(10, 20);
        assert_eq!(stencil.colour((11, 20)), Some(colour(BLUE)));
        assert_eq!(stencil.colour((12, 20)), None, "transparent");
        assert_eq!(stencil.colour((13, 20)), None, "beside it");
        assert!(stencil.covers((12, 21)) && !stencil.covers((9, 20)));
        assert_eq!(stencil.rgba()[..8], [255, 0, 0, 255, 0, 0, 255, 255]);
    }

    #[test]
    fn only_cells_of_the_canvas_are_painted() {
        let corner = stencil(-1, -1);
        assert_eq!(corner.cells(SIZE), [(0, 0, colour(RED)), (1, 0, colour(BLUE))]);
        assert_eq!(stencil(98, 79).cells(SIZE).len(), 2);
        let tiles: Vec<u16> = stencil(62, 10).cells(SIZE).iter().map(|cell| cell.0 / TILE_SIDE).collect();
        assert!(tiles.is_sorted());
    }

    #[test]
    fn it_cannot_be_moved_off_the_canvas() {
        let mut stencil = stencil(0, 0);
        stencil.shift((-50, i32::MAX), SIZE);
        assert_eq!((stencil.x, stencil.y), (-2, 79));
        stencil.shift((3, -1), SIZE);
        assert_eq!((stencil.x, stencil.y), (1, 78));
    }

    #[test]
    fn wrong_cells_are_found_one_after_the_other() {
        let stencil = stencil(0, 0);
        let look = |x: u16, y: u16| if (x, y) == (1, 0) { colour(BLUE) } else { colour(NOTHING) };
        let mut at = None;
        let mut found = Vec::new();
        for _ in 0..5 {
            at = stencil.next_wrong(at, SIZE, look);
            found.extend(at);
        }
        assert_eq!(found, [(0, 0), (0, 1), (1, 1), (2, 1), (0, 0)]);
        let right = |x: u16, y: u16| stencil.colour((x, y)).unwrap_or(Colour::CLEARED);
        assert_eq!(stencil.next_wrong(None, SIZE, right), None);
        assert_eq!((stencil.count_wrong(SIZE, look), stencil.count_wrong(SIZE, right)), ((4, 5), (0, 5)));
    }

    #[test]
    fn sizes_keep_proportions_and_limits() {
        assert_eq!(first_size((32, 16), SIZE), (32, 16), "a small picture stays as it is");
        assert_eq!(first_size((4000, 2000), SIZE), (75, 38));
        assert_eq!(sized((100, 200), 90, SIZE), (40, 80), "no higher than the canvas");
        let huge = CanvasSize { width: 4096, height: 4096 };
        let (width, height) = sized((1000, 1000), 4096, huge);
        assert!(usize::from(width) * usize::from(height) <= PICTURE_MAX && width == 512);
        assert_eq!(sized((1, 100_000), 1, SIZE), (1, 80));
        assert_eq!(sized((0, 0), 0, SIZE), (1, 1));
    }
}
