//! The task of one connection: its sockets, its timer, its effects in and its inputs out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use meshwork_core::node::io::{Channel, Input, LinkId};
use meshwork_core::node::path::{IceConfig, IcePolicy};
use meshwork_core::signalling::description::{Candidate, CandidateAddress, Role, Signal};
use tokio::sync::mpsc::{Sender, UnboundedReceiver, WeakUnboundedSender};

use super::Shared;
use super::connection::Connection;
use super::interfaces::Addresses;
use super::sockets::Sockets;

/// What a connection is told.
pub(super) enum Order {
    /// The other end said something.
    Signal(Signal),
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
    let opened = Sockets::bind(&shared.addresses)
        .and_then(|sockets| match ice.policy {
            IcePolicy::Relay => Err(std::io::ErrorKind::Unsupported.into()),
            IcePolicy::All | IcePolicy::Direct => Ok(sockets),
        })
        .map_err(|error| format!("no socket could be opened: {error}"))
        .and_then(|sockets| {
            let advertise = |own| shared.advertise.as_ref().map_or(own, |advertise| advertise(own));
            let connection = Connection::open(link, role, sockets.addresses(), advertise, Instant::now())?;
            Ok((sockets, connection))
        });
    let (mut sockets, mut connection) = match opened {
        Ok(opened) => opened,
        Err(reason) => {
            // An error says that nobody wants to know any more.
            let _ = inputs.send(Input::Down { link, reason }).await;
            return;
        }
    };
    let mut closed = false;
    loop {
        assert!(!shared.is_broken(link), "a fault on purpose");
        flush(&mut connection, &sockets, &shared).await;
        for input in connection.inputs().drain(..) {
            // Waiting here while the node is busy lets the system's buffers fill, and the other end slow down.
            // An error says that the driver is gone; the loop learns it from its orders.
            let _ = inputs.send(input).await;
        }
        if connection.is_done() {
            return;
        }
        let timeout = tokio::time::Instant::from_std(connection.poll_timeout());
        tokio::select! {
            order = orders.recv(), if !closed => match order {
                Some(order) => {
                    let now = Instant::now();
                    handle(&mut connection, now, order, &shared, &own_orders);
                    // What is waiting already goes out in the same batch.
                    while let Ok(order) = orders.try_recv() {
                        handle(&mut connection, now, order, &shared, &own_orders);
                    }
                }
                None => {
                    closed = true;
                    connection.handle_close(Instant::now());
                }
            },
            () = sockets.receive(|source, destination, bytes| {
                if !shared.is_cut() {
                    connection.handle_datagram(Instant::now(), source, destination, bytes);
                }
            }) => connection.handle_datagrams_end(Instant::now()),
            () = tokio::time::sleep_until(timeout) => connection.handle_timeout(Instant::now()),
        }
    }
}

async fn flush(connection: &mut Connection, sockets: &Sockets, shared: &Shared) {
    if shared.is_cut() {
        connection.datagrams().clear();
    } else {
        sockets.send(connection.datagrams()).await;
    }
}

fn handle(
    connection: &mut Connection,
    now: Instant,
    order: Order,
    shared: &Shared,
    own_orders: &WeakUnboundedSender<Order>,
) {
    match order {
        Order::Signal(signal) => {
            resolve_hidden(&signal, shared, own_orders);
            connection.handle_signal(now, signal);
        }
        Order::Resolved(candidate, ip) => connection.handle_resolved(now, candidate, ip),
        Order::Send(channel, bytes) => connection.handle_send(now, channel, bytes),
        Order::Close => connection.handle_close(now),
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
