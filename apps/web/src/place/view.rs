//! Where the canvas stands on the stage: zoom, pan and which cell lies under a point.
//!
//! Lengths are CSS pixels; points are measured from the stage's top left corner.

use meshwork_place::canvas::CanvasSize;

/// How large a canvas is that nobody chose a size for.
pub const FIRST_CANVAS: CanvasSize = CanvasSize { width: 100, height: 100 };

/// Largest cell, in pixels: a thumb's width.
const CELL_MAX: f64 = 64.0;
/// A step of the zoom buttons.
pub const ZOOM_STEP: f64 = 1.25;
/// How much of the fitting size may be given up so that every cell is equally many pixels wide.
const SNAP_LOSS_MAX: f64 = 0.1;

/// Room around the canvas that other things stand in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Insets {
    /// At the left and at the right.
    pub side: f64,
    /// Above.
    pub top: f64,
    /// Below.
    pub bottom: f64,
}

/// The stage on which a canvas is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stage {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// What a whole canvas must leave free.
    pub insets: Insets,
    /// Device pixels in a CSS pixel.
    pub pixel_ratio: f64,
}

/// A canvas on a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    stage: Stage,
    size: CanvasSize,
    /// Pixels in a cell's edge.
    pub scale: f64,
    /// Where the canvas's left edge is.
    pub x: f64,
    /// Where the canvas's top edge is.
    pub y: f64,
    is_whole: bool,
}

impl View {
    /// The whole canvas.
    pub fn new(size: CanvasSize, stage: Stage) -> View {
        let mut view = View { stage, size, scale: 1.0, x: 0.0, y: 0.0, is_whole: true };
        view.reset();
        view
    }

    /// The canvas's size in cells.
    pub fn size(&self) -> CanvasSize {
        self.size
    }

    /// The stage that it stands on.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Where cells stand, from `(x, y)` on so many wide and high, as a style.
    pub fn place(&self, (x, y): (i32, i32), (width, height): (u16, u16)) -> String {
        format!(
            "width:{}px;height:{}px;transform:translate({}px,{}px)",
            f64::from(width) * self.scale,
            f64::from(height) * self.scale,
            self.x + f64::from(x) * self.scale,
            self.y + f64::from(y) * self.scale
        )
    }

    /// The canvas's width in pixels.
    pub fn width(&self) -> f64 {
        f64::from(self.size.width) * self.scale
    }

    /// The canvas's height in pixels.
    pub fn height(&self) -> f64 {
        f64::from(self.size.height) * self.scale
    }

    /// Whether the whole canvas is shown as large as it fits.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The zoom in percent of the whole canvas.
    pub fn percent(&self) -> u32 {
        (self.scale / self.fitting() * 100.0).round() as u32
    }

    /// Whether cells can become larger.
    pub fn can_zoom_in(&self) -> bool {
        self.scale < self.largest() * 0.999
    }

    /// Shows the whole canvas.
    pub fn reset(&mut self) {
        self.scale = self.fitting();
        let insets = self.stage.insets;
        let (width, height) = self.open();
        let pixel = |length: f64| {
            (length * self.stage.pixel_ratio.max(1.0)).round() / self.stage.pixel_ratio.max(1.0)
        };
        self.x = pixel(insets.side + (width - self.width()) / 2.0);
        self.y = pixel(insets.top + (height - self.height()) / 2.0);
        self.is_whole = true;
    }

    /// The stage has another size; what was in its middle stays there.
    pub fn set_stage(&mut self, stage: Stage) {
        let before = self.stage;
        self.stage = stage;
        if self.is_whole || self.scale < self.fitting() {
            self.reset();
        } else {
            self.x += (stage.width - before.width) / 2.0;
            self.y += (stage.height - before.height) / 2.0;
            self.keep_in_sight();
        }
    }

