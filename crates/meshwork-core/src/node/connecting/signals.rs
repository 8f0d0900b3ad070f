//! Signals of attempts: sealing and sending, opening, and the effects of an ask, an offer, an answer and a candidate.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::Connecting;
use super::attempt::LINK_VERSIONS;
use super::known::Source;
use crate::id::Endpoint;
use crate::links::transcript::Facts;
use crate::node::common::PENDING_MAX;
use crate::node::lower_parts::Base;
use crate::seam::description::{CANDIDATES_MAX, Candidate, Description, Role, Signal};
use crate::seam::event::{Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::signalling::announce;
use crate::signalling::sealing::{self, OpenError, RefuseReason, SignalBody, SignalContent};
use crate::wire::VersionRange;

/// Most time that an offer may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// While an attempt is younger than this, another request of the other end starts nothing.
const FRESH: Duration = Duration::from_secs(3);

impl Connecting {
    /// The driver has a signal for the other end of an attempt.
    pub(in crate::node) fn handle_local_signal(&mut self, base: &mut Base, link: LinkId, signal: Signal) {
        let (Some(attempt), Some(state)) = (self.attempts.get_mut(link), base.links.get(link)) else {
            return;
        };
        if let Some(by_hand) = &mut attempt.by_hand {
            return by_hand.gather(base.own.now.time, &mut attempt.waiting, signal);
        }
        let (facts, endpoint, room) = (*state.facts(), state.remote(), attempt.room);
        let epoch = facts.session_and_epoch();
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
                self.send_signal(base, endpoint, room, epoch, content);
                for candidate in waiting {
                    self.handle_local_signal(base, link, Signal::Candidate(candidate));
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
                    self.send_signal(base, endpoint, room, epoch, SignalContent::Candidate(candidate));
                }
            }
        }
    }

    pub(super) fn send_signal(
        &mut self,
        base: &mut Base,
        to: Endpoint,
        handle: RoomHandle,
        epoch: (u64, u32),
        content: SignalContent,
    ) {
        let Some(entry) = base.rooms.get(handle) else { return };
        let (Some(room), secret) = (entry.id(), entry.secret()) else { return };
        let Some(key) = base.known.sealing_key(to) else { return };
        let own = &mut base.own;
        let body = SignalBody { from: own.me, to, room, session: epoch.0, epoch: epoch.1, content };
        let Some(payload) = sealing::seal(&body, &own.identity, &key, secret, &mut own.rng) else {
            let detail = String::from("the announced sealing key gives no secret");
            return own.refuse(Some(to), Refusal::Signal, detail);
        };
        self.send_payload(base, to, handle, payload);
    }

    /// A server hands over a sealed payload.
    pub(in crate::node) fn handle_server_signal(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        payload: &[u8],
        source: Source,
    ) {
        if self.carrying.is_seen(payload) {
            let detail = String::from("the server hands out a payload that came before");
            return base.own.refuse(Some(from), Refusal::Replay, detail);
        }
        self.handle_sealed_signal(base, handle, from, payload, source);
    }

    /// A sealed payload arrived, from a server or a neighbour that may be wrong about its sender.
    pub(super) fn handle_sealed_signal(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        claimed: Endpoint,
        payload: &[u8],
        source: Source,
    ) {
        // Until the signature is verified, errors are reported of the carrier, if it is known.
        let accused = source.neighbour().unwrap_or(claimed);
        let Some(entry) = base.rooms.get(handle) else { return };
        let Some(room) = entry.id() else { return };
        let own = &mut base.own;
        let body = match sealing::open(payload, &own.sealing, own.me, &room, entry.secret()) {
            Ok(body) if body.from == claimed => body,
            Ok(body) => {
                let detail = format!("{source} says it is from {claimed}, but {} signed it", body.from);
                return own.refuse(Some(accused), Refusal::SignalSignature, detail);
            }
            Err(error) => {
                let refusal = match error {
                    OpenError::Short(_) | OpenError::Seal => Refusal::Seal,
                    OpenError::Body(_) => Refusal::Signal,
                    _ => Refusal::SignalSignature,
                };
                return own.refuse(Some(accused), refusal, error.to_string());
            }
        };
        self.recall(base, handle, body.from);
        let is_unlinked = base.known.is_unlinked(body.from.peer);
        let (now, own) = (base.own.time(), &mut base.own);
        let Some(peer) = base.known.get_mut(body.from).filter(|peer| peer.announcement.is_some()) else {
            let detail = String::from("it signals before its announcement is known here");
            return own.refuse(Some(body.from), Refusal::Unannounced, detail);
        };
        // An unwanted endpoint may go on asking: it is no violation, and gets no answer.
        if peer.is_refused(now) || is_unlinked {
            return;
        }
        let asks = matches!(body.content, SignalContent::Ask | SignalContent::Offer { .. });
        peer.unlinked_us &= !asks;
        if asks && !peer.attempts.count(now) {
            let detail = String::from("it begins more connection attempts than are allowed in a minute");
            return own.refuse(Some(body.from), Refusal::TooManyAttempts, detail);
        }
        if let (true, Source::Neighbour(neighbour)) = (asks, source)
            && !self.counts_introduction(base, neighbour)
        {
            return;
        }
        self.handle_signal(base, handle, body);
    }

    /// A member that was left to the overlay wants a link to us: it is known from here on.
    fn recall(&mut self, base: &mut Base, handle: RoomHandle, endpoint: Endpoint) {
        if base.known.announcement(endpoint).is_none()
            && let Some(announcement) = self.carrying.heard(handle, endpoint)
            && announce::verify(&announcement)
        {
            self.know(base, handle, &announcement);
        }
    }

    fn handle_signal(&mut self, base: &mut Base, handle: RoomHandle, body: SignalBody) {
        let SignalBody { from, session, epoch, content, .. } = body;
        let epoch = (session, epoch);
        match content {
            SignalContent::Ask => self.handle_ask(base, handle, from, epoch),
            SignalContent::Offer { versions, nonce, description } => {
                self.handle_offer(base, handle, from, epoch, (versions, nonce), description);
            }
            SignalContent::Answer { version, nonce, description } => {
                self.handle_answer(base, from, epoch, version, nonce, description);
            }
            SignalContent::Candidate(candidate) => {
                self.handle_candidate(base, handle, from, epoch, candidate)
            }
            SignalContent::Refuse(reason) => self.handle_refuse(base, handle, from, epoch, reason),
        }
    }

    fn handle_refuse(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        epoch: (u64, u32),
        reason: RefuseReason,
    ) {
        if reason == RefuseReason::Full {
            base.rooms.attachments_mut().note_distant(handle, from);
        }
        if let Some(link) = self.attempts.attempt_of(base, from, epoch) {
            let words = match reason {
                RefuseReason::Version => "speaks another version of Meshwork: update the older one",
                RefuseReason::Full => {
                    "has no place for another link: the room is full, or others ask faster than it can answer"
                }
                RefuseReason::Description => "refused our description",
            };
            self.attempts.fail_attempt(base, link, String::from(words));
        } else if base.known.contains(from) && !base.links.is_linked(from) {
            // The reply to a request; nothing was begun for it here.
            base.rooms.handle_unreachable(&base.own, handle, from);
        }
        if reason == RefuseReason::Full {
            base.rooms.handle_full(&base.own, handle, from);
        }
    }

    /// An endpoint requests an offer.
    pub(super) fn handle_ask(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        epoch: (u64, u32),
    ) {
        if base.own.me < from {
            let detail = String::from("the greater endpoint offers, it does not ask");
            return base.own.refuse(Some(from), Refusal::Signal, detail);
        }
        if !note_epoch(base, from, epoch, false) {
            return;
        }
        let Some(peer) = base.known.get_mut(from) else { return };
        let newest =
            peer.trying.iter().filter_map(|link| base.links.get(*link)).max_by_key(|link| link.opened());
        // An offer that the other end does not know may be on its way, or lost with its carrier.
        let unknown =
            newest.is_some_and(|newest| newest.facts().session == epoch.0 && newest.facts().epoch > epoch.1);
        let fresh = newest.map(|newest| newest.opened() + if unknown { ON_ITS_WAY } else { FRESH });
        if let Some(until) = fresh.filter(|until| *until > base.own.time()) {
            if unknown && base.links.session(from).is_some() {
                peer.next_try = Some(peer.next_try.map_or(until, |at| at.min(until)));
            }
        } else if base.rooms.is_sparse(handle) && !self.visits.takes_in(base, handle, from) {
            self.send_signal(base, from, handle, epoch, SignalContent::Refuse(RefuseReason::Full));
        } else if !base.servers.has_no_way_to_hide(&base.own, handle)
            && self.attempts.make_place(base, from, false)
        {
            self.offer(base, from, handle, false);
            self.attempts.note_asked_for(base, from);
        }
    }

    fn handle_offer(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        epoch: (u64, u32),
        (versions, nonce): (VersionRange, [u8; 16]),
        description: Description,
    ) {
        if base.own.me > from || description.role != Role::Offerer {
            let detail = String::from("the lesser endpoint asks, it does not offer");
            return base.own.refuse(Some(from), Refusal::Signal, detail);
        }
        if self.attempts.attempt_of(base, from, epoch).is_some() || !note_epoch(base, from, epoch, true) {
            return;
        }
        if let Err(error) = description.check() {
            base.own.refuse(Some(from), Refusal::Signal, error.to_string());
            let refuse = SignalContent::Refuse(RefuseReason::Description);
            return self.send_signal(base, from, handle, epoch, refuse);
        }
        let Some(version) = LINK_VERSIONS.agree(versions) else {
            let detail =
                format!("it speaks versions {} to {} of the link protocol", versions.least, versions.most);
            base.own.refuse(Some(from), Refusal::Version, detail);
            let refuse = SignalContent::Refuse(RefuseReason::Version);
            return self.send_signal(base, from, handle, epoch, refuse);
        };
        if base.servers.has_no_way_to_hide(&base.own, handle) {
            return;
        }
        if !self.visits.takes_in(base, handle, from) {
            base.rooms.refuse_full(&mut base.own, handle, from, "it offers a link, but the room is full");
            let refuse = SignalContent::Refuse(RefuseReason::Full);
            return self.send_signal(base, from, handle, epoch, refuse);
        }
        let is_own = self.is_awaited(base, from);
        if !self.attempts.make_place(base, from, is_own) {
            // It offers again, and a room that is not full must not look full.
            let detail = format!("it offers a link while all {PENDING_MAX} attempts resume or prove links");
            return base.own.refuse(Some(from), Refusal::TooManyAttempts, detail);
        }
        let facts = Facts {
            offerer: from,
            answerer: base.own.me,
            session: epoch.0,
            epoch: epoch.1,
            offerer_nonce: nonce,
            answerer_nonce: base.own.rng.bytes(),
            offered_versions: (versions.least, versions.most),
            version,
        };
        let for_silence = base.links.is_silent(&base.own, from);
        let link = self.attempts.begin(base, from, handle, Role::Answerer, facts, for_silence);
        if let Some(attempt) = self.attempts.get_mut(link) {
            attempt.is_own = is_own;
            attempt.note_description(&description);
        }
        hand_over(base, handle, link, Signal::Description(description));
    }

    /// Whether this end requested an offer of `from`. Each request brings one.
    fn is_awaited(&self, base: &mut Base, from: Endpoint) -> bool {
        let (now, most) = (base.own.time(), base.own.config.connect_timeout);
        let asked = base.known.get_mut(from).and_then(|peer| peer.asked.take());
        asked.is_some_and(|at| now.since(at) <= most)
    }

    fn handle_answer(
        &mut self,
        base: &mut Base,
        from: Endpoint,
        epoch: (u64, u32),
        version: u16,
        nonce: [u8; 16],
        description: Description,
    ) {
        let Some(link) = self.attempts.attempt_of(base, from, epoch) else { return };
        let (Some(state), Some(attempt)) = (base.links.get_mut(link), self.attempts.get_mut(link)) else {
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
            base.own.refuse(Some(from), Refusal::Signal, detail);
            return self.attempts.fail_attempt(base, link, String::from("answered wrongly"));
        }
        attempt.answered = true;
        attempt.note_answered(base.own.now.time);
        attempt.note_description(&description);
        state.set_answer(version, nonce);
        let room = attempt.room;
        hand_over(base, room, link, Signal::Description(description));
    }

    fn handle_candidate(
        &mut self,
        base: &mut Base,
        handle: RoomHandle,
        from: Endpoint,
        epoch: (u64, u32),
        candidate: Candidate,
    ) {
        let attempt = self.attempts.attempt_of(base, from, epoch);
        // A relay may be named when its link is proved: only then the way is known.
        let Some(link) = attempt.or_else(|| base.links.proved_by(from, epoch)) else { return };
        if let Err(error) = candidate.check() {
            return base.own.refuse(Some(from), Refusal::Signal, error.to_string());
        }
        let (room, named) = match self.attempts.get_mut(link) {
            Some(attempt) => (attempt.room, Some(&mut attempt.named)),
            None => (handle, base.known.get_mut(from).map(|peer| &mut peer.named)),
        };
        if !named.is_some_and(|named| named.add(&candidate)) {
            let detail = format!("more than {CANDIDATES_MAX} candidates");
            return base.own.refuse(Some(from), Refusal::Signal, detail);
        }
        hand_over(base, room, link, Signal::Candidate(candidate));
        if attempt.is_none() {
            self.attempts.note_named(base, from);
        }
    }
}

/// Hands the driver a signal of the other end, without the candidates that are too near.
fn hand_over(base: &mut Base, room: RoomHandle, link: LinkId, signal: Signal) {
    let from = base.links.get(link).map(|state| state.remote());
    if let Some(signal) = base.servers.without_near(&mut base.own, room, from, signal) {
        base.own.effect(Effect::Signal { link, signal });
    }
}

/// Notes the epoch of an attempt of the other end. Returns whether it is useful: it is not if a younger link of the
/// session is proved already, so that the signal is late or repeated.
fn note_epoch(base: &mut Base, from: Endpoint, (id, epoch): (u64, u32), offers: bool) -> bool {
    let Some(session) = base.links.session_mut(from).filter(|session| session.id() == id) else {
        return true;
    };
    let proved = session.epoch();
    if epoch < proved || offers && epoch == proved {
        let detail = format!("it speaks of epoch {epoch} of a session whose epoch {proved} is proved");
        base.own.refuse(Some(from), Refusal::StaleSignal, detail);
        return false;
    }
    session.note_epoch(epoch);
    true
}

#[cfg(test)]
mod tests;
