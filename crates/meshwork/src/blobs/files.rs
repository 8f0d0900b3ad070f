//! Blobs in a page's own files: a folder for each room, app and blob, and in it a file for each group.
//!
//! A browser writes a file whole or not at all, so what is there was written. `outline` has the blob's outline; `whole` is
//! there once all groups are. A blob that an app offers is in `whole` itself, without files of its groups: a browser takes some 50 ms
//! for a file. Pages of 0.2 had one file for each blob in the folder of its room: its bytes move when an app looks
//! for them.

use std::collections::BTreeSet;
use std::rc::{Rc, Weak};

use meshwork_core::blobs::{BlobId, GROUP, Outline};
use meshwork_core::id::RoomId;
use meshwork_core::seam::lane::Slot;
use meshwork_rtc::web::{Driver, Folder};
use tokio::sync::OnceCell;

use super::store::{BlobStore, Failed, Held, Memory, Name, gone, outline_file, outline_in};

/// What the folder of all blobs is called behind the name of the database beside it.
const BLOBS: &str = "blobs";
const OUTLINE: &str = "outline";
const WHOLE: &str = "whole";

/// The blobs of a page: in files, or in memory if the page has no files of its own. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Page(Rc<Inner>);

struct Inner {
    database: String,
    driver: Driver,
    memory: Memory,
    files: OnceCell<Option<Files>>,
}

impl Page {
    /// Blobs beside the database of this name, which `driver` has. The first look for a blob makes the folder.
    pub(crate) fn new(database: String, driver: Driver) -> Page {
        Page(Rc::new(Inner { database, driver, memory: Memory::default(), files: OnceCell::new() }))
    }

    /// The files, or the memory in their place.
    pub(super) async fn files(&self) -> Result<&Files, &Memory> {
        let files = self.0.files.get_or_init(|| Files::open(&self.0.database, &self.0.driver)).await;
        files.as_ref().ok_or(&self.0.memory)
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// A blob of a room lies here that nobody else may have: the browser keeps the room.
    pub(super) fn note_offer(&self, room: RoomId) {
        self.0.driver.note_blob(room);
    }

    /// Removes the blobs of a room. It is for the driver, so it does not keep the page, which has the driver.
    pub(crate) fn forgets(&self) -> impl Fn(RoomId) + 'static {
        let page: Weak<Inner> = Rc::downgrade(&self.0);
        move |room| {
            if let Some(page) = page.upgrade() {
                // Files that cannot be removed now are removed when the store is opened next.
                let free = async move { drop(BlobStore::Page(Page(page)).free_room(room).await) };
                wasm_bindgen_futures::spawn_local(free);
            }
        }
    }
}

/// A page's folder of blobs.
pub(crate) struct Files(Folder);

impl Files {
    /// The one that belongs to the database of this name; `None` where the page has no files of its own.
    async fn open(database: &str, driver: &Driver) -> Option<Files> {
        let files = Files(Folder::of_page().await?.make(&format!("{database}-{BLOBS}")).await.ok()?);
        files.forget_strangers(driver).await;
        Some(files)
    }

    /// Removes the blobs of rooms that the browser does not keep: other pages may have forgotten them.
    async fn forget_strangers(&self, driver: &Driver) {
        let (Ok(held), Ok(kept)) = (self.0.names().await, driver.rooms().await) else { return };
        for name in held {
            if kept.iter().all(|(room, ..)| name != room.to_string()) {
                // The next page that opens them removes the others.
                let _ = self.0.remove(&name).await;
            }
        }
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
        if let Some(outline) = self.whole(name).await? {
            return Ok(Some(Held::Whole(outline)));
        }
        let Some(folder) = self.blob(name).await? else { return Ok(None) };
        let Some(outline) = read_outline(&folder, name.blob).await? else { return Ok(None) };
        let groups: BTreeSet<u32> =
            folder.names().await?.iter().filter_map(|name| name.parse().ok()).collect();
        Ok(Some(Held::Part(outline, groups)))
    }

    pub(super) async fn whole(&self, name: Name) -> Result<Option<Outline>, Failed> {
        let Some(folder) = self.blob(name).await? else { return self.take_over(name).await };
        if folder.has(WHOLE).await? { read_outline(&folder, name.blob).await } else { Ok(None) }
    }

    /// Takes over the one file of a blob that a page of 0.2 left in the folder of the room.
    async fn take_over(&self, name: Name) -> Result<Option<Outline>, Failed> {
        let Some(room) = self.0.find(&name.room.to_string()).await? else { return Ok(None) };
        let file = name.blob.to_string();
        let Some(bytes) = room.read(&file).await? else { return Ok(None) };
        let outline = Outline::of(&bytes);
        if outline.id() != name.blob {
            return Ok(None);
        }
        self.put(name, outline.clone(), &bytes).await?;
        room.remove(&file).await?;
        Ok(Some(outline))
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

    /// Writes all of a blob at once.
    pub(super) async fn put(&self, name: Name, outline: Outline, bytes: &[u8]) -> Result<(), Failed> {
        self.begin(name, outline).await?;
        self.blob(name).await?.ok_or_else(gone)?.write(WHOLE, bytes).await
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
        if let Some(bytes) = folder.read(&group.to_string()).await? {
            return Ok(bytes);
        }
        let start = u64::from(group) * GROUP as u64;
        let bytes = folder.read_part(WHOLE, start, GROUP as u64).await?.ok_or_else(gone)?;
        // The file of groups of their own is empty, as that of an empty blob is.
        let is_there = !bytes.is_empty()
            || read_outline(&folder, name.blob).await?.is_some_and(|outline| outline.size() == 0);
        if is_there { Ok(bytes) } else { Err(gone()) }
    }

    pub(super) async fn free(&self, name: Name) -> Result<(), Failed> {
        match self.app(name.room, name.slot).await? {
            Some(app) => app.remove(&name.blob.to_string()).await,
            None => Ok(()),
        }
    }

    pub(super) async fn free_room(&self, room: RoomId) -> Result<(), Failed> {
        self.0.remove(&room.to_string()).await
    }
}

async fn read_outline(folder: &Folder, blob: BlobId) -> Result<Option<Outline>, Failed> {
    Ok(folder.read(OUTLINE).await?.and_then(|bytes| outline_in(blob, &bytes)))
}
