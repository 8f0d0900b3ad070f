//! What one broadcast costs whom, against the size of the room and other ways to arrange it.

use meshwork_core::overlay::size::{K_GOSSIP_DEGREE_MAX, NINES_DEFAULT, mutual_k};

use super::{Parameter, Run, Scenario, Study, mean};
use crate::adjacency::Adjacency;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Chart, Column, Form, Lines, Section, Table, Value};
use crate::tree::{Delivery, TREES_MAX, Timing, Trees, flood};
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

pub(super) static STUDY: Study = Study {
    name: "cost",
    about: "copies, bytes and processor time per peer against the room's size, full mesh, a star server and flooding",
    title: "What a broadcast costs",
    modelled: &[
        "A batch of 64 cells: 300 bytes with headers, 12 for an announcement. 38 microseconds to verify it and 5.5 to \
         send or receive a message, as this project's races measured.",
        "The star server verifies and sends on to all; flooding goes over k-gossip with 3 nines; the emergent overlay \
         has eight trees, chosen by the author's name, after 50 broadcasts.",
    ],
    not_modelled: &[
        "What links cost when nothing is said: a ping a second each, and upkeep.",
        "The time it takes: the scenario place-study has it.",
    ],
    parameters: &[Parameter::list("peers", &[10, 30, 100, 300, 1000, 3000, 10_000], 2..=100_000)],
    finding: "{overlay} at {peers} peers: {copies sent per peer} copies and {bytes sent per peer} bytes for each peer, \
              {copies sent by the busiest} copies by the busiest, {links per peer} links to keep.",
    run,
};

#[derive(Clone, Copy, Debug)]
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
    /// Copies by the peer that sends most for one broadcast, the server included.
    most: f64,
    /// Copies by the peer that sends most when authors take turns, for one broadcast.
    most_in_turn: f64,
}

const COLUMNS: &[Column<Sample>] = &[
    ("links per peer", 1, |samples| mean(samples, |sample| sample.links)),
    ("copies sent per peer", 3, |samples| mean(samples, |sample| sample.copies)),
    ("announcements sent per peer", 2, |samples| mean(samples, |sample| sample.words)),
    ("bytes sent per peer", 0, |samples| {
        mean(samples, |sample| sample.copies * BATCH_BYTES + sample.words * WORD_BYTES)
    }),
    ("CPU microseconds per peer", 1, |samples| {
        mean(samples, |sample| VERIFY_MICROS + 2.0 * MESSAGE_MICROS * sample.copies)
    }),
    ("copies sent by the busiest", 1, |samples| mean(samples, |sample| sample.most)),
    ("CPU microseconds of the busiest", 0, |samples| {
        mean(samples, |sample| VERIFY_MICROS + MESSAGE_MICROS * (1.0 + sample.most))
    }),
    ("copies by the busiest, authors in turn", 2, |samples| mean(samples, |sample| sample.most_in_turn)),
];

const CHARTS: [Chart; 4] = [
    chart("links", "Links to keep", "links per peer"),
    chart("bytes", "What a peer sends for one broadcast", "bytes sent per peer"),
    chart("busiest", "What the busiest sends", "copies sent by the busiest"),
    chart("cpu", "Processor time for one broadcast", "CPU microseconds per peer"),
];

const fn chart(name: &'static str, title: &'static str, column: &'static str) -> Chart {
    let (x, y) = (("peers", Axis::logarithmic("peers")), Axis::logarithmic(column));
    Chart { name, title, x, y, form: Form::Lines, lines: Lines::Each(column) }
}

fn run(scenario: &Scenario, run: Run<'_>) -> Vec<Section> {
    let sizes = scenario.numbers("peers");
    let cases: Vec<(usize, (Kind, &str))> =
        sizes.into_iter().flat_map(|peers| KINDS.map(|kind| (peers, kind))).collect();
    let samples = run.rooms(&cases, 1, |&(peers, (kind, _)), _| measure(peers, kind, run.seed));
    let key = |&(peers, (_, name)): &(usize, (Kind, &str))| vec![Value::text(name), Value::count(peers)];
    let table = Table::of(&["overlay", "peers"], COLUMNS, cases.iter().map(key).zip(samples));
    vec![Section {
        name: "cost",
        title: "Against the number of peers",
        words: "A full mesh and a star send no copy twice, but one of them sends all copies, or everybody keeps all links. \
                Flooding spreads the work and does it many times over.",
        figures: CHARTS.iter().map(|chart| table.figure(chart)).collect(),
        table,
    }]
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

#[cfg(test)]
mod tests {
    use super::super::tried;

    #[test]
    fn emergent_overlay_sends_one_copy_and_burdens_nobody() {
        let run = |threads| tried("scenario = \"cost\"\npeers = [100, 1000]", 1, threads);
        let outcome = run(2);
        let table = &outcome.section("cost").expect("it is there").table;
        let [copies, most] =
            ["copies sent per peer", "copies sent by the busiest"].map(|name| table.numbers(name));
        assert!(copies[7] < 1.2 && most[7] <= 16.0, "emergent: {}", table.csv());
        assert!(copies[6] > 9.0 && most[4] == 999.0 && most[5] == 999.0, "the others: {}", table.csv());
        assert_eq!(outcome.findings.len(), 4, "of the largest room: {:?}", outcome.findings);
        assert_eq!(outcome, run(1));
    }
}
