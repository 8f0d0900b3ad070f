//! Two to six sessions in one program under a chosen delay and loss: the trial of an author, and most tests.
//!
//! # How it works
//! Datagrams may be lost and overtake each other, but an older one of a topic is dropped after a newer one. All other messages
//! arrive in order, and wait while two members are cut off from each other; others pass broadcasts and presence on. Time is
//! handed in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::Time;

use crate::session::{Act, ActError, Can, Config, FromGame, Linked, Output, Session};
use crate::{Party, PlayerInput};

/// Time for a link to open.
const LINKING: Duration = Duration::from_millis(300);
/// Silence after which a link is gone.
const GONE_AFTER: Duration = Duration::from_secs(10);

/// The way between two members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The time of a packet in one direction.
    pub delay: Duration,
    /// The most that a packet takes longer.
    pub jitter: Duration,
    /// Lost datagrams of a hundred.
    pub loss: u8,
}

#[derive(Clone, Debug)]
enum Carried {
    Datagram { topic: &'static str, number: u64, bytes: Vec<u8> },
    Direct(Vec<u8>),
    Said(&'static str, Vec<u8>),
    Present(Vec<u8>),
    Link(Linked),
}

struct Member {
    session: Session,
    is_alive: bool,
    /// What came while the program stood still.
    stalled: Option<Vec<(usize, Carried)>>,
    present: Vec<u8>,
}

/// What two members are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Linked,
    CutSince(Time),
    Gone,
}

/// Sessions that talk to each other in one program.
pub struct Loopback {
    party: Party,
    rng: Rng,
    now: Time,
    way: Way,
    members: Vec<Member>,
    pairs: BTreeMap<(usize, usize), Pair>,
    cut: BTreeSet<(usize, usize)>,
    queue: BTreeMap<(Time, u64), (usize, usize, Carried)>,
    held: Vec<(usize, usize, Carried)>,
    last: BTreeMap<(usize, usize), Time>,
    newest: BTreeMap<(usize, usize, &'static str), u64>,
    count: u64,
    outputs: VecDeque<(usize, Output)>,
}

fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

impl Loopback {
    /// A party without members.
    pub fn new(party: Party, seed: Seed, now: Time) -> Loopback {
        Loopback {
            party,
            rng: Rng::new(seed),
            now,
            way: Way::default(),
            members: Vec::new(),
            pairs: BTreeMap::new(),
            cut: BTreeSet::new(),
            queue: BTreeMap::new(),
            held: Vec::new(),
            last: BTreeMap::new(),
            newest: BTreeMap::new(),
            count: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Changes the way of all packets from now on.
    pub fn set_way(&mut self, way: Way) {
        self.way = way;
    }

    /// A member that can host, with a name of its number. Returns its number.
    pub fn add_player(&mut self, now: Time) -> usize {
        let number = self.members.len();
        let peer = PeerId(self.rng.bytes());
        let endpoint = Endpoint { peer, instance: Instance(self.rng.next_u64()) };
        self.add(now, endpoint, &format!("Player {}", number + 1), Can::Host, Config::default())
    }

    /// A member. Returns its number.
    pub fn add(&mut self, now: Time, endpoint: Endpoint, name: &str, can: Can, config: Config) -> usize {
        self.handle_timeout(now);
        let number = self.members.len();
        let session = Session::new(endpoint, name, self.party.clone(), can, config, self.rng.bytes(), now);
        self.members.push(Member { session, is_alive: true, stalled: None, present: Vec::new() });
        for other in 0..number {
            self.open(other, number);
        }
        self.collect(number);
        number
    }

    /// A member ends. Without a goodbye others notice it by its silence.
    pub fn remove(&mut self, now: Time, which: usize, goodbye: bool) {
        self.handle_timeout(now);
        let Some(member) = self.members.get_mut(which) else { return };
        member.is_alive = false;
        for other in (0..self.members.len()).filter(|other| *other != which) {
            if goodbye {
                self.pairs.insert(pair(which, other), Pair::Gone);
                self.send(which, other, Carried::Link(Linked::Gone { goodbye }));
            } else {
                self.cut_pair(which, other);
            }
        }
    }

    /// Cuts two members off from each other, or lets them reach each other again.
    pub fn cut(&mut self, now: Time, one: usize, other: usize, is_cut: bool) {
        self.handle_timeout(now);
        if is_cut {
            self.cut_pair(one, other);
        } else if self.cut.remove(&pair(one, other)) {
            match self.pairs.get(&pair(one, other)) {
                Some(Pair::CutSince(_)) => {
                    self.pairs.insert(pair(one, other), Pair::Linked);
                }
                _ => self.open(one, other),
            }
        }
        self.release();
    }

    /// A program stands still, as that of a sleeping device, or goes on with all that came meanwhile.
    pub fn stall(&mut self, now: Time, which: usize, is_stalled: bool) {
        self.handle_timeout(now);
        let Some(member) = self.members.get_mut(which) else { return };
        if is_stalled {
            member.stalled.get_or_insert_default();
        } else {
            for (from, carried) in member.stalled.take().unwrap_or_default() {
                self.deliver(from, which, carried);
            }
        }
    }

    /// Whether a program stands still.
    pub fn is_stalled(&self, which: usize) -> bool {
        self.members.get(which).is_some_and(|member| member.stalled.is_some())
    }

    fn cut_pair(&mut self, one: usize, other: usize) {
        let pair = pair(one, other);
        if self.cut.insert(pair) && self.pairs.get(&pair) == Some(&Pair::Linked) {
            self.pairs.insert(pair, Pair::CutSince(self.now));
        }
    }

    fn open(&mut self, one: usize, other: usize) {
        let both = [(one, other), (other, one)];
        if self.cut.contains(&pair(one, other)) || !both.iter().all(|(who, _)| self.members[*who].is_alive) {
            return;
        }
        self.pairs.insert(pair(one, other), Pair::Linked);
        for (from, to) in both {
            let rtt = Some(self.way.delay * 2);
            let at = self.now + LINKING;
            self.last.insert((from, to), at);
            self.put(at, from, to, Carried::Link(Linked::Near(rtt)));
            let present = self.members[from].present.clone();
            self.put(at, from, to, Carried::Present(present));
        }
    }

    fn put(&mut self, at: Time, from: usize, to: usize, carried: Carried) {
        self.count += 1;
        self.queue.insert((at, self.count), (from, to, carried));
    }

    fn jitter(&mut self) -> Duration {
        Duration::from_micros(self.rng.below(self.way.jitter.as_micros() as u64 + 1))
    }

    /// Sends in order, and later if something of it is lost on the way.
    fn send(&mut self, from: usize, to: usize, carried: Carried) {
        let mut at = self.now + self.way.delay + self.jitter();
        if self.rng.below(100) < u64::from(self.way.loss) {
            at += self.way.delay * 2 + Duration::from_millis(20);
        }
        at = at.max(self.last.get(&(from, to)).copied().unwrap_or_default());
        self.last.insert((from, to), at);
        self.put(at, from, to, carried);
    }

    /// Whether two members have a link.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.pairs.get(&pair(from, to)) == Some(&Pair::Linked)
    }

    /// Whether a broadcast, or presence, finds a way over others.
    fn finds_way(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            for other in 0..self.members.len() {
                if self.members[other].is_alive && self.reaches(at, other) && seen.insert(other) {
                    next.push(other);
                }
            }
        }
        seen.contains(&to)
    }

