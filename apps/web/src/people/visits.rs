//! What this browser remembers of the rooms that it keeps: when one was there last, and whom one met.

use std::collections::VecDeque;

use meshwork_core::id::{PeerId, RoomId};
use meshwork_core::text::shown;

use crate::people::isolated;
use crate::texts::{ago, home};

/// Rooms that are remembered: as many as are kept, which are 32 that others have too and 256 that are only here.
pub const VISITS_MAX: usize = 288;
/// People that are remembered by name for each: who gives a room a new link chooses among them. More are counted.
const NAMED_MAX: usize = 24;
/// People whose beads and names are shown for each.
pub const SHOWN_MAX: usize = 3;

/// Rooms that are kept of which nobody else is known to have everything, as the browser's driver keeps them.
const ONLY_HERE_MAX: usize = 256;

/// Which room a person is asked about before another one is made: `only_here` says of each kept room, the one used last
/// first, whether nobody else is known to have everything of it. `is_low` if the browser has no space left.
pub fn room_to_ask_about(only_here: &[bool], is_low: bool) -> Option<usize> {
    let most = only_here.iter().filter(|is_only_here| **is_only_here).count();
    // For want of space those that others have too go first, and without a question.
    let is_due = most >= ONLY_HERE_MAX || (is_low && most == only_here.len());
    only_here.iter().rposition(|is_only_here| *is_only_here).filter(|_| is_due)
}

/// The last time in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visit {
    /// When, in ms since 1970.
    pub at_ms: u64,
    /// How many people were met there, in all that time.
    pub met: usize,
    /// When this browser made the room, in ms since 1970; 0 where it did not, or nobody noted it.
    pub made_ms: u64,
    /// Some of those whom one met, and what they are called.
    pub named: Vec<(PeerId, String)>,
}

impl Visit {
    /// Whom one met there, in words.
    pub fn people(&self) -> String {
        match (self.met, self.named.as_slice()) {
            (0, _) => home::ALONE_SO_FAR.to_owned(),
            (met, []) => home::others(met),
            (met, named) => {
                let named = &named[..named.len().min(SHOWN_MAX)];
                let more = met.saturating_sub(named.len());
                let named = named.iter().map(|(_, name)| isolated(name)).collect::<Vec<_>>().join(", ");
                home::with(&named, more)
            }
        }
    }

    /// How long ago it was, in words; nothing where that is not known.
    pub fn when(&self, now_ms: u64) -> String {
        match self.at_ms {
            0 => String::new(),
            at_ms => ago::shown(now_ms.saturating_sub(at_ms)),
        }
    }
}

/// The visits that are remembered, the one longest ago first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visits(VecDeque<(RoomId, Visit)>);

impl Visits {
    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads what [`Visits::write`] wrote; lines that are none are left out.
    pub fn read(text: &str) -> Visits {
        let mut visits = Visits::default();
        for line in text.lines() {
            let mut fields = line.split('\t');
            let mut next = || fields.next().unwrap_or_default();
            let (room, at_ms, met) = (next().parse(), next().parse(), next().parse());
            if let (Ok(room), Ok(at_ms), Ok(met)) = (room, at_ms, met) {
                let person = |field: &str| {
                    let (peer, name) = field.split_once(' ')?;
                    Some((peer.parse().ok()?, name.to_owned()))
                };
                let made_ms = fields.clone().next().and_then(|field| field.parse().ok()).unwrap_or_default();
                let named = fields.filter_map(person).take(NAMED_MAX).collect();
                visits.put(room, Visit { at_ms, met, made_ms, named });
            }
        }
        visits
    }

    /// The visits as a text, a line each.
    pub fn write(&self) -> String {
        let line = |(room, visit): &(RoomId, Visit)| {
            let named: String = visit.named.iter().map(|(peer, name)| format!("\t{peer} {name}")).collect();
            format!("{room}\t{}\t{}\t{}{named}\n", visit.at_ms, visit.met, visit.made_ms)
        };
        self.0.iter().map(line).collect()
    }

    /// One is in a room, together with so many others, some of whom are called so. Who was met before stays.
    pub fn note(&mut self, room: RoomId, at_ms: u64, others: usize, named: &[(PeerId, String)]) {
        let mut visit = self.of(room);
        visit.at_ms = at_ms;
        visit.met = visit.met.max(others);
        for (peer, name) in named.iter().map(|(peer, name)| (*peer, shown(name))) {
            if name.trim().is_empty() {
                continue;
            }
            if let Some((_, before)) = visit.named.iter_mut().find(|(known, _)| *known == peer) {
                *before = name;
            } else if visit.named.len() < NAMED_MAX {
                visit.named.push((peer, name));
            }
        }
        // Names of one after the other are people, too.
        visit.met = visit.met.max(visit.named.len());
        self.put(room, visit);
    }

