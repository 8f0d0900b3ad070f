//! The driver of a party: hands the events of the page's node to the session of the game, and carries out what that puts out.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::{LocalStorage, Owner};
use leptos::web_sys::Element;
use meshwork_core::blobs::BlobId;
use meshwork_core::id::{Endpoint, PeerId, RoomId};
use meshwork_core::node::{Event, LinkState, Node, PeerView};
use meshwork_core::seam::lane::{Audience, Slot, Topic};
use meshwork_core::time::Time;
use meshwork_play::package::PACKAGE_MAX;
use meshwork_play::session::{
    self, Can, Config, End, Fault, FromGame, Linked, Output, Pace, Paused, Phase, Refused,
};
use meshwork_play::{Kind, Package, Party, read_parameters};
use meshwork_web::people::beads;
use meshwork_web::play::party::{Lobby, Place, Seat, Stage};
use meshwork_web::texts;

use super::super::browser;
use super::super::session::{Session, set_if_new};
use super::beat;
use super::entry::{Ear, News, about};
use super::frame::{self, Death, FromFrame, Screen};
use super::games;
use super::hands::Reading;
use super::notes::Notes;
use super::sound::Sounds;
use super::trust;
pub(super) use meshwork_play::session::Act;

/// How long members are waited for before the server is asked for the game.
const SERVER_AFTER: Duration = Duration::from_secs(1);
/// Time after which ping and people are read again.
const FOLLOW_EACH: Duration = Duration::from_millis(500);
/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(5);
/// Notices at a time.
const NOTICES_MAX: usize = 2;
/// How long the words of a game without its host stay, before the lobby is shown.
const HOME_AFTER: Duration = Duration::from_secs(3);
/// The node's reason of a link whose other end said goodbye.
const GOODBYE: &str = "left";

/// What people know of the game before it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GameAbout {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) players: (u8, u8),
    /// The address of its picture.
    pub(super) cover: Option<String>,
    /// Width and height in which it draws.
    pub(super) view: (u16, u16),
}

/// What stands over the game.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Over {
    /// The game waits.
    Paused {
        words: String,
        /// Whether it ends after 30 s.
        shortens: bool,
    },
    /// The match is over.
    Ended { title: String, words: String },
}

/// The party of the room in front, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(super) struct Play {
    pub(super) session: Session,
    pub(super) lobby: RwSignal<Lobby>,
    pub(super) game: RwSignal<Option<GameAbout>>,
    /// The author of an HTML game whom the person has not trusted yet.
    pub(super) asks: RwSignal<Option<PeerId>>,
    /// Why there is no game, in words.
    pub(super) trouble: RwSignal<Option<String>>,
    pub(super) pace: RwSignal<Pace>,
    pub(super) over: RwSignal<Option<Over>>,
    pub(super) notices: RwSignal<Vec<(u32, String)>>,
    /// Whether the game is shown, or was put away after its end.
    is_away: RwSignal<bool>,
    /// Whether the package is here, so that a frame can be mounted.
    is_loaded: RwSignal<bool>,
    number: StoredValue<u32>,
    reading: StoredValue<Option<Reading>>,
    work: StoredValue<Rc<RefCell<Work>>, LocalStorage>,
}

/// What runs while the page shows a party.
#[derive(Default)]
struct Work {
    room: Option<RoomId>,
    slot: Option<Slot>,
    party: Option<Party>,
    package: Option<Package>,
    session: Option<session::Session>,
    stage: Option<frame::Stage>,
    view: Option<Element>,
    screen: Screen,
    sounds: Option<Sounds>,
    /// Counts parties, so that what an earlier one began ends.
    opening: u32,
    /// The moment of the next timeout that is waited for.
    timeout: Option<Time>,
    /// Whether the hands are read sixty times a second.
    is_beating: bool,
    notes: Notes,
}

