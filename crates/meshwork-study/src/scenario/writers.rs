//! One, some or all peers write: copies, delivery against flooding, and how evenly the work is spread.

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, lines, settled, within};
use crate::choice::{Choice, Picker};
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Figure, Outcome, Section, Series, Table, Value};
use crate::tree::{Delivery, NEVER, TREES_MAX, Timing, Trees, flood};
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::{Latency, percentile};

const MODELLED: &[&str] = &[
    "Five regions; neighbours swapped for nearer ones for some minutes, a few far links kept.",
    "Trees as Plumtree grows them, with announcements over lazy links and grafts a round trip and 120 to 180 ms after an \
                 announcement that no copy followed.",
    "The nearest tree is the one whose root a broadcast reaches from the author soonest, as hop counts and \
                 times in messages would tell it.",
];

const NOT_MODELLED: &[&str] = &[
    "Loss, and links that are full: the scenario viewers has them.",
    "Peers that come and go while it is measured.",
];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Writers {
    /// How many peers, 10 to 100,000.
    pub peers: usize,
    /// How many of them write; each is studied.
    pub writers: Vec<usize>,
    /// How many trees lie over the links, 1 to 8; each is studied.
    pub trees: Vec<usize>,
    /// Broadcasts that the trees have carried before anything is measured, 0 to 10,000.
    pub warm_up: usize,
    /// Broadcasts that are measured for each room, 1 to 100,000; writers take turns.
    pub broadcasts: usize,
    /// Minutes in which neighbours came nearer to each other before, 0 to 60.
    pub minutes: u32,
    /// How many rooms, 1 to 1000.
    pub seeds: u32,
}

impl Default for Writers {
    fn default() -> Writers {
        Writers {
            peers: 1000,
            writers: vec![1, 32, 1000],
            trees: vec![1, 4, 8],
            warm_up: 50,
            broadcasts: 1000,
            minutes: 10,
            seeds: 3,
        }
    }
}

/// One kind of traffic in one room.
#[derive(Clone, Debug, Default)]
struct Sample {
    copies: f64,
    words: f64,
    p50: f64,
    p99: f64,
    flood_p99: f64,
    load_max: f64,
    missed: u64,
}

/// One room: the round trips between neighbours, drawn at random and after swaps, and all kinds of traffic.
struct Room {
    random_rtt: u32,
    near_rtt: u32,
    samples: Vec<Sample>,
}

impl Study for Writers {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=100_000)?;
        within("warm_up", self.warm_up, 0..=10_000)?;
        within("broadcasts", self.broadcasts, 1..=100_000)?;
        within("minutes", self.minutes, 0..=60)?;
        within("seeds", self.seeds, 1..=1000)?;
        within("the number of counts in writers", self.writers.len(), 1..=10)?;
        within("the number of counts in trees", self.trees.len(), 1..=8)?;
        self.trees.iter().try_for_each(|&trees| within("trees", trees, 1..=TREES_MAX))?;
        self.writers.iter().try_for_each(|&writers| within("writers", writers, 1..=self.peers))
    }

    fn set_peers(&mut self, peers: usize) -> bool {
        self.peers = peers;
        self.writers.iter_mut().for_each(|writers| *writers = (*writers).min(peers));
        self.writers.dedup();
        true
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (None, Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rooms =
            run.rooms(&[()], self.seeds, |(), room| self.room(run.seed, room, &self.kinds())).remove(0);
        self.report(&rooms)
    }
}

impl Writers {
    fn kinds(&self) -> Vec<(usize, usize, Choice)> {
        let mut kinds = vec![];
        for &writers in &self.writers {
            for &trees in &self.trees {
                let choices = if trees > 1 { ALL.as_slice() } else { &[Choice::Named] };
                kinds.extend(choices.iter().map(|&choice| (writers, trees, choice)));
            }
        }
        kinds
    }

    fn room(&self, seed: u64, room: u64, kinds: &[(usize, usize, Choice)]) -> Room {
        let rng = &mut generator(seed, [2, room, 0]);
        let latency = Latency::regions(self.peers, rng);
        let random = Membership::grown(self.peers, Views::default(), 3, rng);
        let near = settled(self.peers, Views::default(), self.minutes, &latency, rng);
        let graph = near.graph();
        let timing = Timing::of(&latency);
        let samples = kinds.iter().map(|&(writers, trees, choice)| {
            let rng = &mut generator(seed, [2, room, (writers * 16 + trees) as u64]);
            let mut order: Vec<u32> = (0..self.peers as u32).collect();
            chance::shuffle(rng, &mut order);
            let picker = Picker::new(choice, trees, self.peers, generator(seed, [2, room, 1]));
            self.traffic(&order[..writers], picker, trees, Trees::new(&graph), &timing)
        });
        Room {
            samples: samples.collect(),
            random_rtt: median_rtt(&random, &latency),
            near_rtt: median_rtt(&near, &latency),
        }
    }

