//! **exactly-once**: no program is told of a batch twice, unless it enters the room once more.

use std::collections::BTreeSet;

use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::signed::batch::BatchKey;

use super::Violation;
use crate::connection::NodeIndex;

/// What each program was told of.
#[derive(Debug, Default)]
pub struct ExactlyOnce {
    delivered: BTreeSet<(NodeIndex, RoomHandle, Endpoint, u64)>,
}

impl ExactlyOnce {
    /// A program hears an event.
    ///
    /// # Errors
    /// [`Violation`] names the program and the batch.
    pub fn hear(&mut self, index: NodeIndex, event: &Event) -> Result<(), Violation> {
        let Event::Changed { room, batch: Some(BatchKey { author, sequence, .. }), .. } = event else {
            return Ok(());
        };
        if self.delivered.insert((index, *room, *author, *sequence)) {
            return Ok(());
        }
        let detail = format!("program {index} was told of batch {sequence} of {author} twice");
        Err(Violation::new("exactly-once", detail))
    }
}
