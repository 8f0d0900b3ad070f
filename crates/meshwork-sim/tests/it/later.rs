//! A room in which some programs are of a later build: what this one cannot read is kept, handed on, and in nobody's way.

use std::time::Duration;

use meshwork_core::node::{Config, Event, RoomSpec};
use meshwork_core::replica::{Replica as _, ReplicaNumber};
use meshwork_core::signed::app::AppParameters;
use meshwork_core::table::{Table, Write, Writer, payloads};
use meshwork_sim::connection::PathModel;
use meshwork_sim::library::Library;
use meshwork_sim::world::{SERVER, World};
use meshwork_sync::document::{Documents, client_of, payload};
use meshwork_sync::{WORD, counter, values};

use crate::common::{Member, first_table};

const NOTES: &str = "notes";

fn config() -> Config {
    Config { stays: true, stores: true, ..Config::default() }
}

fn table(world: &World, (index, room): Member) -> &Table {
    world.node(index).room(room).replica(first_table()).expect("every app has one")
}

fn documents(world: &World, (index, room): Member) -> &Documents {
    world.node(index).room(room).replica(ReplicaNumber::FIRST).expect("Sync has them")
}

fn text(world: &World, member: Member) -> String {
    let whole = documents(world, member).whole(NOTES);
    Library::open(0, whole.as_deref()).expect("it can be opened").text()
}

fn say(world: &mut World, (index, room): Member, number: ReplicaNumber, payloads: Vec<Vec<u8>>) {
    let written = world.command(index, |node, now| node.room_mut(now, room).write(number, payloads));
    written.expect("there is no limit");
}

fn write(world: &mut World, member: Member, writes: &[Write]) {
    let me = world.node(member.0).endpoint().peer;
    let payloads = writes.iter().flat_map(|write| payloads(me, std::slice::from_ref(write)).expect("short"));
    say(world, member, first_table(), payloads.collect());
}

fn type_in(world: &mut World, member: Member, per_mille: u16, words: &str) {
    let client = client_of(world.node(member.0).endpoint());
    let whole = documents(world, member).whole(NOTES);
    let update = Library::open(client, whole.as_deref()).expect("it can be opened").insert(per_mille, words);
    say(world, member, ReplicaNumber::FIRST, vec![payload(NOTES, &[], &update)]);
}

/// What a later version may write beside what this one knows: rows, fields and values.
fn unknown(world: &World, (index, _): Member) -> Vec<Write> {
    let me = Writer::Peer(world.node(index).endpoint().peer);
    vec![
        // A row of a kind of its own, and one that has nothing but the first byte.
        Write::value(b"\xffzodiac", me.field(b"sign"), b"\x07\x00\xff"),
        Write::value(b"\xff", Writer::Anybody.field(b""), b"?"),
        // Fields of counters, values and documents that have other names, and a share that is no number.
        Write::value(b"\xffclikes", me.field(b"short"), b"\x02"),
        Write::value(b"\xffclikes", me.field(b"\x09\x00\x00\x00\x00\x00\x00\x00"), b"no number"),
        Write::value(b"\xffvtitle", me.field(b"\x7f"), b"\"later\""),
        Write::value(b"\xffvtitle", Writer::Anybody.field(b"\x00"), b"\"anybody's\""),
        Write::value(b"\xffdnotes", me.field(b"\x99what"), b"\x01"),
    ]
}

/// A payload of the version 2 of documents, and one of the last there can be.
const LATER: [&[u8]; 2] = [b"\x00\x02\x01written by a later build", b"\x00\xff\x80\x01"];

/// What a member holds of what it cannot read.
fn holds_unknown(world: &World, member: Member, writes: &[Write]) -> bool {
    let has_rows = writes.iter().all(|write| {
        let entry = table(world, member).get(&write.row, &write.field);
        entry.and_then(|entry| entry.value()) == write.value.as_deref()
    });
    let has = |payload: &&[u8]| documents(world, member).batches().any(|batch| batch.payload() == *payload);
    has_rows && LATER.iter().all(has)
}

