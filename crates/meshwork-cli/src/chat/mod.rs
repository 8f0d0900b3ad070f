//! The `chat` commands: the conversation of a room, from the command line.

mod acts;
mod commons;
mod dm;
mod guests;
mod hearing;
mod lines;
mod person;
mod phones;
mod post;
mod profile;
mod read;
mod tui;
mod typing;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use meshwork::chat::{self, Post};
use meshwork::{Closed, Event, Events, Link, PeerId, Room, Waiting, WriteError};
use meshwork_signal::http::Pages;
use serde_json::{Value, json};

use crate::bytes;
use crate::duration::date;
use crate::exit::Failure;
use crate::room::lan::Registry;
use crate::room::{Common, keep, link};

/// The conversation of a room: `chat LINK`, of the local network: `chat`, or one of the commands.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    lines: lines::Lines,
}

/// The commands for one thing each.
#[derive(Subcommand)]
enum Command {
    /// Make a room for talking and print its LINK. The room stays at the server when this program ends.
    Create(Create),
    /// Write a post, or change one, and wait until a member that stays has it.
    Post(Box<post::Arguments>),
    /// Print posts: the newest, those with some words, or all.
    Read(read::Arguments),
    /// Write a direct post to one person, or print the direct posts with that person.
    Dm(Box<dm::Arguments>),
    /// Print the profiles of a room, or change your own: name, status and face.
    Profile(Box<profile::Arguments>),
    /// Print posts and changes, one JSON object a line, until interrupted.
    Watch(watch::Arguments),
    /// The same as meshwork keep: stay in a room of any app and keep it on disk, until interrupted.
    Keep(Box<keep::Arguments>),
}

/// Arguments of `chat create`.
#[derive(Args)]
struct Create {
    #[command(flatten)]
    registry: Registry,
    /// Guard the room with a secret that only its LINK carries.
    #[arg(long)]
    private: bool,
    /// What people see the room called, at most 64 bytes.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// The room, and the options of every command.
#[derive(Args)]
struct Target {
    /// The LINK of a room of any app. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Link,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    /// Whether to write the result, or the failure, as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.command {
            Some(Command::Create(arguments)) => arguments.common.json,
            Some(Command::Post(arguments)) => arguments.target.common.json,
            Some(Command::Read(arguments)) => arguments.target.common.json,
            Some(Command::Dm(arguments)) => arguments.target.common.json,
            Some(Command::Profile(arguments)) => arguments.target.common.json,
            // Its lines are JSON in any case; the last one says why it ended.
            Some(Command::Watch(_)) => true,
            Some(Command::Keep(arguments)) => arguments.common.json,
            None => self.lines.common.json,
        }
    }
}

/// Runs one command to its end.
pub(crate) async fn run(arguments: Arguments, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    match arguments.command {
        Some(Command::Create(arguments)) => create(arguments).await,
        Some(Command::Post(arguments)) => post::run(*arguments).await,
        Some(Command::Read(arguments)) => read::run(arguments).await,
        Some(Command::Dm(arguments)) => dm::run(*arguments).await,
        Some(Command::Profile(arguments)) => profile::run(*arguments).await,
        Some(Command::Watch(arguments)) => watch::run(arguments).await,
        Some(Command::Keep(arguments)) => keep::run(*arguments, pages).await,
        None => lines::run(arguments.lines, pages).await,
    }
}

async fn create(Create { registry, private, name, common }: Create) -> Result<(), Failure> {
    let new = name.into_iter().fold(chat::room(), meshwork::NewRoom::named);
    registry.make(new, private, &common).await
}

/// The names of people, by peer.
pub(crate) struct Names {
    names: BTreeMap<PeerId, String>,
    me: PeerId,
}

impl Names {
    /// The names of profiles, and of everybody else who was in a room while this program was.
    pub(crate) async fn of(room: &Room) -> Result<Names, Closed> {
        let known = room.reach().await?.tried;
        let named = known.iter().map(|member| (member.peer(), member.name().trim().to_owned()));
        let mut names: BTreeMap<PeerId, String> = named.filter(|(_, name)| !name.is_empty()).collect();
        let profiles = room.chat().profiles().await?.into_iter();
        names.extend(
            profiles.map(|(peer, profile)| (peer, profile.name)).filter(|(_, name)| !name.is_empty()),
        );
        Ok(Names { names, me: room.me().peer })
    }

    /// The name of a peer in words: `you`, its name, or the beginning of its key. Of people with the same name each has the
    /// beginning of the key behind it.
    pub(crate) fn get(&self, peer: PeerId) -> String {
        if self.is_own(peer) {
            return String::from("you");
        }
        let name = self.name(peer);
        let lower = name.to_lowercase();
        let mut others = self.names.iter().filter(|(other, _)| **other != peer);
        let is_shared = others.any(|(_, other)| other.to_lowercase() == lower);
        if is_shared { format!("{name} ({})", peer.short()) } else { name }
    }

