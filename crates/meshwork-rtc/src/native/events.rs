//! What the application hears: a queue of events that never stops the driver and never grows without bound.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use meshwork_core::node::Event;
use tokio::sync::Notify;

/// Events that wait for an application that does not read. Above it the oldest change of a canvas or datagram is
/// dropped, and when there is none the oldest event that is no direct message nor the end of one: the canvas itself can
/// be read at any time.
pub const EVENTS_MAX: usize = 4096;
/// Waiting events from which on the node keeps direct messages, so that their senders wait too. A message of a link
/// that is on its way then may bring some 5,000 more: they are never dropped, since they count as received.
const MANY: usize = EVENTS_MAX / 2;
/// Waiting events below which it hands them over again.
const FEW: usize = EVENTS_MAX / 4;

/// The events of a node, in order.
///
/// The driver goes on whether or not they are read. Once [`EVENTS_MAX`] wait, old ones are dropped, changes of a
/// canvas and datagrams first; [`Events::missed`] counts them. Who sees it grow should read the whole canvas again.
#[derive(Debug)]
pub struct Events(Arc<Shared>);

/// The driver's end of the queue.
#[derive(Debug)]
pub(super) struct EventSender(Arc<Shared>);

/// What an application holds direct messages back with.
#[derive(Clone, Debug)]
pub(super) struct Hold(Arc<Shared>);

impl Hold {
    /// Holds them back, or lets them come.
    pub(super) fn set(&self, is_held: bool) {
        self.0.queue().is_held = is_held;
        self.0.room.notify_one();
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    tap: OnceLock<Tap>,
    changed: Notify,
    /// Tells the driver that the application keeps up again.
    room: Notify,
}

/// Takes an event, or hands it back.
type Tap = Box<dyn Fn(Event) -> Option<Event> + Send + Sync>;

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    missed: u64,
    ended: bool,
    /// Whether the application has fallen behind.
    is_behind: bool,
    /// Whether it says that it takes no direct messages now.
    is_held: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// A queue and its two ends.
pub(super) fn channel() -> (EventSender, Events) {
    let shared = Arc::<Shared>::default();
    (EventSender(Arc::clone(&shared)), Events(shared))
}

impl Events {
    /// Waits for the next event; `None` once the driver has ended and all were read. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let changed = self.0.changed.notified();
            if let Some(event) = self.0.take() {
                return Some(event);
            }
            if self.0.queue().ended {
                return None;
            }
            changed.await;
        }
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.take()
    }

    /// From now on hands each event to `tap` at once, from the driver's own task, unless others wait to be read: what it
    /// does not hand back is not queued. Of two taps the first one stays. It saves the turn of the task that reads, and must be quick.
    pub fn tap(&mut self, tap: impl Fn(Event) -> Option<Event> + Send + Sync + 'static) {
        let _ = self.0.tap.set(Box::new(tap));
    }

    /// How many events were dropped since the driver started, because they were not read in time.
    pub fn missed(&self) -> u64 {
        self.0.queue().missed
    }
}

impl EventSender {
    /// Queues an event.
    pub(super) fn send(&self, event: Event) {
        // Nobody else queues events, and no lock is held while one is heard.
        let tap = self.0.tap.get().filter(|_| self.0.queue().events.is_empty());
        let event = match tap {
            Some(tap) => tap(event),
            None => Some(event),
        };
        if let Some(event) = event {
            self.0.queue().push(event);
            self.0.changed.notify_one();
        }
    }

    /// Whether the application has fallen behind.
    pub(super) fn is_behind(&self) -> bool {
        let queue = self.0.queue();
        queue.is_behind || queue.is_held
    }

    /// What the application holds direct messages back with.
    pub(super) fn hold(&self) -> Hold {
        Hold(Arc::clone(&self.0))
    }

    /// Waits until it keeps up again, if it did not.
    pub(super) async fn has_room(&self) {
        self.0.room.notified().await;
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        self.0.queue().ended = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn take(&self) -> Option<Event> {
        let mut queue = self.queue();
        let event = queue.events.pop_front();
        if queue.is_behind && queue.events.len() < FEW {
            queue.is_behind = false;
            self.room.notify_one();
        }
        event
    }

    /// A panic while the lock was held left the queue whole: every step on it is one call.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, event: Event) {
        let is_end = matches!(event, Event::DirectEnded { .. });
        if is_end && self.is_behind && self.events.iter_mut().any(|waiting| waiting.absorb(&event)) {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            // Of these the newest says it again, or the canvas does.
            let is_old = |event: &Event| {
                matches!(event, Event::Changed { batch: Some(_), .. } | Event::Datagram { .. })
            };
            let old = self.events.iter().position(is_old);
            let oldest = || {
                self.events
                    .iter()
                    .position(|event| !matches!(event, Event::Direct { .. } | Event::DirectEnded { .. }))
            };
            if let Some(place) = old.or_else(oldest) {
                self.events.remove(place);
                self.missed += 1;
            }
        }
        self.events.push_back(event);
        self.is_behind |= self.events.len() >= MANY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::id::{Endpoint, Identity, Instance};
    use meshwork_core::node::RoomHandle;
    use meshwork_core::replica::{Changes, ReplicaNumber};
    use meshwork_core::signed::batch::BatchKey;
    use meshwork_core::signed::list::ShortId;

    fn change(room: u32) -> Event {
        let author = Endpoint { peer: Identity::from_secret([1; 32]).peer(), instance: Instance(1) };
        let changes = Changes::new(vec![()]).expect("one");
        let batch = Some(BatchKey { author, sequence: 1, id: ShortId([0; 16]) });
        Event::Changed { room: RoomHandle(room), replica: ReplicaNumber::FIRST, batch, changes }
    }

    #[tokio::test]
    async fn a_tap_takes_what_nothing_waits_before() {
        let (sender, mut events) = channel();
        let (taken, heard) = std::sync::mpsc::channel();
        events.tap(move |event| match event {
            Event::Changed { room, .. } => {
                taken.send(room).expect("the test goes on");
                None
            }
            event => Some(event),
        });
        sender.send(change(1));
        sender.send(Event::RoomWaiting { room: RoomHandle(2) });
        sender.send(change(3));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [RoomHandle(1)]);
        assert_eq!(events.try_next(), Some(Event::RoomWaiting { room: RoomHandle(2) }));
        assert!(
            matches!(events.try_next(), Some(Event::Changed { room: RoomHandle(3), .. })),
            "in its place"
        );
    }

    #[tokio::test]
    async fn old_changes_are_dropped_first() {
        let (sender, mut events) = channel();
        sender.send(Event::RoomWaiting { room: RoomHandle(0) });
        for room in 1..=EVENTS_MAX as u32 {
            sender.send(change(room));
        }
        assert_eq!(events.missed(), 1);
        assert_eq!(events.next().await, Some(Event::RoomWaiting { room: RoomHandle(0) }));
        assert!(matches!(events.next().await, Some(Event::Changed { room: RoomHandle(2), .. })));
        drop(sender);
        let mut rest = 0;
        while events.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, EVENTS_MAX - 2);
    }

    #[tokio::test]
    async fn a_waiting_reader_is_woken() {
        let (sender, mut events) = channel();
        let reader = tokio::spawn(async move { events.next().await });
        tokio::task::yield_now().await;
        sender.send(Event::RulesChanged { room: RoomHandle(7) });
        assert_eq!(reader.await.unwrap(), Some(Event::RulesChanged { room: RoomHandle(7) }));
    }
}
