//! **bounded-memory** and **no-leak**: what nodes hold under attack, and what they hold at rest.

use meshwork_core::links::direct::RETAINED_MAX;
use meshwork_core::links::link::SEND_QUEUE_MAX;
use meshwork_core::node::{PEERS_MAX, PENDING_MAX};
use meshwork_core::room::delivery::HELD_MAX;
use meshwork_core::wire::MESSAGE_MAX;

use super::{Member, Violation};
use crate::world::World;

/// **bounded-memory**: what nodes hold stays within the stated limits.
///
/// # Errors
/// [`Violation`] names the program and what it holds.
pub fn bounded_memory(world: &World) -> Result<(), Violation> {
    for (index, program) in world.programs() {
        let usage = program.node.usage();
        let within = usage.peers <= PEERS_MAX
            && usage.attempts <= PENDING_MAX
            && usage.queued_bytes_most <= SEND_QUEUE_MAX + MESSAGE_MAX
            && usage.retained_bytes_most <= RETAINED_MAX
            && usage.held_batches <= HELD_MAX;
        if !within {
            return Err(Violation::new("bounded-memory", format!("program {index} holds {usage:?}")));
        }
    }
    Ok(())
}

/// **no-leak**: a node at rest holds a link for each member that it is attached to, and else attempts alone.
///
/// # Errors
/// [`Violation`] names the program and what it holds.
pub fn no_leak(world: &World, members: &[Member]) -> Result<(), Violation> {
    for &(index, room) in members {
        let usage = world.node(index).usage();
        let attached = world.node(index).room(room).peers().iter().filter(|peer| peer.attached).count();
        if usage.links - usage.attempts - usage.visits != attached {
            let detail = format!("program {index} is attached to {attached} and holds {usage:?}");
            return Err(Violation::new("no-leak", detail));
        }
    }
    Ok(())
}
