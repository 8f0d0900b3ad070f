//! The small whiteboard of the start page, on which one draws for oneself before there is a room.

use crate::whiteboard::look::LIGHT;

/// How wide and high it is, in units of a whiteboard.
pub const SIZE: (i32, i32) = (720, 352);
/// Points of a stroke; who draws on begins another one there.
pub const POINTS_MAX: usize = 150;
/// Strokes that are kept.
const STROKES_MAX: usize = 200;
/// How far the pen goes before there is another point, in units.
const STEP: i32 = 3;

/// A place on it.
pub type Place = (i32, i32);

/// A stroke by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// A place of the colours of shapes.
    pub colour: u8,
    /// Where it goes; one point at least.
    pub points: Vec<Place>,
    /// Whether it goes on with the one before, and goes with it.
    goes_on: bool,
}

/// What was drawn on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scribble {
    strokes: Vec<Stroke>,
    is_drawing: bool,
}

impl Scribble {
    /// Begins a stroke.
    pub fn begin(&mut self, at: Place, colour: u8) {
        self.is_drawing = self.strokes.len() < STROKES_MAX;
        if self.is_drawing {
            self.strokes.push(Stroke { colour, points: vec![inside(at)], goes_on: false });
        }
    }

    /// Takes the stroke on; nothing where none has begun.
    pub fn go_on(&mut self, to: Place) {
        let Some(stroke) = self.strokes.last_mut().filter(|_| self.is_drawing) else { return };
        let (to, colour) = (inside(to), stroke.colour);
        let last = stroke.points[stroke.points.len() - 1];
        if (to.0 - last.0).abs().max((to.1 - last.1).abs()) < STEP {
            return;
        }
        stroke.points.push(to);
        if stroke.points.len() == POINTS_MAX {
            self.strokes.push(Stroke { colour, points: vec![to], goes_on: true });
        }
    }

    /// Ends the stroke.
    pub fn end(&mut self) {
        self.is_drawing = false;
    }

    /// Takes the last stroke back.
    pub fn undo(&mut self) {
        self.is_drawing = false;
        while self.strokes.pop().is_some_and(|stroke| stroke.goes_on) {}
    }

    /// Whether nothing is drawn.
    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    /// The strokes, the first one lowest.
    pub fn strokes(&self) -> &[Stroke] {
        &self.strokes
    }

    /// What is drawn as text: a line for each stroke.
    pub fn write(&self) -> String {
        let line = |stroke: &Stroke| {
            let points: String = stroke.points.iter().map(|(x, y)| format!(" {x},{y}")).collect();
            let sign = if stroke.goes_on { "+" } else { "" };
            format!("{sign}{}{points}\n", stroke.colour)
        };
        self.strokes.iter().map(line).collect()
    }

    /// What [`Scribble::write`] wrote; lines that are none are left out.
    pub fn read(text: &str) -> Scribble {
        let point = |word: &str| {
            let (x, y) = word.split_once(',')?;
            Some(inside((x.parse().ok()?, y.parse().ok()?)))
        };
        let stroke = |line: &str| {
            let goes_on = line.starts_with('+');
            let mut words = line.trim_start_matches('+').split(' ');
            let colour: u8 = words.next()?.parse().ok()?;
            let points: Vec<Place> = words.map(point).collect::<Option<_>>()?;
            let is_one = usize::from(colour) < LIGHT.len() && (1..=POINTS_MAX).contains(&points.len());
            is_one.then_some(Stroke { colour, points, goes_on })
        };
        Scribble { strokes: text.lines().filter_map(stroke).take(STROKES_MAX).collect(), is_drawing: false }
    }
}

fn inside((x, y): Place) -> Place {
    (x.clamp(0, SIZE.0), y.clamp(0, SIZE.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(scribble: &mut Scribble, points: impl IntoIterator<Item = Place>, colour: u8) {
        let mut points = points.into_iter();
        scribble.begin(points.next().expect("a first point"), colour);
        points.for_each(|to| scribble.go_on(to));
        scribble.end();
    }

    #[test]
    fn strokes_are_drawn_and_taken_back() {
        let mut scribble = Scribble::default();
        draw(&mut scribble, [(0, 0), (1, 1), (10, 10)], 2);
        draw(&mut scribble, [(5, 5)], 0);
        scribble.go_on((50, 50));
        let points: Vec<_> = scribble.strokes().iter().map(|stroke| stroke.points.len()).collect();
        assert_eq!(points, [2, 1], "what lies near is one point, and who lifts the pen draws no more");
        scribble.undo();
        scribble.undo();
        assert!(scribble.is_empty());
        scribble.undo();
    }

    #[test]
    fn long_strokes_are_several_and_go_as_one() {
        let mut scribble = Scribble::default();
        draw(&mut scribble, (0..200).map(|step| (step * STEP, 0)), 1);
        let [one, other] = scribble.strokes() else { panic!("two strokes") };
        assert_eq!(one.points.len(), POINTS_MAX);
        assert_eq!(one.points.last(), other.points.first(), "there is no gap");
        scribble.undo();
        assert!(scribble.is_empty());
    }

    #[test]
    fn scribbles_read_as_they_are_written() {
        let mut scribble = Scribble::default();
        draw(&mut scribble, (0..200).map(|step| (step * STEP, 9)), 7);
        draw(&mut scribble, [(-9, 9999)], 0);
        assert_eq!(scribble.strokes()[2].points, [(0, SIZE.1)], "nothing lies outside");
        assert_eq!(Scribble::read(&scribble.write()), scribble);
        for wrong in ["9 1,1", "0", "0 1,x", "x 1,1", "0 1"] {
            assert!(Scribble::read(wrong).is_empty(), "{wrong}");
        }
    }
}
