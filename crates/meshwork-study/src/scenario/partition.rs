//! A room is cut in two for minutes, and whole again.

use serde::{Deserialize, Serialize};

use super::{ROUNDS_A_MINUTE, Run, ScenarioError, Study, lines, percent, within};
use crate::membership::{Membership, SERVER, Views};
use crate::outcome::{Axis, Outcome, Section, Series, Table, Value};
use meshwork_sim::chance::{self, generator};

/// Seconds after the cut is over that are simulated at most.
const SECONDS_MAX: u32 = 600;
/// Lost neighbours that a peer remembers and tries again.
const REMEMBERED: usize = 4;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Partition {
    /// How many peers, 10 to 100,000.
    pub peers: usize,
    /// How long the room is cut, 1 to 60 minutes.
    pub minutes: u32,
    /// How often a peer tries a neighbour that it lost, by way of the server, in seconds, 1 to 600.
    pub retry_seconds: u32,
    /// How often neighbours compare digests, in seconds, 1 to 60.
    pub compare_seconds: u32,
    /// How many rooms, 1 to 1000.
    pub seeds: u32,
}

impl Default for Partition {
    fn default() -> Partition {
        Partition { peers: 1000, minutes: 5, retry_seconds: 30, compare_seconds: 1, seeds: 5 }
    }
}

/// One room.
struct Sample {
    /// Whether each half was whole by itself at the end of the cut.
    whole: [f64; 2],
    /// Second by second after the cut: links across, and who has everything.
    seconds: Vec<(usize, f64)>,
}

impl Study for Partition {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=100_000)?;
        within("minutes", self.minutes, 1..=60)?;
        within("retry_seconds", self.retry_seconds, 1..=600)?;
        within("compare_seconds", self.compare_seconds, 1..=60)?;
        within("seeds", self.seeds, 1..=1000)
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rooms = run.rooms(&[()], self.seeds, |(), room| self.room(run.seed, room)).remove(0);
        self.report(&rooms)
    }
}

impl Partition {
    fn room(&self, seed: u64, room: u64) -> Sample {
        let rng = &mut generator(seed, [7, room, 0]);
        let mut members = Membership::grown(self.peers, Views::default(), 6, rng);
        let sides: Vec<bool> = (0..self.peers).map(|_| rng.below(2) == 1).collect();
        let across = |peer: u32, other: u32| sides[peer as usize] != sides[other as usize];
        let lost: Vec<Vec<u32>> = (0..self.peers as u32)
            .map(|peer| {
                members
                    .of(peer)
                    .iter()
                    .copied()
                    .filter(|&other| across(peer, other))
                    .take(REMEMBERED)
                    .collect()
            })
            .collect();
        members.divide(Some(sides.clone()));
        for _ in 0..self.minutes * ROUNDS_A_MINUTE {
            members.round(true, rng);
        }
        let whole = [false, true].map(|side| {
            let count = sides.iter().filter(|&&one| one == side).count();
            percent(members.hearing_within(|peer| sides[peer as usize] == side) as u64, count as u64)
        });
        members.divide(None);
        // Which halves' strokes each peer has.
        let mut known: Vec<u8> = sides.iter().map(|&side| 1 + u8::from(side)).collect();
        let mut seconds = vec![];
        for second in 1..=SECONDS_MAX {
            for peer in 0..self.peers as u32 {
                // Each peer's attempts begin at a second of its own.
                if (second + peer) % self.retry_seconds == 0
                    && let Some(other) = chance::pick(rng, &lost[peer as usize])
                {
                    members.ask(peer, other, SERVER, false, rng);
                }
            }
            if second % 10 == 0 {
                members.round(true, rng);
            }
            if second % self.compare_seconds == 0 {
                let heard = |peer: u32| {
                    members
                        .of(peer)
                        .iter()
                        .fold(known[peer as usize], |all, &other| all | known[other as usize])
                };
                known = (0..self.peers as u32).map(heard).collect();
            }
            let links = (0..self.peers as u32)
                .map(|peer| members.of(peer).iter().filter(|&&other| across(peer, other)).count());
            let have_all = known.iter().filter(|&&known| known == 3).count();
            seconds.push((links.sum::<usize>() / 2, percent(have_all as u64, self.peers as u64)));
            if have_all == self.peers {
                break;
            }
        }
        Sample { whole, seconds }
    }

    fn report(&self, rooms: &[Sample]) -> Outcome {
        let mut table = Table::of(&[
            "room",
            "half one whole %",
            "half two whole %",
            "first link across s",
            "equal after s",
            "links across then",
        ]);
        let mut series = vec![];
        let mut slowest = Some(0);
        for (place, room) in rooms.iter().enumerate() {
            let first = room.seconds.iter().position(|(links, _)| *links > 0).map(|second| second + 1);
            let equal = room.seconds.iter().position(|(_, share)| *share >= 100.0).map(|second| second + 1);
            slowest = slowest.and_then(|slowest: usize| Some(slowest.max(equal?)));
            let or_nothing = |second: Option<usize>| second.map_or(Value::Nothing, Value::count);
            table.push(vec![
                Value::count(place + 1),
                Value::Number(room.whole[0], 2),
                Value::Number(room.whole[1], 2),
                or_nothing(first),
                or_nothing(equal),
                Value::count(room.seconds.last().map_or(0, |(links, _)| *links)),
            ]);
            if place < 6 {
                let points = (1..).zip(&room.seconds).map(|(second, (_, share))| (f64::from(second), *share));
                series.push(Series { label: format!("room {}", place + 1), points: points.collect() });
            }
        }
        let figure = lines(
            "partition",
            "Who has what both halves painted",
            Axis::linear("seconds after the cut is over"),
            Axis::linear("% of all peers"),
            series,
        );
        let finding = match slowest {
            Some(second) => format!(
                "All replicas are equal {second} s after the cut is over, in the slowest of {} rooms.",
                rooms.len()
            ),
            None => format!("Some room is not equal {SECONDS_MAX} s after the cut is over."),
        };
        Outcome {
            title: "Cut in two, and whole again",
            findings: vec![finding],
            modelled: vec![
                "Each peer lies on one side by chance; for some minutes no link across works or can be made, and each half \
                 repairs itself; the server is reached by both.",
                "Each peer remembers four neighbours that it lost, and tries one of them now and then by way of the server.",
                "Neighbours compare digests now and then, and have what the other has one comparison later.",
            ],
            not_modelled: vec![
                "How much was painted: fetching it is taken to fit between two comparisons.",
                "Resuming a link's session, which brings links back at once after cuts of up to a minute.",
            ],
            sections: vec![Section {
                name: "partition",
                title: "Room by room",
                words: "Whole says how many of a half hear each other at the end of the cut.",
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
    fn halves_live_by_themselves_and_become_equal() {
        let study = Partition { peers: 300, seeds: 2, ..Partition::default() };
        let run = |threads| tried(&study, 1, threads);
        let outcome = run(1);
        let table = &outcome.section("partition").expect("it is there").table;
        assert!(table.numbers("half one whole %").iter().all(|&whole| whole == 100.0), "{}", table.csv());
        let equal = table.numbers("equal after s");
        assert!(equal.len() == 2 && equal.iter().all(|&second| second < 40.0), "{}", table.csv());
        assert_eq!(outcome, run(2));
    }
}
