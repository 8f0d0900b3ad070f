//! Where the board stands on the page: it has no end in any direction.

use super::{Area, Place};

/// Least and greatest zoom: a wall of shapes as dots, and a letter as large as a hand.
const SCALE_LEAST: f64 = 0.05;
const SCALE_MOST: f64 = 16.0;
/// Pixels that stay free around what is brought into view.
const MARGIN: f64 = 64.0;

/// The part of the board that is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Pixels of a unit.
    pub scale: f64,
    /// Where the board's middle stands, in pixels from the stage's left edge.
    pub x: f64,
    /// Where the board's middle stands, in pixels from the stage's upper edge.
    pub y: f64,
    /// Width and height of the stage, in pixels.
    pub stage: (f64, f64),
}

impl Camera {
    /// The board from its first corner on.
    pub fn new(stage: (f64, f64)) -> Camera {
        Camera { scale: 1.0, x: 0.0, y: 0.0, stage }
    }

    /// The place under a point of the stage.
    pub fn place(&self, (x, y): (f64, f64)) -> Place {
        ((x - self.x) / self.scale, (y - self.y) / self.scale)
    }

    /// The point of the stage at which a place is.
    pub fn point(&self, (x, y): Place) -> (f64, f64) {
        (self.x + x * self.scale, self.y + y * self.scale)
    }

    /// What is seen of the board.
    pub fn seen(&self) -> Area {
        Area::between(self.place((0.0, 0.0)), self.place(self.stage))
    }

    /// The zoom in percent.
    pub fn percent(&self) -> u32 {
        (self.scale * 100.0).round() as u32
    }

    /// Zooms by a factor; the point stays over the same place.
    pub fn zoom_at(&mut self, point: (f64, f64), factor: f64) {
        let place = self.place(point);
        self.scale = (self.scale * factor).clamp(SCALE_LEAST, SCALE_MOST);
        (self.x, self.y) = (point.0 - place.0 * self.scale, point.1 - place.1 * self.scale);
    }

    /// Zooms by a factor about the middle of the stage.
    pub fn zoom(&mut self, factor: f64) {
        self.zoom_at((self.stage.0 / 2.0, self.stage.1 / 2.0), factor);
    }

    /// Moves the board by so many pixels.
    pub fn pan(&mut self, (x, y): (f64, f64)) {
        self.x += x;
        self.y += y;
    }

    /// Shows all of an area, in its own size where there is place for that.
    pub fn show(&mut self, area: Area) {
        let room = |length: f64| (length - 2.0 * MARGIN).max(length / 2.0).max(1.0);
        let fits = (room(self.stage.0) / area.width.max(1.0)).min(room(self.stage.1) / area.height.max(1.0));
        self.scale = fits.clamp(SCALE_LEAST, 1.0);
        self.look_at(area.middle());
    }

    /// Sees what somebody else sees: all of it at least.
    pub fn follow(&mut self, seen: Area) {
        let fits = (self.stage.0 / seen.width.max(1.0)).min(self.stage.1 / seen.height.max(1.0));
        self.scale = fits.clamp(SCALE_LEAST, SCALE_MOST);
        self.look_at(seen.middle());
    }

    /// Pans as little as is needed to see an area, if it has place.
    pub fn reveal(&mut self, area: Area) {
        let shift = |from: f64, to: f64, length: f64| match (from < MARGIN, to > length - MARGIN) {
            (true, false) => MARGIN - from,
            (false, true) => length - MARGIN - to,
            _ => 0.0,
        };
        let (from, to) = (self.point((area.x, area.y)), self.point((area.right(), area.bottom())));
        self.pan((shift(from.0, to.0, self.stage.0), shift(from.1, to.1, self.stage.1)));
    }

    fn look_at(&mut self, (x, y): Place) {
        self.x = self.stage.0 / 2.0 - x * self.scale;
        self.y = self.stage.1 / 2.0 - y * self.scale;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Camera {
        Camera::new((1_000.0, 600.0))
    }

    #[test]
    fn zooming_keeps_the_place_under_the_pointer() {
        let mut camera = camera();
        camera.pan((-37.0, 12.0));
        let place = camera.place((300.0, 200.0));
        for factor in [1.5, 4.0, 0.1, 1e9, 1e-9] {
            camera.zoom_at((300.0, 200.0), factor);
            let now = camera.place((300.0, 200.0));
            assert!((now.0 - place.0).abs() < 1e-6 && (now.1 - place.1).abs() < 1e-6, "{now:?}");
        }
        assert_eq!(camera.scale, SCALE_LEAST);
    }

    #[test]
    fn all_of_an_area_is_shown() {
        let mut camera = camera();
        for (width, height) in [(80.0, 40.0), (9_000.0, 10.0), (0.0, 0.0), (500.0, 5_000.0)] {
            let area = Area { x: -300.0, y: 900.0, width, height };
            camera.show(area);
            let seen = camera.seen();
            assert!(seen.has((area.x, area.y)) && seen.has((area.right(), area.bottom())), "{seen:?}");
            assert!(camera.scale <= 1.0, "nothing is shown larger than it is");
        }
    }

    #[test]
    fn who_follows_sees_what_the_other_sees() {
        let (mut camera, mut other) = (camera(), Camera::new((400.0, 700.0)));
        other.zoom_at((10.0, 20.0), 3.0);
        camera.follow(other.seen());
        let (mine, theirs) = (camera.seen(), other.seen());
        assert!(mine.x <= theirs.x + 1e-6 && mine.right() >= theirs.right() - 1e-6);
        assert!(mine.y <= theirs.y + 1e-6 && mine.bottom() >= theirs.bottom() - 1e-6);
    }

    #[test]
    fn what_is_out_of_sight_is_revealed() {
        let mut camera = camera();
        camera.reveal(Area { x: 2_000.0, y: -500.0, width: 100.0, height: 100.0 });
        assert!(camera.seen().has((2_100.0, -500.0)));
        let before = camera;
        camera.reveal(Area { x: 2_000.0, y: -500.0, width: 100.0, height: 100.0 });
        assert_eq!(camera, before);
    }
}
