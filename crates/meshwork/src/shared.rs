//! What the clones of an endpoint share: its runner, its rooms, and who listens to what.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use meshwork_core::id::{Code, Endpoint as EndpointId, PeerId, RoomId};
use meshwork_core::node::{Event as NodeEvent, Node, RoomHandle, RoomRefusal, ServerState};
use meshwork_core::replica::{Changes, ReplicaNumber};
use meshwork_core::seam::lane::{DirectEnd, DirectToken, Slot, Topic};
use meshwork_core::signalling::address::{LAN, RoomAddress, RoomKeys, signalling_url};
use meshwork_core::signed::batch::BatchKey;
use meshwork_core::time::Time;
use tokio::sync::{Notify, oneshot};

use crate::blobs::{BlobStore, Pump, answer, carry_out, is_seeking};
use crate::dispatch::of_room;
use crate::error::Closed;
use crate::event::{EVENTS_MAX, EndpointEvent, Event};
use crate::hold::{FindHold, Hold};
use crate::inbox::{Inbox, Outbox, Readers, inbox};
use crate::member::Member;
use crate::runner::{Call, MaybeSend, MaybeSync, Runner, State};
use crate::session::Clock;
use crate::store::StoreError;
use crate::topic::{Lane, MESSAGES_MAX};
use crate::unheard::{Message, Unheard};

/// People of a room whose names are remembered when they have left: those of the largest rooms that have a full mesh, often.
const NAMES_MAX: usize = 1024;

/// What the clones of an endpoint share.
pub(crate) struct Shared {
    pub(crate) runner: Box<dyn Runner>,
    pub(crate) clock: Clock,
    /// Where blobs lie.
    pub(crate) blobs: BlobStore,
    pub(crate) servers: Vec<String>,
    rooms: Mutex<BTreeMap<RoomHandle, Arc<RoomState>>>,
    listeners: Mutex<Vec<Outbox<EndpointEvent>>>,
    /// Somebody read a message that waited.
    pub(crate) read: Arc<Notify>,
    /// The last that was heard of each server.
    server_states: Mutex<BTreeMap<String, ServerState>>,
    /// The last thing from outside that was refused, in words.
    refused: Mutex<Option<String>>,
    /// How long joining and making a room may take.
    pub(crate) patience: Duration,
    /// Whether this program's name is kept with its writes.
    pub(crate) keeps_name: AtomicBool,
    /// Held while a room is entered, so that two calls for one room enter it once.
    pub(crate) entering: tokio::sync::Mutex<()>,
    hold: FindHold,
}

/// Something that is to be done with the node, and where what comes of it will lie: whatever is done, waiting for it is one
/// code, of which a page loads less.
pub(crate) struct Asked<R> {
    pub(crate) call: Call,
    pub(crate) answer: Answer<R>,
}

/// Where an answer will lie.
pub(crate) struct Answer<R>(Arc<Mutex<Option<R>>>);

impl<R> Answer<R> {
    /// The answer, once this was done.
    pub(crate) async fn after(self, done: impl Future<Output = Result<(), Closed>>) -> Result<R, Closed> {
        done.await?;
        let answer = locked(&self.0).take();
        answer.ok_or(Closed)
    }
}

impl<R: MaybeSend + 'static> Asked<R> {
    pub(crate) fn new(work: impl FnOnce(&mut Node, Time) -> R + MaybeSend + 'static) -> Asked<R> {
        let answer = Arc::new(Mutex::new(None));
        let place = Arc::clone(&answer);
        let call = move |node: &mut Node, now: Time| {
            let done = work(node, now);
            *locked(&place) = Some(done);
        };
        Asked { call: Box::new(call), answer: Answer(answer) }
    }
}

/// One room, as far as events tell of it.
pub(crate) struct RoomState {
    pub(crate) handle: RoomHandle,
    known: Mutex<Known>,
    changed: Notify,
}

/// One handle of a room: a [`Room`](crate::Room) and its clones. Each call of [`Endpoint::join`](crate::Endpoint::join)
/// returns a handle of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Holder(u64);

