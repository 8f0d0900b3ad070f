//! Meeting somebody without a server, by texts that are carried from one to the other.

use leptos::prelude::*;
use meshwork_core::node::{CommandError, Node, RoomHandle};
use meshwork_core::time::Time;
use meshwork_web::texts;

use super::node::PageNode;

/// The texts, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Meeting {
    node: PageNode,
    /// Whether the sheet for it is shown.
    pub(crate) is_open: RwSignal<bool>,
    /// An invitation that can be carried to somebody.
    pub(crate) invitation: RwSignal<Option<String>>,
    /// A reply that is to be carried back.
    pub(crate) reply: RwSignal<Option<String>>,
    /// Why it came to nothing.
    pub(crate) failed: RwSignal<Option<String>>,
    /// How often somebody was met: links that came to be.
    pub(crate) met: RwSignal<usize>,
}

impl Meeting {
    pub(super) fn new(node: PageNode) -> Meeting {
        Meeting {
            node,
            is_open: RwSignal::new(false),
            invitation: RwSignal::new(None),
            reply: RwSignal::new(None),
            failed: RwSignal::new(None),
            met: RwSignal::new(0),
        }
    }

    /// Makes an invitation; [`Meeting::invitation`] follows.
    pub(crate) fn invite(self) {
        self.invitation.set(None);
        self.step(|node, now, room| node.room_mut(now, room).invite());
    }

    /// Takes an invitation or a reply; of an invitation [`Meeting::reply`] follows, of a reply the link.
    pub(crate) fn take(self, text: &str) {
        self.step(|node, now, room| node.room_mut(now, room).take_text(text).map(drop));
    }

    fn step(self, step: impl FnOnce(&mut Node, Time, RoomHandle) -> Result<(), CommandError>) {
        let Some(done) = self.node.with_room(step) else { return };
        self.failed.set(done.err().map(|error| texts::sentence(&error.to_string())));
    }

    /// A link came to be.
    pub(super) fn succeed(self) {
        self.end();
        self.met.update(|met| *met += 1);
    }

    /// It came to nothing.
    pub(super) fn fail(self, reason: &str) {
        self.end();
        self.failed.set(Some(texts::sentence(reason)));
    }

    fn end(self) {
        self.invitation.set(None);
        self.reply.set(None);
    }
}
