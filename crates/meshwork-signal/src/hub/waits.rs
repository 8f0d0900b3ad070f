//! Lookups of rooms that are not registered yet, kept until they are.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::id::{Code, RoomId};
use meshwork_core::time::Time;

use super::SocketId;
use crate::fair::{Holdings, Merit, Network};

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

/// Who waits for which room. The hub keeps its size at `waits_max` at most.
#[derive(Default)]
pub(super) struct Waits {
    sockets: BTreeMap<Wanted, BTreeMap<SocketId, Holder>>,
    holders: Holdings<(SocketId, Wanted)>,
    count: usize,
}

/// Whose share a wait takes.
struct Holder {
    network: Network,
    merit: Merit,
}

impl Waits {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn insert(&mut self, now: Time, wanted: Wanted, socket: SocketId, network: Network) {
        self.remove(wanted, socket);
        let merit = Merit::new(0, now);
        self.sockets.entry(wanted).or_default().insert(socket, Holder { network, merit });
        self.holders.insert(network, merit, (socket, wanted));
        self.count += 1;
    }

    pub(super) fn remove(&mut self, wanted: Wanted, socket: SocketId) {
        let Some(sockets) = self.sockets.get_mut(&wanted) else { return };
        if let Some(Holder { network, merit }) = sockets.remove(&socket) {
            self.holders.remove(network, merit, (socket, wanted));
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
        for (&socket, Holder { network, merit }) in &sockets {
            self.holders.remove(*network, *merit, (socket, wanted));
        }
        sockets.into_keys().collect()
    }

    /// The wait that is to end so that one of `network` may begin: the youngest of the network that has most. `None` where
    /// that is its own.
    pub(super) fn gives_way(&self, network: Network) -> Option<(SocketId, Wanted)> {
        self.holders.gives_way(network)
    }

    /// Whether nobody waits and nothing is left of anybody.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sockets.is_empty() && self.holders.is_empty() && self.count == 0
    }
}
