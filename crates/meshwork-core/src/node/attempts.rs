//! Making links: who offers, what is sealed and sent, when an attempt fails, and when a link is gone.
//!
//! The greater endpoint offers as soon as it hears of the other; the lesser one waits, and asks for an offer
//! when none came. So two ends that hear of each other at once make one connection.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use super::PENDING_MAX;
use super::event::{Event, LinkState, Refusal, RoomHandle};
use super::invitations::ByHandAttempt;
use super::io::{Effect, LinkId, Path};
use super::peer::{OFFENCES_MAX, Peer, REFUSED_FOR, Source};
use crate::id::Endpoint;
use crate::session::link::{Link, LinkEvent};
use crate::session::message::{GoodbyeReason, LinkMessage};
use crate::session::transcript::Facts;
use crate::signalling::client::back_off;
use crate::signalling::description::{CANDIDATES_MAX, Candidate, Description, Role, Signal};
use crate::signalling::sealing::{self, OpenError, RefuseReason, SignalBody, SignalContent};
use crate::time::Time;
use crate::wire::VersionRange;

/// Versions of the link protocol that this build speaks.
pub(super) const LINK_VERSIONS: VersionRange = VersionRange { least: 1, most: 1 };
/// How long the lesser endpoint waits for an offer before it asks for one.
pub(super) const ASK_DELAY: Duration = Duration::from_secs(2);
/// An attempt younger than this is not given up because the other end asks for one.
const FRESH: Duration = Duration::from_secs(3);

/// What is known of a connection attempt beside its [`Link`].
#[derive(Debug)]
pub(super) struct Attempt {
    /// The room in which it is signalled.
    pub(super) room: RoomHandle,
    /// Whether our description was sent.
    described: bool,
    /// Whether the other end's description came.
    pub(super) answered: bool,
    /// Our candidates that wait for our description.
    pub(super) waiting: Vec<Candidate>,
    /// Candidates sent and received so far.
    sent: usize,
    received: usize,
    /// Set when people carry what the ends tell each other.
    pub(super) by_hand: Option<ByHandAttempt>,
}

impl Attempt {
    fn new(room: RoomHandle, answered: bool) -> Attempt {
        Attempt { room, described: false, answered, waiting: Vec::new(), sent: 0, received: 0, by_hand: None }
    }
}

impl Node {
    /// Offers a link to a peer, or asks it for an offer, when there is reason and opportunity.
    pub(super) fn try_link(&mut self, endpoint: Endpoint) {
        let now = self.now.time;
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if peer.next_try.is_none_or(|at| at > now) {
            return;
        }
        peer.next_try = None;
        if peer.link.is_some() || self.is_trying(endpoint) {
            return;
        }
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if peer.is_refused(now) {
            peer.next_try = peer.refused_until;
            return;
        }
        let wanted = |handle: &RoomHandle| {
            let entry = self.rooms.get(handle);
            entry.is_some_and(|entry| entry.room.as_ref().is_some_and(|room| room.wants_link(endpoint)))
        };
        let Some(room) = peer.present_rooms().find(wanted) else { return };
        if self.me > endpoint {
            if self.attempts.len() >= PENDING_MAX {
                peer.next_try = Some(now + Duration::from_secs(1));
                return;
            }
            self.offer(endpoint, room);
        } else {
            let pause = back_off(peer.failures, ASK_DELAY, self.config.retry_most, &mut self.rng);
            peer.failures += 1;
            peer.next_try = Some(now + pause);
            self.set_state(endpoint, LinkState::Connecting, None);
            self.send_signal(endpoint, room, (0, 0), SignalContent::Ask);
        }
    }

