//! What one kind of replica is made of.

use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{ContentError, Digest, Fold, Retraction};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::signed::batch::{Batch, Header};

/// The place of a batch in its part. Sixteen bits are enough: each batch wins an entry of its own, of
/// [`PART_BATCHES_MAX`](super::PART_BATCHES_MAX) at most, and one place more is taken while a batch is applied.
pub type Slot = u16;

/// An entry as batches of a family write it.
pub type WriteOf<F> = <<F as Family>::Entries as Entries>::Write;

/// How a family of replicas reads batches, and what a retraction covers.
pub trait Family: Send + Sync + 'static {
    /// The entries of one part.
    type Entries: Entries;
    /// What looks different after a change.
    type Change: Send + Sync + 'static;
    /// What the family has to know of a part to tell where an entry is.
    type Place: Copy;

    /// Parts are numbered from 0 to below this, at most [`PARTS_MAX`](super::PARTS_MAX).
    fn part_count(&self) -> u32;
    /// Where a part is; `None` for a number out of range.
    fn place(&self, part: u32) -> Option<Self::Place>;
    /// The part that a batch writes in, and what it writes.
    ///
    /// # Errors
    /// [`ContentError`] says why it is no batch of this family.
    fn read(&self, header: &Header, payload: &[u8]) -> Result<(u32, Vec<WriteOf<Self>>), ContentError>;
    /// The part that a payload writes in and its cost, without reading its entries; `None` when it breaks off.
    fn outline(payload: &[u8]) -> Option<(u32, usize)>;
    /// What a batch that writes this costs where a room's rules have a limit.
    fn cost(writes: &[WriteOf<Self>]) -> usize;
    /// What carries these entries of a part. Where one stands more than once, the last counts. `None` when there is
    /// nothing to carry.
    fn fold(&self, part: u32, writes: Vec<WriteOf<Self>>) -> Option<Fold>;
    /// Whether a retraction may cover an entry of this part.
    fn touches(retraction: &Retraction, place: Self::Place) -> bool;
    /// Whether a retraction covers what `peer` wrote.
    fn covers(retraction: &Retraction, place: Self::Place, write: &WriteOf<Self>, peer: PeerId) -> bool;
    /// What is to be told of an entry that shows what was written, or nothing where it is hidden.
    fn change(place: Self::Place, write: &WriteOf<Self>, is_hidden: bool) -> Self::Change;
    /// What is to be told of a part that became another.
    fn differences(
        &self,
        place: Self::Place,
        before: &Self::Entries,
        after: &Self::Entries,
        changed: &mut Vec<Self::Change>,
    );
}

/// The entries of one part, each with the slot of the batch that holds it.
pub trait Entries: Default + Send + Sync + 'static {
    /// An entry as a batch writes it.
    type Write: Clone + Send + Sync + 'static;

    /// When it was written.
    fn stamp(write: &Self::Write) -> Stamp;
    /// The same entry, written at another time.
    fn restamped(write: &Self::Write, stamp: Stamp) -> Self::Write;
    /// Stamp and batch of what holds the entry that `write` is for; `None` where nobody wrote.
    fn holder(&self, write: &Self::Write) -> Option<(Stamp, Slot)>;
    /// The content of `write` against what `holder` wrote for the same entry, for equal stamps and authors.
    fn compare(&self, write: &Self::Write, holder: &Batch) -> Ordering;
    /// Lets a write hold its entry. Returns whether that looks different now.
    fn set(&mut self, write: &Self::Write, slot: Slot, is_hidden: bool) -> bool;
    /// The greatest stamp of all entries.
    fn greatest_stamp(&self) -> Stamp;
    /// All entries that are not hidden and that batches of these slots hold.
    fn held_by(&self, is_meant: impl Fn(Slot) -> bool) -> Vec<Self::Write>;
    /// The digest of stamps, authors and contents; [`EMPTY_PART_DIGEST`](super::EMPTY_PART_DIGEST) where nobody wrote.
    fn digest(&self, author: impl Fn(Slot) -> PeerId) -> Digest;
    /// Batches moved: that of slot n is in slot `moved[n]` now.
    fn remap(&mut self, moved: &[Slot]);
    /// Bytes of memory beyond the value itself.
    fn memory(&self) -> usize;
}
