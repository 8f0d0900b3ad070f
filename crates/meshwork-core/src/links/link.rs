//! One link: from the connection being up to its last word.
//!
//! # Problem
//! A connection says nothing about who is at its other end, nor whether that end still lives.
//!
//! # How it works
//! When both channels are open each end sends a proof over the [`Transcript`]; nothing else counts until the
//! other end's proof held. Messages share frames (`wire::stream`), frames stay within a send window that the
//! driver opens again. A ping a second on the unreliable channel gives round-trip times (RFC 6298) and life: half
//! the silence that makes a link stale makes it ask four times a second, so that not one lost datagram decides, and
//! it is stale when that stays unanswered (docs/decisions/0003-links.md).
//!
//! # Driving it
//! `handle_*` take time and bytes, [`Link::poll_event`] tells what was received, [`Link::flush`] yields frames.
//!
//! # Limits
//! [`SEND_QUEUE_MAX`] bytes wait to be sent at most, plus what the window holds.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::lane_queue::LaneQueue;
use super::message::{GoodbyeReason, LinkMessage};
use super::rtt::{PingOutcomes, RttEstimate};
use super::transcript::{Facts, Transcript};
use crate::id::{Endpoint, Identity};
use crate::lanes::Unreliable;
use crate::seam::config::Config;
use crate::seam::description::{Fingerprints, Role};
use crate::seam::event::Refusal;
use crate::seam::io::{Channel, FRAME_MAX, SEND_WINDOW};
use crate::seam::path::LinkPath;
use crate::time::{Now, Time, WallTime};
use crate::wire::{Bytes, MessageReader, MessageWriter};

/// Bytes that may wait on one link, beyond which nothing more is queued for it: about a second of a good home
/// connection, and the whole of most replicas.
pub const SEND_QUEUE_MAX: usize = 1024 * 1024;
/// Bytes under way on a link above which no lane's datagram goes out but one after each frame: a quarter of the window,
/// so that batches always find room.
const LANE_WINDOW: usize = SEND_WINDOW / 4;
/// Pings whose answer is awaited: more than fit before the link is gone.
const PINGS_MAX: usize = 16;

/// Pause between pings of a link that has been silent for half the time after which it is stale: what a path lost for
/// a second is asked again in time, and a link that nothing answers costs five pings more.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// The token of such a ping. It is no ping's number, so its answer says that the other end lives and nothing else:
/// losses and round-trip times are those of one ping a second.
const PROBE: u64 = 0;
/// Timeouts of RFC 6298 that the other end has to answer before silence counts, so that far ends are not stale for
/// their distance.
const ROUND_TRIPS: u32 = 3;

const PING: u8 = 1;
const PONG: u8 = 2;
/// The sender's civil clock instead of a token, in microseconds.
const CLOCK: u8 = 3;
/// Pings after which one's clock is told again: clocks drift slowly, and people set them rarely.
const CLOCK_EVERY: u64 = 16;
/// Pings at first of which each tells the clock, since datagrams are lost and the other end may not be proved yet.
const CLOCK_FIRST: u64 = 4;

/// What a link tells its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The other end proved itself: the link counts from here on.
    Proved,
    /// A message arrived over the proved link.
    Message(LinkMessage),
    /// A lane's datagram arrived over the proved link, unopened.
    Datagram(Vec<u8>),
    /// The other end broke the protocol; the link is unusable.
    Broken(Refusal, String),
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The connection is being made.
    Opening,
    /// The connection is up, the other end's proof is awaited.
    Proving,
    /// Both ends are proved.
    Proved,
    /// The other end broke the protocol.
    Broken,
}

/// One connection attempt and, if it succeeds, the link that comes of it.
#[derive(Debug)]
pub struct Link {
    remote: Endpoint,
    role: Role,
    facts: Facts,
    transcript: Option<Transcript>,
    path: LinkPath,
    phase: Phase,
    opened: Time,
    heard: Time,
    /// When the other end was asked for a sign of life first, and last, since something was heard of it.
    asked: Option<(Time, Time)>,
    next_ping: Time,
    ping_interval: Duration,
    stale_after: Duration,
    pings: VecDeque<(u64, Time)>,
    ping_count: u64,
    rtt: RttEstimate,
    outcomes: PingOutcomes,
    /// What the other end's civil clock said, and when.
    clock: Option<(Time, WallTime)>,
    writer: MessageWriter,
    reader: MessageReader,
    datagrams: VecDeque<Vec<u8>>,
    lanes: LaneQueue,
    in_flight: usize,
    events: VecDeque<LinkEvent>,
    is_held_up: bool,
    bytes_sent: u64,
    bytes_received: u64,
}

