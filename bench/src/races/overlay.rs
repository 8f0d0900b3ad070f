//! `overlay`: broadcasts over our emergent overlay and over iroh-gossip's, on one virtual network.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::machine::locked;
use crate::overlay::{Machine, NOTICED, Network, Peer, iroh, ours};
use crate::race::{Needs, Plan, Race, Row, Samples};

/// The race.
pub(crate) const RACE: Race = Race {
    name: "overlay",
    about: "HyParView and Plumtree twice: our emergent overlay's state machine and iroh-gossip's, each peer's part of \
            it driven by the same virtual network. Peers in five regions come one after another, each is named three \
            members, a link takes two round trips to open and who dies is noticed after 3 s. After two minutes and 50 \
            broadcasts of random authors, 100 of 300 bytes are measured, one each half second; then 30 % die at once, \
            and 5 are written before anybody notices, 20 a minute later. Bytes are all that the machines send in that \
            time, upkeep included. iroh-gossip as it comes has 5 neighbours each and knows 30 more, ours has 12 and 48; \
            rows that end in \"same views\" give it these numbers too, its other settings are left. Neither compares \
            replicas afterwards, which in a room brings what broadcast missed. Three rooms each, from the same three seeds.",
    needs: Needs::Nothing,
    run,
};

/// Between two comers, so that a room of a thousand grows within 20 s.
const COMES_EVERY: Duration = Duration::from_millis(20);
const SETTLES: Duration = Duration::from_secs(120);
const WARM_UP: usize = 50;
const MEASURED: usize = 100;
const EVERY: Duration = Duration::from_millis(500);
/// What a broadcast has to arrive in, and grafts to mend it.
const DEADLINE: Duration = Duration::from_secs(5);
const CRASH_PERCENT: usize = 30;
/// Written right after the crash.
const AT_ONCE: usize = 5;
const AT_ONCE_EVERY: Duration = Duration::from_millis(100);
const HEALS: Duration = Duration::from_secs(60);
const HEALED: usize = 20;

/// What is told of one run.
#[derive(Clone, Copy, Debug)]
struct Found {
    degree: f64,
    /// Of the peers, before anybody died.
    reached: f64,
    copies: f64,
    hops: [f64; 2],
    ms: [f64; 2],
    bytes: f64,
    at_once: f64,
    healed: f64,
}

fn run(plan: &Plan) -> Result<Vec<Row>> {
    let seeds = plan.rounds.min(3) as u64;
    let mut rows = vec![];
    for peers in plan.size(vec![200, 1000], vec![40]) {
        let directory = ours::Directory::new(peers);
        let ours = rooms(seeds, peers, |seed, me| ours::Member::new(me, seed, directory.clone()))?;
        for (views, what) in [(None, ""), (Some((12, 48)), ", same views")] {
            let begin = Instant::now();
            let member = |seed, me| iroh::Member::new(me, seed, begin, iroh::config(views));
            let theirs = rooms(seeds, peers, member)?;
            rows.extend(compare(peers, what, &ours, &theirs));
        }
    }
    Ok(rows)
}

/// A room for each seed, all at once: what they find does not depend on a clock.
fn rooms<M: Machine>(
    seeds: u64,
    peers: usize,
    machine: impl Fn(u64, Peer) -> M + Sync,
) -> Result<Vec<Found>> {
    let machine = &machine;
    std::thread::scope(|scope| {
        let room = |seed| scope.spawn(move || measure(seed, peers, |me| machine(seed, me)));
        let rooms: Vec<_> = (0..seeds).map(room).collect();
        rooms.into_iter().map(|room| room.join().expect("a room does not panic")).collect()
    })
}

/// A room grows, broadcasts, loses a third and heals.
fn measure<M: Machine>(seed: u64, peers: usize, machine: impl Fn(Peer) -> M) -> Result<Found> {
    let mut network = Network::grown(peers, seed, COMES_EVERY * peers as u32, machine);
    network.run(SETTLES);
    broadcasts(&mut network, WARM_UP, EVERY);
    network.run(DEADLINE);
    let degree = network.degree();
    network.take_sent();
    let numbers = broadcasts(&mut network, MEASURED, EVERY);
    network.run(DEADLINE);
    let sent = network.take_sent();
    let all: Vec<(f64, u32)> = numbers.iter().flat_map(|&number| network.deliveries(number)).collect();
    let reached = coverage(&network, &numbers, peers);
    ensure!(reached > 90.0, "only {reached:.2} % of {peers} peers hear, although nobody died (seed {seed})");
    let each = (peers * MEASURED) as f64;
    let percentiles = |of: fn(&(f64, u32)) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        [50, 99].map(|percent| values[(values.len() * percent).div_ceil(100) - 1])
    };
    let (ms, hops) = (percentiles(|(ms, _)| *ms), percentiles(|(_, hops)| f64::from(*hops)));
    network.crash(CRASH_PERCENT);
    let living = network.living().count();
    let numbers = broadcasts(&mut network, AT_ONCE, AT_ONCE_EVERY);
    network.run(NOTICED - AT_ONCE_EVERY * (AT_ONCE + 1) as u32);
    let at_once = coverage(&network, &numbers, living);
    network.run(HEALS);
    let numbers = broadcasts(&mut network, HEALED, EVERY);
    network.run(DEADLINE);
    let healed = coverage(&network, &numbers, living);
    let (copies, bytes) = (sent.copies as f64 / each, sent.bytes as f64 / each);
    Ok(Found { degree, reached, copies, hops, ms, bytes, at_once, healed })
}

fn broadcasts<M: Machine>(network: &mut Network<M>, count: usize, every: Duration) -> Vec<usize> {
    let broadcast = |_| {
        let number = network.broadcast();
        network.run(every);
        number
    };
    (0..count).map(broadcast).collect()
}

/// How many of a hundred living peers heard, on average.
fn coverage<M: Machine>(network: &Network<M>, numbers: &[usize], living: usize) -> f64 {
    let heard: usize = numbers.iter().map(|&number| network.heard(number)).sum();
    100.0 * heard as f64 / (numbers.len() * living) as f64
}

fn compare(peers: usize, what: &str, ours: &[Found], theirs: &[Found]) -> Vec<Row> {
    let other = locked("iroh-gossip");
    let row = |name: &str, unit, higher, of: fn(&Found) -> f64| {
        let samples = |found: &[Found]| Samples(found.iter().map(of).collect());
        Row::stated(format!("overlay/{peers}, {name}{what}"), samples(ours), unit, higher)
            .against(other.clone(), samples(theirs))
    };
    vec![
        row("copies", "copies sent a peer and broadcast", false, |found| found.copies).want("1.3"),
        row("hops p50", "links", false, |found| found.hops[0]),
        row("hops p99", "links", false, |found| found.hops[1]),
        row("delivery p50", "ms", false, |found| found.ms[0]),
        row("delivery p99", "ms", false, |found| found.ms[1]),
        row("bytes", "bytes sent a peer and broadcast", false, |found| found.bytes),
        row("heard, nobody died", "% of peers", true, |found| found.reached),
        row("heard at once, 30 % died", "% of the living", true, |found| found.at_once),
        row("heard a minute later", "% of the living", true, |found| found.healed),
        row("links", "neighbours a peer", false, |found| found.degree),
    ]
}
