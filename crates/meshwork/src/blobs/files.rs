//! Blobs in a page's own files: a folder for each room, app and blob, and in it a file for each group.
//!
//! A browser writes a file whole or not at all, so what is there was written. `outline` has the blob's outline; `whole` is
//! there once all groups are.

use std::collections::BTreeSet;

use meshwork_core::blobs::{BlobId, Outline};
use meshwork_core::id::RoomId;
use meshwork_core::seam::lane::Slot;
use meshwork_rtc::web::Folder;

use super::store::{Failed, Held, Name, gone, outline_file, outline_in};

/// What the folder of all blobs is called behind the name of the database beside it.
const BLOBS: &str = "blobs";
const OUTLINE: &str = "outline";
const WHOLE: &str = "whole";

/// A page's folder of blobs.
#[derive(Clone)]
pub(crate) struct Files(Folder);

impl Files {
    /// The one that belongs to the database of this name; `None` where the page has no files of its own.
    pub(crate) async fn open(database: &str) -> Option<Files> {
        Some(Files(Folder::of_page().await?.make(&format!("{database}-{BLOBS}")).await.ok()?))
    }

    async fn app(&self, room: RoomId, slot: Slot) -> Result<Option<Folder>, Failed> {
        match self.0.find(&room.to_string()).await? {
            Some(room) => room.find(&slot.number().to_string()).await,
            None => Ok(None),
        }
    }

    async fn blob(&self, name: Name) -> Result<Option<Folder>, Failed> {
        match self.app(name.room, name.slot).await? {
            Some(app) => app.find(&name.blob.to_string()).await,
            None => Ok(None),
        }
    }

    pub(super) async fn look(&self, name: Name) -> Result<Option<Held>, Failed> {
        let Some(folder) = self.blob(name).await? else { return Ok(None) };
        let Some(outline) = read_outline(&folder, name.blob).await? else { return Ok(None) };
        let names = folder.names().await?;
        if names.iter().any(|name| name == WHOLE) {
            return Ok(Some(Held::Whole(outline)));
        }
        let groups: BTreeSet<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        Ok(Some(Held::Part(outline, groups)))
    }

    pub(super) async fn whole(&self, name: Name) -> Result<Option<Outline>, Failed> {
        Ok(match self.look(name).await? {
            Some(Held::Whole(outline)) => Some(outline),
            _ => None,
        })
    }

    pub(super) async fn list(&self, room: RoomId, slot: Slot) -> Result<Vec<(BlobId, u64)>, Failed> {
        let Some(app) = self.app(room, slot).await? else { return Ok(Vec::new()) };
        let mut blobs = Vec::new();
        for blob in app.names().await?.iter().filter_map(|name| name.parse().ok()) {
            if let Some(Held::Whole(outline)) = self.look(Name { room, slot, blob }).await? {
                blobs.push((blob, outline.size()));
            }
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    pub(super) async fn begin(&self, name: Name, outline: Outline) -> Result<(), Failed> {
        let app = self.0.make(&name.room.to_string()).await?.make(&name.slot.number().to_string()).await?;
        let blob = name.blob.to_string();
        let known = match app.find(&blob).await? {
            Some(folder) => read_outline(&folder, name.blob).await?,
            None => None,
        };
        if known.is_none_or(|known| known.groups() != outline.groups()) {
            app.remove(&blob).await?;
        }
        let folder = app.make(&blob).await?;
        folder.write(OUTLINE, &outline_file(&outline)).await
    }

    pub(super) async fn write(&self, name: Name, group: u32, bytes: Vec<u8>) -> Result<(), Failed> {
        let folder = self.blob(name).await?.ok_or_else(gone)?;
        folder.write(&group.to_string(), &bytes).await
    }

    pub(super) async fn end(&self, name: Name) -> Result<Outline, Failed> {
        let folder = self.blob(name).await?.ok_or_else(gone)?;
        let outline = read_outline(&folder, name.blob).await?.ok_or_else(gone)?;
        folder.write(WHOLE, &[]).await?;
        Ok(outline)
    }

    pub(super) async fn read(&self, name: Name, group: u32) -> Result<Vec<u8>, Failed> {
        let folder = self.blob(name).await?.ok_or_else(gone)?;
        folder.read(&group.to_string()).await?.ok_or_else(gone)
    }

    pub(super) async fn free(&self, name: Name) -> Result<(), Failed> {
        match self.app(name.room, name.slot).await? {
            Some(app) => app.remove(&name.blob.to_string()).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn free_room(&self, room: RoomId) -> Result<(), Failed> {
        self.0.remove(&room.to_string()).await
    }
}

async fn read_outline(folder: &Folder, blob: BlobId) -> Result<Option<Outline>, Failed> {
    Ok(folder.read(OUTLINE).await?.and_then(|bytes| outline_in(blob, &bytes)))
}
