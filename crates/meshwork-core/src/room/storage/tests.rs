//! The promises of a room about its storage, on a disk that fails now and then.

use alloc::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::clock::Stamp;
use crate::id::{Identity, Instance, PeerId, RoomId};
use crate::signed::batch::{Header, StampWindow};
use proptest::prelude::*;

const ROOM: RoomId = RoomId([1; 32]);

fn batch(sequence: u64) -> SignedBatch {
    let identity = Identity::from_secret([2; 32]);
    let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let window = StampWindow::at(Stamp(1 << 20));
    let header = Header::new(author, sequence, window, 0);
    SignedBatch::sign(&identity, &ROOM, &header, &[0; 40]).expect("a legal batch")
}

fn author(number: u8) -> Endpoint {
    Endpoint { peer: PeerId([number; 32]), instance: Instance(1) }
}

fn now(seconds: u64) -> Now {
    Now { time: Time(seconds * 1_000_000), wall: WallTime::from_millis(seconds * 1000) }
}

fn storage() -> Storage {
    let config = Config { stores: true, keeps_history: true, ..Config::default() };
    Storage::new(&config, b"genesis")
}

/// A disk, and the acknowledgements to members.
#[derive(Default)]
struct World {
    disk: BTreeMap<BatchKey, Vec<u8>>,
    genesis: bool,
    history: Vec<Vec<u8>>,
    waiting: VecDeque<(u64, StoreChange)>,
    told: Vec<(Endpoint, u64, bool)>,
    failures: Vec<String>,
    recoveries: usize,
}

impl World {
    fn drain(&mut self, storage: &mut Storage) {
        while let Some(output) = storage.poll_output() {
            match output {
                StorageOutput::Persist { token, change } => self.waiting.push_back((token, change)),
                StorageOutput::Acknowledge { to, sequences, stored } => {
                    self.told.extend(sequences.into_iter().map(|sequence| (to, sequence, stored)));
                }
                StorageOutput::Failed(reason) => self.failures.push(reason),
                StorageOutput::Recovered => self.recoveries += 1,
            }
        }
    }

    /// Carries out the change that has waited longest, or fails to.
    fn answer(&mut self, storage: &mut Storage, at: u64, works: bool) {
        let Some((token, change)) = self.waiting.pop_front() else { return };
        let result = if works {
            self.genesis |= change.genesis.is_some();
            change.remove.iter().for_each(|key| drop(self.disk.remove(key)));
            self.disk.extend(change.insert);
            self.history.extend(change.accepted.into_iter().map(|accepted| accepted.bytes));
            Ok(())
        } else {
            Err("disk full".into())
        };
        storage.handle_persisted(now(at).time, token, result);
        storage.settle(now(at).time);
        self.drain(storage);
    }
}

#[test]
fn full_disks_are_retried_until_all_is_acknowledged() {
    let (mut storage, mut world) = (storage(), World::default());
    storage.insert(now(0), batch(1));
    storage.acknowledge(author(1), 1);
    storage.settle(now(0).time);
    world.drain(&mut storage);
    assert!(world.told.is_empty(), "nothing is acknowledged before it is stored");
    world.answer(&mut storage, 0, false);
    assert_eq!(world.told, [(author(1), 1, false)]);
    assert_eq!(world.failures, ["disk full"]);

    // The room goes on, and says at once that nothing is stored.
    storage.insert(now(0), batch(2));
    storage.acknowledge(author(1), 2);
    storage.settle(now(0).time);
    world.drain(&mut storage);
    assert_eq!(world.told.last(), Some(&(author(1), 2, false)));
    assert!(world.waiting.is_empty(), "a full disk is not tried at every stroke");
    assert_eq!(storage.poll_timeout(), Some(now(1).time));

    storage.settle(now(1).time);
    world.drain(&mut storage);
    world.answer(&mut storage, 1, false);
    assert_eq!(storage.poll_timeout(), Some(now(3).time), "pauses double");
    assert_eq!(world.failures.len(), 1, "the same reason is said once");
    storage.settle(now(3).time);
    world.drain(&mut storage);
    world.answer(&mut storage, 3, true);
    assert_eq!(world.told[2..], [(author(1), 1, true), (author(1), 2, true)]);
    assert_eq!((world.recoveries, world.disk.len(), world.genesis), (1, 2, true));
    assert_eq!(world.history, [batch(1).bytes(), batch(2).bytes()]);
    assert_eq!(storage.poll_timeout(), None);
}

#[test]
fn only_dropped_batches_are_removed_from_the_store() {
    let mut storage = Storage::new(&Config::default(), b"genesis");
    let [read, held, foreign] = [1, 2, 3].map(|sequence| batch(sequence).key());
    storage.drop_stored(read);
    let is_delivered = |key: &BatchKey| *key == held;
    let stored = BTreeSet::from([read, held, foreign]);
    storage.start(b"genesis", &stored, core::iter::empty(), core::iter::empty(), is_delivered);
    storage.settle(now(0).time);
    let mut world = World::default();
    world.drain(&mut storage);
    let removed: Vec<_> = world.waiting.iter().flat_map(|(_, change)| change.remove.clone()).collect();
    assert_eq!(removed, [read, held], "another program stored the third");
}

#[test]
fn pauses_have_a_most() {
    let (mut storage, mut world) = (storage(), World::default());
    let mut at = now(0).time;
    for _ in 0..20 {
        storage.settle(at);
        world.drain(&mut storage);
        let (token, _) = world.waiting.pop_front().expect("a try");
        storage.handle_persisted(at, token, Err("disk full".into()));
        at = storage.poll_timeout().expect("another try");
    }
    let (token_at, failing) = (at, storage.failing.as_ref().expect("failing"));
    assert_eq!((failing.pause, failing.retry_at), (RETRY_MOST, token_at));
}

