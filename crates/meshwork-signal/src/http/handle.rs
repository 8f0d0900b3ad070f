//! What the parts of a running server share, and how whoever runs it reaches it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use ipnet::IpNet;
use meshwork_core::id::{Code, PeerId, RoomId};

use super::HttpConfig;
use super::connection::Places;
use super::driver::HubHandle;
use super::metrics::{self, HttpCounts, MetricsPage, MetricsSource};
use crate::fair::{Buckets, Network, Rate, is_within};
use crate::hub::{Ban, Hub, HubConfig, HubConfigError, ReserveError, RoomView, Snapshot};
use crate::turn::token::Tokens;

/// Doubts that are told.
const DOUBTS_MAX: usize = 16;

/// Keeps out whoever comes from these addresses, and nobody else.
type Gate = dyn Fn(Vec<IpNet>) + Send + Sync;

pub(super) struct Shared {
    pub(super) hub: HubHandle,
    pub(super) places: Places,
    pub(super) counts: HttpCounts,
    config: RwLock<Arc<HttpConfig>>,
    /// What the networks may still ask for.
    asking: Mutex<Buckets>,
    sources: Mutex<Vec<Arc<dyn MetricsSource>>>,
    /// Told of the addresses that are banned, whenever they change.
    gates: Mutex<Vec<Box<Gate>>>,
    /// Hands out credentials for a relay, where there is one.
    pub(super) tokens: Mutex<Option<Tokens>>,
    /// What the operator may have meant otherwise; at most [`DOUBTS_MAX`].
    doubts: Mutex<BTreeSet<String>>,
    is_draining: AtomicBool,
    began: SystemTime,
}

impl Shared {
    pub(super) fn new(hub: Hub, config: HttpConfig) -> Shared {
        let shared = Shared {
            hub: HubHandle::new(hub),
            places: Places::new(config.connections_max, config.connections_per_network_max),
            counts: HttpCounts::default(),
            config: RwLock::new(Arc::new(config)),
            asking: Mutex::default(),
            sources: Mutex::default(),
            gates: Mutex::default(),
            tokens: Mutex::default(),
            doubts: Mutex::default(),
            is_draining: AtomicBool::new(false),
            began: SystemTime::now(),
        };
        shared.doubt_config();
        shared
    }

    /// Tells the operator of mistakes that the configuration shows by itself.
    fn doubt_config(&self) {
        self.config().doubts().into_iter().for_each(|words| self.doubt(words));
    }

    pub(super) fn config(&self) -> Arc<HttpConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    pub(super) fn add_source(&self, source: Arc<dyn MetricsSource>) {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Whether so many people may be behind an address that its connections are not counted.
    pub(super) fn speaks_for_many(&self, address: IpAddr) -> bool {
        let config = self.config();
        is_within(address, &config.trusted_proxies) || config.is_forwarder(address)
    }

    /// Counts one request of a client. False when its network has asked too often.
    pub(super) fn may_ask(&self, client: IpAddr, config: &HttpConfig) -> bool {
        let rate = Rate { per_second: config.requests_per_second, burst: config.request_burst };
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.spend(self.hub.now(), Network::of(client), 1, rate)
    }

    /// Tells the operator, once, of something that cannot be meant: in the log, and at `/ready` from now on.
    pub(super) fn doubt(&self, words: String) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        if doubts.len() < DOUBTS_MAX && !doubts.contains(&words) {
            tracing::warn!("{words}");
            doubts.insert(words);
        }
    }

    /// All such words, and the faults of now.
    pub(super) fn doubts(&self) -> Vec<String> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = sources.iter().filter_map(|source| source.fault());
        let doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        doubts.iter().cloned().chain(faults).collect()
    }

    pub(super) fn metrics(&self) -> String {
        let mut page = MetricsPage::default();
        metrics::write_hub(&mut page, &self.hub.with(|hub, _| hub.snapshot()));
        let networks = self.asking.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.counts.write(&mut page, self.places.taken(), networks);
        page.gauge("meshwork_draining", "1 while the server is about to end.", u8::from(self.is_draining()));
        metrics::write_process(&mut page, self.began);
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            source.write(&mut page);
        }
        page.into_text()
    }
}

/// What one network holds of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkView {
    /// Connections of whatever kind, sockets among them.
    pub connections: usize,
    /// Signalling sockets.
    pub sockets: usize,
    /// Rooms that were registered from there.
    pub rooms: usize,
}

/// Reaches a running server.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

/// Why a server goes on with its former limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReconfigureError {
    /// A limit of the hub is outside its range.
    #[error(transparent)]
    Hub(#[from] HubConfigError),
}

impl ServerHandle {
    pub(super) fn new(shared: Arc<Shared>) -> ServerHandle {
        ServerHandle { shared }
    }

