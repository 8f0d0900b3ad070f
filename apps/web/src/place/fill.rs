//! The region that a fill paints: cells that look the same and touch each other by their edges.

use meshwork_place::canvas::CanvasSize;

use crate::texts::canvas;

/// Cells that a fill may have: an area of 256 by 256, which is painted and taken back in one go.
pub const FILL_MAX: usize = 65_536;
/// A fill of this many cells or more is shown first and painted when it is confirmed.
pub const FILL_ASK: usize = 1024;

/// Why a region is not filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// The start lies outside of the canvas.
    #[error("{}", canvas::FILL_OUTSIDE)]
    Outside,
    /// The region has more than [`FILL_MAX`] cells.
    #[error("{}", canvas::fill_too_large(FILL_MAX))]
    TooLarge,
    /// The region looks like the paint.
    #[error("{}", canvas::FILL_SAME)]
    SameColour,
}

/// The cells that are 4-connected to `start` by cells that look like it, row by row of the search.
///
/// `look` names what a cell shows; equal numbers look the same. `paint` is what the cells are to show.
///
/// # Errors
/// [`FillError`]; the search never takes in more than [`FILL_MAX`] cells.
pub fn region(
    size: CanvasSize,
    start: (u16, u16),
    paint: u32,
    look: impl Fn(u16, u16) -> u32,
) -> Result<Vec<(u16, u16)>, FillError> {
    check(size, start, paint, &look)?;
    match area(size, start, look) {
        (cells, true) => Ok(cells),
        (_, false) => Err(FillError::TooLarge),
    }
}

/// The area that was looked at last, so that a pointer that moves within it does not have it searched again.
///
/// A new one is needed when the canvas changed.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// In order; of an area that is too large, as many as a search takes in.
    cells: Vec<(u16, u16)>,
    is_whole: bool,
}

impl Preview {
    /// How many cells a fill that starts at `at` would have.
    ///
    /// # Errors
    /// As [`region`].
    pub fn count(
        &mut self,
        size: CanvasSize,
        at: (u16, u16),
        paint: u32,
        look: impl Fn(u16, u16) -> u32,
    ) -> Result<usize, FillError> {
        check(size, at, paint, &look)?;
        if self.cells.binary_search(&at).is_err() {
            (self.cells, self.is_whole) = area(size, at, look);
            self.cells.sort_unstable();
        }
        if self.is_whole { Ok(self.cells.len()) } else { Err(FillError::TooLarge) }
    }
}

fn check(
    size: CanvasSize,
    start: (u16, u16),
    paint: u32,
    look: impl Fn(u16, u16) -> u32,
) -> Result<(), FillError> {
    if !size.contains(start.0, start.1) {
        return Err(FillError::Outside);
    }
    if look(start.0, start.1) == paint { Err(FillError::SameColour) } else { Ok(()) }
}

/// The area around a cell of the canvas, and whether that is all of it: no more than [`FILL_MAX`] cells are taken in.
fn area(size: CanvasSize, start: (u16, u16), look: impl Fn(u16, u16) -> u32) -> (Vec<(u16, u16)>, bool) {
    let wanted = look(start.0, start.1);
    let width = usize::from(size.width);
    // A bit a cell: two megabytes for the largest canvas, freed at the end.
    let mut seen = vec![0u64; (width * usize::from(size.height)).div_ceil(64)];
    let mut is_new = |x: u16, y: u16| {
        let index = usize::from(y) * width + usize::from(x);
        let (word, bit) = (index / 64, 1u64 << (index % 64));
        let is_new = seen[word] & bit == 0;
        seen[word] |= bit;
        is_new
    };
    let mut cells = vec![start];
    is_new(start.0, start.1);
    let mut next = 0;
    while let Some(&(x, y)) = cells.get(next) {
        next += 1;
        let neighbours = [
            x.checked_sub(1).map(|x| (x, y)),
            (x + 1 < size.width).then_some((x + 1, y)),
            y.checked_sub(1).map(|y| (x, y)),
            (y + 1 < size.height).then_some((x, y + 1)),
        ];
        for (x, y) in neighbours.into_iter().flatten() {
            if look(x, y) == wanted && is_new(x, y) {
                if cells.len() == FILL_MAX {
                    return (cells, false);
                }
                cells.push((x, y));
            }
        }
    }
    (cells, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 6, height: 4 };
    /// A wall with one gap only across its corner.
    const MAP: [&str; 4] = ["..#...", "..#.##", ".#..#.", "#...#."];

    fn look(x: u16, y: u16) -> u32 {
        MAP[usize::from(y)].as_bytes()[usize::from(x)].into()
    }

    #[test]
    fn a_region_leaks_over_no_border_or_corner() {
        let mut cells = region(SIZE, (0, 0), 7, look).expect("it is small");
        cells.sort_unstable();
        assert_eq!(cells, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]);
        let right = region(SIZE, (5, 3), 7, look).expect("it is small");
        assert_eq!(right.len(), 2);
        let wall = region(SIZE, (0, 3), 7, look).expect("it is small");
        assert_eq!(wall, [(0, 3)], "walls touch by corners only");
    }

    #[test]
    fn it_refuses_in_words() {
        assert_eq!(region(SIZE, (6, 0), 7, look), Err(FillError::Outside));
        assert_eq!(region(SIZE, (0, 0), b'.'.into(), look), Err(FillError::SameColour));
        let large = CanvasSize { width: 257, height: 256 };
        let too_large = region(large, (9, 9), 7, |_, _| 0).expect_err("it is larger than the most");
        assert_eq!(
            too_large.to_string(),
            "This area is too large to fill: it has more than 65,536 cells. Draw a border around a part of it."
        );
        let most = CanvasSize { width: 256, height: 256 };
        assert_eq!(region(most, (9, 9), 7, |_, _| 0).map(|cells| cells.len()), Ok(FILL_MAX));
    }

    #[test]
    fn an_area_is_searched_once_while_pointed_at() {
        let looks = std::cell::Cell::new(0);
        let counted = |x, y| {
            looks.set(looks.get() + 1);
            look(x, y)
        };
        let mut preview = Preview::default();
        assert_eq!(preview.count(SIZE, (0, 0), 7, counted), Ok(5));
        let searched = looks.replace(0);
        assert_eq!((preview.count(SIZE, (1, 1), 7, counted), looks.get() < searched), (Ok(5), true));
        assert_eq!(preview.count(SIZE, (5, 3), 7, counted), Ok(2), "it left the area");
        assert_eq!(preview.count(SIZE, (5, 3), b'.'.into(), counted), Err(FillError::SameColour));
        assert_eq!(preview.count(SIZE, (9, 3), 7, counted), Err(FillError::Outside));
        let large = CanvasSize { width: 300, height: 300 };
        let mut preview = Preview::default();
        assert_eq!(preview.count(large, (0, 0), 7, |_, _| 0), Err(FillError::TooLarge));
        assert_eq!(preview.count(large, (1, 0), 7, |x, _| u32::from(x != 1)), Err(FillError::TooLarge));
    }
}
