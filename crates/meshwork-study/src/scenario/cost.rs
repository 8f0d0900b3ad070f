//! What one broadcast costs whom, against the size of the room and other ways to arrange it.

use meshwork_core::overlay::size::{K_GOSSIP_DEGREE_MAX, NINES_DEFAULT, mutual_k};
use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, within};
use crate::adjacency::Adjacency;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Figure, Form, Outcome, Section, Series, Table, Value};
use crate::tree::{Delivery, TREES_MAX, Timing, Trees, flood};
use crate::workers::in_order;
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

/// Broadcasts that are measured, each by another author.
const BROADCASTS: usize = 100;
/// Bytes of a batch of 64 cells on a link, headers included.
const BATCH_BYTES: f64 = 300.0;
/// Bytes that name a batch over a lazy link.
const WORD_BYTES: f64 = 12.0;
/// Microseconds to verify a batch: the race batch-verify of bench/RESULTS.md.
const VERIFY_MICROS: f64 = 38.0;
/// Microseconds to send or to receive a message: half of the race link-throughput/cost at 1 KiB.
const MESSAGE_MICROS: f64 = 5.5;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    /// How many peers, 2 to 100,000; each is studied.
    pub peers: Vec<usize>,
}

impl Default for Cost {
    fn default() -> Cost {
        Cost { peers: vec![10, 30, 100, 300, 1000, 3000, 10_000] }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    FullMesh,
    Star,
    Flooding,
    Emergent,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::FullMesh, "full mesh"),
    (Kind::Star, "star server"),
    (Kind::Flooding, "flooding over k-gossip"),
    (Kind::Emergent, "emergent"),
];

/// Of one broadcast, on average.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    links: f64,
    copies: f64,
    words: f64,
    /// Copies of whoever sends most for one broadcast, the server included.
    most: f64,
    /// Copies of whoever sends most when authors take turns, for one broadcast.
    most_in_turn: f64,
}

impl Study for Cost {
    fn check(&self) -> Result<(), ScenarioError> {
        within("the number of sizes in peers", self.peers.len(), 1..=20)?;
        self.peers.iter().try_for_each(|&peers| within("peers", peers, 2..=100_000))
    }

    fn set_peers(&mut self, peers: usize) -> bool {
        self.peers = vec![peers];
        true
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (None, None)
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let tasks: Vec<(usize, Kind)> =
            self.peers.iter().flat_map(|&peers| KINDS.map(|(kind, _)| (peers, kind))).collect();
        let samples = in_order(run.threads, tasks.len(), run.progress, |task| {
            measure(tasks[task].0, tasks[task].1, run.seed)
        });
        let mut table = Table::of(&[
            "overlay",
            "peers",
            "links per peer",
            "copies sent per peer",
            "announcements sent per peer",
            "bytes sent per peer",
            "CPU microseconds per peer",
            "copies sent by the busiest",
            "CPU microseconds of the busiest",
            "copies by the busiest, authors in turn",
        ]);
        for ((peers, kind), sample) in tasks.iter().zip(&samples) {
            let name = KINDS.iter().find(|(one, _)| one == kind).map_or("", |(_, name)| name);
            let traffic = 2.0 * MESSAGE_MICROS * sample.copies;
            table.push(vec![
                Value::text(name),
                Value::count(*peers),
                Value::Number(sample.links, 1),
                Value::Number(sample.copies, 3),
                Value::Number(sample.words, 2),
                Value::Number(sample.copies * BATCH_BYTES + sample.words * WORD_BYTES, 0),
                Value::Number(VERIFY_MICROS + traffic, 1),
                Value::Number(sample.most, 1),
                Value::Number(VERIFY_MICROS + MESSAGE_MICROS * (1.0 + sample.most), 0),
                Value::Number(sample.most_in_turn, 2),
            ]);
        }
        report(table)
    }
}

fn measure(peers: usize, kind: Kind, seed: u64) -> Sample {
    let rng = &mut generator(seed, [9, peers as u64, kind as u64]);
    let others = (peers - 1) as f64;
    let count = peers as f64;
    match kind {
        Kind::FullMesh => Sample {
            links: others,
            copies: others / count,
            words: 0.0,
            most: others,
            most_in_turn: others / count,
        },
        // Authors send to the server, which sends to all others.
        Kind::Star => Sample { links: 1.0, copies: 1.0, words: 0.0, most: others, most_in_turn: others },
        Kind::Flooding => {
            let k = mutual_k(peers, NINES_DEFAULT).min(K_GOSSIP_DEGREE_MAX);
            let graph = Adjacency::random_regular(peers, k, rng);
            over(&graph, rng, |author, timing, delivery| flood(&graph, author, timing, |_| true, delivery))
        }
        Kind::Emergent => {
            let graph = Membership::grown(peers, Views::default(), 3, rng).graph();
            let mut trees = Trees::new(&graph);
            let latency = Latency::regions(peers, rng);
            let timing = Timing::of(&latency);
            let mut delivery = Delivery::default();
            for number in 0..50 {
                let author = chance::below(rng, peers) as u32;
                let tree = if number < TREES_MAX { number } else { author as usize % TREES_MAX };
                trees.broadcast(tree, author, &timing, |_| true, &mut delivery);
            }
            over(&graph, rng, |author, _, delivery| {
                trees.broadcast(author as usize % TREES_MAX, author, &timing, |_| true, delivery);
            })
        }
    }
}

