//! Links and what outlives them: proof of both ends, messages in frames, liveness, resumption.

pub mod direct;
mod lane_queue;
pub mod link;
pub mod message;
pub mod resume;
pub mod rtt;
pub mod transcript;
