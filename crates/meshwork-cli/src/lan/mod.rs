//! The `lan` commands: programs on the local network, and reasons why none is found.

mod doctor;

use std::time::Duration;

use clap::{Args, Subcommand};
use meshwork::{BindError, Neighbour, NewRoom, chat};
use serde_json::json;
use tokio::time::sleep;

use self::doctor::Facts;
use crate::exit::Failure;
use crate::out;
use crate::room::Common;
use crate::room::attempt::{Attempt, guest};
use crate::room::lan::Near;

/// Time for answers.
const LISTEN: Duration = Duration::from_secs(3);
/// A commons that nobody talks in: a program announces itself once it is in a room.
const NOWHERE: &str = "meshwork lan scan";

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the programs on this network: address, port, way by which they were found, and key.
    Scan(Arguments),
    /// Find out why no program is found on this network, with a remedy for each cause.
    Doctor(Arguments),
}

/// Arguments of both.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    near: Near,
    #[command(flatten)]
    common: Common,
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        let (Command::Scan(arguments) | Command::Doctor(arguments)) = self;
        arguments.common.json
    }
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Scan(arguments) => scan(arguments.common()).await,
        Command::Doctor(arguments) => doctor(arguments.common()).await,
    }
}

impl Arguments {
    fn common(mut self) -> Common {
        self.common.lan.add(&self.near);
        self.common
    }
}

/// Enters the network, and listens for a moment.
async fn listen(mut common: Common) -> Result<Result<Facts, BindError>, Failure> {
    common.lan.enter(Duration::from_secs(30), Duration::from_secs(300));
    let attempt = match Attempt::start(&common, guest()).await {
        Ok(attempt) => attempt,
        Err(Failure::Unexpected(error)) => {
            return error.downcast::<BindError>().map(Err).map_err(Failure::Unexpected);
        }
        Err(failure) => return Err(failure),
    };
    let entered = attempt.endpoint.commons(NewRoom::named(chat::room(), NOWHERE)).await;
    // Dropped, it would be left at once.
    let _room = entered.map_err(|error| Failure::Unexpected(error.into()))?;
    sleep(LISTEN).await;
    let nearby = attempt.endpoint.nearby();
    let facts = nearby.map(|nearby| Facts {
        interfaces: nearby.interfaces(),
        hears_itself: nearby.hears_itself(),
        seen: nearby.seen(),
    });
    attempt.close().await;
    Ok(Ok(facts.unwrap_or_default()))
}

async fn scan(common: Common) -> Result<(), Failure> {
    let wants_json = common.json;
    let Facts { seen, .. } = listen(common).await?.map_err(|error| Failure::Unexpected(error.into()))?;
    if wants_json {
        let value = |one: &Neighbour| {
            json!({
                "peer": one.endpoint.peer.to_string(), "address": one.address.ip().to_string(),
                "port": one.address.port(), "way": format!("{:?}", one.way).to_lowercase(),
                "rooms": one.rooms, "pages": one.pages, "silent_ms": one.silent.as_millis() as u64,
            })
        };
        return out::json(&json!({ "programs": seen.iter().map(value).collect::<Vec<_>>() }));
    }
    for one in &seen {
        let way = format!("{:?}", one.way).to_lowercase();
        out::line(format_args!(
            "{}  {}  {}  by {way}, in {}",
            one.address.ip(),
            one.address.port(),
            one.endpoint.peer.short(),
            crate::room::counted(one.rooms, "room")
        ))?;
    }
    if seen.is_empty() {
        out::line("No other program is heard on this network. meshwork lan doctor says why.")?;
    }
    Ok(())
}

async fn doctor(common: Common) -> Result<(), Failure> {
    let wants_json = common.json;
    let findings = match listen(common).await? {
        Ok(facts) => facts.findings(doctor::tunnel_of_default_route().as_deref()),
        Err(error) => vec![doctor::Finding::of_bind(&error)],
    };
    if wants_json {
        let value = |finding: &doctor::Finding| json!({ "cause": finding.cause, "words": finding.words, "remedy": finding.remedy });
        return out::json(&json!({ "findings": findings.iter().map(value).collect::<Vec<_>>() }));
    }
    for doctor::Finding { words, remedy, .. } in &findings {
        out::line(format_args!("{words}\n  {remedy}"))?;
    }
    Ok(())
}
