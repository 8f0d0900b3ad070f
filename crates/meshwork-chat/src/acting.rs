//! Acts of people in the conversation of a node's room.

use std::fmt::Display;

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, Receipt, WriteError};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::table::{Table, Write, payloads};
use meshwork_core::time::Time;

use crate::app::replica;
use crate::post::{Named, NewPost, Post, PostId};
use crate::profile::{self, Profile, profiles};
use crate::reading::Conversation;

/// What people do in the conversation that every room has.
pub trait Chat {
    /// The posts of a room; `None` for a room that is not open.
    fn conversation(&self, room: RoomHandle) -> Option<Conversation<'_>>;

    /// Writes a post.
    ///
    /// # Errors
    /// [`WriteError::Content`] with the words of a [`PostError`], or an error of
    /// [`RoomMut::write`](meshwork_core::node::RoomMut::write); nothing was written.
    fn write_post(
        &mut self,
        now: Time,
        room: RoomHandle,
        new: &NewPost,
    ) -> Result<(PostId, Receipt), CommandError>;

    /// Gives a post of one's own another text.
    ///
    /// # Errors
    /// As [`Chat::write_post`].
    fn edit_post(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: PostId,
        text: &str,
    ) -> Result<Receipt, CommandError>;

    /// Removes a post of one's own.
    ///
    /// # Errors
    /// As [`Chat::write_post`].
    fn remove_post(&mut self, now: Time, room: RoomHandle, id: PostId) -> Result<Receipt, CommandError>;

    /// Writes a removed post of one's own again, as it was read before.
    ///
    /// # Errors
    /// As [`Chat::write_post`].
    fn restore_post(&mut self, now: Time, room: RoomHandle, post: &Post) -> Result<Receipt, CommandError>;

    /// Gives a post these reactions in place of one's earlier ones; none takes them back.
    ///
    /// # Errors
    /// As [`Chat::write_post`].
    fn react(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: PostId,
        emoji: &[&str],
    ) -> Result<Receipt, CommandError>;

    /// Hides a post from everybody, or shows it again: as the owner or a moderator.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`]; otherwise as [`Chat::write_post`].
    fn set_post_hidden(
        &mut self,
        now: Time,
        room: RoomHandle,
        post: impl Into<Named>,
        is_hidden: bool,
    ) -> Result<Receipt, CommandError>;

    /// Writes the changes that a [`Direct`](crate::Direct) or a [`Conversation`] made, as one batch.
    ///
    /// # Errors
    /// As [`Chat::write_post`].
    fn apply_writes(
        &mut self,
        now: Time,
        room: RoomHandle,
        writes: &[Write],
    ) -> Result<Receipt, CommandError>;

    /// Somebody's profile in a room; empty if there is none.
    fn profile(&self, room: RoomHandle, peer: PeerId) -> Profile;

    /// Makes this one's own profile in a room.
    ///
    /// # Errors
    /// [`WriteError::Content`] with the words of a [`ProfileError`](crate::profile::ProfileError), or an error of
    /// [`RoomMut::write`](meshwork_core::node::RoomMut::write); nothing was written.
    fn write_profile(
        &mut self,
        now: Time,
        room: RoomHandle,
        profile: &Profile,
    ) -> Result<Receipt, CommandError>;

    /// Writes the name of this program into its profile in a room, unless there is [nothing to write](profile::kept_name), or
    /// the profile may be on its way: members are attached, and none was synchronised yet. So the name stays with posts whose
    /// author has left.
    ///
    /// # Errors
    /// Those of [`RoomMut::write`](meshwork_core::node::RoomMut::write); nothing was written.
    fn keep_name(&mut self, now: Time, room: RoomHandle, replaces: bool) -> Result<(), CommandError>;
}

