//! Fetching a history: the choice of the source, part by part, and its replacement if it lies or goes away.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::{GAP_BYTES, PART_BYTES_MAX};
use crate::id::{Endpoint, RoomId};
use crate::replica::ReplicaNumber;
use crate::room::message::history::{HistoryMessage, HistoryPartEnd, HistorySpan, PartOutcome, WantHistory};
use crate::signed::batch::{SignedBatch, UnverifiedBatch};
use crate::time::Time;

/// How long to wait for neighbours that have not sent their extent.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Answers that are kept: from everybody in a full room.
pub const SPANS_MAX: usize = crate::seam::config::ROOM_ENDPOINTS_MAX;
/// How long a neighbour may send nothing while a part is requested of it.
const SILENT_AFTER: Duration = Duration::from_secs(15);
/// Bytes that may wait for verification or the application. The next part is requested when there are fewer.
const WAITING_MAX: usize = PART_BYTES_MAX;

/// The state of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryState {
    /// Neighbours were asked for their extents.
    Asking,
    /// A log is being fetched.
    Fetching,
    /// Everything was fetched.
    Complete,
    /// No neighbour has a log. Only our own replica has anything.
    NoLog,
    /// Every neighbour with a log went away, failed or lied before its end. The batches until then are true.
    BrokenOff,
}

/// The progress of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryView {
    /// How far it is.
    pub state: HistoryState,
    /// The owner of the log, and its extent.
    pub source: Option<(Endpoint, HistorySpan)>,
    /// Bytes of batches from this source.
    pub bytes: u64,
    /// Verified batches, from all sources.
    pub batches: u64,
    /// Batches that the source reports as missing between its first and its last entry.
    pub missed: u64,
    /// Whether the log begins with its entry 0 and nothing is missing so far.
    pub is_whole: bool,
    /// Number of abandoned sources.
    pub given_up: usize,
}

/// One fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    room: RoomId,
    replica: ReplicaNumber,
    state: HistoryState,
    waiting_for: BTreeSet<Endpoint>,
    answer_by: Time,
    spans: BTreeMap<Endpoint, HistorySpan>,
    source: Option<(Endpoint, HistorySpan)>,
    /// The next entry.
    next: u64,
    /// Bytes that the requested part may still have.
    wanted: Option<usize>,
    heard: Time,
    is_at_end: bool,
    is_whole: bool,
    missed: u64,
    bytes: u64,
    batches: u64,
    given_up: usize,
    unverified: VecDeque<(Endpoint, UnverifiedBatch)>,
    unverified_bytes: usize,
    verified: VecDeque<SignedBatch>,
    verified_bytes: usize,
    sends: VecDeque<(Endpoint, HistoryMessage)>,
    changed: bool,
}

impl Fetch {
    /// Asks these neighbours for the past of a replica.
    pub(super) fn new(now: Time, room: RoomId, replica: ReplicaNumber, neighbours: Vec<Endpoint>) -> Fetch {
        let sends = neighbours.iter().map(|&to| (to, HistoryMessage::Ask)).collect();
        Fetch {
            room,
            replica,
            state: HistoryState::Asking,
            waiting_for: neighbours.into_iter().collect(),
            answer_by: now + ANSWER_WITHIN,
            spans: BTreeMap::new(),
            source: None,
            next: 0,
            wanted: None,
            heard: now,
            is_at_end: false,
            is_whole: true,
            missed: 0,
            bytes: 0,
            batches: 0,
            given_up: 0,
            unverified: VecDeque::new(),
            unverified_bytes: 0,
            verified: VecDeque::new(),
            verified_bytes: 0,
            sends,
            changed: true,
        }
    }

    pub(super) fn view(&self) -> HistoryView {
        HistoryView {
            state: self.state,
            source: self.source,
            bytes: self.bytes,
            batches: self.batches,
            missed: self.missed,
            is_whole: self.is_whole && self.source.is_some_and(|(_, span)| span.first == 0),
            given_up: self.given_up,
        }
    }

    /// The neighbour of which a part is requested now.
    pub(super) fn asked(&self) -> Option<Endpoint> {
        self.source.filter(|_| self.wanted.is_some()).map(|(source, _)| source)
    }

    pub(super) fn handle_detached(&mut self, now: Time, endpoint: Endpoint) {
        self.waiting_for.remove(&endpoint);
        self.spans.remove(&endpoint);
        if self.is_source(endpoint) && self.state == HistoryState::Fetching {
            self.give_up(now);
        }
    }

