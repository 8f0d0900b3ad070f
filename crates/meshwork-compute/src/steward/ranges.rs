//! Sets of numbers as ranges.

use std::collections::BTreeMap;

/// Disjoint ranges: first number and length of each, and the count of all numbers. Neighbours are one range.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u32, u32>, u32);

impl Ranges {
    /// All numbers below a bound.
    pub(super) fn of(bound: u32) -> Ranges {
        let mut ranges = Ranges::default();
        ranges.insert(0, bound);
        ranges
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The count of all numbers.
    pub(super) fn count(&self) -> u32 {
        self.1
    }

    /// Adds numbers. They may be in it already.
    pub(super) fn insert(&mut self, first: u32, length: u32) {
        if length == 0 {
            return;
        }
        let (mut start, mut end) = (first, first + length);
        while let Some((&other, &count)) = self.0.range(..=end).next_back() {
            if other + count < start {
                break;
            }
            start = start.min(other);
            end = end.max(other + count);
            self.0.remove(&other);
            self.1 -= count;
        }
        self.0.insert(start, end - start);
        self.1 += end - start;
    }

    /// Removes numbers. They may be missing already.
    pub(super) fn remove(&mut self, first: u32, length: u32) {
        let end = first + length;
        while let Some((&other, &count)) = self.0.range(..end).next_back() {
            if other + count <= first {
                break;
            }
            self.0.remove(&other);
            self.1 -= count.min(end - other).min(end - first).min(other + count - first);
            if other + count > end {
                self.0.insert(end, other + count - end);
            }
            if other < first {
                self.0.insert(other, first - other);
            }
        }
    }

    /// Takes out at most `most` numbers of the first range.
    pub(super) fn take(&mut self, most: u32) -> Option<(u32, u32)> {
        let (&first, &count) = self.0.first_key_value()?;
        let taken = count.min(most);
        self.remove(first, taken);
        Some((first, taken))
    }

    /// Whether all of these numbers are in it.
    pub(super) fn contains(&self, first: u32, length: u32) -> bool {
        let before = self.0.range(..=first).next_back();
        before.is_some_and(|(&other, &count)| other + count >= first + length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_split_and_join() {
        let mut ranges = Ranges::of(10);
        ranges.remove(3, 2);
        assert_eq!(ranges.count(), 8);
        ranges.remove(9, 5);
        assert_eq!(ranges.count(), 7);
        ranges.insert(9, 1);
        assert!(ranges.contains(0, 3) && ranges.contains(5, 5) && !ranges.contains(2, 2));
        assert_eq!(ranges.take(2), Some((0, 2)));
        ranges.insert(0, 5);
        assert_eq!(ranges.take(100), Some((0, 10)));
        assert!(ranges.is_empty() && ranges.count() == 0);
    }
}
