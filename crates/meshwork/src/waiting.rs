//! Writes that wait for their time, since their author's clock is ahead.

use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::{Node, RoomHandle, Waiting as Held};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::time::WallTime;

use crate::error::Closed;
use crate::room::Room;

/// Writes of one author that are here and do not count yet, since the author's clock is ahead of the room's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The author.
    pub author: PeerId,
    /// How many writes; of all authors together at most 1024 are kept.
    pub writes: usize,
    /// When all of them count, by this device's clock, in milliseconds since 1970.
    pub until_ms: u64,
}

impl Room {
    /// Writes of others that wait here for their time, by author. [`Event::WaitingChanged`](crate::Event::WaitingChanged) tells
    /// of each change.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn waiting(&self) -> Result<Vec<Waiting>, Closed> {
        self.call(|node, _, room| by_author(node, room, |_| true)).await
    }

    /// When others see a write of this program that was stamped `at_ms`, both in milliseconds since 1970 and the answer by this
    /// device's clock; `None` if they see it already, as far as their clocks are known. A program stamps ahead of the others if
    /// its clock is ahead and no server corrected it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn appears_at(&self, at_ms: u64) -> Result<Option<u64>, Closed> {
        let stamp = Stamp::at(WallTime::from_millis(at_ms));
        let at = self.call(move |node, now, room| node.room(room).appears_at(now, stamp)).await?;
        Ok(at.map(WallTime::as_millis))
    }
}

pub(crate) fn by_author(
    node: &Node,
    room: RoomHandle,
    counts: impl Fn(ReplicaNumber) -> bool,
) -> Vec<Waiting> {
    let mut authors = BTreeMap::<PeerId, (usize, u64)>::new();
    for Held { author, replica, batches, until } in node.room(room).waiting() {
        if counts(replica) {
            let (writes, until_ms) = authors.entry(author).or_default();
            (*writes, *until_ms) = (*writes + batches, until.as_millis().max(*until_ms));
        }
    }
    let waiting = |(author, (writes, until_ms))| Waiting { author, writes, until_ms };
    authors.into_iter().map(waiting).collect()
}
