//! The shelf of published games beside a meeting point.
//!
//! # Problem
//! An author publishes a game once, and strangers open it by six characters. A server stores packages of people whom it does not
//! know, shows their texts, and answers how many play now.
//!
//! # How it works
//! A [`Shelf`] stores games, versions and packages. [`SqlShelf`] is one in a SQLite file or in a PostgreSQL database. [`Arcade`] adds to it the rules: permission
//! to publish, limits a day, codes, signed requests that count once, and parties, which live in memory and are forgotten after 30
//! seconds. [`routes`] answers HTTP for it.
//!
//! # Driving it
//! The crate sees no server. The program around it implements [`Live`] over its hub, and adds a [`Visit`] to the extensions of each
//! request, as an `Arc<dyn Visit>`: it knows the client's network, the public address and the pages.
//!
//! # Invariants
//! - A game's rows change only by a request that its owner signed, or by the operator.
//! - A code is never given to a second game, also after its game is taken down.
//! - Several programs may share a PostgreSQL database. Parties, shares of networks and the codes of rooms belong to each alone.
//! - No number of a party is above the number of members that the hub counts in its room.
//!
//! # Limits
//! [`ArcadeConfig`] has every limit of publications, [`parties`] those of parties. No body is read before its length is bounded, and
//! no package before the signature of its request is checked.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arcade;
mod config;
mod counts;
mod newest;
pub mod parties;
mod picture;
mod quota;
mod routes;
mod seam;
mod store;
mod uploads;

pub use arcade::{Arcade, NewGameError, StartError};
pub use config::{ArcadeConfig, Clock, Draw, Publishers};
pub use counts::{Counts, Histogram};
pub use routes::routes;
pub use seam::{Head, Live, Picture, ReserveError, TooManyCodes, Visit};
pub use store::{
    Boxed, By, Cursor, Files, Publication, PublishError, PutBack, PutBackError, SessionRecord, Shelf,
    ShelfError, SqlShelf, StoredGame, TakeDown, Totals,
};
