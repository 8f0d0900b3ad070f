//! The room's notes: what people write beside the canvas, what of it is unread, and writing there.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::node::{CommandError, Node, Receipt, RoomHandle};
use meshwork_core::time::Time;
use meshwork_place::notes::{Note, NoteId, Notes as _, replica};
use meshwork_place::words::note_refusal;
use meshwork_web::notes::{HELD_MAX, ReadRooms};
use meshwork_web::words;

use super::super::browser;
use super::{Said, Session, set_if_new};

/// Under this name a profile keeps what was read.
const READ_KEY: &str = "meshwork-notes-read";
/// How long what changes is gathered before all notes are read again.
const GATHER_MS: u64 = 50;

/// The notes of a room, as signals.
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    /// The newest notes that show, [`HELD_MAX`] at most, each behind those that its author knew.
    pub(crate) list: RwSignal<Vec<Note>>,
    /// How many of them are unread.
    pub(crate) unread: RwSignal<usize>,
    /// Whether they are shown.
    pub(crate) is_open: RwSignal<bool>,
    /// The note of somebody else that came last while they were shown.
    pub(crate) newest: RwSignal<Option<Note>>,
    /// The last note of one's own that was written in this page, how many have it, and of how many.
    pub(crate) reached: RwSignal<Option<(NoteId, usize, usize)>>,
    pub(super) last: StoredValue<Option<(NoteId, Said)>>,
    read: StoredValue<ReadRooms>,
    is_awaited: StoredValue<bool>,
}

impl Noted {
    pub(super) fn new() -> Noted {
        Noted {
            list: RwSignal::new(Vec::new()),
            unread: RwSignal::new(0),
            is_open: RwSignal::new(false),
            newest: RwSignal::new(None),
            reached: RwSignal::new(None),
            last: StoredValue::new(None),
            read: StoredValue::new(ReadRooms::read(&browser::stored(READ_KEY).unwrap_or_default())),
            is_awaited: StoredValue::new(false),
        }
    }
}

impl Session {
    /// What stood there before the page could show it is no news, so it is looked for as long as there is nothing.
    pub(super) fn await_first_notes(self) {
        if self.noted.list.with_untracked(Vec::is_empty) {
            self.await_notes();
        }
    }

    /// Notes may be others than before: they are read again soon, once for all that arrives until then.
    pub(super) fn await_notes(self) {
        if self.noted.is_awaited.get_value() {
            return;
        }
        self.noted.is_awaited.set_value(true);
        // To read thousands takes a while, so that is done less often.
        let held = self.noted.list.with_untracked(Vec::len);
        let read = move || {
            // The page may have gone meanwhile.
            if self.noted.is_awaited.try_set_value(false).is_none() {
                self.read_notes();
            }
        };
        set_timeout(read, Duration::from_millis(GATHER_MS + held as u64 / 2));
    }

    /// Reads the notes again; while they are shown they are read by the person, too.
    pub(crate) fn read_notes(self) {
        let Some(room) = self.room.get_untracked() else { return };
        let look = |node: &Node| Some((node.room(room).id()?, node.notes(room)));
        let Some((id, mut notes)) = self.driver.with_value(|driver| driver.look(look)) else { return };
        notes.drain(..notes.len().saturating_sub(HELD_MAX));
        let is_left_out = |author| author == self.me.peer || self.is_muted(author);
        let mut unread = 0;
        self.noted.read.update_value(|read| {
            if self.noted.is_open.get_untracked() {
                let newest = read.unread(&id, &notes, is_left_out).next_back().cloned();
                self.noted.newest.update(|known| *known = newest.or_else(|| known.take()));
                if read.mark(&id, &notes) {
                    browser::store(READ_KEY, &read.write());
                }
            }
            unread = read.unread(&id, &notes, is_left_out).count();
        });
        set_if_new(self.noted.unread, unread);
        set_if_new(self.noted.list, notes);
    }

    /// Writes a note.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn write_note(self, text: &str) -> Result<(), String> {
        let (id, receipt) = self.with_notes(|node, now, room| node.write_note(now, room, text))?;
        self.noted.last.set_value(Some((id, Said::new(&receipt))));
        self.count_reached();
        Ok(())
    }

    /// Removes a note of one's own.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn remove_note(self, id: NoteId) -> Result<Receipt, String> {
        self.with_notes(|node, now, room| node.remove_note(now, room, id))
    }

    /// Hides a note from everybody, or shows it again.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn set_note_hidden(self, id: NoteId, is_hidden: bool) -> Result<Receipt, String> {
        self.with_notes(|node, now, room| node.set_note_hidden(now, room, id, is_hidden))
    }

    /// Why one may write no notes at all, if that is so.
    pub(crate) fn why_no_notes(self) -> Option<String> {
        let left = self.with_notes(|node, now, room| node.room_mut(now, room).writing_left(replica().slot()));
        left.err()
    }

    fn with_notes<T>(
        self,
        act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<T, CommandError>,
    ) -> Result<T, String> {
        let done = match self.room.get_untracked() {
            Some(room) => self.with_node(|node, now| act(node, now, room)),
            None => Err(CommandError::NotOpen),
        };
        done.map_err(|error| words::sentence(&note_refusal(&error)))
    }
}
