//! Joining large canvases over paths with a bandwidth, from several members at once, some of them hostile.

use std::time::Duration;

use crate::common::{Member, RED, equal, join, join_all, refused, whole};
use meshwork_core::node::{Config, Input, Refusal};
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::seam::io::{Channel, LinkId};
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_sim::check::{self, Honest, Violation};
use meshwork_sim::connection::PathModel;
use meshwork_sim::hostile::Behaviour;
use meshwork_sim::world::World;

/// A room of this size in which three members have a picture with a colour of its own in each cell.
fn pictured(side: u16, path: PathModel) -> (World, Vec<Member>) {
    let size = CanvasSize { width: side, height: side };
    let mut world = World::new(3, path);
    let first = world.start(Config::default(), 1, 0);
    let room = world.create_room(first, size, false);
    assert!(
        world.run_while(Duration::from_secs(5), |world| world.node(first).room(room).address().is_some())
    );
    for top in (0..side).step_by(64) {
        let rows = top..(top + 64).min(side);
        let cells: Vec<_> = rows
            .flat_map(|y| {
                (0..side).map(move |x| {
                    (x, y, u32::from(x).wrapping_mul(0x9e37_79b1) ^ u32::from(y).wrapping_mul(0x85eb_ca6b))
                })
            })
            .map(|(x, y, mixed)| (x, y, Colour::rgb(mixed as u8, (mixed >> 8) as u8, (mixed >> 16) as u8)))
            .collect();
        assert!(world.paint(first, room, &cells).is_some());
    }
    let mut members = vec![(first, room)];
    join(&mut world, &mut members, 2);
    join(&mut world, &mut members, 3);
    assert!(world.run_while(Duration::from_secs(120), whole(&members)));
    assert!(world.run_while(Duration::from_secs(120), equal(&members)));
    world.run_for(Duration::from_secs(5));
    (world, members)
}

/// Joins, and says how long that took and how many bytes came from each member.
fn timed_join(world: &mut World, members: &mut Vec<Member>) -> (Duration, Vec<u64>) {
    let before = world.now();
    let (index, room) = join(world, members, 77);
    assert!(world.run_while(Duration::from_secs(300), equal(members)));
    let received = world.node(index).room(room).peers().iter().map(|peer| peer.bytes_received).collect();
    (world.now().since(before), received)
}

#[test]
fn million_cell_canvas_comes_from_all_members() {
    let (mut world, mut members) = pictured(1000, PathModel::WAN);
    let (taken, received) = timed_join(&mut world, &mut members);
    println!("1000x1000 over WAN paths of 2.5 MB/s from three members: {taken:?}, {received:?} bytes");
    let all: u64 = received.iter().sum();
    assert!(taken < Duration::from_secs(8), "{taken:?}");
    assert!(all < 4_500_000, "{received:?}: hardly anything comes twice");
    assert!(received.iter().all(|one| *one > all / 6), "{received:?}: each serves its share");
}

#[test]
fn canvas_of_2048_by_2048_arrives_during_painting() {
    let (mut world, mut members) = pictured(2048, PathModel::WAN);
    let (painter, painted) = members[1];
    let before = world.now();
    let (index, room) = join(&mut world, &mut members, 77);
    let mut latest = Duration::ZERO;
    for stroke in 0..20u16 {
        world.run_for(Duration::from_millis(150));
        let shown = |world: &World| {
            world.node(index).canvas(room).and_then(|canvas| canvas.colour(stroke, 5)) == Some(RED)
        };
        world.paint(painter, painted, &[(stroke, 5, RED)]);
        let attached =
            world.node(painter).room(painted).peers().iter().filter(|peer| peer.attached).count() == 3;
        let at = world.now();
        if attached && world.run_while(Duration::from_secs(10), shown) {
            latest = latest.max(world.now().since(at));
        }
    }
    assert!(world.run_while(Duration::from_secs(300), equal(&members)));
    let taken = world.now().since(before);
    println!("2048x2048 over WAN paths while painted on: {taken:?}, strokes shown within {latest:?}");
    assert!(latest > Duration::ZERO && latest < Duration::from_millis(500), "{latest:?}");
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}

#[test]
fn join_survives_crash_of_its_serving_member() {
    let (mut world, mut members) = pictured(512, PathModel::MOBILE);
    let (index, room) = join(&mut world, &mut members, 77);
    let some = |world: &World| world.node(index).canvas(room).is_some_and(|canvas| canvas.painted() > 40_000);
    assert!(world.run_while(Duration::from_secs(60), some));
    let (dead, _) = members.remove(0);
    drop(world.crash(dead));
    assert!(world.run_while(Duration::from_secs(30), equal(&members)));
}

