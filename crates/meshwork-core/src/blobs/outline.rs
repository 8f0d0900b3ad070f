//! What a blob's bytes are checked by, a group at a time: the inner values of its BLAKE3 hash.
//!
//! BLAKE3 is a tree over the bytes (<https://github.com/BLAKE3-team/BLAKE3-specs>, section 2.4). The values at the roots of
//! its groups of [`GROUP`] bytes, 32 bytes each, prove themselves against the hash, and each proves its group.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use blake3::Hasher;
use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a group: as many as of the longest batch, so that neither holds up a link for longer.
pub const GROUP: usize = 64 * 1024;
/// Longest blob, in bytes: an outline of 8 MiB.
pub const BLOB_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Groups of the longest blob.
pub const GROUPS_MAX: u32 = (BLOB_MAX / GROUP as u64) as u32;

/// What a blob is named by: the BLAKE3 hash of its bytes, shown as `b3sum` shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no blob's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a blob, which has 64 hexadecimal digits")]
pub struct NoBlobId(pub String);

impl FromStr for BlobId {
    type Err = NoBlobId;

    fn from_str(text: &str) -> Result<BlobId, NoBlobId> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| NoBlobId(String::from(text)))?;
        Ok(BlobId(*hash.as_bytes()))
    }
}

/// Raw on a binary wire; in JSON the digits, as programs and pages write them.
impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BlobId, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(BlobId)
        }
    }
}

/// The value at the root of a group.
pub type GroupValue = [u8; 32];

/// How long a blob is and what its groups are checked by. It belongs to its hash: there is no way to make one that does
/// not.
#[derive(Clone, PartialEq, Eq)]
pub struct Outline {
    id: BlobId,
    size: u64,
    /// None for a blob of one group, which its hash itself proves.
    values: Vec<GroupValue>,
}

impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline").field("id", &self.id).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Values that are not those of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are not the values of a blob of {size} bytes with this hash")]
pub struct NotItsOutline {
    /// How long the blob was said to be.
    pub size: u64,
}

impl Outline {
    /// Of bytes at hand.
    pub fn of(bytes: &[u8]) -> Outline {
        let mut outliner = Outliner::default();
        outliner.push(bytes);
        outliner.finish()
    }

    /// Of what somebody says.
    ///
    /// The number of groups is proved by that, and the rest of `size` by the last group.
    ///
    /// # Errors
    /// [`NotItsOutline`] where the values do not lead to the hash, or the blob would be longer than [`BLOB_MAX`].
    pub fn new(id: BlobId, size: u64, values: Vec<GroupValue>) -> Result<Outline, NotItsOutline> {
        let holds = size <= BLOB_MAX
            && match group_count(size) {
                1 => values.is_empty(),
                count => values.len() == count as usize && root(&values) == id,
            };
        if holds { Ok(Outline { id, size, values }) } else { Err(NotItsOutline { size }) }
    }

    /// The blob's hash.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Bytes of the blob.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many groups it has, at least one.
    pub fn groups(&self) -> u32 {
        group_count(self.size)
    }

    /// What its groups are checked by: as many as it has, but none for a single one.
    pub fn values(&self) -> &[GroupValue] {
        &self.values
    }

    /// Whether these are the bytes of a group.
    pub fn holds(&self, group: u32, bytes: &[u8]) -> bool {
        if group >= self.groups() || bytes.len() != group_len(self.size, group) {
            return false;
        }
        match self.values.get(group as usize) {
            Some(value) => value_of(group, bytes) == *value,
            None => *blake3::hash(bytes).as_bytes() == self.id.0,
        }
    }
}

/// Groups of so many bytes, at least one.
pub fn group_count(size: u64) -> u32 {
    u32::try_from(size.div_ceil(GROUP as u64).max(1)).unwrap_or(u32::MAX)
}

/// Bytes of a group of a blob of `size` bytes; 0 beyond its end.
pub fn group_len(size: u64, group: u32) -> usize {
    size.saturating_sub(u64::from(group) * GROUP as u64).min(GROUP as u64) as usize
}

fn value_of(group: u32, bytes: &[u8]) -> GroupValue {
    Hasher::new().set_input_offset(u64::from(group) * GROUP as u64).update(bytes).finalize_non_root()
}

