//! Events of the driver, on their way to subscribers.

use std::sync::{Arc, Weak};

use meshwork_core::node::{Event as NodeEvent, RoomHandle};

use crate::event::Event;
use crate::runner::{MaybeSend, unless};
use crate::shared::Shared;

/// Reads the driver's events until it ends, or the last handle of the endpoint is dropped.
pub(crate) async fn dispatch<E: Heard>(shared: Weak<Shared>, mut events: E) {
    let (mut missed, mut is_behind) = (0, false);
    loop {
        let Some(held) = shared.upgrade() else { return };
        if held.is_behind(is_behind) != is_behind {
            is_behind = !is_behind;
            held.runner.set_takes_direct(!is_behind);
        }
        let read = is_behind.then(|| Arc::clone(&held.read));
        drop(held);
        let next = match read {
            // What was read meanwhile may be enough to take direct messages again.
            Some(read) => match unless(read.notified(), events.next()).await {
                Some(next) => next,
                None => continue,
            },
            None => events.next().await,
        };
        let Some(shared) = shared.upgrade() else { return };
        let Some((event, missed_now)) = next else { return shared.close() };
        if missed_now > missed {
            let count = missed_now - missed;
            missed = missed_now;
            for room in shared.every_room() {
                room.tell(&Event::Missed(count));
                // That there is something to do may be among it.
                shared.pump(&room);
            }
        }
        shared.handle(event).await;
    }
}

/// What tells the events of a node, and how many were dropped so far. Cancelling it loses nothing.
pub(crate) trait Heard {
    fn next(&mut self) -> impl Future<Output = Option<(NodeEvent, u64)>> + MaybeSend;

    /// Has [`Shared::hear_at_once`] take what it takes, where that saves time.
    fn tap(&mut self, _: Weak<Shared>) {}
}

impl Shared {
    /// Takes what listeners hear as it is, so that it need not wait for the task that reads events.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn hear_at_once(&self, event: NodeEvent) -> Option<NodeEvent> {
        let is_plain = match &event {
            NodeEvent::Said { topic, .. } => !crate::blobs::is_seeking(topic),
            NodeEvent::Datagram { .. } | NodeEvent::Presence { .. } | NodeEvent::Changed { .. } => true,
            _ => false,
        };
        if !is_plain {
            return Some(event);
        }
        let (handle, event) = of_room(event)?;
        self.room(handle)?.hear(event);
        None
    }

    /// Takes datagrams that somebody here listens to. A page of this workspace receives everything else first.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn hear_at_once(&self, event: NodeEvent) -> Option<NodeEvent> {
        if let NodeEvent::Datagram { room, slot, topic, .. } = &event
            && let Some(room) = self.room(*room)
            && room.look(|known| known.has_listener(*slot, topic))
        {
            room.hear(event);
            return None;
        }
        Some(event)
    }
}

/// The room that an event is of.
pub(crate) fn of_room(event: NodeEvent) -> Option<(RoomHandle, NodeEvent)> {
    let room = match &event {
        NodeEvent::RoomOpened { room, .. }
        | NodeEvent::RoomRegistered { room, .. }
        | NodeEvent::RoomWaiting { room }
        | NodeEvent::RoomRefused { room, .. }
        | NodeEvent::MemberAttached { room, .. }
        | NodeEvent::MemberDetached { room, .. }
        | NodeEvent::Presence { room, .. }
        | NodeEvent::Said { room, .. }
        | NodeEvent::Datagram { room, .. }
        | NodeEvent::Changed { room, .. }
        | NodeEvent::Invitation { room, .. }
        | NodeEvent::Reply { room, .. }
        | NodeEvent::ByHandFailed { room, .. }
        | NodeEvent::RulesChanged { room }
        | NodeEvent::SecretChanged { room }
        | NodeEvent::ShutOut { room, .. }
        | NodeEvent::RecordsInStep { room, .. }
        | NodeEvent::Acknowledged { room, .. }
        | NodeEvent::Saved { room, .. }
        | NodeEvent::RoomTime { room, .. }
        | NodeEvent::ClockApart { room, .. }
        | NodeEvent::WaitingChanged { room }
        | NodeEvent::Equivocation { room, .. }
        | NodeEvent::InStep { room, .. }
        | NodeEvent::HistoryChanged { room }
        | NodeEvent::Direct { room, .. }
        | NodeEvent::DirectEnded { room, .. }
        | NodeEvent::BlobsWaiting { room }
        | NodeEvent::StorageFailed { room, .. }
        | NodeEvent::GaveUp { room, .. }
        | NodeEvent::StorageRecovered { room } => *room,
        _ => return None,
    };
    Some((room, event))
}
