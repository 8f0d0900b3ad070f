//! What the tools do: straight lines, taking colours, filling, and taking back.

use leptos::prelude::*;
use meshwork_core::node::{CommandError, WriteError};
use meshwork_place::canvas::{Canvas, Colour};
use meshwork_place::steps::{Back, Step, Way};
use meshwork_web::gestures::Tool;
use meshwork_web::place::fill::{self, FillError};
use meshwork_web::place::palette::{self, PALETTE};
use meshwork_web::place::portions;
use meshwork_web::place::stroke::{Cell, cells_between};
use meshwork_web::texts;

use super::board::Board;
use super::entry::PlaceSession as _;
use super::tools::{Doing, Ghost, JobKind};

impl Board {
    /// A press began over a cell, which may lie outside the canvas.
    pub(super) fn begin_doing(self, cell: (i32, i32)) {
        let inner = self.tools.inner();
        let doing = match self.tool.get_untracked() {
            _ if self.is_marking.get_untracked() => Doing::Mark,
            _ if self.laid.covers(cell) => Doing::Carry,
            _ if inner.is_alt_held.get() => Doing::Pick,
            Tool::Pencil => Doing::Paint,
            Tool::Eyedropper => Doing::Pick,
            Tool::Fill => Doing::Fill,
            Tool::Hand => Doing::Nothing,
        };
        inner.doing.set(doing);
        inner.from.set(cell);
        inner.at.set(cell);
        match doing {
            Doing::Paint => self.begin_stroke(cell),
            Doing::Pick => self.pick(cell),
            Doing::Mark => self.mark_from(cell),
            _ => {}
        }
    }

    /// The press goes on to a cell.
    pub(super) fn go_on(self, cell: (i32, i32)) {
        let inner = self.tools.inner();
        let before = inner.at.replace(cell);
        match inner.doing.get() {
            Doing::Paint => self.extend_stroke(cell),
            Doing::Pick if cell != before => self.pick(cell),
            Doing::Carry => {
                self.laid.carry((cell.0 - before.0, cell.1 - before.1));
            }
            Doing::Mark => self.mark_to(cell),
            _ => {}
        }
    }

    /// The press ends where it is.
    pub(super) fn end_doing(self) {
        let inner = self.tools.inner();
        match inner.doing.replace(Doing::Nothing) {
            Doing::Paint => self.end_stroke(inner.at.get()),
            Doing::Pick => self.put_eyedropper_away(),
            Doing::Mark => {
                self.end_marking();
            }
            Doing::Fill if inner.at.get() == inner.from.get() => {
                self.fill(inner.from.get());
            }
            _ => {}
        }
    }

    /// The press was none: what it has painted is painted back.
    pub(super) fn cancel_doing(self) {
        let inner = self.tools.inner();
        if inner.doing.replace(Doing::Nothing) == Doing::Mark {
            inner.corner.set(None);
            return self.marked.set(None);
        }
        inner.is_line.set(false);
        self.tools.ghost.set(None);
        self.work().stroke.borrow_mut().cancel();
        let step = inner.recorder.take().finish();
        let Back { cells, .. } = self.tools.back(&step);
        if !cells.is_empty() && self.session.paint(&cells).is_err() {
            inner.steps.borrow_mut().push(step);
            self.tools.count_steps();
        }
    }

    fn begin_stroke(self, cell: (i32, i32)) {
        let (inner, colour) = (self.tools.inner(), self.colour.get_untracked());
        let Some(size) = self.surface.size() else { return };
        self.finish_stroke();
        self.tools.use_colour(colour);
        let from = inner.last.get().filter(|_| inner.is_shift_held.get());
        inner.is_line.set(from.is_some());
        let work = self.work();
        match from {
            Some(from) => work.stroke.borrow_mut().resume(from, colour),
            None => {
                work.stroke.borrow_mut().begin(cell, colour, size);
                inner.last.set(Some(cell));
            }
        }
        if from.is_some() {
            self.extend_stroke(cell);
        }
    }

    fn extend_stroke(self, cell: (i32, i32)) {
        let inner = self.tools.inner();
        let Some(size) = self.surface.size() else { return };
        if inner.is_shift_held.get() {
            // A straight line is shown until the press ends, or Shift does.
            inner.is_line.set(true);
            let cells = self.work().stroke.borrow().line_to(cell, size);
            return self.tools.ghost.set(Some(Ghost { cells, colour: self.colour.get_untracked() }));
        }
        if inner.is_line.take() {
            self.tools.ghost.set(None);
        }
        self.work().stroke.borrow_mut().extend(cell, size);
        inner.last.set(Some(cell));
    }

