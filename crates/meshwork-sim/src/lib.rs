//! The simulator: the very node that browsers run, on a virtual network, from one seed.
//!
//! # Problem
//! Faults that matter happen rarely and cannot be repeated. They must be made often, and be repeatable.
//!
//! # How it works
//! A [`World`](world::World) owns nodes, a virtual [meeting point](meeting_point), virtual
//! [connections](connection) and one queue of deliveries in virtual time. All chance comes from one seed: the
//! same seed gives the same run, event by event. A [`scenario`] draws people who come, paint, cut and
//! leave; [checkers](check) watch at every step and at the end. A [`crowd`] is one large room of them. Beyond some thousand
//! peers the [graph] level keeps who is linked to whom and leaves the nodes out.
//!
//! # Invariants
//! - Nothing here reads a clock or the system's randomness.
//! - Nodes see nothing that a real driver could not show them.

#[cfg(feature = "protocol")]
pub mod check;
#[cfg(feature = "protocol")]
pub mod connection;
#[cfg(all(feature = "graph", feature = "protocol"))]
pub mod crowd;
#[cfg(feature = "graph")]
pub mod graph;
#[cfg(feature = "protocol")]
pub mod hostile;
#[cfg(feature = "protocol")]
pub mod meeting_point;
#[cfg(feature = "protocol")]
pub mod path;
#[cfg(feature = "protocol")]
pub mod scenario;
#[cfg(feature = "protocol")]
pub mod world;
