//! The blobs of a room, between its members and the application.

use alloc::string::String;

use super::{Room, RoomOutput};
use crate::blobs::{BlobId, Blobs, BlobsOutput, FetchView};
use crate::id::Endpoint;
use crate::room::message::RoomMessage;
use crate::seam::event::{Event, Refusal};
use crate::seam::lane::Slot;
use crate::time::{Now, Time};

impl Room {
    /// Does something about blobs.
    pub fn blobs<T>(&mut self, now: Now, act: impl FnOnce(&mut Blobs, Time) -> T) -> T {
        let done = act(&mut self.blobs, now.time);
        self.finish(now);
        done
    }

    /// How far the fetch of a blob is; `None` when there is none.
    pub fn blob(&self, slot: Slot, blob: BlobId) -> Option<FetchView> {
        self.blobs.view(slot, blob)
    }

    /// Somebody visits, and is asked for blobs too.
    pub fn handle_guest(&mut self, now: Now, guest: Endpoint) {
        if self.membership.member(guest).is_none() && self.guests.insert(guest) {
            self.blobs.handle_attached(now.time, guest);
            self.finish(now);
        }
    }

    /// Whether anybody visits.
    pub fn has_guests(&self) -> bool {
        !self.guests.is_empty()
    }

    /// The visits of those are over of whom `is_gone` says so.
    pub fn end_guests(&mut self, now: Now, is_gone: impl Fn(Endpoint) -> bool) {
        let gone = self.guests.extract_if(.., |guest| is_gone(*guest));
        for guest in gone.filter(|guest| self.membership.member(*guest).is_none()) {
            self.blobs.handle_detached(now.time, guest);
        }
        self.finish(now);
    }

    /// Whether [`Room::serve_blob`] may have something for anybody.
    pub fn serves_blobs(&self) -> bool {
        self.blobs.is_serving()
    }

    /// The next part of a blob for `to`. Asked for when next to nothing else waits for the link, so that all else goes before.
    pub fn serve_blob(&mut self, to: Endpoint) -> Option<RoomMessage> {
        let message = self.blobs.serve(to).map(RoomMessage::Blob);
        self.finish_blobs();
        message
    }

    /// Sends and tells what the blobs want sent and told.
    pub(super) fn finish_blobs(&mut self) {
        while let Some(output) = self.blobs.poll_output() {
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
