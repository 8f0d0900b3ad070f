//! Reads what people type or paste where a room's code is asked for.

use meshwork_core::id::{CODE_ALPHABET, Code};
use meshwork_core::signalling::address::{AddressError, RoomAddress};

/// What a text in the code field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A code, perhaps not whole yet.
    Code {
        /// Its characters so far, upper case, at most six.
        text: String,
        /// Whether something was typed that no code contains.
        refused: bool,
    },
    /// A link, perhaps not whole yet; as typed.
    Link(String),
}

/// Reads the field's text. Spaces and hyphens between characters are no mistake.
pub fn read(text: &str) -> Entry {
    let text = text.trim();
    // Of a whole message the link alone is of interest; one that is typed stays as it is.
    if text.contains(char::is_whitespace)
        && let Ok(address) = RoomAddress::find(text, None)
    {
        return Entry::Link(address.to_string());
    }
    if let Some(link) = link_within(text) {
        return Entry::Link(with_lower_scheme(link));
    }
    let mut code = String::new();
    let mut wrong = 0;
    for character in text.chars().filter(|character| !character.is_whitespace() && *character != '-') {
        let upper = character.to_ascii_uppercase();
        if !is_code_letter(upper) {
            wrong += 1;
        } else if code.len() < Code::LEN {
            code.push(upper);
        }
    }
    if wrong > 1 {
        // One wrong key is a slip; several come with a text that was pasted and is no code.
        code.clear();
    }
    Entry::Code { text: code, refused: wrong > 0 }
}

/// The link in a text, which may be a sentence around it: messengers copy whole messages.
fn link_within(text: &str) -> Option<&str> {
    let is_whole = |word: &&str| word.contains("://") || word.starts_with("meshwork:");
    let is_begun = text.contains([':', '/', '#']);
    text.split_whitespace().find(is_whole).or(is_begun.then_some(text))
}

/// A link that is typed begins like a code, in upper case.
fn with_lower_scheme(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, rest))
            if ["http", "https", "meshwork"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            format!("{}:{rest}", scheme.to_ascii_lowercase())
        }
        _ => text.to_owned(),
    }
}

/// Whether a page's address carries the room's secret before its `#`, so that the server was sent it.
pub fn is_secret_in_path(href: &str) -> bool {
    let page = href.split('#').next().and_then(|page| page.parse::<RoomAddress>().ok());
    page.is_some_and(|page| page.secrets().is_some())
}

fn is_code_letter(character: char) -> bool {
    u8::try_from(character).is_ok_and(|byte| CODE_ALPHABET.contains(&byte))
}

/// Where the entry leads; a bare code leads to the server at `origin` (`http://HOST`). Below a path a link names an app, and the page
/// shows the room's own if the room does not have that one.
///
/// # Errors
/// [`AddressError`] when it leads nowhere yet.
pub fn address(entry: &Entry, origin: &str) -> Result<RoomAddress, AddressError> {
    match entry {
        Entry::Code { text, .. } => {
            let is_below_path = origin.split_once("://").is_some_and(|(_, host)| host.contains('/'));
            let app = if is_below_path { format!("{}/", crate::apps::APPS[0].word) } else { String::new() };
            format!("{origin}/{app}{text}").parse()
        }
        // People copy links without their beginning.
        Entry::Link(text) => RoomAddress::find(text, Some(origin.split("//").next().unwrap_or("http:"))),
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::signed::app::AppWord;

    use super::*;
    use crate::apps::APPS;
    use meshwork_core::id::{RoomId, Secret};
    use meshwork_core::signalling::address::{RoomKeys, Secrets};

    const ORIGIN: &str = "https://mesh.example";

    fn code(text: &str, refused: bool) -> Entry {
        Entry::Code { text: text.into(), refused }
    }

    #[test]
    fn codes_are_read_as_people_write_them() {
        assert_eq!(read(""), code("", false));
        assert_eq!(read(" k7m 4qx "), code("K7M4QX", false));
        assert_eq!(read("k7m-4qx9"), code("K7M4QX", false));
        for wrong in ["k0m", "k1m", "kom", "kim", "kém", "k_m"] {
            assert_eq!(read(wrong), code("KM", true), "{wrong}");
        }
    }

    #[test]
    fn texts_that_are_no_codes_keep_their_links() {
        assert_eq!(read("hello world"), code("", true));
        let link = "https://mesh.example/place/K7M4QX";
        assert_eq!(read(&format!("see {link} bye")), Entry::Link(link.into()));
        assert_eq!(read("come to meshwork:place#x now"), Entry::Link("meshwork:place#x".into()));
    }

    #[test]
    fn a_link_typed_letter_by_letter_is_recognised() {
        assert_eq!(read("http"), code("HTTP", false));
        assert_eq!(read("HTTPS:"), Entry::Link("https:".into()));
        assert_eq!(read("HOST:1/place/K7M4QX"), Entry::Link("HOST:1/place/K7M4QX".into()));
    }

    #[test]
    fn whole_codes_and_links_lead_somewhere() {
        let bare = address(&read("k7m4qx"), ORIGIN).expect("a whole code");
        assert_eq!(bare.to_string(), "https://mesh.example/K7M4QX", "the room says which app it is for");
        let secrets = Some(Secrets::from(Secret([1; 16])));
        let keys = RoomKeys { room: RoomId([3; 32]), secrets };
        let link = bare.with_keys(keys).with_further_servers(vec!["http://s".into()]).expect("one");
        let text = link.to_string();
        assert_eq!(address(&read(&format!(" {text}\n")), "http://other"), Ok(link.clone()));
        let cut = text.strip_prefix("https://").expect("it has a scheme");
        assert_eq!(address(&read(cut), ORIGIN), Ok(link.clone()));
        let near = format!("meshwork:place#{}", keys.room);
        assert_eq!(address(&read(&near), ORIGIN).map(|address| address.to_string()), Ok(near));
        assert!(address(&read("meshwork:8080/K7M4QX"), ORIGIN).is_ok(), "a host of that name");
        for sent in [
            format!("({text})."),
            format!("<{cut}>"),
            text.replace('#', "%23"),
            format!("paint with me: {text}\nBo"),
            format!("“{cut}&utm_source=news”"),
        ] {
            assert_eq!(address(&read(&sent), ORIGIN), Ok(link.clone()), "{sent}");
        }
        assert!(!is_secret_in_path(&text) && is_secret_in_path(&text.replace('#', "%23")));
        assert!(address(&read("k7m4q"), ORIGIN).is_err());
        assert!(address(&read("https://"), ORIGIN).is_err());
    }

    #[test]
    fn words_of_apps_are_no_codes() {
        for app in &APPS {
            for word in app.pages.iter().chain([&app.word]) {
                assert!(word.parse::<AppWord>().is_ok() && word.parse::<Code>().is_err(), "{word}");
            }
        }
        assert_eq!((APPS[0].word, APPS[1].word), (&*meshwork_place::app(), meshwork_sync::WORD));
    }
}
