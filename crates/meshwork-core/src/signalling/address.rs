//! The address of a room: the link that people pass on, which names the room and carries what lets one in.
//!
//! `http(s)://HOST/APP/CODE#` base64url(RoomId) [`.` base64url(secret) [`~` base64url(new secret)] [`.` base64url(edit
//! seed)]] [`;at=` further servers]. The fragment never reaches a server. `APP` says which of the room's apps is in front; right behind the
//! host it may be missing. Without a server the address is `meshwork:APP#...`. Without a fragment it leads to an open
//! room by its code alone. docs/protocol/addresses.md has every part.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

mod sent;

use super::protocol::PATH;
use crate::id::{Code, RoomId, Secret};
use crate::signed::admission::EditSeed;
use crate::signed::app::AppWord;
use crate::wire::text_form;

/// Further servers in one address: each costs every member a socket.
pub const FURTHER_SERVERS_MAX: usize = 3;
/// Longest address of a server, in bytes: a host name has at most 253, and a port and a short path follow.
pub const SERVER_MAX: usize = 300;
/// Longest address of a room, in bytes: four servers of which each byte is escaped, and the rest.
pub const ADDRESS_MAX: usize = 4096;
/// Longest text in which an address is looked for, in bytes: a message that somebody copied as a whole.
pub const TEXT_MAX: usize = 16 * 1024;
/// Codes that are paths of a server of its own: they are never drawn and never read.
pub const RESERVED_CODES: [&str; 2] = ["ASSETS", "HEALTH"];

/// The local network in place of a server: rooms are found there by programs that see each other. No LINK names it.
pub const LAN: &str = "lan:";

/// Most characters of a text that an error repeats.
const SHOWN_MAX: usize = 200;

/// What the addresses without a server begin with.
const SCHEME: &str = "meshwork:";

/// Where and what a room is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomAddress {
    place: Place,
    app: Option<AppWord>,
    view: Option<AppWord>,
    keys: Option<RoomKeys>,
    further_servers: Vec<String>,
}

/// What the part behind `#` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomKeys {
    /// The room's id.
    pub room: RoomId,
    /// What lets one in, and perhaps lets one write, where the room is private.
    pub secrets: Option<Secrets>,
}

/// What lets people into a private room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The room's secret of its genesis, by which people find each other.
    pub secret: Secret,
    /// The one that lets people in, where the room was given a new one.
    pub renewed: Option<Secret>,
    /// What lets one write where only the admitted may. Without it the address is one to look.
    pub edit_seed: Option<EditSeed>,
}

impl From<Secret> for Secrets {
    /// The secret alone.
    fn from(secret: Secret) -> Secrets {
        Secrets { secret, renewed: None, edit_seed: None }
    }
}

/// Where a room is found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// At this server, under this code.
    Server { server: String, code: Code },
    /// By its id alone.
    Anywhere,
}

/// Why a text is not a room's address. No variant repeats what stands behind `#`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Longer than [`ADDRESS_MAX`].
    #[error("it has {0} bytes, and a room's link has at most {ADDRESS_MAX}")]
    Length(usize),
    /// It does not begin with `http://` or `https://` and a host.
    #[error("{0:?} is not a room's link: it begins with http:// or https:// and a host, or with meshwork:")]
    Server(String),
    /// Its path is not `/APP/CODE`.
    #[error("{0:?} is not a room's link: its path ends in an app and a code of six characters")]
    Path(String),
    /// The code is a path of the server's own.
    #[error("{0} is a page of the server's own, not a room's code")]
    Reserved(Code),
    /// There is no server, and what stands after `meshwork:` is no app.
    #[error("{0:?} is not a room's link: meshwork: is followed by an app and #")]
    App(String),
    /// What stands after `#` is not a room id and perhaps secrets.
    #[error("the part after # is changed or cut off: ask for the link again")]
    Fragment,
    /// More servers are named than a member keeps sockets to.
    #[error("it names {0} further servers, above {FURTHER_SERVERS_MAX}")]
    FurtherServers(usize),
}

impl AddressError {
    /// The same with no more of the text than what never holds a secret, and no more than a line of it.
    fn without_secrets(self) -> AddressError {
        let shown = |text: &str| {
            let lower = text.to_ascii_lowercase();
            // A # that a mail program escaped, perhaps twice.
            let end = ["%23", "%2523"].into_iter().filter_map(|hash| lower.find(hash)).min();
            text[..end.unwrap_or(text.len())].chars().take(SHOWN_MAX).collect()
        };
        match self {
            AddressError::Server(text) => AddressError::Server(shown(&text)),
            AddressError::Path(text) => AddressError::Path(shown(&text)),
            AddressError::App(text) => AddressError::App(shown(&text)),
            error => error,
        }
    }
}

