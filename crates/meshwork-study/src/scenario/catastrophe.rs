//! Many peers die at once: who hears a broadcast at that moment, and after each round of repair.

use meshwork_core::overlay::size::mutual_k;
use serde::{Deserialize, Serialize};

use super::{Run, SEEDS_MAX, ScenarioError, Study, lines, percent, within};
use crate::PEERS_MAX;
use crate::adjacency::Adjacency;
use crate::membership::{Found, Membership, Views};
use crate::outcome::{Axis, Outcome, Section, Series, Table, Value};
use crate::reach::hops;
use crate::tree::{Delivery, Timing, Trees};
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

/// Rounds of upkeep before the catastrophe.
const UPKEEP: usize = 6;
/// Nines of the k-gossip overlay that is shown beside.
const NINES: u8 = 3;

const MODELLED: &[&str] = &[
    "The emergent overlay grown by its own steps, then a share of all peers killed at the same moment.",
    "At once: a message follows every link that is left between the living, eager at once and lazy by \
                 grafts; no new link.",
    "A round of repair is 10 s: links to the dead end; who lacks links tries the routes of its passive view, \
                 walks over its links, and, with fewer than half of the links it wants, the server.",
    "A route counts only if every link of it lives.",
];

const NOT_MODELLED: &[&str] = &[
    "Links that fail to open, and the time it takes to open one: both are within a round.",
    "Stale links are noticed within 3 s by the real overlay; here all at 10 s.",
    "A server that limits introductions.",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catastrophe {
    /// How many peers, 10 to a million.
    pub peers: usize,
    /// How many rooms, 1 to 100,000.
    pub seeds: u32,
    /// How many of a hundred die, 1 to 99; each is studied.
    pub killed_percent: Vec<u32>,
    /// Rounds of repair, of 10 s each, 0 to 100.
    pub repair_rounds: usize,
    /// Whether a server is there that introduces peers who have hardly a link left.
    pub server: bool,
    /// Whether lost links are replaced.
    pub repairs: bool,
}

impl Default for Catastrophe {
    fn default() -> Catastrophe {
        Catastrophe {
            peers: 1000,
            seeds: 20,
            killed_percent: vec![10, 20, 30, 40, 50, 60, 70, 80],
            repair_rounds: 10,
            server: true,
            repairs: true,
        }
    }
}

/// What came of one room in which so many died.
#[derive(Clone, Debug, Default)]
struct Sample {
    living: usize,
    /// Who hears over k-gossip, which is not repaired.
    by_gossip: usize,
    /// Who hears over the tree as it was, without grafts.
    by_tree: usize,
    /// Who hears at once and after each round.
    hearing: Vec<usize>,
    found: Vec<Found>,
}

impl Sample {
    /// Rounds until all the living hear, if they do.
    fn healed_after(&self) -> Option<usize> {
        self.hearing.iter().position(|&hearing| hearing == self.living)
    }

    fn all_hear_after(&self, rounds: usize) -> bool {
        self.healed_after().is_some_and(|healed| healed <= rounds)
    }

    fn share(&self, reached: usize) -> f64 {
        100.0 * reached as f64 / self.living.max(1) as f64
    }
}

impl Study for Catastrophe {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=PEERS_MAX)?;
        within("seeds", self.seeds, 1..=SEEDS_MAX)?;
        within("repair_rounds", self.repair_rounds, 0..=100)?;
        within("the number of shares in killed_percent", self.killed_percent.len(), 1..=20)?;
        self.killed_percent.iter().try_for_each(|&share| within("killed_percent", share, 1..=99))
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rooms = run.rooms(&[()], self.seeds, |(), room| self.room(run.seed, room)).remove(0);
        let mut table = Table::of(&[
            "killed %",
            "rooms",
            "all hear at once",
            "hear at once % (mean)",
            "hear at once % (worst)",
            "by the tree alone %",
            "k-gossip at once %",
            "rooms whole after 1 round",
            "after 3 rounds",
            "after 10 rounds",
            "most rounds needed",
            "links by the server %",
        ]);
        let mut rounds = Table::of(&[
            "killed %",
            "round",
            "rooms where all hear",
            "hear % (mean)",
            "new links by route",
            "new links by walk",
            "new links by server",
        ]);
        for (place, &killed) in self.killed_percent.iter().enumerate() {
            let samples: Vec<&Sample> = rooms.iter().map(|room| &room[place]).collect();
            table.push(self.summary(killed, &samples));
            self.rounds(killed, &samples, &mut rounds);
        }
        self.outcome(table, rounds)
    }
}

