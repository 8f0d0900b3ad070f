//! Delivery: decides which batches count, each once, and holds those back whose time has not come.
//!
//! # How it works
//! Bytes are decoded within their limits, looked up in the window of their author's endpoint, verified, checked against
//! the room's records, its replica and room time, in that order: the cheap checks first. Stamps too far ahead of room
//! time are held back, unmerged, until their time, so that nobody can freeze an entry or drive the others' clocks
//! ahead.
//!
//! # Invariants
//! - Nothing is remembered of a batch with an invalid signature.
//! - A held batch is neither shown, merged into the clock, nor forwarded.
//!
//! # Limits
//! [`HELD_MAX`] batches of [`HELD_BYTES_MAX`] bytes are held; windows are kept for [`WINDOWS_MAX`] endpoints.

pub mod flood;
pub(super) mod payloads;
pub mod queue;
pub mod window;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use self::flood::Allowances;
use self::queue::Queue;
use crate::clock::Stamp;
use crate::id::{Endpoint, PeerId, RoomId};
use crate::recent::Recent;
use crate::replica::{Applied, Changes, Content, Replica, ReplicaNumber};
use crate::room::delivery::window::SequenceWindow;
use crate::room::replicas::Replicas;
use crate::room::rules::Rules;
use crate::room::rules::waiting::Unruled;
use crate::rulebook::Verdict;
use crate::seam::event::Refusal;
use crate::signed::batch::BatchKey;
use crate::signed::batch::{Batch, BatchError, Header, SignedBatch, UnverifiedBatch};
use crate::signed::header::Family;
use crate::time::{Now, Time, WallTime};

/// Batches held back for their stamps: more than an honest room with clocks set wrong ever has.
pub const HELD_MAX: usize = 1024;
/// Bytes of batches held back, so that large ones do not multiply [`HELD_MAX`]. When it is full, neighbours
/// have equal shares: of the one that sent the most, the furthest ahead is dropped.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Least bytes that a held batch counts, so that one limit bounds number and bytes.
const HELD_BYTES_LEAST: usize = HELD_BYTES_MAX / HELD_MAX;
/// Endpoints whose delivered sequences are remembered. Keys are free, so this must be bounded. A repeated batch of a
/// forgotten endpoint changes nothing, since applying is idempotent.
pub const WINDOWS_MAX: usize = 4096;

/// A batch that counts.
#[derive(Debug)]
pub struct Checked {
    /// Its signature is valid.
    pub batch: SignedBatch,
    /// Its content, as decoded by its replica.
    pub content: Content,
}

/// The reason why a batch does not count now.
#[derive(Debug)]
pub enum Rejection {
    /// It was delivered before.
    Known(BatchKey),
    /// It is older than the floor here.
    Old(BatchKey),
    /// Its stamp is ahead of room time.
    Ahead(Checked),
    /// It cannot be read here: it is for a family of a later version.
    Unknown,
    /// It is valid, and for a replica that this program does not keep. Others may.
    Foreign(SignedBatch),
    /// It was written under an unknown record, which may still come.
    Unruled(SignedBatch),
    /// A record erased it; this is its author.
    Cut(Endpoint),
    /// It breaks the rules.
    Refused(Refusal, String),
}

/// Delivered, waiting and held batches.
#[derive(Debug)]
pub struct Delivery {
    /// The batches that wait for verification.
    pub(super) queue: Queue,
    /// The allowances of neighbours for unasked batches.
    pub(super) flood: Allowances,
    /// Invalid stored batches, until all were read.
    pub(super) refused_stored: usize,
    ahead_max: Duration,
    windows: Recent<Endpoint, SequenceWindow>,
    held: BTreeMap<(Stamp, BatchKey), (Endpoint, Checked)>,
    held_bytes: usize,
    /// The same by sending neighbour.
    held_bytes_of: BTreeMap<Endpoint, usize>,
    /// Whether held batches of replicas changed since this was reported.
    has_held_changed: bool,
}

/// Batches of one author that wait here for their time, since the author's clock is ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The author.
    pub author: PeerId,
    /// The replica that they change.
    pub replica: ReplicaNumber,
    /// How many they are: at most [`HELD_MAX`] of all authors together.
    pub batches: usize,
    /// When all of them count, by our own civil clock.
    pub until: WallTime,
}

