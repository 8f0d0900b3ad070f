//! What the page knows of a room's counters and values, as signals, and what it writes there.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use leptos::leptos_dom::helpers::TimeoutHandle;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork::App;
use meshwork::look::{Look, at_once};
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::json;
use meshwork_core::node::{CommandError, Event, Holders, WriteError};
use meshwork_core::replica::{ReplicaNumber, part_named};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::header::Family;
use meshwork_core::table::{self, Change, Table, Write, payloads};
use meshwork_sync::document::{Change as Writing, Pen};
use meshwork_sync::whiteboard::ShapeId;
use meshwork_sync::{NAME_MAX, WORD, about, counter, values};
use meshwork_web::apps;
use meshwork_web::rules::Standing;
use meshwork_web::sync::statistics::{Kind, Log, Traffic, WHITEBOARD, by_person};
use meshwork_web::texts;
use serde_json::value::RawValue;

use super::super::browser;
use super::super::session::{Session, set_if_new};

/// The counter that every room has in front.
pub(super) const COUNTER: &str = "counter";

/// Who holds what for less than this, in milliseconds, is not shown: at each letter one types, nobody has it for a moment.
const BRIEF: f64 = 300.0;
/// What is shown of that is as old as this at most, in milliseconds.
const OLDEST: f64 = 1000.0;

/// A write of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// Who.
    pub(super) author: PeerId,
    /// When, by the room's time, in ms.
    pub(super) at_ms: u64,
    /// What, as JSON; nothing where the key was deleted.
    pub(super) json: Option<String>,
    /// Whether that is the text as it was written; bytes that are no text are shown with U+FFFD in them.
    is_text: bool,
}

impl Written {
    /// Whether every program reads the value.
    pub(super) fn is_readable(&self) -> bool {
        self.is_text && self.json.as_ref().is_some_and(|json| json::check(json.as_bytes()).is_ok())
    }
}

/// What was written or looked at last in a tab, since that is what one wants to be safe.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Counter(String),
    Key(String),
    Document(String),
    Shape(ShapeId),
}

/// Which tab is in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// The counter, keys and what they stand for.
    Values,
    /// Shapes that several people draw.
    Whiteboard,
    /// Texts that several people write.
    Document,
}

impl Tab {
    /// All of them, in their order.
    pub(super) const ALL: [Tab; 3] = [Tab::Values, Tab::Whiteboard, Tab::Document];

    /// Its word, in addresses too.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Tab::Values => "values",
            Tab::Whiteboard => WHITEBOARD,
            Tab::Document => "document",
        }
    }

    /// The tab with this word; the first where there is none.
    fn named(word: Option<&str>) -> Tab {
        Tab::ALL.into_iter().find(|tab| Some(tab.word()) == word).unwrap_or(Tab::Values)
    }
}

/// Is told what the node tells; nothing where much may have happened.
type Hear = Rc<dyn Fn(Option<&Event>)>;

/// How much happened, as far as this page was there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    /// Changes of one's own.
    pub(super) made: u64,
    /// Changes of others.
    pub(super) heard: u64,
    /// How often somebody was found to have the same.
    pub(super) compared: u64,
}

