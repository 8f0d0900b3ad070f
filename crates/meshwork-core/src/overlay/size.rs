//! How many links an overlay keeps: the original's formula, our own for mutual links, and the sizes of views.
//!
//! docs/decisions/0024-overlays.md derives both formulas. Logarithms are `libm`'s, so that every platform comes
//! to the same number.

pub use crate::seam::choice::{NINES_DEFAULT, NINES_MAX};
pub use crate::seam::config::EMERGENT_DEGREE;

/// Endpoints up to which `auto` is a full mesh: every page keeps seven links then, and no batch is passed on.
pub const FULL_MESH_AUTO_MAX: usize = 8;
/// Endpoints down to which `auto` stays emergent once it is: room sizes swing, and each change costs links.
pub const FULL_MESH_AUTO_LEAST: usize = 6;
/// Links that an endpoint of a tree aims for, and keeps beyond that at most: a parent, children, and spare ones, with
/// which all the living are one room still in 95.5 % of cases when 30 % of a room of 1,000 die at once.
pub const TREE_DEGREE: (usize, usize) = (8, 12);
/// Endpoints that are remembered beside the neighbours, so that there is always one to take a lost one's place.
pub const PASSIVE_MAX: usize = 48;
/// Links of one endpoint in a k-gossip overlay: each costs a page a connection, memory and a ping a second.
pub const K_GOSSIP_DEGREE_MAX: usize = 32;
/// Share of the room that may die at the same moment while [`mutual_k`] keeps its promise to all others.
pub const FAILED_SHARE: f64 = 0.3;

/// The original's number of neighbours: `n` when n is at most 1 or `nines` is `None`, else
/// `min(n, max(1, ceil(ln n + nines ln 10)))`. In a random directed graph with that many links out of each of `n`
/// endpoints one is reached by nobody with a probability of about 10^-nines (Erdős and Rényi 1959; Kermarrec,
/// Massoulié and Ganesh 2003).
pub fn compute_k(n: usize, nines: Option<u8>) -> usize {
    let Some(nines) = nines.filter(|_| n > 1) else { return n };
    let k = libm::ceil(libm::log(n as f64) + f64::from(nines) * core::f64::consts::LN_10);
    n.min((k as usize).max(1))
}

/// Our number of mutual links in a room of `n`: the least k at which, when [`FAILED_SHARE`] of the room dies at
/// once, one of the living has lost all its k neighbours with a probability of at most 10^-nines. Everybody else
/// is one room still, since a random graph of degree 3 or more falls apart by losing lone endpoints first. Between
/// 2 (or all others, in a room of up to 3) and [`K_GOSSIP_DEGREE_MAX`].
pub fn mutual_k(n: usize, nines: u8) -> usize {
    let others = n.saturating_sub(1);
    let living = n as f64 * (1.0 - FAILED_SHARE);
    let digits = f64::from(nines.min(NINES_MAX)) * core::f64::consts::LN_10;
    let k = libm::ceil((libm::log(living.max(1.0)) + digits) / -libm::log(FAILED_SHARE));
    (k as usize).clamp(2, K_GOSSIP_DEGREE_MAX).min(others)
}

/// Links that a page keeps at most where members keep some each: fewer while nobody looks at it, since browsers slow
/// hidden pages down, and on a machine with at most two processors or 2 GiB of memory, as far as the browser tells.
pub fn links_of_page(is_hidden: bool, processors: Option<f64>, gigabytes: Option<f64>) -> usize {
    let few = |told: Option<f64>| told.is_some_and(|told| told <= 2.0);
    match (is_hidden, few(processors) || few(gigabytes)) {
        (true, _) => 6,
        (false, true) => 8,
        (false, false) => EMERGENT_DEGREE.1,
    }
}