impl Link {
    /// A new attempt in which this end has `role`.
    pub fn new(now: Time, role: Role, facts: Facts, config: &Config) -> Link {
        let remote = match role {
            Role::Offerer => facts.answerer,
            Role::Answerer => facts.offerer,
        };
        Link {
            remote,
            role,
            facts,
            transcript: None,
            path: LinkPath::default(),
            phase: Phase::Opening,
            opened: now,
            heard: now,
            asked: None,
            next_ping: now,
            ping_interval: config.ping_interval,
            stale_after: config.stale_after,
            pings: VecDeque::new(),
            ping_count: 0,
            rtt: RttEstimate::default(),
            outcomes: PingOutcomes::default(),
            clock: None,
            writer: MessageWriter::default(),
            reader: MessageReader::default(),
            datagrams: VecDeque::new(),
            lanes: LaneQueue::default(),
            in_flight: 0,
            events: VecDeque::new(),
            is_held_up: false,
            bytes_sent: 0,
            bytes_received: 0,
        }
    }

    /// The other end.
    pub fn remote(&self) -> Endpoint {
        self.remote
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The attempt's facts as known so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Who answers, where that was not known when the attempt began.
    pub fn set_answerer(&mut self, answerer: Endpoint) {
        self.remote = answerer;
        self.facts.answerer = answerer;
    }

    /// The answerer's part of the facts, once its answer came.
    pub fn set_answer(&mut self, version: u16, nonce: [u8; 16]) {
        self.facts.version = version;
        self.facts.answerer_nonce = nonce;
    }

    /// Whether both ends are proved.
    pub fn is_proved(&self) -> bool {
        self.phase == Phase::Proved
    }

    /// How packets travel.
    pub fn path(&self) -> LinkPath {
        self.path
    }

    /// The connection moved to another path.
    pub fn set_path(&mut self, path: LinkPath) {
        self.path = path;
    }

    /// When the attempt began.
    pub fn opened(&self) -> Time {
        self.opened
    }

    /// When something was last heard.
    pub fn heard(&self) -> Time {
        self.heard
    }

    /// When the link is stale if nothing is heard of the other end until then; `None` while it was not asked.
    pub fn stale_at(&self) -> Option<Time> {
        let (asked, _) = self.asked?;
        let answers = self.rtt.timeout().map_or(Duration::ZERO, |timeout| timeout * ROUND_TRIPS);
        let patience = answers.clamp(self.stale_after / 2, self.stale_after);
        Some((self.heard + self.stale_after).max(asked + patience))
    }

    /// Whether the other end has been silent for so long that another should take its place.
    pub fn is_stale(&self, now: Time) -> bool {
        self.stale_at().is_some_and(|at| at <= now)
    }

    /// Smoothed round-trip time.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// How much round-trip times differ from [`Link::rtt`].
    pub fn jitter(&self) -> Option<Duration> {
        self.rtt.smoothed().map(|_| self.rtt.variation())
    }

    /// What became of the last pings.
    pub fn ping_outcomes(&self) -> PingOutcomes {
        self.outcomes
    }

    /// Bytes handed to the driver and received from it.
    pub fn traffic(&self) -> (u64, u64) {
        (self.bytes_sent, self.bytes_received)
    }

    /// Whether more is to be queued once some of what waits has gone out.
    pub fn is_held_up(&self) -> bool {
        self.is_held_up
    }

    /// Says so.
    pub fn set_held_up(&mut self, is_held_up: bool) {
        self.is_held_up = is_held_up;
    }

    /// The transcript, once the connection is up.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.transcript.as_ref()
    }

    /// Bytes that wait to be sent.
    pub fn queued(&self) -> usize {
        self.writer.len()
    }

