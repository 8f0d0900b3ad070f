//! The page's node and what the page knows through it, as signals.

pub(crate) mod apps;
pub(crate) mod crowd;
mod events;
mod governing;
mod history;
pub(crate) mod later;
mod notes;
mod people;
mod strokes;
mod unshared;
pub(crate) mod visited;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use meshwork_core::id::{Code, Endpoint, Identity, PeerId};
use meshwork_core::node::{CommandError, Config, Event, Node, Receipt, Refusal, RoomHandle, ServerState};
use meshwork_core::replica::Replica;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::time::Time;
use meshwork_place::canvas::{CanvasSize, Painted};
use meshwork_rtc::web::{self, Driver, IdentityStorage, Options, StorageState};
use meshwork_web::people::{Beyond, Row};
use meshwork_web::texts;
use meshwork_web::words::{self, Notice};

use self::apps::Apps;
use self::crowd::Crowd;
use self::governing::Governing;
use self::later::News;
use self::notes::Noted;
use self::visited::Visited;
use super::parts::Part;
use super::voice::Voice;
use super::{browser, documents, hide, name_field, overlays};

/// How often the comb's numbers are read again.
const REFRESH: Duration = Duration::from_secs(1);

/// How far the page is with its room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The meeting point is being asked.
    Joining,
    /// No room has the code yet.
    Waiting,
    /// The canvas can be shown and painted on.
    Open,
    /// The room cannot be entered: why, and what to do.
    Refused(Notice),
}

/// Called back with the cells that look different now; with `None`, all may.
type CanvasListener = Rc<dyn Fn(Option<&[Painted]>)>;
/// Called back with what the node tells; with `None`, anything may be another than before.
type EventListener = Rc<dyn Fn(Option<&Event>)>;

/// How far a room is entered that was wanted.
#[derive(Clone, Copy, Default)]
struct Entering {
    is_under_way: bool,
    /// How often a room was left: who left one while it was still being entered does not enter it.
    leavings: u32,
}

/// Shows news.
type ShowNews = fn(Session, News);

/// The page's node. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Session {
    driver: StoredValue<Driver, LocalStorage>,
    listener: StoredValue<RefCell<Option<CanvasListener>>, LocalStorage>,
    hearer: StoredValue<Option<EventListener>, LocalStorage>,
    room: RwSignal<Option<RoomHandle>>,
    entering: StoredValue<Entering>,
    me: Endpoint,
    sorted: StoredValue<Time>,
    last_stroke: StoredValue<Option<Said>>,
    key: StoredValue<Identity, LocalStorage>,
    /// Whether the profile keeps who we are.
    pub(crate) is_key_kept: bool,
    /// The short name of the key that this profile had until it was cleared, where that is known.
    pub(crate) key_before: StoredValue<Option<String>>,
    /// Whether the sheet of one's key is shown.
    pub(crate) key_sheet: RwSignal<bool>,
    /// What one is called.
    pub(crate) name: RwSignal<String>,
    /// Whether one hides one's network address.
    pub(crate) hides_address: RwSignal<bool>,
    /// How far the room is.
    pub(crate) phase: RwSignal<Phase>,
    /// The room's code, as soon as one is known.
    pub(crate) code: RwSignal<Option<Code>>,
    /// The room's LINK, once the meeting point knows it.
    pub(crate) address: RwSignal<Option<RoomAddress>>,
    /// Whether a secret guards the room, once known.
    pub(crate) is_private: RwSignal<Option<bool>>,
    /// The apps of the room.
    pub(crate) apps: Apps,
    /// Whether one left the others for now.
    pub(crate) is_disconnected: RwSignal<bool>,
    servers: StoredValue<BTreeMap<String, ServerState>>,
    /// What became of the meeting point; of several, the one that is reached.
    pub(crate) server: RwSignal<Option<ServerState>>,
    /// What the page remembers and watches of people.
    pub(crate) crowd: Crowd,
    /// The room's people but ourselves.
    pub(crate) people: RwSignal<Vec<Row>>,
    /// How many others the meeting point says are in the room.
    pub(crate) named: RwSignal<u64>,
    /// Who is in the room beyond those.
    pub(crate) beyond: RwSignal<Beyond>,
    /// From when on a link that comes or goes is a person who does; `None` while members keep some links each, and until
    /// the room is open.
    comings_since: StoredValue<Option<Time>>,
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
    /// What holds in the room.
    pub(crate) governing: Governing,
    /// What people write beside the canvas.
    pub(crate) noted: Noted,
    visited: Visited,
    /// What shows news, once there is a room's page.
    news: StoredValue<Option<ShowNews>>,
    /// What is said in passing.
    pub(crate) voice: Voice,
    /// What of a room's page is loaded after its app is shown.
    pub(crate) later: Part,
    /// Whether a part could not be loaded of which something was asked for.
    pub(crate) is_part_missed: RwSignal<bool>,
    /// Whether the list of people lies over a narrow page.
    pub(crate) is_people_open: RwSignal<bool>,
    /// Whether the share sheet is shown.
    pub(crate) is_share_open: RwSignal<bool>,
    /// Whether the sheet for meeting without a server is shown.
    pub(crate) is_meet_open: RwSignal<bool>,
    /// Whether the part with the overlays of large rooms could not be loaded.
    pub(crate) are_overlays_missing: RwSignal<bool>,
}

