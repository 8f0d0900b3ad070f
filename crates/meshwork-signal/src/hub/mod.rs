//! The hub: everything a meeting point decides, without sockets, clocks or randomness of its own.
//!
//! # Problem
//! Two endpoints that want a link need somebody whom both can reach, to find the room by its code, to learn of
//! each other and to exchange a few sealed messages. Whoever does that must be hard to fill, to stall or to
//! fool: one socket's rubbish, flood or silence must not be felt by another.
//!
//! # How it works
//! It speaks [`meshwork_core::signalling::protocol`]; docs/protocol/signalling.md tells the conversation. A
//! socket proves its endpoint by a signature over a fresh challenge, registers rooms, looks them up, joins
//! them, and sends sealed payloads to other members. What cannot be carried out is refused; what breaks the
//! protocol ends in a goodbye that names the offending value.
//!
//! # Driving it
//! Tell it of sockets with the `handle_*` methods, drain [`Hub::poll_output`] after each, and call
//! [`Hub::handle_timeout`] when [`Hub::poll_timeout`] is due. Outputs of one socket are carried out in order.
//! Report with [`Hub::handle_written`] what left the driver's buffers, else the reader counts as slow. After each
//! message ask [`Hub::held_until`], and read nothing more from the socket before.
//!
//! # Invariants
//! - `from` of a forwarded signal is what the sending socket proved, never what it said.
//! - Only members of a room hear what is said in it, and of whom it consists.
//! - An endpoint is on one socket at a time; it vanishes from every room when that socket goes.
//! - Joining never makes a room.
//! - After [`Output::Close`] a socket is unknown: later inputs about it do nothing.
//!
//! # Limits
//! All of them stand in [`HubConfig`].
//!
//! # Example
//! ```
//! use meshwork_core::time::{Time, WallTime};
//! use meshwork_signal::code::ServerKey;
//! use meshwork_signal::hub::{Hub, HubConfig, Output};
//!
//! let mut hub = Hub::new(HubConfig::default(), ServerKey::new([1; 32]), [2; 32])?;
//! let socket = hub.handle_opened(Time(0), WallTime(0), [192, 0, 2, 1].into());
//! let Some(Output::Send { text, .. }) = hub.poll_output() else { panic!("the hub speaks first") };
//! assert!(text.starts_with(r#"{"type":"welcome","versions":[2,2],"#));
//!
//! hub.handle_text(Time(1), socket, "what?");
//! let Some(Output::Send { text, .. }) = hub.poll_output() else { panic!("rubbish is answered") };
//! assert!(text.starts_with(r#"{"type":"goodbye","reason":"malformed","#));
//! assert_eq!(hub.poll_output(), Some(Output::Close { socket }));
//! # Ok::<(), meshwork_signal::hub::HubConfigError>(())
//! ```

mod bans;
mod begun;
mod config;
mod conversation;
mod counts;
mod forwarding;
mod ice;
mod members;
mod operating;
mod reserving;
mod rooms;
mod socket;
mod waits;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::signalling::protocol::{FromServer, ServerRefusal, VERSIONS};
use meshwork_core::time::{Time, WallTime};

pub use bans::{BANS_MAX, Ban, BanFormatError, CLOSED_FOR};
use config::GUESSES;
pub use config::{HubConfig, HubConfigError, MEMBERS_LEGAL_MAX, NAMED_MAX, OPENING_COST, RESERVED_MAX};
pub use counts::{Counts, LINK_TIME_CLASSES_MS, Reports};
pub use ice::{IceOffer, RelayOffer};
pub use operating::{RoomView, Snapshot, TooManyCodes};
pub use reserving::ReserveError;

use crate::code::ServerKey;
use crate::fair::{Buckets, Holdings, Network, parties};
use bans::Bans;
use rooms::{Circle, Rooms};
use socket::Socket;
use waits::Waits;

