//! The queue of received batches whose signatures are not checked yet.
//!
//! # Problem
//! A signature takes a page about as long as drawing a thousand dots. A newcomer to a room of a million lone clicks
//! must check a million of them, and must go on drawing, receiving and writing meanwhile.
//!
//! # How it works
//! Arriving batches are decoded, compared with known ones, and queued by neighbour. Each call of
//! the node verifies a few ([`Config::signatures_per_call`](crate::node::Config::signatures_per_call)) and, while
//! some are left, returns the present as its deadline: the driver calls again after other waiting work.
//! Neighbours take turns, so that no flood delays another's strokes; of one neighbour live batches
//! come before wanted ones. Our own storage takes turns like a neighbour.
//!
//! # Invariants
//! - A queued batch is not shown, merged, stored, acknowledged or forwarded.
//! - Of one neighbour, a leaf's end comes after the batches of the leaf.
//!
//! # Limits
//! [`LIVE_BYTES_MAX`] and [`REPAIR_BYTES_MAX`] bytes for each neighbour: 2.5 MiB, and 58 MiB in a full room in
//! which everybody floods. Batches without space are dropped, and comparison fetches them again.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::ops::Bound;

use crate::id::Endpoint;
use crate::room::comparison::Key;
use crate::signed::batch::{SignedBatch, UnverifiedBatch};

/// Bytes of one neighbour's live batches that wait: twice the queue of a sender on a link, so that an honest one
/// finds space even while it sends all its writes.
pub const LIVE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of one neighbour's wanted batches that wait: the amount that it may serve ahead of us
/// ([`SERVE_WINDOW`](crate::room::comparison::SERVE_WINDOW)), with the entries of the smallest batches.
pub const REPAIR_BYTES_MAX: usize = 512 * 1024;
/// Bytes of an entry beside its batch.
const ENTRY_BYTES: usize = 64;
/// Detached neighbours whose last batches still wait. Beyond, the longest queue is dropped.
const GONE_MAX: usize = 8;

/// The next item to process.
#[derive(Debug)]
pub enum Next {
    /// A new or forwarded batch.
    Live(Endpoint, UnverifiedBatch),
    /// A batch of a wanted leaf.
    Leaf(Endpoint, UnverifiedBatch),
    /// A verified batch that must be checked again, since the room's records changed.
    Again(Endpoint, UnverifiedBatch, bool),
    /// All batches of a wanted leaf were processed.
    LeafEnd(Endpoint, Key),
    /// A batch of our own storage, not decoded yet.
    Stored(Vec<u8>),
}

/// There is no space for a batch: its neighbour sends faster than we verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Debug)]
enum Wanted {
    Batch(UnverifiedBatch),
    End(Key),
}

/// The waiting items of one neighbour.
#[derive(Debug, Default)]
struct Lane {
    again: VecDeque<(UnverifiedBatch, bool)>,
    live: VecDeque<UnverifiedBatch>,
    live_bytes: usize,
    wanted: VecDeque<Wanted>,
    wanted_bytes: usize,
    gone: bool,
}

/// Batches that wait for signature checks.
#[derive(Debug, Default)]
pub struct Queue {
    /// Only neighbours with waiting items.
    lanes: BTreeMap<Endpoint, Box<Lane>>,
    stored: VecDeque<Vec<u8>>,
    /// The neighbour that had the last turn; `None` for the storage.
    last: Option<Endpoint>,
}

impl Queue {
    /// Queues a live batch.
    ///
    /// # Errors
    /// [`Full`]; the batch is dropped.
    pub fn push_live(&mut self, from: Endpoint, batch: UnverifiedBatch) -> Result<(), Full> {
        let lane = self.lanes.entry(from).or_default();
        let bytes = lane.live_bytes + entry_bytes(&batch);
        if bytes > LIVE_BYTES_MAX {
            return Err(Full);
        }
        lane.live_bytes = bytes;
        lane.live.push_back(batch);
        Ok(())
    }

    /// Queues a batch of a wanted leaf.
    ///
    /// # Errors
    /// [`Full`]; the batch is dropped.
    pub fn push_leaf(&mut self, from: Endpoint, batch: UnverifiedBatch) -> Result<(), Full> {
        let bytes = entry_bytes(&batch);
        self.push_wanted(from, Wanted::Batch(batch), bytes)
    }

