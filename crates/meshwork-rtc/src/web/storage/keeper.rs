//! Keeps the rooms of one page: restores them, writes what the node asks for, and waits for their locks.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Date;
use meshwork_core::id::RoomId;
use meshwork_core::node::{Input, Node, RoomHandle, StoredRoom};
use meshwork_core::seam::io::StoreChange;
use meshwork_core::time::Time;
use wasm_bindgen_futures::spawn_local;

use super::super::clock;
use super::super::surplus::{ROOMS_ONLY_HERE_MAX, Stored, exceeds, surplus};
use super::database::{self, Database, Found, Kept, Mark, room_key};
use super::lock::{self, Lock};
use super::{ListedRoom, StorageError, StorageNews, StorageState, StoreError};

/// How long a page waits for the database before it goes on without: some browsers never answer.
const OPEN_MAX: Duration = Duration::from_secs(5);
/// When it is tried again to begin storing, or to get a lock.
const RETRY: Duration = Duration::from_secs(60);
/// When a database is opened again that the browser closed by itself: it refuses to while it empties it.
const REOPEN: Duration = Duration::from_secs(1);
/// How long stored batches are taken in before the page gets its turn: half a frame of 60 a second.
const SLICE_MAX: Duration = Duration::from_millis(8);
/// Batches, and bytes of them, that the node is handed at once: their signatures take a millisecond or two, and so do
/// the cells of a whole tile.
const BATCHES_A_CALL: usize = 8;
const BYTES_A_CALL: usize = 8 * 1024;
/// Time between two transactions: each costs the browser about a millisecond, as much as all else of a stroke, and
/// what is painted meanwhile shares one. Nobody notices that a stroke is known to be stored so much later.
const GATHER: Duration = Duration::from_millis(100);
/// How often, and how long apart, the lock of a room is asked for that nobody should have: the browser takes one back in
/// its own time.
const FREE_TRIES: usize = 40;
const FREE_WAIT: Duration = Duration::from_millis(25);
/// How often in a row this tab looks for batches that another tab stored meanwhile. Later ones are taken in by the tab
/// to which the lock falls.
const CATCH_UP_MAX: usize = 4;
/// How often it is noted that a room is in use.
const USE_INTERVAL: Duration = Duration::from_secs(60);
/// How long after a member was synchronised it is noted that it has everything: what one paints goes on, and each note is a
/// transaction.
const SETTLE: Duration = Duration::from_secs(1);

/// The driver, as the keeper sees it.
pub(crate) trait Host {
    /// Calls the node; never while it is being called. `false` when there is no node any more.
    fn call(&self, call: &mut dyn FnMut(&mut Node, Time)) -> bool;
    /// Takes in what the node is to be told.
    fn take(&self, input: Input);
    /// Tells the application.
    fn tell(&self, news: StorageNews);
}

/// Keeps the rooms of one page. Copies are the same one.
#[derive(Clone)]
pub(crate) struct Keeper(Rc<Shared>);

struct Shared {
    host: Box<dyn Host>,
    /// Its database; without one nothing is kept.
    name: Option<String>,
    /// Names this tab in leases.
    holder: String,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    database: Option<Database>,
    rooms: BTreeMap<RoomHandle, Room>,
    /// What the node asked for and no transaction has taken yet. A room has two changes under way at most.
    queue: VecDeque<(u64, RoomId, StoreChange)>,
    /// What a transaction is writing.
    under_way: Vec<u64>,
    is_writing: bool,
    /// When the last transaction began.
    written: Time,
    /// Groups that were marked so far.
    marked: u64,
}

struct Room {
    id: RoomId,
    /// Says to other tabs that a page is in the room.
    lock: Option<Lock>,
    awaits_lock: bool,
    /// Whether another tab had the lock, and what it stored is to be taken in.
    takes_over: bool,
    state: Option<StorageState>,
    is_restored: bool,
    /// Whether this tab stores the room.
    stores: bool,
    found: Option<Found>,
    used: Option<Time>,
    /// The marks of batches that were read or written here, and that nobody else was known to have at the last note.
    marks: Vec<String>,
    /// Whether it was noted that everything is elsewhere, and no mark was written since.
    is_settled: bool,
    /// Whether a note waits for its time.
    settles: bool,
}

