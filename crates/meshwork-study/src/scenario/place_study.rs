//! Place's own study of k-gossip, with its model and constants, and Meshwork's overlays under the same model.
//!
//! The model: each peer sends to k others drawn at random (it need not hear from them), a message takes 1 ms, sent one
//! after another, so that a broadcast of r rounds takes r times k ms. A message has 1024 bytes and costs 1000 cycles of
//! a processor of 2 GHz. In the full mesh the origin sends to everybody by itself.

use std::collections::BTreeMap;

use meshwork_core::overlay::size::{NINES_MAX, compute_k, mutual_k};

use super::{Parameter, Run, Scenario, Study, mean};
use crate::PEERS_MAX;
use crate::adjacency::Adjacency;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Chart, Column, Form, Lines, Section, Table, Value};
use crate::reach::hops;
use crate::tree::{Delivery, NEVER, Timing, Trees};
use meshwork_sim::chance::generator;
use meshwork_sim::latency::Latency;

/// Microseconds that a message takes.
const MESSAGE_MICROS: u32 = 1000;
/// Bytes of a message.
const MESSAGE_BYTES: f64 = 1024.0;
/// Microseconds that a processor of 2 GHz works for a message of 1000 cycles.
const MESSAGE_CPU_MICROS: f64 = 0.5;
/// The size and the nines of the histograms.
const SHOWN: (usize, u8) = (100, 5);
/// Rounds of upkeep that the emergent overlay has had when it is measured.
const UPKEEP: usize = 3;

pub(super) static STUDY: Study = Study {
    name: "place-study",
    about: "rounds, messages and time against the number of peers, as Place's own study has it, and ours beside it",
    title: "Place's own study, and our overlays beside it",
    modelled: &[
        "The original's graph: k receivers of each peer, drawn at random and directed; k = ln N + nines * ln 10, \
         rounded up; the origin is peer 0; every peer that hears sends k messages once.",
        "Ours: k-gossip as a random graph in which everybody has the k mutual links of docs/decisions/0024-overlays.md, \
         flooded; the emergent overlay grown by its own steps of membership, over one tree.",
        "1 ms, 1024 bytes and 1000 cycles at 2 GHz for each message, sent one after another.",
    ],
    not_modelled: &[
        "Distance, loss and bandwidth: every message takes the same time.",
        "Words that announce messages over lazy links, which are small; the scenario cost counts them.",
        "Peers that fail: the scenario catastrophe has them.",
    ],
    parameters: &[
        Parameter::list("peers", &[100, 1000, 5000, 10_000, 25_000, 50_000], 2..=PEERS_MAX as u64),
        Parameter::list("nines", &[5, 7, 9], 1..=NINES_MAX as u64),
        Parameter::number("repetitions", 3, 1..=1000),
    ],
    finding: "{overlay} at {peers} peers: {rounds} rounds, {messages per peer} messages for each peer, {time s} s.",
    run,
};

/// Which overlay is studied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Original(u8),
    Mutual(u8),
    Emergent,
    FullMesh,
}

