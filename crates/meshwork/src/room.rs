//! People who met.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meshwork_core::id::{Code, Endpoint as EndpointId, PeerId, RoomId};
use meshwork_core::node::{CommandError, Node, RoomHandle, RoomRefusal, WriteError};
use meshwork_core::seam::lane::{Slot, Topic as TopicName};
use meshwork_core::signalling::address::{LAN, RoomAddress as Link};
use meshwork_core::signed::app::AppWord;
use meshwork_core::time::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{App, AppIsOff, AppOn};
use crate::blobs::Blobs;
use crate::endpoint::{JoinError, refused};
use crate::error::{Closed, KeptError, PinError, RuleError};
use crate::event::{EVENTS_MAX, Events};
use crate::hold::Hold;
use crate::inbox::{Inbox, Outbox, inbox};
use crate::makers;
use crate::member::Member;
use crate::new_room::NewRoom;
use crate::presence::Presence;
use crate::rules::Rules;
use crate::runner::{Call, MaybeSend, Work, timeout};
use crate::shared::{Asked, Changed, Holder, Known, Phase, RoomState, Shared, Watched};
use crate::store::StoreError;
use crate::table::Table;
use crate::topic::{Bytes, Json, Topic};
use crate::unheard::Message;

/// How long [`Room::kept`] waits for somebody who stays.
pub const KEPT_MAX: Duration = Duration::from_secs(10);

/// How long to wait before what neighbours could not keep up with is tried again: the time in which a link of a
/// megabit a second sends a quarter of its queue.
const BACKPRESSURE_WAIT: Duration = Duration::from_millis(20);

/// How often it is looked whether a stored room is shown.
const RESTORING_WAIT: Duration = Duration::from_millis(10);

/// People who met. Clones are the same handle. An endpoint that [joins](crate::Endpoint::join) a room again gets a further handle of
/// it. The room is left when the last handle has [left](Room::leave), or was dropped with everything made of it. Natively what was
/// written in it has up to a second to arrive before that.
#[derive(Clone)]
pub struct Room {
    pub(crate) state: Arc<RoomState>,
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    state: Arc<RoomState>,
    holder: Holder,
    /// Let go of once the room is left.
    _hold: Option<Arc<Hold>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.let_go(&self.state, self.holder);
    }
}

impl Room {
    /// A handle of a room.
    pub(crate) fn new(shared: Arc<Shared>, state: Arc<RoomState>) -> Room {
        let holder = state.hold();
        Room::of(shared, state, holder)
    }

    /// A further handle of a room, unless its last one has just left.
    pub(crate) fn again(shared: Arc<Shared>, state: Arc<RoomState>) -> Option<Room> {
        let holder = state.hold_too()?;
        Some(Room::of(shared, state, holder))
    }

    fn of(shared: Arc<Shared>, state: Arc<RoomState>, holder: Holder) -> Room {
        let _hold = shared.hold();
        let inner = Inner { shared, state: Arc::clone(&state), holder, _hold };
        Room { state, inner: Arc::new(inner) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(crate) fn handle(&self) -> RoomHandle {
        self.state.handle
    }

    /// Hears from now on what changes in a replica, until this handle leaves.
    pub(crate) fn watch(&self, watched: Watched) -> Inbox<Changed> {
        self.state.watch(self.inner.holder, watched)
    }

    /// Hears what is said on a topic from now on, until this handle leaves.
    pub(crate) fn add_topic(&self, topic: (Slot, TopicName), messages: Outbox<Message>) {
        self.state.add_topic(self.inner.holder, topic, messages);
    }

    /// Does something with the node about this room.
    pub(crate) fn call<R: MaybeSend + 'static>(
        &self,
        work: impl FnOnce(&mut Node, Time, RoomHandle) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        let handle = self.handle();
        let Asked { call, answer } = Asked::new(move |node, now| work(node, now, handle));
        answer.after(self.carry_out(call))
    }

    async fn carry_out(&self, call: Call) -> Result<(), Closed> {
        if self.state.look(|known| known.is_left(self.inner.holder)) {
            return Err(Closed);
        }
        self.shared().runner.call(call).await
    }

    /// Does something that the neighbours may have no room for, as often as it takes.
    pub(crate) fn call_patiently<R: MaybeSend + 'static>(
        &self,
        work: impl FnMut(&mut Node, Time, RoomHandle) -> Result<R, CommandError> + MaybeSend + 'static,
    ) -> impl Future<Output = Result<Result<R, CommandError>, Closed>> {
        self.ask_patiently(Box::new(work))
    }

