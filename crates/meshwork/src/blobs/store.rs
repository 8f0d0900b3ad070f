//! Where the bytes of blobs lie: in memory, in a folder, or in a page's own files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use meshwork_core::blobs::{BlobId, GROUP, GroupValue, Outline, group_count};
use meshwork_core::id::RoomId;
use meshwork_core::seam::lane::Slot;

#[cfg(not(target_arch = "wasm32"))]
use super::disk::Disk;
#[cfg(target_arch = "wasm32")]
use super::files::Page;

/// Bytes of blobs that an endpoint without a [`Store`](crate::Store) keeps, in memory.
pub const MEMORY_MAX: u64 = 256 * 1024 * 1024;

/// A blob, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) room: RoomId,
    pub(crate) slot: Slot,
    pub(crate) blob: BlobId,
}

/// How much of a blob lies here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Whole(Outline),
    /// These groups, which were checked.
    Part(Outline, BTreeSet<u32>),
}

/// What went wrong with a disk or a page's storage, in words.
pub(crate) type Failed = String;

/// Where they lie.
pub(crate) enum BlobStore {
    Memory(Memory),
    #[cfg(not(target_arch = "wasm32"))]
    Disk(Disk),
    #[cfg(target_arch = "wasm32")]
    Page(Page),
}

/// Does something in whichever store it is.
macro_rules! in_store {
    ($store:expr, $memory:ident => $in_memory:expr, $other:ident => $in_other:expr) => {
        match $store {
            BlobStore::Memory($memory) => $in_memory,
            #[cfg(not(target_arch = "wasm32"))]
            BlobStore::Disk($other) => $in_other.await,
            #[cfg(target_arch = "wasm32")]
            BlobStore::Page(page) => match page.files().await {
                Ok($other) => $in_other.await,
                Err($memory) => $in_memory,
            },
        }
    };
}

impl BlobStore {
    /// How much of a blob lies here.
    pub(crate) async fn look(&self, name: Name) -> Result<Option<Held>, Failed> {
        in_store!(self, memory => Ok(memory.look(&name)), other => other.look(name))
    }

    /// The outline of a blob that lies here whole. It reads no more than that, whoever asks.
    pub(crate) async fn whole(&self, name: Name) -> Result<Option<Outline>, Failed> {
        in_store!(self, memory => Ok(memory.whole(&name)), other => other.whole(name))
    }

    /// The blobs of an app of a room that lie here whole, with their lengths.
    pub(crate) async fn list(&self, room: RoomId, slot: Slot) -> Result<Vec<(BlobId, u64)>, Failed> {
        in_store!(self, memory => Ok(memory.list(room, slot)), other => other.list(room, slot))
    }

    /// Groups of this blob are going to be written. Those that are there stay if it has as many as before.
    pub(crate) async fn begin(&self, name: Name, outline: Outline) -> Result<(), Failed> {
        in_store!(self, memory => memory.begin(name, outline), other => other.begin(name, outline))
    }

    /// Writes a group, once it was [begun](BlobStore::begin).
    pub(crate) async fn write(&self, name: Name, group: u32, bytes: Vec<u8>) -> Result<(), Failed> {
        in_store!(self, memory => memory.write(&name, group, bytes), other => other.write(name, group, bytes))
    }

    /// All groups are written: it lies here whole from now on, whatever happens. Returns its outline.
    pub(crate) async fn end(&self, name: Name) -> Result<Outline, Failed> {
        in_store!(self, memory => memory.end(&name), other => other.end(name))
    }

    /// Reads a group of a blob that lies here whole.
    pub(crate) async fn read(&self, name: Name, group: u32) -> Result<Vec<u8>, Failed> {
        in_store!(self, memory => memory.read(&name, group), other => other.read(name, group))
    }

    /// Removes a blob, whole or not.
    pub(crate) async fn free(&self, name: Name) -> Result<(), Failed> {
        in_store!(self, memory => { memory.free(&name); Ok(()) }, other => other.free(name))
    }

    /// Removes all blobs of a room.
    pub(crate) async fn free_room(&self, room: RoomId) -> Result<(), Failed> {
        in_store!(self, memory => { memory.free_room(room); Ok(()) }, other => other.free_room(room))
    }

    /// A room was left: what lies in memory is gone with it.
    pub(crate) fn leave(&self, room: RoomId) {
        match self {
            BlobStore::Memory(memory) => memory.free_room(room),
            #[cfg(not(target_arch = "wasm32"))]
            BlobStore::Disk(_) => {}
            #[cfg(target_arch = "wasm32")]
            BlobStore::Page(page) => page.memory().free_room(room),
        }
    }

