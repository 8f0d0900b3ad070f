//! The admitted peers and their edit keys, and the neighbours that know of them.
//!
//! An admission travels with its author's batches and datagrams, once a link: a neighbour receives it before the first of
//! them. Our own goes to all neighbours and visitors as soon as a record names its key, since messages on lanes depend
//! on it, and many of them are not signed.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use crate::id::{Endpoint, PeerId};
use crate::signed::admission::{EditKey, SignedAdmission};

/// Kept admissions by keys of the room's records. A holder of the seed can admit any number of peers, so this must be
/// bounded. Beyond, peers count as not admitted here.
const ADMISSIONS_MAX: usize = 4096;
/// Admissions by keys that no record names yet, of which the oldest is dropped: anybody can make such a key.
const UNNAMED_MAX: usize = 256;

/// The known admissions, and the neighbours that received them.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    held: BTreeMap<PeerId, Held>,
    count: usize,
    unnamed: VecDeque<SignedAdmission>,
    /// Neighbours and visitors.
    linked: BTreeSet<Endpoint>,
}

/// The keys by which a peer is admitted.
#[derive(Debug, Default)]
struct Held {
    keys: Vec<EditKey>,
    /// In the same order.
    admissions: Vec<SignedAdmission>,
    /// The number of admissions that each endpoint received.
    told: BTreeMap<Endpoint, usize>,
}

impl Admissions {
    /// The keys by which a peer is admitted.
    pub(super) fn of(&self, peer: &PeerId) -> &[EditKey] {
        self.held.get(peer).map_or(&[], |held| &held.keys)
    }

    /// Accepts an admission; `is_named` if a record names its key. Returns whether it is new and counts.
    pub(super) fn take(&mut self, signed: SignedAdmission, is_named: bool) -> bool {
        let admission = signed.admission();
        if self.of(&admission.peer).contains(&admission.key) || self.unnamed.contains(&signed) {
            return false;
        }
        if !is_named {
            if self.unnamed.len() == UNNAMED_MAX {
                self.unnamed.pop_front();
            }
            self.unnamed.push_back(signed);
        }
        if !is_named || self.count == ADMISSIONS_MAX {
            return false;
        }
        self.count += 1;
        let held = self.held.entry(admission.peer).or_default();
        held.keys.push(admission.key);
        held.admissions.push(signed);
        true
    }

    /// The records changed: admissions whose key they name count.
    pub(super) fn handle_records(&mut self, is_named: impl Fn(&EditKey) -> bool) {
        for signed in core::mem::take(&mut self.unnamed) {
            self.take(signed, is_named(&signed.admission().key));
        }
    }

    /// The admissions that `to` must receive before a message of `peer`, each once.
    pub(super) fn tell(&mut self, to: Endpoint, peer: &PeerId) -> &[SignedAdmission] {
        let Some(held) = self.held.get_mut(peer) else { return &[] };
        let told = held.told.insert(to, held.admissions.len()).unwrap_or(0);
        &held.admissions[told..]
    }

    /// Neighbours and visitors.
    pub(super) fn linked(&self) -> Vec<Endpoint> {
        self.linked.iter().copied().collect()
    }

    /// A neighbour or visitor is linked over a new link, on which it received nothing.
    pub(super) fn handle_linked(&mut self, endpoint: Endpoint) {
        self.forget(endpoint);
        self.linked.insert(endpoint);
    }

    /// Forgets endpoints that neither are neighbours nor visit us any more.
    pub(super) fn retain_linked(&mut self, is_linked: impl Fn(Endpoint) -> bool) {
        let gone: Vec<Endpoint> = self.linked.extract_if(.., |endpoint| !is_linked(*endpoint)).collect();
        gone.into_iter().for_each(|endpoint| self.forget(endpoint));
    }

    /// Earlier messages to an endpoint may be lost.
    pub(super) fn forget(&mut self, endpoint: Endpoint) {
        self.held.values_mut().for_each(|held| _ = held.told.remove(&endpoint));
    }

    /// All admissions that count.
    pub(super) fn all(&self) -> impl Iterator<Item = &SignedAdmission> {
        self.held.values().flat_map(|held| &held.admissions)
    }
}
