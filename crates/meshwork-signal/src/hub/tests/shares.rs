//! What somebody with many networks takes from everybody else: nothing.

use super::*;

fn world(change: impl FnOnce(&mut HubConfig)) -> World {
    let mut config = HubConfig::default();
    change(&mut config);
    World::with(config)
}

fn enter_from(world: &mut World, address: &str, secret: u8) -> SocketId {
    let socket = world.open_from(address);
    world.enter_on(socket, &someone(secret));
    socket
}

fn register_from(world: &mut World, address: &str, nonce: u8) -> (SocketId, RoomId) {
    let (bytes, room) = genesis(nonce);
    let socket = enter_from(world, address, nonce);
    world.say(socket, FromClient::Register { genesis: bytes });
    (socket, room)
}

#[test]
fn rooms_from_many_networks_give_way_to_innocents() {
    let mut world = world(|config| (config.rooms_max, config.rooms_per_network_max) = (100, 100));
    let (_keeper, kept) = register_from(&mut world, "192.0.2.1", 1);
    world.join(&someone(2), kept);
    for number in 0..120 {
        register_from(&mut world, &format!("2001:db8:7:{number:x}::1"), 20 + number);
    }
    assert_eq!(world.hub.room_count(), 100);
    assert!(world.hub.rooms.get(kept).is_some());
    for nonce in 200..220 {
        let (socket, room) = register_from(&mut world, &format!("198.51.{nonce}.1"), nonce);
        assert!(matches!(world.heard_one(socket), FromServer::Found { .. }), "an innocent finds a place");
        assert!(world.hub.rooms.get(room).is_some());
    }
    assert!(world.hub.rooms.get(kept).is_some());
}

#[test]
fn unused_rooms_of_a_network_go_first() {
    let mut world = world(|config| (config.rooms_max, config.rooms_per_network_max) = (3, 3));
    let (member, used) = register_from(&mut world, "192.0.2.1", 1);
    world.say(member, FromClient::Join { room: used, token: None });
    let (_, left) = register_from(&mut world, "192.0.2.1", 2);
    let visitor = world.join(&someone(9), left);
    world.say(visitor, FromClient::Leave { room: Some(left), code: None });
    let (_, unjoined) = register_from(&mut world, "192.0.2.1", 3);
    world.inboxes.clear();
    for (nonce, expected) in [(4, unjoined), (5, left)] {
        register_from(&mut world, &format!("198.51.{nonce}.1"), nonce);
        assert!(world.hub.rooms.get(expected).is_none());
    }
    assert!(world.hub.rooms.get(used).is_some());
    assert_eq!(world.heard(member), [], "who is in a room hears nothing of it");
}

#[test]
fn sockets_from_many_networks_give_way_to_innocents() {
    let mut world = world(|config| (config.sockets_max, config.sockets_per_network_max) = (400, 10));
    let room = world.register(1);
    let friend = enter_from(&mut world, "192.0.2.1", 2);
    world.say(friend, FromClient::Join { room, token: None });
    // Twelve /64s of one site, as many sockets each as a /64 may have.
    for number in 0..200 {
        world.open_from(&format!("2001:db8:7:{:x}00::1", number % 12));
    }
    assert_eq!(
        world.hub.holders.heaviest().next().map(|(_, count)| count),
        Some(40),
        "a /48 stands for four"
    );
    // And as many sites as it takes to fill everything.
    for number in 0..600 {
        world.open_from(&format!("2001:db9:{number:x}::1"));
    }
    assert_eq!(world.hub.socket_count(), 400);
    for secret in 100..110 {
        let socket = enter_from(&mut world, &format!("198.51.{secret}.1"), secret);
        world.say(socket, FromClient::Join { room, token: None });
        assert!(matches!(world.heard_one(socket), FromServer::Joined { .. }));
    }
    assert!(!world.closed.contains(&friend), "who is in a room and holds one socket stays");
    assert_eq!(world.hub.socket_count(), 400);
}

fn join_with(world: &mut World, socket: SocketId, room: RoomId, secret: Option<u8>) -> (usize, Option<u64>) {
    let token = secret.map(|secret| Base64::from([secret; 32]));
    world.say(socket, FromClient::Join { room, token });
    match world.heard_one(socket) {
        FromServer::Joined { members, others, .. } => (members.len(), others),
        other => panic!("{other:?}"),
    }
}