/// One socket of a hub; numbers are never used twice by one hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What the driver must carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send one text message.
    Send {
        /// On which socket.
        socket: SocketId,
        /// The message.
        text: String,
    },
    /// Close the socket when what was sent before is on its way, and say nothing more of it.
    Close {
        /// Which socket.
        socket: SocketId,
    },
}

/// What arrived on a socket but is no text that a hub could read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rubbish {
    /// A message that the driver did not read to its end, since it is longer than `message_bytes_max`.
    TooLarge {
        /// How long it is, in bytes, as far as the driver knows.
        length: usize,
    },
    /// A binary message.
    Binary {
        /// How long it is, in bytes.
        length: usize,
    },
    /// Something that breaks the WebSocket protocol (RFC 6455), in the words of whoever noticed.
    Frame(String),
}

/// The meeting point as a state machine.
pub struct Hub {
    config: HubConfig,
    key: ServerKey,
    rng: Rng,
    next_socket: u64,
    /// What the civil clock said, and when.
    civil: (Time, WallTime),
    /// At most `sockets_max`.
    sockets: BTreeMap<SocketId, Socket>,
    /// The sockets that entered.
    endpoints: BTreeMap<Endpoint, SocketId>,
    /// The same sockets by the networks that hold them; at most `sockets_per_network_max` for each party.
    holders: Holdings<SocketId>,
    /// One for each socket.
    deadlines: BTreeSet<(Time, SocketId)>,
    rooms: Rooms,
    waits: Waits,
    /// Sockets to close before the present input is done with.
    doomed: Vec<(SocketId, ServerRefusal, String)>,
    /// What it holds is counted as unread by the socket it is for, and bounded there.
    outputs: VecDeque<Output>,
    /// What the networks may still say.
    spending: Buckets,
    /// How many rooms that are not there they may still look for.
    guessing: Buckets,
    bans: Bans,
    counts: Counts,
    /// Set once the server is about to end, to when it will have.
    draining_until: Option<Time>,
    is_shut_down: bool,
}

impl Hub {
    /// A hub without sockets and rooms. `key` decides the codes; `seed` the challenges.
    ///
    /// # Errors
    /// [`HubConfigError`] when a field of `config` is outside its legal range.
    pub fn new(config: HubConfig, key: ServerKey, seed: Seed) -> Result<Hub, HubConfigError> {
        config.check()?;
        Ok(Hub {
            config,
            key,
            rng: Rng::new(seed),
            next_socket: 0,
            civil: (Time(0), WallTime(0)),
            sockets: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            holders: Holdings::default(),
            deadlines: BTreeSet::new(),
            rooms: Rooms::default(),
            waits: Waits::default(),
            doomed: Vec::new(),
            outputs: VecDeque::new(),
            spending: Buckets::default(),
            guessing: Buckets::default(),
            bans: Bans::default(),
            counts: Counts::default(),
            draining_until: None,
            is_shut_down: false,
        })
    }

    /// A socket was opened from `address`; `wall` is the civil time, which the client is told.
    pub fn handle_opened(&mut self, now: Time, wall: WallTime, address: IpAddr) -> SocketId {
        self.civil = (now, wall);
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        let network = Network::of(address);
        self.counts.sockets_opened += 1;
        if let Some((reason, detail)) = self.refusal_to_open(now, address, network) {
            self.push_goodbye_at(now, id, reason, detail);
            return id;
        }
        let challenge = self.rng.bytes();
        let mut socket = Socket::new(now, network, challenge, self.config.rate());
        self.holders.insert(network, socket.merit, id);
        socket.deadline = socket.next_deadline(&self.config).0;
        self.deadlines.insert((socket.deadline, id));
        self.sockets.insert(id, socket);
        let keep_alive_ms = self.config.keep_alive.as_millis().try_into().unwrap_or(u64::MAX);
        let time_ms = wall.as_millis();
        let overlay = Some(self.config.overlay.record_name()).filter(|name| !name.is_empty());
        let challenge = challenge.into();
        let welcome = FromServer::Welcome { versions: VERSIONS, challenge, time_ms, keep_alive_ms, overlay };
        self.send(now, id, &welcome);
        self.settle(now);
        id
    }

