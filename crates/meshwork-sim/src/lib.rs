//! The simulator: the very node that browsers run, on a virtual network, from one seed.
//!
//! # Problem
//! Faults that matter happen rarely and cannot be repeated. They must be made often, and be repeatable.
//!
//! # How it works
//! A [`World`](world::World) owns nodes, a virtual [meeting point](meeting_point), virtual
//! [connections](connection) and one queue of deliveries in virtual time. All chance comes from one seed: the
//! same seed gives the same run, event by event. A [`scenario`] draws people who come, write what their [apps](app) have,
//! are cut and leave; [checkers](check) watch at every step and at the end. A [`crowd`] is one large room of them.
//!
//! # Invariants
//! - Nothing here reads a clock or the system's randomness.
//! - Nodes see nothing that a real driver could not show them.

pub mod app;
pub mod chance;
pub mod check;
pub mod connection;
pub mod crowd;
pub mod hostile;
pub mod latency;
pub mod library;
pub mod meeting_point;
pub mod path;
pub mod scenario;
pub mod world;