    /// Whether the other end has received all that was sent.
    pub fn is_drained(&self) -> bool {
        self.writer.is_empty() && self.in_flight == 0
    }

    /// Both channels are open: sends this end's proof.
    pub fn handle_up(&mut self, now: Time, fingerprints: &Fingerprints, path: LinkPath, identity: &Identity) {
        if self.phase != Phase::Opening {
            return;
        }
        let transcript = Transcript::new(&self.facts, self.role, fingerprints);
        let signature = Bytes::new(transcript.prove(identity, self.role).to_vec()).expect("64 bytes");
        self.transcript = Some(transcript);
        self.path = path;
        self.phase = Phase::Proving;
        self.heard = now;
        self.next_ping = now;
        self.push(&LinkMessage::Proof(signature));
    }

    /// Queues a message. Returns whether it was taken: over [`SEND_QUEUE_MAX`] it is not.
    pub fn send(&mut self, message: &LinkMessage) -> bool {
        let fits = self.writer.len() < SEND_QUEUE_MAX && self.phase != Phase::Broken;
        if fits {
            self.push(message);
        }
        fits
    }

    /// Takes in what arrived on a channel.
    pub fn handle_data(&mut self, now: Time, channel: Channel, bytes: &[u8]) {
        if matches!(self.phase, Phase::Opening | Phase::Broken) {
            return;
        }
        self.heard = now;
        self.asked = None;
        self.bytes_received += bytes.len() as u64;
        match channel {
            Channel::Unreliable => self.handle_datagram(now, bytes),
            Channel::Reliable => self.handle_frame(bytes),
        }
    }

