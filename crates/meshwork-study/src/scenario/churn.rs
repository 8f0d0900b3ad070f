//! Peers come and go all the time: who hears, and where lost links are replaced from.

use serde::{Deserialize, Serialize};

use super::{ROUNDS_A_MINUTE, Run, ScenarioError, Study, lines, percent, within};
use crate::PEERS_MAX;
use crate::membership::{Found, Membership, Views};
use crate::outcome::{Axis, Outcome, Section, Series, Table, Value};
use meshwork_sim::chance::{self, generator};

const MODELLED: &[&str] = &[
    "Every ten seconds some peers vanish without a word and as many new ones join by the server and walks.",
    "Who hears is measured before anybody has noticed who vanished.",
    "The last two lines are the overlay with a rule taken away: that they do worse shows that the rule is needed.",
];

const NOT_MODELLED: &[&str] =
    &["Goodbyes: most people who leave say so, which is noticed at once.", "Links that fail to open."];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Churn {
    /// How many peers are there at any time, 10 to 100,000.
    pub peers: usize,
    /// How many of a hundred are replaced in ten minutes, 1 to 500.
    pub replaced_percent: u32,
    /// How long, 1 to 120 minutes.
    pub minutes: u32,
    /// How many rooms, 1 to 1000.
    pub seeds: u32,
}

impl Default for Churn {
    fn default() -> Churn {
        Churn { peers: 1000, replaced_percent: 50, minutes: 20, seeds: 3 }
    }
}

/// The overlay, and the same with a rule taken away.
const VARIANTS: [(&str, Views); 3] = {
    let whole = Views::MESHWORK;
    [
        ("as it is", whole),
        ("no shuffles", Views { shuffles: false, ..whole }),
        ("no repair", Views { repairs: false, ..whole }),
    ]
};

/// One round of ten seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    hearing: f64,
    links: f64,
    poor: f64,
    stale: f64,
    found: Found,
}

impl Study for Churn {
    fn check(&self) -> Result<(), ScenarioError> {
        within("peers", self.peers, 10..=100_000)?;
        within("replaced_percent", self.replaced_percent, 1..=500)?;
        within("minutes", self.minutes, 1..=120)?;
        within("seeds", self.seeds, 1..=1000)?;
        within("peers that ever come", self.ever(), 10..=PEERS_MAX)
    }

    fn counts(&mut self) -> (Option<&mut usize>, Option<&mut u32>) {
        (Some(&mut self.peers), Some(&mut self.seeds))
    }

    fn run(&self, run: Run<'_>) -> Outcome {
        let rooms = run.rooms(&VARIANTS, self.seeds, |&(_, views), room| self.room(views, run.seed, room));
        self.report(&rooms)
    }
}

impl Churn {
    fn leaving(&self) -> usize {
        (self.peers * self.replaced_percent as usize).div_ceil(100 * 10 * ROUNDS_A_MINUTE as usize)
    }

    fn rounds(&self) -> usize {
        (self.minutes * ROUNDS_A_MINUTE) as usize
    }

    fn ever(&self) -> usize {
        self.peers + self.leaving() * self.rounds()
    }

    fn room(&self, views: Views, seed: u64, room: u64) -> Vec<Round> {
        let rng = &mut generator(seed, [5, room, 0]);
        let mut members = Membership::new(self.ever(), Views::default());
        (0..self.peers as u32).for_each(|peer| {
            members.join(peer, rng);
        });
        (0..3).for_each(|_| {
            members.round(true, rng);
        });
        members.set_views(views);
        let mut next = self.peers as u32;
        let rounds = (0..self.rounds()).map(|_| {
            for _ in 0..self.leaving() {
                if let Some(leaving) = chance::pick(rng, members.living()) {
                    members.kill(leaving);
                }
                members.join(next, rng);
                next += 1;
            }
            let count = members.living().len() as u64;
            let hearing = percent(members.hearing() as u64, count);
            members.notice_dead();
            let found = members.round(true, rng);
            let degrees = members.living().iter().map(|&peer| members.of(peer).len());
            let known = members.living().iter().flat_map(|&peer| members.passive(peer));
            let stale = known.clone().filter(|&&peer| !members.is_alive(peer)).count();
            Round {
                hearing,
                links: degrees.clone().sum::<usize>() as f64 / count.max(1) as f64,
                poor: percent(degrees.filter(|&degree| degree < views.active / 2).count() as u64, count),
                stale: percent(stale as u64, known.count() as u64),
                found,
            }
        });
        rounds.collect()
    }

