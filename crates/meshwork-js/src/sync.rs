//! Counters, values, documents and their versions.

use js_sys::{Array, Uint8Array};
use meshwork::{Counter, Document, Holders, Values, Version};
use serde_json::json;
use serde_json::value::RawValue;
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::blobs::RawBlob;
use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Source, entries, entry};

/// A number that everybody raises.
#[wasm_bindgen]
pub struct RawCounter(Counter);

/// Values by name.
#[wasm_bindgen]
pub struct RawValues(Values);

/// A document in the format of Yjs.
#[wasm_bindgen]
pub struct RawDocument(Document);

/// A document as somebody saved it.
#[wasm_bindgen]
pub struct RawVersion(Version);

#[wasm_bindgen]
impl RawApp {
    /// A document.
    pub fn document(&self, name: &str) -> RawDocument {
        RawDocument(self.app().document(name))
    }

    /// Names of the documents that have something in them, or a title.
    pub fn documents(&self) -> Result<Array, JsValue> {
        let names = at_once(self.app().documents()).map_err(thrown)?;
        Ok(names.into_iter().map(JsValue::from).collect())
    }

    /// Holds what people save as versions of documents. The reader has nothing but the error that ends it.
    #[wasm_bindgen(js_name = keepBlobs)]
    pub fn keep_blobs(&self) -> Reader {
        Reader::of(Source::KeptVersions(self.app().clone()))
    }

    /// A counter.
    pub fn counter(&self, name: &str) -> RawCounter {
        RawCounter(self.app().counter(name))
    }

    /// Names of counters that begin with `prefix`, each with where it stands.
    pub fn counters(&self, prefix: &str) -> Result<Array, JsValue> {
        let counters = at_once(self.app().counters(prefix)).map_err(thrown)?;
        let pairs =
            counters.into_iter().map(|(name, value)| Array::of2(&name.into(), &(value as f64).into()));
        Ok(pairs.collect())
    }

