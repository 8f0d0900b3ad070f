//! The delivered batches of an endpoint: a sure prefix and a bitmap of the latest.

use alloc::vec;
use alloc::vec::Vec;

/// Sequences that the bitmap covers: 17 s of an endpoint that flushes a batch each frame at 60 a second, which
/// is longer than a silent link lives.
pub const WINDOW: u64 = 1024;

const WORDS: usize = (WINDOW / 64) as usize;

/// Remembers which sequences of one endpoint were delivered, in at most 200 bytes.
///
/// Three zones, from below: all of `1..=prefix` were delivered; the [`WINDOW`] sequences up to the greatest one
/// are known one by one; the sequences between are **forgotten**. A sequence above the window moves it up, however
/// far, since gaps are ordinary: a newcomer never receives superseded batches. A forgotten
/// sequence counts as new each time, so that this window loses no batch. Its user must be
/// idempotent and forward only batches with an effect, as a replica does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceWindow {
    /// All sequences from 1 to here were delivered.
    prefix: u64,
    /// The bitmap's first bit stands for the sequence `forgotten + 1`; never below `prefix`.
    forgotten: u64,
    /// Bit per sequence, lowest first; empty while everything delivered is in the prefix.
    bits: Vec<u64>,
}

impl SequenceWindow {
    /// An empty window.
    pub fn new() -> SequenceWindow {
        SequenceWindow::default()
    }

    /// Notes that `sequence` is delivered, and returns whether it counts as new. Sequence 0 does not exist and is
    /// never new.
    pub fn insert(&mut self, sequence: u64) -> bool {
        if sequence <= self.prefix {
            return false;
        }
        if sequence <= self.forgotten {
            if sequence == self.prefix + 1 {
                self.prefix = sequence;
                self.absorb();
            }
            return true;
        }
        if sequence - self.forgotten > WINDOW {
            self.slide(sequence - self.forgotten - WINDOW);
        }
        if self.bits.is_empty() {
            self.bits = vec![0; WORDS];
        }
        let place = sequence - self.forgotten - 1;
        let (word, bit) = ((place / 64) as usize, 1 << (place % 64));
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.absorb();
        new
    }

    /// Whether `sequence` is known to have been delivered.
    pub fn contains(&self, sequence: u64) -> bool {
        if sequence <= self.prefix || sequence <= self.forgotten {
            return sequence != 0 && sequence <= self.prefix;
        }
        let place = sequence - self.forgotten - 1;
        if planted!(WindowSwallows) && place < WINDOW && !self.bits.is_empty() {
            return true;
        }
        self.bits.get((place / 64) as usize).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// All sequences from 1 to this one were delivered.
    pub fn prefix(&self) -> u64 {
        self.prefix
    }

    /// Moves the lower end of the bitmap up by `count`.
    fn slide(&mut self, count: u64) {
        self.forgotten += count;
        if self.bits.is_empty() {
            return;
        }
        let (words, rest) = ((count / 64).min(WORDS as u64) as usize, count % 64);
        self.bits.drain(..words);
        self.bits.resize(WORDS, 0);
        if rest > 0 {
            let mut above = 0;
            for word in self.bits.iter_mut().rev() {
                let lowest = *word << (64 - rest);
                *word = *word >> rest | above;
                above = lowest;
            }
        }
    }

    /// Turns the bits that follow the prefix without a gap into prefix.
    fn absorb(&mut self) {
        while self.prefix == self.forgotten && !self.bits.is_empty() {
            let ones = self.bits[0].trailing_ones();
            if ones > 0 {
                self.slide(u64::from(ones));
                self.prefix = self.forgotten;
            }
            if self.bits.iter().all(|&word| word == 0) {
                self.bits = Vec::new();
            }
            if ones < 64 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn within_the_window_it_is_a_set(sequences in proptest::collection::vec(1..WINDOW, 0..600)) {
            let (mut window, mut set) = (SequenceWindow::new(), BTreeSet::new());
            for sequence in sequences {
                prop_assert_eq!(window.insert(sequence), set.insert(sequence));
            }
            prop_assert!((1..WINDOW).all(|sequence| window.contains(sequence) == set.contains(&sequence)));
            prop_assert_eq!(window.prefix(), (1..).take_while(|sequence| set.contains(sequence)).last().unwrap_or(0));
        }

        #[test]
        fn nothing_undelivered_counts_as_delivered(
            sequences in proptest::collection::vec(prop_oneof![1..3000u64, any::<u64>(), Just(u64::MAX)], 0..400)
        ) {
            let (mut window, mut set) = (SequenceWindow::new(), BTreeSet::new());
            for sequence in sequences {
                let known = window.contains(sequence);
                let new = window.insert(sequence);
                prop_assert_eq!(new, !known && sequence != 0);
                prop_assert!(new || !set.insert(sequence), "{} was never delivered", sequence);
                set.insert(sequence);
                let greatest = *set.last().expect("one was inserted");
                let recent = set.range(greatest.saturating_sub(WINDOW - 1)..);
                prop_assert!(recent.copied().all(|recent| window.contains(recent)), "the latest are known");
                prop_assert!(window.bits.len() <= WORDS);
            }
        }
    }

    #[test]
    fn a_stream_without_gaps_takes_no_bitmap() {
        let mut window = SequenceWindow::new();
        assert!((1..=5000).all(|sequence| window.insert(sequence)));
        assert_eq!((window.prefix(), window.bits.capacity()), (5000, 0));
        assert!(!window.insert(1) && !window.insert(5000) && !window.insert(0));
    }

    #[test]
    fn a_newcomers_window_tells_repeats_from_new_sequences() {
        let mut window = SequenceWindow::new();
        assert!(window.insert(50_000));
        assert!((50_001..60_000).all(|sequence| window.insert(sequence) && !window.insert(sequence)));
        assert!(window.insert(7), "forgotten sequences count as new");
    }

    #[test]
    fn the_window_reaches_exactly_its_stated_length() {
        let mut window = SequenceWindow::new();
        assert!(window.insert(2) && window.insert(3) && window.insert(WINDOW + 2));
        assert!(window.contains(3) && !window.contains(2));
    }

    #[test]
    fn forgotten_sequences_arriving_in_order_are_known_again() {
        let mut window = SequenceWindow::new();
        assert!(window.insert(3000));
        assert!((1..3000).all(|sequence| window.insert(sequence)));
        assert_eq!((window.prefix(), window.bits.capacity()), (3000, 0));
    }

    #[test]
    fn the_last_sequence_there_is_does_not_overflow() {
        let mut window = SequenceWindow::new();
        assert!(window.insert(u64::MAX) && !window.insert(u64::MAX));
        assert!(window.insert(u64::MAX - WINDOW + 1) && window.insert(1));
    }
}