    /// The name of a peer, this program's own one too, or the beginning of its key.
    pub(crate) fn name(&self, peer: PeerId) -> String {
        self.names.get(&peer).cloned().unwrap_or_else(|| peer.short())
    }

    /// Whether this is the peer of this program.
    pub(crate) fn is_own(&self, peer: PeerId) -> bool {
        peer == self.me
    }
}

/// A post as JSON.
fn value(post: &Post, names: &Names) -> Value {
    let file = |file: &chat::File| {
        json!({
            "blob": file.blob.to_string(), "size": file.size, "name": file.name, "kind": file.kind,
            "width": file.width, "height": file.height,
        })
    };
    let reaction = |reaction: &chat::Reaction| {
        let by: Vec<String> = reaction.by.iter().map(PeerId::to_string).collect();
        json!({ "emoji": reaction.emoji, "by": by })
    };
    json!({
        "id": post.id.to_string(), "peer": post.author.to_string(), "name": names.name(post.author),
        "own": names.is_own(post.author),
        "at_ms": post.at.as_millis(), "text": post.text, "re": post.re.map(|re| re.id.to_string()),
        "re_peer": post.re.map(|re| re.author.to_string()), "more": post.has_more,
        "edited": post.is_edited, "newer": post.is_newer, "missing": post.missing,
        "files": post.files.iter().map(file).collect::<Vec<_>>(),
        "reactions": post.reactions.iter().map(reaction).collect::<Vec<_>>(),
    })
}

/// The text of a post and its files. Further lines are indented.
fn body(post: &Post) -> String {
    let mut lines: Vec<String> = post.text.lines().map(str::to_owned).collect();
    if post.is_newer {
        lines.push(String::from("(a newer version of this program shows it)"));
    }
    lines.extend(post.files.iter().map(|file| format!("file {}, {}", file.name, bytes::format(file.size))));
    lines.join("\n  ")
}

/// The changes of a conversation that wait, in words: a line for each author.
fn waiting(waiting: &[Waiting], names: &Names) -> Vec<String> {
    let line = |waits: &Waiting| {
        let (changes, appear) = match waits.writes {
            1 => (String::from("1 change"), "appears"),
            writes => (format!("{writes} changes"), "appear"),
        };
        let (name, at) = (names.get(waits.author), date(waits.until_ms));
        format!("{changes} of {name} {appear} at {at}: the clock of the device is ahead")
    };
    waiting.iter().map(line).collect()
}

/// The reactions to a post in words: each emoji with the number of people.
fn reactions(post: &Post) -> String {
    let reactions = post.reactions.iter().map(|reaction| format!("{} {}", reaction.emoji, reaction.by.len()));
    reactions.collect::<Vec<_>>().join(", ")
}

/// Waits until a member that stays has all writes of this program. Returns whether one has them on disk.
pub(crate) async fn kept(events: &mut Events) -> Result<bool, Failure> {
    loop {
        if let Event::Kept { stored, .. } = events.next().await.ok_or(Closed)? {
            return Ok(stored);
        }
    }
}

/// The words for what was not written.
pub(crate) fn denied(error: WriteError) -> Failure {
    let forbidden = |words: &str, reason| Failure::Forbidden { words: String::from(words), reason };
    match error {
        WriteError::Closed(closed) => closed.into(),
        WriteError::Invalid(words) => Failure::Usage(format!("Nothing was written: {words}.")),
        WriteError::NoKey(_) => Failure::Usage(format!("Nothing was written: {error}.")),
        WriteError::NotWriter => {
            forbidden("Only peers that the owner named may write here. You can read.", "not-painter")
        }
        WriteError::Banned => {
            forbidden("You are banned in this room and can no longer write here.", "banned")
        }
        WriteError::NotAllowed { rule } => forbidden(&format!("Only {rule} can do this."), "not-allowed"),
        WriteError::TooFast { .. } => forbidden(&format!("Nothing was written: {error}."), "too-fast"),
        error => Failure::Unexpected(anyhow!(error).context("the post cannot be written")),
    }
}

/// The words behind a confirmation.
pub(crate) fn on_disk(stored: bool) -> &'static str {
    if stored { ", on disk" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_of_one_name_are_told_apart() {
        let [me, ann, other, bo, nobody] = [1, 2, 3, 4, 5].map(|number| PeerId([number; 32]));
        let named = [(me, "Ann"), (ann, "Ann"), (other, "ann"), (bo, "Bo")];
        let names = Names { names: named.map(|(peer, name)| (peer, name.to_owned())).into(), me };
        assert_eq!(names.get(me), "you");
        assert_eq!(names.get(ann), format!("Ann ({})", ann.short()));
        assert_eq!(names.get(other), format!("ann ({})", other.short()));
        assert_eq!((names.get(bo), names.get(nobody)), (String::from("Bo"), nobody.short()));
        assert_eq!((names.name(me), names.name(ann)), (String::from("Ann"), String::from("Ann")));
        assert!(names.is_own(me) && !names.is_own(ann));
    }
}
