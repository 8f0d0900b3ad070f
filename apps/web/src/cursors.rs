//! How another person's cursor moves between what is heard of it: it glides, trails a thread, and wears a name.

use std::collections::VecDeque;
use std::fmt::Write as _;

use crate::place::view::View;

/// Time in which a cursor glides to where it was last heard, in ms: a little more than passes between two datagrams, so
/// that it moves without a halt.
pub const GLIDE_MS: f64 = 80.0;
/// How long a name stays after its cursor has come to rest, in ms.
pub const NAME_MS: f64 = 3000.0;
/// How long a cursor stays that does not move, in ms: whoever looks on may hold still for a while.
pub const SHOWN_MS: f64 = 60_000.0;
/// How long a thread trails behind a stroke, in ms.
pub const THREAD_MS: f64 = 900.0;
/// Points of a thread: a second of datagrams, twice over.
const THREAD_MAX: usize = 40;

/// A place on the canvas in cells, with fractions.
pub type Place = (f64, f64);

/// One cursor. Times are milliseconds of any clock that does not go back.
#[derive(Clone, Debug)]
pub struct Track {
    from: Place,
    to: Place,
    heard: f64,
    moved: f64,
    is_drawing: bool,
    thread: VecDeque<(Place, f64)>,
}

impl Track {
    /// A cursor that appears.
    pub fn new(now: f64, at: Place, is_drawing: bool) -> Track {
        let mut track =
            Track { from: at, to: at, heard: now, moved: now, is_drawing, thread: VecDeque::new() };
        track.lay(now);
        track
    }

    /// The cursor is here now, as far as is heard; it glides there unless it is to jump.
    pub fn hear(&mut self, now: f64, at: Place, is_drawing: bool, jumps: bool) {
        self.from = if jumps { at } else { self.place(now) };
        if at != self.to {
            self.moved = now;
        }
        if is_drawing && !self.is_drawing {
            self.thread.clear();
        }
        (self.to, self.heard, self.is_drawing) = (at, now, is_drawing);
        self.lay(now);
    }

    /// Where it is shown.
    pub fn place(&self, now: f64) -> Place {
        let share = ((now - self.heard) / GLIDE_MS).clamp(0.0, 1.0);
        let between = |from: f64, to: f64| from + (to - from) * share;
        (between(self.from.0, self.to.0), between(self.from.1, self.to.1))
    }

    /// Whether its name is shown.
    pub fn is_named(&self, now: f64) -> bool {
        now - self.moved < NAME_MS
    }

    /// Whether it is shown still.
    pub fn is_shown(&self, now: f64) -> bool {
        now - self.heard < SHOWN_MS
    }

    /// The thread behind it, the oldest point first; empty when nothing was drawn lately.
    pub fn thread(&self, now: f64) -> Vec<Place> {
        let mut points: Vec<Place> = self.young(now).map(|(place, _)| *place).collect();
        if points.is_empty() {
            return points;
        }
        if self.is_drawing {
            // What is heard already is ahead of what is shown.
            points.pop();
            points.push(self.place(now));
        }
        points
    }

    /// In how many milliseconds it looks different; `None` when it does not by itself.
    pub fn changes_in(&self, now: f64) -> Option<f64> {
        let glides = self.from != self.to && now - self.heard < GLIDE_MS;
        if glides || self.young(now).next().is_some() {
            return Some(0.0);
        }
        let changes = [self.moved + NAME_MS, self.heard + SHOWN_MS];
        changes.into_iter().find(|at| *at > now).map(|at| at - now)
    }

    fn lay(&mut self, now: f64) {
        if !self.is_drawing || self.thread.back().is_some_and(|(last, _)| *last == self.to) {
            return;
        }
        if self.thread.len() == THREAD_MAX {
            self.thread.pop_front();
        }
        self.thread.push_back((self.to, now));
    }

    fn young(&self, now: f64) -> impl Iterator<Item = &(Place, f64)> {
        self.thread.iter().filter(move |(_, laid)| now - laid < THREAD_MS)
    }
}

/// A place on the stage, in whole CSS pixels.
pub fn pixel(view: &View, (x, y): Place) -> (i32, i32) {
    ((view.x + x * view.scale).round() as i32, (view.y + y * view.scale).round() as i32)
}

