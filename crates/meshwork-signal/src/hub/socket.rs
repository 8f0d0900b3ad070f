//! What a hub knows of one socket: who it is, what it may still say, and when it is given up.

use std::collections::BTreeSet;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::signalling::protocol::{Announcement, CHALLENGE_LEN, ServerRefusal};
use meshwork_core::time::Time;

use super::HubConfig;
use super::network::Network;
use super::waits::Wanted;

/// Millionths of a message: what a bucket counts in, so that a microsecond refills a whole number of them.
const MICRO: u64 = 1_000_000;

pub(super) struct Socket {
    pub(super) network: Network,
    pub(super) challenge: [u8; CHALLENGE_LEN],
    /// Who it proved to be.
    pub(super) entered: Option<Announcement>,
    /// At most `rooms_per_socket_max`.
    pub(super) rooms: BTreeSet<RoomId>,
    /// At most `waits_per_socket_max`.
    pub(super) waits: BTreeSet<Wanted>,
    /// Bytes handed to the driver that are not on their way yet; at most `queue_bytes_max` and one goodbye.
    pub(super) unread_bytes: usize,
    /// It is about to be closed: nothing more is sent to it.
    pub(super) is_doomed: bool,
    /// Where it stands among the hub's deadlines.
    pub(super) deadline: Time,
    bucket: Bucket,
    /// When it was opened or last said something.
    heard: Time,
    /// When it last read something, or last had nothing to read.
    read: Time,
}

impl Socket {
    pub(super) fn new(now: Time, network: Network, challenge: [u8; CHALLENGE_LEN], burst: u32) -> Socket {
        Socket {
            network,
            challenge,
            entered: None,
            rooms: BTreeSet::new(),
            waits: BTreeSet::new(),
            unread_bytes: 0,
            is_doomed: false,
            deadline: now,
            bucket: Bucket { micro_messages: u64::from(burst) * MICRO, filled: now },
            heard: now,
            read: now,
        }
    }

    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        self.entered.as_ref().map(|announcement| announcement.endpoint)
    }

    /// Takes `cost` messages from what it may say; false when there is not that much left.
    pub(super) fn spend(&mut self, now: Time, cost: u32, config: &HubConfig) -> bool {
        self.bucket.spend(now, cost, config.messages_per_second, config.message_burst)
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
        let idle = (self.heard + silence, ServerRefusal::Idle);
        if self.unread_bytes == 0 {
            return idle;
        }
        idle.min((self.read + config.unread_after, ServerRefusal::SlowReader))
    }
}

/// A token bucket: refilled at a steady rate, never above the burst.
struct Bucket {
    micro_messages: u64,
    filled: Time,
}

impl Bucket {
    fn spend(&mut self, now: Time, cost: u32, per_second: u32, burst: u32) -> bool {
        let elapsed = u64::try_from(now.since(self.filled).as_micros()).unwrap_or(u64::MAX);
        let refill = elapsed.saturating_mul(u64::from(per_second));
        self.micro_messages = self.micro_messages.saturating_add(refill).min(u64::from(burst) * MICRO);
        self.filled = now;
        match self.micro_messages.checked_sub(u64::from(cost) * MICRO) {
            Some(left) => {
                self.micro_messages = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_refills_up_to_its_burst() {
        let mut bucket = Bucket { micro_messages: 3 * MICRO, filled: Time(0) };
        let mut spend = |at: Duration, cost| bucket.spend(Time(0) + at, cost, 2, 3);
        assert!(spend(Duration::ZERO, 3));
        assert!(!spend(Duration::from_millis(499), 1));
        assert!(spend(Duration::from_millis(500), 1));
        assert!(!spend(Duration::from_secs(1_000_000), 4), "never above the burst");
        assert!(spend(Duration::from_secs(1_000_000), 3));
    }
}
