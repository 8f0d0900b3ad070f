//! What pointers on the stage mean: paint, pan or pinch, and never two of them at once.

use std::collections::BTreeMap;

/// How far a finger may tremble before a touch is a drag, in CSS pixels.
const SLOP: f64 = 6.0;
/// Pointers that are followed; a hand has five fingers.
const POINTERS_MAX: usize = 10;

/// A point on the stage, in CSS pixels.
pub type Point = (f64, f64);

/// What the main button or one finger does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tool {
    /// Paints.
    #[default]
    Pencil,
    /// Moves the canvas.
    Hand,
    /// Takes the colour that lies under it.
    Eyedropper,
    /// Fills an area.
    Fill,
}

/// A pointer that went down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Press {
    /// The browser's number for the pointer.
    pub pointer: i32,
    /// Where.
    pub at: Point,
    /// Whether it is a finger: then a second one may follow, and the first was no stroke.
    pub is_touch: bool,
    /// Whether it is a button that always moves the canvas.
    pub is_pan_button: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// A stroke begins.
    Begin(Point),
    /// The stroke goes on to here.
    Extend(Point),
    /// The stroke ends.
    End,
    /// The stroke was none: what is not painted yet is forgotten.
    Cancel,
    /// The canvas moves.
    Pan(Point),
    /// The canvas grows by a factor about a point.
    Zoom(Point, f64),
}

/// The pointers that are down, and what they do together.
#[derive(Clone, Debug, Default)]
pub struct Gestures {
    pointers: BTreeMap<i32, Point>,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Mode {
    #[default]
    Idle,
    /// A finger is down; whether it paints is not decided yet.
    Undecided(Point),
    Painting,
    Panning,
    Pinching,
    /// Fingers of a finished pinch are still down.
    Spent,
}

impl Gestures {
    /// A pointer went down.
    pub fn press(&mut self, press: Press, tool: Tool) -> Vec<Action> {
        if self.pointers.len() >= POINTERS_MAX {
            return Vec::new();
        }
        self.pointers.insert(press.pointer, press.at);
        match self.mode {
            Mode::Idle if tool == Tool::Hand || press.is_pan_button => self.mode = Mode::Panning,
            Mode::Idle if press.is_touch => self.mode = Mode::Undecided(press.at),
            Mode::Idle => {
                self.mode = Mode::Painting;
                return vec![Action::Begin(press.at)];
            }
            Mode::Painting if press.is_touch => {
                self.mode = Mode::Pinching;
                return vec![Action::Cancel];
            }
            Mode::Undecided(_) | Mode::Panning if press.is_touch => self.mode = Mode::Pinching,
            _ => {}
        }
        Vec::new()
    }

    /// A pointer moved.
    pub fn shift(&mut self, pointer: i32, to: Point) -> Vec<Action> {
        let before = self.pinch();
        let Some(at) = self.pointers.get_mut(&pointer) else { return Vec::new() };
        let by = (to.0 - at.0, to.1 - at.1);
        match self.mode {
            // It is measured from where the finger came down.
            Mode::Undecided(start) if distance(start, to) < SLOP => return Vec::new(),
            _ => *at = to,
        }
        match self.mode {
            Mode::Undecided(start) => {
                self.mode = Mode::Painting;
                vec![Action::Begin(start), Action::Extend(to)]
            }
            Mode::Painting => vec![Action::Extend(to)],
            Mode::Panning => vec![Action::Pan(by)],
            Mode::Pinching => match (before, self.pinch()) {
                (Some((middle, spread)), Some((new_middle, new_spread))) => vec![
                    Action::Pan((new_middle.0 - middle.0, new_middle.1 - middle.1)),
                    Action::Zoom(new_middle, new_spread / spread),
                ],
                _ => Vec::new(),
            },
            Mode::Idle | Mode::Spent => Vec::new(),
        }
    }

    /// A pointer went up.
    pub fn lift(&mut self, pointer: i32) -> Vec<Action> {
        if self.pointers.remove(&pointer).is_none() {
            return Vec::new();
        }
        let mode = self.mode;
        self.mode = match mode {
            _ if self.pointers.is_empty() => Mode::Idle,
            Mode::Pinching => Mode::Spent,
            other => other,
        };
        match mode {
            // A touch without a drag is a dot.
            Mode::Undecided(at) => vec![Action::Begin(at), Action::End],
            Mode::Painting if self.pointers.is_empty() => vec![Action::End],
            _ => Vec::new(),
        }
    }

    /// The browser took a pointer away: whatever it did ends, and an undecided touch was nothing.
    pub fn cancel(&mut self, pointer: i32) -> Vec<Action> {
        if let Mode::Undecided(_) = self.mode {
            self.mode = Mode::Spent;
        }
        self.lift(pointer)
    }

    /// Stops the stroke that is being drawn; its pointer paints no more until it is pressed again.
    pub fn stop_stroke(&mut self) -> Vec<Action> {
        match self.mode {
            Mode::Painting | Mode::Undecided(_) => {
                self.mode = Mode::Spent;
                vec![Action::Cancel]
            }
            _ => Vec::new(),
        }
    }

