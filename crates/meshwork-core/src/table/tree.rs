//! The tree over which tables are compared: entries in leaves, by the hash of row and field.
//!
//! # How it works
//! The way to an entry is its path, of which each level takes six bits. A node of more than [`LEAF_ENTRIES_MAX`]
//! entries has 64 children, any other is a leaf (a Merkle search over a trie; Merkle, "A Digital Signature Based on a
//! Conventional Encryption Function", 1987). So the tree is a function of the entries, and so is the digest of each of
//! its nodes: members whose trees differ can tell each other any node.
//!
//! # Limits
//! [`LEVELS`] levels, since the number of a part has 32 bits. Who finds many fields with the same 30 bits can make a
//! leaf as large as it likes; no other leaf grows by it.

use alloc::collections::{BTreeSet, BinaryHeap};
use alloc::vec::Vec;
use core::mem;
use core::ops::RangeInclusive;

use crate::replica::{Digest, DigestCache, EMPTY_PART_DIGEST};

/// Most entries of a leaf: few enough that one change leaves little to hash and to serve.
pub const LEAF_ENTRIES_MAX: usize = 1024;
/// Levels below the root.
const LEVELS: u32 = 5;
/// Bits of a path for each level: 64 children a node.
const LEVEL_BITS: u32 = 6;
/// The number of the root. The number of each child is its parent's with six bits behind it.
pub(super) const ROOT: u32 = 1;

/// A leaf's digest is blake3 in its key derivation mode under this context.
const LEAF_CONTEXT: &str = "meshwork table leaf digest v1";
/// The digest of a node with children is blake3 in its key derivation mode under this context.
const NODE_CONTEXT: &str = "meshwork table node digest v1";

/// An entry that holds its field, as the tree has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// The way to it.
    pub(super) path: u64,
    /// Of the entry.
    pub(super) digest: Digest,
    /// The number of its batch.
    pub(super) batch: u32,
}

/// A node of the tree, with all that is below it.
#[derive(Debug, Default)]
pub(super) struct Node {
    count: usize,
    digest: DigestCache,
    below: Below,
}

#[derive(Debug)]
enum Below {
    /// In ascending order.
    Leaf(Vec<Item>),
    /// One for each value of the next six bits.
    Inner(Vec<Node>),
}

impl Default for Below {
    fn default() -> Below {
        Below::Leaf(Vec::new())
    }
}

