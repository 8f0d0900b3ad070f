//! The `sync` commands: counters, values and documents of a room, from the command line.

mod drafts;
mod erase;
mod follow;
mod read;
mod text;
mod versions;
mod watch;
mod write;

use std::sync::Arc;

use clap::{Args, Subcommand};
use meshwork::{App, Link, Room, sync};
use meshwork_core::signed::app::AppWord;
use meshwork_signal::http::Pages;
use serde::Serialize;

use crate::exit::Failure;
use crate::room::attempt::{Attempt, guest};
use crate::room::lan::Registry;
use crate::room::{Common, keep, link, links, turn_on};

/// The commands for counters, values and documents.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a room and print its LINK. The room stays at the server when this program ends.
    Create(Create),
    /// Print the view link of a room, or give the room a new link.
    Link(links::Arguments),
    /// List the values, counters and documents of a room.
    List(read::List),
    /// Print a value or a counter.
    Get(read::Get),
    /// Set the value of a key, and wait until a member that stays has it.
    Set(write::Set),
    /// Delete a key, and wait until a member that stays has the deletion.
    Delete(write::Delete),
    /// Raise a counter, wait until a member that stays has it, and print the new number.
    Add(write::Add),
    /// Print a document as text, or edit it: by a file, by a synchronised file, or in an editor.
    Text(text::Text),
    /// List the saved versions of a document; save, print, compare, restore or delete one.
    Versions(versions::Versions),
    /// Erase a peer's writes in a document, as the room's owner or a moderator.
    Erase(erase::Erase),
    /// Give a room that opened with another app values, documents and a whiteboard, as its owner.
    TurnOn(turn_on::Arguments),
    /// Print the changes, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
    /// The same as meshwork keep: stay in a room of any app and keep it on disk, until interrupted.
    Keep(keep::Arguments),
}

/// Arguments of `sync create`.
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
    #[arg(value_name = "LINK", value_parser = sync_link)]
    link: Link,
    #[command(flatten)]
    common: Common,
}

impl Command {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Command::Create(arguments) => arguments.common.json,
            Command::Link(arguments) => arguments.common.json,
            Command::List(arguments) => arguments.target.common.json,
            Command::Get(arguments) => arguments.target.common.json,
            Command::Set(arguments) => arguments.target.common.json,
            Command::Delete(arguments) => arguments.target.common.json,
            Command::Add(arguments) => arguments.target.common.json,
            Command::Text(arguments) => arguments.target.common.json,
            Command::Versions(arguments) => arguments.target.common.json,
            Command::Erase(arguments) => arguments.target.common.json,
            Command::TurnOn(arguments) => arguments.common.json,
            Command::Keep(arguments) => arguments.common.json,
            // Its lines are JSON in any case; the last one says why it ended.
            Command::Watch(_) => true,
        }
    }
}

/// Runs one command to its end.
pub(crate) async fn run(command: Command, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    match command {
        Command::Create(Create { registry, private, common }) => {
            registry.make(sync::room(), private, &common).await
        }
        Command::Link(arguments) => links::run(arguments).await,
        Command::List(arguments) => read::list(arguments).await,
        Command::Get(arguments) => read::get(arguments).await,
        Command::Set(arguments) => write::set(arguments).await,
        Command::Delete(arguments) => write::delete(arguments).await,
        Command::Add(arguments) => write::add(arguments).await,
        Command::Text(arguments) => text::run(arguments).await,
        Command::Versions(arguments) => versions::run(arguments).await,
        Command::Erase(arguments) => erase::run(arguments).await,
        Command::TurnOn(arguments) => turn_on::run(arguments, sync::room(), word()).await,
        Command::Watch(arguments) => watch::run(arguments).await,
        Command::Keep(arguments) => keep::run(arguments, pages).await,
    }
}

impl Target {
    /// Acts in the room, and prints the result.
    async fn visit<V: Serialize>(
        &self,
        act: impl AsyncFnOnce(&mut Attempt, &Room, &App) -> Result<(String, V), Failure>,
    ) -> Result<(), Failure> {
        let (words, value) = self.enter(act).await?;
        self.common.tell(&words, &value)
    }

    /// Acts in the room, and leaves it.
    async fn enter<T>(
        &self,
        act: impl AsyncFnOnce(&mut Attempt, &Room, &App) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut attempt = Attempt::start(&self.common, guest()).await?;
        let done = async {
            let room = attempt.join(&self.link).await?;
            let app = attempt.app(&room, sync::APP).await?;
            act(&mut attempt, &room, &app).await
        };
        let done = done.await;
        attempt.close().await;
        done
    }
}

fn word() -> AppWord {
    sync::APP.parse().expect("it is the word of an app")
}

/// A LINK with Sync in front.
fn sync_link(argument: &str) -> anyhow::Result<Link> {
    link::of(link::read(argument)?, &word())
}
