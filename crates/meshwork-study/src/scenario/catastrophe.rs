//! Many peers die at once: who hears a broadcast at that moment, and after each round of repair.

use meshwork_core::overlay::size::mutual_k;

use super::{Parameter, Run, SEEDS_MAX, Scenario, Study, by_round, mean, percent};
use crate::PEERS_MAX;
use crate::adjacency::Adjacency;
use crate::membership::{Found, Membership, Views};
use crate::outcome::{Axis, Chart, Column, Form, Lines, Section, Table, Value};
use crate::reach::hops;
use crate::tree::{Delivery, Timing, Trees};
use meshwork_sim::chance::{self, generator};
use meshwork_sim::latency::Latency;

/// Rounds of upkeep before the catastrophe.
const UPKEEP: usize = 6;
/// Nines of the k-gossip overlay for comparison.
const NINES: u8 = 3;

pub(super) static STUDY: Study = Study {
    name: "catastrophe",
    about: "10 to 80 % of a room die at once: who hears, and how soon the room is whole again",
    title: "Many die at once",
    modelled: &[
        "The emergent overlay grown by its own steps, then a share of all peers killed at the same moment.",
        "At once: a message follows every link that is left between the living, eager at once and lazy by grafts; no \
         new link.",
        "A round of repair is 10 s: links to the dead end; a peer that lacks links tries the routes of its passive view, \
         walks over its links, and, with fewer than half of the links it wants, the server.",
        "A route counts only if every link of it lives.",
    ],
    not_modelled: &[
        "Links that fail to open, and the time it takes to open one: both are within a round.",
        "Stale links are noticed within 3 s by the real overlay; here all at 10 s.",
        "A server that limits introductions.",
    ],
    parameters: &[
        Parameter::number("peers", 1000, 10..=PEERS_MAX as u64),
        Parameter::number("seeds", 20, 1..=SEEDS_MAX as u64),
        Parameter::list("killed_percent", &[10, 20, 30, 40, 50, 60, 70, 80], 1..=99),
        Parameter::number("repair_rounds", 10, 0..=100),
        Parameter::switch("server"),
        Parameter::switch("repairs"),
    ],
    finding: "{% killed} % killed at once: all the living hear at once in {all hear at once} of {rooms} rooms; rounds of \
              repair until the slowest room is whole: {most rounds needed}.",
    run,
};

/// One room in which a share died.
#[derive(Clone, Debug)]
struct Sample {
    /// Of the living, in percent: reached over k-gossip, which is not repaired.
    by_gossip: f64,
    /// Reached over the tree as it was, without grafts.
    by_tree: f64,
    /// The moment of the catastrophe and each round of repair after it.
    rounds: Vec<Round>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    /// Of the living, in percent.
    hearing: f64,
    all_hear: bool,
    found: Found,
}

/// How many rooms are whole after at most this many rounds.
fn whole(samples: &[Sample], rounds: usize) -> f64 {
    let is_whole = |sample: &Sample| Some(sample.rounds.get(..=rounds)?.iter().any(|round| round.all_hear));
    let all: Option<Vec<bool>> = samples.iter().map(is_whole).collect();
    all.map_or(f64::NAN, |all| all.into_iter().filter(|is_whole| *is_whole).count() as f64)
}

/// The round after which the last room is whole.
fn slowest(samples: &[Sample]) -> f64 {
    let healed = samples.iter().map(|sample| sample.rounds.iter().position(|round| round.all_hear));
    let most = healed.collect::<Option<Vec<usize>>>().and_then(|rounds| rounds.into_iter().max());
    most.map_or(f64::NAN, |most| most as f64)
}

fn by_server(samples: &[Sample]) -> f64 {
    let found = || samples.iter().flat_map(|sample| &sample.rounds).map(|round| round.found);
    percent(found().map(|found| found.by_server).sum(), found().map(|found| found.links()).sum())
}

