//! Bytes that are too long for a message, named by their hash, from whoever in the room holds them.

#[cfg(not(target_arch = "wasm32"))]
mod disk;
#[cfg(target_arch = "wasm32")]
mod files;
mod pump;
mod seek;
mod store;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

pub use meshwork_core::blobs::{BLOB_MAX, BlobId, FETCHES_MAX, NoBlobId};
use meshwork_core::blobs::{GROUP, Outline, TooManyFetches, group_count};
use meshwork_core::node::{LinkState, Node, RoomHandle, ServerSays};
use meshwork_core::overlay::Kind;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use self::disk::Disk;
#[cfg(target_arch = "wasm32")]
pub(crate) use self::files::Page;
pub(crate) use self::pump::{Pump, carry_out};
pub(crate) use self::seek::{answer, is_seeking};
pub use self::store::MEMORY_MAX;
pub(crate) use self::store::{BlobStore, Memory};
use self::store::{Held, Name};
use crate::app::App;
use crate::error::Closed;
use crate::runner::{Boxed, unless};

/// Longest blob that is fetched where [`Fetch::at_most`] says nothing else, in bytes.
pub const FETCH_MAX: u64 = 64 * 1024 * 1024;
/// How long a fetch goes on while no member holds the blob, unless all that are in the room said that they do not.
pub const HOLDER_WAIT: Duration = Duration::from_secs(30);
/// How long others are waited for when a member says that the blob is longer than may be fetched: it may lie.
const TOO_LARGE_WAIT: Duration = Duration::from_secs(3);
/// How often it is looked whether that has passed; also for how long nobody has held a blob before that is told.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The blobs of an app of a room: whoever offers or fetches one holds it from then on, and hands it to members that ask
/// for it, until it is freed. Nobody else has anything of it.
#[derive(Clone, Debug)]
pub struct Blobs(pub(crate) App);

/// A blob that is held here whole.
#[derive(Clone, Debug)]
pub struct Blob {
    app: App,
    id: BlobId,
    size: u64,
}

/// Why something is not held, read or freed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// It is longer than a blob can be, or than an endpoint without a store keeps.
    #[error("{size} bytes are above the limit of {max}")]
    TooLarge {
        /// So many it has.
        size: u64,
        /// So many are allowed.
        max: u64,
    },
    /// It is not held here any more: fetch it again.
    #[error("the blob is not held here any more")]
    Freed,
    /// It cannot be read or written, in words: look at the disk. What was held is held.
    #[error("{0}")]
    Store(String),
    /// The room is not open yet: wait for [`Event::Opened`](crate::Event::Opened).
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a blob was not fetched. What came of it stays here, for another fetch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// All members said that they do not hold it, or none that is reached did within [`HOLDER_WAIT`].
    #[error("nobody who is here holds the blob")]
    NobodyHolds,
    /// It is longer than may be fetched: fetch it with [`Fetch::at_most`] so many bytes.
    #[error("the blob has {size} bytes, above the limit of {max}")]
    TooLarge {
        /// So many it has, as a member says.
        size: u64,
        /// So many are allowed.
        max: u64,
    },
    /// [`FETCHES_MAX`] are going on in this room: wait for one of them.
    #[error(transparent)]
    TooMany(#[from] TooManyFetches),
    /// It was freed here while it came.
    #[error("the blob was freed while it came")]
    Freed,
    /// It cannot be written, in words: look at the disk.
    #[error("{0}")]
    Store(String),
    /// The room is not open yet: wait for [`Event::Opened`](crate::Event::Opened).
    #[error("the room is not open yet")]
    NotOpen,
    /// The room was left, or its endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl From<BlobError> for FetchError {
    fn from(error: BlobError) -> FetchError {
        match error {
            BlobError::TooLarge { size, max } => FetchError::TooLarge { size, max },
            BlobError::Freed => FetchError::Freed,
            BlobError::Store(words) => FetchError::Store(words),
            BlobError::NotOpen => FetchError::NotOpen,
            BlobError::Closed(closed) => FetchError::Closed(closed),
        }
    }
}