/// A thread as SVG path data on the stage: round through the middles between its points.
pub fn thread_path(view: &View, points: &[Place]) -> String {
    let mut path = String::new();
    if points.len() < 2 {
        return path;
    }
    let pixels: Vec<(i32, i32)> = points.iter().map(|&place| pixel(view, place)).collect();
    let (x, y) = pixels[0];
    // Writing to a string cannot fail.
    let _ = write!(path, "M{x} {y}");
    for pair in pixels[1..].windows(2) {
        let ((x, y), (next_x, next_y)) = (pair[0], pair[1]);
        let _ = write!(path, "Q{x} {y} {} {}", i32::midpoint(x, next_x), i32::midpoint(y, next_y));
    }
    let (x, y) = pixels[pixels.len() - 1];
    let _ = write!(path, "L{x} {y}");
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::view::{Insets, Stage};
    use meshwork_place::canvas::CanvasSize;

    fn view() -> View {
        let insets = Insets { side: 0.0, top: 0.0, bottom: 0.0 };
        let stage = Stage { width: 1000.0, height: 1000.0, insets, pixel_ratio: 1.0 };
        View::new(CanvasSize { width: 100, height: 100 }, stage)
    }

    #[test]
    fn it_glides_without_a_halt_and_never_beyond() {
        let mut track = Track::new(0.0, (0.0, 0.0), false);
        track.hear(100.0, (8.0, 4.0), false, false);
        let mut last = -1.0;
        for now in 100..=180 {
            let (x, y) = track.place(f64::from(now));
            assert!(x > last && x <= 8.0 && (y - x / 2.0).abs() < 1e-9);
            last = x;
        }
        assert_eq!(track.place(1e6), (8.0, 4.0));
        // News on the way turns it from where it is.
        track.hear(200.0, (0.0, 4.0), false, false);
        track.hear(240.0, (4.0, 0.0), false, false);
        assert_eq!(track.place(240.0), (4.0, 4.0));
    }

    #[test]
    fn without_motion_it_jumps() {
        let mut track = Track::new(0.0, (0.0, 0.0), false);
        track.hear(100.0, (8.0, 4.0), false, true);
        assert_eq!(track.place(100.0), (8.0, 4.0));
        assert_eq!(track.changes_in(100.0), Some(NAME_MS), "only its name goes");
    }

    #[test]
    fn a_name_goes_three_seconds_after_movement_ends() {
        let mut track = Track::new(0.0, (0.0, 0.0), false);
        track.hear(1000.0, (1.0, 0.0), false, false);
        track.hear(3500.0, (1.0, 0.0), false, false);
        assert!(track.is_named(3999.0));
        assert!(!track.is_named(4000.0));
        assert_eq!(track.changes_in(3700.0), Some(300.0));
        assert_eq!(
            track.changes_in(4000.0),
            Some(3500.0 + SHOWN_MS - 4000.0),
            "nothing is drawn for nothing"
        );
        assert!(track.is_shown(60_000.0) && !track.is_shown(3500.0 + SHOWN_MS));
        assert_eq!(track.changes_in(3500.0 + SHOWN_MS), None);
    }

    #[test]
    fn a_thread_trails_a_stroke_and_nothing_else() {
        let mut track = Track::new(0.0, (0.0, 0.0), false);
        track.hear(50.0, (1.0, 0.0), false, false);
        assert!(track.thread(50.0).is_empty());
        for step in 1..=10u8 {
            track.hear(50.0 + 50.0 * f64::from(step), (f64::from(step), 0.0), true, false);
        }
        let thread = track.thread(560.0);
        assert_eq!((thread.len(), thread[0]), (10, (1.0, 0.0)));
        assert_eq!(thread.last(), Some(&track.place(560.0)), "it ends at the cursor");
        assert_eq!(track.thread(1100.0).len(), 7, "the oldest goes first");
        track.hear(1150.0, (10.0, 0.0), false, false);
        assert_eq!(track.thread(1550.0), []);
        assert_eq!(track.changes_in(1550.0).map(f64::round), Some(2000.0));
        track.hear(1600.0, (50.0, 50.0), true, false);
        assert_eq!(track.thread(1600.0).len(), 1, "another stroke is another thread");
    }

    #[test]
    fn a_thread_is_bounded() {
        let mut track = Track::new(0.0, (0.0, 0.0), true);
        for step in 0..1000u16 {
            track.hear(1.0, (f64::from(step), 0.0), true, false);
        }
        assert_eq!(track.thread(1.0).len(), THREAD_MAX);
    }

    #[test]
    fn threads_are_drawn_where_the_canvas_is() {
        let view = view();
        assert_eq!(pixel(&view, (12.5, 40.25)), (125, 403));
        assert_eq!(thread_path(&view, &[(1.0, 1.0)]), "");
        let path = thread_path(&view, &[(1.0, 1.0), (2.0, 1.0), (4.0, 3.0), (4.0, 5.0)]);
        assert_eq!(path, "M10 10Q20 10 30 20Q40 30 40 40L40 50");
    }
}
