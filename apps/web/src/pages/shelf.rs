//! Blobs of the room that this page holds: bytes that their hash names, in files of the page's own or else in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
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

/// The groups of a blob, by their numbers.
type Groups = BTreeMap<u32, Vec<u8>>;

/// The blobs of one room, whichever apps they belong to.
pub(crate) struct RoomShelf {
    session: Session,
    room: RoomId,
    /// A file for each blob; none where the browser has no files for pages.
    folder: Option<Folder>,
    memory: RefCell<BTreeMap<BlobId, Vec<u8>>>,
    /// The groups of blobs that are being fetched.
    coming: RefCell<BTreeMap<(Slot, BlobId), Groups>>,
    /// Whether somebody carries out what the node wants: that is done in its order.
    is_busy: Cell<bool>,
}

/// The blobs of one app in a room. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Shelf {
    room: Rc<RoomShelf>,
    slot: Slot,
}

impl Session {
    /// The blobs of the app in this slot; `None` while the page shows no open room.
    pub(crate) async fn shelf(self, slot: Slot) -> Option<Shelf> {
        Some(Shelf { room: self.room_shelf().await?, slot })
    }

    async fn room_shelf(self) -> Option<Rc<RoomShelf>> {
        let room = self.node.room_id()?;
        let kept = |shelf: Option<Rc<RoomShelf>>| shelf.filter(|shelf| shelf.room == room);
        if let Some(shelf) = kept(self.shelf.get_value()) {
            return Some(shelf);
        }
        let opened = Rc::new(RoomShelf::open(self, room).await);
        // Another task may have opened it meanwhile.
        self.shelf.try_update_value(|shelf| match kept(shelf.clone()) {
            Some(kept) => kept,
            None => shelf.insert(opened).clone(),
        })
    }

    /// Hands others the blobs that they ask for, and takes those that are fetched.
    pub(super) fn serve_blobs(self) {
        spawn_local(async move {
            if let Some(shelf) = self.room_shelf().await {
                shelf.carry_out().await;
            }
        });
    }
}

impl Shelf {
    /// Holds these bytes from now on.
    pub(crate) async fn put(&self, bytes: Vec<u8>) -> BlobId {
        self.room.put(self.slot, bytes).await
    }

    /// Holds a blob no longer.
    pub(crate) async fn free(&self, blob: BlobId) {
        self.room.free(self.slot, blob).await;
    }

    /// A blob of at most so many bytes, if it is held here.
    pub(crate) async fn held(&self, blob: BlobId) -> Option<Vec<u8>> {
        self.room.get(blob).await
    }

    /// A blob of at most so many bytes, from here or from whoever holds it.
    ///
    /// # Errors
    /// In words, why it does not come.
    pub(crate) async fn fetch(&self, blob: BlobId, size_max: u64) -> Result<Vec<u8>, String> {
        self.room.fetch(self.slot, blob, size_max).await
    }
}

impl RoomShelf {
    /// The shelf of a room, once the room is open.
    async fn open(session: Session, room: RoomId) -> RoomShelf {
        let folder = match folder().await {
            Some(folder) => {
                forget_strangers(session, room, &folder).await;
                folder.make(&room.to_string()).await.ok()
            }
            None => None,
        };
        RoomShelf {
            session,
            room,
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
    async fn put(&self, slot: Slot, bytes: Vec<u8>) -> BlobId {
        let outline = Outline::of(&bytes);
        let blob = outline.id();
        let is_filed = match &self.folder {
            Some(folder) => folder.write(&blob.to_string(), &bytes).await.is_ok(),
            None => false,
        };
        if !is_filed {
            self.memory.borrow_mut().insert(blob, bytes);
        }
        self.tell(|blobs, _| blobs.looked(slot, blob, Some(outline)));
        blob
    }

    /// Holds a blob no longer.
    async fn free(&self, slot: Slot, blob: BlobId) {
        self.tell(|blobs, _| blobs.forget(slot, blob));
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
    async fn fetch(&self, slot: Slot, blob: BlobId, size_max: u64) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.get(blob).await {
            return Ok(bytes);
        }
        let begun = self.tell(|blobs, now| blobs.fetch(now, slot, blob, size_max, None));
        begun.ok_or(texts::notices::ROOM_NOT_OPEN)?.map_err(|error| error.to_string())?;
        let mut waited = Duration::ZERO;
        while waited < HOLDER_WAIT {
            browser::pause(LOOK).await;
            if let Some(bytes) = self.get(blob).await {
                return Ok(bytes);
            }
            let view =
                self.session.node.with_room(|node, _, room| node.room(room).blob(slot, blob)).flatten();
            let is_held = view.is_some_and(|view| view.holders > 0);
            waited = if is_held { Duration::ZERO } else { waited + LOOK };
        }
        self.tell(|blobs, _| blobs.cancel(slot, blob));
        self.coming.borrow_mut().remove(&(slot, blob));
        Err(texts::notices::NOBODY_HOLDS.to_owned())
    }

    /// Does what the node wants done about blobs.
    async fn carry_out(&self) {
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
                let held = self.get(blob).await;
                let outline = held.map(|bytes| Outline::of(&bytes));
                self.tell(|blobs, _| blobs.looked(slot, blob, outline));
            }
            Work::Read { slot, blob, group } => {
                let held = self.get(blob).await;
                let bytes =
                    held.and_then(|bytes| bytes.chunks(GROUP).nth(group as usize).map(<[u8]>::to_vec));
                self.tell(|blobs, _| blobs.read(slot, blob, group, bytes));
            }
            Work::Begin { slot, outline } => {
                self.coming.borrow_mut().insert((slot, outline.id()), BTreeMap::new());
            }
            Work::Write { slot, blob, group, bytes } => {
                if let Some(groups) = self.coming.borrow_mut().get_mut(&(slot, blob)) {
                    groups.insert(group, bytes);
                }
                self.tell(|blobs, now| blobs.written(now, slot, blob, group));
            }
            Work::End { slot, blob } => {
                let groups = self.coming.borrow_mut().remove(&(slot, blob)).unwrap_or_default();
                self.put(slot, groups.into_values().flatten().collect()).await;
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
