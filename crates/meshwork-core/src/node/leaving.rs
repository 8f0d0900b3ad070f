//! Own writes that are only here, and whether waiting before a node ends can deliver them.

use super::{Node, RoomRef};
use crate::links::link::Link;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::io::LinkId;

impl Node {
    /// Own batches in all rooms that, as far as known, neither another member nor this device's storage has. They are
    /// lost if the node ends now.
    pub fn undelivered(&self) -> usize {
        self.base.rooms.handles().into_iter().map(|room| self.room(room).undelivered()).sum()
    }

    /// Whether data would be lost that arrives if the node goes on for a moment: see [`RoomRef::is_sending`]. Messages
    /// that wait for the window of a link count too.
    pub fn is_sending(&self) -> bool {
        let is_queued = |link: &Link| link.is_proved() && link.queued() > 0;
        self.base.links.all().any(is_queued)
            || self.base.rooms.handles().into_iter().any(|room| self.room(room).is_sending())
    }

    /// Whether changes of any room are on their way to this device's storage, and storing works.
    pub fn is_storing(&self) -> bool {
        self.base.rooms.rooms().any(|room| room.kept().is_storing())
    }

    /// A link may have delivered everything to the other end. Rooms whose attached members have all received everything
    /// note it.
    pub(super) fn note_drained(&mut self, link: LinkId) {
        let is_drained = |link: Option<&Link>| link.is_some_and(Link::is_drained);
        if !is_drained(self.base.links.get(link)) {
            return;
        }
        let Some(endpoint) = self.base.links.owner(link) else { return };
        for room in self.base.rooms.attachments().rooms_of(endpoint) {
            let base = &mut self.base;
            // Links drain all the time, and a room may know thousands of members.
            if !base.rooms.room(room).is_some_and(|room| room.kept().awaits_arrival()) {
                continue;
            }
            let attached = base.rooms.attachments().attached_to(room);
            if attached.into_iter().all(|endpoint| is_drained(base.links.of(endpoint)))
                && let Some((room, _)) = base.rooms.room_mut(&base.own, room)
            {
                room.kept_mut().handle_arrived();
            }
        }
    }

    /// Whether a link to a member is being made.
    fn is_linking(&self, room: RoomHandle) -> bool {
        let mut seen = self.base.known.seen_in(room);
        seen.any(|endpoint| self.base.own.people.state(endpoint) == Some(LinkState::Connecting))
    }
}

impl RoomRef<'_> {
    /// Own batches that, as far as known, neither another member nor this device's storage has.
    pub fn undelivered(self) -> usize {
        self.open().map_or(0, |room| room.kept().undelivered())
    }

    /// Whether changes of the room are on their way to this device's storage, and storing works.
    pub fn is_storing(self) -> bool {
        self.open().is_some_and(|room| room.kept().is_storing())
    }

    /// Whether writes in the room are on their way: to a member that stays and has yet to acknowledge them, to any
    /// other attached member, or to one to which a link is being made.
    pub fn is_sending(self) -> bool {
        let Some(room) = self.open() else { return false };
        let attachments = self.node.base.rooms.attachments();
        let waits_for_others = || match attachments.has_attached(self.room) {
            true => room.kept().undelivered() > 0,
            false => room.kept().undelivered() > 0 && self.node.is_linking(self.room),
        };
        let waits_for_keeper = || room.kept().awaits_acknowledgement() && room.membership().somebody_stays();
        waits_for_keeper() || waits_for_others()
    }
}
