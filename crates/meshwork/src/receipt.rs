//! What becomes of something that this program wrote.

use std::ops::RangeInclusive;

use crate::error::KeptError;
use crate::room::Room;

/// Something that this program wrote in a room. It need not be held.
#[derive(Clone, Debug)]
pub struct Receipt {
    room: Room,
    sequences: RangeInclusive<u64>,
}

impl Receipt {
    pub(crate) fn new(room: Room, sequences: RangeInclusive<u64>) -> Receipt {
        Receipt { room, sequences }
    }

    /// Its numbers among all that this program wrote in the room: [`Event::Kept`](crate::Event::Kept) says who has which.
    pub fn sequences(&self) -> RangeInclusive<u64> {
        self.sequences.clone()
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
