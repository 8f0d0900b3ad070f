//! The events of a driver, as a stream that one task reads.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use meshwork_core::node::Event;

/// Events that wait to be read. A task that reads gets its turn before the browser's next callback, so only
/// an application that stopped reading ever reaches this. Then the oldest change of a canvas or datagram is dropped,
/// and when there is none the oldest event that is no direct message nor the end of one: the canvas itself can be read
/// at any time.
pub const EVENTS_MAX: usize = 4096;
/// Waiting events from which on the node keeps direct messages, so that their senders wait too. A message of a link
/// that is on its way then may bring some 5,000 more: they are never dropped, since they count as received.
const MANY: usize = EVENTS_MAX / 2;
/// Waiting events below which it hands them over again.
const FEW: usize = EVENTS_MAX / 4;

/// What a node tells the application, in order.
#[derive(Debug)]
pub struct Events(Rc<Queue>);

/// Where the driver puts events.
#[derive(Debug)]
pub(crate) struct EventSender(Rc<Queue>);

#[derive(Debug, Default)]
struct Queue(RefCell<QueueState>);

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Event>,
    reader: Option<Waker>,
    is_closed: bool,
    missed: u64,
    /// Whether the application has fallen behind, and what tells the driver that it keeps up again.
    is_behind: bool,
    /// Whether it says that it takes no direct messages now.
    is_held: bool,
    on_room: Option<Rc<dyn Fn()>>,
    tap: Option<Tap>,
}

/// Receives events at once. It returns those that are to be queued.
type Tap = Rc<dyn Fn(Event) -> Option<Event>>;

impl fmt::Debug for QueueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueState").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

pub(crate) fn channel() -> (EventSender, Events) {
    let queue = Rc::new(Queue::default());
    (EventSender(queue.clone()), Events(queue))
}

impl Events {
    /// The next event; `None` when the driver was dropped and all were read.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| {
            let mut state = self.0.0.borrow_mut();
            match state.waiting.pop_front() {
                Some(event) => {
                    let keeps_up = state.is_behind && state.waiting.len() < FEW;
                    state.is_behind &= !keeps_up;
                    let on_room = state.on_room.clone().filter(|_| keeps_up);
                    drop(state);
                    if let Some(on_room) = on_room {
                        on_room();
                    }
                    Poll::Ready(Some(event))
                }
                None if state.is_closed => Poll::Ready(None),
                None => {
                    state.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// From now on hands each event to `tap` at once, from the driver's own call, unless others wait to be read. Events that it does not
    /// return are not queued. It must be quick, and must not call the driver.
    pub fn tap(&mut self, tap: impl Fn(Event) -> Option<Event> + 'static) {
        self.0.0.borrow_mut().tap = Some(Rc::new(tap));
    }

    /// How many events were dropped since the driver started, because they were not read in time. Who sees it
    /// grow should read the whole canvas again.
    pub fn missed(&self) -> u64 {
        self.0.0.borrow().missed
    }
}

impl EventSender {
    pub(crate) fn send(&self, event: Event) {
        let state = self.0.0.borrow();
        let tap = state.tap.clone().filter(|_| state.waiting.is_empty());
        drop(state);
        let event = match tap {
            Some(tap) => tap(event),
            None => Some(event),
        };
        let Some(event) = event else { return };
        let mut state = self.0.0.borrow_mut();
        let is_end = matches!(event, Event::DirectEnded { .. });
        if is_end && state.is_behind && state.waiting.iter_mut().any(|waiting| waiting.absorb(&event)) {
            return;
        }
        if state.waiting.len() >= EVENTS_MAX {
            // Of these the newest says it again, or the canvas does.
            let is_old = |event: &Event| {
                matches!(event, Event::Changed { batch: Some(_), .. } | Event::Datagram { .. })
            };
            let old = state.waiting.iter().position(is_old);
            let oldest = || {
                state
                    .waiting
                    .iter()
                    .position(|event| !matches!(event, Event::Direct { .. } | Event::DirectEnded { .. }))
            };
            if let Some(place) = old.or_else(oldest) {
                state.waiting.remove(place);
                state.missed += 1;
            }
        }
        state.waiting.push_back(event);
        state.is_behind |= state.waiting.len() >= MANY;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// Whether the application has fallen behind.
    pub(crate) fn is_behind(&self) -> bool {
        let state = self.0.0.borrow();
        state.is_behind || state.is_held
    }

    /// The application says whether it holds direct messages back.
    pub(crate) fn set_held(&self, is_held: bool) {
        self.0.0.borrow_mut().is_held = is_held;
    }

    /// Calls `listener` whenever it keeps up again.
    pub(crate) fn on_room(&self, listener: impl Fn() + 'static) {
        self.0.0.borrow_mut().on_room = Some(Rc::new(listener));
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.0.0.borrow_mut();
        state.is_closed = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}
