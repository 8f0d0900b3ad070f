//! The admitted peers and their edit keys, and the neighbours that know of them.
//!
//! An admission travels with its author's batches, once a link: a neighbour receives it before the first batch.

use alloc::collections::{BTreeMap, VecDeque};
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
}

/// The keys by which a peer is admitted.
#[derive(Debug, Default)]
struct Held {
    keys: Vec<EditKey>,
    /// In the same order.
    admissions: Vec<SignedAdmission>,
    told: Vec<Endpoint>,
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
        held.told.clear();
        true
    }

    /// The records changed: admissions whose key they name count.
    pub(super) fn handle_records(&mut self, is_named: impl Fn(&EditKey) -> bool) {
        for signed in core::mem::take(&mut self.unnamed) {
            self.take(signed, is_named(&signed.admission().key));
        }
    }

    /// The admissions that `to` must receive before a batch of `peer`, once.
    pub(super) fn tell(&mut self, to: Endpoint, peer: &PeerId) -> &[SignedAdmission] {
        match self.held.get_mut(peer) {
            Some(held) if !held.told.contains(&to) => {
                held.told.push(to);
                &held.admissions
            }
            _ => &[],
        }
    }

    /// A neighbour is attached over another link, or gone: earlier messages may be lost.
    pub(super) fn forget(&mut self, neighbour: Endpoint) {
        self.held.values_mut().for_each(|held| held.told.retain(|told| *told != neighbour));
    }

    /// All admissions that count.
    pub(super) fn all(&self) -> impl Iterator<Item = &SignedAdmission> {
        self.held.values().flat_map(|held| &held.admissions)
    }
}
