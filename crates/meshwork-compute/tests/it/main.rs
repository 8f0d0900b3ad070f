//! Tests of Compute: golden bytes, malformed input, and the machines in a simulated room.

mod basics;
mod crowd;
mod golden;
mod planted;
mod schedules;
mod world;
