//! One TURN server as a connection uses it: an allocation, permissions, channels, and what goes through them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use meshwork_core::seam::ice_server::IceServer;
use meshwork_core::seam::path::RelayTransport;
use turn_client_proto::api::{
    Transmit, TransmitBuild, TurnClientApi as _, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet,
};
use turn_client_proto::prelude::DelayedTransmitBuild;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::gather::Output;
use super::sockets::Datagram;

turn_client_proto::impl_client!(Client, (Udp, TurnClientUdp), (Tcp, TurnClientTcp));

/// Addresses for which a permission is asked: the other end names at most 16 candidates.
const PERMISSIONS_MAX: usize = 32;
/// Ways over UDP on which channels are bound, which spare 32 bytes a packet: those that carried data.
const CHANNELS_MAX: usize = 8;
/// Datagrams that wait for a permission, for its round trip. More are lost, as on any network.
const HELD_MAX: usize = 32;
/// Steps of a client in one call. It asks for more at once only as long as it has something to say.
const STEPS_MAX: usize = 64;
/// Retransmissions of a request (RFC 8489 section 6.2.1): given up after 6 s, while a connection is still looking.
const REQUEST: (Duration, Duration, u32, Duration) =
    (Duration::from_millis(400), Duration::from_millis(1600), 5, Duration::from_millis(1200));

/// The TURN client's clock: it begins with the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(pub(super) Instant);

/// A time of the TURN client's clock.
pub(super) type At = turn_client_proto::stun::Instant;

impl Clock {
    pub(super) fn at(self, now: Instant) -> At {
        let passed = now.saturating_duration_since(self.0).as_nanos();
        At::from_nanos(i64::try_from(passed).unwrap_or(i64::MAX))
    }

    pub(super) fn instant(self, at: At) -> Instant {
        self.0 + at.saturating_duration_since(At::from_nanos(0))
    }
}

/// How a relay stands after it was looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    /// It gave an address just now.
    Allocated,
    /// It is to be looked at again then.
    Waits(At),
    /// It gives none, or none any more.
    Over,
}

/// A relay that is asked for an address, or gave one.
#[derive(Debug)]
pub(super) struct Relay {
    transport: RelayTransport,
    server: SocketAddr,
    config: TurnConfig,
    /// `None` until its stream is open.
    client: Option<Client>,
    /// The address that the connection uses.
    address: Option<SocketAddr>,
    offered: Option<SocketAddr>,
    asked: BTreeSet<IpAddr>,
    bound: BTreeSet<SocketAddr>,
    held: Vec<(SocketAddr, Vec<u8>)>,
    /// What the client wants sent to the server.
    ready: Vec<Vec<u8>>,
    local: SocketAddr,
    is_over: bool,
    is_closing: bool,
}

impl Relay {
    /// Begins to ask, from the own address `local`; over a stream once that is open.
    pub(super) fn new(
        transport: RelayTransport,
        local: SocketAddr,
        server: SocketAddr,
        ice: &IceServer,
    ) -> Relay {
        let mut config = TurnConfig::new(TurnCredentials::new(&ice.username, &ice.credential));
        let (initial, most, times, last) = REQUEST;
        config.set_request_retransmits(initial, most, times, last);
        if server.is_ipv6() {
            config.set_address_family(AddressFamily::IPV6);
        }
        let client = (transport == RelayTransport::Udp)
            .then(|| Client::Udp(TurnClientUdp::allocate(local, server, config.clone())));
        Relay {
            transport,
            server,
            config,
            client,
            address: None,
            offered: None,
            asked: BTreeSet::new(),
            bound: BTreeSet::new(),
            held: Vec::new(),
            ready: Vec::new(),
            local,
            is_over: false,
            is_closing: false,
        }
    }

    pub(super) fn transport(&self) -> RelayTransport {
        self.transport
    }

    pub(super) fn server(&self) -> SocketAddr {
        self.server
    }

    /// The relayed address that the connection uses.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The stream to it is open.
    pub(super) fn handle_open(&mut self, local: SocketAddr) {
        self.local = local;
        self.client = Some(Client::Tcp(TurnClientTcp::allocate(local, self.server, self.config.clone())));
    }

    /// The stream to it ended.
    pub(super) fn handle_end(&mut self) {
        self.is_over = true;
        self.client = None;
        self.address = None;
    }

    /// Takes the address that it gave.
    pub(super) fn accept(&mut self) -> Option<SocketAddr> {
        self.address = self.offered;
        self.address
    }

