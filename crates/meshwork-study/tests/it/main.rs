//! Studies as people run them, and held against real nodes.

mod command;
mod levels;
mod reports;
