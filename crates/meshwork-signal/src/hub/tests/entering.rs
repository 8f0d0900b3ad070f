//! Entering: proofs, versions, order, replacement, rubbish.

use super::*;

#[test]
fn the_hub_speaks_first() {
    let mut world = World::new();
    let socket = world.open();
    let FromServer::Welcome { versions, time_ms, keep_alive_ms, .. } = world.heard_one(socket) else {
        panic!("no welcome")
    };
    assert_eq!((versions, time_ms, keep_alive_ms), (VERSIONS, 1_700_000_000_000, 25_000));
}

#[test]
fn a_proof_for_another_socket_does_not_hold() {
    let mut world = World::new();
    let (first, second) = (world.open(), world.open());
    let challenge = world.challenge(first);
    world.say(second, someone(1).enter(&challenge));
    let words = world.goodbye(second, ServerRefusal::Signature);
    assert!(words.contains(&someone(1).endpoint.to_string()), "{words}");
    assert_eq!(world.heard(first), []);
}

#[test]
fn sealing_key_unsigned_by_its_peer_is_refused() {
    let mut world = World::new();
    let socket = world.open();
    let challenge = world.challenge(socket);
    let FromClient::Enter { version, mut announcement, proof } = someone(1).enter(&challenge) else {
        unreachable!()
    };
    announcement.sealing_key = [8; 32].into();
    world.say(socket, FromClient::Enter { version, announcement, proof });
    assert!(world.goodbye(socket, ServerRefusal::Signature).contains("sealing key"));
}

#[test]
fn an_unknown_version_is_named() {
    let mut world = World::new();
    let socket = world.open();
    let challenge = world.challenge(socket);
    let FromClient::Enter { announcement, proof, .. } = someone(1).enter(&challenge) else { unreachable!() };
    world.say(socket, FromClient::Enter { version: 7, announcement, proof });
    assert_eq!(
        world.goodbye(socket, ServerRefusal::Version),
        "version 7 is not 2 to 2: reload the page, or update the program"
    );
}

#[test]
fn nothing_is_done_before_entering() {
    let (genesis, room) = genesis(1);
    let to = someone(2).endpoint;
    for (message, name) in [
        (FromClient::Register { genesis }, "register"),
        (FromClient::Lookup { room: Some(room), code: None }, "lookup"),
        (FromClient::Join { room, token: None }, "join"),
        (FromClient::Leave { room: Some(room), code: None }, "leave"),
        (signal(room, to), "signal"),
        (FromClient::KeepAlive, "keep-alive"),
    ] {
        let mut world = World::new();
        let socket = world.open();
        world.say(socket, message);
        assert_eq!(world.goodbye(socket, ServerRefusal::OutOfOrder), format!("`{name}` before `enter`"));
        assert_eq!((world.hub.room_count(), world.hub.wait_count()), (0, 0));
    }
}

#[test]
fn second_socket_of_an_endpoint_replaces_the_first() {
    let mut world = World::new();
    let room = world.register(1);
    let first = world.join(&someone(1), room);
    let other = world.join(&someone(2), room);
    world.heard(first);
    let second = world.enter(&someone(1));
    world.goodbye(first, ServerRefusal::Replaced);
    let endpoint = someone(1).endpoint;
    assert_eq!(world.heard_one(other), FromServer::MemberLeft { room, endpoint });
    world.say(second, FromClient::Join { room, token: None });
    assert!(matches!(world.heard_one(other), FromServer::MemberJoined { .. }));
    // The late end of the first socket's connection takes nothing from the second.
    world.close(first);
    assert_eq!(world.heard(other), []);
    world.say(other, signal(room, endpoint));
    assert!(matches!(world.heard(second).pop(), Some(FromServer::Signal { .. })));
}

#[test]
fn two_tabs_of_one_peer_are_two_endpoints() {
    let mut world = World::new();
    let first = world.enter(&someone(1));
    let mut tab = someone(1);
    tab.endpoint.instance = Instance(77);
    world.enter(&tab);
    assert!(!world.closed.contains(&first));
    assert_eq!(world.hub.socket_count(), 2);
}

#[test]
fn rubbish_is_answered_with_the_offending_value() {
    for (text, named) in [
        ("", "EOF"),
        ("hello", "hello"),
        ("[1,2", "[1,2"),
        ("{}", "missing field `type`"),
        (r#"{"type":"enter"}"#, "missing field `version`"),
        (r#"{"type":"join","room":"short"}"#, "short"),
        (r#"{"type":"lookup","code":"AAAAA0"}"#, "AAAAA0"),
        (r#"{"type":"register","genesis":"=="}"#, "=="),
    ] {
        let mut world = World::new();
        let socket = world.open();
        world.text(socket, text);
        let words = world.goodbye(socket, ServerRefusal::Malformed);
        assert!(words.contains(named), "{text}: {words}");
    }
}

#[test]
fn long_rubbish_is_shown_in_part() {
    let mut world = World::new();
    let socket = world.open();
    world.text(socket, &"é".repeat(5_000));
    assert!(world.goodbye(socket, ServerRefusal::Malformed).len() < 400);
}

#[test]
fn messages_of_later_versions_are_ignored() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    world.text(socket, r#"{"type":"dance","partner":[1,{"deep":null}]}"#);
    assert_eq!(world.heard(socket), []);
    world.say(socket, FromClient::KeepAlive);
    assert_eq!(world.heard_one(socket), FromServer::KeepAlive);
}

#[test]
fn what_is_no_text_is_named() {
    for (rubbish, reason, named) in [
        (Rubbish::Binary { length: 12 }, ServerRefusal::Malformed, "12 bytes"),
        (Rubbish::TooLarge { length: 99_999 }, ServerRefusal::TooLarge, "99999 bytes"),
        (Rubbish::Frame("reserved bits".into()), ServerRefusal::Malformed, "reserved bits"),
    ] {
        let mut world = World::new();
        let socket = world.open();
        world.rubbish(socket, rubbish);
        assert!(world.goodbye(socket, reason).contains(named));
    }
}

#[test]
fn shutting_down_says_goodbye_to_all() {
    let mut world = World::new();
    let room = world.register(1);
    let member = world.join(&someone(1), room);
    let other = world.join(&someone(2), room);
    world.heard(member);
    let stranger = world.open();
    world.heard(stranger);
    world.hub.shut_down(world.now);
    world.drain();
    for socket in [member, other, stranger] {
        assert!(matches!(
            world.heard_one(socket),
            FromServer::Goodbye { reason: ServerRefusal::ShuttingDown, .. }
        ));
    }
    let late = world.open();
    world.goodbye(late, ServerRefusal::ShuttingDown);
    assert_eq!(world.hub.socket_count(), 0);
}

#[test]
fn same_seed_same_outputs() {
    let run = || {
        let mut world = World::new();
        let room = world.register(1);
        world.join(&someone(1), room);
        let socket = world.open();
        (world.heard(socket), world.hub.poll_timeout())
    };
    assert_eq!(run(), run());
}
