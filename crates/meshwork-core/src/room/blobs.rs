//! The blobs of a room, between its members and the application.

use alloc::boxed::Box;
use alloc::string::String;

use super::{Kept, Membership, Room, RoomOutput};
use crate::blobs::{Blobs, BlobsOutput, Share};
use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::seam::event::{Event, Refusal};
use crate::time::{Now, Time};

/// A room, as far as it is needed for blobs.
pub struct Sharing<'a> {
    kept: &'a mut Kept,
    membership: &'a Membership,
}

impl Room {
    /// To hand around blobs.
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

    /// Somebody visits, and is asked for blobs too.
    pub fn handle_guest(&mut self, now: Now, guest: Endpoint) {
        if self.membership.member(guest).is_none() {
            self.have(|blobs| blobs.handle_guest(now.time, guest));
        }
    }

    /// The visits of those are over of whom `is_gone` says so.
    pub fn end_guests(&mut self, now: Now, is_gone: impl Fn(Endpoint) -> bool) {
        let membership = self.membership;
        let is_attached = |guest| membership.member(guest).is_some();
        self.have(|blobs| blobs.end_guests(now.time, &is_gone, &is_attached));
    }

    /// Has the room's blobs, where it has any, take something in.
    pub(super) fn have(&mut self, take_in: impl FnOnce(&mut dyn Share)) {
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
                BlobsOutput::Refused(from, count) => {
                    let detail = String::from("it asks for more of blobs than is served at a time");
                    RoomOutput::RefusedMany(from, Refusal::Flood, detail, count)
                }
            });
        }
    }
}
