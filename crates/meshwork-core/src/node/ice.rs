//! Which servers help connections to find a path, when relays are used, and how links move to a better path.
//!
//! # How it works
//! Each server hands out STUN and TURN servers for a room it has let us into; they are asked for again before they
//! lapse, and used until then, whether the server is there or not. A connection is first looked for without a relay.
//! When none is up [`Config::relay_after`](super::Config::relay_after) after both ends described themselves, the
//! offerer offers anew, with relays; the answerer asks for that when the offerer does not, which may know of no relay.
//! So only the pair that needs a relay costs one. Who hides its address uses relays alone, at once.
//!
//! A link that should have another path is replaced by a new connection under the same session, which loses nothing:
//! a relayed one looks for a direct path again and again, ever more rarely; a direct one of somebody who begins to
//! hide goes over to a relay.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use super::attempts::ASK_LATER;
use super::peer::Peer;
use crate::id::{Endpoint, RoomId};
use crate::links::link::Link;
use crate::seam::description::{Candidate, CandidateKind, Role};
use crate::seam::event::{Refusal, RoomHandle};
use crate::seam::ice_server::{ICE_SERVERS_MAX, IceServer, check_servers};
use crate::seam::io::{LinkId, ServerId};
use crate::seam::path::{IceConfig, IcePolicy, LinkPath, NamedServer, Path, RelayedBecause};
use crate::signalling::protocol::FromClient;
use crate::signalling::sealing::SignalContent;
use crate::time::Time;

/// How long servers may be used at least and at most, whatever a server says.
const LASTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(24 * 60 * 60));

/// What a signalling server said of STUN and TURN servers for a room.
#[derive(Debug)]
pub(super) struct IceOffer {
    servers: Vec<NamedServer>,
    /// When to ask for them again; `None` when nothing of them lapses.
    renew: Option<Time>,
    /// How long after an unanswered question to ask again.
    again: Duration,
    until: Option<Time>,
}

/// Which kinds of candidates the other end of an attempt named.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named {
    direct: bool,
    relayed: bool,
}

impl Named {
    pub(super) fn add(&mut self, candidate: &Candidate) {
        match candidate.kind {
            CandidateKind::Relayed => self.relayed = true,
            CandidateKind::Host | CandidateKind::ServerReflexive => self.direct = true,
        }
    }

    /// Whether the other end seems to hide its address.
    pub(super) fn hides(self) -> bool {
        self.relayed && !self.direct
    }
}

impl Node {
    /// Hides this endpoint's address from others, or no longer does: links go over relays alone. Links that are up
    /// are replaced without a loss; what others have learned of the address before they know. Without a relay nobody
    /// can be reached then.
    pub fn set_hides_address(&mut self, now: Time, hides: bool) {
        self.advance(now);
        if core::mem::replace(&mut self.config.hides_address, hides) != hides {
            let endpoints: Vec<Endpoint> = self.peers.keys().copied().collect();
            for endpoint in endpoints {
                // What is under way looks for paths that are not wanted any more, or for too few.
                if self.is_trying(endpoint) {
                    self.drop_all_attempts(endpoint);
                    if let Some(peer) = self.peers.get_mut(&endpoint).filter(|peer| peer.link.is_none()) {
                        peer.next_try = Some(now);
                    }
                }
                self.plan_move(endpoint, Duration::ZERO);
                self.tell_path(endpoint);
            }
        }
        self.handle_peer_timeouts();
        self.handle_move_timeouts();
        self.settle();
    }

    /// Whether this endpoint hides its address.
    pub fn hides_address(&self) -> bool {
        self.config.hides_address
    }

    /// Whether a relay is known for a room, and may be used.
    pub fn knows_relay(&self, room: RoomHandle) -> bool {
        self.ice_servers(room).any(|server| server.ice.is_relay())
    }

