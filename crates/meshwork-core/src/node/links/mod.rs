//! Links and sessions of a node: the link of each endpoint, its silence, and messages that wait for it.
//!
//! A link is an attempt until it is proved; then it replaces its endpoint's former link. A session survives the link as
//! long as another may replace it.
//!
//! It knows neither rooms nor servers, nor the purpose of a link, and forwards a room's messages unopened.

mod direct;
mod ends;
mod waiting;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use self::ends::Ends;
use super::common::Own;
use crate::id::Endpoint;
use crate::links::link::{Link, LinkEvent};
use crate::links::message::{GoodbyeReason, LinkMessage};
use crate::links::transcript::Facts;
use crate::seam::description::Role;
use crate::seam::event::LinkState;
use crate::seam::io::{Channel, Effect, FRAME_MAX, LinkId};
use crate::seam::path::LinkPath;
use crate::time::Time;

/// Violations after which a link is closed: one may be a bug, eight are not.
pub(super) const OFFENCES_MAX: u32 = 8;
/// Bytes that may wait on a link while it gets parts of a replica or direct messages, so that live batches never wait
/// behind a whole replica: at 10 Mbit/s this is 50 ms.
pub(super) const SERVE_QUEUE: usize = 64 * 1024;
/// Bytes that may wait on a link while a part of a blob is queued: one frame, so that other messages wait for one such
/// part at most.
pub(super) const BLOB_QUEUE: usize = FRAME_MAX;

/// The links that may have data to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unflushed {
    #[default]
    Nothing,
    One(LinkId),
    All,
}

/// All links and attempts, and the sessions of known endpoints.
#[derive(Debug)]
pub(super) struct Links {
    links: BTreeMap<LinkId, Box<Link>>,
    ends: Ends,
    next: u64,
    /// The token of the next direct message.
    next_token: u64,
    /// Whether the application accepts direct messages.
    takes_direct: bool,
    /// The link with the last received data: no other has events.
    spoken: Option<LinkId>,
    unflushed: Unflushed,
}

impl Links {
    pub(super) fn new() -> Links {
        Links {
            links: BTreeMap::new(),
            ends: Ends::default(),
            next: 1,
            next_token: 1,
            takes_direct: true,
            spoken: None,
            unflushed: Unflushed::Nothing,
        }
    }

    /// An endpoint is known from here on.
    pub(super) fn insert_endpoint(&mut self, endpoint: Endpoint) {
        self.ends.insert(endpoint);
    }

    /// An endpoint without link and session is no longer known.
    pub(super) fn remove_endpoint(&mut self, endpoint: Endpoint) {
        self.ends.remove(endpoint);
    }

    /// Begins an attempt. The driver must open its connection.
    pub(super) fn begin(&mut self, own: &Own, role: Role, facts: Facts) -> LinkId {
        let link = LinkId(self.next);
        self.next += 1;
        self.links.insert(link, Box::new(Link::new(own.time(), role, facts, &own.config)));
        link
    }

    /// A link or an attempt.
    pub(super) fn get(&self, link: LinkId) -> Option<&Link> {
        self.links.get(&link).map(Box::as_ref)
    }

