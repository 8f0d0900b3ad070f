//! One kind of message, and how it is said and heard.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::json;
use meshwork_core::node::{CommandError, Node};
use meshwork_core::seam::lane::{Audience, DirectEnd, Topic as TopicName};
use meshwork_core::time::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::app::App;
use crate::error::{Closed, DatagramError, DirectError, SayError, WriteError};
use crate::inbox::{self, inbox_of};
use crate::runner::MaybeSend;
use crate::shared::Shared;
use crate::unheard::Message;

/// Messages that wait for a listener. Then the oldest that was not said to this program alone is dropped, and
/// [`Heard::missed`] of the next one says so. Of direct messages none is dropped: from half as many on they stay with
/// their senders, who wait, until this listener has read.
pub const MESSAGES_MAX: usize = 1024;

/// One kind of message in a room: `T`, which `C` turns into bytes.
pub struct Topic<T, C = Json> {
    pub(crate) app: App,
    pub(crate) name: TopicName,
    kind: PhantomData<fn(T, C) -> T>,
}

/// Turns values into bytes and back.
pub trait Codec<T> {
    /// The bytes of a value.
    ///
    /// # Errors
    /// In words, why it has none.
    fn encode(value: &T) -> Result<Vec<u8>, String>;

    /// The value of bytes; `None` where they are none.
    fn decode(bytes: Vec<u8>) -> Option<T>;
}

/// Values as JSON.
#[derive(Clone, Copy, Debug)]
pub enum Json {}

/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
pub enum Bytes {}

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T) -> Result<Vec<u8>, String> {
        json::to_vec(value).map_err(|error| error.to_string())
    }

    fn decode(bytes: Vec<u8>) -> Option<T> {
        serde_json::from_slice(&bytes).ok()
    }
}

impl Codec<Vec<u8>> for Bytes {
    fn encode(value: &Vec<u8>) -> Result<Vec<u8>, String> {
        Ok(value.clone())
    }

    fn decode(bytes: Vec<u8>) -> Option<Vec<u8>> {
        Some(bytes)
    }
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// To everybody, signed, in its author's order.
    Say,
    /// To this endpoint alone.
    Direct,
    /// Lossy, the newest alone.
    Datagram,
}

/// Something that a member said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// The endpoint that said it; its `peer` is the person, whose name [`Room::name_of`](crate::Room::name_of) returns.
    pub from: EndpointId,
    /// What.
    pub value: T,
    /// How it came.
    pub lane: Lane,
    /// How many messages before it are not heard here: they never came, were no value of this kind, or this listener
    /// was too slow.
    pub missed: u64,
}

/// Hears what is said on a topic. Dropped, it listens no more.
pub struct Inbox<T, C = Json> {
    messages: inbox::Inbox<Message>,
    /// Is told what was read. A listener keeps no room.
    shared: Weak<Shared>,
    /// How many before the next message are not heard.
    missed: u64,
    kind: PhantomData<fn(T, C) -> T>,
}

impl<T, C: Codec<T>> Topic<T, C> {
    pub(crate) fn new(app: App, name: TopicName) -> Topic<T, C> {
        Topic { app, name, kind: PhantomData }
    }

    /// Says something to everybody in the room: once, signed, and after what this program said in the app before. It is
    /// not kept: who is cut off for more than half a minute misses it, and is told. Who joins within half a minute hears it
    /// as well, so an answer names what it answers. Waits while the neighbours have no room for it. Dropping the future
    /// leaves it said, or not.
    ///
    /// # Errors
    /// [`SayError`]; nobody hears it. At most [`SAY_MAX`](crate::SAY_MAX) bytes can be said.
    pub async fn say(&self, value: &T) -> Result<(), SayError> {
        let bytes = C::encode(value).map_err(SayError::Value)?;
        self.say_made(move |_| bytes.clone(), || ()).await
    }

    /// Says what is made at that moment, and tells that it was said.
    pub(crate) async fn say_made(
        &self,
        mut make: impl FnMut(Time) -> Vec<u8> + MaybeSend + 'static,
        mut said: impl FnMut() + MaybeSend + 'static,
    ) -> Result<(), SayError> {
        let (slot, topic) = (self.app.slot, self.name.clone());
        let say = move |node: &mut Node, now, room| {
            node.room_mut(now, room).say(slot, &topic, &make(now)).map(|()| said())
        };
        let done = self.app.room.call_patiently(say).await.map_err(WriteError::Closed)?;
        Ok(done.map_err(WriteError::from)?)
    }

