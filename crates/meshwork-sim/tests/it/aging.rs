//! Rooms whose owner says for how many days rows of a table are kept.

use std::num::NonZero;
use std::time::Duration;

use crate::common::{Member, SIZE, equal, join_with};
use crate::records::{governed_alike, order};
use meshwork_core::node::{Config, Event};
use meshwork_core::replica::{Replica as _, ReplicaNumber};
use meshwork_core::signed::app::CONVERSATION_SLOT;
use meshwork_core::signed::change::Age;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Table, Write, Writer, payloads};
use meshwork_core::time::Time;
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::world::World;

const HOUR: Duration = Duration::from_secs(60 * 60);
const HOUR_MILLIS: u64 = 60 * 60 * 1000;

fn conversation() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT, Family::ByTime).expect("the conversation has a slot")
}

fn stores() -> Config {
    Config { stores: true, ..Config::default() }
}

/// Somebody writes in a row of so many hours ago.
fn post(world: &mut World, member: Member, hours: u64, text: &str) {
    let millis = world.wall().as_millis() - hours * HOUR_MILLIS;
    let row = [&millis.to_be_bytes()[2..], &[7; 8]].concat();
    let write = Write::value(row, Writer::Anybody.field(text.as_bytes()), text);
    let payloads = payloads(world.node(member.0).endpoint().peer, &[write]).expect("it is short");
    order(world, member, |node, now, room| node.room_mut(now, room).write(conversation(), payloads));
}

