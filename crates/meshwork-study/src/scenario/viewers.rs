//! Tens of thousands look on while cells are painted fast: how late they see them, with and without loss.

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, lines, settled, within};
use crate::adjacency::Adjacency;
use crate::choice::{Choice, Picker};
use crate::membership::Views;
use crate::outcome::{Axis, Outcome, Section, Series, Table, Value};
use crate::stream::{Batch, Link, Times, send};
use crate::tree::{Delivery, TREES_MAX, Timing, Trees};
use crate::workers::in_order;
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

/// Bytes that announce a batch over a lazy link: who wrote it and its number, packed with others.
const WORD_BYTES: f64 = 12.0;

/// Broadcasts that shape the trees of random writers, and tell them which to choose.
const WARM_UP: usize = 50;

/// Peers times batches: each takes four bytes while it runs, on each thread.
const DELIVERIES_MAX: u64 = 500_000_000;

const MODELLED: &[&str] = &[
    "Five regions, neighbours swapped for nearer ones; one tree grown from the writer, or several grown from \
                 peers drawn at random, of which each author takes, of three that its name gives, the one over which it hears others soonest.",
    "Loss on every link, one packet a batch: what is lost is sent again after three later packets or the \
                 timer, and everything behind it on that link waits, as SCTP's ordered channel does.",
    "Who has a batch names it to all other neighbours within 30 ms. Who still waits for what was named, a round trip \
                 and 120 to 180 ms later, asks who named it first: that copy overtakes the late one.",
    "A peer's copies leave one after another at the rate of its access.",
];

const NOT_MODELLED: &[&str] = &[
    "Trees that change: each late batch is asked for by itself, where the real tree would soon go round a bad link.",
    "Congestion control, and bandwidth taken by announcements.",
    "Checking signatures: some 40 microseconds a batch on one core.",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Viewers {
    /// How many peers, 10 to 200,000.
    pub peers: usize,
    /// Cells painted in a second, 1 to 1,000,000.
    pub cells_per_second: u32,
    /// Cells of a batch, 1 to 4096.
    pub batch_cells: u32,
    /// Bytes of a batch on a link with all headers, 50 to 65,536: 64 cells in one colour, signed, take about 185, and
    /// SCTP, DTLS, UDP and IP another 100.
    pub batch_bytes: u32,
    /// Seconds of painting, 1 to 60.
    pub seconds: u32,
    /// Packets lost, of a thousand, 0 to 200; each is studied.
    pub loss_per_mille: Vec<u32>,
    /// The least time of the retransmission timer, in milliseconds, 100 to 60,000. RFC 9260 has 1000.
    pub timer_ms: u32,
    /// What a peer can send, in megabits a second, 1 to 100,000.
    pub uplink_mbit: u32,
    /// Trees that random writers share, 1 to 8.
    pub trees: usize,
    /// Minutes in which neighbours came nearer to each other before, 0 to 60.
    pub minutes: u32,
}

impl Default for Viewers {
    fn default() -> Viewers {
        Viewers {
            peers: 50_000,
            cells_per_second: 10_000,
            batch_cells: 64,
            batch_bytes: 300,
            seconds: 2,
            loss_per_mille: vec![0, 10],
            timer_ms: 1000,
            uplink_mbit: 20,
            trees: TREES_MAX,
            minutes: 10,
        }
    }
}

impl Study for Viewers {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=200_000)?;
        within("cells_per_second", self.cells_per_second, 1..=1_000_000)?;
        within("batch_cells", self.batch_cells, 1..=4096)?;
        within("batch_bytes", self.batch_bytes, 50..=65_536)?;
        within("seconds", self.seconds, 1..=60)?;
        within("timer_ms", self.timer_ms, 100..=60_000)?;
        within("uplink_mbit", self.uplink_mbit, 1..=100_000)?;
        within("trees", self.trees, 1..=TREES_MAX)?;
        within("minutes", self.minutes, 0..=60)?;
        let batches =
            u64::from(self.cells_per_second) * u64::from(self.seconds) / u64::from(self.batch_cells);
        within("peers times batches", self.peers as u64 * batches, 0..=DELIVERIES_MAX)?;
        within("the number of shares in loss_per_mille", self.loss_per_mille.len(), 1..=10)?;
        self.loss_per_mille.iter().try_for_each(|&loss| within("loss_per_mille", loss, 0..=200))
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), None)
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rng = &mut generator(run.seed, [3, 0, 0]);
        let latency = Latency::regions(self.peers, rng);
        let graph = settled(self.peers, Views::default(), self.minutes, &latency, rng).graph();
        // One writer has a tree of its own; the others lie under the random writers' batches.
        let tasks: Vec<(bool, u32)> = [true, false]
            .into_iter()
            .flat_map(|one| self.loss_per_mille.iter().map(move |&loss| (one, loss)))
            .collect();
        let found = in_order(run.threads, tasks.len(), run.progress, |place| {
            let (is_one, loss) = tasks[place];
            self.stream(is_one, loss, &graph, &latency, run.seed)
        });
        self.report(&tasks, &found, &graph)
    }
}

