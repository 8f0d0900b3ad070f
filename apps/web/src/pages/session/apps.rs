//! The apps of the room: which are on, and which is in front.

use leptos::prelude::*;
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::AppWord;
use meshwork_web::apps::App;

use super::super::entries;
use super::node::PageNode;
use super::{Session, set_if_new};

/// The apps of the room, as signals.
#[derive(Clone, Copy)]
pub(crate) struct Apps {
    node: PageNode,
    /// Those that are on, once known: first the one that the room opened with.
    pub(crate) on: RwSignal<Vec<&'static App>>,
    /// Which of them is in front.
    pub(crate) front: RwSignal<Option<&'static App>>,
    /// Which part of that is in view, as addresses name it; nothing for the one that it opens with.
    pub(crate) view: RwSignal<Option<AppWord>>,
    /// Whether the one in front has something stand where people do on a wide page, so that they are laid flat.
    pub(crate) is_panel_taken: RwSignal<bool>,
    /// Which one is to come to the front once it is on.
    wanted: StoredValue<Option<AppWord>>,
}

impl Apps {
    pub(super) fn new(node: PageNode) -> Apps {
        Apps {
            node,
            on: RwSignal::new(Vec::new()),
            front: RwSignal::new(None),
            view: RwSignal::new(None),
            is_panel_taken: RwSignal::new(false),
            wanted: StoredValue::new(None),
        }
    }

    pub(super) fn leave(self) {
        self.on.set(Vec::new());
        self.front.set(None);
        self.view.set(None);
        self.wanted.set_value(None);
    }

    /// The address asks for this app in front, and for this part of it in view.
    pub(super) fn want(self, address: &RoomAddress) {
        self.wanted.set_value(address.app().cloned());
        self.view.set(address.view().cloned());
    }

    fn show(self, on: Vec<&'static App>) {
        let wanted = self.wanted.with_value(|wanted| wanted.as_ref().and_then(|word| entries::named(word)));
        let front = self.front.get_untracked();
        let is_first = front.is_none_or(|front| front == on[0]);
        let front = match wanted.filter(|wanted| is_first && on.contains(wanted)) {
            Some(wanted) => {
                self.wanted.set_value(None);
                wanted
            }
            None => front.filter(|front| on.contains(front)).unwrap_or(on[0]),
        };
        set_if_new(self.on, on);
        set_if_new(self.front, Some(front));
    }

    /// What the pages know of the app in front; of the first of all while that is not known. Tracked.
    pub(crate) fn in_front(self) -> &'static App {
        self.front.get().unwrap_or_else(entries::first)
    }

    /// What the pages know of the app that the room opened with, whose rules hold for all. Tracked.
    pub(crate) fn first(self) -> &'static App {
        self.on.with(|apps| apps.first().copied()).unwrap_or_else(entries::first)
    }

    /// The slot of an app; that of the first where it is not on.
    pub(crate) fn slot_of(self, app: &App) -> Slot {
        let word = word(app);
        let slot = self.node.look(|node, room| node.room(room).slot_of(&word)).flatten();
        slot.and_then(Slot::new).unwrap_or(Slot::GENESIS)
    }
}

impl Session {
    /// The slot of an app in the room; the first one while it has none.
    pub fn slot_of(self, app: &App) -> Slot {
        self.apps.slot_of(app)
    }

    /// Brings an app that is on to the front.
    pub(crate) fn bring_to_front(self, app: &'static App) {
        self.apps.front.set(Some(app));
        self.apps.view.set(None);
        self.governing.refresh_standing();
        self.address.refresh();
    }

    /// Reads again which apps are on, in a room that opened with this one.
    pub(super) fn read_apps(self, first: &'static App) {
        let further = self.node.with_room(|node, _, room| {
            let is_on =
                |app: &&'static App| app.word != first.word && node.room(room).slot_of(&word(app)).is_some();
            entries::abouts().filter(is_on).collect::<Vec<_>>()
        });
        entries::all().iter().for_each(|entry| entry.enter(self));
        self.apps.show([vec![first], further.unwrap_or_default()].concat());
    }
}

/// The word of an app, as rooms name it.
pub(crate) fn word(app: &App) -> AppWord {
    app.word.parse().expect("the table holds words of apps")
}
