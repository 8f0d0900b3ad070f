//! The shapes of a table, in the order in which they lie over each other.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::table::{Entry, Table, Write, Writer};

use super::{Field, Fields, Order, Picture, ROW, Shape, ShapeId, What};
use crate::about::keep_share;

/// What became of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The shape before; `None` where it is new.
    pub before: Option<Shape>,
    /// The shape now; `None` where it is gone.
    pub after: Option<Shape>,
}

/// All shapes. Of two with one order the one with the greater id lies over the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// In their order: a board is gone through from below far more often than a shape is looked for.
    shapes: BTreeMap<Place, Shape>,
    places: BTreeMap<ShapeId, Place>,
    /// A place over those that are still to be read.
    above_unread: Option<Order>,
}

type Place = (Order, ShapeId);

impl Sketch {
    /// Reads a shape again whose row may say something else. Returns what became of it; `None` where it is as it was.
    pub fn renew(&mut self, table: &Table, id: ShapeId) -> Option<Renewed> {
        let after = Shape::read(&Fields::of(table, id));
        if self.get(id) == after.as_ref() {
            return None;
        }
        let before = self.set(id, after.clone());
        Some(Renewed { before, after })
    }

    /// Whatever a table has and is not read yet lies below what is put on top from now on: a large board is read in steps.
    pub fn expect(&mut self, table: &Table) {
        self.above_unread = Some(top(table));
    }

    /// Places shapes that stand in no table, in place of those of the same ids.
    pub fn place(&mut self, shapes: impl IntoIterator<Item = (ShapeId, Shape)>) {
        for (id, shape) in shapes {
            self.set(id, Some(shape));
        }
    }

    /// Returns what it was before.
    fn set(&mut self, id: ShapeId, shape: Option<Shape>) -> Option<Shape> {
        let before = self.places.remove(&id).and_then(|place| self.shapes.remove(&place));
        if let Some(shape) = shape {
            let place = (shape.order.clone(), id);
            self.places.insert(id, place.clone());
            self.shapes.insert(place, shape);
        }
        before
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shapes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shapes.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: ShapeId) -> Option<&Shape> {
        self.shapes.get(self.places.get(&id)?)
    }

    /// All of them, the one below all others first.
    pub fn shapes(&self) -> impl DoubleEndedIterator<Item = (ShapeId, &Shape)> {
        self.shapes.iter().map(|((_, id), shape)| (*id, shape))
    }

    /// A place over all of them, and over those that are [expected](Sketch::expect).
    pub fn top(&self) -> Order {
        let last = self.shapes.last_key_value().map(|((order, _), _)| order);
        Order::between(last.max(self.above_unread.as_ref()), None)
    }

    /// A place below all of them.
    pub fn bottom(&self) -> Order {
        Order::between(None, self.shapes.first_key_value().map(|((order, _), _)| order))
    }

    /// A place one further up than the topmost of some, or one further down than the lowest; `None` where they are there
    /// already.
    pub fn step(&self, of: &BTreeSet<ShapeId>, is_up: bool) -> Option<Order> {
        let places: Vec<&Place> = self.shapes.keys().collect();
        let order = |at: usize| places.get(at).map(|(order, _)| order);
        if is_up {
            let top = places.iter().rposition(|(_, id)| of.contains(id))?;
            let next = order(top + 1)?;
            let beyond = places[top + 1..].iter().find(|(order, _)| order > next);
            Some(Order::between(Some(next), beyond.map(|(order, _)| order)))
        } else {
            let low = places.iter().position(|(_, id)| of.contains(id))?;
            let next = order(low.checked_sub(1)?)?;
            let beyond = places[..low - 1].iter().rev().find(|(order, _)| order < next);
            Some(Order::between(beyond.map(|(order, _)| order), Some(next)))
        }
    }
}

/// The ids of all shapes of a table, and of what other builds may call shapes.
pub fn ids(table: &Table) -> Vec<ShapeId> {
    let mut ids: Vec<ShapeId> = table.entries(&ROW).filter_map(|entry| ShapeId::of(entry.row())).collect();
    // The fields of a shape lie side by side.
    ids.dedup();
    ids
}

/// All shapes of a table, by id.
pub fn shapes(table: &Table) -> Vec<(ShapeId, Shape)> {
    let entries: Vec<&Entry> = table.entries(&ROW).collect();
    let rows = entries.chunk_by(|one, other| one.row() == other.row());
    let shape =
        |row: &[&Entry]| Some((ShapeId::of(row[0].row())?, Shape::read(&Fields::read(row.iter().copied()))?));
    rows.filter_map(shape).collect()
}

/// A place over all shapes of a table. Of a shape it reads the order alone, however long its stroke is.
pub fn top(table: &Table) -> Order {
    let order = |entry: &Entry| match entry.field() {
        (Writer::Anybody, name) => match Field::named(name)? {
            // A shape lies here that does not say where.
            Field::What => Some(Order::between(None, None)),
            Field::Order => Order::read(entry.value()?),
            _ => None,
        },
        _ => None,
    };
    Order::between(table.entries(&ROW).filter_map(order).max().as_ref(), None)
}

/// What takes a shape away, with what other builds wrote about it.
pub fn deletion(table: &Table, id: ShapeId) -> Vec<Write> {
    let removal = |entry: &Entry| {
        let (writer, name) = entry.field();
        Write::removal(entry.row(), writer.field(name))
    };
    table.row(&id.row()).map(removal).collect()
}

/// The pictures that a keeper holds, each with who put it down, those put down last first: of each author as much as of
/// [versions](crate::about::to_hold).
pub fn to_hold(table: &Table) -> Vec<(PeerId, Picture)> {
    let is_what = |entry: &&Entry| entry.field() == (Writer::Anybody, &*Field::What.name());
    let pictures =
        table.entries(&ROW).filter(is_what).filter_map(|entry| match What::read(entry.value()?)? {
            What::Picture(picture) => Some((entry.stamp(), entry.author(), picture)),
            _ => None,
        });
    let mut pictures: Vec<(Stamp, PeerId, Picture)> = pictures.collect();
    pictures.sort_unstable_by_key(|(stamp, author, _)| std::cmp::Reverse((*stamp, *author)));
    keep_share(&mut pictures, |(_, author, picture)| (*author, picture.size));
    pictures.into_iter().map(|(_, author, picture)| (author, picture)).collect()
}
