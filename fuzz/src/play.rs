//! Play: packages, releases and parameters of parties; values and differences; packets of a session; requests to a shelf.

use meshwork_core::signed::app::AppParameters;
use meshwork_core::wire::{Bytes, decode, encode};
use meshwork_play::package::{FILE_MAX, FILES_MAX, PACKAGE_MAX, PATH_MAX};
use meshwork_play::packets::{
    Ask as Search, At, Body, Direct, Hello, InputPacket, NoSeat, Present, Run, Said, StateHead, StatePart,
    To, Whole,
};
use meshwork_play::release::About;
use meshwork_play::session::{COLOURS, Ending, Lobby, Phase as LobbyPhase, Seat};
use meshwork_play::shelf::{Ask, MatchNote, PartyNote, Phase, REQUEST_MAX, Request};
use meshwork_play::value::{DeltaError, KEYS_MAX};
use meshwork_play::{Keys, Limits, Package, Party, PlayerInput, Release, Value, apply, difference};

use crate::examples::{STAMP, addressee, author};

const MANIFEST: &str = r#"{"title":"Rim","description":"Push the others off.","players":[2,4],"thumbnail":"cover.png","late":false}"#;

/// A state, and the state one tick later.
const STATES: [&str; 2] = [
    r#"{"disc":240,"balls":[{"id":1,"x":1.25,"y":3.5,"say":"hop"},{"id":2,"x":8,"y":-3},{"id":3,"x":0.1,"y":300}],"trail":[1,2,3,4,5,6,7,8],"last":null}"#,
    r#"{"disc":239.5,"balls":[{"id":3,"x":0.2,"y":300},{"id":1,"x":1.5,"y":3.5,"say":"hop"},{"id":4,"x":8,"y":true}],"trail":[2,3,4,5,6,7,8,9]}"#,
];

fn package() -> Package {
    let files: [(&str, &[u8]); 3] =
        [("game.json", MANIFEST.as_bytes()), ("game.js", b"meshwork.game({})"), ("cover.png", b"PNG")];
    let files = files.map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
    Package::pack(&files.into()).expect("within the limits")
}

fn release() -> Release {
    Release::sign(&author().0, About::of(&package(), "Mira", 1, STAMP.millis()))
}

fn party() -> Party {
    Party::of(&package(), author().1.peer, Some("K7M2QX".parse().expect("a code")))
}

/// A package, a release and parameters.
pub(crate) fn packages() -> Vec<Vec<u8>> {
    let html = Package::of_file("pong.html", b"<p>".to_vec()).expect("within the limits");
    let parameters = meshwork_play::parameters(&party());
    vec![package().bytes().to_vec(), html.bytes().to_vec(), release().to_bytes(), parameters.to_vec()]
}

pub(crate) fn run_package(input: &[u8]) {
    if let Ok(package) = Package::read(input.into()) {
        assert_eq!(&package.bytes()[..], input);
        assert!(package.files().count() <= FILES_MAX && input.len() <= PACKAGE_MAX);
        assert!(package.files().all(|(path, bytes)| path.len() <= PATH_MAX && bytes.len() <= FILE_MAX));
        assert!(package.file(&package.manifest().entry).is_some());
        let files = package.files().map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
        let manifest = ("game.json".to_owned(), package.manifest().to_json().into_bytes());
        let again = Package::pack(&files.chain([manifest]).collect());
        // A manifest with all its fields may be longer than the limit; nothing else can be.
        if let Ok(again) = again {
            assert_eq!(again.manifest(), package.manifest());
            assert!(again.files().eq(package.files()));
        }
    }
    if let Ok(release) = Release::check(input) {
        assert_eq!(release.to_bytes(), input);
    }
    let Ok(parameters): Result<AppParameters, _> = Bytes::new(input.to_vec()) else { return };
    if let Some(party) = meshwork_play::read_parameters(&parameters) {
        assert_eq!(meshwork_play::parameters(&party), parameters);
    }
}

/// A signed request of each kind.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    let (code, room) = ("K7M2QX".parse().expect("a code"), "XQ2M7K".parse().expect("a code"));
    let party = PartyNote {
        room,
        link: String::from("https://x.org/play/XQ2M7K"),
        seats: 2,
        most: 6,
        phase: Phase::Lobby,
        joined: 3,
        failed: 0,
        host_losses: 1,
    };
    let session = MatchNote {
        room,
        player_count: 2,
        duration_seconds: 95,
        host_disconnects: 1,
        average_latency_ms: 40,
    };
    let asks = [
        Ask::Publish { code: None, release: [7; 32].into(), draft: true },
        Ask::Remove { code },
        Ask::Party { code, party },
        Ask::Session { code, session },
    ];
    let sign = |ask: &Ask| Request::sign(&author().0, STAMP.millis(), "https://x.org", ask).to_json();
    asks.iter().map(|ask| sign(ask).into_bytes()).collect()
}

