//! Tables: fields that several people write, each their own or those of another, in rows that they share.
//!
//! **allowed-writers**, **rows-in-time** and **within-quota**: what tables promise beside what every replica does.

use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::RoomRef;
use meshwork_core::replica::{Digest, Replica as _, ReplicaNumber, Retraction};
use meshwork_core::rng::Rng;
use meshwork_core::seam::change::Changes;
use meshwork_core::signed::app::{CONVERSATION_SLOT, GENESIS_SLOT};
use meshwork_core::signed::batch::{SignedBatch, UnverifiedBatch};
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::signed::header::{Family, Header};
use meshwork_core::table::{self, Change, Payload, Table, Used, Write, Writer, payloads, time_of};

use super::{App, Author, Occasion, Place, Rank, Told, Writing};
use crate::check::{Past, Violation};
use crate::world::EPOCH;

/// Rows that everybody writes in.
const ROWS: u64 = 3;
/// Fields that everybody writes, so that they are contested.
const FIELDS: u64 = 6;
/// Lengths of values: most are short, and a few travel in several frames.
const LENGTHS: [u16; 8] = [1, 1, 1, 4, 4, 100, 2000, 20_000];
/// The shared rows of a table by time are so many milliseconds apart: more than one place of its tree spans.
const ROW_MILLIS: u64 = 5 * 60 * 60 * 1000;

/// Both tables.
const KINDS: [Kind; 2] = [Kind::ByValue, Kind::ByTime];

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one of the app that the room opens with, by value.
    ByValue,
    /// That of the conversation, by time.
    ByTime,
}

/// In which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// One that others write in, too.
    Shared(u8),
    /// One of one's own, of the present time.
    New,
    /// One whose time has not come, which must come to nothing in a table by time.
    Early,
}

/// Whose field it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Anybody,
    /// One's own.
    Own,
    /// The moderators': what others write there must come to nothing.
    Moderators,
}

/// Somebody writes fields of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// In which table.
    pub table: Kind,
    /// In which row.
    pub row: Row,
    /// In whose fields.
    pub whose: Whose,
    /// Which fields, a bit for each.
    pub fields: u8,
    /// Which of them are removed.
    pub removed: u8,
    /// Bytes of a value at least.
    pub length: u16,
    /// How often, a batch and other fields each: what stands in several batches is folded.
    pub times: u8,
}

/// The app.
pub(super) struct Tables;

impl App for Tables {
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> super::Operation {
        let few = |rng: &mut Rng| 1 + rng.below((1 << FIELDS) - 1) as u8;
        let table = KINDS[rng.below(2) as usize];
        let one = Operation {
            table,
            row: Row::Shared(rng.below(ROWS) as u8),
            whose: Whose::Anybody,
            fields: 1 << rng.below(FIELDS),
            removed: if rng.below(3) == 0 { few(rng) } else { 0 },
            length: 1,
            times: 1,
        };
        super::Operation::Tables(match occasion {
            Occasion::Usual => Operation {
                row: match rng.below(12) {
                    0 => Row::Early,
                    1..4 => Row::New,
                    _ => one.row,
                },
                whose: match rng.below(8) {
                    0..2 => Whose::Moderators,
                    2..4 => Whose::Own,
                    _ => Whose::Anybody,
                },
                fields: few(rng),
                length: LENGTHS[rng.below(LENGTHS.len() as u64) as usize],
                ..one
            },
            Occasion::Many => Operation { times: 65 + rng.below(30) as u8, ..one },
            // One writes what the other removes.
            Occasion::Contest { second } => Operation {
                table: Kind::ByValue,
                row: Row::Shared(0),
                fields: 0b11,
                removed: if second { 0b10 } else { 0b01 },
                ..one
            },
            Occasion::Apart | Occasion::Probe => one,
        })
    }

    fn writing(&self, author: &Author<'_>, operation: &super::Operation, turn: u16) -> Option<Writing> {
        let super::Operation::Tables(operation) = operation else { return None };
        let turn = u8::try_from(turn).ok().filter(|turn| *turn < operation.times)?;
        let (row, whose) = (row(author, operation)?, whose(author, operation.whose)?);
        let mut text = format!("{} {} {turn}", author.who, author.number);
        text += &".".repeat(usize::from(operation.length).saturating_sub(text.len()));
        let field = |number: u64| {
            let field = whose.field(&[b'a' + number as u8, turn]);
            match operation.removed >> number & 1 {
                1 => Write::removal(&row, field),
                _ => Write::value(&row, field, &text),
            }
        };
        let named = (0..FIELDS).filter(|number| operation.fields >> number & 1 == 1);
        let me = author.node.endpoint().peer;
        Some(writing(me, operation.table, &named.map(field).collect::<Vec<Write>>()))
    }

