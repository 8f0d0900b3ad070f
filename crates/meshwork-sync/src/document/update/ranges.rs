//! Ranges of items, by client.

use std::collections::BTreeMap;
use std::ops::Range;

/// Sets of clocks by client: ranges in ascending order that do not meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, Vec<Range<u64>>>);

impl Ranges {
    /// All of these.
    pub fn of<'r>(ranges: impl IntoIterator<Item = &'r (u64, Range<u64>)>) -> Ranges {
        let mut sorted: Vec<&(u64, Range<u64>)> = ranges.into_iter().collect();
        sorted.sort_unstable_by_key(|(client, range)| (*client, range.start));
        let mut all: BTreeMap<u64, Vec<Range<u64>>> = BTreeMap::new();
        for (client, range) in sorted {
            let ranges = all.entry(*client).or_default();
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range.clone()),
            }
        }
        Ranges(all)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a whole range lies in one of them.
    pub fn has(&self, client: u64, range: &Range<u64>) -> bool {
        self.within(client, range).next().is_some_and(|one| one == *range)
    }

    /// The parts of a range that lie in them, in ascending order.
    pub fn within(&self, client: u64, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let ranges = self.0.get(&client).map(Vec::as_slice).unwrap_or_default();
        let first = ranges.partition_point(|one| one.end <= range.start);
        let (from, to) = (range.start, range.end);
        let met = ranges[first..].iter().take_while(move |one| one.start < to);
        met.map(move |one| one.start.max(from)..one.end.min(to))
    }

    /// All of them, by client and in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[Range<u64>])> {
        self.0.iter().map(|(client, ranges)| (*client, ranges.as_slice()))
    }

    /// The same ranges one by one.
    pub fn into_pairs(self) -> impl Iterator<Item = (u64, Range<u64>)> {
        self.0.into_iter().flat_map(|(client, ranges)| ranges.into_iter().map(move |range| (client, range)))
    }
}