const COLUMNS: &[Column<Sample>] = &[
    ("rooms", 0, |samples| samples.len() as f64),
    ("all hear at once", 0, |samples| whole(samples, 0)),
    ("hear at once % (mean)", 3, |samples| mean(samples, |sample| sample.rounds[0].hearing)),
    ("hear at once % (worst)", 3, |samples| {
        samples.iter().map(|sample| sample.rounds[0].hearing).fold(100.0, f64::min)
    }),
    ("by the tree alone %", 1, |samples| mean(samples, |sample| sample.by_tree)),
    ("k-gossip at once %", 3, |samples| mean(samples, |sample| sample.by_gossip)),
    ("rooms whole after 1 round", 0, |samples| whole(samples, 1)),
    ("after 3 rounds", 0, |samples| whole(samples, 3)),
    ("after 10 rounds", 0, |samples| whole(samples, 10)),
    ("most rounds needed", 0, slowest),
    ("links by the server %", 2, by_server),
];

const ROUNDS: &[Column<Round>] = &[
    ("rooms where all hear", 0, |rooms| rooms.iter().filter(|room| room.all_hear).count() as f64),
    ("hear % (mean)", 4, |rooms| mean(rooms, |room| room.hearing)),
    ("new links by route", 1, |rooms| mean(rooms, |room| room.found.by_route as f64)),
    ("new links by walk", 1, |rooms| mean(rooms, |room| room.found.by_walk as f64)),
    ("new links by server", 1, |rooms| mean(rooms, |room| room.found.by_server as f64)),
];

const AT_ONCE: Chart = Chart {
    name: "at-once",
    title: "Who hears at once",
    x: ("% killed", Axis::linear("killed, % of all")),
    y: Axis::linear("% of the living"),
    form: Form::Lines,
    lines: Lines::Columns(&[
        "hear at once % (mean)",
        "hear at once % (worst)",
        "by the tree alone %",
        "k-gossip at once %",
    ]),
};

const HEALING: Chart = Chart {
    name: "healing",
    title: "Rooms in which all hear",
    x: ("round", Axis::linear("rounds of repair, 10 s each")),
    y: Axis::linear("rooms"),
    form: Form::Lines,
    lines: Lines::Each("rooms where all hear"),
};

fn run(scenario: &Scenario, run: Run<'_>) -> Vec<Section> {
    let killed = scenario.numbers("killed_percent");
    let rooms = run
        .rooms(&[()], scenario.number("seeds"), |(), room| room_of(scenario, &killed, run.seed, room))
        .remove(0);
    let samples: Vec<(usize, Vec<Sample>)> = killed
        .iter()
        .enumerate()
        .map(|(place, &killed)| (killed, rooms.iter().map(|room| room[place].clone()).collect()))
        .collect();
    let table = Table::of(
        &["% killed"],
        COLUMNS,
        samples.iter().map(|(killed, samples)| (vec![Value::count(*killed)], samples)),
    );
    let rounds = samples.iter().flat_map(|(killed, samples)| {
        let rooms: Vec<Vec<Round>> = samples.iter().map(|sample| sample.rounds.clone()).collect();
        let killed = *killed;
        let key = move |round| vec![Value::count(killed), Value::count(round)];
        by_round(&rooms).into_iter().enumerate().map(move |(round, rooms)| (key(round), rooms))
    });
    let rounds = Table::of(&["% killed", "round"], ROUNDS, rounds);
    vec![
        Section {
            name: "catastrophe",
            title: "At once, and whole again",
            words: "All hear at once counts the rooms in which every living peer hears a broadcast over the links that \
                    were left. The tree alone shows what grafts are for.",
            figures: vec![table.figure(&AT_ONCE)],
            table,
        },
        Section {
            name: "rounds",
            title: "Round by round",
            words: "Round 0 is the moment of the catastrophe. New links are for each room.",
            figures: vec![rounds.figure(&HEALING)],
            table: rounds,
        },
    ]
}

