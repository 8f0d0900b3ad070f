//! Rooms that talk to each other directly, message by message, one of which may be made to lie.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, Instance, PeerId};
use meshwork_core::node::{Config, Refusal};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::rng::Rng;
use meshwork_core::room::message::RoomMessage;
use meshwork_core::room::{Makers, Member, Room, RoomOutput};
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::io::{AcceptedBatch, HistoryEntry, HistoryPart};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{self, Write, Writer};
use meshwork_core::time::{Now, Time, WallTime};
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, PastBatch};
use meshwork_place::{make, payloads};

/// What a member that lies makes of what it would say: what it says instead.
pub(crate) type Lie = Box<dyn FnMut(RoomMessage) -> Vec<RoomMessage>>;

/// When everything begins.
pub(crate) const EPOCH: WallTime = WallTime(1_767_225_600_000_000);
const TICK: Duration = Duration::from_millis(10);

/// Members of one room.
pub(crate) struct Members {
    pub(crate) now: Now,
    pub(crate) size: CanvasSize,
    owner: Identity,
    rooms: BTreeMap<u8, (Identity, Room)>,
    links: Vec<(u8, u8)>,
    on_the_way: VecDeque<(u8, u8, RoomMessage)>,
    lies: BTreeMap<u8, Lie>,
    /// Who takes in no batch.
    pub(crate) deaf: Option<u8>,
    /// Messages of what is wanted that a member serves over one link in a tick.
    pub(crate) serves: BTreeMap<u8, usize>,
    /// Batches of wanted leaves that each has sent.
    pub(crate) served: BTreeMap<u8, usize>,
    /// Who was refused by whom, why and how often.
    pub(crate) refused: BTreeMap<(u8, u8, Refusal), u64>,
    /// The most bytes that waited to be verified in one room.
    pub(crate) unverified_most: usize,
    /// What keepers wrote into their logs.
    pub(crate) logs: BTreeMap<u8, Vec<AcceptedBatch>>,
    /// Parts that each keeper's driver was asked to read.
    pub(crate) reads: BTreeMap<u8, usize>,
}

impl Members {
    pub(crate) fn new(size: CanvasSize) -> Members {
        Members {
            now: Now { time: Time(0), wall: EPOCH },
            size,
            owner: Identity::from_secret([0xee; 32]),
            rooms: BTreeMap::new(),
            links: vec![],
            on_the_way: VecDeque::new(),
            lies: BTreeMap::new(),
            deaf: None,
            serves: BTreeMap::new(),
            served: BTreeMap::new(),
            refused: BTreeMap::new(),
            unverified_most: 0,
            logs: BTreeMap::new(),
            reads: BTreeMap::new(),
        }
    }

    pub(crate) fn genesis(&self) -> (Genesis, Vec<u8>, meshwork_core::id::RoomId) {
        let owned = meshwork_place::owned(&mut Rng::new([5; 32]), self.owner.peer(), self.size, None);
        let (bytes, id) = owned.clone().sign(&self.owner).expect("the owner signs");
        (Genesis::Owned(owned), bytes, id)
    }

    /// Somebody opens the room, linked to nobody.
    pub(crate) fn open(&mut self, number: u8) {
        self.open_with(number, &Config::default());
    }

    /// The same, of somebody who stores and keeps a log of what was accepted.
    pub(crate) fn open_keeper(&mut self, number: u8) {
        self.logs.insert(number, vec![]);
        self.open_with(number, &Config { stores: true, keeps_history: true, ..Config::default() });
    }

    fn open_with(&mut self, number: u8, config: &Config) {
        let identity = identity(number);
        let (genesis, bytes, id) = self.genesis();
        let me = endpoint(number);
        let room = Room::new(RoomHandle(1), id, genesis, bytes, Makers::new(make), me, config);
        self.rooms.insert(number, (identity, room));
    }

    pub(crate) fn room(&mut self, number: u8) -> &mut Room {
        &mut self.rooms.get_mut(&number).expect("it is open").1
    }

    /// From now on this member says what `lie` makes of it.
    pub(crate) fn lie(&mut self, number: u8, lie: impl FnMut(RoomMessage) -> Vec<RoomMessage> + 'static) {
        self.lies.insert(number, Box::new(lie));
    }

