//! Keys and values that a room keeps.

use std::collections::BTreeSet;
use std::fmt;

use meshwork_core::id::PeerId;
use meshwork_core::node::{Holders, Node, Receipt as Written};
use meshwork_core::replica::part_named;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{self, ROW_MAX, Writer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{App, WhenFull, check_sizes, write_in};
use crate::error::{Closed, WriteError};
use crate::fields::{Fields, check_fits_one_batch};
use crate::inbox::Inbox;
use crate::log::LogId;
use crate::receipt::Receipt;
use crate::runner::MaybeSend;
use crate::shared::Changed;

/// Bytes of a table's name and a key together: one more parts them in the id of a row, which everybody keeps.
pub const KEY_MAX: usize = ROW_MAX - 1;

/// Keys and values that the room keeps, each with its author. Of what two write at one key the later one holds.
///
/// Who may write a key is part of it: those that everybody writes and [those of one peer](Table::mine) never collide.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) app: App,
    name: String,
    pub(crate) writer: Writer,
    /// By value, or by time: then keys are the texts of [`LogId`]s.
    pub(crate) family: Family,
    pub(crate) when_full: WhenFull,
}

/// One row of a table: fields that change alone.
#[derive(Clone, Debug)]
pub struct Row {
    table: Table,
    key: String,
}

/// A value that a table has.
#[derive(Clone)]
pub struct Entry {
    pub(crate) key: String,
    pub(crate) entry: table::Entry,
}

/// A key that reads different now.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its key.
    pub key: String,
    /// Which field of the row; empty for the value of the key itself.
    pub field: String,
    /// What stood there before; `None` for nothing.
    pub before: Option<Entry>,
    /// What stands there now; `None` for nothing.
    pub after: Option<Entry>,
    /// Who wrote what stands there now, or removed what stood there; `None` where that counts no more, as after a ban.
    pub author: Option<PeerId>,
    /// When, by the room's time: milliseconds since 1970; `None` as for the author.
    pub time_ms: Option<u64>,
}

/// Keys or names of which somebody wants to hear.
#[derive(Clone, Debug)]
pub(crate) enum Watched {
    /// All that begin so.
    From(String),
    /// This one alone.
    One(String),
}

/// The changes of a table from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct Changes {
    table: Table,
    watched: Watched,
    /// Whether keys of each peer's own are meant, whoever the table's writer is.
    of_each: bool,
    inbox: Inbox<Changed>,
    /// What was heard and not yet taken out, the last first.
    waiting: Vec<Change>,
    missed: u64,
}

impl Table {
    pub(crate) fn new(app: App, name: &str) -> Table {
        assert!(name.len() < KEY_MAX && !name.contains('\0'), "a table's name leaves room for a key");
        let (name, writer) = (name.to_owned(), Writer::Anybody);
        Table { app, name, writer, family: Family::ByValue, when_full: WhenFull::Refuse }
    }

    /// The table under a log.
    pub(crate) fn by_time(app: App, name: &str) -> Table {
        let (name, writer) = (name.to_owned(), Writer::Peer(app.room.me().peer));
        Table { app, name, writer, family: Family::ByTime, when_full: WhenFull::Refuse }
    }

    /// The keys of this table that this program's peer alone may write.
    #[must_use]
    pub fn mine(&self) -> Table {
        self.of(self.app.room.me().peer)
    }

    /// The keys of this table that a peer alone may write: to be read.
    #[must_use]
    pub fn of(&self, peer: PeerId) -> Table {
        Table { writer: Writer::Peer(peer), ..self.clone() }
    }

    /// The keys of this table that the owner and moderators alone may write.
    #[must_use]
    pub fn moderated(&self) -> Table {
        Table { writer: Writer::Moderators, ..self.clone() }
    }

