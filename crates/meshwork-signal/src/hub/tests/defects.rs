//! Defects of earlier meeting points, none of which may come back: stolen, ghostly, spoofed and missing ids.

use super::*;

#[test]
fn an_endpoint_cannot_be_stolen() {
    let mut world = World::new();
    let room = world.register(1);
    let owner = world.join(&someone(1), room);
    let other = world.join(&someone(2), room);
    world.heard(owner);

    // The thief claims the endpoint but can only sign with another key.
    let thief = world.open();
    let challenge = world.challenge(thief);
    let mut claim = someone(3);
    claim.endpoint = someone(1).endpoint;
    world.say(thief, claim.enter(&challenge));
    world.goodbye(thief, ServerRefusal::Signature);

    assert!(!world.closed.contains(&owner));
    world.say(other, signal(room, someone(1).endpoint));
    assert!(matches!(world.heard_one(owner), FromServer::Signal { .. }));
}

#[test]
fn nobody_finds_oneself_among_the_members() {
    let mut world = World::new();
    let room = world.register(1);
    world.join(&someone(1), room);
    // The same endpoint again, on the same socket and on another.
    let second = world.enter(&someone(1));
    for _ in 0..2 {
        world.say(second, FromClient::Join { room, token: None });
        assert_eq!(world.heard_one(second), FromServer::Joined { room, members: vec![], others: Some(0) });
    }
    world.say(second, signal(room, someone(1).endpoint));
    world.refusal(second, ServerRefusal::NoSuchMember);
}

#[test]
fn a_socket_that_enters_twice_leaves_no_ghost() {
    let mut world = World::new();
    let room = world.register(1);
    let watcher = world.join(&someone(9), room);
    let socket = world.open();
    let challenge = world.challenge(socket);
    world.say(socket, someone(1).enter(&challenge));
    world.say(socket, FromClient::Join { room, token: None });
    world.heard(watcher);
    world.say(socket, someone(2).enter(&challenge));
    let words = world.goodbye(socket, ServerRefusal::OutOfOrder);
    assert!(words.contains(&someone(1).endpoint.to_string()), "{words}");
    let endpoint = someone(1).endpoint;
    assert_eq!(world.heard_one(watcher), FromServer::MemberLeft { room, endpoint });

    let newcomer = world.enter(&someone(3));
    world.say(newcomer, FromClient::Join { room, token: None });
    let FromServer::Joined { members, .. } = world.heard_one(newcomer) else { panic!("not joined") };
    let members: Vec<Endpoint> = members.iter().map(|member| member.endpoint).collect();
    assert_eq!(members, [someone(9).endpoint]);
}

#[test]
fn from_is_what_the_socket_proved() {
    let mut world = World::new();
    let room = world.register(1);
    let receiver = world.join(&someone(1), room);
    let sender = world.join(&someone(2), room);
    world.heard(receiver);
    let (to, forged) = (someone(1).endpoint, someone(3).endpoint);
    world.text(
        sender,
        &format!(r#"{{"type":"signal","room":"{room}","to":"{to}","from":"{forged}","payload":"AQID"}}"#),
    );
    let from = someone(2).endpoint;
    let payload = Base64::new([1, 2, 3]).unwrap();
    assert_eq!(world.heard_one(receiver), FromServer::Signal { room, from, payload });
}

#[test]
fn joining_without_an_id_is_answered_without_harm() {
    let mut world = World::new();
    let room = world.register(1);
    let member = world.join(&someone(1), room);
    let nameless = world.open();
    world.say(nameless, FromClient::Join { room, token: None });
    assert!(world.goodbye(nameless, ServerRefusal::OutOfOrder).contains("join"));
    let roomless = world.enter(&someone(2));
    world.text(roomless, r#"{"type":"join"}"#);
    assert!(world.goodbye(roomless, ServerRefusal::Malformed).contains("room"));
    assert_eq!(world.heard(member), []);
    world.say(member, FromClient::KeepAlive);
    assert_eq!(world.heard_one(member), FromServer::KeepAlive);
}

#[test]
fn signals_cross_no_room() {
    let mut world = World::new();
    let (room, elsewhere) = (world.register(1), world.register(2));
    let inside = world.join(&someone(1), room);
    let outside = world.join(&someone(2), elsewhere);
    // To a room that one is not in, and to someone who is not in one's room.
    world.say(outside, signal(room, someone(1).endpoint));
    world.refusal(outside, ServerRefusal::NoSuchRoom);
    world.say(outside, signal(elsewhere, someone(1).endpoint));
    world.refusal(outside, ServerRefusal::NoSuchMember);
    world.say(inside, FromClient::Leave { room: Some(room), code: None });
    world.say(inside, signal(room, someone(2).endpoint));
    world.refusal(inside, ServerRefusal::NoSuchRoom);
}
