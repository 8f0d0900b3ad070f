//! Studies of overlays at graph level: arrays of links, for up to a million peers.
//!
//! # Problem
//! Nodes that run in full take kilobytes and signatures each: thousands of them, not a million, and no study of many
//! seeds. What decides whether everybody hears is who is linked to whom.
//!
//! # How it works
//! Overlays are [arrays](adjacency), built at once or by the [steps of membership](membership); a broadcast is a
//! [search](reach) by hops, or [events in time](tree) over links with [latencies](meshwork_sim::latency). A
//! [`scenario`] is data: its parameters, the cases that it measures, the columns of its tables, and the figures
//! of these columns. One runner runs it, and [`report`] writes the files.
//!
//! # Invariants
//! - All chance comes from one seed; every task draws from a generator of its own, so that the same seed gives the same
//!   bytes on any number of threads.
//! - Nothing here reads a clock.
//!
//! # Limits
//! [`PEERS_MAX`] peers. What is modelled and what is not stands in every report.

pub mod adjacency;
pub mod membership;
pub mod outcome;
mod queue;
pub mod reach;
pub mod report;
mod routes;
pub mod scenario;
pub mod tree;
pub mod workers;

/// Peers of one overlay: a million with passive views of 48 take about 1.5 GB, of 8 about 0.4 GB.
pub const PEERS_MAX: usize = 1_000_000;
