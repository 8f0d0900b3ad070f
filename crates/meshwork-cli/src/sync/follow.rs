//! `sync text --watch`: a file and a document in step, so that any editor takes part.
//!
//! # How it works
//! The file is looked at ten times a second. What somebody saved there is merged into the document, by what the file was
//! when it and the document last said the same. What others write replaces the file as a whole. The file that was
//! replaced is looked at once more, and again a second later: who saved it at that moment loses nothing.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use meshwork::{Closed, Document, Draft, Room};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Target;
use super::drafts::{Drafts, whole_path};
use super::write::{denied, kept};
use crate::exit::Failure;
use crate::file::{PREFIX, folder_of, new_beside};
use crate::out;
use crate::room::attempt::Attempt;
use crate::room::signal::Stop;

/// How often the file is looked at: what reads the same twice is saved.
const LOOK: Duration = Duration::from_millis(100);
/// How long an editor may take to write a file that was replaced meanwhile, or to put another in its place.
const SAVING_MAX: Duration = Duration::from_secs(1);

/// A file and a document.
struct Followed {
    notes: Document,
    path: PathBuf,
    /// What both said last.
    draft: Draft,
    /// What the file said when it was looked at last; `None` where it is not there.
    seen: Option<String>,
    /// Since when it is not there.
    missing_since: Option<Instant>,
    /// Whether the document may say something that the file does not.
    is_behind: bool,
    /// The file that was replaced last, what it was made from, and when.
    replaced: Option<(NamedTempFile<()>, Draft, Instant)>,
}

/// Keeps a file and a document in step until the program is asked to stop.
pub(super) async fn follow(
    attempt: &mut Attempt,
    room: &Room,
    target: &Target,
    notes: Document,
    file: &Path,
) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let drafts = Drafts::of(&target.common, room, notes.name(), file)?;
    let mut changes = notes.watch();
    let mut followed = Followed::begin(notes, whole_path(file)?, drafts.read()?).await?;
    // What is kept there is not what the file is made from any more, should this program be killed.
    drafts.forget()?;
    attempt.stay();
    let ready =
        json!({ "event": "ready", "name": followed.notes.name(), "file": file.display().to_string() });
    let words = format!("{} and the document are in step. Stop with Ctrl-C.", file.display());
    followed.step().await?;
    target.common.tell(&words, &ready)?;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let change = async { changes.next().await.ok_or(Closed) };
        tokio::select! {
            () = stop.asked() => break,
            change = attempt.within(room, change) => {
                change?;
                followed.is_behind = true;
                continue;
            }
            _ = looks.tick() => {
                if followed.step().await? && target.common.json {
                    out::json(&json!({ "event": "written" }))?;
                }
            }
        }
    }
    // What was saved just now is seen when it reads the same twice.
    followed.step().await?;
    followed.step().await?;
    followed.look_back(true).await?;
    drafts.write(&followed.draft)?;
    kept(room).await
}

impl Followed {
    async fn begin(notes: Document, path: PathBuf, made_from: Option<Draft>) -> Result<Followed, Failure> {
        let (now, file) = (notes.draft().await.map_err(denied)?, read(&path)?);
        let draft = match (&file, made_from) {
            (Some(text), _) if text.is_empty() || text == now.text() => empty_or(now, text)?,
            (Some(_), Some(draft)) => draft,
            (Some(_), None) if !now.text().is_empty() => {
                return Err(Failure::Usage(format!(
                    "{0} and the document say different things, and it is not known since when. Take the document with \
                     --out, or make it read as the file with --in, and begin again.",
                    path.display()
                )));
            }
            _ => now,
        };
        // A file that is not there yet is written at once.
        let missing_since = if file.is_none() { Instant::now().checked_sub(SAVING_MAX) } else { None };
        Ok(Followed { notes, path, draft, seen: file, missing_since, is_behind: true, replaced: None })
    }

    /// Takes into the document what was saved in the file, and into the file what was written in the document. Returns
    /// whether the file was replaced.
    async fn step(&mut self) -> Result<bool, Failure> {
        self.look_back(false).await?;
        let now = read(&self.path)?;
        if now != self.seen {
            // Somebody is writing it.
            self.seen = now;
            return Ok(false);
        }
        match (&now, self.missing_since) {
            (Some(text), _) => {
                self.missing_since = None;
                if text != self.draft.text() {
                    self.notes.merge(&mut self.draft, text).await.map_err(denied)?;
                    self.is_behind = true;
                }
            }
            // Some editors remove the file before they put the new one in its place.
            (None, None) => {
                self.missing_since = Some(Instant::now());
                return Ok(false);
            }
            (None, Some(since)) if since.elapsed() < SAVING_MAX => return Ok(false),
            (None, Some(_)) => self.is_behind = true,
        }
        if self.is_behind {
            let draft = self.notes.draft().await.map_err(denied)?;
            self.is_behind = false;
            if now.as_deref() != Some(draft.text()) {
                self.put(draft).await?;
                return Ok(true);
            }
            self.draft = draft;
        }
        Ok(false)
    }

    /// Replaces the file by what the document says.
    async fn put(&mut self, draft: Draft) -> Result<(), Failure> {
        self.look_back(true).await?;
        let replaced = swap(&self.path, draft.text())
            .with_context(|| format!("{} cannot be replaced", self.path.display()))?;
        self.seen = Some(draft.text().to_owned());
        let former = std::mem::replace(&mut self.draft, draft);
        self.replaced = replaced.map(|replaced| (replaced, former, Instant::now()));
        self.merge_replaced().await
    }

    /// Looks at the file that was replaced, for the last time where that was long enough ago.
    async fn look_back(&mut self, at_once: bool) -> Result<(), Failure> {
        if self.replaced.as_ref().is_some_and(|(_, _, since)| at_once || since.elapsed() >= SAVING_MAX) {
            self.merge_replaced().await?;
            self.replaced = None;
        }
        Ok(())
    }

    /// Merges what somebody saved in the file while it was replaced.
    async fn merge_replaced(&mut self) -> Result<(), Failure> {
        let Some((file, draft, _)) = &mut self.replaced else { return Ok(()) };
        if let Some(text) = read(file.path())?
            && text != draft.text()
        {
            self.notes.merge(draft, &text).await.map_err(denied)?;
            self.is_behind = true;
        }
        Ok(())
    }
}

/// What the file was made from where it has nothing, or all that the document has.
fn empty_or(now: Draft, text: &str) -> Result<Draft, Failure> {
    match text.is_empty() {
        true => Draft::from_bytes(vec![0, 0]).map_err(denied),
        false => Ok(now),
    }
}

/// What a file says; `None` where it is not there.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Failure::Usage(format!(
                "{} is no text in UTF-8. The document is as it was.",
                path.display()
            ))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::Usage(format!("{} cannot be read: {error}.", path.display()))),
    }
}

/// Puts a file with this text in place of another. Returns that under another name; `None` where there was none.
fn swap(path: &Path, text: &str) -> io::Result<Option<NamedTempFile<()>>> {
    let mut new = new_beside(path)?;
    new.write_all(text.as_bytes())?;
    let former = match std::fs::metadata(path) {
        Ok(found) => {
            new.as_file().set_permissions(found.permissions())?;
            let link = |beside: &Path| std::fs::hard_link(path, beside);
            Some(tempfile::Builder::new().prefix(PREFIX).make_in(folder_of(path), link)?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    new.as_file().sync_all()?;
    new.persist(path)?;
    Ok(former)
}
