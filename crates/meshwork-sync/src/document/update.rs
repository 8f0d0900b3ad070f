//! Reads what an update of Yjs says, without applying it.
//!
//! # Problem
//! Libraries that apply updates trust them: they reserve what a number in an update asks for, and follow ranges that are in no
//! document. An update of a stranger is read here first, and costs no more than its length.
//!
//! # How it works
//! The first encoding of Yjs (`encodeStateAsUpdate`; structs and delete set as `UpdateEncoderV1` of yjs 13 writes them).
//! Each count is held against the bytes that are left before anything is kept, each number has its shortest form, and each
//! range ends within [`CLOCK_MAX`].
//!
//! # Invariants
//! - What is returned borrows from the update; at most [`ITEMS_MAX`] items and as many deletions are kept besides.
//! - An update that is read has one meaning: each client and each of its items stands in it once.
//!
//! # Limits
//! Garbage-collected structs are refused: they stand for items whose places nobody can know any more, so others' text that
//! hangs on them would be lost. So are kinds of content that Yjs does not have, and those that its libraries read differently:
//! lists of JSON texts, which none writes any more, and hooks of XML.

mod json;
mod parts;
mod piece;
mod ranges;
mod slices;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;
use std::ops::Range;

pub(super) use self::parts::Container;
pub use self::piece::{Piece, Says};
pub use self::ranges::Ranges;
pub use self::slices::slices;
pub use self::write::{emptied, merge, number, renamed, write};

/// Most items of one update, and most ranges that it deletes: an item of one letter takes four bytes or more, so an
/// update of 64 KiB has hardly more.
pub const ITEMS_MAX: usize = 16 * 1024;
/// No item has a greater clock: libraries count them in 32 bits, some with a sign.
pub const CLOCK_MAX: u64 = 1 << 31;
/// Greatest number that a client can have, and the greatest that JavaScript counts with.
pub const CLIENT_MAX: u64 = (1 << 53) - 1;
/// Most values that lie within each other in one content.
pub const DEPTH_MAX: usize = 64;

/// The update that says nothing.
pub const EMPTY: &[u8] = &[0, 0];

/// Why bytes are no update that may be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// It ends before what it announced.
    #[error("the update breaks off")]
    BreaksOff,
    /// A number is longer than it has to be, or greater than what it counts can be.
    #[error("a number of the update is out of range, or not in its shortest form")]
    Number,
    /// A text is no UTF-8.
    #[error("a text of the update is no UTF-8")]
    Text,
    /// A struct of which only the length was kept.
    #[error("the update has garbage-collected structs: documents here keep what was deleted (gc: false)")]
    Collected,
    /// A kind of content, of type or of value that Yjs does not have, or that not all of its libraries read.
    #[error("{0} is no kind of content that is known here")]
    Kind(u8),
    /// A mark, or what is embedded in a text, is no JSON that all libraries read.
    #[error("a mark or an embedded value is no JSON")]
    Json,
    /// An item without any content.
    #[error("an item has no content")]
    Empty,
    /// More than [`ITEMS_MAX`] items or ranges.
    #[error("an update has at most {ITEMS_MAX} items and deletes as many ranges")]
    TooMany,
    /// Values lie deeper in each other than [`DEPTH_MAX`].
    #[error("values lie more than {DEPTH_MAX} deep in each other")]
    Depth,
    /// A client, or one of its items, stands there twice.
    #[error("the client {0} stands in the update twice, or in the wrong place")]
    Twice(u64),
    /// An item lies beside or within one that its client made later.
    #[error("an item of client {0} lies beside or within one that was made later")]
    Later(u64),
    /// Bytes behind the end.
    #[error("{0} bytes are left after the update")]
    Trailing(usize),
}

/// An item's name: the client that made it, and the how manieth of its items it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Which client.
    pub client: u64,
    /// Its clock: how many items, letter by letter, it had made before.
    pub clock: u64,
}

/// What an update says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update<'a> {
    /// What is inserted, by clients in falling order, of each in the order of its clocks.
    pub items: Vec<Item<'a>>,
    /// What is deleted, as it stands there: a client and a range of its clocks.
    pub deletions: Vec<(u64, Range<u64>)>,
}

