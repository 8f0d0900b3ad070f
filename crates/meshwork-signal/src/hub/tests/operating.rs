//! What an operator asks of a hub: bans, closed rooms, new limits, draining, and the numbers.

use super::*;
use meshwork_core::signalling::protocol::LinkOutcome;

#[test]
fn sockets_of_one_network_share_a_message_allowance() {
    let config =
        HubConfig { network_messages_per_second: 100, network_message_burst: 1_000, ..HubConfig::default() };
    let mut world = World::with(config);
    let mut talkers = Vec::new();
    for secret in 1..=3 {
        talkers.push(world.enter(&someone(secret)));
    }
    let elsewhere = world.open_from("192.0.2.9");
    world.enter_on(elsewhere, &someone(9));
    // None of them alone comes near its own limit.
    let is_held = |world: &World, socket| world.hub.held_until(world.now, socket).is_some();
    let mut said = 0;
    while !talkers.iter().any(|&talker| is_held(&world, talker)) {
        world.say(talkers[said % 3], FromClient::KeepAlive);
        said += 1;
    }
    assert!((900..1_000).contains(&said), "{said}");
    assert!(!is_held(&world, talkers[said % 3]), "only the one that spoke");
    world.say(elsewhere, FromClient::KeepAlive);
    assert_eq!(world.heard_one(elsewhere), FromServer::KeepAlive);
    assert!(!is_held(&world, elsewhere), "another network does not notice");
    world.wait(SECOND);
    assert!(world.closed.is_empty(), "nobody is closed");
    assert!(!talkers.iter().any(|&talker| is_held(&world, talker)), "then there is enough again");
}

/// Sockets behind one address that send as fast as they are read, and connect again as soon as they are closed, beside honest
/// ones that say something every five seconds. Returns how long an honest message waited at most.
fn longest_wait_beside(noisy: u8, honest: u8) -> Duration {
    const STEP: Duration = Duration::from_millis(20);
    let mut world = World::new();
    let room = world.register(1);
    let honest: Vec<SocketId> = (0..honest).map(|secret| world.join(&someone(secret + 1), room)).collect();
    let mut noisy: Vec<SocketId> = (0..noisy).map(|_| world.open()).collect();
    let (mut since, mut longest, mut said) = (vec![None; honest.len()], Duration::ZERO, 0);
    for step in 0..1_000_u64 {
        for socket in &mut noisy {
            for _ in 0..6 {
                if world.closed.contains(socket) {
                    *socket = world.open();
                } else if world.hub.held_until(world.now, *socket).is_none() {
                    world.hub.handle_ping(world.now, *socket);
                    world.drain();
                    said += u64::from(step >= 900);
                }
            }
        }
        for (number, &socket) in honest.iter().enumerate() {
            if (step + number as u64 * 17).is_multiple_of(250) {
                since[number].get_or_insert(world.now);
            }
            if world.hub.held_until(world.now, socket).is_none()
                && let Some(since) = since[number].take()
            {
                world.say(socket, FromClient::KeepAlive);
                assert_eq!(world.heard(socket).last(), Some(&FromServer::KeepAlive));
                longest = longest.max(world.now.since(since));
            }
        }
        world.inboxes.clear();
        world.wait(STEP);
    }
    assert!(honest.iter().all(|socket| !world.closed.contains(socket)), "an honest socket was closed");
    assert!(said < 2 * 4_400, "{said} messages of the noise were read in two seconds");
    longest
}

#[test]
fn noisy_neighbours_close_no_honest_socket() {
    for (noisy, honest) in [(45, 11), (90, 26)] {
        let longest = longest_wait_beside(noisy, honest);
        assert!(longest < SECOND, "{longest:?} beside {noisy}");
    }
}

#[test]
fn socket_storm_is_refused_and_admitted_later() {
    let config = HubConfig { network_message_burst: 1_000, ..HubConfig::default() };
    let mut world = World::with(config);
    let most = 1_000 / config::OPENING_COST;
    let mut last = world.open();
    for _ in 0..most {
        last = world.open();
    }
    assert!(world.goodbye(last, ServerRefusal::TooFast).contains("sockets"));
    let elsewhere = world.open_from("192.0.2.9");
    assert!(matches!(world.heard_one(elsewhere), FromServer::Welcome { .. }));
    world.wait(SECOND);
    let later = world.open();
    assert!(matches!(world.heard_one(later), FromServer::Welcome { .. }));
}

#[test]
fn banned_peer_stays_out_until_unbanned() {
    let mut world = World::new();
    let room = world.register(1);
    let (socket, other) = (world.join(&someone(1), room), world.join(&someone(2), room));
    world.inboxes.clear();
    let ban = Ban::Peer(someone(1).endpoint.peer);
    assert!(world.hub.ban(world.now, ban));
    world.drain();
    world.goodbye(socket, ServerRefusal::Banned);
    assert!(matches!(world.heard_one(other), FromServer::MemberLeft { .. }));
    let again = world.open();
    let challenge = world.challenge(again);
    world.say(again, someone(1).enter(&challenge));
    world.goodbye(again, ServerRefusal::Banned);
    assert_eq!(world.hub.bans(), [ban]);
    assert!(world.hub.unban(ban) && !world.hub.unban(ban));
    world.enter(&someone(1));
}

#[test]
fn banned_addresses_are_put_out_and_turned_away() {
    let mut world = World::new();
    let [inside, outside] = ["198.51.100.7", "192.0.2.1"].map(|address| world.open_from(address));
    let ban = "address 198.51.100.0/24".parse().unwrap();
    assert!(world.hub.ban(world.now, ban));
    world.drain();
    world.goodbye(inside, ServerRefusal::Banned);
    let again = world.open_from("::ffff:198.51.100.8");
    world.goodbye(again, ServerRefusal::Banned);
    world.enter_on(outside, &someone(1));
}

