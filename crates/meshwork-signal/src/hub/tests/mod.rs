//! Tests of the hub in virtual time.

mod defects;
mod entering;
mod ice;
mod limits;
mod operating;
mod rooms;
mod shares;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer, ServerRefusal, VERSIONS};
use meshwork_core::signed::genesis::Owned;
use meshwork_core::time::{Time, WallTime};
use meshwork_core::wire::{Base64, Bytes};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A hub with a clock, and what each socket was sent and has not looked at yet.
struct World {
    hub: Hub,
    now: Time,
    inboxes: BTreeMap<SocketId, Vec<FromServer>>,
    closed: BTreeSet<SocketId>,
    /// Whether what is sent counts as read at once.
    is_read: bool,
}

impl World {
    fn new() -> World {
        World::with(HubConfig::default())
    }

    fn with(config: HubConfig) -> World {
        World {
            hub: Hub::new(config, ServerKey::new([1; 32]), [2; 32]).unwrap(),
            now: Time(1_000_000),
            inboxes: BTreeMap::new(),
            closed: BTreeSet::new(),
            is_read: true,
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Send { socket, text } => {
                    assert!(!self.closed.contains(&socket), "nothing is sent to a closed socket");
                    if self.is_read {
                        self.hub.handle_written(self.now, socket, text.len());
                    }
                    self.inboxes.entry(socket).or_default().push(serde_json::from_str(&text).unwrap());
                }
                Output::Close { socket } => assert!(self.closed.insert(socket), "closed once"),
            }
        }
    }

    fn open_from(&mut self, address: &str) -> SocketId {
        let address: IpAddr = address.parse().unwrap();
        let socket = self.hub.handle_opened(self.now, WallTime::from_millis(1_700_000_000_000), address);
        self.drain();
        socket
    }

    fn open(&mut self) -> SocketId {
        self.open_from("192.0.2.1")
    }

    fn text(&mut self, socket: SocketId, text: &str) {
        self.hub.handle_text(self.now, socket, text);
        self.drain();
    }

    fn say(&mut self, socket: SocketId, message: FromClient) {
        self.text(socket, &serde_json::to_string(&message).unwrap());
    }

    fn close(&mut self, socket: SocketId) {
        self.hub.handle_closed(self.now, socket);
        self.drain();
    }

    fn rubbish(&mut self, socket: SocketId, rubbish: Rubbish) {
        self.hub.handle_rubbish(self.now, socket, rubbish);
        self.drain();
    }

    /// Lets time pass and every timer on the way fire.
    fn wait(&mut self, interval: Duration) {
        let end = self.now + interval;
        while let Some(due) = self.hub.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.hub.handle_timeout(self.now);
            self.drain();
            let next = self.hub.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "a deadline that passed is dealt with");
        }
        self.now = end;
    }

    /// What a socket was sent since the last look.
    fn heard(&mut self, socket: SocketId) -> Vec<FromServer> {
        self.inboxes.remove(&socket).unwrap_or_default()
    }

    /// The one message that a socket was sent since the last look.
    fn heard_one(&mut self, socket: SocketId) -> FromServer {
        let mut heard = self.heard(socket);
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.remove(0)
    }

    /// Checks that the last thing a socket heard was a goodbye for `reason`, and gives its words.
    fn goodbye(&mut self, socket: SocketId, reason: ServerRefusal) -> String {
        assert!(self.closed.contains(&socket), "the socket is closed");
        match self.heard(socket).pop() {
            Some(FromServer::Goodbye { reason: given, detail, .. }) if given == reason => detail,
            other => panic!("{other:?} is no goodbye for {reason:?}"),
        }
    }

    /// Checks that a socket heard one refusal for `reason`, and gives its words.
    fn refusal(&mut self, socket: SocketId, reason: ServerRefusal) -> String {
        match self.heard_one(socket) {
            FromServer::Refused { reason: given, detail, .. } if given == reason => detail,
            other => panic!("{other:?} is no refusal for {reason:?}"),
        }
    }

    fn challenge(&mut self, socket: SocketId) -> [u8; 32] {
        match self.heard_one(socket) {
            FromServer::Welcome { challenge, .. } => challenge.array().unwrap(),
            other => panic!("{other:?} is no welcome"),
        }
    }

    fn enter_on(&mut self, socket: SocketId, someone: &Someone) {
        let challenge = self.challenge(socket);
        self.say(socket, someone.enter(&challenge));
        assert_eq!(self.heard_one(socket), FromServer::Entered);
    }

    /// A socket that entered as `someone`.
    fn enter(&mut self, someone: &Someone) -> SocketId {
        let socket = self.open();
        self.enter_on(socket, someone);
        socket
    }

    /// A socket that entered as `someone` and joined `room`, whose notices everybody has read.
    fn join(&mut self, someone: &Someone, room: RoomId) -> SocketId {
        let socket = self.enter(someone);
        self.say(socket, FromClient::Join { room, token: None });
        assert!(matches!(self.heard_one(socket), FromServer::Joined { .. }));
        self.inboxes.clear();
        socket
    }

    /// Registers a room through a socket that stays, and gives the room's id.
    fn register(&mut self, nonce: u8) -> RoomId {
        let (genesis, room) = genesis(nonce);
        let socket = self.enter(&someone(200));
        self.say(socket, FromClient::Register { genesis });
        assert!(matches!(self.heard_one(socket), FromServer::Found { .. }));
        self.close(socket);
        room
    }
}

struct Someone {
    identity: Identity,
    endpoint: Endpoint,
}

impl Someone {
    fn enter(&self, challenge: &[u8; 32]) -> FromClient {
        FromClient::Enter {
            version: VERSIONS.1,
            announcement: announce::announce(&self.identity, self.endpoint, [7; 32]),
            proof: announce::prove_entry(&self.identity, self.endpoint, challenge).into(),
        }
    }
}

fn someone(secret: u8) -> Someone {
    let identity = Identity::from_secret([secret; 32]);
    let endpoint = Endpoint { peer: identity.peer(), instance: Instance(u64::from(secret)) };
    Someone { identity, endpoint }
}

fn genesis(nonce: u8) -> (Base64<1024>, RoomId) {
    let owner = Identity::from_secret([99; 32]);
    let app = "place".parse().unwrap();
    let owned = Owned::new(&mut Rng::new([nonce; 32]), owner.peer(), app, Bytes::default(), None);
    let (bytes, room) = owned.sign(&owner).unwrap();
    (Base64::new(bytes).unwrap(), room)
}

fn signal(room: RoomId, to: Endpoint) -> FromClient {
    FromClient::Signal { room, to, payload: Base64::new([1, 2, 3]).unwrap() }
}
