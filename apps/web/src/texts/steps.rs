//! What is said of steps that are taken back, or done again.

use meshwork_place::steps::{Steps, Way};

use super::{CELL, count};

/// What is said where a way ends.
pub fn end_words(steps: &Steps, way: Way) -> &'static str {
    match way {
        Way::Undo if steps.count(Way::Redo) == 0 => "There is nothing to undo.",
        Way::Undo => "There is nothing more to undo.",
        Way::Redo => "There is nothing to redo.",
    }
}

/// What is said of a step that was gone: so many cells painted, so many that others had painted over.
pub fn words(way: Way, cells: usize, lost: usize) -> String {
    let verb = match way {
        Way::Undo => "Undone",
        Way::Redo => "Redone",
    };
    match (cells, lost) {
        (0, _) => "Nothing to change: others have painted over all of it.".to_owned(),
        (cells, 0) => format!("{verb}: {}.", count(cells, CELL)),
        (cells, 1) => format!("{verb}: {}. 1 cell stays, painted over by others.", count(cells, CELL)),
        (cells, lost) => {
            format!("{verb}: {}. {} stay, painted over by others.", count(cells, CELL), count(lost, CELL))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_words() {
        assert_eq!(words(Way::Undo, 12, 0), "Undone: 12 cells.");
        assert_eq!(words(Way::Redo, 1, 3), "Redone: 1 cell. 3 cells stay, painted over by others.");
        assert!(words(Way::Undo, 0, 3).starts_with("Nothing to change"));
        assert_eq!(end_words(&Steps::default(), Way::Undo), "There is nothing to undo.");
    }
}