#[test]
fn private_rooms_name_nobody_without_the_secret() {
    let mut world = World::new();
    let room = world.register(1);
    let [first, second, ghost, guesser] =
        [1, 2, 3, 4].map(|secret| enter_from(&mut world, &format!("198.51.{secret}.1"), secret));
    assert_eq!(join_with(&mut world, first, room, Some(9)), (0, Some(0)));
    assert_eq!(join_with(&mut world, ghost, room, None), (0, Some(0)));
    assert_eq!(join_with(&mut world, guesser, room, Some(8)), (0, Some(0)));
    assert_eq!(join_with(&mut world, second, room, Some(9)), (1, Some(1)));
    assert!(matches!(world.heard_one(first), FromServer::MemberJoined { .. }));
    assert_eq!((world.heard(ghost), world.heard(guesser)), (vec![], vec![]));
    // Nor does anybody carry what it says to them.
    world.say(ghost, signal(room, someone(1).endpoint));
    world.refusal(ghost, ServerRefusal::NoSuchMember);
    world.say(second, signal(room, someone(1).endpoint));
    assert!(matches!(world.heard_one(first), FromServer::Signal { .. }));
    // Whoever shows another token has left the one circle for the other.
    assert_eq!(join_with(&mut world, second, room, None), (1, Some(1)));
    assert!(matches!(world.heard_one(first), FromServer::MemberLeft { .. }));
}

#[test]
fn newcomers_among_ghosts_are_named_answering_members() {
    let mut world = world(|config| config.sockets_per_network_max = 200);
    let room = world.register(1);
    for ghost in 0..150 {
        let socket = enter_from(&mut world, &format!("198.51.100.{}", ghost % 3), ghost);
        join_with(&mut world, socket, room, None);
    }
    let honest: Vec<SocketId> = (150..180)
        .map(|secret| {
            let socket = enter_from(&mut world, &format!("203.0.{secret}.1"), secret);
            join_with(&mut world, socket, room, None);
            socket
        })
        .collect();
    // Each was signalled to by another, and answered.
    for (number, &socket) in (150..180).zip(&honest) {
        let other = if number == 179 { 150 } else { number + 1 };
        world.say(honest[usize::from(other) - 150], signal(room, someone(number).endpoint));
        world.say(socket, signal(room, someone(other).endpoint));
    }
    world.inboxes.clear();
    let newcomer = enter_from(&mut world, "192.0.2.77", 200);
    world.say(newcomer, FromClient::Join { room, token: None });
    let FromServer::Joined { members, others, .. } = world.heard_one(newcomer) else { panic!("not joined") };
    assert_eq!((members.len(), others), (NAMED_MAX, Some(180)));
    let is_honest = |endpoint: Endpoint| (150..180).any(|secret| someone(secret).endpoint == endpoint);
    let known = members.iter().filter(|member| is_honest(member.endpoint)).count();
    assert!(known >= NAMED_MAX / 4 * 3, "{known} of {NAMED_MAX}");
    // Whoever reached nobody asks for others, and is named others.
    world.say(newcomer, FromClient::Join { room, token: None });
    let FromServer::Joined { members: more, .. } = world.heard_one(newcomer) else { panic!("not joined") };
    assert!(more.len() == NAMED_MAX && more.iter().all(|member| !members.contains(member)));
}

/// Sockets of `count` people at addresses who are all in a room.
fn members(
    world: &mut World,
    room: RoomId,
    count: u8,
    address: impl Fn(u8) -> String,
) -> Vec<(u8, SocketId)> {
    let joined = (0..count).map(|secret| {
        let socket = enter_from(world, &address(secret), secret);
        join_with(world, socket, room, None);
        (secret, socket)
    });
    joined.collect()
}

fn is_held_back(heard: &[FromServer]) -> bool {
    heard.iter().any(|message| {
        matches!(message, FromServer::Refused { reason: ServerRefusal::TooFast, endpoint: Some(_), .. })
    })
}

#[test]
fn meeting_behind_one_address_links_at_once() {
    // A class of 30, and the largest meeting that the share of a network is made for.
    for count in [30, 64] {
        let mut world = World::new();
        let room = world.register(1);
        let members = members(&mut world, room, count, |_| String::from("192.0.2.7"));
        world.inboxes.clear();
        // Each offers, asks or answers, and names its candidates.
        for _ in 0..3 {
            for &(from, socket) in &members {
                for &(to, _) in members.iter().filter(|(to, _)| *to != from) {
                    world.say(socket, signal(room, someone(to).endpoint));
                }
            }
        }
        for &(_, socket) in &members {
            let heard = world.heard(socket);
            assert_eq!(heard.len(), 3 * (usize::from(count) - 1), "all of them arrive");
            assert!(!is_held_back(&heard));
        }
    }
}

