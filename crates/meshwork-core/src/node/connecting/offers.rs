//! Attempts: the offering end, their begin, failure and retries.
//!
//! The greater endpoint offers as soon as it learns of the other; the lesser one waits, and requests an offer if none
//! came. So two ends that learn of each other at once make one connection. Attempts to resume a session overlap: a path
//! may come back at any moment, and each attempt must be young enough to be searching then.

use alloc::string::String;
use core::time::Duration;

use super::Connecting;
use super::attempt::{ASK_DELAY, LINK_VERSIONS};
use crate::id::Endpoint;
use crate::links::resume::Session;
use crate::links::transcript::Facts;
use crate::node::lower_parts::Base;
use crate::room::Room;
use crate::seam::description::Role;
use crate::seam::event::{LinkState, RoomHandle};
use crate::signalling::client::back_off;
use crate::signalling::sealing::SignalContent;

/// The message for people that hide their address and have no relay.
const NO_RELAY: &str = "you hide your address, and there is no relay that may learn it";

impl Connecting {
    /// Offers a link to a peer, or requests an offer, if there is reason and opportunity.
    pub(super) fn try_link(&mut self, base: &mut Base, endpoint: Endpoint) {
        let now = base.own.time();
        let resumes = base.links.is_resuming(&base.own, endpoint);
        let is_trying = self.attempts.is_trying(base, endpoint);
        let is_unlinked = base.known.is_unlinked(endpoint.peer);
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        if peer.next_try.is_none_or(|at| at > now) {
            return;
        }
        peer.next_try = None;
        if peer.unlinked_us || is_unlinked {
            return;
        }
        if !resumes && (base.links.is_linked(endpoint) || is_trying) {
            return;
        }
        if peer.is_refused(now) {
            peer.next_try = peer.refused_until;
            return;
        }
        // A session deserves a free place, whatever the overlay would choose.
        let wants = |room: &Room| {
            room.membership().wants_link(endpoint) || resumes && room.membership().admits(endpoint)
        };
        let wants = |room: &RoomHandle| {
            self.visits.contains(*room, endpoint) || base.rooms.room(*room).is_some_and(wants)
        };
        let Some(room) = peer.present_rooms().find(wants) else {
            // Nobody can introduce us at present; a session does not last, so it is tried again soon.
            peer.next_try = resumes.then_some(now + base.own.config.resume_interval);
            return;
        };
        if base.servers.has_no_way_to_hide(&base.own, room) {
            base.own.set_state(endpoint, LinkState::Gone, Some(String::from(NO_RELAY)));
            return self.attempts.plan_retry(base, endpoint);
        }
        if base.own.me < endpoint {
            self.ask(base, endpoint, room, resumes);
        } else if self.attempts.make_place(base, endpoint, true) {
            self.offer(base, endpoint, room, resumes);
        } else {
            base.known.try_at(endpoint, Some(now + Duration::from_secs(1)));
        }
    }

    fn ask(&mut self, base: &mut Base, endpoint: Endpoint, room: RoomHandle, resumes: bool) {
        let Some(peer) = base.known.get_mut(endpoint) else { return };
        let pause = if resumes {
            base.own.config.resume_interval
        } else {
            back_off(peer.failures, ASK_DELAY, base.own.config.retry_most, &mut base.own.rng)
        };
        peer.failures += 1;
        peer.next_try = Some(base.own.time() + pause);
        peer.asked = Some(base.own.time());
        let epoch = base.links.session(endpoint).map_or((0, 0), epoch_of);
        if !resumes {
            base.own.set_state(endpoint, LinkState::Connecting, None);
        }
        self.send_signal(base, endpoint, room, epoch, SignalContent::Ask);
    }

    pub(super) fn offer(&mut self, base: &mut Base, endpoint: Endpoint, room: RoomHandle, for_silence: bool) {
        let session = base.links.session_mut(endpoint);
        let resumed = session.and_then(|session| Some((session.id(), session.next_epoch()?)));
        let (session, epoch) = resumed.unwrap_or_else(|| (base.own.rng.next_u64(), 1));
        let facts = Facts {
            offerer: base.own.me,
            answerer: endpoint,
            session,
            epoch,
            offerer_nonce: base.own.rng.bytes(),
            answerer_nonce: [0; 16],
            offered_versions: (LINK_VERSIONS.least, LINK_VERSIONS.most),
            version: 0,
        };
        self.attempts.begin(base, endpoint, room, Role::Offerer, facts, for_silence);
    }
}

/// The session and epoch by which the ends of an attempt name it.
pub(super) fn epoch_of(session: &Session) -> (u64, u32) {
    (session.id(), session.highest())
}
