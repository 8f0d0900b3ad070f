//! The database of a profile's rooms: geneses, batches and leases in IndexedDB.

use std::collections::BTreeSet;

use js_sys::{Array, ArrayBuffer, Function, Object, Reflect, Uint8Array};
use meshwork_core::id::RoomId;
use meshwork_core::node::StoredRoom;
use meshwork_core::seam::io::StoreChange;
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::signed::genesis::{Genesis, GenesisError};
use wasm_bindgen::prelude::*;
use web_sys::{IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbTransaction, IdbTransactionMode};

use super::super::handler::{Handler, property};
use super::StoreError;
use super::request::{completion, error, result};

/// Raised with every change of the stores; the step from each version to the next stands in `upgrade`.
const VERSION: u32 = 1;
/// By room: its signed genesis, its records, where it was found, where else it is found, its link, when it was last used.
const ROOMS: &str = "rooms";
/// Signed batches by room, endpoint and sequence, so that a room's batches lie together.
const BATCHES: &str = "batches";
/// In an entry of [`ROOMS`]: where else the room is found.
const FURTHER: &str = "further";
/// In an entry of [`ROOMS`]: whether everything of the room was elsewhere once.
const ELSEWHERE: &str = "elsewhere";
/// By room: which tab stores it, where the browser has no locks. By room and further bytes: a mark of changes that nobody
/// else is known to have.
pub(super) const LEASES: &str = "leases";
/// The mark of a room in which an app offered blobs: others hold those that they fetched, which nobody reports.
const BLOBS: &[u8] = b"blobs";

/// Length of a batch's key: room, endpoint, sequence.
const KEY_LEN: usize = 32 + BatchKey::LEN;
/// Batches that are written or read before the page gets its turn again: some milliseconds of work.
pub(super) const SLICE: usize = 256;

/// The open database.
#[derive(Clone)]
pub(super) struct Database(IdbDatabase);

/// What is known of a stored room.
pub(super) struct Kept {
    /// Its key in the database.
    pub(super) key: JsValue,
    /// What stands there.
    value: JsValue,
    /// Whether nobody else is known to have everything of it.
    pub(super) is_only_here: bool,
}

/// The mark of a group of changes of one room.
pub(super) struct Mark {
    pub(super) room: RoomId,
    /// Names the group.
    pub(super) name: String,
    /// The marks of earlier changes of the same tab, which this one replaces.
    pub(super) replaces: Vec<String>,
}

/// Where a room was found last.
#[derive(Clone)]
pub(super) struct Found {
    /// At which server and under which code, where there is one.
    pub(super) place: Option<String>,
    /// Its whole link.
    pub(super) link: String,
}

fn factory() -> Result<IdbFactory, StoreError> {
    let factory = web_sys::window().ok_or_else(|| refused("this is not a page"))?.indexed_db();
    let factory = factory.map_err(|exception| error(&exception))?;
    factory.ok_or_else(|| refused("this browser has no storage for pages"))
}

impl Database {
    /// Opens the database of this name, or makes it. `lost` is called once where the browser closes it by itself: somebody had it
    /// clear what sites store, or its disk failed.
    pub(super) async fn open(name: &str, lost: impl FnOnce() + 'static) -> Result<Database, StoreError> {
        let request = factory()?.open_with_u32(name, VERSION).map_err(|exception| error(&exception))?;
        let source = request.clone();
        let upgrade = Handler::new(move |_: web_sys::Event| {
            if let Ok(database) = source.result().and_then(|database| database.dyn_into::<IdbDatabase>()) {
                for store in [ROOMS, BATCHES, LEASES] {
                    // It fails only where the store is there already.
                    let _ = database.create_object_store(store);
                }
            }
        });
        request.set_onupgradeneeded(Some(upgrade.function()));
        let database = result(&request).await?;
        request.set_onupgradeneeded(None);
        let database: IdbDatabase =
            database.dyn_into().map_err(|_| refused("this browser has no storage"))?;
        // A newer page of this site may change the stores: this one lets go, and is told so by its next request.
        let open = database.clone();
        let close = Closure::<dyn FnMut()>::new(move || open.close());
        database.set_onversionchange(Some(close.into_js_value().unchecked_ref()));
        database.set_onclose(Some(Closure::once_into_js(lost).unchecked_ref()));
        Ok(Database(database))
    }