    /// The app's values.
    pub fn values(&self) -> RawValues {
        RawValues(self.app().values())
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawCounter {
    /// Raises it by a whole number.
    pub async fn add(&self, by: f64) -> Result<(), JsValue> {
        self.0.add(by as i64).await.map_err(thrown)
    }

    /// Where it stands.
    pub fn value(&self) -> Result<f64, JsValue> {
        Ok(at_once(self.0.value()).map_err(thrown)? as f64)
    }

    /// Who holds what this page added last.
    pub fn holders(&self) -> Result<Array, JsValue> {
        at_once(self.0.holders()).map(holders).map_err(thrown)
    }

    /// Who raises it from now on.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Counters(self.0.watch()))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawValues {
    /// Gives a key a value in JSON.
    pub async fn set(&self, key: String, value: String) -> Result<(), JsValue> {
        let value = RawValue::from_string(value).map_err(unfit)?;
        self.0.set(&key, &value).await.map_err(thrown)
    }

    /// Deletes a key.
    pub async fn delete(&self, key: String) -> Result<(), JsValue> {
        self.0.delete(&key).await.map_err(thrown)
    }

    /// What a key has.
    pub fn get(&self, key: &str) -> Result<JsValue, JsValue> {
        Ok(entry(at_once(self.0.get(key)).map_err(thrown)?))
    }

    /// What all keys have that begin with `prefix`.
    pub fn entries(&self, prefix: &str) -> Result<Array, JsValue> {
        at_once(self.0.entries(prefix)).map(entries).map_err(thrown)
    }

    /// The last writes of a key.
    pub fn history(&self, key: &str) -> Result<Array, JsValue> {
        at_once(self.0.history(key)).map(entries).map_err(thrown)
    }

    /// Who holds what this page wrote last at a key.
    pub fn holders(&self, key: &str) -> Result<Array, JsValue> {
        at_once(self.0.holders(key)).map(holders).map_err(thrown)
    }

    /// What changes from now on at keys that begin with `prefix`.
    pub fn watch(&self, prefix: &str) -> Result<Reader, JsValue> {
        Ok(Reader::of(Source::Values(at_once(self.0.watch(prefix)).map_err(thrown)?)))
    }

    /// What changes from now on at one key.
    #[wasm_bindgen(js_name = watchKey)]
    pub fn watch_key(&self, key: &str) -> Result<Reader, JsValue> {
        Ok(Reader::of(Source::Values(at_once(self.0.watch_key(key)).map_err(thrown)?)))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawDocument {
    /// Under which number this page writes in it as it is now.
    pub fn client(&self) -> Result<f64, JsValue> {
        at_once(self.0.client()).map(|client| client as f64).map_err(thrown)
    }

    /// The updates that make the document what it is, one after the other.
    pub fn slices(&self) -> Result<Array, JsValue> {
        let slices = at_once(self.0.slices()).map_err(thrown)?;
        Ok(slices.iter().map(|slice| JsValue::from(Uint8Array::from(&**slice))).collect())
    }

    /// The update that makes the document what it is.
    pub fn whole(&self) -> Result<Uint8Array, JsValue> {
        Ok(Uint8Array::from(&*at_once(self.0.whole()).map_err(thrown)?))
    }

    /// Says what this page did to it.
    pub async fn say(&self, update: Vec<u8>) -> Result<(), JsValue> {
        self.0.say(&update).await.map(drop).map_err(thrown)
    }

    /// Under which number a member writes in documents; `None` for what is no member's id.
    #[wasm_bindgen(js_name = clientOf)]
    pub fn client_of(&self, member: &str) -> Option<f64> {
        Some(Document::client_of(member.parse().ok()?) as f64)
    }

    /// The same update with places alone.
    pub fn emptied(&self, update: &[u8]) -> Result<Uint8Array, JsValue> {
        Document::emptied(update).map(|update| Uint8Array::from(&*update)).map_err(thrown)
    }

    /// Puts something into it that stands there once.
    pub async fn seed(&self, update: Vec<u8>) -> Result<(), JsValue> {
        self.0.seed(&update).await.map_err(thrown)
    }

    /// Who wrote an item.
    pub fn author_of(&self, client: f64, clock: f64) -> Result<Option<String>, JsValue> {
        let author = at_once(self.0.author_of(client as u64, clock as u64)).map_err(thrown)?;
        Ok(author.map(|author| author.to_string()))
    }

    /// Who holds what this page wrote in it last.
    pub fn holders(&self) -> Result<Array, JsValue> {
        at_once(self.0.holders()).map(holders).map_err(thrown)
    }

    /// Its title, where it has one.
    pub fn title(&self) -> Result<Option<String>, JsValue> {
        at_once(self.0.title()).map_err(thrown)
    }

    /// Gives it a title.
    pub async fn rename(&self, title: String) -> Result<(), JsValue> {
        self.0.rename(&title).await.map_err(thrown)
    }

    /// Deletes all that is in it.
    pub async fn delete(&self) -> Result<(), JsValue> {
        self.0.delete().await.map_err(thrown)
    }

    /// Erases what a peer wrote in it up to now.
    #[wasm_bindgen(js_name = eraseBy)]
    pub async fn erase_by(&self, peer: String) -> Result<bool, JsValue> {
        self.0.erase_by(peer.parse().map_err(unfit)?).await.map_err(thrown)
    }

    /// Puts an image with it.
    #[wasm_bindgen(js_name = putImage)]
    pub async fn put_image(&self, bytes: Vec<u8>) -> Result<RawBlob, JsValue> {
        self.0.put_image(&bytes).await.map(RawBlob).map_err(thrown)
    }

    /// Ids of the images that people put with it.
    pub fn images(&self) -> Result<Array, JsValue> {
        let images = at_once(self.0.images()).map_err(thrown)?;
        Ok(images.iter().map(|image| JsValue::from(image.to_string())).collect())
    }

    /// Saves what it is now.
    #[wasm_bindgen(js_name = saveVersion)]
    pub async fn save_version(&self, label: String) -> Result<RawVersion, JsValue> {
        self.0.save_version(&label).await.map(RawVersion).map_err(thrown)
    }

    /// What people saved, the latest first.
    pub fn versions(&self) -> Result<Array, JsValue> {
        let versions = at_once(self.0.versions()).map_err(thrown)?;
        Ok(versions.into_iter().map(|version| JsValue::from(RawVersion(version))).collect())
    }

    /// What changes in it from now on.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Document(self.0.watch()))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawVersion {
    /// What is said of it, as JSON.
    pub fn told(&self) -> String {
        let Self(version) = self;
        let told = json!({
            "label": version.label(), "author": version.author().to_string(), "time": version.time_ms(),
            "size": version.size(), "holders": version.holders(),
        });
        told.to_string()
    }

    /// The update that makes the document what it was.
    pub async fn whole(&self) -> Result<Vec<u8>, JsValue> {
        self.0.whole().await.map_err(thrown)
    }

    /// Waits until a member that stays holds it.
    pub async fn kept(&self) -> Result<(), JsValue> {
        self.0.kept().await.map_err(thrown)
    }

    /// Deletes it.
    pub async fn delete(&self) -> Result<(), JsValue> {
        self.0.delete().await.map_err(thrown)
    }
}

/// Whether it is saved here, then the members that hold it.
fn holders(holders: Holders) -> Array {
    let members = holders.members.into_iter().map(|member| JsValue::from(member.to_string()));
    std::iter::once(JsValue::from(holders.saved)).chain(members).collect()
}
