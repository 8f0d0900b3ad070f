//! The keys of the canvas, as the page lists them.

/// A line of the list: the keys, and what they do.
pub type Line = (&'static str, &'static str);

/// Everything that keys do on the canvas, in the order of the list.
pub const KEYS: [Line; 25] = [
    ("Arrows", "move the cell frame; with Shift by 10"),
    ("Space, Enter", "paint the cell"),
    ("Space held + arrows", "paint a line"),
    ("Shift + click or drag", "straight line from the last cell"),
    ("Esc", "cancel the stroke, leave the canvas"),
    ("1 to 9, 0", "the first ten colours"),
    ("Q, E", "colour before, after"),
    ("C, X", "any colour; last colour"),
    ("P", "pencil"),
    ("I, Alt + click", "eyedropper"),
    ("F", "fill an area"),
    ("H", "hand: arrows and drags move the canvas"),
    ("Ctrl Z, \u{2318} Z", "undo your last stroke"),
    ("Ctrl Y, \u{2318} Shift Z", "redo"),
    ("+, -", "zoom in, out"),
    ("Z", "whole canvas"),
    ("G", "go to a cell"),
    ("W", "who painted this cell"),
    ("N", "next cell of the picture to paint"),
    ("S", "save PNG"),
    ("T", "notes, to talk"),
    ("L", "list of links"),
    ("Ctrl K, \u{2318} K", "share"),
    ("?", "this list"),
    ("Tab", "leaves the canvas"),
];

/// Whether a key is one of the letters that can be switched off; what shows this list cannot.
pub fn is_letter(key: &str) -> bool {
    let mut characters = key.chars();
    matches!((characters.next(), characters.next()), (Some(one), None) if one.is_alphanumeric() || "+-=_".contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letter_digit_and_sign_keys_switch_off() {
        assert!(["p", "Z", "0", "+"].into_iter().all(is_letter));
        assert!(!["Escape", "ArrowLeft", " ", "Enter", "?", ""].into_iter().any(is_letter));
    }

    #[test]
    fn every_line_says_something_else() {
        for (index, (keys, does)) in KEYS.iter().enumerate() {
            assert!(KEYS[..index].iter().all(|(known, said)| known != keys && said != does), "{keys}");
        }
    }
}