    pub(super) fn handle_message(&mut self, now: Time, from: Endpoint, message: HistoryMessage) {
        if let HistoryMessage::Span(span) = message {
            return self.handle_span(from, span);
        }
        let Some(left) = self.wanted.filter(|_| self.is_source(from)) else { return };
        self.heard = now;
        match message {
            HistoryMessage::Batch(entry) => {
                let bytes = entry.batch.len();
                // No batch, out of order, or longer than requested, except the one that a part always has.
                let is_asked = entry.number >= self.next && (left >= bytes || left == PART_BYTES_MAX);
                let read = UnverifiedBatch::decode(&self.room, &entry.batch).ok();
                let Some(batch) = read.filter(|_| is_asked) else { return self.give_up(now) };
                self.wanted = Some(left.saturating_sub(bytes));
                self.pass(entry.number);
                self.bytes += bytes as u64;
                if batch.header().replica == self.replica {
                    self.unverified_bytes += bytes;
                    self.unverified.push_back((from, batch));
                }
            }
            HistoryMessage::Gap(gap) if gap.number >= self.next && left >= GAP_BYTES => {
                self.wanted = Some(left - GAP_BYTES);
                self.pass(gap.number);
                self.missed = self.missed.saturating_add(gap.missed);
                self.is_whole = false;
            }
            HistoryMessage::PartEnd(end) => self.handle_part_end(now, end),
            _ => self.give_up(now),
        }
        self.changed = true;
    }

    /// An entry with this number came: earlier ones no longer exist.
    fn pass(&mut self, number: u64) {
        self.is_whole &= number == self.next;
        self.next = number.saturating_add(1);
    }

    fn handle_part_end(&mut self, now: Time, end: HistoryPartEnd) {
        let got_nothing = self.wanted == Some(PART_BYTES_MAX);
        match end.outcome {
            // A log has at least one entry more, or it ends.
            PartOutcome::More if got_nothing => return self.give_up(now),
            PartOutcome::More => self.next = self.next.max(end.next),
            PartOutcome::End => self.is_at_end = true,
            PartOutcome::Failed | PartOutcome::Refused => return self.give_up(now),
        }
        self.wanted = None;
    }

    fn handle_span(&mut self, from: Endpoint, span: HistorySpan) {
        if self.state == HistoryState::Asking
            && self.waiting_for.remove(&from)
            && self.spans.len() < SPANS_MAX
        {
            self.spans.insert(from, span);
            self.changed = true;
        }
    }

    /// A batch from `from` was not signed by its author.
    pub(super) fn handle_forged(&mut self, now: Time, from: Endpoint) {
        self.drop_unverified(from);
        if self.is_source(from) {
            self.give_up(now);
        }
    }

    pub(super) fn take_unverified(&mut self) -> Option<(Endpoint, UnverifiedBatch)> {
        let next = self.unverified.pop_front()?;
        self.unverified_bytes -= next.1.bytes().len();
        Some(next)
    }

    pub(super) fn has_unverified(&self) -> bool {
        !self.unverified.is_empty()
    }

    pub(super) fn handle_verified(&mut self, batch: SignedBatch) {
        self.batches += 1;
        self.verified_bytes += batch.bytes().len();
        self.verified.push_back(batch);
        self.changed = true;
    }

    /// A batch no longer counts in this room.
    pub(super) fn handle_left_out(&mut self) {
        self.changed = true;
    }

