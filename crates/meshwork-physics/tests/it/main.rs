//! Worlds, their snapshots, and worlds that members share.

mod bodies;
mod golden;
mod room;
mod shared;
mod snapshots;
