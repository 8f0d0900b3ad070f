//! The seam between a node and the world, as plain data: what a node is told, what it wants done, what may be heard of
//! it, and how it is set up.

pub mod change;
pub mod choice;
pub mod config;
pub mod description;
pub mod event;
pub mod ice_server;
pub mod io;
pub mod lane;
pub mod path;
