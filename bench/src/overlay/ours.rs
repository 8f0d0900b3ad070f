//! Meshwork's emergent overlay on the network: the state machine that every node has, with what a room does around it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::clock::{Clock, Stamp};
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::overlay::maker::{self, Basis};
use meshwork_core::overlay::message::{OverlayMessage, Tag};
use meshwork_core::overlay::size::EMERGENT_DEGREE;
use meshwork_core::overlay::{Candidate, Face, Kind, LinkFacts, Overlay, OverlayOutput};
use meshwork_core::room::message::RoomMessage;
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::time::{Now, Time, WallTime};
use meshwork_core::wire::{Bytes, MessageWriter};

use super::{Input, Machine, Micros, Output, Peer};

/// The room that batches are signed for.
const ROOM: RoomId = RoomId([9; 32]);
/// When the network begins: the first day of 2024.
const BEGIN: WallTime = WallTime(1_704_067_200_000_000);
/// Bytes of a batch's payload, its number first: a stroke of some 60 cells. With header and signature it has
/// [`BATCH_BYTES`].
const PAYLOAD: usize = 176;
/// Bytes of a batch, within a few: what others are given to carry.
pub const BATCH_BYTES: usize = 300;

/// Who everybody is.
pub struct Directory {
    identities: Vec<Identity>,
    endpoints: Vec<Endpoint>,
    by_endpoint: HashMap<Endpoint, Peer>,
    by_tag: BTreeMap<Tag, Peer>,
}

impl Directory {
    /// So many peers.
    pub fn new(peers: usize) -> Arc<Directory> {
        let identity = |peer: usize| {
            let mut secret = [7; 32];
            secret[..8].copy_from_slice(&(peer as u64).to_le_bytes());
            Identity::from_secret(secret)
        };
        let identities: Vec<Identity> = (0..peers).map(identity).collect();
        let endpoint = |(number, identity): (u64, &Identity)| Endpoint {
            peer: identity.peer(),
            instance: Instance(number),
        };
        let endpoints: Vec<Endpoint> = (0..).zip(&identities).map(endpoint).collect();
        let by_endpoint = endpoints.iter().copied().zip(0..).collect();
        let by_tag = endpoints.iter().map(Tag::of).zip(0..).collect();
        Arc::new(Directory { identities, endpoints, by_endpoint, by_tag })
    }

    fn introduction(&self, peer: Peer) -> Introduction {
        let signature = Bytes::new(vec![0; 64]).expect("the length of a signature");
        Introduction { endpoint: self.endpoints[peer as usize], sealing_key: [2; 32], signature }
    }
}

/// What members say to each other.
#[derive(Clone, Debug)]
pub enum Message {
    /// A batch in full.
    Batch(SignedBatch),
    /// Anything about the overlay.
    Overlay(OverlayMessage),
}

/// One member.
pub struct Member {
    me: Peer,
    directory: Arc<Directory>,
    overlay: Box<dyn Overlay>,
    clock: Clock,
    sequence: u64,
    seen: BTreeSet<u32>,
    round_trips: BTreeMap<Endpoint, Duration>,
    outputs: VecDeque<Output<Message>>,
}

impl Member {
    /// The member of this number, with the views that Meshwork has.
    pub fn new(me: Peer, seed: u64, directory: Arc<Directory>) -> Member {
        let mut chance = [0; 32];
        chance[..8].copy_from_slice(&seed.to_le_bytes());
        chance[8..12].copy_from_slice(&me.to_le_bytes());
        let basis = Basis { own: directory.introduction(me), most: EMERGENT_DEGREE.1, seed: chance };
        Member {
            me,
            overlay: maker::all(Kind::Emergent, basis),
            directory,
            clock: Clock::new(),
            sequence: 0,
            seen: BTreeSet::new(),
            round_trips: BTreeMap::new(),
            outputs: VecDeque::new(),
        }
    }

    fn endpoint(&self, peer: Peer) -> Endpoint {
        self.directory.endpoints[peer as usize]
    }

    /// Writes a batch as a room does.
    fn write(&mut self, now: Now, number: u32) {
        self.sequence += 1;
        let stamp: Stamp = self.overlay.stamped(self.clock.next(now.wall));
        self.clock.merge(stamp);
        let header = Header::new(self.endpoint(self.me), self.sequence, StampWindow::at(stamp), 0);
        let mut payload = vec![0; PAYLOAD];
        payload[..4].copy_from_slice(&number.to_le_bytes());
        let identity = &self.directory.identities[self.me as usize];
        let batch = SignedBatch::sign(identity, &ROOM, &header, &payload).expect("its own, and short");
        debug_assert!(batch.bytes().len().abs_diff(BATCH_BYTES) < 16, "{} bytes", batch.bytes().len());
        self.seen.insert(number);
        let targets = self.overlay.targets(now, &batch, None);
        self.pass_on(&targets, &batch);
    }