/// Counters and values of a room. Copies are the same ones.
#[derive(Clone, Copy)]
pub(super) struct Sync {
    pub(super) session: Session,
    /// Where the app is in the room.
    pub(super) slot: Slot,
    /// Which tab is in front.
    pub(super) tab: RwSignal<Tab>,
    /// Which counter is shown.
    pub(super) counter: RwSignal<String>,
    /// All counters by name.
    pub(super) counters: RwSignal<Vec<String>>,
    /// Where the one that is shown stands.
    pub(super) value: RwSignal<i64>,
    /// What each person added to it.
    pub(super) shares: RwSignal<Vec<(PeerId, i64)>>,
    /// The last write of each key that has a value, by key.
    pub(super) entries: RwSignal<Vec<(String, Written)>>,
    /// Who holds what one wrote last in the tab in front; nothing where one wrote nothing there.
    pub(super) holders: RwSignal<Option<Holders>>,
    /// Whether others hold it by now than those that are shown.
    pub(super) are_holders_old: RwSignal<bool>,
    /// Since when, by the page's clock, and what shows them.
    settling: StoredValue<Option<(f64, TimeoutHandle)>>,
    /// Why something was not written.
    pub(super) problem: RwSignal<Option<String>>,
    pub(super) counts: RwSignal<Counts>,
    pub(super) log: RwSignal<Log>,
    /// Bytes of all links.
    pub(super) traffic: RwSignal<Traffic>,
    /// The room's time, in ms, read each second.
    pub(super) now_ms: RwSignal<u64>,
    /// Counts up when the history of a key may be another.
    pub(super) changes: RwSignal<usize>,
    /// Whether nothing may be written here, by oneself at least.
    pub(super) is_shut: Memo<bool>,
    /// Under which numbers this page writes, by documents.
    pub(super) pens: StoredValue<Vec<(String, Pen)>>,
    is_empty: RwSignal<bool>,
    /// What one wrote last in each tab.
    last: RwSignal<[Option<Place>; 3]>,
    /// Tabs that came later hear what happens, too.
    hearers: StoredValue<Vec<Hear>, LocalStorage>,
}

impl Sync {
    /// What the session's room has; it is read again whenever it may be another.
    pub(super) fn new(session: Session, is_empty: RwSignal<bool>) -> Sync {
        let sync = Sync {
            session,
            slot: session.apps.slot_of(apps::named(WORD).expect("it stands in the table")),
            tab: RwSignal::new(Tab::named(session.apps.view.get_untracked().as_deref())),
            counter: RwSignal::new(COUNTER.to_owned()),
            counters: RwSignal::new(Vec::new()),
            value: RwSignal::new(0),
            shares: RwSignal::new(Vec::new()),
            entries: RwSignal::new(Vec::new()),
            holders: RwSignal::new(None),
            are_holders_old: RwSignal::new(false),
            settling: StoredValue::new(None),
            problem: RwSignal::new(None),
            counts: RwSignal::new(Counts::default()),
            log: RwSignal::new(Log::default()),
            traffic: RwSignal::new(Traffic::default()),
            now_ms: RwSignal::new(session.node.room_time_ms()),
            changes: RwSignal::new(0),
            is_shut: Memo::new(move |_| session.governing.standing.with(Standing::is_shut)),
            is_empty,
            last: RwSignal::new([Some(Place::Counter(COUNTER.to_owned())), None, None]),
            pens: StoredValue::default(),
            hearers: StoredValue::new_local(Vec::new()),
        };
        Effect::new(move || {
            sync.counter.track();
            sync.read();
        });
        Effect::new(move || {
            let tab = sync.tab.get();
            sync.show_holders(sync.holders_now());
            session.address.note_view((tab != Tab::Values).then(|| tab.word()));
        });
        Effect::new(move || {
            session.people.rows.with(|rows| sync.traffic.update(|traffic| traffic.count(rows)));
        });
        session.on_event(move |event| sync.hear(event));
        sync
    }

    /// The table in which all of it lies but what documents say.
    pub(super) fn replica(self) -> ReplicaNumber {
        self.slot.replica(Family::ByValue)
    }

    /// The documents.
    pub(super) fn documents(self) -> ReplicaNumber {
        self.slot.replica(Family::Own)
    }

    fn hear(self, event: Option<&Event>) {
        // What went with the page it was shown on is left alone.
        if self.value.is_disposed() {
            return;
        }
        for hear in self.hearers.get_value() {
            hear(event);
        }
        match event {
            None => self.read(),
            Some(Event::Changed { replica: changed, batch, changes, .. }) if *changed == self.replica() => {
                self.read();
                let changes: &[Change] = changes.of();
                if let Some(author) = batch.map(|batch| batch.author) {
                    self.note_changes(author, changes);
                }
            }
            Some(Event::Changed { replica, batch, changes, .. }) if *replica == self.documents() => {
                if let Some(author) = batch.map(|batch| batch.author) {
                    self.count_change(author);
                    self.note_writing(author, changes.of());
                }
                self.read_holders();
            }
            Some(Event::InStep { .. }) => {
                self.counts.update(|counts| counts.compared += 1);
                self.read_holders();
            }
            Some(Event::Saved { .. } | Event::Acknowledged { .. }) => self.read_holders(),
            Some(Event::Link { endpoint, state, reason }) => {
                let why = reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                self.note(*endpoint, Kind::Link, format!("{state}{why}"), 0);
            }
            _ => {}
        }
    }

