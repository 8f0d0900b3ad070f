//! Sync: values that several people change at once, online or off.
//!
//! # How it works
//! [`document`] is a family of replicas of its own. [`counter`] and [`values`] say how numbers that are raised and values
//! that are replaced lie in the fields of a [`Table`](meshwork_core::table::Table), and read them from it; [`about`] does so
//! for titles and saved versions of documents, and [`whiteboard`] for shapes that are drawn. Members keep and serve them without knowing this
//! crate, since they keep tables. docs/protocol/sync.md has the bytes.
//!
//! # Invariants
//! - Each field of a counter or a value is written by one peer alone, so nobody can take back or change what somebody else
//!   counted or wrote.
//! - What is read depends on what stands in the table, never on the order in which it came.
//! - What this version cannot read is skipped where it stands, and stays.

pub mod about;
pub mod causal;
pub mod counter;
pub mod document;
pub mod plain;
#[cfg(test)]
mod testing;
pub mod values;
pub mod whiteboard;

use meshwork_core::replica::Replica;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::table::ROW_MAX;

/// The word of the app that is made of nothing else.
pub const WORD: &str = "sync";

/// The documents of an app: every app has them to which its room tells nothing. One with a family of its own is told what
/// that is to be, as Place is its size.
pub fn make(_: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    parameters.is_empty().then(|| Box::new(document::Documents::new()) as Box<dyn Replica>)
}

/// Longest name of a counter or a document, and longest key of a value, in bytes: two bytes of the row's id say what it is.
pub const NAME_MAX: usize = ROW_MAX - 2;

/// What the rows of this crate begin with: a byte that no text has, so that no table of an app can mean the same rows.
const FIRST: u8 = 0xff;

/// What a row is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter = b'c' as isize,
    Document = b'd' as isize,
    Value = b'v' as isize,
}

impl Kind {
    /// The id of the row with this name; for the beginning of a name what all such rows begin with.
    fn row(self, name: &str) -> Vec<u8> {
        [&[FIRST, self as u8], name.as_bytes()].concat()
    }

    /// The name that the id of a row of this kind has.
    fn name(self, row: &[u8]) -> Option<&str> {
        str::from_utf8(row.strip_prefix(&[FIRST, self as u8])?).ok()
    }
}