    fn hear(&mut self, now: Now, from: Peer, batch: &SignedBatch) {
        let number = batch.payload().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let (key, sender) = (batch.key(), self.endpoint(from));
        self.overlay.handle_arrived(&key);
        if !self.seen.insert(number) {
            return self.overlay.handle_duplicate(&key, sender);
        }
        self.clock.merge(batch.header().window.most);
        self.outputs.push_back(Output::Heard(number, from));
        let targets = self.overlay.targets(now, batch, Some(sender));
        self.pass_on(&targets, batch);
    }

    fn pass_on(&mut self, targets: &[Endpoint], batch: &SignedBatch) {
        for to in targets {
            self.send(*to, Message::Batch(batch.clone()));
        }
    }

    fn send(&mut self, to: Endpoint, message: Message) {
        let Some(&to) = self.directory.by_endpoint.get(&to) else { return };
        let is_payload = matches!(message, Message::Batch(_));
        let bytes = length(&message);
        self.outputs.push_back(Output::Send { to, message, bytes, is_payload });
    }

    /// Does what the overlay wants.
    fn finish(&mut self, now: Now) {
        while let Some(output) = self.overlay.poll_output() {
            match output {
                OverlayOutput::Send(to, message) => self.send(to, Message::Overlay(message)),
                OverlayOutput::Batch(to, batch) => self.send(to, Message::Batch(batch)),
                OverlayOutput::Seek(introduction, route) => {
                    let Some(&to) = self.directory.by_endpoint.get(&introduction.endpoint) else { continue };
                    let over = route.iter().filter_map(|tag| self.directory.by_tag.get(tag).copied());
                    self.outputs.push_back(Output::Open(to, over.collect()));
                }
                OverlayOutput::Drop(endpoint, _) => {
                    self.round_trips.remove(&endpoint);
                    self.overlay.handle_detached(now, endpoint);
                    let to = self.directory.by_endpoint.get(&endpoint).copied();
                    self.outputs.extend(to.map(Output::Close));
                }
                // What is not sought any more comes to nothing by itself, and nobody misbehaves.
                OverlayOutput::Unseek(_) | OverlayOutput::Refused(..) => {}
            }
        }
    }
}

/// What a message takes on a link, in bytes.
fn length(message: &Message) -> usize {
    let message = match message {
        Message::Batch(batch) => RoomMessage::Batch(
            Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit"),
        ),
        Message::Overlay(message) => RoomMessage::Overlay(message.clone()),
    };
    let (kind, body) = message.encode(0);
    let mut writer = MessageWriter::default();
    writer.push(kind, &body);
    writer.len()
}

impl Machine for Member {
    type Message = Message;

    fn handle(&mut self, now: Micros, input: Input<Message>) {
        let now = Now { time: Time(now), wall: BEGIN + Duration::from_micros(now) };
        match input {
            Input::Join(named) => {
                for peer in named {
                    let introduction = self.directory.introduction(peer);
                    let candidate = Candidate { introduction, introducer: None, route: vec![] };
                    self.overlay.handle_candidate(now, candidate);
                }
            }
            Input::Message(from, message) => {
                let sender = self.endpoint(from);
                // A room hears its members alone.
                if self.round_trips.contains_key(&sender) {
                    match message {
                        Message::Batch(batch) => self.hear(now, from, &batch),
                        Message::Overlay(message) => self.overlay.handle_message(now, sender, message),
                    }
                }
            }
            Input::Opened(peer, round_trip) => {
                let endpoint = self.endpoint(peer);
                self.round_trips.insert(endpoint, round_trip);
                let face = Face { introduction: Some(self.directory.introduction(peer)), speaks: true };
                self.overlay.handle_attached(now, endpoint, face);
            }
            Input::Closed(peer) => {
                let endpoint = self.endpoint(peer);
                if self.round_trips.remove(&endpoint).is_some() {
                    self.overlay.handle_detached(now, endpoint);
                }
            }
            Input::Refused(peer) => self.overlay.handle_unreachable(now, self.endpoint(peer)),
            Input::Broadcast(number) => self.write(now, number),
            Input::Timeout => {
                let round_trips = &self.round_trips;
                let facts = |endpoint: Endpoint| LinkFacts {
                    rtt: round_trips.get(&endpoint).copied(),
                    stale: !round_trips.contains_key(&endpoint),
                };
                self.overlay.handle_timeout(now, &facts);
            }
        }
        self.finish(now);
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Micros> {
        self.overlay.poll_timeout().map(|at| at.0)
    }

    fn admits(&self, from: Peer) -> bool {
        self.overlay.admits(self.endpoint(from))
    }

    fn neighbours(&self) -> usize {
        self.round_trips.len()
    }
}
