//! The table of apps: one entry says everything that the page of a room asks about an app.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use leptos::prelude::{AnyView, Callback};
use meshwork::Event;
use meshwork_core::id::Endpoint;
use meshwork_core::replica::Replica;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_web::apps::App as About;

use super::front::Front;
use super::parts::Loaded;
use super::session::Session;

/// The apps of these pages, once they have started.
static TABLE: OnceLock<Table> = OnceLock::new();

/// All apps of a program; the first is the one that a room has in front whose app is not known yet.
pub type Table = &'static [&'static dyn Entry];

/// The code of an app on its way.
pub type Loading = Pin<Box<dyn Future<Output = Loaded<()>>>>;

/// An app in the table. It is part of the code that every page loads; its views are loaded before it comes to the front.
pub trait Entry: Send + Sync {
    /// Its word and its texts.
    fn about(&self) -> &'static About;

    /// The outline of its sign, in a square of 36.
    fn sign(&self) -> &'static str;

    /// Loads its views.
    fn load(&self) -> Loading;

    /// Puts it in front of the session's room; `None` until its views are loaded.
    fn open(&self, session: Session) -> Option<Front>;

    /// Whether `/WORD` is a page of its own, whose word is empty, in place of a room that is not shared yet.
    fn has_start_page(&self) -> bool {
        false
    }

    /// Its own page with this word, once its views are loaded; [`About::pages`] lists the words.
    fn page(&self, _session: Session, _word: &str) -> Option<AnyView> {
        None
    }

    /// Whether codes of this app may name something else than a room; [`Entry::page_of`] then shows addresses without keys.
    fn has_codes(&self) -> bool {
        false
    }

    /// The page at the address of a code, once its views are loaded. It calls `join` if the code is a room's.
    fn page_of(
        &self,
        _session: Session,
        _address: RoomAddress,
        _join: Callback<RoomAddress>,
    ) -> Option<AnyView> {
        None
    }

    /// The parameters of a room that is made with it, or to which it is added.
    fn parameters(&self) -> AppParameters {
        AppParameters::default()
    }

    /// Makes the replica of its own that it has in a room with parameters, such as a canvas. Without parameters every app has
    /// documents. Tables and blobs need none.
    fn make(&self, _parameters: &AppParameters) -> Option<Box<dyn Replica>> {
        None
    }

    /// Whether the people beside it show how steady their links are and whether they have the same, in place of bytes.
    fn shows_agreement(&self) -> bool {
        false
    }

    /// Begins with the page. State of the app goes to [`Session::keep`].
    fn begin(&self, _session: Session) {}

    /// Whether a room that opened with it can be shown.
    fn can_open(&self, _session: Session) -> bool {
        true
    }

    /// The room opened, or its rules changed.
    fn enter(&self, _session: Session) {}

    /// The room was left.
    fn leave(&self, _session: Session) {}

    /// Handles an event of the session's [room](Session::room), whether the app is in front or another one, and whether the room
    /// has it or not.
    fn hear(&self, _session: Session, _event: &Event) {}

    /// People, links or rules may have changed.
    fn refresh(&self, _session: Session) {}

    /// A second has passed.
    fn tick(&self, _session: Session) {}

    /// Somebody was muted.
    fn mute(&self, _session: Session, _who: Endpoint) {}
}

/// Hands in the table, before anything is shown.
pub(crate) fn set(table: Table) {
    assert!(!table.is_empty(), "a page has an app");
    // A program starts once.
    let _ = TABLE.set(table);
}

/// All apps.
pub(crate) fn all() -> Table {
    TABLE.get().expect("the table is handed in at the start")
}

/// The first of all apps.
pub(crate) fn first() -> &'static About {
    all()[0].about()
}

/// The app with this word.
pub(crate) fn named(word: &str) -> Option<&'static About> {
    abouts().find(|about| about.word == word)
}

/// The texts of all apps.
pub(crate) fn abouts() -> impl Iterator<Item = &'static About> {
    all().iter().map(|entry| entry.about())
}

/// The app and the word of the page of its own at a path such as `play/new`.
pub(crate) fn page_at(path: &str) -> Option<(&'static About, &'static str)> {
    let (word, page) = path.split_once('/')?;
    let about = named(word)?;
    Some((about, about.pages.iter().copied().find(|known| *known == page)?))
}

/// The entry of an app.
pub(crate) fn of(about: &About) -> &'static dyn Entry {
    entry(about.word).expect("each app that is known has an entry")
}

/// Makes the replica of an app, as the library does: an app without parameters has documents, in the table or not, so that
/// programs never compare different replicas.
pub(crate) fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    match entry(app).filter(|_| !parameters.is_empty()) {
        Some(entry) => entry.make(parameters),
        None => meshwork_sync::make(app, parameters),
    }
}

fn entry(word: &str) -> Option<&'static dyn Entry> {
    all().iter().find(|entry| entry.about().word == word).copied()
}
