//! Rooms of real nodes on the virtual network, and the rules of rooms as plain data.

mod apart;
mod by_hand;
mod common;
mod conformance;
mod counting;
mod crowds;
mod faults;
mod hostile;
mod in_band;
mod joins;
mod lanes;
mod overlays;
mod people;
mod planted;
mod records;
mod relays;
mod resume;
mod room;
mod rules;
mod say;
mod scenarios;
mod secrets;
mod silence;
mod tables;
mod visits;
mod votes;