    /// Queues the end of a wanted leaf behind its batches.
    ///
    /// # Errors
    /// [`Full`]; the end is dropped, as if it had not arrived.
    pub fn push_leaf_end(&mut self, from: Endpoint, leaf: Key) -> Result<(), Full> {
        self.push_wanted(from, Wanted::End(leaf), ENTRY_BYTES)
    }

    /// Queues a verified batch for another check; `live` if it may be forwarded. There are no
    /// more of them than were kept until the room's records changed.
    pub fn push_again(&mut self, from: Endpoint, batch: SignedBatch, live: bool) {
        self.lanes.entry(from).or_default().again.push_back((batch.into(), live));
    }

    /// Queues the batches of our own storage.
    pub fn push_stored(&mut self, batches: impl IntoIterator<Item = Vec<u8>>) {
        self.stored.extend(batches);
    }

    /// The next item in turn.
    pub fn take_next(&mut self) -> Option<Next> {
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut turn = self.lanes.range((after, Bound::Unbounded)).next().map(|(endpoint, _)| *endpoint);
        if turn.is_none() {
            self.last = None;
            if let Some(bytes) = self.stored.pop_front() {
                return Some(Next::Stored(bytes));
            }
            turn = self.lanes.first_key_value().map(|(endpoint, _)| *endpoint);
        }
        let endpoint = turn?;
        self.last = Some(endpoint);
        self.take(endpoint)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.stored.is_empty()
    }

    /// Whether live batches of a neighbour wait.
    pub fn has_live(&self, endpoint: Endpoint) -> bool {
        self.lanes.get(&endpoint).is_some_and(|lane| !lane.live.is_empty())
    }

    /// Whether nothing of our own storage waits.
    pub fn is_restored(&self) -> bool {
        self.stored.is_empty()
    }

    /// Bytes of all waiting items, their entries included.
    pub fn bytes(&self) -> usize {
        self.lanes.values().map(|lane| lane.live_bytes + lane.wanted_bytes).sum()
    }

    /// A neighbour is gone: its earlier batches still count, but its leaves are no longer wanted.
    pub fn handle_detached(&mut self, endpoint: Endpoint) {
        if let Some(lane) = self.lanes.get_mut(&endpoint) {
            lane.gone = true;
        }
        let gone = || self.lanes.iter().filter(|(_, lane)| lane.gone);
        if gone().count() > GONE_MAX
            && let Some((&longest, _)) = gone().max_by_key(|(_, lane)| lane.live_bytes + lane.wanted_bytes)
        {
            self.lanes.remove(&longest);
        }
    }

    /// Forgets the items of a neighbour that broke the rules.
    pub fn forget(&mut self, endpoint: Endpoint) {
        self.lanes.remove(&endpoint);
    }

    fn push_wanted(&mut self, from: Endpoint, wanted: Wanted, bytes: usize) -> Result<(), Full> {
        let lane = self.lanes.entry(from).or_default();
        if lane.wanted_bytes + bytes > REPAIR_BYTES_MAX {
            return Err(Full);
        }
        lane.wanted_bytes += bytes;
        lane.wanted.push_back(wanted);
        Ok(())
    }

    fn take(&mut self, endpoint: Endpoint) -> Option<Next> {
        let lane = self.lanes.get_mut(&endpoint)?;
        if let Some((batch, live)) = lane.again.pop_front() {
            if lane.is_empty() {
                self.lanes.remove(&endpoint);
            }
            return Some(Next::Again(endpoint, batch, live));
        }
        let next = match lane.live.pop_front() {
            Some(batch) => {
                lane.live_bytes -= entry_bytes(&batch);
                Next::Live(endpoint, batch)
            }
            None => match lane.wanted.pop_front()? {
                Wanted::Batch(batch) => {
                    lane.wanted_bytes -= entry_bytes(&batch);
                    Next::Leaf(endpoint, batch)
                }
                Wanted::End(leaf) => {
                    lane.wanted_bytes -= ENTRY_BYTES;
                    Next::LeafEnd(endpoint, leaf)
                }
            },
        };
        if lane.is_empty() {
            self.lanes.remove(&endpoint);
        }
        Some(next)
    }
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.again.is_empty() && self.live.is_empty() && self.wanted.is_empty()
    }
}

