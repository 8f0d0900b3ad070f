//! The world: programs, their network, disks, clocks and servers, moved on event by event in virtual time.
//!
//! # Problem
//! A fault is only worth something when it can be made at a chosen moment, between chosen programs, and again.
//!
//! # How it works
//! Each [`Program`] is a node with what its driver would own: a civil clock, a disk, sockets to servers, an
//! access to the network. [`World::step`] takes the earliest thing there is, a deadline of a node or an arrival,
//! and carries out what the node wants. Faults are calls: on the network ([`World::cut`],
//! [`World::heal`], [`World::fail_connection`], [`Connections::make_hard`], [`Program::access`]), on machines
//! ([`World::crash`], [`World::sleep`], [`World::jump_clock`], [`Program::disk`]), on servers
//! ([`World::stop_server`], [`Servers::first`]), and on manners ([`World::corrupt`] gives a program's links into
//! the hands of a [`Mask`](crate::hostile::Mask)).
//!
//! # Driving it
//! [`World::start`] programs, let them create and join rooms, call faults, let time pass with
//! [`World::run_for`] or [`World::run_while`], then look at nodes and at the events they told.
//!
//! # Invariants
//! - All chance comes from the world's seed; two runs of the same calls are equal, event by event.
//! - A node is told nothing that a real driver could not tell it, and in an order that a real driver keeps.
//! - A program that sleeps is neither driven nor told anything.
//!
//! # Limits
//! What waits for a cut path is delivered the moment the path heals; real stacks take up to a retransmission
//! longer. Sockets to servers are not cut with the paths between programs. Monotonic clocks count sleep.

mod disk;
mod faults;
mod nearby;
mod programs;
mod queue;
mod servers;

use std::net::SocketAddr;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::node::{Config, Effect, Input, Node, Output, Receipt, RoomHandle, StoredRoom};
use meshwork_core::replica::Replica;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::room::MakeReplica;
use meshwork_core::seam::io::{Channel, LinkId, ServerId, StoreChange};
use meshwork_core::seam::lane::{DirectToken, Slot, Topic};
use meshwork_core::signalling::address::{LAN, RoomAddress};
use meshwork_core::signalling::sealing::SealingKey;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::time::{Time, WallTime};
use meshwork_lan::discovery::Way;
use meshwork_place::Place as _;
use meshwork_place::canvas::{CanvasSize, Colour};

pub use self::disk::{Disk, Store, StoredFiles, rot};
use self::nearby::Outcome;
pub use self::nearby::{Nearby, SHARED_PORT};
pub use self::programs::Program;
use self::programs::Programs;
use self::queue::Queue;
use self::servers::Line;
pub use self::servers::Servers;
use crate::connection::{Arrival, Connections, End, NodeIndex, PathModel};

/// When every world begins, on the civil clock: 2026-01-01.
pub const EPOCH: WallTime = WallTime(1_767_225_600_000_000);
/// The server that rooms are made on where a script names no other.
pub const SERVER: &str = "http://meet.test";
/// What takes less long than this to leave a program is gone at once.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Makes a node, as [`Node::new`] does.
pub type MakeNode = fn(MakeReplica, Config, Identity, Seed, Time, WallTime) -> Node;

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// An end of a connection hears something.
    Arrival(End, Input),
    /// A node hears from a server socket with this number, if it is still open.
    FromServer(NodeIndex, ServerId, u64, Input),
    /// The server hears a node over the socket with this number.
    ToServer(NodeIndex, ServerId, u64, String),
    /// A datagram arrives at a program on a local network.
    Nearby(nearby::Datagram),
    /// A store is durable.
    Stored(NodeIndex, u64, RoomId, StoreChange),
}

/// How long a message takes from one program to another.
pub type Ways = Box<dyn Fn(NodeIndex, NodeIndex) -> Duration + Send>;

