//! Many lenders of unequal speed: the time against the ideal, the cost of checks, and the messages of a room.

use std::time::Duration;

use meshwork_compute::book::State;
use meshwork_compute::job::Check;

use crate::basics::ms;
use crate::world::{Conduct, World, job, peer_id};

/// The measures of a crowd.
struct Measured {
    /// Time against that of all lenders working without a pause.
    against_ideal: f64,
    /// Units that engines ran for each unit of the job.
    ran: f64,
    /// Reports in a second.
    reports: f64,
    /// Messages to all in a second.
    says: f64,
}

/// A job of some 60 seconds of ideal time.
fn crowd(seed: u64, lenders: usize, trusted: usize, check: Check, cheats: Conduct) -> Measured {
    let mut world = World::new(seed, job(1, check, &(0..trusted).collect::<Vec<_>>(), 16));
    let mut speed = 0.0;
    for peer in 0..lenders {
        let unit = ms([125, 250, 500, 1000, 2000][world.rng.below(5) as usize]);
        let conduct = if peer >= trusted && peer % 10 == 9 { cheats } else { Conduct::Honest };
        speed += if conduct.lies() { 0.0 } else { 1.0 / unit.as_secs_f64() };
        world.add(peer, conduct, 1, unit);
    }
    world.job.units = (speed * 60.0) as u32;
    let began = world.now;
    world.submit(0);
    let mut waited = 0;
    while !world.state().is_over() && waited < 3000 {
        world.run(1);
        waited += 1;
    }
    let seconds = world.now.since(began).as_secs_f64();
    let state = world.state();
    assert!(
        matches!(state, State::Done { .. }),
        "{state:?} {:?}",
        world.nodes[0].desk.job(&world.id.unwrap())
    );
    let measured = Measured {
        against_ideal: seconds / 60.0,
        ran: world.ran as f64 / f64::from(world.job.units),
        reports: world.reports as f64 / seconds,
        says: world.says as f64 / seconds,
    };
    println!(
        "{lenders} lenders, {trusted} trusted, {check:?}, {cheats:?}: {:.1} times the ideal, {:.2} runs a unit, {:.0} reports and {:.0} \
         messages a second, {} caught",
        measured.against_ideal,
        measured.ran,
        measured.reports,
        measured.says,
        world.caught().len()
    );
    let found: Vec<String> = world.judge().into_iter().collect();
    assert_eq!(found, Vec::<String>::new());
    measured
}

#[test]
fn a_crowd_is_nearly_ideal() {
    let measured = crowd(1, 24, 4, Check::None, Conduct::Honest);
    assert!(measured.against_ideal < 1.6, "{}", measured.against_ideal);
    assert!(measured.ran < 1.3, "{}", measured.ran);
    assert!(measured.reports < 60.0 && measured.says < 64.0);
}

#[test]
fn sampling_costs_little() {
    let measured = crowd(2, 24, 4, Check::Sample, Conduct::Wrong);
    assert!(measured.against_ideal < 2.0, "{}", measured.against_ideal);
    assert!(measured.ran < 1.6, "{}", measured.ran);
}

#[test]
fn a_large_crowd_reports_seldom() {
    if std::env::var_os("MESHWORK_NIGHTLY").is_none() {
        return;
    }
    let measured = crowd(3, 200, 8, Check::Sample, Conduct::Rare);
    assert!(measured.reports < 60.0, "{}", measured.reports);
}

#[test]
fn a_slow_lender_delays_nobody() {
    let mut world = World::new(4, job(40, Check::None, &[0], 16));
    world.add(0, Conduct::Honest, 1, ms(200));
    world.add(1, Conduct::Honest, 1, Duration::from_secs(60));
    world.add(2, Conduct::Hangs, 2, ms(200));
    world.submit(0);
    let began = world.now;
    assert!(matches!(world.run_to_end(400), State::Done { .. }));
    assert!(world.now.since(began) < Duration::from_secs(100), "{:?}", world.now.since(began));
    assert!(!world.caught().contains(&peer_id(2)));
}