    fn count_change(self, author: Endpoint) {
        self.counts.update(|counts| match author == self.session.node.endpoint() {
            true => counts.made += 1,
            false => counts.heard += 1,
        });
    }

    fn note_changes(self, author: Endpoint, changes: &[Change]) {
        self.count_change(author);
        let size = |change: &Change| {
            change.after.as_ref().and_then(table::Entry::value).map_or(0, <[u8]>::len) as u64
        };
        let shapes = changes.iter().filter(|change| ShapeId::of(change.row()).is_some());
        let drawn: Vec<u64> = shapes.map(size).collect();
        if !drawn.is_empty() {
            self.note(author, Kind::Shape, texts::statistics::DREW.to_owned(), drawn.iter().sum());
        }
        for change in changes {
            if let Some(step) = counter::step(change) {
                let sign = if step.by > 0 { "+" } else { "" };
                self.note(
                    author,
                    Kind::Value,
                    format!("{} {sign}{}", step.name, texts::signed(step.by)),
                    size(change),
                );
            } else if let Some((key, after)) = values::key_of(change).zip(change.after.as_ref()) {
                let words = match super::rows::label(&written(after)) {
                    Some(value) => format!("{key} = {value}"),
                    None => texts::values::key_deleted(key),
                };
                self.note(author, Kind::Value, words, size(change));
            }
        }
    }

    fn note_writing(self, author: Endpoint, changes: &[Writing]) {
        for change in changes {
            let (name, size) = match change {
                Writing::Said { name, update } => (name, update.len()),
                Writing::Anew { name } => (name, 0),
            };
            let title = self.look(|table| about::title(table, name).map(str::to_owned)).flatten();
            let called = title.unwrap_or_else(|| name.to_string());
            self.note(author, Kind::Document, texts::statistics::wrote_in(&called), size as u64);
        }
    }

    fn note(self, who: Endpoint, kind: Kind, words: String, size: u64) {
        let called = texts::capital(&self.session.people.called(who));
        self.log.update(|log| log.add(browser::clock(), called, kind, words, size));
    }

    /// Reads all that is shown.
    fn read(self) {
        let shown = self.counter.get_untracked();
        let read = self.look(|table| {
            let counters = counter::all(table, "").into_iter().map(|(name, _)| name).collect::<Vec<_>>();
            let value = counter::value(table, &shown);
            let is_empty = table.entries(&[]).next().is_none();
            (value, by_person(counter::shares(table, &shown)), counters, is_empty)
        });
        let (value, shares, counters, is_empty) = read.unwrap_or((0, vec![], vec![], true));
        let entries = self.app().and_then(|app| at_once(app.values().entries(""))?.ok()).unwrap_or_default();
        let entries = entries.iter().map(|entry| (entry.key().to_owned(), written_of(entry))).collect();
        set_if_new(self.is_empty, is_empty);
        set_if_new(self.value, value);
        set_if_new(self.shares, shares);
        set_if_new(self.counters, counters);
        set_if_new(self.entries, entries);
        self.changes.update(|changes| *changes += 1);
        self.tick();
        self.read_holders();
    }

    /// A second has passed.
    pub(super) fn tick(self) {
        set_if_new(self.now_ms, self.session.node.room_time_ms());
    }