    /// A server says which STUN and TURN servers are for us in a room.
    pub(super) fn handle_ice_servers(
        &mut self,
        server: ServerId,
        room: RoomId,
        servers: Vec<IceServer>,
        lasts_ms: u64,
    ) {
        if let Err(error) = check_servers(&servers) {
            return self.refuse(None, Refusal::Server, error.to_string());
        }
        let Some(handle) = self.room_on(server, room) else { return };
        let servers = self.take_servers(server, servers);
        let lasts = Duration::from_millis(lasts_ms).clamp(LASTS.0, LASTS.1);
        let lapses = servers.iter().any(|server| !server.ice.username.is_empty());
        let now = self.now.time;
        let offer = IceOffer {
            servers,
            renew: lapses.then(|| now + lasts * 3 / 4),
            again: lasts / 16,
            until: lapses.then(|| now + lasts),
        };
        if let Some(known) = self.rooms.get_mut(&handle).and_then(|entry| entry.registration(server)) {
            known.ice = Some(offer);
        }
    }

    /// The servers that are known for a room and may be used, those that lapsed left out.
    fn ice_servers(&self, room: RoomHandle) -> impl Iterator<Item = &NamedServer> {
        let (now, hides) = (self.now.time, self.config.hides_address);
        let offers = self.rooms.get(&room).into_iter().flat_map(|entry| &entry.registrations);
        let offers = offers.filter_map(|known| known.ice.as_ref());
        let offers = offers.filter(move |offer| offer.until.is_none_or(|until| until > now));
        let servers = offers.flat_map(|offer| &offer.servers);
        servers.filter(move |server| server.may_learn || !hides).take(ICE_SERVERS_MAX)
    }

    /// Which ways a connection that is begun now may look for.
    pub(super) fn ice_config(&self, endpoint: Endpoint, room: RoomHandle) -> IceConfig {
        let peer = self.peers.get(&endpoint);
        let is_alive = peer.is_some_and(|peer| peer.link.is_some()) && !self.is_silent(endpoint);
        let is_new = peer.is_some_and(|peer| !peer.needs_relay);
        let policy = if self.config.hides_address {
            IcePolicy::Relay
        } else if is_alive || is_new && self.knows_relay(room) {
            IcePolicy::Direct
        } else {
            IcePolicy::All
        };
        let servers = self.ice_servers(room).cloned().collect();
        IceConfig { policy, servers, nearest: self.nearest(room) }
    }

    /// Whether this end hides its address and knows no relay that would let it.
    pub(super) fn has_no_way_to_hide(&self, room: RoomHandle) -> bool {
        self.config.hides_address && !self.knows_relay(room)
    }

    /// Why a link is relayed, if it is.
    pub(super) fn relayed_because(&self, peer: &Peer, path: LinkPath) -> Option<RelayedBecause> {
        let because = if self.config.hides_address {
            RelayedBecause::WeHide
        } else if peer.they_hide {
            RelayedBecause::TheyHide
        } else {
            RelayedBecause::NoDirectPath
        };
        (path.kind() == Path::Relayed).then_some(because)
    }

    /// A connection is up that was begun to find a better path. Returns whether it is none, and was given up.
    pub(super) fn is_no_better(&mut self, link: LinkId, path: LinkPath) -> bool {
        if !self.attempts.get(&link).is_some_and(|attempt| attempt.moves) || self.config.hides_address {
            return false;
        }
        let Some(endpoint) = self.links.get(&link).map(Link::remote) else { return false };
        let present = self.peers.get(&endpoint).and_then(|peer| self.links.get(&peer.link?));
        let is_none =
            path.kind() == Path::Relayed && present.is_some_and(|link| link.path().kind() == Path::Relayed);
        if is_none {
            let hides = self.attempts.get(&link).is_some_and(|attempt| attempt.named.hides());
            self.note_hiding(endpoint, hides);
            self.drop_attempt(link);
        }
        is_none
    }