impl Play {
    /// The party's state, which lives as long as the page.
    pub(super) fn of(session: Session) -> Play {
        let ear = session.app::<Ear>();
        if let Some(play) = ear.kept().and_then(|kept: Rc<dyn Any>| kept.downcast_ref::<Play>().copied()) {
            return play;
        }
        let owner = Owner::new_root(None);
        let play = owner.with(|| Play {
            session,
            lobby: RwSignal::new(Lobby::default()),
            game: RwSignal::new(None),
            asks: RwSignal::new(None),
            trouble: RwSignal::new(None),
            pace: RwSignal::new(Pace::default()),
            over: RwSignal::new(None),
            notices: RwSignal::new(Vec::new()),
            is_away: RwSignal::new(false),
            is_loaded: RwSignal::new(false),
            number: StoredValue::new(0),
            reading: StoredValue::new(None),
            work: StoredValue::new_local(Rc::default()),
        });
        // Its signals live as long as the page.
        std::mem::forget(owner);
        ear.keep(Rc::new(play));
        play.guard_page();
        play.follow_visibility();
        play
    }

    fn work(self) -> Rc<RefCell<Work>> {
        self.work.get_value()
    }

    /// Begins the party of the open room, unless it has begun.
    pub(super) fn begin(self) {
        let Some(room) = self.session.node.room_id() else { return };
        if self.work().borrow().room == Some(room) {
            return;
        }
        self.clear();
        let opening = {
            let work = self.work();
            let mut work = work.borrow_mut();
            work.room = Some(room);
            work.opening
        };
        leptos::task::spawn_local(self.open(opening));
    }

    /// The person trusts the author of this HTML game.
    pub(super) fn trust(self, author: PeerId) {
        trust::trust(author);
        self.asks.set(None);
        let opening = self.work().borrow().opening;
        leptos::task::spawn_local(self.open(opening));
    }

    fn is_opening(self, opening: u32) -> bool {
        self.work().borrow().opening == opening
    }

    /// Fetches the game, then takes a seat.
    async fn open(self, opening: u32) {
        let page = self.session;
        let slot = page.slot_of(about());
        let party = page
            .node
            .look(|node, room| read_parameters(node.room(room).parameters(slot.number())?))
            .flatten();
        let Some(party) = party else {
            return self.trouble.set(Some(texts::play::OTHER_GAME.to_owned()));
        };
        self.lobby.update(|lobby| lobby.players = party.players);
        if party.kind == Kind::Html && party.author != page.node.peer() && !trust::is_trusted(party.author) {
            return self.asks.set(Some(party.author));
        }
        self.trouble.set(Some(texts::play::FETCHING.to_owned()));
        let package = self.fetch(slot, &party).await;
        let stage = frame::load().await;
        if !self.is_opening(opening) {
            return;
        }
        let (package, stage) = match (package, stage) {
            (Some(package), Ok(stage)) => (package, stage),
            (None, _) => return self.trouble.set(Some(texts::play::NOT_HERE.to_owned())),
            (_, Err(_)) => return self.trouble.set(Some(texts::play::NOT_LOADED.to_owned())),
        };
        self.trouble.set(None);
        self.game.set(Some(about_game(&package)));
        if party.kind == Kind::Html {
            stage.warm();
        }
        let now = page.node.with(|_, now| now);
        let name = self.name();
        let config = Config { hidden: browser::is_hidden(), ..Config::default() };
        let me = page.node.endpoint();
        let session = session::Session::new(me, &name, party.clone(), Can::Host, config, seed(), now);
        {
            let work = self.work();
            let mut work = work.borrow_mut();
            work.slot = Some(slot);
            work.party = Some(party);
            work.sounds = Some(Sounds::of(&package));
            work.package = Some(package);
            work.session = Some(session);
            work.stage = Some(stage);
        }
        let presences = page.app::<Ear>().listen(move |news| self.hear(news));
        self.feed(|session, now| {
            for (who, state) in &presences {
                session.handle_present(now, *who, Some(state));
            }
        });
        self.read_links();
        self.is_loaded.set(true);
        self.mount_frame();
        self.show_lobby();
        self.follow(opening);
    }

