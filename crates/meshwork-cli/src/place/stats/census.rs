//! Counts what a canvas shows: cells by author and by colour, strokes, and when they were painted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::time::WallTime;
use meshwork_place::canvas::{Canvas, CanvasSize, Colour, TILE_SIDE};

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Census {
    pub(super) size: CanvasSize,
    /// Cells that show a colour.
    pub(super) painted: usize,
    /// Batches that win a cell.
    pub(super) strokes: usize,
    authors: BTreeMap<PeerId, usize>,
    /// The number of each painted cell's colour: four bytes a cell, where a table of a photograph's colours takes ten
    /// times that.
    colours: Vec<u32>,
    oldest: Stamp,
    newest: Stamp,
}

impl Census {
    /// Nothing counted yet of a canvas of this size.
    pub(super) fn new(size: CanvasSize) -> Census {
        Census {
            size,
            painted: 0,
            strokes: 0,
            authors: BTreeMap::new(),
            colours: Vec::new(),
            oldest: Stamp::LAST,
            newest: Stamp::NEVER,
        }
    }

    /// Counts the cells of one row of tiles, from the row of cells `top` on.
    pub(super) fn count_rows(&mut self, canvas: &Canvas, top: u16) {
        for y in top..top.saturating_add(TILE_SIDE).min(self.size.height) {
            for x in 0..self.size.width {
                let Some(colour) = canvas.colour(x, y).filter(|colour| *colour != Colour::CLEARED) else {
                    continue;
                };
                self.painted += 1;
                self.colours.push(colour.bits());
                if let Some(author) = canvas.author(x, y) {
                    *self.authors.entry(author).or_default() += 1;
                }
                let stamp = canvas.stamp(x, y);
                (self.oldest, self.newest) = (self.oldest.min(stamp), self.newest.max(stamp));
            }
        }
    }

    /// Counts the batches, once the cells are counted.
    pub(super) fn count_strokes(&mut self, canvas: &Canvas) {
        self.strokes = canvas.batch_count();
        self.colours.sort_unstable();
    }

    /// When the oldest and the newest of the cells that show were painted.
    pub(super) fn span(&self) -> Option<(WallTime, WallTime)> {
        (self.painted > 0).then(|| (self.oldest.wall(), self.newest.wall()))
    }

    /// Strokes a minute between the oldest and the newest; none when that is no time at all.
    pub(super) fn strokes_per_minute(&self) -> Option<f64> {
        let (oldest, newest) = self.span()?;
        let millis = newest.as_millis() - oldest.as_millis();
        (millis > 0).then(|| self.strokes as f64 * 60_000.0 / millis as f64)
    }

    /// Who painted how many of the cells that show, the most first.
    pub(super) fn authors(&self) -> Vec<(PeerId, usize)> {
        let mut authors: Vec<_> = self.authors.iter().map(|(peer, count)| (*peer, *count)).collect();
        authors.sort_by_key(|(peer, count)| (Reverse(*count), *peer));
        authors
    }

    /// How many cells show which colour, the most first.
    pub(super) fn colours(&self) -> Vec<(Colour, usize)> {
        let runs = self.colours.chunk_by(|one, other| one == other);
        let mut colours: Vec<_> =
            runs.filter_map(|run| Some((Colour::from_bits(run[0])?, run.len()))).collect();
        colours.sort_by_key(|(colour, count)| (Reverse(*count), *colour));
        colours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshwork_core::id::{Endpoint, Identity, Instance, RoomId};
    use meshwork_core::signed::batch::{Header, SignedBatch};
    use meshwork_place::canvas::cells_to_strokes;

    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);

    fn paint(canvas: &mut Canvas, seed: u8, millis: u64, cells: &[(u16, u16, Colour)]) {
        let identity = Identity::from_secret([seed; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let stamp = Stamp::new(millis, 0).unwrap();
        for (sequence, strokes) in (millis..).zip(cells_to_strokes(canvas.size(), cells, stamp).unwrap()) {
            let cost = strokes.cells().len() as u32;
            let header = Header::new(author, sequence, strokes.window(), cost);
            let batch = SignedBatch::sign(&identity, &RoomId([2; 32]), &header, &strokes.encode()).unwrap();
            canvas.apply(batch, &strokes);
        }
    }

    #[test]
    fn what_shows_is_counted_by_author_colour_and_time() {
        let size = CanvasSize { width: 70, height: 70 };
        let mut canvas = Canvas::new(size).unwrap();
        paint(&mut canvas, 1, 60_000, &[(0, 0, RED), (1, 0, RED), (2, 0, RED)]);
        paint(&mut canvas, 2, 120_000, &[(0, 0, BLUE), (69, 69, RED), (5, 5, Colour::CLEARED)]);
        let mut census = Census::new(size);
        census.count_rows(&canvas, 0);
        census.count_rows(&canvas, 64);
        census.count_strokes(&canvas);
        assert_eq!((census.painted, census.strokes), (4, 3), "two tiles of the second are two batches");
        let (one, two) = (Identity::from_secret([1; 32]).peer(), Identity::from_secret([2; 32]).peer());
        let mut authors = vec![(one, 2), (two, 2)];
        authors.sort_unstable();
        assert_eq!(census.authors(), authors);
        assert_eq!(census.colours(), [(RED, 3), (BLUE, 1)]);
        let (oldest, newest) = census.span().unwrap();
        assert_eq!((oldest.as_millis(), newest.as_millis()), (60_000, 120_000));
        assert_eq!(census.strokes_per_minute(), Some(3.0));
    }

    #[test]
    fn an_empty_canvas_has_no_span() {
        let census = Census::new(CanvasSize { width: 1, height: 1 });
        assert_eq!((census.span(), census.strokes_per_minute()), (None, None));
        assert!(census.authors().is_empty() && census.colours().is_empty());
    }
}
