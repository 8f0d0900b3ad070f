//! `sync text`: documents as text.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use meshwork::{App, Room};
use serde_json::json;

use super::Target;
use super::read::fetch;
use super::write::write;
use crate::exit::Failure;
use crate::room::attempt::Attempt;

const AFTER_HELP: &str = "\
Without --in and --out the text is printed. --in writes the difference alone: what others write meanwhile
stays, and what they wrote since FILE was made is taken out again, so take it with --out first.
It ends when a member that stays has it, and with exit code 3 where nobody who stays is there within 10
seconds: then nothing was written. With --json: {name, text, authors: [{from, to, author}]}, places in
characters; with --in {name}.";

/// What `sync text` is asked for.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Text {
    #[command(flatten)]
    pub(super) target: Target,
    /// Which document.
    #[arg(value_name = "NAME")]
    name: String,
    /// Write the text into this file.
    #[arg(long, value_name = "FILE", conflicts_with = "into")]
    out: Option<PathBuf>,
    /// Make the document read as this file does; - is standard input.
    #[arg(long = "in", value_name = "FILE")]
    into: Option<PathBuf>,
}

pub(super) async fn run(arguments: Text) -> Result<(), Failure> {
    let Text { target, name, out, into } = &arguments;
    let run = async |attempt: &Attempt, room: &Room, app: &App| {
        let notes = app.document(name);
        fetch(attempt, room).await?;
        if let Some(file) = into {
            let new = read_file(file)?;
            let edit = async { notes.edit(|text| text.set(&new)).await.map(|_| ()) };
            write(attempt, room, edit).await?;
            return Ok((String::from("Written. A member that stays has it."), json!({ "name": name })));
        }
        let text = notes.text().await.context("the document cannot be shown")?;
        if let Some(file) = out {
            std::fs::write(file, &text).with_context(|| format!("{} cannot be written", file.display()))?;
            return Ok((format!("Written to {}.", file.display()), json!({ "name": name, "text": text })));
        }
        let authors = notes.authors().await.context("the document cannot be shown")?;
        let authors: Vec<_> = authors
            .iter()
            .map(|(range, author)| json!({ "from": range.start, "to": range.end, "author": author.to_string() }))
            .collect();
        Ok((text.clone(), json!({ "name": name, "text": text, "authors": authors })))
    };
    target.visit(run).await
}

fn read_file(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(|_| text),
        false => std::fs::read_to_string(file),
    };
    read.map_err(|error| Failure::Usage(format!("{} cannot be read: {error}.", file.display())))
}
