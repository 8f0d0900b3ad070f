//! Seeded randomness: the only source of chance in the core.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Thirty-two bytes of entropy that the driver hands a node at birth.
///
/// A native or browser driver draws it from the system; the simulator derives it from its own seed.
pub type Seed = [u8; 32];

/// A ChaCha20 generator (RFC 8439) owned by one state machine.
///
/// Same seed, same numbers, on every platform.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha20Rng);

impl Rng {
    /// A generator that starts from `seed`.
    pub fn new(seed: Seed) -> Rng {
        Rng(ChaCha20Rng::from_seed(seed))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0..bound`, or 0 when `bound` is 0.
    ///
    /// Drawn by multiply-and-shift; its bias is below 2^-32 for the small bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A generator for a part of the machine, independent of this one from here on.
    pub fn fork(&mut self) -> Rng {
        Rng::new(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers() {
        let (mut first, mut second) = (Rng::new([7; 32]), Rng::new([7; 32]));
        assert_eq!(first.bytes::<40>(), second.bytes::<40>());
        assert_eq!(first.fork().next_u64(), second.fork().next_u64());
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new([1; 32]);
        assert_eq!(rng.below(0), 0);
        assert!((0..1000).all(|_| rng.below(7) < 7));
    }
}
