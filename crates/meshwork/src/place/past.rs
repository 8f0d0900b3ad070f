//! What was painted on a canvas up to now.

use std::sync::atomic::{AtomicU64, Ordering};

use meshwork_core::id::Endpoint as EndpointId;
use meshwork_core::node::Node;
use meshwork_core::room::history::{HistoryState, HistoryView};
use meshwork_core::seam::lane::Slot;
use meshwork_place::Place as _;
pub use meshwork_place::canvas::{PastBatch as PastStroke, PastCell};

use crate::error::Closed;
use crate::place::canvas::Canvas;
use crate::room::Room;

/// Cells that are taken from the node at a time: some milliseconds of its time.
const CELLS_AT_ONCE: usize = 200_000;

/// What was painted on a canvas up to now, also what does not show any more: what the history of a member has, whichever
/// reaches back furthest, and then what this program has of it itself. Nothing more is fetched than is read, so that it
/// may be dropped at any time.
pub struct Past {
    room: Room,
    /// Which of those that were asked for in the room.
    number: u64,
    log: Option<PastLog>,
    is_over: bool,
}

/// How often the past of the room's canvas was requested.
#[derive(Default)]
struct Pasts(AtomicU64);

/// The history that a past comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastLog {
    /// Whose it is.
    pub keeper: EndpointId,
    /// How far back it reaches: milliseconds since 1970.
    pub since_ms: u64,
    /// Bytes that it has, about.
    pub bytes: u64,
    /// Bytes that came so far.
    pub fetched: u64,
    /// Strokes that are known to be missing between its first and its last.
    pub missed: u64,
    /// Whether it begins with the first stroke of the room, and nothing is missing in it so far.
    pub is_whole: bool,
    /// Whether all of it came. At the end it is false where the keeper went away, and nobody else has a history.
    pub is_complete: bool,
}

impl Canvas {
    /// Begins to fetch what was painted on it up to now. A room fetches one past at a time: an earlier one ends.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn past(&self) -> Result<Past, Closed> {
        let pasts = self.0.state.state::<Pasts>(Slot::GENESIS);
        let begin = move |node: &mut Node, now, room| {
            node.fetch_past(now, room);
            pasts.0.fetch_add(1, Ordering::Relaxed) + 1
        };
        let number = self.0.call(begin).await?;
        Ok(Past { room: self.0.clone(), number, log: None, is_over: false })
    }
}

impl Past {
    /// Waits for some more strokes, each author's in its order; `None` at the end. The same stroke may come twice: out of
    /// a history, and as what this program has. Dropping the future may lose strokes.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn next(&mut self) -> Result<Option<Vec<PastStroke>>, Closed> {
        while !self.is_over {
            let changed = self.room.state.change_after_now();
            let (number, pasts) = (self.number, self.room.state.state::<Pasts>(Slot::GENESIS));
            let take = move |node: &mut Node, now, room| {
                if pasts.0.load(Ordering::Relaxed) != number {
                    return (Vec::new(), None, true);
                }
                let strokes = node.take_past(now, room, CELLS_AT_ONCE);
                let view = node.room(room).history();
                if !strokes.is_empty() || view.as_ref().is_some_and(goes_on) {
                    return (strokes, view, false);
                }
                let canvas = node.canvas(room).into_iter();
                let own = canvas.flat_map(|canvas| canvas.batches().filter_map(|batch| canvas.past(batch)));
                (own.collect(), view, true)
            };
            let (strokes, view, is_over) = self.room.call(take).await?;
            self.is_over = is_over;
            self.log = view.and_then(PastLog::of).or(self.log.take());
            if !strokes.is_empty() {
                return Ok(Some(strokes));
            }
            if !is_over {
                changed.await;
            }
        }
        Ok(None)
    }

    /// The history that it comes from; `None` until something of one came, and where nobody has one: then there is only
    /// what this program has.
    pub fn log(&self) -> Option<&PastLog> {
        self.log.as_ref()
    }
}

fn goes_on(view: &HistoryView) -> bool {
    matches!(view.state, HistoryState::Asking | HistoryState::Fetching)
}

impl PastLog {
    fn of(view: HistoryView) -> Option<PastLog> {
        let (keeper, span) = view.source.filter(|_| view.batches > 0)?;
        Some(PastLog {
            keeper,
            since_ms: span.since_ms,
            bytes: span.bytes,
            fetched: view.bytes,
            missed: view.missed,
            is_whole: view.is_whole,
            is_complete: view.state == HistoryState::Complete,
        })
    }
}
