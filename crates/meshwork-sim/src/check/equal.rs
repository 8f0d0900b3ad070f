//! **equal-replicas**: the canvases of all members are equal.

use meshwork_place::Place as _;
use meshwork_place::canvas::Canvas;

use super::{Member, Violation};
use crate::world::World;

/// **equal-replicas** by digest: cheap enough for every step.
///
/// # Errors
/// [`Violation`] names two programs that differ.
pub fn equal_replicas(world: &World, members: &[Member]) -> Result<(), Violation> {
    let digest = |&(index, room): &Member| world.node(index).canvas(room).map(|canvas| canvas.digest());
    let mut others = members.iter();
    let Some(first) = others.next() else { return Ok(()) };
    match others.find(|other| digest(other) != digest(first)) {
        None => Ok(()),
        Some(other) => {
            let detail = format!("programs {} and {} show different canvases", first.0, other.0);
            Err(Violation::new("equal-replicas", detail))
        }
    }
}

/// **equal-replicas** cell by cell, whatever the digests say.
///
/// # Errors
/// [`Violation`] names two programs and a cell in which they differ.
pub fn same_cells(world: &World, members: &[Member]) -> Result<(), Violation> {
    let Some((&(first, room), others)) = members.split_first() else { return Ok(()) };
    let Some(canvas) = world.node(first).canvas(room) else { return Ok(()) };
    for &(other, room) in others {
        let cell = match world.node(other).canvas(room) {
            Some(theirs) => difference(canvas, theirs),
            None => Some((0, 0)),
        };
        if let Some((x, y)) = cell {
            let detail = format!("programs {first} and {other} differ in cell {x}, {y}");
            return Err(Violation::new("equal-replicas", detail));
        }
    }
    Ok(())
}

fn difference(one: &Canvas, other: &Canvas) -> Option<(u16, u16)> {
    let size = one.size();
    let cells = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    let shown = |canvas: &Canvas, x, y| (canvas.stamp(x, y), canvas.colour(x, y));
    cells.into_iter().find(|&(x, y)| shown(one, x, y) != shown(other, x, y))
}
