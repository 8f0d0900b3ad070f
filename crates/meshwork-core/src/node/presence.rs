//! Presence in the node: what one says of oneself to all members that take it, what they say to the application.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::view::CommandError;
use super::{Node, Output};
use crate::id::Endpoint;
use crate::links::link::Link;
use crate::presence::{Presented, PresentedError};
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::io::{Effect, LinkId};
use crate::seam::presence::State;
use crate::time::Time;

impl Node {
    /// Sets what one says of oneself in a room; `None` for nothing. May be called at each movement: what is said is the
    /// newest, 20 times a second at most, to linked members, and only while their links have nothing else to carry.
    /// They hear it as [`Event::Presence`].
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`] or [`CommandError::NotOpen`].
    pub fn set_presence(
        &mut self,
        now: Time,
        room: RoomHandle,
        state: Option<State>,
    ) -> Result<(), CommandError> {
        self.advance(now);
        let entry = self.rooms.get_mut(&room).ok_or(CommandError::NoSuchRoom(room))?;
        if entry.room.is_none() {
            return Err(CommandError::NotOpen);
        }
        entry.presence.set(state);
        // What is not due yet waits for the timeout.
        if entry.presence.is_due(self.now.time) {
            self.settle();
        }
        Ok(())
    }

    /// An application found that what a linked endpoint said is none of what its app can be told: that is counted as an
    /// offence, and who goes on loses its link.
    pub fn accuse(&mut self, now: Time, endpoint: Endpoint, detail: String) {
        self.advance(now);
        self.handle_offence(endpoint, Refusal::App, detail);
        self.settle();
    }

    /// Says what is due over links on which nothing waits.
    pub(super) fn send_presence(&mut self) {
        for (&handle, entry) in &mut self.rooms {
            let Some(presented) = entry.presence.take_due(self.now.time, handle.0) else { continue };
            for peer in self.peers.values() {
                if !peer.sent_attach.contains(&handle) || !peer.is_attached(handle) {
                    continue;
                }
                let Some(link) = peer.link else { continue };
                let Some(state) = self.links.get_mut(&link) else { continue };
                if !state.send_presented(&presented) {
                    continue;
                }
                while let Some((channel, bytes)) = state.flush() {
                    self.outputs.push_back(Output::Effect(Effect::Send { link, channel, bytes }));
                }
            }
        }
    }

    /// A linked endpoint says something of itself.
    pub(super) fn handle_presented(&mut self, link: LinkId, presented: Result<Presented, PresentedError>) {
        let Some(from) = self.links.get(&link).map(Link::remote) else { return };
        let now = self.now.time;
        let Some(peer) = self.peers.get_mut(&from).filter(|peer| peer.link == Some(link)) else { return };
        match peer.presented.count(now) {
            Ok(()) => {}
            Err(0) => return,
            Err(refused) => {
                let detail = format!("{refused} times it told of itself too fast");
                return self.refuse_many(Some(from), Refusal::Presence, detail, refused);
            }
        }
        let presented = match presented {
            Ok(presented) => presented,
            Err(error) => return self.handle_offence(from, Refusal::Presence, error.to_string()),
        };
        // A number that is not attached may be that of a room just left.
        let Some(&handle) = peer.attached.get(&presented.room) else { return };
        let Some(entry) = self.rooms.get_mut(&handle).filter(|entry| entry.room.is_some()) else { return };
        if let Some(state) = entry.presence.handle_presented(now, from, &presented) {
            self.event(Event::Presence { room: handle, endpoint: from, state });
        }
    }

    /// A member is gone, and what it said of itself with it.
    pub(super) fn forget_state(&mut self, handle: RoomHandle, endpoint: Endpoint) {
        let was_shown = self.rooms.get_mut(&handle).is_some_and(|entry| entry.presence.forget(endpoint));
        if was_shown {
            self.event(Event::Presence { room: handle, endpoint, state: None });
        }
    }

    /// Hides what was said by those of whom nothing was heard for long.
    pub(super) fn forget_silent_presence(&mut self) {
        let now = self.now.time;
        let mut silent: Vec<(RoomHandle, Endpoint)> = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            silent.extend(entry.presence.handle_timeout(now).into_iter().map(|endpoint| (handle, endpoint)));
        }
        for (room, endpoint) in silent {
            self.event(Event::Presence { room, endpoint, state: None });
        }
    }

    /// When something about presence is to be done.
    pub(super) fn presence_deadlines(&self) -> impl Iterator<Item = Time> + '_ {
        self.rooms.values().filter_map(|entry| entry.presence.poll_timeout())
    }
}
