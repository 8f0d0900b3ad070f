//! The thread that owns the relay and its datagram sockets.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use meshwork_core::time::{Now, Time, WallTime};
use mio::{Events, Poll, Token, Waker};
use tokio::sync::{mpsc, oneshot};

use super::batch::{Batch, Batches};
use super::datagrams::{self, Datagrams, Received};
use super::stream::{Line, Told};
use crate::turn::config::Config;
use crate::turn::counts::Refusal;
use crate::turn::io::{ListenerId, Output, RelayId, Socket, StreamId};
use crate::turn::relay::Relay;

/// Sockets that are told of at once.
const EVENTS: usize = 1024;
/// Messages of streams that are heard before sockets have their turn again.
const HEARD_AT_ONCE: usize = 256;
/// Tokens: the bell, then listeners, then relayed addresses.
const BELL: Token = Token(0);
const FIRST_LISTENER: usize = 1;
const FIRST_RELAY: usize = 1 << 17;

/// Wakes the thread.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    /// Rung and not yet heard: ringing again would only cost a call.
    is_rung: AtomicBool,
    is_stopped: AtomicBool,
    /// Other settings that the relay is to take on; the last word counts.
    settings: Mutex<Option<Config>>,
    /// Whom the relay is to keep out; the last word counts.
    banned: Mutex<Option<Vec<IpNet>>>,
}

impl Bell {
    pub(super) fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            // If the thread is gone, nobody has to be woken.
            let _ = self.waker.wake();
        }
    }

    /// Has the relay take on other settings, which are legal.
    pub(super) fn reconfigure(&self, config: Config) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Some(config);
        self.ring();
    }

    /// Has the relay keep out these addresses, and no others.
    pub(super) fn keep_out(&self, ranges: Vec<IpNet>) {
        *self.banned.lock().unwrap_or_else(PoisonError::into_inner) = Some(ranges);
        self.ring();
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        let _ = self.waker.wake();
    }
}

