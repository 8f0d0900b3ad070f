//! What runs a node under the library: one seam, and behind it a native driver, a browser's or a virtual network.

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub(crate) mod virtual_network;
#[cfg(target_arch = "wasm32")]
pub(crate) mod web;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, RoomId};
#[cfg(not(target_arch = "wasm32"))]
use meshwork_core::node::StoredRoom;
use meshwork_core::node::{CommandError, Node, RoomHandle};
#[cfg(not(target_arch = "wasm32"))]
use meshwork_core::signalling::address::LAN;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::table::{Table, Write};
use meshwork_core::time::Time;

use crate::error::{Closed, WriteError};
use crate::store::{KeptRoom, StoreError};

#[cfg(not(target_arch = "wasm32"))]
mod kind {
    /// What may go to another thread; in a browser there is one alone.
    pub(crate) use core::marker::{Send as MaybeSend, Sync as MaybeSync};
    use std::pin::Pin;

    use super::{CommandError, EndpointId, Node, RoomHandle, Table, Time, Write, WriteError};

    pub(crate) type Call = Box<dyn FnOnce(&mut Node, Time) + Send>;
    pub(crate) type State = Box<dyn core::any::Any + Send>;
    pub(crate) type Work<R> = Box<dyn FnMut(&mut Node, Time, RoomHandle) -> Result<R, CommandError> + Send>;
    pub(crate) type Make = Box<dyn FnMut(&Table, EndpointId) -> Result<Vec<Write>, WriteError> + Send>;
    pub(crate) type Joined = Box<dyn FnOnce(RoomHandle) + Send>;
    pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
}

#[cfg(target_arch = "wasm32")]
mod kind {
    use std::pin::Pin;

    use super::{CommandError, EndpointId, Node, RoomHandle, Table, Time, Write, WriteError};

    /// What may go to another thread: in a browser there is one alone.
    pub(crate) trait MaybeSend {}
    impl<T> MaybeSend for T {}
    /// As [`MaybeSend`].
    pub(crate) trait MaybeSync {}
    impl<T> MaybeSync for T {}

    pub(crate) type Call = Box<dyn FnOnce(&mut Node, Time)>;
    pub(crate) type State = Box<dyn core::any::Any>;
    pub(crate) type Work<R> = Box<dyn FnMut(&mut Node, Time, RoomHandle) -> Result<R, CommandError>>;
    pub(crate) type Make = Box<dyn FnMut(&Table, EndpointId) -> Result<Vec<Write>, WriteError>>;
    pub(crate) type Joined = Box<dyn FnOnce(RoomHandle)>;
    pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
}

pub(crate) use kind::*;

