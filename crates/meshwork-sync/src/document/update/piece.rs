//! Runs of parts of items: what updates are taken apart into, and put together from.

use std::borrow::Cow;

use super::write::NOWHERE;
use super::{Id, Item, Kind, Parent, Ranges, Reader};

/// One or more parts of an item, which are an item of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The name of its first part.
    pub id: Id,
    /// How many parts it has.
    pub length: u64,
    /// Behind what its first part was inserted.
    pub origin: Option<Id>,
    /// Before what it was inserted.
    pub right: Option<Id>,
    /// Where it lies, if its neighbours do not say it.
    pub parent: Option<Parent<'a>>,
    /// Under which key of a map, likewise.
    pub key: Option<&'a str>,
    /// What it is.
    pub content: Says<'a>,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// Nothing is left but its places.
    Deleted,
    /// Letters.
    Text(Cow<'a, str>),
    /// Values, as they are written.
    Values(Vec<&'a [u8]>),
    /// One part alone, as it is written.
    Whole(Kind, &'a [u8]),
}

impl<'a> Piece<'a> {
    /// The whole of an item.
    pub fn of(item: &Item<'a>) -> Piece<'a> {
        let Item { id, length, origin, right, parent, key, content } = *item;
        let mut reader = Reader(content.bytes);
        let content = match content.kind {
            Kind::Deleted => Says::Deleted,
            Kind::Text => Says::Text(Cow::Borrowed(reader.text().unwrap_or_default())),
            Kind::Any => Says::Values(reader.values()),
            kind => Says::Whole(kind, content.bytes),
        };
        Piece { id, length, origin, right, parent, key, content }
    }

    /// Which items have to be there before it can be placed.
    pub fn needs(&self) -> impl Iterator<Item = Id> + use<> {
        super::needs(self.id, self.origin, self.right, self.parent)
    }

    /// Which items say where it lies.
    pub fn neighbours(&self) -> impl Iterator<Item = Id> + use<> {
        super::neighbours(self.origin, self.right, self.parent)
    }

    /// The clock behind its last part.
    pub fn end(&self) -> u64 {
        self.id.clock + self.length
    }

    /// The clock of a part near its middle, before which it can be cut without breaking a letter; it has more than one.
    pub fn middle(&self) -> u64 {
        let at = self.length / 2;
        let Says::Text(text) = &self.content else { return self.id.clock + at };
        let mut units = 0;
        let ends = text.chars().map(|letter| {
            units += letter.len_utf16() as u64;
            units
        });
        let mut ends = ends.filter(|end| *end < self.length);
        let first = ends.next();
        self.id.clock + ends.find(|end| *end >= at).or(first).unwrap_or(at)
    }

    /// Cuts it before the part with this clock, which is one of its own and not the first. A letter of two units of UTF-16
    /// that is cut falls apart into two that cannot be read, as in Yjs.
    pub fn split_off(&mut self, clock: u64) -> Piece<'a> {
        let at = clock - self.id.clock;
        let content = match &mut self.content {
            Says::Text(text) => Says::Text(split_text(text, at as usize)),
            Says::Values(values) => Says::Values(values.split_off(at as usize)),
            Says::Deleted | Says::Whole(..) => Says::Deleted,
        };
        let rest = Piece {
            id: Id { clock, ..self.id },
            length: self.length - at,
            origin: Some(Id { clock: clock - 1, ..self.id }),
            right: self.right,
            parent: None,
            key: None,
            content,
        };
        self.length = at;
        rest
    }

    /// Cuts it wherever `ranges` begin or end within it.
    pub fn split_by(mut self, ranges: &Ranges, mut each: impl FnMut(Piece<'a>, bool)) {
        let (client, range) = (self.id.client, self.id.clock..self.end());
        for within in ranges.within(client, &range) {
            if within.start > self.id.clock {
                let rest = self.split_off(within.start);
                each(std::mem::replace(&mut self, rest), false);
            }
            if within.end == self.end() {
                return each(self, true);
            }
            let rest = self.split_off(within.end);
            each(std::mem::replace(&mut self, rest), true);
        }
        each(self, false);
    }

    /// Whether the piece is a type, on which others' items may hang.
    pub fn is_type(&self) -> bool {
        matches!(self.content, Says::Whole(Kind::Type, _))
    }

    /// Takes its content away, unless others' items may hang on it.
    pub fn empty(&mut self) {
        if !self.is_type() {
            self.content = Says::Deleted;
        }
    }

    /// Puts it where nobody shows it, without content: in a type of its client's own, so that a library passes over no item of
    /// another client before it finds the place.
    pub fn exile(&mut self) {
        self.empty();
        (self.origin, self.right, self.key) = (None, None, None);
        self.parent = Some(Parent::Nowhere(self.id.client));
    }

    /// Whether `next` goes on where this ends, so that both are one item.
    pub fn is_followed_by(&self, next: &Piece<'_>) -> bool {
        let kinds = matches!(
            (&self.content, &next.content),
            (Says::Deleted, Says::Deleted)
                | (Says::Text(_), Says::Text(_))
                | (Says::Values(_), Says::Values(_))
        );
        let last = Id { clock: self.end() - 1, ..self.id };
        kinds
            && next.id == Id { clock: self.end(), ..self.id }
            && next.origin == Some(last)
            && next.right == self.right
    }

    /// Bytes that it takes in an update, at most.
    pub fn size(&self) -> usize {
        let place = |id: &Option<Id>| id.map_or(0, |_| ID_MAX);
        let parent = match self.parent {
            Some(Parent::Root(name)) => LENGTH_MAX + name.len(),
            Some(Parent::Item(_)) => 1 + ID_MAX,
            Some(Parent::Nowhere(_)) => LENGTH_MAX + NOWHERE.len() + CLIENT_DIGITS,
            None => 0,
        };
        let key = self.key.map_or(0, |key| LENGTH_MAX + key.len());
        let content = match &self.content {
            Says::Deleted => LENGTH_MAX,
            Says::Text(text) => LENGTH_MAX + text.len(),
            Says::Values(values) => LENGTH_MAX + values.iter().map(|value| value.len()).sum::<usize>(),
            Says::Whole(_, bytes) => bytes.len(),
        };
        // What is left out between two pieces of a client is said, too.
        1 + LENGTH_MAX + 1 + place(&self.origin) + place(&self.right) + parent + key + content
    }
}

/// Longest name of an item, in bytes: a client of 53 bits and a clock of 32.
const ID_MAX: usize = 8 + 5;
/// Digits of the greatest client.
const CLIENT_DIGITS: usize = 16;
/// Longest number of parts or bytes.
const LENGTH_MAX: usize = 5;

/// Cuts a text before a unit of UTF-16, and returns what is behind.
fn split_text<'a>(text: &mut Cow<'a, str>, at: usize) -> Cow<'a, str> {
    let mut units = 0;
    let cut = text.char_indices().find_map(|(place, letter)| {
        let before = units;
        units += letter.len_utf16();
        (units > at).then_some((place, before < at))
    });
    let (place, is_within) = cut.unwrap_or((text.len(), false));
    match (is_within, &mut *text) {
        (false, Cow::Borrowed(whole)) => {
            let (first, rest) = whole.split_at(place);
            *text = Cow::Borrowed(first);
            Cow::Borrowed(rest)
        }
        (false, Cow::Owned(whole)) => Cow::Owned(whole.split_off(place)),
        (true, _) => {
            let letter = text[place..].chars().next().map_or(0, char::len_utf8);
            let rest = format!("{}{}", char::REPLACEMENT_CHARACTER, &text[place + letter..]);
            *text = Cow::Owned(format!("{}{}", &text[..place], char::REPLACEMENT_CHARACTER));
            Cow::Owned(rest)
        }
    }
}