    /// This browser made a room just now.
    pub fn note_made(&mut self, room: RoomId, at_ms: u64) {
        self.put(room, Visit { at_ms, made_ms: at_ms, ..Visit::default() });
    }

    /// What is remembered of a room.
    pub fn of(&self, room: RoomId) -> Visit {
        self.0.iter().find(|(known, _)| *known == room).map(|(_, visit)| visit.clone()).unwrap_or_default()
    }

    /// Forgets a room.
    pub fn forget(&mut self, room: RoomId) {
        self.0.retain(|(known, _)| *known != room);
    }

    fn put(&mut self, room: RoomId, visit: Visit) {
        self.forget(room);
        if self.0.len() == VISITS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((room, visit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(number: u8) -> RoomId {
        RoomId([number; 32])
    }

    /// People with these names, each a peer of the name's first byte.
    fn names(names: &[&str]) -> Vec<(PeerId, String)> {
        names.iter().map(|name| (PeerId([name.as_bytes()[0]; 32]), (*name).to_owned())).collect()
    }

    #[test]
    fn whom_one_met_is_remembered_and_read_again() {
        let mut visits = Visits::default();
        visits.note(room(1), 5, 0, &[]);
        assert_eq!(visits.of(room(1)).people(), "Only you so far");
        visits.note(room(1), 6, 1, &[]);
        assert_eq!(visits.of(room(1)).people(), "1 other person");
        visits.note(room(1), 7, 2, &names(&["Lin\n\t", "Sofia"]));
        visits.note(room(1), 8, 1, &names(&["Sofia B", " "]));
        assert_eq!(visits.of(room(1)).people(), "With Lin, Sofia B", "who is called otherwise is one person");
        visits.note(room(1), 9, 23, &names(&["Kaveh", "Tomasz"]));
        let again = Visits::read(&visits.write());
        assert_eq!(again, visits);
        assert_eq!(again.of(room(1)).people(), "With Lin, Sofia B, Kaveh and 20 more");
        assert_eq!(again.of(room(1)).at_ms, 9);
        assert_eq!(Visits::read("nonsense\n\tx").write(), "");
    }

    #[test]
    fn the_day_a_room_was_made_stays() {
        let mut visits = Visits::default();
        visits.note_made(room(1), 5);
        visits.note(room(1), 9, 1, &names(&["Lin"]));
        visits.note(room(2), 9, 1, &names(&["Lin"]));
        let again = Visits::read(&visits.write());
        assert_eq!(again, visits);
        assert_eq!((again.of(room(1)).made_ms, again.of(room(2)).made_ms), (5, 0));
        let before = visits.write().replace("\t0\t", "\t");
        assert_eq!(
            Visits::read(&before).of(room(2)),
            visits.of(room(2)),
            "a line from before days were noted"
        );
    }

    #[test]
    fn forgotten_rooms_go_and_the_oldest_give_way() {
        let mut visits = Visits::default();
        let room = |number: u64| RoomId([number.to_be_bytes(); 4].concat().try_into().expect("32 bytes"));
        let last = VISITS_MAX as u64;
        for number in 0..=last {
            visits.note(room(number), number + 1, 1, &[]);
        }
        assert_eq!(visits.0.len(), VISITS_MAX);
        assert_eq!(visits.of(room(0)), Visit::default());
        visits.forget(room(last));
        assert_eq!(visits.of(room(last)), Visit::default());
    }

    #[test]
    fn only_copies_are_asked_about_before_they_go() {
        let rooms = |only_here: usize| {
            let mut rooms = vec![true; only_here];
            rooms.push(false);
            rooms
        };
        assert_eq!(room_to_ask_about(&[], true), None);
        assert_eq!(room_to_ask_about(&rooms(255), false), None, "there is space");
        assert_eq!(room_to_ask_about(&rooms(255), true), None, "the last one goes by itself");
        assert_eq!(
            room_to_ask_about(&[true; 3], true),
            Some(2),
            "the one that is unused for the longest time"
        );
        assert_eq!(room_to_ask_about(&rooms(256), false), Some(255), "never the one that others have");
    }

    #[test]
    fn the_time_is_told_where_it_is_known() {
        assert_eq!(Visit::default().when(100), "");
        let visit = Visit { at_ms: 60_000, ..Visit::default() };
        assert_eq!(visit.when(300_000), "4\u{2009}min ago");
    }
}
