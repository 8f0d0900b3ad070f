//! The lower parts of a node, for making links.

use alloc::string::String;

use super::common::Own;
use super::connecting::{Known, linked_state, path_words};
use super::links::Links;
use super::rooms::Rooms;
use super::servers::Servers;
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::links::message::GoodbyeReason;
use crate::room::message::RoomMessage;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::io::LinkId;
use crate::seam::path::{LinkPath, Path, RelayedBecause};

/// The reason of a gone link, at the end that unlinked.
pub(super) const YOU_UNLINKED: &str = "you unlinked";
/// The reason of a gone link, at the other end.
const UNLINKED_YOU: &str = "unlinked you";

/// The lower parts of a node; each may use those before it, except known endpoints, which uses none.
pub(super) struct Base {
    pub(super) own: Own,
    pub(super) links: Links,
    pub(super) rooms: Rooms,
    pub(super) servers: Servers,
    pub(super) known: Known,
}

impl Base {
    /// A member of a room, or a future one, sent a message in it.
    pub(super) fn handle_in_room(&mut self, handle: RoomHandle, from: Endpoint, message: RoomMessage) {
        if let Some((room, now)) = self.rooms.room_mut(&self.own, handle) {
            room.handle_message(now, from, message);
        }
    }

    /// The link to an endpoint will be replaced: its rooms wait for the next one.
    pub(super) fn keep_rooms(&mut self, endpoint: Endpoint) {
        self.links.unset_link(endpoint);
        self.rooms.attachments_mut().keep_attached(&self.own, endpoint);
    }

    /// The reason why a link with such a path is relayed, if it is.
    pub(super) fn relayed_because(&self, endpoint: Endpoint, path: LinkPath) -> Option<RelayedBecause> {
        let because = if self.own.config.hides_address {
            RelayedBecause::WeHide
        } else if self.known.hides(endpoint) {
            RelayedBecause::TheyHide
        } else {
            RelayedBecause::NoDirectPath
        };
        (path.kind() == Path::Relayed).then_some(because)
    }

    /// Reports the path of a link, and its reason, while it is neither silent nor gone.
    pub(super) fn tell_path(&mut self, endpoint: Endpoint) {
        if self.own.people.state(endpoint) != Some(LinkState::Stale) {
            self.tell_linked(endpoint);
        }
    }

    /// Reports that an endpoint is linked, with the path and its reason.
    pub(super) fn tell_linked(&mut self, endpoint: Endpoint) {
        let Some(path) = self.links.of(endpoint).map(Link::path) else { return };
        let words = path_words(self.relayed_because(endpoint, path));
        self.own.set_state(endpoint, linked_state(path), words);
    }

    /// Packets of a connection take another path.
    pub(super) fn handle_path(&mut self, link: LinkId, path: LinkPath) {
        let Some(state) = self.links.get_mut(link) else { return };
        state.set_path(path);
        let (endpoint, is_proved) = (state.remote(), state.is_proved());
        if is_proved {
            self.tell_path(endpoint);
            self.known.handle_path_known(&self.own, &self.links, endpoint);
        }
    }

    /// A link that was stale is so no longer.
    pub(super) fn handle_heard_again(&mut self, link: LinkId) {
        let Some(endpoint) = self.links.owner(link) else { return };
        if self.own.people.state(endpoint) == Some(LinkState::Stale) {
            self.tell_linked(endpoint);
        }
    }

    /// Requires an answer within a moment from links with such paths. Otherwise others are tried without waiting for
    /// more silence.
    pub(super) fn doubt_links(&mut self, is_doubted: impl Fn(LinkPath) -> bool) {
        let at = self.own.time() + self.own.config.answer_within;
        for endpoint in self.links.doubt(&self.own, is_doubted) {
            self.known.try_at(endpoint, Some(at));
        }
    }

    /// Reports an unlinked endpoint as not linked, with the reason.
    pub(super) fn keep_unlinked(&mut self, endpoint: Endpoint) {
        if self.known.is_unlinked(endpoint.peer) {
            self.own.set_state(endpoint, LinkState::Gone, Some(String::from(YOU_UNLINKED)));
        }
    }

    /// The reason of a link whose other end said goodbye.
    pub(super) fn goodbye_words(&self, endpoint: Endpoint, reason: GoodbyeReason) -> &'static str {
        if self.known.has_unlinked_us(endpoint) {
            UNLINKED_YOU
        } else if reason == GoodbyeReason::Unused && self.rooms.attachments().is_distant_anywhere(endpoint) {
            "has other neighbours"
        } else {
            reason.words()
        }
    }
}
