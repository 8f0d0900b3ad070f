//! What a hub has done so far, as numbers that only grow.

use std::collections::BTreeMap;

use meshwork_core::signalling::protocol::{LinkOutcome, ServerRefusal};

/// Upper bounds of the classes in which times to a link are counted, in milliseconds.
pub const LINK_TIME_CLASSES_MS: [u64; 9] = [100, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/// What happened since the hub was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sockets that were opened, the refused ones included.
    pub sockets_opened: u64,
    /// Sockets whose endpoint was proved.
    pub entered: u64,
    /// Messages that arrived, of whatever kind.
    pub messages: u64,
    /// Bytes of text messages that arrived.
    pub bytes_received: u64,
    /// Bytes of text messages that were handed out.
    pub bytes_sent: u64,
    /// Rooms that were registered for the first time.
    pub rooms_registered: u64,
    /// Lookups of rooms.
    pub lookups: u64,
    /// Members that joined a room.
    pub joins: u64,
    /// Signals that were forwarded.
    pub signals: u64,
    /// Requests that were refused, by cause.
    pub refusals: BTreeMap<ServerRefusal, u64>,
    /// Sockets that were told goodbye, by cause.
    pub goodbyes: BTreeMap<ServerRefusal, u64>,
    /// What clients said of their links.
    pub reports: Reports,
}

/// What clients said of their links. It is their word: nothing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Attempts, by what became of them.
    pub outcomes: BTreeMap<LinkOutcome, u64>,
    /// Links by the time from the first offer, in the classes of [`LINK_TIME_CLASSES_MS`] and one for what is
    /// beyond.
    pub link_times: [u64; LINK_TIME_CLASSES_MS.len() + 1],
    /// All these times together, in milliseconds.
    pub link_time_sum_ms: u64,
}

impl Counts {
    pub(super) fn refused(&mut self, reason: ServerRefusal) {
        *self.refusals.entry(reason).or_default() += 1;
    }

    pub(super) fn said_goodbye(&mut self, reason: ServerRefusal) {
        *self.goodbyes.entry(reason).or_default() += 1;
    }

    pub(super) fn reported(&mut self, outcome: LinkOutcome, ms: u64) {
        let reports = &mut self.reports;
        *reports.outcomes.entry(outcome).or_default() += 1;
        if outcome == LinkOutcome::Failed {
            return;
        }
        let class = LINK_TIME_CLASSES_MS.partition_point(|&most| most < ms);
        reports.link_times[class] += 1;
        reports.link_time_sum_ms = reports.link_time_sum_ms.saturating_add(ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_times_are_counted_in_their_own_class() {
        let mut counts = Counts::default();
        for ms in [0, 100, 101, 30_000, 30_001, u64::MAX] {
            counts.reported(LinkOutcome::Direct, ms);
        }
        counts.reported(LinkOutcome::Failed, 5);
        assert_eq!(counts.reports.link_times, [2, 1, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(counts.reports.outcomes[&LinkOutcome::Failed], 1);
    }
}
