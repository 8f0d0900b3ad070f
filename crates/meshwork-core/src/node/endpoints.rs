//! A table of those who are known, which remembers of whom something changed.
//!
//! A room of a thousand members knows them all and has links to a dozen: whoever asks after each input when something is
//! due next must not look at everybody.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::id::Endpoint;

/// What there is of each endpoint.
#[derive(Debug)]
pub(super) struct Endpoints<T> {
    /// Boxed, as the other tables of endpoints and links are: tables of pointers share their code, which pages load.
    all: BTreeMap<Endpoint, Box<T>>,
    /// Of whom something may have changed since that was last asked.
    changed: RefCell<BTreeSet<Endpoint>>,
}

impl<T> Default for Endpoints<T> {
    fn default() -> Endpoints<T> {
        Endpoints { all: BTreeMap::new(), changed: RefCell::default() }
    }
}

impl<T> Endpoints<T> {
    pub(super) fn insert(&mut self, endpoint: Endpoint, one: T) {
        self.changed.get_mut().insert(endpoint);
        self.all.insert(endpoint, Box::new(one));
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) -> Option<T> {
        self.changed.get_mut().insert(endpoint);
        self.all.remove(&endpoint).map(|one| *one)
    }

    pub(super) fn clear(&mut self) {
        self.changed.get_mut().extend(self.all.keys());
        self.all.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, endpoint: Endpoint) -> Option<&T> {
        self.all.get(&endpoint).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut T> {
        let one = self.all.get_mut(&endpoint)?;
        self.changed.get_mut().insert(endpoint);
        Some(one)
    }

    /// All, in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, &T)> {
        self.all.iter().map(|(&endpoint, one)| (endpoint, &**one))
    }

    /// Those of whom something holds, in their order.
    pub(super) fn those(&self, holds: impl Fn(&T) -> bool) -> Vec<Endpoint> {
        self.iter().filter(|(_, one)| holds(one)).map(|(endpoint, _)| endpoint).collect()
    }

    /// All, to change them: something of everybody counts as changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Endpoint, &mut T)> {
        self.changed.get_mut().extend(self.all.keys());
        self.all.iter_mut().map(|(&endpoint, one)| (endpoint, &mut **one))
    }

    /// Of whom something may have changed since this was last asked.
    pub(super) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.changed.take()
    }
}
