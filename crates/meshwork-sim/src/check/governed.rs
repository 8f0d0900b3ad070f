//! **silenced**, **rights**, **cuts** and **let-in**: what records take is gone, what they give works, and who is in is in by them.

use meshwork_core::id::Endpoint;
use meshwork_core::signed::app::SLOTS_MAX;

use super::{Law, Member, Seeds, Violation};
use crate::app;
use crate::world::World;

/// **silenced**: nothing that makes what shows was taken by a record, or written without a right: of whoever is banned nothing
/// is left but what the records list, and of others nothing that a cut took.
///
/// # Errors
/// [`Violation`] names the program and the batch.
pub fn silenced(world: &World, members: &[Member], seeds: &Seeds) -> Result<(), Violation> {
    for &(index, room) in members {
        let room = world.node(index).room(room);
        let Some(law) = room.records().map(Law::of) else { continue };
        let mut batches = app::ALL.iter().flat_map(|app| app.batches(room));
        if let Some(taken) = batches.find(|batch| !seeds.let_stand(&law, batch)) {
            let header = taken.header();
            let (author, record) = (header.author, header.record);
            let detail = format!(
                "program {index} keeps batch {} of {author} under {record:?}, to which there is no right",
                header.sequence
            );
            return Err(Violation::new("silenced", detail));
        }
    }
    super::silenced_letters(world, members, seeds)
}

/// **rights**: members hold those for banned, and those for moderators, whom the records that they hold name, and have each
/// slot ruled as these do.
///
/// # Errors
/// [`Violation`] names the program, and whom it takes for what.
pub fn rights(world: &World, members: &[Member]) -> Result<(), Violation> {
    for &(index, room) in members {
        let room = world.node(index).room(room);
        let (Some(records), Some(rules)) = (room.records(), room.rules()) else { continue };
        let law = Law::of(records);
        let (banned, named) = (room.bans(), law.banned());
        if banned != named {
            let detail =
                format!("program {index} takes {banned:?} for banned, and its records ban {named:?}");
            return Err(Violation::new("rights", detail));
        }
        if let Some(peer) = rules.moderators.iter().find(|peer| !law.moderates(**peer)) {
            let detail =
                format!("program {index} takes {} for a moderator, and its records do not", peer.short());
            return Err(Violation::new("rights", detail));
        }
        for slot in 0..SLOTS_MAX {
            let (rule, said) = (room.rule(slot), law.rule(slot));
            if rule.is_some_and(|rule| rule != said) {
                let detail = format!("program {index} has {rule:?} in slot {slot}, and its records {said:?}");
                return Err(Violation::new("rights", detail));
            }
        }
    }
    Ok(())
}

/// **cuts**: a record of the owner that takes a right in a slot by a rule or an edit key cuts that slot.
///
/// # Errors
/// [`Violation`] names the record and the slot.
pub fn cuts(world: &World, members: &[Member]) -> Result<(), Violation> {
    let laws =
        members.iter().filter_map(|&(index, room)| world.node(index).room(room).records().map(Law::of));
    match laws.into_iter().find_map(|law| law.uncut()) {
        None => Ok(()),
        Some((record, slot)) => {
            let detail = format!("{record:?} takes a right in slot {slot}, and does not cut it");
            Err(Violation::new("cuts", detail))
        }
    }
}

/// **let-in**: of those who are attached to these members everybody has access, and these members know the secret in force.
/// `has_access` says who has.
///
/// # Errors
/// [`Violation`] names the program, and who is attached to it.
pub fn let_in(
    world: &World,
    members: &[Member],
    has_access: impl Fn(Endpoint) -> bool,
) -> Result<(), Violation> {
    for &(index, room) in members {
        let room = world.node(index).room(room);
        let law = room.records().map(Law::of);
        let Some((commitment, _)) = law.as_ref().and_then(Law::access) else { continue };
        let attached = room.peers().into_iter().filter(|peer| peer.attached);
        if let Some(other) = attached.map(|peer| peer.endpoint).find(|endpoint| !has_access(*endpoint)) {
            let detail = format!("program {index} let in {other}, which has no access any more");
            return Err(Violation::new("let-in", detail));
        }
        let address = room.address_without_code();
        let secret = address.and_then(|address| address.keys()?.secrets?.renewed);
        if room.is_private() == Some(true) && secret.map(|secret| secret.commitment()) != Some(commitment) {
            return Err(Violation::new(
                "let-in",
                format!("program {index} does not know the secret in force"),
            ));
        }
    }
    Ok(())
}
