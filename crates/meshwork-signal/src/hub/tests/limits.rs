//! Every limit of the configuration, reached and held.

use meshwork_core::signed::genesis::GENESIS_MAX;

use super::super::socket::{ASKED_MAX, Membership, NAMED_IN_ALL_MAX};
use super::*;

fn world(change: impl FnOnce(&mut HubConfig)) -> World {
    let mut config = HubConfig::default();
    change(&mut config);
    World::with(config)
}

#[test]
fn rooms_in_all() {
    let mut world = world(|config| {
        config.rooms_max = 2;
        config.rooms_per_network_max = 2;
    });
    let registers = |world: &mut World, address: &str, nonce: u8| {
        let socket = world.open_from(address);
        world.enter_on(socket, &someone(nonce));
        world.say(socket, FromClient::Register { genesis: genesis(nonce).0 });
        socket
    };
    registers(&mut world, "192.0.2.1", 1);
    registers(&mut world, "198.51.100.1", 2);
    let socket = registers(&mut world, "203.0.113.1", 3);
    assert!(world.refusal(socket, ServerRefusal::ServerFull).contains("2 rooms"));
    // What is registered already is still answered.
    world.say(socket, FromClient::Register { genesis: genesis(2).0 });
    assert!(matches!(world.heard_one(socket), FromServer::Found { .. }));
}

#[test]
fn rooms_of_one_network() {
    let mut world = world(|config| config.rooms_per_network_max = 2);
    world.register(1);
    world.register(2);
    let socket = world.enter(&someone(1));
    world.say(socket, FromClient::Register { genesis: genesis(3).0 });
    assert!(world.refusal(socket, ServerRefusal::TooManyRooms).contains("2 rooms"));
    let elsewhere = world.open_from("192.0.2.2");
    world.enter_on(elsewhere, &someone(2));
    world.say(elsewhere, FromClient::Register { genesis: genesis(3).0 });
    assert!(matches!(world.heard_one(elsewhere), FromServer::Found { .. }));
}

#[test]
fn members_of_a_room() {
    let mut world = world(|config| config.members_max = 24);
    let room = world.register(1);
    let sockets: Vec<SocketId> = (1..=24).map(|secret| world.join(&someone(secret), room)).collect();
    let late = world.enter(&someone(25));
    world.say(late, FromClient::Join { room, token: None });
    let words = world.refusal(late, ServerRefusal::RoomFull);
    assert_eq!(words, "it has 24 members, the most this server allows");
    // A member may join again, and a place that is left can be taken.
    world.say(sockets[0], FromClient::Join { room, token: None });
    assert!(matches!(world.heard_one(sockets[0]), FromServer::Joined { .. }));
    world.close(sockets[0]);
    world.say(late, FromClient::Join { room, token: None });
    assert!(matches!(world.heard_one(late), FromServer::Joined { members, .. } if members.len() == 23));
}

#[test]
fn large_room_names_some_and_lets_all_signal() {
    let mut world = world(|config| config.sockets_per_network_max = 200);
    let room = world.register(1);
    let sockets: Vec<SocketId> = (1..=150).map(|secret| world.join(&someone(secret), room)).collect();
    sockets.iter().for_each(|&socket| drop(world.heard(socket)));
    let late = world.enter(&someone(151));
    world.say(late, FromClient::Join { room, token: None });
    let FromServer::Joined { members, .. } = world.heard_one(late) else { panic!("not joined") };
    let named: BTreeSet<Endpoint> = members.iter().map(|member| member.endpoint).collect();
    assert_eq!(named.len(), NAMED_MAX, "a bounded number, and nobody twice");
    let of = |secret: u8| someone(secret).endpoint;
    for (secret, &socket) in (1..=150).zip(&sockets) {
        let is_told = matches!(world.heard(socket)[..], [FromServer::MemberJoined { .. }]);
        assert_eq!(
            is_told,
            named.contains(&of(secret)),
            "the newcomer is named to those that are named to it"
        );
    }
    // Whoever came to know of it by others can signal to it, and it to them.
    let stranger = (1..=150).find(|&secret| !named.contains(&of(secret))).unwrap();
    let payload = Base64::new(vec![1; 40]).unwrap();
    let signal = |to: u8| FromClient::Signal { room, to: of(to), payload: payload.clone() };
    world.say(sockets[usize::from(stranger) - 1], signal(151));
    assert!(matches!(world.heard_one(late), FromServer::Signal { from, .. } if from == of(stranger)));
    world.say(late, signal(stranger));
    assert!(matches!(world.heard_one(sockets[usize::from(stranger) - 1]), FromServer::Signal { .. }));
    // Nobody waits to hear that it left; who signals to it learns that.
    world.close(late);
    assert!(sockets.iter().all(|&socket| world.heard(socket).is_empty()));
    world.say(sockets[0], signal(151));
    world.refusal(sockets[0], ServerRefusal::NoSuchMember);
}

