//! Tables: rows of fields that a room keeps in step, each written by somebody and some by one peer alone.
//!
//! # Problem
//! Counters, settings, conversations and lists of jobs are all keys with values. Whoever stays must be able to keep
//! and serve them without knowing the app, nobody must be able to fill them up for others, and members must find
//! out quickly in which few of many fields they differ.
//!
//! # How it works
//! Each field of a row is a last-writer-wins register (Shapiro et al., "A comprehensive study of Convergent and
//! Commutative Replicated Data Types", 2011, section 3.2.1): the entry with the greatest (stamp, PeerId, content) holds
//! it, to remove being the greatest content. A field's first bytes say who may write it. Of each peer's entries the
//! latest hold, up to a [`Quota`]; so whoever writes more harms itself alone, and no table is ever full for others.
//! What falls out leaves its field as if it had never been written. A batch is kept while one of its entries holds.
//! Entries lie in the leaves of a tree, whose nodes have digests.
//!
//! The name of a table is a prefix of its rows: nothing is made, listed or used up by naming it. Whoever gives names
//! ends each with a byte that is in no name.
//!
//! # Driving it
//! [`payloads`] turns [`Write`]s into payloads of batches; [`Replica::check`] and [`Replica::apply`] take them in.
//! [`Table::get`] and [`Table::entries`] read, [`Change`] says what became different.
//!
//! # Invariants
//! - Who holds which field depends on the batches that are kept, not on how they came. Where nobody wrote more than
//!   its quota, it depends on the batches applied alone.
//! - The digest depends on nothing but who holds which field, with what and since when.
//!
//! # Limits
//! [`ROW_MAX`], [`FIELD_MAX`], [`VALUE_MAX`], [`ENTRIES_MAX`] for what is written, [`Quota`] for what holds.
//! - Who moderates is the room's to know: a [`Content`](crate::replica::Content) tells it when to look.
//! - A retraction covers entries of an author, or of everybody, up to a stamp: in the row whose id is its scope, or where
//!   that is empty in all rows.
//! - Whoever made many keys can fill memory with what each may hold. To give up part of a table is left to the room.
//!
//! ```
//! use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
//! use meshwork_core::clock::Stamp;
//! use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
//! use meshwork_core::replica::Replica as _;
//! use meshwork_core::table::{Kind, Table, Write, Writer, payloads};
//!
//! let identity = Identity::from_secret([1; 32]);
//! let author = Endpoint { peer: identity.peer(), instance: Instance(2) };
//! let mut table = Table::new(Kind::ByValue);
//! let mine = Writer::Peer(author.peer).field(b"seats");
//! for payload in payloads(author.peer, &[Write::value("votes\0ferry", mine.clone(), "40")])? {
//!     let window = StampWindow::at(Stamp(1_790_000_000_000 << 16));
//!     let header = Header::new(author, 1, window, 0);
//!     let batch = SignedBatch::sign(&identity, &RoomId([3; 32]), &header, &payload)?;
//!     let content = table.check(&batch.header(), batch.payload())?;
//!     assert!(table.apply(batch, content).kept);
//! }
//! let entry = table.get(b"votes\0ferry", &mine).expect("it was written");
//! assert_eq!((entry.value(), entry.author()), (Some(&b"40"[..]), author.peer));
//! assert_eq!(table.entries(b"votes\0").count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contest;
mod entry;
mod payload;
mod quota;
mod replica;
mod ruled;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt;

use self::contest::{Contest, Held, Turn};
pub use self::entry::Entry;
use self::payload::FIRST_FIELD;
pub use self::payload::{
    ENTRIES_MAX, FIELD_MAX, Field, Payload, ROW_MAX, TableError, VALUE_MAX, Writer, Written, payloads,
};
pub use self::quota::{Quota, Used};
pub use self::ruled::{Allows, Attempt, RuledTable};
use crate::id::PeerId;
use crate::replica::leaves::{Item, Leaves};
use crate::replica::{Applied, Changes, Floor, Replica, Retraction};
use crate::signed::batch::{Header, SignedBatch};

