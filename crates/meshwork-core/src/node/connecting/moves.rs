//! The use of relays, and moves of links to a better path.
//!
//! # How it works
//! A connection is first tried without a relay. If none is up
//! [`Config::relay_after`](crate::seam::config::Config::relay_after) after both ends described themselves, the offerer
//! offers anew, with relays; the answerer requests that if the offerer, which may know no relay, does not. So only a
//! pair that needs a relay costs one. An endpoint that hides its address uses relays alone, at once.
//!
//! A link that should have another path is replaced by a new connection under the same session, which loses nothing: a
//! relayed link searches a direct path again and again, ever more rarely; a direct link of an endpoint that begins to
//! hide moves to a relay.

use alloc::string::{String, ToString as _};
use core::time::Duration;

use super::Connecting;
use super::offers::epoch_of;
use crate::id::Endpoint;
use crate::node::lower_parts::Base;
use crate::seam::description::Role;
use crate::seam::event::LinkState;
use crate::seam::io::LinkId;
use crate::seam::path::{LinkPath, Path, RelayedBecause};
use crate::signalling::sealing::SignalContent;

impl Connecting {
    /// This endpoint begins to hide its address, or ends it.
    pub(in crate::node) fn handle_hiding(&mut self, base: &mut Base) {
        for endpoint in base.known.endpoints() {
            // Running attempts search for unwanted paths, or for too few.
            if self.attempts.is_trying(base, endpoint) {
                self.attempts.drop_all_attempts(base, endpoint);
                if !base.links.is_linked(endpoint) {
                    base.known.try_at(endpoint, Some(base.own.time()));
                }
            }
            base.known.plan_move(&base.own, &base.links, endpoint, Duration::ZERO);
            base.tell_path(endpoint);
        }
    }

    /// Uses relays if no direct path was found in time, and searches for better paths.
    pub(in crate::node) fn handle_path_timeouts(&mut self, base: &mut Base) {
        for link in self.attempts.without_path(&base.own) {
            self.use_relay(base, link);
        }
        self.handle_move_timeouts(base);
    }

    /// No direct path was found in time: the next attempt may use relays, and is made at once.
    fn use_relay(&mut self, base: &mut Base, link: LinkId) {
        let Some(attempt) = self.attempts.get_mut(link) else { return };
        attempt.relay_from = None;
        let (room, for_silence, is_own) = (attempt.room, attempt.for_silence, attempt.is_own);
        let Some(state) = base.links.get(link).filter(|state| state.transcript().is_none()) else { return };
        let (endpoint, role, facts) = (state.remote(), state.role(), *state.facts());
        let is_alive = base.links.is_alive(&base.own, endpoint);
        let Some(peer) = base.known.get_mut(endpoint).filter(|_| !is_alive) else { return };
        peer.needs_relay = true;
        let is_newest = peer.trying.last() == Some(&link);
        if !is_newest || !base.servers.knows_relay(&base.own, room) {
            return;
        }
        match role {
            Role::Offerer if self.attempts.has_place_for_attempt(base, endpoint) => {
                self.offer(base, endpoint, room, for_silence);
                if !is_own {
                    self.attempts.note_asked_for(base, endpoint);
                }
            }
            Role::Offerer => {}
            Role::Answerer => {
                if let Some(peer) = base.known.get_mut(endpoint) {
                    peer.asked = is_own.then_some(base.own.now.time);
                }
                let epoch = facts.session_and_epoch();
                self.send_signal(base, endpoint, room, epoch, SignalContent::Ask);
            }
        }
    }

    /// Searches for due better paths.
    pub(in crate::node) fn handle_move_timeouts(&mut self, base: &mut Base) {
        let now = base.own.time();
        for endpoint in base.known.those(|peer| peer.next_move.is_some_and(|at| at <= now)) {
            self.try_move(base, endpoint);
        }
    }

    /// Offers a connection that may have a better path, or requests such an offer.
    fn try_move(&mut self, base: &mut Base, endpoint: Endpoint) {
        let config = &base.own.config;
        let is_free = !base.links.is_silent(&base.own, endpoint)
            && !self.attempts.is_trying(base, endpoint)
            && self.attempts.has_place_for_attempt(base, endpoint);
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        peer.move_pause = (peer.move_pause * 2).clamp(config.direct_again_least, config.direct_again_most);
        peer.next_move = Some(base.own.time() + peer.move_pause);
        let epoch = base.links.session(endpoint).map(epoch_of);
        let room = peer.present_rooms().next().filter(|_| base.links.is_linked(endpoint));
        let (Some(room), Some(epoch), true) = (room, epoch, is_free) else { return };
        if base.servers.has_no_way_to_hide(&base.own, room) {
            return;
        }
        if base.own.me > endpoint {
            self.offer(base, endpoint, room, false);
            let newest = base.known.get(endpoint).and_then(|peer| peer.trying.last().copied());
            if let Some(attempt) = newest.and_then(|link| self.attempts.get_mut(link)) {
                attempt.moves = true;
            }
        } else {
            self.send_signal(base, endpoint, room, epoch, SignalContent::Ask);
        }
    }
}

/// The message for people about a path, if there is one.
pub(in crate::node) fn path_words(because: Option<RelayedBecause>) -> Option<String> {
    because.map(|because| because.to_string())
}

/// The state of a link with such a path that is up.
pub(in crate::node) fn linked_state(path: LinkPath) -> LinkState {
    match path.kind() {
        Path::Direct => LinkState::Direct,
        Path::Relayed => LinkState::Relayed,
    }
}
