//! **acknowledged**, **stored**, **kept** and **strokes-acknowledged**: what was promised about a stroke holds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::node::Event;
use meshwork_core::signed::batch::UnverifiedBatch;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, Strokes};

use super::{Member, Violation};
use crate::connection::NodeIndex;
use crate::world::{Store, World};

/// A painted cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrokeCell {
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// When it was painted.
    pub stamp: Stamp,
    /// With what.
    pub colour: Colour,
}

/// One stroke of one person.
#[derive(Clone, Debug)]
pub struct Stroke {
    /// Whose it is.
    pub peer: PeerId,
    /// The program that it was painted with.
    pub painter: NodeIndex,
    /// The batches that carry it.
    pub sequences: RangeInclusive<u64>,
    /// The cells.
    pub cells: Vec<StrokeCell>,
}

/// All strokes, and what was said about each of them.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    strokes: Vec<Stroke>,
    by_sequence: BTreeMap<(NodeIndex, u64), usize>,
    /// Sequences of strokes that somebody acknowledged, and whether as stored.
    said: BTreeMap<(usize, Endpoint), (BTreeSet<u64>, BTreeSet<u64>)>,
}

impl Acknowledgements {
    /// An honest person painted.
    pub fn insert(&mut self, stroke: Stroke) {
        let number = self.strokes.len();
        for sequence in stroke.sequences.clone() {
            self.by_sequence.insert((stroke.painter, sequence), number);
        }
        self.strokes.push(stroke);
    }

    /// **acknowledged**: an honest program hears an event; if it is an acknowledgement of somebody honest, that
    /// one must show the stroke or what beats it.
    ///
    /// # Errors
    /// [`Violation`] names the stroke and who acknowledged it.
    pub fn hear(
        &mut self,
        world: &World,
        painter: NodeIndex,
        event: &Event,
        members: &[Member],
    ) -> Result<(), Violation> {
        let Event::Acknowledged { by, sequences, stored, .. } = event else { return Ok(()) };
        let acker = members.iter().find(|(index, _)| world.node(*index).endpoint() == *by);
        let canvas = acker.and_then(|&(index, room)| world.node(index).canvas(room));
        for sequence in sequences {
            let Some(&number) = self.by_sequence.get(&(painter, *sequence)) else { continue };
            let (applied, kept) = self.said.entry((number, *by)).or_default();
            applied.insert(*sequence);
            if *stored {
                kept.insert(*sequence);
            }
            let stroke = &self.strokes[number];
            let whole = applied.len() as u64 == stroke.sequences.end() - stroke.sequences.start() + 1;
            if let (Some(canvas), true) = (canvas, whole)
                && let Some(cell) = lacking(stroke, |cell| shown(canvas, cell))
            {
                let detail = format!(
                    "{by} acknowledged batch {sequence} of program {painter}, but does not show cell {}, {}",
                    cell.x, cell.y
                );
                return Err(Violation::new("acknowledged", detail));
            }
        }
        Ok(())
    }

    /// **stored**: all that the program at `endpoint` acknowledged as stored is on this disk, or what beats it.
    ///
    /// # Errors
    /// [`Violation`] names the stroke.
    pub fn check_disk(&self, endpoint: Endpoint, size: CanvasSize, store: &Store) -> Result<(), Violation> {
        let on_disk = cells_of(size, store);
        for (&(number, by), (_, stored)) in &self.said {
            let stroke = &self.strokes[number];
            if by != endpoint || stroke.sequences.clone().any(|sequence| !stored.contains(&sequence)) {
                continue;
            }
            let there = |cell: &StrokeCell| on_disk.get(&(cell.x, cell.y)).copied();
            if let Some(cell) = lacking(stroke, there) {
                let detail = format!(
                    "{by} said that it stored batches {:?} of program {}, but cell {}, {} is not on its disk",
                    stroke.sequences, stroke.painter, cell.x, cell.y
                );
                return Err(Violation::new("stored", detail));
            }
        }
        Ok(())
    }

