//! Serves one neighbour the nodes that it opens and the leaves that it wants, no faster than it processes them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Key;
use super::both::Both;
use super::keyed::Keys;
use crate::id::PeerId;
use crate::replica::tree::CHILDREN_MAX;
use crate::replica::{Digest, EMPTY_PART_DIGEST};
use crate::room::message::{KeyedId, LeafEnd, RoomMessage, Want};
use crate::signed::batch::SignedBatch;
use crate::wire::Bytes;

/// Bytes of batches that a neighbour may have unverified: as much as a page verifies in a second if each is a lone
/// click, so that it never waits for the next ones.
pub const SERVE_WINDOW: usize = 256 * 1024;
/// Nodes that a neighbour may wait for: the roots of all replicas, and its concurrent requests. An answer is
/// four hundred times as long as the request, so more are not remembered, and answers go out when the link has space.
pub const OPENS_MAX: usize = 64;
/// Leaves that a neighbour may wait for: twice as many as an honest one requests at a time, since it may have withdrawn
/// some. With its lists of known batches they take 800 kB at most.
pub const WANTS_MAX: usize = 2 * super::source::IN_FLIGHT_MAX;

/// The open requests of one neighbour.
#[derive(Debug, Default)]
pub(super) struct Serving {
    opens: VecDeque<Key>,
    wants: VecDeque<Wanted>,
    leaf: Option<Leaf>,
    /// Bytes that it has not reported as processed.
    outstanding: usize,
}

#[derive(Debug)]
struct Wanted {
    key: Key,
    nonce: u64,
    /// In ascending order.
    have: Vec<KeyedId>,
    known_alone: bool,
}

/// The leaf that is being served.
#[derive(Debug)]
struct Leaf {
    key: Key,
    /// The nonce of the request.
    nonce: u64,
    digest: Digest,
    batches: VecDeque<SignedBatch>,
}

impl Serving {
    /// It opens a node.
    pub(super) fn handle_open(&mut self, key: Key) {
        if self.opens.len() < OPENS_MAX && !self.opens.contains(&key) {
            self.opens.push_back(key);
        }
    }

    /// It wants a leaf.
    pub(super) fn handle_want(&mut self, key: Key, want: &Want) {
        if self.wants.len() < WANTS_MAX {
            let mut have = want.have.to_vec();
            have.sort_unstable();
            self.wants.push_back(Wanted { key, nonce: want.nonce, have, known_alone: want.known_alone });
        }
    }

    /// It no longer wants a leaf. A leaf that has begun is served to its end.
    pub(super) fn handle_unwant(&mut self, key: Key) {
        self.wants.retain(|want| want.key != key);
    }

    /// It has processed this number of bytes of batches.
    pub(super) fn handle_worked_off(&mut self, bytes: u32) {
        self.outstanding = self.outstanding.saturating_sub(bytes as usize);
    }

    /// Whether it has open requests.
    pub(super) fn is_wanted(&self) -> bool {
        self.leaf.is_some() || !self.wants.is_empty() || !self.opens.is_empty()
    }

    /// The next requested message. Overfull leaves contain only batches of known authors.
    pub(super) fn serve(
        &mut self,
        both: Both<'_>,
        is_known: &dyn Fn(&PeerId) -> bool,
    ) -> Option<RoomMessage> {
        if let Some(key) = self.opens.pop_front() {
            return Some(RoomMessage::Nodes(both.nodes(key, CHILDREN_MAX)));
        }
        if self.outstanding >= SERVE_WINDOW {
            return None;
        }
        if self.leaf.is_none() {
            let Wanted { key, nonce, have, known_alone } = self.wants.pop_front()?;
            let kept = both.kept(key.0);
            let digest = kept.map_or(EMPTY_PART_DIGEST, |kept| kept.digest(key.1));
            let mut batches: VecDeque<_> = kept.map(|kept| kept.batches(key.1)).unwrap_or_default().into();
            if known_alone {
                batches.retain(|batch| is_known(&batch.peer()));
            }
            if !have.is_empty() {
                let keys = Keys::new(nonce);
                batches.retain(|batch| have.binary_search(&keys.id_of(batch)).is_err());
            }
            self.leaf = Some(Leaf { key, nonce, digest, batches });
        }
        let leaf = self.leaf.as_mut()?;
        if let Some(batch) = leaf.batches.pop_front() {
            self.outstanding += batch.bytes().len();
            let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
            return Some(RoomMessage::LeafBatch(bytes));
        }
        let Leaf { key: (number, leaf), nonce, digest, .. } = self.leaf.take()?;
        Some(RoomMessage::LeafEnd(LeafEnd { replica: number.to_byte(), leaf, nonce, digest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::ReplicaNumber;
    use crate::wire::Bounded;

    #[test]
    fn a_neighbour_waits_for_so_much() {
        let mut serving = Serving::default();
        let key = |node: usize| (ReplicaNumber::FIRST, node as u32);
        for node in 0..2 * OPENS_MAX {
            serving.handle_open(key(node));
            serving.handle_open(key(0));
        }
        assert_eq!(serving.opens.len(), OPENS_MAX);
        let want = Want { replica: 0, leaf: 0, nonce: 0, have: Bounded::default(), known_alone: false };
        (0..2 * WANTS_MAX).for_each(|leaf| serving.handle_want(key(leaf), &want));
        assert_eq!(serving.wants.len(), WANTS_MAX);
        serving.handle_unwant(key(0));
        serving.handle_want(key(500), &want);
        serving.handle_want(key(501), &want);
        assert_eq!(serving.wants.len(), WANTS_MAX);
        assert_eq!(serving.wants.back().map(|want| want.key), Some(key(500)), "there was one place");
    }
}
