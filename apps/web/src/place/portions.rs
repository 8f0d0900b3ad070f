//! Painting more than a room takes at once: in portions, as its rules and the others allow.

use std::time::Duration;

use meshwork_core::node::{CommandError, WriteError};
use meshwork_core::signed::change::Limit;
use meshwork_place::words as place_words;

use crate::place::stroke::Cell;
use crate::texts;

/// Cells of a portion: about what a frame can sign, apply and send.
pub const PORTION: usize = 4096;
/// How long painting waits for others that cannot keep up, before it tries again.
const RETRY: Duration = Duration::from_millis(50);
/// How long it waits at most for the rules: they may change meanwhile, and what is left of the wait is told.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Cells that are painted one portion after the other.
#[derive(Clone, Debug)]
pub struct Portions {
    cells: Vec<Cell>,
    next: usize,
}

/// What to do after a portion was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again, with at most so many cells, after a while.
    Again(usize, Duration),
    /// The room's rules let nothing more be painted: try again after a while; the whole wait is told.
    Wait(Duration, Duration),
    /// It cannot go on: why, in words.
    Stop(String),
}

impl Portions {
    /// All cells are still to be painted.
    pub fn new(cells: Vec<Cell>) -> Portions {
        Portions { cells, next: 0 }
    }

    /// The cells to paint next, at most `most`; cells that `is_right` already are passed over.
    pub fn portion(&mut self, most: usize, is_right: impl Fn(&Cell) -> bool) -> Vec<Cell> {
        while self.cells.get(self.next).is_some_and(&is_right) {
            self.next += 1;
        }
        let rest = self.cells[self.next..].iter();
        rest.filter(|cell| !is_right(cell)).take(most.min(PORTION)).copied().collect()
    }

    /// A portion was painted; `last` is its last cell.
    pub fn painted(&mut self, last: Cell) {
        let rest = &self.cells[self.next..];
        self.next += rest.iter().position(|cell| *cell == last).map_or(rest.len(), |index| index + 1);
    }

    /// How many cells are done with.
    pub fn done(&self) -> usize {
        self.next
    }

    /// How many cells there are.
    pub fn total(&self) -> usize {
        self.cells.len()
    }
}

/// What follows from a refusal.
pub fn after(refusal: &CommandError) -> Next {
    match *refusal {
        CommandError::Write(WriteError::Backpressure(_)) => Next::Again(PORTION, RETRY),
        CommandError::Write(WriteError::TooFast { left, .. }) if left > 0 => {
            Next::Again(left as usize, Duration::ZERO)
        }
        CommandError::Write(WriteError::TooFast { wait_ms, .. }) => {
            let wait = Duration::from_millis(wait_ms.max(1));
            Next::Wait(wait.min(WAIT_MAX), wait)
        }
        ref other => Next::Stop(place_words::refusal(other)),
    }
}

/// How long so many cells take where a room has this limit, as far as the rules decide it.
pub fn time(cells: usize, limit: Option<Limit>) -> Duration {
    let Some(limit) = limit else { return Duration::ZERO };
    let windows = cells.div_ceil(limit.cost.max(1) as usize).saturating_sub(1);
    Duration::from_millis(u64::from(limit.window_ms))
        .saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
}

/// Why something that was to be painted at once is not: what it takes, and what the room says.
pub fn refusal(what: &str, cells: usize, refusal: &CommandError) -> String {
    match refusal {
        CommandError::Write(WriteError::TooFast { .. }) => {
            texts::canvas::takes(what, cells, &place_words::refusal(refusal))
        }
        other => texts::sentence(&place_words::refusal(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_place::canvas::Colour;

    const RED: Colour = Colour::rgb(255, 0, 0);

    fn too_fast(left: u32, wait_ms: u64) -> CommandError {
        CommandError::Write(WriteError::TooFast { left, cost: 10, window_ms: 1000, wait_ms })
    }

    #[test]
    fn each_cell_is_painted_once_unless_already_right() {
        let cells: Vec<Cell> = (0..10_000).map(|n| ((n % 100) as u16, (n / 100) as u16, RED)).collect();
        let mut portions = Portions::new(cells.clone());
        let is_right = |cell: &Cell| cell.0.is_multiple_of(2);
        let mut painted = Vec::new();
        for most in [PORTION, 3, usize::MAX, usize::MAX, usize::MAX] {
            let portion = portions.portion(most, is_right);
            let Some(last) = portion.last() else { continue };
            portions.painted(*last);
            painted.extend(portion);
        }
        let expected: Vec<Cell> = cells.into_iter().filter(|cell| !is_right(cell)).collect();
        assert_eq!(painted, expected);
        assert_eq!((portions.done(), portions.total()), (10_000, 10_000));
    }

    #[test]
    fn refusals_are_waited_out_or_told() {
        assert_eq!(after(&too_fast(7, 400)), Next::Again(7, Duration::ZERO));
        assert_eq!(
            after(&too_fast(0, 400)),
            Next::Wait(Duration::from_millis(400), Duration::from_millis(400))
        );
        assert_eq!(after(&too_fast(0, 90_000)), Next::Wait(WAIT_MAX, Duration::from_secs(90)));
        assert_eq!(after(&CommandError::Write(WriteError::Backpressure(5))), Next::Again(PORTION, RETRY));
        assert!(
            matches!(after(&CommandError::Write(WriteError::Banned)), Next::Stop(words) if words.contains("banned"))
        );
    }

    #[test]
    fn the_rules_say_how_long_it_takes() {
        let limit = Some(Limit { cost: 100, window_ms: 10_000 });
        assert_eq!(time(100, limit), Duration::ZERO);
        assert_eq!(time(101, limit), Duration::from_secs(10));
        assert_eq!(time(5000, None), Duration::ZERO);
        assert_eq!(time(2000, limit), Duration::from_secs(190));
    }

    #[test]
    fn a_refusal_names_the_numbers() {
        assert_eq!(
            refusal("This fill", 24, &too_fast(3, 400)),
            "This fill takes 24 cells. This room allows 10 cells every second. 3 cells left. Wait 1 s."
        );
    }
}
