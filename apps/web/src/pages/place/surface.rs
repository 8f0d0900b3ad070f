//! What the canvas is drawn on: where it stands, what of it waits to be drawn, and the frames in which that is done.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys::HtmlCanvasElement;
use leptos::{ev, html};
use meshwork_core::id::RoomId;
use meshwork_place::canvas::{CanvasSize, Painted};
use meshwork_web::place::file_name;
use meshwork_web::place::tiles::{CELLS_A_FRAME, DirtyTiles};
use meshwork_web::place::view::View;

use super::super::session::Session;
use super::super::{browser, clipboard, thumbnail};
use super::entry::PlaceSession as _;
use super::painter::{self, Painter};

/// A page that is not seen gets no frames: its work is done after this long.
const FRAME_MAX: Duration = Duration::from_millis(100);
/// Cells of a change that is drawn at once, not at the next frame, when nothing was drawn since the last one: a
/// click, or what a pointer passes over in a frame.
const PROMPT_CELLS: usize = 16;

/// How long a frame draws at most, in milliseconds: a quarter of it at 60 a second, since others need it too.
const DRAWING_MS: f64 = 4.0;
/// After a frame that drew so many cells or more, the next one does not draw: drawn at 30 a second, a canvas that arrives
/// leaves a slow page time to take it in.
const MANY_CELLS: usize = 1024;

/// A cell that is pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    /// Which cell.
    pub(crate) cell: (u16, u16),
    /// Whether keys brought it there.
    pub(crate) is_by_key: bool,
}

/// The surface of a board. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Surface {
    session: Session,
    /// Where the canvas stands, once its size is known.
    pub(crate) view: RwSignal<Option<View>>,
    /// The cell that is pointed at.
    pub(crate) frame: RwSignal<Option<Frame>>,
    /// The canvas.
    pub(crate) paper: NodeRef<html::Canvas>,
    /// The grid lines over it.
    pub(crate) grid: NodeRef<html::Canvas>,
    inner: StoredValue<Rc<Inner>, LocalStorage>,
}

/// What is not for anybody to watch.
#[derive(Default)]
struct Inner {
    dirty: RefCell<DirtyTiles>,
    painter: RefCell<Option<Painter>>,
    is_grid_old: Cell<bool>,
    /// Whether a change was drawn since the last frame.
    is_drawn: Cell<bool>,
    /// Whether the next frame leaves drawing to the one after it.
    rests: Cell<bool>,
    /// The frame that is waited for; it comes by the browser's frame or by a timer, whichever is first.
    awaited: Cell<Option<u32>>,
    frames: Cell<u32>,
    /// What each frame begins with.
    first: RefCell<Option<Box<dyn Fn()>>>,
}

impl Surface {
    /// A surface for the session's canvas; nothing of it is drawn yet.
    pub(crate) fn new(session: Session) -> Surface {
        Surface {
            session,
            view: RwSignal::new(None),
            frame: RwSignal::new(None),
            paper: NodeRef::new(),
            grid: NodeRef::new(),
            inner: StoredValue::new_local(Rc::new(Inner::default())),
        }
    }

    /// Has each frame begin with `first`.
    pub(super) fn begin_frames_with(self, first: impl Fn() + 'static) {
        self.inner().first.replace(Some(Box::new(first)));
    }

    /// Cells look different now; with `None`, all may.
    pub(super) fn show(self, cells: Option<&[Painted]>) {
        let Some(cells) = cells else { return self.redraw_all() };
        let inner = self.inner();
        inner.dirty.borrow_mut().mark(cells.iter().map(|cell| (cell.x, cell.y)));
        // A click is shown by the very next frame. What follows before that frame waits for it.
        if cells.len() <= PROMPT_CELLS && !inner.is_drawn.replace(true) {
            self.draw(1, f64::INFINITY);
        }
        self.await_frame();
    }

    fn inner(self) -> Rc<Inner> {
        self.inner.get_value()
    }

    /// The canvas's size, once it is known.
    pub(crate) fn size(self) -> Option<CanvasSize> {
        self.session.canvas().size.get_untracked()
    }

    /// Changes the view.
    pub(crate) fn look(self, change: impl FnOnce(&mut View)) {
        if let Some(mut view) = self.view.get_untracked() {
            let before = view;
            change(&mut view);
            if view != before {
                self.view.set(Some(view));
                self.redraw_grid();
            }
        }
    }

    /// The grid lines no longer stand where they should.
    pub(crate) fn redraw_grid(self) {
        self.inner().is_grid_old.set(true);
        self.await_frame();
    }