    /// The package: from here, from members, or from the server.
    async fn fetch(self, slot: Slot, party: &Party) -> Option<Package> {
        let shelf = self.session.shelf(slot)?;
        let blob = BlobId(party.package.0);
        if shelf.held(blob).await.is_none() {
            browser::pause(SERVER_AFTER).await;
            if shelf.held(blob).await.is_none()
                && party.code.is_some()
                && let Some(package) = games::package(party.package).await
            {
                // Others have it from here. A page that cannot hold it plays all the same.
                let _ = shelf.put(package.bytes()).await;
                return Some(package);
            }
        }
        let bytes = shelf.fetch(blob, PACKAGE_MAX as u64).await.ok()?;
        let package = Package::read(Arc::from(bytes)).ok()?;
        (package.id() == party.package).then_some(package)
    }

    /// What one is called.
    fn name(self) -> String {
        let name = self.session.me.name.get_untracked();
        match name.trim() {
            "" => beads::name(&self.session.node.peer()),
            name => name.to_owned(),
        }
    }

    /// Lets go of a party.
    fn clear(self) {
        let work = self.work();
        let opening = work.borrow().opening.wrapping_add(1);
        let view = work.borrow_mut().view.take();
        work.replace(Work { opening, view, ..Work::default() });
        self.lobby.set(Lobby::default());
        self.game.set(None);
        self.trouble.set(None);
        self.asks.set(None);
        self.over.set(None);
        self.is_away.set(false);
        self.is_loaded.set(false);
    }

    fn hear(self, news: News<'_>) {
        match news {
            News::Left => self.clear(),
            News::Refresh => self.read_links(),
            News::Event(event) => self.hear_event(event),
        }
    }

    fn hear_event(self, event: &Event) {
        let node = self.session.node;
        let slot = self.work().borrow().slot;
        let is_ours = |room, of: Slot| node.is_in(room) && Some(of) == slot;
        match event {
            Event::Presence { room, endpoint, slot, state } if is_ours(*room, *slot) => {
                self.feed(|session, now| session.handle_present(now, *endpoint, state.as_deref()));
            }
            Event::Datagram { room, from, slot, topic, bytes } if is_ours(*room, *slot) => {
                self.feed(|session, now| session.handle_datagram(now, *from, topic, bytes));
            }
            Event::Direct { room, from, slot, bytes, .. } if is_ours(*room, *slot) => {
                self.feed(|session, now| session.handle_direct(now, *from, bytes));
            }
            Event::Said { room, from, slot, topic, bytes, .. } if is_ours(*room, *slot) => {
                self.feed(|session, now| session.handle_said(now, *from, topic, bytes));
            }
            Event::MemberDetached { room, endpoint, distant: false } if node.is_in(*room) => {
                let goodbye = self.peer(*endpoint).is_some_and(|peer| said_goodbye(&peer));
                self.feed(|session, now| session.handle_link(now, *endpoint, Linked::Gone { goodbye }));
            }
            Event::Link { endpoint, .. } | Event::MemberAttached { endpoint, .. } => {
                if let Some(peer) = self.peer(*endpoint) {
                    self.feed(|session, now| session.handle_link(now, *endpoint, linked(&peer)));
                }
            }
            _ => {}
        }
    }

    fn peer(self, endpoint: Endpoint) -> Option<PeerView> {
        self.session.node.look(|node, room| node.room(room).peer(endpoint)).flatten()
    }

    /// Hands the session the state of every link.
    fn read_links(self) {
        let peers = self.session.node.look(|node, room| node.room(room).peers()).unwrap_or_default();
        self.feed(|session, now| {
            for peer in &peers {
                session.handle_link(now, peer.endpoint, linked(peer));
            }
        });
    }