/// Everything there is.
pub struct World {
    /// Who reaches whom, and what became of connections.
    pub connections: Connections,
    /// The servers that programs meet at.
    pub servers: Servers,
    /// The local networks that programs meet on.
    pub nearby: Nearby,
    now: Time,
    programs: Programs,
    queue: Queue,
    /// What the last effect leads to, for a moment.
    arrivals: Vec<Arrival>,
    path: PathModel,
    ways: Option<Ways>,
    store_delay: Duration,
    rng: Rng,
    steps: u64,
}

impl World {
    /// An empty world whose every chance comes from `seed`, with one server. Programs have the access `path`
    /// where nothing else is said.
    pub fn new(seed: u64, path: PathModel) -> World {
        meshwork_core::memo::remember();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(bytes);
        World {
            connections: Connections::new(rng.fork()),
            servers: Servers::new(),
            nearby: Nearby::new(seed),
            now: Time(0),
            programs: Programs::default(),
            queue: Queue::default(),
            arrivals: vec![],
            path,
            ways: None,
            store_delay: disk::STORE_DELAY,
            rng,
            steps: 0,
        }
    }

    /// The present time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The present time on a civil clock that is right.
    pub fn wall(&self) -> WallTime {
        skewed(self.now, 0)
    }

    /// Happenings so far: two runs of one seed agree on it.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// All programs that run.
    pub fn programs(&self) -> impl Iterator<Item = (NodeIndex, &Program)> {
        self.programs.iter()
    }

    /// A program that runs.
    pub fn program(&mut self, index: NodeIndex) -> &mut Program {
        self.programs.get_mut(index).expect("the scenario names programs that run")
    }

    /// A program that runs, to look at.
    pub fn look_at(&self, index: NodeIndex) -> &Program {
        self.programs.get(index).expect("the scenario names programs that run")
    }

