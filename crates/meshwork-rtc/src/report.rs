//! Logs a node's decisions, so that a report from the field can be read: `RUST_LOG=meshwork_rtc=debug`. What people write and
//! codes, ids and secrets of rooms are never logged.

use meshwork_core::node::{Effect, Event};
use tracing::debug;

/// Logs an event of the node, unless it only carries what people wrote.
pub(crate) fn event(event: &Event) {
    match event {
        Event::Server { url, state } => debug!(url, ?state, "server"),
        Event::RoomOpened { room, .. } => debug!(room = room.0, "room opened"),
        Event::RoomRegistered { room, .. } => debug!(room = room.0, "room registered"),
        Event::RoomWaiting { room } => debug!(room = room.0, "no server knows the room"),
        Event::RoomRefused { room, reason } => debug!(room = room.0, ?reason, "room refused"),
        Event::Link { endpoint, state, reason } => debug!(%endpoint, ?state, reason, "link"),
        Event::MemberAttached { room, endpoint } => debug!(room = room.0, %endpoint, "member attached"),
        Event::MemberDetached { room, endpoint, distant } => {
            debug!(room = room.0, %endpoint, distant, "member detached");
        }
        Event::ShutOut { room, by } => debug!(room = room.0, %by, "shut out"),
        Event::Equivocation { room, endpoint, detail } => {
            debug!(room = room.0, %endpoint, detail, "equivocation");
        }
        Event::ByHandFailed { room, reason } => debug!(room = room.0, reason, "invitation failed"),
        Event::DirectEnded { room, to, messages, end, reason, .. } => {
            debug!(room = room.0, %to, messages, ?end, reason, "direct messages ended");
        }
        Event::Refused { endpoint, reason, detail, count } => {
            let endpoint = endpoint.map(|endpoint| endpoint.to_string());
            debug!(endpoint, ?reason, detail, count, "message refused");
        }
        Event::StorageFailed { room, reason } => debug!(room = room.0, reason, "storage failed"),
        Event::StorageRecovered { room } => debug!(room = room.0, "storage recovered"),
        Event::GaveUp { room, replica } => debug!(room = room.0, ?replica, "data evicted"),
        _ => {}
    }
}

/// Logs an effect that opens or closes something.
pub(crate) fn effect(effect: &Effect) {
    match effect {
        Effect::Open { link, role, .. } => debug!(link = link.0, ?role, "connection opens"),
        Effect::Close { link } => debug!(link = link.0, "connection closes"),
        Effect::ServerOpen { server, url } => debug!(server = server.0, url, "socket opens"),
        Effect::ServerClose { server } => debug!(server = server.0, "socket closes"),
        _ => {}
    }
}
