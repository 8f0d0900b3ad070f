//! Links swapped for nearer ones.

use meshwork_core::rng::Rng;

use super::{FAR_LINKS, Membership};
use meshwork_sim::latency::Latency;

impl Membership {
    /// A pass of swaps in which each peer tries to come nearer to its neighbours, as X-BOT (Leitão, Marques, Pereira
    /// and Rodrigues, SRDS 2009) does among four: nobody's degree changes, and the sum of two round trips falls.
    pub fn approach(&mut self, latency: &Latency, rng: &mut Rng) -> u64 {
        let mut order = self.living.clone();
        order.sort_unstable();
        order.into_iter().filter(|&peer| self.swap_nearer(peer, latency, rng)).count() as u64
    }

    fn swap_nearer(&mut self, peer: u32, latency: &Latency, rng: &mut Rng) -> bool {
        let Some((candidate, through)) = self.reachable(peer, rng) else { return false };
        let (Some(old), Some(theirs)) = (self.farthest(peer, latency), self.farthest(candidate, latency))
        else {
            return false;
        };
        let is_possible = !self.of(peer).contains(&candidate)
            && old != candidate
            && theirs != peer
            && old != theirs
            && !self.of(old).contains(&theirs);
        let now = latency.one_way(peer, old) + latency.one_way(candidate, theirs);
        let then = latency.one_way(peer, candidate) + latency.one_way(old, theirs);
        if !is_possible || then >= now {
            return false;
        }
        self.unlink(peer, old);
        self.unlink(candidate, theirs);
        self.link(peer, candidate, through);
        self.link(old, theirs, peer);
        true
    }

    /// Of the links that may be swapped, the one with the longest round trip.
    fn farthest(&self, peer: u32, latency: &Latency) -> Option<u32> {
        let swappable = self.of(peer).get(FAR_LINKS..)?.iter().copied();
        swappable.filter(|&other| self.is_alive(other)).max_by_key(|&other| latency.one_way(peer, other))
    }
}