/// What is known of a room.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) phase: Phase,
    /// The handles that have not left: the room is left with the last one.
    holders: BTreeSet<Holder>,
    next_holder: u64,
    /// Whether this program made the room or opened it from its store, so that nobody has to admit it.
    pub(crate) is_in: bool,
    pub(crate) link: Option<RoomAddress>,
    /// Its code at the server that registered it last, which may be the local network.
    pub(crate) code: Option<Code>,
    /// Whether it is the commons of one network, which ends when the machine moves to another one.
    pub(crate) is_of_network: bool,
    /// Whether a member let this program in, and holds the same rules.
    pub(crate) is_let_in: bool,
    /// Whether a member says that the secret is not the room's any more.
    pub(crate) is_shut_out: bool,
    /// What came of the last invitation or answer, its text or why there is no link; and how many were made.
    pub(crate) by_hand: Option<Result<String, String>>,
    pub(crate) by_hand_count: u64,
    /// Whether a server took it in.
    pub(crate) is_registered: bool,
    /// Whether a server does not know it.
    pub(crate) is_unknown: bool,
    /// Who is in the room.
    pub(crate) present: BTreeSet<EndpointId>,
    /// What those who were here call themselves, at most [`NAMES_MAX`].
    pub(crate) names: BTreeMap<PeerId, String>,
    /// What each says of itself, by app.
    pub(crate) presence: BTreeMap<(Slot, EndpointId), Vec<u8>>,
    /// Direct messages that have not ended: to whom, and who waits for the end.
    pub(crate) directs: BTreeMap<DirectToken, (EndpointId, DirectEnded)>,
    /// Its blobs that are being fetched.
    pub(crate) pump: Pump,
    /// How often something in it changed.
    pub(crate) changes: u64,
    /// State that apps keep of the room while this program is in it, by slot and type: an [`Arc`] of the type each.
    states: BTreeMap<(Slot, TypeId), State>,
    events: Vec<(Holder, Outbox<Event>)>,
    topics: Vec<(Holder, (Slot, Topic), Outbox<Message>)>,
    unheard: Unheard,
    watches: Vec<(Holder, Watched, Outbox<Changed>)>,
}

/// Of what changes are heard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watched {
    /// A replica.
    Replica(ReplicaNumber),
    /// Every replica whose changes this function accepts.
    #[allow(dead_code, reason = "only the objects of some apps use it")]
    Changes(fn(&Changes) -> bool),
}

/// Who waits for how a direct message ends, and why.
pub(crate) type DirectEnded = oneshot::Sender<(DirectEnd, Option<String>)>;

/// Whether a further link leads into a room in which this program is, or which it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does.
    Fits,
    /// Its secret is not the room's.
    Wrong,
    /// It may be that the room opens by this link alone, so that it is entered anew.
    Unknown,
}

/// How far a room is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is looked for.
    #[default]
    Looking,
    /// Its genesis is known.
    Open,
    /// It cannot be entered.
    Refused(RoomRefusal),
    /// It was left.
    Left,
}

/// What looks different in a replica.
#[derive(Clone)]
pub(crate) struct Changed {
    /// By which batch; `None` where what was there already counts again, or no more.
    pub(crate) batch: Option<BatchKey>,
    pub(crate) changes: Changes,
}