    /// The same keys, written without [`WriteError::Full`]: if this peer's quota is used up, a write evicts the peer's oldest
    /// entries in the app's tables. For tables in which later entries matter more, such as results or positions.
    #[must_use]
    pub fn evicting_oldest(&self) -> Table {
        Table { when_full: WhenFull::EvictOldest, ..self.clone() }
    }

    /// One row: fields that change alone.
    #[must_use]
    pub fn row(&self, key: &str) -> Row {
        Row { table: self.clone(), key: key.to_owned() }
    }

    /// Gives a key a value, as JSON. NaN and infinities are refused, and what else not all programs read. It may be written while nobody is linked, and travels later. Dropping the future
    /// leaves it written, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written. Name and key have at most [`KEY_MAX`] bytes together, a value
    /// [`VALUE_MAX`](crate::VALUE_MAX).
    pub async fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Receipt, WriteError> {
        self.row(key).set("", value).await
    }

    /// Gives a key bytes as its value, as [`Table::set`] does.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn set_bytes(&self, key: &str, bytes: &[u8]) -> Result<Receipt, WriteError> {
        self.write(key, Fields::new().set_bytes("", bytes)).await
    }

    /// Removes a key. What was removed is not there for anybody.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was removed.
    pub async fn remove(&self, key: &str) -> Result<Receipt, WriteError> {
        self.write(key, Fields::new().remove("")).await
    }

    /// The value of a key; `None` where it has none.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, Closed> {
        self.row(key).get("").await
    }

    /// The values of all keys that begin with `prefix`, by key. Fields of rows are not among them.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn entries(&self, prefix: &str) -> Result<Vec<Entry>, Closed> {
        let writer = self.writer;
        self.entries_by(prefix, move |other| other == writer).await
    }

    /// What each peer has at the keys of its own that begin with `prefix`, by key and author: the
    /// [`mine`](Table::mine) of everybody.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn entries_of_each(&self, prefix: &str) -> Result<Vec<Entry>, Closed> {
        self.entries_by(prefix, is_peer).await
    }

    /// All rows whose keys begin with `prefix`, by key: those that have a field, or a value at the key itself.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn rows(&self, prefix: &str) -> Result<Vec<Row>, Closed> {
        let (begin, writer) = (self.row_id(prefix), self.writer);
        let rows = self.app.read_from(self.family, move |table| -> BTreeSet<Vec<u8>> {
            let wanted =
                table.entries(&begin).filter(|entry| entry.value().is_some() && entry.field().0 == writer);
            wanted.map(|entry| entry.row().to_vec()).collect()
        });
        let keys = rows.await?.into_iter().filter_map(|row| self.key_of(&row));
        Ok(keys.map(|key| self.row(&key)).collect())
    }

    async fn entries_by(
        &self,
        prefix: &str,
        is_wanted: impl Fn(Writer) -> bool + MaybeSend + 'static,
    ) -> Result<Vec<Entry>, Closed> {
        let rows = self.row_id(prefix);
        let is_value = move |(who, name): table::Field<'_>| name.is_empty() && is_wanted(who);
        let entries = self.app.read_from(self.family, move |table| -> Vec<table::Entry> {
            table.entries(&rows).filter(|entry| is_value(entry.field())).cloned().collect()
        });
        let mut entries: Vec<Entry> =
            entries.await?.into_iter().filter_map(|entry| self.entry(entry)).collect();
        entries.sort_by(|one, other| (&one.key, one.author()).cmp(&(&other.key, other.author())));
        Ok(entries)
    }

    /// Hears from now on what changes at keys that begin with `prefix`, fields of rows included: each change once, with
    /// what stood there before.
    pub fn watch(&self, prefix: &str) -> Changes {
        self.watch_by(Watched::From(prefix.to_owned()), false)
    }

    /// Hears from now on what changes at one key, fields of its row included: see [`Table::watch`].
    pub fn watch_key(&self, key: &str) -> Changes {
        self.watch_by(Watched::One(key.to_owned()), false)
    }

    /// Hears from now on what changes at keys of each peer's own: see [`Table::entries_of_each`].
    pub fn watch_each(&self, prefix: &str) -> Changes {
        self.watch_by(Watched::From(prefix.to_owned()), true)
    }

    pub(crate) fn watch_by(&self, watched: Watched, of_each: bool) -> Changes {
        let (table, inbox) = (self.clone(), self.app.watch_in(self.family));
        Changes { table, watched, of_each, inbox, waiting: Vec::new(), missed: 0 }
    }

    pub(crate) fn row_id(&self, key: &str) -> Vec<u8> {
        let id = (self.family == Family::ByTime).then(|| key.parse::<LogId>().ok()).flatten();
        let tail = id.as_ref().map_or(key.as_bytes(), |id| &id.0);
        [self.name.as_bytes(), b"\0", tail].concat()
    }

    /// The key of a row; `None` for a row of another table, and one that another kind of program wrote.
    fn key_of(&self, row: &[u8]) -> Option<String> {
        let key = row.strip_prefix(&*self.row_id(""))?;
        match self.family {
            Family::ByTime => Some(LogId(key.try_into().ok()?).to_string()),
            _ => Some(str::from_utf8(key).ok()?.to_owned()),
        }
    }

    pub(crate) fn entry(&self, entry: table::Entry) -> Option<Entry> {
        let key = self.key_of(entry.row())?;
        entry.value().is_some().then_some(Entry { key, entry })
    }

    /// Fails if only another peer may write here.
    pub(crate) fn check_writer(&self) -> Result<(), WriteError> {
        match self.writer {
            Writer::Peer(peer) if peer != self.app.room.me().peer => {
                Err(WriteError::NotAllowed { rule: format!("the peer {peer}") })
            }
            _ => Ok(()),
        }
    }

    async fn write(&self, key: &str, fields: Fields) -> Result<Receipt, WriteError> {
        if self.family == Family::ByValue {
            check_sizes(&[(self.name.len() + key.len(), KEY_MAX)])?;
        }
        self.check_writer()?;
        let (me, when_full) = (self.app.room.me(), self.when_full);
        let writes = fields.writes(&self.row_id(key), self.writer)?;
        check_fits_one_batch(me.peer, &writes)?;
        let replica = self.app.slot.replica(self.family);
        let work =
            move |node: &mut Node, now, room| write_in(node, now, (room, replica), me, &writes, when_full);
        let written = self.app.room.call_patiently(work).await?.map_err(WriteError::from)??;
        self.receipt(written)
    }

    pub(crate) fn receipt(&self, written: Option<Written>) -> Result<Receipt, WriteError> {
        let nothing = || WriteError::Invalid(String::from("there was nothing to write"));
        Ok(Receipt::new(self.app.room.clone(), written.ok_or_else(nothing)?))
    }
}

