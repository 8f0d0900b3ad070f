//! How much of what a peer writes in a table holds.

use alloc::collections::BTreeMap;

use super::entry::{Entry, Latest};

/// How much of one peer's entries a table holds: those with the greatest stamps. A field of moderators does not count.
///
/// An entry takes the bytes of row, field and value. One that does not fit beside the later ones is left out, and
/// those before it that do fit hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Most values.
    pub values: u32,
    /// Most bytes that they take together.
    pub bytes: u64,
    /// Most removed fields. They have a number of their own, or whoever removed much could write nothing more.
    pub removals: u32,
}

impl Default for Quota {
    /// 20,000 values of 8 MiB, and 20,000 removals.
    fn default() -> Quota {
        Quota { values: 20_000, bytes: 8 * 1024 * 1024, removals: 20_000 }
    }
}

impl Quota {
    /// The greater of each number of both: a quota is never lowered, or what fell out of it would come back elsewhere.
    #[must_use]
    pub fn raised(self, other: Quota) -> Quota {
        Quota {
            values: self.values.max(other.values),
            bytes: self.bytes.max(other.bytes),
            removals: self.removals.max(other.removals),
        }
    }
}

/// What a peer has in a table, of its [`Quota`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Values.
    pub values: u32,
    /// Bytes that they take together.
    pub bytes: u64,
    /// Removed fields.
    pub removals: u32,
}

impl Used {
    fn fits(self, quota: Quota) -> bool {
        let within =
            self.values <= quota.values && self.bytes <= quota.bytes && self.removals <= quota.removals;
        within || planted!(QuotaUnenforced)
    }

    fn with(mut self, entry: &Entry) -> Used {
        if entry.value().is_some() {
            (self.values, self.bytes) = (self.values + 1, self.bytes + entry.size());
        } else {
            self.removals += 1;
        }
        self
    }

    fn without(mut self, entry: &Entry) -> Used {
        if entry.value().is_some() {
            (self.values, self.bytes) = (self.values - 1, self.bytes - entry.size());
        } else {
            self.removals -= 1;
        }
        self
    }

    fn entries(self) -> usize {
        self.values as usize + self.removals as usize
    }

    /// Whether so much more may come before the quota is used up that it is worth forgetting the order of entries.
    fn is_light(self, quota: Quota) -> bool {
        let half = Quota { values: quota.values / 2, bytes: quota.bytes / 2, removals: quota.removals / 2 };
        self.fits(half)
    }
}

/// The entries of one peer that are not beaten, each of which holds or has fallen out of the quota.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// What those take that hold.
    used: Used,
    /// All of them, and whether each holds. Kept once the quota was used up, since most peers never come near it.
    order: Option<BTreeMap<Latest, bool>>,
}

impl Account {
    pub(super) fn used(&self) -> Used {
        self.used
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == Used::default() && self.order.is_none()
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.order.is_some()
    }

    /// An entry holds, until it is settled who does. Returns whether that has to be.
    pub(super) fn insert(&mut self, entry: &Entry, quota: Quota) -> bool {
        let has_fallen = self.has_fallen();
        self.used = self.used.with(entry);
        if let Some(order) = &mut self.order {
            order.insert(Latest(entry.clone()), true);
        }
        has_fallen || !self.used.fits(quota)
    }

    /// An entry is beaten, or gone. Returns whether it has to be settled who holds.
    pub(super) fn remove(&mut self, entry: &Entry, did_hold: bool) -> bool {
        if did_hold {
            self.used = self.used.without(entry);
        }
        if let Some(order) = &mut self.order {
            order.remove(&Latest(entry.clone()));
        }
        did_hold && self.has_fallen()
    }

    /// Notes all of its entries, all of which hold.
    pub(super) fn set_order(&mut self, entries: impl Iterator<Item = Entry>) {
        self.order = Some(entries.map(|entry| (Latest(entry), true)).collect());
    }

    /// Settles which of its entries hold: the latest first, each that fits beside those before it. Returns those that
    /// do, or do not, other than before.
    pub(super) fn settle(&mut self, quota: Quota) -> BTreeMap<Latest, bool> {
        let (mut used, mut changed) = (Used::default(), BTreeMap::new());
        for (entry, holds) in self.order.iter_mut().flatten() {
            let more = used.with(&entry.0);
            let fits = more.fits(quota);
            if fits {
                used = more;
            }
            if core::mem::replace(holds, fits) != fits {
                changed.insert(entry.clone(), fits);
            }
        }
        self.used = used;
        if !self.has_fallen() && used.is_light(quota) {
            self.order = None;
        }
        changed
    }

    fn has_fallen(&self) -> bool {
        self.order.as_ref().is_some_and(|order| order.len() > self.used.entries())
    }
}
