//! The hub as the tasks of sockets share it: each tells it what happened, and leaves what it says with whom it is for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshwork_core::time::{Time, WallTime};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use super::frames;
use crate::hub::{Hub, Output, Rubbish, SocketId};

/// A socket's end of the line from the hub. However its task ends, nothing of the socket stays once this is dropped.
pub(super) struct Line {
    pub(super) id: SocketId,
    hub: HubHandle,
    /// What is to be sent.
    pub(super) inbox: Arc<Inbox>,
    /// Ends, without a value, when the hub has closed the socket.
    pub(super) hung_up: oneshot::Receiver<Infallible>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.hub.close(self.id);
    }
}

/// What the hub has said to one socket and its task has not taken yet. The hub bounds it, in bytes; its buffer grows in
/// small steps, so that a socket which does not read holds little more than that.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Letters>);

#[derive(Default)]
struct Letters {
    frames: Vec<u8>,
    /// Bytes of text in the frames.
    text_bytes: usize,
    /// Nothing will come any more.
    is_last: bool,
    /// Waits for more.
    task: Option<Waker>,
}

impl Inbox {
    /// Takes all frames that are there, and says how many bytes of text are in them. `None` when nothing will come any
    /// more; what is taken by nobody wakes the caller.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<(Vec<u8>, usize)>> {
        let mut letters = self.lock();
        if !letters.frames.is_empty() {
            let text_bytes = std::mem::take(&mut letters.text_bytes);
            return Poll::Ready(Some((std::mem::take(&mut letters.frames), text_bytes)));
        }
        if letters.is_last {
            return Poll::Ready(None);
        }
        if !letters.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            letters.task = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. Gives whom to wake.
    fn push(&self, text: &str) -> Option<Waker> {
        let mut letters = self.lock();
        let frames = &mut letters.frames;
        if frames.capacity() - frames.len() < text.len() + frames::HEAD_MAX {
            frames.reserve_exact((text.len() + frames::HEAD_MAX).max(frames.len() / 8));
        }
        frames::push_text(frames, text);
        letters.text_bytes += text.len();
        letters.task.take()
    }

    fn end(&self) -> Option<Waker> {
        let mut letters = self.lock();
        letters.is_last = true;
        letters.task.take()
    }
}

/// The hub's end of the line.
struct Sink {
    inbox: Arc<Inbox>,
    _hang_up: oneshot::Sender<Infallible>,
}

/// Reaches the hub from anywhere. No call waits for anything but other calls, and these are short.
#[derive(Clone)]
pub(super) struct HubHandle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// What is on its way and the hub does not know of yet, by socket: since when, and bytes.
    written: Mutex<BTreeMap<SocketId, (Time, usize)>>,
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

/// The hub while one task tells it several things in a row.
pub(super) struct Turn<'a> {
    shared: &'a Shared,
    state: MutexGuard<'a, State>,
    now: Time,
}

impl Turn<'_> {
    pub(super) fn text(&mut self, id: SocketId, text: &str) {
        self.state.hub.handle_text(self.now, id, text);
    }

    pub(super) fn ping(&mut self, id: SocketId) {
        self.state.hub.handle_ping(self.now, id);
    }

    /// How long nothing more is read from a socket.
    pub(super) fn holds_back(&self, id: SocketId) -> Option<Duration> {
        Some(self.state.hub.held_until(self.now, id)?.since(self.now))
    }

    pub(super) fn rubbish(&mut self, id: SocketId, rubbish: Rubbish) {
        self.state.hub.handle_rubbish(self.now, id, rubbish);
    }

    /// Hands out what the hub says to all of it, and wakes whom that is for, but not the task that `speaks` and looks
    /// itself.
    pub(super) fn end(mut self, speaks: Option<SocketId>) {
        let mut to_wake = Vec::new();
        let State { hub, sinks, awaited } = &mut *self.state;
        while let Some(output) = hub.poll_output() {
            match output {
                Output::Send { socket, text } => {
                    let task = sinks.get(&socket).and_then(|sink| sink.inbox.push(&text));
                    to_wake.extend(task.filter(|_| speaks != Some(socket)));
                }
                Output::Close { socket } => {
                    to_wake.extend(sinks.remove(&socket).and_then(|sink| sink.inbox.end()));
                }
            }
        }
        let due = hub.poll_timeout();
        if due.is_some_and(|due| awaited.is_none_or(|awaited| due < awaited)) {
            *awaited = due;
            self.shared.earlier.notify_one();
        }
        drop(self.state);
        // Only now, so that nobody wakes up to wait for the hub.
        to_wake.into_iter().for_each(Waker::wake);
    }
}

