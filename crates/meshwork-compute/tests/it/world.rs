//! A room in virtual time: endpoints with desks, engines and blobs, a table, and broadcasts that are lost, late, doubled and reordered.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use meshwork_compute::book::{BOOK_FIELD, Book, Index, STANDING_ROW, Standing, State};
use meshwork_compute::job::{
    Check, Input as JobInput, JOB_FIELD, Kind, Limits, Program, Reduce, Shape, View,
};
use meshwork_compute::message::{Failure, Offer, Packet, REPORT, Ran, Report, Tag8};
use meshwork_compute::{Desk, Input, Job, JobId, Output, PoolOrder, Terms, Told, Trust, packet};
use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::table::Writer;
use meshwork_core::time::Time;
use meshwork_core::wire::{Bounded, BoundedText, Bytes};

pub(crate) const ROOM: RoomId = RoomId([7; 32]);
/// Time of a tick in most tests.
const TICK: Duration = Duration::from_millis(250);
/// The time at which a member that is here was lost.
const HERE: Time = Time(u64::MAX);
/// Time after which a member that fell silent counts as gone.
const GONE: Duration = Duration::from_secs(8);

/// The conduct of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conduct {
    Honest,
    /// Every result is wrong.
    Wrong,
    /// One result in twenty is wrong.
    Rare,
    /// Honest for a minute, then wrong.
    Sleeper,
    /// Wrong, and comes back under another key when it is caught.
    ManyKeys,
    /// Takes spans and never returns them.
    Hangs,
    /// Half of its units fail.
    Fails,
    /// Reports wrong results of units that nobody gave it.
    Claims,
}

impl Conduct {
    pub(crate) fn lies(self) -> bool {
        matches!(
            self,
            Conduct::Wrong | Conduct::Rare | Conduct::Sleeper | Conduct::ManyKeys | Conduct::Claims
        )
    }
}

/// The bytes of a unit's result: its truth, as long as the job allows. Jobs differ by their nonce.
pub(crate) fn value(job: &Job, unit: u32) -> Vec<u8> {
    let mut value = truth(unit ^ u32::from(job.nonce[0]) << 20);
    value.resize((job.program.limits.result as usize).max(4), 3);
    value
}

/// The reduction of the test's programs.
fn reduced(packet: &[u8]) -> Vec<u8> {
    blake3::hash(packet).as_bytes().to_vec()
}

/// Peers that are caught by the rows of trusted peers in a table.
fn caught_in(table: &Fields, job: &Job) -> BTreeSet<PeerId> {
    let read = |((row, field), (_, value)): (&FieldKey, &(u64, Option<Vec<u8>>))| {
        let (Writer::Peer(by), name) = Writer::of(field).filter(|_| row[..] == STANDING_ROW)? else {
            return None;
        };
        let standing = Standing::decode(value.as_deref()?).ok()?;
        (standing.is_caught && job.trusts(&by)).then_some(Standing::of_field(name)?.1)
    };
    table.iter().filter_map(read).collect()
}

/// A stamp's part of the sum over a table.
fn mixed(stamp: u64) -> u64 {
    // Multiplications and rotations alone would let the sums of 34 and 37 and of 35 and 36 be equal.
    let mixed = (stamp ^ stamp >> 31).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Row and field.
type FieldKey = (Vec<u8>, Vec<u8>);
/// Stamp and value of each field.
type Fields = BTreeMap<FieldKey, (u64, Option<Vec<u8>>)>;

/// One endpoint.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) peer: usize,
    pub(crate) desk: Desk,
    pub(crate) group: u8,
    conduct: Conduct,
    unit: Duration,
    pub(crate) blobs: BTreeMap<BlobId, Vec<u8>>,
    table: Fields,
    /// A sum over the table's stamps: tables with equal sums are equal.
    stamps: u64,
    /// Endpoints that it sees, and the time at which it lost those that fell silent.
    seen: BTreeMap<Endpoint, Time>,
    /// The number of the last presence of each that it was told.
    heard: BTreeMap<Endpoint, u64>,
    presence: Vec<u8>,
    /// The number of presences that it published.
    pub(crate) presences: u64,
    /// Results that it follows.
    pub(crate) given: BTreeMap<JobId, BTreeMap<u32, Vec<u8>>>,
    runs: Vec<Run>,
    /// Programs that the engine has.
    loaded: BTreeSet<JobId>,
    /// Fetches that go on, and the blobs that were fetched by now.
    flying: usize,
    pub(crate) fetched: Vec<BlobId>,
    /// Epochs that it obeyed: the greatest key and its steward.
    obeyed: Option<(u32, Endpoint)>,
    cancelled_at: Option<Time>,
    /// It saw the steward that it obeyed at the end of the tick before.
    saw: bool,
}

/// A run in an engine.
struct Run {
    job: JobId,
    number: u64,
    next: u32,
    end: u32,
    /// The time of its next result.
    due: Time,
}