    async fn ask_patiently<R: MaybeSend + 'static>(
        &self,
        mut work: Work<R>,
    ) -> Result<Result<R, CommandError>, Closed> {
        loop {
            let keeps_name = self.shared().keeps_name.load(Ordering::Relaxed);
            let call = move |node: &mut Node, now, room| {
                let before = node.room(room).written();
                let done = work(node, now, room);
                if keeps_name && node.room(room).written() > before {
                    makers::keep_name(node, now, room);
                }
                (work, done)
            };
            let (again, done) = self.call(call).await?;
            match done {
                Err(CommandError::Backpressure(_) | CommandError::Write(WriteError::Backpressure(_))) => {
                    work = again;
                    self.shared().runner.sleep(BACKPRESSURE_WAIT).await;
                }
                done => return Ok(done),
            }
        }
    }

    /// Waits until the room is known, and can be read and written in: that of [`Endpoint::look_for`] is not yet. It takes
    /// as long as nobody who knows it is found; dropping the future changes nothing.
    ///
    /// [`Endpoint::look_for`]: crate::Endpoint::look_for
    ///
    /// # Errors
    /// [`JoinError`] where it cannot be entered.
    pub async fn opened(&self) -> Result<(), JoinError> {
        let opened = self.state.until(|known| match refused(&known.phase) {
            Some(error) => Some(Err(error)),
            None => (known.phase == Phase::Open).then_some(Ok(())),
        });
        opened.await
    }

    /// Waits until the room cannot be entered, or no more, and says why: for ever in a room that one is in, or left.
    /// Dropping the future changes nothing.
    pub async fn refused(&self) -> RoomRefusal {
        let refused = |known: &mut Known| match &known.phase {
            Phase::Refused(reason) => Some(reason.clone()),
            _ => None,
        };
        self.state.until(refused).await
    }

    /// Waits until a server took the room in, which gives it a [code](Room::code). It takes as long as none can be
    /// reached; dropping the future changes nothing.
    ///
    /// # Errors
    /// [`JoinError`] where it cannot be entered.
    pub async fn registered(&self) -> Result<(), JoinError> {
        let registered = self.state.until(|known| match refused(&known.phase) {
            Some(error) => Some(Err(error)),
            None => known.is_registered.then_some(Ok(())),
        });
        registered.await
    }

    /// Where others find it, with what lets them in where it is private: whoever has the link is in. While no server
    /// knows the room the link has no code, and begins with `meshwork:`; one that names no server either leads there by
    /// an [invitation](Room::invite) alone.
    ///
    /// # Panics
    /// Never for a room that was made or joined, whose link is known from then on.
    pub fn link(&self) -> Link {
        self.state.look(|known| known.link.clone()).expect("a room that was made or joined has a link")
    }

    /// Reads the link from the node before an event tells of it.
    pub(crate) async fn refresh_link(&self) -> Result<(), Closed> {
        let link = self.call(|node, _, room| node.room(room).address()).await?;
        if let Some(link) = link {
            self.state.change(|known| known.link = Some(link));
        }
        Ok(())
    }

    /// Its six characters, by which it is found at its servers, or on the local network if it has none; `None` where no
    /// server knows it.
    pub fn code(&self) -> Option<Code> {
        self.link().code().or_else(|| self.state.look(|known| known.code))
    }

    /// Its id, once that is known.
    pub fn id(&self) -> Option<RoomId> {
        self.state.look(|known| known.link.as_ref()?.room())
    }

    /// Which endpoint this program is in it.
    pub fn me(&self) -> EndpointId {
        self.shared().runner.id()
    }

    /// What people see it called; empty where it has no name.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn name(&self) -> Result<String, Closed> {
        let name = |node: &mut Node, _, room| node.room(room).rules().map(|rules| rules.name.to_string());
        Ok(self.call(name).await?.unwrap_or_default())
    }

    /// Who made it; `None` while that is not known.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn owner(&self) -> Result<Option<PeerId>, Closed> {
        self.call(|node, _, room| node.room(room).owner()).await
    }

    /// The word of the app that it opened with; `None` while that is not known.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn opened_with(&self) -> Result<Option<String>, Closed> {
        self.call(|node, _, room| node.room(room).app().map(|app| app.to_string())).await
    }

    /// Who else is here now.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn members(&self) -> Result<Vec<Member>, Closed> {
        let members = |node: &mut Node, now, room| {
            let members = node.room(room).peers().into_iter().map(|view| Member::new(view, now));
            members.filter(Member::is_here).collect()
        };
        self.call(members).await
    }

    /// A member by its endpoint; `None` for one of which nothing is known here.
    pub async fn member(&self, id: EndpointId) -> Option<Member> {
        self.shared().member(self.handle(), id).await
    }

    /// The name of a peer, such as the author of an entry: now, or when it was here last. `None` if it gave no name, or was never
    /// here while this program was.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn name_of(&self, peer: PeerId) -> Result<Option<String>, Closed> {
        let find = move |node: &mut Node, _, room| {
            let own = (node.endpoint().peer == peer).then(|| node.name().to_owned());
            let here = node.room(room).peers().into_iter().filter(|view| view.endpoint.peer == peer);
            here.map(|view| view.name).chain(own).find(|name| !name.is_empty())
        };
        let now = self.call(find).await?;
        Ok(now.or_else(|| self.state.look(|known| known.names.get(&peer).cloned())))
    }

    /// What happens in the room from now on. Of a room that is looked for and that nobody has open, or that refused, that is told
    /// first: [`Unknown`](crate::Event::Unknown), [`Refused`](crate::Event::Refused).
    pub fn events(&self) -> Events {
        let (events, inbox) = inbox(EVENTS_MAX);
        self.state.add_events(self.inner.holder, events);
        Events::new(inbox)
    }

    /// Keeps a link to a member until [`Room::unpin`], also in a large room whose overlay would not link the two: for a game's
    /// host and players, or whoever exchanges many datagrams. A link that is lost is sought again. If both ends pin, neither
    /// loses the link for a moment when the room grows.
    ///
    /// ```
    /// # use meshwork::{Event, testing::Network};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let network = Network::calm(7);
    /// # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    /// # let room = ann.create(meshwork::room("chess")).await?;
    /// # let mut events = room.events();
    /// # let same = bo.join(room.link()).await?;
    /// # while room.members().await?.is_empty() { events.next().await; }
    /// let host = room.members().await?[0].id();
    /// room.pin(host).await?;
    /// room.topic::<u32>("input").datagram_to(host, &7).await?;
    /// room.unpin(host).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PinError`]; the link is kept as others are. An endpoint has at most eight pinned links, those that direct messages use
    /// included.
    pub async fn pin(&self, member: EndpointId) -> Result<(), PinError> {
        self.call(move |node, now, room| node.room_mut(now, room).visit(member)).await??;
        Ok(())
    }

    /// From now on the link to a member is kept as others are: for as long as the overlay wants, or direct messages use it.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn unpin(&self, member: EndpointId) -> Result<(), Closed> {
        self.call(move |node, now, room| node.room_mut(now, room).end_visit(member)).await
    }

    /// Its rules, and who may do what: to read by everybody, to change by its owner.
    pub fn rules(&self) -> Rules {
        Rules(self.clone())
    }

    /// The part of the room that the app has which it opened with.
    pub(crate) fn opening_app(&self) -> App {
        App::new(self.clone(), Slot::GENESIS)
    }

    /// The apps that are on, the one that the room opened with first; none while the room is not open.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn apps(&self) -> Result<Vec<AppOn>, Closed> {
        let apps = self.call(|node, _, room| node.room(room).apps()).await?;
        let on = |(word, is_whole): (AppWord, bool)| AppOn { word: word.to_string(), is_whole };
        Ok(apps.into_iter().map(on).collect())
    }

    /// The part of the room that another of its apps has, by the app's word.
    ///
    /// # Errors
    /// [`AppIsOff`] where the app is not on: the owner [turns it on](Room::turn_on).
    pub async fn app(&self, word: &str) -> Result<App, AppIsOff> {
        let off = || AppIsOff(word.to_owned());
        let app = word.parse().map_err(|_| off())?;
        let slot = self.call(move |node, _, room| node.room(room).slot_of(&app)).await;
        let slot = slot.ok().flatten().and_then(Slot::new).ok_or_else(off)?;
        Ok(App::new(self.clone(), slot))
    }

    /// Turns an app on, if it is not: the owner's to do. Who may write in the app that the room opened with may do so in it, from
    /// then on. An app is what a new room would open with, or its word alone: `place::canvas(64, 64)`, `"sync"`. Of an app that
    /// is on already nothing is changed.
    ///
    /// # Errors
    /// [`RuleError`]; the app is off.
    pub async fn turn_on(&self, app: impl Into<NewRoom>) -> Result<App, RuleError> {
        let NewRoom { app, parameters, .. } = app.into();
        let app = app.map_err(|error| RuleError::Invalid(error.to_string()))?;
        let parameters = parameters.map_err(RuleError::Invalid)?;
        let turn_on = |node: &mut Node, now, room| node.room_mut(now, room).turn_on(app, parameters);
        let slot = self.call(turn_on).await??;
        let slot = Slot::new(slot).ok_or(RuleError::AppIsOff)?;
        Ok(App::new(self.clone(), slot))
    }

    /// The conversation, which every room has, whichever app it opened with: its topics, tables, logs, presence and blobs.
    /// Members store and serve it without knowing a program that writes in it. [`Room::chat`] reads and writes the posts of people, which are the log `n` of it.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let room = Network::new(7).endpoint("Ann").create(meshwork::room("chess")).await?;
    /// let posts = room.conversation().log("posts");
    /// posts.add("Ferry leaves at 9:40").await?;
    /// for post in posts.newest(None, 50).await? {
    ///     println!("{:?}: {:?}", post.id().time_ms(), post.entry());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn conversation(&self) -> App {
        App::new(self.clone(), Slot::CONVERSATION)
    }

    /// One kind of message of the app that the room opened with, as JSON: see [`App::topic`].
    ///
    /// # Panics
    /// For a name of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn topic<T: Serialize + DeserializeOwned>(&self, name: &str) -> Topic<T, Json> {
        self.opening_app().topic(name)
    }

    /// The same in bytes.
    ///
    /// # Panics
    /// For a name of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn topic_bytes(&self, name: &str) -> Topic<Vec<u8>, Bytes> {
        self.opening_app().topic_bytes(name)
    }

    /// Keys and values of the app that the room opened with: see [`App::table`].
    ///
    /// # Panics
    /// For a name of [`KEY_MAX`](crate::KEY_MAX) bytes or more.
    pub fn table(&self, name: &str) -> Table {
        self.opening_app().table(name)
    }

    /// The blobs of the app that the room opened with: see [`App::blobs`].
    pub fn blobs(&self) -> Blobs {
        self.opening_app().blobs()
    }

    /// What each member says of itself now, in the app that the room opened with.
    pub fn presence(&self) -> Presence {
        self.opening_app().presence()
    }

    /// Waits until members that stay have taken in all that this program wrote. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`KeptError::NobodyStays`] after [`KEPT_MAX`]; what was written goes on being offered to whoever comes.
    pub async fn kept(&self) -> Result<(), KeptError> {
        self.kept_of(0..=u64::MAX).await
    }

    /// The same of what has these numbers.
    pub(crate) async fn kept_of(&self, sequences: RangeInclusive<u64>) -> Result<(), KeptError> {
        let kept = async {
            loop {
                let (changed, sequences) = (self.state.change_after_now(), sequences.clone());
                let waits = move |node: &mut Node, _, room| {
                    let mut batches = node.room(room).unacknowledged();
                    batches.any(|batch| sequences.contains(&batch.key().sequence))
                };
                if !self.call(waits).await? {
                    return Ok(());
                }
                changed.await;
            }
        };
        timeout(&*self.shared().runner, KEPT_MAX, kept).await.unwrap_or(Err(KeptError::NobodyStays))
    }

    /// Waits until everything that was stored of the room here is checked and shown. Dropping the future changes nothing.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn restored(&self) -> Result<(), Closed> {
        let runner = &self.shared().runner;
        // Each call takes its turn with the node, which checks some more in between.
        while !self.call(|node, _, room| node.room(room).is_restored()).await?
            || !runner.has_read(self.handle())
        {
            runner.sleep(RESTORING_WAIT).await;
        }
        Ok(())
    }

    /// Registers the room with one more server, `http(s)://HOST`, at which it is found too: its [link](Room::link) names
    /// that behind the others.
    ///
    /// # Errors
    /// [`RuleError::Invalid`] for what is no address of a server, or where the room has as many as
    /// [`SERVERS_MAX`](crate::SERVERS_MAX); [`RuleError::Closed`].
    pub async fn add_server(&self, url: &str) -> Result<(), RuleError> {
        if url == LAN && !self.shared().has_lan() {
            return Err(RuleError::Invalid(String::from(
                "the local network is used by endpoints that are bound with it",
            )));
        }
        let url = url.to_owned();
        Ok(self.call(move |node, now, room| node.room_mut(now, room).add_server(&url)).await??)
    }

    /// Notes in the store that the room is found at another link too, so that a later run opens it by that link, also
    /// without its part behind `#`. Its own link is noted by itself.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be written; the room is not concerned.
    pub async fn note(&self, link: &Link) -> Result<(), StoreError> {
        let Some(id) = self.id() else { return Ok(()) };
        self.shared().runner.note_place(id, link.clone()).await
    }

    /// Leaves the room's members and servers, and keeps the room: it is read and written in as before, and what is written
    /// travels once it is [connected](Room::connect) again.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn disconnect(&self) -> Result<(), Closed> {
        self.call(|node, now, room| node.room_mut(now, room).disconnect()).await
    }

    /// Looks for the members of a room that is [disconnected](Room::disconnect).
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn connect(&self) -> Result<(), Closed> {
        self.call(|node, now, room| node.room_mut(now, room).connect()).await
    }

    /// Leaves the room now, whoever else holds a clone of this handle: its clones are closed, and its listeners hear nothing more.
    /// The endpoint stays in the room while it has another handle of it, from a further [`Endpoint::join`]. What is kept of the
    /// room here stays.
    ///
    /// [`Endpoint::join`]: crate::Endpoint::join
    pub fn leave(self) {
        self.shared().let_go(&self.state, self.inner.holder);
    }

    /// Leaves the room and removes everything that is kept of it on this device, blobs included.
    ///
    /// # Errors
    /// [`StoreError`]; the room is left, and kept. [`StoreError::InUse`] if this endpoint has another handle of the room.
    pub async fn forget(self) -> Result<(), StoreError> {
        let (id, shared) = (self.id(), Arc::clone(self.shared()));
        let state = Arc::clone(&self.state);
        self.leave();
        if state.look(|known| known.is_held()) {
            return Err(StoreError::InUse);
        }
        match id {
            Some(id) => shared.forget(id).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("id", &self.id()).finish_non_exhaustive()
    }
}
