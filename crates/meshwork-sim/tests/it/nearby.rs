//! Local networks: programs find each other with no server at all.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, Instance};
use meshwork_core::node::{Config, Event, StoredRoom};
use meshwork_core::signalling::address::{LAN, RoomAddress};
use meshwork_core::signalling::announce::announce;
use meshwork_core::signed::genesis::Commons;
use meshwork_core::wire::Bounded;
use meshwork_lan::discovery::Way;
use meshwork_lan::wire::{Announce, DATAGRAM_MAX, Datagram, Tag, Wants};
use meshwork_sim::check;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{SHARED_PORT, World};

use crate::common::{Member, RED, SIZE, equal, is_nightly, seed, whole};

/// A crowded access point: one datagram in ten is lost, and some come twice.
const AIR: PathModel = PathModel { loss_per_mille: 100, repeat_per_mille: 50, ..PathModel::LAN };

/// Most links take a second; one whose first signals were all lost waits for the next announcement.
const PATIENCE: Duration = Duration::from_secs(45);

/// A program of its own person at a host of network 1.
fn arrive(world: &mut World, host: u16) -> usize {
    let index = world.start(Config::default(), u64::from(host), 0);
    world.attach(index, (1, host));
    index
}

/// A program whose clock is so many seconds ahead.
fn arrive_ahead(world: &mut World, host: u16, seconds: i64) -> usize {
    let index = world.start(Config::default(), u64::from(host), seconds * 1_000_000);
    world.attach(index, (1, host));
    index
}

/// Lets a program join by an address without a server.
fn enter(world: &mut World, index: usize, address: &RoomAddress) -> Member {
    let room = world.join_room(index, address.clone());
    world.command(index, |node, now| node.room_mut(now, room).add_server(LAN)).expect("it may be asked");
    (index, room)
}

/// A room that the program at host 1 made, and its link.
fn room_at_lan(world: &mut World, is_private: bool) -> (Member, RoomAddress) {
    let first = arrive(world, 1);
    let room = world.create_room_at(first, LAN, SIZE, is_private);
    world.run_for(Duration::from_millis(100));
    let address = world.node(first).room(room).address_without_code().expect("the room is open");
    assert!(address.servers().next().is_none(), "no link names the network: {address}");
    ((first, room), address)
}

fn crowd(world: &mut World, count: u16) -> Vec<Member> {
    let (first, address) = room_at_lan(world, true);
    let mut members = vec![first];
    for host in 2..=count {
        let index = arrive(world, host);
        members.push(enter(world, index, &address));
    }
    members
}

/// Each member paints a cell of its own, and all come to see all. Returns how long it took.
fn all_see_all(world: &mut World, members: &[Member]) -> Duration {
    let began = world.now();
    for (at, &(index, room)) in members.iter().enumerate() {
        let (x, y) = (at % 100, at / 100);
        world.paint(index, room, &[(x as u16, y as u16, RED)]).expect("it may paint");
    }
    // After each happening it would cost more than all else.
    while !equal(members)(world) {
        assert!(world.now().since(began) < Duration::from_secs(60), "{} members", members.len());
        world.run_for(Duration::from_millis(100));
    }
    assert!(members.iter().all(|&(index, room)| !world.node(index).room(room).peers().is_empty()));
    world.now().since(began)
}

#[test]
fn three_programs_meet_with_no_server() {
    let mut world = World::new(seed(1), AIR);
    world.stop_server();
    let members = crowd(&mut world, 3);
    let began = world.now();
    assert!(world.run_while(PATIENCE, whole(&members)), "{:?}", check::whole_mesh(&world, &members));
    println!("linked after {:?}, {} datagrams", world.now().since(began), world.nearby.sent);
    all_see_all(&mut world, &members);
}

#[test]
fn a_code_finds_a_room_nearby() {
    let mut world = World::new(seed(2), PathModel::LAN);
    let ((first, room), _) = room_at_lan(&mut world, false);
    let told =
        |event: &Event| if let Event::RoomRegistered { code, .. } = event { Some(*code) } else { None };
    let code = world.look_at(first).events.iter().find_map(told).expect("it has a code");
    let second = arrive(&mut world, 2);
    let found = world.join_room(second, RoomAddress::at_lan(None, code));
    let members = [(first, room), (second, found)];
    assert!(world.run_while(PATIENCE, whole(&members)));
    let third = arrive(&mut world, 3);
    let other = meshwork_core::id::Code::from_bits(7);
    let sought = world.join_room(third, RoomAddress::at_lan(None, other));
    world.run_for(Duration::from_secs(5));
    let waits = |event: &Event| matches!(event, Event::RoomWaiting { room } if *room == sought);
    assert!(world.look_at(third).events.iter().any(waits), "nobody has such a room");
}