    /// An attempt fails. If it was to find a better path, it may have shown that the other end hides.
    pub(super) fn note_failed_move(&mut self, link: LinkId) {
        let hides = self.attempts.get(&link).is_some_and(|attempt| attempt.named.hides());
        if let (Some(endpoint), true) = (self.links.get(&link).map(Link::remote), hides) {
            self.note_hiding(endpoint, true);
        }
    }

    /// A linked endpoint hides its address, or does not. Who hides is not looked for in vain: it looks by itself when it
    /// no longer does.
    fn note_hiding(&mut self, endpoint: Endpoint, hides: bool) {
        let Some(peer) = self.peers.get_mut(&endpoint).filter(|peer| peer.link.is_some()) else { return };
        peer.they_hide = hides;
        peer.next_move = peer.next_move.filter(|_| !hides);
        self.tell_path(endpoint);
    }

    /// Plans to look for a better path for a link, after `pause` if one is wanted. At once it is also looked for where
    /// the other end hid when the link was made, which it may no longer do.
    pub(super) fn plan_move(&mut self, endpoint: Endpoint, pause: Duration) {
        let later = if self.me > endpoint { Duration::ZERO } else { ASK_LATER };
        let (now, hides) = (self.now.time, self.config.hides_address);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let path = peer.link.and_then(|link| self.links.get(&link)).map(|link| link.path().kind());
        peer.move_pause = pause;
        peer.next_move = match (path, hides) {
            (Some(Path::Direct), true) => Some(now),
            (Some(Path::Relayed), false) if !peer.they_hide || pause.is_zero() => Some(now + pause + later),
            _ => None,
        };
    }

