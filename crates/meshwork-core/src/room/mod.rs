//! Rooms: genesis, replicas, gossip and overlay of one place where peers meet.

pub mod genesis;
