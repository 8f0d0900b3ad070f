//! Fair shares of limited tables and rates, by network.
//!
//! # Problem
//! Anybody has any number of keys, and any number of addresses of one network. A table of a server that strangers fill must keep room
//! for everybody else.
//!
//! # How it works
//! Shares belong to networks, not to addresses or keys. Networks lie in each other: an IPv6 /64 in a /56, a /48 and a /32, an IPv4
//! address in a /24 and a /16. Each counts with all that it contains. A wide network counts as several parties, since several people
//! use it.
//!
//! - [`Holdings`] choose the entry that gives way in a full table: one of the network that has most entries, never the newcomer of a
//!   small network.
//! - [`Buckets`] limit the requests, or bytes, of each network in a second or a day.
//!
//! # Driving it
//! Time is an argument of each call. Nothing happens between calls.
//!
//! # Invariants
//! - A network never has more than its share, whatever the number of its addresses.
//! - Of a wide network no party has more than the shares of the parties for which the network counts.
//!
//! # Limits
//! [`NETWORKS_MAX`] networks have buckets of their own. [`Holdings`] have no limit: their caller's table has one.
//!
//! # Example
//! ```
//! use meshwork_core::time::Time;
//! use meshwork_fair::{Holdings, Merit, Network};
//!
//! let network = |address: [u8; 4]| Network::of(address.into());
//! let mut sockets = Holdings::default();
//! for (number, address) in [[192, 0, 2, 1], [192, 0, 2, 1], [198, 51, 100, 1]].into_iter().enumerate() {
//!     sockets.insert(network(address), Merit::new(0, Time(number as u64)), number);
//! }
//! assert_eq!(sockets.gives_way(network([203, 0, 113, 9])), Some(1), "the youngest of the network with two");
//! assert_eq!(sockets.gives_way(network([192, 0, 2, 1])), None, "the newcomer's own network has most");
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bucket;
mod holdings;
mod network;

pub use bucket::{Bucket, Buckets, NETWORKS_MAX, Rate};
pub use holdings::{Holdings, Merit};
pub use network::{Network, WIDTHS_MAX, is_within, parties};