impl Viewers {
    fn stream(&self, is_one: bool, loss: u32, graph: &Adjacency, latency: &Latency, seed: u64) -> Times {
        let rng = &mut generator(seed, [3, 1 + u64::from(is_one), 0]);
        let count = if is_one { 1 } else { self.trees };
        let (mut trees, mut delivery) = (Trees::new(graph), Delivery::default());
        trees.has_grafts = false;
        let roots: Vec<u32> = (0..count).map(|_| chance::below(rng, self.peers) as u32).collect();
        let mut picker = Picker::new(Choice::MESHWORK, count, self.peers, generator(seed, [3, 4, 0]));
        for number in 0..count.max(WARM_UP) {
            let root = roots.get(number).copied();
            let author = root.unwrap_or_else(|| chance::below(rng, self.peers) as u32);
            if number > 0 && is_one {
                break;
            }
            let tree = if root.is_some() { number } else { picker.pick(author) };
            trees.broadcast(tree, author, &Timing::of(latency), |_| true, &mut delivery);
            picker.note(tree, root.is_some(), &delivery);
        }
        let batches =
            u64::from(self.cells_per_second) * u64::from(self.seconds) / u64::from(self.batch_cells);
        let mut batch = |number: u64| {
            let at = (number * u64::from(self.seconds) * 1_000_000 / batches.max(1)) as u32;
            let origin = if is_one { roots[0] } else { chance::below(rng, self.peers) as u32 };
            Batch { at, origin, tree: picker.pick(origin) }
        };
        let batches: Vec<Batch> = (0..batches.max(1)).map(&mut batch).collect();
        let link = Link {
            loss_per_million: 1000 * loss,
            timer_micros: 1000 * self.timer_ms,
            copy_micros: 8 * self.batch_bytes / self.uplink_mbit,
        };
        send(&trees, &batches, &link, latency, &mut generator(seed, [3, 3, u64::from(loss)]))
    }

    fn report(&self, tasks: &[(bool, u32)], found: &[Times], graph: &Adjacency) -> Outcome {
        let mut table = Table::of(&[
            "writers",
            "loss %",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "p99.9 ms",
            "received kB/s per peer",
            "announcements kB/s per peer",
            "highest sending kB/s",
        ]);
        let (mut findings, mut series) = (vec![], vec![]);
        let rate = f64::from(self.cells_per_second) / f64::from(self.batch_cells);
        let lazy = graph.arcs() as f64 / graph.peers() as f64 - 2.0;
        for ((is_one, loss), times) in tasks.iter().zip(found) {
            let name = if *is_one { "one, own tree" } else { "random" };
            let per_second =
                |count: f64| count * f64::from(self.batch_bytes) / f64::from(self.seconds) / 1000.0;
            let most = times.sent.iter().copied().max().unwrap_or(0);
            let at = |per_mille| Value::count(times.percentile(per_mille));
            table.push(vec![
                Value::text(name),
                Value::Number(f64::from(*loss) / 10.0, 1),
                at(500),
                at(900),
                at(990),
                at(999),
                Value::Number(per_second(times.deliveries as f64 / self.peers as f64), 1),
                Value::Number(rate * lazy * WORD_BYTES / 1000.0, 1),
                Value::Number(per_second(f64::from(most)), 1),
            ]);
            findings.push(format!(
                "{} writers, {} % loss: 99 % of deliveries to {} peers within {} ms.",
                name,
                f64::from(*loss) / 10.0,
                self.peers,
                times.percentile(990)
            ));
            series.push(Series {
                label: format!("{name}, {} % loss", f64::from(*loss) / 10.0),
                points: (1..200)
                    .map(|step| 5 * step)
                    .map(|share| (times.percentile(share) as f64, share as f64 / 10.0))
                    .collect(),
            });
        }
        let figure = lines(
            "delivery",
            "Deliveries so far",
            Axis::linear("milliseconds after it was painted"),
            Axis::linear("% of all deliveries"),
            series,
        );
        Outcome {
            title: "Thousands look on",
            findings,
            modelled: MODELLED.to_vec(),
            not_modelled: NOT_MODELLED.to_vec(),
            sections: vec![Section {
                name: "viewers",
                title: "How late they see it",
                words: "A line that rises early and steeply is good; where it bends at the top are those behind a loss.",
                figures: vec![figure],
                table,
            }],
            ..Outcome::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    #[test]
    fn loss_costs_time_and_no_delivery() {
        let study = Viewers { peers: 2000, minutes: 2, seconds: 1, ..Viewers::default() };
        let run = |threads| tried(&study, 1, threads);
        let outcome = run(2);
        let table = &outcome.section("viewers").expect("it is there").table;
        let p99 = table.numbers("p99 ms");
        assert!(p99[0] < p99[1] && p99[2] < p99[3], "{}", table.csv());
        let received = table.numbers("received kB/s per peer");
        assert!(received.iter().all(|&kb| (kb - 156.0 * 0.3).abs() < 0.5), "{}", table.csv());
        assert_eq!(outcome, run(1));
    }
}