#[test]
fn closed_room_is_forgotten_and_refused_one_hour() {
    let mut world = World::new();
    let room = world.register(1);
    let member = world.join(&someone(1), room);
    assert!(world.hub.close_room(world.now, room) && !world.hub.close_room(world.now, room));
    world.drain();
    assert!(world.refusal(member, ServerRefusal::Banned).contains("was closed"));
    world.say(member, FromClient::Register { genesis: genesis(1).0 });
    world.refusal(member, ServerRefusal::Banned);
    world.say(member, signal(room, someone(2).endpoint));
    world.refusal(member, ServerRefusal::NoSuchRoom);
    world.say(member, FromClient::Register { genesis: genesis(2).0 });
    assert!(matches!(world.heard_one(member), FromServer::Found { .. }), "others are");
    world.close(member);
    world.wait(CLOSED_FOR);
    world.register(1);
}

#[test]
fn a_banned_room_stays_out() {
    let mut world = World::new();
    let room = world.register(1);
    let member = world.join(&someone(1), room);
    assert!(world.hub.ban(world.now, Ban::Room(room)));
    world.drain();
    assert!(world.refusal(member, ServerRefusal::Banned).contains("is banned"));
    world.close(member);
    world.wait(2 * CLOSED_FOR);
    let socket = world.enter(&someone(1));
    world.say(socket, FromClient::Register { genesis: genesis(1).0 });
    world.refusal(socket, ServerRefusal::Banned);
}

#[test]
fn draining_tells_sockets_in_turn_their_away_time() {
    let mut world = World::new();
    let room = world.register(1);
    let sockets: Vec<SocketId> = (1..=20).map(|secret| world.join(&someone(secret), room)).collect();
    world.hub.drain(world.now, 4 * SECOND);
    world.drain();
    let late = world.open();
    world.goodbye(late, ServerRefusal::ShuttingDown);
    let mut left = Vec::new();
    for step in 1..=4 {
        world.wait(SECOND);
        left.push(sockets.iter().filter(|socket| world.closed.contains(socket)).count());
        let open = sockets.iter().find(|socket| !world.closed.contains(socket));
        if let Some(&open) = open.filter(|_| step == 1) {
            world.heard(open);
            world.say(open, FromClient::KeepAlive);
            assert_eq!(world.heard(open), [FromServer::KeepAlive], "who is not told yet goes on");
        }
    }
    assert!(left[0] > 0 && left[0] < 20 && left[1] > left[0], "{left:?}");
    assert_eq!((left[3], world.hub.socket_count()), (20, 0));
    for socket in sockets {
        match world.heard(socket).pop() {
            Some(FromServer::Goodbye {
                reason: ServerRefusal::ShuttingDown, away_ms: Some(away), ..
            }) => {
                assert!(away <= 4_000, "{away}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn new_limits_count_at_once_wrong_ones_never() {
    let mut world = World::new();
    let room = world.register(1);
    world.join(&someone(1), room);
    world.join(&someone(2), room);
    let config = HubConfig { members_max: 2, ..HubConfig::default() };
    assert_eq!(world.hub.reconfigure(config), Ok(()));
    let late = world.enter(&someone(3));
    world.say(late, FromClient::Join { room, token: None });
    world.refusal(late, ServerRefusal::RoomFull);
    let wrong = HubConfig { members_max: 1, ..HubConfig::default() };
    assert!(world.hub.reconfigure(wrong).is_err());
    assert_eq!(world.hub.config().members_max, 2);
}

#[test]
fn events_are_counted_and_holdings_return_to_nothing() {
    let mut world = World::new();
    let empty = world.hub.snapshot();
    let room = world.register(1);
    let (first, second) = (world.join(&someone(1), room), world.join(&someone(2), room));
    world.say(first, signal(room, someone(2).endpoint));
    world.say(first, signal(room, someone(3).endpoint));
    world.say(second, FromClient::Report { outcome: LinkOutcome::Direct, ms: 840 });
    world.say(second, FromClient::Report { outcome: LinkOutcome::Failed, ms: 10_000 });
    world.rubbish(second, Rubbish::Binary { length: 7 });
    let full = world.hub.snapshot();
    assert_eq!((full.sockets, full.endpoints, full.rooms, full.members), (1, 1, 1, 1));
    let counts = &full.counts;
    assert_eq!((counts.sockets_opened, counts.entered, counts.joins, counts.signals), (3, 3, 2, 1));
    assert_eq!(counts.refusals, BTreeMap::from([(ServerRefusal::NoSuchMember, 1)]));
    assert_eq!(counts.goodbyes, BTreeMap::from([(ServerRefusal::Malformed, 1)]));
    let outcomes = [(LinkOutcome::Direct, 1), (LinkOutcome::Failed, 1)];
    assert_eq!(counts.reports.outcomes, BTreeMap::from(outcomes));
    assert_eq!(counts.reports.link_times[3], 1, "above half a second, up to one");
    world.close(first);
    world.wait(HubConfig::default().room_keep);
    let again = world.hub.snapshot();
    let held = |snapshot: &Snapshot| Snapshot { counts: Counts::default(), ..snapshot.clone() };
    assert_eq!(held(&again), held(&empty));
}

#[test]
fn reports_are_few() {
    let mut world = World::new();
    let socket = world.enter(&someone(1));
    for _ in 0..250 {
        world.say(socket, FromClient::Report { outcome: LinkOutcome::Direct, ms: 1 });
    }
    world.goodbye(socket, ServerRefusal::TooFast);
    assert!(world.hub.snapshot().counts.reports.link_times[0] <= 200);
}
