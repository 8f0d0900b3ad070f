//! **found-out**: everybody is told of whoever contradicts itself.

use meshwork_core::id::PeerId;

use super::{Member, Violation};
use crate::world::World;

/// **found-out**: every member has heard two things that a peer said with one sequence, one here and another there.
///
/// # Errors
/// [`Violation`] names a program that has not.
pub fn found_out(world: &World, members: &[Member], liar: PeerId) -> Result<(), Violation> {
    let knows = |&&(index, room): &&Member| {
        world.node(index).room(room).contradictors().any(|endpoint| endpoint.peer == liar)
    };
    match members.iter().find(|member| !knows(member)) {
        None => Ok(()),
        Some((index, _)) => {
            let detail = format!("program {index} does not know that {} contradicted itself", liar.short());
            Err(Violation::new("found-out", detail))
        }
    }
}
