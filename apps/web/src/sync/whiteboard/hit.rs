//! What lies under a pointer: shapes, and the handles of those that are chosen.

use meshwork_sync::whiteboard::{Shape, ShapeId, Sketch, What};

use super::{Area, Place, ends, look};

/// Shapes over one that are looked at.
const ABOVE_MAX: usize = 64;

/// The area in which anything of a shape is seen.
pub fn area(shape: &Shape) -> Area {
    let width = match shape.what {
        What::Stroke(_) => look::stroke_width(shape.style),
        What::Arrow => 24.0,
        _ => 6.0,
    };
    Area::of(shape.bounds).grown(width)
}

/// Whether nothing lies over a shape of a board. Where more than 64 shapes come after it, it is not looked whether they do.
pub fn is_uncovered(sketch: &Sketch, id: ShapeId, shape: &Shape) -> bool {
    let area = area(shape);
    for (above, other) in sketch.shapes().rev().take(ABOVE_MAX + 1) {
        if above == id {
            return true;
        }
        if self::area(other).meets(&area) {
            return false;
        }
    }
    false
}

/// Whether a place is on a shape, or at most so far from it.
pub fn touches(shape: &Shape, at: Place, slack: f64) -> bool {
    if !area(shape).grown(slack).has(at) {
        return false;
    }
    let inside = Area::of(shape.bounds);
    let is_solid = shape.style.is_filled || !shape.text.is_empty();
    match &shape.what {
        What::Stroke(_) => {
            let points = shape.points();
            let reach = look::stroke_width(shape.style) / 2.0 + slack;
            let is_near_way = points.windows(2).any(|pair| from_line(at, pair[0], pair[1]) <= reach);
            is_near_way || points.iter().any(|point| from_line(at, *point, *point) <= reach)
        }
        What::Line | What::Arrow => {
            let (from, to) = ends(shape.bounds);
            from_line(at, from, to) <= slack + 3.0
        }
        What::Rectangle if !is_solid => {
            let hole = inside.grown(-slack - 3.0);
            inside.grown(slack).has(at) && !(hole.width > 0.0 && hole.height > 0.0 && hole.has(at))
        }
        what @ (What::Ellipse | What::Diamond) => {
            let (x, y) = inside.middle();
            let along = |by: f64| {
                let (across, down) =
                    ((inside.width / 2.0 + by).max(0.1), (inside.height / 2.0 + by).max(0.1));
                let (right, below) = ((at.0 - x) / across, (at.1 - y) / down);
                if *what == What::Diamond { right.abs() + below.abs() } else { right.hypot(below) }
            };
            along(slack) <= 1.0 && (is_solid || along(-slack - 3.0) >= 1.0)
        }
        _ => inside.grown(slack).has(at),
    }
}

/// The topmost shape at a place.
pub fn topmost(sketch: &Sketch, at: Place, slack: f64) -> Option<ShapeId> {
    sketch.shapes().rev().find(|(_, shape)| touches(shape, at, slack)).map(|(id, _)| id)
}

/// A handle of what is chosen: which edges it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// Edges or corners: to the left or right, and up or down, -1 to 1.
    Edge(i8, i8),
    /// The beginning of a line.
    From,
    /// The end of a line.
    To,
}

/// The handles of an area, each with its place.
pub fn handles(area: Area) -> impl Iterator<Item = (Handle, Place)> {
    let (x, y) = area.middle();
    let along = move |way: i8, middle: f64, length: f64| middle + f64::from(way) * length / 2.0;
    let ways = [(-1, -1), (1, -1), (1, 1), (-1, 1), (0, -1), (1, 0), (0, 1), (-1, 0)];
    ways.into_iter().map(move |(across, down)| {
        (Handle::Edge(across, down), (along(across, x, area.width), along(down, y, area.height)))
    })
}

/// The handles of a line.
pub fn line_handles(shape: &Shape) -> [(Handle, Place); 2] {
    let (from, to) = ends(shape.bounds);
    [(Handle::From, from), (Handle::To, to)]
}