/// What lies below a number of the tree.
enum Found<'a> {
    Node(&'a Node),
    /// A part of a leaf: the tree ends above that number.
    Items(&'a [Item]),
}

impl Node {
    /// Takes an entry in below the root.
    pub(super) fn insert(&mut self, item: Item) {
        self.insert_at(item, 0);
    }

    fn insert_at(&mut self, item: Item, level: u32) {
        self.count += 1;
        self.digest.clear();
        match &mut self.below {
            Below::Inner(children) => children[child(item.path, level)].insert_at(item, level + 1),
            Below::Leaf(items) => {
                items.insert(items.partition_point(|other| *other < item), item);
                if items.len() > LEAF_ENTRIES_MAX && level < LEVELS {
                    let mut children: Vec<Node> = Vec::new();
                    children.resize_with(1 << LEVEL_BITS, Node::default);
                    for item in mem::take(items) {
                        children[child(item.path, level)].insert_at(item, level + 1);
                    }
                    self.below = Below::Inner(children);
                }
            }
        }
    }

    /// Takes an entry out that is below the root.
    pub(super) fn remove(&mut self, item: &Item) {
        self.remove_at(item, 0);
    }

    fn remove_at(&mut self, item: &Item, level: u32) {
        self.count -= 1;
        self.digest.clear();
        match &mut self.below {
            Below::Inner(children) => {
                children[child(item.path, level)].remove_at(item, level + 1);
                if self.count <= LEAF_ENTRIES_MAX {
                    let mut items = Vec::with_capacity(self.count);
                    mem::take(&mut self.below).drain_into(&mut items);
                    self.below = Below::Leaf(items);
                }
            }
            Below::Leaf(items) => {
                let place = items.binary_search(item).expect("what is taken out was taken in");
                items.remove(place);
            }
        }
    }

    /// The digest of the whole.
    pub(super) fn digest(&self) -> Digest {
        self.digest.get_or_fill(|| match &self.below {
            Below::Leaf(items) => digest_of(items),
            Below::Inner(children) => {
                let mut hasher = blake3::Hasher::new_derive_key(NODE_CONTEXT);
                for (number, child) in children.iter().enumerate().filter(|(_, child)| child.count > 0) {
                    hasher.update(&[number as u8]).update(&child.digest());
                }
                *hasher.finalize().as_bytes()
            }
        })
    }

    /// The digest of what lies below a number; that of an empty part where there is nothing, also for no number.
    pub(super) fn digest_below(&self, number: u32) -> Digest {
        match self.find(number) {
            Some(Found::Node(node)) => node.digest(),
            Some(Found::Items(items)) => digest_of(items),
            None => EMPTY_PART_DIGEST,
        }
    }

    /// Numbers of the batches that hold an entry below a number of the tree.
    pub(super) fn batches_below(&self, number: u32) -> BTreeSet<u32> {
        let mut batches = BTreeSet::new();
        match self.find(number) {
            Some(Found::Node(node)) => node.for_each(&mut |item| batches.extend([item.batch])),
            Some(Found::Items(items)) => batches.extend(items.iter().map(|item| item.batch)),
            None => {}
        }
        batches
    }

    /// Number and digest of leaves that hold all there is, in ascending order. Where they would be more than `most`,
    /// those that have fewest entries together are not told apart.
    pub(super) fn parts(&self, most: usize) -> Vec<(u32, Digest)> {
        let mut parts = Vec::new();
        let mut open = BinaryHeap::from([(self.count, ROOT)]);
        while let Some((_, number)) = open.pop() {
            let Some(Found::Node(node)) = self.find(number).filter(|_| self.count > 0) else { continue };
            let children = match &node.below {
                Below::Inner(children) => children.as_slice(),
                Below::Leaf(_) => &[],
            };
            let numbered = (0..).zip(children).filter(|(_, child)| child.count > 0);
            let more = numbered.clone().count();
            if more > 0 && parts.len() + open.len() + more <= most {
                open.extend(numbered.map(|(next, child)| (child.count, number << LEVEL_BITS | next)));
            } else {
                parts.push((number, node.digest()));
            }
        }
        parts.sort_unstable();
        parts
    }

    fn find(&self, number: u32) -> Option<Found<'_>> {
        let paths = paths(number)?;
        let mut node = self;
        for level in 0..number.ilog2() / LEVEL_BITS {
            match &node.below {
                Below::Inner(children) => node = &children[child(*paths.start(), level)],
                Below::Leaf(items) => {
                    let from = items.partition_point(|item| item.path < *paths.start());
                    let to = items.partition_point(|item| item.path <= *paths.end());
                    return Some(Found::Items(&items[from..to]));
                }
            }
        }
        Some(Found::Node(node))
    }

    fn for_each(&self, visit: &mut impl FnMut(&Item)) {
        match &self.below {
            Below::Leaf(items) => items.iter().for_each(visit),
            Below::Inner(children) => children.iter().for_each(|child| child.for_each(visit)),
        }
    }
}

impl Below {
    /// All items, in ascending order.
    fn drain_into(self, into: &mut Vec<Item>) {
        match self {
            Below::Leaf(items) => into.extend(items),
            Below::Inner(children) => children.into_iter().for_each(|child| child.below.drain_into(into)),
        }
    }
}

/// Whether a path leads to below a number.
pub(super) fn is_below(number: u32, path: u64) -> bool {
    paths(number).is_some_and(|paths| paths.contains(&path))
}

/// The paths that lead to below a number; `None` where no node can have it.
fn paths(number: u32) -> Option<RangeInclusive<u64>> {
    let bits = number.checked_ilog2()?;
    let is_node = bits % LEVEL_BITS == 0 && bits <= LEVELS * LEVEL_BITS;
    let first = u64::from(number - (1 << bits)).checked_shl(64 - bits).unwrap_or(0);
    is_node.then(|| first..=first | u64::MAX >> bits)
}

/// Which child leads on to a path.
fn child(path: u64, level: u32) -> usize {
    (path >> (64 - (level + 1) * LEVEL_BITS)) as usize & ((1 << LEVEL_BITS) - 1)
}

