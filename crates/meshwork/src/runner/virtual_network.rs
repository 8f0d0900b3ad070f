//! A network in virtual time under the library: the simulator's, whose time is tokio's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_core::id::{Endpoint as EndpointId, RoomId};
use meshwork_core::node::{Event, Node, RoomHandle, StoredRoom};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_sim::connection::NodeIndex;
use meshwork_sim::world::World;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::{Boxed, Call, Entry, Joined, Runner, RunnerJoinError};
use crate::dispatch::Heard;
use crate::error::Closed;
use crate::store::{KeptRoom, StoreError, place};

/// The world, and what moves it on.
pub(crate) struct Virtual {
    state: Mutex<State>,
    begun: Instant,
    /// Something happens earlier than before.
    changed: Notify,
}

struct State {
    world: World,
    events: BTreeMap<NodeIndex, mpsc::UnboundedSender<Event>>,
    links: BTreeMap<(NodeIndex, RoomId), RoomAddress>,
}

impl Virtual {
    pub(crate) fn new(world: World) -> Arc<Virtual> {
        let state = State { world, events: BTreeMap::new(), links: BTreeMap::new() };
        let network =
            Arc::new(Virtual { state: Mutex::new(state), begun: Instant::now(), changed: Notify::new() });
        tokio::spawn(run(Arc::downgrade(&network)));
        network
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something in the world as it is now.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut World) -> R) -> R {
        let mut state = self.state();
        state.world.run_until(self.now());
        let done = work(&mut state.world);
        state.tell();
        drop(state);
        self.changed.notify_one();
        done
    }

    /// Lets happen what is due. Returns when the next thing is.
    fn advance(&self) -> Option<Instant> {
        let mut state = self.state();
        state.world.run_until(self.now());
        state.tell();
        state.world.due().map(|due| self.begun + due.since(Time(0)))
    }

    /// The events of a program from now on.
    pub(crate) fn listen(&self, index: NodeIndex) -> VirtualEvents {
        let (sender, events) = mpsc::unbounded_channel();
        self.state().events.insert(index, sender);
        VirtualEvents(events)
    }

    /// The links of the rooms that a program joined.
    pub(crate) fn links_of(&self, index: NodeIndex) -> Vec<(RoomId, RoomAddress)> {
        let state = self.state();
        let own = state.links.iter().filter(|((other, _), _)| *other == index);
        own.map(|((_, room), link)| (*room, link.clone())).collect()
    }

    /// A program has these from a former session.
    pub(crate) fn note_links(&self, index: NodeIndex, links: Vec<(RoomId, RoomAddress)>) {
        self.state().links.extend(links.into_iter().map(|(room, link)| ((index, room), link)));
    }

    fn now(&self) -> Time {
        Time(0) + self.begun.elapsed()
    }
}

impl State {
    fn tell(&mut self) {
        let State { world, events, .. } = self;
        events.retain(|index, listener| {
            world.programs().any(|(running, _)| running == *index)
                && world.program(*index).events.drain(..).all(|event| listener.send(event).is_ok())
        });
    }
}

/// Lets time pass in the world as it passes in the runtime: where that is paused, at once when nobody has anything to do.
async fn run(network: std::sync::Weak<Virtual>) {
    loop {
        let Some(held) = network.upgrade() else { return };
        let changed = held.changed.notified();
        match held.advance() {
            Some(due) => drop(tokio::time::timeout_at(due, changed).await),
            None => changed.await,
        }
    }
}

/// The events of a program.
pub(crate) struct VirtualEvents(mpsc::UnboundedReceiver<Event>);

impl Heard for VirtualEvents {
    async fn next(&mut self) -> Option<(Event, u64)> {
        Some((self.0.recv().await?, 0))
    }
}

/// One program of the world.
pub(crate) struct Program {
    pub(crate) network: Arc<Virtual>,
    pub(crate) index: NodeIndex,
    pub(crate) id: EndpointId,
}

impl Program {
    fn runs(&self, world: &World) -> bool {
        world.programs().any(|(index, _)| index == self.index)
    }
}

impl Runner for Program {
    fn id(&self) -> EndpointId {
        self.id
    }

    fn call(&self, call: Call) -> Boxed<'_, Result<(), Closed>> {
        let called = self.network.with(|world| {
            self.runs(world).then(|| world.command(self.index, |node: &mut Node, now| call(node, now)))
        });
        Box::pin(async move { called.ok_or(Closed) })
    }

    fn join(&self, entry: Entry, joined: Joined) -> Boxed<'_, Result<(), RunnerJoinError>> {
        let joined = self.network.with(|world| {
            if !self.runs(world) {
                return Err(RunnerJoinError::Closed);
            }
            let stored = entry.address.room().and_then(|room| world.look_at(self.index).store.get(&room));
            let stored = stored.map(|stored| StoredRoom {
                genesis: stored.genesis.clone(),
                records: stored.records.clone(),
                batches: stored.batches.values().cloned().collect(),
            });
            let join = |node: &mut Node, now| entry.join(node, now, stored).map(joined);
            world.command(self.index, join).map_err(RunnerJoinError::Command)
        });
        Box::pin(async move { joined })
    }

    fn set_takes_direct(&self, takes: bool) {
        self.network.with(|world| {
            if self.runs(world) {
                world.command(self.index, |node, now| node.set_takes_direct(now, takes));
            }
        });
    }

    fn leave(&self, room: RoomHandle) {
        self.network.with(|world| {
            if self.runs(world) {
                world.command(self.index, |node, now| node.leave_room(now, room));
            }
        });
    }

    fn note(&self, id: RoomId, link: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        self.network.state().links.insert((self.index, id), link);
        Box::pin(async { Ok(()) })
    }

    fn note_place(&self, _: RoomId, _: RoomAddress) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn find(&self, link: RoomAddress) -> Boxed<'_, Result<Option<RoomId>, StoreError>> {
        let state = self.network.state();
        let mut noted = state.links.iter().filter(|((index, _), _)| *index == self.index);
        let found = noted.find(|(_, noted)| place(noted) == place(&link)).map(|((_, room), _)| *room);
        Box::pin(async move { Ok(found) })
    }

    fn kept(&self) -> Boxed<'_, Result<Vec<KeptRoom>, StoreError>> {
        let mut state = self.network.state();
        let State { world, links, .. } = &mut *state;
        let stored = self.runs(world).then(|| world.look_at(self.index).store.iter());
        let kept = stored.into_iter().flatten().map(|(id, stored)| {
            let link = links.get(&(self.index, *id)).map(RoomAddress::to_string);
            let (genesis, records) = (stored.genesis.clone(), stored.records.clone());
            KeptRoom::new((*id, link, StoredRoom { genesis, records, batches: Vec::new() }))
        });
        let kept = kept.collect();
        Box::pin(async move { Ok(kept) })
    }

    fn forget(&self, id: RoomId) -> Boxed<'_, Result<(), StoreError>> {
        self.network.with(|world| {
            if self.runs(world) {
                world.program(self.index).store.remove(&id);
            }
        });
        Box::pin(async { Ok(()) })
    }

    fn spawn(&self, work: Boxed<'static, ()>) {
        tokio::spawn(work);
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }

    fn sleep(&self, time: Duration) -> Boxed<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn shut_down(&self) -> Boxed<'_, ()> {
        self.network.with(|world| {
            if self.runs(world) {
                world.quit(self.index);
            }
        });
        Box::pin(async {})
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.network.with(|world| {
            if self.runs(world) {
                world.quit(self.index);
            }
        });
    }
}
