//! What a hub knows of one socket: who it is, what it may still say, and when it is given up.

use std::collections::BTreeSet;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::signalling::protocol::{Announcement, CHALLENGE_LEN, ServerRefusal};
use meshwork_core::time::Time;

use super::HubConfig;
use super::bucket::{Bucket, Rate};
use super::network::Network;
use super::waits::Wanted;

pub(super) struct Socket {
    pub(super) network: Network,
    pub(super) challenge: [u8; CHALLENGE_LEN],
    /// Who it proved to be.
    pub(super) entered: Option<Announcement>,
    /// The same endpoint in its text form, which stands in each signal of its.
    pub(super) name: Option<Box<str>>,
    /// At most `rooms_per_socket_max`.
    pub(super) rooms: BTreeSet<RoomId>,
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
    /// When it was opened or last said something.
    heard: Time,
    /// When it last read something, or last had nothing to read.
    read: Time,
}

impl Socket {
    pub(super) fn new(now: Time, network: Network, challenge: [u8; CHALLENGE_LEN], rate: Rate) -> Socket {
        Socket {
            network,
            challenge,
            entered: None,
            name: None,
            rooms: BTreeSet::new(),
            waits: BTreeSet::new(),
            unread_bytes: 0,
            is_doomed: false,
            deadline: now,
            leaves: None,
            bucket: Bucket::full(now, rate),
            heard: now,
            read: now,
        }
    }

    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        self.entered.as_ref().map(|announcement| announcement.endpoint)
    }

    /// Takes `cost` messages from what it may say; false when there is not that much left.
    pub(super) fn spend(&mut self, now: Time, cost: u32, config: &HubConfig) -> bool {
        self.bucket.spend(now, cost, config.rate())
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
