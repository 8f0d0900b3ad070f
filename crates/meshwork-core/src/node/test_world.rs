//! A node and its neighbours, each at the other end of a link and under a test's control.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::connecting::LINK_VERSIONS;
use super::*;
use crate::id::Instance;
use crate::links::link::LinkEvent;
use crate::links::message::{Attach, LinkMessage};
use crate::links::transcript::Facts;
use crate::replica::toy;
use crate::room::message::RoomMessage;
use crate::seam::description::{Fingerprint, Fingerprints, Role};
use crate::seam::io::LinkId;
use crate::seam::path::LinkPath;
use crate::signalling::announce;
use crate::signalling::protocol::Announcement;
use crate::wire::{Bounded, BoundedText, Bytes};

/// An open room with a board.
pub(super) fn spec() -> RoomSpec {
    let app = "toy".parse().expect("a word");
    RoomSpec {
        servers: alloc::vec!["https://mesh.example".into()],
        app,
        parameters: Bytes::default(),
        private: false,
    }
}

/// The peer of all others, greater than the node, so that they offer.
pub(super) fn other() -> Identity {
    identities()[1].clone()
}

fn identities() -> [Identity; 2] {
    let mut identities = [1, 2].map(|number| Identity::from_secret([number; 32]));
    identities.sort_by_key(Identity::peer);
    identities
}

/// A program of [`other`].
pub(super) fn member(number: u64) -> Announcement {
    let endpoint = Endpoint { peer: other().peer(), instance: Instance(number) };
    announce::announce(&other(), endpoint, [5; 32])
}

/// The other end of a link.
struct Neighbour {
    link: LinkId,
    end: Link,
    heard: Vec<RoomMessage>,
}

pub(super) struct World {
    pub(super) node: Node,
    pub(super) room: RoomHandle,
    pub(super) now: Time,
    neighbours: BTreeMap<u64, Neighbour>,
    /// Whether drivers accept messages to neighbours.
    pub(super) is_taken: bool,
    /// The effects for the driver, except messages to neighbours.
    pub(super) effects: Vec<Effect>,
    /// Refused endpoints, with reasons and counts.
    pub(super) refused: BTreeMap<(Option<Endpoint>, Refusal), u64>,
}

impl World {
    /// A node in a room of its own.
    pub(super) fn new() -> World {
        let [me, _] = identities();
        let mut node = Node::new(
            toy::make,
            Config::default(),
            me,
            [7; 32],
            Time(0),
            WallTime::from_millis(1_790_000_000_000),
        );
        let room = node.create_room(Time(0), spec()).expect("a room");
        let (neighbours, effects, refused) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        World { node, room, now: Time(0), neighbours, is_taken: true, effects, refused }
    }

    /// A source lists a member. Returns whether there was space.
    pub(super) fn know(&mut self, announcement: &Announcement) -> bool {
        self.node.connecting.know(&mut self.node.base, self.room, announcement)
    }

    /// Member `number` is linked and attached from here on.
    pub(super) fn link(&mut self, number: u64) -> Endpoint {
        let (me, announcement) = (self.node.endpoint(), member(number));
        let endpoint = announcement.endpoint;
        assert!(self.know(&announcement));
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
        let link = self.node.connecting.attempts().begin(
            &mut self.node.base,
            endpoint,
            self.room,
            Role::Answerer,
            facts,
            false,
        );
        let mut end = Link::new(self.now, Role::Offerer, facts, &Config::default());
        let (local, remote, path) = (Fingerprint([1; 32]), Fingerprint([2; 32]), LinkPath::default());
        end.handle_up(self.now, &Fingerprints { local: remote, remote: local }, path, &other());
        let up = Input::Up { link, fingerprints: Fingerprints { local, remote }, path };
        self.node.handle_input(self.now, up);
        self.neighbours.insert(number, Neighbour { link, end, heard: Vec::new() });
        self.attach(number, self.room, 1);
        endpoint
    }

    /// A neighbour attaches to a room, with its number for it.
    pub(super) fn attach(&mut self, neighbour: u64, room: RoomHandle, number: u32) {
        let room = self.node.room(room).id().expect("it is open");
        let attach = Attach {
            room,
            number,
            proof: None,
            renewed: Bounded::default(),
            name: BoundedText::default(),
            stays: true,
            stores: false,
            visits: false,
        };
        self.tell(neighbour, &LinkMessage::Attach(attach));
    }

    /// A neighbour sends a message in the room.
    pub(super) fn say(&mut self, neighbour: u64, message: RoomMessage) {
        self.tell(neighbour, &message.on_link(1));
    }

    fn tell(&mut self, neighbour: u64, message: &LinkMessage) {
        let known = self.neighbours.get_mut(&neighbour).expect("it is linked");
        assert!(known.end.send(message));
        self.run();
    }

    /// The messages that a neighbour received in the room since the last call.
    pub(super) fn heard(&mut self, neighbour: u64) -> Vec<RoomMessage> {
        self.run();
        core::mem::take(&mut self.neighbours.get_mut(&neighbour).expect("it is linked").heard)
    }

    /// How often the node refused an endpoint for a reason.
    pub(super) fn refused(&mut self, endpoint: Endpoint, reason: Refusal) -> u64 {
        self.run();
        self.refused.get(&(Some(endpoint), reason)).copied().unwrap_or(0)
    }

    /// Delivers messages until none are left.
    pub(super) fn run(&mut self) {
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
