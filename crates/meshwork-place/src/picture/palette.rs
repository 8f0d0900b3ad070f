//! Palettes: the twelve colours that are always at hand, and those that somebody lists.

use crate::canvas::Colour;

use super::light;
use super::oklab::Oklab;

/// Colours that a palette can have: what GIF and most palette files end at.
pub const COLOURS_MAX: usize = 256;

/// A colour with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swatch {
    /// Its value.
    pub colour: Colour,
    /// What people call it.
    pub name: &'static str,
}

const fn swatch(hex: u32, name: &'static str) -> Swatch {
    Swatch { colour: Colour::rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8), name }
}

/// The twelve, in the order in which they stand and answer to the keys 1 to 9 and 0.
pub const PLACE: [Swatch; 12] = [
    swatch(0x00_0000, "black"),
    swatch(0x7f_7f7f, "grey"),
    swatch(0xff_ffff, "white"),
    swatch(0xe6_194b, "red"),
    swatch(0xf5_8231, "orange"),
    swatch(0xff_e119, "yellow"),
    swatch(0xbf_ef45, "lime"),
    swatch(0x3c_b44b, "green"),
    swatch(0x42_d4f4, "cyan"),
    swatch(0x43_63d8, "blue"),
    swatch(0x91_1eb4, "purple"),
    swatch(0xf0_32e6, "magenta"),
];

/// Why there is no such palette.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaletteError {
    /// It has no colours.
    #[error("there are no colours in it")]
    Empty,
    /// It has more than [`COLOURS_MAX`] colours.
    #[error("it has {0} colours, and a palette has at most 256")]
    TooMany(usize),
    /// This is no colour.
    #[error("{0:?} is no colour; write it as #rrggbb")]
    NoColour(String),
}

/// Colours to choose from, each once.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    entries: Vec<Entry>,
}

/// A colour as it is compared and averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) bytes: [u8; 3],
    pub(crate) light: [f32; 3],
    oklab: Oklab,
}

impl Palette {
    /// The twelve of [`PLACE`].
    pub fn place() -> Palette {
        let entries = PLACE.iter().filter_map(|swatch| swatch.colour.components()).map(Entry::new);
        Palette { entries: entries.collect() }
    }

    /// These colours, each once; [`Colour::CLEARED`] is none.
    ///
    /// # Errors
    /// [`PaletteError::Empty`] and [`PaletteError::TooMany`].
    pub fn new(colours: impl IntoIterator<Item = Colour>) -> Result<Palette, PaletteError> {
        let mut entries: Vec<Entry> = Vec::new();
        for bytes in colours.into_iter().filter_map(Colour::components) {
            if entries.iter().any(|entry| entry.bytes == bytes) {
                continue;
            }
            entries.push(Entry::new(bytes));
            if entries.len() > COLOURS_MAX {
                return Err(PaletteError::TooMany(entries.len()));
            }
        }
        if entries.is_empty() { Err(PaletteError::Empty) } else { Ok(Palette { entries }) }
    }

    /// Its colours, in their order.
    pub fn colours(&self) -> impl Iterator<Item = Colour> {
        self.entries.iter().map(|entry| Colour::rgb(entry.bytes[0], entry.bytes[1], entry.bytes[2]))
    }

    /// The colour that looks most like `colour`, by distance in [`oklab`](super::oklab); of equally near ones the
    /// first. A cleared cell stays cleared.
    pub fn nearest(&self, colour: Colour) -> Colour {
        let Some(bytes) = colour.components() else { return colour };
        let [red, green, blue] = self.nearest_entry(light::from_bytes(bytes)).bytes;
        Colour::rgb(red, green, blue)
    }

    pub(crate) fn nearest_entry(&self, light: [f32; 3]) -> &Entry {
        let wanted = Oklab::from_light(light);
        let (mut best, mut least) = (&self.entries[0], f32::INFINITY);
        for entry in &self.entries {
            let distance = entry.oklab.distance_squared(wanted);
            if distance < least {
                (best, least) = (entry, distance);
            }
        }
        best
    }
}