    /// The link to an endpoint is up, or has another path: says so, and looks for a better one in time.
    pub(super) fn handle_path_known(&mut self, endpoint: Endpoint) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let Some(link) = peer.link.and_then(|link| self.links.get(&link)) else { return };
        peer.needs_relay = link.path().kind() == Path::Relayed;
        let pause = if peer.needs_relay { peer.move_pause } else { Duration::ZERO };
        self.plan_move(endpoint, pause.max(self.config.direct_again_least));
    }

    /// Deadlines of what this file has to do.
    pub(super) fn ice_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        let registrations = self.rooms.values().flat_map(|entry| &entry.registrations);
        let renewals =
            registrations.filter(|known| known.joined).filter_map(|known| known.ice.as_ref()?.renew);
        let relays = self.attempts.values().filter_map(|attempt| self.relay_due(attempt));
        renewals.chain(relays)
    }

    /// When an attempt is to be made again with relays.
    fn relay_due(&self, attempt: &super::Attempt) -> Option<Time> {
        let after = self.config.relay_after;
        Some(attempt.relay_from? + if attempt.is_answerer { after + ASK_LATER } else { after })
    }

    /// Renews what is about to lapse, uses relays where no direct path was found in time, and looks for better paths.
    pub(super) fn handle_ice_timeouts(&mut self) {
        self.renew_ice_servers();
        let now = self.now.time;
        let is_due = |attempt: &super::Attempt| self.relay_due(attempt).is_some_and(|due| due <= now);
        let due: Vec<LinkId> =
            self.attempts.iter().filter(|(_, attempt)| is_due(attempt)).map(|(&link, _)| link).collect();
        for link in due {
            self.use_relay(link);
        }
        self.handle_move_timeouts();
    }

    fn renew_ice_servers(&mut self) {
        let now = self.now.time;
        let mut wanted = Vec::new();
        for entry in self.rooms.values_mut() {
            let Some(room) = entry.id() else { continue };
            for known in entry.registrations.iter_mut().filter(|known| known.joined) {
                let Some(offer) = &mut known.ice else { continue };
                if offer.renew.is_some_and(|renew| renew <= now) {
                    offer.renew = Some(now + offer.again);
                    wanted.push((known.server, room));
                }
            }
        }
        for (server, room) in wanted {
            self.request(server, &FromClient::IceServers { room });
        }
    }

    /// No direct path was found in time: the next attempt may use relays, and is made at once.
    fn use_relay(&mut self, link: LinkId) {
        let Some(attempt) = self.attempts.get_mut(&link) else { return };
        attempt.relay_from = None;
        let (room, for_silence) = (attempt.room, attempt.for_silence);
        let Some(state) = self.links.get(&link).filter(|state| state.transcript().is_none()) else { return };
        let (endpoint, role, facts) = (state.remote(), state.role(), *state.facts());
        let is_alive =
            self.peers.get(&endpoint).is_some_and(|peer| peer.link.is_some()) && !self.is_silent(endpoint);
        let Some(peer) = self.peers.get_mut(&endpoint).filter(|_| !is_alive) else { return };
        peer.needs_relay = true;
        let is_newest = peer.trying.last() == Some(&link);
        if !is_newest || !self.knows_relay(room) {
            return;
        }
        match role {
            Role::Offerer if self.has_place_for_attempt(endpoint) => self.offer(endpoint, room, for_silence),
            Role::Offerer => {}
            Role::Answerer => {
                self.send_signal(endpoint, room, (facts.session, facts.epoch), SignalContent::Ask);
            }
        }
    }

    fn handle_move_timeouts(&mut self) {
        let now = self.now.time;
        let due = self.peers.iter().filter(|(_, peer)| peer.next_move.is_some_and(|at| at <= now));
        for endpoint in due.map(|(&endpoint, _)| endpoint).collect::<Vec<_>>() {
            self.try_move(endpoint);
        }
    }

    /// Offers a connection that may have a better path, or asks for such an offer.
    fn try_move(&mut self, endpoint: Endpoint) {
        let (now, most) = (self.now.time, self.config.direct_again_most);
        let is_free =
            !self.is_silent(endpoint) && !self.is_trying(endpoint) && self.has_place_for_attempt(endpoint);
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.move_pause = (peer.move_pause * 2).clamp(self.config.direct_again_least, most);
        peer.next_move = Some(now + peer.move_pause);
        let session = peer.session.as_ref().map(|session| (session.id(), session.highest()));
        let room = peer.present_rooms().next();
        let (Some(_), Some(room), Some(epoch), true) = (peer.link, room, session, is_free) else { return };
        if self.has_no_way_to_hide(room) {
            return;
        }
        if self.me > endpoint {
            self.offer(endpoint, room, false);
            let newest = self.peers.get(&endpoint).and_then(|peer| peer.trying.last().copied());
            if let Some(attempt) = newest.and_then(|link| self.attempts.get_mut(&link)) {
                attempt.moves = true;
            }
        } else {
            self.send_signal(endpoint, room, epoch, SignalContent::Ask);
        }
    }
}

/// What people are told of a path, where there is something to say.
pub(super) fn path_words(because: Option<RelayedBecause>) -> Option<String> {
    because.map(|because| because.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::peer::tests::World;
    use super::*;

    #[test]
    fn named_servers_are_used_for_a_time_within_bounds() {
        let moment = Duration::from_micros(1);
        for (lasts_ms, until) in [(0, LASTS.0), (11_000, Duration::from_secs(11)), (u64::MAX, LASTS.1)] {
            let World { mut node, room, .. } = World::new();
            let id = node.room_id(room).expect("it is open");
            let urls = alloc::vec![String::from("turn:192.88.1.1")];
            let server = IceServer { urls, username: "9:x".into(), credential: "y".into() };
            node.handle_ice_servers(ServerId(1), id, alloc::vec![server], lasts_ms);
            node.handle_timeout(Time(0) + until - moment);
            assert!(node.knows_relay(room), "{lasts_ms}");
            node.handle_timeout(Time(0) + until);
            assert!(!node.knows_relay(room), "{lasts_ms}");
        }
    }
}
