//! Notes beside a canvas: which of them one has read, and how they stand below each other.

use meshwork_chat::{Post as Note, PostId as NoteId, TEXT_MAX};
use meshwork_core::id::{PeerId, RoomId};

use crate::texts::notes;

/// Notes that a page shows, the newest: as many as a browser lays out at once. Older ones are read in a terminal.
pub const SHOWN_MAX: usize = 500;
/// Pairs of a room and an author of which it is remembered what was read; the one marked longest ago is forgotten first.
pub const MARKS_MAX: usize = 1024;
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

/// How many notes are unread, as short as a button needs it; nothing where none is.
pub fn unread(count: usize) -> String {
    match count {
        0 => String::new(),
        1..=COUNT_MAX => count.to_string(),
        _ => format!("{COUNT_MAX}+"),
    }
}

/// How much of the longest text is left, once that is little; an error when the text is longer.
///
/// # Errors
/// In words, how much is too much.
pub fn left(text: &str) -> Result<Option<String>, String> {
    match TEXT_MAX.checked_sub(text.trim().len()) {
        Some(left) if left < FEW_LEFT => Ok(Some(notes::left(left, TEXT_MAX))),
        Some(_) => Ok(None),
        None => Err(notes::too_long(text.trim().len() - TEXT_MAX, TEXT_MAX)),
    }
}

/// Up to when one has read what each author wrote in each room: somebody's who was offline comes later than what others
/// wrote after it, and is unread all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

/// The first 8 bytes of a room and of an author, and milliseconds since 1970.
type Mark = (u64, u64, u64);

impl Marks {
    /// Reads what [`Marks::write`] wrote; what is none is left out.
    pub fn read(text: &str) -> Marks {
        let mark = |line: &str| {
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let mut next = || numbers.next()?.ok();
            Some((next()?, next()?, next()?))
        };
        Marks(text.lines().filter_map(mark).take(MARKS_MAX).collect())
    }

    /// The marks as a text, a line each.
    pub fn write(&self) -> String {
        self.0.iter().map(|(room, author, at)| format!("{room} {author} {at}\n")).collect()
    }

    /// Whether a note of a room is unread.
    pub fn is_unread(&self, room: &RoomId, note: &Note) -> bool {
        let (room, author, at) = mark(room, note);
        !self.0.iter().any(|known| (known.0, known.1) == (room, author) && at <= known.2)
    }

    /// A note of a room is read, and what its author wrote before.
    pub fn mark(&mut self, room: &RoomId, note: &Note) {
        if self.is_unread(room, note) {
            let mark = mark(room, note);
            self.0.retain(|known| (known.0, known.1) != (mark.0, mark.1));
            if self.0.len() == MARKS_MAX {
                self.0.remove(0);
            }
            self.0.push(mark);
        }
    }
}

fn mark(room: &RoomId, note: &Note) -> Mark {
    let first = |bytes: &[u8; 32]| bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    (first(&room.0), first(&note.author.0), note.at.as_millis())
}

#[cfg(test)]
mod tests {
    use meshwork_core::clock::Stamp;
    use meshwork_core::time::WallTime;

    use super::*;

    const LIN: PeerId = PeerId([1; 32]);
    const ANA: PeerId = PeerId([2; 32]);
    const ROOM: RoomId = RoomId([7; 32]);

    fn note(author: PeerId, at_ms: u64) -> Note {
        let mut id = [0; 14];
        id[..8].copy_from_slice(&at_ms.to_be_bytes());
        let (id, at) = (NoteId(id), WallTime::from_millis(at_ms));
        Note {
            id,
            author,
            at,
            stamp: Stamp::at(at),
            is_edited: false,
            is_newer: false,
            text: at_ms.to_string(),
            re: None,
            files: Vec::new(),
            reactions: Vec::new(),
            missing: 0,
        }
    }

    #[test]
    fn what_was_read_stays_read() {
        let mut marks = Marks::default();
        let (early, late) = (note(LIN, 100), note(ANA, 50));
        marks.mark(&ROOM, &early);
        let marks = Marks::read(&marks.write());
        assert!(!marks.is_unread(&ROOM, &early));
        assert!(marks.is_unread(&ROOM, &late), "its author was offline");
        assert!(marks.is_unread(&ROOM, &note(LIN, 101)));
        assert!(marks.is_unread(&RoomId([8; 32]), &early), "another room");
    }

    #[test]
    fn as_much_is_remembered_as_fits() {
        let mut marks = Marks::default();
        let peer = |number: u16| PeerId(std::array::from_fn(|at| number.to_be_bytes()[at % 2]));
        let many: Vec<Note> = (0..2000).map(|number| note(peer(number), 10 + u64::from(number))).collect();
        many.iter().for_each(|note| marks.mark(&ROOM, note));
        let marks = Marks::read(&marks.write());
        let unread = many.iter().filter(|note| marks.is_unread(&ROOM, note)).count();
        assert_eq!(unread, 2000 - MARKS_MAX, "the first are forgotten");
        assert_eq!(Marks::read("x\n\n1 2 y\n1 2\n"), Marks::default());
    }

    #[test]
    fn notes_of_one_author_stand_together() {
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
    fn the_field_says_what_is_left() {
        assert_eq!(left(&"x".repeat(TEXT_MAX - FEW_LEFT)), Ok(None));
        assert_eq!(left(&format!(" {} ", "x".repeat(11_999))), Ok(Some("1 byte left of 12,000".into())));
        assert_eq!(
            left(&"é".repeat(6001)),
            Err("This is 2 bytes too long. A note has at most 12,000.".into())
        );
    }
}
