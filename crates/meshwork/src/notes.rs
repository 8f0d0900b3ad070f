//! What people write to each other in a room.

use meshwork_chat::Chat as _;
pub use meshwork_chat::{Post as Note, PostId as NoteId};
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::time::Time;

use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::room::Room;
use crate::runner::MaybeSend;
use crate::shared::Changed;
use crate::shared::Watched;

/// What people write to each other in a room, kept with it. Every room has them, whichever app it opened with.
#[derive(Clone, Debug)]
pub struct Notes(pub(crate) Room);

/// That notes of a room were written, removed, hidden or shown, from the moment on at which it was asked for.
#[derive(Debug)]
pub struct NoteChanges(Inbox<Changed>);

impl NoteChanges {
    /// Waits until [all](Notes::all) are others than before; `None` once the room was left. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> Option<()> {
        self.0.next().await.map(|_| ())
    }
}

impl Notes {
    /// All that show, each behind those that its author had seen.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn all(&self) -> Result<Vec<Note>, Closed> {
        let all =
            |node: &mut Node, _, room| node.conversation(room).map(|posts| posts.all()).unwrap_or_default();
        self.0.call(all).await
    }

    /// Writes one of 1 to 12,000 bytes, and returns what names it. Dropping the future leaves it written, or not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub async fn write(&self, text: &str) -> Result<NoteId, WriteError> {
        let text = text.to_owned();
        self.change(move |node, now, room| {
            node.write_post(now, room, &text.as_str().into()).map(|(id, _)| id)
        })
        .await
    }

    /// Removes one of one's own.
    ///
    /// # Errors
    /// [`WriteError`]; it stays.
    pub async fn remove(&self, id: NoteId) -> Result<(), WriteError> {
        self.change(move |node, now, room| node.remove_post(now, room, id).map(|_| ())).await
    }

    /// Hides one from everybody: the owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`WriteError`]; it shows.
    pub async fn hide(&self, id: NoteId) -> Result<(), WriteError> {
        self.change(move |node, now, room| node.set_post_hidden(now, room, id, true).map(|_| ())).await
    }

    /// Shows one again that was hidden.
    ///
    /// # Errors
    /// [`WriteError`]; it is hidden.
    pub async fn show(&self, id: NoteId) -> Result<(), WriteError> {
        self.change(move |node, now, room| node.set_post_hidden(now, room, id, false).map(|_| ())).await
    }

    /// Hears from now on that notes changed.
    pub fn watch(&self) -> NoteChanges {
        NoteChanges(self.0.state.watch(Watched::Replica(meshwork_chat::replica())))
    }

    async fn change<R: MaybeSend + 'static>(
        &self,
        change: impl FnMut(&mut Node, Time, RoomHandle) -> Result<R, CommandError> + MaybeSend + 'static,
    ) -> Result<R, WriteError> {
        Ok(self.0.call_patiently(change).await??)
    }
}
