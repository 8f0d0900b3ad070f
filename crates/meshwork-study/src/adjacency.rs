//! Overlays as two arrays: where each peer's neighbours begin, and who they are.

use meshwork_core::rng::Rng;

use meshwork_sim::chance;

/// Who is linked to whom, or sends to whom where the graph is directed.
///
/// A million peers with sixteen links each take 68 MB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjacency {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Adjacency {
    /// Links between pairs, each told once.
    pub fn undirected(peers: usize, links: &[(u32, u32)]) -> Adjacency {
        let mut starts = vec![0u32; peers + 1];
        for &(one, other) in links {
            starts[one as usize + 1] += 1;
            starts[other as usize + 1] += 1;
        }
        for peer in 0..peers {
            starts[peer + 1] += starts[peer];
        }
        let mut next = starts.clone();
        let mut targets = vec![0; 2 * links.len()];
        let mut put = |from: u32, to: u32| {
            let place = &mut next[from as usize];
            targets[*place as usize] = to;
            *place += 1;
        };
        for &(one, other) in links {
            put(one, other);
            put(other, one);
        }
        Adjacency { starts, targets }
    }

    /// One row of neighbours for each peer.
    pub(crate) fn from_rows<'a>(rows: impl ExactSizeIterator<Item = &'a [u32]> + Clone) -> Adjacency {
        let mut starts = Vec::with_capacity(rows.len() + 1);
        let mut targets = Vec::with_capacity(rows.clone().map(<[u32]>::len).sum());
        starts.push(0);
        for row in rows {
            targets.extend_from_slice(row);
            starts.push(targets.len() as u32);
        }
        Adjacency { starts, targets }
    }

    /// The graph of Place's own study: each peer sends to `k` others, drawn alike; who is chosen need not send back.
    pub fn random_out(peers: usize, k: usize, rng: &mut Rng) -> Adjacency {
        let mut targets = Vec::with_capacity(peers * k);
        let mut starts = Vec::with_capacity(peers + 1);
        let mut drawn = vec![];
        starts.push(0);
        for peer in 0..peers {
            chance::sample(rng, peers, k, peer as u32, &mut drawn);
            targets.extend_from_slice(&drawn);
            starts.push(targets.len() as u32);
        }
        Adjacency { starts, targets }
    }

    /// A graph in which every peer has `degree` links, drawn by the configuration model; loops and double links
    /// are swapped away, at most one peer lacks a link where peers times degree is odd.
    pub fn random_regular(peers: usize, degree: usize, rng: &mut Rng) -> Adjacency {
        let mut ends: Vec<u32> =
            (0..peers as u32).flat_map(|peer| std::iter::repeat_n(peer, degree)).collect();
        chance::shuffle(rng, &mut ends);
        let mut rows: Vec<Vec<u32>> = (0..peers).map(|_| Vec::with_capacity(degree)).collect();
        let mut links: Vec<(u32, u32)> = Vec::with_capacity(ends.len() / 2);
        let mut left = vec![];
        for pair in ends.chunks_exact(2) {
            match is_new(&rows, pair[0], pair[1]) {
                true => add(&mut rows, &mut links, pair[0], pair[1]),
                false => left.push((pair[0], pair[1])),
            }
        }
        // A swap with a link drawn at random keeps every degree. A graph too small for it stays as it is.
        let mut tries = 100 * (left.len() + 1);
        while let Some(&(a, b)) = left.last().filter(|_| tries > 0 && !links.is_empty()) {
            tries -= 1;
            let place = chance::below(rng, links.len());
            let (c, d) = links[place];
            if is_new(&rows, a, c) && is_new(&rows, b, d) && (a, c) != (b, d) && (a, c) != (d, b) {
                left.pop();
                links.swap_remove(place);
                rows[c as usize].retain(|&other| other != d);
                rows[d as usize].retain(|&other| other != c);
                add(&mut rows, &mut links, a, c);
                add(&mut rows, &mut links, b, d);
            }
        }
        Adjacency::from_rows(rows.iter().map(Vec::as_slice))
    }

    /// How many peers there are.
    pub fn peers(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many pairs (from, to) there are: twice the links of an undirected graph.
    pub fn arcs(&self) -> usize {
        self.targets.len()
    }

    /// To whom `peer` sends.
    pub fn of(&self, peer: u32) -> &[u32] {
        &self.targets[self.range(peer)]
    }

    /// Where the arcs of `peer` lie among all.
    pub fn range(&self, peer: u32) -> std::ops::Range<usize> {
        self.starts[peer as usize] as usize..self.starts[peer as usize + 1] as usize
    }

    /// To whom an arc leads.
    pub fn target(&self, arc: usize) -> u32 {
        self.targets[arc]
    }
}

fn is_new(rows: &[Vec<u32>], one: u32, other: u32) -> bool {
    one != other && !rows[one as usize].contains(&other)
}

fn add(rows: &mut [Vec<u32>], links: &mut Vec<(u32, u32)>, one: u32, other: u32) {
    rows[one as usize].push(other);
    rows[other as usize].push(one);
    links.push((one, other));
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_sim::chance::generator;

    #[test]
    fn peers_of_a_regular_graph_have_its_degree() {
        for degree in [3, 8, 12] {
            let graph = Adjacency::random_regular(200, degree, &mut generator(5, [0; 3]));
            for peer in 0..200 {
                let mut neighbours = graph.of(peer).to_vec();
                neighbours.sort_unstable();
                neighbours.dedup();
                assert_eq!(neighbours.len(), degree, "peer {peer}");
                assert!(neighbours.iter().all(|&other| other != peer && graph.of(other).contains(&peer)));
            }
        }
    }

    #[test]
    fn small_graphs_are_whole() {
        let graph = Adjacency::random_out(3, 7, &mut generator(5, [0; 3]));
        assert_eq!((graph.peers(), graph.arcs()), (3, 6));
        assert!(Adjacency::random_regular(3, 4, &mut generator(5, [0; 3])).arcs() <= 6);
    }
}