    fn shown(&self, room: RoomRef<'_>, place: &Place) -> Option<Rank> {
        let Place::Field { table, row, field } = place else { return None };
        let field = Writer::of(field)?;
        let entry = room.replica::<Table>(*table)?.holders(row, field).next()?;
        (entry.row() == row && entry.field() == field).then(|| rank(entry))
    }

    fn entries(&self, room: RoomRef<'_>) -> Vec<super::Entry> {
        let all = KINDS.into_iter().flat_map(|kind| holders(room, kind));
        all.map(|(table, entry)| super::Entry { place: place(table, entry), rank: rank(entry) }).collect()
    }

    fn greatest_stamp(&self, room: RoomRef<'_>) -> Stamp {
        let all = KINDS.into_iter().flat_map(|kind| holders(room, kind));
        all.map(|(_, entry)| entry.stamp()).max().unwrap_or_default()
    }

    fn digests(&self, room: RoomRef<'_>) -> Option<Vec<Digest>> {
        let digest = |kind| Some(room.replica::<Table>(number(kind))?.digest());
        KINDS.into_iter().map(digest).collect()
    }

    fn told(&self, replica: ReplicaNumber, author: Option<PeerId>, changes: &Changes) -> Vec<Told> {
        let told = |change: &Change| {
            let (row, field) = (change.row().to_vec(), bytes(change.field()));
            let (peer, value) = match &change.after {
                Some(after) => (Some(after.author()), after.value()),
                None => (author, None),
            };
            (Place::Field { table: replica, row, field }, peer, content(value))
        };
        changes.of::<Change>().iter().map(told).collect()
    }

    fn entries_of(&self, _: &Genesis, batch: &UnverifiedBatch) -> Vec<super::Entry> {
        let header = batch.header();
        if !KINDS.map(number).contains(&header.replica) {
            return vec![];
        }
        let Ok(Payload { row, entries }) = Payload::read(&header, batch.payload()) else { return vec![] };
        let entry = |one: table::Written<'_>| super::Entry {
            place: Place::Field { table: header.replica, row: row.to_vec(), field: bytes(one.field) },
            rank: Rank { stamp: one.stamp, peer: batch.peer(), content: content(one.value) },
        };
        entries.into_iter().map(entry).collect()
    }

    fn batches<'a>(&self, room: RoomRef<'a>) -> Vec<&'a SignedBatch> {
        KINDS
            .into_iter()
            .filter_map(|kind| room.replica::<Table>(number(kind)))
            .flat_map(Table::batches)
            .collect()
    }

    fn is_covered(&self, by: &Retraction, entry: &super::Entry) -> bool {
        let Place::Field { table, row, .. } = &entry.place else { return false };
        by.replica == *table
            && by.is_of(entry.rank.stamp, entry.rank.peer)
            && (by.scope.is_empty() || *by.scope == **row)
    }

    fn check(&self, room: RoomRef<'_>, _: &[Past<'_>]) -> Result<(), Violation> {
        for (table, entry) in KINDS.into_iter().flat_map(|kind| holders(room, kind)) {
            if entry.field().0 == Writer::Moderators && !moderated(room, table, entry) {
                let detail = format!("{:?} shows {:?}", place(table, entry), rank(entry));
                return Err(Violation::new("allowed-writers", detail));
            }
        }
        let mut rows = holders(room, Kind::ByTime);
        let is_early = |entry: &table::Entry| time_of(entry.row()) > Some(entry.stamp().millis());
        if let Some((table, early)) = rows.find(|(_, entry)| is_early(entry)) {
            let detail = format!("{:?} shows {:?}, before its time", place(table, early), rank(early));
            return Err(Violation::new("rows-in-time", detail));
        }
        KINDS.into_iter().try_for_each(|kind| within_quota(room, kind))
    }
}

