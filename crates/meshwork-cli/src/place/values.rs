//! Values as they are written on the command line: pixels, positions and sizes.

use std::str::FromStr;

use anyhow::Result;
use meshwork::Link;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_place::picture::palette;

use super::link;

/// Cells of the longest side of a canvas.
const SIDE_MAX: u16 = 4096;

/// A LINK with Place in front: see [`link::read`].
///
/// # Errors
/// As there, or where another app is in front.
pub(super) fn link(argument: &str) -> Result<Link> {
    link::of(link::read(argument)?, &meshwork_place::app())
}

/// A cell and its colour: `X,Y,#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixel {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) colour: Colour,
}

impl FromStr for Pixel {
    type Err = String;

    fn from_str(text: &str) -> Result<Pixel, String> {
        let parse = || {
            let (position, colour) = text.rsplit_once(',')?;
            Some(Pixel { x: 0, y: 0, colour: palette::from_hex(colour.trim())? }.at(position.parse().ok()?))
        };
        parse().ok_or_else(|| {
            String::from("a pixel is column, row and colour, counted from 0 at the upper left: 3,4,#e6194b")
        })
    }
}

impl Pixel {
    fn at(self, position: Position) -> Pixel {
        Pixel { x: position.x, y: position.y, ..self }
    }
}

/// A cell: `X,Y`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) x: u16,
    pub(super) y: u16,
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Position, String> {
        let parse = || {
            let (x, y) = text.split_once(',')?;
            Some(Position { x: parse_number(x)?, y: parse_number(y)? })
        };
        parse().ok_or_else(|| {
            String::from("a position is column and row, counted from 0 at the upper left: 10,20")
        })
    }
}

/// Reads `WIDTHxHEIGHT`.
pub(super) fn parse_size(text: &str) -> Result<CanvasSize, String> {
    let parse = || {
        let (width, height) = text.split_once(['x', 'X'])?;
        let (width, height) = (parse_number(width)?, parse_number(height)?);
        let legal = 1..=SIDE_MAX;
        (legal.contains(&width) && legal.contains(&height)).then_some(CanvasSize { width, height })
    };
    parse().ok_or_else(|| format!("a size is width and height in cells, each 1 to {SIDE_MAX}: 100x100"))
}

/// Digits only: no sign, no spaces within.
fn parse_number(text: &str) -> Option<u16> {
    let text = text.trim();
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_read_as_column_row_colour() {
        let pixel = Pixel { x: 3, y: 4, colour: Colour::rgb(0xe6, 0x19, 0x4b) };
        assert_eq!("3,4,#e6194b".parse(), Ok(pixel));
        assert_eq!(" 3, 4, #E6194B ".parse(), Ok(pixel));
        for wrong in
            ["", "3,4", "3,4,e6194b", "3,4,#e6194", "-3,4,#e6194b", "3,4,5,#e6194b", "70000,4,#e6194b"]
        {
            assert!(wrong.parse::<Pixel>().is_err(), "{wrong}");
        }
        for wrong in ["+3,4,#e6194b", "3,4,#é194b", ",,#000000", "3,4,#+12345"] {
            assert!(wrong.parse::<Pixel>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_have_two_sides_within_the_limit() {
        assert_eq!(parse_size("100x50"), Ok(CanvasSize { width: 100, height: 50 }));
        assert_eq!(parse_size("4096X1"), Ok(CanvasSize { width: 4096, height: 1 }));
        for wrong in ["", "100", "0x5", "5x0", "4097x1", "1x99999", "5x5x5", "axb"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
