//! What values of settings must be, each with words that say what to write.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::{Deref, RangeInclusive};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::signalling::address::check_server;
use meshwork_signal::http::ForwardedHeader;
use tracing_subscriber::EnvFilter;

use crate::{bytes, duration};

/// Shorter secrets could be guessed.
const SECRET_LEAST: usize = 16;

/// Values with commas between them; there may be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<T> Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

/// Reads a list of what `item` reads.
pub(super) fn list<T>(
    item: fn(&str) -> Result<T, String>,
) -> impl Fn(&str) -> Result<List<T>, String> + Clone {
    move |text| {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(item).collect::<Result<_, _>>().map(List)
    }
}

/// A text that no log and no print shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The parameters of a database's URL.
const DATABASE_PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The URL of a PostgreSQL database, whose password no log and no print shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Why it is no URL of a PostgreSQL database, without its words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let is_url = self.0.starts_with("postgres://") || self.0.starts_with("postgresql://");
        if !is_url || self.0.contains(char::is_whitespace) {
            return Err(String::from("it is no URL such as postgres://USER:PASSWORD@HOST/DATABASE"));
        }
        let port = self.host().rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(String::from(
                "its port is no number; write / ? # @ and : in a password as %2F %3F %23 %40 and %3A",
            ));
        }
        // The store would log the value of an unknown one.
        let parameters = self.0.split_once('?').map_or("", |(_, parameters)| parameters);
        let mut names = parameters.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        match names.find(|name| !name.is_empty() && !DATABASE_PARAMETERS.contains(name)) {
            Some(name) => {
                Err(format!("`{name}` is none of its parameters: {}", DATABASE_PARAMETERS.join(", ")))
            }
            None => Ok(()),
        }
    }

    /// Whether it has a password, before the host or among the parameters.
    pub(crate) fn has_password(&self) -> bool {
        let user = self.authority().rsplit_once('@').map_or("", |(user, _)| user);
        user.contains(':') || self.0.contains("password=")
    }

    /// What stands between the scheme and the path.
    fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// The host and its port.
    fn host(&self) -> &str {
        self.authority().rsplit('@').next().unwrap_or_default()
    }
}

impl std::fmt::Display for DatabaseUrl {
    /// Its host and database, if it passes the check.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.0.split_once("://").map_or("", |(_, rest)| &rest[self.authority().len()..]);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        write!(f, "postgres://{}{path}", self.host())
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl(..)")
    }
}

/// Any text: an error of the command line would repeat it, so [`DatabaseUrl::check`] comes later.
pub(super) fn database_url(text: &str) -> Result<DatabaseUrl, std::convert::Infallible> {
    Ok(DatabaseUrl(String::from(text)))
}

/// HOST:PORT, where the host may be a name.
pub(crate) fn listen_address(text: &str) -> Result<String, String> {
    let is_address =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if is_address {
        Ok(String::from(text))
    } else {
        Err(String::from("give HOST:PORT, such as 127.0.0.1:8080"))
    }
}

/// An address on which links can be built; a slash is taken from its end.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    match check_server(url) {
        Ok(()) if !url.contains(char::is_whitespace) => Ok(String::from(url)),
        _ => Err(String::from("give http://HOST or https://HOST, such as https://paint.example.org")),
    }
}

/// `scheme://host[:port]` (RFC 6454).
pub(super) fn origin(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', ' ']));
    if is_origin {
        Ok(String::from(text))
    } else {
        Err(wrong(text, "an origin such as https://paint.example.org"))
    }
}

/// The levels of the log.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter of the log. A word that is neither a level nor `MODULE=LEVEL` would name a module, and silence all others.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let mut words = text.split(',').map(str::trim).filter(|word| !word.is_empty() && !text.contains('['));
    if let Some(word) = words.find(|word| !word.contains('=') && !is_level(word)) {
        return Err(format!(
            "`{word}` is no level: write {}, {} or {}, also by module as in meshwork_signal=debug",
            LEVELS[..4].join(", "),
            LEVELS[4],
            LEVELS[5]
        ));
    }
    let filter: Result<EnvFilter, _> = text.parse();
    filter.map(|_| String::from(text)).map_err(|_| wrong(text, "a level such as info, or module=level"))
}