#[test]
fn one_address_takes_half_of_a_members_answers() {
    let mut world = World::new();
    let room = world.register(1);
    let member = enter_from(&mut world, "198.51.100.1", 201);
    join_with(&mut world, member, room, None);
    let ghosts = members(&mut world, room, 150, |_| String::from("192.0.2.7"));
    world.inboxes.clear();
    let to = someone(201).endpoint;
    for &(_, socket) in &ghosts {
        world.say(socket, signal(room, to));
    }
    assert_eq!(world.heard(member).len(), 64);
    let held_back = ghosts.iter().filter(|&&(_, socket)| is_held_back(&world.heard(socket)));
    assert_eq!(held_back.count(), 150 - 64, "and are told so");
    // Who is elsewhere, and whoever the member itself speaks to, is not concerned.
    let newcomer = enter_from(&mut world, "203.0.113.9", 202);
    join_with(&mut world, newcomer, room, None);
    world.inboxes.clear();
    world.say(newcomer, signal(room, to));
    world.say(member, signal(room, someone(202).endpoint));
    world.say(member, signal(room, someone(149).endpoint));
    world.say(ghosts[149].1, signal(room, to));
    assert_eq!((world.heard(member).len(), world.heard(newcomer).len()), (2, 1));
    world.wait(10 * SECOND);
    world.say(ghosts[148].1, signal(room, to));
    assert_eq!(world.heard(member).len(), 1, "after a while they may again");
}

#[test]
fn lookups_of_one_site_leave_places_for_others() {
    let mut world = world(|config| config.waits_max = 40);
    let lookup = |nonce| FromClient::Lookup { room: Some(genesis(nonce).1), code: None };
    for number in 0..10 {
        let socket = enter_from(&mut world, &format!("2001:db8:7:{number:x}::1"), number);
        (0..8).for_each(|nonce| world.say(socket, lookup(nonce)));
    }
    assert_eq!(world.hub.wait_count(), 40);
    world.inboxes.clear();
    let other = enter_from(&mut world, "192.0.2.1", 100);
    for nonce in 100..105 {
        world.say(other, lookup(nonce));
        assert!(matches!(world.heard_one(other), FromServer::Unknown { .. }), "it waits");
    }
    assert_eq!(world.hub.wait_count(), 40);
    let told = world.inboxes.values().flatten();
    let given_up = told.filter(|message| {
        matches!(message, FromServer::Refused { reason: ServerRefusal::ServerFull, room: Some(_), .. })
    });
    assert_eq!(given_up.count(), 5, "who gave way is told");
    let (sent, _) = genesis(104);
    let owner = enter_from(&mut world, "198.51.100.1", 101);
    world.say(owner, FromClient::Register { genesis: sent });
    assert!(matches!(world.heard_one(other), FromServer::Found { .. }), "the room's owner is found");
    for socket in world.hub.sockets.keys().copied().collect::<Vec<_>>() {
        world.close(socket);
    }
    assert!(world.hub.waits.is_empty());
}

#[test]
fn a_join_costs_what_it_brings_about() {
    let mut world = World::new();
    let room = world.register(1);
    for secret in 1..=30 {
        world.join(&someone(secret), room);
    }
    let socket = enter_from(&mut world, "198.51.100.1", 40);
    let before = world.hub.counts.bytes_sent;
    let mut joins = 0;
    while !world.closed.contains(&socket) {
        world.say(socket, FromClient::Join { room, token: None });
        world.say(socket, FromClient::Leave { room: Some(room), code: None });
        joins += 1;
    }
    let sent = world.hub.counts.bytes_sent - before;
    assert!(sent < 1_500_000, "{sent} bytes for a burst of 1,000 messages");
    assert!(joins > 30, "{joins}");
}

#[test]
fn hub_keeps_nothing_when_all_have_gone() {
    let mut world = World::new();
    for number in 0..100 {
        let (socket, room) = register_from(&mut world, &format!("2001:db8:{number:x}::1"), number);
        if number % 2 == 0 {
            world.say(socket, FromClient::Join { room, token: None });
        }
        let code = Some(meshwork_core::id::Code::from_bits(number.into()));
        world.say(socket, FromClient::Lookup { room: None, code });
        world.close(socket);
    }
    let days = world.hub.config().room_keep;
    world.wait(days + SECOND);
    world.hub.handle_timeout(world.now);
    let hub = &world.hub;
    assert!(hub.sockets.is_empty() && hub.endpoints.is_empty() && hub.holders.is_empty());
    assert_eq!((hub.room_count(), hub.wait_count(), hub.poll_timeout()), (0, 0, None));
    assert_eq!((hub.spending.len(), hub.guessing.len()), (0, 0));
}
