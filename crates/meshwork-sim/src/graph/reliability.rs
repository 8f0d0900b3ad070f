//! How many links a promise needs.

/// Place's own formula: everybody sends to `k` others so that all hear with the probability of that many nines.
///
/// k = ln n + nines * ln 10, rounded up, at least 1 and at most n.
pub fn compute_k(peers: usize, nines: u32) -> usize {
    if peers <= 1 {
        return peers;
    }
    let k = ((peers as f64).ln() + f64::from(nines) * std::f64::consts::LN_10).ceil() as usize;
    k.clamp(1, peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_numbers_of_the_original() {
        let row = |nines| [100, 1000, 10_000, 50_000].map(|peers| compute_k(peers, nines));
        assert_eq!(row(1), [7, 10, 12, 14]);
        assert_eq!(row(3), [12, 14, 17, 18]);
        assert_eq!(row(5), [17, 19, 21, 23]);
        assert_eq!(row(7), [21, 24, 26, 27]);
        assert_eq!(row(9), [26, 28, 30, 32]);
        assert_eq!(row(10), [28, 30, 33, 34]);
        assert_eq!([compute_k(0, 5), compute_k(1, 5), compute_k(3, 1000)], [0, 1, 3]);
    }
}
