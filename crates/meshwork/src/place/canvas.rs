//! The canvas of a room that opened with Place.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use meshwork_core::id::{Endpoint as EndpointId, PeerId};
use meshwork_core::node::{CommandError, Node, Receipt as Written, RoomHandle};
use meshwork_core::seam::lane::Slot;
use meshwork_core::time::Time;
pub use meshwork_place::Cursor;
use meshwork_place::Place as _;
use meshwork_place::canvas::Painted;
pub use meshwork_place::canvas::{Colour, Erase, Region};
use meshwork_place::steps::{Before, Recorder, Step, Steps};

use crate::error::{Closed, PresenceError, RuleError, WriteError};
use crate::inbox::Inbox;
use crate::receipt::Receipt;
use crate::room::Room;
use crate::shared::{Changed, Watched, locked};

/// The canvas of a room that opened with [`place::canvas`](crate::place::canvas), or in which it was
/// [turned on](Room::turn_on): cells that anybody paints, of which the one painted last shows. A room has one canvas.
#[derive(Clone, Debug)]
pub struct Canvas(pub(crate) Room);

/// What a canvas looked like at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanvasImage {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Cells that show a colour.
    pub painted: usize,
    /// Red, green, blue and opacity of each cell, row by row; a cell that nobody painted is white.
    pub rgba: Vec<u8>,
}

/// What was painted last in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Column.
    pub x: u16,
    /// Row.
    pub y: u16,
    /// What it shows; [`Colour::CLEARED`] where that was erased, or painted with no colour.
    pub colour: Colour,
    /// Who painted it.
    pub author: PeerId,
    /// When, by the room's time: milliseconds since 1970.
    pub time_ms: u64,
}

/// Cells that look different, and by whose doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// The endpoint that painted them, and the number of what it wrote; `None` where what was there counts again, or no
    /// more, as after a ban.
    pub by: Option<(EndpointId, u64)>,
    /// Column, row and colour of each.
    pub cells: Vec<(u16, u16, Colour)>,
}

/// The cells of a canvas that look different, from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct CanvasChanges {
    inbox: Inbox<Changed>,
    missed: u64,
}

impl Room {
    /// The canvas of a room that opened with Place, or in which that was turned on.
    pub fn canvas(&self) -> Canvas {
        Canvas(self.clone())
    }
}

