//! The replicas of a room, by number.
//!
//! An app has a slot of the room: that of the genesis, that of the conversation, or one that a record gave it. In its
//! slot it has two tables, which every program can store without knowing the app, and one replica of a family of its
//! own if this program knows the app.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::num::NonZero;

use crate::replica::{Applied, Changes, Enforced, Floor, Replica, ReplicaNumber, Retraction};
use crate::rulebook::Rulebook;
use crate::signed::app::{AppParameters, AppWord, CONVERSATION_SLOT, GENESIS_SLOT, GIVEN_SLOTS};
use crate::signed::batch::SignedBatch;
use crate::signed::change::AppOn;
use crate::signed::genesis::Genesis;
use crate::signed::header::Family;
use crate::table::{Kind, Quota, Table};

/// Makes an app's own replica from the app's name and its parameters in the room; `None` for an
/// unknown app, one that needs only tables, and invalid parameters.
pub type MakeReplica = fn(&AppWord, &AppParameters) -> Option<Box<dyn Replica>>;

/// Makes the replicas of apps. A registered app has a maker of its own, and all other apps share one.
///
/// An app whose room gives it no parameters has the shared maker, registered or not. Programs that did not register it make
/// the same replica then, and members do not compare different ones.
#[derive(Clone, Debug)]
pub struct Makers {
    others: MakeReplica,
    registered: Arc<Vec<(AppWord, MakeReplica)>>,
}

impl Makers {
    /// One maker for all apps.
    pub fn new(others: MakeReplica) -> Makers {
        Makers { others, registered: Arc::default() }
    }

    /// Gives an app a maker of its own, in place of an earlier one. Copies of these makers do not change.
    pub fn register(&mut self, app: AppWord, make: MakeReplica) {
        let registered = Arc::make_mut(&mut self.registered);
        registered.retain(|(known, _)| *known != app);
        registered.push((app, make));
    }

    fn make(&self, app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
        let is_own = |(known, _): &&(AppWord, MakeReplica)| known == app && !parameters.is_empty();
        let own = self.registered.iter().find(is_own).map(|(_, make)| *make);
        own.unwrap_or(self.others)(app, parameters)
    }
}

/// The quota of each peer in a table of a commons, where no owner can raise it: docs/protocol/genesis.md.
const COMMONS_QUOTA: Quota = Quota { values: 1000, bytes: 256 * 1024, removals: 1000 };

/// Days for which tables by time of a commons keep their rows: docs/protocol/genesis.md.
const COMMONS_AGE: NonZero<u16> = NonZero::new(30).expect("more than none");

/// The replicas of one room.
#[derive(Debug)]
pub struct Replicas {
    makers: Makers,
    quota: Quota,
    /// The app that the room opened with, and those that records enabled, by slot.
    on: BTreeMap<u8, AppOn>,
    by_number: BTreeMap<ReplicaNumber, Box<dyn Replica>>,
    /// Days for which every table by time keeps its rows, if records cannot change it.
    age: Option<NonZero<u16>>,
    /// The same for tables whose records set it.
    ages: BTreeMap<ReplicaNumber, NonZero<u16>>,
    /// Replicas with evicted batches, which no root covers.
    apart: Vec<ReplicaNumber>,
}

impl Replicas {
    /// The replicas of a room without records.
    pub(super) fn new(makers: Makers, genesis: &Genesis) -> Replicas {
        let is_commons = genesis.owner().is_none();
        let quota = if is_commons { COMMONS_QUOTA } else { Quota::default() };
        let age = is_commons.then_some(COMMONS_AGE);
        let (app, parameters) = genesis.app();
        let first = AppOn { slot: GENESIS_SLOT, app: app.clone(), parameters: parameters.clone() };
        let mut replicas = Replicas {
            makers,
            quota,
            on: BTreeMap::from([(GENESIS_SLOT, first)]),
            by_number: BTreeMap::new(),
            age,
            ages: BTreeMap::new(),
            apart: Vec::new(),
        };
        replicas.make_missing();
        replicas.turn_on(CONVERSATION_SLOT, None);
        replicas
    }

