//! Notes: what people write to each other beside the canvas, the first posts of a room's conversation.
//!
//! A note is a row of the conversation's table by time. Its id carries when it was written, so that old notes lie
//! together, and nobody believes it: notes are shown by their stamps. Two of its fields are its author's alone, the text and which notes it had seen last, and one is for
//! moderators, who hide it. Removing a note leaves its id and nothing else. docs/protocol/notes.md has the bytes.

use std::fmt;
use std::str::FromStr;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, Receipt, WriteError};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::app::CONVERSATION_SLOT;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{Entry, TIME_TAIL, Table, Write, Writer, payloads};
use meshwork_core::text::shown;
use meshwork_core::time::{Time, WallTime};

/// Longest text of a note, in bytes of UTF-8: a page of writing.
pub const TEXT_MAX: usize = 4000;
/// Most notes that one names as seen last.
pub const AFTER_MAX: usize = 4;

/// What rows of notes begin with.
const PREFIX: &[u8] = b"n\0";
/// A note's own field for its text.
const TEXT: &[u8] = b"text";
/// A note's own field for the notes that it had seen last: the last 8 bytes of their ids, one after the other.
const AFTER: &[u8] = b"after";
/// The moderators' field that hides a note while it has a value.
const HIDDEN: &[u8] = b"hidden";
/// Bytes of an id that tell notes of one millisecond apart, and by which notes name each other.
const NAME: usize = 8;

/// What names a note in its room: the time, and bytes that tell notes of one time apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteId(pub [u8; TIME_TAIL]);

/// A text names no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a note is named by {} digits from 0 to f", 2 * TIME_TAIL)]
pub struct NoNoteId;

impl fmt::Display for NoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for NoteId {
    type Err = NoNoteId;

    fn from_str(text: &str) -> Result<NoteId, NoNoteId> {
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
        let bytes: Vec<u8> = digits
            .ok_or(NoNoteId)?
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect();
        match <[u8; TIME_TAIL]>::try_from(bytes) {
            Ok(id) if text.len() == 2 * TIME_TAIL => Ok(NoteId(id)),
            _ => Err(NoNoteId),
        }
    }
}

/// A note that shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which one.
    pub id: NoteId,
    /// Who wrote it.
    pub author: PeerId,
    /// When, by the room's time.
    pub at: WallTime,
    /// What it says, [fit to be shown](shown).
    pub text: String,
    /// How many notes its author had seen that are not here: removed, hidden, or not here yet.
    pub missing: usize,
}

/// The table that notes are written in.
pub fn replica() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT, Family::ByTime).expect("the conversation has a slot")
}

/// What people do with notes. Every room has them.
pub trait Notes {
    /// The notes of a room, each behind those that its author knew; none for a room that is not open.
    fn notes(&self, room: RoomHandle) -> Vec<Note>;

    /// Writes a note. Returns what names it.
    ///
    /// # Errors
    /// [`WriteError::Content`] for an empty text or one of more than [`TEXT_MAX`] bytes, or what
    /// [`RoomMut::write`](meshwork_core::node::RoomMut::write) says; nothing was written.
    fn write_note(
        &mut self,
        now: Time,
        room: RoomHandle,
        text: &str,
    ) -> Result<(NoteId, Receipt), CommandError>;

    /// Removes a note of one's own.
    ///
    /// # Errors
    /// [`WriteError::Content`] where there is no such note of one's own; else as for [`Notes::write_note`].
    fn remove_note(&mut self, now: Time, room: RoomHandle, id: NoteId) -> Result<Receipt, CommandError>;

    /// Hides a note from everybody, or shows it again: the owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`WriteError::Content`] where no such note shows, or is hidden; [`WriteError::NotAllowed`]; else as for
    /// [`Notes::write_note`].
    fn set_note_hidden(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: NoteId,
        is_hidden: bool,
    ) -> Result<Receipt, CommandError>;
}

impl Notes for Node {
    fn notes(&self, room: RoomHandle) -> Vec<Note> {
        self.room(room).replica::<Table>(replica()).map(read).unwrap_or_default()
    }

    fn write_note(
        &mut self,
        now: Time,
        room: RoomHandle,
        text: &str,
    ) -> Result<(NoteId, Receipt), CommandError> {
        if text.trim().is_empty() || text.len() > TEXT_MAX {
            let words = format!("a note has 1 to {TEXT_MAX} bytes, and this has {}", text.len());
            return Err(CommandError::Write(WriteError::Content(words)));
        }
        let (time, me) = (self.room(room).time(now).ok_or(CommandError::NotOpen)?, self.endpoint());
        let known = self.notes(room);
        let id = NoteId::new(time, |hasher| {
            // Nobody else writes as this endpoint, and it knows its own notes.
            hasher.update(&me.peer.0).update(&me.instance.0.to_le_bytes());
            hasher.update(&known.len().to_le_bytes()).update(text.as_bytes());
        });
        let after: Vec<u8> =
            known.iter().rev().take(AFTER_MAX).flat_map(|note| note.id.name()).copied().collect();
        let own = Writer::Peer(me.peer);
        let mut writes = vec![Write::value(id.row(), own.field(TEXT), text)];
        if !after.is_empty() {
            writes.push(Write::value(id.row(), own.field(AFTER), after));
        }
        write(self, now, room, &writes).map(|receipt| (id, receipt))
    }

