//! Cursors in the node: one's own to all members that take it, the members' to the application.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::view::CommandError;
use super::{Node, Output};
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::presence::{Pointer, Pointing, PointingError};
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::time::Time;

impl Node {
    /// Says where one's own cursor is in a room; `None` when it is not on the canvas. May be called at each movement:
    /// what is said is the newest, 20 times a second at most, to linked members, and only while their links have
    /// nothing else to carry. They hear it as [`Event::Pointed`]. A program without a cursor never calls it.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::NotOpen`] or [`CommandError::PointerOutside`].
    pub fn point(
        &mut self,
        now: Time,
        room: RoomHandle,
        pointer: Option<Pointer>,
    ) -> Result<(), CommandError> {
        self.advance(now);
        let entry = self.rooms.get_mut(&room).ok_or(CommandError::NoSuchRoom(room))?;
        let size = entry.room.as_ref().ok_or(CommandError::NotOpen)?.canvas().size();
        if pointer.is_some_and(|pointer| !pointer.is_on(size)) {
            return Err(CommandError::PointerOutside(size));
        }
        entry.presence.point(pointer);
        // What is not due yet waits for the timeout.
        if entry.presence.is_due(self.now.time) {
            self.settle();
        }
        Ok(())
    }

    /// Says what is due over links on which nothing waits.
    pub(super) fn send_pointings(&mut self) {
        for (&handle, entry) in &mut self.rooms {
            let Some(pointing) = entry.presence.take_due(self.now.time, handle.0) else { continue };
            for peer in self.peers.values() {
                if !peer.sent_attach.contains(&handle) || !peer.is_attached(handle) {
                    continue;
                }
                let Some(link) = peer.link else { continue };
                let Some(state) = self.links.get_mut(&link) else { continue };
                if !state.send_pointing(&pointing) {
                    continue;
                }
                while let Some((channel, bytes)) = state.flush() {
                    self.outputs.push_back(Output::Effect(Effect::Send { link, channel, bytes }));
                }
            }
        }
    }

    /// A linked endpoint says where its cursor is.
    pub(super) fn handle_pointing(&mut self, link: LinkId, pointing: Result<Pointing, PointingError>) {
        let Some(from) = self.links.get(&link).map(Link::remote) else { return };
        let now = self.now.time;
        let Some(peer) = self.peers.get_mut(&from).filter(|peer| peer.link == Some(link)) else { return };
        match peer.pointings.count(now) {
            Ok(()) => {}
            Err(0) => return,
            Err(refused) => {
                let detail = format!("{refused} of its cursor's movements came too fast");
                return self.refuse_many(Some(from), Refusal::Pointer, detail, refused);
            }
        }
        let pointing = match pointing {
            Ok(pointing) => pointing,
            Err(error) => return self.handle_offence(from, Refusal::Pointer, error.to_string()),
        };
        // A number that is not attached may be that of a room just left.
        let Some(&handle) = peer.attached.get(&pointing.room) else { return };
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        let Some(size) = entry.room.as_ref().map(|room| room.canvas().size()) else { return };
        if let Some(pointer) = pointing.pointer.filter(|pointer| !pointer.is_on(size)) {
            let (x, y) = pointer.place();
            let detail = format!("its cursor at {x}, {y} is outside the canvas of {size}");
            return self.handle_offence(from, Refusal::Pointer, detail);
        }
        if let Some(pointer) = entry.presence.handle_pointing(now, from, &pointing) {
            self.event(Event::Pointed { room: handle, endpoint: from, pointer });
        }
    }

    /// A member is gone, and its cursor with it.
    pub(super) fn forget_pointer(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        let was_shown = self.rooms.get_mut(&handle).is_some_and(|entry| entry.presence.forget(endpoint));
        if was_shown {
            self.event(Event::Pointed { room: handle, endpoint, pointer: None });
        }
    }

    /// Hides cursors that nothing was heard of for long.
    pub(super) fn forget_silent_pointers(&mut self) {
        let now = self.now.time;
        let mut silent: Vec<(RoomHandle, Endpoint)> = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            silent.extend(entry.presence.handle_timeout(now).into_iter().map(|endpoint| (handle, endpoint)));
        }
        for (room, endpoint) in silent {
            self.event(Event::Pointed { room, endpoint, pointer: None });
        }
    }

    /// When something about cursors is to be done.
    pub(super) fn pointing_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        self.rooms.values().filter_map(|entry| entry.presence.poll_timeout())
    }
}
