//! What is painted in the races: the same cells for every contestant, from a seed.

use anyhow::Result;
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
use meshwork_core::rng::Rng;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, Strokes, TILE_SIDE, TileCell, cells_to_strokes};

use crate::race::Plan;

/// The room that everything is signed for where no real one is needed.
pub(crate) const ROOM: RoomId = RoomId([9; 32]);
/// When painting begins: the first day of 2024, in milliseconds since 1970. No clock that is set takes it for later.
const BEGIN_MILLIS: u64 = 1_704_067_200_000;

/// A cell and what it is painted with.
pub(crate) type Cell = (u16, u16, Colour);

/// Somebody who paints.
pub(crate) struct Author {
    identity: Identity,
    endpoint: Endpoint,
    sequence: u64,
}

impl Author {
    /// The author with this number.
    pub(crate) fn new(number: u8) -> Author {
        let identity = Identity::from_secret([number + 1; 32]);
        let endpoint =
            Endpoint { peer: identity.peer(), instance: Instance(Rng::new([number; 32]).next_u64()) };
        Author { identity, endpoint, sequence: 0 }
    }

    /// The next batch of this author.
    pub(crate) fn sign(
        &mut self,
        room: &RoomId,
        strokes: &Strokes,
        window: StampWindow,
    ) -> Result<SignedBatch> {
        self.sequence += 1;
        let header = Header::new(self.endpoint, self.sequence, window, strokes.cells().len() as u32);
        Ok(SignedBatch::sign(&self.identity, room, &header, &strokes.encode())?)
    }
}

/// The stamp of the stroke with this number, where somebody paints one every 150 ms.
pub(crate) fn stamp(number: u64) -> Stamp {
    Stamp::new(BEGIN_MILLIS + number * 150, 0).expect("a day of this century is a stamp")
}

/// Any of the 16.8 million colours.
pub(crate) fn any_colour(rng: &mut Rng) -> Colour {
    let [red, green, blue] = rng.bytes();
    Colour::rgb(red, green, blue)
}

/// A scribble: different cells of one tile, each beside the one before as under a finger. `length` is at
/// most what the tile has.
pub(crate) fn scribble(rng: &mut Rng, size: CanvasSize, length: usize) -> Vec<(u16, u16)> {
    let mut along = |side: u16| rng.below(u64::from(side / TILE_SIDE)) as u16 * TILE_SIDE;
    let origin = (along(size.width), along(size.height));
    scribble_on(rng, origin, length)
}

/// A scribble on the tile with this upper left cell, whether or not the canvas reaches that far.
fn scribble_on(rng: &mut Rng, (left, top): (u16, u16), length: usize) -> Vec<(u16, u16)> {
    let side = TILE_SIDE;
    let mut cells = Vec::with_capacity(length);
    let mut taken = [false; TILE_SIDE as usize * TILE_SIDE as usize];
    let (mut x, mut y) = (rng.below(u64::from(side)) as u16, rng.below(u64::from(side)) as u16);
    let mut heading = rng.below(8);
    while cells.len() < length {
        let place = usize::from(y) * usize::from(side) + usize::from(x);
        if !taken[place] {
            taken[place] = true;
            cells.push((left + x, top + y));
        }
        // A hand goes on as before more often than not.
        heading = (heading + [0, 0, 0, 1, 7][rng.below(5) as usize]) % 8;
        let (dx, dy) =
            [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)][heading as usize];
        let within = |from: u16, step: i32| (i32::from(from) + step).rem_euclid(i32::from(side)) as u16;
        (x, y) = (within(x, dx), within(y, dy));
    }
    cells
}

/// What is painted at once, with the batches that say so.
pub(crate) struct Stroke {
    /// The cells.
    pub(crate) cells: Vec<Cell>,
    /// One for each tile.
    pub(crate) batches: Vec<(SignedBatch, Strokes)>,
}

/// Strokes by 16 authors in turn.
pub(crate) fn strokes(size: CanvasSize, cells: impl Iterator<Item = Vec<Cell>>) -> Result<Vec<Stroke>> {
    let mut authors: Vec<Author> = (0..16).map(Author::new).collect();
    cells
        .enumerate()
        .map(|(number, cells)| {
            let author = &mut authors[number % 16];
            let strokes = cells_to_strokes(size, &cells, stamp(number as u64))?.into_iter();
            let batches = strokes.map(|strokes| {
                let batch = author.sign(&ROOM, &strokes, strokes.window())?;
                Ok((batch, strokes))
            });
            Ok(Stroke { batches: batches.collect::<Result<_>>()?, cells })
        })
        .collect()
}