#[test]
fn answer_to_joining_largest_room_fits_one_message() {
    let announcement = announce::announce(&someone(1).identity, someone(1).endpoint, [7; 32]);
    let members = vec![announcement; NAMED_MAX];
    let text = to_text(&FromServer::Joined { room: RoomId([255; 32]), members, others: Some(u64::MAX) });
    assert!(text.len() <= meshwork_core::signalling::protocol::SERVER_MESSAGE_MAX, "{}", text.len());
}

#[test]
fn rooms_of_a_socket() {
    let mut world = world(|config| config.rooms_per_socket_max = 2);
    let rooms: Vec<RoomId> = (1..=3).map(|nonce| world.register(nonce)).collect();
    let socket = world.join(&someone(1), rooms[0]);
    world.say(socket, FromClient::Join { room: rooms[1], token: None });
    world.heard(socket);
    world.say(socket, FromClient::Join { room: rooms[2], token: None });
    assert!(world.refusal(socket, ServerRefusal::TooManyRooms).contains("2 rooms"));
    world.say(socket, FromClient::Leave { room: Some(rooms[0]), code: None });
    world.say(socket, FromClient::Join { room: rooms[2], token: None });
    assert!(matches!(world.heard_one(socket), FromServer::Joined { .. }));
}

#[test]
fn waits_of_a_socket_and_in_all() {
    let mut world = world(|config| {
        config.waits_per_socket_max = 2;
        config.waits_max = 3;
    });
    let lookup = |nonce| FromClient::Lookup { room: Some(genesis(nonce).1), code: None };
    let first = world.enter(&someone(1));
    world.say(first, lookup(1));
    world.say(first, lookup(2));
    world.heard(first);
    world.say(first, lookup(3));
    assert!(world.refusal(first, ServerRefusal::TooManyRooms).contains("2 rooms"));
    let second = world.enter(&someone(2));
    world.say(second, lookup(1));
    world.heard(second);
    world.say(second, lookup(2));
    assert!(world.refusal(second, ServerRefusal::ServerFull).contains("3 lookups"));
    assert_eq!(world.hub.wait_count(), 3);
}

#[test]
fn lookups_that_end_make_place() {
    let mut world = world(|config| config.waits_per_socket_max = 1);
    let socket = world.enter(&someone(1));
    let wanted = [(Some(genesis(1).1), None), (None, Some(world.hub.key.code(genesis(2).1, 0)))];
    for (room, code) in [wanted, wanted].concat() {
        world.say(socket, FromClient::Lookup { room, code });
        assert!(matches!(world.heard_one(socket), FromServer::Unknown { .. }));
        assert_eq!(world.hub.wait_count(), 1);
        world.say(socket, FromClient::Leave { room, code });
        assert_eq!(world.hub.wait_count(), 0);
    }
}

#[test]
fn refused_lookups_name_what_was_asked() {
    let mut world = world(|config| {
        config.waits_per_socket_max = 1;
        config.waits_max = 1;
    });
    let (asked, code) = (genesis(2).1, world.hub.key.code(genesis(2).1, 0));
    let first = world.enter(&someone(1));
    world.say(first, FromClient::Lookup { room: Some(genesis(1).1), code: None });
    world.heard(first);
    let second = world.enter(&someone(2));
    for (socket, why) in [(first, ServerRefusal::TooManyRooms), (second, ServerRefusal::ServerFull)] {
        for wanted in [(Some(asked), None), (None, Some(code))] {
            world.say(socket, FromClient::Lookup { room: wanted.0, code: wanted.1 });
            let FromServer::Refused { reason, room, code, .. } = world.heard_one(socket) else {
                panic!("not refused")
            };
            assert_eq!((reason, (room, code)), (why, wanted));
        }
    }
}

