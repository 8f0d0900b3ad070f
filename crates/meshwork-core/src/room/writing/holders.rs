//! The holders of this program's writes: this device's storage, and members that stay.
//!
//! A member has the last write of a part once it has acknowledged it, or was synchronised after it. Members that left
//! still count.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::Endpoint;
use crate::replica::ReplicaNumber;

/// Parts whose last own batch is remembered. Beyond, the one with the oldest write is forgotten.
const PARTS_MAX: usize = 1024;
/// Members whose data is remembered.
const MEMBERS_MAX: usize = 1024;

/// The holders of this program's last write in one place, and so of its earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Whether it is in this device's storage; without writes of this program there, whether the whole room is.
    pub saved: bool,
    /// The members that stay and have it, as far as known, including those that left meanwhile.
    pub members: BTreeSet<Endpoint>,
}

/// The known holders of our own batches.
#[derive(Debug, Default)]
pub(in crate::room) struct Whereabouts {
    /// Our batches up to this sequence are stored here.
    saved: u64,
    /// The last batch of each part, and the members that acknowledged it.
    parts: BTreeMap<(ReplicaNumber, u32), (u64, BTreeSet<Endpoint>)>,
    /// The part of each of these.
    by_sequence: BTreeMap<u64, (ReplicaNumber, u32)>,
    /// By member: our last sequence when it last was synchronised, and the replicas that it does not keep.
    in_step: BTreeMap<Endpoint, (u64, Vec<ReplicaNumber>)>,
}

impl Whereabouts {
    pub(in crate::room) fn handle_written(&mut self, part: (ReplicaNumber, u32), sequence: u64) {
        if let Some((before, _)) = self.parts.insert(part, (sequence, BTreeSet::new())) {
            self.by_sequence.remove(&before);
        }
        self.by_sequence.insert(sequence, part);
        if self.parts.len() > PARTS_MAX
            && let Some((_, first)) = self.by_sequence.pop_first()
        {
            self.parts.remove(&first);
        }
    }

    /// All batches up to this sequence are stored here. Returns whether that is new.
    pub(in crate::room) fn handle_saved(&mut self, sequence: u64) -> bool {
        let is_news = sequence > self.saved;
        self.saved = self.saved.max(sequence);
        is_news
    }

    /// All batches up to this sequence are stored here.
    pub(in crate::room) fn saved(&self) -> u64 {
        self.saved
    }

    pub(in crate::room) fn handle_acknowledged(&mut self, by: Endpoint, sequence: u64) {
        let part = self.by_sequence.get(&sequence);
        if let Some((_, members)) = part.and_then(|part| self.parts.get_mut(part))
            && members.len() < MEMBERS_MAX
        {
            members.insert(by);
        }
    }

    /// A member that stays has all writes up to `last`, except in replicas that it `lacks`.
    pub(in crate::room) fn handle_in_step(
        &mut self,
        endpoint: Endpoint,
        last: u64,
        lacks: Vec<ReplicaNumber>,
    ) {
        if self.in_step.len() < MEMBERS_MAX || self.in_step.contains_key(&endpoint) {
            self.in_step.insert(endpoint, (last, lacks));
        }
    }

    /// The holders of the last write in a part. Without writes since the room was opened: the synchronised members, and
    /// whether `is_done`, that is the whole room is stored here.
    pub(in crate::room) fn of(&self, part: (ReplicaNumber, u32), stores: bool, is_done: bool) -> Holders {
        let own = self.parts.get(&part).cloned();
        let saved = own.as_ref().map_or(is_done, |(sequence, _)| stores && *sequence <= self.saved);
        let (sequence, mut members) = own.unwrap_or_default();
        let holds = |(last, lacks): &(u64, Vec<ReplicaNumber>)| *last >= sequence && !lacks.contains(&part.0);
        let in_step = self.in_step.iter().filter(|(_, said)| holds(said));
        members.extend(in_step.map(|(endpoint, _)| *endpoint));
        Holders { saved, members }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::signed::app::GENESIS_SLOT;
    use crate::signed::header::Family;

    #[test]
    fn only_who_has_the_last_batch_counts() {
        let replica = ReplicaNumber::new(GENESIS_SLOT, Family::Own).expect("a slot");
        let member = |instance| Endpoint { peer: PeerId([1; 32]), instance: Instance(instance) };
        let (mut whereabouts, one, other) = (Whereabouts::default(), (replica, 1), (replica, 2));
        let members = |whereabouts: &Whereabouts, part| {
            whereabouts.of(part, true, true).members.into_iter().collect::<Vec<_>>()
        };
        whereabouts.handle_written(one, 1);
        whereabouts.handle_acknowledged(member(1), 1);
        assert_eq!(members(&whereabouts, one), [member(1)]);
        whereabouts.handle_written(one, 2);
        assert_eq!(members(&whereabouts, one), [], "it was written in again");
        whereabouts.handle_acknowledged(member(1), 1);
        assert_eq!(members(&whereabouts, one), [], "a late word on the batch before");
        whereabouts.handle_in_step(member(2), 2, vec![]);
        whereabouts.handle_in_step(member(3), 2, vec![replica]);
        whereabouts.handle_written(other, 3);
        assert_eq!(members(&whereabouts, one), [member(2)]);
        assert_eq!(members(&whereabouts, other), [], "it was in step before");
        assert!(!whereabouts.of(one, true, true).saved);
        assert!(whereabouts.handle_saved(2) && !whereabouts.handle_saved(1));
        let saved = [(one, true), (other, true), (one, false)];
        assert_eq!(
            saved.map(|(part, stores)| whereabouts.of(part, stores, true).saved),
            [true, false, false]
        );
        let foreign = (replica, 3);
        assert_eq!([true, false].map(|is_done| whereabouts.of(foreign, true, is_done).saved), [true, false]);
        for sequence in 4..4 + PARTS_MAX as u64 {
            whereabouts.handle_written((replica, sequence as u32 + 10), sequence);
        }
        assert_eq!((whereabouts.parts.len(), whereabouts.by_sequence.len()), (PARTS_MAX, PARTS_MAX));
    }
}
