//! The driver of a session: its messages, its links and its clock.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::links::message::GoodbyeReason;
use meshwork_core::node::{CommandError, Node, RoomHandle, WriteError};
use meshwork_core::seam::lane::{Audience, Slot};
use meshwork_core::time::Time;
use meshwork_play::session::{TOPIC, TOPICS};
use meshwork_play::{Linked, Output};

use super::player::{GameEvent, Inner};
use super::stage::Stage;
use crate::app::{App, topic_name};
use crate::error::Closed;
use crate::event::{Event, Events};
use crate::member::Member;
use crate::runner::first;
use crate::topic::{Bytes, Heard, Inbox, Lane};

/// A sixtieth of a second.
const TICK: Duration = Duration::from_nanos(1_000_000_000 / 60);
/// Ticks that a host that was held up makes up for; beyond them it skips.
const BEHIND_MAX: u32 = 5;
/// How often all links are looked at: their round-trip times are measured as often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long to wait before messages are sent again that the neighbours had no room for.
const BACKPRESSURE_WAIT: Duration = Duration::from_millis(20);
/// Messages that wait for that. A session says what is current, so the oldest gives way.
const WAITING_MAX: usize = 64;

/// Carries out the session of a player.
pub(super) struct Driver {
    app: App,
    inner: Arc<Inner>,
    stage: Stage,
    events: Events,
    topics: Vec<(&'static str, Inbox<Vec<u8>, Bytes>)>,
    /// Members of the room.
    here: BTreeSet<EndpointId>,
    /// Messages for which neighbours had no room.
    waiting: Vec<Output>,
    /// The next tick, while this program hosts.
    next_tick: Option<Time>,
    next_look: Time,
}

/// The reason for which the driver goes on.
enum Woke {
    Acted,
    Time,
    Message(&'static str, Heard<Vec<u8>>),
    Room(Event),
    Left,
}

impl Driver {
    /// Listens from now on.
    pub(super) fn new(app: App, inner: Arc<Inner>, stage: Stage) -> Driver {
        let events = app.room.events();
        let topics = TOPICS.map(|topic| (topic, app.topic_bytes(topic).listen())).into();
        Driver {
            next_look: inner.now(),
            inner,
            stage,
            events,
            topics,
            here: BTreeSet::new(),
            waiting: Vec::new(),
            next_tick: None,
            app,
        }
    }

    /// Runs until the player leaves, or the room was left.
    pub(super) async fn run(mut self) {
        self.hear_presences();
        while self.step().await.is_ok() {}
        self.inner.end();
    }

    /// Sends what is to be sent, waits for something, and hands it in.
    async fn step(&mut self) -> Result<(), Closed> {
        let (sends, told) = self.drain();
        self.waiting.extend(sends);
        let sent = if self.waiting.is_empty() { Ok(()) } else { self.send().await };
        // A program may end as soon as it reads that a match is over: by then the others' messages are on their way.
        self.tell(told);
        sent?;
        let now = self.inner.now();
        let due = {
            let state = self.inner.state();
            let has_clock = self.stage.needs_clock() && state.session.is_host();
            self.next_tick = has_clock.then(|| self.next_tick.unwrap_or(now));
            state.session.poll_timeout().filter(|_| !state.is_over).ok_or(Closed)?
        };
        let retry = (!self.waiting.is_empty()).then(|| now + BACKPRESSURE_WAIT);
        let dues = [Some(due), self.next_tick, Some(self.next_look), retry];
        let due = dues.into_iter().flatten().min().unwrap_or(self.next_look);
        match self.wait(due).await {
            Woke::Acted | Woke::Time => {}
            Woke::Message(topic, Heard { from, lane, value: bytes, .. }) => {
                let now = self.inner.now();
                let session = &mut self.inner.state().session;
                match lane {
                    Lane::Datagram => session.handle_datagram(now, from, topic, &bytes),
                    Lane::Direct => session.handle_direct(now, from, &bytes),
                    Lane::Say => session.handle_said(now, from, topic, &bytes),
                }
            }
            Woke::Room(event) => self.handle_event(event).await?,
            Woke::Left => return Err(Closed),
        }
        // Many messages hold up no tick.
        if due <= self.inner.now() {
            self.handle_time().await?;
        }
        Ok(())
    }

    /// Runs the engine. Returns the outputs to send, and the events and states for the reader.
    fn drain(&mut self) -> (Vec<Output>, Vec<GameEvent>) {
        let (mut sends, mut told) = (Vec::new(), Vec::new());
        loop {
            let (output, me) = {
                let mut state = self.inner.state();
                (state.session.poll_output(), state.session.slot())
            };
            match output {
                Some(Output::Game(message)) => {
                    // The session is not locked while the engine runs: an engine may act.
                    let (answer, shown) = self.stage.run(me, &message);
                    let now = self.inner.now();
                    if let Some(answer) = answer {
                        self.inner.state().session.handle_game(now, answer);
                    }
                    told.extend(shown.map(GameEvent::Shown));
                }
                Some(Output::Event(event)) => told.push(GameEvent::Party(event)),
                Some(output) => sends.push(output),
                None => return (sends, told),
            }
        }
    }

    /// Hands events and states to the reader.
    fn tell(&self, told: Vec<GameEvent>) {
        if told.is_empty() {
            return;
        }
        {
            let mut state = self.inner.state();
            for event in told {
                match event {
                    GameEvent::Party(event) => state.note(event),
                    GameEvent::Shown(shown) => state.show(shown),
                }
            }
        }
        self.inner.tell();
    }

