//! How much a node remembers of others, and how much waits for them.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use super::connecting::Source;
use super::links::SERVE_QUEUE;
use super::people::COUNTERS_MAX;
use super::test_world::{World, member, other, spec};
use super::*;
use crate::id::Instance;
use crate::lanes::Letter;
use crate::replica::ReplicaNumber;
use crate::replica::toy;
use crate::replica::toy::{Board, PART, PARTS};
use crate::replica::tree::ROOT;
use crate::room::message::{RoomMessage, Want};
use crate::seam::description::{CANDIDATES_MAX, Candidate, CandidateAddress, CandidateKind, Signal};
use crate::seam::event::LinkState;
use crate::seam::lane::{Slot, Topic};
use crate::signalling::address::{LAN, RoomKeys};
use crate::signalling::protocol::Announcement;
use crate::signalling::sealing::{self, SignalBody, SignalContent};
use crate::signed::app::AppParameters;
use crate::signed::batch::BATCH_MAX;
use crate::signed::genesis::Commons;
use crate::wire::{Bounded, BoundedText, Bytes};

#[test]
fn a_room_names_the_parameters_of_each_app() {
    let mut world = World::new();
    let given = AppParameters::new(alloc::vec![1, 2]).expect("two bytes");
    let (now, room) =
        (world.now, world.node.create_room(world.now, RoomSpec { parameters: given.clone(), ..spec() }));
    let room = room.expect("a room");
    let later = AppParameters::new(alloc::vec![3]).expect("a byte");
    let slot = world
        .node
        .room_mut(now, room)
        .turn_on("votes".parse().unwrap(), later.clone())
        .expect("it owns the room");
    let view = world.node.room(room);
    assert_eq!([view.parameters(0), view.parameters(slot)], [Some(&given), Some(&later)]);
    assert_eq!(view.parameters(slot + 1), None);
}

#[test]
fn idle_endpoints_give_way_to_new_ones() {
    let mut world = World::new();
    // The table is told of those alone whose signature was checked.
    let announce = |number: u64| {
        let endpoint = Endpoint { instance: Instance(number), ..member(0).endpoint };
        Announcement { endpoint, ..member(0) }
    };
    for number in 0..PEERS_MAX as u64 {
        assert!(world.know(&announce(number)));
    }
    assert_eq!(world.node.usage().peers, PEERS_MAX);
    let next = announce(PEERS_MAX as u64);
    assert!(world.know(&next), "one that nobody links to gives way");
    assert_eq!(world.node.usage().peers, PEERS_MAX);
    for endpoint in world.node.base.known.endpoints() {
        world.node.base.known.refuse_until(endpoint, Time(1));
    }
    let late = announce(PEERS_MAX as u64 + 1);
    assert!(!world.know(&late), "of the others each is remembered for a reason");
    assert_eq!(world.refused(late.endpoint, Refusal::TooManyAttempts), 1);
    assert!(world.know(&next), "who is known stays so");
}

#[test]
fn a_neighbour_attaches_to_so_many_rooms() {
    let mut world = World::new();
    let mut rooms = alloc::vec![world.room];
    while rooms.len() < ROOMS_MAX {
        rooms.push(world.node.create_room(world.now, spec()).expect("a room"));
    }
    let endpoint = world.link(1);
    for (&room, number) in rooms.iter().zip(1..) {
        world.attach(1, room, number);
    }
    let attached = |world: &World| world.node.base.rooms.attachments().attached(endpoint);
    assert_eq!(attached(&world).into_values().collect::<Vec<_>>(), rooms);
    assert_eq!(world.refused(endpoint, Refusal::Message), 0);
    world.attach(1, world.room, ROOMS_MAX as u32 + 1);
    assert_eq!(world.refused(endpoint, Refusal::Message), 1, "one number more is an offence");
    assert!(!attached(&world).contains_key(&(ROOMS_MAX as u32 + 1)));
}

#[test]
fn every_server_of_a_link_is_asked() {
    let mut world = World::new();
    let id = crate::id::RoomId([9; 32]);
    let link = |servers: &str| format!("meshwork:toy#{id}{servers}").parse().expect("a link");
    let found = world.node.join_room(world.now, link(";at=https://one.example,https://two.example"), None);
    assert_eq!(world.node.room(found.expect("two servers")).id(), Some(id));
    let mut opened = Vec::new();
    while let Some(output) = world.node.poll_output() {
        if let Output::Effect(Effect::ServerOpen { url, .. }) = output {
            opened.push(url);
        }
    }
    assert!(opened.contains(&"wss://one.example/signal".into()), "{opened:?}");
    assert!(opened.contains(&"wss://two.example/signal".into()), "{opened:?}");
    let nowhere =
        world.node.create_room(world.now, RoomSpec { servers: alloc::vec!["mesh.example".into()], ..spec() });
    assert!(matches!(nowhere, Err(CommandError::Server(_))));
    let too_many = world
        .node
        .create_room(world.now, RoomSpec { servers: alloc::vec!["http://one".into(); 9], ..spec() });
    assert!(matches!(too_many, Err(CommandError::TooManyServers(_))));
}

