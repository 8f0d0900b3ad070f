//! Views: the neighbours that one keeps, the members that one knows besides, and how lost links are replaced.
//!
//! # Problem
//! Nobody knows all members. Still everybody should have so many links and no more, to members all over the room,
//! soon after somebody left, and without anybody being able to surround somebody else.
//!
//! # How it works
//! HyParView (Leitão, Pereira and Rodrigues 2007). The *active view* are the neighbours, whose number is kept at a
//! target; the *passive view* are [`PASSIVE_MAX`](super::size::PASSIVE_MAX) members that take their places, each with
//! a route over neighbours by which it can be reached without a server. Random *walks* exchange samples of both
//! (`walks`), and bring newcomers to somebody with a place. Where nearness counts, two thirds of the links go to near
//! members: a near one that is known replaces the neighbour that is furthest (X-BOT; Leitão and others 2009); the
//! others are random and stay.
//!
//! # Driving it
//! [`Views::handle_timeout`] each [`TICK`] while anybody is known; outputs say whom to seek and to drop.
//!
//! # Invariants
//! - No more than the most links, stale ones included, which make room for others.
//! - The [`PINNED`] oldest links are never given up, nor random ones for being far.
//! - Of the links that one has sought, no more than a third lead to members that one neighbour named, in rooms that
//!   are larger than the views.
//!
//! # Limits
//! Links that others seek are not counted by who introduced them: pinned and random links are what keeps somebody from
//! being surrounded by them.

mod passive;
mod walks;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use self::passive::{Known, Passive, draw};
use super::count::Count;
use super::message::{OverlayMessage, Status, Tag};
use super::nearness::{Place, Position};
use super::{Candidate, Face, LinkFacts, NeighbourView, OverlayOutput};
use crate::id::Endpoint;
use crate::rng::{Rng, Seed};
use crate::signalling::announce::Introduction;
use crate::time::{Now, Time};

/// How often views look after themselves.
pub const TICK: Duration = Duration::from_secs(1);
/// Oldest links that are never given up.
pub const PINNED: usize = 2;
/// How long somebody is sought before another is: a connection through six others takes two or three seconds.
pub const SEEK_WITHIN: Duration = Duration::from_secs(8);
/// And how long that holds up another where neighbours died: some of those who are sought are dead then as well.
const SLOW_AFTER: Duration = Duration::from_secs(4);
/// So many neighbours that are silent at once mean that many died: one alone may be on its way to a better path.
const LOSES_FROM: usize = 2;
/// And so long after that one reckons with more that are dead.
const LOSES_FOR: Duration = Duration::from_secs(30);
/// How long there may be more links than aimed for before one is given up.
const SURPLUS_FOR: Duration = Duration::from_secs(5);
/// How often a nearer neighbour is looked for; twice as long after each that was no nearer, up to [`SWAP_MOST`].
const SWAP_EVERY: Duration = Duration::from_secs(5);
const SWAP_MOST: Duration = Duration::from_secs(80);
/// A link is replaced by one that is predicted to have at most so many hundredths of its round-trip time, if that is
/// measured to have at most so many.
const NEARER_PERCENT: u32 = 70;
const MEASURED_PERCENT: u32 = 85;
/// And only when that saves so much.
const NEARER_LEAST: Duration = Duration::from_millis(4);
/// Faults of a neighbour after which it is given up: what one of them costs is small, and links lose messages.
const FAULTS_MAX: u32 = 8;

/// Which links are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degree {
    /// So many are aimed for.
    pub target: usize,
    /// So many are kept at most.
    pub most: usize,
}

#[derive(Debug)]
struct Neighbour {
    since: Time,
    introducer: Option<Endpoint>,
    face: Face,
    tag: Tag,
    is_long: bool,
    facts: LinkFacts,
    /// The neighbour that is given up for it if it is nearer.
    replaces: Option<Endpoint>,
    /// What it says of itself.
    degree: usize,
    keeps: bool,
    place: Option<Place>,
    /// What it was last told: version of the count, degree, whether we keep it, and when.
    told: Option<(u64, u8, bool, Time)>,
    walks: (Time, u32),
    faults: u32,
}

