//! Simulated rooms inside the browser: the same seeds must give the same runs as natively.

use meshwork_sim::scenario;

/// Runs the rooms of the first seeds and says what each came to.
pub(crate) fn run() -> Result<String, String> {
    let mut lines = Vec::new();
    for seed in 0..6 {
        let report = scenario::run(seed, None).map_err(|violation| format!("seed {seed}: {violation}"))?;
        lines.push(format!("{seed} {report:?}"));
    }
    Ok(lines.join("\n"))
}
