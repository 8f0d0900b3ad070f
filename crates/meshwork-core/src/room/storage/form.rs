//! Batches as a store has them.
//!
//! A batch is stored as it is. One that wins no entry and waits stands behind a byte with which no batch begins, and the day
//! on which it lost its last entry, counted from 1970-01-01 00:00 UTC, in four bytes, the most significant first.

use alloc::vec::Vec;

use crate::signed::batch::SignedBatch;

/// What begins the form of a batch that wins no entry.
const WAITS: u8 = 0;

/// The bytes that a store has of a batch that wins an entry, or lost its last one on a day.
pub(super) fn write(batch: &SignedBatch, lost_on: Option<u32>) -> Vec<u8> {
    match lost_on {
        None => batch.bytes().to_vec(),
        Some(day) => [&[WAITS], &day.to_be_bytes()[..], batch.bytes()].concat(),
    }
}

/// A batch that a store has, and the day on which it lost its last entry where it wins none.
pub fn read(stored: &[u8]) -> (&[u8], Option<u32>) {
    match stored {
        [WAITS, rest @ ..] => match rest.split_first_chunk() {
            Some((day, batch)) => (batch, Some(u32::from_be_bytes(*day))),
            None => (stored, None),
        },
        _ => (stored, None),
    }
}
