//! What this program painted on a canvas, taken back and done again.

use meshwork_core::node::{CommandError, Node, WriteError as NodeWriteError};
use meshwork_place::Place as _;
use meshwork_place::steps::{Back, Step, Way};

use crate::error::WriteError;
use crate::place::canvas::{Canvas, paint};
use crate::shared::locked;

/// What was painted when a step was taken back, or done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repainted {
    /// Cells that show again what they showed before the step, or with it.
    pub painted: usize,
    /// Cells of the step that others have painted over: they stay.
    pub theirs: usize,
    /// Cells of a step that is larger than the room ever allows at once: the next call goes on with them.
    pub left: usize,
}

impl Canvas {
    /// Takes back the last step that this program painted: its cells show again what they showed before, where nobody has
    /// painted over them. `None` where there is none. Each [`paint`](Canvas::paint) and [`fill`](Canvas::fill) is a step, with
    /// what it was [painted on](Canvas::paint_on), by whichever clone of the room.
    ///
    /// Others see it as painting, and it counts under the room's rules like all painting. Steps are remembered from the
    /// first on, as long as the program is in the room: the last 100 of them, of at most 524,288 cells together, which take
    /// 24 bytes a cell, 12 MiB at most.
    ///
    /// # Errors
    /// As for [`Canvas::paint`]: nothing was painted, and the step can still be taken back. Dropping the future leaves it
    /// taken back, or not.
    pub async fn undo(&self) -> Result<Option<Repainted>, WriteError> {
        self.go(Way::Undo).await
    }

    /// Does the last step again that was [taken back](Canvas::undo), unless something was painted since. `None` where there is
    /// none.
    ///
    /// # Errors
    /// As for [`Canvas::undo`]; the step can still be done again.
    pub async fn redo(&self) -> Result<Option<Repainted>, WriteError> {
        self.go(Way::Redo).await
    }

    /// How many steps can be taken back, and how many done again.
    pub fn steps(&self) -> (usize, usize) {
        let steps = self.step_list();
        let steps = locked(&steps);
        (steps.count(Way::Undo), steps.count(Way::Redo))
    }

    async fn go(&self, way: Way) -> Result<Option<Repainted>, WriteError> {
        let (steps, me) = (self.step_list(), self.0.me().peer);
        let go = move |node: &mut Node, now, room| {
            let back = |canvas| locked(&steps).next(way).map(|step| step.back(canvas, me));
            let back = node.canvas(room).and_then(back);
            let Some(Back { cells, lost }) = back else { return Ok(None) };
            let mut painted = cells.len();
            let step = match cells.is_empty() {
                true => Step::default(),
                false => match paint(node, now, room, &cells) {
                    Err(CommandError::Write(NodeWriteError::TooFast { left, cost, .. }))
                        if left > 0 && cells.len() > cost as usize =>
                    {
                        painted = left as usize;
                        paint(node, now, room, &cells[..painted])?.1
                    }
                    done => done?.1,
                },
            };
            let left = cells.len() - painted;
            locked(&steps).go(way, step, left == 0);
            Ok(Some(Repainted { painted, theirs: lost, left }))
        };
        Ok(self.0.call_patiently(go).await??)
    }
}