impl Entry {
    fn new(bytes: [u8; 3]) -> Entry {
        let light = light::from_bytes(bytes);
        Entry { bytes, light, oklab: Oklab::from_light(light) }
    }

    /// Lightness, by which colours of one pattern are put in order.
    pub(crate) fn lightness(&self) -> f32 {
        self.oklab.lightness
    }
}

/// `#rrggbb`, lower case; a cleared cell is shown white.
pub fn to_hex(colour: Colour) -> String {
    let [red, green, blue] = colour.components().unwrap_or([255; 3]);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Reads `#rrggbb`, in either case.
pub fn from_hex(text: &str) -> Option<Colour> {
    from_digits(text.strip_prefix('#')?)
}

/// Reads `rrggbb`, in either case.
pub(crate) fn from_digits(digits: &str) -> Option<Colour> {
    if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Colour::from_bits(u32::from_str_radix(digits, 16).ok()?)
}

/// What a colour is called: by its name where it has one, else by its value.
pub fn name(colour: Option<Colour>) -> String {
    match colour.filter(|colour| colour.components().is_some()) {
        None => "unpainted".to_owned(),
        Some(colour) => match PLACE.iter().find(|swatch| swatch.colour == colour) {
            Some(swatch) => swatch.name.to_owned(),
            None => to_hex(colour),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Colour {
        from_hex(text).unwrap()
    }

    #[test]
    fn the_twelve_are_the_twelve() {
        let hex: Vec<String> = Palette::place().colours().map(to_hex).collect();
        assert_eq!(
            hex,
            [
                "#000000", "#7f7f7f", "#ffffff", "#e6194b", "#f58231", "#ffe119", "#bfef45", "#3cb44b",
                "#42d4f4", "#4363d8", "#911eb4", "#f032e6"
            ]
        );
    }

    #[test]
    fn each_colour_is_nearest_to_itself() {
        let palette = Palette::place();
        for colour in palette.colours() {
            assert_eq!(palette.nearest(colour), colour);
        }
        assert_eq!(palette.nearest(Colour::CLEARED), Colour::CLEARED);
    }

    #[test]
    fn the_nearest_is_the_one_that_looks_nearest() {
        let palette = Palette::place();
        // Dark green is no grey and no black; a pale yellow is not white.
        for (colour, name) in
            [("#2e8b3a", "green"), ("#fff07a", "yellow"), ("#ff9d9d", "orange"), ("#0a0a28", "black")]
        {
            assert_eq!(super::name(Some(palette.nearest(hex(colour)))), name, "{colour}");
        }
    }

    #[test]
    fn of_equals_the_first_counts_and_none_twice() {
        let twice = Palette::new([hex("#ff0000"), hex("#0000ff"), hex("#FF0000"), Colour::CLEARED]).unwrap();
        assert_eq!(twice.colours().count(), 2);
        assert_eq!(Palette::new([Colour::CLEARED]), Err(PaletteError::Empty));
        let many = |count: u32| Palette::new((0..count).filter_map(Colour::from_bits));
        assert_eq!(many(256).unwrap().colours().count(), 256);
        assert_eq!(many(400), Err(PaletteError::TooMany(257)));
    }

    #[test]
    fn other_texts_are_no_colours() {
        for wrong in ["", "#", "123456", "#12345", "#1234567", "#+23456", "#12345é", "red"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
        assert_eq!(to_hex(hex("#AbCdEf")), "#abcdef");
    }

    #[test]
    fn colours_have_names() {
        assert_eq!(name(None), "unpainted");
        assert_eq!(name(Some(Colour::CLEARED)), "unpainted");
        assert_eq!(name(from_hex("#4363d8")), "blue");
        assert_eq!(name(from_hex("#123456")), "#123456");
    }
}
