//! State machines without I/O, run in a room: a game's player, a job's scheduler, any protocol of an app.
//!
//! # Problem
//! A protocol is tested in full only if it has no clock, sockets or tasks of its own. Something must then carry messages, rows,
//! blobs and time between such a machine and the room, natively and in pages, without losing or reordering them.
//!
//! # How it works
//! A [`Session`] is the machine of one app at one endpoint. [`Room::run`] or [`App::run`] starts a task that hands it each
//! [`Input`], carries out its [`Output`]s, and calls it again at its deadline. Play runs on it.
//!
//! # Driving it
//! Call [`Handle::with`] of [`Running`] to act on the session: its outputs are carried out then. Results for the caller are effects: the
//! function passed to [`Room::run`] receives them, without a lock on the session. Dropping [`Running`] ends the run.
//!
//! # Invariants
//! - The session is never called twice at once, and never with an earlier time than before.
//! - Everybody in the room, each presence and each row of [`Session::ROWS`] is reported once at the beginning, and at each change.
//!   After a task was too slow for its queue, the current state is reported again, with the rows that are gone.
//! - An effect is carried out after the outputs before it were handed to the node.
//!
//! # Limits
//! 64 messages wait for slow neighbours, then the oldest is dropped. While 64 writes wait for them, outputs stay in the session.
//! Fetches share the room's limit [`FETCHES_MAX`](crate::FETCHES_MAX).
//!
//! ```
//! # use meshwork::testing::Network;
//! use meshwork::session::{Input, Output, Session, Time};
//!
//! /// Counts the greetings of others.
//! #[derive(Default)]
//! struct Greetings(Vec<Output<u32>>, u32);
//!
//! impl Session for Greetings {
//!     type Effect = u32;
//!     const TOPICS: &'static [&'static str] = &["hello"];
//!
//!     fn handle(&mut self, _now: Time, input: Input<'_>) {
//!         if let Input::Message { .. } = input {
//!             self.1 += 1;
//!             self.0.push(Output::Effect(self.1));
//!         }
//!     }
//!
//!     fn poll_output(&mut self) -> Option<Output<u32>> {
//!         self.0.pop()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let network = Network::calm(7);
//! # let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
//! # let room = ann.create(meshwork::room("hello")).await?;
//! # let same = bo.join(room.link()).await?;
//! # let (sender, mut counts) = tokio::sync::mpsc::unbounded_channel();
//! let running = room.run(Greetings::default(), move |_, count| drop(sender.send(count)));
//! let hello = Output::Say { topic: "hello", bytes: b"Bo is here".to_vec() };
//! let other = same.run(Greetings(vec![hello], 0), |_, _| ());
//! assert_eq!(counts.recv().await, Some(1));
//! assert_eq!(running.read(|greetings| greetings.1), 1);
//! # drop(other);
//! # Ok(())
//! # }
//! ```

mod clock;
mod driver;
mod rows;

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshwork_core::id::Endpoint as EndpointId;
pub use meshwork_core::table::{Entry, Field, Write, Writer};
pub use meshwork_core::time::Time;
use tokio::sync::Notify;

pub(crate) use self::clock::Clock;
use self::driver::Driver;
use crate::app::App;
use crate::blobs::{BlobError, BlobId, FetchError};
use crate::error::WriteError;
use crate::room::Room;
use crate::runner::MaybeSend;
use crate::shared::locked;
use crate::topic::Lane;

/// A state machine of one app at one endpoint. It does no I/O: it takes inputs and times, and returns outputs.
#[cfg_attr(target_arch = "wasm32", allow(private_bounds, reason = "a page has one thread"))]
pub trait Session: MaybeSend + 'static {
    /// An effect outside the room, such as a result for the person or an order to an engine.
    type Effect: Send;

    /// Topics whose messages it receives. Each has at most [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    const TOPICS: &'static [&'static str] = &[];

    /// Beginnings of the ids of rows that it receives, from the app's tables by value. Rows of [`App::table`] begin with the name of the
    /// table and a zero byte.
    const ROWS: &'static [&'static [u8]] = &[];

    /// Handles an input. `now` is the time of [`Room::now`].
    fn handle(&mut self, now: Time, input: Input<'_>);

    /// The next output, until there is none. Called after each input and each [`Handle::with`].
    fn poll_output(&mut self) -> Option<Output<Self::Effect>>;

    /// The time at which to call it with [`Input::Timeout`]; `None` if nothing is due.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// Whether it has ended. The run ends then, after its last outputs.
    fn is_over(&self) -> bool {
        false
    }
}

