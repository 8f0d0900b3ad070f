//! Random schedules: endpoints leave and return, stewards crash, the room splits, messages come late and twice, peers cheat.
//!
//! `MESHWORK_SEED` sets the first seed, `MESHWORK_NIGHTLY` tries many more, `MESHWORK_COMPUTE_SEEDS` as many as it says. A
//! violation names its seed.

use std::collections::BTreeSet;

use meshwork_compute::book::State;
use meshwork_compute::job::{Check, Input as JobInput, Reduce};
use meshwork_compute::order::Order;
use meshwork_compute::{Input, Job, JobId, Terms};

use crate::basics::ms;
use crate::world::{Conduct, Node, World, job, plain};

const SEEDS: u64 = 60;
const NIGHTLY_SEEDS: u64 = 20_000;
/// Peers of a schedule. The first three may be trusted.
const PEERS: usize = 7;

/// One random schedule.
pub(crate) struct Schedule {
    world: World,
    trusted: usize,
    is_cancelled: bool,
    /// A second job, and whether it is erased.
    other: Option<(JobId, bool)>,
}

fn draw<T: Copy>(world: &mut World, of: &[T]) -> T {
    of[world.rng.below(of.len() as u64) as usize]
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Schedule {
        let mut world = World::new(seed, job(10, Check::None, &[0], 40));
        let trusted = 1 + world.rng.below(3) as usize;
        let check = draw(&mut world, &[Check::None, Check::Sample, Check::Sample, Check::All, Check::All]);
        let units = 4 + world.rng.below(200) as u32;
        let result = draw(&mut world, &[8, 40, 40, 900]);
        world.job = job(units, check, &(0..trusted).collect::<Vec<_>>(), result);
        let (blob, length) = world.input_blob(b"input");
        world.job.input = match world.rng.below(8) {
            0 => JobInput::Whole(blob, length),
            1 => JobInput::Items(blob, length),
            _ => JobInput::None,
        };
        world.job.reduce = draw(&mut world, &[Reduce::List, Reduce::List, Reduce::List, Reduce::Program]);
        world.loss = draw(&mut world, &[0, 5, 10, 30]);
        for peer in 0..PEERS {
            let conduct = if peer < trusted { Conduct::Honest } else { Schedule::conduct(&mut world) };
            let cores = if peer > 0 { draw(&mut world, &[1, 1, 2, 4]) } else { draw(&mut world, &[0, 1]) };
            let unit = ms(draw(&mut world, &[50, 200, 400, 800, 3200]));
            world.add(peer, conduct, cores, unit);
        }
        let id = world.submit(0);
        for peer in 0..PEERS {
            if world.rng.below(4) == 0 {
                world.with(peer, |desk| desk.follow(&id, true));
            }
        }
        let mut other = None;
        if world.rng.below(3) == 0 {
            let units = 4 + world.rng.below(60) as u32;
            let job = Job { units, nonce: [1; 8], ..world.job.clone() };
            other = Some((world.submit_also(0, job), false));
        }
        Schedule { world, trusted, is_cancelled: false, other }
    }

    fn conduct(world: &mut World) -> Conduct {
        use Conduct::{Claims, Fails, Hangs, Honest, ManyKeys, Rare, Sleeper, Wrong};
        draw(world, &[Honest, Honest, Honest, Wrong, Rare, Sleeper, ManyKeys, Hangs, Fails, Claims])
    }

    /// Runs it to its end. Returns violations.
    pub(crate) fn run(mut self) -> BTreeSet<String> {
        let steps = 3 + self.world.rng.below(20);
        for _ in 0..steps {
            self.act();
            let seconds = draw(&mut self.world, &[1, 3, 8, 20]);
            self.world.run(seconds);
        }
        self.settle();
        let state = self.world.run_to_end(1500);
        self.world.run(20);
        let mut found = self.world.judge();
        found.extend(self.world.judge_followers());
        found.extend(self.judge_other());
        let is_lost = found.iter().any(|violation| violation.starts_with("outcome-lost"));
        if !state.is_over() || is_lost {
            found.insert(format!("stuck: {}", self.world.summary()));
        }
        match state {
            State::Failed { .. } => found.extend([format!("failed: {state:?}")]),
            State::Cancelled if !self.is_cancelled => {
                found.extend(["cancelled: nobody cancelled".to_owned()])
            }
            _ => (),
        }
        found
    }

    /// The second job ends too, or nobody knows it.
    fn judge_other(&mut self) -> Option<String> {
        let (id, is_erased) = self.other?;
        if is_erased {
            self.world.run(80);
            let knows = |node: &Node| node.desk.job(&id).is_some() || node.desk.is_running(&id);
            let is_known = self.world.nodes.iter().any(knows) || self.world.book_of(&id).is_some();
            return is_known.then(|| "not-erased: the second job is still known".to_owned());
        }
        for _ in 0..600 {
            if !self.world.state_of(&id).is_over() {
                self.world.run(1);
            }
        }
        let state = self.world.state_of(&id);
        (!matches!(state, State::Done { .. })).then(|| format!("stuck: the second job is {state:?}"))
    }

    fn act(&mut self) {
        let peer = self.world.rng.below(PEERS as u64) as usize;
        let id = self.world.id.unwrap();
        match self.world.rng.below(18) {
            0..3 => {
                let keeps_disk = peer == 0 || self.world.rng.below(2) == 0;
                self.world.kill(peer, keeps_disk);
            }
            3..6 => self.bring_back(peer),
            6 => {
                let mask = self.world.rng.below(128);
                self.world
                    .nodes
                    .iter_mut()
                    .for_each(|node| node.group = (mask >> (node.peer % PEERS) & 1) as u8);
            }
            7..9 => self.world.nodes.iter_mut().for_each(|node| node.group = 0),
            9 => self.world.with(peer, |desk| desk.order(&id, Order::Pause)),
            10 => self.world.with(peer, |desk| desk.order(&id, Order::Run)),
            11 => drop(self.world.refuses.insert(peer)),
            12 => self.world.refuses.clear(),
            13 => self.replay(),
            14 => self.world.loss = draw(&mut self.world, &[0, 5, 10, 30]),
            15 => {
                let is_on = self.world.rng.below(3) > 0;
                self.world.with(peer, |desk| desk.follow(&id, is_on));
                if let Some(at) = self.world.at(peer).filter(|_| !is_on) {
                    self.world.nodes[at].given.clear();
                }
            }
            16 if self.world.at(0).is_some() && !self.world.refuses.contains(&0) => {
                if let Some((other, is_erased)) = self.other.as_mut().filter(|_| peer < 3) {
                    let other = *other;
                    *is_erased |= self.world.nodes[self.world.at(0).unwrap()].desk.job(&other).is_some();
                    self.world.with(0, |desk| desk.erase(&other));
                }
            }
            _ if self.world.rng.below(5) == 0 => {
                self.is_cancelled =
                    self.world.at(peer).is_some() && !self.world.refuses.contains(&peer) || self.is_cancelled;
                self.world.with(peer, |desk| desk.cancel(&id));
            }
            _ => {
                let now = self.world.now;
                let terms = Terms { is_paused: self.world.rng.below(3) == 0, ..plain() };
                let terms = (self.world.rng.below(3) > 0).then_some(terms);
                self.world.with(peer, |desk| desk.lend(now, terms));
            }
        }
    }

    fn bring_back(&mut self, peer: usize) {
        let is_here = self.world.at(peer).is_some();
        // A second instance of a trusted peer now and then.
        if is_here && (peer >= self.trusted || self.world.rng.below(4) > 0) {
            return;
        }
        let conduct = self.world.conducts[&peer];
        let unit = ms(draw(&mut self.world, &[50, 200, 400, 800]));
        self.world.add(peer, conduct, 1, unit);
    }

    /// Messages of the past come again.
    fn replay(&mut self) {
        for (from, topic, bytes) in self.world.replay.clone() {
            for at in 0..self.world.nodes.len() {
                if self.world.nodes[at].endpoint != from {
                    let now = self.world.now;
                    self.world.nodes[at].desk.handle(now, Input::Message { from, topic, bytes: &bytes });
                }
            }
        }
    }

    /// From now on nothing is lost, and everybody trusted is here and lends.
    fn settle(&mut self) {
        self.world.loss = 0;
        self.world.refuses.clear();
        self.world.nodes.iter_mut().for_each(|node| node.group = 0);
        let (id, now) = (self.world.id.unwrap(), self.world.now);
        for peer in 0..self.trusted {
            if self.world.at(peer).is_none() {
                self.world.add(peer, Conduct::Honest, 1, ms(200));
            }
            let terms = Terms { cores: 2, ..plain() };
            self.world.with(peer, |desk| desk.lend(now, Some(terms)));
        }
        self.world.run(20);
        let here: Vec<usize> = self.world.nodes.iter().map(|node| node.peer).collect();
        for peer in here {
            self.world.with(peer, |desk| desk.order(&id, Order::Run));
        }
    }
}

