//! The shelf over HTTP, in a real server on a free port.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without it may stop at")]

mod downloads;
mod games;
mod limits;
mod migration;
mod pages;
mod parties;
#[cfg(target_os = "linux")]
mod postgres;
mod support;
mod undo;
