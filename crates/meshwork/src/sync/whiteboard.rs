//! Whiteboards: shapes that several people draw at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Node, WriteError as NodeWriteError};
use meshwork_core::replica::Replica as _;
use meshwork_core::table::{Change, Kind, Table, Write, payloads};
use meshwork_sync::whiteboard::{
    self, Fields, Order, PICTURE_MAX, Run, Shape, ShapeId, Step, Steps, TEXT_MAX, Way, What, deletion,
};

use crate::app::{App, WhenFull, check_sizes, read_in, write_in};
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::room::Room;
use crate::shared::{Changed, locked};
use crate::sync::document::random;

/// The shapes of a room. Where a shape stands, how it looks, what it lies over and what is written in it are kept apart: of two
/// who change the same of one shape the later one holds, and otherwise both.
///
/// Each [`draw`](Whiteboard::draw), [`change`](Whiteboard::change) and [`erase`](Whiteboard::erase) is a step that can be
/// [taken back](Whiteboard::undo); what is written through [`one_step`](Whiteboard::one_step) is one together.
#[derive(Clone, Debug)]
pub struct Whiteboard {
    app: App,
    /// Of which run its writes are; `None` where each is a step of its own.
    run: Option<Run>,
}

/// The changes of a whiteboard from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct ShapeChanges {
    board: Whiteboard,
    inbox: Inbox<Changed>,
    waiting: VecDeque<ShapeId>,
    missed: u64,
}

impl App {
    /// Shapes that several people draw at once. A room has one whiteboard, which is empty until somebody draws on it.
    pub fn whiteboard(&self) -> Whiteboard {
        Whiteboard::new(self.clone())
    }
}

impl Room {
    /// The whiteboard of the app that the room opened with: see [`App::whiteboard`].
    pub fn whiteboard(&self) -> Whiteboard {
        self.opening_app().whiteboard()
    }
}

impl Whiteboard {
    pub(crate) fn new(app: App) -> Whiteboard {
        Whiteboard { app, run: None }
    }

    /// All shapes, the one below all others first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn shapes(&self) -> Result<Vec<(ShapeId, Shape)>, Closed> {
        let mut shapes = self.app.read(whiteboard::shapes).await?;
        // They come by id, and those of one order stay so.
        shapes.sort_by(|(_, one), (_, other)| one.order.cmp(&other.order));
        Ok(shapes)
    }

    /// One shape; `None` where it is gone.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, id: ShapeId) -> Result<Option<Shape>, Closed> {
        self.app.read(move |table| Shape::read(&Fields::of(table, id))).await
    }

    /// Draws a shape. It may be drawn while nobody is linked, and travels later. Dropping the future leaves it drawn, or
    /// not.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was drawn. It is [`TooLarge`](WriteError::TooLarge) for a text or a picture that is longer than it
    /// may be, and [`Invalid`](WriteError::Invalid) for what is not [readable](Shape::is_readable).
    pub async fn draw(&self, shape: Shape) -> Result<ShapeId, WriteError> {
        check(&shape)?;
        let id = ShapeId(random()?);
        self.act(Deed::Draw(id, shape)).await.map(|_| id)
    }

    /// An order over all shapes: what is drawn with it lies on top.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn top(&self) -> Result<Order, Closed> {
        self.app.read(whiteboard::top).await
    }

    /// Makes a shape another one: what it has in common with before stays whoever else changes it. Returns whether it is
    /// there to be changed. Dropping the future leaves it changed, or not.
    ///
    /// # Errors
    /// As [`Whiteboard::draw`]; the shape is as it was.
    pub async fn change(&self, id: ShapeId, shape: Shape) -> Result<bool, WriteError> {
        check(&shape)?;
        self.act(Deed::Change(id, shape)).await
    }

    /// Takes a shape away; one that is gone stays so. Dropping the future leaves it there, or not.
    ///
    /// # Errors
    /// [`WriteError`]; the shape is as it was.
    pub async fn erase(&self, id: ShapeId) -> Result<(), WriteError> {
        self.act(Deed::Erase(id)).await.map(drop)
    }

    /// The same whiteboard, all writes through which are one step: of a drag that changes a shape many times, or of several
    /// shapes that are erased together. Each is written by itself, and stays where a later one fails. Once the step was taken
    /// back, or something else was written, the next write begins another one.
    pub fn one_step(&self) -> Whiteboard {
        let run = locked(&self.step_list()).run();
        Whiteboard { app: self.app.clone(), run: Some(run) }
    }

    /// Takes back the last step that this program made here, by whichever clone of the room: what it wrote of each shape reads
    /// again as before, where nobody has changed that since. Steps of which nothing is left are passed over. Returns whether
    /// there was one.
    ///
    /// Others see it as writing, and it counts under the room's rules like all writing: of a step that is larger than they ever
    /// allow at once a part is taken back, and the next call goes on. Steps are remembered from the first on, as long as the
    /// program is in the room: the last 200 of them, which take at most 8 MiB, or the last one alone.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written, and the step can still be taken back. Dropping the future leaves it taken back, or
    /// not.
    pub async fn undo(&self) -> Result<bool, WriteError> {
        self.act(Deed::Go(Way::Undo)).await
    }

    /// Does the last step again that was [taken back](Whiteboard::undo), unless something was written since. Returns whether
    /// there was one.
    ///
    /// # Errors
    /// As for [`Whiteboard::undo`]; the step can still be done again.
    pub async fn redo(&self) -> Result<bool, WriteError> {
        self.act(Deed::Go(Way::Redo)).await
    }

    /// How many steps can be taken back, and how many done again. Those are among them of which others may have left nothing.
    pub fn steps(&self) -> (usize, usize) {
        locked(&self.step_list()).count()
    }

    /// Hears from now on which shapes change.
    pub fn watch(&self) -> ShapeChanges {
        ShapeChanges { board: self.clone(), inbox: self.app.watch(), waiting: VecDeque::new(), missed: 0 }
    }

    /// The steps of this program on the whiteboard of the app.
    fn step_list(&self) -> Arc<Mutex<Steps>> {
        self.app.room.state.state(self.app.slot)
    }

    /// Does something. Returns whether there is what it is about.
    async fn act(&self, deed: Deed) -> Result<bool, WriteError> {
        let room = &self.app.room;
        let (steps, me, run) = (self.step_list(), room.me(), self.run);
        let replica = self.app.by_value();
        let act = move |node: &mut Node, now, room| {
            let make = |table: &Table| {
                let writes = deed.writes(table, &mut locked(&steps))?;
                Some((Step::look(table, &writes), writes))
            };
            let Some((step, mut writes)) = read_in(node, room, replica, make) else { return Ok(Ok(false)) };
            let at = (room, replica);
            let written = match write_in(node, now, at, me, &writes, WhenFull::Refuse) {
                Err(CommandError::Write(NodeWriteError::TooFast { left, cost: most, .. }))
                    if deed.goes_in_parts(me.peer, &writes, (left as usize, most as usize)) =>
                {
                    let counts: Vec<usize> = (1..writes.len()).collect();
                    let fits = |count: &usize| cost(me.peer, &writes[..*count]) <= left as usize;
                    writes.truncate(counts.partition_point(fits));
                    write_in(node, now, at, me, &writes, WhenFull::Refuse)
                }
                written => written,
            }?;
            Ok(written.map(|written| {
                match deed {
                    Deed::Go(way) => locked(&steps).gone(way, writes.len()),
                    _ if written.is_some() => locked(&steps).add(step, run),
                    _ => {}
                }
                true
            }))
        };
        room.call_patiently(act).await?.map_err(WriteError::from)?
    }
}