fn first_seed() -> u64 {
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("repeat with MESHWORK_SEED={seed}");
    seed
}

/// Violations of a run of schedules: the seed and the text of each.
pub(crate) fn violations(first: u64, count: u64) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    for seed in first..first + count {
        found.extend(Schedule::new(seed).run().into_iter().map(|violation| (seed, violation)));
    }
    found
}

#[test]
fn random_schedules_keep_all_promises() {
    let asked = std::env::var("MESHWORK_COMPUTE_SEEDS").ok().and_then(|count| count.parse().ok());
    let usual = if std::env::var_os("MESHWORK_NIGHTLY").is_some() { NIGHTLY_SEEDS } else { SEEDS };
    let count = asked.unwrap_or(usual);
    let first = first_seed();
    let threads = 2;
    let found: Vec<(u64, String)> = std::thread::scope(|scope| {
        let part =
            |thread| scope.spawn(move || violations(first + thread * (count / threads), count / threads));
        let parts: Vec<_> = (0..threads).map(part).collect();
        parts.into_iter().flat_map(|part| part.join().expect("a schedule panicked")).collect()
    });
    let count = found.len();
    for (seed, violation) in found.iter().take(12) {
        println!("seed {seed}: {violation}");
    }
    assert_eq!(count, 0, "violations in random schedules");
}
