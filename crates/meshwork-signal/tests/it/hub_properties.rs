//! Whatever is said in whatever order: the hub never panics, stays within its limits, and tells members only.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use meshwork_core::id::{Code, Endpoint, Identity, Instance, RoomId};
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{FromClient, FromServer};
use meshwork_core::signed::genesis::GENESIS_MAX;
use meshwork_core::time::{Time, WallTime};
use meshwork_core::wire::Base64;
use meshwork_signal::code::ServerKey;
use meshwork_signal::hub::{Hub, HubConfig, Output, Rubbish, SocketId};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::genesis;

const PEOPLE: usize = 5;
const ROOMS: usize = 3;
const KEY: [u8; 32] = [1; 32];
/// Sockets that actions choose from: the latest, a few more than may be open, so that some are closed.
const RECENT: u64 = 9;

fn config() -> HubConfig {
    HubConfig {
        rooms_max: 2,
        rooms_per_network_max: 2,
        members_max: 3,
        rooms_per_socket_max: 2,
        waits_per_socket_max: 2,
        waits_max: 4,
        message_burst: 200,
        queue_bytes_max: 128 * 1024,
        sockets_max: 7,
        sockets_per_network_max: 5,
        ..HubConfig::default()
    }
}

static PEOPLE_KNOWN: LazyLock<Vec<(Identity, Endpoint)>> = LazyLock::new(|| {
    (0..PEOPLE)
        .map(|number| {
            let identity = Identity::from_secret([number as u8 + 1; 32]);
            let endpoint = Endpoint { peer: identity.peer(), instance: Instance(number as u64) };
            (identity, endpoint)
        })
        .collect()
});

static ROOMS_KNOWN: LazyLock<Vec<(Base64<GENESIS_MAX>, RoomId)>> =
    LazyLock::new(|| (0..ROOMS).map(|number| genesis(number as u8)).collect());

#[derive(Clone, Debug)]
enum Action {
    Open { address: u8 },
    Enter { socket: u64, person: usize, is_honest: bool },
    Register { socket: u64, room: usize },
    Look { socket: u64, room: usize, by_code: bool },
    Join { socket: u64, room: usize },
    Leave { socket: u64, room: usize },
    Signal { socket: u64, room: usize, person: usize, length: usize, times: usize },
    KeepAlive { socket: u64 },
    Text { socket: u64, text: String },
    Ping { socket: u64 },
    Binary { socket: u64 },
    Close { socket: u64 },
    Read { socket: u64 },
    Wait { ms: u64 },
    ShutDown,
}

fn action() -> impl Strategy<Value = Action> {
    let socket = || 0..RECENT;
    let (room, person) = (|| 0..ROOMS, || 0..PEOPLE);
    prop_oneof![
        6 => (0..3u8).prop_map(|address| Action::Open { address }),
        12 => (socket(), person(), prop::bool::weighted(0.9))
            .prop_map(|(socket, person, is_honest)| Action::Enter { socket, person, is_honest }),
        8 => (socket(), room()).prop_map(|(socket, room)| Action::Register { socket, room }),
        6 => (socket(), room(), any::<bool>())
            .prop_map(|(socket, room, by_code)| Action::Look { socket, room, by_code }),
        16 => (socket(), room()).prop_map(|(socket, room)| Action::Join { socket, room }),
        4 => (socket(), room()).prop_map(|(socket, room)| Action::Leave { socket, room }),
        16 => (socket(), room(), person(), prop_oneof![Just((1usize, 1usize)), Just((8192, 1)), Just((8192, 20))])
            .prop_map(|(socket, room, person, (length, times))| Action::Signal { socket, room, person, length, times }),
        3 => socket().prop_map(|socket| Action::KeepAlive { socket }),
        1 => (socket(), text()).prop_map(|(socket, text)| Action::Text { socket, text }),
        1 => socket().prop_map(|socket| Action::Ping { socket }),
        1 => socket().prop_map(|socket| Action::Binary { socket }),
        3 => socket().prop_map(|socket| Action::Close { socket }),
        10 => socket().prop_map(|socket| Action::Read { socket }),
        5 => prop_oneof![0..5_000u64, Just(30_000), Just(90_000), Just(8 * 24 * 3600 * 1000)]
            .prop_map(|ms| Action::Wait { ms }),
        1 => prop::bool::weighted(0.1)
            .prop_map(|is_meant| if is_meant { Action::ShutDown } else { Action::Wait { ms: 1 } }),
    ]
}

/// Everybody in the first room, as far as it holds them: where most rules have something to do.
fn opening() -> Vec<Action> {
    let one = |socket| {
        let (person, is_honest) = (socket as usize, true);
        [
            Action::Open { address: socket as u8 % 2 },
            Action::Enter { socket: RECENT - 1, person, is_honest },
            Action::Register { socket: RECENT - 1, room: 0 },
            Action::Join { socket: RECENT - 1, room: 0 },
        ]
    };
    (0..PEOPLE as u64).flat_map(one).collect()
}

