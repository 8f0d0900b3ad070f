//! Disks: how long a store takes, when it fails, and what is left of the last one after a crash.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::RoomId;
use meshwork_core::node::Input;
use meshwork_core::seam::io::StoreChange;
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::time::Time;

use super::{Happening, World};
use crate::connection::NodeIndex;

/// Time that a store takes to be durable, where a script says nothing else.
pub(super) const STORE_DELAY: Duration = Duration::from_millis(5);

/// What a node stored, by room.
pub type Store = BTreeMap<RoomId, StoredFiles>;

/// What a node stored of one room.
#[derive(Clone, Debug, Default)]
pub struct StoredFiles {
    /// The signed genesis.
    pub genesis: Vec<u8>,
    /// The records.
    pub records: Vec<u8>,
    /// The signed batches.
    pub batches: BTreeMap<BatchKey, Vec<u8>>,
}

/// How a program's disk behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Time that a store takes to be durable.
    pub delay: Duration,
    /// Whether stores fail because there is no space.
    pub full: bool,
    /// When the last store is durable: later ones are no earlier.
    busy_until: Time,
}

impl Disk {
    /// One with space, on which a store takes `delay`.
    pub(super) fn new(delay: Duration) -> Disk {
        Disk { delay, full: false, busy_until: Time(0) }
    }

    /// Makes it this slow, and full or not.
    pub fn set(&mut self, delay: Duration, full: bool) {
        (self.delay, self.full) = (delay, full);
    }

    /// When a store is durable that begins now.
    pub(super) fn begin(&mut self, now: Time) -> Time {
        self.busy_until = (now + self.delay).max(self.busy_until);
        self.busy_until
    }
}

impl World {
    /// Makes every disk, also those of programs to come, take this long until a store is durable.
    pub fn set_store_delay(&mut self, delay: Duration) {
        self.store_delay = delay;
        self.programs.iter_mut().for_each(|program| program.disk.delay = delay);
    }

    /// Stores that are not durable yet, on all disks.
    pub fn stores_under_way(&self) -> usize {
        self.queue.iter().filter(|happening| matches!(happening, Happening::Stored(..))).count()
    }

    /// Ends a program without a word, after its disk made the next `durable` of its stores durable without being
    /// able to say so. Each store is there as a whole or not at all. Returns what is on its disk.
    pub fn crash_while_storing(&mut self, index: NodeIndex, durable: usize) -> Store {
        let own =
            |happening: &Happening| matches!(happening, Happening::Stored(owner, ..) if *owner == index);
        for happening in self.queue.take_first(durable, own) {
            if let Happening::Stored(_, _, room, change) = happening {
                apply(&mut self.program(index).store, room, change);
            }
        }
        self.crash(index)
    }

    pub(super) fn store(&mut self, index: NodeIndex, token: u64, room: RoomId, change: StoreChange) {
        let Some(program) = self.programs.get_mut(index) else { return };
        if program.asleep {
            // Its machine stands still, and so does its disk.
            let later = self.now + Duration::from_secs(1);
            return self.queue.insert(later, Happening::Stored(index, token, room, change));
        }
        let input = if program.disk.full {
            Input::PersistFailed { token, reason: String::from("no space is left on the disk") }
        } else {
            apply(&mut program.store, room, change);
            Input::Persisted { token }
        };
        self.tell(index, input);
    }
}

fn apply(store: &mut Store, room: RoomId, change: StoreChange) {
    let stored = store.entry(room).or_default();
    if let Some(bytes) = change.genesis {
        stored.genesis = bytes;
    }
    if let Some(bytes) = change.records {
        stored.records = bytes;
    }
    for key in change.remove {
        stored.batches.remove(&key);
    }
    stored.batches.extend(change.insert);
}

/// Changes one bit of every `each`-th stored batch, as a failing disk does. Returns how many were changed.
pub fn rot(store: &mut Store, each: usize) -> usize {
    let batches = store.values_mut().flat_map(|stored| stored.batches.values_mut());
    let mut changed = 0;
    for (place, bytes) in batches.step_by(each.max(1)).enumerate() {
        let length = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(place * 31 % length) {
            *byte ^= 1 << (place % 8);
            changed += 1;
        }
    }
    changed
}
