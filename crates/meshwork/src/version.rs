//! Versions of documents that somebody saved, and titles of documents.

use std::collections::BTreeSet;
use std::future::IntoFuture as _;
use std::time::Duration;

use meshwork_core::id::PeerId;
use meshwork_core::table::Table;
use meshwork_sync::about::{self, LABEL_MAX, TITLE_MAX, VERSION_MAX};
use meshwork_sync::whiteboard::{self, PICTURE_MAX};

use crate::app::{App, check_sizes};
use crate::blobs::{BlobError, BlobId, FetchError};
use crate::document::Document;
use crate::error::{Closed, KeptError, WriteError};
use crate::room::KEPT_MAX;
use crate::runner::{timeout, unless};

/// How long a version that nobody held is not asked for again.
const RETRY: Duration = Duration::from_secs(60);

/// A document as somebody saved it. What it says lies in a blob, which is with who saved it and with members that
/// [keep versions](App::keep_blobs).
#[derive(Clone, Debug)]
pub struct Version {
    document: Document,
    saved: about::Version,
    holders: usize,
}

/// Why a version is not saved, read or deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// Its label has no byte, or too many.
    #[error("a label has 1 to {LABEL_MAX} bytes, and this one has {0}")]
    Label(usize),
    /// The document is longer than a version can be: so many bytes.
    #[error("a version has at most {VERSION_MAX} bytes, and this one has {0}")]
    TooLarge(u64),
    /// Somebody else saved it, who alone can delete it.
    #[error("only who saved a version can delete it")]
    NotMine,
    /// What was saved is no update of Yjs that may be applied, in words.
    #[error("what was saved cannot be read: {0}")]
    Damaged(String),
    /// It cannot be held here.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl Document {
    /// Its title; `None` where it has none, and goes by its name.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn title(&self) -> Result<Option<String>, Closed> {
        let name = self.name.clone();
        self.app.read(move |table| about::title(table, &name).map(str::to_owned)).await
    }

    /// Gives it a title, which everybody may change; its name stays what programs open it by.
    ///
    /// # Errors
    /// [`WriteError`]; the title is as it was. It has at most [`TITLE_MAX`](crate::sync::TITLE_MAX) bytes.
    pub async fn rename(&self, title: &str) -> Result<(), WriteError> {
        check_sizes(&[(self.name.len(), meshwork_sync::NAME_MAX), (title.len(), TITLE_MAX)])?;
        let (name, title) = (self.name.clone(), title.to_owned());
        self.app.write(move |_, _| Ok(about::set_title(&name, Some(&title)))).await
    }

    /// Deletes all that is in the document now, by whomever, its title and its images: it is not among [`App::documents`] until somebody
    /// writes in it, as somebody may have done meanwhile.
    ///
    /// # Errors
    /// [`WriteError`]; some of it may be deleted then.
    pub async fn delete(&self) -> Result<(), WriteError> {
        if let Some(deletion) = self.read(|documents, name| documents.deletion(name)).await? {
            self.say(&deletion).await?;
        }
        let name = self.name.clone();
        let rest = self.app.read(move |table| about::clearing(table, &name)).await?;
        if !rest.is_empty() {
            self.app.write_all(move |_, _| Ok(rest.clone())).await?;
        }
        Ok(())
    }

    /// Saves what the document is now under a label, in place of a version that this peer has under it.
    /// [`Version::kept`] says when this program may leave.
    ///
    /// # Errors
    /// [`VersionError`]; no version was saved.
    pub async fn save_version(&self, label: &str) -> Result<Version, VersionError> {
        if !(1..=LABEL_MAX).contains(&label.len()) {
            return Err(VersionError::Label(label.len()));
        }
        check_sizes(&[(self.name.len(), meshwork_sync::NAME_MAX)])?;
        let whole = self.whole().await?;
        let size = whole.len() as u64;
        if size > VERSION_MAX {
            return Err(VersionError::TooLarge(size));
        }
        let blob = self.app.blobs().offer_bytes(&whole).await?.id();
        let (name, of_label) = (self.name.clone(), label.to_owned());
        self.app.write(move |_, me| Ok(about::save(&name, me.peer, &of_label, blob, size))).await?;
        let me = self.app.room.me().peer;
        let saved = self.versions().await?.into_iter().find(|version| version.is(label, me));
        saved.ok_or(VersionError::Closed(Closed))
    }

    /// The versions that people saved, the latest first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn versions(&self) -> Result<Vec<Version>, Closed> {
        let (name, me) = (self.name.clone(), self.app.room.me().peer);
        let read = move |table: &Table| -> Vec<(about::Version, usize)> {
            let saved = about::versions(table, &name).into_iter();
            saved.map(|saved| (saved.clone(), others_holding(table, &saved, me))).collect()
        };
        let saved = self.app.read(read).await?;
        Ok(saved
            .into_iter()
            .map(|(saved, holders)| Version { document: self.clone(), saved, holders })
            .collect())
    }
}

