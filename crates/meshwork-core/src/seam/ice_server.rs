//! STUN and TURN servers as signalling hands them out: their addresses, and what opens them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

/// Servers in one message, and for one connection: one's own and a few others.
pub const ICE_SERVERS_MAX: usize = 8;
/// Addresses of one server: UDP, TCP and TLS, by IPv4, IPv6 and name. Browsers complain of more.
pub const ICE_URLS_MAX: usize = 8;
/// Longest address, user name or credential, in bytes: a STUN USERNAME has fewer than 509 (RFC 8489 section 14.3).
pub const ICE_TEXT_MAX: usize = 508;
/// Stands for the host by which the client reached the signalling server: a server need not know its own name.
const SAME_HOST: &str = "*";
/// Port of STUN and TURN over UDP and TCP (RFC 8656 section 18), and over TLS.
const PORTS: (u16, u16) = (3478, 5349);

/// A STUN or TURN server, in the form of WebRTC's `RTCIceServer`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Its addresses: `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// For TURN: the user name, which holds its own end (`unix time:whoever`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For TURN: the password that belongs to it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub credential: String,
}

/// What a `stun:`, `turn:` or `turns:` URL says (RFC 7064, RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUrl {
    /// What is to be spoken there.
    pub scheme: IceScheme,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What is spoken to a STUN or TURN server, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IceScheme {
    /// STUN over UDP.
    Stun,
    /// TURN over UDP.
    TurnUdp,
    /// TURN over TCP.
    TurnTcp,
    /// TURN over TLS over TCP.
    TurnTls,
}

/// Why what a server said of STUN and TURN servers is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IceServerError {
    /// There are more than are taken.
    #[error("{0} servers or addresses; at most {ICE_SERVERS_MAX} are taken")]
    TooMany(usize),
    /// A text is longer than any honest one.
    #[error("an address or credential of {0} bytes; at most {ICE_TEXT_MAX} are read")]
    TooLong(usize),
    /// An address is none that this build can use.
    #[error("{0:?} is not a stun:, turn: or turns: address")]
    Url(String),
}

impl IceServer {
    /// A STUN server, which nothing opens.
    pub fn open(url: &str) -> IceServer {
        IceServer { urls: [String::from(url)].into(), ..IceServer::default() }
    }

    /// Whether it relays, by its first address.
    pub fn is_relay(&self) -> bool {
        self.urls.first().is_some_and(|url| !url.starts_with("stun"))
    }

    /// Puts `host` where an address says that it is the signalling server's own.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> IceServer {
        for url in &mut self.urls {
            if let Some((scheme, rest)) = url.split_once(':')
                && let Some(rest) = rest.strip_prefix(SAME_HOST)
            {
                *url = format!("{scheme}:{host}{rest}");
            }
        }
        self
    }
}

