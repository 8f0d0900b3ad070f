//! **equal-replicas**: what all members show is equal, and what their records say.

use meshwork_core::id::PeerId;
use meshwork_core::node::RoomRef;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signed::app::SLOTS_MAX;
use meshwork_core::signed::change::{Limit, WhoWrites};

use super::{Member, Violation};
use crate::app;
use crate::world::World;

/// **equal-replicas** by digest: cheap enough for every step.
///
/// # Errors
/// [`Violation`] names two programs that differ.
pub fn equal_replicas(world: &World, members: &[Member]) -> Result<(), Violation> {
    let digests = |&(index, room): &Member| -> Option<Vec<_>> {
        let room = world.node(index).room(room);
        let records = Some(vec![room.records()?.digest()]);
        app::ALL.iter().map(|app| app.digests(room)).chain([records]).collect()
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

/// What the records of a room come to, as one member has it.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    terms: Option<Terms>,
    by_slot: Vec<Option<(Option<Limit>, WhoWrites)>>,
    banned: Vec<PeerId>,
}

impl Rules {
    fn of(room: RoomRef<'_>) -> Rules {
        let by_slot = (0..SLOTS_MAX).map(|slot| room.rule(slot)).collect();
        Rules { terms: room.rules().cloned(), by_slot, banned: room.bans() }
    }
}

/// **equal-replicas** in rules and bans, which follow from records whose digests are equal.
///
/// # Errors
/// [`Violation`] names two programs, and what they make of the records.
pub fn same_rules(world: &World, members: &[Member]) -> Result<(), Violation> {
    let Some((&(first, room), others)) = members.split_first() else { return Ok(()) };
    let ours = Rules::of(world.node(first).room(room));
    for &(other, room) in others {
        let theirs = Rules::of(world.node(other).room(room));
        if ours != theirs {
            let detail =
                format!("by the same records {ours:?} at program {first}, and {theirs:?} at {other}");
            return Err(Violation::new("equal-replicas", detail));
        }
    }
    Ok(())
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
