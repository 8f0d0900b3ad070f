//! Sets of records, as bits.

use super::OWNED_MAX;

/// The place of an owner's record in ascending order of number, then hash. The genesis has 0.
pub(super) type Place = u16;

/// Words of a set: the genesis and [`OWNED_MAX`] records.
const WORDS: usize = OWNED_MAX / 64 + 1;

/// A set of the owner's records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places([u64; WORDS]);

impl Places {
    pub(super) fn insert(&mut self, place: Place) {
        self.0[usize::from(place) / 64] |= 1 << (place % 64);
    }

    pub(super) fn contains(&self, place: Place) -> bool {
        self.0[usize::from(place) / 64] >> (place % 64) & 1 == 1
    }

    pub(super) fn insert_all(&mut self, other: &Places) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Whether some record is in both.
    pub(super) fn meets(&self, other: &Places) -> bool {
        self.0.iter().zip(other.0).any(|(word, other)| word & other != 0)
    }
}