impl Keeper {
    /// Keeps rooms in the database `name`, or nowhere where it has none.
    pub(crate) fn new(host: impl Host + 'static, name: Option<String>, holder: String) -> Keeper {
        Keeper(Rc::new(Shared { host: Box::new(host), name, holder, state: RefCell::default() }))
    }

    /// What is stored of the room with this id, or of the one that was last found at this address: its genesis
    /// and records. The batches follow when it is open.
    pub(crate) async fn find(&self, room: Option<RoomId>, address: Option<&str>) -> Option<StoredRoom> {
        let database = self.if_named()?.database().await.ok()?;
        let room = match room {
            Some(room) => Some(room),
            None => database.room_at(address?).await.ok()?,
        };
        let (genesis, records) = database.room(room?).await.ok()??;
        Some(StoredRoom { genesis, records, batches: Vec::new() })
    }

    /// A room is open: restores it, then stores it.
    pub(crate) fn open(&self, handle: RoomHandle, id: RoomId) {
        if self.if_named().is_none() {
            return;
        }
        let room = Room {
            id,
            lock: None,
            awaits_lock: false,
            takes_over: false,
            state: None,
            is_restored: false,
            stores: false,
            found: None,
            used: None,
            marks: Vec::new(),
            is_settled: false,
            settles: false,
        };
        let known = self.0.state.borrow_mut().rooms.insert(handle, room).is_some();
        if !known {
            let keeper = self.clone();
            spawn_local(async move { keeper.keep(handle, id).await });
        }
    }

    /// A room was left.
    pub(crate) fn close(&self, handle: RoomHandle) {
        // Dropped outside: giving a lock back may call anybody.
        let closed = self.0.state.borrow_mut().rooms.remove(&handle);
        drop(closed);
    }

    /// Whether all that was stored of a room has been handed to the node, or cannot be.
    pub(crate) fn is_restored(&self, handle: RoomHandle) -> bool {
        self.0.state.borrow().rooms.get(&handle).is_none_or(|room| {
            let failed = matches!(room.state, Some(StorageState::Full { .. } | StorageState::Refused { .. }));
            room.is_restored || failed
        })
    }

    /// Notes where a room is found, at which place and by which link: beside what is stored of it, now or with its first
    /// batches.
    pub(crate) fn note(&self, id: RoomId, place: Option<String>, link: String) {
        let found = Found { place, link };
        let mut is_open = false;
        for room in self.0.state.borrow_mut().rooms.values_mut().filter(|room| room.id == id) {
            (is_open, room.found) = (true, Some(found.clone()));
        }
        if !is_open {
            return;
        }
        let keeper = self.clone();
        spawn_local(async move {
            if let Ok(database) = keeper.database().await {
                // Without it the room is found by its id all the same.
                let _ = database.note_use(id, Some(&found), Date::now()).await;
            }
        });
    }

