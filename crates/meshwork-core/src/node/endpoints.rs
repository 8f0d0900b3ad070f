//! A table of known endpoints that remembers changed rows.
//!
//! A room of a thousand members knows them all and has links to a dozen: computing the next due time after each input
//! must not scan everybody.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::id::Endpoint;

/// The rows of endpoints.
#[derive(Debug)]
pub(super) struct Endpoints<T> {
    /// Boxed, as the other tables of endpoints and links are: tables of pointers share their code, which pages load.
    all: BTreeMap<Endpoint, Box<T>>,
    /// Endpoints that may have changed since the last call.
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

    /// All rows, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Endpoint, &T)> {
        self.all.iter().map(|(&endpoint, one)| (endpoint, &**one))
    }

    /// The endpoints for which `holds` is true, in order.
    pub(super) fn those(&self, holds: impl Fn(&T) -> bool) -> Vec<Endpoint> {
        self.iter().filter(|(_, one)| holds(one)).map(|(endpoint, _)| endpoint).collect()
    }

    /// All rows, for changes: all count as changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Endpoint, &mut T)> {
        self.changed.get_mut().extend(self.all.keys());
        self.all.iter_mut().map(|(&endpoint, one)| (endpoint, &mut **one))
    }

    /// Endpoints that may have changed since the last call.
    pub(super) fn take_changed(&self) -> BTreeSet<Endpoint> {
        self.changed.take()
    }
}