impl Blobs {
    /// Holds these bytes as a blob from now on. Awaits the store; dropping the future leaves a part that nobody is told
    /// of.
    ///
    /// # Errors
    /// [`BlobError`]; the blob is not held.
    pub async fn offer_bytes(&self, bytes: &[u8]) -> Result<Blob, BlobError> {
        let outline = Outline::of(bytes);
        let name = self.name(outline.id())?;
        self.store().put(name, outline.clone(), bytes).await.map_err(BlobError::Store)?;
        self.hold(outline).await
    }

    /// Holds a copy of a file as a blob from now on, whatever becomes of the file. Without a
    /// [`Store`](crate::Store) the copy lies in memory. Awaits the copy; dropping the future leaves nothing.
    ///
    /// # Errors
    /// [`BlobError`]; the blob is not held.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn offer(&self, path: impl Into<std::path::PathBuf>) -> Result<Blob, BlobError> {
        let (path, runner) = (path.into(), &self.0.room.shared().runner);
        let store = |error: std::io::Error| BlobError::Store(error.to_string());
        let measured = path.clone();
        let found = runner.wait(move || std::fs::metadata(measured)).await?.map_err(store)?;
        let max = if matches!(self.store(), BlobStore::Memory(_)) { MEMORY_MAX } else { BLOB_MAX };
        if found.len() > max {
            return Err(BlobError::TooLarge { size: found.len(), max });
        }
        let BlobStore::Disk(disk) = self.store() else {
            let bytes = runner.wait(move || std::fs::read(path)).await?.map_err(store)?;
            return self.offer_bytes(&bytes).await;
        };
        let (room, slot) = (self.0.room.id().ok_or(BlobError::NotOpen)?, self.0.slot);
        let outline = disk.take(room, slot, path).await.map_err(BlobError::Store)?;
        self.hold(outline).await
    }

    /// Fetches a blob from the members that hold it, once it is awaited. Everything that comes is checked against `id`.
    pub fn fetch(&self, id: BlobId) -> Fetch {
        Fetch { blobs: self.clone(), id, size_max: FETCH_MAX, begun: None }
    }

    /// A blob that is held here whole; `None` where it is not.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn get(&self, id: BlobId) -> Result<Option<Blob>, BlobError> {
        let whole = self.store().whole(self.name(id)?).await.map_err(BlobError::Store)?;
        Ok(whole.map(|outline| self.blob(&outline)))
    }

    /// The blobs that are held here whole, by id.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn list(&self) -> Result<Vec<Blob>, BlobError> {
        let room = self.0.room.id().ok_or(BlobError::NotOpen)?;
        let held = self.store().list(room, self.0.slot).await.map_err(BlobError::Store)?;
        Ok(held.into_iter().map(|(id, size)| Blob { app: self.0.clone(), id, size }).collect())
    }

    /// Holds a blob no longer, and removes what lies here of it; a fetch of it ends. Others keep theirs.
    ///
    /// # Errors
    /// [`BlobError`]; nobody is handed the blob any more, but some of it may lie here.
    pub async fn free(&self, id: BlobId) -> Result<(), BlobError> {
        let (name, slot) = (self.name(id)?, self.0.slot);
        self.0.room.state.look(|known| known.pump.end(slot, id, Err(FetchError::Freed)));
        let free = move |node: &mut Node, now, room| {
            node.room_mut(now, room).blobs(|blobs, _| {
                blobs.cancel(slot, id);
                blobs.forget(slot, id);
            });
        };
        self.0.room.call(free).await?;
        self.0.room.state.change(|_| {});
        self.store().free(name).await.map_err(BlobError::Store)
    }

    fn store(&self) -> &BlobStore {
        &self.0.room.shared().blobs
    }

    fn name(&self, blob: BlobId) -> Result<Name, BlobError> {
        let room = self.0.room.id().ok_or(BlobError::NotOpen)?;
        Ok(Name { room, slot: self.0.slot, blob })
    }

    fn blob(&self, outline: &Outline) -> Blob {
        Blob { app: self.0.clone(), id: outline.id(), size: outline.size() }
    }

    /// Tells the node, so that whoever waits for the blob is answered.
    async fn hold(&self, outline: Outline) -> Result<Blob, BlobError> {
        let (blob, slot, id) = (self.blob(&outline), self.0.slot, outline.id());
        let held = move |node: &mut Node, now, room| {
            node.room_mut(now, room).blobs(|blobs, _| {
                blobs.cancel(slot, id);
                blobs.looked(slot, id, Some(outline));
            });
        };
        self.0.room.call(held).await?;
        // A fetch that was going on has it.
        self.0.room.state.change(|known| known.pump.end(slot, id, Ok(())));
        Ok(blob)
    }
}