/// The values below a node, left and right: all trees are complete on the left.
fn halves(values: &[GroupValue]) -> (&[GroupValue], &[GroupValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}

fn merged(values: &[GroupValue]) -> GroupValue {
    match values {
        [value] => *value,
        values => {
            let (left, right) = halves(values);
            merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
        }
    }
}

/// The hash of two groups or more.
fn root(values: &[GroupValue]) -> BlobId {
    let (left, right) = halves(values);
    BlobId(*merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).as_bytes())
}

/// Makes an outline of bytes that come piece by piece.
#[derive(Default)]
pub struct Outliner {
    size: u64,
    /// Of the last group.
    hasher: Hasher,
    in_group: usize,
    values: Vec<GroupValue>,
}

impl Outliner {
    /// Takes in what comes next.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.in_group == GROUP {
                self.values.push(self.hasher.finalize_non_root());
                self.hasher = Hasher::new();
                self.hasher.set_input_offset(self.size);
                self.in_group = 0;
            }
            let (now, later) = bytes.split_at(bytes.len().min(GROUP - self.in_group));
            self.hasher.update(now);
            self.in_group += now.len();
            self.size += now.len() as u64;
            bytes = later;
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Of all that came.
    pub fn finish(self) -> Outline {
        let Outliner { size, hasher, mut values, .. } = self;
        let id = if values.is_empty() {
            BlobId(*hasher.finalize().as_bytes())
        } else {
            values.push(hasher.finalize_non_root());
            root(&values)
        };
        Outline { id, size, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
    }

    #[test]
    fn a_blob_is_named_by_its_plain_hash() {
        for length in [0, 1, 1024, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP, 5 * GROUP + 77, 8 * GROUP] {
            let bytes = bytes(length);
            let outline = Outline::of(&bytes);
            assert_eq!(outline.id().to_string(), blake3::hash(&bytes).to_string(), "{length}");
            assert_eq!(outline.id().to_string().parse(), Ok(outline.id()));
            let json = serde_json::to_string(&outline.id()).expect("it has a form");
            assert_eq!(json, alloc::format!("\"{}\"", outline.id()));
            assert_eq!(serde_json::from_str::<BlobId>(&json).ok(), Some(outline.id()));
            for (number, group) in bytes.chunks(GROUP).enumerate() {
                assert!(outline.holds(number as u32, group), "{length}: {number}");
            }
            assert!(!outline.holds(outline.groups(), &[]));
            let again = Outline::new(outline.id(), outline.size(), outline.values().to_vec());
            assert_eq!(again, Ok(outline));
        }
    }

    #[test]
    fn bytes_come_in_any_pieces() {
        let bytes = bytes(2 * GROUP + 5000);
        let mut outliner = Outliner::default();
        bytes.chunks(4099).for_each(|piece| outliner.push(piece));
        assert_eq!(outliner.size(), bytes.len() as u64);
        assert_eq!(outliner.finish(), Outline::of(&bytes));
    }

    #[test]
    fn a_changed_group_does_not_hold() {
        let bytes = bytes(3 * GROUP);
        let outline = Outline::of(&bytes);
        let mut changed = bytes[GROUP..2 * GROUP].to_vec();
        assert!(outline.holds(1, &changed) && !outline.holds(0, &changed));
        changed[GROUP - 1] ^= 1;
        assert!(!outline.holds(1, &changed));
        assert!(!outline.holds(1, &changed[1..]));
    }

    #[test]
    fn values_of_another_hash_are_refused() {
        let outline = Outline::of(&bytes(3 * GROUP));
        let (id, size) = (outline.id(), outline.size());
        let mut values = outline.values().to_vec();
        values.swap(0, 1);
        let refused = Err(NotItsOutline { size });
        assert_eq!(Outline::new(id, size, values), refused);
        assert_eq!(Outline::new(id, size, vec![]), refused);
        assert_eq!(Outline::new(id, size, outline.values()[..2].to_vec()), refused);
        let longer = size + 1;
        let longer = Outline::new(id, longer, outline.values().to_vec());
        assert_eq!(longer, Err(NotItsOutline { size: size + 1 }), "it would have a group more");
        let most = Outline::new(id, BLOB_MAX + 1, vec![[0; 32]; GROUPS_MAX as usize + 1]);
        assert_eq!(most, Err(NotItsOutline { size: BLOB_MAX + 1 }));
    }

    #[test]
    fn texts_that_are_no_hash_are_refused() {
        for text in ["", "00", &"g".repeat(64), &"0".repeat(65)] {
            assert_eq!(text.parse::<BlobId>(), Err(NoBlobId(String::from(text))));
        }
    }
}