impl Catastrophe {
    /// One room, in which each share dies in turn, from the same state.
    fn room(&self, seed: u64, room: u64) -> Vec<Sample> {
        let views = Views { repairs: self.repairs, ..Views::default() };
        let rng = &mut generator(seed, [1, room, 0]);
        // Links are missing only by what dies: the room was repaired until then.
        let mut whole = Membership::grown(self.peers, Views::default(), UPKEEP, rng);
        whole.set_views(views);
        let graph = whole.graph();
        let latency = Latency::Uniform(10_000);
        let timing = Timing::of(&latency);
        let mut trees = Trees::new(&graph);
        trees.has_grafts = false;
        let mut delivery = Delivery::default();
        trees.broadcast(0, 0, &timing, |_| true, &mut delivery);
        let gossip = Adjacency::random_regular(self.peers, mutual_k(self.peers, NINES), rng);
        let shares = self.killed_percent.iter().enumerate();
        let kill = |(place, &percent): (usize, &u32)| {
            let rng = &mut generator(seed, [1, room, 1 + place as u64]);
            let mut after = whole.clone();
            let mut order: Vec<u32> = (0..self.peers as u32).collect();
            chance::shuffle(rng, &mut order);
            let dead = self.peers * percent as usize / 100;
            order[..dead.min(self.peers - 1)].iter().for_each(|&peer| after.kill(peer));
            let origin = after.living().iter().copied().min().unwrap_or(0);
            let mut tree = trees.clone();
            tree.broadcast(0, origin, &timing, |peer| after.is_alive(peer), &mut delivery);
            let mut sample = Sample {
                living: after.living().len(),
                by_gossip: hops(&gossip, origin, |peer| after.is_alive(peer)).reached,
                by_tree: delivery.reached,
                hearing: vec![after.hearing()],
                found: vec![],
            };
            for _ in 0..self.repair_rounds {
                after.notice_dead();
                sample.found.push(after.round(self.server, rng));
                sample.hearing.push(after.hearing());
            }
            sample
        };
        shares.map(kill).collect()
    }

    fn summary(&self, killed: u32, samples: &[&Sample]) -> Vec<Value> {
        let count = samples.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(|sample| of(sample)).sum::<f64>() / count;
        let whole = |rounds: usize| match rounds <= self.repair_rounds {
            true => Value::count(samples.iter().filter(|sample| sample.all_hear_after(rounds)).count()),
            false => Value::Nothing,
        };
        let worst = samples.iter().map(|sample| sample.share(sample.hearing[0])).fold(100.0, f64::min);
        let links =
            |of: fn(&Found) -> u64| samples.iter().flat_map(|sample| &sample.found).map(of).sum::<u64>();
        let all = links(|found| found.by_route + found.by_walk + found.by_server);
        let healed: Option<Vec<usize>> = samples.iter().map(|sample| sample.healed_after()).collect();
        vec![
            Value::count(killed),
            Value::count(samples.len()),
            whole(0),
            Value::Number(mean(&|sample| sample.share(sample.hearing[0])), 3),
            Value::Number(worst, 3),
            Value::Number(mean(&|sample| sample.share(sample.by_tree)), 1),
            Value::Number(mean(&|sample| sample.share(sample.by_gossip)), 3),
            whole(1),
            whole(3),
            whole(10),
            healed.and_then(|rounds| rounds.into_iter().max()).map_or(Value::Nothing, Value::count),
            Value::Number(percent(links(|found| found.by_server), all), 2),
        ]
    }

    fn rounds(&self, killed: u32, samples: &[&Sample], table: &mut Table) {
        let count = samples.len().max(1) as f64;
        for round in 0..=self.repair_rounds {
            let hearing = samples.iter().map(|sample| sample.share(sample.hearing[round]));
            let links = |of: fn(&Found) -> u64| {
                let found = samples.iter().filter_map(|sample| sample.found.get(round.checked_sub(1)?));
                Value::Number(found.map(of).sum::<u64>() as f64 / count, 1)
            };
            table.push(vec![
                Value::count(killed),
                Value::count(round),
                Value::count(samples.iter().filter(|sample| sample.hearing[round] == sample.living).count()),
                Value::Number(hearing.sum::<f64>() / count, 4),
                links(|found| found.by_route),
                links(|found| found.by_walk),
                links(|found| found.by_server),
            ]);
        }
    }

