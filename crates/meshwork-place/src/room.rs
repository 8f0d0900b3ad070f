//! What a room with a canvas offers beyond what every room does.

use meshwork_core::id::{Endpoint, PeerId, Secret};
use meshwork_core::node::{CommandError, Node, Receipt, RoomSpec, WriteError};
use meshwork_core::replica::{Replica, WHENEVER};
use meshwork_core::rng::Rng;
use meshwork_core::seam::event::RoomHandle;
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_core::signed::genesis::Owned;
use meshwork_core::time::Time;
use meshwork_core::wire::{self, Bytes};

use crate::canvas::{Canvas, CanvasSize, Colour, Erase, PastBatch, StrokesError, cells_to_strokes, replica};
use crate::cursor::Cursor;

/// The word of the app.
const WORD: &str = "place";

/// The canvas of Place; `None` for another app, or where the parameters are no size of a canvas.
pub fn make(app: &AppWord, parameters: &AppParameters) -> Option<Box<dyn Replica>> {
    let canvas = Canvas::new(canvas_size(app, parameters)?).ok()?;
    Some(Box::new(canvas))
}

/// The size of the canvas of Place; `None` as for [`make`].
pub fn canvas_size(app: &AppWord, parameters: &AppParameters) -> Option<CanvasSize> {
    if &**app == WORD { read_parameters(parameters) } else { None }
}

/// What a room with a canvas of this size tells the app: docs/protocol/canvas.md.
pub fn parameters(size: CanvasSize) -> AppParameters {
    Bytes::new(wire::encode(&(size.width, size.height))).expect("two short numbers")
}

/// Reads what [`parameters`] writes; `None` where a side is out of range, or for other bytes.
pub fn read_parameters(bytes: &AppParameters) -> Option<CanvasSize> {
    let (width, height) = wire::decode(bytes).ok()?;
    let size = CanvasSize { width, height };
    (size.check().is_ok() && parameters(size) == *bytes).then_some(size)
}

/// What a room with a canvas of this size is to be like.
pub fn room_spec(server: impl Into<String>, size: CanvasSize, private: bool) -> RoomSpec {
    RoomSpec { servers: vec![server.into()], app: app(), parameters: parameters(size), private }
}

/// What never changes about a room with a canvas of this size; private where there is a secret.
pub fn owned(rng: &mut Rng, owner: PeerId, size: CanvasSize, secret: Option<&Secret>) -> Owned {
    Owned::new(rng, owner, app(), parameters(size), secret)
}

/// The word that names this app.
pub fn app() -> AppWord {
    WORD.parse().expect("it is the word of an app")
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

    /// The slot of the room's canvas: that of the app which the room opened with, or one that a record gave it. `None` where
    /// it has none, or while its genesis is not known.
    fn canvas_slot(&self, room: RoomHandle) -> Option<Slot>;

    /// The room's canvas.
    fn canvas(&self, room: RoomHandle) -> Option<&Canvas>;

    /// Begins to fetch the past of the room's canvas: see
    /// [`RoomMut::fetch_history`](meshwork_core::node::RoomMut::fetch_history). A room without one stays as it is.
    fn fetch_past(&mut self, now: Time, room: RoomHandle);

    /// Takes out what was fetched of it, until it has `cells_most` cells or more: see
    /// [`RoomMut::take_history`](meshwork_core::node::RoomMut::take_history).
    fn take_past(&mut self, now: Time, room: RoomHandle, cells_most: usize) -> Vec<PastBatch>;

    /// Erases what was painted on the room's canvas up to now. The owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`CommandError`]; nothing was erased.
    fn erase(&mut self, now: Time, room: RoomHandle, what: Erase) -> Result<(), CommandError>;

    /// Says where one's own cursor is; `None` when it is not on the canvas. May be called at each movement: see
    /// [`RoomMut::set_presence`](meshwork_core::node::RoomMut::set_presence).
    ///
    /// # Errors
    /// [`CommandError`]; nothing was said.
    fn point(&mut self, now: Time, room: RoomHandle, cursor: Option<Cursor>) -> Result<(), CommandError>;

    /// Reads what a member says of itself in the slot of the canvas: its cursor. What is no cursor on the canvas shows
    /// nothing, and is counted as an offence of the member.
    fn read_cursor(
        &mut self,
        now: Time,
        room: RoomHandle,
        endpoint: Endpoint,
        state: Option<&[u8]>,
    ) -> Option<Cursor>;
}