impl Blob {
    /// The hash of its bytes.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of its bytes, which are held in memory then.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn read(&self) -> Result<Vec<u8>, BlobError> {
        let mut bytes = Vec::new();
        for part in 0..group_count(self.size) {
            bytes.extend(self.read_part(part).await?);
        }
        Ok(bytes)
    }

    /// A part of its bytes, for who does not want all of them in memory: the first [`BLOB_PART`] are part 0. Empty
    /// beyond the end.
    ///
    /// # Errors
    /// [`BlobError`].
    pub async fn read_part(&self, number: u32) -> Result<Vec<u8>, BlobError> {
        if number >= group_count(self.size) {
            return Ok(Vec::new());
        }
        let blobs = Blobs(self.app.clone());
        let read = blobs.store().read(blobs.name(self.id)?, number).await;
        match read {
            Ok(bytes) => Ok(bytes),
            Err(words) => match blobs.get(self.id).await? {
                None => Err(BlobError::Freed),
                Some(_) => Err(BlobError::Store(words)),
            },
        }
    }

    /// Writes its bytes into a file, which is replaced where there is one.
    ///
    /// # Errors
    /// [`BlobError`]; what the file has then is not the blob.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn save(&self, path: impl Into<std::path::PathBuf>) -> Result<(), BlobError> {
        use std::io::Write as _;
        let (runner, path) = (&self.app.room.shared().runner, path.into());
        let store = |error: std::io::Error| BlobError::Store(error.to_string());
        let mut file = runner.wait(move || std::fs::File::create(path)).await?.map_err(store)?;
        for part in 0..group_count(self.size) {
            let bytes = self.read_part(part).await?;
            let written = runner.wait(move || file.write_all(&bytes).map(|()| file)).await?;
            file = written.map_err(store)?;
        }
        Ok(())
    }
}

/// Bytes of the parts that [`Blob::read_part`] reads.
pub const BLOB_PART: usize = GROUP;

/// A fetch of a blob: awaited it gives the blob. Dropped it ends, and what came of it stays for another one.
#[must_use = "a fetch begins when it is awaited"]
pub struct Fetch {
    blobs: Blobs,
    id: BlobId,
    size_max: u64,
    begun: Option<Begun>,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here.
    pub held: u64,
    /// Bytes of the blob, once a member said so and proved it.
    pub size: Option<u64>,
    /// Members that hold it.
    pub holders: usize,
}

/// A fetch that the node knows of. Whoever drops the last one of a blob ends it.
struct Begun {
    blobs: Blobs,
    id: BlobId,
    /// What was told last.
    progress: Option<Progress>,
    waited: Duration,
}

impl Fetch {
    /// Fetches a blob of up to so many bytes, and at most [`BLOB_MAX`]; else it is [`FETCH_MAX`].
    pub fn at_most(mut self, bytes: u64) -> Fetch {
        self.size_max = bytes.min(BLOB_MAX);
        self
    }

    /// Waits until more of the blob is here, and says how much; `None` once all of it is. Dropping the future loses
    /// nothing.
    ///
    /// # Errors
    /// [`FetchError`]; the fetch is over.
    pub async fn next(&mut self) -> Result<Option<Progress>, FetchError> {
        let begun = match &mut self.begun {
            Some(begun) => begun,
            None => match begin(&self.blobs, self.id, self.size_max).await? {
                Some(begun) => self.begun.insert(begun),
                None => return Ok(None),
            },
        };
        begun.next(self.size_max).await
    }
}

impl IntoFuture for Fetch {
    type Output = Result<Blob, FetchError>;
    type IntoFuture = Boxed<'static, Self::Output>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            while self.next().await?.is_some() {}
            let held = self.blobs.get(self.id).await?;
            held.ok_or(FetchError::Freed)
        })
    }
}