    /// Takes what came from it. Returns whether that was for the client.
    pub(super) fn handle_received(
        &mut self,
        now: At,
        bytes: &[u8],
        mut deliver: impl FnMut(SocketAddr, SocketAddr, &[u8]),
    ) -> bool {
        let address = self.address;
        let Some(client) = &mut self.client else { return false };
        let received = Transmit::new(bytes, client.transport(), self.server, self.local);
        match client.recv(received, now) {
            TurnRecvRet::Ignored(_) => return false,
            TurnRecvRet::PeerData(data) => {
                if let Some(address) = address {
                    deliver(data.peer, address, data.data());
                }
            }
            TurnRecvRet::Handled | TurnRecvRet::PeerIcmp { .. } => {}
        }
        while let Some(data) = client.poll_recv(now) {
            if let Some(address) = address {
                deliver(data.peer, address, data.data());
            }
        }
        true
    }

    /// Sends a datagram to `peer`, when it may; asks for what is needed first.
    pub(super) fn send(&mut self, now: At, peer: SocketAddr, bytes: &[u8]) {
        let Some(client) = &mut self.client else { return };
        if self.address.is_none_or(|address| address.is_ipv4() != peer.is_ipv4()) {
            return;
        }
        if !client.have_permission(TransportType::Udp, peer.ip()) {
            if self.asked.len() < PERMISSIONS_MAX && self.asked.insert(peer.ip()) {
                // What is refused comes back as an event, and the path is found to lead nowhere.
                let _ = client.create_permission(TransportType::Udp, peer.ip(), now);
            }
            if self.held.len() < HELD_MAX {
                self.held.push((peer, bytes.to_vec()));
            }
            return;
        }
        // Over a stream a channel's packets are padded (RFC 8656 section 12.5), which turn-client-proto does not do.
        let is_stream = self.transport != RelayTransport::Udp;
        let is_data = bytes.first().is_some_and(|first| (20..64).contains(first));
        if is_data && !is_stream && self.bound.len() < CHANNELS_MAX && self.bound.insert(peer) {
            // Without a channel each packet is a little longer.
            let _ = client.bind_channel(TransportType::Udp, peer, now);
        }
        if let Ok(Some(transmit)) = client.send_to(TransportType::Udp, peer, bytes, now) {
            self.ready.push(build(transmit));
        }
    }

    /// Gives the address back.
    pub(super) fn close(&mut self, now: At) {
        self.address = None;
        self.is_closing = true;
        if let Some(client) = &mut self.client {
            // Without an allocation there is nothing to give back.
            let _ = client.delete(now);
        }
    }

    /// Collects what it wants sent.
    pub(super) fn pump(&mut self, now: At, number: usize, outputs: &mut Vec<Output>) -> Status {
        let mut status = Status::Over;
        for _ in 0..STEPS_MAX {
            let Some(client) = &mut self.client else { break };
            while let Some(transmit) = client.poll_transmit(now) {
                self.ready.push(transmit.data.to_vec());
            }
            match client.poll_event() {
                Some(TurnEvent::AllocationCreated(TransportType::Udp, address)) => {
                    self.offered = Some(address);
                    status = Status::Allocated;
                    break;
                }
                Some(TurnEvent::AllocationCreateFailed(_)) => self.is_over = true,
                Some(TurnEvent::PermissionCreated(_, ip)) => self.release(now, ip),
                Some(TurnEvent::PermissionCreateFailed(_, ip)) => {
                    self.held.retain(|(peer, _)| peer.ip() != ip)
                }
                Some(_) => {}
                None => match client.poll(now) {
                    TurnPollRet::WaitUntil(wait) if wait <= now => status = Status::Waits(now),
                    TurnPollRet::WaitUntil(wait) => {
                        status = Status::Waits(wait);
                        break;
                    }
                    TurnPollRet::Closed => {
                        self.is_over = true;
                        status = Status::Over;
                        break;
                    }
                    TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => {}
                },
            }
        }
        self.hand_out(number, outputs);
        if self.is_over && self.address.take().is_some() {
            tracing::debug!("a relay gives no address any more");
        }
        status
    }

    fn release(&mut self, now: At, ip: IpAddr) {
        let held = self.held.extract_if(.., |(peer, _)| peer.ip() == ip).collect::<Vec<_>>();
        for (peer, bytes) in held {
            self.send(now, peer, &bytes);
        }
    }

    fn hand_out(&mut self, number: usize, outputs: &mut Vec<Output>) {
        for bytes in self.ready.drain(..) {
            outputs.push(match self.transport {
                RelayTransport::Udp => {
                    Output::Datagram(Datagram { source: self.local, destination: self.server, bytes })
                }
                RelayTransport::Tcp | RelayTransport::Tls => Output::Write { relay: number, bytes },
            });
        }
        if (self.is_closing || self.is_over) && self.transport != RelayTransport::Udp && self.client.is_some()
        {
            outputs.push(Output::Close { relay: number });
            self.client = None;
        }
    }
}