fn digest_of(items: &[Item]) -> Digest {
    if items.is_empty() {
        return EMPTY_PART_DIGEST;
    }
    let mut hasher = blake3::Hasher::new_derive_key(LEAF_CONTEXT);
    for item in items {
        hasher.update(&item.digest);
    }
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn item(path: u64) -> Item {
        Item { path, digest: *blake3::hash(&path.to_le_bytes()).as_bytes(), batch: path as u32 }
    }

    fn tree(items: impl IntoIterator<Item = Item>) -> Node {
        let mut tree = Node::default();
        items.into_iter().for_each(|item| tree.insert(item));
        tree
    }

    /// Numbers of all leaves.
    fn leaves(tree: &Node) -> Vec<u32> {
        tree.parts(usize::MAX).into_iter().map(|(number, _)| number).collect()
    }

    /// So many paths that begin with `first`, spread over what follows.
    fn paths(first: u64, bits: u32, count: u64) -> impl Iterator<Item = u64> {
        let rng = &mut Rng::new([bits as u8; 32]);
        let drawn: Vec<u64> = (0..count).map(|_| first | rng.next_u64() >> bits).collect();
        drawn.into_iter()
    }

    #[test]
    fn leaves_are_a_function_of_the_entries() {
        let most = LEAF_ENTRIES_MAX as u64;
        let items: Vec<Item> = paths(0, 0, 5 * most).chain(paths(7 << 52, 12, most)).map(item).collect();
        let (few, more) = items.split_at(LEAF_ENTRIES_MAX);
        let mut tree = tree(few.to_vec());
        assert_eq!(leaves(&tree), [ROOT]);
        let before = tree.digest();
        more.iter().for_each(|item| tree.insert(item.clone()));
        assert!(leaves(&tree).len() > 64 && tree.digest() != before);
        let backwards = self::tree(items.iter().rev().cloned());
        assert_eq!(tree.parts(usize::MAX), backwards.parts(usize::MAX));
        more.iter().for_each(|item| tree.remove(item));
        assert_eq!((leaves(&tree), tree.digest()), (alloc::vec![ROOT], before));
    }

    #[test]
    fn every_node_can_be_compared() {
        let all: Vec<Item> = paths(0, 0, 3000).map(item).collect();
        let (split, whole) = (tree(all.clone()), tree(all[..1000].to_vec()));
        let lacking = tree(all[1..].to_vec());
        for (number, digest) in split.parts(usize::MAX) {
            let below = all.iter().filter(|item| is_below(number, item.path));
            assert_eq!(tree(below.clone().cloned()).digest(), digest, "its entries alone make it");
            let few = all[..1000].iter().filter(|item| is_below(number, item.path));
            assert_eq!(
                whole.digest_below(number),
                tree(few.cloned()).digest(),
                "also where there is no such leaf"
            );
            let differs = is_below(number, all[0].path);
            assert_eq!(lacking.digest_below(number) != digest, differs);
            assert_eq!(split.batches_below(number), below.map(|item| item.batch).collect());
        }
        assert_eq!(split.digest_below(ROOT), split.digest());
        for no_node in [0, 2, 63, ROOT << 7, ROOT << 31] {
            assert_eq!(split.digest_below(no_node), EMPTY_PART_DIGEST, "{no_node}");
        }
    }

    #[test]
    fn parts_are_at_most_as_many_as_asked() {
        let drawn = paths(0, 0, 20_000).chain(paths(5 << 58, 6, 3000)).zip(0..);
        let tree = tree(drawn.map(|(path, batch)| Item { batch, ..item(path) }));
        let leaves = leaves(&tree).len();
        for most in [1, 63, 64, 100, leaves - 1, leaves] {
            let parts = tree.parts(most);
            assert!(parts.len() <= most && parts.is_sorted(), "{} of {most}", parts.len());
            let held: usize = parts.iter().map(|(number, _)| tree.batches_below(*number).len()).sum();
            assert_eq!(held, tree.batches_below(ROOT).len(), "nothing is left out");
            assert!(parts.iter().all(|(number, digest)| tree.digest_below(*number) == *digest));
        }
        assert_eq!(Node::default().parts(9), []);
    }

    #[test]
    fn equal_paths_make_one_large_leaf() {
        let same = |batch: u32| Item { path: 9, digest: [batch as u8; 32], batch };
        let tree = tree((0..200).map(same).chain((0..LEAF_ENTRIES_MAX as u64).map(item)));
        assert_eq!(leaves(&tree), [1 << 30]);
    }
}
