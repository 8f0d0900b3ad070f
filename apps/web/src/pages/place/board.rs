//! The board: the canvas on its stage, the tool in hand, and the work that waits for the next frame.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use leptos::web_sys::HtmlCanvasElement;
use leptos::{ev, html};
use meshwork_core::id::RoomId;
use meshwork_core::node::{CommandError, WriteError};
use meshwork_place::canvas::Region;
use meshwork_place::canvas::{CanvasSize, Colour, Painted};
use meshwork_place::words::refusal;
use meshwork_web::gestures::{Action, Gestures, Press, Tool};
use meshwork_web::palette::{self, PALETTE};
use meshwork_web::rules::Standing;
use meshwork_web::stroke::{self, FLUSH_AT, Stroke};
use meshwork_web::tiles::{CELLS_A_FRAME, DirtyTiles};
use meshwork_web::view::View;
use meshwork_web::{file_name, texts, words};

use super::super::parts::Part;
use super::super::session::{Phase, Session};
use super::super::{browser, clipboard, thumbnail};
use super::card::Asked;
use super::painter::{self, Painter};
use super::picture::Laid;
use super::tools::Tools;

/// A page that is not seen gets no frames: its work is done after this long.
const FRAME_MAX: Duration = Duration::from_millis(100);
/// When painting is tried again that neighbours could not take.
const RETRY: Duration = Duration::from_millis(50);
/// Cells of a change that is drawn at once, not at the next frame, when nothing was drawn since the last one: a
/// click, or what a pointer passes over in a frame.
const PROMPT_CELLS: usize = 16;

/// How long a frame draws at most, in milliseconds: a quarter of it at 60 a second, since others need it too.
const DRAWING_MS: f64 = 4.0;
/// After a frame that drew so many cells or more, the next one does not draw: drawn at 30 a second, a canvas that arrives
/// leaves a slow page time to take it in.
const MANY_CELLS: usize = 1024;

/// What the thirteenth colour is before one is chosen.
pub(crate) const OWN_COLOUR: Colour = Colour::rgb(255, 255, 255);

/// A cell that is pointed at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Frame {
    /// Which cell.
    pub(crate) cell: (u16, u16),
    /// Whether keys brought it there.
    pub(crate) is_by_key: bool,
}

/// The board of a room. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) session: Session,
    /// Where the canvas stands, once its size is known.
    pub(crate) view: RwSignal<Option<View>>,
    /// The tool in hand.
    pub(crate) tool: RwSignal<Tool>,
    /// The colour in hand.
    pub(crate) colour: RwSignal<Colour>,
    /// The colour that was in hand before.
    pub(crate) last_colour: RwSignal<Colour>,
    /// The thirteenth colour, once one is chosen.
    pub(crate) own_colour: RwSignal<Option<Colour>>,
    /// The cell that is pointed at.
    pub(crate) frame: RwSignal<Option<Frame>>,
    /// The cell of which it is asked who painted it.
    pub(crate) asked: RwSignal<Option<Asked>>,
    /// Whether the canvas is being moved.
    pub(crate) is_panning: RwSignal<bool>,
    /// The canvas.
    pub(crate) paper: NodeRef<html::Canvas>,
    /// The grid lines over it.
    pub(crate) grid: NodeRef<html::Canvas>,
    /// The field in which any colour is chosen.
    pub(crate) colour_field: NodeRef<html::Input>,
    /// The picture that lies over the canvas.
    pub(crate) laid: Laid,
    /// What the tools remember and show.
    pub(crate) tools: Tools,
    /// Whether presses on the canvas mark a rectangle.
    pub(crate) is_marking: RwSignal<bool>,
    /// The rectangle that was marked last.
    pub(crate) marked: RwSignal<Option<Region>>,
    /// What of Place comes after the canvas.
    pub(super) later: Part,
    work: StoredValue<Rc<Work>, LocalStorage>,
}

/// What is not for anybody to watch.
#[derive(Default)]
pub(super) struct Work {
    gestures: RefCell<Gestures>,
    pub(super) stroke: RefCell<Stroke>,
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
    /// Whether the person has taken a tool or a colour, or touched the canvas.
    pub(super) has_begun: Cell<bool>,
}

