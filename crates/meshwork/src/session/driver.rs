//! The task that runs a session.

use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use meshwork_core::blobs::Outline;
use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::links::message::GoodbyeReason;
use meshwork_core::node::{CommandError, Node, RoomHandle, WriteError as NodeWriteError};
use meshwork_core::seam::lane::{Audience, Slot, Topic as TopicName};
use meshwork_core::table::Write;
use meshwork_core::time::Time;
use tokio::sync::mpsc;

use super::rows::{RowChange, Rows};
use super::{Handle, Input, Linked, Output, Session};
use crate::app::{App, WhenFull, topic_name, write_in};
use crate::blobs::{BlobError, BlobId, Blobs, FetchError};
use crate::error::{Closed, WriteError};
use crate::event::{Event, Events};
use crate::member::Member;
use crate::runner::{MaybeSend, first, unless};
use crate::shared::{Changed, locked};
use crate::topic::{Bytes, Heard, Inbox};

/// How often all links are looked at: their round-trip times are measured as often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time before messages are sent again for which the neighbours had no room.
const BACKPRESSURE_WAIT: Duration = Duration::from_millis(20);
/// Messages that wait for that. Sessions report the current state, so the oldest is dropped.
const MESSAGES_MAX: usize = 64;
/// Writes that wait for that. None is dropped, so the session keeps its further outputs until there is room.
const WRITES_MAX: usize = 64;

/// Carries out the effects of a session.
type CarryOut<S> = Box<dyn FnMut(&Handle<S>, <S as Session>::Effect) + Send>;

/// Runs a session.
pub(super) struct Driver<S: Session> {
    app: App,
    handle: Handle<S>,
    carry_out: CarryOut<S>,
    events: Events,
    topics: Vec<(&'static str, Inbox<Vec<u8>, Bytes>)>,
    rows: Option<Rows>,
    /// Members of the room.
    here: BTreeSet<EndpointId>,
    waiting: Waiting,
    /// Ends of offers and fetches.
    blobs: (mpsc::UnboundedSender<BlobEnd>, mpsc::UnboundedReceiver<BlobEnd>),
    next_look: Time,
}

/// Outputs for which neighbours had no room, in order.
#[derive(Default)]
struct Waiting {
    messages: Vec<Message>,
    writes: VecDeque<Vec<Write>>,
}

/// An output that the node takes, other than a write.
enum Message {
    Datagram(Option<EndpointId>, TopicName, Vec<u8>),
    Direct(EndpointId, TopicName, Vec<u8>),
    Say(TopicName, Vec<u8>),
    Presence(Option<Vec<u8>>),
    Visit(EndpointId),
    EndVisit(EndpointId),
}

/// The end of an offer or a fetch.
enum BlobEnd {
    Offered(BlobId, Result<(), BlobError>),
    Fetched(BlobId, Result<Vec<u8>, FetchError>),
}

/// Why the driver goes on.
enum Woke {
    Acted,
    Time,
    Message(&'static str, Heard<Vec<u8>>),
    Rows(Changed, u64),
    Blob(BlobEnd),
    Room(Box<Event>),
    Left,
}

impl<S: Session> Driver<S> {
    /// Listens from now on.
    pub(super) fn new(app: App, handle: Handle<S>, carry_out: CarryOut<S>) -> Driver<S> {
        let topics = S::TOPICS.iter().map(|topic| (*topic, app.topic_bytes(topic).listen())).collect();
        let rows = (!S::ROWS.is_empty()).then(|| Rows::new(S::ROWS, app.watch()));
        Driver {
            next_look: handle.now(),
            events: app.room.events(),
            topics,
            rows,
            here: BTreeSet::new(),
            waiting: Waiting::default(),
            blobs: mpsc::unbounded_channel(),
            handle,
            carry_out,
            app,
        }
    }

