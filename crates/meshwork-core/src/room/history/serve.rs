//! Serves our log: parts that neighbours request, within limits, as the driver reads it.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::PART_BYTES_MAX;
use crate::id::Endpoint;
use crate::room::delivery::flood::Bucket;
use crate::room::message::history::{
    HistoryMessage, HistoryPartEnd, HistorySpan, PartOutcome, PastEntry, PastGap, WantHistory,
};
use crate::seam::io::{HistoryEntry, HistoryPart};
use crate::time::Time;
use crate::wire::Bytes;

/// Parts that one neighbour may have requested and not received: one under way and the next. With the longest
/// batch at its end that is 384 KiB for each neighbour.
pub const WANTS_MAX: usize = 2;
/// Parts that a neighbour gets without a pause, and parts a second from then on: 4 MiB/s, several times the rate at
/// which its receiver verifies lone clicks. Earlier requests wait.
pub const PARTS_BURST: u32 = 32;
/// See [`PARTS_BURST`].
pub const PARTS_PER_SECOND: u32 = 32;
/// Requests for our extent without a pause; from then on one in [`ASKS_EVERY`].
pub const ASKS_BURST: u32 = 8;
/// See [`ASKS_BURST`].
pub const ASKS_EVERY: Duration = Duration::from_secs(2);
/// Interval of reports about refusals.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Client {
    asks: Bucket,
    parts: Bucket,
    /// Parts that have not begun.
    wants: VecDeque<WantHistory>,
    /// The part that the driver reads for it.
    reading: Option<Reading>,
    /// Messages to send when the link has space.
    ready: VecDeque<HistoryMessage>,
    /// Parts in `ready`.
    parts_ready: usize,
    refused: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    Span(u64),
    Part(u64),
}

/// Our own history, for others.
#[derive(Debug, Default)]
pub(super) struct Archive {
    has_log: bool,
    clients: BTreeMap<Endpoint, Client>,
    next_token: u64,
    sends: VecDeque<(Endpoint, HistoryMessage)>,
    reads: VecDeque<(u64, WantHistory)>,
    /// The time at which some neighbour may get another part.
    serve_at: Option<Time>,
    tell_at: Option<Time>,
}

