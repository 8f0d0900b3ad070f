//! One connection without its sockets: str0m told what to do by effects, its events told as inputs.
//!
//! No session description is exchanged. What a [`Description`] says is set directly, and what it leaves out is
//! fixed: the offerer is the controlling ICE agent and the DTLS server, the answerer is the DTLS client and
//! begins the SCTP association, and both make the two negotiated channels by themselves.
//!
//! Driving str0m has rules: its output is drained after every single change, time is given to it before
//! anything is sent, and it is not told of datagrams before it knows the other end (it would queue them and
//! work them off one every 50 ms, before its own checks).

mod candidates;
mod paths;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use meshwork_core::seam::description::{
    CANDIDATES_MAX, Candidate, CandidateAddress, CandidateKind, Description, Fingerprints, Role, Signal,
};
use meshwork_core::seam::io::{Channel, FRAME_MAX, Input, LinkId, SEND_WINDOW};
use meshwork_core::seam::path::IcePolicy;
use meshwork_core::wire::Bounded;
use str0m::channel::ChannelId;
use str0m::config::DtlsVersion;
use str0m::net::{Protocol, Receive};
use str0m::{IceCreds, Rtc};

use super::convert::{channel_config, credentials, local_candidate, read_fingerprint, write_fingerprint};
use super::flight::{self, Flight};
use super::sockets::Datagram;
use paths::Paths;

/// Bytes that str0m buffers for both channels of a connection, those in flight included: never less than what is
/// given to it.
const STACK_BUFFER: usize = flight::MOST + 2 * FRAME_MAX;
/// Longest message that is taken in. The node refuses what is longer than a frame and says so; more than this
/// does not even reach it.
const RECEIVE_MAX: usize = 2 * FRAME_MAX;
/// Bytes of data kept back until both channels are open. They open together, so that this is for the hostile.
const HELD_MAX: usize = 2 * SEND_WINDOW;
/// Addresses from which a connection accepts datagrams. Every new one makes str0m keep a candidate.
const SOURCES_MAX: usize = 64;
/// Connectivity checks that are kept until the description of their sender arrives: one for each of its candidates.
const EARLY_CHECKS_MAX: usize = CANDIDATES_MAX;
/// Longest time between two connectivity checks of a pair, so that a path that comes back while a session is
/// resumed is found within a second. The stack's own 3 s would use up all the time that resuming may take.
const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(1);
/// Checks of a pair, the first of them 250 and 500 ms apart, until it counts as failed: twice as long as
/// an attempt to resume a session lasts.
const CHECKS: usize = 20;
/// How long a connection may take: longer than people take to carry an invitation and its reply. The node gives
/// up sooner; this is for one that forgot to.
const CONNECT_MAX: Duration = Duration::from_secs(900);
/// How long a connection may be without a working path. The node gives up sooner, as above.
const LOST_MAX: Duration = Duration::from_secs(30);
/// How long what was sent before a close may take to be acknowledged.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for the other end's description.
    Describing,
    /// Looks for a path, then proves keys and opens channels.
    Connecting,
    /// Both channels are open.
    Up,
    /// The node closed it; what was sent before is on its way.
    Flushing {
        /// When to close all the same.
        until: Instant,
    },
    /// Nothing more is said.
    Done,
}

