//! An app's blobs.

use js_sys::{Array, Object, Reflect};
use meshwork::{Blob, Blobs, Fetch, Progress};
use wasm_bindgen::prelude::*;

use crate::error::{thrown, unfit};

/// The blobs of an app.
#[wasm_bindgen]
pub struct RawBlobs(Blobs);

/// A blob that is held here.
#[wasm_bindgen]
pub struct RawBlob(pub(crate) Blob);

/// A fetch that goes on until it is freed.
#[wasm_bindgen]
pub struct RawFetch(Fetch);

impl RawBlobs {
    pub(crate) fn new(blobs: Blobs) -> RawBlobs {
        RawBlobs(blobs)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawBlobs {
    /// Holds bytes as a blob from now on.
    pub async fn offer(&self, bytes: Vec<u8>) -> Result<RawBlob, JsValue> {
        self.0.offer_bytes(&bytes).await.map(RawBlob).map_err(thrown)
    }

    /// A blob that is held here whole.
    pub async fn get(&self, id: String) -> Result<Option<RawBlob>, JsValue> {
        let held = self.0.get(id.parse().map_err(unfit)?).await.map_err(thrown)?;
        Ok(held.map(RawBlob))
    }

    /// All that are.
    pub async fn list(&self) -> Result<Array, JsValue> {
        let held = self.0.list().await.map_err(thrown)?;
        Ok(held.into_iter().map(|blob| JsValue::from(RawBlob(blob))).collect())
    }

    /// Holds a blob no longer.
    pub async fn free(&self, id: String) -> Result<(), JsValue> {
        self.0.free(id.parse().map_err(unfit)?).await.map_err(thrown)
    }

    /// Fetches a blob of at most so many bytes; of the library's own limit where none are named.
    pub fn fetch(&self, id: &str, most: Option<f64>) -> Result<RawFetch, JsValue> {
        let fetch = self.0.fetch(id.parse().map_err(unfit)?);
        Ok(RawFetch(match most {
            Some(most) => fetch.at_most(most as u64),
            None => fetch,
        }))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawFetch {
    /// How far it is once that changed; `undefined` once the blob is here.
    pub async fn next(&mut self) -> Result<JsValue, JsValue> {
        let progress = self.0.next().await.map_err(thrown)?;
        progress.map_or(Ok(JsValue::UNDEFINED), |progress| told(&progress))
    }
}

fn told(progress: &Progress) -> Result<JsValue, JsValue> {
    let told = Object::new();
    let size = progress.size.map_or(JsValue::UNDEFINED, |size| JsValue::from(size as f64));
    for (name, value) in
        [("held", JsValue::from(progress.held as f64)), ("size", size), ("holders", progress.holders.into())]
    {
        Reflect::set(&told, &name.into(), &value)?;
    }
    Ok(told.into())
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawBlob {
    /// The hash of its bytes.
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// How many bytes it has.
    pub fn size(&self) -> f64 {
        self.0.size() as f64
    }

    /// A part of its bytes, by number; none beyond the end.
    pub async fn part(&self, number: u32) -> Result<Vec<u8>, JsValue> {
        self.0.read_part(number).await.map_err(thrown)
    }
}
