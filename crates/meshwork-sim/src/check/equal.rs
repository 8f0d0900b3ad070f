//! **equal-replicas**: what all members show is equal.

use super::{Member, Violation};
use crate::app;
use crate::world::World;

/// **equal-replicas** by digest: cheap enough for every step.
///
/// # Errors
/// [`Violation`] names two programs that differ.
pub fn equal_replicas(world: &World, members: &[Member]) -> Result<(), Violation> {
    let digests = |&(index, room): &Member| -> Option<Vec<_>> {
        app::ALL.iter().map(|app| app.digests(world.node(index).room(room))).collect()
    };
    let Some((first, others)) = members.split_first() else { return Ok(()) };
    let shown = digests(first);
    match others.iter().find(|other| digests(other) != shown) {
        None => Ok(()),
        Some(other) => {
            let detail = format!("programs {} and {} show different things", first.0, other.0);
            Err(Violation::new("equal-replicas", detail))
        }
    }
}

/// **equal-replicas** place by place, whatever the digests say.
///
/// # Errors
/// [`Violation`] names two programs, and a place in which they differ.
pub fn same_entries(world: &World, members: &[Member]) -> Result<(), Violation> {
    let Some((&(first, room), others)) = members.split_first() else { return Ok(()) };
    for app in app::ALL {
        let ours = app.entries(world.node(first).room(room));
        for &(other, room) in others {
            let theirs = app.entries(world.node(other).room(room));
            if ours != theirs {
                let differs = ours.iter().find(|entry| !theirs.contains(entry));
                let differs = differs.or_else(|| theirs.iter().find(|entry| !ours.contains(entry)));
                let detail = format!("programs {first} and {other} differ in {differs:?}");
                return Err(Violation::new("equal-replicas", detail));
            }
        }
    }
    Ok(())
}
