//! What one has painted, step by step, so that it can be taken back and done again.
//!
//! A step is a stroke, a line, a fill or a picture. Taking it back is painting what was there before, and only
//! where the step's own paint still shows: what others painted over it is theirs. A step that is taken back is
//! itself a step that can be taken back, which is how things are done again.

use std::collections::VecDeque;

use meshwork_core::clock::Stamp;
use meshwork_place::canvas::Colour;

use crate::stroke::Cell;

/// Steps that are kept: more than anybody remembers having made.
pub const STEPS_MAX: usize = 100;
/// Cells that the kept steps have together: half of a canvas of 1000 x 1000, in some 16 megabytes.
pub const CELLS_MAX: usize = 512 * 1024;

/// What a canvas shows in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its colour; [`Colour::CLEARED`] where there is none.
    pub colour: Colour,
    /// When it was painted; [`Stamp::NEVER`] where it never was.
    pub stamp: Stamp,
    /// Whether oneself painted it.
    pub is_own: bool,
}

/// A cell of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    /// Row and column, in the order of rows.
    place: (u16, u16),
    /// What the cell showed before, and since when.
    before: Colour,
    before_stamp: Stamp,
    /// Since when it shows the step's paint.
    stamp: Stamp,
}

/// A step while it is made.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Vec<Change>);

impl Recorder {
    /// Cells are painted: what they showed before, and when they were painted. A cell may be painted again.
    pub fn record(&mut self, (x, y): (u16, u16), before: Look, stamp: Stamp) {
        self.0.push(Change { place: (y, x), before: before.colour, before_stamp: before.stamp, stamp });
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
        Step(changes)
    }
}

/// Something that was painted in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step(Vec<Change>);

impl Step {
    /// How many cells it has.
    pub fn cells(&self) -> usize {
        self.0.len()
    }

