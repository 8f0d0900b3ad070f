//! People who write in tables of their own, and exchange what they wrote.

use std::fmt::Debug;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::replica::Replica as _;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{Change, Kind, Quota, Table, Write, Writer, payloads};

const ROOM: RoomId = RoomId([1; 32]);
const START: u64 = 1_790_000_000_000 << 16;

/// Somebody with a table of their own.
pub(crate) struct Person {
    identity: Identity,
    pub(crate) me: Endpoint,
    pub(crate) table: Table,
    /// All that came in here.
    batches: Vec<SignedBatch>,
    /// The greatest stamp that was heard here: a clock that merges what it hears.
    clock: u64,
    sequence: u64,
}

impl Person {
    pub(crate) fn new(secret: u8, instance: u64) -> Person {
        Person::with_table(secret, instance, Quota::default())
    }

    pub(crate) fn with_table(secret: u8, instance: u64, quota: Quota) -> Person {
        let identity = Identity::from_secret([secret; 32]);
        let me = Endpoint { peer: identity.peer(), instance: Instance(instance) };
        let table = Table::with_quota(Kind::ByValue, quota);
        // Clocks differ a little from the beginning.
        let clock = START + u64::from(secret) * 8 + instance;
        Person { identity, me, table, batches: Vec::new(), clock, sequence: 0 }
    }

    /// The same person in a new session, which has the store of this one.
    pub(crate) fn reloaded(&self, instance: u64) -> Person {
        let mut next = Person::with_table(self.identity.to_secret()[0], instance, self.table.quota());
        self.batches.iter().for_each(|batch| next.hear(batch.clone()));
        next
    }

    /// Writes what is asked for, and says what became different.
    pub(crate) fn write<E: Debug>(
        &mut self,
        make: impl Fn(&Table, Endpoint) -> Result<Write, E>,
    ) -> Vec<Change> {
        let write = make(&self.table, self.me).expect("it can be written");
        self.write_all(&[write])
    }

    /// Writes all this at one time, and says what became different.
    pub(crate) fn write_all(&mut self, writes: &[Write]) -> Vec<Change> {
        let mut changes = Vec::new();
        for payload in payloads(self.me.peer, writes).expect("short") {
            (self.clock, self.sequence) = (self.clock + 1, self.sequence + 1);
            let header = Header::new(self.me, self.sequence, StampWindow::at(Stamp(self.clock)), 0);
            let batch = SignedBatch::sign(&self.identity, &ROOM, &header, &payload).expect("short");
            changes.extend(self.take(batch));
        }
        changes
    }

    /// Folds what this person has in the row written last into one batch, where that saves a quarter of its bytes.
    pub(crate) fn fold(&mut self) {
        let written = self.batches.last().and_then(|batch| self.table.outline(batch.payload()));
        let number = written.map(|(number, _)| number).expect("it wrote something");
        if let Some((fold, _)) = self.table.fold(number, self.me.peer) {
            self.sequence += 1;
            let window = StampWindow { least: fold.least, most: Stamp(self.clock) };
            let header = Header::new(self.me, self.sequence, window, 0);
            let batch = SignedBatch::sign(&self.identity, &ROOM, &header, &fold.payload).expect("short");
            self.take(batch);
        }
    }

    /// Fills some of the quota with fields of another app.
    pub(crate) fn fill(&mut self, values: u32) {
        for number in 0..values {
            self.write(|_, me| {
                Ok::<_, ()>(Write::value("else", Writer::Peer(me.peer).field(&number.to_le_bytes()), "x"))
            });
        }
    }

    /// Whether that is all there.
    pub(crate) fn is_filled(&self, values: u32) -> bool {
        self.table.row(b"else").count() == values as usize
    }

    fn hear(&mut self, batch: SignedBatch) {
        self.clock = self.clock.max(batch.header().window.most.0);
        self.take(batch);
    }

    fn take(&mut self, batch: SignedBatch) -> Vec<Change> {
        self.batches.push(batch.clone());
        let content = self.table.check(&batch.header(), batch.payload()).expect("of this kind");
        let changed = self.table.apply(batch, content).changed;
        changed.map(|changes| changes.of::<Change>().to_vec()).unwrap_or_default()
    }
}

/// Each hears all that the other has, in the order of keys: another one than that in which it was written.
pub(crate) fn exchange(one: &mut Person, other: &mut Person) {
    let lacks = |person: &Person, has: &Person| -> Vec<SignedBatch> {
        let known = |batch: &SignedBatch| person.batches.iter().any(|other| other.key() == batch.key());
        let mut lacks: Vec<SignedBatch> = has.batches.iter().filter(|batch| !known(batch)).cloned().collect();
        lacks.sort_by_key(|batch| std::cmp::Reverse(batch.key()));
        lacks
    };
    let (for_one, for_other) = (lacks(one, other), lacks(other, one));
    for_one.into_iter().for_each(|batch| one.hear(batch));
    for_other.into_iter().for_each(|batch| other.hear(batch));
}
