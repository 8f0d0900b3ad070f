//! Links: proof of both ends, messages in frames, liveness and round-trip times.

pub mod rtt;
pub mod transcript;
