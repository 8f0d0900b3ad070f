//! Counters and values of Sync: what many people add to a few numbers, and write under a few keys.
//!
//! They stand in the table by value of the app that the room opens with, so what stands where is told by
//! [`Tables`](super::tables::Tables). What is read of it is checked here:
//!
//! - **counted**: a counter stands at what all sessions added.
//! - **latest**: the value of a key is what was written there last.
//! - **history**: of what an author wrote under a key the last 20 writes stand.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::RoomRef;
use meshwork_core::rng::Rng;
use meshwork_core::table::Table;
use meshwork_core::wire;
use meshwork_sync::values::HISTORY_MAX;
use meshwork_sync::{counter, values};

use super::tables::{self, Kind};
use super::{App, Author, Occasion, Place, Rank, Writing};
use crate::check::{Law, Past, Violation};
use crate::connection::NodeIndex;

/// Counters and keys, few enough that everybody writes all of them.
const NAMES: [&str; 2] = ["one", "two"];
/// Most that is added at once, and most turns of what is usual.
const STEP_MAX: u64 = 9;
const TURNS_MAX: u64 = 3;

/// What is done with a counter or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The counter is raised by so much, or lowered.
    Add(i8),
    /// The key gets a value.
    Set,
    /// The key loses its value.
    Delete,
}

/// Somebody counts, or writes under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which counter or key.
    pub name: u8,
    /// What is done with it.
    pub act: Act,
    /// How often, a batch each.
    pub times: u8,
}

/// The app.
pub(super) struct Sync;

impl App for Sync {
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> super::Operation {
        let step = 1 + rng.below(STEP_MAX) as i8;
        let act = match rng.below(8) {
            0..4 => Act::Add(step),
            4 => Act::Add(-step),
            5..7 => Act::Set,
            _ => Act::Delete,
        };
        let one = Operation { name: rng.below(NAMES.len() as u64) as u8, act, times: 1 };
        super::Operation::Sync(match occasion {
            Occasion::Usual => Operation { times: 1 + rng.below(TURNS_MAX) as u8, ..one },
            Occasion::Many => Operation { times: 65 + rng.below(30) as u8, ..one },
            // One writes what the other deletes.
            Occasion::Contest { second } => {
                Operation { name: 0, act: if second { Act::Delete } else { Act::Set }, ..one }
            }
            Occasion::Apart | Occasion::Probe => one,
        })
    }

    fn writing(&self, author: &Author<'_>, operation: &super::Operation, turn: u16) -> Option<Writing> {
        let super::Operation::Sync(Operation { name, act, times }) = *operation else { return None };
        let name = NAMES.get(usize::from(name)).filter(|_| turn < u16::from(times))?;
        let (table, me) = (table(author.room())?, author.node.endpoint());
        let value = format!("{} {} {turn}", author.who, author.number);
        let write = match act {
            Act::Add(by) => counter::add(table, me, name, by.into()).ok()?,
            Act::Set => values::set(table, me.peer, name, Some(value.as_bytes())),
            Act::Delete => values::set(table, me.peer, name, None),
        };
        Some(tables::writing(author.node.endpoint().peer, Kind::ByValue, &[write]))
    }

    fn check(&self, room: RoomRef<'_>, past: &[Past<'_>]) -> Result<(), Violation> {
        let Some(table) = table(room) else { return Ok(()) };
        (0..).zip(NAMES).try_for_each(|(number, name)| {
            counted(table, name, &steps(room, past, number))?;
            let writes = writes(room, past, number);
            latest(table, name, &writes)?;
            history(table, name, &writes)
        })
    }
}

/// The table in which counters and values stand.
fn table(room: RoomRef<'_>) -> Option<&Table> {
    room.replica(tables::number(Kind::ByValue))
}

/// What was done with a counter or a key.
fn acts<'a>(past: &'a [Past<'a>], name: u8) -> impl Iterator<Item = (&'a Past<'a>, Act)> {
    past.iter().filter_map(move |past| match past.written.operation {
        super::Operation::Sync(operation) if operation.name == name => Some((past, operation.act)),
        _ => None,
    })
}

/// At what the share of each session may stand: of one that is gone at any of what nobody here heard of, and where a record
/// took some at any of that.
fn steps(room: RoomRef<'_>, past: &[Past<'_>], name: u8) -> BTreeMap<NodeIndex, Vec<i64>> {
    let is_governed = room.records().is_some_and(|records| Law::of(records).takes_anything());
    let mut sessions: BTreeMap<NodeIndex, Vec<i64>> = BTreeMap::new();
    for (past, act) in acts(past, name) {
        let (Act::Add(by), Some(entry)) = (act, past.written.entries.first()) else { continue };
        let totals = sessions.entry(past.written.program).or_insert_with(|| vec![0]);
        let mut total = totals.last().unwrap_or(&0) + i64::from(by);
        if is_governed {
            // Whoever reads less than it had added, since some was taken, goes on from there.
            let said = entry.rank.content.get(1..).and_then(|content| wire::decode(content).ok());
            total = said.filter(|_| !super::is_retracted(room, entry)).unwrap_or(0);
            // What a cut took may have been said again after what is taken back.
            totals.extend(said.filter(|_| past.is_taken));
        }
        if past.is_kept {
            totals.clear();
        }
        totals.push(total);
    }
    sessions
}