    /// Deletes the database of this name with all that is in it. Whoever has it open loses it.
    pub(super) async fn delete(name: &str) -> Result<(), StoreError> {
        let request = factory()?.delete_database(name).map_err(|exception| error(&exception))?;
        result(&request).await.map(drop)
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        self.0.name()
    }

    /// The signed genesis and the records of a room, if it is stored.
    pub(super) async fn room(&self, room: RoomId) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let stored = self.get(ROOMS, &room_key(room)).await?;
        Ok(bytes_at(&stored, "genesis")
            .map(|genesis| (genesis, bytes_at(&stored, "records").unwrap_or_default())))
    }

    /// The room that was last found at `address`, or is found there too, however the caller writes addresses.
    pub(super) async fn room_at(&self, address: &str) -> Result<Option<RoomId>, StoreError> {
        let address = JsValue::from(address);
        let is_there = |room: &Kept| {
            let further = property(&room.value, FURTHER).map(|further| Array::from(&further));
            property(&room.value, "address").as_ref() == Some(&address)
                || further.is_some_and(|further| further.includes(&address, 0))
        };
        Ok(self.all().await?.iter().find(|room| is_there(room)).and_then(Kept::id))
    }

    /// Notes that a room is used now, and where it is found. Nothing is noted of a room that is not stored.
    pub(super) async fn note_use(
        &self,
        room: RoomId,
        found: Option<&Found>,
        now_ms: f64,
    ) -> Result<(), StoreError> {
        self.exchange(ROOMS, &room_key(room), |stored| {
            stored.is_object().then(|| {
                set(stored, "used", &now_ms.into());
                if let Some(found) = found {
                    set(stored, "link", &found.link.as_str().into());
                    if let Some(place) = &found.place {
                        set(stored, "address", &place.as_str().into());
                    }
                }
                stored.clone()
            })
        })
        .await
    }

    /// Notes that a room is found at `address` too. Nothing is noted of a room that is not stored.
    pub(super) async fn note_further(&self, room: RoomId, address: &str) -> Result<(), StoreError> {
        self.exchange(ROOMS, &room_key(room), |stored| {
            let further = property(stored, FURTHER).map_or_else(Array::new, |further| Array::from(&further));
            let is_new = stored.is_object() && !further.includes(&address.into(), 0);
            is_new.then(|| {
                further.push(&address.into());
                set(stored, FURTHER, &further);
                stored.clone()
            })
        })
        .await
    }

    /// The keys of the batches that are stored of a room, at one moment: other tabs write too.
    pub(super) async fn batch_keys(&self, room: RoomId) -> Result<BTreeSet<BatchKey>, StoreError> {
        let mut keys = BTreeSet::new();
        let mut after = None;
        let transaction = self.transaction(&[BATCHES], IdbTransactionMode::Readonly)?;
        let batches = store(&transaction, BATCHES)?;
        loop {
            let range = range(room, after.as_ref())?;
            let request = batches
                .get_all_keys_with_key_and_limit(&range, SLICE as u32 * 4)
                .map_err(|exception| error(&exception))?;
            let found = Array::from(&result(&request).await?);
            keys.extend(found.iter().filter_map(|key| batch_key(&bytes_of(&key))));
            match found.length() {
                0 => return Ok(keys),
                length => after = Some(found.get(length - 1)),
            }
        }
    }

    /// Up to [`SLICE`] batches of a room behind the key `after`, and the key of the last.
    pub(super) async fn batches(
        &self,
        room: RoomId,
        after: Option<&JsValue>,
    ) -> Result<Option<(Vec<Vec<u8>>, JsValue)>, StoreError> {
        let transaction = self.transaction(&[BATCHES], IdbTransactionMode::Readonly)?;
        let batches = store(&transaction, BATCHES)?;
        let range = range(room, after)?;
        let keys = batches.get_all_keys_with_key_and_limit(&range, SLICE as u32);
        let values = batches.get_all_with_key_and_limit(&range, SLICE as u32);
        let keys = Array::from(&result(&keys.map_err(|exception| error(&exception))?).await?);
        let values = Array::from(&result(&values.map_err(|exception| error(&exception))?).await?);
        let Some(last) = keys.length().checked_sub(1) else { return Ok(None) };
        Ok(Some((values.iter().map(|batch| Uint8Array::new(&batch).to_vec()).collect(), keys.get(last))))
    }

    /// Those of these batches of a room that are stored, which are at most [`SLICE`].
    pub(super) async fn batches_at(
        &self,
        room: RoomId,
        keys: &[BatchKey],
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let transaction = self.transaction(&[BATCHES], IdbTransactionMode::Readonly)?;
        let batches = store(&transaction, BATCHES)?;
        let ask = |key: &BatchKey| batches.get(&key_bytes(room, key)).map_err(|exception| error(&exception));
        let requests = keys.iter().map(ask).collect::<Result<Vec<_>, _>>()?;
        // The last one is answered last.
        if let Some(last) = requests.last() {
            result(last).await?;
        }
        let found = requests.iter().filter_map(|request| request.result().ok()).filter(JsValue::is_object);
        Ok(found.map(|batch| Uint8Array::new(&batch).to_vec()).collect())
    }

    /// Applies changes and marks them, all or none, and returns when they are stored. Small groups are handed to
    /// the browser before this first awaits, so that a page that is closed just then loses nothing.
    pub(super) async fn apply_all(
        &self,
        changes: &[(RoomId, StoreChange)],
        marks: &[Mark],
        now_ms: f64,
    ) -> Result<(), StoreError> {
        let transaction = self.transaction(&[ROOMS, BATCHES, LEASES], IdbTransactionMode::Readwrite)?;
        let outcome = match put_marks(&transaction, marks) {
            Ok(()) => put_all(&transaction, changes, now_ms).await,
            failed => failed,
        };
        if let Err(failure) = outcome {
            // It may have been aborted already.
            let _ = transaction.abort();
            return Err(failure);
        }
        commit(&transaction);
        completion(&transaction).await
    }

    /// The stored rooms of this version, the longest unused first. Those of another one are that version's to forget.
    pub(super) async fn rooms(&self) -> Result<Vec<Kept>, StoreError> {
        let is_ours = |room: &Kept| {
            !bytes_at(&room.value, "genesis").is_some_and(|genesis| {
                let format = Genesis::check_format(&genesis);
                matches!(format, Err(GenesisError::First | GenesisError::Later(_)))
            })
        };
        let mut rooms = self.all().await?;
        rooms.retain(is_ours);
        rooms.sort_by(|one, other| one.used_ms().total_cmp(&other.used_ms()));
        Ok(rooms)
    }

    /// All that is stored, rooms of other versions included.
    pub(super) async fn all(&self) -> Result<Vec<Kept>, StoreError> {
        let transaction = self.transaction(&[ROOMS, LEASES], IdbTransactionMode::Readonly)?;
        let rooms = store(&transaction, ROOMS)?;
        let (keys, values) = (rooms.get_all_keys(), rooms.get_all());
        let marks = store(&transaction, LEASES)?.get_all_keys();
        let keys = Array::from(&result(&keys.map_err(|exception| error(&exception))?).await?);
        let values = Array::from(&result(&values.map_err(|exception| error(&exception))?).await?);
        let marks = Array::from(&result(&marks.map_err(|exception| error(&exception))?).await?);
        let marked: BTreeSet<RoomId> =
            marks.iter().filter_map(|key| Some(mark_in(&bytes_of(&key))?.0)).collect();
        let kept = |(key, value): (JsValue, JsValue)| {
            let was_elsewhere = property(&value, ELSEWHERE).is_some_and(|value| value.is_truthy());
            let is_only_here = !was_elsewhere || id_of(&key).is_some_and(|id| marked.contains(&id));
            Kept { key, value, is_only_here }
        };
        Ok(keys.iter().zip(values.iter()).map(kept).collect())
    }

    /// The marks of changes of a room that nobody else is known to have.
    pub(super) async fn marks(&self, room: RoomId) -> Result<Vec<String>, StoreError> {
        let transaction = self.transaction(&[LEASES], IdbTransactionMode::Readonly)?;
        let request = store(&transaction, LEASES)?.get_all_keys_with_key(marks_of(room)?.as_ref());
        let keys = Array::from(&result(&request.map_err(|exception| error(&exception))?).await?);
        let named = keys.iter().filter_map(|key| Some(mark_in(&bytes_of(&key))?.1));
        Ok(named.filter(|name| name.as_bytes() != BLOBS).collect())
    }

    /// Somebody else has everything of a room that was marked by these.
    pub(super) async fn settle(&self, room: RoomId, marks: &[String]) -> Result<(), StoreError> {
        let transaction = self.transaction(&[ROOMS, LEASES], IdbTransactionMode::Readwrite)?;
        let leases = store(&transaction, LEASES)?;
        for name in marks {
            leases.delete(&mark_key(room, name.as_bytes())).map_err(|exception| error(&exception))?;
        }
        let rooms = store(&transaction, ROOMS)?;
        let key = room_key(room);
        let request = rooms.get(&key).map_err(|exception| error(&exception))?;
        let stored = result(&request).await?;
        if stored.is_object() {
            set(&stored, ELSEWHERE, &JsValue::TRUE);
            rooms.put_with_key(&stored, &key).map_err(|exception| error(&exception))?;
        }
        commit(&transaction);
        completion(&transaction).await
    }

    /// An app offered a blob in a room.
    pub(super) async fn mark_blobs(&self, room: RoomId) -> Result<(), StoreError> {
        let transaction = self.transaction(&[LEASES], IdbTransactionMode::Readwrite)?;
        let request = store(&transaction, LEASES)?.put_with_key(&JsValue::TRUE, &mark_key(room, BLOBS));
        request.map_err(|exception| error(&exception))?;
        commit(&transaction);
        completion(&transaction).await
    }

    /// Forgets the room at a key with all its batches.
    pub(super) async fn forget(&self, key: &JsValue) -> Result<(), StoreError> {
        let transaction = self.transaction(&[ROOMS, BATCHES, LEASES], IdbTransactionMode::Readwrite)?;
        for name in [ROOMS, LEASES] {
            store(&transaction, name)?.delete(key).map_err(|exception| error(&exception))?;
        }
        if let Some(id) = id_of(key) {
            let range = range(id, None)?;
            store(&transaction, BATCHES)?.delete(&range).map_err(|exception| error(&exception))?;
            store(&transaction, LEASES)?
                .delete(marks_of(id)?.as_ref())
                .map_err(|exception| error(&exception))?;
        }
        commit(&transaction);
        completion(&transaction).await
    }

    /// Reads the value at a key, lets `change` say what stands there from now on, and returns when that is
    /// stored: nobody comes in between. `None` leaves it as it is, undefined removes it.
    pub(super) async fn exchange(
        &self,
        name: &str,
        key: &JsValue,
        change: impl FnOnce(&JsValue) -> Option<JsValue>,
    ) -> Result<(), StoreError> {
        let transaction = self.transaction(&[name], IdbTransactionMode::Readwrite)?;
        let values = store(&transaction, name)?;
        let request = values.get(key).map_err(|exception| error(&exception))?;
        let present = result(&request).await?;
        let written = match change(&present) {
            None => Ok(()),
            Some(value) if value.is_undefined() => values.delete(key).map(drop),
            Some(value) => values.put_with_key(&value, key).map(drop),
        };
        written.map_err(|exception| error(&exception))?;
        commit(&transaction);
        completion(&transaction).await
    }

    /// Removes what stands at a key, without waiting for it.
    pub(super) fn remove(&self, name: &str, key: &JsValue) -> Result<(), StoreError> {
        let transaction = self.transaction(&[name], IdbTransactionMode::Readwrite)?;
        store(&transaction, name)?.delete(key).map_err(|exception| error(&exception))?;
        commit(&transaction);
        Ok(())
    }

    async fn get(&self, name: &str, key: &JsValue) -> Result<JsValue, StoreError> {
        let transaction = self.transaction(&[name], IdbTransactionMode::Readonly)?;
        let request = store(&transaction, name)?.get(key).map_err(|exception| error(&exception))?;
        result(&request).await
    }

    /// A transaction; one that writes is complete when its data is on the disk, where the browser knows how.
    fn transaction(&self, names: &[&str], mode: IdbTransactionMode) -> Result<IdbTransaction, StoreError> {
        let names: Array = names.iter().map(|&name| JsValue::from(name)).collect();
        let options = Object::new();
        set(&options, "durability", &"strict".into());
        // web-sys has this method's third argument among its unstable ones only.
        let begin: Function = property(self.0.as_ref(), "transaction")
            .and_then(|begin| begin.dyn_into().ok())
            .ok_or_else(|| refused("this browser has no transactions"))?;
        let mode = if mode == IdbTransactionMode::Readwrite { "readwrite" } else { "readonly" };
        let begun = begin.call3(self.0.as_ref(), &names, &mode.into(), &options);
        Ok(begun.map_err(|exception| error(&exception))?.unchecked_into())
    }
}

