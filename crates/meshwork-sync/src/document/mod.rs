//! Documents: text, maps and lists that several people edit at once, in the format of Yjs.
//!
//! # Problem
//! Whoever edits a document says what it inserts and deletes; a library that applies that trusts it. In a room of strangers
//! it has to be known who wrote what, nobody may write in another's name or make others' text unreadable, and what a
//! record takes must go without taking what others built on it.
//!
//! # How it works
//! A document is the set of the signed updates that people wrote in it: nothing replaces anything. Each batch has a document's name
//! and one update ([`Said`]), whose items are under the number of the endpoint that signed it ([`client_of`]); deletions may
//! name anybody's. Nothing of somebody else's update reaches a library that applies it before [`update`] has read it
//! whole. [`Documents`] keeps the updates, and says which make what stands; a program applies those with yrs or Yjs.
//!
//! - An update that another one of the same peer contains is dropped, so an author folds many into few.
//! - What a record took, or is beyond its author's share, stays while something that stands needs it: as a place without
//!   content.
//! - Of two contents for one item one is chosen, by rules that depend on the set alone.
//! - What a later version wrote is kept and handed on as it is.
//! - A *seed* is an update whose number follows from what it says: whoever puts it into a document, it stands once.
//!
//! # Invariants
//! - What stands depends on the set of batches and the room's records, not on the order in which they came.
//! - The digest is over the ids of what is kept.
//!
//! # Limits
//! [`BATCHES_MAX`] and [`BYTES_MAX`] of each peer stand, those that it began first; [`update::ITEMS_MAX`] for one update.
//! Who builds on what another one wrote beyond its share keeps that here.

mod crowds;
mod fold;
mod index;
mod later;
mod lists;
mod one;
mod pen;
mod place;
mod replica;
mod said;
mod settled;
#[cfg(test)]
mod tests;
pub mod update;
mod upto;
mod visits;

use std::ops::Range;

use meshwork_core::signed::change::SCOPE_MAX;

pub use self::crowds::PLACE_ITEMS_MAX;
pub use self::pen::{Pen, Saying, ShareError};
pub use self::replica::{BATCHES_MAX, BYTES_MAX, Change, Documents, SLICE_ITEMS};
pub use self::said::{
    FORMER_MAX, NAME_MAX, Said, SaidError, UPDATE_MAX, client_of, is_name, payload, payloads, seed,
};

/// The scope of a retraction that erases items of a document: its name, and ranges of clients' items.
pub fn erase_scope(name: &str, ranges: &[(u64, Range<u64>)]) -> Vec<u8> {
    let mut scope = vec![name.len() as u8];
    scope.extend_from_slice(name.as_bytes());
    for (client, range) in ranges {
        update::number(&mut scope, *client);
        update::number(&mut scope, range.start);
        update::number(&mut scope, range.end.saturating_sub(range.start));
    }
    scope
}

/// The scopes of as many retractions as it takes to erase these items of a document.
pub fn erase_scopes(name: &str, items: &update::Ranges) -> Vec<Vec<u8>> {
    let each = (SCOPE_MAX - 1 - name.len()) / RANGE_MAX;
    items.as_slice().chunks(each).map(|ranges| erase_scope(name, ranges)).collect()
}

/// Longest range of a scope, in bytes: a client of 53 bits, a clock and a length of 32.
const RANGE_MAX: usize = 8 + 5 + 5;

/// The items of a document that a retraction with this scope erases: none where it is another document's, or cannot be
/// read.
fn erased_in(scope: &[u8], name: &str) -> Vec<(u64, Range<u64>)> {
    let of_name = |scope: &mut &[u8]| {
        let (length, rest) = scope.split_first()?;
        let (other, rest) = rest.split_at_checked((*length).into())?;
        *scope = rest;
        (other == name.as_bytes()).then_some(())
    };
    let mut scope = scope;
    if of_name(&mut scope).is_none() {
        return Vec::new();
    }
    update::read_ranges(scope).unwrap_or_default()
}
