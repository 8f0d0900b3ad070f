//! All races, one file each.

mod canvas_apply;
mod paintings;
mod replica_memory;
mod stroke_bytes;
mod yjs;

use crate::race::Race;

/// Every race, in the order in which results are shown.
#[rustfmt::skip] // One a line, so that nobody's line is another's.
pub const RACES: &[&Race] = &[
    &canvas_apply::RACE,
    &stroke_bytes::RACE,
    &replica_memory::RACE,
];
