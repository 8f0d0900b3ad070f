//! The task of a driver: passes input to the state machine, and carries out its outputs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshwork_core::time::Time;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior};

use super::clock::Clock;
use super::conversation::{Conversation, Current, Message};
use super::mdns::Mdns;
use super::sockets::{Buffers, On, Sockets, interfaces};
use crate::discovery::{Discovery, Event, Interface, Output, Socket, Way};
use crate::lsnp::{self, Lsnp};
use crate::wire::FAMILY;

/// Time between two looks at the interfaces: a changed network is noticed before its links are stale.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Time between two announcements to typed addresses that have not answered.
const TYPED_INTERVAL: Duration = Duration::from_secs(10);
/// Programs of our own kind are known by then, and are no guests of each other.
const LSNP_AFTER: Duration = Duration::from_secs(2);
/// Sleep of the task if nothing is due.
const IDLE: Duration = Duration::from_secs(3_600);
/// Typed addresses of one program.
const TYPED_MAX: usize = 64;

/// The state that the handles and the task share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) clock: Clock,
    discovery: Mutex<Discovery>,
    pub(super) lsnp: Option<Mutex<Lsnp>>,
    /// The time from which on LSNP is spoken.
    lsnp_from: Time,
    /// A machine has outputs that no input of the task made.
    pub(super) wake: Notify,
}

impl Shared {
    pub(super) fn new(clock: Clock, discovery: Discovery, lsnp: Option<Lsnp>) -> Shared {
        let (discovery, lsnp) = (Mutex::new(discovery), lsnp.map(Mutex::new));
        let lsnp_from = clock.now() + LSNP_AFTER;
        Shared { clock, discovery, lsnp, lsnp_from, wake: Notify::new() }
    }

    /// Passes on a datagram: on the main socket those of LSNP are told apart by their first bytes.
    fn handle_datagram(&self, on: On, from: SocketAddr, bytes: &[u8]) {
        let (now, wall) = (self.clock.now(), Clock::wall());
        let socket = match on {
            On::Lsnp => lsnp::Socket::Lsnp,
            On::Ours(Socket::Main) if !bytes.starts_with(FAMILY) => lsnp::Socket::Main,
            On::Ours(on) => return self.discovery().handle_datagram(now, wall, on, from, bytes),
        };
        if let Some(mut lsnp) = self.lsnp().filter(|_| now >= self.lsnp_from) {
            lsnp.handle_datagram(now, wall, socket, from, bytes);
        }
    }

    /// The state machine. The guard must not live across an `await`.
    pub(super) fn discovery(&self) -> MutexGuard<'_, Discovery> {
        // Another thread's panic ends that thread alone.
        self.discovery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings and channels of a task.
pub(super) struct Parts {
    pub(super) shared: Arc<Shared>,
    pub(super) sockets: Sockets,
    pub(super) conversations: mpsc::Receiver<Conversation>,
    pub(super) typed: mpsc::UnboundedReceiver<SocketAddr>,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) guest_events: broadcast::Sender<lsnp::Event>,
    /// Names of the interfaces to use; empty for all.
    pub(super) names: Vec<String>,
    /// The name of this program for mDNS, if it is used.
    pub(super) instance: Option<String>,
}

/// The state of a task.
pub(super) struct Task {
    parts: Parts,
    buffers: Buffers,
    interfaces: Vec<Interface>,
    current: Option<Current>,
    /// Registered during a conversation alone.
    mdns: Option<Mdns>,
    peers: Vec<SocketAddr>,
}

/// The next thing that happens.
enum Happening {
    Opened(Conversation),
    Message(Message),
    /// A datagram was passed on, or a handle was used: there may be outputs.
    Datagram,
    Found(Vec<SocketAddr>),
    Typed(SocketAddr),
    Due,
    Look,
    Again,
    /// The last handle was dropped.
    Ended,
}

impl Task {
    /// A task that uses the present interfaces.
    pub(super) fn new(parts: Parts) -> Task {
        let (buffers, interfaces) = (Buffers::new(), Vec::new());
        let mut task = Task { parts, buffers, interfaces, current: None, mdns: None, peers: Vec::new() };
        task.look();
        task
    }

    /// Runs until the last handle is dropped.
    pub(super) async fn run(mut self) {
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        let mut again = tokio::time::interval(TYPED_INTERVAL);
        for interval in [&mut look, &mut again] {
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            self.carry_out();
            let guests_due = self.parts.shared.lsnp().and_then(|lsnp| lsnp.poll_timeout());
            let guests_due = guests_due.map(|due| due.max(self.parts.shared.lsnp_from));
            let due = self.parts.shared.discovery().poll_timeout().into_iter().chain(guests_due).min();
            let due = due.map_or_else(|| Instant::now() + IDLE, |time| self.parts.shared.clock.instant(time));
            let Task { parts, buffers, current, mdns, .. } = &mut self;
            let Parts { shared, sockets, conversations, typed, .. } = parts;
            let happening = tokio::select! {
                conversation = conversations.recv() => {
                    conversation.map_or(Happening::Ended, Happening::Opened)
                }
                message = Current::next(current.as_mut()) => Happening::Message(message),
                () = sockets.receive(buffers, |on, from, bytes| shared.handle_datagram(on, from, bytes)) => Happening::Datagram,
                found = Mdns::next(mdns.as_ref()) => Happening::Found(found),
                () = shared.wake.notified() => Happening::Datagram,
                Some(peer) = typed.recv() => Happening::Typed(peer),
                () = until(due) => Happening::Due,
                _ = look.tick() => Happening::Look,
                _ = again.tick() => Happening::Again,
            };
            if !self.handle(happening) {
                break;
            }
        }
        if let Some(mut lsnp) = self.parts.shared.lsnp() {
            lsnp.leave(self.parts.shared.clock.now(), Clock::wall());
        }
        self.close();
        self.carry_out();
    }

