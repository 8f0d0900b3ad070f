//! An entry of a table, which lies in the bytes of its batch, and the order of entries.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;

use super::payload::{Field, PEER, Payload, Writer, Written, field_length};
use crate::clock::Stamp;
use crate::id::PeerId;
use crate::replica::Digest;
use crate::signed::batch::SignedBatch;

/// An entry's digest is blake3 in its key derivation mode under this context.
const ENTRY_CONTEXT: &str = "meshwork table entry digest v1";
/// The place of row and field in the tree is blake3 in its key derivation mode under this context.
const PATH_CONTEXT: &str = "meshwork table path v1";

/// What somebody wrote in a field. Cheap to clone: its bytes are those of its batch.
#[derive(Clone)]
pub struct Entry {
    batch: SignedBatch,
    stamp: Stamp,
    /// By which number its table knows the batch.
    number: u32,
    row: Span,
    /// Behind a byte that says who may write the field.
    name: Span,
    /// Begins with 0 where the field is removed.
    value: Span,
}

/// Where something lies in a batch. A batch is short enough for two bytes each.
#[derive(Clone, Copy)]
struct Span {
    from: u16,
    length: u16,
}

impl Span {
    const NOTHING: Span = Span { from: 0, length: 0 };

    /// Where `part` lies in `whole`, of which it is a part.
    fn of(part: &[u8], whole: &[u8]) -> Span {
        let from = part.as_ptr() as usize - whole.as_ptr() as usize;
        Span { from: from as u16, length: part.len() as u16 }
    }

    fn within(self, whole: &[u8]) -> &[u8] {
        &whole[usize::from(self.from)..][..usize::from(self.length)]
    }
}

impl Entry {
    /// The entries of a batch, which was checked, in the order of their fields.
    pub(super) fn all_of(batch: &SignedBatch, number: u32) -> impl Iterator<Item = Entry> {
        let payload = Payload::read(&batch.header(), batch.payload()).ok();
        let bytes = batch.bytes();
        payload.into_iter().flat_map(move |Payload { row, entries }| {
            entries.into_iter().map(move |Written { field, stamp, value }| Entry {
                batch: batch.clone(),
                stamp,
                number,
                row: Span::of(row, bytes),
                name: Span::of(field.1, bytes),
                value: value.map_or(Span::NOTHING, |value| Span::of(value, bytes)),
            })
        })
    }

    /// The row's id.
    pub fn row(&self) -> &[u8] {
        self.row.within(self.batch.bytes())
    }

    /// The field: who may write it, and its name.
    pub fn field(&self) -> Field<'_> {
        let writer = Writer::marked(self.mark(), self.author()).expect("the batch was read");
        (writer, self.name.within(self.batch.bytes()))
    }

    /// The byte that says who may write the field.
    fn mark(&self) -> u8 {
        self.batch.bytes()[usize::from(self.name.from) - 1]
    }

    /// The value; `None` where the field was removed.
    pub fn value(&self) -> Option<&[u8]> {
        (self.value.from > 0).then(|| self.value.within(self.batch.bytes()))
    }

    /// Who wrote it.
    pub fn author(&self) -> PeerId {
        self.batch.peer()
    }

    /// When it was written.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// By which number its table knows the batch.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Bytes that count against its author's quota.
    pub(super) fn size(&self) -> u64 {
        let field = field_length(self.field()) as u64;
        u64::from(self.row.length) + field + u64::from(self.value.length)
    }

    /// Whether it counts against its author's quota: fields of moderators do not.
    pub(super) fn counts(&self) -> bool {
        self.field().0 != Writer::Moderators
    }

    /// Whether both are the same entry of the same batch.
    pub(super) fn is(&self, other: &Entry) -> bool {
        self.number == other.number && self.name.from == other.name.from
    }

    /// The first 64 bits of the hash of row and field.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key(PATH_CONTEXT);
        self.hash_place(&mut hasher);
        hasher.finalize().as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }

    /// The digest of what it says. What is hidden reads as removed.
    pub(super) fn digest(&self, is_hidden: bool) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(ENTRY_CONTEXT);
        self.hash_place(&mut hasher);
        if planted!(FieldDigest) {
            return *hasher.finalize().as_bytes();
        }
        hasher.update(&self.stamp.0.to_le_bytes()).update(&self.author().0);
        match self.value().filter(|_| !is_hidden) {
            Some(value) => hasher.update(&[1]).update(value),
            None => hasher.update(&[0]),
        };
        *hasher.finalize().as_bytes()
    }

    fn hash_place(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[self.row.length as u8]).update(self.row());
        let (writer, name) = self.field();
        let (mark, key) = writer.head();
        hasher.update(&[field_length((writer, name)) as u8, mark]).update(key).update(name);
    }

    /// Which of two entries of one field wins: the greater. The last word has the batch, so that a fold takes over what
    /// it repeats.
    fn compare(&self, other: &Entry) -> Ordering {
        let content = |entry: &Entry| entry.value().is_none();
        if planted!(RemovalLoses) && content(self) != content(other) {
            return content(other).cmp(&content(self));
        }
        if planted!(FieldByArrival) {
            return self.stamp.cmp(&other.stamp).then_with(|| self.number.cmp(&other.number));
        }
        let order = self.stamp.cmp(&other.stamp).then_with(|| self.author().cmp(&other.author()));
        let order = order.then_with(|| content(self).cmp(&content(other)));
        let order = order.then_with(|| self.value().cmp(&other.value()));
        order.then_with(|| self.batch.compare_rank(&other.batch))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entry = f.debug_struct("Entry");
        entry.field("row", &self.row()).field("field", &self.field()).field("value", &self.value());
        entry.field("author", &self.author()).field("stamp", &self.stamp).finish()
    }
}