impl Update<'_> {
    /// Which items it inserts.
    pub fn inserted(&self) -> Ranges {
        self.items.iter().map(Item::range).collect()
    }

    /// Which items it deletes.
    pub fn deleted(&self) -> Ranges {
        self.deletions.iter().cloned().collect()
    }
}

/// Something that is inserted: one or more letters, values or an embedded type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The name of its first part; the others' clocks follow.
    pub id: Id,
    /// How many parts it has: for a text its length in UTF-16.
    pub length: u64,
    /// Behind what it was inserted.
    pub origin: Option<Id>,
    /// Before what it was inserted.
    pub right: Option<Id>,
    /// Where it lies; `None` where that is where its neighbours lie.
    pub parent: Option<Parent<'a>>,
    /// Under which key of a map, where that stands in the update.
    pub key: Option<&'a str>,
    /// What it is.
    pub content: Content<'a>,
}

impl Item<'_> {
    /// The clock behind its last part.
    pub fn end(&self) -> u64 {
        self.id.clock + self.length
    }

    /// Its client, and the clocks of its parts.
    pub fn range(&self) -> (u64, Range<u64>) {
        (self.id.client, self.id.clock..self.end())
    }

    /// Which items have to be there before it can be placed.
    pub fn needs(&self) -> impl Iterator<Item = Id> + use<> {
        needs(self.id, self.origin, self.right, self.parent)
    }

    /// Which items say where it lies.
    pub fn neighbours(&self) -> impl Iterator<Item = Id> + use<> {
        neighbours(self.origin, self.right, self.parent)
    }
}

/// What an item needs: the one that its client made before, its neighbours, and the type in which it lies.
fn needs(
    id: Id,
    origin: Option<Id>,
    right: Option<Id>,
    parent: Option<Parent<'_>>,
) -> impl Iterator<Item = Id> + use<> {
    let before = id.clock.checked_sub(1).map(|clock| Id { clock, ..id });
    before.into_iter().chain(neighbours(origin, right, parent))
}

/// What says where an item lies: its neighbours, and the type in which it does.
fn neighbours(
    origin: Option<Id>,
    right: Option<Id>,
    parent: Option<Parent<'_>>,
) -> impl Iterator<Item = Id> + use<> {
    let parent = match parent {
        Some(Parent::Item(id)) => Some(id),
        _ => None,
    };
    [origin, right, parent].into_iter().flatten()
}

/// Where an item lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent<'a> {
    /// A type of the document, by name.
    Root(&'a str),
    /// A type that is itself an item.
    Item(Id),
    /// A type that nobody shows, one for each client that has items there. No update that is read says so.
    Nowhere(u64),
}

/// What an item is, of which kind and with its bytes as they stand in the update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// Which kind.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Kinds of content, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Content that was deleted, of which its length alone was kept: it has no letters, and its places are known.
    Deleted = 1,
    /// Bytes.
    Binary = 3,
    /// Letters.
    Text,
    /// A value within a text.
    Embed,
    /// A mark of a text.
    Format,
    /// A type: a list, a map, a text or an element.
    Type,
    /// Values.
    Any,
    /// A document of its own.
    Document,
}

/// Reads an update.
///
/// # Errors
/// [`UpdateError`]; nothing of it may be applied.
pub fn read(bytes: &[u8]) -> Result<Update<'_>, UpdateError> {
    read_of(bytes, ITEMS_MAX)
}

/// Reads an update of this program's own, which may have more items and ranges than one batch.
///
/// # Errors
/// [`UpdateError`]; nothing of it may be applied.
pub fn read_long(bytes: &[u8]) -> Result<Update<'_>, UpdateError> {
    read_of(bytes, usize::MAX)
}

/// Reads ranges of clients' items, one behind the other.
///
/// # Errors
/// [`UpdateError`] where they break off or one cannot be.
pub fn read_ranges(bytes: &[u8]) -> Result<Vec<(u64, Range<u64>)>, UpdateError> {
    let (mut reader, mut ranges) = (Reader(bytes), Vec::new());
    while !reader.0.is_empty() {
        let (client, from) = (reader.client()?, reader.number(CLOCK_MAX)?);
        ranges.push((client, from..within(from, reader.number(CLOCK_MAX)?)?));
    }
    Ok(ranges)
}

