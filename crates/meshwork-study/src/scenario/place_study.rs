//! Place's own study of k-gossip, with its model and constants, and Meshwork's overlays under the same model.
//!
//! The model: each peer sends to k others drawn at random (it need not hear from them), a message takes 1 ms, sent one
//! after another, so that a broadcast of r rounds takes r times k ms. A message has 1024 bytes and costs 1000 cycles of
//! a processor of 2 GHz. In the full mesh the origin sends to everybody by itself.

use std::collections::BTreeMap;

use meshwork_core::overlay::size::{NINES_MAX, compute_k, mutual_k};
use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, within};
use crate::PEERS_MAX;
use crate::adjacency::Adjacency;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Figure, Form, Outcome, Section, Series, Table, Value};
use crate::reach::hops;
use crate::tree::{Delivery, NEVER, Timing, Trees};
use crate::workers::in_order;
use meshwork_sim::chance::generator;
use meshwork_sim::latency::Latency;

/// Microseconds that a message takes.
const MESSAGE_MICROS: u32 = 1000;
/// Bytes of a message.
const MESSAGE_BYTES: u64 = 1024;
/// Seconds that a processor of 2 GHz works for a message of 1000 cycles.
const MESSAGE_CPU_SECONDS: f64 = 1000.0 / 2e9;
/// The size and the nines of the histograms.
const SHOWN: (usize, u8) = (100, 5);
/// Rounds of upkeep that the emergent overlay has had when it is measured.
const UPKEEP: usize = 3;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlaceStudy {
    /// How many peers, from 2 to a million; each is studied.
    pub peers: Vec<usize>,
    /// The nines that are promised, 1 to 10; each is studied.
    pub nines: Vec<u8>,
    /// How often each graph is drawn, 1 to 1000.
    pub repetitions: u32,
}

impl Default for PlaceStudy {
    fn default() -> PlaceStudy {
        PlaceStudy {
            peers: vec![100, 1000, 5000, 10_000, 25_000, 50_000],
            nines: vec![5, 7, 9],
            repetitions: 3,
        }
    }
}

/// Which overlay is studied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Original(u8),
    Mutual(u8),
    Emergent,
    FullMesh,
}

impl Kind {
    fn label(self) -> String {
        match self {
            Kind::Original(nines) => format!("original, {nines} nines"),
            Kind::Mutual(nines) => format!("k-gossip, mutual, {nines} nines"),
            Kind::Emergent => "emergent".to_owned(),
            Kind::FullMesh => "full mesh".to_owned(),
        }
    }
}

/// What one broadcast came to.
#[derive(Clone, Debug, Default)]
struct Sample {
    k: f64,
    rounds: f64,
    messages: f64,
    seconds: f64,
    reached: usize,
    /// Copies that each peer sent, where they are shown.
    sent: Vec<u16>,
}

impl Study for PlaceStudy {
    fn check(&self) -> Result<(), ScenarioError> {
        within("the number of sizes in peers", self.peers.len(), 1..=20)?;
        within("the number of nines", self.nines.len(), 1..=8)?;
        within("repetitions", self.repetitions, 1..=1000)?;
        self.peers.iter().try_for_each(|&peers| within("peers", peers, 2..=PEERS_MAX))?;
        self.nines.iter().try_for_each(|&nines| within("nines", nines, 1..=NINES_MAX))
    }

    fn set_peers(&mut self, peers: usize) -> bool {
        self.peers = vec![peers];
        true
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (None, Some(&mut self.repetitions))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let kinds = || {
            let nines = self.nines.iter();
            let gossip = nines.flat_map(|&nines| [Kind::Original(nines), Kind::Mutual(nines)]);
            gossip.chain([Kind::Emergent, Kind::FullMesh])
        };
        // The longest first, so that no thread is left with one of them at the end.
        let mut sizes = self.peers.clone();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        sizes.dedup();
        let mut tasks: Vec<(usize, Kind, u32)> = vec![];
        for &size in &sizes {
            tasks.extend(
                kinds()
                    .flat_map(|kind| (0..self.repetitions).map(move |repetition| (size, kind, repetition))),
            );
        }
        let samples = in_order(run.threads, tasks.len(), run.progress, |place| {
            let (peers, kind, repetition) = tasks[place];
            measure(peers, kind, run.seed, repetition)
        });
        let mut found: BTreeMap<(Kind, usize), Vec<Sample>> = BTreeMap::new();
        for ((peers, kind, _), sample) in tasks.into_iter().zip(samples) {
            found.entry((kind, peers)).or_default().push(sample);
        }
        report(&found)
    }
}

