//! The room's canvas: one's own strokes, what others paint, and its past.

use std::ops::Range;
use std::rc::Rc;

use leptos::prelude::*;
use leptos::reactive::owner::LocalStorage;
use meshwork_core::node::{CommandError, Node, Receipt, RoomHandle, WriteError, WritingLeft};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::room::history::HistoryView;
use meshwork_core::seam::lane::Slot;
use meshwork_place::Place as _;
use meshwork_place::canvas::{self, Canvas, CanvasSize, Colour, Painted, PastBatch};
use meshwork_web::people::Row;

use super::super::session::node::PageNode;
use super::super::session::reach::Reach;
use super::super::session::set_if_new;

/// Called back with the cells that look different now; with `None`, all may.
type Listener = Rc<dyn Fn(Option<&[Painted]>)>;

/// Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct RoomCanvas {
    node: PageNode,
    listener: StoredValue<Option<Listener>, LocalStorage>,
    /// Its size, once known.
    pub(crate) size: RwSignal<Option<CanvasSize>>,
    /// Cells that show a colour.
    pub(crate) painted: RwSignal<usize>,
    /// Who has the last stroke.
    pub(crate) reach: Reach,
    /// Why the last stroke was not taken.
    pub(crate) refused: RwSignal<Option<String>>,
    /// Whether strokes wait for the others.
    pub(crate) is_slowed: RwSignal<bool>,
}

impl RoomCanvas {
    pub(super) fn new(node: PageNode, rows: RwSignal<Vec<Row>>) -> RoomCanvas {
        RoomCanvas {
            node,
            listener: StoredValue::new_local(None),
            size: RwSignal::new(None),
            painted: RwSignal::new(0),
            reach: Reach::new(rows),
            refused: RwSignal::new(None),
            is_slowed: RwSignal::new(false),
        }
    }

    /// Looks at it, once it is known.
    pub(crate) fn with<R>(self, look: impl FnOnce(&Canvas) -> R) -> Option<R> {
        self.node.look(|node, room| node.canvas(room).map(look)).flatten()
    }

    /// Whether this is the canvas of our room.
    pub(super) fn is_it(self, room: RoomHandle, replica: ReplicaNumber) -> bool {
        let number = |node: &mut Node, _| node.canvas_slot(room).map(canvas::replica);
        self.node.is_in(room) && self.node.with(number) == Some(replica)
    }

    /// Paints cells.
    pub(super) fn paint(self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, CommandError> {
        let receipt = self.node.command(|node, now, room| node.paint(now, room, cells))?;
        self.reach.begin(*receipt.sequences.end());
        Ok(receipt)
    }

    /// Whether the room's rules let one paint so many cells at once now.
    ///
    /// # Errors
    /// The node's, as painting would give it for the rules' sake.
    pub(crate) fn check_paint(self, cells: usize) -> Result<(), CommandError> {
        let left = self.node.command(|node, now, room| {
            let slot = node.canvas_slot(room).unwrap_or(Slot::GENESIS);
            node.room_mut(now, room).writing_left(slot.number())
        })?;
        match left {
            Some(WritingLeft { left, limit, wait_ms }) if cells > left as usize => {
                let (cells, window_ms) = (limit.cost, limit.window_ms);
                Err(CommandError::Write(WriteError::TooFast { left, cost: cells, window_ms, wait_ms }))
            }
            _ => Ok(()),
        }
    }

    /// Calls `listener` with cells that look different now, until another one is set.
    pub(crate) fn on_change(self, listener: impl Fn(Option<&[Painted]>) + 'static) {
        self.listener.set_value(Some(Rc::new(listener)));
    }

    /// Says which cells look different; with `None`, all may.
    pub(super) fn tell(self, cells: Option<&[Painted]>) {
        if let Some(listener) = self.listener.get_value() {
            listener(cells);
        }
    }

    /// Counts again the cells that show a colour.
    pub(super) fn count(self) {
        set_if_new(self.painted, self.with(Canvas::painted).unwrap_or(0));
    }

    /// Begins to fetch the history.
    pub(crate) fn fetch_history(self) {
        self.node.with_room(|node, now, room| node.fetch_past(now, room));
    }

    /// Stops fetching it.
    pub(crate) fn cancel_history(self) {
        self.node.with_room(|node, now, room| node.room_mut(now, room).cancel_history());
    }

    /// How far the fetch is, and what came of it since this was last asked: about so many cells at most.
    pub(crate) fn take_history(self, cells: usize) -> Option<(HistoryView, Vec<PastBatch>)> {
        let taken = self.node.with_room(|node, now, room| {
            let taken = node.take_past(now, room, cells);
            Some((node.room(room).history()?, taken))
        });
        taken.flatten()
    }

    /// What one's own canvas still has, of some of its tiles.
    pub(crate) fn past_of_tiles(self, tiles: Range<u32>) -> Vec<PastBatch> {
        let past = |canvas: &Canvas| {
            let batches = tiles.flat_map(|tile| canvas.batches_of_tile(tile));
            batches.filter_map(|batch| canvas.past(batch)).collect()
        };
        self.with(past).unwrap_or_default()
    }
}
