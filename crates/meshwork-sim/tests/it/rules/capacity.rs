//! What a member cannot hold: it gives up leaves, never those that the room knows, and then it is quiet.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, holds};

/// How many entries known authors write at most: they have limits.
const KNOWN: usize = 4;
const LEAVES: u64 = 4;
/// How often each compares with each before all of it has to be still.
const ROUNDS: u32 = 8;

/// The rules of giving up.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Strangers' entries go first, leaf by leaf; else whole leaves go.
    strangers_first: bool,
    /// A member says which leaves it gave up, and strangers' entries in them are not compared.
    says_so: bool,
}

const IN_FORCE: Rules = Rules { strangers_first: true, says_so: true };

#[derive(Clone, Copy, Debug)]
enum Name {
    A,
    B,
    C,
}

const NAMES: [Name; 3] = [Name::A, Name::B, Name::C];
const PAIRS: [(Name, Name); 3] = [(Name::A, Name::B), (Name::B, Name::C), (Name::A, Name::C)];

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    leaf: u64,
    number: u64,
    /// Its author is named in the records or admitted; strangers' keys have no end.
    is_known: bool,
}

#[derive(Clone, Debug)]
struct Member {
    /// How many entries it holds at most, so all of the known ones.
    capacity: usize,
    held: BTreeSet<Entry>,
    given_up: BTreeSet<u64>,
}

impl Member {
    fn take(&mut self, arriving: impl IntoIterator<Item = Entry>, rules: Rules) {
        self.held.extend(arriving);
        while self.held.len() > self.capacity {
            let goes = |entry: &Entry| !(rules.strangers_first && entry.is_known);
            let mut sizes = BTreeMap::new();
            for entry in self.held.iter().filter(|entry| goes(entry)) {
                *sizes.entry(entry.leaf).or_insert(0) += 1;
            }
            let fullest = sizes.into_iter().max_by_key(|(_, size)| *size).expect("known entries alone fit").0;
            self.held.retain(|entry| entry.leaf != fullest || !goes(entry));
            self.given_up.insert(fullest);
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// Somebody whom the room knows writes.
    Write(u64),
    /// Strangers write so many into a leaf, and some hear it.
    Flood(u64, u64, Vec<Name>),
    Compare((Name, Name)),
}

#[derive(Debug)]
struct Capacity {
    rules: Rules,
    members: [Member; 3],
    known: BTreeSet<Entry>,
    written: u64,
}

impl Capacity {
    fn write(&mut self, leaf: u64, is_known: bool, to: &[Name]) -> Entry {
        self.written += 1;
        let entry = Entry { leaf, number: self.written, is_known };
        to.iter().for_each(|name| self.members[*name as usize].take([entry], self.rules));
        entry
    }

    /// How many entries travel.
    fn compare(&mut self, (a, b): (Name, Name)) -> usize {
        let [of_a, of_b] = [a, b].map(|name| self.members[name as usize].clone());
        let given_up = &of_a.given_up | &of_b.given_up;
        let is_compared =
            |entry: &&Entry| entry.is_known || !self.rules.says_so || !given_up.contains(&entry.leaf);
        let travels = [&of_a.held - &of_b.held, &of_b.held - &of_a.held]
            .map(|lacked| lacked.iter().filter(is_compared).copied().collect::<Vec<_>>());
        let number = travels.iter().map(Vec::len).sum();
        for (name, entries) in [b, a].into_iter().zip(travels) {
            self.members[name as usize].take(entries, self.rules);
        }
        number
    }
}

impl World for Capacity {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        let leaf = rng.below(LEAVES);
        match rng.below(4) {
            0 => Action::Write(leaf),
            1 => Action::Compare(choose(rng, &PAIRS)),
            _ => {
                let to = NAMES.into_iter().filter(|_| chance(rng, 8)).collect();
                Action::Flood(leaf, 1 + rng.below(6), to)
            }
        }
    }

    fn new(rules: Rules) -> Capacity {
        let members =
            [8, 10, 12].map(|capacity| Member { capacity, held: BTreeSet::new(), given_up: BTreeSet::new() });
        Capacity { rules, members, known: BTreeSet::new(), written: 0 }
    }

    fn step(&mut self, action: &Action) {
        match action {
            Action::Write(leaf) if self.known.len() < KNOWN => {
                let entry = self.write(*leaf, true, &NAMES);
                self.known.insert(entry);
            }
            Action::Write(_) => {}
            Action::Flood(leaf, number, to) => (0..*number).for_each(|_| _ = self.write(*leaf, false, to)),
            Action::Compare(pair) => _ = self.compare(*pair),
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        let mut travel = 0;
        for _ in 0..ROUNDS {
            travel = PAIRS.into_iter().map(|pair| self.compare(pair)).sum();
        }
        let unquiet = (travel > 0).then(|| ("quiet", format!("{travel} entries travel in the last round")));
        let lost = self.members.iter().find_map(|member| self.known.difference(&member.held).next());
        let lost = lost.map(|entry| ("known entries stay", format!("{entry:?} is not held by all")));
        unquiet.into_iter().chain(lost).map(|(promise, seen)| Broken { promise, seen }).collect()
    }
}

/// So many that the lack of each rule shows ten times and more.
const FEW: Schedules = Schedules { number: 200, steps: 4..=24 };

#[test]
fn floods_of_strangers_push_out_nobody_known() {
    holds::<Capacity>(IN_FORCE, &Schedules::new(1_000, 50, 4..=24));
    breaks::<Capacity>("known entries stay", Rules { strangers_first: false, ..IN_FORCE }, &FEW);
    breaks::<Capacity>("quiet", Rules { says_so: false, ..IN_FORCE }, &FEW);
}
