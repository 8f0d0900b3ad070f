//! The tree of digests over which replicas are compared: 64 children a node, numbered alike in every replica.
//!
//! What a replica holds lies along paths of 64 bits, of which each level of the tree takes six. The root's number is 1, a
//! child's is its parent's with six bits behind it. The digest of a node is a function of what is below it, so members
//! whose trees differ can tell each other any node.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};

use super::{Digest, EMPTY_PART_DIGEST, PARTS_MAX};

/// The number of the root.
pub const ROOT: u32 = 1;
/// Levels below the root: the number of a node has 32 bits.
pub const LEVELS: u32 = 5;
/// Bits of a path for each level.
pub const LEVEL_BITS: u32 = 6;
/// Levels below the root of a replica that is made of parts.
pub(crate) const PART_LEVELS: u32 = 2;
/// Most children of a node.
pub const CHILDREN_MAX: usize = 1 << LEVEL_BITS;

/// The digest of a node with children is blake3 in its key derivation mode under this context.
const NODE_CONTEXT: &str = "meshwork tree node digest v1";

/// A node as its member tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Below {
    /// Its number.
    pub number: u32,
    /// Whether it has no children there.
    pub is_leaf: bool,
    /// The digest of all that is below it.
    pub digest: Digest,
}

/// From when on a member holds a table by time: a day of room time, counted from 1970-01-01 00:00 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Floor(pub u32);

impl Floor {
    /// Behind all days: a member that gave something up of a replica compares nothing of it.
    pub const END: Floor = Floor(u32::MAX);
}

/// The paths that lead to below a number; `None` where no node can have it.
pub fn paths(number: u32) -> Option<RangeInclusive<u64>> {
    let bits = number.checked_ilog2()?;
    let is_node = bits % LEVEL_BITS == 0 && bits <= LEVELS * LEVEL_BITS;
    let first = u64::from(number - (1 << bits)).checked_shl(64 - bits).unwrap_or(0);
    is_node.then(|| first..=first | u64::MAX.checked_shr(bits).unwrap_or(0))
}

/// Whether a number is that of a node which lies below another one, or is that node.
pub fn is_below(number: u32, node: u32) -> bool {
    let (Some(inner), Some(outer)) = (paths(number), paths(node)) else { return false };
    number >= node && outer.contains(inner.start()) && outer.contains(inner.end())
}

/// The node at which a part lies, below 4096: replicas that are made of parts have two levels of nodes.
pub fn part(number: u32) -> u32 {
    ROOT << (PART_LEVELS * LEVEL_BITS) | number
}

/// The parts that lie below a node.
pub(crate) fn parts(node: u32) -> Range<u32> {
    let shift = u64::BITS - PART_LEVELS * LEVEL_BITS;
    let within = paths(node).filter(|_| node <= part(PARTS_MAX - 1));
    within.map_or(0..0, |paths| (paths.start() >> shift) as u32..(paths.end() >> shift) as u32 + 1)
}

/// The digest of a node with these children, each with its place among the 64; that of nothing where there are none.
pub(crate) fn digest_of(children: impl Iterator<Item = (u8, Digest)>) -> Digest {
    let mut children = children.peekable();
    if children.peek().is_none() {
        return EMPTY_PART_DIGEST;
    }
    let mut hasher = blake3::Hasher::new_derive_key(NODE_CONTEXT);
    for (place, digest) in children {
        hasher.update(&[place]).update(&digest);
    }
    *hasher.finalize().as_bytes()
}

/// Numbers of nodes that together hold all that is below one in which there is something, in ascending order: of them the
/// most populous are opened while they are at most `most`. `children` names those of a node that hold something, and how
/// much.
pub(crate) fn open(node: u32, most: usize, children: impl Fn(u32) -> Vec<(usize, u32)>) -> Vec<u32> {
    let mut told = Vec::new();
    let mut open = BinaryHeap::from([(usize::MAX, node)]);
    while let Some((_, number)) = open.pop() {
        let below = children(number);
        if !below.is_empty() && told.len() + open.len() + below.len() <= most {
            open.extend(below);
        } else {
            told.push(number);
        }
    }
    told.sort_unstable();
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_which_paths_lead_below_them() {
        assert_eq!(paths(ROOT), Some(0..=u64::MAX));
        assert_eq!(paths(ROOT << 6 | 63), Some(63 << 58..=u64::MAX));
        for no_node in [0, 2, 63, ROOT << 7, ROOT << 31] {
            assert_eq!(paths(no_node), None, "{no_node}");
        }
        let inner = (ROOT << 6 | 5) << 6 | 7;
        assert!(is_below(inner, ROOT) && is_below(inner, ROOT << 6 | 5) && is_below(inner, inner));
        assert!(!is_below(inner, ROOT << 6 | 6) && !is_below(ROOT << 6 | 5, inner) && !is_below(2, ROOT));
    }

    #[test]
    fn parts_lie_below_nodes() {
        assert_eq!([parts(ROOT), parts(ROOT << 6 | 5), parts(part(4095))], [0..4096, 320..384, 4095..4096]);
        assert!([0, 2, part(0) << 6].into_iter().all(|node| parts(node).is_empty()));
    }

    #[test]
    fn the_most_populous_are_opened_first() {
        let children = |number: u32| match number {
            ROOT => (0..4).map(|place| (place + 1, ROOT << 6 | place as u32)).collect(),
            64..68 => (0..3).map(|place| (1, number << 6 | place)).collect(),
            _ => Vec::new(),
        };
        assert_eq!(open(ROOT, 4, children), [64, 65, 66, 67]);
        assert_eq!(open(ROOT, 7, children), [64, 65, 66, 67 << 6, 67 << 6 | 1, 67 << 6 | 2]);
        assert_eq!(open(ROOT, 100, children).len(), 12);
        assert_eq!(open(70, 64, children), [70], "a leaf tells of itself");
    }
}
