//! `sync text`: documents as text.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use meshwork::sync::plain;
use meshwork::{App, Document, Room};
use serde_json::{Value, json};

use super::Target;
use super::drafts::Drafts;
use super::follow::follow;
use super::read::fetch;
use super::write::{denied, write};
use crate::exit::Failure;
use crate::room::attempt::Attempt;

const AFTER_HELP: &str = "\
Without an option the text is printed. --out writes it to FILE, and --in merges the later changes of that FILE
into the document: concurrent writes of others stay. If --out did not write the FILE, --in replaces the text of the
document by that of the file. --watch synchronises both whenever one of them changes, so that any editor can take
part, and --edit opens $VISUAL, $EDITOR or vi.
--in and --edit end when a member that stays has the changes. If no such member comes within 10 seconds they end
with exit code 3, and nothing was written. With --json: {name, text, authors: [{from, to, author}]}, positions in
characters; with --out {name, text}; with --in and --edit {name}; with --watch {event: ready, name, file} once both
are equal, {event: written} each time the file was replaced, and {event: refused, reason} if the file is not a text,
or has a change that the room refuses for good: that change stays in the file, and everything else goes on.
A file is UTF-8 with any line ends, which it keeps. The document has LF only.";

/// Arguments of `sync text`.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("act").args(["out", "into", "watch", "edit"]))]
pub(crate) struct Text {
    #[command(flatten)]
    pub(super) target: Target,
    /// The name of the document.
    #[arg(value_name = "NAME")]
    name: String,
    /// Write the text into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Merge the changes of this file into the document; - is standard input.
    #[arg(long = "in", value_name = "FILE")]
    into: Option<PathBuf>,
    /// Keep this file and the document synchronised, until interrupted.
    #[arg(long, value_name = "FILE")]
    watch: Option<PathBuf>,
    /// Edit the text in an editor.
    #[arg(long)]
    edit: bool,
}

pub(super) async fn run(arguments: Text) -> Result<(), Failure> {
    let Text { target, name, watch, .. } = &arguments;
    if let Some(file) = watch {
        let watch = async |attempt: &mut Attempt, room: &Room, app: &App| {
            fetch(attempt, room).await?;
            follow(attempt, room, target, app.document(name), file).await
        };
        return target.enter(watch).await;
    }
    let run = async |attempt: &mut Attempt, room: &Room, app: &App| {
        let notes = app.document(name);
        fetch(attempt, room).await?;
        match &arguments {
            Text { into: Some(file), .. } => merge(attempt, room, target, &notes, file).await,
            Text { out: Some(file), .. } => put(room, target, &notes, file).await,
            Text { edit: true, .. } => edit(attempt, room, &notes).await,
            _ => show(&notes).await,
        }
    };
    target.visit(run).await
}

async fn show(notes: &Document) -> Result<(String, Value), Failure> {
    let text = notes.text().await.context("the document cannot be shown")?;
    let authors = notes.authors().await.context("the document cannot be shown")?;
    let authors: Vec<_> = authors
        .iter()
        .map(|(range, author)| json!({ "from": range.start, "to": range.end, "author": author.to_string() }))
        .collect();
    Ok((text.clone(), json!({ "name": notes.name(), "text": text, "authors": authors })))
}

async fn put(
    room: &Room,
    target: &Target,
    notes: &Document,
    file: &Path,
) -> Result<(String, Value), Failure> {
    let draft = notes.draft().await.context("the document cannot be shown")?;
    let drafts = Drafts::of(&target.common, room, notes.name(), file)?;
    // A file that is there keeps its line ends.
    let form = std::fs::read(file).ok().and_then(|bytes| plain::read(&bytes).ok()).unwrap_or_default().1;
    std::fs::write(file, plain::written(draft.text(), form))
        .with_context(|| format!("{} cannot be written", file.display()))?;
    drafts.write(&draft)?;
    Ok((format!("Written to {}.", file.display()), json!({ "name": notes.name(), "text": draft.text() })))
}

async fn merge(
    attempt: &Attempt,
    room: &Room,
    target: &Target,
    notes: &Document,
    file: &Path,
) -> Result<(String, Value), Failure> {
    let new = read_file(file)?;
    let drafts = match file == Path::new("-") {
        true => None,
        false => Some(Drafts::of(&target.common, room, notes.name(), file)?),
    };
    let made_from = match &drafts {
        Some(drafts) => drafts.read()?,
        None => None,
    };
    let mut draft = match made_from {
        Some(draft) => draft,
        None => notes.draft().await.map_err(denied)?,
    };
    write(attempt, room, async { notes.merge(&mut draft, &new).await.map(|_| ()) }).await?;
    if let Some(drafts) = drafts {
        drafts.write(&draft)?;
    }
    Ok((String::from("Written. A member that stays has it."), json!({ "name": notes.name() })))
}

async fn edit(attempt: &mut Attempt, room: &Room, notes: &Document) -> Result<(String, Value), Failure> {
    // Nobody is hurried while typing.
    attempt.stay();
    let mut draft = notes.draft().await.map_err(denied)?;
    let mut file =
        tempfile::Builder::new().prefix("meshwork-").suffix(".txt").tempfile().context("no file")?;
    std::io::Write::write_all(&mut file, draft.text().as_bytes()).context("the file cannot be written")?;
    // Kept when the editor puts another file in its place.
    let path = file.into_temp_path();
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(std::env::var_os).unwrap_or_else(|| "vi".into());
    let (of_editor, of_path) = (editor.clone(), path.to_path_buf());
    let ended = tokio::task::spawn_blocking(move || open_editor(&of_editor, &of_path)).await;
    let status = ended.context("the editor was not waited for")?;
    let name = editor.to_string_lossy();
    let status = status.with_context(|| format!("the editor {name} cannot be started"))?;
    if !status.success() {
        return Err(Failure::Usage(format!("Nothing was written: the editor {name} ended with {status}.")));
    }
    let written = match read_file(&path) {
        Ok(new) => write(attempt, room, async { notes.merge(&mut draft, &new).await.map(|_| ()) }).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = written {
        let kept = path.keep().context("what was typed is lost")?;
        crate::style::note(format!("What you typed is in {}.", kept.display()));
        return Err(failure);
    }
    Ok((String::from("Written. A member that stays has it."), json!({ "name": notes.name() })))
}

/// Runs an editor, which is named as in a shell: with options, if need be.
fn open_editor(editor: &OsString, path: &Path) -> std::io::Result<std::process::ExitStatus> {
    let mut command = Command::new(if cfg!(unix) { "sh".as_ref() } else { editor.as_os_str() });
    if cfg!(unix) {
        let mut line = editor.clone();
        line.push(" \"$1\"");
        command.arg("-c").arg(line).arg("sh");
    }
    command.arg(path).status()
}

fn read_file(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(file),
    };
    let refused = |words: String| Failure::Usage(format!("{} cannot be read: {words}.", file.display()));
    let bytes = read.map_err(|error| refused(error.to_string()))?;
    plain::read(&bytes).map(|(text, _)| text).map_err(|error| refused(error.to_string()))
}
