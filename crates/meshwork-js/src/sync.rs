//! Counters and values.

use js_sys::Array;
use meshwork::{Counter, Values};
use serde_json::value::RawValue;
use wasm_bindgen::prelude::*;

use crate::app::RawApp;
use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Source, entries, entry};

/// A number that everybody raises.
#[wasm_bindgen]
pub struct RawCounter(Counter);

/// Values by name.
#[wasm_bindgen]
pub struct RawValues(Values);

#[wasm_bindgen]
impl RawApp {
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

#[wasm_bindgen]
impl RawCounter {
    /// Raises it by a whole number.
    pub async fn add(&self, by: f64) -> Result<(), JsValue> {
        self.0.add(by as i64).await.map_err(thrown)
    }

    /// Where it stands.
    pub fn value(&self) -> Result<f64, JsValue> {
        Ok(at_once(self.0.value()).map_err(thrown)? as f64)
    }

    /// Who raises it from now on.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Counters(self.0.watch()))
    }
}

#[wasm_bindgen]
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

    /// What changes from now on at keys that begin with `prefix`.
    pub fn watch(&self, prefix: &str) -> Result<Reader, JsValue> {
        Ok(Reader::of(Source::Values(at_once(self.0.watch(prefix)).map_err(thrown)?)))
    }
}
