//! Pairs that find no direct path are relayed: they alone, in right words, and only as long as they have to be.

use std::net::IpAddr;
use std::time::Duration;

use crate::common::{Member, join_all, whole};
use meshwork_core::node::{Config, Event, LinkState};
use meshwork_core::signalling::protocol::LinkOutcome;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{SERVER, World};

const SECOND: Duration = Duration::from_secs(1);
const HARD: LinkState = LinkState::Relayed;
const NO_PATH: &str = "no direct path found";
const WE_HIDE: &str = "you hide your address";
const THEY_HIDE: &str = "they hide their address";

/// A room of `count` in which these pairs find no direct path, at a meeting point with a relay.
fn room_of(count: usize, hard: &[(usize, usize)]) -> (World, Vec<Member>) {
    let mut world = World::new(1, PathModel::WAN);
    world.servers.first().set_relay(true);
    for &(one, other) in hard {
        world.connections.make_hard(one, other);
    }
    let members = join_all(&mut world, Config::default(), count, false);
    assert!(world.run_while(30 * SECOND, whole(&members)), "all are linked");
    (world, members)
}

/// The state of the link from one to another, and why it is relayed, in the words that people read.
fn link(world: &World, members: &[Member], from: usize, to: usize) -> (LinkState, Option<String>) {
    let (to, (index, room)) = (world.node(members[to].0).endpoint(), members[from]);
    let peers = world.node(index).room(room).peers();
    let peer = peers.iter().find(|peer| peer.endpoint == to).expect("a member");
    (peer.state, peer.relayed_because.map(|because| because.to_string()))
}

fn relayed(because: &str) -> (LinkState, Option<String>) {
    (LinkState::Relayed, Some(because.to_owned()))
}

fn direct() -> (LinkState, Option<String>) {
    (LinkState::Direct, None)
}

fn until_linked(
    world: &mut World,
    members: &[Member],
    from: usize,
    to: usize,
    how: (LinkState, Option<String>),
) {
    let reached = world.run_while(60 * SECOND, |world| link(world, members, from, to) == how);
    assert!(reached, "{:?} instead of {how:?}", link(world, members, from, to));
}

fn set_hides(world: &mut World, (index, _): Member, hides: bool) {
    world.command(index, |node, now| node.set_hides_address(now, hides));
}

#[test]
fn relayed_pair_pulls_nobody_else_onto_its_relay() {
    let (mut world, members) = room_of(5, &[(0, 3)]);
    world.run_for(120 * SECOND);
    for from in 0..5 {
        for to in (0..5).filter(|&to| to != from) {
            let is_hard = [(0, 3), (3, 0)].contains(&(from, to));
            let expected = if is_hard { relayed(NO_PATH) } else { direct() };
            assert_eq!(link(&world, &members, from, to), expected, "{from} to {to}");
        }
    }
    let allocations: Vec<usize> =
        members.iter().map(|&(index, _)| world.connections.allocations(index)).collect();
    assert_eq!(allocations[0] + allocations[3], 1, "{allocations:?}: one end on a relay is enough");
    assert_eq!(
        (allocations[1], allocations[2], allocations[4]),
        (0, 0, 0),
        "nobody else takes anything of it"
    );
}

#[test]
fn relayed_link_is_replaced_once_its_server_returns() {
    let (mut world, _) = room_of(2, &[(0, 1)]);
    world.stop_server();
    // Nobody is told, as when a relay restarts.
    world.connections.fail(0, 1);
    world.servers.start();
    let began = world.now();
    let resumed = |event: &Event| matches!(event, Event::Link { reason: Some(reason), .. } if reason.starts_with("resumed after"));
    let is_back = |world: &World| world.look_at(0).events.iter().any(resumed);
    assert!(world.run_while(10 * SECOND, |world| is_back(world)));
    // Silence alone would have them wait for longer than this.
    let took = world.now().since(began);
    assert!(took < Config::default().resume_after, "{took:?}");
    let is_gone = |event: &Event| matches!(event, Event::Link { state: LinkState::Gone, .. });
    assert!(!world.look_at(0).events.iter().any(is_gone), "nobody was gone meanwhile");
}

