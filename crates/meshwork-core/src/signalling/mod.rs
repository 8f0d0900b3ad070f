//! Signalling: everything that is said before a link is open, by a server or in band.

pub mod address;
pub mod announce;
pub mod by_hand;
pub mod client;
pub mod protocol;
pub mod sealing;
