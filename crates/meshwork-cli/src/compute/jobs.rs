//! `compute list`, `watch`, and the orders about a job.

use std::time::Duration;

use clap::Args;
use meshwork::compute::{Compute, JobView, State};
use meshwork::{Closed, PeerId, Room};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Target, find, standstill_words};
use crate::exit::Failure;
use crate::out;
use crate::progress::Progress;
use crate::room::counted;
use crate::room::in_step::{self, Content};

/// Time in which devices say what they lend.
const DEVICES: Duration = Duration::from_secs(1);

const LIST_HELP: &str = "\
With --json: {jobs: [{job, name, submitter, state, units, accepted, checked, lenders, standstill,
caught}], devices: [{device, name, cores, offers}]}. The state is running, paused, done, failed or cancelled; caught has the peers that
sent wrong results.";

/// Arguments of `compute list`.
#[derive(Args)]
#[command(after_help = LIST_HELP)]
pub(crate) struct List {
    #[command(flatten)]
    pub(super) target: Target,
}

/// Arguments of `compute watch`.
#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    target: Target,
    /// One job alone, by the beginning of its name.
    #[arg(value_name = "JOB")]
    job: Option<String>,
}

/// Arguments of an order.
#[derive(Args)]
pub(crate) struct Act {
    #[command(flatten)]
    pub(super) target: Target,
    /// The job, by the beginning of its name. [default: the only one]
    #[arg(value_name = "JOB", verbatim_doc_comment)]
    job: Option<String>,
}

/// An order about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Pause,
    Resume,
    Cancel,
    Erase,
}

pub(super) async fn list(arguments: List) -> Result<(), Failure> {
    let listed = arguments.target.visit(async |attempt, room, compute| {
        let progress = Progress::start("Fetching", "entries");
        in_step::wait(attempt, room, (&progress, Content::Entries), "The jobs are not known yet.").await?;
        met(room, compute).await?;
        drop(progress);
        let (mut lines, mut jobs) = (Vec::new(), Vec::new());
        for (id, view) in compute.jobs() {
            let value = value(room, &id.to_string(), &view).await;
            lines.push(line(&value));
            jobs.push(value);
        }
        let mut devices = Vec::new();
        for (endpoint, offer) in compute.devices() {
            let offers: Vec<&str> = offer.offers.iter().map(|name| name.as_str()).collect();
            let name = room.name_of(endpoint.peer).await?.unwrap_or_else(|| endpoint.peer.short());
            if offer.cores > 0 {
                let offers =
                    if offers.is_empty() { String::new() } else { format!(", offers {}", offers.join(", ")) };
                lines.push(format!("{name}  lends {}{offers}", counted(offer.cores.into(), "core")));
            }
            devices.push(json!({
                "device": endpoint.to_string(), "name": name, "cores": offer.cores, "offers": offers,
            }));
        }
        let words = if lines.is_empty() { String::from("There is nothing yet.") } else { lines.join("\n") };
        Ok((words, json!({ "jobs": jobs, "devices": devices })))
    });
    match listed.await? {
        Some((words, value)) => arguments.target.common.tell(&words, &value),
        None => Ok(()),
    }
}

pub(super) async fn watch(arguments: Watch) -> Result<(), Failure> {
    let watched = arguments.target.visit(async |attempt, room, compute| {
        attempt.stay();
        let mut told = std::collections::BTreeMap::new();
        let mut changes = compute.changes();
        loop {
            for (id, view) in compute.jobs() {
                let name = id.to_string();
                if arguments.job.as_ref().is_some_and(|job| !name.starts_with(job)) {
                    continue;
                }
                let value = value(room, &name, &view).await;
                if told.get(&id) != Some(&value) {
                    out::json(&value)?;
                    told.insert(id, value);
                }
            }
            changes.next().await.ok_or(Closed)?;
        }
    });
    watched.await.map(|_: Option<()>| ())
}

pub(super) async fn act(arguments: Act, order: Order) -> Result<(), Failure> {
    let acted = arguments.target.visit(async |attempt, room, compute| {
        let job = find(attempt, room, compute, arguments.job.as_deref()).await?;
        let me = room.me().peer;
        let is_submitter = job.view().is_some_and(|view| view.submitter == me);
        let is_moderator = order != Order::Erase
            && (room.owner().await? == Some(me) || room.rules().moderators().await?.contains(&me));
        if !is_submitter && !is_moderator {
            let words = match order {
                Order::Erase => "Only the submitter of this job can do this.",
                _ => "Only the submitter of this job, the owner and moderators can do this.",
            };
            return Err(Failure::Forbidden { words: words.to_owned(), reason: "not-allowed" });
        }
        let done = async {
            let done = match order {
                Order::Pause => job.pause().await,
                Order::Resume => job.resume().await,
                Order::Cancel => job.cancel().await,
                Order::Erase => job.erase().await,
            };
            done.map_err(anyhow::Error::from)
        };
        attempt.within(room, done).await?;
        attempt.within(room, obeyed(room, compute)).await?;
        Ok(job.id().to_string())
    });
    match acted.await? {
        Some(id) => arguments.target.common.tell(&id, &json!({ "job": id })),
        None => Ok(()),
    }
}

/// Waits until those who are here have the order, or left because of it.
async fn obeyed(room: &Room, compute: &Compute) -> Result<(), Failure> {
    let mut changes = compute.changes();
    let left = async {
        while !room.members().await?.is_empty() {
            changes.next().await.ok_or(Closed)?;
        }
        Ok(())
    };
    tokio::select! {
        done = room.in_step() => Ok(done?),
        left = left => left,
    }
}

/// Waits a moment for the devices of all members.
async fn met(room: &Room, compute: &Compute) -> Result<(), Failure> {
    let (mut changes, members) = (compute.changes(), room.members().await?.len());
    let all = async { while compute.devices().len() <= members && changes.next().await.is_some() {} };
    // A member may have a program without jobs.
    let _ = timeout(DEVICES, all).await;
    Ok(())
}

/// A job for programs.
async fn value(room: &Room, id: &str, view: &JobView) -> Value {
    let by = room.name_of(view.submitter).await.ok().flatten().unwrap_or_else(|| view.submitter.short());
    let (state, reason) = match &view.state {
        State::Running => ("running", None),
        State::Paused => ("paused", None),
        State::Done { .. } => ("done", None),
        State::Failed { unit, reason } => ("failed", Some(format!("unit {unit}: {reason}"))),
        State::Cancelled => ("cancelled", None),
    };
    let standstill = match (&view.standstill, reason) {
        (_, Some(reason)) => Some(reason),
        (Some(standstill), None) => Some(standstill_words(room, standstill).await),
        (None, None) => None,
    };
    let caught: Vec<String> = view.caught.iter().map(PeerId::to_string).collect();
    json!({
        "job": id, "name": view.job.program.name.as_str(), "submitter": view.submitter.to_string(), "by": by,
        "state": state, "units": view.units, "accepted": view.accepted, "checked": view.checked,
        "lenders": view.lenders, "standstill": standstill, "caught": caught,
    })
}

/// The same for people.
fn line(job: &Value) -> String {
    let text = |key: &str| job[key].as_str().unwrap_or_default();
    let id: String = text("job").chars().take(8).collect();
    let why = job["standstill"].as_str().map(|why| format!("  {why}")).unwrap_or_default();
    let done = format!("{} of {}", job["accepted"], job["units"]);
    format!("{id}  {}  by {}  {}  {done}{why}", text("name"), text("by"), text("state"))
}