impl fmt::Debug for IceServer {
    /// The credential stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Checks what a server said: how many there are, how long they are, and that each address is one.
///
/// # Errors
/// [`IceServerError`] names the first value that is wrong. None of them is to be used.
pub fn check_servers(servers: &[IceServer]) -> Result<(), IceServerError> {
    if servers.len() > ICE_SERVERS_MAX {
        return Err(IceServerError::TooMany(servers.len()));
    }
    for server in servers {
        if server.urls.len() > ICE_URLS_MAX {
            return Err(IceServerError::TooMany(server.urls.len()));
        }
        let texts = server.urls.iter().chain([&server.username, &server.credential]);
        if let Some(long) = texts.map(String::len).find(|&length| length > ICE_TEXT_MAX) {
            return Err(IceServerError::TooLong(long));
        }
        server.urls.iter().try_for_each(|url| IceUrl::parse(url).map(drop))?;
    }
    Ok(())
}

impl IceUrl {
    /// Reads an address. The host is not looked up, and not checked but for its alphabet.
    ///
    /// # Errors
    /// [`IceServerError::Url`].
    pub fn parse(url: &str) -> Result<IceUrl, IceServerError> {
        let wrong = || IceServerError::Url(url.chars().take(100).collect());
        let (scheme, rest) = url.split_once(':').ok_or_else(wrong)?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let scheme = match (scheme, query) {
            ("stun", None) => IceScheme::Stun,
            ("turn", None | Some("transport=udp")) => IceScheme::TurnUdp,
            ("turn", Some("transport=tcp")) => IceScheme::TurnTcp,
            ("turns", None | Some("transport=tcp")) => IceScheme::TurnTls,
            _ => return Err(wrong()),
        };
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(wrong)?)),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let is_bracketed = place.starts_with('[');
        let allowed = |byte: u8| match byte {
            b':' | b'%' => is_bracketed,
            byte => byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*'),
        };
        if host.is_empty() || !host.bytes().all(allowed) {
            return Err(wrong());
        }
        let usual = if scheme == IceScheme::TurnTls { PORTS.1 } else { PORTS.0 };
        let port = port.map_or(Some(usual), |port| port.parse().ok()).filter(|&port| port > 0);
        Ok(IceUrl { scheme, host: String::from(host), port: port.ok_or_else(wrong)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_is_spoken_where() {
        let cases = [
            ("stun:example.org", IceScheme::Stun, "example.org", 3478),
            ("stun:192.0.2.1:19302", IceScheme::Stun, "192.0.2.1", 19302),
            ("turn:example.org", IceScheme::TurnUdp, "example.org", 3478),
            ("turn:example.org:80?transport=udp", IceScheme::TurnUdp, "example.org", 80),
            ("turn:[2001:db8::1]:80?transport=tcp", IceScheme::TurnTcp, "2001:db8::1", 80),
            ("turn:[::1]", IceScheme::TurnUdp, "::1", 3478),
            ("turns:a-b.example:443?transport=tcp", IceScheme::TurnTls, "a-b.example", 443),
            ("turns:example.org", IceScheme::TurnTls, "example.org", 5349),
        ];
        for (url, scheme, host, port) in cases {
            assert_eq!(IceUrl::parse(url), Ok(IceUrl { scheme, host: host.into(), port }), "{url}");
        }
        let wrong = [
            "",
            "stun",
            "stun:",
            "http://x",
            "stun:x?transport=udp",
            "turn:x?transport=sctp",
            "turn:x:0",
            "turn:x:65536",
            "turn:x:",
            "turn:a b",
            "turn:[::1",
            "turn:[::1]80",
            "turn:a:b:c",
            "stuns:x",
            "turn:user@x",
            "turn://x",
        ];
        for url in wrong {
            assert_eq!(IceUrl::parse(url), Err(IceServerError::Url(url.into())), "{url}");
        }
    }

    #[test]
    fn what_is_too_much_is_not_taken() {
        let server = IceServer::open("stun:x");
        assert_eq!(check_servers(core::slice::from_ref(&server)), Ok(()));
        let many: Vec<IceServer> = (0..9).map(|_| server.clone()).collect();
        assert_eq!(check_servers(&many), Err(IceServerError::TooMany(9)));
        let urls = IceServer { urls: (0..9).map(|_| String::from("stun:x")).collect(), ..server.clone() };
        assert_eq!(check_servers(&[urls]), Err(IceServerError::TooMany(9)));
        let long = IceServer { credential: "x".repeat(509), ..server };
        assert_eq!(check_servers(&[long]), Err(IceServerError::TooLong(509)));
        assert!(check_servers(&[IceServer::open("x")]).is_err());
    }

    #[test]
    fn a_wildcard_takes_the_signalling_servers_host_only() {
        let server = IceServer {
            urls: ["turn:*:3478?transport=tcp", "turn:x:1", "stun:*"].map(String::from).into(),
            ..IceServer::default()
        };
        let urls = server.with_host("[2001:db8::1]").urls;
        assert_eq!(urls, ["turn:[2001:db8::1]:3478?transport=tcp", "turn:x:1", "stun:[2001:db8::1]"]);
    }

    #[test]
    fn credentials_stay_out_of_logs() {
        let server =
            IceServer { credential: "hush".into(), username: "who".into(), ..IceServer::open("turn:x") };
        assert!(!format!("{server:?}").contains("hush"));
    }
}
