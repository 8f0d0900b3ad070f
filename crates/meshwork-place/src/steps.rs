//! What one has painted on a canvas, step by step, so that it can be taken back and done again.
//!
//! # How it works
//! A step is what was painted in one go: a stroke, a line, a fill or a picture. It knows what its cells showed before, and
//! under which stamps they show its own paint. Taking it back is painting what was there before, and only where its own paint
//! still shows: what others painted over it is theirs. A step that is taken back is itself a step that can be taken back,
//! which is how things are done again. Where an older step shows again it does so under a new stamp, which all other steps
//! are told.
//!
//! # Driving it
//! [`Before::look`] at the cells, paint them, [`Recorder::record`] that; [`Recorder::finish`] makes a [`Step`] of all that was
//! recorded, and [`Steps::push`] remembers it. To take one back, paint what [`Step::back`] of [`Steps::next`] says, record that
//! too, and hand the step that it is to [`Steps::go`].
//!
//! # Limits
//! [`STEPS_MAX`] steps with [`STEPS_CELLS_MAX`] cells together, at 24 bytes each; the oldest are forgotten for new ones.

use std::collections::VecDeque;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;

use crate::canvas::{Canvas, Colour};

/// Steps that are remembered: more than anybody remembers having made.
pub const STEPS_MAX: usize = 100;
/// Cells that they have together: half of a canvas of 1000 by 1000, in 12 MiB.
pub const STEPS_CELLS_MAX: usize = 512 * 1024;

/// A cell of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    /// Row and column, in the order of rows.
    place: (u16, u16),
    /// What the cell showed before, and since when: [`Colour::CLEARED`] and [`Stamp::NEVER`] where nobody ever painted.
    before: Colour,
    before_stamp: Stamp,
    /// Since when it shows the step's paint.
    stamp: Stamp,
}

/// What cells show before they are painted.
#[derive(Clone, Debug, Default)]
pub struct Before(Vec<Change>);

impl Before {
    /// Looks at cells that are about to be painted: column, row, and the colour that they will show.
    pub fn look(canvas: &Canvas, cells: &[(u16, u16, Colour)]) -> Before {
        let look = |&(x, y, _): &(u16, u16, Colour)| Change {
            place: (y, x),
            before: canvas.colour(x, y).unwrap_or(Colour::CLEARED),
            before_stamp: canvas.stamp(x, y),
            stamp: Stamp::NEVER,
        };
        Before(cells.iter().map(look).collect())
    }
}

/// A step while it is made.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Vec<Change>);

impl Recorder {
    /// Cells were painted, and the canvas shows them. A cell may be painted again.
    pub fn record(&mut self, before: Before, canvas: &Canvas) {
        let painted =
            |change: Change| Change { stamp: canvas.stamp(change.place.1, change.place.0), ..change };
        self.0.extend(before.0.into_iter().map(painted));
    }

    /// Whether nothing was painted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The step: each cell once, with what it showed before the first time and since when it shows the last.
    pub fn finish(self) -> Step {
        let mut changes = self.0;
        changes.sort_by_key(|change| change.place);
        changes.dedup_by(|later, first| {
            let is_same = later.place == first.place;
            if is_same {
                first.stamp = first.stamp.max(later.stamp);
            }
            is_same
        });
        Step(changes.into())
    }
}

/// Something that was painted in one go: cells in the order of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step(Box<[Change]>);

/// What taking a step back paints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// Column, row and colour of each cell.
    pub cells: Vec<(u16, u16, Colour)>,
    /// How many cells of the step others have painted over.
    pub lost: usize,
}

impl Step {
    /// How many cells it has.
    pub fn cells(&self) -> usize {
        self.0.len()
    }

    /// What taking it back paints; `me` is whose step it is.
    pub fn back(&self, canvas: &Canvas, me: PeerId) -> Back {
        let mut cells = Vec::with_capacity(self.0.len());
        for change in &self.0 {
            let (y, x) = change.place;
            if canvas.stamp(x, y) == change.stamp && canvas.author(x, y) == Some(me) {
                cells.push((x, y, change.before));
            }
        }
        let lost = self.0.len() - cells.len();
        Back { cells, lost }
    }

    fn find(&self, place: (u16, u16)) -> Option<usize> {
        self.0.binary_search_by_key(&place, |change| change.place).ok()
    }
}

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Take back.
    Undo,
    /// Do again.
    Redo,
}

/// The steps that can be taken back, and those that can be done again; the newest last.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    done: VecDeque<Step>,
    undone: VecDeque<Step>,
}

impl Steps {
    /// Something new was painted: what was taken back before cannot be done again any more.
    pub fn push(&mut self, step: Step) {
        if !step.0.is_empty() {
            self.undone.clear();
            self.done.push_back(step);
            self.forget_oldest();
        }
    }

