//! Rooms: registering, finding, waiting, joining, leaving, and how long they are kept.

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn by_code(world: &World, room: RoomId) -> FromClient {
    FromClient::Lookup { room: None, code: Some(world.hub.key.code(room, 0)) }
}

fn by_id(room: RoomId) -> FromClient {
    FromClient::Lookup { room: Some(room), code: None }
}

#[test]
fn registered_room_is_found_by_id_and_code() {
    let mut world = World::new();
    let (bytes, room) = genesis(1);
    world.register(1);
    let socket = world.enter(&someone(1));
    let code = world.hub.key.code(room, 0);
    let found = FromServer::Found { room, code, genesis: bytes };
    for lookup in [by_code(&world, room), by_id(room)] {
        world.say(socket, lookup);
        assert_eq!(world.heard_one(socket), found);
    }
}

#[test]
fn registering_does_not_join() {
    let mut world = World::new();
    let room = world.register(1);
    let registrant = world.enter(&someone(1));
    world.say(registrant, FromClient::Register { genesis: genesis(1).0 });
    world.heard(registrant);
    let member = world.join(&someone(2), room);
    assert_eq!(world.heard(registrant), []);
    world.say(registrant, signal(room, someone(2).endpoint));
    world.refusal(registrant, ServerRefusal::NoSuchRoom);
    assert_eq!(world.heard(member), []);
}

#[test]
fn registering_again_is_answered_alike() {
    let mut world = World::new();
    let (bytes, _) = genesis(1);
    let sockets = [world.enter(&someone(1)), world.enter(&someone(2))];
    let answers: Vec<FromServer> = sockets
        .into_iter()
        .map(|socket| {
            world.say(socket, FromClient::Register { genesis: bytes.clone() });
            world.heard_one(socket)
        })
        .collect();
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.hub.room_count(), 1);
}

#[test]
fn hub_for_one_room_takes_in_no_other() {
    let ((own, room), (other, stranger)) = (genesis(1), genesis(2));
    let mut world = World::with(HubConfig { only_room: Some(room), ..HubConfig::default() });
    let socket = world.enter(&someone(1));
    world.say(socket, FromClient::Register { genesis: other });
    assert!(world.refusal(socket, ServerRefusal::ServerFull).contains("one room"));
    world.say(socket, by_id(stranger));
    assert!(matches!(world.heard_one(socket), FromServer::Unknown { .. }));
    world.say(socket, FromClient::Register { genesis: own });
    assert!(matches!(world.heard_one(socket), FromServer::Found { room: found, .. } if found == room));
    assert_eq!(world.hub.room_count(), 1);
}

#[test]
fn a_genesis_that_does_not_hold_is_named() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    let mut changed = genesis(1).0.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    world.say(socket, FromClient::Register { genesis: Base64::new(changed).unwrap() });
    let owner = Identity::from_secret([99; 32]).peer();
    assert!(world.goodbye(socket, ServerRefusal::Signature).contains(&owner.to_string()));

    let socket = world.enter(&someone(1));
    world.say(socket, FromClient::Register { genesis: Base64::new([2; 100]).unwrap() });
    world.goodbye(socket, ServerRefusal::Malformed);
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn other_genesis_versions_are_named_in_words() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    for (format, words) in [(1, "made by Meshwork 0.1"), (3, "update")] {
        let mut other = genesis(1).0.to_vec();
        other[0] = format;
        world.say(socket, FromClient::Register { genesis: Base64::new(other).unwrap() });
        let told = world.refusal(socket, ServerRefusal::Version);
        assert!(told.contains(words), "{told}");
    }
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn joining_never_makes_a_room() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    let (_, room) = genesis(1);
    world.say(socket, FromClient::Join { room, token: None });
    assert!(world.refusal(socket, ServerRefusal::NoSuchRoom).contains(&room.to_string()));
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn members_hear_of_each_other() {
    let mut world = World::new();
    let room = world.register(1);
    let first = world.join(&someone(1), room);
    let second = world.enter(&someone(2));
    world.say(second, FromClient::Join { room, token: None });
    let announced = |secret| announce::announce(&someone(secret).identity, someone(secret).endpoint, [7; 32]);
    assert_eq!(
        world.heard_one(second),
        FromServer::Joined { room, members: vec![announced(1)], others: Some(1) }
    );
    assert_eq!(world.heard_one(first), FromServer::MemberJoined { room, announcement: announced(2) });

    world.say(second, FromClient::Leave { room: Some(room), code: None });
    let endpoint = someone(2).endpoint;
    assert_eq!(world.heard_one(first), FromServer::MemberLeft { room, endpoint });
    world.say(second, FromClient::Leave { room: Some(room), code: None });
    assert_eq!((world.heard(first), world.heard(second)), (vec![], vec![]), "leaving twice says nothing");

    world.say(second, FromClient::Join { room, token: None });
    world.heard(first);
    world.close(second);
    assert_eq!(world.heard_one(first), FromServer::MemberLeft { room, endpoint });
}