enum Event {
    Message(Endpoint, &'static str, Rc<[u8]>),
    Fetched(BlobId),
    Reduced(JobId, Vec<u8>),
}

/// The room.
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) tick: Duration,
    /// Most milliseconds that a message or a blob needs, above 20.
    pub(crate) delay: u64,
    pub(crate) rng: Rng,
    pub(crate) nodes: Vec<Node>,
    gone: BTreeMap<usize, (BTreeMap<BlobId, Vec<u8>>, Fields)>,
    pub(crate) conducts: BTreeMap<usize, Conduct>,
    /// Group and number of presences of each endpoint at the tick before, and those who fell silent.
    map: BTreeMap<Endpoint, (u8, u64)>,
    partings: BTreeSet<(Time, Endpoint, Endpoint)>,
    /// The place of each endpoint in `nodes`.
    places: BTreeMap<Endpoint, usize>,
    /// The last write that was judged.
    judged: u64,
    /// Most blobs that a lender held that is not trusted.
    pub(crate) most_blobs: usize,
    /// Bytes of broadcasts.
    pub(crate) bytes: u64,
    events: BTreeMap<(Time, u64), (Endpoint, Event)>,
    order: u64,
    stamp: u64,
    pub(crate) loss: u64,
    pub(crate) refuses: BTreeSet<usize>,
    pub(crate) traps: BTreeSet<u32>,
    pub(crate) job: Job,
    pub(crate) id: Option<JobId>,
    /// All jobs that were submitted, and inputs by their blob.
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) inputs: BTreeMap<BlobId, Vec<u8>>,
    pub(crate) violations: BTreeSet<String>,
    /// The convictions that a steward knew when it wrote that the job is done, by its book.
    knew: BTreeMap<Vec<u8>, BTreeSet<PeerId>>,
    instances: u64,
    claims: u32,
    next_peer: usize,
    /// Reports, other broadcasts, and units that engines ran.
    pub(crate) reports: u64,
    pub(crate) says: u64,
    pub(crate) ran: u64,
    /// Units that the engines of each peer ran.
    ran_by: BTreeMap<PeerId, BTreeSet<(JobId, u32)>>,
    /// Units that were opened again, by the followers that heard it.
    pub(crate) reopened: BTreeMap<usize, u64>,
    pub(crate) ran_of: BTreeMap<JobId, u64>,
    pub(crate) replay: Vec<(Endpoint, &'static str, Vec<u8>)>,
}

pub(crate) fn peer_id(peer: usize) -> PeerId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(peer as u64 + 1).to_le_bytes());
    PeerId(bytes)
}

/// Terms of one core for everybody's modules.
pub(crate) fn plain() -> Terms {
    let (offers, card) = (Vec::new(), BoundedText::default());
    Terms { cores: 1, engines: 1, offers, trust: Trust::Everybody, card, is_paused: false }
}

/// The right result of a unit.
pub(crate) fn truth(unit: u32) -> Vec<u8> {
    (unit.wrapping_mul(2_654_435_761) >> 7).to_le_bytes().to_vec()
}

pub(crate) fn job(units: u32, check: Check, trusted: &[usize], result: usize) -> Job {
    let program = Program {
        name: BoundedText::new("Test").unwrap(),
        about: BoundedText::default(),
        kind: Kind::Wasm,
        code: Some((BlobId(*blake3::hash(b"code").as_bytes()), 4)),
        result: Shape::Bytes,
        tolerance: (0, 0),
        view: View::File,
        limits: Limits { memory_mib: 16, unit_ms: 10_000, result: result as u32 },
    };
    Job {
        program,
        units,
        params: Bytes::new(b"{}".to_vec()).unwrap(),
        input: JobInput::None,
        check,
        reduce: Reduce::List,
        trusted: Bounded::new(trusted.iter().map(|peer| peer_id(*peer)).collect()).unwrap(),
        nonce: [0; 8],
    }
}

impl World {
    pub(crate) fn new(seed: u64, job: Job) -> World {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        World {
            now: Time(1_000_000),
            tick: TICK,
            delay: 700,
            rng: Rng::new(bytes),
            nodes: Vec::new(),
            gone: BTreeMap::new(),
            conducts: BTreeMap::new(),
            map: BTreeMap::new(),
            partings: BTreeSet::new(),
            places: BTreeMap::new(),
            judged: 0,
            most_blobs: 0,
            bytes: 0,
            events: BTreeMap::new(),
            order: 0,
            stamp: 0,
            loss: 5,
            refuses: BTreeSet::new(),
            traps: BTreeSet::new(),
            job,
            id: None,
            jobs: BTreeMap::new(),
            inputs: BTreeMap::new(),
            violations: BTreeSet::new(),
            knew: BTreeMap::new(),
            instances: 0,
            claims: 0,
            next_peer: 1000,
            reports: 0,
            says: 0,
            ran: 0,
            ran_by: BTreeMap::new(),
            reopened: BTreeMap::new(),
            ran_of: BTreeMap::new(),
            replay: Vec::new(),
        }
    }