    fn traffic(
        &self,
        authors: &[u32],
        mut picker: Picker,
        trees: usize,
        mut overlay: Trees<'_>,
        timing: &Timing<'_>,
    ) -> Sample {
        let writers = authors.len();
        let mut delivery = Delivery::default();
        for number in 0..self.warm_up.max(trees) {
            let author = authors[number % writers];
            // Each tree has a first broadcast, whose author is its root.
            let tree = if number < trees { number } else { picker.pick(author) };
            overlay.broadcast(tree, author, timing, |_| true, &mut delivery);
            picker.note(tree, number < trees, &delivery);
        }
        let mut sample = Sample::default();
        let mut sent = vec![0u64; self.peers];
        let (mut times, mut flooded) = (vec![], vec![]);
        for number in 0..self.broadcasts {
            let author = authors[number % writers];
            let tree = picker.pick(author);
            overlay.broadcast(tree, author, timing, |_| true, &mut delivery);
            picker.note(tree, false, &delivery);
            sample.copies += delivery.copies as f64;
            sample.words += delivery.words as f64;
            sample.missed += (self.peers - delivery.reached) as u64;
            sent.iter_mut().zip(&delivery.sent).for_each(|(sum, sent)| *sum += u64::from(*sent));
            times.extend(delivery.at.iter().filter(|&&at| at != NEVER && at != 0));
            // Flooding is the same each time from the same author; a few of them say enough.
            if number < FLOODS.min(writers) {
                flood(overlay.graph(), author, timing, |_| true, &mut delivery);
                flooded.extend(delivery.at.iter().filter(|&&at| at != NEVER && at != 0));
            }
        }
        let deliveries = (self.broadcasts * self.peers) as f64;
        let mean = sent.iter().sum::<u64>() as f64 / self.peers as f64;
        sample.copies /= deliveries;
        sample.words /= deliveries;
        sample.p50 = f64::from(percentile(&mut times, 500)) / 1000.0;
        sample.p99 = f64::from(percentile(&mut times, 990)) / 1000.0;
        sample.flood_p99 = f64::from(percentile(&mut flooded, 990)) / 1000.0;
        sample.load_max = sent.iter().copied().max().unwrap_or(0) as f64 / mean.max(f64::MIN_POSITIVE);
        sample
    }

    fn nearness(&self, rooms: &[Room]) -> String {
        let count = rooms.len().max(1) as f64;
        let rtt =
            |of: fn(&Room) -> u32| rooms.iter().map(|room| f64::from(of(room)) / 1000.0).sum::<f64>() / count;
        let (random, near) = (rtt(|room| room.random_rtt), rtt(|room| room.near_rtt));
        format!(
            "After {} minutes the median round trip between neighbours is {near:.0} ms, {:.2} of the {random:.0} ms of \
                 a room whose links came about by chance.",
            self.minutes,
            near / random.max(f64::MIN_POSITIVE),
        )
    }

    fn report(&self, rooms: &[Room]) -> Outcome {
        let mut table = Table::of(&[
            "writers",
            "trees",
            "tree of an author",
            "copies per peer",
            "announcements per peer",
            "p50 ms",
            "p99 ms",
            "p99 flooding ms",
            "p99 against flooding",
            "highest load against the mean",
            "deliveries missed",
        ]);
        let count = rooms.len().max(1) as f64;
        for (place, (writers, trees, choice)) in self.kinds().into_iter().enumerate() {
            let of = |of: fn(&Sample) -> f64| rooms.iter().map(move |room| of(&room.samples[place]));
            let mean = |value| of(value).sum::<f64>() / count;
            let highest = of(|sample| sample.load_max).fold(0.0, f64::max);
            let (p99, flooding) = (mean(|sample| sample.p99), mean(|sample| sample.flood_p99));
            let by = choice.words();
            table.push(vec![
                Value::count(writers),
                Value::count(trees),
                Value::text(by.as_str()),
                Value::Number(mean(|sample| sample.copies), 3),
                Value::Number(mean(|sample| sample.words), 2),
                Value::Number(mean(|sample| sample.p50), 0),
                Value::Number(p99, 0),
                Value::Number(flooding, 0),
                Value::Number(p99 / flooding.max(f64::MIN_POSITIVE), 2),
                Value::Number(highest, 2),
                Value::count(rooms.iter().map(|room| room.samples[place].missed).sum::<u64>()),
            ]);
        }
        let findings = std::iter::once(self.nearness(rooms)).chain(self.chosen(&table)).collect();
        Outcome {
            title: "One, some or all write",
            findings,
            modelled: MODELLED.to_vec(),
            not_modelled: NOT_MODELLED.to_vec(),
            sections: vec![Section {
                name: "writers",
                title: "Copies, delivery and load",
                words: "Load is how many copies a peer sends. Flooding takes the fastest way to everybody, so nothing is \
                        faster; a shared tree leads over its root.",
                figures: vec![self.load(&table)],
                table,
            }],
            ..Outcome::default()
        }
    }
}

