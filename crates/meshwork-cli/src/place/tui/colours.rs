//! Colours on a terminal: all of them, the nearest of 256, or letters.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use meshwork_place::canvas::Colour;
use meshwork_place::picture::Palette;
use meshwork_place::picture::palette::PLACE;
use ratatui::style::Color;

/// What a cell shows on which nothing is painted: nearly white, as the page's canvas is.
pub(super) const GROUND: Colour = Colour::rgb(0xf4, 0xf4, 0xf0);

/// Nearest colours that are remembered, so that a photograph is not searched for anew 30 times a second.
const REMEMBERED_MAX: usize = 65_536;

/// Letters of the twelve, where each has its own.
const LETTERS: [char; 12] = ['K', 'S', 'W', 'R', 'O', 'Y', 'L', 'G', 'C', 'B', 'P', 'M'];

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// All of them.
    True,
    /// The 256 of xterm, without the first 16, which everybody sets to what they like.
    Indexed,
    /// None, or none are wanted.
    None,
}

impl Depth {
    /// What the terminal says of itself by COLORTERM and TERM.
    pub(crate) fn of(colorterm: Option<&str>, term: Option<&str>) -> Depth {
        let says = |text: Option<&str>, parts: &[&str]| {
            text.is_some_and(|text| parts.iter().any(|part| text.to_ascii_lowercase().contains(part)))
        };
        let is_true = says(colorterm, &["truecolor", "24bit"])
            || says(term, &["direct", "truecolor", "kitty", "alacritty", "ghostty", "wezterm", "foot"]);
        if is_true || cfg!(windows) { Depth::True } else { Depth::Indexed }
    }

    /// A colour as this terminal shows it.
    pub(crate) fn color(self, colour: Colour) -> Color {
        let [red, green, blue] = colour.components().unwrap_or([255; 3]);
        match self {
            Depth::True => Color::Rgb(red, green, blue),
            Depth::Indexed => Color::Indexed(nearest(colour)),
            Depth::None => Color::Reset,
        }
    }
}

/// The letter of a colour: of the twelve a capital one, of others the small one of the nearest.
pub(super) fn letter(colour: Colour) -> char {
    static TWELVE: LazyLock<Palette> = LazyLock::new(Palette::place);
    let of =
        |colour: Colour| PLACE.iter().position(|swatch| swatch.colour == colour).map(|place| LETTERS[place]);
    let near = || of(TWELVE.nearest(colour)).unwrap_or('?').to_ascii_lowercase();
    of(colour).unwrap_or_else(near)
}

/// Whether a mark on this colour must be dark.
pub(super) fn is_light(colour: Colour) -> bool {
    let bytes = colour.components().unwrap_or([255; 3]);
    meshwork_place::picture::oklab::Oklab::from_srgb(bytes).lightness > 0.6
}

/// The number of the nearest of xterm's colours from 16 on: a cube of six steps a side, and 24 greys.
fn nearest(colour: Colour) -> u8 {
    struct Known {
        palette: Palette,
        numbers: BTreeMap<u32, u8>,
        found: BTreeMap<u32, u8>,
    }
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(|| {
        let colours: Vec<_> = (16..=255).map(|number| (indexed(number), number)).collect();
        // Of equal ones the first counts, in both.
        let numbers = colours.iter().rev().map(|(colour, number)| (colour.bits(), *number)).collect();
        let palette =
            Palette::new(colours.iter().map(|(colour, _)| *colour)).expect("240 colours are a palette");
        Mutex::new(Known { palette, numbers, found: BTreeMap::new() })
    });
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = known.found.get(&colour.bits()) {
        return *number;
    }
    let nearest = known.palette.nearest(colour);
    let number = known.numbers.get(&nearest.bits()).copied().unwrap_or(15);
    if known.found.len() == REMEMBERED_MAX {
        known.found.clear();
    }
    known.found.insert(colour.bits(), number);
    number
}

/// A colour of xterm's table, by its number from 16 on.
fn indexed(number: u8) -> Colour {
    if number >= 232 {
        let grey = 8 + 10 * (number - 232);
        return Colour::rgb(grey, grey, grey);
    }
    let step = |part: u8| if part == 0 { 0 } else { 55 + 40 * part };
    let place = number - 16;
    Colour::rgb(step(place / 36), step(place / 6 % 6), step(place % 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_say_how_many_colours_they_have() {
        assert_eq!(Depth::of(Some("truecolor"), Some("xterm-256color")), Depth::True);
        assert_eq!(Depth::of(None, Some("xterm-kitty")), Depth::True);
        if cfg!(not(windows)) {
            assert_eq!(Depth::of(None, Some("xterm-256color")), Depth::Indexed);
        }
    }

    #[test]
    fn the_nearest_of_256_is_shown() {
        let index = |red, green, blue| Depth::Indexed.color(Colour::rgb(red, green, blue));
        assert_eq!(index(0, 0, 0), Color::Indexed(16));
        assert_eq!(index(255, 255, 255), Color::Indexed(231));
        assert_eq!(index(255, 0, 0), Color::Indexed(196));
        assert_eq!(index(127, 127, 127), Color::Indexed(244), "a grey between the steps of the cube");
        // Each is nearest to itself.
        for number in 16..=255 {
            let Color::Indexed(found) = Depth::Indexed.color(indexed(number)) else {
                panic!("it is indexed")
            };
            assert_eq!(indexed(found), indexed(number));
        }
    }

    #[test]
    fn the_twelve_have_letters_of_their_own() {
        let letters: Vec<char> = PLACE.iter().map(|swatch| letter(swatch.colour)).collect();
        assert_eq!(letters, LETTERS);
        assert_eq!(letter(Colour::rgb(0xe0, 0x20, 0x50)), 'r');
    }
}
