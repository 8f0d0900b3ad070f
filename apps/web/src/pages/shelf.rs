//! Blobs of an app of the room: bytes that their hash names, which this page holds and hands to others.

use std::time::Duration;

use meshwork::look::Look;
use meshwork::{BlobId, Blobs, FetchError, HOLDER_WAIT};
use meshwork_core::seam::lane::Slot;
use meshwork_web::texts;

use super::browser;
use super::session::Session;

/// Time until a member that holds a blob is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The blobs of one app in a room. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Shelf(Blobs);

impl Session {
    /// The blobs of the app in this slot; `None` while the page is in no room.
    pub(crate) fn shelf(self, slot: Slot) -> Option<Shelf> {
        Some(Shelf(Look::app(&self.node.library()?, slot).blobs()))
    }
}

impl Shelf {
    /// Holds these bytes from now on.
    ///
    /// # Errors
    /// In words, why they are not held.
    pub(crate) async fn put(&self, bytes: &[u8]) -> Result<BlobId, String> {
        let blob = self.0.offer_bytes(bytes).await.map_err(|error| error.to_string())?;
        Ok(blob.id())
    }

    /// Holds a blob no longer.
    pub(crate) async fn free(&self, blob: BlobId) {
        // What stays is freed with its room.
        let _ = self.0.free(blob).await;
    }

    /// A blob, if it is held here.
    pub(crate) async fn held(&self, blob: BlobId) -> Option<Vec<u8>> {
        self.0.get(blob).await.ok()??.read().await.ok()
    }

    /// A blob of at most so many bytes, from here or from a member that holds it. A member that holds it may come while this
    /// waits.
    ///
    /// # Errors
    /// In words, why it does not come.
    pub(crate) async fn fetch(&self, blob: BlobId, size_max: u64) -> Result<Vec<u8>, String> {
        let end = browser::milliseconds() + HOLDER_WAIT.as_millis() as f64;
        loop {
            match self.0.fetch(blob).at_most(size_max).await {
                Ok(blob) => return blob.read().await.map_err(|error| error.to_string()),
                Err(FetchError::NobodyHolds) if browser::milliseconds() < end => browser::pause(AGAIN).await,
                Err(FetchError::NobodyHolds) => return Err(texts::notices::NOBODY_HOLDS.to_owned()),
                Err(FetchError::NotOpen) => return Err(texts::notices::ROOM_NOT_OPEN.to_owned()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
