//! Doors that stay open for honest people, whatever others do before them.

use std::time::Duration;

use crate::common::{Member, join, join_all, whole};
use meshwork_core::node::{Config, PENDING_MAX};
use meshwork_sim::hostile::Ghosts;
use meshwork_sim::path::PathModel;
use meshwork_sim::world::World;

/// Between two conversations that a server carries to one member in the long run.
const PAUSE: Duration = Duration::from_millis(77);

/// A ghost speaks to each of the members, as often as a server lets them, for a while.
fn haunt(world: &mut World, ghosts: &mut Ghosts, members: &[Member], time: Duration) {
    let end = world.now() + time;
    while world.now() < end {
        for &(index, _) in members {
            let to = world.node(index).endpoint();
            world.haunt(ghosts, to);
        }
        world.run_for(PAUSE);
    }
}

fn is_linked(world: &World, &(index, room): &Member) -> bool {
    world.node(index).room(room).peers().iter().any(|peer| peer.attached)
}

#[test]
fn offers_that_lead_nowhere_keep_no_newcomer_out() {
    for seed in 0..4 {
        let mut world = World::new(seed, PathModel::WAN);
        let mut members = join_all(&mut world, Config::default(), 2, false);
        assert!(world.run_while(Duration::from_secs(20), whole(&members)));
        let (first, room) = members[0];
        let id = world.node(first).room(room).id().expect("it is open");
        let mut ghosts = Ghosts::new(id, seed);
        haunt(&mut world, &mut ghosts, &members, Duration::from_secs(20));
        for &(index, _) in &members {
            assert_eq!(world.node(index).usage().attempts, PENDING_MAX, "seed {seed}: all places are taken");
        }
        for person in 3..6 {
            let newcomer = join(&mut world, &mut members, person);
            let begun = world.now();
            while !is_linked(&world, &newcomer) && world.now().since(begun) < Duration::from_secs(30) {
                haunt(&mut world, &mut ghosts, &members, PAUSE);
            }
            let taken = world.now().since(begun);
            println!("seed {seed}: newcomer {person} linked after {taken:?}");
            assert!(taken < Duration::from_secs(5), "seed {seed}: newcomer {person} after {taken:?}");
            let attempts: Vec<usize> =
                members.iter().map(|&(index, _)| world.node(index).usage().attempts).collect();
            assert!(attempts.iter().all(|&attempts| attempts <= PENDING_MAX), "{attempts:?}");
        }
        // Those who were linked before lose nothing.
        assert!(members.iter().all(|member| is_linked(&world, member)));
    }
}

#[test]
fn class_that_comes_at_once_is_linked() {
    let mut world = World::new(7, PathModel::WAN);
    let members = join_all(&mut world, Config::default(), 30, false);
    let all_linked = |world: &World| members.iter().all(|member| is_linked(world, member));
    assert!(world.run_while(Duration::from_secs(5), all_linked), "each has a link within seconds");
}
