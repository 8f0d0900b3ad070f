//! What the tests of rooms have in common.

use std::time::Duration;

use meshwork_core::node::{Config, Event, Refusal};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::app::GENESIS_SLOT;
use meshwork_core::signed::header::Family;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_sim::check;
use meshwork_sim::connection::{NodeIndex, PathModel};
use meshwork_sim::world::World;

pub(crate) const SIZE: CanvasSize = CanvasSize { width: 100, height: 100 };
pub(crate) const RED: Colour = Colour::rgb(255, 0, 0);
pub(crate) const BLUE: Colour = Colour::rgb(0, 0, 255);

/// The table by value of the app that a room opens with.
pub(crate) fn first_table() -> ReplicaNumber {
    ReplicaNumber::new(GENESIS_SLOT, Family::ByValue).expect("the first app has a slot")
}

pub(crate) type Member = (NodeIndex, RoomHandle);

/// A room with `count` programs of different people, all linked; the first one keeps it on disk.
pub(crate) fn room_of(count: usize, path: PathModel) -> (World, Vec<Member>) {
    let first = Config { stores: true, ..Config::default() };
    linked(World::new(1, path), first, count, false)
}

/// The same in a world of one's own, with a first program of this kind.
pub(crate) fn linked(mut world: World, first: Config, count: usize, private: bool) -> (World, Vec<Member>) {
    let members = join_all(&mut world, first, count, private);
    assert!(
        world.run_while(Duration::from_secs(20), whole(&members)),
        "{:?}",
        check::whole_mesh(&world, &members)
    );
    (world, members)
}

/// Lets `count` programs of different people into a room that the first one makes.
pub(crate) fn join_all(world: &mut World, first: Config, count: usize, private: bool) -> Vec<Member> {
    let mut members = open(world, first, private);
    for person in 2..=count as u64 {
        join(world, &mut members, person);
    }
    members
}

/// Makes a room with one program in it.
fn open(world: &mut World, first: Config, private: bool) -> Vec<Member> {
    let first = world.start(first, 1, 0);
    let room = world.create_room(first, SIZE, private);
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(first).room(room).address().is_some())
    );
    vec![(first, room)]
}

/// Lets one more person join the room of `members`.
pub(crate) fn join(world: &mut World, members: &mut Vec<Member>, person: u64) -> Member {
    join_with(world, members, person, Config::default())
}

/// The same with a program of this kind.
pub(crate) fn join_with(world: &mut World, members: &mut Vec<Member>, person: u64, config: Config) -> Member {
    let (first, room) = members[0];
    let address = world.node(first).room(room).address().expect("it is registered");
    let index = world.start(config, person, 0);
    members.push((index, world.join_room(index, address)));
    members[members.len() - 1]
}

pub(crate) fn whole(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| check::whole_mesh(world, members).is_ok()
}

pub(crate) fn equal(members: &[Member]) -> impl Fn(&World) -> bool + '_ {
    |world| check::equal_replicas(world, members).is_ok()
}

/// Whether a program told that it refused something for this reason.
pub(crate) fn refused(world: &World, index: NodeIndex, reason: Refusal) -> bool {
    let told = |event: &Event| matches!(event, Event::Refused { reason: why, .. } if *why == reason);
    world.look_at(index).events.iter().any(told)
}

/// The seed of this run of the tests, from MESHWORK_SEED, so that a run can be repeated.
pub(crate) fn seed(default: u64) -> u64 {
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(default);
    println!("repeat with MESHWORK_SEED={seed}");
    seed
}

/// Whether this is the long run, in which much more is tried: MESHWORK_NIGHTLY is set, to whatever.
pub(crate) fn is_nightly() -> bool {
    std::env::var_os("MESHWORK_NIGHTLY").is_some()
}