/// A panic while a lock was held left what it guards whole: every step on it is one call.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        runner: Box<dyn Runner>,
        blobs: BlobStore,
        servers: Vec<String>,
        patience: Duration,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            runner,
            clock: Clock::begin(),
            blobs,
            servers,
            rooms: Mutex::default(),
            listeners: Mutex::default(),
            read: Arc::default(),
            server_states: Mutex::default(),
            refused: Mutex::default(),
            patience,
            keeps_name: AtomicBool::new(false),
            entering: tokio::sync::Mutex::new(()),
            hold: FindHold::default(),
        })
    }

    /// Whether rooms are searched on the local network.
    pub(crate) fn has_lan(&self) -> bool {
        self.servers.iter().any(|server| server == LAN)
    }

    /// The endpoint's hold was made.
    pub(crate) fn set_hold(&self, hold: Weak<Hold>) {
        // It is made once.
        let _ = self.hold.set(hold);
    }

    /// The endpoint's hold, unless the program let go of the endpoint.
    pub(crate) fn hold(&self) -> Option<Arc<Hold>> {
        self.hold.get()?.upgrade()
    }

    /// Removes everything that is kept of a room in which nobody here is.
    pub(crate) async fn forget(&self, room: RoomId) -> Result<(), StoreError> {
        self.runner.forget(room).await?;
        self.blobs.free_room(room).await.map_err(StoreError::Failed)
    }

    /// Does something with the node and returns what comes of it.
    pub(crate) fn call<R: MaybeSend + 'static>(
        &self,
        work: impl FnOnce(&mut Node, Time) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        let Asked { call, answer } = Asked::new(work);
        answer.after(self.runner.call(call))
    }

    /// What is known of a room, from the moment on at which its handle is.
    pub(crate) fn enter(&self, handle: RoomHandle) -> Arc<RoomState> {
        let new = || Arc::new(RoomState { handle, known: Mutex::default(), changed: Notify::new() });
        Arc::clone(locked(&self.rooms).entry(handle).or_insert_with(new))
    }

    /// The room of a link, if this endpoint is in it or enters it.
    pub(crate) fn present(&self, link: &RoomAddress) -> Option<Arc<RoomState>> {
        self.every_room().into_iter().find(|room| {
            room.look(|known| {
                let is_live = matches!(known.phase, Phase::Looking | Phase::Open);
                let is_code = known.code.is_some_and(|code| link.server() == Some((LAN, code)));
                is_live && (is_code || known.link.as_ref().is_some_and(|known| is_same_room(known, link)))
            })
        })
    }

    /// A handle leaves: the room is left with the last one.
    pub(crate) fn let_go(&self, room: &RoomState, holder: Holder) {
        if room.let_go(holder) {
            self.leave(room.handle);
        }
    }

    /// Leaves a room, once.
    fn leave(&self, handle: RoomHandle) {
        // Nobody else waits for the lock while the node is called.
        let left = locked(&self.rooms).remove(&handle);
        if let Some(room) = left {
            room.end();
            if let Some(id) = room.look(|known| known.link.as_ref().and_then(RoomAddress::room)) {
                self.blobs.leave(id);
            }
            self.runner.leave(handle);
        }
    }

    /// Whoever waits for anything of it is told that the endpoint has closed.
    pub(crate) fn close(&self) {
        let rooms = std::mem::take(&mut *locked(&self.rooms));
        rooms.into_values().for_each(|room| room.end());
        locked(&self.listeners).clear();
    }

    pub(crate) fn listen(&self, listener: Outbox<EndpointEvent>) {
        locked(&self.listeners).push(listener);
    }

    fn tell(&self, event: &EndpointEvent) {
        let mut readers = Readers::default();
        locked(&self.listeners).retain(|listener| listener.push(event.clone(), &mut readers));
    }

    /// Whether a listener lets so many messages wait that direct ones are to stay with their senders, until it reads.
    pub(crate) fn is_behind(&self, was: bool) -> bool {
        let most = if was { MESSAGES_MAX / 4 } else { MESSAGES_MAX / 2 };
        self.every_room().iter().any(|room| room.look(|known| known.waiting()) >= most)
    }

    /// A message that waited was read.
    pub(crate) fn note_read(&self) {
        self.read.notify_one();
    }

    /// What became of the servers.
    pub(crate) fn servers(&self) -> Vec<(String, ServerState)> {
        locked(&self.server_states).iter().map(|(url, state)| (url.clone(), state.clone())).collect()
    }

    /// What is known of one server, by its `http(s)://HOST`.
    pub(crate) fn server_state(&self, server: &str) -> Option<ServerState> {
        locked(&self.server_states).get(&signalling_url(server)).cloned()
    }

    /// The last thing from outside that was refused, in words.
    pub(crate) fn last_refused(&self) -> Option<String> {
        locked(&self.refused).clone()
    }

    pub(crate) fn room(&self, handle: RoomHandle) -> Option<Arc<RoomState>> {
        locked(&self.rooms).get(&handle).cloned()
    }

    pub(crate) fn every_room(&self) -> Vec<Arc<RoomState>> {
        locked(&self.rooms).values().cloned().collect()
    }

    /// Takes in what the node tells.
    pub(crate) async fn handle(self: &Arc<Shared>, event: NodeEvent) {
        match event {
            NodeEvent::Server { url, state } => {
                self.tell(&EndpointEvent::Server { url: url.clone(), state: state.clone() });
                // One that is away stays so in words until it is back.
                let mut states = locked(&self.server_states);
                if !(state == ServerState::Connecting && states.contains_key(&url)) {
                    states.insert(url, state);
                }
                drop(states);
                self.every_room().iter().for_each(|room| room.changed.notify_waiters());
            }
            NodeEvent::Link { endpoint, state, reason } => {
                for room in self.every_room() {
                    room.changed.notify_waiters();
                    if let Some(member) = self.member(room.handle, endpoint).await {
                        room.tell(&Event::Link { member, state, reason: reason.clone() });
                    }
                }
            }
            NodeEvent::Refused { endpoint, reason, detail, count } => {
                if reason.concerns_people() {
                    *locked(&self.refused) = Some(format!("{reason}, {detail}"));
                }
                self.tell(&EndpointEvent::Refused { endpoint, reason, detail, count });
            }
            event => {
                if let Some((handle, event)) = of_room(event)
                    && let Some(room) = self.room(handle)
                {
                    self.handle_in(&room, event).await;
                }
            }
        }
    }

    async fn handle_in(self: &Arc<Shared>, room: &Arc<RoomState>, event: NodeEvent) {
        match event {
            NodeEvent::BlobsWaiting { .. } => self.pump(room),
            NodeEvent::Said { from, slot, topic, bytes, .. } if is_seeking(&topic) => {
                self.runner.spawn(Box::pin(answer(Arc::clone(self), Arc::clone(room), from, slot, bytes)));
            }
            NodeEvent::Direct { topic, .. } if is_seeking(&topic) => {}
            NodeEvent::RoomOpened { id, .. } => self.handle_opened(room, id).await,
            NodeEvent::RoomRegistered { code, .. } => {
                self.learn_link(room).await;
                room.change(|known| {
                    (known.is_registered, known.is_unknown) = (true, false);
                    known.code = Some(code);
                });
                room.tell(&Event::Registered(code));
            }
            NodeEvent::SecretChanged { .. } => {
                self.learn_link(room).await;
                room.tell(&Event::LinkChanged);
            }
            NodeEvent::RoomWaiting { .. } => {
                room.change(|known| known.is_unknown = true);
                room.tell(&Event::Unknown);
            }
            NodeEvent::RoomRefused { reason, .. } => {
                room.change(|known| known.phase = Phase::Refused(reason.clone()));
                room.tell(&Event::Refused(reason));
            }
            NodeEvent::MemberAttached { endpoint, .. } => self.handle_attached(room, endpoint).await,
            NodeEvent::MemberDetached { endpoint, distant, .. } => {
                self.handle_detached(room, endpoint, distant).await;
            }
            NodeEvent::RecordsInStep { .. } => room.change(|known| known.is_let_in = true),
            NodeEvent::ShutOut { .. } => room.change(|known| known.is_shut_out = true),
            NodeEvent::HistoryChanged { .. } => room.changed.notify_waiters(),
            NodeEvent::RulesChanged { .. } => room.tell(&Event::RulesChanged),
            NodeEvent::RoomTime { ahead_ms, .. } => room.tell(&Event::ClockDiffers(ahead_ms)),
            NodeEvent::ClockApart { endpoint, ahead_ms, .. } => {
                room.tell(&Event::ClockApart { endpoint, ahead_ms });
            }
            NodeEvent::WaitingChanged { .. } => room.tell(&Event::WaitingChanged),
            NodeEvent::Equivocation { endpoint, detail, .. } => {
                room.tell(&Event::Contradicted { endpoint, detail });
            }
            NodeEvent::GaveUp { .. } => room.tell(&Event::GaveUp),
            NodeEvent::StorageFailed { reason, .. } => room.tell(&Event::StorageFailed(reason)),
            NodeEvent::StorageRecovered { .. } => room.tell(&Event::StorageRecovered),
            NodeEvent::Acknowledged { by, sequences, stored, .. } => {
                room.changed.notify_waiters();
                room.tell(&Event::Kept { by, sequences, stored });
            }
            NodeEvent::Saved { sequence, .. } => room.tell(&Event::Saved(sequence)),
            NodeEvent::InStep { endpoint, .. } => {
                room.changed.notify_waiters();
                room.tell(&Event::InStep(endpoint));
            }
            event => room.hear(event),
        }
    }

    async fn handle_opened(&self, room: &RoomState, id: RoomId) {
        self.learn_link(room).await;
        let handle = room.handle;
        // Whoever asks for a blob is answered from here on. A node that has stopped holds nothing.
        let _ = self.call(move |node, now| node.room_mut(now, handle).blobs(|_, _| ())).await;
        room.change(|known| {
            // A room that is opened by its code alone has no link of its own while no server answers.
            if let Some(link) = known.link.take_if(|link| link.room().is_none()) {
                let secrets = link.secrets();
                known.link = Some(link.with_keys(RoomKeys { room: id, secrets }));
            }
            known.phase = Phase::Open;
        });
        room.tell(&Event::Opened(id));
    }

    /// Has that done which is to be done about a room's blobs.
    pub(crate) fn pump(self: &Arc<Shared>, room: &Arc<RoomState>) {
        self.runner.spawn(Box::pin(carry_out(Arc::clone(self), Arc::clone(room))));
    }

    async fn handle_attached(&self, room: &RoomState, endpoint: EndpointId) {
        let is_new = room.look(|known| known.present.insert(endpoint));
        room.changed.notify_waiters();
        if let Some(member) = self.member(room.handle, endpoint).await {
            room.look(|known| known.note_name(&member));
            room.tell(&if is_new { Event::Joined(member) } else { Event::Near(member) });
        }
    }

    /// A member is no neighbour any more. A distant one is still reached through others.
    async fn handle_detached(&self, room: &RoomState, endpoint: EndpointId, distant: bool) {
        if distant {
            if let Some(member) = self.member(room.handle, endpoint).await {
                room.tell(&Event::Distant(member));
            }
            return;
        }
        let was_here = room.look(|known| known.present.remove(&endpoint));
        if let Some(member) = self.member(room.handle, endpoint).await.filter(|_| was_here) {
            room.look(|known| known.note_name(&member));
            let reason = member.reason().map(str::to_owned);
            room.tell(&Event::Left { member, reason });
        }
    }

    async fn learn_link(&self, room: &RoomState) {
        let handle = room.handle;
        // The code of the local network is in no link.
        let has_server = |link: &RoomAddress| link.server().is_some_and(|(server, _)| server != LAN);
        let was_without_code = room.look(|known| !known.link.as_ref().is_some_and(has_server));
        let read = move |node: &mut Node, _| {
            let room = node.room(handle);
            let without_code = || was_without_code.then(|| room.address_without_code()).flatten();
            room.address().or_else(without_code)
        };
        if let Ok(Some(link)) = self.call(read).await {
            self.note(&link).await;
            room.change(|known| known.link = Some(link));
        }
    }

    /// Notes beside what is stored of a room where it is found. Without it the room is found by its whole link alone.
    async fn note(&self, link: &RoomAddress) {
        let Some(id) = link.room() else { return };
        if let Err(error) = self.runner.note(id, link.clone()).await {
            tracing::warn!(%error, "where a room is found is not noted");
        }
    }

    pub(crate) async fn member(&self, room: RoomHandle, endpoint: EndpointId) -> Option<Member> {
        let find =
            move |node: &mut Node, now| node.room(room).peer(endpoint).map(|view| Member::new(view, now));
        self.call(find).await.ok()?
    }
}

