//! A counter and a document are changed in a room of real nodes: how long that takes to every other endpoint.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, lines, percent, within};
use crate::outcome::{Axis, Figure, Outcome, Section, Series, Table, Value};
use crate::workers::in_order;
use meshwork_sim::check::Violation;
use meshwork_sim::latency::percentile;
use meshwork_sim::path::PathModel;
use meshwork_sim::spread::{self, Delays, Plan, Report};

/// The networks of the original's load test: latency drawn evenly between mean less and mean plus deviation, and loss.
/// What an access can send is the simulator's for a network of that name.
const NETWORKS: [PathModel; 4] = [
    network(PathModel::LOCAL, 1000, 500, 0),
    network(PathModel::LAN, 5000, 2000, 1),
    network(PathModel::WAN, 50_000, 20_000, 10),
    network(PathModel::MOBILE, 100_000, 50_000, 50),
];

const fn network(like: PathModel, mean_micros: u64, deviation_micros: u64, loss_per_mille: u64) -> PathModel {
    PathModel {
        latency: Duration::from_micros(mean_micros - deviation_micros),
        jitter: Duration::from_micros(2 * deviation_micros),
        loss_per_mille,
        repeat_per_mille: 0,
        overtake_per_mille: 0,
        ..like
    }
}

/// What is changed, in the order of the table.
const KINDS: [&str; 2] = ["counter", "document"];
/// Between two changes of a kind.
const PAUSE: Duration = Duration::from_millis(250);
/// Changes that give the trees their shape before anything is measured.
const WARM_UP: usize = 25;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spread {
    /// How many endpoints, 2 to 2000; each is studied. A thousand take minutes.
    pub peers: Vec<usize>,
    /// In which networks: local, lan, wan, mobile; each is studied.
    pub networks: Vec<String>,
    /// How often the counter is raised, and the document changed, 1 to 1000, by endpoints drawn at random.
    pub changes: usize,
}

impl Default for Spread {
    fn default() -> Spread {
        let networks = NETWORKS.iter().map(|path| path.name.to_owned()).collect();
        Spread { peers: vec![100], networks, changes: 40 }
    }
}

fn named(name: &str) -> Option<PathModel> {
    NETWORKS.into_iter().find(|path| path.name == name)
}