/// Rubbish, half a message, and well-formed messages of this and of later versions.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[{}\\[\\]\",:a-z0-9]{0,60}",
        "(enter|register|lookup|join|leave|signal|keep-alive|later)"
            .prop_map(|kind| format!(r#"{{"type":"{kind}"}}"#)),
        Just("[".repeat(10_000)),
        Just("x".repeat(17_000)),
    ]
}

/// What a socket is known to be from what it was told.
#[derive(Default)]
struct Seen {
    challenge: Option<[u8; 32]>,
    claimed: Option<Endpoint>,
    endpoint: Option<Endpoint>,
    rooms: BTreeSet<RoomId>,
    unread_bytes: usize,
    is_closed: bool,
}

struct World {
    hub: Hub,
    now: Time,
    seen: BTreeMap<SocketId, Seen>,
    /// Who is speaking at the moment.
    speaker: Option<SocketId>,
}

impl World {
    fn new() -> World {
        let hub = Hub::new(config(), ServerKey::new(KEY), [2; 32]).unwrap();
        World { hub, now: Time(0), seen: BTreeMap::new(), speaker: None }
    }

    /// The latest socket has the index `RECENT - 1`.
    fn recent(&self, index: u64) -> SocketId {
        SocketId((self.seen.len() as u64 + index).wrapping_sub(RECENT))
    }

    fn act(&mut self, action: &Action) {
        match action.clone() {
            Action::Open { address } => {
                let address = IpAddr::from([192, 0, 2, address]);
                let socket = self.hub.handle_opened(self.now, WallTime(0), address);
                assert!(self.seen.insert(socket, Seen::default()).is_none(), "numbers are not used twice");
            }
            Action::Enter { socket, person, is_honest } => self.enter(socket, person, is_honest),
            Action::Register { socket, room } => {
                self.say(socket, &FromClient::Register { genesis: ROOMS_KNOWN[room].0.clone() });
            }
            Action::Look { socket, room, by_code } => {
                let room = ROOMS_KNOWN[room].1;
                let code: Code = ServerKey::new(KEY).code(room, 0);
                let (room, code) = if by_code { (None, Some(code)) } else { (Some(room), None) };
                self.say(socket, &FromClient::Lookup { room, code });
            }
            Action::Join { socket, room } => {
                self.say(socket, &FromClient::Join { room: ROOMS_KNOWN[room].1, token: None });
            }
            Action::Leave { socket, room } => {
                let room = ROOMS_KNOWN[room].1;
                let speaker = self.recent(socket);
                if let Some(seen) = self.seen.get_mut(&speaker) {
                    seen.rooms.remove(&room);
                }
                self.say(socket, &FromClient::Leave { room: Some(room), code: None });
            }
            Action::Signal { socket, room, person, length, times } => {
                let (room, to) = (ROOMS_KNOWN[room].1, PEOPLE_KNOWN[person].1);
                let payload = Base64::new(vec![0; length]).unwrap();
                for _ in 0..times {
                    self.say(socket, &FromClient::Signal { room, to, payload: payload.clone() });
                    self.look();
                }
            }
            Action::KeepAlive { socket } => self.say(socket, &FromClient::KeepAlive),
            Action::Text { socket, text } => self.text(socket, &text),
            Action::Ping { socket } => {
                let socket = self.recent(socket);
                self.hub.handle_ping(self.now, socket);
            }
            Action::Binary { socket } => {
                let rubbish = Rubbish::Binary { length: 3 };
                let socket = self.recent(socket);
                self.hub.handle_rubbish(self.now, socket, rubbish);
            }
            Action::Close { socket } => {
                let socket = self.recent(socket);
                if let Some(seen) = self.seen.get_mut(&socket) {
                    *seen = Seen { is_closed: true, ..Seen::default() };
                }
                self.hub.handle_closed(self.now, socket);
            }
            Action::Read { socket } => {
                let socket = self.recent(socket);
                let bytes =
                    self.seen.get_mut(&socket).map_or(0, |seen| std::mem::take(&mut seen.unread_bytes));
                self.hub.handle_written(self.now, socket, bytes);
            }
            Action::Wait { ms } => self.wait(Duration::from_millis(ms)),
            Action::ShutDown => self.hub.shut_down(self.now),
        }
        self.look();
    }

    fn enter(&mut self, socket: u64, person: usize, is_honest: bool) {
        let id = self.recent(socket);
        let Some(seen) = self.seen.get_mut(&id) else { return };
        let (identity, endpoint) = &PEOPLE_KNOWN[person];
        let signer = if is_honest { identity } else { &PEOPLE_KNOWN[(person + 1) % PEOPLE].0 };
        let challenge = seen.challenge.unwrap_or_default();
        if is_honest && seen.endpoint.is_none() {
            seen.claimed = Some(*endpoint);
        }
        let announcement = announce::announce(signer, *endpoint, [7; 32]);
        let proof = announce::prove_entry(signer, *endpoint, &challenge).into();
        self.say(socket, &FromClient::Enter { version: 1, announcement, proof });
    }

