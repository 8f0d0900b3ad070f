//! The page's node and what the page knows through it, as signals.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use meshwork_core::clock::room_time;
use meshwork_core::crdt::canvas::{Canvas, CanvasSize, Colour, Painted};
use meshwork_core::id::{Code, Endpoint, Identity, PeerId};
use meshwork_core::node::{
    CommandError, Config, Event, LinkState, Node, PaintReceipt, Refusal, RoomHandle, RoomSpec, ServerState,
};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_rtc::web::{self, Driver, Events, IdentityStorage, Options, StorageNews, StorageState};
use meshwork_web::people::{self, Row, SORT_INTERVAL};
use meshwork_web::words::{self, Notice};

use super::voice::{Passing, Voice};
use super::{browser, name_field};

/// How often the comb's numbers are read again.
const REFRESH: Duration = Duration::from_secs(1);
/// Refusals that are shown; the newest count.
const REFUSALS_MAX: usize = 3;

/// How far the page is with its room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The meeting point is being asked.
    Joining,
    /// No room has the code yet.
    Waiting,
    /// The canvas can be shown and painted on.
    Open,
    /// The room cannot be entered: why, in sentences.
    Refused(String),
}

/// Called back with the cells that look different now; with `None`, all may.
type CanvasListener = Rc<dyn Fn(Option<&[Painted]>)>;

/// The page's node. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    driver: StoredValue<Driver, LocalStorage>,
    listener: StoredValue<RefCell<Option<CanvasListener>>, LocalStorage>,
    room: RwSignal<Option<RoomHandle>>,
    is_entering: StoredValue<bool>,
    me: Endpoint,
    sorted: StoredValue<Time>,
    last_stroke: StoredValue<Option<LastStroke>>,
    key: StoredValue<Identity, LocalStorage>,
    /// Whether the profile keeps who we are.
    pub(crate) is_key_kept: bool,
    /// The short name of the key that this profile had until it was cleared, where that is known.
    pub(crate) key_before: StoredValue<Option<String>>,
    /// Whether the sheet of one's key is shown.
    pub(crate) key_sheet: RwSignal<bool>,
    /// What one is called.
    pub(crate) name: RwSignal<String>,
    /// How far the room is.
    pub(crate) phase: RwSignal<Phase>,
    /// The room's code, as soon as one is known.
    pub(crate) code: RwSignal<Option<Code>>,
    /// The room's LINK, once the meeting point knows it.
    pub(crate) address: RwSignal<Option<RoomAddress>>,
    /// Whether a secret guards the room, once known.
    pub(crate) is_private: RwSignal<Option<bool>>,
    servers: StoredValue<BTreeMap<String, ServerState>>,
    /// What became of the meeting point; of several, the one that is reached.
    pub(crate) server: RwSignal<Option<ServerState>>,
    /// The room's people but ourselves.
    pub(crate) people: RwSignal<Vec<Row>>,
    /// Whether the rows of the comb must hold still.
    pub(crate) is_comb_touched: RwSignal<bool>,
    /// The canvas's size, once known.
    pub(crate) size: RwSignal<Option<CanvasSize>>,
    /// Cells that show a colour.
    pub(crate) painted: RwSignal<usize>,
    /// How many have the last stroke, and of how many.
    pub(crate) reached: RwSignal<Option<(usize, usize)>>,
    /// What was refused from outside, one notice for a reason and a person.
    pub(crate) refusals: RwSignal<Vec<(Refusal, Option<Endpoint>, Notice)>>,
    /// Why the last stroke was not taken.
    pub(crate) stroke_refused: RwSignal<Option<String>>,
    /// What became of keeping the room in this browser.
    pub(crate) storage: RwSignal<StorageState>,
    /// How far the room's time is ahead of this device's clock, in milliseconds; 0 while they agree.
    pub(crate) clock_ahead_ms: RwSignal<i64>,
    /// How many other rooms were forgotten for this one.
    pub(crate) forgotten: RwSignal<usize>,
    /// Notices that were put away, by what they say.
    pub(crate) put_away: RwSignal<Vec<Notice>>,
    /// An invitation that can be carried to somebody.
    pub(crate) invitation: RwSignal<Option<String>>,
    /// A reply that is to be carried back.
    pub(crate) reply: RwSignal<Option<String>>,
    /// Why meeting without a server came to nothing.
    pub(crate) meeting_failed: RwSignal<Option<String>>,
    /// How often somebody was met: links that came to be.
    pub(crate) met: RwSignal<usize>,
    /// Whether strokes wait for the others.
    pub(crate) stroke_slowed: RwSignal<bool>,
    /// What is said in passing.
    pub(crate) voice: Voice,
}

