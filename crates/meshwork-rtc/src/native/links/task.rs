//! The task of one connection: its sockets, its timer, its effects in and its inputs out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use meshwork_core::reach::Reach;
use meshwork_core::seam::description::{Candidate, CandidateAddress, Role, Signal};
use meshwork_core::seam::ice_server::IceScheme;
use meshwork_core::seam::io::{Channel, Input, LinkId};
use meshwork_core::seam::path::IceConfig;
use tokio::sync::mpsc::{self, Sender, UnboundedReceiver, WeakUnboundedSender};

use super::Shared;
use super::connection::Connection;
use super::gather::{Gatherer, Output};
use super::interfaces::Addresses;
use super::servers::{self, Found};
use super::sockets::{Datagram, Sockets};
use super::stream::{self, StreamEvent};

/// STUN servers that are remembered: as many as a gatherer has questions for one address.
const STUN_SERVERS_MAX: usize = 16;

/// What a connection is told.
pub(super) enum Order {
    /// The other end said something.
    Signal(Signal),
    /// A server's name was looked up.
    Found(Found),
    /// The machine may have other addresses than before.
    LookAgain,
    /// A hidden candidate's name was resolved.
    Resolved(Candidate, IpAddr),
    /// The node sends a message.
    Send(Channel, Vec<u8>),
    /// The node closes the connection.
    Close,
}

/// What the task of a connection is made from.
pub(super) struct Begin {
    pub(super) link: LinkId,
    pub(super) role: Role,
    pub(super) ice: IceConfig,
    pub(super) shared: Arc<Shared>,
    /// Bounded by the node: it sends at most its send window, and signals at most a description and candidates.
    pub(super) orders: UnboundedReceiver<Order>,
    /// For orders that the task gives itself. Weak, so that dropping the other end still closes it.
    pub(super) own_orders: WeakUnboundedSender<Order>,
    pub(super) inputs: Sender<Input>,
}

/// Runs one connection to its end.
pub(super) async fn run(begin: Begin) {
    let Begin { link, role, ice, shared, mut orders, own_orders, inputs } = begin;
    let opened = Sockets::bind(&shared.addresses, ice.nearest)
        .map_err(|error| format!("no socket could be opened: {error}"))
        .and_then(|sockets| {
            let (policy, now) = (ice.policy, Instant::now());
            let told = |own| shared.told(own);
            let connection = Connection::open(link, role, policy, sockets.addresses(), told, now)?;
            Ok((sockets, connection))
        });
    let (mut sockets, connection) = match opened {
        Ok(opened) => opened,
        Err(reason) => {
            // An error says that nobody wants to know any more.
            let _ = inputs.send(Input::Down { link, reason }).await;
            return;
        }
    };
    let (sender, mut events) = mpsc::channel(stream::EVENTS_MAX);
    let mut ends = Ends::new(connection, ice.nearest, sender);
    for found in servers::find(&ice, &own_orders) {
        ends.handle_found(found, &sockets);
    }
    let mut closed = false;
    loop {
        assert!(!shared.is_broken(link), "a fault on purpose");
        ends.flush(&sockets, &shared).await;
        for input in ends.connection.inputs().drain(..) {
            // Waiting here while the node is busy lets the system's buffers fill, and the other end slow down.
            // An error says that the driver is gone; the loop learns it from its orders.
            let _ = inputs.send(input).await;
        }
        if ends.connection.is_done() {
            ends.gatherer.handle_close(Instant::now());
            ends.flush(&sockets, &shared).await;
            return;
        }
        let timeout = tokio::time::Instant::from_std(ends.poll_timeout());
        tokio::select! {
            order = orders.recv(), if !closed => match order {
                Some(order) => {
                    let now = Instant::now();
                    ends.handle(now, order, &mut sockets, &shared, &own_orders);
                    // What is waiting already goes out in the same batch.
                    while let Ok(order) = orders.try_recv() {
                        ends.handle(now, order, &mut sockets, &shared, &own_orders);
                    }
                }
                None => {
                    closed = true;
                    ends.connection.handle_close(Instant::now());
                }
            },
            () = sockets.receive(|source, destination, bytes| {
                if !shared.is_cut() {
                    ends.handle_datagram(Instant::now(), source, destination, bytes);
                }
            }) => ends.handle_datagrams_end(Instant::now()),
            Some((relay, event)) = events.recv() => ends.handle_stream(relay, event),
            () = tokio::time::sleep_until(timeout) => ends.handle_timeout(Instant::now()),
        }
    }
}