    /// Takes all orders of a member.
    fn collect(&mut self, which: usize) {
        while let Some(output) = self.members[which].session.poll_output() {
            self.carry(which, output);
        }
    }

    fn carry(&mut self, which: usize, output: Output) {
        let others: Vec<usize> = (0..self.members.len()).filter(|other| *other != which).collect();
        match output {
            Output::Datagram { to, topic, bytes } => {
                let is_meant = |other: &usize| to.is_none_or(|to| self.members[*other].session.me() == to);
                let targets: Vec<usize> = others.into_iter().filter(is_meant).collect();
                targets.into_iter().for_each(|to| self.send_datagram(which, to, topic, &bytes));
            }
            Output::Direct { to, bytes } => {
                let to = others.into_iter().find(|other| self.members[*other].session.me() == to);
                to.into_iter().for_each(|to| self.send_or_hold(which, to, Carried::Direct(bytes.clone())));
            }
            Output::Say { topic, bytes } => {
                others
                    .into_iter()
                    .for_each(|to| self.send_or_hold(which, to, Carried::Said(topic, bytes.clone())));
            }
            Output::Present(bytes) => {
                self.members[which].present.clone_from(&bytes);
                others
                    .into_iter()
                    .for_each(|to| self.send_or_hold(which, to, Carried::Present(bytes.clone())));
            }
            Output::Pin(_) | Output::Unpin(_) => {}
            Output::Game(_) | Output::Event(_) => self.outputs.push_back((which, output)),
        }
    }

    fn send_datagram(&mut self, from: usize, to: usize, topic: &'static str, bytes: &[u8]) {
        let is_lost = self.rng.below(100) < u64::from(self.way.loss);
        if self.reaches(from, to) && !is_lost {
            let at = self.now + self.way.delay + self.jitter();
            let number = self.count;
            self.put(at, from, to, Carried::Datagram { topic, number, bytes: bytes.to_vec() });
        }
    }

    fn send_or_hold(&mut self, from: usize, to: usize, carried: Carried) {
        if !self.members[to].is_alive {
            return;
        }
        let is_passed_on = matches!(carried, Carried::Said(..) | Carried::Present(_));
        if self.reaches(from, to) || is_passed_on && self.finds_way(from, to) {
            self.send(from, to, carried);
        } else if self.pairs.get(&pair(from, to)) != Some(&Pair::Gone) {
            self.held.push((from, to, carried));
        }
    }

    /// Sends what waited for a way.
    fn release(&mut self) {
        for (from, to, carried) in std::mem::take(&mut self.held) {
            self.send_or_hold(from, to, carried);
        }
    }

