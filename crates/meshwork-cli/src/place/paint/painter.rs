//! Paints cells as fast as the room's rules and the others allow, and says what it waits for.

use std::pin::pin;
use std::time::Duration;

use meshwork::{Closed, Events, Receipt, Room, WriteError};
use meshwork_place::canvas::TILE_CELLS;
use meshwork_place::picture::Cell;
use tokio::time::{Instant, sleep, timeout_at};

use super::tally::Tally;
use super::{denied, is_reader};
use crate::exit::Failure;
use crate::place::attempt::Attempt;
use crate::place::counted;
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
/// A wait for the others that is told.
const SLOW: Duration = Duration::from_millis(20);
/// A wait that is told in a pipe too, where there is no bar.
const LONG_WAIT: Duration = Duration::from_secs(3);

/// Somebody who paints in one room.
pub(super) struct Painter<'a> {
    attempt: &'a Attempt,
    pub(super) room: &'a Room,
    pub(super) progress: &'a Progress,
    events: Events,
    tally: Tally,
    /// How many cells one may paint in each window.
    limit: Option<(u32, Duration)>,
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
        attempt: &'a Attempt,
        room: &'a Room,
        progress: &'a Progress,
    ) -> Result<Painter<'a>, Failure> {
        let events = room.events();
        let limit = room.rules().terms().await?.and_then(|terms| terms.limit);
        let (tally, taken, slowed, held_up) = (Tally::default(), 0, false, false);
        Ok(Painter { attempt, room, progress, events, tally, limit, taken, slowed, held_up })
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
                self.next().await?;
            }
            let (cells, later) = rest.split_at(most.min(rest.len()));
            match self.offer(cells).await? {
                Ok(receipt) => {
                    self.tally.sequences.extend(receipt.sequences());
                    self.taken += cells.len() as u64;
                    self.progress.set(self.taken);
                    self.tell_rest(total);
                    (rest, most) = (later, later.len());
                }
                Err(WriteError::TooFast { left, .. }) if left > 0 => most = left as usize,
                Err(WriteError::TooFast { cost, wait, .. }) if self.attempt.has_time(wait) => {
                    most = cost as usize;
                    self.wait(wait).await?;
                }
                Err(error) => return Err(self.explain(error, total)),
            }
        }
        Ok(())
    }

    /// Hands cells to the room, as soon as the neighbours have a place for them.
    async fn offer(&mut self, cells: &[Cell]) -> Result<Result<Receipt, WriteError>, Failure> {
        let Painter { attempt, room, progress, events, tally, slowed, .. } = self;
        let canvas = room.canvas();
        let offered = async {
            let (mut painting, mut slow) = (pin!(canvas.paint(cells)), pin!(sleep(SLOW)));
            loop {
                tokio::select! {
                    biased;
                    // What waits to be heard is bounded, so it is heard before more is said.
                    event = events.next() => tally.note(event.ok_or(Closed)?),
                    painted = &mut painting => return Ok::<_, Failure>(painted),
                    () = &mut slow, if !*slowed => {
                        *slowed = true;
                        progress.note("The others cannot keep up: painting continues at their pace.");
                    }
                }
            }
        };
        let offered = attempt.within(room, offered).await;
        offered.map_err(|failure| self.tally.explain(failure))
    }

    /// Waits as long as the room's rules ask for, and says so.
    async fn wait(&mut self, wait: Duration) -> Result<(), Failure> {
        let again = Instant::now() + wait;
        self.tell_held_up(wait);
        loop {
            let left = again.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.progress.say(format!("the room lets you paint again in {}", span(left)));
            let look = again.min(Instant::now() + TELL_INTERVAL);
            while self.next_until(look).await? {}
        }
        self.progress.say("");
        Ok(())
    }

    /// Waits until a member has applied everything, then a little for the others that are linked.
    pub(super) async fn wait_until_applied(&mut self) -> Result<(), Failure> {
        self.progress.say("waiting for the others to apply it");
        while self.tally.complete(|of| &of.applied).next().is_none() {
            self.next().await?;
        }
        let settled = Instant::now() + SETTLE;
        while !self.tally.has_everybody(&self.room.members().await?) {
            match self.next_until(settled).await {
                Ok(true) => {}
                // Time-outs and refusals do not matter any more.
                Ok(false) | Err(Failure::Unreachable(_) | Failure::Refused(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        self.progress.say("");
        Ok(())
    }

    /// Takes note of the next thing that happens in the room.
    pub(super) async fn next(&mut self) -> Result<(), Failure> {
        let heard = async { self.events.next().await.ok_or(Closed) };
        match self.attempt.within(self.room, heard).await {
            Ok(event) => {
                self.tally.note(event);
                Ok(())
            }
            Err(failure) => Err(self.tally.explain(failure)),
        }
    }

    /// The same; false when nothing happened until `end`.
    pub(super) async fn next_until(&mut self, end: Instant) -> Result<bool, Failure> {
        timeout_at(end, self.next()).await.map_or(Ok(false), |heard| heard.map(|()| true))
    }

    /// Whether somebody who stays is linked.
    pub(super) async fn has_reader(&self) -> Result<bool, Failure> {
        Ok(self.room.members().await?.iter().any(is_reader))
    }

    /// How long what is left takes by the room's rules, once they have made it wait.
    fn tell_rest(&self, total: u64) {
        let left = total.saturating_sub(self.taken);
        self.progress.set_rest(self.limit.filter(|_| self.held_up).map(|limit| time_for(left, limit)));
    }

    /// On a terminal the bar says how long each wait is; in a pipe it is said once.
    fn tell_held_up(&mut self, wait: Duration) {
        let was_told = self.held_up;
        self.held_up |= !wait.is_zero();
        if let Some((cells, window)) =
            self.limit.filter(|_| !was_told && wait >= LONG_WAIT && !self.progress.is_shown())
        {
            self.progress.note(format!(
                "The room allows {} every {}: painting continues in {}.",
                counted(cells as usize, "cell"),
                span(window),
                span(wait),
            ));
        }
    }

    /// Why cells are not painted; where the room's rules leave no time, with how far it came and how long the rest takes.
    fn explain(&self, error: WriteError, total: u64) -> Failure {
        let is_too_fast = matches!(error, WriteError::TooFast { .. });
        let limit = self.limit.filter(|_| is_too_fast && self.taken > 0);
        match (denied(error), limit) {
            (Failure::Forbidden { words, reason }, Some(limit)) => {
                let rest = span(time_for(total.saturating_sub(self.taken), limit));
                let words = format!(
                    "{words} {} of {total} cells are painted, and the rest takes {rest}: give it that time with \
                     --timeout, or paint with --loop.",
                    self.taken
                );
                Failure::Forbidden { words, reason }
            }
            (failure, _) => failure,
        }
    }
}

/// How long so many cells take within a limit, a window more or less.
fn time_for(cells: u64, (cost, window): (u32, Duration)) -> Duration {
    let windows = cells.div_ceil(u64::from(cost.max(1)));
    window.saturating_mul(u32::try_from(windows).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_say_how_long_it_takes() {
        let limit = (60, Duration::from_secs(60));
        assert_eq!(time_for(600, limit), Duration::from_secs(600));
        assert_eq!(time_for(601, limit), Duration::from_secs(660));
        assert_eq!(time_for(0, limit), Duration::ZERO);
        assert_eq!(time_for(u64::MAX, (1, Duration::MAX)), Duration::MAX);
    }
}