    async fn wait(&mut self, due: Time) -> Woke {
        let Driver { app, inner, events, topics, .. } = self;
        let acted = async {
            inner.acted.notified().await;
            Woke::Acted
        };
        let message = poll_fn(|context| {
            for (topic, inbox) in &mut *topics {
                if let Poll::Ready(next) = inbox.poll_next(context) {
                    return Poll::Ready(next.map_or(Woke::Left, |message| Woke::Message(topic, message)));
                }
            }
            Poll::Pending
        });
        let happened = async { events.next().await.map_or(Woke::Left, Woke::Room) };
        let time = async {
            app.room.shared().runner.sleep(due.since(inner.now())).await;
            Woke::Time
        };
        first(first(message, happened), first(acted, time)).await
    }

    async fn handle_time(&mut self) -> Result<(), Closed> {
        if self.next_look <= self.inner.now() {
            self.next_look = self.inner.now() + LOOK_INTERVAL;
            self.look().await?;
        }
        let mut state = self.inner.state();
        let now = self.inner.now();
        if state.session.poll_timeout().is_some_and(|due| due <= now) {
            state.session.handle_timeout(now);
        }
        if let Some(tick) = self.next_tick.filter(|tick| *tick <= now) {
            let next = tick + TICK;
            self.next_tick = Some(if next + TICK * BEHIND_MAX < now { now + TICK } else { next });
            state.session.handle_clock(now);
        }
        Ok(())
    }

    async fn handle_event(&mut self, event: Event) -> Result<(), Closed> {
        match event {
            Event::Presence(endpoint) => self.hear_presence(endpoint),
            Event::Joined(member) | Event::Near(member) | Event::Distant(member) => self.hear_link(&member),
            Event::Link { member, .. } => self.hear_link(&member),
            Event::Left { member, reason } => {
                self.here.remove(&member.id());
                let goodbye = reason.as_deref() == Some(GoodbyeReason::Left.words());
                let now = self.inner.now();
                let session = &mut self.inner.state().session;
                session.handle_link(now, member.id(), Linked::Gone { goodbye });
            }
            Event::Missed(_) => {
                self.look().await?;
                self.hear_presences();
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at all links.
    async fn look(&mut self) -> Result<(), Closed> {
        let members = self.app.room.members().await?;
        let here: BTreeSet<EndpointId> = members.iter().map(Member::id).collect();
        members.iter().for_each(|member| self.hear_link(member));
        let now = self.inner.now();
        let session = &mut self.inner.state().session;
        for gone in self.here.difference(&here) {
            session.handle_link(now, *gone, Linked::Gone { goodbye: false });
        }
        self.here = here;
        Ok(())
    }

    fn hear_link(&mut self, member: &Member) {
        // A link can be there before its end is in the room.
        if !member.is_here() {
            return;
        }
        let link = if member.link().is_linked() { Linked::Near(member.rtt()) } else { Linked::Far };
        self.here.insert(member.id());
        let now = self.inner.now();
        self.inner.state().session.handle_link(now, member.id(), link);
    }

    /// Reads the presence of everybody who has one.
    fn hear_presences(&self) {
        let slot = self.app.slot;
        let of_game = |key: &&(Slot, EndpointId)| key.0 == slot;
        let keys: Vec<(Slot, EndpointId)> =
            self.app.room.state.look(|known| known.presence.keys().filter(of_game).copied().collect());
        keys.into_iter().for_each(|(_, endpoint)| self.hear_presence(endpoint));
    }

    fn hear_presence(&self, endpoint: EndpointId) {
        let key = (self.app.slot, endpoint);
        let said = self.app.room.state.look(|known| known.presence.get(&key).cloned());
        let now = self.inner.now();
        self.inner.state().session.handle_present(now, endpoint, said.as_deref());
    }

    /// Hands messages to the node; those that neighbours have no room for wait.
    async fn send(&mut self) -> Result<(), Closed> {
        let (slot, outputs) = (self.app.slot, std::mem::take(&mut self.waiting));
        let send = move |node: &mut Node, now, room| {
            let mut waiting = Vec::new();
            for output in outputs {
                let is_held_up = !waiting.is_empty() && matches!(output, Output::Say { .. });
                if is_held_up || send_one(node, now, (room, slot), &output).is_err_and(is_backpressure) {
                    waiting.push(output);
                }
            }
            waiting
        };
        self.waiting = self.app.room.call(send).await?;
        let most = self.waiting.len().saturating_sub(WAITING_MAX);
        self.waiting.drain(..most);
        Ok(())
    }
}

fn send_one(
    node: &mut Node,
    now: Time,
    (room, slot): (RoomHandle, Slot),
    output: &Output,
) -> Result<(), CommandError> {
    let mut room = node.room_mut(now, room);
    match output {
        Output::Datagram { to, topic, bytes } => {
            let to = to.map_or(Audience::All, Audience::One);
            room.send_datagram(to, slot, &topic_name(topic), bytes)
        }
        Output::Direct { to, bytes } => room.send_direct(*to, slot, &topic_name(TOPIC), bytes).map(drop),
        Output::Say { topic, bytes } => room.say(slot, &topic_name(topic), bytes),
        Output::Present(bytes) => {
            room.set_presence(slot, Some(bytes).filter(|bytes| !bytes.is_empty()).map(Vec::as_slice))
        }
        Output::Pin(endpoint) => room.visit(*endpoint),
        Output::Unpin(endpoint) => {
            room.end_visit(*endpoint);
            Ok(())
        }
        Output::Game(_) | Output::Event(_) => Ok(()),
    }
}

fn is_backpressure(error: CommandError) -> bool {
    matches!(error, CommandError::Backpressure(_) | CommandError::Write(WriteError::Backpressure(_)))
}
