//! Gathers what a connection's own sockets do not know: server-reflexive and relayed candidates.
//!
//! # How it works
//! Each own address asks each STUN server how it looks from outside (RFC 8489). Relays are asked in turn, over UDP
//! first, then over TCP, then over TLS, until one gives an address (RFC 8656): each later way is only begun when the
//! earlier ones had time to answer. What the connection sends from the relayed address goes through the TURN client.
//!
//! # Driving it
//! [`Gatherer::handle_server`] for each address of a server, `handle_*` for what arrives and for time; then drain
//! [`Gatherer::outputs`].
//!
//! # Limits
//! [`PROBES_MAX`] questions, [`RELAYS_MAX`] relays, of which one is kept.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use meshwork_core::seam::ice_server::{IceScheme, IceServer};
use meshwork_core::seam::path::RelayTransport;
use turn_client_proto::stun::agent::{StunAgent, StunAgentPollRet};
use turn_client_proto::stun::types::attribute::XorMappedAddress;
use turn_client_proto::stun::types::message::{BINDING, Message, MessageWriteVec};
use turn_client_proto::stun::types::prelude::MessageWrite as _;
use turn_client_proto::types::TransportType;

use super::relay::{Clock, Relay, Status};
use super::sockets::Datagram;

/// Questions to STUN servers: every own address of a usual machine to two servers.
const PROBES_MAX: usize = 16;
/// Relays that are asked for an address, one after the other.
const RELAYS_MAX: usize = 6;
/// When relays over UDP, TCP and TLS are asked, from the beginning of the connection: an answer takes two round trips.
const BEGIN_AFTER: [Duration; 3] = [Duration::ZERO, Duration::from_millis(1000), Duration::from_millis(2000)];
/// Time between relays over the same transport.
const NEXT_AFTER: Duration = Duration::from_millis(400);

/// What is to be done for a gatherer, in this order.
#[derive(Debug)]
pub(super) enum Output {
    /// Send a datagram from an own socket.
    Datagram(Datagram),
    /// Open a stream to a relay, over TLS if the name in its certificate is given.
    Open { relay: usize, server: SocketAddr, name: Option<String> },
    /// Write to it.
    Write { relay: usize, bytes: Vec<u8> },
    /// Close it when what was written is on its way.
    Close { relay: usize },
    /// Others see the own address `base` as `mapped`.
    Reflexive { base: SocketAddr, mapped: SocketAddr },
    /// What is sent from `address` goes through a relay.
    Relayed { address: SocketAddr, transport: RelayTransport },
}

/// Asks STUN and TURN servers for one connection.
pub(super) struct Gatherer {
    clock: Clock,
    begun: Instant,
    probes: Vec<StunAgent>,
    /// Relays that are to be asked.
    planned: Vec<Planned>,
    relays: Vec<Relay>,
    outputs: Vec<Output>,
    timeout: Option<Instant>,
}

struct Planned {
    due: Instant,
    transport: RelayTransport,
    local: SocketAddr,
    server: SocketAddr,
    name: String,
    ice: IceServer,
}

impl Gatherer {
    /// Asks nobody yet.
    pub(super) fn new(now: Instant) -> Gatherer {
        Gatherer {
            clock: Clock(now),
            begun: now,
            probes: Vec::new(),
            planned: Vec::new(),
            relays: Vec::new(),
            outputs: Vec::new(),
            timeout: None,
        }
    }

    /// A server's name `host` was resolved to `server`, which `locals` of the own addresses can reach, the one that
    /// the system would send from first.
    pub(super) fn handle_server(
        &mut self,
        now: Instant,
        scheme: IceScheme,
        (host, server): (&str, SocketAddr),
        ice: &IceServer,
        locals: &[SocketAddr],
    ) {
        let transport = match scheme {
            IceScheme::Stun => {
                for local in locals {
                    self.probe(now, *local, server);
                }
                return self.pump(now);
            }
            IceScheme::TurnUdp => RelayTransport::Udp,
            IceScheme::TurnTcp => RelayTransport::Tcp,
            IceScheme::TurnTls => RelayTransport::Tls,
        };
        let Some(&local) = locals.first() else { return };
        let same = self.planned.iter().filter(|planned| planned.transport == transport);
        let begun = self.relays.iter().filter(|relay| relay.transport() == transport);
        let before = u32::try_from(same.count() + begun.count()).unwrap_or(u32::MAX);
        let due = self.begun + BEGIN_AFTER[transport as usize] + NEXT_AFTER.saturating_mul(before);
        if self.planned.len() + self.relays.len() < RELAYS_MAX {
            let (name, ice) = (host.to_owned(), ice.clone());
            self.planned.push(Planned { due, transport, local, server, name, ice });
        }
        self.handle_timeout(now);
    }

