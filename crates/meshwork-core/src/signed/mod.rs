//! What people sign: rooms, batches, records and admissions, byte by byte, with no room and no state around them.
//!
//! # Problem
//! Everything that counts in a room must be checkable by everybody from its bytes alone, whoever hands it over and
//! whenever it arrives. So each thing has one byte string, one name and one rule by which its signature holds.
//!
//! # How it works
//! A [`genesis`] says what never changes about a room; its hash names the room. A [`batch`] is what an author says to
//! a replica; its [`header`] is signed, and its id stands for it wherever the payload is too much. A [`record`] says
//! what changes about a room; what takes a right away names a [`list`] of the batches that stay. An [`admission`]
//! shows that somebody has a room's edit seed. docs/protocol/genesis.md, batches.md and records.md have every byte.
//!
//! # Invariants
//! - One thing has one byte string: what could be written otherwise is refused.
//! - A signature is over a [label](verify::Label) that nothing else begins with, and all are checked by one function.
//! - Whatever is read from outside has a greatest length, which is checked before memory is taken.

pub mod admission;
pub mod app;
pub mod batch;
pub mod change;
pub mod genesis;
pub mod header;
pub mod list;
pub mod record;
pub mod stub;
pub mod verify;
