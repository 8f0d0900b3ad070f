//! Documents of Sync: texts that everybody types into, and templates that several put in at once.
//!
//! They are in an app of their own, which a room turns on. An operation opens a document anew, as a program does that was
//! just started, and says what yrs made of it. Of each text that was inserted the first letter is a place: whoever holds
//! it holds the text. What shows of all that is compared by [`documents`](crate::check::documents).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::node::RoomRef;
use meshwork_core::replica::{Digest, Replica as _, ReplicaNumber, Retraction};
use meshwork_core::rng::Rng;
use meshwork_core::signed::app::CONVERSATION_SLOT;
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::signed::header::Family;
use meshwork_sync::document::update::{Id, read_ranges};
use meshwork_sync::document::{Documents, Pen, Said, seed};

use super::{App, Author, Entry, Occasion, Place, Rank, Writing};
use crate::chance::generator;
use crate::library::Library;

/// Names of documents, few enough that everybody writes all of them.
pub(crate) const NAMES: [&str; 2] = ["notes", "plan"];
/// What a document may begin with. No other letter is one of these, and none is in both.
const TEMPLATES: [&str; 2] = ["ABCDE", "vwxyz"];
/// Letters that are typed, so many that two are hardly ever equal: each is one unit of UTF-16.
const LETTERS: std::ops::Range<u32> = 0x4e00..0x9e00;
/// Most that is inserted or deleted at once, and most turns of what is usual.
const LENGTH_MAX: u64 = 6;
const TURNS_MAX: u64 = 2;

/// What is done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Letters are inserted.
    Insert,
    /// Letters are deleted.
    Delete,
    /// A template is put in.
    Seed {
        /// Which one.
        template: u8,
    },
}

/// Somebody edits a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which document.
    pub name: u8,
    /// What is done with it.
    pub act: Act,
    /// Where: behind so many of a thousand letters.
    pub per_mille: u16,
    /// How many letters.
    pub length: u8,
    /// How often, a batch each.
    pub times: u8,
}

/// The pens of programs, by document.
pub type Pens = RefCell<BTreeMap<(Endpoint, &'static str), Pen>>;

/// The app.
pub(super) struct Texts;

impl App for Texts {
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> super::Operation {
        let template = rng.below(TEMPLATES.len() as u64) as u8;
        let act = match rng.below(8) {
            0..5 => Act::Insert,
            5..7 => Act::Delete,
            _ => Act::Seed { template },
        };
        let one = Operation {
            name: rng.below(NAMES.len() as u64) as u8,
            act,
            per_mille: rng.below(1001) as u16,
            length: 1 + rng.below(LENGTH_MAX) as u8,
            times: 1,
        };
        super::Operation::Documents(match occasion {
            Occasion::Usual => Operation { times: 1 + rng.below(TURNS_MAX) as u8, ..one },
            Occasion::Many => {
                Operation { act: Act::Insert, length: 1, times: 65 + rng.below(10) as u8, ..one }
            }
            // Both type at one place; or one deletes there, or puts in a template as the other does.
            Occasion::Contest { second } => {
                let act = match act {
                    Act::Delete if !second => Act::Insert,
                    act => act,
                };
                Operation { name: 0, act, per_mille: 500, ..one }
            }
            Occasion::Apart => one,
            Occasion::Probe => Operation { act: Act::Insert, ..one },
        })
    }

    fn writing(&self, author: &Author<'_>, operation: &super::Operation, turn: u16) -> Option<Writing> {
        let super::Operation::Documents(operation) = operation else { return None };
        let name = NAMES.get(usize::from(operation.name)).filter(|_| turn < operation.times.into())?;
        let documents = documents(author.room())?;
        let mut pens = author.pens.borrow_mut();
        let me = author.node.endpoint();
        let pen = pens.entry((me, name)).or_insert_with(|| Pen::new(me));
        let fresh = fresh(pen);
        let mut open =
            || Library::open(pen.open(documents, name, fresh), documents.whole(name).as_deref()).ok();
        let (update, is_own) = match operation.act {
            Act::Insert => {
                let letters = letters(author, turn, operation.length);
                (open()?.insert(operation.per_mille, &letters), true)
            }
            Act::Delete => (open()?.delete(operation.per_mille, operation.length.into())?, true),
            Act::Seed { template } if turn == 0 => (put_in(name, template)?, false),
            Act::Seed { .. } => return None,
        };
        let saying = pen.say(name, &update).ok()?;
        // What is not taken after all costs it that number, no more.
        pen.wrote(&saying);
        let payloads = saying.payloads;
        let said = payloads.iter().filter_map(|payload| Said::read(payload).ok());
        let own = said.flat_map(|said| said.update.items).filter(|_| is_own);
        // Others may have put in a template before.
        let entries = own.map(|item| (place(name, item.id), HELD.to_vec())).collect();
        Some(Writing { replica: number(), payloads, entries })
    }

    fn shown(&self, room: RoomRef<'_>, place: &Place) -> Option<Rank> {
        let Place::Letter { document, client, clock } = place else { return None };
        let id = Id { client: *client, clock: *clock };
        documents(room)?.author(document, id).map(held)
    }

    fn digests(&self, room: RoomRef<'_>) -> Option<Vec<Digest>> {
        // Most rooms do not have it on.
        Some(documents(room).map(Documents::digest).into_iter().collect())
    }

    fn entries_of(&self, _: &Genesis, batch: &UnverifiedBatch) -> Vec<Entry> {
        let Some(said) = Said::read(batch.payload()).ok().filter(|_| batch.header().replica == number())
        else {
            return vec![];
        };
        let ids = said.update.items.iter().flat_map(|item| {
            (item.id.clock..item.id.clock + item.length).map(|clock| Id { clock, ..item.id })
        });
        let entry = |id| Entry { place: place(said.name, id), rank: held(batch.peer()) };
        ids.map(entry).collect()
    }

    fn is_covered(&self, by: &Retraction, entry: &Entry) -> bool {
        let Place::Letter { document, client, clock } = &entry.place else { return false };
        let erased = erased(by).filter(|(name, _)| name == document);
        erased.is_some_and(|(_, ranges)| {
            ranges.iter().any(|(whose, range)| whose == client && range.contains(clock))
        })
    }
}

/// What a letter that is held has for a content: which one it is others compare.
const HELD: &[u8] = &[0];

fn held(peer: PeerId) -> Rank {
    Rank { stamp: Stamp::NEVER, peer, content: HELD.to_vec() }
}

fn place(name: &str, id: Id) -> Place {
    Place::Letter { document: name.to_owned(), client: id.client, clock: id.clock }
}

/// The number of the documents: the first app that a room turns on has them.
pub(crate) fn number() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT + 1, Family::Own).expect("the slot behind the conversation is one")
}

