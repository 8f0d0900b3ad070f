//! Peers with whom no link is wanted: closes links for that reason, and makes no new ones.
//!
//! The peer counts, not the endpoint: a reloaded page is another endpoint. Batches of an unlinked peer still arrive
//! through the others, since a room is what its members agree on.

use super::Connecting;
use super::attempt::Attempt;
use super::known::UNLINKED_MAX;
use crate::id::{Endpoint, PeerId};
use crate::links::message::{GoodbyeReason, LinkMessage};
use crate::node::commands::CommandError;
use crate::node::lower_parts::Base;
use crate::node::lower_parts::YOU_UNLINKED;
use crate::seam::io::LinkId;

impl Connecting {
    /// No link to a peer is wanted from here on.
    ///
    /// # Errors
    /// [`CommandError::OwnPeer`] or [`CommandError::TooManyUnlinked`].
    pub(in crate::node) fn unlink(&mut self, base: &mut Base, peer: PeerId) -> Result<(), CommandError> {
        if peer == base.own.me.peer {
            return Err(CommandError::OwnPeer);
        }
        if !base.known.unlink(peer) {
            return Err(CommandError::TooManyUnlinked(UNLINKED_MAX));
        }
        for endpoint in base.known.endpoints_of(peer) {
            self.attempts.drop_all_attempts(base, endpoint);
            if let Some(link) = base.links.id_of(endpoint) {
                self.say_unlinked(base, link);
            }
            base.links.end_session(&mut base.own, endpoint, YOU_UNLINKED);
            base.known.try_at(endpoint, None);
            for room in base.rooms.attachments_mut().take_reattaching(endpoint) {
                self.attempts.detach(base, room, endpoint);
            }
            base.keep_unlinked(endpoint);
        }
        Ok(())
    }

    /// Links to a peer may be made again, and are tried now.
    pub(in crate::node) fn link_again(&mut self, base: &mut Base, peer: PeerId) {
        base.known.link_again(peer);
        for endpoint in base.known.endpoints_of(peer) {
            if let Some(peer) = base.known.get_mut(endpoint) {
                (peer.unlinked_us, peer.failures) = (false, 0);
                peer.next_try = Some(base.own.time());
            }
            self.try_link(base, endpoint);
        }
    }

    /// Closes a link because our person does not want it.
    pub(in crate::node) fn say_unlinked(&mut self, base: &mut Base, link: LinkId) {
        let Some(state) = base.links.get_mut(link) else { return };
        state.send(&LinkMessage::Unlinked);
        self.attempts.close(base, link, Some(GoodbyeReason::Left));
    }
}

/// Whether a newly proved link is wanted. Links that people made by hand always are.
pub(in crate::node) fn wants_proved(base: &mut Base, endpoint: Endpoint, attempt: Option<&Attempt>) -> bool {
    if attempt.is_some_and(|attempt| attempt.by_hand.is_some()) {
        base.known.link_again(endpoint.peer);
    }
    let is_wanted = !base.known.is_unlinked(endpoint.peer);
    if let Some(peer) = base.known.get_mut(endpoint).filter(|_| is_wanted) {
        peer.unlinked_us = false;
    }
    is_wanted
}
