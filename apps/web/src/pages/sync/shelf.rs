//! The blobs that this page holds of the room, for each tab that has any, and for others who ask.

use std::rc::Rc;

use js_sys::Uint8Array;
use leptos::task::spawn_local;
use leptos::web_sys::{self, Blob, ImageBitmap};
use meshwork_sync::whiteboard::{PICTURE_MAX, Picture};
use meshwork_web::texts;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::super::shelf::Shelf;
use super::state::Sync;

/// The shelf of the room; it is opened once. None if the page shows no room.
pub(super) async fn of(sync: Sync) -> Option<Rc<Shelf>> {
    if let Some(shelf) = sync.shelf() {
        return Some(shelf);
    }
    let room = sync.session.node.room_id()?;
    let opened = Shelf::open(sync.session, room, sync.slot).await;
    sync.share_shelf(Rc::new(opened))
}

/// Hands others the blobs that they ask for, and takes those that are fetched.
pub(super) fn serve(sync: Sync) {
    spawn_local(async move {
        if let Some(shelf) = of(sync).await {
            shelf.carry_out().await;
        }
    });
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
