//! Which updates have something in a range of a client's items.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Ranges of clients' items, each with the number of an update.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_start: BTreeMap<(u64, u64), Vec<(u64, u32)>>,
    /// The longest range of each client, so that few of those before a place are looked at.
    longest: BTreeMap<u64, u64>,
}

impl Index {
    pub(super) fn insert(&mut self, spans: &BTreeMap<u64, Range<u64>>, number: u32) {
        for (client, range) in spans {
            self.by_start.entry((*client, range.start)).or_default().push((range.end, number));
            let longest = self.longest.entry(*client).or_default();
            *longest = (*longest).max(range.end - range.start);
        }
    }

    pub(super) fn remove(&mut self, spans: &BTreeMap<u64, Range<u64>>, number: u32) {
        for (client, range) in spans {
            let place = (*client, range.start);
            if let Some(all) = self.by_start.get_mut(&place) {
                all.retain(|(_, other)| *other != number);
                if all.is_empty() {
                    self.by_start.remove(&place);
                }
            }
        }
    }

    /// The end of a client's last range.
    pub(super) fn end_of(&self, client: u64) -> u64 {
        let all = self.by_start.range((client, 0)..=(client, u64::MAX)).flat_map(|(_, all)| all);
        all.map(|(end, _)| *end).max().unwrap_or(0)
    }

    /// Numbers of the updates of which a range meets one of these.
    pub(super) fn meeting(&self, spans: &BTreeMap<u64, Range<u64>>) -> BTreeSet<u32> {
        let mut met = BTreeSet::new();
        for (client, range) in spans {
            let longest = self.longest.get(client).copied().unwrap_or(0);
            let from = range.start.saturating_sub(longest);
            for (_, all) in self.by_start.range((*client, from)..(*client, range.end)) {
                met.extend(all.iter().filter(|(end, _)| *end > range.start).map(|(_, number)| *number));
            }
        }
        met
    }
}

/// For each client the range from the first to the last of some ranges.
pub(super) fn spans(ranges: impl Iterator<Item = (u64, Range<u64>)>) -> BTreeMap<u64, Range<u64>> {
    let mut spans: BTreeMap<u64, Range<u64>> = BTreeMap::new();
    for (client, range) in ranges {
        let span = spans.entry(client).or_insert_with(|| range.clone());
        *span = span.start.min(range.start)..span.end.max(range.end);
    }
    spans
}
