//! Maps and sets in the order of their keys, and sorting, by little code: there are dozens of kinds of them in a program.
//!
//! `alloc`'s B-trees bring several kilobytes of code for each kind of entry, a seventh of what a page weighed. These
//! keep entries in sorted runs of bounded length instead. Finding one takes two binary searches, and adding or removing
//! one moves at most a run and the list of runs, so that a million entries still cost about as much as in a tree.

mod set;
mod sort;
#[cfg(test)]
mod tests;

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::iter::Flatten;
use core::ops::{Bound, Index, RangeBounds};
use core::slice;

pub use set::{OrderedSet, SetIntoIter, SetIter};
pub use sort::{sort, sort_by, sort_by_key};

/// Most bytes of entries in a run, as far as there are at least [`RUN_MIN`] in it: what is moved when one is added.
const RUN_BYTES: usize = 4096;
/// Fewest entries that a full run has.
const RUN_MIN: usize = 8;
/// Most entries that a run has.
const RUN_MAX: usize = 64;

/// Values by their keys.
#[derive(Clone)]
pub struct OrderedMap<K, V> {
    /// None is empty.
    runs: Vec<Vec<(K, V)>>,
    length: usize,
}

/// Where an entry is: its run, and its place in it. The end is in the run that follows the last.
type Place = (usize, usize);

impl<K, V> OrderedMap<K, V> {
    /// Entries of a full run.
    const FULL: usize = {
        let fitting = match size_of::<(K, V)>() {
            0 => RUN_MAX,
            size => RUN_BYTES / size,
        };
        if fitting < RUN_MIN {
            RUN_MIN
        } else if fitting > RUN_MAX {
            RUN_MAX
        } else {
            fitting
        }
    };

    /// A map without entries.
    pub const fn new() -> OrderedMap<K, V> {
        OrderedMap { runs: Vec::new(), length: 0 }
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        *self = OrderedMap::new();
    }

    /// All entries.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { runs: &self.runs, front: (0, 0), back: (self.runs.len(), 0) }
    }

    /// All entries, to change their values.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut(self.runs.iter_mut().flatten())
    }

    /// All keys.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator + Clone {
        Keys(self.iter(), self.length)
    }

    /// All values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// All values, to change them.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.runs.iter_mut().flatten().map(|(_, value)| value)
    }

    /// All keys, without the values.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = K> {
        self.into_iter().map(|(key, _)| key)
    }

    /// All values, without the keys.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The entry with the least key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.runs.first()?.first().map(|(key, value)| (key, value))
    }

    /// The entry with the greatest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.runs.last()?.last().map(|(key, value)| (key, value))
    }

    /// The entry with the greatest key, to change its value.
    pub fn last_mut(&mut self) -> Option<(&K, &mut V)> {
        self.runs.last_mut()?.last_mut().map(|(key, value)| (&*key, value))
    }

    /// Removes the entry with the least key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (!self.is_empty()).then(|| self.take((0, 0)))
    }

    /// Removes the entry with the greatest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let last = self.runs.len().checked_sub(1)?;
        let place = (last, self.runs[last].len() - 1);
        Some(self.take(place))
    }

    /// Keeps the entries of which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        for run in &mut self.runs {
            run.retain_mut(|(key, value)| keep(key, value));
        }
        self.runs.retain(|run| !run.is_empty());
        self.length = self.runs.iter().map(Vec::len).sum();
    }

    /// Puts an entry where it belongs, and says where it came to be.
    fn put(&mut self, (mut run, mut at): Place, key: K, value: V) -> Place {
        // What follows everything belongs to the last run, while it has room.
        if run == self.runs.len() {
            match self.runs.last() {
                Some(last) if last.len() < Self::FULL => (run, at) = (run - 1, last.len()),
                _ => self.runs.push(Vec::new()),
            }
        }
        if self.runs[run].len() >= Self::FULL {
            let tail = self.runs[run].split_off(Self::FULL / 2);
            self.runs.insert(run + 1, tail);
            if at > Self::FULL / 2 {
                (run, at) = (run + 1, at - Self::FULL / 2);
            }
        }
        self.runs[run].insert(at, (key, value));
        self.length += 1;
        (run, at)
    }

    /// Takes the entry away that is at a place.
    fn take(&mut self, (run, at): Place) -> (K, V) {
        let entry = self.runs[run].remove(at);
        self.length -= 1;
        // Runs that were emptied bit by bit become one again.
        if self.runs[run].is_empty() {
            self.runs.remove(run);
        } else if !self.join(run) && run > 0 {
            self.join(run - 1);
        }
        entry
    }

    /// Makes a run and the next one run, where that stays half empty. Says whether it was done.
    fn join(&mut self, run: usize) -> bool {
        let Some(next) = self.runs.get(run + 1) else { return false };
        let is_small = self.runs[run].len() + next.len() <= Self::FULL / 2;
        if is_small {
            let mut next = self.runs.remove(run + 1);
            self.runs[run].append(&mut next);
        }
        is_small
    }
}

