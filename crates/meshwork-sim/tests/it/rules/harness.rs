//! Random schedules over a small world, and the shortest one that breaks a promise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::ops::RangeInclusive;

use meshwork_core::rng::Rng;

use crate::common;

/// A few members under a set of rules.
pub(super) trait World: Sized {
    /// Which rules are in force: each field one rule, so that it can be removed.
    type Rules: Copy + Debug;
    /// One step, legal in every state: it does nothing where it makes no sense. So a schedule without one of its
    /// steps is a schedule.
    type Action: Clone + Debug;

    /// One step, drawn.
    fn random_action(rng: &mut Rng) -> Self::Action;
    /// Nothing has happened yet.
    fn new(rules: Self::Rules) -> Self;
    /// Does a step.
    fn step(&mut self, action: &Self::Action);
    /// Lets honest members heal, then names every promise that is broken.
    fn finish(self) -> Vec<Broken>;
}

/// A promise that is broken.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    /// Which one: a word or two that stand for it.
    pub(super) promise: &'static str,
    /// What is seen.
    pub(super) seen: String,
}

/// How a promise was broken.
#[derive(Clone, Debug)]
pub(super) struct Found<A> {
    /// In how many schedules.
    pub(super) times: u64,
    /// The first of them.
    pub(super) schedule: Vec<A>,
}

/// Schedules to run: so many of so many steps.
#[derive(Clone, Debug)]
pub(super) struct Schedules {
    pub(super) number: u64,
    pub(super) steps: RangeInclusive<u64>,
}

impl Schedules {
    /// So many in each run of the tests, and `nightly` times as many in the long run.
    pub(super) fn new(number: u64, nightly: u64, steps: RangeInclusive<u64>) -> Schedules {
        let number = if common::is_nightly() { number * nightly } else { number };
        Schedules { number, steps }
    }
}

/// Asserts that no schedule breaks a promise.
pub(super) fn holds<W: World>(rules: W::Rules, schedules: &Schedules) {
    let found = explore::<W>(rules, schedules, common::seed(1));
    for (promise, Found { times, schedule }) in &found {
        let (schedule, seen) = shrink::<W>(rules, schedule.clone(), promise);
        println!(
            "{promise}: broken in {times} of {} schedules; {seen} after {schedule:#?}",
            schedules.number
        );
    }
    assert!(found.is_empty(), "{rules:?}");
}

/// Asserts that without a rule this promise is broken: so it is the rule that keeps it.
pub(super) fn breaks<W: World>(promise: &str, rules: W::Rules, schedules: &Schedules) {
    let found = explore::<W>(rules, schedules, common::seed(1));
    let times = found.get(promise).map_or(0, |found| found.times);
    println!("{promise}: broken in {times} of {} schedules", schedules.number);
    assert!(times > 0, "{rules:?} does not break {promise:?}, but {:?}", found.keys());
}

/// A stable stand-in for a hash: the same for the same value in every run.
pub(super) fn hash(value: &impl std::hash::Hash) -> u64 {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

/// One of several, drawn.
pub(super) fn choose<T: Copy>(rng: &mut Rng, among: &[T]) -> T {
    among[rng.below(among.len() as u64) as usize]
}

/// Whether something happens that happens `of_ten` times in ten.
pub(super) fn chance(rng: &mut Rng, of_ten: u64) -> bool {
    rng.below(10) < of_ten
}

fn explore<W: World>(
    rules: W::Rules,
    schedules: &Schedules,
    seed: u64,
) -> BTreeMap<&'static str, Found<W::Action>> {
    let mut found: BTreeMap<&'static str, Found<W::Action>> = BTreeMap::new();
    for number in 0..schedules.number {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        let rng = &mut Rng::new(bytes);
        let (least, most) = (*schedules.steps.start(), *schedules.steps.end());
        let steps = least + rng.below(most - least + 1);
        let schedule: Vec<W::Action> = (0..steps).map(|_| W::random_action(rng)).collect();
        let broken = play::<W>(rules, &schedule).into_iter().map(|broken| broken.promise);
        for promise in broken.collect::<BTreeSet<_>>() {
            let first = || Found { times: 0, schedule: schedule.clone() };
            found.entry(promise).or_insert_with(first).times += 1;
        }
    }
    found
}

fn play<W: World>(rules: W::Rules, schedule: &[W::Action]) -> Vec<Broken> {
    let mut world = W::new(rules);
    schedule.iter().for_each(|action| world.step(action));
    world.finish()
}

/// Leaves steps out, in runs and singly, while the promise stays broken.
fn shrink<W: World>(
    rules: W::Rules,
    mut schedule: Vec<W::Action>,
    promise: &str,
) -> (Vec<W::Action>, String) {
    let breaks = |schedule: &[W::Action]| {
        play::<W>(rules, schedule).into_iter().find(|broken| broken.promise == promise)
    };
    let mut run = (schedule.len() / 2).max(1);
    loop {
        let (mut at, mut is_shorter) = (0, false);
        while at < schedule.len() {
            let end = (at + run).min(schedule.len());
            let shorter = [&schedule[..at], &schedule[end..]].concat();
            if breaks(&shorter).is_some() {
                (schedule, is_shorter) = (shorter, true);
            } else {
                at = end;
            }
        }
        match (is_shorter, run) {
            (true, _) => {}
            (false, 1) => {
                let seen = breaks(&schedule).map(|broken| broken.seen).unwrap_or_default();
                return (schedule, seen);
            }
            (false, _) => run /= 2,
        }
    }
}
