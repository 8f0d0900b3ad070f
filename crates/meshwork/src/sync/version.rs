//! Versions of documents that somebody saved, and titles of documents.

use meshwork_core::id::PeerId;
use meshwork_core::table::Table;
use meshwork_sync::about::{self, LABEL_MAX, TITLE_MAX, VERSION_MAX};

use crate::app::check_sizes;
use crate::blobs::{BlobError, FetchError};
use crate::error::{Closed, KeptError, WriteError};
use crate::room::KEPT_MAX;
use crate::runner::timeout;
use crate::sync::document::Document;
use crate::sync::keeping::names;

/// A document as somebody saved it. What it says lies in a blob, which is with who saved it and with members that
/// [keep versions](crate::App::keep_blobs).
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

    /// Deletes all that is in the document now, by whomever, its title and its images: it is not among [`App::documents`](crate::App::documents) until somebody
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

/// How many others say that they hold a version.
fn others_holding(table: &Table, version: &about::Version, me: PeerId) -> usize {
    let holders = about::holders(table, &version.document, version.blob);
    holders.into_iter().filter(|holder| *holder != me).count()
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
