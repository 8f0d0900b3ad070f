//! How bounds change when a hand moves or resizes them.

use meshwork_sync::whiteboard::{Bounds, Point, What};

use super::hit::Handle;
use super::{Area, Place, bounds, ends};

/// Directions that a line keeps to while Shift is held, in a circle.
const DIRECTIONS: f64 = 24.0;

/// Bounds that stand so much further.
pub(super) fn moved(bounds: Bounds, by: Place) -> Bounds {
    let by = Point::at(by.0, by.1);
    Bounds { x: bounds.x + by.x, y: bounds.y + by.y, ..bounds }
}

/// Bounds in an area that goes from one place to another, where they were in `from`.
pub(super) fn scaled(of: Bounds, from: Area, (one, other): (Place, Place)) -> Bounds {
    let along = |at: f64, from: f64, length: f64, to: f64, end: f64| {
        let share = if length == 0.0 { 0.0 } else { (at - from) / length };
        to + share * (end - to)
    };
    let place = |(x, y): Place| {
        (along(x, from.x, from.width, one.0, other.0), along(y, from.y, from.height, one.1, other.1))
    };
    let (start, end) = ends(of);
    bounds(place(start), place(end))
}

/// The corners of an area one of whose handles is at a place now.
pub(super) fn resized(handle: Handle, from: Area, at: Place, keeps_form: bool) -> (Place, Place) {
    let Handle::Edge(across, down) = handle else { return ((from.x, from.y), (from.right(), from.bottom())) };
    let side = |way: i8, least: f64, most: f64, at: f64| match way {
        -1 => (at, most),
        1 => (least, at),
        _ => (least, most),
    };
    let (mut left, mut right) = side(across, from.x, from.right(), at.0);
    let (mut top, mut bottom) = side(down, from.y, from.bottom(), at.1);
    if keeps_form && from.width > 0.0 && from.height > 0.0 {
        let (wide, high) = ((right - left) / from.width, (bottom - top) / from.height);
        let by = match (across, down) {
            (0, _) => high,
            (_, 0) => wide,
            _ if wide.abs() > high.abs() => wide,
            _ => high,
        };
        match across {
            -1 => left = right - from.width * by,
            1 => right = left + from.width * by,
            _ => (left, right) = (from.x, from.x + from.width * by),
        }
        match down {
            -1 => top = bottom - from.height * by,
            1 => bottom = top + from.height * by,
            _ => (top, bottom) = (from.y, from.y + from.height * by),
        }
    }
    ((left, top), (right, bottom))
}

/// The place at which a line keeps one of its directions, and a box is as wide as it is high.
pub(super) fn kept_in_form(what: &What, from: Place, at: Place) -> Place {
    let (x, y) = (at.0 - from.0, at.1 - from.1);
    if what.has_ends() {
        let step = std::f64::consts::TAU / DIRECTIONS;
        let (sine, cosine) = ((y.atan2(x) / step).round() * step).sin_cos();
        let length = x.hypot(y);
        return (from.0 + cosine * length, from.1 + sine * length);
    }
    let edge = x.abs().max(y.abs());
    (from.0 + edge.copysign(x), from.1 + edge.copysign(y))
}
