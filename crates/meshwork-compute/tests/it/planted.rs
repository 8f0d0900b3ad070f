//! Each planted fault is noticed: by random schedules, or by a schedule made for it.

use meshwork_compute::job::Check;
use meshwork_compute::planted::{Planted, plant};

use crate::basics::ms;
use crate::schedules::violations;
use crate::world::{Conduct, World, job};

/// Schedules that are tried for a fault.
const TRIED: u64 = 400;

/// The first violation with this beginning, with the fault planted in this thread.
fn noticed(fault: Planted, kinds: &[&str]) -> Option<(u64, String)> {
    plant(Some(fault));
    let is_named = |violation: &str| kinds.iter().any(|kind| violation.starts_with(kind));
    let found = (1..=TRIED).find_map(|seed| violations(seed, 1).into_iter().find(|(_, text)| is_named(text)));
    plant(None);
    found
}

/// All but [`Planted::WithoutIndex`]. The four rules of checking are among them: a check belongs to a result, another run is derived,
/// a late run blocks nobody, `All` repeats whole spans.
#[test]
fn planted_faults_are_noticed() {
    let faults: [(Planted, &[&str]); 11] = [
        (Planted::AnybodyProbes, &["honest-caught", "unchecked-though-all", "failed"]),
        (Planted::ConvictionOpensNothing, &["convict-in-outcome"]),
        (Planted::LateNeverAgain, &["stuck"]),
        (Planted::CheckStaysWithSpan, &["unchecked-though-all"]),
        (Planted::StaleObeyed, &["stale-obeyed"]),
        (Planted::AllIsSample, &["unchecked-though-all", "cheater-believed"]),
        (Planted::CancelIgnored, &["runs-cancelled"]),
        (Planted::NoTakeover, &["stuck"]),
        (Planted::RunsCounted, &["stuck"]),
        (Planted::CreditByClaim, &["credit"]),
        (Planted::ConvictionUnwritten, &["convict-unwritten"]),
    ];
    let missed: Vec<Planted> = faults
        .into_iter()
        .filter(|(fault, kinds)| {
            let found = noticed(*fault, kinds);
            let text = found.as_ref().map(|(seed, text)| (seed, text.chars().take(90).collect::<String>()));
            println!("{fault:?}: {text:?}");
            found.is_none()
        })
        .map(|(fault, _)| fault)
        .collect();
    assert_eq!(missed, []);
}

/// Units that engines run after the steward has crashed in the middle of a job.
fn ran_after_takeover(fault: Option<Planted>) -> u64 {
    plant(fault);
    let mut world = World::new(3, job(400, Check::None, &[0, 1], 40));
    for peer in 0..4 {
        world.add(peer, Conduct::Honest, 1, ms(400));
    }
    world.submit(0);
    world.run(35);
    world.kill(0, false);
    let before = world.ran;
    let state = world.run_to_end(900);
    plant(None);
    assert!(state.is_over(), "{state:?}");
    world.ran - before
}

#[test]
fn takeover_without_index_repeats_work() {
    let (sound, faulty) = (ran_after_takeover(None), ran_after_takeover(Some(Planted::WithoutIndex)));
    println!("units after a takeover: {sound}, without the index {faulty}");
    assert!(sound + 60 < faulty, "{sound} and {faulty}");
}