impl HubHandle {
    pub(super) fn new(hub: Hub) -> HubHandle {
        let message_bytes_max = hub.config().message_bytes_max;
        let state = State { hub, sinks: BTreeMap::new(), awaited: None };
        let shared = Shared {
            state: Mutex::new(state),
            written: Mutex::default(),
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
        let inbox = Arc::new(Inbox::default());
        let (hang_up, hung_up) = oneshot::channel();
        let mut turn = self.turn();
        let id = turn.state.hub.handle_opened(turn.now, wall_time(), address);
        turn.state.sinks.insert(id, Sink { inbox: Arc::clone(&inbox), _hang_up: hang_up });
        turn.end(Some(id));
        Line { id, hub: self.clone(), inbox, hung_up }
    }

    /// The socket is gone, whoever closed it.
    fn close(&self, id: SocketId) {
        let mut turn = self.turn();
        turn.state.hub.handle_closed(turn.now, id);
        turn.state.sinks.remove(&id);
        turn.end(None);
    }

    /// Begins to tell the hub something. Others wait until it is ended, and it must be.
    pub(super) fn turn(&self) -> Turn<'_> {
        let mut state = self.lock();
        for (id, (since, bytes)) in std::mem::take(&mut *self.written()) {
            state.hub.handle_written(since, id, bytes);
        }
        Turn { shared: &self.shared, state, now: self.now() }
    }

    /// Notes that `bytes` of what the hub said on a socket are on their way. The hub hears of it before anything else
    /// that it is told: a socket that had to wait for those who have much to say would be taken for one that does
    /// not read.
    pub(super) fn note_written(&self, id: SocketId, bytes: usize) {
        let now = self.now();
        let mut written = self.written();
        let (since, sum) = written.entry(id).or_insert((now, 0));
        (*since, *sum) = (now, *sum + bytes);
    }

    fn written(&self) -> MutexGuard<'_, BTreeMap<SocketId, (Time, usize)>> {
        self.shared.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks or tells the hub anything.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut Hub, Time) -> T) -> T {
        let mut turn = self.turn();
        let answer = ask(&mut turn.state.hub, turn.now);
        turn.end(None);
        answer
    }

    /// Sockets that the hub knows, lines to them, and sockets of which something is on its way.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize, usize) {
        let turn = self.turn();
        let held = (turn.state.hub.socket_count(), turn.state.sinks.len(), self.written().len());
        turn.end(None);
        held
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
}

pub(super) fn wall_time() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(since.as_micros().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::rng::Rng;
    use meshwork_core::signalling::announce;
    use meshwork_core::signalling::protocol::{FromClient, FromServer, VERSIONS};
    use meshwork_core::signed::genesis::{GENESIS_MAX, Owned};
    use meshwork_core::wire::{Base64, Bytes};

    use super::*;
    use crate::code::ServerKey;
    use crate::hub::HubConfig;

    /// All frames that wait in an inbox, and the bytes of text in them.
    fn take(inbox: &Inbox) -> (Vec<u8>, usize) {
        match inbox.poll_take(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(taken)) => taken,
            _ => (Vec::new(), 0),
        }
    }

    fn say(hub: &HubHandle, line: &Line, message: &FromClient) {
        hub.with(|hub, now| hub.handle_text(now, line.id, &serde_json::to_string(message).unwrap()));
    }

    fn enter(hub: &HubHandle, secret: u8) -> (Line, Endpoint) {
        let identity = Identity::from_secret([secret; 32]);
        let endpoint = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let line = hub.open(Ipv4Addr::LOCALHOST.into());
        let (frame, length) = take(&line.inbox);
        let welcome = serde_json::from_slice(&frame[frame.len() - length..]).unwrap();
        let FromServer::Welcome { challenge, .. } = welcome else { panic!("{welcome:?}") };
        let proof = announce::prove_entry(&identity, endpoint, &challenge.array().unwrap());
        let announcement = announce::announce(&identity, endpoint, [7; 32]);
        say(hub, &line, &FromClient::Enter { version: VERSIONS.1, announcement, proof: proof.into() });
        (line, endpoint)
    }

    fn room() -> (RoomId, Base64<GENESIS_MAX>) {
        let owner = Identity::from_secret([9; 32]);
        let app = "place".parse().unwrap();
        let owned = Owned::new(&mut Rng::new([1; 32]), owner.peer(), app, Bytes::default(), None);
        let (bytes, room) = owned.sign(&owner).unwrap();
        (room, Base64::new(bytes).unwrap())
    }

    #[test]
    fn busy_hub_takes_no_prompt_reader_for_slow() {
        let config = HubConfig::default();
        let most = config.queue_bytes_max;
        let hub = HubHandle::new(Hub::new(config, ServerKey::new([1; 32]), [2; 32]).unwrap());
        let ((speaker, _), (reader, to)) = (enter(&hub, 1), enter(&hub, 2));
        let (room, genesis) = room();
        say(&hub, &speaker, &FromClient::Register { genesis });
        for line in [&speaker, &reader] {
            say(&hub, line, &FromClient::Join { room, token: None });
            let length = take(&line.inbox).1;
            hub.note_written(line.id, length);
        }
        take(&speaker.inbox);
        let payload = Base64::new(vec![5; 8 * 1024]).unwrap();
        let signal = FromClient::Signal { room, to, payload };
        let mut carried = 0;
        while carried < 4 * most {
            for _ in 0..most / 2 / (11 * 1024) {
                say(&hub, &speaker, &signal);
            }
            // The speaker has the hub, and the reader reads all that there is.
            let turn = hub.turn();
            let length = take(&reader.inbox).1;
            hub.note_written(reader.id, length);
            turn.end(Some(speaker.id));
            assert!(length > most / 4, "{length} bytes of {most}");
            carried += length;
        }
        assert_eq!(take(&speaker.inbox).1, 0, "nothing is refused");
    }
}
