//! The small canvas of the start page, on which one paints for oneself before there is a room.

use meshwork_place::canvas::{CanvasSize, Colour};

use crate::place::line;
use crate::place::palette::PALETTE;

/// Columns and rows: it fits into every canvas that is offered but the smallest.
pub const SIZE: CanvasSize = CanvasSize { width: 90, height: 44 };

/// A place on it.
pub type Place = (i32, i32);

/// What was painted on it, and in which strokes.
#[derive(Clone, Debug, PartialEq)]
pub struct Doodle {
    cells: Vec<Option<Colour>>,
    /// What each stroke painted over, the last stroke at the end.
    strokes: Vec<Vec<(usize, Option<Colour>)>>,
    /// Where the stroke is that is being painted.
    at: Option<Place>,
}

impl Default for Doodle {
    fn default() -> Doodle {
        let cells = usize::from(SIZE.width) * usize::from(SIZE.height);
        Doodle { cells: vec![None; cells], strokes: Vec::new(), at: None }
    }
}

impl Doodle {
    /// Begins a stroke at a place, which may lie outside.
    pub fn begin(&mut self, at: Place, colour: Colour) {
        self.strokes.push(Vec::new());
        self.paint(at, colour);
        self.at = Some(at);
    }

    /// Takes the stroke on to a place; nothing where none has begun.
    pub fn go_on(&mut self, to: Place, colour: Colour) {
        let Some(from) = self.at.replace(to) else {
            self.at = None;
            return;
        };
        line::cells(from, to).for_each(|at| self.paint(at, colour));
    }

    /// Ends the stroke. One that painted nothing is none.
    pub fn end(&mut self) {
        if self.at.take().is_some() && self.strokes.last().is_some_and(Vec::is_empty) {
            self.strokes.pop();
        }
    }

    /// Takes the last stroke back.
    pub fn undo(&mut self) {
        self.at = None;
        for (place, before) in self.strokes.pop().unwrap_or_default().into_iter().rev() {
            self.cells[place] = before;
        }
    }

    /// Whether there is a stroke to take back.
    pub fn can_undo(&self) -> bool {
        !self.strokes.is_empty()
    }

    /// What is painted: columns, rows and colours.
    pub fn painted(&self) -> impl Iterator<Item = (u16, u16, Colour)> {
        let width = usize::from(SIZE.width);
        let cells = self.cells.iter().enumerate();
        cells.filter_map(move |(place, colour)| {
            Some(((place % width) as u16, (place / width) as u16, (*colour)?))
        })
    }

    /// The same in the middle of a canvas; of what that is too small for, the middle.
    pub fn within(&self, size: CanvasSize) -> Vec<(u16, u16, Colour)> {
        let moved = |at: u16, own: u16, size: u16| {
            let to = i32::from(at) + (i32::from(size) - i32::from(own)) / 2;
            u16::try_from(to).ok().filter(|to| *to < size)
        };
        let cell = |(x, y, colour)| {
            Some((moved(x, SIZE.width, size.width)?, moved(y, SIZE.height, size.height)?, colour))
        };
        self.painted().filter_map(cell).collect()
    }

    /// What is painted as text, a letter for each cell: its place among the colours at hand, or a full stop.
    pub fn write(&self) -> String {
        let letter = |colour: &Option<Colour>| {
            let place = colour.and_then(|colour| PALETTE.iter().position(|swatch| swatch.colour == colour));
            place.map_or('.', |place| char::from(b'a' + place as u8))
        };
        self.cells.iter().map(letter).collect()
    }

    /// What [`Doodle::write`] wrote, as one stroke; nothing of what it cannot have written.
    pub fn read(text: &str) -> Doodle {
        let mut doodle = Doodle::default();
        if text.len() != doodle.cells.len() {
            return doodle;
        }
        doodle.strokes.push(Vec::new());
        for (place, letter) in text.bytes().enumerate() {
            let swatch = letter.checked_sub(b'a').and_then(|index| PALETTE.get(usize::from(index)));
            let width = usize::from(SIZE.width);
            if let Some(swatch) = swatch {
                doodle.paint(((place % width) as i32, (place / width) as i32), swatch.colour);
            }
        }
        doodle.strokes.retain(|stroke| !stroke.is_empty());
        doodle
    }