/// A text that is hard to guess. Its own words are never repeated.
pub(super) fn secret(text: &str) -> Result<Secret, String> {
    let length = text.len();
    if text.trim().is_empty() {
        return Err(String::from(
            "it has blanks alone; give random characters, such as those of: openssl rand -hex 32",
        ));
    }
    if length >= SECRET_LEAST {
        return Ok(Secret(String::from(text)));
    }
    Err(format!(
        "it has {length} characters and could be guessed; give at least {SECRET_LEAST} random ones, such as those \
         of: openssl rand -hex 32"
    ))
}

/// A trace of a file's reader in a secret, which counts as a part of it.
pub(super) fn oddity(secret: &str) -> Option<&'static str> {
    let quoted = |quote: char| secret.len() > 1 && secret.starts_with(quote) && secret.ends_with(quote);
    match secret {
        _ if quoted('"') || quoted('\'') => Some("stands in quotes"),
        _ if secret.starts_with('\u{feff}') => Some("begins with the mark of a UTF-8 file (BOM)"),
        _ if secret.trim_end_matches('\n').ends_with('\r') => Some("ends with a carriage return"),
        _ if secret.trim() != secret => Some("begins or ends with blanks or line ends"),
        _ => None,
    }
}

/// True or false, and the words that other programs use for them.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(String::from("write true or false")),
    }
}

/// An IP address, or a range of them in CIDR notation.
pub(crate) fn address_range(text: &str) -> Result<IpNet, String> {
    let range = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    range.map_err(|_| wrong(text, "a range such as 10.0.0.0/8"))
}

/// FIRST-LAST, from 1024 up.
pub(super) fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let read = || {
        let (first, last) = text.split_once('-')?;
        let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first >= 1024 && first <= last).then_some(first..=last)
    };
    read().ok_or_else(|| wrong(text, "FIRST-LAST with ports from 1024 up, such as 49152-65535"))
}

/// A relay's address (RFC 7065).
pub(super) fn turn_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
    let is_url = rest.is_some_and(|rest| {
        let (host, query) = rest.split_once('?').unwrap_or((rest, "transport=udp"));
        !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c))
            && matches!(query, "transport=udp" | "transport=tcp")
    });
    if is_url {
        Ok(String::from(text))
    } else {
        Err(wrong(text, "turn:HOST:PORT?transport=udp or turns:HOST:PORT"))
    }
}

/// The header of proxies.
pub(super) fn forwarded_header(text: &str) -> Result<ForwardedHeader, String> {
    match text.to_ascii_lowercase().as_str() {
        "x-forwarded-for" => Ok(ForwardedHeader::XForwardedFor),
        "forwarded" => Ok(ForwardedHeader::Forwarded),
        _ => Err(wrong(text, "x-forwarded-for or forwarded")),
    }
}

/// An IP address, or one with a port.
pub(super) fn address<A: FromStr<Err: Display>>(text: &str) -> Result<A, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

/// A whole number in a range.
pub(super) fn whole<T: TryFrom<u64>>(
    legal: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.trim().parse::<u64>().ok().filter(|number| legal.contains(number));
        let number = number.and_then(|number: u64| T::try_from(number).ok());
        number.ok_or_else(|| format!("write a whole number from {} to {}", legal.start(), legal.end()))
    }
}

/// A whole number, which the hub checks against its range.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    whole(0..=u32::MAX.into())(text)
}

/// An amount of bytes: `16KiB`, or a plain number.
pub(super) fn amount(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| bytes::parse(text))
}

/// A duration of so many seconds at most.
pub(super) fn at_most(seconds: u64) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| match duration::parse(text)? {
        time if time <= Duration::from_secs(seconds) => Ok(time),
        _ => Err(format!("it must be at most {seconds}s")),
    }
}

