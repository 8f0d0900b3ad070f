//! Logic of the pages of Play: input of a player, the seats of a party, and the question before an HTML game.

pub mod hands;
pub mod party;
pub mod trust;
