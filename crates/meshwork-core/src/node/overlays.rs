//! The node's side of overlays: seeking and dropping members, and payloads that travel along routes.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use super::introductions::Way;
use super::peer::Source;
use super::rooms::Entry;
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::message::{Detach, DetachReason, GoodbyeReason, LinkMessage};
use crate::overlay::maker::Maker;
use crate::overlay::message::{LINK_VERSION, OverlayMessage, Routed, Tag, route};
use crate::overlay::{Candidate, Face, LinkFacts, OverlayView};
use crate::room::message::RoomMessage;
use crate::seam::event::{LinkState, Refusal, RoomHandle, RoomRefusal};
use crate::seam::io::ServerId;
use crate::signalling::announce;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::Announcement;
use crate::time::Time;

impl Node {
    /// How the room's overlay looks from here; `None` until its genesis is known.
    pub fn overlay(&self, room: RoomHandle) -> Option<OverlayView> {
        Some(self.rooms.get(&room)?.room.as_ref()?.overlay())
    }

    /// How many links this endpoint keeps at most from here on where members keep some each (see
    /// [`Config::links_most`](super::Config::links_most)). Links beyond that are given up one after another.
    pub fn set_links_most(&mut self, now: Time, most: usize) {
        self.advance(now);
        self.config.links_most = most;
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            room.set_links_most(most);
        }
        self.settle();
    }

    /// Hands in what makes overlays, where the node began without.
    pub fn set_overlays(&mut self, now: Time, maker: Maker) {
        self.advance(now);
        self.overlays = Some(maker);
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            room.set_maker(room.present(self.now), maker);
        }
        self.settle();
    }

    /// What is known of an endpoint that is about to be attached.
    pub(super) fn face(&self, endpoint: Endpoint) -> Face {
        let peer = self.peers.get(&endpoint);
        let link = peer.and_then(|peer| self.links.get(&peer.link?));
        Face {
            introduction: peer.and_then(|peer| peer.announcement.as_ref()).map(Introduction::from),
            speaks: link.is_some_and(|link| link.facts().version >= LINK_VERSION),
        }
    }

    /// Lets overlays do what is due.
    pub(super) fn handle_overlay_timeouts(&mut self) {
        let (peers, links, now) = (&self.peers, &self.links, self.now.time);
        let facts = |endpoint: Endpoint| {
            let link: Option<&Link> = peers.get(&endpoint).and_then(|peer| links.get(&peer.link?));
            LinkFacts { rtt: link.and_then(Link::rtt), stale: link.is_none_or(|link| link.is_stale(now)) }
        };
        for room in self.rooms.values_mut().filter_map(|entry| entry.room.as_mut()) {
            if room.is_linking_due(now) {
                room.handle_linking_timeout(room.present(self.now), &facts);
            }
        }
    }

    /// A server names so many members of a room.
    pub(super) fn handle_sighted(&mut self, handle: RoomHandle, members: usize) {
        let now = self.now;
        if let Some(room) = self.open_room_mut(handle) {
            room.handle_sighted(room.present(now), members);
        }
    }

    /// Leaves a member that somebody named to the room's overlay, where that chooses. Returns whether it does.
    pub(super) fn leave_to_overlay(
        &mut self,
        handle: RoomHandle,
        announcement: &Announcement,
        source: Source,
    ) -> bool {
        let now = self.now;
        let endpoint = announcement.endpoint;
        let is_attached = self.peers.get(&endpoint).is_some_and(|peer| peer.is_attached(handle));
        if self.links_everybody(handle) {
            return false;
        }
        if !is_attached && source != Source::Overlay {
            let introducer = source.neighbour();
            let route = introducer.iter().map(Tag::of).collect();
            self.introductions.hear(handle, announcement);
            let Some(room) = self.open_room_mut(handle) else { return true };
            let candidate = Candidate { introduction: announcement.into(), introducer, route };
            room.handle_candidate(room.present(now), candidate);
        }
        // What waits to resume a session with it goes on; anything else begins when the overlay says so.
        source != Source::Overlay && !self.is_resuming(endpoint)
    }

    /// A member that was left to the overlay seeks us: it is known from here on.
    pub(super) fn recall(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        let is_known = self.peers.get(&endpoint).is_some_and(|peer| peer.announcement.is_some());
        if !is_known
            && let Some(announcement) = self.introductions.heard(handle, endpoint)
            && announce::verify(&announcement)
        {
            self.know(handle, &announcement);
        }
    }

    /// The overlay wants a link to a member.
    pub(super) fn seek(&mut self, handle: RoomHandle, introduction: &Introduction, way: Vec<Tag>) {
        let announcement = introduction.announcement();
        let endpoint = announcement.endpoint;
        self.introductions.ways.insert((handle, endpoint), way);
        self.learn(handle, &announcement, Source::Overlay);
        let Some(peer) = self.peers.get_mut(&endpoint).filter(|peer| peer.announcement.is_some()) else {
            return self.handle_unreachable(handle, endpoint);
        };
        if peer.link.is_none() && !self.is_trying(endpoint) {
            let now = self.now.time;
            if let Some(peer) = self.peers.get_mut(&endpoint) {
                peer.next_try = Some(now);
            }
            self.try_link(endpoint);
        }
    }

    /// The overlay does not want it any more.
    pub(super) fn unseek(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        self.introductions.ways.remove(&(handle, endpoint));
        self.note_distant(handle, endpoint);
        self.handle_absent(handle, endpoint, Source::Overlay);
    }

    /// A link that is sought cannot be made at present.
    pub(super) fn handle_unreachable(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        let now = self.now;
        if let Some(room) = self.open_room_mut(handle) {
            room.handle_unreachable(room.present(now), endpoint);
        }
    }

    /// A member is no neighbour, by choice of either end or since one has no place for the other, and stays in the room.
    pub(super) fn note_distant(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.distant.insert(handle);
        }
    }

    /// There is no place for an endpoint. That is a refusal where everybody is linked to everybody alone: in other
    /// overlays it happens all the time that somebody has as many neighbours as it keeps.
    pub(super) fn refuse_full(&mut self, handle: RoomHandle, from: Endpoint, detail: &str) {
        self.note_distant(handle, from);
        if self.links_everybody(handle) {
            self.refuse(Some(from), Refusal::RoomFull, String::from(detail));
        }
    }

    fn links_everybody(&mut self, handle: RoomHandle) -> bool {
        self.open_room_mut(handle).is_none_or(|room| room.is_full_mesh())
    }

    /// A member has no place for us as a neighbour: the overlay looks for another.
    pub(super) fn handle_no_place(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        if self.links_everybody(handle) {
            return;
        }
        self.handle_unreachable(handle, endpoint);
        self.close_unused(endpoint, "it has as many neighbours as it keeps");
    }

    /// A member says that the room is full: [`Node::judge_full_rooms`] looks at it again when others may have taken us
    /// in.
    pub(super) fn handle_full(&mut self, handle: RoomHandle, from: Endpoint) {
        let now = self.now.time;
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        if entry.full.len() < FULL_SAYERS && entry.full.insert(from) && entry.full.len() == FULL_SAYERS {
            entry.full_since = Some(now);
        }
    }

    /// Gives up rooms that are full. One whose members take in nobody else, a full mesh, is full where so many say so
    /// and nobody has taken us in after a while; of members that keep some links each another one soon has a place.
    pub(super) fn judge_full_rooms(&mut self) {
        let now = self.now.time;
        let is_due = |entry: &Entry| entry.full_judged().is_some_and(|at| at <= now);
        let due = self.rooms.iter().filter(|(_, entry)| is_due(entry)).map(|(&handle, _)| handle);
        for handle in due.collect::<Vec<RoomHandle>>() {
            if self.peers.values().any(|peer| peer.is_attached(handle)) {
                let Some(entry) = self.rooms.get_mut(&handle) else { continue };
                entry.full.clear();
                entry.full_since = None;
            } else {
                let detail = format!("{FULL_SAYERS} of its members say so");
                self.refuse_room(handle, RoomRefusal::Full(detail));
            }
        }
    }

    /// When rooms that so many called full are looked at again.
    pub(super) fn full_deadlines(&self) -> impl Iterator<Item = Time> {
        self.rooms.values().filter_map(Entry::full_judged)
    }

    /// A server knows no such member any more: it left without anybody being told.
    pub(super) fn handle_no_such_member(&mut self, handle: RoomHandle, endpoint: Endpoint, server: ServerId) {
        self.handle_absent(handle, endpoint, Source::Server(server));
        self.handle_unreachable(handle, endpoint);
    }

    /// An attempt came to nothing: every room that sought this endpoint looks for another.
    pub(super) fn handle_unreachable_everywhere(&mut self, endpoint: Endpoint) {
        let rooms: Vec<RoomHandle> = self.rooms.keys().copied().collect();
        for handle in rooms {
            self.handle_unreachable(handle, endpoint);
        }
    }

    /// The overlay gives a neighbour up. It stays a member.
    pub(super) fn drop_neighbour(&mut self, handle: RoomHandle, endpoint: Endpoint, why: &str) {
        let Some(room) = self.rooms.get(&handle).and_then(super::rooms::Entry::id) else { return };
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.distant.insert(handle);
        peer.remove_room(handle);
        peer.attached.retain(|_, attached| *attached != handle);
        peer.reattaching.remove(&handle);
        peer.sent_attach.remove(&handle);
        let link = peer.link;
        self.introductions.ways.remove(&(handle, endpoint));
        self.detach(handle, endpoint);
        let Some(link) = link else { return };
        if let Some(state) = self.links.get_mut(&link) {
            state.send(&LinkMessage::Detach(Detach { room, reason: DetachReason::Left }));
        }
        self.close_unused(endpoint, &format!("no neighbour any more: {why}"));
    }

    /// The overlay became another one. A full mesh links to everybody who is known; any other chooses among them, and
    /// links over which nobody was attached are of no use to it.
    pub(super) fn relink(&mut self, handle: RoomHandle) {
        let unattached = self.peers.iter().filter(|(_, peer)| !peer.is_attached(handle));
        let unattached: Vec<Endpoint> = unattached.map(|(&endpoint, _)| endpoint).collect();
        let links_everybody = self.links_everybody(handle);
        for endpoint in unattached {
            let Some(peer) = self.peers.get(&endpoint) else { continue };
            let is_known = peer.present_rooms().any(|room| room == handle);
            let is_elsewhere = peer.present_rooms().any(|room| room != handle);
            if !links_everybody {
                if !is_elsewhere {
                    self.close_unused(endpoint, UNSOUGHT);
                }
                self.offer_to_overlay(handle, endpoint);
            } else if is_known {
                self.try_known(endpoint);
            }
        }
    }

    /// Begins to link to an endpoint now, unless there is a link or an attempt.
    fn try_known(&mut self, endpoint: Endpoint) {
        let now = self.now.time;
        let is_trying = self.is_trying(endpoint);
        if let Some(peer) = self.peers.get_mut(&endpoint).filter(|peer| peer.link.is_none() && !is_trying) {
            peer.next_try = Some(now);
            self.try_link(endpoint);
        }
    }

    /// Names a member to the overlay as all did who named it to us.
    fn offer_to_overlay(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        let Some(peer) = self.peers.get(&endpoint) else { return };
        let Some(announcement) = peer.announcement.clone() else { return };
        for source in peer.sources(handle).collect::<Vec<Source>>() {
            self.leave_to_overlay(handle, &announcement, source);
        }
    }

    /// Closes the link to an endpoint where no room uses it, nor is about to, and says why.
    fn close_unused(&mut self, endpoint: Endpoint, why: &str) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let is_used =
            !peer.attached.is_empty() || !peer.sent_attach.is_empty() || !peer.reattaching.is_empty();
        let Some(link) = peer.link.filter(|_| !is_used) else { return };
        peer.next_try = None;
        self.close_link(link, Some(GoodbyeReason::Unused));
        self.set_state(endpoint, LinkState::Gone, Some(String::from(why)));
    }

    /// The way to an endpoint over neighbours that are alive, and the rest of it.
    pub(super) fn way_along(&self, handle: RoomHandle, to: Endpoint) -> Option<Way> {
        let tags = self.introductions.ways.get(&(handle, to))?;
        let (next, rest) = self.next_of(handle, tags)?;
        Some(Way::Route(next, rest.to_vec()))
    }

    /// The last on a route that is a neighbour, so that who left meanwhile is passed by; and who comes after it.
    fn next_of<'a>(&self, handle: RoomHandle, tags: &'a [Tag]) -> Option<(Endpoint, &'a [Tag])> {
        let living = self.live_neighbours(handle, None);
        let by_tag = |tag: &Tag| living.iter().copied().find(|one| Tag::of(one) == *tag);
        tags.iter().enumerate().rev().find_map(|(place, tag)| Some((by_tag(tag)?, &tags[place + 1..])))
    }

    /// Sends a payload along a route that begins after `next`.
    pub(super) fn send_along(
        &mut self,
        handle: RoomHandle,
        to: Endpoint,
        next: Endpoint,
        rest: &[Tag],
        payload: Vec<u8>,
    ) {
        let from = Introduction::from(&self.announcement);
        let Some(rest) = route(rest.iter().copied()) else { return };
        let payload = crate::wire::Bytes::new(payload).expect("a sealed payload is within its limit");
        let routed = Routed { route: rest, path: crate::wire::Bounded::default(), from, to, payload };
        self.send_to_member(handle, next, RoomMessage::Overlay(OverlayMessage::Routed(Box::new(routed))));
    }

    /// A neighbour hands over a payload that travels along a route.
    pub(super) fn handle_routed(&mut self, handle: RoomHandle, neighbour: Endpoint, routed: Routed) {
        let now = self.now.time;
        let origin = routed.from.endpoint;
        let came = routed.path.last().copied().unwrap_or_else(|| Tag::of(&origin));
        if came != Tag::of(&neighbour) {
            let detail = String::from("a payload that did not come its way");
            return self.handle_offence(neighbour, Refusal::Message, detail);
        }
        if !self.peers.get_mut(&neighbour).is_some_and(|peer| peer.carried.count(now)) {
            let detail = String::from("it has more payloads carried than are allowed in a minute");
            return self.refuse(Some(neighbour), Refusal::TooManyAttempts, detail);
        }
        if origin == self.me || self.introductions.is_seen(&routed.payload) {
            return;
        }
        if routed.to == self.me {
            return self.take_routed(handle, neighbour, &routed);
        }
        let (to, mut path) = (routed.to, routed.path.into_inner());
        path.push(Tag::of(&self.me));
        let Some(path) = route(path) else { return };
        let next = if self.can_carry(handle, to) {
            Some((to, Vec::new()))
        } else {
            self.next_of(handle, &routed.route).map(|(next, rest)| (next, rest.to_vec()))
        };
        if let Some((next, rest)) = next.filter(|(next, _)| *next != neighbour)
            && let Some(rest) = route(rest)
        {
            let routed = Routed { route: rest, path, ..routed };
            self.send_to_member(handle, next, RoomMessage::Overlay(OverlayMessage::Routed(Box::new(routed))));
        }
    }

    /// A payload for us came along a route: its way back is the way to answer.
    fn take_routed(&mut self, handle: RoomHandle, neighbour: Endpoint, routed: &Routed) {
        let announcement = routed.from.announcement();
        let origin = announcement.endpoint;
        let known = self.peers.get(&origin).and_then(|peer| peer.announcement.as_ref());
        if known != Some(&announcement) && !announce::verify(&announcement) {
            let detail = format!("it carries a payload of {origin} with a key that {origin} did not sign");
            return self.handle_offence(neighbour, Refusal::SealingKey, detail);
        }
        if !self.peers.contains_key(&origin) && !self.counts_introduction(neighbour) {
            return;
        }
        let back: Vec<Tag> = routed.path.iter().rev().copied().collect();
        if self.know(handle, &announcement) {
            self.introductions.remember_way(handle, origin, back);
            self.handle_sealed_signal(handle, origin, &routed.payload, Source::Neighbour(neighbour));
        }
    }

    /// Whom an overlay does not seek, or not any more, is listed no longer, and nobody is told that a link to it is made.
    pub(super) fn forget_unsought(&mut self) {
        let rooms = &self.rooms;
        let mut untried = Vec::new();
        for (&endpoint, peer) in &mut self.peers {
            let is_idle = peer.link.is_none() && peer.trying.is_empty() && peer.session.is_none();
            if !is_idle || !peer.is_listed() && peer.state != LinkState::Connecting {
                continue;
            }
            let is_sought = |handle: &RoomHandle| {
                let room = rooms.get(handle).and_then(|entry| entry.room.as_ref());
                room.is_none_or(|room| room.is_full_mesh() || room.wants_link(endpoint))
            };
            let unsought: Vec<RoomHandle> =
                peer.rooms.iter().copied().filter(|room| !is_sought(room)).collect();
            for &room in &unsought {
                peer.remove_room(room);
                peer.distant.insert(room);
                peer.next_try = None;
            }
            if peer.state == LinkState::Connecting && unsought.len() == peer.rooms.len() {
                untried.push(endpoint);
            }
        }
        for endpoint in untried {
            self.abandon(endpoint, UNSOUGHT);
        }
    }

    /// Forgets the ways to those of whom nothing is known any more.
    pub(super) fn forget_ways(&mut self) {
        let peers = &self.peers;
        self.introductions.ways.retain(|(_, to), _| peers.contains_key(to));
    }
}

/// Why there is no link to a member to whom an overlay wants none.
pub(super) const UNSOUGHT: &str = "is linked through others";
/// Members that must say that a room is full: nearly all of a full mesh, since one of them may be silent.
pub(super) const FULL_SAYERS: usize = crate::seam::config::ROOM_ENDPOINTS_MAX - 4;
/// For how long they say so: where many come at once, all of a sample may have no place for a moment in another
/// overlay, until those who came just before are settled.
pub(super) const FULL_AFTER: Duration = Duration::from_secs(5);
/// Ways that are remembered: one to each endpoint that is known.
pub(super) const WAYS_MAX: usize = super::PEERS_MAX;
