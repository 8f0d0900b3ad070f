//! Local networks: programs that find each other by datagrams, with no server at all.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use meshwork_core::node::Input;
use meshwork_core::rng::Rng;
use meshwork_core::seam::io::ServerId;
use meshwork_core::time::{Time, WallTime};
use meshwork_lan::discovery::{Config, Discovery, Interface, Output, Socket, ToNode, Way};

use crate::connection::NodeIndex;
use crate::path::PathModel;

/// The UDP port of every program here: each has an address of its own.
const MAIN_PORT: u16 = 8_000;
/// The port at which all programs hear what is for all.
pub const SHARED_PORT: u16 = 29_717;
/// How long a firewall admits the answers of an address.
const ADMITTED_FOR: Duration = Duration::from_secs(120);

/// A datagram that arrives.
#[derive(Debug)]
pub(super) struct Datagram {
    /// Whose.
    pub(super) to: NodeIndex,
    /// On which network it travels: a program that left it hears it no more.
    network: u8,
    on: Socket,
    from: SocketAddr,
    bytes: Vec<u8>,
}

/// Effects of a machine.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its node hears something.
    Node(ServerId, Input),
    /// A datagram is under way, for so long.
    Datagram(Duration, Datagram),
}

struct Machine {
    discovery: Discovery,
    server: Option<ServerId>,
    network: u8,
    host: u16,
    has_firewall: bool,
    /// To whom its firewall saw something sent, by which socket, and when.
    sent: BTreeMap<(Socket, SocketAddr), Time>,
    path: PathModel,
    events: Vec<meshwork_lan::discovery::Event>,
    due: Option<Time>,
}

/// All networks, each an IPv4 /16.
pub struct Nearby {
    machines: BTreeMap<NodeIndex, Machine>,
    rng: Rng,
    /// Datagrams that were sent so far; one to all counts once.
    pub sent: u64,
    /// Datagrams by the machines that they arrived at.
    pub heard: BTreeMap<NodeIndex, u64>,
}

fn ip(network: u8, host: u16) -> IpAddr {
    let [high, low] = host.to_be_bytes();
    Ipv4Addr::new(10, network, high, low).into()
}

/// The interfaces of a machine on a network.
fn interfaces(network: u8, host: u16) -> Vec<Interface> {
    vec![Interface {
        name: "wlan0".into(),
        address: ip(network, host),
        prefix: 16,
        broadcast: Some(Ipv4Addr::new(10, network, 255, 255)),
        index: 2,
    }]
}

impl Nearby {
    pub(super) fn new(seed: u64) -> Nearby {
        let mut bytes = *b"the local networks of one world.";
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Nearby { machines: BTreeMap::new(), rng: Rng::new(bytes), sent: 0, heard: BTreeMap::new() }
    }

    /// The address of a program.
    pub fn address(&self, index: NodeIndex) -> SocketAddr {
        let machine = &self.machines[&index];
        SocketAddr::new(ip(machine.network, machine.host), MAIN_PORT)
    }

    /// The machine of a program, to look at.
    pub fn discovery(&self, index: NodeIndex) -> &Discovery {
        &self.machines[&index].discovery
    }

    /// The events of a program's machine since this was asked last.
    pub fn take_events(&mut self, index: NodeIndex) -> Vec<meshwork_lan::discovery::Event> {
        self.machines.get_mut(&index).map(|machine| std::mem::take(&mut machine.events)).unwrap_or_default()
    }

