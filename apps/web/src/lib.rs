//! The pages that people open, and what they decide without a browser: geometry, palette, order, texts.
//!
//! `pages` touches the page and is built for wasm only. Everything else is plain data in and out, so that it is tested on the
//! host. A program starts the pages with a table of apps: `main.rs` does so with ours, and another program with its own.

#[cfg(target_arch = "wasm32")]
extern crate self as meshwork_web;

pub mod acquainted;
pub mod activity;
pub mod apps;
pub mod beads;
pub mod card;
pub mod cell_input;
pub mod code_input;
pub mod cursors;
pub mod documents;
pub mod doodle;
pub mod file_name;
pub mod fill;
pub mod gestures;
pub mod hands;
pub mod line;
pub mod minimap;
pub mod overlays;
#[cfg(target_arch = "wasm32")]
pub mod pages;
pub mod palette;
pub mod party;
pub mod people;
pub mod portions;
pub mod rail;
pub mod recent;
pub mod rtt;
pub mod rules;
pub mod sketch;
pub mod sparkline;
pub mod stencil;
pub mod stroke;
pub mod sync;
pub mod talk;
pub mod texts;
pub mod tiles;
pub mod timelapse;
pub mod view;
pub mod visits;
pub mod whiteboard;
