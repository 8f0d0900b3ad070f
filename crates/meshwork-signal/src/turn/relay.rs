//! The relay as a state machine: no sockets, no clock, no randomness of its own.

mod allocate;
mod authenticate;
mod data;
mod reconfigure;
mod requests;
mod streams;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::{Now, Time};
use slab::Slab;
use stun_types::attribute::{AttributeType, UnknownAttributes};
use stun_types::message::{BINDING, Message, MessageClass, MessageHeader};
use stun_types::prelude::Attribute as _;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

use super::allocation::{Allocation, Family};
use super::answer::Answer;
use super::config::{Config, ConfigError, RelayAddress};
use super::counts::{Counts, Refusal};
use super::deny::Peers;
use super::io::{Client, Outbox, Output, RelayId, Socket, StreamId};
use super::nonce::Nonces;
use super::quota::Quotas;
use crate::fair::{Buckets, Holdings, Rate};
pub(super) use allocate::Pending;
use authenticate::Signer;
use reconfigure::Retired;
use streams::Stream;

/// Bytes of the longest request: the longest attributes that one may have, and room to spare. Data has its own limits.
const REQUEST_MAX: usize = 2048;
/// Unknown attributes that an answer names.
const UNKNOWN_MAX: usize = 16;

/// Answers in a second to one address, and at once, that has shown no credentials: they are five times as long as what
/// asks for them, and who asks over UDP may have put somebody else's address there.
const UNPROVED: Rate = Rate { per_second: 20, burst: 20 };

/// A STUN and TURN server. See [the module](super) for how to drive it.
pub struct Relay {
    config: Config,
    counts: Arc<Counts>,
    outbox: Outbox,
    peers: Peers,
    /// Whom the operator keeps out.
    banned: Vec<IpNet>,
    is_draining: bool,
    /// Secrets that were replaced, the oldest first.
    retired: Vec<Retired>,
    nonces: Nonces,
    rng: Rng,
    quotas: Quotas,
    /// As many as `config.in_all` allows; so are their clients, and at most twice as many ends.
    allocations: Slab<Allocation>,
    /// The same by the networks that they were made from.
    holders: Holdings<usize>,
    clients: HashMap<Client, usize>,
    ends: HashMap<RelayId, RelayEnd>,
    /// Ends by the address that peers see.
    advertised: HashMap<SocketAddr, RelayId>,
    /// Ends that stand for whoever shows their token.
    reservations: HashMap<u64, RelayId>,
    next_relay: u32,
    streams: HashMap<StreamId, Stream>,
    /// The same by the networks that they came from.
    connected: Holdings<StreamId>,
    /// What each source is still answered that shows no credentials.
    unproved: Buckets,
    next_stream: u64,
    timers: BTreeSet<(Time, Timer)>,
}

/// A relayed address.
struct RelayEnd {
    advertised: SocketAddr,
    holder: Holder,
    is_bound: bool,
}

/// For whom a relayed address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Allocation(usize),
    /// For whoever shows the token; zero until that is handed out.
    Reservation {
        token: u64,
        by: usize,
    },
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Allocation(usize),
    Reservation(RelayId),
    Stream(StreamId),
}

/// A request of a client, whole and well formed.
struct Request<'a> {
    now: Now,
    client: Client,
    remote: SocketAddr,
    message: Message<'a>,
    bytes: &'a [u8],
}

impl Relay {
    /// A relay that draws nonces and ports from `seed`.
    ///
    /// # Errors
    /// [`ConfigError`]: a field of `config` is not legal.
    pub fn new(config: Config, seed: Seed) -> Result<Relay, ConfigError> {
        config.check()?;
        let mut rng = Rng::new(seed);
        Ok(Relay {
            counts: Arc::default(),
            outbox: Outbox::default(),
            peers: Peers::new(config.allow.clone(), own_addresses(&config)),
            banned: Vec::new(),
            is_draining: false,
            retired: Vec::new(),
            nonces: Nonces::new(rng.bytes(), config.nonce_life),
            rng,
            quotas: Quotas::new(),
            allocations: Slab::new(),
            holders: Holdings::default(),
            clients: HashMap::new(),
            ends: HashMap::new(),
            advertised: HashMap::new(),
            reservations: HashMap::new(),
            next_relay: 0,
            streams: HashMap::new(),
            connected: Holdings::default(),
            unproved: Buckets::default(),
            next_stream: 0,
            timers: BTreeSet::new(),
            config,
        })
    }

    /// What it takes on.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What it counts; any thread may read along.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Takes on no allocation from now on. Those that stand are served until they end.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Whether there is no allocation.
    pub fn is_idle(&self) -> bool {
        self.allocations.is_empty()
    }

    /// The networks that have most allocations, and how many; at most `most`.
    pub fn heaviest(&self, most: usize) -> Vec<(IpNet, usize)> {
        self.holders.heaviest().take(most).collect()
    }

