//! The native driver over real sockets.

mod native;
mod relayed;
