//! `chat watch`: prints posts and changes, one JSON object a line.

use clap::Args;
use meshwork::chat::{Change, Post};
use meshwork::{Closed, Room};
use serde_json::{Value, json};

use super::{Names, Target, value};
use crate::exit::Failure;
use crate::out;
use crate::room::attempt::{Attempt, guest};
use crate::room::signal::Stop;

const AFTER_HELP: &str = "\
Each line is an object with a member `event`:
  posted   {id, peer, name, own, at_ms, text, re, re_peer, edited, newer, missing, more, files,
           reactions}
  edited   the same, with another text
  reacted  the same, with other reactions
  removed  {id, peer} deleted, hidden or too old
  ready    {}         the newest posts came before this line
  missed   {count}    changes that this program was too slow to receive; chat read has all posts
Members are those of chat read --json. Later versions may add events and members: skip unknown ones.
When the command ends by itself the last line is {error, reason}.";

/// Arguments of `chat watch`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Print so many of the newest posts first.
    #[arg(long, value_name = "N", default_value = "50")]
    newest: usize,
}

pub(super) async fn run(Arguments { target, newest }: Arguments) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let mut attempt = Attempt::start(&target.common, guest()).await?;
    let watched = async {
        let room = attempt.join(&target.link).await?;
        attempt.stay();
        watch(&attempt, &room, newest).await
    };
    let result = tokio::select! {
        result = watched => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

async fn watch(attempt: &Attempt, room: &Room, newest: usize) -> Result<(), Failure> {
    let (chat, mut told) = (room.chat(), 0);
    let mut changes = chat.watch();
    let names = Names::of(room).await?;
    for post in chat.newest(None, newest).await? {
        out::json(&event("posted", &post, &names))?;
    }
    out::json(&json!({ "event": "ready" }))?;
    loop {
        let next = async { changes.next().await.ok_or(Closed) };
        let change = attempt.within(room, next).await?;
        let names = Names::of(room).await?;
        match &change {
            Change::Posted(post) => out::json(&event("posted", post, &names))?,
            Change::Edited(post) => out::json(&event("edited", post, &names))?,
            Change::Reacted(post) => out::json(&event("reacted", post, &names))?,
            Change::Removed(key) => {
                let (id, peer) = (key.id.to_string(), key.author.to_string());
                out::json(&json!({ "event": "removed", "id": id, "peer": peer }))?;
            }
            _ => {}
        }
        let missed = changes.missed();
        if missed > told {
            out::json(&json!({ "event": "missed", "count": missed - told }))?;
            told = missed;
        }
    }
}

fn event(name: &str, post: &Post, names: &Names) -> Value {
    let mut value = value(post, names);
    value["event"] = name.into();
    value
}
