//! `chat post`: writes a post, or changes one.

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use meshwork::chat::PostId;
use serde_json::{Value, json};

use super::{Target, denied, kept, on_disk};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::{Attempt, named_guest};
use crate::room::in_step::{self, Content};

const AFTER_HELP: &str = "\
Examples:
  meshwork chat post LINK 'The ferry leaves at 9:40.'
  meshwork chat post LINK --re 0190b3c4d5e6f708091a2b3c4d5e 'From which pier?'
  meshwork chat post LINK --edit 0190b3c4d5e6f708091a2b3c4d5e 'The ferry leaves at *9:50*.'
  meshwork chat post LINK --react 0190b3c4d5e6f708091a2b3c4d5e '👍 🎉'
  git log -1 | meshwork chat post LINK -

A write waits until a member that stays has it. With --json: {id, stored}; with --edit, --delete, --react, --hide
and --unhide {edited, stored}, {deleted, stored} and so on; stored is true if a member stored it on disk.";

/// Arguments of `chat post`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = ArgGroup::new("act").args(["re", "edit", "react", "delete", "hide", "unhide"]))]
#[command(group = ArgGroup::new("silent").args(["delete", "hide", "unhide"]).conflicts_with("text"))]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// The text, which may be Markdown; - reads it from standard input. With --react emoji with spaces between them, or
    /// nothing to take yours back.
    #[arg(value_name = "TEXT", allow_hyphen_values = true, required_unless_present_any = ["silent", "react"])]
    text: Option<String>,
    /// What others see you called, which stays with your posts: chat profile changes and removes it.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Answer this post.
    #[arg(long, value_name = "ID")]
    re: Option<PostId>,
    /// Give this post of yours another text.
    #[arg(long, value_name = "ID")]
    edit: Option<PostId>,
    /// React to this post.
    #[arg(long, value_name = "ID")]
    react: Option<PostId>,
    /// Delete this post of yours. Members may have copied it.
    #[arg(long, value_name = "ID")]
    delete: Option<PostId>,
    /// Hide this post from everybody, as the owner or a moderator.
    #[arg(long, value_name = "ID")]
    hide: Option<PostId>,
    /// Show this hidden post again.
    #[arg(long, value_name = "ID")]
    unhide: Option<PostId>,
}

impl Arguments {
    /// The change of an existing post: the word for its new state, and the post.
    fn change(&self) -> Option<(&'static str, PostId)> {
        let words = [
            ("edited", self.edit),
            ("reacted", self.react),
            ("deleted", self.delete),
            ("hidden", self.hide),
            ("unhidden", self.unhide),
        ];
        words.into_iter().find_map(|(word, id)| Some((word, id?)))
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let text = match arguments.text.as_deref() {
        Some("-") => std::io::read_to_string(std::io::stdin()).context("cannot read standard input")?,
        text => text.unwrap_or_default().to_owned(),
    };
    let common = &arguments.target.common;
    let builder = named_guest(arguments.name.clone(), || String::from("Command line"));
    let attempt = Attempt::start(common, builder).await?;
    let done = act(&attempt, &arguments, text.trim_end_matches('\n')).await;
    attempt.close().await;
    let (words, value) = done?;
    common.tell(&words, &value)
}

async fn act(attempt: &Attempt, arguments: &Arguments, text: &str) -> Result<(String, Value), Failure> {
    let progress = Progress::start("Joining", Content::Notes.unit());
    let room = attempt.join(&arguments.target.link).await?;
    let (mut events, chat) = (room.events(), room.chat());
    if let Some((word, id)) = arguments.change() {
        progress.turn_to("Fetching", None);
        in_step::wait(attempt, &room, (&progress, Content::Notes), "The posts are not known yet.").await?;
        let emoji: Vec<&str> = text.split_whitespace().collect();
        let change = async {
            let changed = match word {
                "edited" => chat.edit(id, text).await,
                "reacted" => chat.react(id, &emoji).await,
                "deleted" => chat.remove(id).await,
                "hidden" => chat.hide(id).await,
                _ => chat.show(id).await,
            };
            changed.map_err(denied)
        };
        attempt.within(&room, change).await?;
        let stored = attempt.within(&room, kept(&mut events)).await?;
        let words = format!("Done. A member that stays has it{}.", on_disk(stored));
        return Ok((words, json!({ word: id.to_string(), "stored": stored })));
    }
    attempt.somebody_stays(&room, "Nothing was written.").await?;
    if arguments.re.is_some() {
        // An id alone does not name the author of the answered post.
        progress.turn_to("Fetching", None);
        in_step::wait(attempt, &room, (&progress, Content::Notes), "The posts are not known yet.").await?;
    }
    let post = chat.write(text);
    let post = arguments.re.into_iter().fold(post, |post, id| post.reply(id));
    let (id, _) = attempt.within(&room, async { post.send().await.map_err(denied) }).await?;
    let stored = attempt.within(&room, kept(&mut events)).await?;
    let words = format!("Written. A member that stays has it{}.", on_disk(stored));
    Ok((words, json!({ "id": id.to_string(), "stored": stored })))
}