    /// **kept**: every stroke that one of these members painted or acknowledged is on every canvas, or beaten.
    ///
    /// # Errors
    /// [`Violation`] names the stroke and who does not show it.
    pub fn check_kept(&self, world: &World, members: &[Member]) -> Result<(), Violation> {
        let endpoints: Vec<Endpoint> =
            members.iter().map(|(index, _)| world.node(*index).endpoint()).collect();
        for (number, stroke) in self.strokes.iter().enumerate() {
            let whole = |by: &Endpoint| {
                let said = self.said.get(&(number, *by));
                said.is_some_and(|(applied, _)| stroke.sequences.clone().all(|one| applied.contains(&one)))
            };
            let painter_is_here = members.iter().any(|(index, _)| *index == stroke.painter);
            if !painter_is_here && !endpoints.iter().any(whole) {
                continue;
            }
            for &(index, room) in members {
                let Some(canvas) = world.node(index).canvas(room) else { continue };
                if let Some(cell) = lacking(stroke, |cell| shown(canvas, cell)) {
                    let detail = format!(
                        "program {index} lacks cell {}, {} of batches {:?} of program {}",
                        cell.x, cell.y, stroke.sequences, stroke.painter
                    );
                    return Err(Violation::new("kept", detail));
                }
            }
        }
        Ok(())
    }

    /// **strokes-acknowledged**: every stroke of a member that is still here was acknowledged by somebody, where
    /// there is anybody else.
    ///
    /// # Errors
    /// [`Violation`] names the stroke.
    pub fn check_all_acknowledged(&self, members: &[Member]) -> Result<(), Violation> {
        if members.len() < 2 {
            return Ok(());
        }
        let acknowledged: BTreeSet<(usize, u64)> = self
            .said
            .iter()
            .flat_map(|(&(number, _), (applied, _))| applied.iter().map(move |&sequence| (number, sequence)))
            .collect();
        let here = |stroke: &Stroke| members.iter().any(|(index, _)| *index == stroke.painter);
        for (number, stroke) in self.strokes.iter().enumerate().filter(|(_, stroke)| here(stroke)) {
            if let Some(sequence) =
                stroke.sequences.clone().find(|one| !acknowledged.contains(&(number, *one)))
            {
                let detail = format!("nobody acknowledged batch {sequence} of program {}", stroke.painter);
                return Err(Violation::new("strokes-acknowledged", detail));
            }
        }
        Ok(())
    }

    /// Whether a member shows a stroke, or what beats it. Strokes are numbered as they were painted.
    pub fn is_shown(&self, number: usize, world: &World, (index, room): Member) -> bool {
        let canvas = world.node(index).canvas(room);
        canvas.is_some_and(|canvas| lacking(&self.strokes[number], |cell| shown(canvas, cell)).is_none())
    }

    /// How many strokes there are.
    pub fn strokes(&self) -> usize {
        self.strokes.len()
    }
}

/// What decides between two cells.
type Rank = (Stamp, PeerId, Colour);

/// The first cell of a stroke where something lesser is, or nothing.
fn lacking(stroke: &Stroke, present: impl Fn(&StrokeCell) -> Option<Rank>) -> Option<&StrokeCell> {
    let beaten = |cell: &StrokeCell| {
        present(cell).is_some_and(|present| present >= (cell.stamp, stroke.peer, cell.colour))
    };
    stroke.cells.iter().find(|cell| !beaten(cell))
}

fn shown(canvas: &Canvas, cell: &StrokeCell) -> Option<Rank> {
    let (author, colour) = (canvas.author(cell.x, cell.y)?, canvas.colour(cell.x, cell.y)?);
    Some((canvas.stamp(cell.x, cell.y), author, colour))
}

/// What a canvas of this disk would show.
fn cells_of(size: CanvasSize, store: &Store) -> BTreeMap<(u16, u16), Rank> {
    let mut cells = BTreeMap::new();
    let batches =
        store.iter().flat_map(|(room, files)| files.batches.values().map(move |bytes| (room, bytes)));
    for (room, bytes) in batches {
        let Ok(batch) = UnverifiedBatch::decode(room, bytes) else { continue };
        let Ok(strokes) = Strokes::decode(size, batch.header().window, batch.payload()) else { continue };
        let Some((left, top)) = size.tile_origin(strokes.tile()) else { continue };
        for cell in strokes.cells() {
            let place = (left + cell.index % 64, top + cell.index / 64);
            let rank = (cell.stamp, batch.peer(), cell.colour);
            let best = cells.entry(place).or_insert(rank);
            *best = (*best).max(rank);
        }
    }
    cells
}
