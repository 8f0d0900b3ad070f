//! How much is painted, and by whom: strokes in each of the last ten minutes.

use std::collections::BTreeMap;

use meshwork_core::id::{Endpoint, PeerId};

use crate::texts;

/// Minutes that are shown.
pub const MINUTES: usize = 10;
const MINUTE_MS: u64 = 60_000;
/// What somebody paints without a longer pause is one stroke, in ms.
const PAUSE_MS: u64 = 1000;
/// Painters whose present stroke is followed; who is beyond counts a stroke for each batch.
const PAINTERS_MAX: usize = 64;

/// Strokes by the minute. Times are room times, in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    minutes: BTreeMap<u64, Minute>,
    last: BTreeMap<Endpoint, u64>,
}

/// Strokes that were painted in a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Minute {
    strokes: u32,
    /// How many of them by whom, of at most [`PAINTERS_MAX`] people.
    by: BTreeMap<PeerId, u32>,
}

impl Activity {
    /// Cells that somebody painted at `at` came to be seen at `now`, which may be much later.
    pub fn count(&mut self, now: u64, painter: Endpoint, at: u64) {
        if at + MINUTE_MS * (MINUTES as u64) < now {
            return;
        }
        let known = self.last.get(&painter).copied();
        if known.is_none_or(|last| at > last) {
            if known.is_none() && self.last.len() >= PAINTERS_MAX {
                self.last.retain(|_, last| *last + MINUTE_MS > now);
            }
            if known.is_some() || self.last.len() < PAINTERS_MAX {
                self.last.insert(painter, at);
            }
        }
        // Batches may come in any order: one that lies close to the last is of the same stroke.
        if known.is_none_or(|last| at.abs_diff(last) > PAUSE_MS) {
            let minute = self.minutes.entry(at / MINUTE_MS).or_default();
            minute.strokes += 1;
            if minute.by.len() < PAINTERS_MAX || minute.by.contains_key(&painter.peer) {
                *minute.by.entry(painter.peer).or_default() += 1;
            }
        }
        let oldest = (now / MINUTE_MS).saturating_sub(MINUTES as u64);
        self.minutes.retain(|minute, _| *minute >= oldest);
    }

    /// Strokes in each of the last ten minutes, the present one last.
    pub fn bars(&self, now: u64) -> [u32; MINUTES] {
        let present = now / MINUTE_MS;
        std::array::from_fn(|index| {
            let minute = (present + 1 + index as u64).checked_sub(MINUTES as u64);
            minute.and_then(|minute| self.minutes.get(&minute)).map_or(0, |minute| minute.strokes)
        })
    }

    /// Who painted in the last ten minutes and how many strokes, the busiest first.
    pub fn painters(&self, now: u64) -> Vec<(PeerId, u32)> {
        let oldest = (now / MINUTE_MS + 1).saturating_sub(MINUTES as u64);
        let mut sums: BTreeMap<PeerId, u32> = BTreeMap::new();
        for minute in self.minutes.range(oldest..).map(|(_, minute)| minute) {
            for (peer, strokes) in &minute.by {
                *sums.entry(*peer).or_default() += strokes;
            }
        }
        let mut painters: Vec<(PeerId, u32)> = sums.into_iter().collect();
        painters.sort_by_key(|&(peer, strokes)| (std::cmp::Reverse(strokes), peer));
        painters
    }

    /// The same in a sentence.
    pub fn words(&self, now: u64) -> String {
        let bars = self.bars(now);
        let (sum, most) = (bars.iter().sum::<u32>(), bars.iter().max().copied().unwrap_or(0));
        texts::canvas::strokes_by_minute(sum, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::id::{Instance, PeerId};

    const NOW: u64 = 1_790_000_000_000;

    fn painter(number: u64) -> Endpoint {
        Endpoint { peer: PeerId([1; 32]), instance: Instance(number) }
    }

    #[test]
    fn batches_without_a_pause_are_one_stroke() {
        let mut activity = Activity::default();
        for step in 0..100 {
            activity.count(NOW + step * 16, painter(1), NOW + step * 16);
        }
        activity.count(NOW + 2000, painter(2), NOW + 2000);
        activity.count(NOW + 5000, painter(1), NOW + 5000);
        assert_eq!(activity.bars(NOW + 5000).iter().sum::<u32>(), 3);
    }

    #[test]
    fn painters_are_listed_by_amount_painted_lately() {
        let who = |number: u8| PeerId([number; 32]);
        let tab = |number: u8, tab: u64| Endpoint { peer: who(number), instance: Instance(tab) };
        let mut activity = Activity::default();
        activity.count(NOW, tab(1, 1), NOW - 8 * MINUTE_MS);
        activity.count(NOW, tab(2, 1), NOW - 60_000);
        activity.count(NOW, tab(2, 2), NOW);
        assert_eq!(activity.painters(NOW), [(who(2), 2), (who(1), 1)], "two tabs are one person");
        assert_eq!(activity.painters(NOW + 5 * MINUTE_MS), [(who(2), 2)], "what is long ago is forgotten");
        for number in 3..=255 {
            activity.count(NOW, tab(number, 1), NOW);
        }
        assert_eq!(activity.painters(NOW).len(), 65, "those of a minute are bounded");
    }

    #[test]
    fn what_arrives_late_counts_where_it_was_painted() {
        let mut activity = Activity::default();
        activity.count(NOW, painter(1), NOW - 3 * MINUTE_MS);
        activity.count(NOW, painter(2), NOW - 60 * MINUTE_MS);
        activity.count(NOW, painter(3), NOW);
        let bars = activity.bars(NOW);
        assert_eq!((bars[6], bars[9], bars.iter().sum::<u32>()), (1, 1, 2));
        let later = activity.bars(NOW + 4 * MINUTE_MS);
        assert_eq!((later[2], later[5]), (1, 1), "bars move on");
        assert_eq!(activity.words(NOW), "Strokes by the minute, last ten minutes: 2 in all, 1 at most");
    }

    #[test]
    fn it_holds_ten_minutes_and_some_painters() {
        let mut activity = Activity::default();
        for number in 0..10_000u64 {
            let at = NOW + number * 500;
            activity.count(at, painter(number % 500), at);
        }
        assert!(activity.minutes.len() <= MINUTES + 1 && activity.last.len() <= PAINTERS_MAX);
        assert_eq!(Activity::default().bars(0), [0; MINUTES], "also at the beginning of time");
    }
}
