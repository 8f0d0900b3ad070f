//! What the node wants done about blobs, between it and the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use meshwork_core::blobs::{BlobId, Outline, Work};
use meshwork_core::id::RoomId;
use meshwork_core::node::Node;
use meshwork_core::seam::lane::Slot;

use super::FetchError;
use super::store::Name;
use crate::shared::{RoomState, Shared};

/// The fetches of a room, and whose turn it is with the store.
#[derive(Default)]
pub(crate) struct Pump {
    fetches: BTreeMap<(Slot, BlobId), Fetching>,
    /// What is written in a room is written in order.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Fetching {
    /// How many wait for it.
    waiting: usize,
    ended: Option<Result<(), FetchError>>,
}

impl Pump {
    /// Somebody waits for a blob.
    pub(super) fn begin(&mut self, slot: Slot, blob: BlobId) {
        let fetching = self.fetches.entry((slot, blob)).or_default();
        fetching.waiting += 1;
        // An end that others have not heard of yet is not this one's.
        fetching.ended.take_if(|ended| ended.is_err());
    }

    /// Somebody waits no longer. Returns whether nobody does.
    pub(super) fn leave(&mut self, slot: Slot, blob: BlobId) -> bool {
        let Some(fetching) = self.fetches.get_mut(&(slot, blob)) else { return false };
        fetching.waiting -= 1;
        let is_last = fetching.waiting == 0;
        if is_last {
            self.fetches.remove(&(slot, blob));
        }
        is_last
    }

    /// Whether somebody waits for a blob.
    pub(super) fn is_wanted(&self, slot: Slot, blob: BlobId) -> bool {
        self.fetches.contains_key(&(slot, blob))
    }

    /// A fetch is over.
    pub(super) fn end(&mut self, slot: Slot, blob: BlobId, ended: Result<(), FetchError>) {
        if let Some(fetching) = self.fetches.get_mut(&(slot, blob)) {
            fetching.ended = Some(ended);
        }
    }

    /// How a fetch ended; `None` while it goes on.
    pub(super) fn ended(&self, slot: Slot, blob: BlobId) -> Option<Result<(), FetchError>> {
        self.fetches.get(&(slot, blob))?.ended.clone()
    }
}

/// Does what the node wants done about a room's blobs. It says so again when there is more.
pub(crate) async fn carry_out(shared: Arc<Shared>, room: Arc<RoomState>) {
    let turn = room.look(|known| Arc::clone(&known.pump.turn));
    let _turn = turn.lock().await;
    let handle = room.handle;
    let take = move |node: &mut Node, now| {
        let work = node.room_mut(now, handle).blobs(|blobs, _| blobs.take_work());
        Some((work?, node.room(handle).id()?))
    };
    let Ok(Some((work, id))) = shared.call(take).await else { return };
    for work in work {
        Doing { shared: &shared, room: &room, id }.one(work).await;
    }
}

/// One of those works.
struct Doing<'a> {
    shared: &'a Shared,
    room: &'a RoomState,
    id: RoomId,
}

impl Doing<'_> {
    async fn one(&self, work: Work) {
        let store = &self.shared.blobs;
        match work {
            Work::Look { slot, blob } => {
                let held = match store.whole(self.name(slot, blob)).await {
                    Ok(held) => held,
                    Err(words) => self.warn(&words),
                };
                self.looked(slot, blob, held).await;
            }
            Work::Read { slot, blob, group } => {
                let bytes = match store.read(self.name(slot, blob), group).await {
                    Ok(bytes) => Some(bytes),
                    Err(words) => self.warn(&words),
                };
                self.tell(move |blobs, _| blobs.read(slot, blob, group, bytes)).await;
            }
            Work::Begin { slot, outline } => {
                let blob = outline.id();
                if let Err(words) = store.begin(self.name(slot, blob), outline).await {
                    self.fail(slot, blob, words).await;
                }
            }
            Work::Write { slot, blob, group, bytes } => {
                match store.write(self.name(slot, blob), group, bytes).await {
                    Ok(()) => {
                        self.tell(move |blobs, now| blobs.written(now, slot, blob, group)).await;
                        self.room.change(|_| {});
                    }
                    Err(words) => self.fail(slot, blob, words).await,
                }
            }
            Work::End { slot, blob } => match store.end(self.name(slot, blob)).await {
                Ok(outline) => {
                    self.looked(slot, blob, Some(outline)).await;
                    self.room.change(|known| known.pump.end(slot, blob, Ok(())));
                }
                Err(words) => self.fail(slot, blob, words).await,
            },
        }
    }

    fn name(&self, slot: Slot, blob: BlobId) -> Name {
        Name { room: self.id, slot, blob }
    }

    async fn looked(&self, slot: Slot, blob: BlobId, held: Option<Outline>) {
        self.tell(move |blobs, _| blobs.looked(slot, blob, held)).await;
    }

    /// What cannot be read is not held, as far as others are concerned.
    fn warn<T>(&self, words: &str) -> Option<T> {
        tracing::warn!(words, "a blob that a member asks for cannot be read");
        None
    }

    async fn fail(&self, slot: Slot, blob: BlobId, words: String) {
        self.tell(move |blobs, _| blobs.cancel(slot, blob)).await;
        // A fetch that was freed ended with that.
        self.room.change(|known| {
            if known.pump.ended(slot, blob).is_none() {
                known.pump.end(slot, blob, Err(FetchError::Store(words)));
            }
        });
    }

    async fn tell(
        &self,
        tell: impl FnOnce(&mut meshwork_core::blobs::Blobs, meshwork_core::time::Time) + Send + 'static,
    ) {
        let handle = self.room.handle;
        let call = move |node: &mut Node, now| node.room_mut(now, handle).blobs(tell).unwrap_or_default();
        // A node that has stopped waits for nothing.
        let _ = self.shared.call(call).await;
    }
}