/// **within-quota**: what of each peer holds is no more than what it may have.
fn within_quota(room: RoomRef<'_>, kind: Kind) -> Result<(), Violation> {
    let mut used: BTreeMap<PeerId, Used> = BTreeMap::new();
    for (_, entry) in holders(room, kind) {
        if entry.field().0 == Writer::Moderators {
            continue;
        }
        let used = used.entry(entry.author()).or_default();
        match entry.value() {
            Some(value) => {
                used.values += 1;
                used.bytes += (entry.row().len() + bytes(entry.field()).len() + value.len()) as u64;
            }
            None => used.removals += 1,
        }
    }
    let Some(quota) = room.replica::<Table>(number(kind)).map(Table::quota) else { return Ok(()) };
    let is_over = |used: &Used| {
        used.values > quota.values || used.bytes > quota.bytes || used.removals > quota.removals
    };
    match used.iter().find(|(_, used)| is_over(used)) {
        None => Ok(()),
        Some((peer, used)) => {
            Err(Violation::new("within-quota", format!("{used:?} of {} holds, of {quota:?}", peer.short())))
        }
    }
}

/// Whether an entry was written by who moderates by the record that its batch names.
fn moderated(room: RoomRef<'_>, table: ReplicaNumber, entry: &table::Entry) -> bool {
    let Some(records) = room.records() else { return false };
    let carries = |header: &Header| {
        header.author.peer == entry.author()
            && (header.window.least..=header.window.most).contains(&entry.stamp())
            && records.book().moderates(&header.record, &entry.author())
    };
    let batches = room.replica::<Table>(table).into_iter().flat_map(Table::batches);
    batches.map(|batch| batch.header()).any(|header| carries(&header))
}

/// The number of a table.
pub(crate) fn number(kind: Kind) -> ReplicaNumber {
    let number = match kind {
        Kind::ByValue => ReplicaNumber::new(GENESIS_SLOT, Family::ByValue),
        Kind::ByTime => ReplicaNumber::new(CONVERSATION_SLOT, Family::ByTime),
    };
    number.expect("the slots of all rooms are slots")
}

/// What holds the fields of a table, with the table's number.
fn holders(room: RoomRef<'_>, kind: Kind) -> impl Iterator<Item = (ReplicaNumber, &table::Entry)> {
    let number = number(kind);
    let table = room.replica::<Table>(number).into_iter();
    table.flat_map(|table| table.holders(&[], (Writer::Anybody, &[]))).map(move |entry| (number, entry))
}

fn place(table: ReplicaNumber, entry: &table::Entry) -> Place {
    Place::Field { table, row: entry.row().to_vec(), field: bytes(entry.field()) }
}

/// All bytes of a field.
fn bytes((writer, name): table::Field<'_>) -> Vec<u8> {
    writer.field(name)
}

/// Bytes in the order of contents: to be removed is the greatest.
fn content(value: Option<&[u8]>) -> Vec<u8> {
    value.map_or(vec![1], |value| [&[0], value].concat())
}

fn rank(entry: &table::Entry) -> Rank {
    Rank { stamp: entry.stamp(), peer: entry.author(), content: content(entry.value()) }
}

/// The id of a row.
fn row(author: &Author<'_>, operation: &Operation) -> Option<Vec<u8>> {
    let now = author.room().time(author.now)?.as_millis();
    let own = [author.who as u32, author.number as u32];
    Some(match operation.row {
        Row::Shared(row) => shared_row(row),
        Row::New => row_at(now, own),
        Row::Early => row_at(now + ROW_MILLIS, own),
    })
}

/// The id of a row that others write in, too: of a time before any clock of a schedule.
pub(crate) fn shared_row(row: u8) -> Vec<u8> {
    row_at(EPOCH.as_millis() - (1 + u64::from(row)) * ROW_MILLIS, [0, row.into()])
}

fn row_at(millis: u64, [one, other]: [u32; 2]) -> Vec<u8> {
    [&b"row\0"[..], &millis.to_be_bytes()[2..], &one.to_be_bytes(), &other.to_be_bytes()].concat()
}

fn whose(author: &Author<'_>, whose: Whose) -> Option<Writer> {
    Some(match whose {
        Whose::Anybody => Writer::Anybody,
        Whose::Own => Writer::Peer(author.node.endpoint().peer),
        Whose::Moderators => Writer::Moderators,
    })
}

/// What writes these fields of `me` in one batch, or in few.
pub(super) fn writing(me: PeerId, kind: Kind, writes: &[Write]) -> Writing {
    let replica = number(kind);
    let place =
        |write: &Write| Place::Field { table: replica, row: write.row.clone(), field: write.field.clone() };
    let entries = writes.iter().map(|write| (place(write), content(write.value.as_deref()))).collect();
    Writing { replica, payloads: payloads(me, writes).expect("rows, fields and values are short"), entries }
}
