//! Parties drawn from seeds: loss, jitter, hosts that die at any tick, cuts, splits, reloads, returns and hand-overs.

use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_play::session::{Act, Can, Phase};

use meshwork_play::{Draw, HostLoss, Party};

use crate::world::{Measured, World, ms, party};

/// Seeds of each run. A night tries many more: `MESHWORK_NIGHTLY=1`, or `MESHWORK_PLAY_SEEDS=5000`.
const SEEDS: u64 = 100;
const NIGHTLY_SEEDS: u64 = 5000;

/// A party that is drawn, and what goes wrong in it.
pub(crate) struct Drawn {
    world: World,
    rng: Rng,
    people: u8,
    waits: bool,
    log: Vec<String>,
}

impl Drawn {
    pub(crate) fn new(seed: u64, trace: bool) -> Drawn {
        let mut bytes = [77; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(bytes);
        let host_loss = if rng.below(5) == 0 { HostLoss::Wait } else { HostLoss::Migrate };
        let draw = if rng.below(2) == 0 { Draw::Predict } else { Draw::Interpolate };
        let waits = host_loss == HostLoss::Wait;
        let mut world = World::new(seed, Party { host_loss, draw, ..party() });
        world.trace = trace;
        let people = 2 + rng.below(5) as u8;
        world.way(2 + rng.below(60), rng.below(100), rng.below(6) as u8);
        Drawn { world, rng, people, waits, log: Vec::new() }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.below(bound as u64) as usize
    }

    fn note(&mut self, text: String) {
        if self.world.trace {
            println!("{:>9.3} ---- {text}", self.world.now.0 as f64 / 1e6);
        }
        self.log.push(text);
    }

    /// The fifth person cannot host.
    fn can(&self, person: u8) -> Can {
        if person == 4 { Can::Play } else { Can::Host }
    }

    fn some_host(&mut self) -> Option<usize> {
        let hosts = self.world.hosts();
        if hosts.is_empty() { None } else { Some(hosts[self.below(hosts.len())]) }
    }

    fn somebody(&mut self) -> Option<usize> {
        let alive = self.world.alive();
        if alive.is_empty() { None } else { Some(alive[self.below(alive.len())]) }
    }

    /// A program ends. Of its person another one may come at once, later, or at the end.
    fn end(&mut self, which: usize) {
        let (goodbye, comes) = (self.below(2) == 0, self.below(3));
        let person = self.world.person(which);
        self.note(format!("m{which} of p{person} ends, goodbye {goodbye}, comes back {comes}"));
        self.world.kill(which, goodbye);
        if comes < 2 {
            let after = if comes == 0 { 50 + self.rng.below(500) } else { 1000 + self.rng.below(4000) };
            self.world.run(ms(after));
            let can = self.can(person);
            let again = self.world.add(person, can);
            self.note(format!("p{person} comes back as m{again}"));
        }
    }

    /// Two groups that do not reach each other.
    fn split(&mut self) {
        let alive = self.world.alive();
        let size = 1 + self.below(alive.len().max(2) - 1);
        let mut side: Vec<usize> = alive.clone();
        while side.len() > size {
            let out = self.below(side.len());
            side.remove(out);
        }
        self.note(format!("split off {side:?}"));
        let other: Vec<usize> = alive.into_iter().filter(|which| !side.contains(which)).collect();
        let pairs: Vec<(usize, usize)> =
            side.iter().flat_map(|one| other.iter().map(|other| (*one, *other))).collect();
        pairs.iter().for_each(|(one, other)| self.world.cut(*one, *other, true));
        let time = 500 + self.rng.below(14_000);
        self.world.run(ms(time));
        self.note(String::from("healed"));
        pairs.iter().for_each(|(one, other)| self.world.cut(*one, *other, false));
    }

    fn cut(&mut self) {
        let (Some(one), Some(other)) = (self.some_host(), self.somebody()) else { return };
        if one == other {
            return;
        }
        self.note(format!("cut m{one} m{other}"));
        self.world.cut(one, other, true);
        let time = 500 + self.rng.below(12_000);
        self.world.run(ms(time));
        self.note(String::from("healed"));
        self.world.cut(one, other, false);
    }

    fn fault(&mut self) {
        match self.below(9) {
            0 | 1 => {
                if let Some(host) = self.some_host() {
                    self.end(host);
                }
            }
            2 => {
                if let Some(which) = self.somebody() {
                    self.end(which);
                }
            }
            3 | 4 => self.split(),
            5 => self.cut(),
            6 => {
                if let Some(host) = self.some_host() {
                    self.note(format!("m{host} hands over"));
                    self.world.act(host, Act::HandOver);
                }
            }
            7 => {
                let who = if self.below(2) == 0 { self.some_host() } else { self.somebody() };
                if let Some(which) = who {
                    let time = 200 + self.rng.below(8000);
                    self.note(format!("m{which} stands still for {time} ms"));
                    self.world.stall(which, ms(time));
                }
            }
            _ => {
                if let Some(host) = self.some_host() {
                    self.note(format!("m{host} is hidden"));
                    self.world.act(host, Act::Hidden(true));
                    let time = 500 + self.rng.below(3000);
                    self.world.run(ms(time));
                    self.world.act(host, Act::Hidden(false));
                }
            }
        }
    }

    pub(crate) fn run(mut self) -> Result<Measured, String> {
        for person in 0..self.people {
            let can = self.can(person);
            self.world.add(person, can);
            let time = self.rng.below(300);
            self.world.run(ms(time));
        }
        self.world.run(ms(5000));
        let hosts = self.world.hosts();
        if hosts.len() == 1 && self.below(8) > 0 {
            self.world.begin();
        }
        for _ in 0..1 + self.below(3) {
            let time = 200 + self.rng.below(2500);
            self.world.run(ms(time));
            if self.world.violations.is_empty() {
                self.fault();
            }
        }
        self.settle();
        if self.world.alive().iter().any(|which| self.can(self.world.person(*which)) == Can::Host) {
            self.world.check_healed();
        }
        match self.world.violations.first() {
            Some(violation) => Err(format!("{violation}\n  {}", self.log.join("\n  "))),
            None => Ok(self.world.measured),
        }
    }

    /// Those who did not leave come back, and nothing happens any more.
    fn settle(&mut self) {
        let alive: Vec<u8> = self.world.alive().into_iter().map(|which| self.world.person(which)).collect();
        let away: Vec<u8> = (0..self.people).filter(|person| !alive.contains(person)).collect();
        if self.below(2) == 0 || alive.is_empty() {
            self.note(format!("{away:?} come back"));
            for person in away {
                let can = self.can(person);
                self.world.add(person, can);
            }
        }
        let here = self.world.alive().len();
        let is_few = here * 2 < usize::from(self.people);
        self.world.run(if is_few || self.waits { Duration::from_secs(50) } else { Duration::from_secs(11) });
        let is_on = |which: &usize| self.world.session(*which).lobby().phase == Phase::Playing;
        if self.world.alive().iter().all(is_on) {
            self.world.run(ms(500));
        }
    }
}

fn seeds() -> u64 {
    let asked = std::env::var("MESHWORK_PLAY_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let nightly = std::env::var_os("MESHWORK_NIGHTLY").is_some();
    asked.unwrap_or(if nightly { NIGHTLY_SEEDS } else { SEEDS })
}

/// One seed with all that happens: `MESHWORK_PLAY_SEED=17 cargo test -p meshwork-play one_seed -- --nocapture`.
#[test]
fn one_seed_is_told() {
    let Some(seed) = std::env::var("MESHWORK_PLAY_SEED").ok().and_then(|seed| seed.parse().ok()) else {
        return;
    };
    if let Err(wrong) = Drawn::new(seed, true).run() {
        panic!("seed {seed}: {wrong}");
    }
}

#[test]
fn drawn_parties_keep_what_is_promised() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let seeds = seeds();
    let run = |thread: u64| {
        let mut worst = Measured::default();
        let mut wrong = Vec::new();
        for seed in (thread..seeds).step_by(threads as usize) {
            if std::env::var_os("MESHWORK_PLAY_PROGRESS").is_some() {
                println!("begin {seed}");
            }
            match Drawn::new(seed, false).run() {
                Ok(measured) => {
                    worst.longest_gap = worst.longest_gap.max(measured.longest_gap);
                    worst.most_lost = worst.most_lost.max(measured.most_lost);
                    worst.ticks += measured.ticks;
                }
                Err(violation) => wrong.push(format!("seed {seed}: {violation}")),
            }
        }
        (worst, wrong)
    };
    let results: Vec<(Measured, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    let wrong: Vec<String> = results.iter().flat_map(|(_, wrong)| wrong.clone()).collect();
    let ticks: u64 = results.iter().map(|(worst, _)| worst.ticks).sum();
    let lost = results.iter().map(|(worst, _)| worst.most_lost).max();
    println!("{seeds} seeds, {ticks} ticks, most ticks taken back {lost:?}");
    assert!(wrong.is_empty(), "{} of {seeds} seeds:\n{}", wrong.len(), wrong.join("\n"));
}
