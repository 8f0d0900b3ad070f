//! A room that keeps a table in step: live, at join, and after a cut.

use std::ops::Range;
use std::time::Duration;

use crate::common::{Member, SIZE, first_table, join_with, room_of};
use meshwork_core::node::{CommandError, Config, Event, Node, RoomMut, WriteError};
use meshwork_core::replica::{Replica, ReplicaNumber};
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::signed::change::{Limit, Quota as SignedQuota, Rule, WhoWrites};
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Change, Quota, Table, Write, Writer, payloads};
use meshwork_place::Place as _;
use meshwork_place::canvas::Colour;
use meshwork_sim::app;
use meshwork_sim::check::{self, Violation};
use meshwork_sim::connection::PathModel;
use meshwork_sim::world::World;

fn field(name: impl ToString) -> Vec<u8> {
    Writer::Anybody.field(name.to_string().as_bytes())
}

fn write(world: &mut World, (index, room): Member, writes: &[Write]) {
    let payloads = payloads(world.node(index).endpoint().peer, writes).expect("they can be written");
    world
        .command(index, |node, now| node.room_mut(now, room).write(first_table(), payloads))
        .expect("there is no limit");
}

fn read<'a>(world: &'a World, (index, room): Member, row: &str, name: &str) -> Option<&'a [u8]> {
    world.node(index).room(room).replica::<Table>(first_table())?.get(row.as_bytes(), &field(name))?.value()
}

fn equal(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| {
        let digest = |(index, room): &Member| {
            Some(world.node(*index).room(*room).replica::<Table>(first_table())?.digest())
        };
        members.iter().all(|member| digest(member).is_some() && digest(member) == digest(&members[0]))
    }
}

fn join(world: &mut World, members: &mut Vec<Member>, person: u64) -> Member {
    let address = world.node(members[0].0).room(members[0].1).address().expect("it is registered");
    let index = world.start(Config::default(), person, 0);
    let room: RoomHandle = world.join_room(index, address);
    members.push((index, room));
    (index, room)
}

