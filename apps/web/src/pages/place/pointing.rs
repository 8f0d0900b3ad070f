//! Where people point on the canvas.

use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::id::Endpoint;
use meshwork_place::canvas::{CanvasSize, Colour};
use meshwork_place::{Cursor, Place as _};
use meshwork_web::people::acquainted::Peers;

use super::super::session::Phase;
use super::super::session::node::PageNode;

/// Called back with a cursor that moved; with `None`, it is not to be shown any more.
type Listener = Rc<dyn Fn(Endpoint, Option<Cursor>)>;

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Cursors {
    node: PageNode,
    phase: RwSignal<Phase>,
    size: RwSignal<Option<CanvasSize>>,
    muted: RwSignal<Peers>,
    listener: StoredValue<Option<Listener>, LocalStorage>,
}

impl Cursors {
    pub(super) fn new(
        node: PageNode,
        phase: RwSignal<Phase>,
        size: RwSignal<Option<CanvasSize>>,
        muted: RwSignal<Peers>,
    ) -> Cursors {
        Cursors { node, phase, size, muted, listener: StoredValue::new_local(None) }
    }

    /// Tells the others where one's cursor is, in cells; `None` when it is not on the canvas.
    pub(crate) fn point(self, at: Option<(f64, f64)>, is_drawing: bool, colour: Colour) {
        let Some(size) = self.size.get_untracked() else { return };
        if self.phase.get_untracked() == Phase::Open {
            let pointer = at.map(|at| Cursor::new(size, at, is_drawing, colour));
            // The room is open, and the cursor on its canvas.
            let _ = self.node.with_room(|node, now, room| node.point(now, room, pointer));
        }
    }

    /// Calls `listener` with cursors that moved, until another one is set.
    pub(crate) fn on_move(self, listener: impl Fn(Endpoint, Option<Cursor>) + 'static) {
        self.listener.set_value(Some(Rc::new(listener)));
    }

    /// A member's cursor moved: one's own other tabs and muted people have none.
    pub(super) fn hear(self, who: Endpoint, pointer: Option<Cursor>) {
        let is_muted = || self.muted.with_untracked(|peers| peers.has(who.peer));
        let is_hidden = who.peer == self.node.peer() || is_muted();
        self.tell(who, pointer.filter(|_| !is_hidden));
    }

    pub(super) fn tell(self, who: Endpoint, pointer: Option<Cursor>) {
        if let Some(listener) = self.listener.get_value() {
            listener(who, pointer);
        }
    }
}
