//! Notes beside a canvas: which of them one has read, how they stand below each other, and the words around them.

use std::collections::{BTreeMap, VecDeque};

use meshwork_core::id::{PeerId, RoomId};
use meshwork_place::notes::{Note, NoteId, TEXT_MAX};

use crate::words;

/// Notes that a page holds, the newest: whoever looks for older ones has a terminal.
pub const HELD_MAX: usize = 1000;
/// Notes that are shown at first, and how many more at a time.
pub const PAGE: usize = 100;
/// Rooms of which it is remembered what was read: more than a profile keeps.
pub const ROOMS_MAX: usize = 16;
/// People of a room of whom it is remembered what was read: those whose notes came last.
pub const AUTHORS_MAX: usize = 128;
/// Notes of one author stand together when they are no further apart than this, in milliseconds.
const TOGETHER_MS: u64 = 5 * 60_000;
/// From so many bytes on it is said how many are left.
const FEW_LEFT: usize = 400;
/// An unread count above this is not told exactly.
const COUNT_MAX: usize = 99;

/// A note as it stands in the list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Which one.
    pub id: NoteId,
    /// Who wrote it.
    pub author: PeerId,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it says.
    pub text: String,
    /// Whether it stands below another of the same author, written shortly before.
    pub follows: bool,
    /// How many notes before it are not here, unless that was said of the one before.
    pub missing: usize,
}

/// The notes as they stand below each other.
pub fn lines(notes: &[Note]) -> Vec<Line> {
    let line = |(place, note): (usize, &Note)| {
        let before = place.checked_sub(1).and_then(|before| notes.get(before));
        let is_told = before.is_some_and(|before| before.missing >= note.missing);
        let missing = if is_told { 0 } else { note.missing };
        let is_near = |before: &Note| {
            let since = note.at.as_millis().saturating_sub(before.at.as_millis());
            before.author == note.author && since <= TOGETHER_MS
        };
        let follows = missing == 0 && before.is_some_and(is_near);
        let (at_ms, text) = (note.at.as_millis(), note.text.clone());
        Line { id: note.id, author: note.author, at_ms, text, follows, missing }
    };
    notes.iter().enumerate().map(line).collect()
}

/// What is said of notes before a line that are not here.
pub fn missing(count: usize) -> String {
    let are = if count == 1 { "is" } else { "are" };
    format!("{} before this {are} not here", words::count(count, "note"))
}

/// A count of unread notes, as short as a button needs it.
pub fn badge(unread: usize) -> String {
    if unread > COUNT_MAX { format!("{COUNT_MAX}+") } else { unread.to_string() }
}

/// What the button that opens the notes is called.
pub fn button(unread: usize) -> String {
    if unread == 0 { "Notes".to_owned() } else { format!("Notes, {} unread", badge(unread)) }
}

/// How much of the longest text is left, once that is little; an error when the text is longer.
///
/// # Errors
/// In words, how much is too much.
pub fn left(text: &str) -> Result<Option<String>, String> {
    let most = words::grouped(TEXT_MAX);
    match TEXT_MAX.checked_sub(text.trim().len()) {
        Some(left) if left < FEW_LEFT => Ok(Some(format!("{} left of {most}", words::count(left, "byte")))),
        Some(_) => Ok(None),
        None => {
            let over = words::count(text.trim().len() - TEXT_MAX, "byte");
            Err(format!("This is {over} too long. A note has at most {most}."))
        }
    }
}

/// Where a note of one's own is: with so many of the people who stay, or where `is_kept` says.
pub fn reached(reached: usize, of: usize, is_kept: bool) -> String {
    match (reached, is_kept) {
        (0, true) => "Saved here".to_owned(),
        (0, false) => "Only on this page".to_owned(),
        _ => format!("Reached {reached} of {of}"),
    }
}

/// What was read in a room: of each author up to a time, since what somebody wrote offline comes later than what others
/// wrote after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Milliseconds since 1970, by author.
    authors: BTreeMap<PeerId, u64>,
    /// The same for everybody who is forgotten.
    others: u64,
}

impl Read {
    /// Whether a note was read.
    fn has(&self, note: &Note) -> bool {
        note.at.as_millis() <= self.authors.get(&note.author).copied().unwrap_or_default().max(self.others)
    }

    /// Notes are read. Returns whether that was not known.
    fn mark(&mut self, notes: &[Note]) -> bool {
        let mut is_news = false;
        for note in notes {
            if !self.has(note) {
                self.authors.insert(note.author, note.at.as_millis());
                is_news = true;
            }
        }
        while self.authors.len() > AUTHORS_MAX {
            let first = self.authors.iter().min_by_key(|(_, at)| **at).map(|(peer, at)| (*peer, *at));
            if let Some((peer, at)) = first {
                self.authors.remove(&peer);
                self.others = self.others.max(at);
            }
        }
        is_news
    }
}

/// What was read in the rooms that one was in last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRooms(VecDeque<(String, Read)>);

impl ReadRooms {
    /// Reads what [`ReadRooms::write`] wrote; what is none is left out.
    pub fn read(text: &str) -> ReadRooms {
        let line = |line: &str| {
            let mut words = line.split(' ');
            let room = words.next()?.to_owned();
            let others = words.next()?.parse().ok()?;
            let author = |word: &str| {
                let (peer, at) = word.split_once(':')?;
                Some((peer.parse().ok()?, at.parse().ok()?))
            };
            Some((room, Read { authors: words.filter_map(author).take(AUTHORS_MAX).collect(), others }))
        };
        ReadRooms(text.lines().filter_map(line).take(ROOMS_MAX).collect())
    }