fn over(
    graph: &Adjacency,
    rng: &mut meshwork_core::rng::Rng,
    mut broadcast: impl FnMut(u32, &Timing<'_>, &mut Delivery),
) -> Sample {
    let peers = graph.peers();
    let latency = Latency::regions(peers, rng);
    let timing = Timing::of(&latency);
    let mut delivery = Delivery::default();
    let mut sum = vec![0u64; peers];
    let mut sample = Sample { links: graph.arcs() as f64 / peers as f64, ..Sample::default() };
    for _ in 0..BROADCASTS {
        broadcast(chance::below(rng, peers) as u32, &timing, &mut delivery);
        sample.copies += delivery.copies as f64 / (peers * BROADCASTS) as f64;
        sample.words += delivery.words as f64 / (peers * BROADCASTS) as f64;
        sample.most += delivery.sent.iter().copied().max().map_or(0.0, f64::from) / BROADCASTS as f64;
        sum.iter_mut().zip(&delivery.sent).for_each(|(sum, sent)| *sum += u64::from(*sent));
    }
    sample.most_in_turn = sum.into_iter().max().unwrap_or(0) as f64 / BROADCASTS as f64;
    sample
}

fn report(table: Table) -> Outcome {
    let figure = |name, title: &'static str, column: &'static str| {
        let [peers, values] = ["peers", column].map(|column| table.numbers(column));
        let series = KINDS.iter().map(|(_, label)| {
            let of_kind = table.rows.iter().map(|row| row[0] == Value::text(*label));
            let points = of_kind.zip(peers.iter().zip(&values)).filter(|(is_it, _)| *is_it);
            Series { label: (*label).to_owned(), points: points.map(|(_, (x, y))| (*x, *y)).collect() }
        });
        Figure {
            name,
            title,
            x: Axis::logarithmic("peers"),
            y: Axis::logarithmic(column),
            form: Form::Lines,
            series: series.collect(),
        }
    };
    let figures = vec![
        figure("links", "Links to keep", "links per peer"),
        figure("bytes", "What a peer sends for one broadcast", "bytes sent per peer"),
        figure("busiest", "What the busiest sends", "copies sent by the busiest"),
        figure("cpu", "Processor time for one broadcast", "CPU microseconds per peer"),
    ];
    let last = table.rows.iter().rev().take(KINDS.len()).rev().map(|row| {
        format!(
            "{} at {} peers: {} copies and {} bytes for each peer, {} copies by the busiest, {} links to keep.",
            row[0].plain(),
            row[1].plain(),
            row[3].plain(),
            row[5].plain(),
            row[7].plain(),
            row[2].plain()
        )
    });
    Outcome {
        title: "What a broadcast costs",
        findings: last.collect(),
        modelled: vec![
            "A batch of 64 cells: 300 bytes with headers, 12 for an announcement. 38 microseconds to verify it and 5.5 to \
             send or receive a message, as this project's races measured.",
            "The star server verifies and sends on to all; flooding goes over k-gossip with 3 nines; the emergent overlay \
             has eight trees, chosen by the author's name, after 50 broadcasts.",
        ],
        not_modelled: vec![
            "What links cost when nothing is said: a ping a second each, and upkeep.",
            "The time it takes: the scenarios place-study and writers have it.",
        ],
        sections: vec![Section {
            name: "cost",
            title: "Against the number of peers",
            words: "A full mesh and a star send no copy twice, but one of them sends all copies, or everybody keeps all links. \
                    Flooding spreads the work and does it many times over.",
            figures,
            table,
        }],
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    #[test]
    fn emergent_overlay_sends_one_copy_and_burdens_nobody() {
        let study = Cost { peers: vec![100, 1000] };
        let run = |threads| tried(&study, 1, threads);
        let outcome = run(2);
        let table = &outcome.section("cost").expect("it is there").table;
        let [copies, most] =
            ["copies sent per peer", "copies sent by the busiest"].map(|name| table.numbers(name));
        assert!(copies[7] < 1.2 && most[7] <= 16.0, "emergent: {}", table.csv());
        assert!(copies[6] > 9.0 && most[4] == 999.0 && most[5] == 999.0, "the others: {}", table.csv());
        assert_eq!(outcome, run(1));
    }
}