    fn paint(&mut self, (x, y): Place, colour: Colour) {
        let is_inside = (0..i32::from(SIZE.width)).contains(&x) && (0..i32::from(SIZE.height)).contains(&y);
        let place = (y * i32::from(SIZE.width) + x) as usize;
        if is_inside && self.cells[place] != Some(colour) {
            let before = self.cells[place].replace(colour);
            if let Some(stroke) = self.strokes.last_mut() {
                stroke.push((place, before));
            }
        }
    }
}

/// A rectangle of one colour: columns, rows, how wide and high, and its place among the colours at hand.
type Patch = (i32, i32, i32, i32, usize);

/// A house, a tree, the sun and somebody's greeting. What comes later lies on top.
const PATCHES: [Patch; 47] = [
    // Hi
    (8, 5, 1, 5, 9),
    (10, 5, 1, 5, 9),
    (9, 7, 1, 1, 9),
    (13, 5, 1, 1, 9),
    (13, 7, 1, 3, 9),
    // A bird.
    (24, 8, 2, 1, 0),
    (26, 7, 2, 1, 0),
    (28, 8, 1, 1, 0),
    (29, 7, 2, 1, 0),
    (31, 8, 2, 1, 0),
    // Two people, and what links them.
    (39, 10, 3, 1, 0),
    (41, 11, 4, 1, 0),
    (45, 12, 4, 1, 0),
    (49, 11, 4, 1, 0),
    (52, 10, 3, 1, 0),
    // The sun's rays.
    (70, 1, 1, 2, 4),
    (70, 16, 1, 2, 4),
    (62, 9, 2, 1, 4),
    (77, 9, 2, 1, 4),
    (64, 3, 1, 1, 4),
    (65, 4, 1, 1, 4),
    (76, 3, 1, 1, 4),
    (75, 4, 1, 1, 4),
    (64, 15, 1, 1, 4),
    (65, 14, 1, 1, 4),
    (76, 15, 1, 1, 4),
    (75, 14, 1, 1, 4),
    // The house.
    (14, 23, 14, 11, 1),
    (15, 24, 12, 9, 2),
    (17, 28, 3, 6, 10),
    (22, 26, 3, 2, 8),
    (20, 16, 2, 1, 3),
    (19, 17, 4, 1, 3),
    (18, 18, 6, 1, 3),
    (17, 19, 8, 1, 3),
    (16, 20, 10, 1, 3),
    (14, 21, 14, 1, 3),
    (13, 22, 16, 1, 3),
    // The tree, and its apples.
    (40, 27, 2, 7, 1),
    (36, 21, 1, 1, 3),
    (43, 22, 1, 1, 3),
    (39, 24, 1, 1, 3),
    // Water.
    (65, 36, 3, 1, 8),
    (68, 37, 4, 1, 8),
    (72, 36, 3, 1, 8),
    (68, 40, 4, 1, 8),
    (72, 41, 4, 1, 8),
];

/// Discs below those: in the middle of which cell, how far they reach, and their colours' places.
const DISCS: [(i32, i32, i32, usize); 4] = [(70, 9, 5, 5), (37, 9, 2, 9), (56, 9, 2, 11), (40, 22, 5, 7)];

/// The hill below all, from row 31 on: the cell with which each row begins, and the one up to which it goes.
const HILL: [(i32, i32); 13] = [
    (29, 46),
    (24, 50),
    (18, 53),
    (9, 55),
    (0, 56),
    (0, 61),
    (0, 58),
    (0, 60),
    (0, 57),
    (0, 62),
    (0, 58),
    (0, 55),
    (0, 54),
];