fn is_peer(writer: Writer) -> bool {
    matches!(writer, Writer::Peer(_))
}

impl Watched {
    pub(crate) fn has(&self, key: &str) -> bool {
        match self {
            Watched::From(prefix) => key.starts_with(prefix),
            Watched::One(one) => key == one,
        }
    }
}

impl Row {
    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// All fields that have a value, by name. A value of the key itself has the empty name.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn fields(&self) -> Result<Vec<(String, Entry)>, Closed> {
        let (table, row, writer) = (&self.table, self.table.row_id(&self.key), self.table.writer);
        let entries = table.app.read_from(table.family, move |table| -> Vec<table::Entry> {
            let own = table.row(&row).filter(|entry| entry.value().is_some() && entry.field().0 == writer);
            own.cloned().collect()
        });
        let field = |entry: table::Entry| {
            let name = str::from_utf8(entry.field().1).ok()?.to_owned();
            Some((name, table.entry(entry)?))
        };
        let mut fields: Vec<(String, Entry)> = entries.await?.into_iter().filter_map(field).collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(fields)
    }

    /// Gives a field a value, as JSON: as [`Table::set`] does.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn set<T: Serialize + ?Sized>(&self, field: &str, value: &T) -> Result<Receipt, WriteError> {
        self.set_all(Fields::new().set(field, value)).await
    }

    /// Writes several fields at once: they have one signature and one time, and other programs show all of them together.
    ///
    /// ```
    /// # use meshwork::{Fields, testing::Network};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let room = Network::new(7).endpoint("Ann").create(meshwork::room("trips")).await?;
    /// let ferry = room.table("trips").row("ferry");
    /// ferry.set_all(Fields::new().set("leaves", "9:40").set("seats", &40)).await?;
    /// let receipt = ferry.set_all(Fields::new().set("seats", &39).remove("leaves")).await?;
    /// assert_eq!(ferry.fields().await?.len(), 1);
    /// println!("{} members that stay have it", receipt.holders().await?.members.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written. [`WriteError::TooLarge`] if the fields do not fit one batch: see [`Fields`].
    pub async fn set_all(&self, fields: Fields) -> Result<Receipt, WriteError> {
        self.table.write(&self.key, fields).await
    }

    /// Removes a field.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was removed.
    pub async fn remove(&self, field: &str) -> Result<Receipt, WriteError> {
        self.set_all(Fields::new().remove(field)).await
    }

    /// The value of a field; `None` where it has none.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, field: &str) -> Result<Option<Entry>, Closed> {
        let table = &self.table;
        let (row, field) = (table.row_id(&self.key), table.writer.field(field.as_bytes()));
        let entry = table.app.read_from(table.family, move |table| table.get(&row, &field).cloned()).await?;
        Ok(entry.and_then(|entry| table.entry(entry)))
    }

    /// The holders of this program's last write in the row: its own storage, and members that stay. Without a write since the
    /// room was opened: the members that are synchronised with this program, and whether it stores the whole room.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn holders(&self) -> Result<Holders, Closed> {
        let Table { app, family, .. } = &self.table;
        app.holders(app.slot.replica(*family), part_named(&self.table.row_id(&self.key))).await
    }
}