    /// Says something to one member alone: once, and after what was said to it so before. A link is made where there is
    /// none. Waits until its program took it, which tells more than that it was sent. Dropping the future leaves it
    /// said, or not.
    ///
    /// # Errors
    /// [`DirectError`] says what is known of it. At most [`DIRECT_MAX`](crate::DIRECT_MAX) bytes can be said.
    pub async fn direct(&self, to: EndpointId, value: &T) -> Result<(), DirectError> {
        let bytes = C::encode(value).map_err(DirectError::Value)?;
        let (slot, topic) = (self.app.slot, self.name.clone());
        let state = Arc::clone(&self.app.room.state);
        let send = move |node: &mut Node, now, room| {
            let token = node.room_mut(now, room).send_direct(to, slot, &topic, &bytes)?;
            let (ended, end) = oneshot::channel();
            // Before anything can be heard of it.
            state.look(|known| known.directs.insert(token, (to, ended)));
            Ok(end)
        };
        let sent = self.app.room.call_patiently(send).await?;
        let end = sent.map_err(|error| match error {
            CommandError::TooLong(bytes) => DirectError::TooLarge(bytes),
            CommandError::NoSuchRoom(_) => DirectError::Closed(Closed),
            error => DirectError::NotSent(error.to_string()),
        })?;
        let (end, reason) = end.await.map_err(|_| Closed)?;
        let words = reason.unwrap_or_else(|| String::from("no reason is known"));
        match end {
            DirectEnd::Taken => Ok(()),
            DirectEnd::NotSent => Err(DirectError::NotSent(words)),
            DirectEnd::Unknown => Err(DirectError::Unknown(words)),
        }
    }

    /// Says something to everybody, once, which may be lost: of what does not go out in time only the newest does, and
    /// what arrives after a newer one is passed over. At most [`DATAGRAM_TO_ALL_MAX`](crate::DATAGRAM_TO_ALL_MAX) bytes.
    ///
    /// # Errors
    /// [`DatagramError`]; nobody hears it.
    pub async fn datagram(&self, value: &T) -> Result<(), DatagramError> {
        self.send_datagram(Audience::All, value).await
    }

    /// The same to one member that is linked: at most [`DATAGRAM_MAX`](crate::DATAGRAM_MAX) bytes.
    ///
    /// # Errors
    /// [`DatagramError`]; it is not heard.
    pub async fn datagram_to(&self, to: EndpointId, value: &T) -> Result<(), DatagramError> {
        self.send_datagram(Audience::One(to), value).await
    }

    async fn send_datagram(&self, to: Audience, value: &T) -> Result<(), DatagramError> {
        let bytes = C::encode(value).map_err(DatagramError::Value)?;
        let (slot, topic) = (self.app.slot, self.name.clone());
        let send = move |node: &mut Node, now, room| {
            node.room_mut(now, room).send_datagram(to, slot, &topic, &bytes)
        };
        self.app.room.call(send).await?.map_err(|error| match error {
            CommandError::DatagramTooLong(bytes) => DatagramError::TooLarge(bytes),
            CommandError::NotLinked(_) => DatagramError::NotLinked,
            CommandError::NotOpen => DatagramError::NotOpen,
            _ => DatagramError::Closed(Closed),
        })
    }

    /// Hears what others say on it from now on; the first listener also what came while nobody listened. What this
    /// program says it does not hear.
    pub fn listen(&self) -> Inbox<T, C> {
        let (messages, inbox) = inbox_of(MESSAGES_MAX, |message: &Message| message.lane != Lane::Direct);
        self.app.room.add_topic((self.app.slot, self.name.clone()), messages);
        let shared = Arc::downgrade(self.app.room.shared());
        Inbox { messages: inbox, shared, missed: 0, kind: PhantomData }
    }
}

impl<T, C: Codec<T>> Inbox<T, C> {
    /// Waits for the next message; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Heard<T>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same for a reader of several topics.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Heard<T>>> {
        while let Some((message, missed)) = ready!(self.messages.poll_next(context)) {
            if let Some(shared) = self.shared.upgrade() {
                shared.note_read();
            }
            let Message { from, lane, bytes, missed: never_came } = message;
            self.missed += missed + never_came;
            match C::decode(bytes) {
                Some(value) => {
                    let missed = std::mem::take(&mut self.missed);
                    return Poll::Ready(Some(Heard { from, value, lane, missed }));
                }
                None => self.missed += 1,
            }
        }
        Poll::Ready(None)
    }
}

impl<T, C> Clone for Topic<T, C> {
    fn clone(&self) -> Topic<T, C> {
        Topic { app: self.app.clone(), name: self.name.clone(), kind: PhantomData }
    }
}

impl<T, C> fmt::Debug for Topic<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&&*self.name).finish()
    }
}

impl<T, C> fmt::Debug for Inbox<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.messages.fmt(f)
    }
}