impl Board {
    /// A board for the session's room.
    pub(crate) fn new(session: Session) -> Board {
        let board = Board {
            session,
            view: RwSignal::new(None),
            tool: RwSignal::new(Tool::Pencil),
            colour: RwSignal::new(PALETTE[0].colour),
            last_colour: RwSignal::new(PALETTE[3].colour),
            own_colour: RwSignal::new(None),
            frame: RwSignal::new(None),
            asked: RwSignal::new(None),
            is_panning: RwSignal::new(false),
            paper: NodeRef::new(),
            grid: NodeRef::new(),
            colour_field: NodeRef::new(),
            laid: Laid::new(),
            tools: Tools::new(),
            is_marking: RwSignal::new(false),
            marked: RwSignal::new(None),
            later: Part::new(),
            work: StoredValue::new_local(Rc::new(Work::default())),
        };
        session.on_canvas_change(move |cells| {
            // Another app may have come to the front meanwhile.
            if !board.view.is_disposed() {
                board.handle_change(cells);
            }
        });
        board.offer_tool();
        board
    }

    /// Offers the hand where one looks before one paints: on a canvas of others that a phone opens, and wherever one may not
    /// paint. Who may again has the pencil.
    fn offer_tool(self) {
        let session = self.session;
        let is_reader = Memo::new(move |_| session.governing.standing.with(Standing::is_reader));
        Effect::new(move |was_reader: Option<bool>| {
            let is_reader = is_reader.get();
            match (was_reader, is_reader) {
                (_, true) => self.tool.set(Tool::Hand),
                (Some(true), false) => self.tool.set(Tool::Pencil),
                _ => {}
            }
            is_reader
        });
        let is_painted = Memo::new(move |_| session.phase.get() == Phase::Open && session.painted.get() > 0);
        Effect::new(move || {
            if is_painted.get() && !browser::has_mouse() && !self.work().has_begun.replace(true) {
                self.tool.set(Tool::Hand);
            }
        });
    }

    /// The canvas's size, once it is known.
    pub(crate) fn size(self) -> Option<CanvasSize> {
        self.session.size.get_untracked()
    }

    /// Takes a colour in hand, and the pencil with it unless the tool paints already.
    pub(crate) fn choose_colour(self, colour: Colour) {
        self.work().has_begun.set(true);
        self.take_colour(colour);
        self.cancel_question();
        if self.tool.get_untracked() != Tool::Fill {
            self.tool.set(Tool::Pencil);
        }
    }

    /// Takes a colour in hand that is none of the twelve.
    pub(crate) fn choose_own_colour(self, hex: &str) {
        if let Some(colour) = palette::from_hex(hex) {
            self.own_colour.set(Some(colour));
            self.choose_colour(colour);
        }
    }

    /// Takes what stands in the colour field in hand, where something filled it in without an event: scripts
    /// and browsers' helpers do.
    fn read_colour_field(self) {
        let shown = self.colour_field.get_untracked().map(|field| field.value());
        let known = palette::to_hex(self.colour.get_untracked());
        if let Some(shown) = shown.filter(|shown| *shown != known) {
            self.choose_own_colour(&shown);
        }
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
        self.work().is_grid_old.set(true);
        self.await_frame();
    }

    /// A pointer went down.
    pub(crate) fn press(self, press: Press) {
        self.work().has_begun.set(true);
        self.read_colour_field();
        // One who marks does not move the canvas with the hand that they had.
        let tool = if self.is_marking.get_untracked() { Tool::Pencil } else { self.tool.get_untracked() };
        self.gesture(|gestures| gestures.press(press, tool));
        // What a press begins cannot turn out to be something else; a finger's may, and begins later.
        self.flush();
    }

    /// A pointer moved.
    pub(crate) fn shift(self, pointer: i32, to: (f64, f64)) {
        self.gesture(|gestures| gestures.shift(pointer, to));
    }

    /// A pointer went up.
    pub(crate) fn lift(self, pointer: i32) {
        self.gesture(|gestures| gestures.lift(pointer));
        self.flush();
    }

    /// The browser took a pointer away.
    pub(crate) fn cancel(self, pointer: i32) {
        self.gesture(|gestures| gestures.cancel(pointer));
    }

