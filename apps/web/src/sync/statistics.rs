//! What the pages of Sync show of counters and links, as plain data.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::Holders;
use meshwork_core::text::shown;

use crate::people::Row;
use crate::texts;

/// The view of the whiteboard, as addresses name it.
pub const WHITEBOARD: &str = "whiteboard";

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

/// The average of the round trips to all who are linked; `None` where none is measured.
pub fn average_rtt(rows: &[Row]) -> Option<Duration> {
    let measured: Vec<Duration> =
        rows.iter().filter(|row| row.is_linked()).filter_map(|row| row.rtt).collect();
    let count = u32::try_from(measured.len()).ok().filter(|count| *count > 0)?;
    Some(measured.iter().sum::<Duration>() / count)
}

/// Who holds what one wrote last, in words, and whether that is enough. Who left the others for now is not told how many of
/// them hold it: nobody knows any more.
pub fn held(holders: &Holders, is_disconnected: bool) -> (String, bool) {
    match (holders.saved, holders.members.len()) {
        (true, _) if is_disconnected => (texts::parts::SAVED_HERE.to_owned(), true),
        (true, 0) => (texts::ONLY_DEVICE.to_owned(), false),
        (false, 0) => (texts::ONLY_PAGE.to_owned(), false),
        (true, members) => (texts::parts::saved_and_held(members), true),
        (false, members) => (texts::parts::held(members), true),
    }
}

/// Bytes of all links of a page in its life, those included that are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    last: BTreeMap<Endpoint, [u64; 2]>,
    sum: [u64; 2],
}

impl Traffic {
    /// Counts what came and went since the last time. A link that counts less than before has begun anew.
    pub fn count(&mut self, rows: &[Row]) {
        for row in rows {
            let now = [row.received, row.sent];
            let last = self.last.insert(row.endpoint, now).unwrap_or_default();
            for ((sum, now), last) in self.sum.iter_mut().zip(now).zip(last) {
                *sum += now.checked_sub(last).unwrap_or(now);
            }
        }
    }

    /// Bytes that were received, and bytes that were sent.
    pub fn sums(&self) -> [u64; 2] {
        self.sum
    }
}

/// What a line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A counter or a key.
    Value,
    /// A shape on the whiteboard.
    Shape,
    /// A document.
    Document,
    /// A person's link.
    Link,
}

impl Kind {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Kind; 4] = [Kind::Value, Kind::Shape, Kind::Document, Kind::Link];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Value => texts::parts::VALUES,
            Kind::Shape => texts::parts::WHITEBOARD,
            Kind::Document => texts::documents::DOCUMENTS,
            Kind::Link => texts::statistics::LINKS,
        }
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
    /// What it is about.
    pub kind: Kind,
    /// What happened.
    pub words: String,
    /// Bytes of what was written; 0 where nothing was.
    pub size: u64,
}

/// The newest lines of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    lines: VecDeque<Line>,
    next: u64,
}

impl Log {
    /// Adds a line, fit to be shown; beyond [`LOG_MAX`] the oldest goes. Somebody who goes on with the same is one line: typing and drawing say
    /// many things.
    pub fn add(&mut self, time: String, who: String, kind: Kind, words: String, size: u64) {
        // Keys, values and titles are in it as others wrote them.
        let words = shown(&words);
        let goes_on =
            |line: &Line| kind != Kind::Link && (&line.who, line.kind, &line.words) == (&who, kind, &words);
        let before = self.lines.pop_front_if(|line| goes_on(line)).map_or(0, |line| line.size);
        self.lines.push_front(Line { number: self.next, time, who, kind, words, size: before + size });
        self.next += 1;
        self.lines.truncate(LOG_MAX);
    }

    /// The lines, the newest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// All lines as a text, the oldest first.
    pub fn text(&self) -> String {
        let text = |line: &Line| {
            format!("{}\t{}\t{}\t{}\t{}\n", line.time, line.who, line.kind.word(), line.words, line.size)
        };
        self.lines.iter().rev().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::Instance;
    use meshwork_core::node::LinkState;

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
    fn who_holds_it_is_said_and_nobody_too() {
        let held = |saved, members: &[u64]| {
            let members = members.iter().map(|instance| endpoint(1, *instance)).collect();
            super::held(&Holders { saved, members }, false)
        };
        let alone = Holders { saved: true, members: [endpoint(1, 1)].into() };
        assert_eq!(super::held(&alone, true), ("Saved here".to_owned(), true), "who is away knows no number");
        assert_eq!(held(true, &[1, 2, 3]), ("Saved here, held by 3".to_owned(), true));
        assert_eq!(held(true, &[]), ("Only this device has it".to_owned(), false));
        assert_eq!(held(false, &[1]), ("Held by 1".to_owned(), true));
        assert!(!held(false, &[]).1);
    }

    #[test]
    fn typing_on_is_one_line() {
        let mut log = Log::default();
        for (who, kind) in [("Lin", Kind::Document), ("Lin", Kind::Document), ("Kim", Kind::Document)] {
            log.add("12:00".to_owned(), who.to_owned(), kind, "Notes".to_owned(), 7);
        }
        let lines: Vec<_> = log.lines().map(|line| (&*line.who, line.size)).collect();
        assert_eq!(lines, [("Kim", 7), ("Lin", 14)]);
        log.add("12:01".to_owned(), "Kim".to_owned(), Kind::Link, "stale".to_owned(), 0);
        log.add("12:02".to_owned(), "Kim".to_owned(), Kind::Link, "stale".to_owned(), 0);
        assert_eq!(log.lines().count(), 4, "a link that is lost twice is lost twice");
    }

    #[test]
    fn lines_say_no_more_than_they_show() {
        let mut log = Log::default();
        let words = "a\n12:00\tKim\u{202e} = 1".to_owned();
        log.add("12:00".to_owned(), "Lin".to_owned(), Kind::Value, words, 3);
        assert_eq!(log.text(), "12:00\tLin\tValues\ta12:00Kim = 1\t3\n");
    }

    #[test]
    fn bytes_of_who_left_still_count() {
        let row = |peer, received, sent| Row {
            received,
            sent,
            ..crate::people::tests::row(peer, LinkState::Direct, None)
        };
        let mut traffic = Traffic::default();
        traffic.count(&[row(1, 100, 10), row(2, 5, 5)]);
        traffic.count(&[row(2, 6, 5)]);
        assert_eq!(traffic.sums(), [106, 15]);
        traffic.count(&[row(1, 30, 1), row(2, 6, 5)]);
        assert_eq!(traffic.sums(), [136, 16], "who comes again counts from nothing");
    }

    #[test]
    fn logs_keep_their_newest_lines() {
        let mut log = Log::default();
        for turn in 0..LOG_MAX + 5 {
            log.add("12:00".to_owned(), "Lin".to_owned(), Kind::Value, turn.to_string(), 3);
        }
        assert_eq!(log.lines().count(), LOG_MAX);
        assert_eq!(log.lines().next().expect("a line").words, (LOG_MAX + 4).to_string());
        assert!(log.text().starts_with("12:00\tLin\tValues\t5\t3\n"), "{}", log.text());
    }
}
