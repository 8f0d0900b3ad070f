//! Addresses read as they are written; every fault has its words.

use alloc::string::ToString as _;
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn code() -> Code {
    "K7M4QX".parse().expect("a code")
}

fn keys() -> RoomKeys {
    let secrets = Secrets { edit_seed: Some(EditSeed([5; 16])), ..Secrets::from(Secret([4; 16])) };
    RoomKeys { room: RoomId([9; 32]), secrets: Some(secrets) }
}

fn word(text: &str) -> AppWord {
    text.parse().expect("a word")
}

fn read(text: &str) -> Result<RoomAddress, AddressError> {
    text.parse()
}

/// docs/protocol/addresses.md shows these.
#[test]
fn the_documented_addresses_are_read() {
    let page = include_str!("../../../../../docs/protocol/addresses.md");
    let whole = RoomAddress::at_server("https://example.org/mesh", Some(word("place")), code());
    let whole = whole.expect("a server").with_keys(keys());
    let whole = whole.with_further_servers(vec!["http://10.0.0.7:8080".into()]).expect("one");
    let looking =
        RoomKeys { secrets: keys().secrets.map(|keys| Secrets { edit_seed: None, ..keys }), ..keys() };
    let renewed = Secrets { renewed: Some(Secret([6; 16])), ..keys().secrets.expect("it is private") };
    let renewed = RoomKeys { secrets: Some(renewed), ..keys() };
    let renewed = RoomAddress::without_server(word("chat"), renewed);
    let near = RoomAddress::without_server(word("chat"), looking);
    let bare = RoomAddress::at_server("http://127.0.0.1:8080", None, code()).expect("a server");
    let board = RoomAddress::at_server("http://127.0.0.1:8080", Some(word("sync")), code());
    let board = board.expect("a server").with_view(word("whiteboard"));
    for address in [whole, near, renewed, bare, board] {
        assert_eq!(read(&address.to_string()), Ok(address.clone()));
        let json = serde_json::to_string(&address).expect("it has a form");
        assert_eq!(serde_json::from_str::<RoomAddress>(&json).ok(), Some(address.clone()), "{json}");
        assert!(page.contains(&address.to_string()), "docs/protocol/addresses.md lacks {address}");
    }
}

#[test]
fn addresses_name_what_is_in_view() {
    let room = RoomAddress::at_server("https://example.org", Some(word("sync")), code()).expect("a server");
    let board = room.clone().with_keys(keys()).with_view(word("whiteboard"));
    let text = board.to_string();
    assert!(text.starts_with("https://example.org/sync/K7M4QX/whiteboard#"), "{text}");
    assert_eq!(read(&text), Ok(board.clone()));
    assert_eq!(board.view(), Some(&word("whiteboard")));
    assert_eq!(board.with_app(word("place")).view(), None, "the other app has no whiteboard");
    // Words that are codes would be read as such.
    assert_eq!(room.clone().with_view(word("values")).view(), None);
    let bare = RoomAddress::at_server("https://example.org", None, code()).expect("a server");
    assert_eq!(bare.with_view(word("whiteboard")).view(), None, "no app is named");
    for wrong in ["https://example.org/K7M4QX/whiteboard", "https://example.org/sync/K7M4QX/White board"] {
        assert!(matches!(read(wrong), Err(AddressError::Path(_))), "{wrong}");
    }
}

#[test]
fn what_people_type_is_read() {
    let typed = read(" http://127.0.0.1:8080/k7m4qx/?x=1 ").expect("a bare address");
    assert_eq!((typed.server(), typed.app()), (Some(("http://127.0.0.1:8080", code())), None));
    assert_eq!(signalling_url("http://127.0.0.1:8080"), "ws://127.0.0.1:8080/signal");
    assert_eq!(signalling_url("https://example.org/mesh/"), "wss://example.org/mesh/signal");
    let later = format!("http://x/place/K7M4QX#{};later=1;at=http%3A//y/", RoomId([0; 32]));
    assert_eq!(read(&later).expect("an unknown field is skipped").further_servers(), ["http://y"]);
    let unknown = read("http://x/place/K7M4QX#;at=http://y").expect("the room's id is missing");
    assert!(unknown.further_servers().is_empty());
}