fn measure(peers: usize, kind: Kind, seed: u64, repetition: u32) -> Sample {
    let label = match kind {
        Kind::Original(nines) => nines.into(),
        Kind::Mutual(nines) => 100 + u64::from(nines),
        Kind::Emergent => 200,
        Kind::FullMesh => 300,
    };
    let mut rng = generator(seed, [label, peers as u64, repetition.into()]);
    match kind {
        Kind::Original(nines) => {
            let k = compute_k(peers, Some(nines));
            let graph = Adjacency::random_out(peers, k, &mut rng);
            let heard = hops(&graph, 0, |_| true);
            let rounds = f64::from(heard.most);
            Sample {
                k: k as f64,
                rounds,
                messages: (heard.reached * k) as f64,
                seconds: rounds * k as f64 * f64::from(MESSAGE_MICROS) / 1e6,
                reached: heard.reached,
                sent: heard.of.iter().map(|&hops| if hops == u16::MAX { 0 } else { k as u16 }).collect(),
            }
        }
        Kind::Mutual(nines) => {
            let graph = Adjacency::random_regular(peers, mutual_k(peers, nines), &mut rng);
            broadcast(&graph, 0)
        }
        Kind::Emergent => {
            let graph = Membership::grown(peers, Views::default(), UPKEEP, &mut rng).graph();
            broadcast(&graph, 1)
        }
        Kind::FullMesh => {
            let others = (peers - 1) as f64;
            let mut sent = vec![0; peers];
            sent[0] = u16::try_from(peers - 1).unwrap_or(u16::MAX);
            let seconds = others * f64::from(MESSAGE_MICROS) / 1e6;
            Sample { k: others, rounds: 1.0, messages: others, seconds, reached: peers, sent }
        }
    }
}

/// Broadcasts from peer 0 after so many broadcasts from others, with copies sent one after another.
fn broadcast(graph: &Adjacency, warm_up: u32) -> Sample {
    let latency = Latency::Uniform(0);
    let timing = Timing { copy_micros: MESSAGE_MICROS, ..Timing::of(&latency) };
    let mut trees = Trees::new(graph);
    trees.has_grafts = false;
    let mut delivery = Delivery::default();
    for origin in (0..warm_up).rev().map(|step| step + 1).chain([0]) {
        trees.broadcast(0, origin % graph.peers() as u32, &timing, |_| true, &mut delivery);
    }
    let last = delivery.at.iter().filter(|&&at| at != NEVER).max().copied().unwrap_or(0);
    Sample {
        k: graph.arcs() as f64 / graph.peers() as f64,
        rounds: f64::from(delivery.most_hops()),
        messages: delivery.copies as f64,
        seconds: f64::from(last) / 1e6,
        reached: delivery.reached,
        sent: delivery.sent,
    }
}

fn mean(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    samples.iter().map(of).sum::<f64>() / samples.len().max(1) as f64
}

