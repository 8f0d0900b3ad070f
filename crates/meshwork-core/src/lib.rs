//! The whole Meshwork protocol as state machines without input or output of their own.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[macro_use]
pub mod planted;

pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod crdt;
pub mod gossip;
pub mod id;
#[cfg(feature = "memoised-signatures")]
pub mod memo;
pub mod node;
pub mod overlay;
pub mod presence;
pub mod reach;
pub mod replica;
pub mod rng;
pub mod room;
pub mod session;
pub mod signalling;
pub mod text;
pub mod time;
pub mod wire;
