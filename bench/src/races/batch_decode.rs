//! `batch-decode`: bytes of batches into cells, on one core.

use anyhow::{Result, ensure};
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_place::canvas::Canvas;

use super::paintings::{self, ROOM, Stroke};
use crate::clock::thread_cpu;
use crate::race::{Needs, Plan, Race, Row};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "batch-decode",
    about: "Cells a second that are read from the bytes of batches, header and limits checked, without the signature.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let each = |(name, strokes): (&str, Vec<Stroke>)| {
        let canvas = Canvas::new(paintings::SAMPLE_SIZE)?;
        let cells: usize = strokes.iter().map(|stroke| stroke.cells.len()).sum();
        let samples = plan.alone(|| {
            let (seconds, read) = thread_cpu(|| -> Result<usize> {
                let mut read = 0;
                for (batch, _) in strokes.iter().flat_map(|stroke| &stroke.batches) {
                    let batch = UnverifiedBatch::decode(&ROOM, batch.bytes())?;
                    read += canvas.read(&batch)?.cells().len();
                }
                Ok(read)
            });
            ensure!(read? == cells, "every cell is read");
            Ok(cells as f64 / seconds)
        })?;
        for (batch, strokes) in strokes.iter().flat_map(|stroke| &stroke.batches) {
            ensure!(canvas.read(batch)? == *strokes, "what is read is what was written");
        }
        Ok(Row::stated(format!("batch-decode/{name}"), samples, "cells/s (CPU)", true))
    };
    paintings::samples(plan)?.into_iter().map(each).collect()
}
