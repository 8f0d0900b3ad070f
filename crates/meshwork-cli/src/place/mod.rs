//! The `place` commands: what they have in common, and what each is asked for.

mod attempt;
mod create;
mod export;
mod govern;
mod history;
mod in_step;
mod keep;
mod kept;
mod listen;
mod notes;
mod notices;
mod obstacles;
mod paint;
mod replay;
mod signal;
mod stats;
pub(crate) mod swarm;
mod tui;
mod values;
mod watch;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::duration;
use crate::exit::Failure;

/// What can be done with a shared canvas.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a room and print its LINK. The room stays at the server when this program ends.
    Create(create::Arguments),
    /// Look at a room and paint in it on a terminal, by mouse and keys, with the people beside it.
    Tui(tui::Arguments),
    /// Paint pixels or a picture, and wait until a member that stays has applied them.
    Paint(paint::Arguments),
    /// Write the canvas to a PNG file: one pixel a cell, unpainted cells transparent.
    Export(export::Arguments),
    /// Read what people write to each other in a room, or write there.
    Notes(notes::Arguments),
    /// Say what a room's canvas is made of: cells, authors, colours, strokes, and who is there.
    Stats(stats::Arguments),
    /// Say what happens in a room, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
    /// Stay in a room and keep its canvas on disk, until interrupted.
    Keep(keep::Arguments),
    /// Say what a keeper's history has: how much, and how far back it reaches.
    History(history::Arguments),
    /// Write how the canvas came about to a GIF or an animated PNG.
    Replay(replay::Arguments),
    /// Say what the rules of a room are, or set them as its owner.
    Rules(govern::RulesArguments),
    /// Ban somebody from painting in a room, as its owner or a moderator.
    Ban(govern::BanArguments),
    /// Erase cells of a room, as its owner or a moderator.
    Erase(govern::EraseArguments),
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Every command")]
pub(crate) struct Common {
    /// Give up after this long, such as 30s, 500ms or 2m.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    timeout: Duration,
    /// Write the result to standard output as JSON; a failure as {error, reason}.
    #[arg(long)]
    json: bool,
    /// The file with this peer's secret key, made when there is none.
    /// [default: meshwork/identity in your data directory; for keep, identity in --data]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    identity: Option<PathBuf>,
    #[command(flatten)]
    hiding: Hiding,
}

/// What others learn of this machine's address.
#[derive(Args, Clone, Debug, Default)]
struct Hiding {
    /// Let others see a relay's address instead of this machine's: slower, and nobody is reached where the server
    /// has no relay. The server sees this machine's address all the same.
    #[arg(long)]
    hide_address: bool,
    /// A host whose relays may learn this machine's address, or a server whose word on relays is taken; may be
    /// repeated. A relay on the server's own host may always.
    #[arg(long, value_name = "HOST", requires = "hide_address")]
    trust_relay: Vec<String>,
}

impl Command {
    /// Whether the result, or the failure, is to be written as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Create(arguments) => arguments.common.json,
            Command::Paint(arguments) => arguments.common.json,
            Command::Export(arguments) => arguments.common.json,
            Command::Keep(arguments) => arguments.common.json,
            Command::Rules(arguments) => arguments.common.json,
            Command::Ban(arguments) => arguments.common.json,
            Command::Erase(arguments) => arguments.common.json,
            Command::History(arguments) => arguments.json,
            Command::Replay(arguments) => arguments.common.json,
            Command::Notes(arguments) => arguments.common.json,
            Command::Stats(arguments) => arguments.common.json,
            Command::Tui(arguments) => arguments.common.json,
            // Its lines are JSON in any case; the last one says why it ended.
            Command::Watch(_) => true,
        }
    }
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(arguments).await,
        Command::Paint(arguments) => paint::run(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
        Command::Keep(arguments) => keep::run(arguments).await,
        Command::Rules(arguments) => govern::rules(arguments).await,
        Command::Ban(arguments) => govern::ban(arguments).await,
        Command::Erase(arguments) => govern::erase(arguments).await,
        Command::History(arguments) => history::run(&arguments),
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::Notes(arguments) => notes::run(arguments).await,
        Command::Stats(arguments) => stats::run(arguments).await,
        Command::Tui(arguments) => tui::run(arguments).await,
        Command::Watch(arguments) => watch::run(arguments).await,
    }
}

impl Common {
    /// Writes the result: `words` for people, or `value` with `--json`.
    fn tell(&self, words: &str, value: &Value) -> Result<(), Failure> {
        if self.json { print_line(value) } else { print_line(words) }
    }
}

/// Writes one line to standard output, so that whoever reads a pipe has it at once.
pub(crate) fn print_line(line: impl std::fmt::Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to standard output")?;
    Ok(())
}

/// "1 cell", "2 cells".
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(counted(1, "cell"), "1 cell");
        assert_eq!(counted(0, "cell"), "0 cells");
    }
}
