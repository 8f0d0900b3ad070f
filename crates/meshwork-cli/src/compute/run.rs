//! `compute run`: submits a job and waits for its outcome.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use meshwork::compute::{Compute, Job, JobError, Lend, NewJob, Reduce, Shape, State, SubmitError};
use meshwork::{PeerId, Room};
use meshwork_engines::Threads;
use serde_json::json;

use super::program::ProgramOptions;
use super::{Target, outcome, standstill_words};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::Attempt;
use crate::style;

/// Time in which others fetch the outcome.
const HAND_OVER: Duration = Duration::from_secs(5);

const AFTER_HELP: &str = "\
The outcome goes to standard output or --out; with .png and --tiles it is a picture. Lists are written one result a
line, sums as a number. Interrupted, the job stays in the room: with trusted peers that stay it goes on, and
`compute list` shows it. With --json: {job, units, checked, bytes, caught}, where caught has the peers that sent
wrong results.

  meshwork compute run LINK mandelbrot.wasm --units 192 --tiles 16x64x64 --out picture.png
  meshwork compute run LINK julia.wgsl --units 160 --tiles 16x64x64 --params $PARAMS --out picture.png
  meshwork compute run LINK primes.js --units 1000 --result u32 --reduce sum";

/// Arguments of `compute run`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    program: ProgramOptions,
    /// The number of units, from 1 to 1,000,000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    units: u32,
    /// A file that all units read, of at most 64 MiB.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// How results become the outcome. [default: list for json, concat for others]
    #[arg(
        long,
        value_name = "concat|list|sum|min|max|program",
        verbatim_doc_comment,
        hide_possible_values = true
    )]
    reduce: Option<ReduceWord>,
    /// The file for the outcome. [default: standard output]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    out: Option<PathBuf>,
    /// Stay in the room with the outcome until interrupted. Without it others have five seconds to fetch it.
    #[arg(long)]
    stay: bool,
    /// Run this user's own programs here too, so many units at once; 0 for none.
    #[arg(long, value_name = "CORES", default_value_t = 1)]
    lend: u8,
    /// Run this user's own shaders on the graphics card here too.
    #[arg(long)]
    gpu: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReduceWord {
    Concat,
    List,
    Sum,
    Min,
    Max,
    Program,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let program = arguments.program.read()?;
    let is_list = program.shape() == Shape::Json;
    let mut new = NewJob::new(program, arguments.units)
        .params(&arguments.program.params)
        .context("the parameters are not JSON")?
        .reduce(match arguments.reduce {
            Some(ReduceWord::Concat) => Reduce::Concat,
            Some(ReduceWord::List) => Reduce::List,
            Some(ReduceWord::Sum) => Reduce::Sum,
            Some(ReduceWord::Min) => Reduce::Min,
            Some(ReduceWord::Max) => Reduce::Max,
            Some(ReduceWord::Program) => Reduce::Program,
            None if is_list => Reduce::List,
            None => Reduce::Concat,
        });
    if let Some(path) = &arguments.input {
        new = new.input(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let has_outcome = Cell::new(false);
    let done = arguments.target.visit(async |attempt, room, compute| {
        submit(attempt, room, compute, new, &arguments).await?;
        has_outcome.set(true);
        hand_over(room, arguments.stay).await
    });
    match done.await? {
        Some(()) => Ok(()),
        None if has_outcome.get() => Ok(()),
        None => Err(Failure::Unexpected(anyhow::anyhow!("interrupted: the job stays in the room"))),
    }
}

async fn submit(
    attempt: &mut Attempt,
    room: &Room,
    compute: &Compute,
    new: NewJob,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let card = super::card(arguments.gpu)?;
    let (threads, name) = super::with_card(Threads::new(), card.as_ref());
    // A job reduces here, and the device lends only if that was asked for.
    let _lending = match arguments.lend {
        0 => {
            compute.set_pool(threads);
            None
        }
        cores => Some(compute.lend(Lend::new(threads).cores(cores).card(&name))),
    };
    let program = &arguments.program;
    let new = new.check(program.check(room)).trust(program.trusted(room).await?);
    let job = attempt.within(room, async { compute.submit(new).await.map_err(not_submitted) }).await?;
    attempt.stay();
    let outcome = watch(room, &job, async { job.outcome().await.map_err(no_outcome) }).await?;
    let Some(view) = job.view() else { return Err(no_outcome(JobError::Erased)) };
    if arguments.target.common.json {
        if let Some(path) = &arguments.out {
            outcome::write(&view.job, &outcome, Some(path))?;
        }
        let id = job.id().to_string();
        let caught: Vec<String> = view.caught.iter().map(PeerId::to_string).collect();
        let value = json!({
            "job": id, "units": view.units, "checked": view.checked, "bytes": outcome.len(), "caught": caught,
        });
        return arguments.target.common.tell("", &value);
    }
    outcome::write(&view.job, &outcome, arguments.out.as_deref())
}

/// Stays for those who have not fetched the outcome yet.
async fn hand_over(room: &Room, stays: bool) -> Result<(), Failure> {
    if stays {
        style::note("this program stays with the outcome until it is interrupted");
        return Err(room.refused().await.into());
    }
    if !room.members().await?.is_empty() {
        tokio::time::sleep(HAND_OVER).await;
    }
    Ok(())
}

/// Shows a job's progress and the reasons for which it stands still, until `end`.
pub(super) async fn watch<T>(
    room: &Room,
    job: &Job,
    end: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let progress = Progress::start("Computing", "units");
    let show = async {
        let (mut watch, mut told, mut caught) = (job.watch(), String::new(), 0);
        progress.turn_to("Computing", job.view().map(|view| view.units.into()));
        while let Some(view) = watch.next().await {
            progress.set(view.accepted.into());
            for peer in view.caught.iter().skip(caught) {
                let name = room.name_of(*peer).await.ok().flatten().unwrap_or_else(|| peer.short());
                progress.aside(|| {
                    style::note(format!("{name} sent a wrong result, and lends to this job no more"))
                });
            }
            caught = view.caught.len();
            let words = match (&view.state, &view.standstill) {
                (State::Running | State::Paused, Some(standstill)) => {
                    standstill_words(room, standstill).await
                }
                _ => format!("{} lend", view.lenders),
            };
            if view.standstill.is_some() && words != told {
                told.clone_from(&words);
                // A pipe has no bar.
                if !progress.is_shown() {
                    style::note(&words);
                }
            }
            progress.say(words);
        }
        std::future::pending::<T>().await
    };
    tokio::select! {
        result = end => result,
        never = show => Ok(never),
    }
}

pub(super) fn not_submitted(error: SubmitError) -> Failure {
    match error {
        SubmitError::Format(_) | SubmitError::NoPool => Failure::Usage(error.to_string()),
        SubmitError::TooMany(_) => Failure::Forbidden { words: error.to_string(), reason: "too-many-jobs" },
        error => Failure::Unexpected(error.into()),
    }
}

pub(super) fn no_outcome(error: JobError) -> Failure {
    match error {
        JobError::Cancelled => {
            Failure::Forbidden { words: String::from("The job was cancelled."), reason: "cancelled" }
        }
        JobError::Fetch(error) => Failure::Unreachable(format!("The outcome cannot be fetched: {error}.")),
        error => Failure::Unexpected(error.into()),
    }
}