/// What a member reads of what it can read.
fn reads(world: &World, member: Member) -> (i64, Option<Vec<u8>>, String) {
    let title = values::get(table(world, member), "title").and_then(|entry| entry.value());
    (counter::value(table(world, member), "likes"), title.map(<[u8]>::to_vec), text(world, member))
}

fn are_equal(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| {
        let is_there = |&(index, room): &Member| {
            world.node(index).room(room).replica::<Documents>(ReplicaNumber::FIRST).is_some()
        };
        let digests = |member: &Member| [table(world, *member).digest(), documents(world, *member).digest()];
        members.iter().all(|member| is_there(member) && digests(member) == digests(&members[0]))
    }
}

#[test]
fn later_builds_write_beside_this_one() {
    let mut world = World::new(31, PathModel::WAN);
    let first = world.start(config(), 1, 0);
    let app = WORD.parse().expect("a word");
    let spec = RoomSpec {
        servers: vec![SERVER.to_owned()],
        app,
        parameters: AppParameters::default(),
        private: false,
    };
    let ann = (first, world.command(first, |node, now| node.create_room(now, spec)).expect("a legal room"));
    let known = |world: &World| world.node(ann.0).room(ann.1).address().is_some();
    assert!(world.run_while(Duration::from_secs(5), known));
    let link = world.node(ann.0).room(ann.1).address().expect("just seen");
    let second = world.start(config(), 2, 0);
    let kim = (second, world.join_room(second, link.clone()));
    let is_here =
        |world: &World| world.node(kim.0).room(kim.1).replica::<Documents>(ReplicaNumber::FIRST).is_some();
    assert!(world.run_while(Duration::from_secs(20), is_here));

    // Live, while both write what everybody reads.
    let step = counter::add(table(&world, ann), world.node(ann.0).endpoint(), "likes", 3).expect("few");
    write(&mut world, ann, &[step]);
    let unknown = unknown(&world, ann);
    write(&mut world, ann, &unknown);
    say(&mut world, ann, ReplicaNumber::FIRST, LATER.map(<[u8]>::to_vec).to_vec());
    let title = values::set(table(&world, kim), world.node(kim.0).endpoint().peer, "title", Some(b"\"now\""));
    world.run_for(Duration::from_secs(2));
    write(&mut world, kim, &[title]);
    type_in(&mut world, kim, 0, "ferry");
    assert!(world.run_while(Duration::from_secs(20), are_equal(&[ann, kim])));
    type_in(&mut world, ann, 1000, " at nine");
    assert!(world.run_while(Duration::from_secs(20), are_equal(&[ann, kim])));
    let read = (3, Some(b"\"now\"".to_vec()), "ferry at nine".to_owned());
    assert!(holds_unknown(&world, kim, &unknown));
    assert_eq!(reads(&world, kim), read);

    // Who comes when the later build is gone has it from the other one, after a restart too.
    world.run_for(Duration::from_secs(5));
    world.crash(ann.0);
    let store = world.crash(kim.0);
    let again = world.start(config(), 2, 0);
    world.program(again).store = store;
    let kim = (again, world.join_room(again, link.clone()));
    world.run_for(Duration::from_secs(5));
    let third = world.start(config(), 3, 0);
    let lou = (third, world.join_room(third, link));
    let is_here =
        |world: &World| world.node(lou.0).room(lou.1).replica::<Documents>(ReplicaNumber::FIRST).is_some();
    assert!(world.run_while(Duration::from_secs(30), is_here));
    assert!(world.run_while(Duration::from_secs(30), are_equal(&[kim, lou])));
    assert!(holds_unknown(&world, lou, &unknown));
    assert_eq!(reads(&world, lou), read);
    for turn in 0..70 {
        type_in(&mut world, lou, 1000, &turn.to_string());
        world.run_for(Duration::from_millis(100));
    }
    assert!(world.run_while(Duration::from_secs(20), are_equal(&[kim, lou])));
    assert!(text(&world, kim).ends_with("6869"));
    assert!(holds_unknown(&world, kim, &unknown), "folds leave it alone");
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    let events = [kim, lou].into_iter().flat_map(|(index, _)| &world.look_at(index).events);
    assert_eq!(events.filter(refused).collect::<Vec<_>>(), Vec::<&Event>::new());
}
