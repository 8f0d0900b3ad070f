//! Blobs of the room that this page holds: bytes that their hash names, in files of the page's own or else in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use leptos::task::spawn_local;
use meshwork_core::blobs::{BlobId, Blobs, GROUP, Outline, Work};
use meshwork_core::id::RoomId;
use meshwork_core::node::Node;
use meshwork_core::seam::lane::Slot;
use meshwork_core::time::Time;
use meshwork_rtc::web::{Folder, PAGES_DATABASE};
use meshwork_web::texts;

use super::browser;
use super::session::Session;

/// How often it is looked whether a blob has come, and how long one is waited for that nobody holds.
const LOOK: Duration = Duration::from_millis(250);
const HOLDER_WAIT: Duration = Duration::from_secs(30);

/// The folder of all blobs, with one for each room.
async fn folder() -> Option<Folder> {
    Folder::of_page().await?.make(&format!("{PAGES_DATABASE}-blobs")).await.ok()
}

/// Removes the blobs of a room.
pub(crate) fn forget(room: RoomId) {
    spawn_local(remove(room));
}

async fn remove(room: RoomId) {
    if let Some(folder) = folder().await {
        // What stays is removed with the next shelf that is opened.
        let _ = folder.remove(&room.to_string()).await;
    }
}

/// Removes what is left of rooms that the browser does not keep: it may have forgotten them for others.
async fn forget_strangers(session: Session, room: RoomId, folder: &Folder) {
    let (Some(kept), Ok(held)) = (session.visited.kept_ids().await, folder.names().await) else { return };
    for name in held {
        if name != room.to_string() && kept.iter().all(|kept| name != kept.to_string()) {
            let _ = folder.remove(&name).await;
        }
    }
}

/// The blobs of one room.
pub(crate) struct Shelf {
    session: Session,
    /// The app whose blobs these are.
    slot: Slot,
    /// A file for each blob; none where the browser has no files for pages.
    folder: Option<Folder>,
    memory: RefCell<BTreeMap<BlobId, Vec<u8>>>,
    /// What came so far of blobs that are being fetched.
    coming: RefCell<BTreeMap<BlobId, BTreeMap<u32, Vec<u8>>>>,
    /// Whether somebody carries out what the node wants: that is done in its order.
    is_busy: Cell<bool>,
}

impl Shelf {
    /// The shelf of a room for the app in a slot, once the room is open.
    pub(crate) async fn open(session: Session, room: RoomId, slot: Slot) -> Shelf {
        let folder = match folder().await {
            Some(folder) => {
                forget_strangers(session, room, &folder).await;
                folder.make(&room.to_string()).await.ok()
            }
            None => None,
        };
        Shelf {
            session,
            slot,
            folder,
            memory: RefCell::default(),
            coming: RefCell::default(),
            is_busy: Cell::new(false),
        }
    }

    /// The bytes of a blob that is held here.
    async fn get(&self, blob: BlobId) -> Option<Vec<u8>> {
        if let Some(bytes) = self.memory.borrow().get(&blob) {
            return Some(bytes.clone());
        }
        let bytes = self.folder.as_ref()?.read(&blob.to_string()).await.ok()??;
        // A file that is damaged is none.
        (Outline::of(&bytes).id() == blob).then_some(bytes)
    }

    /// Holds these bytes from now on.
    pub(crate) async fn put(&self, bytes: Vec<u8>) -> BlobId {
        let outline = Outline::of(&bytes);
        let blob = outline.id();
        let is_filed = match &self.folder {
            Some(folder) => folder.write(&blob.to_string(), &bytes).await.is_ok(),
            None => false,
        };
        if !is_filed {
            self.memory.borrow_mut().insert(blob, bytes);
        }
        self.tell(|blobs, _| blobs.looked(self.slot, blob, Some(outline)));
        blob
    }

    /// Holds a blob no longer.
    pub(crate) async fn free(&self, blob: BlobId) {
        self.tell(|blobs, _| blobs.forget(self.slot, blob));
        self.memory.borrow_mut().remove(&blob);
        if let Some(folder) = &self.folder {
            // What stays is freed with its room.
            let _ = folder.remove(&blob.to_string()).await;
        }
    }

    /// A blob of at most so many bytes, from here or from whoever holds it.
    ///
    /// # Errors
    /// In words, why it does not come.
    pub(crate) async fn fetch(&self, blob: BlobId, size_max: u64) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.get(blob).await {
            return Ok(bytes);
        }
        let begun = self.tell(|blobs, now| blobs.fetch(now, self.slot, blob, size_max, None));
        begun.ok_or(texts::notices::ROOM_NOT_OPEN)?.map_err(|error| error.to_string())?;
        let mut waited = Duration::ZERO;
        while waited < HOLDER_WAIT {
            browser::pause(LOOK).await;
            if let Some(bytes) = self.get(blob).await {
                return Ok(bytes);
            }
            let view =
                self.session.node.with_room(|node, _, room| node.room(room).blob(self.slot, blob)).flatten();
            let is_held = view.is_some_and(|view| view.holders > 0);
            waited = if is_held { Duration::ZERO } else { waited + LOOK };
        }
        self.tell(|blobs, _| blobs.cancel(self.slot, blob));
        self.coming.borrow_mut().remove(&blob);
        Err(texts::notices::NOBODY_HOLDS.to_owned())
    }

    /// Does what the node wants done about blobs.
    pub(crate) async fn carry_out(&self) {
        if self.is_busy.replace(true) {
            return;
        }
        loop {
            let work = self.tell(|blobs, _| blobs.take_work()).unwrap_or_default();
            if work.is_empty() {
                break;
            }
            for work in work {
                self.one(work).await;
            }
        }
        self.is_busy.set(false);
    }

    async fn one(&self, work: Work) {
        match work {
            Work::Look { slot, blob } => {
                let held = if slot == self.slot { self.get(blob).await } else { None };
                let outline = held.map(|bytes| Outline::of(&bytes));
                self.tell(|blobs, _| blobs.looked(slot, blob, outline));
            }
            Work::Read { slot, blob, group } => {
                let held = if slot == self.slot { self.get(blob).await } else { None };
                let bytes =
                    held.and_then(|bytes| bytes.chunks(GROUP).nth(group as usize).map(<[u8]>::to_vec));
                self.tell(|blobs, _| blobs.read(slot, blob, group, bytes));
            }
            Work::Begin { outline, .. } => {
                self.coming.borrow_mut().insert(outline.id(), BTreeMap::new());
            }
            Work::Write { slot, blob, group, bytes } => {
                if let Some(groups) = self.coming.borrow_mut().get_mut(&blob) {
                    groups.insert(group, bytes);
                }
                self.tell(|blobs, now| blobs.written(now, slot, blob, group));
            }
            Work::End { blob, .. } => {
                let groups = self.coming.borrow_mut().remove(&blob).unwrap_or_default();
                self.put(groups.into_values().flatten().collect()).await;
            }
        }
    }

    fn tell<R>(&self, tell: impl FnOnce(&mut Blobs, Time) -> R) -> Option<R> {
        self.session
            .node
            .with_room(|node: &mut Node, now, room| node.room_mut(now, room).blobs(tell))
            .flatten()
    }
}
