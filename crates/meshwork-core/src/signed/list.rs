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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Batches and moderators' records that stay, of those who lose a right.
    Stays,
    /// Peers who keep access to a room when its secret changes.
    Access,
}

impl ListKind {
    /// The most items of one list.
    pub const fn most(self) -> usize {
        match self {
            ListKind::Stays => CUT_LIST_MAX,
            ListKind::Access => ACCESS_LIST_MAX,
        }
    }

    /// Bytes of one item.
    pub const fn item_len(self) -> usize {
        match self {
            ListKind::Stays => 16,
            ListKind::Access => 32,
        }
    }

    /// The context of the hash, so that a list of one kind is none of the other.
    const fn context(self) -> &'static str {
        match self {
            ListKind::Stays => "meshwork cut list v2",
            ListKind::Access => "meshwork access list v2",
        }
    }

    fn check_count(self, count: usize) -> Result<(), ListError> {
        let most = self.most();
        if count > most { Err(ListError::TooMany { count, most }) } else { Ok(()) }
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
pub struct List {
    kind: ListKind,
    bytes: Vec<u8>,
    hash: [u8; 32],
}

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

impl List {
    /// The list of these batches and records, in whatever order and however often they come.
    ///
    /// # Errors
    /// [`ListError::TooMany`]; the items are dropped.
    pub fn of_ids(ids: Vec<ShortId>) -> Result<List, ListError> {
        List::new(ListKind::Stays, ids, |id| &id.0)
    }

    /// The list of these peers, in whatever order and however often they come.
    ///
    /// # Errors
    /// [`ListError::TooMany`]; the items are dropped.
    pub fn of_peers(peers: Vec<PeerId>) -> Result<List, ListError> {
        List::new(ListKind::Access, peers, |peer| &peer.0)
    }

    fn new<T: Ord>(
        kind: ListKind,
        mut items: Vec<T>,
        bytes: impl Fn(&T) -> &[u8],
    ) -> Result<List, ListError> {
        items.sort_unstable();
        items.dedup();
        kind.check_count(items.len())?;
        let bytes: Vec<u8> = items.iter().flat_map(|item| bytes(item).iter().copied()).collect();
        let hash = blake3::derive_key(kind.context(), &bytes);
        Ok(List { kind, bytes, hash })
    }

    /// The list of this kind without an item.
    pub fn empty(kind: ListKind) -> List {
        List { kind, bytes: Vec::new(), hash: blake3::derive_key(kind.context(), &[]) }
    }

    /// Whether a batch or a record is on the list of what stays.
    pub fn has_id(&self, id: &ShortId) -> bool {
        self.kind == ListKind::Stays && self.bytes.as_chunks().0.binary_search(&id.0).is_ok()
    }

    /// Whether a peer is on the list of those who keep access.
    pub fn has_peer(&self, peer: &PeerId) -> bool {
        self.kind == ListKind::Access && self.bytes.as_chunks().0.binary_search(&peer.0).is_ok()
    }

    /// What stands on it.
    pub fn kind(&self) -> ListKind {
        self.kind
    }

    /// How a record names it.
    pub fn name(&self) -> ListName {
        ListName { count: (self.bytes.len() / self.kind.item_len()) as u32, hash: self.hash }
    }

    /// The list as it travels and is stored.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the list that a record names.
    ///
    /// # Errors
    /// [`ListError`]; no memory was taken beyond the bytes themselves.
    pub fn decode(kind: ListKind, bytes: &[u8], name: &ListName) -> Result<List, ListError> {
        kind.check_count(name.count as usize)?;
        if bytes.len() != name.count as usize * kind.item_len() {
            return Err(ListError::Length { bytes: bytes.len(), count: name.count });
        }
        let hash = blake3::derive_key(kind.context(), bytes);
        if hash != name.hash {
            return Err(ListError::Hash(alloc::format!("{:?}", ShortId::of(&hash))));
        }
        let items: Vec<&[u8]> = bytes.chunks_exact(kind.item_len()).collect();
        match items.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(place) => Err(ListError::Order(place + 1)),
            None => Ok(List { kind, bytes: bytes.to_vec(), hash }),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        List::empty(ListKind::Stays)
    }
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
            let list = List::of_ids(numbers.iter().copied().map(id).collect()).expect("few");
            prop_assert_eq!(List::decode(ListKind::Stays, list.bytes(), &list.name()), Ok(list.clone()));
            prop_assert!((0..200).all(|number| list.has_id(&id(number)) == numbers.contains(&number)));
        }
    }

    #[test]
    fn other_bytes_are_refused() {
        let list = List::of_ids([3, 1, 2, 3].map(id).to_vec()).expect("few");
        let (bytes, name) = (list.bytes(), list.name());
        assert_eq!((name.count, bytes.len()), (3, 48));
        assert!(matches!(
            List::decode(ListKind::Stays, &bytes[..47], &name),
            Err(ListError::Length { bytes: 47, count: 3 })
        ));
        let mut changed = bytes.to_vec();
        changed[47] ^= 1;
        assert!(matches!(List::decode(ListKind::Stays, &changed, &name), Err(ListError::Hash(_))));
        let swapped = [&bytes[16..32], &bytes[..16], &bytes[32..]].concat();
        let hash = |bytes: &[u8]| blake3::derive_key(ListKind::Stays.context(), bytes);
        let named = ListName { count: 3, hash: hash(&swapped) };
        assert_eq!(List::decode(ListKind::Stays, &swapped, &named), Err(ListError::Order(1)));
        let as_peers =
            List::decode(ListKind::Access, &bytes[..32], &ListName { count: 1, hash: hash(&bytes[..32]) });
        assert!(matches!(as_peers, Err(ListError::Hash(_))), "a list of another kind");
    }

    #[test]
    fn a_full_list_fits_and_no_more() {
        let most = CUT_LIST_MAX as u32;
        let list = List::of_ids((0..most).map(id).collect()).expect("as many as may be");
        assert_eq!(list.bytes().len(), 1 << 20);
        let more = List::of_ids((0..=most).map(id).collect());
        assert_eq!(more, Err(ListError::TooMany { count: CUT_LIST_MAX + 1, most: CUT_LIST_MAX }));
        let lie = ListName { count: u32::MAX, hash: [0; 32] };
        assert!(matches!(List::decode(ListKind::Stays, &[], &lie), Err(ListError::TooMany { .. })));
    }
}
