//! A family unlike those of our apps: a set in which nothing replaces anything.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

use proptest::prelude::*;

use super::*;
use crate::id::{Endpoint, Identity, Instance, RoomId};
use crate::signed::batch::BatchKey;
use crate::signed::batch::{Batch, StampWindow};

/// Every byte that anybody ever added, each held by the batch that added it; the byte's upper half is its part.
struct Set(Parts<Bytes>);

struct Bytes;

/// A byte, who added it, and in which of their batches: so that each addition is an entry of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Added {
    byte: u8,
    by: [u8; 4],
    sequence: u64,
    stamp: Stamp,
}

#[derive(Default)]
struct Additions(BTreeMap<Added, (Slot, bool)>);

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Set")
    }
}

impl MadeOfParts for Set {
    type Family = Bytes;

    fn made_of(&self) -> &Parts<Bytes> {
        &self.0
    }

    fn made_of_mut(&mut self) -> &mut Parts<Bytes> {
        &mut self.0
    }
}

impl Family for Bytes {
    type Entries = Additions;
    type Change = u8;
    type Place = ();

    fn part_count(&self) -> u32 {
        16
    }

    fn place(&self, part: u32) -> Option<()> {
        (part < 16).then_some(())
    }

    fn read(&self, header: &Header, payload: &[u8]) -> Result<(u32, Vec<Added>), ContentError> {
        let part = |byte: u8| u32::from(byte >> 4);
        let first = payload.first().map(|first| part(*first)).ok_or_else(|| ContentError("empty".into()))?;
        let [a, b, c, d, ..] = header.author.peer.0;
        let (by, sequence, stamp) = ([a, b, c, d], header.sequence, header.window.most);
        let added = payload.iter().map(|&byte| Added { byte, by, sequence, stamp }).collect();
        Ok((first, added))
    }

    fn outline(payload: &[u8]) -> Option<(u32, usize)> {
        Some((u32::from(payload.first()? >> 4), payload.len()))
    }

    fn cost(writes: &[Added]) -> usize {
        writes.len()
    }

    /// Nothing is ever said in fewer batches: each of them stands for what it added.
    fn fold(&self, _: u32, _: Vec<Added>) -> Option<Fold> {
        None
    }

    fn touches(_: &Retraction, (): ()) -> bool {
        true
    }

    fn covers(retraction: &Retraction, (): (), write: &Added, peer: PeerId) -> bool {
        retraction.is_of(write.stamp, peer)
    }

    fn change((): (), write: &Added, _: bool) -> u8 {
        write.byte
    }

    fn differences(&self, (): (), before: &Additions, after: &Additions, changed: &mut Vec<u8>) {
        let shown = |additions: &Additions| -> BTreeSet<Added> {
            additions.0.iter().filter(|(_, (_, is_hidden))| !is_hidden).map(|(added, _)| *added).collect()
        };
        changed.extend(shown(before).symmetric_difference(&shown(after)).map(|added| added.byte));
    }
}

impl Entries for Additions {
    type Write = Added;

    fn stamp(write: &Added) -> Stamp {
        write.stamp
    }

    fn restamped(write: &Added, stamp: Stamp) -> Added {
        Added { stamp, ..*write }
    }

    fn holder(&self, write: &Added) -> Option<(Stamp, Slot)> {
        self.0.get(write).map(|(slot, _)| (write.stamp, *slot))
    }

    fn compare(&self, _: &Added, _: &Batch) -> Ordering {
        Ordering::Equal
    }

    fn set(&mut self, write: &Added, slot: Slot, is_hidden: bool) -> bool {
        self.0.insert(*write, (slot, is_hidden)).is_none_or(|(_, was_hidden)| was_hidden != is_hidden)
    }

    fn greatest_stamp(&self) -> Stamp {
        self.0.keys().map(|added| added.stamp).max().unwrap_or(Stamp::NEVER)
    }

    fn held_by(&self, is_meant: impl Fn(Slot) -> bool) -> Vec<Added> {
        let held = self.0.iter().filter(|(_, (slot, is_hidden))| !is_hidden && is_meant(*slot));
        held.map(|(added, _)| *added).collect()
    }