/// The documents of a room, where they are on.
pub(crate) fn documents(room: RoomRef<'_>) -> Option<&Documents> {
    room.replica(number())
}

/// Ranges of clients' items.
type Items = Vec<(u64, Range<u64>)>;

/// In which document a retraction erases which clients' items.
pub(crate) fn erased(by: &Retraction) -> Option<(&str, Items)> {
    let (length, rest) = by.scope.split_first().filter(|_| by.replica == number())?;
    let (name, ranges) = rest.split_at_checked(usize::from(*length))?;
    Some((str::from_utf8(name).ok()?, read_ranges(ranges).ok()?))
}

/// The letters of all templates.
pub(crate) fn letters_of_templates() -> BTreeSet<char> {
    TEMPLATES.iter().flat_map(|template| template.chars()).collect()
}

/// The update that puts a template into a document, whoever does.
fn put_in(name: &str, template: u8) -> Option<Vec<u8>> {
    let template = TEMPLATES.get(usize::from(template))?;
    seed(name, &Library::open(0, None).ok()?.insert(0, template)).ok()
}

/// For what something is drawn.
const TYPED: u8 = 3;
const DRAWN: u64 = 4;

/// As which instance a program writes on that leaves its pen's client. It follows from that client, so none is drawn twice: a
/// write that is refused uses a client up, and changes nothing else that could tell two drawings apart.
fn fresh(pen: &Pen) -> Instance {
    Instance(generator(pen.client(), [DRAWN; 3]).next_u64())
}

/// Letters that hardly anybody else types, and they not at another time.
fn letters(author: &Author<'_>, turn: u16, length: u8) -> String {
    let mut bytes = [TYPED; 32];
    bytes[..8].copy_from_slice(&(author.who as u64).to_le_bytes());
    bytes[8..16].copy_from_slice(&author.number.to_le_bytes());
    bytes[16..18].copy_from_slice(&turn.to_le_bytes());
    let mut rng = Rng::new(bytes);
    let mut letter = || char::from_u32(LETTERS.start + rng.below(LETTERS.len() as u64) as u32);
    (0..length).filter_map(|_| letter()).collect()
}
