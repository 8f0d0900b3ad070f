//! Many who join a large room at once.
//!
//! Steps as in [`Membership::join`], all newcomers of a crowd side by side: they walk over the links that were there
//! before, and ask one after another where their walks ended. Then those who lost links to them look for others.

use meshwork_core::rng::Rng;

use super::{Found, Membership, WALK, WALKS, Walks};
use meshwork_sim::chance::generator;

/// Peers from which on newcomers come in crowds.
const CROWDS_FROM: usize = 8192;
/// A crowd is one of so many parts of the room: too few to notice that the others come too.
const PART: usize = 256;
/// Newcomers whose walks are interleaved: as many as a processor waits for at once.
const SIDE_BY_SIDE: usize = 8;

/// One who comes.
struct Newcomer {
    peer: u32,
    walks: Walks,
    rng: Rng,
}

impl Membership {
    /// How many come at once now.
    pub(super) fn crowd(&self) -> usize {
        if self.living.len() < CROWDS_FROM { 1 } else { self.living.len() / PART }
    }

    /// So many come at once, in a room of which nobody is gone.
    pub(super) fn join_at_once(&mut self, count: usize, rng: &mut Rng) {
        let (seed, first) = (rng.next_u64(), self.living.len() as u32);
        let mut crowd: Vec<Newcomer> = (first..first + count as u32)
            .map(|peer| Newcomer { peer, walks: [None; WALKS], rng: generator(seed, [peer.into(), 0, 0]) })
            .collect();
        for Newcomer { peer, rng, .. } in &mut crowd {
            self.enter(*peer);
            self.meet_by_server(*peer, rng);
        }
        for places in (0..self.views.active).step_by(WALKS) {
            crowd.chunks_mut(SIDE_BY_SIDE).for_each(|some| self.walk(some));
            for Newcomer { peer, walks, rng } in &mut crowd {
                self.ask_ends(*peer, places, *walks, rng);
            }
        }
        // Claims cost others links: who has hardly any left does not wait until all have come.
        let poor: Vec<u32> = (0..self.living.len() as u32).filter(|&peer| self.is_poor(peer)).collect();
        for peer in poor {
            self.repair(peer, true, &mut Found::default(), rng);
        }
    }

    fn walk(&self, newcomers: &mut [Newcomer]) {
        for Newcomer { peer, walks, rng } in newcomers.iter_mut() {
            *walks = self.set_out(*peer, rng);
        }
        for _ in 0..WALK {
            for Newcomer { walks, rng, .. } in newcomers.iter_mut() {
                self.step(walks, rng);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Views;
    use crate::reach::hops;
    use meshwork_sim::chance::generator;

    #[test]
    fn crowd_finds_its_links() {
        let peers = CROWDS_FROM + 2000;
        let views = Views { passive: 4, ..Views::default() };
        let graph = Membership::grown(peers, views, 1, &mut generator(6, [0; 3])).graph();
        assert_eq!(hops(&graph, 0, |_| true).reached, peers, "nobody is left alone");
        let newcomers = CROWDS_FROM as u32..peers as u32;
        let links: usize = newcomers.clone().map(|peer| graph.of(peer).len()).sum();
        let mean = links as f64 / newcomers.len() as f64;
        assert!((11.5..13.0).contains(&mean), "{mean} links of each who came in a crowd");
    }
}
