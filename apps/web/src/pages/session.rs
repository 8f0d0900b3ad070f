//! The page's node and what the page knows through it, as signals.

mod address;
mod ahead;
pub(crate) mod apps;
mod changes;
mod events;
mod governing;
pub(crate) mod meeting;
pub(crate) mod node;
mod oneself;
pub(crate) mod people;
pub(crate) mod profiles;
pub(crate) mod reach;
mod refusals;
mod servers;
pub(crate) mod talk;
mod unshared;
pub(crate) mod visited;

use std::any::Any;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::task::spawn_local;
use meshwork::Room;
use meshwork::look::Look;
use meshwork_core::id::Identity;
use meshwork_core::node::{CommandError, Config, Event, Node, RoomHandle, RoomSpec};
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_rtc::web::{self, Options, StorageState};
use meshwork_web::texts;
use meshwork_web::texts::notices::Notice;

use self::address::Address;
use self::ahead::Ahead;
use self::apps::Apps;
use self::governing::Governing;
use self::meeting::Meeting;
use self::node::PageNode;
use self::oneself::Oneself;
use self::people::People;
use self::profiles::Profiles;
use self::refusals::Refusals;
use self::servers::Servers;
use self::talk::Talk;
use self::visited::Visited;
use super::voice::Voice;
use super::{browser, entries, hide, name_field};

/// How often the comb's numbers are read again.
const REFRESH: Duration = Duration::from_secs(1);

/// How far the page is with its room.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// The meeting point is being asked.
    Joining,
    /// No room has the code yet.
    Waiting,
    /// It can be shown and written in.
    Open,
    /// The room cannot be entered: why, and what to do.
    Refused(Notice),
}

/// Called back with what the node tells; with `None`, anything may be another than before.
type EventListener = Rc<dyn Fn(Option<&Event>)>;

/// The listeners, each with its number.
#[derive(Default)]
struct Hearers {
    all: Vec<(u64, EventListener)>,
    next: u64,
}

/// How far a room is entered that was wanted.
#[derive(Clone, Copy, Default)]
struct Entering {
    is_under_way: bool,
    /// How often a room was left: who left one while it was still being entered does not enter it.
    leavings: u32,
}

/// The page's node and what the page knows through it, part by part. Copies are the same one.
#[derive(Clone, Copy)]
pub struct Session {
    /// The node, and the room.
    pub node: PageNode,
    hearers: StoredValue<Hearers, LocalStorage>,
    /// The state of each app that has some.
    states: StoredValue<Vec<Box<dyn Any + Send + Sync>>>,
    entering: StoredValue<Entering>,
    /// Who one is.
    pub(crate) me: Oneself,
    /// How far the room is.
    pub(crate) phase: RwSignal<Phase>,
    /// Whether one left the others for now.
    pub(crate) is_disconnected: RwSignal<bool>,
    /// Whether the browser has what links are made of, as far as a trial has shown.
    pub(crate) has_webrtc: RwSignal<bool>,
    /// What became of keeping the room in this browser.
    pub(crate) storage: RwSignal<StorageState>,
    /// While storage is full: the room that is unused for the longest time of those that nobody else has, in words.
    pub(crate) only_here: RwSignal<Option<String>>,
    /// How far the room's time is ahead of this device's clock, in milliseconds; 0 while they agree.
    pub(crate) clock_ahead_ms: RwSignal<i64>,
    /// Writes that their readers see later.
    pub(crate) ahead: Ahead,
    /// How many other rooms were forgotten for this one.
    pub(crate) forgotten: RwSignal<usize>,
    /// Notices that were put away, by what they say.
    pub(crate) put_away: RwSignal<Vec<Notice>>,
    /// The apps of the room.
    pub(crate) apps: Apps,
    /// The rooms that this browser keeps.
    pub(crate) visited: Visited,
    /// How the room is found.
    pub(crate) address: Address,
    /// Who is in the room.
    pub(crate) people: People,
    /// What holds in the room.
    pub(crate) governing: Governing,
    /// Statuses and faces.
    pub(crate) profiles: Profiles,
    /// The room's conversation.
    pub(crate) talk: Talk,
    /// Meeting somebody without a server.
    pub(crate) meeting: Meeting,
    /// What became of the meeting points.
    pub(crate) servers: Servers,
    /// What was refused from outside.
    pub(crate) refusals: Refusals,
    /// What is said in passing.
    pub(crate) voice: Voice,
    /// Whether the code of an app could not be loaded that is to come to the front.
    pub(crate) is_part_missed: RwSignal<bool>,
    /// Whether the list of people lies over the page, where they are a strip.
    pub(crate) is_people_open: RwSignal<bool>,
    /// Whether the share sheet is shown.
    pub(crate) is_share_open: RwSignal<bool>,
}

