//! Scenarios: people who come, write, fall asleep, are cut off and attacked, and leave, drawn from one seed.
//!
//! # Problem
//! The faults that hurt are those that nobody thought of together.
//!
//! # How it works
//! A seed gives a [`Schedule`]: plain data, that can be printed and made smaller. [`run_schedule`] carries it out
//! in three phases. *Faults*: the steps of the schedule; checkers of safety look after each of them, and every
//! [`STRIDE`] between. *Healing*: cuts end, machines wake up, clocks are set, disks have space, the server is there
//! and honest; who is hostile stays so. *Convergence*: within [`HEAL_LIMIT`], and as long as the fastest clock was
//! ahead, honest members must be linked, equal, and know it; then the last checkers look at everything that shows.
//!
//! # Invariants
//! - One schedule gives one [`Report`], on every machine and however many run beside it.
//! - A room is never left by the last honest member that holds it: its genesis would be gone with them.

mod access;
mod acts;
mod draw;
mod governing;
mod overlay;
mod people;
mod schedule;
mod shrink;
mod visiting;
mod writers;
mod writing;

use std::time::Duration;

use meshwork_core::replica::Digest;
use meshwork_core::seam::config::PlantedBug;
use meshwork_core::time::Time;

pub use self::acts::Act;
use self::people::Scenario;
pub use self::schedule::{Action, Arrival, Name, Schedule, Step};
pub use self::shrink::{Shrunk, shrink};
pub use crate::check::Violation;

/// How long a healed room has to become whole: the longest retry pause, a connection, and a comparison.
pub const HEAL_LIMIT: Duration = Duration::from_secs(60);
/// How often checkers of safety look while nothing happens in the schedule.
pub const STRIDE: Duration = Duration::from_millis(500);
/// How long links of somebody who left without a word may be kept: ten seconds of silence, and some for an attempt
/// to go on.
const GONE_LIMIT: Duration = Duration::from_secs(20);
/// How long it takes until everybody is shown what others say of themselves: those who are no neighbours say it anew
/// each minute.
const PRESENCE_LIMIT: Duration = Duration::from_secs(65);
/// How long a room that is whole is watched: longer than one of two may be the only one to whom they are neighbours.
const REST: Duration = Duration::from_secs(5);
/// How often it is looked whether a healed room is whole.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a scenario came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digests that all replicas have in the end.
    pub digests: Vec<Digest>,
    /// Happenings in the whole run.
    pub steps: u64,
    /// How often anybody wrote.
    pub writes: u64,
    /// How long the healed room took to become whole.
    pub healed_after: Duration,
}

/// Runs the scenario of `seed`: faults first, then healing, then everybody must agree.
///
/// # Errors
/// The first [`Violation`] that a checker saw.
pub fn run(seed: u64, planted: Option<PlantedBug>) -> Result<Report, Violation> {
    run_schedule(&Schedule::draw(seed), planted)
}

/// Whether owners and moderators act in the room of a seed.
pub fn has_acts(seed: u64) -> bool {
    acts::are_drawn(seed)
}

/// Runs a schedule.
///
/// # Errors
/// The first [`Violation`] that a checker saw.
pub fn run_schedule(schedule: &Schedule, planted: Option<PlantedBug>) -> Result<Report, Violation> {
    let mut scenario = Scenario::new(schedule, planted);
    scenario.open_room(schedule)?;
    let start = scenario.world.now();
    for step in &schedule.steps {
        scenario.run_until(start + step.at)?;
        scenario.act(&step.action)?;
        scenario.check()?;
    }
    scenario.run_until(scenario.world.now() + STRIDE)?;
    scenario.heal();
    scenario.converge()
}

impl Scenario {
    fn run_until(&mut self, until: Time) -> Result<(), Violation> {
        while self.world.now() < until {
            let next = (self.world.now() + STRIDE).min(until);
            self.world.run_until(next);
            self.check()?;
        }
        Ok(())
    }

    fn converge(mut self) -> Result<Report, Violation> {
        let begun = self.world.now();
        let limit = begun + HEAL_LIMIT + self.ahead();
        self.settle(limit)?;
        let healed_after = self.world.now().since(begun);
        // An attempt that began in the faults may still replace a link that came back by itself, and an owner's program
        // waits a while before it joins what others of his wrote.
        while (self.is_trying() || self.is_joining()) && self.world.now() < limit {
            self.run_until(self.world.now() + PATIENCE)?;
        }
        self.settle(self.world.now() + HEAL_LIMIT)?;
        // Nothing moves in a full mesh at rest; elsewhere links go on to be made and given up, by both ends.
        self.is_settled = true;
        self.run_until(self.world.now() + REST)?;
        self.check_end()?;
        // Before anybody writes: presence needs no write.
        self.everybody_shows();
        self.await_all(self.world.now() + PRESENCE_LIMIT, Scenario::all_shown)?;
        if self.is_governed {
            let before = self.writes();
            self.everybody_writes()?;
            // Who is alone is settled at once, but has not been told yet.
            self.check()?;
            self.settle(self.world.now() + HEAL_LIMIT + self.ahead())?;
            self.check_end()?;
            self.nothing_gets_out(before)?;
        }
        if self.has_visits {
            self.visits_at_rest()?;
        }
        // Who left without a word is noticed a while later, and what was lost of what members say of themselves is said
        // again.
        let limit = self.world.now() + GONE_LIMIT.max(PRESENCE_LIMIT);
        self.await_all(limit, Scenario::at_rest)?;
        let digests = self.digests();
        Ok(Report { digests, steps: self.world.steps(), writes: self.writes(), healed_after })
    }

    /// Lets time pass until the healed room is whole.
    fn settle(&mut self, limit: Time) -> Result<(), Violation> {
        self.await_all(limit, Scenario::settled)
    }

    /// Lets time pass until a condition holds.
    fn await_all(
        &mut self,
        limit: Time,
        holds: impl Fn(&Scenario) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        while let Err(violation) = holds(self) {
            if self.world.now() >= limit {
                return Err(violation);
            }
            self.run_until(self.world.now() + PATIENCE)?;
        }
        Ok(())
    }
}
