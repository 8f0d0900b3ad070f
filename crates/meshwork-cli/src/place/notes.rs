//! `place notes`: reads, writes and hides the notes of a room.

use clap::{ArgGroup, Args};
use meshwork::Link;
use meshwork::chat::{Post as Note, PostId as NoteId};
use serde_json::{Value, json};

use super::attempt::{Attempt, guest};
use super::in_step::{self, Content};
use super::{Common, counted, values};
use crate::chat::{Names, denied, kept, on_disk};
use crate::duration::date;
use crate::exit::Failure;
use crate::progress::Progress;

const AFTER_HELP: &str = "\
Examples:
  meshwork place notes LINK
  meshwork place notes LINK --write 'The ferry leaves at 9:40.'
  meshwork place notes LINK --remove 0190b3c4d5e6f708091a2b3c4d5e
  meshwork place notes LINK --hide 0190b3c4d5e6f708091a2b3c4d5e
  meshwork place notes LINK --json | jq -r '.notes[].text'

A write waits until a member that stays has it. With --json: {notes: [{id, peer, name, own, at_ms, text,
missing}]}, oldest first, times in milliseconds since 1970; missing counts notes that its author had read and
that are not here. With --write: {id, stored}; with --remove, --hide and --unhide: {removed, stored}, {hidden,
stored} and {unhidden, stored}; stored is true if a member stored it on disk.";

/// Arguments of `place notes`.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("act").args(["write", "remove", "hide", "unhide"]))]
pub(crate) struct Arguments {
    /// The LINK of the room. A private one has a part after #. @FILE or - reads it from a file or standard input.
    #[arg(value_name = "LINK", value_parser = values::link)]
    link: Link,
    /// Write this note.
    #[arg(long, value_name = "TEXT")]
    write: Option<String>,
    /// Remove this note of yours.
    #[arg(long, value_name = "ID")]
    remove: Option<NoteId>,
    /// Hide this note from everybody, as the owner or a moderator.
    #[arg(long, value_name = "ID")]
    hide: Option<NoteId>,
    /// Show this hidden note again.
    #[arg(long, value_name = "ID")]
    unhide: Option<NoteId>,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Arguments {
    /// The act on an existing note: the word for its new state, and the note.
    fn change(&self) -> Option<(&'static str, NoteId)> {
        let words = [("removed", self.remove), ("hidden", self.hide), ("unhidden", self.unhide)];
        words.into_iter().find_map(|(word, id)| Some((word, id?)))
    }
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let attempt = Attempt::start(&arguments.common, guest()).await?;
    let done = act(&attempt, &arguments).await;
    attempt.close().await;
    let (words, value) = done?;
    arguments.common.tell(&words, &value)
}

async fn act(attempt: &Attempt, arguments: &Arguments) -> Result<(String, Value), Failure> {
    let progress = Progress::start("Joining", Content::Notes.unit());
    let room = attempt.join(&arguments.link).await?;
    let (mut events, notes) = (room.events(), room.chat());
    if let Some(text) = &arguments.write {
        attempt.somebody_stays(&room, "Nothing was written.").await?;
        let (id, _) = attempt.within(&room, async { notes.post(text).await.map_err(denied) }).await?;
        let stored = attempt.within(&room, kept(&mut events)).await?;
        let words = format!("Written. A member that stays has it{}.", on_disk(stored));
        return Ok((words, json!({ "id": id.to_string(), "stored": stored })));
    }
    progress.turn_to("Fetching", None);
    in_step::wait(attempt, &room, (&progress, Content::Notes), "The notes are not known yet.").await?;
    if let Some((word, id)) = arguments.change() {
        let change = async {
            let changed = match word {
                "removed" => notes.remove(id).await,
                "hidden" => notes.hide(id).await,
                _ => notes.show(id).await,
            };
            changed.map_err(denied)
        };
        attempt.within(&room, change).await?;
        let stored = attempt.within(&room, kept(&mut events)).await?;
        let words = format!("The note is {word}. A member that stays has this{}.", on_disk(stored));
        return Ok((words, json!({ word: id.to_string(), "stored": stored })));
    }
    Ok(tell(&notes.all().await?, &Names::of(&room).await?))
}

/// The notes with the names of their authors.
fn tell(notes: &[Note], names: &Names) -> (String, Value) {
    let value = |note: &Note| {
        json!({
            "id": note.id.to_string(), "peer": note.author.to_string(), "name": names.name(note.author),
            "own": names.is_own(note.author),
            "at_ms": note.at.as_millis(), "text": note.text, "missing": note.missing,
        })
    };
    let line = |note: &Note| {
        let gap = match note.missing {
            0 => String::new(),
            missing => format!("  ({} that came before are not here)\n", counted(missing, "note")),
        };
        format!(
            "{gap}{}  {}  {}\n  {}",
            date(note.at.as_millis()),
            names.get(note.author),
            note.id,
            note.text.replace('\n', "\n  ")
        )
    };
    let words = match notes {
        [] => String::from("Nobody has written a note here."),
        notes => notes.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    (words, json!({ "notes": notes.iter().map(value).collect::<Vec<_>>() }))
}