pub(crate) fn run_request(input: &[u8]) {
    if let Ok((request, server, ask)) = Request::check(input, STAMP.millis()) {
        assert!(input.len() <= REQUEST_MAX);
        let again = Request::check(request.to_json().as_bytes(), STAMP.millis());
        // Text with escapes may be longer than the limit; nothing else changes.
        if let Ok(again) = again {
            assert_eq!(again, (request, server, ask));
        }
    }
}

fn states() -> ([Value; 2], Keys) {
    let mut keys = Keys::new();
    let states = STATES.map(|text| Value::from_json(text.as_bytes(), &mut keys).expect("within the limits"));
    (states, keys)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

fn difference_of_states() -> Vec<u8> {
    let ([base, to], _) = states();
    let mut delta = Vec::new();
    difference(&base, &to, &mut delta);
    delta
}

fn names() -> Vec<u8> {
    let mut names = Vec::new();
    states().1.write_from(1, &mut names);
    names
}

/// Differences, whole values, tables of keys, and JSON.
pub(crate) fn deltas() -> Vec<Vec<u8>> {
    let ([base, to], _) = states();
    let mut back = Vec::new();
    difference(&to, &base, &mut back);
    vec![difference_of_states(), back, encoded(&base), names(), STATES[0].as_bytes().to_vec()]
}

/// Lists and maps inside each other, and all values.
fn measured(value: &Value) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match value {
        Value::List(list) => list.iter().map(measured).collect(),
        Value::Map(entries) => entries.iter().map(|(_, value)| measured(value)).collect(),
        _ => return (0, 1),
    };
    let depth = inner.iter().map(|(depth, _)| *depth).max().unwrap_or(0);
    (1 + depth, 1 + inner.iter().map(|(_, values)| values).sum::<usize>())
}

pub(crate) fn run_delta(input: &[u8]) {
    let (states, keys) = states();
    let limits = Limits::of(&keys);
    for base in &states {
        let Ok(value) = apply(base, input, &limits) else { continue };
        let (depth, values) = measured(&value);
        assert!(depth <= limits.depth && values <= limits.values && value.encoded_len() <= limits.bytes);
        let mut delta = Vec::new();
        difference(base, &value, &mut delta);
        assert_eq!(apply(base, &delta, &limits), Ok(value.clone()));
        assert_eq!(Value::decode(&encoded(&value), &limits).as_ref(), Ok(&value));
        let mut same = keys.clone();
        assert_eq!(Value::from_json(&value.to_json(&keys), &mut same), Ok(value));
    }
    match Value::decode(input, &limits) {
        Ok(value) => assert_eq!(encoded(&value), input, "a value has one form"),
        Err(DeltaError::Trailing(rest)) => assert!(rest < input.len()),
        Err(_) => {}
    }
    let mut grown = keys.clone();
    let mut rest = input;
    match grown.read_from(keys.len(), &mut rest) {
        Ok(()) => assert!(grown.len() <= KEYS_MAX && rest.len() < input.len()),
        Err(_) => assert_eq!((grown, rest), (keys, input)),
    }
    let mut new = Keys::new();
    if let Ok(value) = Value::from_json(input, &mut new) {
        assert_eq!(Value::decode(&encoded(&value), &Limits::of(&new)), Ok(value));
    }
}

/// A lobby in the middle of a match.
fn lobby() -> Lobby {
    let [mira, ben] = [author().1, addressee().0];
    let seat = |slot: u8, endpoint, name: &str| Seat {
        slot,
        endpoint,
        name: name.to_owned(),
        colour: COLOURS[usize::from(slot)],
        ready: true,
        away: slot == 1,
        bot: false,
        wins: 2,
    };
    Lobby {
        line: 300,
        term: 1,
        version: 7,
        phase: LobbyPhase::Playing,
        waits: false,
        round: 3,
        host: mira,
        seats: vec![seat(0, mira, "Mira"), seat(1, ben, "Ben")],
        kicked: vec![],
        ending: Some(Ending::Over("{\"winner\":0}".to_owned())),
    }
}

fn state_head() -> StateHead {
    StateHead { line: 300, term: 1, round: 1, tick: 70_001, back: 1, sent: 5, waiting: 2, part: 1 }
}