fn build<T: DelayedTransmitBuild + std::fmt::Debug>(transmit: TransmitBuild<T>) -> Vec<u8> {
    transmit.build().data
}

#[cfg(test)]
mod tests {
    use meshwork_core::time::{Now, Time, WallTime};
    use meshwork_signal::turn::{self, ListenerId, RelayAddress, Secret, Socket};

    use super::*;

    /// What tells data apart from checks: the first byte of a DTLS record.
    const DATA: [u8; 8] = [23; 8];

    fn server() -> SocketAddr {
        SocketAddr::from(([9, 9, 9, 9], 3478))
    }

    fn own() -> SocketAddr {
        SocketAddr::from(([203, 0, 114, 1], 5))
    }

    fn peer(number: usize) -> SocketAddr {
        SocketAddr::from(([8, 8, 8, number as u8], 5))
    }

    /// A relay that a connection has, and the server's end of it.
    struct World {
        relay: Relay,
        server: turn::Relay,
        now: At,
        /// What reached peers.
        arrived: Vec<SocketAddr>,
    }

    impl World {
        /// An address is there.
        fn new() -> World {
            let now = At::from_nanos(0);
            let secret = Secret::from_random([1; 32]);
            let expires = WallTime::from_millis(1_790_000_600_000);
            let minted = secret.mint("somebody", expires).expect("a short name");
            let ice = IceServer { urls: Vec::new(), username: minted.username, credential: minted.password };
            let ip = server().ip();
            let config = turn::Config::new(secret, vec![RelayAddress { bind: ip, advertised: ip }]);
            let server_end = turn::Relay::new(config, [7; 32]).expect("its settings are legal");
            let relay = Relay::new(RelayTransport::Udp, own(), server(), &ice);
            let mut world = World { relay, server: server_end, now, arrived: Vec::new() };
            world.exchange();
            assert!(world.relay.accept().is_some(), "an allocation");
            world
        }

        /// Carries packets until nobody has any for a while.
        fn exchange(&mut self) {
            const A_WHILE: Duration = Duration::from_millis(100);
            let now = Now { time: Time(1), wall: WallTime::from_millis(1_790_000_000_000) };
            loop {
                let mut outputs = Vec::new();
                let status = self.relay.pump(self.now, 0, &mut outputs);
                match status {
                    Status::Waits(due) if outputs.is_empty() && due < self.now + A_WHILE => self.now = due,
                    Status::Waits(_) if outputs.is_empty() => return,
                    Status::Over => panic!("the relay is there"),
                    _ => {}
                }
                for output in outputs {
                    let Output::Datagram(datagram) = output else { panic!("{output:?}") };
                    let listener = Socket::Listener(ListenerId(0));
                    self.server.handle_datagram(now, listener, None, datagram.source, &datagram.bytes);
                }
                self.answer(now);
            }
        }

        /// Does what the server wants done.
        fn answer(&mut self, now: Now) {
            loop {
                let bound = match self.server.poll_output() {
                    None => return,
                    Some(turn::Output::Datagram { socket: Socket::Listener(_), bytes, .. }) => {
                        self.relay.handle_received(self.now, bytes, |_, _, _| {});
                        continue;
                    }
                    Some(turn::Output::Datagram { remote, .. }) => {
                        self.arrived.push(remote);
                        continue;
                    }
                    Some(turn::Output::Bind { relay, .. }) => relay,
                    Some(other) => panic!("{other:?}"),
                };
                self.server.handle_bound(now, bound, true);
            }
        }

        fn send(&mut self, to: SocketAddr) {
            self.relay.send(self.now, to, &DATA);
        }
    }

    #[test]
    fn so_many_addresses_get_a_permission() {
        let mut world = World::new();
        for number in 0..PERMISSIONS_MAX + 3 {
            // Each waits for its permission alone, so that none is lost with others.
            world.send(peer(number));
            world.exchange();
        }
        let allowed: BTreeSet<SocketAddr> = world.arrived.iter().copied().collect();
        assert_eq!(allowed, (0..PERMISSIONS_MAX).map(peer).collect());
    }

    #[test]
    fn so_many_datagrams_wait_for_a_permission() {
        let mut world = World::new();
        (0..HELD_MAX + 3).for_each(|_| world.send(peer(1)));
        world.exchange();
        assert_eq!(world.arrived, [peer(1); HELD_MAX]);
    }

    #[test]
    fn so_many_channels_are_bound_and_data_arrives() {
        let mut world = World::new();
        let peers = CHANNELS_MAX + 3;
        for _ in 0..3 {
            for number in 0..peers {
                world.send(peer(number));
                world.exchange();
            }
        }
        assert_eq!(world.relay.bound, (0..CHANNELS_MAX).map(peer).collect());
        assert_eq!(world.arrived.len(), 3 * peers);
    }
}
