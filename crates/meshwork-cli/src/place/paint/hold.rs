//! `place paint --loop`: repaints what others change of a picture, politely and within the rules.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use meshwork::{Canvas, Closed};
use meshwork_place::canvas::{CanvasSize, Colour, TILE_SIDE};
use meshwork_place::picture::Cell;
use serde_json::json;
use tokio::time::Instant;

use super::painter::Painter;
use crate::exit::Failure;
use crate::place::{Common, counted};

/// Time from one repainting to the next, so that who paints over it sees their strokes for a moment, and a fight
/// between two programs costs the others little.
const ROUND_INTERVAL: Duration = Duration::from_secs(1);
/// Cells repainted at once, for the same reason: ten thousand are back in ten seconds.
const ROUND_CELLS_MAX: usize = 1024;
/// Tiles compared at once: some milliseconds of the node's time.
const ROUND_TILES_MAX: usize = 64;
/// How often everything is compared, in case a change was not heard.
const RECHECK_INTERVAL: Duration = Duration::from_secs(60);

/// What holding a picture came to.
#[derive(Debug, Default)]
pub(super) struct Held {
    cells: usize,
    repainted: usize,
    rounds: usize,
    /// Where the next round begins.
    next_tile: u32,
}

/// The cells that are held, by their place.
struct Wanted {
    size: CanvasSize,
    /// A colour for each cell of the canvas, row by row; `u32::MAX` for those that are anybody's.
    colours: Vec<u32>,
}

/// No colour: those end at [`Colour::CLEARED`].
const ANYBODYS: u32 = u32::MAX;

impl Held {
    /// Repaints what others change, and never returns but with a failure.
    pub(super) async fn hold(
        &mut self,
        painter: &mut Painter<'_>,
        cells: &[Cell],
        size: CanvasSize,
        common: &Common,
    ) -> Result<(), Failure> {
        self.cells = cells.len();
        let wanted = Wanted::new(cells, size);
        let (canvas, every_tile) = (painter.room.canvas(), wanted.tiles());
        let mut changes = canvas.watch();
        let mut changed = every_tile.clone();
        let mut recheck = Instant::now() + RECHECK_INTERVAL;
        let mut round = Instant::now();
        painter.progress.turn_to("Holding", Some(cells.len() as u64));
        painter.progress.set(cells.len() as u64);
        loop {
            let due = if changed.is_empty() { recheck } else { round.min(recheck) };
            let has_more = tokio::select! {
                cells = changes.next() => {
                    wanted.note(&cells.ok_or(Closed)?, &mut changed);
                    true
                }
                heard = painter.next_until(due) => heard?,
            };
            if has_more {
                continue;
            }
            if Instant::now() >= recheck {
                recheck = Instant::now() + RECHECK_INTERVAL;
                changed.clone_from(&every_tile);
            }
            if !self.wait_for_reader(painter).await? {
                continue;
            }
            let repainted = self.round(painter, &wanted, &mut changed).await?;
            if repainted > 0 {
                self.tell_round(painter, repainted, common)?;
            }
            round = Instant::now() + ROUND_INTERVAL;
        }
    }

    /// Repaints some of what differs. Tiles in which nothing differs any more are done.
    async fn round(
        &mut self,
        painter: &mut Painter<'_>,
        wanted: &Wanted,
        changed: &mut BTreeSet<u32>,
    ) -> Result<usize, Failure> {
        // In turn, so that a fight about some tiles does not leave out the others.
        let mut tiles: Vec<u32> = changed.range(self.next_tile..).copied().take(ROUND_TILES_MAX).collect();
        if tiles.is_empty() {
            tiles = changed.iter().copied().take(ROUND_TILES_MAX).collect();
        }
        let mut cells = Vec::new();
        for tile in &tiles {
            cells.extend(wanted.differing(&painter.room.canvas(), *tile).await?);
        }
        let now = &cells[..cells.len().min(ROUND_CELLS_MAX)];
        let Some(&(x, y, _)) = now.last() else {
            changed.retain(|tile| !tiles.contains(tile));
            return Ok(0);
        };
        let last = wanted.size.tile_of(x, y);
        self.next_tile = if now.len() < cells.len() { last } else { last + 1 };
        painter.forget_applied();
        // What is painted over meanwhile is seen in the next round: these tiles are looked at again.
        painter.paint_round(now, self.cells - now.len().min(self.cells)).await?;
        Ok(now.len())
    }

