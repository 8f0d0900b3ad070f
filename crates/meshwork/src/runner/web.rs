//! The browser's driver under the library.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Weak;
use std::task::Poll;
use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, RoomId};
use meshwork_core::node::{Event, RoomHandle};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_rtc::web::{Driver, Events, StorageError, StorageNews, StorageState};
use tokio::sync::mpsc;

use super::{Boxed, Call, Entry, Joined, Runner, RunnerJoinError};
use crate::blobs::Page;
use crate::dispatch::Heard;
use crate::error::Closed;
use crate::shared::Shared;
use crate::store::{KeptRoom, StoreError};

/// Hears events in order; without an event, some were missed.
type HearEvent = Rc<dyn Fn(Option<&Event>)>;
/// Hears of storage.
type HearStorage = Rc<dyn Fn(StorageNews)>;

/// Has a page of this workspace hear everything first.
#[derive(Default)]
pub(crate) struct Tap {
    pub(crate) events: RefCell<Option<HearEvent>>,
    pub(crate) storage: RefCell<Option<HearStorage>>,
}

impl Tap {
    fn hear(&self, event: Option<&Event>) {
        let hear = self.events.borrow().clone();
        if let Some(hear) = hear {
            hear(event);
        }
    }

    /// Whether a page listens, which notes links itself.
    fn is_open(&self) -> bool {
        self.events.borrow().is_some()
    }
}

pub(crate) struct Web {
    driver: Driver,
    tap: Rc<Tap>,
    /// Whether goodbyes were said. The driver's node would begin anew.
    is_shut_down: Cell<bool>,
}

impl Web {
    /// A runner of a driver, and all that is heard of it. Blobs of a room that is forgotten for another are removed with it.
    pub(crate) fn new(driver: Driver, events: Events, blobs: Option<&Page>) -> (Web, WebEvents) {
        let (sender, storage) = mpsc::unbounded_channel();
        let failed = RefCell::new(std::collections::BTreeSet::new());
        let tap = Rc::new(Tap::default());
        let tapped = Rc::clone(&tap);
        let forget = blobs.map(Page::forgets);
        driver.on_storage(move |news| {
            let hear = tapped.storage.borrow().clone();
            if let Some(hear) = hear {
                hear(news.clone());
            }
            let (room, state) = match (news, &forget) {
                (StorageNews::State { room, state }, _) => (room, state),
                (StorageNews::Forgotten { room }, Some(forget)) => return forget(room),
                _ => return,
            };
            let event = match state {
                StorageState::Full { reason } | StorageState::Refused { reason } => {
                    failed.borrow_mut().insert(room);
                    Event::StorageFailed { room, reason }
                }
                StorageState::Kept if failed.borrow_mut().remove(&room) => Event::StorageRecovered { room },
                _ => return,
            };
            // An error says that nobody listens any more.
            let _ = sender.send(event);
        });
        let heard = WebEvents { events, storage, tap: Rc::clone(&tap), missed: 0 };
        (Web { driver, tap, is_shut_down: Cell::new(false) }, heard)
    }
}

fn failed(error: StorageError) -> StoreError {
    match error {
        StorageError::InUse => StoreError::InUse,
        error => StoreError::Failed(error.to_string()),
    }
}

impl Runner for Web {
    fn id(&self) -> EndpointId {
        self.driver.endpoint()
    }

    fn page(&self) -> (&Driver, &Rc<Tap>) {
        (&self.driver, &self.tap)
    }

    fn call(&self, call: Call) -> Boxed<'_, Result<(), Closed>> {
        if self.is_shut_down.get() {
            return Box::pin(async { Err(Closed) });
        }
        // A call within a call does nothing.
        let done = self.driver.try_with(call).ok_or(Closed);
        Box::pin(async move { done })
    }

    fn join(&self, entry: Entry, joined: Joined) -> Boxed<'_, Result<(), RunnerJoinError>> {
        Box::pin(async move {
            if self.is_shut_down.get() {
                return Err(RunnerJoinError::Closed);
            }
            let room = self
                .driver
                .enter_room(entry.address, entry.genesis)
                .await
                .map_err(RunnerJoinError::Command)?;
            // Events are read by a task that has its turn after this one.
            joined(room);
            Ok(())
        })
    }

    fn set_takes_direct(&self, takes: bool) {
        self.driver.set_takes_direct(takes);
    }

    fn has_read(&self, room: RoomHandle) -> bool {
        self.driver.is_restored(room)
    }

    fn leave(&self, room: RoomHandle) {
        self.driver.leave_room(room);
    }

    fn note(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        if !self.tap.is_open() {
            self.driver.note_link(id, &link);
        }
        Box::pin(async { Ok(()) })
    }

    fn note_place(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move { self.driver.note_further(id, &link).await.map_err(failed) })
    }

    fn find(&self, link: RoomAddress) -> Boxed<'_, Result<Option<RoomId>, StoreError>> {
        Box::pin(async move { self.driver.room_at(&link).await.map_err(failed) })
    }

    fn kept(&self) -> Boxed<'_, Result<Vec<KeptRoom>, StoreError>> {
        Box::pin(async move {
            let rooms = self.driver.rooms().await.map_err(failed)?;
            Ok(rooms.into_iter().map(KeptRoom::new).collect())
        })
    }

    fn forget(&self, id: RoomId) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move { self.driver.forget(id).await.map_err(failed) })
    }

    fn spawn(&self, work: Boxed<'static, ()>) {
        wasm_bindgen_futures::spawn_local(work);
    }

    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        Box::pin(meshwork_rtc::web::sleep(time))
    }

    fn shut_down(&self) -> Boxed<'_, ()> {
        self.is_shut_down.set(true);
        self.driver.shut_down();
        Box::pin(async {})
    }
}

/// What the node tells, and what becomes of storage.
pub(crate) struct WebEvents {
    events: Events,
    storage: mpsc::UnboundedReceiver<Event>,
    tap: Rc<Tap>,
    missed: u64,
}

impl Heard for WebEvents {
    fn tap(&mut self, shared: Weak<Shared>) {
        self.events.tap(move |event| match shared.upgrade() {
            Some(shared) => shared.hear_at_once(event),
            None => Some(event),
        });
    }

    async fn next(&mut self) -> Option<(Event, u64)> {
        let (event, is_of_node) = {
            let (storage, mut next) = (&mut self.storage, pin!(self.events.next()));
            poll_fn(|context| match storage.poll_recv(context) {
                Poll::Ready(Some(news)) => Poll::Ready(Some((news, false))),
                _ => next.as_mut().poll(context).map(|event| event.map(|event| (event, true))),
            })
            .await?
        };
        if is_of_node {
            self.tap.hear(Some(&event));
            if self.missed != self.events.missed() {
                self.missed = self.events.missed();
                self.tap.hear(None);
            }
        }
        Some((event, self.events.missed()))
    }
}
