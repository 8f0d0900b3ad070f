//! Serving one neighbour the parts that it wants, no faster than it takes them in.

use alloc::collections::{BTreeSet, VecDeque};

use crate::replica::{Digest, Replica};
use crate::room::message::{PARTS_MAX, PartBegin, PartEnd, RoomMessage};
use crate::signed::batch::SignedBatch;
use crate::wire::Bytes;

/// Bytes of batches that a neighbour which counts them may have left to verify: what a page verifies in a second
/// when each of them is a lone click, so that it never waits for the next ones.
pub const SERVE_WINDOW: usize = 256 * 1024;

/// What one neighbour wants from us.
#[derive(Debug, Default)]
pub(super) struct Serving {
    parts: VecDeque<u32>,
    /// The same, for lookup.
    set: BTreeSet<u32>,
    open: Option<Open>,
    /// Whether the neighbour tells what it has taken in.
    counts: bool,
    /// Bytes that it has not told to have taken in.
    outstanding: usize,
}

/// The part that is being served.
#[derive(Debug)]
struct Open {
    part: u32,
    begin: Option<PartBegin>,
    batches: VecDeque<SignedBatch>,
}

impl Serving {
    /// It wants parts.
    pub(super) fn handle_want(&mut self, parts: &[u32]) {
        for &part in parts {
            if self.parts.len() < PARTS_MAX && self.set.insert(part) {
                self.parts.push_back(part);
            }
        }
    }

    /// It does not want parts any more; one that has begun is served to its end.
    pub(super) fn handle_unwant(&mut self, parts: &[u32]) {
        parts.iter().for_each(|part| {
            self.set.remove(part);
        });
        self.parts.retain(|part| self.set.contains(part));
    }

    /// It has taken in so many bytes of batches.
    pub(super) fn handle_worked_off(&mut self, bytes: u32) {
        self.counts = true;
        self.outstanding = self.outstanding.saturating_sub(bytes as usize);
    }

    /// Whether it wants anything.
    pub(super) fn is_wanted(&self) -> bool {
        self.open.is_some() || !self.parts.is_empty()
    }

    /// The next message of the parts that it wants.
    pub(super) fn serve(&mut self, number: u8, replica: &dyn Replica, rules: Digest) -> Option<RoomMessage> {
        if self.counts && self.outstanding >= SERVE_WINDOW {
            return None;
        }
        if self.open.is_none() {
            let part = self.parts.pop_front()?;
            self.set.remove(&part);
            let batches: VecDeque<SignedBatch> = replica.part_batches(part).into();
            let digest = replica.part_digest(part);
            let begin = PartBegin { replica: number, part, digest, rules, batches: batches.len() as u32 };
            self.open = Some(Open { part, begin: Some(begin), batches });
        }
        let open = self.open.as_mut()?;
        if let Some(begin) = open.begin.take() {
            return Some(RoomMessage::PartBegin(begin));
        }
        let Some(batch) = open.batches.pop_front() else {
            let part = open.part;
            self.open = None;
            return Some(RoomMessage::PartEnd(PartEnd { replica: number, part }));
        };
        if self.counts {
            self.outstanding += batch.bytes().len();
        }
        let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
        Some(RoomMessage::PartBatch(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_waits_for_so_many_parts() {
        let mut serving = Serving::default();
        let most = PARTS_MAX as u32;
        let all: alloc::vec::Vec<u32> = (0..most).collect();
        serving.handle_want(&all);
        assert_eq!(serving.parts.len(), PARTS_MAX);
        serving.handle_want(&[most]);
        assert_eq!(serving.parts.len(), PARTS_MAX);
        serving.handle_unwant(&[0]);
        serving.handle_want(&[most, most + 1]);
        assert_eq!(serving.parts.len(), PARTS_MAX);
        assert_eq!(serving.parts.back(), Some(&most), "there was one place");
        assert_eq!(serving.set.len(), PARTS_MAX);
    }
}