    /// Links that were silent for too long are gone.
    fn run_links(&mut self) {
        let late = |(_, state): &(&(usize, usize), &Pair)| matches!(state, Pair::CutSince(since) if self.now.since(*since) >= GONE_AFTER);
        let gone: Vec<(usize, usize)> = self.pairs.iter().filter(late).map(|(pair, _)| *pair).collect();
        for (one, other) in gone {
            self.pairs.insert((one, other), Pair::Gone);
            self.held.retain(|(from, to, _)| pair(*from, *to) != (one, other));
            for (from, to) in [(one, other), (other, one)] {
                self.put(self.now, from, to, Carried::Link(Linked::Gone { goodbye: false }));
            }
        }
    }

    fn deliver(&mut self, from: usize, to: usize, carried: Carried) {
        let who = self.members[from].session.me();
        let is_cut = self.cut.contains(&pair(from, to));
        let now = self.now;
        let Member { session, is_alive: true, stalled, .. } = &mut self.members[to] else { return };
        if let Some(stalled) = stalled {
            return stalled.push((from, carried));
        }
        match carried {
            Carried::Datagram { topic, number, bytes } => {
                let newest = self.newest.entry((from, to, topic)).or_default();
                if is_cut || number < *newest {
                    return;
                }
                *newest = number;
                session.handle_datagram(now, who, topic, &bytes);
            }
            Carried::Direct(bytes) => session.handle_direct(now, who, &bytes),
            Carried::Said(topic, bytes) => session.handle_said(now, who, topic, &bytes),
            Carried::Present(bytes) => session.handle_present(now, who, Some(&bytes)),
            Carried::Link(link) => {
                session.handle_link(now, who, link);
                if matches!(link, Linked::Gone { .. }) {
                    session.handle_present(now, who, None);
                }
            }
        }
        self.collect(to);
    }

    /// Carries everything up to `now`.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(next) = self.poll_timeout().filter(|next| *next <= now) {
            self.now = self.now.max(next);
            self.run_links();
            if let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (from, to, carried) = entry.remove();
                self.deliver(from, to, carried);
                continue;
            }
            for which in 0..self.members.len() {
                let Member { session, is_alive: true, stalled: None, .. } = &mut self.members[which] else {
                    continue;
                };
                if session.poll_timeout().is_some_and(|at| at <= self.now) {
                    session.handle_timeout(self.now);
                    self.collect(which);
                }
            }
        }
        self.now = self.now.max(now);
    }

    /// When to call [`Loopback::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Time> {
        let packets = self.queue.first_key_value().map(|((at, _), _)| *at);
        let alive = self.members.iter().filter(|member| member.is_alive && member.stalled.is_none());
        let sessions = alive.filter_map(|member| member.session.poll_timeout()).min();
        let since =
            |state: &Pair| if let Pair::CutSince(since) = state { Some(*since + GONE_AFTER) } else { None };
        let links = self.pairs.values().filter_map(since).min();
        packets.into_iter().chain(sessions).chain(links).min()
    }

    /// The next message of a session to its engine or its person, with the session's number.
    pub fn poll_output(&mut self) -> Option<(usize, Output)> {
        self.outputs.pop_front()
    }

    /// A session.
    pub fn session(&self, which: usize) -> Option<&Session> {
        self.members.get(which).map(|member| &member.session)
    }

    /// Whether a member was not removed.
    pub fn is_alive(&self, which: usize) -> bool {
        self.members.get(which).is_some_and(|member| member.is_alive)
    }

    fn with<T>(&mut self, now: Time, which: usize, call: impl FnOnce(&mut Session, Time) -> T) -> Option<T> {
        self.handle_timeout(now);
        let Some(Member { session, is_alive: true, stalled: None, .. }) = self.members.get_mut(which) else {
            return None;
        };
        let result = call(session, self.now);
        self.collect(which);
        Some(result)
    }

    /// An answer of a session's engine.
    pub fn handle_game(&mut self, now: Time, which: usize, from: FromGame) {
        self.with(now, which, |session, now| session.handle_game(now, from));
    }

    /// A sixtieth of a second is over at a session.
    pub fn handle_clock(&mut self, now: Time, which: usize) {
        self.with(now, which, Session::handle_clock);
    }

    /// The keys, sticks and pointer that a person holds.
    pub fn hold(&mut self, now: Time, which: usize, input: PlayerInput) {
        self.with(now, which, |session, now| session.hold(now, input));
    }

    /// An action of a person.
    ///
    /// # Errors
    /// [`ActError`].
    pub fn act(&mut self, now: Time, which: usize, act: Act) -> Result<(), ActError> {
        self.with(now, which, |session, now| session.act(now, act)).unwrap_or(Err(ActError::Over))
    }

    /// Carries a message that no session made: of a member that follows no rules.
    pub fn forge(&mut self, now: Time, from: usize, message: Output) {
        self.handle_timeout(now);
        if from < self.members.len() {
            self.carry(from, message);
        }
    }
}