fn report(found: &BTreeMap<(Kind, usize), Vec<Sample>>) -> Outcome {
    let mut table = Table::of(&[
        "overlay",
        "peers",
        "links or k",
        "rounds",
        "messages",
        "messages per peer",
        "time s",
        "reached %",
    ]);
    for ((kind, peers), samples) in found {
        let messages = mean(samples, |sample| sample.messages);
        table.push(vec![
            Value::text(kind.label()),
            Value::count(*peers),
            Value::Number(mean(samples, |sample| sample.k), 1),
            Value::Number(mean(samples, |sample| sample.rounds), 2),
            Value::Number(messages, 0),
            Value::Number(messages / *peers as f64, 2),
            Value::Number(mean(samples, |sample| sample.seconds), 4),
            Value::Number(100.0 * mean(samples, |sample| sample.reached as f64) / *peers as f64, 3),
        ]);
    }
    let against = |name, title: &'static str, label, is_logarithmic, of: &dyn Fn(&Sample) -> f64| {
        let mut series: BTreeMap<Kind, Vec<(f64, f64)>> = BTreeMap::new();
        for ((kind, peers), samples) in found {
            series.entry(*kind).or_default().push((*peers as f64, mean(samples, of)));
        }
        let y = if is_logarithmic { Axis::logarithmic(label) } else { Axis::linear(label) };
        let series = series.into_iter().map(|(kind, points)| Series { label: kind.label(), points });
        let x = Axis::logarithmic("peers");
        Figure { name, title, x, y, form: Form::Lines, series: series.collect() }
    };
    let sweep = Section {
        name: "sweep",
        title: "Against the number of peers",
        words: "Rounds are the hops of the last who hears. The original's time is rounds times k milliseconds; ours is \
                when the last peer has it, each copy sent 1 ms after the one before. The emergent overlay is measured \
                after one broadcast, when its tree has grown.",
        figures: vec![
            against("rounds", "Rounds until everybody has heard", "rounds", false, &|sample| sample.rounds),
            against("messages", "Messages of one broadcast", "messages", true, &|sample| sample.messages),
            against("time", "Time until everybody has heard", "seconds", true, &|sample| sample.seconds),
            against("k", "Links that a peer needs", "k or links", true, &|sample| sample.k),
        ],
        table,
    };
    let mut sections = vec![sweep];
    sections.extend(histograms(found));
    Outcome {
        title: "Place's own study, and our overlays beside it",
        findings: findings(found),
        modelled: vec![
            "The original's graph: k receivers of each peer, drawn at random and directed; k = ln N + nines * ln 10, \
             rounded up; the origin is peer 0; every peer that hears sends k messages once.",
            "Ours: k-gossip as a random graph in which everybody has the k mutual links of docs/decisions/0024-overlays.md, \
             flooded; the emergent overlay grown by its own steps of membership, over one tree.",
            "1 ms, 1024 bytes and 1000 cycles at 2 GHz for each message, sent one after another.",
        ],
        not_modelled: vec![
            "Distance, loss and bandwidth: every message takes the same time.",
            "Words that announce messages over lazy links, which are small; the scenario cost counts them.",
            "Peers that fail: the scenario catastrophe has them.",
        ],
        sections,
        ..Outcome::default()
    }
}

/// Bytes and processor seconds of each peer in one small room, as the original draws them.
fn histograms(found: &BTreeMap<(Kind, usize), Vec<Sample>>) -> Vec<Section> {
    let (peers, nines) = SHOWN;
    let kinds = [Kind::Original(nines), Kind::Mutual(nines), Kind::Emergent, Kind::FullMesh];
    let shown: Vec<(Kind, BTreeMap<u16, u64>)> = kinds
        .into_iter()
        .filter_map(|kind| {
            let sample = found.get(&(kind, peers))?.first()?;
            let mut counts = BTreeMap::new();
            sample.sent.iter().for_each(|&sent| *counts.entry(sent).or_default() += 1);
            Some((kind, counts))
        })
        .collect();
    if shown.len() < kinds.len() {
        return vec![];
    }
    let section = |name, title: &'static str, unit, digits, value: &dyn Fn(u16) -> f64| {
        let mut table = Table::of(&["overlay", unit, "peers"]);
        let mut series = vec![];
        for (kind, counts) in &shown {
            for (&sent, &count) in counts {
                table.push(vec![
                    Value::text(kind.label()),
                    Value::Number(value(sent), digits),
                    Value::count(count),
                ]);
            }
            let points = counts.iter().map(|(&sent, &count)| (value(sent), count as f64)).collect();
            series.push(Series { label: kind.label(), points });
        }
        let (x, y) = (Axis::linear(unit), Axis::linear("peers"));
        let figure = Figure { name, title, x, y, form: Form::Bars, series };
        Section {
            name,
            title,
            words: "How many of 100 peers send how much for one broadcast, with 5 nines. In the full mesh the \
                 origin carries everything.",
            figures: vec![figure],
            table,
        }
    };
    vec![
        section("bytes-per-peer", "Bytes that each peer sends", "bytes", 0, &|sent| {
            (u64::from(sent) * MESSAGE_BYTES) as f64
        }),
        section("cpu-per-peer", "Processor time of each peer", "microseconds", 1, &|sent| {
            f64::from(sent) * MESSAGE_CPU_SECONDS * 1e6
        }),
    ]
}

