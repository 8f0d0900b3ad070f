//! Logic of the pages of Play: input of a player, and the seats of a party.

pub mod hands;
pub mod party;