    /// The driver took `bytes` of what was sent.
    pub fn handle_writable(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// Sends a ping when one is due, or would be within `ahead`; of a silent link also between them.
    pub fn handle_timeout(&mut self, present: Now, ahead: Duration) {
        let now = present.time;
        let Some(due) = self.poll_timeout() else { return };
        if now.since(due) > self.stale_after / 2 {
            // This program was held up, not the other end: what it answered may not have been read yet.
            self.asked = None;
        }
        if now + ahead < self.next_ping {
            if self.next_probe().is_some_and(|at| at <= now) {
                self.ask(now, PROBE);
            }
            return;
        }
        if self.ping_count < CLOCK_FIRST || self.ping_count.is_multiple_of(CLOCK_EVERY) {
            self.push_datagram(CLOCK, present.wall.0);
        }
        self.next_ping = now + self.ping_interval;
        self.ping_count += 1;
        if self.pings.len() == PINGS_MAX {
            self.pings.pop_front();
            self.outcomes.note(false);
        }
        self.pings.push_back((self.ping_count, now));
        self.ask(now, self.ping_count);
    }

    fn ask(&mut self, now: Time, token: u64) {
        let first = self.asked.map_or(now, |(first, _)| first);
        self.asked = Some((first, now));
        self.push_datagram(PING, token);
    }

    /// When the other end is asked between two pings, of a link that is silent and not yet stale.
    fn next_probe(&self) -> Option<Time> {
        let silent = self.heard + self.stale_after / 2;
        let at = self.asked.map_or(silent, |(_, last)| silent.max(last + PROBE_INTERVAL));
        self.stale_at().is_none_or(|stale| at < stale).then_some(at)
    }

    /// Sends a ping without waiting for the next to be due.
    pub fn ping_now(&mut self, present: Now) {
        self.next_ping = present.time;
        self.handle_timeout(present, Duration::ZERO);
    }

    /// Queues a lane's datagram, whose first `stream` bytes name its stream, in the place of one of the same stream that
    /// did not go out yet. Before both ends are proved it is dropped.
    pub fn queue_datagram(&mut self, bytes: Vec<u8>, stream: usize) {
        if self.phase == Phase::Proved {
            self.lanes.queue(bytes, stream);
        }
    }

    /// What the other end's civil clock says now, as far as it told.
    pub fn remote_wall(&self, now: Time) -> Option<WallTime> {
        let (heard, wall) = self.clock?;
        Some(wall + now.since(heard))
    }

    /// When [`Link::handle_timeout`] has something to do.
    pub fn poll_timeout(&self) -> Option<Time> {
        let next = self.next_probe().map_or(self.next_ping, |probe| probe.min(self.next_ping));
        (self.phase == Phase::Proved).then_some(next)
    }

    /// Whether a ping is due that the silence of this link has nothing to do with.
    pub fn is_ping_due(&self, now: Time) -> bool {
        self.phase == Phase::Proved && self.next_ping <= now
    }

    /// Whether [`Link::poll_event`] has something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// What was received.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// The next frame that may go out now.
    pub fn flush(&mut self) -> Option<(Channel, Vec<u8>)> {
        let room = SEND_WINDOW.saturating_sub(self.in_flight);
        let is_ping = self.datagrams.front().is_some_and(|ping| ping.len() <= room);
        let is_idle = self.writer.is_empty() && self.in_flight <= LANE_WINDOW;
        let datagram = if is_ping { self.datagrams.pop_front() } else { self.lanes.take(room, is_idle) };
        let (channel, frame) = match datagram {
            Some(datagram) => (Channel::Unreliable, datagram),
            // Small remainders of the window wait, so that frames stay large under load.
            None if room >= FRAME_MAX.min(self.writer.len()) => {
                let frame = self.writer.take_frame(room)?;
                self.lanes.handle_frame();
                (Channel::Reliable, frame)
            }
            None => return None,
        };
        self.in_flight += frame.len();
        self.bytes_sent += frame.len() as u64;
        Some((channel, frame))
    }

    fn push(&mut self, message: &LinkMessage) {
        match message {
            // Without a copy of what may be a whole batch.
            LinkMessage::Room { kind, body } => self.writer.push(*kind, body),
            message => {
                let (kind, body) = message.encode();
                self.writer.push(kind, &body);
            }
        }
    }

    fn push_datagram(&mut self, kind: u8, token: u64) {
        // A datagram that cannot go out soon is worth nothing.
        if self.datagrams.len() == PINGS_MAX {
            self.datagrams.pop_front();
        }
        let mut datagram = Vec::with_capacity(9);
        datagram.push(kind);
        datagram.extend_from_slice(&token.to_be_bytes());
        self.datagrams.push_back(datagram);
    }

    fn handle_datagram(&mut self, now: Time, bytes: &[u8]) {
        let Some((kind, token)) = bytes.split_first() else { return };
        if Unreliable::is_kind(*kind) && self.phase == Phase::Proved {
            return self.events.push_back(LinkEvent::Datagram(bytes.to_vec()));
        }
        // Kinds that this build does not know are skipped, as are proofs' forerunners.
        let Ok(token) = <[u8; 8]>::try_from(token) else { return };
        let token = u64::from_be_bytes(token);
        match *kind {
            PING if self.phase == Phase::Proved => self.push_datagram(PONG, token),
            PONG => {
                let Some(place) = self.pings.iter().position(|&(sent, _)| sent == token) else { return };
                let (_, sent_at) = self.pings[place];
                // Those before it were lost, or were overtaken, which is as bad.
                self.pings.drain(..=place);
                (0..place).for_each(|_| self.outcomes.note(false));
                self.outcomes.note(true);
                self.rtt.sample(now.since(sent_at));
            }
            CLOCK if self.phase == Phase::Proved => {
                let travelled = self.rtt.smoothed().unwrap_or_default() / 2;
                self.clock = Some((now, WallTime(token) + travelled));
            }
            _ => {}
        }
    }

    fn handle_frame(&mut self, bytes: &[u8]) {
        if let Err(error) = self.reader.push(bytes) {
            return self.break_off(Refusal::Message, format!("{error}"));
        }
        loop {
            let decoded = match self.reader.next_message() {
                Ok(None) => return,
                Ok(Some((kind, body))) => LinkMessage::decode(kind, body).map_err(|error| (kind, error)),
                Err(error) => return self.break_off(Refusal::Message, format!("{error}")),
            };
            match decoded {
                Ok(message) => self.handle_message(message),
                Err((kind, error)) => {
                    return self.break_off(Refusal::Message, format!("kind {kind}: {error}"));
                }
            }
            if self.phase == Phase::Broken {
                return;
            }
        }
    }

    fn handle_message(&mut self, message: LinkMessage) {
        match (self.phase, message) {
            (Phase::Proving, LinkMessage::Proof(signature)) => self.handle_proof(&signature),
            (Phase::Proving, _) => {
                self.break_off(Refusal::LinkProof, String::from("the first message is not a proof"));
            }
            (_, LinkMessage::Proof(_)) => {
                self.break_off(Refusal::LinkProof, String::from("a second proof"));
            }
            (_, message) => self.events.push_back(LinkEvent::Message(message)),
        }
    }

    fn handle_proof(&mut self, signature: &[u8]) {
        let holds = match (self.transcript, <&[u8; 64]>::try_from(signature)) {
            (Some(transcript), Ok(signature)) => {
                transcript.verifies(&self.remote, self.role.opposite(), signature)
            }
            _ => false,
        };
        if holds {
            self.phase = Phase::Proved;
            self.events.push_back(LinkEvent::Proved);
        } else {
            let detail = "the proof does not match this connection: certificates, nonces or session differ";
            self.break_off(Refusal::LinkProof, String::from(detail));
        }
    }

    /// What the other end said in a room breaks the protocol: nothing that it said after that counts.
    pub fn refuse(&mut self, detail: String) {
        self.events.clear();
        if self.phase != Phase::Broken {
            self.break_off(Refusal::Message, detail);
        }
    }

    fn break_off(&mut self, refusal: Refusal, detail: String) {
        self.phase = Phase::Broken;
        self.push(&LinkMessage::Goodbye(GoodbyeReason::Refused));
        self.events.push_back(LinkEvent::Broken(refusal, detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Instance;
    use crate::seam::description::Fingerprint;

    /// One end of a link whose other end is proved.
    fn linked() -> Link {
        let identity = Identity::from_secret([1; 32]);
        let end = |number| Endpoint { peer: identity.peer(), instance: Instance(number) };
        let facts = Facts {
            offerer: end(1),
            answerer: end(2),
            session: 1,
            epoch: 1,
            offerer_nonce: [1; 16],
            answerer_nonce: [2; 16],
            offered_versions: (1, 3),
            version: 3,
        };
        let fingerprints = Fingerprints { local: Fingerprint([1; 32]), remote: Fingerprint([1; 32]) };
        let [mut here, mut there] = [Role::Offerer, Role::Answerer].map(|role| {
            let mut link = Link::new(Time(0), role, facts, &Config::default());
            link.handle_up(Time(0), &fingerprints, LinkPath::default(), &identity);
            link
        });
        let (channel, proof) = there.flush().expect("the proof");
        here.handle_data(Time(0), channel, &proof);
        assert!(here.is_proved());
        here
    }

    #[test]
    fn so_many_pings_wait_for_answers() {
        let mut link = linked();
        let ping = |link: &mut Link| {
            let now = Now { time: link.next_ping, ..Now::default() };
            link.handle_timeout(now, Duration::ZERO);
            (link.pings.len(), link.outcomes.lost())
        };
        for number in 1..=PINGS_MAX {
            assert_eq!(ping(&mut link), (number, 0));
        }
        assert_eq!(ping(&mut link), (PINGS_MAX, 1), "the oldest counts as lost");
    }

    #[test]
    fn so_many_answers_wait_for_a_full_window() {
        let mut link = linked();
        link.in_flight = SEND_WINDOW;
        let ping = |token: u64| [&[PING], &token.to_be_bytes()[..]].concat();
        for token in 1..=PINGS_MAX as u64 + 1 {
            link.handle_data(Time(0), Channel::Unreliable, &ping(token));
        }
        assert_eq!(link.flush(), None);
        link.handle_writable(SEND_WINDOW);
        let answers =
            core::iter::from_fn(|| link.flush()).filter(|(channel, _)| *channel == Channel::Unreliable);
        let answers: Vec<u64> =
            answers.filter_map(|(_, bytes)| Some(u64::from_be_bytes(bytes[1..].try_into().ok()?))).collect();
        assert_eq!(answers, (2..=PINGS_MAX as u64 + 1).collect::<Vec<_>>(), "the oldest is worth nothing");
    }
}
