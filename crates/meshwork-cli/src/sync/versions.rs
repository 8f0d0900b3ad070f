//! `sync versions`: documents as people saved them.

use clap::{ArgGroup, Args};
use meshwork::{App, Document, KeptError, Room, Version, VersionError};
use serde_json::{Value, json};

use super::Target;
use super::read::fetch;
use super::write::{NOBODY, denied, kept, somebody_stays, write};
use crate::exit::Failure;
use crate::room::attempt::Attempt;

const AFTER_HELP: &str = "\
Without an option the versions are listed, the latest first: label, time in milliseconds since 1970, author,
bytes, and how many that stay hold it. Of several with one label the latest is meant. --save, --restore and
--delete end when a member that stays has it, and with exit code 3 where nobody who stays is there within 10
seconds. Only who saved a version can delete it. With --json: {name, versions: [{label, time_ms, author, size,
holders}]}; with --show {name, label, text}; else {name, label}.";

/// What `sync versions` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("act").args(["save", "show", "restore", "delete"]))]
pub(crate) struct Versions {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which document.
    #[arg(value_name = "NAME")]
    name: String,
    /// Save the document as it is now.
    #[arg(long, value_name = "LABEL")]
    save: Option<String>,
    /// Print the text of a version.
    #[arg(long, value_name = "LABEL")]
    show: Option<String>,
    /// Make the document read so again.
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
                let text = read(attempt, room, &notes, label).await?;
                return Ok((text.clone(), json!({ "name": name, "label": label, "text": text })));
            }
            Versions { restore: Some(label), .. } => {
                let text = read(attempt, room, &notes, label).await?;
                write(attempt, room, async { notes.edit(|now| now.set(&text)).await.map(|_| ()) }).await?;
                (label, "Restored. A member that stays has it.")
            }
            Versions { delete: Some(label), .. } => {
                let version = find(&notes, label).await?;
                somebody_stays(attempt, room).await?;
                version.delete().await.map_err(failed)?;
                kept(room).await?;
                (label, "Deleted. A member that stays knows.")
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
        _ => Failure::Unreachable(format!("It was saved, but nobody who stays holds it: none was {NOBODY}")),
    })
}

/// The text of the version that a label means.
async fn read(attempt: &Attempt, room: &Room, notes: &Document, label: &str) -> Result<String, Failure> {
    attempt.within(room, async { find(notes, label).await?.text().await.map_err(failed) }).await
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
        VersionError::Fetch(error) => Failure::Unreachable(format!("The version cannot be had: {error}.")),
        VersionError::NotMine => Failure::Forbidden { words: format!("{error}."), reason: "not-allowed" },
        error => Failure::Usage(format!("{error}.")),
    }
}
