//! The part of a room that one app has.

use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::node::{
    CommandError, Holders, Node, Receipt as Written, RoomHandle, WriteError as NodeWriteError,
};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::room::rules::publish::Retract;
use meshwork_core::seam::lane::{Slot, Topic as TopicName};
use meshwork_core::signed::header::Family;
use meshwork_core::table::{self, Write, payloads};
use meshwork_core::time::Time;
use meshwork_core::wire::{BoundedText, Bytes as BoundedBytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blobs::Blobs;
use crate::error::{Closed, RuleError, WriteError};
use crate::inbox::Inbox;
use crate::log::Log;
use crate::presence::Presence;
use crate::room::Room;
use crate::runner::{Make, MaybeSend};
use crate::shared::{Changed, Watched};
use crate::table::Table;
use crate::topic::{Bytes, Json, Topic};

/// The part of a room that one app has: its topics, its tables, and what members say of themselves in it.
#[derive(Clone, Debug)]
pub struct App {
    pub(crate) room: Room,
    pub(crate) slot: Slot,
}

/// The app is not on in this room: the owner turns it on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app {0:?} is not on in this room")]
pub struct AppIsOff(pub String);

/// An app that is on in a room: see [`Room::apps`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppOn {
    /// Its word.
    pub word: String,
    /// Whether this program keeps all that the app keeps. Tables, what was said and blobs are kept of every app; one may also have
    /// a replica of its own, as Place has its canvas, which only programs that are made for it keep.
    pub is_whole: bool,
}

/// The effect of a write for which this peer has no quota left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It fails with [`WriteError::Full`].
    Refuse,
    /// The table evicts this peer's oldest entries.
    EvictOldest,
}

impl App {
    pub(crate) fn new(room: Room, slot: Slot) -> App {
        App { room, slot }
    }

    /// One kind of message, as JSON, so that programs in every language read it.
    ///
    /// # Panics
    /// For a name of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn topic<T: Serialize + DeserializeOwned>(&self, name: &str) -> Topic<T, Json> {
        Topic::new(self.clone(), topic_name(name))
    }

    /// One kind of message in bytes.
    ///
    /// # Panics
    /// For a name of more than [`TOPIC_MAX`](crate::TOPIC_MAX) bytes.
    pub fn topic_bytes(&self, name: &str) -> Topic<Vec<u8>, Bytes> {
        Topic::new(self.clone(), topic_name(name))
    }

    /// Keys and values that the room keeps. Naming a table makes nothing: it is there once something is written.
    ///
    /// # Panics
    /// For a name that has a zero byte, or [`KEY_MAX`](crate::KEY_MAX) bytes or more.
    pub fn table(&self, name: &str) -> Table {
        Table::new(self.clone(), name)
    }

    /// Rows in the order of time, which the room keeps: messages, moves or results. Naming a log makes nothing.
    ///
    /// # Panics
    /// For a name that has a zero byte, or more than [`LOG_NAME_MAX`](crate::LOG_NAME_MAX) bytes.
    pub fn log(&self, name: &str) -> Log {
        Log::new(self.clone(), name)
    }

    /// How many entries all tables of the app have together, values and what counters are made of included.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn entry_count(&self) -> Result<usize, Closed> {
        self.read(|table| table.entries(&[]).count()).await
    }

    /// Erases everything that a peer wrote up to now in all [tables](App::table) of the app, its counters, values and shapes
    /// included. Later writes of the peer count. The owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is erased.
    pub async fn erase_tables_by(&self, peer: PeerId) -> Result<(), RuleError> {
        self.erase_by(Family::ByValue, peer).await
    }

    /// Erases everything that a peer wrote up to now in all [logs](App::log) of the app. Later writes of the peer count. The
    /// owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is erased.
    pub async fn erase_logs_by(&self, peer: PeerId) -> Result<(), RuleError> {
        self.erase_by(Family::ByTime, peer).await
    }

    pub(crate) async fn erase_by(&self, family: Family, peer: PeerId) -> Result<(), RuleError> {
        let replica = self.slot.replica(family);
        let retract = Retract { replica, author: Some(peer), scope: BoundedBytes::default() };
        let erase = move |node: &mut Node, now, room| node.room_mut(now, room).retract(retract).map(drop);
        Ok(self.room.call(erase).await??)
    }

    /// Bytes that are too long for a message, named by their hash, from whoever holds them.
    pub fn blobs(&self) -> Blobs {
        Blobs(self.clone())
    }

    /// What each member says of itself now.
    pub fn presence(&self) -> Presence {
        Presence(self.clone())
    }

    /// The app's table by value.
    pub(crate) fn by_value(&self) -> ReplicaNumber {
        self.slot.replica(Family::ByValue)
    }

    /// Hears from now on what changes in the app's table by value.
    pub(crate) fn watch(&self) -> Inbox<Changed> {
        self.watch_in(Family::ByValue)
    }

    /// Hears from now on what changes in what the app keeps in a family.
    pub(crate) fn watch_in(&self, family: Family) -> Inbox<Changed> {
        self.room.watch(Watched::Replica(self.slot.replica(family)))
    }

    /// Reads in the app's table by value, which is empty where the app is off.
    pub(crate) fn read<R: MaybeSend + 'static>(
        &self,
        read: impl FnOnce(&table::Table) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        self.read_from(Family::ByValue, read)
    }

    /// Reads in the app's table of a family, which is empty where the app is off.
    pub(crate) fn read_from<R: MaybeSend + 'static>(
        &self,
        family: Family,
        read: impl FnOnce(&table::Table) -> R + MaybeSend + 'static,
    ) -> impl Future<Output = Result<R, Closed>> {
        let replica = self.slot.replica(family);
        self.room.call(move |node, _, room| read_in(node, room, replica, read))
    }

    /// The holders of this program's last write in a part of a replica.
    pub(crate) async fn holders(&self, replica: ReplicaNumber, part: u32) -> Result<Holders, Closed> {
        self.room.call(move |node, _, room| node.room(room).holders(replica, part)).await
    }

    /// Writes in the app's table by value what `make` makes of what stands there, as this program.
    pub(crate) fn write(
        &self,
        mut make: impl FnMut(&table::Table, EndpointId) -> Result<Write, WriteError> + MaybeSend + 'static,
    ) -> impl Future<Output = Result<(), WriteError>> {
        self.write_all(move |table, me| make(table, me).map(|write| vec![write]))
    }

    /// Writes likewise in several fields, at one time.
    pub(crate) fn write_all(
        &self,
        make: impl FnMut(&table::Table, EndpointId) -> Result<Vec<Write>, WriteError> + MaybeSend + 'static,
    ) -> impl Future<Output = Result<(), WriteError>> {
        self.write_made(Box::new(make))
    }

    async fn write_made(&self, mut make: Make) -> Result<(), WriteError> {
        let (replica, me) = (self.by_value(), self.room.me());
        let work =
            move |node: &mut Node, now, room| match read_in(node, room, replica, |table| make(table, me)) {
                Ok(writes) => write_in(node, now, (room, replica), me, &writes, WhenFull::Refuse),
                Err(error) => Ok(Err(error)),
            };
        self.room.call_patiently(work).await?.map_err(WriteError::from)?.map(drop)
    }
}

