//! Branches: a spanning tree over the links of a room, in which one member is the root and everybody else has a parent.
//!
//! # Problem
//! Parents leave, roots leave, and nobody knows the whole tree. A child that takes one of its own descendants for a
//! parent makes a loop, from which nothing leads to the root any more.
//!
//! # How it works
//! The root says a number, the *beat*, that grows every [`BEAT`]; everybody says to all neighbours the newest beat, what
//! the way to the root costs, and whether the neighbour is its parent. A neighbour may become the parent when it is
//! *feasible*: it told a newer beat than we ever told, or of the same beat a cost below the least that we told. So costs
//! fall along every way to the root, and no way comes back to where it began (DUAL, Garcia-Luna-Aceves 1993; Babel, RFC
//! 8966 section 2.4). Who finds no such neighbour says that it has no way, and waits for the next beat.
//!
//! The root is the member with the greatest weight, then the greatest tag, of those whose beat goes on; one that is
//! silent for [`ROOT_GONE`] is followed no longer. Costs are half round-trip times and something for each hop, so
//! that near and short ways win; one that is not a fifth better than the present one is not taken.
//!
//! # Invariants
//! - Among members that follow one root no sequence of parents is a loop, at any moment, whatever is on its way. While
//!   the root changes there may be one until the next message arrives.
//! - What is not settled is passed on in full: to who has no way, who follows another root, who says nothing of branches.
//!
//! # Limits
//! [`ROOTS_MAX`] roots are remembered, ways are at most [`DEPTH_MAX`] hops long. A member that lies can become the root;
//! it gains nothing but to say how batches travel, and what does not come is asked of others by name.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use super::LinkFacts;
use super::message::{Branch, Root, Tag, Way};
use crate::id::Endpoint;
use crate::time::{Now, Time};

/// How often the root says a new beat, and so how long a member that lost its parent waits at most.
pub const BEAT: Duration = Duration::from_secs(2);
/// Silence after which a root is followed no longer: two beats and a way.
pub const ROOT_GONE: Duration = Duration::from_secs(5);
/// Hops to the root at most: eight times those of a room of a million.
pub const DEPTH_MAX: u8 = 64;
/// Roots that are remembered: each newcomer takes itself for one at first.
pub const ROOTS_MAX: usize = 32;
/// What a hop costs beside its time, in quarters of a millisecond: 10 ms, so that few hops count among near members.
const HOP_COST: u32 = 40;
/// What a link costs whose time is not known, and the most that any does.
const UNKNOWN_COST: u32 = 400;
const LINK_COST_MAX: u32 = 40_000;

#[derive(Debug)]
struct Neighbour {
    /// What it said last.
    said: Option<Branch>,
    speaks: bool,
    cost: u32,
    is_stale: bool,
    /// What it was told last.
    told: Option<Branch>,
}

#[derive(Debug)]
struct Followed {
    /// The newest beat of this root, and when it came.
    beat: u64,
    moved: Time,
    /// The newest beat that we told of it, and the least cost of that: ways must be better.
    told: Option<(u64, u32)>,
}

/// The branches as one endpoint sees them.
#[derive(Debug)]
pub struct Branches {
    me: Root,
    neighbours: BTreeMap<Endpoint, Box<Neighbour>>,
    roots: BTreeMap<Tag, Followed>,
    root: Root,
    beat: u64,
    way: Option<Way>,
    parent: Option<Endpoint>,
    /// The last beat that this endpoint said as a root, and when the next one is due.
    own_beat: u64,
    next_beat: Time,
}

impl Branches {
    /// A tree of one. Roots are those with the greatest `weight`.
    pub fn new(me: &Endpoint, weight: u8) -> Branches {
        let me = Root { weight, tag: Tag::of(me) };
        Branches {
            me,
            neighbours: BTreeMap::new(),
            roots: BTreeMap::new(),
            root: me,
            beat: 0,
            way: Some(Way::default()),
            parent: None,
            own_beat: 0,
            next_beat: Time(0),
        }
    }

    /// How much speaks for this endpoint as a root, from its next beat on.
    pub fn set_weight(&mut self, weight: u8) {
        self.me.weight = weight;
    }

    /// The root that this endpoint follows.
    pub fn root(&self) -> Tag {
        self.root.tag
    }

