//! What must not be bounded and compared at once: contradictions and admissions, where keys cost nothing.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::rng::Rng;

use super::harness::{Broken, Schedules, World, breaks, chance, choose, holds};

#[derive(Clone, Copy, Debug)]
struct Rules {
    /// Both batches of one sequence compete. Otherwise such a pair silences its endpoint from there on, and members
    /// keep and compare as many of these proofs as there are places.
    both_of_a_pair_compete: bool,
    /// An admission travels with its author's batches. Otherwise members keep and compare as many as there are
    /// places.
    admissions_travel_with_batches: bool,
}

const IN_FORCE: Rules = Rules { both_of_a_pair_compete: true, admissions_travel_with_batches: true };

const PLACES_FOR_PROOFS: usize = 2;
const PLACES_FOR_ADMISSIONS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Author {
    Ann,
    Ben,
    Witness,
    /// A key of one attacker, who has as many as it likes and the edit link.
    Hostile(u64),
}

const MEMBERS: [Author; 3] = [Author::Ann, Author::Ben, Author::Witness];

/// An author and its instance.
type Endpoint = (Author, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    endpoint: Endpoint,
    sequence: u64,
    content: char,
}

#[derive(Clone, Debug)]
enum Action {
    Write(Author),
    Meet(Author, Author),
    /// Batches of the attacker, shown to whom it likes.
    Attack {
        batches: Vec<Batch>,
        shown_to: Vec<Author>,
    },
    Admit {
        key: Author,
        shown_to: Vec<Author>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Member {
    batches: BTreeSet<Batch>,
    /// From which sequence on an endpoint is silenced.
    proofs: BTreeMap<Endpoint, u64>,
    admitted: BTreeSet<Author>,
}

impl Member {
    /// Takes in what another member holds, or what somebody says.
    fn take(&mut self, rules: Rules, from: &Member) {
        for author in from.admitted.iter().filter(|_| !rules.admissions_travel_with_batches) {
            if self.admitted.len() < PLACES_FOR_ADMISSIONS {
                self.admitted.insert(*author);
            }
        }
        from.proofs.iter().for_each(|(endpoint, sequence)| self.prove(*endpoint, *sequence));
        for batch in &from.batches {
            let Batch { endpoint, sequence, .. } = *batch;
            if !rules.admissions_travel_with_batches && !self.admitted.contains(&endpoint.0) {
                continue;
            }
            let contradicts =
                |held: &Batch| (held.endpoint, held.sequence) == (endpoint, sequence) && held != batch;
            if !rules.both_of_a_pair_compete && self.batches.iter().any(contradicts) {
                self.prove(endpoint, sequence);
            }
            self.batches.insert(*batch);
        }
        let proofs = &self.proofs;
        self.batches.retain(|batch| proofs.get(&batch.endpoint).is_none_or(|from| batch.sequence < *from));
    }

    /// Silences an endpoint from this sequence on, if there is a place for the proof.
    fn prove(&mut self, endpoint: Endpoint, sequence: u64) {
        if self.proofs.contains_key(&endpoint) || self.proofs.len() < PLACES_FOR_PROOFS {
            let from = self.proofs.entry(endpoint).or_insert(sequence);
            *from = sequence.min(*from);
        }
    }
}

#[derive(Debug)]
struct Room {
    rules: Rules,
    members: BTreeMap<Author, Member>,
    honest: BTreeSet<Batch>,
}

impl Room {
    fn take(&mut self, author: Author, from: &Member) {
        self.members.get_mut(&author).expect("all three are members").take(self.rules, from);
    }

    fn meet(&mut self, one: Author, other: Author) {
        let (from_one, from_other) = (self.members[&one].clone(), self.members[&other].clone());
        self.take(one, &from_other);
        self.take(other, &from_one);
    }
}

impl World for Room {
    type Rules = Rules;
    type Action = Action;

    fn random_action(rng: &mut Rng) -> Action {
        let shown_to = MEMBERS.into_iter().filter(|_| chance(rng, 5)).collect();
        let key = Author::Hostile(rng.below(6));
        let batch = Batch {
            endpoint: (key, rng.below(2)),
            sequence: 1 + rng.below(2),
            content: choose(rng, &['x', 'y']),
        };
        match rng.below(10) {
            0 => Action::Write(choose(rng, &MEMBERS)),
            1..4 => Action::Meet(choose(rng, &MEMBERS), choose(rng, &MEMBERS)),
            4 | 5 => Action::Attack { batches: vec![batch], shown_to },
            6..9 => Action::Attack {
                batches: ['x', 'y'].map(|content| Batch { content, ..batch }).into(),
                shown_to,
            },
            _ => Action::Admit { key, shown_to },
        }
    }

    fn new(rules: Rules) -> Self {
        let admitted = BTreeSet::from([Author::Ann]);
        let member = Member { admitted, ..Member::default() };
        Room { rules, members: MEMBERS.map(|name| (name, member.clone())).into(), honest: BTreeSet::new() }
    }

    fn step(&mut self, action: &Action) {
        let mut said = Member::default();
        let shown_to = match action {
            Action::Meet(one, other) => return self.meet(*one, *other),
            Action::Write(author) => {
                let batch =
                    Batch { endpoint: (*author, 0), sequence: self.honest.len() as u64, content: 'x' };
                self.honest.insert(batch);
                said.batches.insert(batch);
                said.admitted.insert(*author);
                &vec![*author]
            }
            Action::Attack { batches, shown_to } => {
                said.batches.extend(batches);
                shown_to
            }
            Action::Admit { key, shown_to } => {
                said.admitted.insert(*key);
                shown_to
            }
        };
        shown_to.iter().for_each(|member| self.take(*member, &said));
    }

    fn finish(mut self) -> Vec<Broken> {
        for _ in 0..5 {
            MEMBERS.into_iter().for_each(|one| MEMBERS.into_iter().for_each(|other| self.meet(one, other)));
        }
        let mut found = Vec::new();
        let ann = &self.members[&Author::Ann];
        for (name, member) in &self.members {
            if member != ann {
                found.push(Broken {
                    promise: "same view",
                    seen: format!("{name:?}: {member:?}, Ann: {ann:?}"),
                });
            }
            for batch in self.honest.difference(&member.batches) {
                found.push(Broken { promise: "the honest count", seen: format!("{name:?} lacks {batch:?}") });
            }
        }
        found
    }
}

#[test]
fn what_is_bounded_is_not_compared() {
    let steps = 3..=20;
    holds::<Room>(IN_FORCE, &Schedules::new(2_000, 50, steps.clone()));
    let schedules = &Schedules::new(1_000, 1, steps);
    breaks::<Room>("same view", Rules { both_of_a_pair_compete: false, ..IN_FORCE }, schedules);
    breaks::<Room>("same view", Rules { admissions_travel_with_batches: false, ..IN_FORCE }, schedules);
    breaks::<Room>(
        "the honest count",
        Rules { admissions_travel_with_batches: false, ..IN_FORCE },
        schedules,
    );
}
