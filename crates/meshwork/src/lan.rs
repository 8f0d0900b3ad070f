//! The local network as a server: rooms are found on it without any other.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use std::time::Duration;

use meshwork_core::signalling::address::LAN;
use meshwork_lan::driver;
use meshwork_lan::driver::ToNode;
pub use meshwork_lan::driver::{Event as NearbyEvent, Guests, Interface, Neighbour, Way};
pub use meshwork_lan::lsnp;
use meshwork_rtc::native::{Conversation, LocalInput, LocalServer};
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use crate::endpoint::BindError;
use crate::event::Event;
use crate::shared::Shared;

/// Input of the network that waits for the node. More makes the network wait.
const INPUTS_MAX: usize = 64;

/// The local network as a server, for [`Builder::lan`](crate::Builder::lan): programs on it find each other by broadcast,
/// multicast and mDNS. Other programs of the network see this program's [id](crate::Endpoint::id) and its number of rooms.
///
/// ```no_run
/// # use meshwork::{Endpoint, Lan, place};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = Endpoint::builder().lan(Lan::default()).bind().await?;
/// let room = endpoint.create(place::canvas(100, 100)).await?;
/// println!("on this network: {:?} or {}", room.code(), room.link());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Lan(driver::Options);

impl Lan {
    /// The UDP port that all programs share, unless told otherwise: a [peer](Lan::peer) whose own port is not known is reached
    /// there.
    pub const PORT: u16 = driver::SHARED_PORT;

    /// The UDP ports for this program's own socket, of which the first free one is used. Default: 8000 to 9999.
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Lan {
        self.0.ports = ports;
        self
    }

    /// The time between two announcements: 5 s to 10 min. Default: 30 s.
    pub fn announce(mut self, every: Duration) -> Lan {
        self.0.announce = every;
        self
    }

    /// The silence after which another program counts as gone: at least twice the time between announcements. Default: 5 min.
    pub fn timeout(mut self, silence: Duration) -> Lan {
        self.0.timeout = silence;
        self
    }

    /// Another program's address, for networks that pass on no broadcast. May be repeated.
    pub fn peer(mut self, address: SocketAddr) -> Lan {
        self.0.peers.push(address);
        self
    }

    /// The name of an interface to use. May be repeated. Default: all that are up.
    pub fn interface(mut self, name: impl Into<String>) -> Lan {
        self.0.interfaces.push(name.into());
        self
    }

    /// Speaks LSNP too, the course protocol, under this name: its peers are [guests](Nearby::guests), who are readable for
    /// everybody on the network and prove nothing.
    pub fn lsnp(mut self, user: impl Into<String>) -> Lan {
        self.0.lsnp = Some(user.into());
        self
    }

    /// The UDP port that all programs share, so that tests on one machine do not meet each other. There is no mDNS then, which
    /// has a port of its own.
    #[doc(hidden)]
    pub fn shared_port(mut self, port: u16) -> Lan {
        (self.0.shared_port, self.0.mdns) = (port, false);
        self
    }

    /// Opens the sockets. They close once the returned server and all clones of the view are dropped.
    pub(crate) fn start(self, runtime: &Handle) -> Result<(LocalServer, Nearby), BindError> {
        let lan = driver::Lan::start(self.0).map_err(|error| BindError::Lan(error.to_string()))?;
        let (conversations, mut begun) = mpsc::channel::<Conversation>(1);
        let nearby = Nearby(lan.clone());
        runtime.spawn(async move {
            while let Some(conversation) = begun.recv().await {
                tokio::spawn(converse(lan.clone(), conversation));
            }
        });
        Ok((LocalServer { url: LAN.to_owned(), conversations }, nearby))
    }
}

/// The local network as this program sees it: [`Endpoint::nearby`](crate::Endpoint::nearby). Clones share it.
#[derive(Clone, Debug)]
pub struct Nearby(driver::Lan);

impl Nearby {
    /// The other programs that were heard within [`Lan::timeout`], in the order of their ids.
    pub fn seen(&self) -> Vec<Neighbour> {
        self.0.seen()
    }

    /// The UDP port of this program's own socket.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// This machine's address that others on the network reach best, if it has one.
    pub fn own_address(&self) -> Option<IpAddr> {
        self.0.own_address()
    }

    /// The interfaces in use: the network that people mean first, this machine's own last.
    pub fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces()
    }

    /// Whether this program heard an announcement of its own: a network or a firewall that passes on no broadcast drops it.
    pub fn hears_itself(&self) -> bool {
        self.0.hears_itself()
    }

    /// Tells other programs the TCP port at which this one serves pages, or that it serves none any more.
    pub fn set_pages(&self, port: Option<u16>) {
        self.0.set_pages(port);
    }

    /// The peers of LSNP, if this program [speaks it](Lan::lsnp).
    pub fn guests(&self) -> Option<Guests> {
        self.0.guests()
    }

    /// The changes on the network from now on.
    pub fn events(&self) -> NearbyEvents {
        NearbyEvents(self.0.events())
    }

    /// Sends announcements to an address until a program is heard there.
    pub fn add_peer(&self, address: SocketAddr) {
        self.0.add_peer(address);
    }

    /// Tells the commons of this network, which have no name, when the machine has moved to another one.
    pub(crate) fn watch(&self, runtime: &Handle, shared: &Arc<Shared>) {
        let (mut events, shared) = (self.0.events(), Arc::downgrade(shared));
        runtime.spawn(async move {
            loop {
                match events.recv().await {
                    Ok(driver::Event::Moved) => tell_moved(&shared),
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }
}

/// Changes on the local network: [`Nearby::events`].
#[derive(Debug)]
pub struct NearbyEvents(tokio::sync::broadcast::Receiver<NearbyEvent>);

impl NearbyEvents {
    /// The next change; `None` once the endpoint is closed. A reader that is too slow misses the oldest.
    pub async fn next(&mut self) -> Option<NearbyEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn tell_moved(shared: &Weak<Shared>) {
    let Some(shared) = shared.upgrade() else { return };
    for room in shared.every_room() {
        if room.look(|known| known.is_of_network) {
            room.tell(&Event::Moved);
        }
    }
}

/// Passes on one conversation until either end ends it.
async fn converse(lan: driver::Lan, conversation: Conversation) {
    let Conversation { from_node, to_node } = conversation;
    let (sender, mut inputs) = mpsc::channel(INPUTS_MAX);
    lan.converse(from_node, sender).await;
    drop(lan);
    while let Some(input) = inputs.recv().await {
        let input = match input {
            ToNode::Up(address) => LocalInput::Up(address),
            ToNode::Text(text) => LocalInput::Text(text),
            ToNode::Down(reason) => LocalInput::Down(reason),
        };
        // An error means that the node ended the conversation.
        if to_node.send(input).await.is_err() {
            return;
        }
    }
}
