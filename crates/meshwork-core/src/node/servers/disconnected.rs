//! Rooms without servers: those that were left, and disconnected ones; and the conversations that end with them.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::common::Own;
use super::Servers;
use crate::seam::event::RoomHandle;
use crate::seam::io::Effect;

impl Servers {
    /// Forgets a room that was left. Returns its servers.
    pub(in crate::node) fn remove_room(&mut self, room: RoomHandle) -> Vec<String> {
        self.disconnected.remove(&room);
        self.registrations.remove(&room).into_iter().flatten().map(|known| known.base).collect()
    }

    /// Disconnects a room until it is connected again, then at these servers.
    pub(in crate::node) fn disconnect_room(&mut self, room: RoomHandle, servers: Vec<String>) {
        self.add_room(room);
        self.disconnected.insert(room, servers);
    }

    /// The servers of a room that is connected again.
    pub(in crate::node) fn connect_room(&mut self, room: RoomHandle) -> Vec<String> {
        self.disconnected.remove(&room).unwrap_or_default()
    }

    /// The servers of a room that is not connected.
    pub(in crate::node) fn waiting_mut(&mut self, room: RoomHandle) -> Option<&mut Vec<String>> {
        self.disconnected.get_mut(&room)
    }

    /// Whether we left a room's members and servers, and keep the room.
    pub(in crate::node) fn is_disconnected(&self, room: RoomHandle) -> bool {
        self.disconnected.contains_key(&room)
    }

    /// Closes the conversations that no room needs.
    pub(in crate::node) fn drop_unused(&mut self, own: &mut Own) {
        for server in self.ids() {
            if self.rooms_on(server).is_empty() {
                self.clients.remove(&server);
                own.effect(Effect::ServerClose { server });
            }
        }
    }
}