/// An input of a [`Session`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A member of the room is here, is linked in another way, or is gone. Repeated once a second with the round-trip time.
    Link {
        /// The member.
        endpoint: EndpointId,
        /// The state of the link to it.
        link: Linked,
    },
    /// A member published a presence in the app.
    Presence {
        /// The member. It may come before its [`Input::Link`].
        endpoint: EndpointId,
        /// The bytes. `None` if it has no presence any more.
        value: Option<&'a [u8]>,
    },
    /// A message of another endpoint.
    Message {
        /// The sender, as the link or the signature proves it.
        from: EndpointId,
        /// The topic, one of [`Session::TOPICS`].
        topic: &'static str,
        /// Broadcast, direct message or datagram.
        lane: Lane,
        /// The message.
        bytes: &'a [u8],
    },
    /// A field of a row has another value. Own writes are reported too.
    Row {
        /// The row's id, which begins with one of [`Session::ROWS`].
        row: &'a [u8],
        /// The allowed writers of the field, and its name.
        field: Field<'a>,
        /// The current value, with author and stamp. `None` if the field has none any more.
        entry: Option<&'a Entry>,
    },
    /// Writes were refused. None of them was written.
    NotWritten {
        /// The writes of one [`Output::Write`].
        writes: Vec<Write>,
        /// The reason.
        error: WriteError,
    },
    /// An [`Output::Offer`] was carried out.
    Offered {
        /// The hash of the bytes.
        blob: BlobId,
        /// The reason if they are not held here.
        result: Result<(), BlobError>,
    },
    /// An [`Output::Fetch`] has ended.
    Fetched {
        /// The blob.
        blob: BlobId,
        /// Its bytes. From now on this endpoint serves it too.
        bytes: Result<Vec<u8>, FetchError>,
    },
    /// The time of [`Session::poll_timeout`] has come.
    Timeout,
}

/// The state of the link to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// There is a link, with this round-trip time if it is measured.
    Near(Option<Duration>),
    /// There is no link. Neighbours carry broadcasts, rows and presence.
    Far,
    /// The member is gone.
    Gone {
        /// It left, and did not just fall silent.
        goodbye: bool,
    },
}

/// An output of a [`Session`]. Nothing reports whether a message arrived, and one that is too long is not sent. A topic has at most
/// [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Output<E> {
    /// Send a datagram. It may be lost.
    Datagram {
        /// The receiver, which must be linked. `None` is everybody.
        to: Option<EndpointId>,
        /// The topic.
        topic: &'static str,
        /// At most [`DATAGRAM_MAX`](crate::DATAGRAM_MAX) bytes, or [`DATAGRAM_TO_ALL_MAX`](crate::DATAGRAM_TO_ALL_MAX) to everybody.
        bytes: Vec<u8>,
    },
    /// Send a direct message. A link is made if there is none.
    Direct {
        /// The receiver.
        to: EndpointId,
        /// The topic.
        topic: &'static str,
        /// At most [`DIRECT_MAX`](crate::DIRECT_MAX) bytes.
        bytes: Vec<u8>,
    },
    /// Broadcast a message, signed.
    Say {
        /// The topic.
        topic: &'static str,
        /// At most [`SAY_MAX`](crate::SAY_MAX) bytes.
        bytes: Vec<u8>,
    },
    /// Publish this as the presence of this endpoint in the app, at most [`PRESENCE_MAX`](crate::PRESENCE_MAX) bytes. `None` removes it.
    Presence(Option<Vec<u8>>),
    /// Keep a link to this member, as [`Room::pin`] does.
    Visit(EndpointId),
    /// Keep the link no longer.
    EndVisit(EndpointId),
    /// Write these fields at one time in the app's table by value. Writes travel in their order.
    Write(Vec<Write>),
    /// Hold these bytes as a blob. [`Input::Offered`] answers.
    Offer(Vec<u8>),
    /// Fetch a blob from members. [`Input::Fetched`] answers.
    Fetch {
        /// The blob.
        blob: BlobId,
        /// The largest accepted size in bytes.
        at_most: u64,
    },
    /// Hold a blob no longer that was offered or fetched.
    Free(BlobId),
    /// An effect outside the room.
    Effect(E),
}

