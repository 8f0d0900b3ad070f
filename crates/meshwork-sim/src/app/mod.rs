//! Apps: what people write in rooms of the simulator, and what must show of it.
//!
//! # Problem
//! Faults and healing are the same whatever a room keeps in step. What people write there and what of it wins is not.
//!
//! # How it works
//! A room has the replicas of all apps in [`ALL`]. A schedule asks an app what somebody does on an [`Occasion`], and gets
//! an [`Operation`]: plain data. When it is carried out, the app makes [`Writing`]s of it: payloads, and what they write
//! in which [`Place`]. What stands in a place has a [`Rank`], and the greater one wins. [Checkers](crate::check)
//! compare what was written, acknowledged, stored and shown by place and rank, and read nothing else of an app.
//!
//! # Invariants
//! - An app keeps no state: what must hold follows from what was written.
//! - Operations say all that is written by them but the names of who writes, and when, and what they go on from.

mod canvas;
mod chat;
pub(crate) mod documents;
mod sync;
pub(crate) mod tables;

use std::collections::BTreeMap;
use std::fmt;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::{Node, RoomRef};
use meshwork_core::replica::{Digest, ReplicaNumber, Retraction};
use meshwork_core::rng::Rng;
use meshwork_core::room::rules::records::Records;
use meshwork_core::room::storage::form;
use meshwork_core::seam::change::Changes;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::batch::{SignedBatch, UnverifiedBatch};
use meshwork_core::signed::change::Change;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::Time;

use crate::check::{Member, Past, Violation};
use crate::world::{Store, World};

pub use self::documents::Pens;

/// All apps. Rooms open with the first one.
pub const ALL: &[&dyn App] = &[&canvas::Place, &tables::Tables, &sync::Sync, &documents::Texts, &chat::Chat];

/// What a program is told: place, by whom and content.
pub type Told = (Place, Option<PeerId>, Vec<u8>);

/// Bytes of a content that are shown.
const CONTENT_SHOWN: usize = 40;

/// What somebody does in an app. It does nothing in any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// On the canvas.
    Canvas(canvas::Operation),
    /// In a table.
    Tables(tables::Operation),
    /// With a counter, or under a key.
    Sync(sync::Operation),
    /// In a document.
    Documents(documents::Operation),
    /// In the conversation.
    Chat(chat::Operation),
}

/// For what an operation is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Whatever people do.
    Usual,
    /// A little, while the room is in two parts.
    Apart,
    /// Many small things, so many that they are folded.
    Many,
    /// The same as somebody else at the same instant, where one is asked after the other.
    Contest {
        /// Whether it is the one who is asked second.
        second: bool,
    },
    /// Something whose way to others is watched.
    Probe,
}

/// Where something can be written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A cell of the canvas.
    Cell {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// A field of a table.
    Field {
        /// Which table.
        table: ReplicaNumber,
        /// The id of the row.
        row: Vec<u8>,
        /// The field, with who may write it.
        field: Vec<u8>,
    },
    /// A letter of a document.
    Letter {
        /// Which document.
        document: String,
        /// Whose letters it is one of.
        client: u64,
        /// How many of them were written before.
        clock: u64,
    },
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Cell { x, y } => write!(f, "cell {x}, {y}"),
            Place::Letter { document, client, clock } => {
                write!(f, "letter {clock} of client {client} in document {document}")
            }
            Place::Field { table, row, field } => {
                let (row, field) = (row.escape_ascii(), field.escape_ascii());
                write!(f, "{:?} of slot {}, row {row}, field {field}", table.family(), table.slot())
            }
        }
    }
}

/// What decides between two things in one place: the greater wins.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// When it was written.
    pub stamp: Stamp,
    /// By whom.
    pub peer: PeerId,
    /// What, in bytes whose order is that of the app. The first one is 1 where nothing shows, else 0.
    pub content: Vec<u8>,
}

impl Rank {
    /// Whether anything shows.
    pub fn is_something(&self) -> bool {
        self.content.first() == Some(&0)
    }
}

impl fmt::Debug for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content[..self.content.len().min(CONTENT_SHOWN)].escape_ascii();
        write!(f, "{content} of {} at {:?}", self.peer.short(), self.stamp)
    }
}

/// What stands in a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// What.
    pub rank: Rank,
}

/// Who carries out an operation.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    /// Their program.
    pub node: &'a Node,
    /// Its number for the room.
    pub room: RoomHandle,
    /// The present time.
    pub now: Time,
    /// Their number in the schedule.
    pub who: usize,
    /// What was written in the room so far, which makes contents different.
    pub number: u64,
    /// Under which numbers each program writes in documents.
    pub pens: &'a Pens,
}

impl<'a> Author<'a> {
    /// The room as their program has it.
    pub fn room(&self) -> RoomRef<'a> {
        self.node.room(self.room)
    }
}

