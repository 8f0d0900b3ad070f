//! The native driver under the library.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, RoomId};
use meshwork_core::node::{Event, Node, RoomHandle, StoredRoom};
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_rtc::native::store::RedbStore;
use meshwork_rtc::native::{Driver, Events};
use tokio::runtime::Handle;

use super::{Boxed, Call, Entry, Joined, Runner, RunnerJoinError};
use crate::dispatch::Heard;
use crate::error::Closed;
use crate::shared::Shared;
use crate::store::{KeptRoom, StoreError, page, place};

/// How long a thread waits at the end of an endpoint.
const END_MAX: Duration = Duration::from_secs(1);

/// How long a web server may take for an answer of some megabytes.
const GET_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Native {
    driver: Driver,
    /// Let go of when the endpoint closes, so that another program may open it.
    store: Mutex<Option<RedbStore>>,
    runtime: Handle,
}

impl Native {
    /// A runner of a driver that was started on the current runtime.
    pub(crate) fn new(driver: Driver, store: Option<RedbStore>) -> Native {
        Native { driver, store: Mutex::new(store), runtime: Handle::current() }
    }

    fn store(&self) -> MutexGuard<'_, Option<RedbStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the store, on a thread that may wait for a disk.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&RedbStore) -> Result<T, meshwork_rtc::native::persist::StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let store = self.store().clone();
        let Some(store) = store else { return Ok(None) };
        let worked = self.runtime.spawn_blocking(move || work(&store)).await;
        let failed = |words: String| StoreError::Failed(words);
        worked
            .map_err(|error| failed(error.to_string()))?
            .map(Some)
            .map_err(|error| failed(error.to_string()))
    }
}

/// Which room was found at an address.
fn at(
    store: &RedbStore,
    address: &RoomAddress,
) -> Result<Option<RoomId>, meshwork_rtc::native::persist::StoreError> {
    match store.room_at(&place(address))? {
        None => store.room_at(&page(address)),
        found => Ok(found),
    }
}

/// Reads what is stored of a room, and its id where the address has none.
fn load(
    store: &RedbStore,
    address: RoomAddress,
) -> Result<(RoomAddress, Option<StoredRoom>), meshwork_rtc::native::persist::StoreError> {
    let address = match address.room() {
        Some(_) => address,
        None => match at(store, &address)? {
            Some(room) => address.with_keys(RoomKeys { room, secrets: None }),
            None => address,
        },
    };
    let stored = address.room().map(|room| store.load(room)).transpose()?.flatten();
    Ok((address, stored))
}

impl Runner for Native {
    fn id(&self) -> EndpointId {
        self.driver.endpoint()
    }

    fn call(&self, call: Call) -> Boxed<'_, Result<(), Closed>> {
        Box::pin(async move { self.driver.call(call).await.map_err(|_| Closed) })
    }

    fn join(&self, mut entry: Entry, joined: Joined) -> Boxed<'_, Result<(), RunnerJoinError>> {
        Box::pin(async move {
            let address = entry.address.clone();
            // It may be a room that is being left, of which something is not stored yet.
            self.driver.leave_rooms_now(address.room());
            let loaded = self.stored(move |store| load(store, address)).await;
            let loaded = loaded.map_err(RunnerJoinError::Store)?;
            let stored = loaded.and_then(|(address, stored)| {
                entry.address = address;
                stored
            });
            let join = move |node: &mut Node, now| entry.join(node, now, stored).map(joined);
            let done = self.driver.call(join).await.map_err(|_| RunnerJoinError::Closed)?;
            done.map_err(RunnerJoinError::Command)
        })
    }

    fn set_takes_direct(&self, takes: bool) {
        self.driver.set_takes_direct(takes);
    }

    fn leave(&self, room: RoomHandle) {
        self.driver.leave_room_when_sent(room);
    }

    fn note(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let noted = self.stored(move |store| {
                store.note_address(&place(&link), id)?;
                store.note_link(id, &link.to_string())
            });
            noted.await.map(|_| ())
        })
    }

    fn note_place(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(
            async move { self.stored(move |store| store.note_address(&place(&link), id)).await.map(|_| ()) },
        )
    }

    fn find(&self, link: RoomAddress) -> Boxed<'_, Result<Option<RoomId>, StoreError>> {
        Box::pin(async move { Ok(self.stored(move |store| at(store, &link)).await?.flatten()) })
    }

    fn kept(&self) -> Boxed<'_, Result<Vec<KeptRoom>, StoreError>> {
        Box::pin(async move {
            let rooms = self.stored(RedbStore::rooms).await?.unwrap_or_default();
            Ok(rooms.into_iter().map(KeptRoom::new).collect())
        })
    }

    fn forget(&self, id: RoomId) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.driver.leave_rooms_now(Some(id));
            // A node that has stopped has left it too.
            let _ = self.driver.call(|_, _| ()).await;
            self.stored(move |store| store.forget(id)).await.map(|_| ())
        })
    }

    fn spawn(&self, work: Boxed<'static, ()>) {
        self.runtime.spawn(work);
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.runtime.spawn_blocking(work);
    }

    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        // Whoever polls it may run on another executor.
        let _guard = self.runtime.enter();
        Box::pin(tokio::time::sleep(time))
    }

    fn is_of_machine(&self) -> bool {
        true
    }

    fn get(&self, url: String, most: usize) -> Boxed<'static, Option<Vec<u8>>> {
        let asked =
            self.runtime.spawn(async move { meshwork_rtc::native::get(&url, most, GET_MAX).await.ok() });
        Box::pin(async { asked.await.ok().flatten() })
    }

    fn shut_down(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            self.driver.shut_down().await;
            self.store().take();
        })
    }

    fn end(&self) {
        self.driver.stop_blocking(END_MAX);
    }
}

impl Heard for Events {
    async fn next(&mut self) -> Option<(Event, u64)> {
        let event = Events::next(self).await?;
        Some((event, self.missed()))
    }

    fn tap(&mut self, shared: Weak<Shared>) {
        Events::tap(self, move |event| match shared.upgrade() {
            Some(shared) => shared.hear_at_once(event),
            None => Some(event),
        });
    }
}