    /// The outcome of one machine alone.
    pub(crate) fn alone(&self, job: &Job) -> Vec<u8> {
        let values: Vec<Vec<u8>> = (0..job.units).map(|unit| value(job, unit)).collect();
        let outcome = packet::reduce(job, &values.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if job.reduce == Reduce::Program { reduced(&outcome) } else { outcome }
    }

    /// An endpoint of a peer opens the room. `cores` 0 does not lend.
    pub(crate) fn add(&mut self, peer: usize, conduct: Conduct, cores: u8, unit: Duration) -> Endpoint {
        self.instances += 1;
        let endpoint = Endpoint { peer: peer_id(peer), instance: Instance(self.instances) };
        let mut desk = Desk::new(self.rng.bytes(), endpoint, ROOM);
        if cores > 0 {
            let terms = Terms { cores, ..plain() };
            desk.lend(self.now, Some(terms));
        }
        self.conducts.insert(peer, conduct);
        let (blobs, table) = self.gone.remove(&peer).unwrap_or_default();
        let node = Node {
            endpoint,
            peer,
            desk,
            group: 0,
            conduct,
            unit,
            blobs,
            table: table.clone(),
            seen: BTreeMap::new(),
            heard: BTreeMap::new(),
            presence: Vec::new(),
            presences: 0,
            stamps: 0,
            given: BTreeMap::new(),
            runs: Vec::new(),
            loaded: BTreeSet::new(),
            flying: 0,
            fetched: Vec::new(),
            obeyed: None,
            cancelled_at: None,
            saw: false,
        };
        self.nodes.push(node);
        let at = self.nodes.len() - 1;
        self.places.insert(endpoint, at);
        for (stamp, _) in table.values() {
            self.nodes[at].stamps = self.nodes[at].stamps.wrapping_add(mixed(*stamp));
        }
        for ((row, field), (_, value)) in table {
            self.tell_row(at, &row, &field, value.as_deref());
        }
        self.carry(at);
        endpoint
    }

    /// The peer submits the job of this world.
    pub(crate) fn submit(&mut self, peer: usize) -> JobId {
        let id = self.submit_also(peer, self.job.clone());
        self.id = Some(id);
        id
    }

    /// The peer submits another job.
    pub(crate) fn submit_also(&mut self, peer: usize, job: Job) -> JobId {
        let at = self.at(peer).expect("the submitter is here");
        self.nodes[at].blobs.insert(BlobId(*blake3::hash(b"code").as_bytes()), b"code".to_vec());
        if let JobInput::Whole(blob, _) | JobInput::Items(blob, _) = job.input {
            self.nodes[at].blobs.insert(blob, self.inputs[&blob].clone());
        }
        let id = self.nodes[at].desk.submit(&job).expect("the job is sound");
        self.jobs.insert(id, job);
        self.carry(at);
        id
    }

    /// An input of a job: its blob and length.
    pub(crate) fn input_blob(&mut self, bytes: &[u8]) -> (BlobId, u64) {
        let blob = BlobId(*blake3::hash(bytes).as_bytes());
        self.inputs.insert(blob, bytes.to_vec());
        (blob, bytes.len() as u64)
    }

    pub(crate) fn at(&self, peer: usize) -> Option<usize> {
        self.nodes.iter().position(|node| node.peer == peer)
    }

    /// An endpoint ends. With its disk it finds table and blobs when it returns.
    pub(crate) fn kill(&mut self, peer: usize, keeps_disk: bool) {
        while let Some(at) = self.at(peer) {
            let node = self.nodes.remove(at);
            self.places = self.nodes.iter().enumerate().map(|(at, node)| (node.endpoint, at)).collect();
            let disk = if keeps_disk { (node.blobs, node.table) } else { Default::default() };
            self.gone.insert(peer, disk);
        }
    }

    pub(crate) fn with(&mut self, peer: usize, act: impl FnOnce(&mut Desk)) {
        if let Some(at) = self.at(peer) {
            act(&mut self.nodes[at].desk);
            self.carry(at);
        }
    }

    fn schedule(&mut self, after: Duration, to: Endpoint, event: Event) {
        self.order += 1;
        self.events.insert((self.now + after, self.order), (to, event));
    }

    fn index(&self, endpoint: &Endpoint) -> Option<usize> {
        self.places.get(endpoint).copied()
    }

    fn input(&mut self, at: usize, input: Input<'_>) {
        self.nodes[at].desk.handle(self.now, input);
        self.carry(at);
    }

    fn tell_row(&mut self, at: usize, row: &[u8], field: &[u8], value: Option<&[u8]>) {
        let Some((writer, name)) = Writer::of(field) else { return };
        let name = name.to_vec();
        let may_cancel = match writer {
            Writer::Peer(peer) => self.job.submitter() == Some(peer),
            _ => true,
        };
        if self.nodes[at].cancelled_at.is_none() && name == b"cancel" && may_cancel {
            self.nodes[at].cancelled_at = Some(self.now);
        }
        self.nodes[at].desk.handle(self.now, Input::Row { row, writer, name: &name, value });
    }

    /// Carries out all that a desk returns.
    fn carry(&mut self, at: usize) {
        while let Some(output) = self.nodes[at].desk.poll_output() {
            match output {
                Output::Say { topic, bytes } => self.say(at, topic, bytes),
                Output::Presence(bytes) => {
                    self.nodes[at].presence = bytes;
                    self.nodes[at].presences += 1;
                }
                Output::Write { row, writer, name, value } => self.write(at, row, writer.field(&name), value),
                Output::Offer(bytes) => {
                    let id = BlobId(*blake3::hash(&bytes).as_bytes());
                    self.nodes[at].blobs.insert(id, bytes);
                    if !self.job.trusts(&self.nodes[at].endpoint.peer) {
                        self.most_blobs = self.most_blobs.max(self.nodes[at].blobs.len());
                    }
                }
                Output::Fetch { blob, .. } => {
                    self.nodes[at].flying += 1;
                    if self.nodes[at].flying > 8 {
                        self.violations.insert("fetches: more than eight at a time".to_owned());
                    }
                    let to = self.nodes[at].endpoint;
                    let delay = Duration::from_millis(20 + self.rng.below(self.delay.min(400)));
                    self.schedule(delay, to, Event::Fetched(blob));
                }
                Output::Free(blob) => drop(self.nodes[at].blobs.remove(&blob)),
                Output::Results { job, first, values } => {
                    let given = self.nodes[at].given.entry(job).or_default();
                    for (unit, value) in (first..).zip(values) {
                        if given.insert(unit, value).is_some() {
                            self.violations.insert(format!("given-twice: unit {unit}"));
                        }
                    }
                }
                Output::Reopened { job, first, units } => {
                    *self.reopened.entry(self.nodes[at].peer).or_default() += u64::from(units);
                    let given = self.nodes[at].given.entry(job).or_default();
                    for unit in first..first + units {
                        if given.remove(&unit).is_none() {
                            self.violations.insert(format!("reopened-unknown: unit {unit}"));
                        }
                    }
                }
                Output::Pool(order) => self.order(at, order),
                Output::Changed(_) => (),
            }
        }
    }

    /// An order to the engine of an endpoint.
    fn order(&mut self, at: usize, order: PoolOrder) {
        let node = &mut self.nodes[at];
        let is_sound = match &order {
            PoolOrder::Load { id, job, code, input } => {
                let wanted = match job.input {
                    JobInput::Whole(blob, _) | JobInput::Items(blob, _) => self.inputs.get(&blob),
                    JobInput::None => None,
                };
                let has_code = code.is_some() == job.program.code.is_some();
                node.loaded.insert(*id) && has_code && input.as_ref() == wanted
            }
            PoolOrder::Reduce { job, .. } => node.loaded.contains(job),
            PoolOrder::Run { job, .. } => {
                let live = node.runs.iter().filter(|run| run.next < run.end).count();
                let cores = Offer::decode(&node.presence).map_or(0, |offer| offer.cores);
                node.loaded.contains(job) && live < usize::from(cores)
            }
            PoolOrder::Unload(job) => node.loaded.remove(job) && node.runs.iter().all(|run| run.job != *job),
            PoolOrder::End(run) => {
                node.runs.retain(|other| other.number != *run);
                true
            }
        };
        if !is_sound {
            self.violations.insert(format!("pool-order: {order:?}").chars().take(80).collect());
        }
        match order {
            PoolOrder::Run { run, job, first, units } => {
                let (end, due) = (first + u32::from(units), self.now + node.unit);
                node.runs.push(Run { job, number: run, next: first, end, due });
            }
            PoolOrder::Reduce { job, packet } => {
                let (to, after) = (node.endpoint, Duration::from_secs(2));
                self.schedule(after, to, Event::Reduced(job, reduced(&packet)));
            }
            _ => (),
        }
    }

    fn say(&mut self, at: usize, topic: &'static str, bytes: Vec<u8>) {
        self.says += 1;
        self.reports += u64::from(Report::decode(&bytes).is_ok());
        assert!(bytes.len() <= 16 * 1024, "a message of {} bytes", bytes.len());
        let (from, group) = (self.nodes[at].endpoint, self.nodes[at].group);
        if self.rng.below(20) == 0 {
            self.replay.push((from, topic, bytes.clone()));
        }
        let others: Vec<Endpoint> = self
            .nodes
            .iter()
            .filter(|node| node.group == group && node.endpoint != from)
            .map(|node| node.endpoint)
            .collect();
        self.bytes += bytes.len() as u64;
        let bytes: Rc<[u8]> = bytes.into();
        for to in others {
            if self.rng.below(100) < self.loss {
                continue;
            }
            let delay = Duration::from_millis(20 + self.rng.below(self.delay));
            self.schedule(delay, to, Event::Message(from, topic, bytes.clone()));
            if self.rng.below(20) == 0 {
                let late = Duration::from_millis(self.rng.below(30_000));
                self.schedule(late, to, Event::Message(from, topic, bytes.clone()));
            }
        }
    }

    fn store(&mut self, at: usize, key: FieldKey, stamp: u64, value: Option<Vec<u8>>) {
        let node = &mut self.nodes[at];
        let before = node.table.insert(key, (stamp, value)).map_or(0, |(stamp, _)| mixed(stamp));
        node.stamps = node.stamps.wrapping_add(mixed(stamp)).wrapping_sub(before);
    }

    /// A peer writes a field into its table, by a client that keeps no rules.
    pub(crate) fn forge(
        &mut self,
        peer: usize,
        row: Vec<u8>,
        writer: Writer,
        name: &[u8],
        value: Option<Vec<u8>>,
    ) {
        let at = self.at(peer).expect("the writer is here");
        self.write(at, row, writer.field(name), value);
    }

    /// A peer broadcasts a message, by a client that keeps no rules.
    pub(crate) fn forge_message(&mut self, peer: usize, topic: &'static str, bytes: Vec<u8>) {
        let at = self.at(peer).expect("the sender is here");
        self.say(at, topic, bytes);
    }

    /// A peer writes that another was caught.
    pub(crate) fn convict(&mut self, by: usize, peer: usize) {
        let at = self.at(by).expect("the writer is here");
        let name = Standing::field(self.job.program.kind, &peer_id(peer));
        let standing = Standing { agreed: 0, is_caught: true };
        let field = Writer::Peer(peer_id(by)).field(&name);
        self.write(at, STANDING_ROW.to_vec(), field, Some(standing.encode()));
    }

    fn write(&mut self, at: usize, row: Vec<u8>, field: Vec<u8>, value: Option<Vec<u8>>) {
        if self.refuses.contains(&self.nodes[at].peer) {
            self.nodes[at].desk.handle(self.now, Input::NotWritten { row: &row });
            return;
        }
        // All jobs of a test trust the same peers.
        if let Some(Ok(Book { state: State::Done { .. }, .. })) = value.as_deref().map(Book::decode) {
            let knew = caught_in(&self.nodes[at].table, &self.job);
            self.knew.entry(value.clone().unwrap_or_default()).or_insert(knew);
        }
        self.stamp += 1;
        self.store(at, (row.clone(), field.clone()), self.stamp, value.clone());
        self.tell_row(at, &row, &field, value.as_deref());
    }

    /// One step of all.
    pub(crate) fn tick(&mut self) {
        self.now += self.tick;
        while let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (to, event) = entry.remove();
            let Some(at) = self.index(&to) else { continue };
            match event {
                Event::Message(from, topic, bytes) => {
                    self.input(at, Input::Message { from, topic, bytes: &bytes })
                }
                Event::Reduced(job, outcome) => {
                    if self.nodes[at].loaded.contains(&job) {
                        self.input(at, Input::Told(Told::Reduced { job, result: Ok(outcome) }));
                    }
                }
                Event::Fetched(blob) => {
                    self.nodes[at].flying -= 1;
                    let group = self.nodes[at].group;
                    let near = self.nodes.iter().filter(|node| node.group == group);
                    let bytes = near.filter_map(|node| node.blobs.get(&blob)).next().cloned();
                    if let Some(bytes) = &bytes {
                        self.nodes[at].fetched.push(blob);
                        self.nodes[at].blobs.insert(blob, bytes.clone());
                    }
                    self.input(at, Input::Fetched { blob, bytes });
                }
            }
        }
        self.see();
        self.synchronise();
        for at in 0..self.nodes.len() {
            self.engine(at);
            if self.nodes[at].desk.poll_timeout().is_some_and(|due| due <= self.now) {
                self.input(at, Input::Timeout);
            }
        }
        self.many_keys();
        self.claim();
        self.watch();
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1000 / self.tick.as_millis() as u64 {
            self.tick();
        }
    }