    /// Returns whether the task goes on.
    fn handle(&mut self, happening: Happening) -> bool {
        let now = self.parts.shared.clock.now();
        match happening {
            Happening::Opened(conversation) => self.open(conversation),
            Happening::Message(Message::Text(text)) => {
                self.parts.shared.discovery().handle_text(now, &text);
            }
            Happening::Message(Message::Closed) => self.close(),
            Happening::Message(Message::Delivered) | Happening::Datagram => {}
            Happening::Found(addresses) => {
                for address in addresses {
                    self.parts.shared.discovery().handle_hint(now, address, Way::Mdns);
                }
            }
            Happening::Typed(peer) => {
                if !self.peers.contains(&peer) && self.peers.len() < TYPED_MAX {
                    self.peers.push(peer);
                }
                self.parts.shared.discovery().handle_hint(now, peer, Way::Typed);
            }
            Happening::Due => {
                self.parts.shared.discovery().handle_timeout(now, Clock::wall());
                let shared = &self.parts.shared;
                if let Some(mut lsnp) = shared.lsnp().filter(|_| now >= shared.lsnp_from) {
                    lsnp.handle_timeout(now, Clock::wall());
                }
            }
            Happening::Look => self.look(),
            Happening::Again => self.hint_typed(),
            Happening::Ended => return false,
        }
        true
    }

    /// Begins a conversation, and ends the former one.
    fn open(&mut self, conversation: Conversation) {
        if let Some(former) = self.current.take() {
            self.parts.shared.discovery().handle_closed(self.parts.shared.clock.now());
            self.carry_out();
            former.end("another conversation with the local network began");
        }
        self.current = Some(Current::new(conversation));
        self.parts.shared.discovery().handle_opened(self.parts.shared.clock.now());
        self.hint_typed();
        if let (Some(instance), None) = (&self.parts.instance, &self.mdns) {
            let port = self.parts.shared.discovery().config().port;
            match Mdns::start(port, instance, &self.parts.names) {
                Ok(mdns) => self.mdns = Some(mdns),
                Err(error) => tracing::debug!(%error, "mDNS is not available"),
            }
        }
    }

    /// Ends the conversation, and sends the machine's goodbye.
    fn close(&mut self) {
        let Some(current) = self.current.take() else { return };
        self.mdns = None;
        self.parts.shared.discovery().handle_closed(self.parts.shared.clock.now());
        self.carry_out();
        current.end("the local network is not used any more");
    }

    /// Passes on the interfaces if they have changed.
    fn look(&mut self) {
        let up = interfaces(&self.parts.names);
        if up == self.interfaces {
            return;
        }
        self.parts.sockets.use_interfaces(&up);
        let now = self.parts.shared.clock.now();
        self.parts.shared.discovery().handle_interfaces(now, Clock::wall(), &up);
        if let Some(mut lsnp) = self.parts.shared.lsnp() {
            lsnp.handle_interfaces(now, &up);
        }
        self.interfaces = up;
        self.hint_typed();
    }

    /// Passes on the typed addresses of programs that have not answered, during a conversation.
    fn hint_typed(&self) {
        if self.current.is_none() {
            return;
        }
        let now = self.parts.shared.clock.now();
        let mut discovery = self.parts.shared.discovery();
        for peer in &self.peers {
            discovery.handle_hint(now, *peer, Way::Typed);
        }
    }

    /// Carries out all outputs of the machine.
    fn carry_out(&mut self) {
        loop {
            let output = self.parts.shared.discovery().poll_output();
            match output {
                Some(Output::ToNode(input)) => {
                    // A conversation that ends does so once its last input was delivered.
                    if let Some(current) = &mut self.current {
                        current.push(input);
                    }
                }
                Some(Output::Send { from, to, bytes }) => self.parts.sockets.send(from, to, &bytes),
                Some(Output::SendToAll { interface, bytes }) => {
                    self.parts.sockets.send_to_all(interface, &bytes);
                }
                Some(Output::Event(event)) => {
                    if matches!(event, Event::Heard { .. }) {
                        self.exclude_ours();
                    }
                    // An error means that nobody reads events.
                    let _ = self.parts.events.send(event);
                }
                None => break,
            }
        }
        loop {
            let output = self.parts.shared.lsnp().and_then(|mut lsnp| lsnp.poll_output());
            match output {
                Some(lsnp::Output::Send { from, to, bytes }) => {
                    self.parts.sockets.send_lsnp(from, to, &bytes);
                }
                Some(lsnp::Output::Event(event)) => {
                    // An error means that nobody reads events.
                    let _ = self.parts.guest_events.send(event);
                }
                None => return,
            }
        }
    }

    /// Programs of our own kind are no guests.
    fn exclude_ours(&self) {
        let ours: Vec<SocketAddr> = self.parts.shared.discovery().seen().map(|seen| seen.address).collect();
        if let Some(mut lsnp) = self.parts.shared.lsnp() {
            lsnp.ours(ours);
        }
    }
}

/// Waits until `due`. A time that has passed lets others run once: a timer would round up to the next millisecond.
async fn until(due: Instant) {
    if due > Instant::now() {
        tokio::time::sleep_until(due).await;
    } else {
        tokio::task::yield_now().await;
    }
}
