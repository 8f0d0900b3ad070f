//! Comparison by a tree of leaves that splits: whoever compares for long enough holds what the others hold, and is
//! quiet then.
//!
//! The tree is small so that everything happens often: two nodes under one, three entries in a leaf, ids of three
//! bits that collide, two entries a peer that hold. The server that lies tells any digest and withholds.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::slice::from_ref;

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, hash, holds};

const ROWS: u64 = 8;
const ROW_BITS: u32 = 3;
const HASH_BITS: u32 = 12;
const LEAF_ENTRIES: usize = 3;
const ENTRIES_OF_A_PEER: usize = 2;
const SHORT_IDS: u64 = 8;
/// How often each compares with each before all of it has to be still.
const ROUNDS: u32 = 8;

/// The rules of comparison.
#[derive(Clone, Copy, Debug)]
struct Rules {
    /// A leaf splits by the time in the row's id, then by the hash of row and field.
    splits_by_hash: bool,
    /// A rule of age is a floor of room time, whatever the leaves; else each drops whole leaves of its own tree.
    ages_by_floor: bool,
    /// Where the owner says a greater age the floor sinks; else it only rises.
    floors_sink: bool,
    /// What is told is over what both hold, so above both floors.
    tells_what_both_hold: bool,
    /// What differs after an answer to short ids is asked for without ids.
    asks_without_ids: bool,
    /// A digest that what was served does not make is nobody's fault, and the server is asked again.
    blames_nobody: bool,
    /// Of a peer's entries only the greatest hold. Then nobody holds a part: who knows less of a peer counts less of
    /// it, so other entries of it hold there.
    has_quota: bool,
}

const IN_FORCE: Rules = Rules {
    splits_by_hash: true,
    ages_by_floor: true,
    floors_sink: true,
    tells_what_both_hold: true,
    asks_without_ids: true,
    blames_nobody: true,
    has_quota: false,
};

const WITH_QUOTA: Rules = Rules { has_quota: true, ..IN_FORCE };

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Name {
    A,
    B,
    /// Holds the later rows only.
    Part,
    Liar,
}

const NAMES: [Name; 4] = [Name::A, Name::B, Name::Part, Name::Liar];
const HONEST: [Name; 3] = [Name::A, Name::B, Name::Part];
/// The first row that a member which holds a part holds.
const PART: u64 = 3;

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Peer(u64);

/// A field of a row, whose number is its time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    row: u64,
    field: u64,
}

/// The greater one wins a key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Entry {
    stamp: u64,
    peer: Peer,
}

#[derive(Debug)]
struct Batch {
    id: u64,
    peer: Peer,
    stamp: u64,
    entries: Vec<(Key, Entry)>,
}

impl Batch {
    fn new(peer: Peer, stamp: u64, entries: Vec<(Key, Entry)>) -> Rc<Batch> {
        Rc::new(Batch { id: hash(&(peer, stamp, &entries)), peer, stamp, entries })
    }
}

type State = BTreeMap<Key, (Entry, Rc<Batch>)>;

/// The entries that hold, each with the batch that carries it: the greatest first, while their peer has a place.
fn evaluate<'a>(batches: impl Iterator<Item = &'a Rc<Batch>>, rules: Rules) -> State {
    let most = if rules.has_quota { ENTRIES_OF_A_PEER } else { usize::MAX };
    let mut entries: BTreeMap<(Entry, Key), &Rc<Batch>> = BTreeMap::new();
    for batch in batches {
        for &(key, entry) in &batch.entries {
            let held = entries.entry((entry, key)).or_insert(batch);
            if (batch.stamp, batch.id) > (held.stamp, held.id) {
                *held = batch;
            }
        }
    }
    let (mut state, mut places) = (State::new(), BTreeMap::new());
    for ((entry, key), batch) in entries.into_iter().rev() {
        let taken = places.entry(batch.peer).or_insert(0);
        if *taken < most && !state.contains_key(&key) {
            *taken += 1;
            state.insert(key, (entry, Rc::clone(batch)));
        }
    }
    state
}

/// A node of the tree: the first bits of the way to a key.
#[derive(Clone, Copy, Debug)]
struct Node {
    bits: u64,
    depth: u32,
}

const ROOT: Node = Node { bits: 0, depth: 0 };

