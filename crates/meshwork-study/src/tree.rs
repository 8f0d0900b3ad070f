//! Broadcast over an overlay: flooding, and trees of eager links with lazy ones beside them.
//!
//! # How it works
//! As Plumtree (Leitão, Pereira and Rodrigues, SRDS 2007). A message goes over eager links at once; over lazy ones goes
//! only word that it exists. Who gets a copy that it has already makes the link it came over lazy, so that the first
//! broadcast, which floods, leaves a tree of the fastest ways. Who hears of a message and has not got it some time later
//! asks who told it, one after another, and makes that link eager: a graft. A copy that then comes the long way is a second
//! one. Several trees lie over the same links.
//!
//! # Limits
//! Asking and pruning always arrive. Messages are of one size; what queues on a link is not followed here.

use std::sync::Arc;

use meshwork_core::overlay::trees::{COLLECT, PATIENCE, SOURCES_MAX};

use crate::adjacency::Adjacency;
use crate::queue::Queue;
use meshwork_sim::latency::Latency;

/// Trees over the same links, at most: one bit each.
pub const TREES_MAX: usize = 8;
/// Names of messages are collected for so long before they are told, in microseconds.
const WORD_AFTER_MICROS: u32 = COLLECT.as_micros() as u32;
/// Who has a name waits so long beyond a round trip before it asks, and up to half as long again, in microseconds.
const PATIENCE_MICROS: u32 = PATIENCE.as_micros() as u32;
/// Copies for each peer after which a broadcast that would never end is ended.
const FORGETFUL_MAX: u64 = 50;
/// The time of what never arrived.
pub const NEVER: u32 = u32::MAX;

/// When things happen.
#[derive(Clone, Debug)]
pub struct Timing<'a> {
    /// On the way.
    pub latency: &'a Latency,
    /// What a sender needs for each copy, one after another, in microseconds.
    pub copy_micros: u32,
}

impl<'a> Timing<'a> {
    /// Only the way counts; all else as the overlay has it.
    pub fn of(latency: &'a Latency) -> Timing<'a> {
        Timing { latency, copy_micros: 0 }
    }
}

/// How long one waits for what was named over a link of this round trip; by `salt`, so that of many who lack it one
/// asks first.
fn patience(round_trip: u32, salt: u32) -> u32 {
    let chance = u64::from(salt.wrapping_mul(0x9e37_79b1) >> 24);
    round_trip + PATIENCE_MICROS + (u64::from(PATIENCE_MICROS / 2) * chance / 256) as u32
}

/// What came of one broadcast.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// When each peer had it first, in microseconds; [`NEVER`] where it did not hear.
    pub at: Vec<u32>,
    /// Links it came over, of each peer that heard.
    pub hops: Vec<u16>,
    /// How many heard, the origin included.
    pub reached: usize,
    /// Copies sent.
    pub copies: u64,
    /// Copies that reached somebody who had it.
    pub duplicates: u64,
    /// Words of its existence sent.
    pub words: u64,
    /// Copies that were asked for.
    pub grafts: u64,
    /// Copies that each peer sent.
    pub sent: Vec<u16>,
    /// How many each peer is to ask for it so far, and when the next one.
    asks: Vec<(u8, u32)>,
}

impl Delivery {
    fn starts(&mut self, peers: usize) {
        let keep = std::mem::take(self);
        *self = Delivery {
            at: keep.at,
            hops: keep.hops,
            sent: keep.sent,
            asks: keep.asks,
            ..Delivery::default()
        };
        self.asks.clear();
        self.asks.resize(peers, (0, 0));
        for (column, empty) in [(&mut self.hops, u16::MAX), (&mut self.sent, 0)] {
            column.clear();
            column.resize(peers, empty);
        }
        self.at.clear();
        self.at.resize(peers, NEVER);
    }

    /// **payload-copies**: peers got it at most `most` times on average.
    ///
    /// # Errors
    /// How often they got it.
    pub fn check_copies(&self, most: f64) -> Result<(), String> {
        let copies = self.copies as f64 / self.reached.max(1) as f64;
        if copies <= most { Ok(()) } else { Err(format!("payload-copies: {copies:.2} for each peer")) }
    }

    /// Hops of the last who heard.
    pub fn most_hops(&self) -> u16 {
        self.hops.iter().copied().filter(|&hops| hops != u16::MAX).max().unwrap_or(0)
    }
}

/// The links of an overlay, eager or lazy in each of several trees.
#[derive(Clone, Debug)]
pub struct Trees<'a> {
    graph: &'a Adjacency,
    /// The same link, told by its other end; clones share it.
    back: Arc<[u32]>,
    /// From whom an arc leads.
    from: Arc<[u32]>,
    /// One bit for each tree in which the arc is lazy.
    lazy: Vec<u8>,
    /// Whether those without word of their own are asked in time: off where only trees count.
    pub has_grafts: bool,
    /// A fault to be noticed: nobody knows what it had, and passes on every copy, until there are fifty for each peer.
    pub is_forgetful: bool,
    queue: Queue<Event>,
}

