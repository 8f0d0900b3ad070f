//! Which updates have something in a range of a client's items.

use std::collections::BTreeSet;
use std::ops::Range;

use super::update::Ranges;

/// Ranges of clients' items, each with the number of an update.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeSet<Entry>,
    /// By client.
    clients: Vec<Client>,
}

/// What there was of a client's ranges so far.
#[derive(Debug)]
struct Client {
    client: u64,
    /// Which classes of lengths, a bit for each.
    classes: u64,
    /// Where the last one ended. Most that is asked for comes after that.
    end: u64,
}

/// A client, the class of a range's length, its start and its end, and the number of the update. A range has fewer than
/// `2 << class` items, so that few of those before a place are looked at.
type Entry = (u64, u32, u64, u64, u32);

fn entry(client: u64, range: &Range<u64>, number: u32) -> Entry {
    (client, (range.end - range.start).ilog2(), range.start, range.end, number)
}

impl Index {
    pub(super) fn insert(&mut self, ranges: &[(u64, Range<u64>)], number: u32) {
        for (client, range) in ranges {
            let entry = entry(*client, range, number);
            let place = self.find(*client).unwrap_or_else(|place| {
                self.clients.insert(place, Client { client: *client, classes: 0, end: 0 });
                place
            });
            let known = &mut self.clients[place];
            (known.classes, known.end) = (known.classes | 1 << entry.1, range.end.max(known.end));
            self.entries.insert(entry);
        }
    }

    pub(super) fn remove(&mut self, ranges: &[(u64, Range<u64>)], number: u32) {
        for (client, range) in ranges {
            self.entries.remove(&entry(*client, range, number));
        }
    }

    /// The end of a client's last range.
    pub(super) fn end_of(&self, client: u64) -> u64 {
        let all = self.entries.range((client, 0, 0, 0, 0)..=(client, u32::MAX, u64::MAX, u64::MAX, u32::MAX));
        all.map(|(_, _, _, end, _)| *end).max().unwrap_or(0)
    }

    /// Numbers of the updates of which a range meets one of these, in ascending order.
    pub(super) fn meeting(&self, ranges: &Ranges) -> Vec<u32> {
        let mut met = Vec::new();
        for (client, range) in ranges.iter() {
            let Ok(place) = self.find(*client) else { continue };
            let Client { mut classes, end, .. } = self.clients[place];
            while classes > 0 && range.start < end {
                let class = classes.trailing_zeros();
                classes &= classes - 1;
                let from = range.start.saturating_sub((2 << class) - 1);
                let near = (*client, class, from, 0, 0)..(*client, class, range.end, 0, 0);
                let near = self.entries.range(near).filter(|(_, _, _, end, _)| *end > range.start);
                met.extend(near.map(|(.., number)| *number));
            }
        }
        met.sort_unstable();
        met.dedup();
        met
    }

    fn find(&self, client: u64) -> Result<usize, usize> {
        self.clients.binary_search_by_key(&client, |known| known.client)
    }
}

/// For each client the range from the first to the last of some ranges.
pub(super) fn spans(ranges: &Ranges) -> Vec<(u64, Range<u64>)> {
    let span =
        |ranges: &[(u64, Range<u64>)]| (ranges[0].0, ranges[0].1.start..ranges[ranges.len() - 1].1.end);
    ranges.by_client().map(span).collect()
}
