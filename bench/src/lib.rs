//! Races: Meshwork and other people's software, side by side on the same work.
//!
//! # How it works
//! A [`Race`](race::Race) is one file under `races/`. It gives [`Row`](race::Row)s: a number of ours, a number of the
//! other's where there is one, both medians of several rounds in which the contestants take turns
//! ([`Plan::duel`](race::Plan::duel)). What keeps one core busy is measured in CPU time of the thread, so that other
//! work on the machine hardly counts; what is about waiting is measured by the wall clock, and the row says so.
//!
//! # Adding one
//! A file in `races/`, a line in [`races::RACES`]. The smoke test runs it on a tiny size: a race must check there, as
//! in earnest, that the work was done and came out equal on both sides, and fail otherwise.

#![allow(clippy::print_stderr, reason = "races tell their progress on stderr")]

pub mod clock;
pub mod contestant;
pub mod documents;
pub mod joining;
pub mod links;
pub mod machine;
pub mod member;
pub mod memory;
pub mod npm;
pub mod overlay;
pub mod pages;
pub mod paint;
pub mod race;
pub mod races;
pub mod relay;
pub mod report;
pub mod signal;
pub mod signatures;
pub mod web;