#[test]
fn direct_path_opening_later_is_taken_without_loss() {
    let (mut world, members) = room_of(2, &[(0, 1)]);
    assert_eq!(link(&world, &members, 0, 1), relayed(NO_PATH));
    world.connections.make_easy(0, 1);
    let ends = [0, 1].map(|number: usize| world.node(members[number].0).endpoint());
    let mut said = 0u32;
    while link(&world, &members, 0, 1).0 == HARD && said < 600 {
        for from in [0, 1] {
            let to = ends[1 - from];
            assert!(world.send_direct(from, members[from].1, to, &said.to_be_bytes()).is_some());
        }
        said += 1;
        world.run_for(SECOND / 10);
    }
    until_linked(&mut world, &members, 0, 1, direct());
    until_linked(&mut world, &members, 1, 0, direct());
    world.run_for(5 * SECOND);
    for index in [0, 1] {
        let events = &world.look_at(index).events;
        let heard = events.iter().filter_map(|event| match event {
            Event::Direct { bytes, .. } => Some(u32::from_be_bytes(bytes.as_slice().try_into().unwrap())),
            _ => None,
        });
        assert!(heard.eq(0..said), "each once and in order");
        let told = |event: &Event| {
            matches!(event, Event::Link { state: LinkState::Direct, reason: Some(reason), .. }
                if reason == "a direct path was found")
        };
        assert!(events.iter().any(told));
        let is_gone = |event: &Event| matches!(event, Event::Link { state: LinkState::Gone, .. });
        assert!(!events.iter().any(is_gone), "nobody was gone meanwhile");
    }
}

#[test]
fn both_ends_rightly_say_why_they_are_relayed() {
    let (mut world, members) = room_of(3, &[(0, 1)]);
    assert_eq!(link(&world, &members, 0, 1), relayed(NO_PATH));
    assert_eq!(link(&world, &members, 1, 0), relayed(NO_PATH));
    // One hides: to others it is they, also where there is no direct path.
    set_hides(&mut world, members[1], true);
    for (from, to, why) in [(1, 0, WE_HIDE), (1, 2, WE_HIDE), (2, 1, THEY_HIDE)] {
        until_linked(&mut world, &members, from, to, relayed(why));
    }
    assert_eq!(link(&world, &members, 0, 2), direct());
    // Both hide: each says so of itself. Who no longer does sees that the other still does, and tries in vain once.
    set_hides(&mut world, members[2], true);
    until_linked(&mut world, &members, 2, 1, relayed(WE_HIDE));
    world.run_for(60 * SECOND);
    assert_eq!(link(&world, &members, 1, 2), relayed(WE_HIDE));
    set_hides(&mut world, members[2], false);
    assert_eq!(link(&world, &members, 2, 1), relayed(THEY_HIDE));
    let before = world.connections.allocations(members[1].0);
    world.run_for(600 * SECOND);
    assert_eq!(link(&world, &members, 2, 1), relayed(THEY_HIDE));
    assert!(world.connections.allocations(members[1].0) <= before + 2, "who hides is left in peace");
    // Nobody hides: the pair that can be linked directly is.
    set_hides(&mut world, members[1], false);
    until_linked(&mut world, &members, 1, 2, direct());
    until_linked(&mut world, &members, 2, 0, direct());
    until_linked(&mut world, &members, 1, 0, relayed(NO_PATH));
}

#[test]
fn server_hears_each_link_and_its_time_once() {
    let (mut world, members) = room_of(4, &[(0, 3)]);
    let mut reports = world.servers.first().reports().to_vec();
    reports.sort();
    let outcomes: Vec<LinkOutcome> = reports.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes, [[LinkOutcome::Direct; 5].as_slice(), &[LinkOutcome::Relayed]].concat());
    let after = Config::default().relay_after.as_millis() as u64;
    let (relayed, direct) = reports.split_last().unwrap();
    assert!((after..2 * after).contains(&relayed.1), "{relayed:?}: from the first offer, without a relay");
    assert!(direct.iter().all(|(_, ms)| (1..after).contains(ms)), "{direct:?}");
    // A link that moves, or goes on after a cut, is none that is new.
    world.connections.make_easy(0, 3);
    until_linked(&mut world, &members, 0, 3, self::direct());
    world.cut(&[1], &[2]);
    world.run_for(8 * SECOND);
    world.heal();
    world.run_for(20 * SECOND);
    assert_eq!(link(&world, &members, 1, 2), self::direct());
    assert_eq!(world.servers.first().reports().len(), 6);
}

