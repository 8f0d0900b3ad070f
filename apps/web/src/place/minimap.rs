//! The small picture of a large canvas: how large it is, and which part of it the stage shows.

use crate::place::view::View;

/// Its longer side, in pixels.
const SIDE: f64 = 148.0;
/// A canvas with a side of so many cells is large: less of it is seen than one remembers.
const LARGE: u16 = 200;

/// A rectangle in the small picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Whether there is anything to show: a large canvas, of which the stage shows a part.
pub fn is_wanted(view: &View) -> bool {
    let size = view.size();
    let is_large = size.width.max(size.height) >= LARGE;
    let Rect { width, height, .. } = shown(view);
    let (all_width, all_height) = extent(view);
    is_large && width * height < 0.9 * all_width * all_height
}

/// Width and height of the small picture.
pub fn extent(view: &View) -> (f64, f64) {
    let scale = scale(view);
    let size = view.size();
    ((f64::from(size.width) * scale).max(8.0), (f64::from(size.height) * scale).max(8.0))
}

/// The part that the stage shows.
pub fn shown(view: &View) -> Rect {
    let (width, height) = extent(view);
    let stage = view.stage();
    let part = |start: f64, length: f64, open: f64, all: f64| {
        let from = (-start / length).clamp(0.0, 1.0);
        let to = ((open - start) / length).clamp(0.0, 1.0);
        (from * all, (to - from) * all)
    };
    let (x, shown_width) = part(view.x, view.width(), stage.width, width);
    let (y, shown_height) = part(view.y, view.height(), stage.height, height);
    Rect { x, y, width: shown_width, height: shown_height }
}

/// How far the canvas must move so that the point of the small picture comes to the middle of the stage.
pub fn pan_to(view: &View, (x, y): (f64, f64)) -> (f64, f64) {
    let (width, height) = extent(view);
    let stage = view.stage();
    let target = (x / width * view.width(), y / height * view.height());
    (stage.width / 2.0 - (view.x + target.0), stage.height / 2.0 - (view.y + target.1))
}

/// Pixels for a cell.
fn scale(view: &View) -> f64 {
    let size = view.size();
    SIDE / f64::from(size.width.max(size.height).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::view::Stage;
    use meshwork_place::canvas::CanvasSize;

    fn view(width: u16, height: u16) -> View {
        let stage = Stage { width: 800.0, height: 600.0, pixel_ratio: 1.0, ..Stage::default() };
        View::new(CanvasSize { width, height }, stage)
    }

    #[test]
    fn the_minimap_appears_when_a_large_canvas_overflows() {
        let mut large = view(1000, 500);
        assert!(!is_wanted(&large), "all of it is seen");
        large.zoom(4.0);
        assert!(is_wanted(&large));
        let mut small = view(100, 100);
        small.zoom(4.0);
        assert!(!is_wanted(&small));
    }

    #[test]
    fn the_minimap_marks_the_view_and_leads_there() {
        let mut view = view(1000, 500);
        view.zoom(4.0);
        assert_eq!(extent(&view), (148.0, 74.0));
        let by = pan_to(&view, (37.0, 18.5));
        view.pan(by);
        let rect = shown(&view);
        assert!((rect.x + rect.width / 2.0 - 37.0).abs() < 0.5, "{rect:?}");
        assert!((rect.y + rect.height / 2.0 - 18.5).abs() < 0.5, "{rect:?}");
        assert!(rect.width < 148.0 * 0.3);
    }
}
