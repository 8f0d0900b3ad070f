//! What is said in causal order.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshwork_core::seam::lane::Topic as TopicName;
use meshwork_core::time::Time;
use meshwork_sync::causal::{self, Order};

use crate::app::App;
use crate::error::SayError;
use crate::runner::unless;
use crate::topic::{Bytes, Codec, Heard, Inbox, Json, Lane, Topic};

/// A topic on which nobody hears an answer before what it answers: what one says comes after all that this one had
/// heard. Whoever says something on it or listens does so causally.
///
/// A message waits at most two seconds for what its author had heard and this program has not.
pub struct Causal<T, C = Json> {
    topic: Topic<Vec<u8>, Bytes>,
    inbox: Inbox<Vec<u8>, Bytes>,
    order: Arc<Mutex<Order>>,
    /// What came and is not in its order yet.
    came: Option<Heard<Vec<u8>>>,
    /// Messages of whose authors' bytes nothing could be made since the last one that was heard.
    unread: u64,
    kind: PhantomData<fn(T, C) -> T>,
}

/// Says something on a [causal](Causal) topic, from another task than the one that listens.
pub struct Speaker<T, C = Json> {
    topic: Topic<Vec<u8>, Bytes>,
    order: Arc<Mutex<Order>>,
    kind: PhantomData<fn(T, C) -> T>,
}

impl<T, C: Codec<T>> Topic<T, C> {
    /// The same, in causal order: nobody hears an answer before what it answers. Whoever takes part has to do so.
    pub fn causal(&self) -> Causal<T, C> {
        Causal::new(self.app.clone(), self.name.clone())
    }
}

impl<T, C: Codec<T>> Causal<T, C> {
    pub(crate) fn new(app: App, name: TopicName) -> Causal<T, C> {
        let order = Arc::new(Mutex::new(Order::new(app.room.me())));
        let topic = Topic::new(app, name);
        let inbox = topic.listen();
        Causal { topic, inbox, order, came: None, unread: 0, kind: PhantomData }
    }

    /// What says something after all that was heard here, also while somebody waits for the next message.
    pub fn speaker(&self) -> Speaker<T, C> {
        Speaker { topic: self.topic.clone(), order: Arc::clone(&self.order), kind: PhantomData }
    }

    /// Says something after all that was heard here: see [`Topic::say`].
    ///
    /// # Errors
    /// [`SayError`]; nobody hears it. What was heard since this program spoke last takes some bytes of
    /// [`SAY_MAX`](crate::SAY_MAX): 18 for each endpoint that spoke, of 128 at most.
    pub async fn say(&self, value: &T) -> Result<(), SayError> {
        self.speaker().say(value).await
    }

    /// Waits for the next message in its order; `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Heard<T>> {
        loop {
            let ready = locked(&self.order).poll();
            if let Some(causal::Heard { from, content, missed }) = ready {
                let missed = missed + std::mem::take(&mut self.unread);
                match C::decode(content) {
                    Some(value) => return Some(Heard { from, value, lane: Lane::Say, missed }),
                    None => self.unread = missed + 1,
                }
                continue;
            }
            self.take_in().await?;
        }
    }

    /// Waits until something came or has waited long enough, and puts it in its order.
    async fn take_in(&mut self) -> Option<()> {
        if self.came.is_none() {
            let room = self.topic.app.room.clone();
            let due = locked(&self.order).poll_timeout();
            let came = match due {
                Some(due) => {
                    let now = self.now().await?;
                    let wait = room.shared().runner.sleep(due.since(now));
                    unless(wait, self.inbox.next()).await
                }
                None => Some(self.inbox.next().await),
            };
            if let Some(heard) = came {
                self.came = Some(heard?);
            }
        }
        let now = self.now().await?;
        let mut order = locked(&self.order);
        order.handle_timeout(now);
        if let Some(Heard { from, value, lane, missed }) = self.came.take() {
            let is_read = lane == Lane::Say && order.handle_frame(now, from, &value, missed).is_ok();
            self.unread += if is_read { 0 } else { missed + 1 };
        }
        Some(())
    }

    async fn now(&self) -> Option<Time> {
        self.topic.app.room.call(|_, now, _| now).await.ok()
    }
}

impl<T, C: Codec<T>> Speaker<T, C> {
    /// Says something after all that was heard on this topic so far: see [`Topic::say`].
    ///
    /// # Errors
    /// As for [`Causal::say`].
    pub async fn say(&self, value: &T) -> Result<(), SayError> {
        let content = C::encode(value).map_err(SayError::Value)?;
        let (order, same) = (Arc::clone(&self.order), Arc::clone(&self.order));
        // Both happen in one turn of the node.
        let make = move |now| locked(&order).frame(now, &content);
        self.topic.say_made(make, move || locked(&same).said()).await
    }
}

/// A panic while the lock was held left the order whole: every step on it is one call.
fn locked(order: &Mutex<Order>) -> MutexGuard<'_, Order> {
    order.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T, C> Clone for Speaker<T, C> {
    fn clone(&self) -> Speaker<T, C> {
        Speaker { topic: self.topic.clone(), order: Arc::clone(&self.order), kind: PhantomData }
    }
}

impl<T, C> fmt::Debug for Causal<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Causal").field(&self.topic).finish()
    }
}

impl<T, C> fmt::Debug for Speaker<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Speaker").field(&self.topic).finish()
    }
}
