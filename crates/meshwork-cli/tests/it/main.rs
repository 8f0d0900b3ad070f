//! The command line, run as a user runs it.

#![allow(clippy::disallowed_macros, reason = "tests print their seeds")]
#![allow(clippy::unwrap_used, reason = "what a test cannot do without it may stop at")]

mod backup;
mod chat;
mod commons;
mod compute;
mod identity;
mod keep;
mod keeper;
mod lan;
mod links;
mod listen;
mod notes;
mod operate;
mod pictures;
mod place;
mod play;
mod proxies;
mod replay;
mod rules;
mod sealed;
mod serve;
mod shelf;
mod support;
mod swarm;
mod sync;
mod terminal;
mod texts;
mod usage;
