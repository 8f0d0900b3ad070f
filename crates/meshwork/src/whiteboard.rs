//! Whiteboards: shapes that several people draw at once.

use std::collections::VecDeque;

use meshwork_core::table;
use meshwork_sync::whiteboard::{self, Fields, Order, PICTURE_MAX, Shape, ShapeId, TEXT_MAX, What, deletion};

use crate::app::{App, check_sizes};
use crate::document::random;
use crate::error::{Closed, WriteError};
use crate::inbox::Inbox;
use crate::shared::Changed;

/// The shapes of a room. Where a shape stands, how it looks, what it lies over and what is written in it are kept apart: of two
/// who change the same of one shape the later one holds, and otherwise both.
#[derive(Clone, Debug)]
pub struct Whiteboard(pub(crate) App);

/// The changes of a whiteboard from the moment on at which it was asked for them.
#[derive(Debug)]
pub struct ShapeChanges {
    board: Whiteboard,
    inbox: Inbox<Changed>,
    waiting: VecDeque<ShapeId>,
    missed: u64,
}

impl Whiteboard {
    /// All shapes, the one below all others first.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn shapes(&self) -> Result<Vec<(ShapeId, Shape)>, Closed> {
        let mut shapes = self.0.read(whiteboard::shapes).await?;
        // They come by id, and those of one order stay so.
        shapes.sort_by(|(_, one), (_, other)| one.order.cmp(&other.order));
        Ok(shapes)
    }

    /// One shape; `None` where it is gone.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn get(&self, id: ShapeId) -> Result<Option<Shape>, Closed> {
        self.0.read(move |table| Shape::read(&Fields::of(table, id))).await
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
        self.0.write_all(move |_, _| Ok(id.writes(&Fields::new(), &shape))).await.map(|()| id)
    }

    /// An order over all shapes: what is drawn with it lies on top.
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn top(&self) -> Result<Order, Closed> {
        let shapes = self.0.read(whiteboard::shapes).await?;
        let top = shapes.iter().map(|(_, shape)| &shape.order).max();
        Ok(Order::between(top, None))
    }

    /// Makes a shape another one: what it has in common with before stays whoever else changes it. Returns whether it is
    /// there to be changed.
    ///
    /// # Errors
    /// As [`Whiteboard::draw`]; the shape is as it was.
    pub async fn change(&self, id: ShapeId, shape: Shape) -> Result<bool, WriteError> {
        check(&shape)?;
        let is_there = self.get(id).await?.is_some();
        if is_there {
            self.0.write_all(move |table, _| Ok(id.writes(&Fields::of(table, id), &shape))).await?;
        }
        Ok(is_there)
    }

    /// Takes a shape away.
    ///
    /// # Errors
    /// [`WriteError`]; the shape is as it was.
    pub async fn erase(&self, id: ShapeId) -> Result<(), WriteError> {
        self.0.write_all(move |table, _| Ok(deletion(table, id))).await
    }

    /// Hears from now on which shapes change.
    pub fn watch(&self) -> ShapeChanges {
        ShapeChanges { board: self.clone(), inbox: self.0.watch(), waiting: VecDeque::new(), missed: 0 }
    }
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
            let changes: &[table::Change] = changed.changes.of();
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