#[test]
fn joining_again_tells_changes_and_is_not_announced() {
    let mut world = World::new();
    let room = world.register(1);
    let first = world.join(&someone(1), room);
    let second = world.join(&someone(2), room);
    for socket in [first, second] {
        world.say(socket, FromClient::Join { room, token: None });
        assert!(matches!(world.heard_one(socket), FromServer::Joined { members, .. } if members.is_empty()));
    }
    assert_eq!(world.heard(first), []);
    // Who left and comes back is told everything anew.
    world.say(second, FromClient::Leave { room: Some(room), code: None });
    world.say(second, FromClient::Join { room, token: None });
    assert!(matches!(world.heard_one(second), FromServer::Joined { members, .. } if members.len() == 1));
}

#[test]
fn an_unknown_room_waits_until_it_is_registered() {
    let mut world = World::new();
    let (bytes, room) = genesis(1);
    let (with_code, with_id) = (world.enter(&someone(1)), world.enter(&someone(2)));
    let code = world.hub.key.code(room, 0);
    let lookup = by_code(&world, room);
    world.say(with_code, lookup);
    assert_eq!(world.heard_one(with_code), FromServer::Unknown { room: None, code: Some(code) });
    world.say(with_id, by_id(room));
    assert_eq!(world.heard_one(with_id), FromServer::Unknown { room: Some(room), code: None });
    assert_eq!(world.hub.wait_count(), 2);

    world.register(1);
    let found = FromServer::Found { room, code, genesis: bytes };
    assert_eq!(world.heard_one(with_code), found);
    assert_eq!(world.heard_one(with_id), found);
    assert_eq!(world.hub.wait_count(), 0);
}

#[test]
fn whoever_waits_and_registers_is_answered_once() {
    let mut world = World::new();
    let (bytes, room) = genesis(1);
    let socket = world.enter(&someone(1));
    let lookup = by_code(&world, room);
    world.say(socket, lookup);
    world.say(socket, by_id(room));
    world.heard(socket);
    world.say(socket, FromClient::Register { genesis: bytes });
    assert!(matches!(world.heard_one(socket), FromServer::Found { .. }));
    assert_eq!(world.hub.wait_count(), 0);
}

#[test]
fn waits_end_with_the_socket_or_a_leave() {
    let mut world = World::new();
    let (_, room) = genesis(1);
    let socket = world.enter(&someone(1));
    world.say(socket, by_id(room));
    world.say(socket, by_id(room));
    assert_eq!(world.hub.wait_count(), 1, "asking twice waits once");
    world.say(socket, FromClient::Leave { room: Some(room), code: None });
    assert_eq!(world.hub.wait_count(), 0);
    world.say(socket, by_id(room));
    world.close(socket);
    assert_eq!(world.hub.wait_count(), 0);
}

#[test]
fn lookup_names_either_a_room_or_a_code() {
    let (_, room) = genesis(1);
    let code = ServerKey::new([1; 32]).code(room, 0);
    for (room, code) in [(None, None), (Some(room), Some(code))] {
        let mut world = World::new();
        let socket = world.enter(&someone(1));
        world.say(socket, FromClient::Lookup { room, code });
        assert!(world.goodbye(socket, ServerRefusal::Malformed).contains("exactly one"));
    }
}