impl Canvas {
    /// Columns and rows; `None` while they are not known, or where the room has no canvas.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn size(&self) -> Result<Option<(u16, u16)>, Closed> {
        let size = |node: &mut Node, _, room| node.canvas(room).map(|canvas| canvas.size());
        Ok(self.0.call(size).await?.map(|size| (size.width, size.height)))
    }

    /// The colour of a cell as red, green and blue; `None` where nobody painted, or outside.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, x: u16, y: u16) -> Result<Option<[u8; 3]>, Closed> {
        self.0.call(move |node, _, room| node.canvas(room)?.colour(x, y)?.components()).await
    }

    /// How many cells show a colour.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn painted(&self) -> Result<usize, Closed> {
        self.0.call(|node, _, room| node.canvas(room).map_or(0, |canvas| canvas.painted())).await
    }

    /// How many strokes show: of what was painted at once in one part of it, those that a cell still shows.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn strokes(&self) -> Result<usize, Closed> {
        self.0.call(|node, _, room| node.canvas(room).map_or(0, |canvas| canvas.batch_count())).await
    }

    /// Bytes of memory that it takes here, with the proof of who painted what.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn memory(&self) -> Result<usize, Closed> {
        self.0.call(|node, _, room| node.canvas(room).map_or(0, |canvas| canvas.memory())).await
    }

    /// All of it as it looks now; `None` while it is not known, or where the room has no canvas.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn image(&self) -> Result<Option<CanvasImage>, Closed> {
        let image = |node: &mut Node, _, room| {
            let canvas = node.canvas(room)?;
            let (size, painted) = (canvas.size(), canvas.painted());
            Some(CanvasImage { width: size.width, height: size.height, painted, rgba: canvas.to_rgba() })
        };
        self.0.call(image).await
    }

    /// Who painted what in these places, column and row, and when: without those that nobody ever painted, or outside.
    /// Many are better read a hundred thousand at a time, as nothing else happens to the endpoint meanwhile.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn cells(&self, places: impl IntoIterator<Item = (u16, u16)>) -> Result<Vec<Cell>, Closed> {
        let places: Vec<_> = places.into_iter().collect();
        let cells = move |node: &mut Node, _, room| {
            let Some(canvas) = node.canvas(room) else { return Vec::new() };
            let cell = |(x, y)| {
                let (colour, author) = (canvas.colour(x, y)?, canvas.author(x, y)?);
                Some(Cell { x, y, colour, author, time_ms: canvas.stamp(x, y).millis() })
            };
            places.into_iter().filter_map(cell).collect()
        };
        self.0.call(cells).await
    }

    /// Paints cells: column, row and colour, where the last one counts for a cell given twice. Either all are painted
    /// or none. Waits while the neighbours have no room for it. Dropping the future leaves them painted, or not.
    ///
    /// It is a step that can be [taken back](Canvas::undo).
    ///
    /// # Errors
    /// [`WriteError`]; nothing was painted. A room whose rules limit painting says [`WriteError::TooFast`].
    pub async fn paint(&self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, WriteError> {
        self.paint_noting(cells, Steps::push).await
    }

    /// Paints cells as [`Canvas::paint`] does, and as a part of what was painted last, as a stroke goes on under a pointer: both
    /// are one step. Where the last step was taken back they are one of their own.
    ///
    /// # Errors
    /// As for [`Canvas::paint`].
    pub async fn paint_on(&self, cells: &[(u16, u16, Colour)]) -> Result<Receipt, WriteError> {
        self.paint_noting(cells, Steps::extend).await
    }

    /// The steps of this program. A room has one canvas, in whichever slot.
    pub(crate) fn step_list(&self) -> Arc<Mutex<Steps>> {
        self.0.state.state(Slot::GENESIS)
    }

    async fn paint_noting(
        &self,
        cells: &[(u16, u16, Colour)],
        note: fn(&mut Steps, Step),
    ) -> Result<Receipt, WriteError> {
        let (cells, steps) = (cells.to_vec(), self.step_list());
        let paint = move |node: &mut Node, now, room| {
            let (written, step) = paint(node, now, room, &cells)?;
            note(&mut locked(&steps), step);
            Ok(written)
        };
        let written = self.0.call_patiently(paint).await??;
        Ok(Receipt::new(self.0.clone(), written))
    }

    /// Paints columns and rows in one colour, as [`Canvas::paint`] does.
    ///
    /// # Errors
    /// As for [`Canvas::paint`].
    pub async fn fill(
        &self,
        columns: Range<u16>,
        rows: Range<u16>,
        [red, green, blue]: [u8; 3],
    ) -> Result<Receipt, WriteError> {
        let colour = Colour::rgb(red, green, blue);
        let cells: Vec<_> = rows.flat_map(|y| columns.clone().map(move |x| (x, y, colour))).collect();
        self.paint(&cells).await
    }

    /// Erases what was painted up to now, by whom and where it says. The owner's to do, or a moderator's.
    ///
    /// # Errors
    /// [`RuleError`]; nothing is erased.
    pub async fn erase(&self, what: Erase) -> Result<(), RuleError> {
        let erase = move |node: &mut Node, now, room| node.erase(now, room, what);
        Ok(self.0.call(erase).await??)
    }

    /// Says where this program's cursor is; `None` where it is not on the canvas. It may be called at each movement: see
    /// [`Presence::set`](crate::Presence::set), in whose place this is on a canvas.
    ///
    /// # Errors
    /// [`PresenceError`]; what was said before stands. A cursor outside the canvas is [`PresenceError::Value`].
    pub async fn point(&self, cursor: Option<Cursor>) -> Result<(), PresenceError> {
        let pointed = self.0.call(move |node, now, room| node.point(now, room, cursor)).await?;
        pointed.map_err(|error| match error {
            CommandError::NotOpen => PresenceError::NotOpen,
            CommandError::NoSuchRoom(_) => PresenceError::Closed(Closed),
            error => PresenceError::Value(error.to_string()),
        })
    }

    /// Where a member's cursor is; `None` where it says nothing, or nothing that is on the canvas.
    /// [`Event::Presence`](crate::Event::Presence) tells that it moved.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn cursor(&self, member: EndpointId) -> Result<Option<Cursor>, Closed> {
        let canvas = |node: &mut Node, _, room| Some((node.canvas_slot(room)?, node.canvas(room)?.size()));
        let Some((slot, size)) = self.0.call(canvas).await? else { return Ok(None) };
        let state = self.0.state.look(|known| known.presence.get(&(slot, member)).cloned());
        Ok(state.as_deref().and_then(Cursor::read).filter(|cursor| cursor.is_on(size)))
    }

    /// Hears from now on which cells look different.
    pub fn watch(&self) -> CanvasChanges {
        CanvasChanges {
            inbox: self.0.watch(Watched::Changes(|changes| !Painted::of(changes).is_empty())),
            missed: 0,
        }
    }
}

/// Paints cells. Returns the result of the write, and the step.
pub(crate) fn paint(
    node: &mut Node,
    now: Time,
    room: RoomHandle,
    cells: &[(u16, u16, Colour)],
) -> Result<(Written, Step), CommandError> {
    let before = node.canvas(room).map(|canvas| Before::look(canvas, cells)).unwrap_or_default();
    let written = node.paint(now, room, cells)?;
    let mut recorder = Recorder::default();
    if let Some(canvas) = node.canvas(room) {
        recorder.record(before, canvas);
    }
    Ok((written, recorder.finish()))
}

impl CanvasChanges {
    /// Waits for the next cells that look different: column, row and colour, which is [`Colour::CLEARED`] for what shows
    /// nothing any more. `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Vec<(u16, u16, Colour)>> {
        Some(self.next_stroke().await?.cells)
    }

    /// The same, with who painted them.
    pub async fn next_stroke(&mut self) -> Option<Stroke> {
        let (Changed { batch, changes }, missed) = self.inbox.next().await?;
        self.missed += missed;
        let cells = Painted::of(&changes).iter().map(|cell| (cell.x, cell.y, cell.colour)).collect();
        Some(Stroke { by: batch.map(|batch| (batch.author, batch.sequence)), cells })
    }

    /// How many times cells changed, so far, that this reader was too slow to hear: the [image](Canvas::image) has
    /// them.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
