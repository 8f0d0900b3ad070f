//! What one says of oneself to all members that take it, and what they say to the application.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::Rooms;
use super::attachments::Attachment;
use crate::id::Endpoint;
use crate::node::Offence;
use crate::node::links::Links;
use crate::node::own::Own;
use crate::node::view::CommandError;
use crate::presence::{Presented, PresentedError};
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::presence::State;

impl Rooms {
    /// Sets what one says of oneself in a room. Returns whether that is to be said at once.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`] or [`CommandError::NotOpen`].
    pub(in crate::node) fn set_presence(
        &mut self,
        own: &Own,
        handle: RoomHandle,
        state: Option<State>,
    ) -> Result<bool, CommandError> {
        self.open(own, handle)?;
        let entry = self.rooms.get_mut(&handle).ok_or(CommandError::NoSuchRoom(handle))?;
        entry.presence.set(state);
        Ok(entry.presence.is_due(own.time()))
    }

    /// Says what is due over links on which nothing waits.
    pub(in crate::node) fn send_presence(&mut self, own: &mut Own, links: &mut Links) {
        for (&handle, entry) in &mut self.rooms {
            let Some(presented) = entry.presence.take_due(own.time(), handle.0) else { continue };
            let hears = |one: &Attachment| one.is_told(handle) && one.is_attached(handle);
            for (endpoint, _) in self.attachments.iter().filter(|(_, one)| hears(one)) {
                links.send_presented(own, endpoint, &presented);
            }
        }
    }

    /// A linked endpoint says something of itself.
    pub(in crate::node) fn handle_presented(
        &mut self,
        own: &mut Own,
        from: Endpoint,
        presented: Result<Presented, PresentedError>,
    ) -> Result<(), Offence> {
        let Some(one) = self.attachments.get_mut(from) else { return Ok(()) };
        match one.presented.count(own.time()) {
            Ok(()) => {}
            Err(0) => return Ok(()),
            Err(refused) => {
                let detail = format!("{refused} times it told of itself too fast");
                own.refuse_many(Some(from), Refusal::Presence, detail, refused);
                return Ok(());
            }
        }
        let presented = presented.map_err(|error| (Refusal::Presence, error.to_string()))?;
        // A number that is not attached may be that of a room just left.
        let Some(handle) = one.room(presented.room) else { return Ok(()) };
        let entry = self.rooms.get_mut(&handle).filter(|entry| entry.room.is_some());
        if let Some(state) =
            entry.and_then(|entry| entry.presence.handle_presented(own.time(), from, &presented))
        {
            own.event(Event::Presence { room: handle, endpoint: from, state });
        }
        Ok(())
    }

    /// Hides what was said by those of whom nothing was heard for long.
    pub(in crate::node) fn forget_silent_presence(&mut self, own: &mut Own) {
        let now = own.time();
        let mut silent: Vec<(RoomHandle, Endpoint)> = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            silent.extend(entry.presence.handle_timeout(now).into_iter().map(|endpoint| (handle, endpoint)));
        }
        for (room, endpoint) in silent {
            own.event(Event::Presence { room, endpoint, state: None });
        }
    }
}
