//! The server over real sockets.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without it may stop at")]

mod attack;
mod common;
mod documentation;
mod embedded;
mod hub_properties;
mod operation;
mod pages;
mod relay;
mod routes;
mod sockets;