impl Delivery {
    /// Nothing was delivered yet. Stamps up to `ahead_max` ahead of room time count at once.
    pub fn new(ahead_max: Duration) -> Delivery {
        Delivery {
            queue: Queue::default(),
            flood: Allowances::default(),
            refused_stored: 0,
            ahead_max,
            windows: Recent::new(WINDOWS_MAX),
            held: BTreeMap::new(),
            held_bytes: 0,
            held_bytes_of: BTreeMap::new(),
            has_held_changed: false,
        }
    }

    /// Decodes a batch.
    ///
    /// # Errors
    /// [`Rejection::Refused`]; no memory was allocated for the bytes.
    pub fn decode(&self, room: &RoomId, bytes: &[u8]) -> Result<UnverifiedBatch, Rejection> {
        UnverifiedBatch::decode(room, bytes).map_err(|error| match error {
            BatchError::Family(_) => Rejection::Unknown,
            error => Rejection::Refused(Refusal::BatchContent, error.to_string()),
        })
    }

    /// Whether a batch with this key was delivered before.
    pub fn is_delivered(&self, key: &BatchKey) -> bool {
        self.windows.get(&key.author).is_some_and(|window| window.contains(key.sequence))
    }

    /// Whether a batch is held.
    pub fn is_held(&self, batch: &Batch) -> bool {
        let header = batch.header();
        self.held.contains_key(&(header.window.most, batch.key()))
    }

    /// Decides whether a screened batch counts now: its signature, its content and its stamps.
    ///
    /// # Errors
    /// [`Rejection`] is the reason; nothing was remembered.
    pub(in crate::room) fn verify(
        &self,
        now: Now,
        batch: UnverifiedBatch,
        replicas: &Replicas,
        rules: &Rules,
    ) -> Result<Checked, Rejection> {
        let header = batch.header();
        let refused = |refusal, detail: String| {
            let Header { author, sequence, .. } = header;
            Rejection::Refused(refusal, format!("batch {sequence} of {author}: {detail}"))
        };
        let batch = batch.verify().map_err(|error| refused(Refusal::BatchSignature, error.to_string()))?;
        let verdict = rules.judge(&batch);
        if verdict == Verdict::Unknown {
            return Err(Rejection::Unruled(batch));
        }
        let family = header.replica.family();
        let content = match (payloads::check(family, batch.payload()), replicas.get(header.replica)) {
            (Some(content), _) => content,
            (None, _) if family == Family::Datagram => {
                return Err(refused(
                    Refusal::BatchContent,
                    String::from("a datagram over the reliable channel"),
                ));
            }
            (None, Some(replica)) => replica.check(&header, batch.payload()),
            (None, None) => {
                return Err(match rules.breach(verdict, &header, None) {
                    Some(breach) => refused(Refusal::BatchRules, breach),
                    None => Rejection::Foreign(batch),
                });
            }
        };
        let content = content.map_err(|error| refused(Refusal::BatchContent, error.to_string()))?;
        if content.cost != header.cost as usize {
            let detail = format!("it costs {}, and says {}", content.cost, header.cost);
            return Err(refused(Refusal::BatchContent, detail));
        }
        if let Some(breach) = rules.breach(verdict, &header, Some(&content)) {
            return Err(refused(Refusal::BatchRules, breach));
        }
        let checked = Checked { batch, content };
        if self.due(now, header.window.most) > now.time {
            return Err(Rejection::Ahead(checked));
        }
        Ok(checked)
    }

    /// Applies a batch that counts and remembers it.
    pub fn apply(&mut self, checked: Checked, replica: &mut dyn Replica) -> Applied<Option<Changes>> {
        let (header, key) = (checked.batch.header(), checked.batch.key());
        let applied = replica.apply(checked.batch, checked.content);
        // A batch that wins nothing has no effect to repeat, so keys that only ever lose take no memory.
        if applied.kept || self.windows.get(&header.author).is_some() {
            self.remember(key);
        }
        applied
    }

    /// Whether a batch is too far ahead of room time.
    pub fn is_ahead(&self, now: Now, batch: &Batch) -> bool {
        self.due(now, batch.header().window.most) > now.time
    }

    /// Whether there is space to hold a batch from `from`.
    pub fn has_place(&self, from: Endpoint, batch: &Batch) -> bool {
        let bytes = held_bytes(batch);
        if self.held_bytes + bytes <= HELD_BYTES_MAX {
            return true;
        }
        let own = self.held_bytes_of.get(&from).copied().unwrap_or(0);
        self.held_bytes_of.values().any(|others| *others >= own + 2 * bytes)
    }

