//! Many lenders of unequal speed: the time against the ideal, the cost of checks, and the messages of a room.
//!
//! By day the rough crowd has 40 lenders, with `MESHWORK_NIGHTLY` 1,000. `MESHWORK_SEED` sets its seed.

use std::time::Duration;

use meshwork_compute::book::{Index, State};
use meshwork_compute::job::Check;
use meshwork_compute::packet;

use crate::basics::ms;
use crate::world::{Conduct, World, job, peer_id, value};

/// The measures of a crowd.
struct Measured {
    /// Time against that of all lenders working without a pause.
    against_ideal: f64,
    /// Units that engines ran for each unit of the job.
    ran: f64,
    /// Reports in a second.
    reports: f64,
    /// Messages to all in a second.
    says: f64,
}

/// A job of some 60 seconds of ideal time.
fn crowd(seed: u64, lenders: usize, trusted: usize, check: Check, cheats: Conduct) -> Measured {
    let mut world = World::new(seed, job(1, check, &(0..trusted).collect::<Vec<_>>(), 16));
    let mut speed = 0.0;
    for peer in 0..lenders {
        let unit = ms([125, 250, 500, 1000, 2000][world.rng.below(5) as usize]);
        let conduct = if peer >= trusted && peer % 10 == 9 { cheats } else { Conduct::Honest };
        speed += if conduct.lies() { 0.0 } else { 1.0 / unit.as_secs_f64() };
        world.add(peer, conduct, 1, unit);
    }
    world.job.units = (speed * 60.0) as u32;
    let began = world.now;
    world.submit(0);
    let mut waited = 0;
    while !world.state().is_over() && waited < 3000 {
        world.run(1);
        waited += 1;
    }
    let seconds = world.now.since(began).as_secs_f64();
    let state = world.state();
    assert!(
        matches!(state, State::Done { .. }),
        "{state:?} {:?}",
        world.nodes[0].desk.job(&world.id.unwrap())
    );
    let measured = Measured {
        against_ideal: seconds / 60.0,
        ran: world.ran as f64 / f64::from(world.job.units),
        reports: world.reports as f64 / seconds,
        says: world.says as f64 / seconds,
    };
    println!(
        "{lenders} lenders, {trusted} trusted, {check:?}, {cheats:?}: {:.1} times the ideal, {:.2} runs a unit, {:.0} reports and {:.0} \
         messages a second, {} caught",
        measured.against_ideal,
        measured.ran,
        measured.reports,
        measured.says,
        world.caught().len()
    );
    let found: Vec<String> = world.judge().into_iter().collect();
    assert_eq!(found, Vec::<String>::new());
    measured
}

#[test]
fn a_crowd_is_nearly_ideal() {
    let measured = crowd(1, 24, 4, Check::None, Conduct::Honest);
    assert!(measured.against_ideal < 1.6, "{}", measured.against_ideal);
    assert!(measured.ran < 1.3, "{}", measured.ran);
    assert!(measured.reports < 60.0 && measured.says < 64.0);
}

#[test]
fn sampling_costs_little() {
    let measured = crowd(2, 24, 4, Check::Sample, Conduct::Wrong);
    assert!(measured.against_ideal < 2.0, "{}", measured.against_ideal);
    assert!(measured.ran < 1.6, "{}", measured.ran);
}

/// The share of its time in which a lender is busy that works alone for a steward elsewhere.
fn busy(cores: u8, unit: Duration, result: usize) -> f64 {
    const SECONDS: u64 = 60;
    let mut world = World::new(5, job(1_000_000, Check::None, &[0], result));
    (world.tick, world.delay, world.loss) = (ms(20), 60, 1);
    world.add(0, Conduct::Honest, 0, unit);
    world.add(1, Conduct::Honest, cores, unit);
    let speed = f64::from(cores) / unit.as_secs_f64();
    world.submit(0);
    // The steward begins after a second, and the lender fetches the program.
    world.run(2);
    let mut first = 0;
    let began = world.ran;
    for second in 0..SECONDS {
        world.run(1);
        first = if second == 9 { world.ran - began } else { first };
    }
    let busy = (world.ran - began) as f64 / speed / SECONDS as f64;
    println!(
        "{cores} cores, units of {unit:?} and {result} bytes: busy {:.0} %, {:.0} % of the first 10 s",
        busy * 100.0,
        first as f64 / speed * 10.0
    );
    busy
}

