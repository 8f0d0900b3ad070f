//! LINKs and servers as they are written on the command line.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use anyhow::{Context as _, Result, bail};
use meshwork::Link;
use meshwork_core::signed::app::AppWord;

/// Longest line that is read for a LINK.
const LINK_MAX: u64 = 4 * 1024;

/// The LINK with an app in front.
///
/// # Errors
/// Where another one is.
pub(crate) fn of(link: Link, app: &AppWord) -> Result<Link> {
    match link.app() {
        Some(other) if other != app => bail!("this LINK is for {other}, and this command is for {app}"),
        _ => Ok(link.with_app(app.clone())),
    }
}

/// What people call a room by: its code, or the beginning of its id where its LINK has no code.
pub(crate) fn room_name(link: &Link) -> String {
    let code = link.code().map(|code| code.to_string());
    let id = || link.room().map(|room| room.to_string().chars().take(8).collect());
    code.or_else(id).unwrap_or_default()
}

/// Advice where a room is empty.
pub(crate) const HOW_TO_STAY: &str = "Open the link in a browser, or run meshwork keep.";

/// A LINK, or the code of a room on the local network. `@FILE` reads it from the first line of a file, `-` from standard input: every user of a machine sees the
/// arguments of its programs, and the LINK of a private room has the room's secret in it.
///
/// # Errors
/// When it cannot be read or is no LINK; the words do not repeat what a file holds.
pub(crate) fn read(argument: &str) -> Result<Link> {
    let first_line = |from: &mut dyn Read| {
        let mut line = String::new();
        BufReader::new(from.take(LINK_MAX)).read_line(&mut line).map(|_| line)
    };
    match argument.strip_prefix('@') {
        Some(file) => {
            let line = File::open(file).and_then(|mut file| first_line(&mut file));
            let line = line.with_context(|| format!("cannot read a LINK from {file}"))?;
            line.parse().map_err(|_| anyhow::anyhow!("the first line of {file} is not a LINK"))
        }
        None if argument == "-" => {
            let line = first_line(&mut io::stdin()).context("cannot read a LINK from standard input")?;
            line.parse().map_err(|_| anyhow::anyhow!("the first line of standard input is not a LINK"))
        }
        None => match argument.parse() {
            Ok(code) => Ok(Link::at_lan(None, code)),
            Err(_) => Ok(argument.parse()?),
        },
    }
}

/// Reads `http(s)://HOST[:PORT][/base]` and drops a slash at its end.
pub(crate) fn parse_server(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = || String::from("a server is http:// or https:// and a host: http://127.0.0.1:8080");
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).ok_or_else(wrong)?;
    if host.is_empty() || host.starts_with(['/', ':']) || host.contains(['?', '#', '@', ' ']) {
        return Err(wrong());
    }
    Ok(String::from(text.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_open_their_app() {
        let place = meshwork_place::app();
        let bare = of(read("http://x.test/k7m4qx").unwrap(), &place).unwrap();
        assert_eq!(bare.to_string(), "http://x.test/place/K7M4QX");
        assert_eq!(room_name(&bare), "K7M4QX");
        let near =
            of(read("meshwork:place#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE").unwrap(), &place).unwrap();
        assert_eq!(room_name(&near), "AQEBAQEB");
        let words = of(read("http://x.test/chat/K7M4QX").unwrap(), &place).unwrap_err().to_string();
        assert_eq!(words, "this LINK is for chat, and this command is for place");
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
