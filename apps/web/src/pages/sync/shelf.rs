//! Pictures of Sync among the blobs of the room.

use js_sys::Uint8Array;
use leptos::web_sys::{Blob, ImageBitmap};
use meshwork_sync::whiteboard::{PICTURE_MAX, Picture};
use meshwork_web::texts;

use super::super::browser;
use super::super::shelf::Shelf;
use super::state::Sync;

/// The blobs of Sync in the room. None if the page shows no room.
pub(super) fn of(sync: Sync) -> Option<Shelf> {
    sync.session.shelf(sync.slot)
}

/// Holds a file as a picture of the room.
///
/// # Errors
/// In words, why it is none.
pub(super) async fn put_picture(sync: Sync, file: &Blob) -> Result<(Picture, ImageBitmap), String> {
    if file.size() > PICTURE_MAX as f64 {
        return Err(texts::board::PICTURE_TOO_LONG.to_owned());
    }
    let image = browser::decoded(file).await.ok_or(texts::NOT_A_PICTURE)?;
    let unread = texts::board::PICTURE_NOT_KEPT;
    let bytes = browser::bytes_of(file).await.ok_or(unread)?;
    let size = bytes.len() as u64;
    let blob = of(sync).ok_or(unread)?.put(&bytes).await.map_err(|_| unread)?;
    Ok((Picture::new(blob, size), image))
}

/// Bytes as a file.
pub(super) fn blob_of(bytes: &[u8]) -> Option<Blob> {
    Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&Uint8Array::from(bytes))).ok()
}