#[test]
fn many_programs_meet_without_a_storm() {
    let counts: &[u16] = if is_nightly() { &[2, 50, 200] } else { &[2, 50] };
    for &count in counts {
        let mut world = World::new(seed(3), AIR);
        let began = world.now();
        let members = crowd(&mut world, count);
        world.run_for(Duration::from_secs(10));
        let took = all_see_all(&mut world, &members);
        let entered = world.nearby.sent;
        world.run_for(Duration::from_secs(30));
        let before = world.nearby.sent;
        world.run_for(Duration::from_secs(60));
        let rest = (world.nearby.sent - before) as f64 / 60.0;
        println!(
            "{count}: {entered} datagrams until {:?}, equal {took:?} after painting, {rest:.1} a second at rest",
            world.now().since(began)
        );
        assert!(rest <= 0.2 * f64::from(count), "{rest} a second of {count}");
        assert!(entered <= 600 * u64::from(count), "{entered} of {count}");
    }
}

#[test]
fn a_firewall_is_opened_from_inside() {
    let mut world = World::new(seed(4), PathModel::LAN);
    let (first, address) = room_at_lan(&mut world, true);
    let second = arrive(&mut world, 2);
    world.nearby.wall_in(second);
    let member = enter(&mut world, second, &address);
    world.run_for(Duration::from_secs(40));
    assert!(world.nearby.discovery(second).seen().next().is_none(), "it hears no broadcast");
    let shared = SocketAddr::new(world.nearby.address(first.0).ip(), SHARED_PORT);
    world.hint(second, shared, Way::Typed);
    assert!(world.run_while(2 * PATIENCE, whole(&[first, member])));
}

#[test]
fn those_who_left_are_known_to_be_gone() {
    let mut world = World::new(seed(5), PathModel::LAN);
    let members = crowd(&mut world, 3);
    assert!(world.run_while(PATIENCE, whole(&members)));
    world.quit(members[2].0);
    world.run_for(Duration::from_secs(1));
    let seen = |world: &World| world.nearby.discovery(members[0].0).seen().count();
    assert_eq!(seen(&world), 1, "one said goodbye");
    world.crash(members[1].0);
    world.run_for(Duration::from_secs(290));
    assert_eq!(seen(&world), 1, "it may be back");
    world.run_for(Duration::from_secs(30));
    assert_eq!(seen(&world), 0, "silent for five minutes");
}

/// The last difference to the clocks of the others that a program told, in seconds.
fn corrected(world: &World, index: usize) -> Option<i64> {
    let told =
        |event: &Event| if let Event::RoomTime { ahead_ms, .. } = event { Some(*ahead_ms) } else { None };
    world.look_at(index).events.iter().rev().find_map(told).map(|ahead_ms| ahead_ms / 1000)
}

#[test]
fn two_right_clocks_mend_a_third() {
    const DAY: i64 = 86_400;
    for ahead in [60, 3_600, 40 * DAY, -60, -3_600, -40 * DAY] {
        let mut world = World::new(seed(11), PathModel::LAN);
        let (first, address) = room_at_lan(&mut world, true);
        let mut members = vec![first];
        for (host, ahead) in [(2, 0), (3, ahead)] {
            let index = arrive_ahead(&mut world, host, ahead);
            members.push(enter(&mut world, index, &address));
        }
        assert!(world.run_while(PATIENCE, whole(&members)));
        world.run_for(Duration::from_secs(5));
        let told = corrected(&world, members[2].0);
        assert!(told.is_some_and(|told| (told + ahead).abs() <= 2), "{ahead} s ahead, corrected by {told:?}");
        assert_eq!(corrected(&world, members[0].0), None, "the right ones stay");
        all_see_all(&mut world, &members);
    }
}

