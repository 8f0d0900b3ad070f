//! The canvas as it is shown: a colour for each cell, read at once and kept up to date by events.

use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_place::picture::{Cell, light};

/// Cells looked at across and down for one dot that shows many: enough to tell a drawing from the ground, and little
/// enough to draw the largest canvas many times a second.
const SAMPLES: u16 = 4;

/// What each cell shows.
#[derive(Debug)]
pub(super) struct Shown {
    size: CanvasSize,
    /// The colour's number, row by row.
    cells: Vec<u32>,
    painted: usize,
}

const CLEARED: u32 = 0x0100_0000;

impl Shown {
    /// A canvas on which nothing is painted.
    pub(super) fn new(size: CanvasSize) -> Shown {
        let cells = vec![CLEARED; usize::from(size.width) * usize::from(size.height)];
        Shown { size, cells, painted: 0 }
    }

    pub(super) fn size(&self) -> CanvasSize {
        self.size
    }

    /// How many cells show a colour.
    pub(super) fn painted(&self) -> usize {
        self.painted
    }

    /// Shows what was read of the whole canvas: four bytes a cell, row by row.
    pub(super) fn replace(&mut self, rgba: &[u8]) {
        for (cell, pixel) in self.cells.iter_mut().zip(rgba.chunks_exact(4)) {
            let colour = Colour::rgb(pixel[0], pixel[1], pixel[2]);
            *cell = if pixel[3] == 0 { CLEARED } else { colour.bits() };
        }
        self.painted = self.cells.iter().filter(|cell| **cell != CLEARED).count();
    }

    /// Shows what changed.
    pub(super) fn change(&mut self, cells: &[Cell]) {
        for &(x, y, colour) in cells.iter().filter(|(x, y, _)| self.size.contains(*x, *y)) {
            let place = self.place(x, y);
            let before = std::mem::replace(&mut self.cells[place], colour.bits());
            self.painted += usize::from(colour.bits() != CLEARED);
            self.painted -= usize::from(before != CLEARED).min(self.painted);
        }
    }

    /// What a cell shows; `None` where nothing is painted.
    pub(super) fn colour(&self, x: u16, y: u16) -> Option<Colour> {
        if !self.size.contains(x, y) {
            return None;
        }
        Colour::from_bits(self.cells[self.place(x, y)]).filter(|colour| *colour != Colour::CLEARED)
    }

    /// What a square of cells shows on the whole: the mean of the light of some of its painted cells; `None` where
    /// fewer than half of them are.
    pub(super) fn mean(&self, (x, y): (u16, u16), side: u16) -> Option<Colour> {
        if side <= 1 {
            return self.colour(x, y);
        }
        let step = side.div_ceil(SAMPLES).max(1);
        let (mut sum, mut painted, mut looked) = ([0.0; 3], 0_u16, 0_u16);
        for down in (0..side).step_by(step.into()) {
            for right in (0..side).step_by(step.into()) {
                let (x, y) = (x.saturating_add(right), y.saturating_add(down));
                if !self.size.contains(x, y) {
                    continue;
                }
                looked += 1;
                let Some(bytes) = self.colour(x, y).and_then(Colour::components) else { continue };
                painted += 1;
                for (sum, light) in sum.iter_mut().zip(light::from_bytes(bytes)) {
                    *sum += light;
                }
            }
        }
        if painted == 0 || painted * 2 < looked {
            return None;
        }
        let [red, green, blue] = sum.map(|sum: f32| light::to_byte(sum / f32::from(painted)));
        Some(Colour::rgb(red, green, blue))
    }

    fn place(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.size.width) + usize::from(x)
    }
}

/// The cells of a line, both ends included (Bresenham, "Algorithm for computer control of a digital plotter", 1965).
pub(super) fn line(from: (u16, u16), to: (u16, u16)) -> Vec<(u16, u16)> {
    let (mut x, mut y) = (i32::from(from.0), i32::from(from.1));
    let (end_x, end_y) = (i32::from(to.0), i32::from(to.1));
    let (across, down) = ((end_x - x).abs(), -(end_y - y).abs());
    let (step_x, step_y) = ((end_x - x).signum(), (end_y - y).signum());
    let mut error = across + down;
    // Both ends have such coordinates, and so has everything between.
    let mut cells = vec![from];
    while (x, y) != (end_x, end_y) {
        let twice = 2 * error;
        if twice >= down {
            error += down;
            x += step_x;
        }
        if twice <= across {
            error += across;
            y += step_y;
        }
        cells.push((x as u16, y as u16));
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Colour = Colour::rgb(255, 0, 0);

    #[test]
    fn changes_show_and_are_counted() {
        let mut shown = Shown::new(CanvasSize { width: 3, height: 2 });
        shown.change(&[(2, 1, RED), (9, 9, RED)]);
        assert_eq!((shown.colour(2, 1), shown.colour(0, 0), shown.painted()), (Some(RED), None, 1));
        shown.change(&[(2, 1, Colour::CLEARED)]);
        assert_eq!((shown.colour(2, 1), shown.painted()), (None, 0));
        shown.replace(&[[0, 0, 255, 255], [0; 4], [0; 4], [0; 4], [0; 4], [255, 0, 0, 255]].concat());
        assert_eq!((shown.colour(0, 0), shown.colour(2, 1)), (Some(Colour::rgb(0, 0, 255)), Some(RED)));
        assert_eq!((shown.colour(3, 0), shown.painted()), (None, 2));
    }

    #[test]
    fn many_cells_show_as_their_mean() {
        let mut shown = Shown::new(CanvasSize { width: 4, height: 2 });
        let white = Colour::rgb(255, 255, 255);
        let black = Colour::rgb(0, 0, 0);
        shown.change(&[(0, 0, white), (1, 0, black)]);
        assert_eq!(shown.mean((0, 0), 2), Some(Colour::rgb(188, 188, 188)), "of light, not of bytes");
        assert_eq!(shown.mean((2, 0), 2), None);
        assert_eq!(shown.mean((0, 0), 4), None, "most of it is ground");
    }

    #[test]
    fn lines_have_no_gaps() {
        assert_eq!(line((2, 2), (2, 2)), [(2, 2)]);
        assert_eq!(line((0, 0), (3, 1)), [(0, 0), (1, 0), (2, 1), (3, 1)]);
        for end in [(0, 9), (9, 0), (7, 3), (0, 0), (3, 9)] {
            let cells = line((4, 4), end);
            assert_eq!((cells[0], cells[cells.len() - 1]), ((4, 4), end));
            let near = |pair: &[(u16, u16)]| {
                pair[0].0.abs_diff(pair[1].0) <= 1 && pair[0].1.abs_diff(pair[1].1) <= 1
            };
            assert!(cells.windows(2).all(near), "{cells:?}");
        }
    }
}
