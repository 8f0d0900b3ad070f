//! Counts what a canvas shows: cells by author and by colour, strokes, and when they were painted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use meshwork::{Cell, Colour, PeerId};
use meshwork_place::canvas::CanvasSize;

/// What was counted so far.
#[derive(Debug)]
pub(super) struct Census {
    pub(super) size: CanvasSize,
    /// Cells that show a colour.
    pub(super) painted: usize,
    /// What was painted at once and still shows.
    pub(super) strokes: usize,
    authors: BTreeMap<PeerId, usize>,
    /// The number of each painted cell's colour: four bytes a cell, where a table of a photograph's colours takes ten
    /// times that.
    colours: Vec<u32>,
    /// When the oldest and the newest of the cells that show were painted, in milliseconds since 1970.
    span: Option<(u64, u64)>,
}

impl Census {
    /// Nothing counted yet of a canvas of this size.
    pub(super) fn new(size: CanvasSize) -> Census {
        Census { size, painted: 0, strokes: 0, authors: BTreeMap::new(), colours: Vec::new(), span: None }
    }

    /// Counts some cells.
    pub(super) fn count(&mut self, cells: &[Cell]) {
        for cell in cells.iter().filter(|cell| cell.colour != Colour::CLEARED) {
            self.painted += 1;
            self.colours.push(cell.colour.bits());
            *self.authors.entry(cell.author).or_default() += 1;
            let (oldest, newest) = self.span.unwrap_or((u64::MAX, 0));
            self.span = Some((oldest.min(cell.time_ms), newest.max(cell.time_ms)));
        }
    }

    /// Takes note of the strokes, once the cells are counted.
    pub(super) fn finish(&mut self, strokes: usize) {
        self.strokes = strokes;
        self.colours.sort_unstable();
    }

    /// When the oldest and the newest of the cells that show were painted, in milliseconds since 1970.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        self.span
    }

    /// Strokes a minute between the oldest and the newest; none when that is no time at all.
    pub(super) fn strokes_per_minute(&self) -> Option<f64> {
        let (oldest, newest) = self.span()?;
        let millis = newest - oldest;
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

    const RED: Colour = Colour::rgb(255, 0, 0);
    const BLUE: Colour = Colour::rgb(0, 0, 255);

    #[test]
    fn visible_cells_count_by_author_colour_and_time() {
        let (one, two) = (PeerId([1; 32]), PeerId([2; 32]));
        let cell = |x, author, time_ms, colour| Cell { x, y: 0, colour, author, time_ms };
        let mut census = Census::new(CanvasSize { width: 70, height: 70 });
        census.count(&[cell(0, two, 120_000, BLUE), cell(1, one, 60_000, RED), cell(2, one, 60_000, RED)]);
        census.count(&[cell(69, two, 120_000, RED), cell(5, two, 180_000, Colour::CLEARED)]);
        census.finish(3);
        assert_eq!((census.painted, census.strokes), (4, 3), "what was erased does not show");
        assert_eq!(census.authors(), [(one, 2), (two, 2)]);
        assert_eq!(census.colours(), [(RED, 3), (BLUE, 1)]);
        assert_eq!(census.span(), Some((60_000, 120_000)));
        assert_eq!(census.strokes_per_minute(), Some(3.0));
    }

    #[test]
    fn an_empty_canvas_has_no_span() {
        let census = Census::new(CanvasSize { width: 1, height: 1 });
        assert_eq!((census.span(), census.strokes_per_minute()), (None, None));
        assert!(census.authors().is_empty() && census.colours().is_empty());
    }
}