/// One of three members is hostile, and the newcomer asks it as it asks the others.
#[test]
fn newcomers_find_the_truth_and_name_forgers() {
    for (behaviour, names) in [
        (Behaviour::Withholds, &[Refusal::Withheld][..]),
        (Behaviour::Misleads, &[][..]),
        (Behaviour::Forges, &[Refusal::BatchSignature][..]),
    ] {
        // Large and far enough that nobody is asked for all of it before the others are linked.
        let (mut world, mut members) = pictured(512, PathModel::WAN);
        let (hostile, _) = members.remove(1);
        world.corrupt(hostile, behaviour);
        let (index, _) = join(&mut world, &mut members, 77);
        for _ in 0..20 {
            world.run_for(Duration::from_millis(500));
            world.attack(hostile);
        }
        assert!(world.run_while(Duration::from_secs(30), equal(&members)), "{behaviour:?}");
        world.run_for(Duration::from_secs(150));
        let named = names.iter().any(|reason| refused(&world, index, *reason));
        assert!(named || names.is_empty(), "{behaviour:?} is named");
        assert!(equal(&members)(&world), "{behaviour:?}");
    }
}

/// A newcomer comes to the truth although who serves it leaves.
pub(crate) fn survives_a_leave(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let (mut world, mut members) = pictured(512, PathModel::MOBILE);
    let (first, room) = members[0];
    let address = world.node(first).room(room).address().expect("it is registered");
    let index = world.start(Config { planted, ..Config::default() }, 77, 0);
    let room = world.join_room(index, address);
    members.push((index, room));
    let some = |world: &World| world.node(index).canvas(room).is_some_and(|canvas| canvas.painted() > 40_000);
    assert!(world.run_while(Duration::from_secs(60), some));
    world.quit(first);
    members.remove(0);
    world.run_while(Duration::from_secs(40), equal(&members));
    check::equal_replicas(&world, &members)
}

/// Honest members refuse nothing of each other while somebody forges, whom one of them hears through the other alone.
pub(crate) fn passes_on_what_holds(planted: Option<PlantedBug>) -> Result<(), Violation> {
    let mut world = World::new(6, PathModel::LAN);
    let mut members = join_all(&mut world, Config { planted, ..Config::default() }, 1, false);
    let (far, room) = join(&mut world, &mut members, 2);
    let (hostile, _) = join(&mut world, &mut members, 3);
    world.cut(&[far], &[hostile]);
    world.corrupt(hostile, Behaviour::Forges);
    let mut honest = Honest::new(false);
    for index in [members[0].0, far] {
        honest.insert(world.node(index).endpoint());
    }
    world.run_for(Duration::from_secs(20));
    for stroke in 0..10 {
        world.paint(far, room, &[(stroke, 3, RED)]);
        world.attack(hostile);
        world.run_for(Duration::from_millis(200));
    }
    world.program(far).events.drain(..).try_for_each(|event| honest.hear(far, &event))
}

#[test]
fn junk_frames_cost_their_sender_only_a_link() {
    let (mut world, members) = pictured(64, PathModel::LAN);
    let (index, room) = members[0];
    let digest = |world: &World| world.node(index).canvas(room).map(|canvas| canvas.digest());
    let before = (digest(&world), world.node(index).usage());
    let now = world.now();
    for number in 0..100_000u64 {
        let bytes: Vec<u8> = (0..number % 200).map(|byte| (byte * 31 + number) as u8 | 0x80).collect();
        // Whichever of its links these are.
        for link in [1, 2] {
            let (link, channel) = (LinkId(link), Channel::ALL[(number % 2) as usize]);
            world.program(index).node.handle_input(now, Input::Data { link, channel, bytes: bytes.clone() });
        }
    }
    world.run_for(Duration::from_secs(1));
    assert!(refused(&world, index, Refusal::Message), "it is told who sent them");
    assert_eq!(digest(&world), before.0);
    let usage = world.node(index).usage();
    assert!(usage.links < before.1.links, "the links are closed");
    assert!(usage.unverified_bytes == 0 && usage.queued_bytes_most <= before.1.queued_bytes_most + 1024);
    // Their other ends are honest, and are let in again.
    assert!(world.run_while(Duration::from_secs(120), whole(&members)));
}

#[test]
fn members_who_answer_nobody_keep_no_newcomer_out() {
    for seed in 0..8 {
        let mut world = World::new(seed, PathModel::WAN);
        let mut members = join_all(&mut world, Config::default(), 2, false);
        assert!(world.run_while(Duration::from_secs(20), whole(&members)));
        let (first, room) = members[0];
        let id = world.node(first).room(room).id().expect("it is open");
        world.name_ghosts(id, 200);
        world.run_for(Duration::from_secs(2));
        let before = world.now();
        let (index, room) = join(&mut world, &mut members, 3);
        let is_linked = |world: &World| world.node(index).room(room).peers().iter().any(|peer| peer.attached);
        assert!(world.run_while(Duration::from_secs(60), is_linked));
        let taken = world.now().since(before);
        println!("seed {seed}: linked after {taken:?}");
        assert!(taken < Duration::from_secs(5), "seed {seed}: {taken:?}");
    }
}
