//! The LINK of a room: the page's address, whose fragment names the room and carries its secret.
//!
//! `http(s)://HOST/place/CODE#` base64url(RoomId) [`.` base64url(secret)] [`;at=` further servers]. The fragment
//! never reaches a server. Without a fragment the address leads to an open room by its code alone. Further
//! servers are written like HOST's own address, percent-encoded where needed and parted by commas; they know
//! the room by its id.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::id::{Code, RoomId, Secret};
use crate::signalling::protocol::PATH;

/// Where and what a room is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAddress {
    /// `http://HOST[:PORT][/base]` or `https://...`, without a slash at its end.
    pub server: String,
    /// The room's code on that server.
    pub code: Code,
    /// The room's id; `None` when only the code is known.
    pub room: Option<RoomId>,
    /// The room's secret, when it is private and the address carries it.
    pub secret: Option<Secret>,
    /// Further servers that know the room by its id, in the form of `server`; at most [`FURTHER_SERVERS_MAX`].
    pub further_servers: Vec<String>,
}

/// Further servers in one address: each costs every member a socket.
pub const FURTHER_SERVERS_MAX: usize = 3;
/// Longest address of a server, in bytes: a host name has at most 253, and a port and a short path follow.
pub const SERVER_MAX: usize = 300;

/// Why a text is not a room's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not begin with `http://` or `https://` and a host.
    #[error("{0:?} is not a room's link: it begins with http:// or https:// and a host")]
    Server(String),
    /// Its path is not `/place/CODE`.
    #[error("{0:?} is not a room's link: its path ends in /place/ and a code of six characters")]
    Path(String),
    /// What stands after `#` is not a room id and perhaps a secret.
    #[error("the part after # is changed or cut off: ask for the link again")]
    Fragment,
    /// More servers are named than a member keeps sockets to.
    #[error("it names {0} further servers, above {FURTHER_SERVERS_MAX}")]
    FurtherServers(usize),
}

impl FromStr for RoomAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<RoomAddress, AddressError> {
        let text = text.trim();
        let (page, fragment) = match text.split_once('#') {
            Some((page, fragment)) => (page, Some(fragment)),
            None => (text, None),
        };
        let page = page.split('?').next().unwrap_or(page);
        check_server(page)?;
        let path_error = || AddressError::Path(String::from(page));
        let (server, code) = page.rsplit_once("/place/").ok_or_else(path_error)?;
        let code = code.trim_end_matches('/').parse().map_err(|_| path_error())?;
        let mut fields = fragment.unwrap_or("").split(';');
        let (room, secret) = parse_room(fields.next().unwrap_or(""))?;
        // Fields that this version does not know are left to later ones.
        let further = fields.find_map(|field| field.strip_prefix("at="));
        // They know the room by its id alone.
        let further = further.filter(|_| room.is_some());
        let further_servers = further.map_or(Ok(Vec::new()), parse_servers)?;
        Ok(RoomAddress { server: String::from(server), code, room, secret, further_servers })
    }
}

/// Checks that `server` begins like the address of a server.
///
/// # Errors
/// [`AddressError::Server`].
pub fn check_server(server: &str) -> Result<(), AddressError> {
    let host = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://"));
    let plain = |host: &str| !host.is_empty() && !host.starts_with('/') && host.len() <= SERVER_MAX;
    if host.is_some_and(plain) { Ok(()) } else { Err(AddressError::Server(String::from(server))) }
}

fn parse_servers(field: &str) -> Result<Vec<String>, AddressError> {
    let written = || field.split(',').filter(|server| !server.is_empty());
    if written().count() > FURTHER_SERVERS_MAX {
        return Err(AddressError::FurtherServers(written().count()));
    }
    let decoded = written().map(|server| {
        let server = decode_server(server).ok_or(AddressError::Fragment)?;
        check_server(&server)?;
        Ok(server)
    });
    decoded.collect()
}

/// Writes a server's address with `%` escapes (RFC 3986 section 2.1) for what would end it in a list.
fn encode_server(server: &str) -> String {
    let mut encoded = String::new();
    for character in server.chars() {
        match character {
            '%' | ',' | ';' | '#' | ' ' => encoded.push_str(&format!("%{:02X}", u32::from(character))),
            character => encoded.push(character),
        }
    }
    encoded
}