    /// A node that runs.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.look_at(index).node
    }

    /// Starts a program of the person with number `person`, whose clock is `skew` microseconds off.
    pub fn start(&mut self, config: Config, person: u64, skew: i64) -> NodeIndex {
        self.start_with(config, person, skew, Node::new)
    }

    /// The same with another way to make its node.
    pub fn start_with(&mut self, config: Config, person: u64, skew: i64, make: MakeNode) -> NodeIndex {
        let secret = secret(person);
        let wall = skewed(self.now, skew);
        let seed = self.rng.bytes();
        let node = make(make_replica, config, Identity::from_secret(secret), seed, self.now, wall);
        // What a node draws first: its instance, then its sealing key.
        let mut rng = Rng::new(seed);
        rng.next_u64();
        let sealing = SealingKey::generate(&mut rng);
        self.servers.first().steal(node.endpoint(), sealing);
        let disk = Disk::new(self.store_delay);
        self.programs.add(Program::new(self.now, node, secret, skew, disk, self.path))
    }

    /// Programs are as far from each other as this says; all else of their paths is as their accesses have it.
    pub fn set_ways(&mut self, ways: Ways) {
        self.ways = Some(ways);
    }

    /// Lets a program make a room on the first server.
    pub fn create_room(&mut self, index: NodeIndex, size: CanvasSize, private: bool) -> RoomHandle {
        self.create_room_at(index, SERVER, size, private)
    }

    /// Lets a program make a room on the server whose base address is `base`.
    pub fn create_room_at(
        &mut self,
        index: NodeIndex,
        base: &str,
        size: CanvasSize,
        private: bool,
    ) -> RoomHandle {
        let now = self.now;
        let spec = meshwork_place::room_spec(base, size, private);
        let room = self.program(index).node.create_room(now, spec).expect("a legal room");
        self.drain(index);
        room
    }

    /// Lets a program join a room, with what it has stored of it.
    pub fn join_room(&mut self, index: NodeIndex, address: RoomAddress) -> RoomHandle {
        let now = self.now;
        let program = self.program(index);
        let stored = address.room().and_then(|room| program.store.get(&room)).map(|stored| StoredRoom {
            genesis: stored.genesis.clone(),
            records: stored.records.clone(),
            batches: stored.batches.values().cloned().collect(),
        });
        let room = program.node.join_room(now, address, stored).expect("a legal address");
        self.drain(index);
        room
    }

    /// Lets a program paint.
    pub fn paint(
        &mut self,
        index: NodeIndex,
        room: RoomHandle,
        cells: &[(u16, u16, Colour)],
    ) -> Option<Receipt> {
        let now = self.now;
        let receipt = self.program(index).node.paint(now, room, cells).ok();
        self.drain(index);
        receipt
    }

    /// Gives a node a command at the present time, and carries out what it asks for.
    pub fn command<T>(&mut self, index: NodeIndex, command: impl FnOnce(&mut Node, Time) -> T) -> T {
        let now = self.now;
        let result = command(&mut self.program(index).node, now);
        self.drain(index);
        result
    }

    /// Lets a program say something to one endpoint in a room. Returns what names it, if its node took it.
    pub fn send_direct(
        &mut self,
        index: NodeIndex,
        room: RoomHandle,
        to: Endpoint,
        bytes: &[u8],
    ) -> Option<DirectToken> {
        let topic = Topic::default();
        let send =
            |node: &mut Node, now| node.room_mut(now, room).send_direct(to, Slot::GENESIS, &topic, bytes);
        self.command(index, send).ok()
    }

    /// Ends a program as a person does: it says goodbye.
    pub fn quit(&mut self, index: NodeIndex) {
        let now = self.now;
        self.program(index).node.shut_down(now);
        self.drain(index);
        let (servers, mut line) = self.line();
        servers.close_all(&mut line, index);
        self.nearby.close(now, index);
        self.drain_nearby(index);
        self.nearby.forget(index);
        self.programs.remove(index);
    }

    /// Ends a program without a word. Returns what is on its disk.
    pub fn crash(&mut self, index: NodeIndex) -> Store {
        let (servers, mut line) = self.line();
        servers.close_all(&mut line, index);
        self.connections.forget_node(index);
        self.nearby.forget(index);
        self.programs.remove(index).expect("the scenario names programs that run").store
    }

    /// Lets everything happen until `until`.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets everything happen for `interval`.
    pub fn run_for(&mut self, interval: Duration) {
        self.run_until(self.now + interval);
    }

    /// Lets things happen until `done` holds, at most for `limit`. Returns whether it came to hold. It is asked
    /// after every happening.
    pub fn run_while(&mut self, limit: Duration, mut done: impl FnMut(&World) -> bool) -> bool {
        let until = self.now + limit;
        while !done(self) {
            if !self.step(until) {
                self.now = self.now.max(until);
                return done(self);
            }
        }
        true
    }

    /// When the next thing happens.
    pub fn due(&self) -> Option<Time> {
        let timeout = self.programs.due().map(|(at, _)| at);
        let nearby = self.nearby.due().map(|(at, _)| at);
        timeout.into_iter().chain(nearby).chain(self.queue.next_at()).min()
    }

    /// Lets the next thing happen if it happens by `until`. Returns whether something did.
    pub fn step(&mut self, until: Time) -> bool {
        let timeout = self.programs.due();
        let happening = self.queue.next_at();
        let Some(next) = self.due().filter(|next| *next <= until) else { return false };
        self.now = self.now.max(next);
        self.steps += 1;
        if happening == Some(next) {
            if let Some(happening) = self.queue.pop() {
                self.happen(happening);
            }
        } else if let Some((_, index)) = timeout.filter(|(at, _)| *at == next) {
            self.time_out(index);
        } else if let Some((_, index)) = self.nearby.due() {
            let clocks = self.clocks(index);
            self.nearby.time_out(clocks, index);
            self.drain_nearby(index);
        }
        true
    }

    /// Lets a program do what is due, and read its clock where a driver would.
    fn time_out(&mut self, index: NodeIndex) {
        let now = self.now;
        self.program(index).time_out(now);
        self.drain(index);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival(end, input) => self.arrive(end, input),
            Happening::FromServer(index, server, socket, input) => {
                let program = self.programs.get(index);
                if program.is_some_and(|program| !program.asleep)
                    && self.servers.is_open(index, server, socket)
                {
                    self.tell(index, input);
                }
            }
            Happening::ToServer(index, server, socket, text) => {
                let (servers, mut line) = self.line();
                servers.hear(&mut line, index, server, socket, &text);
            }
            Happening::Nearby(datagram) => {
                let index = datagram.to;
                let is_awake = self.programs.get(index).is_some_and(|program| !program.asleep);
                if is_awake {
                    let clocks = self.clocks(index);
                    self.nearby.hear(clocks, datagram);
                    self.drain_nearby(index);
                }
            }
            Happening::Stored(index, token, room, change) => self.store(index, token, room, change),
        }
    }

    fn arrive(&mut self, end: End, input: Input) {
        let (first, early) = self.connections.admit(end, input);
        for input in first.into_iter().chain(early) {
            self.tell(end.0, input);
        }
    }

    fn arrive_all(&mut self, arrivals: Vec<(End, Input)>) {
        for (end, input) in arrivals {
            self.arrive(end, input);
        }
    }

    fn tell(&mut self, index: NodeIndex, input: Input) {
        let now = self.now;
        if let Some(program) = self.programs.get_mut(index) {
            if let Some(mask) = &mut program.mask {
                mask.hear(&input);
            }
            program.node.handle_input(now, input);
            self.drain(index);
        }
    }

    /// Carries out what a node wants.
    fn drain(&mut self, index: NodeIndex) {
        while let Some(program) = self.programs.get_mut(index) {
            match program.node.poll_output() {
                Some(Output::Event(event)) => program.events.push_back(event),
                Some(Output::Effect(effect)) => self.carry_out(index, effect),
                None => break,
            }
        }
        self.programs.note_due(index);
    }

    /// The servers, and what the way to them depends on.
    fn line(&mut self) -> (&mut Servers, Line<'_>) {
        let World { now, programs, queue, rng, servers, .. } = self;
        (servers, Line { now: *now, programs, queue, rng })
    }

    /// Both clocks of a program.
    fn clocks(&self, index: NodeIndex) -> (Time, WallTime) {
        let skew = self.programs.get(index).map_or(0, |program| program.skew);
        (self.now, skewed(self.now, skew))
    }

    /// Brings a program to a local network: its node may use the server `lan:` from here on.
    pub fn attach(&mut self, index: NodeIndex, place: (u8, u16)) {
        let (clocks, access) = (self.clocks(index), self.look_at(index).access);
        self.nearby.attach(clocks, index, place, access);
        self.connections.set_addresses(index, vec![self.nearby.address(index).ip()]);
        self.drain_nearby(index);
    }

    /// Takes a program to another local network; network 0 is none.
    pub fn carry(&mut self, index: NodeIndex, place: (u8, u16)) {
        let clocks = self.clocks(index);
        self.nearby.move_to(clocks, index, place);
        self.connections.set_addresses(index, vec![self.nearby.address(index).ip()]);
        self.drain_nearby(index);
        self.change_network(index);
    }

    /// Tells a program of an address on its local network.
    pub fn hint(&mut self, index: NodeIndex, address: SocketAddr, way: Way) {
        self.nearby.hint(self.now, index, address, way);
        self.drain_nearby(index);
    }

    /// A stranger puts a datagram on a program's network.
    pub fn throw(&mut self, index: NodeIndex, network: u8, from: SocketAddr, bytes: Vec<u8>) {
        let datagram = self.nearby.throw(network, from, index, bytes);
        self.queue.insert(self.now, Happening::Nearby(datagram));
    }

    fn drain_nearby(&mut self, index: NodeIndex) {
        for outcome in self.nearby.drain(self.now, index) {
            match outcome {
                Outcome::Node(server, input) => self.tell_of_nearby(index, server, input),
                Outcome::Datagram(delay, datagram) => {
                    self.queue.insert(self.now + delay, Happening::Nearby(datagram));
                }
            }
        }
    }

    /// A node hears from its local network, if it still listens.
    fn tell_of_nearby(&mut self, index: NodeIndex, server: ServerId, input: Input) {
        if self.nearby.is_its_server(index, server) {
            self.tell(index, input);
        }
    }

    fn carry_out(&mut self, index: NodeIndex, effect: Effect) {
        let now = self.now;
        match &effect {
            Effect::ServerOpen { server, url } if url == LAN && self.nearby.has(index) => {
                self.nearby.open(now, index, *server);
                return self.drain_nearby(index);
            }
            Effect::ServerSend { server, text } if self.nearby.is_its_server(index, *server) => {
                self.nearby.text(now, index, text);
                return self.drain_nearby(index);
            }
            Effect::ServerClose { server } if self.nearby.is_its_server(index, *server) => {
                self.nearby.close(now, index);
                return self.drain_nearby(index);
            }
            _ => {}
        }
        let (servers, mut line) = self.line();
        match effect {
            Effect::ServerOpen { server, url } => servers.open(&mut line, index, server, &url),
            Effect::ServerSend { server, text } => servers.send(&mut line, index, server, text),
            Effect::ServerClose { server } => servers.close(&mut line, index, server),
            Effect::Persist { token, room, change } => {
                let now = self.now;
                let at = self.program(index).disk.begin(now);
                self.queue.insert(at, Happening::Stored(index, token, room, change));
            }
            Effect::Send { link, channel, bytes } => self.send(index, link, channel, bytes),
            effect => {
                let path = self.look_at(index).access;
                self.connections.carry_out(self.now, index, effect, &path, &mut self.arrivals);
                for (at, end, input) in self.arrivals.drain(..) {
                    self.queue.insert(at, Happening::Arrival(end, input));
                }
            }
        }
    }

    /// Hands a message to a channel, through the program's mask if it wears one.
    fn send(&mut self, index: NodeIndex, link: LinkId, channel: Channel, bytes: Vec<u8>) {
        let Some(mask) = self.program(index).mask.as_mut() else {
            return self.inject(index, link, channel, bytes);
        };
        let freed = bytes.len();
        for bytes in mask.say(link, channel, bytes) {
            self.inject(index, link, channel, bytes);
        }
        // A mask cares for no window.
        let freed = Input::Writable { link, bytes: freed };
        self.queue.insert(self.now, Happening::Arrival((index, link), freed));
    }

    /// Hands a message to a channel as it is, past the program's mask and, where a modified client speaks, its node.
    pub fn inject(&mut self, index: NodeIndex, link: LinkId, channel: Channel, bytes: Vec<u8>) {
        let (own, now) = ((index, link), self.now);
        let path = self.path_of(own);
        let effect = Effect::Send { link, channel, bytes };
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.connections.carry_out(now, index, effect, &path, &mut arrivals);
        for (at, end, input) in arrivals.drain(..) {
            // A stack takes a datagram at once where nothing is ahead of it.
            if channel == Channel::Unreliable && end == own && at.since(now) < AT_ONCE {
                let (first, early) = self.connections.admit(end, input);
                for input in first.into_iter().chain(early) {
                    self.program(index).node.handle_input(now, input);
                }
            } else {
                self.queue.insert(at, Happening::Arrival(end, input));
            }
        }
        self.arrivals = arrivals;
    }

    /// The path on which a connection's messages travel.
    fn path_of(&self, end: End) -> PathModel {
        let access = self.look_at(end.0).access;
        let Some(index) = self.connections.remote_node(end) else { return access };
        let path = self.programs.get(index).map_or(access, |remote| access.to(remote.access));
        match &self.ways {
            Some(ways) => PathModel { latency: ways(end.0, index), ..path },
            None => path,
        }
    }
}

/// What programs here know of apps: a canvas, and documents.
fn make_replica(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    meshwork_place::make(app, parameters).or_else(|| meshwork_sync::make(app, parameters))
}

/// With what a person signs.
fn secret(person: u64) -> [u8; 32] {
    let mut secret = [0x5a; 32];
    secret[..8].copy_from_slice(&person.to_le_bytes());
    secret
}

/// Who the person with number `person` is to others.
pub fn identity(person: u64) -> Identity {
    Identity::from_secret(secret(person))
}

/// What a civil clock shows that is `skew` microseconds off.
fn skewed(now: Time, skew: i64) -> WallTime {
    WallTime((EPOCH.0 + now.0).saturating_add_signed(skew))
}
