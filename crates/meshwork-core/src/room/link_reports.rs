//! The node's reports to a room about its members and links.

use super::Room;
use crate::id::Endpoint;
use crate::overlay::message::OverlayMessage;
use crate::overlay::{Candidate, LinkFacts};
use crate::time::Now;

impl Room {
    /// A server or neighbour named this number of members at once.
    pub fn handle_sighted(&mut self, now: Now, members: usize) {
        self.membership.handle_sighted(members);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// A server or neighbour named a member.
    pub fn handle_candidate(&mut self, now: Now, candidate: Candidate) {
        self.membership.overlay_mut().handle_candidate(now, candidate);
        self.finish(now);
    }

    /// No link to a member is possible at present.
    pub fn handle_unreachable(&mut self, now: Now, endpoint: Endpoint) {
        self.membership.overlay_mut().handle_unreachable(now, endpoint);
        self.finish(now);
    }

    /// Does due work about links. `facts` returns the state of the link to a neighbour.
    pub fn handle_linking_timeout(&mut self, now: Now, facts: &dyn Fn(Endpoint) -> LinkFacts) {
        self.membership.overlay_mut().handle_timeout(now, facts);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// Makes the overlay of the room's record, if it is not the current one.
    pub(super) fn choose_overlay(&mut self, now: Now) {
        self.membership.choose(now, self.kept.rules.terms().overlay_choice());
        self.take_said();
    }

    pub(super) fn handle_overlay(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        self.membership.handle_message(now, from, message, self.kept.rules.terms().overlay_choice());
        self.take_said();
    }

    /// Sends messages that must go at once.
    pub(super) fn take_said(&mut self) {
        while let Some(output) = self.membership.poll_said() {
            self.kept.outputs.push_back(output);
        }
    }
}
