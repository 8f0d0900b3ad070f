//! Runs a node in a page: inbox, clock, links, servers.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::node::{CommandError, Config, Effect, Event, Input, Node, Output, RoomHandle, StoredRoom};
use meshwork_core::room::MakeReplica;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::{Time, WallTime};
use web_sys::Event as WebEvent;

use super::clock::{self, Timer, Turn};
use super::connection::Sink;
use super::events::{self, EventSender, Events};
use super::handler::Handler;
use super::links::Links;
use super::servers::Servers;
use super::storage::{Host, Keeper, ListedRoom, StorageError, StorageNews};
use super::strength;
use crate::report;

/// How much more the civil clock than the page's own one may move on between two calls of the node. The page's own
/// stands still while a machine sleeps.
const SLEPT_LEAST: Duration = Duration::from_secs(3);
/// What a window hears when the machine may have another network than before: the second one when a page comes back
/// that the browser had put aside.
const NETWORK_EVENTS: [&str; 2] = ["online", "pageshow"];
/// How often the civil clock is read again, since somebody may have set it: twice as often as a node asks.
const WALL_INTERVAL: Duration = Duration::from_secs(30);

/// How long the node works off what is due before frames, clicks and messages have their turn: a quarter of a frame at
/// 60 a second, so that drawing has the rest.
const SLICE: Duration = Duration::from_millis(4);
/// Signatures between two looks at the clock: half a millisecond, two on a slow phone.
const SIGNATURES_PER_CALL: usize = 4;

/// What a driver is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Makes what the apps of its rooms keep in step.
    pub apps: MakeReplica,
    /// How the node behaves.
    pub config: Config,
    /// Which peer it is (see [`load_identity`](super::load_identity)).
    pub identity: Identity,
    /// In which database of this site its rooms are kept; without one nothing is.
    pub database: Option<String>,
}

impl Options {
    /// A node with fresh entropy that keeps nothing.
    pub fn new(apps: MakeReplica, config: Config, identity: Identity) -> Options {
        Options { apps, config, identity, database: None }
    }
}

/// Why there is no driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Without randomness there are no keys. Nothing was started; another browser may help.
    #[error("the browser gives no randomness: {0}")]
    Entropy(String),
}

/// A running node. Clones are the same node; with the last one dropped it says goodbye.
#[derive(Clone)]
pub struct Driver(Rc<Shared>);

struct Shared {
    /// What JavaScript told since the node was last called. Emptied within every callback, so it holds what
    /// one callback and the effects of one call bring.
    inbox: RefCell<VecDeque<Input>>,
    machine: RefCell<Machine>,
    keeper: Keeper,
    storage_listener: RefCell<Option<StorageListener>>,
    timer: RefCell<Option<(Time, Timer)>>,
    /// The node's turn after everything that waits in the page, and whether it is waited for.
    turn: Turn,
    awaits_turn: Cell<bool>,
    events: EventSender,
    endpoint: Endpoint,
    page_hide: Handler,
    /// The browser is online again, or the page is shown again: its links must prove that they are alive.
    network: Handler,
    /// The page was hidden, or is shown again.
    visibility: Handler,
}

/// What hears of storage.
type StorageListener = Rc<dyn Fn(StorageNews)>;

struct Machine {
    node: Node,
    links: Links,
    servers: Servers,
    wall_read: Time,
    /// Both clocks at the last call.
    last: (Time, WallTime),
}