fn held() -> PlayerInput {
    PlayerInput { held: 0b1001, axes: [0, -127, 0, 0], pointer: Some((7, 65_535)) }
}

fn body() -> Body {
    Body {
        version: 1,
        consumed: vec![7, 9],
        lobby: None,
        keys_from: 1,
        keys: Bytes::new(names()).expect("short"),
        inputs: vec![Run::of(&held()); 2],
        sounds: vec![],
        random: Bytes::default(),
    }
}

/// Packets of each lane by name.
fn named_packets() -> Vec<(&'static str, Vec<u8>)> {
    let (line, term) = (300, 1);
    let mut input = InputPacket { line, term, round: 1, newest: 9, acked: Some(70_000), runs: vec![] };
    input.pack([held(), held(), PlayerInput::default()].iter());
    let state = StatePart { head: state_head(), bytes: [encode(&body()), difference_of_states()].concat() };
    let present = Present { version: 1, line, term, seats: 2, slot: Some(0), ..Present::default() };
    let hello = Hello {
        version: 1,
        package: [3; 8],
        line,
        term,
        seats: 0,
        fresh: true,
        name: "Ben".to_owned(),
        colour: Some(COLOURS[3]),
        can_host: true,
        hidden: false,
        bot: false,
    };
    let whole = Whole {
        round: 3,
        term,
        tick: 70_001,
        consumed: vec![7, 9],
        inputs: vec![Run::of(&held())],
        keys: Bytes::new(names()).expect("short"),
        random: Bytes::default(),
        state: Bytes::new(encoded(&states().0[0])).expect("short"),
    };
    let [mira, ben] = [author().1, addressee().0];
    let at = At { round: 3, term, tick: 70_001, version: 7 };
    let seats = vec![mira.peer, ben.peer];
    let search = Search { line, term, host: mira, at, can_host: true, hidden: false, seats };
    let left = Direct::Leave { line, term, stays: true, next: Some(To(ben)) };
    let dress = Direct::Dress { line, name: "Benjamin".to_owned(), colour: None };
    vec![
        ("presence in a party", encode(&present)),
        ("inputs of a player", encode(&input)),
        ("part of a state", state.encode()),
        ("request for a seat", encode(&Direct::Hello(hello))),
        ("welcome to a seat", encode(&Direct::Welcome { lobby: lobby(), whole: Some(whole) })),
        ("refusal of a seat", encode(&Direct::Refused { line, why: NoSeat::Version(2) })),
        ("readiness of a player", encode(&Direct::Ready { line, ready: true })),
        ("name of a player", encode(&dress)),
        ("goodbye of a host", encode(&left)),
        ("task of the next host", encode(&Direct::HandOver { leaves: true, lobby: lobby(), whole: None })),
        ("lobby of a party", encode(&Said::Lobby(lobby()))),
        ("search for a host", encode(&Said::Ask(search))),
        ("answer to a search", encode(&Said::Hears { line, term, host: mira })),
    ]
}

/// A packet of each lane.
pub(crate) fn packets() -> Vec<Vec<u8>> {
    let mut packets: Vec<Vec<u8>> = named_packets().into_iter().map(|(_, packet)| packet).collect();
    packets.push(encode(&body()));
    packets
}

/// An accepted packet is written as it would be read.
fn again<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(input: &[u8]) {
    if let Ok(packet) = decode::<T>(input) {
        assert_eq!(decode::<T>(&encode(&packet)), Ok(packet));
    }
}

pub(crate) fn run_packet(input: &[u8]) {
    if let Ok(packet) = decode::<InputPacket>(input) {
        let most = packet.runs.len() * usize::from(u8::MAX);
        assert!(packet.inputs().take(most + 1).count() <= most);
    }
    if let Ok(part) = StatePart::decode(input) {
        assert_eq!(StatePart::decode(&part.encode()), Ok(part));
    }
    again::<InputPacket>(input);
    again::<Body>(input);
    again::<Direct>(input);
    again::<Said>(input);
    again::<Present>(input);
}

/// Bytes by name, for docs/protocol/golden.md.
pub(crate) fn golden() -> Vec<(&'static str, Vec<u8>)> {
    let ([base, _], _) = states();
    vec![
        ("package of a game", package().bytes().to_vec()),
        ("release of a package", release().to_bytes()),
        ("parameters of a party", meshwork_play::parameters(&party()).to_vec()),
        ("keys of a state", names()),
        ("state of a game", encoded(&base)),
        ("difference of two states", difference_of_states()),
    ]
    .into_iter()
    .chain(named_packets())
    .collect()
}