impl<K: Ord, V> OrderedMap<K, V> {
    /// Where a key is, or else belongs.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let is_before =
            |run: &Vec<(K, V)>| run.last().is_some_and(|(last, _)| last.borrow().cmp(key) == Ordering::Less);
        let run = self.runs.partition_point(is_before);
        let Some(entries) = self.runs.get(run) else { return Err((run, 0)) };
        match entries.binary_search_by(|(known, _)| known.borrow().cmp(key)) {
            Ok(at) => Ok((run, at)),
            Err(at) => Err((run, at)),
        }
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (run, at) = self.find(key).ok()?;
        Some(&self.runs[run][at].1)
    }

    /// The value of a key, to change it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (run, at) = self.find(key).ok()?;
        Some(&mut self.runs[run][at].1)
    }

    /// Whether a key has a value.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Sets the value of a key, and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok((run, at)) => Some(core::mem::replace(&mut self.runs[run][at].1, value)),
            Err(place) => {
                self.put(place, key, value);
                None
            }
        }
    }

    /// Removes a key, and returns the value that it had.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a key, and returns it with the value that it had.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        let place = self.find(key).ok()?;
        Some(self.take(place))
    }

    /// The place of a key, whether it has a value or not.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { map: self, key }
    }

    /// The entries whose keys lie within bounds.
    pub fn range<Q: Ord + ?Sized>(&self, bounds: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        let front = match bounds.start_bound() {
            Bound::Unbounded => (0, 0),
            Bound::Included(key) => self.find(key).unwrap_or_else(|place| place),
            Bound::Excluded(key) => self.behind(key),
        };
        let back = match bounds.end_bound() {
            Bound::Unbounded => (self.runs.len(), 0),
            Bound::Included(key) => self.behind(key),
            Bound::Excluded(key) => self.find(key).unwrap_or_else(|place| place),
        };
        // Bounds in the wrong order have nothing between them.
        Iter { runs: &self.runs, front, back: back.max(front) }
    }

    /// The place that follows a key.
    fn behind<Q: Ord + ?Sized>(&self, key: &Q) -> Place
    where
        K: Borrow<Q>,
    {
        match self.find(key) {
            Err(place) => place,
            Ok((run, at)) if at + 1 == self.runs[run].len() => (run + 1, 0),
            Ok((run, at)) => (run, at + 1),
        }
    }
}

/// The place of a key, from [`OrderedMap::entry`].
pub struct Entry<'a, K, V> {
    map: &'a mut OrderedMap<K, V>,
    key: K,
}

impl<'a, K: Ord, V> Entry<'a, K, V> {
    /// The key's value; where it has none, the one that `make` gives from now on.
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        let (run, at) = match self.map.find(&self.key) {
            Ok(place) => place,
            Err(place) => self.map.put(place, self.key, make()),
        };
        &mut self.map.runs[run][at].1
    }

    /// The key's value; where it has none, `value` from now on.
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The key's value; where it has none, the usual one from now on.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }
}

/// Entries of a map, in order.
pub struct Iter<'a, K, V> {
    runs: &'a [Vec<(K, V)>],
    front: Place,
    back: Place,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Iter { runs: self.runs, front: self.front, back: self.back }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        if self.front == self.back {
            return None;
        }
        let (run, at) = self.front;
        let entries = self.runs.get(run)?;
        let (key, value) = entries.get(at)?;
        self.front = if at + 1 == entries.len() { (run + 1, 0) } else { (run, at + 1) };
        Some((key, value))
    }
}

impl<K, V> DoubleEndedIterator for Iter<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        let (mut run, mut at) = self.back;
        if at == 0 {
            run = run.checked_sub(1)?;
            at = self.runs.get(run)?.len();
        }
        self.back = (run, at - 1);
        self.runs[run].get(at - 1).map(|(key, value)| (key, value))
    }
}

/// Entries of a map, in order, whose values can be changed.
pub struct IterMut<'a, K, V>(Flatten<slice::IterMut<'a, Vec<(K, V)>>>);

impl<'a, K, V> Iterator for IterMut<'a, K, V> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<(&'a K, &'a mut V)> {
        self.0.next().map(|(key, value)| (&*key, value))
    }
}

/// Keys, and how many are left.
struct Keys<'a, K, V>(Iter<'a, K, V>, usize);

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Keys(self.0.clone(), self.1)
    }
}

impl<'a, K, V> Iterator for Keys<'a, K, V> {
    type Item = &'a K;

    fn next(&mut self) -> Option<&'a K> {
        let (key, _) = self.0.next()?;
        self.1 -= 1;
        Some(key)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.1, Some(self.1))
    }
}

impl<K, V> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (key, _) = self.0.next_back()?;
        self.1 -= 1;
        Some(key)
    }
}

impl<K, V> ExactSizeIterator for Keys<'_, K, V> {}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        OrderedMap::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for OrderedMap<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self).finish()
    }
}

// Equal maps may be cut into runs differently.
impl<K: PartialEq, V: PartialEq> PartialEq for OrderedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.iter().eq(other)
    }
}

impl<K: Eq, V: Eq> Eq for OrderedMap<K, V> {}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for OrderedMap<K, V> {
    type Output = V;

    /// # Panics
    /// The key has no value.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("whoever indexes a map knows that the key is there")
    }
}

impl<K: Ord, V> Extend<(K, V)> for OrderedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(key, value)| drop(self.insert(key, value)));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for OrderedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = OrderedMap::new();
        map.extend(entries);
        map
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for OrderedMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V> IntoIterator for OrderedMap<K, V> {
    type Item = (K, V);
    type IntoIter = Flatten<vec::IntoIter<Vec<(K, V)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.runs.into_iter().flatten()
    }
}

impl<'a, K, V> IntoIterator for &'a OrderedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut OrderedMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