#[test]
fn a_lender_is_busy() {
    let cases = [
        (1, 220, 16, 0.95),
        (4, 220, 16, 0.93),
        (16, 220, 16, 0.88),
        (4, 220, 4000, 0.93),
        (4, 20, 16, 0.85),
        (1, 1500, 16, 0.95),
        (8, 3000, 16, 0.95),
    ];
    for (cores, unit, result, least) in cases {
        let busy = busy(cores, ms(unit), result);
        assert!(busy > least, "{busy}");
    }
}

/// Trusted peers of a rough crowd. They lend too.
const STEWARDS: usize = 4;
/// Seconds in which all of a rough crowd would do its job, if nobody left.
const IDEAL: f64 = 60.0;

/// A crowd of which half leaves and returns. Its stewards are killed twice, and it is split once.
struct Rough {
    world: World,
    units: Vec<Duration>,
    conducts: Vec<Conduct>,
    /// Leaving, returning: the second and the peer.
    plans: Vec<(u64, bool, usize)>,
    /// Units that honest lenders, and of those that trusted peers, could have run by the end of each second.
    possible: Vec<(f64, f64)>,
}

impl Rough {
    fn new(seed: u64, lenders: usize, percent: usize) -> Rough {
        use Conduct::{Claims, Honest, ManyKeys, Rare, Sleeper, Wrong};
        let trusted: Vec<usize> = (0..STEWARDS).collect();
        let mut world = World::new(seed, job(1, Check::Sample, &trusted, 400));
        let cheaters = (lenders * percent).div_ceil(100);
        let (mut units, mut conducts, mut plans) = (Vec::new(), Vec::new(), Vec::new());
        for peer in 0..lenders {
            units.push(ms(16_000 >> world.rng.below(7)));
            let is_cheater = peer >= STEWARDS && peer < STEWARDS + cheaters;
            conducts.push(if is_cheater {
                [Wrong, Rare, Sleeper, ManyKeys, Claims][peer % 5]
            } else {
                Honest
            });
            world.add(peer, conducts[peer], 1, units[peer]);
            if peer >= STEWARDS && peer % 2 == 0 {
                let leaves = 10 + world.rng.below(IDEAL as u64);
                plans.extend([(leaves, false, peer), (leaves + 5 + world.rng.below(60), true, peer)]);
            }
        }
        for (steward, at) in [(0, 25), (1, 80)] {
            plans.extend([(at, false, steward), (at + 50, true, steward)]);
        }
        let speed: f64 = units.iter().map(|unit| 1.0 / unit.as_secs_f64()).sum();
        world.job.units = (speed * IDEAL) as u32;
        Rough { world, units, conducts, plans, possible: Vec::new() }
    }

    /// One second.
    fn second(&mut self, second: u64) {
        for (_, is_return, peer) in self.plans.iter().filter(|(at, ..)| *at == second) {
            if *is_return && self.world.at(*peer).is_none() {
                self.world.add(*peer, self.conducts[*peer], 1, self.units[*peer]);
            } else if !is_return {
                self.world.kill(*peer, peer % 4 == 0);
            }
        }
        if second == 50 || second == 70 {
            let is_split = second == 50;
            self.world
                .nodes
                .iter_mut()
                .for_each(|node| node.group = u8::from(is_split && node.peer % 3 == 0));
        }
        self.world.run(1);
        let (mut honest, mut trusted) = self.possible.last().copied().unwrap_or_default();
        for node in self.world.nodes.iter().filter(|node| node.peer < self.units.len()) {
            let speed = 1.0 / self.units[node.peer].as_secs_f64();
            honest += if self.conducts[node.peer].lies() { 0.0 } else { speed };
            trusted += if node.peer < STEWARDS { speed } else { 0.0 };
        }
        self.possible.push((honest, trusted));
    }

