//! Many batches over a tree, one after another: what links that lose packets, keep the order and have a rate do to them.
//!
//! # How it works
//! A reliable ordered channel (SCTP, RFC 9260): what is lost arrives later, and what was sent behind it waits for it. A
//! loss is noticed when three later packets have been acknowledged (fast retransmission), or by a timer, whichever is
//! earlier; what is sent again may be lost again, and then waits for the timer. A peer's copies leave one after another
//! at the rate of its access. Who has a batch tells the others of its neighbours, and who then waits for it in vain asks
//! the first that told it: such a copy overtakes the late one, and is passed on at once.
//!
//! # Limits
//! Acknowledgements, announcements and what is asked for are not lost, and only who told first is asked. When three later packets will have been sent is
//! taken from the arc's own rate so far. The tree stays as it is: the real one would change the links in question.

use meshwork_core::rng::Rng;

use crate::queue::Queue;
use crate::tree::{NEVER, Trees, WORD_AFTER_MICROS, patience};
use meshwork_sim::chance;
use meshwork_sim::latency::Latency;

/// Milliseconds that are told apart: what takes longer counts as the last.
const SPAN_MS: usize = 30_000;
/// Of a batch that was named and has not come.
const NAMED: u32 = NEVER - 1;
/// Packets behind a lost one that make it be sent again (RFC 9260, section 7.2.4).
const REPORTS: u32 = 3;

/// Properties of links and accesses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Packets lost, of a million.
    pub loss_per_million: u32,
    /// The least time after which the timer sends again, in microseconds.
    pub timer_micros: u32,
    /// What a copy takes to leave, in microseconds.
    pub copy_micros: u32,
}

/// A batch: when it is written, by whom, over which tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// In microseconds from the beginning.
    pub at: u32,
    /// Its author.
    pub origin: u32,
    /// Its tree.
    pub tree: usize,
}

/// How long batches took to all peers.
#[derive(Clone, Debug)]
pub struct Times {
    /// How often each number of milliseconds.
    counts: Vec<u64>,
    /// Deliveries, without the authors' own.
    pub deliveries: u64,
    /// Copies lost.
    pub lost: u64,
    /// Batches that were asked for.
    pub grafts: u64,
    /// Copies that each peer sent.
    pub sent: Vec<u32>,
}

impl Times {
    /// Milliseconds within which so many of a thousand deliveries came.
    pub fn percentile(&self, per_mille: u64) -> u64 {
        let wanted = (self.deliveries * per_mille).div_ceil(1000);
        let mut so_far = 0;
        let place = self.counts.iter().position(|count| {
            so_far += count;
            so_far >= wanted
        });
        place.unwrap_or(SPAN_MS) as u64
    }
}

/// What happens to a peer with a batch.
#[derive(Clone, Copy, Debug)]
enum What {
    /// Its own, or asked for.
    Has,
    /// It comes over this arc.
    Comes(u32),
    /// Who told of it over this arc is asked, if it has not come.
    Waits(u32),
}

/// Sends all batches over the trees as they are.
pub fn send(trees: &Trees<'_>, batches: &[Batch], link: &Link, latency: &Latency, rng: &mut Rng) -> Times {
    let peers = trees.peers();
    let mut stream = Stream {
        trees,
        batches,
        link,
        latency,
        times: Times {
            counts: vec![0; SPAN_MS + 1],
            deliveries: 0,
            lost: 0,
            grafts: 0,
            sent: vec![0; peers],
        },
        arcs: vec![(0, 0); trees.arcs()],
        busy: vec![0; peers],
        had: vec![NEVER; peers * batches.len()],
        queue: Queue::default(),
    };
    for (number, batch) in batches.iter().enumerate() {
        stream.queue.push(batch.at, (batch.origin, number as u32, What::Has));
    }
    while let Some((now, (peer, number, what))) = stream.queue.pop() {
        match what {
            What::Has => stream.take(now, peer, number, None, rng),
            What::Comes(arc) => stream.take(now, peer, number, Some(arc as usize), rng),
            What::Waits(arc) => stream.ask(now, peer, number, arc),
        }
    }
    stream.times
}

struct Stream<'a> {
    trees: &'a Trees<'a>,
    batches: &'a [Batch],
    link: &'a Link,
    latency: &'a Latency,
    times: Times,
    /// Of each arc, until when what arrives waits, and how many packets it has carried.
    arcs: Vec<(u32, u32)>,
    /// Until when each peer's access is busy.
    busy: Vec<u32>,
    /// When each peer had each batch.
    had: Vec<u32>,
    queue: Queue<(u32, u32, What)>,
}