/// Starts a node in this page.
///
/// # Errors
/// [`StartError`]; nothing is left running.
pub fn start(options: Options) -> Result<(Driver, Events), StartError> {
    let seed = entropy()?;
    let signatures_per_call = SIGNATURES_PER_CALL.min(options.config.signatures_per_call);
    let links_most = strength::links_most();
    let config = Config { signatures_per_call, verifies_on_input: false, links_most, ..options.config };
    // Read one after the other: what lies between them is how far this clock goes wrong.
    let (now, wall) = (clock::now(), clock::wall());
    let node = Node::new(options.apps, config, options.identity, seed, now, wall);
    let endpoint = node.endpoint();
    let (sender, events) = events::channel();
    let shared = Rc::new_cyclic(|shared: &Weak<Shared>| {
        let link_inputs = shared.clone();
        let links = Links::new(move |input| take(&link_inputs, input));
        let server_inputs = shared.clone();
        let sink: Sink = Rc::new(move |input| take(&server_inputs, input));
        let leaving = shared.clone();
        let keeper = Keeper::new(NodeHost(shared.clone()), options.database, endpoint.to_string());
        let changed = shared.clone();
        let turning = shared.clone();
        let seen = shared.clone();
        Shared {
            inbox: RefCell::default(),
            machine: RefCell::new(Machine {
                node,
                links,
                servers: Servers::new(sink),
                wall_read: now,
                last: (now, wall),
            }),
            keeper,
            storage_listener: RefCell::default(),
            timer: RefCell::default(),
            turn: Turn::new(move || {
                if let Some(shared) = turning.upgrade() {
                    shared.handle_turn();
                }
            }),
            awaits_turn: Cell::new(false),
            events: sender,
            endpoint,
            page_hide: Handler::new(move |_: WebEvent| {
                if let Some(shared) = leaving.upgrade() {
                    shared.shut_down();
                }
            }),
            network: Handler::new(move |_: WebEvent| take(&changed, Input::NetworkChanged)),
            visibility: Handler::new(move |_: WebEvent| {
                let node = NodeHost(seen.clone());
                // It is not called from within a call of the node: an event is a turn of its own.
                node.call(&mut |node, now| node.set_links_most(now, strength::links_most()));
            }),
        }
    });
    let reading = Rc::downgrade(&shared);
    shared.events.on_room(move || {
        if let Some(shared) = reading.upgrade() {
            shared.pump();
        }
    });
    if let Some(window) = web_sys::window() {
        // It refuses nothing: an event's name and a function.
        let _ = window.add_event_listener_with_callback("pagehide", shared.page_hide.function());
        for name in NETWORK_EVENTS {
            let _ = window.add_event_listener_with_callback(name, shared.network.function());
        }
        if let Some(document) = strength::document() {
            let changed = shared.visibility.function();
            let _ = document.add_event_listener_with_callback(strength::VISIBILITY_EVENT, changed);
        }
    }
    shared.pump();
    Ok((Driver(shared), events))
}

impl Driver {
    /// Who the node is.
    pub fn endpoint(&self) -> Endpoint {
        self.0.endpoint
    }

    /// Calls the node, then carries out what it asks for.
    ///
    /// # Panics
    /// When called from within `call`.
    pub fn with<R>(&self, call: impl FnOnce(&mut Node, Time) -> R) -> R {
        let mut machine = self.0.machine.borrow_mut();
        let result = call(&mut machine.node, clock::now());
        self.0.settle(&mut machine);
        result
    }

    /// As [`Driver::with`]; `None` when called from within a call.
    pub fn try_with<R>(&self, call: impl FnOnce(&mut Node, Time) -> R) -> Option<R> {
        let mut machine = self.0.machine.try_borrow_mut().ok()?;
        let result = call(&mut machine.node, clock::now());
        self.0.settle(&mut machine);
        Some(result)
    }

    /// As [`Driver::look`]; `None` when called from within [`Driver::with`].
    pub fn try_look<R>(&self, look: impl FnOnce(&Node) -> R) -> Option<R> {
        let machine = self.0.machine.try_borrow().ok()?;
        Some(look(&machine.node))
    }

    /// Looks at the node, which changes nothing.
    ///
    /// # Panics
    /// When called from within [`Driver::with`].
    pub fn look<R>(&self, look: impl FnOnce(&Node) -> R) -> R {
        look(&self.0.machine.borrow().node)
    }

