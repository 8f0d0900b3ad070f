//! The examples in docs/protocol/signalling.md are what this build writes and reads.
use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::seam::ice_server::IceServer;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, LinkOutcome, ServerRefusal, VERSIONS};
use meshwork_core::signed::genesis::{GENESIS_MAX, Owned};
use meshwork_core::time::WallTime;
use meshwork_core::wire::{Base64, Bytes};
use meshwork_signal::code::ServerKey;
use meshwork_signal::turn::credentials::{LIFE, Secret, name_of};

const PAGE: &str = include_str!("../../../../docs/protocol/signalling.md");

fn endpoint(secret: u8) -> (Identity, Endpoint) {
    let identity = Identity::from_secret([secret; 32]);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(u64::from(secret)) };
    (identity, endpoint)
}

/// A room with a canvas of 100 by 100.
fn genesis(owner: &Identity) -> (Base64<GENESIS_MAX>, RoomId) {
    let (app, parameters) = ("place".parse().unwrap(), Bytes::new(vec![100, 100]).unwrap());
    let owned = Owned::new(&mut Rng::new([1; 32]), owner.peer(), app, parameters, None);
    let (bytes, room) = owned.sign(owner).unwrap();
    (Base64::new(bytes).unwrap(), room)
}

/// One of each message, in the order of the page.
fn examples() -> (Vec<FromClient>, Vec<FromServer>) {
    let ((ann, a), (bob, b)) = (endpoint(1), endpoint(2));
    let (genesis, room) = genesis(&ann);
    let code = ServerKey::new([1; 32]).code(room, 0);
    let payload = Base64::new(*b"sealed").unwrap();
    let challenge = [9; 32];
    let from_client = vec![
        FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&ann, a, [5; 32]),
            proof: announce::prove_entry(&ann, a, &challenge).into(),
        },
        FromClient::Register { genesis: genesis.clone() },
        FromClient::Lookup { room: Some(room), code: None },
        FromClient::Lookup { room: None, code: Some(code) },
        FromClient::Join { room, token: None },
        FromClient::Join { room, token: Some([5; 32].into()) },
        FromClient::Leave { room: Some(room), code: None },
        FromClient::Leave { room: None, code: Some(code) },
        FromClient::Signal { room, to: b, payload: payload.clone() },
        FromClient::IceServers { room },
        FromClient::Report { outcome: LinkOutcome::Direct, ms: 840 },
        FromClient::KeepAlive,
    ];
    let announcement = announce::announce(&bob, b, [6; 32]);
    let [refused, refused_lookup] = refusals(room, code, b);
    let goodbye = FromServer::Goodbye {
        reason: ServerRefusal::TooLarge,
        detail: String::from("a message of 16385 bytes; at most 16384 are read"),
        away_ms: None,
    };
    let leaving = FromServer::Goodbye {
        reason: ServerRefusal::ShuttingDown,
        detail: String::from("the server is shutting down"),
        away_ms: Some(1_500),
    };
    let from_server = vec![
        FromServer::Welcome {
            versions: VERSIONS,
            challenge: challenge.into(),
            time_ms: 1_700_000_000_000,
            keep_alive_ms: 25_000,
            overlay: None,
        },
        FromServer::Welcome {
            versions: VERSIONS,
            challenge: challenge.into(),
            time_ms: 1_700_000_000_000,
            keep_alive_ms: 25_000,
            overlay: Some(String::from("k-gossip:5")),
        },
        FromServer::Entered,
        FromServer::Found { room, code, genesis },
        FromServer::Unknown { room: None, code: Some(code) },
        ice_servers(room, a),
        FromServer::Joined { room, members: vec![announcement.clone()], others: Some(1) },
        FromServer::MemberJoined { room, announcement },
        FromServer::MemberLeft { room, endpoint: b },
        FromServer::Signal { room, from: b, payload },
        FromServer::KeepAlive,
        refused,
        refused_lookup,
        goodbye,
        leaving,
    ];
    (from_client, from_server)
}

/// Of a signal, and of a lookup.
fn refusals(room: RoomId, code: Code, endpoint: Endpoint) -> [FromServer; 2] {
    let signal = FromServer::Refused {
        reason: ServerRefusal::NoSuchMember,
        detail: format!("{endpoint} is no other member of room {room}"),
        room: Some(room),
        code: None,
        endpoint: Some(endpoint),
    };
    let lookup = FromServer::Refused {
        reason: ServerRefusal::TooManyRooms,
        detail: String::from("this socket waits for 8 rooms, the most the server allows"),
        room: None,
        code: Some(code),
        endpoint: None,
    };
    [signal, lookup]
}

fn ice_servers(room: RoomId, endpoint: Endpoint) -> FromServer {
    let secret = Secret::from_text("north-light-amber-17").unwrap();
    let expires = WallTime::from_millis(1_700_000_000_000) + LIFE;
    let minted = secret.mint(&name_of(&room, &endpoint), expires).unwrap();
    let urls = ["turn:*:3478", "turn:*:3478?transport=tcp"].map(String::from).into();
    let relay = IceServer { urls, username: minted.username, credential: minted.password };
    let servers = vec![IceServer::open("stun:*:3478"), relay];
    FromServer::IceServers { room, servers, lasts_ms: 600_000 }
}

#[test]
fn the_page_has_an_example_of_every_message() {
    let (from_client, from_server) = examples();
    let mut texts: Vec<String> =
        from_client.iter().map(|message| serde_json::to_string(message).unwrap()).collect();
    texts.extend(from_server.iter().map(|message| serde_json::to_string(message).unwrap()));
    let missing: Vec<&String> = texts.iter().filter(|text| !PAGE.lines().any(|line| line == *text)).collect();
    assert!(missing.is_empty(), "the page lacks:\n{missing:#?}");
    let examples = PAGE.lines().filter(|line| line.starts_with("{\"type\"")).count();
    assert_eq!(examples, texts.len(), "and has no other examples");
    for (message, text) in from_client.iter().zip(&texts) {
        assert_eq!(serde_json::from_str::<FromClient>(text).unwrap(), *message);
    }
}

#[test]
fn the_page_has_the_golden_code() {
    let key = ServerKey::new([1; 32]);
    let room = meshwork_core::id::RoomId([2; 32]);
    for attempt in 0..2 {
        let row = format!("| {attempt} | `{}` |", key.code(room, attempt));
        assert!(PAGE.contains(&row), "the page lacks {row}");
    }
}

#[test]
fn the_page_names_every_reason() {
    let reasons = [
        ServerRefusal::Malformed,
        ServerRefusal::Version,
        ServerRefusal::Signature,
        ServerRefusal::OutOfOrder,
        ServerRefusal::Replaced,
        ServerRefusal::NoSuchRoom,
        ServerRefusal::NoSuchMember,
        ServerRefusal::RoomFull,
        ServerRefusal::ServerFull,
        ServerRefusal::TooManyRooms,
        ServerRefusal::TooLarge,
        ServerRefusal::TooFast,
        ServerRefusal::Idle,
        ServerRefusal::SlowReader,
        ServerRefusal::ShuttingDown,
        ServerRefusal::Banned,
    ];
    for reason in reasons {
        let row = format!("| `{}` |", serde_json::to_string(&reason).unwrap().trim_matches('"'));
        assert!(PAGE.contains(&row), "the page lacks {row}");
    }
}