impl Chat for Node {
    fn conversation(&self, room: RoomHandle) -> Option<Conversation<'_>> {
        let table = self.room(room).replica::<Table>(replica())?;
        Some(Conversation::of(table).read_by(self.endpoint().peer))
    }

    fn write_post(
        &mut self,
        now: Time,
        room: RoomHandle,
        new: &NewPost,
    ) -> Result<(PostId, Receipt), CommandError> {
        let (time, me) = (self.room(room).time(now).ok_or(CommandError::NotOpen)?, self.endpoint());
        let (id, writes) = read(self, room)?.post(me, time, new).map_err(refused)?;
        self.apply_writes(now, room, &writes).map(|receipt| (id, receipt))
    }

    fn edit_post(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: PostId,
        text: &str,
    ) -> Result<Receipt, CommandError> {
        let writes = read(self, room)?.edit(self.endpoint().peer, id, text).map_err(refused)?;
        self.apply_writes(now, room, &writes)
    }

    fn remove_post(&mut self, now: Time, room: RoomHandle, id: PostId) -> Result<Receipt, CommandError> {
        let writes = read(self, room)?.remove(self.endpoint().peer, id).map_err(refused)?;
        self.apply_writes(now, room, &writes)
    }

    fn restore_post(&mut self, now: Time, room: RoomHandle, post: &Post) -> Result<Receipt, CommandError> {
        let writes = read(self, room)?.restore(self.endpoint().peer, post).map_err(refused)?;
        self.apply_writes(now, room, &writes)
    }

    fn react(
        &mut self,
        now: Time,
        room: RoomHandle,
        id: PostId,
        emoji: &[&str],
    ) -> Result<Receipt, CommandError> {
        let writes = read(self, room)?.react(self.endpoint().peer, id, emoji).map_err(refused)?;
        self.apply_writes(now, room, &writes)
    }

    fn set_post_hidden(
        &mut self,
        now: Time,
        room: RoomHandle,
        post: impl Into<Named>,
        is_hidden: bool,
    ) -> Result<Receipt, CommandError> {
        let writes = read(self, room)?.hide(post, is_hidden).map_err(refused)?;
        self.apply_writes(now, room, &writes)
    }

    fn apply_writes(
        &mut self,
        now: Time,
        room: RoomHandle,
        writes: &[Write],
    ) -> Result<Receipt, CommandError> {
        write(self, now, room, replica(), writes)
    }

    fn profile(&self, room: RoomHandle, peer: PeerId) -> Profile {
        let table = self.room(room).replica::<Table>(profiles());
        table.map(|table| Profile::of(table, peer)).unwrap_or_default()
    }

    fn write_profile(
        &mut self,
        now: Time,
        room: RoomHandle,
        profile: &Profile,
    ) -> Result<Receipt, CommandError> {
        let writes = profile.writes(self.endpoint().peer).map_err(refused)?;
        write(self, now, room, profiles(), &writes)
    }

    fn keep_name(&mut self, now: Time, room: RoomHandle, replaces: bool) -> Result<(), CommandError> {
        let view = self.room(room);
        let table = view.replica::<Table>(profiles()).ok_or(CommandError::NotOpen)?;
        let has_members = || view.peers().iter().any(|member| member.attached && !member.own);
        if !view.was_in_step() && has_members() {
            return Ok(());
        }
        match profile::kept_name(table, self.endpoint().peer, self.name(), replaces) {
            Some(name) => write(self, now, room, profiles(), &[name]).map(drop),
            None => Ok(()),
        }
    }
}

fn read(node: &Node, room: RoomHandle) -> Result<Conversation<'_>, CommandError> {
    node.conversation(room).ok_or(CommandError::NotOpen)
}

fn refused(error: impl Display) -> CommandError {
    CommandError::Write(WriteError::Content(error.to_string()))
}

fn write(
    node: &mut Node,
    now: Time,
    room: RoomHandle,
    replica: ReplicaNumber,
    writes: &[Write],
) -> Result<Receipt, CommandError> {
    let payloads = payloads(node.endpoint().peer, writes).map_err(refused)?;
    node.room_mut(now, room).write(replica, payloads)
}