    /// The rooms as a text, a line each.
    pub fn write(&self) -> String {
        let line = |(room, read): &(String, Read)| {
            let authors = read.authors.iter().map(|(peer, at)| format!(" {peer}:{at}"));
            format!("{room} {}{}\n", read.others, authors.collect::<String>())
        };
        self.0.iter().map(line).collect()
    }

    /// The notes of a room that are unread, but for those of whom `is_left_out` says.
    pub fn unread<'a>(
        &'a self,
        room: &RoomId,
        notes: &'a [Note],
        is_left_out: impl Fn(PeerId) -> bool + 'a,
    ) -> impl DoubleEndedIterator<Item = &'a Note> {
        let name = name(room);
        let read = self.0.iter().find(|(known, _)| *known == name).map(|(_, read)| read);
        let is_read = move |note: &Note| read.is_some_and(|read| read.has(note));
        notes.iter().filter(move |note| !is_left_out(note.author) && !is_read(note))
    }

    /// Notes of a room are read. Returns whether that was not known.
    pub fn mark(&mut self, room: &RoomId, notes: &[Note]) -> bool {
        let name = name(room);
        let known = self.0.iter().position(|(known, _)| *known == name);
        let (name, mut read) =
            known.and_then(|place| self.0.remove(place)).unwrap_or((name, Read::default()));
        let is_news = read.mark(notes);
        if self.0.len() == ROOMS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((name, read));
        is_news
    }
}

/// What a room is remembered by: enough of its id to tell a profile's rooms apart.
fn name(room: &RoomId) -> String {
    room.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use meshwork_core::time::WallTime;

    use super::*;

    const LIN: PeerId = PeerId([1; 32]);
    const ANA: PeerId = PeerId([2; 32]);
    const ROOM: RoomId = RoomId([7; 32]);

    fn note(author: PeerId, at_ms: u64) -> Note {
        let mut id = [0; 14];
        id[..8].copy_from_slice(&at_ms.to_be_bytes());
        let (id, at) = (NoteId(id), WallTime::from_millis(at_ms));
        Note { id, author, at, text: at_ms.to_string(), missing: 0 }
    }

    fn unread(rooms: &ReadRooms, notes: &[Note]) -> usize {
        rooms.unread(&ROOM, notes, |author| author == ANA).count()
    }

    #[test]
    fn what_was_read_stays_read_and_what_comes_late_does_not() {
        let mut rooms = ReadRooms::default();
        let (early, late) = (note(LIN, 100), note(PeerId([3; 32]), 50));
        assert_eq!(unread(&rooms, &[early.clone(), note(ANA, 200)]), 1, "one's own are left out");
        assert!(rooms.mark(&ROOM, std::slice::from_ref(&early)));
        assert!(!rooms.mark(&ROOM, std::slice::from_ref(&early)), "nothing new");
        let rooms = ReadRooms::read(&rooms.write());
        assert_eq!(unread(&rooms, &[late.clone(), early.clone()]), 1, "its author was offline");
        assert_eq!(unread(&rooms, &[early.clone(), note(LIN, 101)]), 1);
        assert_eq!(rooms.unread(&RoomId([8; 32]), &[early], |_| false).count(), 1, "another room");
    }

    #[test]
    fn as_much_is_remembered_as_fits() {
        let mut rooms = ReadRooms::default();
        let peer = |number: u16| PeerId(std::array::from_fn(|at| number.to_be_bytes()[at % 2]));
        let many: Vec<Note> = (0..1000).map(|number| note(peer(number), 10 + u64::from(number))).collect();
        rooms.mark(&ROOM, &many);
        assert_eq!(unread(&ReadRooms::read(&rooms.write()), &many), 0, "the forgotten are read too");
        assert_eq!(rooms.0[0].1.authors.len(), AUTHORS_MAX);
        (0..100).for_each(|number| drop(rooms.mark(&RoomId([number; 32]), &[])));
        assert_eq!(rooms.0.len(), ROOMS_MAX);
        assert_eq!(ReadRooms::read("x\n\nroom y\n").write(), "");
    }

    #[test]
    fn notes_of_one_author_stand_together_until_something_is_missing() {
        let mut notes = [note(LIN, 0), note(LIN, 300_000), note(LIN, 600_001), note(ANA, 600_002)];
        let follow = |notes: &[Note]| lines(notes).iter().map(|line| line.follows).collect::<Vec<_>>();
        assert_eq!(follow(&notes), [false, true, false, false]);
        notes[1].missing = 1;
        notes[2].missing = 1;
        assert_eq!(follow(&notes), [false; 4]);
        let missing: Vec<usize> = lines(&notes).iter().map(|line| line.missing).collect();
        assert_eq!(missing, [0, 1, 0, 0], "a gap is told once");
    }

    #[test]
    fn a_field_says_what_is_left_and_what_is_too_much() {
        assert_eq!(left(&"x".repeat(TEXT_MAX - FEW_LEFT)), Ok(None));
        assert_eq!(left(&format!(" {} ", "x".repeat(3999))), Ok(Some("1 byte left of 4,000".into())));
        assert_eq!(
            left(&"é".repeat(2001)),
            Err("This is 2 bytes too long. A note has at most 4,000.".into())
        );
    }

    #[test]
    fn words_of_notes() {
        assert_eq!([0, 3, 100].map(button), ["Notes", "Notes, 3 unread", "Notes, 99+ unread"]);
        assert_eq!(
            [1, 2].map(missing),
            ["1 note before this is not here", "2 notes before this are not here"]
        );
        let places = [(0, true), (0, false), (2, true)].map(|(with, is_kept)| reached(with, 3, is_kept));
        assert_eq!(places, ["Saved here", "Only on this page", "Reached 2 of 3"]);
    }
}
