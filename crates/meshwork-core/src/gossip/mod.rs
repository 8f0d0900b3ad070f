//! Gossip: what an author says to a room, signed, and delivered to each member once.

pub mod batch;
pub mod window;
