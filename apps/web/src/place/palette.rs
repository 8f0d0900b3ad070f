//! The twelve colours that are always at hand, and colours as text.

use meshwork_place::canvas::Colour;
pub use meshwork_place::picture::palette::{PLACE as PALETTE, Swatch, from_hex, name, to_hex};

/// Whether a mark on this colour must be dark, by its relative luminance (WCAG 2.2).
pub fn is_light(colour: Colour) -> bool {
    let [red, green, blue] = colour.components().unwrap_or([255; 3]).map(|component| {
        let share = f64::from(component) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2
}

/// What a button of a colour is styled with: the colour, and that of the mark on it.
pub fn swatch_style(colour: Colour) -> String {
    let mark = if is_light(colour) { "#14211d" } else { "#ffffff" };
    format!("--swatch:{};--swatch-mark:{mark}", to_hex(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_contrast_with_the_colour_beneath_them() {
        let dark: Vec<&str> =
            PALETTE.iter().filter(|swatch| !is_light(swatch.colour)).map(|swatch| swatch.name).collect();
        assert_eq!(dark, ["black", "red", "blue", "purple"]);
    }
}
