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
use serde_json::json;

use crate::exit::Failure;
use crate::room::attempt::{Attempt, guest};
use crate::room::{Common, keep, link, links, turn_on};

/// What can be done with counters, values and documents.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a room and print its LINK. The room stays at the server when this program ends.
    Create(Create),
    /// Print the link by which people look, or give a room a new link.
    Link(links::Arguments),
    /// Say which values, counters and documents a room has, and what the first two are.
    List(read::List),
    /// Print a value, or where a counter stands.
    Get(read::Get),
    /// Give a key a value, and wait until a member that stays has it.
    Set(write::Set),
    /// Delete a key, and wait until a member that stays knows.
    Delete(write::Delete),
    /// Raise a counter, wait until a member that stays has it, and print where it stands.
    Add(write::Add),
    /// Print a document as text, or edit it: by a file, by a file that stays in step, or in an editor.
    Text(text::Text),
    /// Say which versions of a document people saved; save, print, restore or delete one.
    Versions(versions::Versions),
    /// Erase what somebody wrote in a document, as the room's owner or a moderator.
    Erase(erase::Erase),
    /// Give a room that opened with another app values, documents and a whiteboard, as its owner.
    TurnOn(turn_on::Arguments),
    /// Say what changes, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
    /// The same as meshwork keep: stay in a room of any app and keep it on disk, until interrupted.
    Keep(keep::Arguments),
}

/// What `sync create` is asked for.
#[derive(Args)]
pub(crate) struct Create {
    /// The meeting point that is to know the room, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: String,
    /// Guard the room with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    #[command(flatten)]
    common: Common,
}

/// Which room, and what every command takes.
#[derive(Args)]
pub(crate) struct Target {
    /// The room's address, with its part after #; without it for an open room. @FILE or - reads it from there.
    #[arg(value_name = "LINK", value_parser = sync_link)]
    link: Link,
    #[command(flatten)]
    common: Common,
}

impl Command {
    /// Whether the result, or the failure, is to be written as JSON.
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
        Command::Create(arguments) => create(arguments).await,
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
    /// Does something in the room, and tells what came of it.
    async fn visit<V: Serialize>(
        &self,
        act: impl AsyncFnOnce(&mut Attempt, &Room, &App) -> Result<(String, V), Failure>,
    ) -> Result<(), Failure> {
        let (words, value) = self.enter(act).await?;
        self.common.tell(&words, &value)
    }

    /// Does something in the room, and leaves it.
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

async fn create(arguments: Create) -> Result<(), Failure> {
    let Create { server, private, common } = arguments;
    let attempt = Attempt::start(&common, guest().server(&server)).await?;
    let new = if private { sync::room().private() } else { sync::room() };
    let made = attempt.create(new).await.map(|room| room.link().to_string());
    attempt.close().await;
    let link = made?;
    common.tell(&link, &json!({ "link": link }))
}

fn word() -> AppWord {
    sync::APP.parse().expect("it is the word of an app")
}

/// A LINK with Sync in front.
fn sync_link(argument: &str) -> anyhow::Result<Link> {
    link::of(link::read(argument)?, &word())
}
