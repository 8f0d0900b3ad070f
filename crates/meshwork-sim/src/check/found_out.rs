//! **found-out**: whoever contradicts itself is proved to do so, to everybody.

use meshwork_core::id::PeerId;

use super::{Member, Violation};
use crate::world::World;

/// **found-out**: every member holds a proof that a peer, who said one thing here and another there, did so.
///
/// # Errors
/// [`Violation`] names a program that holds none.
pub fn found_out(world: &World, members: &[Member], liar: PeerId) -> Result<(), Violation> {
    let knows = |&&(index, room): &&Member| {
        let records = world.node(index).room(room).records();
        records.is_some_and(|records| records.proofs().any(|(endpoint, _)| endpoint.peer == liar))
    };
    match members.iter().find(|member| !knows(member)) {
        None => Ok(()),
        Some((index, _)) => {
            let detail = format!("program {index} does not know that {} contradicted itself", liar.short());
            Err(Violation::new("found-out", detail))
        }
    }
}
