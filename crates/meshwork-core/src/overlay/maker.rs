//! Makes a room's overlay. A new kind of overlay is made in [`all`], and no other file names its code.

use alloc::boxed::Box;

use super::full_mesh::FullMesh;
use super::sparse::Sparse;
use super::{Kind, Overlay};
use crate::rng::Seed;
use crate::signalling::announce::Introduction;

/// What an overlay is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// What others need to seek this endpoint.
    pub own: Introduction,
    /// Links of an emergent overlay at most.
    pub most: usize,
    /// Where chance comes from; each overlay has its own.
    pub seed: Seed,
}

/// Makes an overlay of a kind.
pub fn all(kind: Kind, Basis { own, most, seed }: Basis) -> Box<dyn Overlay> {
    match kind {
        Kind::FullMesh => Box::new(FullMesh::new(own.endpoint)),
        Kind::KGossip(nines) => Box::new(Sparse::k_gossip(own, nines, seed)),
        Kind::Tree => Box::new(Sparse::tree(own, most, seed)),
        Kind::Emergent => Box::new(Sparse::emergent(own, most, seed)),
    }
}
