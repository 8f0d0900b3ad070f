//! Lanes: how bytes travel that are no replica, between endpoints that are linked and in one room.
//!
//! # Problem
//! Much of what programs tell each other is worth nothing to those who come later: a game's input, where a cursor is,
//! a question to one member. Batches are signed, kept and compared, and cost too much for that.
//!
//! # How it works
//! Whatever is said is said in a room, in the slot of an app; a datagram and a direct message also under a topic, which
//! the app chooses. Core reads none of it.
//! - A *datagram* goes to one neighbour or to everybody, and may be lost. One that is not sent yet is replaced by the next
//!   of its stream: same room, slot and topic. What arrives older than the last of its stream is passed over.
//! - *Presence* is what an endpoint says of itself now. It is said to all neighbours when it changes and to those who
//!   come, and ends when the endpoint is detached.
//! - A *say* goes to everybody in the room, signed: it is passed on, and heard in its author's order.
//! - A *direct message* goes to one endpoint, at most once and in order (`links/direct.rs`).
//!
//! # Driving it
//! A room keeps [`Sayings`], [`Passing`] and what those are [`Present`] to whom there is no link. The node keeps a
//! [`Presence`] for each room and [`Allowance`]s for each neighbour, and hands datagrams to a link, which sends
//! them when it has room.
//!
//! # Invariants
//! - Replicas, records and digests know nothing of it.
//! - Nobody passes on what is not signed: what is said otherwise is proved by the link that it comes over.
//!
//! # Limits
//! [`DATAGRAMS_SENT_MAX`] a second to a neighbour, twice as many from one; [`PRESENCE_TAKEN_MAX`] a second from a neighbour.

mod allowance;
mod presence;
mod present;
mod say;
mod to_all;
mod wire;

pub use self::allowance::Allowance;
pub use self::presence::{INTERVAL, LATEST, Presence, REST};
pub use self::present::{Present, REPEATED_EVERY};
pub use self::say::{Arrival, Heard, LATE, Saying, Sayings};
pub use self::to_all::{Passing, ToAll};
pub use self::wire::{DATAGRAM_KIND, Datagram, Letter, PASSED_KIND, PRESENCE_KIND, Passed, Said, Unreliable};

/// Datagrams that are handed to one neighbour in a second: two games that say something sixty times each. What is
/// beyond is dropped.
pub const DATAGRAMS_SENT_MAX: u32 = 128;
/// Datagrams that are taken from one neighbour in a second: twice what an honest one sends, since a network may hold
/// some back and deliver them together.
pub const DATAGRAMS_TAKEN_MAX: u32 = 2 * DATAGRAMS_SENT_MAX;
/// How often one neighbour may say something of itself in a second: twice what an honest one says in a room, and what
/// it says in all apps when it attaches.
pub const PRESENCE_TAKEN_MAX: u32 = 64;