/// What a program does on a whiteboard.
enum Deed {
    Draw(ShapeId, Shape),
    Change(ShapeId, Shape),
    Erase(ShapeId),
    Go(Way),
}

impl Deed {
    /// What is written for it; `None` where there is no shape to be changed, or no step.
    fn writes(&self, table: &Table, steps: &mut Steps) -> Option<Vec<Write>> {
        match self {
            Deed::Draw(id, shape) => Some(id.writes(&Fields::new(), shape)),
            Deed::Change(id, shape) => {
                let fields = Fields::of(table, *id);
                Shape::read(&fields).map(|_| id.writes(&fields, shape))
            }
            Deed::Erase(id) => Some(deletion(table, *id)),
            Deed::Go(way) => Some(steps.next(table, *way)).filter(|writes| !writes.is_empty()),
        }
    }

    /// Whether a part of it is written, as all of it is more than the rules ever allow at once.
    fn goes_in_parts(&self, me: PeerId, writes: &[Write], (left, most): (usize, usize)) -> bool {
        matches!(self, Deed::Go(_)) && cost(me, writes) > most && cost(me, &writes[..1]) <= left
    }
}

/// What writes cost where a room's rules have a limit.
fn cost(me: PeerId, writes: &[Write]) -> usize {
    let table = Table::new(Kind::ByValue);
    let payloads = payloads(me, writes).unwrap_or_default();
    payloads.iter().filter_map(|payload| Some(table.outline(payload)?.1)).sum()
}

fn check(shape: &Shape) -> Result<(), WriteError> {
    let picture = match &shape.what {
        What::Picture(picture) => usize::try_from(picture.size).unwrap_or(usize::MAX),
        _ => 0,
    };
    check_sizes(&[(shape.text.len(), TEXT_MAX), (picture, PICTURE_MAX as usize)])?;
    match shape.is_readable() {
        true => Ok(()),
        false => Err(WriteError::Invalid("nobody could read this shape as it is".to_owned())),
    }
}

impl ShapeChanges {
    /// Waits for the next shape that is another one than before, and what it is now: nothing where it is gone. What changed
    /// several times meanwhile may be told less often. `None` once the room was left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<(ShapeId, Option<Shape>)> {
        loop {
            if let Some(id) = self.waiting.front() {
                let shape = self.board.get(*id).await.ok()?;
                return self.waiting.pop_front().map(|id| (id, shape));
            }
            let (changed, missed) = self.inbox.next().await?;
            self.missed += missed;
            let changes: &[Change] = changed.changes.of();
            for id in changes.iter().filter_map(|change| ShapeId::of(change.row())) {
                // Fields of a shape change one after the other.
                if self.waiting.back() != Some(&id) {
                    self.waiting.push_back(id);
                }
            }
        }
    }

    /// How many times something changed, so far, that this reader was too slow to hear: the whiteboard itself says what is
    /// there now.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
