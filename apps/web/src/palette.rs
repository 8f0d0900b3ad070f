//! The twelve colours that are always at hand, and colours as text.

use meshwork_core::crdt::canvas::Colour;

/// A colour of the palette.
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

/// In the order in which they stand and answer to the keys 1 to 9 and 0.
pub const PALETTE: [Swatch; 12] = [
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

/// `#rrggbb`, lower case; a cleared cell is shown white.
pub fn to_hex(colour: Colour) -> String {
    let [red, green, blue] = colour.components().unwrap_or([255; 3]);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Reads `#rrggbb`.
pub fn from_hex(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = u32::from_str_radix(digits, 16).ok()?;
    Some(Colour::rgb((value >> 16) as u8, (value >> 8) as u8, value as u8))
}

/// What a colour is called: by its name where it has one, else by its value.
pub fn name(colour: Option<Colour>) -> String {
    match colour.filter(|colour| colour.components().is_some()) {
        None => "unpainted".to_owned(),
        Some(colour) => match PALETTE.iter().find(|swatch| swatch.colour == colour) {
            Some(swatch) => swatch.name.to_owned(),
            None => to_hex(colour),
        },
    }
}

/// Whether a mark on this colour must be dark, by its relative luminance (WCAG 2.2).
pub fn is_light(colour: Colour) -> bool {
    let [red, green, blue] = colour.components().unwrap_or([255; 3]).map(|component| {
        let share = f64::from(component) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twelve_are_the_twelve() {
        let hex: Vec<String> = PALETTE.iter().map(|swatch| to_hex(swatch.colour)).collect();
        assert_eq!(
            hex,
            [
                "#000000", "#7f7f7f", "#ffffff", "#e6194b", "#f58231", "#ffe119", "#bfef45", "#3cb44b",
                "#42d4f4", "#4363d8", "#911eb4", "#f032e6"
            ]
        );
        for swatch in PALETTE {
            assert_eq!(from_hex(&to_hex(swatch.colour)), Some(swatch.colour));
        }
    }

    #[test]
    fn marks_are_light_on_dark_colours_and_dark_on_light_ones() {
        let dark: Vec<&str> =
            PALETTE.iter().filter(|swatch| !is_light(swatch.colour)).map(|swatch| swatch.name).collect();
        assert_eq!(dark, ["black", "red", "blue", "purple"]);
    }

    #[test]
    fn other_texts_are_no_colours() {
        for wrong in ["", "#", "123456", "#12345", "#1234567", "#+23456", "#12345é", "red"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn colours_have_names() {
        assert_eq!(name(None), "unpainted");
        assert_eq!(name(Some(Colour::CLEARED)), "unpainted");
        assert_eq!(name(from_hex("#4363d8")), "blue");
        assert_eq!(name(from_hex("#123456")), "#123456");
    }
}
