//! `sync text --watch`: a file and a document in step, so that any editor takes part.
//!
//! # How it works
//! The file is looked at ten times a second. What somebody saved there is merged into the document, by what the file was
//! when it and the document last said the same. What others write replaces the file as a whole. The file that was
//! replaced is looked at once more, and again a second later: who saved it at that moment loses nothing.
//!
//! A file that is being saved may be missing, cut short or no text for a moment: it is waited for, and never ends the command. An
//! insertion that the room refuses for good stays in the file alone, and everything else goes on.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use meshwork::sync::plain::{self, Form};
use meshwork::{Closed, Document, Draft, Room, WriteError};
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
use crate::style;

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
    /// What the file said when it was looked at last, and since when.
    seen: Look,
    since: Instant,
    /// How the file is written.
    form: Form,
    /// What the file said of which something was refused for good.
    refused: Option<String>,
    /// Whether the document may say something that the file does not.
    is_behind: bool,
    /// The file that was replaced last.
    replaced: Option<Replaced>,
    /// What was told of the file last, in words.
    told: Option<String>,
    json: bool,
}

/// What is seen of a file.
#[derive(Clone, PartialEq, Eq)]
enum Look {
    Missing,
    /// What it says, with LF at the end of each line.
    Text(String),
    /// Why nobody can say what it says.
    Unreadable(String),
}

/// A file that was replaced.
struct Replaced {
    file: NamedTempFile<()>,
    /// What it was made from.
    draft: Draft,
    /// What it said.
    text: Option<String>,
    /// Why something that was saved there since has come nowhere else.
    refused: Option<String>,
    since: Instant,
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
    let json = target.common.json;
    let mut followed = Followed::begin(notes, whole_path(file)?, drafts.read()?, json).await?;
    // What is kept there is not what the file is made from any more, should this program be killed.
    drafts.forget()?;
    attempt.stay();
    let ready =
        json!({ "event": "ready", "name": followed.notes.name(), "file": file.display().to_string() });
    let words = format!("{} and the document are synchronised. Stop with Ctrl-C.", file.display());
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
    async fn begin(
        notes: Document,
        path: PathBuf,
        made_from: Option<Draft>,
        json: bool,
    ) -> Result<Followed, Failure> {
        let (now, (seen, form)) = (notes.draft().await.map_err(denied)?, read(&path));
        let draft = match (&seen, made_from) {
            (Look::Unreadable(words), _) => return Err(Failure::Usage(words.clone())),
            (Look::Text(text), _) if text.is_empty() || *text == plain::unified(now.text()) => {
                empty_or(now, text)?
            }
            (Look::Text(_), Some(draft)) => draft,
            (Look::Text(_), None) if !now.text().is_empty() => {
                return Err(Failure::Usage(format!(
                    "{0} and the document say different things, and it is not known since when. Take the document with \
                     --out, or make it read as the file with --in, and begin again.",
                    path.display()
                )));
            }
            _ => now,
        };
        // A file that is not there yet is written at once.
        let now = Instant::now();
        let long_ago = now.checked_sub(SAVING_MAX).filter(|_| seen == Look::Missing);
        Ok(Followed {
            notes,
            path,
            draft,
            seen,
            since: long_ago.unwrap_or(now),
            form,
            refused: None,
            is_behind: true,
            replaced: None,
            told: None,
            json,
        })
    }

    /// Takes into the document what was saved in the file, and into the file what was written in the document. Returns
    /// whether the file was replaced.
    async fn step(&mut self) -> Result<bool, Failure> {
        self.look_back(false).await?;
        let (now, form) = read(&self.path);
        if now != self.seen {
            // Somebody is writing it.
            (self.seen, self.since) = (now, Instant::now());
            return Ok(false);
        }
        if self.may_be_half() && self.since.elapsed() < SAVING_MAX {
            return Ok(false);
        }
        match &now {
            Look::Text(text) => {
                self.form = form;
                self.told = self.told.take().filter(|_| self.refused.is_some());
                self.take(text.clone()).await?;
            }
            Look::Missing => self.is_behind = true,
            // What somebody has there is not replaced.
            Look::Unreadable(words) => {
                self.tell(words.clone())?;
                return Ok(false);
            }
        }
        if self.is_behind {
            let draft = self.notes.draft().await.map_err(denied)?;
            self.is_behind = false;
            let wanted = match (&now, &self.refused) {
                // What was refused stays in the file.
                (Look::Text(text), Some(_)) => {
                    self.notes.merged_text(&self.draft, text).await.map_err(denied)?
                }
                _ => draft.text().to_owned(),
            };
            if now != Look::Text(plain::unified(&wanted).into_owned()) {
                self.put(draft, &wanted).await?;
                return Ok(true);
            }
            self.draft = draft;
        }
        Ok(false)
    }

