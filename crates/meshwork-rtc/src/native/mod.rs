//! The native driver: tokio, UDP sockets and str0m.

pub mod persist;
pub mod store;