/// What happens on an arc.
#[derive(Clone, Copy, Debug)]
enum What {
    Copy,
    Word,
    Patience,
}

/// The arc, and by the two lowest bits what happens on it: a flood over a million peers has millions of them ahead.
#[derive(Clone, Copy, Debug)]
struct Event(u32);

impl Event {
    fn on(arc: usize, what: What) -> Event {
        Event((arc as u32) << 2 | what as u32)
    }

    fn arc(self) -> usize {
        (self.0 >> 2) as usize
    }

    fn what(self) -> What {
        match self.0 & 3 {
            0 => What::Copy,
            1 => What::Word,
            _ => What::Patience,
        }
    }
}

impl<'a> Trees<'a> {
    /// All links are eager, as at the beginning. The graph must be undirected.
    pub fn new(graph: &'a Adjacency) -> Trees<'a> {
        let mut from = vec![0; graph.arcs()];
        let mut back = vec![u32::MAX; graph.arcs()];
        for peer in 0..graph.peers() as u32 {
            for arc in graph.range(peer) {
                from[arc] = peer;
                let other = graph.target(arc);
                if peer < other {
                    // Without an end before the last, so that a processor goes on with the next row meanwhile.
                    let places = graph.range(other).zip(graph.of(other));
                    let is_it = |found, (place, &one)| if one == peer { place } else { found };
                    let there = places.fold(usize::MAX, is_it);
                    assert!(there != usize::MAX, "links count both ways");
                    back[arc] = there as u32;
                    back[there] = arc as u32;
                }
            }
        }
        assert!(!back.contains(&u32::MAX), "links count both ways");
        let lazy = vec![0; graph.arcs()];
        let (back, from) = (back.into(), from.into());
        Trees { graph, back, from, lazy, has_grafts: true, is_forgetful: false, queue: Queue::default() }
    }

    /// The same with the trees as they are elsewhere: `eager` tells in which of them the first of two neighbours gets
    /// all in full from the second, a bit for each.
    pub fn laid(graph: &'a Adjacency, eager: impl Fn(u32, u32) -> u8) -> Trees<'a> {
        let mut trees = Trees::new(graph);
        for arc in 0..graph.arcs() {
            trees.lazy[arc] = !eager(trees.graph.target(arc), trees.from[arc]);
        }
        trees
    }

    /// Links of a peer that are eager in a tree.
    pub fn eager(&self, peer: u32, tree: usize) -> usize {
        self.graph.range(peer).filter(|&arc| self.lazy[arc] & (1 << tree) == 0).count()
    }

    /// Broadcasts over one of the trees among the `alive`, and lets the tree learn from it.
    pub fn broadcast(
        &mut self,
        tree: usize,
        origin: u32,
        timing: &Timing<'_>,
        alive: impl Fn(u32) -> bool,
        delivery: &mut Delivery,
    ) {
        let bit = 1 << (tree % TREES_MAX);
        delivery.starts(self.graph.peers());
        self.queue.restart();
        delivery.at[origin as usize] = 0;
        delivery.hops[origin as usize] = 0;
        delivery.reached = 1;
        self.pass_on(origin, u32::MAX, 0, bit, timing, delivery);
        while let Some((at, event)) = self.queue.pop() {
            let arc = event.arc();
            let to = self.graph.target(arc);
            if !alive(to) {
                continue;
            }
            let has_it = delivery.at[to as usize] != NEVER;
            match event.what() {
                What::Copy if has_it && self.is_forgetful => {
                    delivery.duplicates += 1;
                    if delivery.copies < FORGETFUL_MAX * self.graph.peers() as u64 {
                        self.pass_on(to, self.back[arc], at, bit, timing, delivery);
                    }
                }
                What::Copy if has_it => {
                    delivery.duplicates += 1;
                    self.set_lazy(arc, bit, true);
                }
                What::Copy => {
                    delivery.at[to as usize] = at;
                    delivery.hops[to as usize] = delivery.hops[self.from[arc] as usize] + 1;
                    delivery.reached += 1;
                    self.set_lazy(arc, bit, false);
                    self.pass_on(to, self.back[arc], at, bit, timing, delivery);
                }
                What::Word if !has_it => {
                    // One after another is asked, each later than the one before.
                    let (asked, next) = &mut delivery.asks[to as usize];
                    if usize::from(*asked) < SOURCES_MAX {
                        let round_trip = timing.latency.round_trip(self.from[arc], to);
                        let ask = if *asked == 0 { at + patience(round_trip, to) } else { at.max(*next) };
                        *next = ask + ((round_trip + PATIENCE_MICROS) << *asked);
                        *asked += 1;
                        self.queue.push(ask, Event::on(arc, What::Patience));
                    }
                }
                What::Patience if !has_it => {
                    self.set_lazy(arc, bit, false);
                    delivery.grafts += 1;
                    delivery.copies += 1;
                    let from = self.from[arc];
                    delivery.sent[from as usize] += 1;
                    let at = at + timing.latency.round_trip(from, to) + timing.copy_micros;
                    self.queue.push(at, Event::on(arc, What::Copy));
                }
                What::Word | What::Patience => {}
            }
        }
    }

    fn pass_on(
        &mut self,
        peer: u32,
        except: u32,
        at: u32,
        bit: u8,
        timing: &Timing<'_>,
        delivery: &mut Delivery,
    ) {
        let mut busy = at;
        for arc in self.graph.range(peer) {
            if arc as u32 == except {
                continue;
            }
            // Where grafts are off, what lazy links carry changes nothing: a large room has mostly such links.
            let is_lazy = self.lazy[arc] & bit != 0;
            delivery.words += u64::from(is_lazy);
            if is_lazy && !self.has_grafts {
                continue;
            }
            let way = timing.latency.one_way(peer, self.graph.target(arc));
            if is_lazy {
                let at = at + WORD_AFTER_MICROS + way;
                self.queue.push(at, Event::on(arc, What::Word));
            } else {
                busy += timing.copy_micros;
                delivery.copies += 1;
                delivery.sent[peer as usize] += 1;
                self.queue.push(busy + way, Event::on(arc, What::Copy));
            }
        }
    }

    fn set_lazy(&mut self, arc: usize, bit: u8, is_lazy: bool) {
        for arc in [arc, self.back[arc] as usize] {
            if is_lazy {
                self.lazy[arc] |= bit;
            } else {
                self.lazy[arc] &= !bit;
            }
        }
    }
}

/// What plain flooding comes to: everybody passes the first copy on over all other links.
pub fn flood(
    graph: &Adjacency,
    origin: u32,
    timing: &Timing<'_>,
    alive: impl Fn(u32) -> bool,
    delivery: &mut Delivery,
) {
    // The first broadcast of a tree is a flood: all its links are still eager.
    Trees::new(graph).broadcast(0, origin, timing, alive, delivery);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::hops;
    use meshwork_sim::chance::generator;

    #[test]
    fn first_broadcast_floods_and_second_follows_a_tree() {
        let graph = Adjacency::random_regular(300, 12, &mut generator(2, [0; 3]));
        let latency = Latency::regions(300, &mut generator(2, [1; 3]));
        let (mut trees, mut delivery) = (Trees::new(&graph), Delivery::default());
        trees.broadcast(0, 5, &Timing::of(&latency), |_| true, &mut delivery);
        assert_eq!(
            (delivery.reached, delivery.copies),
            (300, 300 * 11 + 1),
            "all links but the one it came over"
        );
        let flooded = delivery.at.clone();
        trees.broadcast(0, 5, &Timing::of(&latency), |_| true, &mut delivery);
        assert_eq!((delivery.reached, delivery.copies, delivery.duplicates), (300, 299, 0));
        assert_eq!(delivery.at, flooded, "the tree is of the fastest ways");
        trees.broadcast(0, 250, &Timing::of(&latency), |_| true, &mut delivery);
        assert_eq!((delivery.reached, delivery.copies), (300, 299), "it carries what others write as well");
        assert_eq!(trees.eager(7, 1), 12, "another tree has learnt nothing");
    }

    #[test]
    fn who_forgets_what_it_had_is_noticed() {
        let graph = Adjacency::random_regular(300, 12, &mut generator(2, [0; 3]));
        let latency = Latency::regions(300, &mut generator(2, [1; 3]));
        for is_forgetful in [false, true] {
            let (mut trees, mut delivery) = (Trees::new(&graph), Delivery::default());
            trees.is_forgetful = is_forgetful;
            for _ in 0..2 {
                trees.broadcast(0, 5, &Timing::of(&latency), |_| true, &mut delivery);
            }
            let found = delivery.check_copies(1.3);
            assert_eq!(found.is_err_and(|words| words.starts_with("payload-copies")), is_forgetful);
        }
    }

    #[test]
    fn grafts_reach_everybody_linked_where_trees_alone_fail() {
        let graph = Adjacency::random_regular(400, 10, &mut generator(3, [0; 3]));
        let latency = Latency::Uniform(10_000);
        let timing = Timing::of(&latency);
        let mut delivery = Delivery::default();
        let alive = |peer: u32| !peer.is_multiple_of(3);
        let mut trees = Trees::new(&graph);
        trees.broadcast(0, 1, &timing, |_| true, &mut delivery);
        trees.has_grafts = false;
        trees.clone().broadcast(0, 1, &timing, alive, &mut delivery);
        let by_tree = delivery.reached;
        trees.has_grafts = true;
        trees.broadcast(0, 1, &timing, alive, &mut delivery);
        assert_eq!(delivery.reached, hops(&graph, 1, alive).reached);
        assert!(by_tree < delivery.reached && delivery.grafts > 0, "{by_tree} by the tree");
    }
}