    /// Presence and absence, of those that changed since the tick before.
    fn see(&mut self) {
        let all: BTreeMap<Endpoint, (u8, u64)> =
            self.nodes.iter().map(|node| (node.endpoint, (node.group, node.presences))).collect();
        let before = std::mem::replace(&mut self.map, all.clone());
        let differs = |endpoint: &&Endpoint| before.get(endpoint) != all.get(endpoint);
        let changed: BTreeSet<Endpoint> = all.keys().chain(before.keys()).filter(differs).copied().collect();
        for at in (0..self.nodes.len()).filter(|_| !changed.is_empty()) {
            let (me, group) = (self.nodes[at].endpoint, self.nodes[at].group);
            let has_moved = before.get(&me).is_none_or(|(of, _)| *of != group);
            let others: BTreeSet<Endpoint> = if has_moved {
                all.keys().chain(self.nodes[at].seen.keys()).copied().collect()
            } else {
                changed.clone()
            };
            for other in others.into_iter().filter(|other| *other != me) {
                let is_near = all.get(&other).is_some_and(|(of, _)| *of == group);
                self.see_one(at, other, is_near);
            }
        }
        while let Some(&(due, me, other)) = self.partings.first().filter(|(due, ..)| *due < self.now) {
            self.partings.pop_first();
            let Some(at) = self.index(&me) else { continue };
            if self.nodes[at].seen.get(&other).is_some_and(|lost| *lost + GONE == due) {
                self.nodes[at].seen.remove(&other);
                self.input(at, Input::Link { endpoint: other, is_here: false });
            }
        }
    }

