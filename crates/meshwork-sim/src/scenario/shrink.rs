//! Shrinking: the fewest steps of a schedule with which the same checker still fails.

use meshwork_core::seam::config::PlantedBug;

use super::{Action, Name, Schedule, Violation, run_schedule};

/// Runs that shrinking may take: a schedule of a hundred steps needs some hundreds.
const RUNS_MAX: usize = 400;

/// A schedule that was made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The places of the steps that are left in the schedule of the seed.
    pub places: Vec<usize>,
    /// The schedule of these steps.
    pub schedule: Schedule,
    /// What the checker saw in it.
    pub violation: Violation,
    /// How many runs it took.
    pub runs: usize,
}

/// Takes people and steps out of a schedule as long as `checker` still fails. `None` when it does not fail at all.
pub fn shrink(schedule: &Schedule, planted: Option<PlantedBug>, checker: &str) -> Option<Shrunk> {
    let mut runs = 0;
    let mut fails = |places: &[usize]| {
        runs += 1;
        let result = run_schedule(&schedule.only(places), planted);
        result.err().filter(|violation| violation.checker == checker)
    };
    let mut places: Vec<usize> = (0..schedule.steps.len()).collect();
    let mut violation = fails(&places)?;
    let mut left = RUNS_MAX;
    let mut attempt = |places: &mut Vec<usize>, fewer: Vec<usize>| {
        if left == 0 || fewer.len() == places.len() {
            return false;
        }
        left -= 1;
        let Some(seen) = fails(&fewer) else { return false };
        violation = seen;
        *places = fewer;
        true
    };
    // Whole people first: half of a run is often about bystanders.
    for who in people(schedule) {
        let fewer = without(&places, |place| concerns(&schedule.steps[place].action, who));
        attempt(&mut places, fewer);
    }
    let mut length = places.len().div_ceil(2);
    while length > 0 {
        let mut start = 0;
        while start < places.len() {
            let end = (start + length).min(places.len());
            let fewer = [&places[..start], &places[end..]].concat();
            if !attempt(&mut places, fewer) {
                start = end;
            }
        }
        length /= 2;
    }
    Some(Shrunk { schedule: schedule.only(&places), places, violation, runs })
}

fn without(places: &[usize], gone: impl Fn(usize) -> bool) -> Vec<usize> {
    places.iter().copied().filter(|&place| !gone(place)).collect()
}

fn people(schedule: &Schedule) -> Vec<Name> {
    let arrivals = schedule.steps.iter().filter_map(|step| match step.action {
        Action::Join(arrival) => Some(arrival.who),
        Action::JoinHostile { who, .. } => Some(who),
        _ => None,
    });
    arrivals.collect()
}

/// Whether a step is about somebody.
fn concerns(action: &Action, person: Name) -> bool {
    match *action {
        Action::Join(arrival) => arrival.who == person,
        Action::Govern { who, act } => who == person || act.whom() == Some(person),
        Action::JoinHostile { who, .. }
        | Action::Do { who, .. }
        | Action::Probe { who, .. }
        | Action::Speak { who }
        | Action::Attack { who }
        | Action::Defy { who }
        | Action::Leave { who }
        | Action::Crash { who, .. }
        | Action::Restart { who }
        | Action::Sleep { who }
        | Action::Wake { who }
        | Action::Move { who, .. }
        | Action::SetClock { who, .. }
        | Action::Disk { who, .. } => who == person,
        Action::Cut { one, other }
        | Action::CutOneWay { from: one, to: other }
        | Action::Say { from: one, to: other }
        | Action::Visit { from: one, to: other }
        | Action::Fail { one, other } => one == person || other == person,
        Action::Split { .. } | Action::Heal | Action::StopServer | Action::StartServer | Action::Lie(_) => {
            false
        }
    }
}
