//! The room's notes: what people write beside the canvas, what of it is unread, and writing there.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_chat::words::refusal;
use meshwork_chat::{Chat as _, Post as Note, PostId as NoteId, replica};
use meshwork_core::node::{CommandError, Node, Receipt, RoomHandle};
use meshwork_core::time::Time;
use meshwork_web::notes::Marks;
use meshwork_web::texts;

use super::super::browser;
use super::node::PageNode;
use super::people::People;
use super::reach::Reach;
use super::set_if_new;

/// Under this name a profile keeps what was read.
const READ_KEY: &str = "meshwork-notes-read";
/// How long what changes is gathered before all notes are read again.
const GATHER: Duration = Duration::from_millis(50);

/// The notes of a room, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Noted {
    node: PageNode,
    people: People,
    /// Whether they are shown.
    pub(crate) is_open: RwSignal<bool>,
    /// How many are unread.
    pub(crate) unread: RwSignal<usize>,
    /// Counts up when they may be others than before.
    pub(crate) changes: RwSignal<usize>,
    /// Who has the last one of one's own that this page wrote.
    pub(crate) reach: Reach,
    /// What came last while they were shown, to be read out.
    pub(crate) spoken: RwSignal<String>,
    /// What was read, once that is asked for.
    read: StoredValue<Option<Marks>>,
    is_awaited: StoredValue<bool>,
}

impl Noted {
    pub(super) fn new(node: PageNode, people: People) -> Noted {
        Noted {
            node,
            people,
            is_open: RwSignal::new(false),
            unread: RwSignal::new(0),
            changes: RwSignal::new(0),
            reach: Reach::new(people.rows),
            spoken: RwSignal::new(String::new()),
            read: StoredValue::new(None),
            is_awaited: StoredValue::new(false),
        }
    }

    /// Notes may be others than before: they are read again soon, once for all that arrives until then.
    pub(super) fn gather(self) {
        if self.is_awaited.get_value() {
            return;
        }
        self.is_awaited.set_value(true);
        let read = move || {
            // The page may have gone meanwhile.
            if self.is_awaited.try_set_value(false).is_none() {
                self.refresh();
            }
        };
        set_timeout(read, GATHER);
    }

    /// Counts again what is unread; what is shown is read.
    pub(crate) fn refresh(self) {
        let Some(id) = self.node.room_id() else { return };
        let (notes, is_open) = (self.list(), self.is_open.get_untracked());
        let (me, mut unread) = (self.node.peer(), 0);
        self.read.update_value(|read| {
            let kept = || Marks::read(&browser::stored(READ_KEY).unwrap_or_default());
            let read = read.get_or_insert_with(kept);
            let is_mine = |note: &Note| note.author == me || self.people.is_muted(note.author);
            let fresh = |note: &&Note| !is_mine(note) && read.is_unread(&id, note);
            unread = notes.iter().filter(fresh).count();
            let newest = notes.iter().rfind(fresh);
            if let (true, Some(newest)) = (is_open, newest) {
                let words = format!("{}: {}", self.people.called_by_peer(newest.author), newest.text);
                self.spoken.set(words);
                notes.iter().for_each(|note| read.mark(&id, note));
                browser::store(READ_KEY, &read.write());
            }
        });
        set_if_new(self.unread, if is_open { 0 } else { unread });
        self.changes.update(|changes| *changes += 1);
    }

    /// The notes that show, each behind those that its author knew.
    pub(crate) fn list(self) -> Vec<Note> {
        let all = |node: &Node, room| node.conversation(room).map(|posts| posts.all()).unwrap_or_default();
        self.node.look(all).unwrap_or_default()
    }

    /// Writes a note.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn write(self, text: &str) -> Result<(), String> {
        let (_, receipt) = self.act(|node, now, room| node.write_post(now, room, &text.into()))?;
        self.reach.begin(&receipt);
        Ok(())
    }

    /// Removes a note of one's own.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn remove(self, id: NoteId) -> Result<Receipt, String> {
        self.act(|node, now, room| node.remove_post(now, room, id))
    }

    /// Hides a note from everybody, or shows it again.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn set_hidden(self, id: NoteId, is_hidden: bool) -> Result<Receipt, String> {
        self.act(|node, now, room| node.set_post_hidden(now, room, id, is_hidden))
    }

    /// Why one may write no notes at all, if that is so.
    pub(crate) fn why_none(self) -> Option<String> {
        let left = self.act(|node, now, room| node.room_mut(now, room).writing_left(replica().slot()));
        left.err()
    }

    fn act<T>(
        self,
        act: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<T, CommandError>,
    ) -> Result<T, String> {
        self.node.command(act).map_err(|error| texts::sentence(&refusal(&error)))
    }
}