#[derive(Clone, Debug)]
struct LastStroke {
    sequence: u64,
    by: BTreeSet<Endpoint>,
}

impl Session {
    /// Starts the page's node.
    ///
    /// # Errors
    /// In words, why there can be none.
    pub(crate) fn start() -> Result<Session, String> {
        let (identity, storage) = web::load_identity().map_err(|error| error.to_string())?;
        let key = identity.clone();
        // What this page left beside its address outlives storage that was cleared.
        let before = browser::exchange_trace(&identity.peer().short());
        let before = before.filter(|before| {
            storage == IdentityStorage::New && !before.is_empty() && *before != identity.peer().short()
        });
        let name = name_field::kept();
        let config = Config { name: name.clone(), ..Config::default() };
        let (driver, events) =
            web::start(Options::new(config, identity)).map_err(|error| error.to_string())?;
        let session = Session {
            me: driver.endpoint(),
            driver: StoredValue::new_local(driver),
            listener: StoredValue::new_local(RefCell::new(None)),
            room: RwSignal::new(None),
            is_entering: StoredValue::new(false),
            sorted: StoredValue::new(Time(0)),
            last_stroke: StoredValue::new(None),
            key: StoredValue::new_local(key),
            is_key_kept: !matches!(storage, IdentityStorage::ThrownAway { .. }),
            key_before: StoredValue::new(before),
            key_sheet: RwSignal::new(false),
            name: RwSignal::new(name),
            phase: RwSignal::new(Phase::Joining),
            code: RwSignal::new(None),
            address: RwSignal::new(None),
            is_private: RwSignal::new(None),
            servers: StoredValue::new(BTreeMap::new()),
            server: RwSignal::new(None),
            people: RwSignal::new(Vec::new()),
            is_comb_touched: RwSignal::new(false),
            size: RwSignal::new(None),
            painted: RwSignal::new(0),
            reached: RwSignal::new(None),
            refusals: RwSignal::new(Vec::new()),
            stroke_refused: RwSignal::new(None),
            storage: RwSignal::new(StorageState::Starting),
            clock_ahead_ms: RwSignal::new(0),
            forgotten: RwSignal::new(0),
            put_away: RwSignal::new(Vec::new()),
            invitation: RwSignal::new(None),
            reply: RwSignal::new(None),
            meeting_failed: RwSignal::new(None),
            met: RwSignal::new(0),
            stroke_slowed: RwSignal::new(false),
            voice: Voice::new(),
        };
        spawn_local(session.listen(events));
        session.driver.with_value(|driver| driver.on_storage(move |news| session.handle_storage(news)));
        set_interval(move || session.refresh(), REFRESH);
        Ok(session)
    }

