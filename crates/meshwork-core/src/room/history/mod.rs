//! The history of a room between its members: their extents, fetching and serving.
//!
//! # Problem
//! A replica has only visible entries. A replay needs superseded batches as well, which
//! only a keeper's log has. It may be large, and must not be trusted because a keeper sends it.
//!
//! # How it works
//! A log has the batches of all replicas of the room. A member that wants the past of one of them asks its neighbours
//! how far back their logs reach ([`HistoryMessage::Ask`]). One log is then fetched in order, part by part: each part
//! is requested by the number of its first entry, so that a fetch can go on anywhere, and the next is requested when
//! the last has come and little waits. Batches of other replicas are skipped; the others are verified in slices, after
//! everything else. If a neighbour sends one that its author did not sign, or goes away, the next one's log is fetched.
//! docs/protocol/history.md has the bytes.
//!
//! # Driving it
//! An application calls [`Room::begin_history`], reads [`Room::history`] at each [`Event::HistoryChanged`], and takes
//! batches out ([`Room::take_history`]). If it takes none, no more are fetched. The driver reads the log
//! ([`RoomOutput::ReadHistory`]).
//!
//! # Invariants
//! - The batches were signed by their authors for this room, and count under the room's records.
//! - A log is never read for a neighbour with more than [`WANTS_MAX`] open requests.
//!
//! # Limits
//! [`PART_BYTES_MAX`], [`WANTS_MAX`], [`PARTS_BURST`] and [`PARTS_PER_SECOND`], [`ASKS_BURST`].

mod fetch;
mod serve;

use alloc::string::String;
use alloc::vec::Vec;

use self::fetch::Fetch;
pub use self::fetch::{ANSWER_WITHIN, HistoryState, HistoryView, SPANS_MAX};
use self::serve::Archive;
pub use self::serve::{ASKS_BURST, ASKS_EVERY, PARTS_BURST, PARTS_PER_SECOND, WANTS_MAX};
use super::delivery::Rejection;
use super::{Room, RoomOutput};
use crate::id::Endpoint;
use crate::replica::ReplicaNumber;
use crate::room::message::RoomMessage;
use crate::room::message::history::HistoryMessage;
use crate::seam::config::Config;
use crate::seam::event::{Event, Refusal};
use crate::seam::io::HistoryPart;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time};

/// Bytes of batches in one part: a page verifies that many lone clicks in a quarter of a second.
pub const PART_BYTES_MAX: usize = 128 * 1024;

/// Bytes of a part that an entry about missing batches counts.
pub const GAP_BYTES: usize = 64;

/// Both sides of history in one room.
#[derive(Debug, Default)]
pub(super) struct History {
    archive: Archive,
    fetch: Option<Fetch>,
}

impl History {
    pub(super) fn new(config: &Config) -> History {
        History { archive: Archive::new(config.stores && config.keeps_history), fetch: None }
    }

    pub(super) fn handle_detached(&mut self, now: Time, endpoint: Endpoint) {
        self.archive.handle_detached(endpoint);
        if let Some(fetch) = &mut self.fetch {
            fetch.handle_detached(now, endpoint);
        }
    }

    pub(super) fn has_unverified(&self) -> bool {
        self.fetch.as_ref().is_some_and(Fetch::has_unverified)
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let fetch = self.fetch.as_ref().and_then(Fetch::poll_timeout);
        [fetch, self.archive.poll_timeout()].into_iter().flatten().min()
    }

    /// Whether any message is ready.
    pub(super) fn is_serving(&self) -> bool {
        self.archive.is_serving()
    }
}

impl Room {
    /// Begins to fetch the past of a replica from the neighbour whose log reaches back furthest, and forgets earlier
    /// fetches.
    pub fn begin_history(&mut self, now: Now, replica: ReplicaNumber) {
        self.cancel_history();
        let neighbours: Vec<Endpoint> = self.membership.members().keys().copied().collect();
        self.history.fetch = Some(Fetch::new(now.time, self.kept.id, replica, neighbours));
        self.finish(now);
    }

