//! Who hears a message that everybody passes on, and after how many hops.

use crate::adjacency::Adjacency;

/// The hops of a peer that nothing reaches.
pub const UNREACHED: u16 = u16::MAX;

/// What came of passing one message on.
#[derive(Clone, Debug)]
pub struct Hops {
    /// Of each peer, [`UNREACHED`] where it did not hear.
    pub of: Vec<u16>,
    /// How many heard, the origin included.
    pub reached: usize,
    /// Hops of the last who heard.
    pub most: u16,
}

/// Passes a message on from `origin`, hop by hop, among those who are `alive`.
pub fn hops(graph: &Adjacency, origin: u32, alive: impl Fn(u32) -> bool) -> Hops {
    hops_over(graph.peers(), origin, |peer| graph.of(peer), alive)
}

/// The same over links that lie elsewhere.
pub(crate) fn hops_over<'a>(
    peers: usize,
    origin: u32,
    links: impl Fn(u32) -> &'a [u32],
    alive: impl Fn(u32) -> bool,
) -> Hops {
    let mut of = vec![UNREACHED; peers];
    let mut queue = Vec::with_capacity(peers);
    of[origin as usize] = 0;
    queue.push(origin);
    let mut next = 0;
    while let Some(&peer) = queue.get(next) {
        next += 1;
        let hop = of[peer as usize] + 1;
        for &other in links(peer) {
            if of[other as usize] == UNREACHED && alive(other) {
                of[other as usize] = hop;
                queue.push(other);
            }
        }
    }
    let most = queue.last().map_or(0, |&last| of[last as usize]);
    Hops { of, reached: queue.len(), most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_sim::chance::generator;

    #[test]
    fn the_dead_pass_nothing_on() {
        let line = Adjacency::undirected(5, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
        let all = hops(&line, 0, |_| true);
        assert_eq!((all.of.as_slice(), all.reached, all.most), (&[0, 1, 2, 3, 4][..], 5, 4));
        let cut = hops(&line, 0, |peer| peer != 2);
        assert_eq!((cut.of[1], cut.of[3], cut.reached, cut.most), (1, UNREACHED, 2, 1));
    }

    /// With 300 of a thousand dead a peer is alone with probability 0.3^k at degree k, and nothing else counts: all the
    /// living hear in exp(-700 * 0.3^k) of all cases.
    #[test]
    fn regular_graphs_hold_together_as_often_as_planned() {
        const SEEDS: u64 = 400;
        for (degree, planned) in [(6, 0.60), (8, 0.955), (10, 0.996), (12, 0.9996)] {
            let whole = (0..SEEDS).filter(|&seed| {
                let rng = &mut generator(seed, [degree, 0, 0]);
                let graph = Adjacency::random_regular(1000, degree as usize, rng);
                hops(&graph, 999, |peer| peer >= 300).reached == 700
            });
            let share = whole.count() as f64 / SEEDS as f64;
            // Three standard deviations of so many cases, and one case.
            let tolerance = 3.0 * f64::sqrt(planned * (1.0 - planned) / SEEDS as f64) + 1.0 / SEEDS as f64;
            assert!(
                (share - planned).abs() <= tolerance,
                "degree {degree}: {share} of the rooms, {planned} planned"
            );
        }
    }
}