impl Version {
    /// How it is called.
    pub fn label(&self) -> &str {
        &self.saved.label
    }

    /// Who saved it.
    pub fn author(&self) -> PeerId {
        self.saved.author
    }

    /// When, by the room's time: milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        self.saved.stamp.millis()
    }

    /// How many bytes it has, as its author says.
    pub fn size(&self) -> u64 {
        self.saved.size
    }

    /// How many others that stay said that they hold it, when this was asked for.
    pub fn holders(&self) -> usize {
        self.holders
    }

    /// The update of Yjs that makes the document what it was, for an empty one.
    ///
    /// # Errors
    /// [`VersionError`].
    pub async fn whole(&self) -> Result<Vec<u8>, VersionError> {
        let blob = self.document.app.blobs().fetch(self.saved.blob).at_most(VERSION_MAX).await?;
        let whole = blob.read().await?;
        // Somebody else wrote it: nothing of it reaches a library unread.
        meshwork_sync::document::update::read_long(&whole)
            .map_err(|error| VersionError::Damaged(error.to_string()))?;
        Ok(whole)
    }

    /// Waits until another member that stays holds it, so that this program may leave. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`KeptError::NobodyStays`] after [`KEPT_MAX`].
    pub async fn kept(&self) -> Result<(), KeptError> {
        let (app, me) = (&self.document.app, self.document.app.room.me().peer);
        let kept = async {
            let mut changes = app.watch();
            loop {
                let saved = self.saved.clone();
                if app.read(move |table| others_holding(table, &saved, me)).await? > 0 {
                    return Ok(());
                }
                changes.next().await.ok_or(Closed)?;
            }
        };
        let runner = &*app.room.shared().runner;
        timeout(runner, KEPT_MAX, kept).await.unwrap_or(Err(KeptError::NobodyStays))
    }

    /// Deletes it. Keepers hold it no longer once they hear so.
    ///
    /// # Errors
    /// [`VersionError::NotMine`] for somebody else's; otherwise it is as it was.
    pub async fn delete(&self) -> Result<(), VersionError> {
        let (app, saved) = (&self.document.app, self.saved.clone());
        if saved.author != app.room.me().peer {
            return Err(VersionError::NotMine);
        }
        let blob = saved.blob;
        app.write(move |_, me| Ok(about::delete(&saved.document, me.peer, &saved.label))).await?;
        let is_named = app.read(move |table| names(table, blob)).await?;
        if !is_named {
            app.blobs().free(blob).await?;
        }
        Ok(())
    }

    /// The document of which it is one.
    pub fn document(&self) -> &Document {
        &self.document
    }

    fn is(&self, label: &str, author: PeerId) -> bool {
        self.saved.label == label && self.saved.author == author
    }
}

/// A blob that is held for an app.
#[derive(Clone, Debug)]
struct Wanted {
    /// The document of which it is a version or an image; none for a picture of the whiteboard.
    document: String,
    blob: BlobId,
    /// How long it is, as its author says, and at most.
    size: u64,
    most: u64,
}

