//! The emergent overlay's membership, step by step: who comes, walks, shuffles, replaces and drops links.
//!
//! # How it works
//! As HyParView (Leitão, Pereira and Rodrigues, DSN 2007) with the bounds of Meshwork's emergent overlay: an active
//! view of links that count both ways, and a passive view of peers that could replace them, each with the route over
//! which it can be reached. Newcomers and peers that lack links find others by random walks over links; every round
//! each peer exchanges what it knows with the end of a walk. A new link is made over a route that lives, or by a
//! server where there is one, never out of nothing.
//!
//! # Invariants
//! - Links are mutual, nobody has more than [`Views::most`], nobody is linked to itself or twice to one.
//! - At most a third of a peer's links were learnt through one neighbour.
//!
//! # Limits
//! Steps take no time: a round is what happens in ten seconds. Every pair can link (no NAT).

mod crowd;
mod nearer;

use meshwork_core::overlay::size::{EMERGENT_DEGREE, PASSIVE_MAX};
use meshwork_core::rng::Rng;

use crate::adjacency::Adjacency;
use crate::reach::hops_over;
use crate::routes::{PassiveView, Route};
use meshwork_sim::chance;

/// Links of one peer at most, for which memory is laid out.
pub const LINKS_MAX: usize = 16;
/// Learnt from a server and not through a neighbour.
pub const SERVER: u32 = u32::MAX;
/// Steps of a walk that looks for somebody to link to: the end is then at most 6 links away.
const WALK: usize = 5;
/// Walks that a newcomer sends out at once: a third of its links, as many as may be learnt through one neighbour.
const WALKS: usize = 4;
/// Where each of them set out and where it is; none of who is linked to nobody.
type Walks = [Option<(u32, u32)>; WALKS];
/// Steps of a walk that exchanges views: what its end is linked to is then at most 5 links away.
const SHUFFLE_WALK: usize = 4;
/// Links that a newcomer asks for with a claim: an end that is full drops one for it.
const CLAIMS: usize = 6;
/// Entries of a view that one exchange hands over.
const SHUFFLED: usize = 8;
/// The two links that one has the longest are never dropped for others.
const PINNED: usize = 2;
/// Links that are never swapped for nearer ones: they keep the graph an expander.
pub const FAR_LINKS: usize = 4;

/// What the views hold, and which of their rules are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Views {
    /// Links that a peer wants.
    pub active: usize,
    /// Links that it has at most, up to [`LINKS_MAX`].
    pub most: usize,
    /// Peers that it knows besides, at most.
    pub passive: usize,
    /// Whether views are exchanged.
    pub shuffles: bool,
    /// Whether links are replaced.
    pub repairs: bool,
}

impl Views {
    /// What Meshwork's emergent overlay has.
    pub const MESHWORK: Views = Views {
        active: EMERGENT_DEGREE.0,
        most: EMERGENT_DEGREE.1,
        passive: PASSIVE_MAX,
        shuffles: true,
        repairs: true,
    };
}

impl Default for Views {
    fn default() -> Views {
        Views::MESHWORK
    }
}

/// How links were found in a run of rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Over a route of the passive view.
    pub by_route: u64,
    /// By a walk.
    pub by_walk: u64,
    /// By the server.
    pub by_server: u64,
    /// Peers that wanted a link in a round and found none.
    pub none: u64,
}

impl Found {
    /// All new links.
    pub fn links(&self) -> u64 {
        self.by_route + self.by_walk + self.by_server
    }
}

/// A place for each link of a peer: one line of a processor's cache, since a walk reads another one at every step.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Row([u32; LINKS_MAX]);

/// How many links a peer has, and by the highest bit whether it is there: a walk asks both of the same peer.
#[derive(Clone, Copy, Debug, Default)]
struct State(u8);

impl State {
    const ALIVE: u8 = 0x80;

    fn degree(self) -> usize {
        usize::from(self.0 & !State::ALIVE)
    }

    fn is_alive(self) -> bool {
        self.0 & State::ALIVE != 0
    }
}