/// What is written in one call.
#[derive(Clone, Debug)]
pub struct Writing {
    /// In which replica.
    pub replica: ReplicaNumber,
    /// A batch each.
    pub payloads: Vec<Vec<u8>>,
    /// What they write: place and content.
    pub entries: Vec<(Place, Vec<u8>)>,
}

/// What the simulator has to know of an app. All that names a place, an operation or a batch of another app gives nothing.
/// An app that writes where another one tells what stands says nothing of it.
pub trait App: Sync {
    /// What somebody does on an occasion.
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> Operation;

    /// What a program writes to carry out an operation, turn by turn from 0 on: it sees what it wrote before. `None` where
    /// nothing is left of it.
    fn writing(&self, author: &Author<'_>, operation: &Operation, turn: u16) -> Option<Writing>;

    /// What stands in a place.
    fn shown(&self, _room: RoomRef<'_>, _place: &Place) -> Option<Rank> {
        None
    }

    /// All that was ever written and stands, always in the same order.
    fn entries(&self, _room: RoomRef<'_>) -> Vec<Entry> {
        vec![]
    }

    /// No stamp that stands is greater.
    fn greatest_stamp(&self, _room: RoomRef<'_>) -> Stamp {
        Stamp::NEVER
    }

    /// The digests of its replicas; `None` where they are not there yet.
    fn digests(&self, _room: RoomRef<'_>) -> Option<Vec<Digest>> {
        Some(vec![])
    }

    /// What a program is told by changes of a replica that came of a batch of `author`, if of any.
    fn told(&self, _replica: ReplicaNumber, _author: Option<PeerId>, _changes: &Changes) -> Vec<Told> {
        vec![]
    }

    /// What a batch writes in a room with this genesis.
    fn entries_of(&self, _genesis: &Genesis, _batch: &UnverifiedBatch) -> Vec<Entry> {
        vec![]
    }

    /// The batches that make what stands, as far as each stands by itself.
    fn batches<'a>(&self, _room: RoomRef<'a>) -> Vec<&'a SignedBatch> {
        vec![]
    }

    /// Whether a retraction takes back what was written in a place.
    fn is_covered(&self, _by: &Retraction, _entry: &Entry) -> bool {
        false
    }

    /// What must hold in this app alone, of a room as one member has it, after all that was written.
    ///
    /// # Errors
    /// [`Violation`] says what does not.
    fn check(&self, _room: RoomRef<'_>, _past: &[Past<'_>]) -> Result<(), Violation> {
        Ok(())
    }
}

/// What stands in a place of any app.
pub fn shown(room: RoomRef<'_>, place: &Place) -> Option<Rank> {
    ALL.iter().find_map(|app| app.shown(room, place))
}

/// Whether the records that a member holds take back what was written in a place.
pub fn is_retracted(room: RoomRef<'_>, entry: &Entry) -> bool {
    room.records().is_some_and(|records| records.retractions().any(|(_, by)| covers(by, entry)))
}

/// The same, or took it back and lifted that.
pub fn was_retracted(room: RoomRef<'_>, entry: &Entry) -> bool {
    let changes = |records: &'_ Records| {
        let mut changes = records.all().flat_map(|(record, _)| record.body().changes.iter());
        changes.any(|change| matches!(change, Change::Retract(by) if covers(by, entry)))
    };
    room.records().is_some_and(changes)
}

fn covers(by: &Retraction, entry: &Entry) -> bool {
    ALL.iter().any(|app| app.is_covered(by, entry))
}

/// What must hold in each app alone, wherever members have it, after all that was written in the order of time.
///
/// # Errors
/// [`Violation`] names the program.
pub fn check(world: &World, members: &[Member], past: &[Past<'_>]) -> Result<(), Violation> {
    for &(index, room) in members {
        let checked = ALL.iter().try_for_each(|app| app.check(world.node(index).room(room), past));
        checked.map_err(|violation| Violation {
            detail: format!("at program {index} {}", violation.detail),
            ..violation
        })?;
    }
    Ok(())
}

/// What would stand everywhere if all batches of this disk were applied that win an entry there.
pub fn stored(store: &Store) -> BTreeMap<Place, Rank> {
    let mut best: BTreeMap<Place, Rank> = BTreeMap::new();
    for (room, files) in store {
        let Ok((genesis, _)) = Genesis::decode(&files.genesis) else { continue };
        let winning = files.batches.values().map(|stored| form::read(stored));
        let winning = winning.filter(|(_, lost_on)| lost_on.is_none());
        let batches = winning.filter_map(|(bytes, _)| UnverifiedBatch::decode(room, bytes).ok());
        for batch in batches {
            for Entry { place, rank } in ALL.iter().flat_map(|app| app.entries_of(&genesis, &batch)) {
                let present = best.entry(place).or_insert_with(|| rank.clone());
                if *present < rank {
                    *present = rank;
                }
            }
        }
    }
    best
}