    /// Everything of the canvas is to be drawn.
    pub(crate) fn redraw_all(self) {
        if let Some(size) = self.size() {
            self.inner().dirty.borrow_mut().mark_all(size);
            self.await_frame();
        }
    }

    /// The canvas shows nothing yet: all that is painted is to be drawn.
    pub(crate) fn redraw_painted(self) {
        let Some(size) = self.size() else { return };
        self.session.canvas().with(|canvas| {
            let inner = self.inner();
            let mut dirty = inner.dirty.borrow_mut();
            let painted = |tile: &u32| canvas.batches_of_tile(*tile).next().is_some();
            (0..canvas.tile_count()).filter(painted).for_each(|tile| dirty.mark_tile(tile, size));
        });
        self.await_frame();
    }

    /// The canvas with all that is painted, one pixel a cell.
    fn drawn(self) -> Option<HtmlCanvasElement> {
        self.draw(usize::MAX, f64::INFINITY);
        self.paper.get_untracked()
    }

    /// Keeps a small picture of the canvas whenever nobody looks at the page any more, once anything was drawn.
    pub(super) fn keep_thumbnail(self) {
        let session = self.session;
        // A page that goes has left its room by then.
        let id = StoredValue::new(None::<RoomId>);
        Effect::new(move || {
            session.phase.track();
            if let Some(room) = session.node.room_id() {
                id.set_value(Some(room));
            }
        });
        let seen = window_event_listener(ev::visibilitychange, move |_| {
            let is_drawn = self.inner().painter.borrow().is_some();
            if browser::is_hidden()
                && is_drawn
                && let Some(room) = id.get_value()
                && let Some(paper) = self.drawn()
            {
                thumbnail::keep(room, &paper);
            }
        });
        on_cleanup(move || seen.remove());
    }

    /// Saves the canvas as a picture, one pixel a cell.
    pub(crate) fn save_picture(self) {
        if let Some(paper) = self.drawn() {
            painter::save(&paper, file_name::picture(&browser::iso_time()));
        }
    }

    /// Puts the canvas on the clipboard as a picture, one pixel a cell. Returns whether the browser let us.
    pub(crate) async fn copy_picture(self) -> bool {
        match self.drawn() {
            Some(paper) => clipboard::copy_picture(&paper).await.is_some(),
            None => false,
        }
    }

    /// Does what waits at the next frame, or soon where there are none. Nothing waits, nothing is done.
    pub(super) fn await_frame(self) {
        let inner = self.inner();
        if inner.awaited.get().is_some() {
            return;
        }
        let number = inner.frames.get().wrapping_add(1);
        inner.frames.set(number);
        inner.awaited.set(Some(number));
        request_animation_frame(move || self.handle_frame(number));
        set_timeout(move || self.handle_frame(number), FRAME_MAX);
    }

    fn handle_frame(self, number: u32) {
        // The page may have gone with everything on it.
        let Some(inner) = self.inner.try_get_value() else { return };
        if inner.awaited.get() != Some(number) {
            return;
        }
        inner.awaited.set(None);
        inner.is_drawn.set(false);
        if let Some(first) = &*inner.first.borrow() {
            first();
        }
        if !inner.rests.take() {
            let drawn = self.draw(CELLS_A_FRAME, DRAWING_MS);
            inner.rests.set(drawn >= MANY_CELLS);
        }
        if inner.is_grid_old.take()
            && let (Some(grid), Some(view)) = (self.grid.get_untracked(), self.view.get_untracked())
        {
            painter::draw_grid(&grid, &view);
        }
        if inner.rests.get() || !inner.dirty.borrow().is_empty() {
            self.await_frame();
        }
    }

    /// Draws what changed: at most so many cells, and no more once so many milliseconds have passed. Returns how many it
    /// drew.
    fn draw(self, cells: usize, within_ms: f64) -> usize {
        let inner = self.inner();
        if inner.dirty.borrow().is_empty() {
            return 0;
        }
        let mut painter = inner.painter.borrow_mut();
        if painter.is_none() {
            *painter = self.paper.get_untracked().and_then(|paper| Painter::new(&paper));
        }
        let (Some(painter), Some(size)) = (painter.as_ref(), self.size()) else { return 0 };
        let until = browser::milliseconds() + within_ms;
        let mut parts = inner.dirty.borrow_mut().take(cells, size).into_iter();
        let mut drawn = 0;
        self.session.canvas().with(|canvas| {
            for part in parts.by_ref() {
                painter.draw(canvas, part);
                drawn += usize::from(part.width) * usize::from(part.height);
                if browser::milliseconds() >= until {
                    break;
                }
            }
        });
        parts.for_each(|part| inner.dirty.borrow_mut().put_back(part));
        drawn
    }
}