    /// A link or an attempt, for changes.
    pub(super) fn get_mut(&mut self, link: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&link).map(Box::as_mut)
    }

    /// All links and attempts, by number.
    pub(super) fn ids(&self) -> Vec<LinkId> {
        self.links.keys().copied().collect()
    }

    /// All links and attempts.
    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.links.values().map(Box::as_ref)
    }

    /// The number of the proved link to an endpoint.
    pub(super) fn id_of(&self, endpoint: Endpoint) -> Option<LinkId> {
        self.ends.get(endpoint)?.link
    }

    /// The proved link to an endpoint.
    pub(super) fn of(&self, endpoint: Endpoint) -> Option<&Link> {
        self.get(self.id_of(endpoint)?)
    }

    /// The proved link to an endpoint, if it has this session and epoch.
    pub(super) fn proved_by(&self, endpoint: Endpoint, epoch: (u64, u32)) -> Option<LinkId> {
        let id = self.id_of(endpoint)?;
        (self.get(id)?.facts().session_and_epoch() == epoch).then_some(id)
    }

    /// The proved link to an endpoint, for changes.
    pub(super) fn of_mut(&mut self, endpoint: Endpoint) -> Option<&mut Link> {
        self.get_mut(self.id_of(endpoint)?)
    }

    /// The links and sessions of known endpoints.
    pub(super) fn ends(&self) -> &Ends {
        &self.ends
    }

    /// The endpoints with a proved link.
    pub(super) fn linked(&self) -> impl Iterator<Item = Endpoint> {
        self.ends.iter().filter(|(_, end)| end.link.is_some()).map(|(endpoint, _)| endpoint)
    }

    /// Whether an endpoint has a proved link.
    pub(super) fn is_linked(&self, endpoint: Endpoint) -> bool {
        self.id_of(endpoint).is_some()
    }

    /// The endpoint of a proved link. An older link to the same endpoint may still deliver data; it no longer counts.
    pub(super) fn owner(&self, link: LinkId) -> Option<Endpoint> {
        let endpoint = self.links.get(&link)?.remote();
        (self.id_of(endpoint) == Some(link)).then_some(endpoint)
    }

    /// Sends a message over the proved link to an endpoint, if there is one.
    pub(super) fn send(&mut self, to: Endpoint, message: &LinkMessage) {
        if let Some(link) = self.of_mut(to) {
            link.send(message);
        }
    }

    /// A proved link becomes the endpoint's; suspicion against the former one is forgotten.
    pub(super) fn set_link(&mut self, endpoint: Endpoint, link: LinkId) {
        if let Some(end) = self.ends.get_mut(endpoint) {
            (end.link, end.suspect, end.offences) = (Some(link), None, 0);
        }
    }

    /// The link to an endpoint will be replaced.
    pub(super) fn unset_link(&mut self, endpoint: Endpoint) {
        if let Some(end) = self.ends.get_mut(endpoint) {
            end.link = None;
        }
    }

    /// Accepts bytes. Returns whether its link had been stale, if there is work to do: an answered ping alone is none.
    pub(super) fn handle_data(
        &mut self,
        own: &Own,
        link: LinkId,
        channel: Channel,
        bytes: &[u8],
    ) -> Option<bool> {
        let known = self.links.get_mut(&link)?;
        let was_stale = known.is_stale(own.time());
        known.handle_data(own.time(), channel, bytes);
        if !known.has_events() && !was_stale {
            self.flush_later(link);
            return None;
        }
        self.spoken = Some(link);
        Some(was_stale)
    }

    /// The driver's queue shrank by this number of bytes. Returns whether data waited for that.
    pub(super) fn handle_writable(&mut self, link: LinkId, bytes: usize) -> bool {
        let Some(known) = self.links.get_mut(&link) else { return false };
        known.handle_writable(bytes);
        let is_held_up = known.is_held_up();
        if !is_held_up {
            self.flush_later(link);
        }
        is_held_up
    }

    /// The link with data since the last call.
    pub(super) fn take_spoken(&mut self) -> Option<LinkId> {
        self.spoken.take()
    }

    /// The next event of a link.
    pub(super) fn poll_event(&mut self, link: LinkId) -> Option<LinkEvent> {
        self.links.get_mut(&link)?.poll_event()
    }

    /// Counts a violation. Returns the link after too many.
    pub(super) fn count_offence(&mut self, endpoint: Endpoint) -> Option<LinkId> {
        let end = self.ends.get_mut(endpoint)?;
        end.offences += 1;
        end.link.filter(|_| end.offences >= OFFENCES_MAX)
    }

    /// Sends the waiting data of a link, with a goodbye if one is given, and lets the driver close it. Returns its
    /// endpoint.
    pub(super) fn close(
        &mut self,
        own: &mut Own,
        link: LinkId,
        goodbye: Option<GoodbyeReason>,
    ) -> Option<Endpoint> {
        let state = self.links.get_mut(&link)?;
        let endpoint = state.remote();
        if let (Some(reason), true) = (goodbye, state.is_proved()) {
            state.send(&LinkMessage::Goodbye(reason));
        }
        flush(own, link, state);
        own.effect(Effect::Close { link });
        Some(endpoint)
    }

    /// Forgets a link. Returns its endpoint, and whether it was the proved one.
    pub(super) fn forget(&mut self, link: LinkId) -> Option<(Endpoint, bool)> {
        let endpoint = self.links.get(&link)?.remote();
        if !planted!(LinkLeaks) {
            self.links.remove(&link);
        }
        let end = self.ends.get_mut(endpoint);
        let is_proved = end.is_some_and(|end| {
            let is_it = end.link == Some(link);
            end.link = end.link.filter(|_| !is_it);
            is_it
        });
        Some((endpoint, is_proved))
    }

    /// Forgets an attempt. Returns its endpoint.
    pub(super) fn forget_attempt(&mut self, link: LinkId) -> Option<Endpoint> {
        self.links.remove(&link).map(|state| state.remote())
    }

    /// Only a link changed, which may have data to send: answers to pings, and data that waited for its window.
    fn flush_later(&mut self, link: LinkId) {
        self.unflushed = match self.unflushed {
            Unflushed::Nothing => Unflushed::One(link),
            Unflushed::One(other) if other == link => Unflushed::One(link),
            _ => Unflushed::All,
        };
    }

    /// Any link may have data to send.
    pub(super) fn flush_all_later(&mut self) {
        self.unflushed = Unflushed::All;
    }

    /// The links that may have data to send, since the last call.
    pub(super) fn take_unflushed(&mut self) -> Unflushed {
        core::mem::take(&mut self.unflushed)
    }

    /// Sends due data over a link.
    pub(super) fn flush(&mut self, own: &mut Own, link: LinkId) {
        if let Some(state) = self.links.get_mut(&link) {
            flush(own, link, state);
        }
    }

    /// Sends due data over any link.
    pub(super) fn flush_all(&mut self, own: &mut Own) {
        for (&link, state) in &mut self.links {
            flush(own, link, state);
        }
    }

    /// Queues a lane's datagram, whose first `stream` bytes name its stream.
    pub(super) fn queue_datagram(&mut self, link: LinkId, bytes: Vec<u8>, stream: usize) {
        if let Some(state) = self.links.get_mut(&link) {
            state.queue_datagram(bytes, stream);
            self.flush_later(link);
        }
    }

    /// Sends due pings.
    pub(super) fn handle_timeout(&mut self, own: &Own) {
        // Soon all links are pinged at the same moment, and the machine wakes up once for them.
        let ahead = if self.links.values().any(|link| link.is_ping_due(own.time())) {
            own.config.ping_interval / 2
        } else {
            Duration::ZERO
        };
        self.links.values_mut().for_each(|link| link.handle_timeout(own.now, ahead));
    }

    /// The time of the next ping, or report of silence.
    pub(super) fn poll_timeout(&self, own: &Own) -> Option<Time> {
        let mut earliest = None;
        for (&id, link) in &self.links {
            earliest = earliest.into_iter().chain(link.poll_timeout()).min();
            // A ping is due before that nearly always, so nothing is looked up.
            let (stale_at, gone_at) = (link.stale_at(), link.heard() + own.config.gone_after);
            if earliest.is_some_and(|at| at <= gone_at && stale_at.is_none_or(|stale_at| at <= stale_at)) {
                continue;
            }
            let is_stale = own.people.state(link.remote()) == Some(LinkState::Stale);
            let silence = if is_stale { Some(gone_at) } else { stale_at };
            earliest = earliest.into_iter().chain(self.owner(id).and(silence)).min();
        }
        earliest
    }

    /// Whether an endpoint was silent for so long that it may be cut off.
    pub(super) fn is_cut_off(&self, now: Time, endpoint: Endpoint) -> bool {
        self.of(endpoint).is_none_or(|link| link.is_stale(now))
    }

    /// Whether the link to an endpoint was silent for so long that another is tried.
    pub(super) fn is_silent(&self, own: &Own, endpoint: Endpoint) -> bool {
        let Some(end) = self.ends.get(endpoint) else { return false };
        let Some(heard) = self.of(endpoint).map(Link::heard) else { return false };
        let now = own.time();
        let unanswered = |since: Time| heard < since && now >= since + own.config.answer_within;
        now.since(heard) >= own.config.resume_after || end.suspect.is_some_and(unanswered)
    }

    /// Whether an endpoint has a link that is not silent.
    pub(super) fn is_alive(&self, own: &Own, endpoint: Endpoint) -> bool {
        self.is_linked(endpoint) && !self.is_silent(own, endpoint)
    }

    /// Whether a session with an endpoint waits for resumption.
    pub(super) fn is_resuming(&self, own: &Own, endpoint: Endpoint) -> bool {
        let waits = self.session(endpoint).is_some() && !self.is_linked(endpoint);
        waits || self.is_silent(own, endpoint)
    }

    /// Requires an answer within a moment from links with such paths. Returns their endpoints.
    pub(super) fn doubt(&mut self, own: &Own, is_doubted: impl Fn(LinkPath) -> bool) -> Vec<Endpoint> {
        let doubted =
            self.linked().filter(|endpoint| self.of(*endpoint).is_some_and(|link| is_doubted(link.path())));
        let doubted: Vec<Endpoint> = doubted.collect();
        for &endpoint in &doubted {
            let Some(end) = self.ends.get_mut(endpoint) else { continue };
            end.suspect = Some(own.time());
            self.of_mut(endpoint).into_iter().for_each(|link| link.ping_now(own.now));
        }
        doubted
    }

    /// Number of links and attempts.
    pub(super) fn count(&self) -> usize {
        self.links.len()
    }
}

fn flush(own: &mut Own, link: LinkId, state: &mut Link) {
    while let Some((channel, bytes)) = state.flush() {
        own.effect(Effect::Send { link, channel, bytes });
    }
}