/// One connection.
pub(super) struct Connection {
    link: LinkId,
    role: Role,
    policy: IcePolicy,
    rtc: Rtc,
    channels: [ChannelId; 2],
    stage: Stage,
    opened: Instant,
    /// An answerer's own description, told when the offer is there.
    answer: Option<Input>,
    /// The other end's candidates, kept until its description is there.
    early: Vec<(Candidate, IpAddr)>,
    /// The answerer's first checks, which travel directly and overtake its description: at most [`EARLY_CHECKS_MAX`].
    early_checks: Vec<Datagram>,
    candidates_seen: usize,
    /// Own candidates that the other end was told of.
    candidates_said: usize,
    paths: Paths,
    sources: Vec<SocketAddr>,
    /// Data that came before both channels were open.
    held: Vec<Input>,
    held_bytes: usize,
    /// Frames that str0m did not take yet, at most [`SEND_WINDOW`] bytes by the node's word.
    queue: VecDeque<(Channel, Vec<u8>)>,
    queued_bytes: usize,
    flight: Flight,
    /// Bytes sent by the node and not given back by [`Input::Writable`].
    unreported: usize,
    /// Since when there is no working path.
    lost: Option<Instant>,
    /// What str0m waits for.
    timeout: Instant,
    inputs: Vec<Input>,
    datagrams: Vec<Datagram>,
}

impl Connection {
    /// Begins a connection that is reached at `addresses`, of which others are told what `advertise` makes of
    /// them. An offerer's description is among its inputs.
    ///
    /// # Errors
    /// In words, when the system has no randomness or no address is usable.
    pub(super) fn open(
        link: LinkId,
        role: Role,
        policy: IcePolicy,
        addresses: &[SocketAddr],
        advertise: impl Fn(SocketAddr) -> SocketAddr,
        now: Instant,
    ) -> Result<Connection, String> {
        let mut builder = Rtc::builder()
            .clear_codecs()
            .clear_extension_map()
            .set_dtls_version(DtlsVersion::Auto)
            .set_local_ice_credentials(credentials()?)
            .set_sctp_max_buffered_amount(STACK_BUFFER)
            .set_sctp_max_message_size(RECEIVE_MAX as u32);
        builder.set_max_stun_rto(CHECK_INTERVAL_MAX);
        builder.set_max_stun_retransmits(CHECKS);
        let mut rtc = builder.build(now);
        let mut locals = Vec::new();
        // Who hides names no address of its own, and sends from none.
        let shown = if policy == IcePolicy::Relay { &[] } else { addresses };
        for address in shown.iter().take(CANDIDATES_MAX) {
            let Some(candidate) = local_candidate(*address, locals.len()) else { continue };
            if let Some(added) = rtc.add_local_candidate(candidate) {
                let told = advertise(*address);
                locals.push(Candidate {
                    kind: CandidateKind::Host,
                    priority: added.prio(),
                    address: CandidateAddress::Ip(told.ip()),
                    port: told.port(),
                });
            }
        }
        if locals.is_empty() && policy != IcePolicy::Relay {
            return Err("no network interface has an address that others could reach".into());
        }
        let mut direct = rtc.direct_api();
        direct.set_ice_controlling(role == Role::Offerer);
        let channels = Channel::ALL.map(|channel| direct.create_data_channel(channel_config(channel)));
        let mut connection = Connection {
            link,
            role,
            policy,
            rtc,
            channels,
            stage: Stage::Describing,
            opened: now,
            answer: None,
            early: Vec::new(),
            early_checks: Vec::new(),
            candidates_seen: 0,
            candidates_said: locals.len(),
            paths: Paths::default(),
            sources: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            queue: VecDeque::new(),
            queued_bytes: 0,
            flight: Flight::new(),
            unreported: 0,
            lost: None,
            timeout: now,
            inputs: Vec::new(),
            datagrams: Vec::new(),
        };
        connection.describe(locals)?;
        connection.advance(now);
        Ok(connection)
    }

    /// Takes what the other end said, with the addresses that its hidden candidate turned out to have.
    pub(super) fn handle_signal(&mut self, now: Instant, signal: Signal) {
        match signal {
            Signal::Description(description) => self.handle_description(now, description),
            Signal::Candidate(candidate) => self.handle_candidate(now, candidate),
        }
    }

    /// Closes when what was sent is acknowledged, or after [`FLUSH_MAX`]. No input follows.
    pub(super) fn handle_close(&mut self, now: Instant) {
        self.inputs.clear();
        match self.stage {
            Stage::Up => {
                self.stage = Stage::Flushing { until: now + FLUSH_MAX };
                self.drive(now);
            }
            Stage::Describing | Stage::Connecting => self.finish(),
            Stage::Flushing { .. } | Stage::Done => {}
        }
    }