    fn end_stroke(self, cell: (i32, i32)) {
        let inner = self.tools.inner();
        if inner.is_line.take()
            && let Some(size) = self.surface.size()
        {
            self.tools.ghost.set(None);
            self.work().stroke.borrow_mut().extend(cell, size);
            inner.last.set(Some(cell));
        }
        self.work().stroke.borrow_mut().end();
    }

    /// What is under a pointer that is not pressed: the line that Shift would draw, what a fill would fill.
    pub(super) fn hover_tool(self, cell: Option<(u16, u16)>) {
        let inner = self.tools.inner();
        let is_busy = inner.doing.get() != Doing::Nothing || self.is_marking.get_untracked();
        if is_busy || self.tools.asked.with_untracked(Option::is_some) {
            return;
        }
        let is_line = inner.is_shift_held.get() && self.tool.get_untracked() == Tool::Pencil;
        let line = |(x, y): (u16, u16)| {
            let cells = cells_between(inner.last.get()?, (x.into(), y.into()), self.surface.size()?);
            Some(Ghost { cells, colour: self.colour.get_untracked() })
        };
        let ghost = cell.filter(|_| is_line).and_then(line);
        if self.tools.ghost.with_untracked(|present| *present != ghost) {
            self.tools.ghost.set(ghost);
        }
        if self.tool.get_untracked() == Tool::Fill
            && let Some((x, y)) = cell
        {
            self.weigh_fill((x, y));
        }
    }

    /// Says what a fill would fill.
    pub(super) fn weigh_fill(self, (x, y): (u16, u16)) {
        let inner = self.tools.inner();
        let paint = self.colour.get_untracked().bits();
        let found = self.session.canvas().with(|canvas| {
            inner.preview.borrow_mut().count(canvas.size(), (x, y), paint, |x, y| shown(canvas, x, y))
        });
        match found.unwrap_or(Err(FillError::Outside)) {
            Ok(cells) => self.tools.show_hint(texts::canvas::fills(&texts::count(cells, texts::CELL))),
            Err(error) => self.tools.show_hint(error.to_string()),
        }
    }

    /// Shift or Alt are held, or not any more.
    pub(super) fn hold_keys(self, is_shift_held: bool, is_alt_held: bool) {
        let inner = self.tools.inner();
        inner.is_alt_held.set(is_alt_held);
        if inner.is_shift_held.replace(is_shift_held) != is_shift_held {
            self.hover_tool(self.surface.frame.get_untracked().map(|frame| frame.cell));
        }
    }

    /// Takes the colour of a cell in hand.
    pub(super) fn pick(self, cell: (i32, i32)) {
        let (Ok(x), Ok(y)) = (u16::try_from(cell.0), u16::try_from(cell.1)) else { return };
        let painted = || self.session.canvas().with(|canvas| canvas.colour(x, y)).flatten();
        let colour = self.laid.colour((x, y)).or_else(painted);
        match colour.filter(|colour| colour.components().is_some()) {
            Some(colour) => {
                self.take_colour(colour);
                self.tools.say(texts::canvas::picked(&palette::name(Some(colour))));
            }
            None => self.tools.say(texts::canvas::NO_COLOUR.to_owned()),
        }
    }

    /// Takes a colour in hand, and leaves the tool as it is.
    pub(super) fn take_colour(self, colour: Colour) {
        if PALETTE.iter().all(|swatch| swatch.colour != colour) {
            self.own_colour.set(Some(colour));
        }
        if colour != self.colour.get_untracked() {
            self.last_colour.set(self.colour.get_untracked());
            self.colour.set(colour);
        }
    }

    /// Takes a tool in hand.
    pub(crate) fn take_tool(self, tool: Tool) {
        self.work().has_begun.set(true);
        let present = self.tool.get_untracked();
        if present != Tool::Eyedropper {
            self.tools.inner().before.set(present);
        }
        self.cancel_question();
        self.tool.set(tool);
    }

