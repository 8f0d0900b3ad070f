//! Links: proof of both ends, messages in frames, liveness and round-trip times.

pub mod link;
pub mod message;
pub mod rtt;
pub mod transcript;
