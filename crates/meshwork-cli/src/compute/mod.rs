//! The `compute` commands: jobs that all devices of a room work on.

mod jobs;
mod lend;
mod map;
mod outcome;
mod program;
mod run;
mod trial;

use clap::{Args, Subcommand};
use meshwork::compute::{self, Compute, Job, JobId, Standstill};
use meshwork::{Link, PeerId, Room};
use meshwork_core::signed::app::AppWord;
use meshwork_engines::{Card, Threads};

use crate::exit::Failure;
use crate::room::attempt::{Attempt, guest};
use crate::room::lan::Registry;
use crate::room::signal::Stop;
use crate::room::{Common, link, turn_on};

/// The commands for jobs.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a room and print its LINK. The room stays at the server when this program ends.
    Create(Create),
    /// Submit a job, watch it, and write its outcome.
    Run(run::Arguments),
    /// Run a program over lines: JSON lines in, JSON lines out, in their order, as they come.
    Map(map::Arguments),
    /// Lend this device to jobs of the room, until interrupted.
    Lend(lend::Arguments),
    /// List the jobs of a room and the devices that lend.
    List(jobs::List),
    /// Print each change of the jobs as a JSON line, until interrupted.
    Watch(jobs::Watch),
    /// Pause a job, as its submitter or a moderator.
    Pause(jobs::Act),
    /// Let a paused job go on.
    Resume(jobs::Act),
    /// Cancel a job for good, as its submitter or a moderator.
    Cancel(jobs::Act),
    /// Remove a job and its results from the room, as its submitter.
    Erase(jobs::Act),
    /// Run units of a program alone, without a room: results, time, memory.
    Try(trial::Arguments),
    /// Give a room that opened with another app jobs, as its owner.
    TurnOn(turn_on::Arguments),
}

/// Arguments of `compute create`.
#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    registry: Registry,
    /// Guard the room with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    common: Common,
}

/// The room, and the options of every command.
#[derive(Args)]
pub(crate) struct Target {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = compute_link)]
    link: Link,
    #[command(flatten)]
    common: Common,
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Create(arguments) => arguments.common.json,
            Command::Run(arguments) => arguments.target.common.json,
            // Its output is that of the program.
            Command::Map(_) => false,
            Command::Lend(arguments) => arguments.target.common.json,
            Command::List(arguments) => arguments.target.common.json,
            // Its lines are JSON in any case; the last one says why it ended.
            Command::Watch(_) => true,
            Command::Pause(arguments)
            | Command::Resume(arguments)
            | Command::Cancel(arguments)
            | Command::Erase(arguments) => arguments.target.common.json,
            Command::Try(arguments) => arguments.json,
            Command::TurnOn(arguments) => arguments.common.json,
        }
    }
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(Create { registry, private, common }) => {
            registry.make(compute::room(), private, &common).await
        }
        Command::Run(arguments) => run::run(arguments).await,
        Command::Map(arguments) => map::run(arguments).await,
        Command::Lend(arguments) => lend::run(arguments).await,
        Command::List(arguments) => jobs::list(arguments).await,
        Command::Watch(arguments) => jobs::watch(arguments).await,
        Command::Pause(arguments) => jobs::act(arguments, jobs::Order::Pause).await,
        Command::Resume(arguments) => jobs::act(arguments, jobs::Order::Resume).await,
        Command::Cancel(arguments) => jobs::act(arguments, jobs::Order::Cancel).await,
        Command::Erase(arguments) => jobs::act(arguments, jobs::Order::Erase).await,
        Command::Try(arguments) => trial::run(arguments),
        Command::TurnOn(arguments) => turn_on::run(arguments, compute::room(), word()).await,
    }
}

