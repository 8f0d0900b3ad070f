//! Faults of networks and machines, one at a time.

use std::time::Duration;

use crate::common::{BLUE, Member, RED, SIZE, equal, join, room_of, whole};
use meshwork_core::node::{Config, Event, RoomRefusal, Usage};
use meshwork_place::Place as _;
use meshwork_sim::check;
use meshwork_sim::connection::PathModel;
use meshwork_sim::meeting_point::Lie;
use meshwork_sim::world::{self, SERVER, World};

#[test]
fn one_way_cut_ends_link_until_it_heals() {
    let (mut world, members) = room_of(3, PathModel::WAN);
    let [(a, room), (b, _), (c, _)] = members[..] else { unreachable!("three joined") };
    world.connections.cut_one_way(a, b);
    world.run_for(Duration::from_secs(15));
    let attached =
        |world: &World, index| world.node(index).room(room).peers().iter().filter(|p| p.attached).count();
    assert_eq!((attached(&world, b), attached(&world, c)), (1, 2), "who hears nothing gives the link up");
    world.paint(a, room, &[(1, 1, RED)]);
    assert!(world.run_while(Duration::from_secs(2), equal(&members)), "the third passes it on");
    world.heal();
    assert!(
        world.run_while(Duration::from_secs(40), |world| whole(&members)(world) && equal(&members)(world))
    );
}

#[test]
fn a_laptop_that_slept_catches_up() {
    let (mut world, members) = room_of(3, PathModel::WAN);
    let (sleeper, room) = members[2];
    world.sleep(sleeper);
    let before = world.look_at(sleeper).events.len();
    world.paint(members[0].0, members[0].1, &[(1, 1, RED)]);
    world.run_for(Duration::from_secs(600));
    assert_eq!(world.look_at(sleeper).events.len(), before, "a machine that sleeps does nothing");
    world.wake(sleeper);
    assert!(
        world.run_while(Duration::from_secs(60), |world| whole(&members)(world) && equal(&members)(world))
    );
    world.paint(sleeper, room, &[(1, 1, BLUE)]);
    assert!(world.run_while(Duration::from_secs(2), equal(&members)));
}

#[test]
fn a_connection_that_fails_is_made_again() {
    let (mut world, members) = room_of(2, PathModel::WAN);
    world.fail_connection(members[0].0, members[1].0);
    assert!(check::whole_mesh(&world, &members).is_err(), "both ends know at once");
    assert!(world.run_while(Duration::from_secs(10), whole(&members)));
}

/// Crashes the first member, which keeps the room, and starts it again from its disk.
fn restart(world: &mut World, members: &mut [Member], durable: usize) {
    let (keeper, room) = members[0];
    let address = world.node(keeper).room(room).address().expect("it is registered");
    let store = world.crash_while_storing(keeper, durable);
    let again = world.start(Config { stores: true, ..Config::default() }, 1, 0);
    world.program(again).store = store;
    members[0] = (again, world.join_room(again, address));
}

#[test]
fn interrupted_store_is_whole_or_absent() {
    for durable in [0, 1] {
        let (mut world, mut members) = room_of(1, PathModel::LOCAL);
        world.run_for(Duration::from_secs(1));
        world.paint(members[0].0, members[0].1, &[(1, 1, RED), (2, 2, RED)]);
        restart(&mut world, &mut members, durable);
        let (keeper, room) = members[0];
        let painted = world.node(keeper).canvas(room).map(|canvas| canvas.painted());
        assert_eq!(painted, Some(2 * durable));
    }
}

