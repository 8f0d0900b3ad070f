//! The `play` commands: games on a server's shelf and their parties, from the command line.

mod bot;
mod http;
mod package;
mod party;
mod publish;
mod shelf;
mod target;
mod watch;

use clap::Subcommand;
use meshwork::play::{EnterError, GetPackageError};
use meshwork::{Link, Room};

use crate::exit::Failure;
use crate::room::attempt::Attempt;

/// The commands of Play.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Publish a game, or a new version of yours, and print its code and link.
    Publish(publish::Arguments),
    /// List the games on a server's shelf, the newest change first.
    Games(shelf::Games),
    /// Take your game down: its page answers "Game not found", and its code is never given to another game.
    Remove(shelf::Remove),
    /// Make a party of a game, print its LINK, and hold the game for players until interrupted.
    Party(party::Arguments),
    /// Play by chance: a player that presses keys at random, is ready at once and cannot host, until interrupted.
    Bot(bot::Arguments),
    /// Print what happens in a party, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Publish(arguments) => arguments.common.json,
            Command::Games(arguments) => arguments.common.json,
            Command::Remove(arguments) => arguments.common.json,
            Command::Party(arguments) => arguments.common.json,
            Command::Bot(arguments) => arguments.target.common.json,
            // Its lines are JSON in any case; the last one says why it ended.
            Command::Watch(_) => true,
        }
    }
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Publish(arguments) => publish::run(arguments).await,
        Command::Games(arguments) => shelf::list(arguments).await,
        Command::Remove(arguments) => shelf::remove(arguments).await,
        Command::Party(arguments) => party::run(arguments).await,
        Command::Bot(arguments) => bot::run(arguments).await,
        Command::Watch(arguments) => watch::run(arguments).await,
    }
}

/// Joins a room and waits until its apps are known.
async fn join(attempt: &Attempt, link: &Link) -> Result<Room, Failure> {
    let room = attempt.join(link).await?;
    attempt.app(&room, meshwork::play::APP).await?;
    Ok(room)
}

/// The words for a party that cannot be entered.
fn not_entered(error: EnterError) -> Failure {
    match error {
        EnterError::Closed(closed) => closed.into(),
        EnterError::Elsewhere => Failure::Forbidden {
            words: String::from(
                "This person plays in this party already, in another program on this machine. Stop that one, or play as somebody else \
                 with --identity FILE.",
            ),
            reason: "elsewhere",
        },
        _ => Failure::App(String::from("a game that needs a newer program")),
    }
}

/// The words for a package that is not held.
fn not_held(error: GetPackageError) -> Failure {
    match error {
        GetPackageError::Enter(error) => not_entered(error),
        error => anyhow::Error::from(error).context("the game cannot be held").into(),
    }
}
