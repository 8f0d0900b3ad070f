//! Rooms of a thousand real nodes, which a third of them leaves at once.

use std::num::NonZero;
use std::thread;

use meshwork_core::node::config::PlantedBug;
use meshwork_sim::check::Violation;
use meshwork_sim::crowd::{self, Plan, Report};
use meshwork_sim::graph::workers::in_order;

/// Rooms that are run: each takes half a minute of a processor. `cargo xtask sim --crowd 1000 --seed N` runs others.
const SEEDS: u64 = 20;
/// Nodes in each of them.
const PEERS: usize = 1000;

fn run(plan: &Plan) -> Result<Report, Violation> {
    crowd::run(plan, &mut |_, _| ())
}

/// A plan for each seed, on so many threads.
fn run_all(threads: usize, plans: &[Plan]) -> Vec<Result<Report, Violation>> {
    in_order(threads, plans.len(), &|_, _| (), |place| run(&plans[place]))
}

#[test]
fn a_thousand_nodes_find_their_places_lose_a_third_and_heal() {
    let plans: Vec<Plan> = (0..SEEDS).map(|seed| Plan::emergent(seed, PEERS)).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(4);
    for (plan, outcome) in plans.iter().zip(run_all(threads, &plans)) {
        let report = outcome.unwrap_or_else(|violation| {
            let seed = plan.seed;
            panic!("seed {seed}: {violation}\nrepeat with: cargo xtask sim --crowd {PEERS} --seed {seed}");
        });
        println!("seed {}: {report:?}", plan.seed);
        let (fewest, _, most) = report.neighbours;
        assert!(report.survivors > PEERS / 2 && fewest >= plan.least && most <= plan.most, "{report:?}");
    }
}

#[test]
fn one_seed_gives_one_room_on_any_number_of_threads() {
    let plans: Vec<Plan> = (0..4).map(|seed| Plan::emergent(seed, 100)).collect();
    let one = run_all(1, &plans);
    assert!(one.iter().all(Result::is_ok), "{one:?}");
    assert_eq!(one, run_all(4, &plans));
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