/// Begins a fetch; `None` where the blob is here already.
async fn begin(blobs: &Blobs, id: BlobId, size_max: u64) -> Result<Option<Begun>, FetchError> {
    let name = blobs.name(id)?;
    let (room, slot) = (&blobs.0.room, blobs.0.slot);
    // Before the look, since a blob that is offered meanwhile ends the fetch.
    room.state.look(|known| known.pump.begin(slot, id));
    // From here on it ends with what is returned, or is dropped.
    let begun = Begun { blobs: blobs.clone(), id, progress: None, waited: Duration::ZERO };
    let held = match blobs.store().look(name).await.map_err(FetchError::Store)? {
        Some(Held::Whole(_)) => return Ok(None),
        Some(Held::Part(outline, groups)) => Some((outline, groups)),
        None => None,
    };
    let fetch = move |node: &mut Node, now, room| {
        node.room_mut(now, room).blobs(|blobs, now| {
            let held = held.as_ref().map(|(outline, groups)| (outline.clone(), groups));
            blobs.fetch(now, slot, id, size_max, held)
        })
    };
    room.call(fetch).await?.ok_or(FetchError::NotOpen)??;
    Ok(Some(begun))
}

impl Begun {
    async fn next(&mut self, size_max: u64) -> Result<Option<Progress>, FetchError> {
        let (room, slot, id) = (&self.blobs.0.room, self.blobs.0.slot, self.id);
        loop {
            let changed = room.state.change_after_now();
            if let Some(ended) = room.state.look(|known| known.pump.ended(slot, id)) {
                return ended.map(|()| None);
            }
            let look = move |node: &mut Node, _, room| {
                (node.room(room).blob(slot, id), is_everybody_here(node, room))
            };
            let (view, is_everybody_here) = room.call(look).await?;
            if let Some(view) = view {
                let progress = Progress { held: view.held, size: view.size, holders: view.holders };
                if view.holders > 0 {
                    self.waited = Duration::ZERO;
                }
                if let Some(size) =
                    view.too_large.filter(|_| view.holders == 0 && self.waited >= TOO_LARGE_WAIT)
                {
                    return Err(FetchError::TooLarge { size, max: size_max });
                }
                let have_all_answered = view.holders == 0 && view.asked == 0 && is_everybody_here;
                let most = if have_all_answered { LOOK_INTERVAL } else { HOLDER_WAIT };
                if self.waited >= most && view.too_large.is_none() || self.waited >= HOLDER_WAIT {
                    return Err(FetchError::NobodyHolds);
                }
                if self.progress.replace(progress) != Some(progress) {
                    return Ok(Some(progress));
                }
            }
            let runner = &room.shared().runner;
            if unless(runner.sleep(LOOK_INTERVAL), changed).await.is_none() {
                self.waited += LOOK_INTERVAL;
                let waited = self.waited;
                room.call(move |node, now, room| seek::seek(node, now, room, slot, id, waited)).await?;
            }
        }
    }
}

/// Whether all who are in the room are linked, as far as its servers say: in one whose members keep links to some alone that
/// is not known.
fn is_everybody_here(node: &Node, room: RoomHandle) -> bool {
    let room = node.room(room);
    let (peers, answers) = (room.peers(), room.server_answers());
    let is_full_mesh = room.overlay().is_some_and(|overlay| overlay.kind == Kind::FullMesh);
    let is_linking = peers.iter().any(|peer| peer.state == LinkState::Connecting);
    let linked = peers.iter().filter(|peer| peer.attached).count() as u64;
    let has_answer =
        linked > 0 || answers.iter().any(|answer| matches!(answer.says, ServerSays::Joined { .. }));
    is_full_mesh && !is_linking && has_answer && room.others_named() <= linked
}

impl Drop for Begun {
    fn drop(&mut self) {
        let (room, slot, id) = (&self.blobs.0.room, self.blobs.0.slot, self.id);
        if room.state.look(|known| known.pump.leave(slot, id)) {
            let (shared, state) = (Arc::clone(room.shared()), Arc::clone(&room.state));
            room.shared().runner.spawn(Box::pin(async move {
                let cancel = move |node: &mut Node, now| {
                    // Somebody else may have begun to wait for it.
                    if !state.look(|known| known.pump.is_wanted(slot, id)) {
                        node.room_mut(now, state.handle).blobs(|blobs, _| blobs.cancel(slot, id));
                    }
                };
                // A node that has stopped fetches nothing.
                let _ = shared.call(cancel).await;
            }));
        }
    }
}