    fn remove_note(&mut self, now: Time, room: RoomHandle, id: NoteId) -> Result<Receipt, CommandError> {
        let me = self.endpoint().peer;
        if !self.notes(room).iter().any(|note| (note.id, note.author) == (id, me)) {
            return Err(absent("there is no such note of your own"));
        }
        let own = Writer::Peer(me);
        let removal = |name| Write::removal(id.row(), own.field(name));
        write(self, now, room, &[removal(AFTER), removal(TEXT)])
    }

    fn set_note_hidden(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: NoteId,
        is_hidden: bool,
    ) -> Result<Receipt, CommandError> {
        let field = Writer::Moderators.field(HIDDEN);
        let table = self.room(room).replica::<Table>(replica()).ok_or(CommandError::NotOpen)?;
        let (is_there, words, change) = match is_hidden {
            true => (
                read(table).iter().any(|note| note.id == id),
                "there is no such note",
                Write::value(id.row(), field, "1"),
            ),
            false => (
                table.get(&id.row(), &field).is_some(),
                "no such note is hidden",
                Write::removal(id.row(), field),
            ),
        };
        if !is_there {
            return Err(absent(words));
        }
        write(self, now, room, &[change])
    }
}

impl NoteId {
    fn new(time: WallTime, fill: impl FnOnce(&mut blake3::Hasher)) -> NoteId {
        let mut hasher = blake3::Hasher::new_derive_key("meshwork note id v1");
        fill(&mut hasher);
        hasher.update(&time.0.to_le_bytes());
        let mut id = [0; TIME_TAIL];
        id[..TIME_TAIL - NAME].copy_from_slice(&time.as_millis().to_be_bytes()[2..]);
        id[TIME_TAIL - NAME..].copy_from_slice(&hasher.finalize().as_bytes()[..NAME]);
        NoteId(id)
    }

    fn of_row(row: &[u8]) -> Option<NoteId> {
        row.strip_prefix(PREFIX)?.try_into().ok().map(NoteId)
    }

    fn row(&self) -> Vec<u8> {
        [PREFIX, &self.0].concat()
    }

    fn name(&self) -> &[u8] {
        &self.0[TIME_TAIL - NAME..]
    }
}

fn absent(words: &str) -> CommandError {
    CommandError::Write(WriteError::Content(words.to_owned()))
}

fn write(node: &mut Node, now: Time, room: RoomHandle, writes: &[Write]) -> Result<Receipt, CommandError> {
    let payloads = payloads(node.endpoint().peer, writes)
        .map_err(|error| CommandError::Write(WriteError::Content(error.to_string())))?;
    node.room_mut(now, room).write(replica(), payloads)
}

/// The notes of a table, each behind those that its author knew: stamps never show an effect before its cause.
fn read(table: &Table) -> Vec<Note> {
    let texts = table.entries(PREFIX).filter_map(|entry| {
        let (author, name) = own_field(entry)?;
        let id = NoteId::of_row(entry.row()).filter(|_| name == TEXT)?;
        let is_hidden = table.get(entry.row(), &Writer::Moderators.field(HIDDEN)).is_some();
        (!is_hidden).then_some((entry.stamp(), id, author, entry))
    });
    let mut texts: Vec<_> = texts.collect();
    texts.sort_unstable_by_key(|(stamp, id, author, _)| (*stamp, *id, *author));
    let mut names: Vec<&[u8]> = texts.iter().map(|(_, id, ..)| id.name()).collect();
    names.sort_unstable();
    let missing = |row: &[u8], author: PeerId| {
        let after = table.get(row, &Writer::Peer(author).field(AFTER)).and_then(Entry::value);
        let after = after.unwrap_or_default().chunks_exact(NAME).take(AFTER_MAX);
        after.filter(|name| names.binary_search(name).is_err()).count()
    };
    let note = |(stamp, id, author, entry): &(Stamp, NoteId, PeerId, &Entry)| {
        let text = str::from_utf8(entry.value().unwrap_or_default()).ok()?;
        // An app skips what it cannot read.
        let is_legal = text.len() <= TEXT_MAX;
        let missing = missing(entry.row(), *author);
        is_legal.then(|| Note {
            id: *id,
            author: *author,
            at: WallTime::from_millis(stamp.millis()),
            text: shown_lines(text),
            missing,
        })
    };
    texts.iter().filter_map(note).collect()
}

/// Whose alone a field is, and its name.
fn own_field(entry: &Entry) -> Option<(PeerId, &[u8])> {
    match entry.field() {
        (Writer::Peer(peer), name) => Some((peer, name)),
        _ => None,
    }
}