#[test]
fn a_server_hears_of_links_that_fail() {
    let mut world = World::new(1, PathModel::WAN);
    world.connections.make_hard(0, 1);
    let members = join_all(&mut world, Config::default(), 2, false);
    world.run_for(20 * SECOND);
    assert!(!whole(&members)(&world), "there is no relay");
    let reports = world.servers.first().reports().to_vec();
    assert!(!reports.is_empty() && reports.iter().all(|(outcome, _)| *outcome == LinkOutcome::Failed));
    let most = Config::default().answer_within.as_millis() as u64;
    assert!(reports.iter().all(|(_, ms)| *ms >= most / 2), "{reports:?}");
    // Once there is a way, the next report is of a link, and its time that of all attempts together.
    world.connections.make_easy(0, 1);
    assert!(world.run_while(120 * SECOND, whole(&members)));
    let (outcome, ms) = *world.servers.first().reports().last().unwrap();
    assert_eq!(outcome, LinkOutcome::Direct);
    assert!(ms >= reports[0].1, "{ms}");
}

/// What somebody was told of refusals, all in one.
fn refusals(world: &World, index: usize) -> String {
    let events = world.look_at(index).events.iter();
    let details = events.filter_map(|event| match event {
        Event::Refused { detail, .. } => Some(detail.as_str()),
        _ => None,
    });
    details.collect::<Vec<_>>().join("\n")
}

#[test]
fn loopback_and_link_local_peer_addresses_are_refused() {
    let mut world = World::new(1, PathModel::WAN);
    let own = ["127.0.0.1", "::1"];
    let near = ["169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "100.100.100.200"];
    let fair = ["10.0.0.7", "fd00::7", "203.0.113.7", "2001:4860::7"];
    let parse = |text: &str| text.parse::<IpAddr>().unwrap();
    let all: Vec<IpAddr> = own.into_iter().chain(near).chain(fair).map(parse).collect();
    world.connections.set_addresses(0, all.to_vec());
    world.connections.set_addresses(1, all.to_vec());
    let members = join_all(&mut world, Config::default(), 2, false);
    assert!(world.run_while(30 * SECOND, whole(&members)));
    for (index, _) in members {
        let mut fair = fair.map(parse).to_vec();
        fair.sort();
        assert_eq!(world.connections.handed(index).collect::<Vec<_>>(), fair);
        let told = refusals(&world, index);
        assert!(near.into_iter().all(|near| told.contains(near)), "{told}");
    }
}

#[test]
fn relay_nearer_than_its_server_is_refused() {
    for url in ["turn:127.0.0.1:3478", "turn:localhost", "turn:[fd00::7]", "turn:10.0.0.7", "turn:nas.lan"] {
        let mut world = World::new(1, PathModel::WAN);
        world.servers.first().name_relay(url);
        let members = join_all(&mut world, Config::default(), 1, false);
        world.run_for(SECOND);
        assert!(!world.node(members[0].0).room(members[0].1).knows_relay(), "{url}");
        assert!(refusals(&world, 0).contains(url), "{}", refusals(&world, 0));
    }
}

#[test]
fn hiding_member_uses_only_server_or_trusted_relays() {
    let own = "turn:*:3478";
    let elsewhere = "turn:relay.example.org:3478";
    let server = SERVER.trim_start_matches("http://");
    for (url, trusted, is_linked) in [
        (own, vec![], true),
        (elsewhere, vec![], false),
        (elsewhere, vec!["other.example.org"], false),
        (elsewhere, vec!["Relay.example.org"], true),
        (elsewhere, vec![server], true),
    ] {
        let mut world = World::new(1, PathModel::WAN);
        world.servers.first().name_relay(url);
        let trusted_relays = trusted.iter().map(|host| String::from(*host)).collect();
        let config = Config { hides_address: true, trusted_relays, ..Config::default() };
        let members = join_all(&mut world, config, 2, false);
        let reached = world.run_while(20 * SECOND, whole(&members));
        assert_eq!(reached, is_linked, "{url} {trusted:?}");
        assert_eq!(world.node(members[0].0).room(members[0].1).knows_relay(), is_linked, "{url} {trusted:?}");
    }
}
