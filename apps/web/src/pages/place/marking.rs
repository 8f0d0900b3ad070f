//! A rectangle that is marked on the canvas, for what is decided about a part of it.

use leptos::prelude::*;
use meshwork_place::canvas::CanvasSize;
use meshwork_web::{rules, texts};

use super::super::sheet;
use super::board::Board;

impl Board {
    /// Lets somebody mark a rectangle: presses and keys on the canvas do that until it is marked, and the room's
    /// sheet gives way meanwhile where it lies over the canvas.
    pub(crate) fn begin_marking(self) {
        if !sheet::has_room_beside() {
            self.session.governing.is_sheet_open.set(false);
        }
        self.cancel_question();
        self.marked.set(None);
        self.tools.inner().corner.set(None);
        self.is_marking.set(true);
        self.session.voice.speak(texts::erase::TWO_CORNERS.to_owned());
        if let Some(paper) = self.surface.paper.get_untracked() {
            // It is in the page.
            let _ = paper.focus();
        }
    }

    /// The rectangle begins at a cell, which may lie outside of the canvas.
    pub(super) fn mark_from(self, cell: (i32, i32)) {
        self.tools.inner().corner.set(Some(cell));
        self.mark_to(cell);
    }

    /// The rectangle reaches as far as a cell.
    pub(super) fn mark_to(self, cell: (i32, i32)) {
        let between =
            |size: CanvasSize| Some(rules::region_between(self.tools.inner().corner.get()?, cell, size));
        if let Some(region) = self.surface.size().and_then(between) {
            self.marked.set(Some(region));
        }
    }

    /// A key says that a corner lies at the cell in the frame.
    pub(super) fn mark_corner(self, cell: (i32, i32)) {
        if self.tools.inner().corner.get().is_none() {
            self.mark_from(cell);
            return self.tools.say(texts::erase::OTHER_CORNER.to_owned());
        }
        self.mark_to(cell);
        self.end_marking();
    }

    /// The rectangle is as it is, or there is none: the sheet comes back. Says whether one was being marked.
    pub(super) fn end_marking(self) -> bool {
        let was_marking = self.is_marking.get_untracked();
        if was_marking {
            self.is_marking.set(false);
            self.session.governing.is_sheet_open.set(true);
        }
        was_marking
    }

    /// No rectangle is to be marked. Says whether one was.
    pub(crate) fn cancel_marking(self) -> bool {
        if self.is_marking.get_untracked() {
            self.marked.set(None);
        }
        self.end_marking()
    }
}

/// The rectangle over the canvas, while it is marked and while it is decided about.
#[component]
pub(crate) fn MarkLayer(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let is_shown = move || board.is_marking.get() || board.session.governing.is_sheet_open.get();
    let style = move || {
        let (view, region) = (board.surface.view.get()?, board.marked.get().filter(|_| is_shown())?);
        Some(view.place((region.x.into(), region.y.into()), (region.width, region.height)))
    };
    view! {
        <div class="marked-area" data-testid="mark" hidden=move || style().is_none() style=style aria-hidden="true"></div>
    }
}
