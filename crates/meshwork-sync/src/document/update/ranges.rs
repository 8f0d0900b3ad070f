//! Ranges of items, by client.

use std::ops::Range;

/// Sets of clocks by client: ranges in ascending order that do not meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, Range<u64>)>);

/// All of some ranges, each of a client, in any order.
impl FromIterator<(u64, Range<u64>)> for Ranges {
    fn from_iter<I: IntoIterator<Item = (u64, Range<u64>)>>(ranges: I) -> Ranges {
        let mut all: Vec<_> = ranges.into_iter().collect();
        if !all.is_sorted_by_key(order) {
            all.sort_unstable_by_key(order);
        }
        all.dedup_by(|(client, next), (other, last)| {
            let goes_on = client == other && next.start <= last.end;
            if goes_on {
                last.end = last.end.max(next.end);
            }
            goes_on
        });
        all.shrink_to_fit();
        Ranges(all)
    }
}

fn order((client, range): &(u64, Range<u64>)) -> (u64, u64) {
    (*client, range.start)
}

impl Ranges {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a whole range lies in one of them.
    pub fn has(&self, client: u64, range: &Range<u64>) -> bool {
        self.within(client, range).next().is_some_and(|one| one == *range)
    }

    /// Whether all of `other` lies in them.
    pub fn has_all(&self, other: &Ranges) -> bool {
        other.iter().all(|(client, range)| self.has(*client, range))
    }

    /// The parts of a range that lie in them, in ascending order.
    pub fn within(&self, client: u64, range: &Range<u64>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let (from, to) = (range.start, range.end);
        let first = self.0.partition_point(|(other, one)| (*other, one.end) <= (client, from));
        let met = self.0[first..].iter().take_while(move |(other, one)| *other == client && one.start < to);
        met.map(move |(_, one)| one.start.max(from)..one.end.min(to))
    }

    /// What lies in both.
    pub fn both(&self, other: &Ranges) -> Ranges {
        let within = |(client, range): &(u64, Range<u64>)| {
            let client = *client;
            self.within(client, range).map(move |one| (client, one))
        };
        other.iter().flat_map(within).collect()
    }

    /// What does not lie in `other`.
    pub fn without(&self, other: &Ranges) -> Ranges {
        let mut left = Vec::new();
        for (client, range) in self.iter() {
            let mut from = range.start;
            for taken in other.within(*client, range) {
                left.push((*client, from..taken.start));
                from = taken.end;
            }
            left.push((*client, from..range.end));
        }
        left.into_iter().filter(|(_, range)| !range.is_empty()).collect()
    }

    /// All of them, by client and in ascending order.
    pub fn iter(&self) -> std::slice::Iter<'_, (u64, Range<u64>)> {
        self.0.iter()
    }

    /// All of them, as `iter` gives them.
    pub fn as_slice(&self) -> &[(u64, Range<u64>)] {
        &self.0
    }

    /// Those of each client, in ascending order.
    pub fn by_client(&self) -> impl DoubleEndedIterator<Item = &[(u64, Range<u64>)]> {
        self.0.chunk_by(|(client, _), (other, _)| client == other)
    }
}
