//! Who holds what this program wrote: this device's storage, and members that stay.
//!
//! A member holds the last that was written in a part once it has acknowledged that, or was found in step after it was
//! written. A member that leaves goes on being counted: it holds what it held.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::id::Endpoint;
use crate::replica::ReplicaNumber;

/// Parts of which the last own batch is known. Beyond it the one that was written first is forgotten.
const PARTS_MAX: usize = 1024;
/// Members of whom it is known what they hold.
const MEMBERS_MAX: usize = 1024;

/// Who holds the last that this program wrote in one place, and with it what it wrote there before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Whether it is on this device's storage: where this program wrote nothing there, all that the room has.
    pub saved: bool,
    /// The members that stay and hold it, as far as this program knows, with those that have left meanwhile.
    pub members: BTreeSet<Endpoint>,
}

/// What is known of one's own batches.
#[derive(Debug, Default)]
pub(in crate::room) struct Whereabouts {
    /// Up to which sequence they are stored here.
    saved: u64,
    /// The last of each part, and who has acknowledged it.
    parts: BTreeMap<(ReplicaNumber, u32), (u64, BTreeSet<Endpoint>)>,
    /// The part of each of these.
    by_sequence: BTreeMap<u64, (ReplicaNumber, u32)>,
    /// The last sequence when a member was last found in step, and which replicas it does not hold.
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

    /// All up to this sequence is stored here. Returns whether that is news.
    pub(in crate::room) fn handle_saved(&mut self, sequence: u64) -> bool {
        let is_news = sequence > self.saved;
        self.saved = self.saved.max(sequence);
        is_news
    }

    /// Up to which sequence all is stored here.
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

    /// A member that stays has all that was written up to `last`, but what is in replicas that it `lacks`.
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

    /// Who holds the last that was written in a part; where nothing was since the room was opened, who was in step at all,
    /// and whether `is_done` says that all of the room is stored here.
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