/// One room, in which each share dies in turn, from the same state.
fn room_of(scenario: &Scenario, killed: &[usize], seed: u64, room: u64) -> Vec<Sample> {
    let peers = scenario.number("peers");
    let views = Views { repairs: scenario.is_on("repairs"), ..Views::default() };
    let rng = &mut generator(seed, [1, room, 0]);
    // Links are missing only by what dies: the room was repaired until then.
    let mut whole = Membership::grown(peers, Views::default(), UPKEEP, rng);
    whole.set_views(views);
    let graph = whole.graph();
    let latency = Latency::Uniform(10_000);
    let timing = Timing::of(&latency);
    let mut trees = Trees::new(&graph);
    trees.has_grafts = false;
    let mut delivery = Delivery::default();
    trees.broadcast(0, 0, &timing, |_| true, &mut delivery);
    let gossip = Adjacency::random_regular(peers, mutual_k(peers, NINES), rng);
    let kill = |(place, &percent): (usize, &usize)| {
        let rng = &mut generator(seed, [1, room, 1 + place as u64]);
        let mut after = whole.clone();
        let mut order: Vec<u32> = (0..peers as u32).collect();
        chance::shuffle(rng, &mut order);
        let dead = peers * percent / 100;
        order[..dead.min(peers - 1)].iter().for_each(|&peer| after.kill(peer));
        let living = after.living().len();
        let share = |reached: usize| 100.0 * reached as f64 / living.max(1) as f64;
        let origin = after.living().iter().copied().min().unwrap_or(0);
        let mut delivery = Delivery::default();
        trees.clone().broadcast(0, origin, &timing, |peer| after.is_alive(peer), &mut delivery);
        let by_tree = share(delivery.reached);
        let by_gossip = share(hops(&gossip, origin, |peer| after.is_alive(peer)).reached);
        let round = |after: &Membership, found| {
            let hearing = after.hearing();
            Round { hearing: share(hearing), all_hear: hearing == living, found }
        };
        let mut rounds = vec![round(&after, Found::default())];
        for _ in 0..scenario.number("repair_rounds") {
            after.notice_dead();
            let found = after.round(scenario.is_on("server"), rng);
            rounds.push(round(&after, found));
        }
        Sample { by_gossip, by_tree, rounds }
    };
    killed.iter().enumerate().map(kill).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tried;
    use crate::outcome::Outcome;

    fn run(lines: &str, threads: usize) -> Outcome {
        tried(&format!("scenario = \"catastrophe\"\n{lines}"), 1, threads)
    }

    fn column(outcome: &Outcome, column: &str) -> Vec<f64> {
        outcome.section("catastrophe").expect("it is there").table.numbers(column)
    }

    #[test]
    fn grafts_reach_all_and_repair_heals_four_fifths() {
        let study = "seeds = 6\nkilled_percent = [30, 50, 80]";
        let outcome = run(study, 2);
        assert_eq!(column(&outcome, "all hear at once")[0], 6.0);
        assert_eq!(column(&outcome, "after 3 rounds")[1], 6.0, "half of the room");
        assert_eq!(column(&outcome, "after 10 rounds"), [6.0, 6.0, 6.0]);
        assert!(column(&outcome, "by the tree alone %")[0] < 60.0, "the tree alone is torn");
        assert_eq!(outcome, run(study, 1), "threads change nothing");
    }

    #[test]
    fn without_repair_nothing_heals() {
        let study = |repairs| format!("seeds = 4\nkilled_percent = [80]\nrepairs = {repairs}");
        let outcome = run(&study(false), 2);
        assert_eq!(column(&outcome, "after 10 rounds"), [0.0], "{:?}", outcome.findings);
        assert!(outcome.findings[0].ends_with("not reached."), "{:?}", outcome.findings);
        assert_eq!(column(&run(&study(true), 2), "after 10 rounds"), [4.0]);
    }
}
