//! The whiteboard as plain data: where it stands on the page, how shapes look, and what a hand does to them.

pub mod camera;
pub mod excalidraw;
pub mod freehand;
pub mod hand;
pub mod hit;
pub mod look;
mod reshape;
pub mod svg;

use meshwork_sync::whiteboard::{Bounds, Point, UNIT};

/// A place on the board, in units: pixels of a page that is not zoomed.
pub type Place = (f64, f64);

/// An area of the board, in units, whose width and height are at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Area {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

impl Area {
    /// The area between two places.
    pub fn between(one: Place, other: Place) -> Area {
        let (x, y) = (one.0.min(other.0), one.1.min(other.1));
        Area { x, y, width: (one.0 - other.0).abs(), height: (one.1 - other.1).abs() }
    }

    /// The area of bounds.
    pub fn of(bounds: Bounds) -> Area {
        let Bounds { x, y, width, height } = bounds.upright();
        let unit = |step: i32| f64::from(step) / UNIT;
        Area { x: unit(x), y: unit(y), width: unit(width), height: unit(height) }
    }

    /// The least area around several; `None` for none.
    pub fn around(areas: impl IntoIterator<Item = Area>) -> Option<Area> {
        areas.into_iter().reduce(|one, other| {
            let most = (one.right().max(other.right()), one.bottom().max(other.bottom()));
            Area::between((one.x.min(other.x), one.y.min(other.y)), most)
        })
    }

    /// Its right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Its lower edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Its middle.
    pub fn middle(&self) -> Place {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The same with so much more on each side.
    pub fn grown(&self, by: f64) -> Area {
        Area { x: self.x - by, y: self.y - by, width: self.width + 2.0 * by, height: self.height + 2.0 * by }
    }

    /// Whether a place is in it.
    pub fn has(&self, (x, y): Place) -> bool {
        (self.x..=self.right()).contains(&x) && (self.y..=self.bottom()).contains(&y)
    }

    /// Whether both have something in common.
    pub fn meets(&self, other: &Area) -> bool {
        self.x <= other.right()
            && other.x <= self.right()
            && self.y <= other.bottom()
            && other.y <= self.bottom()
    }
}

/// The bounds from one place to another.
pub fn bounds(from: Place, to: Place) -> Bounds {
    let (one, other) = (Point::at(from.0, from.1), Point::at(to.0, to.1));
    Bounds { x: one.x, y: one.y, width: other.x - one.x, height: other.y - one.y }
}

/// The places from and to which bounds go.
pub fn ends(bounds: Bounds) -> (Place, Place) {
    let Bounds { x, y, width, height } = bounds;
    (Point { x, y }.units(), Point { x: x + width, y: y + height }.units())
}