    /// An endpoint sees another, or does not.
    fn see_one(&mut self, at: usize, other: Endpoint, is_near: bool) {
        let (me, now) = (self.nodes[at].endpoint, self.now);
        if !is_near {
            let seen = self.nodes[at].seen.get_mut(&other).filter(|lost| **lost == HERE);
            if let Some(lost) = seen {
                *lost = now;
                self.partings.insert((now + GONE, me, other));
            }
            return;
        }
        if self.nodes[at].seen.insert(other, HERE).is_none() {
            self.input(at, Input::Link { endpoint: other, is_here: true });
            self.nodes[at].heard.remove(&other);
        }
        let Some(from) = self.index(&other) else { return };
        let presences = self.nodes[from].presences;
        if self.nodes[at].heard.insert(other, presences) != Some(presences) {
            let presence = self.nodes[from].presence.clone();
            self.input(at, Input::Presence { endpoint: other, value: Some(&presence) });
        }
    }

    /// Each endpoint compares its table with that of another now and then.
    fn synchronise(&mut self) {
        for at in 0..self.nodes.len() {
            let with = self.rng.below(self.nodes.len() as u64) as usize;
            if with == at || self.nodes[at].group != self.nodes[with].group || self.rng.below(2) == 0 {
                continue;
            }
            if self.nodes[at].stamps == self.nodes[with].stamps {
                continue;
            }
            for (from, to) in [(at, with), (with, at)] {
                let known = &self.nodes[to].table;
                let is_newer =
                    |key: &FieldKey, stamp: u64| known.get(key).is_none_or(|(other, _)| *other < stamp);
                let news: Fields = self.nodes[from]
                    .table
                    .iter()
                    .filter(|(key, (stamp, _))| is_newer(key, *stamp))
                    .map(|(key, entry)| (key.clone(), entry.clone()))
                    .collect();
                for ((row, field), (stamp, value)) in news {
                    self.store(to, (row.clone(), field.clone()), stamp, value.clone());
                    self.tell_row(to, &row, &field, value.as_deref());
                    self.carry(to);
                }
            }
        }
    }

