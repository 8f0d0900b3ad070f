//! A synchronous look at the node, for the pages of this workspace.

use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use meshwork_core::id::RoomId;
use meshwork_core::node::{Event, Node, RoomHandle};
use meshwork_core::seam::lane::Slot;
use meshwork_core::time::Time;
use meshwork_rtc::web::{Driver, Options, StartError, StorageError, StorageNews, start};

use crate::app::App;
use crate::blobs::{BlobStore, Memory, Page};
use crate::endpoint::{Endpoint, JOIN_MAX};
use crate::room::Room;
use crate::runner::web::Web;

/// An endpoint as a page of this workspace sees it.
#[derive(Clone, Debug)]
pub struct Look(Endpoint);

impl Look {
    /// Starts an endpoint in this page, at once. The page notes links itself.
    ///
    /// # Errors
    /// [`StartError`]; nothing was started.
    pub fn start(options: Options) -> Result<Look, StartError> {
        let database = options.database.clone();
        let (driver, events) = start(options)?;
        let page = database.map(|name| Page::new(name, driver.clone()));
        let (runner, events) = Web::new(driver, events, page.as_ref());
        let blobs = page.map_or_else(|| BlobStore::Memory(Memory::default()), BlobStore::Page);
        Ok(Look(Endpoint::start(Box::new(runner), blobs, Vec::new(), JOIN_MAX, events)))
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0
    }

    /// The driver of the node.
    pub fn driver(&self) -> &Driver {
        self.0.runner().page().0
    }

    /// Hears each event before the library does; without an event, some were missed.
    pub fn on_event(&self, hear: impl Fn(Option<&Event>) + 'static) {
        *self.0.runner().page().1.events.borrow_mut() = Some(Rc::new(hear));
    }

    /// Hears of storage.
    pub fn on_storage(&self, hear: impl Fn(StorageNews) + 'static) {
        *self.0.runner().page().1.storage.borrow_mut() = Some(Rc::new(hear));
    }

    /// Calls the node; `None` when called from within a call.
    pub fn with<R>(&self, call: impl FnOnce(&mut Node, Time) -> R) -> Option<R> {
        self.driver().try_with(call)
    }

    /// Looks at the node; `None` when called from within a call.
    pub fn look<R>(&self, look: impl FnOnce(&Node) -> R) -> Option<R> {
        self.driver().try_look(look)
    }

    /// A room of the node. It is left when the last one of it is dropped.
    pub fn room(&self, handle: RoomHandle) -> Room {
        let shared = self.0.shared();
        let link = |node: &Node| {
            let room = node.room(handle);
            room.address().or_else(|| room.address_without_code())
        };
        let link = self.look(link).flatten();
        shared.enter(handle).change(|known| known.link = link);
        Room::new(Arc::clone(shared), shared.enter(handle))
    }

    /// Removes everything that is kept of a room that this page is not in.
    ///
    /// # Errors
    /// [`StorageError`]; it is kept then.
    pub async fn forget(&self, room: RoomId) -> Result<(), StorageError> {
        self.driver().forget(room).await?;
        // Blobs that stay are removed when the next page opens them.
        let _ = self.0.shared().blobs.free_room(room).await;
        Ok(())
    }

    /// The app in a slot of a room.
    pub fn app(room: &Room, slot: Slot) -> App {
        App::new(room.clone(), slot)
    }
}

/// The result of a future that waits for nothing in a page; `None` if it waits.
pub fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