#[test]
fn one_wrong_clock_is_told_to_both() {
    let mut world = World::new(seed(12), PathModel::LAN);
    let (first, address) = room_at_lan(&mut world, true);
    let index = arrive_ahead(&mut world, 2, 300);
    let second = enter(&mut world, index, &address);
    assert!(world.run_while(PATIENCE, whole(&[first, second])));
    world.run_for(Duration::from_secs(5));
    for (member, expected) in [(first, 300), (second, -300)] {
        let told = |event: &Event| {
            if let Event::ClockApart { ahead_ms, .. } = event { Some(*ahead_ms / 1000) } else { None }
        };
        let told: Vec<i64> = world.look_at(member.0).events.iter().filter_map(told).collect();
        assert!(told.len() == 1 && (told[0] - expected).abs() <= 1, "{told:?} instead of {expected}");
        assert_eq!(corrected(&world, member.0), None, "one neighbour alone moves nothing");
    }
    world.paint(second.0, second.1, &[(1, 1, RED)]).expect("it may paint");
    world.run_for(Duration::from_secs(60));
    let waiting = world.node(first.0).room(first.1).waiting();
    assert!(waiting.iter().any(|waits| waits.author == world.node(second.0).endpoint().peer), "{waiting:?}");
    world.run_for(Duration::from_secs(250));
    assert!(equal(&[first, second])(&world), "it appears once the clock gets there");
}

/// The commons without a name, with a canvas in it.
fn commons() -> (Vec<u8>, RoomAddress) {
    let (app, parameters) = (meshwork_place::app(), meshwork_place::parameters(SIZE));
    let commons = Commons { name: Default::default(), nonce: 0, app, parameters };
    let (bytes, room) = commons.clone().to_bytes();
    let keys = meshwork_core::signalling::address::RoomKeys { room, secrets: Default::default() };
    (bytes, RoomAddress::without_server(commons.app, keys))
}

fn enter_commons(world: &mut World, index: usize) -> Member {
    let (genesis, address) = commons();
    let stored = StoredRoom { genesis, records: Vec::new(), batches: Vec::new() };
    let room = world
        .command(index, |node, now| node.join_room(now, address, Some(stored)))
        .expect("it opens at once");
    world.command(index, |node, now| node.room_mut(now, room).add_server(LAN)).expect("it may be asked");
    (index, room)
}

#[test]
fn nothing_of_a_network_is_said_elsewhere() {
    let mut world = World::new(seed(6), PathModel::LAN);
    let at_home: Vec<_> = (1..=2).map(|host| arrive(&mut world, host)).collect();
    let at_home: Vec<_> = at_home.into_iter().map(|index| enter_commons(&mut world, index)).collect();
    assert!(world.run_while(PATIENCE, whole(&at_home)));
    all_see_all(&mut world, &at_home);
    let stranger = world.start(Config::default(), 9, 0);
    world.attach(stranger, (2, 1));
    let there = enter_commons(&mut world, stranger);
    // The laptop comes along and its program does not even notice.
    world.carry(at_home[1].0, (2, 2));
    world.run_for(Duration::from_secs(120));
    assert!(world.node(there.0).room(there.1).peers().is_empty(), "the two are not linked");
    let moved = meshwork_lan::discovery::Event::Moved;
    assert!(world.nearby.take_events(at_home[1].0).contains(&moved));
    // It leaves the room, and enters it anew.
    let (laptop, old) = at_home[1];
    world.command(laptop, |node, now| node.leave_room(now, old));
    let member = enter_commons(&mut world, laptop);
    let both = [there, member];
    assert!(world.run_while(2 * PATIENCE, whole(&both)));
    all_see_all(&mut world, &both);
    assert!(
        check::equal_replicas(&world, &[at_home[0], there]).is_err(),
        "what was painted at home stays there"
    );
}

/// An announcement of a key that nobody has seen.
fn false_announcement(number: u64, port: u16, wants: Wants) -> Vec<u8> {
    tagged_announcement(number, port, wants, Vec::new())
}

fn tagged_announcement(number: u64, port: u16, wants: Wants, tags: Vec<Tag>) -> Vec<u8> {
    let mut secret = [0xfa; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    let identity = Identity::from_secret(secret);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(number) };
    let introduction = (&announce(&identity, endpoint, [7; 32])).into();
    let (tags, others) = (Bounded::new(tags).expect("few"), Bounded::default());
    Datagram::Announce(Announce { port, introduction, wants, tags, pages: None, others }).encode()
}