impl Writers {
    /// The most trees that are compared.
    fn most(&self) -> String {
        self.trees.iter().max().map_or_else(String::new, usize::to_string)
    }

    /// What the overlay's own choice comes to.
    fn chosen(&self, table: &Table) -> Vec<String> {
        let is_ours =
            |row: &&Vec<Value>| row[1].plain() == self.most() && row[2].plain() == Choice::MESHWORK.words();
        let words = |row: &Vec<Value>| {
            let [writers, trees, by, copies, .., p99, load, _] = &row[..] else { return String::new() };
            format!(
                "{} writers, {} trees, {}: {} copies for each peer, 99 % of deliveries within {} times what flooding takes, \
                 at most {} times the mean load.",
                writers.plain(),
                trees.plain(),
                by.plain(),
                copies.plain(),
                p99.plain(),
                load.plain(),
            )
        };
        table.rows.iter().filter(is_ours).map(words).collect()
    }

    /// The load against the number of writers: as many lines as there are colours, so over one tree and the most.
    fn load(&self, table: &Table) -> Figure {
        let mut series: Vec<Series> = vec![];
        let most = self.most();
        for row in &table.rows {
            let (trees, by) = (row[1].plain(), row[2].plain());
            let label = match trees.as_str() {
                "1" => "one tree".to_owned(),
                _ if trees == most => format!("{trees} trees, {by}"),
                _ => continue,
            };
            let number = |column: usize| row[column].plain().parse().unwrap_or(0.0);
            let point = (number(0), number(9));
            match series.iter_mut().find(|series| series.label == label) {
                Some(series) => series.points.push(point),
                None => series.push(Series { label, points: vec![point] }),
            }
        }
        let (x, y) = (Axis::logarithmic("writers"), Axis::linear("times the mean"));
        lines("load", "The highest load of a peer", x, y, series)
    }
}

/// The ways of choosing that are compared.
const ALL: [Choice; 7] = [
    Choice::Named,
    Choice::Drawn,
    Choice::Root(TREES_MAX),
    Choice::Root(2),
    Choice::Heard(2),
    Choice::Heard(3),
    Choice::Heard(TREES_MAX),
];

/// Authors whose broadcasts are flooded for comparison.
const FLOODS: usize = 64;

/// The median round trip between neighbours, in microseconds.
fn median_rtt(room: &Membership, latency: &Latency) -> u32 {
    let pairs =
        (0..room.peers() as u32).flat_map(|peer| room.of(peer).iter().map(move |&other| (peer, other)));
    percentile(&mut pairs.map(|(peer, other)| latency.round_trip(peer, other)).collect::<Vec<_>>(), 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What docs/simulations/delivery.md promises of the overlay's own choice.
    #[test]
    fn trees_keep_up_with_flooding_at_few_copies() {
        let study = Writers::default();
        let kinds = [1, 32, 1000].map(|writers| (writers, TREES_MAX, Choice::MESHWORK));
        for number in 0..2 {
            let room = study.room(1, number, &kinds);
            assert!(2 * room.near_rtt <= room.random_rtt, "{} of {} us", room.near_rtt, room.random_rtt);
            for sample in &room.samples {
                assert!(sample.missed == 0 && sample.copies <= 1.3, "{sample:?}");
                assert!(sample.p99 <= 2.0 * sample.flood_p99, "{sample:?}");
            }
            // Who writes alone floods once and has a tree of its own; its load is stated and not bounded.
            let [_, some, all] = &room.samples[..] else { panic!("a sample for each kind") };
            assert!(some.load_max <= 8.0 && all.load_max <= 7.0, "{some:?} {all:?}");
        }
    }
}
