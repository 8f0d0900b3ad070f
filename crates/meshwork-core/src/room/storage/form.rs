//! The form of batches in a store.
//!
//! A batch is stored unchanged. A superseded batch follows a byte with which no batch begins, and the day
//! on which it was superseded, counted from 1970-01-01 00:00 UTC, in four bytes, the most significant first.

use alloc::vec::Vec;

use crate::signed::batch::SignedBatch;

/// First byte of the form of a superseded batch.
const WAITS: u8 = 0;

/// The stored form of a winning batch, or of one that was superseded on a day.
pub(super) fn write(batch: &SignedBatch, lost_on: Option<u32>) -> Vec<u8> {
    match lost_on {
        None => batch.bytes().to_vec(),
        Some(day) => [&[WAITS], &day.to_be_bytes()[..], batch.bytes()].concat(),
    }
}

/// A stored batch, and the day on which it was superseded, if it was.
pub fn read(stored: &[u8]) -> (&[u8], Option<u32>) {
    match stored {
        [WAITS, rest @ ..] => match rest.split_first_chunk() {
            Some((day, batch)) => (batch, Some(u32::from_be_bytes(*day))),
            None => (stored, None),
        },
        _ => (stored, None),
    }
}