#[test]
fn rooms_without_a_server_find_one_later() {
    let mut world = World::new();
    let room = world.node.create_room(world.now, RoomSpec { servers: Vec::new(), ..spec() }).expect("a room");
    let link = world.node.room(room).address_without_code().expect("it is known at once");
    assert_eq!((link.servers().count(), link.room()), (0, world.node.room(room).id()));
    world.node.room_mut(world.now, room).add_server("https://late.example").expect("it is an address");
    let link = world.node.room(room).address_without_code().expect("it is known");
    assert_eq!(link.servers().collect::<Vec<_>>(), ["https://late.example"]);
}

#[test]
fn refusals_beyond_the_counters_share_one() {
    let mut world = World::new();
    let endpoint = |number: usize| Endpoint { instance: Instance(number as u64), ..world.node.endpoint() };
    let [first, last] = [0, COUNTERS_MAX - 1].map(endpoint);
    let beyond = [COUNTERS_MAX, COUNTERS_MAX + 1].map(endpoint);
    for endpoint in (0..COUNTERS_MAX).map(endpoint).collect::<Vec<_>>() {
        world.node.base.own.refuse(Some(endpoint), Refusal::Seal, String::new());
    }
    for endpoint in [first, last, beyond[0], beyond[1]] {
        world.node.base.own.refuse(Some(endpoint), Refusal::Seal, String::new());
    }
    let told = |world: &mut World, endpoint| world.refused(endpoint, Refusal::Seal);
    assert_eq!([first, last].map(|one| told(&mut world, one)), [2, 2]);
    assert_eq!(beyond.map(|one| told(&mut world, one)), [1, 2], "these share a counter");
    assert_eq!(world.node.base.own.people.counters(), COUNTERS_MAX + 1);
}

#[test]
fn parts_are_served_until_a_queue_fills() {
    let mut world = World::new();
    // All parts together are more than a link takes at once.
    for part in 0..PARTS {
        let values: Vec<(u32, u32)> = (0..PART).map(|place| (part * PART + place, place)).collect();
        world
            .node
            .room_mut(world.now, world.room)
            .write(ReplicaNumber::FIRST, Board::payloads(&values))
            .expect("places of the board");
    }
    // What was just written is told at once to whoever attaches.
    world.link(1);
    world.heard(1);
    world.is_taken = false;
    let want = Want { replica: 0, leaf: ROOT, nonce: 0, have: Bounded::default(), known_alone: false };
    world.say(1, RoomMessage::Want(want));
    for _ in 0..3 {
        world.node.handle_timeout(world.now);
        world.run();
        let queued = world.node.usage().queued_bytes_most;
        assert!((SERVE_QUEUE..SERVE_QUEUE + BATCH_MAX).contains(&queued), "{queued}");
    }
}

#[test]
fn candidates_are_taken_after_the_proof() {
    let mut world = World::new();
    let from = world.link(1);
    let link = world.node.base.links.id_of(from).expect("it is linked");
    let room = world.node.room(world.room).id().expect("it is open");
    let signal = |world: &mut World, epoch: u32, kind: CandidateKind, port: u16| {
        let Base { own, links, .. } = &mut world.node.base;
        let session = links.of(from).expect("it is linked").facts().session;
        let address = CandidateAddress::Ip([192, 0, 2, 1].into());
        let candidate = Candidate { kind, priority: 1, address, port };
        let content = SignalContent::Candidate(candidate);
        let body = SignalBody { from, to: own.me, room, session, epoch, content };
        let payload =
            sealing::seal(&body, &other(), &own.sealing.public(), None, &mut own.rng).expect("a key");
        world.effects.clear();
        let (base, connecting) = (&mut world.node.base, &mut world.node.connecting);
        connecting.handle_server_signal(base, world.room, from, &payload, Source::Visit);
        world.run();
        world.effects.contains(&Effect::Signal { link, signal: Signal::Candidate(candidate) })
    };
    assert!(signal(&mut world, 1, CandidateKind::Relayed, 3478));
    assert!(!signal(&mut world, 1, CandidateKind::Host, 0), "it leads nowhere");
    assert!(world.node.base.known.hides(from), "it names relayed ones alone");
    assert!(signal(&mut world, 1, CandidateKind::Host, 3478));
    assert!(!world.node.base.known.hides(from));
    assert!(!signal(&mut world, 2, CandidateKind::Host, 3478), "of another attempt");
    for _ in 2..CANDIDATES_MAX {
        assert!(signal(&mut world, 1, CandidateKind::Host, 3478));
    }
    assert!(!signal(&mut world, 1, CandidateKind::Host, 3478), "one too many");
    assert_eq!(world.refused(from, Refusal::Signal), 2);
}