/// Reads a number of at most `most`, in its shortest form. Returns what is behind it too.
///
/// # Errors
/// [`UpdateError`] where it breaks off or is none.
pub fn read_number(bytes: &[u8], most: u64) -> Result<(u64, &[u8]), UpdateError> {
    let mut reader = Reader(bytes);
    Ok((reader.number(most)?, reader.0))
}

fn read_of(bytes: &[u8], most: usize) -> Result<Update<'_>, UpdateError> {
    let mut reader = Reader(bytes);
    let mut update = Update::default();
    let mut last = None;
    for _ in 0..reader.count()? {
        let (structs, client, clock) = (reader.count()?, reader.client()?, reader.number(CLOCK_MAX)?);
        // All who write updates put the greatest client first.
        if structs == 0 || last.is_some_and(|last| last <= client) {
            return Err(UpdateError::Twice(client));
        }
        last = Some(client);
        update.items.reserve(structs.min(most - update.items.len()));
        let mut id = Id { client, clock };
        for _ in 0..structs {
            let length = match reader.byte()? {
                SKIP => reader.number(CLOCK_MAX)?,
                info => {
                    let item = reader.item(info, id)?;
                    let length = item.length;
                    if update.items.len() == most {
                        return Err(UpdateError::TooMany);
                    }
                    update.items.push(item);
                    length
                }
            };
            id.clock = within(id.clock, length)?;
        }
    }
    reader.deletions(&mut update.deletions, most)?;
    match reader.0.len() {
        0 => Ok(update),
        left => Err(UpdateError::Trailing(left)),
    }
}

/// The struct that stands for items which others have.
const SKIP: u8 = 10;
/// An item has an origin.
const ORIGIN: u8 = 0x80;
/// An item has something at its right.
const RIGHT: u8 = 0x40;
/// An item lies under a key of a map.
const KEY: u8 = 0x20;
/// What is left of the first byte of an item says its kind.
const KIND: u8 = 0x1f;

