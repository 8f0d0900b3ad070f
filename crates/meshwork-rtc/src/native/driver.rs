//! The driver's task and its handle: one node, its clocks, its links, its servers and its store.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::node::{Config, Effect, Input, Node, Output, RoomHandle};
use meshwork_core::rng::Seed;
use meshwork_core::room::MakeReplica;
use meshwork_core::time::Time;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::clock::Clock;
use super::direct::Acknowledged;
use super::events::{self, EventSender, Events, Hold};
use super::history_thread::HistoryThread;
use super::leaving::{Ended, Leaving, Unreported, wait_for};
use super::links::{Addresses, Advertise, Links};
use super::local_server::LocalServer;
use super::network::{LOOK_INTERVAL, Network};
use super::persist::{Persister, Store};
use super::server::Servers;
use crate::report;

/// Calls that wait for the node. More make the callers wait.
const CALLS_MAX: usize = 64;
/// How often the node is told the civil clock, which somebody may have set.
const WALL_CLOCK_INTERVAL: Duration = Duration::from_secs(60);
/// How long a node may sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// What a driver is started with.
pub struct Options {
    /// Makes what the apps of its rooms keep in step.
    pub apps: MakeReplica,
    /// How the node behaves. Its `stores` and `keeps_history` are set by what the store does.
    pub config: Config,
    /// Who it is.
    pub identity: Identity,
    /// The node's entropy; `None` takes it from the system, as anything but a test should.
    pub seed: Option<Seed>,
    /// Where it keeps its rooms; `None` when it does not.
    pub store: Option<Box<dyn Store>>,
    /// The addresses at which others may reach it.
    pub addresses: Addresses,
    /// What others are told instead of each of these, with its port; `None` tells them as they are. For a machine
    /// behind a router that forwards ports to it, and for tests that put something of their own between two ends.
    pub advertise: Option<Advertise>,
    /// A server inside this program, which is taken for the one at its address.
    pub local_server: Option<LocalServer>,
}

impl Options {
    /// A node without storage, reachable at every address of the machine.
    pub fn new(apps: MakeReplica, config: Config, identity: Identity) -> Options {
        Options {
            apps,
            config,
            identity,
            seed: None,
            store: None,
            addresses: Addresses::default(),
            advertise: None,
            local_server: None,
        }
    }
}

/// Why a driver did not start. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was started outside a tokio runtime: start it inside one.
    #[error("a driver needs a tokio runtime")]
    NoRuntime,
    /// The system has no randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The system has no thread for the store.
    #[error("the store's thread cannot be started: {0}")]
    Thread(io::Error),
}

/// The driver has ended: it was shut down, or the node failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped")]
pub struct DriverStopped;

/// A handle to a running node. Copies are handles to the same node, which stops when the last one is dropped.
#[derive(Clone)]
pub struct Driver {
    /// Whatever waits here has a place, or leaves one of the node's few rooms.
    orders: mpsc::UnboundedSender<Order>,
    /// [`CALLS_MAX`] of them.
    places: Arc<Semaphore>,
    endpoint: Endpoint,
    acknowledged: Acknowledged,
    hold: Hold,
    runtime: tokio::runtime::Handle,
    /// The task that runs the node.
    task: tokio::task::Id,
}

type Call = Box<dyn FnOnce(&mut Node, Time) + Send>;

enum Order {
    /// What is to be done, and the place that it has meanwhile.
    Call(Call, OwnedSemaphorePermit),
    Leave(RoomHandle),
    /// Leaves a room once all that was written in it has arrived somewhere.
    LeaveWhenSent(RoomHandle),
    /// Leaves those rooms now that wait for that: the one with this id, or all.
    LeaveNow(Option<RoomId>),
    ShutDown(Ended),
}

/// Starts a node on the current tokio runtime.
///
/// Errors of the network are not errors here: the node tries again by itself and tells of it by events.
///
/// # Errors
/// [`StartError`]; nothing was started.
pub fn start(options: Options) -> Result<(Driver, Events), StartError> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => {
            let mut seed = Seed::default();
            getrandom::fill(&mut seed).map_err(StartError::Randomness)?;
            seed
        }
    };
    let keeps_history = options.store.as_ref().is_some_and(|store| store.keeps_history());
    let config = Config { stores: options.store.is_some(), keeps_history, ..options.config };
    let reader = options.store.as_ref().and_then(|store| store.history_reader());
    let history = HistoryThread::start(reader).map_err(StartError::Thread)?;
    let persister = Persister::start(options.store).map_err(StartError::Thread)?;
    let clock = Clock::start();
    let node = Node::new(options.apps, config, options.identity, seed, clock.now(), Clock::wall());
    let endpoint = node.endpoint();
    let (orders, waiting) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(CALLS_MAX));
    let (sender, events) = events::channel();
    let (acknowledged, hold) = (Acknowledged::default(), sender.hold());
    let task = Task {
        node,
        clock,
        network: Network::new(options.addresses.clone()),
        links: Links::new(options.addresses, options.advertise),
        servers: Servers::new(options.local_server),
        persister,
        history,
        events: sender,
        acknowledged: acknowledged.clone(),
        lost: 0,
    };
    let task = runtime.spawn(run(task, waiting)).id();
    Ok((Driver { orders, places, endpoint, acknowledged, hold, runtime, task }, events))
}