    /// Runs until the session is over or dropped, or the room is left.
    pub(super) async fn run(mut self) {
        let dropped = async {
            while !self.handle.is_dropped() {
                self.handle.0.acted.notified().await;
            }
        };
        if let Some(Ok(())) = unless(dropped, self.app.room.opened()).await
            && self.read_rows().await.is_ok()
        {
            self.hand_presences();
            while self.step().await.is_ok() {}
        }
    }

    /// Carries out the outputs, waits for an input, and hands it in.
    async fn step(&mut self) -> Result<(), Closed> {
        let effects = self.drain().await;
        let sent = if self.waiting.is_empty() { Ok(()) } else { self.send().await };
        // A program may end as soon as it reads a result: by then the messages before it are on their way.
        for effect in effects {
            (self.carry_out)(&self.handle, effect);
        }
        sent?;
        let (is_over, due) = self.handle.read(|session| (session.is_over(), session.poll_timeout()));
        if is_over || self.handle.is_dropped() {
            return Err(Closed);
        }
        let now = self.handle.now();
        let retry = (!self.waiting.is_empty()).then(|| now + BACKPRESSURE_WAIT);
        let due = [due, retry].into_iter().flatten().fold(self.next_look, Time::min);
        match self.wait(due).await {
            Woke::Acted | Woke::Time => {}
            Woke::Message(topic, Heard { from, lane, value: bytes, .. }) => {
                self.hand(Input::Message { from, topic, lane, bytes: &bytes });
            }
            Woke::Rows(_, missed) if missed > 0 => self.read_rows().await?,
            Woke::Rows(changed, _) => {
                let changes = self.rows.as_mut().map(|rows| rows.of(&changed)).unwrap_or_default();
                self.hand_rows(&changes);
            }
            Woke::Blob(BlobEnd::Offered(blob, result)) => self.hand(Input::Offered { blob, result }),
            Woke::Blob(BlobEnd::Fetched(blob, bytes)) => self.hand(Input::Fetched { blob, bytes }),
            Woke::Room(event) => self.handle_event(*event).await?,
            Woke::Left => return Err(Closed),
        }
        // Many inputs hold up no deadline.
        if due <= self.handle.now() {
            self.handle_time().await?;
        }
        Ok(())
    }

    fn hand(&self, input: Input<'_>) {
        let mut session = locked(&self.handle.0.session);
        session.handle(self.handle.now(), input);
    }

    /// Takes the outputs of the session, and returns its effects.
    async fn drain(&mut self) -> Vec<S::Effect> {
        let mut effects = Vec::new();
        while self.waiting.writes.len() < WRITES_MAX {
            let output = locked(&self.handle.0.session).poll_output();
            let message = match output {
                Some(Output::Datagram { to, topic, bytes }) => {
                    Message::Datagram(to, topic_name(topic), bytes)
                }
                Some(Output::Direct { to, topic, bytes }) => Message::Direct(to, topic_name(topic), bytes),
                Some(Output::Say { topic, bytes }) => Message::Say(topic_name(topic), bytes),
                Some(Output::Presence(value)) => Message::Presence(value),
                Some(Output::Visit(endpoint)) => Message::Visit(endpoint),
                Some(Output::EndVisit(endpoint)) => Message::EndVisit(endpoint),
                Some(Output::Effect(effect)) => {
                    effects.push(effect);
                    continue;
                }
                Some(output) => {
                    self.store(output).await;
                    continue;
                }
                None => break,
            };
            self.waiting.messages.push(message);
        }
        effects
    }

    /// Carries out an output that concerns stored data.
    async fn store(&mut self, output: Output<S::Effect>) {
        match output {
            Output::Write(writes) => self.waiting.writes.push_back(writes),
            Output::Offer(bytes) => self.offer(bytes),
            Output::Fetch { blob, at_most } => self.fetch(blob, at_most),
            // If it fails, bytes that nobody asks for lie in the store until the room is forgotten.
            Output::Free(blob) => drop(self.app.blobs().free(blob).await),
            _ => {}
        }
    }

