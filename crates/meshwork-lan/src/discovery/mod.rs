//! The network as a node's server: a state machine without sockets.
//!
//! # How it works
//! The node speaks docs/protocol/signalling.md. Its rooms are announced to all programs of the network, by tags that only
//! members of a room recognise; an announcement with a tag of ours is a member of a room. Sealed payloads travel in parts
//! that are repeated until they are taken. `conversation` is the node's side, `network` the other one, and `announcing` what
//! is said unasked. `caution` and `table` bound everything from the network by its address.

mod announcing;
mod caution;
mod conversation;
mod network;
mod rooms;
mod signals;
mod table;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::signalling::announce::Introduction;
use meshwork_core::signalling::protocol::{CHALLENGE_LEN, FromServer};
use meshwork_core::time::{Time, WallTime};

use self::announcing::{Announcing, Hint};
use self::caution::Caution;
use self::network::Reply;
use self::rooms::Rooms;
use self::signals::{Arrivals, Outgoing};
use self::table::Table;
use crate::wire::Datagram;

/// Times and ports of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Between two announcements to all: 5 s to 10 min.
    pub announce: Duration,
    /// Silence after which an endpoint is gone: at least twice `announce`.
    pub timeout: Duration,
    /// The UDP port of our main socket.
    pub port: u16,
}

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// The system's name of the interface.
    pub name: String,
    /// Our address on it.
    pub address: IpAddr,
    /// Leading bits that all addresses of its network share.
    pub prefix: u8,
    /// The address that reaches all programs of its network, if it has one.
    pub broadcast: Option<Ipv4Addr>,
    /// The system's number of the interface, by which IPv6 names it.
    pub index: u32,
}

/// The way by which an address became known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Way {
    /// By broadcast, or by an answer to one of ours.
    Broadcast,
    /// By multicast.
    Multicast,
    /// By mDNS.
    Mdns,
    /// A person typed it.
    Typed,
    /// Another program named it.
    Hint,
    /// By a sweep of all addresses of the network.
    Sweep,
}

impl Way {
    /// Whether the program was found without a broadcast, and so may hear none of ours.
    fn is_hinted(self) -> bool {
        !matches!(self, Way::Broadcast | Way::Multicast)
    }
}

/// A socket of the driver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Socket {
    /// The socket at [`Config::port`], which is this program's alone.
    Main,
    /// The shared IPv4 port, at which every program hears broadcasts.
    Shared,
    /// The shared IPv6 port, at which every program hears multicasts.
    Group,
}

/// Input for the node, as of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToNode {
    /// The conversation is open. The address is our own on the network, and tells how far away the others may be. It
    /// comes again if the network changes.
    Up(Option<IpAddr>),
    /// A message of docs/protocol/signalling.md.
    Text(String),
    /// The conversation has ended, with the reason in words.
    Down(String),
}

/// Output of the machine, for the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// For the node.
    ToNode(ToNode),
    /// A datagram for one address.
    Send {
        /// The socket to send from: a firewall admits the answer of the socket that it saw addressed.
        from: Socket,
        /// The address.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// A datagram for all programs on the network of one interface, at the shared port, from the main socket.
    SendToAll {
        /// Position of the interface among those that [`Discovery::handle_interfaces`] was given last.
        interface: usize,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// For whoever watches.
    Event(Event),
}

/// Changes that people see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An endpoint is heard for the first time, or at another address.
    Heard {
        /// The endpoint.
        endpoint: Endpoint,
        /// Its address.
        address: SocketAddr,
        /// The way by which the address became known.
        way: Way,
    },
    /// An endpoint has left, or was silent for [`Config::timeout`].
    Gone(Endpoint),
    /// This machine is on another network. Our node is no longer in any commons without a name: it is to leave such a room,
    /// and may enter it anew.
    Moved,
    /// Datagrams that were dropped in the last second.
    Dropped(Dropped),
}

/// Numbers of dropped datagrams, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Received ones that are none of ours.
    pub malformed: u64,
    /// Announcements whose signature does not hold.
    pub forged: u64,
    /// Received ones beyond a limit.
    pub excess: u64,
    /// Own ones that were not sent, since their address never answered.
    pub unanswered: u64,
}

/// An endpoint on the network at one of its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The address that was heard last, of IPv4 if it has one.
    pub address: SocketAddr,
    /// The way by which the address became known.
    pub way: Way,
    /// When it was heard last.
    pub heard: Time,
    /// Number of rooms that it announces.
    pub rooms: usize,
    /// The TCP port at which it serves pages.
    pub pages: Option<u16>,
    /// Whether it has answered at this address.
    pub has_answered: bool,
}

