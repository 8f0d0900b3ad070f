//! A virtual network for state machines that keep an overlay and broadcast over it, ours and others'.
//!
//! # How it works
//! Peers are in five regions, as in the simulator. A message is on its way for as long as these say, in the order in
//! which it was sent. A link opens within `OPENING` round trips of its ends, whoever's it is; who dies is noticed by
//! its neighbours after [`NOTICED`]. Nothing is lost, and time is virtual: a run depends on its seed alone.
//!
//! # Driving it
//! A [`Machine`] is handed inputs and gives outputs. It may send to anybody, which opens a link first, or open one over
//! others.
//!
//! # Limits
//! No rates and no processors: what counts is who sends what to whom, and when it is there.

pub mod iroh;
pub mod ours;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use meshwork_core::rng::Rng;
use meshwork_sim::chance::generator;
use meshwork_sim::latency::Latency;

/// A peer, by its number.
pub type Peer = u32;
/// Microseconds since the network began.
pub type Micros = u64;

/// Round trips that a link takes to open: a path, and who is at its other end.
const OPENING: u64 = 2;
/// Between a peer and the server that introduces it, one way.
const SERVER: Micros = 20_000;
/// How long after its death a peer's neighbours know.
pub const NOTICED: Duration = Duration::from_secs(3);
/// Members that the server names to a newcomer.
const NAMED: usize = 3;

/// What a machine is handed.
#[derive(Debug)]
pub enum Input<M> {
    /// It comes, and the server names these.
    Join(Vec<Peer>),
    /// A message of a peer.
    Message(Peer, M),
    /// A link is open, with this round-trip time.
    Opened(Peer, Duration),
    /// A link has ended, or its other end is dead.
    Closed(Peer),
    /// A link that was wanted does not come about.
    Refused(Peer),
    /// It is to broadcast a message of this number.
    Broadcast(u32),
    /// What it waited for is due.
    Timeout,
}

/// What a machine wants done.
#[derive(Debug)]
pub enum Output<M> {
    /// A message.
    Send {
        /// For whom.
        to: Peer,
        /// What is said.
        message: M,
        /// Its length on a link.
        bytes: usize,
        /// Whether it carries a broadcast in full.
        is_payload: bool,
    },
    /// A link to a peer; signalling goes over these peers, or over the server where there are none.
    Open(Peer, Vec<Peer>),
    /// The end of a link.
    Close(Peer),
    /// It heard the broadcast of this number, first from this peer.
    Heard(u32, Peer),
}

/// One peer's part of an overlay.
pub trait Machine {
    /// What these machines say to each other.
    type Message;
    /// Takes an input.
    fn handle(&mut self, now: Micros, input: Input<Self::Message>);
    /// The next thing to be done.
    fn poll_output(&mut self) -> Option<Output<Self::Message>>;
    /// When it wants a [`Input::Timeout`].
    fn poll_timeout(&self) -> Option<Micros>;
    /// Whether it takes a link that somebody else opens.
    fn admits(&self, from: Peer) -> bool;
    /// How many neighbours it has.
    fn neighbours(&self) -> usize;
}

/// Something that will happen.
enum What<M> {
    /// To a peer.
    Input(Peer, Input<M>),
    /// A link that the first wanted to the second would be open now.
    Opens(Peer, Peer),
    /// The first finds that there is nobody at the other end of a link.
    Fails(Peer, Peer),
}

struct Due<M> {
    at: Micros,
    /// Of what happens at the same time, the order in which it came about.
    order: u64,
    what: What<M>,
}