    /// Zooms by a factor; the point stays over the same spot.
    pub fn zoom_at(&mut self, point: (f64, f64), factor: f64) {
        let least = self.fitting();
        let scale = (self.scale * factor).clamp(least, self.largest());
        if scale <= least * 1.001 {
            return self.reset();
        }
        self.x = point.0 - (point.0 - self.x) * scale / self.scale;
        self.y = point.1 - (point.1 - self.y) * scale / self.scale;
        self.scale = scale;
        self.is_whole = false;
        self.keep_in_sight();
    }

    /// Zooms by a factor about the middle of what is open.
    pub fn zoom(&mut self, factor: f64) {
        self.zoom_at(self.middle(), factor);
    }

    /// The middle of what is open, clear of what stands around the canvas.
    pub fn middle(&self) -> (f64, f64) {
        let (width, height) = self.open();
        let insets = self.stage.insets;
        (insets.side + width / 2.0, insets.top + height / 2.0)
    }

    /// Moves the canvas.
    pub fn pan(&mut self, by: (f64, f64)) {
        if by != (0.0, 0.0) {
            self.x += by.0;
            self.y += by.1;
            self.is_whole = false;
            self.keep_in_sight();
        }
    }

    /// The cell under a point, counted on beyond the canvas's edges.
    pub fn cell_under(&self, point: (f64, f64)) -> (i32, i32) {
        // A float becomes an integer by saturation.
        (((point.0 - self.x) / self.scale).floor() as i32, ((point.1 - self.y) / self.scale).floor() as i32)
    }

    /// The cell under a point, if there is one.
    pub fn cell_at(&self, point: (f64, f64)) -> Option<(u16, u16)> {
        let (x, y) = self.cell_under(point);
        let (x, y) = (u16::try_from(x).ok()?, u16::try_from(y).ok()?);
        (x < self.size.width && y < self.size.height).then_some((x, y))
    }

    /// Pans as little as needed to show a cell.
    pub fn show(&mut self, (x, y): (u16, u16)) {
        let insets = self.stage.insets;
        let (width, height) = self.open();
        let shift = |start: f64, from: f64, length: f64| {
            let end = start + self.scale;
            if start < from { from - start } else { (from + length - end).min(0.0) }
        };
        let left = self.x + f64::from(x) * self.scale;
        let top = self.y + f64::from(y) * self.scale;
        self.pan((shift(left, insets.side, width), shift(top, insets.top, height)));
    }

    /// Width and height that a whole canvas may take.
    fn open(&self) -> (f64, f64) {
        let Stage { width, height, insets, .. } = self.stage;
        ((width - 2.0 * insets.side).max(1.0), (height - insets.top - insets.bottom).max(1.0))
    }

    /// The scale at which the whole canvas fits: whole device pixels where that costs little.
    fn fitting(&self) -> f64 {
        let (width, height) = self.open();
        let exact = (width / f64::from(self.size.width)).min(height / f64::from(self.size.height));
        let ratio = self.stage.pixel_ratio.max(1.0);
        let snapped = (exact * ratio).floor() / ratio;
        if snapped >= exact * (1.0 - SNAP_LOSS_MAX) { snapped } else { exact }
    }

    fn largest(&self) -> f64 {
        CELL_MAX.max(self.fitting() * 2.0)
    }

