//! People vote: an app of one's own on a table, in a room that also somebody is in who fills all that it may and
//! contradicts itself. A keeper that has never heard of votes keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::node::{Config, Event, Node, RoomSpec};
use meshwork_core::room::message::RoomMessage;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::app::AppParameters;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{ENTRIES_MAX, Quota, Table, Write, Writer, payloads};
use meshwork_core::wire::Bytes;
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::{SERVER, World, identity};

use crate::common::first_table;

/// The row that the votes lie in, each in a field of its peer.
const BALLOTS: &[u8] = b"ballots";

/// A vote for a choice: a field that only its peer may write.
fn ballots(peer: PeerId, choice: &str) -> Vec<Vec<u8>> {
    let field = Writer::Peer(peer).field(b"vote");
    payloads(peer, &[Write::value(BALLOTS, field, choice)]).expect("row, field and value are short")
}

/// How many votes each choice has.
fn tally(node: &Node, room: RoomHandle) -> BTreeMap<Vec<u8>, usize> {
    let mut tally = BTreeMap::new();
    let table: Option<&Table> = node.room(room).replica(first_table());
    for entry in table.into_iter().flat_map(|table| table.entries(BALLOTS)) {
        if matches!(entry.field(), (Writer::Peer(_), b"vote"))
            && let Some(choice) = entry.value()
        {
            *tally.entry(choice.to_vec()).or_insert(0) += 1;
        }
    }
    tally
}

/// A program that needs nothing but tables.
fn start(world: &mut World, person: u64) -> usize {
    let make =
        |_, config, identity, seed, now, wall| Node::new(|_, _| None, config, identity, seed, now, wall);
    world.start_with(Config { stays: true, stores: true, ..Config::default() }, person, 0, make)
}

fn join(world: &mut World, person: u64, of: (usize, RoomHandle)) -> (usize, RoomHandle) {
    let link = world.node(of.0).room(of.1).address().expect("it is registered");
    let index = start(world, person);
    (index, world.join_room(index, link))
}

/// Fills rows and fields with names that sort before all others, as much as one peer may and some more.
fn fill(world: &mut World, (index, room): (usize, RoomHandle)) {
    for first in (0..Quota::default().values as usize + 1000).step_by(ENTRIES_MAX) {
        let fields = (first..first + ENTRIES_MAX)
            .map(|name| Write::value("ballots", Writer::Anybody.field(&name.to_be_bytes()), "ferry"));
        let payloads =
            payloads(world.node(index).endpoint().peer, &fields.collect::<Vec<_>>()).expect("short");
        world
            .command(index, |node, now| node.room_mut(now, room).write(first_table(), payloads))
            .expect("no limit");
        world.run_for(Duration::from_millis(200));
    }
}

/// Signs two votes with one sequence, and says one over every other link.
fn contradict(world: &mut World, (index, room): (usize, RoomHandle), choices: [&str; 2]) {
    let author = Endpoint { instance: Instance(9), ..world.node(index).endpoint() };
    let id = world.node(index).room(room).id().expect("it is open");
    let window = StampWindow::at(Stamp::at(world.wall()));
    let header = Header { replica: first_table(), ..Header::new(author, 1, window, 2) };
    for (place, link) in world.connections.of(index).into_iter().enumerate() {
        let vote = &ballots(author.peer, choices[place % 2])[0];
        let batch = SignedBatch::sign(&identity(3), &id, &header, vote).expect("it is its own");
        let bytes = Bytes::new(batch.bytes().to_vec()).expect("short");
        world.say_over(index, link, room, &RoomMessage::Batch(bytes));
    }
}

#[test]
fn votes_count_whoever_keeps_them() {
    let mut world = World::new(5, PathModel::WAN);
    let first = start(&mut world, 1);
    let app = "votes".parse().expect("it is the word of an app");
    let spec =
        RoomSpec { servers: vec![SERVER.into()], app, parameters: AppParameters::default(), private: false };
    let room = world.command(first, |node, now| node.create_room(now, spec)).expect("a room");
    let is_registered = |world: &World| world.node(first).room(room).address().is_some();
    assert!(world.run_while(Duration::from_secs(5), is_registered));
    let ann = (first, room);
    let (bo, hostile, keeper) =
        (join(&mut world, 2, ann), join(&mut world, 3, ann), join(&mut world, 4, ann));
    let cast = |world: &mut World, (index, room): (usize, RoomHandle), choice| {
        let vote = |node: &mut Node, now| {
            let ballots = ballots(node.endpoint().peer, choice);
            node.room_mut(now, room).write(first_table(), ballots)
        };
        world.command(index, vote).expect("a vote");
    };
    world.run_for(Duration::from_secs(5));
    cast(&mut world, ann, "ferry");
    fill(&mut world, hostile);
    contradict(&mut world, hostile, ["ferry", "train"]);
    world.run_for(Duration::from_secs(5));
    let contradicts = |event: &Event| matches!(event, Event::Equivocation { .. });
    let is_told = |(index, _): &(usize, _)| world.look_at(*index).events.iter().any(contradicts);
    assert!([ann, bo, keeper].iter().all(is_told), "everybody is shown the two");
    assert_eq!(tally(world.node(ann.0), ann.1), tally(world.node(bo.0), bo.1), "one of them counts");
    cast(&mut world, hostile, "train");
    cast(&mut world, bo, "train");
    cast(&mut world, bo, "ferry");
    world.run_for(Duration::from_secs(60));

    // All who voted leave. Who comes now finds the votes at the keeper.
    for member in [ann, bo, hostile] {
        world.crash(member.0);
    }
    let late = join(&mut world, 5, keeper);
    let counted = |world: &World| {
        let tally = tally(world.node(late.0), late.1);
        tally.get(&b"ferry"[..]) == Some(&2) && tally.get(&b"train"[..]) == Some(&1) && tally.len() == 2
    };
    assert!(world.run_while(Duration::from_secs(120), counted), "{:?}", tally(world.node(late.0), late.1));
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    assert_eq!(world.look_at(late.0).events.iter().find(refused), None);
}