#[test]
fn rotten_disk_costs_what_rotted_and_says_so() {
    let (mut world, mut members) = room_of(1, PathModel::LOCAL);
    let (keeper, room) = members[0];
    for x in 0..10 {
        world.paint(keeper, room, &[(x, 1, RED)]);
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(world::rot(&mut world.program(keeper).store, 5), 2);
    restart(&mut world, &mut members, 0);
    let (keeper, room) = members[0];
    assert_eq!(world.node(keeper).canvas(room).map(|canvas| canvas.painted()), Some(8));
    let said = |event: &Event| matches!(event, Event::StorageFailed { .. });
    assert!(world.look_at(keeper).events.iter().any(said));
}

#[test]
fn full_disk_is_told_and_room_goes_on() {
    let (mut world, members) = room_of(2, PathModel::LOCAL);
    let [(keeper, _), (painter, room)] = members[..] else { unreachable!("two joined") };
    world.program(keeper).disk.set(Duration::from_millis(5), true);
    world.paint(painter, room, &[(3, 3, RED)]);
    assert!(world.run_while(Duration::from_secs(1), equal(&members)));
    world.run_for(Duration::from_secs(1));
    let failed = |event: &Event| matches!(event, Event::StorageFailed { .. });
    assert!(world.look_at(keeper).events.iter().any(failed));
    let stored = |event: &Event| matches!(event, Event::Acknowledged { stored: true, .. });
    assert!(!world.look_at(painter).events.iter().any(stored), "nobody is told that it is stored");
}

#[test]
fn room_needs_no_other_server_than_its_own() {
    let mut world = World::new(4, PathModel::WAN);
    world.servers.add("http://other.test");
    let here = world.start(Config::default(), 1, 0);
    let room = world.create_room_at(here, "http://other.test", SIZE, false);
    world.stop_server();
    assert!(world.run_while(Duration::from_secs(5), |world| world.node(here).room(room).address().is_some()));
    let mut members = vec![(here, room)];
    join(&mut world, &mut members, 2);
    assert!(world.run_while(Duration::from_secs(10), whole(&members)));
    world.stop_server_at("http://other.test");
    world.run_for(Duration::from_secs(30));
    assert!(whole(&members)(&world));
}

#[test]
fn room_survives_every_server_lie_and_heals_after() {
    for lie in Lie::ALL {
        let (mut world, mut members) = room_of(3, PathModel::WAN);
        world.servers.first().set_lie(Some(lie));
        join(&mut world, &mut members, 9);
        world.fail_connection(members[0].0, members[1].0);
        world.run_for(Duration::from_secs(20));
        world.paint(members[0].0, members[0].1, &[(1, 1, RED)]);
        world.run_for(Duration::from_secs(5));
        assert!(equal(&members[..3])(&world), "under {lie:?} those who are linked go on");
        // An honest server takes its place.
        world.servers.first().set_lie(None);
        world.stop_server();
        world.servers.start();
        if lie == Lie::OtherRoom {
            let (newcomer, _) = members.pop().expect("it joined last");
            let refused =
                |event: &Event| matches!(event, Event::RoomRefused { reason: RoomRefusal::WrongRoom(_), .. });
            assert!(world.look_at(newcomer).events.iter().any(refused), "the newcomer says what is wrong");
        }
        let healed = |world: &World| whole(&members)(world) && equal(&members)(world);
        assert!(world.run_while(Duration::from_secs(60), healed), "after {lie:?}");
    }
}

#[test]
fn links_and_rooms_leave_nothing_however_they_end() {
    let (mut world, members) = room_of(1, PathModel::WAN);
    let (host, first) = members[0];
    let address = world.node(host).room(first).address().expect("it is registered");
    for number in 0..60 {
        // Those that lead nowhere as well.
        let gone = world.command(host, |node, now| {
            node.join_room(now, format!("{SERVER}/place/K7M4QX").parse().unwrap(), None)
        });
        let guest = world.start(Config::default(), 100 + number, 0);
        let room = world.join_room(guest, address.clone());
        let pair = [(host, first), (guest, room)];
        assert!(world.run_while(Duration::from_secs(20), whole(&pair)), "round {number}");
        world.paint(guest, room, &[(number as u16, 1, RED)]);
        match number % 5 {
            0 => world.quit(guest),
            1 => drop(world.crash(guest)),
            2 => world.command(guest, |node, now| node.leave_room(now, room)),
            3 => world.fail_connection(host, guest),
            _ => world.cut(&[host], &[guest]),
        }
        world.run_for(Duration::from_secs(5));
        if matches!(number % 5, 3 | 4) {
            world.crash(guest);
        }
        world.command(host, |node, now| node.leave_room(now, gone.expect("a place for one room more")));
    }
    world.run_for(Duration::from_secs(180));
    let usage = world.node(host).usage();
    assert_eq!((usage.rooms, usage.links, usage.attempts, usage.peers), (1, 0, 0, 0), "{usage:?}");
    world.command(host, |node, now| node.leave_room(now, first));
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.node(host).usage(), Usage::default());
}
