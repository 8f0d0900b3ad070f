//! Sync: counters, values, documents and whiteboards.

pub(crate) mod causal;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub(crate) mod compare;
pub(crate) mod counter;
pub(crate) mod document;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub(crate) mod draft;
pub(crate) mod holders;
pub(crate) mod image;
pub(crate) mod keeping;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub(crate) mod places;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub(crate) mod restore;
#[cfg(all(feature = "documents", not(target_arch = "wasm32")))]
pub(crate) mod text;
pub(crate) mod values;
pub(crate) mod version;
pub(crate) mod whiteboard;

pub use meshwork_sync::NAME_MAX;
pub use meshwork_sync::about::{LABEL_MAX, TITLE_MAX, VERSION_BYTES_MAX, VERSION_MAX, VERSIONS_MAX};
pub use meshwork_sync::document::{
    BATCHES_MAX as DOCUMENT_BATCHES_MAX, BYTES_MAX as DOCUMENT_BYTES_MAX, NAME_MAX as DOCUMENT_NAME_MAX,
    SLICE_ITEMS as DOCUMENT_SLICE_ITEMS,
};
pub use meshwork_sync::plain;
pub use meshwork_sync::values::HISTORY_MAX;

pub use crate::sync::keeping::BLOBS_MAX;
/// What shapes of a whiteboard are made of.
pub use meshwork_sync::whiteboard as shapes;

use crate::new_room::NewRoom;

/// The word of the app.
pub const APP: &str = meshwork_sync::WORD;

/// A room that opens with counters, values, documents and a whiteboard.
pub fn room() -> NewRoom {
    crate::new_room::room(APP)
}
