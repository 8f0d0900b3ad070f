//! Silence on links: the dead are noticed within three seconds, and who lives is not taken for dead.

use std::time::Duration;

use crate::common::{Member, RED, linked};
use meshwork_core::id::Endpoint;
use meshwork_core::node::{Config, Event, LinkState, PeerView};
use meshwork_core::time::Time;
use meshwork_sim::chance::generator;
use meshwork_sim::latency::Latency;
use meshwork_sim::path::PathModel;
use meshwork_sim::world::World;

/// Within this time all links to somebody who died are stale.
const STALE_WITHIN: Duration = Duration::from_secs(3);
/// Outages that no link is stale for.
const OUTAGE: Duration = Duration::from_millis(1200);

/// Whom somebody has taken for silent since this was asked last.
fn taken_for_silent(world: &mut World, &(index, _): &Member) -> Vec<Endpoint> {
    let events = world.program(index).events.drain(..);
    let stale = events.filter_map(|event| match event {
        Event::Link { endpoint, state: LinkState::Stale, .. } => Some(endpoint),
        _ => None,
    });
    stale.collect()
}

fn pair(seed: u64, path: PathModel) -> (World, [Member; 2]) {
    let (mut world, members) = linked(World::new(seed, path), Config::default(), 2, false);
    world.run_for(Duration::from_secs(10));
    members.iter().for_each(|&(index, _)| world.program(index).events.clear());
    (world, members.try_into().expect("two"))
}

fn view(world: &World, members: &[Member; 2], member: usize) -> PeerView {
    let (index, room) = members[member];
    let other = world.node(members[1 - member].0).endpoint();
    let mut peers = world.node(index).room(room).peers().into_iter();
    peers.find(|peer| peer.endpoint == other).expect("they know each other")
}

/// A room all over the world, of which some die at once while the others paint, or nobody does.
fn some_die(seed: u64, count: usize, is_busy: bool) {
    // The simulator decides beforehand when a lost message arrives; of the dead nobody sends anything again.
    let path = PathModel { loss_per_mille: 0, repeat_per_mille: 0, overtake_per_mille: 0, ..PathModel::WAN };
    let mut world = World::new(seed, path);
    let latency = Latency::regions(count, &mut generator(seed, [0; 3]));
    world.set_ways(Box::new(move |from, to| {
        Duration::from_micros(latency.one_way(from as u32, to as u32).into())
    }));
    let (mut world, members) = linked(world, Config::default(), count, false);
    for step in 0..100 {
        for &(index, room) in members.iter().filter(|_| is_busy) {
            world.paint(index, room, &[(step, index as u16, RED)]).expect("it may paint");
        }
        world.run_for(Duration::from_millis(50 + seed));
    }
    members.iter().for_each(|&(index, _)| world.program(index).events.clear());
    let (dead, alive): (Vec<Member>, Vec<Member>) = members.iter().partition(|(index, _)| index % 4 == 1);
    let endpoints: Vec<Endpoint> = dead.iter().map(|(index, _)| world.node(*index).endpoint()).collect();
    dead.iter().for_each(|&(index, _)| drop(world.crash(index)));
    world.run_for(STALE_WITHIN);
    for member in &alive {
        let mut silent = taken_for_silent(&mut world, member);
        silent.sort();
        let mut expected = endpoints.clone();
        expected.sort();
        assert_eq!(silent, expected, "seed {seed}: program {} knows who is dead, and nobody else", member.0);
    }
}

#[test]
fn links_to_dead_are_stale_within_three_seconds() {
    for seed in 0..10 {
        some_die(seed, 12, seed % 2 == 0);
    }
}

#[test]
fn momentarily_lost_path_leaves_links_unchanged() {
    for path in [PathModel::LAN, PathModel::WAN, PathModel { loss_per_mille: 0, ..PathModel::MOBILE }] {
        let (mut world, members) = pair(5, path);
        for place in 0..60 {
            let [(one, _), (other, _)] = members;
            world.cut(&[one], &[other]);
            world.run_for(OUTAGE);
            world.heal();
            // Each time at another moment between two pings.
            world.run_for(Duration::from_millis(5000 + place * 17));
            for member in &members {
                assert_eq!(taken_for_silent(&mut world, member), [], "outage {place} on {}", path.name);
            }
        }
    }
}

#[test]
fn link_heard_again_is_linked_at_once() {
    let (mut world, members) = pair(6, PathModel::WAN);
    let [(one, _), (other, _)] = members;
    for place in 0..20 {
        world.cut(&[one], &[other]);
        world.run_for(Duration::from_millis(4500));
        assert_eq!(view(&world, &members, 0).state, LinkState::Stale);
        world.heal();
        let healed = world.now();
        let is_heard =
            |world: &World| (0..2).all(|member| view(world, &members, member).heard > Some(healed));
        assert!(world.run_while(Duration::from_secs(2), |world| {
            for member in 0..2 {
                let view = view(world, &members, member);
                let is_heard = view.heard > Some(healed);
                assert_eq!(view.state == LinkState::Stale, !is_heard, "cut {place}: {view:?}");
            }
            is_heard(world)
        }));
        world.run_for(Duration::from_millis(5000 + place * 17));
    }
}

#[test]
fn woken_machine_asks_before_taking_anybody_for_dead() {
    let (mut world, members) = pair(7, PathModel::WAN);
    let [(one, _), (other, _)] = members;
    world.sleep(one);
    world.run_for(Duration::from_secs(4));
    assert_eq!(taken_for_silent(&mut world, &members[1]).len(), 1, "who sleeps is silent");
    world.wake(one);
    world.run_for(Duration::from_secs(3));
    assert_eq!(taken_for_silent(&mut world, &members[0]), [], "and has heard nothing itself");
    world.crash(other);
    world.run_for(STALE_WITHIN);
    assert_eq!(taken_for_silent(&mut world, &members[0]).len(), 1);
}

/// What an idle link costs: a ping a second each way, and their answers.
#[test]
fn answering_link_is_asked_once_a_second() {
    for path in [PathModel::LOCAL, PathModel { loss_per_mille: 0, ..PathModel::MOBILE }] {
        let (mut world, members) = pair(8, path);
        let (before, began): (u64, Time) = (view(&world, &members, 0).bytes_sent, world.now());
        world.run_for(Duration::from_secs(60));
        let sent = view(&world, &members, 0).bytes_sent - before;
        let seconds = world.now().since(began).as_secs();
        println!("{}: {sent} bytes in {seconds} s", path.name);
        assert!(sent <= seconds * IDLE_BYTES, "{sent} bytes in {seconds} s on {}", path.name);
    }
}

/// A ping and an answer of nine bytes each, now and then a clock, and a little of the room.
const IDLE_BYTES: u64 = 20;