    /// Whether the canvas is being moved.
    pub fn is_panning(&self) -> bool {
        matches!(self.mode, Mode::Panning | Mode::Pinching)
    }

    /// The middle between the first two fingers, and how far they are apart.
    fn pinch(&self) -> Option<(Point, f64)> {
        let mut pointers = self.pointers.values();
        let (first, second) = (*pointers.next()?, *pointers.next()?);
        let middle = ((first.0 + second.0) / 2.0, (first.1 + second.1) / 2.0);
        Some((middle, distance(first, second).max(1.0)))
    }
}

fn distance(from: Point, to: Point) -> f64 {
    (to.0 - from.0).hypot(to.1 - from.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mouse(at: Point) -> Press {
        Press { pointer: 1, at, is_touch: false, is_pan_button: false }
    }

    fn finger(pointer: i32, at: Point) -> Press {
        Press { pointer, at, is_touch: true, is_pan_button: false }
    }

    #[test]
    fn a_mouse_paints_at_once() {
        let mut gestures = Gestures::default();
        assert_eq!(gestures.press(mouse((5.0, 5.0)), Tool::Pencil), [Action::Begin((5.0, 5.0))]);
        assert_eq!(gestures.shift(1, (6.0, 5.0)), [Action::Extend((6.0, 5.0))]);
        assert_eq!(gestures.lift(1), [Action::End]);
        assert_eq!(gestures.shift(1, (9.0, 9.0)), [], "a pointer that is up does nothing");
    }

    #[test]
    fn panning_never_paints() {
        let pan_button = Press { is_pan_button: true, ..mouse((0.0, 0.0)) };
        for (press, tool) in [(mouse((0.0, 0.0)), Tool::Hand), (pan_button, Tool::Pencil)] {
            let mut gestures = Gestures::default();
            assert_eq!(gestures.press(press, tool), []);
            assert!(gestures.is_panning());
            assert_eq!(gestures.shift(1, (3.0, 4.0)), [Action::Pan((3.0, 4.0))]);
            assert_eq!(gestures.shift(1, (3.0, 5.0)), [Action::Pan((0.0, 1.0))]);
            assert_eq!(gestures.lift(1), []);
        }
    }

    #[test]
    fn taps_draw_dots_and_drags_draw_lines() {
        let mut gestures = Gestures::default();
        assert_eq!(gestures.press(finger(1, (5.0, 5.0)), Tool::Pencil), []);
        assert_eq!(gestures.shift(1, (7.0, 5.0)), [], "a finger trembles");
        assert_eq!(gestures.lift(1), [Action::Begin((5.0, 5.0)), Action::End]);
        gestures.press(finger(1, (5.0, 5.0)), Tool::Pencil);
        assert_eq!(gestures.shift(1, (15.0, 5.0)), [Action::Begin((5.0, 5.0)), Action::Extend((15.0, 5.0))]);
    }

    #[test]
    fn two_fingers_pan_and_zoom_and_paint_nothing() {
        let mut gestures = Gestures::default();
        gestures.press(finger(1, (0.0, 0.0)), Tool::Pencil);
        assert_eq!(gestures.press(finger(2, (10.0, 0.0)), Tool::Pencil), []);
        assert_eq!(
            gestures.shift(2, (30.0, 0.0)),
            [Action::Pan((10.0, 0.0)), Action::Zoom((15.0, 0.0), 3.0)]
        );
        assert_eq!(gestures.lift(2), []);
        assert_eq!(gestures.shift(1, (50.0, 50.0)), [], "the finger that stays does nothing more");
        assert_eq!(gestures.lift(1), []);
        assert_eq!(gestures.press(mouse((1.0, 1.0)), Tool::Pencil), [Action::Begin((1.0, 1.0))]);
    }

    #[test]
    fn a_second_finger_ends_a_stroke() {
        let mut gestures = Gestures::default();
        gestures.press(finger(1, (0.0, 0.0)), Tool::Pencil);
        gestures.shift(1, (20.0, 0.0));
        assert_eq!(gestures.press(finger(2, (9.0, 9.0)), Tool::Pencil), [Action::Cancel]);
    }

    #[test]
    fn a_stopped_stroke_stays_stopped() {
        let mut gestures = Gestures::default();
        gestures.press(mouse((0.0, 0.0)), Tool::Pencil);
        assert_eq!(gestures.stop_stroke(), [Action::Cancel]);
        assert_eq!(gestures.shift(1, (20.0, 0.0)), []);
        assert_eq!(gestures.lift(1), []);
    }

    #[test]
    fn a_touch_cancelled_by_the_browser_does_nothing() {
        let mut gestures = Gestures::default();
        gestures.press(finger(1, (0.0, 0.0)), Tool::Pencil);
        assert_eq!(gestures.cancel(1), []);
    }
}