#[test]
fn each_fault_has_its_words() {
    let wrong_path = |text: &str| assert!(matches!(read(text), Err(AddressError::Path(_))), "{text}");
    for server in ["ftp://x/place/K7M4QX", "http:///place/K7M4QX", "x/place/K7M4QX", ""] {
        assert!(matches!(read(server), Err(AddressError::Server(_))), "{server}");
    }
    ["http://x/place/K7M4Q0", "http://x/Place/K7M4QX", "http://x/place", "http://x"]
        .into_iter()
        .for_each(wrong_path);
    assert_eq!(read("http://x/health"), Err(AddressError::Reserved("HEALTH".parse().expect("six letters"))));
    assert!(matches!(read("http://x/place/ASSETS"), Err(AddressError::Reserved(_))));
    assert!(matches!(read("meshwork:Place#x"), Err(AddressError::Fragment | AddressError::App(_))));
    assert_eq!(read("meshwork:place"), Err(AddressError::Fragment));
    let id = RoomId([0; 32]);
    for fragment in
        ["abc".into(), format!("{id}.abc"), format!("{id}.{0}.{0}.{0}", Secret([1; 16])), format!(".{id}")]
    {
        assert_eq!(
            read(&format!("http://x/place/K7M4QX#{fragment}")),
            Err(AddressError::Fragment),
            "{fragment}"
        );
    }
    let at = |servers: &str| read(&format!("http://x/place/K7M4QX#{id};at={servers}"));
    assert_eq!(at("http://a,http://b,http://c,http://d"), Err(AddressError::FurtherServers(4)));
    assert_eq!(at("ftp://a"), Err(AddressError::Server("ftp://a".into())));
    assert_eq!(
        [at("http://a%2"), at("http://a%ff"), at("http://a%+1")],
        [const { Err(AddressError::Fragment) }; 3]
    );
    let long = format!("http://x/place/K7M4QX#{}", "a".repeat(ADDRESS_MAX));
    assert_eq!(read(&long), Err(AddressError::Length(long.len())));
}

/// As mail programs, messengers and people send links.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of links")]
fn links_are_read_as_people_send_them() {
    let place = RoomAddress::at_server("https://mesh.example:8443", Some(word("place")), code());
    let place = place.expect("a server");
    let private = place.clone().with_keys(keys());
    let open = place.clone().with_keys(RoomKeys { secrets: None, ..keys() });
    let further = private.clone().with_further_servers(vec!["http://[::1]:80".into(), "https://y.z".into()]);
    let view = private.clone().with_view(word("board"));
    for address in [place, private, open, view, further.expect("two")] {
        let link = &address.to_string();
        for sent in [
            "LINK.",
            "LINK,",
            "(LINK)",
            "(LINK).",
            "[LINK]",
            "<LINK>",
            "<LINK>,",
            "\"LINK\"",
            "'LINK'",
            "`LINK`",
            "“LINK”",
            "»LINK«",
            "**LINK**",
            "_LINK_",
            "~~LINK~~",
            "LINK…",
            "LINK...",
            "LINK!?",
            "LINK&utm_source=news",
            "LINK&a=b&c=d.",
            "come with me: LINK",
            "come with me (LINK), it is fun: we need you\nBo",
            "[a room](LINK)",
            "<LINK|a room>",
            "来画画：LINK，快",
            "https://blog.example/planet has it: LINK",
            "LINK https://blog.example/other",
            "\u{feff}LINK\u{200b}",
            "\u{2060}LINK\u{200d}",
        ] {
            let sent = sent.replace("LINK", link);
            assert_eq!(read(&sent), Ok(address.clone()), "{sent}");
        }
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let escape = |letter: char| match is_plain(letter) {
            true => letter.to_string(),
            false => format!("%{:02X}", u32::from(letter)),
        };
        let escaped: String = link.chars().map(escape).collect();
        for sent in [
            link.replace('#', "%23"),
            link.replace('#', "%23").replace('~', "%7E"),
            link.replace('#', "%2523"),
            format!("{}.", link.replace('#', "%23")),
            link.replacen("https:", "HTTPS:", 1),
            link.replacen("https://mesh", "Https://Mesh", 1),
            link.replacen("/place/", "//place/", 1),
            link.replacen("K7M", "K\u{200b}7M", 1),
            link.replacen("place/K7M4QX", "place/k7m4qx", 1),
            format!("https://go.example/url?q={escaped}&sa=D"),
            format!(" \n{link}\t"),
        ] {
            assert_eq!(read(&sent), Ok(address.clone()), "{sent}");
        }
        let bare = link.strip_prefix("https://").expect("a scheme");
        for sent in [String::from(bare), format!("see ({bare})."), format!("{bare}&x=y")] {
            assert_eq!(RoomAddress::find(&sent, Some("https:")), Ok(address.clone()), "{sent}");
            assert!(read(&sent).is_err(), "no scheme is known: {sent}");
        }
    }
    let renewed = Secrets { renewed: Some(Secret([6; 16])), ..keys().secrets.expect("it is private") };
    let near = RoomAddress::without_server(word("chat"), RoomKeys { secrets: Some(renewed), ..keys() });
    for sent in [format!("come to {near}."), near.to_string().replace('~', "%7e").replace('#', "%23")] {
        assert_eq!(read(&sent), Ok(near.clone()), "{sent}");
    }
    let board: RoomAddress = "http://x/sync/K7M4QX/whiteboard".parse().expect("an address");
    for sent in ["//sync/K7M4QX/whiteboard.", "/sync//K7M4QX/whiteboard/&x=y", "/sync/K7M4QX/whiteboard?x#&y"]
    {
        assert_eq!(read(&format!("http://x{sent}")), Ok(board.clone()), "{sent}");
    }
}

