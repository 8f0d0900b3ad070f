//! The server over real sockets.

mod attack;
mod common;
mod documentation;
mod hub_properties;
mod operation;
mod pages;
mod relay;
mod sockets;