impl Node {
    fn children(self) -> [Node; 2] {
        [0, 1].map(|bit| Node { bits: (self.bits << 1) | bit, depth: self.depth + 1 })
    }

    fn is_above(self, key: Key) -> bool {
        let path = (key.row << HASH_BITS) | (hash(&key) % (1 << HASH_BITS));
        path >> (ROW_BITS + HASH_BITS - self.depth) == self.bits
    }
}

/// The entries under a node in rows from `floor`.
fn under(state: &State, node: Node, floor: u64) -> Vec<(Key, Entry)> {
    let at = state.iter().filter(|(key, _)| key.row >= floor && node.is_above(**key));
    at.map(|(key, (entry, _))| (*key, *entry)).collect()
}

#[derive(Debug, Default)]
struct Member {
    state: State,
    /// Which row room time has come to.
    today: u64,
    /// The last that it heard of for how many rows there are: the number of the record, and what that says.
    age: (u64, Option<u64>),
    /// Rows before this one are too old.
    floor: u64,
    blamed: BTreeSet<Name>,
}

impl Member {
    fn batches_under(&self, node: Node) -> BTreeMap<u64, Rc<Batch>> {
        let at = self.state.iter().filter(|(key, _)| node.is_above(**key));
        at.map(|(_, (_, batch))| (batch.id, Rc::clone(batch))).collect()
    }

    /// A node whose bits are used up is one too.
    fn is_leaf(&self, node: Node, rules: Rules) -> bool {
        let most = if rules.splits_by_hash { ROW_BITS + HASH_BITS } else { ROW_BITS };
        node.depth >= most || under(&self.state, node, 0).len() <= LEAF_ENTRIES
    }

    /// Leaves out what is too old where a whole leaf of this member's tree is.
    fn drop_old_leaves(&mut self, node: Node, rules: Rules) {
        if !self.is_leaf(node, rules) {
            node.children().into_iter().for_each(|child| self.drop_old_leaves(child, rules));
        } else if under(&self.state, node, self.floor).is_empty() {
            self.state.retain(|key, _| !node.is_above(*key));
        }
    }
}

#[derive(Clone, Debug)]
enum Action {
    Write(Peer, Key, Vec<Name>),
    /// Many keys react to one post.
    React(u64, Vec<Name>),
    /// What a peer has in each row becomes one batch.
    Fold(Peer, Vec<Name>),
    Compare(Name, Name),
    /// Room time passes, and with some first.
    Day(u64, Vec<Name>),
    /// The owner says how many rows are kept before the present one, and some hear it.
    Age(Option<u64>, Vec<Name>),
}

#[derive(Debug)]
struct Comparison {
    rules: Rules,
    now: u64,
    /// The last that the owner said.
    age: (u64, Option<u64>),
    members: [Member; 4],
    travelled: usize,
    broken: Vec<Broken>,
}

impl Comparison {
    /// The first row that a member holds for want of a place for more.
    fn part(&self, name: Name) -> u64 {
        if name == Name::Part && !self.rules.has_quota { PART } else { 0 }
    }

    fn floor(&self, name: Name) -> u64 {
        let by_age = if self.rules.ages_by_floor { self.members[name as usize].floor } else { 0 };
        self.part(name).max(by_age)
    }

    fn settle(&mut self, name: Name, arriving: &[Rc<Batch>]) {
        let (floor, rules) = (self.floor(name), self.rules);
        let member = &mut self.members[name as usize];
        let held = member.batches_under(ROOT);
        let is_old = |batch: &Batch| batch.entries.iter().any(|(key, _)| key.row < floor);
        let held = held.values().filter(|batch| !is_old(batch));
        let arriving = arriving.iter().filter(|batch| !is_old(batch));
        member.state = evaluate(held.chain(arriving), rules);
    }

    fn write(&mut self, peer: Peer, key: Key, to: &[Name]) {
        self.now += 1;
        let batch = Batch::new(peer, self.now, vec![(key, Entry { stamp: self.now, peer })]);
        to.iter().for_each(|name| self.settle(*name, from_ref(&batch)));
    }