impl Kept {
    /// Which room it is.
    pub(super) fn id(&self) -> Option<RoomId> {
        id_of(&self.key)
    }

    /// The link by which it was found last.
    pub(super) fn link(&self) -> Option<String> {
        property(&self.value, "link")?.as_string()
    }

    /// Its genesis and its records.
    pub(super) fn stored(&self) -> StoredRoom {
        read_room(&self.value)
    }

    /// When it was last used, in milliseconds of the civil clock.
    fn used_ms(&self) -> f64 {
        property(&self.value, "used").and_then(|used| used.as_f64()).unwrap_or(0.0)
    }
}

/// The genesis and the records in a room's entry.
fn read_room(stored: &JsValue) -> StoredRoom {
    let bytes = |name| bytes_at(stored, name).unwrap_or_default();
    StoredRoom { genesis: bytes("genesis"), records: bytes("records"), batches: Vec::new() }
}

/// Marks groups of changes.
fn put_marks(transaction: &IdbTransaction, marks: &[Mark]) -> Result<(), StoreError> {
    let leases = store(transaction, LEASES)?;
    for Mark { room, name, replaces } in marks {
        for earlier in replaces {
            leases.delete(&mark_key(*room, earlier.as_bytes())).map_err(|exception| error(&exception))?;
        }
        let request = leases.put_with_key(&JsValue::TRUE, &mark_key(*room, name.as_bytes()));
        request.map_err(|exception| error(&exception))?;
    }
    Ok(())
}

