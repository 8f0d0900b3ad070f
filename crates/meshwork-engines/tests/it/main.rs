//! Tests of the engines: hostile programs, the contract of programs, commands, and the pool.
#![allow(clippy::unwrap_used, reason = "an error ends the test")]

mod bench;
#[cfg(unix)]
mod commands;
mod contract;
#[cfg(feature = "gpu")]
mod gpu;
mod hostile;
mod pool;
