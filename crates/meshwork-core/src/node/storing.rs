//! The node's side of storage that comes and goes: a page stores a room only while it holds its profile's lock.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

use super::Node;
use crate::id::Endpoint;
use crate::room::Room;
use crate::seam::event::{Event, RoomHandle};
use crate::seam::io::BatchKey;
use crate::time::Time;

impl Node {
    /// From now on the driver answers [`Effect::Persist`](super::Effect::Persist) for this room, whatever
    /// [`Config::stores`](super::Config::stores) says. `stored` are the batches that its store has: what it lacks
    /// is asked for at once. Members are told. A room that is not open stays as it is.
    pub fn start_storing(&mut self, now: Time, room: RoomHandle, stored: &BTreeSet<BatchKey>) {
        self.advance(now);
        let present = self.now;
        if let Some(open) = self.open_room_mut(room) {
            open.start_storing(open.present(present), stored);
            self.tell_members(room);
        }
        self.settle();
    }

    /// The driver does not store this room any longer: it lost the lock, or its storage failed. Members are told.
    pub fn stop_storing(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        let present = self.now;
        if let Some(open) = self.open_room_mut(room) {
            open.stop_storing(open.present(present));
            self.tell_members(room);
        }
        self.settle();
    }

    /// Takes in the records that were stored of an open room, before its batches, which are written under them.
    /// Those that are known already change nothing.
    pub fn restore_records(&mut self, now: Time, room: RoomHandle, records: &[u8]) {
        self.advance(now);
        if let Some(open) = self.open_room_mut(room) {
            open.restore_records(records);
        }
        self.settle();
    }

    /// Takes in some more of what was stored of an open room, so that a large replica is restored in slices
    /// between which a page can draw. What does not verify is left out and told as
    /// [`Event::StorageFailed`].
    pub fn restore_slice(&mut self, now: Time, room: RoomHandle, batches: &[Vec<u8>]) {
        self.advance(now);
        let present = self.now;
        let refused =
            self.open_room_mut(room).map_or(0, |open| open.restore_slice(open.present(present), batches));
        if refused > 0 {
            let reason = format!("{refused} stored batches do not verify and were left out");
            self.event(Event::StorageFailed { room, reason });
        }
        self.settle();
    }

    /// Whether everything that was stored of a room has been verified and is shown; false for a room that is not
    /// open.
    pub fn is_restored(&self, room: RoomHandle) -> bool {
        self.rooms.get(&room).and_then(|entry| entry.room.as_ref()).is_some_and(Room::is_restored)
    }

    pub(super) fn open_room_mut(&mut self, room: RoomHandle) -> Option<&mut Room> {
        self.rooms.get_mut(&room)?.room.as_mut()
    }

    /// Tells the members of a room again what they should know of us.
    fn tell_members(&mut self, room: RoomHandle) {
        let told = self.peers.iter().filter(|(_, peer)| peer.sent_attach.contains(&room));
        let told: Vec<Endpoint> = told.map(|(&endpoint, _)| endpoint).collect();
        for endpoint in told {
            self.tell_attach(endpoint, room);
        }
    }
}

/// Tokens are counted by room; the driver sees one number.
pub(super) fn persist_token(handle: RoomHandle, token: u64) -> u64 {
    u64::from(handle.0) << 40 | token & ((1 << 40) - 1)
}

pub(super) fn split_token(token: u64) -> (RoomHandle, u64) {
    (RoomHandle((token >> 40) as u32), token & ((1 << 40) - 1))
}