#[test]
fn false_announcements_take_no_place_of_real_ones() {
    let mut world = World::new(seed(7), PathModel::LAN);
    let members = crowd(&mut world, 3);
    assert!(world.run_while(PATIENCE, whole(&members)));
    let target = members[0].0;
    for number in 0..10_000 {
        let host = if number % 2 == 0 { 77 } else { 1_000 + number as u32 };
        let ip = Ipv4Addr::from(0x0a01_0000 + host % 0xffff);
        world.throw(target, 1, (ip, 8_000).into(), false_announcement(number, 8_000, Wants::Answer));
        if number % 100 == 0 {
            world.run_for(Duration::from_millis(200));
        }
    }
    world.run_for(Duration::from_secs(1));
    let real: Vec<_> = members[1..].iter().map(|(index, _)| world.node(*index).endpoint()).collect();
    let discovery = world.nearby.discovery(target);
    assert!(discovery.seen().count() <= 1_024, "the table is bounded");
    let of_one = discovery.seen().filter(|seen| seen.address.ip() == Ipv4Addr::new(10, 1, 0, 77)).count();
    assert!(of_one <= 32, "{of_one} of one address");
    assert!(real.iter().all(|one| discovery.seen().any(|seen| seen.endpoint == *one)), "the real ones stay");
    let late = arrive(&mut world, 4);
    let address = world.node(target).room(members[0].1).address_without_code().expect("it is open");
    let member = enter(&mut world, late, &address);
    assert!(world.run_while(PATIENCE, whole(&[members[0], member])), "and a newcomer is found");
}

#[test]
fn a_repeated_tag_hides_no_member() {
    let mut world = World::new(seed(10), PathModel::LAN);
    let (first, address) = room_at_lan(&mut world, true);
    let tag = {
        let room = address.room().expect("the link has the id");
        let token =
            address.keys().and_then(|keys| keys.secrets).map(|secrets| secrets.secret.join_token(&room));
        Tag::new(&room, token.as_ref())
    };
    let late = arrive(&mut world, 2);
    for number in 0..30 {
        let forged = tagged_announcement(number, 8_000, Wants::Nothing, vec![tag]);
        world.throw(late, 1, (Ipv4Addr::new(10, 1, 0, 77), 8_000).into(), forged);
    }
    world.run_for(Duration::from_millis(50));
    let member = enter(&mut world, late, &address);
    assert!(world.run_while(PATIENCE, whole(&[first, member])));
}

#[test]
fn nobody_is_aimed_at_a_victim() {
    let mut world = World::new(seed(8), PathModel::LAN);
    let (first, _) = room_at_lan(&mut world, false);
    let victim = world.start(Config::default(), 2, 0);
    world.attach(victim, (1, 2));
    let address = world.nearby.address(victim);
    for number in 0..500 {
        let port = 8_000 + number as u16;
        let from = SocketAddr::new(address.ip(), port);
        world.throw(first.0, 1, from, false_announcement(number, port, Wants::Answer));
        world.throw(
            first.0,
            1,
            (address.ip(), 8_000).into(),
            false_announcement(number, 8_000, Wants::Answer),
        );
    }
    world.run_for(Duration::from_secs(9));
    // Datagrams for all come on top of it.
    let heard = world.nearby.heard.get(&victim).copied().unwrap_or(0);
    assert!(heard <= 8 + 4, "{heard} datagrams in ten seconds at somebody who never answered");
}

#[test]
fn mutated_datagrams_end_nothing() {
    let mut world = World::new(seed(9), PathModel::LAN);
    let members = crowd(&mut world, 2);
    assert!(world.run_while(PATIENCE, whole(&members)));
    let mut chance = meshwork_core::rng::Rng::new([9; 32]);
    let whole_one = false_announcement(1, 8_000, Wants::Some);
    for _ in 0..100_000 {
        let mut bytes = whole_one.clone();
        for _ in 0..1 + chance.below(4) {
            let at = chance.below(bytes.len() as u64) as usize;
            bytes[at] = chance.next_u64() as u8;
        }
        bytes.truncate(chance.below(DATAGRAM_MAX as u64 + 100) as usize);
        let host = chance.below(60_000) as u32;
        let from = (Ipv4Addr::from(0x0a01_0100 + host), 8_000).into();
        world.throw(members[0].0, 1, from, bytes);
    }
    world.run_for(Duration::from_secs(2));
    all_see_all(&mut world, &members);
}