    #[cfg(test)]
    pub(super) fn with(by_number: impl IntoIterator<Item = (ReplicaNumber, Box<dyn Replica>)>) -> Replicas {
        let by_number = by_number.into_iter().collect();
        let (on, age, ages) = (BTreeMap::new(), None, BTreeMap::new());
        let apart = Vec::new();
        let makers = Makers::new(|_, _| None);
        Replicas { makers, quota: Quota::default(), on, by_number, age, ages, apart }
    }

    #[cfg(test)]
    pub(super) fn insert(&mut self, (number, replica): (ReplicaNumber, Box<dyn Replica>)) {
        self.by_number.insert(number, replica);
    }

    /// The replica with this number; `None` if this program does not keep it, or no record enabled its app.
    pub fn get(&self, number: ReplicaNumber) -> Option<&dyn Replica> {
        self.by_number.get(&number).map(|replica| &**replica)
    }

    /// All replicas, by number.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaNumber, &dyn Replica)> {
        self.by_number.iter().map(|(&number, replica)| (number, &**replica))
    }

    /// The batches that any replica keeps.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.by_number.values().flat_map(|replica| replica.batches())
    }

    pub(super) fn get_mut(&mut self, mut number: ReplicaNumber) -> Option<&mut dyn Replica> {
        if planted!(ReplicaMixed) && number.family() == Family::ByTime {
            number = ReplicaNumber::new(number.slot(), Family::ByValue)?;
        }
        self.by_number.get_mut(&number).map(|replica| &mut **replica)
    }

    /// Whether a replica is bounded for any number of writers.
    pub(super) fn is_bounded(&self, number: ReplicaNumber) -> bool {
        self.get(number).is_some_and(|replica| replica.is_bounded())
    }

    /// Excludes exactly these replicas from comparison: some of their batches were evicted, and no root covers them.
    pub(super) fn set_apart(&mut self, apart: Vec<ReplicaNumber>) {
        self.apart = apart;
    }

    /// Replicas that are excluded from comparison.
    pub(super) fn apart(&self) -> &[ReplicaNumber] {
        &self.apart
    }

    /// Whole days of room time for which a table by time keeps its rows; `None` for ever.
    pub fn age(&self, number: ReplicaNumber) -> Option<NonZero<u16>> {
        self.ages.get(&number).copied().or(self.age).filter(|_| number.family() == Family::ByTime)
    }

    /// Whether a floor of a table must move on this day.
    pub(super) fn is_old(&self, today: u32) -> bool {
        self.floors(today).next().is_some()
    }

    /// Whether any table has an age.
    pub(super) fn ages(&self) -> bool {
        self.age.is_some() || !self.ages.is_empty()
    }

    /// Moves the floor of each table to its age on this day; forward only if it may evict.
    /// Returns the resulting changes.
    pub(super) fn evict_old(
        &mut self,
        today: u32,
        evicts: bool,
    ) -> Vec<(ReplicaNumber, Applied<Option<Changes>>)> {
        let floors: Vec<(ReplicaNumber, Floor, Floor)> = self.floors(today).collect();
        let mut turned = Vec::new();
        for (number, floor, _) in floors.into_iter().filter(|(_, floor, held)| evicts || floor < held) {
            turned.extend(self.table_mut(number).map(|table| (number, table.set_floor(floor))));
        }
        turned
    }

    /// Tables whose floor differs from their age, with both.
    fn floors(&self, today: u32) -> impl Iterator<Item = (ReplicaNumber, Floor, Floor)> {
        let tables = self.by_number.iter().filter(|(number, _)| number.family() == Family::ByTime);
        let floor = move |number| {
            let days = self.age(number).map(|days| today.saturating_sub(days.get().into()));
            Floor(days.unwrap_or_default())
        };
        let floors = tables.map(move |(&number, table)| (number, floor(number), table.floor()));
        floors.filter(|(_, floor, held)| floor != held)
    }

    fn table_mut(&mut self, number: ReplicaNumber) -> Option<&mut Table> {
        let any: &mut dyn Any = &mut **self.by_number.get_mut(&number)?;
        any.downcast_mut()
    }

    /// The records changed, or the maker knows more apps: apps get the slots of the records. Returns
    /// the replicas of apps that lost their slot to another app, by a record that was unknown here.
    pub(super) fn turn_on_apps(&mut self, book: &Rulebook) -> Vec<Box<dyn Replica>> {
        let mut given_up = Vec::new();
        for slot in GIVEN_SLOTS {
            let Some(on) = book.app(slot) else { continue };
            if self.on.get(&slot) != Some(on) && self.on.insert(slot, on.clone()).is_some() {
                given_up.extend(self.by_number.remove(&number(slot, Family::Own)));
            }
        }
        self.make_missing();
        given_up
    }

    /// Makes missing replicas of apps that this program knows.
    fn make_missing(&mut self) {
        let lacks = |slot: &u8| !self.by_number.contains_key(&number(*slot, Family::Own));
        for slot in self.on.keys().copied().filter(lacks).collect::<Vec<u8>>() {
            let own = self.on.get(&slot).and_then(|on| self.makers.make(&on.app, &on.parameters));
            self.turn_on(slot, own);
        }
    }

    /// The records changed: tables get their quotas and ages. Returns the changes that the quotas cause.
    pub(super) fn handle_records(
        &mut self,
        book: &Rulebook,
    ) -> Vec<(ReplicaNumber, Applied<Option<Changes>>)> {
        let mut raised = Vec::new();
        self.ages.clear();
        for number in self.by_number.keys().copied().collect::<Vec<_>>() {
            self.ages.extend(book.age(number).map(|days| (number, days)));
            if let (Some(quota), Some(table)) = (book.quota(number), self.table_mut(number)) {
                let (values, bytes, removals) = (quota.values, quota.bytes.into(), quota.removals);
                raised.push((number, table.raise_quota(Quota { values, bytes, removals })));
            }
        }
        raised
    }

    /// From now on only batches compete for which `stands` is true, and entries that `retracted` covers are hidden: see
    /// [`Replica::enforce`]. `beaten` are superseded batches of any replica.
    pub(super) fn enforce<'a, B: Iterator<Item = &'a SignedBatch>>(
        &mut self,
        stands: &dyn Fn(&SignedBatch) -> bool,
        retracted: &[Retraction],
        beaten: impl Fn() -> B,
    ) -> Vec<(ReplicaNumber, Enforced<Option<Changes>>)> {
        let enforce = |(&number, replica): (&ReplicaNumber, &mut Box<dyn Replica>)| {
            let retracted: Vec<Retraction> =
                retracted.iter().filter(|one| one.replica == number).cloned().collect();
            let mut beaten = beaten().filter(|batch| batch.header().replica == number);
            (number, replica.enforce(stands, &retracted, &mut beaten))
        };
        self.by_number.iter_mut().map(enforce).collect()
    }

    fn turn_on(&mut self, slot: u8, own: Option<Box<dyn Replica>>) {
        self.by_number.extend(own.map(|own| (number(slot, Family::Own), own)));
        for (family, kind) in [(Family::ByValue, Kind::ByValue), (Family::ByTime, Kind::ByTime)] {
            let table = || Box::new(Table::with_quota(kind, self.quota)) as Box<dyn Replica>;
            self.by_number.entry(number(slot, family)).or_insert_with(table);
        }
    }
}

fn number(slot: u8, family: Family) -> ReplicaNumber {
    ReplicaNumber::new(slot, family).expect("the slot of an app is one")
}
