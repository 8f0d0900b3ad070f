//! What an app of a room has: topics, tables, and what members say of themselves.

use js_sys::Array;
use meshwork::{App, Bytes, KEY_MAX, Speaker, TOPIC_MAX, Table, Topic, WriteError};
use serde_json::value::RawValue;
use wasm_bindgen::prelude::*;

use crate::blobs::RawBlobs;
use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Shared, Source, entries, entry};

/// The part of a room that one app has.
#[wasm_bindgen]
pub struct RawApp(App);

/// One kind of message.
#[wasm_bindgen]
pub struct RawTopic(Topic<Vec<u8>, Bytes>);

/// One kind of message, in causal order.
#[wasm_bindgen]
pub struct RawCausal {
    heard: Shared,
    speaker: Speaker<Vec<u8>, Bytes>,
}

/// Keys and values.
#[wasm_bindgen]
pub struct RawTable(Table);

impl RawApp {
    pub(crate) fn new(app: App) -> RawApp {
        RawApp(app)
    }

    pub(crate) fn app(&self) -> &App {
        &self.0
    }
}

/// A name that is too long is no fault of the library's.
fn check_name(name: &str, max: usize) -> Result<(), JsValue> {
    let size = name.len();
    if size > max { Err(thrown(WriteError::TooLarge { size, max })) } else { Ok(()) }
}

#[wasm_bindgen]
impl RawApp {
    /// One kind of message.
    pub fn topic(&self, name: &str) -> Result<RawTopic, JsValue> {
        check_name(name, TOPIC_MAX)?;
        Ok(RawTopic(self.0.topic_bytes(name)))
    }

    /// Its blobs.
    pub fn blobs(&self) -> RawBlobs {
        RawBlobs::new(self.0.blobs())
    }

    /// Keys and values that the room keeps.
    pub fn table(&self, name: &str) -> Result<RawTable, JsValue> {
        check_name(name, KEY_MAX - 1)?;
        if name.contains('\0') {
            return Err(unfit("the name of a table has no zero byte"));
        }
        Ok(RawTable(self.0.table(name)))
    }

    /// Says of this program what this JSON says; nothing where there is none.
    #[wasm_bindgen(js_name = setPresence)]
    pub fn set_presence(&self, value: Option<String>) -> Result<(), JsValue> {
        let presence = self.0.presence();
        let Some(value) = value else { return at_once(presence.clear()).map_err(thrown) };
        let value = RawValue::from_string(value).map_err(unfit)?;
        at_once(presence.set(&value)).map_err(thrown)
    }

