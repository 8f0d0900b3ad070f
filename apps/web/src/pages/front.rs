//! What an app shows in the page of a room.

use leptos::prelude::*;
use meshwork_web::apps::App as About;
use meshwork_web::texts::notices::Notice;

/// The app in front. A page shows one as long as it lives.
pub type Front = &'static dyn App;

/// What an app shows in the page of a room: all that the page has of its own is the same for each.
pub trait App: Send + Sync {
    /// What the pages know of it.
    fn about(&self) -> &'static About;

    /// What people do in it; it stands between the bar, the people and the sheets. Before the room is open
    /// `before_open` stands there.
    fn view(&self, before_open: AnyView) -> AnyView;

    /// What it offers in the bar: the first [`BAR_ACTIONS`] have a button there where it is wide, and all stand in its menu.
    fn actions(&self) -> Vec<Action> {
        Vec::new()
    }

    /// Its part of a place of the page.
    fn section(&self, _place: Section) -> AnyView {
        ().into_any()
    }

    /// Notices about the person's own actions in it.
    fn notices(&self) -> Vec<Notice> {
        Vec::new()
    }

    /// Whether the room holds nothing of it yet; it is tracked.
    fn is_empty(&self) -> bool;
}

/// How many things of an app have a button in the bar.
pub const BAR_ACTIONS: usize = 2;

/// Something that an app offers in the bar.
#[derive(Clone, Copy)]
pub struct Action {
    /// Its button's name for tests; behind `menu-` that of its line in the menu.
    pub test_id: &'static str,
    /// The words on its button and its line.
    pub label: &'static str,
    /// Its label and its key, or what it is good for.
    pub title: &'static str,
    /// Its icon.
    pub sign: fn() -> AnyView,
    /// Whether it cannot be done now.
    pub is_off: Signal<bool>,
    /// What it does.
    pub act: Callback<()>,
}

/// A place of the page at which an app adds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Facts in the panel, below the people.
    Panel,
    /// A part of the share sheet.
    Share,
    /// Facts on the room sheet.
    Facts,
    /// What moderators do.
    Order,
    /// Sheets of its own.
    Sheets,
}
