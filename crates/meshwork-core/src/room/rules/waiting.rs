//! Batches that wait for their record.

use alloc::collections::VecDeque;

use crate::id::Endpoint;
use crate::room::writing::outbox::OUTBOX_MAX;
use crate::signed::batch::SignedBatch;

/// Number of waiting batches: all that a member sends a newcomer before the records are compared. Nothing else finds
/// one that was superseded meanwhile.
pub(in crate::room) const UNRULED_MAX: usize = OUTBOX_MAX;
/// Bytes of such batches, so that large ones do not multiply [`UNRULED_MAX`].
pub(in crate::room) const UNRULED_BYTES_MAX: usize = 1024 * 1024;

/// A batch, its sender, and whether it came live.
pub(in crate::room) type Unruled = (Endpoint, SignedBatch, bool);

/// The waiting batches; the oldest is dropped.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    batches: VecDeque<Unruled>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn push(&mut self, from: Endpoint, batch: SignedBatch, live: bool) {
        self.bytes += batch.bytes().len();
        self.batches.push_back((from, batch, live));
        while self.batches.len() > UNRULED_MAX || self.bytes > UNRULED_BYTES_MAX {
            let Some((_, oldest, _)) = self.batches.pop_front() else { break };
            self.bytes -= oldest.bytes().len();
        }
    }

    pub(super) fn take(&mut self) -> VecDeque<Unruled> {
        self.bytes = 0;
        core::mem::take(&mut self.batches)
    }

    #[cfg(test)]
    pub(super) fn batches(&self) -> (&VecDeque<Unruled>, usize) {
        (&self.batches, self.bytes)
    }
}
