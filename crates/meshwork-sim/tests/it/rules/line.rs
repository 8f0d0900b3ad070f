//! Members in between, that lack a family or hold less of it, keep nobody apart who holds more; and two devices of
//! one peer come to an end with folding.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, hash, holds};

/// How often all neighbours compare before everything has to be everywhere.
const ROUNDS: u32 = 8;

/// The rules that join those who hold a family.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Every holder also compares with the next endpoint of a ring.
    visits_next: bool,
    /// Presence tells families and floors, so the next one is the next that holds at least as much.
    presence_tells: bool,
}

const IN_FORCE: Rules = Rules { visits_next: true, presence_tells: true };

/// A member by its place in the ring.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Name {
    A,
    B,
    LacksFamily,
    C,
    HoldsPart,
    AlsoHoldsPart,
    AlsoLacksFamily,
}

use Name::{A, AlsoHoldsPart, AlsoLacksFamily, B, C, HoldsPart, LacksFamily};

const RING: [Name; 7] = [A, B, LacksFamily, C, HoldsPart, AlsoHoldsPart, AlsoLacksFamily];

impl Name {
    /// The time from which it holds the family, if it does.
    fn floor(self) -> Option<u64> {
        match self {
            A | B | C => Some(0),
            HoldsPart | AlsoHoldsPart => Some(2),
            LacksFamily | AlsoLacksFamily => None,
        }
    }

    fn holds(self, time: u64) -> bool {
        self.floor().is_some_and(|floor| floor <= time)
    }

    /// The time from which both hold the family.
    fn floor_with(self, other: Name) -> Option<u64> {
        Some(self.floor()?.max(other.floor()?))
    }
}

/// Something written: its time and a number of its own.
type Entry = (u64, u64);

#[derive(Clone, Debug)]
enum Action {
    /// What is live is heard by everybody whom a path of links joins, whoever stands on it; else nobody is near.
    Write {
        name: Name,
        time: u64,
        is_live: bool,
    },
    Link(Name, Name),
    Cut(Name, Name),
}

#[derive(Debug)]
struct Line {
    rules: Rules,
    held: BTreeMap<Name, BTreeSet<Entry>>,
    links: BTreeSet<(Name, Name)>,
    written: u64,
}

impl Line {
    fn reach(&self, start: Name) -> BTreeSet<Name> {
        let mut reached = BTreeSet::from([start]);
        loop {
            let known = reached.len();
            for (a, b) in &self.links {
                if reached.contains(a) || reached.contains(b) {
                    reached.extend([a, b]);
                }
            }
            if reached.len() == known {
                return reached;
            }
        }
    }

    fn write(&mut self, time: u64, to: BTreeSet<Name>) {
        self.written += 1;
        for name in to.into_iter().filter(|name| name.holds(time)) {
            self.held.entry(name).or_default().insert((time, self.written));
        }
    }

    /// What a member holds from a time on.
    fn since(&self, name: Name, floor: u64) -> BTreeSet<Entry> {
        self.held.get(&name).map(|held| held.range((floor, 0)..).copied().collect()).unwrap_or_default()
    }

    fn compare(&mut self, a: Name, b: Name) {
        let Some(floor) = a.floor_with(b) else { return };
        let both = &self.since(a, floor) | &self.since(b, floor);
        for name in [a, b] {
            self.held.entry(name).or_default().extend(&both);
        }
    }

    /// Whom a member visits beyond its links.
    fn visited_by(&self, name: Name) -> Option<Name> {
        let floor = name.floor().filter(|_| self.rules.visits_next)?;
        let mut after = RING.iter().copied().cycle().skip(name as usize + 1).take(RING.len() - 1);
        after.find(|other| !self.rules.presence_tells || other.holds(floor))
    }

    /// A chain joins whom the links leave apart, in an order that follows from them.
    fn heal(&mut self) {
        let mut order = RING;
        order.sort_by_key(|name| hash(&(&self.links, name)));
        let reached = self.reach(order[0]);
        let pairs = order.iter().copied().zip(order[1..].iter().copied());
        self.links.extend(pairs.filter(|(_, name)| !reached.contains(name)));
        let visits = RING.iter().filter_map(|name| Some((*name, self.visited_by(*name)?)));
        let pairs: Vec<(Name, Name)> = self.links.iter().copied().chain(visits).collect();
        for _ in 0..ROUNDS {
            pairs.iter().for_each(|(a, b)| self.compare(*a, *b));
        }
    }
}

impl World for Line {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        let (name, other, time) = (choose(rng, &RING), choose(rng, &RING), rng.below(4));
        match rng.below(5) {
            0..2 => Action::Write { name, time, is_live: chance(rng, 5) },
            2 => Action::Cut(name.min(other), name.max(other)),
            _ => Action::Link(name.min(other), name.max(other)),
        }
    }

    fn new(rules: Rules) -> Line {
        Line { rules, held: BTreeMap::new(), links: BTreeSet::new(), written: 0 }
    }

    fn step(&mut self, action: &Action) {
        match *action {
            Action::Write { name, time, is_live: true } if name.holds(time) => {
                self.write(time, self.reach(name))
            }
            Action::Write { name, time, .. } => self.write(time, [name].into()),
            Action::Link(a, b) => _ = self.links.insert((a, b)),
            Action::Cut(a, b) => _ = self.links.remove(&(a, b)),
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        self.heal();
        let pairs = RING.into_iter().flat_map(|a| RING.into_iter().map(move |b| (a, b)));
        let apart = pairs.filter_map(|(a, b)| Some((a, b, a.floor_with(b)?)));
        let apart = apart.filter(|(a, b, floor)| self.since(*a, *floor) != self.since(*b, *floor));
        apart.map(|found| Broken { promise: "the same", seen: format!("{found:?} differ") }).collect()
    }
}