/// The relay's end of the line to a stream.
struct Sink {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// The relay, its sockets and what waits for them.
pub(super) struct Driver {
    relay: Relay,
    poll: Poll,
    bell: Arc<Bell>,
    inbox: mpsc::Receiver<Told>,
    origin: Instant,
    sockets: Sockets,
    sinks: HashMap<StreamId, Sink>,
    batches: Batches,
    /// Sockets that may have more to read.
    ready: VecDeque<Socket>,
    /// Goes when no allocation is left.
    drains: Option<oneshot::Sender<()>>,
}

/// All datagram sockets.
struct Sockets {
    listeners: Vec<Datagrams>,
    relays: HashMap<RelayId, Datagrams>,
    /// Packets that the system did not take since this was last asked.
    unsent: usize,
}

impl Driver {
    pub(super) fn new(
        relay: Relay,
        listeners: Vec<UdpSocket>,
        inbox: mpsc::Receiver<Told>,
    ) -> io::Result<(Driver, Arc<Bell>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), BELL)?;
        let bell = Arc::new(Bell {
            waker,
            is_rung: AtomicBool::new(false),
            is_stopped: AtomicBool::new(false),
            settings: Mutex::new(None),
            banned: Mutex::new(None),
        });
        let listeners = listeners.into_iter().enumerate().map(|(number, socket)| {
            socket.set_nonblocking(true)?;
            Datagrams::register(socket, poll.registry(), Token(FIRST_LISTENER + number))
        });
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let driver = Driver {
            relay,
            bell: bell.clone(),
            inbox,
            origin: Instant::now(),
            sockets: Sockets { listeners, relays: HashMap::new(), unsent: 0 },
            sinks: HashMap::new(),
            batches: Batches::default(),
            ready: VecDeque::new(),
            drains: None,
            poll,
        };
        Ok((driver, bell))
    }

    /// Runs until the bell says stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let mut received = Received::new();
        while !self.bell.is_stopped.load(Ordering::Acquire) {
            match self.poll.poll(&mut events, self.patience()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the relay cannot wait for its sockets, and ends");
                    return;
                }
            }
            for event in &events {
                self.note(event.token());
            }
            let now = self.now();
            if self.relay.poll_timeout().is_some_and(|due| due <= now.time) {
                self.relay.handle_timeout(now);
                self.carry_out(now);
            }
            if self.bell.is_rung.swap(false, Ordering::AcqRel) {
                self.hear_settings(now);
                self.hear_streams(now);
            }
            for _ in 0..self.ready.len() {
                let Some(socket) = self.ready.pop_front() else { break };
                if self.receive(now, socket, &mut received) {
                    self.ready.push_back(socket);
                }
            }
            self.flush();
            if self.relay.is_idle() {
                self.drains = None;
            }
        }
    }

    /// How long nothing is to be done.
    fn patience(&self) -> Option<Duration> {
        if !self.ready.is_empty() || self.bell.is_rung.load(Ordering::Acquire) {
            return Some(Duration::ZERO);
        }
        let due = self.relay.poll_timeout()?;
        // Rounded up, so that it is due then.
        Some(due.since(self.now().time) + Duration::from_millis(1))
    }

    fn note(&mut self, token: Token) {
        let socket = match token {
            BELL => return,
            Token(number) if number >= FIRST_RELAY => match u32::try_from(number - FIRST_RELAY) {
                Ok(relay) => Socket::Relay(RelayId(relay)),
                Err(_) => return,
            },
            Token(number) => match u16::try_from(number - FIRST_LISTENER) {
                Ok(listener) => Socket::Listener(ListenerId(listener)),
                Err(_) => return,
            },
        };
        if !self.ready.contains(&socket) {
            self.ready.push_back(socket);
        }
    }

    /// Receives once from a socket; true when there may be more.
    fn receive(&mut self, now: Now, socket: Socket, received: &mut Received) -> bool {
        let Some(datagrams) = self.sockets.get(socket) else { return false };
        let (count, has_more) = datagrams.receive(received);
        for number in 0..count {
            // One packet may end the socket that the next came in on; the relay knows no more of it then.
            let Some(datagrams) = self.sockets.get(socket) else { return false };
            for packet in datagrams.packets(received, number) {
                self.relay.handle_datagram(now, socket, packet.local, packet.remote, packet.bytes);
                self.carry_out(now);
            }
        }
        has_more
    }

    fn hear_settings(&mut self, now: Now) {
        let settings = self.bell.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(error)) = settings.map(|settings| self.relay.reconfigure(now.time, settings)) {
            tracing::error!(%error, "the relay keeps its settings");
        }
        let banned = self.bell.banned.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ranges) = banned {
            self.relay.keep_out(now.time, ranges);
            self.carry_out(now);
        }
    }

    fn hear_streams(&mut self, now: Now) {
        for _ in 0..HEARD_AT_ONCE {
            match self.inbox.try_recv() {
                Ok(Told::Opened { remote, line }) => self.open(now, remote, line),
                Ok(Told::Asked(most, answer)) => {
                    // Whoever asked may have gone.
                    let _ = answer.send(self.relay.heaviest(most));
                }
                Ok(Told::Drains(idle)) => {
                    self.relay.drain();
                    self.drains = Some(idle);
                }
                Ok(Told::Bytes(id, bytes)) => self.relay.handle_stream_bytes(now, id, &bytes),
                Ok(Told::Closed(id, cause)) => {
                    self.sinks.remove(&id);
                    self.relay.handle_stream_closed(now, id, cause);
                }
                Err(_) => return,
            }
            self.carry_out(now);
        }
        // There may be more.
        self.bell.is_rung.store(true, Ordering::Release);
    }

    fn open(&mut self, now: Now, remote: SocketAddr, line: oneshot::Sender<Line>) {
        let Some(id) = self.relay.handle_stream_opened(now, remote) else { return };
        let (sender, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        if line.send(Line { id, queue, waiting: waiting.clone() }).is_ok() {
            self.sinks.insert(id, Sink { queue: sender, waiting });
        } else {
            self.relay.handle_stream_closed(now, id, None);
        }
    }

    /// Does what the relay wants done. Packets wait for others that go the same way.
    fn carry_out(&mut self, now: Now) {
        loop {
            match self.relay.poll_output() {
                None => break,
                Some(Output::Datagram { socket, local, remote, bytes }) => {
                    let segments_max = self.sockets.get(socket).map_or(1, Datagrams::segments_max);
                    let sockets = &mut self.sockets;
                    self.batches.push((socket, local, remote), bytes, segments_max, |batch| {
                        sockets.send(batch);
                    });
                }
                Some(Output::Stream { stream, is_data, bytes }) => {
                    let bytes = bytes.to_vec();
                    self.write(now, stream, is_data, bytes);
                }
                Some(Output::CloseStream { stream }) => drop(self.sinks.remove(&stream)),
                Some(Output::Bind { relay, address }) => {
                    let is_bound = self.bind(relay, address).is_ok();
                    self.relay.handle_bound(now, relay, is_bound);
                }
                Some(Output::Unbind { relay }) => {
                    // What was to go out on it goes first.
                    self.flush();
                    if let Some(datagrams) = self.sockets.relays.remove(&relay) {
                        datagrams.deregister(self.poll.registry());
                    }
                }
            }
        }
    }

    fn write(&mut self, now: Now, stream: StreamId, is_data: bool, bytes: Vec<u8>) {
        let Some(sink) = self.sinks.get(&stream) else { return };
        let waiting = sink.waiting.load(Ordering::Relaxed);
        if waiting + bytes.len() <= self.relay.config().stream_queue_bytes_max {
            sink.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
            // A stream whose task is gone is about to be reported closed.
            let _ = sink.queue.send(bytes);
        } else if is_data {
            self.relay.counts().refuse(Refusal::SlowReader);
        } else {
            // Who asks on and on without reading the answers is not worth a queue.
            self.sinks.remove(&stream);
            self.relay.handle_stream_closed(now, stream, Some(Refusal::SlowReader));
        }
    }

    fn bind(&mut self, relay: RelayId, address: SocketAddr) -> io::Result<()> {
        let socket = datagrams::socket(address)?;
        let token = Token(FIRST_RELAY + relay.0 as usize);
        let datagrams = Datagrams::register(socket.into(), self.poll.registry(), token)?;
        self.sockets.relays.insert(relay, datagrams);
        Ok(())
    }

    fn flush(&mut self) {
        let sockets = &mut self.sockets;
        self.batches.flush(|batch| sockets.send(batch));
        let unsent = mem::take(&mut self.sockets.unsent);
        if unsent > 0 {
            self.relay.counts().refuse_several(Refusal::Unsent, unsent as u64);
        }
    }

    fn now(&self) -> Now {
        let elapsed = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { time: Time(elapsed), wall: WallTime(u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)) }
    }
}