    /// Half of the canvas, or a stage half full of it, stays in sight.
    fn keep_in_sight(&mut self) {
        let insets = self.stage.insets;
        let (width, height) = self.open();
        let limit = |start: f64, length: f64, from: f64, open: f64| {
            let overlap = length.min(open) / 2.0;
            start.clamp(from + overlap - length, from + open - overlap)
        };
        self.x = limit(self.x, self.width(), insets.side, width);
        self.y = limit(self.y, self.height(), insets.top, height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGE: Stage = Stage {
        width: 1088.0,
        height: 844.0,
        insets: Insets { side: 40.0, top: 28.0, bottom: 112.0 },
        pixel_ratio: 1.0,
    };

    fn view() -> View {
        View::new(CanvasSize { width: 100, height: 100 }, STAGE)
    }

    fn centre(view: &View, x: u16, y: u16) -> (f64, f64) {
        (view.x + (f64::from(x) + 0.5) * view.scale, view.y + (f64::from(y) + 0.5) * view.scale)
    }

    #[test]
    fn cells_stand_where_the_canvas_has_them() {
        let view = View { scale: 8.0, x: 100.0, y: -20.0, ..view() };
        let style = "width:24px;height:16px;transform:translate(116px,-12px)";
        assert_eq!(view.place((2, 1), (3, 2)), style);
    }

    #[test]
    fn the_whole_canvas_fits_with_equally_wide_cells() {
        let view = view();
        assert_eq!(view.scale, 7.0);
        assert_eq!((view.x, view.y), (194.0, 30.0));
        assert_eq!((view.percent(), view.is_whole()), (100, true));
    }

    #[test]
    fn snapping_never_costs_more_than_a_tenth() {
        let narrow = Stage { width: 390.0, insets: Insets { side: 12.0, ..STAGE.insets }, ..STAGE };
        let view = View::new(CanvasSize { width: 100, height: 100 }, narrow);
        assert!((view.width() - 366.0).abs() < 1e-9);
    }

    #[test]
    fn cells_are_found_by_centre_at_any_zoom() {
        let mut view = view();
        for factor in [1.0, 1.25, 3.0, 0.7, 9.0] {
            view.zoom_at((300.0, 200.0), factor);
            view.pan((-31.0, 17.0));
            for cell in [(0, 0), (99, 99), (12, 57)] {
                assert_eq!(view.cell_at(centre(&view, cell.0, cell.1)), Some(cell));
            }
        }
        assert_eq!(view.cell_at((view.x - 1.0, view.y)), None);
        assert_eq!(view.cell_under((view.x - 1.0, view.y)), (-1, 0));
        assert_eq!(view.cell_at((view.x + view.width(), view.y)), None);
    }

    #[test]
    fn zooming_keeps_the_point_and_stops_at_limits() {
        let mut view = view();
        let before = view.cell_at((500.0, 300.0));
        view.zoom_at((500.0, 300.0), 4.0);
        assert_eq!(view.cell_at((500.0, 300.0)), before);
        view.zoom(1e9);
        assert_eq!((view.scale, view.can_zoom_in()), (CELL_MAX, false));
        view.zoom(1e-9);
        assert_eq!(view, self::view(), "the smallest zoom is the whole canvas");
    }

    #[test]
    fn the_canvas_cannot_be_lost() {
        let mut view = view();
        view.zoom(3.0);
        view.pan((1e9, -1e9));
        assert!(view.x < STAGE.width - 100.0 && view.y + view.height() > 100.0);
    }

    #[test]
    fn a_cell_out_of_sight_is_brought_in() {
        let mut view = view();
        view.zoom(8.0);
        for cell in [(0, 0), (99, 99)] {
            view.show(cell);
            let (x, y) = centre(&view, cell.0, cell.1);
            assert!((40.0..1048.0).contains(&x) && (28.0..732.0).contains(&y), "{x}, {y}");
        }
    }

    #[test]
    fn another_stage_keeps_the_whole_whole() {
        let mut view = view();
        view.set_stage(Stage { width: 600.0, ..STAGE });
        assert_eq!((view.scale, view.is_whole()), (5.0, true));
        view.zoom(2.0);
        view.set_stage(STAGE);
        assert!(!view.is_whole() && view.scale == 10.0);
    }

    #[test]
    fn an_impossible_stage_is_survived() {
        let mut view = View::new(CanvasSize { width: 4096, height: 1 }, Stage::default());
        view.zoom(2.0);
        view.pan((f64::MAX, f64::MAX));
        assert!(view.scale.is_finite() && view.x.is_finite());
    }
}