/// Bytes at the end of a row of a table by time: six of the time in milliseconds since 1970, the most significant
/// first, and eight that tell rows of one millisecond apart.
pub const TIME_TAIL: usize = 14;
/// Milliseconds that one place of a tree by time spans are two to the power of this: 4.7 hours, so that 18 bits reach
/// until 2109 and leave 12 of the tree's 30 for the hash.
const TIME_SPAN_BITS: u32 = 24;
/// Bits of a path that are the time's.
const TIME_BITS: u32 = 18;

/// By what the entries of a table lie in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the hash of row and field.
    ByValue,
    /// By the time that the row's id carries in its [`TIME_TAIL`], then by the hash of row and field: so that what is
    /// old lies together.
    ByTime,
}

/// What an app writes in one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// The row's id, of at most [`ROW_MAX`] bytes.
    pub row: Vec<u8>,
    /// The field, as [`Writer::field`] gives it.
    pub field: Vec<u8>,
    /// Its value, of at most [`VALUE_MAX`] bytes; `None` removes the field.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// Gives a field a value.
    pub fn value(row: impl AsRef<[u8]>, field: Vec<u8>, value: impl AsRef<[u8]>) -> Write {
        Write { row: row.as_ref().to_vec(), field, value: Some(value.as_ref().to_vec()) }
    }

    /// Removes a field.
    pub fn removal(row: impl AsRef<[u8]>, field: Vec<u8>) -> Write {
        Write { row: row.as_ref().to_vec(), field, value: None }
    }
}

/// A field that reads different now.
#[derive(Clone, Debug)]
pub struct Change {
    /// What stood there before; `None` for nothing.
    pub before: Option<Entry>,
    /// What stands there now; `None` for nothing.
    pub after: Option<Entry>,
    /// What removed it; `None` where something stands there, and where what stood there is hidden or left out.
    pub removal: Option<Entry>,
}

impl Change {
    /// The row's id.
    pub fn row(&self) -> &[u8] {
        self.before.as_ref().or(self.after.as_ref()).map_or(&[], Entry::row)
    }

    /// The field: who may write it, and its name.
    pub fn field(&self) -> Field<'_> {
        self.before.as_ref().or(self.after.as_ref()).map_or(FIRST_FIELD, Entry::field)
    }
}

/// Rows of fields with the values that hold.
pub struct Table {
    kind: Kind,
    contest: Contest,
    tree: Leaves,
    /// What the room's records take back.
    retracted: Vec<Retraction>,
    /// From when on it is held here.
    floor: Floor,
}

impl Table {
    /// A table in which nobody has written, under the quota that every table has.
    pub fn new(kind: Kind) -> Table {
        Table::with_quota(kind, Quota::default())
    }

    /// A table in which nobody has written.
    pub fn with_quota(kind: Kind, quota: Quota) -> Table {
        let (contest, tree) = (Contest::new(quota), Leaves::default());
        Table { kind, contest, tree, retracted: Vec::new(), floor: Floor::default() }
    }

    /// From now on a table by time is held from this day of room time on, or rather from the place of its tree in which
    /// that begins: rows before it are given up, and not taken in. Says what became different, and which batches are no
    /// longer kept.
    pub fn set_floor(&mut self, floor: Floor) -> Applied<Option<Changes>> {
        self.floor = floor;
        let old = self.contest.batches().filter(|(_, batch)| self.is_old(batch.payload()));
        let old: Vec<u32> = old.map(|(number, _)| number).collect();
        let old: Vec<SignedBatch> = old.into_iter().filter_map(|number| self.contest.leave(number)).collect();
        let outcome = self.contest.settle();
        let dropped = old.into_iter().chain(outcome.dropped.into_iter().map(|(_, batch)| batch));
        let dropped = dropped.map(|batch| batch.key()).collect();
        Applied { changed: Changes::new(self.turn(outcome.turns)), kept: false, dropped }
    }

    /// Raises the quota where `quota` is greater. What had fallen out of it and is here still holds again; what is not
    /// here is found by comparison. Says what became different, and which batches are no longer kept.
    pub fn raise_quota(&mut self, quota: Quota) -> Applied<Option<Changes>> {
        self.contest.raise(quota);
        let outcome = self.contest.settle();
        let dropped = outcome.dropped.into_iter().map(|(_, batch)| batch.key()).collect();
        Applied { changed: Changes::new(self.turn(outcome.turns)), kept: false, dropped }
    }