impl<M> PartialEq for Due<M> {
    fn eq(&self, other: &Due<M>) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<M> Eq for Due<M> {}

impl<M> PartialOrd for Due<M> {
    fn partial_cmp(&self, other: &Due<M>) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<M> Ord for Due<M> {
    fn cmp(&self, other: &Due<M>) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What became of one broadcast.
#[derive(Clone, Debug)]
pub struct Broadcast {
    /// When it was written.
    at: Micros,
    /// Of each peer, when it heard and over how many links; `None` of who did not.
    heard: Vec<Option<(Micros, u32)>>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sent {
    /// Copies of broadcasts.
    pub copies: u64,
    /// Bytes of everything.
    pub bytes: u64,
}

/// Peers with their machines.
pub struct Network<M: Machine> {
    now: Micros,
    machines: Vec<M>,
    is_alive: Vec<bool>,
    latency: Latency,
    /// Links by their ends, the lesser first, with when they are open.
    links: BTreeMap<(Peer, Peer), Micros>,
    queue: BinaryHeap<Reverse<Due<M::Message>>>,
    order: u64,
    /// When each is to be woken, as far as that is queued.
    wakes: Vec<Option<Micros>>,
    broadcasts: Vec<Broadcast>,
    sent: Sent,
    rng: Rng,
}

impl<M: Machine> Network<M> {
    /// So many come one after another, in so long.
    pub fn grown(peers: usize, seed: u64, within: Duration, machine: impl Fn(Peer) -> M) -> Network<M> {
        let mut network = Network {
            now: 0,
            machines: (0..peers as Peer).map(machine).collect(),
            is_alive: vec![false; peers],
            latency: Latency::regions(peers, &mut generator(seed, [1, 0, 0])),
            links: BTreeMap::new(),
            queue: BinaryHeap::new(),
            order: 0,
            wakes: vec![None; peers],
            broadcasts: vec![],
            sent: Sent::default(),
            rng: generator(seed, [2, 0, 0]),
        };
        for peer in 0..peers as Peer {
            let mut named = vec![];
            while named.len() < NAMED.min(peer as usize) {
                let other = network.rng.below(peer.into()) as Peer;
                if !named.contains(&other) {
                    named.push(other);
                }
            }
            network.is_alive[peer as usize] = true;
            network.hand(peer, Input::Join(named));
            network.run(within / peers as u32);
        }
        network
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time.as_micros() as Micros;
        while self.queue.peek().is_some_and(|Reverse(due)| due.at <= end) {
            let Some(Reverse(Due { at, what, .. })) = self.queue.pop() else { break };
            self.now = at;
            match what {
                What::Input(peer, input) => self.deliver(peer, input),
                What::Opens(from, to) => self.open(from, to),
                What::Fails(peer, dead) => {
                    self.links.remove(&ends(peer, dead));
                    self.deliver(peer, Input::Closed(dead));
                }
            }
        }
        self.now = end;
    }

    /// One of the living, drawn, broadcasts. Returns the number of the broadcast.
    pub fn broadcast(&mut self) -> usize {
        let living: Vec<Peer> = self.living().collect();
        let author = living[self.rng.below(living.len() as u64) as usize];
        let number = self.broadcasts.len();
        let mut heard = vec![None; self.machines.len()];
        heard[author as usize] = Some((self.now, 0));
        self.broadcasts.push(Broadcast { at: self.now, heard });
        self.hand(author, Input::Broadcast(number as u32));
        number
    }

    /// So many of a hundred die at once.
    pub fn crash(&mut self, percent: usize) {
        let mut order: Vec<Peer> = self.living().collect();
        for last in (1..order.len()).rev() {
            order.swap(last, self.rng.below(last as u64 + 1) as usize);
        }
        order.truncate(order.len() * percent / 100);
        order.iter().for_each(|&peer| self.is_alive[peer as usize] = false);
        let links: Vec<(Peer, Peer)> = self.links.keys().copied().collect();
        for (one, other) in links {
            for (peer, dead) in [(one, other), (other, one)] {
                if order.contains(&dead) {
                    self.fail(peer, dead);
                }
            }
        }
    }

    /// Those who are there.
    pub fn living(&self) -> impl Iterator<Item = Peer> {
        (0..).zip(&self.is_alive).filter(|(_, is_alive)| **is_alive).map(|(peer, _)| peer)
    }

    /// How many of the living heard a broadcast by now, the author included.
    pub fn heard(&self, number: usize) -> usize {
        let heard = &self.broadcasts[number].heard;
        self.living().filter(|&peer| heard[peer as usize].is_some()).count()
    }

    /// Milliseconds until, and links over which, a broadcast came to each that heard it from somebody else.
    pub fn deliveries(&self, number: usize) -> impl Iterator<Item = (f64, u32)> {
        let Broadcast { at, heard } = &self.broadcasts[number];
        let others = heard.iter().flatten().filter(|(_, hops)| *hops > 0);
        others.map(move |&(time, hops)| ((time - at) as f64 / 1000.0, hops))
    }

    /// What was sent since this was asked.
    pub fn take_sent(&mut self) -> Sent {
        std::mem::take(&mut self.sent)
    }

    /// Links of the living, on average.
    pub fn degree(&self) -> f64 {
        let (count, sum) = self
            .living()
            .fold((0, 0), |(count, sum), peer| (count + 1, sum + self.machines[peer as usize].neighbours()));
        sum as f64 / f64::from(count.max(1))
    }

    fn push(&mut self, at: Micros, what: What<M::Message>) {
        self.order += 1;
        self.queue.push(Reverse(Due { at, order: self.order, what }));
    }

    fn deliver(&mut self, peer: Peer, input: Input<M::Message>) {
        if !self.is_alive[peer as usize] {
            return;
        }
        if matches!(input, Input::Timeout) {
            if self.wakes[peer as usize] != Some(self.now) {
                return;
            }
            self.wakes[peer as usize] = None;
        }
        self.hand(peer, input);
    }

    /// Hands an input to a machine and does what it wants.
    fn hand(&mut self, peer: Peer, input: Input<M::Message>) {
        self.machines[peer as usize].handle(self.now, input);
        while let Some(output) = self.machines[peer as usize].poll_output() {
            match output {
                Output::Send { to, message, bytes, is_payload } => {
                    self.sent.bytes += bytes as u64;
                    self.sent.copies += u64::from(is_payload);
                    self.send(peer, to, message);
                }
                Output::Open(to, over) => self.signal(peer, to, &over),
                Output::Close(to) => {
                    if let Some(opens) = self.links.remove(&ends(peer, to)) {
                        // After what was said before.
                        let at = opens.max(self.now) + self.way(peer, to) + 1;
                        self.push(at, What::Input(to, Input::Closed(peer)));
                    }
                }
                Output::Heard(number, from) => {
                    let heard = &mut self.broadcasts[number as usize].heard;
                    let hops = heard[from as usize].map_or(0, |(_, hops)| hops) + 1;
                    heard[peer as usize].get_or_insert((self.now, hops));
                }
            }
        }
        let wanted = self.machines[peer as usize].poll_timeout().map(|at| at.max(self.now));
        if let Some(at) = wanted.filter(|at| self.wakes[peer as usize].is_none_or(|queued| *at < queued)) {
            self.wakes[peer as usize] = Some(at);
            self.push(at, What::Input(peer, Input::Timeout));
        }
    }

    /// A message goes over the link between two, which opens first where there is none.
    fn send(&mut self, from: Peer, to: Peer, message: M::Message) {
        let way = self.way(from, to);
        let opening = self.now + OPENING * 2 * way;
        let is_open = self.links.contains_key(&ends(from, to));
        let opens = *self.links.entry(ends(from, to)).or_insert(opening);
        if self.is_alive[to as usize] {
            self.push(opens.max(self.now) + way, What::Input(to, Input::Message(from, message)));
        } else if !is_open {
            self.fail(from, to);
        }
    }

    /// A peer will notice that another one is dead.
    fn fail(&mut self, peer: Peer, dead: Peer) {
        self.push(self.now + NOTICED.as_micros() as Micros, What::Fails(peer, dead));
    }

    /// Signalling there and back, over living links or the server, and then a link opens if the other end takes it.
    fn signal(&mut self, from: Peer, to: Peer, over: &[Peer]) {
        let mut ways = if over.is_empty() { 2 * SERVER } else { 0 };
        let mut at = from;
        for &next in over.iter().chain(Some(&to).filter(|_| !over.is_empty())) {
            if !self.is_alive[next as usize] || !self.links.contains_key(&ends(at, next)) {
                return;
            }
            ways += self.way(at, next);
            at = next;
        }
        let opens = self.now + 2 * ways + OPENING * 2 * self.way(from, to);
        self.push(opens, What::Opens(from, to));
    }

    fn open(&mut self, from: Peer, to: Peer) {
        if !self.is_alive[from as usize] || !self.is_alive[to as usize] {
            return;
        }
        if !self.machines[from as usize].admits(to) {
            return;
        }
        if !self.machines[to as usize].admits(from) {
            return self.push(self.now + self.way(from, to), What::Input(from, Input::Refused(to)));
        }
        if self.links.contains_key(&ends(from, to)) {
            return;
        }
        self.links.insert(ends(from, to), self.now);
        let round_trip = Duration::from_micros(2 * self.way(from, to));
        self.hand(from, Input::Opened(to, round_trip));
        self.hand(to, Input::Opened(from, round_trip));
    }

    fn way(&self, from: Peer, to: Peer) -> Micros {
        self.latency.one_way(from, to).into()
    }
}

fn ends(one: Peer, other: Peer) -> (Peer, Peer) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands on what it hears first to the next two.
    struct Relay {
        me: Peer,
        heard: bool,
        closed: Vec<(Micros, Peer)>,
        outputs: Vec<Output<u32>>,
    }

    const PEERS: usize = 10;

    impl Machine for Relay {
        type Message = u32;

        fn handle(&mut self, now: Micros, input: Input<u32>) {
            match input {
                Input::Message(from, number) if !std::mem::replace(&mut self.heard, true) => {
                    self.outputs.push(Output::Heard(number, from));
                    self.hand_on(number);
                }
                Input::Broadcast(number) => {
                    self.heard = true;
                    self.hand_on(number);
                }
                Input::Closed(peer) => self.closed.push((now, peer)),
                _ => {}
            }
        }

        fn poll_output(&mut self) -> Option<Output<u32>> {
            self.outputs.pop()
        }

        fn poll_timeout(&self) -> Option<Micros> {
            None
        }

        fn admits(&self, _: Peer) -> bool {
            true
        }

        fn neighbours(&self) -> usize {
            2
        }
    }

    impl Relay {
        fn hand_on(&mut self, number: u32) {
            for step in 1..=2 {
                let to = (self.me + step) % PEERS as Peer;
                self.outputs.push(Output::Send { to, message: number, bytes: 7, is_payload: true });
            }
        }
    }

    fn network() -> Network<Relay> {
        let machine = |me| Relay { me, heard: false, closed: vec![], outputs: vec![] };
        Network::grown(PEERS, 1, Duration::ZERO, machine)
    }

    #[test]
    fn everybody_hears_over_links_that_open_first() {
        let mut network = network();
        let number = network.broadcast();
        network.run(Duration::from_secs(10));
        assert_eq!(network.heard(number), PEERS);
        assert_eq!(network.take_sent(), Sent { copies: 2 * PEERS as u64, bytes: 14 * PEERS as u64 });
        let deliveries: Vec<(f64, u32)> = network.deliveries(number).collect();
        assert_eq!(deliveries.len(), PEERS - 1);
        assert!(deliveries.iter().all(|(_, hops)| (1..=9).contains(hops)), "{deliveries:?}");
        let first = deliveries.iter().filter(|(_, hops)| *hops == 1).map(|(ms, _)| *ms);
        // Two round trips and a way, none of which is shorter than within a region.
        assert!(first.clone().count() >= 1 && first.into_iter().all(|ms| ms >= 5.0 * 10.0), "{deliveries:?}");
    }

    #[test]
    fn the_dead_say_nothing_and_are_noticed() {
        let mut network = network();
        network.broadcast();
        network.run(Duration::from_secs(10));
        network.crash(30);
        assert_eq!(network.living().count(), 7);
        let crashed = network.now;
        network.machines.iter_mut().for_each(|machine| machine.heard = false);
        let number = network.broadcast();
        network.run(Duration::from_secs(10));
        assert!(network.heard(number) <= 7);
        let dead = |peer: Peer| !network.is_alive[peer as usize];
        for (me, machine) in (0..).zip(&network.machines).filter(|(me, _)| !dead(*me)) {
            let beside = (0..PEERS as Peer).filter(|&other| dead(other));
            let linked: Vec<Peer> =
                beside.filter(|&other| [1, 2, 8, 9].contains(&((me + 10 - other) % 10))).collect();
            let mut noticed: Vec<Peer> = machine.closed.iter().map(|(_, peer)| *peer).collect();
            noticed.sort_unstable();
            assert_eq!(noticed, linked);
            let at = crashed + NOTICED.as_micros() as Micros;
            assert!(machine.closed.iter().all(|(closed, _)| *closed == at));
        }
    }
}
