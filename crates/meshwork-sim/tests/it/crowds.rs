//! Rooms of a thousand real nodes, which a third of them leaves at once.

use crate::common;
use std::thread;

use meshwork_core::seam::config::PlantedBug;
use meshwork_sim::check::Violation;
use meshwork_sim::crowd::{self, Plan, Report};

/// Rooms that are run in turn, one of them in each run of the tests: it takes most of a minute of a processor.
/// `cargo xtask sim --crowd 1000 --seed N` runs others.
const SEEDS: u64 = 20;
/// Tests that share them in the nightly run, so that they run beside each other. The other runs have only the first.
const TESTS: u64 = 4;
/// Nodes in each of them.
const PEERS: usize = 1000;

fn run(plan: &Plan) -> Result<Report, Violation> {
    crowd::run(plan, &mut |_, _| ())
}

/// The rooms that fall to one of the [`TESTS`]: one of [`SEEDS`] that are always the same, by the seed of the run, another
/// one for each test; in the nightly run all of its share of as many that begin at the seed of the run.
fn share(test: u64, seed: u64, is_nightly: bool) -> Vec<u64> {
    let turns = SEEDS / TESTS;
    match is_nightly {
        true => (0..turns).map(|turn| seed.wrapping_add(test + turn * TESTS)).collect(),
        false => vec![(seed % SEEDS + test * turns) % SEEDS],
    }
}

fn a_thousand_nodes_find_their_places_lose_a_third_and_heal(test: u64) {
    for seed in share(test, common::seed(0), common::is_nightly()) {
        let plan = Plan::emergent(seed, PEERS);
        let report = run(&plan).unwrap_or_else(|violation| {
            panic!("seed {seed}: {violation}\nrepeat with: cargo xtask sim --crowd {PEERS} --seed {seed}");
        });
        println!("seed {seed}: {report:?}");
        let (fewest, _, most) = report.neighbours;
        assert!(report.survivors > PEERS / 2 && fewest >= plan.least && most <= plan.most, "{report:?}");
    }
}

#[test]
fn crowd_0() {
    a_thousand_nodes_find_their_places_lose_a_third_and_heal(0);
}

#[test]
fn crowd_1() {
    a_thousand_nodes_find_their_places_lose_a_third_and_heal(1);
}

#[test]
fn crowd_2() {
    a_thousand_nodes_find_their_places_lose_a_third_and_heal(2);
}

#[test]
fn crowd_3() {
    a_thousand_nodes_find_their_places_lose_a_third_and_heal(3);
}

#[test]
fn every_crowd_has_its_turn() {
    let mut by_day: Vec<u64> = (5..5 + SEEDS).flat_map(|seed| share(0, seed, false)).collect();
    by_day.sort_unstable();
    assert_eq!(by_day, (0..SEEDS).collect::<Vec<_>>(), "in twenty runs");
    let mut beside: Vec<u64> = (0..TESTS).flat_map(|test| share(test, 7, false)).collect();
    beside.sort_unstable();
    beside.dedup();
    assert_eq!(beside.len() as u64, TESTS, "other rooms in other tests: {beside:?}");
    let mut at_night: Vec<u64> = (0..TESTS).flat_map(|test| share(test, 7, true)).collect();
    at_night.sort_unstable();
    assert_eq!(at_night, (7..7 + SEEDS).collect::<Vec<_>>(), "in one nightly run");
}

#[test]
fn threads_do_not_change_what_a_seed_gives() {
    let plans: Vec<Plan> = (0..4).map(|seed| Plan::emergent(seed, 100)).collect();
    let one: Vec<_> = plans.iter().map(run).collect();
    assert!(one.iter().all(Result::is_ok), "{one:?}");
    let beside = thread::scope(|scope| {
        let running: Vec<_> = plans.iter().map(|plan| scope.spawn(|| run(plan))).collect();
        running.into_iter().map(|one| one.join().expect("a run does not panic")).collect::<Vec<_>>()
    });
    assert_eq!(one, beside);
    assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "and another seed another room");
}

#[test]
fn other_overlays_live_through_it_too() {
    for overlay in ["k-gossip:3", "tree"] {
        let plan = Plan { overlay: overlay.into(), least: 3, most: 32, ..Plan::emergent(1, 100) };
        run(&plan).unwrap_or_else(|violation| panic!("{overlay}: {violation}"));
    }
}

#[test]
fn nodes_that_pass_nothing_on_are_noticed() {
    let outcome = run(&Plan { planted: Some(PlantedBug::OverlaySilent), ..Plan::emergent(1, 100) });
    assert_eq!(outcome.map_err(|violation| violation.checker), Err("coverage"));
}
