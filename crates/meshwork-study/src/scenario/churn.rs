//! Peers come and go all the time: who hears, and where lost links are replaced from.

use super::{Parameter, ROUNDS_A_MINUTE, Run, Scenario, Study, by_round, mean, percent};
use crate::membership::{Found, Membership, Views};
use crate::outcome::{Axis, Chart, Column, Form, Lines, Section, Table, Value};
use meshwork_sim::chance::{self, generator};

pub(super) static STUDY: Study = Study {
    name: "churn",
    about: "half of the room is replaced every ten minutes, and the same with rules taken away",
    title: "Peers come and go",
    modelled: &[
        "Every ten seconds some peers vanish without a word and as many new ones join by the server and walks.",
        "Who hears is measured before anybody has noticed who vanished.",
        "The last two lines are the overlay with a rule taken away: that they do worse shows that the rule is needed.",
    ],
    not_modelled: &[
        "Goodbyes: most people who leave say so, which is noticed at once.",
        "Links that fail to open.",
    ],
    parameters: &[
        Parameter::number("peers", 1000, 10..=100_000),
        Parameter::number("replaced_percent", 50, 1..=100),
        // With most of everything some 700,000 peers ever come.
        Parameter::number("minutes", 20, 1..=60),
        Parameter::number("seeds", 3, 1..=1000),
    ],
    finding: "Overlay {overlay}: in the worst round {hear % (worst round)} % hear a broadcast at once; a peer has {links of a \
              peer} links, and {dead in passive views %} % of its passive view are dead.",
    run,
};

/// The overlay, and the same with a rule taken away.
static VARIANTS: [(&str, Views); 3] = {
    let whole = Views::MESHWORK;
    [
        ("as it is", whole),
        ("no shuffles", Views { shuffles: false, ..whole }),
        ("no repair", Views { repairs: false, ..whole }),
    ]
};

/// One round of ten seconds.
#[derive(Clone, Copy, Debug)]
struct Round {
    hearing: f64,
    links: f64,
    poor: f64,
    stale: f64,
    found: Found,
}

/// How many of a hundred new links were found this way.
fn share(rounds: &[Round], of: fn(&Found) -> u64) -> f64 {
    let sum = |of: &dyn Fn(&Found) -> u64| rounds.iter().map(|round| of(&round.found)).sum::<u64>();
    percent(sum(&of), sum(&|found| found.links()))
}

const COLUMNS: &[Column<Round>] = &[
    ("hear % (mean)", 4, |rounds| mean(rounds, |round| round.hearing)),
    ("hear % (worst round)", 3, |rounds| rounds.iter().map(|round| round.hearing).fold(100.0, f64::min)),
    ("links of a peer", 2, |rounds| mean(rounds, |round| round.links)),
    ("few links % (worst round)", 2, |rounds| rounds.iter().map(|round| round.poor).fold(0.0, f64::max)),
    ("dead in passive views %", 1, |rounds| mean(rounds, |round| round.stale)),
    ("new links by route %", 2, |rounds| share(rounds, |found| found.by_route)),
    ("new links by walk %", 2, |rounds| share(rounds, |found| found.by_walk)),
    ("new links by server %", 2, |rounds| share(rounds, |found| found.by_server)),
];

const MINUTES: &[Column<Round>] = &[
    ("links of a peer", 2, |rooms| mean(rooms, |room| room.links)),
    ("hear % (mean)", 4, |rooms| mean(rooms, |room| room.hearing)),
];

const LINKS: Chart = Chart {
    name: "churn",
    title: "Links of a peer",
    x: ("minute", Axis::linear("minutes")),
    y: Axis::linear("links"),
    form: Form::Lines,
    lines: Lines::Each("links of a peer"),
};

fn run(scenario: &Scenario, run: Run<'_>) -> Vec<Section> {
    let found = run.rooms(&VARIANTS, scenario.number("seeds"), |&(_, views), room| {
        room_of(scenario, views, run.seed, room)
    });
    let variants = || VARIANTS.iter().map(|(name, _)| Value::text(*name)).zip(&found);
    let table =
        Table::of(&["overlay"], COLUMNS, variants().map(|(name, rooms)| (vec![name], rooms.concat())));
    let minutes = variants().flat_map(|(name, rooms)| {
        let minutes = by_round(rooms).into_iter().step_by(ROUNDS_A_MINUTE).enumerate();
        minutes.map(move |(minute, rooms)| (vec![name.clone(), Value::count(minute)], rooms))
    });
    let minutes = Table::of(&["overlay", "minute"], MINUTES, minutes);
    vec![
        Section {
            name: "churn",
            title: "While they come and go",
            words: "New links by the server are those for which the overlay did not find anybody by itself.",
            figures: vec![minutes.figure(&LINKS)],
            table,
        },
        Section {
            name: "minutes",
            title: "Minute by minute",
            words: "The first round of each minute.",
            figures: vec![],
            table: minutes,
        },
    ]
}

fn room_of(scenario: &Scenario, views: Views, seed: u64, room: u64) -> Vec<Round> {
    let (peers, rounds) = (scenario.number("peers"), scenario.number("minutes") * ROUNDS_A_MINUTE);
    let leaving = (peers * scenario.number("replaced_percent")).div_ceil(100 * 10 * ROUNDS_A_MINUTE);
    let rng = &mut generator(seed, [5, room, 0]);
    let mut members = Membership::new(peers + leaving * rounds, Views::default());
    (0..peers as u32).for_each(|peer| members.join(peer, rng));
    for _ in 0..3 {
        members.round(true, rng);
    }
    members.set_views(views);
    let mut next = peers as u32;
    let rounds = (0..rounds).map(|_| {
        for _ in 0..leaving {
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

#[cfg(test)]
mod tests {
    use super::super::tried;

    #[test]
    fn churn_silences_nobody_and_every_rule_is_needed() {
        let run = |threads| tried("scenario = \"churn\"\npeers = 400\nminutes = 20\nseeds = 2", 1, threads);
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
