//! The `place` commands and their arguments.

mod create;
mod export;
mod govern;
mod history;
mod notes;
mod paint;
mod replay;
mod stats;
pub(crate) mod swarm;
pub(crate) mod tui;
mod values;
mod watch;

use std::sync::Arc;

use clap::{Args, Subcommand};
use meshwork::{Room, place};
use meshwork_place::canvas::CanvasSize;
use meshwork_signal::http::Pages;

use crate::exit::Failure;
use crate::room::{
    Common, Hiding, attempt, counted, happenings, in_step, keep, kept, link, links, signal, turn_on,
};

/// The commands for a shared canvas.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a room and print its LINK. The room stays at the server when this program ends.
    Create(create::Arguments),
    /// Show a room on a terminal and paint in it, by mouse and keys, with the people beside it.
    Tui(tui::Arguments),
    /// Paint pixels or a picture, and wait until a member that stays has applied them.
    Paint(paint::Arguments),
    /// Write the canvas to a PNG file: one pixel a cell, unpainted cells transparent.
    Export(export::Arguments),
    /// Read the notes of a room, or write one.
    Notes(notes::Arguments),
    /// Print statistics of a room's canvas: cells, authors, colours, strokes, and people.
    Stats(stats::Arguments),
    /// Print the events of a room, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
    /// The same as meshwork keep: stay in a room of any app and keep it on disk, until interrupted.
    Keep(keep::Arguments),
    /// Print how much a keeper's history contains, and how far back it reaches.
    History(history::Arguments),
    /// Write the history of the canvas to a GIF or an animated PNG.
    Replay(replay::Arguments),
    /// Print the view link of a room, or give the room a new link.
    Link(links::Arguments),
    /// Print the rules of a room, or set them as its owner.
    Rules(govern::RulesArguments),
    /// Ban a peer from painting in a room, as its owner or a moderator.
    Ban(govern::BanArguments),
    /// Erase cells of a room, as its owner or a moderator.
    Erase(govern::EraseArguments),
    /// Give a room that opened with another app a canvas, as its owner.
    TurnOn(TurnOn),
}

/// Arguments of `place turn-on`.
#[derive(Args)]
pub(crate) struct TurnOn {
    /// Width and height of the canvas in cells, each 1 to 4096.
    #[arg(long, value_name = "WxH", default_value = "100x100", value_parser = values::parse_size)]
    size: CanvasSize,
    #[command(flatten)]
    on: turn_on::Arguments,
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Create(arguments) => arguments.common.json,
            Command::Paint(arguments) => arguments.common.json,
            Command::Export(arguments) => arguments.common.json,
            Command::Keep(arguments) => arguments.common.json,
            Command::Link(arguments) => arguments.common.json,
            Command::Rules(arguments) => arguments.common.json,
            Command::Ban(arguments) => arguments.common.json,
            Command::Erase(arguments) => arguments.common.json,
            Command::TurnOn(arguments) => arguments.on.common.json,
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
pub(crate) async fn run(command: Command, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => create::run(arguments).await,
        Command::Paint(arguments) => paint::run(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
        Command::Keep(arguments) => keep::run(arguments, pages).await,
        Command::Link(arguments) => links::run(arguments).await,
        Command::Rules(arguments) => govern::rules(arguments).await,
        Command::Ban(arguments) => govern::ban(arguments).await,
        Command::Erase(arguments) => govern::erase(arguments).await,
        Command::TurnOn(TurnOn { size, on }) => {
            turn_on::run(on, place::canvas(size.width, size.height), meshwork_place::app()).await
        }
        Command::History(arguments) => history::run(&arguments),
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::Notes(arguments) => notes::run(arguments).await,
        Command::Stats(arguments) => stats::run(arguments).await,
        Command::Tui(arguments) => tui::run(arguments).await,
        Command::Watch(arguments) => watch::run(arguments).await,
    }
}

/// Columns and rows of a room's canvas.
async fn canvas_size(room: &Room) -> Result<CanvasSize, Failure> {
    match room.canvas().size().await? {
        Some((width, height)) => Ok(CanvasSize { width, height }),
        None => Err(Failure::App(room.opened_with().await?.unwrap_or_default())),
    }
}
