//! Changes of a talk, from its posts, its room, its network and its guests.

use meshwork::chat::{AllDirectChanges, Change, ChatChanges};
use meshwork::{Closed, Event, Events, Nearby, NearbyEvent, NearbyEvents, PeerId, lsnp};

use super::acts::Acts;
use super::guests::Visitors;
use crate::exit::Failure;

/// A change.
pub(super) enum Heard {
    /// A post changed, or a direct post with a person.
    Change(Option<PeerId>, Change),
    /// Something happened in the room.
    Event(Event),
    /// Something happened on the local network.
    Network(NearbyEvent),
    /// A guest did something.
    Guest(lsnp::Event),
}

/// Receives the changes of a talk from its start on.
pub(super) struct Hearing {
    changes: ChatChanges,
    direct: AllDirectChanges,
    events: Events,
    network: Option<NearbyEvents>,
}

impl Hearing {
    /// Begins to listen: to direct posts once `ready` is done, to everything else at once.
    pub(super) async fn start(acts: &Acts, ready: impl Future<Output = ()>) -> Result<Hearing, Closed> {
        let (changes, events) = (acts.chat.watch(), acts.room.events());
        ready.await;
        let direct = acts.chat.watch_direct().await?;
        Ok(Hearing { changes, direct, events, network: acts.nearby.as_ref().map(Nearby::events) })
    }

    /// The next change. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, guests: Option<&mut Visitors>) -> Result<Heard, Failure> {
        let Hearing { changes, direct, events, network } = self;
        Ok(tokio::select! {
            change = changes.next() => Heard::Change(None, change.ok_or(Closed)?),
            change = direct.next() => {
                let (peer, change) = change.ok_or(Closed)?;
                Heard::Change(Some(peer), change)
            }
            event = events.next() => Heard::Event(event.ok_or(Closed)?),
            event = heard(network.as_mut()) => Heard::Network(event),
            event = Visitors::next(guests) => Heard::Guest(event),
        })
    }

    /// Changes of posts that came too fast to be received.
    pub(super) fn missed(&self) -> u64 {
        self.changes.missed()
    }
}

/// The next change on the local network.
async fn heard(network: Option<&mut NearbyEvents>) -> NearbyEvent {
    match network {
        Some(network) => match network.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
