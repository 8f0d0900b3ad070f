//! Pictures of Sync among the blobs of the room.

use js_sys::Uint8Array;
use leptos::web_sys::{self, Blob, ImageBitmap};
use meshwork_sync::whiteboard::{PICTURE_MAX, Picture};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::super::shelf::Shelf;
use super::state::Sync;

/// The blobs of Sync in the room. None if the page shows no room.
pub(super) async fn of(sync: Sync) -> Option<Shelf> {
    sync.session.shelf(sync.slot).await
}

/// Holds a file as a picture of the room.
///
/// # Errors
/// In words, why it is none.
pub(super) async fn put_picture(sync: Sync, file: &Blob) -> Result<(Picture, ImageBitmap), String> {
    if file.size() > PICTURE_MAX as f64 {
        return Err(texts::board::PICTURE_TOO_LONG.to_owned());
    }
    let image = decoded(file).await.ok_or(texts::NOT_A_PICTURE)?;
    let unread = texts::board::PICTURE_NOT_KEPT;
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|_| unread)?;
    let bytes = Uint8Array::new(&buffer).to_vec();
    let size = bytes.len() as u64;
    let blob = of(sync).await.ok_or(unread)?.put(bytes).await;
    Ok((Picture::new(blob, size), image))
}

/// The picture that a file is; none where the browser cannot read it.
pub(super) async fn decoded(file: &Blob) -> Option<ImageBitmap> {
    let image = web_sys::window()?.create_image_bitmap_with_blob(file).ok()?;
    JsFuture::from(image).await.ok()?.dyn_into().ok()
}

/// Bytes as a file.
pub(super) fn blob_of(bytes: &[u8]) -> Option<Blob> {
    Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&Uint8Array::from(bytes))).ok()
}
