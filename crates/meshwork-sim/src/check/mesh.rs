//! **whole-mesh**, **links-mutual** and **in-step**: who is attached to whom, and who knows whom to be equal.

use meshwork_core::node::PeerView;

use super::{Member, Violation};
use crate::connection::NodeIndex;
use crate::world::World;

/// **whole-mesh**: every member is attached to every other.
///
/// # Errors
/// [`Violation`] names a program and to how many of the others it is attached.
pub fn whole_mesh(world: &World, members: &[Member]) -> Result<(), Violation> {
    for &member in members {
        let attached = attached(world, member, members, |peer| peer.attached);
        if attached.len() + 1 != members.len() {
            let detail = format!("program {} is attached to {attached:?} alone", member.0);
            return Err(Violation::new("whole-mesh", detail));
        }
    }
    Ok(())
}

/// **links-mutual**: of two members, both are attached to each other or neither is.
///
/// # Errors
/// [`Violation`] names the two.
pub fn links_mutual(world: &World, members: &[Member]) -> Result<(), Violation> {
    let all: Vec<_> =
        members.iter().map(|&member| attached(world, member, members, |peer| peer.attached)).collect();
    for (place, &(one, _)) in members.iter().enumerate() {
        for (&(other, _), theirs) in members.iter().zip(&all) {
            if all[place].contains(&other) && !theirs.contains(&one) {
                let detail = format!("program {one} is attached to {other}, but not the other way");
                return Err(Violation::new("links-mutual", detail));
            }
        }
    }
    Ok(())
}

/// **in-step**: every member knows that every other shows the same.
///
/// # Errors
/// [`Violation`] names a program and whom it does not know to be equal.
pub fn in_step(world: &World, members: &[Member]) -> Result<(), Violation> {
    for &member in members {
        let lagging = attached(world, member, members, |peer| peer.attached && !peer.in_step);
        if !lagging.is_empty() {
            let (index, room) = member;
            let room = world.node(index).room(room);
            let apart = lagging.iter().find(|other| !room.has_our_records(world.node(**other).endpoint()));
            let records = |&(index, room): &Member| {
                let records = world.node(index).room(room).records()?;
                Some((index, records.all().count(), records.book().heads().len()))
            };
            let records: Vec<_> = members.iter().filter_map(records).collect();
            let detail = format!(
                "program {index} does not know that {lagging:?} are equal to it; not of {apart:?} that it has the same records, \
                of each the number and the heads: {records:?}"
            );
            return Err(Violation::new("in-step", detail));
        }
    }
    Ok(())
}

/// Those of `members` that a member sees in a state.
fn attached(
    world: &World,
    (index, room): Member,
    members: &[Member],
    state: impl Fn(&PeerView) -> bool,
) -> Vec<NodeIndex> {
    let peers = world.node(index).room(room).peers();
    let is_it = |&&(other, _): &&Member| {
        let endpoint = world.node(other).endpoint();
        other != index && peers.iter().any(|peer| peer.endpoint == endpoint && state(peer))
    };
    members.iter().filter(is_it).map(|(other, _)| *other).collect()
}