    /// Returns from the eyedropper to the tool that was in hand before.
    pub(super) fn put_eyedropper_away(self) {
        if self.tool.get_untracked() == Tool::Eyedropper {
            self.tool.set(self.tools.inner().before.get());
        }
    }

    /// Fills the area around a cell, or says why not; a large one is shown first.
    pub(super) fn fill(self, cell: (i32, i32)) {
        let cells = match self.region(cell) {
            Ok(cells) => cells,
            Err(words) => return self.tools.say(words),
        };
        if let Err(error) = self.session.canvas().check_paint(cells.len()) {
            return self.tools.say(portions::refusal(texts::canvas::THIS_FILL, cells.len(), &error));
        }
        let colour = self.colour.get_untracked();
        if cells.len() < fill::FILL_ASK {
            return self.fill_cells(&cells, colour);
        }
        self.session.voice.speak(texts::canvas::fill_asked(cells.len(), &palette::name(Some(colour))));
        let ghost = Some(Ghost { cells, colour });
        self.tools.ghost.set(ghost.clone());
        self.tools.asked.set(ghost);
    }

    /// Fills what was asked about.
    pub(super) fn confirm_question(self) {
        if let Some(Ghost { cells, colour }) = self.tools.asked.get_untracked() {
            self.cancel_question();
            match self.session.canvas().check_paint(cells.len()) {
                Ok(()) => self.fill_cells(&cells, colour),
                Err(error) => {
                    self.tools.say(portions::refusal(texts::canvas::THIS_FILL, cells.len(), &error))
                }
            }
        }
    }

    /// Fills nothing of what was asked about. Says whether something was.
    pub(super) fn cancel_question(self) -> bool {
        let was_asked = self.tools.asked.with_untracked(Option::is_some);
        if was_asked {
            self.tools.asked.set(None);
            self.tools.ghost.set(None);
        }
        was_asked
    }

    fn fill_cells(self, cells: &[(u16, u16)], colour: Colour) {
        self.finish_stroke();
        self.tools.use_colour(colour);
        let cells: Vec<Cell> = cells.iter().map(|&(x, y)| (x, y, colour)).collect();
        self.tools.start_job(cells, JobKind::Step);
    }

    /// The area around a cell, as far as it can be filled.
    fn region(self, (x, y): (i32, i32)) -> Result<Vec<(u16, u16)>, String> {
        let outside = || FillError::Outside.to_string();
        let (Ok(x), Ok(y)) = (u16::try_from(x), u16::try_from(y)) else { return Err(outside()) };
        let paint = self.colour.get_untracked().bits();
        let region = self
            .session
            .canvas()
            .with(|canvas| fill::region(canvas.size(), (x, y), paint, |x, y| shown(canvas, x, y)));
        region.ok_or_else(outside)?.map_err(|error| error.to_string())
    }

    /// Takes the last step back, or does it again.
    pub(crate) fn go(self, way: Way) {
        self.finish_stroke();
        let inner = self.tools.inner();
        if inner.job.borrow().is_some() {
            return self.tools.say(texts::canvas::BUSY.to_owned());
        }
        let Some(step) = inner.steps.borrow().next(way).cloned() else {
            return self.tools.say(texts::steps::end_words(&inner.steps.borrow(), way).to_owned());
        };
        let Back { cells, lost } = self.tools.back(&step);
        if cells.is_empty() {
            inner.steps.borrow_mut().go(way, Step::default(), true);
            self.tools.count_steps();
            return self.tools.say(texts::steps::words(way, 0, lost));
        }
        match self.session.canvas().check_paint(cells.len()) {
            // What never fits at once goes in portions.
            Err(CommandError::Write(WriteError::TooFast { cost: most, .. }))
                if cells.len() > most as usize => {}
            Err(error) => {
                let what = if way == Way::Undo { texts::canvas::UNDOING } else { texts::canvas::REDOING };
                return self.tools.say(portions::refusal(what, cells.len(), &error));
            }
            Ok(()) => {}
        }
        self.tools.start_job(cells, JobKind::Go(way, lost));
    }

    /// The stroke in hand is painted, as far as it goes, and becomes a step.
    pub(super) fn finish_stroke(self) {
        self.work().stroke.borrow_mut().end();
        self.flush();
    }
}

/// What a cell shows, as a number.
fn shown(canvas: &Canvas, x: u16, y: u16) -> u32 {
    canvas.colour(x, y).unwrap_or(Colour::CLEARED).bits()
}