impl App {
    /// Holds what people save as versions of documents and put as pictures into documents and on whiteboards, for as long as this
    /// program runs and they are not deleted, and says so: what a program does that stays. Of each author it holds
    /// [`VERSIONS_MAX`](crate::sync::VERSIONS_MAX) versions and as many pictures of either kind, of
    /// [`VERSION_BYTES_MAX`](crate::sync::VERSION_BYTES_MAX) each. Dropping the future stops it; what is held stays held.
    ///
    /// # Errors
    /// [`VersionError`] where what is held cannot be listed or freed, as when the room was left.
    pub async fn keep_blobs(&self) -> Result<(), VersionError> {
        let mut changes = self.watch();
        let mut missing: BTreeSet<BlobId> = BTreeSet::new();
        let runner = &self.room.shared().runner;
        loop {
            let next = self.hold_next(&missing).await?;
            let changed = async { drop(changes.next().await) };
            match next {
                None if missing.is_empty() => changed.await,
                // What nobody held may come with somebody.
                None => {
                    if unless(runner.sleep(RETRY), changed).await.is_none() {
                        missing.clear();
                    }
                }
                Some(wanted) => {
                    let fetch = self.blobs().fetch(wanted.blob).at_most(wanted.most);
                    // What was saved meanwhile comes first.
                    let is_held = match unless(changed, fetch.into_future()).await {
                        Some(Ok(_)) => self.tell_held(&wanted).await?,
                        Some(Err(FetchError::Closed(closed))) => return Err(closed.into()),
                        Some(Err(_)) => false,
                        None => continue,
                    };
                    if !is_held {
                        missing.insert(wanted.blob);
                    }
                }
            }
        }
    }

    /// Frees what nothing needs any more. Returns the next blob that is not held here, and is not among the missing.
    async fn hold_next(&self, missing: &BTreeSet<BlobId>) -> Result<Option<Wanted>, VersionError> {
        let me = self.room.me().peer;
        let (all, told) = self.read(move |table| (wanted(table), about::held_by(table, me))).await?;
        for (document, blob) in told.clone() {
            if !all.iter().any(|wanted| wanted.blob == blob && wanted.document == document) {
                if !all.iter().any(|wanted| wanted.blob == blob) {
                    self.blobs().free(blob).await?;
                }
                self.write(move |_, me| Ok(about::hold(&document, me.peer, blob, false))).await?;
            }
        }
        for wanted in all {
            if missing.contains(&wanted.blob) || wanted.size > wanted.most {
                continue;
            }
            let is_told = told.contains(&(wanted.document.clone(), wanted.blob));
            if !is_told || self.blobs().get(wanted.blob).await?.is_none() {
                return Ok(Some(wanted));
            }
        }
        Ok(None)
    }

    /// Says that a blob is held here. Returns whether it may: who may not write here keeps it all the same.
    async fn tell_held(&self, wanted: &Wanted) -> Result<bool, VersionError> {
        let (document, blob) = (wanted.document.clone(), wanted.blob);
        match self.write(move |_, me| Ok(about::hold(&document, me.peer, blob, true))).await {
            Err(WriteError::Closed(closed)) => Err(closed.into()),
            told => Ok(told.is_ok()),
        }
    }
}

/// How many others say that they hold a version.
fn others_holding(table: &Table, version: &about::Version, me: PeerId) -> usize {
    let holders = about::holders(table, &version.document, version.blob);
    holders.into_iter().filter(|holder| *holder != me).count()
}

/// The blobs that a keeper holds, versions before images and pictures, those saved last first.
fn wanted(table: &Table) -> Vec<Wanted> {
    let versions = about::to_hold(table).into_iter().map(|version| Wanted {
        document: version.document,
        blob: version.blob,
        size: version.size,
        most: VERSION_MAX,
    });
    let pictures = whiteboard::to_hold(table).into_iter().map(|picture| Wanted {
        document: String::new(),
        blob: picture.blob(),
        size: picture.size,
        most: PICTURE_MAX,
    });
    let images = about::images_to_hold(table).into_iter().map(|image| Wanted {
        document: image.document,
        blob: image.blob,
        size: image.size,
        most: PICTURE_MAX,
    });
    versions.chain(images).chain(pictures).collect()
}

/// Whether anything names a blob.
fn names(table: &Table, blob: BlobId) -> bool {
    wanted(table).iter().any(|wanted| wanted.blob == blob)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::Network;

    #[tokio::test(start_paused = true)]
    async fn versions_that_are_no_updates_are_refused() {
        let network = Network::calm(1);
        let room = network.endpoint("Ann").create(crate::sync::room()).await.unwrap();
        let document = room.document("notes");
        let blob = document.app.blobs().offer_bytes(b"no update").await.unwrap().id();
        // As somebody who lies would write it.
        let save = move |_: &Table, me: meshwork_core::id::Endpoint| {
            Ok(about::save("notes", me.peer, "draft", blob, 9))
        };
        document.app.write(save).await.unwrap();
        let version = document.versions().await.unwrap().remove(0);
        let error = version.whole().await.unwrap_err();
        assert!(matches!(error, VersionError::Damaged(_)), "{error}");
    }
}