impl Place for Node {
    fn paint(
        &mut self,
        now: Time,
        room: RoomHandle,
        cells: &[(u16, u16, Colour)],
    ) -> Result<Receipt, CommandError> {
        let slot = slot_to_write(self, room)?;
        let payloads = match self.canvas(room) {
            Some(canvas) => payloads(canvas.size(), cells)
                .map_err(|error| CommandError::Write(WriteError::Content(error.to_string())))?,
            None => Vec::new(),
        };
        self.room_mut(now, room).write(replica(slot), payloads)
    }

    fn canvas_slot(&self, room: RoomHandle) -> Option<Slot> {
        self.room(room).slot_of(&app()).and_then(Slot::new)
    }

    fn canvas(&self, room: RoomHandle) -> Option<&Canvas> {
        self.room(room).replica(replica(self.canvas_slot(room)?))
    }

    fn fetch_past(&mut self, now: Time, room: RoomHandle) {
        if let Some(slot) = self.canvas_slot(room) {
            self.room_mut(now, room).fetch_history(replica(slot));
        }
    }

    fn take_past(&mut self, now: Time, room: RoomHandle, cells_most: usize) -> Vec<PastBatch> {
        let batches = self.room_mut(now, room).take_history(cells_most);
        let Some(canvas) = self.canvas(room) else { return Vec::new() };
        batches.iter().filter_map(|batch| canvas.past(batch)).collect()
    }

    fn erase(&mut self, now: Time, room: RoomHandle, what: Erase) -> Result<(), CommandError> {
        let slot = slot_to_write(self, room)?;
        self.room_mut(now, room).retract(what.to_retract(slot)).map(drop)
    }

    fn point(&mut self, now: Time, room: RoomHandle, cursor: Option<Cursor>) -> Result<(), CommandError> {
        if let (Some(cursor), Some(canvas)) = (cursor, self.canvas(room))
            && !cursor.is_on(canvas.size())
        {
            let (x, y) = cursor.place();
            let words = format!("the cursor at {x}, {y} is outside the canvas of {}", canvas.size());
            return Err(CommandError::Write(WriteError::Content(words)));
        }
        let state = cursor.map(|cursor| cursor.state());
        let slot = slot_to_write(self, room)?;
        self.room_mut(now, room).set_presence(slot, state.as_ref().map(|state| &state[..]))
    }

    fn read_cursor(
        &mut self,
        now: Time,
        room: RoomHandle,
        endpoint: Endpoint,
        state: Option<&[u8]>,
    ) -> Option<Cursor> {
        let (state, size) = (state?, self.canvas(room)?.size());
        let cursor = Cursor::read(state).filter(|cursor| cursor.is_on(size));
        if cursor.is_none() {
            self.accuse(now, endpoint, format!("what it says of its cursor is none on a canvas of {size}"));
        }
        cursor
    }
}

/// The slot of the canvas, to be written in. Of a room that is not open it is the first, so that the command says which it
/// is: no such room, or not open yet.
fn slot_to_write(node: &Node, room: RoomHandle) -> Result<Slot, CommandError> {
    match node.canvas_slot(room) {
        None if node.room(room).app().is_some() => Err(WriteError::AppIsOff(Slot::GENESIS.number()).into()),
        slot => Ok(slot.unwrap_or(Slot::GENESIS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of a canvas that is made of this.
    fn made(app: &str, bytes: &[u8]) -> Option<CanvasSize> {
        let (app, bytes) = (app.parse().unwrap(), Bytes::new(bytes.to_vec()).unwrap());
        let size = canvas_size(&app, &bytes);
        assert_eq!(make(&app, &bytes).is_some(), size.is_some());
        size
    }

    /// docs/protocol/canvas.md shows these bytes.
    #[test]
    fn golden_parameters() {
        let page = include_str!("../../../docs/protocol/canvas.md");
        for (width, height, bytes) in [(100, 70, &[100, 70][..]), (1, 4096, &[1, 0x80, 0x20])] {
            let size = CanvasSize { width, height };
            assert_eq!(*parameters(size), *bytes);
            assert_eq!(made(WORD, bytes), Some(size));
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let row = format!("| {width} x {height} | `{hex}` |");
            assert!(page.contains(&row), "docs/protocol/canvas.md lacks {row}");
        }
    }

    #[test]
    fn other_rooms_and_parameters_have_no_canvas() {
        assert_eq!(made("chat", &[100, 70]), None);
        // No side, out of range, in more bytes than it takes, and more than two numbers.
        for parameters in [&[][..], &[100], &[0, 1], &[1, 0x81, 0x20], &[0xe4, 0, 70], &[100, 70, 0]] {
            assert_eq!(made(WORD, parameters), None, "{parameters:?}");
        }
    }
}