    fn engine(&mut self, at: usize) {
        let runs = self.nodes[at].runs.iter().filter(|run| run.due <= self.now);
        let due: Vec<(u64, JobId, u32)> = runs.map(|run| (run.number, run.job, run.next)).collect();
        let (conduct, unit_time) = (self.nodes[at].conduct, self.nodes[at].unit);
        for (number, job, mut unit) in due {
            // Several units may have ended since the last tick.
            while let Some(run) =
                self.nodes[at].runs.iter_mut().find(|run| run.number == number && run.due <= self.now)
            {
                if conduct == Conduct::Hangs || run.next >= run.end {
                    break;
                }
                run.next += 1;
                run.due += unit_time;
                self.ran += 1;
                *self.ran_of.entry(job).or_default() += 1;
                self.ran_by.entry(self.nodes[at].endpoint.peer).or_default().insert((job, unit));
                let result = self.result(conduct, &job, unit);
                self.input(
                    at,
                    Input::Told(Told::Ran {
                        run: number,
                        unit,
                        result,
                        micros: unit_time.as_micros() as u32,
                    }),
                );
                unit += 1;
            }
            self.nodes[at].runs.retain(|run| run.next < run.end || conduct == Conduct::Hangs);
        }
    }

    fn result(&mut self, conduct: Conduct, job: &JobId, unit: u32) -> Result<Vec<u8>, Failure> {
        let lies = match conduct {
            Conduct::Wrong | Conduct::ManyKeys => true,
            Conduct::Rare => self.rng.below(20) == 0,
            Conduct::Sleeper => self.now > Time(60_000_000),
            _ => false,
        };
        if self.traps.contains(&unit) && !lies || conduct == Conduct::Fails && self.rng.below(2) == 0 {
            return Err(Failure::Trapped(BoundedText::truncated("unreachable")));
        }
        let mut value = value(&self.jobs[job], unit);
        if lies {
            value[0] ^= 1;
        }
        Ok(value)
    }