    fn report(&self, variants: &[Vec<Vec<Round>>]) -> Outcome {
        let mut table = Table::of(&[
            "overlay",
            "hear % (mean)",
            "hear % (worst round)",
            "links of a peer",
            "few links % (worst round)",
            "dead in passive views %",
            "new links by route %",
            "new links by walk %",
            "new links by server %",
        ]);
        let mut series = vec![];
        for ((name, _), rooms) in VARIANTS.iter().zip(variants) {
            let all = || rooms.iter().flatten();
            let count = all().count().max(1) as f64;
            let mean = |of: fn(&Round) -> f64| all().map(of).sum::<f64>() / count;
            let sum = |of: fn(&Found) -> u64| all().map(|round| of(&round.found)).sum::<u64>();
            let (route, walk, server) =
                (sum(|found| found.by_route), sum(|found| found.by_walk), sum(|found| found.by_server));
            let share = |part| Value::Number(percent(part, route + walk + server), 2);
            table.push(vec![
                Value::text(*name),
                Value::Number(mean(|round| round.hearing), 4),
                Value::Number(all().map(|round| round.hearing).fold(100.0, f64::min), 3),
                Value::Number(mean(|round| round.links), 2),
                Value::Number(all().map(|round| round.poor).fold(0.0, f64::max), 2),
                Value::Number(mean(|round| round.stale), 1),
                share(route),
                share(walk),
                share(server),
            ]);
            let at = |round: usize| {
                let values = rooms.iter().filter_map(|room| room.get(round)).map(|round| round.links);
                (round as f64 / f64::from(ROUNDS_A_MINUTE), values.sum::<f64>() / rooms.len().max(1) as f64)
            };
            series.push(Series {
                label: (*name).to_owned(),
                points: (0..self.rounds()).step_by(3).map(at).collect(),
            });
        }
        let figure =
            lines("churn", "Links of a peer", Axis::linear("minutes"), Axis::linear("links"), series);
        let [hear, links, dead] = ["hear % (worst round)", "links of a peer", "dead in passive views %"]
            .map(|name| table.numbers(name));
        let findings = VARIANTS.iter().zip(hear).zip(links.into_iter().zip(dead));
        Outcome {
            title: "Peers come and go",
            findings: findings
                .map(|(((name, _), hear), (links, dead))| {
                    format!(
                        "Overlay {name}: in the worst round {hear} % hear a broadcast at once; a peer has {links} links, \
                         and {dead} % of those it could replace them by are dead."
                    )
                })
                .collect(),
            modelled: MODELLED.to_vec(),
            not_modelled: NOT_MODELLED.to_vec(),
            sections: vec![Section {
                name: "churn",
                title: "While they come and go",
                words:
                    "New links by the server are those for which the overlay did not find anybody by itself.",
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
    fn churn_silences_nobody_and_every_rule_is_needed() {
        let study = Churn { peers: 400, minutes: 20, seeds: 2, ..Churn::default() };
        let run = |threads| tried(&study, 1, threads);
        let outcome = run(2);
        let table = &outcome.section("churn").expect("it is there").table;
        let [hear, links, stale] = ["hear % (worst round)", "links of a peer", "dead in passive views %"]
            .map(|name| table.numbers(name));
        assert_eq!(hear[0], 100.0, "{}", table.csv());
        assert!(links[0] > 11.5 && links[2] < links[0] - 0.5, "repair is needed: {}", table.csv());
        assert!(stale[1] > stale[0] + 10.0, "shuffles are needed: {}", table.csv());
        assert_eq!(outcome, run(1));
    }
}
