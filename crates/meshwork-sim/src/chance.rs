//! Randomness of runs: every task has a generator of its own, named by what it does.

use meshwork_core::rng::Rng;

/// The generator of one task: `labels` say which, so that neither threads nor other tasks change what it draws.
pub fn generator(seed: u64, labels: [u64; 3]) -> Rng {
    let mut key = [0; 32];
    for (place, number) in key.chunks_exact_mut(8).zip([seed, labels[0], labels[1], labels[2]]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    Rng::new(key)
}

/// A number in `0..bound`, or 0 when `bound` is 0.
pub fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(bound as u64) as usize
}

/// One of `all`, or `None` of nothing.
pub fn pick<T: Copy>(rng: &mut Rng, all: &[T]) -> Option<T> {
    all.get(below(rng, all.len())).copied()
}

/// Puts `count` different numbers below `bound`, all drawn alike and none of them `except`, into `out`.
pub fn sample(rng: &mut Rng, bound: usize, count: usize, except: u32, out: &mut Vec<u32>) {
    out.clear();
    let count = count.min(bound.saturating_sub(1));
    while out.len() < count {
        let drawn = below(rng, bound) as u32;
        if drawn != except && !out.contains(&drawn) {
            out.push(drawn);
        }
    }
}

/// Brings `all` into an order drawn at random.
pub fn shuffle<T>(rng: &mut Rng, all: &mut [T]) {
    for last in (1..all.len()).rev() {
        all.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_draw_for_themselves() {
        let draw = |labels| generator(7, labels).next_u64();
        assert_eq!(draw([1, 2, 3]), draw([1, 2, 3]));
        assert_ne!(draw([1, 2, 3]), draw([1, 3, 2]));
        assert_ne!(generator(8, [1, 2, 3]).next_u64(), draw([1, 2, 3]));
    }

    #[test]
    fn a_sample_has_no_number_twice() {
        let (mut rng, mut out) = (generator(1, [0; 3]), vec![]);
        sample(&mut rng, 10, 20, 3, &mut out);
        out.sort_unstable();
        assert_eq!(out, [0, 1, 2, 4, 5, 6, 7, 8, 9]);
    }
}
