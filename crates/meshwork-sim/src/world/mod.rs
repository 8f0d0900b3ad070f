//! The world: nodes, network and meeting point, moved on event by event in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshwork_core::crdt::canvas::{CanvasSize, Colour};
use meshwork_core::id::{Identity, RoomId};
use meshwork_core::node::io::{BatchKey, Channel, LinkId, ServerId, StoreChange};
use meshwork_core::node::{
    Config, Effect, Event, Input, Node, Output, PaintReceipt, RoomHandle, RoomSpec, StoredRoom,
};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::{Time, WallTime};

use crate::connection::{Arrival, Connections, End, NodeIndex, PathModel};
use crate::meeting_point::MeetingPoint;

/// When every world begins, on the civil clock: 2026-01-01.
const EPOCH: WallTime = WallTime(1_767_225_600_000_000);
/// The only server there is.
const SERVER: &str = "http://meet.test";
/// Time that a store takes to be durable, where a scenario says nothing else.
const STORE_DELAY: Duration = Duration::from_millis(5);

/// Something that will happen.
#[derive(Debug)]
enum Happening {
    /// An end of a connection hears something.
    Arrival(End, Input),
    /// A node hears from its server socket, if it is still the same one.
    FromServer(NodeIndex, u64, Input),
    /// The server hears a node.
    ToServer(NodeIndex, u64, String),
    /// A store is durable.
    Stored(NodeIndex, u64, RoomId, StoreChange),
}

/// What a node stored.
pub type Store = BTreeMap<RoomId, StoredFiles>;

/// What a node stored of one room.
#[derive(Clone, Debug, Default)]
pub struct StoredFiles {
    /// The signed genesis.
    pub genesis: Vec<u8>,
    /// The records.
    pub records: Vec<u8>,
    /// The signed batches.
    pub batches: BTreeMap<BatchKey, Vec<u8>>,
}

/// One program.
pub struct Program {
    /// The node itself.
    pub node: Node,
    /// How far its civil clock is off, in microseconds.
    skew: i64,
    /// What it heard, oldest first; taken by checkers and scenarios.
    pub events: VecDeque<Event>,
    /// What is on its disk.
    pub store: Store,
    /// Whether the server cannot be reached from it.
    offline: bool,
    server: Option<ServerId>,
    socket: u64,
    /// When its civil clock was read.
    clock_read: Time,
    /// When its node has something to do.
    due: Option<Time>,
    /// When the last words to and from its socket arrive: later ones come no earlier.
    socket_until: [Time; 2],
}

/// Everything there is.
pub struct World {
    now: Time,
    programs: BTreeMap<NodeIndex, Program>,
    next_program: NodeIndex,
    queue: BTreeMap<(Time, u64), Happening>,
    order: u64,
    connections: Connections,
    path: PathModel,
    meeting_point: MeetingPoint,
    server_up: bool,
    store_delay: Duration,
    rng: Rng,
    steps: u64,
}

impl World {
    /// An empty world whose every chance comes from `seed`.
    pub fn new(seed: u64, path: PathModel) -> World {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut rng = Rng::new(bytes);
        World {
            now: Time(0),
            programs: BTreeMap::new(),
            next_program: 0,
            queue: BTreeMap::new(),
            order: 0,
            connections: Connections::new(rng.fork()),
            path,
            meeting_point: MeetingPoint::default(),
            server_up: true,
            store_delay: STORE_DELAY,
            rng,
            steps: 0,
        }
    }

    /// The present time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Happenings so far: two runs of one seed agree on it.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The server, to be told to lie.
    pub fn meeting_point(&mut self) -> &mut MeetingPoint {
        &mut self.meeting_point
    }

    /// Makes every disk take this long until a store is durable.
    pub fn set_store_delay(&mut self, delay: Duration) {
        self.store_delay = delay;
    }

    /// Stores that are not durable yet, on all disks.
    pub fn stores_under_way(&self) -> usize {
        self.queue.values().filter(|happening| matches!(happening, Happening::Stored(..))).count()
    }

    /// All programs that run.
    pub fn programs(&self) -> impl Iterator<Item = (NodeIndex, &Program)> {
        self.programs.iter().map(|(&index, program)| (index, program))
    }

    /// A program that runs.
    pub fn program(&mut self, index: NodeIndex) -> &mut Program {
        self.programs.get_mut(&index).expect("the scenario names programs that run")
    }

