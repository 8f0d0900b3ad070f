//! Making and ending links: known endpoints, offers, the ways of signals, and attempts.
//!
//! It calls links, rooms and servers. The node forwards their events to it. It knows nothing of batches, rules and
//! replicas.

mod attempt;
mod attempts;
mod by_hand;
mod by_hand_attempt;
mod carrying;
mod introducing;
mod known;
mod moves;
mod offers;
mod signals;
mod unlinking;
mod visiting;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) use self::attempt::ASK_LATER;
#[cfg(test)]
pub(super) use self::attempt::LINK_VERSIONS;
use self::attempt::{ASK_DELAY, UNSOUGHT};
use self::attempts::Attempts;
use self::carrying::Carrying;
pub(super) use self::introducing::handle_ask_introductions;
pub(super) use self::known::{Known, Source};
pub(super) use self::moves::{linked_state, path_words};
pub(super) use self::unlinking::wants_proved;
use self::visiting::Visits;
pub(super) use self::visiting::compare_with;
use super::common::PEERS_MAX;
use super::lower_parts::Base;
use super::rooms::{Entry, send_detach, shut_out, with_access_at_last, without_access};
use crate::id::Endpoint;
use crate::links::message::DetachReason;
use crate::overlay::Candidate;
use crate::overlay::message::Tag;
use crate::seam::event::{Event, LinkState, Refusal, RoomHandle};
use crate::signalling::announce;
use crate::signalling::protocol::Announcement;
use crate::time::Time;

/// The known endpoints, the attempts, and the payloads carried for others.
#[derive(Debug, Default)]
pub(super) struct Connecting {
    attempts: Attempts,
    carrying: Carrying,
    visits: Visits,
}

impl Connecting {
    /// Attempts, and how links end.
    pub(super) fn attempts(&mut self) -> &mut Attempts {
        &mut self.attempts
    }

    /// Number of attempts under way.
    pub(super) fn pending(&self) -> usize {
        self.attempts.count()
    }

    /// A room was left.
    pub(super) fn forget_room(&mut self, base: &mut Base, room: RoomHandle) {
        self.carrying.forget_room(room);
        self.visits.forget_room(room);
        for link in self.attempts.those(|attempt| attempt.room == room && attempt.by_hand.is_some()) {
            self.attempts.drop_attempt(base, link);
        }
    }

    /// A source lists an endpoint in a room, with its sealing key.
    pub(super) fn learn(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        announcement: &Announcement,
        source: Source,
    ) {
        let endpoint = announcement.endpoint;
        if endpoint == base.own.me || self.leave_to_overlay(base, room, announcement, source) {
            return;
        }
        if base.known.announcement(endpoint) != Some(announcement) && !announce::verify(announcement) {
            let detail = format!("the sealing key that {source} hands out is not signed by this peer");
            return base.own.refuse(Some(endpoint), Refusal::SealingKey, detail);
        }
        if !self.know(base, room, announcement) {
            return;
        }
        let (resumes, now) = (base.links.is_resuming(&base.own, endpoint), base.own.time());
        let offers = base.own.me > endpoint || resumes;
        // Attempts to resume a session were offered while nobody could carry them.
        let is_trying = self.attempts.is_trying(base, endpoint) && !resumes;
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        let is_news = peer.add_source(room, source);
        if base.links.is_linked(endpoint) {
            self.visits.attach(base, endpoint, room);
        } else if is_news && !is_trying {
            peer.next_try = Some(if offers { now } else { now + ASK_DELAY });
            self.try_link(base, endpoint);
        }
    }

    /// Enters an announcement with a valid signature into the table of known endpoints. Returns whether there is space.
    pub(super) fn know(&mut self, base: &mut Base, room: RoomHandle, announcement: &Announcement) -> bool {
        let endpoint = announcement.endpoint;
        if !base.known.contains(endpoint) && !self.enter(base, endpoint) {
            return false;
        }
        if let Some(peer) = base.known.get_mut(endpoint) {
            peer.announcement = Some(announcement.clone());
            peer.rooms.insert(room);
        }
        true
    }

    /// Enters an endpoint into the table of known endpoints, if there is space.
    fn enter(&mut self, base: &mut Base, endpoint: Endpoint) -> bool {
        if base.known.is_full() && !self.forget_least(base) {
            let detail = format!("{PEERS_MAX} endpoints are known already");
            base.own.refuse(Some(endpoint), Refusal::TooManyAttempts, detail);
            return false;
        }
        let now = base.own.time();
        base.known.insert(now, endpoint);
        base.own.people.insert(now, endpoint);
        base.links.insert_endpoint(endpoint);
        base.rooms.attachments_mut().insert_endpoint(now, endpoint);
        base.own.event(Event::Link { endpoint, state: LinkState::Connecting, reason: None });
        base.keep_unlinked(endpoint);
        true
    }

