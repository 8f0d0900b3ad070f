//! The outputs of a room in their order, and the signatures that are due between them.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

use super::message::RoomMessage;
use crate::id::{Endpoint, Identity};
use crate::overlay::message::Tag;
use crate::seam::event::{Event, Refusal};
use crate::seam::io::StoreChange;
use crate::signalling::announce::Introduction;
use crate::signed::batch::SignedBatch;
use crate::time::Now;

/// An output of a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomOutput {
    /// Send this to an attached member.
    Send(Endpoint, RoomMessage),
    /// Send this to several attached members, encoded once.
    SendAll(Vec<Endpoint>, RoomMessage),
    /// Report this to the application.
    Event(Event),
    /// Store this.
    Persist {
        /// Returns in [`Room::handle_persisted`](super::Room::handle_persisted).
        token: u64,
        /// The change.
        change: StoreChange,
    },
    /// A peer was admitted, so its presence may be shown now.
    Admitted,
    /// A member broke the rules.
    Offence(Endpoint, Refusal, String),
    /// A message was refused that an honest member may send.
    Refused(Endpoint, Refusal, String),
    /// The same, this number of times at once.
    RefusedMany(Endpoint, Refusal, String, u64),
    /// Read a part of the log: [`Effect::ReadHistory`](crate::seam::io::Effect::ReadHistory).
    ReadHistory {
        /// Returns in [`Room::handle_history_read`](super::Room::handle_history_read).
        token: u64,
        /// Number of the first entry.
        from: u64,
        /// Most bytes of batches.
        bytes: u32,
    },
    /// A link to this member is wanted, over neighbours with these tags if there are any.
    Seek(Introduction, Vec<Tag>),
    /// A member searches another member or this endpoint, along the overlay.
    Sought {
        /// The searching member.
        by: Introduction,
        /// The searched endpoint.
        to: Endpoint,
        /// The neighbour that forwarded the search.
        through: Endpoint,
    },
    /// Forward this to these members as a datagram.
    Pass(Vec<Endpoint>, SignedBatch),
    /// A visit to this member is wanted for comparison, and no other visit for that.
    Compare(Option<Endpoint>),
    /// A link to a member is no longer wanted.
    Unseek(Endpoint),
    /// Detach this neighbour, for this reason.
    Drop(Endpoint, &'static str),
    /// The overlay was replaced: ask it anew which links it wants.
    Relink,
}

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
