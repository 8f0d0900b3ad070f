//! The tree over which tables and documents are compared: entries in leaves, by their paths.
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

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::mem;

use super::tree::{self, LEVEL_BITS, LEVELS, paths};
use super::{Below, Digest, DigestCache, EMPTY_PART_DIGEST};

/// Most entries of a leaf: few enough that one change leaves little to hash and to serve.
pub const LEAF_ENTRIES_MAX: usize = 1024;

/// A leaf's digest is blake3 in its key derivation mode under this context.
const LEAF_CONTEXT: &str = "meshwork table leaf digest v1";

/// An entry that holds its field, as the tree has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The way to it.
    pub path: u64,
    /// Of the entry.
    pub digest: Digest,
    /// The number of its batch.
    pub batch: u32,
}

/// A node of the tree, with all that is below it.
#[derive(Debug, Default)]
pub struct Leaves {
    count: usize,
    digest: DigestCache,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// In ascending order.
    Leaf(Vec<Item>),
    /// One for each value of the next six bits.
    Inner(Vec<Leaves>),
}

impl Default for Held {
    fn default() -> Held {
        Held::Leaf(Vec::new())
    }
}

/// What lies below a number of the tree.
enum Found<'a> {
    Node(&'a Leaves),
    /// A part of a leaf: the tree ends above that number.
    Items(&'a [Item]),
}

impl Leaves {
    /// Takes an entry in below the root.
    pub fn insert(&mut self, item: Item) {
        self.insert_at(item, 0);
    }

    fn insert_at(&mut self, item: Item, level: u32) {
        self.count += 1;
        self.digest.clear();
        match &mut self.held {
            Held::Inner(children) => children[child(item.path, level)].insert_at(item, level + 1),
            Held::Leaf(items) => {
                items.insert(items.partition_point(|other| *other < item), item);
                if items.len() > LEAF_ENTRIES_MAX && level < LEVELS {
                    let mut children: Vec<Leaves> = Vec::new();
                    children.resize_with(1 << LEVEL_BITS, Leaves::default);
                    for item in mem::take(items) {
                        children[child(item.path, level)].insert_at(item, level + 1);
                    }
                    self.held = Held::Inner(children);
                }
            }
        }
    }

    /// Takes an entry out that is below the root.
    pub fn remove(&mut self, item: &Item) {
        self.remove_at(item, 0);
    }

    fn remove_at(&mut self, item: &Item, level: u32) {
        self.count -= 1;
        self.digest.clear();
        match &mut self.held {
            Held::Inner(children) => {
                children[child(item.path, level)].remove_at(item, level + 1);
                if self.count <= LEAF_ENTRIES_MAX {
                    let mut items = Vec::with_capacity(self.count);
                    mem::take(&mut self.held).drain_into(&mut items);
                    self.held = Held::Leaf(items);
                }
            }
            Held::Leaf(items) => {
                let place = items.binary_search(item).expect("what is taken out was taken in");
                items.remove(place);
            }
        }
    }

    /// The digest of the whole.
    pub fn digest(&self) -> Digest {
        self.digest.get_or_fill(|| match &self.held {
            Held::Leaf(items) => digest_of(items),
            Held::Inner(children) => {
                let full = (0..).zip(children).filter(|(_, child)| child.count > 0);
                tree::digest_of(full.map(|(place, child)| (place, child.digest())))
            }
        })
    }

    /// The digest of what lies below a number, along paths from `from` on; that of an empty part where there is nothing,
    /// also for no number.
    pub fn digest_below(&self, number: u32, from: u64) -> Digest {
        match self.find(number) {
            Some(Found::Node(node)) => node.digest_from(number, from),
            Some(Found::Items(items)) => digest_of(later(items, from)),
            None => EMPTY_PART_DIGEST,
        }
    }

    /// Numbers of the batches that hold an entry below a number of the tree, along paths from `from` on.
    pub fn batches_below(&self, number: u32, from: u64) -> BTreeSet<u32> {
        let mut batches = BTreeSet::new();
        match self.find(number) {
            Some(Found::Node(node)) => node.for_each_from(from, &mut |item| batches.extend([item.batch])),
            Some(Found::Items(items)) => batches.extend(later(items, from).iter().map(|item| item.batch)),
            None => {}
        }
        batches
    }

    /// Nodes that together hold all that is below a number along paths from `from` on: see
    /// [`Replica::below`](crate::replica::Replica::below).
    pub fn below(&self, number: u32, from: u64, most: usize) -> Vec<Below> {
        let children = |number| self.children(number, from);
        let told = tree::open(number, most, children).into_iter().map(|number| Below {
            number,
            is_leaf: children(number).is_empty(),
            digest: self.digest_below(number, from),
        });
        told.filter(|below| below.digest != EMPTY_PART_DIGEST).collect()
    }

    /// The children of a number that hold something, and how much; none of a leaf.
    fn children(&self, number: u32, from: u64) -> Vec<(usize, u32)> {
        let Some(Found::Node(node)) = self.find(number) else { return Vec::new() };
        let Held::Inner(children) = &node.held else { return Vec::new() };
        if node.count_from(number, from) <= LEAF_ENTRIES_MAX {
            return Vec::new();
        }
        let counted = (number << LEVEL_BITS..).zip(children);
        let counted = counted.map(|(number, child)| (child.count_from(number, from), number));
        counted.filter(|(count, _)| *count > 0).collect()
    }

    /// How many entries lie along paths from `from` on, in the node of this number.
    fn count_from(&self, number: u32, from: u64) -> usize {
        let Some(paths) = paths(number).filter(|paths| from > *paths.start()) else { return self.count };
        match &self.held {
            _ if from > *paths.end() => 0,
            Held::Leaf(items) => later(items, from).len(),
            Held::Inner(children) => {
                let numbered = (number << LEVEL_BITS..).zip(children);
                numbered.map(|(number, child)| child.count_from(number, from)).sum()
            }
        }
    }

    /// The digest that the node of this number would have if it held only what lies along paths from `from` on.
    fn digest_from(&self, number: u32, from: u64) -> Digest {
        let Some(paths) = paths(number).filter(|paths| from > *paths.start()) else { return self.digest() };
        match &self.held {
            _ if from > *paths.end() => EMPTY_PART_DIGEST,
            Held::Leaf(items) => digest_of(later(items, from)),
            Held::Inner(children) if self.count_from(number, from) > LEAF_ENTRIES_MAX => {
                let digests = (number << LEVEL_BITS..).zip(children);
                let digests = digests.map(|(number, child)| child.digest_from(number, from));
                let full = (0..).zip(digests).filter(|(_, digest)| *digest != EMPTY_PART_DIGEST);
                tree::digest_of(full)
            }
            Held::Inner(_) => {
                let mut items = Vec::new();
                self.for_each_from(from, &mut |item| items.push(item.clone()));
                digest_of(&items)
            }
        }
    }

    fn find(&self, number: u32) -> Option<Found<'_>> {
        let paths = paths(number)?;
        let mut node = self;
        for level in 0..number.ilog2() / LEVEL_BITS {
            match &node.held {
                Held::Inner(children) => node = &children[child(*paths.start(), level)],
                Held::Leaf(items) => {
                    let from = items.partition_point(|item| item.path < *paths.start());
                    let to = items.partition_point(|item| item.path <= *paths.end());
                    return Some(Found::Items(&items[from..to]));
                }
            }
        }
        Some(Found::Node(node))
    }

    fn for_each_from(&self, from: u64, visit: &mut impl FnMut(&Item)) {
        match &self.held {
            Held::Leaf(items) => later(items, from).iter().for_each(visit),
            Held::Inner(children) => children.iter().for_each(|child| child.for_each_from(from, visit)),
        }
    }
}