    /// Takes a datagram that came from `source` to the own address `destination`.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        bytes: &[u8],
    ) {
        if self.stage == Stage::Done || self.stage == Stage::Describing && self.role == Role::Answerer {
            return;
        }
        let known = self.sources.contains(&source);
        if !known && self.sources.len() == SOURCES_MAX {
            return;
        }
        // Whatever is not STUN, DTLS or RTP ends here.
        let Ok(receive) = Receive::new(Protocol::Udp, source, destination, bytes) else { return };
        let input = str0m::Input::Receive(now, receive);
        // Refuses STUN with a wrong password, and all else from addresses that no STUN vouched for.
        if !self.rtc.accepts(&input) {
            return;
        }
        if self.stage == Stage::Describing {
            // An unanswered check is repeated after 250 ms, so an early one is worth its bytes.
            if self.early_checks.len() < EARLY_CHECKS_MAX {
                self.early_checks.push(Datagram { source, destination, bytes: bytes.to_vec() });
            }
            return;
        }
        if !known {
            self.sources.push(source);
        }
        if let Err(error) = self.rtc.handle_input(input) {
            // Anybody can send a datagram that looks as if it came from the other end: it is dropped, and the
            // connection stands unless str0m gave it up.
            tracing::debug!(link = self.link.0, %error, "datagram refused");
        }
        self.drain(now);
    }

    /// Does what the datagrams handled before make possible. To be called once for all that came together.
    pub(super) fn handle_datagrams_end(&mut self, now: Instant) {
        self.drive(now);
    }

    /// Lets time pass. To be called when [`Connection::poll_timeout`] is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self.stage {
            Stage::Describing | Stage::Connecting if now >= self.opened + CONNECT_MAX => {
                self.fail("the other end was not reached within a minute".into());
            }
            Stage::Up if self.lost.is_some_and(|lost| now >= lost + LOST_MAX) => {
                self.fail("the other end did not answer for half a minute".into());
            }
            _ => self.advance(now),
        }
        self.drive(now);
    }

    /// When [`Connection::handle_timeout`] is due.
    pub(super) fn poll_timeout(&self) -> Instant {
        let own = match self.stage {
            Stage::Describing | Stage::Connecting => Some(self.opened + CONNECT_MAX),
            Stage::Up => self.lost.map(|lost| lost + LOST_MAX),
            Stage::Flushing { until } => Some(until),
            Stage::Done => None,
        };
        own.map_or(self.timeout, |own| own.min(self.timeout))
    }

    /// Whether nothing more will happen once the datagrams are sent and the inputs told.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// What the node is to be told.
    pub(super) fn inputs(&mut self) -> &mut Vec<Input> {
        &mut self.inputs
    }

    /// What is to be sent.
    pub(super) fn datagrams(&mut self) -> &mut Vec<Datagram> {
        &mut self.datagrams
    }

    fn describe(&mut self, locals: Vec<Candidate>) -> Result<(), String> {
        let direct = self.rtc.direct_api();
        let own = direct.local_ice_credentials();
        let fingerprint = read_fingerprint(direct.local_dtls_fingerprint());
        let description = Description {
            role: self.role,
            user_fragment: meshwork_core::wire::BoundedText::truncated(&own.ufrag),
            password: meshwork_core::wire::BoundedText::truncated(&own.pass),
            fingerprint: fingerprint.ok_or("the own certificate's fingerprint is not SHA-256")?,
            candidates: Bounded::new(locals).map_err(|error| error.to_string())?,
        };
        let signal = Input::Signal { link: self.link, signal: Signal::Description(description) };
        match self.role {
            Role::Offerer => self.inputs.push(signal),
            Role::Answerer => self.answer = Some(signal),
        }
        Ok(())
    }

    fn handle_description(&mut self, now: Instant, description: Description) {
        // There is exactly one per attempt; a second one is a mistake that changes nothing.
        if self.stage != Stage::Describing {
            return;
        }
        if description.role == self.role {
            return self.fail("both ends of the connection took the same role".into());
        }
        self.stage = Stage::Connecting;
        self.inputs.extend(self.answer.take());
        let mut direct = self.rtc.direct_api();
        direct.set_remote_fingerprint(write_fingerprint(description.fingerprint));
        direct.set_remote_ice_credentials(IceCreds {
            ufrag: description.user_fragment.as_str().into(),
            pass: description.password.as_str().into(),
        });
        if self.role == Role::Offerer {
            self.start_transport();
        }
        for (candidate, ip) in std::mem::take(&mut self.early) {
            self.pair(candidate, ip);
        }
        for candidate in description.candidates.iter() {
            self.handle_candidate(now, *candidate);
        }
        for check in std::mem::take(&mut self.early_checks) {
            self.handle_datagram(now, check.source, check.destination, &check.bytes);
        }
        self.advance(now);
        self.drive(now);
    }

    /// Begins DTLS and SCTP: the offerer when it has the answer, since the answerer speaks first, the answerer
    /// when there is a path, since its retransmission timers start with it.
    fn start_transport(&mut self) {
        let active = self.role == Role::Answerer;
        let mut direct = self.rtc.direct_api();
        if let Err(error) = direct.start_dtls(active) {
            return self.fail(format!("encryption could not be set up: {error}"));
        }
        direct.start_sctp(active);
    }

    /// Tells str0m the time, so that it does not count what follows from the last thing that happened.
    fn advance(&mut self, now: Instant) {
        if self.stage == Stage::Done {
            return;
        }
        if let Err(error) = self.rtc.handle_input(str0m::Input::Timeout(now)) {
            self.fail(format!("the connection broke: {error}"));
        }
        self.drain(now);
    }

    /// Does all that can be done now.
    fn drive(&mut self, now: Instant) {
        self.drain(now);
        if self.stage == Stage::Up && (self.flight.is_waiting() || self.unreported > 0) {
            let held = self.held_by_stack();
            self.flight.handle_held(now, held, !self.queue.is_empty());
        }
        while self.write_one(now) {
            self.drain(now);
        }
        self.report_writable();
        if let Stage::Flushing { until } = self.stage
            && (now >= until || self.buffered() == 0)
        {
            self.finish();
        }
    }

    /// Drains str0m until it waits for something.
    fn drain(&mut self, now: Instant) {
        while self.stage != Stage::Done {
            match self.rtc.poll_output() {
                Ok(str0m::Output::Timeout(timeout)) => {
                    self.timeout = timeout;
                    break;
                }
                Ok(str0m::Output::Transmit(transmit)) => self.push_datagram(transmit),
                Ok(str0m::Output::Event(event)) => self.handle_event(now, event),
                Err(error) => self.fail(words_for(&error)),
            }
        }
        if self.stage != Stage::Done && !self.rtc.is_alive() {
            self.fail("the connection broke".into());
        }
    }

    fn handle_event(&mut self, now: Instant, event: str0m::Event) {
        match event {
            str0m::Event::IceConnectionStateChange(state) if state.is_connected() => {
                self.lost = None;
                if self.role == Role::Answerer && self.stage == Stage::Connecting {
                    self.start_transport();
                }
            }
            str0m::Event::IceConnectionStateChange(_) => {
                self.lost = self.lost.or(Some(now));
            }
            str0m::Event::Connected => {
                let version = self.rtc.direct_api().dtls_protocol_version();
                tracing::debug!(link = self.link.0, ?version, "encrypted");
            }
            str0m::Event::ChannelOpen(id, _) => {
                if self.channel_of(id).is_none() {
                    return self.fail("the other end opened a channel of its own".into());
                }
                self.try_up();
            }
            str0m::Event::ChannelData(data) => {
                if let Some(channel) = self.channel_of(data.id) {
                    self.handle_data(channel, data.data);
                }
            }
            str0m::Event::ChannelClose(id) if self.channel_of(id).is_some() => {
                self.fail("the other end closed a channel".into());
            }
            str0m::Event::Closed => self.fail("the other end closed the connection".into()),
            _ => {}
        }
    }

    fn handle_data(&mut self, channel: Channel, bytes: Vec<u8>) {
        match self.stage {
            Stage::Up => self.inputs.push(Input::Data { link: self.link, channel, bytes }),
            Stage::Connecting => {
                self.held_bytes += bytes.len();
                if self.held_bytes > HELD_MAX {
                    return self.fail("the other end sent before its channels were open".into());
                }
                self.held.push(Input::Data { link: self.link, channel, bytes });
                self.try_up();
            }
            Stage::Describing | Stage::Flushing { .. } | Stage::Done => {}
        }
    }

    /// Says that the connection is up once both channels are open, and then what they brought before.
    fn try_up(&mut self) {
        let open = self.channels.iter().all(|id| self.rtc.channel(*id).is_some());
        if self.stage != Stage::Connecting || !open {
            return;
        }
        let direct = self.rtc.direct_api();
        let local = read_fingerprint(direct.local_dtls_fingerprint());
        let remote = direct.remote_dtls_fingerprint().and_then(read_fingerprint);
        let (Some(local), Some(remote)) = (local, remote) else {
            return self.fail("the other end showed no certificate".into());
        };
        self.stage = Stage::Up;
        let fingerprints = Fingerprints { local, remote };
        let path = self.paths.news().unwrap_or_default();
        self.inputs.push(Input::Up { link: self.link, fingerprints, path });
        self.inputs.append(&mut self.held);
        self.held_bytes = 0;
    }

    /// Ends the connection and says why, unless the node closed it itself.
    fn fail(&mut self, reason: String) {
        if self.stage == Stage::Done {
            return;
        }
        if !matches!(self.stage, Stage::Flushing { .. }) {
            self.inputs.push(Input::Down { link: self.link, reason });
        }
        self.finish();
    }

    /// Tells the other end that the connection is closed, as far as there is a way to.
    fn finish(&mut self) {
        self.stage = Stage::Done;
        self.queue.clear();
        self.held.clear();
        let closing = self.rtc.close();
        while let (Ok(()), Ok(output)) = (&closing, self.rtc.poll_output()) {
            match output {
                str0m::Output::Transmit(transmit) => self.push_datagram(transmit),
                str0m::Output::Event(_) => {}
                str0m::Output::Timeout(_) => break,
            }
        }
    }

    /// Tells how data travels, when that is news.
    fn tell_path(&mut self) {
        if self.stage == Stage::Up
            && let Some(path) = self.paths.news()
        {
            self.inputs.push(Input::PathChanged { link: self.link, path });
        }
    }

    fn push_datagram(&mut self, transmit: str0m::net::Transmit) {
        // DTLS records (RFC 7983 section 7) and not connectivity checks, which go out on all paths.
        if transmit.contents.first().is_some_and(|first| (20..64).contains(first)) {
            self.paths.note_data(transmit.source, transmit.destination);
            self.tell_path();
        }
        self.datagrams.push(Datagram {
            source: transmit.source,
            destination: transmit.destination,
            bytes: transmit.contents.into(),
        });
    }

    fn channel_of(&self, id: ChannelId) -> Option<Channel> {
        self.channels.iter().position(|own| *own == id).map(|index| Channel::ALL[index])
    }
}

fn words_for(error: &str0m::RtcError) -> String {
    match error {
        str0m::RtcError::RemoteSdp(_) => "the other end showed another certificate than it announced".into(),
        other => format!("the connection broke: {other}"),
    }
}