    /// Whether what was seen last may be half of what somebody is saving: nothing, the beginning of what was there, or no text. Some
    /// editors remove the file before they put the new one in its place, others write into it from its beginning.
    fn may_be_half(&self) -> bool {
        match &self.seen {
            Look::Text(text) => {
                let before = plain::unified(self.draft.text());
                text.len() < before.len() && before.starts_with(text)
            }
            Look::Missing | Look::Unreadable(_) => true,
        }
    }

    /// Takes into the document what the file says.
    async fn take(&mut self, text: String) -> Result<(), Failure> {
        if text == plain::unified(self.draft.text()) {
            self.refused = None;
            return Ok(());
        }
        if self.refused.as_ref() == Some(&text) {
            return Ok(());
        }
        let why = left_out(self.notes.merge_what_fits(&mut self.draft, &text).await)?;
        self.is_behind = true;
        self.refused = why.as_ref().map(|_| text);
        if let Some(why) = why {
            let file = self.path.display();
            self.tell(format!("A change in {file} was refused and stays in the file: {why}."))?;
        }
        Ok(())
    }

    /// Says what became of the file, once.
    fn tell(&mut self, words: String) -> Result<(), Failure> {
        if self.told.as_ref() == Some(&words) {
            return Ok(());
        }
        if self.json {
            out::json(&json!({ "event": "refused", "reason": words }))?;
        } else {
            style::note(words.clone());
        }
        self.told = Some(words);
        Ok(())
    }

    /// Replaces the file by what the document says, with what was refused.
    async fn put(&mut self, draft: Draft, wanted: &str) -> Result<(), Failure> {
        self.look_back(true).await?;
        let replaced = swap(&self.path, &plain::written(wanted, self.form))
            .with_context(|| format!("{} cannot be replaced", self.path.display()))?;
        let wanted = plain::unified(wanted).into_owned();
        self.refused = self.refused.take().map(|_| wanted.clone());
        let was = match std::mem::replace(&mut self.seen, Look::Text(wanted)) {
            Look::Text(text) => Some(text),
            Look::Missing | Look::Unreadable(_) => None,
        };
        let former = std::mem::replace(&mut self.draft, draft);
        let since = Instant::now();
        self.replaced =
            replaced.map(|file| Replaced { file, draft: former, text: was, refused: None, since });
        self.merge_replaced().await
    }

    /// Looks at the file that was replaced, for the last time where that was long enough ago.
    async fn look_back(&mut self, at_once: bool) -> Result<(), Failure> {
        let is_last = |replaced: &Replaced| at_once || replaced.since.elapsed() >= SAVING_MAX;
        if !self.replaced.as_ref().is_some_and(is_last) {
            return Ok(());
        }
        self.merge_replaced().await?;
        let Some(Replaced { file, refused, .. }) = self.replaced.take() else { return Ok(()) };
        let unreadable = match read(file.path()) {
            (Look::Unreadable(words), _) => Some(words),
            _ => None,
        };
        if let Some(words) = refused.or(unreadable)
            && let Ok((_, kept)) = file.keep()
        {
            self.tell(format!("{words} It is kept as {}.", kept.display()))?;
        }
        Ok(())
    }

    /// Merges what somebody saved in the file while it was replaced.
    async fn merge_replaced(&mut self) -> Result<(), Failure> {
        let Some(Replaced { file, draft, text: was, refused, .. }) = &mut self.replaced else {
            return Ok(());
        };
        if let (Look::Text(text), _) = read(file.path())
            && was.as_ref() != Some(&text)
        {
            let why = left_out(self.notes.merge_what_fits(draft, &text).await)?;
            *refused = why.map(|why| format!("A saved change was refused: {why}."));
            *was = Some(text);
            self.is_behind = true;
        }
        Ok(())
    }
}

/// Why something was left out of a merge, for good; `None` where nothing was.
fn left_out(merged: Result<Option<WriteError>, WriteError>) -> Result<Option<WriteError>, Failure> {
    match merged {
        Err(error) if error.is_final() && !matches!(error, WriteError::Invalid(_)) => Ok(Some(error)),
        merged => merged.map_err(denied),
    }
}

/// What the file was made from where it has nothing, or all that the document has.
fn empty_or(now: Draft, text: &str) -> Result<Draft, Failure> {
    match text.is_empty() {
        true => Draft::from_bytes(vec![0, 0]).map_err(denied),
        false => Ok(now),
    }
}

/// What a file says, and how it is written.
fn read(path: &Path) -> (Look, Form) {
    let unreadable = |words: String| (Look::Unreadable(words), Form::default());
    match std::fs::read(path) {
        Ok(bytes) => match plain::read(&bytes) {
            Ok((text, form)) => (Look::Text(text), form),
            Err(error) => {
                unreadable(format!("{} is not a text: {error}. The document is unchanged.", path.display()))
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => (Look::Missing, Form::default()),
        Err(error) => unreadable(format!("{} cannot be read: {error}.", path.display())),
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