    fn holders_now(self) -> Option<Holders> {
        let tab = self.tab.get_untracked();
        let (replica, part) = self.last.with_untracked(|last| {
            last[tab as usize].as_ref().map(|place| match place {
                Place::Counter(name) => (self.replica(), counter::part(name)),
                Place::Key(key) => (self.replica(), values::part(key)),
                Place::Document(name) => (self.documents(), part_named(name.as_bytes())),
                Place::Shape(id) => (self.replica(), id.part()),
            })
        })?;
        self.session.node.with_room(|node, _, room| node.room(room).holders(replica, part))
    }

    /// Shows who holds it, once that has been so for a moment, or at once where nothing is shown yet. What is shown may hold
    /// again meanwhile: more that was typed may still wait to be said.
    fn read_holders(self) {
        let before = self.settling.try_update_value(Option::take).flatten();
        before.iter().for_each(|(_, timer)| timer.clear());
        let now_hold = self.holders_now();
        let (is_first, is_shown) = self.holders.with_untracked(|shown| (shown.is_none(), *shown == now_hold));
        if is_first || now_hold.is_none() || is_shown && before.is_none() {
            return self.show_holders(now_hold);
        }
        let now = browser::milliseconds();
        let since = before.filter(|_| !is_shown).map_or(now, |(since, _)| since);
        let wait = Duration::from_millis(BRIEF.min(since + OLDEST - now).max(0.0) as u64);
        let show = move || {
            // The page may have gone meanwhile.
            if !self.holders.is_disposed() {
                self.show_holders(self.holders_now());
            }
        };
        let timer = set_timeout_with_handle(show, wait).ok();
        self.settling.set_value(timer.map(|timer| (since, timer)));
        set_if_new(self.are_holders_old, true);
    }

    fn show_holders(self, holders: Option<Holders>) {
        self.settling.set_value(None);
        set_if_new(self.holders, holders);
        set_if_new(self.are_holders_old, false);
    }

    fn look_at(self, tab: Tab, place: Place) {
        self.last.update(|last| last[tab as usize] = Some(place));
        self.read_holders();
    }

    /// It is a document whose holders are of interest from now on.
    pub(super) fn look_at_document(self, name: &str) {
        self.look_at(Tab::Document, Place::Document(name.to_owned()));
    }

    /// It is a shape whose holders are of interest from now on.
    pub(super) fn look_at_shape(self, id: ShapeId) {
        self.look_at(Tab::Whiteboard, Place::Shape(id));
    }

    /// Calls `hear` with what the node tells, as long as the page shows the room.
    pub(super) fn on_event(self, hear: impl Fn(Option<&Event>) + 'static) {
        self.hearers.update_value(|hearers| hearers.push(Rc::new(hear)));
    }

    /// The app, as the library has it.
    fn app(self) -> Option<App> {
        Some(Look::app(&self.session.node.library()?, self.slot))
    }

    /// The last writes of a key, the latest first.
    pub(super) fn history(self, key: &str) -> Vec<Written> {
        let history = self.app().and_then(|app| at_once(app.values().history(key))?.ok());
        history.unwrap_or_default().iter().map(written_of).collect()
    }

    /// Raises the counter that is shown, or lowers it.
    pub(super) fn add(self, by: i64) {
        let name = self.counter.get_untracked();
        self.look_at(Tab::Values, Place::Counter(name.clone()));
        self.finish(self.write_by(|app| at_once(app.counter(&name).add(by))));
    }

    /// Gives a key a value, as JSON; `None` deletes it. Returns whether that was taken.
    pub(super) fn set(self, key: &str, json: Option<&str>) -> bool {
        self.look_at(Tab::Values, Place::Key(key.to_owned()));
        let unfit = json.and_then(|json| json::check(json.as_bytes()).err());
        let written = match (key.len(), unfit) {
            (0, _) => Err(texts::values::NEEDS_KEY.to_owned()),
            (1..=NAME_MAX, None) => self.set_fit(key, json),
            (1..=NAME_MAX, Some(error)) => Err(texts::values::unfit(&error)),
            (size, _) => Err(texts::values::key_too_long(NAME_MAX, size)),
        };
        self.finish(written)
    }

