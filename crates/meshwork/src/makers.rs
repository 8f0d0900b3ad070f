//! The apps of this build: the one place of the library that names them.

use meshwork_chat::Chat as _;
use meshwork_core::node::{Node, RoomHandle};
use meshwork_core::replica::Replica;
use meshwork_core::room::MakeReplica;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::time::Time;

/// Makers of the apps' own replicas. The first one that knows an app makes its replica.
const MAKERS: &[MakeReplica] = &[
    #[cfg(feature = "place")]
    meshwork_place::make,
    #[cfg(feature = "sync")]
    meshwork_sync::make,
];

/// The replica of an app that no program registered.
pub(crate) fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    MAKERS.iter().find_map(|make| make(app, parameters))
}

/// Writes the name of this program into its profile in a room. A name that cannot be written now goes with a later write.
pub(crate) fn keep_name(node: &mut Node, now: Time, room: RoomHandle) {
    let _ = node.keep_name(now, room, false);
}