    /// What a member says of itself, as JSON.
    #[wasm_bindgen(js_name = presenceOf)]
    pub fn presence_of(&self, member: &str) -> Result<Option<String>, JsValue> {
        let value: Option<Box<RawValue>> = self.0.presence().of(member.parse().map_err(unfit)?);
        Ok(value.map(|value| value.get().to_owned()))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawTopic {
    /// Says something to everybody.
    pub async fn say(&self, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.0.say(&bytes).await.map_err(thrown)
    }

    /// Says something to one member.
    pub async fn direct(&self, to: String, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.0.direct(to.parse().map_err(unfit)?, &bytes).await.map_err(thrown)
    }

    /// Says something that may be lost, to everybody or to one member.
    pub fn datagram(&self, to: Option<String>, bytes: Vec<u8>) -> Result<(), JsValue> {
        match to {
            None => at_once(self.0.datagram(&bytes)),
            Some(to) => at_once(self.0.datagram_to(to.parse().map_err(unfit)?, &bytes)),
        }
        .map_err(thrown)
    }

    /// What others say from now on.
    pub fn listen(&self) -> Reader {
        Reader::of(Source::Messages(self.0.listen()))
    }

    /// The same in causal order.
    pub fn causal(&self) -> RawCausal {
        let causal = self.0.causal();
        RawCausal { speaker: causal.speaker(), heard: Source::Causal(causal).shared() }
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawCausal {
    /// Says something after all that was heard here.
    pub async fn say(&self, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.speaker.say(&bytes).await.map_err(thrown)
    }

    /// What others say: each message is read once, by whichever reader comes first.
    pub fn listen(&self) -> Reader {
        Reader::sharing(Shared::clone(&self.heard))
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawTable {
    /// The keys that this program's peer alone writes.
    pub fn mine(&self) -> RawTable {
        RawTable(self.0.mine())
    }

    /// The keys that a peer alone writes.
    pub fn of(&self, peer: &str) -> Result<RawTable, JsValue> {
        Ok(RawTable(self.0.of(peer.parse().map_err(unfit)?)))
    }

    /// The keys that the owner and moderators alone write.
    pub fn moderated(&self) -> RawTable {
        RawTable(self.0.moderated())
    }

    /// Gives a key bytes as its value.
    #[wasm_bindgen(js_name = setBytes)]
    pub async fn set_bytes(&self, key: String, bytes: Vec<u8>) -> Result<(), JsValue> {
        self.0.set_bytes(&key, &bytes).await.map(drop).map_err(thrown)
    }

    /// Gives a field of a row a value in JSON; the unnamed field is the value of the key.
    pub async fn set(&self, key: String, field: String, value: String) -> Result<(), JsValue> {
        let value = RawValue::from_string(value).map_err(unfit)?;
        self.0.row(&key).set(&field, &value).await.map(drop).map_err(thrown)
    }

    /// Removes a field of a row.
    pub async fn remove(&self, key: String, field: String) -> Result<(), JsValue> {
        self.0.row(&key).remove(&field).await.map(drop).map_err(thrown)
    }

    /// What a field of a row has.
    pub fn get(&self, key: &str, field: &str) -> Result<JsValue, JsValue> {
        Ok(entry(at_once(self.0.row(key).get(field)).map_err(thrown)?))
    }

    /// What all keys have that begin with `prefix`.
    pub fn entries(&self, prefix: &str) -> Result<Array, JsValue> {
        at_once(self.0.entries(prefix)).map(entries).map_err(thrown)
    }

    /// What each peer has at keys of its own that begin with `prefix`.
    #[wasm_bindgen(js_name = entriesOfEach)]
    pub fn entries_of_each(&self, prefix: &str) -> Result<Array, JsValue> {
        at_once(self.0.entries_of_each(prefix)).map(entries).map_err(thrown)
    }

    /// The keys of all rows that begin with `prefix`.
    pub fn rows(&self, prefix: &str) -> Result<Vec<String>, JsValue> {
        let rows = at_once(self.0.rows(prefix)).map_err(thrown)?;
        Ok(rows.iter().map(|row| row.key().to_owned()).collect())
    }

    /// The fields of a row: the name of each and what it has.
    pub fn fields(&self, key: &str) -> Result<Array, JsValue> {
        let fields = at_once(self.0.row(key).fields()).map_err(thrown)?;
        let told = |(name, value): (String, meshwork::Entry)| Array::of2(&name.into(), &entry(Some(value)));
        Ok(fields.into_iter().map(told).collect())
    }

    /// What changes from now on at keys that begin with `prefix`.
    pub fn watch(&self, prefix: &str) -> Reader {
        Reader::of(Source::Changes(self.0.watch(prefix)))
    }

    /// What changes from now on at one key.
    #[wasm_bindgen(js_name = watchKey)]
    pub fn watch_key(&self, key: &str) -> Reader {
        Reader::of(Source::Changes(self.0.watch_key(key)))
    }

    /// What changes from now on at keys of each peer's own that begin with `prefix`.
    #[wasm_bindgen(js_name = watchEach)]
    pub fn watch_each(&self, prefix: &str) -> Reader {
        Reader::of(Source::Changes(self.0.watch_each(prefix)))
    }
}
