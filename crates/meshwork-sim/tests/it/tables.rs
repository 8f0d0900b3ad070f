//! A room that keeps a table in step: live, at join, and after a cut.

use std::time::Duration;

use crate::common::{Member, SIZE};
use meshwork_core::node::{Config, Event, Node};
use meshwork_core::replica::Replica;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::table::{Change, Kind, Table, Write, Writer, payloads};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

/// A table for any room.
fn table(_: &Genesis) -> Option<Box<dyn Replica>> {
    Some(Box::new(Table::new(Kind::ByValue)))
}

fn start(world: &mut World, person: u64) -> usize {
    let make = |_, config, identity, seed, now, wall| Node::new(table, config, identity, seed, now, wall);
    world.start_with(Config::default(), person, 0, make)
}

fn field(name: impl ToString) -> Vec<u8> {
    Writer::Anybody.field(name.to_string().as_bytes())
}

fn write(world: &mut World, (index, room): Member, writes: &[Write]) {
    let payloads = payloads(writes).expect("they can be written");
    world.command(index, |node, now| node.room_mut(now, room).write(payloads)).expect("there is no limit");
}

fn read<'a>(world: &'a World, (index, room): Member, row: &str, name: &str) -> Option<&'a [u8]> {
    world.node(index).room(room).replica::<Table>()?.get(row.as_bytes(), &field(name))?.value()
}

fn equal(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| {
        let digest =
            |(index, room): &Member| Some(world.node(*index).room(*room).replica::<Table>()?.digest());
        members.iter().all(|member| digest(member).is_some() && digest(member) == digest(&members[0]))
    }
}

fn join(world: &mut World, members: &mut Vec<Member>, person: u64) -> Member {
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    let index = start(world, person);
    let room: RoomHandle = world.join_room(index, address);
    members.push((index, room));
    (index, room)
}

#[test]
fn a_room_keeps_a_table_in_step() {
    let mut world = World::new(1, PathModel::WAN);
    let first = start(&mut world, 1);
    let one = (first, world.create_room(first, SIZE, false));
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(one.0).room(one.1).address().is_some())
    );
    let many: Vec<Write> = (0..1500).map(|number| Write::value("list", field(number), "value")).collect();
    write(&mut world, one, &many);

    // At join: more than one leaf.
    let mut members = vec![one];
    let two = join(&mut world, &mut members, 2);
    assert!(world.run_while(Duration::from_secs(20), equal(&members)));
    assert_eq!(read(&world, two, "list", "1499"), Some(&b"value"[..]));
    world.run_for(Duration::from_secs(2));

    // Live: what stood there before is told, and many small batches become few.
    write(&mut world, two, &[Write::removal("list", field(7))]);
    assert!(world.run_while(Duration::from_secs(2), |world| read(world, one, "list", "7").is_none()));
    let told = world.look_at(one.0).events.iter().rev().find_map(|event| match event {
        Event::Changed { changes, .. } => changes.of::<Change>().first(),
        _ => None,
    });
    let change = told.expect("the app hears of it");
    assert_eq!(
        (change.before.as_ref().and_then(|entry| entry.value()), change.after.is_none()),
        (Some(&b"value"[..]), true)
    );
    for number in 0..100 {
        write(&mut world, one, &[Write::value("votes", field(number), "1")]);
        world.run_for(Duration::from_millis(50));
    }
    assert!(world.run_while(Duration::from_secs(10), equal(&members)));
    let batches =
        |world: &World| world.node(two.0).room(two.1).replica::<Table>().map(|table| table.batch_count());
    assert!(batches(&world) < Some(60), "{:?}", batches(&world));

    // After a cut: each writes what the other does not hear.
    world.cut(&[one.0], &[two.0]);
    for (member, number) in [(one, 1), (two, 2), (two, 3)] {
        write(&mut world, member, &[Write::value("cut", field(number), format!("{number}"))]);
        world.run_for(Duration::from_secs(20));
    }
    assert!(!equal(&members)(&world));
    world.heal();
    assert!(world.run_while(Duration::from_secs(120), equal(&members)));
    assert_eq!(["1", "3"].map(|name| read(&world, one, "cut", name)), [Some(&b"1"[..]), Some(b"3")]);
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    assert_eq!(members.iter().flat_map(|(index, _)| &world.look_at(*index).events).find(refused), None);
}
