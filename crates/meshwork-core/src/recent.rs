//! Values by key, of which those used last are kept.

use alloc::collections::BTreeMap;

/// At most so many values; the one that was not used for longest gives way, and a flood of keys costs no search.
#[derive(Debug)]
pub struct Recent<K, V> {
    most: usize,
    by_key: BTreeMap<K, (u64, V)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    /// None yet, and at most `most`, which is at least 1.
    pub fn new(most: usize) -> Recent<K, V> {
        Recent { most, by_key: BTreeMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// The value of a key, which is not used by that.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.by_key.get(key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.by_key.get_mut(key).map(|(_, value)| value)
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (used, value) = self.by_key.remove(key)?;
        self.by_use.remove(&used);
        Some(value)
    }

    /// The value of a key, which is used now; a fresh one where there is none. Returns what gave way, too.
    pub fn used(&mut self, key: K, fresh: impl FnOnce() -> V) -> (&mut V, Option<(K, V)>) {
        let mut gave_way = None;
        if self.by_key.len() == self.most
            && !self.by_key.contains_key(&key)
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            gave_way = self.by_key.remove(&oldest).map(|(_, value)| (oldest, value));
        }
        self.uses += 1;
        let (used, value) = self.by_key.entry(key).or_insert_with(|| (0, fresh()));
        self.by_use.remove(used);
        self.by_use.insert(self.uses, key);
        *used = self.uses;
        (value, gave_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_gives_way() {
        let mut recent = Recent::new(3);
        for key in [1, 2, 3, 1] {
            assert_eq!(recent.used(key, || key * 10).1, None);
        }
        assert_eq!(recent.used(4, || 40), (&mut 40, Some((2, 20))));
        assert_eq!([1, 2, 3, 4].map(|key| recent.get(&key).copied()), [Some(10), None, Some(30), Some(40)]);
        assert_eq!((recent.by_key.len(), recent.by_use.len()), (3, 3));
        assert_eq!((recent.remove(&1), recent.remove(&1)), (Some(10), None));
        assert_eq!((recent.by_key.len(), recent.by_use.len()), (2, 2));
    }
}