#[derive(Debug)]
struct Sought {
    since: Time,
    known: Known,
    is_long: bool,
    /// The neighbour that is given up for it.
    replaces: Option<Endpoint>,
}

/// The views of one endpoint.
#[derive(Debug)]
pub struct Views {
    me: Introduction,
    degree: Degree,
    /// Whether near members are preferred.
    nearness: bool,
    active: BTreeMap<Endpoint, Neighbour>,
    sought: BTreeMap<Endpoint, Sought>,
    passive: Passive,
    count: Count,
    position: Position,
    rng: Rng,
    next_tick: Option<Time>,
    next_walk: Time,
    walked: Time,
    next_swap: Time,
    swap_pause: Duration,
    surplus_since: Option<Time>,
    loses_until: Option<Time>,
    /// Whether a neighbour was ever lost.
    lost: bool,
    outputs: VecDeque<OverlayOutput>,
}

impl Views {
    /// Nobody is known yet.
    pub fn new(me: Introduction, degree: Degree, nearness: bool, seed: Seed) -> Views {
        Views {
            count: Count::new(me.endpoint),
            me,
            degree,
            nearness,
            active: BTreeMap::new(),
            sought: BTreeMap::new(),
            passive: Passive::default(),
            position: Position::default(),
            rng: Rng::new(seed),
            next_tick: None,
            next_walk: Time(0),
            walked: Time(0),
            next_swap: Time(0),
            swap_pause: SWAP_EVERY,
            surplus_since: None,
            loses_until: None,
            lost: false,
            outputs: VecDeque::new(),
        }
    }

    /// How many links are wanted from here on.
    pub fn set_degree(&mut self, degree: Degree) {
        self.degree = degree;
    }

    /// How many links are wanted.
    pub fn degree(&self) -> Degree {
        self.degree
    }

    /// How many are in the room, this endpoint included.
    pub fn size(&self) -> usize {
        self.count.size().max(self.active.len() + 1)
    }

    /// Whether there is a place for `endpoint`.
    pub fn admits(&self, endpoint: Endpoint) -> bool {
        self.active.contains_key(&endpoint) || self.taken() < self.degree.most
    }