    /// Stops fetching, and forgets batches that were not taken.
    pub fn cancel_history(&mut self) {
        if let Some(source) = self.history.fetch.take().and_then(|fetch| fetch.asked()) {
            let unwant = RoomMessage::History(HistoryMessage::Unwant);
            self.kept.outputs.push_back(RoomOutput::Send(source, unwant));
        }
    }

    /// The state of the fetch; `None` if there is none.
    pub fn history(&self) -> Option<HistoryView> {
        self.history.fetch.as_ref().map(Fetch::view)
    }

    /// Takes out fetched and verified batches, in the order of the log, until they cost `cost_most` or more
    /// together.
    pub fn take_history(&mut self, now: Now, cost_most: usize) -> Vec<SignedBatch> {
        let (mut taken, mut cost) = (Vec::new(), 0);
        while cost < cost_most
            && let Some(batch) = self.history.fetch.as_mut().and_then(Fetch::take)
        {
            let replica = self.kept.replicas.get(batch.header().replica);
            cost += replica.and_then(|replica| replica.outline(batch.payload())).map_or(0, |(_, cost)| cost);
            taken.push(batch);
        }
        self.finish(now);
        taken
    }

    /// The driver has read a part of the log, or failed, with the reason.
    pub fn handle_history_read(&mut self, now: Now, token: u64, part: Result<HistoryPart, String>) {
        self.history.archive.handle_read(now.time, token, part);
        self.finish(now);
    }

    /// The next message of the history for `to`, if nothing else must be served.
    pub(super) fn serve_history(&mut self, to: Endpoint) -> Option<RoomMessage> {
        self.history.archive.serve(to).map(RoomMessage::History)
    }

    pub(super) fn handle_history(&mut self, now: Now, from: Endpoint, message: HistoryMessage) {
        let archive = &mut self.history.archive;
        match message {
            HistoryMessage::Ask => archive.handle_ask(now.time, from),
            HistoryMessage::Want(want) => archive.handle_want(now.time, from, want),
            HistoryMessage::Unwant => archive.handle_unwant(from),
            message => {
                if let Some(fetch) = &mut self.history.fetch {
                    fetch.handle_message(now.time, from, message);
                }
            }
        }
    }

    /// Verifies fetched batches, at most `most`. Returns how many.
    pub(super) fn verify_history(&mut self, now: Now, most: usize) -> usize {
        let mut count = 0;
        while count < most
            && let Some(fetch) = &mut self.history.fetch
            && let Some((from, batch)) = fetch.take_unverified()
        {
            count += 1;
            match self.kept.verify(now, batch) {
                Ok(checked) if self.kept.rules.lets_stand(&checked.batch) => {
                    fetch.handle_verified(checked.batch)
                }
                Err(Rejection::Refused(
                    refusal @ (Refusal::BatchSignature | Refusal::BatchContent),
                    detail,
                )) => {
                    fetch.handle_forged(now.time, from);
                    self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
                }
                // Batches that the room's records void are not shown; a keeper may still have them.
                Ok(_) | Err(_) => fetch.handle_left_out(),
            }
        }
        count
    }

    /// Sends messages and reports of the history.
    pub(super) fn finish_history(&mut self, now: Now) {
        let room = self.kept.handle;
        self.history.archive.handle_timeout(now.time);
        while let Some((to, message)) = self.history.archive.poll_send() {
            self.kept.outputs.push_back(RoomOutput::Send(to, RoomMessage::History(message)));
        }
        while let Some((token, want)) = self.history.archive.poll_read() {
            self.kept.outputs.push_back(RoomOutput::ReadHistory {
                token,
                from: want.from,
                bytes: want.bytes,
            });
        }
        for (from, count) in self.history.archive.take_refused(now.time) {
            let detail = String::from("it asks for more of the history than is served at a time");
            self.kept.outputs.push_back(RoomOutput::RefusedMany(from, Refusal::Flood, detail, count));
        }
        let Some(fetch) = &mut self.history.fetch else { return };
        fetch.handle_timeout(now.time);
        while let Some((to, message)) = fetch.poll_send() {
            self.kept.outputs.push_back(RoomOutput::Send(to, RoomMessage::History(message)));
        }
        if fetch.take_changed() {
            self.kept.outputs.push_back(RoomOutput::Event(Event::HistoryChanged { room }));
        }
    }
}