    /// Stops the stroke that is being drawn.
    pub(crate) fn stop_stroke(self) {
        self.gesture(Gestures::stop_stroke);
    }

    /// Paints one cell; with `on`, a line from the last one.
    pub(crate) fn paint_cell(self, (x, y): (u16, u16), on: bool) {
        let Some(size) = self.size() else { return };
        let cell = (i32::from(x), i32::from(y));
        if !on {
            self.finish_stroke();
        }
        self.tools.use_colour(self.colour.get_untracked());
        self.tools.inner().last.set(Some(cell));
        {
            let work = self.work();
            let mut stroke = work.stroke.borrow_mut();
            if on && stroke.is_drawing() {
                stroke.extend(cell, size);
            } else {
                stroke.begin(cell, self.colour.get_untracked(), size);
            }
        }
        if self.flush() {
            self.session.voice.speak(texts::canvas::SPOKEN_PAINTED.to_owned());
        }
        self.await_frame();
    }

    /// Ends what [`Board::paint_cell`] began.
    pub(crate) fn end_line(self) {
        self.work().stroke.borrow_mut().end();
    }

    /// Everything of the canvas is to be drawn.
    pub(crate) fn redraw_all(self) {
        if let Some(size) = self.size() {
            self.work().dirty.borrow_mut().mark_all(size);
            self.await_frame();
        }
    }