/// An entry in the order of its table: by row and field, then from the one that wins to the least.
#[derive(Clone, Debug)]
pub(super) struct InTable(pub(super) Entry);

/// An entry in the order in which its author's quota takes them: the latest first.
#[derive(Clone, Debug)]
pub(super) struct Latest(pub(super) Entry);

/// A place in the order of a table: that of an entry, or the one before all entries of a field.
pub(super) trait Place {
    /// The row's id.
    fn row(&self) -> &[u8];
    /// The field as its bytes lie behind each other: who may write it, that peer's key if it is one peer's, and its name.
    fn field(&self) -> (u8, &[u8], &[u8]);
    /// The entry, if it is an entry's place.
    fn entry(&self) -> Option<&Entry>;
}

impl Place for Entry {
    fn row(&self) -> &[u8] {
        self.row()
    }

    fn field(&self) -> (u8, &[u8], &[u8]) {
        let mark = self.mark();
        let key: &[u8] = if mark == PEER { self.batch.peer_bytes() } else { &[] };
        (mark, key, self.name.within(self.batch.bytes()))
    }

    fn entry(&self) -> Option<&Entry> {
        Some(self)
    }
}

impl Place for (&[u8], Field<'_>) {
    fn row(&self) -> &[u8] {
        self.0
    }

    fn field(&self) -> (u8, &[u8], &[u8]) {
        let (writer, name) = &self.1;
        let (mark, key) = writer.head();
        (mark, key, name)
    }

    fn entry(&self) -> Option<&Entry> {
        None
    }
}

/// The order of rows and their fields. One copy of it: all entries of a table are sorted by it in many places.
#[inline(never)]
pub(super) fn by_field(one: &dyn Place, other: &dyn Place) -> Ordering {
    one.row().cmp(other.row()).then_with(|| one.field().cmp(&other.field()))
}

impl Ord for dyn Place + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        by_field(self, other).then_with(|| match (self.entry(), other.entry()) {
            (Some(one), Some(another)) => another.compare(one),
            (one, another) => one.is_some().cmp(&another.is_some()),
        })
    }
}

/// Equality and order of what has an order of its own.
macro_rules! ordered {
    ($($type:ty)*) => {$(
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $type {}
    )*};
}
ordered!(InTable Latest dyn Place + '_);

impl<'a> Borrow<dyn Place + 'a> for InTable {
    fn borrow(&self) -> &(dyn Place + 'a) {
        &self.0
    }
}

impl Ord for InTable {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.0 as &dyn Place).cmp(&other.0)
    }
}

impl Ord for Latest {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.stamp.cmp(&self.0.stamp).then_with(|| (&self.0 as &dyn Place).cmp(&other.0))
    }
}