/// A session that runs. Dropped, it ends after its last outputs.
#[derive(Debug)]
pub struct Running<S: Session>(Handle<S>);

/// Access to a session that runs, for tasks whose results it gets later. It does not keep the session running.
pub struct Handle<S>(Arc<Inner<S>>);

struct Inner<S> {
    session: Mutex<S>,
    /// Wakes the driver.
    acted: Notify,
    is_dropped: AtomicBool,
    clock: Clock,
}

impl App {
    /// Runs a session in this app, until [`Running`] is dropped, the session is over, or the room is left. It begins when the room is
    /// open. `carry_out` receives its effects in order, between two calls of the session, and is dropped with the run.
    ///
    /// # Panics
    /// For a topic of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn run<S: Session>(
        &self,
        session: S,
        carry_out: impl FnMut(&Handle<S>, S::Effect) + Send + 'static,
    ) -> Running<S> {
        let inner = Inner {
            session: Mutex::new(session),
            acted: Notify::new(),
            is_dropped: AtomicBool::new(false),
            clock: self.room.shared().clock,
        };
        let handle = Handle(Arc::new(inner));
        let driver = Driver::new(self.clone(), handle.clone(), Box::new(carry_out));
        self.room.shared().runner.spawn(Box::pin(driver.run()));
        Running(handle)
    }
}

impl Room {
    /// Runs a session in the app that the room opened with: see [`App::run`].
    ///
    /// # Panics
    /// For a topic of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn run<S: Session>(
        &self,
        session: S,
        carry_out: impl FnMut(&Handle<S>, S::Effect) + Send + 'static,
    ) -> Running<S> {
        self.opening_app().run(session, carry_out)
    }

    /// Runs a task beside the caller: on the endpoint's runtime, or in the page. It goes on if the room is left.
    #[cfg_attr(
        target_arch = "wasm32",
        allow(private_bounds, reason = "in a page every future may be spawned")
    )]
    pub fn spawn(&self, task: impl Future<Output = ()> + MaybeSend + 'static) {
        self.shared().runner.spawn(Box::pin(task));
    }

    /// Waits. Time is that of [`Room::now`]; a hidden page may wait for a second or a minute more.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        self.shared().runner.sleep(time)
    }

    /// The time since an arbitrary moment of this program. It never goes back, and a test can let it pass.
    pub fn now(&self) -> Time {
        self.shared().clock.now()
    }
}

impl<S> Handle<S> {
    /// Acts on the session, at the current time. Its outputs are carried out afterwards.
    pub fn with<R>(&self, act: impl FnOnce(&mut S, Time) -> R) -> R {
        let done = {
            let mut session = locked(&self.0.session);
            act(&mut session, self.now())
        };
        self.0.acted.notify_one();
        done
    }

    /// Reads the session.
    pub fn read<R>(&self, read: impl FnOnce(&S) -> R) -> R {
        read(&locked(&self.0.session))
    }

    pub(crate) fn now(&self) -> Time {
        self.0.clock.now()
    }

    fn is_dropped(&self) -> bool {
        self.0.is_dropped.load(Ordering::Acquire)
    }
}

impl<S: Session> Deref for Running<S> {
    type Target = Handle<S>;

    fn deref(&self) -> &Handle<S> {
        &self.0
    }
}

impl<S: Session> Drop for Running<S> {
    fn drop(&mut self) {
        self.0.0.is_dropped.store(true, Ordering::Release);
        self.0.0.acted.notify_one();
    }
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Handle<S> {
        Handle(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