#[test]
fn bytes_of_a_message() {
    let mut world = World::new();
    let most = world.hub.config().message_bytes_max;
    let message = |length| {
        let envelope = r#"{"type":"later","x":""}"#.len();
        format!(r#"{{"type":"later","x":"{}"}}"#, "y".repeat(length - envelope))
    };
    let socket = world.enter(&someone(1));
    world.text(socket, &message(most));
    assert_eq!(world.heard(socket), []);
    world.text(socket, &message(most + 1));
    let words = world.goodbye(socket, ServerRefusal::TooLarge);
    assert!(words.contains(&(most + 1).to_string()), "{words}");
}

#[test]
fn messages_a_second() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    let other = world.enter(&someone(2));
    // `enter` was the first message of the burst.
    for _ in 1..1_000 {
        world.say(socket, FromClient::KeepAlive);
    }
    assert_eq!(world.heard(socket).len(), 999);
    world.wait(SECOND);
    for _ in 0..100 {
        world.say(socket, FromClient::KeepAlive);
    }
    assert_eq!(world.heard(socket).len(), 100);
    world.say(socket, FromClient::KeepAlive);
    assert!(world.goodbye(socket, ServerRefusal::TooFast).contains("100 a second"));
    world.say(other, FromClient::KeepAlive);
    assert_eq!(world.heard_one(other), FromServer::KeepAlive);
}

#[test]
fn pings_count_as_messages_but_not_as_life() {
    let mut world = World::new();
    let flooder = world.enter(&someone(1));
    for _ in 0..1_000 {
        world.hub.handle_ping(world.now, flooder);
    }
    world.drain();
    world.goodbye(flooder, ServerRefusal::TooFast);
    let silent = world.enter(&someone(2));
    for _ in 0..9 {
        world.wait(10 * SECOND);
        world.hub.handle_ping(world.now, silent);
    }
    world.drain();
    world.goodbye(silent, ServerRefusal::Idle);
}

#[test]
fn codes_cannot_be_tried_fast() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    let mut tried = 0;
    while !world.closed.contains(&socket) {
        let code = meshwork_core::id::Code::from_bits(tried);
        world.say(socket, FromClient::Lookup { room: None, code: Some(code) });
        tried += 1;
    }
    world.goodbye(socket, ServerRefusal::TooFast);
    assert_eq!(tried, 50, "1,000 messages at 20 a miss, and one for entering");
}

#[test]
fn household_tries_five_codes_a_second_in_all() {
    let mut world = World::new();
    let room = world.register(1);
    let code = world.hub.key.code(room, 0);
    let mut tried = 0;
    let mut try_for = |world: &mut World, seconds: u32, address: &dyn Fn(u32) -> String| {
        let before = world.hub.counts.lookups;
        let mut answered = 0;
        for _ in 0..seconds {
            for secret in 1..=20 {
                let socket = world.open_from(&address(tried));
                if world.closed.contains(&socket) {
                    continue;
                }
                world.enter_on(socket, &someone(secret));
                for _ in 0..10 {
                    tried += 1;
                    let code = Some(meshwork_core::id::Code::from_bits(tried));
                    world.say(socket, FromClient::Lookup { room: None, code });
                }
                let heard = world.heard(socket);
                answered += heard
                    .iter()
                    .filter(|said| matches!(said, FromServer::Unknown { .. } | FromServer::Refused { .. }))
                    .count();
                world.close(socket);
            }
            world.wait(SECOND);
        }
        assert!(world.hub.counts.lookups - before > 10 * u64::from(seconds), "they try more than that");
        answered
    };
    let household = |number: u32| format!("2001:db8:1:1:{:x}::1", number % 65_536);
    let answered = try_for(&mut world, 60, &household);
    assert!((250..=350).contains(&answered), "50 and five a second: {answered}");
    let site = |number: u32| format!("2001:db8:2:{:x}::1", number % 65_536);
    let answered = try_for(&mut world, 60, &site);
    assert!((1_100..=1_400).contains(&answered), "200 and twenty a second: {answered}");
    // Whoever tries codes learns nothing of a right one either; others find their room.
    let socket = world.open_from("2001:db8:1:1::1");
    world.enter_on(socket, &someone(50));
    (0..60).for_each(|number| {
        let code = Some(meshwork_core::id::Code::from_bits(number));
        world.say(socket, FromClient::Lookup { room: None, code });
    });
    world.goodbye(socket, ServerRefusal::TooFast);
    let socket = world.open_from("2001:db8:1:1::1");
    world.enter_on(socket, &someone(50));
    world.say(socket, FromClient::Lookup { room: None, code: Some(code) });
    world.goodbye(socket, ServerRefusal::TooFast);
    let elsewhere = world.open_from("192.0.2.1");
    world.enter_on(elsewhere, &someone(51));
    for _ in 0..100 {
        world.say(elsewhere, FromClient::Lookup { room: None, code: Some(code) });
        assert!(
            matches!(world.heard_one(elsewhere), FromServer::Found { .. }),
            "those that are there cost nothing"
        );
    }
}