    /// Joins the room at `address`; what is stored of it in this browser is shown whether anybody answers or not.
    /// What becomes of it is told by events.
    ///
    /// # Errors
    /// [`CommandError::TooManyRooms`].
    pub async fn join_room(&self, address: RoomAddress) -> Result<RoomHandle, CommandError> {
        self.enter_room(address, None).await
    }

    /// The same for a room whose genesis is known: it opens at once, stored or not.
    ///
    /// # Errors
    /// [`CommandError::TooManyRooms`].
    pub async fn enter_room(
        &self,
        address: RoomAddress,
        genesis: Option<Vec<u8>>,
    ) -> Result<RoomHandle, CommandError> {
        let stored = self.0.keeper.find(address.room(), place(&address).as_deref()).await;
        let join = |stored: Option<StoredRoom>| {
            let (address, genesis) = (address.clone(), genesis.clone());
            self.with(|node, now| match (stored, genesis) {
                (None, Some(genesis)) => node.join_by_genesis(now, address, genesis),
                (stored, _) => node.join_room(now, address, stored),
            })
        };
        match join(stored) {
            // What is stored under this address is another room, or damaged.
            Err(CommandError::Stored(_)) => join(None),
            joined => joined,
        }
    }

    /// Leaves a room; it is stored no longer, and what was stored stays.
    pub fn leave_room(&self, room: RoomHandle) {
        self.with(|node, now| node.leave_room(now, room));
        self.0.keeper.close(room);
    }

    /// Whether all that was stored of a room has been handed to the node, or cannot be.
    pub fn is_restored(&self, room: RoomHandle) -> bool {
        self.0.keeper.is_restored(room)
    }

    /// Notes the link by which a room is found, which this program is in.
    pub fn note_link(&self, room: RoomId, link: &RoomAddress) {
        self.0.keeper.note(room, place(link), link.to_string());
    }

    /// Notes that a room is found at another link too.
    ///
    /// # Errors
    /// [`StorageError`]; it is not noted.
    pub async fn note_further(&self, room: RoomId, link: &RoomAddress) -> Result<(), StorageError> {
        match place(link) {
            Some(place) => self.0.keeper.note_further(room, &place).await,
            None => Ok(()),
        }
    }

    /// The stored room that was found at a link, whatever stands behind its `#`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn room_at(&self, link: &RoomAddress) -> Result<Option<RoomId>, StorageError> {
        match place(link) {
            Some(place) => self.0.keeper.room_at(&place).await,
            None => Ok(None),
        }
    }

    /// All rooms that are stored.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn rooms(&self) -> Result<Vec<ListedRoom>, StorageError> {
        self.0.keeper.rooms().await
    }

    /// The stored rooms of which nobody else is known to have everything, the longest unused first: they are forgotten only by
    /// [`Driver::forget`].
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn only_here(&self) -> Result<Vec<RoomId>, StorageError> {
        self.0.keeper.only_here().await
    }

    /// Notes that an app offered a blob in a room, which nobody else may have.
    pub fn note_blob(&self, room: RoomId) {
        self.0.keeper.note_blob(room);
    }

    /// Whether no page, this one or another, is in a room. It takes a second to find out that one is.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn is_free(&self, room: RoomId) -> Result<bool, StorageError> {
        self.0.keeper.is_free(room).await
    }

    /// Removes everything that is stored of a room.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while a page is in it; it is stored then.
    pub async fn forget(&self, room: RoomId) -> Result<(), StorageError> {
        self.0.keeper.forget(room).await
    }

    /// Lets direct messages come, or lets them stay with their senders for now, who wait: for an application that has
    /// taken in more than it has dealt with.
    pub fn set_takes_direct(&self, takes: bool) {
        self.0.events.set_held(!takes);
        self.0.pump();
    }

    /// Calls `listener` with what becomes of storage, until another one is set.
    pub fn on_storage(&self, listener: impl Fn(StorageNews) + 'static) {
        *self.0.storage_listener.borrow_mut() = Some(Rc::new(listener));
    }

    /// Says goodbye on every link and server. The page does the same when it is closed or left.
    pub fn shut_down(&self) {
        self.0.shut_down();
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// Bytes from the browser's generator of randomness.
///
/// # Errors
/// [`StartError::Entropy`], in the browser's words.
pub fn entropy<const LENGTH: usize>() -> Result<[u8; LENGTH], StartError> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Entropy(error.to_string()))?;
    Ok(bytes)
}