    /// Hops to the root; `None` without a way to it.
    pub fn depth(&self) -> Option<u8> {
        self.way.map(|way| way.depth)
    }

    /// The neighbour that is nearer to the root.
    pub fn parent(&self) -> Option<Endpoint> {
        self.parent
    }

    /// Whether `endpoint` says that this endpoint is its parent.
    pub fn is_child(&self, endpoint: Endpoint) -> bool {
        let said = self.neighbours.get(&endpoint).and_then(|neighbour| neighbour.said);
        said.is_some_and(|said| said.child)
    }

    /// Whether batches go to a neighbour in full; `None` for one that says nothing of branches.
    pub fn is_branch(&self, endpoint: Endpoint) -> Option<bool> {
        let said = self.neighbours.get(&endpoint)?.said?;
        let is_settled = self.way.is_some() && said.way.is_some() && said.root.tag == self.root.tag;
        Some(!is_settled || self.parent == Some(endpoint) || said.child)
    }

    /// A neighbour is attached.
    pub fn handle_attached(&mut self, now: Now, endpoint: Endpoint, speaks: bool) {
        let neighbour = Neighbour { said: None, speaks, cost: UNKNOWN_COST, is_stale: false, told: None };
        self.neighbours.insert(endpoint, Box::new(neighbour));
        self.choose(now.time);
    }

    /// A neighbour is gone.
    pub fn handle_detached(&mut self, now: Time, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
        self.choose(now);
    }

    /// A neighbour is given up; another parent is chosen when time passes.
    pub fn forget(&mut self, endpoint: Endpoint) {
        self.neighbours.remove(&endpoint);
        if self.parent == Some(endpoint) {
            (self.parent, self.way) = (None, None);
        }
    }

    /// A neighbour says where it is.
    pub fn handle_branch(&mut self, now: Time, from: Endpoint, branch: Branch) {
        let Some(neighbour) = self.neighbours.get_mut(&from) else { return };
        neighbour.said = Some(branch);
        if branch.root.tag != self.me.tag {
            self.note_beat(now, branch.root.tag, branch.beat);
        }
        self.choose(now);
    }

    /// Does what is due. `facts` tells how the link to a neighbour does.
    pub fn handle_timeout(&mut self, now: Now, facts: impl Fn(Endpoint) -> LinkFacts) {
        for (&endpoint, neighbour) in &mut self.neighbours {
            let facts = facts(endpoint);
            neighbour.is_stale = facts.stale;
            let half = facts.rtt.map(|rtt| (rtt.as_micros() / 2 / 250) as u32);
            neighbour.cost = half.unwrap_or(UNKNOWN_COST).min(LINK_COST_MAX) + HOP_COST;
        }
        if self.next_beat <= now.time && self.root.tag == self.me.tag {
            self.next_beat = now.time + BEAT;
            // By the clock, so that who begins anew goes on where it was.
            let by_clock = now.wall.as_millis() / BEAT.as_millis() as u64;
            self.own_beat = by_clock.max(self.own_beat + 1);
        }
        self.choose(now.time);
    }

    /// What is to be said to whom.
    pub fn take_news(&mut self) -> Vec<(Endpoint, Branch)> {
        let mut news = Vec::new();
        for (&endpoint, neighbour) in self.neighbours.iter_mut().filter(|(_, neighbour)| neighbour.speaks) {
            let child = self.parent == Some(endpoint);
            let branch = Branch { root: self.root, beat: self.beat, way: self.way, child };
            // Costs change with every round trip; those of a new beat will do.
            let part = |branch: &Branch| (branch.root, branch.beat, branch.way.is_some(), branch.child);
            if neighbour.told.as_ref().map(part) != Some(part(&branch)) {
                neighbour.told = Some(branch);
                news.push((endpoint, branch));
            }
        }
        news
    }

    fn note_beat(&mut self, now: Time, root: Tag, beat: u64) {
        if let Some(known) = self.roots.get_mut(&root) {
            if beat > known.beat {
                (known.beat, known.moved) = (beat, now);
            }
            return;
        }
        if self.roots.len() >= ROOTS_MAX {
            let oldest = self.roots.iter().filter(|(tag, _)| **tag != self.root.tag);
            let oldest = oldest.min_by_key(|(_, known)| known.moved).map(|(tag, _)| *tag);
            oldest.map(|tag| self.roots.remove(&tag));
        }
        self.roots.insert(root, Followed { beat, moved: now, told: None });
    }