/// Everybody's views.
#[derive(Clone, Debug)]
pub struct Membership {
    views: Views,
    /// The links of each, the oldest first.
    links: Vec<Row>,
    /// Through whom each link was learnt.
    through: Vec<Row>,
    states: Vec<State>,
    /// Those alive, for the server to introduce: in no order that counts.
    living: Vec<u32>,
    /// Where each stands among the living.
    places: Vec<u32>,
    passive: PassiveView,
}

impl Membership {
    /// Nobody yet, of at most so many peers.
    pub fn new(peers: usize, views: Views) -> Membership {
        let views = Views { most: views.most.min(LINKS_MAX), ..views };
        Membership {
            views,
            links: vec![Row([0; LINKS_MAX]); peers],
            through: vec![Row([0; LINKS_MAX]); peers],
            states: vec![State::default(); peers],
            living: Vec::with_capacity(peers),
            places: vec![0; peers],
            passive: PassiveView::new(peers, views.passive),
        }
    }

    /// A room that so many peers joined, one after another while it is small, after some rounds of upkeep.
    pub fn grown(peers: usize, views: Views, rounds: usize, rng: &mut Rng) -> Membership {
        let mut room = Membership::new(peers, views);
        while room.living.len() < peers {
            match room.crowd() {
                0..=1 => room.join(room.living.len() as u32, rng),
                many => room.join_at_once(many.min(peers - room.living.len()), rng),
            }
        }
        for _ in 0..rounds {
            room.round(true, rng);
        }
        room
    }

    /// Other rules from now on; the size of the passive views stays.
    pub fn set_views(&mut self, views: Views) {
        self.views = Views { most: views.most.min(LINKS_MAX), passive: self.views.passive, ..views };
    }

    /// How many peers there is memory for.
    pub fn peers(&self) -> usize {
        self.states.len()
    }

    /// Whether a peer is there.
    pub fn is_alive(&self, peer: u32) -> bool {
        self.states[peer as usize].is_alive()
    }

    /// Those who are there, in no order that counts.
    pub fn living(&self) -> &[u32] {
        &self.living
    }

    /// To whom a peer is linked, the oldest link first.
    pub fn of(&self, peer: u32) -> &[u32] {
        &self.links[peer as usize].0[..self.states[peer as usize].degree()]
    }

    /// Through whom the links of a peer were learnt.
    pub fn through(&self, peer: u32) -> &[u32] {
        &self.through[peer as usize].0[..self.states[peer as usize].degree()]
    }

    /// What a peer could replace links by.
    pub fn passive(&self, peer: u32) -> &[u32] {
        self.passive.of(peer)
    }

    /// How many of the living hear what one of them says, when every link that lives is followed.
    pub fn hearing(&self) -> usize {
        let Some(&origin) = self.living.iter().min() else { return 0 };
        hops_over(self.peers(), origin, |peer| self.of(peer), |peer| self.is_alive(peer)).reached
    }

    /// Who is linked to whom now.
    pub fn graph(&self) -> Adjacency {
        Adjacency::from_rows((0..self.peers() as u32).map(|peer| self.of(peer)))
    }

    /// A peer comes: the server introduces it to one, and it walks from there.
    pub fn join(&mut self, peer: u32, rng: &mut Rng) {
        self.enter(peer);
        self.meet_by_server(peer, rng);
        for places in (0..self.views.active).step_by(WALKS) {
            let mut walks = self.set_out(peer, rng);
            for _ in 0..WALK {
                self.step(&mut walks, rng);
            }
            self.ask_ends(peer, places, walks, rng);
        }
    }

    /// Some walks at once, each from one of the peer's links on: what one of them waits for in memory costs the others
    /// nothing.
    fn set_out(&self, peer: u32, rng: &mut Rng) -> Walks {
        let mut walks = [None; WALKS];
        walks.fill_with(|| chance::pick(rng, self.of(peer)).map(|first| (first, first)));
        walks
    }

    /// The neighbour to which a peer hands on a walk.
    fn hand_on(&self, peer: u32, rng: &mut Rng) -> Option<u32> {
        chance::pick(rng, self.of(peer)).filter(|&next| self.is_alive(next))
    }

    /// Each of the walks is handed on once.
    fn step(&self, walks: &mut Walks, rng: &mut Rng) {
        for (_, at) in walks.iter_mut().flatten() {
            *at = self.hand_on(*at, rng).unwrap_or(*at);
        }
    }

