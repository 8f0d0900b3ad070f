//! Members of a shared world over a network that loses, delays, doubles and reorders, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::rng::Rng;
use meshwork_core::time::{Time, WallTime};
use meshwork_physics::Digest;
use meshwork_physics::lockstep::{
    Config, Event, HERE_MAX, Input, Line, Lockstep, Output, Phase, Simulation, WAITING_MAX,
};

/// Everything that a member may store: the orderer's log, its queues, and little else.
const STORED_MAX: usize = 3600 + 24 * (WAITING_MAX + 4) + 8 * WAITING_MAX + HERE_MAX;

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn endpoint(number: usize) -> Endpoint {
    Endpoint { peer: PeerId([number as u8 + 1; 32]), instance: Instance(number as u64 + 1) }
}

/// A world that costs nothing. `warm` is not in its snapshot and changes its way, as forces of the last step do in rapier.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cheap {
    pub(crate) steps: u64,
    state: u64,
    /// Of each author, the last number and how many were applied.
    pub(crate) authors: BTreeMap<[u8; 40], (u32, u32)>,
    pub(crate) doubled: bool,
    warm: u64,
}

fn mix(state: u64, value: u64) -> u64 {
    (state ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

impl Simulation for Cheap {
    type Refusal = String;

    fn step(&mut self, inputs: &[Input]) {
        for input in inputs {
            let author = self.authors.entry(input.from.to_bytes()).or_default();
            self.doubled |= input.number <= author.0;
            *author = (input.number, author.1 + 1);
            self.state = input.bytes.iter().fold(self.state, |state, byte| mix(state, u64::from(*byte) + 1));
        }
        self.steps += 1;
        self.warm = mix(self.warm, self.state) | 1;
        self.state = mix(self.state, self.warm & 0xff);
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.doubled)];
        bytes.extend(self.steps.to_le_bytes());
        bytes.extend(self.state.to_le_bytes());
        for (author, (last, count)) in &self.authors {
            bytes.extend(author);
            bytes.extend(last.to_le_bytes());
            bytes.extend(count.to_le_bytes());
        }
        bytes
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), String> {
        let (head, authors) = snapshot.split_at_checked(17).ok_or("it breaks off")?;
        if authors.len() % 48 != 0 {
            return Err(String::from("it breaks off"));
        }
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let small = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let authors = authors.chunks(48).map(|chunk| {
            let author: [u8; 40] = chunk[..40].try_into().expect("forty bytes");
            (author, (small(&chunk[40..44]), small(&chunk[44..])))
        });
        *self = Cheap {
            steps: number(&head[1..9]),
            state: number(&head[9..]),
            authors: authors.collect(),
            doubled: head[0] != 0,
            warm: 0,
        };
        Ok(())
    }

    fn digest(&self) -> Digest {
        *blake3::hash(&self.snapshot()).as_bytes()
    }
}

pub(crate) struct Member {
    pub(crate) lockstep: Lockstep<Cheap>,
    pub(crate) events: Vec<Event>,
    pub(crate) lost: usize,
}

/// All members, the network between them, and the checkers.
pub(crate) struct Room {
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    pub(crate) members: BTreeMap<usize, Member>,
    next: usize,
    /// Messages by arrival.
    net: BTreeMap<(Time, u64), (Endpoint, Endpoint, Vec<u8>)>,
    sent: u64,
    /// Percent of messages that get lost, and as many come twice.
    pub(crate) loss: u64,
    pub(crate) delay: (u64, u64),
    /// Pairs that do not reach each other.
    pub(crate) cut: Vec<(usize, usize)>,
    worlds: BTreeMap<(u32, Endpoint, u64), Digest>,
    /// A member that may differ.
    forgiven: Option<usize>,
    pub(crate) violations: Vec<String>,
}

