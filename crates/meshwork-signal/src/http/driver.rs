//! The hub as the tasks of sockets share it: each tells it what happened and hands out what it says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use meshwork_core::time::{Time, WallTime};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::hub::{Hub, Output, Rubbish, SocketId};

/// What a socket's task tells the hub.
pub(super) enum Told {
    Text(Utf8Bytes),
    Ping,
    Rubbish(Rubbish),
    Written(usize),
    Closed,
}

/// A socket's end of the line from the hub.
pub(super) struct Line {
    pub(super) id: SocketId,
    /// What is to be sent. The hub bounds it, in bytes; it ends when the socket is to be closed.
    pub(super) queue: mpsc::UnboundedReceiver<String>,
    /// Ends, without a value, when the hub has closed the socket.
    pub(super) hung_up: oneshot::Receiver<Infallible>,
}

/// The hub's end of the same line.
struct Sink {
    queue: mpsc::UnboundedSender<String>,
    _hang_up: oneshot::Sender<Infallible>,
}

/// Reaches the hub from anywhere. No call waits for anything but other calls, and these are short.
#[derive(Clone)]
pub(super) struct HubHandle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    origin: Instant,
    /// Something is due earlier than the timer thinks.
    earlier: Notify,
    message_bytes_max: usize,
}

struct State {
    hub: Hub,
    sinks: BTreeMap<SocketId, Sink>,
    /// What the timer sleeps for.
    awaited: Option<Time>,
}

impl HubHandle {
    pub(super) fn new(hub: Hub) -> HubHandle {
        let message_bytes_max = hub.config().message_bytes_max;
        let state = State { hub, sinks: BTreeMap::new(), awaited: None };
        let shared = Shared {
            state: Mutex::new(state),
            origin: Instant::now(),
            earlier: Notify::new(),
            message_bytes_max,
        };
        HubHandle { shared: Arc::new(shared) }
    }

    pub(super) fn message_bytes_max(&self) -> usize {
        self.shared.message_bytes_max
    }

    /// The hub's clock.
    pub(super) fn now(&self) -> Time {
        Time(self.shared.origin.elapsed().as_micros().try_into().unwrap_or(u64::MAX))
    }

    /// Opens a socket.
    pub(super) fn open(&self, address: IpAddr) -> Line {
        let (sender, queue) = mpsc::unbounded_channel();
        let (hang_up, hung_up) = oneshot::channel();
        let mut state = self.lock();
        let id = state.hub.handle_opened(self.now(), wall_time(), address);
        state.sinks.insert(id, Sink { queue: sender, _hang_up: hang_up });
        self.carry_out(&mut state);
        Line { id, queue, hung_up }
    }

    /// Tells something of a socket.
    pub(super) fn tell(&self, id: SocketId, told: Told) {
        self.with(|hub, now| match told {
            Told::Text(text) => hub.handle_text(now, id, &text),
            Told::Ping => hub.handle_ping(now, id),
            Told::Rubbish(rubbish) => hub.handle_rubbish(now, id, rubbish),
            Told::Written(bytes) => hub.handle_written(now, id, bytes),
            Told::Closed => hub.handle_closed(now, id),
        });
    }

    /// Asks or tells the hub anything.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut Hub, Time) -> T) -> T {
        let mut state = self.lock();
        let answer = ask(&mut state.hub, self.now());
        self.carry_out(&mut state);
        answer
    }

    /// Tells the hub of the passing of time, for as long as it is polled.
    pub(super) async fn run_timer(self) -> Infallible {
        loop {
            let due = {
                let mut state = self.lock();
                state.awaited = state.hub.poll_timeout();
                state.awaited
            };
            let sleep = sleep_until(self.shared.origin + Duration::from_micros(due.map_or(0, |due| due.0)));
            tokio::select! {
                () = sleep, if due.is_some() => self.with(|hub, now| hub.handle_timeout(now)),
                () = self.shared.earlier.notified() => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic would have left a hub that is still one; nothing outside makes it panic.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, state: &mut State) {
        while let Some(output) = state.hub.poll_output() {
            match output {
                // A socket whose task is gone is about to be reported closed.
                Output::Send { socket, text } => {
                    if let Some(sink) = state.sinks.get(&socket) {
                        let _ = sink.queue.send(text);
                    }
                }
                Output::Close { socket } => {
                    state.sinks.remove(&socket);
                }
            }
        }
        let due = state.hub.poll_timeout();
        if due.is_some_and(|due| state.awaited.is_none_or(|awaited| due < awaited)) {
            state.awaited = due;
            self.shared.earlier.notify_one();
        }
    }
}

pub(super) fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(since.as_micros().try_into().unwrap_or(u64::MAX))
}
