//! What a hub knows of one socket: who it is, what it may still say, and when it is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::signalling::protocol::{Announcement, CHALLENGE_LEN, ServerRefusal};
use meshwork_core::time::Time;

use super::begun::Conversations;
use super::rooms::Circle;
use super::waits::Wanted;
use super::{HubConfig, NAMED_MAX, SocketId};
use crate::fair::{Bucket, Merit, Network, Rate};

/// Members of one room of whom it is remembered that they wait for an answer of one socket.
pub(super) const ASKED_MAX: usize = 16;
/// Members of one room that are named to one socket, however often it asks.
pub(super) const NAMED_IN_ALL_MAX: usize = 4 * NAMED_MAX;

/// What a socket is in one room.
pub(super) struct Membership {
    pub(super) circle: Circle,
    /// Who was named to it; at most [`NAMED_IN_ALL_MAX`].
    pub(super) named: Vec<SocketId>,
    /// Who signalled to it and was not answered yet; at most [`ASKED_MAX`].
    pub(super) asked: Vec<SocketId>,
}

impl Membership {
    pub(super) fn new(circle: Circle) -> Membership {
        Membership { circle, named: Vec::new(), asked: Vec::new() }
    }

    /// Somebody waits for an answer.
    pub(super) fn note_asked(&mut self, by: SocketId) {
        if !self.asked.contains(&by) {
            if self.asked.len() >= ASKED_MAX {
                self.asked.remove(0);
            }
            self.asked.push(by);
        }
    }
}

pub(super) struct Socket {
    pub(super) network: Network,
    /// What speaks for keeping it, as it is noted among the holders.
    pub(super) merit: Merit,
    pub(super) challenge: [u8; CHALLENGE_LEN],
    /// Who it proved to be.
    pub(super) entered: Option<Announcement>,
    /// The same endpoint in its text form, which stands in each signal of its.
    pub(super) name: Option<Box<str>>,
    /// At most `rooms_per_socket_max`.
    pub(super) rooms: BTreeMap<RoomId, Membership>,
    /// What others began with it lately, in whichever room.
    pub(super) begun: Conversations,
    /// At most `waits_per_socket_max`.
    pub(super) waits: BTreeSet<Wanted>,
    /// Bytes handed to the driver that are not on their way yet; at most `queue_bytes_max` and one goodbye.
    pub(super) unread_bytes: usize,
    /// It is about to be closed: nothing more is sent to it.
    pub(super) is_doomed: bool,
    /// Where it stands among the hub's deadlines: at [`Socket::next_deadline`] or before.
    pub(super) deadline: Time,
    /// When it is told goodbye because the server ends.
    pub(super) leaves: Option<Time>,
    bucket: Bucket,
    held_until: Time,
    opened: Time,
    /// When it was opened or last said something.
    heard: Time,
    /// When it last read something, or last had nothing to read.
    read: Time,
}

impl Socket {
    pub(super) fn new(now: Time, network: Network, challenge: [u8; CHALLENGE_LEN], rate: Rate) -> Socket {
        Socket {
            network,
            merit: Merit::new(0, now),
            opened: now,
            challenge,
            entered: None,
            name: None,
            rooms: BTreeMap::new(),
            begun: Conversations::default(),
            waits: BTreeSet::new(),
            unread_bytes: 0,
            is_doomed: false,
            deadline: now,
            leaves: None,
            bucket: Bucket::full(now, rate),
            held_until: now,
            heard: now,
            read: now,
        }
    }

    /// What speaks for keeping it now: sockets in rooms stay longest, then those that entered.
    pub(super) fn new_merit(&self) -> Merit {
        Merit::new(u8::from(self.entered.is_some()) + u8::from(!self.rooms.is_empty()), self.opened)
    }

    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        self.entered.as_ref().map(|announcement| announcement.endpoint)
    }

    /// Takes `cost` messages from what it may say; false when there is not that much left.
    pub(super) fn spend(&mut self, now: Time, cost: u32, config: &HubConfig) -> bool {
        self.bucket.spend(now, cost, config.rate())
    }

    /// It is not read for so long, beside what it is held already: at most `most` from now.
    pub(super) fn hold(&mut self, now: Time, wait: Duration, most: Duration) {
        self.held_until = (self.held_until.max(now) + wait).min(now + most);
    }

    /// Until when it is not read, since its network says too much.
    pub(super) fn held_until(&self) -> Time {
        self.held_until
    }

    pub(super) fn handle_heard(&mut self, now: Time) {
        // Until it has entered, the time to enter runs.
        if self.entered.is_some() {
            self.heard = now;
        }
    }

    pub(super) fn handle_queued(&mut self, now: Time, bytes: usize) {
        if self.unread_bytes == 0 {
            self.read = now;
        }
        self.unread_bytes += bytes;
    }

    pub(super) fn handle_written(&mut self, now: Time, bytes: usize) {
        self.unread_bytes = self.unread_bytes.saturating_sub(bytes);
        self.read = now;
    }

    /// When it is given up if nothing happens before, and why.
    pub(super) fn next_deadline(&self, config: &HubConfig) -> (Time, ServerRefusal) {
        let silence = if self.entered.is_some() { config.idle_after } else { config.enter_within };
        let mut first = (self.heard + silence, ServerRefusal::Idle);
        if self.unread_bytes > 0 {
            first = first.min((self.read + config.unread_after, ServerRefusal::SlowReader));
        }
        match self.leaves {
            Some(leaves) => first.min((leaves, ServerRefusal::ShuttingDown)),
            None => first,
        }
    }
}