/// Whether a code is a path of the server's own.
pub fn is_reserved(code: Code) -> bool {
    RESERVED_CODES.iter().any(|word| word.parse() == Ok(code))
}

/// The WebSocket address of the signalling of the server at `server` (`http://` or `https://`); [`LAN`] is its own.
pub fn signalling_url(server: &str) -> String {
    if server == LAN {
        return String::from(LAN);
    }
    let server = server.trim_end_matches('/');
    // "http" becomes "ws" and "https" becomes "wss".
    format!("ws{}{PATH}", server.strip_prefix("http").unwrap_or(server))
}

/// Checks that `server` is `http://` or `https://`, a host, and perhaps a path without a slash at its end.
///
/// # Errors
/// [`AddressError::Server`].
pub fn check_server(server: &str) -> Result<(), AddressError> {
    let host = server.strip_prefix("http://").or_else(|| server.strip_prefix("https://"));
    let is_plain = |host: &str| {
        !host.is_empty()
            && !host.starts_with('/')
            && !host.ends_with('/')
            && !host.contains(['#', '?'])
            && host.trim() == host
            && host.len() <= SERVER_MAX
    };
    if host.is_some_and(is_plain) { Ok(()) } else { Err(AddressError::Server(String::from(server))) }
}

impl RoomAddress {
    /// The address of a room at a server.
    ///
    /// # Errors
    /// [`AddressError`] where the text would not be read as it was meant: a wrong server, a reserved code, or a server
    /// under a path while no app is named.
    pub fn at_server(server: &str, app: Option<AppWord>, code: Code) -> Result<RoomAddress, AddressError> {
        check_server(server)?;
        if is_reserved(code) {
            return Err(AddressError::Reserved(code));
        }
        let host = server.split_once("://").map_or(server, |(_, host)| host);
        if app.is_none() && host.contains('/') {
            return Err(AddressError::Path(String::from(server)));
        }
        let place = Place::Server { server: String::from(server), code };
        Ok(RoomAddress { place, app, view: None, keys: None, further_servers: Vec::new() })
    }

    /// The address of a room that programs on the local network know by this code. It is for joining: its text is the
    /// code, which is no LINK.
    pub fn at_lan(app: Option<AppWord>, code: Code) -> RoomAddress {
        let place = Place::Server { server: String::from(LAN), code };
        RoomAddress { place, app, view: None, keys: None, further_servers: Vec::new() }
    }

    /// The address of a room that is found without a server: in the network nearby, or at further servers.
    pub fn without_server(app: AppWord, keys: RoomKeys) -> RoomAddress {
        RoomAddress {
            place: Place::Anywhere,
            app: Some(app),
            view: None,
            keys: Some(keys),
            further_servers: Vec::new(),
        }
    }

    /// With the part behind `#`.
    pub fn with_keys(mut self, keys: RoomKeys) -> RoomAddress {
        self.keys = Some(keys);
        self
    }

    /// With further servers that know the room by its id.
    ///
    /// # Errors
    /// [`AddressError`] when there are more than [`FURTHER_SERVERS_MAX`], or one is not a server, or the id is missing.
    pub fn with_further_servers(mut self, servers: Vec<String>) -> Result<RoomAddress, AddressError> {
        if servers.len() > FURTHER_SERVERS_MAX {
            return Err(AddressError::FurtherServers(servers.len()));
        }
        servers.iter().try_for_each(|server| check_server(server))?;
        if self.keys.is_none() && !servers.is_empty() {
            return Err(AddressError::Fragment);
        }
        self.further_servers = servers;
        Ok(self)
    }

    /// The same without what lets one write: a link to look.
    pub fn to_look(mut self) -> RoomAddress {
        if let Some(RoomKeys { secrets: Some(secrets), .. }) = &mut self.keys {
            secrets.edit_seed = None;
        }
        self
    }

    /// The same room with another app in front, as it opens by itself. A server under a path cannot be without one.
    pub fn with_app(mut self, app: AppWord) -> RoomAddress {
        self.app = Some(app);
        self.view = None;
        self
    }

    /// The same with this part of the app in front in view. It stands in addresses at a server that name an app; a word that is a
    /// code would be read as one and is left out.
    pub fn with_view(mut self, view: AppWord) -> RoomAddress {
        self.view = (self.app.is_some() && view.parse::<Code>().is_err()).then_some(view);
        self
    }

