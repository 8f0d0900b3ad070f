//! Runs some units of a draft on this device, each twice.

use std::sync::Arc;
use std::time::Duration;

use meshwork::compute::{Failure, JobId, PoolOrder, Told};
use meshwork_core::id::PeerId;
use meshwork_core::text::shown;
use meshwork_web::compute::trial::{Failed, Tried, both, line_of, units};
use meshwork_web::texts;
use tokio::sync::mpsc;

use super::own::Draft;
use super::pool::{Answer, Frames};

/// The name of the job on trial, which no room knows.
const TRIAL: JobId = JobId([0; 16]);

/// The result of a run and its time.
type Ran = Result<(Vec<u8>, Duration), Failed>;

/// A frame with a draft.
struct Trial {
    frames: Frames,
    answers: mpsc::UnboundedReceiver<Answer>,
    runs: u64,
}

/// Tries a draft; one unit at a time, so that their times can be compared.
///
/// # Errors
/// In words, why nothing runs here.
pub(super) async fn try_here(draft: &Draft, me: PeerId) -> Result<Vec<Tried>, String> {
    let new = draft.job().ok_or_else(|| texts::compute::NO_JSON.to_owned())?;
    let form = new.form(me, [0; 8]).map_err(|error| texts::sentence(&error.to_string()))?;
    let (tell, answers) = mpsc::unbounded_channel();
    // The trial may have ended.
    let frames = Frames::load(move |answer| drop(tell.send(answer))).await;
    let frames = frames.ok_or_else(|| texts::compute::POOL_MISSING.to_owned())?;
    frames.order(&PoolOrder::Load {
        id: TRIAL,
        job: Arc::new(form),
        code: new.code_bytes().map(<[u8]>::to_vec),
        input: new.input_bytes().map(<[u8]>::to_vec),
    });
    let mut trial = Trial { frames, answers, runs: 0 };
    let mut tried = Vec::new();
    for unit in units(draft.units) {
        let first = trial.run(unit).await?;
        let second = if first.is_ok() { trial.run(unit).await? } else { first.clone() };
        tried.push(both(unit, first, second));
    }
    Ok(tried)
}

impl Trial {
    async fn run(&mut self, unit: u32) -> Result<Ran, String> {
        self.runs += 1;
        self.frames.order(&PoolOrder::Run { run: self.runs, job: TRIAL, first: unit, units: 1 });
        while let Some(answer) = self.answers.recv().await {
            match answer {
                Answer::Refused => return Err(texts::compute::NO_POOL.to_owned()),
                Answer::Told(Told::Ran { run, result, micros, .. }) if run == self.runs => {
                    let time = Duration::from_micros(micros.into());
                    return Ok(result.map(|bytes| (bytes, time)).map_err(|failure| failed(&failure)));
                }
                Answer::Told(_) | Answer::CardGone(_) => (),
            }
        }
        Err(texts::compute::NO_POOL.to_owned())
    }
}

fn failed(failure: &Failure) -> Failed {
    let (words, line) = line_of(texts::compute::engine_words(failure));
    Failed { reason: texts::compute::failure(failure), words: shown(words), line }
}