/// A link that lost a part of its secrets never leads into the room without them.
#[test]
fn damaged_links_stay_damaged() {
    let link = RoomAddress::at_server("https://x", Some(word("place")), code()).expect("a server");
    let link = link.with_keys(keys()).to_string();
    let keys_at = link.find('#').expect("keys") + 1;
    for cut in keys_at + 1..link.len() {
        for sent in [&link[..cut], &format!("see {}!", &link[..cut]), &link[..cut].replace('#', "%23")] {
            match read(sent) {
                // Cut behind a whole part: the rest is a link, to a room without a secret, or to look.
                Ok(address) => assert!([43, 66].contains(&address.to_string()[keys_at..].len()), "{sent}"),
                Err(error) => {
                    assert!(!error.to_string().contains(&link[keys_at..cut]) || cut < keys_at + 3, "{error}")
                }
            }
        }
    }
    assert_eq!(read(&link.replace('#', "#*")), Err(AddressError::Fragment));
}

#[test]
fn long_texts_cost_little() {
    let many = "http://x/place/K7M4QX! ".repeat(700);
    assert!(many.len() < TEXT_MAX && read(&many).is_ok());
    let none = "http://".repeat(2_000);
    assert!(read(&none).is_err());
    let wordy = read(&"no link ".repeat(400)).expect_err("there is none");
    assert!(wordy.to_string().len() < 400, "{wordy}");
    assert_eq!(read(&"x".repeat(TEXT_MAX + 1)), Err(AddressError::Length(TEXT_MAX + 1)));
}

#[test]
fn no_error_repeats_a_secret() {
    let secret = "c2VjcmV0";
    for text in [
        format!("http://x/place/K7M4QX%23{secret}"),
        format!("see http://x/place/K7M4QX%2523{secret}."),
        format!("http://x/place/K7M4QX#{secret}"),
        format!("ftp://x#{secret}"),
        format!("meshwork:#{secret}"),
    ] {
        let error = read(&text).expect_err("not an address");
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
    }
}

#[test]
fn what_would_be_read_otherwise_is_not_made() {
    let below_a_path = RoomAddress::at_server("https://example.org/mesh", None, code());
    assert!(matches!(below_a_path, Err(AddressError::Path(_))), "mesh would be read as the app");
    assert!(RoomAddress::at_server("https://example.org/", None, code()).is_err());
    assert!(RoomAddress::at_server("https://example.org?x", None, code()).is_err());
    let reserved = "ASSETS".parse().expect("six letters");
    assert_eq!(RoomAddress::at_server("https://x", None, reserved), Err(AddressError::Reserved(reserved)));
    let bare = RoomAddress::at_server("https://x", None, code()).expect("a server");
    assert_eq!(bare.with_further_servers(vec!["https://y".into()]), Err(AddressError::Fragment));
}

#[test]
fn no_link_names_the_local_network() {
    let keys = keys();
    let link = format!("meshwork:place#{};at={LAN}", keys.room);
    assert_eq!(read(&link), Err(AddressError::Server("lan".into())), "a list of servers ends before a colon");
    let without = RoomAddress::without_server(word("place"), keys);
    assert_eq!(without.with_further_servers(vec![LAN.into()]), Err(AddressError::Server(LAN.into())));
    let found = RoomAddress::at_lan(Some(word("place")), code());
    assert_eq!((found.server(), found.code()), (Some((LAN, code())), Some(code())));
    assert!(read(&found.to_string()).is_err(), "it is no LINK");
    assert_eq!(signalling_url(LAN), LAN);
}

proptest! {
    #[test]
    fn addresses_read_as_they_are_written(
        host in "[a-z]{1,9}(:[0-9]{1,4})?(/[a-zA-Z,;% é]{1,5}[a-z])?", app in "[a-z0-9-]{1,32}", bits in 0..1u32 << 30,
        keys: Option<(([u8; 32], [u8; 16], [u8; 16]), u8)>, further in proptest::collection::vec("https?://[a-z]{1,5}[,;%é][a-z]", 0..4),
    ) {
        let code = Code::from_bits(bits);
        prop_assume!(!is_reserved(code));
        let mut address = RoomAddress::at_server(&format!("https://{host}"), Some(word(&app)), code).expect("a server");
        if let Some(((room, secret, seed), shown)) = keys {
            let edit_seed = (shown % 3 == 2).then_some(EditSeed(seed));
            let renewed = (shown % 5 == 4).then_some(Secret(seed));
            let secrets = (shown % 3 > 0).then_some(Secrets { secret: Secret(secret), renewed, edit_seed });
            address = address.with_keys(RoomKeys { room: RoomId(room), secrets });
            address = address.with_further_servers(further.clone()).expect("at most three");
            let near = RoomAddress::without_server(word(&app), RoomKeys { room: RoomId(room), secrets });
            let near = near.with_further_servers(further).expect("at most three");
            prop_assert_eq!(read(&near.to_string()), Ok(near));
        }
        prop_assert_eq!(read(&address.to_string()), Ok(address));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(https?://|meshwork:)?[a-zA-Z0-9/.#;=%,:~-]{0,80}") {
        if let Ok(address) = read(&text) {
            prop_assert_eq!(read(&address.to_string()), Ok(address));
        }
    }
}