    /// The server and the room's code there, unless it is found without a server.
    pub fn server(&self) -> Option<(&str, Code)> {
        match &self.place {
            Place::Server { server, code } => Some((server, *code)),
            Place::Anywhere => None,
        }
    }

    /// The room's code at its server, unless it is found without a server.
    pub fn code(&self) -> Option<Code> {
        self.server().map(|(_, code)| code)
    }

    /// Every server that is named: the one that the code is of, then those that know the room by its id.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        let first = self.server().map(|(server, _)| server);
        first.into_iter().chain(self.further_servers.iter().map(String::as_str))
    }

    /// The app in front, where one is named.
    pub fn app(&self) -> Option<&AppWord> {
        self.app.as_ref()
    }

    /// The part of the app in front that is in view, where one is named. Apps have words of their own for theirs, and leave aside
    /// what they do not know.
    pub fn view(&self) -> Option<&AppWord> {
        self.view.as_ref()
    }

    /// What the part behind `#` says; `None` when only the code is known.
    pub fn keys(&self) -> Option<RoomKeys> {
        self.keys
    }

    /// The room's id, where it is known.
    pub fn room(&self) -> Option<RoomId> {
        self.keys.map(|keys| keys.room)
    }

    /// What lets one in, where the room is private and the address carries it.
    pub fn secrets(&self) -> Option<Secrets> {
        self.keys.and_then(|keys| keys.secrets)
    }

    /// Further servers that know the room by its id.
    pub fn further_servers(&self) -> &[String] {
        &self.further_servers
    }
}

impl FromStr for RoomAddress {
    type Err = AddressError;

    /// Reads an address as people send it: alone or in a sentence, with what mail programs and messengers do to links.
    fn from_str(text: &str) -> Result<RoomAddress, AddressError> {
        RoomAddress::find(text, None)
    }
}

impl RoomAddress {
    /// Reads the same, with a scheme, such as `https:`, for links that have lost theirs.
    ///
    /// # Errors
    /// [`AddressError`]: no address is in the text.
    pub fn find(text: &str, scheme: Option<&str>) -> Result<RoomAddress, AddressError> {
        if text.len() > TEXT_MAX {
            return Err(AddressError::Length(text.len()));
        }
        let text = sent::seen(text);
        let text = text.trim();
        let whole = RoomAddress::whole(text);
        if whole.is_ok() && !sent::is_sentence(text) {
            return whole;
        }
        sent::find(text, scheme).map_or_else(|| whole.map_err(AddressError::without_secrets), Ok)
    }

    /// Reads a text that is an address and nothing else.
    fn whole(text: &str) -> Result<RoomAddress, AddressError> {
        if text.len() > ADDRESS_MAX {
            return Err(AddressError::Length(text.len()));
        }
        let (page, fragment) = text.split_once('#').unwrap_or((text, ""));
        let mut fields = fragment.split(';');
        let keys = parse_keys(fields.next().unwrap_or_default())?;
        let address = match page.strip_prefix(SCHEME) {
            Some(app) => {
                let app = app.parse().map_err(|_| AddressError::App(String::from(app)))?;
                RoomAddress::without_server(app, keys.ok_or(AddressError::Fragment)?)
            }
            None => {
                let address = parse_page(page)?;
                keys.map_or_else(|| address.clone(), |keys| address.clone().with_keys(keys))
            }
        };
        // Fields that this version does not know are left to later ones.
        match fields.find_map(|field| field.strip_prefix("at=")) {
            // Further servers know the room by its id alone.
            Some(servers) if address.keys.is_some() => address.with_further_servers(parse_servers(servers)?),
            _ => Ok(address),
        }
    }
}

/// `http(s)://HOST[/base]/APP/CODE[/VIEW]`, or `http(s)://HOST/CODE`.
fn parse_page(page: &str) -> Result<RoomAddress, AddressError> {
    let page = page.split('?').next().unwrap_or(page).trim_end_matches('/');
    parse_room(page).or_else(|error| {
        // The room's own address may have the word of a view behind it.
        let (room, view) = page.rsplit_once('/').ok_or_else(|| error.clone())?;
        match (parse_room(room), view.parse()) {
            (Ok(address), Ok(view)) if address.app.is_some() => Ok(address.with_view(view)),
            _ => Err(error),
        }
    })
}