    pub(super) fn take(&mut self) -> Option<SignedBatch> {
        let batch = self.verified.pop_front()?;
        self.verified_bytes -= batch.bytes().len();
        Some(batch)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        match self.state {
            HistoryState::Asking if self.waiting_for.is_empty() || self.answer_by <= now => self.choose(now),
            HistoryState::Fetching if self.wanted.is_some() && self.silent_at() <= now => self.give_up(now),
            _ => {}
        }
        if self.state != HistoryState::Fetching {
            return;
        }
        if self.is_at_end && self.unverified.is_empty() {
            self.state = HistoryState::Complete;
            self.changed = true;
        } else if !self.is_at_end
            && self.wanted.is_none()
            && self.unverified_bytes + self.verified_bytes < WAITING_MAX
        {
            self.want(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            HistoryState::Asking => Some(self.answer_by),
            HistoryState::Fetching => self.wanted.map(|_| self.silent_at()),
            _ => None,
        }
    }

    pub(super) fn poll_send(&mut self) -> Option<(Endpoint, HistoryMessage)> {
        self.sends.pop_front()
    }

    /// Whether the progress changed since the last call.
    pub(super) fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    fn is_source(&self, endpoint: Endpoint) -> bool {
        self.source.is_some_and(|(source, _)| source == endpoint)
    }

    fn silent_at(&self) -> Time {
        self.heard + SILENT_AFTER
    }

    fn want(&mut self, now: Time) {
        let Some((source, _)) = self.source else { return };
        let want = WantHistory { from: self.next, bytes: PART_BYTES_MAX as u32 };
        self.wanted = Some(PART_BYTES_MAX);
        self.heard = now;
        self.sends.push_back((source, HistoryMessage::Want(want)));
    }

    /// Goes on with the log that reaches back furthest among the rest.
    fn choose(&mut self, now: Time) {
        self.changed = true;
        let logs = self.spans.iter().filter(|(_, span)| span.bytes > 0);
        // A complete log before an incomplete one, then the oldest.
        let best = logs.min_by_key(|(endpoint, span)| (span.first != 0, span.since_ms, **endpoint));
        let Some((&source, &span)) = best else {
            let none = if self.given_up > 0 { HistoryState::BrokenOff } else { HistoryState::NoLog };
            self.state = none;
            return;
        };
        self.spans.remove(&source);
        self.source = Some((source, span));
        (self.next, self.wanted, self.bytes, self.missed) = (span.first, None, 0, 0);
        (self.is_at_end, self.is_whole) = (false, true);
        self.state = HistoryState::Fetching;
        self.heard = now;
    }

    /// The source is useless now.
    fn give_up(&mut self, now: Time) {
        if let Some(source) = self.asked() {
            self.sends.push_back((source, HistoryMessage::Unwant));
        }
        self.wanted = None;
        self.given_up += 1;
        self.choose(now);
    }

    fn drop_unverified(&mut self, from: Endpoint) {
        self.unverified.retain(|(sender, _)| *sender != from);
        self.unverified_bytes = self.unverified.iter().map(|(_, batch)| batch.bytes().len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};

    const MOMENT: Duration = Duration::from_micros(1);

    fn endpoint(number: usize) -> Endpoint {
        Endpoint { peer: PeerId([7; 32]), instance: Instance(number as u64) }
    }

    fn fetching(neighbours: impl IntoIterator<Item = usize>) -> Fetch {
        let neighbours = neighbours.into_iter().map(endpoint).collect();
        Fetch::new(Time(0), RoomId([1; 32]), ReplicaNumber::FIRST, neighbours)
    }

    fn span() -> HistoryMessage {
        HistoryMessage::Span(HistorySpan { first: 0, bytes: 9, since_ms: 1 })
    }

    #[test]
    fn so_many_answers_are_kept() {
        let mut fetch = fetching(0..=SPANS_MAX);
        for number in 0..=SPANS_MAX {
            fetch.handle_message(Time(0), endpoint(number), span());
            assert_eq!(fetch.spans.len(), (number + 1).min(SPANS_MAX));
        }
    }

    #[test]
    fn neighbours_have_so_long_to_answer() {
        let mut fetch = fetching([1, 2]);
        fetch.handle_message(Time(0), endpoint(1), span());
        let late = Time(0) + ANSWER_WITHIN;
        assert_eq!(fetch.poll_timeout(), Some(late));
        fetch.handle_timeout(late - MOMENT);
        assert_eq!(fetch.view().state, HistoryState::Asking);
        fetch.handle_timeout(late);
        assert_eq!((fetch.view().state, fetch.asked()), (HistoryState::Fetching, Some(endpoint(1))));
        fetch.handle_message(late, endpoint(2), span());
        assert_eq!(fetch.spans.len(), 0, "who answers later is not asked");
    }

    #[test]
    fn a_neighbour_has_so_long_for_a_part() {
        let mut fetch = fetching([1]);
        fetch.handle_message(Time(0), endpoint(1), span());
        fetch.handle_timeout(Time(0));
        let late = Time(0) + SILENT_AFTER;
        assert_eq!(fetch.poll_timeout(), Some(late));
        fetch.handle_timeout(late - MOMENT);
        assert_eq!(fetch.asked(), Some(endpoint(1)));
        fetch.handle_timeout(late);
        assert_eq!((fetch.view().state, fetch.asked()), (HistoryState::BrokenOff, None));
        let said: Vec<_> = core::iter::from_fn(|| fetch.poll_send()).collect();
        assert_eq!(said.last(), Some(&(endpoint(1), HistoryMessage::Unwant)));
    }
}
