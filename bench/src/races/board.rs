//! `board`: a page joins a full whiteboard, and many draw on it.

use anyhow::{Context, Result};
use serde_json::Value;

use super::browser::{example, number};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// Shapes that lie there, people who draw, and for how many seconds each draws a stroke.
const FULL: [usize; 3] = [20_000, 43, 10];
const TINY: [usize; 3] = [60, 6, 2];

pub(crate) const RACE: Race = Race {
    name: "board",
    about: "A page of the whiteboard joins 20,000 strokes of 60 points, shows all of them at once, and goes on showing them \
            while 43 programs draw one such stroke a second each. Busy is what the callbacks of a frame take together, of \
            frames that draw something. The programs run on the same machine with the least priority. One run, headless, \
            drawn by the processor.",
    needs: Needs::Browser,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let sizes = plan.size(FULL, TINY).map(|size| size.to_string());
    let seen = example(plan, "board_race", &sizes.each_ref().map(String::as_str))?;
    let row = |name: &str, value: f64, unit: &'static str, want: &'static str| {
        Row::stated(format!("{}/{name}", RACE.name), Samples::exact(value), unit, false).want(want)
    };
    let joined = Samples::exact(number(&seen, "joined")? / 1000.0);
    let mut rows = vec![Row::stated(format!("{}/joined", RACE.name), joined, "s", false)];
    for phase in ["opening", "drawing"] {
        let seen = &seen[phase];
        let busy = row(&format!("{phase}, busy frames, p99"), number(seen, "p99")?, "ms", "8 ms");
        rows.push(busy.note(format!(
            "{} frames, half of them up to {:.1} ms, the longest {:.1} ms",
            number(seen, "frames")?,
            number(seen, "p50")?,
            number(seen, "most")?
        )));
        let long = tasks(seen)?;
        let words = format!("{} tasks above 50 ms", long.len());
        rows.push(row(&format!("{phase}, longest task"), longest(&long), "ms", "50 ms").note(words));
    }
    Ok(rows)
}

/// How long the tasks took that took more than 50 ms.
fn tasks(seen: &Value) -> Result<Vec<f64>> {
    let tasks = seen["tasks above 50"].as_array().context("no tasks are told")?;
    Ok(tasks.iter().filter_map(Value::as_f64).collect())
}

fn longest(tasks: &[f64]) -> f64 {
    tasks.iter().copied().fold(0.0, f64::max)
}