    pub(crate) fn link(&mut self, one: u8, other: u8) {
        self.links.push((one, other));
        let now = self.now;
        let member = |stores| Member { name: String::new(), stays: true, stores };
        let stores = [one, other].map(|number| self.room(number).kept().stores());
        self.room(one).handle_attached(now, endpoint(other), member(stores[1]));
        self.room(other).handle_attached(now, endpoint(one), member(stores[0]));
    }

    pub(crate) fn unlink(&mut self, one: u8, other: u8) {
        self.links.retain(|link| *link != (one, other));
        self.on_the_way.retain(|(from, to, _)| (*from, *to) != (one, other) && (*to, *from) != (one, other));
        let now = self.now;
        self.room(one).handle_detached(now, endpoint(other), false);
        self.room(other).handle_detached(now, endpoint(one), false);
    }

    pub(crate) fn paint(&mut self, number: u8, cells: &[(u16, u16, Colour)]) {
        let now = self.now;
        let (identity, room) = self.rooms.get_mut(&number).expect("it is open");
        let payloads = payloads(self.size, cells).expect("cells on the canvas");
        room.write(now, identity, ReplicaNumber::FIRST, payloads).expect("nothing forbids it");
    }

    /// Writes in the app's table, beside the canvas.
    pub(crate) fn write_row(&mut self, number: u8, row: &str) {
        let now = self.now;
        let (identity, room) = self.rooms.get_mut(&number).expect("it is open");
        let write = Write::value(row, Writer::Anybody.field(b"text"), "beside the canvas");
        let payloads = table::payloads(identity.peer(), &[write]).expect("a short row");
        room.write(now, identity, Slot::GENESIS.replica(Family::ByValue), payloads)
            .expect("nothing forbids it");
    }

    /// Says something in the name of a member.
    pub(crate) fn say(&mut self, from: u8, to: u8, message: RoomMessage) {
        let now = self.now;
        self.room(to).handle_message(now, endpoint(from), message);
    }

    pub(crate) fn canvas(&self, number: u8) -> &Canvas {
        self.rooms[&number]
            .1
            .kept()
            .replicas()
            .get(ReplicaNumber::FIRST)
            .and_then(|replica| replica.as_any())
            .expect("a canvas")
    }

    pub(crate) fn take_past(&mut self, number: u8, now: Now, cells_most: usize) -> Vec<PastBatch> {
        let taken = self.room(number).take_history(now, cells_most);
        taken.iter().filter_map(|batch| self.canvas(number).past(batch)).collect()
    }

    pub(crate) fn digest(&mut self, number: u8) -> [u8; 32] {
        self.canvas(number).digest()
    }

    pub(crate) fn refused(&self, by: u8, whom: u8, why: Refusal) -> u64 {
        self.refused.get(&(by, whom, why)).copied().unwrap_or(0)
    }

