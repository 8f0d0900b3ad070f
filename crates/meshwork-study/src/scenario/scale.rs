//! A million peers: an overlay built and broadcasts over it measured.

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, within};
use crate::PEERS_MAX;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Figure, Form, Outcome, Section, Series, Table, Value};
use crate::spanning::{Heard, Spanning};
use crate::tree::{Delivery, Timing, Trees};
use crate::workers::in_order;
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

const MODELLED: &[&str] = &[
    "Every peer joins by walks, one after another, in a room of more than 8192 as many at once as one of 256 parts of \
     it; then rounds of upkeep; five regions; one tree, grown by the first broadcast.",
    "The first broadcast by events in time. The eager links that it leaves are looked at: where they reach everybody \
     and close no ring, there is one way to each peer, and the others are sums along it.",
];

const NOT_MODELLED: &[&str] = &[
    "Grafts (nobody dies here), loss and bandwidth.",
    "Neighbours that come nearer: links are as joining left them.",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// How many peers, 2 to a million.
    pub peers: usize,
    /// Broadcasts that are measured, from authors drawn at random, 1 to 10,000.
    pub broadcasts: usize,
    /// Rounds of upkeep after everybody joined, 0 to 100.
    pub rounds: usize,
    /// Entries of a passive view, 0 to 48: each takes 28 bytes with its route.
    pub passive: usize,
}

impl Default for Scale {
    fn default() -> Scale {
        Scale { peers: PEERS_MAX, broadcasts: 100, rounds: 1, passive: 8 }
    }
}

/// One broadcast.
struct Sample {
    reached: usize,
    hops: u16,
    copies: u64,
    p50: u32,
    p99: u32,
    last: u32,
}

impl Study for Scale {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 2..=PEERS_MAX)?;
        within("broadcasts", self.broadcasts, 1..=10_000)?;
        within("rounds", self.rounds, 0..=100)?;
        within("passive", self.passive, 0..=48)
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), None)
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rng = &mut generator(run.seed, [4, 0, 0]);
        let latency = Latency::regions(self.peers, rng);
        let views = Views { passive: self.passive, ..Views::default() };
        let room = Membership::grown_on(run.threads, self.peers, views, self.rounds, rng);
        let graph = room.graph();
        let views_bytes = room.bytes();
        drop(room);
        let timing = Timing::of(&latency);
        let mut trees = Trees::new(&graph);
        trees.has_grafts = false;
        let mut delivery = Delivery::default();
        trees.broadcast(0, 0, &timing, |_| true, &mut delivery);
        let flooded = sample(&delivery);
        let spanning = Spanning::of(&trees, 0, &latency);
        let author = |number: usize| {
            let rng = &mut generator(run.seed, [4, 1, number as u64]);
            chance::below(rng, self.peers) as u32
        };
        let chunks = self.broadcasts.min(4 * run.threads.max(1));
        let found = in_order(run.threads, chunks, run.progress, |chunk| {
            let numbers = (chunk..self.broadcasts).step_by(chunks);
            match &spanning {
                Some(spanning) => {
                    let mut heard = Heard::default();
                    let pass = |number| (number, passed(spanning, author(number), &mut heard));
                    numbers.map(pass).collect::<Vec<_>>()
                }
                // Somebody is cut off, and there is no tree of all.
                None => {
                    let (mut trees, mut delivery) = (trees.clone(), Delivery::default());
                    let broadcast = |number| {
                        trees.broadcast(0, author(number), &timing, |_| true, &mut delivery);
                        (number, sample(&delivery))
                    };
                    numbers.map(broadcast).collect()
                }
            }
        });
        let mut found: Vec<(usize, Sample)> = found.into_iter().flatten().collect();
        found.sort_by_key(|(number, _)| *number);
        let samples: Vec<Sample> = found.into_iter().map(|(_, sample)| sample).collect();
        let memory = [
            ("views with routes", views_bytes),
            ("links as arrays", graph.bytes()),
            ("trees", trees.bytes()),
            ("the tree as rows", spanning.as_ref().map_or(0, Spanning::bytes)),
            ("one broadcast", 6 * self.peers as u64),
        ];
        self.report(&flooded, &samples, &memory)
    }
}

