//! Programs of one network find each other and signal without any server: docs/protocol/lan.md.
//!
//! To a node, the network is one more server: [`discovery::Discovery`] is the server's end of
//! docs/protocol/signalling.md and answers from datagrams. [`driver`] owns the sockets.
#![forbid(unsafe_code)]

pub mod discovery;
#[cfg(feature = "driver")]
pub mod driver;
#[cfg(feature = "lsnp")]
pub mod lsnp;
pub mod wire;
