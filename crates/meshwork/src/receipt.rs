//! The state of something that this program wrote.

use std::ops::RangeInclusive;
use std::sync::Arc;

use meshwork_core::node::{Holders, Node, Receipt as Written};
use meshwork_core::replica::ReplicaNumber;

use crate::error::{Closed, KeptError};
use crate::room::Room;

/// Something that this program wrote in a room. It need not be held.
#[derive(Clone, Debug)]
pub struct Receipt {
    room: Room,
    sequences: RangeInclusive<u64>,
    parts: Vec<(ReplicaNumber, u32)>,
}

impl PartialEq for Receipt {
    /// Whether both are of the same write.
    fn eq(&self, other: &Receipt) -> bool {
        Arc::ptr_eq(&self.room.state, &other.room.state) && self.sequences == other.sequences
    }
}

impl Eq for Receipt {}

impl Receipt {
    pub(crate) fn new(room: Room, Written { sequences, parts, .. }: Written) -> Receipt {
        Receipt { room, sequences, parts }
    }

    /// Its numbers among all that this program wrote in the room: [`Event::Kept`](crate::Event::Kept) says who has which.
    pub fn sequences(&self) -> RangeInclusive<u64> {
        self.sequences.clone()
    }

    /// The holders of the write, as far as this program knows: its own storage, and members that stay. A later write of this
    /// program in the same place (row, document or part of the canvas) contains it: from then on these are the holders of the
    /// later write. [`Event::Kept`](crate::Event::Kept), [`Event::Saved`](crate::Event::Saved) and
    /// [`Event::InStep`](crate::Event::InStep) announce changes.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn holders(&self) -> Result<Holders, Closed> {
        let parts = self.parts.clone();
        let holders = move |node: &mut Node, _, room| {
            let each = parts.iter().map(|&(replica, part)| node.room(room).holders(replica, part));
            each.reduce(|one, other| Holders {
                saved: one.saved && other.saved,
                members: one.members.intersection(&other.members).copied().collect(),
            })
        };
        Ok(self.room.call(holders).await?.unwrap_or_default())
    }

    /// Waits until members that stay have taken it in: [`Room::kept`] does so for all that was written. Dropping the
    /// future changes nothing.
    ///
    /// # Errors
    /// [`KeptError::NobodyStays`] after [`KEPT_MAX`](crate::KEPT_MAX); it goes on being offered to whoever comes.
    pub async fn kept(&self) -> Result<(), KeptError> {
        self.room.kept_of(self.sequences()).await
    }
}
