//! Making links: who offers, what is sealed and sent, and when an attempt fails.
//!
//! The greater endpoint offers as soon as it hears of the other; the lesser one waits, and asks for an offer
//! when none came. So two ends that hear of each other at once make one connection. Attempts of a session that
//! is resumed begin before the one before them has ended: a path may come back at any moment, and each of them
//! must be young enough to be still looking for it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use super::PENDING_MAX;
use super::attempt::Attempt;
use super::peer::{ATTEMPTS_PER_PEER_MAX, Peer, Source};
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::resume::Session;
use crate::links::transcript::Facts;
use crate::room::Room;
use crate::seam::description::{CANDIDATES_MAX, Candidate, Description, Role, Signal};
use crate::seam::event::{Event, LinkState, Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::seam::path::IcePolicy;
use crate::signalling::client::back_off;
use crate::signalling::sealing::{self, OpenError, RefuseReason, SignalBody, SignalContent};
use crate::wire::VersionRange;

/// Versions of the link protocol that this build speaks: 2 brought resumption and direct messages, 3 messages about
/// overlays.
pub(super) const LINK_VERSIONS: VersionRange = VersionRange { least: 1, most: 3 };
/// How long the lesser endpoint waits for an offer before it asks for one.
pub(super) const ASK_DELAY: Duration = Duration::from_secs(2);
/// How much longer than the greater end the lesser one waits for the next attempt of a session before it asks.
pub(super) const ASK_LATER: Duration = Duration::from_secs(1);
/// How long an offer may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// What people are told who hide their address where there is no relay.
const NO_RELAY: &str = "you hide your address, and there is no relay that may learn it";
/// While an attempt is younger than this, another that the other end asks for brings nothing.
const FRESH: Duration = Duration::from_secs(3);

impl Node {
    /// Offers a link to a peer, or asks it for an offer, when there is reason and opportunity.
    pub(super) fn try_link(&mut self, endpoint: Endpoint) {
        let now = self.now.time;
        let resumes = self.is_resuming(endpoint);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if peer.next_try.is_none_or(|at| at > now) {
            return;
        }
        peer.next_try = None;
        if peer.unlinked_us || self.unlinked.contains(&endpoint.peer) {
            return;
        }
        let trying = self.is_trying(endpoint);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        if !resumes && (peer.link.is_some() || trying) {
            return;
        }
        if peer.is_refused(now) {
            peer.next_try = peer.refused_until;
            return;
        }
        let wanted = |handle: &RoomHandle| {
            let entry = self.rooms.get(handle);
            // A session is worth a place that is free, whomever else the overlay would choose.
            let wants = |room: &Room| room.wants_link(endpoint) || resumes && room.admits(endpoint);
            entry.is_some_and(|entry| entry.room.as_ref().is_some_and(wants))
        };
        let Some(room) = peer.present_rooms().find(wanted) else {
            // Nobody can introduce us at present; a session does not last, so it is tried again soon.
            peer.next_try = resumes.then_some(now + self.config.resume_interval);
            return;
        };
        if self.has_no_way_to_hide(room) {
            self.set_state(endpoint, LinkState::Gone, Some(String::from(NO_RELAY)));
            return self.plan_retry(endpoint);
        }
        if self.me > endpoint {
            if !self.has_place_for_attempt(endpoint) {
                if let Some(peer) = self.peers.get_mut(&endpoint) {
                    peer.next_try = Some(now + Duration::from_secs(1));
                }
                return;
            }
            self.offer(endpoint, room, resumes);
        } else {
            self.ask(endpoint, room, resumes);
        }
    }

    fn ask(&mut self, endpoint: Endpoint, room: RoomHandle, resumes: bool) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let pause = if resumes {
            self.config.resume_interval
        } else {
            back_off(peer.failures, ASK_DELAY, self.config.retry_most, &mut self.rng)
        };
        peer.failures += 1;
        peer.next_try = Some(self.now.time + pause);
        let epoch = peer.session.as_ref().map_or((0, 0), |session| (session.id(), session.highest()));
        if !resumes {
            self.set_state(endpoint, LinkState::Connecting, None);
        }
        self.send_signal(endpoint, room, epoch, SignalContent::Ask);
    }

    pub(super) fn offer(&mut self, endpoint: Endpoint, room: RoomHandle, for_silence: bool) {
        let session = self.peers.get_mut(&endpoint).and_then(|peer| peer.session.as_mut());
        let resumed = session.and_then(|session| Some((session.id(), session.next_epoch()?)));
        let (session, epoch) = resumed.unwrap_or_else(|| (self.rng.next_u64(), 1));
        let facts = Facts {
            offerer: self.me,
            answerer: endpoint,
            session,
            epoch,
            offerer_nonce: self.rng.bytes(),
            answerer_nonce: [0; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: 0,
        };
        self.begin(endpoint, room, Role::Offerer, facts, for_silence);
    }

    pub(super) fn begin(
        &mut self,
        endpoint: Endpoint,
        room: RoomHandle,
        role: Role,
        facts: Facts,
        for_silence: bool,
    ) -> LinkId {
        self.make_place_for_attempt(endpoint, facts.session);
        let ice = self.ice_config(endpoint, room);
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let resumes = self.session_of(endpoint).is_some_and(|session| session.id() == facts.session);
        self.links.insert(link, Link::new(self.now.time, role, facts, &self.config));
        let mut attempt = Attempt { resumes, for_silence, ..Attempt::new(room, role == Role::Answerer) };
        attempt.is_direct_only = ice.policy == IcePolicy::Direct;
        attempt.note_answered(self.now.time);
        self.attempts.insert(link, attempt);
        // The lesser end leaves the next one to the greater, and asks when none comes.
        let again =
            self.config.resume_interval + if role == Role::Answerer { ASK_LATER } else { Duration::ZERO };
        #[cfg(feature = "planted-bugs")]
        let again = match self.config.planted {
            Some(crate::seam::config::PlantedBug::ResumeOnce) => self.config.resume_within,
            _ => again,
        };
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.trying.push(link);
            peer.next_try = resumes.then_some(self.now.time + again);
            if peer.link.is_none() && !resumes {
                peer.sought.get_or_insert(self.now.time);
                self.set_state(endpoint, LinkState::Connecting, None);
            }
        }
        self.effect(Effect::Open { link, role, ice });
        link
    }

    /// Whether one more attempt may be under way, with those gone that it would take the place of.
    pub(super) fn has_place_for_attempt(&self, endpoint: Endpoint) -> bool {
        let own = self.peers.get(&endpoint).map_or(0, |peer| peer.trying.len());
        self.attempts.len() < PENDING_MAX || own >= ATTEMPTS_PER_PEER_MAX
    }

    /// Makes place for an attempt that the other end has just asked for: where all places are taken, the oldest offer
    /// that nobody has answered gives way. So members that are named and silent keep nobody out. Returns whether there
    /// is a place.
    fn make_place_for_speaker(&mut self, endpoint: Endpoint) -> bool {
        if self.has_place_for_attempt(endpoint) {
            return true;
        }
        let is_unanswered = |attempt: &Attempt| !attempt.answered && attempt.by_hand.is_none();
        // Numbers of links grow.
        let oldest = self.attempts.iter().find(|(_, attempt)| is_unanswered(attempt)).map(|(&link, _)| link);
        if let Some(link) = oldest {
            self.fail_attempt(link, String::from("did not answer before others asked for its place"));
        }
        oldest.is_some()
    }

    /// Ends the attempts with an endpoint that a new one of `session` takes the place of.
    fn make_place_for_attempt(&mut self, endpoint: Endpoint, session: u64) {
        let Some(peer) = self.peers.get(&endpoint) else { return };
        let of = |link: &LinkId| self.links.get(link).map(|state| state.facts().session);
        let same = peer.trying.iter().copied().filter(|link| of(link) == Some(session));
        let too_many = same.clone().count().saturating_sub(ATTEMPTS_PER_PEER_MAX - 1);
        let by_hand =
            |link: &LinkId| self.attempts.get(link).is_some_and(|attempt| attempt.by_hand.is_some());
        let others = peer.trying.iter().copied().filter(|link| of(link) != Some(session) && !by_hand(link));
        let dropped: Vec<LinkId> = others.chain(same.take(too_many)).collect();
        if let (Some(peer), 1..) = (self.peers.get_mut(&endpoint), too_many) {
            peer.failures += 1;
        }
        for link in dropped {
            self.drop_attempt(link);
        }
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

    pub(super) fn send_signal(
        &mut self,
        to: Endpoint,
        handle: RoomHandle,
        epoch: (u64, u32),
        content: SignalContent,
    ) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let (Some(room), secret) = (entry.id(), entry.secret) else { return };
        let Some(key) = self.peers.get(&to).and_then(Peer::sealing_key) else { return };
        let body = SignalBody { from: self.me, to, room, session: epoch.0, epoch: epoch.1, content };
        let sealed = sealing::seal(&body, &self.identity, &key, secret.as_ref(), &mut self.rng);
        let Some(payload) = sealed else {
            let detail = String::from("the announced sealing key gives no secret");
            return self.refuse(Some(to), Refusal::Signal, detail);
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
        self.recall(handle, body.from);
        let Some(peer) = self.peers.get_mut(&body.from).filter(|peer| peer.announcement.is_some()) else {
            let detail = String::from("it signals before its announcement is known here");
            return self.refuse(Some(body.from), Refusal::Unannounced, detail);
        };
        // Whoever is not wanted may go on asking: it is no offence, and gets no answer.
        if peer.is_refused(now) || self.unlinked.contains(&body.from.peer) {
            return;
        }
        let asks = matches!(body.content, SignalContent::Ask | SignalContent::Offer { .. });
        peer.unlinked_us &= !asks;
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
            SignalContent::Ask => self.handle_ask(handle, from, (session, epoch)),
            SignalContent::Offer { versions, nonce, description } => {
                self.handle_offer(handle, from, (session, epoch), versions, nonce, description);
            }
            SignalContent::Answer { version, nonce, description } => {
                self.handle_answer(from, (session, epoch), version, nonce, description);
            }
            SignalContent::Candidate(candidate) => self.handle_candidate(from, (session, epoch), candidate),
            SignalContent::Refuse(reason) => {
                if reason == RefuseReason::Full {
                    self.note_distant(handle, from);
                }
                if let Some(link) = self.attempt_of(from, (session, epoch)) {
                    let words = match reason {
                        RefuseReason::Version => "speaks another version of Meshwork: update the older one",
                        RefuseReason::Full => {
                            "has no place for another link: the room or its own share of links is full"
                        }
                        RefuseReason::Description => "refused our description",
                    };
                    self.fail_attempt(link, String::from(words));
                } else if self.peers.get(&from).is_some_and(|peer| peer.link.is_none()) {
                    // What it was asked for; nothing was begun for it here.
                    self.handle_unreachable(handle, from);
                }
                if reason == RefuseReason::Full {
                    self.handle_full(handle, from);
                }
            }
        }
    }

    fn handle_ask(&mut self, handle: RoomHandle, from: Endpoint, epoch: (u64, u32)) {
        if self.me < from {
            let detail = String::from("the greater endpoint offers, it does not ask");
            return self.refuse(Some(from), Refusal::Signal, detail);
        }
        if !self.note_epoch(from, epoch, false) {
            return;
        }
        let now = self.now.time;
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let newest =
            peer.trying.iter().filter_map(|link| self.links.get(link)).max_by_key(|link| link.opened());
        // An offer that the other end does not know of may be on its way, or lost with whoever carried it.
        let unknown =
            newest.is_some_and(|newest| newest.facts().session == epoch.0 && newest.facts().epoch > epoch.1);
        let fresh = newest.map(|newest| newest.opened() + if unknown { ON_ITS_WAY } else { FRESH });
        if let Some(until) = fresh.filter(|until| *until > now) {
            if unknown && peer.session.is_some() {
                peer.next_try = Some(peer.next_try.map_or(until, |at| at.min(until)));
            }
        } else if self
            .rooms
            .get(&handle)
            .and_then(|entry| entry.room.as_ref())
            .is_some_and(|room| !room.is_full_mesh() && !room.admits(from))
        {
            self.send_signal(from, handle, epoch, SignalContent::Refuse(RefuseReason::Full));
        } else if !self.has_no_way_to_hide(handle) && self.make_place_for_speaker(from) {
            self.offer(from, handle, false);
        }
    }

    /// Notes the epoch of an attempt that the other end speaks of. Returns whether it is of any use: it is not
    /// when a link of the session that is younger is proved already, so that somebody says it again or late.
    fn note_epoch(&mut self, from: Endpoint, (id, epoch): (u64, u32), offers: bool) -> bool {
        let Some(session) = self.peers.get_mut(&from).and_then(|peer| peer.session.as_mut()) else {
            return true;
        };
        if session.id() != id {
            return true;
        }
        let proved = session.epoch();
        if epoch < proved || offers && epoch == proved {
            let detail = format!("it speaks of epoch {epoch} of a session whose epoch {proved} is proved");
            self.refuse(Some(from), Refusal::StaleSignal, detail);
            return false;
        }
        session.note_epoch(epoch);
        true
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
        if self.attempt_of(from, epoch).is_some() || !self.note_epoch(from, epoch, true) {
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
        if self.has_no_way_to_hide(handle) {
            return;
        }
        if room.is_none_or(|room| !room.admits(from)) || !self.make_place_for_speaker(from) {
            self.refuse_full(handle, from, "it offers a link, but the room is full");
            return self.send_signal(from, handle, epoch, SignalContent::Refuse(RefuseReason::Full));
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
        let link = self.begin(from, handle, Role::Answerer, facts, self.is_silent(from));
        if let Some(attempt) = self.attempts.get_mut(&link) {
            attempt.note_description(&description);
        }
        self.hand_over(link, Signal::Description(description));
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
        attempt.note_answered(self.now.time);
        attempt.note_description(&description);
        state.set_answer(version, nonce);
        self.hand_over(link, Signal::Description(description));
    }

    fn handle_candidate(&mut self, from: Endpoint, epoch: (u64, u32), candidate: Candidate) {
        let Some(link) = self.attempt_of(from, epoch) else { return };
        let Some(attempt) = self.attempts.get_mut(&link) else { return };
        if attempt.received >= CANDIDATES_MAX {
            let detail = format!("more than {CANDIDATES_MAX} candidates");
            return self.refuse(Some(from), Refusal::Signal, detail);
        }
        attempt.received += 1;
        attempt.named.add(&candidate);
        match candidate.check() {
            Ok(()) => self.hand_over(link, Signal::Candidate(candidate)),
            Err(error) => self.refuse(Some(from), Refusal::Signal, error.to_string()),
        }
    }

    /// The attempt with `endpoint` that has this session and epoch.
    fn attempt_of(&self, endpoint: Endpoint, epoch: (u64, u32)) -> Option<LinkId> {
        let facts = |link: &LinkId| self.links.get(link).map(|state| state.facts());
        let is_it = |link: &&LinkId| facts(link).is_some_and(|facts| (facts.session, facts.epoch) == epoch);
        self.peers.get(&endpoint)?.trying.iter().find(is_it).copied()
    }

    /// Ends an attempt without counting it as failed.
    pub(super) fn drop_attempt(&mut self, link: LinkId) {
        self.attempts.remove(&link);
        if let Some(state) = self.links.remove(&link) {
            if let Some(peer) = self.peers.get_mut(&state.remote()) {
                peer.trying.retain(|attempt| *attempt != link);
            }
            self.effect(Effect::Close { link });
        }
    }

    /// Ends the attempts with an endpoint of which `is_for_nothing` says so, those excepted in which this end has
    /// proved itself: the other end may count on them already.
    pub(super) fn drop_attempts(
        &mut self,
        endpoint: Endpoint,
        is_for_nothing: impl Fn(&Attempt, &Link) -> bool,
    ) {
        let Some(peer) = self.peers.get(&endpoint) else { return };
        let for_nothing = |link: &&LinkId| match (self.attempts.get(link), self.links.get(link)) {
            (Some(attempt), Some(state)) => state.transcript().is_none() && is_for_nothing(attempt, state),
            _ => true,
        };
        let dropped: Vec<LinkId> = peer.trying.iter().filter(for_nothing).copied().collect();
        for link in dropped {
            self.drop_attempt(link);
        }
    }

    /// Ends an attempt that failed, and plans the next one.
    pub(super) fn fail_attempt(&mut self, link: LinkId, reason: String) {
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return };
        if let Some(attempt) = self.attempts.get(&link).filter(|attempt| attempt.by_hand.is_some()) {
            self.event(Event::ByHandFailed { room: attempt.room, reason: reason.clone() });
        }
        self.report_failure(link);
        self.note_failed_move(link);
        self.drop_attempt(link);
        let (resumes, trying) = (self.is_resuming(endpoint), self.is_trying(endpoint));
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.needs_relay |= resumes || peer.link.is_none();
        if resumes {
            // The next one of a session has its time, and goes another way if there are several; what people were
            // told stands.
            peer.failures += 1;
            peer.next_try.get_or_insert(self.now.time + self.config.resume_interval);
            if peer.link.is_none() && !trying && !peer.reattaching.is_empty() {
                self.give_rooms_up(endpoint);
            }
        } else if peer.link.is_none() && !trying {
            self.set_state(endpoint, LinkState::Gone, Some(reason));
            self.plan_retry(endpoint);
            self.handle_unreachable_everywhere(endpoint);
        }
    }

    /// Stops trying to link to an endpoint until it is heard of again.
    pub(super) fn abandon(&mut self, endpoint: Endpoint, reason: &str) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.next_try = None;
        peer.sought = None;
        self.drop_all_attempts(endpoint);
        self.set_state(endpoint, LinkState::Gone, Some(String::from(reason)));
    }

    /// Ends all attempts with an endpoint.
    pub(super) fn drop_all_attempts(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get(&endpoint) else { return };
        for link in peer.trying.clone() {
            self.drop_attempt(link);
        }
    }

    pub(super) fn plan_retry(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let least = if self.me > endpoint { self.config.retry_least } else { ASK_DELAY };
        let pause = back_off(peer.failures, least, self.config.retry_most, &mut self.rng);
        peer.failures += 1;
        peer.next_try = Some(self.now.time + pause);
    }

    fn session_of(&self, endpoint: Endpoint) -> Option<&Session> {
        self.peers.get(&endpoint)?.session.as_ref()
    }
}

#[cfg(test)]
mod tests;
