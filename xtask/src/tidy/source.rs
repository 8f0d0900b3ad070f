//! Rust files open with a sentence that says what they are.

use super::Files;

pub(super) fn check(files: &Files) -> Vec<String> {
    let files = files.iter().filter(|(name, _)| name.ends_with(".rs"));
    files.filter_map(|(name, text)| Some(format!("{name} {}", opens_with_sentence(text).err()?))).collect()
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
    fn a_file_opens_with_a_sentence() {
        let good = ["//! One.\n", "//! One.\n//!\n//! More", "//! One that\n//! goes on. And more\n"];
        for text in good {
            assert_eq!(check(&files(&[("a.rs", text)])), Vec::<String>::new(), "{text}");
        }
        for text in
            ["", "use std::fs;\n", "//! no stop\n", "//!\n//! Late.\n", "// One.\n", "//! Placeholder.\n"]
        {
            assert_eq!(check(&files(&[("a.rs", text)])).len(), 1, "{text}");
        }
    }
}
