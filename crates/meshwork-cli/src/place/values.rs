//! Values as they are written on the command line: pixels, positions, sizes and servers.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::str::FromStr;

use anyhow::{Context as _, Result, bail};
use meshwork::Link;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_place::picture::palette;

/// Cells of the longest side of a canvas.
const SIDE_MAX: u16 = 4096;

/// Longest line that is read for a LINK.
const LINK_MAX: u64 = 4 * 1024;

/// A LINK. `@FILE` reads it from the first line of a file, `-` from standard input: every user of a machine sees the
/// arguments of its programs, and the LINK of a private room has the room's secret in it.
///
/// # Errors
/// When it cannot be read or is no LINK, or another app than Place is in front; the words do not repeat what a file
/// holds.
pub(super) fn link(argument: &str) -> Result<Link> {
    let link = read_link(argument)?;
    let place = meshwork_place::app();
    match link.app() {
        Some(app) if *app != place => bail!("this LINK is for {app}, and this command is for {place}"),
        _ => Ok(link.with_app(place)),
    }
}

/// What people call a room by: its code, or the beginning of its id where its LINK has no code.
pub(super) fn room_name(link: &Link) -> String {
    let code = link.code().map(|code| code.to_string());
    let id = || link.room().map(|room| room.to_string().chars().take(8).collect());
    code.or_else(id).unwrap_or_default()
}

fn read_link(argument: &str) -> Result<Link> {
    let read = |from: &mut dyn Read| {
        let mut line = String::new();
        BufReader::new(from.take(LINK_MAX)).read_line(&mut line).map(|_| line)
    };
    match argument.strip_prefix('@') {
        Some(file) => {
            let line = File::open(file).and_then(|mut file| read(&mut file));
            let line = line.with_context(|| format!("cannot read a LINK from {file}"))?;
            line.parse().map_err(|_| anyhow::anyhow!("the first line of {file} is no LINK"))
        }
        None if argument == "-" => {
            let line = read(&mut io::stdin()).context("cannot read a LINK from standard input")?;
            line.parse().map_err(|_| anyhow::anyhow!("the first line of standard input is no LINK"))
        }
        None => Ok(argument.parse()?),
    }
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

/// Reads `http(s)://HOST[:PORT][/base]` and drops a slash at its end.
pub(super) fn parse_server(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = || String::from("a server is http:// or https:// and a host: http://127.0.0.1:8080");
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(wrong)?;
    if host.is_empty() || host.starts_with(['/', ':']) || host.contains(['?', '#', '@', ' ']) {
        return Err(wrong());
    }
    Ok(String::from(text.trim_end_matches('/')))
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
    fn links_open_their_canvas() {
        let bare = link("http://x.test/k7m4qx").unwrap();
        assert_eq!(bare.to_string(), "http://x.test/place/K7M4QX");
        assert_eq!(room_name(&bare), "K7M4QX");
        let near = link("meshwork:place#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE").unwrap();
        assert_eq!(room_name(&near), "AQEBAQEB");
        let words = link("http://x.test/chat/K7M4QX").unwrap_err().to_string();
        assert_eq!(words, "this LINK is for chat, and this command is for place");
    }

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

    #[test]
    fn servers_are_http_addresses() {
        assert_eq!(parse_server("http://127.0.0.1:8080/").as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(parse_server("https://example.org/mesh").as_deref(), Ok("https://example.org/mesh"));
        for wrong in ["", "127.0.0.1:8080", "ftp://x", "http://", "http:///x", "http://x#y", "http://:80"] {
            assert!(parse_server(wrong).is_err(), "{wrong}");
        }
    }
}