/// The end of a range, which has something in it.
fn within(from: u64, length: u64) -> Result<u64, UpdateError> {
    match from.saturating_add(length) {
        _ if length == 0 => Err(UpdateError::Empty),
        end if end > CLOCK_MAX => Err(UpdateError::Number),
        end => Ok(end),
    }
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, UpdateError> {
        let (byte, rest) = self.0.split_first().ok_or(UpdateError::BreaksOff)?;
        self.0 = rest;
        Ok(*byte)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], UpdateError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(UpdateError::BreaksOff)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A number in groups of seven bits, the least first.
    fn number(&mut self, most: u64) -> Result<u64, UpdateError> {
        let mut number = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let is_shortest = byte > 0 || shift == 0;
                return if is_shortest && number <= most { Ok(number) } else { Err(UpdateError::Number) };
            }
        }
        Err(UpdateError::Number)
    }

    fn client(&mut self) -> Result<u64, UpdateError> {
        self.number(CLIENT_MAX)
    }

    /// A number of things, each of which takes a byte or more.
    fn count(&mut self) -> Result<usize, UpdateError> {
        let count = self.number(CLIENT_MAX)?;
        usize::try_from(count).ok().filter(|count| *count <= self.0.len()).ok_or(UpdateError::BreaksOff)
    }

    fn lengthy(&mut self) -> Result<&'a [u8], UpdateError> {
        let length = self.count()?;
        self.bytes(length)
    }

    fn text(&mut self) -> Result<&'a str, UpdateError> {
        str::from_utf8(self.lengthy()?).map_err(|_| UpdateError::Text)
    }

    fn json(&mut self) -> Result<(), UpdateError> {
        if json::is_json(self.text()?) { Ok(()) } else { Err(UpdateError::Json) }
    }

    fn id(&mut self) -> Result<Id, UpdateError> {
        Ok(Id { client: self.client()?, clock: self.number(CLOCK_MAX - 1)? })
    }

    fn item(&mut self, info: u8, id: Id) -> Result<Item<'a>, UpdateError> {
        let kind = info & KIND;
        if kind == 0 {
            return Err(UpdateError::Collected);
        }
        let origin = if info & ORIGIN > 0 { Some(self.id()?) } else { None };
        let right = if info & RIGHT > 0 { Some(self.id()?) } else { None };
        let (mut parent, mut key) = (None, None);
        if origin.is_none() && right.is_none() {
            parent = Some(match self.number(1)? {
                1 => Parent::Root(self.text()?),
                _ => Parent::Item(self.id()?),
            });
            key = if info & KEY > 0 { Some(self.text()?) } else { None };
        }
        let within = match parent {
            Some(Parent::Item(within)) => Some(within),
            _ => None,
        };
        // Libraries look for an item of the same client without asking whether it is there.
        let is_later = |other: Id| other.client == id.client && other.clock >= id.clock;
        if [origin, right, within].into_iter().flatten().any(is_later) {
            return Err(UpdateError::Later(id.client));
        }
        let before = self.0;
        let (kind, length) = self.content(kind)?;
        let content = Content { kind, bytes: &before[..before.len() - self.0.len()] };
        Ok(Item { id, length, origin, right, parent, key, content })
    }

    /// Passes over a content. Returns its kind and how many parts it has.
    fn content(&mut self, kind: u8) -> Result<(Kind, u64), UpdateError> {
        Ok(match kind {
            1 => (Kind::Deleted, self.number(CLOCK_MAX)?),
            3 => {
                self.lengthy()?;
                (Kind::Binary, 1)
            }
            4 => (Kind::Text, self.text()?.encode_utf16().count() as u64),
            5 => {
                self.json()?;
                (Kind::Embed, 1)
            }
            6 => {
                self.text()?;
                self.json()?;
                (Kind::Format, 1)
            }
            7 => {
                match self.number(u64::from(u8::MAX))? as u8 {
                    0 | 1 | 2 | 4 | 6 => {}
                    // An element has a name.
                    3 => drop(self.text()?),
                    other => return Err(UpdateError::Kind(other)),
                }
                (Kind::Type, 1)
            }
            8 => {
                let count = self.count()?;
                (0..count).try_for_each(|_| self.any(0))?;
                (Kind::Any, count as u64)
            }
            9 => {
                self.text()?;
                self.any(0)?;
                (Kind::Document, 1)
            }
            other => return Err(UpdateError::Kind(other)),
        })
    }

    /// The values of a content that has several, each as it is written.
    fn values(&mut self) -> Vec<&'a [u8]> {
        let count = self.count().unwrap_or_default();
        let value = |_| {
            let before = self.0;
            self.any(0).ok().map(|()| &before[..before.len() - self.0.len()])
        };
        (0..count).map_while(value).collect()
    }

    /// Passes over a value.
    fn any(&mut self, depth: usize) -> Result<(), UpdateError> {
        if depth == DEPTH_MAX {
            return Err(UpdateError::Depth);
        }
        match self.byte()? {
            // Nothing, null, false and true.
            127 | 126 | 121 | 120 => Ok(()),
            125 => self.signed(),
            124 => self.bytes(4).map(|_| ()),
            123 | 122 => self.bytes(8).map(|_| ()),
            119 => self.text().map(|_| ()),
            118 => (0..self.count()?).try_for_each(|_| {
                self.text()?;
                self.any(depth + 1)
            }),
            117 => (0..self.count()?).try_for_each(|_| self.any(depth + 1)),
            116 => self.lengthy().map(|_| ()),
            other => Err(UpdateError::Kind(other)),
        }
    }

    /// Passes over a number with a sign, which stands in its first byte.
    fn signed(&mut self) -> Result<(), UpdateError> {
        let mut byte = self.byte()?;
        for _ in 0..8 {
            if byte < 0x80 {
                return Ok(());
            }
            byte = self.byte()?;
        }
        Err(UpdateError::Number)
    }

    fn deletions(&mut self, deletions: &mut Vec<(u64, Range<u64>)>, most: usize) -> Result<(), UpdateError> {
        let mut clients = BTreeSet::new();
        for _ in 0..self.count()? {
            let (client, ranges) = (self.client()?, self.count()?);
            if !clients.insert(client) {
                return Err(UpdateError::Twice(client));
            }
            for _ in 0..ranges {
                let from = self.number(CLOCK_MAX)?;
                let length = self.number(CLOCK_MAX)?;
                if deletions.len() == most {
                    return Err(UpdateError::TooMany);
                }
                deletions.push((client, from..within(from, length)?));
            }
        }
        Ok(())
    }
}
