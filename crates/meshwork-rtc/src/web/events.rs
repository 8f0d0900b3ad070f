//! The events of a driver, as a stream that one task reads.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use meshwork_core::node::Event;

/// Events that wait to be read. A task that reads gets its turn before the browser's next callback, so only
/// an application that stopped reading ever reaches this. Then the oldest change of a canvas is dropped, and when
/// there is none the oldest event: the canvas itself can be read at any time.
pub const EVENTS_MAX: usize = 4096;

/// What a node tells the application, in order.
#[derive(Debug)]
pub struct Events(Rc<Queue>);

/// Where the driver puts events.
#[derive(Debug)]
pub(crate) struct EventSender(Rc<Queue>);

#[derive(Debug, Default)]
struct Queue(RefCell<QueueState>);

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Event>,
    reader: Option<Waker>,
    is_closed: bool,
    missed: u64,
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
                Some(event) => Poll::Ready(Some(event)),
                None if state.is_closed => Poll::Ready(None),
                None => {
                    state.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// How many events were dropped since the driver started, because they were not read in time. Who sees it
    /// grow should read the whole canvas again.
    pub fn missed(&self) -> u64 {
        self.0.0.borrow().missed
    }
}

impl EventSender {
    pub(crate) fn send(&self, event: Event) {
        let mut state = self.0.0.borrow_mut();
        if state.waiting.len() >= EVENTS_MAX {
            let canvas = state.waiting.iter().position(|event| matches!(event, Event::CanvasChanged { .. }));
            state.waiting.remove(canvas.unwrap_or(0));
            state.missed += 1;
        }
        state.waiting.push_back(event);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
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