impl Session {
    /// Starts the page's node.
    ///
    /// # Errors
    /// In words, why there can be none.
    pub(crate) fn start() -> Result<Session, String> {
        let (identity, storage) = web::load_identity().map_err(|error| error.to_string())?;
        let look = Look::start(options(identity.clone())).map_err(|error| error.to_string())?;
        let node = PageNode::new(look.clone());
        let phase = RwSignal::new(Phase::Joining);
        let (apps, people) = (Apps::new(node), People::new(node));
        let address = Address::new(node, apps);
        let session = Session {
            node,
            hearers: StoredValue::new_local(Hearers::default()),
            states: StoredValue::new(Vec::new()),
            entering: StoredValue::new(Entering::default()),
            me: Oneself::new(node, identity, &storage),
            phase,
            is_disconnected: RwSignal::new(false),
            has_webrtc: RwSignal::new(browser::has_webrtc()),
            storage: RwSignal::new(StorageState::Starting),
            only_here: RwSignal::new(None),
            clock_ahead_ms: RwSignal::new(0),
            ahead: Ahead::new(node),
            forgotten: RwSignal::new(0),
            put_away: RwSignal::new(Vec::new()),
            apps,
            visited: Visited::new(node),
            address,
            people,
            governing: Governing::new(node, apps, people, address),
            profiles: Profiles::new(node, people),
            talk: Talk::new(node, people),
            meeting: Meeting::new(node),
            servers: Servers::new(),
            refusals: Refusals::new(),
            voice: Voice::new(),
            is_part_missed: RwSignal::new(false),
            is_people_open: RwSignal::new(false),
            is_share_open: RwSignal::new(false),
        };
        entries::all().iter().for_each(|entry| entry.begin(session));
        look.on_event(move |event| session.hear(event));
        spawn_local(session.try_webrtc());
        look.on_storage(move |news| session.handle_storage(news));
        people.restore_unlinked();
        set_interval(move || session.tick(), REFRESH);
        Ok(session)
    }

    /// Tries whether links can be made here. Extensions put objects in WebRTC's place that do nothing.
    async fn try_webrtc(self) {
        // The page is drawn first.
        web::sleep(Duration::ZERO).await;
        if web::try_webrtc().await.is_err() {
            self.has_webrtc.set(false);
        }
    }