impl Doodle {
    /// What somebody finds who comes for the first time: a picture that shows what the canvas is for, as one stroke.
    pub fn sample() -> Doodle {
        let mut doodle = Doodle::default();
        doodle.strokes.push(Vec::new());
        let mut above = HILL[0].0;
        for (row, (from, to)) in (31..).zip(HILL) {
            doodle.fill((from, row, to - from, 1, 7));
            doodle.fill((from, row, above - from, 1, 6));
            above = from;
        }
        for (x, y, reach, colour) in DISCS {
            for row in -reach..=reach {
                let half = (0..=reach).rev().find(|half| half * half + row * row <= reach * reach + 1);
                let half = half.unwrap_or_default();
                doodle.fill((x - half, y + row, 2 * half + 1, 1, colour));
            }
        }
        PATCHES.into_iter().for_each(|patch| doodle.fill(patch));
        doodle
    }

    fn fill(&mut self, (x, y, width, height, colour): Patch) {
        let cells = (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y)));
        cells.for_each(|at| self.paint(at, PALETTE[colour].colour));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);

    fn stroke(doodle: &mut Doodle, places: &[Place], colour: Colour) {
        doodle.begin(places[0], colour);
        places[1..].iter().for_each(|place| doodle.go_on(*place, colour));
        doodle.end();
    }

    #[test]
    fn strokes_are_painted_and_taken_back() {
        let mut doodle = Doodle::default();
        stroke(&mut doodle, &[(1, 1), (3, 1)], RED);
        stroke(&mut doodle, &[(2, 1), (2, 2)], BLUE);
        let painted: Vec<_> = doodle.painted().collect();
        assert_eq!(painted, [(1, 1, RED), (2, 1, BLUE), (3, 1, RED), (2, 2, BLUE)]);
        doodle.undo();
        assert_eq!(doodle.painted().collect::<Vec<_>>(), [(1, 1, RED), (2, 1, RED), (3, 1, RED)]);
        doodle.undo();
        assert_eq!(doodle, Doodle::default());
        doodle.undo();
        assert!(!doodle.can_undo());
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut doodle = Doodle::default();
        stroke(&mut doodle, &[(-5, -5), (-1, -5)], RED);
        assert!(!doodle.can_undo(), "a stroke that painted nothing is none");
        stroke(&mut doodle, &[(-2, 0), (1, 0)], RED);
        stroke(&mut doodle, &[(88, 43), (120, 43)], RED);
        assert_eq!(doodle.painted().map(|(x, ..)| x).collect::<Vec<_>>(), [0, 1, 88, 89]);
        doodle.go_on((9, 9), RED);
        assert_eq!(doodle.painted().count(), 4, "no stroke has begun");
    }

    #[test]
    fn doodles_read_as_they_are_written() {
        let mut doodle = Doodle::default();
        stroke(&mut doodle, &[(0, 0), (3, 0)], PALETTE[0].colour);
        stroke(&mut doodle, &[(89, 43)], PALETTE[11].colour);
        let mut read = Doodle::read(&doodle.write());
        assert!(read.painted().eq(doodle.painted()) && read.painted().count() == 5);
        read.undo();
        assert_eq!(read, Doodle::default(), "it is one stroke");
        for other in ["", "a", &"~".repeat(90 * 44), &"é".repeat(45 * 44)] {
            assert_eq!(Doodle::read(other), Doodle::default());
        }
    }

    #[test]
    fn sample_is_taken_back_as_one_stroke() {
        let mut sample = Doodle::sample();
        assert!(Doodle::read(&sample.write()).painted().eq(sample.painted()), "it is of colours at hand");
        assert!((800..2000).contains(&sample.painted().count()), "{} cells", sample.painted().count());
        sample.undo();
        assert_eq!(sample, Doodle::default());
    }

    #[test]
    fn doodles_lie_in_the_middle_of_a_canvas() {
        let mut doodle = Doodle::default();
        stroke(&mut doodle, &[(0, 0)], RED);
        stroke(&mut doodle, &[(45, 22)], BLUE);
        let placed = |width, height| doodle.within(CanvasSize { width, height });
        assert_eq!(placed(144, 100), [(27, 28, RED), (72, 50, BLUE)]);
        assert_eq!(placed(90, 44), [(0, 0, RED), (45, 22, BLUE)]);
        assert_eq!(placed(50, 50), [(25, 25, BLUE)], "the corner has no place there");
    }
}
