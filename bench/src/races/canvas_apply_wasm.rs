//! `canvas-apply-wasm`: the same strokes into our replica and into yjs, both in Chromium.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use meshwork_place::canvas::CanvasSize;
use serde_json::{Value, json};

use super::canvas_apply::strokes_of_64;
use super::paintings::{self, ROOM};
use super::yjs::YrsCanvas;
use crate::race::{Needs, Plan, Race, Row, Samples};
use crate::web;

/// The race.
pub(crate) const RACE: Race = Race {
    name: "canvas-apply-wasm",
    about: "Verified batches into the replica, in a page in Chromium, compiled as the pages are. The other: npm yjs, \
            a Y.Map keyed \"x,y\" that takes the same strokes as updates.",
    needs: Needs::Browser,
    run,
};

const SIDE: u16 = 1000;
/// Strokes of 64 cells: yjs takes a second for them.
const STROKES: usize = 1563;

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let size = CanvasSize { width: SIDE, height: SIDE };
    let strokes = paintings::strokes(size, strokes_of_64(size, plan.size(STROKES, 20)))?;
    let count: usize = strokes.iter().map(|stroke| stroke.cells.len()).sum();
    let batches: usize = strokes.iter().map(|stroke| stroke.batches.len()).sum();
    let writer = YrsCanvas::new(1);
    let updates = strokes.iter().map(|stroke| writer.paint(&stroke.cells));
    let answers = BTreeMap::from([
        ("/updates", packed(updates)),
        (
            "/batches",
            packed(
                strokes.iter().flat_map(|stroke| &stroke.batches).map(|(batch, _)| batch.bytes().to_vec()),
            ),
        ),
        ("/plan", json!({ "rounds": plan.rounds, "room": ROOM.0, "side": SIDE }).to_string().into_bytes()),
    ]);
    let result = web::run(include_str!("../race.html"), answers)?;
    let (ours, theirs) = (rounds(&result["ours"])?, rounds(&result["theirs"])?);
    ensure!(
        ours.iter().all(|round| Some(round[3]) == theirs[0].get(1).copied()),
        "both show as many cells: {result}"
    );
    let of = |rounds: &[Vec<f64>], at: usize| Samples(rounds.iter().map(|round| round[at]).collect());
    let rate = |ms: f64| count as f64 / ms * 1000.0;
    let each = |ms: f64| ms * 1000.0 / batches as f64;
    let applied = Samples(ours.iter().map(|round| round[0] + round[2]).collect());
    Ok(vec![
        Row::stated(RACE.name, applied.map(rate), "cells/s", true)
            .against(web::YJS.replace('@', " "), of(&theirs, 0).map(rate))
            .want("ratio 20")
            .note("strokes of 64 neighbouring cells in one colour by 16 authors, 0.1 million cells; both sides decode, \
                   ours without its signatures"),
        Row::stated("canvas-apply-wasm/verify", of(&ours, 1).map(each), "us a batch", false)
            .note("one strict Ed25519 check of a stroke of 64 cells"),
        Row::stated("canvas-apply-wasm/decode", of(&ours, 0).map(each), "us a batch", false),
    ])
}

/// Each behind its length.
fn packed(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut all = Vec::new();
    for part in parts {
        all.extend((part.len() as u32).to_le_bytes());
        all.extend(part);
    }
    all
}

fn rounds(list: &Value) -> Result<Vec<Vec<f64>>> {
    let rounds = list.as_array().context("a side has rounds")?.iter();
    let numbers = |round: &Value| {
        let numbers = round.as_array().context("a round has numbers")?.iter();
        numbers.map(|number| number.as_f64().context("a number")).collect()
    };
    rounds.map(numbers).collect()
}
