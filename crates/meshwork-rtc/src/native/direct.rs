//! Direct messages with patience: sending waits where the other end has yet to acknowledge what it was sent.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, RoomHandle};
use meshwork_core::seam::lane::{DirectToken, Slot, Topic};
use tokio::sync::Notify;

use super::driver::{Driver, DriverStopped};

/// Bytes that one call hands to the node, so that nothing else waits for long meanwhile: what fits into the send
/// windows of a link, and as much again.
const CALL_BYTES: usize = 256 * 1024;

/// For whom direct messages are, and about what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The room.
    pub room: RoomHandle,
    /// The member.
    pub endpoint: Endpoint,
    /// The app.
    pub slot: Slot,
    /// The topic.
    pub topic: Topic,
}

impl Addressee {
    /// A member of a room, in the app that the room opens with and under no topic.
    pub fn new(room: RoomHandle, endpoint: Endpoint) -> Addressee {
        Addressee { room, endpoint, slot: Slot::GENESIS, topic: Topic::default() }
    }
}

/// Why a direct message was not taken. Those before it were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The node has ended.
    #[error(transparent)]
    Stopped(#[from] DriverStopped),
    /// The node refuses the message, and says why.
    #[error(transparent)]
    Refused(CommandError),
}

/// Tells those that wait that the other ends may have acknowledged something.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged(Arc<Notify>);

impl Acknowledged {
    /// Something arrived.
    pub(super) fn tell(&self) {
        self.0.notify_waiters();
    }
}

impl Driver {
    /// Says something to one member alone, as [`RoomMut::send_direct`](meshwork_core::node::RoomMut::send_direct) does, and
    /// waits where that would say [`CommandError::Backpressure`]. Returns its token.
    ///
    /// Cancelling it leaves the message unsaid, or said.
    ///
    /// # Errors
    /// [`SendError`]; the message was not taken.
    pub async fn send_direct(&self, to: Addressee, message: Vec<u8>) -> Result<DirectToken, SendError> {
        let last = self.send_direct_all(to, [message]).await?;
        Ok(last.expect("one message has a token"))
    }

    /// The same for many messages in their order. Small ones that are handed over together share frames, and cost
    /// one call of the node for hundreds of them. Returns the token of the last one.
    ///
    /// # Errors
    /// [`SendError`]; the message that was refused and those after it were not taken.
    pub async fn send_direct_all(
        &self,
        to: Addressee,
        messages: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Option<DirectToken>, SendError> {
        let mut last = None;
        let mut messages = messages.into_iter();
        let mut waiting = VecDeque::new();
        loop {
            let mut bytes: usize = waiting.iter().map(Vec::len).sum();
            while bytes < CALL_BYTES
                && let Some(message) = messages.next()
            {
                bytes += message.len();
                waiting.push_back(message);
            }
            if waiting.is_empty() {
                return Ok(last);
            }
            let acknowledged = Arc::clone(&self.acknowledged().0);
            let mut room = pin!(acknowledged.notified());
            // Before the node is asked, so that nothing is missed in between.
            room.as_mut().enable();
            let address = to.clone();
            let sent = self.call(move |node, now| {
                let Addressee { room, endpoint, slot, topic } = &address;
                while let Some(message) = waiting.front() {
                    match node.room_mut(now, *room).send_direct(*endpoint, *slot, topic, message) {
                        Ok(token) => {
                            last = Some(token);
                            waiting.pop_front();
                        }
                        Err(error) => return (waiting, last, Err(error)),
                    }
                }
                (waiting, last, Ok(()))
            });
            let (left, token, result) = sent.await?;
            (waiting, last) = (left, token);
            match result {
                Ok(()) => {}
                Err(CommandError::Backpressure(_)) => room.await,
                Err(error) => return Err(SendError::Refused(error)),
            }
        }
    }
}