/// The rules of folding.
#[derive(Clone, Copy, Debug)]
struct FoldRules {
    /// Of equal entries that of the later batch counts; else both keep their batch.
    later_counts: bool,
    /// A fold repeats entries as they are; else it says them again, with its own stamp.
    repeats_verbatim: bool,
    /// A fold is written where that halves the bytes; else whenever one looks.
    halves: bool,
}

const FOLDS_IN_FORCE: FoldRules = FoldRules { later_counts: true, repeats_verbatim: true, halves: true };

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Device {
    Phone,
    Laptop,
}

const DEVICES: [Device; 2] = [Device::Phone, Device::Laptop];

#[derive(Clone, Debug)]
enum FoldAction {
    Write(Device, u64),
    Fold(Device),
    Sync,
}

/// A value, which is the number of the step that wrote it, and the stamp by which it wins.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Said {
    stamp: u64,
    value: u64,
}

/// Batches by stamp: fields with what they say.
type Batches = BTreeMap<u64, BTreeMap<u64, Said>>;

#[derive(Debug)]
struct Folding {
    rules: FoldRules,
    now: u64,
    held: BTreeMap<Device, Batches>,
    written: BTreeMap<u64, u64>,
}

impl Folding {
    /// Drops the batches of which nothing counts, and names what wins.
    fn settle(&mut self, device: Device) -> BTreeMap<u64, Said> {
        let held = self.held.entry(device).or_default();
        let mut top: BTreeMap<u64, (Said, u64)> = BTreeMap::new();
        for (batch, fields) in held.iter() {
            for (field, said) in fields {
                let winner = top.entry(*field).or_insert((*said, *batch));
                *winner = (*winner).max((*said, *batch));
            }
        }
        held.retain(|batch, fields| {
            fields.iter().any(|(field, said)| {
                let (winner, by) = top[field];
                *said == winner && (!self.rules.later_counts || *batch == by)
            })
        });
        top.into_iter().map(|(field, (said, _))| (field, said)).collect()
    }

    fn write(&mut self, device: Device, fields: BTreeMap<u64, Said>) {
        self.held.entry(device).or_default().insert(self.now, fields);
        self.settle(device);
    }

    /// Whether it was worth it.
    fn fold(&mut self, device: Device) -> bool {
        let mut top = self.settle(device);
        let bytes = |fields: &BTreeMap<u64, Said>| fields.len() + 3;
        let all: usize = self.held[&device].values().map(bytes).sum();
        let is_worth = !top.is_empty() && (!self.rules.halves || all >= 2 * bytes(&top));
        if is_worth {
            self.now += 1;
            if !self.rules.repeats_verbatim {
                top.values_mut().for_each(|said| said.stamp = self.now);
            }
            self.write(device, top);
        }
        is_worth
    }

    fn sync(&mut self) {
        let both: Batches =
            self.held.values().flatten().map(|(stamp, fields)| (*stamp, fields.clone())).collect();
        for device in DEVICES {
            self.held.insert(device, both.clone());
            self.settle(device);
        }
    }
}

impl World for Folding {
    type Rules = FoldRules;
    type Action = FoldAction;

    fn random_action(rng: &mut Rng) -> FoldAction {
        match rng.below(7) {
            0..4 => FoldAction::Write(choose(rng, &DEVICES), rng.below(3)),
            4 => FoldAction::Fold(choose(rng, &DEVICES)),
            _ => FoldAction::Sync,
        }
    }

    fn new(rules: FoldRules) -> Folding {
        Folding { rules, now: 0, held: BTreeMap::new(), written: BTreeMap::new() }
    }

    fn step(&mut self, action: &FoldAction) {
        match *action {
            FoldAction::Write(device, field) => {
                self.now += 1;
                self.written.insert(field, self.now);
                self.write(device, [(field, Said { stamp: self.now, value: self.now })].into());
            }
            FoldAction::Fold(device) => _ = self.fold(device),
            FoldAction::Sync => self.sync(),
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        let mut folds = 0;
        for _ in 0..12 {
            folds += DEVICES.into_iter().filter(|device| self.fold(*device)).count();
            self.sync();
        }
        let shown: BTreeMap<u64, u64> =
            self.settle(Device::Phone).into_iter().map(|(field, said)| (field, said.value)).collect();
        let endless = (folds > 6).then(|| ("few folds", format!("{folds} folds after the last write")));
        let lost =
            (shown != self.written).then(|| ("the latest", format!("{shown:?} of {:?}", self.written)));
        endless.into_iter().chain(lost).map(|(promise, seen)| Broken { promise, seen }).collect()
    }
}

/// So many that the lack of each rule shows ten times and more.
const FEW: Schedules = Schedules { number: 200, steps: 3..=16 };

#[test]
fn members_in_between_keep_nobody_apart() {
    holds::<Line>(IN_FORCE, &Schedules::new(750, 50, 4..=24));
    breaks::<Line>("the same", Rules { visits_next: false, ..IN_FORCE }, &FEW);
    breaks::<Line>("the same", Rules { presence_tells: false, ..IN_FORCE }, &FEW);
}

#[test]
fn devices_fold_seldom_and_lose_nothing() {
    holds::<Folding>(FOLDS_IN_FORCE, &Schedules::new(750, 50, 4..=24));
    breaks::<Folding>("few folds", FoldRules { later_counts: false, ..FOLDS_IN_FORCE }, &FEW);
    breaks::<Folding>("few folds", FoldRules { halves: false, ..FOLDS_IN_FORCE }, &FEW);
    breaks::<Folding>("the latest", FoldRules { repeats_verbatim: false, ..FOLDS_IN_FORCE }, &FEW);
}