    /// Holds a batch back until it is due, if there is space. Returns the neighbours whose batches were dropped.
    pub fn hold(&mut self, from: Endpoint, checked: Checked) -> Vec<Endpoint> {
        let mut gave_way = Vec::new();
        if !self.has_place(from, &checked.batch) {
            return alloc::vec![from];
        }
        let header = checked.batch.header();
        let bytes = held_bytes(&checked.batch);
        while self.held_bytes + bytes > HELD_BYTES_MAX {
            let most = self.held_bytes_of.iter().max_by_key(|(_, bytes)| **bytes).map(|(most, _)| *most);
            let of_most = |(_, (from, _)): &(&_, &(Endpoint, Checked))| Some(*from) == most;
            let Some(place) = self.held.iter().rev().find(of_most).map(|(place, _)| *place) else { break };
            let dropped = self.held.remove(&place);
            gave_way.extend(dropped.map(|dropped| self.forget_held(dropped).0));
        }
        self.held_bytes += bytes;
        *self.held_bytes_of.entry(from).or_default() += bytes;
        self.has_held_changed |= header.replica.family().is_kept();
        self.held.insert((header.window.most, checked.batch.key()), (from, checked));
        gave_way
    }

    /// A held batch whose time has come, and its sender.
    pub fn take_due(&mut self, now: Now) -> Option<(Endpoint, Checked)> {
        let (&(stamp, _), _) = self.held.first_key_value()?;
        if self.due(now, stamp) > now.time {
            return None;
        }
        let (_, held) = self.held.pop_first()?;
        Some(self.forget_held(held))
    }

    fn forget_held(&mut self, held: (Endpoint, Checked)) -> (Endpoint, Checked) {
        let bytes = held_bytes(&held.1.batch);
        self.held_bytes -= bytes;
        self.has_held_changed |= held.1.batch.header().replica.family().is_kept();
        if let Some(of) = self.held_bytes_of.get_mut(&held.0) {
            *of -= bytes;
            if *of == 0 {
                self.held_bytes_of.remove(&held.0);
            }
        }
        held
    }

    /// The time at which the next held batch is due, or verification or a report.
    pub fn poll_timeout(&self, now: Now) -> Option<Time> {
        let held = self.held.first_key_value().map(|(&(stamp, _), _)| self.due(now, stamp));
        let unverified = (!self.queue.is_empty()).then_some(now.time);
        [held, unverified, self.flood.poll_timeout()].into_iter().flatten().min()
    }

    /// A neighbour is gone. Returns how many of its dropped batches were not reported.
    pub fn handle_detached(&mut self, endpoint: Endpoint) -> u64 {
        self.queue.handle_detached(endpoint);
        self.flood.handle_detached(endpoint)
    }

    /// Batches that waited for a record are checked again.
    pub(super) fn push_again(&mut self, waited: impl IntoIterator<Item = Unruled>) {
        for (from, batch, live) in waited {
            self.queue.push_again(from, batch, live);
        }
    }

    /// Whether all stored batches were read.
    pub fn is_restored(&self) -> bool {
        self.queue.is_restored()
    }

    /// Whether live batches of a neighbour wait for verification.
    pub fn has_live(&self, neighbour: Endpoint) -> bool {
        self.queue.has_live(neighbour)
    }

    /// Bytes of batches that wait for verification.
    pub fn unverified_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// A stored batch was invalid.
    pub(super) fn handle_refused_stored(&mut self) {
        self.refused_stored += 1;
    }

    /// Number of invalid stored batches, once all were read.
    pub fn take_refused_stored(&mut self) -> usize {
        if self.is_restored() { core::mem::take(&mut self.refused_stored) } else { 0 }
    }

    /// The authors of dropped batches to report, and their numbers.
    pub fn take_dropped(&mut self, now: Time) -> Vec<(Endpoint, u64)> {
        self.flood.take_dropped(now).collect()
    }

