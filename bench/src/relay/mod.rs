//! Relays as contestants: each is started, asked as its clients do, and measured from outside.

pub mod client;
pub mod server;