    /// Lets the session do something, and carries out what it puts out.
    fn feed<R>(self, act: impl FnOnce(&mut session::Session, Time) -> R) -> Option<R> {
        let now = self.session.node.with(|_, now| now);
        let work = self.work();
        let (done, outputs) = {
            let mut work = work.borrow_mut();
            let session = work.session.as_mut()?;
            if session.poll_timeout().is_some_and(|due| due <= now) {
                session.handle_timeout(now);
            }
            let done = act(session, now);
            (done, std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>())
        };
        for output in outputs {
            self.carry_out(output);
        }
        self.await_timeout(now);
        Some(done)
    }

    /// Waits for the session's next timeout.
    fn await_timeout(self, now: Time) {
        let work = self.work();
        let mut work = work.borrow_mut();
        let Some(due) = work.session.as_ref().and_then(session::Session::poll_timeout) else { return };
        if work.timeout.is_some_and(|awaited| awaited <= due && awaited > now) {
            return;
        }
        work.timeout = Some(due);
        let opening = work.opening;
        let wait = due.since(now).max(Duration::from_millis(1));
        set_timeout(
            move || {
                if self.is_opening(opening) {
                    self.work().borrow_mut().timeout = None;
                    self.feed(|_, _| ());
                }
            },
            wait,
        );
    }

    fn carry_out(self, output: Output) {
        let Some(slot) = self.work().borrow().slot else { return };
        let topic = |name: &str| Topic::new(name).expect("topics of the session are short");
        let node = self.session.node;
        // The session repeats what is lost: a message to a member that has just gone is no fault.
        let _ = match output {
            Output::Datagram { to, topic: name, bytes } => node.command(|node, now, room| {
                let to = to.map_or(Audience::All, Audience::One);
                node.room_mut(now, room).send_datagram(to, slot, &topic(name), &bytes)
            }),
            Output::Direct { to, bytes } => node.command(|node, now, room| {
                node.room_mut(now, room).send_direct(to, slot, &topic(session::TOPIC), &bytes).map(drop)
            }),
            Output::Say { topic: name, bytes } => {
                node.command(|node, now, room| node.room_mut(now, room).say(slot, &topic(name), &bytes))
            }
            Output::Present(state) => node.command(|node: &mut Node, now, room| {
                let state = (!state.is_empty()).then_some(state.as_slice());
                node.room_mut(now, room).set_presence(slot, state)
            }),
            Output::Pin(endpoint) => node.command(|node, now, room| node.room_mut(now, room).visit(endpoint)),
            Output::Unpin(endpoint) => {
                node.with_room(|node, now, room| node.room_mut(now, room).end_visit(endpoint));
                Ok(())
            }
            Output::Game(message) => {
                self.work().borrow_mut().screen.send(message);
                Ok(())
            }
            Output::Event(event) => {
                self.tell(event);
                Ok(())
            }
        };
    }

    /// Shows what the session reports.
    fn tell(self, event: session::Event) {
        use session::Event;
        match event {
            Event::Lobby => {}
            Event::Entered { slot } => {
                self.set_place(Place::Seated(slot));
                self.set_me(Some(slot));
            }
            Event::Refused(why) => {
                self.set_place(match why {
                    Refused::Full => Place::Full,
                    Refused::Kicked => Place::Kicked,
                    Refused::Started => Place::Late,
                    Refused::Version { .. } => Place::OtherVersion,
                    _ => Place::OtherTab,
                });
                self.set_me(None);
            }
            Event::HostSilent => {}
            Event::CutOff { slot } => {
                self.over.set(Some(Over::Paused {
                    words: texts::play::lost_host(&self.called(slot)),
                    shortens: false,
                }));
            }
            Event::HostIs { slot, lost } => {
                self.go_on();
                let is_me = self.lobby.with_untracked(|lobby| lobby.place == Place::Seated(slot));
                self.notify(match is_me {
                    true => texts::play::YOU_HOST_NOW.to_owned(),
                    false => texts::play::hosts_now(&self.called(slot)),
                });
                if lost > 30 {
                    self.notify(texts::play::taken_back(lost));
                }
            }
            Event::HostBack => {
                self.go_on();
                self.notify(texts::play::HOST_BACK.to_owned());
            }
            Event::Paused(Paused::Host) => {
                self.over
                    .set(Some(Over::Paused { words: texts::play::HOST_GONE.to_owned(), shortens: true }));
            }
            Event::Paused(Paused::Others) => {
                self.over.set(Some(Over::Paused { words: texts::play::PAUSED.to_owned(), shortens: true }));
            }
            Event::Resumed => self.go_on(),
            Event::Began => {
                self.over.set(None);
                self.is_away.set(false);
            }
            Event::Ended(end) => {
                self.note(true);
                self.end(end);
            }
            Event::Apart { lost } => self.notify(texts::play::taken_back(lost)),
            Event::Fault(fault) => self.notify(failed(&fault)),
            _ => {}
        }
        self.show_lobby();
    }

