//! `canvas-apply`: batches that are decoded and verified, into the replica, on one core.

use std::hint::black_box;

use anyhow::{Result, ensure};
use meshwork_core::rng::Rng;
use meshwork_place::canvas::{Canvas, CanvasSize};

use super::paintings::{self, Cell, Stroke, any_colour, scribble};
use super::yjs::{self, YrsCanvas};
use crate::clock::thread_cpu;
use crate::machine::locked;
use crate::race::{Needs, Plan, Race, Row};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "canvas-apply",
    about: "Decoded and verified batches into the replica, one core. The other: a yrs map keyed \"x,y\" that takes \
            the same strokes as decoded updates of one client. Signatures are left out, which yrs has none of and which take \
            a newcomer most of its time: see batch-verify.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let size = plan.size(CanvasSize { width: 1000, height: 1000 }, CanvasSize { width: 130, height: 130 });
    let small = CanvasSize { width: 256, height: 256 };
    Ok(vec![
        row(plan, "canvas-apply", size, strokes_of_64(size, plan.size(15_625, 20)))?
            .want("20 M cells/s, ratio 50")
            .note("strokes of 64 neighbouring cells in one colour by 16 authors, 1 million cells in all"),
        row(plan, "canvas-apply/full-tiles", small, full_tiles(small, plan.size(64, 2)))?
            .note("batches of a whole tile in random colours, as a newcomer gets them"),
        row(plan, "canvas-apply/lone-clicks", small, lone_clicks(small, plan.size(50_000, 50)))?
            .note("batches of one cell anywhere"),
    ])
}

pub(super) fn strokes_of_64(size: CanvasSize, count: usize) -> impl Iterator<Item = Vec<Cell>> {
    let mut rng = Rng::new([1; 32]);
    (0..count).map(move |_| {
        let colour = any_colour(&mut rng);
        scribble(&mut rng, size, 64).into_iter().map(|(x, y)| (x, y, colour)).collect()
    })
}

fn full_tiles(size: CanvasSize, count: usize) -> impl Iterator<Item = Vec<Cell>> {
    let mut rng = Rng::new([2; 32]);
    let tiles = size.tile_count() as usize;
    (0..count).map(move |number| {
        let (left, top) = size.tile_origin((number % tiles) as u32).expect("a tile of the canvas");
        let places = (0..64u16).flat_map(move |y| (0..64u16).map(move |x| (left + x, top + y)));
        places.map(|(x, y)| (x, y, any_colour(&mut rng))).collect()
    })
}

fn lone_clicks(size: CanvasSize, count: usize) -> impl Iterator<Item = Vec<Cell>> {
    let mut rng = Rng::new([3; 32]);
    let any = |rng: &mut Rng, side: u16| rng.below(u64::from(side)) as u16;
    (0..count)
        .map(move |_| vec![(any(&mut rng, size.width), any(&mut rng, size.height), any_colour(&mut rng))])
}

fn row(plan: &Plan, name: &str, size: CanvasSize, cells: impl Iterator<Item = Vec<Cell>>) -> Result<Row> {
    let strokes = paintings::strokes(size, cells)?;
    let count: usize = strokes.iter().map(|stroke| stroke.cells.len()).sum();
    let writer = YrsCanvas::new(1);
    let updates: Vec<Vec<u8>> = strokes.iter().map(|stroke| writer.paint(&stroke.cells)).collect();
    drop(writer);
    let mut painted = None;
    let mut checked = false;
    let (ours, other) = plan.duel(
        || {
            let (seconds, canvas) = apply_ours(size, &strokes)?;
            painted.get_or_insert(canvas);
            Ok(seconds)
        },
        || {
            let (seconds, document) = apply_yrs(&updates)?;
            if !std::mem::replace(&mut checked, true) {
                document.shows_the_same_as(&apply_ours(size, &strokes)?.1)?;
            }
            Ok(seconds)
        },
    )?;
    ensure!(painted.is_some_and(|canvas| canvas.painted() > 0), "somebody painted");
    let rate = |seconds: f64| count as f64 / seconds;
    let row = Row::stated(name, ours.map(rate), "cells/s (CPU)", true);
    Ok(row.against(locked("yrs"), other.map(rate)))
}

fn apply_ours(size: CanvasSize, strokes: &[Stroke]) -> Result<(f64, Canvas)> {
    let mut canvas = Canvas::new(size)?;
    let batches: Vec<_> = strokes.iter().flat_map(|stroke| stroke.batches.iter().cloned()).collect();
    let (seconds, kept) = thread_cpu(|| {
        let mut kept = 0;
        for (batch, strokes) in batches {
            kept += usize::from(black_box(canvas.apply(batch, &strokes)).kept);
        }
        kept
    });
    ensure!(kept == strokes.iter().map(|stroke| stroke.batches.len()).sum::<usize>(), "a later stroke wins");
    Ok((seconds, canvas))
}

fn apply_yrs(updates: &[Vec<u8>]) -> Result<(f64, YrsCanvas)> {
    let document = YrsCanvas::new(2);
    let decoded = updates.iter().map(|update| yjs::decode(update)).collect::<Result<Vec<_>>>()?;
    let (seconds, result) = thread_cpu(|| decoded.into_iter().try_for_each(|update| document.apply(update)));
    result?;
    Ok((seconds, document))
}