    /// Forgets one of the endpoints without link and attempt. False if there is none.
    fn forget_least(&mut self, base: &mut Base) -> bool {
        let Some(least) = base.known.least(base) else { return false };
        base.own.set_state(least, LinkState::Gone, Some(String::from("gave way to others")));
        self.forget(base, &[least]);
        true
    }

    fn forget(&mut self, base: &mut Base, endpoints: &[Endpoint]) {
        for &endpoint in endpoints {
            base.known.remove(endpoint);
            base.own.people.remove(endpoint);
            base.links.remove_endpoint(endpoint);
            base.rooms.attachments_mut().remove_endpoint(endpoint);
        }
        if !endpoints.is_empty() {
            self.carrying.forget_ways(&base.known);
        }
    }

    /// Leaves a member that a source named to the room's overlay, if that chooses. Returns whether it does.
    fn leave_to_overlay(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        announcement: &Announcement,
        source: Source,
    ) -> bool {
        let endpoint = announcement.endpoint;
        if base.rooms.links_everybody(room) {
            return false;
        }
        if !base.rooms.attachments().is_attached(endpoint, room) && source != Source::Overlay {
            let introducer = source.neighbour();
            let route = introducer.iter().map(Tag::of).collect();
            self.carrying.hear(room, announcement);
            let candidate = Candidate { introduction: announcement.into(), introducer, route };
            if let Some((open, now)) = base.rooms.room_mut(&base.own, room) {
                open.handle_candidate(now, candidate);
            }
        }
        // Attempts to resume a session go on; anything else begins when the overlay wants it.
        source != Source::Overlay && !base.links.is_resuming(&base.own, endpoint)
    }

    /// The overlay wants a link to a member.
    pub(super) fn seek(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        announcement: &Announcement,
        way: Vec<Tag>,
    ) {
        let endpoint = announcement.endpoint;
        self.carrying.set_way(room, endpoint, way);
        self.learn(base, room, announcement, Source::Overlay);
        if base.known.announcement(endpoint).is_some() {
            self.try_now(base, endpoint);
        } else {
            base.rooms.handle_unreachable(&base.own, room, endpoint);
        }
    }

    /// The overlay does not want it any more.
    pub(super) fn unseek(&mut self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
        self.carrying.forget_way(room, endpoint);
        base.rooms.attachments_mut().note_distant(room, endpoint);
        self.attempts.handle_absent(base, room, endpoint, Source::Overlay);
    }

    /// The overlay drops a neighbour, which stays a member.
    pub(super) fn drop_neighbour(
        &mut self,
        base: &mut Base,
        room: RoomHandle,
        endpoint: Endpoint,
        why: &str,
    ) {
        let Some(id) = base.rooms.get(room).and_then(Entry::id) else { return };
        base.rooms.attachments_mut().note_distant(room, endpoint);
        base.known.unlist(endpoint, room);
        // A visited member receives the visit first: its messages meanwhile are for the visit.
        let reason = if self.visits.begin_again(base, room, endpoint) {
            DetachReason::Full
        } else {
            base.rooms.attachments_mut().unattach(room, endpoint);
            DetachReason::Left
        };
        detach(self, base, room, endpoint);
        send_detach(&mut base.links, endpoint, id, reason);
        self.attempts.close_unused(base, endpoint, &format!("no neighbour any more: {why}"));
    }

    /// The overlay was replaced. A full mesh links to every known member; any other chooses among them, and links
    /// without an attached member are useless to it.
    pub(super) fn relink(&mut self, base: &mut Base, room: RoomHandle) {
        let mut unattached = base.known.endpoints();
        unattached.retain(|endpoint| !base.rooms.attachments().is_attached(*endpoint, room));
        let links_everybody = base.rooms.links_everybody(room);
        for endpoint in unattached {
            let (is_listed, is_elsewhere) = base.known.is_listed(endpoint, room);
            if links_everybody && is_listed && base.links.is_linked(endpoint) {
                self.visits.attach(base, endpoint, room);
            } else if links_everybody && is_listed {
                self.try_now(base, endpoint);
            } else if !links_everybody {
                if !is_elsewhere {
                    self.attempts.close_unused(base, endpoint, UNSOUGHT);
                }
                self.offer_to_overlay(base, room, endpoint);
            }
        }
    }

