//! A broadcast tree as rows: each peer behind the one that is nearer to the root, so that a broadcast over it is one pass.
//!
//! # How it works
//! Where the eager links reach everybody and close no ring, there is exactly one way from an author to each peer: nothing
//! overtakes anything, and when a peer hears is the sum of the ways. From the author up to the root times add up along the
//! parents; everybody else hears from its parent, which stands before it in the rows.
//!
//! # Limits
//! Nobody is dead, nothing is lost, and a copy takes its sender no time: [`Trees::broadcast`] has these.

use crate::tree::{NEVER, Trees};
use meshwork_sim::latency::{self, Latency};

/// The root's parent.
const NOBODY: u32 = u32::MAX;

/// One tree that reaches everybody exactly once.
#[derive(Clone, Debug)]
pub struct Spanning {
    /// Where each peer stands.
    places: Vec<u32>,
    /// Of each place, where the parent stands.
    parents: Vec<u32>,
    /// Of each place, how long a message is on its way to or from the parent, in microseconds.
    ways: Vec<u32>,
}

/// When everybody heard one broadcast, by places in the tree.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// In microseconds after it was written.
    at: Vec<u32>,
    /// Links it came over.
    hops: Vec<u16>,
}

impl Spanning {
    /// A tree by the rows, if its eager links count both ways, reach everybody and close no ring.
    pub fn of(trees: &Trees<'_>, tree: usize, latency: &Latency) -> Option<Spanning> {
        let peers = trees.peers();
        let mut places = vec![NOBODY; peers];
        let (mut order, mut parents, mut ways) =
            (Vec::with_capacity(peers), Vec::with_capacity(peers), Vec::with_capacity(peers));
        places[0] = 0;
        order.push(0u32);
        parents.push(NOBODY);
        ways.push(0);
        let mut arcs = 0;
        for place in 0.. {
            let Some(&peer) = order.get(place) else { break };
            let parent = order.get(parents[place] as usize).copied();
            for arc in trees.eager_arcs(peer, tree) {
                arcs += 1;
                let other = trees.target(arc);
                if Some(other) == parent {
                    continue;
                }
                if places[other as usize] != NOBODY {
                    return None;
                }
                places[other as usize] = order.len() as u32;
                order.push(other);
                parents.push(place as u32);
                ways.push(latency.one_way(peer, other));
            }
        }
        // All hang on somebody; if each of them also leads back there, that makes two arcs for each link.
        (order.len() == peers && arcs == 2 * (peers - 1)).then_some(Spanning { places, parents, ways })
    }

    /// How many peers there are.
    pub fn peers(&self) -> usize {
        self.places.len()
    }

    /// What the rows take, in bytes.
    pub fn bytes(&self) -> u64 {
        4 * (self.places.len() + self.parents.len() + self.ways.len()) as u64
    }

    /// One peer writes, and everybody hears.
    pub fn broadcast(&self, origin: u32, heard: &mut Heard) {
        let Heard { at, hops } = heard;
        at.clear();
        at.resize(self.peers(), NEVER);
        hops.clear();
        hops.resize(self.peers(), 0);
        let mut place = self.places[origin as usize] as usize;
        at[place] = 0;
        while self.parents[place] != NOBODY {
            let parent = self.parents[place] as usize;
            (at[parent], hops[parent]) = (at[place] + self.ways[place], hops[place] + 1);
            place = parent;
        }
        for (place, (&parent, &way)) in self.parents.iter().zip(&self.ways).enumerate() {
            if at[place] == NEVER {
                let parent = parent as usize;
                (at[place], hops[place]) = (at[parent] + way, hops[parent] + 1);
            }
        }
    }

    /// When a peer heard, in microseconds, and over how many links.
    pub fn heard_by(&self, peer: u32, heard: &Heard) -> (u32, u16) {
        let place = self.places[peer as usize] as usize;
        (heard.at[place], heard.hops[place])
    }
}

impl Heard {
    /// When half of all, 99 % and the last had it, in microseconds. The order of times is lost.
    pub fn percentiles(&mut self) -> [u32; 3] {
        let last = self.at.iter().copied().max().unwrap_or(0);
        [latency::percentile(&mut self.at, 500), latency::percentile(&mut self.at, 990), last]
    }

    /// Links over which the last who heard did.
    pub fn most_hops(&self) -> u16 {
        self.hops.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adjacency::Adjacency;
    use crate::tree::{Delivery, Timing};
    use meshwork_sim::chance::generator;

    #[test]
    fn one_pass_says_what_events_in_time_do() {
        let graph = Adjacency::random_regular(500, 12, &mut generator(4, [0; 3]));
        let latency = Latency::regions(500, &mut generator(4, [1; 3]));
        let (mut trees, mut delivery) = (Trees::new(&graph), Delivery::default());
        // Nobody asks for what is on its way: the tree stays.
        trees.has_grafts = false;
        assert!(Spanning::of(&trees, 0, &latency).is_none(), "all links are eager: they close rings");
        trees.broadcast(0, 17, &Timing::of(&latency), |_| true, &mut delivery);
        let spanning = Spanning::of(&trees, 0, &latency).expect("a flood leaves a tree");
        let mut heard = Heard::default();
        for origin in [0, 17, 499] {
            trees.broadcast(0, origin, &Timing::of(&latency), |_| true, &mut delivery);
            spanning.broadcast(origin, &mut heard);
            let by_events = |peer: u32| (delivery.at[peer as usize], delivery.hops[peer as usize]);
            assert!((0..500).all(|peer| spanning.heard_by(peer, &heard) == by_events(peer)), "of {origin}");
            assert_eq!(heard.most_hops(), delivery.most_hops());
            assert_eq!(heard.percentiles(), [500, 990, 1000].map(|part| delivery.percentile(part)));
        }
    }

    #[test]
    fn tree_not_reaching_everybody_is_none() {
        let latency = Latency::Uniform(1000);
        let whole = Adjacency::undirected(4, &[(0, 1), (1, 2), (1, 3)]);
        assert!(Spanning::of(&Trees::new(&whole), 0, &latency).is_some());
        let parted = Adjacency::undirected(4, &[(0, 1), (2, 3)]);
        assert!(Spanning::of(&Trees::new(&parted), 0, &latency).is_none());
        let one_way = Trees::laid(&whole, |to, from| if (to, from) == (1, 3) { 0 } else { u8::MAX });
        assert!(Spanning::of(&one_way, 0, &latency).is_none(), "3 hears and is not heard");
    }
}
