//! Paints cells as fast as the room's rules and the others allow, and says what it waits for.

use std::time::Duration;

use meshwork_core::node::{CommandError, Event, RoomHandle, WriteError};
use meshwork_core::signed::change::Limit;
use meshwork_place::canvas::TILE_CELLS;
use meshwork_place::picture::Cell;
use tokio::time::Instant;

use super::is_reader;
use super::tally::Tally;
use crate::exit::Failure;
use crate::place::session::{Pause, Session};
use crate::progress::{Progress, span};

/// Cells handed to the node at once: one whole tile, some 12 kilobytes of a batch at most.
const CHUNK_CELLS: usize = TILE_CELLS;
/// Batches that nobody has applied yet, above which painting waits: megabytes under way, yet fewer than a node
/// sends again when a link is made anew, so that each is acknowledged in the end.
const UNAPPLIED_MAX: usize = 256;
/// How long, after the first member has applied everything, others that are linked may take to be counted.
const SETTLE: Duration = Duration::from_secs(1);
/// How often what is waited for is told anew.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// A wait that is told in a pipe too, where there is no bar.
const LONG_WAIT: Duration = Duration::from_secs(3);

/// Somebody who paints in one room.
pub(super) struct Painter<'a> {
    pub(super) session: &'a mut Session,
    pub(super) room: RoomHandle,
    pub(super) progress: &'a Progress,
    tally: Tally,
    limit: Option<Limit>,
    /// Cells of this run that the node has taken.
    taken: u64,
    /// Whether it was said that the others cannot keep up.
    slowed: bool,
    /// Whether it was said that the room's rules make it wait.
    held_up: bool,
}

