//! All races, one file each.

mod batch_decode;
mod batch_verify;
mod board;
mod browser;
mod canvas_apply;
mod canvas_apply_wasm;
mod documents;
mod first_visit;
mod join_1000;
mod join_document;
mod library;
mod link_throughput;
mod long_typing;
mod open_document;
mod overlay;
mod page_size;
mod paint_latency;
mod paintings;
mod picture;
mod relay;
mod replica_memory;
mod signal;
mod simulate_seeds;
mod stroke_bytes;
mod table;
mod typing;
mod values;
mod yjs;

use crate::race::Race;

/// Every race, in the order in which results are shown.
#[rustfmt::skip] // One a line, so that nobody's line is another's.
pub const RACES: &[&Race] = &[
    &canvas_apply::RACE,
    &batch_verify::RACE,
    &batch_decode::RACE,
    &canvas_apply_wasm::RACE,
    &stroke_bytes::RACE,
    &join_1000::RACE,
    &join_1000::CLICKS,
    &replica_memory::RACE,
    &table::RACE,
    &documents::RACE,
    &values::RACE,
    &simulate_seeds::RACE,
    &overlay::RACE,
    &library::RACE,
    &link_throughput::RACE,
    &relay::RACE,
    &paint_latency::RACE,
    &first_visit::RACE,
    &browser::JOIN,
    &browser::FRAMES,
    &board::RACE,
    &join_document::RACE,
    &typing::RACE,
    &long_typing::RACE,
    &open_document::RACE,
    &page_size::RACE,
    &signal::RACE,
];