/// A canvas on which 16 authors have painted 192 scribbles of 64 cells on each tile, every cell in a colour of its
/// own, until no cell was left; then each author folded each tile.
pub(crate) fn folded_scribbles(room: &RoomId, size: CanvasSize) -> Result<Canvas> {
    let mut rng = Rng::new([5; 32]);
    let mut authors: Vec<Author> = (0..16).map(Author::new).collect();
    let mut canvas = Canvas::new(size)?;
    let mut number = 0;
    let mut paint =
        |canvas: &mut Canvas, places: Vec<(u16, u16)>, rng: &mut Rng, author: &mut Author| -> Result<()> {
            number += 1;
            let on_canvas = places.into_iter().filter(|&(x, y)| size.contains(x, y));
            let cells: Vec<Cell> = on_canvas.map(|(x, y)| (x, y, any_colour(rng))).collect();
            for strokes in cells_to_strokes(size, &cells, stamp(number))? {
                let batch = author.sign(room, &strokes, strokes.window())?;
                canvas.apply(batch, &strokes);
            }
            Ok(())
        };
    for round in 0..192 {
        for tile in 0..size.tile_count() {
            let origin = size.tile_origin(tile).expect("a tile of the canvas");
            let author = (round + tile as usize) % authors.len();
            let places = scribble_on(&mut rng, origin, 64);
            paint(&mut canvas, places, &mut rng, &mut authors[author])?;
        }
    }
    for tile in 0..size.tile_count() {
        let (left, top) = size.tile_origin(tile).expect("a tile of the canvas");
        let places = (0..TILE_SIDE).flat_map(|y| (0..TILE_SIDE).map(move |x| (left + x, top + y)));
        let bare: Vec<_> = places.filter(|&(x, y)| canvas.colour(x, y).is_none()).collect();
        for (part, cells) in bare.chunks(64).enumerate() {
            let author = (part + tile as usize) % authors.len();
            paint(&mut canvas, cells.to_vec(), &mut rng, &mut authors[author])?;
        }
    }
    fold_all(room, &mut canvas, &mut authors, stamp(number + 1))?;
    Ok(canvas)
}

/// Lets every author fold every tile.
fn fold_all(room: &RoomId, canvas: &mut Canvas, authors: &mut [Author], now: Stamp) -> Result<()> {
    for tile in 0..canvas.tile_count() {
        for author in &mut *authors {
            let Some(strokes) = canvas.fold(tile, author.endpoint.peer) else { continue };
            let window = StampWindow { least: strokes.window().least, most: now };
            let batch = author.sign(room, &strokes, window)?;
            canvas.apply(batch, &strokes);
        }
    }
    Ok(())
}

/// All cells that show a colour, row by row.
pub(crate) fn cells_of(canvas: &Canvas) -> Vec<Cell> {
    let size = canvas.size();
    let places = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    places.filter_map(|(x, y)| Some((x, y, canvas.colour(x, y)?))).collect()
}

/// A canvas with a picture that one author painted tile by tile, as the command line does.
pub(crate) fn picture(room: &RoomId, size: CanvasSize, cells: &[Cell]) -> Result<Canvas> {
    let mut author = Author::new(0);
    let mut canvas = Canvas::new(size)?;
    for (number, strokes) in cells_to_strokes(size, cells, stamp(0))?.into_iter().enumerate() {
        let stamp = stamp(number as u64);
        let cells = strokes.cells().iter().map(|cell| TileCell { stamp, ..*cell }).collect();
        let strokes = Strokes::new(size, strokes.tile(), cells)?;
        let batch = author.sign(room, &strokes, strokes.window())?;
        canvas.apply(batch, &strokes);
    }
    Ok(canvas)
}

/// The canvas of [`samples`].
const SAMPLE_SIZE: CanvasSize = CanvasSize { width: 256, height: 256 };

/// Lone clicks, scribbles of one and of many colours, and whole tiles, each with a name.
pub(crate) fn samples(plan: &Plan) -> Result<Vec<(&'static str, Vec<Stroke>)>> {
    let mut rng = Rng::new([8; 32]);
    let mut scribbles = |count: usize, length: usize, many_colours: bool| {
        let paint = |_| {
            let one = any_colour(&mut rng);
            let places = scribble(&mut rng, SAMPLE_SIZE, length);
            let mut colour = || if many_colours { any_colour(&mut rng) } else { one };
            places.into_iter().map(|(x, y)| (x, y, colour())).collect()
        };
        strokes(SAMPLE_SIZE, (0..count).map(paint))
    };
    Ok(vec![
        ("lone-click", scribbles(plan.size(4000, 3), 1, false)?),
        ("one-colour-stroke", scribbles(plan.size(4000, 3), 64, false)?),
        ("random-colours-stroke", scribbles(plan.size(4000, 3), 64, true)?),
        ("random-tile", scribbles(plan.size(200, 3), 4096, true)?),
    ])
}