    /// How much the hub holds, and what it has done.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.hub.with(|hub, _| hub.snapshot())
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.shared.places.taken()
    }

    /// Answers `/turn-token` from now on, or no longer.
    pub fn hand_out(&self, tokens: Option<Tokens>) {
        *self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Shows the numbers of somebody else among the metrics, from now on.
    pub fn add_metrics(&self, source: Arc<dyn MetricsSource>) {
        self.shared.add_source(source);
    }

    /// Tells the operator of something that cannot be meant: in the log, and at `/ready`.
    pub fn doubt(&self, words: String) {
        self.shared.doubt(words);
    }

    /// Each network that holds connections, sockets or rooms, and how many, the heaviest of each first; at most `most` of
    /// each kind.
    pub fn networks(&self, most: usize) -> BTreeMap<IpNet, NetworkView> {
        let mut networks: BTreeMap<IpNet, NetworkView> = BTreeMap::new();
        for (network, connections) in self.shared.places.heaviest(most) {
            networks.entry(network).or_default().connections = connections;
        }
        self.shared.hub.with(|hub, _| {
            for (network, sockets) in hub.holders_of_sockets().take(most) {
                networks.entry(network).or_default().sockets = sockets;
            }
            for (network, rooms) in hub.holders_of_rooms().take(most) {
                networks.entry(network).or_default().rooms = rooms;
            }
        });
        networks
    }

    /// What `/metrics` shows.
    pub fn metrics(&self) -> String {
        self.shared.metrics()
    }

    /// Every room that is kept, at most `most`.
    pub fn rooms(&self, most: usize) -> Vec<RoomView> {
        self.shared.hub.with(|hub, _| hub.rooms().take(most).collect())
    }

    /// The room with this code.
    pub fn room_of(&self, code: Code) -> Option<RoomId> {
        self.shared.hub.with(|hub, _| hub.room_of(code))
    }

    /// See [`Hub::member_count`]. A route that answers strangers asks
    /// [`RouteContext::member_count`](super::RouteContext::member_count).
    pub fn member_count(&self, code: Code) -> Option<usize> {
        self.shared.hub.with(|hub, _| hub.member_count(code))
    }

    /// See [`Hub::has_member`].
    pub fn has_member(&self, code: Code, peer: PeerId) -> bool {
        self.shared.hub.with(|hub, _| hub.has_member(code, peer))
    }

    /// See [`Hub::reserve`].
    ///
    /// # Errors
    /// [`ReserveError`]; nothing has changed.
    pub fn reserve(&self, code: Code) -> Result<(), ReserveError> {
        self.shared.hub.with(|hub, _| hub.reserve(code))
    }

    /// See [`Hub::release`].
    pub fn release(&self, code: Code) -> bool {
        self.shared.hub.with(|hub, _| hub.release(code))
    }

    /// See [`Hub::close_room`].
    pub fn close_room(&self, room: RoomId) -> bool {
        self.shared.hub.with(|hub, now| hub.close_room(now, room))
    }

    /// See [`Hub::ban`].
    pub fn ban(&self, ban: Ban) -> bool {
        let is_set = self.shared.hub.with(|hub, now| hub.ban(now, ban));
        self.tell_gates();
        is_set
    }

    /// See [`Hub::unban`].
    pub fn unban(&self, ban: Ban) -> bool {
        let was_set = self.shared.hub.with(|hub, _| hub.unban(ban));
        self.tell_gates();
        was_set
    }

    /// Tells somebody else, such as a relay, which addresses are banned: now, and whenever they change.
    pub fn keep_out_by(&self, gate: impl Fn(Vec<IpNet>) + Send + Sync + 'static) {
        gate(self.banned_addresses());
        self.shared.gates.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(gate));
    }

    fn tell_gates(&self) {
        let banned = self.banned_addresses();
        for gate in self.shared.gates.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            gate(banned.clone());
        }
    }

    fn banned_addresses(&self) -> Vec<IpNet> {
        let range = |ban| if let Ban::Addresses(range) = ban { Some(range) } else { None };
        self.bans().into_iter().filter_map(range).collect()
    }

    /// Every ban.
    pub fn bans(&self) -> Vec<Ban> {
        self.shared.hub.with(|hub, _| hub.bans())
    }

    /// Takes on new limits. Of `http` those of connections stay as they were when the server was made.
    ///
    /// # Errors
    /// [`ReconfigureError`]; nothing has changed then.
    pub fn reconfigure(&self, hub: HubConfig, http: HttpConfig) -> Result<(), ReconfigureError> {
        self.shared.hub.with(|state, _| state.reconfigure(hub))?;
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(http);
        self.shared.doubt_config();
        Ok(())
    }

    /// Begins to end: `/ready` says so, no new socket is taken in, and present ones are told goodbye one after the
    /// other. Done when `drain_for` is over, also if nobody is connected: a load balancer asks `/ready` by a new connection each time.
    /// Then the server is to be shut down. `others`, such as a relay, end meanwhile.
    pub async fn drain(&self, others: impl Future<Output = ()>) {
        self.shared.is_draining.store(true, Ordering::Relaxed);
        let drain_for = self.shared.config().drain_for;
        self.shared.hub.with(|hub, now| hub.drain(now, drain_for));
        tokio::join!(tokio::time::sleep(drain_for), async {
            let _ = tokio::time::timeout(drain_for, others).await;
        });
    }
}
