//! Real browsers, real programs, real sockets.

mod accessible;
mod common;
mod crowd;
mod cut;
mod direct_path;
mod frames;
mod harness;
mod in_band;
mod in_browser;
mod keeper;
mod keeping;
mod lying_server;
mod narrow;
mod networks;
mod offline;
mod overlay;
mod page;
mod people;
mod place;
mod prompt;
mod relayed;
mod reports;
mod room;
mod timelapse;
mod tools;
mod touch;
