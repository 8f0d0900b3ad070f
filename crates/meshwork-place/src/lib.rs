//! Place: people paint on one shared canvas.
//!
//! # How it works
//! The [`canvas`] is a replica that rooms keep in step: a node is handed [`make`], and [`Place`] adds to it what people
//! do in such a room; [`steps`] are what one painted, to be taken back. A
//! [`Cursor`] is what an endpoint says of itself now. [`picture`] turns pictures into cells to paint, and what was painted into
//! moving pictures.
//!
//! # Invariants
//! - Nothing here reads a clock, a file or a socket: equal cells and batches give equal canvases everywhere.

pub mod canvas;
mod cursor;
pub mod picture;
mod room;
pub mod steps;
pub mod words;

pub use cursor::{Cursor, STEPS};
pub use room::{Place, app, canvas_size, make, owned, parameters, payloads, read_parameters, room_spec};