    /// Notes the party at the shelf, as its host.
    fn note(self, has_ended: bool) {
        let work = self.work();
        let mut work = work.borrow_mut();
        let Work { session: Some(session), party: Some(Party { code: Some(code), .. }), notes, .. } =
            &mut *work
        else {
            return;
        };
        let lobby = self.lobby.get_untracked();
        if !lobby.is_hosting {
            return;
        }
        let losses = session.counts().host_losses;
        if has_ended {
            notes.ended(self.session, *code, &lobby, losses);
        }
        let rows = self.session.people.rows;
        rows.with_untracked(|rows| {
            let is_seated = |who: PeerId| lobby.seats.iter().any(|seat| seat.peer == who);
            let pings = rows.iter().filter(|row| is_seated(row.endpoint.peer)).filter_map(|row| row.rtt);
            pings.for_each(|ping| notes.ping(u64::try_from(ping.as_millis()).unwrap_or_default()));
        });
        notes.party(self.session, *code, &lobby, losses);
    }

    fn go_on(self) {
        if matches!(self.over.get_untracked(), Some(Over::Paused { .. })) {
            self.over.set(None);
        }
    }

    fn end(self, end: End) {
        let (title, words) = match end {
            End::Over(result) => (self.result(&result), String::new()),
            End::HostGone => {
                set_timeout(move || self.put_away(), HOME_AFTER);
                (texts::play::ENDED.to_owned(), texts::play::HOST_NEVER_BACK.to_owned())
            }
            End::Failed(fault) => (texts::play::STOPPED.to_owned(), failed(&fault)),
            _ => return,
        };
        self.over.set(Some(Over::Ended { title, words }));
    }

    /// What a game says at its end, in words: the slot of a winner, or a text.
    fn result(self, json: &str) -> String {
        use serde_json::Value;
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let value = match &value {
            Value::Object(fields) => fields.get("winner").unwrap_or(&value),
            _ => &value,
        };
        match value {
            Value::Number(slot) => match slot.as_u64().and_then(|slot| u8::try_from(slot).ok()) {
                Some(slot) if self.lobby.with_untracked(|lobby| lobby.place == Place::Seated(slot)) => {
                    texts::play::YOU_WON.to_owned()
                }
                Some(slot) if self.lobby.with_untracked(|lobby| lobby.seat(slot).is_some()) => {
                    texts::play::won(&self.called(slot))
                }
                _ => texts::play::DRAW.to_owned(),
            },
            Value::String(words) if !words.is_empty() => words.clone(),
            _ => texts::play::ENDED.to_owned(),
        }
    }

    /// What the player of a seat is called.
    fn called(self, slot: u8) -> String {
        let name = self.lobby.with_untracked(|lobby| lobby.seat(slot).map(|seat| seat.name.clone()));
        name.unwrap_or_else(|| texts::capital(texts::play::HOST))
    }

