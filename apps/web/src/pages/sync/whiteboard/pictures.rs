//! The pictures on the board: from this page's blobs or whoever holds them, decoded once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use js_sys::Uint8Array;
use leptos::task::spawn_local;
use leptos::web_sys::{self, Blob, ImageBitmap};
use meshwork_core::blobs::BlobId;
use meshwork_sync::whiteboard::{PICTURE_MAX, Picture, Shape, What};
use meshwork_web::whiteboard::hand;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;

use super::super::shelf;
use super::easel::Easel;

/// Longest edge of a picture that is put down, in units.
const EDGE_MAX: f64 = 480.0;
/// Pictures that are kept decoded.
const HELD_MAX: usize = 256;

enum State {
    Coming,
    Here(ImageBitmap),
    Away,
}

/// The pictures of a board.
#[derive(Default)]
pub(super) struct Pictures {
    held: RefCell<BTreeMap<BlobId, State>>,
}

impl Pictures {
    /// The picture that a blob has, if it is here.
    pub(super) fn image(&self, blob: BlobId) -> Option<ImageBitmap> {
        match self.held.borrow().get(&blob) {
            Some(State::Here(image)) => Some(image.clone()),
            _ => None,
        }
    }

    /// What stands in its place while it is not.
    pub(super) fn words(&self, blob: BlobId) -> &'static str {
        match self.held.borrow().get(&blob) {
            Some(State::Away) => "Nobody here has this picture",
            _ => "The picture is coming",
        }
    }

    fn set(&self, blob: BlobId, state: State) {
        self.held.borrow_mut().insert(blob, state);
    }

    /// Whether it has to be asked for; from then on it is being asked for.
    fn is_wanted(&self, blob: BlobId) -> bool {
        let mut held = self.held.borrow_mut();
        let is_known = matches!(held.get(&blob), Some(State::Coming | State::Here(_)));
        if is_known || held.len() >= HELD_MAX {
            return false;
        }
        held.insert(blob, State::Coming);
        true
    }
}

impl Easel {
    /// Asks for the picture of a shape, unless it is here or was asked for.
    pub(super) fn want_picture(self, shape: &Shape) {
        let What::Picture(picture) = &shape.what else { return };
        let blob = picture.blob();
        if self.with(|work| work.pictures.is_wanted(blob)) != Some(true) {
            return;
        }
        spawn_local(async move {
            let bytes = self.picture_bytes(blob).await;
            let image = match bytes {
                Some(bytes) => decoded(&bytes).await,
                None => None,
            };
            self.with(|work| {
                work.pictures.set(blob, image.map_or(State::Away, State::Here));
                work.painter.renew_picture(&work.sketch, blob);
            });
            self.ask_frame();
        });
    }

    /// The bytes of a picture.
    pub(super) async fn picture_bytes(self, blob: BlobId) -> Option<Vec<u8>> {
        shelf::of(self.sync).await?.fetch(blob, PICTURE_MAX).await.ok()
    }

    /// Puts a picture down: at a place, or in the middle of what is seen.
    pub(super) fn put_picture(self, file: Blob, at: Option<(f64, f64)>) {
        if self.is_shut() {
            return;
        }
        if file.size() > PICTURE_MAX as f64 {
            return self
                .tell("This picture is too long: a board takes pictures of at most 8\u{2009}MB.".to_owned());
        }
        spawn_local(async move {
            let bytes = JsFuture::from(file.array_buffer())
                .await
                .ok()
                .map(|buffer| Uint8Array::new(&buffer).to_vec());
            let image = match &bytes {
                Some(bytes) => decoded(bytes).await,
                None => None,
            };
            let (Some(bytes), Some(image)) = (bytes, image) else {
                return self.tell("This file is no picture that the browser can read.".to_owned());
            };
            let (width, height) = (f64::from(image.width()), f64::from(image.height()));
            let share = (EDGE_MAX / width.max(height)).min(1.0);
            let Some((picture, image)) = self.keep_picture(bytes, image).await else { return };
            self.with(|work| work.pictures.set(picture.blob(), State::Here(image)));
            let id = self.fresh_id();
            let at = at.unwrap_or_else(|| self.middle());
            let shape = self.with(|work| Shape {
                what: What::Picture(picture),
                bounds: hand::centred(at, (width * share, height * share)),
                style: work.hand.style,
                order: work.sketch.top(),
                text: String::new(),
            });
            if let Some(shape) = shape {
                self.write(hand::creation(&[(id, shape)]));
                self.choose([id]);
            }
        });
    }

    async fn keep_picture(self, bytes: Vec<u8>, image: ImageBitmap) -> Option<(Picture, ImageBitmap)> {
        let size = bytes.len() as u64;
        let blob = shelf::of(self.sync).await?.put(bytes).await;
        Some((Picture::new(blob, size), image))
    }

    /// Holds the bytes of a picture that a file had.
    pub(super) async fn hold_picture(self, bytes: Vec<u8>) {
        if let Some(shelf) = shelf::of(self.sync).await {
            shelf.put(bytes).await;
        }
    }
}

/// The picture that bytes are; none where the browser cannot read them.
async fn decoded(bytes: &[u8]) -> Option<ImageBitmap> {
    let blob = blob_of(bytes)?;
    let window = web_sys::window()?;
    let image = JsFuture::from(window.create_image_bitmap_with_blob(&blob).ok()?).await.ok()?;
    image.dyn_into().ok()
}

fn blob_of(bytes: &[u8]) -> Option<Blob> {
    Blob::new_with_u8_array_sequence(&js_sys::Array::of1(&Uint8Array::from(bytes))).ok()
}