async fn put_all(
    transaction: &IdbTransaction,
    changes: &[(RoomId, StoreChange)],
    now_ms: f64,
) -> Result<(), StoreError> {
    let (rooms, batches) = (store(transaction, ROOMS)?, store(transaction, BATCHES)?);
    let mut asked = 0;
    for (room, change) in changes {
        if change.genesis.is_some() || change.records.is_some() {
            put_room(&rooms, *room, change, now_ms).await?;
        }
        let inserted = change.insert.iter().map(|(key, batch)| (key, Some(batch)));
        for (key, batch) in inserted.chain(change.remove.iter().map(|key| (key, None))) {
            let place = key_bytes(*room, key);
            let request = match batch {
                Some(batch) => batches.put_with_key(&Uint8Array::from(batch.as_slice()), &place),
                None => batches.delete(&place),
            };
            let request = request.map_err(|exception| error(&exception))?;
            asked += 1;
            if asked % SLICE == 0 {
                result(&request).await?;
            }
        }
    }
    Ok(())
}

/// Writes a room's genesis over what is known of it, and its records beside those that another tab stored.
async fn put_room(
    rooms: &IdbObjectStore,
    room: RoomId,
    change: &StoreChange,
    now_ms: f64,
) -> Result<(), StoreError> {
    let key = room_key(room);
    let request = rooms.get(&key).map_err(|exception| error(&exception))?;
    let mut stored = result(&request).await?;
    if !stored.is_object() {
        stored = Object::new().into();
        set(&stored, "used", &now_ms.into());
    }
    if let Some(genesis) = &change.genesis {
        set(&stored, "genesis", &Uint8Array::from(genesis.as_slice()));
    }
    if let Some(records) = &change.records {
        let merged = read_room(&stored).merge_records(records);
        set(&stored, "records", &Uint8Array::from(merged.as_slice()));
    }
    rooms.put_with_key(&stored, &key).map(drop).map_err(|exception| error(&exception))
}