    /// Makes a room; [`Session::address`] follows when the meeting point knows it.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn make(self, server: String, size: CanvasSize, private: bool) -> Result<(), String> {
        self.leave();
        let make = |driver: &Driver| {
            driver.with(|node, now| node.create_room(now, RoomSpec { server, size, private }))
        };
        let room = self.driver.with_value(make).map_err(|error| error.to_string())?;
        self.enter(room);
        Ok(())
    }

    /// Joins a room; [`Session::phase`] tells what becomes of it.
    pub(crate) fn join(self, address: RoomAddress) {
        self.leave();
        self.code.set(Some(address.code));
        self.is_entering.set_value(true);
        let driver = self.driver.with_value(Driver::clone);
        spawn_local(async move {
            let joined = driver.join_room(address).await;
            match joined {
                Ok(room) => self.enter(room),
                Err(error) => self.phase.set(Phase::Refused(error.to_string())),
            }
        });
    }

    /// Leaves the room, if there is one.
    pub(crate) fn leave(self) {
        if let Some(room) = self.room.get_untracked() {
            self.driver.with_value(|driver| driver.leave_room(room));
        }
        self.room.set(None);
        self.phase.set(Phase::Joining);
        self.people.set(Vec::new());
    }

    /// Whether there is a room already.
    pub(crate) fn has_room(self) -> bool {
        self.room.get_untracked().is_some() || self.is_entering.get_value()
    }

    /// Who one is.
    pub(crate) fn peer(self) -> PeerId {
        self.me.peer
    }

    /// One's key, in the text form in which it is saved.
    pub(crate) fn exported_key(self) -> String {
        self.key.with_value(Identity::export)
    }

    /// Changes what one is called.
    pub(crate) fn set_name(self, name: String) {
        self.driver.with_value(|driver| driver.with(|node, now| node.set_name(now, name.trim())));
        self.name.set(name);
    }

    /// Paints cells.
    ///
    /// # Errors
    /// The node's; nothing was painted.
    pub(crate) fn paint(self, cells: &[(u16, u16, Colour)]) -> Result<PaintReceipt, CommandError> {
        let room = self.room.get_untracked().ok_or(CommandError::NotOpen)?;
        let receipt =
            self.driver.with_value(|driver| driver.with(|node, now| node.paint(now, room, cells)))?;
        let stroke = LastStroke { sequence: *receipt.sequences.end(), by: BTreeSet::new() };
        self.last_stroke.set_value(Some(stroke));
        self.count_reached();
        Ok(receipt)
    }

    /// Makes an invitation; [`Session::invitation`] follows.
    pub(crate) fn invite(self) {
        self.invitation.set(None);
        self.meet(|node, now, room| node.invite(now, room));
    }

    /// Takes an invitation or a reply; of an invitation [`Session::reply`] follows, of a reply the link.
    pub(crate) fn take_text(self, text: &str) {
        self.meet(|node, now, room| node.take_text(now, room, text));
    }

    fn meet(self, step: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError>) {
        let Some(room) = self.room.get_untracked() else { return };
        let done = self.driver.with_value(|driver| driver.with(|node, now| step(node, now, room)));
        self.meeting_failed.set(done.err().map(|error| words::sentence(&error.to_string())));
    }

    /// Looks at the canvas, once it is known.
    pub(crate) fn with_canvas<R>(self, look: impl FnOnce(&Canvas) -> R) -> Option<R> {
        let room = self.room.get_untracked()?;
        self.driver.with_value(|driver| driver.with(|node, _| node.canvas(room).map(look)))
    }

    /// Calls `listener` with cells that look different now, until another one is set.
    pub(crate) fn on_canvas_change(self, listener: impl Fn(Option<&[Painted]>) + 'static) {
        self.listener.with_value(|slot| *slot.borrow_mut() = Some(Rc::new(listener)));
    }

    /// What someone is called, by themselves or by us.
    pub(crate) fn called(self, who: Endpoint) -> String {
        if who == self.me {
            return "You".to_owned();
        }
        let known = self
            .people
            .with_untracked(|rows| rows.iter().find(|row| row.endpoint == who).map(|row| row.called.clone()));
        known.unwrap_or_else(|| who.peer.short())
    }

    /// What the author of a cell is called, as far as one of their endpoints is known.
    pub(crate) fn called_by_peer(self, who: PeerId) -> String {
        if who == self.me.peer {
            return "you".to_owned();
        }
        let known = self.people.with_untracked(|rows| {
            rows.iter().find(|row| row.endpoint.peer == who).map(|row| row.called.clone())
        });
        known.unwrap_or_else(|| who.short())
    }

    /// Why the meeting point is away, if it is.
    pub(crate) fn away(self) -> Option<String> {
        match self.server.get() {
            Some(ServerState::Away { reason }) => Some(reason),
            _ => None,
        }
    }

    fn enter(self, room: RoomHandle) {
        self.room.set(Some(room));
        self.is_entering.set_value(false);
        self.refresh();
    }

    async fn listen(self, mut events: Events) {
        let mut missed = 0;
        while let Some(event) = events.next().await {
            self.handle(event);
            if missed != events.missed() {
                missed = events.missed();
                self.tell_listener(None);
            }
        }
    }

    fn is_ours(self, room: RoomHandle) -> bool {
        self.room.get_untracked() == Some(room)
    }

    fn handle(self, event: Event) {
        match event {
            Event::Server { url, state } => self.handle_server(url, state),
            Event::RoomOpened { room, .. } if self.is_ours(room) => self.open(room),
            Event::RoomRegistered { room, code } if self.is_ours(room) => {
                self.code.set(Some(code));
                let address = self.driver.with_value(|driver| driver.with(|node, _| node.room_address(room)));
                self.address.set(address);
            }
            Event::RoomWaiting { room }
                if self.is_ours(room) && self.phase.get_untracked() == Phase::Joining =>
            {
                self.phase.set(Phase::Waiting);
            }
            Event::RoomRefused { room, reason } if self.is_ours(room) => {
                self.room.set(None);
                self.phase.set(Phase::Refused(reason.to_string()));
            }
            Event::Link { .. } | Event::InStep { .. } => self.refresh(),
            Event::MemberAttached { room, endpoint } if self.is_ours(room) => self.greet(endpoint),
            Event::MemberDetached { room, endpoint } if self.is_ours(room) => self.see_off(endpoint),
            Event::CanvasChanged { room, author, cells, .. } if self.is_ours(room) => {
                self.show_painted(author, &cells);
            }
            Event::CanvasMended { room, cells } if self.is_ours(room) => self.tell_listener(Some(&cells)),
            Event::Applied { room, by, sequences, .. } if self.is_ours(room) => {
                self.last_stroke.update_value(|last| {
                    if let Some(last) = last
                        && sequences.contains(&last.sequence)
                    {
                        last.by.insert(by);
                    }
                });
                self.count_reached();
            }
            Event::RoomTime { room, ahead_ms } if self.is_ours(room) => {
                let agrees = ahead_ms.unsigned_abs() <= room_time::AGREE.unsigned_abs() / 1000;
                self.clock_ahead_ms.set(if agrees { 0 } else { ahead_ms });
            }
            Event::Invitation { room, text } if self.is_ours(room) => self.invitation.set(Some(text)),
            Event::Reply { room, text } if self.is_ours(room) => self.reply.set(Some(text)),
            Event::ByHandFailed { room, reason } if self.is_ours(room) => {
                self.invitation.set(None);
                self.reply.set(None);
                self.meeting_failed.set(Some(words::sentence(&reason)));
            }
            Event::Refused { endpoint, reason, detail, .. } => self.tell_refusal(endpoint, reason, &detail),
            _ => {}
        }
    }

    /// A room may have several meeting points: one that answers is enough. While one that was away is tried again
    /// it stays away, so that nothing flickers.
    fn handle_server(self, url: String, state: ServerState) {
        if state == ServerState::Connected {
            self.refusals.update(|refusals| refusals.retain(|(reason, ..)| *reason != Refusal::Server));
        }
        self.servers.update_value(|servers| {
            let known = servers.entry(url).or_insert(ServerState::Connecting);
            if state != ServerState::Connecting || *known == ServerState::Connected {
                *known = state;
            }
        });
        let best = self.servers.with_value(|servers| {
            let rank = |state: &&ServerState| match state {
                ServerState::Connected => 0,
                ServerState::Connecting => 1,
                ServerState::Away { .. } => 2,
            };
            servers.values().min_by_key(rank).cloned()
        });
        set_if_new(self.server, best);
    }

    fn handle_storage(self, news: StorageNews) {
        match news {
            StorageNews::State { room, state } if self.is_ours(room) => self.storage.set(state),
            StorageNews::Forgotten { rooms } => self.forgotten.update(|forgotten| *forgotten += rooms),
            StorageNews::Restored { room, .. } if self.is_ours(room) => self.refresh(),
            _ => {}
        }
    }

    fn open(self, room: RoomHandle) {
        let (size, is_private) = self.driver.with_value(|driver| {
            driver.with(|node, _| (node.canvas(room).map(Canvas::size), node.is_private(room)))
        });
        self.size.set(size);
        self.is_private.set(is_private);
        self.phase.set(Phase::Open);
        self.refresh();
    }

    fn greet(self, who: Endpoint) {
        self.refresh();
        self.invitation.set(None);
        self.reply.set(None);
        self.met.update(|met| *met += 1);
        let detail = |row: &Row| format!("{}{}", capital(row.state), time(row));
        self.voice.joined(self.passing(who, detail));
    }

    fn see_off(self, who: Endpoint) {
        self.refresh();
        // That they left is said already.
        let reason = |row: &Row| row.beside.clone();
        let mut passing = self.passing(who, reason);
        if passing.detail == "left" {
            passing.detail.clear();
        }
        self.voice.left(passing);
    }

    fn passing(self, who: Endpoint, detail: impl Fn(&Row) -> String) -> Passing {
        let row = self.row(who);
        let called =
            if who.peer == self.me.peer { "Another tab of yours".to_owned() } else { self.called(who) };
        Passing {
            peer: who.peer,
            called,
            letter: row.as_ref().and_then(|row| row.letter),
            detail: row.as_ref().map(detail).unwrap_or_default(),
        }
    }

    fn row(self, who: Endpoint) -> Option<Row> {
        self.people.with_untracked(|rows| rows.iter().find(|row| row.endpoint == who).cloned())
    }

    fn show_painted(self, author: Endpoint, cells: &[Painted]) {
        self.tell_listener(Some(cells));
        if author != self.me {
            self.voice.painted(self.called(author), cells.len());
        }
    }

    fn tell_listener(self, cells: Option<&[Painted]>) {
        let listener = self.listener.with_value(|slot| slot.borrow().clone());
        if let Some(listener) = listener {
            listener(cells);
        }
    }

    fn tell_refusal(self, endpoint: Option<Endpoint>, reason: Refusal, detail: &str) {
        let who = endpoint.map_or_else(|| "someone".to_owned(), |who| self.called(who));
        let notice = words::refusal(reason, &who, detail);
        self.refusals.update(|refusals| {
            refusals.retain(|(known, from, _)| (*known, *from) != (reason, endpoint));
            refusals.push((reason, endpoint, notice));
            let surplus = refusals.len().saturating_sub(REFUSALS_MAX);
            refusals.drain(..surplus);
        });
    }

    fn count_reached(self) {
        let total =
            self.people.with_untracked(|rows| rows.iter().filter(|row| row.is_linked() && row.stays).count());
        let reached = self.last_stroke.with_value(|last| last.as_ref().map(|last| last.by.len()));
        set_if_new(self.reached, reached.map(|reached| (reached, total.max(reached))));
    }

    /// Reads the comb and the count of cells again.
    fn refresh(self) {
        let Some(room) = self.room.get_untracked() else { return };
        let (peers, painted, now) = self.driver.with_value(|driver| {
            driver.with(|node, now| (node.peers(room), node.canvas(room).map_or(0, Canvas::painted), now))
        });
        let mut rows: Vec<Row> = peers.into_iter().map(|view| Row::new(view, now)).collect();
        let is_due = now.since(self.sorted.get_value()) >= SORT_INTERVAL;
        let may_move = is_due && !self.is_comb_touched.get_untracked();
        if may_move {
            self.sorted.set_value(now);
        }
        let before: Vec<Endpoint> =
            self.people.with_untracked(|rows| rows.iter().map(|row| row.endpoint).collect());
        people::arrange(&mut rows, &before, may_move);
        set_if_new(self.people, rows);
        set_if_new(self.painted, painted);
        self.count_reached();
    }
}

/// Sets a signal only to something else, so that nothing is drawn in vain.
fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.with_untracked(|present| *present != value) {
        signal.set(value);
    }
}

fn capital(state: LinkState) -> String {
    let word = state.to_string();
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn time(row: &Row) -> String {
    row.rtt
        .map(meshwork_web::rtt::number)
        .map_or_else(String::new, |(number, unit)| format!(", {number}\u{2009}{unit}"))
}