    /// The canvas shows nothing yet: all that is painted is to be drawn.
    pub(crate) fn redraw_painted(self) {
        let Some(size) = self.size() else { return };
        self.session.with_canvas(|canvas| {
            let work = self.work();
            let mut dirty = work.dirty.borrow_mut();
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
            if let Some(room) = session.with_room(|node, _, room| node.room(room).id()).flatten() {
                id.set_value(Some(room));
            }
        });
        let seen = window_event_listener(ev::visibilitychange, move |_| {
            let is_drawn = self.work().painter.borrow().is_some();
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

    pub(super) fn work(self) -> Rc<Work> {
        self.work.get_value()
    }

    fn gesture(self, step: impl FnOnce(&mut Gestures) -> Vec<Action>) {
        let work = self.work();
        let actions = step(&mut work.gestures.borrow_mut());
        for action in actions {
            self.act(action);
        }
        let is_panning = work.gestures.borrow().is_panning();
        if self.is_panning.get_untracked() != is_panning {
            self.is_panning.set(is_panning);
        }
    }

    fn act(self, action: Action) {
        let Some(view) = self.view.get_untracked() else { return };
        let work = self.work();
        match action {
            Action::Begin(at) => self.begin_doing(view.cell_under(at)),
            Action::Extend(to) => self.go_on(view.cell_under(to)),
            Action::End => self.end_doing(),
            Action::Cancel => self.cancel_doing(),
            Action::Pan(by) => return self.look(|view| view.pan(by)),
            Action::Zoom(at, factor) => return self.look(|view| view.zoom_at(at, factor)),
        }
        if work.stroke.borrow().waiting() >= FLUSH_AT {
            self.flush();
        }
        self.await_frame();
    }

    /// Paints what waits of the stroke; one that has ended becomes a step that can be taken back. Says whether
    /// something was painted.
    pub(super) fn flush(self) -> bool {
        let work = self.work();
        let cells = work.stroke.borrow_mut().take();
        let is_painted = !cells.is_empty() && self.paint_stroke(cells);
        let stroke = work.stroke.borrow();
        if !stroke.is_drawing() && stroke.waiting() == 0 {
            self.close_step();
        }
        is_painted
    }

    fn paint_stroke(self, cells: Vec<stroke::Cell>) -> bool {
        let work = self.work();
        let inner = self.tools.inner();
        let cells = self.through_picture(cells);
        if cells.is_empty() {
            return false;
        }
        let painted = self.paint_noting(&cells, &mut inner.recorder.borrow_mut());
        self.session
            .stroke_slowed
            .set(matches!(painted, Err(CommandError::Write(WriteError::Backpressure(_)))));
        match painted {
            Ok(()) => {
                self.session.stroke_refused.set(None);
                return true;
            }
            Err(CommandError::Write(WriteError::Backpressure(_))) => {
                work.stroke.borrow_mut().put_back(cells);
                let lost = work.stroke.borrow_mut().take_lost();
                if lost > 0 {
                    let reason = texts::canvas::too_fast(&words::count(lost, texts::CELL));
                    self.session.stroke_refused.set(Some(reason));
                }
                set_timeout(move || self.await_frame(), RETRY);
            }
            Err(error) => {
                // What the rules leave is painted, as far as it goes.
                if let CommandError::Write(WriteError::TooFast { left, .. }) = error
                    && let Some(some) = cells.get(..left as usize).filter(|some| !some.is_empty())
                {
                    let _ = self.paint_noting(some, &mut inner.recorder.borrow_mut());
                }
                self.tell_refused(&error);
            }
        }
        false
    }

    /// Tells why a stroke was not taken. What the rules of the room say stands beside the dock already, and is spoken
    /// to those who do not see it.
    fn tell_refused(self, error: &CommandError) {
        let is_by_rules = matches!(
            error,
            CommandError::Write(WriteError::TooFast { .. } | WriteError::NotWriter | WriteError::Banned)
        );
        if is_by_rules {
            self.session.refresh_standing();
            return self.session.voice.speak(refusal(error));
        }
        self.session.stroke_refused.set(Some(refusal(error)));
    }

    fn handle_change(self, cells: Option<&[Painted]>) {
        self.look_at_picture();
        self.tools.inner().preview.take();
        let Some(cells) = cells else { return self.redraw_all() };
        let work = self.work();
        work.dirty.borrow_mut().mark(cells.iter().map(|cell| (cell.x, cell.y)));
        // A click is shown by the very next frame. What follows before that frame waits for it.
        if cells.len() <= PROMPT_CELLS && !work.is_drawn.replace(true) {
            self.draw(1, f64::INFINITY);
        }
        self.await_frame();
    }

    /// Does what waits at the next frame, or soon where there are none. Nothing waits, nothing is done.
    fn await_frame(self) {
        let work = self.work();
        if work.awaited.get().is_some() {
            return;
        }
        let number = work.frames.get().wrapping_add(1);
        work.frames.set(number);
        work.awaited.set(Some(number));
        request_animation_frame(move || self.handle_frame(number));
        set_timeout(move || self.handle_frame(number), FRAME_MAX);
    }

    fn handle_frame(self, number: u32) {
        // The page may have gone with everything on it.
        let Some(work) = self.work.try_get_value() else { return };
        if work.awaited.get() != Some(number) {
            return;
        }
        work.awaited.set(None);
        work.is_drawn.set(false);
        self.flush();
        if !work.rests.take() {
            let drawn = self.draw(CELLS_A_FRAME, DRAWING_MS);
            work.rests.set(drawn >= MANY_CELLS);
        }
        if work.is_grid_old.take()
            && let (Some(grid), Some(view)) = (self.grid.get_untracked(), self.view.get_untracked())
        {
            painter::draw_grid(&grid, &view);
        }
        if work.rests.get() || !work.dirty.borrow().is_empty() {
            self.await_frame();
        }
    }

    /// Draws what changed: at most so many cells, and no more once so many milliseconds have passed. Returns how many it
    /// drew.
    fn draw(self, cells: usize, within_ms: f64) -> usize {
        let work = self.work();
        if work.dirty.borrow().is_empty() {
            return 0;
        }
        let mut painter = work.painter.borrow_mut();
        if painter.is_none() {
            *painter = self.paper.get_untracked().and_then(|paper| Painter::new(&paper));
        }
        let (Some(painter), Some(size)) = (painter.as_ref(), self.size()) else { return 0 };
        let until = browser::milliseconds() + within_ms;
        let mut parts = work.dirty.borrow_mut().take(cells, size).into_iter();
        let mut drawn = 0;
        self.session.with_canvas(|canvas| {
            for part in parts.by_ref() {
                painter.draw(canvas, part);
                drawn += usize::from(part.width) * usize::from(part.height);
                if browser::milliseconds() >= until {
                    break;
                }
            }
        });
        parts.for_each(|part| work.dirty.borrow_mut().put_back(part));
        drawn
    }
}