    fn fold(&mut self, peer: Peer, name: Name) {
        for row in 0..ROWS {
            let state = &self.members[name as usize].state;
            let own = || state.iter().filter(|(key, (_, batch))| key.row == row && batch.peer == peer);
            if own().map(|(_, (_, batch))| batch.id).collect::<BTreeSet<_>>().len() > 1 {
                self.now += 1;
                let entries = own().map(|(key, (entry, _))| (*key, *entry)).collect();
                self.settle(name, &[Batch::new(peer, self.now, entries)]);
            }
        }
    }

    /// A member comes to know which row room time has come to, and what the owner said.
    fn hear(&mut self, name: Name, today: u64, age: (u64, Option<u64>)) {
        let rules = self.rules;
        let member = &mut self.members[name as usize];
        member.today = member.today.max(today);
        member.age = member.age.max(age);
        let floor = member.age.1.map_or(0, |rows| member.today.saturating_sub(rows));
        member.floor = if rules.floors_sink { floor } else { member.floor.max(floor) };
        if !rules.ages_by_floor {
            member.drop_old_leaves(ROOT, rules);
        }
        self.settle(name, &[]);
    }

    /// Opens what differs down to leaves, and has them served.
    fn compare(&mut self, asker: Name, server: Name, node: Node) {
        if self.members[asker as usize].blamed.contains(&server) {
            return;
        }
        let floors = [self.floor(asker), self.floor(server)];
        let both = if self.rules.tells_what_both_hold { floors[0].max(floors[1]) } else { 0 };
        let digest = |state: &State| hash(&under(state, node, both));
        let told = if server == Name::Liar { 0 } else { digest(&self.members[server as usize].state) };
        if told == digest(&self.members[asker as usize].state) {
            return;
        }
        let from = &self.members[server as usize];
        if !from.is_leaf(node, self.rules) {
            return node.children().into_iter().for_each(|child| self.compare(asker, server, child));
        }
        let (entries, serves) = (under(&from.state, node, 0).len(), from.batches_under(node));
        if entries > LEAF_ENTRIES {
            self.breaks("small leaves", format!("{entries} entries in one leaf"));
        }
        let known: BTreeSet<u64> =
            self.members[asker as usize].batches_under(node).keys().map(|id| id % SHORT_IDS).collect();
        self.serve(asker, server, serves.values().filter(|batch| !known.contains(&(batch.id % SHORT_IDS))));
        if digest(&self.members[asker as usize].state) == told || !self.rules.asks_without_ids {
            return;
        }
        self.serve(asker, server, serves.values());
        let is_told = digest(&self.members[asker as usize].state) == told
            || digest(&evaluate(serves.values(), self.rules)) == told;
        if !is_told && !self.rules.blames_nobody {
            self.members[asker as usize].blamed.insert(server);
            if server != Name::Liar {
                self.breaks("honest servers trusted", format!("{asker:?} blames {server:?}"));
            }
        }
    }

    /// The server that lies keeps one back.
    fn serve<'a>(&mut self, asker: Name, server: Name, batches: impl Iterator<Item = &'a Rc<Batch>>) {
        let batches: Vec<_> = batches.skip(usize::from(server == Name::Liar)).cloned().collect();
        self.travelled += if server == Name::Liar { 0 } else { batches.len() };
        self.settle(asker, &batches);
    }

    fn breaks(&mut self, promise: &'static str, seen: String) {
        self.broken.push(Broken { promise, seen });
    }

    /// Everybody's room time comes to be the same, and each compares with each; the liar is asked too for a while.
    fn heal(&mut self) {
        let today = HONEST.iter().map(|name| self.members[*name as usize].today).max().unwrap_or_default();
        for round in 0..ROUNDS {
            self.travelled = 0;
            for name in HONEST {
                self.hear(name, today, self.age);
                let servers = if round < 2 { &NAMES[..] } else { &HONEST };
                for server in servers.iter().filter(|server| **server != name) {
                    self.compare(name, *server, ROOT);
                }
            }
        }
    }
}

