//! `batch-verify`: signatures of batches, on one core.

use anyhow::{Result, ensure};
use meshwork_core::signed::batch::UnverifiedBatch;

use super::paintings::{self, ROOM, Stroke};
use crate::clock::thread_cpu;
use crate::race::{Needs, Plan, Race, Row};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "batch-verify",
    about: "Batches a second whose Ed25519 signature is checked on one core, strictly and one by one.",
    needs: Needs::Nothing,
    run,
};

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let each = |(name, strokes): (&str, Vec<Stroke>)| {
        let batches = strokes.iter().flat_map(|stroke| &stroke.batches).map(|(batch, _)| batch.bytes());
        let batches: Vec<UnverifiedBatch> =
            batches.map(|batch| UnverifiedBatch::decode(&ROOM, batch)).collect::<Result<_, _>>()?;
        let samples = plan.alone(|| {
            let taken = batches.clone();
            let (seconds, verified) =
                thread_cpu(|| taken.into_iter().filter_map(|batch| batch.verify().ok()).count());
            ensure!(verified == batches.len(), "every signature holds");
            Ok(batches.len() as f64 / seconds)
        })?;
        let mut forged = batches[0].bytes().to_vec();
        let last = forged.len() - 1;
        forged[last - 40] ^= 1;
        ensure!(UnverifiedBatch::decode(&ROOM, &forged)?.verify().is_err(), "a forged signature does not");
        Ok(Row::stated(format!("batch-verify/{name}"), samples, "batches/s (CPU)", true))
    };
    paintings::samples(plan)?.into_iter().map(each).collect()
}