impl Archive {
    pub(super) fn new(has_log: bool) -> Archive {
        Archive { has_log, ..Archive::default() }
    }

    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.clients.remove(&endpoint);
    }

    /// A neighbour asks how far back we reach.
    pub(super) fn handle_ask(&mut self, now: Time, from: Endpoint) {
        let has_log = self.has_log;
        let client = self.client(now, from);
        let is_busy = matches!(client.reading, Some(Reading::Span(_)));
        if is_busy || !client.asks.take(now, ASKS_BURST, ASKS_EVERY) {
            return self.refuse(now, from);
        }
        if !has_log {
            let none = HistorySpan { first: 0, bytes: 0, since_ms: 0 };
            self.sends.push_back((from, HistoryMessage::Span(none)));
        } else if client.reading.is_none() {
            self.read(from, WantHistory { from: 0, bytes: 0 }, Reading::Span);
        } else {
            // A part is being read, which answers in a moment: the neighbour may ask again.
            self.refuse(now, from);
        }
    }

    /// A neighbour requests a part.
    pub(super) fn handle_want(&mut self, now: Time, from: Endpoint, want: WantHistory) {
        let client = self.client(now, from);
        let reading = usize::from(matches!(client.reading, Some(Reading::Part(_))));
        if client.wants.len() + reading + client.parts_ready >= WANTS_MAX {
            return self.refuse(now, from);
        }
        let bytes = want.bytes.min(PART_BYTES_MAX as u32);
        client.wants.push_back(WantHistory { bytes, ..want });
        self.begin_parts(now);
    }

    /// A neighbour withdraws its requests.
    pub(super) fn handle_unwant(&mut self, from: Endpoint) {
        if let Some(client) = self.clients.get_mut(&from) {
            client.wants.clear();
            client.ready.clear();
            client.parts_ready = 0;
            client.reading = None;
        }
    }

    /// The driver has read a part.
    pub(super) fn handle_read(&mut self, now: Time, token: u64, part: Result<HistoryPart, String>) {
        let is_it =
            |reading: Reading| matches!(reading, Reading::Span(one) | Reading::Part(one) if one == token);
        let found = self.clients.iter_mut().find(|(_, client)| client.reading.is_some_and(is_it));
        // The requesting neighbour may be gone.
        let Some((&to, client)) = found else { return };
        let was_span = matches!(client.reading.take(), Some(Reading::Span(_)));
        self.serve_at = Some(now);
        match part {
            Ok(part) if was_span => {
                let since_ms = part.since.map_or(0, crate::time::WallTime::as_millis);
                let (first, bytes) = (part.first, part.bytes);
                let span = HistorySpan { first, bytes, since_ms };
                self.sends.push_back((to, HistoryMessage::Span(span)));
            }
            Ok(part) => {
                let outcome = if part.is_end { PartOutcome::End } else { PartOutcome::More };
                client.push_part(part.entries, HistoryPartEnd { next: part.next, outcome });
            }
            Err(_) if was_span => {}
            Err(_) => client.push_part(Vec::new(), HistoryPartEnd { next: 0, outcome: PartOutcome::Failed }),
        }
    }

    /// Whether any message is ready.
    pub(super) fn is_serving(&self) -> bool {
        self.clients.values().any(|client| !client.ready.is_empty())
    }

    /// The next message for `to`.
    pub(super) fn serve(&mut self, to: Endpoint) -> Option<HistoryMessage> {
        let client = self.clients.get_mut(&to)?;
        let message = client.ready.pop_front()?;
        if matches!(message, HistoryMessage::PartEnd(_)) {
            client.parts_ready -= 1;
        }
        Some(message)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.serve_at.is_some_and(|at| at <= now) {
            self.begin_parts(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.serve_at, self.tell_at].into_iter().flatten().min()
    }

    pub(super) fn poll_send(&mut self) -> Option<(Endpoint, HistoryMessage)> {
        self.sends.pop_front()
    }

    /// The part that the driver must read, with a token; 0 bytes for only the extent of the log.
    pub(super) fn poll_read(&mut self) -> Option<(u64, WantHistory)> {
        self.reads.pop_front()
    }

    /// The refused neighbours and numbers, once a second.
    pub(super) fn take_refused(&mut self, now: Time) -> Vec<(Endpoint, u64)> {
        if self.tell_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.tell_at = None;
        let refused = self.clients.iter_mut().filter(|(_, client)| client.refused > 0);
        refused.map(|(&from, client)| (from, core::mem::take(&mut client.refused))).collect()
    }

    /// Begins the parts that may begin.
    fn begin_parts(&mut self, now: Time) {
        self.serve_at = None;
        let mut reads = Vec::new();
        for (&to, client) in &mut self.clients {
            if client.reading.is_some() || client.wants.is_empty() {
                continue;
            }
            let each = Duration::from_secs(1) / PARTS_PER_SECOND;
            if !client.parts.take(now, PARTS_BURST, each) {
                self.serve_at = Some(now + each);
                continue;
            }
            let Some(want) = client.wants.pop_front() else { continue };
            if self.has_log {
                reads.push((to, want));
            } else {
                let end = HistoryPartEnd { next: want.from, outcome: PartOutcome::End };
                client.push_part(Vec::new(), end);
                if !client.wants.is_empty() {
                    self.serve_at = Some(now);
                }
            }
        }
        for (to, want) in reads {
            self.read(to, want, Reading::Part);
        }
    }

    fn read(&mut self, to: Endpoint, want: WantHistory, reading: fn(u64) -> Reading) {
        let token = self.next_token;
        self.next_token += 1;
        if let Some(client) = self.clients.get_mut(&to) {
            client.reading = Some(reading(token));
            self.reads.push_back((token, want));
        }
    }

    fn refuse(&mut self, now: Time, from: Endpoint) {
        let client = self.client(now, from);
        client.refused = client.refused.saturating_add(1);
        self.tell_at.get_or_insert(now + TELL_INTERVAL);
    }

    fn client(&mut self, now: Time, from: Endpoint) -> &mut Client {
        self.clients.entry(from).or_insert_with(|| Client {
            asks: Bucket::full(now, ASKS_BURST),
            parts: Bucket::full(now, PARTS_BURST),
            wants: VecDeque::new(),
            reading: None,
            ready: VecDeque::new(),
            parts_ready: 0,
            refused: 0,
        })
    }
}

impl Client {
    fn push_part(&mut self, entries: Vec<HistoryEntry>, end: HistoryPartEnd) {
        let messages = entries.into_iter().filter_map(|entry| match entry {
            HistoryEntry::Batch { number, at, bytes } => {
                // An entry longer than a batch is invalid.
                let batch = Bytes::new(bytes).ok()?;
                Some(HistoryMessage::Batch(PastEntry { number, at_ms: at.as_millis(), batch }))
            }
            HistoryEntry::Gap { number, at, missed } => {
                Some(HistoryMessage::Gap(PastGap { number, at_ms: at.as_millis(), missed }))
            }
        });
        self.ready.extend(messages);
        self.ready.push_back(HistoryMessage::PartEnd(end));
        self.parts_ready += 1;
    }
}