#[test]
fn silence() {
    let mut world = World::new();
    let room = world.register(1);
    let silent = world.join(&someone(1), room);
    let lively = world.join(&someone(2), room);
    world.heard(silent);
    for _ in 0..3 {
        world.wait(25 * SECOND);
        world.say(lively, FromClient::KeepAlive);
    }
    world.heard(lively);
    world.wait(15 * SECOND);
    assert_eq!(world.goodbye(silent, ServerRefusal::Idle), "nothing was heard for 90s");
    let endpoint = someone(1).endpoint;
    assert_eq!(world.heard_one(lively), FromServer::MemberLeft { room, endpoint });
}

#[test]
fn time_to_enter() {
    let mut world = World::new();
    let socket = world.open();
    world.wait(9 * SECOND);
    // What is not an entry does not prolong it.
    world.text(socket, r#"{"type":"later"}"#);
    world.wait(SECOND);
    assert_eq!(world.goodbye(socket, ServerRefusal::Idle), "the socket did not enter within 10s");
}

#[test]
fn sockets_in_all() {
    let mut world = world(|config| {
        config.sockets_max = 2;
        config.sockets_per_network_max = 2;
    });
    let first = world.open_from("192.0.2.1");
    world.open_from("198.51.100.2");
    let third = world.open_from("203.0.113.3");
    assert!(world.goodbye(third, ServerRefusal::ServerFull).contains("2 sockets"));
    world.close(first);
    let fourth = world.open_from("203.0.113.3");
    assert!(matches!(world.heard_one(fourth), FromServer::Welcome { .. }));
}

#[test]
fn sockets_of_one_network() {
    let mut world = world(|config| config.sockets_per_network_max = 2);
    let first = world.open_from("2001:db8::1");
    world.open_from("2001:db8::2");
    let third = world.open_from("2001:db8::3");
    assert!(world.goodbye(third, ServerRefusal::ServerFull).contains("your network"));
    let elsewhere = world.open_from("2001:db8:0:1::1");
    assert!(matches!(world.heard_one(elsewhere), FromServer::Welcome { .. }));
    world.close(first);
    let again = world.open_from("2001:db8::3");
    assert!(matches!(world.heard_one(again), FromServer::Welcome { .. }));
}

#[test]
fn a_reader_that_reads_nothing_is_dropped() {
    let mut world = World::new();
    let room = world.register(1);
    let slow = world.join(&someone(1), room);
    let other = world.join(&someone(2), room);
    world.heard(slow);
    world.is_read = false;
    world.say(other, signal(room, someone(1).endpoint));
    // It goes on talking, so that it is not idle.
    world.is_read = true;
    world.wait(19 * SECOND);
    world.text(slow, r#"{"type":"later"}"#);
    world.wait(SECOND);
    assert!(world.goodbye(slow, ServerRefusal::SlowReader).contains("unread for 20s"));
    assert!(matches!(world.heard_one(other), FromServer::MemberLeft { .. }));
}

#[test]
fn a_slow_reader_that_reads_on_is_kept() {
    let mut world = World::new();
    let room = world.register(1);
    let slow = world.join(&someone(1), room);
    let other = world.join(&someone(2), room);
    world.is_read = false;
    for _ in 0..10 {
        world.say(other, signal(room, someone(1).endpoint));
    }
    for _ in 0..10 {
        world.wait(19 * SECOND);
        world.text(slow, r#"{"type":"later"}"#);
        world.hub.handle_written(world.now, slow, 10);
    }
    assert!(!world.closed.contains(&slow));
}

#[test]
fn signals_alone_do_not_drop_a_slow_reader() {
    let mut world = World::new();
    let room = world.register(1);
    let slow = world.join(&someone(1), room);
    let flooder = world.join(&someone(2), room);
    world.is_read = false;
    let payload = Base64::new(vec![1; 8 * 1024]).unwrap();
    let to = someone(1).endpoint;
    for _ in 0..100 {
        world.say(flooder, FromClient::Signal { room, to, payload: payload.clone() });
    }
    assert!(!world.closed.contains(&slow));
    assert!(world.hub.sockets[&slow].unread_bytes <= world.hub.config().queue_bytes_max / 4 * 3);
    let refused = world.heard(flooder);
    assert!(
        matches!(refused[..], [FromServer::Refused { reason: ServerRefusal::SlowReader, endpoint, .. }, ..]
            if endpoint == Some(to)),
        "{refused:?}"
    );
}

#[test]
fn a_queue_that_overflows_drops_its_reader() {
    let mut world = world(|config| config.queue_bytes_max = 128 * 1024);
    let socket = world.enter(&someone(1));
    world.is_read = false;
    world.say(socket, FromClient::Register { genesis: genesis(1).0 });
    while !world.closed.contains(&socket) {
        world.say(socket, FromClient::Register { genesis: genesis(1).0 });
        world.wait(Duration::from_millis(10));
        let unread = world.hub.sockets.get(&socket).map_or(0, |socket| socket.unread_bytes);
        assert!(unread <= 128 * 1024);
    }
    world.goodbye(socket, ServerRefusal::SlowReader);
}

#[test]
fn bytes_of_a_genesis() {
    // One of a later version: it is read as far as it is no longer than any.
    let register = |length: usize| {
        let genesis: Base64<{ 2 * GENESIS_MAX }> = Base64::new(vec![3; length]).unwrap();
        let genesis = serde_json::to_string(&genesis).unwrap();
        format!(r#"{{"type":"register","genesis":{genesis}}}"#)
    };
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    world.text(socket, &register(GENESIS_MAX));
    world.refusal(socket, ServerRefusal::Version);
    world.text(socket, &register(GENESIS_MAX + 1));
    let words = world.goodbye(socket, ServerRefusal::Malformed);
    assert!(words.contains(&GENESIS_MAX.to_string()), "{words}");
}

#[test]
fn members_named_to_a_rejoining_socket_are_bounded() {
    let mut world = world(|config| {
        config.sockets_per_network_max = 300;
        config.network_message_burst = 1_000_000;
    });
    let room = world.register(1);
    for secret in 1..=150 {
        world.join(&someone(secret), room);
    }
    let late = world.enter(&someone(151));
    let mut named = BTreeSet::new();
    let mut join = |world: &mut World| {
        world.wait(SECOND);
        world.say(late, FromClient::Join { room, token: None });
        let FromServer::Joined { members, .. } = world.heard_one(late) else { panic!("not joined") };
        let count = members.len();
        named.extend(members.into_iter().map(|member| member.endpoint));
        (count, named.len())
    };
    for times in 1..=NAMED_IN_ALL_MAX / NAMED_MAX {
        assert_eq!(join(&mut world), (NAMED_MAX, times * NAMED_MAX), "others each time");
    }
    assert_eq!(join(&mut world), (0, NAMED_IN_ALL_MAX));
}

#[test]
fn members_waiting_for_a_sockets_answer_are_bounded() {
    let mut membership = Membership::new(None);
    let socket = |number: usize| SocketId(number as u64);
    (0..ASKED_MAX).for_each(|number| membership.note_asked(socket(number)));
    assert_eq!(membership.asked, (0..ASKED_MAX).map(socket).collect::<Vec<_>>());
    membership.note_asked(socket(ASKED_MAX));
    assert_eq!(membership.asked, (1..=ASKED_MAX).map(socket).collect::<Vec<_>>(), "the first is forgotten");
}