#[test]
fn what_waits_for_a_failing_disk_is_bounded() {
    let mut storage = storage();
    storage.settle(now(0).time);
    storage.handle_persisted(now(0).time, 1, Err("disk full".into()));
    let length = batch(1).bytes().len();
    let fits = ACCEPTED_BYTES_MAX / length;
    let one = batch(1);
    for sequence in 0..fits as u64 + 10 {
        storage.insert(now(0), one.clone());
        storage.acknowledge(author(1), sequence);
        storage.settle(now(0).time);
        // Beaten at once: nothing of it is to be kept.
        storage.remove(one.key());
    }
    assert_eq!((storage.gathered.accepted.len(), storage.gathered.missed), (fits, 10));
    assert_eq!(storage.owed[&author(1)].len(), OUTBOX_MAX);
    assert!(storage.gathered.batches.is_empty(), "nothing remains of what was never on disk");
    storage.handle_detached(author(1));
    assert!(storage.owed.is_empty());
}

#[test]
fn failed_records_are_retried_unless_newer_ones_came() {
    let (mut storage, mut world) = (storage(), World::default());
    let records = |world: &World| world.waiting.back().and_then(|(_, change)| change.records.clone());
    storage.replace_records(b"first".into());
    storage.settle(now(0).time);
    world.drain(&mut storage);
    assert_eq!(records(&world), Some(b"first".into()));
    world.answer(&mut storage, 0, false);
    storage.settle(now(1).time);
    world.drain(&mut storage);
    assert_eq!(records(&world), Some(b"first".into()), "once more");
    storage.replace_records(b"second".into());
    world.answer(&mut storage, 1, false);
    storage.settle(now(3).time);
    world.drain(&mut storage);
    assert_eq!(records(&world), Some(b"second".into()));
    world.answer(&mut storage, 3, true);
    assert_eq!(world.waiting.len(), 0);
}

#[test]
fn batches_without_a_store_are_acknowledged_as_unstored() {
    let (mut storage, mut world) = (Storage::new(&Config::default(), b"genesis"), World::default());
    storage.insert(now(0), batch(1));
    storage.remove(batch(1).key());
    storage.acknowledge(author(1), 1);
    storage.settle(now(0).time);
    world.drain(&mut storage);
    assert_eq!(world.told, [(author(1), 1, false)]);
    assert!(world.waiting.is_empty());
}

proptest! {
    /// Batches come, are beaten, wait and come back while a disk works now and then. Whatever was called stored is there or
    /// was removed, and in the end the disk has what is held and the history every batch once.
    #[test]
    fn what_is_called_stored_is_stored(steps in prop::collection::vec((0_u8..10, any::<bool>(), 0_u64..40), 1..200)) {
        let batches: Vec<SignedBatch> = (1..=20).map(batch).collect();
        let (mut storage, mut world) = (storage(), World::default());
        // Each with the day on which it lost its last entry, if it wins none.
        let mut kept: BTreeMap<BatchKey, Option<u32>> = BTreeMap::new();
        let (mut next, mut at) = (0, 0);
        for (kind, works, number) in steps {
            match kind {
                0..=3 if next < batches.len() => {
                    kept.insert(batches[next].key(), None);
                    storage.insert(now(at), batches[next].clone());
                    storage.acknowledge(author(1), batches[next].key().sequence);
                    next += 1;
                }
                4 | 8 | 9 => {
                    let place = number as usize % kept.len().max(1);
                    let one = kept.iter().nth(place).map(|(key, lost_on)| (*key, *lost_on));
                    let Some((key, lost_on)) = one else { continue };
                    let batch = &batches[key.sequence as usize - 1];
                    match (kind, lost_on) {
                        (8, None) => {
                            storage.set_aside(batch, at as u32, true);
                            kept.insert(key, Some(at as u32));
                        }
                        (9, Some(_)) => {
                            storage.insert_again(batch.clone());
                            kept.insert(key, None);
                        }
                        _ => {
                            storage.remove(key);
                            kept.remove(&key);
                        }
                    }
                }
                5 | 6 => world.answer(&mut storage, at, works),
                _ => at += number,
            }
            storage.settle(now(at).time);
            world.drain(&mut storage);
            for &(_, sequence, stored) in &world.told {
                let key = batches[sequence as usize - 1].key();
                prop_assert!(!stored || world.disk.contains_key(&key) || !kept.contains_key(&key));
            }
        }
        while storage.poll_timeout().is_some() || !world.waiting.is_empty() {
            world.answer(&mut storage, at, true);
            at += 60;
            storage.settle(now(at).time);
            world.drain(&mut storage);
        }
        let on_disk = world.disk.iter().map(|(key, stored)| {
            let (bytes, lost_on) = form::read(stored);
            assert_eq!(bytes, batches[key.sequence as usize - 1].bytes());
            (*key, lost_on)
        });
        prop_assert_eq!(on_disk.collect::<BTreeMap<_, _>>(), kept);
        let mut accepted: Vec<_> = batches[..next].iter().map(|batch| batch.bytes().to_vec()).collect();
        accepted.sort();
        world.history.sort();
        prop_assert_eq!(world.history, accepted);
        let told: BTreeSet<u64> = world.told.iter().filter(|told| told.2).map(|told| told.1).collect();
        prop_assert_eq!(told.len(), next, "everybody was told in the end");
    }
}
