//! People with whom no link is wanted: closing links for that reason, and leaving it at that.
//!
//! What counts is the peer, not the endpoint: whoever loads a page again has another endpoint. Batches of an unlinked
//! peer still arrive through the others, since a room is what its members agree on.

use alloc::string::String;
use alloc::vec::Vec;

use super::Node;
use super::attempt::Attempt;
use super::view::CommandError;
use crate::id::{Endpoint, PeerId};
use crate::links::message::{GoodbyeReason, LinkMessage};
use crate::seam::event::LinkState;
use crate::seam::io::LinkId;
use crate::time::Time;

/// People whom a node remembers as unlinked: more than a person falls out with.
pub(super) const UNLINKED_MAX: usize = 256;
/// Why a link is gone, at the end that wanted it so.
pub(super) const YOU_UNLINKED: &str = "you unlinked";
/// Why a link is gone, at the other end.
pub(super) const UNLINKED_YOU: &str = "unlinked you";

impl Node {
    /// Closes the links to all endpoints of a peer, which is told so, and makes no other: neither of one's own accord
    /// nor when the peer asks for one, until [`Node::link_again`] or until people carry an invitation between the two.
    /// Nobody needs to be known under this key, so that what was remembered from before can be said at the start.
    ///
    /// # Errors
    /// [`CommandError::OwnPeer`] or [`CommandError::TooManyUnlinked`].
    pub fn unlink(&mut self, now: Time, peer: PeerId) -> Result<(), CommandError> {
        self.advance(now);
        if peer == self.me.peer {
            return Err(CommandError::OwnPeer);
        }
        if self.unlinked.len() >= UNLINKED_MAX && !self.unlinked.contains(&peer) {
            return Err(CommandError::TooManyUnlinked(UNLINKED_MAX));
        }
        self.unlinked.insert(peer);
        for endpoint in self.endpoints_of(peer) {
            self.drop_all_attempts(endpoint);
            if let Some(link) = self.peers.get(&endpoint).and_then(|peer| peer.link) {
                self.say_unlinked(link);
            }
            self.end_session(endpoint, YOU_UNLINKED);
            if let Some(peer) = self.peers.get_mut(&endpoint) {
                peer.next_try = None;
                for room in core::mem::take(&mut peer.reattaching) {
                    self.detach(room, endpoint);
                }
            }
            self.keep_unlinked(endpoint);
        }
        self.settle();
        Ok(())
    }

    /// Links to a peer may be made again, and are tried now.
    pub fn link_again(&mut self, now: Time, peer: PeerId) {
        self.advance(now);
        self.unlinked.remove(&peer);
        let now = self.now.time;
        for endpoint in self.endpoints_of(peer) {
            if let Some(peer) = self.peers.get_mut(&endpoint) {
                peer.unlinked_us = false;
                peer.failures = 0;
                peer.next_try = Some(now);
            }
            self.try_link(endpoint);
        }
        self.settle();
    }

    fn endpoints_of(&self, peer: PeerId) -> Vec<Endpoint> {
        self.peers.keys().copied().filter(|endpoint| endpoint.peer == peer).collect()
    }

    /// Closes a link because the person here does not want it.
    pub(super) fn say_unlinked(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        state.send(&LinkMessage::Unlinked);
        self.close_link(link, Some(GoodbyeReason::Left));
    }

    /// Says of an endpoint that is not wanted that it is not linked, and why.
    pub(super) fn keep_unlinked(&mut self, endpoint: Endpoint) {
        if self.unlinked.contains(&endpoint.peer) {
            self.set_state(endpoint, LinkState::Gone, Some(String::from(YOU_UNLINKED)));
        }
    }

    /// Whether a link that was just proved is wanted. One that people made by hand is.
    pub(super) fn wants_proved(&mut self, endpoint: Endpoint, attempt: Option<&Attempt>) -> bool {
        if attempt.is_some_and(|attempt| attempt.by_hand.is_some()) {
            self.unlinked.remove(&endpoint.peer);
        }
        !self.unlinked.contains(&endpoint.peer)
    }

    /// The person at the other end does not want this link; its goodbye follows.
    pub(super) fn handle_unlinked(&mut self, endpoint: Endpoint) {
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.unlinked_us = true;
        }
    }

    /// Why a link is gone whose other end said goodbye.
    pub(super) fn goodbye_words(&self, endpoint: Endpoint, reason: GoodbyeReason) -> &'static str {
        match self.peers.get(&endpoint) {
            Some(peer) if peer.unlinked_us => UNLINKED_YOU,
            Some(peer) if reason == GoodbyeReason::Unused && !peer.distant.is_empty() => {
                "has other neighbours"
            }
            _ => reason.words(),
        }
    }
}
