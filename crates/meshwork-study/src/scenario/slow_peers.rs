//! Some peers are slow: what the others notice of it.

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, lines, means, settled, within};
use crate::membership::Views;
use crate::outcome::{Axis, Outcome, Section, Table};
use crate::tree::{Delivery, NEVER, Timing, Trees, flood};
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::{Latency, percentile};

/// Broadcasts that are measured in each room.
const BROADCASTS: usize = 50;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlowPeers {
    /// How many peers, 10 to 100,000.
    pub peers: usize,
    /// How many of a hundred are slow, 0 to 90; each is studied.
    pub slow_percent: Vec<u32>,
    /// What a slow access adds to every message, one way, in milliseconds, 1 to 5000.
    pub slow_by_ms: u32,
    /// How many rooms, 1 to 1000.
    pub seeds: u32,
}

impl Default for SlowPeers {
    fn default() -> SlowPeers {
        SlowPeers { peers: 1000, slow_percent: vec![0, 5, 10, 20, 30, 50], slow_by_ms: 300, seeds: 3 }
    }
}

/// Milliseconds of the quick peers.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    blind_p99: f64,
    tree_p99: f64,
    flood_p99: f64,
    /// Copies that a slow peer passes on, against a quick one.
    slow_work: f64,
}

impl Study for SlowPeers {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=100_000)?;
        within("slow_by_ms", self.slow_by_ms, 1..=5000)?;
        within("seeds", self.seeds, 1..=1000)?;
        within("the number of shares in slow_percent", self.slow_percent.len(), 1..=20)?;
        self.slow_percent.iter().try_for_each(|&slow| within("slow_percent", slow, 0..=90))
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let samples =
            run.rooms(&self.slow_percent, self.seeds, |&share, room| self.room(share, run.seed, room));
        let table = means(
            "slow %",
            &self.slow_percent,
            &samples,
            &[
                ("p99 ms, tree that knows no times", 0, |sample| sample.blind_p99),
                ("p99 ms, tree of the fastest ways", 0, |sample| sample.tree_p99),
                ("p99 ms, flooding", 0, |sample| sample.flood_p99),
                ("work of a slow peer against a quick one", 2, |sample| sample.slow_work),
            ],
        );
        report(table)
    }
}

impl SlowPeers {
    fn room(&self, slow_percent: u32, seed: u64, room: u64) -> Sample {
        let rng = &mut generator(seed, [8, room, u64::from(slow_percent)]);
        let mut latency = Latency::regions(self.peers, rng);
        let mut order: Vec<u32> = (0..self.peers as u32).collect();
        chance::shuffle(rng, &mut order);
        let (slow, quick) = order.split_at(self.peers * slow_percent as usize / 100);
        let mut is_slow = vec![false; self.peers];
        for &peer in slow {
            is_slow[peer as usize] = true;
            latency.slow_down(peer, 1000 * self.slow_by_ms);
        }
        let graph = settled(self.peers, Views::default(), 2, &latency, rng).graph();
        let timing = Timing::of(&latency);
        let even = Latency::Uniform(10_000);
        let mut delivery = Delivery::default();
        let mut trees = Trees::new(&graph);
        trees.has_grafts = false;
        // The first tree is grown by the times that there are, the second as if everybody were equally far.
        trees.broadcast(0, quick[0], &timing, |_| true, &mut delivery);
        trees.broadcast(1, quick[0], &Timing::of(&even), |_| true, &mut delivery);
        let mut times = [vec![], vec![], vec![]];
        let mut work = [0u64; 2];
        for number in 0..BROADCASTS {
            let author = quick[number % quick.len()];
            for (way, times) in times.iter_mut().enumerate() {
                match way {
                    2 => flood(&graph, author, &timing, |_| true, &mut delivery),
                    tree => trees.broadcast(tree, author, &timing, |_| true, &mut delivery),
                }
                times.extend(quick.iter().map(|&peer| delivery.at[peer as usize]).filter(|&at| at != NEVER));
                if way == 0 {
                    for (&sent, &is_slow) in delivery.sent.iter().zip(&is_slow) {
                        work[usize::from(is_slow)] += u64::from(sent);
                    }
                }
            }
        }
        let each = |work: u64, peers: usize| work as f64 / peers.max(1) as f64;
        let [tree_p99, blind_p99, flood_p99] =
            times.map(|mut times| f64::from(percentile(&mut times, 990)) / 1000.0);
        let slow_work = each(work[1], slow.len()) / each(work[0], quick.len()).max(f64::MIN_POSITIVE);
        Sample { blind_p99, tree_p99, flood_p99, slow_work }
    }
}

fn report(table: Table) -> Outcome {
    let line = |label: &str, column: &str| table.series(label, "slow %", column);
    let figure = lines(
        "slow-peers",
        "When 99 % of the quick have it",
        Axis::linear("slow peers, % of all"),
        Axis::linear("milliseconds"),
        vec![
            line("tree that knows no times", "p99 ms, tree that knows no times"),
            line("tree of the fastest ways", "p99 ms, tree of the fastest ways"),
            line("flooding", "p99 ms, flooding"),
        ],
    );
    let findings = table.rows.last().map(|row| {
        format!(
            "With {} % slow peers the quick have 99 % of broadcasts within {} ms; over a tree that knew no times it would be \
             {} ms.",
            row[0].plain(),
            row[2].plain(),
            row[1].plain()
        )
    });
    Outcome {
        title: "Some are slow",
        findings: findings.into_iter().collect(),
        modelled: vec![
            "A slow peer's access adds to every message that it gets or sends. Five regions; two minutes in which neighbours \
             come nearer.",
            "The tree of the fastest ways is what the first broadcast leaves: slow peers become its leaves by themselves.",
            "Measured at the quick peers only, for broadcasts of quick authors over one tree.",
        ],
        not_modelled: vec![
            "Queues of a peer whose access is full.",
            "Grafts, which would shorten the blind tree in time.",
        ],
        sections: vec![Section {
            name: "slow-peers",
            title: "What the quick notice",
            words: "Work says how many copies a slow peer passes on for each that a quick one does.",
            figures: vec![figure],
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
    fn slow_peers_become_leaves() {
        let study = SlowPeers { peers: 400, slow_percent: vec![0, 20], seeds: 1, ..SlowPeers::default() };
        let outcome = tried(&study, 1, 1);
        let table = &outcome.section("slow-peers").expect("it is there").table;
        let [blind, tree, work] = [1, 2, 4].map(|column| table.numbers(table.columns[column]));
        assert!(tree[1] < 0.7 * blind[1] && tree[1] < 1.5 * tree[0] && work[1] < 0.3, "{}", table.csv());
    }
}
