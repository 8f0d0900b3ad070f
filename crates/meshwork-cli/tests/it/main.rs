//! The command line, run as a user runs it.

mod identity;
mod keeper;
mod listen;
mod operate;
mod pictures;
mod place;
mod replay;
mod rules;
mod serve;
mod simulate;
mod support;
mod swarm;
mod terminal;
mod usage;
