//! Texts that others wrote, made fit to be shown and compared.

use meshwork_core::text::{shown, shown_lines};
use unicode_segmentation::UnicodeSegmentation as _;

/// Most characters of one grapheme that are shown. The longest emoji has 10; more stack marks above and below a line.
const GRAPHEME_MAX: usize = 24;

/// A text fit to be shown: its lines and columns stay.
pub(crate) fn fit_lines(text: &str) -> String {
    flat(shown_lines(text).trim_end_matches('\n'))
}

/// A name or reaction fit to be shown in one line.
pub(crate) fn fit(text: &str) -> String {
    flat(&shown(text))
}

/// Whether a text is one grapheme that can be shown as it is.
pub(crate) fn is_one_grapheme(text: &str) -> bool {
    text.graphemes(true).count() == 1 && !text.trim().is_empty() && fit(text) == text
}

/// A text as searches compare it: in lower case.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The same text without the marks that one letter has too many of.
fn flat(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    text.graphemes(true).flat_map(|grapheme| grapheme.chars().take(GRAPHEME_MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_keep_few_marks() {
        let tall = format!("a{}b", "\u{301}".repeat(5000));
        assert_eq!(fit_lines(&tall).chars().count(), GRAPHEME_MAX + 1);
        for text in ["Lin", "👩‍👩‍👧‍👦 family", "e\u{301}tude", "क्षत्रिय", "one\n\ttwo"]
        {
            assert_eq!(fit_lines(text), text);
        }
        assert_eq!(fit_lines("\u{1b}[31mred\r\n\u{202e}two\n\n"), "[31mred\ntwo");
    }

    #[test]
    fn graphemes_are_told_from_texts() {
        for one in ["👍", "👩‍👩‍👧‍👦", "🇫🇷", "❤\u{fe0f}", "1\u{fe0f}\u{20e3}", "a", "é"]
        {
            assert!(is_one_grapheme(one), "{one}");
        }
        for other in ["", " ", "👍👍", "ab", "\u{1b}", "\u{202e}", "\n", "\u{200b}"] {
            assert!(!is_one_grapheme(other), "{other:?}");
        }
    }
}
