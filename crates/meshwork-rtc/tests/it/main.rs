//! The native driver over real sockets.
#![allow(clippy::unwrap_used, reason = "what a test cannot do without it may stop at")]

mod native;
mod pong;
mod relayed;
