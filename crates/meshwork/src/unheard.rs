//! Messages, and those for topics to which nobody listens yet, so that who listens right after joining loses none.

use std::collections::VecDeque;

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::seam::lane::{Slot, Topic};

use crate::topic::Lane;

/// Something heard on a topic.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: EndpointId,
    pub(crate) lane: Lane,
    pub(crate) bytes: Vec<u8>,
    pub(crate) missed: u64,
}

/// Messages that are kept; the oldest gives way.
const MOST: usize = 256;

/// Messages that nobody heard, the oldest first.
#[derive(Default)]
pub(crate) struct Unheard(VecDeque<((Slot, Topic), Message)>);

impl Unheard {
    /// Takes out what came for a topic.
    pub(crate) fn take(&mut self, topic: &(Slot, Topic)) -> impl Iterator<Item = Message> {
        let all = std::mem::take(&mut self.0);
        let (taken, left): (VecDeque<_>, _) = all.into_iter().partition(|(about, _)| about == topic);
        self.0 = left;
        taken.into_iter().map(|(_, message)| message)
    }

    /// Keeps one more. Whether the oldest gave way.
    pub(crate) fn keep(&mut self, topic: (Slot, Topic), message: Message) -> bool {
        let is_full = self.0.len() == MOST;
        if is_full {
            self.0.pop_front();
        }
        self.0.push_back((topic, message));
        is_full
    }
}