impl Room {
    pub(crate) fn new(seed: u64) -> Room {
        let mut bytes = [3; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Room {
            now: Time(1_000_000),
            rng: Rng::new(bytes),
            members: BTreeMap::new(),
            next: 0,
            net: BTreeMap::new(),
            sent: 0,
            loss: 5,
            delay: (5, 60),
            cut: Vec::new(),
            worlds: BTreeMap::new(),
            forgiven: None,
            violations: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self) -> usize {
        let (which, me) = (self.next, endpoint(self.next));
        self.next += 1;
        // Civil clocks are wrong by some seconds.
        let since = WallTime(1_790_000_000_000_000 + self.now.0 + self.rng.below(3_000_000));
        let mut lockstep = Lockstep::new(self.now, since, me, Config::default(), Cheap::default());
        for (other, member) in &mut self.members {
            member.lockstep.here(me);
            lockstep.here(endpoint(*other));
        }
        self.members.insert(which, Member { lockstep, events: Vec::new(), lost: 0 });
        which
    }

    /// A program ends. Links close, or just fall silent.
    pub(crate) fn kill(&mut self, which: usize, is_noticed: bool) {
        self.members.remove(&which);
        if is_noticed {
            self.members.values_mut().for_each(|member| member.lockstep.gone(endpoint(which)));
        }
    }

    /// This member may differ, until [`Room::watch`].
    pub(crate) fn forgive(&mut self, which: usize) {
        self.forgiven = Some(which);
    }

    pub(crate) fn watch(&mut self) {
        self.forgiven = None;
    }

    fn is_cut(&self, one: Endpoint, other: Endpoint) -> bool {
        let is = |(a, b): &(usize, usize)| {
            (endpoint(*a), endpoint(*b)) == (one, other) || (endpoint(*b), endpoint(*a)) == (one, other)
        };
        self.cut.iter().any(is)
    }

    pub(crate) fn send(&mut self, from: Endpoint, to: Endpoint, bytes: Vec<u8>) {
        if self.rng.below(100) < self.loss || self.is_cut(from, to) {
            return;
        }
        let copies = 1 + u64::from(self.rng.below(100) < self.loss);
        for _ in 0..copies {
            let delay = self.delay.0 + self.rng.below(self.delay.1.max(1));
            self.sent += 1;
            self.net.insert((self.now + ms(delay), self.sent), (from, to, bytes.clone()));
        }
    }

    fn drain(&mut self, which: usize) {
        let mut sends = Vec::new();
        let Some(member) = self.members.get_mut(&which) else { return };
        while let Some(output) = member.lockstep.poll_output() {
            match output {
                Output::Send(to, bytes) => sends.push((to, bytes)),
                Output::Event(event) => {
                    if let Event::Lost(lost) = event {
                        member.lost += lost;
                    }
                    member.events.push(event);
                }
            }
        }
        for (to, bytes) in sends {
            self.send(endpoint(which), to, bytes);
        }
        self.check(which);
    }

    fn check(&mut self, which: usize) {
        let lockstep = &self.members[&which].lockstep;
        let mut wrong = |text: String| self.violations.push(text);
        if lockstep.stored() > STORED_MAX {
            wrong(format!("bounded: m{which} stores {}", lockstep.stored()));
        }
        if !matches!(lockstep.phase(), Phase::Following | Phase::Ordering) {
            return;
        }
        let world = lockstep.simulation();
        if world.steps != lockstep.tick() {
            wrong(format!("ticks: m{which} made {} steps in {} ticks", world.steps, lockstep.tick()));
        }
        if world.doubled {
            wrong(format!("once: an input was applied twice at m{which}"));
        }
        let Some(line) = lockstep.line().filter(|_| self.forgiven != Some(which)) else { return };
        let digest = world.digest();
        let known = *self.worlds.entry((line.term, line.orderer, lockstep.tick())).or_insert(digest);
        if known != digest {
            let tick = lockstep.tick();
            wrong(format!("digest: m{which} differs at tick {tick} of term {}", line.term));
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let arrival = self.net.keys().next().map(|(time, _)| *time);
            let due =
                self.members.iter().map(|(which, member)| (member.lockstep.poll_timeout(), *which)).min();
            let next = arrival.into_iter().chain(due.map(|(time, _)| time)).min();
            let Some(next) = next.filter(|next| *next <= end && self.violations.is_empty()) else { break };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (from, to, bytes)) = self.net.pop_first().expect("one arrives");
                let which = self.members.keys().copied().find(|which| endpoint(*which) == to);
                if let Some(which) = which.filter(|_| !self.is_cut(from, to)) {
                    let now = self.now;
                    self.members.get_mut(&which).expect("it is here").lockstep.handle(now, from, &bytes);
                    self.drain(which);
                }
            } else if let Some((_, which)) = due {
                let now = self.now;
                self.members.get_mut(&which).expect("it is here").lockstep.timeout(now);
                self.drain(which);
            }
        }
        self.now = end;
    }

