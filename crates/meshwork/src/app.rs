//! The part of a room that one app has.

use meshwork_core::replica::Replica;
use meshwork_core::seam::lane::{Slot, Topic as TopicName};
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::wire::BoundedText;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::blobs::Blobs;
use crate::presence::Presence;
use crate::room::Room;
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

/// What the apps of this build keep in step besides tables.
pub(crate) fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    if cfg!(feature = "place") { meshwork_place::make(app, parameters) } else { None }
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

    /// Bytes that are too long for a message, named by their hash, from whoever holds them.
    pub fn blobs(&self) -> Blobs {
        Blobs(self.clone())
    }

    /// What each member says of itself now.
    pub fn presence(&self) -> Presence {
        Presence(self.clone())
    }
}

fn topic_name(name: &str) -> TopicName {
    BoundedText::new(name).expect("the name of a topic has at most TOPIC_MAX bytes")
}