impl Driver {
    /// Who the node is.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Lets direct messages come, or lets them stay with their senders for now, who wait: for an application that has
    /// taken in more than it has dealt with.
    pub fn set_takes_direct(&self, takes: bool) {
        self.hold.set(!takes);
    }

    /// What tells that there may be room for direct messages.
    pub(super) fn acknowledged(&self) -> &Acknowledged {
        &self.acknowledged
    }

    /// Runs `work` on the node, between two of its inputs, and carries out what it asked for.
    ///
    /// Nothing else happens to the node meanwhile, so `work` should not take long.
    ///
    /// # Errors
    /// [`DriverStopped`]; `work` was not run, or it panicked.
    pub async fn call<R, F>(&self, work: F) -> Result<R, DriverStopped>
    where
        R: Send + 'static,
        F: FnOnce(&mut Node, Time) -> R + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let call: Call = Box::new(move |node, now| {
            // An error says that the caller does not wait any more.
            let _ = sender.send(work(node, now));
        });
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| DriverStopped)?;
        self.orders.send(Order::Call(call, place)).map_err(|_| DriverStopped)?;
        answer.await.map_err(|_| DriverStopped)
    }

    /// Leaves a room before whatever is called after this, also where calls wait, and does not wait for it.
    pub fn leave_room(&self, room: RoomHandle) {
        // A node that has stopped has left.
        let _ = self.orders.send(Order::Leave(room));
    }

    /// Leaves a room once what was written in it has arrived somewhere, within a second at the latest, and does not wait for
    /// it. Where other rooms need its place it is left sooner.
    pub fn leave_room_when_sent(&self, room: RoomHandle) {
        // A node that has stopped has left.
        let _ = self.orders.send(Order::LeaveWhenSent(room));
    }

    /// Leaves those rooms now that [`Driver::leave_room_when_sent`] named: the one with this id, or all. It happens before
    /// whatever is called after this.
    pub fn leave_rooms_now(&self, room: Option<RoomId>) {
        // A node that has stopped has left.
        let _ = self.orders.send(Order::LeaveNow(room));
    }

    /// Sends what was written, for a second at most, says goodbye on every link and server, stores what is to be stored, and
    /// stops the node.
    ///
    /// Returns when that is done, or when it could not be done within a few seconds. Calling it again, or after
    /// the node has stopped, does nothing.
    pub async fn shut_down(&self) {
        let (sender, done) = oneshot::channel();
        let Ok(_place) = self.places.acquire().await else { return };
        if self.orders.send(Order::ShutDown(Ended::Asked(sender))).is_ok() {
            // An error says that it is done as well.
            let _ = done.await;
        }
    }

    /// Stops the node as [`Driver::shut_down`] does, and blocks this thread until it has stopped, for so long at most, where
    /// the node goes on meanwhile: on a runtime of several threads. Elsewhere it does not wait. Own writes that reached nobody
    /// by then are reported on standard error.
    pub fn stop_blocking(&self, most: Duration) {
        let (sender, ended) = std::sync::mpsc::channel();
        if self.orders.send(Order::ShutDown(Ended::Dropped(sender))).is_ok() {
            wait_for(&self.runtime, self.task, &ended, most);
        }
    }
}

/// Waits until then. What is due already lets others have their turn and comes back at once: a timer would round it
/// up to the next millisecond, and a newcomer checks signatures in many short turns.
async fn until(due: tokio::time::Instant) {
    if due > tokio::time::Instant::now() {
        tokio::time::sleep_until(due).await;
    } else {
        tokio::task::yield_now().await;
    }
}

struct Task {
    node: Node,
    clock: Clock,
    network: Network,
    links: Links,
    servers: Servers,
    persister: Persister,
    history: HistoryThread,
    events: EventSender,
    acknowledged: Acknowledged,
    /// Own writes in rooms that were left, which reached nobody.
    lost: usize,
}

/// Runs a node to its end.
async fn run(task: Task, mut orders: mpsc::UnboundedReceiver<Order>) {
    // Reports what is lost also where the runtime ends before the node does.
    let mut task = Unreported::new(task, |task| task.lost + task.node.undelivered());
    let ended = task.run_until_asked(&mut orders).await;
    let task = if ended.iter().any(Ended::is_asked) { task.take() } else { task.report() };
    task.shut_down().await;
    ended.into_iter().for_each(Ended::tell);
    // Callers that came meanwhile are told by the end of `orders`.
}

