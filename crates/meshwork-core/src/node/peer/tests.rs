//! A node and its neighbours, each of which is the other end of a link that says what a test wants.

use alloc::boxed::Box;
use core::time::Duration;

use super::super::attempts::LINK_VERSIONS;
use super::super::*;
use super::{ALLOWANCE_WINDOW, ATTEMPTS_MAX};
use crate::batches::batch::BATCH_MAX;
use crate::links::link::LinkEvent;
use crate::links::message::{Attach, LinkMessage};
use crate::links::transcript::Facts;
use crate::replica::FIRST_REPLICA;
use crate::replica::toy::{Board, PART, PARTS};
use crate::room::genesis::{Genesis, RoomKind};
use crate::room::message::{RoomMessage, Want};
use crate::seam::description::{Fingerprint, Fingerprints, Role};
use crate::seam::path::LinkPath;
use crate::wire::{Bounded, BoundedText};

const KIND: RoomKind = RoomKind::Place { width: 64, height: 64 };

/// A board for any room.
fn board(_: &Genesis) -> Option<Box<dyn Replica>> {
    Some(Box::new(Board::new()))
}

/// Who all others are, and greater than the node, so that they offer.
pub(in crate::node) fn other() -> Identity {
    identities()[1].clone()
}

fn identities() -> [Identity; 2] {
    let mut identities = [1, 2].map(|number| Identity::from_secret([number; 32]));
    identities.sort_by_key(Identity::peer);
    identities
}

/// A program of [`other`].
pub(in crate::node) fn member(number: u64) -> Announcement {
    let endpoint = Endpoint { peer: other().peer(), instance: Instance(number) };
    announce::announce(&other(), endpoint, [5; 32])
}

struct Neighbour {
    link: LinkId,
    end: Link,
    heard: Vec<RoomMessage>,
}

pub(in crate::node) struct World {
    pub(in crate::node) node: Node,
    pub(in crate::node) room: RoomHandle,
    pub(in crate::node) now: Time,
    neighbours: BTreeMap<u64, Neighbour>,
    /// Whether drivers take what is sent to neighbours.
    is_taken: bool,
    /// What the driver was to do, but for sending to neighbours.
    pub(in crate::node) effects: Vec<Effect>,
    /// Who was refused why, and how often.
    pub(in crate::node) refused: BTreeMap<(Option<Endpoint>, Refusal), u64>,
}

impl World {
    /// A node in a room of its own.
    pub(in crate::node) fn new() -> World {
        let [me, _] = identities();
        let mut node = Node::new(
            board,
            Config::default(),
            me,
            [7; 32],
            Time(0),
            WallTime::from_millis(1_790_000_000_000),
        );
        let spec = RoomSpec { server: "https://mesh.example".into(), kind: KIND, private: false };
        let room = node.create_room(Time(0), spec).expect("a room");
        let (neighbours, effects, refused) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        World { node, room, now: Time(0), neighbours, is_taken: true, effects, refused }
    }