    /// Names a member to the overlay for each of its sources.
    fn offer_to_overlay(&mut self, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
        let Some(announcement) = base.known.announcement(endpoint).cloned() else { return };
        let sources: Vec<Source> =
            base.known.get(endpoint).map(|peer| peer.sources(room).collect()).unwrap_or_default();
        for source in sources {
            self.leave_to_overlay(base, room, &announcement, source);
        }
    }

    /// Begins to link to an endpoint now, unless there is a link or an attempt.
    fn try_now(&mut self, base: &mut Base, endpoint: Endpoint) {
        if base.known.contains(endpoint)
            && !base.links.is_linked(endpoint)
            && !self.attempts.is_trying(base, endpoint)
        {
            base.known.try_at(endpoint, Some(base.own.time()));
            self.try_link(base, endpoint);
        }
    }

    /// Tries due links and forgets endpoints that are long gone.
    pub(super) fn handle_known_timeouts(&mut self, base: &mut Base) {
        let now = base.own.time();
        for endpoint in base.known.those(|peer| peer.next_try.is_some_and(|at| at <= now)) {
            self.try_link(base, endpoint);
        }
        self.forget_unsought(base);
        let gone = base.known.long_gone(base);
        self.forget(base, &gone);
    }

    /// Removes members that an overlay does not want from the lists, without an event about a new link.
    fn forget_unsought(&mut self, base: &mut Base) {
        let mut untried = Vec::new();
        let mut unsought = Vec::new();
        for (endpoint, peer, is_bound, person) in base.known.all(base) {
            let is_connecting = person.state == LinkState::Connecting;
            if !peer.is_idle(is_bound) || !peer.is_listed() && !is_connecting {
                continue;
            }
            let is_sought = |handle: &RoomHandle| {
                self.visits.contains(*handle, endpoint)
                    || base.rooms.room(*handle).is_none_or(|room| {
                        room.membership().is_full_mesh() || room.membership().wants_link(endpoint)
                    })
            };
            let rooms: Vec<RoomHandle> = peer.rooms.iter().copied().filter(|room| !is_sought(room)).collect();
            if is_connecting && rooms.len() == peer.rooms.len() {
                untried.push(endpoint);
            }
            if !rooms.is_empty() {
                unsought.push((endpoint, rooms));
            }
        }
        for (endpoint, rooms) in unsought {
            for room in rooms {
                base.known.unlist(endpoint, room);
                base.rooms.attachments_mut().note_distant(room, endpoint);
            }
            base.known.try_at(endpoint, None);
        }
        for endpoint in untried {
            self.attempts.abandon(base, endpoint, UNSOUGHT);
        }
    }

    /// The next due time about missing links.
    pub(super) fn poll_timeout(&self, base: &Base) -> Option<Time> {
        let attempts = self.attempts.poll_timeout(&base.own, &base.links);
        let visits = self.visits.poll_timeout(base);
        attempts.into_iter().chain(base.known.poll_timeout(base)).chain(visits).min()
    }
}

/// An endpoint is no longer a neighbour in a room.
fn detach(connecting: &mut Connecting, base: &mut Base, room: RoomHandle, endpoint: Endpoint) {
    connecting.carrying.forget_way(room, endpoint);
    connecting.attempts.detach(base, room, endpoint);
}

/// The records or a secret changed: announces us to members that attached too early and now have access.
pub(super) fn attach_let_in(connecting: &mut Connecting, base: &mut Base, room: RoomHandle) {
    for endpoint in with_access_at_last(&base.rooms, &base.links, room) {
        connecting.visits.attach(base, endpoint, room);
    }
}

/// The records changed: detaches members that lost access.
pub(super) fn detach_shut_out(connecting: &mut Connecting, base: &mut Base, room: RoomHandle) {
    let Some(id) = base.rooms.get(room).and_then(Entry::id) else { return };
    for (endpoint, reason) in without_access(&base.rooms, &base.links, room) {
        connecting.visits().0.forget(base, room, endpoint);
        let attachments = base.rooms.attachments();
        let (number, renewed) = (attachments.number(endpoint, room), attachments.renewed(endpoint, room));
        if reason == DetachReason::Proof {
            shut_out(&mut base.rooms, &base.own, room, endpoint);
        }
        // Other sources may still list it: it is tried again when another record admits it.
        base.rooms.attachments_mut().unattach(room, endpoint);
        detach(connecting, base, room, endpoint);
        send_detach(&mut base.links, endpoint, id, reason);
        let why = "it has no access to the room any more";
        base.links.end_direct_in(&mut base.own, endpoint, room.0, why);
        if reason == DetachReason::Unsure {
            base.rooms.attachments_mut().note_unsure(room, endpoint, number, renewed);
        } else {
            connecting.attempts.close_unused(base, endpoint, why);
        }
    }
}