/// Datagrams wait for the driver while no more outputs than these do: further ones are dropped and counted.
const OUTPUTS_MAX: usize = 4_096;
/// Between two reports of dropped datagrams.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A machine that sleeps for less is still at the same place.
const SLEEP_MIN: Duration = Duration::from_secs(60);

/// The network as a server, for one node.
#[derive(Debug)]
pub struct Discovery {
    config: Config,
    rng: Rng,
    now: Time,
    wall: WallTime,
    interfaces: Vec<Interface>,
    /// The main interface, as it was when there was one.
    network: Option<Interface>,
    is_open: bool,
    /// The challenge against which the node proves its key.
    challenge: [u8; CHALLENGE_LEN],
    /// Our node, once it has entered.
    own: Option<Introduction>,
    rooms: Rooms,
    table: Table,
    caution: Caution,
    outgoing: Vec<Outgoing>,
    arrivals: Arrivals,
    announcing: Announcing,
    hints: Vec<Hint>,
    replies: Vec<Reply>,
    /// When an announcement of our own was last heard back.
    echoed: Option<Time>,
    /// The TCP port at which this program serves pages.
    pages: Option<u16>,
    dropped: Dropped,
    report: Option<Time>,
    outputs: VecDeque<Output>,
}

impl Discovery {
    /// A machine without interfaces and without a conversation. `seed` is random and secret.
    pub fn new(config: Config, seed: Seed, now: Time, wall: WallTime) -> Discovery {
        Discovery {
            caution: Caution::new(now, config.timeout),
            config,
            rng: Rng::new(seed),
            now,
            wall,
            interfaces: Vec::new(),
            network: None,
            is_open: false,
            challenge: [0; CHALLENGE_LEN],
            own: None,
            rooms: Rooms::default(),
            table: Table::default(),
            outgoing: Vec::new(),
            arrivals: Arrivals::default(),
            announcing: Announcing::default(),
            hints: Vec::new(),
            replies: Vec::new(),
            echoed: None,
            pages: None,
            dropped: Dropped::default(),
            report: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes the interfaces in use: the network that people mean first, then others, then this machine's own.
    pub fn handle_interfaces(&mut self, now: Time, wall: WallTime, up: &[Interface]) {
        self.handle_clocks(now, wall);
        if up == self.interfaces {
            return;
        }
        let before = self.own_address();
        let former = std::mem::replace(&mut self.interfaces, up.to_vec());
        self.forget_networks(&former);
        // An interface that is down for a moment comes back to the same network.
        if let Some(main) = self.main().cloned()
            && self.network.replace(main) != self.main().cloned()
        {
            self.leave_local_rooms();
        }
        if self.is_open && before != self.own_address() {
            self.push(Output::ToNode(ToNode::Up(self.own_address())));
        }
        self.announce_soon();
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Time, wall: WallTime) {
        self.handle_clocks(now, wall);
        self.drop_silent();
        self.announce_due();
        self.ask_due();
        self.hint_due();
        self.reply_due();
        self.signal_due();
        if self.report.is_some_and(|at| at <= now) {
            self.report = None;
            let dropped = std::mem::take(&mut self.dropped);
            self.push(Output::Event(Event::Dropped(dropped)));
        }
    }

    /// Takes the time. A machine that slept may be elsewhere, on a network with the same addresses: its civil clock went on
    /// alone.
    fn handle_clocks(&mut self, now: Time, wall: WallTime) {
        let awake = now.since(self.now);
        let whole = Duration::from_micros(wall.0.saturating_sub(self.wall.0));
        (self.now, self.wall) = (now, wall);
        if whole > awake + SLEEP_MIN {
            self.leave_local_rooms();
            self.announce_soon();
        }
    }

    /// When [`Discovery::handle_timeout`] is due, if it is.
    pub fn poll_timeout(&self) -> Option<Time> {
        let lookups = self
            .rooms
            .lookups
            .iter()
            .map(|lookup| lookup.unknown.map_or(lookup.next, |at| at.min(lookup.next)));
        let others = [self.table.first_silent(self.config.timeout), self.announcing.next(), self.report];
        let hints = self.hints.iter().map(|hint| hint.next);
        let replies = self.replies.iter().map(|reply| reply.due);
        let signals = self.outgoing.iter().map(Outgoing::next);
        let waiting = lookups.chain(hints).filter(|_| self.own.is_some());
        waiting.chain(replies).chain(signals).chain(others.into_iter().flatten()).min()
    }

    /// Announces the TCP port at which this program serves pages, or that it serves none any more.
    pub fn set_pages(&mut self, now: Time, pages: Option<u16>) {
        self.now = self.now.max(now);
        if self.pages != pages {
            self.pages = pages;
            self.announce_soon();
        }
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The endpoints that were heard within [`Config::timeout`].
    pub fn seen(&self) -> impl Iterator<Item = Seen> + '_ {
        self.table.seen()
    }

    /// The interfaces in use.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Our own address that others on the network reach best: none that is link-local or this machine's own if there is a
    /// better one.
    pub fn own_address(&self) -> Option<IpAddr> {
        let rank = |ip: &IpAddr| match ip {
            IpAddr::V4(v4) if v4.is_loopback() => 4,
            IpAddr::V6(v6) if v6.is_loopback() => 5,
            IpAddr::V4(v4) if v4.is_link_local() => 2,
            IpAddr::V6(v6) if v6.is_unicast_link_local() => 3,
            IpAddr::V4(_) => 0,
            IpAddr::V6(_) => 1,
        };
        // The main network's first: of equal ranks `min_by_key` takes the first.
        self.interfaces.iter().map(|interface| interface.address).min_by_key(rank)
    }

    /// When an announcement of our own was last heard back: a network that carries none has no broadcast.
    pub fn echoed(&self) -> Option<Time> {
        self.echoed
    }

    /// Times and ports of this machine.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The interface of the network that people mean: the first that is not this machine's own, by IPv4 if it has that.
    fn main(&self) -> Option<&Interface> {
        let mut networks = self.interfaces.iter().filter(|interface| !interface.address.is_loopback());
        let first = networks.next()?;
        let is_v4 = |other: &&Interface| other.index == first.index && other.address.is_ipv4();
        Some(if first.address.is_ipv4() { first } else { networks.find(is_v4).unwrap_or(first) })
    }

    /// Whether an interface is the main one's, or this machine's own.
    fn is_near(&self, interface: &Interface) -> bool {
        interface.address.is_loopback() || self.main().is_some_and(|main| main.index == interface.index)
    }

    /// Whether an address is of the main network or of this machine.
    fn is_near_address(&self, address: SocketAddr) -> bool {
        let ip = address.ip();
        let is_own = ip.is_loopback() || self.interfaces.iter().any(|own| own.address == ip);
        is_own || self.networks_of(address).any(|own| self.is_near(own))
    }

    /// The interfaces whose networks hold an address.
    fn networks_of(&self, address: SocketAddr) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(move |own| own.holds(address))
    }

    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Sends a datagram to all programs of each network.
    fn send_to_all(&mut self, bytes: &[u8]) {
        for interface in 0..self.interfaces.len() {
            self.push(Output::SendToAll { interface, bytes: bytes.to_vec() });
        }
    }

    fn tell(&mut self, message: &FromServer) {
        let text =
            serde_json::to_string(message).expect("a server says nothing of a type that it does not know");
        self.push(Output::ToNode(ToNode::Text(text)));
    }

    /// Sends a datagram to one address, unless it never answered the last ones.
    fn send(&mut self, from: Socket, to: SocketAddr, datagram: &Datagram) {
        if self.outputs.len() >= OUTPUTS_MAX {
            self.note_dropped(|dropped| &mut dropped.excess);
        } else if self.caution.may_send(self.now, to.ip()) {
            self.push(Output::Send { from, to, bytes: datagram.encode() });
        } else {
            self.note_dropped(|dropped| &mut dropped.unanswered);
        }
    }

    fn note_dropped(&mut self, count: impl FnOnce(&mut Dropped) -> &mut u64) {
        *count(&mut self.dropped) += 1;
        self.report.get_or_insert(self.now + REPORT_EVERY);
    }
}

impl Interface {
    /// Whether the network of this interface holds an address.
    fn holds(&self, address: SocketAddr) -> bool {
        let bits = |ip: u128, width: u32, prefix: u8| {
            ip.checked_shr(width.saturating_sub(u32::from(prefix))).unwrap_or(0)
        };
        match (self.address, address) {
            (IpAddr::V4(own), SocketAddr::V4(other)) => {
                let [own, other] = [own, *other.ip()].map(|ip| u128::from(u32::from(ip)));
                bits(own, 32, self.prefix) == bits(other, 32, self.prefix)
            }
            (IpAddr::V6(own), SocketAddr::V6(other)) => {
                let is_link = own.is_unicast_link_local() && other.ip().is_unicast_link_local();
                let [first, second] = [own, *other.ip()].map(u128::from);
                bits(first, 128, self.prefix) == bits(second, 128, self.prefix)
                    && (!is_link || other.scope_id() == self.index)
            }
            _ => false,
        }
    }
}
