//! The replica and the state that an app has of its own in a room.

use std::any::Any;
use std::sync::Arc;

use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::node::{CommandError, Node, WriteError as NodeWriteError};
use meshwork_core::replica::{Replica, ReplicaNumber};
use meshwork_core::signed::header::Family;

use crate::app::App;
use crate::error::{Closed, RuleError, WriteError};
use crate::inbox::Inbox;
use crate::receipt::Receipt;
use crate::shared::Changed;

/// The changes of an app's own replica, from the call of [`App::watch_replica`] on.
#[derive(Debug)]
pub struct ReplicaChanges {
    inbox: Inbox<Changed>,
    missed: u64,
}

/// A change of an app's own replica.
#[derive(Clone)]
pub struct ReplicaChange {
    /// The author's endpoint and the number of its write; `None` if earlier writes count again, or count no more, as after a ban.
    pub by: Option<(EndpointId, u64)>,
    changed: Changed,
}

impl std::fmt::Debug for ReplicaChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplicaChange").field("by", &self.by).finish_non_exhaustive()
    }
}

impl App {
    /// State of one type that this program keeps for the app while it is in the room, its default at first: steps to undo, or
    /// open files. All clones of the room share it, and each app and each type has its own. The room drops it when it is left.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let room = Network::new(7).endpoint("Ann").create(meshwork::room("chess")).await?;
    ///
    /// #[derive(Default)]
    /// struct Unread(AtomicUsize);
    ///
    /// let chess = room.app("chess").await?;
    /// chess.state::<Unread>().0.fetch_add(1, Ordering::Relaxed);
    /// assert_eq!(chess.state::<Unread>().0.load(Ordering::Relaxed), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn state<T: Any + Default + Send + Sync>(&self) -> Arc<T> {
        self.room.state.state(self.slot)
    }

    /// Reads the app's own replica, which the maker of [`Builder::app`](crate::Builder::app) made. Returns `None` if the room has
    /// no replica of this type for the app. `read` runs between two inputs of the node, which waits for it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn replica<P: Replica, R: Send + 'static>(
        &self,
        read: impl FnOnce(&P) -> R + Send + 'static,
    ) -> Result<Option<R>, Closed> {
        let own = self.own();
        self.room.call(move |node, _, room| node.room(room).replica::<P>(own).map(read)).await
    }

    /// Writes payloads to the app's own replica, one batch each and all at one time. `make` makes them from the replica as it is
    /// then. The library calls it again if neighbours had no space for the batches. Dropping the future leaves all payloads written, or none.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written. [`WriteError::AppIsOff`] if the room has no replica of this type for the app,
    /// [`WriteError::Invalid`] for a payload that the replica refuses, and for none.
    pub async fn write_replica<P: Replica>(
        &self,
        mut make: impl FnMut(&P) -> Result<Vec<Vec<u8>>, WriteError> + Send + 'static,
    ) -> Result<Receipt, WriteError> {
        let own = self.own();
        let write = move |node: &mut Node, now, room| {
            let Some(replica) = node.room(room).replica::<P>(own) else {
                return Err(CommandError::Write(NodeWriteError::AppIsOff(own.slot())));
            };
            match make(replica) {
                Ok(payloads) => node.room_mut(now, room).write(own, payloads).map(Ok),
                Err(error) => Ok(Err(error)),
            }
        };
        let written = self.room.call_patiently(write).await?.map_err(WriteError::from)??;
        Ok(Receipt::new(self.room.clone(), written))
    }

    /// Erases everything that a peer wrote up to now to the app's own replica, with a retraction without a scope. Later writes of
    /// the peer count. Owners and moderators may do so.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is erased.
    pub async fn erase_replica_by(&self, peer: PeerId) -> Result<(), RuleError> {
        self.erase_by(Family::Own, peer).await
    }

    /// Returns the changes of the app's own replica from now on.
    pub fn watch_replica(&self) -> ReplicaChanges {
        ReplicaChanges { inbox: self.watch_in(Family::Own), missed: 0 }
    }

    fn own(&self) -> ReplicaNumber {
        self.slot.replica(Family::Own)
    }
}

impl ReplicaChanges {
    /// Waits for the next change; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ReplicaChange> {
        let (changed, missed) = self.inbox.next().await?;
        self.missed += missed;
        let by = changed.batch.map(|batch| (batch.author, batch.sequence));
        Some(ReplicaChange { by, changed })
    }

    /// Changes so far that came too fast for this reader: the replica itself has them.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl ReplicaChange {
    /// The changes as the replica reports them, if they are of this type; else none.
    pub fn of<C: Any + Send + Sync>(&self) -> &[C] {
        self.changed.changes.of()
    }
}
