//! The shelf over HTTP, in a real server on a free port.

mod games;
mod limits;
mod pages;
mod parties;
mod support;
