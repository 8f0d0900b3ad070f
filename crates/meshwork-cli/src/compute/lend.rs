//! `compute lend`: this device runs programs of the room.

use std::collections::BTreeSet;

use clap::Args;
use meshwork::Room;
use meshwork::compute::{Compute, Lend, Run, Trust};
use meshwork_engines::{Card, Threads};
use serde_json::json;

use super::{People, Target, is_private};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::Attempt;
use crate::room::counted;
use crate::{out, style};

const AFTER_HELP: &str = "\
Modules and scripts run in a sandbox: they reach no file, no network and no clock, and end at their limits. An offered
program is one of this device: it reads the items of the room on its standard input, its results are what it writes to
standard output, and MESHWORK_UNIT and MESHWORK_PARAMS are in its environment. Its COMMAND is split as a shell splits
it, and no shell is started. On a terminal the last line says what runs and for whom; Ctrl-C ends all of it. With
--json {event: lending, cores, share} comes first, and each change is a line {event: runs, runs: [{job, unit, name,
submitter}]}.

  meshwork compute lend LINK --cores 4 --share 50
  meshwork compute lend LINK --offer caption='python3 caption.py' --trust room";

/// Arguments of `compute lend`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Units at once, 1 to 128. [default: half of the cores of this device]
    #[arg(long, value_name = "N", verbatim_doc_comment, value_parser = clap::value_parser!(u8).range(1..=128))]
    cores: Option<u8>,
    /// Percent of the time of these cores, 1 to 100.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    share: u8,
    /// Offer a program of this device under a name. May be repeated, up to eight times.
    #[arg(long, value_name = "NAME=COMMAND")]
    offer: Vec<String>,
    /// The people whose programs run here: this user's, everybody's in the room, or those of these keys and this user. [default:
    /// room in a private room; in an open one the owner's, the moderators' and this user's]
    #[arg(long, value_name = "me|room|KEY,...", value_parser = super::parse_people, verbatim_doc_comment)]
    trust: Option<People>,
    /// Offer the named programs alone, and run no code of others.
    #[arg(long, requires = "offer")]
    only_offers: bool,
    /// Run shaders on the graphics card too. A shader in a loop can stop the screen for seconds.
    #[arg(long, conflicts_with = "only_offers")]
    gpu: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (threads, names) = pool(&arguments)?;
    let card = super::card(arguments.gpu)?;
    let lent = arguments.target.visit(async |attempt, room, compute| {
        lend(attempt, room, compute, threads, card.as_ref(), &names, &arguments).await
    });
    lent.await.map(drop)
}

/// The pool with the offered programs, and their names.
fn pool(arguments: &Arguments) -> Result<(Threads, Vec<String>), Failure> {
    let mut threads = Threads::new().share(arguments.share);
    let mut names = Vec::new();
    for offer in &arguments.offer {
        let Some((name, command)) = offer.split_once('=') else {
            return Err(Failure::Usage(format!("{offer:?} offers nothing: write NAME=COMMAND")));
        };
        if name.is_empty() || name.len() > 32 {
            return Err(Failure::Usage(format!("the name {name:?} must have 1 to 32 bytes")));
        }
        threads = threads.offer(name, command).map_err(|error| Failure::Usage(error.to_string()))?;
        names.push(name.to_owned());
    }
    if names.len() > 8 {
        return Err(Failure::Usage(format!("{} programs are offered: at most 8 are shown", names.len())));
    }
    Ok((threads, names))
}

async fn lend(
    attempt: &mut Attempt,
    room: &Room,
    compute: &Compute,
    threads: Threads,
    card: Option<&Card>,
    names: &[String],
    arguments: &Arguments,
) -> Result<(), Failure> {
    attempt.stay();
    let cores = arguments.cores.unwrap_or_else(half_of_the_cores);
    let trust = trust(room, arguments.trust.as_ref()).await?;
    let (threads, card_name) = super::with_card(threads, card);
    let lend = Lend::new(threads).cores(cores).trust(trust).card(&card_name);
    let lend = if arguments.only_offers { lend.only_offers() } else { lend };
    let lend = names.iter().fold(lend, |lend, name| lend.offer(name));
    let lending = compute.lend(lend);
    if arguments.target.common.json {
        out::json(&json!({ "event": "lending", "cores": cores, "share": arguments.share }))?;
    }
    let cores = counted(cores.into(), "core");
    style::note(format!("this device lends {cores} at {} % until it is interrupted", arguments.share));
    if card.is_some() {
        style::note(format!("shaders run on {card_name}"));
    }
    if !names.is_empty() {
        style::note(format!("{} read the items of the room", names.join(", ")));
    }
    let (progress, mut changes) = (Progress::start("Lending", "units"), compute.changes());
    let mut told = Vec::new();
    let shown = async {
        loop {
            let runs = lending.runs();
            if runs != told {
                tell(room, compute, &runs, &progress, arguments.target.common.json).await?;
                told = runs;
            }
            if let Some(words) = card.and_then(Card::gone) {
                return Err(Failure::Unexpected(anyhow::anyhow!("{words}")));
            }
            changes.next().await.ok_or(meshwork::Closed)?;
        }
    };
    tokio::select! {
        result = shown => result,
        reason = room.refused() => Err(reason.into()),
    }
}

/// Tells what runs, and for whom.
async fn tell(
    room: &Room,
    compute: &Compute,
    runs: &[Run],
    progress: &Progress,
    is_json: bool,
) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let mut words = BTreeSet::new();
    for run in runs {
        let Some(view) = compute.job(run.job).and_then(|job| job.view()) else { continue };
        let name = view.job.program.name.as_str().to_owned();
        let by = room.name_of(view.submitter).await?.unwrap_or_else(|| view.submitter.short());
        words.insert(format!("{name} for {by}"));
        let submitter = view.submitter.to_string();
        lines.push(
            json!({ "job": run.job.to_string(), "unit": run.unit, "name": name, "submitter": submitter }),
        );
    }
    progress.say(match words.is_empty() {
        true => String::from("nothing runs"),
        false => words.into_iter().collect::<Vec<_>>().join(", "),
    });
    if is_json { out::json(&json!({ "event": "runs", "runs": lines })) } else { Ok(()) }
}

async fn trust(room: &Room, people: Option<&People>) -> Result<Trust, Failure> {
    Ok(match people {
        Some(People::Me) => Trust::Mine,
        Some(People::Room) => Trust::Everybody,
        Some(People::These(peers)) => Trust::People(peers.iter().copied().collect()),
        None if is_private(&room.link()) => Trust::Everybody,
        None => {
            let mut peers: BTreeSet<_> = room.rules().moderators().await?.into_iter().collect();
            peers.extend(room.owner().await?);
            Trust::People(peers)
        }
    })
}

fn half_of_the_cores() -> u8 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u8::try_from(cores / 2).unwrap_or(128).clamp(1, 128)
}