/// The text fit to be shown, line by line.
fn shown_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(shown).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::node::Config;
    use meshwork_core::replica::Replica as _;
    use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
    use meshwork_core::table::Kind;

    use super::*;

    const START: u64 = 1_790_000_000_000;

    fn identity(number: u8) -> Identity {
        Identity::from_secret([number; 32])
    }

    /// Somebody writes in a table, so many milliseconds later.
    fn say(table: &mut Table, number: u8, later: u64, writes: &[Write]) {
        let author = Endpoint { peer: identity(number).peer(), instance: Instance(1) };
        let stamp = Stamp::at(WallTime::from_millis(START + later));
        for payload in payloads(author.peer, writes).expect("short") {
            let header = Header::new(author, later + 1, StampWindow::at(stamp), 0);
            let content = table.check(&header, &payload).expect("of this kind");
            let batch =
                SignedBatch::sign(&identity(number), &RoomId([1; 32]), &header, &payload).expect("short");
            table.apply(batch, content);
        }
    }

    fn id(later: u64) -> NoteId {
        NoteId::new(WallTime::from_millis(START + later), |hasher| {
            hasher.update(b"some");
        })
    }

    fn text(number: u8, id: NoteId, text: &str) -> Write {
        Write::value(id.row(), Writer::Peer(identity(number).peer()).field(TEXT), text)
    }

    #[test]
    fn notes_stand_behind_what_their_author_knew() {
        let mut table = Table::new(Kind::ByTime);
        let after = Write::value(
            id(1).row(),
            Writer::Peer(identity(2).peer()).field(AFTER),
            [id(5).name(), id(9).name()].concat(),
        );
        // The answer has the earlier id: its author's clock was late.
        say(&mut table, 1, 5, &[text(1, id(5), "When?")]);
        say(&mut table, 2, 6, &[after, text(2, id(1), "At nine.")]);
        let notes = read(&table);
        let texts: Vec<&str> = notes.iter().map(|note| &*note.text).collect();
        assert_eq!(texts, ["When?", "At nine."]);
        assert_eq!(notes.iter().map(|note| note.missing).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(notes[1].at, WallTime::from_millis(START + 6));
    }

    #[test]
    fn moderators_hide_notes_and_nobody_speaks_for_others() {
        let mut table = Table::new(Kind::ByTime);
        say(&mut table, 1, 5, &[text(1, id(5), "one")]);
        say(&mut table, 1, 6, &[text(1, id(6), "two")]);
        // In another's row there is nothing but a note of one's own.
        say(&mut table, 2, 7, &[text(2, id(6), "mine")]);
        say(&mut table, 3, 8, &[Write::value(id(5).row(), Writer::Moderators.field(HIDDEN), "1")]);
        let shown: Vec<(PeerId, String)> =
            read(&table).into_iter().map(|note| (note.author, note.text)).collect();
        let expected =
            [(1, "two"), (2, "mine")].map(|(number, text)| (identity(number).peer(), text.to_owned()));
        assert_eq!(shown, expected);
    }

    #[test]
    fn owners_hide_notes_and_show_them_again() {
        let (now, wall) = (Time(0), WallTime::from_millis(START));
        let mut node = Node::new(crate::make, Config::default(), identity(1), [7; 32], now, wall);
        let size = crate::canvas::CanvasSize { width: 16, height: 16 };
        let room = node.create_room(now, crate::room_spec("http://localhost", size, false)).expect("a room");
        let (one, _) = node.write_note(now, room, "one").expect("one's own room");
        node.write_note(now, room, "two").expect("one's own room");
        let texts =
            |node: &Node| node.notes(room).into_iter().map(|note| note.text).collect::<Vec<_>>().join(" ");
        node.set_note_hidden(now, room, one, true).expect("the owner moderates");
        assert_eq!(texts(&node), "two");
        assert!(node.set_note_hidden(now, room, one, true).is_err(), "it does not show");
        node.set_note_hidden(now, room, one, false).expect("the owner moderates");
        assert_eq!(texts(&node), "one two");
        assert!(node.set_note_hidden(now, room, one, false).is_err(), "it is not hidden");
    }

    #[test]
    fn what_is_no_note_does_not_show() {
        let mut table = Table::new(Kind::ByTime);
        let own = Writer::Peer(identity(1).peer()).field(TEXT);
        let long = "x".repeat(TEXT_MAX + 1);
        let other = [b"m\0".as_slice(), &id(1).0].concat();
        say(&mut table, 1, 5, &[Write::value(id(1).row(), own.clone(), [0xff])]);
        say(&mut table, 1, 6, &[Write::value(id(2).row(), own.clone(), long)]);
        say(&mut table, 1, 7, &[Write::value(other, own, "elsewhere")]);
        say(&mut table, 1, 8, &[Write::value(id(3).row(), Writer::Anybody.field(TEXT), "whose?")]);
        assert_eq!(read(&table), []);
    }

    #[test]
    fn note_names_read_as_they_are_written() {
        assert_eq!(id(1).to_string().parse(), Ok(id(1)));
        for wrong in ["", "0", &"0".repeat(27), &"0".repeat(29), &"g".repeat(28), &"é".repeat(14)] {
            assert_eq!(wrong.parse::<NoteId>(), Err(NoNoteId), "{wrong}");
        }
    }
}