    fn digest(&self, _: impl Fn(Slot) -> PeerId) -> Digest {
        if self.0.is_empty() {
            return EMPTY_PART_DIGEST;
        }
        let mut hasher = blake3::Hasher::new();
        for (added, (_, is_hidden)) in &self.0 {
            hasher.update(&[added.byte, u8::from(*is_hidden)]).update(&added.by);
            hasher.update(&added.sequence.to_le_bytes()).update(&added.stamp.0.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    fn remap(&mut self, moved: &[Slot]) {
        self.0.values_mut().for_each(|(slot, _)| *slot = moved[usize::from(*slot)]);
    }

    fn memory(&self) -> usize {
        self.0.len() * size_of::<(Added, (Slot, bool))>()
    }
}

fn set() -> Box<dyn Replica> {
    Box::new(Set(Parts::new(Bytes)))
}

fn batch(person: u8, sequence: u64, bytes: &[u8]) -> SignedBatch {
    let identity = Identity::from_secret([person + 1; 32]);
    let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let window = StampWindow::at(Stamp(sequence << 16));
    let header = Header::new(author, sequence, window, 0);
    SignedBatch::sign(&identity, &RoomId([1; 32]), &header, bytes).expect("short")
}

/// Twelve batches of three people, some of which add the same bytes.
fn batches() -> Vec<SignedBatch> {
    let of = |person: u8| {
        (1..5).map(move |sequence| batch(person, sequence, &[(sequence as u8 % 3) << 4 | person]))
    };
    (0..3).flat_map(of).collect()
}

fn apply(set: &mut dyn Replica, batch: &SignedBatch) -> Applied<Option<Changes>> {
    let content = set.check(&batch.header(), batch.payload()).expect("it is of the set");
    set.apply(batch.clone(), content)
}

/// What a set is, and which batches it keeps.
fn state(set: &dyn Replica) -> (Digest, Vec<Below>, BTreeSet<BatchKey>) {
    (set.digest(), set.below(tree::ROOT, 0, 64), set.batches().map(|batch| batch.key()).collect())
}

proptest! {
    #[test]
    fn a_set_keeps_every_batch_in_any_order(
        order in Just(batches()).prop_shuffle(),
        again in 0..12usize,
    ) {
        let (mut straight, mut shuffled) = (set(), set());
        for batch in &batches() {
            prop_assert!(apply(&mut *straight, batch).kept);
        }
        for batch in order.iter().chain(&order[..again]) {
            let applied = apply(&mut *shuffled, batch);
            prop_assert!(applied.dropped.is_empty(), "nothing replaces anything");
        }
        prop_assert_eq!(state(&*shuffled), state(&*straight));
        prop_assert_eq!(shuffled.batch_count(), 12);
        for Below { number, digest, is_leaf } in straight.below(tree::ROOT, 0, 64) {
            let mut served = set();
            shuffled.node_batches(number, 0).iter().for_each(|batch| drop(apply(&mut *served, batch)));
            prop_assert_eq!((served.node_digest(number, 0), is_leaf), (digest, true));
        }
    }

    #[test]
    fn what_a_set_takes_back_comes_back(banned in 0..3u8, until in 0..6u64) {
        let mut set = set();
        batches().iter().for_each(|batch| drop(apply(&mut *set, batch)));
        let before = state(&*set);
        let peer = Identity::from_secret([banned + 1; 32]).peer();
        let stands = |batch: &SignedBatch| batch.peer() != peer;
        let enforced = set.enforce(&stands, &[], &mut core::iter::empty());
        prop_assert_eq!((enforced.removed.len(), set.batch_count()), (4, 8));
        enforced.removed.iter().for_each(|batch| drop(apply(&mut *set, batch)));
        prop_assert_eq!(state(&*set), before.clone());
        let retracted = Retraction {
            replica: ReplicaNumber::FIRST,
            until: Stamp(until << 16),
            author: Some(peer),
            scope: crate::wire::Bytes::default(),
        };
        let hidden = set.enforce(&|_| true, &[retracted], &mut core::iter::empty());
        prop_assert_eq!(hidden.changed.map_or(0, |changes| changes.of::<u8>().len()), until.min(4) as usize);
        prop_assert_eq!(set.digest() == before.0, until == 0);
        set.enforce(&|_| true, &[], &mut core::iter::empty());
        prop_assert_eq!(state(&*set), before);
    }
}
