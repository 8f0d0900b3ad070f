//! A stroke under a pointer: samples in, cells out, in portions that are painted at once.

use meshwork_place::canvas::{CanvasSize, Colour};

use crate::place::line;

/// Cells of a stroke that are painted without waiting for the next frame.
pub const FLUSH_AT: usize = 64;
/// Cells that wait at most, when neighbours cannot keep up; further ones are refused in words.
pub const WAITING_MAX: usize = 16 * 1024;

/// A cell and what it is to show, as a node takes it.
pub type Cell = (u16, u16, Colour);

/// The stroke that is being drawn, and the cells of it that are still to be painted.
#[derive(Clone, Debug, Default)]
pub struct Stroke {
    at: Option<((i32, i32), Colour)>,
    waiting: Vec<Cell>,
    lost: usize,
}

impl Stroke {
    /// Begins at a cell, which may lie outside the canvas.
    pub fn begin(&mut self, cell: (i32, i32), colour: Colour, size: CanvasSize) {
        self.at = Some((cell, colour));
        self.add(cell, colour, size);
    }

    /// Begins where something was painted before: only what follows is painted.
    pub fn resume(&mut self, cell: (i32, i32), colour: Colour) {
        self.at = Some((cell, colour));
    }

    /// The cells that a straight line to `cell` would paint.
    pub fn line_to(&self, cell: (i32, i32), size: CanvasSize) -> Vec<(u16, u16)> {
        let Some((from, _)) = self.at else { return Vec::new() };
        cells_between(from, cell, size)
    }

    /// Goes on in a straight line.
    pub fn extend(&mut self, cell: (i32, i32), size: CanvasSize) {
        let Some((from, colour)) = self.at else { return };
        for cell in line::cells(near(from, size), near(cell, size)) {
            self.add(cell, colour, size);
        }
        self.at = Some((cell, colour));
    }

    /// Ends; what waits is still to be painted.
    pub fn end(&mut self) {
        self.at = None;
    }

    /// Ends, and forgets what waits.
    pub fn cancel(&mut self) {
        *self = Stroke::default();
    }

    /// Whether it goes on.
    pub fn is_drawing(&self) -> bool {
        self.at.is_some()
    }

    /// How many cells wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the cells that wait.
    pub fn take(&mut self) -> Vec<Cell> {
        std::mem::take(&mut self.waiting)
    }

    /// Puts cells back that could not be painted now.
    pub fn put_back(&mut self, mut cells: Vec<Cell>) {
        cells.append(&mut self.waiting);
        self.lost += cells.len().saturating_sub(WAITING_MAX);
        cells.truncate(WAITING_MAX);
        self.waiting = cells;
    }

    /// How many cells were lost since this was last asked, because too many waited.
    pub fn take_lost(&mut self) -> usize {
        std::mem::take(&mut self.lost)
    }

    fn add(&mut self, (x, y): (i32, i32), colour: Colour, size: CanvasSize) {
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return };
        let cell = (x, y, colour);
        if !size.contains(x, y) || self.waiting.last() == Some(&cell) {
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.lost += 1;
        } else {
            self.waiting.push(cell);
        }
    }
}

/// The cells of a canvas on the straight line between two samples, without the first.
pub fn cells_between(from: (i32, i32), to: (i32, i32), size: CanvasSize) -> Vec<(u16, u16)> {
    let cells = line::cells(near(from, size), near(to, size));
    let inside = cells.filter_map(|(x, y)| Some((u16::try_from(x).ok()?, u16::try_from(y).ok()?)));
    inside.filter(|&(x, y)| size.contains(x, y)).collect()
}

/// A sample far outside is drawn to the canvas's surroundings only, which bounds the work.
fn near(cell: (i32, i32), size: CanvasSize) -> (i32, i32) {
    let (width, height) = (i32::from(size.width), i32::from(size.height));
    (cell.0.clamp(-width, 2 * width), cell.1.clamp(-height, 2 * height))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 10, height: 10 };
    const RED: Colour = Colour::rgb(255, 0, 0);

    fn places(cells: Vec<Cell>) -> Vec<(u16, u16)> {
        assert!(cells.iter().all(|cell| cell.2 == RED));
        cells.into_iter().map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn a_drag_leaves_no_gaps() {
        let mut stroke = Stroke::default();
        stroke.begin((1, 1), RED, SIZE);
        stroke.extend((4, 1), SIZE);
        stroke.extend((4, 1), SIZE);
        stroke.extend((4, 2), SIZE);
        assert_eq!(places(stroke.take()), [(1, 1), (2, 1), (3, 1), (4, 1), (4, 2)]);
        stroke.end();
        stroke.extend((9, 9), SIZE);
        assert_eq!(stroke.waiting(), 0, "a pointer that is up draws nothing");
    }

    #[test]
    fn a_stroke_leaving_the_canvas_paints_only_inside() {
        let mut stroke = Stroke::default();
        stroke.begin((8, 0), RED, SIZE);
        stroke.extend((i32::MAX, 0), SIZE);
        stroke.extend((9, 2), SIZE);
        assert!(places(stroke.take()).iter().all(|&(x, y)| x < 10 && y < 10));
        assert!(stroke.is_drawing());
    }

    #[test]
    fn a_line_continues_from_the_last_painted_cell() {
        let mut stroke = Stroke::default();
        stroke.resume((2, 2), RED);
        assert_eq!(stroke.line_to((5, 2), SIZE), [(3, 2), (4, 2), (5, 2)]);
        assert_eq!(stroke.waiting(), 0, "a line that is shown is not painted yet");
        stroke.extend((5, 2), SIZE);
        assert_eq!(places(stroke.take()), [(3, 2), (4, 2), (5, 2)]);
    }

    #[test]
    fn a_cancelled_stroke_paints_nothing_more() {
        let mut stroke = Stroke::default();
        stroke.begin((1, 1), RED, SIZE);
        stroke.cancel();
        assert_eq!((stroke.waiting(), stroke.is_drawing()), (0, false));
    }

    #[test]
    fn unpainted_cells_wait_in_order_and_within_bounds() {
        let mut stroke = Stroke::default();
        stroke.begin((0, 0), RED, SIZE);
        let first = stroke.take();
        stroke.extend((1, 0), SIZE);
        stroke.put_back(first);
        assert_eq!(places(stroke.take()), [(0, 0), (1, 0)]);
        stroke.put_back(vec![(0, 0, RED); WAITING_MAX + 3]);
        assert_eq!((stroke.waiting(), stroke.take_lost(), stroke.take_lost()), (WAITING_MAX, 3, 0));
    }
}
