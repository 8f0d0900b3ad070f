//! This program among peers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use meshwork_core::id::{Code, Endpoint as EndpointId, PeerId, RoomId, SharedSecret};
use meshwork_core::node::{CommandError, Config, Node, RoomRefusal, RoomSpec, ServerState};
use meshwork_core::room::MakeReplica;
use meshwork_core::seam::ice_server::{IceServer, check_servers};
use meshwork_core::seam::path::NamedServer;
use meshwork_core::signalling::address::{AddressError, LAN, RoomAddress as Link, RoomKeys};
use meshwork_core::signed::app::{AppWord, NoAppWord};
use meshwork_core::signed::genesis::Commons;
use meshwork_core::signed::verify::AppLabelError;
use meshwork_core::wire::BoundedText;

use crate::blobs::{BlobStore, Memory};
use crate::dispatch::{Heard, dispatch};
use crate::error::{AgreeError, Closed, RuleError, SignError};
use crate::event::{EVENTS_MAX, EndpointEvents};
use crate::hold::Hold;
use crate::identity::{Identity, IdentityError};
use crate::inbox::inbox;
#[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
use crate::lan::{Lan, Nearby};
use crate::new_room::NewRoom;
use crate::room::Room;
use crate::runner::{Entry, Runner, RunnerJoinError, first, timeout, unless};
use crate::shared::{Fit, Known, Phase, Shared};
use crate::store::{KeptRoom, Store, StoreError};

/// How long [`Endpoint::join`] and [`Endpoint::create`] try before they give up, unless [`Builder::patience`] says otherwise.
pub const JOIN_MAX: Duration = Duration::from_secs(30);

/// How long others are waited for when a member says that the secret is not the room's any more.
const SHUT_OUT_WAIT: Duration = Duration::from_secs(3);

/// This program among peers: its identity, its store, its servers and its links. Clones are the same endpoint, which
/// ends when the last one and all of its rooms are dropped.
///
/// A program should [close](Endpoint::close) its endpoint before it ends, which sends what is left. Dropping an endpoint blocks
/// the thread for up to a second until what was written has arrived, on a tokio runtime of several threads. On a runtime of
/// one thread it cannot wait. Writes that reach nobody are counted on standard error.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    _hold: Arc<Hold>,
    #[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
    nearby: Option<Nearby>,
}

/// What an endpoint is started with.
#[derive(Default)]
#[must_use]
pub struct Builder {
    name: String,
    identity: Option<Identity>,
    store: Store,
    servers: Vec<String>,
    stays: bool,
    patience: Option<Duration>,
    keeps_name: bool,
    config: Config,
    apps: Vec<(String, MakeReplica)>,
    #[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
    lan: Option<Lan>,
}

/// Why an endpoint did not start. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The store cannot be used.
    #[error("the rooms cannot be kept: {0}")]
    Store(#[from] StoreError),
    /// There is no identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A server's address is not one: it is `http://` or `https://` and a host.
    #[error("{0:?} is not the address of a server: it begins with http:// or https://")]
    Server(String),
    /// The local network cannot be used, in words: a port is taken, or an option is out of its range.
    #[error("the local network cannot be used: {0}")]
    Lan(String),
    /// The address is hidden, and on the local network programs link by their addresses: choose one of the two.
    #[error(
        "an endpoint that hides its address cannot use the local network, where programs link by their addresses"
    )]
    HiddenOnLan,
    /// The name of a registered app is invalid.
    #[error(transparent)]
    App(#[from] NoAppWord),
    /// A STUN or TURN server's address is none, a text is too long, or there are too many of them; in words.
    #[error("{0}")]
    IceServer(String),
    /// The system has no randomness or no thread, or there is no async runtime; in words.
    #[error("the endpoint cannot be started: {0}")]
    System(String),
}