    /// A text message arrived.
    pub fn handle_text(&mut self, now: Time, socket: SocketId, text: &str) {
        self.counts.bytes_received += text.len() as u64;
        if self.is_affordable(now, socket) {
            self.handle_message(now, socket, text);
            self.reschedule(socket);
        }
        self.settle(now);
    }

    /// A WebSocket ping or pong arrived: it counts as a message, but not as a sign of life.
    pub fn handle_ping(&mut self, now: Time, socket: SocketId) {
        self.is_affordable(now, socket);
        self.settle(now);
    }

    /// Something arrived that is no text message.
    pub fn handle_rubbish(&mut self, now: Time, socket: SocketId, rubbish: Rubbish) {
        match rubbish {
            Rubbish::TooLarge { length } => self.doom_too_large(socket, length),
            Rubbish::Binary { length } => self.doom(
                socket,
                ServerRefusal::Malformed,
                format!("a binary message of {length} bytes; only text is read"),
            ),
            Rubbish::Frame(words) => self.doom(socket, ServerRefusal::Malformed, words),
        }
        self.settle(now);
    }

    /// `bytes` of what was to be sent are on their way.
    pub fn handle_written(&mut self, now: Time, socket: SocketId, bytes: usize) {
        if let Some(state) = self.sockets.get_mut(&socket) {
            state.handle_written(now, bytes);
            self.reschedule(socket);
        }
    }

    /// The socket closed or broke.
    pub fn handle_closed(&mut self, now: Time, socket: SocketId) {
        self.remove(now, socket);
        self.settle(now);
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            let Some(socket) = self.sockets.get_mut(&id) else { continue };
            let (deadline, reason) = socket.next_deadline(&self.config);
            if deadline > now {
                socket.deadline = deadline;
                self.deadlines.insert((deadline, id));
                continue;
            }
            let detail = match (reason, &socket.entered) {
                (ServerRefusal::SlowReader, _) => {
                    let bytes = socket.unread_bytes;
                    format!("{bytes} bytes were left unread for {:?}", self.config.unread_after)
                }
                (ServerRefusal::ShuttingDown, _) => String::from(SHUTTING_DOWN),
                (_, Some(_)) => format!("nothing was heard for {:?}", self.config.idle_after),
                (_, None) => format!("the socket did not enter within {:?}", self.config.enter_within),
            };
            self.doom(id, reason, detail);
        }
        self.rooms.handle_timeout(now);
        self.spending.sweep(now, self.config.network_rate());
        self.guessing.sweep(now, GUESSES);
        self.settle(now);
    }

    /// Says goodbye to every socket, present and to come. Drain the outputs, then drop the hub.
    pub fn shut_down(&mut self, now: Time) {
        self.is_shut_down = true;
        // Nobody is told of anybody's leaving: all of them leave.
        self.rooms = Rooms::default();
        let ids: Vec<SocketId> = self.sockets.keys().copied().collect();
        for id in ids {
            self.doom(id, ServerRefusal::ShuttingDown, String::from(SHUTTING_DOWN));
        }
        self.settle(now);
    }

    /// The next thing to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Hub::handle_timeout`] next; there may turn out to be nothing to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        let socket = self.deadlines.first().map(|&(deadline, _)| deadline);
        [socket, self.rooms.next_deadline()].into_iter().flatten().min()
    }

    /// Until when nothing is read from a socket, since its network says more than it may: the driver leaves what comes with the
    /// system, which slows its sender down. `None` for a socket that is read.
    pub fn held_until(&self, now: Time, socket: SocketId) -> Option<Time> {
        self.sockets.get(&socket).map(Socket::held_until).filter(|&until| until > now)
    }

    /// How it was set up.
    pub fn config(&self) -> &HubConfig {
        &self.config
    }

    /// Open sockets.
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// Rooms that are kept.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Lookups that wait for their room.
    pub fn wait_count(&self) -> usize {
        self.waits.len()
    }
}