/// A connection, what gathers candidates for it, and the streams to its relays.
struct Ends {
    connection: Connection,
    /// The nearest that the names of the other end's addresses may lead to.
    nearest: Reach,
    gatherer: Gatherer,
    /// STUN servers that were found, to be asked from addresses that appear later; at most [`STUN_SERVERS_MAX`].
    stun: Vec<Found>,
    /// By relay; at most as many as a gatherer asks.
    streams: BTreeMap<usize, Sender<Vec<u8>>>,
    sender: Sender<(usize, StreamEvent)>,
}

impl Ends {
    fn new(connection: Connection, nearest: Reach, sender: Sender<(usize, StreamEvent)>) -> Ends {
        let (gatherer, streams) = (Gatherer::new(Instant::now()), BTreeMap::new());
        Ends { connection, nearest, gatherer, stun: Vec::new(), streams, sender }
    }

    fn handle(
        &mut self,
        now: Instant,
        order: Order,
        sockets: &mut Sockets,
        shared: &Shared,
        own_orders: &WeakUnboundedSender<Order>,
    ) {
        match order {
            Order::Signal(signal) => {
                resolve_hidden(&signal, shared, own_orders);
                self.connection.handle_signal(now, signal);
            }
            Order::Resolved(candidate, ip) if Reach::of(ip) >= self.nearest.min(Reach::Site) => {
                self.connection.handle_resolved(now, candidate, ip);
            }
            Order::Resolved(..) => {}
            Order::Found(found) => self.handle_found(found, sockets),
            Order::LookAgain => self.look_again(now, sockets, shared),
            Order::Send(channel, bytes) => self.connection.handle_send(now, channel, bytes),
            Order::Close => self.connection.handle_close(now),
        }
    }

    fn handle_found(&mut self, found: Found, sockets: &Sockets) {
        self.ask(&found, sockets.addresses());
        if found.scheme == IceScheme::Stun && self.stun.len() < STUN_SERVERS_MAX {
            self.stun.push(found);
        }
    }

    /// Asks a server from those of the own addresses that reach it.
    fn ask(&mut self, found: &Found, own: &[SocketAddr]) {
        let locals = servers::reach(found.address, own);
        let server = (found.host.as_str(), found.address);
        self.gatherer.handle_server(Instant::now(), found.scheme, server, &found.ice, &locals);
    }

    /// Names addresses that the machine has only now, and asks how they look from outside.
    fn look_again(&mut self, now: Instant, sockets: &mut Sockets, shared: &Shared) {
        let fresh = sockets.look_again(&shared.addresses);
        for own in &fresh {
            self.connection.handle_address(now, *own, shared.told(*own));
        }
        for found in std::mem::take(&mut self.stun) {
            self.ask(&found, &fresh);
            self.stun.push(found);
        }
    }

    fn handle_datagram(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, bytes: &[u8]) {
        let connection = &mut self.connection;
        let taken = self.gatherer.handle_datagram(now, source, destination, bytes, |from, to, bytes| {
            connection.handle_datagram(now, from, to, bytes);
        });
        if !taken {
            connection.handle_datagram(now, source, destination, bytes);
        }
    }

    fn handle_datagrams_end(&mut self, now: Instant) {
        self.gatherer.handle_datagrams_end(now);
        self.connection.handle_datagrams_end(now);
    }

