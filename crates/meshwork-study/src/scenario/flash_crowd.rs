//! Thousands join within seconds.

use serde::{Deserialize, Serialize};

use super::{Run, ScenarioError, Study, lines, percent, within};
use crate::PEERS_MAX;
use crate::membership::{Membership, Views};
use crate::outcome::{Axis, Outcome, Section, Table, Value};
use meshwork_sim::chance::generator;

/// Rounds of upkeep that are shown after the last has come.
const ROUNDS: u32 = 6;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FlashCrowd {
    /// How many come, 1 to 900,000.
    pub peers: usize,
    /// Within so many seconds, 1 to 600.
    pub seconds: u32,
    /// How many are there before, 2 to 100,000.
    pub present: usize,
}

impl Default for FlashCrowd {
    fn default() -> FlashCrowd {
        FlashCrowd { peers: 10_000, seconds: 10, present: 20 }
    }
}

impl Study for FlashCrowd {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 1..=900_000)?;
        within("seconds", self.seconds, 1..=600)?;
        within("present", self.present, 2..=100_000.min(PEERS_MAX))
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), None)
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rng = &mut generator(run.seed, [6, 0, 0]);
        let mut room = Membership::new(self.present + self.peers, Views::default());
        let mut next = 0;
        let mut table = Table::of(&[
            "second",
            "peers",
            "hear a broadcast %",
            "links of a peer",
            "fewer than wanted %",
            "fewer than half %",
            "most links",
            "links made by the busiest",
        ]);
        let mut before = vec![];
        for second in 0..=self.seconds + 10 * ROUNDS {
            let wanted =
                self.present + self.peers * second.min(self.seconds) as usize / self.seconds as usize;
            while next < wanted as u32 {
                room.join(next, rng);
                next += 1;
            }
            if second % 10 == 0 {
                room.round(true, rng);
            }
            if second <= self.seconds || second % 10 == 0 {
                table.push(row(&room, second, &before));
            }
            before = (0..next).map(|peer| room.of(peer).to_vec()).collect();
            (run.progress)(u64::from(second), u64::from(self.seconds + 10 * ROUNDS));
        }
        self.report(table)
    }
}

fn row(room: &Membership, second: u32, before: &[Vec<u32>]) -> Vec<Value> {
    let count = room.living().len() as u64;
    let degrees = || room.living().iter().map(|&peer| room.of(peer).len());
    let (active, few) = (Views::default().active, |least| {
        percent(degrees().filter(|&degree| degree < least).count() as u64, count)
    });
    let new = |(peer, before): (usize, &Vec<u32>)| {
        room.of(peer as u32).iter().filter(|other| !before.contains(other)).count()
    };
    vec![
        Value::count(second),
        Value::count(count),
        Value::Number(percent(room.hearing() as u64, count), 3),
        Value::Number(degrees().sum::<usize>() as f64 / count.max(1) as f64, 2),
        Value::Number(few(active), 2),
        Value::Number(few(active / 2), 2),
        Value::count(degrees().max().unwrap_or(0)),
        Value::count(before.iter().enumerate().map(new).max().unwrap_or(0)),
    ]
}

impl FlashCrowd {
    fn report(&self, table: Table) -> Outcome {
        let seconds = table.numbers("second");
        let line = |label: &str, column: &str| table.series(label, "second", column);
        let figure = lines(
            "flash-crowd",
            "The room while they come",
            Axis::linear("seconds"),
            Axis::linear("%"),
            vec![
                line("hear a broadcast", "hear a broadcast %"),
                line("have fewer links than they want", "fewer than wanted %"),
                line("have fewer than half", "fewer than half %"),
            ],
        );
        let worst = table.numbers("hear a broadcast %").into_iter().fold(100.0, f64::min);
        let few = table.numbers("fewer than wanted %");
        let whole =
            few.iter().zip(&seconds).find(|(few, second)| **second >= f64::from(self.seconds) && **few < 1.0);
        let whole = match whole {
            Some((_, second)) => format!("99 % have all links they want {second} s after the first came."),
            None => "Some still lack links at the end.".to_owned(),
        };
        Outcome {
            title: "Thousands come at once",
            findings: vec![format!("At worst {worst} % of those there hear a broadcast at once."), whole],
            modelled: vec![
                "The server introduces each newcomer to one member; from there it finds neighbours by walks, six of them \
                 with a claim to a place, the others where there is room.",
                "Upkeep every ten seconds.",
            ],
            not_modelled: vec![
                "The time that introductions and opening a link take: a second or two over the Internet.",
                "Limits of the server, and of pages that open many links at a time.",
            ],
            sections: vec![Section {
                name: "flash-crowd",
                title: "Second by second",
                words: "The busiest is whoever made most new links in the time of a row.",
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
    fn crowd_hears_at_once_and_finds_its_links() {
        let study = FlashCrowd { peers: 2000, ..FlashCrowd::default() };
        let outcome = tried(&study, 1, 1);
        let table = &outcome.section("flash-crowd").expect("it is there").table;
        assert!(table.numbers("hear a broadcast %").iter().all(|&hear| hear == 100.0), "{}", table.csv());
        assert!(table.numbers("fewer than wanted %").last().is_some_and(|&few| few < 1.0), "{}", table.csv());
        assert!(table.numbers("most links").iter().all(|&most| most <= 16.0));
    }
}
