//! The picture of a room's overlay: who is linked to whom, how a stroke travels, where each bead stands.

pub mod graph;
pub mod layout;
