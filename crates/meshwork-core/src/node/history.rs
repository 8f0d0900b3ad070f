//! The node's side of history: what an application asks, and what the driver read.

use alloc::string::String;
use alloc::vec::Vec;

use super::Node;
use super::storing::split_token;
use crate::batches::batch::SignedBatch;
use crate::room::history::HistoryView;
use crate::seam::event::RoomHandle;
use crate::seam::io::HistoryPart;
use crate::time::Time;

impl Node {
    /// Begins to fetch the room's history from the neighbour whose log reaches back furthest;
    /// [`Event::HistoryChanged`](super::Event::HistoryChanged) tells when it went on. What is fetched waits to be
    /// taken out, and no more comes until it is. A room that is not open stays as it is.
    pub fn fetch_history(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        let present = self.now;
        if let Some(open) = self.open_room_mut(room) {
            open.begin_history(open.present(present));
        }
        self.settle();
    }

    /// Stops fetching, and forgets what was not taken out.
    pub fn cancel_history(&mut self, now: Time, room: RoomHandle) {
        self.advance(now);
        if let Some(open) = self.open_room_mut(room) {
            open.cancel_history();
        }
        self.settle();
    }

    /// How far the fetch is; `None` when there is none.
    pub fn history(&self, room: RoomHandle) -> Option<HistoryView> {
        self.rooms.get(&room)?.room.as_ref()?.history()
    }

    /// Takes out batches that were fetched, verified each of them, until they cost `cost_most` or more together. They
    /// come in the order in which the log has them; where a second log had to be asked some come twice.
    pub fn take_history(&mut self, now: Time, room: RoomHandle, cost_most: usize) -> Vec<SignedBatch> {
        self.advance(now);
        let present = self.now;
        let open = self.open_room_mut(room);
        let taken = open.map(|open| open.take_history(open.present(present), cost_most)).unwrap_or_default();
        self.settle();
        taken
    }

    pub(super) fn handle_history_read(&mut self, token: u64, part: Result<HistoryPart, String>) {
        let (handle, token) = split_token(token);
        let present = self.now;
        let Some(room) = self.open_room_mut(handle) else { return };
        room.handle_history_read(room.present(present), token, part);
    }
}
