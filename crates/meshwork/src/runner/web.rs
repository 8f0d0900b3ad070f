//! The browser's driver under the library.

use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, RoomId};
use meshwork_core::node::{Event, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_rtc::web::{Driver, Events};

use super::{Boxed, Call, Joined, Runner, RunnerJoinError};
use crate::Closed;
use crate::shared::Heard;
use crate::store::{KeptRoom, StoreError};

pub(crate) struct Web {
    driver: Driver,
}

impl Web {
    pub(crate) fn new(driver: Driver) -> Web {
        Web { driver }
    }
}

impl Runner for Web {
    fn id(&self) -> EndpointId {
        self.driver.endpoint()
    }

    fn call(&self, call: Call) -> Boxed<'_, Result<(), Closed>> {
        self.driver.with(call);
        Box::pin(async { Ok(()) })
    }

    fn join(&self, address: RoomAddress, joined: Joined) -> Boxed<'_, Result<(), RunnerJoinError>> {
        Box::pin(async move {
            let room = self.driver.join_room(address).await.map_err(RunnerJoinError::Command)?;
            // Events are read by a task that has its turn after this one.
            joined(room);
            Ok(())
        })
    }

    fn set_takes_direct(&self, takes: bool) {
        self.driver.set_takes_direct(takes);
    }

    fn leave(&self, room: RoomHandle) {
        self.driver.leave_room(room);
    }

    fn note(&self, _: RoomId, _: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        // The driver notes it itself.
        Box::pin(async { Ok(()) })
    }

    fn note_place(&self, _: RoomId, _: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::Failed(String::from("a page does not note further links yet"))) })
    }

    fn find(&self, _: RoomAddress) -> Boxed<'_, Result<Option<RoomId>, StoreError>> {
        Box::pin(async { Err(StoreError::Failed(String::from("a page does not look up its rooms yet"))) })
    }

    fn kept(&self) -> Boxed<'_, Result<Vec<KeptRoom>, StoreError>> {
        Box::pin(async { Err(StoreError::Failed(String::from("a page does not list its rooms yet"))) })
    }

    fn forget(&self, _: RoomId) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::Failed(String::from("a page does not forget single rooms yet"))) })
    }

    fn spawn(&self, work: Boxed<'static, ()>) {
        wasm_bindgen_futures::spawn_local(work);
    }

    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        Box::pin(meshwork_rtc::web::sleep(time))
    }

    fn shut_down(&self) -> Boxed<'_, ()> {
        self.driver.shut_down();
        Box::pin(async {})
    }
}

impl Heard for Events {
    async fn next(&mut self) -> Option<(Event, u64)> {
        let event = Events::next(self).await?;
        Some((event, self.missed()))
    }
}