#[test]
fn a_room_keeps_a_table_in_step() {
    let mut world = World::new(1, PathModel::WAN);
    let (one, _) = found(&mut world);
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
    let batches = |world: &World| {
        world.node(two.0).room(two.1).replica::<Table>(first_table()).map(|table| table.batch_count())
    };
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

/// Somebody writes more than a peer may have in a table: what was written last holds, everywhere.
pub(crate) fn keeps_quota(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut world = World::new(5, PathModel::LAN);
    let config = Config { planted, ..Config::default() };
    let first = world.start(config.clone(), 1, 0);
    let one = (first, world.create_room(first, SIZE, false));
    let registered = |world: &World| world.node(one.0).room(one.1).address().is_some();
    assert!(world.run_while(Duration::from_secs(5), registered));
    let mut members = vec![one];
    join_with(&mut world, &mut members, 2, config);
    let values = |numbers: Range<u32>| -> Vec<Write> {
        numbers.map(|number| Write::value("list", field(number), "value")).collect()
    };
    let most = Quota::default().values;
    write(&mut world, one, &values(0..10));
    world.run_for(Duration::from_secs(5));
    write(&mut world, one, &values(10..most + 10));
    world.run_while(Duration::from_secs(60), equal(&members));
    check::equal_replicas(&world, &members)?;
    app::check(&world, &members, &[])?;
    for member in members {
        assert_eq!(read(&world, member, "list", "9"), None);
        assert_eq!(read(&world, member, "list", &(most + 9).to_string()), Some(&b"value"[..]));
    }
    Ok(())
}

#[test]
fn what_is_written_last_fits_the_quota() {
    assert_eq!(keeps_quota(None), Ok(()));
}

/// Somebody makes a room: who, and its LINK.
fn found(world: &mut World) -> (Member, RoomAddress) {
    let first = world.start(Config::default(), 1, 0);
    let one = (first, world.create_room(first, SIZE, false));
    let address = |world: &World| world.node(one.0).room(one.1).address();
    assert!(world.run_while(Duration::from_secs(5), |world| address(world).is_some()));
    let link = address(world).expect("just seen");
    (one, link)
}

/// A program that knows no app.
fn start_stranger(world: &mut World, person: u64) -> usize {
    let make =
        |_, config, identity, seed, now, wall| Node::new(|_, _| None, config, identity, seed, now, wall);
    world.start_with(Config { stays: true, stores: true, ..Config::default() }, person, 0, make)
}

#[test]
fn keepers_keep_tables_of_unknown_apps() {
    let mut world = World::new(3, PathModel::WAN);
    let (one, link) = found(&mut world);
    let index = start_stranger(&mut world, 2);
    let keeper: Member = (index, world.join_room(index, link));
    let votes: AppWord = "votes".parse().expect("a word");
    let turned_on = world.command(one.0, |node, now| {
        node.room_mut(now, one.1).turn_on(votes.clone(), AppParameters::default())
    });
    let slot = turned_on.expect("it is its room");
    let number = ReplicaNumber::new(slot, Family::ByValue).expect("a slot");
    let payloads =
        payloads(world.node(one.0).endpoint().peer, &[Write::value("ferry", field("seats"), "40")])
            .expect("short");
    world.command(one.0, |node, now| node.room_mut(now, one.1).write(number, payloads)).expect("no limit");
    let in_step = |world: &World| {
        world.node(one.0).room(one.1).peers().iter().any(|peer| peer.attached && peer.in_step)
            && world.node(keeper.0).room(keeper.1).replica::<Table>(number).is_some()
    };
    assert!(world.run_while(Duration::from_secs(20), in_step), "over what both keep they are equal");

    // Who joins when the writer is away finds it all at the keeper.
    world.crash(one.0);
    let link = world.node(keeper.0).room(keeper.1).address().expect("it is registered");
    let third = world.start(Config::default(), 3, 0);
    let three = (third, world.join_room(third, link));
    let reads = |world: &World| {
        let view = world.node(three.0).room(three.1);
        let table = view.slot_of(&votes).and_then(|_| view.replica::<Table>(number));
        table.and_then(|table| table.get(b"ferry", &field("seats"))?.value().map(<[u8]>::to_vec))
    };
    assert!(world.run_while(Duration::from_secs(30), |world| reads(world).is_some()));
    assert_eq!(reads(&world).as_deref(), Some(&b"40"[..]));
}

#[test]
fn an_owner_limits_each_app_by_itself() {
    let (mut world, members) = room_of(2, PathModel::WAN);
    let (owner, room) = members[0];
    let order = |world: &mut World, act: &dyn Fn(&mut RoomMut) -> Result<(), CommandError>| {
        world.command(owner, |node, now| act(&mut node.room_mut(now, room)))
    };
    let limit = Some(Limit { cost: 3, window_ms: 60_000 });
    let rule = Rule { slot: 2, limit, writers: WhoWrites::Everybody };
    let off = CommandError::Write(WriteError::AppIsOff(2));
    assert_eq!(order(&mut world, &|room| room.set_rule(rule).map(drop)), Err(off));
    let app = || "votes".parse().expect("a word");
    order(&mut world, &|room| room.turn_on(app(), AppParameters::default()).map(drop)).expect("it owns it");
    order(&mut world, &|room| room.set_rule(rule).map(drop)).expect("it owns it");
    let quota = SignedQuota { replica: first_table(), values: 30_000, removals: 0, bytes: 0 };
    order(&mut world, &|room| room.raise_quota(quota).map(drop)).expect("it owns it");
    world.run_for(Duration::from_secs(5));
    let (guest, room) = members[1];
    let me = world.node(guest).endpoint().peer;
    let view = world.node(guest).room(room);
    assert_eq!(view.rule(2), Some((limit, WhoWrites::Everybody)));
    assert_eq!((view.rule(0), view.rule(3)), (Some((None, WhoWrites::Everybody)), None));
    assert_eq!(view.records().and_then(|records| records.book().quota(first_table())), Some(quota));

    let limited = ReplicaNumber::new(2, Family::ByValue).expect("a slot");
    let mut write = |number| {
        let payloads = payloads(me, &[Write::value("row", field("a"), "b")]).expect("short");
        world.command(guest, |node, now| node.room_mut(now, room).write(number, payloads).map(drop))
    };
    assert_eq!((write(limited), write(first_table()), write(first_table())), (Ok(()), Ok(()), Ok(())));
    assert!(matches!(write(limited), Err(CommandError::Write(WriteError::TooFast { .. }))));
    let act = |node: &mut Node, now| node.room_mut(now, room).set_rule(rule);
    let not_allowed = world.command(guest, act);
    assert!(matches!(not_allowed, Err(CommandError::Write(WriteError::NotAllowed(_)))), "{not_allowed:?}");
}

#[test]
fn member_not_knowing_an_app_passes_batches_on() {
    let mut world = World::new(4, PathModel::WAN);
    let (one, link) = found(&mut world);
    let stranger = start_stranger(&mut world, 2);
    let _ = world.join_room(stranger, link.clone());
    world.run_for(Duration::from_secs(5));
    let third = world.start(Config::default(), 3, 0);
    world.cut(&[one.0], &[third]);
    let three = (third, world.join_room(third, link));
    world.run_for(Duration::from_secs(20));
    world
        .command(one.0, |node, now| node.paint(now, one.1, &[(3, 4, Colour::rgb(200, 30, 30))]))
        .expect("a cell");
    let shows =
        |world: &World| world.node(three.0).canvas(three.1).is_some_and(|canvas| canvas.painted() == 1);
    assert!(world.run_while(Duration::from_secs(2), shows), "between them is one that keeps no canvas");
}