    /// Lets everything happen until `done` holds. Returns whether it came to hold within the time.
    pub(crate) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Members) -> bool) -> bool {
        let until = self.now.time + limit;
        while self.now.time < until {
            if done(self) {
                return true;
            }
            if !self.tick() {
                self.sleep(until);
            }
        }
        done(self)
    }

    pub(crate) fn run_for(&mut self, interval: Duration) {
        self.run_until(interval, |_| false);
    }

    /// Nothing moves: lets time pass until something is due.
    fn sleep(&mut self, until: Time) {
        let now = self.now;
        let due = self.rooms.values().filter_map(|(_, room)| room.poll_timeout(now)).min();
        let passed = due.unwrap_or(until).min(until).since(now.time);
        self.now.time += passed;
        self.now.wall = WallTime(self.now.wall.0 + passed.as_micros() as u64);
    }

    /// Lets what is due happen. Returns whether something was said.
    fn tick(&mut self) -> bool {
        self.now.time += TICK;
        self.now.wall = WallTime(self.now.wall.0 + TICK.as_micros() as u64);
        let now = self.now;
        let reads: usize = self.reads.values().sum();
        for (from, to, message) in std::mem::take(&mut self.on_the_way) {
            self.room(to).handle_message(now, endpoint(from), message);
        }
        for &(one, other) in &self.links.clone() {
            for (from, to) in [(one, other), (other, one)] {
                let most = self.serves.get(&from).copied().unwrap_or(40);
                for _ in 0..most {
                    let served = self.room(from).serve(endpoint(to));
                    if served.is_empty() {
                        break;
                    }
                    served.into_iter().for_each(|message| self.send(from, to, message));
                }
            }
        }
        for number in self.rooms.keys().copied().collect::<Vec<_>>() {
            let room = self.room(number);
            if room.poll_timeout(now).is_some_and(|due| due <= now.time) {
                room.handle_timeout(now);
            }
            let unverified = room.kept().unverified_bytes();
            room.verify(now, 200);
            self.unverified_most = self.unverified_most.max(unverified);
            self.drain(number);
        }
        // What was just read can be served at once.
        !self.on_the_way.is_empty() || self.reads.values().sum::<usize>() > reads
    }

    fn send_to(&mut self, number: u8, to: Endpoint, message: RoomMessage) {
        let to = self.rooms.iter().find(|(_, (_, room))| room.kept().me() == to).map(|(to, _)| *to);
        if let Some(to) = to {
            self.send(number, to, message);
        }
    }

    pub(crate) fn drain(&mut self, number: u8) {
        while let Some(output) = self.room(number).poll_output() {
            match output {
                RoomOutput::Send(to, message) => self.send_to(number, to, message),
                RoomOutput::SendAll(targets, message) => {
                    targets.into_iter().for_each(|to| self.send_to(number, to, message.clone()));
                }
                RoomOutput::Offence(from, why, _) | RoomOutput::Refused(from, why, _) => {
                    self.refuse(number, from, why, 1);
                }
                RoomOutput::RefusedMany(from, why, _, count) => self.refuse(number, from, why, count),
                RoomOutput::Event(_) => {}
                RoomOutput::Persist { token, change } => {
                    let now = self.now;
                    self.logs.entry(number).or_default().extend(change.accepted);
                    self.room(number).handle_persisted(now, token, Ok(()));
                }
                RoomOutput::ReadHistory { token, from, bytes } => self.read(number, token, from, bytes),
                _ => {}
            }
        }
    }

    /// What a driver does that has a log.
    fn read(&mut self, number: u8, token: u64, from: u64, bytes: u32) {
        *self.reads.entry(number).or_default() += 1;
        let log = &self.logs[&number];
        let mut part =
            HistoryPart { since: log.first().map(|first| first.at), next: from, ..HistoryPart::default() };
        part.bytes = log.iter().map(|entry| entry.bytes.len() as u64).sum();
        let mut left = bytes as usize;
        for entry in log.iter().skip(from as usize).filter(|_| bytes > 0) {
            if !part.entries.is_empty() && entry.bytes.len() > left {
                break;
            }
            left = left.saturating_sub(entry.bytes.len());
            let (number, at) = (part.next, entry.at);
            part.entries.push(HistoryEntry::Batch { number, at, bytes: entry.bytes.clone() });
            part.next += 1;
        }
        part.is_end = part.next as usize >= log.len();
        let now = self.now;
        self.room(number).handle_history_read(now, token, Ok(part));
    }

    fn refuse(&mut self, by: u8, whom: Endpoint, why: Refusal, count: u64) {
        let whom = (0..=255).find(|number| endpoint(*number) == whom).expect("a member");
        *self.refused.entry((by, whom, why)).or_default() += count;
    }

    fn send(&mut self, from: u8, to: u8, message: RoomMessage) {
        if !self.links.contains(&(from, to)) && !self.links.contains(&(to, from)) {
            return;
        }
        let is_batch = matches!(message, RoomMessage::LeafBatch(_) | RoomMessage::Batch(_));
        if self.deaf == Some(to) && is_batch {
            return;
        }
        if matches!(message, RoomMessage::LeafBatch(_)) {
            *self.served.entry(from).or_default() += 1;
        }
        let said = match self.lies.get_mut(&from) {
            Some(lie) => lie(message),
            None => vec![message],
        };
        self.on_the_way.extend(said.into_iter().map(|message| (from, to, message)));
    }
}

pub(crate) fn identity(number: u8) -> Identity {
    Identity::from_secret([number; 32])
}

pub(crate) fn endpoint(number: u8) -> Endpoint {
    // Keys take time, and everything that is said names somebody.
    static PEERS: LazyLock<Vec<PeerId>> =
        LazyLock::new(|| (0..=255).map(|one| identity(one).peer()).collect());
    Endpoint { peer: PEERS[usize::from(number)], instance: Instance(u64::from(number)) }
}