    /// A newcomer asks where its walks ended, for these and the following of the places that it wants.
    fn ask_ends(&mut self, peer: u32, places: usize, walks: Walks, rng: &mut Rng) {
        for (place, (first, end)) in (places..self.views.active).zip(walks.into_iter().flatten()) {
            if self.is_alive(first) && self.is_alive(end) {
                self.ask(peer, end, first, place < CLAIMS, rng);
            }
        }
    }

    /// A peer is there, linked to nobody.
    pub fn enter(&mut self, peer: u32) {
        if !self.is_alive(peer) {
            self.states[peer as usize].0 |= State::ALIVE;
            self.places[peer as usize] = self.living.len() as u32;
            self.living.push(peer);
        }
    }

    /// A peer is gone. Its links stay in others' views until they notice.
    pub fn kill(&mut self, peer: u32) {
        if !self.is_alive(peer) {
            return;
        }
        self.states[peer as usize].0 &= !State::ALIVE;
        let place = self.places[peer as usize];
        self.living.swap_remove(place as usize);
        if let Some(&moved) = self.living.get(place as usize) {
            self.places[moved as usize] = place;
        }
    }

    /// A peer's links end, and it forgets whom it knows.
    pub fn forget(&mut self, peer: u32) {
        while let Some(&other) = self.of(peer).last() {
            self.unlink(peer, other);
        }
        self.passive.clear(peer);
    }

    /// Everybody drops links to the dead: those of whom nothing was heard for ten seconds.
    pub fn notice_dead(&mut self) {
        for peer in 0..self.peers() as u32 {
            if !self.is_alive(peer) {
                self.forget(peer);
            }
        }
    }

    /// Ten seconds of everybody's upkeep: links that are missing are replaced, too many are dropped, views exchanged.
    pub fn round(&mut self, has_server: bool, rng: &mut Rng) -> Found {
        let mut found = Found::default();
        let mut order = self.living.clone();
        order.sort_unstable();
        for &peer in &order {
            if self.views.repairs {
                self.repair(peer, has_server, &mut found, rng);
            }
            self.drop_surplus(peer, rng);
        }
        if self.views.shuffles {
            for &peer in &order {
                self.exchange(peer, rng);
            }
        }
        found
    }

    /// Replaces what a peer lacks: by whom it knows, by walks, and by the server where it has hardly anybody.
    pub fn repair(&mut self, peer: u32, has_server: bool, found: &mut Found, rng: &mut Rng) {
        // In ten seconds several can be asked for each link that is missing: some refuse, some routes are dead.
        let mut tries = 4 * self.views.active.saturating_sub(self.of(peer).len());
        while self.of(peer).len() < self.views.active && tries > 0 {
            tries -= 1;
            if self.link_by_route(peer, rng) {
                found.by_route += 1;
            } else if self.walk_for_link(peer, self.is_poor(peer), rng) {
                found.by_walk += 1;
            } else if has_server && self.is_poor(peer) && self.meet_by_server(peer, rng) {
                found.by_server += 1;
            }
        }
        found.none += u64::from(self.of(peer).len() < self.views.active);
    }

    /// Fewer than half of the wanted links: such a peer may ask the server, and others make room for it.
    fn is_poor(&self, peer: u32) -> bool {
        self.of(peer).len() < self.views.active / 2
    }

    /// Links to somebody of the passive view whose route lives.
    fn link_by_route(&mut self, peer: u32, rng: &mut Rng) -> bool {
        let Some((entry, through)) = self.reachable(peer, rng) else { return false };
        self.ask(peer, entry, through, self.is_poor(peer), rng)
    }

    /// Draws an entry of the passive view, and through which neighbour it is reached, if its route lives.
    fn reachable(&self, peer: u32, rng: &mut Rng) -> Option<(u32, u32)> {
        let (entry, route) = self.passive.draw(peer, rng)?;
        let mut at = peer;
        for hop in route.hops().chain([entry]) {
            if !self.is_alive(hop) || !self.of(at).contains(&hop) {
                return None;
            }
            at = hop;
        }
        Some((entry, route.hops().next().unwrap_or(entry)))
    }

