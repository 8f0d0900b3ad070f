//! The blobs of a room, between its members and the application.

use alloc::boxed::Box;

use super::{Kept, Membership, Room, RoomOutput};
use crate::blobs::{Blobs, BlobsOutput, Share};
use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::seam::event::Event;
use crate::time::{Now, Time};

/// A room, as far as it is needed for what goes over visits too: blobs, and comparison.
pub struct Sharing<'a> {
    pub(super) kept: &'a mut Kept,
    pub(super) membership: &'a Membership,
}

impl Room {
    /// To hand around blobs, and to compare over visits.
    pub fn sharing(&mut self) -> Sharing<'_> {
        Sharing { kept: &mut self.kept, membership: &self.membership }
    }
}

impl Sharing<'_> {
    /// Does something about blobs. From the first time on the room has some.
    pub fn act<T>(&mut self, now: Now, act: impl FnOnce(&mut Blobs, Time) -> T) -> T {
        let members = self.membership.members().keys().copied();
        let blobs = self.kept.blobs.get_or_insert_with(|| Box::new(Blobs::new(members)));
        let blobs = blobs.as_any().downcast_mut().expect("a room has blobs of this kind alone");
        let done = act(blobs, now.time);
        self.take_outputs();
        done
    }

    /// The next part of a blob for `to`. Asked for when next to nothing else waits for the link, so that all else goes before.
    pub fn serve(&mut self, to: Endpoint) -> Option<RoomMessage> {
        let message = self.kept.blobs.as_mut()?.serve(to).map(RoomMessage::Blob);
        self.take_outputs();
        message
    }

    /// Has the room's blobs, where it has any, take something in.
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
