//! What the node tells a room of its members and of links to them.

use super::Room;
use crate::id::Endpoint;
use crate::overlay::maker::Maker;
use crate::overlay::message::OverlayMessage;
use crate::overlay::{Candidate, Face, LinkFacts, OverlayView};
use crate::rng::Seed;
use crate::seam::choice::Choice;
use crate::signalling::announce::Introduction;
use crate::time::{Now, Time};

impl Room {
    /// What others need to seek this endpoint, a seed of its own for the room's overlays, and what makes them if that
    /// is here.
    pub fn set_own(&mut self, own: Introduction, seed: Seed, maker: Option<Maker>) {
        self.membership.set_own(own, seed, maker);
    }

    /// What makes overlays is here.
    pub fn set_maker(&mut self, now: Now, maker: Maker) {
        self.membership.set_maker(maker);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// How many links this endpoint keeps at most where members keep some each.
    pub fn set_links_most(&mut self, most: usize) {
        self.membership.set_most(most);
    }

    /// Whether there is a place for `endpoint`.
    pub fn admits(&self, endpoint: Endpoint) -> bool {
        self.membership.overlay().admits(endpoint)
    }

    /// Whether the overlay wants a link to `endpoint`.
    pub fn wants_link(&self, endpoint: Endpoint) -> bool {
        self.membership.overlay().wants_link(endpoint)
    }

    /// Whether everybody who is known is linked to.
    pub fn is_full_mesh(&self) -> bool {
        self.membership.is_full_mesh()
    }

    /// How the overlay looks.
    pub fn overlay(&self) -> OverlayView {
        self.membership.view()
    }

    /// Which overlay the room's record asks for.
    pub fn overlay_choice(&self) -> Choice {
        Choice::of_record(self.rules.terms().overlay.as_str())
    }

    /// What the node knows of a member that is about to be attached.
    pub fn handle_face(&mut self, endpoint: Endpoint, face: Face) {
        self.membership.handle_face(endpoint, face);
    }

    /// Somebody names so many members at once.
    pub fn handle_sighted(&mut self, now: Now, members: usize) {
        self.membership.handle_sighted(members);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// Somebody named a member.
    pub fn handle_candidate(&mut self, now: Now, candidate: Candidate) {
        self.membership.overlay_mut().handle_candidate(now, candidate);
        self.finish(now);
    }

    /// No link to a member can be made at present.
    pub fn handle_unreachable(&mut self, now: Now, endpoint: Endpoint) {
        self.membership.overlay_mut().handle_unreachable(now, endpoint);
        self.finish(now);
    }

    /// Whether [`Room::handle_linking_timeout`] has something to do.
    pub fn is_linking_due(&self, now: Time) -> bool {
        self.membership.overlay().poll_timeout().is_some_and(|at| at <= now)
    }

    /// Does what is due about links. `facts` tells how the link to a neighbour does.
    pub fn handle_linking_timeout(&mut self, now: Now, facts: &dyn Fn(Endpoint) -> LinkFacts) {
        self.membership.overlay_mut().handle_timeout(now, facts);
        self.choose_overlay(now);
        self.finish(now);
    }

    /// Makes the overlay that the room's record asks for, if it is not this one.
    pub(super) fn choose_overlay(&mut self, now: Now) {
        self.membership.choose(now, self.overlay_choice());
        self.take_said();
    }

    pub(super) fn handle_overlay(&mut self, now: Now, from: Endpoint, message: OverlayMessage) {
        self.membership.handle_message(now, from, message, self.overlay_choice());
        self.take_said();
    }

    /// Takes over what was said at once.
    pub(super) fn take_said(&mut self) {
        while let Some(output) = self.membership.poll_said() {
            self.outputs.push_back(output);
        }
    }
}
