//! The relay as a state machine: no sockets, no clock, no randomness of its own.

mod allocate;
mod allocations;
mod authenticate;
mod connected;
mod data;
mod ends;
mod reconfigure;
mod requests;
mod streams;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use meshwork_core::rng::{Rng, Seed};
use meshwork_core::time::{Now, Time};
use stun_types::attribute::{AttributeType, UnknownAttributes};
use stun_types::message::{BINDING, Message, MessageClass, MessageHeader};
use stun_types::prelude::Attribute as _;
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND};

use super::answer::Answer;
use super::config::{Config, ConfigError};
use super::counts::{Counts, Refusal};
use super::deny::Peers;
use super::io::{Client, Outbox, Output, Socket};
use super::nonce::Nonces;
use super::quota::Quotas;
use crate::fair::{Buckets, Rate};
pub(super) use allocate::Pending;
use allocations::Allocations;
use authenticate::{Gate, Signer};
use connected::Streams;
use ends::Ends;

/// Bytes of the longest request: the longest attributes that one may have, and room to spare. Data has its own limits.
const REQUEST_MAX: usize = 2048;
/// Unknown attributes that an answer names.
const UNKNOWN_MAX: usize = 16;

/// Answers in a second to one address, and at once, that has shown neither credentials nor a nonce of ours: on the wire
/// they are twice as long as the request, and its sender may have put another address there. A class behind one address
/// asks for 600 at once, and whoever floods in the name of an address must send as much as would flood it anyway.
const UNPROVED: Rate = Rate { per_second: 1_000, burst: 1_000 };

/// A STUN and TURN server. See [the module](super) for how to drive it.
pub struct Relay {
    config: Config,
    counts: Arc<Counts>,
    outbox: Outbox,
    peers: Peers,
    /// Whom the operator keeps out.
    banned: Vec<IpNet>,
    is_draining: bool,
    gate: Gate,
    rng: Rng,
    quotas: Quotas,
    allocations: Allocations,
    /// At most twice as many as there are allocations, and those that are reserved.
    ends: Ends,
    streams: Streams,
    /// What each source is still answered that shows no credentials.
    unproved: Buckets,
}

/// Whose time has come, in the order in which it comes where it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Allocation,
    Reservation,
    Stream,
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
            gate: Gate::new(Nonces::new(rng.bytes(), config.nonce_life)),
            rng,
            quotas: Quotas::new(),
            allocations: Allocations::default(),
            ends: Ends::new(config.relay_addresses.clone(), config.ports.clone()),
            streams: Streams::default(),
            unproved: Buckets::default(),
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
        self.allocations.heaviest().take(most).collect()
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

    /// The time that [`poll_timeout`](Relay::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((time, timer)) = self.next_timer()
            && time <= now.time
        {
            match timer {
                Timer::Allocation => self.handle_allocation_timer(now.time),
                Timer::Reservation => self.ends.end_reservation(&mut self.outbox),
                Timer::Stream => self.handle_stream_timer(now.time),
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
        let timer = self.next_timer().map(|(time, _)| time);
        [timer, self.quotas.next_idle()].into_iter().flatten().min()
    }

    fn next_timer(&self) -> Option<(Time, Timer)> {
        let allocation = self.allocations.due().map(|due| (due, Timer::Allocation));
        let reservation = self.ends.due().map(|due| (due, Timer::Reservation));
        let stream = self.streams.due().map(|due| (due, Timer::Stream));
        [allocation, reservation, stream].into_iter().flatten().min()
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
        let authentic = match self.gate.authenticate(&self.config, request) {
            Ok(authentic) => authentic,
            Err((code, cause)) => return self.turn_away(request, code, cause),
        };
        let unknown = unknown_attributes(&request.message);
        if !unknown.is_empty() {
            return self.refuse_unknown(request, &unknown, Some(&authentic.signer));
        }
        let done = match method {
            ALLOCATE => return self.handle_allocate(request, authentic),
            REFRESH => self.refresh(request, &authentic),
            CREATE_PERMISSION => self.create_permission(request, &authentic),
            _ => self.channel_bind(request, &authentic),
        };
        match done {
            Ok(answer) => drop(self.answer(request.client, answer, Some(&authentic.signer))),
            Err(refusal) => self.refuse(request, refusal, &authentic.signer),
        }
    }

    fn handle_binding(&mut self, request: &Request<'_>) {
        let unknown = unknown_attributes(&request.message);
        if !unknown.is_empty() {
            return self.refuse_unknown(request, &unknown, None);
        }
        self.counts.bindings.add(1);
        let answer = Answer::success(&request.message).with_mapped_address(&request.message, request.remote);
        // It is hardly longer than the request, so that nobody gains by asking in another's name, and a limit could be used
        // up by strangers.
        self.answer(request.client, answer, None);
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
        if code == 401 {
            return self.turn_away(request, code, Some(cause));
        }
        self.counts.refuse(cause);
        self.answer(request.client, Answer::error(&request.message, code), Some(signer));
    }

    /// Says no to somebody who has not shown who asks; without a cause, as nobody has told how to yet.
    fn turn_away(&mut self, request: &Request<'_>, code: u16, cause: Option<Refusal>) {
        match cause {
            Some(cause) => self.counts.refuse(cause),
            None => self.counts.challenges.add(1),
        }
        let answer = match code {
            400 => Answer::error(&request.message, code),
            _ => self.gate.challenge(&self.config.realm, request, code),
        };
        // These causes are found after the nonce, which has arrived at the address then.
        let is_there = code == 401 && cause.is_some();
        if is_there {
            self.answer(request.client, answer, None);
        } else {
            self.answer_unproved(request, answer);
        }
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

    /// Whether nothing may be sent to a peer. Relayed addresses of our own are reached whatever the address is; data
    /// to them never leaves the process.
    fn is_forbidden(&self, peer: SocketAddr) -> bool {
        peer.port() == 0 || !self.ends.is_advertised(peer.ip()) && self.peers.is_forbidden(peer.ip())
    }

    /// Whether nothing is left of anybody.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.allocations.is_empty()
            && self.ends.is_empty()
            && self.streams.is_empty()
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