impl Target {
    /// Joins the room, acts until it is done or the program is asked to stop, and leaves it. `None`: it was asked to stop.
    async fn visit<T>(
        &self,
        act: impl AsyncFnOnce(&mut Attempt, &Room, &Compute) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut stop = Stop::listen()?;
        let mut attempt = Attempt::start(&self.common, guest()).await?;
        let acted = async {
            let room = attempt.join(&self.link).await?;
            let compute = attempt.app(&room, compute::APP).await?.compute();
            act(&mut attempt, &room, &compute).await.map(Some)
        };
        let result = tokio::select! {
            result = acted => result,
            () = stop.asked() => Ok(None),
        };
        attempt.close().await;
        result
    }
}

/// Whether the room has a secret, so that everybody in it was invited.
fn is_private(link: &Link) -> bool {
    link.secrets().is_some()
}

/// The people that a command trusts.
#[derive(Clone, Debug)]
enum People {
    Me,
    Room,
    These(Vec<PeerId>),
}

fn parse_people(text: &str) -> Result<People, String> {
    match text {
        "me" => Ok(People::Me),
        "room" => Ok(People::Room),
        keys => {
            let peer =
                |key: &str| key.trim().parse::<PeerId>().map_err(|_| format!("{key:?} is no peer's key"));
            keys.split(',').map(peer).collect::<Result<Vec<_>, _>>().map(People::These)
        }
    }
}

/// The job that an argument names: by the beginning of its name, or the only one there is.
async fn find(attempt: &Attempt, room: &Room, compute: &Compute, name: Option<&str>) -> Result<Job, Failure> {
    let mut changes = compute.changes();
    let fits = |id: &JobId| name.is_none_or(|name| id.to_string().starts_with(name));
    let search = async {
        loop {
            let jobs: Vec<JobId> = compute.jobs().into_iter().map(|(id, _)| id).filter(fits).collect();
            match (jobs.as_slice(), name) {
                ([id], _) => {
                    if let Some(job) = compute.job(*id) {
                        return Ok(job);
                    }
                }
                ([], _) => (),
                (_, Some(name)) => {
                    return Err(Failure::Usage(format!(
                        "{} jobs begin with {name}: give more of it",
                        jobs.len()
                    )));
                }
                (_, None) => {
                    let words =
                        format!("the room has {} jobs: name one, as `compute list` shows them", jobs.len());
                    return Err(Failure::Usage(words));
                }
            }
            changes.next().await.ok_or(meshwork::Closed)?;
        }
    };
    attempt.within(room, search).await
}

/// The reason for which a job does not go on, with the names of people.
async fn standstill_words(room: &Room, standstill: &Standstill) -> String {
    let peer = match standstill {
        Standstill::NobodyTrusted(peer) | Standstill::OutcomeAway(peer) => *peer,
        Standstill::Slow { lender, .. } => lender.peer,
        _ => return standstill.to_string(),
    };
    let name = room.name_of(peer).await.ok().flatten().unwrap_or_else(|| peer.short());
    match standstill {
        Standstill::NobodyTrusted(_) => format!("waits for a trusted peer: {name} must open the room"),
        Standstill::OutcomeAway(_) => format!("the outcome is not here: {name} must open the room"),
        Standstill::Slow { unit, .. } => format!("nothing came for a minute: {name} has unit {unit}"),
        other => other.to_string(),
    }
}

/// The graphics card, if it is wanted.
fn card(is_wanted: bool) -> Result<Option<Card>, Failure> {
    let open = || Card::open().map_err(|error| Failure::Usage(error.to_string()));
    is_wanted.then(open).transpose()
}

/// A pool that uses this card, and its name.
fn with_card(threads: Threads, card: Option<&Card>) -> (Threads, String) {
    match card {
        Some(card) => (threads.card(card.clone()), card.name().to_owned()),
        None => (threads, String::new()),
    }
}

fn word() -> AppWord {
    compute::APP.parse().expect("it is the word of an app")
}

/// A LINK with Compute in front.
fn compute_link(argument: &str) -> anyhow::Result<Link> {
    link::of(link::read(argument)?, &word())
}