    /// Joins a room; [`Session::phase`] tells what becomes of it.
    pub(crate) fn join(self, address: RoomAddress) {
        if address.servers().next().is_none() {
            self.leave();
            return self.phase.set(Phase::Refused(texts::notices::refused(texts::notices::NO_SERVER)));
        }
        let entry = self.begin_entering();
        self.apps.want(&address);
        self.address.code.set(address.code());
        spawn_local(async move {
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
        let joined = self.node.driver().join_room(address).await;
        joined.map(|room| self.enter(room)).map_err(|error| error.to_string())
    }

    /// Says why a room was not entered.
    fn end_entering(self, entered: Result<(), String>) {
        if let Err(reason) = entered {
            self.phase.set(Phase::Refused(texts::notices::refused(&texts::sentence(&reason))));
        }
    }

    /// Makes a room with rules from its beginning, in which `fill` writes first; [`Address::link`] follows when the meeting
    /// point knows it. In a private one where everybody may write, that is whoever has the link to edit.
    ///
    /// # Errors
    /// In words, why not.
    pub(crate) fn make(
        self,
        spec: RoomSpec,
        rules: Terms,
        fill: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError>,
    ) -> Result<(), String> {
        self.leave();
        if !spec.servers.is_empty() {
            browser::ask_to_keep();
        }
        let make = |node: &mut Node, now| {
            let splits_link = spec.private && rules.writers == Writers::Everybody;
            let room = node.create_room(now, spec)?;
            fill(node, now, room)?;
            if rules != Terms::default() {
                node.room_mut(now, room).set_rules(rules)?;
            }
            if splits_link {
                node.room_mut(now, room).set_edit_key()?;
            }
            Ok(room)
        };
        let room = self.node.with(make).map_err(|error: CommandError| error.to_string())?;
        self.people.begin_alone();
        self.enter(room);
        self.visited.begin_made();
        Ok(())
    }

    /// Leaves the room, if there is one.
    pub(crate) fn leave(self) {
        self.entering.update_value(|entering| entering.leavings += 1);
        self.node.hold(None);
        self.apps.leave();
        entries::all().iter().for_each(|entry| entry.leave(self));
        self.is_disconnected.set(false);
        self.clock_ahead_ms.set(0);
        self.ahead.refresh();
        self.governing.is_shut_out.set(false);
        self.phase.set(Phase::Joining);
        self.people.leave();
        self.visited.end();
        self.talk.leave();
    }

    /// Whether there is a room already.
    pub(crate) fn has_room(self) -> bool {
        self.node.room.get_untracked().is_some() || self.entering.get_value().is_under_way
    }

    /// Leaves the room's people and servers and keeps the room, or looks for them again.
    pub(crate) fn set_connected(self, is_connected: bool) {
        let done = self.node.with_room(|node, now, room| match is_connected {
            true => node.room_mut(now, room).connect(),
            false => node.room_mut(now, room).disconnect(),
        });
        if done.is_some() {
            // What became of servers that are not asked is no news any more.
            self.servers.forget();
            self.is_disconnected.set(!is_connected);
            self.refresh();
        }
    }

    /// Keeps the state of an app as long as the page lives.
    pub fn keep<T: Any + Send + Sync>(self, state: T) {
        self.states.update_value(|states| states.push(Box::new(state)));
    }

    /// The state that an app [keeps](Session::keep).
    pub fn app<T: Any + Copy>(self) -> T {
        let state = |states: &Vec<Box<dyn Any + Send + Sync>>| {
            states.iter().find_map(|state| state.downcast_ref::<T>()).copied()
        };
        self.states.with_value(state).expect("an app keeps its state from its beginning")
    }

    /// Calls `hear` with each event of the node before the library handles it, as long as the caller's owner lives. Without an
    /// event, anything may have changed.
    pub(crate) fn on_event(self, hear: impl Fn(Option<&Event>) + 'static) {
        let add = |hearers: &mut Hearers| {
            hearers.next += 1;
            hearers.all.push((hearers.next, Rc::new(hear)));
            hearers.next
        };
        let Some(number) = self.hearers.try_update_value(add) else { return };
        on_cleanup(move || {
            self.hearers.try_update_value(|hearers| hearers.all.retain(|(other, _)| *other != number));
        });
    }

    /// The room that the page is in, for the library's objects.
    pub fn room(self) -> Option<Room> {
        self.node.library()
    }

    fn enter(self, room: RoomHandle) {
        self.node.hold(Some(room));
        if let Some(held) = self.room() {
            spawn_local(self.follow(room, held.events()));
            spawn_local(self.talk.follow(room, held.chat().watch()));
        }
        self.entering.update_value(|entering| entering.is_under_way = false);
        self.refresh();
    }
}

/// What the page's node is started with.
fn options(identity: Identity) -> Options {
    // Whose scripts run here has its word taken on relays, too.
    let trusted_relays = vec![browser::host()];
    let (name, hides_address) = (name_field::kept(), hide::kept());
    let config = Config { name, hides_address, trusted_relays, ..Config::default() };
    let options = Options::new(entries::make, config, identity);
    let database = (!web::is_guest()).then(|| web::PAGES_DATABASE.to_owned());
    Options { database, ..options }
}

/// Sets a signal only to something else, so that nothing is drawn in vain.
///
/// One that went with what it was shown on is left alone.
pub(crate) fn set_if_new<T: PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.try_with_untracked(|present| *present != value) == Some(true) {
        signal.set(value);
    }
}