    fn findings(&self, table: &Table) -> Vec<String> {
        let finding = |row: &Vec<Value>| {
            let value = |column: &str| {
                let place = table.columns.iter().position(|name| *name == column);
                place.and_then(|place| row.get(place)).map(Value::plain).unwrap_or_default()
            };
            let most = match value("most rounds needed").as_str() {
                "" => "not all heal in the rounds that were simulated".to_owned(),
                "0" => "none needs repair for that".to_owned(),
                "1" => "the slowest needs one round of repair".to_owned(),
                most => format!("the slowest needs {most} rounds of repair"),
            };
            format!(
                "{} % of {} killed at once: all the living hear at once in {} of {} rooms; {most}.",
                row[0].plain(),
                self.peers,
                value("all hear at once"),
                value("rooms"),
            )
        };
        table.rows.iter().map(finding).collect()
    }

    fn outcome(&self, table: Table, rounds: Table) -> Outcome {
        let killed = table.numbers("killed %");
        let line = |label: &str, column: &str| table.series(label, "killed %", column);
        let at_once = lines(
            "at-once",
            "Who hears at once",
            Axis::linear("killed, % of all"),
            Axis::linear("% of the living"),
            vec![
                line("emergent, with grafts", "hear at once % (mean)"),
                line("emergent, worst room", "hear at once % (worst)"),
                line("its tree alone", "by the tree alone %"),
                line("k-gossip, 3 nines", "k-gossip at once %"),
            ],
        );
        let healing = lines(
            "healing",
            "Rooms in which all hear",
            Axis::linear("rounds of repair, 10 s each"),
            Axis::linear("rooms"),
            killed.iter().rev().take(8).rev().map(|&killed| healing(&rounds, killed)).collect(),
        );
        Outcome {
            title: "Many die at once",
            findings: self.findings(&table),
            modelled: MODELLED.to_vec(),
            not_modelled: NOT_MODELLED.to_vec(),
            sections: vec![
                Section {
                    name: "catastrophe",
                    title: "At once, and whole again",
                    words: "All hear at once counts the rooms in which every living peer hears a broadcast over the \
                            links that were left. The tree alone shows what grafts are for.",
                    figures: vec![at_once],
                    table,
                },
                Section {
                    name: "rounds",
                    title: "Round by round",
                    words: "Round 0 is the moment of the catastrophe. New links are for each room.",
                    figures: vec![healing],
                    table: rounds,
                },
            ],
            ..Outcome::default()
        }
    }
}

/// In how many rooms all hear after each round, where so many were killed.
fn healing(rounds: &Table, killed: f64) -> Series {
    let columns = ["killed %", "round", "rooms where all hear"].map(|column| rounds.numbers(column));
    let [shares, round, whole] = columns;
    let points = shares.iter().zip(round.iter().zip(&whole)).filter(|(share, _)| **share == killed);
    Series {
        label: format!("{killed} % killed"),
        points: points.map(|(_, (round, whole))| (*round, *whole)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    fn run(study: &Catastrophe, threads: usize) -> Outcome {
        tried(study, 1, threads)
    }

    fn column(outcome: &Outcome, column: &str) -> Vec<f64> {
        outcome.section("catastrophe").expect("it is there").table.numbers(column)
    }

    #[test]
    fn grafts_reach_all_and_repair_heals_four_fifths() {
        let study = Catastrophe { seeds: 6, killed_percent: vec![30, 50, 80], ..Catastrophe::default() };
        let outcome = run(&study, 2);
        assert_eq!(column(&outcome, "all hear at once")[0], 6.0);
        assert_eq!(column(&outcome, "after 3 rounds")[1], 6.0, "half of the room");
        assert_eq!(column(&outcome, "after 10 rounds"), [6.0, 6.0, 6.0]);
        assert!(column(&outcome, "by the tree alone %")[0] < 60.0, "the tree alone is torn");
        assert_eq!(outcome, run(&study, 1), "threads change nothing");
    }

    #[test]
    fn without_repair_nothing_heals() {
        let study =
            Catastrophe { seeds: 4, killed_percent: vec![80], repairs: false, ..Catastrophe::default() };
        let outcome = run(&study, 2);
        assert_eq!(column(&outcome, "after 10 rounds"), [0.0], "{:?}", outcome.findings);
        let repaired = run(&Catastrophe { repairs: true, ..study }, 2);
        assert_eq!(column(&repaired, "after 10 rounds"), [4.0]);
    }
}