impl Study for Spread {
    fn check(&self) -> Result<(), ScenarioError> {
        within("the number of sizes in peers", self.peers.len(), 1..=10)?;
        within("the number of networks", self.networks.len(), 1..=NETWORKS.len())?;
        within("changes", self.changes, 1..=1000)?;
        self.peers.iter().try_for_each(|&peers| within("peers", peers, 2..=2000))?;
        match self.networks.iter().find(|name| named(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(ScenarioError::Range {
                name: "networks",
                value: name.clone(),
                legal: NETWORKS.map(|path| path.name).join(", "),
            }),
        }
    }

    fn set_peers(&mut self, peers: usize) -> bool {
        self.peers = vec![peers];
        true
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (None, None)
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let networks = || self.networks.iter().filter_map(|name| named(name));
        let cases: Vec<(usize, PathModel)> =
            self.peers.iter().flat_map(|&peers| networks().map(move |path| (peers, path))).collect();
        let reports = in_order(run.threads, cases.len(), run.progress, |task| {
            let (peers, path) = cases[task];
            let (changes, warm_up) = (self.changes, WARM_UP);
            spread::run(&Plan { seed: run.seed, peers, path, warm_up, changes, pause: PAUSE })
        });
        outcome(&cases, &reports)
    }
}

fn outcome(cases: &[(usize, PathModel)], reports: &[Result<Report, Violation>]) -> Outcome {
    let mut table = Table::of(&[
        "endpoints",
        "network",
        "changed",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "last ms",
        "heard %",
        "equal at the end",
        "equal after ms",
    ]);
    let mut findings = vec![];
    for ((peers, path), report) in cases.iter().zip(reports) {
        let report = match report {
            Ok(report) => report,
            Err(violation) => {
                findings
                    .push(format!("{peers} endpoints, {}: nothing was measured, {violation}.", path.name));
                continue;
            }
        };
        for (kind, delays) in KINDS.iter().zip([&report.counter, &report.document]) {
            table.push(row(*peers, path.name, kind, delays, report));
        }
        findings.push(finding(*peers, path, report));
    }
    let most = cases.iter().map(|(peers, _)| *peers).max().unwrap_or(0);
    Outcome {
        title: "How long a change takes to everybody",
        findings,
        modelled: vec![
            "Real nodes with their signatures, on the simulator's network: an open room of Sync that all come to by one server, \
             100 a second, in the overlay that it takes by itself.",
            "Every path has one network's latency, drawn evenly within its deviation for each message, and its loss; what is lost \
             of a reliable channel comes after another round trip and 200 ms, and what was sent behind it waits. These are the \
             four models of the original's load test.",
            "From the moment of the write until the program of each other endpoint is told of it: the row of the counter's \
             share, or the update that shows the word. 25 changes of each kind shape the broadcast trees before.",
        ],
        not_modelled: vec![
            "The time that programs take to compute: a node answers at once.",
            "Endpoints that come and go while it is measured: cargo xtask sim has them.",
        ],
        sections: vec![Section {
            name: "sync",
            title: "From the write to every other endpoint",
            words: "Everybody is equal where all have the number that all steps make, and one text with every word. How soon \
                    they were is counted from the last change, and looked at every 10 ms.",
            figures: vec![
                figure("counter", "A step of the counter", most, cases, reports, |report| &report.counter),
                figure("document", "A word in the document", most, cases, reports, |report| &report.document),
            ],
            table,
        }],
        ..Outcome::default()
    }
}

/// Below how many milliseconds so many of a thousand lie.
fn below_ms(delays: &Delays, per_mille: usize) -> f64 {
    f64::from(percentile(&mut delays.micros.clone(), per_mille)) / 1000.0
}

fn row(peers: usize, network: &str, kind: &str, delays: &Delays, report: &Report) -> Vec<Value> {
    let heard = delays.micros.len() as u64;
    let after = report.equal_after.map(|after| Value::Number(after.as_secs_f64() * 1000.0, 0));
    let mut row = vec![Value::count(peers), Value::text(network), Value::text(kind)];
    row.extend([500, 950, 990, 1000].map(|per_mille| Value::Number(below_ms(delays, per_mille), 1)));
    row.push(Value::Number(percent(heard, heard + delays.missed), 2));
    row.push(Value::text(if report.equal_after.is_some() { "yes" } else { "no" }));
    row.push(after.unwrap_or(Value::Nothing));
    row
}

fn finding(peers: usize, path: &PathModel, report: &Report) -> String {
    let words = |delays| {
        let [half, most, nearly] = [500, 950, 990].map(|per_mille| below_ms(delays, per_mille));
        format!("{half:.1}, {most:.1} and {nearly:.1} ms")
    };
    let equal =
        if report.equal_after.is_some() { "all were equal in the end" } else { "not all became equal" };
    format!(
        "{peers} endpoints, {}: half, 95 % and 99 % of the others saw the counter after {}, the document after {}; {equal}.",
        path.name,
        words(&report.counter),
        words(&report.document),
    )
}

/// Which share of the others of the largest room has a change after how long, in each network.
fn figure(
    name: &'static str,
    title: &'static str,
    most: usize,
    cases: &[(usize, PathModel)],
    reports: &[Result<Report, Violation>],
    delays: fn(&Report) -> &Delays,
) -> Figure {
    let of_largest = cases.iter().zip(reports).filter(|((peers, _), _)| *peers == most);
    let line = |((_, path), report): (&(usize, PathModel), &Result<Report, Violation>)| {
        let delays = delays(report.as_ref().ok()?);
        let point = |share: usize| (below_ms(delays, 10 * share), share as f64);
        let shares = (1..20).map(|twentieth| 5 * twentieth).chain([99, 100]);
        Some(Series { label: path.name.to_owned(), points: shares.map(point).collect() })
    };
    let series = of_largest.filter_map(line).collect();
    lines(name, title, Axis::logarithmic("milliseconds"), Axis::linear("% of the others"), series)
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use super::*;

    #[test]
    fn everybody_is_equal_in_every_network() {
        let study = Spread { peers: vec![20], changes: 6, ..Spread::default() };
        let outcome = tried(&study, 1, 2);
        let table = &outcome.section("sync").expect("it is there").table;
        assert_eq!(table.rows.len(), 8, "{}", table.csv());
        assert!(table.rows.iter().all(|row| row[8] == Value::text("yes")), "{}", table.csv());
        assert!(table.numbers("heard %").iter().all(|heard| *heard == 100.0), "{}", table.csv());
        for ([half, last], path) in table
            .numbers("p50 ms")
            .into_iter()
            .zip(table.numbers("last ms"))
            .map(|(half, last)| [half, last])
            .zip(NETWORKS.iter().flat_map(|path| [path, path]))
        {
            let least = path.latency.as_secs_f64() * 1000.0;
            assert!(least <= half && half <= last, "{}", table.csv());
        }
        assert_eq!(outcome, tried(&study, 1, 1), "threads change nothing");
    }

    #[test]
    fn networks_are_the_originals() {
        let seen = NETWORKS.map(|path| {
            let (least, more) = (path.latency.as_micros(), path.jitter.as_micros());
            (least + more / 2, more / 2, path.loss_per_mille)
        });
        assert_eq!(seen, [(1000, 500, 0), (5000, 2000, 1), (50_000, 20_000, 10), (100_000, 50_000, 50)]);
        let unknown = Spread { networks: vec![String::from("moon")], ..Spread::default() };
        assert!(unknown.check().expect_err("there is none").to_string().contains("local, lan, wan, mobile"));
    }
}