fn findings(found: &BTreeMap<(Kind, usize), Vec<Sample>>) -> Vec<String> {
    let Some(&largest) = found.keys().map(|(_, peers)| peers).max() else { return vec![] };
    let line = |(kind, peers): &(Kind, usize), samples: &Vec<Sample>| {
        (*peers == largest).then(|| {
            format!(
                "{} at {peers} peers: {:.1} rounds, {:.2} messages for each peer, {:.3} s.",
                kind.label(),
                mean(samples, |sample| sample.rounds),
                mean(samples, |sample| sample.messages) / *peers as f64,
                mean(samples, |sample| sample.seconds),
            )
        })
    };
    found.iter().filter_map(|(key, samples)| line(key, samples)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    fn run(study: &PlaceStudy, threads: usize) -> Outcome {
        tried(study, 1, threads)
    }

    #[test]
    fn the_originals_numbers_come_out() {
        let study = PlaceStudy { peers: vec![100, 1000, 5000], ..PlaceStudy::default() };
        let outcome = run(&study, 1);
        let table = &outcome.section("sweep").expect("it is there").table;
        let row = |label: &str, peers: u64| {
            let wanted = |row: &&Vec<Value>| row[0] == Value::text(label) && row[1] == Value::Count(peers);
            let row = table.rows.iter().find(wanted).expect("it was studied");
            row[2..].iter().map(|value| value.plain().parse::<f64>().expect("numbers")).collect::<Vec<_>>()
        };
        // k, messages and time as the original's own program printed them.
        for (nines, peers, k, rounds, messages) in [
            (5, 1000, 19.0, 4.0, 19_000.0),
            (7, 1000, 24.0, 3.0, 24_000.0),
            (9, 1000, 28.0, 3.0, 28_000.0),
            (5, 5000, 21.0, 4.0, 105_000.0),
            (7, 5000, 25.0, 4.0, 125_000.0),
            (9, 5000, 30.0, 4.0, 150_000.0),
        ] {
            let found = row(&format!("original, {nines} nines"), peers);
            assert_eq!((found[0], found[2]), (k, messages), "{peers} peers, {nines} nines");
            assert!(
                (found[1] - rounds).abs() <= 0.34,
                "{found:?}: a round more or less in one of three graphs"
            );
            assert!((found[4] - found[1] * k / 1000.0).abs() < 0.01, "{found:?}");
        }
        assert_eq!(row("full mesh", 1000)[..5], [999.0, 1.0, 999.0, 1.0, 0.999]);
        assert!((0.9..1.1).contains(&row("emergent", 5000)[3]), "one copy for each peer");
        assert!(outcome.section("bytes-per-peer").is_some(), "histograms of 100 peers are drawn");
    }

    #[test]
    fn threads_change_nothing() {
        let study = PlaceStudy { peers: vec![100, 500], nines: vec![5], repetitions: 2 };
        assert_eq!(run(&study, 1).json(), run(&study, 2).json());
        assert_ne!(tried(&study, 2, 1).json(), run(&study, 1).json());
    }
}
