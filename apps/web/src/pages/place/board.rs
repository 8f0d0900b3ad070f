//! The board: the tool in hand over the canvas, and the stroke that it draws.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::node::{CommandError, WriteError};
use meshwork_place::canvas::Region;
use meshwork_place::canvas::{Colour, Painted};
use meshwork_place::words::refusal;
use meshwork_web::gestures::{Action, Gestures, Press, Tool};
use meshwork_web::place::palette::{self, PALETTE};
use meshwork_web::place::stroke::{self, FLUSH_AT, Stroke};
use meshwork_web::rules::Standing;
use meshwork_web::texts;

use super::super::browser;
use super::super::session::{Phase, Session};
use super::card::Asked;
use super::entry::PlaceSession as _;
use super::picture::Laid;
use super::surface::Surface;
use super::tools::Tools;

/// When painting is tried again that neighbours could not take.
const RETRY: Duration = Duration::from_millis(50);

/// What the thirteenth colour is before one is chosen.
pub(crate) const OWN_COLOUR: Colour = Colour::rgb(255, 255, 255);

/// The board of a room. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) session: Session,
    /// What the canvas is drawn on.
    pub(crate) surface: Surface,
    /// The tool in hand.
    pub(crate) tool: RwSignal<Tool>,
    /// The colour in hand.
    pub(crate) colour: RwSignal<Colour>,
    /// The colour that was in hand before.
    pub(crate) last_colour: RwSignal<Colour>,
    /// The thirteenth colour, once one is chosen.
    pub(crate) own_colour: RwSignal<Option<Colour>>,
    /// The cell of which it is asked who painted it.
    pub(crate) asked: RwSignal<Option<Asked>>,
    /// Whether the canvas is being moved.
    pub(crate) is_panning: RwSignal<bool>,
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
    work: StoredValue<Rc<Work>, LocalStorage>,
}

/// What is not for anybody to watch.
#[derive(Default)]
pub(super) struct Work {
    gestures: RefCell<Gestures>,
    pub(super) stroke: RefCell<Stroke>,
    /// Whether the person has taken a tool or a colour, or touched the canvas.
    pub(super) has_begun: Cell<bool>,
}

impl Board {
    /// A board for the session's room.
    pub(crate) fn new(session: Session) -> Board {
        let (surface, tools) = (Surface::new(session), Tools::new(session));
        let board = Board {
            session,
            surface,
            tool: RwSignal::new(Tool::Pencil),
            colour: RwSignal::new(PALETTE[0].colour),
            last_colour: RwSignal::new(PALETTE[3].colour),
            own_colour: RwSignal::new(None),
            asked: RwSignal::new(None),
            is_panning: RwSignal::new(false),
            colour_field: NodeRef::new(),
            laid: Laid::new(session, surface, tools),
            tools,
            is_marking: RwSignal::new(false),
            marked: RwSignal::new(None),
            work: StoredValue::new_local(Rc::new(Work::default())),
        };
        session.canvas().on_change(move |cells| {
            // Another app may have come to the front meanwhile.
            if !board.surface.view.is_disposed() {
                board.handle_change(cells);
            }
        });
        surface.begin_frames_with(move || {
            board.flush();
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
        let is_painted =
            Memo::new(move |_| session.phase.get() == Phase::Open && session.canvas().painted.get() > 0);
        Effect::new(move || {
            if is_painted.get() && !browser::has_mouse() && !self.work().has_begun.replace(true) {
                self.tool.set(Tool::Hand);
            }
        });
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
        let Some(size) = self.surface.size() else { return };
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
        self.surface.await_frame();
    }

    /// Ends what [`Board::paint_cell`] began.
    pub(crate) fn end_line(self) {
        self.work().stroke.borrow_mut().end();
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
        let Some(view) = self.surface.view.get_untracked() else { return };
        let work = self.work();
        match action {
            Action::Begin(at) => self.begin_doing(view.cell_under(at)),
            Action::Extend(to) => self.go_on(view.cell_under(to)),
            Action::End => self.end_doing(),
            Action::Cancel => self.cancel_doing(),
            Action::Pan(by) => return self.surface.look(|view| view.pan(by)),
            Action::Zoom(at, factor) => return self.surface.look(|view| view.zoom_at(at, factor)),
        }
        if work.stroke.borrow().waiting() >= FLUSH_AT {
            self.flush();
        }
        self.surface.await_frame();
    }

    /// Paints what waits of the stroke; one that has ended becomes a step that can be taken back. Says whether
    /// something was painted.
    pub(super) fn flush(self) -> bool {
        let work = self.work();
        let cells = work.stroke.borrow_mut().take();
        let is_painted = !cells.is_empty() && self.paint_stroke(cells);
        let stroke = work.stroke.borrow();
        if !stroke.is_drawing() && stroke.waiting() == 0 {
            self.tools.close_step();
        }
        is_painted
    }

    fn paint_stroke(self, cells: Vec<stroke::Cell>) -> bool {
        let work = self.work();
        let inner = self.tools.inner();
        let cells = self.laid.through(cells);
        if cells.is_empty() {
            return false;
        }
        let painted = self.tools.paint_noting(&cells, &mut inner.recorder.borrow_mut());
        self.session
            .canvas()
            .is_slowed
            .set(matches!(painted, Err(CommandError::Write(WriteError::Backpressure(_)))));
        match painted {
            Ok(()) => {
                self.session.canvas().refused.set(None);
                return true;
            }
            Err(CommandError::Write(WriteError::Backpressure(_))) => {
                work.stroke.borrow_mut().put_back(cells);
                let lost = work.stroke.borrow_mut().take_lost();
                if lost > 0 {
                    let reason = texts::canvas::too_fast(&texts::count(lost, texts::CELL));
                    self.session.canvas().refused.set(Some(reason));
                }
                set_timeout(move || self.surface.await_frame(), RETRY);
            }
            Err(error) => {
                // What the rules leave is painted, as far as it goes.
                if let CommandError::Write(WriteError::TooFast { left, .. }) = error
                    && let Some(some) = cells.get(..left as usize).filter(|some| !some.is_empty())
                {
                    let _ = self.tools.paint_noting(some, &mut inner.recorder.borrow_mut());
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
            self.session.governing.refresh_standing();
            return self.session.voice.speak(refusal(error));
        }
        self.session.canvas().refused.set(Some(refusal(error)));
    }

    fn handle_change(self, cells: Option<&[Painted]>) {
        self.laid.changed.notify();
        self.tools.inner().preview.take();
        self.surface.show(cells);
    }
}