    /// The root to follow: the greatest of those that neighbours tell and whose beat goes on.
    fn living_root(&self, now: Time) -> Root {
        let lives = |root: &Root| {
            let known = self.roots.get(&root.tag);
            known.is_some_and(|known| now.since(known.moved) < ROOT_GONE)
        };
        let said = self.neighbours.values().filter(|one| !one.is_stale).filter_map(|one| one.said);
        said.map(|said| said.root).filter(lives).chain([self.me]).max().unwrap_or(self.me)
    }

    /// The way to `root` over a neighbour, if that is one on which no loop can be.
    fn way_over(&self, root: Root, neighbour: &Neighbour) -> Option<(Way, u64)> {
        let said = neighbour.said.filter(|said| said.root.tag == root.tag && !neighbour.is_stale)?;
        let (way, known) = (said.way?, self.roots.get(&root.tag)?);
        let is_better =
            known.told.is_none_or(|(beat, least)| said.beat > beat || said.beat == beat && way.cost < least);
        let is_fresh = said.beat.saturating_add(1) >= known.beat && way.depth < DEPTH_MAX;
        let way = Way { cost: way.cost.saturating_add(neighbour.cost), depth: way.depth.saturating_add(1) };
        ((is_better || planted!(LoopGuardOff)) && is_fresh).then_some((way, said.beat))
    }