    /// Runs to the end. Returns the seconds that it took, and those in which the lenders could have run the units and the trusted peers the
    /// checks.
    fn run(&mut self) -> (u64, u64) {
        let id = self.world.submit(0);
        let mut seconds = 0;
        while seconds < 3000 && !self.world.state().is_over() {
            self.second(seconds);
            seconds += 1;
        }
        let views = self.world.nodes.iter().filter_map(|node| node.desk.job(&id));
        let (units, checked) = (self.world.job.units, views.map(|view| view.checked).max().unwrap_or(0));
        let could = |(honest, trusted): &(f64, f64)| *honest >= units.into() && *trusted >= checked.into();
        let ideal = self.possible.iter().position(could).map_or(seconds, |at| at as u64 + 1);
        println!("{units} units, {checked} of them checked");
        (seconds, ideal)
    }

    /// Wrong results in the outcome, and those of them that a trusted peer repeated.
    fn wrong(&self) -> (u32, u32) {
        let book = self.world.book().expect("the job is done");
        let index = book.index.and_then(|(index, _)| Index::decode(self.world.blob(&index)?).ok());
        let State::Done { outcome } = book.state else { panic!("{:?}", book.state) };
        let outcome = self.world.blob(&outcome.0).expect("the outcome is here");
        let values = packet::read(outcome, self.world.job.units as usize, 400).expect("it is a list");
        let is_wrong = |unit: u32| values[unit as usize] != value(&self.world.job, unit);
        let all = (0..self.world.job.units).filter(|unit| is_wrong(*unit)).count() as u32;
        let index = index.expect("the index is here");
        let confirmed = index.entries.iter().filter(|entry| entry.confirmed.is_some());
        let checked = confirmed.flat_map(|entry| entry.first..entry.first + u32::from(entry.units));
        (all, checked.filter(|unit| is_wrong(*unit)).count() as u32)
    }
}

/// A rough crowd's job is done, and keeps the promises.
fn rough(percent: usize) {
    let lenders = if std::env::var_os("MESHWORK_NIGHTLY").is_some() { 1000 } else { 40 };
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("repeat with MESHWORK_SEED={seed}");
    let mut rough = Rough::new(seed, lenders, percent);
    let (seconds, ideal) = rough.run();
    assert!(matches!(rough.world.state(), State::Done { .. }), "{:?}", rough.world.state());
    rough.world.run(5);
    let ((wrong, checked), world) = (rough.wrong(), &mut rough.world);
    let units = f64::from(world.job.units);
    println!(
        "{lenders} lenders, {percent} % cheat: {seconds} s, ideal {ideal} s; wrong {:.1} in 10,000; {:.0} % of units run twice; {:.0} \
         messages and {:.0} KiB a second; {} caught; at most {} blobs at a lender",
        f64::from(wrong) * 10_000.0 / units,
        (world.ran as f64 / units - 1.0) * 100.0,
        world.says as f64 / seconds as f64,
        world.bytes as f64 / 1024.0 / seconds as f64,
        world.caught().len(),
        world.most_blobs,
    );
    assert_eq!(checked, 0, "wrong results of checked units");
    assert_eq!(world.judge(), Default::default());
    assert!(world.reports as f64 / (seconds as f64) < 60.0, "{} reports", world.reports);
    assert!(world.most_blobs <= 80, "{} blobs at a lender", world.most_blobs);
    assert!((seconds as f64) < 4.0 * ideal as f64, "{seconds} s, ideal {ideal} s");
}

#[test]
fn a_rough_crowd_keeps_all_promises() {
    rough(1);
}

#[test]
fn many_cheaters_change_no_checked_result() {
    rough(10);
}

#[test]
fn a_slow_lender_delays_nobody() {
    let mut world = World::new(4, job(40, Check::None, &[0], 16));
    world.add(0, Conduct::Honest, 1, ms(200));
    world.add(1, Conduct::Honest, 1, Duration::from_secs(60));
    world.add(2, Conduct::Hangs, 2, ms(200));
    world.submit(0);
    let began = world.now;
    assert!(matches!(world.run_to_end(400), State::Done { .. }));
    assert!(world.now.since(began) < Duration::from_secs(100), "{:?}", world.now.since(began));
    assert!(!world.caught().contains(&peer_id(2)));
    // The slow one still ran a unit.
    world.run(2);
    let id = world.id.expect("it was submitted");
    assert!(world.nodes.iter().all(|node| !node.desk.is_running(&id)), "units of a job that is done run on");
}
