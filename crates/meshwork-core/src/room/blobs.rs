//! The blobs of a room, between its members and the application.

use alloc::boxed::Box;

use super::kept::Kept;
use super::membership::Membership;
use super::outputs::RoomOutput;
use crate::blobs::{Blobs, BlobsOutput, Share};
use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::seam::event::Event;
use crate::time::{Now, Time};

/// The part of a room that visits use too: blobs and comparison.
pub struct Sharing<'a> {
    pub(super) kept: &'a mut Kept,
    pub(super) membership: &'a Membership,
}

impl Sharing<'_> {
    /// Acts on blobs. The room has some from the first time on.
    pub fn act<T>(&mut self, now: Now, act: impl FnOnce(&mut Blobs, Time) -> T) -> T {
        let members = self.membership.members().keys().copied();
        let blobs = self.kept.blobs.get_or_insert_with(|| Box::new(Blobs::new(members)));
        let blobs = blobs.as_any().downcast_mut().expect("a room has blobs of this kind alone");
        let done = act(blobs, now.time);
        self.take_outputs();
        done
    }

    /// The next part of a blob for `to`. Call it when almost nothing else waits for the link, so that everything else
    /// goes first.
    pub fn serve(&mut self, to: Endpoint) -> Option<RoomMessage> {
        let message = self.kept.blobs.as_mut()?.serve(to).map(RoomMessage::Blob);
        self.take_outputs();
        message
    }

    /// Passes something to the room's blobs, if it has any.
    pub fn have(&mut self, take_in: impl FnOnce(&mut dyn Share)) {
        if let Some(blobs) = self.kept.blobs.as_deref_mut() {
            take_in(blobs);
            self.take_outputs();
        }
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.kept.blobs.as_mut().and_then(|blobs| blobs.poll_output()) {
            self.kept.outputs.push_back(match output {
                BlobsOutput::Send(to, message) => RoomOutput::Send(to, RoomMessage::Blob(message)),
                BlobsOutput::Waiting => RoomOutput::Event(Event::BlobsWaiting { room: self.kept.handle }),
                BlobsOutput::Offence(from, refusal, words) => RoomOutput::Offence(from, refusal, words),
                BlobsOutput::Refused(from, refusal, words, count) => {
                    RoomOutput::RefusedMany(from, refusal, words, count)
                }
            });
        }
    }
}
