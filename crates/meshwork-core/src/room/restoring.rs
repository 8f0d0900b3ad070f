//! Storage that comes and goes while a room is open, and that several programs write, as the tabs of a browser profile
//! do.
//!
//! # How it works
//! A tab restores the stored batches, then stores those that are missing there, and every later change. Tabs do not
//! communicate: batches are signed and named, so the union of all tabs' batches is the room, linked or not. A tab
//! removes only batches that it read and that the room's rules dropped. Records are stored as one string, which the
//! driver merges with the stored one: see [`StoredRoom::merge_records`](crate::node::StoredRoom::merge_records).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::room::{Room, RoomOutput, expiry};
use crate::signed::batch::BatchKey;
use crate::time::Now;

impl Room {
    /// The driver stores this room from now on. `stored` are the batches that the store already has: missing
    /// ones are stored at once, and batches that the room dropped are removed. It may be called again, with the
    /// state of the store then. It does nothing in a commons without a name, which nobody stores.
    pub fn start_storing(&mut self, now: Now, stored: &BTreeSet<BatchKey>) {
        if !self.kept.genesis().is_stored() {
            return;
        }
        self.kept.start_storing(stored);
        self.kept.storage.acknowledge(self.kept.me, self.kept.writing.next_sequence() - 1);
        self.finish(now);
    }

    /// The driver no longer stores this room: waiting batches are acknowledged as not stored.
    pub fn stop_storing(&mut self, now: Now) {
        self.kept.storage.stop();
        self.finish(now);
    }

    /// Accepts stored records, and applies those that were unknown.
    pub fn restore_records(&mut self, now: Now, stored: &[u8]) {
        let before = self.kept.rules.stored();
        if stored.is_empty() || before.as_deref() == Some(stored) {
            return;
        }
        let (_, stamps) = self.kept.rules.restore(stored);
        stamps.into_iter().for_each(|(peer, stamp)| self.kept.merge_stamp(peer, stamp));
        if self.kept.rules.stored() != before {
            self.enforce(now);
            let waited = self.kept.rules.take_waiting();
            self.kept.delivery.push_again(waited);
            self.kept.outputs.push_back(RoomOutput::Admitted);
            self.finish(now);
        }
    }

    /// Accepts some stored batches while the room is open already, so that a large replica can be restored
    /// in slices. Invalid ones are left out and reported.
    ///
    /// Stamps count at any civil clock, as at [`Room::restore`].
    pub fn restore_slice(&mut self, now: Now, batches: &[Vec<u8>]) {
        expiry::evict_old(&mut self.kept, now);
        for stored in batches {
            self.restore_one(now, stored, true);
        }
        self.kept.restored();
        self.kept.writing.handle_restored();
        self.finish(now);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::id::{Endpoint, Identity, Instance};
    use crate::node::{Config, Event};
    use crate::replica::toy::{self, Board};
    use crate::replica::{Digest, ReplicaNumber};
    use crate::room::storage::form;
    use crate::seam::event::RoomHandle;
    use crate::seam::io::StoreChange;
    use crate::signed::genesis::Genesis;
    use crate::time::{Time, WallTime};

    const NOW: Now = Now { time: Time(0), wall: WallTime(1_700_000_000_000_000) };

    fn room(identity: &Identity, instance: u64) -> Room {
        let (genesis, bytes, id) = Genesis::of_test(identity);
        let me = Endpoint { peer: identity.peer(), instance: Instance(instance) };
        Room::new(
            RoomHandle(1),
            id,
            genesis,
            bytes,
            crate::room::Makers::new(toy::make),
            me,
            &Config::default(),
        )
    }

    fn write(room: &mut Room, identity: &Identity, place: u32, value: u32) -> BatchKey {
        room.write(NOW, identity, ReplicaNumber::FIRST, Board::payloads(&[(place, value)])).unwrap();
        room.kept.writing.outbox().batches().last().unwrap().key()
    }

    fn digest(room: &Room) -> Option<Digest> {
        room.kept().replicas().get(ReplicaNumber::FIRST).map(|board| board.digest())
    }

    fn asked(room: &mut Room) -> Vec<StoreChange> {
        let outputs = core::iter::from_fn(|| room.poll_output());
        outputs
            .filter_map(|output| match output {
                RoomOutput::Persist { change, .. } => Some(change),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn storing_starts_with_only_what_the_store_lacks() {
        let identity = Identity::from_secret([1; 32]);
        let mut room = room(&identity, 1);
        let beaten = write(&mut room, &identity, 1, 10);
        let known = write(&mut room, &identity, 1, 20);
        let fresh = write(&mut room, &identity, 2, 30);
        assert_eq!(asked(&mut room), [], "a page without the lock stores nothing");

        // Another program stored it.
        let unknown = BatchKey { sequence: 9, ..fresh };
        room.start_storing(NOW, &BTreeSet::from([beaten, known, unknown]));
        let changes = asked(&mut room);
        let [change] = changes.as_slice() else { panic!("one change, not {changes:?}") };
        assert!(change.genesis.is_some());
        let inserted: Vec<_> = change.insert.iter().map(|(key, _)| *key).collect();
        assert_eq!((inserted, &change.remove[..]), (vec![beaten, fresh], &[][..]));
        assert!(form::read(&change.insert[0].1).1.is_some(), "it waits, and is stored so");

        let next = write(&mut room, &identity, 3, 40);
        let [change] = &asked(&mut room)[..] else { panic!("what is written now is stored") };
        assert_eq!(change.insert[0].0, next);
    }

    #[test]
    fn who_stops_storing_asks_for_nothing_more() {
        let identity = Identity::from_secret([1; 32]);
        let mut room = room(&identity, 1);
        room.start_storing(NOW, &BTreeSet::new());
        assert_eq!(asked(&mut room).len(), 1);
        room.stop_storing(NOW);
        write(&mut room, &identity, 1, 10);
        assert_eq!(asked(&mut room), []);
        assert!(!room.kept().stores());
    }

    #[test]
    fn a_replica_restored_in_slices_is_shown_whole() {
        let identity = Identity::from_secret([1; 32]);
        let mut written = room(&identity, 1);
        for place in 0..10 {
            write(&mut written, &identity, place, 10);
        }
        let stored: Vec<Vec<u8>> =
            written.kept().replicas().batches().map(|batch| batch.bytes().to_vec()).collect();
        let mut restored = room(&identity, 2);
        let (first, rest) = stored.split_at(4);
        restored.restore_slice(NOW, first);
        // A known batch is no fault.
        restored.restore_slice(NOW, first);
        restored.restore_slice(NOW, &[rest, &[alloc::vec![1, 2, 3]]].concat());
        assert_eq!(digest(&restored), digest(&written));
        let outputs: Vec<RoomOutput> = core::iter::from_fn(|| restored.poll_output()).collect();
        let count = |is: fn(&Event) -> bool| {
            outputs.iter().filter(|output| matches!(output, RoomOutput::Event(event) if is(event))).count()
        };
        assert_eq!(count(|event| matches!(event, Event::Changed { .. })), 10);
        let is_told = |event: &Event| matches!(event, Event::StorageFailed { reason, .. } if reason.starts_with("1 stored"));
        assert_eq!((count(is_told), count(|event| matches!(event, Event::StorageFailed { .. }))), (1, 1));
    }
}
