//! One in ten is hostile: it drops, lies, floods, or tries to surround others.

use serde::{Deserialize, Serialize};

use super::{ROUNDS_A_MINUTE, Run, ScenarioError, Study, lines, means, percent, within};
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Outcome, Section, Table};
use crate::reach::hops;
use crate::tree::{Delivery, Timing, Trees};
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

/// Broadcasts that are measured in each room.
const BROADCASTS: usize = 20;
/// Honest peers that the hostile try to surround.
const VICTIMS: usize = 10;
/// Refused batches after which a link ends, as the overlay's score has it.
const FAULTS_MAX: u64 = 8;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hostile {
    /// How many peers, 20 to 100,000.
    pub peers: usize,
    /// How many of a hundred are hostile, 1 to 50; each is studied.
    pub hostile_percent: Vec<u32>,
    /// How long they try to surround the others, 1 to 120 minutes.
    pub minutes: u32,
    /// How many rooms, 1 to 1000.
    pub seeds: u32,
}

impl Default for Hostile {
    fn default() -> Hostile {
        Hostile { peers: 1000, hostile_percent: vec![5, 10, 20, 30], minutes: 10, seeds: 3 }
    }
}

/// Of the honest, in percent where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    by_tree: f64,
    hearing: f64,
    beside_a_liar: f64,
    refused: f64,
    after_lies: f64,
    links_to_hostile: f64,
    flooders_most: f64,
    surrounded: f64,
    surrounded_without: f64,
    taken: f64,
    taken_without: f64,
}

impl Study for Hostile {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 20..=100_000)?;
        within("minutes", self.minutes, 1..=120)?;
        within("seeds", self.seeds, 1..=1000)?;
        within("the number of shares in hostile_percent", self.hostile_percent.len(), 1..=20)?;
        self.hostile_percent.iter().try_for_each(|&share| within("hostile_percent", share, 1..=50))
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let samples =
            run.rooms(&self.hostile_percent, self.seeds, |&share, room| self.room(share, run.seed, room));
        let table = means(
            "hostile %",
            &self.hostile_percent,
            &samples,
            &[
                ("they drop: hear by the tree %", 2, |sample| sample.by_tree),
                ("they drop: hear with grafts %", 2, |sample| sample.hearing),
                ("they lie: honest with a liar beside %", 2, |sample| sample.beside_a_liar),
                ("they lie: batches refused per honest peer", 2, |sample| sample.refused),
                ("they lie: hear once liars lost their links %", 2, |sample| sample.after_lies),
                ("they flood: links to them of an honest peer", 2, |sample| sample.links_to_hostile),
                ("they flood: most links to them", 2, |sample| sample.flooders_most),
                ("they surround: links of victims taken %", 2, |sample| sample.taken),
                ("they surround: victims surrounded %", 2, |sample| sample.surrounded),
                ("the same without pinning and spreading: taken %", 2, |sample| sample.taken_without),
                ("the same without: surrounded %", 2, |sample| sample.surrounded_without),
            ],
        );
        report(table)
    }
}

impl Hostile {
    fn room(&self, share: u32, seed: u64, room: u64) -> Sample {
        let rng = &mut generator(seed, [10, room, u64::from(share)]);
        let whole = Membership::grown(self.peers, Views::default(), 6, rng);
        let mut is_hostile = vec![false; self.peers];
        let mut order: Vec<u32> = (0..self.peers as u32).collect();
        chance::shuffle(rng, &mut order);
        let hostile = (self.peers * share as usize / 100).max(1);
        order[..hostile].iter().for_each(|&peer| is_hostile[peer as usize] = true);
        let honest = &order[hostile..];
        let mut sample = Sample::default();
        drop_all(&whole, &is_hostile, honest, &mut sample);
        lie(&whole, &is_hostile, honest, &mut sample);
        let beside = |peer: &u32| whole.of(*peer).iter().filter(|&&other| is_hostile[other as usize]).count();
        sample.links_to_hostile = honest.iter().map(beside).sum::<usize>() as f64 / honest.len() as f64;
        sample.flooders_most = honest.iter().map(beside).max().unwrap_or(0) as f64;
        (sample.taken, sample.surrounded) = self.surround(&whole, &is_hostile, honest, true, seed);
        (sample.taken_without, sample.surrounded_without) =
            self.surround(&whole, &is_hostile, honest, false, seed);
        sample
    }

    /// Hostile peers lead all walks to their own and claim every place beside some victims, for some minutes.
    fn surround(
        &self,
        whole: &Membership,
        is_hostile: &[bool],
        honest: &[u32],
        spreads: bool,
        seed: u64,
    ) -> (f64, f64) {
        let rng = &mut generator(seed, [11, u64::from(spreads), honest.len() as u64]);
        let mut room = whole.clone();
        room.set_views(Views { spreads, ..Views::default() });
        let victims = &honest[..VICTIMS.min(honest.len())];
        room.set_hostile(is_hostile, victims);
        for _ in 0..self.minutes * ROUNDS_A_MINUTE {
            room.round(true, rng);
        }
        let taken =
            |peer: u32| room.of(peer).iter().filter(|&&other| is_hostile[other as usize]).count() as u64;
        let links: u64 = victims.iter().map(|&peer| room.of(peer).len() as u64).sum();
        let surrounded = victims.iter().filter(|&&peer| taken(peer) == room.of(peer).len() as u64).count();
        (
            percent(victims.iter().map(|&peer| taken(peer)).sum(), links),
            percent(surrounded as u64, victims.len() as u64),
        )
    }
}