    fn offer(&self, bytes: Vec<u8>) {
        self.work(move |blobs| async move {
            let id = Outline::of(&bytes).id();
            BlobEnd::Offered(id, blobs.offer_bytes(&bytes).await.map(drop))
        });
    }

    fn fetch(&self, id: BlobId, at_most: u64) {
        self.work(move |blobs| async move {
            let fetched = async { Ok(blobs.fetch(id).at_most(at_most).await?.read().await?) };
            BlobEnd::Fetched(id, fetched.await)
        });
    }

    /// Works on a blob beside the driver, until it ends.
    fn work<F: Future<Output = BlobEnd> + MaybeSend + 'static>(&self, work: impl FnOnce(Blobs) -> F) {
        let (work, sender) = (work(self.app.blobs()), self.blobs.0.clone());
        self.app.room.spawn(async move {
            if let Some(end) = unless(sender.closed(), work).await {
                // An error means that the run has ended.
                let _ = sender.send(end);
            }
        });
    }

    async fn wait(&mut self, due: Time) -> Woke {
        let Driver { app, handle, events, topics, rows, blobs, .. } = self;
        let acted = async {
            handle.0.acted.notified().await;
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
        let happened = async { events.next().await.map_or(Woke::Left, |event| Woke::Room(Box::new(event))) };
        let changed = poll_fn(|context| match rows {
            Some(rows) => rows
                .changes
                .poll_next(context)
                .map(|changed| changed.map_or(Woke::Left, |(changed, missed)| Woke::Rows(changed, missed))),
            None => Poll::Pending,
        });
        let blob = async { blobs.1.recv().await.map_or(Woke::Left, Woke::Blob) };
        let time = async {
            app.room.sleep(due.since(handle.now())).await;
            Woke::Time
        };
        first(first(first(message, happened), first(changed, blob)), first(acted, time)).await
    }

    async fn handle_time(&mut self) -> Result<(), Closed> {
        if self.next_look <= self.handle.now() {
            self.next_look = self.handle.now() + LOOK_INTERVAL;
            self.look().await?;
        }
        let mut session = locked(&self.handle.0.session);
        let now = self.handle.now();
        if session.poll_timeout().is_some_and(|due| due <= now) {
            session.handle(now, Input::Timeout);
        }
        Ok(())
    }

    async fn handle_event(&mut self, event: Event) -> Result<(), Closed> {
        match event {
            Event::Presence(endpoint) => self.hand_presence(endpoint),
            Event::Joined(member) | Event::Near(member) | Event::Distant(member) => self.hand_link(&member),
            Event::Link { member, .. } => self.hand_link(&member),
            Event::Left { member, reason } => {
                self.here.remove(&member.id());
                let goodbye = reason.as_deref() == Some(GoodbyeReason::Left.words());
                self.hand(Input::Link { endpoint: member.id(), link: Linked::Gone { goodbye } });
            }
            Event::Missed(_) => {
                self.look().await?;
                self.hand_presences();
            }
            _ => {}
        }
        Ok(())
    }

    /// Looks at all links.
    async fn look(&mut self) -> Result<(), Closed> {
        let members = self.app.room.members().await?;
        let here: BTreeSet<EndpointId> = members.iter().map(Member::id).collect();
        members.iter().for_each(|member| self.hand_link(member));
        for gone in self.here.difference(&here) {
            self.hand(Input::Link { endpoint: *gone, link: Linked::Gone { goodbye: false } });
        }
        self.here = here;
        Ok(())
    }

    fn hand_link(&mut self, member: &Member) {
        // A link can be there before its end is in the room.
        if !member.is_here() {
            return;
        }
        let link = if member.link().is_linked() { Linked::Near(member.rtt()) } else { Linked::Far };
        self.here.insert(member.id());
        self.hand(Input::Link { endpoint: member.id(), link });
    }

    /// Reads the presence of everybody who has one.
    fn hand_presences(&self) {
        let slot = self.app.slot;
        let of_app = |key: &&(Slot, EndpointId)| key.0 == slot;
        let keys: Vec<(Slot, EndpointId)> =
            self.app.room.state.look(|known| known.presence.keys().filter(of_app).copied().collect());
        keys.into_iter().for_each(|(_, endpoint)| self.hand_presence(endpoint));
    }

    fn hand_presence(&self, endpoint: EndpointId) {
        let key = (self.app.slot, endpoint);
        let value = self.app.room.state.look(|known| known.presence.get(&key).cloned());
        self.hand(Input::Presence { endpoint, value: value.as_deref() });
    }

    /// Reads all rows, at the beginning and after missed changes.
    async fn read_rows(&mut self) -> Result<(), Closed> {
        if let Some(rows) = &mut self.rows {
            let entries = self.app.read(|table| Rows::in_table(S::ROWS, table)).await?;
            let changes = rows.whole(entries);
            self.hand_rows(&changes);
        }
        Ok(())
    }

    fn hand_rows(&self, changes: &[RowChange]) {
        for change in changes {
            self.hand(Input::Row { row: change.row(), field: change.field(), entry: change.entry.as_ref() });
        }
    }

    /// Hands messages and writes to the node. Those for which neighbours have no room wait.
    async fn send(&mut self) -> Result<(), Closed> {
        let (slot, replica, me) = (self.app.slot, self.app.by_value(), self.app.room.me());
        let Waiting { messages, mut writes } = std::mem::take(&mut self.waiting);
        let send = move |node: &mut Node, now, room| {
            let (mut waiting, mut refused) = (Waiting::default(), Vec::new());
            for message in messages {
                let is_held_up = !waiting.messages.is_empty() && matches!(message, Message::Say(..));
                if is_held_up
                    || send_one(node, now, (room, slot), &message).is_err_and(|error| is_backpressure(&error))
                {
                    waiting.messages.push(message);
                }
            }
            while let Some(write) = writes.pop_front() {
                match write_in(node, now, (room, replica), me, &write, WhenFull::Refuse) {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => refused.push((write, error)),
                    Err(error) if is_backpressure(&error) => {
                        writes.push_front(write);
                        break;
                    }
                    Err(error) => refused.push((write, WriteError::from(error))),
                }
            }
            waiting.writes = writes;
            (waiting, refused)
        };
        let (waiting, refused) = self.app.room.call(send).await?;
        self.waiting = waiting;
        let most = self.waiting.messages.len().saturating_sub(MESSAGES_MAX);
        self.waiting.messages.drain(..most);
        for (writes, error) in refused {
            self.hand(Input::NotWritten { writes, error });
            // It may have outputs.
            self.handle.0.acted.notify_one();
        }
        Ok(())
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.writes.is_empty()
    }
}

fn send_one(
    node: &mut Node,
    now: Time,
    (room, slot): (RoomHandle, Slot),
    message: &Message,
) -> Result<(), CommandError> {
    let mut room = node.room_mut(now, room);
    match message {
        Message::Datagram(to, topic, bytes) => {
            let to = to.map_or(Audience::All, Audience::One);
            room.send_datagram(to, slot, topic, bytes)
        }
        Message::Direct(to, topic, bytes) => room.send_direct(*to, slot, topic, bytes).map(drop),
        Message::Say(topic, bytes) => room.say(slot, topic, bytes),
        Message::Presence(value) => room.set_presence(slot, value.as_deref()),
        Message::Visit(endpoint) => room.visit(*endpoint),
        Message::EndVisit(endpoint) => {
            room.end_visit(*endpoint);
            Ok(())
        }
    }
}

fn is_backpressure(error: &CommandError) -> bool {
    matches!(error, CommandError::Backpressure(_) | CommandError::Write(NodeWriteError::Backpressure(_)))
}