/// Links that an endpoint keeps at most where it aims for `k`: a third more, so that who arrives finds a place
/// before others have made one.
pub fn most_links(k: usize) -> usize {
    (k + k.div_ceil(3)).min(K_GOSSIP_DEGREE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn the_formula_of_the_original_gives_its_table() {
        let sizes = [100, 1000, 10_000, 50_000];
        let table = [
            (1, [7, 10, 12, 14]),
            (3, [12, 14, 17, 18]),
            (5, [17, 19, 21, 23]),
            (7, [21, 24, 26, 27]),
            (9, [26, 28, 30, 32]),
            (10, [28, 30, 33, 34]),
        ];
        for (nines, expected) in table {
            assert_eq!(sizes.map(|n| compute_k(n, Some(nines))), expected, "{nines} nines");
        }
        // What the original's own tests ask of it, with what its formula answers.
        let asked = [(1, Some(5)), (0, Some(5)), (5, None), (10, Some(2)), (3, Some(200))];
        assert_eq!(asked.map(|(n, nines)| compute_k(n, nines)), [1, 0, 5, 7, 3]);
    }

    #[test]
    fn hidden_and_weak_pages_keep_fewer_links() {
        assert_eq!(links_of_page(false, Some(8.0), Some(8.0)), 16);
        assert_eq!(links_of_page(false, None, None), 16, "who says nothing is as good as any");
        assert_eq!(links_of_page(false, Some(2.0), Some(8.0)), 8);
        assert_eq!(links_of_page(false, Some(8.0), Some(0.5)), 8);
        assert_eq!(links_of_page(true, Some(8.0), Some(8.0)), 6);
    }

    #[test]
    fn mutual_links_need_fewer_for_the_same_promise() {
        let sizes = [100, 1000, 10_000, 50_000];
        assert_eq!(sizes.map(|n| mutual_k(n, 3)), [10, 12, 14, 15]);
        assert_eq!(sizes.map(|n| mutual_k(n, 9)), [21, 23, 25, 26]);
        for (n, nines) in sizes.into_iter().flat_map(|n| (1..=10).map(move |nines| (n, nines))) {
            assert!(mutual_k(n, nines) < compute_k(n, Some(nines)), "n {n}, {nines} nines");
        }
        assert_eq!([0, 1, 2, 3, 4, 8].map(|n| mutual_k(n, 3)), [0, 0, 1, 2, 3, 7], "small rooms are whole");
        assert!(mutual_k(usize::MAX, 255) <= K_GOSSIP_DEGREE_MAX && most_links(30) == 32);
    }

    /// A random graph in which each of `n` endpoints has `k` mutual links, less the few that cannot be paired.
    fn random_graph(rng: &mut Rng, n: usize, k: usize) -> Vec<Vec<u16>> {
        let mut stubs: Vec<u16> = (0..n).flat_map(|one| vec![one as u16; k]).collect();
        for last in (1..stubs.len()).rev() {
            stubs.swap(last, rng.below(last as u64 + 1) as usize);
        }
        let mut links = vec![Vec::new(); n];
        for pair in stubs.chunks_exact(2) {
            let [mut one, other] = [pair[0], pair[1]];
            while one == other || links[usize::from(other)].contains(&one) {
                one = rng.below(n as u64) as u16;
            }
            links[usize::from(one)].push(other);
            links[usize::from(other)].push(one);
        }
        links
    }

    /// Whether all the living hear a broadcast of the first of them.
    fn all_hear(links: &[Vec<u16>], dead: &[bool]) -> bool {
        let first = dead.iter().position(|dead| !dead).expect("somebody lives");
        let (mut heard, mut next) = (dead.to_vec(), vec![first]);
        heard[first] = true;
        while let Some(one) = next.pop() {
            for &other in &links[one] {
                if !core::mem::replace(&mut heard[usize::from(other)], true) {
                    next.push(other.into());
                }
            }
        }
        heard.into_iter().all(|heard| heard)
    }

    #[test]
    fn mutual_links_keep_promises_when_a_third_dies() {
        const N: usize = 1000;
        for (nines, seeds) in [(1u8, 300u64), (2, 300)] {
            let k = mutual_k(N, nines);
            let missed = (0..seeds).filter(|seed| {
                let mut bytes = [nines; 32];
                bytes[..8].copy_from_slice(&seed.to_le_bytes());
                let mut rng = Rng::new(bytes);
                let links = random_graph(&mut rng, N, k);
                let mut dead = vec![false; N];
                let mut left = (N as f64 * FAILED_SHARE) as usize;
                while left > 0 {
                    let one = rng.below(N as u64) as usize;
                    left -= usize::from(!core::mem::replace(&mut dead[one], true));
                }
                !all_hear(&links, &dead)
            });
            let (missed, promised) = (missed.count() as f64, seeds as f64 / libm::pow(10.0, nines.into()));
            // Three standard deviations of chance.
            assert!(
                missed <= promised + 3.0 * libm::sqrt(promised),
                "k {k}: {missed} of {seeds} broadcasts missed somebody, {promised} are promised"
            );
        }
    }
}
