//! `join-1000-browser` and `frames`: a page joins a full canvas, and takes 10,000 cells a second.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::race::{Needs, Plan, Race, Row, Samples};

/// How long a page takes to show a full canvas.
pub(crate) const JOIN: Race = Race {
    name: "join-1000-browser",
    about: "From opening the link to all cells of a full 1000 x 1000 canvas shown, page load included, in Chromium \
            over loopback. The original has no number: nobody joins it beyond about 2,970 cells, since its one frame \
            of state must stay below 262,144 bytes.",
    needs: Needs::Browser,
    run: join,
};

/// How smoothly it does so.
pub(crate) const FRAMES: Race = Race {
    name: "frames",
    about: "Frames of the page on a 1000 x 1000 canvas: the share that is late at 60 a second, and the longest, while \
            it joins and while 10,000 cells/s arrive in batches of 64. Headless, drawn by the processor.",
    needs: Needs::Browser,
    run: frames,
};

fn join(plan: &Plan) -> Result<Vec<Row>> {
    // Starting server and browsers takes longer than what is measured.
    let rounds = plan.rounds.min(3);
    let runs = (0..rounds).map(|_| measure("join", 1)).collect::<Result<Vec<_>>>()?;
    let shown =
        runs.iter().map(|run| number(run, "shown_ms").map(|ms| ms / 1000.0)).collect::<Result<_>>()?;
    Ok(vec![
        Row::stated(JOIN.name, Samples(shown), "s", false)
            .want("2.5 s")
            .note("16 authors, every cell in a colour of its own, folded: some 4,000 signatures"),
    ])
}

fn frames(_plan: &Plan) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, slower) in [("join", 1), ("join", 4), ("steady", 1), ("steady", 4)] {
        let run = measure(what, slower)?;
        let name = format!("frames/{what}{}", if slower > 1 { "-slowed-4x" } else { "" });
        let late = Samples::exact(number(&run, "late_share")? * 100.0);
        let note = format!(
            "{} frames, the longest {:.0} ms, {} tasks above 50 ms, the longest {:.0} ms",
            number(&run, "frames")?,
            number(&run, "longest_ms")?,
            number(&run, "long_tasks")?,
            number(&run, "longest_task_ms")?,
        );
        rows.push(Row::stated(name, late, "% late", false).want("0").note(note));
    }
    Ok(rows)
}

/// The example that drives server, holder and browser.
fn measure(what: &str, slower: u32) -> Result<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new("cargo");
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "meshwork-e2e",
        "--example",
        "canvas_race",
        "--",
    ]);
    cargo.args([what, "1000", &slower.to_string()]).current_dir(root).stderr(Stdio::inherit());
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "measuring {what} failed");
    serde_json::from_slice(&output.stdout).context("it prints JSON")
}

fn number(run: &Value, name: &str) -> Result<f64> {
    run[name].as_f64().with_context(|| format!("{run} has no {name}"))
}
