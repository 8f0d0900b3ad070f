//! The library as a program uses it: one suite, over real sockets and over a network in virtual time.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod cancelled;
mod errors;
mod native;
mod network;
mod suite;