/// Runs a node.
pub(crate) trait Runner: MaybeSend + MaybeSync + 'static {
    /// Who the node is.
    fn id(&self) -> EndpointId;

    /// What a page of this workspace looks at.
    #[cfg(target_arch = "wasm32")]
    fn page(&self) -> (&meshwork_rtc::web::Driver, &std::rc::Rc<web::Tap>);

    /// Does something with the node, between two of its inputs, and waits until it is done.
    fn call(&self, call: Call) -> Boxed<'_, Result<(), Closed>>;

    /// Joins a room, with what is stored of it here; `joined` is told the handle before anything of the room happens.
    fn join(&self, entry: Entry, joined: Joined) -> Boxed<'_, Result<(), RunnerJoinError>>;

    /// Lets the node hand over direct messages, or lets them stay with their senders for now.
    fn set_takes_direct(&self, takes: bool);

    /// Whether all that was stored of a room has been handed to the node: others do so before a room is joined.
    fn has_read(&self, _room: RoomHandle) -> bool {
        true
    }

    /// Leaves a room without waiting for it. What was written in it may go out before; the room is left before anything
    /// that is asked for after this and concerns what is stored of it.
    fn leave(&self, room: RoomHandle);

    /// Notes where a room is found, beside what is stored of it.
    fn note(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>>;

    /// Notes that a room is found at another link too.
    fn note_place(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>>;

    /// The room that was found at a link, whatever stands behind its `#`.
    fn find(&self, link: RoomAddress) -> Boxed<'_, Result<Option<RoomId>, StoreError>>;

    /// The rooms that are stored here.
    fn kept(&self) -> Boxed<'_, Result<Vec<KeptRoom>, StoreError>>;

    /// Removes all that is stored of a room that is left.
    fn forget(&self, id: RoomId) -> Boxed<'_, Result<(), StoreError>>;

    /// Does some work beside everything else.
    fn spawn(&self, work: Boxed<'static, ()>);

    /// Does something with files, where that may take its time.
    #[cfg(not(target_arch = "wasm32"))]
    fn blocking(&self, work: Box<dyn FnOnce() + Send>);

    /// Whether other programs of this machine may be the same peer: in a virtual network none is.
    #[cfg(not(target_arch = "wasm32"))]
    #[allow(dead_code, reason = "a program without games has no use for it")]
    fn is_of_machine(&self) -> bool {
        false
    }

    /// Reads what a web server has at an address, at most so many bytes. A virtual network has no such servers, and pages ask
    /// their own.
    #[allow(dead_code, reason = "a program without games has no use for it")]
    fn get(&self, _url: String, _most: usize) -> Boxed<'static, Option<Vec<u8>>> {
        Box::pin(std::future::ready(None))
    }

    /// Waits.
    fn sleep(&self, time: Duration) -> Boxed<'static, ()>;

    /// Says goodbye to everybody and stores what is to be stored.
    fn shut_down(&self) -> Boxed<'_, ()>;

    /// The program let go of the endpoint: what was written has a moment to arrive.
    fn end(&self) {}
}

#[cfg(not(target_arch = "wasm32"))]
impl dyn Runner {
    /// Does something with files, where that may take its time, and waits for it.
    pub(crate) async fn wait<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Closed> {
        let (sender, done) = tokio::sync::oneshot::channel();
        self.blocking(Box::new(move || {
            // An error says that the caller does not wait any more.
            let _ = sender.send(work());
        }));
        done.await.map_err(|_| Closed)
    }
}

/// A room to join.
pub(crate) struct Entry {
    pub(crate) address: RoomAddress,
    /// Its genesis, by which it opens at once if nothing is stored of it.
    pub(crate) genesis: Option<Vec<u8>>,
    /// Whether it is searched on the local network besides.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    pub(crate) lan: bool,
}

#[cfg(not(target_arch = "wasm32"))]
impl Entry {
    /// Has the node join the room, with its stored state.
    fn join(
        self,
        node: &mut Node,
        now: Time,
        stored: Option<StoredRoom>,
    ) -> Result<RoomHandle, CommandError> {
        let room = match (stored, self.genesis) {
            (None, Some(genesis)) => node.join_by_genesis(now, self.address, genesis)?,
            (stored, _) => node.join_room(now, self.address, stored)?,
        };
        if self.lan {
            // A room that was refused at once is nowhere.
            let _ = node.room_mut(now, room).add_server(LAN);
        }
        Ok(room)
    }
}

/// Why a room is not being joined.
#[derive(Debug)]
// A browser's driver reads its storage itself.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(crate) enum RunnerJoinError {
    Closed,
    Command(CommandError),
    Store(StoreError),
}

/// What comes of `work`, unless it takes longer than `most`.
pub(crate) async fn timeout<T>(
    runner: &dyn Runner,
    most: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    unless(runner.sleep(most), work).await
}

/// What comes of `work`; `None` where `end` comes first.
pub(crate) async fn unless<T>(end: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    first(async { Some(work.await) }, async {
        end.await;
        None
    })
    .await
}

/// The result of the future that ends first, and of `one` if both have ended.
pub(crate) async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => other.as_mut().poll(context),
    })
    .await
}