/// Whether two links are of one room, as far as they tell: by its id, or by its code at a server if one of them has no id.
fn is_same_room(one: &RoomAddress, other: &RoomAddress) -> bool {
    match (one.room(), other.room()) {
        (Some(one), Some(other)) => one == other,
        _ => one.server().is_some() && one.server() == other.server(),
    }
}

impl Known {
    /// Whether this handle is left, or the room is.
    pub(crate) fn is_left(&self, holder: Holder) -> bool {
        self.phase == Phase::Left || !self.holders.contains(&holder)
    }

    /// Whether a further link of the room has the secret by which this program is in it, or enters it.
    pub(crate) fn opens_by(&self, link: &RoomAddress) -> Fit {
        let Some(secrets) = link.secrets() else { return Fit::Fits };
        let own = self.link.as_ref().and_then(RoomAddress::secrets);
        let (is_in, is_same) = (self.is_entered(), own.map(|own| own.secret) == Some(secrets.secret));
        let is_renewed = own.and_then(|own| own.renewed) == secrets.renewed;
        if is_same && (is_renewed || is_in && !self.is_shut_out) {
            Fit::Fits
        } else if !is_same && own.is_some() && is_in {
            Fit::Wrong
        } else {
            Fit::Unknown
        }
    }

    /// Whether this program is in the room, and need not wait for a member to admit it.
    pub(crate) fn is_entered(&self) -> bool {
        match self.phase {
            Phase::Looking => self.is_in,
            Phase::Open => self.is_in || self.is_let_in,
            Phase::Refused(_) | Phase::Left => false,
        }
    }