    fn set_place(self, place: Place) {
        if self.lobby.with_untracked(|lobby| lobby.place != place) {
            self.lobby.update(|lobby| lobby.place = place);
        }
    }

    fn set_me(self, slot: Option<u8>) {
        if let Some(frame) = self.work().borrow().screen.frame() {
            frame.set_me(slot);
        }
    }

    /// Says something in passing.
    fn notify(self, words: String) {
        let number = self.number.get_value();
        self.number.set_value(number.wrapping_add(1));
        self.notices.update(|notices| {
            notices.push((number, words));
            let surplus = notices.len().saturating_sub(NOTICES_MAX);
            notices.drain(..surplus);
        });
        let drop = move || self.notices.update(|notices| notices.retain(|(known, _)| *known != number));
        set_timeout(drop, NOTICE);
    }

    /// Reads the lobby again, as people see it.
    fn show_lobby(self) {
        let work = self.work();
        let work = work.borrow();
        let (Some(session), Some(party)) = (&work.session, &work.party) else { return };
        let (lobby, me) = (session.lobby(), self.session.node.endpoint());
        let now = self.session.node.with(|_, now| now);
        let rows = self.session.people.rows;
        let seat = |seat: &session::Seat| {
            let is_me = seat.endpoint.peer == me.peer;
            let beside = rows.with_untracked(|rows| {
                let row = rows.iter().find(|row| row.endpoint == seat.endpoint)?;
                Some(texts::play::linked(row.rtt, row.state))
            });
            Seat {
                slot: seat.slot,
                peer: seat.endpoint.peer,
                name: seat.name.clone(),
                letter: beads::letter(&seat.name),
                is_me,
                is_host: seat.endpoint == lobby.host,
                is_ready: seat.ready,
                is_away: seat.away,
                beside: beside.filter(|_| !is_me).unwrap_or_default(),
            }
        };
        let stage = match lobby.phase {
            Phase::Gathering => Stage::Gathering,
            Phase::Starting => Stage::Starting(session.countdown(now).map_or(3, |left| left.as_secs() + 1)),
            Phase::Playing => Stage::Playing,
            Phase::Ended => Stage::Ended,
        };
        let seats: Vec<Seat> = lobby.seats.iter().map(seat).collect();
        let is_hosting = session.is_host();
        // Programs do not host.
        let can_host = |seat: &&session::Seat| !seat.bot && !seat.away && seat.endpoint != me;
        let next = lobby.seats.iter().find(can_host).map(|seat| seat.name.clone());
        let shown = Lobby {
            players: party.players,
            next,
            seats,
            stage,
            place: self.lobby.with_untracked(|lobby| lobby.place),
            is_hosting,
            watchers: session.watchers(),
        };
        drop(work);
        let is_ended = matches!(self.over.get_untracked(), Some(Over::Ended { .. }));
        if shown.stage == Stage::Gathering && is_ended && is_hosting {
            self.over.set(None);
        }
        set_if_new(self.lobby, shown);
        self.begin_beat();
    }

    /// Whether the game stands over the lobby. Tracked.
    pub(super) fn is_shown(self) -> bool {
        let is_on = self.lobby.with(|lobby| {
            let is_in = matches!(lobby.place, Place::Seated(_)) || lobby.place.is_watching();
            is_in && matches!(lobby.stage, Stage::Playing | Stage::Ended)
        });
        is_on && !self.is_away.get() || matches!(self.over.get(), Some(Over::Ended { .. }))
    }

    /// Whether somebody else plays.
    pub(super) fn has_others(self) -> bool {
        self.lobby.with_untracked(|lobby| {
            lobby.stage == Stage::Playing
                && matches!(lobby.place, Place::Seated(_))
                && lobby.seats.iter().any(|seat| !seat.is_me && !seat.is_away)
        })
    }

    /// Puts the picture of an ended game away: the lobby is seen.
    pub(super) fn put_away(self) {
        self.over.set(None);
        self.is_away.set(true);
    }

