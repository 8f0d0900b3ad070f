//! What a replica reads of a batch, and others pass on unread.

use alloc::boxed::Box;
use core::any::Any;
use core::fmt;

/// What a batch says, once it was read and until it is applied: its replica alone knows what it is.
pub struct Content {
    /// What it costs where a room's rules have a limit.
    pub cost: usize,
    /// Whether only those may say it who moderate by the record that the batch names.
    pub is_for_moderators: bool,
    /// Whether a record took it: a replica that [keeps what is needed](super::Replica::keeps_what_is_needed) may keep it
    /// all the same, and show nothing of it.
    pub is_cut: bool,
    read: Box<dyn Any + Send + Sync>,
}

impl Content {
    /// Something that was read, which costs so much and which anybody may say.
    pub fn new<T: Any + Send + Sync>(read: T, cost: usize) -> Content {
        Content { cost, is_for_moderators: false, is_cut: false, read: Box::new(read) }
    }

    /// What was read, if it is this.
    pub fn read<T: Any>(&self) -> Option<&T> {
        self.read.downcast_ref()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("cost", &self.cost).finish_non_exhaustive()
    }
}
