//! The outputs of a room in their order, and the signatures that are due between them.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::ops::Deref;

use super::RoomOutput;
use crate::id::Identity;
use crate::time::Now;

/// Signs in the name of this program's peer. Clones share the key pair.
#[derive(Clone)]
pub struct Signer(Arc<Identity>);

impl Signer {
    /// Signs by this key pair.
    pub fn new(identity: Identity) -> Signer {
        Signer(Arc::new(identity))
    }
}

impl Deref for Signer {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl core::fmt::Debug for Signer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Signer").field(&self.0.peer()).finish()
    }
}

/// The queue of a room's outputs.
#[derive(Debug, Default)]
pub(super) struct Outputs(VecDeque<Queued>);

/// An element of the queue.
#[derive(Debug)]
pub(super) enum Queued {
    Output(RoomOutput),
    /// Content must be signed, with stamps of this time. Outputs before it have an effect first: members leave whom the rules exclude.
    Sign(Now),
}

impl Outputs {
    pub(super) fn push_back(&mut self, output: RoomOutput) {
        self.0.push_back(Queued::Output(output));
    }

    /// Content must be signed once the outputs before have been taken.
    pub(super) fn sign(&mut self, now: Now) {
        self.0.push_back(Queued::Sign(now));
    }

    pub(super) fn pop_front(&mut self) -> Option<Queued> {
        self.0.pop_front()
    }
}

impl Extend<RoomOutput> for Outputs {
    fn extend<I: IntoIterator<Item = RoomOutput>>(&mut self, outputs: I) {
        self.0.extend(outputs.into_iter().map(Queued::Output));
    }
}
