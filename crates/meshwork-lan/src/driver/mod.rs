//! Sockets, interfaces and clocks around [`Discovery`](crate::discovery::Discovery), on tokio.

mod clock;
mod conversation;
mod guests;
mod mdns;
mod sockets;
mod task;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use meshwork_core::id::Endpoint;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, mpsc};

use self::clock::Clock;
pub use self::conversation::Conversation;
pub use self::guests::Guests;
use self::sockets::Sockets;
use self::task::{Parts, Shared, Task};
use crate::discovery::{Config, Discovery, Seen};
pub use crate::discovery::{Dropped, Event, Interface, ToNode, Way};
use crate::lsnp::{self, Lsnp};

/// The UDP port at which programs hear announcements to all; IANA has it unassigned.
pub const SHARED_PORT: u16 = 29_717;
/// Least and greatest time between two announcements.
const ANNOUNCE: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(600);
/// Events that wait for a slow reader.
const EVENTS_MAX: usize = 256;
/// Conversations that wait for the task.
const CONVERSATIONS_MAX: usize = 4;

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
    /// The name under which peers of LSNP see this program; without one it does not speak LSNP.
    pub lsnp: Option<String>,
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
            lsnp: None,
        }
    }
}

/// A program on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// The address at which it was heard last, of IPv4 if it has one.
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

impl Options {
    /// Refuses times out of their range, in words.
    fn check(&self) -> io::Result<()> {
        let wrong = |words: String| Err(io::Error::new(io::ErrorKind::InvalidInput, words));
        let Options { announce, timeout, .. } = self;
        if !ANNOUNCE.contains(announce) {
            let (least, most) = (ANNOUNCE.start(), ANNOUNCE.end());
            return wrong(format!("announce interval of {announce:?} is outside {least:?} to {most:?}"));
        }
        if *timeout < 2 * *announce {
            return wrong(format!(
                "timeout of {timeout:?} is below twice the announce interval of {announce:?}"
            ));
        }
        Ok(())
    }
}

/// The local network as a server. Clones share it; it ends with the last clone.
#[derive(Clone, Debug)]
pub struct Lan {
    shared: Arc<Shared>,
    conversations: mpsc::Sender<Conversation>,
    typed: mpsc::UnboundedSender<SocketAddr>,
    events: broadcast::Sender<Event>,
    guest_events: broadcast::Sender<lsnp::Event>,
}

impl Lan {
    /// Opens the sockets and starts to listen. Nothing is announced before a conversation. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// No port of `options.ports` is free, the shared port cannot be opened, or a time is out of its range.
    pub fn start(options: Options) -> io::Result<Lan> {
        options.check()?;
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let Options { announce, timeout, ports, shared_port, interfaces: names, peers, mdns, lsnp } = options;
        let sockets = Sockets::open(ports, shared_port, lsnp.is_some())?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let instance = mdns.then(instance).transpose()?;
        let (config, clock) = (Config { announce, timeout, port: sockets.port()? }, Clock::start());
        let discovery = Discovery::new(config, seed, clock.now(), Clock::wall());
        let lsnp = lsnp.map(|user| {
            let config = lsnp::Config { user, port: discovery.config().port, announce, timeout };
            let mut seed = seed;
            // The two machines draw different numbers.
            seed[0] ^= 1;
            Lsnp::new(config, seed, clock.now())
        });
        let shared = Arc::new(Shared::new(clock, discovery, lsnp));
        let (conversations, begun) = mpsc::channel(CONVERSATIONS_MAX);
        let (typed, addresses) = mpsc::unbounded_channel();
        let events = broadcast::Sender::new(EVENTS_MAX);
        let guest_events = broadcast::Sender::new(EVENTS_MAX);
        let lan = Lan {
            shared: Arc::clone(&shared),
            conversations,
            typed,
            events: events.clone(),
            guest_events: guest_events.clone(),
        };
        peers.into_iter().for_each(|peer| lan.add_peer(peer));
        let parts = Parts {
            shared,
            sockets,
            conversations: begun,
            typed: addresses,
            events,
            guest_events,
            names,
            instance,
        };
        runtime.spawn(Task::new(parts).run());
        Ok(lan)
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
        self.shared.discovery().config().port
    }

    /// The programs on the network now.
    pub fn seen(&self) -> Vec<Neighbour> {
        let now = self.shared.clock.now();
        let neighbour = |seen: Seen| Neighbour {
            endpoint: seen.endpoint,
            address: seen.address,
            way: seen.way,
            silent: now.since(seen.heard),
            rooms: seen.rooms,
            pages: seen.pages,
            has_answered: seen.has_answered,
        };
        self.shared.discovery().seen().map(neighbour).collect()
    }

    /// Our own addresses on the interfaces in use.
    pub fn interfaces(&self) -> Vec<Interface> {
        self.shared.discovery().interfaces().to_vec()
    }

    /// Changes from now on. A reader that is too slow loses the oldest.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Whether an announcement of our own was heard back.
    pub fn hears_itself(&self) -> bool {
        self.shared.discovery().echoed().is_some()
    }

    /// Announces the TCP port at which this program serves pages, or that it serves none any more.
    pub fn set_pages(&self, pages: Option<u16>) {
        let now = self.shared.clock.now();
        self.shared.discovery().set_pages(now, pages);
        self.shared.wake.notify_one();
    }

    /// The peers of LSNP, if this program speaks it.
    pub fn guests(&self) -> Option<Guests> {
        let speaks_lsnp = self.shared.lsnp().is_some();
        speaks_lsnp.then(|| Guests::new(Arc::clone(&self.shared), self.guest_events.clone()))
    }

    /// Sends an announcement to `peer`, now and then, until it answers.
    pub fn add_peer(&self, peer: SocketAddr) {
        // An error says that the driver has ended.
        let _ = self.typed.send(peer);
    }

    /// Our own address that others on the network reach best.
    pub fn own_address(&self) -> Option<IpAddr> {
        self.shared.discovery().own_address()
    }
}

/// A random name for mDNS, which says nothing about this program.
fn instance() -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("mw-{:016x}", u64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests;
