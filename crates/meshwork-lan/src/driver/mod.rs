//! Sockets, interfaces and clocks around [`Discovery`](crate::discovery::Discovery), on tokio.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use tokio::sync::{broadcast, mpsc};

pub use crate::discovery::{Dropped, Event, Interface, ToNode, Way};

/// The UDP port at which programs hear announcements to all; IANA has it unassigned.
pub const SHARED_PORT: u16 = 29_717;

/// Settings of a [`Lan`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Between two announcements: 5 s to 10 min.
    pub announce: Duration,
    /// Silence after which a program is gone: at least twice `announce`.
    pub timeout: Duration,
    /// UDP ports for the main socket; the first free one is used.
    pub ports: RangeInclusive<u16>,
    /// The UDP port that all programs share.
    pub shared_port: u16,
    /// Names of the interfaces to use. None: all that are up, loopback included.
    pub interfaces: Vec<String>,
    /// Addresses of other programs: of their main sockets, or with the shared port.
    pub peers: Vec<SocketAddr>,
    /// Whether mDNS is asked for further programs.
    pub mdns: bool,
    /// The TCP port at which this program serves pages.
    pub pages: Option<u16>,
}

impl Default for Options {
    /// Every 30 s, gone after 5 min, ports 8000 to 9999, all interfaces, with mDNS.
    fn default() -> Options {
        Options {
            announce: Duration::from_secs(30),
            timeout: Duration::from_secs(300),
            ports: 8000..=9999,
            shared_port: SHARED_PORT,
            interfaces: Vec::new(),
            peers: Vec::new(),
            mdns: true,
            pages: None,
        }
    }
}

/// A conversation of one node with the network.
#[derive(Debug)]
pub struct Conversation {
    /// Messages of docs/protocol/signalling.md from the node. The conversation ends when the other end is dropped.
    pub from_node: mpsc::Receiver<String>,
    /// Input for the node.
    pub to_node: mpsc::Sender<ToNode>,
}

/// A program on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The address at which it was heard last.
    pub address: SocketAddr,
    /// The way by which the address became known.
    pub way: Way,
    /// Time since it was heard.
    pub silent: Duration,
    /// Number of rooms that it announces.
    pub rooms: usize,
    /// The TCP port at which it serves pages.
    pub pages: Option<u16>,
    /// Whether it has answered at this address.
    pub has_answered: bool,
}

/// The local network as a server. Clones share it; it ends with the last clone.
#[derive(Clone, Debug)]
pub struct Lan {
    conversations: mpsc::Sender<Conversation>,
    port: u16,
}

impl Lan {
    /// Opens the sockets and starts to listen. Nothing is announced before a conversation. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// No port of `options.ports` is free, the shared port cannot be opened, or a time is out of its range.
    pub fn start(options: Options) -> io::Result<Lan> {
        let _ = options;
        Err(io::Error::new(io::ErrorKind::Unsupported, "the driver is not there yet"))
    }

    /// The sender for conversations: one at a time, a newer one ends the former.
    pub fn conversations(&self) -> mpsc::Sender<Conversation> {
        self.conversations.clone()
    }

    /// Serves one node until either end is dropped or a newer conversation begins.
    pub async fn converse(&self, from_node: mpsc::Receiver<String>, to_node: mpsc::Sender<ToNode>) {
        // An error says that the driver has ended, and both ends are dropped.
        let _ = self.conversations.send(Conversation { from_node, to_node }).await;
    }

    /// The UDP port of the main socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The programs on the network now.
    pub fn seen(&self) -> Vec<Neighbour> {
        Vec::new()
    }

    /// Our own addresses on the interfaces in use.
    pub fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }

    /// Changes from now on. A reader that is too slow loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        broadcast::channel(1).1
    }

    /// Sends an announcement to `peer`, now and then, until it answers.
    pub fn add_peer(&self, peer: SocketAddr) {
        let _ = peer;
    }

    /// Our own address that others on the network reach best.
    pub fn own_address(&self) -> Option<IpAddr> {
        None
    }
}
