//! In which list of a document each item lies that is placed.
//!
//! An item lies in the type and under the key that it names, else where what it was inserted behind lies, else where what it
//! was inserted before does. An item that names what is no type, or two items that lie in different lists, lies nowhere, and
//! so does what names it. Libraries stop at such an item, or delete others' items for it, so none is told of its place.

use std::collections::{BTreeMap, BTreeSet};

use super::update::{Id, Item, Kind, Parent, Piece, Says};

/// Lists, and what lies in them.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// How far each client's items are placed: the ends of runs that lie in one list, each with its number.
    runs: BTreeMap<u64, Vec<(u64, u32)>>,
    /// By what they are in, and under which key.
    numbers: BTreeMap<(Within, Option<String>), u32>,
    /// Items that are placed and in which others may lie.
    types: BTreeSet<Id>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    Root(String),
    Item(Id),
}

/// The number of what is no list.
const NOWHERE: u32 = 0;

/// What says where an item lies.
struct Place<'a> {
    origin: Option<Id>,
    right: Option<Id>,
    parent: Option<Parent<'a>>,
    key: Option<&'a str>,
}

impl Lists {
    /// How many of a client's items are placed.
    pub(super) fn end(&self, client: u64) -> u64 {
        self.runs.get(&client).and_then(|runs| runs.last()).map_or(0, |(end, _)| *end)
    }

    /// Whether an item lies somewhere, once it is placed.
    pub(super) fn shows(&self, id: Id) -> bool {
        self.list_of(id).is_some_and(|list| list != NOWHERE)
    }

    /// Places an item, of which all that it needs is placed.
    pub(super) fn place(&mut self, item: &Item<'_>) {
        let Item { id, origin, right, parent, key, .. } = *item;
        let is_type = item.content.kind == Kind::Type;
        self.insert(id, item.end(), is_type, &Place { origin, right, parent, key });
    }

    /// The same with a piece of an item.
    pub(super) fn place_piece(&mut self, piece: &Piece<'_>) {
        let Piece { id, origin, right, parent, key, .. } = *piece;
        let is_type = matches!(piece.content, Says::Whole(Kind::Type, _));
        self.insert(id, piece.end(), is_type, &Place { origin, right, parent, key });
    }

    /// Places a piece where nobody shows it.
    pub(super) fn place_aside(&mut self, piece: &Piece<'_>) {
        self.lay(piece.id, piece.end(), NOWHERE);
    }

    fn insert(&mut self, id: Id, end: u64, is_type: bool, place: &Place<'_>) {
        let list = self.list_at(place);
        if is_type {
            self.types.insert(id);
        }
        self.lay(id, end, list);
    }

    fn lay(&mut self, id: Id, end: u64, list: u32) {
        let runs = self.runs.entry(id.client).or_default();
        match runs.last_mut() {
            Some((last, number)) if *number == list => *last = end.max(*last),
            _ => runs.push((end, list)),
        }
    }

    fn list_at(&mut self, place: &Place<'_>) -> u32 {
        let Some(parent) = place.parent else {
            return match [place.origin, place.right].map(|id| id.and_then(|id| self.list_of(id))) {
                [Some(one), Some(other)] if one != other => NOWHERE,
                [one, other] => one.or(other).unwrap_or(NOWHERE),
            };
        };
        let within = match parent {
            Parent::Root(name) => Within::Root(name.to_owned()),
            Parent::Item(id) if self.types.contains(&id) => Within::Item(id),
            Parent::Item(_) | Parent::Nowhere(_) => return NOWHERE,
        };
        let next = self.numbers.len() as u32 + 1;
        *self.numbers.entry((within, place.key.map(str::to_owned))).or_insert(next)
    }

    fn list_of(&self, id: Id) -> Option<u32> {
        let runs = self.runs.get(&id.client)?;
        let place = runs.partition_point(|(end, _)| *end <= id.clock);
        runs.get(place).map(|(_, list)| *list)
    }
}
