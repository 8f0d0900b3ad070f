//! Finds a room's address in a text as people send it.
//!
//! # Problem
//! A link travels through mail programs, messengers and people. It comes back with a point or a bracket behind it, in quotes, in a
//! sentence, with `#` written as `%23`, or with a tracker's fields at its end.
//!
//! # How it works
//! Each place at which a link begins is tried: as it stands, without what people put around links, and with its escapes read
//! (RFC 3986 section 2.1). The reader for whole addresses decides. Of several links the one that carries most is taken: a room's id
//! counts more than an app, and the first of two that carry the same.
//!
//! # Limits
//! At most [`LINKS_MAX`] links of a text are tried, so that a long text costs little.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::RoomAddress;
use crate::text::does_something;

/// Most links of one text that are tried: a message has a few.
const LINKS_MAX: usize = 16;
/// What a link begins with, in lower case.
const BEGINNINGS: [&str; 5] = ["http://", "https://", "meshwork:", "http%3a%2f%2f", "https%3a%2f%2f"];
/// What ends a sentence or an emphasis behind a link, and no link.
const ENDS: &str = ".,:;!?$&=+%~@_-/";

/// A text without letters that nobody sees; blanks and ends of lines stay.
pub(super) fn seen(text: &str) -> Cow<'_, str> {
    let is_hidden = |character: char| {
        !character.is_whitespace()
            && (does_something(character) || matches!(character, '\u{200c}' | '\u{200d}'))
    };
    match text.contains(is_hidden) {
        true => text.chars().filter(|character| !is_hidden(*character)).collect::<String>().into(),
        false => text.into(),
    }
}

/// Whether a text is more than one link.
pub(super) fn is_sentence(text: &str) -> bool {
    let page = text.split('#').next().unwrap_or(text);
    page.contains(char::is_whitespace) || page.matches("://").nth(1).is_some()
}

/// The room's address in a text; `scheme`, such as `https:`, stands before links that have lost theirs.
pub(super) fn find(text: &str, scheme: Option<&str>) -> Option<RoomAddress> {
    let lower = text.to_ascii_lowercase();
    let begins = |at: &usize| BEGINNINGS.iter().any(|beginning| lower[*at..].starts_with(beginning));
    let starts = lower.char_indices().map(|(at, _)| at).filter(begins).take(LINKS_MAX);
    let found: Vec<RoomAddress> = starts.filter_map(|at| read(&text[at..])).collect();
    best(found).or_else(|| {
        let scheme = scheme?;
        let words = text.split_whitespace().map(|word| word.trim_start_matches(|letter| !is_of_link(letter)));
        let links = words.filter(|word| word.contains(['/', '#', '%'])).take(LINKS_MAX);
        best(links.filter_map(|link| read(&format!("{scheme}//{link}"))).collect())
    })
}

/// The first of those that carry most.
fn best(found: Vec<RoomAddress>) -> Option<RoomAddress> {
    let carries = |address: &RoomAddress| (address.keys.is_some(), address.app.is_some());
    found.into_iter().rev().max_by_key(carries)
}

/// Reads the link at the beginning of a text.
fn read(text: &str) -> Option<RoomAddress> {
    let link = cut(text)?;
    let unescaped = unescape(link);
    let twice = unescaped.as_deref().and_then(unescape);
    let written = [Some(link.into()), with_hash(link), unescaped, twice];
    written.into_iter().flatten().find_map(|link: String| {
        let link = cut(&link)?;
        let in_ascii = &link[..link.find(|letter: char| !letter.is_ascii()).unwrap_or(link.len())];
        let tried = [link, without_end(link), without_end(in_ascii)];
        tried.into_iter().find_map(|link| RoomAddress::whole(&mended(link)?).ok())
    })
}

/// The beginning of a text that can be a link.
fn cut(text: &str) -> Option<&str> {
    let link = &text[..text.find(|letter| !is_of_link(letter)).unwrap_or(text.len())];
    // What stands behind the # is nothing that keys begin with: they are damaged, and not left out.
    let is_damaged =
        link.ends_with('#') && text[link.len()..].starts_with(|letter: char| !letter.is_whitespace());
    (!is_damaged).then_some(link)
}

/// Whether a character stands in links as they are written (RFC 3986), and not around them.
pub(super) fn is_of_link(character: char) -> bool {
    match character.is_ascii() {
        true => character.is_ascii_alphanumeric() || "-._~:/?#[]@!$&+,;=%".contains(character),
        false => character.is_alphanumeric(),
    }
}

/// A link without what stands behind it.
pub(super) fn without_end(mut link: &str) -> &str {
    while let Some(last) = link.chars().next_back() {
        let is_open = last == ']' && link.matches(']').count() > link.matches('[').count();
        if !is_open && !ENDS.contains(last) {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

/// A link whose first `#` was written as an escape. Nothing else is: servers behind it have escapes of their own.
fn with_hash(link: &str) -> Option<String> {
    let (page, fragment) = link.split_once("%23").filter(|(page, _)| !page.contains('#'))?;
    let keys = fragment.split(';').next().unwrap_or_default();
    let tilde = keys.replace("%7E", "~").replace("%7e", "~").replace("%2E", ".").replace("%2e", ".");
    Some(format!("{page}#{tilde}{}", &fragment[keys.len()..]))
}

/// A text with its escapes read once; `None` where it has none, or they are no text.
fn unescape(text: &str) -> Option<String> {
    text.contains('%').then(|| super::unescape(text))?
}

/// A link with its scheme in lower case, single slashes in its path, and without a tracker's fields.
fn mended(link: &str) -> Option<String> {
    let (page, fragment) = link.split_once('#').unwrap_or((link, ""));
    let (scheme, rest) = page.split_once(':')?;
    let lower = scheme.to_ascii_lowercase();
    let page = match rest.strip_prefix("//") {
        Some(rest) => {
            let rest = rest.split(['?', '&']).next().unwrap_or(rest);
            let (host, path) = rest.split_once('/').filter(|(host, _)| !host.is_empty())?;
            // Who shouts the scheme shouts the host.
            let host = if lower == scheme { host.into() } else { host.to_ascii_lowercase() };
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            format!("{lower}://{host}/{}", parts.join("/"))
        }
        None => format!("{lower}:{rest}"),
    };
    let is_of_keys = |letter: char| letter.is_ascii_alphanumeric() || "-_.~".contains(letter);
    let (keys, behind) =
        fragment.split_at(fragment.find(|letter| !is_of_keys(letter)).unwrap_or(fragment.len()));
    let keys = keys.trim_end_matches(['.', '~']);
    if keys.is_empty() && !(behind.is_empty() || behind.starts_with(['&', '?', ':'])) {
        return None;
    }
    let servers = behind.strip_prefix(';').map(|fields| fields.split('&').next().unwrap_or(fields));
    Some(match (keys, servers) {
        ("", _) => page,
        (keys, None) => format!("{page}#{keys}"),
        (keys, Some(servers)) => format!("{page}#{keys};{servers}"),
    })
}
