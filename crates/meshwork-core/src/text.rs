//! Text that others wrote, made fit to be shown.
//!
//! # Problem
//! Names, and the words of servers, go to terminals, pages and logs. A terminal carries out what control characters
//! say; characters that set the direction of writing (Unicode Standard Annex 9) make a line read as another one than
//! was written.
//!
//! # How it works
//! A node lets every text pass through [`shown`] or [`make_fit`] before anybody is told of it, so that whoever shows it
//! need not know. Terminals, pages and logs are alike in this; that a page takes no text for markup is the page's.

use alloc::string::String;

/// `text` without characters that do something: control characters, those that end lines, those that set the direction
/// of writing, and tags that nobody sees. Letters of every script and joined emoji stay as they are.
pub fn shown(text: &str) -> String {
    text.chars().filter(|character| !does_something(*character)).collect()
}

/// Leaves the same out of a text in its place.
pub fn make_fit(text: &mut String) {
    text.retain(|character| !does_something(character));
}

fn does_something(character: char) -> bool {
    let is_hidden = matches!(
        character,
        // Direction: marks, embeddings, overrides and isolates.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Ends of lines and paragraphs.
        | '\u{2028}' | '\u{2029}'
        // The mark of byte order, notes between the lines, and tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    is_hidden || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_directions_are_left_out() {
        assert_eq!(shown("\u{1b}]52;c;cm0gLXJm\u{7}Lin"), "]52;c;cm0gLXJmLin");
        assert_eq!(shown("\u{9b}31mred\r\n\tLin\u{0}\u{7f}"), "31mredLin");
        assert_eq!(shown("exe.\u{202e}gnp.\u{2066}a\u{2069}\u{200f}"), "exe.gnp.a");
        assert_eq!(shown("one\u{2028}two\u{e0041}"), "onetwo");
    }

    #[test]
    fn every_script_stays_as_it_is() {
        for name in ["Lin", "Пётр", "محمد", "שלום", "प्रिया", "می‌خواهم", "👩‍👩‍👧 family", "e\u{301}tude", ""]
        {
            assert_eq!(shown(name), name);
        }
    }
}