    /// The last step went on: it has these cells too. Where that step was taken back or is forgotten, they are one of their own.
    pub fn extend(&mut self, step: Step) {
        let last = if self.undone.is_empty() { self.done.pop_back() } else { None };
        let mut whole = Recorder(last.unwrap_or_default().0.into());
        whole.0.extend(step.0);
        self.push(whole.finish());
    }

    /// How many steps can be gone.
    pub fn count(&self, way: Way) -> usize {
        match way {
            Way::Undo => self.done.len(),
            Way::Redo => self.undone.len(),
        }
    }

    /// The step that is next on the way.
    pub fn next(&self, way: Way) -> Option<&Step> {
        match way {
            Way::Undo => self.done.back(),
            Way::Redo => self.undone.back(),
        }
    }

    /// The next step on the way was gone: `inverse` is what that painted. Where it was not gone to its end, the rest
    /// can still be gone.
    ///
    /// Where the step before shows again, it does so with a newer stamp, which is told to all steps.
    pub fn go(&mut self, way: Way, inverse: Step, is_whole: bool) {
        let gone = match way {
            Way::Undo => self.done.pop_back(),
            Way::Redo => self.undone.pop_back(),
        };
        let Some(gone) = gone else { return };
        for change in &inverse.0 {
            let Some(index) = gone.find(change.place) else { continue };
            let shown_before = gone.0[index].before_stamp;
            for step in self.done.iter_mut().chain(&mut self.undone) {
                if let Some(index) = step.find(change.place)
                    && step.0[index].stamp == shown_before
                {
                    step.0[index].stamp = change.stamp;
                }
            }
        }
        let rest = gone.0.iter().filter(|change| inverse.find(change.place).is_none()).copied();
        let rest = if is_whole { Step::default() } else { Step(rest.collect()) };
        let (from, to) = match way {
            Way::Undo => (&mut self.done, &mut self.undone),
            Way::Redo => (&mut self.undone, &mut self.done),
        };
        from.extend(Some(rest).filter(|rest| !rest.0.is_empty()));
        to.extend(Some(inverse).filter(|inverse| !inverse.0.is_empty()));
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let cells = |steps: &VecDeque<Step>| steps.iter().map(Step::cells).sum::<usize>();
        while self.done.len() > STEPS_MAX || cells(&self.done) + cells(&self.undone) > STEPS_CELLS_MAX {
            // What lies furthest back in time goes first.
            if self.done.pop_front().is_none() && self.undone.pop_front().is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{CanvasSize, cells_to_strokes};
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::signed::batch::{Header, SignedBatch};

    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);
    const ROOM: RoomId = RoomId([2; 32]);

    type Cell = (u16, u16, Colour);

    /// A canvas on which every painting gets the next stamp.
    struct Paper {
        canvas: Canvas,
        me: Identity,
        other: Identity,
        clock: u64,
        sequence: u64,
        steps: Steps,
    }

    impl Paper {
        fn new() -> Paper {
            let canvas = Canvas::new(CanvasSize { width: 1024, height: 512 }).unwrap();
            let (me, other) = (Identity::from_secret([1; 32]), Identity::from_secret([2; 32]));
            Paper { canvas, me, other, clock: 0, sequence: 0, steps: Steps::default() }
        }

        fn put(&mut self, cells: &[Cell], is_own: bool, recorder: &mut Recorder) {
            let before = Before::look(&self.canvas, cells);
            self.clock += 1;
            let identity = if is_own { &self.me } else { &self.other };
            let author = Endpoint { peer: identity.peer(), instance: Instance(3) };
            for strokes in cells_to_strokes(self.canvas.size(), cells, Stamp(self.clock)).unwrap() {
                self.sequence += 1;
                let header = Header::new(author, self.sequence, strokes.window(), 1);
                let batch = SignedBatch::sign(identity, &ROOM, &header, &strokes.encode()).unwrap();
                self.canvas.apply(batch, &strokes);
            }
            recorder.record(before, &self.canvas);
        }

        fn own(&mut self, cells: &[Cell]) -> Step {
            let mut recorder = Recorder::default();
            self.put(cells, true, &mut recorder);
            recorder.finish()
        }

        fn paint(&mut self, cells: &[Cell]) {
            let step = self.own(cells);
            self.steps.push(step);
        }

        fn other_paints(&mut self, cells: &[Cell]) {
            self.put(cells, false, &mut Recorder::default());
        }

        /// How many cells were painted, and how many stay.
        fn go(&mut self, way: Way) -> (usize, usize) {
            let Some(step) = self.steps.next(way) else { return (0, 0) };
            let Back { cells, lost } = step.back(&self.canvas, self.me.peer());
            let inverse = self.own(&cells);
            self.steps.go(way, inverse, true);
            (cells.len(), lost)
        }

        fn colours<const CELLS: usize>(&self, cells: [(u16, u16); CELLS]) -> [Colour; CELLS] {
            cells.map(|(x, y)| self.canvas.colour(x, y).unwrap_or(Colour::CLEARED))
        }
    }

    #[test]
    fn overlapping_steps_go_back_and_again_in_order() {
        let mut paper = Paper::new();
        paper.paint(&[(0, 0, RED), (1, 0, RED)]);
        paper.paint(&[(1, 0, BLUE), (2, 0, BLUE)]);
        paper.paint(&[(1, 0, RED)]);
        let all = [(0, 0), (1, 0), (2, 0)];
        let none = Colour::CLEARED;
        assert_eq!(paper.go(Way::Undo), (1, 0));
        assert_eq!(paper.colours(all), [RED, BLUE, BLUE]);
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours(all), [RED, RED, none]);
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours(all), [none, none, none]);
        assert_eq!(paper.steps.count(Way::Undo), 0);
        for expected in [[RED, RED, none], [RED, BLUE, BLUE], [RED, RED, BLUE]] {
            assert_eq!(paper.go(Way::Redo).1, 0);
            assert_eq!(paper.colours(all), expected);
        }
        assert_eq!(paper.go(Way::Redo), (0, 0));
        assert_eq!(paper.go(Way::Undo), (1, 0));
        assert_eq!(paper.colours(all), [RED, BLUE, BLUE]);
    }

    #[test]
    fn what_others_painted_over_stays() {
        let mut paper = Paper::new();
        paper.paint(&[(0, 0, RED), (1, 0, RED), (2, 0, RED)]);
        // Alike, and theirs all the same.
        paper.other_paints(&[(1, 0, RED)]);
        assert_eq!(paper.go(Way::Undo), (2, 1));
        assert_eq!(paper.colours([(0, 0), (1, 0)]), [Colour::CLEARED, RED]);
        paper.other_paints(&[(0, 0, BLUE)]);
        assert_eq!(paper.go(Way::Redo), (1, 1), "only where the undone cell still shows");
        assert_eq!(paper.colours([(0, 0), (1, 0), (2, 0)]), [BLUE, RED, RED]);
    }

    #[test]
    fn a_cell_crossed_twice_goes_back_once() {
        let mut paper = Paper::new();
        paper.other_paints(&[(5, 5, BLUE)]);
        let mut recorder = Recorder::default();
        paper.put(&[(5, 5, RED)], true, &mut recorder);
        paper.put(&[(5, 5, Colour::rgb(1, 2, 3))], true, &mut recorder);
        let back = recorder.finish().back(&paper.canvas, paper.me.peer());
        assert_eq!(back, Back { cells: vec![(5, 5, BLUE)], lost: 0 });
    }

    #[test]
    fn half_gone_steps_are_gone_to_their_end() {
        let mut paper = Paper::new();
        paper.paint(&[(0, 0, RED), (1, 0, RED), (2, 0, RED)]);
        let inverse = paper.own(&[(0, 0, Colour::CLEARED)]);
        paper.steps.go(Way::Undo, inverse, false);
        assert_eq!((paper.steps.count(Way::Undo), paper.steps.count(Way::Redo)), (1, 1));
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours([(0, 0), (1, 0), (2, 0)]), [Colour::CLEARED; 3]);
    }

    #[test]
    fn something_new_ends_what_could_be_redone() {
        let mut paper = Paper::new();
        paper.paint(&[(0, 0, RED)]);
        paper.go(Way::Undo);
        assert_eq!(paper.steps.count(Way::Redo), 1);
        paper.paint(&[(0, 0, BLUE)]);
        assert_eq!(paper.steps.count(Way::Redo), 0);
    }

    #[test]
    fn a_step_that_goes_on_is_one() {
        let mut paper = Paper::new();
        paper.paint(&[(9, 9, RED)]);
        paper.paint(&[(0, 0, RED), (1, 0, RED)]);
        let more = paper.own(&[(1, 0, BLUE), (2, 0, BLUE)]);
        paper.steps.extend(more);
        assert_eq!(paper.go(Way::Undo), (3, 0));
        assert_eq!(paper.colours([(0, 0), (1, 0), (2, 0), (9, 9)])[..3], [Colour::CLEARED; 3]);
        // What is taken back does not go on.
        let more = paper.own(&[(3, 0, BLUE)]);
        paper.steps.extend(more);
        assert_eq!((paper.steps.count(Way::Undo), paper.steps.count(Way::Redo)), (2, 0));
        assert_eq!(paper.go(Way::Undo), (1, 0));
        assert_eq!(paper.colours([(3, 0), (9, 9)]), [Colour::CLEARED, RED]);
    }

    #[test]
    fn steps_are_bounded() {
        let mut paper = Paper::new();
        for _ in 0..STEPS_MAX + 5 {
            paper.paint(&[(0, 0, RED)]);
        }
        assert_eq!(paper.steps.count(Way::Undo), STEPS_MAX);
        let half: Vec<Cell> =
            (0..STEPS_CELLS_MAX / 2 + 1).map(|n| ((n % 1024) as u16, (n / 1024) as u16, RED)).collect();
        paper.paint(&half);
        paper.paint(&half);
        assert_eq!(paper.steps.count(Way::Undo), 1, "the older of two large ones is forgotten");
    }
}