    /// What taking it back paints, and how many cells others have painted over.
    pub fn back(&self, look: impl Fn(u16, u16) -> Look) -> (Vec<Cell>, usize) {
        let mut cells = Vec::with_capacity(self.0.len());
        for change in &self.0 {
            let (y, x) = change.place;
            let now = look(x, y);
            if now.is_own && now.stamp == change.stamp {
                cells.push((x, y, change.before));
            }
        }
        let lost = self.0.len() - cells.len();
        (cells, lost)
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
pub struct History {
    done: VecDeque<Step>,
    undone: VecDeque<Step>,
}

impl History {
    /// Something new was painted: what was taken back before cannot be done again any more.
    pub fn push(&mut self, step: Step) {
        if !step.0.is_empty() {
            self.undone.clear();
            self.done.push_back(step);
            self.forget_oldest();
        }
    }

    /// How many steps can be gone.
    pub fn steps(&self, way: Way) -> usize {
        match way {
            Way::Undo => self.done.len(),
            Way::Redo => self.undone.len(),
        }
    }

    /// What is said where a way ends.
    pub fn end_words(&self, way: Way) -> &'static str {
        match way {
            Way::Undo if self.undone.is_empty() => "There is nothing to undo.",
            Way::Undo => "There is nothing more to undo.",
            Way::Redo => "There is nothing to redo.",
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
        while self.done.len() > STEPS_MAX || cells(&self.done) + cells(&self.undone) > CELLS_MAX {
            // What lies furthest back in time goes first.
            if self.done.pop_front().is_none() && self.undone.pop_front().is_none() {
                return;
            }
        }
    }
}

/// What is said of a step that was gone: so many cells painted, so many that others had painted over.
pub fn words(way: Way, cells: usize, lost: usize) -> String {
    use crate::words::count;
    let verb = match way {
        Way::Undo => "Undone",
        Way::Redo => "Redone",
    };
    match (cells, lost) {
        (0, _) => "Nothing to change: others have painted over all of it.".to_owned(),
        (cells, 0) => format!("{verb}: {}.", count(cells, "cell")),
        (cells, 1) => format!("{verb}: {}. 1 cell stays, painted over by others.", count(cells, "cell")),
        (cells, lost) => {
            format!("{verb}: {}. {} stay, painted over by others.", count(cells, "cell"), count(lost, "cell"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);
    const NOTHING: Look = Look { colour: Colour::CLEARED, stamp: Stamp::NEVER, is_own: false };

    /// A canvas on which every painting gets the next stamp.
    #[derive(Default)]
    struct Paper {
        cells: BTreeMap<(u16, u16), Look>,
        clock: u64,
        history: History,
    }

    impl Paper {
        fn look(&self, x: u16, y: u16) -> Look {
            self.cells.get(&(x, y)).copied().unwrap_or(NOTHING)
        }

        fn put(&mut self, cells: &[Cell], is_own: bool) -> Step {
            self.clock += 1;
            let mut recorder = Recorder::default();
            for &(x, y, colour) in cells {
                let before = self.look(x, y);
                self.cells.insert((x, y), Look { colour, stamp: Stamp(self.clock), is_own });
                recorder.record((x, y), before, Stamp(self.clock));
            }
            recorder.finish()
        }

        fn paint(&mut self, cells: &[Cell]) {
            let step = self.put(cells, true);
            self.history.push(step);
        }

        fn go(&mut self, way: Way) -> (usize, usize) {
            let Some(step) = self.history.next(way) else { return (0, 0) };
            let (cells, lost) = step.back(|x, y| self.look(x, y));
            let inverse = self.put(&cells, true);
            self.history.go(way, inverse, true);
            (cells.len(), lost)
        }

        fn colours(&self, cells: &[(u16, u16)]) -> Vec<Colour> {
            cells.iter().map(|&(x, y)| self.look(x, y).colour).collect()
        }
    }

    #[test]
    fn strokes_over_each_other_are_taken_back_and_done_again_in_order() {
        let mut paper = Paper::default();
        paper.paint(&[(0, 0, RED), (1, 0, RED)]);
        paper.paint(&[(1, 0, BLUE), (2, 0, BLUE)]);
        paper.paint(&[(1, 0, RED)]);
        let all = [(0, 0), (1, 0), (2, 0)];
        let none = Colour::CLEARED;
        assert_eq!(paper.go(Way::Undo), (1, 0));
        assert_eq!(paper.colours(&all), [RED, BLUE, BLUE]);
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours(&all), [RED, RED, none]);
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours(&all), [none, none, none]);
        assert_eq!(paper.history.steps(Way::Undo), 0);
        for expected in [[RED, RED, none], [RED, BLUE, BLUE], [RED, RED, BLUE]] {
            assert_eq!(paper.go(Way::Redo).1, 0);
            assert_eq!(paper.colours(&all), expected);
        }
        assert_eq!(paper.go(Way::Redo), (0, 0));
        assert_eq!(paper.go(Way::Undo), (1, 0));
        assert_eq!(paper.colours(&all), [RED, BLUE, BLUE]);
    }

    #[test]
    fn what_others_painted_over_stays() {
        let mut paper = Paper::default();
        paper.paint(&[(0, 0, RED), (1, 0, RED), (2, 0, RED)]);
        paper.put(&[(1, 0, BLUE)], false);
        assert_eq!(paper.go(Way::Undo), (2, 1));
        assert_eq!(paper.colours(&[(0, 0), (1, 0)]), [Colour::CLEARED, BLUE]);
        paper.put(&[(0, 0, BLUE)], false);
        assert_eq!(paper.go(Way::Redo), (1, 1), "only where the undone cell still shows");
        assert_eq!(paper.colours(&[(0, 0), (1, 0), (2, 0)]), [BLUE, BLUE, RED]);
    }

    #[test]
    fn a_cell_crossed_twice_goes_back_to_what_it_was_first() {
        let mut paper = Paper::default();
        paper.put(&[(5, 5, BLUE)], false);
        paper.clock += 1;
        let mut recorder = Recorder::default();
        let before = paper.look(5, 5);
        recorder.record((5, 5), before, Stamp(8));
        recorder.record((5, 5), Look { colour: RED, stamp: Stamp(8), is_own: true }, Stamp(9));
        paper.cells.insert((5, 5), Look { colour: RED, stamp: Stamp(9), is_own: true });
        let step = recorder.finish();
        assert_eq!(step.back(|x, y| paper.look(x, y)), (vec![(5, 5, BLUE)], 0));
    }

    #[test]
    fn what_was_gone_in_part_can_be_gone_to_its_end() {
        let mut paper = Paper::default();
        paper.paint(&[(0, 0, RED), (1, 0, RED), (2, 0, RED)]);
        let inverse = paper.put(&[(0, 0, Colour::CLEARED)], true);
        paper.history.go(Way::Undo, inverse, false);
        assert_eq!((paper.history.steps(Way::Undo), paper.history.steps(Way::Redo)), (1, 1));
        assert_eq!(paper.go(Way::Undo), (2, 0));
        assert_eq!(paper.colours(&[(0, 0), (1, 0), (2, 0)]), [Colour::CLEARED; 3]);
    }

    #[test]
    fn something_new_ends_what_could_be_done_again() {
        let mut paper = Paper::default();
        paper.paint(&[(0, 0, RED)]);
        paper.go(Way::Undo);
        assert_eq!(paper.history.steps(Way::Redo), 1);
        paper.paint(&[(0, 0, BLUE)]);
        assert_eq!(paper.history.steps(Way::Redo), 0);
    }

    #[test]
    fn steps_are_bounded() {
        let mut paper = Paper::default();
        for _ in 0..STEPS_MAX + 5 {
            paper.paint(&[(0, 0, RED)]);
        }
        assert_eq!(paper.history.steps(Way::Undo), STEPS_MAX);
        let half: Vec<Cell> =
            (0..CELLS_MAX / 2 + 1).map(|n| ((n % 1024) as u16, (n / 1024) as u16, RED)).collect();
        paper.paint(&half);
        paper.paint(&half);
        assert_eq!(paper.history.steps(Way::Undo), 1, "the older of two large ones is forgotten");
    }

    #[test]
    fn it_is_told_in_words() {
        assert_eq!(words(Way::Undo, 12, 0), "Undone: 12 cells.");
        assert_eq!(words(Way::Redo, 1, 3), "Redone: 1 cell. 3 cells stay, painted over by others.");
        assert!(words(Way::Undo, 0, 3).starts_with("Nothing to change"));
    }
}
