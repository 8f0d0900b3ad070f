//! **only-painted**: what shows in the name of somebody honest was painted by them.

use std::collections::{BTreeMap, BTreeSet};

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::Event;
use meshwork_core::signed::batch::BatchKey;
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Colour};

use super::{Member, Stroke, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// Everything that honest people painted, by painter and cell.
#[derive(Debug, Default)]
pub struct Painted {
    honest: BTreeSet<PeerId>,
    cells: BTreeMap<(PeerId, u16, u16), BTreeSet<(Stamp, Colour)>>,
}

impl Painted {
    /// This person is honest.
    pub fn insert_person(&mut self, peer: PeerId) {
        self.honest.insert(peer);
    }

    /// An honest person painted.
    pub fn insert(&mut self, stroke: &Stroke) {
        for cell in &stroke.cells {
            let painted = self.cells.entry((stroke.peer, cell.x, cell.y)).or_default();
            painted.insert((cell.stamp, cell.colour));
        }
    }

    /// An honest program hears an event: cells that it is told of must have been painted.
    ///
    /// # Errors
    /// [`Violation`] names the cell and in whose name it is shown.
    pub fn hear(&self, index: NodeIndex, event: &Event) -> Result<(), Violation> {
        let Event::Changed { batch: Some(BatchKey { author, .. }), changes, .. } = event else {
            return Ok(());
        };
        if !self.honest.contains(&author.peer) {
            return Ok(());
        }
        let painted = |x, y, colour| {
            let cells = self.cells.get(&(author.peer, x, y));
            cells.is_some_and(|cells| cells.iter().any(|(_, painted)| *painted == colour))
        };
        match canvas::Painted::of(changes).iter().find(|cell| !painted(cell.x, cell.y, cell.colour)) {
            None => Ok(()),
            Some(cell) => {
                let detail = format!(
                    "program {index} was told that {author} painted {}, {} in {:?}",
                    cell.x, cell.y, cell.colour
                );
                Err(Violation::new("only-painted", detail))
            }
        }
    }

    /// Looks at every cell that these members show.
    ///
    /// # Errors
    /// [`Violation`] names the cell and in whose name it is shown.
    pub fn check(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        for &(index, room) in members {
            let Some(canvas) = world.node(index).canvas(room) else { continue };
            let size = canvas.size();
            for (x, y) in (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y))) {
                let stamp = canvas.stamp(x, y);
                if stamp == Stamp::NEVER {
                    continue;
                }
                let (Some(author), Some(colour)) = (canvas.author(x, y), canvas.colour(x, y)) else {
                    continue;
                };
                let painted = self.cells.get(&(author, x, y));
                if self.honest.contains(&author)
                    && painted.is_none_or(|cells| !cells.contains(&(stamp, colour)))
                {
                    let author = author.short();
                    let detail = format!(
                        "program {index} shows {x}, {y} as painted by {author} in {colour:?} at {stamp:?}"
                    );
                    return Err(Violation::new("only-painted", detail));
                }
            }
        }
        Ok(())
    }
}
