//! The meeting point as a library: rooms are found, endpoints proved, sealed signals carried, pages served.
//!
//! [`hub`] is the whole protocol as a state machine without sockets or clocks; [`http`] runs it over WebSockets
//! next to the pages; [`turn`] relays for those who cannot link directly. docs/protocol/signalling.md describes what is said.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accepting;
pub mod code;
pub mod embedded;
mod fair;
pub mod http;
pub mod hub;
pub mod key_file;
pub mod turn;

pub use embedded::Embedded;
