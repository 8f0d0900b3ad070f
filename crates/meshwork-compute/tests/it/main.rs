//! Tests of Compute: golden bytes, malformed input, and the machines in a simulated room.
#![allow(clippy::unwrap_used, reason = "an error ends the test")]

mod basics;
mod crowd;
mod doors;
mod golden;
mod hostile;
mod planted;
mod schedules;
mod world;