fn decode_server(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = core::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    let server = String::from_utf8(bytes).ok()?;
    Some(String::from(server.trim_end_matches('/')))
}

fn parse_room(fragment: &str) -> Result<(Option<RoomId>, Option<Secret>), AddressError> {
    if fragment.is_empty() {
        return Ok((None, None));
    }
    let (room, secret) = match fragment.split_once('.') {
        Some((room, secret)) => (room, Some(secret.parse().map_err(|_| AddressError::Fragment)?)),
        None => (fragment, None),
    };
    Ok((Some(room.parse().map_err(|_| AddressError::Fragment)?), secret))
}

impl RoomAddress {
    /// The WebSocket address of the server's signalling.
    pub fn signalling_url(&self) -> String {
        signalling_url(&self.server)
    }
}

/// The WebSocket address of the signalling of the server at `server` (`http://` or `https://`).
pub fn signalling_url(server: &str) -> String {
    let server = server.trim_end_matches('/');
    // "http" becomes "ws" and "https" becomes "wss".
    format!("ws{}{PATH}", server.strip_prefix("http").unwrap_or(server))
}

impl fmt::Display for RoomAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/place/{}", self.server, self.code)?;
        if let Some(room) = self.room {
            write!(f, "#{room}")?;
            if let Some(secret) = self.secret {
                write!(f, ".{secret}")?;
            }
            if !self.further_servers.is_empty() {
                let servers: Vec<String> =
                    self.further_servers.iter().map(|server| encode_server(server)).collect();
                write!(f, ";at={}", servers.join(","))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::vec;

    #[test]
    fn addresses_read_as_they_are_written() {
        let whole = RoomAddress {
            server: "https://example.org/mesh".into(),
            code: Code::from_bits(77),
            room: Some(RoomId([9; 32])),
            secret: Some(Secret([4; 16])),
            further_servers: vec!["http://10.0.0.7:8080".into(), "https://[::1]:80/a,b;c%20".into()],
        };
        assert_eq!(whole.to_string().parse(), Ok(whole.clone()));
        assert_eq!(whole.signalling_url(), "wss://example.org/mesh/signal");
        let bare: RoomAddress = "http://127.0.0.1:8080/place/k7m4qx?x=1".parse().expect("a bare address");
        assert_eq!(bare.code.to_string(), "K7M4QX");
        assert_eq!((bare.room, bare.secret), (None, None));
        assert_eq!(bare.signalling_url(), "ws://127.0.0.1:8080/signal");
        let later = format!("http://x/place/K7M4QX#{};later=1;at=http%3A//y/", RoomId([0; 32]));
        let later: RoomAddress = later.parse().expect("an unknown field is skipped");
        assert_eq!(later.further_servers, ["http://y"]);
    }

    #[test]
    fn changed_addresses_are_refused() {
        let parse = |text: &str| text.parse::<RoomAddress>();
        assert!(matches!(parse("ftp://x/place/K7M4QX"), Err(AddressError::Server(_))));
        assert!(matches!(parse("http:///place/K7M4QX"), Err(AddressError::Server(_))));
        assert!(matches!(parse("http://x/place/K7M4Q0"), Err(AddressError::Path(_))));
        assert!(matches!(parse("http://x/plaice/K7M4QX"), Err(AddressError::Path(_))));
        assert_eq!(parse("http://x/place/K7M4QX#abc"), Err(AddressError::Fragment));
        let cut = format!("http://x/place/K7M4QX#{}.abc", RoomId([0; 32]));
        assert_eq!(parse(&cut), Err(AddressError::Fragment));
        let at = |servers: &str| parse(&format!("http://x/place/K7M4QX#{};at={servers}", RoomId([0; 32])));
        assert_eq!(at("http://a,http://b,http://c,http://d"), Err(AddressError::FurtherServers(4)));
        assert_eq!(at("ftp://a"), Err(AddressError::Server("ftp://a".into())));
        assert_eq!(at("http://a%2"), Err(AddressError::Fragment));
        assert_eq!(at("http://a%ff"), Err(AddressError::Fragment));
    }
}
