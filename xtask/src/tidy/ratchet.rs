//! The ratchet for words: a crate never gets more sentences that begin with a clause than `docs/words.txt` records.
//!
//! # How it works
//! [`Habits`] finds sentences of comments, Markdown and texts whose first word is What, Where, Who, Whom, Whose, Whoever or
//! Whatever, except questions. A file counts for the crate with the longest folder around it. Other files count for their
//! top folder, and those at the root for `.`. A place without a line has the limit 0, so new crates begin clean.
//!
//! # Invariants
//! - `cargo xtask tidy --record-words` only lowers counts.
//! - A count that shrank must be recorded, so the next sentence fails again.

use std::collections::BTreeMap;

use super::Files;
use super::edges::Package;
use super::habits::Habits;

/// The recorded counts: a line for each crate or folder, with its name and its count.
pub(super) const COUNTS: &str = "docs/words.txt";

/// The command that lowers counts.
const RECORD: &str = "cargo xtask tidy --record-words";

/// Sentences by crate or folder.
pub(super) type Counts = BTreeMap<String, usize>;

/// Counts the sentences of each crate or folder.
pub(super) fn count(habits: &Habits, packages: &[Package]) -> Counts {
    let mut counts = Counts::new();
    for file in habits.clauses() {
        *counts.entry(place(file, packages)).or_default() += 1;
    }
    counts
}

/// The crate or folder of a file.
fn place(file: &str, packages: &[Package]) -> String {
    let is_inside = |folder: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    let around = packages.iter().filter(|package| is_inside(&package.folder));
    match around.max_by_key(|package| package.folder.len()) {
        Some(package) => package.name.clone(),
        None => file.split_once('/').map_or(".", |(folder, _)| folder).to_owned(),
    }
}

/// Reads the recorded counts.
///
/// # Errors
/// The file is missing, or a line is no name with a count.
fn recorded(files: &Files) -> Result<Counts, String> {
    let text = files.get(COUNTS).ok_or_else(|| format!("{COUNTS} is missing: `{RECORD}` writes it"))?;
    let line = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    let lines = text.lines().enumerate();
    lines
        .map(|at| line(at.1).ok_or_else(|| format!("{COUNTS}:{}: a line is a name and a count", at.0 + 1)))
        .collect()
}

/// No count differs from its record.
pub(super) fn check(files: &Files, counts: &Counts) -> Vec<String> {
    let limits = match recorded(files) {
        Ok(limits) => limits,
        Err(problem) => return vec![problem],
    };
    let of = |from: &Counts, name: &String| from.get(name).copied().unwrap_or(0);
    let mut names: Vec<&String> = limits.keys().chain(counts.keys()).collect();
    names.sort();
    names.dedup();
    let problem = |name: &String| {
        let (count, limit) = (of(counts, name), of(&limits, name));
        if count > limit {
            return Some(format!(
                "{name} has {count} sentences that begin with a clause, {COUNTS} allows {limit}: `cargo xtask tidy \
                 PATH` lists them"
            ));
        }
        let is_stale = count < limit || !counts.contains_key(name);
        is_stale
            .then(|| format!("{name} has {count} sentences, {COUNTS} still {limit}: `{RECORD}` lowers it"))
    };
    names.into_iter().filter_map(problem).collect()
}

/// The file with each count lowered to that of today. Without a readable file, today's counts.
pub(super) fn lowered(files: &Files, counts: &Counts) -> String {
    let limits = recorded(files).ok();
    let lower = |(name, count): (&String, &usize)| {
        let count = match &limits {
            Some(limits) => (*count).min(limits.get(name).copied().unwrap_or(0)),
            None => *count,
        };
        (count > 0).then(|| format!("{name} {count}\n"))
    };
    counts.iter().filter_map(lower).collect()
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::super::proofs::tests::core;
    use super::*;

    /// The tree with `sentences` in core and these recorded counts.
    fn tree(recorded: &str, sentences: usize) -> (Files, Counts) {
        let source = "/// Who holds it answers.\nfn a() {}\n".repeat(sentences);
        let files = files(&[
            ("crates/meshwork-core/src/lib.rs", &source),
            ("docs/a.md", "Where it is full it waits.\n"),
            ("README.md", "What does it cost? What it has.\n"),
            (COUNTS, recorded),
        ]);
        let counts = count(&Habits::of(&files), &[core()]);
        (files, counts)
    }

    fn problems(recorded: &str, sentences: usize) -> Vec<String> {
        let (files, counts) = tree(recorded, sentences);
        check(&files, &counts)
    }

    const TWO: &str = ". 1\ndocs 1\nmeshwork-core 2\n";

    #[test]
    fn counts_that_stay_pass() {
        assert_eq!(problems(TWO, 2), [""; 0]);
        assert_eq!(problems(". 1\ndocs 1\n", 0), [""; 0]);
    }

    #[test]
    fn counts_that_grow_fail() {
        assert!(problems(TWO, 3)[0].starts_with("meshwork-core has 3 sentences"));
        assert!(problems(". 1\ndocs 1\n", 1)[0].contains("allows 0"), "a new crate begins clean");
    }

    #[test]
    fn counts_that_shrink_are_recorded() {
        for left in [0, 1] {
            assert!(problems(TWO, left)[0].contains("--record-words"));
            let (files, counts) = tree(TWO, left);
            assert_eq!(problems(&lowered(&files, &counts), left), [""; 0]);
        }
    }

    #[test]
    fn recording_raises_no_count() {
        let (files, counts) = tree(TWO, 3);
        assert_eq!(lowered(&files, &counts), TWO);
        let (mut files, counts) = tree("", 3);
        files.remove(COUNTS);
        assert_eq!(lowered(&files, &counts), ". 1\ndocs 1\nmeshwork-core 3\n");
    }

    #[test]
    fn unreadable_counts_fail() {
        for text in ["meshwork-core\n", "meshwork-core many\n"] {
            assert_eq!(problems(text, 2), [format!("{COUNTS}:1: a line is a name and a count")]);
        }
        assert_eq!(check(&Files::new(), &Counts::new()).len(), 1);
    }
}
