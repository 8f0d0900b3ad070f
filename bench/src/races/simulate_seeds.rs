//! `simulate-seeds`: how many rooms with faults the simulator runs in a minute.

use std::env;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::race::{Needs, Plan, Race, Row};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "simulate-seeds",
    about: "Rooms with faults, drawn from seeds 0 and on, that the simulator runs in a minute on all cores (wall \
            clock): real nodes, all signatures, all checkers.",
    needs: Needs::Simulator,
    run,
};

const SEEDS: u32 = 100;

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let simulator = env::current_exe()?.with_file_name("meshwork-sim");
    ensure!(
        simulator.exists(),
        "there is no {}; it comes with `cargo build --package meshwork-sim`",
        simulator.display()
    );
    let seeds = plan.size(SEEDS, 2);
    let plan = Plan { rounds: plan.rounds.min(3), ..*plan };
    let samples = plan.alone(|| {
        let begin = Instant::now();
        let output = Command::new(&simulator).args(["--seeds", &seeds.to_string()]).output()?;
        let seconds = begin.elapsed().as_secs_f64();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success() && told.contains(&format!("{seeds} rooms, 0 failed")),
            "it failed: {told}"
        );
        Ok(f64::from(seeds) / seconds * 60.0)
    })?;
    Ok(vec![Row::stated("simulate-seeds", samples, "rooms/minute (wall)", true)])
}