/// The words of a server that ends.
const SHUTTING_DOWN: &str = "the server is shutting down";

impl Hub {
    fn refusal_to_open(
        &mut self,
        now: Time,
        address: IpAddr,
        network: Network,
    ) -> Option<(ServerRefusal, String)> {
        let HubConfig { sockets_max, sockets_per_network_max, .. } = self.config;
        if self.is_banned(address) {
            return Some((
                ServerRefusal::Banned,
                String::from("whoever runs this server has banned your address"),
            ));
        }
        if self.is_shut_down || self.draining_until.is_some() {
            return Some((ServerRefusal::ShuttingDown, String::from(SHUTTING_DOWN)));
        }
        if self.holders.is_full(network, sockets_per_network_max) {
            let detail =
                format!("your network has {sockets_per_network_max} sockets, the most the server allows");
            return Some((ServerRefusal::ServerFull, detail));
        }
        if !self.spending.spend(now, network, OPENING_COST, self.config.network_rate()) {
            return Some((
                ServerRefusal::TooFast,
                String::from("your network opens too many sockets at a time"),
            ));
        }
        if self.sockets.len() < sockets_max {
            return None;
        }
        let Some(least) = self.holders.gives_way(network) else {
            let detail = format!(
                "the server has {sockets_max} sockets, the most it allows, and no network has more than yours"
            );
            return Some((ServerRefusal::ServerFull, detail));
        };
        let detail = format!(
            "the server has {sockets_max} sockets, the most it allows; your network has the most of them, \
             and this one gives way"
        );
        self.doom(least, ServerRefusal::ServerFull, detail);
        self.settle(now);
        None
    }

    /// Takes one message from what the socket may say. False when it is unknown or now doomed.
    fn is_affordable(&mut self, now: Time, id: SocketId) -> bool {
        self.counts.messages += 1;
        self.charge(now, id, 1)
    }

    /// Takes `cost` messages from what the socket may say. False when it is unknown or now doomed.
    fn charge(&mut self, now: Time, id: SocketId, cost: u32) -> bool {
        let Some(socket) = self.sockets.get_mut(&id) else { return false };
        let network = socket.network;
        let HubConfig { messages_per_second, message_burst, .. } = self.config;
        if !socket.spend(now, cost, &self.config) {
            let detail =
                format!("more than {message_burst} messages at once or {messages_per_second} a second");
            self.doom(id, ServerRefusal::TooFast, detail);
            return false;
        }
        let Some(lacking) = self.spending.lacking(now, network, cost, self.config.network_rate()) else {
            return true;
        };
        self.spending.owe(now, network, cost, self.config.network_rate());
        self.hold_back(now, id, cost, lacking);
        true
    }

    /// Holds a socket back whose network says more than it may: until its fair part of the network's rate has made up for this
    /// message. Nobody is closed for the noise of neighbours, and nothing is gained by connecting again.
    fn hold_back(&mut self, now: Time, id: SocketId, cost: u32, lacking: IpNet) {
        let rate = self.config.network_rate().of(parties(lacking));
        let sockets = self.holders.of(lacking).max(1) as u64;
        let wait = Duration::from_micros(u64::from(cost) * sockets * 1_000_000 / u64::from(rate.per_second));
        if let Some(socket) = self.sockets.get_mut(&id) {
            // A client that keeps itself alive is not taken for silent.
            socket.hold(now, wait, self.config.keep_alive);
        }
    }

    fn doom_too_large(&mut self, id: SocketId, length: usize) {
        let most = self.config.message_bytes_max;
        let detail = format!("a message of {length} bytes; at most {most} are read");
        self.doom(id, ServerRefusal::TooLarge, detail);
    }

