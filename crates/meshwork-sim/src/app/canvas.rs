//! The canvas of Place: strokes near a corner, so that they compete.

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::RoomRef;
use meshwork_core::replica::{Digest, ReplicaNumber, Retraction};
use meshwork_core::rng::Rng;
use meshwork_core::seam::change::Changes;
use meshwork_core::signed::batch::{SignedBatch, UnverifiedBatch};
use meshwork_core::signed::genesis::Genesis;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, Erase, Painted, Strokes};
use meshwork_place::{canvas_size, payloads};

use super::{App, Author, Entry, Occasion, Rank, Told, Writing};

/// Everybody paints near the corner, so that strokes compete.
const CORNER: u64 = 12;
/// Most cells of a stroke.
const CELLS_MAX: u64 = 30;

/// What somebody paints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Up to 30 cells; a few strokes clear instead.
    Paint {
        /// What the cells and the colour are drawn from.
        salt: u64,
    },
    /// A single cell.
    Dot {
        /// In which column.
        x: u16,
    },
    /// Single cells of one tile, a stroke each.
    Click {
        /// How many.
        count: u16,
    },
    /// The cells in the corner.
    Corner {
        /// How dark.
        shade: u8,
    },
    /// The cell in the opposite corner.
    Far,
}

/// The app.
pub(super) struct Place;

impl App for Place {
    fn draw(&self, occasion: Occasion, rng: &mut Rng) -> super::Operation {
        super::Operation::Canvas(match occasion {
            Occasion::Usual => Operation::Paint { salt: rng.next_u64() },
            Occasion::Apart => Operation::Dot { x: rng.below(5) as u16 },
            Occasion::Many => Operation::Click { count: 65 + rng.below(30) as u16 },
            Occasion::Contest { second } => Operation::Corner { shade: if second { 60 } else { 50 } },
            Occasion::Probe => Operation::Far,
        })
    }

    fn writing(&self, author: &Author<'_>, operation: &super::Operation, turn: u16) -> Option<Writing> {
        let super::Operation::Canvas(operation) = operation else { return None };
        let size = canvas(author.room())?.size();
        let (who, number) = (author.who as u8, author.number as u8);
        let (right, bottom) = (size.width - 1, size.height - 1);
        let cells = match *operation {
            Operation::Click { count } if turn < count => {
                let (width, height) = (size.width.min(40), size.height.min(40));
                vec![(turn % width, turn / width % height, Colour::rgb(who, turn as u8, 1))]
            }
            Operation::Click { .. } => return None,
            _ if turn > 0 => return None,
            Operation::Paint { salt } => stroke(size, salt),
            Operation::Dot { x } => vec![(x.min(right), 0, Colour::rgb(3, who, number))],
            Operation::Corner { shade } => {
                let colour = Colour::rgb(who, shade, shade);
                (0..size.width.min(2)).map(|x| (x, 0, colour)).collect()
            }
            Operation::Far => vec![(right, bottom, Colour::rgb(9, who, number))],
        };
        Some(writing(size, &cells))
    }

    fn shown(&self, room: RoomRef<'_>, place: &super::Place) -> Option<Rank> {
        let super::Place::Cell { x, y } = *place else { return None };
        rank(canvas(room)?, x, y)
    }

    fn entries(&self, room: RoomRef<'_>) -> Vec<Entry> {
        let Some(canvas) = canvas(room) else { return vec![] };
        let size = canvas.size();
        let cells = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
        let painted = cells.filter(|&(x, y)| canvas.stamp(x, y) != Stamp::NEVER);
        painted.filter_map(|(x, y)| Some(Entry { place: cell(x, y), rank: rank(canvas, x, y)? })).collect()
    }

    fn greatest_stamp(&self, room: RoomRef<'_>) -> Stamp {
        canvas(room).map(Canvas::greatest_stamp).unwrap_or_default()
    }

    fn digests(&self, room: RoomRef<'_>) -> Option<Vec<Digest>> {
        Some(vec![canvas(room)?.digest()])
    }

    fn told(&self, _: ReplicaNumber, author: Option<PeerId>, changes: &Changes) -> Vec<Told> {
        let told = |painted: &Painted| (cell(painted.x, painted.y), author, content(painted.colour));
        Painted::of(changes).iter().map(told).collect()
    }

    fn entries_of(&self, genesis: &Genesis, batch: &UnverifiedBatch) -> Vec<Entry> {
        let (app, parameters) = genesis.app();
        let Some(size) = canvas_size(app, parameters) else { return vec![] };
        let header = batch.header();
        let Ok(strokes) = Strokes::decode(size, header.window, batch.payload()) else { return vec![] };
        let Some((left, top)) = size.tile_origin(strokes.tile()) else { return vec![] };
        let entries = strokes.cells().iter().map(|one| Entry {
            place: cell(left + one.index % 64, top + one.index / 64),
            rank: Rank { stamp: one.stamp, peer: batch.peer(), content: content(one.colour) },
        });
        entries.filter(|_| header.replica == ReplicaNumber::FIRST).collect()
    }

    fn batches<'a>(&self, room: RoomRef<'a>) -> Vec<&'a SignedBatch> {
        canvas(room).into_iter().flat_map(Canvas::batches).collect()
    }

    fn is_covered(&self, by: &Retraction, entry: &Entry) -> bool {
        let super::Place::Cell { x, y } = entry.place else { return false };
        let is_within = |erase: Erase| erase.region.is_none_or(|region| region.contains(x, y));
        by.replica == ReplicaNumber::FIRST
            && by.is_of(entry.rank.stamp, entry.rank.peer)
            && Erase::of(by).is_some_and(is_within)
    }
}

fn canvas(room: RoomRef<'_>) -> Option<&Canvas> {
    room.replica(ReplicaNumber::FIRST)
}

fn cell(x: u16, y: u16) -> super::Place {
    super::Place::Cell { x, y }
}

/// Bytes in the order of colours.
fn content(colour: Colour) -> Vec<u8> {
    colour.bits().to_be_bytes().to_vec()
}

fn rank(canvas: &Canvas, x: u16, y: u16) -> Option<Rank> {
    let (peer, colour) = (canvas.author(x, y)?, canvas.colour(x, y)?);
    Some(Rank { stamp: canvas.stamp(x, y), peer, content: content(colour) })
}

/// The cells of a stroke.
fn stroke(size: CanvasSize, salt: u64) -> Vec<(u16, u16, Colour)> {
    let mut bytes = [2; 32];
    bytes[..8].copy_from_slice(&salt.to_le_bytes());
    let mut rng = Rng::new(bytes);
    let colour = match rng.below(6) {
        0 => Colour::CLEARED,
        _ => Colour::rgb(rng.below(256) as u8, rng.below(256) as u8, rng.below(256) as u8),
    };
    let reach = if rng.below(8) == 0 { 200 } else { CORNER };
    let mut near = |side: u16| rng.below(u64::from(side).min(reach)) as u16;
    let mut cells: Vec<_> = (0..CELLS_MAX).map(|_| (near(size.width), near(size.height), colour)).collect();
    cells.truncate(1 + rng.below(CELLS_MAX) as usize);
    cells
}

fn writing(size: CanvasSize, cells: &[(u16, u16, Colour)]) -> Writing {
    let payloads = payloads(size, cells).expect("the cells are on the canvas");
    let entries = cells.iter().map(|&(x, y, colour)| (cell(x, y), content(colour))).collect();
    Writing { replica: ReplicaNumber::FIRST, payloads, entries }
}