    /// Walks over links from a neighbour through which few links were learnt, and links to the end.
    fn walk_for_link(&mut self, peer: u32, claims: bool, rng: &mut Rng) -> bool {
        let Some(first) = chance::pick(rng, self.of(peer)) else { return false };
        let mut at = first;
        for _ in 0..WALK {
            let Some(next) = self.hand_on(at, rng) else { break };
            at = next;
        }
        self.is_alive(first) && self.is_alive(at) && self.ask(peer, at, first, claims, rng)
    }

    /// The server names somebody who is there.
    fn meet_by_server(&mut self, peer: u32, rng: &mut Rng) -> bool {
        // Nobody is introduced to itself or to a neighbour: a room of two would fall into two rooms.
        let count = self.living.len();
        let start = chance::below(rng, count);
        let mut names = (0..count.min(LINKS_MAX + 2)).map(|step| self.living[(start + step) % count]);
        let other = names.find(|&other| other != peer && !self.of(peer).contains(&other));
        other.is_some_and(|other| self.ask(peer, other, SERVER, true, rng))
    }

    /// Asks `other` for a link. Who is full refuses, or drops one where the other has a claim.
    pub(crate) fn ask(&mut self, peer: u32, other: u32, through: u32, claims: bool, rng: &mut Rng) -> bool {
        let is_refused = peer == other
            || self.of(peer).contains(&other)
            || self.of(peer).len() >= self.views.most
            || through != SERVER && self.is_crowded(peer, through);
        if is_refused {
            return false;
        }
        // Beyond what it wants a peer takes one for each of the others' needs, so that few are left over.
        let room = if claims { self.views.most } else { (self.views.active + 2).min(self.views.most) };
        if self.of(other).len() >= room {
            if !claims {
                return false;
            }
            let place = PINNED + chance::below(rng, self.of(other).len() - PINNED);
            let dropped = self.of(other)[place];
            self.unlink(other, dropped);
        }
        self.link(peer, other, through);
        true
    }

    /// Whether a third of the wanted links were learnt through this neighbour.
    fn is_crowded(&self, peer: u32, through: u32) -> bool {
        let so_far = self.through(peer).iter().filter(|&&one| one == through).count();
        so_far >= (self.views.active / 3).max(1)
    }

    /// Drops one link that neither end needs.
    fn drop_surplus(&mut self, peer: u32, rng: &mut Rng) {
        if self.of(peer).len() <= self.views.active {
            return;
        }
        let start = chance::below(rng, self.of(peer).len());
        let surplus = (0..self.of(peer).len())
            .map(|step| (start + step) % self.of(peer).len())
            .find(|&place| place >= PINNED && self.of(self.of(peer)[place]).len() > self.views.active);
        if let Some(place) = surplus {
            self.unlink(peer, self.of(peer)[place]);
        }
    }

    /// A walk, at whose end both learn whom the other is linked to, with the route there.
    fn exchange(&mut self, peer: u32, rng: &mut Rng) {
        let mut path = [0; SHUFFLE_WALK];
        let mut at = peer;
        let mut steps = 0;
        while steps < SHUFFLE_WALK {
            let Some(next) = self.hand_on(at, rng) else { break };
            if next == peer || path[..steps].contains(&next) {
                break;
            }
            path[steps] = next;
            at = next;
            steps += 1;
        }
        let path = &path[..steps];
        if path.is_empty() {
            return;
        }
        self.learn(peer, path, rng);
        let back: Vec<u32> = path[..steps - 1].iter().rev().copied().chain([peer]).collect();
        self.learn(at, &back, rng);
    }

    /// `peer` hears from the end of `path` who that one is and to whom it is linked.
    fn learn(&mut self, peer: u32, path: &[u32], rng: &mut Rng) {
        let Some((&end, before)) = path.split_last() else { return };
        self.note(peer, end, before, rng);
        let count = self.of(end).len();
        let start = chance::below(rng, count);
        for step in 0..count.min(SHUFFLED) {
            let known = self.of(end)[(start + step) % count];
            if self.is_alive(known) && !path.contains(&known) {
                self.note(peer, known, path, rng);
            }
        }
    }

    fn note(&mut self, peer: u32, known: u32, over: &[u32], rng: &mut Rng) {
        if known != peer && !self.of(peer).contains(&known) {
            self.passive.put(peer, known, Route::over(over), rng);
        }
    }