fn entry_bytes(batch: &UnverifiedBatch) -> usize {
    batch.bytes().len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;
    use crate::id::{Identity, Instance, PeerId, RoomId};
    use crate::replica::ReplicaNumber;
    use crate::signed::batch::{Header, PAYLOAD_MAX, SignedBatch, StampWindow};
    use alloc::vec;

    fn neighbour(number: u8) -> Endpoint {
        Endpoint { peer: PeerId([number; 32]), instance: Instance(0) }
    }

    fn batch(sequence: u64, payload: usize) -> UnverifiedBatch {
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow::at(Stamp(1 << 16));
        let header = Header::new(author, sequence, window, 0);
        let signed = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &vec![0; payload]);
        UnverifiedBatch::decode(&RoomId([1; 32]), signed.expect("a legal batch").bytes())
            .expect("just written")
    }

    /// The neighbours in turn, with their sequences.
    fn order(queue: &mut Queue) -> Vec<(u8, u64)> {
        let said = |next| match next {
            Next::Live(from, batch) | Next::Leaf(from, batch) | Next::Again(from, batch, _) => {
                (from.peer.0[0], batch.header().sequence)
            }
            Next::LeafEnd(from, (_, leaf)) => (from.peer.0[0], 1000 + u64::from(leaf)),
            Next::Stored(bytes) => (0, bytes.len() as u64),
        };
        core::iter::from_fn(|| queue.take_next()).map(said).collect()
    }

    #[test]
    fn one_neighbours_flood_does_not_delay_the_others() {
        let mut queue = Queue::default();
        (1..=100).for_each(|sequence| queue.push_live(neighbour(1), batch(sequence, 0)).expect("a place"));
        queue.push_live(neighbour(3), batch(500, 0)).expect("a place");
        queue.push_stored([vec![0; 7]]);
        assert_eq!(order(&mut queue)[..4], [(1, 1), (3, 500), (0, 7), (1, 2)]);
        assert!(queue.is_empty() && queue.bytes() == 0);
    }

    #[test]
    fn live_batches_come_before_wanted_ones() {
        let mut queue = Queue::default();
        queue.push_leaf(neighbour(1), batch(1, 0)).expect("a place");
        queue.push_leaf_end(neighbour(1), (ReplicaNumber::FIRST, 9)).expect("a place");
        queue.push_leaf(neighbour(1), batch(2, 0)).expect("a place");
        queue.push_live(neighbour(1), batch(3, 0)).expect("a place");
        assert_eq!(order(&mut queue), [(1, 3), (1, 1), (1, 1009), (1, 2)]);
    }

    #[test]
    fn the_queue_is_bounded_for_each_neighbour() {
        let mut queue = Queue::default();
        let longest = batch(1, PAYLOAD_MAX);
        let filled = (0..1000).take_while(|_| queue.push_live(neighbour(1), longest.clone()).is_ok()).count();
        assert!((LIVE_BYTES_MAX / (longest.bytes().len() + ENTRY_BYTES)) == filled);
        while queue.push_leaf(neighbour(1), longest.clone()).is_ok() {}
        while queue.push_leaf_end(neighbour(1), (ReplicaNumber::FIRST, 1)).is_ok() {}
        assert!(queue.bytes() <= LIVE_BYTES_MAX + REPAIR_BYTES_MAX);
        assert_eq!(queue.push_live(neighbour(2), longest), Ok(()), "the others have their own place");
    }

    #[test]
    fn words_before_leaving_count_and_memory_stays_bounded() {
        let mut queue = Queue::default();
        for number in 1..=200 {
            queue.push_live(neighbour(number), batch(number.into(), 1000)).expect("a place");
            queue.handle_detached(neighbour(number));
        }
        assert_eq!(queue.lanes.len(), GONE_MAX);
        queue.forget(neighbour(200));
        assert!(order(&mut queue).len() < GONE_MAX + 1);
    }
}