/// Tells the browser that nothing more comes: it need not wait for the page, which may be closing.
fn commit(transaction: &IdbTransaction) {
    super::super::handler::call(transaction.as_ref(), "commit");
}

fn store(transaction: &IdbTransaction, name: &str) -> Result<IdbObjectStore, StoreError> {
    transaction.object_store(name).map_err(|exception| error(&exception))
}

fn refused(words: &str) -> StoreError {
    StoreError::Refused(words.to_owned())
}

/// The key of a room.
pub(super) fn room_key(room: RoomId) -> JsValue {
    Uint8Array::from(room.0.as_slice()).into()
}

fn key_bytes(room: RoomId, key: &BatchKey) -> JsValue {
    let mut bytes = [0; KEY_LEN];
    bytes[..32].copy_from_slice(&room.0);
    bytes[32..].copy_from_slice(&key.to_bytes());
    Uint8Array::from(bytes.as_slice()).into()
}

fn batch_key(bytes: &[u8]) -> Option<BatchKey> {
    let bytes: &[u8; KEY_LEN] = bytes.try_into().ok()?;
    bytes.last_chunk().map(BatchKey::from_bytes)
}

/// All keys that a batch of `room` can have, behind `after` if that is given.
fn range(room: RoomId, after: Option<&JsValue>) -> Result<IdbKeyRange, StoreError> {
    let edge = |fill: u8| -> JsValue {
        let mut bytes = [fill; KEY_LEN];
        bytes[..32].copy_from_slice(&room.0);
        Uint8Array::from(bytes.as_slice()).into()
    };
    let range = match after {
        None => IdbKeyRange::bound(&edge(u8::MIN), &edge(u8::MAX)),
        Some(after) => IdbKeyRange::bound_with_lower_open(after, &edge(u8::MAX), true),
    };
    range.map_err(|exception| error(&exception))
}