fn wrong(text: &str, form: &str) -> String {
    format!("`{text}` is not {form}")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for good in ["127.0.0.1:8080", "[::]:0", "localhost:80", "0.0.0.0:65535"] {
            assert_eq!(listen_address(good), Ok(String::from(good)));
        }
        for wrong in ["", "8080", ":8080", "localhost", "localhost:", "localhost:65536", "http://x"] {
            assert!(listen_address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn public_urls_are_those_links_can_build_on() {
        assert_eq!(public_url("https://paint.example.org/"), Ok(String::from("https://paint.example.org")));
        assert_eq!(public_url("http://x:8080/mesh"), Ok(String::from("http://x:8080/mesh")));
        for wrong in
            ["", "paint.example.org", "ftp://x", "https://", "https://x#y", "https://x?y", "http://a b"]
        {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn short_secrets_are_refused_and_not_shown() {
        let error = secret("passphrase").unwrap_err();
        assert!(error.contains("10 characters") && !error.contains("passphrase"), "{error}");
        assert!(secret(&" ".repeat(20)).unwrap_err().contains("blanks alone"));
        let secret = secret("0123456789abcdef").unwrap();
        assert!(!format!("{secret:?}").contains("0123456789"));
    }

    #[test]
    fn traces_of_a_reader_are_named() {
        for (secret, words) in [
            ("\"0123456789abcdef\"", "in quotes"),
            ("'0123456789abcdef'", "in quotes"),
            ("0123456789abcdef\r", "carriage return"),
            ("0123456789abcdef\r\n", "carriage return"),
            ("0123456789abcdef ", "blanks"),
            ("0123456789abcdef\n", "line ends"),
            ("\u{feff}0123456789abcdef", "BOM"),
        ] {
            assert!(oddity(secret).is_some_and(|oddity| oddity.contains(words)), "{secret:?}");
        }
        for plain in ["0123456789abcdef", "\"0123456789abcdef", "two words in it"] {
            assert_eq!(oddity(plain), None);
        }
    }

    #[test]
    fn passwords_of_databases_are_not_shown() {
        let url = |text: &str| DatabaseUrl(String::from(text));
        for (text, shown) in [
            ("postgres://me:hidden@db:5432/games?user=hidden", "postgres://db:5432/games"),
            ("postgresql://db/games?password=hidden", "postgres://db/games"),
            ("postgres://me:hid%40den@[::1]/games", "postgres://[::1]/games"),
        ] {
            assert!(url(text).check().is_ok() && url(text).has_password());
            assert_eq!(url(text).to_string(), shown);
            assert!(!format!("{:?}", url(text)).contains("hid"));
        }
        assert!(!url("postgres:///games?host=/run/postgresql").has_password());
        for wrong in [
            "games.sqlite",
            "postgres://db/games?pasword=hidden",
            "mysql://me:hidden@db/games",
            "postgres://a b",
            "postgres://me:hidden/x@db",
        ] {
            assert!(!url(wrong).check().unwrap_err().contains("hidden"), "{wrong}");
        }
    }

    #[test]
    fn values_of_the_relay_are_checked() {
        let ranges = list(address_range)("10.0.0.0/8, ::1,").unwrap();
        assert_eq!(ranges.iter().map(IpNet::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128"]);
        assert_eq!(port_range("50000 - 50100"), Ok(50_000..=50_100));
        for good in ["turn:r.example.org", "turns:[2001:db8::1]:5349", "turn:1.2.3.4:3478?transport=tcp"] {
            assert_eq!(turn_url(good), Ok(String::from(good)));
        }
        assert!(address_range("10.0.0.0/33").is_err() && port_range("80-90").is_err());
        assert!(port_range("5000-4000").is_err() && address::<SocketAddr>("localhost:3478").is_err());
        for wrong in ["stun:x", "turn:", "turn:x?transport=sctp", "turn:a b", "turn:x/y"] {
            assert!(turn_url(wrong).is_err(), "{wrong}");
        }
    }
}