    /// Keeps bytes at hand as a whole blob.
    pub(crate) async fn put(&self, name: Name, outline: Outline, bytes: &[u8]) -> Result<(), Failed> {
        if self.whole(name).await?.is_some() {
            return Ok(());
        }
        #[cfg(target_arch = "wasm32")]
        if let BlobStore::Page(page) = self
            && let Ok(files) = page.files().await
        {
            page.note_offer(name.room);
            return files.put(name, outline, bytes).await;
        }
        self.begin(name, outline).await?;
        for (group, bytes) in groups_of(bytes) {
            self.write(name, group, bytes.to_vec()).await?;
        }
        self.end(name).await.map(|_| ())
    }
}

/// The groups of these bytes. An empty blob has one, of which no chunk comes.
fn groups_of(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (0..).zip(bytes.chunks(GROUP).chain(bytes.is_empty().then_some(bytes)))
}

/// Blobs in memory, in at most [`MEMORY_MAX`] bytes.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<Name, InMemory>>);

struct InMemory {
    outline: Outline,
    groups: BTreeMap<u32, Vec<u8>>,
    is_whole: bool,
}

impl Memory {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<Name, InMemory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, name: &Name) -> Option<Held> {
        let blobs = self.blobs();
        let InMemory { outline, groups, is_whole } = blobs.get(name)?;
        Some(match is_whole {
            true => Held::Whole(outline.clone()),
            false => Held::Part(outline.clone(), groups.keys().copied().collect()),
        })
    }

    fn whole(&self, name: &Name) -> Option<Outline> {
        self.blobs().get(name).filter(|blob| blob.is_whole).map(|blob| blob.outline.clone())
    }

    fn list(&self, room: RoomId, slot: Slot) -> Vec<(BlobId, u64)> {
        let blobs = self.blobs();
        let of_app =
            blobs.iter().filter(|(name, blob)| (name.room, name.slot) == (room, slot) && blob.is_whole);
        of_app.map(|(name, blob)| (name.blob, blob.outline.size())).collect()
    }

    fn begin(&self, name: Name, outline: Outline) -> Result<(), Failed> {
        let mut blobs = self.blobs();
        // What is to be fetched takes its place from the beginning on.
        let others = blobs.iter().filter(|(other, _)| **other != name);
        let taken: u64 = others.map(|(_, blob)| blob.outline.size()).sum();
        if taken + outline.size() > MEMORY_MAX {
            return Err(format!(
                "{} bytes are more than an endpoint without a store still has room for: it keeps {MEMORY_MAX} of blobs",
                outline.size()
            ));
        }
        let groups = match blobs.remove(&name) {
            Some(known) if known.outline.groups() == outline.groups() => known.groups,
            _ => BTreeMap::new(),
        };
        blobs.insert(name, InMemory { outline, groups, is_whole: false });
        Ok(())
    }

    fn write(&self, name: &Name, group: u32, bytes: Vec<u8>) -> Result<(), Failed> {
        let mut blobs = self.blobs();
        let blob = blobs.get_mut(name).ok_or_else(gone)?;
        blob.groups.insert(group, bytes);
        Ok(())
    }

    fn end(&self, name: &Name) -> Result<Outline, Failed> {
        let mut blobs = self.blobs();
        let blob = blobs.get_mut(name).ok_or_else(gone)?;
        blob.is_whole = blob.groups.len() == group_count(blob.outline.size()) as usize;
        if blob.is_whole { Ok(blob.outline.clone()) } else { Err(gone()) }
    }

    fn read(&self, name: &Name, group: u32) -> Result<Vec<u8>, Failed> {
        self.blobs().get(name).and_then(|blob| blob.groups.get(&group).cloned()).ok_or_else(gone)
    }

    fn free(&self, name: &Name) {
        self.blobs().remove(name);
    }

    pub(super) fn free_room(&self, room: RoomId) {
        self.blobs().retain(|name, _| name.room != room);
    }
}

/// The bytes of an outline's file: the blob's length (8 bytes, least first) and its values.
pub(super) fn outline_file(outline: &Outline) -> Vec<u8> {
    let mut bytes = outline.size().to_le_bytes().to_vec();
    bytes.extend_from_slice(outline.values().as_flattened());
    bytes
}

/// The outline that a file has; `None` where it was cut off.
pub(super) fn outline_in(blob: BlobId, bytes: &[u8]) -> Option<Outline> {
    let (size, values) = bytes.split_first_chunk::<8>()?;
    let (values, _) = values.as_chunks::<{ size_of::<GroupValue>() }>();
    Outline::new(blob, u64::from_le_bytes(*size), values.to_vec()).ok()
}

/// What was to be read or written is not there any more.
pub(super) fn gone() -> Failed {
    String::from("the blob was freed meanwhile")
}
