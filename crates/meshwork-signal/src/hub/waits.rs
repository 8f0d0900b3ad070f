//! Lookups of rooms that are not registered yet, kept until they are.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, RoomId};

use super::SocketId;

/// What a lookup asked for, or another request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    Room(RoomId),
    Code(Code),
}

impl From<RoomId> for Wanted {
    fn from(room: RoomId) -> Wanted {
        Wanted::Room(room)
    }
}

impl Wanted {
    /// Its id or its code, as messages name it.
    pub(super) fn named(self) -> (Option<RoomId>, Option<Code>) {
        match self {
            Wanted::Room(room) => (Some(room), None),
            Wanted::Code(code) => (None, Some(code)),
        }
    }
}

/// Who waits for which room. The hub keeps its size below `waits_max`.
#[derive(Default)]
pub(super) struct Waits {
    sockets: BTreeMap<Wanted, BTreeSet<SocketId>>,
    count: usize,
}

impl Waits {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, wanted: Wanted, socket: SocketId) {
        if self.sockets.entry(wanted).or_default().insert(socket) {
            self.count += 1;
        }
    }

    pub(super) fn remove(&mut self, wanted: Wanted, socket: SocketId) {
        let Some(sockets) = self.sockets.get_mut(&wanted) else { return };
        if sockets.remove(&socket) {
            self.count -= 1;
        }
        if sockets.is_empty() {
            self.sockets.remove(&wanted);
        }
    }

    /// Removes and names everyone who waits for this.
    pub(super) fn take(&mut self, wanted: Wanted) -> BTreeSet<SocketId> {
        let sockets = self.sockets.remove(&wanted).unwrap_or_default();
        self.count -= sockets.len();
        sockets
    }
}
