//! What one writes in a room in one's own name, rules, bans and erases among it, and what holds in a room.

use alloc::vec::Vec;

use super::Node;
use super::view::CommandError;
use crate::id::{Endpoint, Identity, PeerId};
use crate::room::Room;
use crate::room::rules::record::{Erase, RecordHash, Terms};
use crate::room::rules::records::Records;
use crate::room::writing::{Receipt, WriteError, WritingLeft};
use crate::seam::event::RoomHandle;
use crate::time::{Now, Time};

impl Node {
    /// Writes payloads in one's own name into the room's replica, a batch each: its app says what they are.
    ///
    /// # Errors
    /// [`CommandError`] says what is wrong with a payload, or that neighbours cannot keep up; nothing was written.
    pub fn write(
        &mut self,
        now: Time,
        room: RoomHandle,
        payloads: Vec<Vec<u8>>,
    ) -> Result<Receipt, CommandError> {
        self.advance(now);
        self.check_backpressure(room)?;
        let entry = self.rooms.get_mut(&room).ok_or(CommandError::NoSuchRoom(room))?;
        let open = entry.room.as_mut().ok_or(CommandError::NotOpen)?;
        let receipt = open.write(open.present(self.now), &self.identity, payloads)?;
        self.settle();
        Ok(receipt)
    }

    /// Sets the rules of a room that one owns. Where they become stricter, what was written so far stays, and what
    /// was written meanwhile by somebody who had not heard of them is said again by its author, as far as the
    /// rules allow.
    ///
    /// Set rules when the members in the room have one's records ([`Node::has_our_records`]): of two records that
    /// were signed beside each other only one holds.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when the room is not one's own, [`WriteError::Record`] when a rule cannot be.
    pub fn set_rules(
        &mut self,
        now: Time,
        room: RoomHandle,
        rules: Terms,
    ) -> Result<RecordHash, CommandError> {
        self.govern(now, room, |open, now, identity| open.set_rules(now, identity, rules))
    }

    /// Bans a peer: what it wrote so far stays, what it writes from now on does not count.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, or a moderator and `peer` is neither.
    pub fn ban(&mut self, now: Time, room: RoomHandle, peer: PeerId) -> Result<RecordHash, CommandError> {
        self.govern(now, room, |open, now, identity| open.ban(now, identity, peer))
    }

    /// Lifts all bans of a peer. What it wrote while it was banned does not come back.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner, [`WriteError::NotBanned`].
    pub fn unban(&mut self, now: Time, room: RoomHandle, peer: PeerId) -> Result<RecordHash, CommandError> {
        self.govern(now, room, |open, now, identity| match open.bans_of(peer) {
            bans if bans.is_empty() => Err(WriteError::NotBanned),
            bans => open.lift(now, identity, &bans),
        })
    }

    /// Takes back what was written up to now.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner or a moderator.
    pub fn erase(&mut self, now: Time, room: RoomHandle, erase: Erase) -> Result<RecordHash, CommandError> {
        self.govern(now, room, |open, now, identity| open.erase(now, identity, erase))
    }

    /// Lifts bans and erases by their hashes.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless one is the owner.
    pub fn lift(
        &mut self,
        now: Time,
        room: RoomHandle,
        hashes: &[RecordHash],
    ) -> Result<RecordHash, CommandError> {
        self.govern(now, room, |open, now, identity| open.lift(now, identity, hashes))
    }

    /// The rules that hold in a room, once its genesis is known.
    pub fn rules(&self, room: RoomHandle) -> Option<&Terms> {
        Some(self.records(room)?.rules())
    }

    /// Everything that follows from a room's records, once its genesis is known.
    pub fn records(&self, room: RoomHandle) -> Option<&Records> {
        Some(self.rooms.get(&room)?.room.as_ref()?.records())
    }

    /// Who is banned in a room.
    pub fn bans(&self, room: RoomHandle) -> Vec<PeerId> {
        self.records(room).map(|records| records.banned().collect()).unwrap_or_default()
    }

    /// What one may write in a room now; `None` where its rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::Banned`] and [`WriteError::NotWriter`] when that is nothing, [`CommandError::NotOpen`].
    pub fn writing_left(&mut self, now: Time, room: RoomHandle) -> Result<Option<WritingLeft>, CommandError> {
        self.advance(now);
        let entry = self.rooms.get(&room).ok_or(CommandError::NoSuchRoom(room))?;
        let open = entry.room.as_ref().ok_or(CommandError::NotOpen)?;
        Ok(open.writing_left(open.present(self.now))?)
    }

    /// Whether a member said that it holds the records of the room that we hold; one that stores says so when
    /// they are on its disk.
    pub fn has_our_records(&self, room: RoomHandle, endpoint: Endpoint) -> bool {
        let open = self.rooms.get(&room).and_then(|entry| entry.room.as_ref());
        open.is_some_and(|open| open.has_our_records(endpoint))
    }

    fn govern(
        &mut self,
        now: Time,
        room: RoomHandle,
        act: impl FnOnce(&mut Room, Now, &Identity) -> Result<RecordHash, WriteError>,
    ) -> Result<RecordHash, CommandError> {
        self.advance(now);
        let entry = self.rooms.get_mut(&room).ok_or(CommandError::NoSuchRoom(room))?;
        let open = entry.room.as_mut().ok_or(CommandError::NotOpen)?;
        let hash = act(open, open.present(self.now), &self.identity)?;
        self.settle();
        Ok(hash)
    }
}