    fn say(&mut self, socket: u64, message: &FromClient) {
        self.text(socket, &serde_json::to_string(message).unwrap());
    }

    fn text(&mut self, socket: u64, text: &str) {
        let socket = self.recent(socket);
        self.speaker = Some(socket);
        self.hub.handle_text(self.now, socket, text);
    }

    fn wait(&mut self, interval: Duration) {
        let end = self.now + interval;
        while let Some(due) = self.hub.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.hub.handle_timeout(self.now);
            self.look();
        }
        self.now = end;
    }

    /// Checks everything that the hub says, and how much it keeps.
    fn look(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Close { socket } => {
                    let seen = self.seen.entry(socket).or_default();
                    assert!(!seen.is_closed, "closed once");
                    *seen = Seen { is_closed: true, ..Seen::default() };
                }
                Output::Send { socket, text } => {
                    let seen = self.seen.entry(socket).or_default();
                    assert!(!seen.is_closed, "nothing is said to a closed socket");
                    seen.unread_bytes += text.len();
                    let message: FromServer = serde_json::from_str(&text).unwrap();
                    let is_last = matches!(message, FromServer::Goodbye { .. });
                    assert!(is_last || seen.unread_bytes <= config().queue_bytes_max);
                    self.check(socket, message);
                }
            }
        }
        self.speaker = None;
        assert!(self.hub.socket_count() <= config().sockets_max);
        assert!(self.hub.room_count() <= config().rooms_max);
        assert!(self.hub.wait_count() <= config().waits_max);
        let open = self.seen.values().filter(|seen| !seen.is_closed).count();
        assert_eq!(self.hub.socket_count(), open);
    }

    fn check(&mut self, socket: SocketId, message: FromServer) {
        match message {
            FromServer::Welcome { challenge, .. } => {
                self.seen.get_mut(&socket).unwrap().challenge = challenge.array();
            }
            FromServer::Entered => {
                let seen = self.seen.get_mut(&socket).unwrap();
                seen.endpoint = Some(seen.claimed.expect("only honest proofs hold"));
                let endpoint = seen.endpoint;
                let speaking = self.seen.values().filter(|seen| seen.endpoint == endpoint).count();
                assert_eq!(speaking, 1, "an endpoint is on one socket");
            }
            FromServer::Joined { room, members, .. } => {
                let own = self.seen[&socket].endpoint;
                let others: BTreeSet<Option<Endpoint>> = self
                    .seen
                    .values()
                    .filter(|seen| seen.rooms.contains(&room) && seen.endpoint != own)
                    .map(|seen| seen.endpoint)
                    .collect();
                let named: BTreeSet<Option<Endpoint>> =
                    members.iter().map(|member| Some(member.endpoint)).collect();
                let was_in = self.seen[&socket].rooms.contains(&room);
                assert!(was_in || named == others, "the members are those who joined and did not leave");
                assert!(!was_in || named.is_empty(), "a member knows them already");
                assert!(members.len() < config().members_max && members.iter().all(announce::verify));
                let rooms = &mut self.seen.get_mut(&socket).unwrap().rooms;
                rooms.insert(room);
                assert!(rooms.len() <= config().rooms_per_socket_max);
            }
            FromServer::MemberJoined { room, announcement } => {
                self.check_member(socket, room, announcement.endpoint);
            }
            FromServer::MemberLeft { room, endpoint } => self.check_member(socket, room, endpoint),
            FromServer::Signal { room, from, .. } => {
                self.check_member(socket, room, from);
                let speaker = &self.seen[&self.speaker.expect("signals come from who speaks")];
                assert_eq!(speaker.endpoint, Some(from), "from is who speaks");
                assert!(speaker.rooms.contains(&room), "only members speak");
            }
            _ => {}
        }
    }

    /// What is told of a room and of `about` is told to other members only.
    fn check_member(&self, socket: SocketId, room: RoomId, about: Endpoint) {
        let seen = &self.seen[&socket];
        assert!(seen.rooms.contains(&room), "told to a member");
        assert_ne!(seen.endpoint, Some(about), "told of another");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_conversation_keeps_the_rules(is_peopled in any::<bool>(), actions in vec(action(), 1..200)) {
        let mut world = World::new();
        let opening = if is_peopled { opening() } else { Vec::new() };
        for action in opening.iter().chain(&actions) {
            world.act(action);
        }
        // In the end everybody is gone and forgotten, whatever was left open.
        world.wait(Duration::from_secs(15 * 24 * 3600));
        prop_assert_eq!(world.hub.socket_count(), 0);
        prop_assert_eq!(world.hub.room_count(), 0);
        prop_assert_eq!(world.hub.wait_count(), 0);
        prop_assert_eq!(world.hub.poll_timeout(), None);
    }
}