#[test]
fn deadlines_are_those_of_all_who_are_known() {
    let looks = |world: &World| {
        let base = &world.node.base;
        let all = base.known.endpoints();
        let due = all.iter().filter_map(|&endpoint| Some((base.known.due_of(base, endpoint)?, endpoint)));
        let due: BTreeSet<(Time, Endpoint)> = due.collect();
        let earliest = base.known.poll_timeout(base);
        assert_eq!((base.known.noted(), earliest), (due.clone(), due.first().map(|(at, _)| *at)));
        all.len()
    };
    let mut world = World::new();
    let endpoints: Vec<Endpoint> = (1..=3).map(|number| world.link(number)).collect();
    for number in 4..=9 {
        world.know(&member(number));
    }
    let link = world.node.base.links.id_of(endpoints[0]).expect("it is linked");
    world.node.handle_input(world.now, Input::Down { link, reason: "cut".into() });
    assert_eq!(looks(&world), 9);
    // Each part alone changes what is due next.
    let (now, room, [unlinked, unlisted]) =
        (world.now, world.room, [8, 9].map(|number| member(number).endpoint));
    for endpoint in [unlinked, unlisted] {
        world.node.base.known.try_at(endpoint, None);
        world.node.base.known.unlist(endpoint, room);
    }
    looks(&world);
    let Base { own, links, .. } = &mut world.node.base;
    let topic = Topic::new("any").expect("short");
    let letter = Letter { room: room.0, slot: Slot::GENESIS, topic, bytes: Bytes::default() };
    links.send_direct(own, unlinked, letter, false).expect("it waits for a link");
    looks(&world);
    world.node.base.own.people.set_state(now + Duration::from_secs(1), unlisted, LinkState::Gone, None);
    looks(&world);
    let base = &mut world.node.base;
    base.rooms.attachments_mut().keep_attached(&base.own, endpoints[1]);
    looks(&world);
    let end = now + Duration::from_secs(180);
    while let Some(at) = world.node.poll_timeout().filter(|at| *at <= end) {
        looks(&world);
        world.now = at;
        world.node.handle_timeout(at);
        world.run();
    }
    assert_eq!(looks(&world), 2, "who answers stays, and nobody else");
}

#[test]
fn a_commons_opens_alone_and_hides_its_network() {
    let (genesis, address) = commons("club");
    let room = address.room().expect("its id");
    let identity = Identity::from_secret([1; 32]);
    let mut node = Node::new(toy::make, Config::default(), identity, [7; 32], Time(0), WallTime(0));
    let handle = node.join_by_genesis(Time(0), address, genesis).expect("a room");
    assert_eq!(node.room(handle).id(), Some(room), "it is open at once");
    node.room_mut(Time(0), handle).add_server(LAN).expect("it is found on the network");
    let link = node.room(handle).address_without_code().expect("a link").to_string();
    assert_eq!(link, format!("meshwork:toy#{room}"), "and its link does not say so");
}

/// The genesis of a commons, and its address.
fn commons(name: &str) -> (Vec<u8>, RoomAddress) {
    let RoomSpec { app, parameters, .. } = spec();
    let name = BoundedText::new(name).expect("short");
    let (genesis, room) = Commons { name, nonce: 0, app: app.clone(), parameters }.to_bytes();
    (genesis, RoomAddress::without_server(app, RoomKeys { room, secrets: None }))
}

/// The changes of the store that the node asks for. All succeed.
fn persisted(node: &mut Node) -> Vec<crate::seam::io::StoreChange> {
    let mut changes = Vec::new();
    while let Some(output) = node.poll_output() {
        if let Output::Effect(Effect::Persist { token, change, .. }) = output {
            node.handle_input(Time(0), Input::Persisted { token });
            changes.push(change);
        }
    }
    changes
}

#[test]
fn a_room_joined_by_its_genesis_is_stored() {
    for name in ["club", ""] {
        let (genesis, address) = commons(name);
        let config = Config { stores: true, ..Config::default() };
        let identity = Identity::from_secret([1; 32]);
        let mut node = Node::new(toy::make, config, identity, [7; 32], Time(0), WallTime(0));
        let room = node.join_by_genesis(Time(0), address.clone(), genesis.clone()).expect("a room");
        assert_eq!(node.room(room).id(), address.room(), "it is open at once");
        let opened = persisted(&mut node);
        let write = node.room_mut(Time(0), room).write(ReplicaNumber::FIRST, Board::payloads(&[(1, 2)]));
        write.expect("everybody may write");
        let written = persisted(&mut node);
        if name.is_empty() {
            assert_eq!((opened, written), (Vec::new(), Vec::new()), "nobody stores a commons without a name");
            node.room_mut(Time(0), room).start_storing(&BTreeSet::new());
            assert_eq!(persisted(&mut node), [], "a browser neither");
        } else {
            assert_eq!(opened.iter().find_map(|change| change.genesis.clone()), Some(genesis));
            assert!(written.iter().any(|change| change.insert.len() == 1), "{written:?}");
        }
    }
}

#[test]
fn a_genesis_of_another_room_is_an_error() {
    let (genesis, address) = (commons("club").0, commons("").1);
    let mut world = World::new();
    let joined = world.node.join_by_genesis(Time(0), address, genesis);
    assert!(matches!(joined, Err(CommandError::Stored(_))), "{joined:?}");
}