    fn set_fit(self, key: &str, json: Option<&str>) -> Result<(), String> {
        let json = json.map(|json| RawValue::from_string(json.to_owned())).transpose();
        let json = json.map_err(|error| error.to_string())?;
        self.write_by(|app| match &json {
            Some(json) => at_once(app.values().set(key, &**json)),
            None => at_once(app.values().delete(key)),
        })
    }

    /// Writes through the library, which waits only if neighbours have no room for it.
    fn write_by(
        self,
        write: impl FnOnce(&App) -> Option<Result<(), meshwork::WriteError>>,
    ) -> Result<(), String> {
        let app = self.app().ok_or_else(|| CommandError::NotOpen.to_string())?;
        match write(&app) {
            Some(Ok(())) => Ok(()),
            Some(Err(meshwork::WriteError::Full { .. })) => Err(texts::WRITTEN_ENOUGH.to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(texts::parts::TOO_FAST.to_owned()),
        }
    }

    /// Why nothing can be written here, in words; tracked. `None` where something can.
    pub(super) fn why_shut(self) -> Option<String> {
        let session = self.session;
        let owner = session.governing.owner_name().unwrap_or_default();
        session.governing.standing.with(|standing| {
            standing
                .is_shut()
                .then(|| texts::rules::standing(standing, &owner, session.apps.in_front()))
                .flatten()
        })
    }

    /// Looks at the table.
    pub(super) fn look<R>(self, look: impl FnOnce(&Table) -> R) -> Option<R> {
        self.session
            .node
            .with_room(|node, _, room| node.room(room).replica(self.replica()).map(look))
            .flatten()
    }

    /// Writes one field of the table. Returns whether that was taken.
    pub(super) fn write(self, make: impl FnOnce(&Table, Endpoint) -> Result<Write, String>) -> bool {
        self.write_all(|table, me| make(table, me).map(|write| vec![write]))
    }

    /// Writes in the table. Returns whether that was taken.
    pub(super) fn write_all(self, make: impl FnOnce(&Table, Endpoint) -> Result<Vec<Write>, String>) -> bool {
        let written = self.session.node.with_room(|node, now, room| {
            let me = node.endpoint();
            let empty = Table::new(table::Kind::ByValue);
            let table = node.room(room).replica(self.replica()).unwrap_or(&empty);
            let writes = make(table, me)?;
            if writes.iter().any(|write| table.is_full_for(me.peer, write)) {
                return Err(texts::WRITTEN_ENOUGH.to_owned());
            }
            let payloads = payloads(me.peer, &writes).map_err(|error| error.to_string())?;
            let written = node.room_mut(now, room).write(self.replica(), payloads);
            written.map(drop).map_err(|error| why_not(&error))
        });
        self.finish(written.unwrap_or_else(|| Err(CommandError::NotOpen.to_string())))
    }

    /// Shows why something was not written. Returns whether it was.
    fn finish(self, written: Result<(), String>) -> bool {
        let is_written = written.is_ok();
        self.problem.set(written.err().map(|why| texts::sentence(&why)));
        self.session.governing.refresh_standing();
        is_written
    }
}

/// Why something was not written, in words.
pub(super) fn why_not(error: &CommandError) -> String {
    match error {
        CommandError::Write(WriteError::Backpressure(_)) => texts::parts::TOO_FAST.to_owned(),
        error => error.to_string(),
    }
}

fn written_of(entry: &meshwork::Entry) -> Written {
    let value = Some(entry.bytes()).filter(|bytes| !bytes.is_empty()).map(String::from_utf8_lossy);
    let is_text = matches!(value, Some(Cow::Borrowed(_)));
    let json = value.map(Cow::into_owned);
    Written { author: entry.author(), at_ms: entry.time_ms(), json, is_text }
}

fn written(entry: &table::Entry) -> Written {
    let value = entry.value().filter(|_| values::is_value(entry)).map(String::from_utf8_lossy);
    let is_text = matches!(value, Some(Cow::Borrowed(_)));
    let json = value.map(Cow::into_owned);
    Written { author: entry.author(), at_ms: entry.stamp().millis(), json, is_text }
}
