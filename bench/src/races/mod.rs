//! All races, one file each.

mod batch_verify;
mod board;
mod browser;
mod canvas_apply;
mod canvas_apply_wasm;
mod documents;
mod join_1000;
mod join_document;
mod link_throughput;
mod long_typing;
mod open_document;
mod overlay;
mod paint_latency;
mod paintings;
mod picture;
mod relay;
mod signal;
mod stroke_bytes;
mod typing;
mod yjs;

use crate::race::Race;

/// Every race, in the order in which results are shown.
#[rustfmt::skip] // One a line, so that nobody's line is another's.
pub const RACES: &[&Race] = &[
    &canvas_apply::RACE,
    &batch_verify::RACE,
    &canvas_apply_wasm::RACE,
    &stroke_bytes::RACE,
    &join_1000::RACE,
    &documents::RACE,
    &overlay::RACE,
    &link_throughput::RACE,
    &relay::RACE,
    &paint_latency::RACE,
    &browser::JOIN,
    &browser::FRAMES,
    &board::RACE,
    &join_document::RACE,
    &typing::RACE,
    &long_typing::RACE,
    &open_document::RACE,
    &signal::RACE,
];
