//! What happens in a room, and to an endpoint.

use meshwork_core::id::{Code, Endpoint as EndpointId, RoomId};
use meshwork_core::node::{LinkState, Refusal, RoomRefusal, ServerState};

use crate::inbox::Inbox;
use crate::member::Member;

/// Events that wait for a reader: more than a busy room brings in ten seconds. Then the oldest is dropped, and
/// [`Event::Missed`] says so.
pub const EVENTS_MAX: usize = 1024;

/// Something that happened in a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The room is known, and can be read and written in.
    Opened(RoomId),
    /// It cannot be entered, or no more: nothing else happens in it.
    Refused(RoomRefusal),
    /// A server knows it by this code: its [link](crate::Room::link) can be given to others.
    Registered(Code),
    /// A server does not know it, and is asked again.
    Unknown,
    /// Somebody is here.
    Joined(Member),
    /// Somebody in the room is linked through others alone from now on.
    Distant(Member),
    /// Somebody who was linked through others alone is linked to this program again.
    Near(Member),
    /// Somebody is gone.
    Left {
        /// Who.
        member: Member,
        /// In words: why, as far as that is known.
        reason: Option<String>,
    },
    /// A link to a member is in another state.
    Link {
        /// To whom.
        member: Member,
        /// What it is now.
        state: LinkState,
        /// In words: why, where there is something to say.
        reason: Option<String>,
    },
    /// A member says something else of itself: [`Presence::of`](crate::Presence::of).
    Presence(EndpointId),
    /// The room's rules, bans or name changed.
    RulesChanged,
    /// The room was given a new secret: its [link](crate::Room::link) is another one.
    LinkChanged,
    /// A member that stays has taken in something that this program wrote.
    Kept {
        /// Who.
        by: EndpointId,
        /// What: by the numbers that [receipts](crate::Receipt::sequences) have.
        sequences: Vec<u64>,
        /// Whether that is on its disk.
        stored: bool,
    },
    /// All that this program wrote, up to the one with this number, is on this device's storage; also told when all is there that
    /// the room has, by whomever it was written, with 0 where this program wrote nothing.
    Saved(u64),
    /// A member was found to have what this program has.
    InStep(EndpointId),
    /// The clocks of the members agree on another time than this device's: so far ahead of it, in milliseconds, or behind
    /// it where that is less than 0. What is written is stamped with theirs, or right after an earlier stamp that is ahead of it.
    ClockDiffers(i64),
    /// The clock of a member's device is so many milliseconds ahead of this one's, or behind it if less than 0, in a room that is
    /// found on the local network alone: two people there cannot know whose clock is wrong. Posts of whoever is ahead
    /// [wait](crate::Room::waiting) for the other's clock.
    ClockApart {
        /// The member.
        endpoint: EndpointId,
        /// The difference, in milliseconds.
        ahead_ms: i64,
    },
    /// This machine is on another network, and the room is the commons of the former one: nobody finds it here. Leave it, and
    /// enter the [commons](crate::Endpoint::commons) anew, empty.
    Moved,
    /// Writes of others wait here for their time, or no longer do: [`Room::waiting`](crate::Room::waiting).
    WaitingChanged,
    /// An endpoint signed two things that contradict each other: what it wrote from the first of them on counts no more.
    Contradicted {
        /// Who.
        endpoint: EndpointId,
        /// In words: how.
        detail: String,
    },
    /// The room has more than this program can hold: what people wrote whom neither its owner nor an admission names may be
    /// missing here, in tables and documents, until the owner changes who may write.
    GaveUp,
    /// What happens in the room cannot be stored here, in words. The room goes on, and it is tried again.
    StorageFailed(String),
    /// All that waited is stored.
    StorageRecovered,
    /// This reader was slow, and so many events were dropped. State is whole: read it anew.
    Missed(u64),
}

/// Something that happened to an endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EndpointEvent {
    /// A server was reached, or lost. No link depends on it.
    Server {
        /// Its WebSocket address.
        url: String,
        /// What became of it.
        state: ServerState,
    },
    /// Something from outside was refused, and changed nothing.
    Refused {
        /// From whom, as far as it is proved or claimed.
        endpoint: Option<EndpointId>,
        /// Why.
        reason: Refusal,
        /// In words: what was wrong.
        detail: String,
        /// How often so far, of this endpoint and for this reason.
        count: u64,
    },
    /// This reader was slow, and so many events were dropped. [`Endpoint::servers`](crate::Endpoint::servers) says what is now.
    Missed(u64),
}

/// The events of a room, from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct Events(Whole<Event>);

/// The events of an endpoint, from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct EndpointEvents(Whole<EndpointEvent>);

impl Events {
    pub(crate) fn new(inbox: Inbox<Event>) -> Events {
        Events(Whole { inbox, next: None })
    }

    /// Waits for the next event; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.next(Event::Missed).await
    }
}

impl EndpointEvents {
    pub(crate) fn new(inbox: Inbox<EndpointEvent>) -> EndpointEvents {
        EndpointEvents(Whole { inbox, next: None })
    }

    /// Waits for the next event; `None` once the endpoint is closed. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<EndpointEvent> {
        self.0.next(EndpointEvent::Missed).await
    }
}

/// Events, and in the place of those which were missed how many they were.
#[derive(Debug)]
struct Whole<T> {
    inbox: Inbox<T>,
    /// One that waits behind the number of those which were missed.
    next: Option<T>,
}

impl<T> Whole<T> {
    async fn next(&mut self, told: impl FnOnce(u64) -> T) -> Option<T> {
        if let Some(event) = self.next.take() {
            return Some(event);
        }
        let (event, missed) = self.inbox.next().await?;
        if missed == 0 {
            return Some(event);
        }
        self.next = Some(event);
        Some(told(missed))
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::inbox::{Readers, inbox};

    #[tokio::test]
    async fn slow_readers_hear_how_much_they_missed() {
        let ((events, inbox), (servers, server_inbox)) = (inbox(2), inbox(2));
        let (mut room, mut endpoint) = (Events::new(inbox), EndpointEvents::new(server_inbox));
        for number in 0..5 {
            let server = EndpointEvent::Server { url: number.to_string(), state: ServerState::Connected };
            servers.push(server, &mut Readers::default());
            events.push(Event::Saved(number), &mut Readers::default());
        }
        assert!(matches!(room.next().await, Some(Event::Missed(3))));
        assert!(matches!(endpoint.next().await, Some(EndpointEvent::Missed(3))));
        for number in 3..5 {
            assert!(matches!(room.next().await, Some(Event::Saved(saved)) if saved == number));
            let server = endpoint.next().await;
            assert!(matches!(server, Some(EndpointEvent::Server { url, .. }) if url == number.to_string()));
        }
    }
}
