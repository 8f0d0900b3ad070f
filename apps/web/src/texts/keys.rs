//! The keys of the canvas, as the page lists them.

/// A line of the list: the keys, with Ctrl for the modifier, and what they do.
pub type Line = (&'static str, &'static str);
/// What belongs together, and what that is called.
pub type Group = (&'static str, &'static [Line]);

/// Everything that keys do on the canvas, in the order of the list.
pub const KEYS: [Group; 3] = [
    (
        "Paint",
        &[
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
            ("Ctrl Z", "undo your last stroke"),
            ("Ctrl Y", "redo"),
            ("N", "next cell of the picture to paint"),
        ],
    ),
    (
        "Look around",
        &[
            ("Arrows", "move the cell frame; with Shift by 10"),
            ("H", "hand: arrows and drags move the canvas"),
            ("+, -", "zoom in, out"),
            ("Z", "whole canvas"),
            ("G", "go to a cell"),
            ("W", "who painted this cell"),
        ],
    ),
    (
        "In the room",
        &[
            ("S", "save PNG"),
            ("T", "chat, to talk"),
            ("L", "list of links"),
            ("Ctrl K", "share"),
            ("?", "this list"),
            ("Tab", "leaves the canvas"),
        ],
    ),
];

/// Keys as they are called on the system that somebody has.
pub fn called(keys: &str, is_apple: bool) -> String {
    match is_apple {
        // There the third key does again what was undone.
        true => keys.replace("Ctrl Y", "\u{2318} Shift Z").replace("Ctrl", "\u{2318}"),
        false => keys.to_owned(),
    }
}

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
        let lines: Vec<Line> = KEYS.iter().flat_map(|(_, lines)| lines.iter().copied()).collect();
        for (index, (keys, does)) in lines.iter().enumerate() {
            assert!(lines[..index].iter().all(|(known, said)| known != keys && said != does), "{keys}");
        }
    }

    #[test]
    fn keys_have_the_names_of_the_system() {
        assert_eq!(called("Ctrl Z, Ctrl Y", false), "Ctrl Z, Ctrl Y");
        assert_eq!(called("Ctrl Z, Ctrl Y", true), "\u{2318} Z, \u{2318} Shift Z");
    }
}