/// What somebody sees in the conversation, in the order of time.
fn texts(world: &World, (index, room): Member) -> Vec<String> {
    let table = world.node(index).room(room).replica::<Table>(conversation());
    let texts = table.into_iter().flat_map(|table| table.entries(b"")).filter_map(|entry| entry.value());
    texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

fn see(members: &[Member], expected: &[&str]) -> impl Fn(&World) -> bool {
    let members = members.to_vec();
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    move |world| members.iter().all(|member| texts(world, *member) == expected)
}

fn set_age(world: &mut World, owner: Member, days: u16) {
    let age = Age { replica: conversation(), days: NonZero::new(days) };
    order(world, owner, |node, now, room| node.room_mut(now, room).set_age(age));
}

/// Batches of the conversation on a disk.
fn on_disk(world: &World, index: NodeIndex) -> usize {
    world.look_at(index).store.values().map(|stored| stored.batches.len()).sum()
}

/// Three programs of which each has a disk, at this time of day; the clocks of two are some seconds off.
fn room_at(time: Duration, path: PathModel) -> (World, Vec<Member>) {
    let mut world = World::new(4, path);
    world.run_until(Time(0) + time);
    let first = world.start(stores(), 1, 0);
    let mut members = vec![(first, world.create_room(first, SIZE, false))];
    let registered = |world: &World| world.node(first).room(members[0].1).address().is_some();
    assert!(world.run_while(Duration::from_secs(5), registered));
    for (person, skew) in [(2, -2_000_000), (3, 2_500_000)] {
        let (index, _) = join_with(&mut world, &mut members, person, stores());
        world.program(index).skew = skew;
    }
    (world, members)
}

/// The same at noon, in which one of the three posted this so many hours after it was written.
fn room_with(posts: [(u64, &str); 3]) -> (World, Vec<Member>) {
    let (mut world, members) = room_at(12 * HOUR, PathModel::LAN);
    world.run_for(Duration::from_secs(20));
    for (hours, text) in posts {
        post(&mut world, members[1], hours, text);
        world.run_for(Duration::from_secs(2));
    }
    (world, members)
}

fn blamed<'a>(world: &'a World, members: &'a [Member]) -> Vec<&'a Event> {
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    members.iter().flat_map(|(index, _)| &world.look_at(*index).events).filter(refused).collect()
}

#[test]
fn the_turn_of_a_day_leaves_members_equal() {
    let (mut world, members) = room_at(24 * HOUR - Duration::from_secs(120), PathModel::WAN);
    world.run_for(Duration::from_secs(20));
    for (member, (hours, text)) in members.iter().zip([(60, "before"), (14, "morning"), (0, "now")]) {
        post(&mut world, *member, hours, text);
    }
    assert!(world.run_while(Duration::from_secs(30), see(&members, &["before", "morning", "now"])));
    set_age(&mut world, members[0], 1);
    assert!(world.run_while(Duration::from_secs(30), see(&members, &["morning", "now"])));
    // Somebody goes on with what is about to be old, and others with what is not, while days turn one after the other.
    for second in 0..100u64 {
        let member = members[second as usize % 3];
        let hours = if second % 2 == 0 && world.wall().day() == 20_454 { 30 } else { 1 };
        post(&mut world, member, hours, &format!("at {second}"));
        world.run_for(Duration::from_secs(1));
    }
    assert_eq!(world.wall().day(), 20_455);
    assert!(world.run_while(Duration::from_secs(60), equal(&members)));
    let floor = world.wall().as_millis() - 30 * HOUR_MILLIS;
    for &(index, room) in &members {
        let table = world.node(index).room(room).replica::<Table>(conversation()).expect("it is kept");
        let old = table.entries(b"").filter(|entry| meshwork_core::table::time_of(entry.row()) < Some(floor));
        assert_eq!(old.count(), 0);
        assert_eq!(table.batch_count(), on_disk(&world, index), "what is old is on no disk");
    }
    assert_eq!(blamed(&world, &members), Vec::<&Event>::new());
}

#[test]
fn who_was_away_brings_nothing_back() {
    let (mut world, members) = room_with([(100, "old"), (40, "yesterday"), (0, "now")]);
    assert!(world.run_while(Duration::from_secs(30), see(&members, &["old", "yesterday", "now"])));
    world.run_for(Duration::from_secs(2));
    // One is away with its disk, while the owner decides and a day goes by for it.
    let (away, room) = members[2];
    let address = world.node(away).room(room).address().expect("it is registered");
    let store = world.crash(away);
    set_age(&mut world, members[0], 2);
    let here = &members[..2];
    assert!(world.run_while(Duration::from_secs(30), see(here, &["yesterday", "now"])));
    world.run_for(Duration::from_secs(2));
    let disks = |world: &World| here.iter().map(|(index, _)| on_disk(world, *index)).collect::<Vec<_>>();
    assert_eq!(disks(&world), [2, 2]);

    let back = world.start(stores(), 3, 0);
    world.program(back).store = store;
    let back: Member = (back, world.join_room(back, address));
    assert_eq!(texts(&world, back).len(), 3, "it has not heard of that");
    let all = [members[0], members[1], back];
    assert!(world.run_while(Duration::from_secs(30), see(&all, &["yesterday", "now"])));
    world.run_for(Duration::from_secs(60));
    assert!(see(&all, &["yesterday", "now"])(&world) && equal(&all)(&world));
    assert_eq!(on_disk(&world, back.0), 2);
    assert_eq!(blamed(&world, &all), Vec::<&Event>::new());
}

#[test]
fn rows_come_back_for_a_longer_age() {
    let (mut world, members) = room_with([(200, "old"), (100, "last week"), (0, "now")]);
    assert!(world.run_while(Duration::from_secs(30), see(&members, &["old", "last week", "now"])));
    world.sleep(members[2].0);
    set_age(&mut world, members[0], 1);
    assert!(world.run_while(Duration::from_secs(30), see(&members[..2], &["now"])));
    set_age(&mut world, members[0], 5);
    world.run_for(Duration::from_secs(15));
    assert!(see(&members[..2], &["now"])(&world), "here nobody has it");
    world.wake(members[2].0);
    assert!(world.run_while(Duration::from_secs(120), see(&members, &["last week", "now"])));
    set_age(&mut world, members[0], 0);
    assert!(world.run_while(Duration::from_secs(10), governed_alike(&members)));
    post(&mut world, members[1], 2000, "long ago");
    assert!(world.run_while(Duration::from_secs(30), see(&members, &["long ago", "last week", "now"])));
}
