//! STUN and TURN: who cannot reach the other directly is relayed.
//!
//! # Problem
//! Of hard pairs of networks about a third cannot be linked directly. A relay that both can reach carries their
//! packets, which stay encrypted between them.
//!
//! # How it works
//! STUN binding (RFC 8489) and TURN (RFC 8656) over UDP, TCP and TLS, over the codec of `stun-types` and `turn-types`.
//! Credentials are those of the TURN REST proposal ([`credentials`]). Peers are addresses of the public internet,
//! unless opened ([`deny`]). docs/protocol/relay.md says what is served.
//!
//! # Driving it
//! [`Relay`] is told of datagrams, streams and time by `handle_*`; then `poll_output` says what to send, and
//! `poll_timeout` when to call `handle_timeout`.
//!
//! # Limits
//! All in [`Config`]. Nothing is kept of who has not shown credentials, but a connection and what it has not yet
//! said to the end.

mod allocation;
mod answer;
pub mod config;
pub mod counts;
pub mod credentials;
pub mod deny;
pub mod io;
mod metrics;
mod nonce;
mod quota;
mod relay;
pub mod serve;
pub mod token;

pub use config::{Config, ConfigError, Quota, RelayAddress};
pub use counts::{Counts, Refusal};
pub use credentials::{Credentials, Secret};
pub use io::{ListenerId, Output, RelayId, Socket, StreamId};
pub use relay::Relay;
pub use serve::{Listeners, ServeError, Server, serve};
