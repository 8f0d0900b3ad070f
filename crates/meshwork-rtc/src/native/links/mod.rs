//! Connections to other endpoints: effects that concern one link in, inputs out.
//!
//! Each connection is a task with sockets of its own, so that connections use all processors, none waits for
//! another, and a fault in the WebRTC stack that hostile bytes may provoke ends one connection only.

mod connection;
mod convert;
mod flight;
mod gather;
mod interfaces;
mod mdns;
mod relay;
mod servers;
mod sockets;
mod stream;
mod task;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use meshwork_core::seam::description::{Role, Signal};
use meshwork_core::seam::io::{Channel, Input, LinkId};
use meshwork_core::seam::path::IceConfig;
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedSender};
use tokio::task::{Id, JoinSet};
use tracing::Instrument as _;

pub use interfaces::Addresses;
use mdns::Resolver;
use task::{Begin, Order};

/// Connections that are open or closing at the same time. Each takes two file descriptors, of which common
/// systems allow a program 1024.
const CONNECTIONS_MAX: usize = 256;
/// Inputs that wait for the node. More make the connections wait, and with them the other ends.
const INPUTS_MAX: usize = 256;
/// How long closing connections may take at the end: what a flush may take, and some.
const SHUT_DOWN_MAX: Duration = Duration::from_secs(2);

/// Gives the address that others are told for one of a connection's own.
pub type Advertise = Arc<dyn Fn(SocketAddr) -> SocketAddr + Send + Sync>;

/// What all connections of a driver have in common.
struct Shared {
    addresses: Addresses,
    advertise: Option<Advertise>,
    resolver: Resolver,
    cut: AtomicBool,
    broken: AtomicU64,
}

impl Shared {
    fn new(addresses: Addresses, advertise: Option<Advertise>) -> Shared {
        let (cut, broken) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
        Shared { addresses, advertise, resolver: Resolver::default(), cut, broken }
    }

    /// What others are told of an own address.
    fn told(&self, own: SocketAddr) -> SocketAddr {
        self.advertise.as_ref().map_or(own, |advertise| advertise(own))
    }

    /// Whether no packet passes: for tests.
    fn is_cut(&self) -> bool {
        cfg!(test) && self.cut.load(Ordering::Relaxed)
    }

    /// Whether the task of `link` is to fail at its next step: for tests.
    fn is_broken(&self, link: LinkId) -> bool {
        cfg!(test) && self.broken.load(Ordering::Relaxed) == link.0
    }
}

/// The connections of one driver.
pub(super) struct Links {
    shared: Arc<Shared>,
    /// Those of which the node still hears.
    orders: BTreeMap<LinkId, UnboundedSender<Order>>,
    tasks: JoinSet<()>,
    /// Whose task it is, to tell a fault by.
    owners: HashMap<Id, LinkId>,
    sender: Sender<Input>,
    inputs: Receiver<Input>,
}

impl Links {
    /// No connections yet. To be used inside a tokio runtime.
    pub(super) fn new(addresses: Addresses, advertise: Option<Advertise>) -> Links {
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        Links {
            shared: Arc::new(Shared::new(addresses, advertise)),
            orders: BTreeMap::new(),
            tasks: JoinSet::new(),
            owners: HashMap::new(),
            sender,
            inputs,
        }
    }

    /// Carries out [`Effect::Open`](meshwork_core::seam::io::Effect::Open).
    pub(super) fn open(&mut self, link: LinkId, role: Role, ice: IceConfig) {
        let (sender, orders) = mpsc::unbounded_channel();
        let begin = Begin {
            link,
            role,
            ice,
            shared: Arc::clone(&self.shared),
            orders,
            own_orders: sender.downgrade(),
            inputs: self.sender.clone(),
        };
        let full = self.tasks.len() >= CONNECTIONS_MAX;
        let span = tracing::debug_span!("link", id = link.0);
        let task = match full {
            true => self.tasks.spawn(refuse(begin).instrument(span)),
            false => self.tasks.spawn(task::run(begin).instrument(span)),
        };
        self.owners.insert(task.id(), link);
        self.orders.insert(link, sender);
    }

    /// Carries out [`Effect::Signal`](meshwork_core::seam::io::Effect::Signal).
    pub(super) fn signal(&mut self, link: LinkId, signal: Signal) {
        self.order(link, Order::Signal(signal));
    }

    /// Carries out [`Effect::Send`](meshwork_core::seam::io::Effect::Send).
    pub(super) fn send(&mut self, link: LinkId, channel: Channel, bytes: Vec<u8>) {
        self.order(link, Order::Send(channel, bytes));
    }

    /// Carries out [`Effect::Close`](meshwork_core::seam::io::Effect::Close): nothing is said of it any more.
    pub(super) fn close(&mut self, link: LinkId) {
        self.order(link, Order::Close);
        self.orders.remove(&link);
    }

    /// Waits for the next thing that the node is to be told. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            tokio::select! {
                // In this order: what a connection said before it ended is told first.
                biased;
                input = self.inputs.recv() => {
                    let input = input.expect("this end keeps a sender");
                    if self.is_news(&input) {
                        return input;
                    }
                }
                Some(ended) = self.tasks.join_next_with_id() => {
                    if let Some(input) = self.task_ended(ended) {
                        return input;
                    }
                }
            }
        }
    }

    /// Closes all connections and waits until the other ends were told.
    pub(super) async fn shut_down(mut self) {
        self.inputs.close();
        for (_, orders) in std::mem::take(&mut self.orders) {
            // An error says that it has ended.
            let _ = orders.send(Order::Close);
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUT_DOWN_MAX, all).await.is_err() {
            tracing::debug!("connections were cut off at the end");
        }
    }

    /// The machine may have other addresses than before: connections that look for a path name them.
    pub(super) fn look_again(&mut self) {
        for orders in self.orders.values() {
            // An error says that it has ended.
            let _ = orders.send(Order::LookAgain);
        }
    }

    fn order(&mut self, link: LinkId, order: Order) {
        if let Some(orders) = self.orders.get(&link) {
            // An error says that it has ended and that its last word is on its way.
            let _ = orders.send(order);
        }
    }

    /// Whether the node is to hear of it, which ends with a close and with the link's last word.
    fn is_news(&mut self, input: &Input) -> bool {
        let Some(link) = input.link() else { return false };
        match input {
            Input::Down { .. } => self.orders.remove(&link).is_some(),
            _ => self.orders.contains_key(&link),
        }
    }

    fn task_ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) -> Option<Input> {
        let id = ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id);
        let link = self.owners.remove(&id)?;
        let error = ended.err()?;
        tracing::error!(link = link.0, %error, "a connection's task failed");
        self.orders.remove(&link)?;
        Some(Input::Down {
            link,
            reason: "the connection failed inside this program: this is a fault".into(),
        })
    }
}

#[cfg(test)]
impl Links {
    /// From now on no packet passes in either direction.
    fn cut(&self) {
        self.shared.cut.store(true, Ordering::Relaxed);
    }

    /// Has the task of a connection panic, as hostile bytes might have it do, the next time it does anything.
    fn break_task(&self, link: LinkId) {
        self.shared.broken.store(link.0, Ordering::Relaxed);
    }
}

async fn refuse(begin: Begin) {
    let reason = format!("this program has {CONNECTIONS_MAX} connections already");
    // An error says that nobody wants to know any more.
    let _ = begin.inputs.send(Input::Down { link: begin.link, reason }).await;
}
