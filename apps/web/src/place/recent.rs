//! Colours that were used lately and are none of the twelve, as a profile keeps them.

use meshwork_place::canvas::Colour;

use crate::place::palette::{PALETTE, from_hex, to_hex};

/// Colours that are kept: as many as fit beside the twelve.
pub const RECENT_MAX: usize = 5;

/// The colours with one more, which comes first; the twelve are at hand anyway and not kept.
pub fn with(mut colours: Vec<Colour>, colour: Colour) -> Vec<Colour> {
    let is_palette = PALETTE.iter().any(|swatch| swatch.colour == colour);
    if !is_palette && colour.components().is_some() {
        colours.retain(|known| *known != colour);
        colours.insert(0, colour);
        colours.truncate(RECENT_MAX);
    }
    colours
}

/// The colours as a text.
pub fn to_text(colours: &[Colour]) -> String {
    colours.iter().map(|colour| to_hex(*colour)).collect::<Vec<_>>().join(" ")
}

/// Reads what [`to_text`] wrote; what is no colour is left out.
pub fn from_text(text: &str) -> Vec<Colour> {
    // The oldest stands last.
    let colours: Vec<Colour> = text.split(' ').take(RECENT_MAX).filter_map(from_hex).collect();
    colours.into_iter().rev().fold(Vec::new(), with)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(red: u8) -> Colour {
        Colour::rgb(red, 1, 2)
    }

    #[test]
    fn the_newest_comes_first_and_each_once() {
        let colours = [1, 2, 1, 3].into_iter().map(own).fold(Vec::new(), with);
        assert_eq!(colours, [own(3), own(1), own(2)]);
        assert_eq!(with(colours.clone(), PALETTE[3].colour), colours, "the twelve are not kept");
        let many = (0..20).map(own).fold(Vec::new(), with);
        assert_eq!(many.len(), RECENT_MAX);
        assert_eq!(many[0], own(19));
    }

    #[test]
    fn they_are_read_as_they_were_written() {
        let colours = vec![own(3), own(1)];
        assert_eq!(from_text(&to_text(&colours)), colours);
        assert_eq!(from_text("#000000 what #12345"), [], "neither the twelve nor other words");
        assert_eq!(from_text(&"#010203 ".repeat(1000)).len(), 1);
    }
}