    /// Chooses root and parent.
    fn choose(&mut self, now: Time) {
        let root = self.living_root(now);
        if root.tag == self.me.tag {
            (self.root, self.beat) = (self.me, self.own_beat);
            (self.parent, self.way) = (None, Some(Way::default()));
            return;
        }
        let ways =
            self.neighbours.iter().filter_map(|(&one, known)| Some((one, self.way_over(root, known)?)));
        let ways: BTreeMap<Endpoint, (Way, u64)> = ways.collect();
        let best = ways.iter().min_by_key(|(_, (way, _))| way.cost).map(|(&one, way)| (one, *way));
        let present = self.parent.and_then(|parent| Some((parent, *ways.get(&parent)?)));
        let chosen = match (best, present) {
            (Some((_, (better, _))), Some((_, (way, _)))) if better.cost < way.cost / 5 * 4 => best,
            (best, present) => present.or(best),
        };
        self.root = root;
        self.parent = chosen.map(|(parent, _)| parent);
        self.way = chosen.map(|(_, (way, _))| way);
        let Some(known) = self.roots.get_mut(&root.tag) else { return };
        self.beat = chosen.map_or(known.beat, |(_, (_, beat))| beat);
        if let Some((_, (way, beat))) = chosen {
            let least =
                known.told.filter(|told| told.0 == beat).map_or(way.cost, |told| told.1.min(way.cost));
            known.told = Some((beat, least));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use crate::rng::Rng;
    use crate::time::WallTime;
    use alloc::collections::VecDeque;

    /// Members with links, whose messages arrive in order and after a while.
    struct Room {
        all: Vec<Option<Branches>>,
        links: Vec<(usize, usize)>,
        /// Messages on their way, by sender and addressee.
        ways: BTreeMap<(usize, usize), VecDeque<Branch>>,
        now: Time,
        rng: Rng,
    }

    fn endpoint(number: usize) -> Endpoint {
        Endpoint { peer: PeerId([7; 32]), instance: Instance(number as u64) }
    }

    impl Room {
        fn new(seed: u8, count: usize, degree: usize) -> Room {
            let all = (0..count).map(|one| Some(Branches::new(&endpoint(one), 16))).collect();
            let rng = Rng::new([seed; 32]);
            let mut room = Room { all, links: Vec::new(), ways: BTreeMap::new(), now: Time(0), rng };
            for one in 1..count {
                for _ in 0..degree / 2 {
                    let other = room.rng.below(one as u64) as usize;
                    room.link(one, other);
                }
            }
            room
        }

        fn now(&self) -> Now {
            Now { time: self.now, wall: WallTime::from_millis(self.now.0 / 1000) }
        }

        fn link(&mut self, one: usize, other: usize) {
            if !self.links.contains(&(one, other)) && !self.links.contains(&(other, one)) {
                self.links.push((one, other));
                let now = self.now();
                for (here, there) in [(one, other), (other, one)] {
                    if let Some(branches) = &mut self.all[here] {
                        branches.handle_attached(now, endpoint(there), true);
                    }
                }
            }
        }

        fn kill(&mut self, gone: usize) {
            self.all[gone] = None;
            self.ways.retain(|(from, to), _| *from != gone && *to != gone);
            let lost = self.links.extract_if(.., |(one, other)| *one == gone || *other == gone);
            for (one, other) in lost.collect::<Vec<_>>() {
                let left = if one == gone { other } else { one };
                if let Some(branches) = &mut self.all[left] {
                    branches.handle_detached(self.now, endpoint(gone));
                }
            }
        }

        /// One thing happens: a message arrives, or time passes for somebody.
        fn step(&mut self) {
            self.now += Duration::from_millis(1);
            let now = self.now();
            let busy: Vec<(usize, usize)> =
                self.ways.iter().filter(|(_, way)| !way.is_empty()).map(|(&pair, _)| pair).collect();
            let one = self.rng.below(self.all.len() as u64) as usize;
            if let Some(branches) = &mut self.all[one] {
                let rtt = |to: Endpoint| Duration::from_millis(5 + (to.instance.0 + one as u64) * 31 % 90);
                branches.handle_timeout(now, |to| LinkFacts { rtt: Some(rtt(to)), stale: false });
            }
            self.send(one);
            for _ in 0..6.min(busy.len()) {
                let (from, to) = busy[self.rng.below(busy.len() as u64) as usize];
                let Some(branch) = self.ways.get_mut(&(from, to)).and_then(VecDeque::pop_front) else {
                    continue;
                };
                if let Some(branches) = &mut self.all[to] {
                    branches.handle_branch(self.now, endpoint(from), branch);
                }
                self.send(to);
            }
        }

        fn send(&mut self, from: usize) {
            let Some(branches) = &mut self.all[from] else { return };
            for (to, branch) in branches.take_news() {
                self.ways.entry((from, to.instance.0 as usize)).or_default().push_back(branch);
            }
        }

        fn parent(&self, one: usize) -> Option<usize> {
            Some(self.all[one].as_ref()?.parent?.instance.0 as usize)
        }

        /// Whether the parents of somebody lead back to it, over members that follow the same root.
        fn has_loop(&self) -> bool {
            let root = |one: usize| self.all[one].as_ref().map(|branches| branches.root.tag);
            (0..self.all.len()).any(|first| {
                let mut next = first;
                (0..self.all.len()).any(|_| {
                    match self.parent(next).filter(|parent| root(*parent) == root(first)) {
                        Some(parent) => {
                            next = parent;
                            next == first
                        }
                        None => false,
                    }
                })
            })
        }

        fn roots(&self) -> usize {
            let is_root = |branches: &&Branches| branches.parent.is_none();
            self.all.iter().flatten().filter(is_root).count()
        }
    }

    #[test]
    fn ways_to_the_root_never_loop_whoever_dies() {
        for seed in 0..8 {
            let mut room = Room::new(seed, 30, 6);
            for round in 0..6 {
                for _ in 0..3000 {
                    room.step();
                    assert!(!room.has_loop(), "seed {seed}, round {round}");
                }
                // The root every other time, somebody in the middle else.
                let alive: Vec<usize> = (0..30).filter(|&one| room.all[one].is_some()).collect();
                let root = alive.iter().copied().find(|&one| room.parent(one).is_none());
                let drawn = alive[room.rng.below(alive.len() as u64) as usize];
                room.kill(root.filter(|_| round % 2 == 0).unwrap_or(drawn));
                let lonely: Vec<usize> = (0..30).filter(|&one| room.all[one].is_some()).collect();
                for pair in lonely.windows(2) {
                    // What views do: who lost a neighbour gets another.
                    if room.rng.below(4) == 0 {
                        room.link(pair[0], pair[1]);
                    }
                }
            }
            for _ in 0..12_000 {
                room.step();
            }
            let reached = room.roots();
            assert_eq!(reached, 1, "seed {seed}: one root, and a parent for everybody else");
        }
    }

    #[test]
    fn nearer_ways_are_taken_unless_gains_are_small() {
        let mut child = Branches::new(&endpoint(1), 4);
        let root = Root { weight: 16, tag: Tag([9; 8]) };
        let now = Now::default();
        let say = |cost| Branch { root, beat: 5, way: Some(Way { cost, depth: 1 }), child: false };
        for (number, cost) in [(2, 300), (3, 250), (4, 40)] {
            child.handle_attached(now, endpoint(number), true);
            child.handle_branch(now.time, endpoint(number), say(cost));
            let kept = if number == 4 { 4 } else { 2 };
            assert_eq!(child.parent(), Some(endpoint(kept)), "at a cost of {cost}");
        }
        assert_eq!(child.is_branch(endpoint(4)), Some(true));
        assert_eq!(child.is_branch(endpoint(2)), Some(false), "a spare link carries names");
        // Its other neighbours are further than it told that it is: they may be its descendants.
        child.handle_detached(now.time, endpoint(4));
        assert_eq!((child.parent(), child.depth()), (Some(endpoint(3)), Some(2)));
        child.handle_detached(now.time, endpoint(3));
        child.handle_branch(now.time, endpoint(2), say(450));
        assert_eq!((child.parent(), child.depth()), (None, None));
        assert_eq!(child.is_branch(endpoint(2)), Some(true), "who has no way gets everything");
        let later = Branch { beat: 6, ..say(450) };
        child.handle_branch(now.time, endpoint(2), later);
        assert_eq!(child.parent(), Some(endpoint(2)), "the next beat shows that they are not");
    }

    #[test]
    fn a_silent_root_is_followed_no_longer() {
        let mut child = Branches::new(&endpoint(1), 4);
        let now = Now::default();
        let root = Root { weight: 16, tag: Tag([9; 8]) };
        child.handle_attached(now, endpoint(2), true);
        let said = Branch { root, beat: 5, way: Some(Way::default()), child: false };
        child.handle_branch(now.time, endpoint(2), said);
        assert_eq!(child.root(), root.tag);
        let late = Now { time: now.time + ROOT_GONE, ..now };
        child.handle_timeout(late, |_| LinkFacts::default());
        assert_eq!((child.root(), child.depth()), (Tag::of(&endpoint(1)), Some(0)), "it is one itself");
        child.handle_branch(late.time, endpoint(2), said);
        assert_eq!(child.root(), Tag::of(&endpoint(1)), "an old beat wakes nobody");
        child.handle_branch(late.time, endpoint(2), Branch { beat: 6, ..said });
        assert_eq!(child.root(), root.tag);
    }

    #[test]
    fn remembered_roots_are_limited_and_the_present_stays() {
        let mut child = Branches::new(&endpoint(1), 4);
        let now = |millis: usize| Time(millis as u64 * 1000);
        let root = |number: usize| Root { weight: 16, tag: Tag([number as u8; 8]) };
        let said = |number| Branch { root: root(number), beat: 5, way: Some(Way::default()), child: false };
        for number in [2, 3] {
            child.handle_attached(Now::default(), endpoint(number), true);
        }
        // The greatest is followed, whoever else is told of later.
        child.handle_branch(now(0), endpoint(2), said(100));
        for number in 1..ROOTS_MAX {
            child.handle_branch(now(number), endpoint(3), said(number));
        }
        assert_eq!(child.roots.len(), ROOTS_MAX);
        child.handle_branch(now(ROOTS_MAX), endpoint(3), said(ROOTS_MAX));
        assert_eq!(child.roots.len(), ROOTS_MAX);
        let knows = |number| child.roots.contains_key(&root(number).tag);
        assert_eq!([100, ROOTS_MAX, 2, 1].map(knows), [true, true, true, false], "the oldest is forgotten");
        assert_eq!(child.root(), root(100).tag);
    }

    #[test]
    fn a_way_to_the_root_has_limited_depth() {
        let root = Root { weight: 16, tag: Tag([9; 8]) };
        for (depth, own) in [(DEPTH_MAX - 1, Some(DEPTH_MAX)), (DEPTH_MAX, None), (u8::MAX, None)] {
            let mut child = Branches::new(&endpoint(1), 4);
            child.handle_attached(Now::default(), endpoint(2), true);
            let said = Branch { root, beat: 5, way: Some(Way { cost: 1, depth }), child: false };
            child.handle_branch(Time(0), endpoint(2), said);
            assert_eq!((child.root(), child.depth()), (root.tag, own), "{depth}");
            assert_eq!(child.parent().is_some(), own.is_some());
        }
    }
}
