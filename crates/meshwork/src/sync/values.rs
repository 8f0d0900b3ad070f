//! Values by name, with their history.

use std::collections::{BTreeMap, VecDeque};

use meshwork_core::table::{self, VALUE_MAX};
use meshwork_sync::{NAME_MAX, values};
use serde::Serialize;

use crate::app::{App, check_sizes, json};
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::room::Room;
use crate::shared::Changed;
use crate::table::{Change, Entry, Watched};

/// Values by name: of what two write under one the later one holds, and the last
/// [`HISTORY_MAX`](crate::sync::HISTORY_MAX) writes of each are kept with who wrote them, and when.
///
/// What somebody wrote stays in the history of its key until its author writes there again so often: nobody else takes
/// it away.
#[derive(Clone, Debug)]
pub struct Values(pub(crate) App);

/// The changes of values from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct ValueChanges {
    values: Values,
    watched: Watched,
    inbox: Inbox<Changed>,
    /// The last write of each key, as it was told.
    latest: BTreeMap<String, table::Entry>,
    /// Keys of whose fields one reads different.
    waiting: VecDeque<(String, table::Change)>,
    missed: u64,
}

impl App {
    /// Values by name, with who wrote them, when, and what stood there before.
    pub fn values(&self) -> Values {
        Values(self.clone())
    }
}

impl Room {
    /// The values of the app that the room opened with: see [`App::values`].
    pub fn values(&self) -> Values {
        self.opening_app().values()
    }
}

impl Values {
    /// Gives a key a value, as JSON: [RawValue](https://docs.rs/serde_json/1/serde_json/value/struct.RawValue.html) keeps a text as it is. What
    /// not all programs read is refused: NaN and infinities, numbers beyond a double, half of a surrogate pair, more than 127 levels of
    /// lists and objects. It may be written while nobody is linked, and travels later. Dropping the future
    /// leaves it written, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written. A key has at most [`NAME_MAX`] bytes, a value
    /// [`VALUE_MAX`].
    pub async fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), WriteError> {
        self.write(key, Some(json(value)?)).await
    }

    /// Deletes a key: it has no value, for anybody, until somebody gives it one. Its history stays.
    ///
    /// # Errors
    /// [`WriteError`]; the key is as it was.
    pub async fn delete(&self, key: &str) -> Result<(), WriteError> {
        self.write(key, None).await
    }

    /// The value of a key; `None` where it has none.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, Closed> {
        let key = key.to_owned();
        self.0.read(move |table| values::get(table, &key).map(|entry| read(&key, entry))).await
    }

    /// The values of all keys that begin with `prefix`, by key.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn entries(&self, prefix: &str) -> Result<Vec<Entry>, Closed> {
        let prefix = prefix.to_owned();
        let entries = move |table: &table::Table| {
            let latest = values::all_latest(table, &prefix).into_iter();
            latest.filter(|(_, entry)| values::is_value(entry)).map(|(key, entry)| read(key, entry)).collect()
        };
        self.0.read(entries).await
    }

    /// The last [`HISTORY_MAX`](crate::sync::HISTORY_MAX) writes of a key, the latest first: that it was deleted too, as an entry
    /// without [bytes](Entry::bytes).
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn history(&self, key: &str) -> Result<Vec<Entry>, Closed> {
        let key = key.to_owned();
        let history = move |table: &table::Table| {
            values::history(table, &key).into_iter().map(|entry| read(&key, entry)).collect()
        };
        self.0.read(history).await
    }

    /// Hears from now on what changes at keys that begin with `prefix`: each write once, with what stood there before.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn watch(&self, prefix: &str) -> Result<ValueChanges, Closed> {
        self.watch_by(Watched::From(prefix.to_owned())).await
    }

    /// Hears from now on what changes at one key: each write once, with what stood there before.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn watch_key(&self, key: &str) -> Result<ValueChanges, Closed> {
        self.watch_by(Watched::One(key.to_owned())).await
    }

    async fn watch_by(&self, watched: Watched) -> Result<ValueChanges, Closed> {
        // What is heard from here on and stands there already is told by its stamp.
        let inbox = self.0.watch();
        let wanted = watched.clone();
        let latest = move |table: &table::Table| {
            let (Watched::From(beginning) | Watched::One(beginning)) = &wanted;
            let latest = values::all_latest(table, beginning).into_iter();
            let latest = latest.filter(|(key, _)| wanted.has(key));
            latest.map(|(key, entry)| (key.to_owned(), entry.clone())).collect()
        };
        let latest = self.0.read(latest).await?;
        let (values, waiting) = (self.clone(), VecDeque::new());
        Ok(ValueChanges { values, watched, inbox, latest, waiting, missed: 0 })
    }

    /// What was written last at a key: that it was deleted, too.
    async fn latest(&self, key: &str) -> Result<Option<table::Entry>, Closed> {
        let key = key.to_owned();
        self.0.read(move |table| values::latest(table, &key).cloned()).await
    }

    async fn write(&self, key: &str, value: Option<Vec<u8>>) -> Result<(), WriteError> {
        let length = value.as_ref().map_or(0, Vec::len);
        check_sizes(&[(key.len(), NAME_MAX), (length, VALUE_MAX)])?;
        let key = key.to_owned();
        self.0.write(move |table, me| Ok(values::set(table, me.peer, &key, value.as_deref()))).await
    }
}

impl ValueChanges {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some((key, change)) = self.waiting.front() {
                let told = self.latest.get(key).map(values::rank);
                let rank = |entry: &Option<table::Entry>| entry.as_ref().map(values::rank);
                let now = match rank(&change.after) > told {
                    true => change.after.clone(),
                    // What stood there counts no more, as after a ban: an earlier write holds, or none.
                    false if told.is_some() && rank(&change.before) == told => {
                        self.values.latest(key).await.ok()?
                    }
                    // A write before the last one.
                    false => self.latest.get(key).cloned(),
                };
                let (key, _) = self.waiting.pop_front()?;
                if let Some(change) = self.turn(key, now) {
                    return Some(change);
                }
                continue;
            }
            let (changed, missed) = self.inbox.next().await?;
            self.missed += missed;
            let changes: &[table::Change] = changed.changes.of();
            let keys = changes.iter().filter_map(|change| Some((values::key_of(change)?, change)));
            let wanted = keys.filter(|(key, _)| self.watched.has(key));
            self.waiting.extend(wanted.map(|(key, change)| (key.to_owned(), change.clone())));
        }
    }

    /// How many times something changed in the app's table, so far, that this reader was too slow to hear: the values
    /// themselves say what is there now.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Takes over what was written last at a key, and says what reads different.
    fn turn(&mut self, key: String, now: Option<table::Entry>) -> Option<Change> {
        let before = match &now {
            Some(entry) => self.latest.insert(key.clone(), entry.clone()),
            None => self.latest.remove(&key),
        };
        let differs = before.as_ref().map(values::rank) != now.as_ref().map(values::rank);
        let entry = |entry: Option<table::Entry>| {
            entry.filter(values::is_value).map(|entry| Entry { key: key.clone(), entry })
        };
        differs.then(|| Change {
            key: key.clone(),
            field: String::new(),
            author: now.as_ref().map(table::Entry::author),
            time_ms: now.as_ref().map(|write| write.stamp().millis()),
            before: entry(before),
            after: entry(now),
        })
    }
}

fn read(key: &str, entry: &table::Entry) -> Entry {
    Entry { key: key.to_owned(), entry: entry.clone() }
}