fn parse_room(page: &str) -> Result<RoomAddress, AddressError> {
    let (scheme, rest) = page.split_once("://").ok_or_else(|| AddressError::Server(String::from(page)))?;
    check_server(page)?;
    let path_error = || AddressError::Path(String::from(page));
    let (before, code) = rest.rsplit_once('/').ok_or_else(path_error)?;
    let code = code.parse().map_err(|_| path_error())?;
    let (host, app) = match before.rsplit_once('/') {
        Some((host, app)) => (host, Some(app.parse().map_err(|_| path_error())?)),
        None => (before, None),
    };
    RoomAddress::at_server(&format!("{scheme}://{host}"), app, code)
}

fn parse_keys(text: &str) -> Result<Option<RoomKeys>, AddressError> {
    fn read<T: FromStr>(part: &str) -> Result<T, AddressError> {
        part.parse().map_err(|_| AddressError::Fragment)
    }
    let mut parts = text.split('.');
    let room = match parts.next() {
        None | Some("") if text.is_empty() => return Ok(None),
        room => read(room.unwrap_or_default())?,
    };
    let Some(part) = parts.next() else { return Ok(Some(RoomKeys { room, secrets: None })) };
    let (secret, renewed) = part.split_once('~').map_or((part, None), |(one, other)| (one, Some(other)));
    let (secret, renewed) = (read(secret)?, renewed.map(read).transpose()?);
    let edit_seed: Option<EditSeed> = parts.next().map(read).transpose()?;
    match parts.next() {
        Some(_) => Err(AddressError::Fragment),
        None => Ok(Some(RoomKeys { room, secrets: Some(Secrets { secret, renewed, edit_seed }) })),
    }
}

fn parse_servers(field: &str) -> Result<Vec<String>, AddressError> {
    // What people put behind a link is escaped in servers.
    let end = field.find(|letter| letter == '&' || !sent::is_of_link(letter)).unwrap_or(field.len());
    let field = sent::without_end(&field[..end]);
    let written = || field.split(',').filter(|server| !server.is_empty());
    match written().count() {
        0..=FURTHER_SERVERS_MAX => {
            written().map(|server| decode_server(server).ok_or(AddressError::Fragment)).collect()
        }
        more => Err(AddressError::FurtherServers(more)),
    }
}

/// Whether a character would end a server's address in a list, or be taken for what stands around a link.
fn is_escaped(character: char) -> bool {
    matches!(character, '%' | ',' | ';' | '#' | '&') || !sent::is_of_link(character)
}

/// Writes a server's address with `%` escapes (RFC 3986 section 2.1) where needed.
fn encode_server(server: &str) -> String {
    let mut encoded = String::new();
    let end = sent::without_end(server).len();
    for (at, character) in server.char_indices() {
        if is_escaped(character) || at >= end {
            let mut bytes = [0; 4];
            character
                .encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| encoded.push_str(&format!("%{byte:02X}")));
        } else {
            encoded.push(character);
        }
    }
    encoded
}

fn decode_server(encoded: &str) -> Option<String> {
    let server = unescape(encoded)?;
    Some(String::from(server.trim_end_matches('/')))
}

/// A text with its `%` escapes read; `None` where one is none, or they are no text.
fn unescape(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = rest.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
            bytes.push(u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for RoomAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let app = self.app.as_deref().unwrap_or_default();
        match &self.place {
            Place::Server { server, code } if server == LAN && self.keys.is_none() => write!(f, "{code}")?,
            Place::Server { server, .. } if server == LAN => write!(f, "{SCHEME}{app}")?,
            Place::Server { server, code } if app.is_empty() => write!(f, "{server}/{code}")?,
            Place::Server { server, code } => {
                write!(f, "{server}/{app}/{code}")?;
                self.view.as_deref().map_or(Ok(()), |view| write!(f, "/{view}"))?;
            }
            Place::Anywhere => write!(f, "{SCHEME}{app}")?,
        }
        if let Some(RoomKeys { room, secrets }) = self.keys {
            write!(f, "#{room}")?;
            if let Some(Secrets { secret, renewed, edit_seed }) = secrets {
                write!(f, ".{secret}")?;
                renewed.map_or(Ok(()), |secret| write!(f, "~{secret}"))?;
                edit_seed.map_or(Ok(()), |seed| write!(f, ".{seed}"))?;
            }
        }
        if !self.further_servers.is_empty() {
            let servers: Vec<String> =
                self.further_servers.iter().map(|server| encode_server(server)).collect();
            write!(f, ";at={}", servers.join(","))?;
        }
        Ok(())
    }
}

// With what lets people in.
text_form!(RoomAddress);

#[cfg(test)]
mod tests;