/// Bytes that stand in a room's entry.
fn bytes_at(stored: &JsValue, name: &str) -> Option<Vec<u8>> {
    property(stored, name).map(|bytes| Uint8Array::new(&bytes).to_vec())
}

/// The key of a mark of a room.
fn mark_key(room: RoomId, name: &[u8]) -> JsValue {
    Uint8Array::from([&room.0[..], name].concat().as_slice()).into()
}

/// The room of the mark with this key, and the mark's name. A lease has the room alone as its key.
fn mark_in(key: &[u8]) -> Option<(RoomId, String)> {
    let (room, name) = key.split_first_chunk()?;
    let name = str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    Some((RoomId(*room), name.to_owned()))
}

/// All keys of marks of a room: they are longer than the key of its lease, and their names are UTF-8.
fn marks_of(room: RoomId) -> Result<IdbKeyRange, StoreError> {
    let above: JsValue = Uint8Array::from([&room.0[..], &[u8::MAX]].concat().as_slice()).into();
    let range = IdbKeyRange::bound_with_lower_open(&room_key(room), &above, true);
    range.map_err(|exception| error(&exception))
}

/// The room whose key this is.
fn id_of(key: &JsValue) -> Option<RoomId> {
    bytes_of(key).try_into().ok().map(RoomId)
}

/// The bytes of a binary key.
fn bytes_of(key: &JsValue) -> Vec<u8> {
    key.dyn_ref::<ArrayBuffer>().map(|buffer| Uint8Array::new(buffer).to_vec()).unwrap_or_default()
}

/// Sets a property of a plain object, which never fails.
pub(super) fn set(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}