fn sample(delivery: &Delivery) -> Sample {
    Sample {
        reached: delivery.reached,
        hops: delivery.most_hops(),
        copies: delivery.copies,
        p50: delivery.percentile(500),
        p99: delivery.percentile(990),
        last: delivery.percentile(1000),
    }
}

/// A broadcast over a tree that reaches everybody once.
fn passed(spanning: &Spanning, author: u32, heard: &mut Heard) -> Sample {
    spanning.broadcast(author, heard);
    let hops = heard.most_hops();
    let [p50, p99, last] = heard.percentiles();
    Sample { reached: spanning.peers(), hops, copies: spanning.peers() as u64 - 1, p50, p99, last }
}

impl Scale {
    fn memory(&self, memory: &[(&'static str, u64)]) -> Table {
        let mut bytes = Table::of(&["what", "bytes", "bytes per peer"]);
        for &(what, size) in memory {
            let each = Value::Number(size as f64 / self.peers as f64, 1);
            bytes.push(vec![Value::text(what), Value::count(size), each]);
        }
        bytes
    }

    fn report(&self, flooded: &Sample, samples: &[Sample], memory: &[(&'static str, u64)]) -> Outcome {
        let mut table = Table::of(&[
            "broadcast",
            "reached",
            "copies per peer",
            "most hops",
            "p50 ms",
            "p99 ms",
            "last ms",
        ]);
        let millis = |micros: u32| Value::Number(f64::from(micros) / 1000.0, 1);
        let mut push = |name: String, sample: &Sample| {
            table.push(vec![
                Value::text(name),
                Value::count(sample.reached),
                Value::Number(sample.copies as f64 / self.peers as f64, 3),
                Value::count(sample.hops),
                millis(sample.p50),
                millis(sample.p99),
                millis(sample.last),
            ]);
        };
        push("the first, which floods".to_owned(), flooded);
        samples.iter().enumerate().for_each(|(number, sample)| push((number + 1).to_string(), sample));
        let figure = figure(samples);
        let bytes = self.memory(memory);
        let whole = samples.iter().filter(|sample| sample.reached == self.peers).count();
        let all: u64 = memory.iter().map(|(_, bytes)| bytes).sum();
        Outcome {
            title: "How far it scales",
            findings: vec![
                format!("{whole} of {} broadcasts reach all of {} peers.", samples.len(), self.peers),
                format!("All arrays together take {:.2} GB.", all as f64 / 1e9),
            ],
            modelled: MODELLED.to_vec(),
            not_modelled: NOT_MODELLED.to_vec(),
            sections: vec![
                Section {
                    name: "broadcasts",
                    title: "Broadcasts",
                    words: "The first goes over every link and leaves the tree; the others follow it, whoever writes.",
                    figures: vec![figure],
                    table,
                },
                Section {
                    name: "memory",
                    title: "Memory",
                    words: "What the arrays take. Views are let go before the trees are laid.",
                    figures: vec![],
                    table: bytes,
                },
            ],
            ..Outcome::default()
        }
    }
}

/// How late each broadcast was.
fn figure(samples: &[Sample]) -> Figure {
    let line = |label: &str, of: fn(&Sample) -> u32| Series {
        label: label.to_owned(),
        points: (1..)
            .zip(samples)
            .map(|(number, sample)| (f64::from(number), f64::from(of(sample)) / 1000.0))
            .collect(),
    };
    Figure {
        name: "scale",
        title: "Delivery",
        x: Axis::linear("broadcast, each by another author"),
        y: Axis::linear("milliseconds"),
        form: Form::Lines,
        series: vec![
            line("half have it", |sample| sample.p50),
            line("99 % have it", |sample| sample.p99),
            line("all have it", |sample| sample.last),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    #[test]
    fn a_large_room_hears_every_broadcast() {
        let study = Scale { peers: 20_000, broadcasts: 5, ..Scale::default() };
        let run = |threads| tried(&study, 2, threads);
        let outcome = run(2);
        assert!(outcome.findings[0].starts_with("5 of 5"), "{:?}", outcome.findings);
        let copies = outcome.section("broadcasts").expect("it is there").table.numbers("copies per peer");
        assert!(copies[0] > 10.0 && copies[1..].iter().all(|&copies| copies < 1.001), "{copies:?}");
        assert_eq!(outcome, run(1), "threads change nothing");
    }
}