    /// Takes a datagram that reached an own socket. Returns whether it was for the gatherer; what a relay hands over
    /// goes to `deliver` as from its sender, to the relayed address. [`Gatherer::handle_datagrams_end`] is to follow.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
        deliver: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> bool {
        let is_from =
            |relay: &&mut Relay| relay.transport() == RelayTransport::Udp && relay.server() == source;
        if let Some(relay) = self.relays.iter_mut().find(is_from) {
            return relay.handle_received(self.clock.at(now), bytes, deliver);
        }
        let asked =
            |probe: &&mut StunAgent| probe.remote_addr() == Some(source) && probe.local_addr() == destination;
        let Some(probe) = self.probes.iter_mut().find(asked) else { return false };
        let Ok(message) = Message::from_bytes(bytes) else { return false };
        if !probe.handle_stun_message_with_time(&message, source, self.clock.at(now)) {
            return false;
        }
        let mapped = message.attribute::<XorMappedAddress>().map(|seen| seen.addr(message.transaction_id()));
        if let Some(mapped) = mapped.ok().filter(|mapped| message.is_response() && *mapped != destination) {
            self.outputs.push(Output::Reflexive { base: destination, mapped });
        }
        true
    }

    /// The stream to a relay is open, from `local`.
    pub(super) fn handle_stream_open(&mut self, now: Instant, relay: usize, local: SocketAddr) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.handle_open(local);
        }
        self.pump(now);
    }

    /// Bytes arrived on the stream to a relay.
    pub(super) fn handle_stream_data(
        &mut self,
        now: Instant,
        relay: usize,
        bytes: &[u8],
        deliver: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.handle_received(self.clock.at(now), bytes, deliver);
        }
        self.pump(now);
    }

    /// The stream to a relay could not be opened, or ended.
    pub(super) fn handle_stream_end(&mut self, now: Instant, relay: usize) {
        if let Some(relay) = self.relays.get_mut(relay) {
            relay.handle_end();
        }
        self.pump(now);
    }

    /// Whether `address` is a relayed one of this connection.
    pub(super) fn is_relayed(&self, address: SocketAddr) -> bool {
        self.relays.iter().any(|relay| relay.address() == Some(address))
    }

    /// Sends a datagram from a relayed address.
    pub(super) fn send(&mut self, now: Instant, datagram: &Datagram) {
        let at = self.clock.at(now);
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.address() == Some(datagram.source)) {
            relay.send(at, datagram.destination, &datagram.bytes);
        }
    }

    /// Does what follows from datagrams that were sent or arrived. To be called once for all that came together.
    pub(super) fn handle_datagrams_end(&mut self, now: Instant) {
        if !self.relays.is_empty() {
            self.pump(now);
        }
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let is_served = self.relays.iter().any(|relay| relay.address().is_some());
        if is_served {
            self.planned.clear();
        }
        // Nobody is waited for who has failed already.
        let is_waiting = self.relays.iter().any(|relay| !relay.is_over());
        if let Some(first) = self.planned.iter_mut().min_by_key(|planned| planned.due).filter(|_| !is_waiting)
        {
            first.due = first.due.min(now);
        }
        let due = self.planned.extract_if(.., |planned| planned.due <= now).collect::<Vec<_>>();
        for Planned { transport, local, server, name, ice, .. } in due {
            let number = self.relays.len();
            self.relays.push(Relay::new(transport, local, server, &ice));
            if transport != RelayTransport::Udp {
                let name = (transport == RelayTransport::Tls).then_some(name);
                self.outputs.push(Output::Open { relay: number, server, name });
            }
        }
        self.pump(now);
    }

    /// When [`Gatherer::handle_timeout`] is due, if ever.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.planned.iter().map(|planned| planned.due).chain(self.timeout).min()
    }

    /// Gives the relayed addresses back: the connection is over.
    pub(super) fn handle_close(&mut self, now: Instant) {
        self.planned.clear();
        self.probes.clear();
        let at = self.clock.at(now);
        self.relays.iter_mut().for_each(|relay| relay.close(at));
        self.pump(now);
    }

    /// What is to be done.
    pub(super) fn outputs(&mut self) -> &mut Vec<Output> {
        &mut self.outputs
    }

    fn probe(&mut self, now: Instant, local: SocketAddr, server: SocketAddr) {
        let is_asked = |probe: &StunAgent| probe.remote_addr() == Some(server) && probe.local_addr() == local;
        if self.probes.len() == PROBES_MAX || self.probes.iter().any(is_asked) {
            return;
        }
        let mut agent = StunAgent::builder(TransportType::Udp, local).remote_addr(server).build();
        let request = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
        if let Ok(transmit) = agent.send_request(request, server, self.clock.at(now)) {
            let bytes = transmit.data.to_vec();
            self.outputs.push(Output::Datagram(Datagram { source: local, destination: server, bytes }));
            self.probes.push(agent);
        }
    }

    /// Collects what probes and relays want done, and when they want to be called.
    fn pump(&mut self, now: Instant) {
        let at = self.clock.at(now);
        let mut next = None;
        let mut soonest = |at: Option<Instant>| next = next.into_iter().chain(at).min();
        for probe in &mut self.probes {
            while let StunAgentPollRet::TransactionTimedOut(_) = probe.poll(at) {}
            let (local, server) = (probe.local_addr(), probe.remote_addr());
            while let Some(transmit) = probe.poll_transmit(at) {
                let (Some(destination), bytes) = (server, transmit.data.to_vec()) else { break };
                self.outputs.push(Output::Datagram(Datagram { source: local, destination, bytes }));
            }
            if let StunAgentPollRet::WaitUntil(wait) = probe.poll(at) {
                soonest(Some(self.clock.instant(wait)));
            }
        }
        let mut is_served = self.relays.iter().any(|relay| relay.address().is_some());
        for (number, relay) in self.relays.iter_mut().enumerate() {
            let mut status = relay.pump(at, number, &mut self.outputs);
            if let Status::Allocated = status {
                if is_served {
                    // One is enough.
                    relay.close(at);
                } else if let Some(address) = relay.accept() {
                    is_served = true;
                    self.outputs.push(Output::Relayed { address, transport: relay.transport() });
                }
                status = relay.pump(at, number, &mut self.outputs);
            }
            match status {
                Status::Waits(wait) => soonest(Some(self.clock.instant(wait))),
                Status::Allocated => soonest(Some(now)),
                Status::Over => {}
            }
        }
        self.timeout = next;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ask(gatherer: &mut Gatherer, now: Instant, scheme: IceScheme, servers: usize) {
        let (username, credential) = (String::from("somebody"), String::from("something"));
        let ice = IceServer { urls: Vec::new(), username, credential };
        for number in 1..=servers {
            let server = SocketAddr::from(([192, 0, 2, number as u8], 3478));
            let own = SocketAddr::from(([10, 0, 0, 1], 5));
            gatherer.handle_server(now, scheme, ("a name", server), &ice, &[own]);
        }
    }

    /// The servers to which something was sent.
    fn asked(gatherer: &mut Gatherer) -> BTreeSet<SocketAddr> {
        let destination = |output: Output| match output {
            Output::Datagram(datagram) => Some(datagram.destination),
            _ => None,
        };
        gatherer.outputs().drain(..).filter_map(destination).collect()
    }

    #[test]
    fn so_many_stun_servers_are_asked() {
        let now = Instant::now();
        let mut gatherer = Gatherer::new(now);
        ask(&mut gatherer, now, IceScheme::Stun, PROBES_MAX + 3);
        assert_eq!(asked(&mut gatherer).len(), PROBES_MAX);
    }

    #[test]
    fn so_many_relays_are_asked() {
        let mut now = Instant::now();
        let mut gatherer = Gatherer::new(now);
        ask(&mut gatherer, now, IceScheme::TurnUdp, RELAYS_MAX + 3);
        let mut all = asked(&mut gatherer);
        while let Some(due) = gatherer.poll_timeout() {
            now = now.max(due);
            gatherer.handle_timeout(now);
            all.append(&mut asked(&mut gatherer));
        }
        assert_eq!(all.len(), RELAYS_MAX);
    }
}