#[test]
fn emptied_room_is_kept_for_seven_days() {
    let mut world = World::new();
    let room = world.register(1);
    let member = world.join(&someone(1), room);
    // While somebody is there, it is kept for ever.
    for _ in 0..30 * 24 * 60 {
        world.say(member, FromClient::KeepAlive);
        world.wait(60 * SECOND);
        world.inboxes.clear();
    }
    assert_eq!(world.hub.room_count(), 1);
    world.say(member, FromClient::Leave { room: Some(room), code: None });
    world.close(member);
    world.wait(7 * DAY - SECOND);
    let late = world.enter(&someone(2));
    world.say(late, by_id(room));
    assert!(matches!(world.heard_one(late), FromServer::Found { .. }));
    world.close(late);
    world.wait(SECOND);
    assert_eq!(world.hub.room_count(), 0);
    assert_eq!(world.hub.poll_timeout(), None, "nothing is left to wait for");
}

#[test]
fn never_joined_room_is_kept_for_five_minutes() {
    let mut world = World::new();
    world.register(1);
    world.wait(5 * 60 * SECOND - SECOND);
    assert_eq!(world.hub.room_count(), 1);
    world.wait(SECOND);
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn a_member_that_vanishes_counts_as_left() {
    let mut world = World::new();
    let room = world.register(1);
    world.join(&someone(1), room);
    let idle_after = world.hub.config().idle_after;
    world.wait(idle_after + 7 * DAY - SECOND);
    assert_eq!(world.hub.room_count(), 1);
    world.wait(SECOND);
    assert_eq!(world.hub.room_count(), 0);
}

#[test]
fn restart_with_same_key_gives_same_codes() {
    let code = |seed| {
        let hub = Hub::new(HubConfig::default(), ServerKey::new([5; 32]), seed).unwrap();
        let mut world = World { hub, ..World::new() };
        let socket = world.enter(&someone(1));
        world.say(socket, FromClient::Register { genesis: genesis(1).0 });
        let FromServer::Found { code, .. } = world.heard_one(socket) else { panic!("not found") };
        code
    };
    assert_eq!(code([1; 32]), code([2; 32]));
}

#[test]
fn reserved_codes_are_never_drawn() {
    let (first, second) = (genesis(1).1, genesis(2).1);
    let key = ServerKey::new([1; 32]);
    let reserved = BTreeSet::from([key.code(first, 0), key.code(first, 1)]);
    let mut world = World::with(HubConfig { reserved, ..HubConfig::default() });
    world.register(1);
    assert_eq!(world.hub.room_of(key.code(first, 2)), Some(first));
    let (of_room, own) = (key.code(first, 2), key.code(second, 0));
    for taken in [of_room, key.code(first, 0), "HEALTH".parse().unwrap()] {
        assert_eq!(world.hub.reserve(taken), Err(ReserveError::Taken(taken)));
    }
    assert_eq!(world.hub.reserve(own), Ok(()));
    world.hub.reconfigure(HubConfig::default()).unwrap();
    world.register(2);
    assert_eq!(world.hub.room_of(key.code(second, 1)), Some(second));
    assert_eq!((world.hub.release(own), world.hub.release(own)), (true, false));
}

#[test]
fn members_are_counted_by_code_in_all_circles() {
    let mut world = World::new();
    let room = world.register(1);
    let code = world.hub.key.code(room, 0);
    assert_eq!(world.hub.member_count(code), Some(0));
    let open = world.join(&someone(1), room);
    let private = world.enter(&someone(2));
    world.say(private, FromClient::Join { room, token: Some([7; 32].into()) });
    assert_eq!(world.hub.member_count(code), Some(2));
    world.close(open);
    assert_eq!(world.hub.member_count(code), Some(1));
    assert_eq!(world.hub.member_count(world.hub.key.code(room, 1)), None);
}

#[test]
fn strangers_count_members_of_few_unknown_codes() {
    let mut world = World::new();
    let room = world.register(1);
    let (known, unknown) = (world.hub.key.code(room, 0), world.hub.key.code(room, 1));
    let address = IpAddr::from([198, 51, 100, 7]);
    let now = world.now;
    for _ in 0..GUESSES.burst {
        assert_eq!(world.hub.member_count_for(now, address, known), Ok(Some(0)));
        assert_eq!(world.hub.member_count_for(now, address, unknown), Ok(None));
    }
    for code in [known, unknown] {
        assert_eq!(world.hub.member_count_for(now, address, code), Err(TooManyCodes));
    }
    assert_eq!(world.hub.member_count_for(now, IpAddr::from([198, 51, 200, 7]), unknown), Ok(None));
}