fn from_line(at: Place, from: Place, to: Place) -> f64 {
    let (x, y) = (to.0 - from.0, to.1 - from.1);
    let length = x * x + y * y;
    let share = if length == 0.0 { 0.0 } else { ((at.0 - from.0) * x + (at.1 - from.1) * y) / length };
    let share = share.clamp(0.0, 1.0);
    (at.0 - from.0 - share * x).hypot(at.1 - from.1 - share * y)
}

#[cfg(test)]
mod tests {
    use meshwork_sync::whiteboard::{Bounds, Order, Piece, Point, Style};

    use super::*;

    fn shape(what: What) -> Shape {
        Shape {
            what,
            bounds: Bounds { x: 0, y: 0, width: 800, height: 400 },
            style: Style::default(),
            order: Order::between(None, None),
            text: String::new(),
        }
    }

    #[test]
    fn shapes_are_covered_by_what_lies_over_them() {
        let at = |x: i32, order: &Order| Shape {
            bounds: Bounds { x, y: 0, width: 800, height: 400 },
            order: order.clone(),
            ..shape(What::Note)
        };
        let low = Order::between(None, None);
        let high = Order::between(Some(&low), None);
        let [below, beside] = [1, 2].map(|number| ShapeId([number; 8]));
        let mut sketch = Sketch::default();
        sketch.place([(below, at(0, &low)), (beside, at(8_000, &high))]);
        assert!(is_uncovered(&sketch, beside, &at(8_000, &high)));
        assert!(is_uncovered(&sketch, below, &at(0, &low)), "what lies over it lies elsewhere");
        sketch.place([(ShapeId([3; 8]), at(700, &high))]);
        assert!(!is_uncovered(&sketch, below, &at(0, &low)));
        sketch.place((4..=ABOVE_MAX as u8 + 4).map(|number| (ShapeId([number; 8]), at(8_000, &high))));
        let free = at(-8_000, &low);
        assert!(!is_uncovered(&sketch, below, &free), "of more it is not looked at");
    }

    #[test]
    fn empty_boxes_are_touched_at_their_edge_alone() {
        for what in [What::Rectangle, What::Ellipse, What::Diamond] {
            let mut empty = shape(what);
            assert!(touches(&empty, (50.0, 1.0), 4.0) && touches(&empty, (1.0, 25.0), 4.0));
            assert!(!touches(&empty, (50.0, 25.0), 4.0));
            empty.text = "Ferry".to_owned();
            assert!(touches(&empty, (50.0, 25.0), 4.0), "a text is taken hold of");
        }
        assert!(!touches(&shape(What::Ellipse), (2.0, 2.0), 1.0), "a corner is beside an ellipse");
        assert!(touches(&shape(What::Ellipse), (15.0, 8.0), 2.0), "that is on it");
        assert!(!touches(&shape(What::Diamond), (15.0, 8.0), 2.0), "and beside a diamond");
        assert!(touches(&shape(What::Note), (50.0, 25.0), 0.0));
    }

    #[test]
    fn lines_and_strokes_are_touched_along_their_way() {
        let points = [(0, 0), (800, 0), (800, 400)].map(|(x, y)| Point { x, y });
        let stroke = What::Stroke(Piece { points: points.to_vec(), pressures: Vec::new() });
        assert!(
            touches(&shape(stroke.clone()), (60.0, 2.0), 2.0)
                && touches(&shape(stroke.clone()), (99.0, 30.0), 2.0)
        );
        assert!(!touches(&shape(stroke), (40.0, 30.0), 2.0));
        assert!(
            touches(&shape(What::Arrow), (50.0, 25.0), 2.0) && !touches(&shape(What::Line), (50.0, 5.0), 2.0)
        );
        let dot = What::Stroke(Piece { points: vec![Point { x: 0, y: 0 }], pressures: Vec::new() });
        let dot = Shape { bounds: Bounds::default(), ..shape(dot) };
        assert!(touches(&dot, (1.0, 1.0), 1.0));
    }

    #[test]
    fn handles_stand_at_corners_and_edges() {
        let places: Vec<Place> =
            handles(Area { x: 0.0, y: 0.0, width: 10.0, height: 4.0 }).map(|(_, at)| at).collect();
        assert_eq!((places.len(), places[2], places[5]), (8, (10.0, 4.0), (10.0, 2.0)));
    }
}