    /// A node that runs.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.programs[&index].node
    }

    /// Starts a program of the person with number `person`, whose clock is `skew` off.
    pub fn start(&mut self, config: Config, person: u64, skew: i64) -> NodeIndex {
        let mut secret = [0x5a; 32];
        secret[..8].copy_from_slice(&person.to_le_bytes());
        let wall = skewed(EPOCH, self.now, skew);
        let node = Node::new(config, Identity::from_secret(secret), self.rng.bytes(), self.now, wall);
        let index = self.next_program;
        self.next_program += 1;
        let (events, store) = (VecDeque::new(), Store::new());
        let (server, socket, clock_read, due, socket_until) = (None, 0, self.now, None, [self.now; 2]);
        let offline = false;
        let program =
            Program { node, skew, events, store, offline, server, socket, clock_read, due, socket_until };
        self.programs.insert(index, program);
        index
    }

    /// Lets a program make a room.
    pub fn create_room(&mut self, index: NodeIndex, size: CanvasSize, private: bool) -> RoomHandle {
        let now = self.now;
        let spec = RoomSpec { server: SERVER.into(), size, private };
        let room = self.program(index).node.create_room(now, spec).expect("a legal room");
        self.drain(index);
        room
    }

    /// Lets a program join a room, with what it has stored of it.
    pub fn join_room(&mut self, index: NodeIndex, address: RoomAddress) -> RoomHandle {
        let now = self.now;
        let program = self.program(index);
        let stored = address.room.and_then(|room| program.store.get(&room)).map(|stored| StoredRoom {
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
    ) -> Option<PaintReceipt> {
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

    /// Ends a program as a person does: it says goodbye.
    pub fn quit(&mut self, index: NodeIndex) {
        let now = self.now;
        self.program(index).node.shut_down(now);
        self.drain(index);
        self.close_socket(index);
        self.programs.remove(&index);
    }

    /// Ends a program without a word. Returns what is on its disk.
    pub fn crash(&mut self, index: NodeIndex) -> Store {
        self.close_socket(index);
        self.connections.forget_node(index);
        self.programs.remove(&index).map(|program| program.store).unwrap_or_default()
    }

    /// Cuts all paths between the two groups, in both directions.
    pub fn cut(&mut self, one: &[NodeIndex], other: &[NodeIndex]) {
        for &a in one {
            other.iter().for_each(|&b| self.connections.cut(a, b));
        }
    }

    /// Heals all cuts: what waited arrives now.
    pub fn heal(&mut self) {
        for (end, input) in self.connections.heal() {
            self.arrive(end, input);
        }
    }

    /// Stops the server: sockets close, nothing is remembered.
    pub fn stop_server(&mut self) {
        self.server_up = false;
        self.meeting_point.restart();
        let indices: Vec<NodeIndex> = self.programs.keys().copied().collect();
        for index in indices {
            self.tell_server_down(index, "the server closed the connection");
        }
    }

    /// Takes the server away from one program, which does not find it again.
    pub fn lose_server(&mut self, index: NodeIndex) {
        self.program(index).offline = true;
        let answers = self.meeting_point.close(index);
        self.send_from_server(answers);
        self.tell_server_down(index, "no route to the server");
    }

    /// Starts the server again.
    pub fn start_server(&mut self) {
        self.server_up = true;
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

    /// Lets things happen until `done` holds, at most for `limit`. Returns whether it came to hold.
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

    /// Lets the next thing happen if it happens by `until`. Returns whether something did.
    pub fn step(&mut self, until: Time) -> bool {
        let due = |(index, program): (&NodeIndex, &Program)| Some((program.due?, *index));
        let timeout = self.programs.iter().filter_map(due).min();
        let happening = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let next = match (timeout, happening) {
            (Some((at, _)), Some(other)) => at.min(other),
            (Some((at, _)), None) => at,
            (None, Some(at)) => at,
            (None, None) => return false,
        };
        if next > until {
            return false;
        }
        self.now = self.now.max(next);
        self.steps += 1;
        if happening == Some(next) {
            if let Some((_, happening)) = self.queue.pop_first() {
                self.happen(happening);
            }
        } else if let Some((_, index)) = timeout {
            let now = self.now;
            let program = self.program(index);
            program.node.handle_timeout(now);
            // Every minute a driver reads the civil clock again.
            if now.since(program.clock_read) > Duration::from_secs(60) {
                program.clock_read = now;
                let wall = skewed(EPOCH, now, program.skew);
                program.node.handle_wall_clock(now, wall);
            }
            self.drain(index);
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival(end, input) => self.arrive(end, input),
            Happening::FromServer(index, socket, input) => {
                if self.programs.get(&index).is_some_and(|program| program.socket == socket) {
                    self.tell(index, input);
                }
            }
            Happening::ToServer(index, socket, text) => {
                let same = self.programs.get(&index).is_some_and(|program| program.socket == socket);
                if let (true, Ok(message)) = (same && self.server_up, serde_json::from_str(&text)) {
                    let answers = self.meeting_point.handle(index, message);
                    self.send_from_server(answers);
                }
            }
            Happening::Stored(index, token, room, change) => self.store(index, token, room, change),
        }
    }

    fn arrive(&mut self, end: End, input: Input) {
        for input in self.connections.admit(end, input) {
            self.tell(end.0, input);
        }
    }

    fn tell(&mut self, index: NodeIndex, input: Input) {
        let now = self.now;
        if let Some(program) = self.programs.get_mut(&index) {
            program.node.handle_input(now, input);
            self.drain(index);
        }
    }

    /// Carries out what a node wants.
    fn drain(&mut self, index: NodeIndex) {
        while let Some(output) = self.programs.get_mut(&index).and_then(|program| program.node.poll_output())
        {
            match output {
                Output::Event(event) => self.program(index).events.push_back(event),
                Output::Effect(effect) => self.carry_out(index, effect),
            }
        }
        if let Some(program) = self.programs.get_mut(&index) {
            program.due = program.node.poll_timeout();
        }
    }

    fn carry_out(&mut self, index: NodeIndex, effect: Effect) {
        match effect {
            Effect::ServerOpen { server, .. } => self.open_socket(index, server),
            Effect::ServerSend { text, .. } => {
                let socket = self.program(index).socket;
                let at = self.socket_arrival(index, 0);
                self.schedule(at, Happening::ToServer(index, socket, text));
            }
            Effect::ServerClose { .. } => self.close_socket(index),
            Effect::Persist { token, room, change } => {
                let at = self.now + self.store_delay;
                self.schedule(at, Happening::Stored(index, token, room, change));
            }
            effect => {
                let path = self.path;
                let arrivals = self.connections.carry_out(self.now, index, effect, &path);
                for (at, end, input) in arrivals {
                    self.schedule_arrival((at, end, input));
                }
            }
        }
    }

    fn schedule_arrival(&mut self, (at, end, input): Arrival) {
        self.schedule(at, Happening::Arrival(end, input));
    }

    fn schedule(&mut self, at: Time, happening: Happening) {
        self.order += 1;
        self.queue.insert((at, self.order), happening);
    }

    /// When a word on a program's socket arrives: sockets keep their order. Direction 0 is to the server.
    fn socket_arrival(&mut self, index: NodeIndex, direction: usize) -> Time {
        let at = self.now + self.path.draw(&mut self.rng);
        let until = &mut self.program(index).socket_until[direction];
        *until = at.max(*until);
        *until
    }

    fn open_socket(&mut self, index: NodeIndex, server: ServerId) {
        let up = self.server_up && !self.program(index).offline;
        let welcome = self.meeting_point.welcome();
        let program = self.program(index);
        program.socket += 1;
        program.server = Some(server);
        let socket = program.socket;
        let input = if up {
            let text = serde_json::to_string(&welcome).expect("a message of the protocol");
            Input::ServerText { server, text }
        } else {
            Input::ServerDown { server, reason: "connection refused".into() }
        };
        let at = self.socket_arrival(index, 1) + self.path.latency;
        self.program(index).socket_until[1] = at;
        self.schedule(at, Happening::FromServer(index, socket, input));
    }

    fn close_socket(&mut self, index: NodeIndex) {
        let program = self.program(index);
        program.socket += 1;
        program.server = None;
        let answers = self.meeting_point.close(index);
        self.send_from_server(answers);
    }

    fn tell_server_down(&mut self, index: NodeIndex, reason: &str) {
        let Some(server) = self.program(index).server else { return };
        self.program(index).socket += 1;
        self.tell(index, Input::ServerDown { server, reason: reason.into() });
    }

    fn send_from_server(
        &mut self,
        answers: Vec<(NodeIndex, meshwork_core::signalling::protocol::FromServer)>,
    ) {
        for (index, message) in answers {
            let Some(program) = self.programs.get(&index) else { continue };
            let (Some(server), socket) = (program.server, program.socket) else { continue };
            let text = serde_json::to_string(&message).expect("a message of the protocol");
            let at = self.socket_arrival(index, 1);
            self.schedule(at, Happening::FromServer(index, socket, Input::ServerText { server, text }));
        }
    }

    fn store(&mut self, index: NodeIndex, token: u64, room: RoomId, change: StoreChange) {
        let Some(program) = self.programs.get_mut(&index) else { return };
        let stored = program.store.entry(room).or_default();
        if let Some(bytes) = change.genesis {
            stored.genesis = bytes;
        }
        if let Some(bytes) = change.records {
            stored.records = bytes;
        }
        for key in change.remove {
            stored.batches.remove(&key);
        }
        stored.batches.extend(change.insert);
        self.tell(index, Input::Persisted { token });
    }

    /// Puts back what was on a disk, before the program joins its rooms.
    pub fn restore(&mut self, index: NodeIndex, store: Store) {
        self.program(index).store = store;
    }

    /// Hands a message of a modified client to the other end of one of a program's links.
    pub fn inject(&mut self, index: NodeIndex, link: LinkId, channel: Channel, bytes: Vec<u8>) {
        let path = self.path;
        let effect = Effect::Send { link, channel, bytes };
        for arrival in self.connections.carry_out(self.now, index, effect, &path) {
            self.schedule_arrival(arrival);
        }
    }

    /// The connections that a program has now.
    pub fn connections_of(&self, index: NodeIndex) -> Vec<LinkId> {
        self.connections.of(index)
    }
}

fn skewed(epoch: WallTime, now: Time, skew: i64) -> WallTime {
    WallTime((epoch.0 + now.0).saturating_add_signed(skew))
}
