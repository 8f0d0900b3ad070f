//! Which cells of the canvas show where on the terminal: scrolling, zooming, and back from a place to its cell.

use meshwork_place::canvas::CanvasSize;

/// The most a cell is enlarged: 16 columns.
const ZOOM_MOST: i8 = 4;
/// The most a canvas is made smaller: 64 cells side by side in one column, so that the largest fits.
const ZOOM_LEAST: i8 = -6;

/// A grid of dots on the terminal, and the part of the canvas that it shows. A dot is half a character high where
/// there are half blocks, so that it is about square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View {
    canvas: CanvasSize,
    /// Dots across and down.
    dots: (u16, u16),
    /// A cell is 2^zoom dots wide and high.
    zoom: i8,
    /// The cell in the upper left corner.
    left: u16,
    top: u16,
}

impl View {
    /// A view of the whole canvas or, where that is too much, of its upper left part with a dot for each cell.
    pub(super) fn new(canvas: CanvasSize, dots: (u16, u16)) -> View {
        let mut view = View { canvas, dots, zoom: ZOOM_LEAST, left: 0, top: 0 };
        view.reset();
        view
    }

    /// The terminal has another size now; the cell `focus` stays in view.
    pub(super) fn resize(&mut self, dots: (u16, u16), focus: (u16, u16)) {
        self.dots = dots;
        self.show(focus);
    }

    /// As large as all of the canvas fits, but at least a dot for each cell.
    pub(super) fn reset(&mut self) {
        self.zoom = 0;
        while self.zoom < ZOOM_MOST && self.fits(self.zoom + 1) {
            self.zoom += 1;
        }
        (self.left, self.top) = (0, 0);
    }

    /// Makes cells twice as large, or half as large, while `focus` stays where it is on the screen.
    pub(super) fn zoom(&mut self, is_in: bool, focus: (u16, u16)) {
        let zoom = (self.zoom + if is_in { 1 } else { -1 }).clamp(ZOOM_LEAST, ZOOM_MOST);
        // Smaller than the whole is no use.
        if zoom == self.zoom || !is_in && self.fits(self.zoom) && self.zoom <= 0 {
            return;
        }
        let dot = self.dot_of(focus).unwrap_or((self.dots.0 / 2, self.dots.1 / 2));
        self.zoom = zoom;
        let before = |cell: u16, dot: u16| cell.saturating_sub(self.cells(dot));
        (self.left, self.top) = (before(focus.0, dot.0), before(focus.1, dot.1));
        self.keep_inside();
    }

    /// Moves the canvas below the screen by so many cells.
    pub(super) fn pan(&mut self, right: i32, down: i32) {
        let moved = |from: u16, by: i32| (i32::from(from) + by).clamp(0, i32::from(u16::MAX)) as u16;
        (self.left, self.top) = (moved(self.left, right), moved(self.top, down));
        self.keep_inside();
    }

    /// Scrolls as far as is needed for the cell to be seen.
    pub(super) fn show(&mut self, (x, y): (u16, u16)) {
        let scrolled = |from: u16, cell: u16, dots: u16| {
            let shown = self.cells(dots).max(1);
            if cell < from { cell } else { from.max((cell + 1).saturating_sub(shown)) }
        };
        (self.left, self.top) = (scrolled(self.left, x, self.dots.0), scrolled(self.top, y, self.dots.1));
        self.keep_inside();
    }

    /// Cells across of one step of the arrow keys with Shift, or of the wheel.
    pub(super) fn zoom_words(&self) -> String {
        if self.zoom >= 0 { format!("{}x", 1 << self.zoom) } else { format!("1/{}", 1 << -self.zoom) }
    }

    /// Dots that a cell is wide and high, when it is at least one.
    pub(super) fn dots_per_cell(&self) -> u16 {
        if self.zoom >= 0 { 1 << self.zoom } else { 1 }
    }

    /// Cells that a dot shows side by side.
    pub(super) fn cells_per_dot(&self) -> u16 {
        if self.zoom >= 0 { 1 } else { 1 << -self.zoom }
    }

    /// The upper left cell that a dot shows; `None` beside the canvas.
    pub(super) fn cell_at(&self, dot: (u16, u16)) -> Option<(u16, u16)> {
        let cell = |from: u16, dot: u16| u32::from(from) + u32::from(self.cells(dot));
        let (x, y) = (cell(self.left, dot.0), cell(self.top, dot.1));
        let is_inside = dot.0 < self.dots.0 && dot.1 < self.dots.1;
        let on = |at: u32, side: u16| u16::try_from(at).ok().filter(|at| *at < side);
        is_inside.then(|| Some((on(x, self.canvas.width)?, on(y, self.canvas.height)?)))?
    }

