//! The app of a room that was made for talking: its name, parameters and table.

use meshwork_core::node::RoomSpec;
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::signed::app::{AppParameters, AppWord, CONVERSATION_SLOT};
use meshwork_core::signed::header::Family;
use meshwork_core::wire::Bytes;

/// The name of the app.
pub const WORD: &str = "chat";
/// The version in the [`parameters`].
pub const VERSION: u8 = 1;

/// The name of the app.
pub fn app() -> AppWord {
    WORD.parse().expect("it names an app")
}

/// The parameters of a room for talking: one byte, the version. An app with parameters has no documents, so such a room
/// has the conversation alone.
pub fn parameters() -> AppParameters {
    Bytes::new(vec![VERSION]).expect("one byte")
}

/// The specification of a room for talking.
pub fn room_spec(server: impl Into<String>, private: bool) -> RoomSpec {
    RoomSpec { servers: vec![server.into()], app: app(), parameters: parameters(), private }
}

/// The table of posts, in every room.
pub fn replica() -> ReplicaNumber {
    ReplicaNumber::new(CONVERSATION_SLOT, Family::ByTime).expect("the conversation has a slot")
}