/// A value as it is written in a table.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, WriteError> {
    meshwork_core::json::to_vec(value).map_err(|error| WriteError::Invalid(error.to_string()))
}

/// Says which of these sizes is above its limit.
pub(crate) fn check_sizes(sizes: &[(usize, usize)]) -> Result<(), WriteError> {
    match sizes.iter().find(|(size, max)| size > max) {
        Some(&(size, max)) => Err(WriteError::TooLarge { size, max }),
        None => Ok(()),
    }
}

pub(crate) fn read_in<R>(
    node: &Node,
    room: RoomHandle,
    replica: ReplicaNumber,
    read: impl FnOnce(&table::Table) -> R,
) -> R {
    match node.room(room).replica(replica) {
        Some(table) => read(table),
        None if replica.family() == Family::ByTime => read(&table::Table::new(table::Kind::ByTime)),
        None => read(&table::Table::new(table::Kind::ByValue)),
    }
}

/// Writes in a table as this program. Returns nothing if there was nothing to write.
pub(crate) fn write_in(
    node: &mut Node,
    now: Time,
    (room, replica): (RoomHandle, ReplicaNumber),
    me: EndpointId,
    writes: &[Write],
    when_full: WhenFull,
) -> Result<Result<Option<Written>, WriteError>, CommandError> {
    if writes.is_empty() {
        return Ok(Ok(None));
    }
    let check = |table: &table::Table| match when_full == WhenFull::Refuse
        && table.is_full_for_all(me.peer, writes)
    {
        true => Err(full(table, me)),
        false => Ok(()),
    };
    if let Err(error) = read_in(node, room, replica, check) {
        return Ok(Err(error));
    }
    let payloads = payloads(me.peer, writes)
        .map_err(|error| CommandError::Write(NodeWriteError::Content(error.to_string())))?;
    node.room_mut(now, room).write(replica, payloads).map(|written| Ok(Some(written)))
}

/// What is said where a write would take another entry of its author away.
fn full(table: &table::Table, me: EndpointId) -> WriteError {
    let used = table.used(me.peer);
    WriteError::Full { entries: used.values as usize, bytes: used.bytes }
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    BoundedText::new(name).expect("the name of a topic has at most TOPIC_MAX bytes")
}
