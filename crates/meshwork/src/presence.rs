//! What members say of themselves now.

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::json;
use meshwork_core::node::{CommandError, Node};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::{Closed, PresenceError};

/// What each member says of itself now in an app: a cursor, a status, whose turn it is. It is gone with the member.
#[derive(Clone, Debug)]
pub struct Presence(pub(crate) App);

impl Presence {
    /// Says of this program from now on. It may be called at each movement: at most 20 times a second the newest is
    /// said. Dropping the future leaves it said, or not.
    ///
    /// # Errors
    /// [`PresenceError`]; what was said before stands.
    pub async fn set<T: Serialize>(&self, value: &T) -> Result<(), PresenceError> {
        let bytes = json::to_vec(value).map_err(|error| PresenceError::Value(error.to_string()))?;
        self.say(Some(bytes)).await
    }

    /// Says nothing of this program any more.
    ///
    /// # Errors
    /// [`PresenceError`]; what was said before stands.
    pub async fn clear(&self) -> Result<(), PresenceError> {
        self.say(None).await
    }

    /// What a member says of itself; `None` where it says nothing, or something else than this.
    pub fn of<T: DeserializeOwned>(&self, member: EndpointId) -> Option<T> {
        let slot = self.0.slot;
        let bytes = self.0.room.state.look(|known| known.presence.get(&(slot, member)).cloned());
        serde_json::from_slice(&bytes?).ok()
    }

    async fn say(&self, state: Option<Vec<u8>>) -> Result<(), PresenceError> {
        let slot = self.0.slot;
        let say =
            move |node: &mut Node, now, room| node.room_mut(now, room).set_presence(slot, state.as_deref());
        self.0.room.call(say).await?.map_err(|error| match error {
            CommandError::PresenceTooLong(bytes) => PresenceError::TooLarge(bytes),
            CommandError::NotOpen => PresenceError::NotOpen,
            _ => PresenceError::Closed(Closed),
        })
    }
}
