//! Compute without a browser: the layout of tiles, results as numbers, shares of credit, terms of lending, trials of own code.

pub mod credit;
pub mod lending;
pub mod results;
pub mod tiles;
pub mod trial;