    /// Has a firewall drop what is not asked for.
    pub fn wall_in(&mut self, index: NodeIndex) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.has_firewall = true;
        }
    }

    /// A program comes to a network. `host` is not 0.
    pub(super) fn attach(
        &mut self,
        (now, wall): (Time, WallTime),
        index: NodeIndex,
        (network, host): (u8, u16),
        path: PathModel,
    ) {
        let config =
            Config { announce: Duration::from_secs(30), timeout: Duration::from_secs(300), port: MAIN_PORT };
        let mut discovery = Discovery::new(config, self.rng.bytes(), now, wall);
        discovery.handle_interfaces(now, wall, &interfaces(network, host));
        let machine = Machine {
            discovery,
            server: None,
            network,
            host,
            has_firewall: false,
            sent: BTreeMap::new(),
            path,
            events: Vec::new(),
            due: None,
        };
        self.machines.insert(index, machine);
    }

    /// A program is taken to another network; 0 is none.
    pub(super) fn move_to(&mut self, now: (Time, WallTime), index: NodeIndex, (network, host): (u8, u16)) {
        let Some(machine) = self.machines.get_mut(&index) else { return };
        (machine.network, machine.host) = (network, host);
        machine.sent.clear();
        let up = if network == 0 { Vec::new() } else { interfaces(network, host) };
        machine.discovery.handle_interfaces(now.0, now.1, &up);
    }

    pub(super) fn hint(&mut self, now: Time, index: NodeIndex, address: SocketAddr, way: Way) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.discovery.handle_hint(now, address, way);
        }
    }

    pub(super) fn forget(&mut self, index: NodeIndex) {
        self.machines.remove(&index);
    }

    /// Whether a program is on a network.
    pub(super) fn has(&self, index: NodeIndex) -> bool {
        self.machines.contains_key(&index)
    }

    pub(super) fn is_its_server(&self, index: NodeIndex, server: ServerId) -> bool {
        self.machines.get(&index).is_some_and(|machine| machine.server == Some(server))
    }

    pub(super) fn open(&mut self, now: Time, index: NodeIndex, server: ServerId) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.server = Some(server);
            machine.discovery.handle_opened(now);
        }
    }

    pub(super) fn close(&mut self, now: Time, index: NodeIndex) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.discovery.handle_closed(now);
            machine.server = None;
        }
    }

    pub(super) fn text(&mut self, now: Time, index: NodeIndex, text: &str) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.discovery.handle_text(now, text);
        }
    }

    /// Which machine has something to do first, and when.
    pub(super) fn due(&self) -> Option<(Time, NodeIndex)> {
        self.machines.iter().filter_map(|(index, machine)| Some((machine.due?, *index))).min()
    }

    pub(super) fn time_out(&mut self, now: (Time, WallTime), index: NodeIndex) {
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.discovery.handle_timeout(now.0, now.1);
        }
    }

    pub(super) fn hear(&mut self, now: (Time, WallTime), datagram: Datagram) {
        let Datagram { to, network, on, from, bytes } = datagram;
        let Some(machine) = self.machines.get_mut(&to).filter(|machine| machine.network == network) else {
            return;
        };
        let admitted = machine.sent.get(&(on, from));
        if machine.has_firewall && admitted.is_none_or(|&at| now.0.since(at) > ADMITTED_FOR) {
            return;
        }
        *self.heard.entry(to).or_default() += 1;
        machine.discovery.handle_datagram(now.0, now.1, on, from, &bytes);
    }

    /// Carries out what a machine wants.
    pub(super) fn drain(&mut self, now: Time, index: NodeIndex) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        while let Some(machine) = self.machines.get_mut(&index) {
            let Some(output) = machine.discovery.poll_output() else { break };
            match output {
                Output::ToNode(input) => {
                    outcomes.extend(machine.server.map(|server| for_node(server, input)))
                }
                Output::Event(event) => machine.events.push(event),
                Output::Send { from, to, bytes } => {
                    machine.sent.insert((from, to), now);
                    self.send(index, from, Some(to), &bytes, &mut outcomes);
                }
                Output::SendToAll { bytes, .. } => {
                    self.send(index, Socket::Main, None, &bytes, &mut outcomes)
                }
            }
        }
        if let Some(machine) = self.machines.get_mut(&index) {
            machine.due = machine.discovery.poll_timeout().map(|at| at.max(now));
        }
        outcomes
    }

    /// Puts a datagram of a stranger on a network.
    pub(super) fn throw(&mut self, network: u8, from: SocketAddr, to: NodeIndex, bytes: Vec<u8>) -> Datagram {
        self.sent += 1;
        Datagram { to, network, on: Socket::Shared, from, bytes }
    }

    /// Sends to one address, or to all.
    fn send(
        &mut self,
        index: NodeIndex,
        from: Socket,
        to: Option<SocketAddr>,
        bytes: &[u8],
        outcomes: &mut Vec<Outcome>,
    ) {
        self.sent += 1;
        let Some(machine) = self.machines.get(&index) else { return };
        let (network, path) = (machine.network, machine.path);
        let port = if from == Socket::Main { MAIN_PORT } else { SHARED_PORT };
        let source = SocketAddr::new(ip(network, machine.host), port);
        for (&other, receiver) in self.machines.iter().filter(|(_, other)| other.network == network) {
            let own = ip(network, receiver.host);
            let on = match to {
                None => Socket::Shared,
                Some(to) if to == SocketAddr::new(own, MAIN_PORT) => Socket::Main,
                Some(to) if to == SocketAddr::new(own, SHARED_PORT) => Socket::Shared,
                Some(_) => continue,
            };
            for delay in path.to(receiver.path).draw_unreliable(&mut self.rng) {
                let datagram = Datagram { to: other, network, on, from: source, bytes: bytes.to_vec() };
                outcomes.push(Outcome::Datagram(delay, datagram));
            }
        }
    }
}

fn for_node(server: ServerId, input: ToNode) -> Outcome {
    let input = match input {
        ToNode::Up(address) => Input::ServerUp { server, address },
        ToNode::Text(text) => Input::ServerText { server, text },
        ToNode::Down(reason) => Input::ServerDown { server, reason },
    };
    Outcome::Node(server, input)
}