/// A stroke or a note of one's own, and who has it.
#[derive(Clone, Debug)]
struct Said {
    sequence: u64,
    by: BTreeSet<Endpoint>,
}

impl Said {
    fn new(receipt: &Receipt) -> Said {
        Said { sequence: *receipt.sequences.end(), by: BTreeSet::new() }
    }
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
        let hides_address = hide::kept();
        let options = options(name.clone(), hides_address, identity);
        let (driver, events) = web::start(options).map_err(|error| error.to_string())?;
        let session = Session {
            me: driver.endpoint(),
            driver: StoredValue::new_local(driver),
            listener: StoredValue::new_local(RefCell::new(None)),
            hearer: StoredValue::new_local(None),
            room: RwSignal::new(None),
            entering: StoredValue::new(Entering::default()),
            sorted: StoredValue::new(Time(0)),
            last_stroke: StoredValue::new(None),
            key: StoredValue::new_local(key),
            is_key_kept: !matches!(storage, IdentityStorage::ThrownAway { .. }),
            key_before: StoredValue::new(before),
            key_sheet: RwSignal::new(false),
            name: RwSignal::new(name),
            hides_address: RwSignal::new(hides_address),
            phase: RwSignal::new(Phase::Joining),
            code: RwSignal::new(None),
            address: RwSignal::new(None),
            is_private: RwSignal::new(None),
            apps: Apps::new(),
            is_disconnected: RwSignal::new(false),
            servers: StoredValue::new(BTreeMap::new()),
            server: RwSignal::new(None),
            crowd: Crowd::new(),
            people: RwSignal::new(Vec::new()),
            named: RwSignal::new(0),
            beyond: RwSignal::new(Beyond::default()),
            comings_since: StoredValue::new(None),
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
            governing: Governing::new(),
            noted: Noted::new(),
            visited: Visited::new(),
            news: StoredValue::new(None),
            voice: Voice::new(),
            later: Part::new(),
            is_part_missed: RwSignal::new(false),
            is_people_open: RwSignal::new(false),
            is_share_open: RwSignal::new(false),
            is_meet_open: RwSignal::new(false),
            are_overlays_missing: RwSignal::new(false),
        };
        spawn_local(session.listen(events));
        session.driver.with_value(|driver| driver.on_storage(move |news| session.handle_storage(news)));
        session.restore_unlinked();
        set_interval(move || session.heed(News::Second), REFRESH);
        Ok(session)
    }

    /// Joins a room; [`Session::phase`] tells what becomes of it.
    pub(crate) fn join(self, address: RoomAddress) {
        if address.servers().next().is_none() {
            self.leave();
            return self.phase.set(Phase::Refused(words::refused(texts::notices::NO_SERVER)));
        }
        let entry = self.begin_entering();
        self.apps.want(&address);
        self.code.set(address.code());
        spawn_local(async move {
            // A large room's full mesh would be too many links.
            overlays::load(self).await;
            if documents::are_wanted(&address) {
                documents::load(self).await;
            }
            if self.is_wanted(entry) {
                self.end_entering(self.join_now(address).await);
            }
        });
    }

    /// Leaves the room for another one; which entry that is.
    fn begin_entering(self) -> u32 {
        self.leave();
        self.entering.update_value(|entering| entering.is_under_way = true);
        self.entering.get_value().leavings
    }

    /// Whether no other room was wanted since.
    fn is_wanted(self, entry: u32) -> bool {
        self.entering.get_value().leavings == entry
    }

    async fn join_now(self, address: RoomAddress) -> Result<(), String> {
        let driver = self.driver.with_value(Driver::clone);
        let joined = driver.join_room(address).await;
        joined.map(|room| self.enter(room)).map_err(|error| error.to_string())
    }

    /// Says why a room was not entered.
    fn end_entering(self, entered: Result<(), String>) {
        if let Err(reason) = entered {
            self.phase.set(Phase::Refused(words::refused(&words::sentence(&reason))));
        }
    }

    /// Leaves the room, if there is one.
    pub(crate) fn leave(self) {
        if let Some(room) = self.room.get_untracked() {
            self.driver.with_value(|driver| driver.leave_room(room));
        }
        self.entering.update_value(|entering| entering.leavings += 1);
        self.room.set(None);
        self.apps.leave();
        self.is_disconnected.set(false);
        self.governing.is_shut_out.set(false);
        self.phase.set(Phase::Joining);
        self.people.set(Vec::new());
        self.beyond.set(Beyond::default());
        self.comings_since.set_value(None);
        self.visited.end();
        self.noted.unread.set(0);
    }

    /// Whether there is a room already.
    pub(crate) fn has_room(self) -> bool {
        self.room.get_untracked().is_some() || self.entering.get_value().is_under_way
    }

    /// Calls the node.
    pub(crate) fn with_node<R>(self, call: impl FnOnce(&mut Node, Time) -> R) -> R {
        self.driver.with_value(|driver| driver.with(call))
    }

    /// Does something in the room, if there is one.
    pub(crate) fn with_room<R>(self, work: impl FnOnce(&mut Node, Time, RoomHandle) -> R) -> Option<R> {
        let room = self.room.get_untracked()?;
        Some(self.with_node(|node, now| work(node, now, room)))
    }

    /// Leaves the room's people and servers and keeps the room, or looks for them again.
    pub(crate) fn set_connected(self, is_connected: bool) {
        let done = self.with_room(|node, now, room| match is_connected {
            true => node.room_mut(now, room).connect(),
            false => node.room_mut(now, room).disconnect(),
        });
        if done.is_some() {
            // What became of servers that are not asked is no news any more.
            self.servers.update_value(BTreeMap::clear);
            self.server.set(None);
            self.is_disconnected.set(!is_connected);
            self.heed(News::Changed);
        }
    }

    /// Calls `hear` with what the node tells, until another one is set.
    pub(crate) fn on_event(self, hear: impl Fn(Option<&Event>) + 'static) {
        self.hearer.set_value(Some(Rc::new(hear)));
    }

    /// Who one is.
    pub(crate) fn peer(self) -> PeerId {
        self.me.peer
    }

    /// Which endpoint this page is.
    pub(crate) fn endpoint(self) -> Endpoint {
        self.me
    }

    /// One's key.
    pub(crate) fn own_key(self) -> Identity {
        self.key.get_value()
    }

    /// Changes what one is called.
    pub(crate) fn set_name(self, name: String) {
        self.driver.with_value(|driver| driver.with(|node, now| node.set_name(now, name.trim())));
        self.name.set(name);
    }

    /// Hides one's network address from others, or no longer does.
    pub(crate) fn set_hides_address(self, hides: bool) {
        self.driver.with_value(|driver| driver.with(|node, now| node.set_hides_address(now, hides)));
        self.hides_address.set(hides);
    }

    /// Whether a relay is known for the room.
    pub(crate) fn knows_relay(self) -> bool {
        self.with_room(|node, _, room| node.room(room).knows_relay()).unwrap_or(false)
    }

    /// Makes an invitation; [`Session::invitation`] follows.
    pub(crate) fn invite(self) {
        self.invitation.set(None);
        self.meet(|node, now, room| node.room_mut(now, room).invite());
    }

    /// Takes an invitation or a reply; of an invitation [`Session::reply`] follows, of a reply the link.
    pub(crate) fn take_text(self, text: &str) {
        self.meet(|node, now, room| node.room_mut(now, room).take_text(text).map(drop));
    }

    fn meet(self, step: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError>) {
        let Some(done) = self.with_room(step) else { return };
        self.meeting_failed.set(done.err().map(|error| words::sentence(&error.to_string())));
    }

    /// Why the meeting point is away, if it is.
    pub(crate) fn away(self) -> Option<String> {
        match self.server.get() {
            Some(ServerState::Away { reason }) => Some(reason),
            _ => None,
        }
    }

    /// That the meeting point speaks another version, if it does.
    pub(crate) fn old_version(self) -> Option<Notice> {
        self.refusals.with(|refusals| {
            let known =
                refusals.iter().find(|(reason, from, _)| *reason == Refusal::Version && from.is_none());
            known.map(|(_, _, notice)| notice.clone())
        })
    }

    fn enter(self, room: RoomHandle) {
        self.room.set(Some(room));
        self.entering.update_value(|entering| entering.is_under_way = false);
        self.heed(News::Changed);
    }
}

/// What the page's node is started with.
fn options(name: String, hides_address: bool, identity: Identity) -> Options {
    // Whose scripts run here has its word taken on relays, too.
    let trusted_relays = vec![browser::host()];
    let config = Config { name, hides_address, trusted_relays, ..Config::default() };
    let options = Options::new(make, config, identity);
    Options { database: Some(web::PAGES_DATABASE.to_owned()), ..options }
}

/// What the apps of these pages keep in step.
fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    meshwork_place::make(app, parameters).or_else(|| documents::make(app, parameters))
}

/// Sets a signal only to something else, so that nothing is drawn in vain.
///
/// One that went with what it was shown on is left alone.
pub(crate) fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.try_with_untracked(|present| *present != value) == Some(true) {
        signal.set(value);
    }
}