/// **counted**: a counter stands at the sum of what all sessions added.
fn counted(table: &Table, name: &str, sessions: &BTreeMap<NodeIndex, Vec<i64>>) -> Result<(), Violation> {
    let sums = sessions.values().fold(BTreeSet::from([0]), |sums, totals| {
        totals.iter().flat_map(|total| sums.iter().map(move |sum| sum + total)).collect()
    });
    let value = counter::value(table, name);
    if sums.contains(&value) {
        return Ok(());
    }
    Err(Violation::new("counted", format!("counter {name} stands at {value}, after {sessions:?}")))
}

/// Something that was written under a key.
struct Write<'a> {
    past: &'a Past<'a>,
    place: &'a Place,
    /// As it is shown, where its author had to say it again.
    rank: Rank,
    /// Whether it still has its field, and is not taken back.
    stands: bool,
    /// Whether it was ever taken back: then its field was free.
    was_hidden: bool,
}

impl Write<'_> {
    fn order(&self) -> (Stamp, PeerId) {
        (self.rank.stamp, self.rank.peer)
    }
}

fn writes<'a>(room: RoomRef<'_>, past: &'a [Past<'a>], name: u8) -> Vec<Write<'a>> {
    let of_key = acts(past, name).filter(|(_, act)| !matches!(act, Act::Add(_)));
    let entries = of_key.flat_map(|(past, _)| past.written.entries.iter().map(move |entry| (past, entry)));
    let write = |(past, entry): (&'a Past<'a>, &'a super::Entry)| {
        let super::Entry { place, rank } = entry;
        let shown = super::shown(room, place).filter(|shown| {
            let is_again = past.is_taken && (shown.peer, &shown.content) == (rank.peer, &rank.content);
            shown == rank || is_again
        });
        let shown = shown.filter(|shown| {
            let entry = super::Entry { place: place.clone(), rank: shown.clone() };
            !super::is_retracted(room, &entry)
        });
        let (stands, was_hidden) = (shown.is_some(), super::was_retracted(room, entry));
        Write { past, place, rank: shown.unwrap_or_else(|| rank.clone()), stands, was_hidden }
    };
    entries.map(write).collect()
}

/// **latest**: the value of a key is what was written last of all that stands.
fn latest(table: &Table, key: &str, writes: &[Write<'_>]) -> Result<(), Violation> {
    let standing = || writes.iter().filter(|write| write.stands);
    let last = standing().map(Write::order).max();
    let read = values::get(table, key);
    let content = [&[0], read.and_then(|entry| entry.value()).unwrap_or_default()].concat();
    // Two programs of one person may write at one instant.
    let mut lasts = standing().filter(|write| Some(write.order()) == last);
    if lasts.any(|write| write.rank.content == content) || last.is_none() && read.is_none() {
        return Ok(());
    }
    let (read, last) = (content.escape_ascii(), standing().max_by_key(|write| write.order()));
    let detail = format!("key {key} reads {read}, and not {:?}", last.map(|write| &write.rank));
    Err(Violation::new("latest", detail))
}

/// **history**: of each author's last writes all stand, and the history of a key has the last of what stands.
fn history(table: &Table, key: &str, writes: &[Write<'_>]) -> Result<(), Violation> {
    let mut authors: BTreeMap<PeerId, Vec<&Write<'_>>> = BTreeMap::new();
    for write in writes {
        authors.entry(write.rank.peer).or_default().push(write);
    }
    for writes in authors.values() {
        // Two programs of one person may write one field without hearing of each other.
        let is_one =
            writes.windows(2).all(|pair| pair[0].past.written.program == pair[1].past.written.program);
        let last = writes.iter().rev().take(HISTORY_MAX);
        let mut last = last.filter(|write| is_one && write.past.is_kept && !write.was_hidden);
        if let Some(lost) = last.find(|write| !write.stands) {
            return Err(Violation::new("history", format!("key {key} lost {:?}", lost.rank)));
        }
    }
    // Two programs of one person may write the same into one field at one instant, which is one write then.
    let standing: BTreeSet<_> =
        writes.iter().filter(|write| write.stands).map(|write| (write.order(), write.place)).collect();
    let standing: Vec<_> = standing.into_iter().rev().map(|(order, _)| order).take(HISTORY_MAX).collect();
    let shown: Vec<_> = values::history(table, key).into_iter().map(values::rank).collect();
    if shown == standing {
        return Ok(());
    }
    Err(Violation::new("history", format!("key {key} shows {shown:?}, and not {standing:?}")))
}