impl Entry {
    /// The key; of a field that of its row.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value, if it is one of this kind in JSON.
    ///
    /// # Errors
    /// What is wrong with it: an app skips what it cannot read.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.bytes())
    }

    /// The value as it was written.
    pub fn bytes(&self) -> &[u8] {
        self.entry.value().unwrap_or_default()
    }

    /// Who wrote it: [`Room::name_of`](crate::Room::name_of) says what they call themselves.
    pub fn author(&self) -> PeerId {
        self.entry.author()
    }

    /// When it was written, by the room's time: milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        self.entry.stamp().millis()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = String::from_utf8_lossy(self.bytes());
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("value", &value)
            .field("author", &self.author())
            .finish()
    }
}

impl Changes {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.waiting.pop() {
                return Some(change);
            }
            let (changed, missed) = self.inbox.next().await?;
            self.missed += missed;
            let changes: &[table::Change] = changed.changes.of();
            self.waiting = changes.iter().rev().filter_map(|change| self.read(change)).collect();
        }
    }

    /// How many times something changed, so far, that this reader was too slow to hear: the table itself says what is
    /// there now.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    fn read(&self, change: &table::Change) -> Option<Change> {
        let key = self.table.key_of(change.row()).filter(|key| self.watched.has(key))?;
        let (writer, field) = change.field();
        let is_wanted = if self.of_each { is_peer(writer) } else { writer == self.table.writer };
        if !is_wanted {
            return None;
        }
        let entry = |entry: &Option<table::Entry>| entry.clone().and_then(|entry| self.table.entry(entry));
        let write = change.after.as_ref().or(change.removal.as_ref());
        Some(Change {
            key,
            field: str::from_utf8(field).ok()?.to_owned(),
            before: entry(&change.before),
            after: entry(&change.after),
            author: write.map(table::Entry::author),
            time_ms: write.map(|write| write.stamp().millis()),
        })
    }
}