/// Why there is no new room. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The word names no app.
    #[error(transparent)]
    App(#[from] NoAppWord),
    /// What the app is to be told cannot be, in words.
    #[error("{0}")]
    Parameters(String),
    /// The endpoint is in as many rooms as it can be.
    #[error("an endpoint is in at most {0} rooms")]
    TooManyRooms(usize),
    /// No server that was named took the room in, of which nobody else would know: each with its reason. An endpoint that
    /// names no server makes rooms alone, and [`Room::add_server`] shares them later.
    #[error("no server took the room in: {}", words(.tried))]
    Server {
        /// The servers, each with its reason.
        tried: Vec<(String, String)>,
    },
    /// The room cannot be.
    #[error(transparent)]
    Refused(RoomRefusal),
    /// Its name or rules cannot be.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// The endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a room was not joined. Nothing is left of it, and what is stored of it is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// What was given is no link.
    #[error("this is no link to a room: {0}")]
    Link(#[from] AddressError),
    /// Neither the link names a server nor the endpoint has one, or a code was given and the endpoint has none: name one, or
    /// the local network, when the endpoint is bound, or ask for an [invitation](Endpoint::answer).
    #[error(
        "a room is found through a server: name one when the endpoint is bound, or ask for an invitation"
    )]
    NoServer,
    /// The room is private, and the link's secret is missing, changed, or no longer the room's.
    #[error("the link does not open the room: ask for it again, with the part behind #")]
    WrongSecret,
    /// The room has as many members as it allows, in words.
    #[error("the room is full: {0}")]
    Full(String),
    /// The room is one of another version of Meshwork, in words.
    #[error("{0}")]
    Incompatible(String),
    /// A server refused, or handed out another room; in words.
    #[error("{0}")]
    Refused(String),
    /// No server that was asked knows the room, and none learned of it within three seconds: the code is wrong, or nobody
    /// who has the room is online. A keeper [looks for](Endpoint::look_for) it, and goes on trying.
    #[error("unknown code: no such room at {}", .servers.iter().map(|server| shown(server)).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The servers.
        servers: Vec<String>,
    },
    /// Nobody in the room was reached within [`JOIN_MAX`], or nobody is in it: what was tried, each with its reason.
    #[error("nobody in the room was reached: {}", words(.tried))]
    NobodyReached {
        /// Servers and members, each with its reason.
        tried: Vec<(String, String)>,
    },
    /// [`Endpoint::open`] was asked for a room of which nothing is stored here: join it.
    #[error("nothing is stored of this room")]
    NotStored,
    /// [`Endpoint::commons`] was asked for a room that cannot be a commons, in words.
    #[error("{0}")]
    Commons(String),
    /// What is stored of the room cannot be read.
    #[error("what is stored of the room cannot be read: {0}")]
    Store(StoreError),
    /// The endpoint is in as many rooms as it can be.
    #[error("an endpoint is in at most {0} rooms")]
    TooManyRooms(usize),
    /// The endpoint has closed.
    #[error(transparent)]
    Closed(#[from] Closed),
}

