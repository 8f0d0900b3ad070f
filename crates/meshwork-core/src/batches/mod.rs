//! Batches: what an author says to a room at once, signed, numbered, and taken in once.

pub mod batch;
pub mod window;