impl World for Comparison {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        let peer = Peer(rng.below(3));
        let key = Key { row: rng.below(ROWS), field: rng.below(4) };
        let to = NAMES.into_iter().filter(|_| chance(rng, 5)).collect();
        match rng.below(17) {
            0..7 => Action::Write(peer, key, to),
            7 => Action::React(key.row, to),
            8..11 => Action::Fold(peer, to),
            11 => Action::Day(key.row / 2, to),
            12 => Action::Age(chance(rng, 8).then(|| rng.below(3)), to),
            _ => Action::Compare(choose(rng, &NAMES), choose(rng, &NAMES)),
        }
    }

    fn new(rules: Rules) -> Comparison {
        let mut members: [Member; 4] = Default::default();
        members.iter_mut().for_each(|member| member.age = (0, Some(0)));
        Comparison { rules, now: 0, age: (0, Some(0)), members, travelled: 0, broken: Vec::new() }
    }

    fn step(&mut self, action: &Action) {
        match action {
            Action::Write(peer, key, to) => self.write(*peer, *key, to),
            Action::React(row, to) => {
                (0..5).for_each(|n| self.write(Peer(3 + n), Key { row: *row, field: n }, to));
            }
            Action::Fold(peer, to) => to.iter().for_each(|name| self.fold(*peer, *name)),
            Action::Compare(asker, server) => self.compare(*asker, *server, ROOT),
            Action::Day(row, to) => to.iter().for_each(|name| self.hear(*name, *row, (0, None))),
            Action::Age(rows, to) => {
                self.age = (self.age.0 + 1, *rows);
                to.iter().for_each(|name| self.hear(*name, 0, self.age));
            }
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        let before = HONEST.map(|name| under(&self.members[name as usize].state, ROOT, 0));
        self.heal();
        let today = HONEST.iter().map(|name| self.members[*name as usize].today).max().unwrap_or_default();
        let by_age = self.age.1.map_or(0, |rows| today.saturating_sub(rows));
        for name in HONEST {
            let (floor, state) = (self.part(name).max(by_age), &self.members[name as usize].state);
            let is_shown =
                |(key, entry): &(Key, Entry)| state.get(key).is_some_and(|(held, _)| held >= entry);
            let mut young = before.iter().flatten().filter(|(key, _)| key.row >= floor);
            let lost = young.find(|written| !is_shown(written) && !self.rules.has_quota).copied();
            let old = state.keys().find(|key| key.row < floor).copied();
            if let Some(lost) = lost {
                self.breaks("young rows stay", format!("{name:?} lacks {lost:?}"));
            }
            if let Some(old) = old {
                self.breaks("old rows go", format!("{name:?} shows {old:?}"));
            }
        }
        if self.travelled > 0 {
            self.breaks("quiet", format!("{} batches travel in the last round", self.travelled));
        }
        for (a, b) in [(Name::A, Name::B), (Name::A, Name::Part), (Name::B, Name::Part)] {
            let floor = self.floor(a).max(self.floor(b));
            let [of_a, of_b] = [a, b].map(|name| under(&self.members[name as usize].state, ROOT, floor));
            if of_a != of_b {
                self.breaks("the same", format!("{a:?} shows {of_a:?} and {b:?} {of_b:?}"));
            }
        }
        self.broken
    }
}

/// So many that the lack of each rule shows ten times and more.
const FEW: Schedules = Schedules { number: 200, steps: 4..=24 };

#[test]
fn members_that_compare_come_to_hold_the_same() {
    holds::<Comparison>(IN_FORCE, &Schedules::new(1_250, 50, 4..=24));
    holds::<Comparison>(WITH_QUOTA, &Schedules::new(1_250, 50, 4..=24));
}

#[test]
fn members_rest_once_they_hold_the_same() {
    breaks::<Comparison>("small leaves", Rules { splits_by_hash: false, ..IN_FORCE }, &FEW);
    breaks::<Comparison>("quiet", Rules { ages_by_floor: false, ..IN_FORCE }, &FEW);
    let many = Schedules { number: 2_000, steps: 12..=36 };
    breaks::<Comparison>("young rows stay", Rules { floors_sink: false, ..IN_FORCE }, &many);
    breaks::<Comparison>("quiet", Rules { tells_what_both_hold: false, ..IN_FORCE }, &FEW);
    breaks::<Comparison>("the same", Rules { asks_without_ids: false, ..IN_FORCE }, &FEW);
}

#[test]
fn honest_servers_are_never_blamed() {
    let rules = Rules { blames_nobody: false, ..WITH_QUOTA };
    breaks::<Comparison>("honest servers trusted", rules, &Schedules { number: 1_500, steps: 12..=36 });
}
