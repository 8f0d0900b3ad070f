//! How the room is found: by its code, and by its LINK.

use leptos::prelude::*;
use meshwork_core::id::Code;
use meshwork_core::node::Node;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::admission::{EditKey, EditSeed};

use super::super::browser;
use super::apps::Apps;
use super::node::PageNode;

/// Both, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    node: PageNode,
    apps: Apps,
    /// The code, as soon as one is known.
    pub(crate) code: RwSignal<Option<Code>>,
    /// The LINK, once the meeting point knows it.
    pub(crate) link: RwSignal<Option<RoomAddress>>,
    /// Whether a secret guards the room, once known.
    pub(crate) is_private: RwSignal<Option<bool>>,
    /// Whether the room's secret came in the path of the page's address, which its server was sent, and still opens the room.
    pub(crate) is_spilt: RwSignal<bool>,
}

impl Address {
    pub(super) fn new(node: PageNode, apps: Apps) -> Address {
        Address {
            node,
            apps,
            code: RwSignal::new(None),
            link: RwSignal::new(None),
            is_private: RwSignal::new(None),
            is_spilt: RwSignal::new(false),
        }
    }

    /// Reads the LINK again, once the meeting point knows it. It names the app in front: who came by a code alone named
    /// none, and others perhaps one that is not on.
    pub(super) fn refresh(self) {
        let read = |node: &mut Node, _, room| (node.room(room).address(), node.room(room).app().cloned());
        let Some((Some(address), app)) = self.node.with_room(read) else { return self.note_unshared() };
        let front = self.apps.front.get_untracked().and_then(|front| front.word.parse().ok());
        let address = match front.or(app) {
            Some(app) => address.with_app(app),
            None => address,
        };
        self.node.note_link(&address);
        let address = match self.apps.view.get_untracked() {
            Some(view) => address.with_view(view),
            None => address,
        };
        self.link.set(Some(address));
    }

    /// The LINK as it stands in the address bar, also before the meeting point confirms it; tracked.
    pub(crate) fn link_in_bar(self) -> String {
        match self.link.get() {
            Some(address) => address.to_string(),
            None => browser::href(),
        }
    }

    /// The code as text, empty without one; tracked.
    pub(crate) fn code_text(self) -> String {
        self.code.get().map(|code| code.to_string()).unwrap_or_default()
    }

    /// Another part of the app in front is in view, so that the LINK leads there; nothing for the one that it opens with.
    pub(crate) fn note_view(self, view: Option<&str>) {
        let view = view.and_then(|view| view.parse().ok());
        if self.apps.view.with_untracked(|before| *before != view) {
            self.apps.view.set(view);
            self.refresh();
        }
    }

    /// Registers the room at the meeting point that this page comes from, unless it is at one; [`Address::code`] and
    /// [`Address::link`] follow.
    pub(crate) fn share(self) {
        if self.unshared().is_some() {
            browser::ask_to_keep();
            // A page's own origin is a server's address, and the room is at no other.
            let _ = self
                .node
                .with_room(|node, now, room| node.room_mut(now, room).add_server(&browser::server()));
        }
    }

    /// Notes how a room that is not shared yet is found again in this browser.
    fn note_unshared(self) {
        if let Some(address) = self.unshared() {
            self.node.note_link(&address);
        }
    }

    fn unshared(self) -> Option<RoomAddress> {
        let address = self.node.look(|node, room| node.room(room).address_without_code()).flatten();
        address.filter(is_unshared)
    }

    /// The key of the link to edit, where one has that.
    pub(crate) fn edit_key(self) -> Option<EditKey> {
        self.link.with_untracked(|link| edit_seed(link.as_ref()).map(|seed| seed.key()))
    }

    /// Whether one can pass the link to edit on; tracked.
    pub(super) fn has_edit_seed(self) -> bool {
        self.link.with(|link| edit_seed(link.as_ref()).is_some())
    }
}

fn edit_seed(link: Option<&RoomAddress>) -> Option<EditSeed> {
    link.and_then(RoomAddress::secrets).and_then(|secrets| secrets.edit_seed)
}

/// Whether the room at an address is at no meeting point.
pub(super) fn is_unshared(address: &RoomAddress) -> bool {
    address.servers().next().is_none()
}
