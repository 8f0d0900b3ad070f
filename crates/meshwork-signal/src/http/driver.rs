//! The one task that owns the hub: it tells it what happened, when, and hands out what it says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use meshwork_core::time::{Time, WallTime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::hub::{Hub, Output, Rubbish, SocketId};

/// Inputs on their way to the hub. When it is full, sockets wait their turn before they read on.
const INBOX_MAX: usize = 1024;

/// What a socket's task tells the hub.
pub(super) enum Told {
    Text(Utf8Bytes),
    Ping,
    Rubbish(Rubbish),
    Written(usize),
    Closed,
}

enum Input {
    Opened { address: IpAddr, line: oneshot::Sender<Line> },
    Told(SocketId, Told),
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

/// Reaches the hub from the tasks of sockets.
#[derive(Clone)]
pub(super) struct HubHandle {
    inbox: mpsc::Sender<Input>,
    message_bytes_max: usize,
}

impl HubHandle {
    pub(super) fn message_bytes_max(&self) -> usize {
        self.message_bytes_max
    }

    /// Opens a socket; `None` when the hub is gone.
    pub(super) async fn open(&self, address: IpAddr) -> Option<Line> {
        let (line, opened) = oneshot::channel();
        self.inbox.send(Input::Opened { address, line }).await.ok()?;
        opened.await.ok()
    }

    /// Tells something of a socket. Without a hub nobody listens, and the line ends by itself.
    pub(super) async fn tell(&self, socket: SocketId, told: Told) {
        let _ = self.inbox.send(Input::Told(socket, told)).await;
    }
}

/// A handle to `hub` and what drives it, until every handle is dropped. A true `stopped` shuts the hub down.
pub(super) fn start(hub: Hub, stopped: watch::Receiver<bool>) -> (HubHandle, impl Future<Output = ()>) {
    let (sender, inbox) = mpsc::channel(INBOX_MAX);
    let handle = HubHandle { inbox: sender, message_bytes_max: hub.config().message_bytes_max };
    let driver = Driver { hub, inbox, origin: Instant::now(), sinks: BTreeMap::new() };
    (handle, driver.run(stopped))
}

struct Driver {
    hub: Hub,
    inbox: mpsc::Receiver<Input>,
    origin: Instant,
    sinks: BTreeMap<SocketId, Sink>,
}

impl Driver {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut is_stopping = false;
        loop {
            let due = self.hub.poll_timeout().map(|due| self.origin + Duration::from_micros(due.0));
            tokio::select! {
                input = self.inbox.recv() => match input {
                    Some(input) => self.handle(input),
                    None => break,
                },
                () = sleep_until(due.unwrap_or(self.origin)), if due.is_some() => {
                    self.hub.handle_timeout(self.now());
                }
                _ = stopped.wait_for(|&is_stopped| is_stopped), if !is_stopping => {
                    is_stopping = true;
                    self.hub.shut_down(self.now());
                }
            }
            self.carry_out();
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Opened { address, line } => {
                let id = self.hub.handle_opened(now, wall_time(), address);
                let (sender, queue) = mpsc::unbounded_channel();
                let (hang_up, hung_up) = oneshot::channel();
                self.sinks.insert(id, Sink { queue: sender, _hang_up: hang_up });
                if line.send(Line { id, queue, hung_up }).is_err() {
                    self.sinks.remove(&id);
                    self.hub.handle_closed(now, id);
                }
            }
            Input::Told(id, Told::Text(text)) => self.hub.handle_text(now, id, &text),
            Input::Told(id, Told::Ping) => self.hub.handle_ping(now, id),
            Input::Told(id, Told::Rubbish(rubbish)) => self.hub.handle_rubbish(now, id, rubbish),
            Input::Told(id, Told::Written(bytes)) => self.hub.handle_written(now, id, bytes),
            Input::Told(id, Told::Closed) => {
                self.sinks.remove(&id);
                self.hub.handle_closed(now, id);
            }
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                // A socket whose task is gone is about to be reported closed.
                Output::Send { socket, text } => {
                    if let Some(sink) = self.sinks.get(&socket) {
                        let _ = sink.queue.send(text);
                    }
                }
                Output::Close { socket } => {
                    self.sinks.remove(&socket);
                }
            }
        }
    }

    fn now(&self) -> Time {
        Time(self.origin.elapsed().as_micros().try_into().unwrap_or(u64::MAX))
    }
}

fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(since.as_micros().try_into().unwrap_or(u64::MAX))
}