    /// The person does something.
    pub(super) fn act(self, act: Act) {
        if act == Act::Watch {
            self.set_place(Place::Watching);
        }
        if act == Act::Sit {
            self.set_place(Place::Entering);
        }
        if act == Act::Again {
            self.over.set(None);
        }
        if let Some(Err(error)) = self.feed(|session, now| session.act(now, act)) {
            self.notify(texts::sentence(&error.to_string()));
        }
        self.show_lobby();
    }

    /// Leaves the party for the start page.
    pub(super) fn leave(self) {
        self.act(Act::Leave);
        self.clear();
        browser::go_to(&browser::at("/play"));
    }

    /// The frame stands in this element from now on.
    pub(super) fn mount(self, view: &Element) {
        self.work().borrow_mut().view = Some(view.clone());
        self.mount_frame();
    }

    /// The element goes, and the frame with it: somebody else has to go on with the game.
    pub(super) fn unmount(self) {
        self.work().borrow_mut().view = None;
        if self.work().borrow().session.is_some() {
            self.feed(|session, now| _ = session.act(now, Act::Leave));
            self.clear();
        }
    }

    /// Makes the frame and starts the game in it, once both the package and the element are there.
    fn mount_frame(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        let Work { stage: Some(stage), view: Some(view), package: Some(package), screen, opening, .. } =
            &mut *work
        else {
            return;
        };
        if screen.frame().is_some() {
            return;
        }
        let opening = *opening;
        let hear = move |said: FromFrame| {
            if self.is_opening(opening) {
                self.hear_frame(said);
            }
        };
        let Ok(frame) = stage.mount(view, package, hear) else { return };
        if let Place::Seated(slot) = self.lobby.with_untracked(|lobby| lobby.place) {
            frame.set_me(Some(slot));
        }
        screen.mount(frame, package);
    }

    fn hear_frame(self, said: FromFrame) {
        match said {
            FromFrame::Ready => self.work().borrow_mut().screen.note_ready(),
            FromFrame::Tick => {
                self.hold();
                self.feed(|session, now| session.handle_clock(now));
            }
            FromFrame::Game(json) => {
                if let Some(said) = FromGame::from_json(&json) {
                    self.feed(|session, now| session.handle_game(now, said));
                }
            }
            FromFrame::Sounds(names) => {
                if let Some(sounds) = &self.work().borrow().sounds {
                    names.iter().for_each(|name| sounds.play(name));
                }
            }
            FromFrame::Slow(frames) => self.notify(texts::play::slow(frames)),
            FromFrame::Input(names) => {
                if let Some(reading) = self.reading.get_value() {
                    reading.set_names(names);
                }
            }
            FromFrame::Dead(death) => {
                self.feed(|session, now| session.handle_game(now, FromGame::Failed(fault_of(death))));
                self.restart_frame();
            }
        }
    }

    /// A game that was ended is loaded again, so that the next match can begin.
    fn restart_frame(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        if let Work { package: Some(package), screen, .. } = &mut *work {
            screen.restart(package);
        }
    }

    /// These hands steer.
    pub(super) fn read_hands(self, reading: Reading) {
        self.reading.set_value(Some(reading));
    }

    /// Gives an HTML game the keys.
    pub(super) fn focus(self) {
        if let Some(frame) = self.work().borrow().screen.page() {
            frame.focus();
        }
    }

    /// Hands the session what is held now.
    fn hold(self) {
        if let Some(reading) = self.reading.get_value() {
            let input = reading.input();
            if let Some(frame) = self.work().borrow().screen.page() {
                frame.send_input(&reading.names());
            }
            self.feed(|session, now| session.hold(now, input));
        }
    }

