//! What a room with a canvas offers beyond what every room does.

use meshwork_core::id::Endpoint;
use meshwork_core::node::{CommandError, Node, Receipt, WriteError};
use meshwork_core::replica::{Replica, WHENEVER};
use meshwork_core::room::genesis::{Genesis, RoomKind};
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::presence::State;
use meshwork_core::time::Time;

use crate::canvas::{Canvas, CanvasSize, Colour, PastBatch, StrokesError, cells_to_strokes};
use crate::cursor::Cursor;

/// The canvas of a Place room; `None` for another room, or where a side of the canvas is out of range.
pub fn make(genesis: &Genesis) -> Option<Box<dyn Replica>> {
    let canvas = Canvas::new(canvas_size(genesis)?).ok()?;
    Some(Box::new(canvas))
}

/// The size of the canvas that a room is made for; `None` where the room is for something else.
pub fn canvas_size(genesis: &Genesis) -> Option<CanvasSize> {
    match genesis.kind {
        RoomKind::Place { width, height } => Some(CanvasSize { width, height }),
        _ => None,
    }
}

/// The kind of a room with a canvas of this size.
pub fn kind(size: CanvasSize) -> RoomKind {
    RoomKind::Place { width: size.width, height: size.height }
}

/// The payloads that paint cells: (x, y, colour), where the last one counts for a cell given twice.
///
/// # Errors
/// [`StrokesError::OutsideCanvas`] names the first cell that is outside.
pub fn payloads(size: CanvasSize, cells: &[(u16, u16, Colour)]) -> Result<Vec<Vec<u8>>, StrokesError> {
    let strokes = cells_to_strokes(size, cells, WHENEVER)?;
    Ok(strokes.iter().map(|strokes| strokes.encode()).collect())
}

/// What people do in a room with a canvas.
pub trait Place {
    /// Paints cells in one's own name: (x, y, colour), where the last one counts for a cell given twice.
    ///
    /// # Errors
    /// [`CommandError`] says what is wrong with the cells, or that neighbours cannot keep up; nothing was painted.
    fn paint(
        &mut self,
        now: Time,
        room: RoomHandle,
        cells: &[(u16, u16, Colour)],
    ) -> Result<Receipt, CommandError>;

    /// The room's canvas, once its genesis is known.
    fn canvas(&self, room: RoomHandle) -> Option<&Canvas>;

    /// Takes out what was fetched of the room's past, until it has `cells_most` cells or more: see
    /// [`RoomMut::take_history`](meshwork_core::node::RoomMut::take_history).
    fn take_past(&mut self, now: Time, room: RoomHandle, cells_most: usize) -> Vec<PastBatch>;

    /// Says where one's own cursor is; `None` when it is not on the canvas. May be called at each movement: see
    /// [`RoomMut::set_presence`](meshwork_core::node::RoomMut::set_presence).
    ///
    /// # Errors
    /// [`CommandError`]; nothing was said.
    fn point(&mut self, now: Time, room: RoomHandle, cursor: Option<Cursor>) -> Result<(), CommandError>;

    /// Reads what a member says of its cursor. What is no cursor on the canvas shows nothing, and is counted as an
    /// offence of the member.
    fn read_cursor(
        &mut self,
        now: Time,
        room: RoomHandle,
        endpoint: Endpoint,
        state: Option<State>,
    ) -> Option<Cursor>;
}

impl Place for Node {
    fn paint(
        &mut self,
        now: Time,
        room: RoomHandle,
        cells: &[(u16, u16, Colour)],
    ) -> Result<Receipt, CommandError> {
        let payloads = match self.canvas(room) {
            Some(canvas) => payloads(canvas.size(), cells)
                .map_err(|error| CommandError::Write(WriteError::Content(error.to_string())))?,
            // The command says which it is: no such room, or not open yet.
            None => Vec::new(),
        };
        self.room_mut(now, room).write(payloads)
    }

    fn canvas(&self, room: RoomHandle) -> Option<&Canvas> {
        self.room(room).replica()
    }

    fn take_past(&mut self, now: Time, room: RoomHandle, cells_most: usize) -> Vec<PastBatch> {
        let batches = self.room_mut(now, room).take_history(cells_most);
        let Some(canvas) = self.canvas(room) else { return Vec::new() };
        batches.iter().filter_map(|batch| canvas.past(batch)).collect()
    }

    fn point(&mut self, now: Time, room: RoomHandle, cursor: Option<Cursor>) -> Result<(), CommandError> {
        if let (Some(cursor), Some(canvas)) = (cursor, self.canvas(room))
            && !cursor.is_on(canvas.size())
        {
            let (x, y) = cursor.place();
            let words = format!("the cursor at {x}, {y} is outside the canvas of {}", canvas.size());
            return Err(CommandError::Write(WriteError::Content(words)));
        }
        self.room_mut(now, room).set_presence(cursor.map(|cursor| cursor.state()))
    }

    fn read_cursor(
        &mut self,
        now: Time,
        room: RoomHandle,
        endpoint: Endpoint,
        state: Option<State>,
    ) -> Option<Cursor> {
        let (state, size) = (state?, self.canvas(room)?.size());
        let cursor = Cursor::read(&state).filter(|cursor| cursor.is_on(size));
        if cursor.is_none() {
            self.accuse(now, endpoint, format!("what it says of its cursor is none on a canvas of {size}"));
        }
        cursor
    }
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::Identity;
    use meshwork_core::rng::Rng;

    use super::*;

    #[test]
    fn sizes_outside_the_limits_are_refused() {
        let owner = Identity::from_secret([1; 32]).peer();
        for (width, height, is_legal) in [(1, 4096, true), (0, 1, false), (4097, 1, false), (1, 4097, false)]
        {
            let size = CanvasSize { width, height };
            let genesis = Genesis::new(&mut Rng::new([1; 32]), owner, kind(size), None);
            assert_eq!((make(&genesis).is_some(), canvas_size(&genesis)), (is_legal, Some(size)));
        }
    }
}
