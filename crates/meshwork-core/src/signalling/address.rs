//! The LINK of a room: the page's address, whose fragment names the room and carries its secret.
//!
//! `http(s)://HOST/place/CODE#` base64url(RoomId) [`.` base64url(secret)]. The fragment never reaches a
//! server. Without a fragment the address leads to an open room by its code alone.

use alloc::format;
use alloc::string::String;
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
}

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
        let server_error = || AddressError::Server(String::from(page));
        let host = page.strip_prefix("http://").or_else(|| page.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
            return Err(server_error());
        }
        let path_error = || AddressError::Path(String::from(page));
        let (server, code) = page.rsplit_once("/place/").ok_or_else(path_error)?;
        let code = code.trim_end_matches('/').parse().map_err(|_| path_error())?;
        let (room, secret) = parse_fragment(fragment.unwrap_or(""))?;
        Ok(RoomAddress { server: String::from(server), code, room, secret })
    }
}

fn parse_fragment(fragment: &str) -> Result<(Option<RoomId>, Option<Secret>), AddressError> {
    // What follows ";" are further addresses, which this version does not use.
    let fragment = fragment.split(';').next().unwrap_or("");
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
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn addresses_read_as_they_are_written() {
        let whole = RoomAddress {
            server: "https://example.org/mesh".into(),
            code: Code::from_bits(77),
            room: Some(RoomId([9; 32])),
            secret: Some(Secret([4; 16])),
        };
        assert_eq!(whole.to_string().parse(), Ok(whole.clone()));
        assert_eq!(whole.signalling_url(), "wss://example.org/mesh/signal");
        let bare: RoomAddress = "http://127.0.0.1:8080/place/k7m4qx?x=1".parse().expect("a bare address");
        assert_eq!(bare.code.to_string(), "K7M4QX");
        assert_eq!((bare.room, bare.secret), (None, None));
        assert_eq!(bare.signalling_url(), "ws://127.0.0.1:8080/signal");
    }

    #[test]
    fn changed_addresses_are_refused() {
        let parse = |text: &str| text.parse::<RoomAddress>();
        assert!(matches!(parse("ftp://x/place/K7M4QX"), Err(AddressError::Server(_))));
        assert!(matches!(parse("http:///place/K7M4QX"), Err(AddressError::Server(_))));
        assert!(matches!(parse("http://x/place/K7M4Q0"), Err(AddressError::Path(_))));
        assert!(matches!(parse("http://x/paint/K7M4QX"), Err(AddressError::Path(_))));
        assert_eq!(parse("http://x/place/K7M4QX#abc"), Err(AddressError::Fragment));
        let cut = alloc::format!("http://x/place/K7M4QX#{}.abc", RoomId([0; 32]));
        assert_eq!(parse(&cut), Err(AddressError::Fragment));
    }
}
