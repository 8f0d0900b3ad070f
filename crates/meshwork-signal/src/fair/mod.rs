//! Fair shares: what there is only so much of is shared out among networks, not among addresses or keys, of which
//! anybody may have any number.
//!
//! Networks lie in each other: an IPv6 /64 in a /56, a /48 and a /32, an IPv4 address in a /24 and a /16. Each counts
//! with all that it holds, a wide one as several parties, since several people are behind it.
//!
//! - [`Holdings`] say who gives way when something is full: the network that holds most of it, never the newcomer of a
//!   small one.
//! - [`Buckets`] say how much each network may ask for in a second.

mod bucket;
mod holdings;
mod network;
#[cfg(test)]
mod tables;

pub(crate) use bucket::{Bucket, Buckets, Rate};
pub(crate) use holdings::{Holdings, Merit};
pub(crate) use network::{Network, WIDTHS_MAX, is_within, parties};
