//! Palettes as text: a list, or the files that drawing programs write.

use crate::canvas::Colour;

use super::palette::{Palette, PaletteError, from_digits, from_hex};

impl Palette {
    /// Reads colours between commas: `#e6194b,#ffffff`.
    ///
    /// # Errors
    /// [`PaletteError`], which names what is no colour.
    pub fn parse_list(text: &str) -> Result<Palette, PaletteError> {
        collect(text.split(',').map(|part| from_hex(part.trim()).ok_or_else(|| no_colour(part))))
    }

    /// Reads a palette file: GIMP's `.gpl`, `JASC-PAL`, Paint.NET's `.txt`, or one `#rrggbb` or `rrggbb` a line.
    ///
    /// # Errors
    /// [`PaletteError`], which names the line that is no colour.
    pub fn parse_file(text: &str) -> Result<Palette, PaletteError> {
        let text = text.trim_start_matches('\u{feff}');
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        match text.lines().next().map(str::trim) {
            Some("GIMP Palette") => {
                let is_colour = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
                collect(lines.filter(is_colour).map(decimals))
            }
            // The heading, a version and a count.
            Some("JASC-PAL") => collect(lines.skip(3).map(decimals)),
            _ => collect(lines.filter(|line| !line.starts_with(';')).map(digits)),
        }
    }
}

fn collect(colours: impl Iterator<Item = Result<Colour, PaletteError>>) -> Result<Palette, PaletteError> {
    let mut wrong = None;
    let good = colours.map_while(|colour| colour.map_err(|error| wrong = Some(error)).ok());
    let palette = Palette::new(good);
    wrong.map_or(palette, Err)
}

/// `255 0 10`, and perhaps a name.
fn decimals(line: &str) -> Result<Colour, PaletteError> {
    let mut parts = line.split_whitespace();
    let mut next = || parts.next().and_then(|part| part.parse::<u8>().ok());
    match (next(), next(), next()) {
        (Some(red), Some(green), Some(blue)) => Ok(Colour::rgb(red, green, blue)),
        _ => Err(no_colour(line)),
    }
}

/// `#rrggbb`, `rrggbb`, or Paint.NET's `aarrggbb`, and perhaps a name.
fn digits(line: &str) -> Result<Colour, PaletteError> {
    let first = line.split_whitespace().next().unwrap_or_default();
    let colour = match first.strip_prefix('#') {
        Some(digits) => from_digits(digits),
        None if first.len() == 8 => first.get(2..).and_then(from_digits),
        None => from_digits(first),
    };
    colour.ok_or_else(|| no_colour(line))
}

/// What is no colour, short enough to be shown.
fn no_colour(text: &str) -> PaletteError {
    PaletteError::NoColour(text.trim().chars().take(40).collect())
}

#[cfg(test)]
mod tests {
    use super::super::palette::to_hex;
    use super::*;

    fn colours(palette: Result<Palette, PaletteError>) -> Vec<String> {
        palette.unwrap().colours().map(to_hex).collect()
    }

    #[test]
    fn lists_have_commas() {
        assert_eq!(colours(Palette::parse_list("#FF0000, #00ff00")), ["#ff0000", "#00ff00"]);
        for (wrong, named) in [("#ff0000,red", "red"), ("", ""), ("#ff0000,,#00ff00", "")] {
            assert_eq!(Palette::parse_list(wrong), Err(PaletteError::NoColour(named.into())));
        }
    }

    #[test]
    fn files_of_drawing_programs_are_read() {
        let gimp =
            "GIMP Palette\nName: Two\nColumns: 2\n# a comment\n255   0   0\tRed\n  0 128 255 Sky blue\n";
        let jasc = "JASC-PAL\r\n0100\r\n2\r\n255 0 0\r\n0 128 255\r\n";
        let paint = "; Paint.NET Palette File\nFFFF0000\nFF0080FF\n";
        let plain = "\u{feff}ff0000\n\n0080FF\n";
        let named = "#ff0000 red\n#0080ff sky\n";
        for text in [gimp, jasc, paint, plain, named] {
            assert_eq!(colours(Palette::parse_file(text)), ["#ff0000", "#0080ff"], "{text}");
        }
    }

    #[test]
    fn what_is_no_palette_is_named() {
        assert_eq!(Palette::parse_file("ff0000\nblue"), Err(PaletteError::NoColour("blue".into())));
        assert_eq!(Palette::parse_file("GIMP Palette\n1 2\n"), Err(PaletteError::NoColour("1 2".into())));
        assert_eq!(Palette::parse_file(""), Err(PaletteError::Empty));
        let PaletteError::NoColour(named) = Palette::parse_file(&"é".repeat(1000)).unwrap_err() else {
            panic!("it is no colour");
        };
        assert_eq!(named.chars().count(), 40);
    }
}