    /// Hands the session what is held sixty times a second while another host's match goes on. At a host, the clock is its worker's.
    fn begin_beat(self) {
        let is_on =
            move || self.lobby.with_untracked(|lobby| lobby.stage == Stage::Playing && !lobby.is_hosting);
        let work = self.work();
        let mut work = work.borrow_mut();
        if work.is_beating || !is_on() {
            return;
        }
        work.is_beating = true;
        let opening = work.opening;
        beat::run(move || {
            if !self.is_opening(opening) {
                return false;
            }
            let is_on = is_on();
            match is_on {
                true => self.hold(),
                false => self.work().borrow_mut().is_beating = false,
            }
            is_on
        });
    }

    /// Reads ping and people again each half second, and notes the party as its host.
    fn follow(self, opening: u32) {
        let read = move || {
            if !self.is_opening(opening) {
                return;
            }
            if let Some(pace) = self.work().borrow().session.as_ref().map(session::Session::pace) {
                set_if_new(self.pace, pace);
            }
            self.show_lobby();
            self.note(false);
            self.follow(opening);
        };
        set_timeout(read, FOLLOW_EACH);
    }

    /// Asks before a page of a game with others closes.
    fn guard_page(self) {
        let guard = leptos::ev::beforeunload;
        let ask = window_event_listener(guard, move |event| {
            if self.has_others() && self.lobby.with_untracked(|lobby| lobby.is_hosting) {
                event.prevent_default();
            }
        });
        // It stays as long as the page.
        std::mem::forget(ask);
    }

    /// Tells the session and the frame whether anybody sees the page.
    fn follow_visibility(self) {
        let seen = window_event_listener(leptos::ev::visibilitychange, move |_| {
            let is_hidden = browser::is_hidden();
            if let Some(reading) = self.reading.get_value() {
                reading.let_go();
            }
            self.feed(|session, now| _ = session.act(now, Act::Hidden(is_hidden)));
            if let Some(frame) = self.work().borrow().screen.frame() {
                frame.set_hidden(is_hidden);
            }
        });
        std::mem::forget(seen);
    }
}

/// What people read of a game.
fn about_game(package: &Package) -> GameAbout {
    let manifest = package.manifest();
    let cover = manifest.thumbnail.as_deref().and_then(|path| picture_address(path, package.file(path)?));
    GameAbout {
        title: manifest.title.clone(),
        description: manifest.description.clone(),
        players: manifest.players,
        cover,
        view: manifest.view,
    }
}

/// The address of a picture among the files of a game; `None` for a file of another kind.
pub(super) fn picture_address(path: &str, bytes: &[u8]) -> Option<String> {
    let kind = match path.rsplit_once('.')?.1.to_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => return None,
    };
    browser::address_of(bytes, kind)
}

/// The fault of a game that the page ended.
pub(super) fn fault_of(death: Death) -> Fault {
    let message = match death {
        Death::Refused => texts::play::DIED_REFUSED,
        Death::Late => texts::play::DIED_LATE,
        Death::Flood => texts::play::DIED_FLOOD,
        Death::Silent => texts::play::DIED_SILENT,
        Death::Left => texts::play::DIED_LEFT,
    };
    Fault { message: message.to_owned(), fatal: true, ..Fault::default() }
}

/// Chance that nobody else has.
pub(super) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    for part in seed.chunks_mut(8) {
        part.copy_from_slice(&browser::random().to_le_bytes());
    }
    seed
}

/// A link as a session knows it.
fn linked(peer: &PeerView) -> Linked {
    match peer.state {
        _ if peer.distant => Linked::Far,
        LinkState::Direct | LinkState::Relayed | LinkState::Stale if peer.attached => Linked::Near(peer.rtt),
        LinkState::Gone => Linked::Gone { goodbye: said_goodbye(peer) },
        _ => Linked::Far,
    }
}

/// Whether a member that is gone said so itself.
fn said_goodbye(peer: &PeerView) -> bool {
    peer.reason.as_deref() == Some(GOODBYE)
}

fn failed(fault: &Fault) -> String {
    texts::play::failed(&fault.message, fault.line.unwrap_or_default())
}
