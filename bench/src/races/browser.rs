//! `join-1000-browser` and `frames`: a page joins a full canvas, and takes 10,000 cells a second.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use meshwork_core::rng::Rng;
use serde_json::{Value, json};

use super::paintings::{self, Cell};
use super::yjs::YrsCanvas;
use crate::race::{Needs, Plan, Race, Row, Samples};
use crate::web;

/// How long a page takes to show a full canvas.
pub(crate) const JOIN: Race = Race {
    name: "join-1000-browser",
    about: "From opening the link to all cells of a full 1000 x 1000 canvas shown, page load included, in Chromium \
            over loopback. The other: a page that loads a yjs document of as many cells by one client from the server \
            that serves it, takes it in and draws it, without any link or signature; it is loaded while its browser starts, ours into one \
            that waits, and its server is a plain one without compression. The original has no number: \
            nobody joins it beyond about 2,970 cells, since its one frame of state must stay below 262,144 bytes.",
    needs: Needs::Browser,
    run: join,
};

/// How smoothly it does so.
pub(crate) const FRAMES: Race = Race {
    name: "frames",
    about: "Frames of the page on a 1000 x 1000 canvas: the share that is late at 60 a second, and the longest, while \
            it joins and while 10,000 cells/s arrive in batches of 64. A join begins with loading the page; from the \
            first cell on it is counted once more. A frame is late after 25 ms. One run each, headless, drawn by the \
            processor.",
    needs: Needs::Browser,
    run: frames,
};

/// Cells of the canvas in a row and in a column.
fn side(plan: &Plan) -> u16 {
    plan.size(1000, 100)
}

fn join(plan: &Plan) -> Result<Vec<Row>> {
    let side = side(plan);
    let whole = whole_document(side);
    let seconds = |run: &Value| number(run, "shown_ms").map(|ms| ms / 1000.0);
    let (mut ours, mut other) = (Vec::new(), Vec::new());
    // Starting server and browsers takes longer than what is measured.
    for _ in 0..plan.rounds.min(3) {
        ours.push(seconds(&measure(plan, "join", 1)?)?);
        let size = json!({ "width": side, "height": side }).to_string().into_bytes();
        let answers = BTreeMap::from([("/whole", whole.clone()), ("/plan", size)]);
        let run = web::run(include_str!("../join.html"), answers)?;
        ensure!(run["shown"] == u64::from(side) * u64::from(side), "yjs shows {} cells", run["shown"]);
        other.push(seconds(&run)?);
    }
    Ok(vec![
        Row::stated(JOIN.name, Samples(ours), "s", false)
            .against(web::YJS.replace('@', " "), Samples(other))
            .want("2.5 s")
            .note("16 authors, every cell in a colour of its own, folded: some 4,000 signatures"),
    ])
}

/// Every cell in a colour of its own, as yjs sends it to a newcomer.
fn whole_document(side: u16) -> Vec<u8> {
    let (mut rng, document) = (Rng::new([8; 32]), YrsCanvas::new(1));
    let cells = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let cells: Vec<Cell> = cells.map(|(x, y)| (x, y, paintings::any_colour(&mut rng))).collect();
    cells.chunks(4096).for_each(|cells| drop(document.paint(cells)));
    document.whole()
}

fn frames(plan: &Plan) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (what, slower) in [("join", 1), ("join", 4), ("steady", 1), ("steady", 4)] {
        let run = measure(plan, what, slower)?;
        let name = format!("frames/{what}{}", if slower > 1 { "-slowed-4x" } else { "" });
        let late = Samples::exact(number(&run, "late_share")? * 100.0);
        let note = format!(
            "{} frames, the longest {:.0} ms, {} tasks above 50 ms, the longest {:.0} ms",
            number(&run, "frames")?,
            number(&run, "longest_ms")?,
            number(&run, "long_tasks")?,
            number(&run, "longest_task_ms")?,
        );
        let drawing = Samples::exact(number(&run, "late_share_drawing")? * 100.0);
        rows.push(Row::stated(name.clone(), late, "% late", false).want("0").note(note));
        if what == "join" {
            rows.push(
                Row::stated(format!("{name}, from the first cell"), drawing, "% late", false).want("0"),
            );
        }
    }
    Ok(rows)
}

/// What the example says that drives server, holder and browser.
fn measure(plan: &Plan, what: &str, slower: u32) -> Result<Value> {
    example(plan, "canvas_race", &[what, &side(plan).to_string(), &slower.to_string()])
}

/// What an example of the browsers' package prints.
pub(super) fn example(plan: &Plan, name: &str, arguments: &[&str]) -> Result<Value> {
    let mut example = if plan.tiny {
        Command::new(env::current_exe()?.with_file_name("examples").join(name))
    } else {
        let mut cargo = Command::new("cargo");
        cargo.args(["run", "--quiet", "--release", "--package", "meshwork-e2e", "--example", name, "--"]);
        cargo
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    example.args(arguments).current_dir(root).stderr(Stdio::inherit());
    let output =
        example.output().with_context(|| format!("cannot start the example {name} of meshwork-e2e"))?;
    ensure!(output.status.success(), "{name} {arguments:?} failed");
    serde_json::from_slice(&output.stdout).context("it prints JSON")
}

pub(super) fn number(run: &Value, name: &str) -> Result<f64> {
    run[name].as_f64().with_context(|| format!("{run} has no {name}"))
}