    fn offer(&mut self, endpoint: Endpoint, room: RoomHandle) {
        let facts = Facts {
            offerer: self.me,
            answerer: endpoint,
            session: self.rng.next_u64(),
            epoch: 1,
            offerer_nonce: self.rng.bytes(),
            answerer_nonce: [0; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: 0,
        };
        self.begin(endpoint, room, Role::Offerer, facts);
    }

    pub(super) fn begin(&mut self, endpoint: Endpoint, room: RoomHandle, role: Role, facts: Facts) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, Link::new(self.now.time, role, facts, &self.config));
        self.attempts.insert(link, Attempt::new(room, role == Role::Answerer));
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.attempt = Some(link);
            peer.next_try = None;
            if peer.link.is_none() {
                self.set_state(endpoint, LinkState::Connecting, None);
            }
        }
        self.effect(Effect::Open { link, role });
        link
    }

    /// The driver has something for the other end of an attempt.
    pub(super) fn handle_local_signal(&mut self, link: LinkId, signal: Signal) {
        let (Some(attempt), Some(state)) = (self.attempts.get_mut(&link), self.links.get(&link)) else {
            return;
        };
        if attempt.by_hand.is_some() {
            return self.gather_by_hand(link, signal);
        }
        let (facts, endpoint, room) = (*state.facts(), state.remote(), attempt.room);
        let epoch = (facts.session, facts.epoch);
        match signal {
            Signal::Description(_) if attempt.described => {}
            Signal::Description(description) => {
                attempt.described = true;
                attempt.sent = description.candidates.len();
                let waiting = core::mem::take(&mut attempt.waiting);
                let content = match state.role() {
                    Role::Offerer => {
                        let (least, most) = facts.offered_versions;
                        let versions = VersionRange { least, most };
                        SignalContent::Offer { versions, nonce: facts.offerer_nonce, description }
                    }
                    Role::Answerer => {
                        let (version, nonce) = (facts.version, facts.answerer_nonce);
                        SignalContent::Answer { version, nonce, description }
                    }
                };
                self.send_signal(endpoint, room, epoch, content);
                for candidate in waiting {
                    self.handle_local_signal(link, Signal::Candidate(candidate));
                }
            }
            Signal::Candidate(candidate) if !attempt.described => {
                if attempt.waiting.len() < CANDIDATES_MAX {
                    attempt.waiting.push(candidate);
                }
            }
            Signal::Candidate(candidate) => {
                if attempt.sent < CANDIDATES_MAX {
                    attempt.sent += 1;
                    self.send_signal(endpoint, room, epoch, SignalContent::Candidate(candidate));
                }
            }
        }
    }

    fn send_signal(&mut self, to: Endpoint, handle: RoomHandle, epoch: (u64, u32), content: SignalContent) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let (Some(room), secret) = (entry.id(), entry.secret) else { return };
        let Some(key) = self.peers.get(&to).and_then(Peer::sealing_key) else { return };
        let body = SignalBody { from: self.me, to, room, session: epoch.0, epoch: epoch.1, content };
        let sealed = sealing::seal(&body, &self.identity, &key, secret.as_ref(), &mut self.rng);
        let Some(payload) = sealed else {
            let detail = String::from("the announced sealing key gives no secret");
            return self.refuse(Some(to), Refusal::SealingKey, detail);
        };
        self.send_payload(to, handle, payload);
    }

    /// A sealed payload arrived, by a server or a neighbour that may be wrong about whose it is.
    pub(super) fn handle_sealed_signal(
        &mut self,
        handle: RoomHandle,
        claimed: Endpoint,
        payload: &[u8],
        source: Source,
    ) {
        // Until the signature holds, what is wrong with a payload is told of who handed it over, if it can be.
        let accused = source.neighbour().unwrap_or(claimed);
        let Some(entry) = self.rooms.get(&handle) else { return };
        let Some(room) = entry.id() else { return };
        let opened = sealing::open(payload, &self.sealing, self.me, &room, entry.secret.as_ref());
        let body = match opened {
            Ok(body) if body.from == claimed => body,
            Ok(body) => {
                let detail = format!("{source} says it is from {claimed}, but {} signed it", body.from);
                return self.refuse(Some(accused), Refusal::SignalSignature, detail);
            }
            Err(error) => {
                let refusal = match error {
                    OpenError::Short(_) | OpenError::Seal => Refusal::Seal,
                    OpenError::Body(_) => Refusal::Signal,
                    _ => Refusal::SignalSignature,
                };
                return self.refuse(Some(accused), refusal, error.to_string());
            }
        };
        let now = self.now.time;
        let Some(peer) = self.peers.get_mut(&body.from).filter(|peer| peer.announcement.is_some()) else {
            let detail = String::from("it signals, but no sealing key signed by it is known");
            return self.refuse(Some(body.from), Refusal::SealingKey, detail);
        };
        if peer.is_refused(now) {
            return;
        }
        let asks = matches!(body.content, SignalContent::Ask | SignalContent::Offer { .. });
        if asks && !peer.attempts.count(now) {
            let detail = String::from("it begins more connection attempts than are allowed in a minute");
            return self.refuse(Some(body.from), Refusal::TooManyAttempts, detail);
        }
        if let (true, Source::Neighbour(neighbour)) = (asks, source)
            && !self.counts_introduction(neighbour)
        {
            return;
        }
        self.handle_signal(handle, body);
    }

    fn handle_signal(&mut self, handle: RoomHandle, body: SignalBody) {
        let SignalBody { from, session, epoch, content, .. } = body;
        match content {
            SignalContent::Ask => self.handle_ask(handle, from),
            SignalContent::Offer { versions, nonce, description } => {
                self.handle_offer(handle, from, (session, epoch), versions, nonce, description);
            }
            SignalContent::Answer { version, nonce, description } => {
                self.handle_answer(from, (session, epoch), version, nonce, description);
            }
            SignalContent::Candidate(candidate) => self.handle_candidate(from, (session, epoch), candidate),
            SignalContent::Refuse(reason) => {
                if let Some(link) = self.attempt_of(from, (session, epoch)) {
                    let words = match reason {
                        RefuseReason::Version => "speaks another version of Meshwork: update the older one",
                        RefuseReason::Full => "says that the room is full",
                        RefuseReason::Description => "refused our description",
                    };
                    self.fail_attempt(link, String::from(words));
                }
            }
        }
    }

    fn handle_ask(&mut self, handle: RoomHandle, from: Endpoint) {
        if self.me < from {
            let detail = String::from("the greater endpoint offers, it does not ask");
            return self.refuse(Some(from), Refusal::Signal, detail);
        }
        let Some(peer) = self.peers.get(&from) else { return };
        if let Some(link) = peer.attempt {
            let opened = self.links.get(&link).map_or(Time(0), Link::opened);
            if self.now.time.since(opened) < FRESH {
                return;
            }
            self.drop_attempt(link);
        }
        if self.attempts.len() < PENDING_MAX {
            self.offer(from, handle);
        }
    }

    fn handle_offer(
        &mut self,
        handle: RoomHandle,
        from: Endpoint,
        epoch: (u64, u32),
        versions: VersionRange,
        nonce: [u8; 16],
        description: Description,
    ) {
        if self.me > from || description.role != Role::Offerer {
            let detail = String::from("the lesser endpoint asks, it does not offer");
            return self.refuse(Some(from), Refusal::Signal, detail);
        }
        if self.attempt_of(from, epoch).is_some() {
            return;
        }
        if let Err(error) = description.check() {
            self.refuse(Some(from), Refusal::Signal, error.to_string());
            let refuse = SignalContent::Refuse(RefuseReason::Description);
            return self.send_signal(from, handle, epoch, refuse);
        }
        let Some(version) = LINK_VERSIONS.agree(versions) else {
            let detail =
                format!("it speaks versions {} to {} of the link protocol", versions.least, versions.most);
            self.refuse(Some(from), Refusal::Version, detail);
            let refuse = SignalContent::Refuse(RefuseReason::Version);
            return self.send_signal(from, handle, epoch, refuse);
        };
        let room = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        if self.attempts.len() >= PENDING_MAX || room.is_none_or(|room| !room.admits(from)) {
            self.refuse(
                Some(from),
                Refusal::RoomFull,
                String::from("it offers a link, but the room is full"),
            );
            return self.send_signal(from, handle, epoch, SignalContent::Refuse(RefuseReason::Full));
        }
        if let Some(link) = self.peers.get(&from).and_then(|peer| peer.attempt) {
            self.drop_attempt(link);
        }
        let facts = Facts {
            offerer: from,
            answerer: self.me,
            session: epoch.0,
            epoch: epoch.1,
            offerer_nonce: nonce,
            answerer_nonce: self.rng.bytes(),
            offered_versions: (versions.least, versions.most),
            version,
        };
        let link = self.begin(from, handle, Role::Answerer, facts);
        if let Some(attempt) = self.attempts.get_mut(&link) {
            attempt.received = description.candidates.len();
        }
        self.effect(Effect::Signal { link, signal: Signal::Description(description) });
    }

    fn handle_answer(
        &mut self,
        from: Endpoint,
        epoch: (u64, u32),
        version: u16,
        nonce: [u8; 16],
        description: Description,
    ) {
        let Some(link) = self.attempt_of(from, epoch) else { return };
        let (Some(state), Some(attempt)) = (self.links.get_mut(&link), self.attempts.get_mut(&link)) else {
            return;
        };
        if attempt.answered || state.role() != Role::Offerer {
            return;
        }
        let known = (LINK_VERSIONS.least..=LINK_VERSIONS.most).contains(&version);
        let checked = description.check();
        if description.role != Role::Answerer || checked.is_err() || !known {
            let detail =
                checked.err().map_or_else(|| format!("an answer of version {version}"), |e| e.to_string());
            self.refuse(Some(from), Refusal::Signal, detail);
            return self.fail_attempt(link, String::from("answered wrongly"));
        }
        attempt.answered = true;
        attempt.received = description.candidates.len();
        state.set_answer(version, nonce);
        self.effect(Effect::Signal { link, signal: Signal::Description(description) });
    }

    fn handle_candidate(&mut self, from: Endpoint, epoch: (u64, u32), candidate: Candidate) {
        let Some(link) = self.attempt_of(from, epoch) else { return };
        let Some(attempt) = self.attempts.get_mut(&link) else { return };
        if attempt.received >= CANDIDATES_MAX {
            let detail = format!("more than {CANDIDATES_MAX} candidates");
            return self.refuse(Some(from), Refusal::Signal, detail);
        }
        attempt.received += 1;
        match candidate.check() {
            Ok(()) => self.effect(Effect::Signal { link, signal: Signal::Candidate(candidate) }),
            Err(error) => self.refuse(Some(from), Refusal::Signal, error.to_string()),
        }
    }

    /// The attempt with `endpoint` that has this session and epoch.
    fn attempt_of(&self, endpoint: Endpoint, epoch: (u64, u32)) -> Option<LinkId> {
        let link = self.peers.get(&endpoint)?.attempt?;
        let facts = self.links.get(&link)?.facts();
        ((facts.session, facts.epoch) == epoch).then_some(link)
    }

    /// Ends an attempt without counting it as failed.
    pub(super) fn drop_attempt(&mut self, link: LinkId) {
        self.attempts.remove(&link);
        if let Some(state) = self.links.remove(&link) {
            if let Some(peer) = self.peers.get_mut(&state.remote()) {
                peer.attempt = peer.attempt.filter(|attempt| *attempt != link);
            }
            self.effect(Effect::Close { link });
        }
    }

    /// Ends an attempt that failed, and plans the next one.
    pub(super) fn fail_attempt(&mut self, link: LinkId, reason: String) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        if let Some(attempt) = self.attempts.get(&link).filter(|attempt| attempt.by_hand.is_some()) {
            self.event(Event::ByHandFailed { room: attempt.room, reason: reason.clone() });
        }
        self.drop_attempt(link);
        if self.peers.get(&endpoint).is_some_and(|peer| peer.link.is_none()) {
            self.set_state(endpoint, LinkState::Gone, Some(reason));
            self.plan_retry(endpoint);
        }
    }

    /// Stops trying to link to an endpoint until it is heard of again.
    pub(super) fn abandon(&mut self, endpoint: Endpoint, reason: &str) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.next_try = None;
        if let Some(link) = peer.attempt {
            self.drop_attempt(link);
        }
        self.set_state(endpoint, LinkState::Gone, Some(String::from(reason)));
    }

    fn plan_retry(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let least = if self.me > endpoint { self.config.retry_least } else { ASK_DELAY };
        let pause = back_off(peer.failures, least, self.config.retry_most, &mut self.rng);
        peer.failures += 1;
        peer.next_try = Some(self.now.time + pause);
    }

    /// Carries out what links have received. Returns whether there was nothing.
    pub(super) fn handle_link_events(&mut self) -> bool {
        let mut idle = true;
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            while let Some(event) = self.links.get_mut(&link).and_then(Link::poll_event) {
                idle = false;
                match event {
                    LinkEvent::Proved => self.handle_proved(link),
                    LinkEvent::Message(message) => self.handle_link_message(link, message),
                    LinkEvent::Broken(refusal, detail) => self.handle_broken(link, refusal, detail),
                }
            }
        }
        idle
    }

    fn handle_proved(&mut self, link: LinkId) {
        let Some(state) = self.links.get(&link) else { return };
        let (endpoint, path) = (state.remote(), state.path());
        let attempt = self.attempts.remove(&link);
        if let Some(older) = self.peers.get(&endpoint).and_then(|peer| peer.link) {
            self.close_link(older, Some(GoodbyeReason::Replaced));
        }
        let others: Vec<LinkId> = self.attempts.keys().copied().collect();
        for other in others {
            if self.links.get(&other).map(Link::remote) == Some(endpoint) {
                self.drop_attempt(other);
            }
        }
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.attempt = None;
        peer.link = Some(link);
        peer.next_try = None;
        peer.failures = 0;
        peer.offences = 0;
        let mut rooms: BTreeSet<RoomHandle> = peer.present_rooms().collect();
        rooms.extend(attempt.map(|attempt| attempt.room));
        self.set_state(endpoint, linked_state(path), None);
        for room in rooms {
            self.send_attach(endpoint, room);
        }
    }

    fn handle_link_message(&mut self, link: LinkId, message: LinkMessage) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        // An older link to the same endpoint may still deliver what was under way; it no longer counts.
        if self.peers.get(&endpoint).and_then(|peer| peer.link) != Some(link) {
            return;
        }
        match message {
            LinkMessage::Goodbye(reason) => {
                self.close_link(link, None);
                self.set_state(endpoint, LinkState::Gone, Some(String::from(reason.words())));
                if let Some(peer) = self.peers.get_mut(&endpoint) {
                    // It left of its own will: the server says when it comes back.
                    peer.next_try = (reason == GoodbyeReason::Refused).then_some(self.now.time + REFUSED_FOR);
                }
            }
            message => self.handle_room_message(endpoint, message),
        }
    }

    fn handle_broken(&mut self, link: LinkId, refusal: Refusal, detail: String) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        self.refuse(Some(endpoint), refusal, detail);
        self.shut_out(endpoint, link, format!("broke the protocol: {refusal}"));
    }

    /// Closes a link to an endpoint that broke the protocol, and stays away from it for a while.
    fn shut_out(&mut self, endpoint: Endpoint, link: LinkId, reason: String) {
        self.close_link(link, Some(GoodbyeReason::Refused));
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            room.handle_shut_out(endpoint);
        }
        let until = self.now.time + REFUSED_FOR;
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.refused_until = Some(until);
            peer.next_try = Some(until);
        }
        self.set_state(endpoint, LinkState::Gone, Some(reason));
    }

    /// A linked endpoint did something that no honest one does.
    pub(super) fn handle_offence(&mut self, endpoint: Endpoint, refusal: Refusal, detail: String) {
        self.refuse(Some(endpoint), refusal, detail);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.offences += 1;
        if let (Some(link), true) = (peer.link, peer.offences >= OFFENCES_MAX) {
            self.shut_out(endpoint, link, format!("broke the rules {OFFENCES_MAX} times: {refusal}"));
        }
    }

    /// The driver lost a connection.
    pub(super) fn handle_down(&mut self, link: LinkId, reason: String) {
        if self.attempts.contains_key(&link) {
            return self.fail_attempt(link, reason);
        }
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        self.forget_link(link);
        if self.peers.get(&endpoint).is_some_and(|peer| peer.link.is_none() && peer.attempt.is_none()) {
            self.set_state(endpoint, LinkState::Gone, Some(reason));
            self.plan_retry(endpoint);
        }
    }

    pub(super) fn handle_path(&mut self, link: LinkId, path: Path) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.set_path(path);
        let (endpoint, proved) = (state.remote(), state.is_proved());
        if proved {
            self.set_state(endpoint, linked_state(path), None);
        }
    }

    /// Closes a link, with a last word if one is given. The peer's state is the caller's to set.
    pub(super) fn close_link(&mut self, link: LinkId, goodbye: Option<GoodbyeReason>) {
        let Some(state) = self.links.get_mut(&link) else { return };
        if let (Some(reason), true) = (goodbye, state.is_proved()) {
            state.send(&LinkMessage::Goodbye(reason));
        }
        while let Some((channel, bytes)) = state.flush() {
            self.outputs.push_back(super::Output::Effect(Effect::Send { link, channel, bytes }));
        }
        self.effect(Effect::Close { link });
        self.forget_link(link);
    }

    /// Forgets a link and detaches its rooms.
    fn forget_link(&mut self, link: LinkId) {
        self.attempts.remove(&link);
        let Some(endpoint) = self.links.remove(&link).map(|state| state.remote()) else { return };
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.attempt = peer.attempt.filter(|attempt| *attempt != link);
        if peer.link == Some(link) {
            peer.link = None;
            peer.sent_attach.clear();
            let attached: Vec<RoomHandle> = core::mem::take(&mut peer.attached).into_values().collect();
            for room in attached {
                self.detach(room, endpoint);
            }
        }
    }

    /// Deadlines of links and attempts.
    pub(super) fn link_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        let connect = self.attempts.iter().filter_map(|(link, attempt)| match &attempt.by_hand {
            Some(by_hand) => Some(by_hand.deadline()),
            None => Some(self.links.get(link)?.opened() + self.config.connect_timeout),
        });
        let pings = self.links.values().filter_map(Link::poll_timeout);
        let silence = self.peers.values().filter_map(|peer| {
            let link = self.links.get(&peer.link?)?;
            let stale = peer.state == LinkState::Stale;
            let after = if stale { self.config.gone_after } else { self.config.stale_after };
            Some(link.heard() + after)
        });
        connect.chain(pings).chain(silence)
    }

    /// Fails attempts that took too long, pings, and notices silence.
    pub(super) fn handle_link_timeouts(&mut self) {
        let now = self.now.time;
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            let Some(state) = self.links.get_mut(&link) else { continue };
            state.handle_timeout(now);
            let silent = now.since(state.heard());
            let (endpoint, path) = (state.remote(), state.path());
            if let Some(attempt) = self.attempts.get(&link) {
                if attempt.by_hand.is_none() && now.since(state.opened()) >= self.config.connect_timeout {
                    let seconds = self.config.connect_timeout.as_secs();
                    self.fail_attempt(link, format!("no connection within {seconds} s"));
                }
            } else if silent >= self.config.gone_after {
                self.close_link(link, None);
                self.set_state(endpoint, LinkState::Gone, Some(format!("silent for {} s", silent.as_secs())));
                self.plan_retry(endpoint);
            } else if silent >= self.config.stale_after {
                self.set_state(endpoint, LinkState::Stale, None);
            } else if self.is_stale(endpoint) {
                self.set_state(endpoint, linked_state(path), None);
            }
        }
    }

    fn is_stale(&self, endpoint: Endpoint) -> bool {
        self.peers.get(&endpoint).is_some_and(|peer| peer.state == LinkState::Stale)
    }
}

fn linked_state(path: Path) -> LinkState {
    match path {
        Path::Direct => LinkState::Direct,
        Path::Relayed => LinkState::Relayed,
    }
}