    /// Makes a link between two who have none.
    pub(crate) fn link(&mut self, peer: u32, other: u32, through: u32) {
        for (from, to) in [(peer, other), (other, peer)] {
            let degree = self.states[from as usize].degree();
            debug_assert!(degree < LINKS_MAX, "who is full was asked");
            self.links[from as usize].0[degree] = to;
            // Who is asked did not learn of the other through a neighbour of its own.
            self.through[from as usize].0[degree] = if from == peer { through } else { to };
            self.states[from as usize].0 += 1;
            self.passive.remove(from, to);
        }
    }

    /// Ends a link.
    pub(crate) fn unlink(&mut self, peer: u32, other: u32) {
        for (from, to) in [(peer, other), (other, peer)] {
            if let Some(place) = self.of(from).iter().position(|&one| one == to) {
                let end = self.states[from as usize].degree();
                self.links[from as usize].0.copy_within(place + 1..end, place);
                self.through[from as usize].0.copy_within(place + 1..end, place);
                self.states[from as usize].0 -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::hops;
    use meshwork_sim::chance::generator;
    use meshwork_sim::latency::Latency;

    fn check(room: &Membership) {
        for peer in 0..room.peers() as u32 {
            let links = room.of(peer);
            assert!(links.len() <= LINKS_MAX);
            for (place, other) in links.iter().enumerate() {
                assert!(*other != peer && !links[..place].contains(other), "{peer}: {links:?}");
                assert!(room.of(*other).contains(&peer), "{peer} and {other} are linked both ways");
            }
        }
    }

    #[test]
    fn room_grows_whole_with_the_wanted_links() {
        let room = Membership::grown(1000, Views::default(), 3, &mut generator(3, [0; 3]));
        check(&room);
        assert_eq!(hops(&room.graph(), 0, |_| true).reached, 1000);
        let few = (0..1000).filter(|&peer| room.of(peer).len() < 12).count();
        let mean = room.graph().arcs() as f64 / 1000.0;
        assert!(few <= 5 && (12.0..13.0).contains(&mean), "{few} with fewer than 12, {mean} on average");
    }

    #[test]
    fn rooms_never_grow_in_two_parts() {
        for seed in 0..300 {
            let room = Membership::grown(40, Views::default(), 1, &mut generator(seed, [0; 3]));
            assert_eq!(room.hearing(), 40, "seed {seed}");
        }
    }

    #[test]
    fn the_living_replace_their_dead_neighbours() {
        let mut rng = generator(4, [0; 3]);
        let mut room = Membership::grown(500, Views::default(), 3, &mut rng);
        (0..250).for_each(|peer| room.kill(peer));
        room.notice_dead();
        let found = room.round(false, &mut rng);
        check(&room);
        assert!(found.by_server == 0 && found.by_route > 0, "{found:?}");
        let few = (250..500).filter(|&peer| room.of(peer).len() < 11).count();
        assert!(few < 10, "{few} of 250 still lack links");
    }

    #[test]
    fn without_repair_links_stay_missing() {
        let mut rng = generator(4, [0; 3]);
        let views = Views { repairs: false, ..Views::default() };
        let mut room = Membership::grown(500, views, 3, &mut rng);
        (0..250).for_each(|peer| room.kill(peer));
        room.notice_dead();
        assert_eq!(room.round(true, &mut rng), Found::default());
        assert!((250..500).filter(|&peer| room.of(peer).len() < 11).count() > 200);
    }

    #[test]
    fn swaps_bring_neighbours_nearer_and_keep_degrees() {
        let mut rng = generator(5, [0; 3]);
        let latency = Latency::regions(600, &mut rng);
        let mut room = Membership::grown(600, Views::default(), 3, &mut rng);
        let sum = |room: &Membership| -> u64 {
            (0..600)
                .flat_map(|peer| room.of(peer).iter().map(move |&other| (peer, other)))
                .map(|(peer, other)| u64::from(latency.one_way(peer, other)))
                .sum()
        };
        let (before, arcs) = (sum(&room), room.graph().arcs());
        for _ in 0..10 {
            room.approach(&latency, &mut rng);
        }
        check(&room);
        assert!(sum(&room) < before && room.graph().arcs() == arcs);
    }
}