    /// Whether a handle of the room has not left.
    pub(crate) fn is_held(&self) -> bool {
        !self.holders.is_empty()
    }

    fn hold(&mut self) -> Holder {
        let holder = Holder(self.next_holder);
        self.next_holder += 1;
        self.holders.insert(holder);
        holder
    }

    fn note_name(&mut self, member: &Member) {
        let has_place = self.names.len() < NAMES_MAX || self.names.contains_key(&member.peer());
        if has_place && !member.name().is_empty() {
            self.names.insert(member.peer(), member.name().to_owned());
        }
    }

    /// Whether somebody here listens to a topic.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn has_listener(&self, slot: Slot, topic: &Topic) -> bool {
        self.topics.iter().any(|(_, (of, listened), _)| *of == slot && listened == topic)
    }

    /// Messages that wait for the listener who is furthest behind.
    fn waiting(&self) -> usize {
        self.topics.iter().map(|(_, _, messages)| messages.waiting()).max().unwrap_or(0)
    }
}

impl Watched {
    /// Whether these changes are of it.
    fn has(self, number: ReplicaNumber, changes: &Changes) -> bool {
        match self {
            Watched::Replica(watched) => watched == number,
            Watched::Changes(accepts) => accepts(changes),
        }
    }
}

impl RoomState {
    /// Looks at what is known, or notes something, which nobody waits for.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut Known) -> R) -> R {
        look(&mut locked(&self.known))
    }

    /// Notes something, and lets those look who wait.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut locked(&self.known));
        self.changed.notify_waiters();
    }

    /// A handle of a room that was just entered.
    pub(crate) fn hold(&self) -> Holder {
        self.look(Known::hold)
    }

    /// A further handle of a room that another one holds, unless that one has just left.
    pub(crate) fn hold_too(&self) -> Option<Holder> {
        self.look(|known| known.is_held().then(|| known.hold()))
    }

    /// A handle leaves, and its listeners hear nothing more. Whether it was the last one.
    fn let_go(&self, holder: Holder) -> bool {
        let is_last = |known: &mut Known| {
            let was_held = known.holders.remove(&holder);
            known.events.retain(|(of, _)| *of != holder);
            known.topics.retain(|(of, _, _)| *of != holder);
            known.watches.retain(|(of, _, _)| *of != holder);
            was_held && !known.is_held()
        };
        let is_last = self.look(is_last);
        self.changed.notify_waiters();
        is_last
    }

    /// State of this type that the app in a slot keeps of the room; its default at first.
    pub(crate) fn state<T: Any + Default + MaybeSend + MaybeSync>(&self, slot: Slot) -> Arc<T> {
        let key = (slot, TypeId::of::<T>());
        let known = |known: &mut Known| known.states.get(&key)?.downcast_ref::<Arc<T>>().cloned();
        if let Some(state) = self.look(known) {
            return state;
        }
        // The type's own code runs without the lock.
        let made = Arc::<T>::default();
        self.look(|known| {
            let state = known.states.entry(key).or_insert_with(|| Box::new(made));
            state.downcast_ref::<Arc<T>>().cloned().expect("the key has the type")
        })
    }

    /// Waits until something more is known.
    pub(crate) async fn until<R>(&self, mut check: impl FnMut(&mut Known) -> Option<R>) -> R {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before it is looked, so that nothing is missed in between.
            changed.as_mut().enable();
            if let Some(found) = self.look(&mut check) {
                return found;
            }
            changed.await;
        }
    }

    /// Waits until something happens of which [`RoomState::until`] hears; begins to listen when it is called.
    pub(crate) fn change_after_now(&self) -> impl Future<Output = ()> {
        let mut changed = Box::pin(self.changed.notified());
        changed.as_mut().enable();
        changed
    }

    /// Whoever listens hears first what became of looking for the room, since that is not told twice.
    pub(crate) fn add_events(&self, holder: Holder, events: Outbox<Event>) {
        self.look(|known| {
            let became = match &known.phase {
                Phase::Looking if known.is_unknown => Some(Event::Unknown),
                Phase::Refused(reason) => Some(Event::Refused(reason.clone())),
                _ => None,
            };
            if let Some(became) = became {
                events.push(became, &mut Readers::default());
            }
            if !known.is_left(holder) {
                known.events.push((holder, events));
            }
        });
    }

    /// Whoever listens to a topic first is handed what came while nobody did.
    pub(crate) fn add_topic(&self, holder: Holder, topic: (Slot, Topic), messages: Outbox<Message>) {
        self.look(|known| {
            if known.is_left(holder) {
                return;
            }
            if !known.topics.iter().any(|(_, listened, _)| *listened == topic) {
                for message in known.unheard.take(&topic) {
                    messages.push(message, &mut Readers::default());
                }
            }
            known.topics.push((holder, topic, messages));
        });
    }

    /// Hears from now on what changes in a replica.
    pub(crate) fn watch(&self, holder: Holder, watched: Watched) -> Inbox<Changed> {
        let (changes, inbox) = inbox(EVENTS_MAX);
        self.look(|known| {
            if !known.is_left(holder) {
                known.watches.push((holder, watched, changes));
            }
        });
        inbox
    }

    pub(crate) fn tell(&self, event: &Event) {
        let mut readers = Readers::default();
        self.look(|known| known.events.retain(|(_, events)| events.push(event.clone(), &mut readers)));
    }

    /// Nothing more is heard of the room.
    fn end(&self) {
        let mut states = BTreeMap::new();
        self.change(|known| {
            if !matches!(known.phase, Phase::Refused(_)) {
                known.phase = Phase::Left;
            }
            known.holders.clear();
            known.events.clear();
            known.topics.clear();
            known.watches.clear();
            known.directs.clear();
            states = std::mem::take(&mut known.states);
        });
        // An app's state may use the room when it is dropped, and the lock is free again.
        drop(states);
    }

    /// What those hear who listen to a part of the room.
    pub(crate) fn hear(&self, event: NodeEvent) {
        let mut readers = Readers::default();
        match event {
            NodeEvent::Said { from, slot, topic, bytes, missed, .. } => {
                self.deliver((slot, topic), Message { from, lane: Lane::Say, bytes, missed });
            }
            NodeEvent::Datagram { from, slot, topic, bytes, .. } => {
                self.deliver((slot, topic), Message { from, lane: Lane::Datagram, bytes, missed: 0 });
            }
            NodeEvent::Direct { from, slot, topic, bytes, .. } => {
                self.deliver((slot, topic), Message { from, lane: Lane::Direct, bytes, missed: 0 });
            }
            NodeEvent::Invitation { text, .. } | NodeEvent::Reply { text, .. } => {
                self.change(|known| known.by_hand = Some(Ok(text)));
            }
            NodeEvent::ByHandFailed { reason, .. } => self.change(|known| known.by_hand = Some(Err(reason))),
            NodeEvent::DirectEnded { to, through, end, reason, .. } => self.look(|known| {
                let ended = known.directs.range(..=through).filter(|(_, (whom, _))| *whom == to);
                for token in ended.map(|(token, _)| *token).collect::<Vec<_>>() {
                    if let Some((_, waiting)) = known.directs.remove(&token) {
                        // An error says that nobody waits for it any more.
                        let _ = waiting.send((end, reason.clone()));
                    }
                }
            }),
            NodeEvent::Presence { endpoint, slot, state, .. } => {
                self.look(|known| match state {
                    Some(state) => drop(known.presence.insert((slot, endpoint), state)),
                    None => drop(known.presence.remove(&(slot, endpoint))),
                });
                self.tell(&Event::Presence(endpoint));
            }
            NodeEvent::Changed { replica, batch, changes, .. } => self.look(|known| {
                known.changes += 1;
                let changed = Changed { batch, changes };
                known.watches.retain(|(_, watched, watch)| {
                    !watched.has(replica, &changed.changes) || watch.push(changed.clone(), &mut readers)
                });
            }),
            _ => {}
        }
    }

    fn deliver(&self, topic: (Slot, Topic), message: Message) {
        let mut readers = Readers::default();
        self.look(|known| {
            let mut is_heard = false;
            known.topics.retain(|(_, about, messages)| {
                *about != topic || {
                    let hears = messages.push(message.clone(), &mut readers);
                    is_heard |= hears;
                    hears
                }
            });
            let is_kept = !is_heard && message.lane != Lane::Datagram;
            if is_kept && known.unheard.keep(topic, message) {
                known.events.retain(|(_, events)| events.push(Event::Missed(1), &mut readers));
            }
        });
    }
}