impl Sockets {
    fn get(&self, socket: Socket) -> Option<&Datagrams> {
        match socket {
            Socket::Listener(listener) => self.listeners.get(usize::from(listener.0)),
            Socket::Relay(relay) => self.relays.get(&relay),
        }
    }

    fn send(&mut self, batch: &Batch) {
        let unsent = match self.get(batch.socket) {
            Some(datagrams) => datagrams.send(batch.local, batch.remote, &batch.bytes, batch.segment),
            None => 0,
        };
        self.unsent += unsent;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::turn::config::RelayAddress;
    use crate::turn::credentials::Secret;
    use crate::turn::serve::stream::inbox;

    pub(in super::super) fn config() -> Config {
        let local = Ipv4Addr::LOCALHOST.into();
        Config::new(Secret::from_random([1; 32]), vec![RelayAddress { bind: local, advertised: local }])
    }

    /// A relay without sockets that hears from `inbox`.
    pub(in super::super) fn driver(inbox: mpsc::Receiver<Told>) -> (Driver, Arc<Bell>) {
        let relay = Relay::new(config(), [7; 32]).expect("its settings are legal");
        Driver::new(relay, Vec::new(), inbox).expect("the system lets it wait")
    }

    #[test]
    fn so_many_stream_messages_are_heard_before_datagrams() {
        let (sender, messages) = inbox();
        let (mut driver, bell) = driver(messages);
        for _ in 0..HEARD_AT_ONCE + 3 {
            sender.try_send(Told::Asked(0, oneshot::channel().0)).expect("there is room");
        }
        driver.hear_streams(driver.now());
        assert_eq!(driver.inbox.len(), 3);
        assert!(bell.is_rung.load(Ordering::Acquire), "the rest is heard after the sockets");
        driver.hear_streams(driver.now());
        assert_eq!(driver.inbox.len(), 0);
    }
}