fn words(tried: &[(String, String)]) -> String {
    match tried {
        [] => String::from("there was nobody to ask"),
        tried => {
            tried.iter().map(|(who, why)| format!("{} ({why})", shown(who))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A server, in words.
fn shown(server: &str) -> &str {
    if server == LAN { "the local network" } else { server }
}

impl Builder {
    /// Registers an app with a replica of its own, beside its tables, logs and blobs. In each room that gives parameters to the
    /// app of this name, `make` makes the replica from them: [`App::replica`](crate::App::replica) reads it,
    /// [`App::write_replica`](crate::App::write_replica) writes to it, and
    /// [`App::watch_replica`](crate::App::watch_replica) reports its changes. `make` returns `None` for parameters that it does
    /// not know; the app has tables only there. The types of a replica are those of the crate meshwork-core.
    ///
    /// An app whose room gives it no parameters has documents, registered or not, so that programs agree on its replica. Members
    /// that did not register the app store its tables, logs and blobs, and no replica.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// use meshwork_core::replica::Replica;
    /// use meshwork_core::table::{Kind, Table};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = meshwork::Endpoint::builder()
    ///     .app("bids", |_, _| Some(Box::new(Table::new(Kind::ByValue)) as Box<dyn Replica>));
    /// # let network = Network::new(7);
    /// # network.app("bids", |_, _| Some(Box::new(Table::new(Kind::ByValue)) as Box<dyn Replica>));
    /// # let endpoint = network.endpoint("Ann");
    /// let room = endpoint.create(meshwork::room("bids").parameters(&[1])).await?;
    /// let bids = room.app("bids").await?;
    /// assert_eq!(bids.replica(|table: &Table| table.entries(b"").count()).await?, Some(0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn app(mut self, name: impl Into<String>, make: MakeReplica) -> Builder {
        self.apps.push((name.into(), make));
        self
    }

    /// What others see this program called.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = name.into();
        self
    }

    /// The [name](Builder::name) stays with what this program writes: its first stored write in a room also writes the name into
    /// its [profile](crate::chat::profile::Profile) there, unless the profile has one or lost one on purpose. For names that people
    /// typed, since all members keep it, and in an open room anybody reads it.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # use meshwork::chat;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = meshwork::Endpoint::builder().name("Ann").keep_name();
    /// # let endpoint = Network::new(7).naming_endpoint("Ann");
    /// let room = endpoint.create(chat::room()).await?;
    /// room.chat().post("Ferry leaves at 9:40.").await?;
    /// assert_eq!(room.chat().profile(room.me().peer).await?.name, "Ann");
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_name(mut self) -> Builder {
        self.keeps_name = true;
        self
    }

    /// Who it is, whatever identity its store has. Else it is the one of its [store](Builder::store), or without a store a guest,
    /// with an identity that nobody sees again.
    pub fn identity(mut self, identity: Identity) -> Builder {
        self.identity = Some(identity);
        self
    }

    /// Where it keeps its rooms and its identity: else nowhere. A program that starts again with the same store is the same peer,
    /// so the maker of a room is still its owner. The first start makes the identity, unless [`Builder::identity`] names one,
    /// which counts in its place and is not kept there.
    ///
    /// The store of a program is a folder, with the identity in its file `identity`, as [`Identity::load_or_create`] writes it. Whoever
    /// reads that file is this peer. A page's is in the browser's local storage; where a browser stores nothing the page is a guest.
    /// Pages of one site with the same store are one peer with an endpoint each.
    ///
    /// ```
    /// # use meshwork::{Endpoint, Store};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let first = Endpoint::builder().store(Store::at(folder)).bind().await?;
    /// let peer = first.id().peer;
    /// first.close().await;
    /// let again = Endpoint::builder().store(Store::at(folder)).bind().await?;
    /// assert_eq!(again.id().peer, peer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn store(mut self, store: Store) -> Builder {
        self.store = store;
        self
    }

    /// A server at which its rooms are found, `http(s)://HOST`. As many as [`SERVERS_MAX`](crate::SERVERS_MAX).
    pub fn server(mut self, url: impl Into<String>) -> Builder {
        self.servers.push(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// The local network in place of a server, or beside others: rooms are found on it by other programs that do the same. Its
    /// rooms have a [code](Room::code) there. It cannot be used with a [hidden address](Builder::hide_address).
    #[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
    pub fn lan(mut self, lan: Lan) -> Builder {
        self.lan = Some(lan);
        self
    }

    /// A STUN or TURN server of this program's own (`stun:HOST`, `turn:HOST?transport=tcp`, `turns:HOST`), with what opens a
    /// TURN server; STUN needs neither. It is used in every room, before those that servers hand out: at most
    /// [`ICE_SERVERS_MAX`](crate::ICE_SERVERS_MAX) together. One that is named here may learn this program's address, where
    /// that is [hidden](Builder::hide_address).
    pub fn ice_server(
        mut self,
        url: impl Into<String>,
        username: impl Into<String>,
        credential: impl Into<String>,
    ) -> Builder {
        let (urls, username, credential) = (vec![url.into()], username.into(), credential.into());
        self.config.ice_servers.push(NamedServer::own(IceServer { urls, username, credential }));
        self
    }

    /// It stays in its rooms, and others count on it to have what they write there, though it has no store: for as
    /// long as it runs.
    pub fn stays(mut self) -> Builder {
        self.stays = true;
        self
    }

    /// How long joining and making a room may take, where that is not [`JOIN_MAX`].
    pub fn patience(mut self, most: Duration) -> Builder {
        self.patience = Some(most);
        self
    }

    /// How many links it keeps at most in rooms whose members keep some each: 4 to 16, of which it aims for three
    /// quarters. Fewer are for a weak device or network.
    pub fn links_at_most(mut self, most: usize) -> Builder {
        self.config.links_most = most;
        self
    }

    /// Others never learn its addresses: it links through relays alone, and through those only that may learn them.
    pub fn hide_address(mut self) -> Builder {
        self.config.hides_address = true;
        self
    }

    /// A relay that may learn its address, by its host.
    pub fn trust_relay(mut self, host: impl Into<String>) -> Builder {
        self.config.trusted_relays.push(host.into());
        self
    }

    /// The node's settings, the servers to be registered with, the store and who it is.
    fn into_parts(self) -> Result<(Config, Vec<String>, Store, Option<Identity>), BindError> {
        use meshwork_core::signalling::address::check_server;
        if let Some(wrong) = self.servers.iter().find(|server| check_server(server).is_err()) {
            return Err(BindError::Server(wrong.clone()));
        }
        let ice: Vec<IceServer> = self.config.ice_servers.iter().map(|server| server.ice.clone()).collect();
        check_servers(&ice).map_err(|error| BindError::IceServer(error.to_string()))?;
        let stays = self.stays || self.store.stays();
        let config = Config { name: self.name, stays, ..self.config };
        Ok((config, self.servers, self.store, self.identity))
    }

    /// The registered apps.
    fn registered(&self) -> Result<Vec<(AppWord, MakeReplica)>, BindError> {
        self.apps.iter().map(|(name, make)| Ok((name.parse()?, *make))).collect()
    }

    /// Starts it, on the tokio runtime that this is called on.
    ///
    /// That nobody can be reached is no error: rooms tell of it.
    ///
    /// # Errors
    /// [`BindError`]; nothing was started.
    #[cfg(not(target_arch = "wasm32"))]
    pub async fn bind(self) -> Result<Endpoint, BindError> {
        use crate::blobs::Disk;
        use meshwork_rtc::native::persist::Store as DriverStore;
        use meshwork_rtc::native::{Options, start};
        let (patience, keeps_name) = (self.patience.unwrap_or(JOIN_MAX), self.keeps_name);
        let apps = self.registered()?;
        #[cfg(feature = "lan")]
        let lan = self.lan.clone();
        #[cfg_attr(not(feature = "lan"), allow(unused_mut))]
        let (config, mut servers, store, identity) = self.into_parts()?;
        #[cfg(feature = "lan")]
        if lan.is_some() && config.hides_address {
            return Err(BindError::HiddenOnLan);
        }
        let system = |error: &dyn std::fmt::Display| BindError::System(error.to_string());
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| system(&error))?;
        #[cfg(feature = "lan")]
        let (local_server, nearby) = lan.map(|lan| lan.start(&runtime)).transpose()?.unzip();
        let blobs = match store.folder() {
            Some(folder) => BlobStore::Disk(Disk::new(folder.join("blobs"), runtime.clone())),
            None => BlobStore::Memory(Memory::default()),
        };
        let open = move || -> Result<_, BindError> {
            let opened = store.open()?;
            // Only now: a store is open in one program at a time, and no other one makes its identity meanwhile.
            Ok((opened, identity.map_or_else(|| store.identity(), Ok)?))
        };
        let opened = runtime.spawn_blocking(open).await;
        let (store, identity) = opened.map_err(|error| system(&error))??;
        let mut options = Options::new(crate::makers::make, config, identity.0);
        options.store = store.clone().map(|store| Box::new(store) as Box<dyn DriverStore>);
        #[cfg(feature = "lan")]
        if local_server.is_some() {
            servers.push(LAN.to_owned());
            options.local_server = local_server;
        }
        let (driver, events) = start(options).map_err(|error| system(&error))?;
        let runner = crate::runner::native::Native::new(driver, store);
        #[cfg_attr(not(feature = "lan"), allow(unused_mut))]
        let mut endpoint = Endpoint::start(Box::new(runner), blobs, servers, patience, events);
        #[cfg(feature = "lan")]
        if let Some(nearby) = nearby {
            nearby.watch(&runtime, &endpoint.shared);
            endpoint.nearby = Some(nearby);
        }
        endpoint.shared.keeps_name.store(keeps_name, Ordering::Relaxed);
        endpoint.register(apps).await?;
        Ok(endpoint)
    }

    /// Starts it in this page.
    ///
    /// That nobody can be reached is no error: rooms tell of it.
    ///
    /// # Errors
    /// [`BindError`]; nothing was started.
    #[cfg(target_arch = "wasm32")]
    pub async fn bind(self) -> Result<Endpoint, BindError> {
        use crate::blobs::Page;
        use meshwork_rtc::web::{Options, start};
        let (patience, keeps_name) = (self.patience.unwrap_or(JOIN_MAX), self.keeps_name);
        let apps = self.registered()?;
        let (config, servers, store, identity) = self.into_parts()?;
        let identity = identity.map_or_else(|| store.identity(), Ok)?;
        let mut options = Options::new(crate::makers::make, config, identity.0);
        options.database = store.database();
        let database = options.database.clone();
        let (driver, events) = start(options).map_err(|error| BindError::System(error.to_string()))?;
        let page = database.map(|name| Page::new(name, driver.clone()));
        let (runner, events) = crate::runner::web::Web::new(driver, events, page.as_ref());
        let blobs = page.map_or_else(|| BlobStore::Memory(Memory::default()), BlobStore::Page);
        let endpoint = Endpoint::start(Box::new(runner), blobs, servers, patience, events);
        endpoint.shared.keeps_name.store(keeps_name, Ordering::Relaxed);
        endpoint.register(apps).await?;
        Ok(endpoint)
    }
}

/// A room that was just made.
struct Made {
    /// Dropped first, which leaves it.
    room: Room,
    unwanted: Unwanted,
}

/// A room that is forgotten unless somebody takes it: nobody else knows its link.
struct Unwanted(Option<(Arc<Shared>, RoomId)>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        if let Some((shared, room)) = self.0.take() {
            let forgetting = Arc::clone(&shared);
            // An endpoint that closes meanwhile keeps what it stored.
            shared.runner.spawn(Box::pin(async move { drop(forgetting.forget(room).await) }));
        }
    }
}

impl Endpoint {
    /// Starts a guest: an identity that nobody sees again, nothing stored, and no server but those of the links that it
    /// joins.
    ///
    /// # Errors
    /// [`BindError`]; nothing was started.
    pub async fn bind() -> Result<Endpoint, BindError> {
        Endpoint::builder().bind().await
    }

    /// What an endpoint can be told before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// An endpoint that a runner runs.
    pub(crate) fn start<E: Heard + crate::runner::MaybeSend + 'static>(
        runner: Box<dyn Runner>,
        blobs: BlobStore,
        servers: Vec<String>,
        patience: Duration,
        mut events: E,
    ) -> Endpoint {
        let shared = Shared::new(runner, blobs, servers, patience);
        let listening: Weak<Shared> = Arc::downgrade(&shared);
        events.tap(Weak::clone(&listening));
        shared.runner.spawn(Box::pin(dispatch(listening, events)));
        let _hold = Hold::new(&shared);
        Endpoint {
            shared,
            _hold,
            #[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
            nearby: None,
        }
    }

    /// Registers apps, before any room opens.
    async fn register(&self, apps: Vec<(AppWord, MakeReplica)>) -> Result<(), BindError> {
        if apps.is_empty() {
            return Ok(());
        }
        let register = move |node: &mut Node, _| {
            apps.into_iter().for_each(|(app, make)| node.register_app(app, make));
        };
        self.shared.call(register).await.map_err(|closed| BindError::System(closed.to_string()))
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn runner(&self) -> &dyn Runner {
        &*self.shared.runner
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Which endpoint this is; its peer is the author of what it writes.
    pub fn id(&self) -> EndpointId {
        self.shared.runner.id()
    }

    /// What happens to the endpoint from now on.
    pub fn events(&self) -> EndpointEvents {
        let (events, inbox) = inbox(EVENTS_MAX);
        self.shared.listen(events);
        EndpointEvents::new(inbox)
    }

    /// The servers of this endpoint's rooms, by their WebSocket address, and what became of each: one that is away is so
    /// until it is back.
    pub fn servers(&self) -> Vec<(String, ServerState)> {
        self.shared.servers()
    }

    /// The last thing from outside that was refused, in words: also why a server wants nothing of this program.
    pub fn last_refused(&self) -> Option<String> {
        self.shared.last_refused()
    }

    /// Makes a room of which this program's peer is the owner. Where the endpoint has servers it waits until one took the
    /// room in; the others are tried for as long as the room is open. An endpoint without a server makes a room of which
    /// nobody else knows: [`Room::add_server`] shares it later. Dropping the future leaves nothing of the room.
    ///
    /// # Errors
    /// [`CreateError`]; nothing is left of the room. [`CreateError::Server`] comes once each server refused the room or cannot
    /// be reached.
    pub async fn create(&self, room: NewRoom) -> Result<Room, CreateError> {
        let (app, parameters) = (room.app?, room.parameters.map_err(CreateError::Parameters)?);
        let servers = self.shared.servers.clone();
        let spec = RoomSpec { servers, app, parameters, private: room.private };
        let entering = Arc::clone(&self.shared);
        let create = move |node: &mut Node, now| {
            let handle = node.create_room(now, spec)?;
            let link = node.room(handle).address_without_code();
            // From here on it is left where nobody waits for it any more.
            let room = Room::new(Arc::clone(&entering), entering.enter(handle));
            room.state.look(|known| (known.link, known.is_in) = (link, true));
            let forgets = node.room(handle).id().map(|id| (entering, id));
            Ok(Made { room, unwanted: Unwanted(forgets) })
        };
        // Whole until it is wanted: its room is left before it is forgotten.
        let mut made = self.shared.call(create).await?.map_err(|error| match error {
            CommandError::TooManyRooms(most) => CreateError::TooManyRooms(most),
            error => CreateError::Parameters(error.to_string()),
        })?;
        match timeout(&*self.shared.runner, self.shared.patience, made.room.taken_in()).await {
            Some(taken_in) => taken_in?,
            None => return Err(CreateError::Server { tried: self.shared.servers_in_the_way(&[]) }),
        }
        // By the clock of the server, which is known now.
        if let Some(name) = room.name {
            made.room.rules().set_name(&name).await?;
        }
        made.unwanted.0 = None;
        Ok(made.room)
    }

    /// Joins a room by its link, or by its code at the first server of this endpoint, and waits until a member let this
    /// program in and the room's rules are here: its content then comes by itself. Dropping the future leaves the room.
    ///
    /// A room that this endpoint is in already, since it made, opened or joined it, gives a further handle at once, by whichever
    /// form of its link. An edit link lets its holder write from then on, also if the room was joined by its view link. The
    /// endpoint leaves the room once the last handle of it has [left](Room::leave) or was dropped.
    ///
    /// # Errors
    /// [`JoinError`]; the room is left, and what is stored of it is as it was. Where servers do not know the room, or nobody is
    /// in it, that is told after three seconds: a server that was just restarted learns of its rooms meanwhile. A link with
    /// another secret than that of a room in which this endpoint is returns [`JoinError::WrongSecret`].
    pub async fn join(&self, link: impl std::fmt::Display) -> Result<Room, JoinError> {
        let room = self.search(&link.to_string()).await?;
        if room.state.look(|known| known.is_entered()) {
            return Ok(room);
        }
        let runner = &*self.shared.runner;
        let entered = || room.state.until(|known| entered(known).transpose());
        let joined = async {
            let shut_out = room.state.until(|known| known.is_shut_out.then_some(()));
            let let_in = first(unless(shut_out, entered()), async { Some(Err(room.nobody_comes().await)) });
            if let Some(joined) = timeout(runner, self.shared.patience, let_in).await? {
                return Some(joined);
            }
            // One member alone may lie.
            timeout(runner, SHUT_OUT_WAIT, entered()).await.or(Some(Err(JoinError::WrongSecret)))
        };
        match joined.await {
            Some(joined) => joined.map(|()| room),
            None => Err(JoinError::NobodyReached { tried: room.reach().await?.words() }),
        }
    }

    /// Enters a commons, a room that nobody owns, at once and alone if need be: all programs that name the same app, parameters
    /// and name enter the same one. Others are linked as they are found. Its rules never change, and everybody may write.
    ///
    /// Without a [name](NewRoom::named) the commons is that of a place: nobody stores it, and it ends with its last member.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # use meshwork::chat;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let network = Network::new(7);
    /// # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    /// let here = ann.commons(chat::room().named("club")).await?;
    /// let there = bo.commons(chat::room().named("club")).await?;
    /// assert_eq!(here.id(), there.id());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`JoinError::Commons`] for a [private](NewRoom::private) room, a name above 64 bytes or an invalid app;
    /// [`JoinError::TooManyRooms`], [`JoinError::Store`], [`JoinError::Closed`]. An empty commons is no error.
    pub async fn commons(&self, room: NewRoom) -> Result<Room, JoinError> {
        let wrong = |words: String| JoinError::Commons(words);
        if room.private {
            return Err(wrong(String::from("nobody owns a commons, so it cannot be private")));
        }
        let app = room.app.map_err(|error| wrong(error.to_string()))?;
        let parameters = room.parameters.map_err(wrong)?;
        let name = BoundedText::new(room.name.as_deref().unwrap_or_default());
        let name = name.map_err(|error| wrong(format!("the name of a commons: {error}")))?;
        let is_of_network = name.is_empty();
        let (genesis, id) = Commons { name, nonce: 0, app: app.clone(), parameters }.to_bytes();
        let link = Link::without_server(app, RoomKeys { room: id, secrets: None });
        let link = self.findable(link.clone()).unwrap_or(link);
        let room = self.enter_by(link, Some(genesis)).await?;
        room.opened().await?;
        room.state.change(|known| (known.is_in, known.is_of_network) = (true, is_of_network));
        Ok(room)
    }

    /// The local network, if this endpoint uses [one](Builder::lan).
    #[cfg(all(feature = "lan", not(target_arch = "wasm32")))]
    pub fn nearby(&self) -> Option<&Nearby> {
        self.nearby.as_ref()
    }

    /// Opens a room that is kept on this device, at once and alone if need be. Others are linked as they are found.
    ///
    /// # Errors
    /// [`JoinError::NotStored`] where nothing is kept of it; else as for [`Endpoint::join`].
    pub async fn open(&self, link: impl std::fmt::Display) -> Result<Room, JoinError> {
        let room = self.enter(self.read_link(&link.to_string())?).await?;
        let is_stored =
            room.call(|node, _, room| node.room(room).id().is_some() && node.room(room).app().is_some());
        if !is_stored.await? {
            return Err(match room.state.look(|known| refused(&known.phase)) {
                Some(error) => error,
                None => JoinError::NotStored,
            });
        }
        room.opened().await?;
        room.state.change(|known| known.is_in = true);
        Ok(room)
    }

    /// Begins to look for a room, and does not wait for anybody: what becomes of it, its [events](Room::events) tell. It goes on
    /// trying for as long as the room is open, also where no server answers or none knows the room.
    ///
    /// # Errors
    /// [`JoinError`] for what is no link, or a room that cannot be looked for.
    pub async fn look_for(&self, link: impl std::fmt::Display) -> Result<Room, JoinError> {
        self.search(&link.to_string()).await
    }

    /// The rooms that are kept on this device.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be read.
    pub async fn rooms(&self) -> Result<Vec<KeptRoom>, StoreError> {
        self.shared.runner.kept().await
    }

    /// The room that is kept here and was found at this link before, also where the link has no part behind `#`; `None`
    /// where there is none.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be read.
    pub async fn kept_at(&self, link: &Link) -> Result<Option<RoomId>, StoreError> {
        self.shared.runner.find(link.clone()).await
    }

    /// Removes everything that is kept here of a room that this program is not in, blobs included.
    ///
    /// # Errors
    /// [`StoreError`] where that fails; it is kept then, or its blobs are.
    pub async fn forget(&self, room: RoomId) -> Result<(), StoreError> {
        self.shared.forget(room).await
    }

    /// The secret that this program's peer and another one share: both compute it from their long-term keys, without a message
    /// and whether the other is here or not. Of its own peer it is one that all devices with this identity share.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let network = Network::new(7);
    /// # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    /// let hers = ann.agree(bo.id().peer).await?.key(b"", b"example letters v1");
    /// let his = bo.agree(ann.id().peer).await?.key(b"", b"example letters v1");
    /// assert_eq!(hers, his); // 32 bytes for a cipher
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgreeError`].
    pub async fn agree(&self, peer: PeerId) -> Result<SharedSecret, AgreeError> {
        self.shared.call(move |node, _| node.agree(peer)).await?.ok_or(AgreeError::Key(peer))
    }

    /// Signs bytes as this program's peer, for [`verify`](crate::verify). The label names what is signed, in 1 to
    /// [`SIGN_LABEL_MAX`](crate::SIGN_LABEL_MAX) bytes of the app's own, such as `example release v1`: a signature holds
    /// under its label alone, and never as one of the protocol.
    ///
    /// ```
    /// # use meshwork::testing::Network;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let ann = Network::new(7).endpoint("Ann");
    /// let signature = ann.sign("example release v1", b"game 2.1").await?;
    /// let author = ann.id().peer;
    /// assert!(meshwork::verify(author, "example release v1", b"game 2.1", &signature));
    /// assert!(!meshwork::verify(author, "example letter v1", b"game 2.1", &signature));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SignError`]; nothing was signed.
    pub async fn sign(&self, label: &str, bytes: &[u8]) -> Result<[u8; 64], SignError> {
        let (label, bytes) = (label.to_owned(), bytes.to_vec());
        let signed = self.shared.call(move |node, _| node.sign(&label, &bytes)).await?;
        signed.map_err(|AppLabelError(size)| SignError::Label(size))
    }

    /// Sends what was written, for a second at most, says goodbye to everybody, stores what is to be stored, and ends the
    /// endpoint with all of its rooms. [`Room::kept`] says before whether a member that stays has it. Dropping the future
    /// ends the endpoint all the same, or leaves it as it is.
    pub async fn close(&self) {
        self.shared.runner.shut_down().await;
        self.shared.close();
    }

    /// Enters the room of a link. A link that names no server is looked up at those of this endpoint.
    async fn search(&self, text: &str) -> Result<Room, JoinError> {
        let link = self.read_link(text)?;
        match self.findable(link.clone()) {
            Ok(link) => self.enter(link).await,
            // Nobody has to find a room in which this endpoint is.
            Err(error) => {
                let _entering = self.shared.entering.lock().await;
                self.enter_again(&link).await?.ok_or(error)
            }
        }
    }

    fn findable(&self, link: Link) -> Result<Link, JoinError> {
        let has_lan = self.shared.has_lan();
        let names_lan = link.servers().next().map(|server| server == LAN);
        match names_lan {
            Some(true) if !has_lan => return Err(JoinError::NoServer),
            Some(_) => return Ok(link),
            None if self.shared.servers.is_empty() => return Err(JoinError::NoServer),
            None => {}
        }
        // No link names the local network, where every room is searched.
        let servers = self.shared.servers.iter().filter(|server| *server != LAN);
        Ok(link.with_further_servers(servers.cloned().collect())?)
    }

    pub(crate) fn read_link(&self, text: &str) -> Result<Link, JoinError> {
        let text = text.trim();
        let Ok(code) = text.parse::<Code>() else { return Ok(text.parse()?) };
        // A code means something on its own server alone.
        let first = self.shared.servers.first().ok_or(JoinError::NoServer)?;
        if first == LAN {
            return Ok(Link::at_lan(None, code));
        }
        Ok(Link::at_server(first, None, code)?)
    }

    /// A handle of the room of a link: a further one if this endpoint is in the room or enters it.
    pub(crate) async fn enter(&self, link: Link) -> Result<Room, JoinError> {
        self.enter_by(link, None).await
    }

    /// The same, with the genesis of the room if it is known.
    async fn enter_by(&self, link: Link, genesis: Option<Vec<u8>>) -> Result<Room, JoinError> {
        let _entering = self.shared.entering.lock().await;
        match self.enter_again(&link).await? {
            Some(room) => Ok(room),
            None => self.enter_first(link, genesis).await,
        }
    }

    /// A further handle of a room. The secrets of this link count from now on.
    async fn enter_again(&self, link: &Link) -> Result<Option<Room>, JoinError> {
        let mut named = link.clone();
        if let (None, Ok(Some(room))) = (link.room(), self.shared.runner.find(link.clone()).await) {
            named = named.with_keys(RoomKeys { room, secrets: None });
        }
        let Some(state) = self.shared.present(&named) else { return Ok(None) };
        match state.look(|known| known.opens_by(link)) {
            Fit::Fits => {}
            Fit::Wrong => return Err(JoinError::WrongSecret),
            Fit::Unknown => return Ok(None),
        }
        let Some(room) = Room::again(Arc::clone(&self.shared), state) else { return Ok(None) };
        if let Some(secrets) = link.secrets() {
            room.call(move |node, now, room| node.room_mut(now, room).offer_secrets(&secrets)).await?;
            room.refresh_link().await?;
        }
        Ok(Some(room))
    }

    async fn enter_first(&self, link: Link, genesis: Option<Vec<u8>>) -> Result<Room, JoinError> {
        let entered = Arc::new(std::sync::OnceLock::new());
        let (told, shared) = (Arc::clone(&entered), Arc::clone(&self.shared));
        let first = link.clone();
        let joined = move |handle| {
            shared.enter(handle).change(|known| known.link = Some(first));
            // The room is left where nobody waits any more.
            let _ = told.set(Room::new(Arc::clone(&shared), shared.enter(handle)));
        };
        let lan = self.shared.has_lan() && link.server().is_none_or(|(server, _)| server != LAN);
        let entry = Entry { address: link, genesis, lan };
        self.shared.runner.join(entry, Box::new(joined)).await.map_err(|error| match error {
            RunnerJoinError::Closed => JoinError::Closed(Closed),
            RunnerJoinError::Store(error) => JoinError::Store(error),
            RunnerJoinError::Command(CommandError::TooManyRooms(most)) => JoinError::TooManyRooms(most),
            RunnerJoinError::Command(error) => JoinError::Refused(error.to_string()),
        })?;
        entered.get().cloned().ok_or(JoinError::Closed(Closed))
    }
}

/// Whether a member let this program in, as far as that is known.
pub(crate) fn entered(known: &Known) -> Result<Option<()>, JoinError> {
    match refused(&known.phase) {
        Some(error) => Err(error),
        None => Ok((known.phase == Phase::Open && known.is_let_in).then_some(())),
    }
}

/// What a room's refusal is to somebody who joins.
pub(crate) fn refused(phase: &Phase) -> Option<JoinError> {
    Some(match phase {
        Phase::Looking | Phase::Open => return None,
        Phase::Left => JoinError::Closed(Closed),
        Phase::Refused(RoomRefusal::SecretMissing | RoomRefusal::SecretWrong) => JoinError::WrongSecret,
        Phase::Refused(RoomRefusal::Full(words)) => JoinError::Full(words.clone()),
        Phase::Refused(reason @ (RoomRefusal::First | RoomRefusal::Version(_))) => {
            JoinError::Incompatible(reason.to_string())
        }
        Phase::Refused(reason) => JoinError::Refused(reason.to_string()),
    })
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Endpoint").field(&self.id()).finish()
    }
}
