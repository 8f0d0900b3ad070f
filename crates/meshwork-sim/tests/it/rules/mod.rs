//! The rules of rooms as plain data, attacked at random: what members that hold the same must show, and what nobody
//! may lose.
//!
//! Each world has a few members, a hostile one among them, and the rules that it is about. With all rules in force no
//! schedule may break a promise; with one of them removed some schedule has to. The worlds are what real replicas are
//! held against later.

mod bounded;
mod capacity;
mod comparison;
mod counter;
mod document;
mod harness;
mod line;
mod room;
mod secret;
