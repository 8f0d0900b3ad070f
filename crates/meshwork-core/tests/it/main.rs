//! Rooms and links of several nodes, without a simulator.

mod common;
mod floods;
mod history;
mod joins;