    /// Member `number` is linked and attached from here on.
    pub(in crate::node) fn link(&mut self, number: u64) -> Endpoint {
        let (me, announcement) = (self.node.endpoint(), member(number));
        let endpoint = announcement.endpoint;
        assert!(self.node.know(self.room, &announcement));
        let facts = Facts {
            offerer: endpoint,
            answerer: me,
            session: number,
            epoch: 1,
            offerer_nonce: [1; 16],
            answerer_nonce: [2; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: LINK_VERSIONS.most,
        };
        let link = self.node.begin(endpoint, self.room, Role::Answerer, facts, false);
        let mut end = Link::new(self.now, Role::Offerer, facts, &Config::default());
        let (local, remote, path) = (Fingerprint([1; 32]), Fingerprint([2; 32]), LinkPath::default());
        end.handle_up(self.now, &Fingerprints { local: remote, remote: local }, path, &other());
        let up = Input::Up { link, fingerprints: Fingerprints { local, remote }, path };
        self.node.handle_input(self.now, up);
        self.neighbours.insert(number, Neighbour { link, end, heard: Vec::new() });
        self.attach(number, self.room, 1);
        endpoint
    }

    /// A neighbour attaches to a room, which it calls by a number.
    fn attach(&mut self, neighbour: u64, room: RoomHandle, number: u32) {
        let room = self.node.room_id(room).expect("it is open");
        let attach =
            Attach { room, number, proof: None, name: BoundedText::default(), stays: true, stores: false };
        self.tell(neighbour, &LinkMessage::Attach(attach));
    }

    /// A neighbour says something in the room.
    pub(in crate::node) fn say(&mut self, neighbour: u64, message: RoomMessage) {
        self.tell(neighbour, &message.on_link(1));
    }

    fn tell(&mut self, neighbour: u64, message: &LinkMessage) {
        let known = self.neighbours.get_mut(&neighbour).expect("it is linked");
        assert!(known.end.send(message));
        self.run();
    }

    /// What a neighbour has heard in the room since this was last asked.
    pub(in crate::node) fn heard(&mut self, neighbour: u64) -> Vec<RoomMessage> {
        self.run();
        core::mem::take(&mut self.neighbours.get_mut(&neighbour).expect("it is linked").heard)
    }

    /// How often the node refused an endpoint for a reason.
    pub(in crate::node) fn refused(&mut self, endpoint: Endpoint, reason: Refusal) -> u64 {
        self.run();
        self.refused.get(&(Some(endpoint), reason)).copied().unwrap_or(0)
    }

    /// Carries what is said until nothing more is.
    pub(in crate::node) fn run(&mut self) {
        let mut idle = false;
        while !core::mem::replace(&mut idle, true) {
            for known in self.neighbours.values_mut() {
                while let Some((channel, bytes)) = known.end.flush() {
                    known.end.handle_writable(bytes.len());
                    self.node.handle_input(self.now, Input::Data { link: known.link, channel, bytes });
                }
            }
            while let Some(output) = self.node.poll_output() {
                idle = false;
                match output {
                    Output::Effect(Effect::Send { link, channel, bytes }) => {
                        if self.is_taken {
                            self.node.handle_input(self.now, Input::Writable { link, bytes: bytes.len() });
                        }
                        let Some(known) = self.neighbours.values_mut().find(|known| known.link == link)
                        else {
                            continue;
                        };
                        known.end.handle_data(self.now, channel, &bytes);
                        while let Some(event) = known.end.poll_event() {
                            if let LinkEvent::Message(LinkMessage::Room { kind, body }) = event {
                                let read =
                                    RoomMessage::decode(kind, &body).expect("a node writes what it reads");
                                known.heard.extend(read.map(|(_, message)| message));
                            }
                        }
                    }
                    Output::Effect(effect) => self.effects.push(effect),
                    Output::Event(Event::Refused { endpoint, reason, count, .. }) => {
                        self.refused.insert((endpoint, reason), count);
                    }
                    Output::Event(_) => {}
                }
            }
        }
    }
}

#[test]
fn attempts_are_limited_within_a_minute() {
    let mut peer = Peer::new(Time(0));
    assert!((0..ATTEMPTS_MAX).all(|_| peer.attempts.count(Time(5))));
    assert!(!peer.attempts.count(Time(6)));
    assert!(peer.attempts.count(Time(0) + ALLOWANCE_WINDOW + Duration::from_secs(1)));
}

#[test]
fn so_many_endpoints_are_known_and_idle_ones_give_way() {
    let mut world = World::new();
    // The table is told of those alone whose signature was checked.
    let announce = |number: u64| {
        let endpoint = Endpoint { instance: Instance(number), ..member(0).endpoint };
        Announcement { endpoint, ..member(0) }
    };
    for number in 0..PEERS_MAX as u64 {
        assert!(world.node.know(world.room, &announce(number)));
    }
    assert_eq!(world.node.usage().peers, PEERS_MAX);
    let next = announce(PEERS_MAX as u64);
    assert!(world.node.know(world.room, &next), "one that nobody links to gives way");
    assert_eq!(world.node.usage().peers, PEERS_MAX);
    for peer in world.node.peers.values_mut() {
        peer.refused_until = Some(Time(1));
    }
    let late = announce(PEERS_MAX as u64 + 1);
    assert!(!world.node.know(world.room, &late), "of the others each is remembered for a reason");
    assert_eq!(world.refused(late.endpoint, Refusal::TooManyAttempts), 1);
    assert!(world.node.know(world.room, &next), "who is known stays so");
}

#[test]
fn a_neighbour_attaches_to_so_many_rooms() {
    let mut world = World::new();
    let mut rooms = alloc::vec![world.room];
    while rooms.len() < ROOMS_MAX {
        let spec = RoomSpec { server: "https://mesh.example".into(), kind: KIND, private: false };
        rooms.push(world.node.create_room(world.now, spec).expect("a room"));
    }
    let endpoint = world.link(1);
    for (&room, number) in rooms.iter().zip(1..) {
        world.attach(1, room, number);
    }
    let attached = |world: &World| world.node.peers[&endpoint].attached.clone();
    assert_eq!(attached(&world).into_values().collect::<Vec<_>>(), rooms);
    assert_eq!(world.refused(endpoint, Refusal::Message), 0);
    world.attach(1, world.room, ROOMS_MAX as u32 + 1);
    assert_eq!(world.refused(endpoint, Refusal::Message), 1, "one number more is an offence");
    assert!(!attached(&world).contains_key(&(ROOMS_MAX as u32 + 1)));
}

#[test]
fn so_many_refusals_are_counted_apart_and_further_ones_together() {
    let mut world = World::new();
    let endpoint = |number: usize| Endpoint { instance: Instance(number as u64), ..world.node.endpoint() };
    let [first, last] = [0, COUNTERS_MAX - 1].map(endpoint);
    let beyond = [COUNTERS_MAX, COUNTERS_MAX + 1].map(endpoint);
    for endpoint in (0..COUNTERS_MAX).map(endpoint).collect::<Vec<_>>() {
        world.node.refuse(Some(endpoint), Refusal::Seal, String::new());
    }
    for endpoint in [first, last, beyond[0], beyond[1]] {
        world.node.refuse(Some(endpoint), Refusal::Seal, String::new());
    }
    let told = |world: &mut World, endpoint| world.refused(endpoint, Refusal::Seal);
    assert_eq!([first, last].map(|one| told(&mut world, one)), [2, 2]);
    assert_eq!(beyond.map(|one| told(&mut world, one)), [1, 2], "these share a counter");
    assert_eq!(world.node.refusals.len(), COUNTERS_MAX + 1);
}

#[test]
fn so_much_waits_for_a_link_while_parts_are_served() {
    let mut world = World::new();
    // All parts together are more than a link takes at once.
    for part in 0..PARTS {
        let values: Vec<(u32, u32)> = (0..PART).map(|place| (part * PART + place, place)).collect();
        world.node.write(world.now, world.room, Board::payloads(&values)).expect("places of the board");
    }
    // What was just written is told at once to whoever attaches.
    world.link(1);
    world.heard(1);
    world.is_taken = false;
    let parts = Bounded::new((0..PARTS).collect()).expect("few");
    world.say(1, RoomMessage::Want(Want { replica: FIRST_REPLICA, parts }));
    for _ in 0..3 {
        world.node.handle_timeout(world.now);
        world.run();
        let queued = world.node.usage().queued_bytes_most;
        assert!((SERVE_QUEUE..SERVE_QUEUE + BATCH_MAX).contains(&queued), "{queued}");
    }
}