    /// Notes that a room is found at one more place.
    pub(crate) async fn note_further(&self, id: RoomId, place: &str) -> Result<(), StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(()) };
        Ok(keeper.database().await?.note_further(id, place).await?)
    }

    /// The room that was found at a place.
    pub(crate) async fn room_at(&self, place: &str) -> Result<Option<RoomId>, StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(None) };
        Ok(keeper.database().await?.room_at(place).await?)
    }

    /// All rooms that are stored.
    pub(crate) async fn rooms(&self) -> Result<Vec<ListedRoom>, StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(Vec::new()) };
        let rooms = keeper.database().await?.all().await?;
        Ok(rooms.iter().filter_map(|room| Some((room.id()?, room.link(), room.stored()))).collect())
    }

    /// The stored rooms of which nobody else is known to have everything, the longest unused first.
    pub(crate) async fn only_here(&self) -> Result<Vec<RoomId>, StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(Vec::new()) };
        let rooms = keeper.database().await?.rooms().await?;
        Ok(rooms.iter().filter(|room| room.is_only_here).filter_map(Kept::id).collect())
    }

    /// An app offered a blob in a room, which nobody else may have fetched.
    pub(crate) fn note_blob(&self, id: RoomId) {
        let Some(keeper) = self.if_named().cloned() else { return };
        spawn_local(async move {
            if let Ok(database) = keeper.database().await {
                // A browser that refuses this refuses the blob's bytes, too.
                let _ = database.mark_blobs(id).await;
            }
        });
    }

    /// Removes all that is stored of a room in which no page is.
    pub(crate) async fn forget(&self, id: RoomId) -> Result<(), StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(()) };
        let database = keeper.database().await?;
        let _lock = self.free_lock(&database, id).await?.ok_or(StorageError::InUse)?;
        // What a transaction writes already is done before this one.
        self.0.state.borrow_mut().queue.retain(|(_, room, _)| *room != id);
        database.forget(&room_key(id)).await?;
        self.try_full_again();
        Ok(())
    }

    /// There is place again: rooms that could not be stored for want of it are tried at once.
    fn try_full_again(&self) {
        let is_full = |room: &Room| matches!(room.state, Some(StorageState::Full { .. })) && !room.stores;
        let full: Vec<(RoomHandle, RoomId)> = {
            let state = self.0.state.borrow();
            let rooms = state.rooms.iter().filter(|(_, room)| is_full(room));
            rooms.map(|(&handle, room)| (handle, room.id)).collect()
        };
        for (handle, id) in full {
            self.keep_later(Duration::ZERO, handle, id);
        }
    }

    /// A member was synchronised with a room: if it stores, that is noted in a while.
    pub(crate) fn handle_in_step(&self, handle: RoomHandle) {
        let is_news = {
            let mut state = self.0.state.borrow_mut();
            let room = state.rooms.get_mut(&handle).filter(|room| room.stores && !room.is_settled);
            room.is_some_and(|room| !std::mem::replace(&mut room.settles, true))
        };
        if !is_news {
            return;
        }
        let shared = Rc::downgrade(&self.0);
        spawn_local(async move {
            clock::sleep(SETTLE).await;
            let Some(keeper) = shared.upgrade().map(Keeper) else { return };
            if let Some(room) = keeper.0.state.borrow_mut().rooms.get_mut(&handle) {
                room.settles = false;
            }
            keeper.settle(handle).await;
        });
    }

    /// Notes that somebody else has everything of a room, if that is so and all of it is stored.
    async fn settle(&self, handle: RoomHandle) {
        let mut is_elsewhere = false;
        self.0.host.call(&mut |node, _| is_elsewhere = node.room(handle).is_elsewhere());
        let settled = {
            let mut state = self.0.state.borrow_mut();
            let State { rooms, queue, under_way, database, .. } = &mut *state;
            let room = rooms.get_mut(&handle).filter(|_| is_elsewhere && under_way.is_empty());
            room.filter(|room| queue.iter().all(|(_, id, _)| *id != room.id)).zip(database.clone()).map(
                |(room, database)| {
                    room.is_settled = true;
                    (database, room.id, std::mem::take(&mut room.marks))
                },
            )
        };
        let Some((database, id, marks)) = settled else { return };
        // A room that is not noted stays longer than it must.
        let _ = database.settle(id, &marks).await;
    }

    /// Marks for a group of changes, one for each of its rooms.
    fn marks_for(&self, changes: &[(RoomId, StoreChange)]) -> Vec<Mark> {
        let mut state = self.0.state.borrow_mut();
        let mut marks = Vec::<Mark>::new();
        for (id, change) in changes {
            let is_content =
                change.genesis.is_some() || change.records.is_some() || !change.insert.is_empty();
            if !is_content || marks.iter().any(|mark| mark.room == *id) {
                continue;
            }
            state.marked += 1;
            let name = format!("{} {}", self.0.holder, state.marked);
            let mut replaces = Vec::new();
            for room in state.rooms.values_mut().filter(|room| room.id == *id) {
                replaces.extend(room.marks.iter().cloned());
                room.is_settled = false;
            }
            marks.push(Mark { room: *id, name, replaces });
        }
        marks
    }

    /// These marks were stored.
    fn handle_marked(&self, marks: &[Mark]) {
        let mut state = self.0.state.borrow_mut();
        for mark in marks {
            for room in state.rooms.values_mut().filter(|room| room.id == mark.room) {
                room.marks.retain(|name| !mark.replaces.contains(name));
                room.marks.push(mark.name.clone());
            }
        }
    }

    /// Whether no page, this one or another, is in a room.
    pub(crate) async fn is_free(&self, id: RoomId) -> Result<bool, StorageError> {
        let Some(keeper) = self.if_named() else { return Ok(true) };
        let database = keeper.database().await?;
        Ok(self.free_lock(&database, id).await?.is_some())
    }

    /// The lock of a room in which no page is; a page that ends gives it back within moments.
    async fn free_lock(&self, database: &Database, id: RoomId) -> Result<Option<Lock>, StoreError> {
        for _ in 0..FREE_TRIES {
            let is_here = self.0.state.borrow().rooms.values().any(|room| room.id == id);
            if is_here {
                break;
            }
            if let Some(lock) = lock::acquire_if_free(database, id, &self.0.holder).await? {
                return Ok(Some(lock));
            }
            clock::sleep(FREE_WAIT).await;
        }
        Ok(None)
    }

    /// Stores a change and answers it.
    pub(crate) fn persist(&self, token: u64, room: RoomId, change: StoreChange) {
        {
            let mut state = self.0.state.borrow_mut();
            state.queue.push_back((token, room, change));
            if std::mem::replace(&mut state.is_writing, true) {
                return;
            }
        }
        let keeper = self.clone();
        spawn_local(async move { keeper.write_all().await });
    }

    /// The page is about to end: hands everything to the browser that the node has for storage, without waiting
    /// for what is under way.
    pub(crate) fn flush(&self) {
        let under_way = std::mem::take(&mut self.0.state.borrow_mut().under_way);
        for token in under_way {
            // What becomes of it is not heard any more; the node then asks for what it kept back.
            let reason = "the page ends".to_owned();
            self.0.host.take(Input::PersistFailed { token, reason });
        }
        let (queue, database) = {
            let mut state = self.0.state.borrow_mut();
            (std::mem::take(&mut state.queue), state.database.clone())
        };
        let Some(database) = database else { return };
        self.give_back_locks();
        if queue.is_empty() {
            let unsettled: Vec<RoomHandle> = {
                let state = self.0.state.borrow();
                let is_due = |(_, room): &(&RoomHandle, &Room)| room.stores && !room.is_settled;
                state.rooms.iter().filter(is_due).map(|(&handle, _)| handle).collect()
            };
            for handle in unsettled {
                let keeper = self.clone();
                spawn_local(async move { keeper.settle(handle).await });
            }
            return;
        }
        let changes: Vec<(RoomId, StoreChange)> =
            queue.into_iter().map(|(_, room, change)| (room, change)).collect();
        let marks = self.marks_for(&changes);
        spawn_local(async move {
            // There is nobody left to tell.
            let _ = database.apply_all(&changes, &marks, Date::now()).await;
        });
    }

    /// Restores a room, then stores it; where that fails it is tried again later.
    async fn keep(&self, handle: RoomHandle, id: RoomId) {
        // Asked for before anything is read: a room that is being opened is in use.
        self.ask_for_lock(handle, id);
        if let Err(error) = self.begin(handle, id).await {
            self.fail(handle, id, error);
        }
    }

    async fn begin(&self, handle: RoomHandle, id: RoomId) -> Result<(), StoreError> {
        let database = self.database().await?;
        self.restore(&database, handle, id).await?;
        self.make_place(&database, id).await?;
        self.store(&database, handle, id).await?;
        self.take_over(&database, handle, id).await
    }

    /// Hands what is stored of a room to the node, in slices of time.
    async fn restore(&self, database: &Database, handle: RoomHandle, id: RoomId) -> Result<(), StoreError> {
        let is_restored = |state: &State| state.rooms.get(&handle).is_none_or(|room| room.is_restored);
        if is_restored(&self.0.state.borrow()) {
            return Ok(());
        }
        self.restore_records(database, handle, id).await?;
        let (mut after, mut count) = (None, 0);
        while let Some((batches, last)) = database.batches(id, after.as_ref()).await? {
            count += batches.len();
            after = Some(last);
            if !self.restore_batches(handle, &batches).await {
                return Ok(());
            }
        }
        if let Some(room) = self.0.state.borrow_mut().rooms.get_mut(&handle) {
            room.is_restored = true;
        }
        self.tell_restored(handle, count);
        Ok(())
    }

    /// Hands the stored records of a room to the node. A room that was found by its code alone was opened without them, and
    /// another tab may have stored some since.
    async fn restore_records(
        &self,
        database: &Database,
        handle: RoomHandle,
        id: RoomId,
    ) -> Result<(), StoreError> {
        if let Some((_, records)) = database.room(id).await? {
            self.0.host.call(&mut |node, now| node.room_mut(now, handle).restore_records(&records));
        }
        Ok(())
    }

    /// Hands stored batches to the node, in slices of time. Returns whether the room is open still.
    async fn restore_batches(&self, handle: RoomHandle, batches: &[Vec<u8>]) -> bool {
        let mut rest = batches;
        while !rest.is_empty() {
            let began = clock::now();
            while !rest.is_empty() && clock::now().since(began) < SLICE_MAX {
                let (some, more) = rest.split_at(call_len(rest));
                rest = more;
                if !self.0.host.call(&mut |node, now| node.room_mut(now, handle).restore_slice(some)) {
                    return false;
                }
            }
            clock::sleep(Duration::ZERO).await;
        }
        self.is_open(handle)
    }

    fn tell_restored(&self, handle: RoomHandle, count: usize) {
        if count > 0 {
            self.0.host.tell(StorageNews::Restored { room: handle, batches: count });
        }
    }

    /// Takes in what other tabs stored of a room, then stores what is lacking there, and every change from now on.
    async fn store(&self, database: &Database, handle: RoomHandle, id: RoomId) -> Result<(), StoreError> {
        let mut count = 0;
        // Read before the batches that they mark.
        let mut marks = database.marks(id).await?;
        let mut stored = database.batch_keys(id).await?;
        for _ in 0..CATCH_UP_MAX {
            let mut lacking = Vec::new();
            self.0.host.call(&mut |node, _| lacking = node.room(handle).lacking(&stored));
            if lacking.is_empty() {
                if let Some(room) = self.0.state.borrow_mut().rooms.get_mut(&handle) {
                    room.marks.append(&mut marks);
                }
                break;
            }
            self.restore_records(database, handle, id).await?;
            for keys in lacking.chunks(database::SLICE) {
                let batches = database.batches_at(id, keys).await?;
                count += batches.len();
                if !self.restore_batches(handle, &batches).await {
                    return Ok(());
                }
            }
            marks = database.marks(id).await?;
            stored = database.batch_keys(id).await?;
        }
        let is_open =
            self.0.state.borrow_mut().rooms.get_mut(&handle).map(|room| room.stores = true).is_some();
        if !is_open {
            return Ok(());
        }
        self.tell_restored(handle, count);
        self.set_state(handle, StorageState::Kept);
        self.0.host.call(&mut |node, now| node.room_mut(now, handle).start_storing(&stored));
        // A member may have been synchronised before.
        self.handle_in_step(handle);
        Ok(())
    }

    /// Waits for the lock of a room, unless it is held or waited for already.
    fn ask_for_lock(&self, handle: RoomHandle, id: RoomId) {
        let is_wanted = {
            let mut state = self.0.state.borrow_mut();
            let room = state.rooms.get_mut(&handle);
            room.is_some_and(|room| room.lock.is_none() && !std::mem::replace(&mut room.awaits_lock, true))
        };
        if !is_wanted {
            return;
        }
        let keeper = self.clone();
        spawn_local(async move {
            // A database that fails here fails to store too, which is told.
            while keeper.wait_for_lock(handle, id).await.is_err() && keeper.is_open(handle) {
                clock::sleep(RETRY).await;
            }
        });
    }

    /// Waits for the lock of a room. If another tab had it, what that one stored is taken in.
    async fn wait_for_lock(&self, handle: RoomHandle, id: RoomId) -> Result<(), StoreError> {
        let database = self.database().await?;
        let waited = Cell::new(false);
        let losing = Rc::downgrade(&self.0);
        let lose = move || {
            if let Some(shared) = losing.upgrade() {
                Keeper(shared).lose_lock(handle, id);
            }
        };
        let is_wanted = || self.is_open(handle);
        let tell = |lock::Taken| waited.set(true);
        let lock = lock::acquire(&database, id, &self.0.holder, tell, is_wanted, lose).await?;
        // Outside of what is borrowed: a lock that nobody wants any more is given back.
        let lock = lock.filter(|_| self.is_open(handle));
        let stores = self.0.state.borrow_mut().rooms.get_mut(&handle).is_some_and(|room| {
            (room.lock, room.awaits_lock, room.takes_over) = (lock, false, waited.get());
            room.stores
        });
        // A tab that begins to store just now does it behind that.
        if stores && let Err(error) = self.take_over(&database, handle, id).await {
            self.let_go(handle);
            self.fail(handle, id, error);
        }
        Ok(())
    }

    /// Takes in what the tab stored that had the lock before, if there was one.
    async fn take_over(&self, database: &Database, handle: RoomHandle, id: RoomId) -> Result<(), StoreError> {
        let takes_over = self
            .0
            .state
            .borrow_mut()
            .rooms
            .get_mut(&handle)
            .is_some_and(|room| std::mem::take(&mut room.takes_over));
        if takes_over {
            // Where that tab stored nothing but records, no batch is lacking.
            self.restore_records(database, handle, id).await?;
            self.store(database, handle, id).await?;
        }
        Ok(())
    }

    /// Writes group after group until nothing waits.
    async fn write_all(&self) {
        loop {
            let due = {
                let mut state = self.0.state.borrow_mut();
                state.is_writing = !state.queue.is_empty();
                if !state.is_writing {
                    return;
                }
                state.written + GATHER
            };
            // What somebody painted is shown first.
            clock::sleep(due.since(clock::now())).await;
            let group: Vec<(u64, RoomId, StoreChange)> = {
                let mut state = self.0.state.borrow_mut();
                let group: Vec<_> = state.queue.drain(..).collect();
                state.under_way = group.iter().map(|(token, ..)| *token).collect();
                state.written = clock::now();
                group
            };
            let (tokens, changes): (Vec<u64>, Vec<(RoomId, StoreChange)>) =
                group.into_iter().map(|(token, room, change)| (token, (room, change))).unzip();
            let outcome = self.write(&changes).await;
            self.0.state.borrow_mut().under_way.clear();
            for token in tokens {
                self.0.host.take(match &outcome {
                    Ok(()) => Input::Persisted { token },
                    Err(error) => Input::PersistFailed { token, reason: error.words().to_owned() },
                });
            }
            self.tell_outcome(&changes, outcome);
        }
    }

    /// What a write says of its rooms. The node itself asks again for what failed, after growing pauses.
    fn tell_outcome(&self, changes: &[(RoomId, StoreChange)], outcome: Result<(), StoreError>) {
        let state = match outcome {
            Ok(()) => StorageState::Kept,
            Err(error) => {
                // One that was closed is opened again at the next try.
                self.0.state.borrow_mut().database = None;
                error.into()
            }
        };
        for handle in self.handles_of(changes) {
            // What is written after it was let go says nothing of it.
            if self.0.state.borrow().rooms.get(&handle).is_some_and(|room| room.stores) {
                self.set_state(handle, state.clone());
            }
        }
    }

    /// Writes one group; while there is no space for it, the longest unused room is forgotten that others have too.
    async fn write(&self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError> {
        let database = self.database().await?;
        let marks = self.marks_for(changes);
        loop {
            match database.apply_all(changes, &marks, Date::now()).await {
                Ok(()) => break,
                Err(StoreError::Full(words)) => {
                    let (_, shared) = surplus(&self.others(&database).await?);
                    if self.forget_some(&database, &shared, 1).await? == 0 {
                        return Err(StoreError::Full(words));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.handle_marked(&marks);
        for handle in self.handles_of(changes) {
            self.note_use(&database, handle).await?;
            // Members may have been synchronised while this was written.
            self.handle_in_step(handle);
        }
        Ok(())
    }

    async fn note_use(&self, database: &Database, handle: RoomHandle) -> Result<(), StoreError> {
        let now = clock::now();
        let due = {
            let mut state = self.0.state.borrow_mut();
            state.rooms.get_mut(&handle).and_then(|room| {
                let is_due = room.used.is_none_or(|used| now.since(used) >= USE_INTERVAL);
                is_due.then(|| {
                    room.used = Some(now);
                    (room.id, room.found.clone())
                })
            })
        };
        match due {
            Some((id, found)) => database.note_use(id, found.as_ref(), Date::now()).await,
            None => Ok(()),
        }
    }

    /// Makes place for the room `id` beside those that others have too.
    async fn make_place(&self, database: &Database, id: RoomId) -> Result<(), StoreError> {
        let mut others = self.others(database).await?;
        let is_new = !others.iter().any(|other| other.room == id);
        others.retain(|other| other.room != id);
        let (too_many, shared) = surplus(&others);
        self.forget_some(database, &shared, too_many).await?;
        if is_new && exceeds(&others) {
            let reason = format!("{ROOMS_ONLY_HERE_MAX} rooms are kept here that nobody else has");
            return Err(StoreError::Full(reason));
        }
        Ok(())
    }

    /// All stored rooms of this version, the longest unused first.
    async fn others(&self, database: &Database) -> Result<Vec<Stored<RoomId>>, StoreError> {
        let rooms = database.rooms().await?;
        let stored = |room: &Kept| Some(Stored { room: room.id()?, is_only_here: room.is_only_here });
        Ok(rooms.iter().filter_map(stored).collect())
    }

    /// Forgets the first `most` of these rooms that are not open, here or in another tab. Returns how many that were.
    async fn forget_some(
        &self,
        database: &Database,
        rooms: &[RoomId],
        most: usize,
    ) -> Result<usize, StoreError> {
        let open: Vec<RoomId> = self.0.state.borrow().rooms.values().map(|room| room.id).collect();
        let mut forgotten = 0;
        for &id in rooms.iter().filter(|id| !open.contains(id)) {
            if forgotten == most {
                break;
            }
            let Some(_lock) = lock::acquire_if_free(database, id, &self.0.holder).await? else { continue };
            database.forget(&room_key(id)).await?;
            self.0.host.tell(StorageNews::Forgotten { room: id });
            forgotten += 1;
        }
        Ok(forgotten)
    }

    /// Another tab has the lease now: waits for it again.
    fn lose_lock(&self, handle: RoomHandle, id: RoomId) {
        let lost = self.0.state.borrow_mut().rooms.get_mut(&handle).and_then(|room| room.lock.take());
        drop(lost);
        self.ask_for_lock(handle, id);
    }

    /// The browser closed the database, and may have emptied it: what this tab stored is compared with what is left, and
    /// what is missing is stored again.
    fn store_anew(&self) {
        let stored: Vec<(RoomHandle, RoomId)> = {
            let mut state = self.0.state.borrow_mut();
            state.database = None;
            let rooms = state.rooms.iter_mut().filter(|(_, room)| room.stores);
            rooms
                .map(|(&handle, room)| {
                    // Where it is found may be gone with the rest.
                    room.used = None;
                    (handle, room.id)
                })
                .collect()
        };
        for (handle, id) in stored {
            self.let_go(handle);
            self.keep_later(REOPEN, handle, id);
        }
    }

    /// Storing a room could not be begun: it goes on without, and is tried again later.
    fn fail(&self, handle: RoomHandle, id: RoomId, error: StoreError) {
        self.set_state(handle, error.into());
        self.0.state.borrow_mut().database = None;
        self.keep_later(RETRY, handle, id);
    }

    fn keep_later(&self, pause: Duration, handle: RoomHandle, id: RoomId) {
        let shared = Rc::downgrade(&self.0);
        spawn_local(async move {
            clock::sleep(pause).await;
            if let Some(keeper) = shared.upgrade().map(Keeper)
                && keeper.is_open(handle)
            {
                keeper.keep(handle, id).await;
            }
        });
    }

    /// This tab stores the room no longer.
    fn let_go(&self, handle: RoomHandle) {
        let lock = self.0.state.borrow_mut().rooms.get_mut(&handle).and_then(|room| {
            room.stores = false;
            room.lock.take()
        });
        drop(lock);
        self.0.host.call(&mut |node, now| node.room_mut(now, handle).stop_storing());
    }

    fn give_back_locks(&self) {
        let mut state = self.0.state.borrow_mut();
        let locks: Vec<Lock> = state.rooms.values_mut().filter_map(|room| room.lock.take()).collect();
        drop(state);
        drop(locks);
    }

    /// This one, where it keeps anything.
    fn if_named(&self) -> Option<&Keeper> {
        self.0.name.as_ref().map(|_| self)
    }

    async fn database(&self) -> Result<Database, StoreError> {
        let open = self.0.state.borrow().database.clone();
        if let Some(database) = open {
            return Ok(database);
        }
        let name = self.0.name.as_deref().unwrap_or_default();
        let losing = Rc::downgrade(&self.0);
        let lost = move || {
            if let Some(shared) = losing.upgrade() {
                Keeper(shared).store_anew();
            }
        };
        let database = clock::timeout(OPEN_MAX, Database::open(name, lost)).await.unwrap_or_else(|| {
            Err(StoreError::Refused("the browser does not open its storage".to_owned()))
        })?;
        self.0.state.borrow_mut().database = Some(database.clone());
        Ok(database)
    }

    fn is_open(&self, handle: RoomHandle) -> bool {
        self.0.state.borrow().rooms.contains_key(&handle)
    }

    fn handles_of(&self, changes: &[(RoomId, StoreChange)]) -> Vec<RoomHandle> {
        let state = self.0.state.borrow();
        let changed = |room: &Room| changes.iter().any(|(id, _)| *id == room.id);
        state.rooms.iter().filter(|(_, room)| changed(room)).map(|(&handle, _)| handle).collect()
    }

    fn set_state(&self, handle: RoomHandle, state: StorageState) {
        let is_new = self.0.state.borrow_mut().rooms.get_mut(&handle).is_some_and(|room| {
            let is_new = room.state.as_ref() != Some(&state);
            room.state = Some(state.clone());
            is_new
        });
        if is_new {
            self.0.host.tell(StorageNews::State { room: handle, state });
        }
    }
}

/// How many of these batches are handed to the node at once: one at least.
fn call_len(batches: &[Vec<u8>]) -> usize {
    let mut bytes = 0;
    let fits = batches.iter().take(BATCHES_A_CALL).take_while(|batch| {
        bytes += batch.len();
        bytes <= BYTES_A_CALL
    });
    fits.count().max(1)
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}
