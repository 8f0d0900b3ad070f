//! What the pages of Sync show of counters and links, as plain data.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::Holders;

use crate::people::Row;
use crate::words;

/// Lines of the log that are kept.
pub const LOG_MAX: usize = 200;

/// What each person added to a counter in all, who added most first.
pub fn by_person(shares: Vec<(Endpoint, i64)>) -> Vec<(PeerId, i64)> {
    let mut people: BTreeMap<PeerId, i64> = BTreeMap::new();
    for (endpoint, total) in shares {
        let sum = people.entry(endpoint.peer).or_default();
        *sum = sum.saturating_add(total);
    }
    let mut people: Vec<(PeerId, i64)> = people.into_iter().filter(|(_, total)| *total != 0).collect();
    people.sort_by_key(|(peer, total)| (std::cmp::Reverse(*total), *peer));
    people
}

/// A number as people read it: with its thousands apart, and a minus sign.
pub fn number(number: i64) -> String {
    let digits = words::grouped(usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX));
    if number < 0 { format!("\u{2212}{digits}") } else { digits }
}

/// The average of the round trips to all who are linked; `None` where none is measured.
pub fn average_rtt(rows: &[Row]) -> Option<Duration> {
    let measured: Vec<Duration> =
        rows.iter().filter(|row| row.is_linked()).filter_map(|row| row.rtt).collect();
    let count = u32::try_from(measured.len()).ok().filter(|count| *count > 0)?;
    Some(measured.iter().sum::<Duration>() / count)
}

/// Who holds what one wrote last, in words, and whether that is enough.
pub fn held(holders: &Holders) -> (String, bool) {
    match (holders.saved, holders.members.len()) {
        (true, 0) => ("Only this device has it".to_owned(), false),
        (false, 0) => ("Only this page has it".to_owned(), false),
        (true, members) => (format!("Saved here, held by {members}"), true),
        (false, members) => (format!("Held by {members}"), true),
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, which no other line has.
    pub number: u64,
    /// When, by the clock of this device.
    pub time: String,
    /// Who; nobody for what concerns the room.
    pub who: String,
    /// What happened.
    pub words: String,
}

/// The newest lines of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    lines: VecDeque<Line>,
    next: u64,
}

impl Log {
    /// Adds a line; beyond [`LOG_MAX`] the oldest goes.
    pub fn add(&mut self, time: String, who: String, words: String) {
        self.lines.push_front(Line { number: self.next, time, who, words });
        self.next += 1;
        self.lines.truncate(LOG_MAX);
    }

    /// The lines, the newest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// All lines as a text, the oldest first.
    pub fn text(&self) -> String {
        self.lines.iter().rev().map(|line| format!("{}\t{}\t{}\n", line.time, line.who, line.words)).collect()
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::Instance;

    use super::*;

    fn endpoint(peer: u8, instance: u64) -> Endpoint {
        Endpoint { peer: PeerId([peer; 32]), instance: Instance(instance) }
    }

    #[test]
    fn shares_of_one_person_are_one() {
        let shares =
            vec![(endpoint(1, 1), 3), (endpoint(2, 1), 9), (endpoint(1, 2), -1), (endpoint(3, 1), 0)];
        assert_eq!(by_person(shares), [(PeerId([2; 32]), 9), (PeerId([1; 32]), 2)]);
        assert_eq!(by_person(vec![(endpoint(1, 1), i64::MAX), (endpoint(1, 2), 1)])[0].1, i64::MAX);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 1_284, -12].map(number), ["0", "1,284", "\u{2212}12"]);
    }

    #[test]
    fn who_holds_it_is_said_and_nobody_too() {
        let held = |saved, members: &[u64]| {
            let members = members.iter().map(|instance| endpoint(1, *instance)).collect();
            super::held(&Holders { saved, members })
        };
        assert_eq!(held(true, &[1, 2, 3]), ("Saved here, held by 3".to_owned(), true));
        assert_eq!(held(true, &[]), ("Only this device has it".to_owned(), false));
        assert_eq!(held(false, &[1]), ("Held by 1".to_owned(), true));
        assert!(!held(false, &[]).1);
    }

    #[test]
    fn logs_keep_their_newest_lines() {
        let mut log = Log::default();
        for turn in 0..LOG_MAX + 5 {
            log.add("12:00".to_owned(), "Lin".to_owned(), turn.to_string());
        }
        assert_eq!(log.lines().count(), LOG_MAX);
        assert_eq!(log.lines().next().expect("a line").words, (LOG_MAX + 4).to_string());
        assert!(log.text().starts_with("12:00\tLin\t5\n"), "{}", log.text());
    }
}
