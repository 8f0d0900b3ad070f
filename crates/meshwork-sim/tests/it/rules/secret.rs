//! New secrets in several branches: who stays listed meets the others again, who was dropped learns nothing more.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, hash, holds};

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Any earlier secret of the line of the record in force proves membership. Otherwise only the one before it.
    any_earlier_secret_proves: bool,
    /// A member offers a proof of every secret that it held. Otherwise only of the last.
    every_secret_is_offered: bool,
    /// A secret is handed only to whom its record lists.
    secrets_go_to_the_listed: bool,
    /// A record over several heads lists only whom all of them list.
    joins_keep_what_was_taken: bool,
}

const IN_FORCE: Rules = Rules {
    any_earlier_secret_proves: true,
    every_secret_is_offered: true,
    secrets_go_to_the_listed: true,
    joins_keep_what_was_taken: true,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Person {
    /// The phone and the laptop are the owner's.
    Phone,
    Laptop,
    Ann,
    Ben,
    /// Whom the owner may drop.
    Leaver,
}

const PEOPLE: [Person; 5] = [Person::Phone, Person::Laptop, Person::Ann, Person::Ben, Person::Leaver];

#[derive(Clone, Copy, Debug)]
enum Action {
    Meet(Person, Person),
    Change { device: Person, drops: bool },
}

/// A new secret. Records and their secrets go by their place in the list of all.
#[derive(Debug)]
struct Record {
    heads: BTreeSet<usize>,
    /// All records that this one builds on.
    after: BTreeSet<usize>,
    number: u64,
    listed: BTreeSet<Person>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    records: BTreeSet<usize>,
    secrets: BTreeSet<usize>,
}

#[derive(Debug)]
struct Room {
    rules: Rules,
    records: Vec<Record>,
    members: BTreeMap<Person, Member>,
}

impl Room {
    /// The records that no other builds on.
    fn heads(&self, member: &Member) -> BTreeSet<usize> {
        let is_covered =
            |record: &usize| member.records.iter().any(|other| self.records[*other].after.contains(record));
        member.records.iter().filter(|record| !is_covered(record)).copied().collect()
    }

    fn in_force(&self, member: &Member) -> usize {
        let greatest =
            self.heads(member).into_iter().max_by_key(|head| (self.records[*head].number, hash(head)));
        greatest.expect("everybody knows the first record")
    }

    /// Whether the host lets the guest in.
    fn admits(&self, host: Person, guest: Person) -> bool {
        let (host, offered) = (&self.members[&host], &self.members[&guest]);
        let in_force = self.in_force(host);
        let last = BTreeSet::from([self.in_force(offered)]);
        let offered = if self.rules.every_secret_is_offered { &offered.secrets } else { &last };
        let record = &self.records[in_force];
        let earlier = if self.rules.any_earlier_secret_proves { &record.after } else { &record.heads };
        let proves = |secret: &usize| {
            *secret == in_force || (earlier.contains(secret) && host.secrets.contains(secret))
        };
        record.listed.contains(&guest) && offered.iter().any(proves)
    }

    /// Who attaches is handed all records, and secrets where it is listed. Either may have been shut out by a branch
    /// that it does not know.
    fn meet(&mut self, one: Person, other: Person) {
        if one == other || !(self.admits(one, other) || self.admits(other, one)) {
            return;
        }
        let (mut all, more) = (self.members[&one].clone(), &self.members[&other]);
        all.records.extend(&more.records);
        all.secrets.extend(&more.secrets);
        for person in [one, other] {
            let mut member = all.clone();
            let own = &self.members[&person].secrets;
            member.secrets.retain(|secret| {
                let is_listed = self.records[*secret].listed.contains(&person);
                own.contains(secret) || is_listed || !self.rules.secrets_go_to_the_listed
            });
            self.members.insert(person, member);
        }
    }

    /// The owner writes a record over all heads that the device knows.
    fn change(&mut self, device: Person, drops: bool) {
        let heads = self.heads(&self.members[&device]);
        let mut listed = self.records[self.in_force(&self.members[&device])].listed.clone();
        if self.rules.joins_keep_what_was_taken {
            listed.retain(|person| heads.iter().all(|head| self.records[*head].listed.contains(person)));
        }
        if drops {
            listed.remove(&Person::Leaver);
        }
        let number = 1 + heads.iter().map(|head| self.records[*head].number).fold(0, u64::max);
        let new = self.records.len();
        let member = self.members.get_mut(&device).expect("the owner's devices are members");
        self.records.push(Record { heads, after: member.records.clone(), number, listed });
        member.records.insert(new);
        member.secrets.insert(new);
    }
}

impl World for Room {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        if rng.below(4) > 0 {
            return Action::Meet(choose(rng, &PEOPLE), choose(rng, &PEOPLE));
        }
        Action::Change { device: choose(rng, &[Person::Phone, Person::Laptop]), drops: chance(rng, 3) }
    }

    fn new(rules: Rules) -> Self {
        let (heads, after) = (BTreeSet::new(), BTreeSet::new());
        let first = Record { heads, after, number: 0, listed: PEOPLE.into() };
        let member = Member { records: [0].into(), secrets: [0].into() };
        Room { rules, records: vec![first], members: PEOPLE.map(|person| (person, member.clone())).into() }
    }

    fn step(&mut self, action: &Action) {
        match *action {
            Action::Meet(one, other) => self.meet(one, other),
            Action::Change { device, drops } => self.change(device, drops),
        }
    }

    fn finish(mut self) -> Vec<Broken> {
        let mut before = BTreeMap::new();
        while before != self.members {
            before = self.members.clone();
            PEOPLE.into_iter().for_each(|one| PEOPLE.into_iter().for_each(|other| self.meet(one, other)));
        }
        let mut found = Vec::new();
        let owners = &self.members[&Person::Phone].records;
        for (person, member) in &self.members {
            let is_dropped = |record: &Record| !record.listed.contains(person);
            if member.records != *owners && !self.records.iter().any(is_dropped) {
                found.push(Broken { promise: "together", seen: format!("{person:?}: {:?}", member.records) });
            }
            let is_out = |secret: &usize| {
                let record = &self.records[*secret];
                is_dropped(record) || record.after.iter().any(|earlier| is_dropped(&self.records[*earlier]))
            };
            if member.secrets.iter().any(is_out) {
                found.push(Broken { promise: "out", seen: format!("{person:?}: {:?}", member.secrets) });
            }
        }
        found
    }
}

const STEPS: std::ops::RangeInclusive<u64> = 2..=12;

#[test]
fn whoever_stays_listed_meets_the_others() {
    holds::<Room>(IN_FORCE, &Schedules::new(2_000, 50, STEPS));
    let schedules = &Schedules::new(1_000, 1, STEPS);
    breaks::<Room>("together", Rules { any_earlier_secret_proves: false, ..IN_FORCE }, schedules);
    breaks::<Room>("together", Rules { every_secret_is_offered: false, ..IN_FORCE }, schedules);
}

#[test]
fn whoever_was_dropped_learns_no_secret() {
    let rules = Rules { secrets_go_to_the_listed: false, ..IN_FORCE };
    breaks::<Room>("out", rules, &Schedules::new(200, 1, STEPS));
    let rules = Rules { joins_keep_what_was_taken: false, ..IN_FORCE };
    breaks::<Room>("out", rules, &Schedules::new(6_000, 1, STEPS));
}