impl Kind {
    fn nines(self) -> Option<u8> {
        match self {
            Kind::Original(nines) | Kind::Mutual(nines) => Some(nines),
            Kind::Emergent | Kind::FullMesh => None,
        }
    }

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
#[derive(Clone, Debug)]
struct Sample {
    peers: usize,
    k: f64,
    rounds: f64,
    messages: f64,
    seconds: f64,
    reached: usize,
    /// Copies that each peer sent.
    sent: Vec<u16>,
}

const COLUMNS: &[Column<Sample>] = &[
    ("links or k", 1, |samples| mean(samples, |sample| sample.k)),
    ("rounds", 2, |samples| mean(samples, |sample| sample.rounds)),
    ("messages", 0, |samples| mean(samples, |sample| sample.messages)),
    ("messages per peer", 2, |samples| mean(samples, |sample| sample.messages / sample.peers as f64)),
    ("time s", 4, |samples| mean(samples, |sample| sample.seconds)),
    ("reached %", 3, |samples| mean(samples, |sample| 100.0 * sample.reached as f64 / sample.peers as f64)),
];

const CHARTS: [Chart; 4] = [
    chart("rounds", "Rounds until everybody has heard", "rounds", Axis::linear("rounds")),
    chart("messages", "Messages of one broadcast", "messages", Axis::logarithmic("messages")),
    chart("time", "Time until everybody has heard", "time s", Axis::logarithmic("seconds")),
    chart("k", "Links that a peer needs", "links or k", Axis::logarithmic("k or links")),
];

const fn chart(name: &'static str, title: &'static str, column: &'static str, y: Axis) -> Chart {
    let x = ("peers", Axis::logarithmic("peers"));
    Chart { name, title, x, y, form: Form::Lines, lines: Lines::Each(column) }
}

fn run(scenario: &Scenario, run: Run<'_>) -> Vec<Section> {
    let nines = scenario.numbers("nines").into_iter().map(|nines| nines as u8);
    let gossip = nines.flat_map(|nines| [Kind::Original(nines), Kind::Mutual(nines)]);
    let kinds: Vec<Kind> = gossip.chain([Kind::Emergent, Kind::FullMesh]).collect();
    let sizes = scenario.numbers("peers").into_iter();
    let cases: Vec<(usize, Kind)> =
        sizes.flat_map(|peers| kinds.iter().map(move |kind| (peers, *kind))).collect();
    let samples = run.rooms(&cases, scenario.number("repetitions"), |&(peers, kind), repetition| {
        measure(peers, kind, run.seed, repetition)
    });
    let key = |&(peers, kind): &(usize, Kind)| vec![Value::text(kind.label()), Value::count(peers)];
    let table = Table::of(&["overlay", "peers"], COLUMNS, cases.iter().map(key).zip(&samples));
    let sweep = Section {
        name: "sweep",
        title: "Against the number of peers",
        words: "Rounds are the hops of the last who hears. The original's time is rounds times k milliseconds; ours is \
                when the last peer has it, each copy sent 1 ms after the one before. The emergent overlay is measured \
                after one broadcast, when its tree has grown.",
        figures: CHARTS.iter().map(|chart| table.figure(chart)).collect(),
        table,
    };
    let shown: Vec<(Kind, &Sample)> = cases
        .iter()
        .zip(&samples)
        .filter(|((peers, kind), _)| *peers == SHOWN.0 && kind.nines().is_none_or(|nines| nines == SHOWN.1))
        .filter_map(|((_, kind), samples)| Some((*kind, samples.first()?)))
        .collect();
    // Without the original there is nothing to compare with.
    if shown.len() < 4 {
        return vec![sweep];
    }
    vec![
        sweep,
        histogram(&shown, "bytes-per-peer", "Bytes that each peer sends", ("bytes", 0), MESSAGE_BYTES),
        histogram(
            &shown,
            "cpu-per-peer",
            "Processor time of each peer",
            ("microseconds", 1),
            MESSAGE_CPU_MICROS,
        ),
    ]
}

fn measure(peers: usize, kind: Kind, seed: u64, repetition: u64) -> Sample {
    let label = match kind {
        Kind::Original(nines) => nines.into(),
        Kind::Mutual(nines) => 100 + u64::from(nines),
        Kind::Emergent => 200,
        Kind::FullMesh => 300,
    };
    let mut rng = generator(seed, [label, peers as u64, repetition]);
    match kind {
        Kind::Original(nines) => {
            let k = compute_k(peers, Some(nines));
            let graph = Adjacency::random_out(peers, k, &mut rng);
            let heard = hops(&graph, 0, |_| true);
            let rounds = f64::from(heard.most);
            Sample {
                peers,
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
            Sample { peers, k: others, rounds: 1.0, messages: others, seconds, reached: peers, sent }
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
        peers: graph.peers(),
        k: graph.arcs() as f64 / graph.peers() as f64,
        rounds: f64::from(delivery.most_hops()),
        messages: delivery.copies as f64,
        seconds: f64::from(last) / 1e6,
        reached: delivery.reached,
        sent: delivery.sent,
    }
}

/// What the peers of one small room send, where a message counts as `each`, as the original draws it.
fn histogram(
    shown: &[(Kind, &Sample)],
    name: &'static str,
    title: &'static str,
    (unit, digits): (&'static str, u8),
    each: f64,
) -> Section {
    let rows = shown.iter().flat_map(|(kind, sample)| {
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        sample.sent.iter().for_each(|&sent| *counts.entry(sent).or_default() += 1);
        let row = |(sent, count): (u16, usize)| {
            vec![
                Value::text(kind.label()),
                Value::Number(f64::from(sent) * each, digits),
                Value::count(count),
            ]
        };
        counts.into_iter().map(row).collect::<Vec<_>>()
    });
    let table = Table { columns: vec!["overlay", unit, "peers"], rows: rows.collect() };
    let (x, y) = ((unit, Axis::linear(unit)), Axis::linear("peers"));
    let chart = Chart { name, title, x, y, form: Form::Bars, lines: Lines::Each("peers") };
    Section {
        name,
        title,
        words: "How many of 100 peers send how much for one broadcast, with 5 nines. In the full mesh the origin carries \
                everything.",
        figures: vec![table.figure(&chart)],
        table,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use crate::outcome::Value;

    const STUDY: &str = "scenario = \"place-study\"";

    #[test]
    fn the_originals_numbers_come_out() {
        let outcome = tried(&format!("{STUDY}\npeers = [100, 1000, 5000]"), 1, 1);
        let table = &outcome.section("sweep").expect("it is there").table;
        let row = |label: &str, peers: usize| {
            let wanted = |row: &&Vec<Value>| row[0] == Value::text(label) && row[1] == Value::count(peers);
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
        let study = format!("{STUDY}\npeers = [100, 500]\nnines = [5]\nrepetitions = 2");
        let run = |seed, threads| tried(&study, seed, threads).json();
        assert_eq!(run(1, 1), run(1, 2));
        assert_ne!(run(2, 1), run(1, 1));
    }
}
