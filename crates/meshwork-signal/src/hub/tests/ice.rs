//! STUN and TURN servers: who is told of them, when, and that credentials are bound and lapse.

use meshwork_core::seam::ice_server::IceServer;

use super::*;
use crate::turn::credentials::{CredentialsError, LIFE, Secret};

const SECRET: &str = "a secret of the relay";
const NOON: WallTime = WallTime(1_700_000_000_000_000);

fn with_relay() -> World {
    let secret = Secret::from_text(SECRET).unwrap();
    let urls = ["turn:relay.example.org", "turn:relay.example.org?transport=tcp"].map(String::from);
    World::with(HubConfig { ice: IceOffer::external(urls.into(), secret), ..HubConfig::default() })
}

fn servers(message: FromServer) -> (RoomId, Vec<IceServer>) {
    match message {
        FromServer::IceServers { room, servers, lasts_ms: 600_000 } => (room, servers),
        other => panic!("{other:?} names no servers for ten minutes"),
    }
}

#[test]
fn newcomer_hears_relays_first_and_may_ask_again() {
    let mut world = with_relay();
    let (room, ann) = (world.register(1), someone(1));
    let socket = world.enter(&ann);
    world.say(socket, FromClient::Join { room, token: None });
    let mut heard = world.heard(socket);
    assert!(matches!(heard.pop(), Some(FromServer::Joined { .. })));
    let (told, first) = servers(heard.remove(0));
    assert_eq!((told, heard), (room, vec![]));
    let [stun, relay] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(stun, &IceServer::open("stun:relay.example.org"), "which answers STUN as well");
    let secret = Secret::from_text(SECRET).unwrap();
    let verify = |relay: &IceServer, at| {
        secret.verify(&relay.username, &relay.credential, at).map(|name| name.name.to_owned())
    };
    assert_eq!(verify(relay, NOON), Ok(format!("{room}:{}", ann.endpoint)), "bound to room and endpoint");
    assert!(matches!(verify(relay, NOON + LIFE), Err(CredentialsError::Expired { .. })));
    world.wait(60 * SECOND);
    world.say(socket, FromClient::IceServers { room });
    let (_, again) = servers(world.heard_one(socket));
    assert!(verify(&again[1], NOON + LIFE).is_ok(), "they last ten minutes from when they were asked for");
}

#[test]
fn outsider_of_a_room_hears_of_no_relay() {
    let mut world = with_relay();
    let room = world.register(1);
    let stranger = world.enter(&someone(1));
    world.say(stranger, FromClient::IceServers { room });
    world.refusal(stranger, ServerRefusal::NoSuchRoom);
}

#[test]
fn a_server_without_relays_says_nothing_of_them() {
    let mut world = World::new();
    let room = world.register(1);
    let socket = world.enter(&someone(1));
    world.say(socket, FromClient::Join { room, token: None });
    assert!(matches!(world.heard_one(socket), FromServer::Joined { .. }));
    world.say(socket, FromClient::IceServers { room });
    assert_eq!(servers(world.heard_one(socket)), (room, vec![]));
}

#[test]
fn private_rooms_relay_apart_from_outsiders() {
    let mut world = with_relay();
    let room = world.register(1);
    let mut told = |secret: u8, token: Option<u8>| {
        let socket = world.enter(&someone(secret));
        world.say(socket, FromClient::Join { room, token: token.map(|byte| [byte; 32].into()) });
        let (_, told) = servers(world.heard(socket).remove(0));
        let name = told[1].username.split_once(':').unwrap().1;
        name.split_once(':').unwrap().0.to_owned()
    };
    let outside = told(1, None);
    assert_eq!(outside, room.to_string());
    let inside = told(2, Some(7));
    assert_eq!((told(3, Some(7)), inside == outside), (inside.clone(), false));
    assert_ne!(told(4, Some(8)), inside, "nor do those who show another token");
}
