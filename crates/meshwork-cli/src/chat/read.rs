//! `chat read`: prints posts.

use clap::Args;
use meshwork::chat::Post;
use meshwork::{Room, Waiting};
use serde_json::json;

use super::{Names, Target, body, reactions, value, waiting};
use crate::duration::date;
use crate::exit::Failure;
use crate::progress::Progress;
use crate::room::attempt::{Attempt, guest};
use crate::room::counted;
use crate::room::in_step::{self, Content};
use crate::style;

const AFTER_HELP: &str = "\
With --json: {posts: [{id, peer, name, own, at_ms, text, re, edited, newer, missing, files, reactions}]}, the earliest
first; times in milliseconds since 1970. own is true of your posts, which words show as yours. re is the id of the post that it answers, or null. newer is true if a newer
version wrote it and this one cannot read all of it. missing counts posts that its author had read and that are not
here. files: [{blob, size, name, kind, width, height}], reactions: [{emoji, by: [peer]}]. read --all --json is the
export of a conversation. waiting: [{peer, name, changes, until_ms}] are changes by devices whose clocks are ahead: they
count from until_ms on.";

/// Arguments of `chat read`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) target: Target,
    /// Print so many of the newest posts.
    #[arg(long, value_name = "N", default_value = "50", conflicts_with = "all")]
    newest: usize,
    /// Print all posts.
    #[arg(long)]
    all: bool,
    /// Only posts with all of these words, or parts of words.
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let attempt = Attempt::start(&arguments.target.common, guest()).await?;
    let read = read(&attempt, &arguments).await;
    attempt.close().await;
    let (posts, names, waits) = read?;
    let written = |waits: &Waiting| {
        let (peer, name) = (waits.author.to_string(), names.get(waits.author));
        json!({ "peer": peer, "name": name, "changes": waits.writes, "until_ms": waits.until_ms })
    };
    let value = json!({
        "posts": posts.iter().map(|post| value(post, &names)).collect::<Vec<_>>(),
        "waiting": waits.iter().map(written).collect::<Vec<_>>(),
    });
    waiting(&waits, &names).iter().for_each(style::note);
    arguments.target.common.tell(&words(&posts, &names), &value)
}

async fn read(attempt: &Attempt, arguments: &Arguments) -> Result<(Vec<Post>, Names, Vec<Waiting>), Failure> {
    let progress = Progress::start("Joining", Content::Notes.unit());
    let room = attempt.join(&arguments.target.link).await?;
    progress.turn_to("Fetching", None);
    in_step::wait(attempt, &room, (&progress, Content::Notes), "The posts are not known yet.").await?;
    Ok((posts(&room, arguments).await?, Names::of(&room).await?, room.chat().waiting().await?))
}

async fn posts(room: &Room, Arguments { newest, all, search, .. }: &Arguments) -> Result<Vec<Post>, Failure> {
    let (chat, most) = (room.chat(), if *all { usize::MAX } else { *newest });
    let Some(words) = search else { return Ok(chat.newest(None, most).await?) };
    let (mut search, mut found) = (chat.search(words), Vec::new());
    while found.len() < most
        && let Some(post) = search.next().await?
    {
        found.push(post);
    }
    found.reverse();
    Ok(found)
}

pub(super) fn words(posts: &[Post], names: &Names) -> String {
    let line = |post: &Post| {
        let gap = match post.missing {
            0 => String::new(),
            missing => format!("  ({} that came before are not here)\n", counted(missing, "post")),
        };
        let edited = if post.is_edited { "  (edited)" } else { "" };
        let re = post.re.map(|re| format!("  answers {}", re.id)).unwrap_or_default();
        let reactions = match post.reactions.is_empty() {
            true => String::new(),
            false => format!("\n  {}", reactions(post)),
        };
        let (at, name, id) = (date(post.at.as_millis()), names.get(post.author), post.id);
        let text = body(post);
        format!("{gap}{at}  {name}  {id}{re}{edited}\n  {text}{reactions}")
    };
    match posts {
        [] => String::from("There is no post."),
        posts => posts.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