    /// Whether somebody who stays is linked; if not, waits until something happens.
    async fn wait_for_reader(&mut self, painter: &mut Painter<'_>) -> Result<bool, Failure> {
        if painter.has_reader().await? {
            return Ok(true);
        }
        painter.progress.say("repainting waits for a member that stays");
        painter.next().await?;
        painter.progress.say("");
        Ok(false)
    }

    fn tell_round(&mut self, painter: &Painter<'_>, cells: usize, common: &Common) -> Result<(), Failure> {
        self.rounds += 1;
        self.repainted += cells;
        painter.progress.say(format!("{} repainted", counted(self.repainted, "cell")));
        if painter.progress.is_shown() && !common.json {
            return Ok(());
        }
        let words = format!("Repainted {} that others had changed.", counted(cells, "cell"));
        painter.progress.aside(|| common.tell(&words, &json!({ "event": "repainted", "cells": cells })))
    }

    /// Says what it came to.
    pub(super) fn tell_end(&self, common: &Common) -> Result<(), Failure> {
        let Held { cells, repainted, rounds, .. } = *self;
        let words = format!(
            "Held {}. {} repainted in {}.",
            counted(cells, "cell"),
            counted(repainted, "cell"),
            counted(rounds, "round"),
        );
        let value = json!({ "event": "ended", "cells": cells, "repainted": repainted, "rounds": rounds });
        common.tell(&words, &value)
    }
}

impl Wanted {
    fn new(cells: &[Cell], size: CanvasSize) -> Wanted {
        let mut wanted =
            Wanted { size, colours: vec![ANYBODYS; usize::from(size.width) * usize::from(size.height)] };
        for &(x, y, colour) in cells {
            let place = wanted.place(x, y);
            wanted.colours[place] = colour.bits();
        }
        wanted
    }

    fn place(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.size.width) + usize::from(x)
    }

    /// Which colour a cell is to have.
    fn colour(&self, x: u16, y: u16) -> Option<Colour> {
        if !self.size.contains(x, y) {
            return None;
        }
        Colour::from_bits(self.colours[self.place(x, y)])
    }

    /// The tiles that have a cell of it.
    fn tiles(&self) -> BTreeSet<u32> {
        (0..self.size.tile_count()).filter(|tile| self.cells_of(*tile).next().is_some()).collect()
    }

    fn cells_of(&self, tile: u32) -> impl Iterator<Item = Cell> {
        let (left, top) = self.size.tile_origin(tile).unwrap_or((self.size.width, self.size.height));
        let rows = top..top.saturating_add(TILE_SIDE).min(self.size.height);
        let columns = left..left.saturating_add(TILE_SIDE).min(self.size.width);
        let places = rows.flat_map(move |y| columns.clone().map(move |x| (x, y)));
        places.filter_map(|(x, y)| Some((x, y, self.colour(x, y)?)))
    }

    /// The cells of a tile that the canvas shows otherwise.
    async fn differing(&self, canvas: &Canvas, tile: u32) -> Result<Vec<Cell>, Closed> {
        let shown = canvas.cells(self.cells_of(tile).map(|(x, y, _)| (x, y))).await?;
        let shown: HashSet<Cell> = shown.iter().map(|cell| (cell.x, cell.y, cell.colour)).collect();
        Ok(self.cells_of(tile).filter(|cell| !shown.contains(cell)).collect())
    }

    /// Notes the tiles in which somebody else changed a cell of it.
    fn note(&self, cells: &[Cell], changed: &mut BTreeSet<u32>) {
        let differs = |&&(x, y, shown): &&Cell| self.colour(x, y).is_some_and(|colour| colour != shown);
        changed.extend(cells.iter().filter(differs).map(|&(x, y, _)| self.size.tile_of(x, y)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: CanvasSize = CanvasSize { width: 130, height: 70 };
    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);

    #[test]
    fn only_what_was_changed_of_the_picture_counts() {
        let wanted = Wanted::new(&[(0, 0, RED), (129, 69, RED), (64, 0, BLUE)], SIZE);
        assert_eq!(wanted.tiles(), [0, 1, 5].into());
        let mut tiles = BTreeSet::new();
        // One's own colour, and a cell that is anybody's.
        wanted.note(&[(0, 0, RED), (1, 1, BLUE)], &mut tiles);
        assert_eq!(tiles, [].into());
        wanted.note(&[(129, 69, BLUE), (64, 0, Colour::CLEARED)], &mut tiles);
        assert_eq!(tiles, [1, 5].into());
        assert_eq!(wanted.cells_of(5).collect::<Vec<_>>(), [(129, 69, RED)]);
    }
}
