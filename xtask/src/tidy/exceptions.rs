//! The exceptions from tidy's rules, each with its reason; one that is no longer needed is itself a problem.
//!
//! Functions above 70 lines are clippy's to find (`too_many_lines`), and are excepted where they stand, by
//! `#[expect(clippy::too_many_lines, reason = "...")]`.

/// Test code that may sleep: path and reason.
pub(super) const WAITS: &[(&str, &str)] = &[
    ("e2e/src/wait.rs", "the one place that polls: the pause between two looks at a condition"),
    ("e2e/tests/it/cut.rs", "a cut of 20 s lasts 20 s: the beat of people who go on painting in it"),
];

/// Arrows between folders of core that point up: from, to and reason.
pub(super) const UPWARD: &[(&str, &str, &str)] = &[];
