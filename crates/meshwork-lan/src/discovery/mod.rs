//! The network as a node's server: a state machine without sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::id::Endpoint;
use meshwork_core::time::{Time, WallTime};

/// Times and ports of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Between two announcements to all: 5 s to 10 min.
    pub announce: Duration,
    /// Silence after which an endpoint is gone: at least twice `announce`.
    pub timeout: Duration,
    /// The UDP port of our main socket.
    pub port: u16,
    /// The TCP port at which this program serves pages.
    pub pages: Option<u16>,
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
    /// A datagram for all programs on all networks, at the shared port, from the main socket.
    SendToAll(Vec<u8>),
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
    /// The address that was heard last.
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

/// The network as a server, for one node.
#[derive(Debug)]
pub struct Discovery {
    config: Config,
}

impl Discovery {
    /// A machine without interfaces and without a conversation. `seed` is random and secret.
    pub fn new(config: Config, _seed: [u8; 32], _now: Time, _wall: WallTime) -> Discovery {
        Discovery { config }
    }

    /// The node begins a conversation, which ends any former one.
    pub fn handle_opened(&mut self, _now: Time) {}

    /// A message from the node.
    pub fn handle_text(&mut self, _now: Time, _text: &str) {}

    /// The node ended the conversation, or dropped its end.
    pub fn handle_closed(&mut self, _now: Time) {}

    /// The interfaces in use, the best first.
    pub fn handle_interfaces(&mut self, _now: Time, _up: &[Interface]) {}

    /// A datagram that came `from` an address, on a socket.
    pub fn handle_datagram(&mut self, _now: Time, _on: Socket, _from: SocketAddr, _bytes: &[u8]) {}

    /// An address at which a program may be; it is sent an announcement.
    pub fn handle_hint(&mut self, _now: Time, _address: SocketAddr, _way: Way) {}

    /// Time has passed.
    pub fn handle_timeout(&mut self, _now: Time, _wall: WallTime) {}

    /// When [`Discovery::handle_timeout`] is due, if it is.
    pub fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// The endpoints that were heard within [`Config::timeout`].
    pub fn seen(&self) -> impl Iterator<Item = Seen> + '_ {
        std::iter::empty()
    }

    /// The interfaces in use.
    pub fn interfaces(&self) -> &[Interface] {
        &[]
    }

    /// Our own address that others on the network reach best.
    pub fn own_address(&self) -> Option<IpAddr> {
        None
    }

    /// Times and ports of this machine.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