    /// The upper left dot of a cell; `None` when it is out of view.
    pub(super) fn dot_of(&self, (x, y): (u16, u16)) -> Option<(u16, u16)> {
        let dot = |cell: u16, from: u16, dots: u16| {
            let cells = u32::from(cell.checked_sub(from)?);
            let dot = if self.zoom >= 0 { cells << self.zoom } else { cells >> -self.zoom };
            u16::try_from(dot).ok().filter(|dot| *dot < dots)
        };
        Some((dot(x, self.left, self.dots.0)?, dot(y, self.top, self.dots.1)?))
    }

    /// Cells within so many dots.
    fn cells(&self, dots: u16) -> u16 {
        let cells = if self.zoom >= 0 { u32::from(dots) >> self.zoom } else { u32::from(dots) << -self.zoom };
        u16::try_from(cells).unwrap_or(u16::MAX)
    }

    fn fits(&self, zoom: i8) -> bool {
        let at = View { zoom, ..*self };
        at.cells(self.dots.0) >= self.canvas.width && at.cells(self.dots.1) >= self.canvas.height
    }

    fn keep_inside(&mut self) {
        self.left = self.left.min(self.canvas.width.saturating_sub(self.cells(self.dots.0)));
        self.top = self.top.min(self.canvas.height.saturating_sub(self.cells(self.dots.1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(width: u16, height: u16, dots: (u16, u16)) -> View {
        View::new(CanvasSize { width, height }, dots)
    }

    #[test]
    fn a_small_canvas_is_enlarged_to_fit() {
        assert_eq!(view(20, 10, (80, 44)).zoom_words(), "4x");
        assert_eq!(view(100, 100, (80, 44)).zoom_words(), "1x");
        assert_eq!(view(1, 1, (80, 44)).zoom_words(), "16x");
    }

    #[test]
    fn dots_and_cells_find_each_other() {
        let mut view = view(100, 100, (80, 44));
        view.pan(10, 30);
        for zooms in -3..=3_i32 {
            let mut view = view;
            (0..zooms.abs()).for_each(|_| view.zoom(zooms > 0, (40, 40)));
            for dot in [(0, 0), (17, 9), (40, 40)] {
                let Some(cell) = view.cell_at(dot) else { continue };
                let back = view.dot_of(cell).expect("it is in view");
                assert!(back.0 <= dot.0 && dot.0 < back.0 + view.dots_per_cell(), "{zooms} {dot:?} {back:?}");
                assert_eq!(view.cell_at(back), Some(cell));
            }
        }
        assert_eq!(view.cell_at((80, 0)), None);
    }

    #[test]
    fn the_view_stays_on_the_canvas() {
        let mut view = view(100, 100, (80, 44));
        view.pan(1000, 1000);
        assert_eq!((view.left, view.top), (20, 56));
        view.pan(-1000, -1000);
        assert_eq!((view.left, view.top), (0, 0));
        view.show((99, 99));
        assert_eq!(view.cell_at((79, 43)), Some((99, 99)));
        view.show((5, 99));
        assert_eq!((view.left, view.top), (5, 56));
    }

    #[test]
    fn what_is_zoomed_at_stays_where_it_is() {
        let mut view = view(1000, 1000, (80, 44));
        view.pan(100, 100);
        let dot = view.dot_of((130, 120)).expect("it is in view");
        view.zoom(true, (130, 120));
        let after = view.dot_of((130, 120)).expect("it is in view");
        assert!(after.0.abs_diff(dot.0) <= 1 && after.1.abs_diff(dot.1) <= 1, "{dot:?} {after:?}");
    }

    #[test]
    fn the_largest_canvas_can_be_seen_whole() {
        let mut view = view(4096, 4096, (80, 70));
        (0..20).for_each(|_| view.zoom(false, (0, 0)));
        assert!(view.dot_of((4095, 4095)).is_some());
        let mut small = View::new(CanvasSize { width: 10, height: 10 }, (80, 44));
        (0..20).for_each(|_| small.zoom(false, (0, 0)));
        assert_eq!(small.zoom_words(), "1x", "smaller than the whole is no use");
        small.resize((4, 4), (9, 9));
        assert_eq!(small.cell_at((3, 3)), Some((9, 9)));
    }
}
