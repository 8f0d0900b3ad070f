//! `chat dm`: reads and writes the direct posts with one person.

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::person::People;
use super::{Names, Target, denied, kept, on_disk, read, value};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::{Attempt, named_guest};
use crate::room::in_step::{self, Content};

const AFTER_HELP: &str = "\
Examples:
  meshwork chat dm LINK Ann 'Shall we meet at the pier?'
  meshwork chat dm LINK Ann                  print the direct posts with Ann
  git log -1 | meshwork chat dm LINK Ann -

Only the two of you can read a direct post, on each device of your identities. All members carry and store it, and see
who wrote, when, and a rounded length. The person may be away. A write waits until a member that stays has it.
With --json: {peer, id, stored} for a write, otherwise {peer, posts} as chat read prints them.";

/// Arguments of `chat dm`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// The person's key, the beginning of it, or the name of somebody known in the room.
    #[arg(value_name = "PERSON", allow_hyphen_values = true)]
    person: String,
    /// The text, which may be Markdown; - reads it from standard input. Without it direct posts are printed.
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
    /// What others see you called, which stays in the room: chat profile changes and removes it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Print so many of the newest posts.
    #[arg(long, value_name = "N", default_value = "50", conflicts_with = "text")]
    newest: usize,
}

pub(super) async fn run(mut arguments: Arguments) -> Result<(), Failure> {
    if arguments.text.as_deref() == Some("-") {
        let text = std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?;
        arguments.text = Some(text.trim_end_matches('\n').to_owned());
    }
    let builder = named_guest(arguments.name.take(), || String::from("Command line"));
    let attempt = Attempt::start(&arguments.target.common, builder).await?;
    let done = act(&attempt, &arguments).await;
    attempt.close().await;
    let (words, value) = done?;
    arguments.target.common.tell(&words, &value)
}

async fn act(
    attempt: &Attempt,
    Arguments { target, person, text, newest, .. }: &Arguments,
) -> Result<(String, Value), Failure> {
    let progress = Progress::start("Joining", Content::Notes.unit());
    let room = attempt.join(&target.link).await?;
    let mut events = room.events();
    let Some(text) = text else {
        progress.turn_to("Fetching", None);
        in_step::wait(attempt, &room, (&progress, Content::Notes), "The posts are not known yet.").await?;
        let peer = People::of(&room).await?.find(person)?;
        let (posts, names) = (room.chat().with(peer).newest(*newest).await?, Names::of(&room).await?);
        let values: Vec<Value> = posts.iter().map(|post| value(post, &names)).collect();
        return Ok((read::words(&posts, &names), json!({ "peer": peer.to_string(), "posts": values })));
    };
    attempt.somebody_stays(&room, "Nothing was written.").await?;
    let people = People::of(&room).await?;
    let peer = people.find(person)?;
    let with = room.chat().with(peer);
    let (id, _) = attempt.within(&room, async { with.post(text).await.map_err(denied) }).await?;
    let stored = attempt.within(&room, kept(&mut events)).await?;
    let words = format!("Written to {}. A member that stays has it{}.", people.words(peer), on_disk(stored));
    Ok((words, json!({ "peer": peer.to_string(), "id": id.to_string(), "stored": stored })))
}