    /// Claimers report units that nobody gave them.
    fn claim(&mut self) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let Some(id) = self.id.filter(|_| node.conduct == Conduct::Claims) else { continue };
            let Some((epoch, steward)) = node.desk.obeys(&id).filter(|_| self.rng.below(12) == 0) else {
                continue;
            };
            let unit = self.rng.below(self.job.units.into()) as u32;
            let mut value = value(&self.job, unit);
            value[0] ^= 1;
            let packet = packet::write(&[value]);
            let Ok(packet) = Bytes::new(packet) else { continue };
            self.claims += 1;
            let report = Report {
                job: id,
                answers: (epoch, Tag8::of(&steward)),
                number: (1 << 30) + self.claims,
                seen: 0,
                wants: 4,
                runs: Bounded::default(),
                ran: Bounded::new(vec![Ran { span: (unit, 1), packet: Packet::Inline(packet), micros: 1 }])
                    .unwrap(),
                failed: Bounded::default(),
            };
            self.say(at, REPORT, report.encode());
        }
    }

    /// A caught cheater comes back under another key, at most five times.
    fn many_keys(&mut self) {
        if self.next_peer >= 1005 || self.judged == self.stamp {
            return;
        }
        let caught = self.caught();
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            if node.conduct == Conduct::ManyKeys && caught.contains(&node.endpoint.peer) {
                let (peer, unit) = (node.peer, node.unit);
                self.kill(peer, false);
                self.next_peer += 1;
                self.add(self.next_peer, Conduct::ManyKeys, 1, unit);
                return;
            }
        }
    }

    /// Peers that any table says are caught.
    pub(crate) fn caught(&self) -> BTreeSet<PeerId> {
        self.nodes.iter().flat_map(|node| caught_in(&node.table, &self.job)).collect()
    }

    /// Conditions that hold at each moment.
    fn watch(&mut self) {
        let Some(id) = self.id else { return };
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let obeys = node.desk.obeys(&id);
            if let (Some((before, steward)), Some((epoch, other))) = (node.obeyed, obeys)
                && epoch < before
                && node.saw
                && other != steward
            {
                self.violations.insert(format!("stale-obeyed: epoch {epoch} after {before}"));
            }
            if node.cancelled_at.is_some_and(|since| self.now.since(since) > Duration::from_secs(1))
                && node.desk.is_running(&id)
            {
                self.violations.insert("runs-cancelled: a lender goes on".to_owned());
            }
            self.nodes[at].obeyed = obeys;
            self.nodes[at].saw = obeys.is_some_and(|(_, steward)| self.nodes[at].seen.contains_key(&steward));
        }
        if std::mem::replace(&mut self.judged, self.stamp) == self.stamp {
            return;
        }
        let caught = self.caught();
        for (peer, conduct) in &self.conducts {
            if !conduct.lies() && caught.contains(&peer_id(*peer)) {
                self.violations.insert(format!("honest-caught: peer {peer}, {conduct:?}"));
            }
        }
    }

    /// The book that counts of the job of this world, by the tables of all.
    pub(crate) fn book(&self) -> Option<Book> {
        self.book_of(&self.id?)
    }

    /// The book that counts of a job, by the tables of all.
    pub(crate) fn book_of(&self, id: &JobId) -> Option<Book> {
        let (job, of) = (self.jobs.get(id)?, id.row());
        let rank = |field: &[u8]| match Writer::of(field) {
            Some((Writer::Peer(peer), BOOK_FIELD)) => job.rank(&peer),
            _ => None,
        };
        let read = |((row, field), (_, value)): (&FieldKey, &(u64, Option<Vec<u8>>))| {
            Some((rank(field).filter(|_| *row == of)?, Book::decode(value.as_deref()?).ok()?))
        };
        let books = self.nodes.iter().flat_map(|node| node.table.iter().filter_map(read));
        books.max_by_key(|(rank, book)| (book.epoch, std::cmp::Reverse(*rank), book.by)).map(|(_, book)| book)
    }

    pub(crate) fn state(&self) -> State {
        self.book().map_or(State::Running, |book| book.state)
    }

    pub(crate) fn state_of(&self, id: &JobId) -> State {
        self.book_of(id).map_or(State::Running, |book| book.state)
    }

    pub(crate) fn blob(&self, blob: &BlobId) -> Option<&Vec<u8>> {
        self.nodes.iter().find_map(|node| node.blobs.get(blob))
    }

    /// The outcome of a job that is done.
    pub(crate) fn blob_of_outcome(&self) -> Vec<u8> {
        let State::Done { outcome } = self.state() else { panic!("{:?}", self.state()) };
        self.blob(&outcome.0).expect("it is here").clone()
    }

    /// The job as each endpoint sees it, in one line: peer and instance, state, accepted units, steward, and the reason to stand still.
    pub(crate) fn summary(&self) -> String {
        let name = |endpoint: &Endpoint| {
            let node = self.nodes.iter().find(|node| node.endpoint == *endpoint);
            let peer = node.map_or("gone".to_owned(), |node| node.peer.to_string());
            format!("{peer}/{}", endpoint.instance.0)
        };
        let read = |node: &Node| {
            let Some(view) = self.id.and_then(|id| node.desk.job(&id)) else {
                return format!("{} has no job", name(&node.endpoint));
            };
            let state = match view.state {
                State::Done { .. } => "done".to_owned(),
                state => format!("{state:?}").to_lowercase(),
            };
            let steward = view.steward.as_ref().map_or("nobody".to_owned(), name);
            let reason = view.standstill.map_or(String::new(), |reason| format!(" ({reason})"));
            format!("{} {state} {}/{} by {steward}{reason}", name(&node.endpoint), view.accepted, view.units)
        };
        self.nodes.iter().map(read).collect::<Vec<_>>().join(", ")
    }

    /// Runs until the job has ended, at most so many seconds.
    pub(crate) fn run_to_end(&mut self, seconds: u64) -> State {
        for _ in 0..seconds {
            self.run(1);
            let is_lost =
                |state: &State| matches!(state, State::Done { outcome } if self.blob(&outcome.0).is_none());
            let state = self.state();
            if state.is_over() && !is_lost(&state) {
                self.run(5);
                break;
            }
        }
        self.state()
    }

    /// All that must hold of a job that is done: the outcome, the index, credit, and the word that each unit rests on.
    pub(crate) fn judge(&mut self) -> BTreeSet<String> {
        let mut found = self.violations.clone();
        // Books of an erased job lie here until their writers remove them, and its outcome is freed.
        let ids: Vec<JobId> = self.jobs.keys().filter(|id| !self.is_erased(id)).copied().collect();
        ids.iter().for_each(|id| self.judge_one(id, &mut found));
        found
    }

    /// Whether the last write of a job's own field removed it.
    fn is_erased(&self, id: &JobId) -> bool {
        let writer = self.jobs.get(id).and_then(Job::submitter).map(Writer::Peer);
        let Some(field) = writer.map(|writer| writer.field(JOB_FIELD)) else { return false };
        let key = (id.row(), field);
        let fields = self.nodes.iter().filter_map(|node| node.table.get(&key));
        fields.max_by_key(|(stamp, _)| *stamp).is_some_and(|(_, value)| value.is_none())
    }

    /// Followers have all results of a job that is done, if its index and packets are here.
    pub(crate) fn judge_followers(&self) -> Option<String> {
        let (id, book) = (self.id?, self.book()?);
        let index = Index::decode(self.blob(&book.index?.0)?).ok()?;
        let mut results = BTreeMap::new();
        for entry in index.entries.iter() {
            let (blob, start, length) = entry.packet;
            let packet = &self.blob(&blob)?[start as usize..][..length as usize];
            let values = packet::read(packet, entry.units.into(), 1 << 20).ok()?;
            results.extend((entry.first..).zip(values.into_iter().map(<[u8]>::to_vec)));
        }
        let is_done = matches!(book.state, State::Done { .. });
        let differs = |node: &&Node| node.desk.is_followed(&id) && node.given.get(&id) != Some(&results);
        let node = self.nodes.iter().find(|node| is_done && differs(node))?;
        Some(format!("follower: peer {} has {:?}", node.peer, node.given.get(&id).map(BTreeMap::len)))
    }

    /// Nobody has credit for a unit that it did not run, unless its wrong claim was believed.
    fn judge_credit(&self, id: &JobId, index: &Index, values: &[&[u8]]) -> Option<String> {
        let none = BTreeSet::new();
        let is_earned = |by: &PeerId, unit: u32| {
            let ran = self.ran_by.get(by).unwrap_or(&none);
            ran.contains(&(*id, unit)) || values[unit as usize] != value(&self.jobs[id], unit)
        };
        for entry in index.entries.iter() {
            let by = &index.peers[usize::from(entry.by)];
            let mut units = entry.first..entry.first + u32::from(entry.units);
            if let Some(unit) = units.find(|unit| !is_earned(by, *unit)) {
                return Some(format!("credit: {} has not run unit {unit}", by.short()));
            }
        }
        None
    }

    fn judge_one(&self, id: &JobId, found: &mut BTreeSet<String>) {
        let Some(book) = self.book_of(id) else { return };
        let job = &self.jobs[id];
        let State::Done { outcome } = book.state else { return };
        let Some(bytes) = self.blob(&outcome.0) else {
            found.insert("outcome-lost: nobody here has it".to_owned());
            return;
        };
        let is_checked = job.check == Check::All;
        let trusted: Vec<PeerId> = job.trusted.to_vec();
        let lies = |peer: &PeerId| {
            self.conducts.iter().any(|(other, conduct)| peer_id(*other) == *peer && conduct.lies())
        };
        let wrong = *bytes != self.alone(job);
        let only_sampled = !is_checked && self.conducts.values().any(|conduct| conduct.lies());
        if wrong && !only_sampled {
            found.insert("wrong-outcome: it differs from that of one machine".to_owned());
        }
        let index = book.index.and_then(|(index, _)| Index::decode(self.blob(&index)?).ok());
        // Outcome and index are lost apart: a steward may crash when others have fetched the outcome alone.
        let Some(index) = index else { return };
        let units: u32 = index.entries.iter().map(|entry| u32::from(entry.units)).sum();
        let credit: u32 = index.credit().iter().map(|(_, units)| *units).sum();
        if units != job.units || credit != units {
            found.insert(format!("units: {units} in the index, {credit} credited, of {}", job.units));
        }
        if job.reduce == Reduce::List {
            let values = packet::read(bytes, job.units as usize, 1 << 20).expect("it is a list");
            found.extend(self.judge_credit(id, &index, &values));
        }
        let caught = self.caught();
        let knew = self.knew.get(&book.encode()).cloned().unwrap_or_default();
        for peer in index.caught.iter().filter(|peer| !caught.contains(*peer)) {
            found.insert(format!("convict-unwritten: {}", peer.short()));
        }
        for entry in index.entries.iter() {
            let by = index.peers[usize::from(entry.by)];
            let is_confirmed =
                entry.confirmed.is_some_and(|at| trusted.contains(&index.peers[usize::from(at)]));
            if trusted.contains(&by) || is_confirmed {
                continue;
            }
            if is_checked {
                found.insert(format!("unchecked-though-all: unit {} of a stranger", entry.first));
            }
            if knew.contains(&by) || index.caught.contains(&by) {
                found.insert(format!("convict-in-outcome: unit {}", entry.first));
            }
            if is_checked && lies(&by) {
                found.insert(format!("cheater-believed: unit {}", entry.first));
            }
        }
    }
}