fn take(shared: &Weak<Shared>, input: Input) {
    if let Some(shared) = shared.upgrade() {
        shared.inbox.borrow_mut().push_back(input);
        shared.pump();
    }
}

/// The driver as its keeper sees it.
struct NodeHost(Weak<Shared>);

impl Host for NodeHost {
    fn call(&self, call: &mut dyn FnMut(&mut Node, Time)) -> bool {
        let Some(shared) = self.0.upgrade() else { return false };
        let Ok(mut machine) = shared.machine.try_borrow_mut() else { return false };
        call(&mut machine.node, clock::now());
        shared.settle(&mut machine);
        true
    }

    fn take(&self, input: Input) {
        take(&self.0, input);
    }

    fn tell(&self, news: StorageNews) {
        let listener = self.0.upgrade().and_then(|shared| shared.storage_listener.borrow().clone());
        if let Some(listener) = listener {
            listener(news);
        }
    }
}

/// Where a room is found, whichever of its apps is in front, as it is noted beside it.
fn place(address: &RoomAddress) -> Option<String> {
    address.server().map(|(server, code)| format!("{server}/{code}"))
}

impl Shared {
    /// Brings the node up to date, unless it is being called: then whoever calls it does so.
    fn pump(self: &Rc<Self>) {
        if let Ok(mut machine) = self.machine.try_borrow_mut() {
            self.settle(&mut machine);
        }
    }

    /// Carries out what the node asks for, and sees to it that it is called when it wants to be.
    ///
    /// A node with nothing to do before does the first of what is due at once: somebody's stroke is shown by the very
    /// callback that brings it. What is due beyond that waits for its turn, and so does everything that comes
    /// meanwhile: a burst of messages costs frames no more than one.
    fn settle(self: &Rc<Self>, machine: &mut Machine) {
        self.work_off(machine);
        let mut due = machine.node.poll_timeout();
        let now = machine.last.0;
        if !self.awaits_turn.get() && due.is_some_and(|due| due <= now) {
            machine.node.handle_timeout(now);
            self.work_off(machine);
            due = machine.node.poll_timeout();
        }
        self.arm(due);
    }

    fn work_off(&self, machine: &mut Machine) {
        let (now, wall) = (clock::now(), clock::wall());
        let passed = Time(wall.0).since(Time(machine.last.1.0));
        let slept = passed > now.since(machine.last.0) + SLEPT_LEAST;
        machine.last = (now, wall);
        if slept || now.since(machine.wall_read) >= WALL_INTERVAL {
            machine.wall_read = now;
            machine.node.handle_wall_clock(now, wall);
        }
        if slept {
            machine.node.handle_input(now, Input::NetworkChanged);
        }
        loop {
            while let Some(output) = machine.node.poll_output() {
                match output {
                    Output::Effect(Effect::Persist { token, room, change }) => {
                        self.keeper.persist(token, room, change);
                    }
                    Output::Effect(effect) => machine.carry_out(effect),
                    Output::Event(event) => {
                        report::event(&event);
                        self.keep(machine, &event);
                        self.events.send(event);
                    }
                }
            }
            let takes = !self.events.is_behind();
            if takes != machine.node.takes_direct() {
                machine.node.set_takes_direct(clock::now(), takes);
                continue;
            }
            let next = self.inbox.borrow_mut().pop_front();
            let Some(input) = next else { break };
            machine.node.handle_input(clock::now(), input);
        }
    }

