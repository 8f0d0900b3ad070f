//! Rust files: not too long, and each opens with a sentence that says what it is.

use super::Files;

/// The most lines that a file may have.
const LINES_MAX: usize = 600;

pub(super) fn check(files: &Files, long_files: &[(&str, &str)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".rs")) {
        let lines = text.lines().count();
        let is_excepted = long_files.iter().any(|(path, _)| path == name);
        if lines > LINES_MAX && !is_excepted {
            problems.push(format!("{name} has {lines} lines, {LINES_MAX} are the most: split it"));
        }
        if lines <= LINES_MAX && is_excepted {
            problems.push(format!("{name} is no longer long: take its exception away"));
        }
        if let Err(problem) = opens_with_sentence(text) {
            problems.push(format!("{name} {problem}"));
        }
    }
    for (path, _) in long_files.iter().filter(|(path, _)| !files.contains_key(*path)) {
        problems.push(format!("{path} does not exist: take its exception away"));
    }
    problems
}

/// The first paragraph of the module doc must hold a whole sentence.
fn opens_with_sentence(text: &str) -> Result<(), &'static str> {
    let paragraph: Vec<&str> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    if paragraph.is_empty() {
        return Err("does not open with a module doc (//! and a sentence)");
    }
    let paragraph = paragraph.join(" ");
    let is_sentence = paragraph.ends_with('.') || paragraph.contains(". ") || paragraph.ends_with(':');
    if paragraph.starts_with("Placeholder") || !is_sentence {
        return Err("opens with a module doc whose first paragraph is not a sentence with a full stop");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    #[test]
    fn a_long_file_fails_unless_excepted() {
        let long = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        let files = files(&[("a.rs", &long)]);
        assert!(check(&files, &[])[0].contains("601 lines"));
        assert_eq!(check(&files, &[("a.rs", "a table")]), Vec::<String>::new());
    }

    #[test]
    fn an_exception_without_need_fails() {
        let files = files(&[("a.rs", "//! Short.\n")]);
        let problems = check(&files, &[("a.rs", "a table"), ("gone.rs", "a table")]);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn a_file_opens_with_a_sentence() {
        let good = ["//! One.\n", "//! One.\n//!\n//! More", "//! One that\n//! goes on. And more\n"];
        for text in good {
            assert_eq!(check(&files(&[("a.rs", text)]), &[]), Vec::<String>::new(), "{text}");
        }
        for text in
            ["", "use std::fs;\n", "//! no stop\n", "//!\n//! Late.\n", "// One.\n", "//! Placeholder.\n"]
        {
            assert_eq!(check(&files(&[("a.rs", text)]), &[]).len(), 1, "{text}");
        }
    }
}
