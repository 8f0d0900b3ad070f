//! Lists that travel beside a record and are named in it by their hash: batches that stay, and who keeps access.
//!
//! A list is its items in ascending order, one behind the other, each of a fixed length; no item stands twice. So one
//! set has one byte string. A record says how many items there are, so whoever fetches a list knows its length before.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::PeerId;

/// Ids on one list of batches that stay: 1 MiB.
pub const CUT_LIST_MAX: usize = 65_536;
/// Peers on one list of those who keep access to a room: 512 KiB.
pub const ACCESS_LIST_MAX: usize = 16_384;

/// The first 16 bytes of the id of a batch or of the hash of a record: 8 could be ground.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShortId(pub [u8; 16]);

impl ShortId {
    /// The beginning of an id or a hash.
    pub fn of(id: &[u8; 32]) -> ShortId {
        ShortId(*id.first_chunk().expect("32 bytes begin with 16"))
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What stands on a list.
pub trait Item: Copy + Ord {
    /// The most items of one list.
    const MAX: usize;
    /// Bytes of one item.
    const LEN: usize;
    /// The context of the hash, so that a list of one kind is none of the other.
    const CONTEXT: &str;
    /// Reads an item of [`Item::LEN`] bytes.
    fn read(bytes: &[u8]) -> Option<Self>;
    /// The item's bytes.
    fn bytes(&self) -> &[u8];
}

impl Item for ShortId {
    const MAX: usize = CUT_LIST_MAX;
    const LEN: usize = 16;
    const CONTEXT: &str = "meshwork cut list v2";

    fn read(bytes: &[u8]) -> Option<ShortId> {
        bytes.try_into().ok().map(ShortId)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Item for PeerId {
    const MAX: usize = ACCESS_LIST_MAX;
    const LEN: usize = 32;
    const CONTEXT: &str = "meshwork access list v2";

    fn read(bytes: &[u8]) -> Option<PeerId> {
        bytes.try_into().ok().map(PeerId)
    }

    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// How a record names a list.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListName {
    /// Items of the list.
    pub count: u32,
    /// blake3 of its bytes, in key derivation mode under the context of its kind.
    pub hash: [u8; 32],
}

impl fmt::Debug for ListName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.count, ShortId::of(&self.hash))
    }
}

/// Items in ascending order, and the hash of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    items: Vec<T>,
    hash: [u8; 32],
}

/// Batches and moderators' records that stay, of those who lose a right.
pub type CutList = List<ShortId>;
/// Who keeps access to a room when its secret changes.
pub type AccessList = List<PeerId>;

/// Why bytes are not the list that a record names. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// More items than a list may have.
    #[error("a list of {count} items is above the limit of {most}")]
    TooMany {
        /// As given.
        count: usize,
        /// The most.
        most: usize,
    },
    /// Not as many bytes as its items take.
    #[error("{bytes} bytes are not {count} items")]
    Length {
        /// As they came.
        bytes: usize,
        /// As the record says.
        count: u32,
    },
    /// An item is not greater than the one before.
    #[error("item {0} of a list is not greater than the one before")]
    Order(usize),
    /// It is another list than the record names.
    #[error("a list has another hash than its record says: {0}")]
    Hash(String),
}

impl<T: Item> List<T> {
    /// The list of these items, in whatever order and however often they come.
    ///
    /// # Errors
    /// [`ListError::TooMany`]; the items are dropped.
    pub fn new(mut items: Vec<T>) -> Result<List<T>, ListError> {
        items.sort_unstable();
        items.dedup();
        check_count::<T>(items.len())?;
        let hash = hash::<T>(&encode(&items));
        Ok(List { items, hash })
    }

    /// Whether the item is on the list.
    pub fn contains(&self, item: &T) -> bool {
        self.items.binary_search(item).is_ok()
    }

    /// The items, in ascending order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How a record names it.
    pub fn name(&self) -> ListName {
        ListName { count: self.items.len() as u32, hash: self.hash }
    }

    /// The list as it travels and is stored.
    pub fn encode(&self) -> Vec<u8> {
        encode(&self.items)
    }

    /// Reads the list that a record names.
    ///
    /// # Errors
    /// [`ListError`]; no memory was taken beyond the bytes themselves.
    pub fn decode(bytes: &[u8], name: &ListName) -> Result<List<T>, ListError> {
        check_count::<T>(name.count as usize)?;
        if bytes.len() != name.count as usize * T::LEN {
            return Err(ListError::Length { bytes: bytes.len(), count: name.count });
        }
        let read = hash::<T>(bytes);
        if read != name.hash {
            return Err(ListError::Hash(alloc::format!("{:?}", ShortId::of(&read))));
        }
        let items: Vec<T> = bytes.chunks_exact(T::LEN).filter_map(T::read).collect();
        match items.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(place) => Err(ListError::Order(place + 1)),
            None => Ok(List { items, hash: read }),
        }
    }
}

impl<T: Item> Default for List<T> {
    fn default() -> Self {
        List { items: Vec::new(), hash: hash::<T>(&[]) }
    }
}

fn encode<T: Item>(items: &[T]) -> Vec<u8> {
    items.iter().flat_map(|item| item.bytes()).copied().collect()
}

fn check_count<T: Item>(count: usize) -> Result<(), ListError> {
    if count > T::MAX { Err(ListError::TooMany { count, most: T::MAX }) } else { Ok(()) }
}

fn hash<T: Item>(bytes: &[u8]) -> [u8; 32] {
    blake3::derive_key(T::CONTEXT, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u32) -> ShortId {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ShortId(bytes)
    }

    proptest! {
        #[test]
        fn lists_read_as_they_are_written(numbers in proptest::collection::vec(0..200u32, 0..100)) {
            let list = CutList::new(numbers.iter().copied().map(id).collect()).expect("few");
            prop_assert_eq!(CutList::decode(&list.encode(), &list.name()), Ok(list.clone()));
            prop_assert!((0..200).all(|number| list.contains(&id(number)) == numbers.contains(&number)));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let list = CutList::new([3, 1, 2, 3].map(id).to_vec()).expect("few");
        let (bytes, name) = (list.encode(), list.name());
        assert_eq!((name.count, bytes.len()), (3, 48));
        assert!(matches!(
            CutList::decode(&bytes[..47], &name),
            Err(ListError::Length { bytes: 47, count: 3 })
        ));
        let mut changed = bytes.clone();
        changed[47] ^= 1;
        assert!(matches!(CutList::decode(&changed, &name), Err(ListError::Hash(_))));
        let swapped = [&bytes[16..32], &bytes[..16], &bytes[32..]].concat();
        let named = ListName { count: 3, hash: hash::<ShortId>(&swapped) };
        assert_eq!(CutList::decode(&swapped, &named), Err(ListError::Order(1)));
        let as_peers =
            AccessList::decode(&bytes[..32], &ListName { count: 1, hash: hash::<ShortId>(&bytes[..32]) });
        assert!(matches!(as_peers, Err(ListError::Hash(_))), "a list of another kind");
    }

    #[test]
    fn a_full_list_fits_and_no_more() {
        let most = CUT_LIST_MAX as u32;
        let list = CutList::new((0..most).map(id).collect()).expect("as many as may be");
        assert_eq!(list.encode().len(), 1 << 20);
        let more = CutList::new((0..=most).map(id).collect());
        assert_eq!(more, Err(ListError::TooMany { count: CUT_LIST_MAX + 1, most: CUT_LIST_MAX }));
        let lie = ListName { count: u32::MAX, hash: [0; 32] };
        assert!(matches!(CutList::decode(&[], &lie), Err(ListError::TooMany { .. })));
    }
}
