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
/// of writing, and those that nobody sees. Letters of every script and joined emoji stay as they are: a character that joins
/// its neighbours stays between two that are joined in writing, and nowhere else, so that no two names differ in it alone.
pub fn shown(text: &str) -> String {
    without(text, does_something)
}

/// The same with its lines and columns: line feeds and tabs stay.
pub fn shown_lines(text: &str) -> String {
    without(text, |character| !matches!(character, '\n' | '\t') && does_something(character))
}

/// Leaves the same out of a text in its place.
pub fn make_fit(text: &mut String) {
    *text = shown(text);
}

fn without(text: &str, is_left_out: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().filter(|character| !is_left_out(*character)).peekable();
    while let Some(character) = rest.next() {
        let is_between = is_joined(shown.chars().next_back()) && is_joined(rest.peek().copied());
        if !is_joiner(character) || is_between {
            shown.push(character);
        }
    }
    shown
}

/// Whether a character does something instead of being seen: see [`shown`]. Characters that join others are not among these.
pub fn does_something(character: char) -> bool {
    let is_hidden = matches!(
        character,
        // Direction: marks, embeddings, overrides and isolates.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Ends of lines and paragraphs.
        | '\u{2028}' | '\u{2029}'
        // Places where a word may be divided, invisible operators, and letters that are blank.
        | '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
        | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        // The mark of byte order, notes between the lines, and tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    is_hidden || character.is_control()
}

/// Whether a character is seen by what it makes of its neighbours alone: zero-width joiner and non-joiner.
fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether there is a character of those that may be written joined: scripts from Hebrew on, and emoji. Latin, Greek, Cyrillic and
/// Armenian, which come before, are not.
fn is_joined(character: Option<char>) -> bool {
    character.is_some_and(|character| character >= '\u{0590}' && !is_joiner(character))
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
        assert_eq!(shown_lines("one\r\n\t\u{1b}[31mtwo\u{9b}\u{202e}\n"), "one\n\t[31mtwo\n");
    }

    #[test]
    fn characters_that_nobody_sees_are_left_out() {
        for hidden in
            ["L\u{200b}in", "Li\u{2060}n", "Lin\u{00ad}", "L\u{200d}in", "Lin\u{200c}", "\u{200d}\u{3164}Lin"]
        {
            assert_eq!(shown(hidden), "Lin");
        }
        assert_eq!(shown("\u{200b}\u{2800}\u{200d}"), "");
        assert_eq!(shown("Пётр\u{200d}"), "Пётр");
        assert_eq!(shown("م\u{200c}\u{200c}ح"), "م\u{200c}ح");
    }

    #[test]
    fn every_script_stays_as_it_is() {
        for name in ["Lin", "Пётр", "محمد", "שלום", "प्रिया", "می‌خواهم", "👩‍👩‍👧 family", "e\u{301}tude", ""]
        {
            assert_eq!(shown(name), name);
        }
    }
}