    /// Everybody has an input now and then for a while.
    pub(crate) fn play(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end && self.violations.is_empty() {
            let pause = ms(20 + self.rng.below(120));
            self.run(pause.min(end.since(self.now)));
            let all: Vec<usize> = self.members.keys().copied().collect();
            if !all.is_empty() {
                let which = all[self.rng.below(all.len() as u64) as usize];
                self.input(which);
            }
        }
    }

    pub(crate) fn input(&mut self, which: usize) {
        let bytes = self.rng.bytes::<8>();
        let now = self.now;
        if let Some(member) = self.members.get_mut(&which) {
            // A full queue is an answer as well: it is checked that it empties.
            member.lockstep.input(now, &bytes).ok();
        }
        self.drain(which);
    }

    pub(crate) fn line(&self, which: usize) -> Option<Line> {
        self.members[&which].lockstep.line()
    }

    pub(crate) fn orderers(&self) -> Vec<usize> {
        let orders = |member: &Member| member.lockstep.phase() == Phase::Ordering;
        self.members.iter().filter(|(_, member)| orders(member)).map(|(which, _)| *which).collect()
    }

    /// After a while without trouble everybody is in one line, goes on, and inputs are applied.
    pub(crate) fn check_healed(&mut self) {
        if !self.violations.is_empty() {
            return;
        }
        let lines: Vec<Option<Line>> = self.members.keys().map(|which| self.line(*which)).collect();
        let phases: Vec<Phase> = self.members.values().map(|member| member.lockstep.phase()).collect();
        let is_one = lines.iter().all(|line| line.is_some() && *line == lines[0]);
        let is_on = phases.iter().filter(|phase| **phase == Phase::Ordering).count() == 1
            && phases.iter().all(|phase| matches!(phase, Phase::Following | Phase::Ordering));
        if !is_one || !is_on {
            self.violations.push(format!("healed: {phases:?} in {lines:?}"));
            return;
        }
        let all: Vec<usize> = self.members.keys().copied().collect();
        let applied = |room: &Room, of: usize, at: usize| {
            let authors = &room.members[&at].lockstep.simulation().authors;
            authors.get(&endpoint(of).to_bytes()).map_or(0, |(_, count)| *count)
        };
        let before: Vec<(u64, u32)> = all
            .iter()
            .map(|which| (self.members[which].lockstep.tick(), applied(self, *which, *which)))
            .collect();
        all.iter().for_each(|which| self.input(*which));
        self.run(ms(2500));
        for (which, (tick, count)) in all.iter().zip(before) {
            let lockstep = &self.members[which].lockstep;
            if lockstep.tick() < tick + 120 || lockstep.waiting() > 0 {
                let (now, waiting) = (lockstep.tick(), lockstep.waiting());
                self.violations
                    .push(format!("progress: m{which} from tick {tick} to {now}, {waiting} inputs wait"));
            } else if all.iter().any(|at| applied(self, *which, *at) <= count) {
                self.violations.push(format!("progress: the input of m{which} was not applied everywhere"));
            } else if lockstep.members().len() != all.len() {
                self.violations.push(format!(
                    "members: m{which} knows {} of {}",
                    lockstep.members().len(),
                    all.len()
                ));
            }
        }
    }
}