impl Held {
    /// All items, in ascending order.
    fn drain_into(self, into: &mut Vec<Item>) {
        match self {
            Held::Leaf(items) => into.extend(items),
            Held::Inner(children) => children.into_iter().for_each(|child| child.held.drain_into(into)),
        }
    }
}

/// Those of these items, in ascending order, whose paths are not before `from`.
fn later(items: &[Item], from: u64) -> &[Item] {
    &items[items.partition_point(|item| item.path < from)..]
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
    use super::tree::ROOT;
    use super::*;
    use crate::rng::Rng;

    fn item(path: u64) -> Item {
        Item { path, digest: *blake3::hash(&path.to_le_bytes()).as_bytes(), batch: path as u32 }
    }

    fn tree(items: impl IntoIterator<Item = Item>) -> Leaves {
        let mut tree = Leaves::default();
        items.into_iter().for_each(|item| tree.insert(item));
        tree
    }

    /// Numbers of all leaves.
    fn leaves(tree: &Leaves) -> Vec<u32> {
        all(tree).into_iter().map(|below| below.number).collect()
    }

    fn all(tree: &Leaves) -> Vec<Below> {
        tree.below(ROOT, 0, usize::MAX)
    }

    fn leads_below(number: u32, path: u64) -> bool {
        tree::paths(number).is_some_and(|paths| paths.contains(&path))
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
        assert_eq!(all(&tree), all(&backwards));
        more.iter().for_each(|item| tree.remove(item));
        assert_eq!((leaves(&tree), tree.digest()), (alloc::vec![ROOT], before));
    }

    #[test]
    fn every_node_can_be_compared() {
        let all: Vec<Item> = paths(0, 0, 3000).map(item).collect();
        let (split, whole) = (tree(all.clone()), tree(all[..1000].to_vec()));
        let lacking = tree(all[1..].to_vec());
        for Below { number, digest, is_leaf } in super::tests::all(&split) {
            assert!(is_leaf);
            let below = all.iter().filter(|item| leads_below(number, item.path));
            assert_eq!(tree(below.clone().cloned()).digest(), digest, "its entries alone make it");
            let few = all[..1000].iter().filter(|item| leads_below(number, item.path));
            assert_eq!(
                whole.digest_below(number, 0),
                tree(few.cloned()).digest(),
                "also where there is no such leaf"
            );
            let differs = leads_below(number, all[0].path);
            assert_eq!(lacking.digest_below(number, 0) != digest, differs);
            assert_eq!(split.batches_below(number, 0), below.map(|item| item.batch).collect());
        }
        assert_eq!(split.digest_below(ROOT, 0), split.digest());
        for no_node in [0, 2, 63, ROOT << 7, ROOT << 31] {
            assert_eq!(split.digest_below(no_node, 0), EMPTY_PART_DIGEST, "{no_node}");
        }
    }

    #[test]
    fn nodes_are_at_most_as_many_as_asked() {
        let drawn = paths(0, 0, 20_000).chain(paths(5 << 58, 6, 3000)).zip(0..);
        let tree = tree(drawn.map(|(path, batch)| Item { batch, ..item(path) }));
        let leaves = leaves(&tree).len();
        for most in [64, 100, leaves - 1, leaves] {
            let below = tree.below(ROOT, 0, most);
            assert!(below.len() <= most && below.is_sorted(), "{} of {most}", below.len());
            assert_eq!(below.iter().all(|below| below.is_leaf), most == leaves);
            let held: usize = below.iter().map(|below| tree.batches_below(below.number, 0).len()).sum();
            assert_eq!(held, tree.batches_below(ROOT, 0).len(), "nothing is left out");
            assert!(below.iter().all(|below| tree.digest_below(below.number, 0) == below.digest));
        }
        assert_eq!(Leaves::default().below(ROOT, 0, 64), []);
    }

    #[test]
    fn digests_from_a_path_are_those_behind_it() {
        let items: Vec<Item> = paths(0, 0, 3000).chain(paths(9 << 58, 6, 2000)).map(item).collect();
        let whole = tree(items.clone());
        for from in [0, 1, 9 << 58, 9 << 58 | 5 << 52, 10 << 58 | 1 << 40, 60 << 58, u64::MAX] {
            let part = tree(items.iter().filter(|item| item.path >= from).cloned());
            let of_part = part.below(ROOT, 0, usize::MAX);
            assert_eq!(whole.below(ROOT, from, usize::MAX), of_part, "from {from:x}");
            assert_eq!(whole.digest_below(ROOT, from), part.digest());
            for below in of_part {
                let batches = whole.batches_below(below.number, from);
                assert_eq!(batches, part.batches_below(below.number, 0));
            }
        }
    }

    #[test]
    fn equal_paths_make_one_large_leaf() {
        let same = |batch: u32| Item { path: 9, digest: [batch as u8; 32], batch };
        let tree = tree((0..200).map(same).chain((0..LEAF_ENTRIES_MAX as u64).map(item)));
        assert_eq!(leaves(&tree), [1 << 30]);
    }
}