    /// What an event means for storage.
    fn keep(&self, machine: &Machine, event: &Event) {
        match event {
            Event::RoomOpened { room, id } => self.keeper.open(*room, *id),
            Event::RoomRefused { room, .. } => self.keeper.close(*room),
            Event::InStep { room, .. } => self.keeper.handle_in_step(*room),
            Event::RoomRegistered { room, .. } => {
                let room = machine.node.room(*room);
                if let Some((id, link)) = room.id().zip(room.address()) {
                    self.keeper.note(id, place(&link), link.to_string());
                }
            }
            _ => {}
        }
    }

    /// Keeps one timer for the node's next deadline; one that is early enough stays.
    fn arm(self: &Rc<Self>, deadline: Option<Time>) {
        let Some(deadline) = deadline else {
            *self.timer.borrow_mut() = None;
            return;
        };
        let wait = deadline.since(clock::now());
        if wait.is_zero() {
            return self.ask_turn();
        }
        let is_early_enough = matches!(&*self.timer.borrow(), Some((armed, _)) if *armed <= deadline);
        if is_early_enough {
            return;
        }
        let shared = Rc::downgrade(self);
        let timer = Timer::new(wait, move || {
            if let Some(shared) = shared.upgrade() {
                shared.handle_timer();
            }
        });
        *self.timer.borrow_mut() = Some((deadline, timer));
    }

    fn ask_turn(&self) {
        if !self.awaits_turn.replace(true) {
            self.turn.ask();
        }
    }

    fn handle_timer(self: &Rc<Self>) {
        // Taken first: it has fired, and `arm` must make another. Dropped last: it is running.
        let fired = self.timer.borrow_mut().take();
        // What is due has its turn, so that one slice does not follow another before a frame.
        self.ask_turn();
        drop(fired);
    }

    /// Works off what is due, a slice of it.
    fn handle_turn(self: &Rc<Self>) {
        self.awaits_turn.set(false);
        if let Ok(mut machine) = self.machine.try_borrow_mut() {
            let mut now = clock::now();
            // A call that is likely to end after the slice is left to the next one.
            let (begun, mut longest) = (now, Duration::ZERO);
            let due = loop {
                machine.node.handle_timeout(now);
                self.work_off(&mut machine);
                let (before, due) = (now, machine.node.poll_timeout());
                now = clock::now();
                longest = longest.max(now.since(before));
                if due.is_none_or(|due| due > before) || now.since(begun) + longest > SLICE {
                    break due;
                }
            };
            self.arm(due);
        }
    }

    fn shut_down(self: &Rc<Self>) {
        self.keeper.flush();
        if let Ok(mut machine) = self.machine.try_borrow_mut() {
            machine.node.shut_down(clock::now());
            self.settle(&mut machine);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(window) = web_sys::window() {
            // A listener that is not there is no error.
            let _ = window.remove_event_listener_with_callback("pagehide", self.page_hide.function());
            if let Some(document) = strength::document() {
                let changed = self.visibility.function();
                let _ = document.remove_event_listener_with_callback(strength::VISIBILITY_EVENT, changed);
            }
            for name in NETWORK_EVENTS {
                let _ = window.remove_event_listener_with_callback(name, self.network.function());
            }
        }
        // The node's goodbyes; nothing can call back any more.
        let mut machine = self.machine.borrow_mut();
        machine.node.shut_down(clock::now());
        while let Some(output) = machine.node.poll_output() {
            if let Output::Effect(effect) = output {
                machine.carry_out(effect);
            }
        }
    }
}

impl Machine {
    fn carry_out(&mut self, effect: Effect) {
        report::effect(&effect);
        match self.links.carry_out(effect) {
            Some(Effect::ServerOpen { server, url }) => self.servers.open(server, &url),
            Some(Effect::ServerSend { server, text }) => self.servers.send(server, &text),
            Some(Effect::ServerClose { server }) => self.servers.close(server),
            // What is to be stored went to the keeper; a node asks for nothing else.
            _ => {}
        }
    }
}