impl Stream<'_> {
    /// A peer has a batch and passes it on, unless it had it before.
    fn take(&mut self, now: u32, peer: u32, number: u32, over: Option<usize>, rng: &mut Rng) {
        let batch = self.batches[number as usize];
        let had = &mut self.had[number as usize * self.trees.peers() + peer as usize];
        if *had < NAMED {
            return;
        }
        *had = now;
        if peer != batch.origin {
            let ms = (now - batch.at) as usize / 1000;
            self.times.counts[ms.min(SPAN_MS)] += 1;
            self.times.deliveries += 1;
        }
        let trees = self.trees;
        for out in trees.eager_arcs(peer, batch.tree) {
            if over.is_none_or(|arc| out != trees.back(arc)) {
                self.pass_on(now, peer, out, number, rng);
            }
        }
        self.tell(now, peer, number);
    }

    /// A peer tells those of its neighbours to whom it does not pass a batch on that it has it.
    fn tell(&mut self, now: u32, peer: u32, number: u32) {
        let trees = self.trees;
        // Names are told at fixed times, each peer at its own.
        let phase = peer.wrapping_mul(0x9e37_79b1) % WORD_AFTER_MICROS;
        let told = now + WORD_AFTER_MICROS - (now + phase) % WORD_AFTER_MICROS;
        for arc in trees.lazy_arcs(peer, self.batches[number as usize].tree) {
            let to = trees.target(arc);
            let had = &mut self.had[number as usize * trees.peers() + to as usize];
            if *had == NEVER {
                *had = NAMED;
                let way = self.latency.one_way(peer, to);
                let asked = told + way + patience(2 * way, to ^ number);
                self.queue.push(asked, (to, number, What::Waits(arc as u32)));
            }
        }
    }

    fn pass_on(&mut self, now: u32, peer: u32, out: usize, number: u32, rng: &mut Rng) {
        let to = self.trees.target(out);
        let busy = &mut self.busy[peer as usize];
        *busy = (*busy).max(now) + self.link.copy_micros;
        self.times.sent[peer as usize] += 1;
        let (leaves, way) = (*busy, self.latency.one_way(peer, to));
        let (waits, carried) = &mut self.arcs[out];
        *carried += 1;
        let in_time = leaves + way;
        let mut arrives = in_time;
        if chance::happens(rng, self.link.loss_per_million) {
            self.times.lost += 1;
            // Three later packets at the arc's rate, and the report's way back.
            arrives += self.link.timer_micros.min(REPORTS * (leaves / *carried) + 2 * way);
            while chance::happens(rng, self.link.loss_per_million) {
                self.times.lost += 1;
                arrives += self.link.timer_micros;
            }
        }
        *waits = arrives.max(*waits);
        let arrives = *waits;
        self.queue.push(arrives, (to, number, What::Comes(out as u32)));
    }

    /// A peer that still waits asks who told it.
    fn ask(&mut self, now: u32, peer: u32, number: u32, arc: u32) {
        if self.had[number as usize * self.trees.peers() + peer as usize] == NAMED {
            let teller = self.trees.target(self.trees.back(arc as usize));
            self.times.grafts += 1;
            self.times.sent[teller as usize] += 1;
            let at = now + self.latency.round_trip(peer, teller);
            self.queue.push(at, (peer, number, What::Has));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adjacency::Adjacency;
    use crate::tree::{Delivery, Timing};
    use meshwork_sim::chance::generator;

    fn batches(count: u32) -> Vec<Batch> {
        (0..count).map(|number| Batch { at: number * 6_400, origin: 0, tree: 0 }).collect()
    }

    #[test]
    fn lossless_stream_is_as_fast_as_one_broadcast() {
        let graph = Adjacency::random_regular(200, 8, &mut generator(1, [0; 3]));
        let latency = Latency::regions(200, &mut generator(1, [1; 3]));
        let (mut trees, mut delivery) = (Trees::new(&graph), Delivery::default());
        trees.broadcast(0, 0, &Timing::of(&latency), |_| true, &mut delivery);
        let link = Link { loss_per_million: 0, timer_micros: 1_000_000, copy_micros: 0 };
        let times = send(&trees, &batches(10), &link, &latency, &mut generator(1, [2; 3]));
        assert_eq!((times.deliveries, times.lost), (1990, 0));
        assert_eq!(times.percentile(1000), u64::from(delivery.percentile(1000)) / 1000);
    }

    #[test]
    fn others_are_asked_for_what_is_late() {
        let graph = Adjacency::random_regular(300, 8, &mut generator(1, [0; 3]));
        let latency = Latency::Uniform(20_000);
        let (mut trees, mut delivery) = (Trees::new(&graph), Delivery::default());
        trees.broadcast(0, 0, &Timing::of(&latency), |_| true, &mut delivery);
        let link = Link { loss_per_million: 10_000, timer_micros: 1_000_000, copy_micros: 100 };
        let times = send(&trees, &batches(300), &link, &latency, &mut generator(4, [0; 3]));
        assert_eq!(times.deliveries, 300 * 299);
        assert!(times.grafts > 0 && times.percentile(950) < 900, "{} ms", times.percentile(950));
    }

    #[test]
    fn what_is_lost_delays_what_is_behind_it() {
        let line = Adjacency::undirected(2, &[(0, 1)]);
        let latency = Latency::Uniform(10_000);
        let trees = Trees::new(&line);
        let link = Link { loss_per_million: 20_000, timer_micros: 1_000_000, copy_micros: 100 };
        let times = send(&trees, &batches(1000), &link, &latency, &mut generator(4, [0; 3]));
        assert_eq!(times.deliveries, 1000);
        assert_eq!(times.percentile(500), 10, "most come in time");
        assert_eq!(times.grafts, 0, "there is nobody else to ask");
        let late = 1000 - times.counts[..=11].iter().sum::<u64>();
        assert!(late > 2 * times.lost, "{late} late of {} lost", times.lost);
        assert!(times.percentile(995) < 2_000, "{}", times.percentile(995));
    }
}