    /// Number of held batches.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Held batches of replicas, by author and replica, with the moment of room time at which all of them count.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut waiting = BTreeMap::<(PeerId, ReplicaNumber), (usize, Stamp)>::new();
        for (&(stamp, key), (_, checked)) in &self.held {
            let replica = checked.batch.header().replica;
            if replica.family().is_kept() {
                let (batches, last) = waiting.entry((key.author.peer, replica)).or_default();
                (*batches, *last) = (*batches + 1, (*last).max(stamp));
            }
        }
        let waits = |((author, replica), (batches, last))| Waiting {
            author,
            replica,
            batches,
            until: self.due_wall(last),
        };
        waiting.into_iter().map(waits).collect()
    }

    /// Whether held batches of replicas changed since the last call.
    pub fn take_held_changed(&mut self) -> bool {
        core::mem::take(&mut self.has_held_changed)
    }

    /// The moment of room time from which on `stamp` counts.
    pub fn due_wall(&self, stamp: Stamp) -> WallTime {
        let allowed = u64::try_from(self.ahead_max.as_millis()).unwrap_or(u64::MAX);
        WallTime::from_millis(stamp.millis().saturating_sub(allowed))
    }

    /// The time at which `stamp` is within the allowed distance of room time.
    fn due(&self, now: Now, stamp: Stamp) -> Time {
        if planted!(HeldApplied) {
            return now.time;
        }
        let ahead = Duration::from_millis(stamp.millis().saturating_sub(now.wall.as_millis()));
        now.time + ahead.saturating_sub(self.ahead_max)
    }

    /// Remembers that a batch was delivered, or forwarded.
    pub fn remember(&mut self, key: BatchKey) {
        self.windows.used(key.author, SequenceWindow::new).0.insert(key.sequence);
    }
}

fn held_bytes(batch: &Batch) -> usize {
    if planted!(HeldUnbounded) { 0 } else { batch.bytes().len().max(HELD_BYTES_LEAST) }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::id::{Identity, Instance};
    use crate::replica::toy::Board;
    use crate::signed::batch::Header;
    use crate::signed::batch::StampWindow;

    /// A batch with one number, written this many milliseconds after the begin of 1970.
    fn checked(sequence: u64, millis: u64) -> Checked {
        let identity = Identity::from_secret([1; 32]);
        let stamp = Stamp::at(WallTime::from_millis(millis));
        let payload = Board::payloads(&[(1, 1)]).remove(0);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow::at(stamp);
        let header = Header::new(author, sequence, window, 0);
        let batch = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &payload).expect("a legal batch");
        let content = Board::new().check(&header, &payload).expect("what a board reads");
        Checked { batch, content }
    }

    #[test]
    fn future_batches_of_a_flooder_are_evicted_first() {
        let mut delivery = Delivery::new(Duration::from_secs(10));
        let now = Now { time: Time(0), wall: WallTime::from_millis(1000) };
        let neighbour = |number: u8| Endpoint { peer: PeerId([number; 32]), instance: Instance(0) };
        let (flooder, honest) = (neighbour(1), neighbour(2));
        for sequence in 1..=HELD_MAX as u64 {
            assert!(delivery.hold(flooder, checked(sequence, 600_000 + sequence)).is_empty());
        }
        assert_eq!(delivery.hold(flooder, checked(5000, 600_000)), [flooder], "there is no place left");
        for sequence in 6000..6100 {
            assert!(delivery.is_ahead(now, &checked(sequence, 20_000).batch));
            assert_eq!(delivery.hold(honest, checked(sequence, 20_000)), [flooder], "the flooder gives way");
        }
        assert_eq!(delivery.held(), HELD_MAX);
        let later = Now { time: Time(0), wall: WallTime::from_millis(10_000) };
        let due: Vec<Endpoint> =
            core::iter::from_fn(|| delivery.take_due(later)).map(|(from, _)| from).collect();
        assert_eq!(due, [honest; 100]);
        let last = Now { time: Time(0), wall: WallTime::from_millis(600_000_000) };
        assert_eq!(core::iter::from_fn(|| delivery.take_due(last)).count(), HELD_MAX - 100);
        assert_eq!((delivery.held_bytes, delivery.held_bytes_of.len()), (0, 0));
    }

    #[test]
    fn held_batches_are_counted_by_author() {
        let mut delivery = Delivery::new(Duration::from_secs(10));
        let from = Endpoint { peer: PeerId([3; 32]), instance: Instance(0) };
        assert_eq!((delivery.waiting(), delivery.take_held_changed()), (vec![], false));
        for (sequence, millis) in [(1, 500_000), (2, 420_000)] {
            assert!(delivery.hold(from, checked(sequence, millis)).is_empty());
        }
        let author = Identity::from_secret([1; 32]).peer();
        let until = WallTime::from_millis(490_000);
        let waiting = Waiting { author, replica: ReplicaNumber::FIRST, batches: 2, until };
        assert_eq!((delivery.waiting(), delivery.take_held_changed()), (vec![waiting], true));
        assert!(!delivery.take_held_changed(), "it is reported once");
        let now = Now { time: Time(0), wall: WallTime::from_millis(410_000) };
        assert!(delivery.take_due(now).is_some() && delivery.take_due(now).is_none());
        assert_eq!((delivery.waiting()[0].batches, delivery.take_held_changed()), (1, true));
    }
}