/// They take what comes and pass nothing on.
fn drop_all(whole: &Membership, is_hostile: &[bool], honest: &[u32], sample: &mut Sample) {
    let graph = whole.graph();
    let latency = Latency::Uniform(20_000);
    let timing = Timing::of(&latency);
    let mut trees = Trees::new(&graph);
    let mut delivery = Delivery::default();
    trees.has_grafts = false;
    trees.broadcast(0, honest[0], &timing, |_| true, &mut delivery);
    for number in 0..BROADCASTS {
        let author = honest[number % honest.len()];
        let is_honest = |peer: u32| !is_hostile[peer as usize];
        let mut tree = trees.clone();
        tree.broadcast(0, author, &timing, is_honest, &mut delivery);
        sample.by_tree += percent(delivery.reached as u64, honest.len() as u64) / BROADCASTS as f64;
        let with_grafts = hops(&graph, author, is_honest).reached;
        sample.hearing += percent(with_grafts as u64, honest.len() as u64) / BROADCASTS as f64;
    }
}

/// They change what they pass on: nobody believes it, and after some refusals the link ends.
fn lie(whole: &Membership, is_hostile: &[bool], honest: &[u32], sample: &mut Sample) {
    let mut room = whole.clone();
    let (mut refused, mut beside) = (0, 0);
    for &peer in honest {
        let liars: Vec<u32> =
            room.of(peer).iter().copied().filter(|&other| is_hostile[other as usize]).collect();
        beside += u64::from(!liars.is_empty());
        for liar in liars {
            refused += FAULTS_MAX;
            room.unlink(peer, liar);
        }
    }
    let count = honest.len() as u64;
    sample.beside_a_liar = percent(beside, count);
    sample.refused = refused as f64 / count as f64;
    sample.after_lies = percent(room.hearing_within(|peer| !is_hostile[peer as usize]) as u64, count);
}

fn report(table: Table) -> Outcome {
    let line = |label: &str, column: usize| table.series(label, "hostile %", table.columns[column]);
    let figure = lines(
        "hostile",
        "What hostile peers come to",
        Axis::linear("hostile, % of all"),
        Axis::linear("% of the honest, or of their links"),
        vec![
            line("they drop: hear by the tree", 1),
            line("they drop: hear with grafts", 2),
            line("links that they take", 8),
            line("links taken without the rules", 10),
            line("surrounded", 9),
            line("surrounded without the rules", 11),
        ],
    );
    let findings = table.rows.iter().map(|row| {
        format!(
            "{} % hostile: dropping leaves {} % of the honest who hear with grafts; {} % of victims are surrounded, \
             {} % without pinning and spreading.",
            row[0].plain(),
            row[2].plain(),
            row[9].plain(),
            row[11].plain()
        )
    });
    Outcome {
        title: "Some are hostile",
        findings: findings.collect(),
        modelled: vec![
            "Drop: hostile peers take messages and pass nothing on, nor answer grafts.",
            "Lie: what they pass on is refused for its signature; after eight refusals a link ends.",
            "Flood: what reaches an honest peer is what its links to hostile peers may carry, so these are counted; nothing \
             invalid is passed on.",
            "Surround: hostile peers choose ten victims, whom they can reach at will, and every round claim places beside \
             them; they lead every walk to their own and name only their own.",
        ],
        not_modelled: vec![
            "New identities for those who lost their links: keys cost nothing, links through neighbours do.",
            "What a peer could do against claims from many strangers: here it drops its younger links for them, as it would \
             for anybody poor. Only the oldest it keeps, and the other end of those may drop them.",
        ],
        sections: vec![Section {
            name: "hostile",
            title: "Four ways to be hostile",
            words: "Each way by itself. A peer is surrounded when all its links lead to hostile peers. The last columns are the \
                    overlay with its rules against that taken away.",
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
    fn hostile_tenth_stops_nobody_and_rules_limit_surrounding() {
        let study = Hostile { peers: 400, hostile_percent: vec![10], seeds: 2, ..Hostile::default() };
        let run = |threads| tried(&study, 1, threads);
        let outcome = run(2);
        let table = &outcome.section("hostile").expect("it is there").table;
        let value = |column: usize| table.numbers(table.columns[column])[0];
        assert!(value(2) == 100.0 && value(1) < 90.0, "grafts go round who drops: {}", table.csv());
        assert_eq!(value(5), 100.0, "liars lose their links: {}", table.csv());
        assert!(value(9) < value(11) && value(8) < value(10), "rules hold: {}", table.csv());
        assert_eq!(outcome, run(1));
    }
}