    /// Notes that a socket is to be closed with a goodbye.
    fn doom(&mut self, id: SocketId, reason: ServerRefusal, detail: String) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if !socket.is_doomed {
            socket.is_doomed = true;
            self.doomed.push((id, reason, detail));
        }
    }

    /// Closes what is doomed, until telling the others of it dooms nobody else.
    fn settle(&mut self, now: Time) {
        while let Some((id, reason, detail)) = self.doomed.pop() {
            tracing::debug!(socket = id.0, ?reason, detail, "goodbye");
            self.push_goodbye_at(now, id, reason, detail);
            self.remove(now, id);
        }
    }

    fn push_goodbye(&mut self, socket: SocketId, goodbye: &FromServer) {
        let text = to_text(goodbye);
        self.outputs.push_back(Output::Send { socket, text });
        self.outputs.push_back(Output::Close { socket });
    }

    /// Forgets a socket and tells the members of its rooms.
    fn remove(&mut self, now: Time, id: SocketId) {
        let Some(socket) = self.sockets.remove(&id) else { return };
        self.deadlines.remove(&(socket.deadline, id));
        self.holders.remove(socket.network, socket.merit, id);
        for &wanted in &socket.waits {
            self.waits.remove(wanted, id);
        }
        let Some(endpoint) = socket.endpoint() else { return };
        self.endpoints.remove(&endpoint);
        for (&room, membership) in &socket.rooms {
            self.rooms.leave(room, &membership.circle, endpoint, now + self.config.room_keep);
            self.tell_left(now, room, &membership.circle, endpoint);
        }
    }

    /// Tells the members of a room that somebody left it. In one where not everybody was named nobody waits for that:
    /// links tell it, and who signals to somebody that is gone is refused.
    fn tell_left(&mut self, now: Time, room: RoomId, circle: &Circle, endpoint: Endpoint) {
        let members = self.rooms.get(room).and_then(|kept| kept.circle(circle));
        let Some(members) = members.filter(|members| members.len() < NAMED_MAX) else { return };
        let others: Vec<SocketId> = members.iter().map(|(_, socket)| socket).collect();
        self.tell(now, &others, &FromServer::MemberLeft { room, endpoint });
    }

    /// Says the same on several sockets.
    fn tell(&mut self, now: Time, sockets: &[SocketId], message: &FromServer) {
        let text = to_text(message);
        for &socket in sockets {
            self.send_text(now, socket, text.clone());
        }
    }

    fn send(&mut self, now: Time, id: SocketId, message: &FromServer) {
        self.send_text(now, id, to_text(message));
    }

    fn send_text(&mut self, now: Time, id: SocketId, text: String) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.is_doomed {
            return;
        }
        if socket.unread_bytes + text.len() > self.config.queue_bytes_max {
            let detail =
                format!("{} bytes wait to be read, and {} more came", socket.unread_bytes, text.len());
            self.doom(id, ServerRefusal::SlowReader, detail);
            return;
        }
        socket.handle_queued(now, text.len());
        self.counts.bytes_sent += text.len() as u64;
        self.outputs.push_back(Output::Send { socket: id, text });
        self.reschedule(id);
    }

    /// Notes that a socket is used more or less than before.
    fn rank(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let merit = socket.new_merit();
        let former = std::mem::replace(&mut socket.merit, merit);
        self.holders.rank(socket.network, former, socket.merit, id);
    }

    /// Sees to it that the socket is looked at when it is due. One that is due later than it was stays where it is
    /// among the deadlines until it is looked at: each message puts them off.
    fn reschedule(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let (deadline, _) = socket.next_deadline(&self.config);
        if deadline < socket.deadline {
            self.deadlines.remove(&(socket.deadline, id));
            socket.deadline = deadline;
            self.deadlines.insert((deadline, id));
        }
    }
}

fn to_text(message: &FromServer) -> String {
    serde_json::to_string(message)
        .expect("messages of this protocol have text keys and no unwritable variant here")
}
