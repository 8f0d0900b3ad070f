//! Whiteboard: shapes that several people draw, move and take away at once.
//!
//! # How it works
//! A shape is a row of the app's table by value, whose id is drawn at random. What can be changed apart lies in fields apart,
//! which everybody may write: what the shape is, where it stands, how it looks, what lies over what, and its text. So
//! whoever moves a shape and whoever colours it both get what they wanted, and of two who move it the later one does. A long
//! stroke goes on in further fields, each written as soon as it is full, so that what is drawn is never a second away from
//! being lost.
//!
//! [`Sketch`] has the shapes of a table in their order. [`Steps`] goes back over what one did oneself. [`drafts`] are
//! writes that are shown to others before they are kept: a stroke that is being drawn, a shape under somebody's hand.
//!
//! # Invariants
//! - What this version cannot read is shown as a box where its bounds say, and stays as it is.
//! - Going back changes only what still is as one made it: nobody's work is lost by another one's undo.
//!
//! # Limits
//! A piece of a stroke has at most [`POINTS_MAX`] points, a stroke [`PIECES_MAX`] pieces, a text [`TEXT_MAX`] bytes.

pub mod drafts;
mod order;
pub mod presence;
mod shape;
mod sketch;
mod steps;
#[cfg(test)]
mod tests;

use meshwork_core::replica::part_named;
use meshwork_core::table::{Write, Writer};

pub use order::{ORDER_MAX, Order};
pub use shape::{
    Bounds, COLOURS, Fields, PICTURE_MAX, PIECES_MAX, POINTS_MAX, Picture, Piece, Point, Shape, Style,
    TEXT_MAX, UNIT, What,
};
pub use sketch::{Renewed, Sketch, deletion, ids, shapes, to_hold, top};
pub use steps::{Run, STEPS_BYTES_MAX, STEPS_MAX, Step, Steps, Way};

use crate::FIRST;

/// What the row of a shape begins with.
const ROW: [u8; 2] = [FIRST, b'b'];

/// Which shape, drawn at random by who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeId(pub [u8; 8]);

impl ShapeId {
    /// The id of its row.
    pub fn row(self) -> Vec<u8> {
        [&ROW[..], &self.0].concat()
    }

    /// The shape whose row this is; `None` for other rows.
    pub fn of(row: &[u8]) -> Option<ShapeId> {
        Some(ShapeId(row.strip_prefix(&ROW)?.try_into().ok()?))
    }

    /// The part in which all lies that is written about it: see [`Replica::outline`](meshwork_core::replica::Replica::outline).
    pub fn part(self) -> u32 {
        part_named(&self.row())
    }

    /// What gives one of its fields a value; `None` takes the field away.
    pub fn write(self, field: Field, value: Option<Vec<u8>>) -> Write {
        Write { row: self.row(), field: Writer::Anybody.field(&field.name()), value }
    }

    /// What makes it this shape where those fields stand: what reads the same already is left alone, and so is what this
    /// build cannot read.
    pub fn writes(self, present: &Fields, shape: &Shape) -> Vec<Write> {
        let before = Shape::read(present).map(|shape| shape.fields()).unwrap_or_default();
        let Fields(wanted) = shape.fields();
        let gone = before.0.keys().filter(|field| !wanted.contains_key(field));
        let removals: Vec<Write> = gone.map(|field| self.write(*field, None)).collect();
        let is_new = |(field, value): &(Field, Vec<u8>)| before.0.get(field) != Some(value);
        let writes = wanted.into_iter().filter(is_new).map(|(field, value)| self.write(field, Some(value)));
        writes.chain(removals).collect()
    }
}

/// What of a shape can be changed apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// What it is; it does not change, and without it there is no shape.
    What,
    /// Where it stands and how large it is.
    Bounds,
    /// How it looks.
    Style,
    /// What it lies over.
    Order,
    /// What is written in it.
    Text,
    /// How its stroke goes on: the number of the piece, from 1.
    Piece(u8),
}

impl Field {
    /// The name of the field in the table, behind the byte that says that anybody may write it.
    pub fn name(self) -> Vec<u8> {
        match self {
            Field::What => b"k".to_vec(),
            Field::Bounds => b"b".to_vec(),
            Field::Style => b"s".to_vec(),
            Field::Order => b"o".to_vec(),
            Field::Text => b"t".to_vec(),
            Field::Piece(number) => vec![b'p', number],
        }
    }

    /// The field with this name; `None` for one of another build.
    pub fn named(name: &[u8]) -> Option<Field> {
        match name {
            b"k" => Some(Field::What),
            b"b" => Some(Field::Bounds),
            b"s" => Some(Field::Style),
            b"o" => Some(Field::Order),
            b"t" => Some(Field::Text),
            [b'p', number] if *number > 0 && usize::from(*number) < PIECES_MAX => Some(Field::Piece(*number)),
            _ => None,
        }
    }
}
