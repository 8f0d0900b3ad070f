//! The rooms that this browser keeps, and what is remembered of the visits there.

use leptos::prelude::*;
use meshwork_core::id::{PeerId, RoomId};
use meshwork_core::node::PeerView;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::AppWord;
use meshwork_web::apps::App;
use meshwork_web::people::isolated;
use meshwork_web::people::visits::{Visit, Visits};
use meshwork_web::texts;

use super::super::{browser, entries, thumbnail};
use super::address::is_unshared;
use super::node::PageNode;
use super::set_if_new;

const VISITS_KEY: &str = "meshwork-visits";
/// How often a visit is noted while it lasts, in ms.
const NOTE_MS: f64 = 20_000.0;

/// A room that can be opened again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptRoom {
    /// Which.
    pub(crate) id: RoomId,
    /// Its link.
    pub(crate) link: String,
    /// The app that it opened with.
    pub(crate) app: &'static App,
    /// Its name; empty where it has none.
    pub(crate) name: String,
    /// Its code.
    pub(crate) code: String,
    /// The last time there.
    pub(crate) visit: Visit,
    /// Whether nobody else is known to have everything of it.
    pub(crate) is_only_here: bool,
}

impl KeptRoom {
    /// What it is called: its name, or its app and code.
    pub(crate) fn title(&self) -> String {
        if self.name.is_empty() { texts::home::room_of(self.app.title) } else { isolated(&self.name) }
    }

    /// What it is called, and when it was opened last.
    pub(crate) fn title_and_day(&self) -> String {
        let title =
            if self.name.is_empty() { format!("{} {}", self.title(), self.code) } else { self.title() };
        let day = match self.visit.at_ms {
            0 => String::new(),
            at_ms => browser::day_in_words(at_ms),
        };
        texts::home::last_opened(&title, &day)
    }
}

/// What a page knows of the visit that lasts. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Visited {
    node: PageNode,
    /// When it was noted last, on the page's clock, and with how many others.
    noted: StoredValue<Option<(f64, usize)>>,
    /// Whether the room was made just now, which is not noted yet.
    is_made: StoredValue<bool>,
    /// On which day this browser made the room, in words; empty where it did not.
    pub(crate) made_on: RwSignal<String>,
}

impl Visited {
    pub(super) fn new(node: PageNode) -> Visited {
        let (noted, is_made) = (StoredValue::new(None), StoredValue::new(false));
        Visited { node, noted, is_made, made_on: RwSignal::default() }
    }

    /// The next room is another visit.
    pub(super) fn end(self) {
        self.noted.set_value(None);
        self.is_made.set_value(false);
        self.made_on.set(String::new());
    }

    /// This browser made the room: that is noted with the visit.
    pub(super) fn begin_made(self) {
        self.is_made.set_value(true);
    }

    /// The rooms that this browser keeps and that can be opened by their links, the one of the last visit first.
    pub(crate) async fn kept_rooms(self) -> Vec<KeptRoom> {
        let (stored, visits) = (self.node.kept().await, visits());
        let only_here = self.node.driver().only_here().await.unwrap_or_default();
        let known = stored.into_iter().filter_map(|meshwork::KeptRoom { id, link, app, name }| {
            let link = link?;
            let (code, link) = (link.code()?.to_string(), link.to_string());
            let (app, visit) = (entries::named(&app?)?, visits.of(id));
            Some(KeptRoom { id, link, app, name, code, visit, is_only_here: only_here.contains(&id) })
        });
        let mut rooms: Vec<KeptRoom> = known.collect();
        rooms.sort_by_key(|room| std::cmp::Reverse(room.visit.at_ms));
        rooms
    }

    /// The room that is unused for the longest time of those that nobody else has, but the one that is open: it and when
    /// it was opened last, in words.
    pub(super) async fn longest_unused_here(self) -> Option<String> {
        let open = self.node.room_id();
        let rooms = self.kept_rooms().await;
        let is_other = |room: &&KeptRoom| room.is_only_here && Some(room.id) != open;
        rooms.iter().rfind(is_other).map(KeptRoom::title_and_day)
    }

    /// Whether this profile was in a room before.
    pub(crate) fn was_anywhere(self) -> bool {
        !visits().is_empty()
    }

    /// Those whom one met by name in this room, on all visits.
    pub(crate) fn met_here(self) -> Vec<PeerId> {
        let named = self.node.room_id().map(|id| visits().of(id).named).unwrap_or_default();
        named.into_iter().map(|(peer, _)| peer).collect()
    }

    /// Removes everything that this browser has of a room.
    ///
    /// # Errors
    /// In words, why it cannot.
    pub(crate) async fn forget(self, id: RoomId) -> Result<(), String> {
        // What is done at once comes first: the page may be leaving.
        let mut visits = visits();
        visits.forget(id);
        browser::store(VISITS_KEY, &visits.write());
        thumbnail::forget(id);
        self.node.forget(id).await.map_err(|error| texts::sentence(&error.to_string()))
    }

    /// The room of an app that was not shared yet and that no other tab is in: of several, the one used last.
    pub(super) async fn find_unshared(self, app: &AppWord) -> Option<RoomAddress> {
        // The longest unused come first.
        for room in self.node.kept().await.into_iter().rev() {
            let address = room.link.filter(|address| address.app() == Some(app) && is_unshared(address));
            if address.is_some() && self.node.driver().is_free(room.id).await == Ok(true) {
                return address;
            }
        }
        None
    }

    /// Notes who is in the room with oneself, from time to time and when more are.
    pub(super) fn note(self, views: &[PeerView]) {
        let others: Vec<&PeerView> = views.iter().filter(|view| view.attached && !view.own).collect();
        let now = browser::milliseconds();
        let is_due = self
            .noted
            .with_value(|noted| noted.is_none_or(|(at, count)| now - at >= NOTE_MS || others.len() > count));
        if !is_due {
            return;
        }
        let Some(id) = self.node.room_id() else { return };
        self.noted.set_value(Some((now, others.len())));
        let named: Vec<(PeerId, String)> =
            others.iter().map(|view| (view.endpoint.peer, view.name.trim().to_owned())).collect();
        let (mut visits, now_ms) = (visits(), js_sys::Date::now() as u64);
        if self.is_made.try_update_value(std::mem::take) == Some(true) {
            visits.note_made(id, now_ms);
        }
        visits.note(id, now_ms, others.len(), &named);
        let made_ms = visits.of(id).made_ms;
        if made_ms > 0 {
            let made_on = texts::room::MADE_ON.to_owned() + &browser::day_in_words(made_ms);
            set_if_new(self.made_on, made_on);
        }
        browser::store(VISITS_KEY, &visits.write());
    }
}

/// As other tabs of the profile left them.
fn visits() -> Visits {
    Visits::read(&browser::stored(VISITS_KEY).unwrap_or_default())
}