    fn handle_stream(&mut self, relay: usize, event: StreamEvent) {
        let (now, connection) = (Instant::now(), &mut self.connection);
        match event {
            StreamEvent::Open(local) => self.gatherer.handle_stream_open(now, relay, local),
            StreamEvent::Data(bytes) => {
                self.gatherer.handle_stream_data(now, relay, &bytes, |from, to, bytes| {
                    connection.handle_datagram(now, from, to, bytes);
                });
                connection.handle_datagrams_end(now);
            }
            StreamEvent::End => {
                self.streams.remove(&relay);
                self.gatherer.handle_stream_end(now, relay);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.gatherer.poll_timeout().is_some_and(|due| due <= now) {
            self.gatherer.handle_timeout(now);
        }
        if self.connection.poll_timeout() <= now {
            self.connection.handle_timeout(now);
        }
    }

    fn poll_timeout(&self) -> Instant {
        let connection = self.connection.poll_timeout();
        self.gatherer.poll_timeout().map_or(connection, |due| due.min(connection))
    }

    /// Carries out what connection and gatherer want done.
    async fn flush(&mut self, sockets: &Sockets, shared: &Shared) {
        let mut direct = std::mem::take(self.connection.datagrams());
        if self.gatherer.poll_timeout().is_some() || !self.gatherer.outputs().is_empty() {
            let relayed = direct.extract_if(.., |datagram| self.gatherer.is_relayed(datagram.source));
            let relayed: Vec<Datagram> = relayed.collect();
            let now = Instant::now();
            relayed.iter().for_each(|datagram| self.gatherer.send(now, datagram));
            self.gatherer.handle_datagrams_end(now);
        }
        for output in std::mem::take(self.gatherer.outputs()) {
            match output {
                Output::Datagram(datagram) => direct.push(datagram),
                Output::Open { relay, server, name } => {
                    let (writes, queue) = mpsc::channel(stream::WRITES_MAX);
                    self.streams.insert(relay, writes);
                    tokio::spawn(stream::run(relay, server, name, queue, self.sender.clone()));
                }
                Output::Write { relay, bytes } => {
                    // A full queue loses packets, as any network does.
                    let _ = self.streams.get(&relay).map(|writes| writes.try_send(bytes));
                }
                Output::Close { relay } => drop(self.streams.remove(&relay)),
                Output::Reflexive { base, mapped } => self.connection.handle_reflexive(base, mapped),
                Output::Relayed { address, transport } => {
                    self.connection.handle_relayed(Instant::now(), address, transport);
                }
            }
        }
        direct.append(self.connection.datagrams());
        if shared.is_cut() {
            direct.clear();
        }
        sockets.send(&mut direct).await;
    }
}

/// Begins to resolve the hidden candidates of a signal; each comes back as an order of its own.
fn resolve_hidden(signal: &Signal, shared: &Shared, own_orders: &WeakUnboundedSender<Order>) {
    if shared.addresses != Addresses::Interfaces {
        return;
    }
    let candidates = match signal {
        Signal::Description(description) => description.candidates.as_ref(),
        Signal::Candidate(candidate) => std::slice::from_ref(candidate),
    };
    for candidate in candidates {
        let CandidateAddress::Mdns(uuid) = candidate.address else { continue };
        let (candidate, resolver, orders) = (*candidate, shared.resolver.clone(), own_orders.clone());
        tokio::spawn(async move {
            let ip = resolver.resolve(uuid).await;
            if let (Some(ip), Some(orders)) = (ip, orders.upgrade()) {
                // An error says that the connection is over.
                let _ = orders.send(Order::Resolved(candidate, ip));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use meshwork_core::seam::path::IcePolicy;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn so_many_writes_wait_for_a_relay() {
        const BYTES: usize = 100;
        let only = Addresses::Only(vec![Ipv4Addr::LOCALHOST.into()]);
        let sockets = Sockets::bind(&only, Reach::Machine).expect("a free port");
        let (role, policy, now) = (Role::Answerer, IcePolicy::All, Instant::now());
        let connection = Connection::open(LinkId(1), role, policy, sockets.addresses(), |own| own, now);
        let (sender, _events) = mpsc::channel(stream::EVENTS_MAX);
        let mut ends = Ends::new(connection.expect("an address"), Reach::Machine, sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = listener.local_addr().expect("it listens");
        let outputs = ends.gatherer.outputs();
        outputs.push(Output::Open { relay: 0, server, name: None });
        for _ in 0..stream::WRITES_MAX + 3 {
            outputs.push(Output::Write { relay: 0, bytes: vec![0; BYTES] });
        }
        outputs.push(Output::Close { relay: 0 });
        ends.flush(&sockets, &Shared::new(only, None)).await;
        let (mut relay, _) = listener.accept().await.expect("it connects");
        let mut written = Vec::new();
        relay.read_to_end(&mut written).await.expect("it is closed");
        assert_eq!(written.len(), stream::WRITES_MAX * BYTES);
    }
}
