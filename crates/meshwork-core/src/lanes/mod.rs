//! Lanes: messages that no replica stores, between linked endpoints in one room.
//!
//! # Problem
//! Many messages of programs are worthless to newcomers: a game's input, the place of a cursor, a question to one
//! member. Batches are signed, stored and compared, and cost too much for them.
//!
//! # How it works
//! Every message belongs to a room and to the slot of an app; a datagram and a direct message also to a topic, which
//! the app chooses. Core decodes none of them.
//! - A *datagram* goes to one neighbour or to everybody, and may be lost. The next datagram of a stream (same room,
//!   slot and topic) replaces one that is not sent yet. A datagram that arrives after a newer one of its stream is
//!   dropped.
//! - *Presence* is the state that an endpoint publishes of itself. It goes to all neighbours when it changes and to new
//!   ones, and ends when the endpoint is detached.
//! - A *say* (a broadcast) goes to everybody in the room, signed: members forward it, and deliver it in its author's
//!   order.
//! - A *direct message* goes to one endpoint, at most once and in order (`links/direct.rs`).
//!
//! # Driving it
//! A room keeps [`Sayings`], [`Passing`] and the [`Present`] state of members without a link. The node keeps a
//! [`Presence`] for each room and [`Allowance`]s for each neighbour, and passes datagrams to a link, which sends them
//! when it has space.
//!
//! # Invariants
//! - Lanes do not affect replicas, records and digests.
//! - Members forward only signed messages: others are proved by the link that they come over.
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

/// Datagrams to one neighbour in a second: two games that send sixty each. Further ones are dropped.
pub const DATAGRAMS_SENT_MAX: u32 = 128;
/// Datagrams accepted from one neighbour in a second: twice the limit of an honest one, since a network may delay some
/// and deliver them together.
pub const DATAGRAMS_TAKEN_MAX: u32 = 2 * DATAGRAMS_SENT_MAX;
/// Presence updates accepted from one neighbour in a second: twice those of an honest one in a room, and those of all
/// apps when it attaches.
pub const PRESENCE_TAKEN_MAX: u32 = 64;
