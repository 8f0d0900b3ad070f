//! One's own strokes and what others paint.

use std::rc::Rc;

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, Receipt, WriteError, WritingLeft};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::batch::BatchKey;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, Colour, Painted};
use meshwork_web::rules::Standing;

use super::{Said, Session, set_if_new};

impl Session {
    /// Paints cells.
    ///
    /// # Errors
    /// The node's; nothing was painted.
    pub(crate) fn paint(self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, CommandError> {
        let room = self.room.get_untracked().ok_or(CommandError::NotOpen)?;
        let receipt =
            self.driver.with_value(|driver| driver.with(|node, now| node.paint(now, room, cells)))?;
        self.last_stroke.set_value(Some(Said::new(&receipt)));
        self.count_reached();
        if self.governing.standing.get_untracked() != Standing::Free {
            self.refresh_standing();
        }
        Ok(receipt)
    }

    /// Whether the room's rules let one paint so many cells at once now.
    ///
    /// # Errors
    /// The node's, as [`Session::paint`] would give it for the rules' sake.
    pub(crate) fn check_paint(self, cells: usize) -> Result<(), CommandError> {
        let room = self.room.get_untracked().ok_or(CommandError::NotOpen)?;
        let left = self.driver.with_value(|driver| {
            driver.with(|node, now| {
                let slot = node.canvas_slot(room).unwrap_or(Slot::GENESIS);
                node.room_mut(now, room).writing_left(slot.number())
            })
        })?;
        match left {
            Some(WritingLeft { left, limit, wait_ms }) if cells > left as usize => {
                let (cells, window_ms) = (limit.cost, limit.window_ms);
                Err(CommandError::Write(WriteError::TooFast { left, cost: cells, window_ms, wait_ms }))
            }
            _ => Ok(()),
        }
    }

    /// Looks at the canvas, once it is known.
    pub(crate) fn with_canvas<R>(self, look: impl FnOnce(&Canvas) -> R) -> Option<R> {
        let room = self.room.get_untracked()?;
        self.driver.with_value(|driver| driver.look(|node| node.canvas(room).map(look)))
    }

    /// Calls `listener` with cells that look different now, until another one is set.
    pub(crate) fn on_canvas_change(self, listener: impl Fn(Option<&[Painted]>) + 'static) {
        self.listener.with_value(|slot| *slot.borrow_mut() = Some(Rc::new(listener)));
    }

    /// Cells look different, by a stroke or since what was there before counts again, or no more.
    pub(super) fn show_painted(self, stroke: Option<BatchKey>, cells: &[Painted]) {
        self.tell_listener(Some(cells));
        if let Some(stroke) = stroke {
            self.note_painted(stroke.author, cells);
        }
    }

    pub(super) fn tell_listener(self, cells: Option<&[Painted]>) {
        let listener = self.listener.with_value(|slot| slot.borrow().clone());
        if let Some(listener) = listener {
            listener(cells);
        }
    }

    /// Somebody has batches of one's own.
    pub(super) fn hear_acknowledged(self, by: Endpoint, sequences: &[u64]) {
        for last in [self.last_stroke, self.noted.last] {
            last.update_value(|last| {
                if let Some(last) = last.as_mut().filter(|last| sequences.contains(&last.sequence)) {
                    last.by.insert(by);
                }
            });
        }
        self.count_reached();
    }

    pub(super) fn count_reached(self) {
        let total =
            self.people.with_untracked(|rows| rows.iter().filter(|row| row.is_linked() && row.stays).count());
        let said = [(self.last_stroke, self.reached), (self.noted.last, self.noted.reached)];
        for (last, shown) in said {
            let reached = last.with_value(|last| last.as_ref().map(|last| last.by.len()));
            set_if_new(shown, reached.map(|reached| (reached, total.max(reached))));
        }
    }
}
