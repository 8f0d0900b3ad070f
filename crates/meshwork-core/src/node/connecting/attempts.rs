//! All attempts under way, and the begin and end of attempts and links.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::{ASK_DELAY, ASK_LATER, Attempt, UNSOUGHT};
use super::known::Source;
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::message::GoodbyeReason;
use crate::links::transcript::Facts;
use crate::node::common::Own;
use crate::node::common::PENDING_MAX;
use crate::node::links::Links;
use crate::node::lower_parts::Base;
use crate::seam::description::Role;
use crate::seam::event::{Event, LinkState, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::seam::path::{IceConfig, IcePolicy, LinkPath, Path};
use crate::signalling::client::back_off;
use crate::signalling::protocol::LinkOutcome;
use crate::time::Time;

/// Attempts with one endpoint at a time: one that still searches a path, and the next.
pub(super) const ATTEMPTS_PER_PEER_MAX: usize = 2;
/// Places that our own attempts keep when others request more, and vice versa.
pub(super) const HALF: usize = PENDING_MAX / 2;
/// Time within which most links open that open at all. While all attempts are younger, others ask faster than any link
/// could open in turn, so a random one ends.
pub(super) const OPENS_WITHIN: Duration = Duration::from_millis(300);
/// Age after which an own attempt ends in favour of another own one, so that unreachable members do not make all
/// attempts short.
pub(super) const SHORT_TRY: Duration = Duration::from_secs(3);
/// The reason of an offer's end that a server did not carry.
const HELD_BACK: &str = "others of this network ask it for links faster than it can answer";
/// The reason of an attempt's early end.
const GAVE_WAY: &str = "gave way: others ask for links faster than this end can answer";

/// The attempts that are under way, at most [`PENDING_MAX`].
#[derive(Debug, Default)]
pub(in crate::node) struct Attempts {
    attempts: BTreeMap<LinkId, Box<Attempt>>,
}

impl Attempts {
    pub(super) fn count(&self) -> usize {
        self.attempts.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.attempts.len() >= PENDING_MAX
    }

    pub(super) fn get(&self, link: LinkId) -> Option<&Attempt> {
        self.attempts.get(&link).map(Box::as_ref)
    }

    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Attempt> {
        self.attempts.get_mut(&link).map(Box::as_mut)
    }

    /// The attempts for which `holds` is true, the oldest first: numbers of links grow.
    pub(super) fn those(&self, holds: impl Fn(&Attempt) -> bool) -> Vec<LinkId> {
        self.attempts.iter().filter(|(_, attempt)| holds(attempt)).map(|(&link, _)| link).collect()
    }

    /// Whether an attempt is under way, and signalled by programs.
    pub(super) fn is_by_itself(&self, link: LinkId) -> bool {
        self.attempts.get(&link).is_some_and(|attempt| attempt.by_hand.is_none())
    }

    /// Whether people carry the signals of an attempt.
    pub(super) fn is_by_hand(&self, link: LinkId) -> bool {
        self.attempts.get(&link).is_some_and(|attempt| attempt.by_hand.is_some())
    }

    /// Attempts to repeat with relays.
    pub(super) fn without_path(&self, own: &Own) -> Vec<LinkId> {
        self.those(|attempt| attempt.relay_due(own).is_some_and(|due| due <= own.time()))
    }

    /// The next due time about attempts.
    pub(super) fn poll_timeout(&self, own: &Own, links: &Links) -> Option<Time> {
        let of = |link: LinkId, attempt: &Attempt| {
            let over = match &attempt.by_hand {
                Some(by_hand) => Some(by_hand.deadline()),
                None => links.get(link).map(|link| link.opened() + attempt.timeout(own)),
            };
            [over, attempt.relay_due(own)]
        };
        self.attempts.iter().flat_map(|(&link, attempt)| of(link, attempt)).flatten().min()
    }

    /// A source no longer lists an endpoint in a room. A link survives that; an attempt does not, if no other source
    /// lists the endpoint.
    pub(in crate::node) fn handle_absent(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        endpoint: Endpoint,
        source: Source,
    ) {
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        peer.remove_source(room, source);
        let is_connecting = base.own.people.state(endpoint) == Some(LinkState::Connecting);
        if !peer.is_listed() && !base.links.is_linked(endpoint) && is_connecting {
            let reason = if source == Source::Overlay { UNSOUGHT } else { GoodbyeReason::Left.words() };
            self.abandon(base, endpoint, reason);
        }
    }

    /// A server did not carry a signal to an endpoint that others of our network keep busy: an offer that it never
    /// received is repeated after a pause.
    pub(in crate::node) fn handle_held_back(&mut self, base: &mut Base, room: RoomHandle, to: Endpoint) {
        let Some(peer) = base.known.get(to) else { return };
        let is_unheard = |link: &LinkId| {
            self.get(*link).is_some_and(|attempt| {
                attempt.room == room && !attempt.is_answerer && !attempt.answered && attempt.by_hand.is_none()
            })
        };
        let unheard: Vec<LinkId> = peer.trying.iter().copied().filter(is_unheard).collect();
        for link in unheard {
            self.fail_attempt(base, link, String::from(HELD_BACK));
        }
    }

    /// Closes a link, with a goodbye if one is given. The caller sets the displayed reason.
    pub(in crate::node) fn close(&mut self, base: &mut Base, link: LinkId, goodbye: Option<GoodbyeReason>) {
        let Some(endpoint) = base.links.close(&mut base.own, link, goodbye) else { return };
        self.forget_link(base, link);
        match goodbye {
            None | Some(GoodbyeReason::Replaced) => {}
            Some(GoodbyeReason::Left | GoodbyeReason::Refused | GoodbyeReason::Unused) => {
                base.links.end_session(&mut base.own, endpoint, "this end closed the link");
            }
        }
    }

    /// Closes the link to an endpoint if no room uses it or will, and gives the reason.
    pub(in crate::node) fn close_unused(&mut self, base: &mut Base, endpoint: Endpoint, why: &str) {
        let Some(link) = base.links.id_of(endpoint).filter(|_| !base.rooms.attachments().uses_link(endpoint))
        else {
            return;
        };
        base.known.try_at(endpoint, None);
        self.close(base, link, Some(GoodbyeReason::Unused));
        base.own.set_state(endpoint, LinkState::Gone, Some(String::from(why)));
    }

    /// A proved link is lost by a fault of the path or of the other end. Its session waits for another.
    pub(in crate::node) fn lose_link(&mut self, base: &mut Base, link: LinkId, reason: String) {
        let Some(endpoint) = base.links.cut(link) else {
            return self.forget_link(base, link);
        };
        // The greater end acts at once; the lesser requests an offer if the other does not.
        let pause = if base.own.me > endpoint { Duration::ZERO } else { ASK_LATER };
        base.known.try_at(endpoint, Some(base.own.time() + pause));
        if self.is_almost_linked(base, endpoint) {
            base.keep_rooms(endpoint);
            self.forget_link(base, link);
        } else {
            self.forget_link(base, link);
            base.own.set_state(endpoint, LinkState::Gone, Some(reason));
        }
    }

    /// Whether an attempt has come as far as proving both ends.
    fn is_almost_linked(&self, base: &Base, endpoint: Endpoint) -> bool {
        let is_proving =
            |link: &LinkId| base.links.get(*link).is_some_and(|state| state.transcript().is_some());
        base.known.get(endpoint).is_some_and(|peer| peer.trying.iter().any(is_proving))
    }

    /// Forgets a link and detaches its rooms.
    fn forget_link(&mut self, base: &mut Base, link: LinkId) {
        self.attempts.remove(&link);
        let Some((endpoint, is_proved)) = base.links.forget(link) else { return };
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.trying.retain(|attempt| *attempt != link);
        }
        if is_proved {
            for room in base.rooms.attachments_mut().take_attached(endpoint) {
                self.detach(base, room, endpoint);
            }
        }
    }

    /// An endpoint is no longer attached to a room: its reports about others no longer count.
    pub(in crate::node) fn detach(&mut self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
        for listed in base.known.remove_neighbour(room, endpoint) {
            self.handle_absent(base, room, listed, Source::Neighbour(endpoint));
        }
        base.rooms.handle_detached(&mut base.own, room, endpoint);
    }

    /// The rooms of a link that was lost or replaced were not attached again in time.
    pub(in crate::node) fn give_rooms_up(&mut self, base: &mut Base, endpoint: Endpoint) {
        let is_lost = !base.links.is_linked(endpoint);
        for room in base.rooms.attachments_mut().take_reattaching(endpoint) {
            self.detach(base, room, endpoint);
        }
        if is_lost {
            base.own.set_state(endpoint, LinkState::Gone, Some(String::from("the connection broke off")));
        }
    }

    pub(in crate::node) fn begin(
        &mut self,
        base: &mut Base,
        endpoint: Endpoint,
        room: RoomHandle,
        role: Role,
        facts: Facts,
        for_silence: bool,
    ) -> LinkId {
        self.make_place_for_attempt(base, endpoint, facts.session);
        let ice = self.ice_config(base, endpoint, room);
        let link = base.links.begin(&base.own, role, facts);
        let resumes = base.links.session(endpoint).is_some_and(|session| session.id() == facts.session);
        let mut attempt = Attempt { resumes, for_silence, ..Attempt::new(room, role == Role::Answerer) };
        attempt.is_direct_only = ice.policy == IcePolicy::Direct;
        attempt.note_answered(base.own.time());
        self.attempts.insert(link, Box::new(attempt));
        // The lesser end leaves the next attempt to the greater, and requests one if none comes.
        let again =
            base.own.config.resume_interval + if role == Role::Answerer { ASK_LATER } else { Duration::ZERO };
        #[cfg(feature = "planted-bugs")]
        let again = match base.own.config.planted {
            Some(crate::seam::config::PlantedBug::ResumeOnce) => base.own.config.resume_within,
            _ => again,
        };
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.trying.push(link);
            peer.next_try = resumes.then_some(base.own.time() + again);
            if !base.links.is_linked(endpoint) && !resumes {
                peer.sought.get_or_insert(base.own.time());
                base.own.set_state(endpoint, LinkState::Connecting, None);
            }
        }
        base.own.effect(Effect::Open { link, role, ice });
        link
    }

    /// Whether a connection to `endpoint` is being made otherwise than by hand.
    pub(super) fn is_trying(&self, base: &Base, endpoint: Endpoint) -> bool {
        let is_it = |link: &LinkId| self.is_by_itself(*link);
        base.known.get(endpoint).is_some_and(|peer| peer.trying.iter().any(is_it))
    }

    /// Whether a connection to `endpoint` is being made and both ends surely know of it: an answered offer counts; an
    /// answer may be lost with its carrier until the other end proves itself.
    pub(super) fn is_heard(&self, base: &Base, endpoint: Endpoint) -> bool {
        let is_it = |link: &LinkId| {
            let is_proving = base.links.get(*link).is_some_and(|state| state.transcript().is_some());
            is_proving || self.get(*link).is_some_and(|attempt| attempt.answered && !attempt.is_answerer)
        };
        base.known.get(endpoint).is_some_and(|peer| peer.trying.iter().any(is_it))
    }

    /// The newest attempt with an endpoint began only because the other end requested it.
    pub(super) fn note_asked_for(&mut self, base: &Base, endpoint: Endpoint) {
        let newest = base.known.get(endpoint).and_then(|peer| peer.trying.last().copied());
        if let Some(attempt) = newest.and_then(|link| self.get_mut(link)) {
            attempt.is_own = false;
        }
    }

    /// Whether one more attempt may begin, counting those that it would replace.
    pub(super) fn has_place_for_attempt(&self, base: &Base, endpoint: Endpoint) -> bool {
        let under_way = base.known.get(endpoint).map_or(0, |peer| peer.trying.len());
        !self.is_full() || under_way >= ATTEMPTS_PER_PEER_MAX
    }

    /// Makes space for an attempt. If all places are taken, a fruitless one ends: of those that others requested, if
    /// they have more than [`HALF`] or the new one is theirs too. So an endpoint that offers and never connects keeps
    /// others out only as long as their attempts last. Returns whether there is space.
    pub(super) fn make_place(&mut self, base: &mut Base, endpoint: Endpoint, is_own: bool) -> bool {
        if self.has_place_for_attempt(base, endpoint) {
            return true;
        }
        let gives_way = self.gives_way(base, is_own);
        if let Some(link) = gives_way {
            self.fail_attempt(base, link, String::from(GAVE_WAY));
        }
        gives_way.is_some()
    }

    /// The attempt that ends for a new one: the oldest, or a random one while all are young. Never one that resumes a
    /// session, is being proved or is carried by people.
    fn gives_way(&self, base: &mut Base, is_own: bool) -> Option<LinkId> {
        let own = self.attempts.values().filter(|attempt| attempt.is_own).count();
        let of_own = if is_own { own >= HALF } else { own > HALF };
        let half_open = self.attempts.iter().filter_map(|(&link, attempt)| {
            let state = base.links.get(link)?;
            let may_end = !attempt.resumes && attempt.by_hand.is_none() && state.transcript().is_none();
            (may_end && attempt.is_own == of_own).then(|| (link, base.own.time().since(state.opened())))
        });
        let half_open: Vec<(LinkId, Duration)> = half_open.collect();
        let &(oldest, age) = half_open.first()?;
        if is_own && of_own && age < SHORT_TRY {
            return None;
        }
        if age >= OPENS_WITHIN {
            return Some(oldest);
        }
        let drawn = base.own.rng.below(half_open.len() as u64);
        half_open.get(drawn as usize).map(|&(link, _)| link)
    }

    /// Ends the attempts with an endpoint that a new one of `session` replaces.
    fn make_place_for_attempt(&mut self, base: &mut Base, endpoint: Endpoint, session: u64) {
        let Some(peer) = base.known.get(endpoint) else { return };
        let of = |link: &LinkId| base.links.get(*link).map(|state| state.facts().session);
        let same = peer.trying.iter().copied().filter(|link| of(link) == Some(session));
        let too_many = same.clone().count().saturating_sub(ATTEMPTS_PER_PEER_MAX - 1);
        let is_other = |link: &LinkId| of(link) != Some(session) && !self.is_by_hand(*link);
        let others = peer.trying.iter().copied().filter(is_other);
        let dropped: Vec<LinkId> = others.chain(same.take(too_many)).collect();
        if let (Some(peer), 1..) = (base.known.get_mut(endpoint), too_many) {
            peer.failures += 1;
        }
        for link in dropped {
            self.drop_attempt(base, link);
        }
    }

    /// The attempt with `endpoint` that has this session and epoch.
    pub(super) fn attempt_of(&self, base: &Base, endpoint: Endpoint, epoch: (u64, u32)) -> Option<LinkId> {
        let facts = |link: &LinkId| base.links.get(*link).map(Link::facts);
        let is_it = |link: &&LinkId| facts(link).is_some_and(|facts| facts.session_and_epoch() == epoch);
        base.known.get(endpoint)?.trying.iter().find(is_it).copied()
    }

    /// Whether a link is an attempt still.
    pub(in crate::node) fn is_attempt(&self, link: LinkId) -> bool {
        self.get(link).is_some()
    }

    /// A link is proved: it is no attempt any more.
    pub(in crate::node) fn take_proved(
        &mut self,
        base: &mut Base,
        link: LinkId,
        endpoint: Endpoint,
    ) -> Option<Attempt> {
        let attempt = self.attempts.remove(&link).map(|attempt| *attempt);
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.trying.retain(|attempt| *attempt != link);
        }
        attempt
    }

    /// Reports a proved link that was begun at `sought` to a server. Only the offerer does.
    pub(in crate::node) fn report_link(
        &self,
        base: &mut Base,
        link: LinkId,
        sought: Option<Time>,
        attempt: Option<&Attempt>,
    ) {
        let (Some(state), Some(sought), Some(attempt)) = (base.links.get(link), sought, attempt) else {
            return;
        };
        if is_told(state, attempt) {
            let outcome = match state.path().kind() {
                Path::Direct => LinkOutcome::Direct,
                Path::Relayed => LinkOutcome::Relayed,
            };
            base.servers.report(&mut base.own, attempt.room, outcome, sought);
        }
    }

    fn report_failure(&self, base: &mut Base, link: LinkId) {
        let (Some(state), Some(attempt)) = (base.links.get(link), self.get(link)) else { return };
        let sought = base.known.get(state.remote()).and_then(|peer| peer.sought);
        if let Some(sought) = sought.filter(|_| is_told(state, attempt)) {
            base.servers.report(&mut base.own, attempt.room, LinkOutcome::Failed, sought);
        }
    }

    /// Ends an attempt without counting it as failed.
    pub(super) fn drop_attempt(&mut self, base: &mut Base, link: LinkId) {
        self.attempts.remove(&link);
        if let Some(endpoint) = base.links.forget_attempt(link) {
            if let Some(peer) = base.known.get_mut(endpoint) {
                peer.trying.retain(|attempt| *attempt != link);
            }
            base.own.effect(Effect::Close { link });
        }
    }

    /// Ends the useless attempts with an endpoint, as `is_for_nothing` decides, except those in which this end has
    /// proved itself: the other end may count on them already.
    fn drop_attempts(
        &mut self,
        base: &mut Base,
        endpoint: Endpoint,
        is_for_nothing: impl Fn(&Attempt) -> bool,
    ) {
        let Some(peer) = base.known.get(endpoint) else { return };
        let for_nothing = |link: &&LinkId| match (self.get(**link), base.links.get(**link)) {
            (Some(attempt), Some(state)) => state.transcript().is_none() && is_for_nothing(attempt),
            _ => true,
        };
        let dropped: Vec<LinkId> = peer.trying.iter().filter(for_nothing).copied().collect();
        for link in dropped {
            self.drop_attempt(base, link);
        }
    }

    /// A link was proved: attempts without a path are useless.
    pub(in crate::node) fn drop_unproved(&mut self, base: &mut Base, endpoint: Endpoint) {
        self.drop_attempts(base, endpoint, |_| true);
    }

    /// A link was heard again: attempts to replace it are useless.
    pub(in crate::node) fn drop_replacements(&mut self, base: &mut Base, endpoint: Endpoint) {
        self.drop_attempts(base, endpoint, |attempt| attempt.for_silence);
    }

    /// Ends all attempts with an endpoint.
    pub(super) fn drop_all_attempts(&mut self, base: &mut Base, endpoint: Endpoint) {
        let Some(peer) = base.known.get(endpoint) else { return };
        for link in peer.trying.clone() {
            self.drop_attempt(base, link);
        }
    }

    /// Fails an attempt that has taken too long. Returns whether the link is one.
    pub(in crate::node) fn fail_late(&mut self, base: &mut Base, link: LinkId) -> bool {
        let (Some(attempt), Some(state)) = (self.get(link), base.links.get(link)) else {
            return false;
        };
        let timeout = attempt.timeout(&base.own);
        if attempt.by_hand.is_none() && base.own.time().since(state.opened()) >= timeout {
            self.fail_attempt(base, link, alloc::format!("no connection within {} s", timeout.as_secs()));
        }
        true
    }

    /// Ends an attempt that failed, and plans the next one.
    pub(in crate::node) fn fail_attempt(&mut self, base: &mut Base, link: LinkId, reason: String) {
        let Some(endpoint) = base.links.get(link).map(Link::remote) else { return };
        if let Some(attempt) = self.get(link).filter(|attempt| attempt.by_hand.is_some()) {
            base.own.event(Event::ByHandFailed { room: attempt.room, reason: reason.clone() });
        }
        self.report_failure(base, link);
        self.note_failed_move(base, link);
        self.drop_attempt(base, link);
        let (resumes, trying) = (base.links.is_resuming(&base.own, endpoint), self.is_trying(base, endpoint));
        let is_linked = base.links.is_linked(endpoint);
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        peer.needs_relay |= resumes || !is_linked;
        if resumes {
            // The next one of a session has its time, and goes another way if there are several; the displayed reason
            // stays.
            peer.failures += 1;
            peer.next_try.get_or_insert(base.own.time() + base.own.config.resume_interval);
            if !is_linked && !trying && base.rooms.attachments().is_reattaching(endpoint) {
                self.give_rooms_up(base, endpoint);
            }
        } else if !is_linked && !trying {
            base.own.set_state(endpoint, LinkState::Gone, Some(reason));
            self.plan_retry(base, endpoint);
            base.rooms.handle_unreachable_everywhere(&base.own, endpoint);
        }
    }

    /// Stops trying to link to an endpoint until a source lists it again.
    pub(super) fn abandon(&mut self, base: &mut Base, endpoint: Endpoint, reason: &str) {
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        (peer.next_try, peer.sought) = (None, None);
        self.drop_all_attempts(base, endpoint);
        base.own.set_state(endpoint, LinkState::Gone, Some(String::from(reason)));
    }

    /// A link to an endpoint is tried again after a pause.
    pub(in crate::node) fn plan_retry(&mut self, base: &mut Base, endpoint: Endpoint) {
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        let config = &base.own.config;
        let least = if base.own.me > endpoint { config.retry_least } else { ASK_DELAY };
        let pause = back_off(peer.failures, least, config.retry_most, &mut base.own.rng);
        peer.failures += 1;
        peer.next_try = Some(base.own.time() + pause);
    }

    /// The allowed kinds of paths for a new connection.
    pub(super) fn ice_config(&self, base: &Base, endpoint: Endpoint, room: RoomHandle) -> IceConfig {
        let is_alive = base.links.is_alive(&base.own, endpoint);
        let is_new = base.known.get(endpoint).is_some_and(|peer| !peer.needs_relay);
        let policy = if base.own.config.hides_address {
            IcePolicy::Relay
        } else if is_alive || is_new && base.servers.knows_relay(&base.own, room) {
            IcePolicy::Direct
        } else {
            IcePolicy::All
        };
        let servers = base.servers.ice_servers(&base.own, room).cloned().collect();
        IceConfig { policy, servers, nearest: base.servers.nearest(room) }
    }

    /// A connection to find a better path is up. Returns whether it is no better, and was closed.
    pub(in crate::node) fn is_no_better(&mut self, base: &mut Base, link: LinkId, path: LinkPath) -> bool {
        let Some(attempt) = self.get(link).filter(|attempt| attempt.moves) else { return false };
        let hides = attempt.named.hides();
        let Some(endpoint) = base.links.get(link).map(Link::remote) else { return false };
        let present = base.links.of(endpoint).map(|link| link.path().kind());
        let is_none =
            !base.own.config.hides_address && path.kind() == Path::Relayed && present == Some(Path::Relayed);
        if is_none {
            self.note_hiding(base, endpoint, hides);
            self.drop_attempt(base, link);
        }
        is_none
    }

    /// An attempt failed. If it was to find a better path, it may have shown that the other end hides.
    pub(super) fn note_failed_move(&mut self, base: &mut Base, link: LinkId) {
        let hides = self.get(link).is_some_and(|attempt| attempt.named.hides());
        if let (Some(endpoint), true) = (base.links.get(link).map(Link::remote), hides) {
            self.note_hiding(base, endpoint, true);
        }
    }

    /// A linked endpoint sent one more candidate of its connection.
    pub(super) fn note_named(&mut self, base: &mut Base, endpoint: Endpoint) {
        let Some(hides) = base.known.get(endpoint).map(|peer| peer.named.hides()) else { return };
        if hides != base.known.hides(endpoint) {
            self.note_hiding(base, endpoint, hides);
        }
    }

    /// A linked endpoint hides its address, or does not. Searches for a hiding endpoint are useless: it searches itself
    /// when it no longer hides.
    fn note_hiding(&mut self, base: &mut Base, endpoint: Endpoint, hides: bool) {
        let is_linked = base.links.is_linked(endpoint);
        let Some(peer) = base.known.get_mut(endpoint).filter(|_| is_linked) else { return };
        peer.they_hide = hides;
        peer.next_move = peer.next_move.filter(|_| !hides);
        base.tell_path(endpoint);
    }
}

/// Whether a server receives a report about an attempt: from the offerer, if it begins a session between programs.
fn is_told(state: &Link, attempt: &Attempt) -> bool {
    state.role() == Role::Offerer && !attempt.resumes && attempt.by_hand.is_none()
}
