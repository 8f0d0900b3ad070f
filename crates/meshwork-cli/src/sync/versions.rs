//! `sync versions`: documents as people saved them.

use clap::{ArgGroup, Args};
use meshwork::{App, Document, KeptError, Piece, PieceKind, Room, Version, VersionError};
use serde_json::{Value, json};
use similar::TextDiff;

use super::Target;
use super::read::fetch;
use super::write::{NOBODY, denied, kept, somebody_stays};
use crate::exit::Failure;
use crate::room::attempt::Attempt;

const AFTER_HELP: &str = "\
Without an option the versions are listed, the latest first: label, time in milliseconds since 1970, author,
bytes, and the number of holders that stay. A label names its latest version. --save, --restore and --delete end
when a member that stays has the change. If no such member comes within 10 seconds they end with exit code 3. Only
the author of a version can delete it. --show and --compare treat the text alone; --restore restores maps and lists
too. With --json: {name, versions: [{label, time_ms, author, size, holders}]}; with --show {name, label, text}; with
--compare {name, labels, pieces: [{kind: same | removed | added, text, author}]}, author null if unknown; else
{name, label}.";

/// Arguments of `sync versions`.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("act").args(["save", "show", "compare", "restore", "delete"]))]
pub(crate) struct Versions {
    #[command(flatten)]
    pub(super) target: Target,
    /// The name of the document.
    #[arg(value_name = "NAME")]
    name: String,
    /// Save the document as it is now.
    #[arg(long, value_name = "LABEL")]
    save: Option<String>,
    /// Print the text of a version.
    #[arg(long, value_name = "LABEL")]
    show: Option<String>,
    /// Print the changes of the text from one version to another, or to the current document.
    #[arg(long, value_name = "LABEL", num_args = 1..=2)]
    compare: Vec<String>,
    /// Restore the document to this version.
    #[arg(long, value_name = "LABEL")]
    restore: Option<String>,
    /// Delete a version.
    #[arg(long, value_name = "LABEL")]
    delete: Option<String>,
}

pub(super) async fn run(arguments: Versions) -> Result<(), Failure> {
    let Versions { target, name, .. } = &arguments;
    let run = async |attempt: &mut Attempt, room: &Room, app: &App| {
        let notes = app.document(name);
        fetch(attempt, room).await?;
        let (label, words) = match &arguments {
            Versions { save: Some(label), .. } => {
                save(attempt, room, &notes, label).await?;
                (label, "Saved. A member that stays has it.")
            }
            Versions { show: Some(label), .. } => {
                let version = find(&notes, label).await?;
                let text = attempt.within(room, async { version.text().await.map_err(failed) }).await?;
                return Ok((text.clone(), json!({ "name": name, "label": label, "text": text })));
            }
            Versions { compare, .. } if !compare.is_empty() => {
                return attempt.within(room, differences(&notes, compare)).await;
            }
            Versions { restore: Some(label), .. } => {
                let version = find(&notes, label).await?;
                // Before it is looked whether somebody stays, which takes a while where it cannot be had.
                attempt.within(room, async { version.whole().await.map_err(failed) }).await?;
                somebody_stays(attempt, room).await?;
                attempt.within(room, async { version.restore().await.map_err(failed) }).await?;
                kept(room).await?;
                (label, "Restored. A member that stays has it.")
            }
            Versions { delete: Some(label), .. } => {
                let version = find(&notes, label).await?;
                somebody_stays(attempt, room).await?;
                version.delete().await.map_err(failed)?;
                kept(room).await?;
                (label, "Deleted. A member that stays has this.")
            }
            _ => return Ok(listed(name, &notes.versions().await?)),
        };
        Ok((words.to_owned(), json!({ "name": name, "label": label })))
    };
    target.visit(run).await
}

async fn save(attempt: &Attempt, room: &Room, notes: &Document, label: &str) -> Result<(), Failure> {
    somebody_stays(attempt, room).await?;
    let version = notes.save_version(label).await.map_err(failed)?;
    version.kept().await.map_err(|error| match error {
        KeptError::Closed(closed) => closed.into(),
        _ => Failure::Unreachable(format!("It was saved here only: no member that stays was {NOBODY}")),
    })
}

/// The changes of the text from the first version to the second, or to the current document.
async fn differences(notes: &Document, labels: &[String]) -> Result<(String, Value), Failure> {
    let [from, to @ ..] = labels else { return Err(Failure::Usage("Name a version.".into())) };
    let (earlier, name) = (find(notes, from).await?, notes.name());
    let pieces = match to.first() {
        Some(label) => earlier.compare(&find(notes, label).await?).await,
        None => earlier.compare_to_now().await,
    };
    let pieces = pieces.map_err(failed)?;
    let without = |kind: PieceKind| {
        let told = pieces.iter().filter(|piece| piece.kind != kind);
        told.map(|piece| piece.text.as_str()).collect::<String>()
    };
    let (old, new) = (without(PieceKind::Added), without(PieceKind::Removed));
    let (old_name, new_name) = (format!("{name} {from}"), [&[name.to_owned()], to].concat().join(" "));
    let lines = TextDiff::from_lines(&old, &new);
    let words = match old == new {
        true => String::from("Both are equal."),
        false => {
            lines.unified_diff().header(&old_name, &new_name).to_string().trim_end_matches('\n').to_owned()
        }
    };
    let piece = |piece: &Piece| {
        let kind = match piece.kind {
            PieceKind::Same => "same",
            PieceKind::Removed => "removed",
            PieceKind::Added => "added",
        };
        json!({ "kind": kind, "text": piece.text, "author": piece.author.map(|author| author.to_string()) })
    };
    let pieces: Vec<Value> = pieces.iter().map(piece).collect();
    Ok((words, json!({ "name": name, "labels": labels, "pieces": pieces })))
}

/// The version that a label means: the latest.
async fn find(notes: &Document, label: &str) -> Result<Version, Failure> {
    let versions = notes.versions().await?;
    let found = versions.into_iter().find(|version| version.label() == label);
    found.ok_or_else(|| Failure::Usage(format!("{} has no version {label:?}.", notes.name())))
}

fn listed(name: &str, versions: &[Version]) -> (String, Value) {
    let line = |version: &Version| {
        let (label, time, author) = (version.label(), version.time_ms(), version.author().short());
        format!("{label}  {time}  {author}  {} bytes  held by {}", version.size(), version.holders())
    };
    let lines: Vec<String> = versions.iter().map(line).collect();
    let words = if lines.is_empty() { "There is no version yet.".into() } else { lines.join("\n") };
    let entry = |version: &Version| {
        json!({
            "label": version.label(), "time_ms": version.time_ms(), "author": version.author().to_string(),
            "size": version.size(), "holders": version.holders(),
        })
    };
    (words, json!({ "name": name, "versions": versions.iter().map(entry).collect::<Vec<_>>() }))
}

fn failed(error: VersionError) -> Failure {
    match error {
        VersionError::Closed(closed) => closed.into(),
        VersionError::Write(error) => denied(error),
        VersionError::Fetch(error) => {
            Failure::Unreachable(format!("The version cannot be fetched: {error}."))
        }
        VersionError::NotMine => Failure::Forbidden { words: format!("{error}."), reason: "not-allowed" },
        error => Failure::Usage(format!("{error}.")),
    }
}