    /// A datagram came in on `socket` from `remote`; `local` is the server's address that it was sent to, where the
    /// socket has several.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        socket: Socket,
        local: Option<IpAddr>,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        match socket {
            Socket::Listener(listener) => {
                self.handle_message(now, Client::Datagrams { listener, local, remote }, remote, bytes);
            }
            Socket::Relay(relay) => {
                self.handle_peer_data(now.time, relay, SocketAddr::new(remote.ip(), remote.port()), bytes);
            }
        }
    }

    /// Datagrams were not taken by the system.
    pub fn handle_unsent(&mut self, datagrams: u64) {
        self.counts.refuse_several(Refusal::Unsent, datagrams);
    }

    /// The time that [`poll_timeout`](Relay::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(time, timer)) = self.timers.first()
            && time <= now.time
        {
            self.timers.pop_first();
            match timer {
                Timer::Allocation(key) => self.handle_allocation_timer(now.time, key),
                Timer::Reservation(relay) => self.end_reservation(relay),
                Timer::Stream(stream) => self.handle_stream_timer(now.time, stream),
            }
        }
        self.quotas.forget_idle(now.time);
        self.unproved.sweep(now.time, UNPROVED);
    }

    /// What is to be done next; drain it after every `handle_` call, or after a few of them.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.outbox.poll()
    }

    /// When [`handle_timeout`](Relay::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let timer = self.timers.first().map(|&(time, _)| time);
        [timer, self.quotas.next_idle()].into_iter().flatten().min()
    }

    /// One message of a client: STUN, or channel data.
    fn handle_message(&mut self, now: Now, client: Client, remote: SocketAddr, bytes: &[u8]) {
        match bytes.first().map(|byte| byte >> 6) {
            Some(0b01) => self.handle_channel_data(now.time, client, bytes),
            Some(0b00) => self.handle_stun(now, client, remote, bytes),
            _ => self.counts.refuse(Refusal::Malformed),
        }
    }

    fn handle_stun(&mut self, now: Now, client: Client, remote: SocketAddr, bytes: &[u8]) {
        // The codec reads on beyond the length that the header states, and logs what it cannot read; neither is for
        // bytes from anybody.
        let is_whole = MessageHeader::from_bytes(bytes)
            .is_ok_and(|header| MessageHeader::LENGTH + usize::from(header.data_length()) == bytes.len());
        let message = if is_whole { Message::from_bytes(bytes).ok() } else { None };
        let Some(message) = message else {
            self.counts.refuse(Refusal::Malformed);
            return;
        };
        match message.class() {
            MessageClass::Request if bytes.len() <= REQUEST_MAX => {
                self.handle_request(&Request { now, client, remote, message, bytes });
            }
            MessageClass::Indication if message.has_method(SEND) => {
                self.handle_send(now.time, client, &message);
            }
            // A client that keeps its NAT's mapping alive (RFC 8489, section 6.3.2).
            MessageClass::Indication if message.has_method(BINDING) => {}
            _ => self.counts.refuse(Refusal::Malformed),
        }
    }

    fn handle_request(&mut self, request: &Request<'_>) {
        // Nothing stands of whoever is banned, so that data needs no such check.
        if self.is_banned(request.remote) {
            self.counts.refuse(Refusal::Banned);
            return;
        }
        let method = request.message.method();
        if method == BINDING {
            return self.handle_binding(request);
        }
        if ![ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND].contains(&method) {
            self.counts.refuse(Refusal::Malformed);
            return;
        }
        let Some(authentic) = self.authenticate(request) else { return };
        let unknown = unknown_attributes(&request.message);
        if !unknown.is_empty() {
            return self.refuse_unknown(request, &unknown, Some(&authentic.signer));
        }
        match method {
            ALLOCATE => self.handle_allocate(request, authentic),
            REFRESH => self.handle_refresh(request, &authentic),
            CREATE_PERMISSION => self.handle_create_permission(request, &authentic),
            _ => self.handle_channel_bind(request, &authentic),
        }
    }

    fn handle_binding(&mut self, request: &Request<'_>) {
        let unknown = unknown_attributes(&request.message);
        if !unknown.is_empty() {
            return self.refuse_unknown(request, &unknown, None);
        }
        self.counts.bindings.add(1);
        let answer = Answer::success(&request.message).with_mapped_address(&request.message, request.remote);
        self.answer_unproved(request, answer);
    }

    fn refuse_unknown(&mut self, request: &Request<'_>, unknown: &[AttributeType], signer: Option<&Signer>) {
        self.counts.refuse(Refusal::UnknownAttribute);
        let answer = Answer::error(&request.message, 420).with(&UnknownAttributes::new(unknown));
        match signer {
            Some(signer) => drop(self.answer(request.client, answer, Some(signer))),
            None => self.answer_unproved(request, answer),
        }
    }

    /// Says no, signed where the client is known.
    fn refuse(&mut self, request: &Request<'_>, refusal: (u16, Refusal), signer: &Signer) {
        let (code, cause) = refusal;
        self.counts.refuse(cause);
        if code == 401 {
            return self.challenge(request, code);
        }
        self.answer(request.client, Answer::error(&request.message, code), Some(signer));
    }

    /// Answers somebody who has shown no credentials, unless that address was answered often enough.
    fn answer_unproved(&mut self, request: &Request<'_>, answer: Answer) {
        let counted = self.config.counted(request.remote.ip());
        // Over a stream nobody else gets the answer.
        let is_sure = matches!(request.client, Client::Stream(_));
        if is_sure
            || counted.is_none_or(|network| self.unproved.spend(request.now.time, network, 1, UNPROVED))
        {
            self.answer(request.client, answer, None);
        } else {
            self.counts.refuse(Refusal::Unproved);
        }
    }

    fn answer(&mut self, client: Client, answer: Answer, signer: Option<&Signer>) -> Vec<u8> {
        let bytes = match signer {
            Some(signer) => answer.sign(&signer.key, signer.algorithm),
            None => answer.finish(),
        };
        self.outbox.send_to_client(client, false, [&bytes, &[]]);
        bytes
    }

    /// Where addresses of this family are relayed.
    fn relay_address(&self, family: Family) -> Option<RelayAddress> {
        self.config.relay_addresses.iter().copied().find(|address| Family::of(address.bind) == family)
    }

    /// Whether others reach relayed addresses under this one.
    fn is_advertised(&self, address: IpAddr) -> bool {
        self.config.relay_addresses.iter().any(|relay| relay.advertised == address)
    }

    /// Whether nothing may be sent to a peer. Relayed addresses of our own are reached whatever the address is; data
    /// to them never leaves the process.
    fn is_forbidden(&self, peer: SocketAddr) -> bool {
        peer.port() == 0 || !self.is_advertised(peer.ip()) && self.peers.is_forbidden(peer.ip())
    }

    fn set_timer(&mut self, time: Time, timer: Timer) {
        self.timers.insert((time, timer));
    }

    /// Whether nothing is left of anybody.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.allocations.is_empty()
            && self.clients.is_empty()
            && self.ends.is_empty()
            && self.advertised.is_empty()
            && self.reservations.is_empty()
            && self.streams.is_empty()
            && self.connected.is_empty()
            && self.holders.is_empty()
            && self.timers.is_empty()
            && self.quotas.is_empty()
    }
}