    /// What holds for each peer.
    pub fn quota(&self) -> Quota {
        self.contest.quota()
    }

    /// What a peer has used of the quota. Who writes more than is left loses the earliest of its own.
    pub fn used(&self, peer: PeerId) -> Used {
        self.contest.used(peer)
    }

    /// What stands in a field, of which `field` is all bytes; `None` where nothing does.
    pub fn get(&self, row: &[u8], field: &[u8]) -> Option<&Entry> {
        let (entry, is_hidden) = self.contest.held(row, Writer::of(field)?)?;
        (!is_hidden && entry.value().is_some()).then_some(entry)
    }

    /// Whether a value that a peer is about to write takes an entry of its own in another field out of the quota.
    pub fn is_full_for(&self, peer: PeerId, write: &Write) -> bool {
        self.is_full_for_all(peer, core::slice::from_ref(write))
    }

    /// The same for values in different fields that a peer is about to write at once.
    pub fn is_full_for_all(&self, peer: PeerId, writes: &[Write]) -> bool {
        let (used, quota) = (self.used(peer), self.quota());
        let (mut values, mut bytes, mut replaced) = (0, 0, 0);
        let mut counts = false;
        for Write { row, field, value } in writes {
            let Some(value) = value else { continue };
            if matches!(Writer::of(field), Some((Writer::Moderators, _))) {
                continue;
            }
            let own = self.get(row, field).filter(|entry| entry.author() == peer);
            values += u32::from(own.is_none());
            bytes += (row.len() + field.len() + value.len()) as u64;
            replaced += own.map_or(0, Entry::size);
            counts = true;
        }
        counts && (used.values + values > quota.values || used.bytes + bytes > quota.bytes + replaced)
    }

    /// All that stands in rows that begin with `prefix`, in the order of rows and fields.
    pub fn entries(&self, prefix: &[u8]) -> impl Iterator<Item = &Entry> {
        self.within(prefix, move |row| row.starts_with(prefix))
    }

    /// The same from a row on.
    pub fn entries_from(&self, prefix: &[u8], row: &[u8]) -> impl Iterator<Item = &Entry> {
        shown(self.contest.held_from(row, FIRST_FIELD), move |other| other.starts_with(prefix))
    }

    /// The same in rows before this one, backwards.
    pub fn entries_before(&self, prefix: &[u8], row: &[u8]) -> impl Iterator<Item = &Entry> {
        shown(self.contest.held_before(row), move |other| other.starts_with(prefix))
    }

    /// The first row that begins with `prefix` from this one on, even if nothing shows in it.
    pub fn row_from(&self, prefix: &[u8], row: &[u8]) -> Option<&[u8]> {
        let (entry, _) = self.contest.held_from(row, FIRST_FIELD).next()?;
        entry.row().starts_with(prefix).then(|| entry.row())
    }

    /// The last row that begins with `prefix` before this one, even if nothing shows in it.
    pub fn row_before(&self, prefix: &[u8], row: &[u8]) -> Option<&[u8]> {
        let (entry, _) = self.contest.held_before(row).next()?;
        entry.row().starts_with(prefix).then(|| entry.row())
    }

    /// The entries that hold the fields of one row from this field on, in their order, each with whether it shows. A caller that
    /// counts them reads a bounded part of a row, whatever strangers wrote and removed there.
    pub fn row_part(&self, row: &[u8], field: Field<'_>) -> impl Iterator<Item = (&Entry, bool)> {
        let held = self.contest.held_from(row, field).take_while(move |(entry, _)| entry.row() == row);
        held.map(|(entry, is_hidden)| (entry, !is_hidden && entry.value().is_some()))
    }

    /// All that stands in one row, in the order of its fields.
    pub fn row(&self, row: &[u8]) -> impl Iterator<Item = &Entry> {
        self.within(row, move |other| other == row)
    }