impl<'a> Painter<'a> {
    /// A painter of a room that is open, linked to somebody who stays.
    pub(super) async fn new(
        session: &'a mut Session,
        room: RoomHandle,
        progress: &'a Progress,
    ) -> Result<Painter<'a>, Failure> {
        let limit = session.look(room, |node, room| Some(node.room(room).rules()?.limit)).await?;
        let (tally, taken) = (Tally::default(), 0);
        Ok(Painter { session, room, progress, tally, limit, taken, slowed: false, held_up: false })
    }

    /// What became of one's own batches.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Forgets batches that everybody has applied, so that a run that stays does not grow.
    pub(super) fn forget_applied(&mut self) {
        self.tally.forget();
        self.held_up = false;
    }

    /// Hands all cells to the node.
    pub(super) async fn paint_all(&mut self, cells: &[Cell]) -> Result<(), Failure> {
        let total = cells.len() as u64;
        self.taken = 0;
        self.progress.turn_to("Painting", Some(total));
        self.tell_rest(total);
        for chunk in cells.chunks(CHUNK_CELLS) {
            self.paint_chunk(chunk, total).await?;
        }
        Ok(())
    }

    /// Hands some cells to the node again, while `done` others stand.
    pub(super) async fn paint_round(&mut self, cells: &[Cell], done: usize) -> Result<(), Failure> {
        self.taken = done as u64;
        self.progress.set(self.taken);
        for chunk in cells.chunks(CHUNK_CELLS) {
            self.paint_chunk(chunk, (done + cells.len()) as u64).await?;
        }
        Ok(())
    }

    async fn paint_chunk(&mut self, chunk: &[Cell], total: u64) -> Result<(), Failure> {
        let (mut rest, mut most) = (chunk, chunk.len());
        while !rest.is_empty() {
            while self.tally.unapplied() > UNAPPLIED_MAX {
                let event = self.session.next().await.map_err(|failure| self.tally.explain(failure))?;
                self.tally.note(event);
            }
            let (cells, later) = rest.split_at(most.min(rest.len()));
            let painted = self.session.paint(self.room, cells).await;
            let painted = painted.map_err(|failure| self.explain_denial(failure, total))?;
            // What waits to be heard is bounded, so it is heard before more is said.
            while let Some(event) = self.session.heard()? {
                self.tally.note(event);
            }
            match painted {
                Ok(receipt) => {
                    self.tally.sequences.extend(receipt.sequences);
                    self.taken += cells.len() as u64;
                    self.progress.set(self.taken);
                    self.tell_rest(total);
                    (rest, most) = (later, later.len());
                }
                Err(pause) => {
                    most = pause.left;
                    self.wait(pause).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits as long as the others or the room's rules ask for, and says so.
    async fn wait(&mut self, pause: Pause) -> Result<(), Failure> {
        let again = Instant::now() + pause.wait;
        if pause.is_behind {
            self.tell_slowed();
        } else {
            self.tell_held_up(pause.wait);
        }
        loop {
            let left = again.saturating_duration_since(Instant::now());
            if !pause.is_behind && !left.is_zero() {
                self.progress.say(format!("the room lets you paint again in {}", span(left)));
            }
            let look = again.min(Instant::now() + TELL_INTERVAL);
            let event = self.session.next_until(look).await;
            match event.map_err(|failure| self.tally.explain(failure))? {
                Some(event) => self.tally.note(event),
                None if Instant::now() >= again => break,
                None => {}
            }
        }
        self.progress.say("");
        Ok(())
    }

    /// Waits until a member has applied everything, then a little for the others that are linked.
    pub(super) async fn wait_until_applied(&mut self) -> Result<(), Failure> {
        self.progress.say("waiting for the others to have it");
        while self.tally.complete(|of| &of.applied).next().is_none() {
            let event = self.session.next().await.map_err(|failure| self.tally.explain(failure))?;
            self.tally.note(event);
        }
        let settled = Instant::now() + SETTLE;
        while !self.tally.has_everybody(&self.session.peers(self.room).await?) {
            match self.session.next_until(settled).await {
                Ok(Some(event)) => self.tally.note(event),
                // Time-outs and refusals do not matter any more.
                Ok(None) | Err(Failure::Unreachable(_) | Failure::Refused(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        self.progress.say("");
        Ok(())
    }

    /// Takes note of what was heard.
    pub(super) fn note(&mut self, event: Event) {
        self.tally.note(event);
    }

    /// Whether somebody who stays is linked.
    pub(super) async fn has_reader(&self) -> Result<bool, Failure> {
        Ok(self.session.peers(self.room).await?.iter().any(is_reader))
    }

    /// How long what is left takes by the room's rules, once they have made it wait.
    fn tell_rest(&self, total: u64) {
        let left = total.saturating_sub(self.taken);
        self.progress.set_rest(self.limit.filter(|_| self.held_up).map(|limit| time_for(left, limit)));
    }

    fn tell_slowed(&mut self) {
        if !self.slowed {
            self.slowed = true;
            self.progress.note("The others cannot keep up: painting goes on as fast as they apply it.");
        }
    }

    /// On a terminal the bar says how long each wait is; in a pipe it is said once.
    fn tell_held_up(&mut self, wait: Duration) {
        let was_told = self.held_up;
        self.held_up |= !wait.is_zero();
        if let Some(limit) =
            self.limit.filter(|_| !was_told && wait >= LONG_WAIT && !self.progress.is_shown())
        {
            self.progress.note(format!(
                "The room allows {} every {}: painting goes on in {}.",
                crate::place::counted(limit.cost as usize, "cell"),
                span(Duration::from_millis(limit.window_ms.into())),
                span(wait),
            ));
        }
    }

    /// Says how far painting came, and how long it would take, when the room's rules leave no time.
    fn explain_denial(&self, failure: Failure, total: u64) -> Failure {
        let Failure::Denied(error @ CommandError::Write(WriteError::TooFast { .. })) = failure else {
            return failure;
        };
        let Some(limit) = self.limit.filter(|_| self.taken > 0) else { return Failure::Denied(error) };
        let rest = span(time_for(total.saturating_sub(self.taken), limit));
        let hint = format!(
            "{} of {total} cells are painted, and the rest takes {rest}: give it that time with --timeout, or \
             paint with --loop.",
            self.taken
        );
        Failure::OutOfTime { error, hint }
    }
}

/// How long so many cells take within a limit, a window more or less.
fn time_for(cells: u64, limit: Limit) -> Duration {
    let windows = cells.div_ceil(u64::from(limit.cost.max(1)));
    Duration::from_millis(windows.saturating_mul(u64::from(limit.window_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_say_how_long_it_takes() {
        let limit = Limit { cost: 60, window_ms: 60_000 };
        assert_eq!(time_for(600, limit), Duration::from_secs(600));
        assert_eq!(time_for(601, limit), Duration::from_secs(660));
        assert_eq!(time_for(0, limit), Duration::ZERO);
        let slow = Limit { cost: 1, window_ms: u32::MAX };
        assert_eq!(time_for(u64::MAX, slow), Duration::from_millis(u64::MAX));
    }
}