/// The server's addresses, those of relayed ones among them.
fn own_addresses(config: &Config) -> Vec<IpAddr> {
    let relays = config.relay_addresses.iter().flat_map(|relay| [relay.bind, relay.advertised]);
    config.own_addresses.iter().copied().chain(relays).collect()
}

/// Attributes that must be understood (RFC 8489, section 14) and are not.
fn unknown_attributes(message: &Message<'_>) -> Vec<AttributeType> {
    /// Those of STUN and TURN that a request may carry here, by their registered numbers.
    const KNOWN: [u16; 17] = [
        0x0006, // USERNAME
        0x0008, // MESSAGE-INTEGRITY
        0x000c, // CHANNEL-NUMBER
        0x000d, // LIFETIME
        0x0012, // XOR-PEER-ADDRESS
        0x0013, // DATA
        0x0014, // REALM
        0x0015, // NONCE
        0x0017, // REQUESTED-ADDRESS-FAMILY
        0x0018, // EVEN-PORT
        0x0019, // REQUESTED-TRANSPORT
        // DONT-FRAGMENT: no relayed datagram is ever fragmented here.
        0x001a, 0x001c, // MESSAGE-INTEGRITY-SHA256
        0x001d, // PASSWORD-ALGORITHM
        0x001e, // USERHASH: understood, and never enough
        0x0020, // XOR-MAPPED-ADDRESS
        0x0022, // RESERVATION-TOKEN
    ];
    let types = message.iter_attributes().map(|(_, attribute)| attribute.get_type());
    types
        .filter(|kind| kind.comprehension_required() && !KNOWN.contains(&kind.value()))
        .take(UNKNOWN_MAX)
        .collect()
}

/// The lifetime that is granted to who asks for `wanted`.
fn granted_lifetime(config: &Config, wanted: Option<u32>) -> Duration {
    /// The default, and the least (RFC 8656, section 7.2).
    const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
    let wanted = wanted.map_or(LIFETIME_DEFAULT, |seconds| Duration::from_secs(seconds.into()));
    wanted.clamp(LIFETIME_DEFAULT, config.lifetime_max)
}

#[cfg(test)]
mod tests;