impl Task {
    /// Runs the node until it is to end, and then for as long as something is on its way. Returns who waits for the end.
    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can happen")]
    async fn run_until_asked(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Option<Ended> {
        let mut wall_clock = tokio::time::interval(WALL_CLOCK_INTERVAL);
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        // The first ticks are at once, and the node was told at birth.
        wall_clock.tick().await;
        look.tick().await;
        let mut leaving = Leaving::default();
        loop {
            self.carry_out();
            while let Some(room) = leaving.due(Instant::now(), &self.node) {
                self.lost += self.node.room(room).undelivered();
                self.node.leave_room(self.clock.now(), room);
                self.carry_out();
            }
            if let Some(ended) = leaving.end_due(Instant::now(), &self.node) {
                return ended;
            }
            let due = self.node.poll_timeout().map(|time| self.clock.instant(time));
            let due = due.unwrap_or_else(|| Instant::now() + IDLE);
            let due = tokio::time::Instant::from_std(
                leaving.deadline(Instant::now()).map_or(due, |end| end.min(due)),
            );
            let room = self.persister.has_room();
            tokio::select! {
                order = orders.recv(), if room && !leaving.is_ending() => match order {
                    Some(Order::Call(call, _place)) => {
                        while let Some(room) = leaving.give_way(&self.node) {
                            self.node.leave_room(self.clock.now(), room);
                        }
                        call(&mut self.node, self.clock.now());
                    }
                    Some(Order::Leave(room)) => self.node.leave_room(self.clock.now(), room),
                    Some(Order::LeaveWhenSent(room)) => leaving.add(Instant::now(), room),
                    Some(Order::LeaveNow(id)) => {
                        for room in leaving.take(id, &self.node) {
                            self.node.leave_room(self.clock.now(), room);
                        }
                    }
                    Some(Order::ShutDown(ended)) => leaving.end(Instant::now(), Some(ended)),
                    None => leaving.end(Instant::now(), None),
                },
                input = self.links.next(), if room => {
                    self.node.handle_input(self.clock.now(), input);
                    self.acknowledged.tell();
                }
                input = self.servers.next(), if room => self.node.handle_input(self.clock.now(), input),
                stored = self.persister.next() => {
                    let token = stored.token;
                    let input = match stored.result {
                        Ok(()) => Input::Persisted { token },
                        Err(error) => Input::PersistFailed { token, reason: error.to_string() },
                    };
                    self.node.handle_input(self.clock.now(), input);
                }
                (token, part) = self.history.next() => {
                    self.node.handle_input(self.clock.now(), Input::HistoryRead { token, part });
                }
                () = until(due) => {
                    self.node.handle_timeout(self.clock.now());
                    // Whose session is over is not waited for any longer.
                    self.acknowledged.tell();
                }
                _ = look.tick() => {
                    if self.network.has_changed() {
                        self.node.handle_wall_clock(self.clock.now(), Clock::wall());
                        self.links.look_again();
                        self.node.handle_input(self.clock.now(), Input::NetworkChanged);
                    }
                }
                // What the node kept back is handed over when its outputs are carried out.
                () = self.events.has_room() => {}
                _ = wall_clock.tick() => {
                    self.node.handle_wall_clock(self.clock.now(), Clock::wall());
                }
            }
        }
    }

    /// Carries out everything that the node asked for.
    fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.node.poll_output() {
                match output {
                    Output::Event(event) => {
                        report::event(&event);
                        self.events.send(event);
                    }
                    Output::Effect(effect) => {
                        if let Some(failed) = self.effect(effect) {
                            self.node.handle_input(self.clock.now(), failed);
                        }
                    }
                }
            }
            let takes = !self.events.is_behind();
            if takes == self.node.takes_direct() {
                break;
            }
            self.node.set_takes_direct(self.clock.now(), takes);
        }
    }

    /// Begins to carry out an effect; says when that failed at once.
    fn effect(&mut self, effect: Effect) -> Option<Input> {
        report::effect(&effect);
        match effect {
            Effect::Open { link, role, ice } => self.links.open(link, role, ice),
            Effect::Signal { link, signal } => self.links.signal(link, signal),
            Effect::Send { link, channel, bytes } => self.links.send(link, channel, bytes),
            Effect::Close { link } => self.links.close(link),
            Effect::ServerOpen { server, url } => self.servers.open(server, url),
            Effect::ServerSend { server, text } => return self.servers.send(server, text),
            Effect::ServerClose { server } => self.servers.close(server),
            Effect::Persist { token, room, change } => {
                let error = self.persister.persist(token, room, change).err()?;
                return Some(Input::PersistFailed { token, reason: error.to_string() });
            }
            Effect::ReadHistory { token, room, from, bytes } => {
                if !self.history.read(token, room, from, bytes) {
                    let part = Err(String::from("this program has no history"));
                    return Some(Input::HistoryRead { token, part });
                }
            }
            other => tracing::error!(?other, "this driver does not know an effect of the node"),
        }
        None
    }

    async fn shut_down(mut self) {
        self.node.shut_down(self.clock.now());
        self.carry_out();
        let Task { links, servers, persister, .. } = self;
        tokio::join!(links.shut_down(), servers.shut_down(), persister.shut_down());
    }
}