    fn within(&self, first: &[u8], is_wanted: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = &Entry> {
        shown(self.contest.held_from(first, FIRST_FIELD), is_wanted)
    }

    /// The entries that hold their fields from this one on, in the order of rows and fields: removals among them, and
    /// what is taken back as it was written.
    pub fn holders(&self, row: &[u8], field: Field<'_>) -> impl Iterator<Item = &Entry> {
        self.contest.held_from(row, field).map(|(entry, _)| entry)
    }

    /// Reads a payload, as this kind of table has it.
    ///
    /// # Errors
    /// [`TableError`] says what its author wrote wrongly.
    pub fn read<'a>(&self, header: &Header, payload: &'a [u8]) -> Result<Payload<'a>, TableError> {
        let payload = Payload::read(header, payload)?;
        let is_in_time = |millis| millis <= header.window.least.millis();
        match self.kind {
            Kind::ByTime if !time_of(payload.row).is_some_and(|at| is_in_time(at) || planted!(RowEarly)) => {
                Err(TableError::Time(payload.row.len()))
            }
            _ => Ok(payload),
        }
    }

    /// Takes over into the tree what came of fields, and says what reads different.
    fn turn(&mut self, turns: Vec<Turn>) -> Vec<Change> {
        let mut changes = Vec::new();
        for Turn { before, after } in turns {
            if let Some(before) = &before {
                self.tree.remove(&self.item(before));
            }
            if let Some(after) = &after {
                let item = self.item(after);
                self.tree.insert(item);
            }
            let removal = after.as_ref().and_then(Held::removal).cloned();
            let (before, after) = (before.and_then(Held::shown), after.and_then(Held::shown));
            if differ(before.as_ref(), after.as_ref()) && !(after.is_none() && planted!(RemovalUntold)) {
                changes.push(Change { before, after, removal });
            }
        }
        changes
    }

    fn item(&self, Held { entry, is_hidden }: &Held) -> Item {
        Item { path: self.path(entry), digest: entry.digest(*is_hidden), batch: entry.number() }
    }

    /// Whether a row lies before what is held here.
    fn is_old_row(&self, row: &[u8]) -> bool {
        self.kind == Kind::ByTime && path_of_time(time_of(row).unwrap_or(0)) < self.path_of(self.floor)
    }

    /// The way to an entry in the tree.
    fn path(&self, entry: &Entry) -> u64 {
        let hash = entry.hash();
        match self.kind {
            Kind::ByValue => hash,
            Kind::ByTime => path_of_time(time_of(entry.row()).unwrap_or(0)) | hash >> TIME_BITS,
        }
    }

    fn is_hidden(retracted: &[Retraction], entry: &Entry) -> bool {
        let covers = |one: &Retraction| {
            (one.scope.is_empty() || *one.scope == *entry.row()) && one.is_of(entry.stamp(), entry.author())
        };
        retracted.iter().any(covers)
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = f.debug_struct("Table");
        table.field("kind", &self.kind).field("batches", &self.batch_count()).finish_non_exhaustive()
    }
}

/// The entries that an app reads, as long as their rows are wanted.
fn shown<'a>(
    held: impl Iterator<Item = (&'a Entry, bool)>,
    is_wanted: impl Fn(&[u8]) -> bool,
) -> impl Iterator<Item = &'a Entry> {
    let wanted = held.take_while(move |(entry, _)| is_wanted(entry.row()));
    wanted.filter(|(entry, is_hidden)| !is_hidden && entry.value().is_some()).map(|(entry, _)| entry)
}

/// The time that the id of a row carries, in milliseconds since 1970; `None` where it is too short.
pub fn time_of(row: &[u8]) -> Option<u64> {
    let (_, tail) = row.split_last_chunk::<TIME_TAIL>()?;
    Some(tail[..6].iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
}

/// The first path along which rows of a time lie, in milliseconds since 1970, in a table by time.
fn path_of_time(millis: u64) -> u64 {
    (millis >> TIME_SPAN_BITS).min((1 << TIME_BITS) - 1) << (64 - TIME_BITS)
}

fn differ(before: Option<&Entry>, after: Option<&Entry>) -> bool {
    let says = |entry: &Entry| (entry.stamp(), entry.author());
    before.map(says) != after.map(says) || before.map(Entry::value) != after.map(Entry::value)
}
