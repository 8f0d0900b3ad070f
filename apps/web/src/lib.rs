//! The pages that people open, and what they decide without a browser: geometry, palette, order, texts.
//!
//! `pages` touches the page and is built for wasm only. Everything else is plain data in and out, so that it is tested on the
//! host. A program starts the pages with a table of apps: `main.rs` does so with ours, and another program with its own.

#[cfg(target_arch = "wasm32")]
extern crate self as meshwork_web;

pub mod apps;
pub mod code_input;
pub mod compute;
pub mod cursors;
pub mod gestures;
pub mod overlays;
#[cfg(target_arch = "wasm32")]
pub mod pages;
pub mod people;
pub mod place;
pub mod play;
pub mod rtt;
pub mod rules;
pub mod sketch;
pub mod sparkline;
pub mod sync;
pub mod talk;
pub mod texts;