    /// Whether a link to `endpoint` is wanted.
    pub fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.active.contains_key(&endpoint) || self.sought.contains_key(&endpoint)
    }

    /// The neighbours.
    pub fn neighbours(&self) -> impl Iterator<Item = Endpoint> + '_ {
        self.active.keys().copied()
    }

    /// Round-trip times of neighbours, as far as they are known.
    pub fn rtts(&self) -> impl Iterator<Item = (Endpoint, Duration)> + '_ {
        self.active.iter().filter_map(|(&endpoint, neighbour)| Some((endpoint, neighbour.facts.rtt?)))
    }

    /// Members that could take a neighbour's place.
    pub fn passive(&self) -> usize {
        self.passive.len()
    }

    /// The neighbours, to be looked at.
    pub fn view(&self) -> Vec<NeighbourView> {
        let pinned = self.pinned();
        let view = |(&endpoint, neighbour): (&Endpoint, &Neighbour)| NeighbourView {
            endpoint,
            since: neighbour.since,
            introducer: neighbour.introducer,
            pinned: pinned.contains(&endpoint),
            long: neighbour.is_long,
            eager: u8::MAX,
        };
        self.active.iter().map(view).collect()
    }

    /// `endpoint` is attached.
    pub fn handle_attached(&mut self, now: Now, endpoint: Endpoint, face: Face) {
        let sought = self.sought.remove(&endpoint);
        self.passive.remove(&endpoint);
        self.passive.forgive(&endpoint);
        let (introducer, is_long, replaces) = sought
            .map_or((None, false, None), |sought| (sought.known.introducer, sought.is_long, sought.replaces));
        let neighbour = Neighbour {
            since: now.time,
            introducer,
            face,
            tag: Tag::of(&endpoint),
            is_long,
            facts: LinkFacts::default(),
            replaces,
            degree: 0,
            keeps: false,
            place: None,
            told: None,
            walks: (now.time, 0),
            faults: 0,
        };
        self.active.insert(endpoint, neighbour);
        let silent = self.replaceable().next().filter(|_| self.active.len() > self.degree.most);
        if let Some(silent) = silent {
            self.drop_neighbour(silent, "it is silent, and another took its place");
        }
        self.wake(now.time);
    }

    /// `endpoint` is not attached any more.
    pub fn handle_detached(&mut self, now: Now, endpoint: Endpoint) {
        if self.active.remove(&endpoint).is_some() {
            self.lost = true;
            self.fill(now);
        }
    }

    /// Somebody named a member.
    pub fn handle_candidate(&mut self, now: Now, candidate: Candidate) {
        let Candidate { introduction, introducer, route } = candidate;
        let known = Known { introduction, place: None, introducer, route, heard: now.time };
        self.learn(known);
        self.wake(now.time);
        self.fill(now);
    }

    /// No link to a member can be made at present.
    pub fn handle_unreachable(&mut self, now: Now, endpoint: Endpoint) {
        if let Some(sought) = self.sought.remove(&endpoint) {
            self.give_up(now.time, sought);
            self.fill(now);
        }
    }

    /// A neighbour says something that is not about batches.
    pub fn handle_message(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        if !self.active.contains_key(&from) {
            return;
        }
        match message {
            OverlayMessage::Status(status) => self.handle_status(now, from, &status),
            OverlayMessage::Walk(walk) => self.handle_walk(now, from, *walk),
            OverlayMessage::Found(found) => self.handle_found(now, from, *found),
            // What follows says that it is not attached any more.
            _ => {}
        }
    }

    /// A neighbour did what costs it trust.
    pub fn handle_fault(&mut self, endpoint: Endpoint, what: &'static str) {
        let Some(neighbour) = self.active.get_mut(&endpoint) else { return };
        neighbour.faults += 1;
        if neighbour.faults >= FAULTS_MAX {
            self.outputs.push_back(OverlayOutput::Refused(endpoint, what.into()));
            self.drop_neighbour(endpoint, "it misbehaved too often");
        }
    }

    /// Does what is due. `facts` tells how the link to a neighbour does.
    pub fn handle_timeout(&mut self, now: Now, facts: &dyn Fn(Endpoint) -> LinkFacts) {
        if self.next_tick.is_none_or(|at| at > now.time) {
            return;
        }
        let is_idle = self.active.is_empty() && self.sought.is_empty() && self.passive.is_idle();
        self.next_tick = (!is_idle).then_some(now.time + TICK);
        self.count.handle_time(now.wall);
        self.passive.handle_time(now.time);
        for (&endpoint, neighbour) in &mut self.active {
            neighbour.facts = facts(endpoint);
            if let (Some(rtt), Some(place)) = (neighbour.facts.rtt, &neighbour.place) {
                self.position.handle_rtt(rtt, place, self.rng.next_u64());
            }
        }
        if self.living() + LOSES_FROM <= self.active.len() {
            self.loses_until = Some(now.time + LOSES_FOR);
        }
        self.loses_until = self.loses_until.filter(|until| *until > now.time);
        let overdue = |sought: &Sought| now.time.since(sought.since) >= SEEK_WITHIN;
        let late: Vec<Sought> =
            self.sought.extract_if(.., |_, sought| overdue(sought)).map(|late| late.1).collect();
        for sought in late {
            self.give_up(now.time, sought);
        }
        self.fill(now);
        self.finish_swap(now.time);
        self.trim(now.time);
        self.swap(now.time);
        self.walk(now);
        self.tell_status(now.time);
    }

    /// When [`Views::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next_tick
    }

    /// What is to be sent, sought or dropped.
    pub fn poll_output(&mut self) -> Option<OverlayOutput> {
        self.outputs.pop_front()
    }

    fn wake(&mut self, now: Time) {
        self.next_tick.get_or_insert(now);
    }

    fn handle_status(&mut self, now: Now, from: Endpoint, status: &Status) {
        self.count.handle_time(now.wall);
        self.count.handle_least(&status.least);
        if let Some(neighbour) = self.active.get_mut(&from) {
            neighbour.degree = status.degree.into();
            neighbour.keeps = status.keeps;
            neighbour.place = Some(status.place);
        }
    }

    /// Says what changed to those who have not heard it.
    fn tell_status(&mut self, now: Time) {
        let (version, degree, place) = (self.count.version(), self.active.len() as u8, self.position.place());
        let least = self.count.told();
        let pinned = self.pinned();
        for (&endpoint, neighbour) in self.active.iter_mut().filter(|(_, neighbour)| neighbour.face.speaks) {
            let keeps = neighbour.is_long || pinned.contains(&endpoint);
            let fresh = |(told, count, kept, at): (u64, u8, bool, Time)| {
                (told, count, kept) == (version, degree, keeps) && now.since(at) < SWAP_EVERY * 2
            };
            if neighbour.told.is_some_and(fresh) {
                continue;
            }
            neighbour.told = Some((version, degree, keeps, now));
            let status = Status { degree, keeps, place, least: least.clone() };
            self.outputs.push_back(OverlayOutput::Send(endpoint, OverlayMessage::Status(status)));
        }
    }

    /// Remembers a member that is not linked.
    fn learn(&mut self, known: Known) {
        let endpoint = known.introduction.endpoint;
        let is_here = self.active.contains_key(&endpoint) || self.sought.contains_key(&endpoint);
        if endpoint != self.me.endpoint && !is_here {
            self.passive.insert(known, &mut self.rng);
        }
    }

    /// The neighbour that a tag names.
    fn neighbour_of(&self, tag: Tag) -> Option<Endpoint> {
        self.active.iter().find(|(_, neighbour)| neighbour.tag == tag).map(|(&endpoint, _)| endpoint)
    }

    /// Neighbours that answer.
    fn living(&self) -> usize {
        self.active.values().filter(|neighbour| !neighbour.facts.stale).count()
    }

    /// Whether several neighbours were silent lately.
    fn loses(&self) -> bool {
        self.loses_until.is_some()
    }

    /// Silent neighbours that make room when somebody comes: until they are gone for good their places would be lost to
    /// those who lost as many.
    fn replaceable(&self) -> impl Iterator<Item = Endpoint> + '_ {
        let pinned = self.pinned();
        let stale = self.active.iter().filter(|(_, neighbour)| self.loses() && neighbour.facts.stale);
        stale.map(|(&endpoint, _)| endpoint).filter(move |endpoint| !pinned.contains(endpoint))
    }

    /// Places that are taken.
    fn taken(&self) -> usize {
        self.active.len() - self.replaceable().count()
    }

    /// Seeks members for the places that are free.
    fn fill(&mut self, now: Now) {
        let living = self.living();
        let wanted = self.degree.target + if living < self.degree.target / 2 { 2 } else { 0 };
        let free = self.degree.most.saturating_sub(self.taken() + self.sought.len());
        let is_soon = |sought: &&Sought| !self.loses() || now.time.since(sought.since) < SLOW_AFTER;
        let soon = self.sought.values().filter(is_soon).count();
        let missing = wanted.saturating_sub(living + soon).min(free);
        for _ in 0..missing {
            let is_long = self.needs_long();
            let Some(endpoint) = self.pick(now.time, is_long) else { break };
            self.seek(now.time, endpoint, is_long, None);
        }
    }

    /// Whether one of the random links is missing.
    fn needs_long(&self) -> bool {
        let long = self.active.values().filter(|neighbour| neighbour.is_long).count()
            + self.sought.values().filter(|sought| sought.is_long).count();
        !self.nearness || long < self.degree.target.div_ceil(3)
    }

    /// The next one to seek: drawn, or the nearest of those that can be reached; where nobody else is known, one that
    /// could not be reached before.
    fn pick(&mut self, now: Time, is_long: bool) -> Option<Endpoint> {
        let mut usable: Vec<(Endpoint, Option<Duration>)> = self.usable(now, true);
        if usable.is_empty() {
            usable = self.usable(now, false);
        }
        draw(&mut self.rng, &mut usable, if is_long { 1 } else { usize::MAX });
        usable.sort_by_key(|(_, rtt)| rtt.unwrap_or(Duration::MAX));
        let first = usable.first().map(|(endpoint, _)| *endpoint);
        first.or_else(|| self.passive.recall(now))
    }

    /// Members that may be sought, and how far they seem to be.
    fn usable(&self, now: Time, reached: bool) -> Vec<(Endpoint, Option<Duration>)> {
        let here = self.position.place();
        let share = (self.degree.target / 3).max(1);
        let crowded = self.size() > self.degree.target + 1;
        let named_by = |introducer: Option<Endpoint>| {
            let here = self.active.values().filter(|other| other.introducer == introducer).count();
            here + self.sought.values().filter(|other| other.known.introducer == introducer).count()
        };
        let fits = |endpoint: &Endpoint, known: &Known| {
            let reaches = match known.route.first() {
                Some(first) => self.active.values().any(|one| one.tag == *first && !one.facts.stale),
                None => known.introducer.is_none(),
            };
            let is_shared = !crowded || known.introducer.is_none() || named_by(known.introducer) < share;
            (reaches || !reached) && is_shared && !self.passive.has_failed(now, endpoint)
        };
        let usable = self.passive.iter().filter(|(endpoint, known)| fits(endpoint, known));
        usable.map(|(&name, known)| (name, known.place.and_then(|place| here.predicts(&place)))).collect()
    }

    fn seek(&mut self, now: Time, endpoint: Endpoint, is_long: bool, replaces: Option<Endpoint>) {
        if planted!(OverlayUnrepaired) && (self.lost || self.loses()) {
            return;
        }
        let Some(known) = self.passive.remove(&endpoint) else { return };
        self.outputs.push_back(OverlayOutput::Seek(known.introduction.clone(), known.route.clone()));
        self.sought.insert(endpoint, Sought { since: now, known, is_long, replaces });
        self.wake(now);
    }

    fn give_up(&mut self, now: Time, sought: Sought) {
        self.outputs.push_back(OverlayOutput::Unseek(sought.known.introduction.endpoint));
        self.passive.fail(now, sought.known);
    }

    /// The links that are never given up.
    fn pinned(&self) -> Vec<Endpoint> {
        if planted!(PinningOff) {
            return Vec::new();
        }
        let mut oldest: Vec<(Time, Endpoint)> =
            self.active.iter().map(|(&endpoint, neighbour)| (neighbour.since, endpoint)).collect();
        oldest.sort_unstable();
        oldest.truncate(PINNED);
        oldest.into_iter().map(|(_, endpoint)| endpoint).collect()
    }

    /// Whether a link may be given up at all.
    fn may_give_up(&self, endpoint: &Endpoint, neighbour: &Neighbour, pinned: &[Endpoint]) -> bool {
        let kept = self.active.values().filter(|other| other.keeps && !other.is_long).count();
        // What others want kept counts for so many as they may want.
        let is_kept = neighbour.keeps && kept <= self.degree.target.div_ceil(3) + PINNED;
        // Who keeps fewer links from here on has more random ones than it wants.
        let long = self.active.values().filter(|other| other.is_long).count();
        let is_spare = self.active.len() > self.degree.most && long > self.degree.target.div_ceil(3);
        let reaches_far = self.nearness && neighbour.is_long && !is_spare;
        !pinned.contains(endpoint) && !reaches_far && !is_kept
    }

    /// Whether a neighbour can be given up for one that was just linked.
    fn may_replace(&self, endpoint: Endpoint) -> bool {
        let pinned = self.pinned();
        let neighbour = self.active.get(&endpoint);
        self.active.len() > self.degree.target
            && neighbour.is_some_and(|neighbour| self.may_give_up(&endpoint, neighbour, &pinned))
    }

    /// Gives up a link when there are more than wanted, at both ends as far as is known.
    fn trim(&mut self, now: Time) {
        let living = self.living();
        if living <= self.degree.target {
            self.surplus_since = None;
            return;
        }
        if now.since(*self.surplus_since.get_or_insert(now)) < SURPLUS_FOR {
            return;
        }
        let pinned = self.pinned();
        let target = self.degree.target;
        let may = |(endpoint, neighbour): &(&Endpoint, &Neighbour)| {
            neighbour.degree > target && self.may_give_up(endpoint, neighbour, &pinned)
        };
        let mut surplus: Vec<(Duration, Endpoint)> = self
            .active
            .iter()
            .filter(may)
            .map(|(&endpoint, neighbour)| (neighbour.facts.rtt.unwrap_or_default(), endpoint))
            .collect();
        if self.nearness {
            surplus.sort_unstable_by(|one, other| other.cmp(one));
        } else {
            draw(&mut self.rng, &mut surplus, 1);
        }
        if let Some(&(_, endpoint)) = surplus.first() {
            self.drop_neighbour(endpoint, "there are more links than needed");
        }
    }

    /// Seeks a member that is nearer than the furthest neighbour that may be given up.
    fn swap(&mut self, now: Time) {
        let is_replacing = self.sought.values().any(|sought| sought.replaces.is_some())
            || self.active.values().any(|neighbour| neighbour.replaces.is_some());
        let is_full = self.living() >= self.degree.target && self.active.len() < self.degree.most;
        if !self.nearness || is_replacing || !is_full || self.next_swap > now {
            return;
        }
        self.next_swap = now + self.swap_pause;
        let pinned = self.pinned();
        let may = |(endpoint, neighbour): &(&Endpoint, &Neighbour)| {
            self.may_give_up(endpoint, neighbour, &pinned) && now.since(neighbour.since) > SWAP_EVERY
        };
        let far =
            self.active.iter().filter(may).filter_map(|(&one, neighbour)| Some((neighbour.facts.rtt?, one)));
        let Some((worst, furthest)) = far.max() else { return };
        let usable = self.usable(now, true).into_iter();
        let near = usable.filter_map(|(endpoint, rtt)| Some((rtt?, endpoint))).min();
        let Some((nearest, endpoint)) = near else { return };
        if nearest < worst * NEARER_PERCENT / 100 && worst - nearest >= NEARER_LEAST {
            self.seek(now, endpoint, false, Some(furthest));
        }
    }

    /// Gives up the further one of two neighbours, once both are measured.
    fn finish_swap(&mut self, now: Time) {
        let measured = |(&one, neighbour): (&Endpoint, &Neighbour)| {
            let replaced = neighbour.replaces?;
            let late = now.since(neighbour.since) >= SWAP_EVERY;
            (neighbour.facts.rtt.is_some() || late).then_some((one, replaced, neighbour.facts.rtt))
        };
        let Some((newer, older, rtt)) = self.active.iter().find_map(measured) else { return };
        if let Some(neighbour) = self.active.get_mut(&newer) {
            neighbour.replaces = None;
        }
        let before = self.active.get(&older).and_then(|neighbour| neighbour.facts.rtt);
        let is_nearer = rtt.zip(before).is_some_and(|(now, before)| now * 100 <= before * MEASURED_PERCENT);
        if is_nearer && self.may_replace(older) {
            self.swap_pause = SWAP_EVERY;
            self.drop_neighbour(older, "a nearer neighbour took its place");
        } else {
            self.swap_pause = (self.swap_pause * 2).min(SWAP_MOST);
            self.next_swap = now + self.swap_pause;
            if self.may_replace(newer) {
                self.passive.pass_over(now, newer);
                self.drop_neighbour(newer, "it is no nearer than the others");
            }
        }
    }

    fn drop_neighbour(&mut self, endpoint: Endpoint, why: &'static str) {
        if self.active.get(&endpoint).is_some_and(|neighbour| neighbour.face.speaks) {
            self.outputs.push_back(OverlayOutput::Send(endpoint, OverlayMessage::Dropped));
        }
        self.active.remove(&endpoint);
        self.outputs.push_back(OverlayOutput::Drop(endpoint, why));
    }
}
