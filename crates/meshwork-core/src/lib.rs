//! The whole Meshwork protocol as state machines without input or output of their own.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[macro_use]
pub mod planted;

pub mod blobs;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod id;
pub mod json;
pub mod lanes;
pub mod links;
#[cfg(feature = "memoised-signatures")]
pub mod memo;
pub mod node;
pub mod overlay;
pub mod reach;
pub mod recent;
pub mod replica;
pub mod rng;
pub mod room;
pub mod rulebook;
pub mod seam;
pub mod signalling;
pub mod signed;
pub mod table;
pub mod text;
pub mod time;
pub mod wire;
