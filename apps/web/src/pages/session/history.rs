//! The room's past, as the page fetches it to play it.

use meshwork_core::room::history::HistoryView;
use meshwork_place::Place as _;
use meshwork_place::canvas::{Canvas, PastBatch};

use super::Session;

impl Session {
    /// Begins to fetch the history.
    pub(crate) fn fetch_history(self) {
        self.with_room(|node, now, room| node.fetch_past(now, room));
    }

    /// Stops fetching it.
    pub(crate) fn cancel_history(self) {
        self.with_room(|node, now, room| node.room_mut(now, room).cancel_history());
    }

    /// How far the fetch is, and what came of it since this was last asked: about so many cells at most.
    pub(crate) fn take_history(self, cells: usize) -> Option<(HistoryView, Vec<PastBatch>)> {
        let taken = self.with_room(|node, now, room| {
            let taken = node.take_past(now, room, cells);
            Some((node.room(room).history()?, taken))
        });
        taken.flatten()
    }

    /// What one's own canvas still has, of some of its tiles.
    pub(crate) fn past_of_tiles(self, tiles: std::ops::Range<u32>) -> Vec<PastBatch> {
        let past = |canvas: &Canvas| {
            let batches = tiles.flat_map(|tile| canvas.batches_of_tile(tile));
            batches.filter_map(|batch| canvas.past(batch)).collect()
        };
        self.with_canvas(past).unwrap_or_default()
    }
}
