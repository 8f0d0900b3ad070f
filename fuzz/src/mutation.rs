//! Changes of honest inputs: enough to get past a decoder's first checks.

use meshwork_core::rng::Rng;

/// Longest input, in bytes: some of everything fits, and a run stays fast.
const INPUT_MAX: usize = 4096;
/// Values at which decoders have their edges.
const EDGES: [u8; 6] = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];

/// Draws inputs from one seed.
pub struct Mutator {
    rng: Rng,
    examples: Vec<Vec<u8>>,
}

impl Mutator {
    /// Inputs that begin as one of `examples` or as rubbish.
    pub fn new(seed: u64, examples: Vec<Vec<u8>>) -> Mutator {
        let mut bytes = [0x3c; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Mutator { rng: Rng::new(bytes), examples }
    }

    /// The next input.
    pub fn draw(&mut self) -> Vec<u8> {
        let mut input = if self.examples.is_empty() || self.rng.below(16) == 0 {
            let length = self.rng.below(64) as usize;
            (0..length).map(|_| self.rng.next_u64() as u8).collect()
        } else {
            self.example().to_vec()
        };
        for _ in 0..1 + self.rng.below(4) {
            self.change(&mut input);
        }
        input.truncate(INPUT_MAX);
        input
    }

    fn example(&mut self) -> &[u8] {
        let which = self.rng.below(self.examples.len() as u64) as usize;
        &self.examples[which]
    }

    fn place(&mut self, input: &[u8]) -> usize {
        self.rng.below(input.len() as u64 + 1) as usize
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.place(input);
        match self.rng.below(7) {
            0 => input.truncate(at),
            1 => input.insert(at, self.rng.next_u64() as u8),
            2 => {
                let edge = EDGES[self.rng.below(EDGES.len() as u64) as usize];
                if let Some(byte) = input.get_mut(at) {
                    *byte = edge;
                }
            }
            3 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.rng.below(8);
                }
            }
            4 => {
                let until = (at + 1 + self.rng.below(8) as usize).min(input.len());
                input.drain(at.min(until)..until);
            }
            5 => {
                // A piece of another example: its own, or one of another kind.
                let other = self.example().to_vec();
                let from = self.place(&other);
                let until = (from + 1 + self.rng.below(32) as usize).min(other.len());
                input.splice(at..at, other[from.min(until)..until].iter().copied());
            }
            _ => {
                let until = (at + 1 + self.rng.below(16) as usize).min(input.len());
                let piece = input[at.min(until)..until].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
}
